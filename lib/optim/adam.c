/* adam.c - Adam and AdamW; amsgrad: Reddi et al., "On the convergence of Adam and beyond", 2018. */
#include "optim/optim.h"

#include <math.h>

#if defined(REAL)

static inline __attribute__((always_inline)) void NAME(loop)(const numbers *u, int64_t n, void *const *at, bool amsgrad)
{
    REAL *restrict p = at[0], *restrict m = at[2], *restrict v = at[3], *restrict largest = at[4];
    const REAL *restrict grad = at[1];
    REAL b1 = (REAL)u->beta1, b2 = (REAL)u->beta2, c1 = (REAL)(1 - u->beta1), c2 = (REAL)(1 - u->beta2);
    REAL step = (REAL)u->step, root = (REAL)u->root, eps = (REAL)u->eps, decay = (REAL)u->weight_decay;
    REAL shrink = (REAL)u->shrink, sign = u->maximize ? -1 : 1;
    for (int64_t i = 0; i < n; i++) {
        REAL g = sign * grad[i];
        g = decay != 0 ? g + decay * p[i] : g;
        m[i] = b1 * m[i] + c1 * g;
        v[i] = b2 * v[i] + c2 * g * g;
        REAL second = v[i];
        if (amsgrad)
            second = largest[i] = largest[i] > v[i] ? largest[i] : v[i];
        p[i] = shrink * p[i] - step * m[i] / (FN(sqrt)(second) / root + eps);
    }
}

static void NAME(adam)(const void *attr, int64_t n, void *const *at)
{
    const numbers *u = attr;
    if (u->amsgrad)
        NAME(loop)(u, n, at, true);
    else
        NAME(loop)(u, n, at, false);
}

#else

/* p -= step m / (sqrt(v) / root + eps), with the moments m, v of g, and the largest v where asked */
typedef struct {
    double beta1, beta2, eps;
    double step;         /* lr / (1 - beta1^t)  */
    double root;         /* sqrt(1 - beta2^t)   */
    double weight_decay; /* added to g          */
    double shrink;       /* p is scaled by it before (decoupled decay); 1: not */
    bool amsgrad, maximize;
} numbers;

#if defined(TP__ISA)

#define TP__BODY "optim/adam.c"
#include "kernel/per_float.h"
const tp__update_table TP__OF_ISA(tp__adam_update) = {{adam_f32, adam_f64}};

#else

TP__TABLE_OF(tp__update_table, tp__adam_update);
static const tp__update_table *kernel(void) { return TP__PICK(tp__adam_update); }

static bool in_unit(double x) { return x >= 0 && x < 1; }

static bool check(tp_tape *T, const char *name, tp_adam_options *o, double decay)
{
    o->lr = tp__option(o->lr, 1e-3);
    o->beta1 = tp__option(o->beta1, 0.9);
    o->beta2 = tp__option(o->beta2, 0.999);
    o->eps = tp__option(o->eps, 1e-8);
    o->weight_decay = tp__option(o->weight_decay, decay);
    if (!in_unit(o->beta1))
        return tp__optim_bad(T, name, "beta1", o->beta1, "a number in [0, 1)");
    if (!in_unit(o->beta2))
        return tp__optim_bad(T, name, "beta2", o->beta2, "a number in [0, 1)");
    if (!(o->eps >= 0))
        return tp__optim_bad(T, name, "eps", o->eps, "0 or more");
    return o->weight_decay >= 0 || tp__optim_bad(T, name, "weight_decay", o->weight_decay, "0 or more");
}
static bool check_adam(tp_tape *T, const char *name, void *o) { return check(T, name, o, 0); }
static bool check_adamw(tp_tape *T, const char *name, void *o) { return check(T, name, o, 1e-2); }

static unsigned states(const void *options) { return ((const tp_adam_options *)options)->amsgrad ? 7 : 3; }

static void fill(const tp__group *g, int64_t steps, void *u, bool decoupled)
{
    const tp_adam_options *o = g->options;
    double t = (double)(steps + 1);
    *(numbers *)u = (numbers){.beta1 = o->beta1,
                              .beta2 = o->beta2,
                              .eps = o->eps,
                              .step = g->lr / (1 - pow(o->beta1, t)),
                              .root = sqrt(1 - pow(o->beta2, t)),
                              .weight_decay = decoupled ? 0 : o->weight_decay,
                              .shrink = decoupled ? 1 - g->lr * o->weight_decay : 1,
                              .amsgrad = o->amsgrad,
                              .maximize = o->maximize};
}
static void fill_adam(const tp__group *g, int64_t steps, void *u) { fill(g, steps, u, false); }
static void fill_adamw(const tp__group *g, int64_t steps, void *u) { fill(g, steps, u, true); }

static const tp__optim_class adam_class = {.op = TP__OPTIM_OP("adam"),
                                           .size = sizeof(tp_optim),
                                           .options_size = sizeof(tp_adam_options),
                                           .check = check_adam,
                                           .states = states,
                                           .numbers = fill_adam,
                                           .kernel = kernel};
static const tp__optim_class adamw_class = {.op = TP__OPTIM_OP("adamw"),
                                            .size = sizeof(tp_optim),
                                            .options_size = sizeof(tp_adam_options),
                                            .check = check_adamw,
                                            .states = states,
                                            .numbers = fill_adamw,
                                            .kernel = kernel};
_Static_assert(sizeof(numbers) <= TP__UPDATE_NUMBERS * sizeof(double), "numbers of an update");
_Static_assert(sizeof(tp_adam_options) <= TP__UPDATE_NUMBERS * sizeof(double), "options");

tp_optim *tp_optim_adam(tp_tape *T, tp_params *params, const tp_adam_options *options)
{
    TP__NAMED(T, "optim_adam");
    return tp__optim_new(T, &adam_class, params, options);
}

tp_optim *tp_optim_adamw(tp_tape *T, tp_params *params, const tp_adam_options *options)
{
    TP__NAMED(T, "optim_adamw");
    return tp__optim_new(T, &adamw_class, params, options);
}

tp_status tp_optim_adam_group(tp_tape *T, tp_optim *o, tp_params *params, const tp_adam_options *options)
{
    TP__NAMED(T, "optim_adam_group");
    return tp__optim_add_group(T, o, &adam_class, params, options);
}

tp_status tp_optim_adamw_group(tp_tape *T, tp_optim *o, tp_params *params, const tp_adam_options *options)
{
    TP__NAMED(T, "optim_adamw_group");
    return tp__optim_add_group(T, o, &adamw_class, params, options);
}

#endif
#endif
