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

/* ---- modified Bessel functions ---------------------------------------------------------------------------------- */

/* I0(x), |x| <= 8, by its power series in s = x^2 */
V_WIDE v_i0_near(double s)
{
    double s2 = s * s, s4 = s2 * s2, p = V_STEP(8.71068600351890949e-53, s, 1.53656501102073564e-49);
    p = V_STEP(p, s4,
               v_four(s, s2, 5.31864435663559425e-37, 4.60090342269515038e-40, 3.55007980146230734e-43,
                      2.45850401763317694e-46));
    p = V_STEP(p, s4,
               v_four(s, s2, 2.59780277210771739e-25, 3.84290350903508478e-28, 4.90166263907536350e-31,
                      5.44629182119484851e-34));
    p = V_STEP(p, s4,
               v_four(s, s2, 9.38596699032984197e-15, 2.89690339207711179e-17, 7.24225848019277894e-20,
                      1.49633439673404534e-22));
    p = V_STEP(p, s4,
               v_four(s, s2, 6.78168402777777740e-06, 6.78168402777777777e-08, 4.70950279706790135e-10,
                      2.40280754952443954e-12));
    p = V_STEP(p, s4,
               v_four(s, s2, 1.00000000000000000e+00, 2.50000000000000000e-01, 1.56250000000000000e-02,
                      4.34027777777777754e-04));
    return p;
}

/* I1(x) / x */
V_WIDE v_i1_near(double s)
{
    double s2 = s * s, s4 = s2 * s2, p = 3.65848812147794172e-51;
    p = V_STEP(p, s4,
               v_four(s, s2, 1.56430716371635108e-38, 1.27802872852643069e-41, 9.34231526700607207e-45,
                      6.14626004408294212e-48));
    p = V_STEP(p, s4,
               v_four(s, s2, 9.99154912349122141e-27, 1.37246553894110175e-29, 1.63388754635845450e-32,
                      1.70196619412339016e-35));
    p = V_STEP(p, s4,
               v_four(s, s2, 5.21442610573880109e-16, 1.44845169603855574e-18, 3.29193567281489955e-21,
                      6.23472665305852175e-24));
    p = V_STEP(p, s4,
               v_four(s, s2, 6.78168402777777804e-07, 5.65140335648148120e-09, 3.36393056933421488e-11,
                      1.50175471845277472e-13));
    p = V_STEP(p, s4,
               v_four(s, s2, 5.00000000000000000e-01, 6.25000000000000000e-02, 2.60416666666666652e-03,
                      5.42534722222222192e-05));
    return p;
}

/* its derivative, I1'(x) */
V_WIDE v_i1_slope_near(double s)
{
    double s2 = s * s, s4 = s2 * s2, p = V_STEP(8.51271586707529803e-53, s, 1.49998012980595612e-49);
    p = V_STEP(p, s4,
               v_four(s, s2, 5.16221364026395885e-37, 4.47310054984250774e-40, 3.45665664879224669e-43,
                      2.39704141719234756e-46));
    p = V_STEP(p, s4,
               v_four(s, s2, 2.49788728087280515e-25, 3.70565695514097469e-28, 4.73827388443951762e-31,
                      5.27609520178250899e-34));
    p = V_STEP(p, s4,
               v_four(s, s2, 8.86452437975596186e-15, 2.75205822247325598e-17, 6.91306491291128850e-20,
                      1.43398713020346007e-22));
    p = V_STEP(p, s4,
               v_four(s, s2, 6.10351562500000034e-06, 6.21654369212962907e-08, 4.37310974013447960e-10,
                      2.25263207767916192e-12));
    p = V_STEP(p, s4,
               v_four(s, s2, 5.00000000000000000e-01, 1.87500000000000000e-01, 1.30208333333333339e-02,
                      3.79774305555555562e-04));
    return p;
}

