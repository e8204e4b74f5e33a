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

/* ---- exponentials ------------------------------------------------------------------------------------------- */

/* (sinh r - r) / r^3 and (cosh r - 1) / r^2, u = r^2, for |r| <= ln 2 / 2 */
V_WIDE v_sinh_part(double u)
{
    double u2 = u * u, p = v_quad(u, u2, 8.33333333333005806e-03, 1.98412698630693739e-04, 2.75572684355175621e-06,
                                  2.51003971379316630e-08);
    return V_MADD(p, u, 1.66666666666666685e-01);
}
V_WIDE v_cosh_part(double u)
{
    double u2 = u * u, p = v_quad(u, u2, 4.16666666666240873e-02, 1.38888889172342060e-03, 2.48015212641220173e-05,
                                  2.76201035848869626e-07);
    return V_MADD(p, u, 0.5);
}

/* scale (e^r - 1) + more */
V_WIDE v_power_of(double scale, double r, double more)
{
    double u = r * r, part = V_MADD(r, v_sinh_part(u), v_cosh_part(u));
    return V_MADD(scale * u, part, V_MADD(scale, r, more));
}
V_WIDE v_power_part(double r) { return v_power_of(1, r, 0); }

/* x - n ln 2 */
V_WIDE v_less_ln2(double x, double n) { return V_MADD(n, -V_LN2_REST, V_MADD(n, -V_LN2_HEAD, x)); }

/* factor 2^n (1 + part) with n + 2046 in the low bits of `shifted`; 2^n in two, for subnormals and infinity. */
V_WIDE v_scaled(double factor, double part, double shifted)
{
    uint64_t biased = v_bits64(shifted), half = biased >> 1;
    return V_MADD(factor, part, factor) * v_double(half << 52) * v_double((biased - half) << 52);
}

/* factor e^(x + low), -1000 <= x <= 710 */
V_WIDE v_exp_times(double factor, double x, double low)
{
    double shifted = V_MADD(x, V_1_LN2, V_WHOLE_2046), r = v_less_ln2(x, shifted - V_WHOLE_2046) + low;
    return v_scaled(factor, v_power_part(r), shifted);
}

/* e^x as a sum of two, x <= 0 */
V_WIDE v_exp_wide(double x, double *low)
{
    double c = x < -750 ? -750 : x, shifted = V_MADD(c, V_1_LN2, V_WHOLE_2046);
    double part = v_power_part(v_less_ln2(c, shifted - V_WHOLE_2046)), sum = 1 + part;
    uint64_t biased = v_bits64(shifted), half = biased >> 1;
    double scale = v_double(half << 52), scale2 = v_double((biased - half) << 52);
    *low = ((1 - sum) + part) * scale * scale2;
    return sum * scale * scale2;
}

V_WIDE v_exp(double x)
{
    double b = x < -746 ? -746 : x, c = b > 710 ? 710 : b; /* keeps NaN */
    return v_exp_times(1, c, -0.0);
}

/* factor 2^x */
V_WIDE v_exp2_times(double factor, double x)
{
    double b = x < -1076 ? -1076 : x, c = b > 1025 ? 1025 : b, shifted = c + V_WHOLE_2046;
    double part = c - (shifted - V_WHOLE_2046);
    return v_scaled(factor, v_power_part(0.693147180559945309417 * part), shifted);
}
V_WIDE v_exp2(double x) { return v_exp2_times(1, x); }

/* 2^n (e^r - 1) + (2^n - 1), halved on the way, for 2^1024 */
V_WIDE v_expm1(double x)
{
    double b = x < -45 ? -45 : x, c = b > 710 ? 710 : b;
    double shifted = V_MADD(c, V_1_LN2, V_WHOLE), r = v_less_ln2(c, shifted - V_WHOLE);
    double half = v_double((v_bits64(shifted) + 1022) << 52);
    double y = 2 * v_power_of(half, r, half - 0.5);
    return __builtin_fabs(x) < 1e-16 ? x : y;
}

/* The same of an exponent that is not negative, up to 45. */
V_WIDE v_expm1_small(double c)
{
    double shifted = V_MADD(c, V_1_LN2, V_WHOLE), r = v_less_ln2(c, shifted - V_WHOLE);
    double power = v_double((v_bits64(shifted) + 1023) << 52);
    return V_MADD(power, v_power_part(r), power - 1);
}

/* top / (t + one), corrected for what the sum and the product with the inverse lose. */
V_WIDE v_ratio(double top, double t, double one)
{
    double s = t + one, lost = t - (s - one), inverse = 1 / s, q = top * inverse;
    return V_MADD(V_MADD(-q, s, top) - q * lost, inverse, q);
}

/* t / (t + 2) with t = e^2|x| - 1 */
V_WIDE v_tanh(double x)
{
    double t = v_expm1_small(2 * v_least(__builtin_fabs(x), 20));
    return v_pick(x == x, __builtin_copysign(v_ratio(t, t, 2), x), x);
}

