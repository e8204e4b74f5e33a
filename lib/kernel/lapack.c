/* lapack.c - factorizations: small ones by LAPACKE, larger ones in blocks over our own products and solves, which are
 * divided among threads as all loops are (LAPACK's threads have barriers).
 *
 * Those of a few unknowns are in lanes.h.
 *
 * LAPACK counts columns first. Row-major memory is its transpose there, so a factorization of A^T is
 * taken of the memory as it lies, and the solves account for it: nothing is copied, nothing allocated.
 * All cuts follow from sizes alone: the bits are the same on any number of threads.
 */
#include "kernel/triangle.h"

#include <lapacke.h>
#include <limits.h>
#include <math.h>

_Static_assert(sizeof(lapack_int) == sizeof(int), "LAPACK with 32-bit integers");

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

static char *element(tp_dtype dtype, void *a, int64_t n, int64_t i, int64_t j)
{
    return (char *)a + (i * n + j) * (int64_t)tp_dtype_size(dtype);
}

/* Rows of a part, where `rows` are divided: in some sixteen parts, of whole cache lines. */
static int64_t rows_a_part(int64_t rows)
{
    enum { PARTS = 8, LINE = 16, LEAST = 32 };
    int64_t part = ((rows + PARTS - 1) / PARTS + LINE - 1) / LINE * LINE;
    return part < LEAST ? LEAST : part;
}

/* ---- LU: A^T = P L U, so the memory holds, row by row, U^T below and on the diagonal, L^T above it -----------------
 *
 * Right-looking, in panels of rows of the memory (columns of A^T), those of large matrices in narrower panels again, so
 * that what is left is updated seldom. What a panel means for the rows below it needs nothing but the panel and these
 * rows: one loop a panel, whose first part brings the next panel up to date and factors it, beside the others
 * (look-ahead: J. Kurzak, J. Dongarra, "Implementing linear algebra routines on multi-core processors with pipelining
 * and a look ahead", 2006). The rows above take part in the exchanges at the end. */

enum {
    NARROW = 32, /* rows of a panel that LAPACK factors */
    WIDE = 256,  /* ... that is factored in narrow ones */
    WIDE_FROM = 640,
    WHOLE = 96 /* the order of a matrix that LAPACK factors at once */
};

typedef struct {
    tp_dtype dtype;
    int64_t n; /* the matrix */
    char *a;
    int *pivots;
    int64_t end, panel;      /* rows to be factored, in such panels */
    int64_t at, width, next; /* the panel at hand; rows of the next one, where it is factored beside the update */
    int64_t part;            /* rows of the other parts */
    int info;                /* the first that is zero on the diagonal, from 1 on; 0: none */
} lu_work;

static int64_t panel_at(const lu_work *f, int64_t at)
{
    int64_t left = f->end - at;
    return left <= f->panel || (f->end == f->n && left <= WHOLE) ? left : f->panel;
}

static void exchange(const lu_work *f, int64_t row, int64_t rows, int64_t first, int64_t end)
{
    TP__PICK(tp__triangle_table)
        ->exchange[f->dtype == TP_F64](rows, element(f->dtype, f->a, f->n, row, 0), f->n, f->pivots, first, end);
}

/* Rows x of a narrow panel's width: x = x L^-T, by columns of x^T. */
static void solve_rows(const lu_work *f, int64_t row, int64_t rows, int64_t at, int64_t width)
{
    enum { BYTES = 16384 };
    _Alignas(64) char turned[BYTES];
    const tp__triangle_table *t = TP__PICK(tp__triangle_table);
    bool f64 = f->dtype == TP_F64;
    tp__triangle l = {element(f->dtype, f->a, f->n, at, at), 1, f->n, true};
    int64_t step = BYTES / width / (int64_t)tp_dtype_size(f->dtype);
    for (int64_t i = 0; i < rows; i += step) {
        int64_t here = least(step, rows - i);
        char *x = element(f->dtype, f->a, f->n, row + i, at);
        t->turn[f64](width, here, x, f->n, turned, here);
        t->solve[f64](width, here, &l, turned, here);
        t->turn[f64](here, width, turned, here, x, f->n);
    }
}

