/* special.c - special functions that libm has not, in double. */
#define _DEFAULT_SOURCE /* lgamma_r, j0 and its kin */
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

/* base^-(s + lost), times factor, which may bring back what the power alone overflows or underflows to */
static double inverse_power(double base, double s, double lost, double factor)
{
    if (factor == 1)
        return pow(base, -s);
    double root = pow(base, -0.5 * s);
    return root * (lost == 0 ? factor : factor * (1 - lost * log(base))) * root;
}

/* The sum of factor (q + k step)^-(s + lost) over k >= 0, q > 0: Euler and Maclaurin's formula, with terms up to q + k >= 10
 * and ten of them at least, then the integral of the rest and its corrections (Abramowitz and Stegun 23.1.30; the factors are
 * B_2j / (2j)!). For large s the terms fall too fast for the corrections to matter. At most 20 powers are taken, whatever the
 * arguments. `lost` is what s lacks after rounding. */
static double sum_of_powers(double s, double lost, double q, double step, double scale)
{
    static const double b[] = {1.0 / 12,          -1.0 / 720,
                               1.0 / 30240,       -1.0 / 1209600,
                               1.0 / 47900160,    -691.0 / 1307674368000,
                               1.0 / 74724249600, -3617.0 / 10670622842880000};
    double sum = 0, base = q;
    for (int k = 0; k < 10 || base < 10 * step; base = q + ++k * step) {
        double term = inverse_power(base, s, lost, scale);
        sum += term;
        if (!(term > 1e-17 * sum) || isinf(sum))
            return sum;
    }
    double term = inverse_power(base, s, lost, scale), factor = s, ratio = step / base;
    sum += term / ratio / (s - 1) + 0.5 * term;
    term *= ratio;
    for (int j = 0; j < 8; j++, term *= ratio * ratio) {
        sum += b[j] * factor * term;
        factor *= (s + 2 * j + 1) * (s + 2 * j + 2);
    }
    return sum;
}

static int is_odd(double n) { return fmod(n, 2) != 0; }

/* The n-th derivative of cot but for its sign (-1)^n, 0 < n <= 4, from the cotangent c: from one to the next leads
 * (1 + c^2) d/dc. */
static double cot_slope(int n, double c)
{
    double u = c * c, v = 1 + u;
    return n == 1 ? v : n == 2 ? 2 * c * v : n == 3 ? v * (2 + 6 * u) : c * v * (16 + 24 * u);
}

/* x^-(n + 1), or n! times that, x > 0; of x = m 2^e, so that factors beyond the largest number do not matter, and by
 * logarithms where n! is one. */
static double power_below(double n, double x, int factorial)
{
    int e, k;
    if (!factorial)
        return pow(x, -n - 1);
    if (n > 170)
        return exp(tp__lgamma(n + 1) - (n + 1) * log(x));
    double m = frexp(x, &e), whole = frexp(tgamma(n + 1), &k);
    return ldexp(whole * pow(m, -n - 1), k - e * ((int)n + 1));
}

static double zeta_right(double s, double q) { return sum_of_powers(s, 0, q, 1, 1); }

/* n! zeta(n + 1, x), x > 0: of x = m 2^e, so that factors beyond the largest number do not matter; by logarithms where n! is
 * one. */
static double factorial_zeta(double n, double x)
{
    int e, k;
    if (isinf(x))
        return 0;
    if (n > 170)
        return exp(tp__lgamma(n + 1) - (n + 1) * log(x) + log(sum_of_powers(n + 1, 0, 1, 1 / x, 1)));
    if (x > 0x1p70) { /* nearly (n - 1)! x^-n */
        double m = frexp(x, &e), factorial = frexp(tgamma(n), &k);
        return ldexp(factorial * pow(m, -n), k - e * (int)n);
    }
    double m = frexp(x, &e), factorial = frexp(tgamma(n + 1), &k);
    return ldexp(factorial * sum_of_powers(n + 1, 0, m, ldexp(1, -e), 1), k - e * ((int)n + 1));
}

/* The sum of (x + k)^-(n + 1) over all integers k, n > 0 and whole, or n! times that, for an x that is not whole. It depends on
 * the distance a from the nearest integer; for even n its sign is that of x less that integer, and near a = 1/2 the terms of
 * both sides cancel. */
