/* rmsprop.c - RMSprop (Tieleman and Hinton, lecture 6.5, 2012); centered: Graves, "Generating sequences", 2013. */
#include "optim/optim.h"

#include <math.h>

#if defined(REAL)

static inline __attribute__((always_inline)) void NAME(loop)(const numbers *u, int64_t n, void *const *at,
                                                             bool centered, bool momentum)
{
    REAL *restrict p = at[0], *restrict v = at[2], *restrict mean = at[3], *restrict velocity = at[4];
    const REAL *restrict grad = at[1];
    REAL alpha = (REAL)u->alpha, c = (REAL)(1 - u->alpha), lr = (REAL)u->lr, eps = (REAL)u->eps, mu = (REAL)u->momentum;
    REAL decay = (REAL)u->weight_decay, sign = u->maximize ? -1 : 1;
    for (int64_t i = 0; i < n; i++) {
        REAL g = sign * grad[i];
        g = decay != 0 ? g + decay * p[i] : g;
        REAL second = v[i] = alpha * v[i] + c * g * g;
        if (centered) {
            mean[i] = alpha * mean[i] + c * g;
            second -= mean[i] * mean[i];
        }
        REAL d = g / (FN(sqrt)(second) + eps);
        if (momentum)
            d = velocity[i] = mu * velocity[i] + d;
        p[i] -= lr * d;
    }
}

static void NAME(rmsprop)(const void *attr, int64_t n, void *const *at)
{
    const numbers *u = attr;
    if (u->centered && u->momentum > 0)
        NAME(loop)(u, n, at, true, true);
    else if (u->centered)
        NAME(loop)(u, n, at, true, false);
    else if (u->momentum > 0)
        NAME(loop)(u, n, at, false, true);
    else
        NAME(loop)(u, n, at, false, false);
}

#else

/* p -= lr d, d = g / (sqrt(v - mean^2) + eps), by way of a velocity where there is momentum; mean 0 unless centered */
typedef struct {
    double lr, alpha, eps, weight_decay, momentum;
    bool centered, maximize;
} numbers;

#if defined(TP__ISA)

#define TP__BODY "optim/rmsprop.c"
#include "kernel/per_float.h"
const tp__update_table TP__OF_ISA(tp__rmsprop_update) = {{rmsprop_f32, rmsprop_f64}};

#else

TP__TABLE_OF(tp__update_table, tp__rmsprop_update);
static const tp__update_table *kernel(void) { return TP__PICK(tp__rmsprop_update); }

static bool check(tp_tape *T, const char *name, void *options)
{
    tp_rmsprop_options *o = options;
    o->lr = tp__option(o->lr, 1e-2);
    o->alpha = tp__option(o->alpha, 0.99);
    o->eps = tp__option(o->eps, 1e-8);
    o->weight_decay = tp__option(o->weight_decay, 0);
    o->momentum = tp__option(o->momentum, 0);
    return tp__optim_not_below_0(T, name, "alpha", o->alpha) && tp__optim_not_below_0(T, name, "eps", o->eps) &&
           tp__optim_not_below_0(T, name, "weight_decay", o->weight_decay) &&
           tp__optim_not_below_0(T, name, "momentum", o->momentum);
}

static unsigned states(const void *options)
{
    const tp_rmsprop_options *o = options;
    return 1u | (o->centered ? 2u : 0) | (o->momentum > 0 ? 4u : 0);
}

static void fill(const tp__group *g, int i, void *u)
{
    const tp_rmsprop_options *o = g->options;
    (void)i;
    *(numbers *)u = (numbers){.lr = g->lr,
                              .alpha = o->alpha,
                              .eps = o->eps,
                              .weight_decay = o->weight_decay,
                              .momentum = o->momentum,
                              .centered = o->centered,
                              .maximize = o->maximize};
}

static const tp__option_field fields[] = {
    TP__NUMBER(tp_rmsprop_options, lr),     TP__NUMBER(tp_rmsprop_options, momentum),
    TP__NUMBER(tp_rmsprop_options, alpha),  TP__NUMBER(tp_rmsprop_options, eps),
    TP__FLAG(tp_rmsprop_options, centered), TP__NUMBER(tp_rmsprop_options, weight_decay),
    TP__FLAG(tp_rmsprop_options, maximize), {0}};
static const tp__optim_class rmsprop_class = {.op = TP__OPTIM_OP("rmsprop"),
                                              .title = "RMSprop",
                                              .size = sizeof(tp_optim),
                                              .options_size = sizeof(tp_rmsprop_options),
                                              .fields = fields,
                                              .state = {"square_avg", "grad_avg", "momentum_buffer"},
                                              .counts = true,
                                              .check = check,
                                              .states = states,
                                              .numbers = fill,
                                              .kernel = kernel};
_Static_assert(sizeof(numbers) <= TP__UPDATE_NUMBERS * sizeof(double), "numbers of an update");
_Static_assert(sizeof(tp_rmsprop_options) <= TP__UPDATE_NUMBERS * sizeof(double), "options");

tp_optim *tp_optim_rmsprop(tp_tape *T, tp_params *params, const tp_rmsprop_options *options)
{
    TP__NAMED(T, "optim_rmsprop");
    return tp__optim_new(T, &rmsprop_class, params, options);
}

tp_status tp_optim_rmsprop_group(tp_tape *T, tp_optim *o, tp_params *params, const tp_rmsprop_options *options)
{
    TP__NAMED(T, "optim_rmsprop_group");
    return tp__optim_add_group(T, o, &rmsprop_class, params, options);
}

#endif
#endif
