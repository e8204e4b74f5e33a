/* ops.h - operators on tensors.
 *
 * All take the tape first and return a new tensor of the tape, or NULL after a failure. Operands are
 * broadcast against each other and promoted as in PyTorch. `dim` may be negative (from the end).
 * Float results are differentiable, to any order, unless a comment says otherwise.
 *
 * PyTorch's other names, and what has their place here:
 *   tensor, as_tensor: tp_from.  from_blob, from_numpy, asarray: tp_wrap.  scalar_tensor: tp_scalar.  numpy: tp_data.
 *   new_empty, new_zeros, new_ones, new_full, new_tensor: the function without new_, with tp_dtype_of(x).
 *   copy_, and the in-place and out= forms that have no function: tp_copy_into (tape.h).
 *   float, double, int, long, byte, bool, type, type_as: tp_to.  ravel: tp_flatten(T, x, 0, -1).
 *   view_as, reshape_as, expand_as, broadcast_to: tp_view, tp_reshape, tp_expand with a shape (tp_shape_of(y)).
 *   swapaxes, swapdims: tp_transpose.  moveaxis: tp_movedim.  atleast_1d, _2d, _3d: tp_atleast.  argwhere: tp_nonzero.
 *   concat, concatenate: tp_cat.  row_stack: tp_vstack.  adjoint, mH: tp_mT.  H: tp_T.
 *   subtract, multiply, divide, true_divide: tp_sub, tp_mul, tp_div.  rsub: tp_rsub_scalar, or tp_sub turned around.
 *   negative, absolute, positive, fix, sgn: tp_neg, tp_abs, x itself, tp_trunc, tp_sign.  clip: tp_clamp.
 *   arcsin, arccos, arctan, arctan2, arcsinh, arccosh, arctanh: tp_asin ... tp_atanh.
 *   not_equal, less, less_equal, greater, greater_equal: tp_ne, tp_lt, tp_le, tp_gt, tp_ge.
 *   norm: tp_linalg_vector_norm.  trapz: tp_trapezoid.  vdot: tp_dot.  ger: tp_outer.  cross, matrix_power,
 *   chain_matmul: tp_linalg_cross, _matrix_power, _multi_dot (linalg.h).
 *   special.expit, gammaln, psi, multigammaln, gammainc, gammaincc: tp_sigmoid, tp_lgamma, tp_digamma, tp_mvlgamma,
 *   tp_igamma, tp_igammac.  conj, real, resolve_conj: x itself, for there are no complex numbers.
 */
#ifndef TAPIR_OPS_H
#define TAPIR_OPS_H

#include "op.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- creation -------------------------------------------------------------------------------- */

/* Copies numel elements of this dtype from row-major memory. */
TP_API tp_tensor *tp_from(tp_tape *T, tp_dtype dtype, tp_dims shape, const void *data);
/* Uses the caller's row-major memory as it is; it must outlive the tensor. */
TP_API tp_tensor *tp_wrap(tp_tape *T, tp_dtype dtype, tp_dims shape, void *data);
TP_API tp_tensor *tp_empty(tp_tape *T, tp_dtype dtype, tp_dims shape); /* values are not defined */
TP_API tp_tensor *tp_zeros(tp_tape *T, tp_dtype dtype, tp_dims shape);
TP_API tp_tensor *tp_ones(tp_tape *T, tp_dtype dtype, tp_dims shape);
/* A number becomes an element: integers take what truncates to one of them, of uint8 also whole numbers from -255 on, which
 * wrap; anything else is TP_EINVAL (NaN, 300 as uint8), here as in fill_, masked_fill, index_fill, scatter, linspace. */
TP_API tp_tensor *tp_full(tp_tape *T, tp_dtype dtype, tp_dims shape, double value);
TP_API tp_tensor *tp_scalar(tp_tape *T, tp_dtype dtype, double value); /* 0-d */
TP_API tp_tensor *tp_zeros_like(tp_tape *T, tp_tensor *x);
TP_API tp_tensor *tp_ones_like(tp_tape *T, tp_tensor *x);
TP_API tp_tensor *tp_full_like(tp_tape *T, tp_tensor *x, double value);
TP_API tp_tensor *tp_empty_like(tp_tape *T, tp_tensor *x);
TP_API tp_tensor *tp_eye(tp_tape *T, tp_dtype dtype, int64_t n, int64_t m); /* [n, m] */
/* ceil((end - start) / step) values start + i step; step is not 0 and points from start to end. Integers are counted in
 * int64, exactly: the arguments are truncated to it, values beyond a narrower dtype wrap, and a value that rounds to `end`
 * (a double, which beyond 2^53 stands for many integers) is not before it, where steps are longer than such gaps. */
TP_API tp_tensor *tp_arange(tp_tape *T, tp_dtype dtype, double start, double end, double step);
/* `steps` values from start to end, both included. */
TP_API tp_tensor *tp_linspace(tp_tape *T, tp_dtype dtype, double start, double end, int64_t steps);

/* base^v for v as in linspace (torch's base is 10). */
TP_API tp_tensor *tp_logspace(tp_tape *T, tp_dtype dtype, double start, double end, int64_t steps, double base);
/* [2, n]: rows and columns of the elements of a triangle, TP_I64 or TP_I32. */
TP_API tp_tensor *tp_tril_indices(tp_tape *T, tp_dtype dtype, int64_t rows, int64_t columns, int64_t offset);
TP_API tp_tensor *tp_triu_indices(tp_tape *T, tp_dtype dtype, int64_t rows, int64_t columns, int64_t offset);
/* [n] numbers between 0 and 1; a periodic one (torch's default) is one of n + 1 without its last. torch's defaults:
 * hamming alpha 0.54, beta 0.46; kaiser beta 12. */