/* 1 / (1 + t) or t / (1 + t), t = e^-|x|, which is carried 2^100 times as large so that it is not subnormal before the
 * end. */
V_WIDE v_sigmoid(double x)
{
    double a = -__builtin_fabs(x), c = a < -750 ? -750 : a; /* keeps NaN */
    double shifted = V_MADD(c, V_1_LN2, V_WHOLE_1123), power = v_double(v_bits64(shifted) << 52);
    double t = V_MADD(power, v_power_part(v_less_ln2(c, shifted - V_WHOLE_1123)), power);
    double sum = V_MADD(t, 0x1p-100, 1), lost = V_MADD(t, 0x1p-100, 1 - sum), q = (x < 0 ? t : 0x1p100) / sum;
    return V_MADD(q * lost, -0.75, q) * 0x1p-100; /* 1 / sum is 0.5 to 1 */
}

/* t / (k + k t)^2, t = e^-a, 0 <= a < 780, in the same way: 2^100 goes with the square */
V_WIDE v_odds_slope(double k, double a)
{
    double shifted = V_MADD(a, -V_1_LN2, V_WHOLE_1123), power = v_double(v_bits64(shifted) << 52);
    double t = V_MADD(power, v_power_part(v_less_ln2(-a, shifted - V_WHOLE_1123)), power);
    double d = V_MADD(t, k * 0x1p-50, k * 0x1p50);
    return t / (d * d);
}

/* s(x) s(-x) for the sigmoid s; and 1 - tanh^2 x = 4 s(2x) s(-2x) */
V_WIDE v_sigmoid_slope(double x)
{
    double a = __builtin_fabs(x);
    return v_odds_slope(1, a > 750 ? 750 : a); /* keeps NaN */
}
V_WIDE v_tanh_slope(double x)
{
    double a = __builtin_fabs(x);
    return v_odds_slope(0.5, 2 * v_either(a > 375, 375, a));
}

/* By the addition theorems, with x = n ln 2 + r: sinh and cosh of n ln 2 are (2^n -+ 2^-n) / 2; all halved once more. */
/* clang-format off */
#define V_HYPERBOLIC(x)                                                                            \
    double a = __builtin_fabs(x), c = a > 710.5 ? 710.5 : a, shifted = V_MADD(c, V_1_LN2, V_WHOLE);  \
    double n = shifted - V_WHOLE, r = v_less_ln2(c, n), u = r * r;                                 \
    double up = v_double((v_bits64(shifted) + 1021) << 52);                                        \
    double down = v_pick(n > 1000, 0, v_double((1021 - v_bits64(shifted)) << 52));                       \
    double s = r * u * v_sinh_part(u), k = u * v_cosh_part(u), plus = up + down, minus = up - down
/* clang-format on */

V_WIDE v_sinh(double x)
{
    V_HYPERBOLIC(x);
    double y = 2 * (V_MADD(plus, r, minus) + V_MADD(minus, k, plus * s));
    return v_pick(a < 1e-8, x, __builtin_copysign(y, x));
}

V_WIDE v_cosh(double x)
{
    V_HYPERBOLIC(x);
    return 2 * (V_MADD(minus, r, plus) + V_MADD(plus, k, minus * s));
}

/* ---- logarithms --------------------------------------------------------------------------------------------- */

/* y > 0 as 2^e (1 + f), sqrt(1/2) <= 1 + f < sqrt(2) */
V_WIDE v_fraction(double y, double *e)
{
    uint64_t b = v_bits64(y) - 0x3fe6a09e667f3bcdu;                                            /* of sqrt(1/2) */
    *e = v_double((b + 0x3ff0000000000000u) >> 52 | 0x4330000000000000u) - 4503599627371519.0; /* 2^52 + 1023 */
    return v_double((b & 0x000fffffffffffffu) + 0x3fe6a09e667f3bcdu) - 1;
}

/* log(1 + f) as a sum of two: f - f^2 / 2 + s (f^2 / 2 + R(s^2)), s = f / (2 + f). */
V_WIDE v_log_part(double f, double *low)
{
    double s = f / (2 + f), z = s * s, half = 0.5 * f * f;
    double z2 = z * z, z4 = z2 * z2, p = V_MADD(1.46170375487916504e-01, z, 1.53316740301678606e-01);
    p = V_MADD(p, z4,
               v_quad(z, z2, 3.99999999998992384e-01, 2.85714286260958905e-01, 2.22222111151441609e-01,
                      1.81828905566956023e-01));
    p = V_MADD(p, z, 6.66666666666666963e-01);
    double high = f - half;
    *low = (f - high) - half + V_MADD(s, V_MADD(z, p, half), V_MADD(-0.5 * f, f, half));
    return high;
}

/* What a logarithm r of x is where x is no positive number. */
V_WIDE v_log_odd(double x, double r)
{
    r = x == INFINITY ? INFINITY : r;
    r = x == 0 ? -INFINITY : r;
    return ((x < 0) | (x != x)) ? NAN : r;
}

