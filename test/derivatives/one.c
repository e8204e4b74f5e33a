/* one.c - the derivatives of the elementwise functions of one argument. */
#include "derivatives/derivatives.h"

/* clang-format off */
#define ROW(name, f1, f2)                                                                          \
    static real name##_1(real x) { (void)x; return f1; }                                           \
    static real name##_2(real x) { (void)x; return f2; }
/* clang-format on */

static const real none = (real)NAN; /* nothing to compare */

static real square_of(real x) { return x * x; }
static real cube_of(real x) { return x * x * x; }
static real sigmoid_of(real x) { return x < 0 ? expl(x) / (1 + expl(x)) : 1 / (1 + expl(-x)); }
static real sigmoid_slope(real x) { return expl(-fabsl(x)) / square_of(1 + expl(-fabsl(x))); }
static real sigmoid_bend(real x) { return -sigmoid_slope(x) * tanhl(x / 2); }

/* 1 / (1 + x^2)^p, and x of it */
static real fall(real x, real p) { return isinf(x) ? 0 : powl(1 + x * x, -p); }
static real x_fall(real x, real p) { return isinf(x) ? 0 : x * powl(1 + x * x, -p); }
static real beside_one(real x) { return (1 - x) * (1 + x); }

/* Left of 0, or -0, where a pole has the other sign */
static bool before(real x) { return signbit(x) != 0; }

ROW(neg, -1, 0)
ROW(abs, x > 0 ? 1 : x < 0 ? -1 : 0, 0)
ROW(flat, 0, 0)
ROW(square, 2 * x, 2)
ROW(sqrt, before(x) ? none : 0.5L / sqrtl(x), before(x) ? none : -0.25L / x / sqrtl(x))
ROW(rsqrt, before(x) ? none : -0.5L / x / sqrtl(x), before(x) ? none : 0.75L / x / x / sqrtl(x))
ROW(reciprocal, -1 / x / x, 2 / x / x / x)
ROW(exp, expl(x), expl(x))
ROW(exp2, ln2 *exp2l(x), ln2 *ln2 *exp2l(x))
ROW(log, before(x) ? none : 1 / x, before(x) ? none : -1 / x / x)
ROW(log1p, x < -1 ? none : 1 / (1 + x), x < -1 ? none : -1 / square_of(1 + x))
ROW(log2, before(x) ? none : 1 / (ln2 * x), before(x) ? none : -1 / (ln2 * x) / x)
ROW(log10, before(x) ? none : 1 / (logl(10) * x), before(x) ? none : -1 / (logl(10) * x) / x)
ROW(sin, isinf(x) ? none : cosl(x), isinf(x) ? none : -sinl(x))
ROW(cos, isinf(x) ? none : -sinl(x), isinf(x) ? none : -cosl(x))
ROW(tan, isinf(x) ? none : 1 / square_of(cosl(x)), isinf(x) ? none : 2 * tanl(x) / square_of(cosl(x)))
ROW(sinh, coshl(x), sinhl(x))
ROW(cosh, sinhl(x), coshl(x))
ROW(tanh, 4 * sigmoid_slope(2 * x), -8 * tanhl(x) * sigmoid_slope(2 * x))
ROW(asin, fabsl(x) > 1 ? none : 1 / sqrtl(beside_one(x)),
    fabsl(x) > 1 ? none : x / (sqrtl(beside_one(x)) * beside_one(x)))
ROW(acos, -asin_1(x), -asin_2(x))
ROW(atan, fall(x, 1), -2 * x_fall(x, 2))
ROW(asinh, fall(x, 0.5L), -x_fall(x, 1.5L))
ROW(acosh, x < 1 ? none : 1 / sqrtl((x - 1) * (x + 1)),
    x < 1      ? none
    : isinf(x) ? 0
               : -x / ((x - 1) * (x + 1)) / sqrtl((x - 1) * (x + 1)))
