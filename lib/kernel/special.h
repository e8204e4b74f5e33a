/* special.h - special functions of one number, in double. Float32 goes through them too: they are right to the last
 * bit or two there. */
#ifndef TAPIR_KERNEL_SPECIAL_H
#define TAPIR_KERNEL_SPECIAL_H

double tp__lgamma(double x); /* log |gamma(x)| */
double tp__digamma(double x);
/* The n-th derivative of digamma, n >= 0 and whole. At its poles the first one is what PyTorch has there, pi^2 / pole^2
 * with the sine of pi x as the type at hand rounds it. */
double tp__polygamma(double n, double x, double pole);
double tp__zeta(double s, double q); /* Hurwitz: the sum of (q + k)^-s over k >= 0 */
double tp__erfinv(double x);
double tp__erfcx(double x);    /* e^(x^2) erfc(x) */
double tp__ndtr(double x);     /* P(X <= x) of a standard normal X */
double tp__log_ndtr(double x); /* its logarithm */
double tp__ndtri(double p);    /* its inverse */
double tp__entr(double x);     /* -x log x */
double tp__i0(double x);       /* modified Bessel functions of the first kind; with e: times e^-|x| */
double tp__i0e(double x);
double tp__i1(double x);
double tp__i1e(double x);
double tp__igamma(double a, double x); /* the regularized incomplete gamma functions, lower and upper */
double tp__igammac(double a, double x);

#endif
