/* derivative.c - the operators that derivatives of elementwise functions are made of. Each is a function in its own right, whose
 * kernel is careful where a formula would cancel or overflow, and whose derivative is made of such functions again: so
 * every order is as careful as the first. None is public.
 */
#include "ops/elementwise/elementwise.h"

/* ---- derivatives ----------------------------------------------------------------------------------------------- */

/* With R(x, y) = x / (x^2 + y^2): R_x = R(y, x)^2 - R(x, y)^2, R_y = -2 R(x, y) R(y, x). Of the difference of squares, with
 * m the larger of x and y and R its own, R^2 (y - x) / m (y + x) / m keeps the digits; halved, for sums may overflow. */
static tp_status over_square_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    tp_tensor *g = v->gout[0], *y = v->out[0], *other = tp__over_square(T, v->in[1], v->in[0]);
    if (tp_vjp_needs(v, 0)) {
        tp_tensor *less = tp_lt(T, tp_abs(T, v->in[1]), tp_abs(T, v->in[0])),
                  *m = tp_where(T, less, v->in[0], v->in[1]);
        tp_tensor *r = tp_where(T, less, y, other), *a = tp_mul_scalar(T, v->in[0], 0.5),
                  *b = tp_mul_scalar(T, v->in[1], 0.5);
        tp_tensor *first = tp_mul(T, r, tp_div(T, tp_sub(T, b, a), m));
        v->gin[0] = tp_mul(T, tp_mul(T, g, first),
                           tp__mul3(T, r, tp_div(T, tp_add(T, a, b), m), tp__number(T, y, 4), 1));
    }
    if (tp_vjp_needs(v, 1))
        v->gin[1] = tp__mul3(T, g, y, other, -2);
    return TP_OK;
}

/* With U(x, y) = x / hypot(x, y): U_x = U(y, x) R(y, x), U_y = -U(x, y) R(y, x). */
static tp_status direction_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    tp_tensor *x = v->in[0], *y = v->in[1], *turn = tp_mul(T, v->gout[0], tp__over_square(T, y, x));
    if (tp_vjp_needs(v, 0))
        v->gin[0] = tp_mul(T, turn, tp__direction(T, y, x));
    if (tp_vjp_needs(v, 1))
        v->gin[1] = tp_neg(T, tp_mul(T, turn, v->out[0]));
    return TP_OK;
}

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

/* By x: c (y - n) x^(y - n - 1) log(x)^k + k c x^(y - n - 1) log(x)^(k - 1). */
static tp_status power_term_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    const double *order = v->attr;
    int n = (int)order[0], k = (int)order[1];
    tp_tensor *c = v->in[0], *x = v->in[1], *y = v->in[2], *g = v->gout[0];
    if (tp_vjp_needs(v, 0))
        v->gin[0] = tp__power_term(T, g, x, y, n, k);
    if (tp_vjp_needs(v, 1)) {
        tp_tensor *gc = tp_mul(T, g, c);
        v->gin[1] = tp__power_term(T, tp_mul(T, gc, tp_sub_scalar(T, y, n)), x, y, n + 1, k);
        if (k)
            v->gin[1] = tp_add(T, v->gin[1], tp__power_term(T, tp_mul_scalar(T, gc, k), x, y, n + 1, k - 1));
    }
    if (tp_vjp_needs(v, 2))
        v->gin[2] = tp__power_term(T, tp_mul(T, g, c), x, y, n, k + 1);
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

/* By a: f (log x - digamma(a)); by x: f (a - 1 - x) / x. */
static tp_status gamma_density_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    tp_tensor *a = v->in[0], *x = v->in[1], *gy = tp_mul(T, v->gout[0], v->out[0]);
    if (tp_vjp_needs(v, 0))
        v->gin[0] = tp_mul(T, gy, tp_sub(T, tp_log(T, x), tp_digamma(T, a)));
    if (tp_vjp_needs(v, 1))
        v->gin[1] = tp_mul(T, gy, tp_div(T, tp_sub(T, tp_sub_scalar(T, a, 1), x), x));
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
static void positive_pair_samples(tp_sampler *s)
{
    tp_tensor *in[2] = {tp_sample_tensor(s, (tp_dims){2, {3, 1}}, 1.3, 4.1),
                        tp_sample_tensor(s, (tp_dims){2, {3, 4}}, 0.3, 5.3)};
    tp_sample(s, NULL, 2, in);
}

static void power_samples(tp_sampler *s)
{
    tp_tensor *in[3] = {tp_sample_tensor(s, (tp_dims){1, {4}}, -1.9, 2.2),
                        tp_sample_tensor(s, (tp_dims){2, {3, 4}}, 0.3, 2.1),
                        tp_sample_tensor(s, (tp_dims){2, {3, 1}}, -1.7, 2.8)};
    for (int n = 0; n < 3; n++)
        for (int k = 0; k < 3; k++)
            tp_sample(s, (const double[2]){n, k}, 3, in);
}

