/* workloads_optim.c - one optimizer step over ten million parameters, with gradients ready. */
#include "bench.h"

enum { PARAMETERS = 10000000 };

typedef struct {
    tp_dtype dtype;
    enum { ADAM, ADAMW, MOMENTUM } kind;
} optim_case;

static tp_params *ready_params(bench_state *s, tp_dtype dtype)
{
    s->n_in = 1;
    s->in[0] = tp_requires_grad(bench_randn(s->T, dtype, tp_shape(PARAMETERS)), true);
    tp_tensor *g = tp_mul_scalar(s->T, tp_randn(s->T, dtype, tp_shape(PARAMETERS)), 1e-3);
    tp_set_grad(s->T, s->in[0], g);
    s->set = tp_params_of(s->T, 1, s->in);
    tp_tape_reset(s->T);
    return s->set;
}

static void setup(bench_state *s)
{
    const optim_case *c = s->w->arg;
    tp_params *params = ready_params(s, c->dtype);
    if (c->kind == MOMENTUM)
        s->optim = tp_optim_sgd(s->T, params, &(tp_sgd_options){.lr = 1e-3, .momentum = 0.9});
    else
        s->optim = (c->kind == ADAM ? tp_optim_adam : tp_optim_adamw)(s->T, params, &(tp_adam_options){.lr = 1e-4});
}

static void step(bench_state *s) { tp_optim_step(s->T, s->optim); }

/* Adam reads p, g, m, v and writes p, m, v; momentum reads p, g, m and writes p, m. */
#define ROW(name, streams, dtype, size, kind, floor) \
    { \
        name, "GB/s", (streams) * (size)*1e-9 * PARAMETERS, false, setup, step, &(const optim_case){dtype, kind}, \
            floor \
    }

const workload bench_optimizers[] = {
    ROW("opt_adam_10M", 7, TP_F32, 4, ADAM, floor_adam),
    ROW("opt_adamw_10M", 7, TP_F32, 4, ADAMW, floor_adam),
    ROW("opt_sgdm_10M", 5, TP_F32, 4, MOMENTUM, floor_sgdm),
    ROW("opt_adam_10M_f64", 7, TP_F64, 8, ADAM, floor_adam),
    ROW("opt_adamw_10M_f64", 7, TP_F64, 8, ADAMW, floor_adam),
    ROW("opt_sgdm_10M_f64", 5, TP_F64, 8, MOMENTUM, floor_sgdm),
    {0},
};
