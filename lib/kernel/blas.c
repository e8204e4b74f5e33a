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
 * transposed. They run nearer the peak than its kernels for large matrices do, so larger products are made of
 * them: C in panels of columns, for which the columns of B are laid together, a stretch of k at a time, where they
 * stay in the first caches while the rows of A go by (K. Goto and R. van de Geijn, "Anatomy of high-performance
 * matrix multiplication", 2008). Panels are spread over threads; the cuts follow from the sizes alone, so results
 * are the same bits on any number of threads. */

enum {
    SMALL = 1000000,     /* multiply-adds of a call that the small kernels take */
    SHARE = 1 << 20,     /* multiply-adds that are worth a thread of their own: what is less is done before the other
                            core has the operands, where cores share no cache   */
    PANEL = 256,         /* bytes in a row of a panel: 64 floats                */
    DEPTH = 256,         /* rows of a panel, at most                            */
    ROWS = 512,          /* of A beside one panel, at most                      */
    FEW_ROWS = 64,       /* fewer do not pay for turning B                      */
    CACHED = 256 * 1024, /* bytes of B that can be used where they lie          */
    LARGE = 16 << 20     /* bytes of A that are too many to go by panel after panel */
};

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

/* The pthread flavour: its threads are not OpenMP's, and our loops cannot keep it on one. */
static bool blas_has_threads(void) { return openblas_get_parallel && openblas_get_parallel() == 1; }

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
    int threads = tp__alone_begin();
    call(p);
    tp__alone_end(threads);
}

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

/* to [k, n] = from^T, from [n, k] with rows ld apart; by tiles that stay in registers */
/* clang-format off */
#define TURN(name, type)                                                                           \
    static void name(int64_t k, int64_t n, const void *from, int64_t ld, void *to)                 \
    {                                                                                              \
        const type *b = from; type *t = to; int64_t i = 0, j = 0;                                  \
        for (; i + 4 <= k; i += 4)                                                                 \
            for (j = 0; j + 4 <= n; j += 4) {                                                      \
                type tile[4][4];                                                                   \
                for (int y = 0; y < 4; y++) for (int x = 0; x < 4; x++) tile[x][y] = b[(j + y) * ld + i + x]; \
                for (int x = 0; x < 4; x++) for (int y = 0; y < 4; y++) t[(i + x) * n + j + y] = tile[x][y]; \
            }                                                                                      \
        for (int64_t y = n - n % 4; y < n; y++) for (int64_t x = 0; x < i; x++) t[x * n + y] = b[y * ld + x]; \
        for (; i < k; i++) for (j = 0; j < n; j++) t[i * n + j] = b[j * ld + i];                   \
    }
TURN(turn_f32, float)
TURN(turn_f64, double)
/* clang-format on */

/* Rows [at, at + k) and columns [j, j + n) of op(B), laid together. */
static void pack(const product *p, int64_t at, int64_t k, int64_t j, int64_t n, char *to)
{
    int64_t size = (int64_t)tp_dtype_size(p->dtype);
    const char *b = p->b + (p->tb ? j * p->ldb + at : at * p->ldb + j) * size;
    if (p->tb)
        (p->dtype == TP_F32 ? turn_f32 : turn_f64)(k, n, b, p->ldb, to);
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
    if (panel)
        tp__scratch_give(panel);
}

/* The size of each of `parts` equal parts of n. */
static int64_t part(int64_t n, int64_t parts) { return (n + parts - 1) / parts; }

/* How many of so many jobs, which are `work` multiply-adds together, make a share. */
static int64_t jobs_a_share(int64_t jobs, int64_t work) { return part(jobs, work < SHARE ? 1 : work / SHARE); }

