/* special.c - special functions that libm has not, in double. */
#define _DEFAULT_SOURCE /* lgamma_r */
#include "kernel/special.h"
#include "kernel/vec_special.h"

#include <math.h>

static const double pi = 3.14159265358979323846;

/* libm's lgamma writes a global; this one does not. */
double tp__lgamma(double x)
{
    int sign;
    return lgamma_r(x, &sign);
}

/* ---- psi functions ------------------------------------------------------------------------------------------ */

/* By recurrence to x >= 10 and the asymptotic series there (Abramowitz and Stegun 6.3.5, 6.3.18); negative x by
 * reflection (6.3.7). */
double tp__digamma(double x)
{
    static const double b[] = {1.0 / 12, -1.0 / 120, 1.0 / 252, -1.0 / 240, 1.0 / 132, -691.0 / 32760, 1.0 / 12};
    double sum = 0, power = 1, series = 0;
    if (x == 0)
        return copysign(INFINITY, -x);
    if (x < 0) {
        if (x == floor(x))
            return NAN;
        double r = x - nearbyint(x); /* of the distance from the pole alone, or from the middle, tan keeps its digits */
        double cot = fabs(r) < 0.25 ? 1 / tan(pi * r) : copysign(tan(pi * (0.5 - fabs(r))), r);
        return tp__digamma(1 - x) - pi * cot;
    }
    if (x <= 3 && x > 1e-300)
        return v_digamma_near(x, 0);
    for (; x < 10; x++)
        sum -= 1 / x;
    if (x > 1e17)
        return sum + log(x);
    for (int i = 0; i < 7; i++) {
        power /= x * x;
        series += b[i] * power;
    }
    return sum + log(x) - 0.5 / x - series;
}

/* The sum of (q + k step)^-s over k >= 0, q > 0: Euler and Maclaurin's formula, with terms up to q + k >= 10 and ten of them
 * at least, then the integral of the rest and its corrections (Abramowitz and Stegun 23.1.30; the factors are B_2j / (2j)!).
 * For large s the terms fall too fast for the corrections to matter. At most 20 powers are taken, whatever the arguments. */
static double sum_of_powers(double s, double q, double step)
{
    static const double b[] = {1.0 / 12,          -1.0 / 720,
                               1.0 / 30240,       -1.0 / 1209600,
                               1.0 / 47900160,    -691.0 / 1307674368000,
                               1.0 / 74724249600, -3617.0 / 10670622842880000};
    double sum = 0, base = q;
    for (int k = 0; k < 10 || base < 10 * step; base = q + ++k * step) {
        double term = pow(base, -s);
        sum += term;
        if (term < 1e-17 * sum || isinf(sum))
            return sum;
    }
    double term = pow(base, -s), factor = s, ratio = step / base;
    sum += term / ratio / (s - 1) + 0.5 * term;
    term *= ratio;
    for (int j = 0; j < 8; j++, term *= ratio * ratio) {
        sum += b[j] * factor * term;
        factor *= (s + 2 * j + 1) * (s + 2 * j + 2);
    }
    return sum;
}

static int is_odd(double n) { return fmod(n, 2) != 0; }

/* A sum over k >= 0 of (x + k)^-s, given as of(order, x) for x > 0, for whole s and an x < 0 that is not whole: that over all
 * integers, which depends on the distance r from the nearest one alone, less that over k < 0. */
static double left_of_zero(double (*of)(double, double), double order, int odd, double x)
{
    double r = fabs(x - nearbyint(x)), sign = x < nearbyint(x) && odd ? -1 : 1, other = of(order, 1 - r);
    double all = odd && r == 0.5 ? 0 : of(order, r), beyond = of(order, 1 - x);
    all = isinf(all) || (odd && r == 0.5) ? all : all + (odd ? -other : other);
    return isinf(all) ? sign * all : sign * all - (odd ? -beyond : beyond);
}

static double zeta_right(double s, double q) { return sum_of_powers(s, q, 1); }

double tp__zeta(double s, double q)
{
    if (isnan(s) || isnan(q) || s < 1)
        return NAN;
    if (s == 1 || (q <= 0 && q == floor(q)))
        return INFINITY;
    if (q > 0)
        return isinf(q) ? 0 : zeta_right(s, q);
    return s == floor(s) && !isinf(s) ? left_of_zero(zeta_right, s, is_odd(s), q) : (double)NAN;
}

