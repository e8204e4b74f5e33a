/* vec_bessel.h - the Bessel functions J and Y of orders 0 and 1 in float64, without branches, as vec_special.h; float32
 * goes through them, too. For vec_*.c files.
 *
 * Up to 5 by polynomials in u = 1 - x^2 / 25 beside a factor that has the first root, so that it is kept to all digits:
 * for J their terms are all positive. From 5 on as a wave, J + i Y = h e^(i (x - pi / 4 + b / x)) for order 0 (Abramowitz
 * and Stegun 9.2.17), whose height and shift are polynomials in s = 50 / x^2 - 1; what x less multiples of pi / 2 loses is
 * carried. So errors are a few units in the last place of the height; near the roots beyond the first they are so of x.
 * Without a fused multiply-add they are libm's.
 */
#ifndef TAPIR_KERNEL_VEC_BESSEL_H
#define TAPIR_KERNEL_VEC_BESSEL_H

#include "kernel/vec_special.h"

#if !defined(__FMA__)

/* clang-format off */
#define V_BY_LIBM(name, f, n)                                                                      \
    V_WIDE v_##name##_near(double x) { return f(n, x); }                                           \
    V_WIDE v_##name##_far(double x) { return f(n, x); }
/* clang-format on */
V_BY_LIBM(j0, tp__bessel_j, 0)
V_BY_LIBM(j1, tp__bessel_j, 1)
V_BY_LIBM(y0, tp__bessel_y, 0)
V_BY_LIBM(y1, tp__bessel_y, 1)

#else

#define V_ALL_TURNS 1e9 /* beyond it multiples of pi / 2 are not exact */

/* sqrt(pi x / 2 (J0^2 + Y0^2)), x >= 5, s = 50 / x^2 - 1 */
V_WIDE v_wave0_height(double s)
{
    double s2 = s * s, s4 = s2 * s2,
           p = V_STEP(1.41296582390896553e-12, s2, V_STEP(-2.20109639793153060e-12, s, -2.80152651879136619e-12));
    p = V_STEP(p, s4,
               v_four(s, s2, 1.23008429373918280e-11, -1.34002213636263017e-11, 8.22294072077886554e-12,
                      3.37047078183337814e-12));
    p = V_STEP(p, s4,
               v_four(s, s2, 8.30780254815733936e-10, -2.78125006270850908e-10, 1.02057601878994624e-10,
                      -3.45805929056454380e-11));
    p = V_STEP(p, s4,
               v_four(s, s2, 2.83608114603901534e-07, -4.88957288409626683e-08, 1.06903355413429415e-08,
                      -2.78558528903181239e-09));
    p = V_STEP(p, s4,
               v_four(s, s2, 9.98787769682164317e-01, -1.17755078926628132e-03, 3.20211119024526469e-05,
                      -2.31115999316195824e-06));
    return p;
}

/* x times what the angle of J0 + i Y0 is ahead of x - pi/4 */
V_WIDE v_wave0_shift(double s)
{
    double s2 = s * s, s4 = s2 * s2,
           p = v_four(s, s2, 2.64797065380654758e-11, -2.15048634007653130e-11, -1.23179589659777758e-11,
                      8.43527752942199180e-12);
    p = V_STEP(p, s4,
               v_four(s, s2, -6.68352107777237030e-11, 1.46015861353783415e-11, -6.73008346664099498e-11,
                      4.81327459394914940e-11));
    p = V_STEP(p, s4,
               v_four(s, s2, -4.16868781122086603e-09, 1.48134183988988686e-09, -5.89854521457541724e-10,
                      2.52756197695049583e-10));
    p = V_STEP(p, s4,
               v_four(s, s2, -8.94604788516339725e-07, 1.81035215483603448e-07, -4.47770746425738795e-08,
                      1.28856801531293783e-08));
    p = V_STEP(p, s4,
               v_four(s, s2, -1.23771315424372252e-01, 1.16375073678783286e-03, -5.79490915316143094e-05,
                      5.84478227007609383e-06));
    return p;
}

