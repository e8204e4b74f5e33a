/* adafactor.c - Adafactor (Shazeer and Stern, "Adaptive learning rates with sublinear memory cost", 2018), with torch's options.
 *
 * Of a parameter with two dimensions or more (the last two are a matrix) the mean square of the gradient is kept by rows and by
 * columns alone; of others, by elements. */
#include "optim/optim.h"

#include <float.h>
#include <math.h>

#if defined(REAL)

/* x += c (norm^2 / size - x) */
static void NAME(follow)(int64_t n, REAL *x, const REAL *norm, double size, double c)
{
    for (int64_t i = 0; i < n; i++)
        x[i] += (REAL)(c * ((double)norm[i] * norm[i] / size - x[i]));
}

/* d = g / sqrt(row column / mean of the rows) for each of `outer` matrices */
static void NAME(factored)(const plan *p, const REAL *g, const REAL *row, const REAL *column, REAL *d)
{
    for (int64_t o = 0; o < p->outer; o++, row += p->rows, column += p->columns) {
        double mean = 0;
        for (int64_t i = 0; i < p->rows; i++)
            mean += row[i];
        mean = fmax(mean / (double)p->rows, p->eps1);
        for (int64_t i = 0; i < p->rows; i++, g += p->columns, d += p->columns)
            for (int64_t j = 0; j < p->columns; j++)
                d[j] = g[j] / (REAL)sqrt(fmax((double)row[i] * column[j] / mean, p->eps1 * p->eps1));
    }
}

static void NAME(plain)(int64_t n, double eps1, double c, const REAL *g, REAL *v, REAL *d)
{
    for (int64_t i = 0; i < n; i++) {
        v[i] += (REAL)(c * ((double)g[i] * g[i] - v[i]));
        d[i] = g[i] / (REAL)sqrt(fmax(v[i], eps1 * eps1));
    }
}

static void NAME(direction)(const plan *p, void *const *at, void *norms, void *d)
{
    const REAL *g = at[1];
    if (p->rows < 0) {
        NAME(plain)(p->n, p->eps1, p->c, g, at[4], d);
        return;
    }
    tp__reduce(TP__NORM_2, p->dtype, p->outer * p->rows, p->columns, 1, g, norms, false);
    NAME(follow)(p->outer * p->rows, at[2], norms, (double)p->columns, p->c);
    tp__reduce(TP__NORM_2, p->dtype, p->outer, p->rows, p->columns, g, norms, false);
    NAME(follow)(p->outer * p->columns, at[3], norms, (double)p->rows, p->c);
    NAME(factored)(p, g, at[2], at[3], d);
}

#else

/* rows < 0: no matrices */
typedef struct {
    tp_dtype dtype;
    int64_t n, outer, rows, columns;
    double eps1, c; /* c: how far the means move */
} plan;

#define TP__BODY "optim/adafactor.c"
#include "kernel/per_float.h"

static bool check(tp_tape *T, const char *name, void *options)
{
    tp_adafactor_options *o = options;
    o->lr = tp__option(o->lr, 1e-2);
    o->beta2_decay = tp__option(o->beta2_decay, -0.8);
    o->eps1 = tp__option(o->eps1, 0);
    o->eps2 = tp__option(o->eps2, 1e-3);
    o->d = tp__option(o->d, 1);
    o->weight_decay = tp__option(o->weight_decay, 0);
    if (!(o->beta2_decay <= 0))
        return tp__optim_bad(T, name, "beta2_decay", o->beta2_decay, "0 or less");
    if (!(o->d >= 1))
        return tp__optim_bad(T, name, "d", o->d, "1 or more");
    return tp__optim_not_below_0(T, name, "eps1", o->eps1) && tp__optim_not_below_0(T, name, "eps2", o->eps2) &&
           tp__optim_not_below_0(T, name, "weight_decay", o->weight_decay);
}

static unsigned states(const void *options) { return (void)options, 7; }

