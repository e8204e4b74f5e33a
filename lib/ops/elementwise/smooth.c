/* smooth.c - elementwise functions of one tensor whose first and second derivatives have kernels (vec_smooth.h): activation
 * functions, and those whose derivatives would cancel or overflow as formulas in operators. All read x again, not the
 * result, which near 1 has forgotten what its derivative depends on.
 *
 * A line is three operators: f(x), f'(x) g and f"(x) g h. It has the name, the dtype that is returned, the formula, how the
 * derivatives fn_slope and fn_bend are computed, where it is sampled, the printed name, the third derivative. NUMBERED ones
 * have up to five numbers beside x, at[].
 */
#if defined(TP__READING)

/* clang-format off */
CURVE(sigmoid, TO_FLOAT, FLOATS(V(sigmoid)(x)), FLOATS, all, "Sigmoid", sigmoid_third)
CURVE(tanh, TO_FLOAT, FLOATS(V(tanh)(x)), FLOATS, all, "Tanh", tanh_third)
NUMBERED(softplus, TO_FLOAT, FLOATS(V(softplus)(x, at)), FLOATS, softplus, "Softplus", softplus_third)
CURVE(log_sigmoid, TO_FLOAT, FLOATS((x < 0 ? x : 0) - V(log1p_exp)(M(fabs)(x))), FLOATS, all, "LogSigmoid", softplus_third)
CURVE(gelu, SAME, FLOATS(V(gelu)(x)), FLOATS, all, "Gelu", gelu_third)
CURVE(gelu_tanh, SAME, WIDE(v_gelu_tanh(x)), WIDE, all, "Gelu", gelu_tanh_third)
CURVE(silu, SAME, FLOATS(V(silu)(x)), FLOATS, all, "Silu", silu_third)
CURVE(mish, SAME, FLOATS(V(mish)(x)), FLOATS, all, "Mish", mish_third)
NUMBERED(elu, SAME, FLOATS(V(elu)(x, at)), FLOATS, elu, "Elu", elu_third)
CURVE(hardswish, SAME, FLOATS(V(hardswish)(x)), FLOATS, all, "Hardswish", no_third)
CURVE(softsign, TO_FLOAT, FLOATS(V(softsign)(x)), FLOATS, all, "Div", softsign_third)
CURVE(tanhshrink, TO_FLOAT, FLOATS(V(tanhshrink)(x)), FLOATS, all, "Sub", tanhshrink_third)
CURVE(expm1, TO_FLOAT, FLOATS(V(expm1)(x)), FLOATS, all, "Expm1", exp_third)
CURVE(exp2, TO_FLOAT, FLOATS(V(exp2)(x)), FLOATS, all, "Exp2", exp2_third)
CURVE(log2, TO_FLOAT, FLOATS(V(log2)(x)), FLOATS, positive, "Log2", log_third)
CURVE(log10, TO_FLOAT, FLOATS(V(log10)(x)), FLOATS, positive, "Log10", log_third)
CURVE(rsqrt, TO_FLOAT, FLOATS(1 / M(sqrt)(x)), FLOATS, positive, "Rsqrt", rsqrt_third)
CURVE(asin, TO_FLOAT, FLOATS(V(asin)(x)), FLOATS, unit, "Asin", asin_third)
CURVE(atan, TO_FLOAT, FLOATS(V(atan)(x)), FLOATS, all, "Atan", atan_third)
CURVE(asinh, TO_FLOAT, FLOATS(V(asinh)(x)), FLOATS, all, "Asinh", asinh_third)
CURVE(acosh, TO_FLOAT, FLOATS(V(acosh)(x)), FLOATS, above_one, "Acosh", asinh_third)
CURVE(atanh, TO_FLOAT, FLOATS(V(atanh)(x)), FLOATS, unit, "Atanh", atanh_third)
CURVE(erf, TO_FLOAT, FLOATS(V(erf)(x)), FLOATS, all, "Erf", erf_third)
CURVE(sinc, TO_FLOAT, FLOATS(V(sinc)(x)), FLOATS, all, "Sinc", sinc_third)
NUMBERED(logit, TO_FLOAT, FLOATS(V(log_odds)(s < 0 ? x : x < s ? s : x > 1 - s ? 1 - s : x)), FLOATS, odds, "Logit", logit_third)
TURNED(acos, TO_FLOAT, FLOATS(V(acos)(x)), asin, unit, "AcosBackward0")
TURNED(erfc, TO_FLOAT, FLOATS(V(erfc)(x)), erf, all, "ErfcBackward0")
/* clang-format on */

