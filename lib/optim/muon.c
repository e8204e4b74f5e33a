/* muon.c - Muon (Jordan, "Muon: an optimizer for hidden layers", 2024): momentum, made orthogonal by Newton and Schulz's iteration.
 *
 * As torch has it, but for the iteration, which runs in the parameter's own dtype. */
#include "optim/optim.h"

#include <math.h>
#include <string.h>

static bool check(tp_tape *T, const char *name, void *options)
{
    tp_muon_options *o = options;
    o->lr = tp__option(o->lr, 1e-3);
    o->weight_decay = tp__option(o->weight_decay, 0.1);
    o->momentum = tp__option(o->momentum, 0.95);
    o->eps = tp__option(o->eps, 1e-7);
    o->ns_steps = o->ns_steps ? o->ns_steps : 5;
    if (o->ns_steps < 0 || o->ns_steps > 99)
        return tp__optim_bad(T, name, "ns_steps", o->ns_steps, "1 to 99");
    if ((unsigned)o->adjust_lr > TP_MUON_MATCH_RMS_ADAMW)
        return tp__optim_bad(T, name, "adjust_lr", (double)o->adjust_lr, "a TP_MUON_...");
    return tp__optim_not_below_0(T, name, "momentum", o->momentum) && tp__optim_not_below_0(T, name, "eps", o->eps) &&
           tp__optim_not_below_0(T, name, "weight_decay", o->weight_decay);
}

static bool takes(tp_tape *T, const char *name, int i, const tp_tensor *x)
{
    if (x->ndim != 2)
        tp_fail(T, TP_ESHAPE, "%s: parameter %d has %d dimensions; matrices are needed, others need another optimizer",
                name, i, x->ndim);
    return x->ndim == 2;
}

static unsigned states(const void *options) { return (void)options, 1; }

/* ---- the direction ------------------------------------------------------------------------------------------------------ */

typedef struct {
    tp_dtype dtype;
    int64_t m, n; /* m <= n */
    void *x, *y;  /* [m, n] */
    void *a, *b;  /* [m, m] */
} matrices;

/* Five coefficients would make singular values 1 in the limit; these bring them near 1 fast. */
static bool newton_schulz(matrices *s, int steps)
{
    const double a = 3.4445, b = -4.7750, c = 2.0315;
    int64_t m = s->m, n = s->n;
    size_t size = tp_dtype_size(s->dtype);
    for (int k = 0; k < steps; k++) {
        memcpy(s->y, s->x, (size_t)(m * n) * size);
        if (!tp__gemm(s->dtype, false, true, m, m, n, 1, s->x, n, s->x, n, 0, s->a, m))
            return false;
        memcpy(s->b, s->a, (size_t)(m * m) * size);
        if (!tp__gemm(s->dtype, false, false, m, m, m, c, s->a, m, s->a, m, b, s->b, m) ||
            !tp__gemm(s->dtype, false, false, m, n, m, 1, s->b, m, s->x, n, a, s->y, n))
            return false;
        void *x = s->x;
        s->x = s->y;
        s->y = x;
    }
    return true;
}

/* X from g and the momentum v, m rows of n, as they lie in a parameter [rows, columns] or in its transpose. */
static void gather(const matrices *s, int64_t columns, double of_grad, double of_momentum, const void *g, const void *v)
{
    size_t size = tp_dtype_size(s->dtype);
    bool turned = s->n != columns;
    for (int64_t i = 0; i < s->m; i++)
        for (int64_t j = 0; j < s->n; j++) {
            size_t from = (size_t)(turned ? j * columns + i : i * columns + j) * size;
            double value = of_momentum * tp__load((const char *)v + from, s->dtype);
            value += of_grad != 0 ? of_grad * tp__load((const char *)g + from, s->dtype) : 0;
            tp__store((char *)s->x + (size_t)(i * s->n + j) * size, s->dtype, value);
        }
}

static void scale(const matrices *s, double eps)
{
    int64_t n = s->m * s->n;
    double norm = 0;
    tp__reduce(TP__NORM_2, s->dtype, 1, n, 1, s->x, &norm, false);
    norm = fmax(tp__load(&norm, s->dtype), eps);
    for (int64_t i = 0; i < n; i++) {
        void *x = (char *)s->x + (size_t)i * tp_dtype_size(s->dtype);
        tp__store(x, s->dtype, tp__load(x, s->dtype) / norm);
    }
}

