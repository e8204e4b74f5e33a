/* vec_derivative.h - the functions that derivatives of others are made of: right where a formula in operators would cancel,
 * overflow or underflow although its result does not. In float64, without branches, as vec_math64.h; float32 goes through
 * them, too. Finite operands with a finite result raise no invalid, divide-by-zero or overflow exception. For vec_*.c files.
 */
#ifndef TAPIR_KERNEL_VEC_DERIVATIVE_H
#define TAPIR_KERNEL_VEC_DERIVATIVE_H

#include "kernel/vec_math.h"
#include "kernel/vec_math64.h"

/* ---- of two numbers ------------------------------------------------------------------------------------------- */

/* x / (x^2 + y^2), the slope of the angle; 0 where one is infinite. The squares are taken of numbers near 1. */
V_WIDE v_over_square(double x, double y)
{
    double a = fabs(x), b = fabs(y), top = a > b ? a : b;
    double scale = v_either(top > 0x1p500, 0x1p-600, v_either(top < 0x1p-400, 0x1p600, 1)), s = x * scale,
           t = y * scale;
    double v = s / (s * s + t * t) * scale;
    return v_pick((a == INFINITY) | (b == INFINITY), v_pick((x != x) | (y != y), NAN, copysign(0, x)), v);
}

/* x / sqrt(x^2 + y^2), 0 at the origin. The root may be beyond the largest number where the quotient is not. */
V_WIDE v_direction(double x, double y)
{
    double a = fabs(x), b = fabs(y), top = a > b ? a : b;
    double scale = v_either(top > 0x1p1000, 0x1p-40, v_either(top < 0x1p-900, 0x1p200, 1));
    double length = v_hypot(x * scale, y * scale), v = x * scale / v_either(length == 0, 1, length);
    return v_pick((a == INFINITY) & (b < INFINITY), copysign(1, x), v);
}

/* x and y as s and t, times a power of 2 that lets them be squared */
typedef struct {
    double scale, root, s, t, square; /* the power of 2, and its root */
    int zero, finite;                 /* is one of them 0, are both finite? */
} v_pair;

static inline __attribute__((always_inline)) v_pair v_pair_of(double x, double y)
{
    double a = fabs(x), b = fabs(y), top = a > b ? a : b;
    double scale = v_either(top > 0x1p500, 0x1p-600, v_either(top < 0x1p-400, 0x1p600, 1)), s = x * scale,
           t = y * scale, square = s * s + t * t;
    return (v_pair){scale,
                    v_either(scale > 1, 0x1p300, v_either(scale < 1, 0x1p-300, 1)),
                    s,
                    t,
                    v_either(square == 0, 1, square),
                    (x == 0) | (y == 0),
                    (a < INFINITY) & (b < INFINITY)};
}

/* Of r = sqrt(x^2 + y^2): x y / r^4 and (y^2 - x^2) / r^4, x y / r^3 and y^2 / r^3. Products of two of the above, of which one
 * may be infinite where the other is 0. */
V_WIDE v_over_cross(double x, double y)
{
    v_pair p = v_pair_of(x, y);
    double v = p.s / p.square * p.scale * (p.t / p.square * p.scale);
    return v_pick(p.zero & p.finite, copysign(0, x) * copysign(1, y), v_pick(p.finite | (x != x) | (y != y), v, 0));
}
V_WIDE v_over_gap(double x, double y)
{
    v_pair p = v_pair_of(x, y);
    double v = (p.t - p.s) / p.square * p.scale * ((p.t + p.s) / p.square * p.scale);
    return v_pick((fabs(x) == fabs(y)) & (x != 0), 0, v_pick(p.finite | (x != x) | (y != y), v, 0));
}
V_WIDE v_direction_turn(double x, double y)
{
    v_pair p = v_pair_of(x, y);
    double v = p.s / sqrt(p.square) * p.root * (p.t / p.square * p.root);
    return v_pick(p.zero & p.finite, copysign(0, x) * copysign(1, y), v_pick(p.finite | (x != x) | (y != y), v, 0));
}
V_WIDE v_direction_bend(double x, double y)
{
    v_pair p = v_pair_of(x, y);
    double v = p.t / sqrt(p.square) * p.root * (p.t / p.square * p.root);
    return v_pick(p.finite | (x != x) | (y != y), v, 0);
}

