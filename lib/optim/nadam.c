/* nadam.c - Adam with Nesterov's momentum (Dozat, "Incorporating Nesterov momentum into Adam", 2016), as torch has it. */
#include "optim/optim.h"

#include <math.h>

#if defined(REAL)

static void NAME(nadam)(const void *attr, int64_t n, void *const *at)
{
    const numbers *u = attr;
    REAL *restrict p = at[0], *restrict m = at[2], *restrict v = at[3];
    const REAL *restrict grad = at[1];
    REAL b1 = (REAL)u->beta1, b2 = (REAL)u->beta2, c1 = (REAL)(1 - u->beta1), c2 = (REAL)(1 - u->beta2);
    REAL of_grad = (REAL)u->of_grad, of_mean = (REAL)u->of_mean, correct = (REAL)u->correct, eps = (REAL)u->eps;
    REAL decay = (REAL)u->weight_decay;
    for (int64_t i = 0; i < n; i++) {
        REAL g = decay != 0 ? grad[i] + decay * p[i] : grad[i];
        m[i] = b1 * m[i] + c1 * g;
        v[i] = b2 * v[i] + c2 * g * g;
        REAL root = FN(sqrt)(v[i] / correct) + eps;
        p[i] -= of_grad * g / root + of_mean * m[i] / root;
    }
}

#else

/* p -= (of_grad g + of_mean m) / (sqrt(v / correct) + eps), with the moments m, v of g */
typedef struct {
    double beta1, beta2, eps, weight_decay;
    double of_grad, of_mean, correct;
} numbers;

#if defined(TP__ISA)

#define TP__BODY "optim/nadam.c"
#include "kernel/per_float.h"
const tp__update_table TP__OF_ISA(tp__nadam_update) = {{nadam_f32, nadam_f64}};

#else

TP__TABLE_OF(tp__update_table, tp__nadam_update);
static const tp__update_table *kernel(void) { return TP__PICK(tp__nadam_update); }

/* The momentum of step t, warmed up. */
static double mu(const tp_nadam_options *o, double t)
{
    return o->beta1 * (1 - 0.5 * pow(0.96, t * o->momentum_decay));
}

/* mu_1 ... mu_t for the step that parameter i is about to make; in float, as torch has it. */
static float mu_product(const tp__group *g, int i)
{
    double before = g->steps[i] > 0 ? g->scalar[0][i] : 1;
    return (float)before * (float)mu(g->options, (double)(g->steps[i] + 1));
}

static void after(tp__group *g, int i)
{
    g->steps[i]--;
    g->scalar[0][i] = mu_product(g, i);
    g->steps[i]++;
}

static bool check(tp_tape *T, const char *name, void *options)
{
    tp_nadam_options *o = options;
    o->lr = tp__option(o->lr, 2e-3);
    o->beta1 = tp__option(o->beta1, 0.9);
    o->beta2 = tp__option(o->beta2, 0.999);
    o->eps = tp__option(o->eps, 1e-8);
    o->weight_decay = tp__option(o->weight_decay, 0);
    o->momentum_decay = tp__option(o->momentum_decay, 4e-3);
    return tp__optim_in_unit(T, name, "beta1", o->beta1) && tp__optim_in_unit(T, name, "beta2", o->beta2) &&
           tp__optim_not_below_0(T, name, "eps", o->eps) &&
           tp__optim_not_below_0(T, name, "weight_decay", o->weight_decay) &&
           tp__optim_not_below_0(T, name, "momentum_decay", o->momentum_decay);
}

static unsigned states(const void *options) { return (void)options, 3; }

static void fill(const tp__group *g, int i, void *u)
{
    const tp_nadam_options *o = g->options;
    double t = (double)(g->steps[i] + 1), now = mu(o, t), next = mu(o, t + 1);
    float product = mu_product(g, i);
    *(numbers *)u = (numbers){.beta1 = o->beta1,
                              .beta2 = o->beta2,
                              .eps = o->eps,
                              .weight_decay = o->weight_decay,
                              .of_grad = g->lr * (1 - now) / (1 - (double)product),
                              .of_mean = g->lr * next / (1 - (double)(product * (float)now * (float)next)),
                              .correct = 1 - pow(o->beta2, t)};
}

static const tp__option_field fields[] = {TP__NUMBER(tp_nadam_options, lr),
                                          TP__NUMBER_OF(tp_nadam_options, beta1, "betas", 0, 2),
                                          TP__NUMBER_OF(tp_nadam_options, beta2, "betas", 1, 2),
                                          TP__NUMBER(tp_nadam_options, eps),
                                          TP__NUMBER(tp_nadam_options, weight_decay),
                                          TP__NUMBER(tp_nadam_options, momentum_decay),
                                          {0}};
static const tp__optim_class nadam_class = {.op = TP__OPTIM_OP("nadam"),
                                            .title = "NAdam",
                                            .size = sizeof(tp_optim),
                                            .options_size = sizeof(tp_nadam_options),
                                            .fields = fields,
                                            .state = {"exp_avg", "exp_avg_sq"},
                                            .counts = true,
                                            .check = check,
                                            .states = states,
                                            .scalar = {"mu_product"},
                                            .after = after,
                                            .numbers = fill,
                                            .kernel = kernel};
_Static_assert(sizeof(numbers) <= TP__UPDATE_NUMBERS * sizeof(double), "numbers of an update");
_Static_assert(sizeof(tp_nadam_options) <= TP__UPDATE_NUMBERS * sizeof(double), "options");

tp_optim *tp_optim_nadam(tp_tape *T, tp_params *params, const tp_nadam_options *options)
{
    TP__NAMED(T, "optim_nadam");
    return tp__optim_new(T, &nadam_class, params, options);
}

tp_status tp_optim_nadam_group(tp_tape *T, tp_optim *o, tp_params *params, const tp_nadam_options *options)
{
    TP__NAMED(T, "optim_nadam_group");
    return tp__optim_add_group(T, o, &nadam_class, params, options);
}

#endif
#endif
