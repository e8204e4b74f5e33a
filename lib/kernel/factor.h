/* factor.h - factorizations by LAPACK of one row-major matrix, beyond those of kernel.h.
 *
 * Each returns LAPACK's info: 0, done; above 0, what its function says; below, no kernel could be called
 * (tp__blas_trouble). One BLAS thread; `space` is of elements of the dtype, unless it is said otherwise. */
#ifndef TAPIR_KERNEL_FACTOR_H
#define TAPIR_KERNEL_FACTOR_H

#include "kernel/kernel.h"

/* ---- lu.c ----------------------------------------------------------------------------------------------------------- */

/* A [m, n] = P L U in place: U on and above the diagonal, L, of ones on its diagonal, below; row i is exchanged with row
 * pivots[i], counted from 1, for i from 0 to min(m, n) - 1. Info: the first pivot that is 0. Space: m n. */
int tp__lu(tp_dtype dtype, int64_t m, int64_t n, void *a, int *pivots, void *space);
/* The exchanges of `count` pivots in the rows of X [m, k]; backwards, they are undone. */
void tp__exchange_rows(tp_dtype dtype, int64_t count, const int *pivots, bool backwards, int64_t k, void *x);

/* A [n, n] becomes its inverse, NaN where it is singular (info: the pivot that is 0). Space: tp__inverse_space(n); n pivots. */
int64_t tp__inverse_space(int64_t n);
int tp__inverse(tp_dtype dtype, int64_t n, void *a, int *pivots, void *space);

/* Sign and logarithm of the product of n factors, and the product; any of them may be NULL. */
void tp__product_of(tp_dtype dtype, int64_t n, const void *factors, void *sign, void *logarithm, void *det);
/* Sign (0 of a singular one) and logarithm of |det A|, and det A, of A [n, n], which is used up; any of them may be NULL. */
int tp__determinant(tp_dtype dtype, int64_t n, void *a, int *pivots, void *sign, void *logarithm, void *det);

/* The cofactors C of A [n, n], the slopes of its determinant, exact for singular matrices, too; and M, the slope of
 * <C, G> by A for a G [n, n]. Space in bytes; -1: LAPACK cannot count it; n pivots. */
int64_t tp__cofactors_space(int64_t n);
int tp__cofactors(tp_dtype dtype, int64_t n, const void *a, void *c, int *pivots, void *space);
int tp__cofactors_slope(tp_dtype dtype, int64_t n, const void *a, const void *g, void *m, int *pivots, void *space);

/* A = L D L^T of a symmetric A [n, n], whose lower half is read, with Bunch and Kaufman's pivots, in place as LAPACK's sytrf
 * leaves it in the lower half; the upper becomes 0. Space: tp__ldl_space(n). */
int64_t tp__ldl_space(int64_t n);
int tp__ldl(tp_dtype dtype, int64_t n, void *a, int *pivots, void *space);
/* X with A X = B [n, k], in place. Space: n (n + k). */
int tp__ldl_solve(tp_dtype dtype, int64_t n, int64_t k, const void *ldl, const int *pivots, void *b, void *space);

/* ---- orthogonal.c --------------------------------------------------------------------------------------------------- */

/* Space of the three that follow, for matrices of at most so many rows and columns. */
int64_t tp__qr_space(int64_t rows, int64_t columns);
/* A [m, n] = Q R in place: R on and above the diagonal; below it, of column i, the reflector v_i, which begins with a
 * 1 in row i that is not stored. Q = H_0 H_1 ..., H_i = I - tau_i v_i v_i^T, tau [min(m, n)]. */
int tp__geqrf(tp_dtype dtype, int64_t m, int64_t n, void *a, void *tau, void *space);
/* The first n <= m columns of H_0 ... H_(k-1), in place of the reflectors: A [m, n], k <= n. */
int tp__orgqr(tp_dtype dtype, int64_t m, int64_t n, int64_t k, void *a, const void *tau, void *space);
/* C [m, n] becomes Q C, Q^T C (transposed), or C Q, C Q^T (not left), for k reflectors in the first columns of A [m
 * or n, columns]. Space: tp__qr_space(m, n), and A's elements once more. */
int tp__ormqr(tp_dtype dtype, bool left, bool transposed, int64_t m, int64_t n, int64_t k, const void *a,
              int64_t columns, const void *tau, void *c, void *space);

/* Bytes of space of the two that follow; -1: LAPACK cannot count them. */
int64_t tp__eigh_space(tp_dtype dtype, int64_t n);
int64_t tp__svd_space(tp_dtype dtype, int64_t m, int64_t n, bool vectors, bool full);
/* Eigenvalues w [n], ascending, of a symmetric A [n, n], of which one half is read; and V, whose columns are the
 * vectors, unless it is NULL. Info: how many elements did not converge to zero. */
int tp__eigh(tp_dtype dtype, bool upper, int64_t n, const void *a, void *w, void *v, void *space);
/* A [m, n] = U diag(s) V^T, s [k] descending, k = min(m, n), U [m, k], Vt [k, n], or [m, m] and [n, n] where full, or
 * both NULL; `bytes` of space. Info: how many elements did not converge to zero. */
int tp__svd(tp_dtype dtype, bool full, int64_t m, int64_t n, const void *a, void *s, void *u, void *vt, void *space,
            int64_t bytes);

/* X [n, k] of least |A X - B|, of least length where there are several, A [m, n] and B [m, k]; rank as the driver
 * finds it, with singular values below rcond times the largest as 0, and these values [min(m, n)], of gelsd and
 * gelss, unless NULL. Info: of gels, which needs full rank, the element of the diagonal that is 0; of gelsd and gelss
 * how many elements did not converge. Space in bytes; -1: LAPACK cannot count it. */
typedef enum { TP__GELSY, TP__GELS, TP__GELSD, TP__GELSS } tp__lstsq_driver; /* as in tp_lstsq_driver */
typedef struct {
    tp__lstsq_driver driver;
    tp_dtype dtype;
    int64_t m, n, k;
    double rcond;
    const void *a, *b;
    void *x, *values;
    int *rank;
} tp__lstsq_job;
int64_t tp__lstsq_space(tp__lstsq_driver driver, tp_dtype dtype, int64_t m, int64_t n, int64_t k);
int tp__lstsq(const tp__lstsq_job *job, void *space, int64_t bytes);

/* The first row of A [m, n] with an element that is not finite, from 1 on; 0: there is none. Of a half, on the
 * diagonal and above it or below it, only that is read. */
typedef enum { TP__ALL_OF_IT, TP__LOWER_HALF, TP__UPPER_HALF } tp__half;
int tp__first_not_finite(tp_dtype dtype, tp__half half, int64_t m, int64_t n, const void *a);

/* ---- matrix_exp.c ------------------------------------------------------------------------------------------------ */

/* Y = exp A, [n, n], NaN where A is not finite; false: no product can be made. */
int64_t tp__matrix_exp_space(int64_t n);
bool tp__matrix_exp(tp_dtype dtype, int64_t n, const void *a, void *y, void *space);

#endif
