/* blas.c - matrix products, by CBLAS. This file and lapack.c are the only ones that know it. */
#include "kernel/kernel.h"

#include <cblas.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

/* OpenBLAS's own; another CBLAS has none. */
extern char *openblas_get_config(void) __attribute__((weak));
extern char *openblas_get_corename(void) __attribute__((weak));
extern int openblas_get_parallel(void) __attribute__((weak));

static bool fits(int64_t a, int64_t b, int64_t c) { return a <= INT_MAX && b <= INT_MAX && c <= INT_MAX; }

static CBLAS_TRANSPOSE flag(bool transposed) { return transposed ? CblasTrans : CblasNoTrans; }

static void scale(tp_dtype dtype, int64_t m, int64_t n, double beta, void *c, int64_t ldc)
{
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++)
            if (dtype == TP_F32)
                ((float *)c)[i * ldc + j] = beta == 0 ? 0 : (float)beta * ((float *)c)[i * ldc + j];
            else
                ((double *)c)[i * ldc + j] = beta == 0 ? 0 : beta * ((double *)c)[i * ldc + j];
}

bool tp__gemm(tp_dtype dtype, bool ta, bool tb, int64_t m, int64_t n, int64_t k, double alpha, const void *a,
              int64_t lda, const void *b, int64_t ldb, double beta, void *c, int64_t ldc)
{
    if (!fits(m, n, k) || !fits(lda, ldb, ldc))
        return false;
    if (m == 0 || n == 0)
        return true;
    if (k == 0) {
        scale(dtype, m, n, beta, c, ldc);
        return true;
    }
    if (n == 1) /* a vector: op(A) is [m, k] */
        return tp__gemv(dtype, ta, ta ? k : m, ta ? m : k, alpha, a, lda, b, tb ? 1 : ldb, beta, c, ldc);
    if (m == 1) /* c^T = op(B)^T a^T */
        return tp__gemv(dtype, !tb, tb ? n : k, tb ? k : n, alpha, b, ldb, a, ta ? lda : 1, beta, c, 1);
    if (dtype == TP_F32)
        cblas_sgemm(CblasRowMajor, flag(ta), flag(tb), (int)m, (int)n, (int)k, (float)alpha, a, (int)lda, b, (int)ldb,
                    (float)beta, c, (int)ldc);
    else
        cblas_dgemm(CblasRowMajor, flag(ta), flag(tb), (int)m, (int)n, (int)k, alpha, a, (int)lda, b, (int)ldb, beta, c,
                    (int)ldc);
    return true;
}

bool tp__gemv(tp_dtype dtype, bool ta, int64_t m, int64_t n, double alpha, const void *a, int64_t lda, const void *x,
              int64_t incx, double beta, void *y, int64_t incy)
{
    if (!fits(m, n, lda) || !fits(incx, incy, 0))
        return false;
    if (m == 0 || n == 0) {
        scale(dtype, ta ? n : m, 1, beta, y, incy);
        return true;
    }
    if (beta == 0) /* some kernels multiply what they find */
        scale(dtype, ta ? n : m, 1, 0, y, incy);
    if (lda < n)
        lda = n;
    if (dtype == TP_F32)
        cblas_sgemv(CblasRowMajor, flag(ta), (int)m, (int)n, (float)alpha, a, (int)lda, x, (int)incx, (float)beta, y,
                    (int)incy);
    else
        cblas_dgemv(CblasRowMajor, flag(ta), (int)m, (int)n, alpha, a, (int)lda, x, (int)incx, beta, y, (int)incy);
    return true;
}

double tp__dot(tp_dtype dtype, int64_t n, const void *x, int64_t incx, const void *y, int64_t incy)
{
    double sum = 0;
    size_t size = tp_dtype_size(dtype);
    for (int64_t at = 0; at < n;) { /* by stretches that BLAS's integers can count */
        int m = n - at < (1 << 30) ? (int)(n - at) : 1 << 30;
        const char *px = (const char *)x + (size_t)(at * incx) * size,
                   *py = (const char *)y + (size_t)(at * incy) * size;
        sum += dtype == TP_F32 ? (double)cblas_sdot(m, (const void *)px, (int)incx, (const void *)py, (int)incy)
                               : cblas_ddot(m, (const void *)px, (int)incx, (const void *)py, (int)incy);
        at += m;
    }
    return sum;
}

bool tp__trsm(tp_dtype dtype, bool upper, bool ta, int64_t m, int64_t n, const void *a, int64_t lda, void *b,
              int64_t ldb)
{
    if (!fits(m, n, lda) || !fits(ldb, 0, 0))
        return false;
    if (m == 0 || n == 0)
        return true;
    CBLAS_UPLO half = upper ? CblasUpper : CblasLower;
    if (dtype == TP_F32)
        cblas_strsm(CblasRowMajor, CblasLeft, half, flag(ta), CblasNonUnit, (int)m, (int)n, 1, a, (int)lda, b,
                    (int)ldb);
    else
        cblas_dtrsm(CblasRowMajor, CblasLeft, half, flag(ta), CblasNonUnit, (int)m, (int)n, 1, a, (int)lda, b,
                    (int)ldb);
    return true;
}

bool tp__blas_uses_openmp(void) { return openblas_get_parallel && openblas_get_parallel() == 2; }

const char *tp__blas_info(void)
{
    static const char *const threading[] = {"one thread", "pthreads", "openmp"};
    static _Thread_local char text[128];
    if (!openblas_get_config || !openblas_get_corename)
        return "CBLAS";
    int kind = openblas_get_parallel ? openblas_get_parallel() : 0;
    char name[64];
    snprintf(name, sizeof name, "%s", openblas_get_config());
    char *second = strchr(name, ' '), *end = second ? strchr(second + 1, ' ') : NULL;
    if (end)
        *end = '\0';
    snprintf(text, sizeof text, "%s, %s, %s", name, threading[kind < 0 || kind > 2 ? 0 : kind],
             openblas_get_corename());
    return text;
}
