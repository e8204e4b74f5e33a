/* unary.c - elementwise functions of one tensor.
 *
 * A function is a line: name, dtype it returns, formula (kernel/functions.h), derivative, what that reads, where it is sampled,
 * printed name. Derivatives are written in operators, so that every order comes for free; g is the gradient of the result
 * y = f(x). Where such a formula would cancel or overflow, the function is in smooth.c or special.c.
 */
#if defined(TP__READING)

/* clang-format off */
UNARY(neg, SAME, BY_KIND(-x, (U)0 - (U)x), tp_neg(T, g), TP__READS_NOTHING, all, "NegBackward0")
UNARY(abs, SAME, BY_KIND(M(fabs)(x), x < 0 ? (U)0 - (U)x : (U)x), tp_mul(T, g, tp_sign(T, x)), READS_X, all, "AbsBackward0")
UNARY(sign, SAME, ANY((ELEM)(x > 0) - (ELEM)(x < 0)), tp_zeros_like(T, x), TP__READS_NOTHING, all, "SignBackward0")
UNARY(sqrt, TO_FLOAT, LIGHT(M(sqrt)(x)), tp_div(T, g, tp_mul_scalar(T, y, 2)), READS_Y, positive, "SqrtBackward0")
UNARY(reciprocal, TO_FLOAT, LIGHT(1 / x), tp__mul3(T, g, y, y, -1), READS_Y, positive, "ReciprocalBackward0") /* g y y goes beyond the range last */
UNARY(exp, TO_FLOAT, FLOATS(V(exp)(x)), tp_mul(T, g, y), READS_Y, all, "ExpBackward0")
UNARY(log, TO_FLOAT, FLOATS(V(log)(x)), tp_div(T, g, x), READS_X, positive, "LogBackward0")
UNARY(log1p, TO_FLOAT, FLOATS(V(log1p)(x)), tp_div(T, g, tp_add_scalar(T, x, 1)), READS_X, positive, "Log1PBackward0")
UNARY(sin, TO_FLOAT, OWN_FLOATS, tp_mul(T, g, tp_cos(T, x)), READS_X, all, "SinBackward0")
UNARY(cos, TO_FLOAT, OWN_FLOATS, tp_mul(T, g, tp_neg(T, tp_sin(T, x))), READS_X, all, "CosBackward0")
UNARY(tan, TO_FLOAT, OWN_FLOATS, tp_mul(T, g, tp_add_scalar(T, tp_square(T, y), 1)), READS_Y, unit, "TanBackward0")
UNARY(sinh, TO_FLOAT, FLOATS(V(sinh)(x)), tp_mul(T, g, tp_cosh(T, x)), READS_X, all, "SinhBackward0")
UNARY(cosh, TO_FLOAT, FLOATS(V(cosh)(x)), tp_mul(T, g, tp_sinh(T, x)), READS_X, all, "CoshBackward0")
UNARY(relu, SAME, NUMBERS(x <= 0 ? 0 : x), relu_backward(T, y, g), READS_Y, all, "ReluBackward0")
UNARY(erfinv, TO_FLOAT, FLOATS(V(erfinv)(x)), tp_mul(T, g, tp__erfinv_slope(T, x)), READS_X, unit, "ErfinvBackward0")
UNARY(lgamma, TO_FLOAT, FLOATS_OR(BY_SIZE(v_lgammaf(x), tp__lgamma(x)), tp__lgamma((double)x)), tp_mul(T, g, tp_digamma(T, x)), READS_X, positive, "LgammaBackward0")
UNARY(digamma, TO_FLOAT, WIDE_OR(v_digamma_near(x, v_digamma(x)), tp__digamma(x)), tp_mul(T, g, polygamma(T, 1, x)), READS_X, positive, "DigammaBackward0")
UNARY(frac, SAME, LIGHT(x - M(trunc)(x)), g, TP__READS_NOTHING, positive, "FracBackward0")
UNARY(floor, SAME, BY_KIND(M(floor)(x), x), tp_zeros_like(T, x), TP__READS_NOTHING, all, "FloorBackward0")
UNARY(ceil, SAME, BY_KIND(M(ceil)(x), x), tp_zeros_like(T, x), TP__READS_NOTHING, all, "CeilBackward0")
UNARY(round, SAME, BY_KIND(M(nearbyint)(x), x), tp_zeros_like(T, x), TP__READS_NOTHING, all, "RoundBackward0")
UNARY(trunc, SAME, BY_KIND(M(trunc)(x), x), tp_zeros_like(T, x), TP__READS_NOTHING, all, "TruncBackward0")
SQUARE(square, SAME, BY_KIND(x * x, (U)((U)x * (U)x)))
TRUTH(isnan, FLOAT_TO_BOOL, LIGHT(x != x))
TRUTH(isinf, FLOAT_TO_BOOL, LIGHT(M(fabs)(x) == (ELEM)INFINITY))
TRUTH(isfinite, FLOAT_TO_BOOL, LIGHT(M(fabs)(x) < (ELEM)INFINITY))
TRUTH(isposinf, FLOAT_TO_BOOL, LIGHT(x == (ELEM)INFINITY))
TRUTH(isneginf, FLOAT_TO_BOOL, LIGHT(x == -(ELEM)INFINITY))
TRUTH(signbit, TO_BOOL, ANY_BY_KIND(BY_SIZE(v_bits(x) >> 31, v_bits64(x) >> 63), x < 0))
TRUTH(logical_not, TO_BOOL, ANY(x == 0))
BITS(bitwise_not, SAME, WHOLE_BY_KIND(~x, x == 0))
NUMBERED(round_to, SAME, FLOATS(t > 0 ? M(nearbyint)(x / s) * s : M(nearbyint)(x * s) / s), tp_zeros_like(T, x), TP__READS_NOTHING, "RoundBackward1")
NUMBERED(nan_to_num, SAME, OWN_ANY, tp_mul(T, g, tp_isfinite(T, x)), READS_X, "NanToNumBackward0")
NUMBERED(polygamma, TO_FLOAT, OWN_FLOATS, tp_mul(T, g, polygamma(T, at[0] + 1, x)), READS_X, "PolygammaBackward0")
NUMBERED(multigamma, TO_FLOAT, OWN_FLOATS, tp_mul(T, g, multigamma(T, at[0] + 1, at[1], x)), READS_X, "MvlgammaBackward0")
BACKWARD(relu_backward, SAME, LIGHT(x <= 0 ? 0 : y))
/* clang-format on */

