/* vec_math.h - exponentials, logarithms and their kin in float32, without branches or calls, so that a loop over
 * them is vectorized. For vec_*.c files, which are compiled once an instruction set.
 *
 * Method: reduction to a small interval, a polynomial there, reconstruction (J.-M. Muller, "Elementary functions",
 * 2016). The polynomials are Chebyshev fits on those intervals. Right at NaN, infinities, zeros and subnormals; at
 * most 2 units in the last place off (erf: 4), which test/unit/test_math.c measures. Without a fused multiply-add
 * the reductions would lose their point, so the baseline uses libm.
 */
#ifndef TAPIR_KERNEL_VEC_MATH_H
#define TAPIR_KERNEL_VEC_MATH_H

#include <math.h>
#include <stdint.h>
#include <string.h>

/* x P(x) and its derivative P(x) + x p(x), with the normal distribution P and its density p */
static inline double gelu(double x)
{
    /* -x / sqrt(2) and what is lost of it, which counts where erfc falls steeply */
    double t = -0.70710678118654752440 * x, lost = fma(-0.70710678118654752440, x, -t) + 4.833646656726457e-17 * x;
    double tail = erfc(t) - 1.12837916709551257390 * exp(-t * t) * lost;
    return 0.5 * x * (lost == lost ? tail : erfc(t));
}
static inline double gelu_slope(double x)
{
    return 0.5 * erfc(-0.70710678118654752440 * x) + 0.39894228040143267794 * x * exp(-0.5 * x * x);
}

#if !defined(__FMA__)

#define v_expf expf
#define v_logf logf
#define v_log1pf log1pf
#define v_tanhf(x) ((float)tanh((double)(x))) /* tanhf is more than 2 ulp off */
#define v_erff erff
#define v_geluf(x) ((float)gelu((double)(x)))
#define v_gelu_slopef(x) ((float)gelu_slope((double)(x)))
#define V_SIGMOIDF(x) v_sigmoidf(x)
#define v_sinf_near sinf
#define v_cosf_near cosf
#define V_NEAR INFINITY

static inline float v_sigmoidf(float x)
{
    double t = exp((double)-fabsf(x));
    return (float)((x < 0 ? t : 1) / (1 + t));
}

#else

#define V_INLINE static inline __attribute__((always_inline)) float
#define V_FMA __builtin_fmaf

static inline __attribute__((always_inline)) uint32_t v_bits(float x)
{
    uint32_t b;
    memcpy(&b, &x, sizeof b);
    return b;
}
V_INLINE v_float(uint32_t b)
{
    float x;
    memcpy(&x, &b, sizeof x);
    return x;
}

#define V_LN2_HIGH 0.693115234375f /* 14 bits: products with an exponent are exact */
#define V_LN2_LOW 3.194618330e-05f

/* Rounds to the nearest whole number, which is then in the low bits of the sum as well. */
#define V_ROUNDER 12582912.0f /* 1.5 2^23 */

/* The same, with room below for the exponents' bias, twice. */
#define V_ROUNDER_254 12583166.0f

/* e^(x + low) = 2^n e^r with |r| <= ln 2 / 2; 2^n in two factors, for subnormals and infinity. */
V_INLINE v_exp_sum(float x, float low, int has_low)
{
    float c = x < -104.0f ? -104.0f : x > 89.0f ? 89.0f : x; /* keeps NaN */
    float shifted = V_FMA(c, 1.44269504088896341f, V_ROUNDER_254), n = shifted - V_ROUNDER_254;
    float r = V_FMA(n, -V_LN2_LOW, V_FMA(n, -V_LN2_HIGH, c));
    r = has_low ? r + low : r;
    float q = V_FMA(
        V_FMA(V_FMA(V_FMA(1.392618359e-03f, r, 8.363179053e-03f), r, 4.166655462e-02f), r, 1.666657699e-01f), r, 0.5f);
    float e = V_FMA(r * r, q, r) + 1;
    uint32_t biased = v_bits(shifted), half = biased >> 1; /* n + 254, and half of it, in the low bits */
    return e * v_float(half << 23) * v_float((biased - half) << 23);
}

V_INLINE v_expf(float x) { return v_exp_sum(x, 0, 0); }

