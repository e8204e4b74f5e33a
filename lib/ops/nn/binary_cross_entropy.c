/* binary_cross_entropy.c - the cross entropy of probabilities, and of logits. */
#if defined(TP__READING)

/* clang-format off */
SLOPE(binary_cross_entropy_slope, SAME, FLOATS((x - y) / NAME(at_least)((1 - x) * x, (ELEM)1e-12)))
BY_TARGET(binary_cross_entropy_by_target, SAME, FLOATS(NAME(log_of_rest)(x) - NAME(log_of_chance)(x)))
LOGITS_SLOPE(binary_cross_entropy_with_logits_slope, SAME, FLOATS((1 - y) * V(sigmoid)(x) - y * V(sigmoid)(-x)))
WEIGHTED_SLOPE(binary_cross_entropy_of_classes_slope, SAME, FLOATS((1 - y) * V(sigmoid)(x) - y * z * V(sigmoid)(-x)))
PROBABILITIES(binary_cross_entropy, SAME, FLOATS((y - 1) * NAME(log_of_rest)(x) - y * NAME(log_of_chance)(x)))
LOGITS(binary_cross_entropy_with_logits, SAME, FLOATS((1 - y) * x + (x < 0 ? -x : 0) + V(log1p_exp)(M(fabs)(x))))
WEIGHTED(binary_cross_entropy_of_classes, SAME, FLOATS((1 - y) * x + (1 - y + y * z) * ((x < 0 ? -x : 0) + V(log1p_exp)(M(fabs)(x)))))
/* clang-format on */

#else

#if defined(TP__ISA)

#include "kernel/vec_math.h"

#define PROBABILITIES BINARY
#define SLOPE BINARY
#define BY_TARGET UNARY
#define LOGITS BINARY
#define LOGITS_SLOPE BINARY
#define WEIGHTED TERNARY
#define WEIGHTED_SLOPE TERNARY

/* log x and log(1 - x), at least -100; where they are less, no logarithm of 0 is taken, which raises an exception */
#define INLINE static inline __attribute__((always_inline))
INLINE float at_least_f32(float v, float low) { return v_pickf(v < low, low, v); } /* keeps NaN */
INLINE double at_least_f64(double v, double low) { return v_pick(v < low, low, v); }
INLINE float log_of_chance_f32(float x) { return at_least_f32(v_logf(v_mostf(x, 3.7e-44f)), -100); }
INLINE double log_of_chance_f64(double x) { return at_least_f64(v_log(v_most(x, 3.7e-44)), -100); }
INLINE float log_of_rest_f32(float x) { return v_pickf(x >= 1, -100, v_log1pf(v_eitherf(x >= 1, 0, -x))); }
INLINE double log_of_rest_f64(double x) { return v_pick(x >= 1, -100, v_log1p(v_either(x >= 1, 0, -x))); }

#else

#include "ops/nn/loss.h"

/* sigmoid(x) - t as (1 - t) sigmoid(x) - t sigmoid(-x), which does not cancel where t is 1 */
static tp_tensor *logit_slope(tp_tape *T, tp_tensor *x, tp_tensor *t)
{
    return tp_sub(T, tp_mul(T, tp_rsub_scalar(T, t, 1), tp_sigmoid(T, x)), tp_mul(T, t, tp_sigmoid(T, tp_neg(T, x))));
}

/* ---- derivatives of the cross entropy of probabilities --------------------------------------------------------- */

/* The slope is (x - t) / v, v being x (1 - x) kept from 0: as in torch it is at least 1e-12, and by t the slope falls by
 * 1 / v, as (1 - x) / v + x / v. By x it rises by (1 - t) (x / w)^2 + t ((1 - x) / w)^2, where nothing cancels; torch has
 * w = (x + e) (1 - x + e) there, e = 1e-12. */
static tp_tensor *bce_slope(tp_tape *T, tp_tensor *x, tp_tensor *t);
static tp_tensor *bce_slope_at(tp_tape *T, tp_tensor *x, double t) { return bce_slope(T, x, tp__number(T, x, t)); }

static tp_tensor *bce_mixed(tp_tape *T, tp_tensor *x)
{
    return tp_sub(T, bce_slope_at(T, x, 1), bce_slope_at(T, x, 0));
}

/* x / (x + e), and *over = 1 / (x + e). Its slope e / (x + e)^2 is what such a quotient's cancels to: of x > e it is
 * 1 - e / (x + e), of others x times the reciprocal, neither of which cancels, nor do the slopes. */
static tp_tensor *share_kept(tp_tape *T, tp_tensor *x, tp_tensor **over)
{
    const double e = 1e-12;
    *over = tp_reciprocal(T, tp_add_scalar(T, x, e));
    tp_tensor *less = tp_rsub_scalar(T, tp_mul_scalar(T, *over, e), 1);
    return tp_where(T, tp_gt_scalar(T, x, e), less, tp_mul(T, x, *over));
}

