/* binary.c - elementwise functions of two tensors, or of a tensor and a number; comparisons; where.
 *
 * An operator is one line of the table at the end. Derivatives are written in operators; the sweep sums
 * them over what was broadcast.
 */
#include "ops/elementwise.h"

#include <math.h>

/* ---- derivatives ------------------------------------------------------------------------------------------- */

/* clang-format off */
#define VJP2(name, of_a, of_b)                                                                     \
    static tp_status name##_vjp(tp_vjp *v)                                                         \
    { tp_tape *T = v->tape; tp_tensor *a = v->in[0], *b = v->in[1], *y = v->out[0], *g = v->gout[0]; \
      (void)T; (void)a; (void)b; (void)y;                                                          \
      if (tp_vjp_needs(v, 0)) v->gin[0] = (of_a);                                                  \
      if (tp_vjp_needs(v, 1)) v->gin[1] = (of_b);                                                  \
      return TP_OK; }
#define VJP_S(name, formula)                                                                       \
    static tp_status name##_vjp(tp_vjp *v)                                                         \
    { tp_tape *T = v->tape; tp_tensor *x = v->in[0], *g = v->gout[0]; double s = ((const double *)v->attr)[0]; \
      (void)T; (void)x; (void)s; v->gin[0] = (formula); return TP_OK; }
/* clang-format on */

static tp_tensor *zero_of(tp_tape *T, tp_tensor *x) { return x ? tp_scalar(T, (tp_dtype)x->dtype, 0) : NULL; }

/* g where a is chosen, half of it where both are equal; NaN passes it on. */
static tp_tensor *chosen(tp_tape *T, tp_tensor *g, tp_tensor *loses, tp_tensor *ties)
{
    return tp_where(T, loses, zero_of(T, g), tp_where(T, ties, tp_mul_scalar(T, g, 0.5), g));
}

/* b a^(b-1), which is 0 for b = 0 whatever a is */
static tp_tensor *pow_slope(tp_tape *T, tp_tensor *a, tp_tensor *b, tp_tensor *g)
{
    tp_tensor *slope = tp_mul(T, g, tp_mul(T, b, tp_pow(T, a, tp_sub_scalar(T, b, 1))));
    return tp_where(T, tp_eq(T, b, zero_of(T, b)), zero_of(T, slope), slope);
}

/* a^b log a, which is 0 for a = 0 and b >= 0 */
static tp_tensor *pow_slope_by_exponent(tp_tape *T, tp_tensor *a, tp_tensor *b, tp_tensor *y, tp_tensor *g)
{
    tp_tensor *slope = tp_mul(T, g, tp_mul(T, y, tp_log(T, a)));
    tp_tensor *flat = tp_logical_and(T, tp_eq(T, a, zero_of(T, a)), tp_ge(T, b, zero_of(T, b)));
    return tp_where(T, flat, zero_of(T, slope), slope);
}

/* g numerator / (a^2 + b^2), NaN where both are 0, as in torch */
static tp_tensor *atan2_slope(tp_tape *T, tp_tensor *a, tp_tensor *b, tp_tensor *g, tp_tensor *numerator)
{
    tp_tensor *r = tp_add(T, tp_square(T, a), tp_square(T, b));
    return tp_mul(T, tp_mul(T, g, numerator), tp_reciprocal(T, r));
}

/* clang-format off */
VJP2(add, g, g)
VJP2(sub, g, tp_neg(T, g))
VJP2(mul, tp_mul(T, g, b), tp_mul(T, g, a))
VJP2(div, tp_div(T, g, b), tp_mul(T, tp_neg(T, g), tp_div(T, tp_div(T, a, b), b)))
VJP2(pow, pow_slope(T, a, b, g), pow_slope_by_exponent(T, a, b, y, g))
VJP2(atan2, atan2_slope(T, a, b, g, b), atan2_slope(T, a, b, g, tp_neg(T, a)))
VJP2(maximum, chosen(T, g, tp_lt(T, a, b), tp_eq(T, a, b)), chosen(T, g, tp_lt(T, b, a), tp_eq(T, a, b)))
VJP2(minimum, chosen(T, g, tp_gt(T, a, b), tp_eq(T, a, b)), chosen(T, g, tp_gt(T, b, a), tp_eq(T, a, b)))
VJP_S(add_scalar, g)
VJP_S(rsub_scalar, tp_neg(T, g))
VJP_S(mul_scalar, tp_mul_scalar(T, g, s))
VJP_S(div_scalar, tp_div_scalar(T, g, s))
VJP_S(pow_scalar, s == 0 ? tp_zeros_like(T, x) : tp_mul(T, g, tp_mul_scalar(T, tp_pow_scalar(T, x, s - 1), s)))
/* clang-format on */

