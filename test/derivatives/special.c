/* special.c - the derivatives of the special functions of one argument. References are series, continued fractions and
 * recurrences in long double, in forms that do not cancel. */
#include "derivatives/derivatives.h"

static const real none = (real)NAN; /* nothing to compare */
static const real root_half = 0.707106781186547524400844362104849039L, root_pi = 1.77245385090551602729816748334114518L;

/* ---- the normal distribution -------------------------------------------------------------------------------------- */

static real erfcx_of(real x)
{
    real square = x * x;
    return expl(square) * (1 + fmal(x, x, -square)) * erfcl(x);
}

/* (-1)^n times the n-th derivative of erfcx, n <= 2, x >= 0. M_0 = erfcx, M_1 = 2 / sqrt(pi) - 2 x M_0, M_n+1 = 2 n M_n-1 -
 * 2 x M_n; where that cancels by the continued fraction of M_n+1 / M_n = 2 (n + 1) / (2 x + M_n+2 / M_n+1). */
static real falling_erfcx(int n, real x)
{
    real ratio[3], r, m, first;
    if (x < 1) {
        m = erfcx_of(x);
        first = 2 / root_pi - 2 * x * m;
        return n == 0 ? m : n == 1 ? first : 2 * m - 2 * x * first;
    }
    if (isinf(x))
        return 0;
    r = 400 / (x + sqrtl(x * x + 400));
    for (int k = 200; k > 0; k--) {
        r = 2 * k / (2 * x + r);
        if (k <= 3)
            ratio[k - 1] = r;
    }
    m = 2 / root_pi / (2 * x + ratio[0]); /* M_1 + 2 x M_0 = 2 / sqrt(pi) */
    return m * (n > 0 ? ratio[0] : 1) * (n > 1 ? ratio[1] : 1);
}

static real erfcx_1(real x)
{
    return x >= 0 ? -falling_erfcx(1, x) : x < -110 ? (real)-INFINITY : 2 * x * erfcx_of(x) - 2 / root_pi;
}
static real erfcx_2(real x)
{
    return x >= 0 ? falling_erfcx(2, x) : x < -110 ? (real)INFINITY : 2 * erfcx_of(x) + 2 * x * erfcx_1(x);
}

/* e^(-x^2 / 2) / sqrt(2 pi) */
static real density(real x)
{
    real square = x * x;
    return square > 40000 ? 0 : expl(-square / 2) * (1 - fmal(x, x, -square) / 2) * root_half / root_pi;
}
static real ndtr_1(real x) { return density(x); }
static real ndtr_2(real x) { return isinf(x) ? 0 : -x * density(x); }

/* r = p / P, and x + r */
static real hazard(real x)
{
    real t = -x * root_half;
    return x > 0 ? density(x) / (erfcl(t) / 2) : 2 * root_half / root_pi / falling_erfcx(0, t);
}
static real hazard_gap(real x)
{
    real t = -x * root_half;
    return x > 0 ? x + hazard(x) : falling_erfcx(1, t) / falling_erfcx(0, t) * root_half;
}
static real log_ndtr_1(real x) { return isinf(x) ? none : hazard(x); }
static real log_ndtr_2(real x) { return isinf(x) ? none : -hazard(x) * hazard_gap(x); }

/* The y > 0 with erfc y = rest <= 1, by Newton's method on its logarithm. */
static real inverse_erfc(real rest)
{
    real y = sqrtl(-logl(rest)), step = 1;
    for (int i = 0; i < 60 && rest < 1 && fabsl(step) > 1e-19L * y; i++) {
        real scaled = falling_erfcx(0, y);
        step = (logl(scaled) - y * y - logl(rest)) * scaled * root_pi / 2;
        y = y + step > 0 ? y + step : y / 2;
    }
    return y;
}
static real inverse_erf(real a)
{
    real y = a * root_pi / 2, step = 1;
    for (int i = 0; i < 30 && fabsl(step) > 1e-19L * y; i++)
        y -= step = (erfl(y) - a) * root_pi / 2 * expl(y * y);
    return y;
}
static real erfinv_of(real x)
{
    real a = fabsl(x);
    return copysignl(a < 0.5L ? inverse_erf(a) : inverse_erfc(1 - a), x);
}
static real erfinv_1(real x)
{
    return fabsl(x) >= 1 ? none : root_pi / 2 * falling_erfcx(0, fabsl(erfinv_of(x))) / (1 - fabsl(x));
}
static real erfinv_2(real x) { return fabsl(x) >= 1 ? none : 2 * erfinv_of(x) * erfinv_1(x) * erfinv_1(x); }

