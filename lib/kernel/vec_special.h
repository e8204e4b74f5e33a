/* vec_special.h - special functions and their derivatives in float64, without branches, as vec_math64.h; float32 goes
 * through them, too. For vec_*.c files.
 *
 * The polynomials are Chebyshev fits, rewritten in powers of a variable that runs from -1 to 1, or power series of positive
 * terms. None amplifies rounding by more than 7.
 */
#ifndef TAPIR_KERNEL_VEC_SPECIAL_H
#define TAPIR_KERNEL_VEC_SPECIAL_H

#include "kernel/vec_derivative.h"

#if defined(__FMA__)
#define V_STEP(a, b, c) __builtin_fma(a, b, c)
#else
#define V_STEP(a, b, c) ((a) * (b) + (c))
#endif

/* x where it is negative, 0 where it is positive; by bits, as v_most: no arithmetic before the choice */
V_WIDE v_negative(double x) { return -v_most(-x, 0); }

/* a + b s + c s^2 + d s^3 */
V_WIDE v_four(double s, double s2, double a, double b, double c, double d)
{
    return V_STEP(s2, V_STEP(d, s, c), V_STEP(b, s, a));
}

/* ---- the normal distribution ------------------------------------------------------------------------------------ */

/* erfcx(x) (1 + x), x >= 0, as a polynomial in s = (x - 4) / (x + 4) */
V_WIDE v_erfcx_part(double s)
{
    double s2 = s * s, s4 = s2 * s2, p = -1.39575740327674954e-10;
    p = V_STEP(p, s4,
               v_four(s, s2, -1.13969790802476476e-08, -5.19072998220458133e-09, 1.68443541220378726e-09,
                      3.88142044279440359e-10));
    p = V_STEP(p, s4,
               v_four(s, s2, 4.02853294701060158e-09, -3.62526150508761037e-07, 5.13133459362125118e-08,
                      4.55341979472074270e-08));
    p = V_STEP(p, s4,
               v_four(s, s2, 6.40327405175360707e-05, -1.31505563488142396e-05, -4.13841534807794507e-06,
                      2.64905100365372606e-06));
    p = V_STEP(p, s4,
               v_four(s, s2, -6.06873521768340994e-03, 2.11642162054963712e-03, -3.89767493651363233e-04,
                      -6.01369531456609713e-05));
    p = V_STEP(p, s4,
               v_four(s, s2, 3.96205568130300004e-03, 1.53125096796215849e-02, -1.75156546467682035e-02,
                      1.21617847484234102e-02));
    p = V_STEP(p, s4,
               v_four(s, s2, 6.84997288125306913e-01, -1.99344582800366987e-01, 1.17049665510442241e-01,
                      -4.80803812213181844e-02));
    return p;
}

/* -erfcx'(x) (1 + x)^2, x >= 0, as a polynomial in s = (x - 4) / (x + 4) */
V_WIDE v_erfcx_part1(double s)
{
    double s2 = s * s, s4 = s2 * s2,
           p = v_four(s, s2, 5.96262832991158713e-09, -3.94514077414719967e-09, -4.68724319164171444e-10,
                      3.13170703859571003e-10);
    p = V_STEP(p, s4,
               v_four(s, s2, 3.46887701540101430e-07, -1.60975834931787837e-07, -4.74355866195598496e-08,
                      2.83404766910672128e-08));
    p = V_STEP(p, s4,
               v_four(s, s2, 1.87952538839011448e-05, -2.47859450988585857e-06, -2.59715681922283536e-06,
                      7.76392133303719056e-07));
    p = V_STEP(p, s4,
               v_four(s, s2, 1.14918947099359184e-04, 2.68463309332522034e-04, -1.07579042816586588e-04,
                      -9.17086767795881345e-06));
    p = V_STEP(p, s4,
               v_four(s, s2, 1.81360788269578025e-03, -8.89178880825884296e-03, 6.19217712961981932e-03,
                      -2.16738578574054552e-03));
    p = V_STEP(p, s4,
               v_four(s, s2, -9.40179102593180216e-02, 1.06079935224758226e-01, -6.82859892597462576e-02,
                      2.43783612196095643e-02));
    p = V_STEP(p, s4,
               v_four(s, s2, 8.09587652375536315e-01, -3.95492810388511917e-01, 1.90970994505480357e-01,
                      -6.25855720768429304e-03));
    return p;
}