/* sqrt(x) e^-x I0(x), x >= 8, as a polynomial in s = 16 / x - 1 */
V_WIDE v_i0_far(double s)
{
    double s2 = s * s, s4 = s2 * s2, p = -6.06763157060300627e-11;
    p = V_STEP(p, s4,
               v_four(s, s2, -1.61898068362468193e-09, 1.52792026949815686e-10, 4.57708763164362292e-10,
                      -2.02606042874136258e-11));
    p = V_STEP(p, s4,
               v_four(s, s2, -5.95356943826489037e-09, 1.52008169539242316e-09, 3.63795463590111433e-09,
                      -5.71584386420270866e-10));
    p = V_STEP(p, s4,
               v_four(s, s2, -5.40477156757995811e-09, 7.55258306212338419e-09, 7.43046465032542633e-09,
                      -3.50596653087933196e-09));
    p = V_STEP(p, s4,
               v_four(s, s2, 2.15483779747915982e-08, 7.55469188124880801e-09, -6.74765795610752405e-09,
                      -1.34089175400897398e-08));
    p = V_STEP(p, s4,
               v_four(s, s2, 1.48384756582792489e-06, 2.97359858856739228e-07, 8.87221973790405390e-08,
                      3.93258433455295187e-08));
    p = V_STEP(p, s4,
               v_four(s, s2, 4.02176509445008101e-01, 3.36055198366786139e-03, 1.36216074391930507e-04,
                      1.11430337909320376e-05));
    return p;
}

/* and I1 */
V_WIDE v_i1_far(double s)
{
    double s2 = s * s, s4 = s2 * s2, p = 6.30596519715005705e-11;
    p = V_STEP(p, s4,
               v_four(s, s2, 1.68489844797051461e-09, -1.40116251797706271e-10, -4.75881883870385339e-10,
                      1.85151188288529557e-11));
    p = V_STEP(p, s4,
               v_four(s, s2, 6.24274121978644507e-09, -1.43872505330410133e-09, -3.79467089620833928e-09,
                      5.29562544116126128e-10));
    p = V_STEP(p, s4,
               v_four(s, s2, 5.97443760804026417e-09, -7.64239413436356065e-09, -7.88835150786207753e-09,
                      3.42623414900779577e-09));
    p = V_STEP(p, s4,
               v_four(s, s2, -2.33739282081426386e-08, -8.42776609373518482e-09, 6.73446481530159168e-09,
                      1.40342387820671827e-08));
    p = V_STEP(p, s4,
               v_four(s, s2, -1.83491013269809460e-06, -3.48385576104429479e-07, -1.00012882948648835e-07,
                      -4.31291772917834898e-08));
    p = V_STEP(p, s4,
               v_four(s, s2, 3.89398459025872334e-01, -9.74957719323573703e-03, -2.19235763833889284e-04,
                      -1.50385472005672158e-05));
    return p;
}

/* and its derivative */
V_WIDE v_i1_slope_far(double s)
{
    double s2 = s * s, s4 = s2 * s2, p = -6.55305732705525094e-11;
    p = V_STEP(p, s4,
               v_four(s, s2, -1.75353888726472728e-09, 1.23983000205275539e-10, 4.94743652980620138e-10,
                      -1.63078580236852611e-11));
    p = V_STEP(p, s4,
               v_four(s, s2, -6.55233516889482418e-09, 1.32952307275508468e-09, 3.95924294949627490e-09,
                      -4.75283074326739899e-10));
    p = V_STEP(p, s4,
               v_four(s, s2, -6.65383835680759898e-09, 7.69118138224061499e-09, 8.39763400248892454e-09,
                      -3.30167501963304848e-09));
    p = V_STEP(p, s4,
               v_four(s, s2, 2.57048939926261946e-08, 9.54444772186107308e-09, -6.64223579435739481e-09,
                      -1.47175939788273439e-08));
    p = V_STEP(p, s4,
               v_four(s, s2, 2.53843864955658496e-06, 4.33815859468931008e-07, 1.16747093611063491e-07,
                      4.82719533672134246e-08));
    p = V_STEP(p, s4,
               v_four(s, s2, 3.77839105755891080e-01, -2.03675031308719195e-02, 7.59266884208773668e-04,
                      2.57851782299747898e-05));
    return p;
}

/* -x sqrt(x) (e^-x I0(x))', x >= 8 */
V_WIDE v_i0e_slope_far(double s)
{
    double s2 = s * s, s4 = s2 * s2, p = V_STEP(7.07918174188908473e-10, s, -1.41007471233866093e-10);
    p = V_STEP(p, s4,
               v_four(s, s2, -6.37667974933301064e-09, 2.38044320171364407e-08, 1.38337896925726956e-09,
                      -6.01993573851505017e-09));
    p = V_STEP(p, s4,
               v_four(s, s2, -3.80816207792086843e-08, 1.02868724245580472e-07, 1.84836859249787363e-08,
                      -5.86801429898573191e-08));
    p = V_STEP(p, s4,
               v_four(s, s2, -7.08293707357660349e-08, 1.66773577393865671e-07, 5.94536438395973740e-08,
                      -1.41001506308089192e-07));
    p = V_STEP(p, s4,
               v_four(s, s2, 3.20688587548504130e-08, 2.21344758804849089e-07, 5.26121158283786300e-08,
                      -1.90045604840804396e-07));
    p = V_STEP(p, s4,
               v_four(s, s2, 2.51239396503185532e-07, 4.98429558298044714e-09, -2.18807691727835163e-07,
                      -2.23065283451253931e-07));
    p = V_STEP(p, s4,
               v_four(s, s2, 8.16411382576345956e-06, 2.16781688011558278e-06, 8.51966078341133982e-07,
                      4.67256605076793790e-07));
    p = V_STEP(p, s4,
               v_four(s, s2, 2.04448806706171937e-01, 5.31326012428667317e-03, 3.73969287342696820e-04,
                      4.49360084069971085e-05));
    return p;
}

