/* lobpcg.h - a few of the largest or smallest eigenvalues of a symmetric matrix, by iteration. */
#ifndef TAPIR_KERNEL_LOBPCG_H
#define TAPIR_KERNEL_LOBPCG_H

#include "kernel/factor.h"

/* k pairs of A x = l B x, of the symmetric parts of A and B [m, m]: values [k], the first one the largest (or smallest), and vectors
 * [m, k], X^T B X = I, from X [m, n] on, k <= n, 3 n <= m. B NULL: the identity; iK [m, m], about the inverse of A, NULL: that. It
 * stops when k residuals are below tol times sizes, after `steps` (none below 0 but when they do not fall any more). All in double,
 * by rows. Info: 1, X has dependent columns; 2, eigenvalues of a small matrix do not converge. Space in bytes; -1: LAPACK cannot
 * count it. */
typedef struct {
    tp_dtype dtype;
    int64_t m, n, k, steps;
    double tol;
    bool smallest;
    const void *a, *b, *ik, *x;
    void *values, *vectors;
} tp__lobpcg_job;
int64_t tp__lobpcg_space(const tp__lobpcg_job *job);
int tp__lobpcg(const tp__lobpcg_job *job, void *space);

#endif
