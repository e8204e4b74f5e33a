/* cholesky.c - the Cholesky factorization, batched over leading dimensions. */
#include "kernel/cholesky.h"
#include "ops/linalg/linalg.h"

#include <string.h>

static tp_status cholesky_infer(tp_call *c)
{
    return tp__square_floats(c, c->in[0]) == TP_OK ? tp__infer_like_first(c) : c->tape->status;
}

static int factor(const tp__batch *b, int64_t i, void *scratch)
{
    (void)scratch;
    const tp_tensor *l = b->call->out[0];
    int64_t n = l->shape[l->ndim - 1];
    return tp__potrf(l->dtype, n, tp__matrix(l, i));
}

static tp_status cholesky_forward(tp_call *c)
{
    const tp_tensor *a = c->in[0];
    int64_t n = a->shape[a->ndim - 1];
    if (a->numel == 0)
        return TP_OK;
    tp__triangle lower = {0, false};
    tp_call copy = *c;
    copy.attr = &lower;
    tp_status status = tp__triangle_forward(&copy);
    tp__batch b = {.one = factor,
                   .call = c,
                   .count = tp__matrices(a),
                   .flops = n * n * n / 3,
                   .trouble = "not positive definite",
                   .counted = "leading minor",
                   .needed = "one that is"};
    return status == TP_OK ? tp__run_batch(&b) : status;
}

/* gA = L^-T phi(L^T gL) L^-1, symmetrized; phi takes the lower half, the diagonal halved. */
static tp_status cholesky_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    tp_tensor *l = v->out[0], *lt = tp__mT(T, l);
    tp_tensor *s = tp_matmul(T, lt, tp_tril(T, v->gout[0], 0));
    tp_tensor *phi = tp_mul_scalar(T, tp_add(T, tp_tril(T, s, 0), tp_tril(T, s, -1)), 0.5);
    tp_tensor *p = tp_linalg_solve_triangular(T, lt, phi, true);                     /* L^-T phi */
    tp_tensor *q = tp__mT(T, tp_linalg_solve_triangular(T, lt, tp__mT(T, p), true)); /* ... L^-1 */
    v->gin[0] = tp_mul_scalar(T, tp_add(T, q, tp__mT(T, q)), 0.5);
    return TP_OK;
}

/* A matrix at a time, in a buffer of its gradient, of which the lower half is used up, and of scratch. */
static int pull_back(const tp__batch *b, int64_t i, void *scratch)
{
    const tp_vjp *v = b->vjp;
    const tp_tensor *l = v->out[0];
    int64_t n = l->shape[l->ndim - 1];
    size_t each = (size_t)(n * n) * tp_dtype_size(l->dtype);
    memcpy(scratch, tp__matrix(v->gout[0], i), each);
    return tp__potrf_backward(l->dtype, n, tp__matrix(l, i), scratch, (char *)scratch + each, tp__matrix(v->gin[0], i),
                              !(v->fresh & 1u))
               ? 0
               : -1;
}

static tp_status cholesky_vjp_fused(tp_vjp *v)
{
    const tp_tensor *l = v->out[0];
    int64_t n = l->shape[l->ndim - 1];
    if (l->numel == 0)
        return TP_OK;
    size_t panel = TP__CHOLESKY_PANEL * (TP__CHOLESKY_PANEL + (size_t)n), all = (size_t)(n * n) + panel;
    return tp__run_batch(&(tp__batch){.one = pull_back,
                                      .vjp = v,
                                      .count = tp__matrices(l),
                                      .flops = n * n * n / 3,
                                      .scratch = all * tp_dtype_size(l->dtype)});
}

static void cholesky_samples(tp_sampler *s)
{
    tp_tensor *x = tp__sample_matrix(s, (tp_dims){2, {3, 3}});
    x = tp_requires_grad(tp_detach(s->tape, tp_matmul(s->tape, x, tp__mT(s->tape, x))), true);
    tp_sample(s, NULL, 1, &x);
    x = tp__sample_matrix(s, (tp_dims){3, {2, 2, 2}});
    x = tp_requires_grad(tp_detach(s->tape, tp_matmul(s->tape, x, tp__mT(s->tape, x))), true);
    tp_sample(s, NULL, 1, &x);
}

/* clang-format off */
static const tp_op cholesky_op = {
    .name = "linalg_cholesky", .n_in = 1, .n_out = 1, .flags = TP_OP_FORGETS_IN | TP_OP_SYMMETRIC | TP_OP_OVERWRITES,
    .grad_name = "LinalgCholeskyExBackward0",
    .infer = cholesky_infer, .forward = cholesky_forward, .vjp = cholesky_vjp, .vjp_fused = cholesky_vjp_fused,
    .samples = cholesky_samples};
/* clang-format on */

tp_tensor *tp_linalg_cholesky(tp_tape *T, tp_tensor *a) { return tp__apply1(T, &cholesky_op, NULL, a); }

const tp_op *const tp__ops_cholesky[] = {
#include TP__OPERATORS
    NULL};
