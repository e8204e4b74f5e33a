/* softmax.c - softmax and its logarithm. The operators work on the last dimension; others are turned there. */
#include "ops/ops.h"

static int64_t row_of(const tp_tensor *x) { return x->ndim ? x->shape[x->ndim - 1] : 1; }

static const tp_op log_softmax_op;

static bool is_log(const tp_op *op) { return op == &log_softmax_op; }

static tp_status softmax_forward(tp_call *c)
{
    const tp_tensor *x = c->in[0];
    if (x->numel)
        tp__softmax(x->dtype, is_log(c->op), x->numel / row_of(x), row_of(x), x->data, c->out[0]->data);
    return TP_OK;
}

static tp_status softmax_vjp(tp_vjp *v) /* y (g - sum(g y)) */
{
    tp_tape *T = v->tape;
    tp_tensor *y = v->out[0], *gy = tp_mul(T, v->gout[0], y);
    tp_tensor *sum = y->ndim ? tp_sum_dim(T, gy, -1, true) : gy;
    v->gin[0] = tp_sub(T, gy, tp_mul(T, y, sum));
    return TP_OK;
}

static tp_status log_softmax_vjp(tp_vjp *v) /* g - e^y sum(g) */
{
    tp_tape *T = v->tape;
    tp_tensor *y = v->out[0], *g = v->gout[0];
    tp_tensor *sum = y->ndim ? tp_sum_dim(T, g, -1, true) : g;
    v->gin[0] = tp_sub(T, g, tp_mul(T, tp_exp(T, y), sum));
    return TP_OK;
}

static tp_status softmax_vjp_fused(tp_vjp *v)
{
    const tp_tensor *y = v->out[0];
    if (y->numel)
        tp__softmax_backward(y->dtype, is_log(v->op), y->numel / row_of(y), row_of(y), y->data, v->gout[0]->data,
                             v->gin[0]->data, !(v->fresh & 1u));
    return TP_OK;
}

static void samples(tp_sampler *s)
{
    tp_tensor *x = tp_sample_tensor(s, (tp_dims){2, {3, 5}}, -2, 2.5);
    tp_sample(s, NULL, 1, &x);
    x = tp_sample_tensor(s, (tp_dims){.ndim = 0}, -2, 2);
    tp_sample(s, NULL, 1, &x);
    x = tp_sample_tensor(s, (tp_dims){2, {0, 4}}, -2, 2);
    tp_sample(s, NULL, 1, &x);
}

#define SOFTMAX_FLAGS (TP_OP_FORGETS_IN | TP_OP_OVERWRITES)
/* clang-format off */
static const tp_op softmax_op = {
    .name = "softmax", .n_in = 1, .n_out = 1, .flags = SOFTMAX_FLAGS, .grad_name = "SoftmaxBackward0",
    .infer = tp__infer_float_like, .forward = softmax_forward, .vjp = softmax_vjp, .vjp_fused = softmax_vjp_fused,
    .samples = samples};
static const tp_op log_softmax_op = {
    .name = "log_softmax", .n_in = 1, .n_out = 1, .flags = SOFTMAX_FLAGS, .grad_name = "LogSoftmaxBackward0",
    .infer = tp__infer_float_like, .forward = softmax_forward, .vjp = log_softmax_vjp, .vjp_fused = softmax_vjp_fused,
    .samples = samples};
/* clang-format on */

static tp_tensor *along(tp_tape *T, const tp_op *op, tp_tensor *x, int dim)
{
    if (!tp__usable(T, op->name, x))
        return NULL;
    int d = tp__dim_of(T, op->name, x->ndim, dim), last = x->ndim ? x->ndim - 1 : 0;
    if (d < 0)
        return NULL;
    if (d == last)
        return tp__apply1(T, op, NULL, x);
    return tp_transpose(T, tp__apply1(T, op, NULL, tp_transpose(T, x, d, last)), d, last);
}

tp_tensor *tp_softmax(tp_tape *T, tp_tensor *x, int dim) { return along(T, &softmax_op, x, dim); }
tp_tensor *tp_log_softmax(tp_tape *T, tp_tensor *x, int dim) { return along(T, &log_softmax_op, x, dim); }
tp_tensor *tp_softmin(tp_tape *T, tp_tensor *x, int dim)
{
    TP__NAMED(T, "softmin");
    return tp_softmax(T, tp_neg(T, x), dim);
}

