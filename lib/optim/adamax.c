/* adamax.c - Adam by the largest gradient (Kingma and Ba, "Adam", 2015, section 7.1). */
#include "optim/optim.h"

#include <math.h>

#if defined(REAL)

static void NAME(adamax)(const void *attr, int64_t n, void *const *at)
{
    const numbers *u = attr;
    REAL *restrict p = at[0], *restrict m = at[2], *restrict largest = at[3];
    const REAL *restrict grad = at[1];
    REAL b1 = (REAL)u->beta1, b2 = (REAL)u->beta2, c1 = (REAL)(1 - u->beta1), eps = (REAL)u->eps;
    REAL step = (REAL)u->step, decay = (REAL)u->weight_decay, sign = u->maximize ? -1 : 1;
    for (int64_t i = 0; i < n; i++) {
        REAL g = sign * grad[i];
        g = decay != 0 ? g + decay * p[i] : g;
        m[i] = b1 * m[i] + c1 * g;
        REAL before = b2 * largest[i], now = FN(fabs)(g) + eps;
        largest[i] = before > now || before != before ? before : now;
        p[i] -= step * m[i] / largest[i];
    }
}

#else

/* p -= step m / u, with the mean m of g and u = max(beta2 u, |g| + eps) */
typedef struct {
    double beta1, beta2, eps, weight_decay;
    double step; /* lr / (1 - beta1^t) */
    bool maximize;
} numbers;

#if defined(TP__ISA)

#define TP__BODY "optim/adamax.c"
#include "kernel/per_float.h"
const tp__update_table TP__OF_ISA(tp__adamax_update) = {{adamax_f32, adamax_f64}};

#else

TP__TABLE_OF(tp__update_table, tp__adamax_update);
static const tp__update_table *kernel(void) { return TP__PICK(tp__adamax_update); }

static bool check(tp_tape *T, const char *name, void *options)
{
    tp_adamax_options *o = options;
    o->lr = tp__option(o->lr, 2e-3);
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
    const tp_adamax_options *o = g->options;
    *(numbers *)u = (numbers){.beta1 = o->beta1,
                              .beta2 = o->beta2,
                              .eps = o->eps,
                              .weight_decay = o->weight_decay,
                              .step = g->lr / (1 - pow(o->beta1, (double)(g->steps[i] + 1))),
                              .maximize = o->maximize};
}

static const tp__option_field fields[] = {TP__NUMBER(tp_adamax_options, lr),
                                          TP__NUMBER_OF(tp_adamax_options, beta1, "betas", 0, 2),
                                          TP__NUMBER_OF(tp_adamax_options, beta2, "betas", 1, 2),
                                          TP__NUMBER(tp_adamax_options, eps),
                                          TP__NUMBER(tp_adamax_options, weight_decay),
                                          TP__FLAG(tp_adamax_options, maximize),
                                          {0}};
static const tp__optim_class adamax_class = {.op = TP__OPTIM_OP("adamax"),
                                             .title = "Adamax",
                                             .size = sizeof(tp_optim),
                                             .options_size = sizeof(tp_adamax_options),
                                             .fields = fields,
                                             .state = {"exp_avg", "exp_inf"},
                                             .counts = true,
                                             .check = check,
                                             .states = states,
                                             .numbers = fill,
                                             .kernel = kernel};
_Static_assert(sizeof(numbers) <= TP__UPDATE_NUMBERS * sizeof(double), "numbers of an update");
_Static_assert(sizeof(tp_adamax_options) <= TP__UPDATE_NUMBERS * sizeof(double), "options");

tp_optim *tp_optim_adamax(tp_tape *T, tp_params *params, const tp_adamax_options *options)
{
    TP__NAMED(T, "optim_adamax");
    return tp__optim_new(T, &adamax_class, params, options);
}

tp_status tp_optim_adamax_group(tp_tape *T, tp_optim *o, tp_params *params, const tp_adamax_options *options)
{
    TP__NAMED(T, "optim_adamax_group");
    return tp__optim_add_group(T, o, &adamax_class, params, options);
}

#endif
#endif