TP_API tp_tensor *tp_bartlett_window(tp_tape *T, tp_dtype dtype, int64_t n, bool periodic);
TP_API tp_tensor *tp_blackman_window(tp_tape *T, tp_dtype dtype, int64_t n, bool periodic);
TP_API tp_tensor *tp_hamming_window(tp_tape *T, tp_dtype dtype, int64_t n, bool periodic, double alpha, double beta);
TP_API tp_tensor *tp_hann_window(tp_tape *T, tp_dtype dtype, int64_t n, bool periodic);
TP_API tp_tensor *tp_kaiser_window(tp_tape *T, tp_dtype dtype, int64_t n, bool periodic, double beta);

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
TP_API tp_tensor *tp_hypot(tp_tape *T, tp_tensor *a, tp_tensor *b);      /* sqrt(a^2 + b^2); floats */
TP_API tp_tensor *tp_copysign(tp_tape *T, tp_tensor *a, tp_tensor *b);   /* |a| with b's sign, -0 included */
TP_API tp_tensor *tp_logaddexp(tp_tape *T, tp_tensor *a, tp_tensor *b);  /* log(e^a + e^b); floats */
TP_API tp_tensor *tp_logaddexp2(tp_tape *T, tp_tensor *a, tp_tensor *b); /* log2(2^a + 2^b); floats */
TP_API tp_tensor *tp_xlogy(tp_tape *T, tp_tensor *x, tp_tensor *y);      /* x log y, 0 for x = 0 */
TP_API tp_tensor *tp_xlog1py(tp_tape *T, tp_tensor *x, tp_tensor *y);    /* x log(1 + y), 0 for x = 0 */
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
TP_API tp_tensor *tp_leaky_relu(tp_tape *T, tp_tensor *x, double slope); /* x, slope x below 0; torch's slope is 0.01 */
TP_API tp_tensor *tp_softplus(tp_tape *T, tp_tensor *x); /* log(1 + e^x); x itself above 20 */
TP_API tp_tensor *tp_log_sigmoid(tp_tape *T, tp_tensor *x);
TP_API tp_tensor *tp_gelu(tp_tape *T, tp_tensor *x);      /* x P(X <= x) for a standard normal X */
TP_API tp_tensor *tp_gelu_tanh(tp_tape *T, tp_tensor *x); /* x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) / 2 */
TP_API tp_tensor *tp_exp2(tp_tape *T, tp_tensor *x);
TP_API tp_tensor *tp_asinh(tp_tape *T, tp_tensor *x);
TP_API tp_tensor *tp_acosh(tp_tape *T, tp_tensor *x);
TP_API tp_tensor *tp_atanh(tp_tape *T, tp_tensor *x);
TP_API tp_tensor *tp_erfc(tp_tape *T, tp_tensor *x);
TP_API tp_tensor *tp_erfinv(tp_tape *T, tp_tensor *x);
TP_API tp_tensor *tp_lgamma(tp_tape *T, tp_tensor *x);          /* log |gamma(x)| */
TP_API tp_tensor *tp_digamma(tp_tape *T, tp_tensor *x);
/* The logarithm of the p-variate gamma function (multigammaln): p log gammas for an element, p from 1 to 100,000, or else
 * TP_EINVAL. */
TP_API tp_tensor *tp_mvlgamma(tp_tape *T, tp_tensor *x, int p);
/* The n-th derivative of digamma, n >= 0 (TP_EINVAL). At most 60 powers for an element, whatever n and x; right to n log n
 * units in the last place. tp_zeta is the same for any x: bounded, and whole orders alone left of 0. */
TP_API tp_tensor *tp_polygamma(tp_tape *T, int n, tp_tensor *x);
TP_API tp_tensor *tp_frac(tp_tape *T, tp_tensor *x);             /* x - trunc(x) */
TP_API tp_tensor *tp_sinc(tp_tape *T, tp_tensor *x);             /* sin(pi x) / (pi x), 1 at 0 */
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

/* ---- reductions ------------------------------------------------------------------------------ */

/* Over all elements, to 0-d; _dim: over one dimension; _dims: over several (n = 0: all). Sums of
 * integers and booleans are TP_I64; means need floats. Of a view that repeats its elements (tp_expand, tp_as_strided) at
 * most 2^30 are gone through; beyond that it is TP_ENOMEM. */
TP_API tp_tensor *tp_sum(tp_tape *T, tp_tensor *x);
TP_API tp_tensor *tp_sum_dim(tp_tape *T, tp_tensor *x, int dim, bool keepdim);
TP_API tp_tensor *tp_sum_dims(tp_tape *T, tp_tensor *x, int n, const int *dims, bool keepdim);
TP_API tp_tensor *tp_mean(tp_tape *T, tp_tensor *x);
TP_API tp_tensor *tp_mean_dim(tp_tape *T, tp_tensor *x, int dim, bool keepdim);
TP_API tp_tensor *tp_mean_dims(tp_tape *T, tp_tensor *x, int n, const int *dims, bool keepdim);
TP_API tp_tensor *tp_prod(tp_tape *T, tp_tensor *x);
TP_API tp_tensor *tp_prod_dim(tp_tape *T, tp_tensor *x, int dim, bool keepdim);
/* The largest, smallest value; the gradient is shared among equal ones (torch.amax, amin; torch.max
 * over all elements). */
TP_API tp_tensor *tp_amax(tp_tape *T, tp_tensor *x, int n, const int *dims, bool keepdim);
TP_API tp_tensor *tp_amin(tp_tape *T, tp_tensor *x, int n, const int *dims, bool keepdim);
TP_API tp_tensor *tp_max(tp_tape *T, tp_tensor *x);
TP_API tp_tensor *tp_min(tp_tape *T, tp_tensor *x);
/* Along a dimension, with the first position (TP_I64) of each; the gradient goes to that element. */
TP_API tp_tensor *tp_max_dim(tp_tape *T, tp_tensor *x, int dim, bool keepdim, tp_tensor **index);
TP_API tp_tensor *tp_min_dim(tp_tape *T, tp_tensor *x, int dim, bool keepdim, tp_tensor **index);
TP_API tp_tensor *tp_argmax(tp_tape *T, tp_tensor *x, int dim, bool keepdim);
TP_API tp_tensor *tp_argmin(tp_tape *T, tp_tensor *x, int dim, bool keepdim);
TP_API tp_tensor *tp_all(tp_tape *T, tp_tensor *x); /* TP_BOOL */
TP_API tp_tensor *tp_any(tp_tape *T, tp_tensor *x);
/* Variance with divisor n - correction; standard deviation its root. */
TP_API tp_tensor *tp_var(tp_tape *T, tp_tensor *x, int n, const int *dims, double correction, bool keepdim);
TP_API tp_tensor *tp_std(tp_tape *T, tp_tensor *x, int n, const int *dims, double correction, bool keepdim);
/* The same, and the mean. */
TP_API tp_tensor *tp_var_mean(tp_tape *T, tp_tensor *x, int n, const int *dims, double correction, bool keepdim,
                              tp_tensor **mean);