/* x^2 sqrt(x) (e^-x I0(x))'', x >= 8 */
V_WIDE v_i0e_bend_far(double s)
{
    double s2 = s * s, s4 = s2 * s2, p = 1.38784983578110197e-08;
    p = V_STEP(p, s4,
               v_four(s, s2, 5.17799623863385818e-07, 7.16518947668742866e-08, -1.24737577729064064e-07,
                      -7.45777081021641451e-09));
    p = V_STEP(p, s4,
               v_four(s, s2, 2.31869482694970224e-06, 9.19693406971432619e-07, -1.31975125866553502e-06,
                      -3.23647077693895003e-07));
    p = V_STEP(p, s4,
               v_four(s, s2, 2.99460134202575794e-06, 2.91005838040341606e-06, -2.99680944246712638e-06,
                      -1.86338278303701442e-06));
    p = V_STEP(p, s4,
               v_four(s, s2, 2.00040462509427105e-06, 4.16827959986758173e-06, -2.47688695673662058e-06,
                      -3.73084636091869782e-06));
    p = V_STEP(p, s4,
               v_four(s, s2, 3.33738426292393326e-06, 3.94198440454608244e-06, -2.15915100799298589e-06,
                      -4.26368648030609274e-06));
    p = V_STEP(p, s4,
               v_four(s, s2, 2.43202828985390936e-06, -2.13596056183897718e-06, -4.97404509847891926e-06,
                      -2.40223549638064566e-06));
    p = V_STEP(p, s4,
               v_four(s, s2, 5.57417111618710917e-05, 1.92026049768361274e-05, 9.66051850526834912e-06,
                      5.98161847697963525e-06));
    p = V_STEP(p, s4,
               v_four(s, s2, 3.11986470183544584e-01, 1.40310888854018601e-02, 1.44370053091168291e-03,
                      2.34868493164656033e-04));
    return p;
}

/* -(1 + x)^2 (e^-x I0(x))', 0 <= x <= 8, as a polynomial in s = x / 4 - 1 */
V_WIDE v_i0e_slope_near(double s)
{
    double s2 = s * s, s4 = s2 * s2,
           p = v_four(s, s2, 2.98260429848599687e-07, -9.29339448167018345e-08, 6.53041296140158693e-08,
                      -1.78199195412077154e-08);
    p = V_STEP(p, s4,
               v_four(s, s2, 3.25419167179520155e-05, -1.16958568246424501e-05, 4.30318715040806905e-06,
                      -1.39594203645811975e-06));
    p = V_STEP(p, s4,
               v_four(s, s2, 1.15529435056112924e-03, -5.19589857782325085e-04, 2.19719227593817438e-04,
                      -8.74382236146088162e-05));
    p = V_STEP(p, s4,
               v_four(s, s2, 1.23867862769699317e-02, -7.98271154005647694e-03, 4.58187335078302348e-03,
                      -2.39480498496715249e-03));
    p = V_STEP(p, s4,
               v_four(s, s2, -1.72900145827220159e-02, -7.57049182161251364e-03, 1.66712831230299632e-02,
                      -1.64070285789583679e-02));
    p = V_STEP(p, s4,
               v_four(s, s2, -1.77049427106987678e-01, 1.65750919863174806e-01, -1.17114516828192697e-01,
                      6.09697279882811527e-02));
    p = V_STEP(p, s4,
               v_four(s, s2, 2.29890302938433128e-01, -1.22146584539867264e-01, -1.48186278685661418e-02,
                      1.26426670868049651e-01));
    p = V_STEP(p, s4,
               v_four(s, s2, 7.06277043038784247e-01, -5.14020878873361550e-02, 2.31269262260046793e-01,
                      -2.68407191884423912e-01));
    return p;
}