/* x scaled by 2^54 where it is subnormal, and what the exponent is then too large by */
#define V_NORMAL(x) v_pick((x) < 0x1p-1022, v_least(x, 1) * 0x1p54, (x))
#define V_SHIFT(x) ((x) < 0x1p-1022 ? 54.0 : 0.0)

V_WIDE v_log(double x)
{
    double e, low, high = v_log_part(v_fraction(V_NORMAL(x), &e), &low);
    e -= V_SHIFT(x);
    return v_log_odd(x, V_MADD(e, V_LN2_HEAD, high + V_MADD(e, V_LN2_REST, low)));
}

/* log(x + low), x normal */
V_WIDE v_log_of(double x, double lost)
{
    double e, low, high = v_log_part(v_fraction(x, &e), &low);
    return v_log_odd(x, V_MADD(e, V_LN2_HEAD, high + (V_MADD(e, V_LN2_REST, low) + lost / x)));
}

V_WIDE v_log1p(double x)
{
    double u = 1 + x, r = v_log_of(u, x - (u - 1));
    return ((x == 0) | (x == INFINITY)) ? x : r;
}

/* log(1 + e^-a), a >= 0: of t = e^-a as 2s + s^3 P(s^2), s = t / (2 + t). The quotient q is corrected for what t and d
 * have lost; 1 / d is (1 - q) / 2. */
V_WIDE v_log1p_exp(double a)
{
    double low, t = v_exp_wide(-a, &low), d = 2 + t, q = t / d, d_low = (t - (d - 2)) + low;
    double s = V_MADD(V_MADD(-q, d_low, low), 0.5 - 0.5 * q, q), z = s * s, z2 = z * z, z4 = z2 * z2;
    double p = v_quad(z, z2, 1.33331769491381785e-01, 1.17679977672410355e-01, 1.04803992343652744e-01,
                      9.94202489655473531e-02);
    p = V_MADD(z4, V_MADD(1.52312626194289841e-01, z, 6.33411085177024574e-02), p);
    p = V_MADD(p, z4,
               v_quad(z, z2, 2.85714285714219418e-01, 2.22222222233319860e-01, 1.81818180860056550e-01,
                      1.53846202538041626e-01));
    p = V_MADD(V_MADD(p, z, 4.00000000000000133e-01), z, 6.66666666666666630e-01);
    return V_MADD(s * z, p, 2 * s);
}

/* e unit + (high + low) factor, unit and factor as sums of two; e times the first part of unit is exact. */
V_WIDE v_log_in(double x, double unit, double unit_low, double factor, double factor_low)
{
    double e, low, high = v_log_part(v_fraction(V_NORMAL(x), &e), &low);
    e -= V_SHIFT(x);
    double p = high * factor, rest = V_MADD(high, factor, -p) + V_MADD(high, factor_low, low * factor);
    double whole = e * unit, sum = whole + p;
    return v_log_odd(x, sum + (((whole - sum) + p) + V_MADD(e, unit_low, rest)));
}

V_WIDE v_log2(double x) { return v_log_in(x, 1, 0, V_1_LN2, 2.03552737409310331e-17); }
V_WIDE v_log10(double x)
{
    return v_log_in(x, 3.01029995663952831819e-01, 2.83633945510449642e-14, 4.34294481903251817e-01,
                    1.09831965021676507e-17);
}

/* sqrt(t + low) as a sum of two, t being 0 or not small */
V_WIDE v_root(double t, double low, double *root_low)
{
    double s = __builtin_sqrt(t);
    *root_low = (V_MADD(-s, s, t) + low) * 0.5 / v_most(s, 0x1p-500);
    return s;
}

#define V_LONG 1e8 /* beyond it asinh and acosh are log(2x) */

/* log(a + sqrt(a^2 + 1)) */
V_WIDE v_asinh(double x)
{
    double a = __builtin_fabs(x), b = v_least(a, V_LONG), square = b * b, t = square + 1, s_low;
    double s = v_root(t, v_lost(square, 1, t) + V_MADD(b, b, -square), &s_low), u = s + b;
    double y = v_log_of(v_pick(a > V_LONG, a, u), v_pick(a > V_LONG, 0, (s - u) + b + s_low));
    return v_pick(x == x, __builtin_copysign(y + (a > V_LONG ? 0.693147180559945309417 : 0), x), x);
}

/* log(x + sqrt(x^2 - 1)) */
V_WIDE v_acosh(double x)
{
    double b = v_least(x, V_LONG), square = b * b, t = square - 1, s_low;
    double t_low = ((square - t) - 1) + V_MADD(b, b, -square), sum = t + t_low;
    double s = v_root(sum, (t - sum) + t_low, &s_low), u = b + s;
    double y = v_log_of(v_pick(x > V_LONG, x, u), v_pick(x > V_LONG, 0, (b - u) + s + s_low));
    y = v_pick(x == 1, 0, y + (x > V_LONG ? 0.693147180559945309417 : 0));
    return v_pick(x >= 1, y, NAN);
}