TP_API tp_tensor *tp_std_mean(tp_tape *T, tp_tensor *x, int n, const int *dims, double correction, bool keepdim,
                              tp_tensor **mean);
TP_API tp_tensor *tp_aminmax(tp_tape *T, tp_tensor *x, int n, const int *dims, bool keepdim, tp_tensor **max);
TP_API tp_tensor *tp_all_dim(tp_tape *T, tp_tensor *x, int dim, bool keepdim);
TP_API tp_tensor *tp_any_dim(tp_tape *T, tp_tensor *x, int dim, bool keepdim);
TP_API tp_tensor *tp_count_nonzero(tp_tape *T, tp_tensor *x, int n, const int *dims); /* TP_I64 */
/* NaN does not count. */
TP_API tp_tensor *tp_nansum(tp_tape *T, tp_tensor *x, int n, const int *dims, bool keepdim);
TP_API tp_tensor *tp_nanmean(tp_tape *T, tp_tensor *x, int n, const int *dims, bool keepdim);
/* sum(|x|^ord)^(1/ord) over dimensions (n = 0: all); INFINITY: the largest |x|, -INFINITY: the smallest, 0: how many are
 * not zero. Where the norm is 0 its gradient is 0. (torch.norm with a number, and 'fro' with 2.) */
TP_API tp_tensor *tp_linalg_vector_norm(tp_tape *T, tp_tensor *x, double ord, int n, const int *dims, bool keepdim);
TP_API tp_tensor *tp_dist(tp_tape *T, tp_tensor *a, tp_tensor *b, double p); /* the p-norm of a - b */
/* Slices along dim whose p-norm is above max_norm are scaled down to it. */
TP_API tp_tensor *tp_renorm(tp_tape *T, tp_tensor *x, double p, int dim, double max_norm);
/* [variables, observations] -> [variables, variables]; correction 1 is torch's default. fweights (integers) count an
 * observation several times, aweights (floats) weigh it; NULL: once each. */
TP_API tp_tensor *tp_cov(tp_tape *T, tp_tensor *x, int correction, tp_tensor *fweights, tp_tensor *aweights);
TP_API tp_tensor *tp_corrcoef(tp_tape *T, tp_tensor *x);

/* ---- along a dimension ----------------------------------------------------------------------- */

/* Running sums and products (TP_I64 of integers and booleans), log sum e^x, largest and smallest with the last place
 * of each (TP_I64; index may be NULL). */
TP_API tp_tensor *tp_cumsum(tp_tape *T, tp_tensor *x, int dim);
TP_API tp_tensor *tp_cumprod(tp_tape *T, tp_tensor *x, int dim);
TP_API tp_tensor *tp_logcumsumexp(tp_tape *T, tp_tensor *x, int dim);
TP_API tp_tensor *tp_cummax(tp_tape *T, tp_tensor *x, int dim, tp_tensor **index);
TP_API tp_tensor *tp_cummin(tp_tape *T, tp_tensor *x, int dim, tp_tensor **index);
/* Differences of neighbours, n times over, of x with `prepend` and `append` (or NULL) joined to it. */
TP_API tp_tensor *tp_diff(tp_tape *T, tp_tensor *x, int n, int dim, tp_tensor *prepend, tp_tensor *append);
/* The integral of y by the trapezoidal rule, at places x (of y's shape, or a vector) or dx apart where x is NULL. */
TP_API tp_tensor *tp_trapezoid(tp_tape *T, tp_tensor *y, tp_tensor *x, double dx, int dim);
TP_API tp_tensor *tp_cumulative_trapezoid(tp_tape *T, tp_tensor *y, tp_tensor *x, double dx, int dim);

/* How samples are spaced; zeros are torch's defaults. */
typedef struct {
    int               n; /* number of dimensions to differentiate along; 0: all */
    const int        *dims;
    double            spacing;     /* of all; 0: 1 */
    const double     *spacings;    /* or one a dimension */
    tp_tensor *const *coordinates; /* or vectors of places, one a dimension */
    int               edge_order;  /* 1 (also 0) or 2: differences of two or of three samples at the ends */
} tp_gradient_options;
/* Slopes of samples x of a function along dimensions, by central differences of second order: torch.gradient. out: one
 * tensor like x a dimension. (Derivatives of what was computed are tp_gradients.) */
TP_API tp_status tp_gradient(tp_tape *T, tp_tensor *x, const tp_gradient_options *options, tp_tensor **out);

/* ---- reductions, numerically careful --------------------------------------------------------- */

TP_API tp_tensor *tp_logsumexp(tp_tape *T, tp_tensor *x, int n, const int *dims, bool keepdim);

/* ---- products -------------------------------------------------------------------------------- */

/* torch.matmul: vectors, matrices, and batches of matrices broadcast against each other. */
TP_API tp_tensor *tp_matmul(tp_tape *T, tp_tensor *a, tp_tensor *b);
TP_API tp_tensor *tp_mm(tp_tape *T, tp_tensor *a, tp_tensor *b);    /* [n, k] [k, m] -> [n, m]          */
TP_API tp_tensor *tp_mv(tp_tape *T, tp_tensor *a, tp_tensor *x);    /* [n, k] [k] -> [n]                */
TP_API tp_tensor *tp_bmm(tp_tape *T, tp_tensor *a, tp_tensor *b);   /* [b, n, k] [b, k, m] -> [b, n, m] */
TP_API tp_tensor *tp_dot(tp_tape *T, tp_tensor *a, tp_tensor *b);   /* [n] [n] -> []                    */
TP_API tp_tensor *tp_inner(tp_tape *T, tp_tensor *a, tp_tensor *b); /* over the last dimensions             */
TP_API tp_tensor *tp_outer(tp_tape *T, tp_tensor *a, tp_tensor *b); /* [n] [m] -> [n, m]; alias ger         */
/* beta x + alpha product; x is broadcast to the product, and with beta 0 nothing of it counts. */
TP_API tp_tensor *tp_addmm(tp_tape *T, tp_tensor *x, tp_tensor *a, tp_tensor *b, double beta, double alpha);
TP_API tp_tensor *tp_addmv(tp_tape *T, tp_tensor *x, tp_tensor *a, tp_tensor *v, double beta, double alpha);
TP_API tp_tensor *tp_addr(tp_tape *T, tp_tensor *x, tp_tensor *a, tp_tensor *b, double beta, double alpha);
TP_API tp_tensor *tp_baddbmm(tp_tape *T, tp_tensor *x, tp_tensor *a, tp_tensor *b, double beta, double alpha);
TP_API tp_tensor *tp_addbmm(tp_tape *T, tp_tensor *x, tp_tensor *a, tp_tensor *b, double beta, double alpha);
/* Sums of products by an equation: "ij,jk->ik", "bij,bjk", "ii->i", "...i,...i->...". Operands are contracted from left
 * to right, each pair by one (batched) matrix product. At most 16 operands. */
