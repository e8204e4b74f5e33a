/* vec_normal64.h - erf and what is made of it in float64: a part of vec_math64.h, which reads it. */

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
