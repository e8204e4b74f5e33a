/* unary.c - elementwise functions of one tensor.
 *
 * An operator is one line of the table at the end: its block function, its derivative, where it is
 * sampled. Derivatives are written in operators, so that every order comes for free; g is the gradient
 * of the output y = f(x).
 */
#include "ops/elementwise.h"

/* The pieces that derivatives are written with. */
/* clang-format off */
#define VJP(name, formula)                                                                         \
    static tp_status name##_vjp(tp_vjp *v)                                                         \
    { tp_tape *T = v->tape; tp_tensor *x = v->in[0], *y = v->out[0], *g = v->gout[0];              \
      (void)T; (void)x; (void)y; (void)g; v->gin[0] = (formula); return TP_OK; }

VJP(neg, tp_neg(T, g))
VJP(abs, tp_mul(T, g, tp_sign(T, x)))
VJP(zero, tp_zeros_like(T, x))
VJP(square, tp_mul(T, g, tp_mul_scalar(T, x, 2)))
VJP(sqrt, tp_div(T, g, tp_mul_scalar(T, y, 2)))
VJP(rsqrt, tp_mul(T, g, tp_mul_scalar(T, tp_mul(T, y, tp_square(T, y)), -0.5)))
VJP(reciprocal, tp_mul(T, g, tp_neg(T, tp_square(T, y))))
VJP(exp, tp_mul(T, g, y))
VJP(expm1, tp_mul(T, g, tp_add_scalar(T, y, 1)))
VJP(log, tp_div(T, g, x))
VJP(log1p, tp_div(T, g, tp_add_scalar(T, x, 1)))
VJP(log2, tp_div(T, g, tp_mul_scalar(T, x, 0.693147180559945309417)))
VJP(log10, tp_div(T, g, tp_mul_scalar(T, x, 2.30258509299404568402)))
VJP(sin, tp_mul(T, g, tp_cos(T, x)))
VJP(cos, tp_mul(T, g, tp_neg(T, tp_sin(T, x))))
VJP(tan, tp_mul(T, g, tp_add_scalar(T, tp_square(T, y), 1)))
VJP(sinh, tp_mul(T, g, tp_cosh(T, x)))
VJP(cosh, tp_mul(T, g, tp_sinh(T, x)))
VJP(asin, tp_mul(T, g, tp_rsqrt(T, tp_rsub_scalar(T, tp_square(T, x), 1))))
VJP(acos, tp_mul(T, g, tp_neg(T, tp_rsqrt(T, tp_rsub_scalar(T, tp_square(T, x), 1)))))
VJP(atan, tp_div(T, g, tp_add_scalar(T, tp_square(T, x), 1)))
VJP(erf, tp_mul(T, g, tp_mul_scalar(T, tp_exp(T, tp_neg(T, tp_square(T, x))), 1.12837916709551257390)))
VJP(softplus, tp_mul(T, g, tp_where(T, tp_gt(T, x, tp_scalar(T, (tp_dtype)x->dtype, 20)),
                                    tp_ones_like(T, x), tp_sigmoid(T, x))))
VJP(log_sigmoid, tp_mul(T, g, tp_sigmoid(T, tp_neg(T, x))))
/* clang-format on */
/* Those that a network uses at every step have an operator for their derivative: f'(y) g in one pass. */
static tp_tensor *tanh_backward(tp_tape *T, tp_tensor *y, tp_tensor *g);
static tp_tensor *sigmoid_backward(tp_tape *T, tp_tensor *y, tp_tensor *g);
static tp_tensor *relu_backward(tp_tape *T, tp_tensor *y, tp_tensor *g);
/* clang-format off */
VJP(tanh, tanh_backward(T, y, g))
VJP(sigmoid, sigmoid_backward(T, y, g))
VJP(relu, relu_backward(T, y, g))
/* clang-format on */
/* g (1 - y^2) */
static tp_status tanh_backward_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    if (tp_vjp_needs(v, 0))
        v->gin[0] = tp_mul(T, v->gout[0], tp_mul_scalar(T, tp_mul(T, v->in[0], v->in[1]), -2));
    if (tp_vjp_needs(v, 1))
        v->gin[1] = tanh_backward(T, v->in[0], v->gout[0]);
    return TP_OK;
}