/* J0(x) / (j^2 - x^2), j being the first root of J0 */
V_WIDE v_j0_part(double u)
{
    double u2 = u * u, u4 = u2 * u2, p = 1.84671240910136513e-11;
    p = V_STEP(p, u4,
               v_four(u, u2, 2.44498282256426459e-06, 1.60955876161914612e-07, 8.70275537651335466e-09,
                      3.80635795893543632e-10));
    p = V_STEP(p, u4,
               v_four(u, u2, 1.00332339541785824e-02, 1.99378150260485750e-03, 2.81419337101880031e-04,
                      2.97406149429696567e-05));
    p = V_STEP(p, u4,
               v_four(u, u2, 9.24173856144427409e-03, 5.46391980476166259e-02, 6.35102135280691676e-02,
                      3.31831284441295588e-02));
    return p;
}

/* sqrt(pi x / 2 (J1^2 + Y1^2)), x >= 5, s = 50 / x^2 - 1 */
V_WIDE v_wave1_height(double s)
{
    double s2 = s * s, s4 = s2 * s2,
           p = V_STEP(-1.58636910052651149e-12, s2, V_STEP(2.48112538550465670e-12, s, 3.11149775296203576e-12));
    p = V_STEP(p, s4,
               v_four(s, s2, -1.46599020645156313e-11, 1.53403939121891720e-11, -9.32346747773157880e-12,
                      -3.73554868692187368e-12));
    p = V_STEP(p, s4,
               v_four(s, s2, -1.01986357651887187e-09, 3.36162225180733268e-10, -1.21808054729299935e-10,
                      4.12031146280112746e-11));
    p = V_STEP(p, s4,
               v_four(s, s2, -4.03005418830710419e-07, 6.53370699640568853e-08, -1.37421152417863689e-08,
                      3.48677635620445503e-09));
    p = V_STEP(p, s4,
               v_four(s, s2, 1.00367814926915599e+00, 3.61104597381082994e-03, -6.29533725876283985e-05,
                      3.66279579598792078e-06));
    return p;
}

/* x times what the angle of J1 + i Y1 is ahead of x - 3 pi/4 */
V_WIDE v_wave1_shift(double s)
{
    double s2 = s * s, s4 = s2 * s2,
           p = v_four(s, s2, -2.94519143828681387e-11, 2.38958850895736459e-11, 1.38278300175732777e-11,
                      -9.43513423302361804e-12);
    p = V_STEP(p, s4,
               v_four(s, s2, 8.05414849135675859e-11, -1.87256733158303366e-11, 7.61476920739509571e-11,
                      -5.40610682930137277e-11));
    p = V_STEP(p, s4,
               v_four(s, s2, 5.11804446895641953e-09, -1.79243803098939009e-09, 7.03827905302151823e-10,
                      -2.98055924176797192e-10));
    p = V_STEP(p, s4,
               v_four(s, s2, 1.26421023772138564e-06, -2.41319524194471419e-07, 5.74992549063618472e-08,
                      -1.61234420938791697e-08));
    p = V_STEP(p, s4,
               v_four(s, s2, 3.71851704740242206e-01, -3.02809425574844613e-03, 1.09476804147242847e-04,
                      -9.13693564576273639e-06));
    return p;
}

/* J1(x) / x / (j^2 - x^2), j being the first root of J1 */
V_WIDE v_j1_part(double u)
{
    double u2 = u * u, u4 = u2 * u2,
           p = v_four(u, u2, 1.26533361601892452e-07, 7.54621205492703925e-09, 3.60994521108024338e-10,
                      1.89822763784550964e-11);
    p = V_STEP(p, u4,
               v_four(u, u2, 9.16099404297993818e-04, 1.52445673541209509e-04, 1.85425222265464166e-05,
                      1.72352468828491063e-06));
    p = V_STEP(p, u4,
               v_four(u, u2, 6.34964538730281493e-03, 1.31283379650683294e-02, 9.71008382687698832e-03,
                      3.77836114963686891e-03));
    return p;
}

/* (pi / 2 Y0(x) - log(x / y) J0(x)) / (x^2 - y^2), y being the first root of Y0 */
V_WIDE v_y0_part(double u)
{
    double u2 = u * u, u4 = u2 * u2, p = 6.30780225495582865e-11;
    p = V_STEP(p, u4,
               v_four(u, u2, 7.42807463640820379e-06, 5.05749632038725315e-07, 2.81676660775479415e-08,
                      1.26267740477349370e-09));
    p = V_STEP(p, u4,
               v_four(u, u2, 2.45146421623282200e-02, 5.24699301290925714e-03, 7.84501309986783261e-04,
                      8.68773775730105786e-05));
    p = V_STEP(p, u4,
               v_four(u, u2, -7.38811804868403071e-03, 7.09604964539862493e-02, 1.18766400237302047e-01,
                      7.31318340577086501e-02));
    return p;
}

