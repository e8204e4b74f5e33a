/* l1_loss.c - the absolute error, and the losses that are as it far from 0 and squares near it. All have slopes that are odd
 * in x - t. */
#if defined(TP__READING)

/* clang-format off */
SLOPE(l1_loss_slope, BINARY, LIGHT((ELEM)(x > y) - (ELEM)(x < y)))
SLOPE(smooth_l1_loss_slope, SCALED, LIGHT(NAME(within)(x - y, s) / s))
SLOPE(huber_loss_slope, SCALED, LIGHT(NAME(within)(x - y, s)))
VALUE(l1_loss, BINARY, LIGHT(M(fabs)(x - y)), tp__loss_all_samples, "L1LossBackward0")
VALUE(smooth_l1_loss, SCALED, LIGHT(NAME(least)(M(fabs)(x - y), s) / s * (M(fabs)(x - y) - NAME(least)(M(fabs)(x - y), s) / 2)), bent_samples, "SmoothL1LossBackward0")
VALUE(huber_loss, SCALED, LIGHT(NAME(least)(M(fabs)(x - y), s) * (M(fabs)(x - y) - NAME(least)(M(fabs)(x - y), s) / 2)), bent_samples, "HuberLossBackward0")
/* clang-format on */

#else

#if defined(TP__ISA)

#define VALUE(fn, SHAPE, form, ...) SHAPE(fn, SAME, form)
#define SLOPE(fn, SHAPE, form) SHAPE(fn, SAME, form)

/* NaN comes out as NaN of `within`, and as the bound of `least`. */
static inline float within_f32(float d, float s) { return d < -s ? -s : d > s ? s : d; }
static inline double within_f64(double d, double s) { return d < -s ? -s : d > s ? s : d; }
static inline float least_f32(float d, float s) { return d < s ? d : s; }
static inline double least_f64(double d, double s) { return d < s ? d : s; }

#else

#include "ops/nn/loss.h"

static tp_tensor *within(tp_tape *T, tp_tensor *a, tp_tensor *b, double s)
{
    return tp_clamp(T, tp_sub(T, a, b), -s, s);
}

/* clang-format off */
TP__LOSS_VJP(l1_loss, tp_sign(T, tp_sub(T, x, t)), tp_sign(T, tp_sub(T, t, x)))
TP__LOSS_VJP(smooth_l1_loss, tp_div_scalar(T, within(T, x, t, at[0]), at[0]), tp_div_scalar(T, within(T, t, x, at[0]), at[0]))
TP__LOSS_VJP(huber_loss, within(T, x, t, at[0]), within(T, t, x, at[0]))

static void bent_samples(tp_sampler *s) { tp__loss_pairs(s, (const double[2]){0.7, 0}, -2.3, 2.1); }

#define SLOPE(fn, ...) TP__FUNCTION(fn);
#define VALUE(fn, SHAPE, form, WHERE, PRINTED) \
    TP__LOSS(fn, 2, tp__loss_forward, WHERE, PRINTED, .slope = {TP__FUNCTION_OF(fn##_slope)}, .odd = true)
/* clang-format on */

#endif

#define TP__BODY "ops/nn/l1_loss.c"
#include "kernel/functions.h"

#if !defined(TP__ISA)

tp_tensor *tp_l1_loss(tp_tape *T, tp_tensor *x, tp_tensor *target, tp_reduction reduction)
{
    return tp__regression_loss(T, &l1_loss_op, x, target, &(tp__loss_attr){.reduction = reduction});
}

tp_tensor *tp_smooth_l1_loss(tp_tape *T, tp_tensor *x, tp_tensor *target, const tp_smooth_l1_options *options)
{
    TP__NAMED(T, "smooth_l1_loss");
    tp_smooth_l1_options o = options ? *options : (tp_smooth_l1_options){0};
    tp__loss_attr attr = {{tp__or_default(o.beta, 1)}, o.reduction};
    if (!tp__usable_inputs(T, "smooth_l1_loss", 2, (tp_tensor *[2]){x, target}))
        return NULL;
    if (!(attr.number[0] >= 0)) {
        tp_fail(T, TP_EINVAL, "smooth_l1_loss: beta is %g; a number above 0, or TP_ZERO, is needed", o.beta);
        return NULL;
    }
    return tp__regression_loss(T, attr.number[0] > 0 ? &smooth_l1_loss_op : &l1_loss_op, x, target, &attr);
}

tp_tensor *tp_huber_loss(tp_tape *T, tp_tensor *x, tp_tensor *target, const tp_huber_options *options)
{
    tp_huber_options o = options ? *options : (tp_huber_options){0};
    tp__loss_attr attr = {{tp__or_default(o.delta, 1)}, o.reduction};
    if (!tp__usable_inputs(T, "huber_loss", 2, (tp_tensor *[2]){x, target}))
        return NULL;
    if (!(attr.number[0] > 0)) {
        tp_fail(T, TP_EINVAL, "huber_loss: delta is %g; a number above 0 is needed", o.delta);
        return NULL;
    }
    return tp__regression_loss(T, &huber_loss_op, x, target, &attr);
}

const tp_op *const tp__ops_l1_loss[] = {
#include TP__OPERATORS
    NULL};

#endif
#endif