/* n! zeta(n + 1, x), x > 0: of x = m 2^e, so that factors beyond the largest number do not matter; by logarithms where n! is
 * one. */
static double factorial_zeta(double n, double x)
{
    int e, k;
    if (isinf(x))
        return 0;
    if (n > 170)
        return exp(tp__lgamma(n + 1) - (n + 1) * log(x) + log(sum_of_powers(n + 1, 1, 1 / x)));
    if (x > 0x1p70) { /* nearly (n - 1)! x^-n */
        double m = frexp(x, &e), factorial = frexp(tgamma(n), &k);
        return ldexp(factorial * pow(m, -n), k - e * (int)n);
    }
    double m = frexp(x, &e), factorial = frexp(tgamma(n + 1), &k);
    return ldexp(factorial * sum_of_powers(n + 1, m, ldexp(1, -e)), k - e * ((int)n + 1));
}

double tp__polygamma(double n, double x, double pole)
{
    double sign = is_odd(n) ? 1 : -1;
    if (n == 0 || isnan(x))
        return n == 0 ? tp__digamma(x) : x;
    if (x <= 0 && x == floor(x))
        return n == 1 ? (pi / pole) * (pi / pole) : sign * INFINITY;
    if (x < 0 && n <= 2) { /* reflection (6.4.7) in closed form, with cos as the sine of the rest of a right angle */
        double r = x - nearbyint(x), s = pi / sin(pi * r), beyond = factorial_zeta(n, 1 - x);
        return n == 1 ? s * s - beyond : -beyond - 2 * s * s * s * sin(pi * (0.5 - fabs(r)));
    }
    return sign * (x > 0 ? factorial_zeta(n, x) : left_of_zero(factorial_zeta, n, !is_odd(n), x));
}

/* ---- the inverse of erf ----------------------------------------------------------------------------------- */

/* A first guess (M. Giles, "Approximating the erfinv function", GPU Computing Gems, 2011), then four steps of
 * Newton's method, on log erfc where x is near 1. */
double tp__erfinv(double x)
{
    static const double near[] = {2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 0.00021858087,
                                  -0.00125372503, -0.00417768164, 0.246640727,    1.50140941};
    static const double far[] = {-0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773,
                                 -0.0076224613,   0.00943887047,  1.00167406,    2.83297682};
    double a = fabs(x);
    if (!(a < 1))
        return a == 1 ? copysign(INFINITY, x) : NAN;
    double w = -log((1 - a) * (1 + a)), y = 0;
    const double *c = w < 5 ? near : far;
    double t = w < 5 ? w - 2.5 : sqrt(w) - 3;
    for (int i = 0; i < 9; i++)
        y = y * t + c[i];
    y *= a;
    for (int i = 0; i < 4; i++)
        y += 0.88622692545275801365 * (a < 0.5 ? (a - erf(y)) * exp(y * y) : log(erfc(y) / (1 - a)) * tp__erfcx(y));
    return copysign(y, x);
}

/* ---- the normal distribution ------------------------------------------------------------------------------ */

static const double root_half = 0.70710678118654752440;

/* e^(x^2): the square's rounding error, which the exponential would magnify, is put back. */
static double exp_of_square(double x)
{
    double square = x * x, rest = fma(x, x, -square);
    return isinf(square) ? square : exp(square) * (1 + rest);
}

/* Far out by the asymptotic series (Abramowitz and Stegun 7.1.23). */
double tp__erfcx(double x)
{
    if (x < 0)
        return x < -27 ? INFINITY : 2 * exp_of_square(x) - tp__erfcx(-x);
    if (!(x > 20))
        return exp_of_square(x) * erfc(x);
    double r = 0.5 / x / x, sum = 1;
    for (int k = 7; k > 0; k--) /* (2k - 1) factors of the k-th term: 1 - r (1 - 3r (1 - 5r ...)) */
        sum = 1 - (2 * k - 1) * r * sum;
    return 0.56418958354775628695 * sum / x;
}

/* In the lower tail erfc would magnify the rounding of its argument. */
double tp__ndtr(double x)
{
    if (!(x < -1))
        return 0.5 * erfc(-root_half * x);
    if (x < -39)
        return 0;
    double square = x * x;
    return 0.5 * tp__erfcx(-root_half * x) * (exp(-0.5 * square) * (1 - 0.5 * fma(x, x, -square)));
}

