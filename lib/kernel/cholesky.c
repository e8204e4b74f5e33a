/* cholesky.c - how a gradient flows back through a Cholesky factor: panels from the last to the first, nearly all of it in
 * products (I. Murray, "Differentiation of the Cholesky decomposition", arXiv:1602.07527, 2016, section 4). */
#include "kernel/cholesky.h"

#include "kernel/triangle.h"

enum { PANEL = TP__CHOLESKY_PANEL };

/* A row-major matrix of order n, from the row i and the column j on */
static char *at(size_t size, const void *of, int64_t n, int64_t i, int64_t j)
{
    return (char *)(uintptr_t)of + (i * n + j) * (int64_t)size;
}

#define TP__BODY "kernel/cholesky_body.h"
#include "kernel/per_float.h"

/* The panel of the columns [j, k) below its diagonal block, C, and what it stands for in the columns before: with R and B
 * beside D and C,
 *     C' = C' D^-1;  B' -= C' R;  D' -= lower(C'^T C);  D' by itself;  R' -= C'^T B + (D' + D'^T) R
 * turned: C'^T, of which products are made; square: of the order of D. */
static bool panel_back(tp_dtype dtype, int64_t n, int64_t j, int64_t k, const void *l, void *g, void *turned,
                       void *square)
{
    bool f64 = dtype == TP_F64, done = true;
    size_t size = tp_dtype_size(dtype);
    int64_t w = k - j, rows = n - k;
    if (rows > 0) {
        const tp__triangle_table *t = TP__PICK(tp__triangle_table);
        t->turn[f64](w, rows, at(size, g, n, k, j), n, turned, rows);
        done = tp__trsm(dtype, false, true, false, w, rows, at(size, l, n, j, j), n, turned, rows);
        t->turn[f64](rows, w, turned, rows, at(size, g, n, k, j), n);
        done = done &&
               tp__gemm(dtype, false, false, w, w, rows, 1, turned, rows, at(size, l, n, k, j), n, 0, square, w);
        if (done)
            (f64 ? lower_less_f64 : lower_less_f32)(w, n, at(size, g, n, j, j), square);
        if (done && j > 0)
            done = tp__gemm(dtype, true, false, rows, j, w, -1, turned, rows, at(size, l, n, j, 0), n, 1,
                            at(size, g, n, k, 0), n) &&
                   tp__gemm(dtype, false, false, w, j, rows, -1, turned, rows, at(size, l, n, k, 0), n, 1,
                            at(size, g, n, j, 0), n);
    }
    (f64 ? block_back_f64 : block_back_f32)(w, n, at(size, l, n, j, j), at(size, g, n, j, j));
    if (!done || j == 0)
        return done;
    (f64 ? both_halves_f64 : both_halves_f32)(w, n, at(size, g, n, j, j), square);
    return tp__gemm(dtype, false, false, w, j, w, -1, square, w, at(size, l, n, j, 0), n, 1, at(size, g, n, j, 0), n);
}

bool tp__potrf_backward(tp_dtype dtype, int64_t n, const void *l, void *g, void *space, void *ga, bool accumulate)
{
    char *square = space, *turned = square + (size_t)(PANEL * PANEL) * tp_dtype_size(dtype);
    int64_t left = n % PANEL ? n % PANEL : PANEL; /* the first panel is the narrow one */
    bool done = true;
    for (int64_t k = n; k > 0 && done;) {
        int64_t j = k > left ? k - PANEL : 0;
        done = panel_back(dtype, n, j, k, l, g, turned, square);
        k = j;
    }
    if (done)
        (dtype == TP_F64 ? symmetric_f64 : symmetric_f32)(n, g, ga, accumulate);
    return done;
}
