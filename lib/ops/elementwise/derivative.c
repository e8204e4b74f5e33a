/* derivative.c - the operators that derivatives of elementwise functions are made of. Each is a function in its own right, whose
 * kernel is careful where a formula would cancel or overflow, and whose derivative is made of such functions again: so
 * every order is as careful as the first. None is public.
 *
 * A function is a line: name, dtype, formula (kernel/functions.h), what its derivative reads, where it is sampled.
 */
#if defined(TP__READING)

/* clang-format off */
OF_TWO(over_square, SAME, WIDE(v_over_square(x, y)), TP_OP_FORGETS_OUT)
OF_TWO(over_cross, SAME, WIDE(v_over_cross(x, y)), TP_OP_FORGETS_OUT)
OF_TWO(over_gap, SAME, WIDE(v_over_gap(x, y)), TP_OP_FORGETS_OUT)
OF_TWO(direction, SAME, FLOATS(V(direction)(x, y)), TP_OP_FORGETS_OUT)
OF_TWO(direction_turn, SAME, WIDE(v_direction_turn(x, y)), TP_OP_FORGETS_OUT)
OF_TWO(direction_bend, SAME, WIDE(v_direction_bend(x, y)), TP_OP_FORGETS_OUT)
OF_TWO(share, SAME, WIDE(v_share(x, y)), 0)
OF_TWO(share2, SAME, WIDE(v_share2(x, y)), 0)
OF_ONE(erfcx_slope, SAME, FLOATS(V(erfcx_slope)(x)), tp__erfcx_slope, TP_OP_FORGETS_OUT, all)
OF_ONE(erfcx_bend, SAME, WIDE(v_erfcx_bend(x)), erfcx_bend, 0, all)
OF_ONE(hazard, SAME, FLOATS(V(hazard)(x)), tp__hazard, TP_OP_FORGETS_OUT, all)
OF_ONE(hazard_slope, SAME, WIDE(v_hazard_slope(x)), hazard_slope, 0, all)
OF_ONE(hazard_gap, SAME, WIDE(v_hazard_gap(x)), hazard_gap, TP_OP_FORGETS_OUT, all)
OF_ONE(erfinv_slope, SAME, WIDE(v_erfinv_slope_at(x, v_erfinv(x))), tp__erfinv_slope, 0, unit)
OF_ONE(ndtri_slope, SAME, FLOATS(V(ndtri_slope)(x)), tp__ndtri_slope, 0, unit)
OF_ONE(i1_slope, SAME, WIDE(v_i1_slope(x)), tp__i1_slope, TP_OP_FORGETS_OUT, all)
BY_NUMBERS(bell, SAME, OWN_WIDE)
BY_NUMBERS(bessel_i, SAME, ALONE(tp__bessel_i((int)at[0], x)))
BY_NUMBERS(bessel_ie, SAME, OWN_WIDE)
BY_ORDER(gamma_density, SAME, OWN_FLOATS, 0)
BY_ORDER(zeta_slope, SAME, ALONE(tp__zeta_derivative(x, y, (int)s)), TP_OP_FORGETS_OUT)
OF_THREE(ldexp_slope, SAME, WIDE(v_ldexp_slope(at[0], x, y, z)), 3, 2)
OF_THREE(rest_slope, SAME, LIGHT(-x * M(nearbyint)(y / z)), 3, 0)
OF_THREE(power_term, SAME, OWN_FLOATS, -3, 5)
OF_THREE(quotient, SAME, OWN_FLOATS, -3, 3)
/* clang-format on */

#if READS_WIDE

/* factor x^k e^(-half x^2); the attributes are factor, half and k. */
static void bell_f64(int64_t n, void *out, const void *const *in, const void *attr)
{
    double *restrict o = out;
    const double *x = in[0], *at = attr, factor = at[0], half = at[1];
    int k = (int)at[2];
    n = TP__WHOLE_VECTORS(bell, 1, double);
    if (k == 0)
        for (int64_t i = 0; i < n; i++)
            o[i] = v_bell_term(x[i], factor, half, 0);
    else if (k == 1)
        for (int64_t i = 0; i < n; i++)
            o[i] = v_bell_term(x[i], factor, half, 1);
    else
        for (int64_t i = 0; i < n; i++)
            o[i] = v_bell_term(x[i], factor, half, k);
}

