/* vec_smooth.h - the first derivative (slope) and the second one (bend) of functions of one number, right over the whole range
 * of the floats where a formula in operators would cancel, overflow or underflow. For vec_*.c files; smooth_body.h is read
 * once for float and once for double.
 */
#ifndef TAPIR_KERNEL_VEC_SMOOTH_H
#define TAPIR_KERNEL_VEC_SMOOTH_H

#include "kernel/vec_math.h"

/* gelu's other form is x s(v), with the sigmoid s and v = 2 sqrt(2/pi) (x + 0.044715 x^3), which is beyond all exponentials
 * from |x| = 22 on. */
typedef struct {
    double v, slope, slope_low, bend; /* v, v' as a sum of two, v'' */
    double low, t, d;                 /* what v lacks, with the sign of -v; t = e^-|v|, and 1 + t */
} v_tanh_angle;

static inline __attribute__((always_inline)) v_tanh_angle v_tanh_angle_of(double x)
{
    const double a = 1.5957691216057308, a_low = -9.96930880911092e-17;
    const double b = 0.07135481627260025, b_low = -6.175149918155315e-19;
    double u = x * x, p = b * u, p_low = fma(b, u, -p) + b * fma(x, x, -u) + b_low * u;
    double w = a + p, w_low = v_lost(a, p, w) + p_low + a_low, v = x * w, v_low = fma(x, w, -v) + x * w_low;
    double third = 3 * p, slope = a + third,
           slope_low = v_lost(a, third, slope) + fma(3, p, -third) + 3 * p_low + a_low;
    double less = v < 0 ? v_low : -v_low, t = v_exp_times(1, -fabs(v), less);
    return (v_tanh_angle){v, slope, slope_low, 6 * b * x, less, t, 1 + t};
}

/* factor s(v), and factor s'(v). The exponential alone may be subnormal. */
V_WIDE v_sigmoid_times(double factor, v_tanh_angle t)
{
    return v_pick(t.v < 0, v_exp_times(factor, -fabs(t.v), t.low), factor) / t.d;
}
V_WIDE v_sigmoid_slope_times(double factor, v_tanh_angle t)
{
    return v_exp_times(factor, -fabs(t.v), t.low) / (t.d * t.d);
}

V_WIDE v_gelu_tanh(double x)
{
    double c = copysign(v_least(fabs(x), 22), x);
    return v_pick(fabs(x) < 22, v_sigmoid_times(c, v_tanh_angle_of(c)), x < 0 ? -0.0 : x);
}

/* s(v) + x v' s'(v), and s'(v) (2 v' + x v'' - x v'^2 tanh(v / 2)) */
V_WIDE v_gelu_tanh_slope(double x)
{
    double c = copysign(v_least(fabs(x), 22), x);
    v_tanh_angle t = v_tanh_angle_of(c);
    double slope = v_sigmoid_times(1, t) + v_sigmoid_slope_times(c * t.slope, t);
    return v_pick(fabs(x) < 22, slope, x == x ? x > 0 : x);
}
V_WIDE v_gelu_tanh_bend(double x)
{
    double c = copysign(v_least(fabs(x), 22), x);
    v_tanh_angle t = v_tanh_angle_of(c);
    double turn = c * t.slope * copysign((1 - t.t) / t.d, t.v);
    double bend = 2 * t.slope + c * t.bend - t.slope * turn + 2 * t.slope_low * (1 - turn);
    return v_pick(fabs(x) < 22, v_sigmoid_slope_times(bend, t), x == x ? 0 : x);
}

V_INLINE v_gelu_tanhf(float x) { return (float)v_gelu_tanh((double)x); }
V_INLINE v_gelu_tanh_slopef(float x) { return (float)v_gelu_tanh_slope((double)x); }
V_INLINE v_gelu_tanh_bendf(float x) { return (float)v_gelu_tanh_bend((double)x); }

/* e^x - 1 as v_expm1, of float by floats alone: 2^n (e^r - 1) + (2^n - 1), halved on the way, for 2^128 */
#define v_power_less_one v_expm1
#if defined(__FMA__)
V_INLINE v_power_less_onef(float x)
{
    float b = v_eitherf(x < -80, -80, x), c = v_eitherf(b > 89, 89, b); /* keep NaN */
    float shifted = V_FMA(c, 1.44269504088896341f, V_ROUNDER_127), r = v_less_ln2f(c, shifted - V_ROUNDER_127);
    float half = v_float((v_bits(shifted) - 1) << 23), e = V_FMA(r * r, v_power_partf(r), r);
    return 2 * V_FMA(half, e, half - 0.5f);
}
#else
#define v_power_less_onef v_expm1f
#endif

#define R double
#define V(name) v_##name
#define M(name) name
#include "kernel/smooth_body.h"
#undef R
#undef V
#undef M

#define R float
#define V(name) v_##name##f
#define M(name) name##f
#include "kernel/smooth_body.h"
#undef R
#undef V
#undef M

#endif