/* log(1 + q) / 2, q = 2a / (1 - a) */
V_WIDE v_atanh(double x)
{
    double a = __builtin_fabs(x), d = 1 - a, q = 2 * a / d, q_low = (V_MADD(-q, d, 2 * a) - q * ((1 - d) - a)) / d;
    double u = 1 + q, y = 0.5 * v_log_of(u, v_lost(1, q, u) + q_low);
    return __builtin_copysign(v_pick(a < 1e-8, a, y), x);
}

/* ---- powers ------------------------------------------------------------------------------------------------- */

/* log x as a sum of two, right to 2^-64: 2s + s (2/3 s^2 + s^4 Q(s^2)), all but Q in two parts. */
V_WIDE v_log_wide(double x, double *rest)
{
    double e, f = v_fraction(V_NORMAL(x), &e), d = 2 + f, inverse = 1 / d, s = f * inverse;
    double s_low = (V_MADD(-s, d, f) - s * ((2 - d) + f)) * inverse;
    double z = s * s, z_low = V_MADD(s, s, -z) + 2 * s * s_low;
    double z2 = z * z, z4 = z2 * z2, q = V_MADD(1.29140227169483590e-01, z, 1.32859246572421985e-01);
    q = V_MADD(q, z4,
               v_quad(z, z2, 2.85714285713383254e-01, 2.22222222711853129e-01, 1.81818082340031439e-01,
                      1.53855757828200435e-01));
    q = V_MADD(q, z, 4.00000000000000244e-01);
    double third = 6.66666666666666630e-01 * z, tail = z * z * q, w = third + tail;
    double w_low = V_MADD(6.66666666666666630e-01, z, -third) +
                   V_MADD(3.70074341541718826e-17, z, 6.66666666666666630e-01 * z_low) + ((third - w) + tail);
    double p = s * w, p_low = V_MADD(s, w, -p) + V_MADD(s, w_low, s_low * w);
    e -= V_SHIFT(x);
    double m = 2 * s + p, m_low = ((2 * s - m) + p) + (2 * s_low + p_low);
    double whole = e * V_LN2_HEAD, sum = whole + m, low = ((whole - sum) + m) + V_MADD(e, V_LN2_REST, m_low);
    double result = sum + low;
    *rest = (sum - result) + low;
    return result;
}

/* e^(y log|x|) = r, made right where y or x is special (C11 F.10.4.4). */
V_WIDE v_pow_odd(double x, double y, double r)
{
    double half = 0.5 * y, sign = v_pick((__builtin_trunc(y) == y) & (__builtin_trunc(half) != half), x, 1);
    double v = v_pick((x < 0) & (x > -INFINITY) & (__builtin_trunc(y) != y), NAN, __builtin_copysign(r, sign));
    v = v_pick((x == -1) & (__builtin_fabs(y) == INFINITY), 1, v);
    return v_pick((y == 0) | (x == 1), 1, v);
}

/* x^(y + more), more being what y has lost in rounding */
V_WIDE v_pow_of(double x, double y, double more)
{
    double a = __builtin_fabs(x), rest, wide = v_log_wide(a, &rest);
    double most = y > 1e300 ? 1e300 : y,
           power = most < -1e300 ? -1e300 : most; /* keeps NaN; enough for 0 or infinity */
    double high = power * wide, low = V_MADD(power, wide, -high) + V_MADD(more, wide, power * rest);
    double end = y == 0 ? 0 : (y < 0) == (a == 0) ? 1e4 : -1e4, log = v_pick((a == 0) | (a == INFINITY), end, high);
    double b = log < -746 ? -746 : log, c = b > 710 ? 710 : b;
    c = v_pick((a != a) | (y != y), NAN, c);
    return v_pow_odd(x, y, v_exp_times(1, c, v_pick(__builtin_fabs(log) < 800, low, 0)));
}
V_WIDE v_pow(double x, double y) { return v_pow_of(x, y, 0); }

/* ---- the circle --------------------------------------------------------------------------------------------- */

/* |x| <= V_NEAR64: the quadrant n, and x - n pi/2 = r + low; pi / 2 in three parts. */
#define V_NEAR64 1e9
/* clang-format off */
#define V_QUADRANT64(x)                                                                            \
    double shifted = V_MADD(x, 0.63661977236758134308, V_WHOLE), n = shifted - V_WHOLE;            \
    uint64_t quadrant = v_bits64(shifted);                                                         \
    double first = V_MADD(n, -1.57079632679489655800e+00, x);                                      \
    double r = V_MADD(n, -6.12323399573676603587e-17, first);                                      \
    double low = V_MADD(n, 1.49738490485916983294e-33, V_MADD(n, -6.12323399573676603587e-17, first - r)); \
    double u = r * r
/* clang-format on */

