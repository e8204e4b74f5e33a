/* lr_find.c - a range test of learning rates. What a training changes is copied before, and put back after, on a tape of its own:
 * so it is put back after a failure, too. */
#include "tapir/lr_find.h"
#include "optim/optim.h"
#include "tape/tape.h"
#include "tapir/create.h"

#include <math.h>

static const char who[] = "lr_find";

/* ---- what is put back ---------------------------------------------------------------------------------------------- */

/* Tensors, and copies of what they were. */
typedef struct {
    tp_tape *T; /* of its own */
    tp_tensor **x, **was;
    int n, room;
} copies;

static tp_status add(copies *c, tp_tensor *x)
{
    if (c->n == c->room) {
        int room = c->room ? 2 * c->room : 32;
        size_t bytes = (size_t)room * sizeof *c->x;
        tp_tensor **a = c->room > (1 << 28) ? NULL : tp__realloc(c->x, bytes);
        c->x = a ? a : c->x;
        tp_tensor **b = a ? tp__realloc(c->was, bytes) : NULL;
        c->was = b ? b : c->was;
        if (b == NULL)
            return tp_fail(c->T, TP_ENOMEM, "%s: no memory", who);
        c->room = room;
    }
    tp_tensor *was = tp_keep(tp_clone(c->T, tp_detach(c->T, x)));
    if (was == NULL)
        return c->T->status != TP_OK ? c->T->status : tp_fail(c->T, TP_ENOMEM, "%s: no memory", who);
    c->x[c->n] = x;
    c->was[c->n++] = was;
    return TP_OK;
}

static tp_status add_visited(const char *name, tp_tensor *x, bool is_param, void *user)
{
    (void)name, (void)is_param;
    return add(user, x);
}

static void drop(copies *c)
{
    for (int i = 0; i < c->n; i++)
        tp_free(c->was[i]);
    tp__free(c->x);
    tp__free(c->was);
}

typedef struct {
    tp_tape *T;
    copies values, optim, loader; /* a state's tensors are copied, its names are its own */
    tp_state_dict *of_optim, *of_loader;
    tp__rng rng;
} before;

static void add_state(copies *c, const tp_state_dict *d)
{
    for (int i = 0; d && i < d->n && c->T->status == TP_OK; i++)
        add(c, d->tensors[i]);
}

static bool remember(const tp_tape *T, tp_module *m, tp_optim *o, tp_loader *loader, before *b)
{
    *b = (before){.T = tp_tape_new(), .rng = T->rng};
    if (b->T == NULL)
        return false;
    b->values.T = b->optim.T = b->loader.T = b->T;
    tp_tape_record(b->T, false);
    if (m)
        tp_module_visit(m, add_visited, &b->values);
    for (int g = 0; g < o->n_groups; g++)
        for (int i = 0; i < o->groups[g].params->n && b->T->status == TP_OK; i++)
            if (o->groups[g].params->at[i])
                add(&b->values, o->groups[g].params->at[i]);
    b->of_optim = tp_optim_state_dict(b->T, o);
    b->of_loader = loader ? tp_loader_state_dict(b->T, loader) : NULL;
    add_state(&b->optim, b->of_optim);
    add_state(&b->loader, b->of_loader);
    return b->T->status == TP_OK;
}

static void put_back(tp_tape *T, tp_optim *o, tp_loader *loader, const before *b)
{
    for (int i = 0; i < b->values.n; i++)
        tp_copy_into(b->T, b->values.x[i], b->values.was[i]);
    tp_optim_load_state_dict(b->T, o, b->of_optim->n, b->of_optim->names, b->optim.was);
    if (loader)
        tp_loader_load_state_dict(b->T, loader, b->of_loader->n, b->of_loader->names, b->loader.was);
    tp_optim_zero_grad(o);
    T->rng = b->rng;
}

static void forget(before *b)
{
    drop(&b->values);
    drop(&b->optim);
    drop(&b->loader);
    tp_state_dict_free(b->of_optim);
    tp_state_dict_free(b->of_loader);
    tp_tape_free(b->T);
}

/* ---- the test ------------------------------------------------------------------------------------------------------ */

typedef struct {
    double start, end, beta, diverged;
    int64_t steps, n; /* n: that were made */
    double *lr, *loss, *mean;
} range;

enum { MOST_STEPS = 1000000, FIRST = 10 }; /* the mean of the first few is not steady yet */

static bool set_options(tp_tape *T, const tp_lr_find_options *o, range *r)
{
    *r = (range){.start = tp__option(o->start, 1e-7),
                 .end = tp__option(o->end, 10),
                 .beta = tp__option(o->beta, 0.9),
                 .diverged = tp__option(o->diverged, 4),
                 .steps = o->steps ? o->steps : 100};
    if (!(r->start > 0 && r->start < r->end && r->end < INFINITY))
        tp_fail(T, TP_EINVAL, "%s: rates from %g to %g; from one above 0 to a larger one are needed", who, r->start,
                r->end);
    else if (r->steps < 2 || r->steps > MOST_STEPS)
        tp_fail(T, TP_EINVAL, "%s: %lld steps; 2 to %d are needed", who, (long long)r->steps, MOST_STEPS);
    else if (!(r->beta >= 0 && r->beta < 1) || !(r->diverged > 1))
        tp_fail(T, TP_EINVAL, "%s: beta is %g, diverged %g; from 0 on below 1, and above 1, are needed", who, r->beta,
                r->diverged);
    return T->status == TP_OK;
}

