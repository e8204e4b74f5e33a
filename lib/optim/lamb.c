/* lamb.c - LAMB (You et al., "Large batch optimization for deep learning", 2020, algorithm 2). */
#include "optim/optim.h"

#include <math.h>

#if defined(REAL)

static void NAME(lamb)(const void *attr, int64_t n, void *const *at)
{
    const numbers *u = attr;
    const REAL *restrict p = at[0], *restrict grad = at[1];
    REAL *restrict m = at[2], *restrict v = at[3], *restrict d = at[4];
    REAL b1 = (REAL)u->beta1, b2 = (REAL)u->beta2, c1 = (REAL)(1 - u->beta1), c2 = (REAL)(1 - u->beta2);
    REAL correct1 = (REAL)u->correct1, correct2 = (REAL)u->correct2, eps = (REAL)u->eps, decay = (REAL)u->weight_decay;
    REAL sign = u->maximize ? -1 : 1;
    for (int64_t i = 0; i < n; i++) {
        REAL g = sign * grad[i];
        m[i] = b1 * m[i] + c1 * g;
        v[i] = b2 * v[i] + c2 * g * g;
        REAL r = m[i] / correct1 / (FN(sqrt)(v[i] / correct2) + eps);
        d[i] = decay != 0 ? r + decay * p[i] : r;
    }
}

#else

/* d = m' / (sqrt(v') + eps) + weight_decay p, with the moments m, v of g, corrected */
typedef struct {
    double beta1, beta2, eps, weight_decay;
    double correct1, correct2; /* 1 - beta^t */
    bool maximize;
} numbers;

#if defined(TP__ISA)

#define TP__BODY "optim/lamb.c"
#include "kernel/per_float.h"
const tp__update_table TP__OF_ISA(tp__lamb_update) = {{lamb_f32, lamb_f64}};

#else

TP__TABLE_OF(tp__update_table, tp__lamb_update);

static bool check(tp_tape *T, const char *name, void *options)
{
    tp_lamb_options *o = options;
    o->lr = tp__option(o->lr, 1e-3);
    o->beta1 = tp__option(o->beta1, 0.9);
    o->beta2 = tp__option(o->beta2, 0.999);
    o->eps = tp__option(o->eps, 1e-6);
    o->weight_decay = tp__option(o->weight_decay, 1e-2);
    return tp__optim_in_unit(T, name, "beta1", o->beta1) && tp__optim_in_unit(T, name, "beta2", o->beta2) &&
           tp__optim_not_below_0(T, name, "eps", o->eps) &&
           tp__optim_not_below_0(T, name, "weight_decay", o->weight_decay);
}

static unsigned states(const void *options) { return (void)options, 3; }

static double norm(tp_dtype dtype, int64_t n, const void *x)
{
    double y = 0;
    tp__reduce(TP__NORM_2, dtype, 1, n, 1, x, &y, false);
    return tp__load(&y, dtype);
}

/* p -= lr |p| / |d| d, a factor of 1 where a norm is 0 */
static tp_status update(const tp__whole *w)
{
    const tp_lamb_options *o = w->group->options;
    tp_dtype dtype = w->parameter->dtype;
    int64_t n = w->parameter->numel;
    double t = (double)(w->group->steps[w->index] + 1);
    numbers u = {.beta1 = o->beta1,
                 .beta2 = o->beta2,
                 .eps = o->eps,
                 .weight_decay = o->weight_decay,
                 .correct1 = 1 - pow(o->beta1, t),
                 .correct2 = 1 - pow(o->beta2, t),
                 .maximize = o->maximize};
    void *d = tp_call_scratch(w->call, (size_t)n * tp_dtype_size(dtype));
    if (d == NULL)
        return TP_ENOMEM;
    tp__update(TP__PICK(tp__lamb_update), dtype, &u, n, (void *[]){w->at[0], w->at[1], w->at[2], w->at[3], d});
    double size = norm(dtype, n, w->at[0]), length = norm(dtype, n, d);
    tp__axpy(n, dtype, -w->group->lr * (size > 0 && length > 0 ? size / length : 1), d, w->at[0]);
    return TP_OK;
}

static const tp__option_field fields[] = {TP__NUMBER(tp_lamb_options, lr),
                                          TP__NUMBER_OF(tp_lamb_options, beta1, "betas", 0, 2),
                                          TP__NUMBER_OF(tp_lamb_options, beta2, "betas", 1, 2),
                                          TP__NUMBER(tp_lamb_options, eps),
                                          TP__NUMBER(tp_lamb_options, weight_decay),
                                          TP__FLAG(tp_lamb_options, maximize),
                                          {0}};
static const tp__optim_class lamb_class = {.op = TP__OPTIM_OP("lamb"),
                                           .title = "LAMB",
                                           .size = sizeof(tp_optim),
                                           .options_size = sizeof(tp_lamb_options),
                                           .fields = fields,
                                           .state = {"exp_avg", "exp_avg_sq"},
                                           .counts = true,
                                           .check = check,
                                           .states = states,
                                           .whole = update};
_Static_assert(sizeof(tp_lamb_options) <= TP__UPDATE_NUMBERS * sizeof(double), "options");

tp_optim *tp_optim_lamb(tp_tape *T, tp_params *params, const tp_lamb_options *options)
{
    TP__NAMED(T, "optim_lamb");
    return tp__optim_new(T, &lamb_class, params, options);
}

tp_status tp_optim_lamb_group(tp_tape *T, tp_optim *o, tp_params *params, const tp_lamb_options *options)
{
    TP__NAMED(T, "optim_lamb_group");
    return tp__optim_add_group(T, o, &lamb_class, params, options);
}

#endif
#endif
