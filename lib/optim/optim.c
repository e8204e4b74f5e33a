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

/* ---- groups ------------------------------------------------------------------------------------------------------ */

/* tp_module_params has no tape to say why. */
static tp_status no_set(tp_tape *T, const char *name)
{
    if (!tp__ok(T))
        return tp_error_status(T);
    return tp_fail(T, TP_EINVAL,
                   "%s: the parameter set is NULL; its module is, too, or there was no memory for the set", name);
}

static bool make_state(const tp_params *p, tp__state *s)
{
    for (int t = 0; t < 2; t++)
        if (p->count_of[t] > 0 &&
            (s->of[t] = tp__storage_new((size_t)p->count_of[t] * tp_dtype_size(t ? TP_F64 : TP_F32))) == NULL)
            return false;
    return true;
}

static void free_group(tp__group *g)
{
    for (int i = 0; i < TP__UPDATE_STATES; i++) {
        tp__storage_unref(g->state[i].of[0]);
        tp__storage_unref(g->state[i].of[1]);
    }
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
    for (int i = 0; i < params->n; i++)
        if (params->at[i] && is_there(o, params->at[i])) {
            tp_fail(T, TP_EINVAL, "%s: parameter %d is in another group; each may be in one", name, i);
            return false;
        }
    if (!o->type->check(T, name, options))
        return false;
    double lr = *(const double *)options;
    return (lr >= 0 && !isinf(lr)) || tp__optim_bad(T, name, "lr", lr, "a finite number, 0 or more,");
}

static bool fill_group(const tp_optim *o, tp__group *g, tp_params *params, const void *options)
{
    unsigned states = o->type->states ? o->type->states(options) : 0;
    *g = (tp__group){.params = params, .lr = *(const double *)options};
    tp__params_hold(params);
    g->options = tp__malloc(o->type->options_size);
    g->steps = tp__calloc((size_t)params->n + 1, sizeof *g->steps);
    if (g->options)
        memcpy(g->options, options, o->type->options_size);
    bool ok = g->options && g->steps;
    for (int i = 0; i < TP__UPDATE_STATES && ok; i++)
        ok = !((states >> i) & 1u) || make_state(params, &g->state[i]);
    return ok;
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
    if (grown && fill_group(o, &grown[o->n_groups], params, options)) {
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

double tp_optim_group_lr(const tp_optim *o, int group)
{
    return o && group >= 0 && group < o->n_groups ? o->groups[group].lr : NAN;
}

void tp_optim_set_group_lr(tp_optim *o, int group, double lr)
{
    if (o && group >= 0 && group < o->n_groups)
        o->groups[group].lr = lr;
}

double tp_optim_lr(const tp_optim *o) { return tp_optim_group_lr(o, 0); }

void tp_optim_set_lr(tp_optim *o, double lr)
{
    for (int i = 0; o && i < o->n_groups; i++)
        o->groups[i].lr = lr;
}

/* ---- the step ---------------------------------------------------------------------------------------------------- */

/* What an update is called with: the numbers are asked of the group when it runs. */
typedef struct {
    const tp__group *group;
    int first; /* of parameters that were updated equally often */
} update_attr;

tp_status tp__update_forward(tp_call *c)
{
    const tp__optim_class *type = (const tp__optim_class *)(const void *)c->op;
    const update_attr *a = c->attr;
    double numbers[TP__UPDATE_NUMBERS];
    void *at[2 + TP__UPDATE_STATES] = {c->out[0]->data, c->in[0]->data};
    for (int i = 1; i < c->n_out; i++)
        at[i + 1] = c->out[i] ? c->out[i]->data : NULL;
    type->numbers(a->group, a->group->steps[a->first], numbers);
    tp__update(type->kernel(), c->in[0]->dtype, numbers, c->in[0]->numel, at);
    return TP_OK;
}

/* Parameters [first, last] of a run, which lie side by side. */
static tp_status update(tp_tape *T, const tp_optim *o, const tp__group *g, const tp__run_of_params *run, int first,
                        int last)
{
    const tp_params *p = g->params;
    size_t size = tp_dtype_size(run->dtype);
    int64_t skip = p->offset[first] - run->offset, n = p->offset[last] + p->at[last]->numel - p->offset[first];
    tp_tensor spans[2 + TP__UPDATE_STATES], *in = &spans[0], *out[1 + TP__UPDATE_STATES] = {&spans[1]};
    tp__tensor_span(in, run->dtype, n, (char *)run->grad + (size_t)skip * size, p->at[first]->grad->storage);
    tp__tensor_span(out[0], run->dtype, n, (char *)run->value + (size_t)skip * size, p->at[first]->storage);
    for (int i = 0; i < TP__UPDATE_STATES; i++) {
        tp__storage *whole = g->state[i].of[run->dtype == TP_F64];
        if (whole == NULL)
            continue;
        out[i + 1] = &spans[i + 2];
        tp__tensor_span(out[i + 1], run->dtype, n, (char *)whole->data + (size_t)p->offset[first] * size, whole);
    }
    update_attr attr = {g, first};
    tp_call call = {T, &o->type->op, &attr, 1, 1 + TP__UPDATE_STATES, &in, out};
    return tp__run(T, &call);
}

static void step(tp_tape *T, const tp_optim *o, tp__group *g)
{
    tp__run_of_params run;
    for (int at = 0; tp__params_next(g->params, &at, &run);)
        for (int first = run.first, last; first <= run.last; first = last + 1) {
            for (last = first; last < run.last && g->steps[last + 1] == g->steps[first];)
                last++;
            if (update(T, o, g, &run, first, last) != TP_OK)
                return;
            for (int i = first; i <= last; i++)
                g->steps[i]++;
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
    if (o->type->kernel == NULL)
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