/* (pi / 2 Y1(x) - log(x / y) J1(x)) x / (x^2 - y^2), y being the first root of Y1 */
V_WIDE v_y1_part(double u)
{
    double u2 = u * u, u4 = u2 * u2, p = V_STEP(-4.17319486836352960e-11, u, -8.88574067376437763e-10);
    p = V_STEP(p, u4,
               v_four(u, u2, -8.34672643022612350e-05, -6.54899783551172329e-06, -4.11576381536028004e-07,
                      -2.12767808621451750e-08));
    p = V_STEP(p, u4,
               v_four(u, u2, -9.99219874165495625e-02, -3.12428468825897837e-02, -6.08301243097246827e-03,
                      -8.26115574436495103e-04));
    p = V_STEP(p, u4,
               v_four(u, u2, 1.24333418131047535e-01, 3.23294792897334093e-01, 4.68451173883606409e-02,
                      -1.49159356437037594e-01));
    return p;
}

/* sqrt(2 / (pi x)) height e^(i angle), 5 <= x <= V_ALL_TURNS, the angle being x - pi / 4 + shift / x and inverse
 * 1 / x: multiples n + 1/2 of pi / 2 are taken off. */
V_WIDE v_wave(double x, double inverse, double height, double shift, double *cosine)
{
    double shifted = V_MADD(x, 0.63661977236758134308, -0.5) + V_WHOLE, n = shifted - V_WHOLE + 0.5;
    uint64_t quadrant = v_bits64(shifted);
    double first = V_MADD(n, -1.57079632679489655800e+00, x), ahead = shift * inverse;
    double near = V_MADD(n, -6.12323399573676603587e-17, first);
    double less = V_MADD(n, 1.49738490485916983294e-33, V_MADD(n, -6.12323399573676603587e-17, first - near));
    double r = near + ahead, low = less + v_lost(near, ahead, r), u = r * r;
    double s_low, c_low, s = v_sine(r, low, u, &s_low), c = v_cosine(r, low, u, &c_low);
    double size = height * __builtin_sqrt(0.63661977236758134308 * inverse), sine = s + s_low, other = c + c_low;
    *cosine = size * v_double(v_bits64(v_pick(quadrant & 1, sine, other)) ^ ((quadrant + 1) & 2) << 62);
    return size * v_double(v_bits64(v_pick(quadrant & 1, other, sine)) ^ (quadrant & 2) << 62);
}

/* Order 1 is a quarter turn behind order 0. */
V_WIDE v_wave0(double x, double *cosine)
{
    double d = v_least(v_most(x, 5), V_ALL_TURNS), inverse = 1 / d, s = V_MADD(50 * inverse, inverse, -1);
    return v_wave(d, inverse, v_wave0_height(s), v_wave0_shift(s), cosine);
}
V_WIDE v_wave1(double x, double *cosine)
{
    double d = v_least(v_most(x, 5), V_ALL_TURNS), inverse = 1 / d, s = V_MADD(50 * inverse, inverse, -1);
    return v_wave(d, inverse, v_wave1_height(s), v_wave1_shift(s), cosine);
}

/* root^2 - x^2 */
V_WIDE v_below_root(double x, double root, double root_low) { return ((root - x) + root_low) * (root + x); }

/* log(x / root) */
V_WIDE v_log_over(double x, double root, double root_low)
{
    double q = x / root;
    return v_log_of(q, (V_MADD(-q, root, x) - q * root_low) / root);
}

/* v with its sign turned where x has one */
V_WIDE v_turned(double v, double x) { return v_double(v_bits64(v) ^ (v_bits64(x) & 0x8000000000000000u)); }

