/* margin_loss.c - losses of a target of signs: hinge, soft margin, and ranking of two by a third. */
#if defined(TP__READING)

/* clang-format off */
SLOPE(hinge_embedding_loss_slope, SCALED, FLOATS((ELEM)(y != -1) - (ELEM)(y != 1 && x <= s)))
SLOPE(soft_margin_loss_slope, BINARY, FLOATS(-y * V(sigmoid)(-(x * y))))
SLOPE(margin_ranking_loss_slope, TERNARY, FLOATS(s - z * (x - y) >= 0 ? -z : 0))
HINGE(hinge_embedding_loss, SCALED, FLOATS((y == 1 ? 0 : s - x < 0 ? 0 : s - x) + (y == -1 ? 0 : x)))
SOFT(soft_margin_loss, BINARY, FLOATS((x * y < 0 ? -(x * y) : 0) + V(log1p_exp)(M(fabs)(x * y))))
RANKING(margin_ranking_loss, TERNARY, FLOATS(s - z * (x - y) < 0 ? 0 : s - z * (x - y)))
/* clang-format on */

#else

#if defined(TP__ISA)

#include "kernel/vec_math.h"

#define HINGE(fn, SHAPE, form) SHAPE(fn, SAME, form)
#define SOFT(fn, SHAPE, form) SHAPE(fn, SAME, form)
#define RANKING(fn, SHAPE, form) SHAPE(fn, SAME, form)
#define SLOPE(fn, SHAPE, form) SHAPE(fn, SAME, form)

#else

#include "ops/nn/loss.h"

/* The slope by x, which is the same number all around; there is none by the target, which is a sign. */
static tp_tensor *hinge_slope(tp_tape *T, tp_tensor *x, tp_tensor *t, double margin)
{
    tp_tensor *short_of = tp_logical_and(T, tp_ne_scalar(T, t, 1), tp_le_scalar(T, x, margin));
    return tp_sub(T, tp_to(T, tp_ne_scalar(T, t, -1), x->dtype), tp_to(T, short_of, x->dtype));
}

static tp_tensor *soft_slope(tp_tape *T, tp_tensor *x, tp_tensor *t)
{
    return tp_neg(T, tp_mul(T, t, tp_sigmoid(T, tp_neg(T, tp_mul(T, x, t)))));
}

/* clang-format off */
TP__LOSS_VJP(hinge_embedding_loss, hinge_slope(T, x, t, at[0]), tp_zeros_like(T, t))
TP__LOSS_VJP(soft_margin_loss, soft_slope(T, x, t), soft_slope(T, t, x))
/* clang-format on */

/* max(0, margin - t (x - y)) */
static tp_status margin_ranking_loss_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    tp_tensor *x = v->in[0], *y = v->in[1], *t = v->in[2], *g = tp__loss_factor(v), *gap = tp_sub(T, x, y);
    tp_tensor *rest = tp_rsub_scalar(T, tp_mul(T, t, gap), tp__loss_numbers(v->attr)[0]);
    g = tp_where_scalar(T, tp_ge_scalar(T, rest, 0), tp_expand(T, g, tp__dims_of(x)), 0);
    if (tp_vjp_needs(v, 0))
        v->gin[0] = tp_neg(T, tp_mul(T, g, t));
    if (tp_vjp_needs(v, 1))
        v->gin[1] = tp_mul(T, g, t);
    if (tp_vjp_needs(v, 2))
        v->gin[2] = tp_neg(T, tp_mul(T, g, gap));
    return TP_OK;
}

/* The target holds signs where the loss looks at these alone. */
static void hinge_samples(tp_sampler *s)
{
    for (int r = TP_MEAN; r <= TP_NONE; r++) {
        tp__loss_attr attr = {{0.9}, (tp_reduction)r};
        tp_tensor *x = tp_sample_tensor(s, (tp_dims){2, {3, 5}}, -2.3, 2.1);
        tp_tensor *sign = tp_full(s->tape, s->dtype, (tp_dims){2, {3, 5}}, r == TP_SUM ? 1 : -1);
        tp_sample(s, &attr, 2, (tp_tensor *[2]){x, sign});
    }
}
static void ranking_samples(tp_sampler *s)
{
    const double low[3] = {-2.3, 1.9, -1.7}, high[3] = {2.1, -1.6, 1.4};
    tp__loss_samples(s, 3, (const double[2]){0.6, 0}, low, high);
}

/* clang-format off */
#define SLOPE(fn, ...) TP__FUNCTION(fn);
#define HINGE(fn, ...) TP__LOSS(fn, 2, tp__loss_forward, hinge_samples, "AddBackward0", .slope = {TP__FUNCTION_OF(fn##_slope)})
#define SOFT(fn, ...) TP__LOSS(fn, 2, tp__loss_forward, tp__loss_all_samples, "SoftMarginLossBackward0", .slope = {TP__FUNCTION_OF(fn##_slope)})
#define RANKING(fn, ...) TP__LOSS(fn, 3, tp__loss_forward, ranking_samples, "ClampMinBackward0", .slope = {TP__FUNCTION_OF(fn##_slope)}, .odd = true)
/* clang-format on */

#endif

#define TP__BODY "ops/nn/margin_loss.c"
#include "kernel/functions.h"

#if !defined(TP__ISA)

tp_tensor *tp_hinge_embedding_loss(tp_tape *T, tp_tensor *x, tp_tensor *target, const tp_margin_loss_options *options)
{
    tp_margin_loss_options o = options ? *options : (tp_margin_loss_options){0};
    tp__loss_attr attr = {{tp__or_default(o.margin, 1)}, o.reduction};
    return tp__broadcast_loss(T, &hinge_embedding_loss_op, &attr, 2, (tp_tensor *[2]){x, target});
}

tp_tensor *tp_soft_margin_loss(tp_tape *T, tp_tensor *x, tp_tensor *target, tp_reduction reduction)
{
    return tp__broadcast_loss(T, &soft_margin_loss_op, &(tp__loss_attr){.reduction = reduction}, 2,
                              (tp_tensor *[2]){x, target});
}

tp_tensor *tp_margin_ranking_loss(tp_tape *T, tp_tensor *x1, tp_tensor *x2, tp_tensor *target,
                                  const tp_margin_loss_options *options)
{
    tp_margin_loss_options o = options ? *options : (tp_margin_loss_options){0};
    tp__loss_attr attr = {{o.margin}, o.reduction};
    tp_tensor *in[3] = {x1, x2, target};
    if (!tp__usable_inputs(T, "margin_ranking_loss", 3, in))
        return NULL;
    if (x1->ndim != x2->ndim || x1->ndim != target->ndim) {
        tp_fail(T, TP_ESHAPE,
                "margin_ranking_loss: x1 is %s, x2 is %s, target is %s; one number of dimensions is needed",
                TP__SHAPE(x1), TP__SHAPE(x2), TP__SHAPE(target));
        return NULL;
    }
    return tp__broadcast_loss(T, &margin_ranking_loss_op, &attr, 3, in);
}

const tp_op *const tp__ops_margin_loss[] = {
#include TP__OPERATORS
    NULL};

#endif
#endif
