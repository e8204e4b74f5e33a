/* optim.c - what optimizers share: life, groups of parameters, and a step over stretches of parameters. */
#include "optim/optim.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

bool tp__optim_bad(tp_tape *T, const char *optimizer, const char *option, double value, const char *needed)
{
    tp_fail(T, TP_EINVAL, "%s: %s is %g; %s is needed", optimizer, option, value, needed);
    return false;
}

bool tp__optim_in_unit(tp_tape *T, const char *optimizer, const char *option, double value)
{
    return (value >= 0 && value < 1) || tp__optim_bad(T, optimizer, option, value, "a number in [0, 1)");
}

bool tp__optim_not_below_0(tp_tape *T, const char *optimizer, const char *option, double value)
{
    return value >= 0 || tp__optim_bad(T, optimizer, option, value, "0 or more");
}

/* ---- groups ------------------------------------------------------------------------------------------------------ */

/* tp_module_params has no tape to say why. */
static tp_status no_set(tp_tape *T, const char *name)
{
    if (!tp__ok(T))
        return tp_error_status(T);
    return tp_fail(T, TP_EINVAL,
                   "%s: the parameter set is NULL; its module is, too, or there was no memory for the set", name);
}

int64_t tp__group_offset(const tp__group *g, int k, int i)
{
    return g->state[k].offset ? g->state[k].offset[i] : g->params->offset[i];
}

bool tp__state_shape(const tp__optim_class *type, const tp_tensor *x, int k, tp_dims *shape)
{
    *shape = tp__dims_of(x);
    return type->shape == NULL || type->shape(x, k, shape);
}

/* How many elements that has. */
static int64_t state_room(const tp__optim_class *type, const tp_tensor *x, int k)
{
    tp_dims shape;
    if (x == NULL || !tp__state_shape(type, x, k, &shape))
        return 0;
    int64_t n = 1;
    for (int d = 0; d < shape.ndim; d++)
        n *= shape.dim[d];
    return n;
}

void tp__group_clear(const tp__optim_class *type, tp__group *g, int k, int i)
{
    const tp_tensor *x = g->params->at[i];
    tp__storage *s = x ? g->state[k].of[x->dtype == TP_F64] : NULL;
    size_t size = x ? tp_dtype_size(x->dtype) : 0;
    if (s)
        memset((char *)s->data + (size_t)tp__group_offset(g, k, i) * size, 0, (size_t)state_room(type, x, k) * size);
}

static void drop_vector(tp__vector *v)
{
    tp__storage_unref(v->of[0]);
    tp__storage_unref(v->of[1]);
    tp__free(v->offset);
    *v = (tp__vector){0};
}

/* A state vector's places and its storages, or nothing. */
static bool make_vector(const tp__optim_class *type, tp__group *g, int k)
{
    const tp_params *p = g->params;
    tp__vector *v = &g->state[k];
    int64_t count[2] = {p->count_of[0], p->count_of[1]};
    bool ok = type->shape == NULL || (v->offset = tp__calloc((size_t)p->n + 1, sizeof *v->offset)) != NULL;
    if (v->offset) {
        count[0] = count[1] = 0;
        for (int i = 0; i < p->n; i++) {
            int64_t *at = &count[p->at[i] && p->at[i]->dtype == TP_F64];
            v->offset[i] = *at;
            *at += state_room(type, p->at[i], k);
        }
    }
    for (int t = 0; t < 2 && ok; t++)
        ok = p->count_of[t] == 0 ||
             (v->of[t] = tp__storage_new((size_t)count[t] * tp_dtype_size(t ? TP_F64 : TP_F32))) != NULL;
    if (!ok)
        drop_vector(v);
    return ok;
}

bool tp__group_vectors(tp_tape *T, const tp__optim_class *type, tp__group *g, const void *options)
{
    unsigned states = type->states ? type->states(options) : 0;
    for (int k = 0; k < TP__UPDATE_STATES; k++) {
        bool there = g->state[k].of[0] || g->state[k].of[1];
        if (((states >> k) & 1u) && !there && !make_vector(type, g, k)) {
            tp_fail(T, TP_ENOMEM, "%s: no memory for what it remembers", type->op.name);
            return false;
        }
    }
    return true;
}

static void free_group(tp__group *g)
{
    for (int k = 0; k < TP__UPDATE_STATES; k++)
        drop_vector(&g->state[k]);
    for (int k = 0; k < TP__UPDATE_SCALARS; k++)
        tp__free(g->scalar[k]);
    tp__params_drop(g->params);
    tp__free(g->options);
    tp__free(g->steps);
}

/* A parameter is updated once a step. */
static bool is_there(const tp_optim *o, const tp_tensor *x)
{
    for (const tp__member *m = x->member; m; m = m->next)
        for (int i = 0; i < o->n_groups; i++)
            if (o->groups[i].params == m->set)
                return true;
    return false;
}

