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

#include "kernel/vec_math64.h"

#define V_INLINE static inline __attribute__((always_inline)) float

/* See v_pick. */
V_INLINE v_pickf(int first, float a, float b) { return first ? a : b; }

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

/* See v_least and v_most. */
V_INLINE v_leastf(float a, float b)
{
    int32_t p = (int32_t)v_bits(a), q = (int32_t)v_bits(b);
    return v_float((uint32_t)(p < q ? p : q));
}
V_INLINE v_mostf(float a, float b)
{
    int32_t p = (int32_t)v_bits(a), q = (int32_t)v_bits(b);
    return v_float((uint32_t)(p > q ? p : q));
}

/* See v_either. */
V_INLINE v_eitherf(int first, float a, float b)
{
    uint32_t mask = first ? ~(uint32_t)0 : 0;
    return v_float((v_bits(a) & mask) | (v_bits(b) & ~mask));
}

/* See v_nextafter. */
V_INLINE v_nextafterf(float x, float y)
{
    uint32_t back = (x < y) == (x < 0) ? ~(uint32_t)0 : 1;
    float next = v_float(x == 0 ? (v_bits(y) & 0x80000000u) | 1 : v_bits(x) + back);
    return v_pickf((x != x) | (y != y), NAN, v_pickf(x == y, y, next));
}

#if !defined(__FMA__)

#define v_expf expf
#define v_exp2f exp2f
#define v_exp2_timesf(factor, x) ((factor)*exp2f(x))
#define v_exp_timesf(factor, x, low) ((float)v_exp_times((double)(factor), (double)(x), (double)(low)))
#define v_expm1f expm1f
#define v_logf logf
#define v_log2f log2f
#define v_log10f log10f
#define v_log1pf log1pf
#define v_log1p_expf(a) log1pf(expf(-(a)))
#define v_sinhf sinhf
#define v_coshf coshf
#define v_asinhf asinhf
#define v_acoshf acoshf
#define v_atanhf atanhf
#define v_asinf asinf
#define v_acosf acosf
#define v_atanf atanf
#define v_atan2f atan2f
#define v_hypotf hypotf
#define v_powf powf
#define v_erff erff
#define v_erfcf erfcf
#define v_tanhf(x) ((float)tanh((double)(x))) /* tanhf is more than 2 ulp off */
#define v_sigmoidf(x) ((float)v_sigmoid((double)(x)))
#define v_sigmoid_slopef(x) ((float)v_sigmoid_slope((double)(x)))
#define v_tanh_slopef(x) ((float)v_tanh_slope((double)(x)))
#define v_geluf(x) ((float)v_gelu((double)(x)))
#define v_gelu_slopef(x) ((float)v_gelu_slope((double)(x)))
#define v_erfinvf(x) ((float)v_erfinv((double)(x)))
#define v_ndtrf(x) ((float)v_ndtr((double)(x)))
#define v_ndtrif(x) ((float)v_ndtri((double)(x)))
#define v_lgammaf(x) ((float)v_lgamma((double)(x)))
#define v_digammaf(x) ((float)v_digamma((double)(x)))
#define v_bellf(factor, a) ((float)v_bell((double)(factor), (double)(a)))
#define v_gaussf(factor, x) ((float)v_gauss((double)(factor), (double)(x)))
#define v_fmodf fmodf
#define v_sinf_near sinf
#define v_cosf_near cosf
#define v_tanf_near tanf
#define V_NEAR INFINITY
#define V_NEAR64 INFINITY

V_INLINE v_sin_cos_pif(float x, float *cosine)
{
    double c, s = v_sin_cos_pi((double)x, &c);
    *cosine = (float)c;
    return (float)s;
}

#else

#define V_FMA __builtin_fmaf

#define V_LN2_HIGH 0.693115234375f /* 14 bits: products with an exponent are exact */
#define V_LN2_LOW 3.194618330e-05f

/* Rounds to the nearest whole number, which is then in the low bits of the sum as well. */
#define V_ROUNDER 12582912.0f /* 1.5 2^23 */

/* The same, with room below for the exponents' bias, for 2^30 and the bias, and for the bias twice. */
#define V_ROUNDER_127 12583039.0f
#define V_ROUNDER_157 12583069.0f
#define V_ROUNDER_254 12583166.0f

/* See v_quad. */
V_INLINE v_quadf(float x, float x2, float a, float b, float c, float d)
{
    return V_FMA(x2, V_FMA(d, x, c), V_FMA(b, x, a));
}

