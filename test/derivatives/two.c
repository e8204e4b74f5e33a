/* two.c - the derivatives of the elementwise functions of two arguments. */
#include "derivatives/derivatives.h"

/* clang-format off */
#define ROW(name, by_x, by_y, by_xx, by_xy, by_yy)                                                 \
    static real name##_x(real x, real y) { (void)x; (void)y; return by_x; }                        \
    static real name##_y(real x, real y) { (void)x; (void)y; return by_y; }                        \
    static real name##_xx(real x, real y) { (void)x; (void)y; return by_xx; }                      \
    static real name##_xy(real x, real y) { (void)x; (void)y; return by_xy; }                      \
    static real name##_yy(real x, real y) { (void)x; (void)y; return by_yy; }

#define BY_SECOND(name, by_y, by_yy)                                                               \
    static real name##_y(real x, real y) { return by_y; }                                          \
    static real name##_yy(real x, real y) { return by_yy; }

ROW(add, 1, 1, 0, 0, 0)
ROW(sub, 1, -1, 0, 0, 0)
ROW(add_alpha, 1, 0.125L, 0, 0, 0)
ROW(mul, y, x, 0, 1, 0)

static tp_tensor *add_alpha(tp_tape *T, tp_tensor *x, tp_tensor *y) { return tp_add_alpha(T, x, y, 0.125); }

static real over_square(real x, real y) { return x / (x * x + y * y); }
static real direction(real x, real y) { return x / sqrtl(x * x + y * y); }
static real share(real d) { return d < 0 ? expl(d) / (1 + expl(d)) : 1 / (1 + expl(-d)); }

ROW(atan2, over_square(y, x), -over_square(x, y), -2 * over_square(x, y) * over_square(y, x),
    (over_square(x, y) - over_square(y, x)) * (over_square(x, y) + over_square(y, x)),
    2 * over_square(x, y) * over_square(y, x))
ROW(hypot, direction(x, y), direction(y, x), direction(y, x) * over_square(y, x),
    -direction(x, y) * over_square(y, x), direction(x, y) * over_square(x, y))
ROW(logaddexp, share(x - y), share(y - x), share(x - y) * share(y - x),
    -share(x - y) * share(y - x), share(x - y) * share(y - x))
ROW(logaddexp2, share(ln2 * (x - y)), share(ln2 * (y - x)), ln2 * share(ln2 * (x - y)) * share(ln2 * (y - x)),
    -ln2 * share(ln2 * (x - y)) * share(ln2 * (y - x)), ln2 * share(ln2 * (x - y)) * share(ln2 * (y - x)))
ROW(xlogy, y > 0 ? logl(y) : (real)NAN, y > 0 ? x / y : (real)NAN, 0, y > 0 ? 1 / y : (real)NAN,
    y > 0 ? -x / y / y : (real)NAN)
ROW(xlog1py, y > -1 ? log1pl(y) : (real)NAN, y > -1 ? x / (1 + y) : (real)NAN, 0,
    y > -1 ? 1 / (1 + y) : (real)NAN, y > -1 ? -x / (1 + y) / (1 + y) : (real)NAN)

/* ---- quotients and powers ---- */

ROW(div, 1 / y, -x / y / y, 0, -1 / y / y, x / y / y * 2 / y)
/* 0 to a power, where there is a limit at all, has it on one side: not looked at. */
#define POWER(formula) (x > 0 ? (formula) : (real)NAN)
#define ANY_POWER(formula) (x > 0 || (x < 0 && truncl(y) == y && fabsl(y) < 1e15L) ? (formula) : (real)NAN)
ROW(pow, ANY_POWER(y * powl(x, y - 1)), POWER(powl(x, y) * logl(x)),
    ANY_POWER(y * (y - 1) * powl(x, y - 2)), POWER(powl(x, y - 1) * (1 + y * logl(x))),
    POWER(powl(x, y) * logl(x) * logl(x)))
ROW(ldexp, exp2l(y), ln2 * x * exp2l(y), 0, ln2 * exp2l(y), ln2 * ln2 * x * exp2l(y))