TP_API tp_tensor *tp_einsum(tp_tape *T, const char *equation, int n, tp_tensor *const *x);
/* Over n pairs of dimensions; the result has the others of a, then those of b. */
TP_API tp_tensor *tp_tensordot(tp_tape *T, tp_tensor *a, tp_tensor *b, int n, const int *dims_a, const int *dims_b);
TP_API tp_tensor *tp_kron(tp_tape *T, tp_tensor *a, tp_tensor *b);
TP_API tp_tensor *tp_trace(tp_tape *T, tp_tensor *x); /* [n, m] -> [] */
/* y_o = a^T weight_o b + bias_o: a [..., i], b [..., j], weight [o, i, j], bias [o] or NULL */
TP_API tp_tensor *tp_bilinear(tp_tape *T, tp_tensor *a, tp_tensor *b, tp_tensor *weight, tp_tensor *bias);
/* p-norms of all differences, p >= 0: a [..., n, d], b [..., m, d] -> [..., n, m]. Close points keep their digits, as with
 * torch's compute_mode "donot_use_mm_for_euclid_dist". The slope at distance 0 is 0. */
TP_API tp_tensor *tp_cdist(tp_tape *T, tp_tensor *a, tp_tensor *b, double p);
TP_API tp_tensor *tp_pdist(tp_tape *T, tp_tensor *x, double p); /* of each pair once: [n, d] -> [n (n - 1) / 2] */
/* |a - b + eps|_p over the last dimension (torch's eps is 1e-6); a b / (max(|a|, eps) max(|b|, eps)) over dim (1e-8) */
TP_API tp_tensor *tp_pairwise_distance(tp_tape *T, tp_tensor *a, tp_tensor *b, double p, double eps, bool keepdim);
TP_API tp_tensor *tp_cosine_similarity(tp_tape *T, tp_tensor *a, tp_tensor *b, int dim, double eps);
/* x W^T + b: x [..., in], weight [out, in], bias [out] or NULL -> [..., out]; weight [in], bias []: [...]. */
TP_API tp_tensor *tp_linear(tp_tape *T, tp_tensor *x, tp_tensor *weight, tp_tensor *bias);

/* ---- views: they share x's storage ----------------------------------------------------------- */

/* One entry of the shape may be -1. A view where strides allow it, otherwise a copy. */
TP_API tp_tensor *tp_reshape(tp_tape *T, tp_tensor *x, tp_dims shape);
TP_API tp_tensor *tp_view(tp_tape *T, tp_tensor *x, tp_dims shape); /* an error where it needs a copy */
TP_API tp_tensor *tp_flatten(tp_tape *T, tp_tensor *x, int start_dim, int end_dim);
TP_API tp_tensor *tp_transpose(tp_tape *T, tp_tensor *x, int dim0, int dim1);
TP_API tp_tensor *tp_t(tp_tape *T, tp_tensor *x);  /* at most 2-d */
TP_API tp_tensor *tp_T(tp_tape *T, tp_tensor *x);  /* all dimensions turned around (alias H of a matrix) */
TP_API tp_tensor *tp_mT(tp_tape *T, tp_tensor *x); /* the last two swapped (aliases mH, adjoint) */
TP_API tp_tensor *tp_permute(tp_tape *T, tp_tensor *x, tp_dims order);
TP_API tp_tensor *tp_squeeze(tp_tape *T, tp_tensor *x); /* drops all dimensions of size 1 */
TP_API tp_tensor *tp_squeeze_dim(tp_tape *T, tp_tensor *x, int dim);
TP_API tp_tensor *tp_unsqueeze(tp_tape *T, tp_tensor *x, int dim);
TP_API tp_tensor *tp_expand(tp_tape *T, tp_tensor *x, tp_dims shape); /* -1 keeps a size */
TP_API tp_tensor *tp_select(tp_tape *T, tp_tensor *x, int dim, int64_t index);
/* x[start:stop:step] along dim, Python's rules for negative and large bounds; step > 0. */
TP_API tp_tensor *tp_slice(tp_tape *T, tp_tensor *x, int dim, int64_t start, int64_t stop, int64_t step);
TP_API tp_tensor *tp_narrow(tp_tape *T, tp_tensor *x, int dim, int64_t start, int64_t length);
/* Python's notation: tp_index(T, x, ":, 0:1"), "..., -1", "::2, None". A view. */
TP_API tp_tensor *tp_index(tp_tape *T, tp_tensor *x, const char *index);
/* The same with an @ where a tensor stands: tp_index_with(T, x, "@, 1:3", 1, &rows). Integer tensors pick positions
 * (negative: from the end) and are broadcast against each other, a 0-d one selects as a number does; a boolean one
 * of m dimensions is a mask over m dimensions (uint8 counts as boolean, as in torch). NumPy's rules; a copy,
 * differentiable. */
TP_API tp_tensor *tp_index_with(tp_tape *T, tp_tensor *x, const char *index, int n, tp_tensor *const *tensors);
/* A copy of x with `values` (broadcast) there: x[index] = values, or += with `accumulate`. Of places that are named
 * twice the last one counts, in row-major order of the values (as in all functions that put values at places named by an
 * index); the values before it are nowhere in the result, and their gradient is 0. */
TP_API tp_tensor *tp_index_put(tp_tape *T, tp_tensor *x, const char *index, int n, tp_tensor *const *tensors,
                               tp_tensor *values, bool accumulate);