static tp_status binary_cross_entropy_slope_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    tp_tensor *x = v->in[0], *t = v->in[1], *g = v->gout[0];
    if (tp_vjp_needs(v, 0)) {
        tp_tensor *over_x, *over_rest, *share = share_kept(T, x, &over_x);
        tp_tensor *share_of_rest = share_kept(T, tp_rsub_scalar(T, x, 1), &over_rest);
        tp_tensor *a = tp_square(T, tp_mul(T, share, over_rest)), *b = tp_square(T, tp_mul(T, share_of_rest, over_x));
        v->gin[0] = tp_mul(T, g, tp_add(T, tp_mul(T, tp_rsub_scalar(T, t, 1), a), tp_mul(T, t, b)));
    }
    if (tp_vjp_needs(v, 1))
        v->gin[1] = tp_mul(T, g, bce_mixed(T, x));
    return TP_OK;
}

static tp_status binary_cross_entropy_by_target_vjp(tp_vjp *v)
{
    v->gin[0] = tp_mul(v->tape, v->gout[0], bce_mixed(v->tape, v->in[0]));
    return TP_OK;
}

static void binary_cross_entropy_slope_samples(tp_sampler *s)
{
    tp_tensor *in[2] = {tp_sample_tensor(s, (tp_dims){2, {3, 5}}, 0.11, 0.89),
                        tp_sample_tensor(s, (tp_dims){2, {3, 1}}, 0.83, 0.09)};
    tp_sample(s, NULL, 2, in);
}

static void binary_cross_entropy_by_target_samples(tp_sampler *s)
{
    tp_tensor *x = tp_sample_tensor(s, (tp_dims){2, {3, 5}}, 0.11, 0.89);
    tp_sample(s, NULL, 1, &x);
}

static tp_tensor *bce_by_target(tp_tape *T, tp_tensor *x);

/* clang-format off */
TP__LOSS_VJP(binary_cross_entropy, bce_slope(T, x, t), bce_by_target(T, x))
TP__LOSS_VJP(binary_cross_entropy_with_logits, logit_slope(T, x, t), tp_neg(T, x))
/* clang-format on */

static tp_status bce_forward(tp_call *c)
{
    const tp_tensor *x = c->in[0];
    double low = 0, high = 0;
    if (x->numel > 0) {
        tp__reduce(TP__MIN, x->dtype, 1, x->numel, 1, x->data, &low, false);
        tp__reduce(TP__MAX, x->dtype, 1, x->numel, 1, x->data, &high, false);
        low = tp__load(&low, x->dtype);
        high = tp__load(&high, x->dtype);
    }
    if (!(low >= 0 && high <= 1))
        return tp_call_fail(c, TP_EINVAL, "x has elements from %g to %g; 0 to 1 is needed", low, high);
    return tp__loss_forward(c);
}

/* t w log(1 + e^-x) + (1 - t) log(1 + e^x) */
static tp_status binary_cross_entropy_of_classes_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    tp_tensor *x = v->in[0], *t = v->in[1], *w = v->in[2], *g = tp__loss_factor(v);
    tp_tensor *below = tp_neg(T, x);
    if (tp_vjp_needs(v, 0)) {
        tp_tensor *of_rest = tp_mul(T, tp_rsub_scalar(T, t, 1), tp_sigmoid(T, x));
        v->gin[0] = tp_mul(T, g, tp_sub(T, of_rest, tp_mul(T, tp_mul(T, t, w), tp_sigmoid(T, below))));
    }
    if (tp_vjp_needs(v, 1)) {
        tp_tensor *loss = tp_mul(T, w, tp_log_sigmoid(T, x));
        v->gin[1] = tp_mul(T, g, tp_sub(T, tp_log_sigmoid(T, below), loss));
    }
    if (tp_vjp_needs(v, 2))
        v->gin[2] = tp_neg(T, tp_mul(T, g, tp_mul(T, t, tp_log_sigmoid(T, x))));
    return TP_OK;
}

static void unit_samples(tp_sampler *s) { tp__loss_pairs(s, NULL, 0.11, 0.89); }
static void weighted_samples(tp_sampler *s)
{
    tp__loss_samples(s, 3, NULL, (const double[3]){-2.3, 0.1, 0.4}, (const double[3]){2.1, 0.9, 2.2});
}