/* In columns [from, to) of the rows: what rows [at, at + width) take away, times their columns. */
static void subtract(const lu_work *f, int64_t row, int64_t rows, int64_t at, int64_t width, int64_t from, int64_t to)
{
    tp__gemm(f->dtype, false, false, rows, to - from, width, -1, element(f->dtype, f->a, f->n, row, at), f->n,
             element(f->dtype, f->a, f->n, at, from), f->n, 1, element(f->dtype, f->a, f->n, row, from), f->n);
}

static void update_rows(const lu_work *f, int64_t row, int64_t rows)
{
    int64_t end = f->at + f->width, width;
    exchange(f, row, rows, f->at, end);
    for (int64_t at = f->at; at < end; at += width) {
        width = least(NARROW, end - at);
        solve_rows(f, row, rows, at, width);
        subtract(f, row, rows, at, width, at + width, end);
    }
    subtract(f, row, rows, f->at, f->width, end, f->n);
}

static void factor_panel(lu_work *f, int64_t at, int64_t width);

static void run_update(int64_t begin, int64_t end, void *user)
{
    lu_work *f = user;
    for (int64_t i = begin; i < end; i++) {
        int64_t first = f->at + f->width, j = f->next > 0 ? i - 1 : i, row = first + f->next + j * f->part;
        if (j < 0) {
            update_rows(f, first, f->next);
            factor_panel(f, first, f->next);
        } else
            update_rows(f, row, least(f->part, f->end - row));
    }
}

/* Rows of panels that are done: the exchanges of later ones. */
static void run_exchanges(int64_t begin, int64_t end, void *user)
{
    const lu_work *f = user;
    for (int64_t i = begin; i < end; i++) {
        int64_t row = f->at + i * f->panel;
        exchange(f, row, f->panel, row + f->panel, f->end);
    }
}

/* Rows [begin, end) of the memory, by narrower panels. */
static void factor_rows(lu_work *f, int64_t begin, int64_t end, int64_t panel)
{
    lu_work g = *f;
    bool ahead = panel == NARROW;
    g.end = end;
    g.panel = panel;
    g.width = panel_at(&g, begin);
    factor_panel(&g, begin, g.width);
    for (g.at = begin; g.at + g.width < end; g.at += g.width, g.width = panel_at(&g, g.at)) {
        int64_t left = end - g.at - g.width;
        g.next = ahead ? panel_at(&g, g.at + g.width) : 0;
        g.part = rows_a_part(left);
        tp__parallel_for(ahead + (left - g.next + g.part - 1) / g.part, 1, run_update, &g);
        if (!ahead)
            factor_panel(&g, g.at + g.width, panel_at(&g, g.at + g.width));
    }
    int64_t panels = (g.at - begin) / panel;
    g.at = begin;
    tp__parallel_for(panels, 1, run_exchanges, &g);
    f->info = g.info;
}

static void factor_panel(lu_work *f, int64_t at, int64_t width)
{
    if (width > WHOLE) {
        factor_rows(f, at, at + width, NARROW);
        return;
    }
    int n = (int)f->n, m = (int)(f->n - at), w = (int)width, *pivots = f->pivots + at, threads = tp__blas_begin();
    void *a = element(f->dtype, f->a, f->n, at, at);
    int info = f->dtype == TP_F32 ? LAPACKE_sgetrf_work(LAPACK_COL_MAJOR, m, w, a, n, pivots)
                                  : LAPACKE_dgetrf_work(LAPACK_COL_MAJOR, m, w, a, n, pivots);
    tp__blas_end(threads);
    for (int i = 0; i < w; i++)
        pivots[i] += (int)at;
    if (info > 0 && f->info == 0)
        f->info = info + (int)at;
}

int tp__getrf(tp_dtype dtype, int64_t n, void *a, int *pivots)
{
    if (!tp__blas_ready(n, 0, 0))
        return -1;
    if (n == 0)
        return 0;
    lu_work f = {.dtype = dtype, .n = n, .a = a, .pivots = pivots};
    factor_rows(&f, 0, n, n <= WHOLE ? n : n < WIDE_FROM ? NARROW : WIDE);
    return f.info;
}