/* Dimension source[i] becomes dimension destination[i]; the others keep their order (alias moveaxis). */
TP_API tp_tensor *tp_movedim(tp_tape *T, tp_tensor *x, int n, const int *source, const int *destination);
/* One dimension as several; one of the sizes may be -1. */
TP_API tp_tensor *tp_unflatten(tp_tape *T, tp_tensor *x, int dim, tp_dims sizes);
/* With at least n (1, 2 or 3) dimensions (torch.atleast_1d, _2d, _3d). */
TP_API tp_tensor *tp_atleast(tp_tape *T, tp_tensor *x, int n);
/* The shape that all broadcast to; false where they do not fit. */
TP_API bool      tp_broadcast_shapes(int n, const tp_dims *shapes, tp_dims *out) TP_MUST_CHECK;
TP_API tp_status tp_broadcast_tensors(tp_tape *T, int n, tp_tensor *const *x, tp_tensor **out);

/* Parts along dim, as views: how many there are, or -1 after a failure; more than `max` are an error. */
TP_API int tp_split(tp_tape *T, tp_tensor *x, int64_t size, int dim, int max, tp_tensor **out) TP_MUST_CHECK;
TP_API int tp_split_with_sizes(tp_tape *T, tp_tensor *x, int n, const int64_t *sizes, int dim, int max,
                               tp_tensor **out) TP_MUST_CHECK;
TP_API int tp_chunk(tp_tape *T, tp_tensor *x, int64_t chunks, int dim, int max, tp_tensor **out) TP_MUST_CHECK;
/* Parts of sizes that differ by one at most; parts between n positions. */
TP_API int tp_tensor_split(tp_tape *T, tp_tensor *x, int64_t sections, int dim, int max, tp_tensor **out) TP_MUST_CHECK;
TP_API int tp_tensor_split_at(tp_tape *T, tp_tensor *x, int n, const int64_t *at, int dim, int max, tp_tensor **out) TP_MUST_CHECK;
TP_API int tp_unbind(tp_tape *T, tp_tensor *x, int dim, int max, tp_tensor **out) TP_MUST_CHECK;

/* Equal parts, or parts between n positions, along dimension 1 (of vectors: 0), 0 and 2. */
TP_API int tp_hsplit(tp_tape *T, tp_tensor *x, int64_t sections, int max, tp_tensor **out) TP_MUST_CHECK;
TP_API int tp_vsplit(tp_tape *T, tp_tensor *x, int64_t sections, int max, tp_tensor **out) TP_MUST_CHECK;
TP_API int tp_dsplit(tp_tape *T, tp_tensor *x, int64_t sections, int max, tp_tensor **out) TP_MUST_CHECK;
TP_API int tp_hsplit_at(tp_tape *T, tp_tensor *x, int n, const int64_t *at, int max, tp_tensor **out) TP_MUST_CHECK;
TP_API int tp_vsplit_at(tp_tape *T, tp_tensor *x, int n, const int64_t *at, int max, tp_tensor **out) TP_MUST_CHECK;
TP_API int tp_dsplit_at(tp_tape *T, tp_tensor *x, int n, const int64_t *at, int max, tp_tensor **out) TP_MUST_CHECK;

/* The diagonal of dimensions dim1 and dim2, as the last dimension; offset > 0 is above the main one. */
TP_API tp_tensor *tp_diagonal(tp_tape *T, tp_tensor *x, int64_t offset, int dim1, int dim2);
/* Windows of `size`, `step` apart, along dim; the windows' elements are the last dimension. */
TP_API tp_tensor *tp_unfold(tp_tape *T, tp_tensor *x, int dim, int64_t size, int64_t step);
/* Any strides from x's first element + offset on, within x's storage; stride [shape.ndim], none negative. */
TP_API tp_tensor *tp_as_strided(tp_tape *T, tp_tensor *x, tp_dims shape, const int64_t *stride, int64_t offset);
/* The first elements of x's storage from x's first on, row-major; not more than there are. */
TP_API tp_tensor *tp_resize(tp_tape *T, tp_tensor *x, tp_dims shape);

/* ---- copies with a part replaced by src, which has the part's shape -------------------------- */

TP_API tp_tensor *tp_diagonal_scatter(tp_tape *T, tp_tensor *x, tp_tensor *src, int64_t offset, int dim1, int dim2);
TP_API tp_tensor *tp_select_scatter(tp_tape *T, tp_tensor *x, tp_tensor *src, int dim, int64_t index);
TP_API tp_tensor *tp_slice_scatter(tp_tape *T, tp_tensor *x, tp_tensor *src, int dim, int64_t start, int64_t stop,
                                   int64_t step);
/* x counts as row-major here. Of places that the part has twice the last one counts, in its row-major order. */
TP_API tp_tensor *tp_as_strided_scatter(tp_tape *T, tp_tensor *x, tp_tensor *src, tp_dims shape, const int64_t *stride,
                                        int64_t offset);
/* Zeros with x's last dimension as the diagonal of dim1 and dim2 (of the result). */
TP_API tp_tensor *tp_diag_embed(tp_tape *T, tp_tensor *x, int64_t offset, int dim1, int dim2);
TP_API tp_tensor *tp_diag(tp_tape *T, tp_tensor *x,
                          int64_t offset); /* a vector to a matrix, a matrix to its diagonal */
TP_API tp_tensor *tp_diagflat(tp_tape *T, tp_tensor *x, int64_t offset); /* diag of all of x as a vector */

/* x itself where it is contiguous, otherwise a copy. */
TP_API tp_tensor *tp_contiguous(tp_tape *T, tp_tensor *x);
TP_API tp_tensor *tp_clone(tp_tape *T, tp_tensor *x);

/* ---- joining, gathering ---------------------------------------------------------------------- */

TP_API tp_tensor *tp_cat(tp_tape *T, int n, tp_tensor *const *x, int dim);
TP_API tp_tensor *tp_stack(tp_tape *T, int n, tp_tensor *const *x, int dim);
/* cat along dimension 1 (of vectors: 0), of rows, along dimension 2, of columns. */
TP_API tp_tensor *tp_hstack(tp_tape *T, int n, tp_tensor *const *x);
TP_API tp_tensor *tp_vstack(tp_tape *T, int n, tp_tensor *const *x); /* alias row_stack */
TP_API tp_tensor *tp_dstack(tp_tape *T, int n, tp_tensor *const *x);
TP_API tp_tensor *tp_column_stack(tp_tape *T, int n, tp_tensor *const *x);
TP_API tp_tensor *tp_block_diag(tp_tape *T, int n, tp_tensor *const *x); /* of at most 2 dimensions each */
/* n vectors as n tensors of n dimensions, views; xy swaps the first two (torch's indexing = "xy"). */
TP_API tp_status  tp_meshgrid(tp_tape *T, int n, tp_tensor *const *x, bool xy, tp_tensor **out);
TP_API tp_tensor *tp_cartesian_prod(tp_tape *T, int n, tp_tensor *const *x); /* [product of sizes, n] */
/* All choices of r elements of a vector, in order: [choices, r] (torch's r is 2). */
TP_API tp_tensor *tp_combinations(tp_tape *T, tp_tensor *x, int64_t r, bool with_replacement);
/* Powers: x [m] to [m, n], from n - 1 down to 0, or increasing from 0; n < 1: m. Of linalg: x [..., m] to [..., m, n],
 * increasing, n = 0: m. Integers become TP_I64. */