/* g y (1 - y) */
static tp_status sigmoid_backward_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    if (tp_vjp_needs(v, 0))
        v->gin[0] = tp_mul(T, v->gout[0], tp_mul(T, v->in[1], tp_rsub_scalar(T, tp_mul_scalar(T, v->in[0], 2), 1)));
    if (tp_vjp_needs(v, 1))
        v->gin[1] = sigmoid_backward(T, v->in[0], v->gout[0]);
    return TP_OK;
}

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
    static const tp__map_op fn##_op = {{#fn, 1, 1, 0, TP_OP_STRIDED | (READS), tp__map_infer, tp__map_forward, \
                                        VJP_OF, NULL, WHERE_SAMPLED, PRINTED}, TP__##KIND, TP__##RULE}; \
    tp_tensor *tp_##fn(tp_tape *T, tp_tensor *x) { return tp__apply1(T, &fn##_op.op, NULL, x); }
#define TRUTH(fn, KIND, RULE)                                                                      \
    static const tp__map_op fn##_op = {{#fn, 1, 1, 0, TP_OP_STRIDED | TP_OP_NO_GRAD, tp__map_infer, tp__map_forward, \
                                        NULL, NULL, all_samples, NULL}, TP__##KIND, TP__##RULE};   \
    tp_tensor *tp_##fn(tp_tape *T, tp_tensor *x) { return tp__apply1(T, &fn##_op.op, NULL, x); }