/* ---- log sum e^x over the middle of [outer, n, inner], -> [outer, inner] ---------------------------------------- */

static tp_status logsumexp_infer(tp_call *c)
{
    const tp_tensor *x = c->in[0];
    if (x->ndim != 3)
        return tp_call_fail(c, TP_ESHAPE, "x is %s; [outer, n, inner] is needed", TP__SHAPE(x));
    if (!tp_dtype_is_float(x->dtype))
        return tp__no_float(c, x);
    return tp_call_out(c, 0, x->dtype, (tp_dims){2, {x->shape[0], x->shape[2]}});
}

static tp_status logsumexp_forward(tp_call *c)
{
    const tp_tensor *x = c->in[0];
    tp__log_sum_exp(x->dtype, x->shape[0], x->shape[1], x->shape[2], x->data, c->out[0]->data);
    return TP_OK;
}

/* g softmax(x); nothing but -infinity has no slope, nor has what is finite beside infinity (softmax: all NaN) */
static tp_status logsumexp_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    tp_tensor *x = v->in[0], *y = tp_unsqueeze(T, v->out[0], 1), *zero = tp__number(T, x, 0);
    tp_tensor *nothing = tp_isneginf(T, y), *infinite = tp_isposinf(T, y);
    tp_tensor *finite = tp_where(T, tp_logical_or(T, nothing, infinite), zero, x);
    tp_tensor *below = tp_sub(T, tp_where(T, infinite, x, zero), tp_where(T, infinite, y, zero));
    tp_tensor *share = tp_where(T, infinite, tp_exp(T, below), tp_softmax(T, finite, 1));
    v->gin[0] = tp_where(T, nothing, zero, tp_mul(T, tp_unsqueeze(T, v->gout[0], 1), share));
    return T->status;
}

static tp_status logsumexp_vjp_fused(tp_vjp *v)
{
    const tp_tensor *x = v->in[0];
    tp__log_sum_exp_backward(x->dtype, x->shape[0], x->shape[1], x->shape[2], x->data, v->gout[0]->data,
                             v->gin[0]->data, !(v->fresh & 1u));
    return TP_OK;
}

static void logsumexp_samples(tp_sampler *s)
{
    tp_tensor *x = tp_sample_tensor(s, (tp_dims){3, {3, 5, 1}}, -2, 2.5);
    tp_sample(s, NULL, 1, &x);
    x = tp_sample_tensor(s, (tp_dims){3, {2, 4, 3}}, -2, 2.5);
    tp_sample(s, NULL, 1, &x);
    x = tp_sample_tensor(s, (tp_dims){3, {0, 4, 2}}, -2, 2);
    tp_sample(s, NULL, 1, &x);
}

/* clang-format off */
static const tp_op logsumexp_op = {
    .name = "logsumexp", .n_in = 1, .n_out = 1, .flags = TP_OP_OVERWRITES, .grad_name = "LogsumexpBackward0",
    .infer = logsumexp_infer, .forward = logsumexp_forward, .vjp = logsumexp_vjp, .vjp_fused = logsumexp_vjp_fused,
    .samples = logsumexp_samples};
/* clang-format on */

tp_tensor *tp_logsumexp(tp_tape *T, tp_tensor *x, int n, const int *dims, bool keepdim)
{
    uint32_t mask;
    tp_dims split = {.ndim = 3};
    if (!tp__mask_of(T, logsumexp_op.name, x, n, dims, &mask))
        return NULL;
    if (!tp_dtype_is_float(x->dtype) && (x = tp_to(T, x, TP_F32)) == NULL)
        return NULL;
    tp_dims shape = tp__shape_over(x, mask, keepdim);
    if (!tp__as_middle(x, mask, &split.dim[0], &split.dim[1], &split.dim[2])) {
        x = tp__rows_over(T, x, mask);
        split = x ? (tp_dims){3, {x->shape[0], x->shape[1], 1}} : split;
    }
    return tp_reshape(T, tp__apply1(T, &logsumexp_op, NULL, tp_reshape(T, x, split)), shape);
}

const tp_op *const tp__ops_softmax[] = {
#include TP__OPERATORS
    NULL};