static void swap_rows(char *b, size_t bytes, int64_t i, int64_t j)
{
    char tmp[256], *p = b + (size_t)i * bytes, *q = b + (size_t)j * bytes;
    if (i == j)
        return;
    if (bytes == 8) { /* one element, mostly: without calls */
        memcpy(tmp, p, 8);
        memcpy(p, q, 8);
        memcpy(q, tmp, 8);
        return;
    }
    for (size_t at = 0; at < bytes; at += sizeof tmp) {
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
    if (!tp__blas_ready(n, k, 0))
        return -1;
    if (n == 0 || k == 0)
        return 0;
    if (ta) { /* P L U X = B */
        for (int64_t i = 0; i < n; i++)
            swap_rows(b, bytes, i, pivots[i] - 1);
        tp__trsm(dtype, true, true, true, n, k, lu, n, b, k);
        tp__trsm(dtype, false, true, false, n, k, lu, n, b, k);
    } else {
        tp__trsm(dtype, false, false, false, n, k, lu, n, b, k);
        tp__trsm(dtype, true, false, true, n, k, lu, n, b, k);
        for (int64_t i = n - 1; i >= 0; i--)
            swap_rows(b, bytes, i, pivots[i] - 1);
    }
    return 0;
}

/* ---- Cholesky: the lower half by rows is the upper half by columns ------------------------------------------------
 *
 * Right-looking, too, by blocks on the diagonal, large ones by smaller ones again. A block's part of the rows below is
 * solved for turned, in the upper half, where it stays until the end: L^T lies there as the right factor of the products
 * that follow, whose kernels want it so. */

enum { SMALL = 64, LARGE = 256, LARGE_FROM = 512 };

typedef struct {
    tp_dtype dtype;
    int64_t n; /* of the memory's rows */
    char *a;
    int64_t end, at, width, part; /* of the matrix; the block at hand; rows of a part */
} cholesky;

/* Rows of the block's columns: x L^T = a, turned: L x^T = a^T. */
static void run_solve(int64_t begin, int64_t end, void *user)
{
    const cholesky *f = user;
    const tp__triangle_table *t = TP__PICK(tp__triangle_table);
    bool f64 = f->dtype == TP_F64;
    for (int64_t i = begin; i < end; i++) {
        int64_t row = f->at + f->width + i * f->part, rows = least(f->part, f->end - row);
        char *x = element(f->dtype, f->a, f->n, row, f->at), *turned = element(f->dtype, f->a, f->n, f->at, row);
        t->turn[f64](f->width, rows, x, f->n, turned, f->n);
        tp__trsm(f->dtype, false, false, false, f->width, rows, element(f->dtype, f->a, f->n, f->at, f->at), f->n,
                 turned, f->n);
        t->turn[f64](rows, f->width, turned, f->n, x, f->n);
    }
}

/* Rows [row, row + rows) as far as the diagonal, and beyond it within these rows. */
static void update(const cholesky *f, int64_t row, int64_t rows)
{
    int64_t end = f->at + f->width;
    tp__gemm(f->dtype, false, false, rows, row + rows - end, f->width, -1, element(f->dtype, f->a, f->n, row, f->at),
             f->n, element(f->dtype, f->a, f->n, f->at, end), f->n, 1, element(f->dtype, f->a, f->n, row, end), f->n);
}

/* A short part and a long one together, so that all jobs are alike. */
static void run_updates(int64_t begin, int64_t end, void *user)
{
    const cholesky *f = user;
    int64_t first = f->at + f->width, parts = (f->end - first + f->part - 1) / f->part;
    for (int64_t i = begin; i < end; i++) {
        int64_t other = parts - 1 - i, row = first + i * f->part, far = first + other * f->part;
        update(f, far, least(f->part, f->end - far));
        if (i < other)
            update(f, row, f->part);
    }
}

static int factor_block(const cholesky *f, int64_t at, int64_t width);

/* Rows and columns [begin, end) by blocks of such a size. */
static int factor_diagonal(const cholesky *whole, int64_t begin, int64_t end, int64_t block)
{
    cholesky f = *whole;
    f.end = end;
    for (f.at = begin; f.at < end; f.at += f.width) {
        f.width = least(block, end - f.at);
        int info = factor_block(&f, f.at, f.width);
        if (info != 0)
            return info;
        int64_t left = end - f.at - f.width, parts;
        f.part = rows_a_part(left);
        parts = (left + f.part - 1) / f.part;
        tp__parallel_for(parts, 1, run_solve, &f);
        tp__parallel_for((parts + 1) / 2, 1, run_updates, &f);
    }
    return 0;
}

static int factor_block(const cholesky *f, int64_t at, int64_t width)
{
    if (width > WHOLE)
        return factor_diagonal(f, at, at + width, SMALL);
    int n = (int)f->n, w = (int)width, threads = tp__blas_begin();
    void *a = element(f->dtype, f->a, f->n, at, at);
    int info = f->dtype == TP_F32 ? LAPACKE_spotrf_work(LAPACK_COL_MAJOR, 'U', w, a, n)
                                  : LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'U', w, a, n);
    tp__blas_end(threads);
    return info > 0 ? info + (int)at : info;
}