/* ---- of straight parts ---- */

static real larger(real x, real y) { return x > y ? 1 : x < y ? 0 : 0.5L; }
static real sign_of(real x) { return x > 0 ? 1 : x < 0 ? -1 : 0; }
static real rounded_down(real x, real y)
{
    real rest = fmodl(x, y);
    return isinf(y) || y == 0 ? (real)NAN : roundl((x - rest) / y) - (rest != 0 && (rest < 0) != (y < 0));
}
static real whole_part(real x, real y) { return isinf(y) || y == 0 ? (real)NAN : roundl((x - fmodl(x, y)) / y); }
ROW(maximum, larger(x, y), larger(y, x), 0, 0, 0)
ROW(minimum, larger(y, x), larger(x, y), 0, 0, 0)
ROW(fmax, x >= y, x < y, 0, 0, 0)
ROW(fmin, x <= y, x > y, 0, 0, 0)
ROW(clamp_min, x >= y, x < y, 0, 0, 0)
ROW(clamp_max, x <= y, x > y, 0, 0, 0)
ROW(copysign, sign_of(x) * copysignl(1, y), 0, 0, 0, 0)
ROW(fmod, isinf(x) ? (real)NAN : 1, -whole_part(x, y), 0, 0, 0)
ROW(remainder, isinf(x) ? (real)NAN : 1, -rounded_down(x, y), 0, 0, 0)

/* ---- of three, one of them a number ---- */

ROW(lerp, 0.75L, 0.25L, 0, 0, 0)
ROW(addcmul, 0.5L * y, 0.5L * x, 0, 0.5L, 0)
ROW(addcdiv, 2 / y, -2 * x / y / y, 0, -2 / y / y, 4 * x / y / y / y)
static tp_tensor *lerp(tp_tape *T, tp_tensor *x, tp_tensor *y) { return tp_lerp_scalar(T, x, y, 0.25); }
static tp_tensor *addcmul(tp_tape *T, tp_tensor *x, tp_tensor *y) { return tp_addcmul(T, tp_zeros_like(T, x), x, y, 0.5); }
static tp_tensor *addcdiv(tp_tape *T, tp_tensor *x, tp_tensor *y) { return tp_addcdiv(T, tp_zeros_like(T, x), x, y, 2); }

/* ---- the incomplete gamma functions, by their second argument ---- */

/* log(1 + d) - d */
static real log1p_less(real d)
{
    real power = -d * d, sum = 0;
    if (fabsl(d) > 0.1L)
        return log1pl(d) - d;
    for (int k = 2; k < 60; k++, power *= -d)
        sum += power / k;
    return sum;
}
/* x^(a - 1 - k) e^-x / gamma(a): for small a by logarithms, for large a by Stirling's series, as far as long double keeps the
 * digits: beyond, the exponent is of the order of a. */
static real density_over(real a, real x, int k)
{
    real r = 1 / a, series = r * (1 / 12.0L - r * r * (1 / 360.0L - r * r * (1 / 1260.0L - r * r / 1680)));
    if (!(a > 0 && x > 0) || isinf(a) || isinf(x))
        return NAN;
    if (a < 25)
        return expl((a - 1 - k) * logl(x) - x - (a < 1 ? lgammal(a + 1) - logl(a) : lgammal(a)));
    real far = fabsl(x - a) / a > 0.1L ? logl(x / a) - (x - a) / a : log1p_less((x - a) / a);
    return a > 1e5L && a < 1e300L && fabsl(a * far) > 1e5L ? 0 : sqrtl(a / (2 * pi)) * expl(a * far - series - (k + 1) * logl(x));
}
/* Its derivative is (a - 1 - x) / x times the density. */
static real density(real a, real x) { return density_over(a, x, 0); }
static real density_slope(real a, real x) { return density_over(a, x, 1) * (a - 1 - x); }
BY_SECOND(igamma, density(x, y), density_slope(x, y))
BY_SECOND(igammac, -density(x, y), -density_slope(x, y))

