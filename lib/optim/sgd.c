/* sgd.c - stochastic gradient descent, with momentum (Polyak, 1964; Sutskever et al., 2013, for Nesterov's). */
#include "optim/optim.h"

#if defined(REAL) /* flags are constants of the inlined loops, so that each is free of branches */

static inline __attribute__((always_inline)) void NAME(loop)(const numbers *u, int64_t n, void *const *at,
                                                             bool momentum, bool nesterov, bool first)
{
    REAL *restrict p = at[0], *restrict v = at[2];
    const REAL *restrict g = at[1];
    REAL lr = (REAL)u->lr, mu = (REAL)u->momentum, fresh = (REAL)(1 - u->dampening), decay = (REAL)u->weight_decay;
    REAL sign = u->maximize ? -1 : 1;
    for (int64_t i = 0; i < n; i++) {
        REAL d = sign * g[i];
        d = decay != 0 ? d + decay * p[i] : d; /* where it is off, an infinite p does not come in as NaN */
        if (momentum) {
            v[i] = first ? d : mu * v[i] + fresh * d;
            d = nesterov ? d + mu * v[i] : v[i];
        }
        p[i] -= lr * d;
    }
}

static void NAME(sgd)(const void *attr, int64_t n, void *const *at)
{
    const numbers *u = attr;
    if (u->momentum == 0)
        NAME(loop)(u, n, at, false, false, false);
    else if (u->first)
        NAME(loop)(u, n, at, true, u->nesterov, true);
    else if (u->nesterov)
        NAME(loop)(u, n, at, true, true, false);
    else
        NAME(loop)(u, n, at, true, false, false);
}

#else

/* p -= lr d, where d = g + weight_decay p, by way of a velocity v where there is momentum */
typedef struct {
    double lr, momentum, dampening, weight_decay;
    bool nesterov, maximize;
    bool first; /* the velocity starts as d */
} numbers;

#if defined(TP__ISA)

#define TP__BODY "optim/sgd.c"
#include "kernel/per_float.h"
const tp__update_table TP__OF_ISA(tp__sgd_update) = {{sgd_f32, sgd_f64}};

#else

TP__TABLE_OF(tp__update_table, tp__sgd_update);
static const tp__update_table *kernel(void) { return TP__PICK(tp__sgd_update); }

static bool check(tp_tape *T, const char *name, void *options)
{
    tp_sgd_options *o = options;
    double lr = tp__option(o->lr, -1);
    if (!(lr >= 0))
        return tp__optim_bad(T, name, "lr", o->lr, "a number above 0, or TP_ZERO,");
    o->lr = lr;
    o->momentum = tp__option(o->momentum, 0);
    o->dampening = tp__option(o->dampening, 0);
    o->weight_decay = tp__option(o->weight_decay, 0);
    if (!tp__optim_not_below_0(T, name, "momentum", o->momentum) ||
        !tp__optim_not_below_0(T, name, "weight_decay", o->weight_decay))
        return false;
    if (o->nesterov && o->momentum == 0)
        return tp__optim_bad(T, name, "with nesterov, momentum", o->momentum, "more than 0");
    if (o->nesterov && o->dampening != 0)
        return tp__optim_bad(T, name, "with nesterov, dampening", o->dampening, "0");
    return true;
}

static unsigned states(const void *options) { return ((const tp_sgd_options *)options)->momentum != 0; }

static bool passes_over_0(const void *options)
{
    const tp_sgd_options *o = options;
    return o->momentum == 0 && o->weight_decay == 0;
}

static void fill(const tp__group *g, int i, void *u)
{
    const tp_sgd_options *o = g->options;
    *(numbers *)u = (numbers){.lr = g->lr,
                              .momentum = o->momentum,
                              .dampening = o->dampening,
                              .weight_decay = o->weight_decay,
                              .nesterov = o->nesterov,
                              .maximize = o->maximize,
                              .first = g->steps[i] == 0};
}

static const tp__option_field fields[] = {TP__NUMBER(tp_sgd_options, lr),
                                          TP__NUMBER(tp_sgd_options, momentum),
                                          TP__NUMBER(tp_sgd_options, dampening),
                                          TP__NUMBER(tp_sgd_options, weight_decay),
                                          TP__FLAG(tp_sgd_options, nesterov),
                                          TP__FLAG(tp_sgd_options, maximize),
                                          {0}};
static const tp__optim_class sgd_class = {.op = TP__OPTIM_OP("sgd"),
                                          .title = "SGD",
                                          .size = sizeof(tp_optim),
                                          .options_size = sizeof(tp_sgd_options),
                                          .fields = fields,
                                          .state = {"momentum_buffer"},
                                          .check = check,
                                          .states = states,
                                          .numbers = fill,
                                          .passes_over_0 = passes_over_0,
                                          .kernel = kernel};
_Static_assert(sizeof(numbers) <= TP__UPDATE_NUMBERS * sizeof(double), "numbers of an update");
_Static_assert(sizeof(tp_sgd_options) <= TP__UPDATE_NUMBERS * sizeof(double), "options");

tp_optim *tp_optim_sgd(tp_tape *T, tp_params *params, const tp_sgd_options *options)
{
    TP__NAMED(T, "optim_sgd");
    return tp__optim_new(T, &sgd_class, params, options);
}

tp_status tp_optim_sgd_group(tp_tape *T, tp_optim *o, tp_params *params, const tp_sgd_options *options)
{
    TP__NAMED(T, "optim_sgd_group");
    return tp__optim_add_group(T, o, &sgd_class, params, options);
}

#endif
#endif