/* clang-format off */
#define PROBABILITIES(fn, ...) TP__LOSS(fn, 2, bce_forward, unit_samples, "BinaryCrossEntropyBackward0", \
                                        .slope = {TP__FUNCTION_OF(fn##_slope), TP__FUNCTION_OF(fn##_by_target)})
#define LOGITS(fn, ...) TP__LOSS(fn, 2, tp__loss_forward, tp__loss_all_samples, "BinaryCrossEntropyWithLogitsBackward0", \
                                 .slope = {TP__FUNCTION_OF(fn##_slope)})
#define WEIGHTED(fn, ...) TP__LOSS(fn, 3, tp__loss_forward, weighted_samples, "BinaryCrossEntropyWithLogitsBackward0", \
                                   .slope = {TP__FUNCTION_OF(fn##_slope)})
#define LOGITS_SLOPE(fn, ...) TP__FUNCTION(fn);
#define WEIGHTED_SLOPE(fn, ...) TP__FUNCTION(fn);
#define SLOPE(fn, RULE, ...) \
    TP__MAP_OP(fn, 2, RULE, .flags = TP__MAP_FLAGS | TP_OP_FORGETS_OUT, .vjp = fn##_vjp, .samples = fn##_samples);
#define BY_TARGET(fn, RULE, ...) \
    TP__MAP_OP(fn, 1, RULE, .flags = TP__MAP_FLAGS | TP_OP_FORGETS_OUT, .vjp = fn##_vjp, .samples = fn##_samples);
/* clang-format on */

#endif

#define TP__BODY "ops/nn/binary_cross_entropy.c"
#include "kernel/functions.h"

#if !defined(TP__ISA)

static tp_tensor *bce_slope(tp_tape *T, tp_tensor *x, tp_tensor *t)
{
    return tp__apply2(T, &binary_cross_entropy_slope_op.op, NULL, x, t);
}

static tp_tensor *bce_by_target(tp_tape *T, tp_tensor *x)
{
    return tp__apply1(T, &binary_cross_entropy_by_target_op.op, NULL, x);
}

tp_tensor *tp_binary_cross_entropy(tp_tape *T, tp_tensor *x, tp_tensor *target, tp_reduction reduction)
{
    return tp__loss(T, &binary_cross_entropy_op, &(tp__loss_attr){.reduction = reduction}, 2,
                    (tp_tensor *[2]){x, target});
}

tp_tensor *tp_binary_cross_entropy_with_logits(tp_tape *T, tp_tensor *x, tp_tensor *target, tp_reduction reduction)
{
    return tp__loss(T, &binary_cross_entropy_with_logits_op, &(tp__loss_attr){.reduction = reduction}, 2,
                    (tp_tensor *[2]){x, target});
}

/* Does a weight spread to x's shape? `what` it is: "weight". Otherwise T fails. */
static bool weight_fits(tp_tape *T, const char *name, const char *what, const tp_tensor *x, tp_tensor *weight)
{
    tp_dims shape;
    if (weight == NULL)
        return true;
    if (!tp__usable(T, name, weight))
        return false;
    if (tp__dims_broadcast(tp__dims_of(x), tp__dims_of(weight), &shape) && tp__dims_equal(tp__dims_of(x), shape))
        return true;
    tp_fail(T, TP_ESHAPE, "%s: x is %s, %s is %s; what can be expanded to x's shape is needed", name, TP__SHAPE(x),
            what, TP__SHAPE(weight));
    return false;
}

/* The loss with weights, of l, or of l_of_classes where there are such weights. */
static tp_tensor *weighted(tp_tape *T, const tp__loss_op *l, const tp__loss_op *l_of_classes, tp_tensor *x,
                           tp_tensor *target, const tp_bce_options *options)
{
    tp_bce_options o = options ? *options : (tp_bce_options){0};
    const char *name = l->op.name;
    if (!tp__usable_inputs(T, name, 2, (tp_tensor *[2]){x, target}) || !tp__good_reduction(T, name, o.reduction) ||
        !weight_fits(T, name, "weight", x, o.weight) || !weight_fits(T, name, "pos_weight", x, o.pos_weight))
        return NULL;
    tp__loss_attr attr = {.reduction = o.weight ? TP_NONE : o.reduction};
    tp_tensor *in[3] = {x, target, o.pos_weight};
    if (o.pos_weight)
        in[2] = tp_expand(T, tp_to(T, o.pos_weight, x->dtype), tp__dims_of(x));
    tp_tensor *loss = o.pos_weight ? tp__loss(T, l_of_classes, &attr, 3, in) : tp__loss(T, l, &attr, 2, in);
    return o.weight ? tp__loss_reduced(T, tp_mul(T, loss, o.weight), o.reduction) : loss;
}

tp_tensor *tp_binary_cross_entropy_weighted(tp_tape *T, tp_tensor *x, tp_tensor *target, const tp_bce_options *options)
{
    if (options && options->pos_weight) {
        tp_fail(T, TP_EINVAL, "binary_cross_entropy_weighted: pos_weight is given; logits are needed for it");
        return NULL;
    }
    TP__NAMED(T, "binary_cross_entropy_weighted");
    return weighted(T, &binary_cross_entropy_op, NULL, x, target, options);
}

tp_tensor *tp_binary_cross_entropy_with_logits_weighted(tp_tape *T, tp_tensor *x, tp_tensor *target,
                                                        const tp_bce_options *options)
{
    TP__NAMED(T, "binary_cross_entropy_with_logits_weighted");
    return weighted(T, &binary_cross_entropy_with_logits_op, &binary_cross_entropy_of_classes_op, x, target, options);
}

const tp_op *const tp__ops_binary_cross_entropy[] = {
#include TP__OPERATORS
    NULL};

#endif
#endif