#define BACKWARD(fn, KIND, FLAGS, PRINTED)                                                         \
    static const tp__map_op fn##_op = {{#fn, 2, 1, 0, TP_OP_STRIDED | (FLAGS), tp__map_infer, tp__map_forward, \
                                        fn##_vjp, NULL, pair_samples, PRINTED}, TP__##KIND, TP__SAME}; \
    static tp_tensor *fn(tp_tape *T, tp_tensor *y, tp_tensor *g) { return tp__apply2(T, &fn##_op.op, NULL, y, g); }

UNARY(neg, NEG, SAME, neg_vjp, TP__READS_NOTHING, all_samples, "NegBackward0")
UNARY(abs, ABS, SAME, abs_vjp, READS_X, all_samples, "AbsBackward0")
UNARY(sign, SIGN, SAME, zero_vjp, TP__READS_NOTHING, all_samples, "SignBackward0")
static const tp__map_op square_op = {{"square", 1, 1, 0, TP_OP_STRIDED | READS_X, tp__map_infer, tp__map_forward, square_vjp,
                                      NULL, all_samples, "PowBackward0"}, TP__SQUARE, TP__SAME};
tp_tensor *tp_square(tp_tape *T, tp_tensor *x)
{
    return tp__apply1(T, &square_op.op, NULL, x && x->dtype == TP_BOOL ? tp_to(T, x, TP_I64) : x);
}

UNARY(sqrt, SQRT, TO_FLOAT, sqrt_vjp, READS_Y, positive_samples, "SqrtBackward0")
UNARY(rsqrt, RSQRT, TO_FLOAT, rsqrt_vjp, READS_Y, positive_samples, "RsqrtBackward0")
UNARY(reciprocal, RECIPROCAL, TO_FLOAT, reciprocal_vjp, READS_Y, positive_samples, "ReciprocalBackward0")
UNARY(exp, EXP, TO_FLOAT, exp_vjp, READS_Y, all_samples, "ExpBackward0")
UNARY(expm1, EXPM1, TO_FLOAT, expm1_vjp, READS_Y, all_samples, "Expm1Backward0")
UNARY(log, LOG, TO_FLOAT, log_vjp, READS_X, positive_samples, "LogBackward0")
UNARY(log1p, LOG1P, TO_FLOAT, log1p_vjp, READS_X, positive_samples, "Log1PBackward0")
UNARY(log2, LOG2, TO_FLOAT, log2_vjp, READS_X, positive_samples, "Log2Backward0")
UNARY(log10, LOG10, TO_FLOAT, log10_vjp, READS_X, positive_samples, "Log10Backward0")
UNARY(sin, SIN, TO_FLOAT, sin_vjp, READS_X, all_samples, "SinBackward0")
UNARY(cos, COS, TO_FLOAT, cos_vjp, READS_X, all_samples, "CosBackward0")
UNARY(tan, TAN, TO_FLOAT, tan_vjp, READS_Y, unit_samples, "TanBackward0")
UNARY(sinh, SINH, TO_FLOAT, sinh_vjp, READS_X, all_samples, "SinhBackward0")
UNARY(cosh, COSH, TO_FLOAT, cosh_vjp, READS_X, all_samples, "CoshBackward0")
UNARY(tanh, TANH, TO_FLOAT, tanh_vjp, READS_Y, all_samples, "TanhBackward0")
UNARY(asin, ASIN, TO_FLOAT, asin_vjp, READS_X, unit_samples, "AsinBackward0")
UNARY(acos, ACOS, TO_FLOAT, acos_vjp, READS_X, unit_samples, "AcosBackward0")
UNARY(atan, ATAN, TO_FLOAT, atan_vjp, READS_X, all_samples, "AtanBackward0")
UNARY(erf, ERF, TO_FLOAT, erf_vjp, READS_X, all_samples, "ErfBackward0")
UNARY(sigmoid, SIGMOID, TO_FLOAT, sigmoid_vjp, READS_Y, all_samples, "SigmoidBackward0")
UNARY(relu, RELU, SAME, relu_vjp, READS_Y, all_samples, "ReluBackward0")
UNARY(softplus, SOFTPLUS, TO_FLOAT, softplus_vjp, READS_X, all_samples, "SoftplusBackward0")
UNARY(log_sigmoid, LOG_SIGMOID, TO_FLOAT, log_sigmoid_vjp, READS_X, all_samples, "LogSigmoidBackward0")
UNARY(floor, FLOOR, SAME, zero_vjp, TP__READS_NOTHING, all_samples, "FloorBackward0")
UNARY(ceil, CEIL, SAME, zero_vjp, TP__READS_NOTHING, all_samples, "CeilBackward0")
UNARY(round, ROUND, SAME, zero_vjp, TP__READS_NOTHING, all_samples, "RoundBackward0")
UNARY(trunc, TRUNC, SAME, zero_vjp, TP__READS_NOTHING, all_samples, "TruncBackward0")
BACKWARD(tanh_backward, TANH_BACKWARD, READS_X, "TanhBackwardBackward0")
BACKWARD(sigmoid_backward, SIGMOID_BACKWARD, READS_X, "SigmoidBackwardBackward0")
BACKWARD(relu_backward, RELU_BACKWARD, READS_X, "ThresholdBackwardBackward0")
TRUTH(isnan, ISNAN, FLOAT_TO_BOOL)
TRUTH(isinf, ISINF, FLOAT_TO_BOOL)
TRUTH(isfinite, ISFINITE, FLOAT_TO_BOOL)
TRUTH(logical_not, NOT, TO_BOOL)
/* clang-format on */

const tp_op *const tp__ops_unary[] = {
    &neg_op.op,           &abs_op.op,           &sign_op.op,
    &square_op.op,        &sqrt_op.op,          &rsqrt_op.op,
    &reciprocal_op.op,    &exp_op.op,           &expm1_op.op,
    &log_op.op,           &log1p_op.op,         &log2_op.op,
    &log10_op.op,         &sin_op.op,           &cos_op.op,
    &tan_op.op,           &sinh_op.op,          &cosh_op.op,
    &tanh_op.op,          &asin_op.op,          &acos_op.op,
    &atan_op.op,          &erf_op.op,           &sigmoid_op.op,
    &relu_op.op,          &softplus_op.op,      &log_sigmoid_op.op,
    &floor_op.op,         &ceil_op.op,          &round_op.op,
    &trunc_op.op,         &tanh_backward_op.op, &sigmoid_backward_op.op,
    &relu_backward_op.op, &isnan_op.op,         &isinf_op.op,
    &isfinite_op.op,      &logical_not_op.op,   NULL,
};