ROW(atanh, fabsl(x) > 1 ? none : 1 / beside_one(x), fabsl(x) > 1 ? none : 2 * x / square_of(beside_one(x)))
ROW(sigmoid, sigmoid_slope(x), sigmoid_bend(x))
ROW(relu, x > 0, 0)
ROW(softplus, x > 20 ? 1 : sigmoid_of(x), x > 20 ? 0 : sigmoid_slope(x)) /* straight above 20, as PyTorch's */
ROW(log_sigmoid, sigmoid_of(-x), -sigmoid_slope(x))
ROW(leaky_relu, x > 0 ? 1 : 0.125L, 0)
ROW(frac, 1, 0)
ROW(nan_to_num, isinf(x) ? 0 : 1, 0)
ROW(logit, x<0 || x> 1 ? none : 1 / (x * (1 - x)), x<0 || x> 1 ? none : (2 * x - 1) / square_of(x * (1 - x)))
ROW(erf, 2 / sqrtl(pi) * bell_of(x), isinf(x) ? 0 : -4 / sqrtl(pi) * x * bell_of(x))
ROW(erfc, -erf_1(x), -erf_2(x))

/* ---- sinc: derivatives of sin t / t by t = pi x, by a series near 0 and by their formulas beyond ---- */

/* The order's derivative: t^(k - order) (-1)^(k/2) / (k + 1) / (k - order)! over even k */
static real sinc_series(int order, real t)
{
    int k = order + order % 2, sign = k / 2 % 2 ? -1 : 1;
    real term = order % 2 ? t : 1, sum = 0;
    for (int i = 0; i < 40; i++, k += 2) {
        sum += (real)sign * term / (real)(k + 1);
        term *= t * t / (real)((k - order + 1) * (k - order + 2));
        sign = -sign;
    }
    return sum;
}

/* sin and cos of pi x, of which whole numbers are taken off first, and a quarter turn where there is one */
static void turn(real x, real *s, real *c)
{
    real n = roundl(x), r = x - n, odd = fmodl(n, 2) != 0 ? -1 : 1, rest = 0.5L - fabsl(r);
    bool quarter = fabsl(r) > 0.25L;
    *s = odd * (quarter ? copysignl(cosl(pi * rest), r) : sinl(pi * r));
    *c = odd * (quarter ? sinl(pi * rest) : cosl(pi * r));
}
static real sinc_first(real x)
{
    real s, c, t = pi * x;
    turn(x, &s, &c);
    return pi * (fabsl(t) < 2 ? sinc_series(1, t) : (c - s / t) / t);
}
static real sinc_second(real x)
{
    real s, c, t = pi * x;
    turn(x, &s, &c);
    return pi * pi * (fabsl(t) < 2 ? sinc_series(2, t) : (-s - 2 * (c - s / t) / t) / t);
}
ROW(sinc, isinf(x) ? none : sinc_first(x), isinf(x) ? none : sinc_second(x)) /* NaN there, as PyTorch's */

/* ---- gelu: P(x) + x p(x), p(x) (2 - x^2) ---- */

static const real root_half = 0.707106781186547524400844362104849039L;

static real density(real x)
{
    real square = x * x, bell = square > 40000 ? 0 : expl(-0.5L * square) * (1 - 0.5L * fmal(x, x, -square));
    return bell / sqrtl(2 * pi);
}
static real gelu_first(real x) { return isinf(x) ? x > 0 : 0.5L * erfcl(-root_half * x) + x * density(x); }
ROW(gelu, gelu_first(x), isinf(x) ? 0 : density(x) * (2 - x * x))