/* Both products go straight to where they are gathered. */
static tp_status mul_vjp_fused(tp_vjp *v)
{
    tp_dtype dtype = (tp_dtype)v->out[0]->dtype;
    tp_dims shape = tp__dims_of(v->out[0]);
    for (int i = 0; i < 2; i++) {
        if (v->gin[i] == NULL)
            continue;
        tp__block_fn fn = tp__map_fn((v->fresh >> i) & 1u ? TP__MUL : TP__MUL_ADD, dtype);
        const void *in[2] = {v->gout[0]->data, v->in[1 - i]->data};
        if (v->out[0]->numel <= 1024) { /* the short way for small work */
            fn(v->out[0]->numel, v->gin[i]->data, in, NULL);
            continue;
        }
        tp__operand operand[2] = {tp__operand_of(v->gout[0], shape), tp__operand_of(v->in[1 - i], shape)};
        tp__map(fn, NULL, shape, v->gin[i]->data, dtype, dtype, 2, operand);
    }
    return TP_OK;
}

/* The gradient passes where low <= x <= high. */
static tp_status clamp_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    tp_tensor *x = v->in[0], *g = v->gout[0];
    const double *bound = v->attr;
    tp_tensor *inside = tp_logical_and(T, tp_ge(T, x, tp_scalar(T, TP_F64, bound[0])),
                                       tp_le(T, x, tp_scalar(T, TP_F64, bound[1])));
    v->gin[0] = tp_where(T, inside, g, zero_of(T, g));
    return TP_OK;
}

static tp_status where_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    tp_tensor *g = v->gout[0];
    if (tp_vjp_needs(v, 1))
        v->gin[1] = tp_where(T, v->in[0], g, zero_of(T, g));
    if (tp_vjp_needs(v, 2))
        v->gin[2] = tp_where(T, v->in[0], zero_of(T, g), g);
    return TP_OK;
}

/* ---- samples ------------------------------------------------------------------------------------------------- */

static void pairs(tp_sampler *s, double low, double high)
{
    const tp_dims shapes[][2] = {
        {{2, {3, 4}}, {2, {3, 4}}}, {{2, {3, 1}}, {3, {2, 1, 4}}}, {{0, {0}}, {1, {5}}},
        {{0, {0}}, {0, {0}}},       {{2, {0, 3}}, {1, {3}}},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        tp_tensor *a = tp_sample_tensor(s, shapes[i][0], low, high);
        tp_tensor *in[2] = {a, tp_sample_tensor(s, shapes[i][1], low + 0.07, high + 0.11)};
        tp_sample(s, NULL, 2, in);
    }
}

static void all_samples(tp_sampler *s) { pairs(s, -2.3, 2.1); }
static void positive_samples(tp_sampler *s) { pairs(s, 0.4, 2.3); }

static void numbers(tp_sampler *s, double low, double high, const double attr[2])
{
    tp_tensor *x = tp_sample_tensor(s, (tp_dims){2, {3, 5}}, low, high);
    tp_sample(s, attr, 1, &x);
    x = tp_sample_tensor(s, (tp_dims){.ndim = 0}, low, high);
    tp_sample(s, attr, 1, &x);
}

static void number_samples(tp_sampler *s) { numbers(s, -2.3, 2.1, (const double[2]){1.7, 0}); }
static void power_samples(tp_sampler *s)
{
    numbers(s, 0.3, 2.1, (const double[2]){2.5, 0});
    numbers(s, -2.3, 2.1, (const double[2]){3, 0});
    numbers(s, -2.3, 2.1, (const double[2]){0, 0});
}
static void clamp_samples(tp_sampler *s) { numbers(s, -2.3, 2.1, (const double[2]){-0.77, 1.03}); }