static bool makes_sense(tp_tape *T, const tp_optim *o, const tp_params *params, void *options)
{
    const char *name = o->type->op.name;
    if (params->n == 0) {
        tp_fail(T, TP_EINVAL, "%s: the parameter set is empty; there is nothing to train", name);
        return false;
    }
    for (int i = 0; i < params->n; i++) {
        const tp_tensor *x = params->at[i];
        if (x && is_there(o, x)) {
            tp_fail(T, TP_EINVAL, "%s: parameter %d is in another group; each may be in one", name, i);
            return false;
        }
        if (x && o->type->takes && !o->type->takes(T, name, i, x))
            return false;
    }
    return tp__options_check(T, o->type, options);
}

static bool fill_group(tp_tape *T, const tp_optim *o, tp__group *g, tp_params *params, const void *options)
{
    size_t n = (size_t)params->n + 1;
    *g = (tp__group){.params = params, .lr = *(const double *)options, .initial_lr = NAN};
    tp__params_hold(params);
    g->options = tp__malloc(o->type->options_size);
    g->steps = tp__calloc(n, sizeof *g->steps);
    bool ok = g->options && g->steps;
    if (g->options)
        memcpy(g->options, options, o->type->options_size);
    for (int k = 0; k < TP__UPDATE_SCALARS && ok; k++)
        ok = o->type->scalar[k] == NULL || (g->scalar[k] = tp__calloc(n, sizeof *g->scalar[k])) != NULL;
    return ok && tp__group_vectors(T, o->type, g, options);
}

static tp_status add_group(tp_tape *T, tp_optim *o, tp_params *params, const void *given)
{
    double options[TP__UPDATE_NUMBERS] = {0};
    if (given)
        memcpy(options, given, o->type->options_size);
    if (!makes_sense(T, o, params, options))
        return T->status;
    tp__group *grown = tp__realloc(o->groups, ((size_t)o->n_groups + 1) * sizeof *grown);
    if (grown)
        o->groups = grown;
    if (grown && fill_group(T, o, &grown[o->n_groups], params, options)) {
        o->n_groups++;
        return TP_OK;
    }
    if (grown)
        free_group(&grown[o->n_groups]);
    return tp_fail(T, TP_ENOMEM, "%s: no memory", o->type->op.name);
}

tp_status tp__optim_add_group(tp_tape *T, tp_optim *o, const tp__optim_class *type, tp_params *params,
                              const void *options)
{
    if (o == NULL || params == NULL)
        return o ? no_set(T, type->op.name) : tp__missing(T, type->op.name, "the optimizer");
    if (!tp__ok(T))
        return tp_error_status(T);
    if (o->type != type)
        return tp_fail(T, TP_EINVAL, "%s: a group for %s; one for %s is needed", o->type->op.name, type->op.name,
                       o->type->op.name);
    return add_group(T, o, params, options);
}