/* (e^r - 1 - r) / r^2 for |r| <= ln 2 / 2 */
V_INLINE v_power_partf(float r)
{
    float p = V_FMA(V_FMA(1.392618359e-03f, r, 8.363179053e-03f), r, 4.166655462e-02f);
    return V_FMA(V_FMA(p, r, 1.666657699e-01f), r, 0.5f);
}

/* x - n ln 2 */
V_INLINE v_less_ln2f(float x, float n) { return V_FMA(n, -V_LN2_LOW, V_FMA(n, -V_LN2_HIGH, x)); }

/* factor e^(x + low) = 2^n factor e^r with |r| <= ln 2 / 2; 2^n in two, for subnormals and infinity; -120 <= x <= 89. */
V_INLINE v_exp_timesf(float factor, float x, float low)
{
    float shifted = V_FMA(x, 1.44269504088896341f, V_ROUNDER_254), r = v_less_ln2f(x, shifted - V_ROUNDER_254) + low;
    uint32_t biased = v_bits(shifted), half = biased >> 1; /* n + 254, and half of it, in the low bits */
    float e = V_FMA(r * r, v_power_partf(r), r);
    return V_FMA(factor, e, factor) * v_float(half << 23) * v_float((biased - half) << 23);
}

/* factor 2^x */
V_INLINE v_exp2_timesf(float factor, float x)
{
    float b = x < -160.0f ? -160.0f : x, c = b > 129.0f ? 129.0f : b; /* keeps NaN */
    float shifted = c + V_ROUNDER_254, r = 0.693147182f * (c - (shifted - V_ROUNDER_254));
    uint32_t biased = v_bits(shifted), half = biased >> 1;
    float e = V_FMA(r * r, v_power_partf(r), r);
    return V_FMA(factor, e, factor) * v_float(half << 23) * v_float((biased - half) << 23);
}

/* e^x as a sum of two, x <= 0 */
V_INLINE v_exp_widef(float x, float *low)
{
    float c = x < -110.0f ? -110.0f : x, shifted = V_FMA(c, 1.44269504088896341f, V_ROUNDER_254);
    float r = v_less_ln2f(c, shifted - V_ROUNDER_254), part = V_FMA(r * r, v_power_partf(r), r), sum = 1 + part;
    uint32_t biased = v_bits(shifted), half = biased >> 1;
    float scale = v_float(half << 23), scale2 = v_float((biased - half) << 23);
    *low = ((1 - sum) + part) * scale * scale2;
    return sum * scale * scale2;
}

V_INLINE v_expf(float x)
{
    float b = x < -110.0f ? -110.0f : x, c = b > 89.0f ? 89.0f : b; /* keeps NaN */
    return v_exp_timesf(1, c, -0.0f);
}

/* x > 0 as 2^e (1 + f), sqrt(1/2) <= 1 + f < sqrt(2); subnormals go through 2^23 x. */
V_INLINE v_fractionf(float x, float *e)
{
    float y = v_pickf(x < 1.17549435e-38f, v_leastf(x, 1) * 8388608.0f, x);
    uint32_t b = v_bits(y) - 0x3f3504f3u;
    *e = (float)((int32_t)b >> 23) - (x < 1.17549435e-38f ? 23.0f : 0.0f);
    return v_float((b & 0x007fffffu) + 0x3f3504f3u) - 1;
}

/* (log(1 + f) - f + f^2 / 2) / f^3 */
V_INLINE v_log_partf(float f)
{
    float f2 = f * f, f4 = f2 * f2, p = 6.971611471e-02f;
    p = V_FMA(p, f4, v_quadf(f, f2, 1.424905765e-01f, -1.242568733e-01f, 1.168541992e-01f, -1.147973385e-01f));
    return V_FMA(p, f4, v_quadf(f, f2, 3.333333118e-01f, -2.499999696e-01f, 2.000071575e-01f, -1.666780232e-01f));
}

/* What a logarithm r of x is where x is no positive number. */
V_INLINE v_log_oddf(float x, float r)
{
    float odd = x == 0 ? -INFINITY : x; /* infinity and NaN stay */
    return x < 0 ? NAN : v_pickf((x > 0) & (x < INFINITY), r, odd);
}

