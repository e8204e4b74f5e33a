/* unary.c - elementwise functions of one tensor.
 *
 * An operator is one line of the table at the end: its block function, its derivative, where it is
 * sampled. Derivatives are written in operators, so that every order comes for free; g is the gradient
 * of the output y = f(x).
 */
#include "ops/elementwise/elementwise.h"

#include <float.h>
#include <math.h>

static tp_tensor *polygamma(tp_tape *T, double n, tp_tensor *x);
static tp_tensor *multigamma(tp_tape *T, double n, double p, tp_tensor *x);

/* The pieces that derivatives are written with. */
/* clang-format off */
#define VJP(name, formula)                                                                         \
    static tp_status name##_vjp(tp_vjp *v)                                                         \
    { tp_tape *T = v->tape; tp_tensor *x = v->in[0], *y = v->out[0], *g = v->gout[0];              \
      (void)T; (void)x; (void)y; (void)g; v->gin[0] = (formula); return TP_OK; }

VJP(neg, tp_neg(T, g))
VJP(abs, tp_mul(T, g, tp_sign(T, x)))
VJP(zero, tp_zeros_like(T, x))
VJP(square, tp_mul_scalar(T, tp_mul(T, g, x), 2)) /* 2 x alone may be beyond the range */
VJP(sqrt, tp_div(T, g, tp_mul_scalar(T, y, 2)))
VJP(reciprocal, tp__mul3(T, g, y, y, -1)) /* from the left, so that g y y goes beyond the range last */
VJP(exp, tp_mul(T, g, y))
VJP(log, tp_div(T, g, x))
VJP(log1p, tp_div(T, g, tp_add_scalar(T, x, 1)))
VJP(sin, tp_mul(T, g, tp_cos(T, x)))
VJP(cos, tp_mul(T, g, tp_neg(T, tp_sin(T, x))))
VJP(tan, tp_mul(T, g, tp_add_scalar(T, tp_square(T, y), 1)))
VJP(sinh, tp_mul(T, g, tp_cosh(T, x)))
VJP(cosh, tp_mul(T, g, tp_sinh(T, x)))
VJP(erfinv, tp_mul(T, g, tp__erfinv_slope(T, x)))
VJP(lgamma, tp_mul(T, g, tp_digamma(T, x)))
VJP(digamma, tp_mul(T, g, polygamma(T, 1, x)))
VJP(frac, g)
VJP(nan_to_num, tp_mul(T, g, tp_isfinite(T, x)))
VJP(polygamma, tp_mul(T, g, polygamma(T, *(const double *)v->attr + 1, x)))
VJP(multigamma, tp_mul(T, g, multigamma(T, ((const double *)v->attr)[0] + 1, ((const double *)v->attr)[1], x)))
/* clang-format on */
/* It is used at every step of a network, so there is an operator for its derivative. */
static tp_tensor *relu_backward(tp_tape *T, tp_tensor *y, tp_tensor *g);
VJP(relu, relu_backward(T, y, g))

/* g but where y <= 0; NaN passes it on */
static tp_status relu_backward_vjp(tp_vjp *v)
{
    if (tp_vjp_needs(v, 1))
        v->gin[1] = relu_backward(v->tape, v->in[0], v->gout[0]);
    return TP_OK;
}

/* ---- samples: where the functions are smooth ------------------------------------------------------------- */

static void samples(tp_sampler *s, double low, double high)
{
    tp_tensor *x = tp_sample_tensor(s, (tp_dims){2, {3, 5}}, low, high);
    tp_sample(s, NULL, 1, &x);
    x = tp_sample_tensor(s, (tp_dims){.ndim = 0}, low, high);
    tp_sample(s, NULL, 1, &x);
    x = tp_sample_tensor(s, (tp_dims){3, {2, 0, 3}}, low, high);
    tp_sample(s, NULL, 1, &x);
}

static void all_samples(tp_sampler *s) { samples(s, -2.3, 2.1); }
static void positive_samples(tp_sampler *s) { samples(s, 0.3, 3.1); }
static void unit_samples(tp_sampler *s) { samples(s, -0.83, 0.89); }