/* rows, columns, or elements */
static bool shape(const tp_tensor *x, int k, tp_dims *shape)
{
    bool matrix = x->ndim > 1;
    if (matrix && k < 2)
        shape->dim[x->ndim - (k == 0 ? 1 : 2)] = 1;
    return matrix == (k < 2);
}

static plan plan_of(const tp__whole *w, const tp_adafactor_options *o)
{
    const tp_tensor *x = w->parameter;
    plan p = {.dtype = x->dtype, .n = x->numel, .rows = -1};
    p.eps1 = o->eps1 > 0 ? o->eps1 : x->dtype == TP_F32 ? FLT_EPSILON : DBL_EPSILON;
    p.c = pow((double)(w->group->steps[w->index] + 1), o->beta2_decay);
    if (x->ndim > 1) {
        p.rows = x->shape[x->ndim - 2];
        p.columns = x->shape[x->ndim - 1];
        p.outer = p.n / (p.rows * p.columns);
    }
    return p;
}

static double rms(tp_dtype dtype, int64_t n, const void *x)
{
    double y = 0;
    tp__reduce(TP__NORM_2, dtype, 1, n, 1, x, &y, false);
    return tp__load(&y, dtype) / sqrt((double)n);
}

static tp_status update(const tp__whole *w)
{
    const tp_adafactor_options *o = w->group->options;
    tp_dtype dtype = w->parameter->dtype;
    int64_t n = w->parameter->numel;
    if (n == 0)
        return TP_OK;
    plan p = plan_of(w, o);
    size_t size = tp_dtype_size(dtype), rest = p.rows < 0 ? 0 : (size_t)p.outer * (size_t)(p.rows + p.columns);
    char *d = tp_call_scratch(w->call, ((size_t)n + rest) * size);
    if (d == NULL)
        return TP_ENOMEM;
    double t = (double)(w->group->steps[w->index] + 1), lr = w->group->lr;
    double alpha = fmax(o->eps2, rms(dtype, n, w->at[0])) * fmin(lr, 1 / sqrt(t));
    (dtype == TP_F32 ? direction_f32 : direction_f64)(&p, w->at, d + (size_t)n * size, d);
    if (o->weight_decay != 0)
        tp__axpy(n, dtype, -lr * o->weight_decay, w->at[0], w->at[0]);
    double by = -alpha / fmax(1, rms(dtype, n, d) / o->d);
    tp__axpy(n, dtype, o->maximize ? -by : by, d, w->at[0]);
    return TP_OK;
}

static const tp__option_field fields[] = {TP__NUMBER(tp_adafactor_options, lr),
                                          TP__NUMBER(tp_adafactor_options, beta2_decay),
                                          TP__NUMBER_OF(tp_adafactor_options, eps1, "eps", 0, 2),
                                          TP__NUMBER_OF(tp_adafactor_options, eps2, "eps", 1, 2),
                                          TP__NUMBER(tp_adafactor_options, d),
                                          TP__NUMBER(tp_adafactor_options, weight_decay),
                                          TP__FLAG(tp_adafactor_options, maximize),
                                          {0}};
static const tp__optim_class adafactor_class = {.op = TP__OPTIM_OP("adafactor"),
                                                .title = "Adafactor",
                                                .size = sizeof(tp_optim),
                                                .options_size = sizeof(tp_adafactor_options),
                                                .fields = fields,
                                                .state = {"row_var", "col_var", "variance"},
                                                .counts = true,
                                                .check = check,
                                                .states = states,
                                                .shape = shape,
                                                .whole = update};
_Static_assert(sizeof(tp_adafactor_options) <= TP__UPDATE_NUMBERS * sizeof(double), "options");

tp_optim *tp_optim_adafactor(tp_tape *T, tp_params *params, const tp_adafactor_options *options)
{
    TP__NAMED(T, "optim_adafactor");
    return tp__optim_new(T, &adafactor_class, params, options);
}

tp_status tp_optim_adafactor_group(tp_tape *T, tp_optim *o, tp_params *params, const tp_adafactor_options *options)
{
    TP__NAMED(T, "optim_adafactor_group");
    return tp__optim_add_group(T, o, &adafactor_class, params, options);
}

#endif