/* Derivatives of i0e and i1e: (-1)^k (E_k - v E_k+1)(|x|), odd or even; the attributes are the function's order v and k > 0. */
static void bessel_ie_f64(int64_t n, void *out, const void *const *in, const void *attr)
{
    double *restrict o = out;
    const double *x = in[0], *at = attr;
    int v = (int)at[0], k = (int)at[1], which = k < 3 ? 2 * v + k : 0;
    n = which ? TP__WHOLE_VECTORS(bessel_ie, 1, double) : n;
    for (int64_t i = 0; which == 1 && i < n; i++)
        o[i] = v_i0e_slope(x[i]);
    for (int64_t i = 0; which == 2 && i < n; i++)
        o[i] = v_i0e_fall2(fabs(x[i]));
    for (int64_t i = 0; which == 3 && i < n; i++)
        o[i] = v_i1e_slope(x[i]);
    for (int64_t i = 0; which == 4 && i < n; i++)
        o[i] = v_i1e_bend(x[i]);
    for (int64_t i = 0; which == 0 && i < n; i++)
        o[i] = scaled_bessel_term(v, k, x[i]);
}

#endif
#if READS_FLOATS

/* x^(a - 1) e^-x / gamma(a), or its derivative by x: the order 0 or 1 is the attribute. The former by the fast way where there
 * is one */
static void NAME(gamma_density)(int64_t n, void *out, const void *const *in, const void *attr)
{
    ELEM *restrict o = out;
    const ELEM *a = in[0], *x = in[1];
    int k = (int)*(const double *)attr;
    n = k == 0 ? TP__WHOLE_VECTORS(gamma_density, 2, ELEM) : n;
    for (int64_t i = 0; k == 0 && i < n; i++)
        o[i] = (ELEM)V(gamma_density)((double)a[i], (double)x[i]);
    for (int64_t i = 0; i < n; i++)
        if (k || o[i] != o[i])
            o[i] = (ELEM)tp__gamma_pdf((double)a[i], (double)x[i], k);
}

/* Its terms; d does not count where there are not two. */
static __attribute__((noinline)) void NAME(power_terms)(int64_t n, ELEM *restrict o, const ELEM *c, const ELEM *d,
                                                        const ELEM *x, const ELEM *y, int two, v_power of)
{
    for (int64_t i = 0; i < n; i++)
        o[i] = (ELEM)V(power_term)((double)c[i], v_either(two, (double)d[i], 1), (double)x[i], (double)y[i], of);
}

/* c x^(y - n) log(x)^k times y - i for the bits i of a mask, below n, or c d x^(y - n) ...; n, k and the mask are the
 * attributes, whether it is the sum c x^(y - 1) (1 + y log x), and how many gradients there are. */
static void NAME(power_term)(int64_t n, void *out, const void *const *in, const void *attr)
{
    ELEM *restrict o = out;
    const double *at = attr;
    const bool two = at[4] == 2;
    const ELEM *c = in[0], *d = in[two], *x = in[two + 1], *y = in[two + 2];
    v_power of = {at[0], (int)at[1], at[3] != 0, at[3] != 0 ? 0 : (unsigned)at[2]}, flat = of, log = of;
    int odd = 0;
    flat.k = 0;
    log.k = 1;
    n = TP__WHOLE_VECTORS(power_term, two ? 4 : 3, ELEM);
    if (of.joint || of.mask >= 4 || of.k >= 2) {
        NAME(power_terms)(n, o, c, d, x, y, two, of);
        return;
    }
    for (int64_t i = 0; of.k == 0 && i < n; i++) {
        ELEM v = (ELEM)V(power_quick)(V(both)((double)c[i], v_either(two, (double)d[i], 1)), (double)x[i], (double)y[i],
                                      flat);
        odd |= v != v;
        o[i] = v;
    }
    for (int64_t i = 0; of.k == 1 && i < n; i++) {
        ELEM v = (ELEM)V(power_quick)(V(both)((double)c[i], v_either(two, (double)d[i], 1)), (double)x[i], (double)y[i],
                                      log);
        odd |= v != v;
        o[i] = v;
    }
    for (int64_t i = 0; odd && i < n; i++)
        if (o[i] != o[i])
            NAME(power_terms)(1, o + i, c + i, d + i, x + i, y + i, two, of);
}