static void whole_samples(tp_sampler *s)
{
    tp_tensor *x = tp_sample_index(s, (tp_dims){2, {3, 4}}, 0, 9);
    tp_sample(s, NULL, 1, &x);
}

static void number_samples(tp_sampler *s, const double attr[3], double low, double high)
{
    tp_tensor *x = tp_sample_tensor(s, (tp_dims){2, {3, 5}}, low, high);
    tp_sample(s, attr, 1, &x);
    x = tp_sample_tensor(s, (tp_dims){2, {0, 5}}, low, high);
    tp_sample(s, attr, 1, &x);
}

static void round_to_samples(tp_sampler *s) { number_samples(s, (const double[3]){100, 0, 0}, -2.3, 2.1); }
static void nan_to_num_samples(tp_sampler *s) { number_samples(s, (const double[3]){0, 9, -9}, -2.3, 2.1); }
static void polygamma_samples(tp_sampler *s)
{
    number_samples(s, (const double[3]){1, 0, 0}, 0.7, 3.1);
    number_samples(s, (const double[3]){2, 0, 0}, 0.7, 3.1);
}
static void multigamma_samples(tp_sampler *s)
{
    number_samples(s, (const double[3]){0, 3, 0}, 1.7, 4.1);
    number_samples(s, (const double[3]){1, 2, 0}, 1.2, 3.1);
}
static void pair_samples(tp_sampler *s)
{
    tp_tensor *in[2] = {tp_sample_tensor(s, (tp_dims){2, {3, 5}}, 0.1, 0.9),
                        tp_sample_tensor(s, (tp_dims){2, {3, 5}}, -2, 2)};
    tp_sample(s, NULL, 2, in);
}

/* ---- the table: name, block function, dtype rule, derivative, what it reads, samples, printed name ---------- */

/* clang-format off */
#define READS_X TP_OP_FORGETS_OUT
#define READS_Y TP_OP_FORGETS_IN
#define UNARY(fn, KIND, RULE, VJP_OF, READS, WHERE_SAMPLED, PRINTED)                               \
    static const tp__map_op fn##_op = {{ \
        .name = #fn, .n_in = 1, .n_out = 1, .flags = TP__MAP_FLAGS | (READS), \
        .infer = tp__map_infer, .forward = tp__map_forward, .vjp = VJP_OF, \
        .samples = WHERE_SAMPLED, .grad_name = PRINTED}, TP__##KIND, TP__##RULE}; \
    tp_tensor *tp_##fn(tp_tape *T, tp_tensor *x) { return tp__apply1(T, &fn##_op.op, NULL, x); }
#define TRUTH(fn, KIND, RULE)                                                                      \
    static const tp__map_op fn##_op = {{ \
        .name = #fn, .n_in = 1, .n_out = 1, .flags = TP__MAP_FLAGS | TP_OP_NO_GRAD, \
        .infer = tp__map_infer, .forward = tp__map_forward, .samples = all_samples}, TP__##KIND, TP__##RULE};   \
    tp_tensor *tp_##fn(tp_tape *T, tp_tensor *x) { return tp__apply1(T, &fn##_op.op, NULL, x); }
#define WITH_NUMBERS(fn, KIND, RULE, VJP_OF, READS, PRINTED)                                       \
    static const tp__map_op fn##_op = {{ \
        .name = #fn, .n_in = 1, .n_out = 1, .attr_size = 3 * sizeof(double), \
        .flags = TP__MAP_FLAGS | (READS), .infer = tp__map_infer, .forward = tp__map_forward, \
        .vjp = VJP_OF, .samples = fn##_samples, .grad_name = PRINTED}, TP__##KIND, TP__##RULE};