static void where_samples(tp_sampler *s)
{
    tp_tensor *at = tp_sample_tensor(s, (tp_dims){2, {3, 1}}, -1, 1);
    tp_tensor *in[3] = {tp_gt(s->tape, at, zero_of(s->tape, at)), tp_sample_tensor(s, (tp_dims){2, {3, 4}}, -1, 1),
                        tp_sample_tensor(s, (tp_dims){1, {4}}, 2, 3)};
    tp_sample(s, NULL, 3, in);
}

/* ---- the table ------------------------------------------------------------------------------------------------- */

/* clang-format off */
#define READS_IN TP_OP_FORGETS_OUT
#define READS_ALL 0
#define BINARY(fn, KIND, RULE, READS, WHERE_SAMPLED, PRINTED)                                      \
    static const tp__map_op fn##_op = {{#fn, 2, 1, 0, TP_OP_STRIDED | (READS), tp__map_infer, tp__map_forward, \
                                        fn##_vjp, NULL, WHERE_SAMPLED, PRINTED}, TP__##KIND, TP__##RULE}; \
    tp_tensor *tp_##fn(tp_tape *T, tp_tensor *a, tp_tensor *b) { return tp__apply2(T, &fn##_op.op, NULL, a, b); }
#define COMPARISON(fn, KIND)                                                                       \
    static const tp__map_op fn##_op = {{#fn, 2, 1, 0, TP_OP_STRIDED | TP_OP_NO_GRAD, tp__map_infer, tp__map_forward, \
                                        NULL, NULL, all_samples, NULL}, TP__##KIND, TP__TO_BOOL};  \
    tp_tensor *tp_##fn(tp_tape *T, tp_tensor *a, tp_tensor *b) { return tp__apply2(T, &fn##_op.op, NULL, a, b); }
#define SCALAR(fn, KIND, RULE, READS, WHERE_SAMPLED, PRINTED)                                      \
    static const tp__map_op fn##_op = {{#fn, 1, 1, 2 * sizeof(double), TP_OP_STRIDED | (READS), tp__map_infer, \
                                        tp__map_forward, fn##_vjp, NULL, WHERE_SAMPLED, PRINTED}, TP__##KIND, TP__##RULE};

BINARY(add, ADD, SAME, TP__READS_NOTHING, all_samples, "AddBackward0")
BINARY(sub, SUB, SAME, TP__READS_NOTHING, all_samples, "SubBackward0")
static const tp__map_op mul_op = {{"mul", 2, 1, 0, TP_OP_STRIDED | TP_OP_ELEMENTWISE | TP_OP_OVERWRITES | READS_IN,
                                   tp__map_infer, tp__map_forward, mul_vjp, mul_vjp_fused, all_samples, "MulBackward0"},
                                  TP__MUL, TP__SAME};
tp_tensor *tp_mul(tp_tape *T, tp_tensor *a, tp_tensor *b) { return tp__apply2(T, &mul_op.op, NULL, a, b); }
BINARY(div, DIV, TO_FLOAT, READS_IN, positive_samples, "DivBackward0")
BINARY(pow, POW, SAME, READS_ALL, positive_samples, "PowBackward1")
BINARY(atan2, ATAN2, TO_FLOAT, READS_IN, all_samples, "Atan2Backward0")
BINARY(maximum, MAXIMUM, SAME, READS_IN, all_samples, "MaximumBackward0")
BINARY(minimum, MINIMUM, SAME, READS_IN, all_samples, "MinimumBackward0")
COMPARISON(eq, EQ)
COMPARISON(ne, NE)
COMPARISON(lt, LT)
COMPARISON(le, LE)
COMPARISON(gt, GT)
COMPARISON(ge, GE)
COMPARISON(logical_and, AND)
COMPARISON(logical_or, OR)
SCALAR(add_scalar, ADD_S, SAME, TP__READS_NOTHING, number_samples, "AddBackward0")
SCALAR(rsub_scalar, RSUB_S, SAME, TP__READS_NOTHING, number_samples, "RsubBackward1")
SCALAR(mul_scalar, MUL_S, SAME, TP__READS_NOTHING, number_samples, "MulBackward0")
SCALAR(div_scalar, DIV_S, TO_FLOAT, TP__READS_NOTHING, number_samples, "DivBackward0")
SCALAR(pow_scalar, POW_S, SAME, READS_IN, power_samples, "PowBackward0")
SCALAR(clamp, CLAMP, SAME, READS_IN, clamp_samples, "ClampBackward1")