#else

#if defined(TP__ISA)

#include "kernel/special.h"
#include "kernel/vec_math.h"
#include "kernel/vec_smooth.h"
#include "kernel/vec_special.h"
#include "kernel/vec_special32.h"

/* clang-format off */
#define CURVE(fn, rule, form, slopes, ...)                                                         \
    UNARY(fn, rule, form)                                                                          \
    BINARY(fn##_backward, SAME, slopes(y * V(fn##_slope)(x)))                                       \
    TERNARY(fn##_bend, SAME, slopes(y * z * V(fn##_bend)(x)))
#define NUMBERED(fn, rule, form, slopes, ...)                                                      \
    NUMBER(fn, rule, form)                                                                         \
    SCALED(fn##_backward, SAME, slopes(y * V(fn##_slope)(x, at)))                                   \
    TERNARY(fn##_bend, SAME, slopes(y * z * V(fn##_bend)(x, at)))
#define TURNED UNARY
/* clang-format on */

#else

#include "ops/elementwise/elementwise.h"

#include <math.h>

/* ---- derivatives of a curve ------------------------------------------------------------------------------------- */

/* A function f of one tensor whose derivatives have kernels, as those have that formulas in operators would spoil: three
 * operators, f(x), the slope f'(x) g, and the bend f"(x) g h. Each is differentiated by the next, and the bend by a formula
 * in operators, where no care is taken of the ends of the range of the floats. */
typedef struct curve {
    tp__map_op map;
    const struct curve *next, *slope;
    /* f'''(x), slope being f'(x), at the numbers that f has beside x */
    tp_tensor *(*third)(tp_tape *T, tp_tensor *x, tp_tensor *slope, const double *at);
} curve;

static const curve *self(const tp_vjp *v) { return (const curve *)(const void *)v->op; }

static tp_tensor *apply3(tp_vjp *v, const curve *f, tp_tensor *x, tp_tensor *g, tp_tensor *h)
{
    return tp__apply3(v->tape, &f->map.op, v->attr, x, g, h);
}
static tp_tensor *apply2(tp_vjp *v, const curve *f, tp_tensor *x, tp_tensor *g)
{
    return tp__apply2(v->tape, &f->map.op, v->attr, x, g);
}

static tp_status curve_vjp(tp_vjp *v)
{
    v->gin[0] = apply2(v, self(v)->next, v->in[0], v->gout[0]);
    return TP_OK;
}

static tp_status slope_vjp(tp_vjp *v)
{
    if (tp_vjp_needs(v, 0))
        v->gin[0] = apply3(v, self(v)->next, v->in[0], v->in[1], v->gout[0]);
    if (tp_vjp_needs(v, 1))
        v->gin[1] = apply2(v, self(v), v->in[0], v->gout[0]);
    return TP_OK;
}

static tp_status bend_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    tp_tensor *x = v->in[0], *g = v->in[1], *h = v->in[2], *k = v->gout[0];
    if (tp_vjp_needs(v, 0)) {
        tp_tensor *slope = apply2(v, self(v)->slope, x, tp__number(T, x, 1));
        v->gin[0] = tp_mul(T, tp__mul3(T, g, h, k, 1), self(v)->third(T, x, slope, v->attr));
    }
    if (tp_vjp_needs(v, 1))
        v->gin[1] = apply3(v, self(v), x, h, k);
    if (tp_vjp_needs(v, 2))
        v->gin[2] = apply3(v, self(v), x, g, k);
    return TP_OK;
}

/* ---- third derivatives, w being the first one -------------------------------------------------------------------- */

/* clang-format off */
#define THIRD(name, formula)                                                                       \
    static tp_tensor *name##_third(tp_tape *T, tp_tensor *x, tp_tensor *w, const double *at)       \
    { (void)T; (void)x; (void)w; (void)at; return formula; }
/* clang-format on */

/* a + b y */
static tp_tensor *line(tp_tape *T, double a, double b, tp_tensor *y)
{
    return tp_add_scalar(T, tp_mul_scalar(T, y, b), a);
}
/* (x w)^2 */
static tp_tensor *square_of(tp_tape *T, tp_tensor *x, tp_tensor *w) { return tp_square(T, tp_mul(T, x, w)); }
static tp_tensor *cube(tp_tape *T, tp_tensor *w) { return tp_mul(T, w, tp_square(T, w)); }

THIRD(sigmoid, tp_mul(T, w, line(T, 1, -6, w)))
THIRD(tanh, tp_mul(T, w, line(T, 4, -6, w)))
THIRD(softplus,
      tp__mul3(T, w, tp_rsub_scalar(T, w, 1), line(T, 1, -2, w), at ? at[0] * at[0] : 1)) /* log_sigmoid's, too */
THIRD(elu, tp_where(T, tp_gt(T, x, tp__number(T, x, 0)), tp__number(T, w, 0), tp_mul_scalar(T, w, at[3] * at[3])))
THIRD(softsign, tp_mul_scalar(T, tp_square(T, w), 6))
THIRD(tanhshrink, tp_mul(T, tp_rsub_scalar(T, w, 1), line(T, 2, -6, w)))
THIRD(no, tp_zeros_like(T, x))
THIRD(exp, w)
THIRD(exp2, tp_mul_scalar(T, w, 0.48045301391820142467))
THIRD(log, tp_div(T, tp_div(T, tp_mul_scalar(T, w, 2), x), x))
THIRD(rsqrt, tp_div(T, tp_div(T, tp_mul_scalar(T, w, 3.75), x), x))
THIRD(asin, tp_mul(T, cube(T, w), line(T, 1, 3, square_of(T, x, w))))
THIRD(asinh, tp_mul(T, cube(T, w), line(T, -1, 3, square_of(T, x, w)))) /* acosh's, too */
THIRD(atan, tp_mul(T, tp_square(T, w), line(T, -2, 8, tp_mul(T, x, tp_mul(T, x, w)))))
THIRD(atanh, tp_mul(T, tp_square(T, w), line(T, 2, 8, tp_mul(T, x, tp_mul(T, x, w)))))
THIRD(erf, tp_mul(T, w, line(T, -2, 4, tp_square(T, x))))
THIRD(logit, tp_mul(T, tp_square(T, w), line(T, 2, 2, tp_mul(T, w, tp_square(T, line(T, -1, 2, x))))))

/* p(x) x (x^2 - 4), p the normal density */
static tp_tensor *gelu_third(tp_tape *T, tp_tensor *x, tp_tensor *w, const double *at)
{
    (void)w, (void)at;
    tp_tensor *square = tp_square(T, x), *bell = tp_exp(T, tp_mul_scalar(T, square, -0.5));
    return tp__mul3(T, bell, x, tp_sub_scalar(T, square, 4), 0.39894228040143267794);
}

/* x f''' = -3 f" - pi^2 (x f' + f); the series for t^2 = (pi x)^2 small */
static tp_tensor *sinc_third(tp_tape *T, tp_tensor *x, tp_tensor *w, const double *at);

/* The sigmoid's derivatives s', s" and s''' */
typedef struct {
    tp_tensor *first, *second, *third;
} sigmoid_slopes;
static sigmoid_slopes sigmoid_slopes_of(tp_tape *T, tp_tensor *x)
{
    tp_tensor *s1 = tp__sigmoid_backward(T, x, tp__number(T, x, 1));
    tp_tensor *s2 = tp_neg(T, tp_mul(T, s1, tp_tanh(T, tp_mul_scalar(T, x, 0.5))));
    return (sigmoid_slopes){s1, s2, sigmoid_third(T, x, s1, NULL)};
}

/* 3 s" + x s''' */
static tp_tensor *silu_third(tp_tape *T, tp_tensor *x, tp_tensor *w, const double *at)
{
    (void)w, (void)at;
    sigmoid_slopes s = sigmoid_slopes_of(T, x);
    return tp_add(T, tp_mul_scalar(T, s.second, 3), tp_mul(T, x, s.third));
}

/* 3 h" + x h''' of h = tanh u, u = log(1 + e^x): h' = q u', q = 1 - h^2 */
static tp_tensor *mish_third(tp_tape *T, tp_tensor *x, tp_tensor *w, const double *at)
{
    (void)w, (void)at;
    sigmoid_slopes s = sigmoid_slopes_of(T, x);
    tp_tensor *u1 = tp_sigmoid(T, x), *h = tp_tanh(T, tp_softplus(T, x)), *q = tp_rsub_scalar(T, tp_square(T, h), 1);
    tp_tensor *h1 = tp_mul(T, q, u1), *h2 = tp_sub(T, tp_mul(T, q, s.first), tp__mul3(T, h, h1, u1, 2));
    tp_tensor *twice = tp_add(T, tp_mul(T, tp_square(T, h1), u1),
                              tp_add(T, tp__mul3(T, h, h2, u1, 1), tp__mul3(T, h, h1, s.first, 2)));
    tp_tensor *h3 = tp_sub(T, tp_mul(T, q, s.second), tp_mul_scalar(T, twice, 2));
    return tp_add(T, tp_mul_scalar(T, h2, 3), tp_mul(T, x, h3));
}

/* With s = s(v), v' = a + 3 b x^2: 3 v" s' + 3 v'^2 s" + x (v''' s' + 3 v' v" s" + v'^3 s''') */
static tp_tensor *gelu_tanh_third(tp_tape *T, tp_tensor *x, tp_tensor *w, const double *at)
{
    (void)w, (void)at;
    const double a = 1.59576912160573071176, b = 0.044715 * a;
    tp_tensor *square = tp_square(T, x), *v = tp_mul(T, x, line(T, a, b, square)), *v1 = line(T, a, 3 * b, square);
    tp_tensor *v2 = tp_mul_scalar(T, x, 6 * b);
    sigmoid_slopes s = sigmoid_slopes_of(T, v);
    tp_tensor *s1 = s.first, *s2 = tp_mul(T, s.second, v1);
    tp_tensor *even = tp_mul_scalar(T, tp_add(T, tp_mul(T, v2, s1), tp_mul(T, v1, s2)), 3);
    tp_tensor *odd = tp_add(T, tp_mul_scalar(T, s1, 6 * b), tp_mul_scalar(T, tp_mul(T, v2, s2), 3));
    return tp_add(T, even, tp_mul(T, x, tp_add(T, odd, tp_mul(T, cube(T, v1), s.third))));
}

/* ---- samples: where the functions are smooth ------------------------------------------------------------------------ */

static void samples(tp_sampler *s, int n, const double *attr, double low, double high)
{
    const tp_dims shapes[] = {{2, {3, 5}}, {.ndim = 0}, {3, {2, 0, 3}}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        tp_tensor *in[3] = {tp_sample_tensor(s, shapes[i], low, high), NULL, NULL};
        for (int k = 1; k < n; k++)
            in[k] = tp_sample_tensor(s, shapes[i], -2 + 0.3 * k, 2);
        tp_sample(s, attr, n, in);
    }
}

/* clang-format off */
#define WHERE(name, low, high)                                                                     \
    static void name##_samples(tp_sampler *s) { samples(s, 1, NULL, low, high); }                  \
    static void name##_pairs(tp_sampler *s) { samples(s, 2, NULL, low, high); }                    \
    static void name##_triples(tp_sampler *s) { samples(s, 3, NULL, low, high); }
WHERE(all, -2.3, 2.1)
WHERE(positive, 0.3, 3.1)
WHERE(unit, -0.83, 0.89)
WHERE(above_one, 1.2, 3.1)

/* Of two sets of numbers beside x */
#define WHERE_BESIDE(name, a, b, low, high, a2, b2, low2, high2)                                   \
    static void name##_both(tp_sampler *s, int n)                                                  \
    { samples(s, n, (const double[5]){a, b, 0.7, 0.7}, low, high); samples(s, n, (const double[5]){a2, b2, 1, 1}, low2, high2); } \
    static void name##_samples(tp_sampler *s) { name##_both(s, 1); }                               \
    static void name##_pairs(tp_sampler *s) { name##_both(s, 2); }                                 \
    static void name##_triples(tp_sampler *s) { name##_both(s, 3); }
WHERE_BESIDE(odds, -1, 0, 0.1, 0.83, 0.2, 0, 0.21, 0.79)
WHERE_BESIDE(softplus, 1, 20, -2.3, 2.1, 3, 0.7, -2.3, 1.9)
WHERE_BESIDE(elu, 1.1, 1.6, -2.3, 2.1, 1, 0.8, -1.9, 2.3)

/* ---- what a line becomes ---------------------------------------------------------------------------------------- */

#define CURVE_OP(fn, N, RULE, ATTR_SIZE, VJP, SAMPLES, PRINTED, ...)                               \
    TP__FUNCTION(fn);                                                                              \
    static const curve fn##_op = {{{                                                           \
        .name = #fn, .n_in = (N), .n_out = 1, .attr_size = (ATTR_SIZE), .flags = TP__MAP_FLAGS | TP_OP_FORGETS_OUT, \
        .infer = tp__map_infer, .forward = tp__map_forward, .vjp = VJP, .samples = SAMPLES, .grad_name = PRINTED}, \
        TP__FUNCTION_OF(fn), TP__##RULE}, __VA_ARGS__};
#define CURVES(fn, RULE, ATTR_SIZE, WHERE, PRINTED, THIRD)                                         \
    static const curve fn##_backward_op;                                                       \
    CURVE_OP(fn##_bend, 3, SAME, ATTR_SIZE, bend_vjp, WHERE##_triples, NULL, NULL, &fn##_backward_op, THIRD) \
    CURVE_OP(fn##_backward, 2, SAME, ATTR_SIZE, slope_vjp, WHERE##_pairs, PRINTED "BackwardBackward0",        \
             &fn##_bend_op, NULL, NULL)                                                            \
    CURVE_OP(fn, 1, RULE, ATTR_SIZE, curve_vjp, WHERE##_samples, PRINTED "Backward0", &fn##_backward_op, NULL, NULL)
#define PUBLIC(fn) tp_tensor *tp_##fn(tp_tape *T, tp_tensor *x) { return tp__apply1(T, &fn##_op.map.op, NULL, x); }
#define CURVE(fn, RULE, form, slopes, ...) CURVES(fn, RULE, 0, __VA_ARGS__) PUBLIC(fn)
#define NUMBERED(fn, RULE, form, slopes, ...) CURVES(fn, RULE, 5 * sizeof(double), __VA_ARGS__)
/* The same slopes as another's but for the sign */
#define TURNED(fn, RULE, form, OTHER, WHERE, PRINTED)                                              \
    static tp_status fn##_vjp(tp_vjp *v)                                                           \
    { v->gin[0] = tp_neg(v->tape, apply2(v, &OTHER##_backward_op, v->in[0], v->gout[0])); return TP_OK; } \
    CURVE_OP(fn, 1, RULE, 0, fn##_vjp, WHERE##_samples, PRINTED, NULL, NULL, NULL) PUBLIC(fn)
/* clang-format on */

#endif

#define TP__BODY "ops/elementwise/smooth.c"
#include "kernel/functions.h"

#if !defined(TP__ISA)

tp_tensor *tp_logit(tp_tape *T, tp_tensor *x, double eps)
{
    return tp__apply1(T, &logit_op.map.op, (const double[5]){eps > 0 ? eps : -1}, x);
}

static tp_tensor *softplus(tp_tape *T, tp_tensor *x, double beta, double threshold)
{
    return tp__apply1(T, &softplus_op.map.op, (const double[5]){beta, threshold}, x);
}
tp_tensor *tp_softplus(tp_tape *T, tp_tensor *x) { return softplus(T, x, 1, 20); }
tp_tensor *tp_softplus_with(tp_tape *T, tp_tensor *x, double beta, double threshold)
{
    TP__NAMED(T, "softplus_with");
    return softplus(T, x, beta, threshold);
}

tp_tensor *tp_elu(tp_tape *T, tp_tensor *x, double alpha)
{
    return tp__apply1(T, &elu_op.map.op, (const double[5]){1, alpha, 1, 1}, x);
}

tp_tensor *tp_selu(tp_tape *T, tp_tensor *x)
{
    TP__NAMED(T, "selu");
    const double alpha = 1.6732632423543772848170429916717, scale = 1.0507009873554804934193349852946;
    return tp__apply1(T, &elu_op.map.op, (const double[5]){scale, scale * alpha, 1, 1}, x);
}

/* Slopes are of the float32 next to alpha, as torch's are. */
tp_tensor *tp_celu(tp_tape *T, tp_tensor *x, double alpha)
{
    TP__NAMED(T, "celu");
    if (alpha == 0 && tp__ok(T)) {
        tp_fail(T, TP_EINVAL, "celu: alpha is 0; another number is needed");
        return NULL;
    }
    double narrow = (double)(float)alpha, inner = 1 / narrow,
           less = isfinite(narrow) ? -fma(inner, narrow, -1) / narrow : 0;
    return tp__apply1(T, &elu_op.map.op, (const double[5]){1, alpha, 1 / alpha, inner, less}, x);
}

tp_tensor *tp__sigmoid_backward(tp_tape *T, tp_tensor *x, tp_tensor *g)
{
    return tp__apply2(T, &sigmoid_backward_op.map.op, NULL, x, g);
}

static tp_tensor *sinc_third(tp_tape *T, tp_tensor *x, tp_tensor *w, const double *at)
{
    (void)at;
    const double pi2 = 9.86960440108935861883;
    tp_tensor *one = tp__number(T, x, 1), *small = tp_lt(T, tp_abs(T, x), tp__number(T, x, 0.2));
    tp_tensor *u = tp_mul_scalar(T, tp_square(T, x), pi2), *far = tp_where(T, small, one, x);
    tp_tensor *bend = tp__apply3(T, &sinc_bend_op.map.op, NULL, x, one, one);
    tp_tensor *sum = tp_add(T, tp_mul_scalar(T, bend, -3), tp_mul_scalar(T, tp_sinc(T, x), -pi2));
    tp_tensor *series = line(T, 1.0 / 1080, -1.0 / 55440, u);
    series = tp_add_scalar(T, tp_mul(T, u, tp_add_scalar(T, tp_mul(T, u, series), -1.0 / 42)), 0.2);
    return tp_where(T, small, tp_mul_scalar(T, tp_mul(T, x, series), pi2 * pi2),
                    tp_sub(T, tp_div(T, sum, far), tp_mul_scalar(T, w, pi2)));
}

const tp_op *const tp__ops_curve[] = {
#include TP__OPERATORS
    NULL};

#endif
#endif
