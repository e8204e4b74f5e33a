/* special.h - special functions of one number, in double. Float32 goes through them too: they are right to the last
 * bit or two there. */
#ifndef TAPIR_KERNEL_SPECIAL_H
#define TAPIR_KERNEL_SPECIAL_H

double tp__lgamma(double x); /* log |gamma(x)| */
double tp__digamma(double x);
/* The n-th derivative of digamma, n >= 0 and whole. At its poles the first one is what PyTorch has there, pi^2 / pole^2
 * with the sine of pi x as the type at hand rounds it. */
double tp__polygamma(double n, double x, double pole);
double tp__zeta(double s, double q); /* Hurwitz: the sum of (q + k)^-s over k >= 0; whole s where q < 0 */
/* Its derivative of order k > 0 by q: (-1)^k s (s + 1) ... (s + k - 1) zeta(s + k, q) */
double tp__zeta_derivative(double s, double q, int k);
double tp__erfinv(double x);
double tp__erfcx(double x);           /* e^(x^2) erfc(x) */
double tp__ndtr(double x);            /* P(X <= x) of a standard normal X */
double tp__ndtri(double p);           /* its inverse */
double tp__bessel_j(int n, double x); /* libm's j0 or j1 */
double tp__bessel_y(int n, double x); /* and y0 or y1 */
double tp__bessel_i(int n, double x); /* the modified Bessel function of the first kind of order n >= 0 */
double tp__i0e_fall(int n, double a); /* (-1)^n times the n-th derivative of e^-a I_0(a), a >= 0 */
/* The regularized incomplete gamma function, lower or upper; the density (below, k = 0) may be NaN where it is not known. */
double tp__igamma(double a, double x, int upper, double density);
/* The density of the gamma distribution, which is igamma's derivative by x, and that one's own derivative: k = 0, 1 */
double tp__gamma_pdf(double a, double x, int k);
/* value c d a / b^k, as careful as needed: no factor matters that is beyond the floats on the way */
double tp__ratio(double value, double c, double d, double a, double b, int k);

#endif