/* erfcx''(x) (1 + x)^3, x >= 0, as a polynomial in s = (x - 4) / (x + 4) */
V_WIDE v_erfcx_part2(double s)
{
    double s2 = s * s, s4 = s2 * s2, p = 4.41130636285417312e-09;
    p = V_STEP(p, s4,
               v_four(s, s2, 3.78510577922182287e-07, 3.53021992141112824e-08, -5.45530109863433596e-08,
                      -2.83153237205362606e-09));
    p = V_STEP(p, s4,
               v_four(s, s2, 1.01222383742499305e-05, 2.11941931311952107e-06, -2.07413695384463656e-06,
                      -2.80274726016265784e-07));
    p = V_STEP(p, s4,
               v_four(s, s2, 8.75415719290247095e-05, 1.26525439734213939e-04, -4.19408444565472929e-05,
                      -1.66623037342804745e-05));
    p = V_STEP(p, s4,
               v_four(s, s2, -1.05471338642665578e-02, 2.86788938463387010e-03, 8.03042684722934073e-04,
                      -8.05489152364460403e-04));
    p = V_STEP(p, s4,
               v_four(s, s2, 1.21263941823556376e-01, -7.10503856398168876e-02, 1.27557867450994056e-02,
                      1.20636883825495436e-02));
    p = V_STEP(p, s4,
               v_four(s, s2, -6.20594405213858114e-01, 4.59805383816745072e-01, -1.46756414201572094e-01,
                      -7.12926606954840530e-02));
    p = V_STEP(p, s4,
               v_four(s, s2, 1.86635831124389262e+00, -1.12857256650600202e+00, 3.40852477132415455e-01,
                      3.61061989206241329e-01));
    return p;
}

/* With a = |x|: erfcx(a), -erfcx'(a), erfcx''(a), all positive. */
V_WIDE v_erfcx_variable(double a)
{
    double c = v_least(a, 1e18);
    return (c - 4) / (c + 4);
}
V_WIDE v_erfcx_right(double a) { return v_erfcx_part(v_erfcx_variable(a)) / (1 + a); }
V_WIDE v_erfcx_fall(double a)
{
    double inverse = 1 / (1 + a);
    return v_erfcx_part1(v_erfcx_variable(a)) * inverse * inverse;
}

/* erfcx(-a) = 2 e^(a^2) - erfcx(a); what the square loses is put back. */
V_WIDE v_erfcx(double x)
{
    double a = fabs(x), c = v_least(x < 0 ? a : 0, 30), h = c * c, right = v_erfcx_right(a);
    double power = v_exp(h) * (1 + fma(c, c, -h));
    return x < 0 ? 2 * power - right : x == x ? right : x;
}

/* erfcx'(|x|), and 4 x e^(x^2) left of 0 */
V_WIDE v_erfcx_slope(double x)
{
    double a = fabs(x), c = v_least(v_negative(x) == 0 ? 0 : a, 30), h = c * c;
    double power = v_exp(h) * (1 + fma(c, c, -h));
    return x == x ? -v_erfcx_fall(a) - 4 * c * power : x;
}

/* 2 erfcx(x) + 2 x erfcx'(x) */
V_WIDE v_erfcx_bend(double x)
{
    double a = fabs(x), inverse = 1 / (1 + a), right = v_erfcx_part2(v_erfcx_variable(a)) * inverse * inverse * inverse;
    double b = v_negative(x), here = v_erfcx(b), left = 2 * here + 2 * b * (2 * b * here - 1.12837916709551257390);
    return x < 0 ? left : x == x ? right : x;
}

/* factor x^k e^(-half x^2), half being 1 or 0.5; the exponential in two factors, for it may be subnormal before the product
 * is. */
