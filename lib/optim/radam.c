/* radam.c - rectified Adam (Liu et al., "On the variance of the adaptive learning rate and beyond", 2020). */
#include "optim/optim.h"

#include <math.h>

#if defined(REAL)

static void NAME(radam)(const void *attr, int64_t n, void *const *at)
{
    const numbers *u = attr;
    REAL *restrict p = at[0], *restrict m = at[2], *restrict v = at[3];
    const REAL *restrict grad = at[1];
    REAL b1 = (REAL)u->beta1, b2 = (REAL)u->beta2, c1 = (REAL)(1 - u->beta1), c2 = (REAL)(1 - u->beta2);
    REAL step = (REAL)u->step, eps = (REAL)u->eps, decay = (REAL)u->weight_decay;
    bool rectified = u->rectified;
    for (int64_t i = 0; i < n; i++) {
        REAL g = decay != 0 ? grad[i] + decay * p[i] : grad[i];
        m[i] = b1 * m[i] + c1 * g;
        v[i] = b2 * v[i] + c2 * g * g;
        p[i] -= step * m[i] / (rectified ? FN(sqrt)(v[i]) + eps : 1);
    }
}

#else

/* p -= step m / (sqrt(v) + eps) where the variance of that is bounded, else p -= step m */
typedef struct {
    double beta1, beta2, eps, weight_decay;
    double step;
    bool rectified;
} numbers;

#if defined(TP__ISA)

#define TP__BODY "optim/radam.c"
#include "kernel/per_float.h"
const tp__update_table TP__OF_ISA(tp__radam_update) = {{radam_f32, radam_f64}};

#else

TP__TABLE_OF(tp__update_table, tp__radam_update);
static const tp__update_table *kernel(void) { return TP__PICK(tp__radam_update); }

static bool check(tp_tape *T, const char *name, void *options)
{
    tp_radam_options *o = options;
    o->lr = tp__option(o->lr, 1e-3);
    o->beta1 = tp__option(o->beta1, 0.9);
    o->beta2 = tp__option(o->beta2, 0.999);
    o->eps = tp__option(o->eps, 1e-8);
    o->weight_decay = tp__option(o->weight_decay, 0);
    return tp__optim_in_unit(T, name, "beta1", o->beta1) && tp__optim_in_unit(T, name, "beta2", o->beta2) &&
           tp__optim_not_below_0(T, name, "eps", o->eps) &&
           tp__optim_not_below_0(T, name, "weight_decay", o->weight_decay);
}

static unsigned states(const void *options) { return (void)options, 3; }

static void fill(const tp__group *g, int i, void *u)
{
    const tp_radam_options *o = g->options;
    double t = (double)(g->steps[i] + 1), correct1 = 1 - pow(o->beta1, t), correct2 = 1 - pow(o->beta2, t);
    double longest = 2 / (1 - o->beta2) - 1, length = longest - 2 * t * pow(o->beta2, t) / correct2;
    bool rectified = length > 5;
    double r = rectified ? sqrt((length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)) : 1;
    *(numbers *)u = (numbers){.beta1 = o->beta1,
                              .beta2 = o->beta2,
                              .eps = o->eps,
                              .weight_decay = o->weight_decay,
                              .step = g->lr / correct1 * r * (rectified ? sqrt(correct2) : 1),
                              .rectified = rectified};
}

static const tp__option_field fields[] = {TP__NUMBER(tp_radam_options, lr),
                                          TP__NUMBER_OF(tp_radam_options, beta1, "betas", 0, 2),
                                          TP__NUMBER_OF(tp_radam_options, beta2, "betas", 1, 2),
                                          TP__NUMBER(tp_radam_options, eps),
                                          TP__NUMBER(tp_radam_options, weight_decay),
                                          {0}};
static const tp__optim_class radam_class = {.op = TP__OPTIM_OP("radam"),
                                            .title = "RAdam",
                                            .size = sizeof(tp_optim),
                                            .options_size = sizeof(tp_radam_options),
                                            .fields = fields,
                                            .state = {"exp_avg", "exp_avg_sq"},
                                            .counts = true,
                                            .check = check,
                                            .states = states,
                                            .numbers = fill,
                                            .kernel = kernel};
_Static_assert(sizeof(numbers) <= TP__UPDATE_NUMBERS * sizeof(double), "numbers of an update");
_Static_assert(sizeof(tp_radam_options) <= TP__UPDATE_NUMBERS * sizeof(double), "options");

tp_optim *tp_optim_radam(tp_tape *T, tp_params *params, const tp_radam_options *options)
{
    TP__NAMED(T, "optim_radam");
    return tp__optim_new(T, &radam_class, params, options);
}

tp_status tp_optim_radam_group(tp_tape *T, tp_optim *o, tp_params *params, const tp_radam_options *options)
{
    TP__NAMED(T, "optim_radam_group");
    return tp__optim_add_group(T, o, &radam_class, params, options);
}

#endif
#endif
