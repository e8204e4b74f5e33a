/* smooth.c - elementwise functions of one tensor whose first and second derivatives have kernels (vec_smooth.h): activation
 * functions, and those whose derivatives would cancel or overflow as formulas in operators. All read x again, not the
 * result, which near 1 has forgotten what its derivative depends on.
 */
#include "ops/elementwise/elementwise.h"

/* ---- derivatives of a curve ------------------------------------------------------------------------------------- */

static const tp__curve *self(const tp_vjp *v) { return (const tp__curve *)(const void *)v->op; }

static tp_tensor *apply3(tp_vjp *v, const tp__curve *f, tp_tensor *x, tp_tensor *g, tp_tensor *h)
{
    return tp__apply3(v->tape, &f->map.op, v->attr, x, g, h);
}
static tp_tensor *apply2(tp_vjp *v, const tp__curve *f, tp_tensor *x, tp_tensor *g)
{
    return tp__apply2(v->tape, &f->map.op, v->attr, x, g);
}

tp_status tp__curve_vjp(tp_vjp *v)
{
    v->gin[0] = apply2(v, self(v)->next, v->in[0], v->gout[0]);
    return TP_OK;
}

tp_status tp__slope_vjp(tp_vjp *v)
{
    if (tp_vjp_needs(v, 0))
        v->gin[0] = apply3(v, self(v)->next, v->in[0], v->in[1], v->gout[0]);
    if (tp_vjp_needs(v, 1))
        v->gin[1] = apply2(v, self(v), v->in[0], v->gout[0]);
    return TP_OK;
}

