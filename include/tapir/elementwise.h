/* elementwise.h - functions of each element.
 * ops.h says what holds for all operators.
 */
#ifndef TAPIR_ELEMENTWISE_H
#define TAPIR_ELEMENTWISE_H

#include "op.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- elementwise, two operands --------------------------------------------------------------- */

TP_API tp_tensor *tp_add(tp_tape *T, tp_tensor *a, tp_tensor *b);
TP_API tp_tensor *tp_sub(tp_tape *T, tp_tensor *a, tp_tensor *b);
/* a + alpha b and a - alpha b in one operator (torch's add and sub with alpha), as y + h k of an integrator. Of integers
 * alpha is a whole number; two booleans are TP_EDTYPE. */
TP_API tp_tensor *tp_add_alpha(tp_tape *T, tp_tensor *a, tp_tensor *b, double alpha);
TP_API tp_tensor *tp_sub_alpha(tp_tape *T, tp_tensor *a, tp_tensor *b, double alpha);
/* x[0] + x[1] + ... of n tensors, 1 or more, in this order: one pass over memory where all have one shape and dtype,
 * otherwise as tp_add. */
TP_API tp_tensor *tp_add_n(tp_tape *T, int n, tp_tensor *const *x);
TP_API tp_tensor *tp_mul(tp_tape *T, tp_tensor *a, tp_tensor *b);
TP_API tp_tensor *tp_div(tp_tape *T, tp_tensor *a, tp_tensor *b); /* integers give float32 */
TP_API tp_tensor *tp_pow(tp_tape *T, tp_tensor *a, tp_tensor *b);
TP_API tp_tensor *tp_atan2(tp_tape *T, tp_tensor *a, tp_tensor *b);
TP_API tp_tensor *tp_maximum(tp_tape *T, tp_tensor *a, tp_tensor *b); /* NaN wins; ties share the gradient */
TP_API tp_tensor *tp_minimum(tp_tape *T, tp_tensor *a, tp_tensor *b);

/* Python's quotient floor(a / b), and C's, rounded to zero (torch.div's rounding_mode). Gradients are zero. Integers
 * divided by zero are an error. */
TP_API tp_tensor *tp_floor_divide(tp_tape *T, tp_tensor *a, tp_tensor *b);
TP_API tp_tensor *tp_trunc_divide(tp_tape *T, tp_tensor *a, tp_tensor *b);
/* What is left of a: with b's sign (Python's %, torch.remainder), with a's (C's, torch.fmod). */
TP_API tp_tensor *tp_remainder(tp_tape *T, tp_tensor *a, tp_tensor *b);
TP_API tp_tensor *tp_fmod(tp_tape *T, tp_tensor *a, tp_tensor *b);
TP_API tp_tensor *tp_fmax(tp_tape *T, tp_tensor *a, tp_tensor *b); /* the other where one is NaN; ties go to a */
TP_API tp_tensor *tp_fmin(tp_tape *T, tp_tensor *a, tp_tensor *b);
/* sqrt(a^2 + b^2); floats. At the origin the gradients are 0 (torch: NaN), as that of a norm. */
TP_API tp_tensor *tp_hypot(tp_tape *T, tp_tensor *a, tp_tensor *b);
TP_API tp_tensor *tp_copysign(tp_tape *T, tp_tensor *a, tp_tensor *b);   /* |a| with b's sign, -0 included */
TP_API tp_tensor *tp_logaddexp(tp_tape *T, tp_tensor *a, tp_tensor *b);  /* log(e^a + e^b); floats */
TP_API tp_tensor *tp_logaddexp2(tp_tape *T, tp_tensor *a, tp_tensor *b); /* log2(2^a + 2^b); floats */
/* x log y, and x log(1 + y); 0 for x = 0. Where x is 0 and the logarithm's argument is not positive, both gradients are 0, too
 * (torch: NaN by y). */
