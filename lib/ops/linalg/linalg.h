/* linalg.h - what the solves and factorizations share: matrices [..., n, n], batched over leading dimensions. */
#ifndef TAPIR_OPS_LINALG_H
#define TAPIR_OPS_LINALG_H

#include "kernel/factor.h"
#include "kernel/lanes.h"
#include "ops/ops.h"

static inline int64_t tp__rows(const tp_tensor *x) { return x->shape[x->ndim - 2]; }
static inline int64_t tp__columns(const tp_tensor *x) { return x->shape[x->ndim - 1]; }
static inline int64_t tp__least_side(const tp_tensor *x)
{
    return tp__rows(x) < tp__columns(x) ? tp__rows(x) : tp__columns(x);
}
/* How many matrices x [..., n, m] has. */
int64_t tp__matrices(const tp_tensor *x);
/* The leading dimensions; these and others. */
tp_dims tp__batch_of(const tp_tensor *x);
tp_dims tp__batch_and_one(const tp_tensor *x, int64_t n);
tp_dims tp__batch_and(const tp_tensor *x, int64_t rows, int64_t columns);
/* The i-th of them, where x is contiguous. */
static inline void *tp__matrix(const tp_tensor *x, int64_t i)
{
    return (char *)x->data + (size_t)(i * tp__rows(x) * tp__columns(x)) * tp_dtype_size(x->dtype);
}
/* The i-th vector of x [..., n], where x is contiguous. */
static inline void *tp__vector(const tp_tensor *x, int64_t i)
{
    return (char *)x->data + (size_t)(i * tp__columns(x)) * tp_dtype_size(x->dtype);
}
/* The last two dimensions swapped. */
static inline tp_tensor *tp__mT(tp_tape *T, tp_tensor *x) { return tp_transpose(T, x, -2, -1); }

/* The first rows and columns of matrices. */
tp_tensor *tp__corner(tp_tape *T, tp_tensor *x, int64_t rows, int64_t columns);

/* In infer: in[i] must be [..., m, n] of floats; a must be [..., n, n] of floats. */
tp_status tp__matrix_floats(const tp_call *c, int i, const char *name);
tp_status tp__square_floats(const tp_call *c, const tp_tensor *a);
/* In infer, of A X = B: out[0] is like B, [..., n, k], beside A [..., n, n]. */
tp_status tp__solve_infer(tp_call *c);

/* A kernel for each of a batch of matrices. Small ones, by the multiply-adds of each, are divided among threads; large ones
 * go one after the other, and divide themselves. `one` does the i-th, and returns LAPACK's info. Matrices of
 * TP__LANES_ORDER and less are not given to it but to the kernel of `lanes`, if there is one, some at once, then to `after`, which returns 0 or less:
 * the bits depend on the sizes of a matrix, not on how many there are. */
typedef struct tp__batch {
    int (*one)(const struct tp__batch *b, int64_t i, void *scratch);
    const tp__lanes_job *lanes;
    int (*after)(const struct tp__batch *b, int64_t first, int64_t count, void *scratch);
    const tp_call *call; /* in a forward, */
    const tp_vjp *vjp;   /* or in a vjp_fused */
    int64_t count, flops;
    size_t scratch; /* bytes that one needs, or after */
    int32_t *info;  /* [count], where it is an output; or NULL */
    /* What a matrix is where info is positive, what info counts, what is needed: "singular", "pivot", "a regular one".
     * NULL: that is no failure. */
    const char *trouble, *counted, *needed;
    /* Or, where info tells kinds of trouble, that from 1 on: "is singular; a regular one is needed". */
    const char *const *told;
    const char *what; /* the matrices are; NULL: "A" */
    const void *user;
    int64_t parts, each; /* matrices of a part */
    char *room;
} tp__batch;
/* The attribute of a factorization that has INFO as an output: whether trouble is no failure, but what that says. */
typedef struct {
    bool info;
} tp__told;
/* Are matrices done by kernels in lanes, of such sizes? */
static inline bool tp__in_lanes(int64_t n, int64_t k)
{
    return n > 0 && n <= TP__LANES_ORDER && k > 0 && k <= TP__LANES_ORDER;
}
/* An operand of these matrices, which come from `from` and go to `to`, or neither. */
tp__lanes_operand tp__in_lane(const tp_tensor *from, const tp_tensor *to);
/* Fails the tape where no kernel could be called, and where there is trouble: the first of it is told. */
tp_status tp__run_batch(tp__batch *b);
/* In the forward of a factorization in place: out[at] becomes a copy of in[0], unless lanes take it from there, and `one`
 * factors its matrices; LAPACK's info is the last output. A singular matrix is told by its pivot that is 0, unless the
 * attribute, a tp__told, says that info does. */
tp_status tp__factor_copies(tp_call *c, int at, tp__batch b);
/* Fails where a matrix of x, which is called so, is not finite. */
tp_status tp__must_be_finite_as(const tp_call *c, const char *name, const tp_tensor *x, tp__half half);
static inline tp_status tp__must_be_finite(const tp_call *c, const tp_tensor *x, tp__half half)
{
    return tp__must_be_finite_as(c, NULL, x, half);
}
/* In a vjp_fused: the i-th matrix of gin[in], if there is one, is (or gets on top) this. */
void tp__give_gradient(const tp_vjp *v, int in, int64_t i, const void *g);
/* In the vjp_fused of X with A X = B, in lanes, where A, or what is made of it, is `a`: gB = A^-T g, gA = -gB X^T. */
tp__lanes_job tp__solve_back_lanes(const tp_vjp *v, tp__lanes_kernel kernel, const void *a);
/* Both with the same leading dimensions; false after a failure. */
bool tp__broadcast_batches(tp_tape *T, const char *name, tp_tensor **a, tp_tensor **b);
/* Contiguous elements of as many bytes. */
void tp__take_elements(tp_tensor *to, const tp_tensor *from);
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