/* value c a / b^k, or value c d a / b^k; the attributes are value, k, and how many there are above b. */
static void NAME(quotient)(int64_t n, void *out, const void *const *in, const void *attr)
{
    ELEM *restrict o = out;
    const double *at = attr;
    const bool four = at[2] == 3;
    const ELEM *c = in[0], *d = in[four ? 1 : 0], *a = in[four ? 2 : 1], *b = in[four ? 3 : 2], value = (ELEM)at[0];
    int k = (int)at[1], odd = 0;
    const bool usual = k == (four ? 3 : 2);
    n = TP__WHOLE_VECTORS(quotient, four ? 4 : 3, ELEM);
    for (int64_t i = 0; usual && !four && i < n; i++) {
        ELEM v = V(quotient)(value, c[i], 1, a[i], b[i], 2);
        odd |= v != v;
        o[i] = v;
    }
    for (int64_t i = 0; usual && four && i < n; i++) {
        ELEM v = (ELEM)BY_SIZE(v_quotient_wide, v_quotient)(value, c[i], d[i], a[i], b[i], 3);
        odd |= v != v;
        o[i] = v;
    }
    for (int64_t i = 0; (odd || !usual) && i < n; i++)
        if (!usual || o[i] != o[i])
            o[i] = (ELEM)BY_SIZE(v_quotient_wide, tp__ratio)((double)value, (double)c[i], four ? (double)d[i] : 1,
                                                             (double)a[i], (double)b[i], k);
}

#endif

#else

#if defined(TP__ISA)

#include "kernel/special.h"
#include "kernel/vec_bessel.h"
#include "kernel/vec_derivative.h"
#include "kernel/vec_math.h"
#include "kernel/vec_special.h"
#include "kernel/vec_special32.h"

#define OF_ONE UNARY
#define OF_TWO BINARY
#define OF_THREE TERNARY
#define BY_NUMBERS NUMBER
#define BY_ORDER SCALED

static double scaled_bessel_term(int v, int k, double x)
{
    double a = fabs(x), term = tp__i0e_fall(k, a) - (v ? tp__i0e_fall(k + 1, a) : 0), even = k % 2 ? -term : term;
    return (k + v) % 2 == 0 ? even : x < 0 ? -even : x > 0 ? even : x;
}

#else

#include "ops/elementwise/elementwise.h"

#include <math.h>
#include <string.h>

/* ---- derivatives ----------------------------------------------------------------------------------------------- */

/* Of x and y, with a = R(x, y) = x / (x^2 + y^2), b = R(y, x), u = U(x, y) = x / hypot(x, y), w = U(y, x), where u b = w a:
 * a_x = b^2 - a^2, a_y = -2 a b, u_x = w b, u_y = -u b. Each of these products is a function of its own. */
/* clang-format off */
#define VJP2(name, by_x, by_y)                                                                     \
    static tp_status name##_vjp(tp_vjp *v)                                                         \
    { tp_tape *T = v->tape; tp_tensor *x = v->in[0], *y = v->in[1], *g = v->gout[0];               \
      if (tp_vjp_needs(v, 0)) v->gin[0] = tp_mul(T, g, (by_x));                                    \
      if (tp_vjp_needs(v, 1)) v->gin[1] = tp_mul(T, g, (by_y));                                    \
      return TP_OK; }
/* c a^2 + d b^2 */
static tp_tensor *squares(tp_tape *T, tp_tensor *x, tp_tensor *y, double c, double d)
{
    tp_tensor *a = tp__over_square(T, x, y), *b = tp__over_square(T, y, x);
    return tp_add(T, tp_mul_scalar(T, tp_square(T, a), c), tp_mul_scalar(T, tp_square(T, b), d));
}
VJP2(over_square, tp__over_gap(T, x, y), tp_mul_scalar(T, tp__over_cross(T, x, y), -2))
VJP2(over_cross, tp_mul(T, tp__over_square(T, y, x), squares(T, x, y, -3, 1)), tp_mul(T, tp__over_square(T, x, y), squares(T, x, y, 1, -3)))
VJP2(over_gap, tp_mul(T, tp__over_square(T, x, y), squares(T, x, y, 2, -6)), tp_mul(T, tp__over_square(T, y, x), squares(T, x, y, 6, -2)))
VJP2(direction, tp__direction_bend(T, x, y), tp_neg(T, tp__direction_turn(T, x, y)))
VJP2(direction_turn, tp_mul(T, tp__direction(T, y, x), squares(T, x, y, -2, 1)), tp_mul(T, tp__direction(T, x, y), squares(T, x, y, 1, -2)))
VJP2(direction_bend, tp__mul3(T, tp__direction(T, y, x), tp__over_square(T, x, y), tp__over_square(T, y, x), -3),
     tp_mul(T, tp__direction(T, y, x), squares(T, x, y, 2, -1)))