TP_API tp_tensor *tp_vander(tp_tape *T, tp_tensor *x, int64_t n, bool increasing);
TP_API tp_tensor *tp_linalg_vander(tp_tape *T, tp_tensor *x, int64_t n);

/* Copies in another order, or several times over. */
TP_API tp_tensor *tp_flip(tp_tape *T, tp_tensor *x, int n, const int *dims);
TP_API tp_tensor *tp_fliplr(tp_tape *T, tp_tensor *x);
TP_API tp_tensor *tp_flipud(tp_tape *T, tp_tensor *x);
TP_API tp_tensor *tp_roll(tp_tape *T, tp_tensor *x, int n, const int64_t *shifts,
                          const int *dims); /* dims NULL: flat */
TP_API tp_tensor *tp_rot90(tp_tape *T, tp_tensor *x, int k, int dim0, int dim1);
TP_API tp_tensor *tp_repeat(tp_tape *T, tp_tensor *x, tp_dims times); /* as many counts as dimensions, or more */
TP_API tp_tensor *tp_tile(tp_tape *T, tp_tensor *x, tp_dims times);   /* or fewer */
/* Each slice along dim `times` times in a row; or each as often as its entry in a vector of integers says. */
TP_API tp_tensor *tp_repeat_interleave(tp_tape *T, tp_tensor *x, int64_t times, int dim);
TP_API tp_tensor *tp_repeat_interleave_tensor(tp_tape *T, tp_tensor *x, tp_tensor *times, int dim);
TP_API tp_tensor *tp_sum_to_size(tp_tape *T, tp_tensor *x, tp_dims shape); /* the opposite of expand */

/* Positions [n, dimensions] of what is not zero, TP_I64, in order (alias argwhere). */
TP_API tp_tensor *tp_nonzero(tp_tape *T, tp_tensor *x);
/* The same as a vector for each dimension (torch.where(x), as_tuple): how many, or -1. */
TP_API int tp_nonzero_tuple(tp_tape *T, tp_tensor *x, int max, tp_tensor **out) TP_MUST_CHECK;
/* With a mask (TP_BOOL) that is broadcast: x with a value there, the elements there, x with those of source in turn. */
TP_API tp_tensor *tp_masked_fill(tp_tape *T, tp_tensor *x, tp_tensor *mask, double value);
TP_API tp_tensor *tp_masked_fill_tensor(tp_tape *T, tp_tensor *x, tp_tensor *mask, tp_tensor *value); /* value: 0-d */
TP_API tp_tensor *tp_masked_select(tp_tape *T, tp_tensor *x, tp_tensor *mask);
TP_API tp_tensor *tp_masked_scatter(tp_tape *T, tp_tensor *x, tp_tensor *mask, tp_tensor *source);
TP_API tp_tensor *tp_fill(tp_tape *T, tp_tensor *x, tp_tensor *value); /* x's shape and dtype, a 0-d value */
TP_API tp_tensor *tp_zero(tp_tape *T, tp_tensor *x);
/* Where all indices are equal; a tall matrix's diagonal may start again below its last column (torch's wrap). */
TP_API tp_tensor *tp_fill_diagonal(tp_tape *T, tp_tensor *x, double value, bool wrap);
/* Elements of x as a vector, in index's shape; negative positions count from the end. */
TP_API tp_tensor *tp_take(tp_tape *T, tp_tensor *x, tp_tensor *index);
/* A copy of x with as many elements of src there (the last one counts), or added there. */
TP_API tp_tensor *tp_put(tp_tape *T, tp_tensor *x, tp_tensor *index, tp_tensor *src, bool accumulate);
/* gather, x and index broadcast in all dimensions but dim */
TP_API tp_tensor *tp_take_along_dim(tp_tape *T, tp_tensor *x, tp_tensor *index, int dim);
/* [...] whole numbers -> [..., num_classes] TP_I64: 1 at the number, else 0. Numbers lie in [0, num_classes);
 * num_classes -1 is one more than the largest. No gradient. (torch.nn.functional.one_hot) */
TP_API tp_tensor *tp_one_hot(tp_tape *T, tp_tensor *index, int64_t num_classes);
/* A copy of x with out[index[i][j]][j] = src[i][j] for dim 0, and so on; of places named twice the last one
 * counts, and alone has a gradient. */
typedef enum { TP_SCATTER_PUT = 0, TP_SCATTER_ADD, TP_SCATTER_MULTIPLY } tp_scatter_rule;
TP_API tp_tensor *tp_scatter(tp_tape *T, tp_tensor *x, int dim, tp_tensor *index, tp_tensor *src, tp_scatter_rule rule);
TP_API tp_tensor *tp_scatter_scalar(tp_tape *T, tp_tensor *x, int dim, tp_tensor *index, double value,
                                    tp_scatter_rule rule);
/* A copy of x with the reduction of all that src has for a place, and of what x has there unless include_self is false
 * (places that nothing is for keep x). Means of integers are rounded down; gradients of equal extremes are shared. */
typedef enum { TP_REDUCE_SUM = 0, TP_REDUCE_PROD, TP_REDUCE_MEAN, TP_REDUCE_AMAX, TP_REDUCE_AMIN } tp_scatter_reduction;
TP_API tp_tensor *tp_scatter_reduce(tp_tape *T, tp_tensor *x, int dim, tp_tensor *index, tp_tensor *src,
                                    tp_scatter_reduction how, bool include_self);
/* The same by slices, at the positions of a 1-d index. */
TP_API tp_tensor *tp_index_reduce(tp_tape *T, tp_tensor *x, int dim, tp_tensor *index, tp_tensor *src,
                                  tp_scatter_reduction how, bool include_self);