/* x - y where that may be beyond the largest number, at most 2^11 in size; 0 where they are equal, even infinite */
V_WIDE v_apart(double x, double y)
{
    double half = 0.5 * x - 0.5 * y, high = v_either(half > 1024, 1024, half),
           low = v_either(high < -1024, -1024, high);
    return v_pick(x == y, 0, 2 * low);
}

/* e^x / (e^x + e^y), and the same to base 2 */
V_WIDE v_share(double x, double y) { return v_sigmoid(v_apart(x, y)); }
V_WIDE v_share2(double x, double y)
{
    double d = v_apart(x, y), t = v_exp2(-fabs(d));
    return (d < 0 ? t : 1) / (1 + t);
}

V_WIDE v_two_to(double whole) /* -1022 to 1023 */ { return v_double((uint64_t)(int64_t)(whole + 1023) << 52); }

/* x as m 2^e with 1 <= |m| < 2, *e grows by that; 0, infinities and NaN stay as they are. */
V_WIDE v_normal(double x, double *e)
{
    double near = x * v_either(fabs(x) < 0x1p-1022, 0x1p54, 1);
    uint64_t bits = v_bits64(near), field = bits >> 52 & 2047;
    int plain = (field != 0) & (field != 2047);
    *e += v_pick(plain, v_double(field | 0x4330000000000000u) - 4503599627371519.0, 0) + /* 2^52 + 1023 */
          v_pick(plain & (fabs(x) < 0x1p-1022), -54, 0);
    return v_either(plain, v_double((bits & 0x800fffffffffffffu) | 0x3ff0000000000000u), x);
}

/* x 2^e, 1 <= |x| < 2^30 and whole e: rounded once */
V_WIDE v_with_exponent(double x, double e)
{
    double near = v_pick(e > 2000, 2000, v_pick(e < -2000, -2000, e)), first = trunc(near / 2);
    return x * v_two_to(first) * v_two_to(near - first);
}

/* What powers are multiplied with: two gradients, logarithms, and what their exponents leave when derivatives are taken. */
typedef struct {
    double c, d, logs, p, q;
} v_factors;

/* All of them times a^e, of which any part may be beyond the floats, or below the normal ones, where the others bring it back:
 * their exponents are added apart. The power is taken by its second root, or where that is out of the range by its fourth. */
V_WIDE v_times_power(v_factors f, double a, double e, double log_a)
{
    int far = v_least(fabs(e), 1e6) * fabs(log_a) > 1400;
    double root = v_pow(a, v_pick(far, 0.25, 0.5) * e), binades = 0, of_root = 0;
    double m = v_normal(root, &of_root), square = m * m;
    double v = v_normal(f.c, &binades) * v_normal(f.d, &binades) * v_normal(f.logs, &binades) *
               v_normal(f.p, &binades) * v_normal(f.q, &binades) * v_pick(far, square * square, square);
    return v_pick((root == 0) & (f.c == f.c) & (f.d == f.d), 0,
                  v_with_exponent(v, binades + of_root * v_pick(far, 4, 2)));
}

/* The same for what becomes a float: double has room, and digits, to spare. */
V_WIDE v_times_powerf(v_factors f, double a, double e, double log_a)
{
    int one = (e == 0) | (a == 1);
    double root = v_exp(v_either(one, 0, 0.5 * e) * v_either(one, 0, v_either(a == 0, -1e60, log_a)));
    return v_pick((root == 0) & (f.c == f.c) & (f.d == f.d), 0, f.c * f.d * f.logs * (f.p * root) * (f.q * root));
}

/* c d x^(y - n) log(x)^k, with whole n and k >= 0, times y - i for each bit i of the mask: what the derivatives of powers are
 * sums of; if `joint`, with the factor 1 + y log x in place of the logarithm and of y. */
typedef struct {
    double n;
    int k, joint;
    unsigned mask;
} v_power;

/* y - n, and what it loses in rounding; a power of an odd whole number y - n is odd. */
static inline __attribute__((always_inline)) double v_exponent_less(double y, double n, double *lost)
{
    double e = y - n, t = e - y;
    *lost = (y - (e - t)) - (n + t);
    return e;
}
static inline __attribute__((always_inline)) int v_is_odd(double y, double n)
{
    return (trunc(0.5 * y) != 0.5 * y) ^ (trunc(0.5 * n) != 0.5 * n);
}