/* clang-format on */

/* With S = e^x / (e^x + e^y): S_x = S (1 - S) = -S_y, and 1 - S(x, y) is S(y, x); to base 2 they are ln 2 times as large. */
static tp_status share_slopes(tp_vjp *v, tp_tensor *other, double unit)
{
    tp_tensor *slope = tp__mul3(v->tape, v->gout[0], v->out[0], other, unit);
    if (tp_vjp_needs(v, 0))
        v->gin[0] = slope;
    if (tp_vjp_needs(v, 1))
        v->gin[1] = tp_neg(v->tape, slope);
    return TP_OK;
}
static tp_status share_vjp(tp_vjp *v) { return share_slopes(v, tp__share(v->tape, v->in[1], v->in[0]), 1); }
static tp_status share2_vjp(tp_vjp *v)
{
    return share_slopes(v, tp__share2(v->tape, v->in[1], v->in[0]), 0.693147180559945309417);
}

/* What a power's derivative has: gradients, of which the second may be NULL, base and exponent. */
typedef struct {
    tp_tensor *c, *d, *x, *y;
} powered;

static tp_tensor *power_term(tp_tape *T, const powered *of, int n, int k, uint32_t mask, bool joint);

/* By y: the power's logarithm, and P less each factor in turn. Of c y x^(y - 1) both parts may be infinite where the sum has a
 * sign: there is a kernel for it, whose own derivatives are those of the sum. */
static tp_tensor *power_term_by_exponent(tp_tape *T, const powered *of, int n, int k, uint32_t mask)
{
    if (n == 1 && k == 0 && mask == 1)
        return power_term(T, of, 1, 1, 1, true);
    tp_tensor *sum = power_term(T, of, n, k + 1, mask, false);
    for (int i = 0; i < n && i < 31; i++)
        if (mask >> i & 1)
            sum = tp_add(T, sum, power_term(T, of, n, k, mask & ~(1u << i), false));
    return sum;
}

/* With P the product of y - i over the mask: c P (y - n) x^(y - n - 1) log(x)^k + k c P x^(y - n - 1) log(x)^(k - 1). */
static tp_tensor *power_term_by_base(tp_tape *T, const powered *of, int n, int k, uint32_t mask)
{
    bool fits = n < 31; /* into the mask */
    powered more = *of, times_k = *of;
    if (!fits)
        more.c = tp_mul(T, of->c, tp_sub_scalar(T, of->y, n));
    tp_tensor *slope = power_term(T, &more, n + 1, k, fits ? mask | 1u << n : mask, false);
    if (k == 0)
        return slope;
    times_k.c = tp_mul_scalar(T, of->c, k);
    return tp_add(T, slope, power_term(T, &times_k, n + 1, k - 1, mask, false));
}

/* A gradient more: products of gradients are joined where there would be more than two. */
static tp_status power_term_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    const double *at = v->attr;
    int n = (int)at[0], k = (int)at[1], two = at[4] == 2;
    uint32_t mask = (uint32_t)at[2];
    bool joint = at[3] != 0; /* the term of its attributes, and that of 1, 0 and no factor */
    tp_tensor *g = v->gout[0];
    powered in = {v->in[0], two ? v->in[1] : NULL, v->in[two + 1], v->in[two + 2]}, more = in;
    more.c = g;
    if (tp_vjp_needs(v, 0))
        v->gin[0] = power_term(T, &more, n, k, mask, joint);
    more.d = in.c;
    if (two && tp_vjp_needs(v, 1))
        v->gin[1] = power_term(T, &more, n, k, mask, joint);
    if (two)
        more = (powered){tp_mul(T, g, in.c), in.d, in.x, in.y};
    if (tp_vjp_needs(v, two + 1)) {
        v->gin[two + 1] = power_term_by_base(T, &more, n, k, mask);
        if (joint)
            v->gin[two + 1] = tp_add(T, v->gin[two + 1], power_term_by_base(T, &more, 1, 0, 0));
    }
    if (tp_vjp_needs(v, two + 2)) {
        v->gin[two + 2] = power_term_by_exponent(T, &more, n, k, mask);
        if (joint)
            v->gin[two + 2] = tp_add(T, v->gin[two + 2], power_term_by_exponent(T, &more, 1, 0, 0));
    }
    return TP_OK;
}