/* Steps, until one has come too far. The mean is without its bias: sum of (1 - b) b^(n - i) x_i, over 1 - b^n. */
static void try_rates(tp_tape *T, tp_optim *o, tp_closure closure, void *user, range *r)
{
    double sum = 0, weight = 0, lowest = INFINITY;
    for (; r->n < r->steps && T->status == TP_OK; r->n++) {
        double part = (double)r->n / (double)(r->steps - 1), lr = r->start * pow(r->end / r->start, part);
        tp_optim_set_lr(o, lr);
        double loss = tp_optim_step_closure(T, o, closure, user);
        if (T->status != TP_OK)
            return;
        sum = r->beta * sum + (1 - r->beta) * loss;
        weight = r->beta * weight + 1 - r->beta;
        r->lr[r->n] = lr;
        r->loss[r->n] = loss;
        r->mean[r->n] = sum / weight;
        lowest = fmin(lowest, r->mean[r->n]);
        /* of a loss that may be negative, as far above its lowest value as above zero */
        bool far = r->n >= FIRST && r->mean[r->n] > lowest + (r->diverged - 1) * fabs(lowest);
        if (!isfinite(loss) || far) {
            r->n++;
            return;
        }
    }
}

static void judge(const range *r, tp_lr_range *to)
{
    int64_t lowest = 0, first = r->n > 2 * FIRST ? FIRST : 0;
    double steepest = 0;
    to->suggestion = to->lowest = NAN;
    for (int64_t i = 1; i < r->n; i++)
        if (r->mean[i] < r->mean[lowest])
            lowest = i;
    if (r->n > 0)
        to->lowest = r->lr[lowest];
    for (int64_t i = first + 1; i < r->n && i + 1 < r->n; i++) {
        double slope = (r->mean[i + 1] - r->mean[i - 1]) / (log(r->lr[i + 1]) - log(r->lr[i - 1]));
        if (slope < steepest) {
            steepest = slope;
            to->suggestion = r->lr[i];
        }
    }
}

tp_lr_range tp_lr_find(tp_tape *T, tp_module *m, tp_optim *o, tp_closure closure, void *user,
                       const tp_lr_find_options *options)
{
    TP__NAMED(T, "lr_find");
    static const tp_lr_find_options usual;
    tp_lr_range result = {.suggestion = NAN, .lowest = NAN};
    const tp_lr_find_options *given = options ? options : &usual;
    range r;
    before b;
    if (!tp__ok(T))
        return result;
    if (o == NULL || closure == NULL)
        tp__missing(T, who, o ? "the closure" : "the optimizer");
    if (T->status != TP_OK || !set_options(T, given, &r))
        return result;
    size_t n = (size_t)r.steps;
    r.lr = tp__malloc(3 * n * sizeof *r.lr);
    bool ready = remember(T, m, o, given->loader, &b) && r.lr != NULL;
    if (ready) {
        r.loss = r.lr + n;
        r.mean = r.loss + n;
        try_rates(T, o, closure, user, &r);
        put_back(T, o, given->loader, &b);
    }
    if (b.T == NULL || b.T->status != TP_OK || r.lr == NULL)
        tp_fail(T, b.T && b.T->status != TP_OK ? b.T->status : TP_ENOMEM, "%s",
                b.T && b.T->status != TP_OK ? b.T->message : "lr_find: no memory");
    if (T->status == TP_OK) {
        judge(&r, &result);
        result.lr = tp_from(T, TP_F64, tp_shape(r.n), r.lr);
        result.loss = tp_from(T, TP_F64, tp_shape(r.n), r.loss);
        result.mean = tp_from(T, TP_F64, tp_shape(r.n), r.mean);
    }
    if (b.T)
        forget(&b);
    tp__free(r.lr);
    return result;
}

/* The mean at the suggestion, which is one of the rates. */
static double mean_at(const tp_lr_range *r)
{
    for (int64_t i = 0; i < tp_numel(r->lr); i++)
        if (tp_item_at(r->lr, i) == r->suggestion)
            return tp_item_at(r->mean, i);
    return NAN;
}

tp_status tp_plot_lr_range(tp_tape *T, tp_plot *p, const tp_lr_range *r)
{
    TP__NAMED(T, "plot_lr_range");
    char label[64];
    if (!tp__ok(T))
        return tp_error_status(T);
    if (r == NULL || p == NULL)
        return tp__missing(T, "plot_lr_range", p ? "the range" : "the plot");
    tp_plot_curve(T, p, r->lr, r->loss, &(tp_series_options){.label = "loss", .color = "#b0c4d8", .size = 0.6});
    tp_plot_curve(T, p, r->lr, r->mean, &(tp_series_options){.label = "running mean", .color = "#0072b2"});
    if (T->status != TP_OK || isnan(r->suggestion))
        return T->status;
    tp__snprintf(label, sizeof label, "suggestion %.2g", r->suggestion);
    double at[2] = {r->suggestion, mean_at(r)};
    return tp_plot_scatter(T, p, tp_from(T, TP_F64, tp_shape(1), &at[0]), tp_from(T, TP_F64, tp_shape(1), &at[1]),
                           &(tp_series_options){.label = label, .color = "#d55e00", .size = 2});
}