/* (1.25 + x)^3 (e^-x I0(x))'', 0 <= x <= 8 */
V_WIDE v_i0e_bend_near(double s)
{
    double s2 = s * s, s4 = s2 * s2, p = -8.90952041588423849e-08;
    p = V_STEP(p, s4,
               v_four(s, s2, -6.08494353059484001e-06, 1.21173937911566954e-06, -3.95701673195522425e-07,
                      3.20127358633329599e-07));
    p = V_STEP(p, s4,
               v_four(s, s2, -3.10240497264670397e-04, 1.21504807177220036e-04, -4.59898467772329437e-05,
                      1.81415390048485850e-05));
    p = V_STEP(p, s4,
               v_four(s, s2, -5.59717876862764977e-03, 3.13104397281668010e-03, -1.57315934664241201e-03,
                      7.26874362598321018e-04));
    p = V_STEP(p, s4,
               v_four(s, s2, 1.13942717768480174e-02, 6.46627075236188339e-03, -1.04321180900379916e-02,
                      8.62829099387139864e-03));
    p = V_STEP(p, s4,
               v_four(s, s2, 2.54203799064398051e-01, -2.06539272441267657e-01, 1.23127660564663705e-01,
                      -5.30987202675845121e-02));
    p = V_STEP(p, s4,
               v_four(s, s2, -1.02132634068948991e+00, 5.36077072494312912e-01, -8.13248523592590977e-02,
                      -1.83931385600096420e-01));
    p = V_STEP(p, s4,
               v_four(s, s2, 7.52639499355716723e-01, 1.77121459161948769e-01, -9.61147303479250037e-01,
                      1.24713241581905665e+00));
    p = V_STEP(p, s4,
               v_four(s, s2, 1.70958835138376730e+00, -9.24193567172471808e-01, 1.41222191430998700e+00,
                      -1.35993741665084245e+00));
    return p;
}

/* -x sqrt(x) (e^-x I1(x))', x >= 8 */
V_WIDE v_i1e_slope_far(double s)
{
    double s2 = s * s, s4 = s2 * s2, p = V_STEP(-7.25082654473597024e-10, s, 1.68212658234865246e-10);
    p = V_STEP(p, s4,
               v_four(s, s2, 7.30577995054336456e-09, -2.43338597563327679e-08, -1.61549636804764780e-09,
                      6.16058015738146850e-09));
    p = V_STEP(p, s4,
               v_four(s, s2, 4.23877882515414163e-08, -1.04837730575545046e-07, -2.08334919509663314e-08,
                      5.99021790860351119e-08));
    p = V_STEP(p, s4,
               v_four(s, s2, 7.87283405864116605e-08, -1.69691957254638365e-07, -6.57441793500814538e-08,
                      1.43477135111191228e-07));
    p = V_STEP(p, s4,
               v_four(s, s2, -2.58457970260200813e-08, -2.29300439748839461e-07, -6.12706577171400938e-08,
                      1.94279072585479058e-07));
    p = V_STEP(p, s4,
               v_four(s, s2, -2.74605647047199515e-07, -1.34274015291100746e-08, 2.25487829207088785e-07,
                      2.37184178542899069e-07));
    p = V_STEP(p, s4,
               v_four(s, s2, -9.99902392978466441e-06, -2.51620257008063240e-06, -9.51979610774087522e-07,
                      -5.10384029742572184e-07));
    p = V_STEP(p, s4,
               v_four(s, s2, 1.84949652319700397e-01, -1.50628373175224414e-02, -5.93205051177085434e-04,
                      -5.99745556040921177e-05));
    return p;
}