static const tp__map_op where_op = {{"where", 3, 1, 0, TP_OP_STRIDED | TP_OP_FORGETS_OUT, tp__map_infer, tp__map_forward,
                                     where_vjp, NULL, where_samples, "WhereBackward0"}, TP__WHERE, TP__SAME};
/* clang-format on */

tp_tensor *tp_where(tp_tape *T, tp_tensor *condition, tp_tensor *a, tp_tensor *b)
{
    return tp__apply3(T, &where_op.op, NULL, condition, a, b);
}

/* ---- with a number ---------------------------------------------------------------------------------------------- */

static bool is_whole(double s) { return s == floor(s) && fabs(s) < 0x1p63; }

/* A number counts as a 0-d tensor of its kind: a whole one makes int64 of booleans, any other float32
 * of integers. */
static tp_tensor *with_number(tp_tape *T, const tp__map_op *op, tp_tensor *x, double s, double t)
{
    const double attr[2] = {s, t};
    if (x && !tp_dtype_is_float((tp_dtype)x->dtype)) {
        bool whole = is_whole(s) && (is_whole(t) || isinf(t));
        if (!whole && op != &clamp_op)
            x = tp_to(T, x, TP_F32);
        else if (x->dtype == TP_BOOL && op->result == TP__SAME)
            x = tp_to(T, x, TP_I64);
    }
    return tp__apply1(T, &op->op, attr, x);
}

tp_tensor *tp_add_scalar(tp_tape *T, tp_tensor *x, double s) { return with_number(T, &add_scalar_op, x, s, 0); }
tp_tensor *tp_sub_scalar(tp_tape *T, tp_tensor *x, double s) { return with_number(T, &add_scalar_op, x, -s, 0); }
tp_tensor *tp_rsub_scalar(tp_tape *T, tp_tensor *x, double s) { return with_number(T, &rsub_scalar_op, x, s, 0); }
tp_tensor *tp_mul_scalar(tp_tape *T, tp_tensor *x, double s) { return with_number(T, &mul_scalar_op, x, s, 0); }
tp_tensor *tp_div_scalar(tp_tape *T, tp_tensor *x, double s) { return with_number(T, &div_scalar_op, x, s, 0); }

tp_tensor *tp_pow_scalar(tp_tape *T, tp_tensor *x, double s)
{
    if (tp__usable(T, "pow", x) && !tp_dtype_is_float((tp_dtype)x->dtype) && s < 0 && is_whole(s)) {
        tp_fail(T, TP_EINVAL, "pow: whole numbers to the power %g", s);
        return NULL;
    }
    return s == 2 ? tp_square(T, x) : with_number(T, &pow_scalar_op, x, s, 0);
}

/* Bounds beyond what an integer dtype holds are no bounds. */
tp_tensor *tp_clamp(tp_tape *T, tp_tensor *x, double low, double high)
{
    if (x && !tp_dtype_is_float((tp_dtype)x->dtype)) {
        double top = x->dtype == TP_I64 ? 0x1.fffffffffffffp62 : x->dtype == TP_I32 ? 2147483647.0 : 255;
        double bottom = x->dtype == TP_I64 ? -0x1p63 : x->dtype == TP_I32 ? -2147483648.0 : 0;
        if (!is_whole(isinf(low) ? 0 : low) || !is_whole(isinf(high) ? 0 : high))
            x = tp_to(T, x, TP_F32);
        else if (isinf(low) || isinf(high) || low < bottom || high > top) {
            low = fmax(low, bottom);
            high = fmin(high, top);
        }
    }
    return with_number(T, &clamp_op, x, low, high);
}

const tp_op *const tp__ops_binary[] = {
    &add_op.op,        &sub_op.op,        &mul_op.op,         &div_op.op,        &pow_op.op,        &atan2_op.op,
    &maximum_op.op,    &minimum_op.op,    &eq_op.op,          &ne_op.op,         &lt_op.op,         &le_op.op,
    &gt_op.op,         &ge_op.op,         &logical_and_op.op, &logical_or_op.op, &add_scalar_op.op, &rsub_scalar_op.op,
    &mul_scalar_op.op, &div_scalar_op.op, &pow_scalar_op.op,  &clamp_op.op,      &where_op.op,      NULL,
};