/* sin(r + low) and cos(r + low) as sums of two; what is in `rest` is small. */
V_WIDE v_sine(double r, double low, double u, double *rest)
{
    double u2 = u * u, u4 = u2 * u2, p = V_MADD(1.59181289375544574e-10, u, -2.50511318400441239e-08);
    p = V_MADD(p, u4,
               v_quad(u, u2, -1.66666666666666657e-01, 8.33333333333094797e-03, -1.98412698367585275e-04,
                      2.75573161025286457e-06));
    *rest = V_MADD(r * u, p, V_MADD(-0.5 * u, low, low));
    return r;
}
V_WIDE v_cosine(double r, double low, double u, double *rest)
{
    double u2 = u * u, u4 = u2 * u2, p = V_MADD(-1.13826322019903593e-11, u, 2.08761462653005978e-09);
    p = V_MADD(p, u4,
               v_quad(u, u2, 4.16666666666666644e-02, -1.38888888888873976e-03, 2.48015872987656586e-05,
                      -2.75573172717149065e-07));
    double half = 0.5 * u, w = 1 - half, lost = V_MADD(0.5 * r, r, -half);
    *rest = (((1 - w) - half) - lost) + V_MADD(u2, p, -r * low);
    return w;
}

V_WIDE v_sin_near(double x)
{
    V_QUADRANT64(x);
    double s_low, c_low, s = v_sine(r, low, u, &s_low), c = v_cosine(r, low, u, &c_low);
    double v = v_pick(quadrant & 1, c + c_low, s + s_low);
    v = v_double(v_bits64(v) ^ (quadrant & 2) << 62);
    return x == 0 ? x : v; /* the sign of zero */
}

V_WIDE v_cos_near(double x)
{
    V_QUADRANT64(x);
    double s_low, c_low, s = v_sine(r, low, u, &s_low), c = v_cosine(r, low, u, &c_low);
    double v = v_pick(quadrant & 1, s + s_low, c + c_low);
    return v_double(v_bits64(v) ^ ((quadrant + 1) & 2) << 62);
}

/* The quotient is corrected for what sine and cosine lose when rounded. */
V_WIDE v_tan_near(double x)
{
    V_QUADRANT64(x);
    double s_low, c_low, s = v_sine(r, low, u, &s_low), c = v_cosine(r, low, u, &c_low);
    double top = v_pick(quadrant & 1, -c, s), top_low = v_pick(quadrant & 1, -c_low, s_low);
    double bottom = v_pick(quadrant & 1, s, c), bottom_low = v_pick(quadrant & 1, s_low, c_low),
           sum = bottom + bottom_low;
    double inverse = 1 / sum, t = (top + top_low) * inverse, lost = (bottom - sum) + bottom_low;
    return v_pick(x == 0, x, V_MADD((V_MADD(-t, sum, top) + top_low) - t * lost, inverse, t));
}

/* sin(pi x) and cos(pi x): whole turns are taken off exactly. */
V_WIDE v_sin_cos_pi(double x, double *cosine)
{
    double y = x - 2 * __builtin_nearbyint(0.5 * x), shifted = V_MADD(2, y, V_WHOLE);
    double z = V_MADD(-0.5, shifted - V_WHOLE, y), r = 3.14159265358979312e+00 * z;
    double low = V_MADD(3.14159265358979312e+00, z, -r) + 1.22464679914735321e-16 * z, u = r * r;
    double s_low, c_low, s = v_sine(r, low, u, &s_low), c = v_cosine(r, low, u, &c_low);
    uint64_t quadrant = v_bits64(shifted);
    s += s_low;
    c += c_low;
    *cosine = v_double(v_bits64(v_pick(quadrant & 1, s, c)) ^ ((quadrant + 1) & 2) << 62);
    return v_double(v_bits64(v_pick(quadrant & 1, c, s)) ^ (quadrant & 2) << 62);
}

/* atan(y / x) of y, x >= 0 that are not both zero or infinite: the quotient's angle with the nearest of 0, pi/4 and
 * pi/2 lies within pi/8. */
V_WIDE v_angle(double y, double x)
{
    double steep = 2.414213562373095 * x, flat = 0.41421356237309503 * x;
    double less = y - x, more = y + x, low = v_lost(y, -x, less), low2 = v_lost(y, x, more);
    double top = v_pick(y > steep, -x, v_pick(y > flat, less, y));
    double bottom = v_pick(y > steep, y, v_pick(y > flat, more, x));
    double inverse = 1 / bottom, t = top * inverse, z = t * t;
    double rest = v_pick(y > steep, 0, v_pick(y > flat, low - t * low2, 0));
    double z2 = z * z, z4 = z2 * z2, p = V_MADD(-1.91762715175263394e-02, z, 3.92311556198723030e-02);
    p = V_MADD(p, z4,
               v_quad(z, z2, 7.69218316365089388e-02, -6.66451106459937104e-02, 5.85814558762820167e-02,
                      -5.08543233769907649e-02));
    p = V_MADD(p, z4,
               v_quad(z, z2, 1.99999999999955186e-01, -1.42857142846661844e-01, 1.11111110152275719e-01,
                      -9.09090457695411747e-02));
    p = V_MADD(p, z, -3.33333333333333315e-01);
    double base = v_pick(y > steep, 1.57079632679489656e+00, v_pick(y > flat, 7.85398163397448279e-01, 0));
    double base_low = v_pick(y > steep, 6.12323399573676604e-17, v_pick(y > flat, 3.06161699786838302e-17, 0));
    double sum = base + t;
    return sum + (((base - sum) + t) + V_MADD(t * z, p, V_MADD(V_MADD(-t, bottom, top) + rest, inverse, base_low)));
}