static double both_sides(double n, double x, int factorial)
{
    double r = x - nearbyint(x), a = fabs(r), rest = 0.5 - a, sign = r < 0 && !is_odd(n) ? -1 : 1;
    if (n <= 4) { /* for n = 0 it is pi cot(pi x) (4.3.91) */
        double all = cot_slope((int)n, a < 0.25 ? 1 / tan(pi * a) : tan(pi * rest)) * pow(pi, n + 1);
        return sign * (factorial ? all : all / tgamma(n + 1));
    }
    if (!is_odd(n) && rest == 0)
        return 0;
    double near = power_below(n, a, factorial), far = power_below(n, 1 - a, factorial);
    if (isinf(near))
        return sign * near;
    double beyond = factorial ? factorial_zeta(n, 1 + a) : zeta_right(n + 1, 1 + a);
    double other = factorial ? factorial_zeta(n, 2 - a) : zeta_right(n + 1, 2 - a);
    if (is_odd(n))
        return near + far + beyond + other;
    return sign * ((near > 2 * far ? near - far : far * expm1((n + 1) * log1p(2 * rest / a))) + (beyond - other));
}

double tp__zeta(double s, double q)
{
    if (isnan(s) || isnan(q) || s < 1)
        return NAN;
    if (s == 1 || (q <= 0 && q == floor(q)))
        return INFINITY;
    if (q > 0)
        return isinf(q) ? 0 : zeta_right(s, q);
    if (s != floor(s) || isinf(s))
        return NAN;
    double all = both_sides(s - 1, q, 0), beyond = zeta_right(s, 1 - q);
    return isinf(all) ? all : is_odd(s) ? all + beyond : all - beyond;
}

double tp__zeta_derivative(double s, double q, int k)
{
    double t = s + k, b = t - s, lost = (s - (t - b)) + (k - b), factor = k % 2 ? -1 : 1;
    for (int i = 0; i < k; i++)
        factor *= s + i;
    if (!(q > 0 && t > 1) || isinf(q) || isinf(t))
        return factor * tp__zeta(t, q);
    return copysign(sum_of_powers(t, lost, q, 1, fabs(factor)), factor);
}