/* x^2 sqrt(x) (e^-x I1(x))'', x >= 8 */
V_WIDE v_i1e_bend_far(double s)
{
    double s2 = s * s, s4 = s2 * s2, p = -1.40793243934179443e-08;
    p = V_STEP(p, s4,
               v_four(s, s2, -5.23647051339091380e-07, -7.68816315335979587e-08, 1.26373371385698211e-07,
                      8.03680173047001256e-09));
    p = V_STEP(p, s4,
               v_four(s, s2, -2.33029877127578444e-06, -9.77371462400708608e-07, 1.33129443986508292e-06,
                      3.45654515982021724e-07));
    p = V_STEP(p, s4,
               v_four(s, s2, -2.96361760009633791e-06, -3.06121413593733359e-06, 2.99435741962650526e-06,
                      1.97008306479387567e-06));
    p = V_STEP(p, s4,
               v_four(s, s2, -1.91735193103569129e-06, -4.35668927486936327e-06, 2.41359300285655221e-06,
                      3.90784343787287677e-06));
    p = V_STEP(p, s4,
               v_four(s, s2, -3.35723388868944069e-06, -4.18078871463983280e-06, 2.09028701031770323e-06,
                      4.46803790637686222e-06));
    p = V_STEP(p, s4,
               v_four(s, s2, -2.73000343046340459e-06, 2.11405411425264494e-06, 5.20624651324301193e-06,
                      2.65382609090393227e-06));
    p = V_STEP(p, s4,
               v_four(s, s2, -6.75756452015733775e-05, -2.20671933642000187e-05, -1.07125114579055094e-05,
                      -6.53512709401079431e-06));
    p = V_STEP(p, s4,
               v_four(s, s2, 2.62361641162028147e-01, -3.88435033961600854e-02, -2.25614134592308458e-03,
                      -3.09881595963168433e-04));
    return p;
}

/* (1 + x)^2 (e^-x I1(x))', 0 <= x <= 8 */
V_WIDE v_i1e_slope_near(double s)
{
    double s2 = s * s, s4 = s2 * s2, p = 4.50932733011497694e-09;
    p = V_STEP(p, s4,
               v_four(s, s2, 4.12548676173470587e-07, -8.81126180009953897e-08, 2.63459878557495869e-08,
                      -1.70658718578654240e-08));
    p = V_STEP(p, s4,
               v_four(s, s2, 3.08220415422171055e-05, -1.09793386788009052e-05, 3.77644158945313801e-06,
                      -1.32142870585329147e-06));
    p = V_STEP(p, s4,
               v_four(s, s2, 1.05083354088611057e-03, -4.76737899255765527e-04, 2.02675728798551273e-04,
                      -8.13166691305697515e-05));
    p = V_STEP(p, s4,
               v_four(s, s2, 1.04111276550363889e-02, -6.92508795377745536e-03, 4.05815390571103406e-03,
                      -2.15306541834425031e-03));
    p = V_STEP(p, s4,
               v_four(s, s2, -2.43947539831251801e-02, -7.76029156063080773e-04, 1.15212504501244761e-02,
                      -1.30361593194072440e-02));
    p = V_STEP(p, s4,
               v_four(s, s2, -1.37138792120218206e-01, 1.46334661308608893e-01, -1.12837472405731512e-01,
                      6.51163838805674244e-02));
    p = V_STEP(p, s4,
               v_four(s, s2, 2.86087859784218301e-01, -1.95120053106637270e-01, 5.92401662633247408e-02,
                      6.57082816478131992e-02));
    p = V_STEP(p, s4,
               v_four(s, s2, -4.10915703851436498e-01, -3.10802032170032105e-01, 2.59799427699165586e-01,
                      -3.00656624644590420e-01));
    return p;
}

/* -(1 + x)^3 (e^-x I1(x))'', 0 <= x <= 8 */
V_WIDE v_i1e_bend_near(double s)
{
    double s2 = s * s, s4 = s2 * s2, p = V_STEP(2.46397609906875750e-08, s, -9.18892020700666197e-08);
    p = V_STEP(p, s4,
               v_four(s, s2, -6.35250075562906092e-06, 2.03150065691749274e-06, -4.12662413677419161e-07,
                      1.27506907856081759e-07));
    p = V_STEP(p, s4,
               v_four(s, s2, -3.31510178262581971e-04, 1.31560080006574629e-04, -4.85137124112514185e-05,
                      1.72894071970317084e-05));
    p = V_STEP(p, s4,
               v_four(s, s2, -6.39819495911315202e-03, 3.48557018852116559e-03, -1.71908116325004468e-03,
                      7.81315532241489471e-04));
    p = V_STEP(p, s4,
               v_four(s, s2, 1.40281879399439878e-03, 1.25680499711124244e-02, -1.37964318690546421e-02,
                      1.03307204992672940e-02));
    p = V_STEP(p, s4,
               v_four(s, s2, 2.56558040375823193e-01, -1.93085554418547994e-01, 1.06172846574410742e-01,
                      -3.87525293720548253e-02));
    p = V_STEP(p, s4,
               v_four(s, s2, -8.23432186674747046e-01, 3.86125775939096139e-01, 7.34949723915736489e-03,
                      -2.20126145929046085e-01));
    p = V_STEP(p, s4,
               v_four(s, s2, 6.47324612348540995e-01, 1.41058912344755677e-01, -8.11908129489207209e-01,
                      1.04284651296495090e+00));
    p = V_STEP(p, s4,
               v_four(s, s2, -4.33328867490332892e-01, -9.60300601417946154e-01, 1.12746234241720855e+00,
                      -1.12978267427649426e+00));
    return p;
}