#if READS_FLOATS || READS_INTEGERS

/* The attributes are what becomes of NaN, infinity and -infinity. */
static void NAME(nan_to_num)(int64_t n, void *out, const void *const *in, const void *attr)
{
    ELEM *restrict o = out;
    const ELEM *x = in[0];
    (void)attr;
#if READS_FLOATS
    const double *at = attr;
    const ELEM nan = (ELEM)at[0], top = (ELEM)at[1], bottom = (ELEM)at[2];
    for (int64_t i = 0; i < n; i++)
        o[i] = x[i] != x[i] ? nan : x[i] == (ELEM)INFINITY ? top : x[i] == -(ELEM)INFINITY ? bottom : x[i];
#else
    for (int64_t i = 0; i < n; i++)
        o[i] = x[i];
#endif
}

#endif
#if READS_FLOATS

/* Arguments far out need a longer reduction; they are rare, and are done again one by one. */
static inline __attribute__((always_inline)) void NAME(periodic)(int64_t n, ELEM *restrict o, const ELEM *a, ELEM end,
                                                                 ELEM (*near)(ELEM), ELEM (*any)(ELEM))
{
    int far = 0;
    for (int64_t i = 0; i < n; i++) {
        ELEM here = M(fabs)(a[i]) <= end ? 1 : 0;
        far |= here == 0;
        o[i] = near(a[i] * here);
    }
    for (int64_t i = 0; far && i < n; i++)
        if (!(M(fabs)(a[i]) <= end))
            o[i] = any(a[i]);
}

