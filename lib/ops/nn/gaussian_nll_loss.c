/* gaussian_nll_loss.c - the likelihood of targets t under normal distributions of mean x and variance v:
 * (log v + (x - t)^2 / v) / 2, v being at least eps, as torch has it: the derivative by v looks through this bound. */
#if defined(TP__READING)

/* clang-format off */
SLOPE(gaussian_nll_loss_by_mean, SAME, FLOATS((x - y) / NAME(kept)(z, s)))
SLOPE(gaussian_nll_loss_by_variance, SAME, FLOATS((1 / NAME(kept)(z, s) - (x - y) / NAME(kept)(z, s) * ((x - y) / NAME(kept)(z, s))) / 2))
VALUE(gaussian_nll_loss, SAME, FLOATS((V(log)(NAME(kept)(z, s)) + (x - y) * ((x - y) / NAME(kept)(z, s))) / 2))
/* clang-format on */

#else

#if defined(TP__ISA)

#include "kernel/vec_math.h"

static inline float kept_f32(float v, float eps) { return v < eps ? eps : v; }
static inline double kept_f64(double v, double eps) { return v < eps ? eps : v; }

#define VALUE TERNARY
#define SLOPE TERNARY

#else

#include "ops/nn/loss.h"

static tp_status gaussian_nll_loss_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    tp_tensor *x = v->in[0], *t = v->in[1], *g = tp__loss_factor(v);
    tp_tensor *variance = tp__kept_from(T, v->in[2], tp__loss_numbers(v->attr)[0]);
    tp_tensor *over = tp_div(T, tp_sub(T, x, t), variance);
    if (tp_vjp_needs(v, 0))
        v->gin[0] = tp_mul(T, g, over);
    if (tp_vjp_needs(v, 1))
        v->gin[1] = tp_neg(T, tp_mul(T, g, over));
    if (tp_vjp_needs(v, 2))
        v->gin[2] = tp_mul(T, g, tp_mul_scalar(T, tp_sub(T, tp_reciprocal(T, variance), tp_square(T, over)), 0.5));
    return TP_OK;
}

static void gaussian_nll_loss_samples(tp_sampler *s)
{
    const double low[3] = {-2.3, 1.9, 0.4}, high[3] = {2.1, -1.6, 2.3};
    tp__loss_samples(s, 3, (const double[2]){0.1, 0}, low, high);
}

/* clang-format off */
#define SLOPE(fn, ...) TP__FUNCTION(fn);
#define VALUE(fn, ...) TP__LOSS(fn, 3, tp__loss_forward, fn##_samples, "GaussianNllLossBackward0", .odd = true, \
                                .slope = {TP__FUNCTION_OF(fn##_by_mean), {{0}}, TP__FUNCTION_OF(fn##_by_variance)})
/* clang-format on */

#endif

#define TP__BODY "ops/nn/gaussian_nll_loss.c"
#include "kernel/functions.h"

#if !defined(TP__ISA)

/* A variance of x's shape, or of that without the last dimension, or with a last one of 1. */
static tp_tensor *fitted_variance(tp_tape *T, const tp_tensor *x, tp_tensor *variance)
{
    tp_dims of_x = tp__dims_of(x), of_v = tp__dims_of(variance), rows = of_x;
    if (tp__dims_equal(of_x, of_v))
        return variance;
    rows.ndim = of_x.ndim - 1;
    if (of_x.ndim > 0 && tp__dims_equal(rows, of_v))
        return tp_unsqueeze(T, variance, -1);
    if (of_x.ndim > 0 && of_v.ndim == of_x.ndim && of_v.dim[rows.ndim] == 1) {
        of_v.ndim = rows.ndim;
        if (tp__dims_equal(rows, of_v))
            return variance;
    }
    tp_fail(T, TP_ESHAPE,
            "gaussian_nll_loss: x is %s, variance is %s; x's shape is needed, or one number for its last dimension",
            TP__SHAPE(x), TP__SHAPE(variance));
    return NULL;
}

tp_tensor *tp_gaussian_nll_loss(tp_tape *T, tp_tensor *x, tp_tensor *target, tp_tensor *variance,
                                const tp_gaussian_nll_options *options)
{
    TP__NAMED(T, "gaussian_nll_loss");
    tp_gaussian_nll_options o = options ? *options : (tp_gaussian_nll_options){0};
    tp__loss_attr attr = {{tp__or_default(o.eps, 1e-6)}, o.reduction};
    tp_tensor *in[3] = {x, target, variance};
    const double half_log_2pi = 0.91893853320467274178;
    if (!tp__usable_inputs(T, "gaussian_nll_loss", 3, in) || !tp__good_reduction(T, "gaussian_nll_loss", o.reduction))
        return NULL;
    if (variance->numel > 0 && tp_item(tp_any(T, tp_lt_scalar(T, variance, 0))) != 0) {
        tp_fail(T, TP_EINVAL, "gaussian_nll_loss: variance has an element below 0; 0 or more is needed");
        return NULL;
    }
    if ((in[2] = fitted_variance(T, x, variance)) == NULL)
        return NULL;
    if (!o.full)
        return tp__broadcast_loss(T, &gaussian_nll_loss_op, &attr, 3, in);
    attr.reduction = TP_NONE;
    tp_tensor *terms = tp__broadcast_loss(T, &gaussian_nll_loss_op, &attr, 3, in);
    return tp__loss_reduced(T, tp_add_scalar(T, terms, half_log_2pi), o.reduction);
}

const tp_op *const tp__ops_gaussian_nll_loss[] = {
#include TP__OPERATORS
    NULL};

#endif
#endif