#define BACKWARD(fn, KIND, FLAGS, PRINTED)                                                         \
    static const tp__map_op fn##_op = {{ \
        .name = #fn, .n_in = 2, .n_out = 1, .flags = TP__MAP_FLAGS | (FLAGS), \
        .infer = tp__map_infer, .forward = tp__map_forward, .vjp = fn##_vjp, \
        .samples = pair_samples, .grad_name = PRINTED}, TP__##KIND, TP__SAME}; \
    static tp_tensor *fn(tp_tape *T, tp_tensor *y, tp_tensor *g) { return tp__apply2(T, &fn##_op.op, NULL, y, g); }

UNARY(neg, NEG, SAME, neg_vjp, TP__READS_NOTHING, all_samples, "NegBackward0")
UNARY(abs, ABS, SAME, abs_vjp, READS_X, all_samples, "AbsBackward0")
UNARY(sign, SIGN, SAME, zero_vjp, TP__READS_NOTHING, all_samples, "SignBackward0")
static const tp__map_op square_op = {{
        .name = "square", .n_in = 1, .n_out = 1, .flags = TP__MAP_FLAGS | READS_X,
        .infer = tp__map_infer, .forward = tp__map_forward, .vjp = square_vjp,
        .samples = all_samples, .grad_name = "PowBackward0"}, TP__SQUARE, TP__SAME};
tp_tensor *tp_square(tp_tape *T, tp_tensor *x)
{
    return tp__apply1(T, &square_op.op, NULL, x && x->dtype == TP_BOOL ? tp_to(T, x, TP_I64) : x);
}

UNARY(sqrt, SQRT, TO_FLOAT, sqrt_vjp, READS_Y, positive_samples, "SqrtBackward0")
UNARY(reciprocal, RECIPROCAL, TO_FLOAT, reciprocal_vjp, READS_Y, positive_samples, "ReciprocalBackward0")
UNARY(exp, EXP, TO_FLOAT, exp_vjp, READS_Y, all_samples, "ExpBackward0")
UNARY(log, LOG, TO_FLOAT, log_vjp, READS_X, positive_samples, "LogBackward0")
UNARY(log1p, LOG1P, TO_FLOAT, log1p_vjp, READS_X, positive_samples, "Log1PBackward0")
UNARY(sin, SIN, TO_FLOAT, sin_vjp, READS_X, all_samples, "SinBackward0")
UNARY(cos, COS, TO_FLOAT, cos_vjp, READS_X, all_samples, "CosBackward0")
UNARY(tan, TAN, TO_FLOAT, tan_vjp, READS_Y, unit_samples, "TanBackward0")
UNARY(sinh, SINH, TO_FLOAT, sinh_vjp, READS_X, all_samples, "SinhBackward0")
UNARY(cosh, COSH, TO_FLOAT, cosh_vjp, READS_X, all_samples, "CoshBackward0")
UNARY(relu, RELU, SAME, relu_vjp, READS_Y, all_samples, "ReluBackward0")
UNARY(erfinv, ERFINV, TO_FLOAT, erfinv_vjp, READS_X, unit_samples, "ErfinvBackward0")
UNARY(lgamma, LGAMMA, TO_FLOAT, lgamma_vjp, READS_X, positive_samples, "LgammaBackward0")
UNARY(digamma, DIGAMMA, TO_FLOAT, digamma_vjp, READS_X, positive_samples, "DigammaBackward0")
UNARY(frac, FRAC, SAME, frac_vjp, TP__READS_NOTHING, positive_samples, "FracBackward0")
UNARY(floor, FLOOR, SAME, zero_vjp, TP__READS_NOTHING, all_samples, "FloorBackward0")
UNARY(ceil, CEIL, SAME, zero_vjp, TP__READS_NOTHING, all_samples, "CeilBackward0")
UNARY(round, ROUND, SAME, zero_vjp, TP__READS_NOTHING, all_samples, "RoundBackward0")
UNARY(trunc, TRUNC, SAME, zero_vjp, TP__READS_NOTHING, all_samples, "TruncBackward0")
BACKWARD(relu_backward, RELU_BACKWARD, READS_X, "ThresholdBackwardBackward0")
TRUTH(isnan, ISNAN, FLOAT_TO_BOOL)
TRUTH(isinf, ISINF, FLOAT_TO_BOOL)
TRUTH(isfinite, ISFINITE, FLOAT_TO_BOOL)
TRUTH(isposinf, ISPOSINF, FLOAT_TO_BOOL)
TRUTH(isneginf, ISNEGINF, FLOAT_TO_BOOL)
TRUTH(signbit, SIGNBIT, TO_BOOL)
static const tp__map_op bitwise_not_op = {{
        .name = "bitwise_not", .n_in = 1, .n_out = 1, .flags = TP__MAP_FLAGS | TP_OP_NO_GRAD,
        .infer = tp__map_infer, .forward = tp__map_forward, .samples = whole_samples}, TP__BIT_NOT, TP__SAME};
tp_tensor *tp_bitwise_not(tp_tape *T, tp_tensor *x) { return tp__apply1(T, &bitwise_not_op.op, NULL, x); }
TRUTH(logical_not, NOT, TO_BOOL)
WITH_NUMBERS(round_to, ROUND_TO, SAME, zero_vjp, TP__READS_NOTHING, "RoundBackward1")
WITH_NUMBERS(nan_to_num, NAN_TO_NUM, SAME, nan_to_num_vjp, READS_X, "NanToNumBackward0")
WITH_NUMBERS(polygamma, POLYGAMMA, TO_FLOAT, polygamma_vjp, READS_X, "PolygammaBackward0")
WITH_NUMBERS(multigamma, MULTIGAMMA, TO_FLOAT, multigamma_vjp, READS_X, "MvlgammaBackward0")
/* clang-format on */

tp_tensor *tp_round_decimals(tp_tape *T, tp_tensor *x, int decimals)
{
    TP__NAMED(T, "round_decimals");
    const double attr[3] = {pow(10, fabs((double)decimals)), decimals < 0, 0};
    return decimals == 0 ? tp_round(T, x) : tp__apply1(T, &round_to_op.op, attr, x);
}

tp_tensor *tp_nan_to_num(tp_tape *T, tp_tensor *x, const tp_nan_to_num_options *options)
{
    bool wide = x && x->dtype == TP_F64;
    double most = wide ? DBL_MAX : (double)FLT_MAX;
    double attr[3] = {options ? options->nan : 0, most, -most};
    if (options && options->has_posinf)
        attr[1] = options->posinf;
    if (options && options->has_neginf)
        attr[2] = options->neginf;
    return tp__apply1(T, &nan_to_num_op.op, attr, x);
}

static tp_tensor *polygamma(tp_tape *T, double n, tp_tensor *x)
{
    return tp__apply1(T, &polygamma_op.op, (const double[3]){n, 0, 0}, x);
}

tp_tensor *tp_polygamma(tp_tape *T, int n, tp_tensor *x)
{
    if (n < 0 && tp__ok(T)) {
        tp_fail(T, TP_EINVAL, "polygamma: the order is %d; 0 or more is needed", n);
        return NULL;
    }
    return polygamma(T, n, x);
}

tp_tensor *tp_deg2rad(tp_tape *T, tp_tensor *x)
{
    TP__NAMED(T, "deg2rad");
    return tp_mul_scalar(T, x, 0.01745329251994329577);
}
tp_tensor *tp_rad2deg(tp_tape *T, tp_tensor *x)
{
    TP__NAMED(T, "rad2deg");
    return tp_mul_scalar(T, x, 57.29577951308232088);
}

/* The sum over j < p of the derivative of order n of log gamma at x - j / 2 */
static tp_tensor *multigamma(tp_tape *T, double n, double p, tp_tensor *x)
{
    return tp__apply1(T, &multigamma_op.op, (const double[3]){n, p, 0}, x);
}

/* That sum, and p (p - 1) / 4 log pi. */
tp_tensor *tp_mvlgamma(tp_tape *T, tp_tensor *x, int p)
{
    const int most = 100000;
    if (!tp__usable(T, "mvlgamma", x))
        return NULL;
    if (p < 1 || p > most) {
        tp_fail(T, TP_EINVAL, "mvlgamma: p is %d; 1 to %d is needed", p, most);
        return NULL;
    }
    return tp_add_scalar(T, multigamma(T, 0, p, x), 0.25 * p * (p - 1.0) * 1.14472988584940017414);
}

const tp_op *const tp__ops_unary[] = {
#include TP__OPERATORS
    NULL};