V_WIDE v_atan(double x)
{
    double a = __builtin_fabs(x);
    double y = v_angle(a > 0x1p60 ? 0x1p60 : a, 1); /* keeps NaN */
    return __builtin_copysign(v_pick(a < 1e-8, a, y), x);
}

V_WIDE v_atan2(double y, double x)
{
    double a = __builtin_fabs(y), b = __builtin_fabs(x), top = a > b ? a : b;
    double scale = v_either(top > 0x1p1000, 0x1p-600, v_either(top < 0x1p-900, 0x1p600, 1));
    double v = v_angle(v_pick(a == INFINITY, 0x1p60, a * scale), v_pick((a == INFINITY) | (b == 0), 1, b * scale));
    v = b == 0 ? 1.57079632679489656e+00 : v;
    v = b == INFINITY ? 0 : v;
    v = a == 0 ? 0 : a == b ? 7.85398163397448279e-01 : v; /* equal also where infinite */
    v = v_pick(v_bits64(x) >> 63 != 0, 3.14159265358979312e+00 - (v - 1.22464679914735321e-16), v);
    return v_pick((x != x) | (y != y), NAN, __builtin_copysign(v, y));
}

/* (asin t / t - 1) / z, z = t^2 <= 1/4 */
V_WIDE v_asin_part(double z)
{
    double z2 = z * z, z4 = z2 * z2,
           p = v_quad(z, z2, 5.45750671864035815e-03, 1.74008794426940214e-02, -1.48518870712472037e-02,
                      2.87578513674215663e-02);
    p = V_MADD(p, z4,
               v_quad(z, z2, 1.73523927208699726e-02, 1.39712129735529329e-02, 1.14791774151849057e-02,
                      1.03228143501857793e-02));
    p = V_MADD(p, z4,
               v_quad(z, z2, 7.49999999999843292e-02, 4.46428571463554288e-02, 3.03819441385312465e-02,
                      2.23721729421498886e-02));
    return V_MADD(p, z, 1.66666666666666685e-01);
}

/* asin x = x + x z P(z) up to 1/2, pi/2 - 2 asin sqrt((1 - x) / 2) beyond. */
V_WIDE v_asin(double x)
{
    double a = __builtin_fabs(x), z = v_pick(a > 0.5, 0.5 * (1 - a), x * x), t = v_pick(a > 0.5, __builtin_sqrt(z), a);
    double p = v_asin_part(z), far = 1.57079632679489656e+00 - 2 * t;
    double y = v_pick(a > 0.5, far + V_MADD(-2 * t * z, p, 6.12323399573676604e-17), V_MADD(t * z, p, t));
    return __builtin_copysign(y, x);
}

V_WIDE v_acos(double x)
{
    double a = __builtin_fabs(x), z = v_pick(a > 0.5, 0.5 * (1 - a), x * x), t = v_pick(a > 0.5, __builtin_sqrt(z), x);
    double p = v_asin_part(z), y = V_MADD(t * z, p, t);
    double middle = 1.57079632679489656e+00 - (t - V_MADD(-t * z, p, 6.12323399573676604e-17));
    double far = v_pick(x < 0, 3.14159265358979312e+00 - (2 * y - 1.22464679914735321e-16), 2 * y);
    return v_pick(a > 0.5, far, middle);
}

V_WIDE v_hypot(double x, double y)
{
    double a = __builtin_fabs(x), b = __builtin_fabs(y), top = a > b ? a : b, end = a > b ? b : a;
    double scale = v_either(top > 0x1p500, 0x1p-600, v_either(top < 0x1p-400, 0x1p600, 1));
    double back = v_either(top > 0x1p500, 0x1p600, v_either(top < 0x1p-400, 0x1p-600, 1)), s = end * scale,
           t = top * scale;
    double v = __builtin_sqrt(V_MADD(t, t, s * s)) * back;
    v = v_pick((x != x) | (y != y), NAN, v);
    return v_pick((a == INFINITY) | (b == INFINITY), INFINITY, v);
}

/* ---- the normal distribution -------------------------------------------------------------------------------- */

/* P(-a) e^(a^2 / 2) (1 + a), for 0 <= a <= 39, as a polynomial in (a - 4) / (a + 4) (after M. Shepherd and
 * J. Laframboise, as in vec_math.h). */