/* log x = e ln 2 + log(1 + f), sqrt(1/2) <= 1 + f < sqrt(2) */
V_INLINE v_logf(float x)
{
    int small = x < 1.17549435e-38f;
    float y = small ? x * 8388608.0f : x; /* subnormals, by 2^23 */
    uint32_t b = v_bits(y) - 0x3f3504f3u;
    float e = (float)((int32_t)b >> 23) - (small ? 23.0f : 0.0f);
    float f = v_float((b & 0x007fffffu) + 0x3f3504f3u) - 1;
    float p = 6.971611471e-02f;
    p = V_FMA(p, f, -1.147973385e-01f);
    p = V_FMA(p, f, 1.168541992e-01f);
    p = V_FMA(p, f, -1.242568733e-01f);
    p = V_FMA(p, f, 1.424905765e-01f);
    p = V_FMA(p, f, -1.666780232e-01f);
    p = V_FMA(p, f, 2.000071575e-01f);
    p = V_FMA(p, f, -2.499999696e-01f);
    p = V_FMA(p, f, 3.333333118e-01f);
    float z = f * f, tail = V_FMA(e, V_LN2_LOW, z * f * p);
    float r = V_FMA(e, V_LN2_HIGH, f + V_FMA(-0.5f, z, tail));
    r = x == INFINITY ? INFINITY : r;
    r = x == 0 ? -INFINITY : r;
    return ((x < 0) | (x != x)) ? NAN : r;
}

/* log u with u = 1 + x rounded, and what the rounding lost. */
V_INLINE v_log1pf(float x)
{
    float u = 1 + x, lost = x - (u - 1), r = v_logf(u) + lost / u;
    r = u == 0 ? -INFINITY : r;
    return ((x == 0) | (x == INFINITY)) ? x : r;
}

/* top / (t + one), corrected for what the sum and the product with the inverse lose. */
V_INLINE v_quotient(float top, float t, float one)
{
    float s = t + one, lost = t - (s - one), inverse = 1 / s, q = top * inverse;
    return V_FMA(V_FMA(-q, s, top) - q * lost, inverse, q);
}

/* t / (t + 2) with t = e^2|x| - 1, which e^r - 1 gives without cancellation. */
V_INLINE v_tanhf(float x)
{
    float a = __builtin_fabsf(x), c = 2 * (a > 9.1f ? 9.1f : a); /* keeps NaN; beyond, it is 1 */
    float shifted = V_FMA(c, 1.44269504088896341f, V_ROUNDER), n = shifted - V_ROUNDER;
    float r = V_FMA(n, -V_LN2_LOW, V_FMA(n, -V_LN2_HIGH, c));
    float q = V_FMA(
        V_FMA(V_FMA(V_FMA(1.392618359e-03f, r, 8.363179053e-03f), r, 4.166655462e-02f), r, 1.666657699e-01f), r, 0.5f);
    float power = v_float((v_bits(shifted) - v_bits(V_ROUNDER) + 127) << 23);
    float t = V_FMA(power, V_FMA(r * r, q, r), power - 1);
    return __builtin_copysignf(v_quotient(t, t, 2), x);
}

/* 1 / (1 + e^-x), of the exponential that does not overflow. */
V_INLINE v_sigmoidf(float x)
{
    float t = v_expf(-__builtin_fabsf(x));
    float s = 1 + t, lost = t - (s - 1), q = (x < 0 ? t : 1) / s;
    return V_FMA(-q * lost, V_FMA(-0.5f, t, 1), q); /* what the sum lost, times about 1 / s */
}
#define V_SIGMOIDF(x) v_sigmoidf(x)

/* |x| <= V_NEAR: the quadrant n, and x - n pi/2 in three exact steps. */
#define V_NEAR 100000.0f
/* clang-format off */
#define V_QUADRANT(x)                                                                              \
    float shifted = V_FMA(x, 0.636619772367581343f, V_ROUNDER), n = shifted - V_ROUNDER;           \
    uint32_t quadrant = v_bits(shifted);                                                           \
    float r = V_FMA(n, -1.570796371e+00f, x);                                                      \
    r = V_FMA(n, 4.371138829e-08f, r);                                                             \
    r = V_FMA(n, 1.715124510e-15f, r);                                                             \
    float u = r * r
/* clang-format on */

V_INLINE v_sin_part(float r, float u)
{
    float s = V_FMA(V_FMA(V_FMA(2.724931405e-06f, u, -1.984008201e-04f), u, 8.333331866e-03f), u, -1.666666666e-01f);
    return V_FMA(r * u, s, r);
}

V_INLINE v_cos_part(float u)
{
    float c = V_FMA(V_FMA(V_FMA(-2.730044862e-07f, u, 2.480059644e-05f), u, -1.388888766e-03f), u, 4.166666666e-02f);
    return V_FMA(u * u, c, V_FMA(-0.5f, u, 1));
}