TP_API tp_tensor *tp_xlogy(tp_tape *T, tp_tensor *x, tp_tensor *y);
TP_API tp_tensor *tp_xlog1py(tp_tape *T, tp_tensor *x, tp_tensor *y);
TP_API tp_tensor *tp_heaviside(tp_tape *T, tp_tensor *x,
                               tp_tensor *y); /* 0, y, 1 for x below, at, above 0; no gradient */
TP_API tp_tensor *tp_nextafter(tp_tape *T, tp_tensor *a, tp_tensor *b);   /* the float after a towards b; no gradient */
TP_API tp_tensor *tp_float_power(tp_tape *T, tp_tensor *a, tp_tensor *b); /* in float64 */
TP_API tp_tensor *tp_ldexp(tp_tape *T, tp_tensor *x, tp_tensor *exponent); /* x 2^exponent */
/* Integers and booleans, bit by bit. Shifts take integers; bits beyond the width are lost. No gradients. */
TP_API tp_tensor *tp_bitwise_and(tp_tape *T, tp_tensor *a, tp_tensor *b);
TP_API tp_tensor *tp_bitwise_or(tp_tape *T, tp_tensor *a, tp_tensor *b);
TP_API tp_tensor *tp_bitwise_xor(tp_tape *T, tp_tensor *a, tp_tensor *b);
TP_API tp_tensor *tp_bitwise_not(tp_tape *T, tp_tensor *x);
TP_API tp_tensor *tp_bitwise_left_shift(tp_tape *T, tp_tensor *x, tp_tensor *bits);
TP_API tp_tensor *tp_bitwise_right_shift(tp_tape *T, tp_tensor *x, tp_tensor *bits);
TP_API tp_tensor *tp_gcd(tp_tape *T, tp_tensor *a, tp_tensor *b);
TP_API tp_tensor *tp_lcm(tp_tape *T, tp_tensor *a, tp_tensor *b);

/* With a C number in place of a tensor. Integer tensors stay integer where the number is whole and
 * become float32 otherwise, as with a Python number. Integers wrap, and so does the number: int32 1 + 2^32 is 1. An
 * exponent must be one of x's dtype (TP_EINVAL). */
TP_API tp_tensor *tp_add_scalar(tp_tape *T, tp_tensor *x, double s);
TP_API tp_tensor *tp_sub_scalar(tp_tape *T, tp_tensor *x, double s);
TP_API tp_tensor *tp_rsub_scalar(tp_tape *T, tp_tensor *x, double s); /* s - x */
TP_API tp_tensor *tp_mul_scalar(tp_tape *T, tp_tensor *x, double s);
TP_API tp_tensor *tp_div_scalar(tp_tape *T, tp_tensor *x, double s);
TP_API tp_tensor *tp_pow_scalar(tp_tape *T, tp_tensor *x, double s);
/* min(max(x, low), high); the gradient passes where low <= x <= high. Of integers, whole bounds that the dtype does not
 * hold, and infinite ones, are no bounds; where they leave nothing it holds (uint8 from 256 to 300): TP_EINVAL. */
TP_API tp_tensor *tp_clamp(tp_tape *T, tp_tensor *x, double low, double high);

/* The same with tensors as bounds, of which one may be NULL; the gradient goes to x inside, otherwise to the bound. */
TP_API tp_tensor *tp_clamp_tensor(tp_tape *T, tp_tensor *x, tp_tensor *low, tp_tensor *high);
TP_API tp_tensor *tp_clamp_min(tp_tape *T, tp_tensor *x, tp_tensor *low);
TP_API tp_tensor *tp_clamp_max(tp_tape *T, tp_tensor *x, tp_tensor *high);
/* start + weight (end - start), all of one float dtype */
TP_API tp_tensor *tp_lerp(tp_tape *T, tp_tensor *start, tp_tensor *end, tp_tensor *weight);
TP_API tp_tensor *tp_lerp_scalar(tp_tape *T, tp_tensor *start, tp_tensor *end, double weight);
TP_API tp_tensor *tp_addcmul(tp_tape *T, tp_tensor *x, tp_tensor *a, tp_tensor *b, double value); /* x + value a b */
TP_API tp_tensor *tp_addcdiv(tp_tape *T, tp_tensor *x, tp_tensor *a, tp_tensor *b, double value); /* x + value a / b */

