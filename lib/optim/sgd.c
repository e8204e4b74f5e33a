/* sgd.c - stochastic gradient descent, with momentum (Polyak, 1964; Sutskever et al., 2013, for Nesterov's). */
#include "kernel/optim.h"
#include "optim/optim.h"

typedef struct {
    tp_optim base;
    tp_sgd_options o;
    tp__state velocity;
} sgd;

static void update(tp_optim *base, const tp__stretch *s)
{
    sgd *m = (sgd *)base;
    tp__sgd_update u = {.lr = base->lr,
                        .momentum = m->o.momentum,
                        .dampening = m->o.dampening,
                        .weight_decay = m->o.weight_decay,
                        .nesterov = m->o.nesterov,
                        .maximize = m->o.maximize,
                        .first = s->steps == 0};
    tp__sgd(s->run.dtype, &u, s->run.n, s->run.value, s->run.grad, tp__state_at(&m->velocity, s));
}

static void release(tp_optim *base) { tp__state_free(&((sgd *)base)->velocity); }

static const tp__optim_class sgd_class = {.name = "sgd", .update = update, .free = release};

tp_optim *tp_optim_sgd(tp_tape *T, tp_params *params, const tp_sgd_options *options)
{
    TP__NAMED(T, "optim_sgd");
    tp_sgd_options o = options ? *options : (tp_sgd_options){0};
    if (!tp__ok(T))
        return NULL;
    if (!(tp__option(o.lr, -1) >= 0))
        return tp__optim_bad(T, "sgd", "lr", o.lr);
    if (!(o.momentum >= 0))
        return tp__optim_bad(T, "sgd", "momentum", o.momentum);
    if (!(o.weight_decay >= 0))
        return tp__optim_bad(T, "sgd", "weight_decay", o.weight_decay);
    if (o.nesterov && (o.momentum == 0 || o.dampening != 0))
        return tp__optim_bad(T, "sgd", "nesterov needs a momentum and no dampening; momentum", o.momentum);
    sgd *m = (sgd *)tp__optim_new(T, &sgd_class, sizeof *m, params, tp__option(o.lr, 0));
    if (m == NULL)
        return NULL;
    m->o = o;
    if (o.momentum != 0 && !tp__state_new(params, &m->velocity)) {
        tp_optim_free(&m->base);
        tp_fail(T, TP_ENOMEM, "sgd: no memory");
        return NULL;
    }
    return &m->base;
}
