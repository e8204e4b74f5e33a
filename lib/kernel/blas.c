/* blas.c - products, by CBLAS: how they are divided, and the calls. */
#include "kernel/triangle.h"

#include <cblas.h>
#include <limits.h>
#include <string.h>

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
 * transposed. They run nearer the peak than its kernels for large matrices do, so larger products are made of
 * them: C in panels of columns, for which the columns of B are laid together, a stretch of k at a time, where they
 * stay in the first caches while the rows of A go by (K. Goto and R. van de Geijn, "Anatomy of high-performance
 * matrix multiplication", 2008). Panels are spread over threads; the cuts follow from the sizes alone, so results
 * are the same bits on any number of threads. */

enum {
    SMALL = 1000000,    /* multiply-adds of a call that the small kernels take */
    SHARE = 1 << 20,    /* multiply-adds that are worth a thread of their own: what is less is done before the other
                            core has the operands, where cores share no cache   */
    PANEL = 256,        /* bytes in a row of a panel: 64 floats                */
    DEPTH = 256,        /* rows of a panel, at most                            */
    ROWS = 512,         /* of A beside one panel, at most                      */
    FEW_ROWS = 64,      /* fewer do not pay for turning B                      */
    CACHED = 256 * 1024 /* bytes of B that can be used where they lie          */
};

typedef struct {
    tp_dtype dtype;
    bool ta, tb, packs;
    int64_t m, n, k, lda, ldb, ldc;
    double alpha, beta;
    const char *a, *b;
    char *c;
    int64_t rows, columns, depth; /* of A, of C and of k that one job, one panel takes */
} product;

static void call(const product *p)
{
    CBLAS_TRANSPOSE ta = flag(p->ta), tb = flag(p->tb);
    const void *a = p->a, *b = p->b;
    void *c = p->c;
    if (p->dtype == TP_F32)
        cblas_sgemm(CblasRowMajor, ta, tb, (int)p->m, (int)p->n, (int)p->k, (float)p->alpha, a, (int)p->lda, b,
                    (int)p->ldb, (float)p->beta, c, (int)p->ldc);
    else
        cblas_dgemm(CblasRowMajor, ta, tb, (int)p->m, (int)p->n, (int)p->k, p->alpha, a, (int)p->lda, b, (int)p->ldb,
                    p->beta, c, (int)p->ldc);
}

/* The call on this thread alone: loops that are divided here have no barrier, BLAS's have. */
static void call_alone(const product *p)
{
    int threads = tp__blas_begin();
    call(p);
    tp__blas_end(threads);
}

/* What no BLAS divides, being so little, or one with threads of its own divides. The kernels for small matrices take no
 * buffer. */
static void call_at_once(const product *p, int64_t work)
{
    bool buffered = p->tb || work > SMALL || !tp__blas_has_small_kernels();
    if (buffered)
        tp__blas_enter();
    call(p);
    if (buffered)
        tp__blas_leave();
}

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

/* Rows [at, at + k) and columns [j, j + n) of op(B), laid together. */
static void pack(const product *p, int64_t at, int64_t k, int64_t j, int64_t n, char *to)
{
    int64_t size = (int64_t)tp_dtype_size(p->dtype);
    const char *b = p->b + (p->tb ? j * p->ldb + at : at * p->ldb + j) * size;
    if (p->tb)
        TP__PICK(tp__triangle_table)->turn[p->dtype == TP_F64](k, n, b, p->ldb, to, n);
    else
        for (int64_t i = 0; i < k; i++)
            memcpy(to + i * n * size, b + i * p->ldb * size, (size_t)(n * size));
}

/* Rows of A beside the panel of op(B) at `b`. */
static void run_panel(const product *p, int64_t i, int64_t rows, int64_t j, int64_t n, int64_t at, int64_t k,
                      const char *b, int64_t ldb)
{
    int64_t size = (int64_t)tp_dtype_size(p->dtype), step = SMALL / (n * k) / 16 * 16;
    product q = *p;
    q.tb = false;
    q.n = n;
    q.k = k;
    q.b = b;
    q.ldb = ldb;
    q.beta = at == 0 ? p->beta : 1;
    for (int64_t r = i; r < i + rows; r += step) {
        q.m = least(step, i + rows - r);
        q.a = p->a + (p->ta ? at * p->lda + r : r * p->lda + at) * size;
        q.c = p->c + (r * p->ldc + j) * size;
        call(&q);
    }
}

static void run_jobs(int64_t begin, int64_t end, void *user)
{
    const product *p = user;
    _Static_assert(PANEL * DEPTH <= TP__SCRATCH, "a panel is too large");
    char *panel = p->packs ? tp__scratch_take() : NULL;
    int64_t size = (int64_t)tp_dtype_size(p->dtype), tall = (p->m + p->rows - 1) / p->rows;
    int threads = tp__blas_begin();
    for (int64_t job = begin; job < end; job++) {
        int64_t i = job % tall * p->rows, rows = least(p->rows, p->m - i);
        int64_t j = job / tall * p->columns, n = least(p->columns, p->n - j);
        for (int64_t at = 0; at < p->k; at += p->depth) {
            int64_t k = least(p->depth, p->k - at);
            if (p->packs)
                pack(p, at, k, j, n, panel);
            run_panel(p, i, rows, j, n, at, k, p->packs ? panel : p->b + (at * p->ldb + j) * size,
                      p->packs ? n : p->ldb);
        }
    }
    tp__blas_end(threads);
    if (panel)
        tp__scratch_give(panel);
}

/* The size of each of `parts` equal parts of n. */
static int64_t part(int64_t n, int64_t parts) { return (n + parts - 1) / parts; }

/* How many of so many jobs, which are `work` multiply-adds together, make a share. */
static int64_t jobs_a_share(int64_t jobs, int64_t work) { return part(jobs, work < SHARE ? 1 : work / SHARE); }

/* One panel holds all of op(B). */
static bool fits_a_panel(const product *p)
{
    return p->m * p->n * p->k <= SMALL && p->n * p->k * (int64_t)tp_dtype_size(p->dtype) <= PANEL * DEPTH;
}

/* Bytes of A that are too many to go by panel after panel: by what was measured on kinds of processors
 * (doc/benchmarks.md), the same for all products of a process. */
static int64_t large_for(tp__processor p, bool ta)
{
    if (p.vendor == TP__AMD && p.family >= 26) /* Zen 5 */
        return 16 << 20;
    if (p.vendor == TP__AMD) /* Zen 4: a row of A^T is a line of the first cache each */
        return ta ? 1 << 20 : 2 << 20;
    return 512 << 10; /* Intel's */
}

static int64_t large(bool ta)
{
    static _Atomic int64_t known[2]; /* 0: not yet. Every thread that races here finds the same. */
    int64_t bytes = atomic_load_explicit(&known[ta], memory_order_relaxed);
    if (bytes == 0) {
        bytes = large_for(tp__cpu(), ta);
        atomic_store_explicit(&known[ta], bytes, memory_order_relaxed);
    }
    return bytes;
}

static bool panels_pay(const product *p)
{
    int64_t size = (int64_t)tp_dtype_size(p->dtype), work = p->m * p->n * p->k;
    if (!tp__blas_has_small_kernels() || p->m < 32 || p->n < 16 || p->k < 16 || (p->tb && p->m < FEW_ROWS))
        return false;
    if (work <= SMALL)
        return p->tb && fits_a_panel(p);
    return p->n * size <= 4 * PANEL || p->m * p->k * size < large(p->ta);
}

static void run_in_panels(product *p)
{
    int64_t size = (int64_t)tp_dtype_size(p->dtype), work = p->m * p->n * p->k;
    bool one = fits_a_panel(p);
    p->packs = p->tb || p->n * p->k * size > CACHED;
    p->columns = one ? p->n : PANEL / size;
    p->depth = one ? p->k : part(p->k, part(p->k, DEPTH));
    int64_t across = part(p->n, p->columns), down = part(p->m, ROWS);
    if (!one && across % 2 && down % 2) /* an even number of jobs */
        down++;
    p->rows = part(part(p->m, down), 16) * 16;
    int64_t jobs = across * part(p->m, p->rows);
    tp__parallel_for(jobs, jobs_a_share(jobs, work), run_jobs, p);
}

/* ---- all others: C in parts, each by a call of its own -------------------------------------------------------
 *
 * Large matrices keep OpenBLAS's large kernels busy: there the fewest parts are best, since each packs its rows of A
 * and its columns of B for itself. The grid follows from the sizes and the machine, not from the number of threads at
 * work: the bits are the same on any. */

static void run_parts(int64_t begin, int64_t end, void *user)
{
    const product *p = user;
    int64_t size = (int64_t)tp_dtype_size(p->dtype), down = part(p->m, p->rows);
    for (int64_t i = begin; i < end; i++) {
        product q = *p;
        int64_t r = i % down * p->rows, c = i / down * p->columns;
        q.m = least(p->rows, p->m - r);
        q.n = least(p->columns, p->n - c);
        q.a = p->a + (p->ta ? r : r * p->lda) * size;
        q.b = p->b + (p->tb ? c * p->ldb : c) * size;
        q.c = p->c + (r * p->ldc + c) * size;
        call_alone(&q);
    }
}

static void run_in_parts(product *p)
{
    enum { LINE = 16, NARROW = 64 }; /* parts begin at multiples of LINE; what is narrower than NARROW is not halved */
    int64_t work = p->m * p->n * p->k, down = 1, across = 1, parts = least(tp__cpu_count(), work / SHARE);
    if (work <= 32768 || tp__blas_has_threads()) {
        call_at_once(p, work);
        return;
    }
    if (work <= SMALL) {
        call_alone(p);
        return;
    }
    while (down * across < parts && (p->m / down >= NARROW || p->n / across >= NARROW)) {
        if (p->m / down >= p->n / across)
            down *= 2;
        else
            across *= 2;
    }
    p->rows = part(part(p->m, down), LINE) * LINE;
    p->columns = part(part(p->n, across), LINE) * LINE;
    int64_t jobs = part(p->m, p->rows) * part(p->n, p->columns);
    tp__parallel_for(jobs, jobs_a_share(jobs, work), run_parts, p);
}

static bool multiply(product p, const tp__cut *how)
{
    if (!tp__blas_counts(p.m, p.n, p.k) || !tp__blas_counts(p.lda, p.ldb, p.ldc))
        return false;
    if (p.m == 0 || p.n == 0)
        return true;
    if (p.k == 0) {
        scale(p.dtype, p.m, p.n, p.beta, p.c, p.ldc);
        return true;
    }
    if (!tp__blas_has_room())
        return false;
    if (how ? *how == TP__IN_PANELS : panels_pay(&p))
        run_in_panels(&p);
    else
        run_in_parts(&p);
    return true;
}

bool tp__gemm(tp_dtype dtype, bool ta, bool tb, int64_t m, int64_t n, int64_t k, double alpha, const void *a,
              int64_t lda, const void *b, int64_t ldb, double beta, void *c, int64_t ldc)
{
    if (n == 1 && m > 0 && k > 0) /* a vector: op(A) is [m, k] */
        return tp__gemv(dtype, ta, ta ? k : m, ta ? m : k, alpha, a, lda, b, tb ? 1 : ldb, beta, c, ldc);
    if (m == 1 && n > 0 && k > 0) /* c^T = op(B)^T a^T */
        return tp__gemv(dtype, !tb, tb ? n : k, tb ? k : n, alpha, b, ldb, a, ta ? lda : 1, beta, c, 1);
    return multiply((product){dtype, ta, tb, false, m, n, k, lda, ldb, ldc, alpha, beta, a, b, c, 0, 0, 0}, NULL);
}

bool tp__gemm_cut(tp__cut how, tp_dtype dtype, bool ta, bool tb, int64_t m, int64_t n, int64_t k, double alpha,
                  const void *a, int64_t lda, const void *b, int64_t ldb, double beta, void *c, int64_t ldc)
{
    return multiply((product){dtype, ta, tb, false, m, n, k, lda, ldb, ldc, alpha, beta, a, b, c, 0, 0, 0}, &how);
}

/* ---- matrix times vector: elements of y in parts -----------------------------------------------------------
 *
 * Kernels add in an order that may depend on how many elements a call has, so parts follow from the sizes, here and for
 * triangular systems: each is a call of its own, on however many threads. */

typedef struct {
    tp_dtype dtype;
    bool ta;
    int64_t m, n, lda, incx, incy, length, block; /* of y; of a part of it */
    double alpha, beta;
    const char *a;
    const void *x;
    char *y;
} vector_product;

static void multiply_part(const vector_product *p, int64_t begin, int64_t end)
{
    int64_t size = (int64_t)tp_dtype_size(p->dtype);
    const void *a = p->a + (p->ta ? begin : begin * p->lda) * size;
    void *y = p->y + begin * p->incy * size;
    int m = (int)(p->ta ? p->m : end - begin), n = (int)(p->ta ? end - begin : p->n);
    int threads = tp__blas_begin();
    if (p->dtype == TP_F32)
        cblas_sgemv(CblasRowMajor, flag(p->ta), m, n, (float)p->alpha, a, (int)p->lda, p->x, (int)p->incx,
                    (float)p->beta, y, (int)p->incy);
    else
        cblas_dgemv(CblasRowMajor, flag(p->ta), m, n, p->alpha, a, (int)p->lda, p->x, (int)p->incx, p->beta, y,
                    (int)p->incy);
    tp__blas_end(threads);
}

static void run_vector(int64_t begin, int64_t end, void *user)
{
    const vector_product *p = user;
    for (int64_t i = begin; i < end; i++)
        multiply_part(p, i * p->block, least((i + 1) * p->block, p->length));
}

bool tp__gemv(tp_dtype dtype, bool ta, int64_t m, int64_t n, double alpha, const void *a, int64_t lda, const void *x,
              int64_t incx, double beta, void *y, int64_t incy)
{
    enum { LEAST = 32768, LINE = 64, MOST = 16 }; /* elements of A, and of y, in a part; parts */
    if (!tp__blas_counts(m, n, lda) || !tp__blas_counts(incx, incy, 0))
        return false;
    if (m == 0 || n == 0) {
        scale(dtype, ta ? n : m, 1, beta, y, incy);
        return true;
    }
    if (!tp__blas_has_room())
        return false;
    if (beta == 0) /* some kernels multiply what they find */
        scale(dtype, ta ? n : m, 1, 0, y, incy);
    int64_t length = ta ? n : m, along = ta ? m : n;
    int64_t block = part(LEAST / along + 1, LINE) * LINE, wide = part(part(length, MOST), LINE) * LINE;
    block = tp__blas_has_threads() ? length : block > wide ? block : wide;
    vector_product p = {dtype, ta, m, n, lda < n ? n : lda, incx, incy, length, block, alpha, beta, a, x, y};
    tp__parallel_for(part(length, block), 1, run_vector, &p);
    return true;
}

/* ---- vector times vector: in blocks, whose sums are added in double and in order ------------------------------ */

enum { BLOCK = 1 << 14, BLOCKS = 256 };

typedef struct {
    tp_dtype dtype;
    int64_t n, incx, incy, block;
    const char *x, *y;
    double sum[BLOCKS];
} inner_product;

/* For strides that BLAS cannot count, or takes for something else. */
static double sum_products(tp_dtype dtype, int64_t n, const void *x, int64_t incx, const void *y, int64_t incy)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += dtype == TP_F32 ? (double)((const float *)x)[i * incx] * (double)((const float *)y)[i * incy]
                               : ((const double *)x)[i * incx] * ((const double *)y)[i * incy];
    return sum;
}

