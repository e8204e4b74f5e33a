/* vec_special32.h - what float64 does too slowly for float32 of the special functions and of derivatives, as vec_special.h. For
 * vec_*.c files.
 */
#ifndef TAPIR_KERNEL_VEC_SPECIAL32_H
#define TAPIR_KERNEL_VEC_SPECIAL32_H

#include "kernel/vec_math.h"
#include "kernel/vec_special.h"

/* log(p / (1 - p)) */
V_WIDE v_log_odds(double p) { return v_log(p / (1 - p)); }

/* See v_direction. The larger of both is brought near 1 by its exponent's field: what is lost of the other does not count. */
V_INLINE v_directionf(float x, float y)
{
    float a = __builtin_fabsf(x), b = __builtin_fabsf(y), top = v_mostf(a, b);
    int32_t field = 254 - (int32_t)(v_bits(top) >> 23);
    float scale = v_float((uint32_t)(field > 1 ? field : 1) << 23), s = x * scale, t = b * scale;
    float length = __builtin_sqrtf(s * s + t * t), v = s / v_eitherf(length == 0, 1, length);
    v = v_pickf((b == INFINITY) & (a < INFINITY), __builtin_copysignf(0, x), v);
    return v_pickf((a == INFINITY) & (b < INFINITY), __builtin_copysignf(1, x), v);
}

#if !defined(__FMA__)

#define v_ndtri_slopef(x) ((float)v_ndtri_slope((double)(x)))
#define v_erfcx_slopef(x) ((float)v_erfcx_slope((double)(x)))
#define v_hazardf(x) ((float)v_hazard((double)(x)))
#define v_log_oddsf(p) ((float)v_log_odds((double)(p)))

#else

/* See v_log_odds: the quotient in float64, which near 1 it needs, its logarithm as in v_logf. */
V_INLINE v_log_oddsf(float p)
{
    double q = (double)p / (1 - (double)p), e, wide = v_fraction(q, &e);
    float f = (float)wide, n = (float)e, z = f * f, tail = V_FMA(n, V_LN2_LOW, z * f * v_log_partf(f));
    return v_log_oddf((float)q, V_FMA(n, V_LN2_HIGH, f + V_FMA(-0.5f, z, tail)));
}

/* As v_ndtri_slope_part */
V_INLINE v_ndtri_slope_partf(float s)
{
    float s2 = s * s, s4 = s2 * s2, p = 8.393011362e-04f;
    p = V_FMA(p, s4, v_quadf(s, s2, 3.588413812e-03f, 1.427767877e-03f, -1.087742238e-03f, -1.366692449e-03f));
    p = V_FMA(p, s4, v_quadf(s, s2, 1.662883954e-02f, -7.849466098e-03f, 4.113532600e-03f, -5.528732864e-03f));
    p = V_FMA(p, s4, v_quadf(s, s2, 1.368609996e-01f, -8.111211706e-02f, 4.784900401e-02f, -2.838536495e-02f));
    p = V_FMA(p, s4, v_quadf(s, s2, 1.310436910e+00f, -5.028042275e-01f, 3.594180293e-01f, -2.247322745e-01f));
    return p;
}

/* See v_ndtri_slope. */
V_INLINE v_ndtri_slopef(float p)
{
    float rest = p < 0.5f ? p : 1 - p, safe = v_mostf(v_leastf(rest, 0.5f), 0x1p-149f);
    float w = __builtin_sqrtf(-2 * v_logf(safe)), s = V_FMA((w - 3) / (w + 3), 1.5474903125f, -0.3248298359f);
    float v = v_ndtri_slope_partf(s) / (1 + w) / safe;
    return v_pickf(rest > 0, v, v_pickf(rest == 0, INFINITY, NAN));
}

/* -erfcx'(x) (1 + x)^2, x >= 0, in s = (x - 2) / (x + 2) */
V_INLINE v_erfcx_fall_partf(float s)
{
    float s2 = s * s, s4 = s2 * s2, p = V_FMA(-9.539717057e-05f, s, 3.088196782e-05f);
    p = V_FMA(p, s4, v_quadf(s, s2, -2.499875003e-03f, -3.013841526e-03f, 1.540257283e-04f, 7.158180108e-04f));
    p = V_FMA(p, s4, v_quadf(s, s2, -4.189319475e-02f, -4.477276886e-02f, 1.439658945e-02f, 1.077644628e-02f));
    p = V_FMA(p, s4, v_quadf(s, s2, 9.611681517e-01f, -4.466830908e-01f, -8.507219982e-02f, 2.009780414e-01f));
    return p;
}

/* See v_erfcx_slope. */
V_INLINE v_erfcx_slopef(float x)
{
    float a = __builtin_fabsf(x), t = v_leastf(a, 1e30f), inverse = 1 / (1 + t), c = v_leastf(x < 0 ? a : 0, 9.5f);
    float right = v_erfcx_fall_partf((t - 2) / (t + 2)) * inverse * inverse, h = c * c;
    return v_pickf(x == x, -right - v_exp_timesf(4 * c, h, V_FMA(c, c, -h)), x);
}

/* See v_hazard. With the tail P(-a) = e^(-a^2 / 2) M up to a = 15, p / P is 0.4 / M, or 0.4 e / (1 - e M); beyond, M by its
 * asymptotic series (Abramowitz and Stegun 7.1.23). */
V_INLINE v_hazardf(float x)
{
    float a = __builtin_fabsf(x), c = v_leastf(a, V_FAR), mills = v_tailf(c) / (1 + c), bell = v_bellf(1, c);
    float d = v_mostf(a, V_FAR), u = 1 / d / d, far = d + V_FMA(V_FMA(V_FMA(-74, u, 10), u, -2), u, 1) / d;
    float right = v_bellf(0.39894228f, c) / (1 - bell * mills), left = v_pickf(a < V_FAR, 0.39894228f / mills, far);
    return v_pickf(x > 0, right, v_pickf(x == x, left, x));
}

#endif
#endif