static real ndtri_of(real p)
{
    real rest = 2 * (p < 0.5L ? p : 1 - p), y = (rest < 0.5L ? inverse_erfc(rest) : inverse_erf(1 - rest)) / root_half;
    return p < 0.5L ? -y : y;
}
static real ndtri_1(real p)
{
    return !(p > 0 && p < 1)
               ? none
               : root_pi * root_half * falling_erfcx(0, fabsl(ndtri_of(p)) * root_half) / (p < 0.5L ? p : 1 - p);
}
static real ndtri_2(real p) { return !(p > 0 && p < 1) ? none : ndtri_of(p) * ndtri_1(p) * ndtri_1(p); }

static real entr_1(real x) { return x < 0 || signbit(x) ? none : -1 - logl(x); }
static real entr_2(real x) { return x < 0 || signbit(x) ? none : -1 / x; }

/* ---- Bessel functions ----------------------------------------------------------------------------------------------- */

/* (-1)^n times the n-th derivative of e^-a I0(a), a >= 0: series of positive terms, or the asymptotic one, term by term. */
static real fall(int n, real a)
{
    real term = 1, sum = 0;
    if (a < 60) {
        term = expl(-2 * a);
        for (int k = 0; k < n; k++)
            term *= (2 * k + 1.0L) / (k + 1);
        for (int k = 0; term > 1e-22L * sum; k++) {
            sum += term;
            term *= (k + 0.5L) / (n + 1 + k) * (2 * a) / (k + 1);
        }
        return sum;
    }
    for (int k = 0; k < 60 && term > 1e-22L; k++) {
        real part = term;
        for (int i = 0; i < n; i++)
            part *= k + 0.5L + i;
        sum += part;
        term *= (2 * k + 1.0L) * (2 * k + 1) / (8 * a * (k + 1));
    }
    sum /= sqrtl(2 * pi) * sqrtl(a);
    for (int i = 0; i < n; i++)
        sum /= a;
    return sum;
}

/* I_n(x) by its series, or by e^x times what fall() has; n <= 3 */
static real bessel(int n, real x)
{
    real a = fabsl(x), term = 1, sum = 0, sign = x < 0 && n % 2 ? -1 : 1, square = a * a / 4;
    if (!(a <= 800))
        return isnan(x) ? x : sign * (real)INFINITY;
    for (int k = 1; k <= n; k++)
        term *= a / 2 / k;
    for (int k = 1; term > 1e-22L * sum; k++) {
        sum += term;
        term *= square / ((real)k * (k + n));
    }
    return sign * sum;
}

static real i0_1(real x) { return bessel(1, x); }
static real i0_2(real x) { return (bessel(0, x) + bessel(2, x)) / 2; }
static real i1_1(real x) { return i0_2(x); }
static real i1_2(real x) { return (3 * bessel(1, x) + bessel(3, x)) / 4; }
static real i0e_1(real x) { return x == 0 ? 0 : x < 0 ? fall(1, -x) : -fall(1, x); }
static real i0e_2(real x) { return fall(2, fabsl(x)); }
static real i1e_1(real x) { return isinf(x) ? 0 : fall(2, fabsl(x)) - fall(1, fabsl(x)); }
static real i1e_2(real x)
{
    return isinf(x) || x == 0 ? 0 : (x < 0 ? -1 : 1) * (fall(2, fabsl(x)) - fall(3, fabsl(x)));
}

/* ---- psi functions ---------------------------------------------------------------------------------------------------- */

/* The n-th derivative of digamma, n <= 2: for x > 0 by recurrence and the asymptotic series, for x < 0 by reflection; none at
 * poles, and where x is whole or huge. */
static real psi(int n, real x)
{
    static const real bernoulli[] = {1 / 6.0L,       -1 / 30.0L, 1 / 42.0L,      -1 / 30.0L,     5 / 66.0L,
                                     -691 / 2730.0L, 7 / 6.0L,   -3617 / 510.0L, 43867 / 798.0L, -174611 / 330.0L};
    real sum = 0, r = x - rintl(x), tail = 0, power;
    if (x <= 0) {
        if (r == 0 || isinf(x))
            return none;
        real s = sinl(pi * r), c = sinl(pi * (0.5L - fabsl(r))), rest = psi(n, 1 - x);
        return n == 0   ? rest - pi * c / s
               : n == 1 ? pi / s * (pi / s) - rest
                        : rest - 2 * (pi / s) * (pi / s) * (pi / s) * c;
    }
    if (isinf(x))
        return n == 0 ? x : 0;
    for (; x < 30; x++)
        sum += n == 0 ? -1 / x : n == 1 ? 1 / x / x : -2 / x / x / x;
    power = n == 0 ? 1 : n == 1 ? 1 / x : 1 / x / x;
    for (int k = 1; k <= 10; k++) {
        power /= x * x;
        real b = bernoulli[k - 1];
        tail += power * (n == 0 ? -b / (2 * k) : n == 1 ? b : -b * (2 * k + 1));
    }
    return sum + (n == 0 ? logl(x) - 0.5L / x : n == 1 ? 1 / x + 0.5L / x / x : -1 / x / x - 1 / x / x / x) + tail;
}