/* With v = 2 sqrt(2/pi) (x + 0.044715 x^3): x s(v), for the sigmoid s. */
static const real cubic = 0.044715L;
static real tanh_angle(real x) { return 2 * sqrtl(2 / pi) * (x + cubic * cube_of(x)); }
static real tanh_angle_1(real x) { return 2 * sqrtl(2 / pi) * (1 + 3 * cubic * square_of(x)); }
static real tanh_angle_2(real x) { return 12 * sqrtl(2 / pi) * cubic * x; }
static real gelu_tanh_first(real x)
{
    real v = tanh_angle(x);
    return fabsl(x) > 1e4L ? x > 0 : sigmoid_of(v) + x * tanh_angle_1(x) * sigmoid_slope(v);
}
static real gelu_tanh_second(real x)
{
    real v = tanh_angle(x), v1 = tanh_angle_1(x);
    return fabsl(x) > 1e4L ? 0 : (2 * v1 + x * tanh_angle_2(x)) * sigmoid_slope(v) + x * v1 * v1 * sigmoid_bend(v);
}
ROW(gelu_tanh, gelu_tanh_first(x), gelu_tanh_second(x))

/* ---- other activation functions ---- */

static real silu_first(real x)
{
    real t = expl(-fabsl(x)), d = 1 + t;
    return isinf(x) ? x > 0 : x < 0 ? t * (d + x) / square_of(d) : (d + x * t) / square_of(d);
}
ROW(silu, silu_first(x), isinf(x) ? 0 : sigmoid_slope(x) * (2 - x * tanhl(x / 2)))

/* x h, h = tanh log(1 + e^x) = e (e + 2) / q with q = e^2 + 2 e + 2: h' = 4 e (e + 1) / q^2, h" = 4 e (2 + 2 e - 3 e^2 - 2 e^3) /
 * q^3; right of 0 the same of 1 / e */
static real mish_first(real x)
{
    real e = expl(-fabsl(x)), q = 2 + e * (2 + e), p = 1 + 2 * e * (1 + e);
    return isinf(x) ? x > 0
           : x < 0  ? e * ((e + 2) / q + 4 * x * (e + 1) / (q * q))
                    : (1 + 2 * e) / p + 4 * x * e * e * (1 + e) / (p * p);
}
static real mish_second(real x)
{
    real e = expl(-fabsl(x)), q = 2 + e * (2 + e), p = 1 + 2 * e * (1 + e);
    return isinf(x) ? 0
           : x < 0  ? 4 * e * (2 * (e + 1) * q + x * (2 + 2 * e - 3 * e * e - 2 * e * e * e)) / (q * q * q)
                    : 4 * e * e * (2 * (e + 1) * p + x * (2 * e * e * e + 2 * e * e - 3 * e - 2)) / (p * p * p);
}
ROW(mish, mish_first(x), mish_second(x))
ROW(elu, x > 0 ? 1 : 0.5L * expl(x), x > 0 ? 0 : 0.5L * expl(x))
ROW(celu, x > 0 ? 1 : expl(x / 0.75L), x > 0 ? 0 : expl(x / 0.75L) / 0.75L)
ROW(softplus_with, 3 * x > 2 ? 1 : sigmoid_of(3 * x), 3 * x > 2 ? 0 : 3 * sigmoid_slope(3 * x))
ROW(hardswish,
    fabsl(x) == 3 ? none
    : x < -3      ? 0
    : x > 3       ? 1
                  : x / 3 + 0.5L,
    fabsl(x) < 3 ? 1 / 3.0L
    : x == x     ? 0
                 : none)
ROW(softsign, 1 / square_of(1 + fabsl(x)), x == 0 ? none : -copysignl(2, x) / cube_of(1 + fabsl(x)))
ROW(tanhshrink, square_of(tanhl(x)), 2 * tanhl(x) * tanh_1(x))

/* ---- straight in pieces ---- */