V_WIDE v_tail(double a)
{
    double s = (a - 4) / (a + 4);
    double s2 = s * s, s4 = s2 * s2,
           p = V_MADD(-7.91671992588027787e-10, s2, V_MADD(-1.55069808330047376e-09, s, 6.24911366469808883e-09));
    p = V_MADD(p, s4,
               v_quad(s, s2, 1.46766005932833176e-09, -1.11032888687740702e-07, -1.99132519992380561e-08,
                      1.76748896518368967e-08));
    p = V_MADD(p, s4,
               v_quad(s, s2, -3.43219971192250851e-06, -2.61291032247645727e-06, 4.04485260363297039e-07,
                      5.52015101024932315e-07));
    p = V_MADD(p, s4,
               v_quad(s, s2, -9.44302538871995148e-05, -8.78531837813122178e-05, 2.12500494648911114e-05,
                      1.36268696563401930e-05));
    p = V_MADD(p, s4,
               v_quad(s, s2, 1.79360974796729869e-02, -5.00237859105054881e-03, -2.85623097973344375e-04,
                      6.94897104610035245e-04));
    p = V_MADD(p, s4,
               v_quad(s, s2, -9.67034773265258024e-02, 1.39996347244254055e-02, 2.86003640535508787e-02,
                      -3.21978374280854490e-02));
    return V_MADD(p, s, 4.72053206509844669e-01);
}

/* factor e^(-a^2 / 2), with what the square loses */
V_WIDE v_bell(double factor, double a)
{
    double h = a * a;
    return v_exp_times(factor, -0.5 * h, -0.5 * V_MADD(a, a, -h));
}

/* factor e^(-x^2) */
V_WIDE v_gauss(double factor, double x)
{
    double b = v_least(__builtin_fabs(x), 28), h = b * b, v = v_exp_times(factor, -h, -V_MADD(b, b, -h));
    return v_pick(x == x, v, x);
}

/* 2 P(-sqrt(2) |x|), or what is missing to 2 */
V_WIDE v_erfc(double x)
{
    double b = v_least(__builtin_fabs(x), 27.5), a = 1.41421356237309515e+00 * b, h = b * b;
    double tail = v_exp_times(2 * v_tail(a) / (1 + a), -h, -V_MADD(b, b, -h));
    return v_pick(x < 0, 2 - tail, v_pick(x >= 0, tail, x));
}

/* |x| <= 0.65; beyond 1, something finite */
V_WIDE v_erf_near(double x)
{
    double c = v_least(__builtin_fabs(x), 1), u = c * c;
    double u2 = u * u, u4 = u2 * u2,
           p = v_quad(u, u2, 1.20549752304120028e-04, -1.49136244524200597e-05, 1.62161239997506922e-06,
                      -1.35321643741441345e-07);
    p = V_MADD(p, u4,
               v_quad(u, u2, 1.12837916709392111e-01, -2.68661706403016468e-02, 5.22397755094032492e-03,
                      -8.54832041349638263e-04));
    p = V_MADD(p, u, -3.76126389031835484e-01);
    return __builtin_copysign(c * V_MADD(p, u, 1.12837916709551256e+00), x);
}

V_WIDE v_erf(double x)
{
    double a = __builtin_fabs(x);
    return v_pick(a < 0.65, v_erf_near(x), __builtin_copysign(1 - v_erfc(a), x));
}

/* The y with erf y = a = 1 - rest: a first guess as a polynomial in the logarithm of 1 - x^2, or in its root (M. Giles, "Approximating the erfinv
 * function", GPU Computing Gems, 2011), then three terms of the Taylor series of the inverse. */
V_WIDE v_erfinv_of(double a, double rest)
{
    double w = -v_log(rest * (1 + a)), v = w - 2.5, t = __builtin_sqrt(w) - 3;
    double v2 = v * v, v4 = v2 * v2,
           p = v_quad(v, v2, -4.38034671412374988e-06, -3.45477951426978418e-06, 3.42224708993456868e-07,
                      2.26059777411709747e-08);
    p = V_MADD(p, v4,
               v_quad(v, v2, 2.46640766267249900e-01, -4.17734651728705626e-03, -1.25375888483531808e-03,
                      2.18312979841010242e-04));
    p = V_MADD(p, v, 1.50140935111079199e+00);
    double t2 = t * t, t4 = t2 * t2,
           q = v_quad(t, t2, -3.25330673827242678e-03, 1.15223969692137759e-03, -2.23155580896513834e-04,
                      1.79142181934175963e-05);
    q = V_MADD(q, t4,
               v_quad(t, t2, 1.00169905394591230e+00, 9.42763832177874288e-03, -7.80754893961979526e-03,
                      5.78846695737017178e-03));
    q = V_MADD(q, t, 2.83297870893782111e+00);
    double y = a * (w < 5 ? p : q), off = v_pick(a < 0.6, a - v_erf_near(y), v_erfc(y) - rest);
    double d = 0.88622692545275801365 * off / v_exp(-y * y);
    return V_MADD(d, V_MADD(d, V_MADD(d, V_MADD(4 * y, y, 1) * (1 / 3.0), y), 1), y);
}

V_WIDE v_erfinv(double x)
{
    double a = __builtin_fabs(x), y = v_pick(a == 1, INFINITY, v_erfinv_of(a, 1 - a));
    return v_pick(a > 1, NAN, __builtin_copysign(y, x));
}

