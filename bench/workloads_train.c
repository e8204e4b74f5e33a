/* workloads_train.c - training steps: zero_grad, forward, loss, backward, step, reset. */
#include "bench.h"

#include <stdio.h>

/* ---- networks ---- */

static tp_module *make_net(tp_tape *T, const bench_net *n)
{
    tp_module *part[2 * BENCH_MAX_LAYERS];
    int parts = 0;
    if (n->layers == 1)
        return tp_nn_linear(T, n->size[0], n->size[1], NULL);
    for (int i = 0; i < n->layers; i++) {
        part[parts++] = tp_nn_linear(T, n->size[i], n->size[i + 1], NULL);
        if (i + 1 < n->layers)
            part[parts++] = n->activation(T);
    }
    return tp_nn_sequential_of(T, parts, part);
}

static tp_optim *make_optim(tp_tape *T, tp_params *params, bench_optim kind)
{
    if (kind == BENCH_SGD)
        return tp_optim_sgd(T, params, &(tp_sgd_options){.lr = 1e-3});
    tp_adam_options o = {.lr = 1e-4};
    return kind == BENCH_ADAM ? tp_optim_adam(T, params, &o) : tp_optim_adamw(T, params, &o);
}

static void make_batch(tp_tape *T, const bench_net *n, tp_tensor **x, tp_tensor **y)
{
    int64_t in = n->size[0], out = n->size[n->layers];
    bool classes = n->loss == BENCH_CROSS_ENTROPY;
    tp_dims shape = tp_shape(n->batch, in);
    *x = tp_keep(classes ? tp_rand(T, TP_F32, shape) : tp_randn(T, TP_F32, shape));
    if (classes)
        *y = tp_keep(tp_randint(T, TP_I64, tp_shape(n->batch), 0, out));
    else if (n->loss == BENCH_BCE)
        *y = tp_keep(tp_randint(T, TP_F32, tp_shape(n->batch, out), 0, 2));
    else
        *y = bench_randn(T, TP_F32, tp_shape(n->batch, out));
}

static void net_setup(bench_state *s)
{
    const bench_net *n = s->w->arg;
    s->net = make_net(s->T, n);
    if (s->net == NULL)
        return;
    s->optim = make_optim(s->T, tp_module_params(s->net), n->optim);
    s->n_batches = n->n_batches;
    for (int i = 0; i < n->n_batches; i++)
        make_batch(s->T, n, &s->x[i], &s->y[i]);
    tp_tape_reset(s->T);
}

static tp_tensor *net_loss(tp_tape *T, bench_loss loss, tp_tensor *z, tp_tensor *y)
{
    if (loss == BENCH_CROSS_ENTROPY)
        return tp_cross_entropy(T, z, y, NULL);
    if (loss == BENCH_BCE)
        return tp_binary_cross_entropy_with_logits(T, z, y, TP_MEAN);
    return tp_mse_loss(T, z, y, TP_MEAN);
}

static void net_step(bench_state *s)
{
    const bench_net *n = s->w->arg;
    int b = s->at++ % s->n_batches;
    tp_optim_zero_grad(s->optim);
    tp_tensor *z = tp_forward(s->T, s->net, s->x[b]);
    tp_backward(s->T, net_loss(s->T, n->loss, z, s->y[b]));
    tp_optim_step(s->T, s->optim);
    tp_tape_reset(s->T);
}

/* ---- second order: u(x, t) with residual u_t - 0.1 u_xx ---- */

static void pinn_setup(bench_state *s)
{
    const bench_net *n = s->w->arg;
    s->net = make_net(s->T, n);
    if (s->net == NULL)
        return;
    s->optim = make_optim(s->T, tp_module_params(s->net), n->optim);
    s->n_in = 1;
    s->in[0] = tp_requires_grad(tp_keep(tp_rand(s->T, TP_F32, tp_shape(n->batch, n->size[0]))), true);
    tp_tape_reset(s->T);
}