/* Near the middle from the inverse of erf. In the tails from a guess by the leading term of the asymptotic series, with
 * steps of Newton's method on log P, which is nearly quadratic there. */
double tp__ndtri(double p)
{
    if (!(p >= 0 && p <= 1))
        return NAN;
    if (p == 0 || p == 1)
        return p == 0 ? -INFINITY : INFINITY;
    if (p > 0.1 && p < 0.9)
        return 2 * root_half * tp__erfinv(2 * p - 1);
    if (p >= 0.9)
        return -tp__ndtri(1 - p);
    double target = log(p), y = -sqrt(-2 * target);
    for (int i = 0; i < 8; i++) {
        double t = -root_half * y, scaled = tp__erfcx(t);
        double error = log(0.5 * scaled) - t * t - target;
        y -= error * scaled * 1.25331413731550025121; /* 1 / (d/dy log P) = erfcx sqrt(pi / 2) */
    }
    return y;
}

/* ---- modified Bessel functions: what only higher derivatives ask for ---------------------------------------- */

/* e^-a times the power series of I_n(a), all of whose terms are positive (Abramowitz and Stegun 9.6.10). */
static double bessel_series(int n, double a)
{
    double term = exp(-a), sum, q = 0.25 * a * a;
    for (int k = 1; k <= n; k++)
        term *= 0.5 * a / k;
    sum = term;
    for (int k = 1; term > 1e-17 * sum; k++)
        sum += term *= q / ((double)k * (k + n));
    return sum;
}

/* sqrt(2 pi a) e^-a I_n(a) for large a (9.7.1); with `drop` > 0 the derivative of that order of e^-a I_n(a), times a^drop. */
static double bessel_tail(int n, int drop, double a)
{
    double c = 1, sum = 0;
    for (int k = 0; k < 60; k++) {
        double falls = 1, odd = 2 * k + 1;
        for (int i = 0; i < drop; i++)
            falls *= k + 0.5 + i;
        sum += c * falls;
        if (fabs(c * falls) < 1e-17 * fabs(sum))
            break;
        c *= (odd * odd - 4.0 * n * n) / (8 * a * (k + 1));
    }
    return sum;
}

double tp__bessel_i(int n, double x)
{
    double a = fabs(x), sign = x < 0 && n % 2 ? -1 : 1;
    if (!(a < INFINITY))
        return sign * a;
    double c = a < 2000 ? a : 2000, half = exp(0.5 * c);
    double scaled = c < 30 + n * n ? bessel_series(n, c) : bessel_tail(n, 0, c) / sqrt(2 * pi * c);
    return sign * half * scaled * half; /* e^c may be beyond the largest number where the product is not */
}

/* By Kummer's transformation (13.1.27) (1/2)_n / n! 2^n e^-2a M(1/2, n + 1, 2a), whose terms are positive, too. */
double tp__i0e_fall(int n, double a)
{
    if (a < 30) {
        double term = exp(-2 * a), sum;
        for (int k = 0; k < n; k++)
            term *= (2.0 * k + 1) / (k + 1);
        sum = term;
        for (int k = 0; term > 1e-17 * sum; k++)
            sum += term *= (k + 0.5) / (n + 1.0 + k) * (2 * a) / (k + 1);
        return sum;
    }
    double v = bessel_tail(0, n, a) / (sqrt(2 * pi) * sqrt(a));
    for (int i = 0; i < n; i++)
        v /= a;
    return v;
}

/* ---- incomplete gamma functions ----------------------------------------------------------------------------- */

/* log(1 + d) - d without cancellation. */
static double log1p_less(double d)
{
    if (fabs(d) > 0.3)
        return log1p(d) - d;
    double power = -d * d, sum = 0;
    for (int k = 2; k < 60; k++, power *= -d) {
        double term = power / k;
        sum += term;
        if (fabs(term) <= 1e-17 * fabs(sum))
            break;
    }
    return sum;
}

/* x^a e^-x / gamma(a) = a x^a e^-x / gamma(1 + a); for large a from Stirling's series, where the logarithms of the factors would cancel. */
static double gamma_prefix(double a, double x)
{
    if (a < 10) {
        double root = exp(-0.5 * x), v = pow(x, a) * root * (a / tgamma(a + 1)) * root;
        return x < 1400 && v >= 0x1p-1000 && !isinf(v) ? v : exp(a * log(x) - x - tp__lgamma(a));
    }
    double r = 1 / a, stirling = r * (1.0 / 12 - r * r * (1.0 / 360 - r * r * (1.0 / 1260 - r * r / 1680)));
    return sqrt(a / (2 * pi)) * exp(a * log1p_less((x - a) / a) - stirling);
}

