/* adam.c - Adam and AdamW; amsgrad: Reddi et al., "On the convergence of Adam and beyond", 2018. */
#include "kernel/optim.h"
#include "optim/optim.h"

#include <math.h>

typedef struct {
    tp_optim base;
    tp_adam_options o;
    bool decoupled;
    tp__state first, second, largest;
} adam;

static void update(tp_optim *base, const tp__stretch *s)
{
    adam *m = (adam *)base;
    double t = (double)(s->steps + 1);
    tp__adam_update u = {
        .beta1 = m->o.beta1,
        .beta2 = m->o.beta2,
        .eps = m->o.eps,
        .step = base->lr / (1 - pow(m->o.beta1, t)),
        .root = sqrt(1 - pow(m->o.beta2, t)),
        .weight_decay = m->decoupled ? 0 : m->o.weight_decay,
        .shrink = m->decoupled ? 1 - base->lr * m->o.weight_decay : 1,
        .amsgrad = m->o.amsgrad,
        .maximize = m->o.maximize,
    };
    tp__adam(s->run.dtype, &u, s->run.n, s->run.value, s->run.grad, tp__state_at(&m->first, s),
             tp__state_at(&m->second, s), tp__state_at(&m->largest, s));
}

static void release(tp_optim *base)
{
    adam *m = (adam *)base;
    tp__state_free(&m->first);
    tp__state_free(&m->second);
    tp__state_free(&m->largest);
}

static const tp__optim_class adam_class = {.name = "adam", .update = update, .free = release};
static const tp__optim_class adamw_class = {.name = "adamw", .update = update, .free = release};

static bool in_unit(double x) { return x >= 0 && x < 1; }

static tp_optim *make(tp_tape *T, const tp__optim_class *type, tp_params *params, tp_adam_options o, bool decoupled)
{
    if (!tp__ok(T))
        return NULL;
    o.lr = tp__option(o.lr, 1e-3);
    o.beta1 = tp__option(o.beta1, 0.9);
    o.beta2 = tp__option(o.beta2, 0.999);
    o.eps = tp__option(o.eps, 1e-8);
    o.weight_decay = tp__option(o.weight_decay, decoupled ? 1e-2 : 0);
    if (!in_unit(o.beta1) || !in_unit(o.beta2))
        return tp__optim_bad(T, type->name, in_unit(o.beta1) ? "beta2" : "beta1", in_unit(o.beta1) ? o.beta2 : o.beta1);
    if (!(o.eps >= 0))
        return tp__optim_bad(T, type->name, "eps", o.eps);
    if (!(o.weight_decay >= 0))
        return tp__optim_bad(T, type->name, "weight_decay", o.weight_decay);
    adam *m = (adam *)tp__optim_new(T, type, sizeof *m, params, o.lr);
    if (m == NULL)
        return NULL;
    m->o = o;
    m->decoupled = decoupled;
    if (!tp__state_new(params, &m->first) || !tp__state_new(params, &m->second) ||
        (o.amsgrad && !tp__state_new(params, &m->largest))) {
        tp_optim_free(&m->base);
        tp_fail(T, TP_ENOMEM, "%s: no memory", type->name);
        return NULL;
    }
    return &m->base;
}

tp_optim *tp_optim_adam(tp_tape *T, tp_params *params, const tp_adam_options *options)
{
    TP__NAMED(T, "optim_adam");
    return make(T, &adam_class, params, options ? *options : (tp_adam_options){0}, false);
}

tp_optim *tp_optim_adamw(tp_tape *T, tp_params *params, const tp_adam_options *options)
{
    TP__NAMED(T, "optim_adamw");
    return make(T, &adamw_class, params, options ? *options : (tp_adam_options){0}, true);
}
