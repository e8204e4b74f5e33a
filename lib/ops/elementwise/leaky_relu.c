/* leaky_relu.c - leaky_relu; the smooth activation functions are in smooth.c, relu in unary.c. */
#include "ops/elementwise/elementwise.h"

/* ---- leaky_relu: x, or slope x below 0 ------------------------------------------------------------------------- */

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
static const tp__map_op leaky_relu_op = {{
        .name = "leaky_relu", .n_in = 1, .n_out = 1, .attr_size = sizeof a_slope, .flags = TP__MAP_FLAGS | TP_OP_FORGETS_OUT,
        .infer = tp__map_infer, .forward = tp__map_forward, .vjp = leaky_relu_vjp,
        .samples = leaky_relu_samples, .grad_name = "LeakyReluBackward0"}, TP__LEAKY_RELU, TP__SAME};
static const tp__map_op leaky_relu_backward_op = {{
        .name = "leaky_relu_backward", .n_in = 2, .n_out = 1, .attr_size = sizeof a_slope,
        .flags = TP__MAP_FLAGS | TP_OP_FORGETS_OUT, .infer = tp__map_infer, .forward = tp__map_forward,
        .vjp = leaky_relu_backward_vjp, .samples = leaky_relu_backward_samples,
        .grad_name = "LeakyReluBackwardBackward0"}, TP__LEAKY_RELU_BACKWARD, TP__SAME};
/* clang-format on */

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