static tp_tensor *quotient_of(tp_tape *T, int n, tp_tensor *const *in, int k, double value);

/* By a factor above: in its place the gradient. By b: -k value g c ... / b^(k + 1), products of gradients being joined where
 * there would be more than three above. */
static tp_status quotient_vjp(tp_vjp *v)
{
    const double *at = v->attr;
    int k = (int)at[1], top = (int)at[2];
    tp_tensor *in[4] = {v->gout[0]};
    for (int i = 0; i < top; i++) {
        memcpy(in, v->in, sizeof *in * (size_t)(top + 1));
        in[i] = v->gout[0];
        if (tp_vjp_needs(v, i))
            v->gin[i] = quotient_of(v->tape, top + 1, in, k, at[0]);
    }
    if (!tp_vjp_needs(v, top))
        return TP_OK;
    in[0] = top == 3 ? tp_mul(v->tape, v->gout[0], v->in[0]) : v->gout[0];
    memcpy(in + 1, v->in + (top == 3), sizeof *in * 3);
    v->gin[top] = quotient_of(v->tape, 4, in, k + 1, -k * at[0]);
    return TP_OK;
}

/* c x 2^y (ln 2)^k */
static tp_status ldexp_slope_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    int k = (int)((const double *)v->attr)[1];
    tp_tensor *c = v->in[0], *x = v->in[1], *y = v->in[2], *g = v->gout[0];
    if (tp_vjp_needs(v, 0))
        v->gin[0] = tp__ldexp_slope(T, g, x, y, k);
    if (tp_vjp_needs(v, 1))
        v->gin[1] = tp__ldexp_slope(T, g, c, y, k);
    if (tp_vjp_needs(v, 2))
        v->gin[2] = tp__ldexp_slope(T, tp_mul(T, g, c), x, y, k + 1);
    return TP_OK;
}

/* -c times the whole number that x / y is next to: flat, but in c */
static tp_status rest_slope_vjp(tp_vjp *v)
{
    if (tp_vjp_needs(v, 0))
        v->gin[0] = tp__rest_slope(v->tape, v->gout[0], v->in[1], v->in[2]);
    for (int i = 1; i < 3; i++)
        if (tp_vjp_needs(v, i))
            v->gin[i] = tp_zeros_like(v->tape, v->in[i]);
    return TP_OK;
}

/* x^k e^(-half x^2): k x^(k - 1) e^... - 2 half x^(k + 1) e^... */
static tp_status bell_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    const double *at = v->attr;
    int k = (int)at[2];
    tp_tensor *slope = tp__bell(T, v->in[0], -2 * at[1] * at[0], at[1], k + 1);
    if (k)
        slope = tp_add(T, slope, tp__bell(T, v->in[0], k * at[0], at[1], k - 1));
    v->gin[0] = tp_mul(T, v->gout[0], slope);
    return TP_OK;
}

static tp_tensor *bessel_i(tp_tape *T, tp_tensor *x, int n); /* of order n >= 0 */

/* I_n' = (I_n-1 + I_n+1) / 2, all positive */
static tp_status bessel_i_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    int n = (int)*(const double *)v->attr;
    tp_tensor *sum = tp_add(T, bessel_i(T, v->in[0], n - 1), bessel_i(T, v->in[0], n + 1));
    v->gin[0] = tp_mul(T, v->gout[0], tp_mul_scalar(T, sum, 0.5));
    return TP_OK;
}

/* clang-format off */
#define VJP(name, formula)                                                                         \
    static tp_status name##_vjp(tp_vjp *v)                                                         \
    { tp_tape *T = v->tape; tp_tensor *x = v->in[0], *y = v->out[0], *g = v->gout[0];              \
      (void)y; v->gin[0] = tp_mul(T, g, (formula)); return TP_OK; }