static tp_tensor *gradient(tp_tape *T, tp_tensor *y, tp_tensor *x)
{
    tp_tensor *sum = tp_sum(T, y), *g = NULL;
    tp_gradients(T, 1, &sum, 1, &x, &g, &(tp_gradients_options){.create_graph = true});
    return g;
}

static void pinn_step(bench_state *s)
{
    tp_tape *T = s->T;
    tp_optim_zero_grad(s->optim);
    tp_tensor *du = gradient(T, tp_forward(T, s->net, s->in[0]), s->in[0]);
    tp_tensor *uxx = tp_select(T, gradient(T, tp_select(T, du, 1, 0), s->in[0]), 1, 0);
    tp_tensor *residual = tp_sub(T, tp_select(T, du, 1, 1), tp_mul_scalar(T, uxx, 0.1));
    tp_backward(T, tp_mean(T, tp_square(T, residual)));
    tp_optim_step(T, s->optim);
    tp_zero_grad(s->in[0]);
    tp_tape_reset(T);
}

/* ---- second order: the Hessian of a loss times a vector, in the parameters ---- */

static void hvp_setup(bench_state *s)
{
    const bench_net *n = s->w->arg;
    s->net = make_net(s->T, n);
    if (s->net == NULL)
        return;
    tp_params *set = tp_module_params(s->net);
    s->n_in = 2;
    s->in[0] = tp_keep(tp_rand(s->T, TP_F32, tp_shape(n->batch, n->size[0])));
    s->in[1] = tp_keep(tp_rand(s->T, TP_F32, tp_shape(n->batch, n->size[n->layers])));
    s->n_batches = tp_params_length(set);
    for (int i = 0; i < s->n_batches; i++)
        s->x[i] = bench_randn(s->T, TP_F32, tp_shape_of(tp_params_at(set, i)));
    tp_tape_reset(s->T);
}

static void hvp(bench_state *s)
{
    tp_tape *T = s->T;
    tp_params *set = tp_module_params(s->net);
    tp_tensor *p[BENCH_MAX_BATCHES], *g[BENCH_MAX_BATCHES], *h[BENCH_MAX_BATCHES];
    int n = tp_params_length(set);
    for (int i = 0; i < n; i++)
        p[i] = tp_params_at(set, i);
    tp_tensor *loss = tp_mse_loss(T, tp_forward(T, s->net, s->in[0]), s->in[1], TP_MEAN);
    tp_gradients(T, 1, &loss, n, p, g, &(tp_gradients_options){.create_graph = true});
    tp_gradients(T, n, g, n, p, h, &(tp_gradients_options){.grad_outputs = s->x});
    tp_tape_reset(T);
}

/* ---- the rows ---- */

static const bench_net logreg = {1, {8, 1}, 32, 16, NULL, BENCH_BCE, BENCH_SGD},
                       mnist_128_sgd = {3, {784, 256, 128, 10}, 128, 16, tp_nn_relu, BENCH_CROSS_ENTROPY, BENCH_SGD},
                       mnist_128_adam = {3, {784, 256, 128, 10}, 128, 16, tp_nn_relu, BENCH_CROSS_ENTROPY, BENCH_ADAM},
                       mnist_64_adam = {3, {784, 256, 128, 10}, 64, 16, tp_nn_relu, BENCH_CROSS_ENTROPY, BENCH_ADAM},
                       mnist_500_adamw = {2, {784, 500, 10}, 500, 16, tp_nn_relu, BENCH_CROSS_ENTROPY, BENCH_ADAMW},
                       large_sgd = {3, {1024, 4096, 4096, 1024}, 256, 2, tp_nn_relu, BENCH_MSE, BENCH_SGD},
                       large_adam = {3, {1024, 4096, 4096, 1024}, 256, 2, tp_nn_relu, BENCH_MSE, BENCH_ADAM},
                       small_tanh = {3, {64, 64, 64, 1}, 64, 16, tp_nn_tanh, BENCH_MSE, BENCH_ADAM},
                       pinn = {4, {2, 64, 64, 64, 1}, 1024, 0, tp_nn_tanh, BENCH_MSE, BENCH_SGD};

