/* vec_math64.h - elementary functions in float64, without branches or calls, so that a loop over them is vectorized. For
 * vec_*.c files, which are compiled once an instruction set. Functions that float32 needs rarely are computed here, too.
 *
 * Method: as in vec_math.h, in twice the precision. Where a result would suffer from a rounded intermediate, that one
 * is carried as a sum of two numbers, x + low. At most 2 units in the last place off (erf, erfc, gelu: 4); right at NaN,
 * infinities, zeros and subnormals: test/accuracy.c. Without a fused multiply-add all are libm's.
 */
#ifndef TAPIR_KERNEL_VEC_MATH64_H
#define TAPIR_KERNEL_VEC_MATH64_H

#include "kernel/special.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#define V_WIDE static inline __attribute__((always_inline)) double

/* Both values are there before one is chosen: operations behind a branch are masked, which is dear. */
V_WIDE v_pick(int first, double a, double b) { return first ? a : b; }

static inline __attribute__((always_inline)) uint64_t v_bits64(double x)
{
    uint64_t b;
    memcpy(&b, &x, sizeof b);
    return b;
}
V_WIDE v_double(uint64_t b)
{
    double x;
    memcpy(&x, &b, sizeof x);
    return x;
}

/* The smaller and the larger of two that are not negative; NaN counts as infinity. Where arithmetic goes on with them in
 * place of a, it raises no exception that an a too large or too small would; of `a < b ? a : b` compilers may make arithmetic
 * on a, and a choice after it. */
V_WIDE v_least(double a, double b)
{
    int64_t p = (int64_t)v_bits64(a), q = (int64_t)v_bits64(b);
    return v_double((uint64_t)(p < q ? p : q));
}
V_WIDE v_most(double a, double b)
{
    int64_t p = (int64_t)v_bits64(a), q = (int64_t)v_bits64(b);
    return v_double((uint64_t)(p > q ? p : q));
}

/* v_pick by bits. Of arithmetic on a choice compilers may make a choice of both results, one of which may overflow or be
 * invalid: not of this one. */
V_WIDE v_either(int first, double a, double b)
{
    uint64_t mask = first ? ~(uint64_t)0 : 0;
    return v_double((v_bits64(a) & mask) | (v_bits64(b) & ~mask));
}

/* The number next to x towards y. From a subnormal to the next one bits count on, too. */
V_WIDE v_nextafter(double x, double y)
{
    uint64_t back = (x < y) == (x < 0) ? ~(uint64_t)0 : 1;
    double next = v_double(x == 0 ? (v_bits64(y) & 0x8000000000000000u) | 1 : v_bits64(x) + back);
    return v_pick((x != x) | (y != y), NAN, v_pick(x == y, y, next));
}

/* What a + b loses, s being the rounded sum. */
V_WIDE v_lost(double a, double b, double s)
{
    double t = s - a;
    return (a - (s - t)) + (b - t);
}

#if !defined(__FMA__)

#define v_exp exp
#define v_exp2 exp2
#define v_exp2_times(factor, x) ((factor)*exp2(x))
#define v_expm1 expm1
#define v_log log
#define v_log2 log2
#define v_log10 log10
#define v_log1p log1p
#define v_log1p_exp(a) log1p(exp(-(a)))
#define v_sinh sinh
#define v_cosh cosh
#define v_tanh tanh
#define v_asinh asinh
#define v_acosh acosh
#define v_atanh atanh
#define v_asin asin
#define v_acos acos
#define v_atan atan
#define v_atan2 atan2
#define v_hypot hypot
#define v_pow pow
#define v_erf erf
#define v_erfc erfc
#define v_erfinv tp__erfinv
#define v_sin_near sin
#define v_cos_near cos
#define v_tan_near tan
#define v_lgamma tp__lgamma
#define v_digamma tp__digamma
#define v_ndtr tp__ndtr
#define v_ndtri tp__ndtri
#define v_fmod fmod

V_WIDE v_sigmoid(double x)
{
    double t = exp(-fabs(x));
    return (x < 0 ? t : 1) / (1 + t);
}

/* s(x) s(-x) for the sigmoid s, and 1 - tanh^2 x = 4 s(2x) s(-2x), of t = e^-|x| or of its square */
V_WIDE v_sigmoid_slope(double x)
{
    double t = exp(-fabs(x)), d = 1 + t;
    return t / (d * d);
}
V_WIDE v_tanh_slope(double x)
{
    double t = exp(-fabs(x)), secant = 2 * t / (1 + t * t);
    return secant * secant;
}

/* factor e^(x + low): the exponential alone may be subnormal. */
V_WIDE v_exp_times(double factor, double x, double low)
{
    if (fabs(x) < 700)
        return factor * (1 + low) * exp(x);
    double root = exp(0.5 * x);
    return factor * (1 + low) * root * root;
}

/* factor e^(-a^2 / 2), with what the square loses; and factor e^(-x^2) */
V_WIDE v_bell(double factor, double a)
{
    double h = a * a;
    return v_exp_times(factor, -0.5 * h, -0.5 * fma(a, a, -h));
}
V_WIDE v_gauss(double factor, double x)
{
    double c = v_least(fabs(x), 28), h = c * c, v = v_exp_times(factor, -h, -fma(c, c, -h));
    return x == x ? v : x;
}

/* x P(x) and its derivative P(x) + x p(x), with the normal distribution P and its density p */
V_WIDE v_gelu(double x)
{
    double c = v_least(fabs(x), 39), v = tp__ndtr(-c) * c;
    return x < 0 ? -v : x - v;
}
V_WIDE v_gelu_slope(double x)
{
    double c = v_least(fabs(x), 39), tail = tp__ndtr(-c), density = v_bell(0.39894228040143267794 * c, c);
    return x < 0 ? tail - density : x == x ? 1 - tail + density : x;
}

