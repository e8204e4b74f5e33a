/* ternary.c - elementwise functions of three tensors: where, lerp, addcmul, addcdiv, clamp between tensors, and
 * products of three. A function is a line: name, dtype, formula (kernel/functions.h), its attributes' size, shape rule,
 * where it is sampled, printed name. */
#if defined(TP__READING)

/* clang-format off */
TERNARY(where, CHOICE, OWN_ANY, 0, tp__map_infer, where, "WhereBackward0")
TERNARY(lerp, SAME, LIGHT((z < 0 ? -z : z) < (ELEM)0.5 ? x + z * (y - x) : y - (y - x) * (1 - z)), 0, lerp_infer, plain, "LerpBackward1")
TERNARY(addcdiv, SAME, LIGHT(x + s * (y / z)), sizeof(double), tp__map_infer, number, "AddcdivBackward0")
TERNARY(mul3, SAME, LIGHT(s * x * y * z), sizeof(double), tp__map_infer, number, NULL)
TERNARY(clamp_between, SAME, ANY(x != x ? x : y != y ? y : z != z ? z : (x > y ? x : y) < z ? (x > y ? x : y) : z), 0, tp__map_infer, plain, "ClampBackward0")
ADDCMUL(addcmul, SAME, sizeof(double), addcmul_infer, number, "AddcmulBackward0") /* vec_arithmetic.c */
/* clang-format on */

#if READS_FLOATS || READS_INTEGERS
static void NAME(where)(int64_t n, void *out, const void *const *in, const void *attr)
{
    (void)attr;
    ELEM *restrict o = out;
    const uint8_t *c = in[0];
    const ELEM *a = in[1], *b = in[2];
    for (int64_t i = 0; i < n; i++)
        o[i] = c[i] ? a[i] : b[i];
}
#endif

#else

#if defined(TP__ISA)

#define ADDCMUL(fn, ...)

#else

#include "ops/elementwise/elementwise.h"

/* ---- derivatives ------------------------------------------------------------------------------------------- */

static tp_status where_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    tp_tensor *g = v->gout[0];
    if (tp_vjp_needs(v, 1))
        v->gin[1] = tp_where(T, v->in[0], g, tp__number(T, g, 0));
    if (tp_vjp_needs(v, 2))
        v->gin[2] = tp_where(T, v->in[0], tp__number(T, g, 0), g);
    return TP_OK;
}

static tp_status lerp_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    tp_tensor *g = v->gout[0];
    if (tp_vjp_needs(v, 0))
        v->gin[0] = tp_mul(T, g, tp_rsub_scalar(T, v->in[2], 1));
    if (tp_vjp_needs(v, 1))
        v->gin[1] = tp_mul(T, g, v->in[2]);
    if (tp_vjp_needs(v, 2))
        v->gin[2] = tp_mul(T, g, tp_sub(T, v->in[1], v->in[0]));
    return TP_OK;
}

static tp_status addcmul_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    tp_tensor *g = v->gout[0];
    double value = *(const double *)v->attr;
    if (tp_vjp_needs(v, 0))
        v->gin[0] = g;
    if (value != 1)
        g = tp_mul_scalar(T, g, value);
    if (tp_vjp_needs(v, 1))
        v->gin[1] = tp_mul(T, g, tp__seen(T, v->in[2], g));
    if (tp_vjp_needs(v, 2))
        v->gin[2] = tp_mul(T, g, tp__seen(T, v->in[1], g));
    return TP_OK;
}

static tp_status addcdiv_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    tp_tensor *g = v->gout[0], *b = tp__seen(T, v->in[2], g);
    double value = *(const double *)v->attr;
    if (tp_vjp_needs(v, 0))
        v->gin[0] = g;
    if (tp_vjp_needs(v, 1))
        v->gin[1] = tp_div(T, value == 1 ? g : tp_mul_scalar(T, g, value), b);
    if (tp_vjp_needs(v, 2))
        v->gin[2] = tp__quotient(T, g, tp__seen(T, v->in[1], g), b, 2, -value);
    return TP_OK;
}

static tp_status mul3_vjp(tp_vjp *v)
{
    for (int i = 0; i < 3; i++)
        if (tp_vjp_needs(v, i))
            v->gin[i] = tp__mul3(v->tape, v->gout[0], v->in[(i + 1) % 3], v->in[(i + 2) % 3], *(const double *)v->attr);
    return TP_OK;
}

/* To x inside the bounds, to the lower one below it, to the upper one above it or where the bounds cross. */
static tp_status clamp_between_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    tp_tensor *x = v->in[0], *low = v->in[1], *high = v->in[2], *g = v->gout[0], *zero = tp__number(T, g, 0);
    if (tp_vjp_needs(v, 0))
        v->gin[0] = tp_where(T, tp_logical_and(T, tp_ge(T, x, low), tp_le(T, x, high)), g, zero);
    if (tp_vjp_needs(v, 1))
        v->gin[1] = tp_where(T, tp_logical_and(T, tp_lt(T, low, high), tp_lt(T, x, low)), g, zero);
    if (tp_vjp_needs(v, 2))
        v->gin[2] = tp_where(T, tp_logical_or(T, tp_gt(T, x, high), tp_gt(T, low, high)), g, zero);
    return TP_OK;
}

/* ---- samples ------------------------------------------------------------------------------------------------- */