/* Up to 8 and from 8 on; a is |x|. Both are computed, each of its own numbers. */
#define V_NEAR_8(a) v_least(a, 8)
#define V_FAR_8(a) v_most(a, 8)

V_WIDE v_i0e_to_8(double x)
{
    double c = V_NEAR_8(fabs(x));
    return v_i0_near(c * c) * v_exp(-c);
}
V_WIDE v_i0e_from_8(double x)
{
    double d = V_FAR_8(fabs(x));
    return x == x ? v_i0_far(16 / d - 1) / sqrt(d) : x;
}
V_WIDE v_i1e_to_8(double x)
{
    double c = V_NEAR_8(fabs(x));
    return copysign(c * v_i1_near(c * c) * v_exp(-c), x);
}
V_WIDE v_i1e_from_8(double x)
{
    double d = V_FAR_8(fabs(x));
    return x == x ? copysign(v_i1_far(16 / d - 1) / sqrt(d), x) : x;
}

/* far(x) e^x / sqrt(x), the exponential in two factors: it may overflow before the product does. */
V_WIDE v_grown(double far, double d)
{
    double c = v_least(d, 2000), root = v_exp(0.5 * c);
    return far / sqrt(c) * root * root;
}
V_WIDE v_i0(double x)
{
    double a = fabs(x), c = V_NEAR_8(a), d = V_FAR_8(a), near = v_i0_near(c * c),
           far = v_grown(v_i0_far(16 / d - 1), d);
    return x != x ? x : a < 8 ? near : far;
}
V_WIDE v_i1(double x)
{
    double a = fabs(x), c = V_NEAR_8(a), d = V_FAR_8(a), near = c * v_i1_near(c * c);
    double far = v_grown(v_i1_far(16 / d - 1), d);
    return x != x ? x : copysign(a < 8 ? near : far, x);
}
V_WIDE v_i1_slope(double x)
{
    double a = fabs(x), c = V_NEAR_8(a), d = V_FAR_8(a), near = v_i1_slope_near(c * c);
    double far = v_grown(v_i1_slope_far(16 / d - 1), d);
    return x != x ? x : a < 8 ? near : far;
}

/* e^-x I0(x), x >= 0, is completely monotone: E_n(x) = (-1)^n times its n-th derivative is positive. E_1 and E_2: */
V_WIDE v_i0e_fall(double a)
{
    double c = V_NEAR_8(a), d = V_FAR_8(a), inverse = 1 / (1 + c);
    double near = v_i0e_slope_near(0.25 * c - 1) * inverse * inverse, far = v_i0e_slope_far(16 / d - 1) / d / sqrt(d);
    return a != a ? a : a < 8 ? near : far;
}
V_WIDE v_i0e_fall2(double a)
{
    double c = V_NEAR_8(a), d = V_FAR_8(a), b = 1.25 + c;
    double near = v_i0e_bend_near(0.25 * c - 1) / (b * b * b), far = v_i0e_bend_far(16 / d - 1) / d / d / sqrt(d);
    return a != a ? a : a < 8 ? near : far;
}

/* The derivatives of i0e, with a kink at 0, and of i1e. */
V_WIDE v_i0e_slope(double x)
{
    double fall = v_i0e_fall(fabs(x));
    return x > 0 ? -fall : x < 0 ? fall : x;
}
V_WIDE v_i1e_slope(double x)
{
    double a = fabs(x), c = V_NEAR_8(a), d = V_FAR_8(a), inverse = 1 / (1 + c);
    double near = v_i1e_slope_near(0.25 * c - 1) * inverse * inverse, far = v_i1e_slope_far(16 / d - 1) / d / sqrt(d);
    return a != a ? a : a < 8 ? near : -far;
}
V_WIDE v_i1e_bend(double x)
{
    double a = fabs(x), c = V_NEAR_8(a), d = V_FAR_8(a), inverse = 1 / (1 + c);
    double near = v_i1e_bend_near(0.25 * c - 1) * inverse * inverse * inverse;
    double far = v_i1e_bend_far(16 / d - 1) / d / d / sqrt(d), v = a < 8 ? -near : far;
    return x > 0 ? v : x < 0 ? -v : x;
}

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