/* ---- the table ---------------------------------------------------------------------------------------------------- */

/* clang-format off */
#define UNARY(fn, of, KIND, READS, WHERE_SAMPLED)                                              \
    static const tp__map_op fn##_op = {{ \
        .name = #fn, .n_in = 1, .n_out = 1, .flags = TP__MAP_FLAGS | (READS), .infer = tp__map_infer, \
        .forward = tp__map_forward, .vjp = fn##_vjp, .samples = WHERE_SAMPLED}, TP__##KIND, TP__SAME}; \
    tp_tensor *of(tp_tape *T, tp_tensor *x) { return tp__apply1(T, &fn##_op.op, NULL, x); }
#define WITH_NUMBERS(fn, KIND, WHERE_SAMPLED)                                                      \
    static const tp__map_op fn##_op = {{ \
        .name = #fn, .n_in = 1, .n_out = 1, .attr_size = 3 * sizeof(double), \
        .flags = TP__MAP_FLAGS | TP_OP_FORGETS_OUT, .infer = tp__map_infer, .forward = tp__map_forward, \
        .vjp = fn##_vjp, .samples = WHERE_SAMPLED}, TP__##KIND, TP__SAME};
#define BINARY(fn, KIND, READS, WHERE_SAMPLED)                                                     \
    static const tp__map_op fn##_op = {{ \
        .name = #fn, .n_in = 2, .n_out = 1, .flags = TP__MAP_FLAGS | (READS), .infer = tp__map_infer, \
        .forward = tp__map_forward, .vjp = fn##_vjp, .samples = WHERE_SAMPLED}, TP__##KIND, TP__SAME}; \
    tp_tensor *tp__##fn(tp_tape *T, tp_tensor *x, tp_tensor *y) { return tp__apply2(T, &fn##_op.op, NULL, x, y); }
BINARY(over_square, OVER_SQUARE, 0, pair_samples)
BINARY(direction, DIRECTION, 0, pair_samples)
BINARY(share, SHARE, 0, pair_samples)
BINARY(share2, SHARE2, 0, pair_samples)
BINARY(gamma_density, GAMMA_DENSITY, 0, positive_pair_samples)
UNARY(erfcx_slope, tp__erfcx_slope, ERFCX_SLOPE, TP_OP_FORGETS_OUT, all_samples)
UNARY(erfcx_bend, erfcx_bend, ERFCX_BEND, 0, all_samples)
UNARY(hazard, tp__hazard, HAZARD, TP_OP_FORGETS_OUT, all_samples)
UNARY(hazard_slope, hazard_slope, HAZARD_SLOPE, 0, all_samples)
UNARY(hazard_gap, hazard_gap, HAZARD_GAP, TP_OP_FORGETS_OUT, all_samples)
UNARY(erfinv_slope, tp__erfinv_slope, ERFINV_SLOPE, 0, unit_samples)
UNARY(ndtri_slope, tp__ndtri_slope, NDTRI_SLOPE, 0, unit_samples)
UNARY(i1_slope, tp__i1_slope, I1_SLOPE, TP_OP_FORGETS_OUT, all_samples)
WITH_NUMBERS(bell, BELL, bell_samples)
WITH_NUMBERS(bessel_i, BESSEL_I, bessel_i_samples)
WITH_NUMBERS(bessel_ie, BESSEL_IE, bessel_ie_samples)
static const tp__map_op power_term_op = {{
        .name = "power_term", .n_in = 3, .n_out = 1, .attr_size = 2 * sizeof(double),
        .flags = TP__MAP_FLAGS | TP_OP_FORGETS_OUT, .infer = tp__map_infer, .forward = tp__map_forward,
        .vjp = power_term_vjp, .samples = power_samples}, TP__POWER_TERM, TP__SAME};
/* clang-format on */

tp_tensor *tp__power_term(tp_tape *T, tp_tensor *c, tp_tensor *x, tp_tensor *y, int n, int k)
{
    return tp__apply3(T, &power_term_op.op, (const double[2]){n, k}, c, x, y);
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
    &over_square_op.op, &direction_op.op,  &share_op.op,  &share2_op.op,       &power_term_op.op, &gamma_density_op.op,
    &erfcx_slope_op.op, &erfcx_bend_op.op, &hazard_op.op, &hazard_slope_op.op, &hazard_gap_op.op, &erfinv_slope_op.op,
    &ndtri_slope_op.op, &i1_slope_op.op,   &bell_op.op,   &bessel_i_op.op,     &bessel_ie_op.op,  NULL,
};
