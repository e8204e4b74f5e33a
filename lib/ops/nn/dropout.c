/* dropout.c - layers that draw: dropout, alpha dropout, and leaky slopes at random. */
#include "ops/ops.h"

#include <math.h>

/* ---- dropout: attr is p; out[1] says what was kept --------------------------------------------------------------- */

static double keep_scale(const tp_tensor *x, double p)
{
    return x->dtype == TP_F32 ? (double)(1 / (float)(1 - p)) : 1 / (1 - p);
}

static tp_status dropout_infer(tp_call *c)
{
    tp_status status = tp__infer_float_like(c);
    return status == TP_OK ? tp_call_out(c, 1, TP_BOOL, tp__dims_of(c->in[0])) : status;
}

static tp_status dropout_forward(tp_call *c)
{
    const tp_tensor *x = c->in[0];
    double p = *(const double *)c->attr, scale = keep_scale(x, p);
    uint8_t *kept = c->out[1]->data;
    for (int64_t i = 0; i < x->numel; i++)
        kept[i] = tp__rng_uniform_f64(&c->tape->rng) < 1 - p;
    if (x->dtype == TP_F32)
        for (int64_t i = 0; i < x->numel; i++)
            ((float *)c->out[0]->data)[i] = ((const float *)x->data)[i] * (kept[i] ? (float)scale : 0);
    else
        for (int64_t i = 0; i < x->numel; i++)
            ((double *)c->out[0]->data)[i] = ((const double *)x->data)[i] * (kept[i] ? scale : 0);
    return TP_OK;
}

static tp_status dropout_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    v->gin[0] = tp__mul3(T, v->gout[0], v->out[1], tp__number(T, v->gout[0], 1),
                         keep_scale(v->in[0], *(const double *)v->attr));
    return TP_OK;
}

static void dropout_samples(tp_sampler *s)
{
    tp_tensor *x = tp_sample_tensor(s, (tp_dims){2, {4, 5}}, -1, 1);
    tp_sample(s, &(double){0.3}, 1, &x);
}

/* clang-format off */
static const tp_op dropout_op = {
    .name = "dropout", .n_in = 1, .n_out = 2, .attr_size = sizeof(double), .flags = TP_OP_RANDOM | TP_OP_FORGETS_IN,
    .grad_name = "MulBackward0",
    .infer = dropout_infer, .forward = dropout_forward, .vjp = dropout_vjp, .samples = dropout_samples};
/* clang-format on */

tp_tensor *tp_dropout(tp_tape *T, tp_tensor *x, double p, bool training)
{
    if (!tp__usable(T, "dropout", x))
        return NULL;
    if (!(p >= 0 && p <= 1)) {
        tp_fail(T, TP_EINVAL, "dropout: p is %g; 0 to 1 is needed", p);
        return NULL;
    }
    if (p == 0 || !training || x->numel == 0)
        return x;
    return p == 1 ? tp_mul_scalar(T, x, 0) : tp__apply1(T, &dropout_op, &p, x);
}

/* ---- functions made of draws ---------------------------------------------------------------------------------------- */

tp_tensor *tp_alpha_dropout(tp_tape *T, tp_tensor *x, double p, bool training)
{
    const double alpha = 1.7580993408473766; /* Klambauer et al., "Self-normalizing neural networks", 2017 */
    if (!tp__usable(T, "alpha_dropout", x))
        return NULL;
    if (!(p >= 0 && p <= 1) || !tp_dtype_is_float(x->dtype)) {
        tp_fail(T, TP_EINVAL, "alpha_dropout: p is %g, x is %s; 0 to 1, and float32 or float64, are needed", p,
                tp_dtype_name(x->dtype));
        return NULL;
    }
    if (p == 0 || !training || x->numel == 0)
        return x;
    if (p == 1)
        return tp_mul_scalar(T, x, 0);
    tp_tensor *kept = tp_empty_like(T, x);
    if (tp_bernoulli_(T, kept, 1 - p) != TP_OK)
        return NULL;
    double a = 1 / sqrt((alpha * alpha * p + 1) * (1 - p));
    tp_tensor *shift = tp_add_scalar(T, tp_mul_scalar(T, tp_add_scalar(T, kept, -1), alpha * a), alpha * a * p);
    return tp_add(T, tp_mul(T, x, tp_mul_scalar(T, kept, a)), shift);
}

tp_tensor *tp_rrelu(tp_tape *T, tp_tensor *x, double lower, double upper, bool training)
{
    if (!tp__usable(T, "rrelu", x))
        return NULL;
    if (!(lower <= upper) || !tp_dtype_is_float(x->dtype)) {
        tp_fail(T, TP_EINVAL,
                "rrelu: slopes from %g to %g, x is %s; slopes in their order, and float32 or float64, are needed",
                lower, upper, tp_dtype_name(x->dtype));
        return NULL;
    }
    tp_tensor *values = tp_contiguous(T, tp_detach(T, x)), *slope = values ? tp_ones_like(T, values) : NULL;
    if (slope == NULL)
        return NULL;
    size_t size = tp_dtype_size(x->dtype);
    if (x->dtype == TP_F32) { /* the bounds are of x's precision, the draw is a double */
        lower = (double)(float)lower;
        upper = (double)(float)upper;
    }
    for (int64_t i = 0; i < x->numel; i++)
        if (tp_item_at(values, i) <= 0)
            tp__store((char *)slope->data + (size_t)i * size, x->dtype,
                      training ? tp__rng_uniform_f64(&T->rng) * (upper - lower) + lower : (lower + upper) / 2);
    return tp_mul(T, x, slope);
}

const tp_op *const tp__ops_dropout[] = {
#include TP__OPERATORS
    NULL};
