/* vec_circle64.h - sine, cosine, tangent and their inverses in float64: a part of vec_math64.h, which reads it. */

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