/* log x = e ln 2 + log(1 + f) */
V_INLINE v_logf(float x)
{
    float e, f = v_fractionf(x, &e), z = f * f, tail = V_FMA(e, V_LN2_LOW, z * f * v_log_partf(f));
    return v_log_oddf(x, V_FMA(e, V_LN2_HIGH, f + V_FMA(-0.5f, z, tail)));
}

/* The factor from the natural logarithm is a sum of two, so that small ones keep their digits. */
V_INLINE v_log2f(float x)
{
    float e, f = v_fractionf(x, &e), z = f * f, tail = V_FMA(z * f, v_log_partf(f), -0.5f * z);
    float low = V_FMA(f, 1.92596303e-08f, 1.44269502f * tail);
    return v_log_oddf(x, e + V_FMA(f, 1.44269502f, low));
}

V_INLINE v_log10f(float x)
{
    float e, f = v_fractionf(x, &e), z = f * f, tail = V_FMA(z * f, v_log_partf(f), -0.5f * z);
    float low = V_FMA(e, -1.43209888e-08f, V_FMA(f, -1.010305005e-08f, 0.434294492f * tail));
    return v_log_oddf(x, V_FMA(e, 3.01030010e-01f, V_FMA(f, 0.434294492f, low)));
}

/* log u with u = 1 + x rounded, and what the rounding lost. */
V_INLINE v_log1pf(float x)
{
    float u = 1 + x, e, f = v_fractionf(u, &e), z = f * f, tail = V_FMA(e, V_LN2_LOW, z * f * v_log_partf(f));
    float r = V_FMA(e, V_LN2_HIGH, f + (V_FMA(-0.5f, z, tail) + (x - (u - 1)) / u));
    return x == 0 ? x : v_log_oddf(u, r);
}

/* log(1 + e^-a), a >= 0: as v_log1p_exp */
V_INLINE v_log1p_expf(float a)
{
    float low, t = v_exp_widef(-a, &low), d = 2 + t, q = t / d, d_low = (t - (d - 2)) + low;
    float s = V_FMA(V_FMA(-q, d_low, low), 0.5f - 0.5f * q, q), z = s * s, p = 2.322432995e-01f;
    p = V_FMA(V_FMA(p, z, 2.170657516e-01f), z, 2.859235704e-01f);
    p = V_FMA(V_FMA(p, z, 3.999970555e-01f), z, 6.666666865e-01f);
    return V_FMA(s * z, p, 2 * s);
}

/* t / (t + 2) with t = e^2|x| - 1, which e^r - 1 gives without cancellation. */
V_INLINE v_tanhf(float x)
{
    float a = __builtin_fabsf(x), c = v_leastf(a, 9.1f); /* beyond, it is 1 */
    float shifted = V_FMA(c, 2.88539008177792681f, V_ROUNDER_127), r = v_less_ln2f(2 * c, shifted - V_ROUNDER_127);
    float power = v_float(v_bits(shifted) << 23);
    float e = V_FMA(r * r, v_power_partf(r), r), t = V_FMA(power, e, power - 1), low = V_FMA(power, e, power - 1 - t);
    float d = t + 2, q = t / d, lost = V_FMA(q, (d - 2) - t, (1 - q) * low);
    float near = V_FMA(0.5f - 0.5f * q, lost, q); /* 1 / d = (1 - q) / 2 */
    return v_pickf(x == x, __builtin_copysignf(v_pickf(a > 1, q, near), x), x);
}

/* 1 / (1 + t) or t / (1 + t), t = e^-|x|, which is carried 2^30 times as large so that it is not subnormal before the
 * end. */
V_INLINE v_sigmoidf(float x)
{
    float a = -__builtin_fabsf(x), c = a < -104.0f ? -104.0f : a; /* keeps NaN */
    float shifted = V_FMA(c, 1.44269504088896341f, V_ROUNDER_157), r = v_less_ln2f(c, shifted - V_ROUNDER_157);
    float power = v_float(v_bits(shifted) << 23);
    float t = V_FMA(power, V_FMA(r * r, v_power_partf(r), r), power);
    float sum = V_FMA(t, 0x1p-30f, 1), lost = V_FMA(t, 0x1p-30f, 1 - sum), q = (x < 0 ? t : 0x1p30f) / sum;
    return V_FMA(q * lost, -0.75f, q) * 0x1p-30f; /* 1 / sum is 0.5 to 1 */
}