ROW(hardtanh, x > -0.75L && x < 1.5L, 0)
ROW(threshold, x > 0.5L, 0)
ROW(shrink, fabsl(x) > 0.5L, 0)
ROW(hardsigmoid, fabsl(x) < 3 ? 1 / 6.0F : 0, 0) /* as torch has it */
static tp_tensor *elu(tp_tape *T, tp_tensor *x) { return tp_elu(T, x, 0.5); }
static tp_tensor *celu(tp_tape *T, tp_tensor *x) { return tp_celu(T, x, 0.75); }
static tp_tensor *softplus_with(tp_tape *T, tp_tensor *x) { return tp_softplus_with(T, x, 3, 2); }
static tp_tensor *hardtanh(tp_tape *T, tp_tensor *x) { return tp_hardtanh(T, x, -0.75, 1.5); }
static tp_tensor *threshold(tp_tape *T, tp_tensor *x) { return tp_threshold(T, x, 0.5, -2); }
static tp_tensor *hardshrink(tp_tape *T, tp_tensor *x) { return tp_hardshrink(T, x, 0.5); }
static tp_tensor *softshrink(tp_tape *T, tp_tensor *x) { return tp_softshrink(T, x, 0.5); }

/* ---- with a number ---- */

ROW(plus, 1, 0)
ROW(less, -1, 0)
ROW(times, 0.7L, 0)
ROW(over, 1 / 0.7L, 0)
ROW(clamp, x >= -0.75L && x <= 1.5L, 0)
static tp_tensor *plus(tp_tape *T, tp_tensor *x) { return tp_add_scalar(T, x, 0.7); }
static tp_tensor *less(tp_tape *T, tp_tensor *x) { return tp_rsub_scalar(T, x, 0.7); }
static tp_tensor *times(tp_tape *T, tp_tensor *x) { return tp_mul_scalar(T, x, 0.7); }
static tp_tensor *over(tp_tape *T, tp_tensor *x) { return tp_div_scalar(T, x, 0.7); }
static tp_tensor *clamp(tp_tape *T, tp_tensor *x) { return tp_clamp(T, x, -0.75, 1.5); }

/* s x^(s - 1), of negative x only where s is whole; at 0 as long as it is no pole, whose sign is that of the 0 */
static real powered(real x, real factor, real s)
{
    bool whole = truncl(s) == s;
    return factor == 0 ? 0 : (x < 0 && !whole) || (x == 0 && s < 0) ? none : factor * powl(x, s);
}
/* clang-format off */
#define POWER(name, s)                                                                             \
    static real name##_1(real x) { return powered(x, s, (real)(s) - 1); }                          \
    static real name##_2(real x) { return powered(x, (real)(s) * ((real)(s) - 1), (real)(s) - 2); } \
    static tp_tensor *name(tp_tape *T, tp_tensor *x) { return tp_pow_scalar(T, x, s); }
/* clang-format on */
POWER(power_0, 0)
POWER(power_half, 0.5)
POWER(power_1, 1)
POWER(power_2, 2)
POWER(power_2_5, 2.5)
POWER(power_3, 3)
POWER(power_4, 4)
POWER(power_7, 7)
POWER(power_m_half, -0.5)
POWER(power_m_1, -1)
POWER(power_m_1_5, -1.5)
POWER(power_m_2, -2)
POWER(power_m_3, -3)
POWER(power_12_3, 12.25)
POWER(power_m_9, -9)

static tp_tensor *leaky_relu(tp_tape *T, tp_tensor *x) { return tp_leaky_relu(T, x, 0.125); }
static tp_tensor *logit(tp_tape *T, tp_tensor *x) { return tp_logit(T, x, 0); }
static tp_tensor *round_to(tp_tape *T, tp_tensor *x) { return tp_round_decimals(T, x, 2); }
static tp_tensor *nan_to_num(tp_tape *T, tp_tensor *x) { return tp_nan_to_num(T, x, NULL); }