/* A copy of x with its slices at the positions of a 1-d index replaced by those of src (of a position named twice by
 * the last one, which alone has a gradient), or by a 0-d value. */
TP_API tp_tensor *tp_index_copy(tp_tape *T, tp_tensor *x, int dim, tp_tensor *index, tp_tensor *src);
TP_API tp_tensor *tp_index_fill(tp_tape *T, tp_tensor *x, int dim, tp_tensor *index, tp_tensor *value);
/* out[i][j] = x[index[i][j]][j] for dim 0, and so on; index is TP_I64 and no larger than x but in dim. */
TP_API tp_tensor *tp_gather(tp_tape *T, tp_tensor *x, int dim, tp_tensor *index);
/* A copy of x with out[index[i][j]][j] += src[i][j] for dim 0, and so on. */
TP_API tp_tensor *tp_scatter_add(tp_tape *T, tp_tensor *x, int dim, tp_tensor *index, tp_tensor *src);
/* The slices of x at the positions of a 1-d (or 0-d) index, TP_I64 or TP_I32. */
TP_API tp_tensor *tp_index_select(tp_tape *T, tp_tensor *x, int dim, tp_tensor *index);
/* A copy of x with the slices of src added at the positions of a 1-d index. */
TP_API tp_tensor *tp_index_add(tp_tape *T, tp_tensor *x, int dim, tp_tensor *index, tp_tensor *src);

/* ---- in place --------------------------------------------------------------------------------
 *
 * Of leaves and of their views, as tp_copy_into (tape.h) writes them: nothing of it is recorded. All others are written
 * so: tp_copy_into(T, x, tp_exp(T, x)). Results are converted to x's dtype, but not from floats to integers, nor from
 * numbers to booleans (TP_EDTYPE). */

TP_API tp_status tp_zero_(tp_tape *T, tp_tensor *x);
TP_API tp_status tp_fill_(tp_tape *T, tp_tensor *x, double value);
TP_API tp_status tp_add_(tp_tape *T, tp_tensor *x, tp_tensor *y, double alpha); /* x += alpha y */
TP_API tp_status tp_mul_scalar_(tp_tape *T, tp_tensor *x, double s);
TP_API tp_status tp_clamp_(tp_tape *T, tp_tensor *x, double low, double high);
TP_API tp_status tp_masked_fill_(tp_tape *T, tp_tensor *x, tp_tensor *mask, double value);
/* x[index] = values, or += with `accumulate`; the index is that of tp_index_with. */
TP_API tp_status tp_index_put_(tp_tape *T, tp_tensor *x, const char *index, int n, tp_tensor *const *tensors,
                               tp_tensor *values, bool accumulate);
/* Each element by a function of the caller's, in row-major order: x = f(x), and x = f(x, y) with y broadcast. They do not
 * use T. (For arithmetic over tensors, and derivatives, define an operator: op.h.) */
TP_API tp_status tp_apply_(tp_tape *T, tp_tensor *x, double (*f)(double x, void *user), void *user);
TP_API tp_status tp_map_(tp_tape *T, tp_tensor *x, tp_tensor *y, double (*f)(double x, double y, void *user),
                         void *user);

/* ---- normalization --------------------------------------------------------------------------- */

/* (x - mean) / sqrt(var + eps) weight + bias, mean and (biased) variance over the last dimensions, which are of
 * `normalized_shape`; weight and bias are of that shape too, or NULL. torch's eps is 1e-5. */
TP_API tp_tensor *tp_layer_norm(tp_tape *T, tp_tensor *x, tp_dims normalized_shape, tp_tensor *weight, tp_tensor *bias,
                                double eps);

/* ---- sorting and selection ------------------------------------------------------------------- */

/* Along one dimension; NaN counts as the largest, equal elements stay in their order (torch's stable sort, and its
 * order where torch's is not stable). index (TP_I64, or NULL where it is not wanted) is where each value was, and
 * where its gradient goes. */
TP_API tp_tensor *tp_sort(tp_tape *T, tp_tensor *x, int dim, bool descending, tp_tensor **index);
TP_API tp_tensor *tp_argsort(tp_tape *T, tp_tensor *x, int dim, bool descending);
TP_API tp_tensor *tp_msort(tp_tape *T, tp_tensor *x); /* along the first dimension */
/* The k largest (smallest) in order: x [..., n, ...] -> [..., k, ...]. Not for booleans. */
TP_API tp_tensor *tp_topk(tp_tape *T, tp_tensor *x, int64_t k, int dim, bool largest, tp_tensor **index);
/* The k-th smallest, k from 1. Not for booleans. */
TP_API tp_tensor *tp_kthvalue(tp_tape *T, tp_tensor *x, int64_t k, int dim, bool keepdim, tp_tensor **index);
/* The lower of two medians. Over all elements the gradient is shared among equal ones, and no elements give NaN.
 * NaN makes the median NaN; nanmedian passes over it. */
TP_API tp_tensor *tp_median(tp_tape *T, tp_tensor *x);
TP_API tp_tensor *tp_median_dim(tp_tape *T, tp_tensor *x, int dim, bool keepdim, tp_tensor **index);
TP_API tp_tensor *tp_nanmedian(tp_tape *T, tp_tensor *x);
TP_API tp_tensor *tp_nanmedian_dim(tp_tape *T, tp_tensor *x, int dim, bool keepdim, tp_tensor **index);
/* The most frequent value, the smallest of several; index is its last place. */
TP_API tp_tensor *tp_mode(tp_tape *T, tp_tensor *x, int dim, bool keepdim, tp_tensor **index);

typedef enum {
    TP_QUANTILE_LINEAR = 0, /* between the neighbours a and b of position q (n - 1): a + fraction (b - a) */
    TP_QUANTILE_LOWER,
    TP_QUANTILE_HIGHER,
    TP_QUANTILE_MIDPOINT,
    TP_QUANTILE_NEAREST /* half to even */
} tp_quantile_rule;
typedef struct {
    bool             along; /* along dim; otherwise over all elements */
    int              dim;
    bool             keepdim;
    tp_quantile_rule rule; /* torch's interpolation */
} tp_quantile_options;
/* q in [0, 1], of x's float dtype: 0-d, or [m] for m quantiles, which become the first dimension. NaN spoils its row;
 * nanquantile passes over it. Differentiable in x and q. */
