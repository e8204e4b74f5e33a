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

/* A diagonal block of order m, column by column: d is its diagonal element, c what is below it, r and b are the rows of
 * d and c before it.
 *     d' -= c c' / d;  d', c' /= d;  r' -= d' r + c' b;  b' -= c' r;  d' /= 2  */
/* clang-format off */
#define BLOCK_BACK(name, type)                                                                     \
    static void name(int64_t m, int64_t n, const void *factor, void *slope)                        \
    { const type *l = factor; type *restrict g = slope;                                            \
      for (int64_t k = m - 1; k >= 0; k--) {                                                       \
          type d = l[k * n + k], rest = 0;                                                         \
          for (int64_t i = k + 1; i < m; i++) {                                                    \
              rest += l[i * n + k] * g[i * n + k];                                                 \
              g[i * n + k] /= d;                                                                   \
          }                                                                                        \
          type own = (g[k * n + k] - rest / d) / d;                                                \
          for (int64_t j = 0; j < k; j++) g[k * n + j] -= own * l[k * n + j];                      \
          for (int64_t i = k + 1; i < m; i++) {                                                    \
              type x = g[i * n + k];                                                               \
              for (int64_t j = 0; j < k; j++) g[k * n + j] -= x * l[i * n + j];                    \
              for (int64_t j = 0; j < k; j++) g[i * n + j] -= x * l[k * n + j];                    \
          }                                                                                        \
          g[k * n + k] = own / 2;                                                                  \
      } }
BLOCK_BACK(block_back_f32, float)
BLOCK_BACK(block_back_f64, double)
/* The lower half of g -= that of the product. */
#define LOWER_LESS(name, type)                                                                     \
    static void name(int64_t m, int64_t n, void *slope, const void *product)                       \
    { type *restrict g = slope; const type *less = product;                                        \
      for (int64_t i = 0; i < m; i++) for (int64_t j = 0; j <= i; j++) g[i * n + j] -= less[i * m + j]; }
LOWER_LESS(lower_less_f32, float)
LOWER_LESS(lower_less_f64, double)
/* sum = g + g^T of a lower half g */
#define BOTH_HALVES(name, type)                                                                    \
    static void name(int64_t m, int64_t n, const void *slope, void *sum)                           \
    { const type *g = slope; type *restrict s = sum;                                               \
      for (int64_t i = 0; i < m; i++) for (int64_t j = 0; j <= i; j++)                             \
          s[i * m + j] = s[j * m + i] = i == j ? 2 * g[i * n + i] : g[i * n + j]; }
BOTH_HALVES(both_halves_f32, float)
BOTH_HALVES(both_halves_f64, double)
/* a (+)= (g + g^T) / 2 of a lower half g */
#define SYMMETRIC(name, type)                                                                      \
    static void name(int64_t n, const void *slope, void *to, bool add)                             \
    { const type *g = slope; type *restrict a = to;                                                \
      for (int64_t i = 0; i < n; i++) for (int64_t j = 0; j <= i; j++) {                           \
          type x = i == j ? g[i * n + i] : g[i * n + j] / 2;                                       \
          a[i * n + j] = add ? a[i * n + j] + x : x;                                               \
          if (i != j) a[j * n + i] = add ? a[j * n + i] + x : x;                                   \
      } }
SYMMETRIC(symmetric_f32, float)
SYMMETRIC(symmetric_f64, double)
/* clang-format on */

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