/* t / (k + k t)^2, t = e^-a, 0 <= a < 109, in the same way: 2^30 goes with the square */
V_INLINE v_odds_slopef(float k, float a)
{
    float shifted = V_FMA(a, -1.44269504088896341f, V_ROUNDER_157), r = v_less_ln2f(-a, shifted - V_ROUNDER_157);
    float power = v_float(v_bits(shifted) << 23), t = power * V_FMA(V_FMA(v_power_partf(r), r, 1), r, 1);
    float d = V_FMA(t, k * 0x1p-15f, k * 0x1p15f);
    return t / (d * d);
}

/* See v_sigmoid_slope and v_tanh_slope. */
V_INLINE v_sigmoid_slopef(float x)
{
    float a = __builtin_fabsf(x);
    return v_odds_slopef(1, a > 108.0f ? 108.0f : a); /* keeps NaN */
}
V_INLINE v_tanh_slopef(float x)
{
    return v_pickf(x == x, v_odds_slopef(0.5f, 2 * v_leastf(__builtin_fabsf(x), 54)), x);
}

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
    float v = v_pickf(quadrant & 1, v_cos_part(u), v_sin_part(r, u));
    v = quadrant & 2 ? -v : v;
    return x == 0 ? x : v; /* the sign of zero */
}

V_INLINE v_cosf_near(float x)
{
    V_QUADRANT(x);
    float v = v_pickf(quadrant & 1, v_sin_part(r, u), v_cos_part(u));
    return (quadrant + 1) & 2 ? -v : v;
}

/* sin(pi x) and cos(pi x): whole turns are taken off exactly. */
V_INLINE v_sin_cos_pif(float x, float *cosine)
{
    float y = x - 2 * __builtin_nearbyintf(0.5f * x), shifted = V_FMA(2, y, V_ROUNDER);
    float r = 3.14159265358979323846f * V_FMA(-0.5f, shifted - V_ROUNDER, y), u = r * r;
    float s = v_sin_part(r, u), c = v_cos_part(u), sine;
    uint32_t quadrant = v_bits(shifted);
    *cosine = v_float(v_bits(v_pickf(quadrant & 1, s, c)) ^ ((quadrant + 1) & 2) << 30);
    sine = v_pickf(quadrant & 1, c, s);
    return v_float(v_bits(sine) ^ (quadrant & 2) << 30);
}

/* A polynomial in x^2 below 0.55, then 1 - e^p(|x|) with p = log erfc. The exponential counts for less than half of the
 * result, so it may be short. */
V_INLINE v_erff(float x)
{
    float a = __builtin_fabsf(x), near = v_leastf(a, 1), u = near * near, p = 4.618607927e-03f;
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
    return __builtin_copysignf(v_pickf(a < 0.55f, near * p, far), x);
}

#define V_FAR 15.0f /* beyond, the bell is 0 */

/* factor e^(-a^2 / 2), for 0 <= a <= V_FAR, with what the square loses. */
V_INLINE v_bellf(float factor, float a)
{
    float h = a * a;
    return v_exp_timesf(factor, -0.5f * h, -0.5f * V_FMA(a, a, -h));
}

/* factor e^(-x^2) */
V_INLINE v_gaussf(float factor, float x)
{
    float b = v_leastf(__builtin_fabsf(x), 10.8f), h = b * b, v = v_exp_timesf(factor, -h, -V_FMA(b, b, -h));
    return v_pickf(x == x, v, x);
}

/* P(-a) e^(a^2 / 2) (1 + a), for 0 <= a <= V_FAR, as a polynomial in (a - 3) / (a + 3) (after M. Shepherd and
 * J. Laframboise, "Chebyshev approximation of (1 + 2x) exp(x^2) erfc x", Math. Comp. 36, 1981). */
V_INLINE v_tailf(float a)
{
    float s = (a - 3) / (a + 3), s2 = s * s, s4 = s2 * s2;
    float p = V_FMA(4.595700314e-05f, s, 1.118574363e-05f);
    p = V_FMA(p, s4, v_quadf(s, s2, 1.154797972e-03f, 2.991126172e-03f, -3.394354034e-04f, -4.694085146e-04f));
    p = V_FMA(p, s4, v_quadf(s, s2, -9.652678446e-02f, -1.643235952e-02f, 4.516467888e-02f, -2.272666503e-02f));
    return V_FMA(p, s, 4.860557953e-01f);
}

/* x - x P(-x), or x P(x) */
V_INLINE v_geluf(float x)
{
    float c = v_leastf(__builtin_fabsf(x), V_FAR), tail = v_bellf(c * v_tailf(c) / (1 + c), c);
    return v_pickf(x < 0, -tail, x - tail);
}

