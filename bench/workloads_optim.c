/* workloads_optim.c - one optimizer step over ten million parameters, with gradients ready. */
#include "bench.h"

enum { PARAMETERS = 10000000 };

static tp_params *ready_params(bench_state *s)
{
    s->n_in = 1;
    s->in[0] = tp_requires_grad(bench_randn(s->T, TP_F32, tp_shape(PARAMETERS)), true);
    tp_tensor *g = tp_mul_scalar(s->T, tp_randn(s->T, TP_F32, tp_shape(PARAMETERS)), 1e-3);
    tp_set_grad(s->T, s->in[0], g);
    s->set = tp_params_of(s->T, 1, s->in);
    tp_tape_reset(s->T);
    return s->set;
}

static void adam_setup(bench_state *s)
{
    s->optim = tp_optim_adam(s->T, ready_params(s), &(tp_adam_options){.lr = 1e-4});
}

static void sgdm_setup(bench_state *s)
{
    s->optim = tp_optim_sgd(s->T, ready_params(s), &(tp_sgd_options){.lr = 1e-3, .momentum = 0.9});
}

static void step(bench_state *s) { tp_optim_step(s->T, s->optim); }

/* Adam reads p, g, m, v and writes p, m, v; momentum reads p, g, m and writes p, m. */
const workload bench_optimizers[] = {
    {"opt_adam_10M", "GB/s", 7 * 4e-9 * PARAMETERS, false, adam_setup, step, NULL, floor_adam},
    {"opt_sgdm_10M", "GB/s", 5 * 4e-9 * PARAMETERS, false, sgdm_setup, step, NULL, floor_sgdm},
    {0},
};