static void where_samples(tp_sampler *s)
{
    tp_tensor *at = tp_sample_tensor(s, (tp_dims){2, {3, 1}}, -1, 1);
    tp_tensor *in[3] = {tp_gt(s->tape, at, tp__number(s->tape, at, 0)),
                        tp_sample_tensor(s, (tp_dims){2, {3, 4}}, -1, 1), tp_sample_tensor(s, (tp_dims){1, {4}}, 2, 3)};
    tp_sample(s, NULL, 3, in);
}

static void triples(tp_sampler *s, const void *attr)
{
    tp_tensor *in[3] = {tp_sample_tensor(s, (tp_dims){2, {3, 4}}, -2.3, 2.1),
                        tp_sample_tensor(s, (tp_dims){2, {3, 4}}, -0.9, -0.5),
                        tp_sample_tensor(s, (tp_dims){2, {3, 4}}, 0.6, 1.7)};
    tp_sample(s, attr, 3, in);
    in[1] = tp_sample_tensor(s, (tp_dims){1, {4}}, -1.1, -0.4);
    in[2] = tp_sample_tensor(s, (tp_dims){.ndim = 0}, 0.7, 0.8);
    tp_sample(s, attr, 3, in);
    in[0] = tp_sample_tensor(s, (tp_dims){2, {0, 4}}, -1, 1);
    tp_sample(s, attr, 3, in);
}

static void number_samples(tp_sampler *s) { triples(s, &(double){1.3}); }
static void plain_samples(tp_sampler *s) { triples(s, NULL); }

/* ---- shape rules ------------------------------------------------------------------------------------------------- */

static tp_status lerp_infer(tp_call *c)
{
    for (int i = 1; i < 3; i++)
        if (c->in[i]->dtype != c->in[0]->dtype)
            return tp_call_fail(c, TP_EDTYPE, "%s beside %s; one dtype is needed", tp_dtype_name(c->in[i]->dtype),
                                tp_dtype_name(c->in[0]->dtype));
    return tp__map_infer(c);
}

static tp_status addcmul_infer(tp_call *c)
{
    tp__fits(c->tape, "addcmul", "value", tp__result_type(3, c->in), *(const double *)c->attr);
    return tp__ok(c->tape) ? tp__map_infer(c) : c->tape->status;
}

/* ---- what a line becomes ---------------------------------------------------------------------------------------- */

/* clang-format off */
#define TERNARY(fn, RULE, form, ATTR, INFER, WHERE, PRINTED)                                       \
    TP__MAP_OP_BY(fn, 3, RULE, INFER, tp__map_forward, .attr_size = ATTR, .flags = TP__MAP_FLAGS | TP_OP_FORGETS_OUT, \
                  .vjp = fn##_vjp, .samples = WHERE##_samples, .grad_name = PRINTED);
#define ADDCMUL(fn, RULE, ...) TERNARY(fn, RULE, , __VA_ARGS__)
/* clang-format on */

#endif

#define TP__BODY "ops/elementwise/ternary.c"
#include "kernel/functions.h"

#if !defined(TP__ISA)

tp_tensor *tp_where(tp_tape *T, tp_tensor *condition, tp_tensor *a, tp_tensor *b)
{
    if (condition && condition->dtype == TP_U8) /* counts as bool, as in torch */
        condition = tp_to(T, condition, TP_BOOL);
    return tp__apply3(T, &where_op.op, NULL, condition, a, b);
}

tp_tensor *tp_lerp(tp_tape *T, tp_tensor *start, tp_tensor *end, tp_tensor *weight)
{
    return tp__apply3(T, &lerp_op.op, NULL, start, end, weight);
}

tp_tensor *tp_lerp_scalar(tp_tape *T, tp_tensor *start, tp_tensor *end, double weight)
{
    TP__NAMED(T, "lerp_scalar");
    return tp_lerp(T, start, end, tp__number(T, start, weight));
}

tp_tensor *tp_addcmul(tp_tape *T, tp_tensor *x, tp_tensor *a, tp_tensor *b, double value)
{
    return tp__apply3(T, &addcmul_op.op, &value, x, a, b);
}

tp_tensor *tp_addcdiv(tp_tape *T, tp_tensor *x, tp_tensor *a, tp_tensor *b, double value)
{
    return tp__apply3(T, &addcdiv_op.op, &value, x, a, b);
}

tp_tensor *tp__mul3(tp_tape *T, tp_tensor *a, tp_tensor *b, tp_tensor *c, double value)
{
    return tp__apply3(T, &mul3_op.op, &value, a, b, c);
}

tp_tensor *tp_clamp_tensor(tp_tape *T, tp_tensor *x, tp_tensor *low, tp_tensor *high)
{
    TP__NAMED(T, "clamp_tensor");
    if (low && high)
        return tp__apply3(T, &clamp_between_op.op, NULL, x, low, high);
    if (!tp__usable(T, "clamp", x))
        return NULL;
    if (!low && !high)
        tp_fail(T, TP_EINVAL, "clamp: no bound is given; one is needed, below or above");
    return low ? tp_clamp_min(T, x, low) : high ? tp_clamp_max(T, x, high) : NULL;
}

const tp_op *const tp__ops_ternary[] = {
#include TP__OPERATORS
    NULL};

#endif
#endif