static void NAME(sin)(int64_t n, void *out, const void *const *in, const void *attr)
{
    NAME(periodic)
    (TP__WHOLE_VECTORS(sin, 1, ELEM), out, in[0], (ELEM)BY_SIZE(V_NEAR, V_NEAR64), BY_SIZE(v_sinf_near, v_sin_near),
     M(sin));
}

static void NAME(cos)(int64_t n, void *out, const void *const *in, const void *attr)
{
    NAME(periodic)
    (TP__WHOLE_VECTORS(cos, 1, ELEM), out, in[0], (ELEM)BY_SIZE(V_NEAR, V_NEAR64), BY_SIZE(v_cosf_near, v_cos_near),
     M(cos));
}

static void NAME(tan)(int64_t n, void *out, const void *const *in, const void *attr)
{
    NAME(periodic)
    (TP__WHOLE_VECTORS(tan, 1, ELEM), out, in[0], (ELEM)V_NEAR64, BY_SIZE(v_tanf_near, v_tan_near), M(tan));
}

/* The order is the first attribute: 1 has a fast way for x > 0. At the poles, the sine is as much off 0 as the dtype's is. */
static void NAME(polygamma)(int64_t n, void *out, const void *const *in, const void *attr)
{
    ELEM *restrict o = out;
    const ELEM *x = in[0];
    const double order = *(const double *)attr;
    bool odd = false;
    if (order == 0) {
        NAME(digamma)(n, out, in, NULL);
        return;
    }
    for (int64_t i = 0; order != 1 && i < n; i++)
        o[i] = (ELEM)tp__polygamma(order, (double)x[i], 1);
    for (int64_t i = 0; order == 1 && i < n; i++) {
        o[i] = (ELEM)v_trigamma((double)x[i]);
        odd |= o[i] != o[i];
    }
    for (int64_t i = 0; odd && i < n; i++)
        if (o[i] != o[i])
            o[i] = (ELEM)tp__polygamma(1, (double)x[i], (double)M(sin)((ELEM)3.14159265358979323846 * x[i]));
}

/* The sum over j < p of the derivative of order k of log gamma at x - j / 2; the attributes are k and p. */
static void NAME(multigamma)(int64_t n, void *out, const void *const *in, const void *attr)
{
    enum { BLOCK = 256 };
    ELEM *o = out, x[BLOCK], y[BLOCK];
    const ELEM *a = in[0];
    const double *at = attr, order = at[0] - 1;
    double sum[BLOCK];
    for (int64_t i = 0; i < n; i += BLOCK) {
        int64_t m = n - i < BLOCK ? n - i : BLOCK;
        for (int64_t k = 0; k < m; k++)
            sum[k] = 0;
        for (double j = 0; j < at[1]; j++) {
            for (int64_t k = 0; k < m; k++)
                x[k] = (ELEM)((double)a[i + k] - 0.5 * j);
            if (order < 0)
                NAME(lgamma)(m, y, (const void *[]){x}, NULL);
            else
                NAME(polygamma)(m, y, (const void *[]){x}, &order);
            for (int64_t k = 0; k < m; k++)
                sum[k] += (double)y[k];
        }
        for (int64_t k = 0; k < m; k++)
            o[i + k] = (ELEM)sum[k];
    }
}

#endif

#else

#include "ops/elementwise/elementwise.h"

#include <float.h>
#include <math.h>

#if defined(TP__ISA)

#include "kernel/special.h"
#include "kernel/vec_math.h"
#include "kernel/vec_special.h"

#define SQUARE UNARY
#define TRUTH UNARY
#define BITS UNARY
#define NUMBERED NUMBER
#define BACKWARD BINARY

#else

static tp_tensor *polygamma(tp_tape *T, double n, tp_tensor *x);
static tp_tensor *multigamma(tp_tape *T, double n, double p, tp_tensor *x);
static tp_tensor *relu_backward(tp_tape *T, tp_tensor *y, tp_tensor *g);