static void destroy(tp_optim *o)
{
    tp__schedules_forget(o);
    if (o->type->free)
        o->type->free(o);
    for (int i = 0; i < o->n_groups; i++)
        free_group(&o->groups[i]);
    tp__free(o->groups);
    tp__free(o);
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

tp_optim *tp__optim_new(tp_tape *T, const tp__optim_class *type, tp_params *params, const void *options)
{
    if (params == NULL)
        no_set(T, type->op.name);
    if (!tp__ok(T) || params == NULL)
        return NULL;
    tp_optim *o = tp__calloc(1, type->size);
    if (o == NULL) {
        tp_fail(T, TP_ENOMEM, "%s: no memory", type->op.name);
        return NULL;
    }
    o->type = type;
    if (add_group(T, o, params, options) == TP_OK)
        return o;
    destroy(o);
    return NULL;
}

void tp_optim_free(tp_optim *o)
{
    if (o && !tp__busy_doom(&o->busy))
        destroy(o);
}
void tp_optim_zero_grad(tp_optim *o)
{
    for (int i = 0; o && i < o->n_groups; i++)
        tp_params_zero_grad(o->groups[i].params);
}

int tp_optim_groups(const tp_optim *o) { return o ? o->n_groups : 0; }

/* ---- the step ---------------------------------------------------------------------------------------------------- */

/* What an update is called with: the numbers are asked of the group when it runs. */
typedef struct {
    tp__group *group;
    int first; /* of parameters that have gone equally far */
    const tp__row_list *rows;
} update_attr;

tp_status tp__update_forward(tp_call *c)
{
    const tp__optim_class *type = (const tp__optim_class *)(const void *)c->op;
    const update_attr *a = c->attr;
    double numbers[TP__UPDATE_NUMBERS];
    void *at[2 + TP__UPDATE_STATES] = {c->out[0]->data, c->in[0]->data};
    for (int i = 1; i < c->n_out; i++)
        at[i + 1] = c->out[i] ? c->out[i]->data : NULL;
    if (type->whole)
        return type->whole(&(tp__whole){c, a->group, a->first, a->group->params->at[a->first], a->rows, at});
    type->numbers(a->group, a->first, numbers);
    if (a->rows && type->passes_over_0 && type->passes_over_0(a->group->options))
        tp__update_at(type->kernel(), c->in[0]->dtype, numbers, a->rows->n, a->rows->at,
                      c->in[0]->numel / a->group->params->at[a->first]->shape[0], at);
    else
        tp__update(type->kernel(), c->in[0]->dtype, numbers, c->in[0]->numel, at);
    return TP_OK;
}

/* Parameters [first, last] of a run, which lie side by side. */
static tp_status update(tp_tape *T, const tp_optim *o, tp__group *g, const tp__run_of_params *run, int first, int last)
{
    const tp_params *p = g->params;
    size_t size = tp_dtype_size(run->dtype);
    int64_t skip = p->offset[first] - run->offset, n = p->offset[last] + p->at[last]->numel - p->offset[first];
    tp_tensor spans[2 + TP__UPDATE_STATES], *in = &spans[0], *out[1 + TP__UPDATE_STATES] = {&spans[1]};
    tp__tensor_span(in, run->dtype, n, (char *)run->grad + (size_t)skip * size, p->at[first]->grad->storage);
    tp__tensor_span(out[0], run->dtype, n, (char *)run->value + (size_t)skip * size, p->at[first]->storage);
    for (int k = 0; k < TP__UPDATE_STATES; k++) {
        tp__storage *all = g->state[k].of[run->dtype == TP_F64];
        if (all == NULL)
            continue;
        out[k + 1] = &spans[k + 2];
        tp__tensor_span(out[k + 1], run->dtype, o->type->shape ? state_room(o->type, p->at[first], k) : n,
                        (char *)all->data + (size_t)tp__group_offset(g, k, first) * size, all);
    }
    update_attr attr = {g, first, run->rows};
    tp_call call = {T, &o->type->op, &attr, 1, 1 + TP__UPDATE_STATES, &in, out};
    return tp__run(T, &call);
}

/* May parameter i + 1 be updated with the numbers of parameter i? */
static bool goes_along(const tp_optim *o, const tp__group *g, int i)
{
    bool same = !o->type->whole && g->steps[i + 1] == g->steps[i];
    for (int k = 0; k < TP__UPDATE_SCALARS && same; k++)
        same = g->scalar[k] == NULL || g->scalar[k][i + 1] == g->scalar[k][i];
    return same;
}

static void step(tp_tape *T, const tp_optim *o, tp__group *g)
{
    tp__run_of_params run;
    for (int at = 0; tp__params_next(g->params, &at, &run);)
        for (int first = run.first, last; first <= run.last; first = last + 1) {
            for (last = first; last < run.last && goes_along(o, g, last);)
                last++;
            if (update(T, o, g, &run, first, last) != TP_OK)
                return;
            for (int i = first; i <= last; i++) {
                g->steps[i]++;
                if (o->type->after)
                    o->type->after(g, i);
            }
        }
    tp__params_touch(g->params);
}

static bool gone(tp_tape *T, const char *name, const tp_optim *o)
{
    for (int i = 0; i < o->n_groups; i++)
        if (o->groups[i].params->gone) {
            tp_fail(T, TP_EINVAL,
                    "%s: the parameters of %s were freed, with their module or by tp_params_free; they are needed",
                    name, o->type->op.name);
            return true;
        }
    return false;
}

tp_status tp_optim_step(tp_tape *T, tp_optim *o)
{
    if (o == NULL)
        return tp__missing(T, "optim_step", "the optimizer");
    if (!tp__ok(T) || gone(T, "optim_step", o))
        return tp_error_status(T);
    if (o->type->step_closure)
        return tp_fail(T, TP_EINVAL, "optim_step: %s evaluates a loss; tp_optim_step_closure is needed",
                       o->type->op.name);
    for (int i = 0; i < o->n_groups && T->status == TP_OK; i++)
        step(T, o, &o->groups[i]);
    return T->status;
}

bool tp__optim_evaluate(tp_tape *T, const tp_optim *o, tp_closure closure, void *user, double *loss)
{
    *loss = closure(T, user);
    if (o->busy.doomed)
        tp_fail(T, TP_EINVAL, "optim_step_closure: the closure has freed the optimizer; it is needed afterwards");
    return tp__ok(T) && !gone(T, "optim_step_closure", o);
}

static double step_closure(tp_tape *T, tp_optim *o, tp_closure closure, void *user)
{
    double loss;
    if (o->type->step_closure)
        return o->type->step_closure(T, o, closure, user);
    if (!tp__optim_evaluate(T, o, closure, user, &loss))
        return NAN;
    return tp_optim_step(T, o) == TP_OK ? loss : NAN;
}

double tp_optim_step_closure(tp_tape *T, tp_optim *o, tp_closure closure, void *user)
{
    if (o == NULL || closure == NULL)
        tp__missing(T, "optim_step_closure", o ? "the closure" : "the optimizer");
    if (!tp__ok(T) || o == NULL || closure == NULL || gone(T, "optim_step_closure", o))
        return NAN;
    bool outermost = tp__busy_begin(&o->busy), first = tp__busy_begin(&T->stepping);
    double loss = NAN;
    if (outermost)
        loss = step_closure(T, o, closure, user);
    else
        tp_fail(T, TP_EINVAL,
                "optim_step_closure: within the closure of the same optimizer's step; another place is needed");
    tp__busy_end(&T->stepping, first);
    if (tp__busy_end(&o->busy, outermost))
        destroy(o);
    return loss;
}
