/* linalg.h - what the solves and factorizations share: matrices [..., n, n], batched over leading dimensions. */
#ifndef TAPIR_OPS_LINALG_H
#define TAPIR_OPS_LINALG_H

#include "ops/ops.h"

/* How many matrices x [..., n, m] has. */
int64_t tp__matrices(const tp_tensor *x);
/* The last two dimensions swapped. */
static inline tp_tensor *tp__mT(tp_tape *T, tp_tensor *x) { return tp_transpose(T, x, -2, -1); }

/* In infer: a must be [..., n, n] of floats. */
tp_status tp__square_floats(const tp_call *c, const tp_tensor *a);
/* In infer, of A X = B: out[0] is like B, [..., n, k], beside A [..., n, n]. */
tp_status tp__solve_infer(tp_call *c);
/* In forward: LAPACK's info is not 0; where it is positive A is `trouble`: "singular; ...". */
tp_status tp__lapack_said(const tp_call *c, int info, const char *trouble);
/* Both with the same leading dimensions; false after a failure. */
bool tp__broadcast_batches(tp_tape *T, const char *name, tp_tensor **a, tp_tensor **b);
/* A matrix of samples that is far from singular. */
tp_tensor *tp__sample_matrix(tp_sampler *s, tp_dims shape);

/* tril and triu: the attributes, and forward. */
typedef struct {
    int64_t diagonal;
    bool upper;
} tp__triangle;
tp_status tp__triangle_forward(tp_call *c);

#endif