static tp_tensor *erfcx_bend(tp_tape *T, tp_tensor *x);
static tp_tensor *hazard_slope(tp_tape *T, tp_tensor *x);
static tp_tensor *hazard_gap(tp_tape *T, tp_tensor *x);
VJP(erfcx_slope, erfcx_bend(T, x))
VJP(erfcx_bend, tp_add(T, tp_mul_scalar(T, tp__erfcx_slope(T, x), 4), tp_mul_scalar(T, tp_mul(T, x, y), 2)))
/* With the gap s = x + r: r' = -r s, s' = 1 + r', r'' = -r' s - r s'. */
VJP(hazard, hazard_slope(T, x))
VJP(hazard_gap, tp_add_scalar(T, hazard_slope(T, x), 1))
VJP(hazard_slope, tp_neg(T, tp_add(T, tp_mul(T, y, hazard_gap(T, x)), tp_mul(T, tp__hazard(T, x), tp_add_scalar(T, y, 1)))))
/* The slope s of an inverse y of erf or P: s' = 2 y s^2 or y s^2. */
VJP(erfinv_slope, tp_mul(T, tp_mul(T, tp_mul_scalar(T, tp_erfinv(T, x), 2), y), y))
VJP(ndtri_slope, tp_mul(T, tp_mul(T, tp_ndtri(T, x), y), y))
VJP(i1_slope, tp_add(T, tp_mul_scalar(T, tp_i1(T, x), 0.75), tp_mul_scalar(T, bessel_i(T, x, 3), 0.25)))
VJP(bessel_ie, tp__bessel_ie(T, x, (int)((const double *)v->attr)[0], (int)((const double *)v->attr)[1] + 1))
/* clang-format on */

/* By a: f (log x - digamma(a)), and, of f' = f (a - 1 - x) / x, f / x more; by x: f', and f (((a - 1 - x) / x)^2 -
 * (a - 1) / x^2). */
static tp_status gamma_density_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    int k = (int)*(const double *)v->attr;
    tp_tensor *a = v->in[0], *x = v->in[1], *g = v->gout[0];
    if (tp_vjp_needs(v, 0)) {
        tp_tensor *slope = tp_mul(T, v->out[0], tp_sub(T, tp_log(T, x), tp_digamma(T, a)));
        v->gin[0] = tp_mul(T, g, k ? tp_add(T, slope, tp_div(T, tp__gamma_density(T, a, x, 0), x)) : slope);
    }
    if (tp_vjp_needs(v, 1) && k == 0)
        v->gin[1] = tp_mul(T, g, tp__gamma_density(T, a, x, 1));
    if (tp_vjp_needs(v, 1) && k == 1) {
        tp_tensor *less = tp_sub_scalar(T, a, 1), *ratio = tp_div(T, tp_sub(T, less, x), x);
        tp_tensor *bend = tp_sub(T, tp_square(T, ratio), tp_div(T, tp_div(T, less, x), x));
        v->gin[1] = tp__mul3(T, g, tp__gamma_density(T, a, x, 0), bend, 1);
    }
    return TP_OK;
}

static tp_status zeta_slope_vjp(tp_vjp *v)
{
    if (tp_vjp_needs(v, 0))
        return tp_fail(v->tape, TP_EINVAL,
                       "zeta: there is no derivative by the first argument; one that asks for no gradient is needed");
    v->gin[1] = tp_mul(v->tape, v->gout[0],
                       tp__zeta_slope(v->tape, v->in[0], v->in[1], (int)*(const double *)v->attr + 1));
    return TP_OK;
}

/* ---- samples ---------------------------------------------------------------------------------------------------- */

static void pair_samples(tp_sampler *s)
{
    tp_tensor *in[2] = {tp_sample_tensor(s, (tp_dims){2, {3, 1}}, -2.3, 2.1),
                        tp_sample_tensor(s, (tp_dims){2, {3, 4}}, -1.9, 2.2)};
    tp_sample(s, NULL, 2, in);
    in[0] = tp_sample_tensor(s, (tp_dims){2, {0, 4}}, -1, 1);
    in[1] = tp_sample_tensor(s, (tp_dims){1, {4}}, -1, 1);
    tp_sample(s, NULL, 2, in);
}

static void one(tp_sampler *s, const double attr[3], double low, double high)
{
    tp_tensor *x = tp_sample_tensor(s, (tp_dims){2, {3, 5}}, low, high);
    tp_sample(s, attr, 1, &x);
    x = tp_sample_tensor(s, (tp_dims){2, {0, 5}}, low, high);
    tp_sample(s, attr, 1, &x);
}

