/* adadelta.c - Adadelta (Zeiler, "ADADELTA: an adaptive learning rate method", 2012). */
#include "optim/optim.h"

#include <math.h>

#if defined(REAL)

static void NAME(adadelta)(const void *attr, int64_t n, void *const *at)
{
    const numbers *u = attr;
    REAL *restrict p = at[0], *restrict v = at[2], *restrict moved = at[3];
    const REAL *restrict grad = at[1];
    REAL rho = (REAL)u->rho, c = (REAL)(1 - u->rho), lr = (REAL)u->lr, eps = (REAL)u->eps;
    REAL decay = (REAL)u->weight_decay, sign = u->maximize ? -1 : 1;
    for (int64_t i = 0; i < n; i++) {
        REAL g = sign * grad[i];
        g = decay != 0 ? g + decay * p[i] : g;
        v[i] = rho * v[i] + c * g * g;
        REAL d = FN(sqrt)(moved[i] + eps) / FN(sqrt)(v[i] + eps) * g;
        moved[i] = rho * moved[i] + c * d * d;
        p[i] -= lr * d;
    }
}

#else

/* p -= lr d, d = sqrt(moved + eps) / sqrt(v + eps) g, with the means v of g^2 and `moved` of d^2 */
typedef struct {
    double lr, rho, eps, weight_decay;
    bool maximize;
} numbers;

#if defined(TP__ISA)

#define TP__BODY "optim/adadelta.c"
#include "kernel/per_float.h"
const tp__update_table TP__OF_ISA(tp__adadelta_update) = {{adadelta_f32, adadelta_f64}};

#else

TP__TABLE_OF(tp__update_table, tp__adadelta_update);
static const tp__update_table *kernel(void) { return TP__PICK(tp__adadelta_update); }

static bool check(tp_tape *T, const char *name, void *options)
{
    tp_adadelta_options *o = options;
    o->lr = tp__option(o->lr, 1);
    o->rho = tp__option(o->rho, 0.9);
    o->eps = tp__option(o->eps, 1e-6);
    o->weight_decay = tp__option(o->weight_decay, 0);
    if (!(o->rho >= 0 && o->rho <= 1))
        return tp__optim_bad(T, name, "rho", o->rho, "a number in [0, 1]");
    return tp__optim_not_below_0(T, name, "eps", o->eps) &&
           tp__optim_not_below_0(T, name, "weight_decay", o->weight_decay);
}

static unsigned states(const void *options) { return (void)options, 3; }

static void fill(const tp__group *g, int i, void *u)
{
    const tp_adadelta_options *o = g->options;
    (void)i;
    *(numbers *)u = (numbers){
        .lr = g->lr, .rho = o->rho, .eps = o->eps, .weight_decay = o->weight_decay, .maximize = o->maximize};
}

static const tp__option_field fields[] = {
    TP__NUMBER(tp_adadelta_options, lr),     TP__NUMBER(tp_adadelta_options, rho),
    TP__NUMBER(tp_adadelta_options, eps),    TP__NUMBER(tp_adadelta_options, weight_decay),
    TP__FLAG(tp_adadelta_options, maximize), {0}};
static const tp__optim_class adadelta_class = {.op = TP__OPTIM_OP("adadelta"),
                                               .title = "Adadelta",
                                               .size = sizeof(tp_optim),
                                               .options_size = sizeof(tp_adadelta_options),
                                               .fields = fields,
                                               .state = {"square_avg", "acc_delta"},
                                               .counts = true,
                                               .check = check,
                                               .states = states,
                                               .numbers = fill,
                                               .kernel = kernel};
_Static_assert(sizeof(numbers) <= TP__UPDATE_NUMBERS * sizeof(double), "numbers of an update");
_Static_assert(sizeof(tp_adadelta_options) <= TP__UPDATE_NUMBERS * sizeof(double), "options");

tp_optim *tp_optim_adadelta(tp_tape *T, tp_params *params, const tp_adadelta_options *options)
{
    TP__NAMED(T, "optim_adadelta");
    return tp__optim_new(T, &adadelta_class, params, options);
}

tp_status tp_optim_adadelta_group(tp_tape *T, tp_optim *o, tp_params *params, const tp_adadelta_options *options)
{
    TP__NAMED(T, "optim_adadelta_group");
    return tp__optim_add_group(T, o, &adadelta_class, params, options);
}

#endif
#endif