V_WIDE v_bell_term(double x, double factor, double half, int k)
{
    double a = fabs(x), c = v_least(a, 40), h = c * c, root = v_exp(-0.5 * half * h);
    double v = factor * (1 - half * fma(c, c, -h));
    for (int i = 0; i < k; i++)
        v *= copysign(c, x);
    v = v * root * root;
    return x == x ? v : x;
}

/* r(x) = p(x) / P(x), the slope of log P; x + r(x), without cancellation on the left; and r' = -r (x + r). */
V_WIDE v_hazard(double x)
{
    double b = v_least(x > 0 ? x : 0, 40), right = v_bell_term(b, 0.39894228040143267794, 0.5, 0) / v_ndtr(b);
    double t = 0.70710678118654752440 * (x > 0 ? 0 : fabs(x));
    double left = 0.79788456080286535588 * (1 + t) / v_erfcx_part(v_erfcx_variable(t));
    return x > 0 ? right : x == x ? left : x;
}
V_WIDE v_hazard_gap(double x)
{
    double t = 0.70710678118654752440 * (x > 0 ? 0 : fabs(x));
    double s = v_erfcx_variable(t), left = v_erfcx_part1(s) / ((1 + t) * v_erfcx_part(s)) * 0.70710678118654752440;
    return x > 0 ? x + v_hazard(x) : x == x ? left : x;
}
V_WIDE v_hazard_slope(double x)
{
    double t = 0.70710678118654752440 * (x > 0 ? 0 : fabs(x)), s = v_erfcx_variable(t), m = v_erfcx_part(s);
    double left = -0.56418958354775628695 * v_erfcx_part1(s) / (m * m), b = v_least(x > 0 ? x : 0, 40), r = v_hazard(b);
    double right = -(v_bell_term(b, 0.39894228040143267794, 0.5, 1) / v_ndtr(b) + r * r);
    return x > 0 ? right : x == x ? left : x;
}

V_WIDE v_log_ndtr(double x)
{
    double b = v_negative(x), far = v_log(0.5 * v_erfcx_right(-0.70710678118654752440 * b)) - 0.5 * b * b;
    double near = v_log1p(-v_ndtr(x < -1 ? 1 : -x));
    return x < -1 ? far : near;
}

/* The derivative of the inverse y of erf. With e^(y^2) = erfcx(y) / erfc(y) the rounding of y, which the exponential would
 * magnify, does not count, and erfc(y) = 1 - x is exact where it is small. That of the inverse of P as well. */
V_WIDE v_erfinv_slope_at(double x, double y)
{
    double a = fabs(x), rest = a < 1 ? 1 - a : 1, v = 0.88622692545275801365 * v_erfcx_right(fabs(y)) / rest;
    return a == 1 ? INFINITY : y == y ? v : y;
}

/* P(y) (1 + w) / p(y), w = sqrt(-2 log P(y)), y <= 0, p the density, in s = 1.547 (w - 3) / (w + 3) - 0.325 */
V_WIDE v_ndtri_slope_part(double s)
{
    double s2 = s * s, s4 = s2 * s2, p = 1.07664423047594541e-06;
    p = V_STEP(p, s4,
               v_four(s, s2, 3.09551406435709379e-05, -8.14309115580484500e-06, -8.44997092458018747e-06,
                      1.05564941043442179e-06));
    p = V_STEP(p, s4,
               v_four(s, s2, 1.06490952541991185e-04, -6.29149009165594136e-05, -6.93698367366221209e-05,
                      2.89274920438172196e-05));
    p = V_STEP(p, s4,
               v_four(s, s2, 9.80476733794576408e-05, -9.91439573702699027e-05, -1.17040261087090320e-04,
                      9.25239396306258110e-05));
    p = V_STEP(p, s4,
               v_four(s, s2, 4.45610055646449319e-05, -5.42863563711152636e-05, -5.48576411339633227e-05,
                      7.43431872640790701e-05));
    p = V_STEP(p, s4,
               v_four(s, s2, 1.72818226477383083e-04, -1.01187441188566927e-04, 4.27527822686903086e-05,
                      -9.03124340752018204e-06));
    p = V_STEP(p, s4,
               v_four(s, s2, 1.71021207689129261e-03, -9.62559899654788042e-04, 5.41822636457659650e-04,
                      -3.01405674842255514e-04));
    p = V_STEP(p, s4,
               v_four(s, s2, 1.61902478518887276e-02, -9.28441560988316553e-03, 5.31288179282360037e-03,
                      -3.01485452358411614e-03));
    p = V_STEP(p, s4,
               v_four(s, s2, 1.36852082924816904e-01, -8.11870628698101032e-02, 4.79377786222510704e-02,
                      -2.79318521887362628e-02));
    p = V_STEP(p, s4,
               v_four(s, s2, 1.31043690807017721e+00, -5.02804344938126424e-01, 3.59418371877953724e-01,
                      -2.24726763413331865e-01));
    return p;
}

