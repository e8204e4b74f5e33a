/* workloads_conv.c - convolutions of the kinds that networks are made of, float32: forward, and forward with the gradients that
 * training needs (that of x but for a first layer). The figure counts two operations for each product of the definition, padding
 * included, and as many for each gradient. Then training steps of such networks. The floors are the definition's products at the
 * rate of multiply-adds, below which Winograd's algorithm gets. */
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
     floor_fma}, \
    { \
        "conv_" name "_fwdbwd", "GFLOP/s", (first ? 2 : 3) * WORK(n, in, out, size, k, stride, pad, groups), false, \
            setup_backward, run_backward, &(const layer){n, in, out, size, k, stride, pad, groups, first}, floor_fma \
    }

/* ---- networks ---- */

static tp_module *conv(tp_tape *T, int64_t in, int64_t out, int64_t k, int64_t pad)
{
    return tp_nn_conv2d(T, in, out, tp_shape(k), &(tp_nn_conv_options){.padding = {pad, pad}});
}

static tp_module *pool(tp_tape *T) { return tp_nn_max_pool2d(T, tp_shape(2), NULL); }
static tp_module *flat(tp_tape *T) { return tp_nn_flatten(T, 1, -1); }
static tp_module *linear(tp_tape *T, int64_t in, int64_t out) { return tp_nn_linear(T, in, out, NULL); }

static tp_module *two_convolutions(tp_tape *T, int64_t second)
{
    return tp_nn_sequential(T, conv(T, 1, 32, 3, 0), tp_nn_relu(T), conv(T, 32, second, 3, 0), tp_nn_relu(T), pool(T),
                            flat(T), linear(T, 144 * second, 128), tp_nn_relu(T), linear(T, 128, 10));
}
static tp_module *make_cnn(tp_tape *T) { return two_convolutions(T, 64); }
static tp_module *make_cnn_of_kann(tp_tape *T) { return two_convolutions(T, 32); }

static tp_module *make_cnn_of_ggml(tp_tape *T)
{
    return tp_nn_sequential(T, conv(T, 1, 8, 3, 1), tp_nn_relu(T), pool(T), conv(T, 8, 16, 3, 1), tp_nn_relu(T),
                            pool(T), flat(T), linear(T, 784, 10));
}

static tp_module *make_lenet(tp_tape *T)
{
    return tp_nn_sequential(T, conv(T, 1, 6, 5, 2), tp_nn_relu(T), pool(T), conv(T, 6, 16, 5, 0), tp_nn_relu(T),
                            pool(T), flat(T), linear(T, 400, 120), tp_nn_relu(T), linear(T, 120, 84), tp_nn_relu(T),
                            linear(T, 84, 10));
}

static tp_module *make_block(tp_tape *T)
{
    const tp_nn_conv_options o = {.padding = {1, 1}, .no_bias = true};
    return tp_nn_module_list(T, tp_nn_conv2d(T, 64, 64, tp_shape(3), &o), tp_nn_batch_norm2d(T, 64, NULL),
                             tp_nn_conv2d(T, 64, 64, tp_shape(3), &o), tp_nn_batch_norm2d(T, 64, NULL));
}

static bool net_open(bench_state *s)
{
    const bench_cnn *n = s->w->arg;
    s->net = n->make(s->T);
    if (s->net == NULL)
        return false;
    tp_params *params = tp_module_params(s->net);
    tp_adam_options o = {.lr = 1e-4};
    s->optim = n->optim == BENCH_SGD    ? tp_optim_sgd(s->T, params, &(tp_sgd_options){.lr = 1e-3})
               : n->optim == BENCH_ADAM ? tp_optim_adam(s->T, params, &o)
                                        : tp_optim_adamw(s->T, params, &o);
    return s->optim != NULL;
}

static void cnn_setup(bench_state *s)
{
    const bench_cnn *n = s->w->arg;
    if (!net_open(s))
        return;
    s->n_batches = 4;
    for (int i = 0; i < s->n_batches; i++) {
        s->x[i] = tp_keep(tp_rand(s->T, TP_F32, tp_shape(n->batch, 1, 28, 28)));
        s->y[i] = tp_keep(tp_randint(s->T, TP_I64, tp_shape(n->batch), 0, 10));
    }
    tp_tape_reset(s->T);
}

