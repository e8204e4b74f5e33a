/* workloads_optim.c - one optimizer step over ten million parameters, with gradients ready. */
#include "bench.h"

enum { PARAMETERS = 10000000 };

typedef struct {
    tp_dtype dtype;
    tp_optim *(*make)(tp_tape *T, tp_params *params);
} optim_case;

/* With their defaults, but for rates so small that the parameters stay near where they are. */
#define OPTIMIZER(name, options) \
    static tp_optim *name(tp_tape *T, tp_params *params) \
    { \
        return tp_optim_##name(T, params, &(tp_##options##_options){.lr = 1e-4}); \
    }
OPTIMIZER(adam, adam)
OPTIMIZER(adamw, adam)
OPTIMIZER(adamax, adamax)
OPTIMIZER(nadam, nadam)
OPTIMIZER(radam, radam)
OPTIMIZER(adagrad, adagrad)
OPTIMIZER(adadelta, adadelta)
OPTIMIZER(rmsprop, rmsprop)
OPTIMIZER(rprop, rprop)
OPTIMIZER(asgd, asgd)
OPTIMIZER(lion, lion)
OPTIMIZER(lamb, lamb)
static tp_optim *momentum(tp_tape *T, tp_params *params)
{
    return tp_optim_sgd(T, params, &(tp_sgd_options){.lr = 1e-3, .momentum = 0.9});
}

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
    s->optim = c->make(s->T, params);
}

static void step(bench_state *s) { tp_optim_step(s->T, s->optim); }

/* A step with two arrays of state reads p, g, a, b and writes p, a, b; one with one array moves five streams. */
#define ROW(name, streams, dtype, size, make, floor) \
    { \
        name, "GB/s", (streams) * (size)*1e-9 * PARAMETERS, false, setup, step, &(const optim_case){dtype, make}, \
            floor \
    }
#define TWO_STATES(make) ROW("opt_" #make "_10M", 7, TP_F32, 4, make, floor_adam)
#define ONE_STATE(make) ROW("opt_" #make "_10M", 5, TP_F32, 4, make, floor_sgdm)

const workload bench_optimizers[] = {
    TWO_STATES(adam),
    TWO_STATES(adamw),
    ROW("opt_sgdm_10M", 5, TP_F32, 4, momentum, floor_sgdm),
    TWO_STATES(adamax),
    TWO_STATES(nadam),
    TWO_STATES(radam),
    ONE_STATE(adagrad),
    TWO_STATES(adadelta),
    ONE_STATE(rmsprop),
    TWO_STATES(rprop),
    ONE_STATE(asgd),
    ONE_STATE(lion),
    TWO_STATES(lamb),
    ROW("opt_adam_10M_f64", 7, TP_F64, 8, adam, floor_adam),
    ROW("opt_adamw_10M_f64", 7, TP_F64, 8, adamw, floor_adam),
    ROW("opt_sgdm_10M_f64", 5, TP_F64, 8, momentum, floor_sgdm),
    {0},
};