V_WIDE v_ndtri_slope(double p)
{
    double rest = p < 0.5 ? p : 1 - p, safe = v_most(v_least(rest, 0.5), 0x1p-1074), w = sqrt(-2 * v_log(safe));
    double s = V_STEP((w - 3) / (w + 3), 1.547490312504997, -0.32482983588557296);
    double v = v_ndtri_slope_part(s) / (1 + w) / safe;
    return v_pick(rest > 0, v, v_pick(rest == 0, INFINITY, NAN));
}

#include "kernel/vec_bessel_i.h"

/* ---- psi functions ---------------------------------------------------------------------------------------------- */

/* digamma(x) / (x - x0), 1 <= x <= 2, x0 being its root, as a polynomial in s = 2 x - 3 */
V_WIDE v_digamma_part(double s)
{
    double s2 = s * s, s4 = s2 * s2,
           p = V_STEP(2.91862273216826089e-11, s2, V_STEP(-8.50550766013260961e-11, s, 8.73452842914295260e-11));
    p = V_STEP(p, s4,
               v_four(s, s2, 1.05276924350266864e-08, -3.70837532428072771e-09, 1.24699846167074033e-09,
                      -2.75809948143769985e-10));
    p = V_STEP(p, s4,
               v_four(s, s2, 8.58906072193069459e-07, -2.86316116688319280e-07, 9.54329828827827462e-08,
                      -3.16291114740845429e-08));
    p = V_STEP(p, s4,
               v_four(s, s2, 6.99501882511279356e-05, -2.32582425191132848e-05, 7.74123450863636391e-06,
                      -2.57809395404577220e-06));
    p = V_STEP(p, s4,
               v_four(s, s2, 5.93679527830176090e-03, -1.93506666486130711e-03, 6.36888030386581656e-04,
                      -2.10748411381755615e-04));
    p = V_STEP(p, s4,
               v_four(s, s2, 9.51055876031832836e-01, -2.11813710640730291e-01, 6.01356210601968408e-02,
                      -1.85506153817350077e-02));
    return p;
}

/* On (0, 3], where its root x0 is, as a sum of two: digamma(x) = (x - x0) P(x), by recurrence below 1 and above 2; beyond, or
 * where there is none, `other`. */
V_WIDE v_digamma_near(double x, double other)
{
    int near = (x > 1e-300) & (x <= 3), below = x<1, above = x> 2;
    double a = v_least(fabs(x), 3), b = below ? a + 1 : a, y = above ? a - 1 : b, low = below ? a - (y - 1) : 0;
    double p = ((y - 1.46163214496836225e+00) + (low - 9.54999542996569743e-17)) * v_digamma_part(2 * y - 3);
    double one = 1 / v_most(above ? y : a, 1e-300);
    return near ? p + (below ? -one : above ? one : 0) : other;
}

/* The derivative of digamma, for x > 0, or else NaN: the first ten terms of the sum of 1 / (x + k)^2, from k = 1 on over a
 * common denominator, and the asymptotic series (Abramowitz and Stegun 6.4.12) beyond. */
