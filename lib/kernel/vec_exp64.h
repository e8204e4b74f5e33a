/* vec_exp64.h - exponentials, logarithms and powers in float64: a part of vec_math64.h, which reads it. */

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