/* p = (1 - lr weight_decay) p - lr by X */
static void move(const matrices *s, int64_t columns, double shrink, double by, void *p)
{
    size_t size = tp_dtype_size(s->dtype);
    bool turned = s->n != columns;
    for (int64_t i = 0; i < s->m; i++)
        for (int64_t j = 0; j < s->n; j++) {
            char *to = (char *)p + (size_t)(turned ? j * columns + i : i * columns + j) * size;
            double x = tp__load((const char *)s->x + (size_t)(i * s->n + j) * size, s->dtype);
            tp__store(to, s->dtype, shrink * tp__load(to, s->dtype) - by * x);
        }
}

static double adjusted(const tp_muon_options *o, double lr, int64_t rows, int64_t columns)
{
    double r = (double)rows, c = (double)columns;
    return lr * (o->adjust_lr == TP_MUON_MATCH_RMS_ADAMW ? 0.2 * sqrt(fmax(r, c)) : sqrt(fmax(1, r / c)));
}

static bool matrices_of(const tp__whole *w, matrices *s)
{
    int64_t rows = w->parameter->shape[0], columns = w->parameter->shape[1];
    size_t size = tp_dtype_size(w->parameter->dtype);
    *s = (matrices){.dtype = w->parameter->dtype, .m = rows < columns ? rows : columns};
    s->n = rows < columns ? columns : rows;
    size_t all = (size_t)(rows * columns) * size, square = (size_t)(s->m * s->m) * size;
    char *at = tp_call_scratch(w->call, 2 * all + 2 * square);
    s->x = at;
    if (at) {
        s->y = at + all;
        s->a = at + 2 * all;
        s->b = at + 2 * all + square;
    }
    return at != NULL;
}

static tp_status update(const tp__whole *w)
{
    const tp_muon_options *o = w->group->options;
    int64_t n = w->parameter->numel, columns = w->parameter->ndim == 2 ? w->parameter->shape[1] : 0;
    tp_dtype dtype = w->parameter->dtype;
    matrices s;
    if (n == 0)
        return TP_OK;
    if (!matrices_of(w, &s))
        return TP_ENOMEM;
    double mu = o->momentum, lr = w->group->lr, sign = o->maximize ? -1 : 1;
    tp__axpy(n, dtype, mu - 1, w->at[2], w->at[2]);
    tp__axpy(n, dtype, sign * (1 - mu), w->at[1], w->at[2]);
    gather(&s, columns, o->no_nesterov ? 0 : sign * (1 - mu), o->no_nesterov ? 1 : mu, w->at[1], w->at[2]);
    scale(&s, o->eps);
    if (!newton_schulz(&s, o->ns_steps)) {
        tp_status status;
        const char *trouble = tp__blas_trouble(&status);
        return tp_fail(w->call->tape, status, "muon: %s", trouble);
    }
    move(&s, columns, 1 - lr * o->weight_decay, adjusted(o, lr, w->parameter->shape[0], columns), w->at[0]);
    return TP_OK;
}

static const tp__option_field fields[] = {TP__NUMBER(tp_muon_options, lr),
                                          TP__NUMBER(tp_muon_options, weight_decay),
                                          TP__NUMBER(tp_muon_options, momentum),
                                          TP__NUMBER(tp_muon_options, eps),
                                          TP__WHOLE(tp_muon_options, ns_steps),
                                          TP__WHOLE(tp_muon_options, adjust_lr),
                                          TP__FLAG(tp_muon_options, no_nesterov),
                                          TP__FLAG(tp_muon_options, maximize),
                                          {0}};
static const tp__optim_class muon_class = {.op = TP__OPTIM_OP("muon"),
                                           .title = "Muon",
                                           .size = sizeof(tp_optim),
                                           .options_size = sizeof(tp_muon_options),
                                           .fields = fields,
                                           .state = {"momentum_buffer"},
                                           .check = check,
                                           .takes = takes,
                                           .states = states,
                                           .whole = update};
_Static_assert(sizeof(tp_muon_options) <= TP__UPDATE_NUMBERS * sizeof(double), "options");

tp_optim *tp_optim_muon(tp_tape *T, tp_params *params, const tp_muon_options *options)
{
    TP__NAMED(T, "optim_muon");
    return tp__optim_new(T, &muon_class, params, options);
}

tp_status tp_optim_muon_group(tp_tape *T, tp_optim *o, tp_params *params, const tp_muon_options *options)
{
    TP__NAMED(T, "optim_muon_group");
    return tp__optim_add_group(T, o, &muon_class, params, options);
}