V_INLINE v_gelu_slopef(float x)
{
    float c = v_leastf(__builtin_fabsf(x), V_FAR), left = v_bellf(v_tailf(c) / (1 + c) - 0.39894228f * c, c);
    return v_pickf(x < 0, left, v_pickf(x == x, 1 - left, x));
}

/* atan(y / x) of y, x >= 0: of the quotient that is at most 1, or of pi/2 less that */
V_INLINE v_anglef(float y, float x)
{
    float high = v_mostf(y, x), t = v_pickf((y == x) & (y > 0), 1, v_leastf(y, x) / v_mostf(high, 0x1p-149f));
    float z = t * t, z2 = z * z, z4 = z2 * z2, p = -2.386997221e-03f;
    p = V_FMA(p, z4, v_quadf(z, z2, -8.656880260e-02f, 6.250169128e-02f, -3.587153926e-02f, 1.350777131e-02f));
    p = V_FMA(p, z4, v_quadf(z, z2, -3.333333135e-01f, 1.999973953e-01f, -1.427856833e-01f, 1.103376448e-01f));
    float v = V_FMA(t * z, p, t);
    return v_pickf(y > x, 1.57079637f - (v + 4.37113883e-8f), v);
}

V_INLINE v_atanf(float x) { return __builtin_copysignf(v_anglef(__builtin_fabsf(x), 1), x); }

V_INLINE v_atan2f(float y, float x)
{
    float v = v_anglef(__builtin_fabsf(y), __builtin_fabsf(x));
    v = v_pickf(v_bits(x) >> 31 != 0, 3.14159274f - (v + 8.74227766e-8f), v);
    return ((x != x) | (y != y)) ? NAN : __builtin_copysignf(v, y);
}

/* ---- what float64 does fast enough, to all digits of a float -------------------------------------------------- */

/* clang-format off */
#define V_BY_WIDE(name) V_INLINE v_##name##f(float x) { return (float)v_##name((double)x); }
/* clang-format on */
V_BY_WIDE(exp2)
V_BY_WIDE(expm1)
V_BY_WIDE(sinh)
V_BY_WIDE(cosh)
V_BY_WIDE(asinh)
V_BY_WIDE(acosh)
V_BY_WIDE(atanh)
V_BY_WIDE(asin)
V_BY_WIDE(acos)
V_BY_WIDE(erfc)
V_BY_WIDE(erfinv)
V_BY_WIDE(ndtr)
V_BY_WIDE(ndtri)
V_BY_WIDE(lgamma)
V_BY_WIDE(digamma)

/* The parts of sine and cosine that float32 needs */
V_INLINE v_tanf_near(float x)
{
    double a = (double)x, shifted = V_MADD(a, 0.63661977236758134308, V_WHOLE), n = shifted - V_WHOLE;
    double r = V_MADD(n, -6.12323399573676603587e-17, V_MADD(n, -1.57079632679489655800e+00, a)), u = r * r;
    double s = V_MADD(V_MADD(V_MADD(2.724931405e-06, u, -1.984008201e-04), u, 8.333331866e-03), u, -1.666666666e-01);
    double c = V_MADD(V_MADD(V_MADD(-2.730044862e-07, u, 2.480059644e-05), u, -1.388888766e-03), u, 4.166666666e-02);
    double sine = V_MADD(r * u, s, r), cosine = V_MADD(u * u, c, V_MADD(-0.5, u, 1));
    uint64_t odd = v_bits64(shifted) & 1;
    float v = (float)(v_pick(odd != 0, -cosine, sine) / v_pick(odd != 0, sine, cosine));
    return x == 0 ? x : v;
}
V_INLINE v_fmodf(float x, float y) { return (float)v_fmod((double)x, (double)y); }

V_INLINE v_powf(float x, float y)
{
    double a = (double)x, b = (double)y;
    double log = v_either(a == 0, -1e60, v_log(v_either(a == 0, 1, __builtin_fabs(a)))); /* low enough for any power */
    return (float)v_pow_odd(a, b, v_exp(b * log));
}

V_INLINE v_hypotf(float x, float y)
{
    double a = (double)x, b = (double)y, v = __builtin_sqrt(V_MADD(a, a, b * b));
    return ((__builtin_fabsf(x) == INFINITY) | (__builtin_fabsf(y) == INFINITY)) ? INFINITY : (float)v;
}

#endif
#endif