V_INLINE v_sinf_near(float x)
{
    V_QUADRANT(x);
    float v = quadrant & 1 ? v_cos_part(u) : v_sin_part(r, u);
    v = quadrant & 2 ? -v : v;
    return x == 0 ? x : v; /* the sign of zero */
}

V_INLINE v_cosf_near(float x)
{
    V_QUADRANT(x);
    float v = quadrant & 1 ? v_sin_part(r, u) : v_cos_part(u);
    return (quadrant + 1) & 2 ? -v : v;
}

/* A polynomial in x^2 below 0.55, then 1 - e^p(|x|) with p = log erfc. The exponential counts for less than half of the
 * result, so it may be short. */
V_INLINE v_erff(float x)
{
    float a = __builtin_fabsf(x), u = x * x, p = 4.618607927e-03f;
    p = V_FMA(p, u, -2.670891769e-02f);
    p = V_FMA(p, u, 1.128210202e-01f);
    p = V_FMA(p, u, -3.761257529e-01f);
    p = V_FMA(p, u, 1.128379107e+00f);
    float c = a > 4.1f ? 4.1f : a, l = 2.224005875e-04f; /* keeps NaN; beyond, it is 1 */
    l = V_FMA(l, c, -3.286875086e-03f);
    l = V_FMA(l, c, 2.313492820e-02f);
    l = V_FMA(l, c, -1.056859419e-01f);
    l = V_FMA(l, c, -6.353268027e-01f);
    l = V_FMA(l, c, -1.128695607e+00f);
    l = V_FMA(l, c, 3.235687473e-05f);
    float shifted = V_FMA(l, 1.44269504088896341f, V_ROUNDER), r = V_FMA(shifted - V_ROUNDER, -0.693147182f, l);
    float q = V_FMA(V_FMA(V_FMA(8.290304802e-03f, r, 4.189796746e-02f), r, 1.666763723e-01f), r, 4.999915063e-01f);
    float power = v_float((v_bits(shifted) - v_bits(V_ROUNDER) + 127) << 23);
    float far = 1 - power * V_FMA(V_FMA(q, r, 9.999997020e-01f), r, 1);
    return a < 0.55f ? x * p : __builtin_copysignf(far, x);
}

/* e^(-a^2 / 2), for 0 <= a <= V_FAR, with what the square loses. */
#define V_FAR 14.5f /* beyond, it is 0 */
V_INLINE v_bellf(float a)
{
    float h = a * a;
    return v_exp_sum(-0.5f * h, -0.5f * V_FMA(a, a, -h), 1);
}

/* P(-a) e^(a^2 / 2) (1 + a), for 0 <= a <= V_FAR, as a polynomial in (a - 3) / (a + 3) (after M. Shepherd and
 * J. Laframboise, "Chebyshev approximation of (1 + 2x) exp(x^2) erfc x", Math. Comp. 36, 1981). */
V_INLINE v_tailf(float a)
{
    float s = (a - 3) / (a + 3), p = 4.595700314e-05f;
    p = V_FMA(p, s, 1.118574363e-05f);
    p = V_FMA(p, s, -4.694085146e-04f);
    p = V_FMA(p, s, -3.394354034e-04f);
    p = V_FMA(p, s, 2.991126172e-03f);
    p = V_FMA(p, s, 1.154797972e-03f);
    p = V_FMA(p, s, -2.272666503e-02f);
    p = V_FMA(p, s, 4.516467888e-02f);
    p = V_FMA(p, s, -1.643235952e-02f);
    p = V_FMA(p, s, -9.652678446e-02f);
    p = V_FMA(p, s, 4.860557953e-01f);
    return p;
}

/* x - x P(-x), or x P(x) */
V_INLINE v_geluf(float x)
{
    float a = __builtin_fabsf(x), c = a > V_FAR ? V_FAR : a, tail = x * v_tailf(c) / (1 + c) * v_bellf(c);
    return x > 0 ? x - (x == INFINITY ? 0 : tail) : tail;
}

V_INLINE v_gelu_slopef(float x)
{
    float a = __builtin_fabsf(x), c = a > V_FAR ? V_FAR : a, e = v_bellf(c), tail = e * (v_tailf(c) / (1 + c));
    float density = 0.39894228f * e * x;
    return x > 0 ? 1 - tail + density : tail + density;
}

#endif
#endif