V_WIDE v_trigamma(double x)
{
    double small = v_least(x, 10), top = 0, bottom = 1;
    for (int k = 1; k < 10; k++) {
        double square = (small + k) * (small + k);
        top = V_STEP(top, square, bottom);
        bottom *= square;
    }
    double z = x < 10 ? small + 10 : x, r = 1 / z, r2 = r * r, p = 43867.0 / 798;
    p = V_STEP(p, r2, -3617.0 / 510);
    p = V_STEP(p, r2, 7.0 / 6);
    p = V_STEP(p, r2, -691.0 / 2730);
    p = V_STEP(p, r2, 5.0 / 66);
    p = V_STEP(p, r2, -1.0 / 30);
    p = V_STEP(p, r2, 1.0 / 42);
    p = V_STEP(p, r2, -1.0 / 30);
    p = V_STEP(p, r2, 1.0 / 6);
    double far = V_STEP(r2, V_STEP(p, r, 0.5), r), first = 1 / v_either((x > 0) & (x < 10), x, 1);
    return v_pick(x > 0, v_pick(x < 10, far + top / bottom + first * first, far), NAN);
}

/* ---- the gamma distribution ------------------------------------------------------------------------------------- */

/* x^(a - 1) e^-x / gamma(a), of 1 / gamma(a) = a (a + 1) ... (a + 7) / gamma(a + 8) for a < 8 and Stirling's series (Abramowitz
 * and Stegun 6.1.41), its exponent (a - 1) log x - (z - 1/2) log z + z - x - ... as a sum of two; NaN where a number on the way
 * is not an ordinary one. */
#if defined(__FMA__)
V_WIDE v_gamma_density(double a, double x)
{
    int usual = (a >= 0.5) & (a < 1e5) & (x > 1e-300) & (x < 1e5);
    double b = v_either(usual, a, 1), t = v_either(usual, x, 1), w = v_least(b, 8), more = b < 8 ? 8 : 0, z = b + more;
    double q = w * (w + 7), product = b < 8 ? q * (q + 6) * ((q + 10) * (q + 12)) : 1;
    double x_low, z_low, log_x = v_log_wide(t, &x_low), log_z = v_log_wide(z, &z_low), lost = v_lost(b, more, z);
    double less = b - 1, half = z - 0.5, first = less * log_x, second = half * log_z, apart = z - t;
    double low = V_STEP(less, log_x, -first) + V_STEP(less, x_low, v_lost(b, -1, less) * log_x);
    low -= V_STEP(half, log_z, -second) + V_STEP(half, z_low, lost * (log_z - 0.5 / z));
    double sum = first - second, all = sum + apart, r = 1 / z, r2 = r * r, p = 1.0 / 156;
    low += v_lost(first, -second, sum) + v_lost(sum, apart, all) + v_lost(z, -t, apart);
    p = V_STEP(p, r2, -691.0 / 360360);
    p = V_STEP(p, r2, 1.0 / 1188);
    p = V_STEP(p, r2, -1.0 / 1680);
    p = V_STEP(p, r2, 1.0 / 1260);
    p = V_STEP(p, r2, -1.0 / 360);
    double series = V_STEP(r, V_STEP(p, r2, 1.0 / 12), 0.91893853320467274178), power = all - series;
    low += v_lost(all, -series, power);
    return v_pick((fabs(power) < 650) & usual, v_exp_times(product, v_either(fabs(power) < 650, power, 0), low), NAN);
}
V_WIDE v_gamma_densityf(double a, double x)
{
    int usual = (a > 1e-40) & (a < 1e5) & (x > 1e-50) & (x < 1e5);
    double b = v_either(usual, a, 1), t = v_either(usual, x, 1), power = (b - 1) * v_log(t) - t - v_lgamma(b);
    return v_pick((fabs(power) < 650) & usual, v_exp(power), NAN);
}
#else
#define v_gamma_density(a, x) ((double)NAN)
#define v_gamma_densityf(a, x) ((double)NAN)
#endif

#endif
