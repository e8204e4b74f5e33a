/* special.c - special functions that libm has not, in double. */
#define _DEFAULT_SOURCE /* lgamma_r */
#include "kernel/special.h"

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
        double rest = x - trunc(x); /* tan of the fraction alone keeps its digits */
        return tp__digamma(1 - x) - pi / tan(pi * rest);
    }
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

/* Euler and Maclaurin: terms up to q + k >= 10, then the integral of the rest and its corrections (Abramowitz and
 * Stegun 23.1.30; the factors are B_2j / (2j)!). */
double tp__zeta(double s, double q)
{
    static const double b[] = {1.0 / 12,          -1.0 / 720,
                               1.0 / 30240,       -1.0 / 1209600,
                               1.0 / 47900160,    -691.0 / 1307674368000,
                               1.0 / 74724249600, -3617.0 / 10670622842880000};
    if (s == 1)
        return INFINITY;
    if (!(s > 1) || isnan(q))
        return NAN;
    if (isinf(q) && q > 0)
        return 0;
    if (q <= 0) {
        if (q == floor(q))
            return INFINITY;
        if (s != floor(s))
            return NAN;
    }
    double sum = 0;
    for (int k = 0; k < 10 || q < 10; k++, q++) {
        double term = pow(q, -s);
        sum += term;
        if (fabs(term) < 1e-17 * fabs(sum) && q > 0)
            return sum;
    }
    double term = pow(q, -s), factor = s;
    sum += term * q / (s - 1) + 0.5 * term;
    for (int j = 0; j < 8; j++) {
        term /= q;
        sum += b[j] * factor * term;
        factor *= (s + 2 * j + 1) * (s + 2 * j + 2);
        term /= q;
    }
    return sum;
}

double tp__polygamma(double n, double x, double pole)
{
    if (n == 0)
        return tp__digamma(x);
    if (x < 0 && n == 1) { /* reflection: 6.4.7 */
        double sine = x == floor(x) ? pole : sin(pi * (x - floor(x)));
        return pi * pi / (sine * sine) - tp__zeta(2, 1 - x);
    }
    return (fmod(n, 2) == 0 ? -1 : 1) * tgamma(n + 1) * tp__zeta(n + 1, x);
}

/* ---- the inverse of erf ----------------------------------------------------------------------------------- */

/* A first guess (M. Giles, "Approximating the erfinv function", GPU Computing Gems, 2011), then two steps of
 * Newton's method, on erfc where x is near 1. */
double tp__erfinv(double x)
{
    static const double near[] = {2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 0.00021858087,
                                  -0.00125372503, -0.00417768164, 0.246640727,    1.50140941};
    static const double far[] = {-0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773,
                                 -0.0076224613,   0.00943887047,  1.00167406,    2.83297682};
    double a = fabs(x);
    if (!(a < 1))
        return a == 1 ? copysign(INFINITY, x) : NAN;
    double w = -log1p(-a * a), y = 0;
    const double *c = w < 5 ? near : far;
    double t = w < 5 ? w - 2.5 : sqrt(w) - 3;
    for (int i = 0; i < 9; i++)
        y = y * t + c[i];
    y *= a;
    for (int i = 0; i < 2; i++) {
        double error = a < 0.5 ? erf(y) - a : (1 - a) - erfc(y);
        y -= error * 0.88622692545275801365 * exp(y * y);
    }
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
    double square = x * x;
    if (!(x < -1) || isinf(square))
        return 0.5 * erfc(-root_half * x);
    return 0.5 * tp__erfcx(-root_half * x) * (exp(-0.5 * square) * (1 - 0.5 * fma(x, x, -square)));
}

double tp__log_ndtr(double x)
{
    double t = root_half * x;
    return x < -1 ? log(0.5 * tp__erfcx(-t)) - t * t : log1p(-tp__ndtr(-x));
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

double tp__entr(double x) { return x > 0 ? -x * log(x) : x == 0 ? 0 : isnan(x) ? x : -INFINITY; }

/* ---- modified Bessel functions ------------------------------------------------------------------------------ */

/* The power series, all of whose terms are positive, up to 20 (Abramowitz and Stegun 9.6.10), the asymptotic one after
 * that (9.7.1). */
static double bessel_scaled(int order, double x)
{
    double sum = 1, term = 1;
    if (isnan(x))
        return x;
    if (x <= 20) {
        double q = 0.25 * x * x;
        for (int k = 1; term > 1e-17 * sum; k++) {
            term *= q / ((double)k * (k + order));
            sum += term;
        }
        return (order ? 0.5 * x : 1) * sum * exp(-x);
    }
    for (int k = 1; k < 40 && fabs(term) > 1e-17; k++) {
        double odd = 2 * k - 1;
        term *= (odd * odd - 4.0 * order) / (8 * x * k);
        sum += term;
    }
    return sum / (sqrt(2 * pi) * sqrt(x));
}

double tp__i0e(double x) { return bessel_scaled(0, fabs(x)); }
double tp__i1e(double x) { return copysign(bessel_scaled(1, fabs(x)), x); }

/* The exponential in two halves: it may overflow before the product does. */
static double unscaled(double scaled, double x)
{
    double half = exp(0.5 * fabs(x));
    return isinf(x) ? copysign(INFINITY, scaled) : scaled * half * half;
}

double tp__i0(double x) { return unscaled(tp__i0e(x), x); }
double tp__i1(double x) { return isinf(x) ? x : unscaled(tp__i1e(x), x); }

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

/* x^a e^-x / gamma(a); for large a from Stirling's series, where the logarithms of the factors would cancel. */
static double gamma_prefix(double a, double x)
{
    if (a < 10)
        return exp(a * log(x) - x - tp__lgamma(a));
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

double tp__igamma(double a, double x) { return incomplete(a, x, 0); }
double tp__igammac(double a, double x) { return incomplete(a, x, 1); }