/* Comparisons give TP_BOOL and have no gradient. (torch's names not_equal, less, less_equal, greater and
 * greater_equal are aliases of these.) */
TP_API tp_tensor *tp_eq(tp_tape *T, tp_tensor *a, tp_tensor *b);
TP_API tp_tensor *tp_ne(tp_tape *T, tp_tensor *a, tp_tensor *b);
TP_API tp_tensor *tp_lt(tp_tape *T, tp_tensor *a, tp_tensor *b);
TP_API tp_tensor *tp_le(tp_tape *T, tp_tensor *a, tp_tensor *b);
TP_API tp_tensor *tp_gt(tp_tape *T, tp_tensor *a, tp_tensor *b);
TP_API tp_tensor *tp_ge(tp_tape *T, tp_tensor *a, tp_tensor *b);
/* With a C number, as exactly as it is given: of integers, 1 < 1.5, and no uint8 equals 300. A float x is compared with
 * the number in its own dtype, so that float32 0.1 equals 0.1. */
TP_API tp_tensor *tp_eq_scalar(tp_tape *T, tp_tensor *x, double s);
TP_API tp_tensor *tp_ne_scalar(tp_tape *T, tp_tensor *x, double s);
TP_API tp_tensor *tp_lt_scalar(tp_tape *T, tp_tensor *x, double s);
TP_API tp_tensor *tp_le_scalar(tp_tape *T, tp_tensor *x, double s);
TP_API tp_tensor *tp_gt_scalar(tp_tape *T, tp_tensor *x, double s);
TP_API tp_tensor *tp_ge_scalar(tp_tape *T, tp_tensor *x, double s);
TP_API tp_tensor *tp_logical_and(tp_tape *T, tp_tensor *a, tp_tensor *b);
TP_API tp_tensor *tp_logical_or(tp_tape *T, tp_tensor *a, tp_tensor *b);
TP_API tp_tensor *tp_logical_xor(tp_tape *T, tp_tensor *a, tp_tensor *b);
TP_API tp_tensor *tp_logical_not(tp_tape *T, tp_tensor *x);
/* |a - b| <= atol + rtol |b|, for tensors of one dtype; torch's defaults are rtol 1e-5, atol 1e-8. */
TP_API tp_tensor *tp_isclose(tp_tape *T, tp_tensor *a, tp_tensor *b, double rtol, double atol, bool equal_nan);
/* True where all are close; where shapes and all values are equal. False on a failed tape. */
TP_API bool tp_allclose(tp_tape *T, tp_tensor *a, tp_tensor *b, double rtol, double atol, bool equal_nan) TP_MUST_CHECK;
TP_API bool tp_equal(tp_tape *T, tp_tensor *a, tp_tensor *b) TP_MUST_CHECK;
/* condition ? a : b, elementwise; the condition is TP_BOOL. */
TP_API tp_tensor *tp_where(tp_tape *T, tp_tensor *condition, tp_tensor *a, tp_tensor *b);
/* condition ? a : b with a number b; the other way round is tp_masked_fill. Integers beside a number that is not whole give
 * float32. */
TP_API tp_tensor *tp_where_scalar(tp_tape *T, tp_tensor *condition, tp_tensor *a, double b);

/* ---- elementwise, one operand ---------------------------------------------------------------- */

