/* special.h - special functions of one number, in double. Float32 goes through them too: they are right to the last
 * bit or two there. */
#ifndef TAPIR_KERNEL_SPECIAL_H
#define TAPIR_KERNEL_SPECIAL_H

double tp__lgamma(double x); /* log |gamma(x)| */
double tp__digamma(double x);
/* The n-th derivative of digamma, n >= 0 and whole. At its poles the first one is what PyTorch has there, pi^2 / pole^2
 * with the sine of pi x as the type at hand rounds it. */
double tp__polygamma(double n, double x, double pole);
double tp__zeta(double s, double q);      /* Hurwitz: the sum of (q + k)^-s over k >= 0 */
double tp__erfinv(double x);

#endif