/* sin(pi x) and cos(pi x): whole turns are taken off exactly. */
V_WIDE v_sin_cos_pi(double x, double *cosine)
{
    double y = x - 2 * nearbyint(0.5 * x), n = nearbyint(2 * y), r = 3.14159265358979323846 * (y - 0.5 * n);
    double s = sin(r), c = cos(r);
    int odd = n == 1 || n == -1;
    *cosine = odd ? -n * s : n == 0 ? c : -c;
    return odd ? n * c : n == 0 ? s : -s;
}

#else

#define V_MADD __builtin_fma

#define V_1_LN2 1.44269504088896339e+00
#define V_LN2_HEAD 6.93147180559890330187e-01 /* 42 bits: products with an exponent are exact */
#define V_LN2_REST 5.49792301870837115524e-14
#define V_WHOLE 6755399441055744.0 /* 1.5 2^52: a sum with it is rounded to a whole number, found in the low bits */
#define V_WHOLE_1123 6755399441056867.0 /* the same, with room below for 2^100 and the exponents' bias */
#define V_WHOLE_2046 6755399441057790.0 /* and for the bias, twice */

/* a + b x + c x^2 + d x^3 in the shape that waits least; longer polynomials are made of these. */
V_WIDE v_quad(double x, double x2, double a, double b, double c, double d)
{
    return V_MADD(x2, V_MADD(d, x, c), V_MADD(b, x, a));
}

#include "kernel/vec_exp64.h"

#include "kernel/vec_circle64.h"

#include "kernel/vec_normal64.h"

/* ---- gamma -------------------------------------------------------------------------------------------------- */

/* For x > 0, or else NaN: Stirling's series from 8 on, less the logarithm of x (x + 1) ... (x + 7) below. (Beyond, the
 * one of 8 to 15 is taken off and put back.) Right to
 * 2^-49, absolutely, so of use for float32 alone. */
V_WIDE v_lgamma(double x)
{
    double a = __builtin_fabs(x), w = v_least(a, 8), q = w * (w + 7), product = q * (q + 6) * ((q + 10) * (q + 12));
    double z = v_pick(a < 8, a + 8, a), r = 1 / z, r2 = r * r, p = -3617.0 / 122400;
    p = V_MADD(p, r2, 1.0 / 156);
    p = V_MADD(p, r2, -691.0 / 360360);
    p = V_MADD(p, r2, 1.0 / 1188);
    p = V_MADD(p, r2, -1.0 / 1680);
    p = V_MADD(p, r2, 1.0 / 1260);
    p = V_MADD(p, r2, -1.0 / 360);
    p = V_MADD(p, r2, 1.0 / 12);
    double y = V_MADD(z - 0.5, v_log(z) - 1, V_MADD(p, r, 0.91893853320467274178 - 0.5));
    y = v_pick((x == 1) | (x == 2), v_log(product) - v_pick(a < 8, 0, 19.3741100227754773), y);
    return v_pick((x > 0) & (x < 1e300), y - (v_log(product) - v_pick(a < 8, 0, 19.3741100227754773)), NAN);
}

/* For x > 0, or else NaN: as tp__digamma; the sum of 1 / (x + k), k < 10, is the derivative of their product by it. */
V_WIDE v_digamma(double x)
{
    double product = 1, slope = 0, a = __builtin_fabs(x), small = v_least(a, 10);
    for (int k = 0; k < 10; k++) {
        slope = V_MADD(slope, small + k, product);
        product *= small + k;
    }
    double z = v_pick(a < 10, a + 10, a), r = 1 / z, r2 = r * r, p = 1.0 / 12;
    p = V_MADD(p, r2, -691.0 / 32760);
    p = V_MADD(p, r2, 1.0 / 132);
    p = V_MADD(p, r2, -1.0 / 240);
    p = V_MADD(p, r2, 1.0 / 252);
    p = V_MADD(p, r2, -1.0 / 120);
    p = V_MADD(p, r2, 1.0 / 12);
    double y = v_log(z) - 0.5 * r - p * r2 - v_pick(a < 10, slope / product, 0);
    return v_pick((x > 1e-300) & (x < 1e300), y, NAN);
}

/* ---- division with a rest ------------------------------------------------------------------------------------ */

/* x - trunc(x / y) y, exact while the rounded quotient is at most one off; or else NaN. */
V_WIDE v_fmod(double x, double y)
{
    double a = __builtin_fabs(x), b = __builtin_fabs(y);
    int far = (b > 0) & (b < a * 0x1p-60); /* the quotient may overflow */
    double q = __builtin_trunc(a / v_either(far, INFINITY, b)), r = V_MADD(-q, b, a);
    r += v_either(r < 0, b, 0); /* a sum that is not wanted might overflow */
    return v_pick((far == 0) & (q < 0x1p52) & (r < b), __builtin_copysign(r, x), NAN);
}

/* floor(x / y) of the exact quotient, in the same way; or else NaN. */
V_WIDE v_floor_divide(double x, double y)
{
    double a = __builtin_fabs(x), b = __builtin_fabs(y);
    int far = (b > 0) & (b < a * 0x1p-60);
    double q = __builtin_trunc(a / v_either(far | (b == 0), INFINITY, b)), r = V_MADD(-q, b, a);
    double whole = v_pick(r < 0, q - 1, q), rest = r + v_either(r < 0, b, 0);
    uint64_t sign = (v_bits64(x) ^ v_bits64(y)) & 0x8000000000000000u;
    double v = v_double(v_bits64(v_pick((sign != 0) & (rest > 0), whole + 1, whole)) | sign);
    return v_pick((far == 0) & (q < 0x1p52) & (rest < b), v, NAN);
}

#endif
#endif
