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
