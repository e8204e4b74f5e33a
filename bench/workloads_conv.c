/* workloads_conv.c - convolutions of the kinds that networks are made of, float32: forward, and forward with the gradients that
 * training needs (that of x but for a first layer). The figure counts two operations for each product of the definition, padding
 * included, and as many for each gradient. */
#include "bench.h"

typedef struct {
    int64_t n, in, out, size, kernel, stride, padding, groups;
    bool first; /* its x needs no gradient */
} layer;

static void setup(bench_state *s, bool grad)
{
    const layer *c = s->w->arg;
    s->n_in = 2;
    s->in[0] = bench_randn(s->T, TP_F32, tp_shape(c->n, c->in, c->size, c->size));
    s->in[1] = bench_randn(s->T, TP_F32, tp_shape(c->out, c->in / c->groups, c->kernel, c->kernel));
    tp_requires_grad(s->in[0], grad && !c->first);
    tp_requires_grad(s->in[1], grad);
}

static void setup_forward(bench_state *s) { setup(s, false); }

static tp_tensor *convolve(bench_state *s)
{
    const layer *c = s->w->arg;
    return tp_conv2d(
        s->T, s->in[0], s->in[1], NULL,
        &(tp_conv_options){.stride = {c->stride, c->stride}, .padding = {c->padding, c->padding}, .groups = c->groups});
}

static void setup_backward(bench_state *s)
{
    setup(s, true);
    s->cotangent = tp_keep(tp_ones_like(s->T, tp_detach(s->T, convolve(s))));
    tp_tape_reset(s->T);
}

static void run_forward(bench_state *s)
{
    convolve(s);
    tp_tape_reset(s->T);
}

static void run_backward(bench_state *s)
{
    const layer *c = s->w->arg;
    tp_gradients_options o = {.grad_outputs = &s->cotangent};
    tp_tensor *y = convolve(s), *grads[BENCH_MAX_INPUTS];
    tp_gradients(s->T, 1, &y, c->first ? 1 : 2, s->in + (c->first ? 1 : 0), grads, &o);
    tp_tape_reset(s->T);
}

/* Operations of a pass, in units of 10^9 */
#define SIDE(size, k, stride, pad) (((size) + 2 * (pad) - (k)) / (stride) + 1)
#define WORK(n, in, out, size, k, stride, pad, groups) \
    (2e-9 * (n) * (in) * (out) / (groups) * (k) * (k)*SIDE(size, k, stride, pad) * SIDE(size, k, stride, pad))
#define CONV(name, n, in, out, size, k, stride, pad, groups, first) \
    {"conv_" name "_fwd", \
     "GFLOP/s", \
     WORK(n, in, out, size, k, stride, pad, groups), \
     false, \
     setup_forward, \
     run_forward, \
     &(const layer){n, in, out, size, k, stride, pad, groups, first}, \
     NULL}, \
    { \
        "conv_" name "_fwdbwd", "GFLOP/s", (first ? 2 : 3) * WORK(n, in, out, size, k, stride, pad, groups), false, \
            setup_backward, run_backward, &(const layer){n, in, out, size, k, stride, pad, groups, first}, NULL \
    }

const workload bench_convolutions[] = {
    CONV("cnn1", 64, 1, 32, 28, 3, 1, 0, 1, true),         CONV("cnn2", 64, 32, 64, 26, 3, 1, 0, 1, false),
    CONV("res", 32, 64, 64, 32, 3, 1, 1, 1, false),        CONV("c128", 32, 128, 128, 16, 3, 1, 1, 1, false),
    CONV("c256", 32, 256, 256, 8, 3, 1, 1, 1, false),      CONV("1x1", 32, 64, 256, 32, 1, 1, 0, 1, false),
    CONV("5x5", 64, 6, 16, 14, 5, 1, 0, 1, false),         CONV("stride2", 32, 64, 128, 32, 3, 2, 1, 1, false),
    CONV("depthwise", 32, 64, 64, 32, 3, 1, 1, 64, false), {0},
};
