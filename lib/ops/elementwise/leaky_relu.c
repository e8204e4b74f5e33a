/* leaky_relu.c - leaky_relu: x, or slope x below 0. The smooth activation functions are in smooth.c, relu in unary.c. */
#if defined(TP__READING)

/* clang-format off */
RELU(leaky_relu, SAME, FLOATS(x > 0 ? x : x * s), 1, "LeakyReluBackward0")
RELU_BACKWARD(leaky_relu_backward, SAME, FLOATS(x > 0 ? y : y * s), 2, "LeakyReluBackwardBackward0")
/* clang-format on */

#else

#if defined(TP__ISA)

#define RELU NUMBER
#define RELU_BACKWARD SCALED

#else

#include "ops/elementwise/elementwise.h"

static tp_tensor *leaky_relu_backward(tp_tape *T, tp_tensor *x, tp_tensor *g, const double *attr);

static tp_status leaky_relu_vjp(tp_vjp *v)
{
    v->gin[0] = leaky_relu_backward(v->tape, v->in[0], v->gout[0], v->attr);
    return TP_OK;
}

static tp_status leaky_relu_backward_vjp(tp_vjp *v)
{
    if (tp_vjp_needs(v, 0))
        v->gin[0] = tp_zeros_like(v->tape, v->in[0]);
    if (tp_vjp_needs(v, 1))
        v->gin[1] = leaky_relu_backward(v->tape, v->in[0], v->gout[0], v->attr);
    return TP_OK;
}

static const double a_slope[2] = {0.3, 0};

static void leaky_relu_samples(tp_sampler *s)
{
    const tp_dims shapes[] = {{2, {3, 5}}, {.ndim = 0}, {2, {0, 3}}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        tp_tensor *x = tp_sample_tensor(s, shapes[i], -2.3, 2.1);
        tp_sample(s, a_slope, 1, &x);
    }
}

static void leaky_relu_backward_samples(tp_sampler *s)
{
    tp_tensor *in[2] = {tp_sample_tensor(s, (tp_dims){2, {3, 5}}, -2.3, 2.1),
                        tp_sample_tensor(s, (tp_dims){2, {3, 5}}, -2, 2)};
    tp_sample(s, a_slope, 2, in);
}

/* clang-format off */
#define RELU(fn, RULE, form, N, PRINTED)                                                           \
    TP__MAP_OP(fn, N, RULE, .attr_size = sizeof a_slope, .flags = TP__MAP_FLAGS | TP_OP_FORGETS_OUT, .vjp = fn##_vjp, \
               .samples = fn##_samples, .grad_name = PRINTED);
#define RELU_BACKWARD RELU
/* clang-format on */

#endif

#define TP__BODY "ops/elementwise/leaky_relu.c"
#include "kernel/functions.h"

#if !defined(TP__ISA)

static tp_tensor *leaky_relu_backward(tp_tape *T, tp_tensor *x, tp_tensor *g, const double *attr)
{
    return tp__apply2(T, &leaky_relu_backward_op.op, attr, x, g);
}

tp_tensor *tp_leaky_relu(tp_tape *T, tp_tensor *x, double slope)
{
    return tp__apply1(T, &leaky_relu_op.op, (const double[2]){slope, 0}, x);
}

const tp_op *const tp__ops_activation[] = {
#include TP__OPERATORS
    NULL};

#endif
#endif