static void run_dot(int64_t begin, int64_t end, void *user)
{
    inner_product *p = user;
    int64_t size = (int64_t)tp_dtype_size(p->dtype);
    bool counts = p->incx > 0 && p->incy > 0 && tp__blas_counts(p->block, p->incx, p->incy);
    int threads = tp__alone_begin();
    for (int64_t i = begin; i < end; i++) {
        int64_t at = i * p->block, n = least(p->block, p->n - at);
        const void *x = p->x + at * p->incx * size, *y = p->y + at * p->incy * size;
        if (!counts)
            p->sum[i] = sum_products(p->dtype, n, x, p->incx, y, p->incy);
        else if (p->dtype == TP_F32)
            p->sum[i] = (double)cblas_sdot((int)n, x, (int)p->incx, y, (int)p->incy);
        else
            p->sum[i] = cblas_ddot((int)n, x, (int)p->incx, y, (int)p->incy);
    }
    tp__alone_end(threads);
}

double tp__dot(tp_dtype dtype, int64_t n, const void *x, int64_t incx, const void *y, int64_t incy)
{
    inner_product p = {.dtype = dtype, .n = n, .incx = incx, .incy = incy, .x = x, .y = y};
    double sum = 0;
    p.block = least(BLOCK, n);
    if (n > (int64_t)BLOCK * BLOCKS)
        p.block = part(n, BLOCKS);
    int64_t blocks = n > 0 ? part(n, p.block) : 0;
    tp__parallel_for(blocks, 4, run_dot, &p);
    for (int64_t i = 0; i < blocks; i++)
        sum += p.sum[i];
    return sum;
}

/* ---- triangular systems ---------------------------------------------------------------------------------------- */

bool tp__trsv(tp_dtype dtype, bool upper, bool ta, bool unit, int64_t m, const void *a, int64_t lda, void *x)
{
    CBLAS_UPLO half = upper ? CblasUpper : CblasLower;
    CBLAS_DIAG diagonal = unit ? CblasUnit : CblasNonUnit;
    if (!tp__blas_ready(m, lda, 0))
        return false;
    int threads = tp__blas_begin();
    if (dtype == TP_F32)
        cblas_strsv(CblasRowMajor, half, flag(ta), diagonal, (int)m, a, (int)lda, x, 1);
    else
        cblas_dtrsv(CblasRowMajor, half, flag(ta), diagonal, (int)m, a, (int)lda, x, 1);
    tp__blas_end(threads);
    return true;
}
