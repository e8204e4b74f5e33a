/* adagrad.c - Adagrad (Duchi, Hazan and Singer, "Adaptive subgradient methods", 2011). */
#include "optim/optim.h"

#include <math.h>

#if defined(REAL)

static void NAME(adagrad)(const void *attr, int64_t n, void *const *at)
{
    const numbers *u = attr;
    REAL *restrict p = at[0], *restrict sum = at[2];
    const REAL *restrict grad = at[1];
    REAL step = (REAL)u->step, eps = (REAL)u->eps, decay = (REAL)u->weight_decay, sign = u->maximize ? -1 : 1;
    REAL start = (REAL)u->start;
    bool first = u->first;
    for (int64_t i = 0; i < n; i++) {
        REAL g = sign * grad[i];
        g = decay != 0 ? g + decay * p[i] : g;
        sum[i] = (first ? start : sum[i]) + g * g;
        p[i] -= step * g / (FN(sqrt)(sum[i]) + eps);
    }
}

#else

/* p -= step g / (sqrt(sum) + eps), with the sum of the squares of g */
typedef struct {
    double step; /* lr / (1 + (t - 1) lr_decay) */
    double eps, weight_decay;
    double start; /* of the sum */
    bool first, maximize;
} numbers;

#if defined(TP__ISA)

#define TP__BODY "optim/adagrad.c"
#include "kernel/per_float.h"
const tp__update_table TP__OF_ISA(tp__adagrad_update) = {{adagrad_f32, adagrad_f64}};

#else

TP__TABLE_OF(tp__update_table, tp__adagrad_update);
static const tp__update_table *kernel(void) { return TP__PICK(tp__adagrad_update); }

static bool check(tp_tape *T, const char *name, void *options)
{
    tp_adagrad_options *o = options;
    o->lr = tp__option(o->lr, 1e-2);
    o->lr_decay = tp__option(o->lr_decay, 0);
    o->weight_decay = tp__option(o->weight_decay, 0);
    o->initial_accumulator_value = tp__option(o->initial_accumulator_value, 0);
    o->eps = tp__option(o->eps, 1e-10);
    return tp__optim_not_below_0(T, name, "lr_decay", o->lr_decay) &&
           tp__optim_not_below_0(T, name, "weight_decay", o->weight_decay) &&
           tp__optim_not_below_0(T, name, "initial_accumulator_value", o->initial_accumulator_value) &&
           tp__optim_not_below_0(T, name, "eps", o->eps);
}

static unsigned states(const void *options) { return (void)options, 1; }

/* Of sums that begin as 0, as the state does. */
static bool passes_over_0(const void *options)
{
    const tp_adagrad_options *o = options;
    return o->weight_decay == 0 && o->initial_accumulator_value == 0 && o->eps > 0;
}

static void fill(const tp__group *g, int i, void *u)
{
    const tp_adagrad_options *o = g->options;
    *(numbers *)u = (numbers){.step = g->lr / (1 + (double)g->steps[i] * o->lr_decay),
                              .eps = o->eps,
                              .weight_decay = o->weight_decay,
                              .start = o->initial_accumulator_value,
                              .first = g->steps[i] == 0,
                              .maximize = o->maximize};
}

static const tp__option_field fields[] = {TP__NUMBER(tp_adagrad_options, lr),
                                          TP__NUMBER(tp_adagrad_options, lr_decay),
                                          TP__NUMBER(tp_adagrad_options, eps),
                                          TP__NUMBER(tp_adagrad_options, weight_decay),
                                          TP__NUMBER(tp_adagrad_options, initial_accumulator_value),
                                          TP__FLAG(tp_adagrad_options, maximize),
                                          {0}};
static const tp__optim_class adagrad_class = {.op = TP__OPTIM_OP("adagrad"),
                                              .title = "Adagrad",
                                              .size = sizeof(tp_optim),
                                              .options_size = sizeof(tp_adagrad_options),
                                              .fields = fields,
                                              .state = {"sum"},
                                              .counts = true,
                                              .check = check,
                                              .states = states,
                                              .numbers = fill,
                                              .passes_over_0 = passes_over_0,
                                              .kernel = kernel};
_Static_assert(sizeof(numbers) <= TP__UPDATE_NUMBERS * sizeof(double), "numbers of an update");
_Static_assert(sizeof(tp_adagrad_options) <= TP__UPDATE_NUMBERS * sizeof(double), "options");

tp_optim *tp_optim_adagrad(tp_tape *T, tp_params *params, const tp_adagrad_options *options)
{
    TP__NAMED(T, "optim_adagrad");
    return tp__optim_new(T, &adagrad_class, params, options);
}

tp_status tp_optim_adagrad_group(tp_tape *T, tp_optim *o, tp_params *params, const tp_adagrad_options *options)
{
    TP__NAMED(T, "optim_adagrad_group");
    return tp__optim_add_group(T, o, &adagrad_class, params, options);
}

#endif
#endif
