/* piecewise.c - elementwise functions that are straight in pieces, with up to two numbers, s and t. (relu is in unary.c.)
 *
 * A line is two operators: f(x), and its slope times y. It has the name, the dtype that is returned, the two formulas, what
 * numbers it is sampled with, the printed name. At the corners the slopes are torch's;
 * hardsigmoid's is 1/6 in float32, in float64 as well.
 */
#if defined(TP__READING)

/* clang-format off */
PIECES(leaky_relu, SAME, LIGHT(x > 0 ? x : x * s), LIGHT(x > 0 ? y : y * s), 0.3, 0, "LeakyRelu")
PIECES(hardtanh, SAME, NUMBERS(upto(x < s ? s : x, t)), LIGHT(((x > s) & (x < (ELEM)at[1])) ? y : 0), -1.1, 0.9, "Hardtanh")
PIECES(threshold, SAME, NUMBERS(x <= s ? t : x), LIGHT(x <= s ? 0 : y), 0.4, -0.7, "Threshold")
PIECES(hardshrink, SAME, LIGHT(((x >= -s) & (x <= s)) ? 0 : x), LIGHT(((x < -s) | (x > s)) ? y : 0), 0.7, 0, "Hardshrink")
PIECES(softshrink, SAME, LIGHT(M(fabs)(x) <= s ? 0 : x - M(copysign)(s, x)), LIGHT(((x < -s) | (x > s)) ? y : 0), 0.6, 0, "Softshrink")
PIECES(hardsigmoid, SAME, LIGHT(upto(x < -3 ? 0 : x + 3, 6) / 6), LIGHT(((x > -3) & (x < 3)) ? y * (1 / 6.0f) : 0), 0, 0, "Hardsigmoid")
/* clang-format on */

#else

#if defined(TP__ISA)

#define upto(x, most) ((x) > (most) ? (most) : (x)) /* keeps NaN */

#define PIECES(fn, rule, form, slope, ...) \
    NUMBER(fn, rule, form) \
    SCALED(fn##_backward, SAME, slope)

#else

#include "ops/elementwise/elementwise.h"

typedef struct pieces_op {
    tp__map_op map;
    const struct pieces_op *slope; /* its own, as that is straight in y */
} pieces_op;

static const pieces_op *self(const tp_vjp *v) { return (const pieces_op *)(const void *)v->op; }

static tp_status pieces_vjp(tp_vjp *v)
{
    v->gin[0] = tp__apply2(v->tape, &self(v)->slope->map.op, v->attr, v->in[0], v->gout[0]);
    return TP_OK;
}

static tp_status slope_vjp(tp_vjp *v)
{
    if (tp_vjp_needs(v, 0))
        v->gin[0] = tp_zeros_like(v->tape, v->in[0]);
    if (tp_vjp_needs(v, 1))
        v->gin[1] = tp__apply2(v->tape, v->op, v->attr, v->in[0], v->gout[0]);
    return TP_OK;
}

static void samples(tp_sampler *s, int n, double first, double second)
{
    const tp_dims shapes[] = {{2, {3, 5}}, {.ndim = 0}, {2, {0, 3}}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        tp_tensor *in[2] = {tp_sample_tensor(s, shapes[i], -2.3, 2.1), tp_sample_tensor(s, shapes[i], -2, 2)};
        tp_sample(s, (const double[2]){first, second}, n, in);
    }
}

/* clang-format off */
#define PIECES_OP(fn, N, RULE, VJP, SAMPLES, PRINTED, SLOPE)                                       \
    TP__FUNCTION(fn);                                                                              \
    static const pieces_op fn##_op = {{{                                                              \
        .name = #fn, .n_in = (N), .n_out = 1, .attr_size = 2 * sizeof(double), .flags = TP__MAP_FLAGS | TP_OP_FORGETS_OUT, \
        .infer = tp__map_infer, .forward = tp__map_forward, .vjp = VJP, .samples = SAMPLES, .grad_name = PRINTED}, \
        TP__FUNCTION_OF(fn), TP__##RULE}, SLOPE};
#define PIECES(fn, RULE, form, slope, FIRST, SECOND, PRINTED)                                      \
    static void fn##_samples(tp_sampler *s) { samples(s, 1, FIRST, SECOND); }                      \
    static void fn##_pairs(tp_sampler *s) { samples(s, 2, FIRST, SECOND); }                        \
    PIECES_OP(fn##_backward, 2, SAME, slope_vjp, fn##_pairs, PRINTED "BackwardBackward0", NULL)    \
    PIECES_OP(fn, 1, RULE, pieces_vjp, fn##_samples, PRINTED "Backward0", &fn##_backward_op)
/* clang-format on */

#endif

#define TP__BODY "ops/elementwise/piecewise.c"
#include "kernel/functions.h"

#if !defined(TP__ISA)

static tp_tensor *apply(tp_tape *T, const pieces_op *f, tp_tensor *x, double s, double t)
{
    return tp__apply1(T, &f->map.op, (const double[2]){s, t}, x);
}

tp_tensor *tp_leaky_relu(tp_tape *T, tp_tensor *x, double slope) { return apply(T, &leaky_relu_op, x, slope, 0); }
tp_tensor *tp_hardsigmoid(tp_tape *T, tp_tensor *x) { return apply(T, &hardsigmoid_op, x, 0, 0); }
tp_tensor *tp_hardshrink(tp_tape *T, tp_tensor *x, double lambda) { return apply(T, &hardshrink_op, x, lambda, 0); }

tp_tensor *tp_softshrink(tp_tape *T, tp_tensor *x, double lambda)
{
    if (!(lambda >= 0) && tp__ok(T)) {
        tp_fail(T, TP_EINVAL, "softshrink: lambda is %g; 0 or more is needed", lambda);
        return NULL;
    }
    return apply(T, &softshrink_op, x, lambda, 0);
}

tp_tensor *tp_threshold(tp_tape *T, tp_tensor *x, double threshold, double value)
{
    return apply(T, &threshold_op, x, threshold, value);
}

tp_tensor *tp_hardtanh(tp_tape *T, tp_tensor *x, double low, double high)
{
    if (!tp__usable(T, "hardtanh", x))
        return NULL;
    if (x->dtype == TP_U8 && (low <= -1 || high <= -1)) {
        tp_fail(T, TP_EINVAL, "hardtanh: from %g to %g, of uint8; bounds that are not below 0 are needed", low, high);
        return NULL;
    }
    return apply(T, &hardtanh_op, x, low, high);
}

tp_tensor *tp_relu6(tp_tape *T, tp_tensor *x)
{
    TP__NAMED(T, "relu6");
    return tp_hardtanh(T, x, 0, 6);
}

const tp_op *const tp__ops_piecewise[] = {
#include TP__OPERATORS
    NULL};

#endif
#endif