static void cnn_step(bench_state *s)
{
    int b = s->at++ % s->n_batches;
    tp_optim_zero_grad(s->optim);
    tp_backward(s->T, tp_cross_entropy(s->T, tp_forward(s->T, s->net, s->x[b]), s->y[b], NULL));
    tp_optim_step(s->T, s->optim);
    tp_tape_reset(s->T);
}

/* As inside of a network: the gradient of x is asked for, too. */
static void block_setup(bench_state *s)
{
    const bench_cnn *n = s->w->arg;
    if (!net_open(s))
        return;
    s->n_in = 1;
    s->in[0] = tp_requires_grad(bench_randn(s->T, TP_F32, tp_shape(n->batch, 64, 32, 32)), true);
    tp_tape_reset(s->T);
}

static void block_step(bench_state *s)
{
    tp_tape *T = s->T;
    tp_optim_zero_grad(s->optim);
    tp_zero_grad(s->in[0]);
    tp_tensor *y = s->in[0];
    for (int i = 0; i < 4; i++) {
        y = tp_forward(T, tp_nn_at(s->net, i), y);
        y = i == 1 ? tp_relu(T, y) : y;
    }
    y = tp_relu(T, tp_add(T, y, s->in[0]));
    tp_backward(T, tp_mean(T, tp_square(T, y)));
    tp_optim_step(T, s->optim);
    tp_tape_reset(T);
}

#define LINEAR(n, in, out) (2e-9 * (n) * (in) * (out))
#define CNN(second) \
    (2 * WORK(64, 1, 32, 28, 3, 1, 0, 1) + 3 * WORK(64, 32, second, 26, 3, 1, 0, 1) + \
     3 * LINEAR(64, 144 * (second), 128))
static const bench_cnn cnn = {64, CNN(64), make_cnn, BENCH_SGD}, of_kann = {64, CNN(32), make_cnn_of_kann, BENCH_ADAM},
                       of_ggml = {500,
                                  2 * WORK(500, 1, 8, 28, 3, 1, 1, 1) + 3 * WORK(500, 8, 16, 14, 3, 1, 1, 1) +
                                      3 * LINEAR(500, 784, 10),
                                  make_cnn_of_ggml, BENCH_ADAMW},
                       lenet = {64,
                                2 * WORK(64, 1, 6, 28, 5, 1, 2, 1) + 3 * WORK(64, 6, 16, 14, 5, 1, 0, 1) +
                                    3 * (LINEAR(64, 400, 120) + LINEAR(64, 120, 84)),
                                make_lenet, BENCH_SGD},
                       block = {32, 6 * WORK(32, 64, 64, 32, 3, 1, 1, 1), make_block, BENCH_SGD};

#define NET(name, batch, net, setup, step) \
    { \
        name, "samples/s", batch, false, setup, step, net, floor_cnn \
    }

const workload bench_convolutions[] = {
    CONV("cnn1", 64, 1, 32, 28, 3, 1, 0, 1, true),
    CONV("cnn2", 64, 32, 64, 26, 3, 1, 0, 1, false),
    CONV("res", 32, 64, 64, 32, 3, 1, 1, 1, false),
    CONV("c128", 32, 128, 128, 16, 3, 1, 1, 1, false),
    CONV("c256", 32, 256, 256, 8, 3, 1, 1, 1, false),
    CONV("1x1", 32, 64, 256, 32, 1, 1, 0, 1, false),
    CONV("5x5", 64, 6, 16, 14, 5, 1, 0, 1, false),
    CONV("stride2", 32, 64, 128, 32, 3, 2, 1, 1, false),
    CONV("depthwise", 32, 64, 64, 32, 3, 1, 1, 64, false),
    NET("cnn_28x28_b64_sgd", 64, &cnn, cnn_setup, cnn_step),
    NET("cnn_kannshape_b64_adam", 64, &of_kann, cnn_setup, cnn_step),
    NET("cnn_ggmlshape_b500_adamw", 500, &of_ggml, cnn_setup, cnn_step),
    NET("lenet_28x28_b64_sgd", 64, &lenet, cnn_setup, cnn_step),
    NET("resblock64_32x32_b32_sgd", 32, &block, block_setup, block_step),
    {0},
};