static real lgamma_1(real x) { return psi(0, x); }
static real lgamma_2(real x) { return psi(1, x); }
static real digamma_1(real x) { return psi(1, x); }
static real digamma_2(real x) { return psi(2, x); }
static tp_tensor *trigamma(tp_tape *T, tp_tensor *x) { return tp_polygamma(T, 1, x); }
static real trigamma_1(real x) { return psi(2, x); }

static real whole_power(real x, int n) { return n == 0 ? 1 : (n % 2 ? x : 1) * whole_power(x * x, n / 2); }

/* The sum of (x + k)^-(n + 1) over k >= 0, x > 0, n >= 2: Euler and Maclaurin's formula. */
static real sum_right(int n, real x)
{
    static const real over_factorial[] = {1 / 12.0L,
                                          -1 / 720.0L,
                                          1 / 30240.0L,
                                          -1 / 1209600.0L,
                                          1 / 47900160.0L,
                                          -691 / 1307674368000.0L,
                                          1 / 74724249600.0L,
                                          -3617 / 10670622842880000.0L,
                                          43867 / 5109094217170944000.0L,
                                          -174611 / 802857662698291200000.0L};
    real sum = 0, rising = n + 1;
    for (; x < 10 + n; x++)
        sum += whole_power(1 / x, n + 1);
    real power = whole_power(1 / x, n);
    sum += power / n + power / x / 2;
    power /= x * x;
    for (int k = 0; k < 10; k++) {
        sum += over_factorial[k] * rising * power;
        rising *= (n + 2 * k + 2) * (real)(n + 2 * k + 3);
        power /= x * x;
    }
    return sum;
}

/* The n-th derivative of digamma, n >= 2; of x < 0 the sum over all integers, which depends on the distance from the next one
 * alone, less that over those left of x. */
static real psi_of_order(int n, real x)
{
    real sign = n % 2 ? 1 : -1, factorial = tgammal(n + 1), r = x - rintl(x);
    if (isinf(x) || (x <= 0 && r == 0))
        return x > 0 ? 0 : none;
    if (x > 0)
        return sign * factorial * sum_right(n, x);
    real near = sum_right(n, fabsl(r)), far = sum_right(n, 1 - fabsl(r)), beyond = sum_right(n, 1 - x);
    return sign * factorial * (n % 2 ? near + far - beyond : (r < 0 ? far - near : near - far) + beyond);
}
static real trigamma_2(real x) { return psi_of_order(3, x); }
#define POLYGAMMA(n) \
    static tp_tensor *polygamma_##n(tp_tape *T, tp_tensor *x) { return tp_polygamma(T, n, x); } \
    static real polygamma_##n##_1(real x) { return psi_of_order(n + 1, x); } \
    static real polygamma_##n##_2(real x) { return psi_of_order(n + 2, x); }
POLYGAMMA(2)
POLYGAMMA(4)
POLYGAMMA(7)
POLYGAMMA(14)
POLYGAMMA(25)

/* clang-format off */
#define OF(name) #name, tp_##name, name##_1, name##_2
#define OF_ORDER(n) polygamma_##n, polygamma_##n##_1, polygamma_##n##_2
const one_row special_rows[] = {
    {OF(entr), CONDITIONED, 0}, {OF(erfcx), 0, 0}, {OF(ndtr), 0, 0}, {OF(log_ndtr), 0, 0}, {OF(ndtri), CONDITIONED, 0},
    {OF(erfinv), 0, 0}, {OF(i0), 0, 0}, {OF(i1), 0, 0}, {OF(i0e), 0, 0}, {OF(i1e), CONDITIONED, 64},
    {OF(lgamma), CONDITIONED, 0}, {OF(digamma), CONDITIONED, 0}, {"polygamma", trigamma, trigamma_1, trigamma_2, CONDITIONED, 0},
    {"polygamma 2", OF_ORDER(2), CONDITIONED, 0}, {"polygamma 4", OF_ORDER(4), CONDITIONED, 0},
    {"polygamma 7", OF_ORDER(7), CONDITIONED, 0}, {"polygamma 14", OF_ORDER(14), CONDITIONED, 0}, {"polygamma 25", OF_ORDER(25), CONDITIONED, 0},
    {0},
};
/* clang-format on */
