/* prelu.c - prelu: x, or a learned slope times x below 0. (He et al., "Delving deep into rectifiers", 2015.) */
#if defined(TP__READING)

/* clang-format off */
BINARY(prelu, SAME, LIGHT(x * V(either)(x > 0, 1, y)), by_each, "PreluBackward0")
/* Parts of its derivatives: by x, of x, the slope and g; by the slope; and where x is not above 0. */
TERNARY(prelu_by_x, SAME, LIGHT(z * V(either)(x > 0, 1, y)), by_x, NULL)
BINARY(prelu_by_slope, SAME, LIGHT(V(either)(x > 0, 0, x) * V(either)(x > 0, 0, y)), by_slope, NULL)
BINARY(prelu_below, SAME, LIGHT(x > 0 ? 0 : y), below, NULL)
/* clang-format on */

#else

#if defined(TP__ISA)

#include "kernel/vec_math.h"

#else

#include "ops/elementwise/elementwise.h"

static tp_tensor *by_x(tp_tape *T, tp_tensor *x, tp_tensor *slope, tp_tensor *g);
static tp_tensor *by_slope(tp_tape *T, tp_tensor *x, tp_tensor *g);
static tp_tensor *below(tp_tape *T, tp_tensor *x, tp_tensor *g);

/* clang-format off */
/* The gradients of three operands; g is that of the result. */
#define VJP(name, first, second, third)                                                            \
    static tp_status name##_vjp(tp_vjp *v)                                                         \
    { tp_tape *T = v->tape; tp_tensor *const *in = v->in, *g = v->gout[0];                         \
      if (tp_vjp_needs(v, 0)) v->gin[0] = first;                                                   \
      if (tp_vjp_needs(v, 1)) v->gin[1] = second;                                                  \
      if (v->n_in > 2 && tp_vjp_needs(v, 2)) v->gin[2] = third;                                    \
      return TP_OK; }
VJP(by_each, by_x(T, in[0], in[1], g), by_slope(T, in[0], g), NULL)
VJP(by_x, tp_zeros_like(T, in[0]), below(T, in[0], tp_mul(T, in[2], g)), by_x(T, in[0], in[1], g))
VJP(by_slope, below(T, in[0], tp_mul(T, in[1], g)), by_slope(T, in[0], g), NULL)
VJP(below, tp_zeros_like(T, in[0]), below(T, in[0], g), NULL)
/* clang-format on */

static void samples(tp_sampler *s, int n)
{
    const tp_dims of_x[] = {{2, {3, 5}}, {3, {2, 3, 4}}, {.ndim = 0}, {2, {0, 5}}};
    const tp_dims of_slope[] = {{.ndim = 0}, {2, {3, 1}}, {.ndim = 0}, {1, {5}}};
    for (int i = 0; i < 4; i++) {
        tp_tensor *in[3] = {tp_sample_tensor(s, of_x[i], -2.3, 2.1), tp_sample_tensor(s, of_slope[i], 0.1, 0.7),
                            tp_sample_tensor(s, of_x[i], -1.9, 2)};
        tp_sample(s, NULL, n, in);
    }
}
static void pairs(tp_sampler *s) { samples(s, 2); }
static void triples(tp_sampler *s) { samples(s, 3); }

/* clang-format off */
#define OPERATOR(fn, N, RULE, VJP, SAMPLES, PRINTED)                                               \
    TP__MAP_OP(fn, N, RULE, .flags = TP__MAP_FLAGS | TP_OP_FORGETS_OUT, .vjp = VJP##_vjp, .samples = SAMPLES, .grad_name = PRINTED);
#define BINARY(fn, RULE, form, VJP, PRINTED) OPERATOR(fn, 2, RULE, VJP, pairs, PRINTED)
#define TERNARY(fn, RULE, form, VJP, PRINTED) OPERATOR(fn, 3, RULE, VJP, triples, PRINTED)
/* clang-format on */

#endif

#define TP__BODY "ops/nn/prelu.c"
#include "kernel/functions.h"

#if !defined(TP__ISA)

static tp_tensor *by_x(tp_tape *T, tp_tensor *x, tp_tensor *slope, tp_tensor *g)
{
    return tp__apply3(T, &prelu_by_x_op.op, NULL, x, slope, g);
}
static tp_tensor *by_slope(tp_tape *T, tp_tensor *x, tp_tensor *g)
{
    return tp__apply2(T, &prelu_by_slope_op.op, NULL, x, g);
}
static tp_tensor *below(tp_tape *T, tp_tensor *x, tp_tensor *g)
{
    return tp__apply2(T, &prelu_below_op.op, NULL, x, g);
}

tp_tensor *tp_prelu(tp_tape *T, tp_tensor *x, tp_tensor *weight)
{
    if (!tp__usable(T, "prelu", x) || !tp__usable(T, "prelu", weight))
        return NULL;
    if (!tp_dtype_is_float(x->dtype) || weight->dtype != x->dtype) {
        tp_fail(T, TP_EDTYPE, "prelu: x is %s, the weight is %s; floats of one dtype are needed",
                tp_dtype_name(x->dtype), tp_dtype_name(weight->dtype));
        return NULL;
    }
    int64_t channels = x->ndim > 1 ? x->shape[1] : 1;
    if (weight->ndim > 1 || (weight->numel != 1 && (x->ndim == 0 || weight->numel != channels))) {
        tp_fail(T, TP_ESHAPE, "prelu: x is %s, the weight is %s; one slope, or one for each of x's channels, is needed",
                TP__SHAPE(x), TP__SHAPE(weight));
        return NULL;
    }
    tp_dims shape = {.ndim = weight->numel == 1 ? 0 : x->ndim - 1, .dim = {channels}}; /* beside [n, channels, ...] */
    for (int d = 1; d < shape.ndim; d++)
        shape.dim[d] = 1;
    return tp__apply2(T, &prelu_op.op, NULL, x, tp_reshape(T, weight, shape));
}

const tp_op *const tp__ops_prelu[] = {
#include TP__OPERATORS
    NULL};

#endif
#endif
