/* linalg.h - what the solves and factorizations share: matrices [..., n, n], batched over leading dimensions. */
#ifndef TAPIR_OPS_LINALG_H
#define TAPIR_OPS_LINALG_H

#include "ops/ops.h"

/* How many matrices x [..., n, m] has. */
int64_t tp__matrices(const tp_tensor *x);
/* The leading dimensions. */
tp_dims tp__batch_of(const tp_tensor *x);
/* The i-th of them, where x is contiguous. */
static inline void *tp__matrix(const tp_tensor *x, int64_t i)
{
    int64_t each = x->shape[x->ndim - 1] * x->shape[x->ndim - 2];
    return (char *)x->data + (size_t)(i * each) * tp_dtype_size(x->dtype);
}
/* The last two dimensions swapped. */
static inline tp_tensor *tp__mT(tp_tape *T, tp_tensor *x) { return tp_transpose(T, x, -2, -1); }

/* In infer: a must be [..., n, n] of floats. */
tp_status tp__square_floats(const tp_call *c, const tp_tensor *a);
/* In infer, of A X = B: out[0] is like B, [..., n, k], beside A [..., n, n]. */
tp_status tp__solve_infer(tp_call *c);

/* A kernel for each of a batch of matrices. Small ones, by the multiply-adds of each, are divided among threads; large ones
 * go one after the other, and divide themselves. `one` does the i-th, and returns LAPACK's info. */
typedef struct tp__batch {
    int (*one)(const struct tp__batch *b, int64_t i, void *scratch);
    const tp_call *call; /* in a forward, */
    const tp_vjp *vjp;   /* or in a vjp_fused */
    int64_t count, flops;
    size_t scratch; /* bytes that one needs */
    int32_t *info;  /* [count], where it is an output; or NULL */
    /* What a matrix is where info is positive, what info counts, what is needed: "singular", "pivot", "a regular one".
     * NULL: that is no failure. */
    const char *trouble, *counted, *needed;
    const void *user;
    int64_t parts;
    char *room;
} tp__batch;
/* The attribute of a factorization that has INFO as an output: whether trouble is no failure, but what that says. */
typedef struct {
    bool info;
} tp__told;
/* Fails the tape where no kernel could be called, and where there is trouble: the first of it is told. */
tp_status tp__run_batch(tp__batch *b);
/* Both with the same leading dimensions; false after a failure. */
bool tp__broadcast_batches(tp_tape *T, const char *name, tp_tensor **a, tp_tensor **b);
/* X with A X = B for the upper or lower triangle of A, with ones on its diagonal where `unit`. */
tp_tensor *tp__solve_triangular(tp_tape *T, tp_tensor *a, tp_tensor *b, bool upper, bool unit);
/* A matrix of samples that is far from singular. */
tp_tensor *tp__sample_matrix(tp_sampler *s, tp_dims shape);

/* tril and triu: the attributes, and forward. */
typedef struct {
    int64_t diagonal;
    bool upper;
} tp__triangle;
tp_status tp__triangle_forward(tp_call *c);

#endif
