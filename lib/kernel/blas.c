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

/* ---- products cut to fit OpenBLAS's kernels for small matrices ---------------------------------------------
 *
 * Its AVX-512 cores have gemm kernels that neither pack nor lock nor thread, for m n k <= 10^6 and B not
 * transposed. Middling products, cut into blocks of that size and spread over threads, go up to 1.6 times faster
 * than as one call, and give the same bits on any number of threads. */

enum { SMALL = 1000000, CACHED = 1 << 20, SCRATCH = 1 << 16 }; /* elements; bytes */

static bool core_has_small_kernels(void)
{
    static atomic_int known; /* 0: not yet; 1: no; 2: yes. Every thread that races here finds the same. */
    int answer = atomic_load_explicit(&known, memory_order_relaxed);
    if (answer == 0) {
        const char *core = openblas_get_corename ? openblas_get_corename() : "";
        bool wide = strcmp(core, "SkylakeX") == 0 || strcmp(core, "Cooperlake") == 0 ||
                    strcmp(core, "SapphireRapids") == 0;
        answer = wide ? 2 : 1;
        atomic_store_explicit(&known, answer, memory_order_relaxed);
    }
    return answer == 2;
}

static void call(tp_dtype dtype, bool ta, bool tb, int64_t m, int64_t n, int64_t k, double alpha, const void *a,
                 int64_t lda, const void *b, int64_t ldb, double beta, void *c, int64_t ldc)
{
    if (dtype == TP_F32)
        cblas_sgemm(CblasRowMajor, flag(ta), flag(tb), (int)m, (int)n, (int)k, (float)alpha, a, (int)lda, b, (int)ldb,
                    (float)beta, c, (int)ldc);
    else
        cblas_dgemm(CblasRowMajor, flag(ta), flag(tb), (int)m, (int)n, (int)k, alpha, a, (int)lda, b, (int)ldb, beta, c,
                    (int)ldc);
}

/* C [m, n] in blocks of `rows` by `columns`, each of them gathered over k in stretches of `depth`. */
typedef struct {
    tp_dtype dtype;
    bool ta;
    int64_t m, n, k, lda, ldb, ldc, rows, columns, depth;
    double alpha, beta;
    const char *a, *b;
    char *c;
} cut_product;

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

static void run_blocks(int64_t begin, int64_t end, void *user)
{
    const cut_product *p = user;
    int64_t across = (p->n + p->columns - 1) / p->columns, size = (int64_t)tp_dtype_size(p->dtype);
    for (int64_t block = begin; block < end; block++) {
        int64_t i = block / across * p->rows, j = block % across * p->columns;
        for (int64_t at = 0; at < p->k; at += p->depth)
            call(p->dtype, p->ta, false, least(p->rows, p->m - i), least(p->columns, p->n - j),
                 least(p->depth, p->k - at), p->alpha, p->a + (p->ta ? at * p->lda + i : i * p->lda + at) * size,
                 p->lda, p->b + (at * p->ldb + j) * size, p->ldb, at == 0 ? p->beta : 1, p->c + (i * p->ldc + j) * size,
                 p->ldc);
    }
}

/* n in an even number of parts of one size, a multiple of 16 and at most about `most`. */
static int64_t even_part(int64_t n, int64_t most)
{
    int64_t parts = (n + most - 1) / most;
    parts += parts & 1;
    return ((n + parts - 1) / parts + 15) / 16 * 16;
}

/* Whole rows of C where A lies by rows; where it is transposed, squarer blocks use more of each line of A. */
static void choose_blocks(cut_product *p)
{
    p->columns = p->ta ? least(p->n, 128) : p->n;
    p->rows = p->ta ? even_part(p->m, 64) : 16;
    p->depth = least(p->k, SMALL / (p->rows * p->columns));
    int64_t stretches = (p->k + p->depth - 1) / p->depth;
    p->depth = (p->k + stretches - 1) / stretches;
    if (!p->ta)
        p->rows = even_part(p->m, SMALL / (p->columns * p->depth) / 16 * 16);
}

static void run_cut(cut_product *p)
{
    choose_blocks(p);
    int64_t blocks = (p->m + p->rows - 1) / p->rows * ((p->n + p->columns - 1) / p->columns);
    tp__parallel_for(blocks, 1, run_blocks, p);
}

/* Does the product, where cutting it pays; a transposed B is turned first where it is small beside A. */
static bool cut(cut_product p, bool tb)
{
    double turned[SCRATCH / sizeof(double)];
    int64_t size = (int64_t)tp_dtype_size(p.dtype);
    if (p.m < 32 || p.n < 16 || p.n > 2048 || p.k < 16 || p.m * p.n * p.k <= SMALL || p.n * p.k * size > CACHED ||
        (p.ta && p.m * p.n * size > CACHED) || !core_has_small_kernels())
        return false;
    if (tb) {
        if (p.n * p.k * size > SCRATCH || p.m < 256)
            return false;
        tp__operand b = {.data = p.b, .dtype = p.dtype, .stride = {1, p.ldb}};
        tp__copy((tp_dims){2, {p.k, p.n}}, turned, p.dtype, &b);
        p.b = (const char *)turned;
        p.ldb = p.n;
    }
    run_cut(&p);
    return true;
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
    cut_product p = {.dtype = dtype,
                     .ta = ta,
                     .m = m,
                     .n = n,
                     .k = k,
                     .lda = lda,
                     .ldb = ldb,
                     .ldc = ldc,
                     .alpha = alpha,
                     .beta = beta,
                     .a = a,
                     .b = b,
                     .c = c};
    if (!cut(p, tb))
        call(dtype, ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
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