/* Hurwitz's zeta by Euler and Maclaurin's formula: the terms before q + n, their integral, and a few of Bernoulli's. */
static real zeta_of(real s, real q)
{
    static const real even[] = {1 / 6.0L, -1 / 30.0L, 1 / 42.0L, -1 / 30.0L, 5 / 66.0L, -691 / 2730.0L, 7 / 6.0L,
                                -3617 / 510.0L};
    real sum = 0, rising = s, end = q, tail;
    for (; end < q + 24 + s / 2 && end < 1e6L; end++)
        sum += powl(end, -s);
    tail = powl(end, -s) / 2 + powl(end, 1 - s) / (s - 1);
    real factor = powl(end, -s - 1) / 2;
    for (int k = 0; k < 8; k++) { /* B_2k / (2k)! s (s + 1) ... end^(-s - 2k + 1) */
        tail += even[k] * rising * factor;
        rising *= (s + 2 * k + 1) * (s + 2 * k + 2);
        factor /= end * end * (2 * k + 3) * (2 * k + 4);
    }
    return sum + tail;
}
#define ZETA(formula) (x > 1 && x < 100 && y > 1e-3L && y < 1e5L ? (formula) : (real)NAN)
BY_SECOND(zeta, ZETA(-x * zeta_of(x + 1, y)), ZETA(x * (x + 1) * zeta_of(x + 2, y)))

/* The loss of probabilities, where v and w are torch's; what is none, or too far from one for a target, is replaced by 1/2. */
static tp_tensor *within(tp_tape *T, tp_tensor *x, double low, double high)
{
    tp_tensor *inside = tp_logical_and(T, tp_ge_scalar(T, x, low), tp_le_scalar(T, x, high));
    return tp_where(T, inside, x, tp_scalar(T, tp_dtype_of(x), 0.5));
}
static tp_tensor *bce(tp_tape *T, tp_tensor *x, tp_tensor *t)
{
    return tp_binary_cross_entropy(T, within(T, x, 0, 1), within(T, t, -9, 9), TP_NONE);
}
static real bce_v(real x) { return fmaxl(x * (1 - x), 1e-12L); }
static real bce_w(real x) { return (x + 1e-12L) * (1 - x + 1e-12L); }
#define CHANCE(formula) (x >= 0 && x <= 1 && fabsl(y) <= 9 ? (formula) : (real)NAN)
ROW(bce, CHANCE((x - y) / bce_v(x)), CHANCE(fmaxl(log1pl(-x), -100) - fmaxl(logl(x), -100)),
    CHANCE((1 - y) * (x / bce_w(x)) * (x / bce_w(x)) + y * ((1 - x) / bce_w(x)) * ((1 - x) / bce_w(x))),
    CHANCE(-1 / bce_v(x)), CHANCE(0))

/* Its slope by x, as a function of its own: a row for the second and third derivatives */
static tp_tensor *bce_slope(tp_tape *T, tp_tensor *x, tp_tensor *t)
{
    tp_tensor *loss = tp_sum(T, bce(T, x, t)), *slope = NULL;
    tp_gradients(T, 1, &loss, 1, &x, &slope, &(tp_gradients_options){.create_graph = true});
    return slope;
}
static real over_kept(real x) { return 1 / (x + 1e-12L); }
static real share_kept(real x, real rest) { return x * over_kept(x) * over_kept(rest); }
static real share_slope(real x, real rest)
{
    return 1e-12L * over_kept(x) * over_kept(x) * over_kept(rest) + x * over_kept(x) * over_kept(rest) * over_kept(rest);
}
ROW(bce_slope, bce_xx(x, y), bce_xy(x, y),
    CHANCE(2 * (1 - y) * share_kept(x, 1 - x) * share_slope(x, 1 - x) - 2 * y * share_kept(1 - x, x) * share_slope(1 - x, x)),
    CHANCE((share_kept(1 - x, x) - share_kept(x, 1 - x)) * (share_kept(1 - x, x) + share_kept(x, 1 - x))), CHANCE(0))

