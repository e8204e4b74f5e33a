/* optim.c - what optimizers share: life, options, and a step over stretches of parameters. */
#include "optim/optim.h"

#include <math.h>
#include <stdlib.h>

double tp__option(double value, double otherwise) { return value != 0 ? value : signbit(value) ? 0 : otherwise; }

tp_optim *tp__optim_bad(tp_tape *T, const char *optimizer, const char *option, double value)
{
    tp_fail(T, TP_EINVAL, "%s: %s is %g", optimizer, option, value);
    return NULL;
}

tp_optim *tp__optim_new(tp_tape *T, const tp__optim_class *type, size_t size, tp_params *params, double lr)
{
    if (params == NULL)
        tp__missing(T, type->name, "the parameter set");
    if (!tp__ok(T) || params == NULL)
        return NULL;
    if (!(lr >= 0) || isinf(lr))
        return tp__optim_bad(T, type->name, "lr", lr);
    tp_optim *o = calloc(1, size);
    if (o)
        o->steps = calloc((size_t)params->n + 1, sizeof *o->steps);
    if (o == NULL || o->steps == NULL) {
        free(o);
        tp_fail(T, TP_ENOMEM, "%s: no memory", type->name);
        return NULL;
    }
    o->type = type;
    o->params = params;
    tp__params_hold(params);
    o->lr = lr;
    return o;
}

static void destroy(tp_optim *o)
{
    if (o->type->free)
        o->type->free(o);
    tp__params_drop(o->params);
    free(o->steps);
    free(o);
}

void tp_optim_free(tp_optim *o)
{
    if (o && !tp__busy_doom(&o->busy))
        destroy(o);
}

void tp_optim_zero_grad(tp_optim *o)
{
    if (o)
        tp_params_zero_grad(o->params);
}

double tp_optim_lr(const tp_optim *o) { return o ? o->lr : NAN; }

void tp_optim_set_lr(tp_optim *o, double lr)
{
    if (o)
        o->lr = lr;
}

/* ---- state ----------------------------------------------------------------------------------------------- */

bool tp__state_new(const tp_params *p, tp__state *s)
{
    for (int t = 0; t < 2; t++)
        if (p->count_of[t] > 0 &&
            (s->of[t] = tp__storage_new((size_t)p->count_of[t] * tp_dtype_size(t ? TP_F64 : TP_F32))) == NULL)
            return false;
    return true;
}

void tp__state_free(tp__state *s)
{
    tp__storage_unref(s->of[0]);
    tp__storage_unref(s->of[1]);
}

void *tp__state_at(const tp__state *s, const tp__stretch *at)
{
    const tp__storage *whole = s->of[at->run.dtype == TP_F64];
    return whole ? (char *)whole->data + (size_t)at->run.offset * tp_dtype_size(at->run.dtype) : NULL;
}

/* ---- the step ----------------------------------------------------------------------------------------------- */

/* Parameters [first, last] of a run, which lie side by side. */
static tp__stretch part(const tp_params *p, const tp__run_of_params *run, int first, int last)
{
    tp__stretch s = {.run = *run};
    size_t size = tp_dtype_size(run->dtype);
    int64_t skip = p->offset[first] - run->offset;
    s.run.first = first;
    s.run.last = last;
    s.run.offset += skip;
    s.run.value = (char *)run->value + (size_t)skip * size;
    s.run.grad = (char *)run->grad + (size_t)skip * size;
    s.run.n = p->offset[last] + p->at[last]->numel - p->offset[first];
    return s;
}

static void step(tp_optim *o)
{
    tp__run_of_params run;
    for (int at = 0; tp__params_next(o->params, &at, &run);)
        for (int first = run.first, last; first <= run.last; first = last + 1) {
            for (last = first; last < run.last && o->steps[last + 1] == o->steps[first];)
                last++;
            tp__stretch s = part(o->params, &run, first, last);
            s.steps = o->steps[first];
            o->type->update(o, &s);
            for (int i = first; i <= last; i++)
                o->steps[i]++;
        }
    tp__params_touch(o->params);
}

static bool gone(tp_tape *T, const char *name, const tp_optim *o)
{
    if (o->params->gone)
        tp_fail(T, TP_EINVAL, "%s: the parameters of %s were freed, with their module or by tp_params_free", name,
                o->type->name);
    return o->params->gone;
}

tp_status tp_optim_step(tp_tape *T, tp_optim *o)
{
    if (o == NULL)
        return tp__missing(T, "optim_step", "the optimizer");
    if (!tp__ok(T) || gone(T, "optim_step", o))
        return tp_error_status(T);
    if (o->type->update == NULL)
        return tp_fail(T, TP_EINVAL, "optim_step: %s needs tp_optim_step_closure", o->type->name);
    step(o);
    return TP_OK;
}

bool tp__optim_evaluate(tp_tape *T, const tp_optim *o, tp_closure closure, void *user, double *loss)
{
    *loss = closure(T, user);
    if (o->busy.doomed)
        tp_fail(T, TP_EINVAL, "optim_step_closure: the closure has freed the optimizer");
    return tp__ok(T) && !gone(T, "optim_step_closure", o);
}

static double step_closure(tp_tape *T, tp_optim *o, tp_closure closure, void *user)
{
    double loss;
    if (o->type->step_closure)
        return o->type->step_closure(T, o, closure, user);
    if (!tp__optim_evaluate(T, o, closure, user, &loss))
        return NAN;
    step(o);
    return loss;
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
        tp_fail(T, TP_EINVAL, "optim_step_closure: within the closure of the same optimizer's step");
    tp__busy_end(&T->stepping, first);
    if (tp__busy_end(&o->busy, outermost))
        destroy(o);
    return loss;
}