/* clang-format off */
#define POWER_OF(s, name) {"pow " #s, name, name##_1, name##_2, FLAT, 0}
#define OF(name) #name, tp_##name, name##_1, name##_2
const one_row one_rows[] = {
    {OF(neg), FLAT, 0}, {OF(abs), FLAT, 0}, {OF(square), ANY_GRADIENT, 0}, {OF(sqrt), 0, 0}, {OF(rsqrt), 0, 0},
    {OF(reciprocal), 0, 0},
    {OF(exp), 0, 0}, {OF(exp2), 0, 0}, {"expm1", tp_expm1, exp_1, exp_2, 0, 0},
    {OF(log), ANY_GRADIENT, 0}, {OF(log1p), 0, 0}, {OF(log2), 0, 0}, {OF(log10), 0, 0},
    {OF(sin), 0, 0}, {OF(cos), 0, 0}, {OF(tan), 0, 0}, {OF(sinh), 0, 0}, {OF(cosh), 0, 0}, {OF(tanh), 0, 0},
    {OF(asin), 0, 0}, {OF(acos), 0, 0}, {OF(atan), 0, 0},
    {OF(asinh), 0, 0}, {OF(acosh), 0, 0}, {OF(atanh), 0, 0},
    {OF(sigmoid), 0, 0}, {OF(relu), FLAT, 0}, {OF(softplus), 0, 0}, {OF(log_sigmoid), 0, 0},
    {OF(gelu), CONDITIONED, 0}, {OF(gelu_tanh), CONDITIONED, 0}, {OF(sinc), CONDITIONED, 0},
    {OF(silu), CONDITIONED, 0}, {OF(mish), CONDITIONED, 0}, {"elu", elu, elu_1, elu_2, 0, 0}, {"celu", celu, celu_1, celu_2, 0, 0},
    {"softplus_with", softplus_with, softplus_with_1, softplus_with_2, 0, 0}, {OF(hardswish), CONDITIONED, 0}, {OF(softsign), 0, 0}, {OF(tanhshrink), 0, 0},
    {"hardtanh", hardtanh, hardtanh_1, hardtanh_2, FLAT, 0}, {"threshold", threshold, threshold_1, threshold_2, FLAT, 0}, {OF(hardsigmoid), FLAT, 0},
    {"hardshrink", hardshrink, shrink_1, shrink_2, FLAT, 0}, {"softshrink", softshrink, shrink_1, shrink_2, FLAT, 0},
    {"logit", logit, logit_1, logit_2, 0, 0}, {OF(erf), 0, 0}, {OF(erfc), 0, 0},
    {"leaky_relu", leaky_relu, leaky_relu_1, leaky_relu_2, FLAT, 0}, {OF(frac), FLAT, 0}, {"nan_to_num", nan_to_num, nan_to_num_1, nan_to_num_2, FLAT, 0},
    {"sign", tp_sign, flat_1, flat_2, FLAT, 0}, {"angle", tp_angle, flat_1, flat_2, FLAT, 0}, {"floor", tp_floor, flat_1, flat_2, FLAT, 0},
    {"ceil", tp_ceil, flat_1, flat_2, FLAT, 0}, {"round", tp_round, flat_1, flat_2, FLAT, 0},
    {"trunc", tp_trunc, flat_1, flat_2, FLAT, 0}, {"round_to", round_to, flat_1, flat_2, FLAT, 0},
    {"add_scalar", plus, plus_1, plus_2, FLAT, 0}, {"rsub_scalar", less, less_1, less_2, FLAT, 0},
    {"mul_scalar", times, times_1, times_2, FLAT, 0}, {"div_scalar", over, over_1, over_2, FLAT, 0}, {"clamp", clamp, clamp_1, clamp_2, FLAT, 0},
    POWER_OF(0, power_0), POWER_OF(0.5, power_half), POWER_OF(1, power_1), POWER_OF(2, power_2), POWER_OF(2.5, power_2_5),
    POWER_OF(3, power_3), POWER_OF(4, power_4), POWER_OF(7, power_7), POWER_OF(12.25, power_12_3), POWER_OF(-0.5, power_m_half),
    POWER_OF(-1, power_m_1), POWER_OF(-1.5, power_m_1_5), POWER_OF(-2, power_m_2), POWER_OF(-3, power_m_3), POWER_OF(-9, power_m_9),
    {0},
};
/* clang-format on */