/* 6 operations a weight and sample: 2 each for the output, the weights' and the input's gradient */
#define LARGE (6e-9 * 256 * (1024.0 * 4096 + 4096.0 * 4096 + 4096.0 * 1024))

#define ROW(name, unit, work, net, floor) \
    { \
        name, unit, work, false, net_setup, net_step, net, floor \
    }

const workload bench_training[] = {
    ROW("logreg_p8_b32_sgd", "steps/s", 1, &logreg, NULL),
    ROW("mlp_784_256_128_10_b128_sgd", "samples/s", 128, &mnist_128_sgd, floor_net),
    ROW("mlp_784_256_128_10_b128_adam", "samples/s", 128, &mnist_128_adam, floor_net),
    ROW("mlp_784_500_10_b500_adamw", "samples/s", 500, &mnist_500_adamw, floor_net),
    ROW("mlp_784_256_128_10_b64_adam", "samples/s", 64, &mnist_64_adam, floor_net),
    ROW("mlp_large_b256_sgd", "GFLOP/s", LARGE, &large_sgd, floor_net),
    ROW("mlp_large_b256_adam", "GFLOP/s", LARGE, &large_adam, floor_net),
    ROW("mlp_64_64_64_1_b64_tanh_adam", "steps/s", 1, &small_tanh, floor_net),
    {"pinn_uxx_2_64x3_1_b1024_sgd", "steps/s", 1, false, pinn_setup, pinn_step, &pinn, floor_pinn},
    {"hvp_2_64x3_1_b1024", "hvp/s", 1, false, hvp_setup, hvp, &pinn, floor_hvp},
    {0},
};

/* ---- how a step's cost grows with its batch and its width ---- */

#define SCALED(name, width, batch) \
    { \
        name, "us", 1e6, true, net_setup, net_step, \
            &(const bench_net){3, {width, width, width, 10}, batch, 2, tp_nn_relu, BENCH_CROSS_ENTROPY, BENCH_ADAM}, \
            floor_net \
    }

const workload bench_scaling[] = {
    SCALED("scale_width_16", 16, 64),      SCALED("scale_width_32", 32, 64),
    SCALED("scale_width_64", 64, 64),      SCALED("scale_width_128", 128, 64),
    SCALED("scale_width_256", 256, 64),    SCALED("scale_width_512", 512, 64),
    SCALED("scale_width_1024", 1024, 64),  SCALED("scale_batch_1", 256, 1),
    SCALED("scale_batch_4", 256, 4),       SCALED("scale_batch_16", 256, 16),
    SCALED("scale_batch_64", 256, 64),     SCALED("scale_batch_256", 256, 256),
    SCALED("scale_batch_1024", 256, 1024), {0},
};

/* ---- a process's first steps ---- */

int bench_first_steps(void)
{
    tp_tape *T = tp_tape_new();
    tp_module *m = tp_nn_linear(T, 8, 1, NULL);
    tp_optim *o = m == NULL ? NULL : tp_optim_sgd(T, tp_module_params(m), &(tp_sgd_options){.lr = 0.1});
    tp_tensor *x = tp_randn(T, TP_F32, tp_shape(32, 8));
    tp_tensor *y = tp_to(T, tp_gt(T, tp_narrow(T, x, 1, 0, 1), tp_scalar(T, TP_F32, 0)), TP_F32);
    for (int i = 0; i < 10 && o != NULL; i++) {
        tp_optim_zero_grad(o);
        tp_backward(T, tp_binary_cross_entropy_with_logits(T, tp_forward(T, m, x), y, TP_MEAN));
        tp_optim_step(T, o);
    }
    bool ok = T != NULL && o != NULL && tp_error(T) == NULL;
    printf("%.3f\n", bench_peak_mib());
    tp_optim_free(o);
    tp_module_free(m);
    tp_tape_free(T);
    return ok ? 0 : 1;
}
