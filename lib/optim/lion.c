/* lion.c - Lion (Chen et al., "Symbolic discovery of optimization algorithms", 2023, algorithm 2). */
#include "optim/optim.h"

#include <math.h>

#if defined(REAL)

static void NAME(lion)(const void *attr, int64_t n, void *const *at)
{
    const numbers *u = attr;
    REAL *restrict p = at[0], *restrict m = at[2];
    const REAL *restrict grad = at[1];
    REAL b1 = (REAL)u->beta1, c1 = (REAL)(1 - u->beta1), b2 = (REAL)u->beta2, c2 = (REAL)(1 - u->beta2);
    REAL lr = (REAL)u->lr, shrink = (REAL)(1 - u->lr * u->weight_decay), sign = u->maximize ? -1 : 1;
    for (int64_t i = 0; i < n; i++) {
        REAL g = sign * grad[i], d = b1 * m[i] + c1 * g;
        p[i] = shrink * p[i] - lr * (d > 0 ? 1 : d < 0 ? -1 : d); /* NaN stays */
        m[i] = b2 * m[i] + c2 * g;
    }
}

#else

/* p = (1 - lr weight_decay) p - lr sign(beta1 m + (1 - beta1) g); m = beta2 m + (1 - beta2) g */
typedef struct {
    double lr, beta1, beta2, weight_decay;
    bool maximize;
} numbers;

#if defined(TP__ISA)

#define TP__BODY "optim/lion.c"
#include "kernel/per_float.h"
const tp__update_table TP__OF_ISA(tp__lion_update) = {{lion_f32, lion_f64}};

#else

TP__TABLE_OF(tp__update_table, tp__lion_update);
static const tp__update_table *kernel(void) { return TP__PICK(tp__lion_update); }

static bool check(tp_tape *T, const char *name, void *options)
{
    tp_lion_options *o = options;
    o->lr = tp__option(o->lr, 1e-4);
    o->beta1 = tp__option(o->beta1, 0.9);
    o->beta2 = tp__option(o->beta2, 0.99);
    o->weight_decay = tp__option(o->weight_decay, 0);
    return tp__optim_in_unit(T, name, "beta1", o->beta1) && tp__optim_in_unit(T, name, "beta2", o->beta2) &&
           tp__optim_not_below_0(T, name, "weight_decay", o->weight_decay);
}

static unsigned states(const void *options) { return (void)options, 1; }

static void fill(const tp__group *g, int i, void *u)
{
    const tp_lion_options *o = g->options;
    (void)i;
    *(numbers *)u = (numbers){
        .lr = g->lr, .beta1 = o->beta1, .beta2 = o->beta2, .weight_decay = o->weight_decay, .maximize = o->maximize};
}

static const tp__option_field fields[] = {TP__NUMBER(tp_lion_options, lr),
                                          TP__NUMBER_OF(tp_lion_options, beta1, "betas", 0, 2),
                                          TP__NUMBER_OF(tp_lion_options, beta2, "betas", 1, 2),
                                          TP__NUMBER(tp_lion_options, weight_decay),
                                          TP__FLAG(tp_lion_options, maximize),
                                          {0}};
static const tp__optim_class lion_class = {.op = TP__OPTIM_OP("lion"),
                                           .title = "Lion",
                                           .size = sizeof(tp_optim),
                                           .options_size = sizeof(tp_lion_options),
                                           .fields = fields,
                                           .state = {"exp_avg"},
                                           .counts = true,
                                           .check = check,
                                           .states = states,
                                           .numbers = fill,
                                           .kernel = kernel};
_Static_assert(sizeof(numbers) <= TP__UPDATE_NUMBERS * sizeof(double), "numbers of an update");
_Static_assert(sizeof(tp_lion_options) <= TP__UPDATE_NUMBERS * sizeof(double), "options");

tp_optim *tp_optim_lion(tp_tape *T, tp_params *params, const tp_lion_options *options)
{
    TP__NAMED(T, "optim_lion");
    return tp__optim_new(T, &lion_class, params, options);
}

tp_status tp_optim_lion_group(tp_tape *T, tp_optim *o, tp_params *params, const tp_lion_options *options)
{
    TP__NAMED(T, "optim_lion_group");
    return tp__optim_add_group(T, o, &lion_class, params, options);
}

#endif
#endif