int tp__potrf(tp_dtype dtype, int64_t n, void *a)
{
    if (!tp__blas_ready(n, 0, 0))
        return -1;
    cholesky f = {.dtype = dtype, .n = n, .a = a};
    int64_t block = n <= WHOLE ? n : n < LARGE_FROM ? SMALL : LARGE;
    int info = factor_diagonal(&f, 0, n, block);
    for (int64_t i = 0; i < n && info == 0; i++) /* OpenBLAS takes NaN for positive */
        if (isnan(tp__load(element(dtype, a, n, i, i), dtype)))
            info = (int)i + 1;
    for (int64_t i = 0; i < n && info == 0; i++)
        memset(element(dtype, a, n, i, i + 1), 0, (size_t)(n - i - 1) * tp_dtype_size(dtype));
    return info;
}

/* ---- an orthonormal basis ------------------------------------------------------------------------------------------------ */

enum { QR_WORK = 64 }; /* columns that LAPACK takes at once, or more */

int64_t tp__orthonormal_room(int64_t k) { return (QR_WORK + 2) * k; }

int tp__orthonormal_rows(tp_dtype dtype, int64_t k, int64_t n, void *a, void *work)
{
    if (!tp__blas_ready(n, k, 0) || k > INT_MAX / QR_WORK)
        return -1;
    void *factors = work, *diagonal = element(dtype, work, 0, 0, k), *rest = element(dtype, work, 0, 0, 2 * k);
    int rows = (int)n, columns = (int)k, room = (int)k * QR_WORK, threads = tp__blas_begin();
    bool f64 = dtype == TP_F64;
    int info = f64 ? LAPACKE_dgeqrf_work(LAPACK_COL_MAJOR, rows, columns, a, rows, factors, rest, room)
                   : LAPACKE_sgeqrf_work(LAPACK_COL_MAJOR, rows, columns, a, rows, factors, rest, room);
    for (int64_t i = 0; i < k; i++)
        tp__store(element(dtype, diagonal, 0, 0, i), dtype, tp__load(element(dtype, a, n, i, i), dtype));
    if (info == 0)
        info = f64 ? LAPACKE_dorgqr_work(LAPACK_COL_MAJOR, rows, columns, columns, a, rows, factors, rest, room)
                   : LAPACKE_sorgqr_work(LAPACK_COL_MAJOR, rows, columns, columns, a, rows, factors, rest, room);
    tp__blas_end(threads);
    for (int64_t i = 0; i < k; i++) {
        double d = tp__load(element(dtype, diagonal, 0, 0, i), dtype);
        for (int64_t j = 0; j < n && !(d > 0); j++) {
            void *to = element(dtype, a, n, i, j);
            tp__store(to, dtype, d < 0 ? -tp__load(to, dtype) : 0);
        }
    }
    return info;
}