static void all_samples(tp_sampler *s) { one(s, NULL, -2.3, 2.1); }
static void unit_samples(tp_sampler *s) { one(s, NULL, 0.04, 0.97); }
static void bell_samples(tp_sampler *s)
{
    for (int k = 0; k < 3; k++)
        one(s, (const double[3]){0.7, 0.5, k}, -2.3, 2.1);
}
static void bessel_i_samples(tp_sampler *s)
{
    for (int n = 2; n < 5; n++)
        one(s, (const double[3]){n, 0, 0}, -2.3, 2.1);
}
static void bessel_ie_samples(tp_sampler *s)
{
    for (int k = 1; k < 4; k++)
        for (int v = 0; v < 2; v++)
            one(s, (const double[3]){v, k, 0}, 0.3, 3.1);
}
static void gamma_density_samples(tp_sampler *s)
{
    tp_tensor *in[2] = {tp_sample_tensor(s, (tp_dims){2, {3, 1}}, 1.3, 4.1),
                        tp_sample_tensor(s, (tp_dims){2, {3, 4}}, 0.3, 5.3)};
    for (int k = 0; k < 2; k++)
        tp_sample(s, &(double){k}, 2, in);
}
static void zeta_slope_samples(tp_sampler *s)
{
    tp_tensor *in[2] = {tp_requires_grad(tp_sample_tensor(s, (tp_dims){2, {3, 1}}, 1.3, 4.1), false),
                        tp_sample_tensor(s, (tp_dims){2, {3, 4}}, 0.3, 5.3)};
    for (int k = 1; k < 3; k++)
        tp_sample(s, &(double){k}, 2, in);
}
static void quotient_samples(tp_sampler *s)
{
    tp_tensor *in[4] = {
        tp_sample_tensor(s, (tp_dims){2, {3, 1}}, -2.3, 2.1), tp_sample_tensor(s, (tp_dims){2, {3, 4}}, -1.9, 2.2),
        tp_sample_tensor(s, (tp_dims){2, {3, 4}}, 0.6, 1.9), tp_sample_tensor(s, (tp_dims){1, {4}}, -1.9, -0.5)};
    for (int k = 2; k < 5; k++) {
        tp_sample(s, (const double[3]){-1.5, k, 2}, 3, in);
        tp_sample(s, (const double[3]){0.7, k, 3}, 4, in);
    }
}

static void ldexp_slope_samples(tp_sampler *s)
{
    tp_tensor *in[3] = {tp_sample_tensor(s, (tp_dims){1, {4}}, -1.9, 2.2),
                        tp_sample_tensor(s, (tp_dims){2, {3, 4}}, -2.3, 2.1),
                        tp_sample_tensor(s, (tp_dims){2, {3, 1}}, -1.7, 2.8)};
    tp_sample(s, (const double[2]){0.693147180559945309417, 1}, 3, in);
}

static void rest_slope_samples(tp_sampler *s)
{
    tp_tensor *in[3] = {tp_sample_tensor(s, (tp_dims){1, {4}}, -1.9, 2.2),
                        tp_sample_tensor(s, (tp_dims){2, {3, 4}}, 4.1, 4.3),
                        tp_sample_tensor(s, (tp_dims){2, {3, 1}}, 0.98, 1.04)};
    tp_sample(s, NULL, 3, in);
}

static void power_term_samples(tp_sampler *s)
{
    tp_tensor *in[4] = {
        tp_sample_tensor(s, (tp_dims){1, {4}}, -1.9, 2.2), tp_sample_tensor(s, (tp_dims){2, {3, 1}}, -2.1, 1.3),
        tp_sample_tensor(s, (tp_dims){2, {3, 4}}, 0.3, 2.1), tp_sample_tensor(s, (tp_dims){2, {3, 1}}, -1.7, 2.8)};
    for (int n = 0; n < 4; n++)
        for (int k = 0; k < 3; k++)
            for (int mask = 0; mask < 1 << n; mask += 1 + k)
                tp_sample(s, (const double[5]){n, k, mask, 0, 1}, 3, in + 1);
    tp_sample(s, (const double[5]){1, 1, 1, 1, 1}, 3, in + 1);
    for (int k = 0; k < 3; k++)
        tp_sample(s, (const double[5]){2, k, 1, 0, 2}, 4, in);
    tp_sample(s, (const double[5]){1, 1, 1, 1, 2}, 4, in);
}

/* ---- what a line becomes ---------------------------------------------------------------------------------------- */