/* y / w, w = sqrt(-2 log P(y)) from 1.94 to 38.7, in s = 1.725 (w - 4) / (w + 4) - 0.402 */
V_WIDE v_ndtri_far_part(double s)
{
    double s2 = s * s, s4 = s2 * s2,
           p = v_quad(s, s2, 1.32524071588930516e-07, 1.07463550684215133e-07, -2.25820680451996188e-08,
                      -1.68523908953995273e-08);
    p = V_MADD(p, s4,
               v_quad(s, s2, 6.30459106317382962e-07, 5.82001710239610539e-07, -3.82328135822041949e-07,
                      -3.17353254498089378e-07));
    p = V_MADD(p, s4,
               v_quad(s, s2, 2.65564157132748375e-07, 7.51421155961988549e-07, -8.26204474061616727e-07,
                      -6.65595966530519190e-07));
    p = V_MADD(p, s4,
               v_quad(s, s2, -6.38195941582907490e-06, 3.22183382681643674e-06, -1.84273732615238868e-06,
                      3.11856646678075336e-07));
    p = V_MADD(p, s4,
               v_quad(s, s2, -1.24510089613228959e-04, 5.92659848381862380e-05, -2.86328844644264450e-05,
                      1.34437552063156810e-05));
    p = V_MADD(p, s4,
               v_quad(s, s2, -2.28855743403735606e-03, 1.10761132188734522e-03, -5.37722223533719556e-04,
                      2.57777885293442553e-04));
    p = V_MADD(p, s4,
               v_quad(s, s2, -3.70483355256571306e-02, 1.88936865372325326e-02, -9.48956685762815041e-03,
                      4.66488206730351993e-03));
    p = V_MADD(p, s4,
               v_quad(s, s2, 9.31486039434474167e-01, 1.40180579617167955e-01, -1.18913799913795859e-01,
                      6.87146570363496023e-02));
    return p;
}

/* y / (P(y) - 1/2) near the middle, in u = (P(y) - 1/2)^2 / 0.1225 */
V_WIDE v_ndtri_near_part(double u)
{
    double u2 = u * u, u4 = u2 * u2,
           p = v_quad(u, u2, -1.10161691630614156e-03, 4.72139178393720857e-04, -1.25361165463148630e-04,
                      1.58465793509954821e-05);
    p = V_MADD(p, u4,
               v_quad(u, u2, -1.23653160135430481e-03, 1.85139514875655008e-03, -2.08705211245804358e-03,
                      1.77820487415137262e-03));
    p = V_MADD(p, u4,
               v_quad(u, u2, 2.78838518800725310e-04, 2.09754775071223305e-04, -2.05057019021778536e-04,
                      6.75076624821608772e-04));
    p = V_MADD(p, u4,
               v_quad(u, u2, 1.05918709196286993e-02, 4.13316454319581379e-03, 1.67658861528244035e-03,
                      7.02875231245894336e-04));
    p = V_MADD(p, u4,
               v_quad(u, u2, 2.50662827463100069e+00, 3.21554536391845114e-01, 8.66240814121691377e-02,
                      2.88012270674312537e-02));
    return p;
}

/* The inverse of P: both tails by the logarithm of the probability that is left there, whose root is carried to more than
 * its digits. */
V_WIDE v_ndtri(double p)
{
    double rest = v_least(v_most(p < 0.5 ? p : 1 - p, 0x1p-1074), 0.5), d = 0.5 - rest, u = d * d * 8.16326530612244898;
    double lost, log = v_log_wide(rest, &lost), w = __builtin_sqrt(-2 * log),
                 w_low = -0.5 * (V_MADD(w, w, 2 * log) + 2 * lost) / w;
    double s = V_MADD((w - 4) / (w + 4), 1.7249591947769314, -0.40178182807399349), far = v_ndtri_far_part(s);
    double y = v_pick(u < 1, d * v_ndtri_near_part(u), V_MADD(w, far, w_low * far)), v = v_pick(p < 0.5, -y, y);
    return v_pick((p > 0) & (p < 1), v, v_pick(p == 0, -INFINITY, v_pick(p == 1, INFINITY, NAN)));
}

#define V_FAR64 39.0 /* beyond, the bell is 0 */

/* x - x P(-x), or x P(x) */
V_WIDE v_gelu(double x)
{
    double c = v_least(__builtin_fabs(x), V_FAR64), tail = v_bell(c * (v_tail(c) / (1 + c)), c);
    return v_pick(x < 0, -tail, x - tail);
}

V_WIDE v_gelu_slope(double x)
{
    double c = v_least(__builtin_fabs(x), V_FAR64), left = v_bell(v_tail(c) / (1 + c) - 0.39894228040143267794 * c, c);
    return v_pick(x < 0, left, v_pick(x == x, 1 - left, x));
}

V_WIDE v_ndtr(double x)
{
    double c = v_least(__builtin_fabs(x), V_FAR64), tail = v_bell(v_tail(c) / (1 + c), c);
    return v_pick(x > 0, 1 - tail, v_pick(x <= 0, tail, x));
}

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