/* 2 x alone may be beyond the range */
static tp_status square_vjp(tp_vjp *v)
{
    v->gin[0] = tp_mul_scalar(v->tape, tp_mul(v->tape, v->gout[0], v->in[0]), 2);
    return TP_OK;
}

/* g but where y <= 0; NaN passes it on. relu is used at every step of a network, so there is an operator for its derivative. */
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

static void relu_backward_samples(tp_sampler *s)
{
    tp_tensor *in[2] = {tp_sample_tensor(s, (tp_dims){2, {3, 5}}, 0.1, 0.9),
                        tp_sample_tensor(s, (tp_dims){2, {3, 5}}, -2, 2)};
    tp_sample(s, NULL, 2, in);
}

/* ---- what a line becomes ---------------------------------------------------------------------------------------- */

/* clang-format off */
#define READS_X TP_OP_FORGETS_OUT
#define READS_Y TP_OP_FORGETS_IN
#define VJP(fn, derivative)                                                                        \
    static tp_status fn##_vjp(tp_vjp *v)                                                           \
    { tp_tape *T = v->tape; tp_tensor *x = v->in[0], *y = v->out[0], *g = v->gout[0]; const double *at = v->attr; \
      (void)T; (void)x; (void)y; (void)g; (void)at; v->gin[0] = (derivative); return TP_OK; }
#define PUBLIC(fn) tp_tensor *tp_##fn(tp_tape *T, tp_tensor *x) { return tp__apply1(T, &fn##_op.op, NULL, x); }
#define UNARY(fn, RULE, form, derivative, READS, WHERE, PRINTED)                                   \
    VJP(fn, derivative)                                                                            \
    TP__MAP_OP(fn, 1, RULE, .flags = TP__MAP_FLAGS | (READS), .vjp = fn##_vjp, .samples = WHERE##_samples, .grad_name = PRINTED); \
    PUBLIC(fn)
#define SQUARE(fn, RULE, form)                                                                     \
    TP__MAP_OP(fn, 1, RULE, .flags = TP__MAP_FLAGS | READS_X, .vjp = fn##_vjp, .samples = all_samples, .grad_name = "PowBackward0");
#define TRUTH(fn, RULE, form)                                                                      \
    TP__MAP_OP(fn, 1, RULE, .flags = TP__MAP_FLAGS | TP_OP_NO_GRAD, .samples = all_samples); PUBLIC(fn)
#define BITS(fn, RULE, form)                                                                       \
    TP__MAP_OP(fn, 1, RULE, .flags = TP__MAP_FLAGS | TP_OP_NO_GRAD, .samples = whole_samples); PUBLIC(fn)
#define NUMBERED(fn, RULE, form, derivative, READS, PRINTED)                                       \
    VJP(fn, derivative)                                                                            \
    TP__MAP_OP(fn, 1, RULE, .attr_size = 3 * sizeof(double), .flags = TP__MAP_FLAGS | (READS), .vjp = fn##_vjp, \
               .samples = fn##_samples, .grad_name = PRINTED);
#define BACKWARD(fn, RULE, form)                                                                   \
    TP__MAP_OP(fn, 2, RULE, .flags = TP__MAP_FLAGS | READS_X, .vjp = fn##_vjp, .samples = fn##_samples, \
               .grad_name = "ThresholdBackwardBackward0");
/* clang-format on */

#endif

#define TP__BODY "ops/elementwise/unary.c"
#include "kernel/functions.h"

#if !defined(TP__ISA)

static tp_tensor *relu_backward(tp_tape *T, tp_tensor *y, tp_tensor *g)
{
    return tp__apply2(T, &relu_backward_op.op, NULL, y, g);
}

tp_tensor *tp_square(tp_tape *T, tp_tensor *x)
{
    return tp__apply1(T, &square_op.op, NULL, x && x->dtype == TP_BOOL ? tp_to(T, x, TP_I64) : x);
}

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

#endif
#endif
