/* slope.c - the operators that derivatives of elementwise functions are made of. Each is a function in its own right, whose
 * kernel is careful where a formula would cancel or overflow, and whose derivative is made of such functions again: so
 * every order is as careful as the first. None is public.
 */
#include "ops/elementwise.h"

/* ---- derivatives ----------------------------------------------------------------------------------------------- */

/* With R(x, y) = x / (x^2 + y^2): R_x = R(y, x)^2 - R(x, y)^2, R_y = -2 R(x, y) R(y, x). */
static tp_status over_square_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    tp_tensor *g = v->gout[0], *y = v->out[0], *other = tp__over_square(T, v->in[1], v->in[0]);
    if (tp_vjp_needs(v, 0))
        v->gin[0] = tp_mul(T, tp_mul(T, g, tp_sub(T, other, y)), tp_add(T, other, y));
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
#define BINARY(fn, KIND, READS)                                                                    \
    static const tp__map_op fn##_op = {{ \
        .name = #fn, .n_in = 2, .n_out = 1, .flags = TP_OP_STRIDED | (READS), .infer = tp__map_infer, \
        .forward = tp__map_forward, .vjp = fn##_vjp, .samples = pair_samples}, TP__##KIND, TP__SAME}; \
    tp_tensor *tp__##fn(tp_tape *T, tp_tensor *x, tp_tensor *y) { return tp__apply2(T, &fn##_op.op, NULL, x, y); }
BINARY(over_square, OVER_SQUARE, 0)
BINARY(direction, DIRECTION, 0)
BINARY(share, SHARE, 0)
BINARY(share2, SHARE2, 0)
static const tp__map_op power_term_op = {{
        .name = "power_term", .n_in = 3, .n_out = 1, .attr_size = 2 * sizeof(double),
        .flags = TP_OP_STRIDED | TP_OP_FORGETS_OUT, .infer = tp__map_infer, .forward = tp__map_forward,
        .vjp = power_term_vjp, .samples = power_samples}, TP__POWER_TERM, TP__SAME};
/* clang-format on */

tp_tensor *tp__power_term(tp_tape *T, tp_tensor *c, tp_tensor *x, tp_tensor *y, int n, int k)
{
    return tp__apply3(T, &power_term_op.op, (const double[2]){n, k}, c, x, y);
}

const tp_op *const tp__ops_slope[] = {
    &over_square_op.op, &direction_op.op, &share_op.op, &share2_op.op, &power_term_op.op, NULL,
};