/* For 0 <= x <= 5; below 1/2 J0 is its power series (9.1.12), which is 1 at 0 */
V_WIDE v_j0_small(double x, double u)
{
    double v = x * x, v2 = v * v, p = V_MADD(-1 / 416179814400.0, v, 1 / 2123366400.0);
    p = V_MADD(p, v2 * v2, v_four(v, v2, 1 / 64.0, -1 / 2304.0, 1 / 147456.0, -1 / 14745600.0));
    return v_pick(x < 0.5, V_MADD(v2, p, V_MADD(-0.25, v, 1)),
                  v_below_root(x, 2.404825557695773, -1.176691651530894e-16) * v_j0_part(u));
}
V_WIDE v_j1_small(double x, double u)
{
    return x * (v_below_root(x, 3.8317059702075125, -1.5269184090088067e-16) * v_j1_part(u));
}

/* Each for |x| <= 5 and for |x| >= 5; elsewhere something finite, but NaN where the C library is asked. */
V_WIDE v_j0_near(double x)
{
    double c = v_least(__builtin_fabs(x), 5);
    return v_j0_small(c, V_MADD(c * c, -0.04, 1));
}
V_WIDE v_j0_far(double x)
{
    double a = __builtin_fabs(x), cosine;
    (void)v_wave0(a, &cosine);
    return v_pick(a <= V_ALL_TURNS, cosine, NAN);
}

V_WIDE v_j1_near(double x)
{
    double c = v_least(__builtin_fabs(x), 5);
    return v_turned(v_j1_small(c, V_MADD(c * c, -0.04, 1)), x);
}
V_WIDE v_j1_far(double x)
{
    double a = __builtin_fabs(x), cosine, sine = v_wave1(a, &cosine);
    return v_pick(a <= V_ALL_TURNS, v_turned(sine, x), NAN);
}

#define V_LEAST_Y 1e-300

V_WIDE v_y0_near(double x)
{
    double c = v_either(x >= V_LEAST_Y, v_least(x, 5), 1), u = V_MADD(c * c, -0.04, 1);
    double log = v_log_over(c, 0.8935769662791675, 2.6596231539720385e-17);
    double v = log * v_j0_small(c, u) - v_below_root(c, 0.8935769662791675, 2.6596231539720385e-17) * v_y0_part(u);
    return v_pick(x >= V_LEAST_Y, 0.63661977236758134308 * v, NAN);
}
V_WIDE v_y0_far(double x)
{
    double cosine, sine = v_wave0(__builtin_fabs(x), &cosine);
    return v_pick((x > 0) & (x <= V_ALL_TURNS), sine, NAN);
}

/* Below 1/4 by the series (Abramowitz and Stegun 9.1.11), all of whose terms are small beside -2 / (pi x), which is rounded
 * last. */
V_WIDE v_y1_tiny(double x)
{
    double h = 0.5 * x, t = h * h, q = 0.63661977236758134308 / x, low = V_STEP(-q, x, 0.63661977236758134308);
    double a = V_STEP(-4.1422476892711431e-05, t, 1.1153594919665281e-03),
           b = V_STEP(-1.1574074074074074e-05, t, 3.4722222222222222e-04);
    a = V_STEP(
        V_STEP(V_STEP(V_STEP(a, t, -1.9182189839330562e-02), t, 1.8157516696085563e-01), t, -6.7278433509846714e-01), t,
        -1.5443132980306572e-01);
    b = V_STEP(V_STEP(V_STEP(V_STEP(b, t, -6.9444444444444444e-03), t, 8.3333333333333333e-02), t, -0.5), t, 1);
    double rest = h * (0.63661977236758134308 * v_log(h) * b - 0.31830988618379067154 * a);
    return rest - (low - 3.9357353350364974e-17) / x - q;
}

V_WIDE v_y1_near(double x)
{
    double c = v_either(x >= V_LEAST_Y, v_least(x, 5), 1), u = V_MADD(c * c, -0.04, 1);
    double log = v_log_over(c, 2.197141326031017, -4.8259835876454966e-17);
    double part = v_below_root(c, 2.197141326031017, -4.8259835876454966e-17) * v_y1_part(u);
    double v = v_pick(c < 0.25, v_y1_tiny(c), 0.63661977236758134308 * (log * v_j1_small(c, u) - part / c));
    return v_pick(x >= V_LEAST_Y, v, NAN);
}
V_WIDE v_y1_far(double x)
{
    double cosine;
    (void)v_wave1(__builtin_fabs(x), &cosine);
    return v_pick((x > 0) & (x <= V_ALL_TURNS), -cosine, NAN);
}

#endif
#endif