/* Does the product, where cutting it pays. */
static bool cut(product *p)
{
    int64_t size = (int64_t)tp_dtype_size(p->dtype), work = p->m * p->n * p->k;
    bool one_call = work <= SMALL && p->n * p->k * size <= PANEL * DEPTH;
    if (p->n * size > 4 * PANEL && p->m * p->k * size >= LARGE)
        return false;
    if (p->m < 32 || p->n < 16 || p->k < 16 || (p->tb && p->m < FEW_ROWS) || (work <= SMALL && !(p->tb && one_call)) ||
        !core_has_small_kernels())
        return false;
    p->packs = p->tb || p->n * p->k * size > CACHED;
    p->columns = one_call ? p->n : PANEL / size;
    p->depth = one_call ? p->k : part(p->k, part(p->k, DEPTH));
    int64_t across = part(p->n, p->columns), down = part(p->m, ROWS);
    if (!one_call && across % 2 && down % 2) /* an even number of jobs */
        down++;
    p->rows = part(part(p->m, down), 16) * 16;
    int64_t jobs = across * part(p->m, p->rows);
    tp__parallel_for(jobs, jobs_a_share(jobs, work), run_jobs, p);
    return true;
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

static void run_divided(product *p)
{
    enum { LINE = 16, NARROW = 64 }; /* parts begin at multiples of LINE; what is narrower than NARROW is not halved */
    int64_t work = p->m * p->n * p->k, down = 1, across = 1, parts = least(tp__cpu_count(), work / SHARE);
    if (work <= 32768 ||
        blas_has_threads()) { /* no BLAS divides so few; one with threads of its own divides the rest */
        call(p);
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
    product p = {.dtype = dtype,
                 .ta = ta,
                 .tb = tb,
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
    if (!cut(&p))
        run_divided(&p);
    return true;
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
    int threads = tp__alone_begin();
    if (p->dtype == TP_F32)
        cblas_sgemv(CblasRowMajor, flag(p->ta), m, n, (float)p->alpha, a, (int)p->lda, p->x, (int)p->incx,
                    (float)p->beta, y, (int)p->incy);
    else
        cblas_dgemv(CblasRowMajor, flag(p->ta), m, n, p->alpha, a, (int)p->lda, p->x, (int)p->incx, p->beta, y,
                    (int)p->incy);
    tp__alone_end(threads);
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
    if (!fits(m, n, lda) || !fits(incx, incy, 0))
        return false;
    if (m == 0 || n == 0) {
        scale(dtype, ta ? n : m, 1, beta, y, incy);
        return true;
    }
    if (beta == 0) /* some kernels multiply what they find */
        scale(dtype, ta ? n : m, 1, 0, y, incy);
    int64_t length = ta ? n : m, along = ta ? m : n;
    int64_t block = part(LEAST / along + 1, LINE) * LINE, wide = part(part(length, MOST), LINE) * LINE;
    block = blas_has_threads() ? length : block > wide ? block : wide;
    vector_product p = {dtype, ta, m, n, lda < n ? n : lda, incx, incy, length, block, alpha, beta, a, x, y};
    tp__parallel_for(part(length, block), 1, run_vector, &p);
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

/* ---- triangular systems: columns of B in parts ------------------------------------------------------------- */

typedef struct {
    tp_dtype dtype;
    CBLAS_UPLO half;
    CBLAS_TRANSPOSE ta;
    int m, lda, ldb;
    int64_t n, block; /* columns of B; of a part of it */
    const void *a;
    char *b;
} triangle;

static void solve_part(const triangle *p, int64_t begin, int64_t end)
{
    int n = (int)(end - begin), threads = tp__alone_begin();
    void *b = p->b + begin * (int64_t)tp_dtype_size(p->dtype);
    if (p->dtype == TP_F32)
        cblas_strsm(CblasRowMajor, CblasLeft, p->half, p->ta, CblasNonUnit, p->m, n, 1, p->a, p->lda, b, p->ldb);
    else
        cblas_dtrsm(CblasRowMajor, CblasLeft, p->half, p->ta, CblasNonUnit, p->m, n, 1, p->a, p->lda, b, p->ldb);
    tp__alone_end(threads);
}

static void run_triangle(int64_t begin, int64_t end, void *user)
{
    const triangle *p = user;
    for (int64_t i = begin; i < end; i++)
        solve_part(p, i * p->block, least((i + 1) * p->block, p->n));
}

bool tp__trsm(tp_dtype dtype, bool upper, bool ta, int64_t m, int64_t n, const void *a, int64_t lda, void *b,
              int64_t ldb)
{
    enum { LINE = 64, LEAST = 1 << 21 }; /* columns, and multiply-adds, of a part */
    if (!fits(m, n, lda) || !fits(ldb, 0, 0))
        return false;
    if (m == 0 || n == 0)
        return true;
    int64_t parts = least(tp__cpu_count(), 1 + m * m * n / LEAST); /* each packs A for itself */
    int64_t block = blas_has_threads() ? n : part(part(n, parts), LINE) * LINE;
    triangle p = {dtype, upper ? CblasUpper : CblasLower, flag(ta), (int)m, (int)lda, (int)ldb, n, block, a, b};
    tp__parallel_for(part(n, block), 1, run_triangle, &p);
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