TP_API tp_tensor *tp_neg(tp_tape *T, tp_tensor *x);
TP_API tp_tensor *tp_abs(tp_tape *T, tp_tensor *x);
TP_API tp_tensor *tp_sign(tp_tape *T, tp_tensor *x);
TP_API tp_tensor *tp_square(tp_tape *T, tp_tensor *x);
TP_API tp_tensor *tp_sqrt(tp_tape *T, tp_tensor *x);
TP_API tp_tensor *tp_rsqrt(tp_tape *T, tp_tensor *x);
TP_API tp_tensor *tp_reciprocal(tp_tape *T, tp_tensor *x);
TP_API tp_tensor *tp_exp(tp_tape *T, tp_tensor *x);
TP_API tp_tensor *tp_expm1(tp_tape *T, tp_tensor *x);
TP_API tp_tensor *tp_log(tp_tape *T, tp_tensor *x);
TP_API tp_tensor *tp_log1p(tp_tape *T, tp_tensor *x);
TP_API tp_tensor *tp_log2(tp_tape *T, tp_tensor *x);
TP_API tp_tensor *tp_log10(tp_tape *T, tp_tensor *x);
TP_API tp_tensor *tp_sin(tp_tape *T, tp_tensor *x);
TP_API tp_tensor *tp_cos(tp_tape *T, tp_tensor *x);
TP_API tp_tensor *tp_tan(tp_tape *T, tp_tensor *x);
TP_API tp_tensor *tp_sinh(tp_tape *T, tp_tensor *x);
TP_API tp_tensor *tp_cosh(tp_tape *T, tp_tensor *x);
TP_API tp_tensor *tp_tanh(tp_tape *T, tp_tensor *x);
TP_API tp_tensor *tp_asin(tp_tape *T, tp_tensor *x);
TP_API tp_tensor *tp_acos(tp_tape *T, tp_tensor *x);
TP_API tp_tensor *tp_atan(tp_tape *T, tp_tensor *x);
TP_API tp_tensor *tp_erf(tp_tape *T, tp_tensor *x);
TP_API tp_tensor *tp_floor(tp_tape *T, tp_tensor *x);
TP_API tp_tensor *tp_ceil(tp_tape *T, tp_tensor *x);
TP_API tp_tensor *tp_round(tp_tape *T, tp_tensor *x); /* half to even */
TP_API tp_tensor *tp_trunc(tp_tape *T, tp_tensor *x);
TP_API tp_tensor *tp_sigmoid(tp_tape *T, tp_tensor *x);
TP_API tp_tensor *tp_relu(tp_tape *T, tp_tensor *x);
TP_API tp_tensor *tp_exp2(tp_tape *T, tp_tensor *x);
TP_API tp_tensor *tp_asinh(tp_tape *T, tp_tensor *x);
TP_API tp_tensor *tp_acosh(tp_tape *T, tp_tensor *x);
TP_API tp_tensor *tp_atanh(tp_tape *T, tp_tensor *x);
TP_API tp_tensor *tp_erfc(tp_tape *T, tp_tensor *x);
TP_API tp_tensor *tp_erfinv(tp_tape *T, tp_tensor *x);
TP_API tp_tensor *tp_lgamma(tp_tape *T, tp_tensor *x); /* log |gamma(x)| */
TP_API tp_tensor *tp_digamma(tp_tape *T, tp_tensor *x);
/* The logarithm of the p-variate gamma function (multigammaln): p log gammas for an element, p from 1 to 100,000, or else
 * TP_EINVAL. */
TP_API tp_tensor *tp_mvlgamma(tp_tape *T, tp_tensor *x, int p);
/* The n-th derivative of digamma, n >= 0 (TP_EINVAL). At most 60 powers for an element, whatever n and x; right to n log n
 * units in the last place. tp_zeta is the same for any x: bounded, and whole orders alone left of 0. */
