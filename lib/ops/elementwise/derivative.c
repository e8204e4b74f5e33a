/* derivative.c - the operators that derivatives of elementwise functions are made of. Each is a function in its own right, whose
 * kernel is careful where a formula would cancel or overflow, and whose derivative is made of such functions again: so
 * every order is as careful as the first. None is public.
 */
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

static tp_tensor *power_term(tp_tape *T, tp_tensor *c, tp_tensor *x, tp_tensor *y, const double attr[4]);

/* By y: the power's logarithm, and P less each factor in turn. Of c y x^(y - 1) both parts may be infinite where the sum has a
 * sign: there is a kernel for it, whose own derivatives are those of the sum. */
static tp_tensor *power_term_by_exponent(tp_tape *T, tp_tensor *c, tp_tensor *x, tp_tensor *y, int n, int k,
                                         uint32_t mask)
{
    if (n == 1 && k == 0 && mask == 1)
        return power_term(T, c, x, y, (const double[4]){1, 1, 1, 1});
    tp_tensor *sum = tp__power_term(T, c, x, y, n, k + 1, mask);
    for (int i = 0; i < n && i < 31; i++)
        if (mask >> i & 1)
            sum = tp_add(T, sum, tp__power_term(T, c, x, y, n, k, mask & ~(1u << i)));
    return sum;
}

/* With P the product of y - i over the mask: c P (y - n) x^(y - n - 1) log(x)^k + k c P x^(y - n - 1) log(x)^(k - 1). */
static tp_tensor *power_term_by_base(tp_tape *T, tp_tensor *c, tp_tensor *x, tp_tensor *y, int n, int k, uint32_t mask)
{
    bool fits = n < 31; /* into the mask */
    tp_tensor *more = fits ? c : tp_mul(T, c, tp_sub_scalar(T, y, n));
    tp_tensor *slope = tp__power_term(T, more, x, y, n + 1, k, fits ? mask | 1u << n : mask);
    return k == 0 ? slope : tp_add(T, slope, tp__power_term(T, tp_mul_scalar(T, c, k), x, y, n + 1, k - 1, mask));
}

static tp_status power_term_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    const double *at = v->attr;
    int n = (int)at[0], k = (int)at[1];
    uint32_t mask = (uint32_t)at[2];
    bool joint = at[3] != 0; /* the term of its attributes, and that of 1, 0 and no factor */
    tp_tensor *c = v->in[0], *x = v->in[1], *y = v->in[2], *g = v->gout[0], *gc = NULL;
    if (tp_vjp_needs(v, 0))
        v->gin[0] = power_term(T, g, x, y, at);
    if (tp_vjp_needs(v, 1) || tp_vjp_needs(v, 2))
        gc = tp_mul(T, g, c);
    if (tp_vjp_needs(v, 1)) {
        v->gin[1] = power_term_by_base(T, gc, x, y, n, k, mask);
        if (joint)
            v->gin[1] = tp_add(T, v->gin[1], power_term_by_base(T, gc, x, y, 1, 0, 0));
    }
    if (tp_vjp_needs(v, 2)) {
        v->gin[2] = power_term_by_exponent(T, gc, x, y, n, k, mask);
        if (joint)
            v->gin[2] = tp_add(T, v->gin[2], power_term_by_exponent(T, gc, x, y, 1, 0, 0));
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
        return tp_fail(v->tape, TP_EINVAL, "zeta: has no derivative by its first argument");
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

static void power_samples(tp_sampler *s)
{
    tp_tensor *in[3] = {tp_sample_tensor(s, (tp_dims){1, {4}}, -1.9, 2.2),
                        tp_sample_tensor(s, (tp_dims){2, {3, 4}}, 0.3, 2.1),
                        tp_sample_tensor(s, (tp_dims){2, {3, 1}}, -1.7, 2.8)};
    for (int n = 0; n < 4; n++)
        for (int k = 0; k < 3; k++)
            for (int mask = 0; mask < 1 << n; mask += 1 + k)
                tp_sample(s, (const double[4]){n, k, mask, 0}, 3, in);
    tp_sample(s, (const double[4]){1, 1, 1, 1}, 3, in);
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
BINARY(over_square, OVER_SQUARE, TP_OP_FORGETS_OUT, pair_samples)
BINARY(over_cross, OVER_CROSS, TP_OP_FORGETS_OUT, pair_samples)
BINARY(over_gap, OVER_GAP, TP_OP_FORGETS_OUT, pair_samples)
BINARY(direction, DIRECTION, TP_OP_FORGETS_OUT, pair_samples)
BINARY(direction_turn, DIRECTION_TURN, TP_OP_FORGETS_OUT, pair_samples)
BINARY(direction_bend, DIRECTION_BEND, TP_OP_FORGETS_OUT, pair_samples)
BINARY(share, SHARE, 0, pair_samples)
BINARY(share2, SHARE2, 0, pair_samples)
#define BY_ORDER(fn, KIND, READS)                                                                 \
    static const tp__map_op fn##_op = {{ \
        .name = #fn, .n_in = 2, .n_out = 1, .attr_size = sizeof(double), .flags = TP__MAP_FLAGS | (READS), \
        .infer = tp__map_infer, .forward = tp__map_forward, .vjp = fn##_vjp, .samples = fn##_samples}, \
        TP__##KIND, TP__SAME}; \
    tp_tensor *tp__##fn(tp_tape *T, tp_tensor *a, tp_tensor *x, int k) { return tp__apply2(T, &fn##_op.op, &(double){k}, a, x); }
BY_ORDER(gamma_density, GAMMA_DENSITY, 0)
BY_ORDER(zeta_slope, ZETA_SLOPE, TP_OP_FORGETS_OUT)
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
        .name = "power_term", .n_in = 3, .n_out = 1, .attr_size = 4 * sizeof(double),
        .flags = TP__MAP_FLAGS | TP_OP_FORGETS_OUT, .infer = tp__map_infer, .forward = tp__map_forward,
        .vjp = power_term_vjp, .samples = power_samples}, TP__POWER_TERM, TP__SAME};
static const tp__map_op ldexp_slope_op = {{
        .name = "ldexp_slope", .n_in = 3, .n_out = 1, .attr_size = 2 * sizeof(double),
        .flags = TP__MAP_FLAGS | TP_OP_FORGETS_OUT, .infer = tp__map_infer, .forward = tp__map_forward,
        .vjp = ldexp_slope_vjp, .samples = ldexp_slope_samples}, TP__LDEXP_SLOPE, TP__SAME};
static const tp__map_op quotient_op = {{
        .name = "quotient", .n_in = -3, .n_out = 1, .attr_size = 3 * sizeof(double),
        .flags = TP__MAP_FLAGS | TP_OP_FORGETS_OUT, .infer = tp__map_infer, .forward = tp__map_forward,
        .vjp = quotient_vjp, .samples = quotient_samples}, TP__QUOTIENT, TP__SAME};
/* clang-format on */

tp_tensor *tp__power_term(tp_tape *T, tp_tensor *c, tp_tensor *x, tp_tensor *y, int n, int k, uint32_t mask)
{
    return power_term(T, c, x, y, (const double[4]){n, k, mask, 0});
}
static tp_tensor *power_term(tp_tape *T, tp_tensor *c, tp_tensor *x, tp_tensor *y, const double attr[4])
{
    return tp__apply3(T, &power_term_op.op, attr, c, x, y);
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