/* clang-format off */
#define OF_ONE(fn, RULE, form, of, READS, WHERE)                                                   \
    TP__MAP_OP(fn, 1, RULE, .flags = TP__MAP_FLAGS | (READS), .vjp = fn##_vjp, .samples = WHERE##_samples); \
    tp_tensor *of(tp_tape *T, tp_tensor *x) { return tp__apply1(T, &fn##_op.op, NULL, x); }
#define OF_TWO(fn, RULE, form, READS)                                                              \
    TP__MAP_OP(fn, 2, RULE, .flags = TP__MAP_FLAGS | (READS), .vjp = fn##_vjp, .samples = pair_samples); \
    tp_tensor *tp__##fn(tp_tape *T, tp_tensor *x, tp_tensor *y) { return tp__apply2(T, &fn##_op.op, NULL, x, y); }
#define OF_THREE(fn, RULE, form, N, NUMBERS)                                                       \
    TP__MAP_OP(fn, N, RULE, .attr_size = NUMBERS * sizeof(double), .flags = TP__MAP_FLAGS | TP_OP_FORGETS_OUT, \
               .vjp = fn##_vjp, .samples = fn##_samples);
#define BY_NUMBERS(fn, RULE, form)                                                                 \
    TP__MAP_OP(fn, 1, RULE, .attr_size = 3 * sizeof(double), .flags = TP__MAP_FLAGS | TP_OP_FORGETS_OUT, \
               .vjp = fn##_vjp, .samples = fn##_samples);
#define BY_ORDER(fn, RULE, form, READS)                                                            \
    TP__MAP_OP(fn, 2, RULE, .attr_size = sizeof(double), .flags = TP__MAP_FLAGS | (READS), .vjp = fn##_vjp, .samples = fn##_samples); \
    tp_tensor *tp__##fn(tp_tape *T, tp_tensor *a, tp_tensor *x, int k) { return tp__apply2(T, &fn##_op.op, &(double){k}, a, x); }
/* clang-format on */

#endif

#define TP__BODY "ops/elementwise/derivative.c"
#include "kernel/functions.h"

#if !defined(TP__ISA)

tp_tensor *tp__power_term(tp_tape *T, tp_tensor *c, tp_tensor *x, tp_tensor *y, int n, int k, uint32_t mask)
{
    return power_term(T, &(powered){c, NULL, x, y}, n, k, mask, false);
}
static tp_tensor *power_term(tp_tape *T, const powered *of, int n, int k, uint32_t mask, bool joint)
{
    const double attr[5] = {n, k, mask, joint, of->d ? 2 : 1};
    if (of->d)
        return tp_apply(T, &power_term_op.op, attr, 4, (tp_tensor *[4]){of->c, of->d, of->x, of->y});
    return tp__apply3(T, &power_term_op.op, attr, of->c, of->x, of->y);
}

static tp_tensor *quotient_of(tp_tape *T, int n, tp_tensor *const *in, int k, double value)
{
    return tp_apply(T, &quotient_op.op, (const double[3]){value, k, n - 1}, n, in);
}

tp_tensor *tp__quotient(tp_tape *T, tp_tensor *c, tp_tensor *a, tp_tensor *b, int k, double value)
{
    tp_tensor *in[3] = {c, a, b};
    return quotient_of(T, 3, in, k, value);
}

tp_tensor *tp__ldexp_slope(tp_tape *T, tp_tensor *c, tp_tensor *x, tp_tensor *y, int k)
{
    return tp__apply3(T, &ldexp_slope_op.op, (const double[2]){pow(0.693147180559945309417, k), k}, c, x, y);
}

tp_tensor *tp__rest_slope(tp_tape *T, tp_tensor *c, tp_tensor *x, tp_tensor *y)
{
    return tp__apply3(T, &rest_slope_op.op, NULL, c, x, y);
}

tp_tensor *tp__bell(tp_tape *T, tp_tensor *x, double factor, double half, int k)
{
    return tp__apply1(T, &bell_op.op, (const double[3]){factor, half, k}, x);
}

static tp_tensor *bessel_i(tp_tape *T, tp_tensor *x, int n)
{
    return n == 0 ? tp_i0(T, x) : n == 1 ? tp_i1(T, x) : tp__apply1(T, &bessel_i_op.op, (const double[3]){n, 0, 0}, x);
}

tp_tensor *tp__bessel_ie(tp_tape *T, tp_tensor *x, int v, int k)
{
    return tp__apply1(T, &bessel_ie_op.op, (const double[3]){v, k, 0}, x);
}

const tp_op *const tp__ops_slope[] = {
#include TP__OPERATORS
    NULL};

#endif
#endif
