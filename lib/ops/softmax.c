/* softmax.c - softmax and its logarithm. The operators work on the last dimension; others are turned there. */
#include "ops/ops.h"

static int64_t row_of(const tp_tensor *x) { return x->ndim ? x->shape[x->ndim - 1] : 1; }

static bool is_log(const tp_op *op) { return op->name[0] == 'l'; }

static tp_status softmax_forward(tp_call *c)
{
    const tp_tensor *x = c->in[0];
    if (x->numel)
        tp__softmax((tp_dtype)x->dtype, is_log(c->op), x->numel / row_of(x), row_of(x), x->data, c->out[0]->data);
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
        tp__softmax_backward((tp_dtype)y->dtype, is_log(v->op), y->numel / row_of(y), row_of(y), y->data,
                             v->gout[0]->data, v->gin[0]->data, !(v->fresh & 1u));
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
static const tp_op softmax_op = {.name = "softmax",
                                 .n_in = 1,
                                 .n_out = 1,
                                 .flags = SOFTMAX_FLAGS,
                                 .infer = tp__infer_float_like,
                                 .forward = softmax_forward,
                                 .vjp = softmax_vjp,
                                 .vjp_fused = softmax_vjp_fused,
                                 .samples = samples,
                                 .grad_name = "SoftmaxBackward0"};
static const tp_op log_softmax_op = {.name = "log_softmax",
                                     .n_in = 1,
                                     .n_out = 1,
                                     .flags = SOFTMAX_FLAGS,
                                     .infer = tp__infer_float_like,
                                     .forward = softmax_forward,
                                     .vjp = log_softmax_vjp,
                                     .vjp_fused = softmax_vjp_fused,
                                     .samples = samples,
                                     .grad_name = "LogSoftmaxBackward0"};

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

const tp_op *const tp__ops_softmax[] = {&softmax_op, &log_softmax_op, NULL};
