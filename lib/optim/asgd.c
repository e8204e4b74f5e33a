/* asgd.c - averaged stochastic gradient descent (Polyak and Juditsky, 1992; the schedule: Bottou, "SGD tricks", 2012). */
#include "optim/optim.h"

#include <math.h>

#if defined(REAL)

static void NAME(asgd)(const void *attr, int64_t n, void *const *at)
{
    const numbers *u = attr;
    REAL *restrict p = at[0], *restrict mean = at[2];
    const REAL *restrict grad = at[1];
    REAL eta = (REAL)u->eta, shrink = (REAL)(1 - u->lambd * u->eta), mu = (REAL)u->mu;
    REAL decay = (REAL)u->weight_decay, sign = u->maximize ? -1 : 1;
    for (int64_t i = 0; i < n; i++) {
        REAL g = sign * grad[i];
        g = decay != 0 ? g + decay * p[i] : g;
        p[i] = p[i] * shrink - eta * g;
        mean[i] = mu == 1 ? p[i] : mean[i] + (p[i] - mean[i]) * mu;
    }
}

#else

/* p = (1 - lambd eta) p - eta g; mean += mu (p - mean) */
typedef struct {
    double eta, lambd, mu, weight_decay;
    bool maximize;
} numbers;

#if defined(TP__ISA)

#define TP__BODY "optim/asgd.c"
#include "kernel/per_float.h"
const tp__update_table TP__OF_ISA(tp__asgd_update) = {{asgd_f32, asgd_f64}};

#else

TP__TABLE_OF(tp__update_table, tp__asgd_update);
static const tp__update_table *kernel(void) { return TP__PICK(tp__asgd_update); }

/* eta and mu of the step to come; in float, as torch has them. */
static void after(tp__group *g, int i)
{
    const tp_asgd_options *o = g->options;
    double t = (double)g->steps[i];
    g->scalar[0][i] = (double)(float)(g->lr / pow(1 + o->lambd * g->lr * t, o->alpha));
    g->scalar[1][i] = (double)(float)(1 / fmax(1, t - o->t0));
}

static bool check(tp_tape *T, const char *name, void *options)
{
    tp_asgd_options *o = options;
    o->lr = tp__option(o->lr, 1e-2);
    o->lambd = tp__option(o->lambd, 1e-4);
    o->alpha = tp__option(o->alpha, 0.75);
    o->t0 = tp__option(o->t0, 1e6);
    o->weight_decay = tp__option(o->weight_decay, 0);
    return tp__optim_not_below_0(T, name, "lambd", o->lambd) && tp__optim_not_below_0(T, name, "alpha", o->alpha) &&
           tp__optim_not_below_0(T, name, "t0", o->t0) &&
           tp__optim_not_below_0(T, name, "weight_decay", o->weight_decay);
}

static unsigned states(const void *options) { return (void)options, 1; }

static void fill(const tp__group *g, int i, void *u)
{
    const tp_asgd_options *o = g->options;
    bool first = g->steps[i] == 0;
    *(numbers *)u = (numbers){.eta = first ? (double)(float)g->lr : g->scalar[0][i],
                              .lambd = o->lambd,
                              .mu = first ? 1 : g->scalar[1][i],
                              .weight_decay = o->weight_decay,
                              .maximize = o->maximize};
}

static const tp__option_field fields[] = {TP__NUMBER(tp_asgd_options, lr),
                                          TP__NUMBER(tp_asgd_options, lambd),
                                          TP__NUMBER(tp_asgd_options, alpha),
                                          TP__NUMBER(tp_asgd_options, t0),
                                          TP__NUMBER(tp_asgd_options, weight_decay),
                                          TP__FLAG(tp_asgd_options, maximize),
                                          {0}};
static const tp__optim_class asgd_class = {.op = TP__OPTIM_OP("asgd"),
                                           .title = "ASGD",
                                           .size = sizeof(tp_optim),
                                           .options_size = sizeof(tp_asgd_options),
                                           .fields = fields,
                                           .state = {"ax"},
                                           .counts = true,
                                           .check = check,
                                           .states = states,
                                           .scalar = {"eta", "mu"},
                                           .after = after,
                                           .numbers = fill,
                                           .kernel = kernel};
_Static_assert(sizeof(numbers) <= TP__UPDATE_NUMBERS * sizeof(double), "numbers of an update");
_Static_assert(sizeof(tp_asgd_options) <= TP__UPDATE_NUMBERS * sizeof(double), "options");

tp_optim *tp_optim_asgd(tp_tape *T, tp_params *params, const tp_asgd_options *options)
{
    TP__NAMED(T, "optim_asgd");
    return tp__optim_new(T, &asgd_class, params, options);
}

tp_status tp_optim_asgd_group(tp_tape *T, tp_optim *o, tp_params *params, const tp_asgd_options *options)
{
    TP__NAMED(T, "optim_asgd_group");
    return tp__optim_add_group(T, o, &asgd_class, params, options);
}

#endif
#endif