/* The product of y - i over the mask from 1 on. */
static inline __attribute__((always_inline)) double v_falling_rest(double y, unsigned mask)
{
    double q = v_either(mask & 2, y - 1, 1);
    for (int i = 2; i < 31; i++)
        q *= mask >> i & 1 ? y - i : 1;
    return q;
}

/* 0 where c, d or such a factor is 0, whatever x; and where logarithms of 0 meet a power that is not infinite, as the limit is
 * for all but the power 0. What y - n lost is put back. */
static inline __attribute__((always_inline)) double v_power_finished(double v, double x, double y, v_power of, int zero,
                                                                     double e, double more)
{
    int whole = trunc(y) == y, negative = (signbit(x) != 0) & (x == x);
    v *= fabs(more) < 1 ? 1 + more : 1;
    v = v_pick((fabs(x) == INFINITY) & (e < 0), 0, v);
    v = v_pick(negative & whole & v_is_odd(y, of.n), -v, v);
    v = v_pick((x < 0) & ((whole & (fabs(y) < INFINITY) & (of.k == 0)) == 0), NAN, v);
    return v_pick(zero, 0, v_pick((x != x) | (y != y), NAN, v));
}

/* clang-format off */
#define V_POWER_TERM(name, times)                                                                  \
    V_WIDE name(double c, double d, double x, double y, v_power of)                                \
    {                                                                                              \
        double lost, e = v_exponent_less(y, of.n, &lost);                                          \
        v_factors f = {c, d, 1, v_either(of.mask & 1, y, 1), v_falling_rest(y, of.mask)};          \
        int none = (f.p == 0) | (f.q == 0) | ((of.k > 0) & (x == 0) & (e >= 0));                   \
        int zero = (c == 0) | (d == 0) | ((of.joint == 0) & none);                                 \
        double a = zero ? 1 : fabs(x), log_a = a == 0 ? -INFINITY : v_log(a == 0 ? 1 : a);         \
        for (int i = 0; i < of.k; i++)                                                             \
            f.logs *= log_a;                                                                       \
        if (of.joint)                                                                              \
            f.p = y == 0 || (x == 0 && e >= 0) ? 1 : 1 + copysign(v_least(fabs(y), 1e300), y) * log_a, f.logs = 1; \
        return v_power_finished(times(f, a, e, log_a), x, y, of, zero, e, lost * (a == 0 ? 0 : log_a)); \
    }
/* clang-format on */
V_POWER_TERM(v_power_term, v_times_power)
V_POWER_TERM(v_power_termf, v_times_powerf)

/* c d, or NaN where the product may have left the range of double; floats never do. */
V_WIDE v_both(double c, double d)
{
    int tame = ((fabs(c) > 0x1p-500) & (fabs(c) < 0x1p500) & (fabs(d) > 0x1p-500) & (fabs(d) < 0x1p500)) | (d == 1);
    return v_pick(tame, c * d, NAN);
}
V_WIDE v_bothf(double c, double d) { return c * d; }

/* The same for k = 0 or 1, with at most two factors, where that takes no care: of an x that is normal and a power far from the
 * ends of the floats, or else NaN; by v_pow_of(a, e, lost), or for floats by e^(e log |a|). */
static inline __attribute__((always_inline)) double v_power_known(double c, double x, double y, v_power of, int single)
{
#if defined(__FMA__)
    uint64_t field = v_bits64(x) >> 52 & 2047;
    double binade = v_double(field | 0x4330000000000000u) - 4503599627371519.0; /* 2^52 + 1023 */
    double lost, e = v_exponent_less(y, of.n, &lost), far = v_least(fabs(e), 1e6) * (fabs(binade) + 1);
    double inside = v_either((binade > -1023) & (binade < 1024), x, 1), a = v_either(far < 950, inside, 1);
    double p = single ? v_pow_odd(a, e, v_exp(e * v_log(fabs(a)))) : v_pow_of(a, e, lost);
    double logs = of.k ? v_log(v_either(a > 0, a, 1)) : 1, tame = v_either(far < 950, y, 1);
    double factor = v_either(of.mask & 1, tame, 1) * v_either(of.mask & 2, tame - 1, 1);
    double v = v_either((far < 950) & (fabs(factor) > 0x1p-60), factor * logs * p, NAN);
    v = v_either((binade > -1023) & (binade < 1024), v, NAN);
    return c * v_either((x > 0) | ((of.k == 0) & (lost == 0)), v, NAN);
#else
    (void)c, (void)x, (void)y, (void)of, (void)single; /* libm's power may raise exceptions */
    return NAN;
#endif
}
V_WIDE v_power_quick(double c, double x, double y, v_power of) { return v_power_known(c, x, y, of, 0); }
V_WIDE v_power_quickf(double c, double x, double y, v_power of) { return v_power_known(c, x, y, of, 1); }