TP_API tp_tensor *tp_polygamma(tp_tape *T, int n, tp_tensor *x);
TP_API tp_tensor *tp_frac(tp_tape *T, tp_tensor *x); /* x - trunc(x) */
TP_API tp_tensor *tp_sinc(tp_tape *T, tp_tensor *x); /* sin(pi x) / (pi x), 1 at 0 */
/* log(x / (1 - x)) of x, clamped to [eps, 1 - eps] where eps > 0 */
TP_API tp_tensor *tp_logit(tp_tape *T, tp_tensor *x, double eps);
TP_API tp_tensor *tp_round_decimals(tp_tape *T, tp_tensor *x, int decimals); /* negative: tens, hundreds ... */
TP_API tp_tensor *tp_deg2rad(tp_tape *T, tp_tensor *x);
TP_API tp_tensor *tp_rad2deg(tp_tape *T, tp_tensor *x);
/* What takes the place of NaN (0) and of the infinities (the largest numbers of the dtype, unless given). */
typedef struct {
    double nan;
    bool   has_posinf, has_neginf;
    double posinf, neginf;
    TP_RESERVED(4);
} tp_nan_to_num_options;
TP_API tp_tensor *tp_nan_to_num(tp_tape *T, tp_tensor *x, const tp_nan_to_num_options *options);
TP_API tp_tensor *tp_signbit(tp_tape *T, tp_tensor *x);
TP_API tp_tensor *tp_isposinf(tp_tape *T, tp_tensor *x);
TP_API tp_tensor *tp_isneginf(tp_tape *T, tp_tensor *x);
TP_API tp_tensor *tp_isnan(tp_tape *T, tp_tensor *x);
TP_API tp_tensor *tp_isinf(tp_tape *T, tp_tensor *x);
TP_API tp_tensor *tp_isfinite(tp_tape *T, tp_tensor *x);
/* Of real numbers, which all are here: true; 0, or pi below 0, with a gradient of 0. */
TP_API tp_tensor *tp_isreal(tp_tape *T, tp_tensor *x);
TP_API tp_tensor *tp_angle(tp_tape *T, tp_tensor *x);

/* ---- special functions ----------------------------------------------------------------------- */

/* Of the standard normal distribution: P(X <= x), its logarithm, its inverse. */
TP_API tp_tensor *tp_ndtr(tp_tape *T, tp_tensor *x);
TP_API tp_tensor *tp_log_ndtr(tp_tape *T, tp_tensor *x);
TP_API tp_tensor *tp_ndtri(tp_tape *T, tp_tensor *x);
TP_API tp_tensor *tp_erfcx(tp_tape *T, tp_tensor *x); /* e^(x^2) erfc(x) */
TP_API tp_tensor *tp_entr(tp_tape *T, tp_tensor *x);  /* -x log x, 0 at 0, -infinity below */
/* Modified Bessel functions of the first kind; i0e and i1e times e^-|x|. */
TP_API tp_tensor *tp_i0(tp_tape *T, tp_tensor *x);
TP_API tp_tensor *tp_i0e(tp_tape *T, tp_tensor *x);
TP_API tp_tensor *tp_i1(tp_tape *T, tp_tensor *x);
TP_API tp_tensor *tp_i1e(tp_tape *T, tp_tensor *x);
/* Bessel functions of the first and second kind; no gradient, as in torch. */
TP_API tp_tensor *tp_bessel_j0(tp_tape *T, tp_tensor *x);
TP_API tp_tensor *tp_bessel_j1(tp_tape *T, tp_tensor *x);
TP_API tp_tensor *tp_bessel_y0(tp_tape *T, tp_tensor *x);
TP_API tp_tensor *tp_bessel_y1(tp_tape *T, tp_tensor *x);
/* Hurwitz's zeta function, the sum of (x + k)^-a over k >= 0; the regularized incomplete gamma functions, lower
 * (gammainc) and upper (gammaincc), floats only. Their gradients are by x alone: one asked for by a is an error in
 * backward. */
TP_API tp_tensor *tp_zeta(tp_tape *T, tp_tensor *a, tp_tensor *x);
TP_API tp_tensor *tp_igamma(tp_tape *T, tp_tensor *a, tp_tensor *x);
TP_API tp_tensor *tp_igammac(tp_tape *T, tp_tensor *a, tp_tensor *x);
/* x = mantissa 2^exponent, 0.5 <= |mantissa| < 1. Returns the mantissa; the exponent (may be NULL) is TP_I32. */
TP_API tp_tensor *tp_frexp(tp_tape *T, tp_tensor *x, tp_tensor **exponent);

/* Conversion; differentiable between float dtypes. Returns x itself where it has the dtype. */
TP_API tp_tensor *tp_to(tp_tape *T, tp_tensor *x, tp_dtype dtype);

#ifdef __cplusplus
}
#endif
#endif
