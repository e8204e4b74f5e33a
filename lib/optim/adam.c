/* adam.c - Adam, AdamW, and SparseAdam; amsgrad: Reddi et al., "On the convergence of Adam and beyond", 2018. */
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

static bool check(tp_tape *T, const char *name, tp_adam_options *o, double decay)
{
    o->lr = tp__option(o->lr, 1e-3);
    o->beta1 = tp__option(o->beta1, 0.9);
    o->beta2 = tp__option(o->beta2, 0.999);
    o->eps = tp__option(o->eps, 1e-8);
    o->weight_decay = tp__option(o->weight_decay, decay);
    return tp__optim_in_unit(T, name, "beta1", o->beta1) && tp__optim_in_unit(T, name, "beta2", o->beta2) &&
           tp__optim_not_below_0(T, name, "eps", o->eps) &&
           tp__optim_not_below_0(T, name, "weight_decay", o->weight_decay);
}
static bool check_adam(tp_tape *T, const char *name, void *o) { return check(T, name, o, 0); }
static bool check_adamw(tp_tape *T, const char *name, void *o) { return check(T, name, o, 1e-2); }

static unsigned states(const void *options) { return ((const tp_adam_options *)options)->amsgrad ? 7 : 3; }

static void fill(const tp__group *g, int i, void *u, bool decoupled)
{
    const tp_adam_options *o = g->options;
    double t = (double)(g->steps[i] + 1);
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
static void fill_adam(const tp__group *g, int i, void *u) { fill(g, i, u, false); }
static void fill_adamw(const tp__group *g, int i, void *u) { fill(g, i, u, true); }

static const tp__option_field fields[] = {TP__NUMBER(tp_adam_options, lr),
                                          TP__NUMBER_OF(tp_adam_options, beta1, "betas", 0, 2),
                                          TP__NUMBER_OF(tp_adam_options, beta2, "betas", 1, 2),
                                          TP__NUMBER(tp_adam_options, eps),
                                          TP__NUMBER(tp_adam_options, weight_decay),
                                          TP__FLAG(tp_adam_options, amsgrad),
                                          TP__FLAG(tp_adam_options, maximize),
                                          {0}};
static const tp__optim_class adam_class = {.op = TP__OPTIM_OP("adam"),
                                           .size = sizeof(tp_optim),
                                           .options_size = sizeof(tp_adam_options),
                                           .title = "Adam",
                                           .fields = fields,
                                           .state = {"exp_avg", "exp_avg_sq", "max_exp_avg_sq"},
                                           .counts = true,
                                           .check = check_adam,
                                           .states = states,
                                           .numbers = fill_adam,
                                           .kernel = kernel};
static const tp__optim_class adamw_class = {.op = TP__OPTIM_OP("adamw"),
                                            .size = sizeof(tp_optim),
                                            .options_size = sizeof(tp_adam_options),
                                            .title = "AdamW",
                                            .fields = fields,
                                            .state = {"exp_avg", "exp_avg_sq", "max_exp_avg_sq"},
                                            .counts = true,
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

/* ---- rows that have a gradient ------------------------------------------------------------------------------------ */

static bool check_sparse(tp_tape *T, const char *name, void *options)
{
    tp_sparse_adam_options *o = options;
    o->lr = tp__option(o->lr, 1e-3);
    o->beta1 = tp__option(o->beta1, 0.9);
    o->beta2 = tp__option(o->beta2, 0.999);
    o->eps = tp__option(o->eps, 1e-8);
    if (!(o->eps > 0))
        return tp__optim_bad(T, name, "eps", o->eps, "more than 0");
    return tp__optim_in_unit(T, name, "beta1", o->beta1) && tp__optim_in_unit(T, name, "beta2", o->beta2);
}

static unsigned both(const void *options) { return (void)options, 3; }

static bool is_zero(const void *g, tp_dtype dtype, int64_t n)
{
    const float *f = g;
    const double *d = g;
    for (int64_t i = 0; i < n; i++)
        if (dtype == TP_F32 ? f[i] != 0 : d[i] != 0)
            return false;
    return true;
}

/* torch divides by sqrt(v) + eps before it corrects: eps / root here. */
static tp_status update_sparse(const tp__whole *w)
{
    const tp_sparse_adam_options *o = w->group->options;
    const tp_tensor *x = w->parameter;
    double t = (double)(w->group->steps[w->index] + 1), root = sqrt(1 - pow(o->beta2, t));
    numbers u = {.beta1 = o->beta1,
                 .beta2 = o->beta2,
                 .eps = o->eps / root,
                 .step = w->group->lr / (1 - pow(o->beta1, t)),
                 .root = root,
                 .shrink = 1,
                 .maximize = o->maximize};
    int64_t rows = x->ndim > 0 ? x->shape[0] : 1, columns = rows > 0 ? x->numel / rows : 0;
    size_t row = (size_t)columns * tp_dtype_size(x->dtype);
    if (w->rows) {
        tp__update_at(kernel(), x->dtype, &u, w->rows->n, w->rows->at, columns, w->at);
        return TP_OK;
    }
    for (int64_t i = 0, last; i < rows; i = last + 1) {
        for (last = i; last < rows && !is_zero((const char *)w->at[1] + (size_t)last * row, x->dtype, columns);)
            last++;
        void *at[2 + TP__UPDATE_STATES] = {NULL};
        for (int k = 0; k < 4; k++)
            at[k] = (char *)w->at[k] + (size_t)i * row;
        if (last > i)
            tp__update(kernel(), x->dtype, &u, (last - i) * columns, at);
    }
    return TP_OK;
}

static const tp__option_field sparse_fields[] = {TP__NUMBER(tp_sparse_adam_options, lr),
                                                 TP__NUMBER_OF(tp_sparse_adam_options, beta1, "betas", 0, 2),
                                                 TP__NUMBER_OF(tp_sparse_adam_options, beta2, "betas", 1, 2),
                                                 TP__NUMBER(tp_sparse_adam_options, eps),
                                                 TP__FLAG(tp_sparse_adam_options, maximize),
                                                 {0}};
static const tp__optim_class sparse_adam_class = {.op = TP__OPTIM_OP("sparse_adam"),
                                                  .title = "SparseAdam",
                                                  .size = sizeof(tp_optim),
                                                  .options_size = sizeof(tp_sparse_adam_options),
                                                  .fields = sparse_fields,
                                                  .state = {"exp_avg", "exp_avg_sq"},
                                                  .counts = true,
                                                  .check = check_sparse,
                                                  .states = both,
                                                  .whole = update_sparse};

tp_optim *tp_optim_sparse_adam(tp_tape *T, tp_params *params, const tp_sparse_adam_options *options)
{
    TP__NAMED(T, "optim_sparse_adam");
    return tp__optim_new(T, &sparse_adam_class, params, options);
}

tp_status tp_optim_sparse_adam_group(tp_tape *T, tp_optim *o, tp_params *params, const tp_sparse_adam_options *options)
{
    TP__NAMED(T, "optim_sparse_adam_group");
    return tp__optim_add_group(T, o, &sparse_adam_class, params, options);
}

#endif
#endif