/* With a slope of its own for each element */
static tp_tensor *prelu(tp_tape *T, tp_tensor *x, tp_tensor *y)
{
    const tp_op *op = tp_op_find("prelu");
    tp_tensor *in[2] = {x, y};
    return tp_apply(T, op, NULL, 2, in);
}
ROW(prelu, x > 0 ? 1 : y, x > 0 ? 0 : x, 0, x > 0 ? 0 : 1, 0)

/* Losses between any two numbers, with beta and delta 1; a target of soft_margin_loss is within +-1 */
#define TERMS(name, type, ...) \
    static tp_tensor *name(tp_tape *T, tp_tensor *x, tp_tensor *t) \
    { return tp_##name(T, x, t, &(type){.reduction = TP_NONE, __VA_ARGS__}); }
TERMS(smooth_l1_loss, tp_smooth_l1_options, .beta = 1)
TERMS(huber_loss, tp_huber_options, .delta = 1)
TERMS(kl_div, tp_kl_div_options, .log_target = false)
static tp_tensor *kl_div_log(tp_tape *T, tp_tensor *x, tp_tensor *t) { return tp_kl_div(T, x, t, &(tp_kl_div_options){.log_target = true, .reduction = TP_NONE}); }
TERMS(poisson_nll_loss, tp_poisson_nll_options, .no_log_input = true)
static tp_tensor *poisson_nll_loss_log(tp_tape *T, tp_tensor *x, tp_tensor *t) { return tp_poisson_nll_loss(T, x, t, &(tp_poisson_nll_options){.reduction = TP_NONE}); }
static tp_tensor *soft_margin_loss(tp_tape *T, tp_tensor *x, tp_tensor *t) { return tp_soft_margin_loss(T, x, within(T, t, -1, 1), TP_NONE); }
static real bent(real d) { return d < -1 ? -1 : d > 1 ? 1 : d; }
ROW(smooth_l1_loss, bent(x - y), -bent(x - y), fabsl(x - y) <= 1, -(fabsl(x - y) <= 1), fabsl(x - y) <= 1)
ROW(huber_loss, bent(x - y), -bent(x - y), fabsl(x - y) <= 1, -(fabsl(x - y) <= 1), fabsl(x - y) <= 1)
ROW(kl_div, -y, signbit(y) ? (real)NAN : logl(y) + 1 - x, 0, -1, signbit(y) ? (real)NAN : 1 / y)
ROW(kl_div_log, -expl(y), expl(y) * (y - x + 1), 0, -expl(y), expl(y) * (y - x + 2))
#define RATE(formula) (x >= 0 ? (formula) : (real)NAN)
ROW(poisson_nll_loss, RATE(1 - y / (x + 1e-8L)), RATE(-logl(x + 1e-8L)), RATE(y / (x + 1e-8L) / (x + 1e-8L)), RATE(-1 / (x + 1e-8L)), 0)
ROW(poisson_nll_loss_log, isinf(y) ? (real)NAN : expl(x) - y, -x, expl(x), -1, 0)
#define SIGN(formula) (fabsl(y) <= 1 ? (formula) : (real)NAN)
static real chance(real u) { return u < 0 ? expl(u) / (1 + expl(u)) : 1 / (1 + expl(-u)); }
static real chance_slope(real u) { return chance(u) * chance(-u); }
static real soft_margin_loss_x(real x, real y) { return SIGN(-y * chance(-x * y)); }
static real soft_margin_loss_xx(real x, real y) { return SIGN(y * y * chance_slope(x * y)); }

#define OF(name) #name, tp_##name, {name##_x, name##_y, name##_xx, name##_xy, name##_yy}
const two_row two_rows[] = {
    {OF(atan2), FLAT | CONDITIONED, 0}, {OF(hypot), FLAT | CONDITIONED, 0}, {OF(logaddexp), FLAT | CONDITIONED, 0},
    {OF(logaddexp2), FLAT | CONDITIONED, 0}, {OF(xlogy), FLAT | CONDITIONED, 0}, {OF(xlog1py), FLAT | CONDITIONED, 0},
    {OF(add), FLAT, 0}, {"add_alpha", add_alpha, {add_alpha_x, add_alpha_y, add_alpha_xx, add_alpha_xy, add_alpha_yy}, FLAT, 0},
    {OF(sub), FLAT, 0}, {OF(mul), FLAT | ANY_GRADIENT, 0}, {OF(div), FLAT | ANY_GRADIENT, 0}, {OF(pow), FLAT | CONDITIONED | ANY_GRADIENT, 0}, {OF(ldexp), FLAT | CONDITIONED, 0},
    {"prelu", prelu, {prelu_x, prelu_y, prelu_xx, prelu_xy, prelu_yy}, FLAT, 0},
    {OF(maximum), FLAT, 0}, {OF(minimum), FLAT, 0}, {OF(fmax), FLAT, 0}, {OF(fmin), FLAT, 0}, {OF(clamp_min), FLAT, 0},
    {OF(clamp_max), FLAT, 0}, {OF(copysign), FLAT, 0}, {OF(fmod), FLAT, 0}, {OF(remainder), FLAT, 0},
    {"lerp", lerp, {lerp_x, lerp_y, lerp_xx, lerp_xy, lerp_yy}, FLAT, 0},
    {"addcmul", addcmul, {addcmul_x, addcmul_y, addcmul_xx, addcmul_xy, addcmul_yy}, FLAT, 0},
    {"addcdiv", addcdiv, {addcdiv_x, addcdiv_y, addcdiv_xx, addcdiv_xy, addcdiv_yy}, FLAT | ANY_GRADIENT, 0},
    {"igamma", tp_igamma, {NULL, igamma_y, NULL, NULL, igamma_yy}, FLAT | CONDITIONED, 0},
    {"igammac", tp_igammac, {NULL, igammac_y, NULL, NULL, igammac_yy}, FLAT | CONDITIONED, 0},
    {"zeta", tp_zeta, {NULL, zeta_y, NULL, NULL, zeta_yy}, FLAT | CONDITIONED, 0},
    {"binary_cross_entropy", bce, {bce_x, bce_y, bce_xx, bce_xy, bce_yy}, FLAT | CONDITIONED, 0},
    {"binary_cross_entropy_slope", bce_slope, {bce_slope_x, bce_slope_y, bce_slope_xx, bce_slope_xy, bce_slope_yy}, FLAT | CONDITIONED, 0},
#define TERM(name) {#name, name, {name##_x, name##_y, name##_xx, name##_xy, name##_yy}, FLAT | CONDITIONED, 0}
    TERM(smooth_l1_loss), TERM(huber_loss), TERM(kl_div), TERM(kl_div_log), TERM(poisson_nll_loss), TERM(poisson_nll_loss_log), {"soft_margin_loss", soft_margin_loss, {soft_margin_loss_x, NULL, soft_margin_loss_xx, NULL, NULL}, FLAT | CONDITIONED, 0},
    {"nextafter", tp_nextafter, {0}, VALUES, 0}, {"heaviside", tp_heaviside, {0}, VALUES, 0},
    {"floor_divide", tp_floor_divide, {0}, VALUES, 0}, {"trunc_divide", tp_trunc_divide, {0}, VALUES, 0},
    {"eq", tp_eq, {0}, VALUES, 0}, {"lt", tp_lt, {0}, VALUES, 0}, {"logical_xor", tp_logical_xor, {0}, VALUES, 0},
    {0},
};
/* clang-format on */

/* What is only called by the derivatives of others is tried there. */
/* clang-format off */
const char *const needs_no_row[] = {
    /* tried with a number of exponents, in rows of their own */
    "pow_scalar",
    /* parts of derivatives; but for those of lower orders */
    "quotient", "power_term", "zeta_slope", "over_square", "over_cross", "over_gap", "direction", "direction_turn", "direction_bend", "share", "share2", "gamma_density", "erfcx_slope", "erfcx_bend", "hazard", "hazard_slope",
    "hazard_gap", "erfinv_slope", "ndtri_slope", "i1_slope", "bell", "bessel_i", "bessel_ie", "multigamma",
    "binary_cross_entropy_by_target", "prelu_by_slope", "prelu_below", "log_divergence", "poisson_nll_loss_slope",
    NULL,
};
/* clang-format on */
