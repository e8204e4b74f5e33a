/* orthogonal.h - what the orthogonal factorizations share. */
#ifndef TAPIR_OPS_ORTHOGONAL_H
#define TAPIR_OPS_ORTHOGONAL_H

#include "ops/linalg/linalg.h"

/* Zero columns, or rows, added up to so many. */
tp_tensor *tp__with_columns(tp_tape *T, tp_tensor *x, int64_t columns);
/* a + b, where either may be NULL for nothing. */
tp_tensor *tp__sum_of(tp_tape *T, tp_tensor *a, tp_tensor *b);

#define TP__UNCONVERGED "one on which the iteration does not converge"
/* The broadening that is asked for, 0: none; false after a failure. */
bool tp__broadening_of(tp_tape *T, const char *name, const tp_spectrum_options *options, double *broadening);
/* x / gap off the diagonal, or x gap / (gap^2 + broadening); x is 0 on the diagonal, and stays so. */
tp_tensor *tp__over_gaps(tp_tape *T, tp_tensor *x, tp_tensor *gap, double broadening);
/* x - x^T */
tp_tensor *tp__skew(tp_tape *T, tp_tensor *x);

/* qr.c: the gradient of A = Q R by those of Q [..., m, k] and R [..., k, n], of which one may be NULL. */
tp_tensor *tp__qr_pull(tp_tape *T, tp_tensor *q, tp_tensor *r, tp_tensor *gq, tp_tensor *gr);
/* pinv.c: the pseudoinverse, with this rtol, and the gradient of A by that of its pseudoinverse p. */
tp_tensor *tp__pinv(tp_tape *T, tp_tensor *a, double rtol);
tp_tensor *tp__pinv_pull(tp_tape *T, tp_tensor *a, tp_tensor *p, tp_tensor *g);
/* householder.c: H_0 H_1 ... of reflectors, its first columns. */
tp_tensor *tp__reflectors(tp_tape *T, tp_tensor *a, tp_tensor *tau);

#endif