tp_status tp__bend_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    tp_tensor *x = v->in[0], *g = v->in[1], *h = v->in[2], *k = v->gout[0];
    if (tp_vjp_needs(v, 0)) {
        tp_tensor *slope = apply2(v, self(v)->slope, x, tp__number(T, x, 1));
        v->gin[0] = tp_mul(T, tp__mul3(T, g, h, k, 1), self(v)->third(T, x, slope));
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
    static tp_tensor *name##_third(tp_tape *T, tp_tensor *x, tp_tensor *w) { (void)T; (void)x; (void)w; return formula; }
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
THIRD(softplus, tp__mul3(T, w, tp_rsub_scalar(T, w, 1), line(T, 1, -2, w), 1)) /* log_sigmoid's, too */
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
static tp_tensor *gelu_third(tp_tape *T, tp_tensor *x, tp_tensor *w)
{
    (void)w;
    tp_tensor *square = tp_square(T, x), *bell = tp_exp(T, tp_mul_scalar(T, square, -0.5));
    return tp__mul3(T, bell, x, tp_sub_scalar(T, square, 4), 0.39894228040143267794);
}

/* x f''' = -3 f" - pi^2 (x f' + f); the series for t^2 = (pi x)^2 small */
static tp_tensor *sinc_third(tp_tape *T, tp_tensor *x, tp_tensor *w);

/* With s = s(v), v' = a + 3 b x^2: 3 v" s' + 3 v'^2 s" + x (v''' s' + 3 v' v" s" + v'^3 s''') */
static tp_tensor *gelu_tanh_third(tp_tape *T, tp_tensor *x, tp_tensor *w)
{
    (void)w;
    const double a = 1.59576912160573071176, b = 0.044715 * a;
    tp_tensor *square = tp_square(T, x), *v = tp_mul(T, x, line(T, a, b, square)), *v1 = line(T, a, 3 * b, square);
    tp_tensor *v2 = tp_mul_scalar(T, x, 6 * b), *s1 = tp__sigmoid_backward(T, v, tp__number(T, v, 1));
    tp_tensor *s2 = tp__mul3(T, s1, tp_tanh(T, tp_mul_scalar(T, v, 0.5)), v1, -1), *s3 = sigmoid_third(T, v, s1);
    tp_tensor *even = tp_mul_scalar(T, tp_add(T, tp_mul(T, v2, s1), tp_mul(T, v1, s2)), 3);
    tp_tensor *odd = tp_add(T, tp_mul_scalar(T, s1, 6 * b), tp_mul_scalar(T, tp_mul(T, v2, s2), 3));
    return tp_add(T, even, tp_mul(T, x, tp_add(T, odd, tp_mul(T, cube(T, v1), s3))));
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

static void odds(tp_sampler *s, int n)
{
    samples(s, n, (const double[2]){-1, 0}, 0.1, 0.83);
    samples(s, n, (const double[2]){0.2, 0}, 0.21, 0.79);
}
static void odds_samples(tp_sampler *s) { odds(s, 1); }
static void odds_pairs(tp_sampler *s) { odds(s, 2); }
static void odds_triples(tp_sampler *s) { odds(s, 3); }

/* ---- the table: name, block functions, dtype rule, samples, printed name, third derivative --------------------------- */

#define CURVE(fn, KIND, RULE, WHERE, PRINTED, THIRD)                                               \
    TP__CURVE(fn, KIND, RULE, 0, WHERE, PRINTED, THIRD)                                            \
    tp_tensor *tp_##fn(tp_tape *T, tp_tensor *x) { return tp__apply1(T, &fn##_op.map.op, NULL, x); }

CURVE(sigmoid, SIGMOID, TO_FLOAT, all, "Sigmoid", sigmoid_third)
CURVE(tanh, TANH, TO_FLOAT, all, "Tanh", tanh_third)
CURVE(softplus, SOFTPLUS, TO_FLOAT, all, "Softplus", softplus_third)
CURVE(log_sigmoid, LOG_SIGMOID, TO_FLOAT, all, "LogSigmoid", softplus_third)
CURVE(gelu, GELU, SAME, all, "Gelu", gelu_third)
CURVE(gelu_tanh, GELU_TANH, SAME, all, "Gelu", gelu_tanh_third)
CURVE(expm1, EXPM1, TO_FLOAT, all, "Expm1", exp_third)
CURVE(exp2, EXP2, TO_FLOAT, all, "Exp2", exp2_third)
CURVE(log2, LOG2, TO_FLOAT, positive, "Log2", log_third)
CURVE(log10, LOG10, TO_FLOAT, positive, "Log10", log_third)
CURVE(rsqrt, RSQRT, TO_FLOAT, positive, "Rsqrt", rsqrt_third)
CURVE(asin, ASIN, TO_FLOAT, unit, "Asin", asin_third)
CURVE(atan, ATAN, TO_FLOAT, all, "Atan", atan_third)
CURVE(asinh, ASINH, TO_FLOAT, all, "Asinh", asinh_third)
CURVE(acosh, ACOSH, TO_FLOAT, above_one, "Acosh", asinh_third)
CURVE(atanh, ATANH, TO_FLOAT, unit, "Atanh", atanh_third)
CURVE(erf, ERF, TO_FLOAT, all, "Erf", erf_third)
CURVE(sinc, SINC, TO_FLOAT, all, "Sinc", sinc_third)
TP__CURVE(logit, LOGIT, TO_FLOAT, 2 * sizeof(double), odds, "Logit", logit_third)
/* clang-format on */

tp_tensor *tp_logit(tp_tape *T, tp_tensor *x, double eps)
{
    const double attr[2] = {eps > 0 ? eps : -1, 0};
    return tp__apply1(T, &logit_op.map.op, attr, x);
}

/* The same slopes but for the sign */
static tp_status acos_vjp(tp_vjp *v)
{
    v->gin[0] = tp_neg(v->tape, apply2(v, &asin_backward_op, v->in[0], v->gout[0]));
    return TP_OK;
}
static tp_status erfc_vjp(tp_vjp *v)
{
    v->gin[0] = tp_neg(v->tape, apply2(v, &erf_backward_op, v->in[0], v->gout[0]));
    return TP_OK;
}
TP__CURVE_OP(acos_op, "acos", ACOS, TO_FLOAT, 1, 0, acos_vjp, unit_samples, "AcosBackward0", NULL, NULL, NULL)
TP__CURVE_OP(erfc_op, "erfc", ERFC, TO_FLOAT, 1, 0, erfc_vjp, all_samples, "ErfcBackward0", NULL, NULL, NULL)
tp_tensor *tp_acos(tp_tape *T, tp_tensor *x) { return tp__apply1(T, &acos_op.map.op, NULL, x); }
tp_tensor *tp_erfc(tp_tape *T, tp_tensor *x) { return tp__apply1(T, &erfc_op.map.op, NULL, x); }

tp_tensor *tp__sigmoid_backward(tp_tape *T, tp_tensor *x, tp_tensor *g)
{
    return tp__apply2(T, &sigmoid_backward_op.map.op, NULL, x, g);
}

static tp_tensor *sinc_third(tp_tape *T, tp_tensor *x, tp_tensor *w)
{
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