double tp__polygamma(double n, double x, double pole)
{
    double sign = is_odd(n) ? 1 : -1;
    if (n == 0 || isnan(x))
        return n == 0 ? tp__digamma(x) : x;
    if (x <= 0 && x == floor(x))
        return n == 1 ? (pi / pole) * (pi / pole) : sign * INFINITY;
    if (x > 0)
        return sign * factorial_zeta(n, x);
    double all = both_sides(n, x, 1), beyond = factorial_zeta(n, 1 - x);
    return sign * (isinf(all) ? all : is_odd(n) ? all - beyond : all + beyond);
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

/* ---- Bessel functions ---------------------------------------------------------------------------------------- */

double tp__bessel_j(int n, double x) { return n ? j1(x) : j0(x); }
double tp__bessel_y(int n, double x) { return n ? y1(x) : y0(x); }

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

/* a log(x / a) - (x - a) for large a: no less than -10^4, where its exponential is 0. */
static double gamma_exponent(double a, double x)
{
    double d = (x - a) / a, least = -1e4;
    if (x < 1e-4 * a || d > 1e4)
        return least;
    double less = fabs(d) > 0.3 ? log(x / a) - d : log1p_less(d);
    return less < least / a ? least : a * less;
}

/* factor x^(a - k) e^-x / gamma(a), k <= 2, for a < 170. The root of it is taken twice, so that no part of it leaves the range
 * before it does; its exponent takes k where the difference is exact. */
static double small_gamma_term(double a, double x, int k, double factor)
{
    int taken = a >= 1 ? k : a >= 0.5 && k > 0 ? 1 : 0;
    if (x > 1e4)
        return 0 * factor;
    double root = pow(x, 0.5 * (a - taken)) * exp(-0.5 * x);
    double v = root * (a < 1 ? a / tgamma(a + 1) : 1 / tgamma(a)) * factor * root;
    for (; k > taken; k--)
        v /= x;
    return v;
}

/* The same for large a, from Stirling's series, where the logarithms of the factors would cancel. */
static double gamma_term(double a, double x, int k, double factor)
{
    if (a < 170)
        return small_gamma_term(a, x, k, factor);
    double r = 1 / a, stirling = r * (1.0 / 12 - r * r * (1.0 / 360 - r * r * (1.0 / 1260 - r * r / 1680)));
    double root = exp(0.5 * (gamma_exponent(a, x) - stirling)), v = root * sqrt(a / (2 * pi));
    v = (k > 0 ? v / x : v) * factor;
    return (k > 1 ? v / x : v) * root;
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

/* sum x^a e^-x / gamma(a); of the density where it is known. */
static double gamma_times(double a, double x, double sum, double density)
{
    return isnan(density) ? gamma_term(a, x, 0, sum) : density * x * sum;
}

/* The lower one by its series (6.5.29), for x < a + 1. */
static double lower_series(double a, double x, double density)
{
    double term = 1 / a, sum = term;
    for (double n = a + 1; term > 1e-17 * sum; n++) {
        term *= x / n;
        sum += term;
    }
    return gamma_times(a, x, sum, density);
}

/* The upper one by Legendre's continued fraction (6.5.31), for x > 0.5 or so: its convergents p / q by recurrence, scaled
 * before they are too large. */
static double upper_fraction(double a, double x, double density)
{
    double b = x + 1 - a, p0 = 0, p1 = 1 / b, q0 = 1 / b, q1 = 1, ratio = p1, last = 0;
    for (int n = 1; fabs(ratio - last) > 3e-16 * ratio && n < 100000; n++) {
        double an = n * (a - n), p2, q2;
        b += 2;
        p2 = b * p1 + an * p0;
        q2 = b * q1 + an * q0;
        double scale = fabs(q2) > 0x1p200 ? 0x1p-200 : 1;
        p0 = p1 * scale;
        q0 = q1 * scale;
        p1 = p2 * scale;
        q1 = q2 * scale;
        last = ratio;
        ratio = p1 / q1;
    }
    return gamma_times(a, x, ratio, density);
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
    double d = (x - a) / a, exponent = gamma_exponent(a, x), t = copysign(sqrt(-exponent), d), eta = t / sqrt(0.5 * a);
    double first = fabs(d) > 1e-4 ? 1 / d - 1 / eta : -1.0 / 3 + d / 12;
    double rest = exp(exponent) / sqrt(2 * pi) / sqrt(a) * first;
    return upper ? 0.5 * erfc(t) + rest : 0.5 * erfc(-t) - rest;
}

double tp__igamma(double a, double x, int upper, double density)
{
    if (isnan(a) || isnan(x) || a < 0 || x < 0)
        return NAN;
    if (a == 0)
        return x > 0 ? !upper : (double)NAN;
    if (x == 0)
        return upper;
    if (isinf(a))
        return isinf(x) ? (double)NAN : upper;
    if (isinf(x) || (a < 1e-300 && !upper)) /* 1 / a may be no number */
        return !upper;
    if (a > 1e9)
        return huge_incomplete(a, x, upper);
    if (upper && a < 0.5 && x < 1)
        return upper_small(a, x);
    if (x < a + 1) {
        double p = lower_series(a, x, density);
        return upper ? 1 - p : p;
    }
    double q = upper_fraction(a, x, density);
    return upper ? q : 1 - q;
}

/* The derivative of the lower one by x, f = x^(a - 1) e^-x / gamma(a), and f' = f (a - 1 - x) / x. */
double tp__gamma_pdf(double a, double x, int k)
{
    if (isnan(a) || isnan(x) || a < 0 || x < 0)
        return NAN;
    if (a == 0 || isinf(a) || isinf(x))
        return x > 0 || a > 0 ? 0 : k ? -INFINITY : INFINITY;
    if (x == 0 && k == 0)
        return a > 1 ? 0 : a == 1 ? 1 : INFINITY;
    if (x == 0)
        return a > 2 ? 0 : a == 2 ? 1 : a > 1 ? INFINITY : a == 1 ? -1 : -INFINITY;
    return gamma_term(a, x, k + 1, k ? a - 1 - x : 1);
}

/* ---- quotients ------------------------------------------------------------------------------------------------- */

/* Of finite numbers the product of the mantissas, and the sum of the exponents; else as PyTorch, a / b / b times the rest. */
double tp__ratio(double value, double c, double d, double a, double b, int k)
{
    const double top[4] = {value, c, d, a};
    double v = 1;
    int sum, e;
    if (!isfinite(value) || !isfinite(c) || !isfinite(d) || !isfinite(a) || !isfinite(b) || b == 0) {
        for (v = a; k > 0; k--)
            v /= b;
        return v * value * c * d;
    }
    double m = frexp(b, &e);
    sum = -k * e;
    for (int i = 0; i < 4; i++) {
        v *= frexp(top[i], &e);
        sum += e;
    }
    for (; k > 0; k--)
        v /= m;
    return v == 0 ? v : ldexp(v, sum);
}
