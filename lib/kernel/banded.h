/* banded.h - solves with banded matrices by LAPACK, of one row-major right side [n, k] in place.
 *
 * Bands are stored as SciPy has them, by diagonals: bands [l + u + 1, n], and an element a_ij of A is bands_(u + i - j) j.
 * Each returns LAPACK's info: 0, done; above 0, the pivot, or leading minor, that stops it; below, no kernel could be called. */
#ifndef TAPIR_KERNEL_BANDED_H
#define TAPIR_KERNEL_BANDED_H

#include "kernel/kernel.h"

/* A X = B, or A^T X = B, with l diagonals below and u above; n pivots. Space in elements. */
int64_t tp__banded_space(int64_t l, int64_t u, int64_t n, int64_t k);
int tp__banded_solve(tp_dtype dtype, bool transposed, int64_t l, int64_t u, int64_t n, int64_t k, const void *bands,
                     void *x, int *pivots, void *space);
/* The same of a symmetric positive definite A, of which the diagonals on one side are stored, `count` of them besides the main
 * one: l = count and u = 0 where lower, or the other way round. Space: tp__banded_space(0, count, n, k). */
int tp__banded_cholesky_solve(tp_dtype dtype, bool lower, int64_t count, int64_t n, int64_t k, const void *bands,
                              void *x, void *space);
/* With one diagonal on each side: dl and du [n - 1], d [n]. Space: tp__banded_space(0, 2, n, k). */
int tp__tridiagonal_solve(tp_dtype dtype, int64_t n, int64_t k, const void *dl, const void *d, const void *du, void *x,
                          void *space);

#endif