TP_API tp_tensor *tp_quantile(tp_tape *T, tp_tensor *x, tp_tensor *q, const tp_quantile_options *options);
TP_API tp_tensor *tp_quantile_scalar(tp_tape *T, tp_tensor *x, double q, const tp_quantile_options *options);
TP_API tp_tensor *tp_nanquantile(tp_tape *T, tp_tensor *x, tp_tensor *q, const tp_quantile_options *options);
TP_API tp_tensor *tp_nanquantile_scalar(tp_tape *T, tp_tensor *x, double q, const tp_quantile_options *options);

/* The distinct elements (_dim: slices x[:, i, :], compared element by element) in ascending order; consecutive: one of
 * each run of equal neighbours. inverse: which of them each element is, of x's shape (_dim: [n]); counts: how often
 * each is there; NULL where not wanted. NaN equals nothing. torch's sorted = False is a hint that is not needed. */
TP_API tp_tensor *tp_unique(tp_tape *T, tp_tensor *x, tp_tensor **inverse, tp_tensor **counts);
TP_API tp_tensor *tp_unique_dim(tp_tape *T, tp_tensor *x, int dim, tp_tensor **inverse, tp_tensor **counts);
TP_API tp_tensor *tp_unique_consecutive(tp_tape *T, tp_tensor *x, tp_tensor **inverse, tp_tensor **counts);
TP_API tp_tensor *tp_unique_consecutive_dim(tp_tape *T, tp_tensor *x, int dim, tp_tensor **inverse, tp_tensor **counts);

typedef struct {
    bool       right;     /* after the boundaries that equal the value, not before (torch's side = "right") */
    bool       out_int32; /* positions in TP_I32, not TP_I64                                                */
    tp_tensor *sorter;    /* TP_I64, of the boundaries' shape: the order that sorts them; or NULL           */
} tp_searchsorted_options;
/* How many of the ascending boundaries [m] lie below each value; boundaries [..., m] go with values [..., k] row by row.
 * No gradient; not for booleans. */
TP_API tp_tensor *tp_searchsorted(tp_tape *T, tp_tensor *boundaries, tp_tensor *x,
                                  const tp_searchsorted_options *options);
TP_API tp_tensor *tp_bucketize(tp_tape *T, tp_tensor *x, tp_tensor *boundaries, /* [m] */
                               const tp_searchsorted_options *options);
/* Which elements of x are (invert: are not) among others, TP_BOOL of x's shape. A number is a 0-d tensor; torch's
 * assume_unique is a hint that is not needed. */
TP_API tp_tensor *tp_isin(tp_tape *T, tp_tensor *x, tp_tensor *among, bool invert);
/* How often each of 0, 1, ... is among the integers x [n], in TP_I64; or the sum of their weights [n], in the weights'
 * dtype (TP_F64 for integers). At least minlength long. No gradient. */
TP_API tp_tensor *tp_bincount(tp_tape *T, tp_tensor *x, tp_tensor *weights, int64_t minlength);

/* Counts in even bins from low to high, in x's float dtype; low = high: from the least element to the greatest. Others
 * are not counted; the last bin has its right edge. No gradient. */
TP_API tp_tensor *tp_histc(tp_tape *T, tp_tensor *x, int64_t bins, double low, double high);
typedef struct {
    const double *range;   /* low and high of each coordinate; NULL: least and greatest */
    tp_tensor    *weight;  /* of each point; NULL: 1                                    */
    bool          density; /* counts divided by their sum and by the bins' sizes        */
} tp_histogram_options;
/* Of all elements; edges [bins + 1] come out, or go in. */
TP_API tp_tensor *tp_histogram(tp_tape *T, tp_tensor *x, int64_t bins, const tp_histogram_options *options,
                               tp_tensor **edges);
TP_API tp_tensor *tp_histogram_edges(tp_tape *T, tp_tensor *x, tp_tensor *edges, const tp_histogram_options *options);
/* Of points x [..., d]; bins and edges are arrays of d, the result has d dimensions. */
TP_API tp_tensor *tp_histogramdd(tp_tape *T, tp_tensor *x, const int64_t *bins, const tp_histogram_options *options,
                                 tp_tensor **edges);
TP_API tp_tensor *tp_histogramdd_edges(tp_tape *T, tp_tensor *x, tp_tensor *const *edges,
                                       const tp_histogram_options *options);

/* ---- softmax and losses ---------------------------------------------------------------------- */

TP_API tp_tensor *tp_softmax(tp_tape *T, tp_tensor *x, int dim);
TP_API tp_tensor *tp_log_softmax(tp_tape *T, tp_tensor *x, int dim);

typedef enum { TP_MEAN = 0, TP_SUM, TP_NONE } tp_reduction;

/* (x - target)^2 and |x - target|. Shapes that differ are broadcast, and warned of (tp_warning). */
TP_API tp_tensor *tp_mse_loss(tp_tape *T, tp_tensor *x, tp_tensor *target, tp_reduction reduction);
TP_API tp_tensor *tp_l1_loss(tp_tape *T, tp_tensor *x, tp_tensor *target, tp_reduction reduction);
/* Of probabilities; the logarithms are clamped at -100, as torch does. */
TP_API tp_tensor *tp_binary_cross_entropy(tp_tape *T, tp_tensor *x, tp_tensor *target, tp_reduction reduction);
TP_API tp_tensor *tp_binary_cross_entropy_with_logits(tp_tape *T, tp_tensor *x, tp_tensor *target,
                                                      tp_reduction reduction);
typedef struct {
    tp_tensor   *weight;          /* [classes], or NULL                           */
    bool         has_ignore;      /* use ignore_index below; otherwise it is -100 */
    int64_t      ignore_index;    /* targets of this value do not count           */
    double       label_smoothing; /* in [0, 1]; cross entropy only                */
    tp_reduction reduction;
} tp_class_loss_options;
/* Of log-probabilities x [n, c] (or [c], or [n, c, ...]) and classes target [n] (or [], [n, ...]). */
TP_API tp_tensor *tp_nll_loss(tp_tape *T, tp_tensor *x, tp_tensor *target, const tp_class_loss_options *options);
/* Of logits x and classes (TP_I64), or class probabilities of x's shape. */
TP_API tp_tensor *tp_cross_entropy(tp_tape *T, tp_tensor *x, tp_tensor *target, const tp_class_loss_options *options);

#ifdef __cplusplus
}
#endif
#endif
