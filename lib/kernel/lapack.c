/* lapack.c - factorizations, by LAPACKE.
 *
 * LAPACK counts columns first. Row-major memory is its transpose there, so a factorization of A^T is
 * taken of the memory as it lies, and the solves account for it: nothing is copied, nothing allocated.
 */
#include "kernel/kernel.h"

#include <cblas.h>
#include <lapacke.h>
#include <limits.h>
#include <string.h>

/* Factorizations up to this order are faster on one thread, and wait for no other. */
enum { ALONE = 512 };
static int begin(int64_t n) { return n <= ALONE ? tp__alone_begin() : 0; }

/* A^T = P L U, so the memory holds, row by row, U^T below and on the diagonal, L^T above it. */
int tp__getrf(tp_dtype dtype, int64_t n, void *a, int *pivots)
{
    _Static_assert(sizeof(lapack_int) == sizeof(int), "LAPACK with 32-bit integers");
    if (n > INT_MAX)
        return -1;
    if (n == 0)
        return 0;
    int m = (int)n, threads = begin(n);
    int info = dtype == TP_F32 ? LAPACKE_sgetrf_work(LAPACK_COL_MAJOR, m, m, a, m, pivots)
                               : LAPACKE_dgetrf_work(LAPACK_COL_MAJOR, m, m, a, m, pivots);
    tp__alone_end(threads);
    return info;
}

static void triangle(tp_dtype dtype, CBLAS_UPLO half, CBLAS_TRANSPOSE t, CBLAS_DIAG diag, int n, int k, const void *lu,
                     void *b)
{
    int threads = begin(n);
    if (k == 1 && dtype == TP_F32)
        cblas_strsv(CblasRowMajor, half, t, diag, n, lu, n, b, 1);
    else if (k == 1)
        cblas_dtrsv(CblasRowMajor, half, t, diag, n, lu, n, b, 1);
    else if (dtype == TP_F32)
        cblas_strsm(CblasRowMajor, CblasLeft, half, t, diag, n, k, 1, lu, n, b, k);
    else
        cblas_dtrsm(CblasRowMajor, CblasLeft, half, t, diag, n, k, 1, lu, n, b, k);
    tp__alone_end(threads);
}

static void swap_rows(char *b, size_t bytes, int64_t i, int64_t j)
{
    char tmp[256], *p = b + (size_t)i * bytes, *q = b + (size_t)j * bytes;
    for (size_t at = 0; i != j && at < bytes; at += sizeof tmp) {
        size_t m = bytes - at < sizeof tmp ? bytes - at : sizeof tmp;
        memcpy(tmp, p + at, m);
        memcpy(p + at, q + at, m);
        memcpy(q + at, tmp, m);
    }
}

/* op(A) X = B in place, B [n, k]. A = U^T L^T P^T. */
int tp__getrs(tp_dtype dtype, bool ta, int64_t n, int64_t k, const void *lu, const int *pivots, void *b)
{
    size_t bytes = (size_t)k * tp_dtype_size(dtype);
    if (n > INT_MAX || k > INT_MAX)
        return -1;
    if (n == 0 || k == 0)
        return 0;
    if (ta) { /* P L U X = B */
        for (int64_t i = 0; i < n; i++)
            swap_rows(b, bytes, i, pivots[i] - 1);
        triangle(dtype, CblasUpper, CblasTrans, CblasUnit, (int)n, (int)k, lu, b);
        triangle(dtype, CblasLower, CblasTrans, CblasNonUnit, (int)n, (int)k, lu, b);
    } else {
        triangle(dtype, CblasLower, CblasNoTrans, CblasNonUnit, (int)n, (int)k, lu, b);
        triangle(dtype, CblasUpper, CblasNoTrans, CblasUnit, (int)n, (int)k, lu, b);
        for (int64_t i = n - 1; i >= 0; i--)
            swap_rows(b, bytes, i, pivots[i] - 1);
    }
    return 0;
}

/* The lower half by rows is the upper half by columns. */
int tp__potrf(tp_dtype dtype, int64_t n, void *a)
{
    if (n > INT_MAX)
        return -1;
    if (n == 0)
        return 0;
    int threads = begin(n);
    int info = dtype == TP_F32 ? LAPACKE_spotrf_work(LAPACK_COL_MAJOR, 'U', (int)n, a, (int)n)
                               : LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'U', (int)n, a, (int)n);
    tp__alone_end(threads);
    return info;
}