/* value c d a / b^k, k 2 or 3. In the middle of the range rounded in PyTorch's order, so that what cancels there cancels here.
 * In float64 NaN where a number is too large or too small for the plain way; what becomes a float has room there. */
static inline __attribute__((always_inline)) int v_within(double x, double low, double high)
{
    return ((fabs(x) >= low) & (fabs(x) <= high)) | (x == 0);
}
static inline __attribute__((always_inline)) int v_withinf(float x, float low, float high)
{
    return ((fabsf(x) >= low) & (fabsf(x) <= high)) | (x == 0);
}
static inline __attribute__((always_inline)) float v_quotientf(float value, float c, float d, float a, float b, int k)
{
    int tame = v_withinf(c, 0x1p-30f, 0x1p30f) & v_withinf(a, 0x1p-30f, 0x1p30f) & v_withinf(b, 0x1p-30f, 0x1p30f) &
               (b != 0) & (d == 1) & (k == 2);
    float by = v_eitherf(tame, b, 1);
    return v_pickf(tame, value * v_eitherf(tame, c, 1) * (v_eitherf(tame, a, 1) / by / by), NAN);
}
/* The same where it is not; also for infinities and NaN. */
V_WIDE v_quotient_wide(double value, double c, double d, double a, double b, int k)
{
    for (int i = 0; i < k; i++)
        a /= b;
    return value * c * d * a;
}
V_WIDE v_quotient(double value, double c, double d, double a, double b, int k)
{
    int tame = v_within(c, 0x1p-140, 0x1p140) & v_within(d, 0x1p-140, 0x1p140) & v_within(a, 0x1p-140, 0x1p140) &
               v_within(b, 0x1p-140, 0x1p140) & (b != 0) & v_within(value, 0x1p-140, 0x1p140);
    double by = v_either(tame, b, 1), steps = v_either(tame, a, 1) / by / by;
    steps = v_either(tame, value * v_either(tame, c, 1) * v_either(tame, d, 1), 1) * (k == 2 ? steps : steps / by);
    return v_pick(tame, steps, NAN);
}

/* x 2^(y + shift), |shift| <= 1200. Powers of 2 beyond those that are numbers come in four factors: by the time that the
 * product of three is subnormal, and rounded, the last makes it 0. */
V_WIDE v_ldexp_shifted(double x, double y, double shift)
{
    double c = copysign(v_least(fabs(y), 2200), y), down = floor(c), rest = c - down, whole = down + shift;
    double part = v_either(fabs(whole) <= 1022, 0, trunc(whole / 4)), p = v_two_to(part);
    double odd = v_either(y == INFINITY, INFINITY, v_either(y == -INFINITY, 0, v_either(y != y, y, 1)));
    return x * v_either(rest == 0, 1, v_exp2(rest)) * p * p * p * v_two_to(whole - 3 * part) * odd;
}

V_WIDE v_ldexp(double x, double y) { return v_ldexp_shifted(x, y, 0); }

/* unit c x 2^y: a product of what is brought to the middle of the range first, where it keeps its digits */
V_WIDE v_ldexp_slope(double unit, double c, double x, double y)
{
    const double low = 0x1p-500, high = 0x1p500, up = 0x1p600, back = 0x1p-600;
    double a = fabs(c), b = fabs(x);
    double shift = v_either(a < low, -600, v_either(a > high, 600, 0)) +
                   v_either(b < low, -600, v_either(b > high, 600, 0));
    double product = (c * v_either(a < low, up, v_either(a > high, back, 1))) *
                     (x * v_either(b < low, up, v_either(b > high, back, 1)));
    return v_ldexp_shifted(unit * product, y, shift);
}

#endif