/* log gamma(1 + a) for 0 <= a < 0.5, with all digits of a small a (Abramowitz and Stegun 6.1.33). */
static double lgamma1p_small(double a)
{
    double power = a, sum = -0.57721566490153286061 * a;
    for (int k = 2; k < 60 && fabs(power) > 1e-18 * fabs(sum); k++) {
        power *= -a;
        sum -= power / k * tp__zeta(k, 1);
    }
    return sum;
}

/* The lower one by its series (6.5.29), for x < a + 1. */
static double lower_series(double a, double x)
{
    double term = 1 / a, sum = term;
    for (double n = a + 1; term > 1e-17 * sum; n++) {
        term *= x / n;
        sum += term;
    }
    return gamma_prefix(a, x) * sum;
}

/* The upper one by Legendre's continued fraction (6.5.31) with Lentz's method, for x > 0.5 or so. */
static double upper_fraction(double a, double x)
{
    double b = x + 1 - a, c = 1e300, d = 1 / b, h = d, step = 0;
    for (int n = 1; fabs(step - 1) > 3e-16 && n < 100000; n++) {
        double an = n * (a - n);
        b += 2;
        d = 1 / (an * d + b);
        c = b + an / c;
        step = c * d;
        h *= step;
    }
    return gamma_prefix(a, x) * h;
}

/* The upper one where a and x are small and it is not 1 less the lower one but for cancellation: 1 - x^a / gamma(1 + a)
 * and the rest of the lower series, apart. */
static double upper_small(double a, double x)
{
    double logarithm = a * log(x) - lgamma1p_small(a), term = 1, sum = 0;
    for (int n = 1; n < 60 && fabs(term) > 1e-18; n++) {
        term *= -x / n;
        sum += term / (a + n);
    }
    return -expm1(logarithm) - a * exp(logarithm) * sum;
}

/* For huge a, where series are long: the first two terms of Temme's uniform expansion (SIAM J. Math. Anal. 10, 1979),
 * right to 1 / a. */
static double huge_incomplete(double a, double x, int upper)
{
    double d = (x - a) / a, eta = copysign(sqrt(-2 * log1p_less(d)), d);
    double first = fabs(d) > 1e-4 ? 1 / d - 1 / eta : -1.0 / 3 + d / 12;
    double rest = exp(a * log1p_less(d)) / sqrt(2 * pi * a) * first, t = eta * sqrt(0.5 * a);
    return upper ? 0.5 * erfc(t) + rest : 0.5 * erfc(-t) - rest;
}

static double incomplete(double a, double x, int upper)
{
    if (isnan(a) || isnan(x) || a < 0 || x < 0)
        return NAN;
    if (a == 0)
        return x > 0 ? !upper : (double)NAN;
    if (x == 0)
        return upper;
    if (isinf(a))
        return isinf(x) ? (double)NAN : upper;
    if (isinf(x))
        return !upper;
    if (a > 1e9)
        return huge_incomplete(a, x, upper);
    if (upper && a < 0.5 && x < 1)
        return upper_small(a, x);
    if (x < a + 1) {
        double p = lower_series(a, x);
        return upper ? 1 - p : p;
    }
    double q = upper_fraction(a, x);
    return upper ? q : 1 - q;
}

/* The derivative of the lower one by x: x^(a - 1) e^-x / gamma(a). A power that is nearly x^0 is taken as one. */
double tp__gamma_pdf(double a, double x)
{
    if (isnan(a) || isnan(x) || a < 0 || x < 0)
        return NAN;
    if (x == 0 || isinf(x) || a == 0 || isinf(a))
        return x > 0 || a > 1 ? 0 : a == 1 ? 1 : INFINITY;
    if (a > 0.5 && a < 10 && x < 1)
        return pow(x, a - 1) * exp(-x) * (a / tgamma(a + 1));
    return gamma_prefix(a, x) / x;
}

double tp__igamma(double a, double x) { return incomplete(a, x, 0); }
double tp__igammac(double a, double x) { return incomplete(a, x, 1); }
