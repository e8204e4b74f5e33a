/* plateau.c - a learning rate that is cut when a metric no longer improves. */
#include "optim/schedule.h"

#include <math.h>

/* numbers: the best metric, epochs without an improvement, epochs of cooling down that are left */
enum { BEST, BAD, COOLDOWN };

typedef struct {
    tp_schedule base;
    tp_plateau_options o;
    double *least; /* of each group */
} plateau;

static bool improves(const tp_plateau_options *o, double metric, double best)
{
    double by = o->threshold;
    if (o->max)
        return metric > (o->absolute ? best + by : best * (by + 1));
    return metric < (o->absolute ? best - by : best * (1 - by));
}

static void cut(const plateau *p)
{
    for (int i = 0; i < p->base.n_groups; i++) {
        double *lr = &p->base.o->groups[i].lr, next = fmax(*lr * p->o.factor, p->least[i]);
        if (*lr - next > p->o.eps)
            *lr = next;
    }
}

static tp_status step_metric(tp_tape *T, tp_schedule *s, double metric)
{
    plateau *p = (plateau *)s;
    double *n = s->numbers;
    s->last_epoch++;
    if (improves(&p->o, metric, n[BEST])) {
        n[BEST] = metric;
        n[BAD] = 0;
    } else {
        n[BAD]++;
    }
    if (n[COOLDOWN] > 0) {
        n[COOLDOWN]--;
        n[BAD] = 0;
    }
    if (n[BAD] > (double)p->o.patience) {
        cut(p);
        n[COOLDOWN] = (double)p->o.cooldown;
        n[BAD] = 0;
    }
    for (int i = 0; i < s->n_groups; i++)
        s->rate[i] = s->o->groups[i].lr;
    return T->status;
}

static void release(tp_schedule *s) { tp__free(((plateau *)s)->least); }

static const tp__schedule_class plateau_class = {.name = "reduce_lr_on_plateau",
                                                 .size = sizeof(plateau),
                                                 .step_metric = step_metric,
                                                 .keys = {"best", "num_bad_epochs", "cooldown_counter"},
                                                 .free = release};

static bool makes_sense(tp_tape *T, tp_plateau_options *o)
{
    static const char name[] = "reduce_lr_on_plateau";
    o->factor = tp__option(o->factor, 0.1);
    o->threshold = tp__option(o->threshold, 1e-4);
    o->eps = tp__option(o->eps, 1e-8);
    o->patience = o->patience == 0 ? 10 : o->patience == -1 ? 0 : o->patience;
    if (!(o->factor >= 0 && o->factor < 1))
        return tp__optim_bad(T, name, "factor", o->factor, "a number in [0, 1)");
    if (o->patience < 0)
        return tp__optim_bad(T, name, "patience", (double)o->patience, "-1 or more");
    if (o->cooldown < 0)
        return tp__optim_bad(T, name, "cooldown", (double)o->cooldown, "0 or more");
    return tp__optim_not_below_0(T, name, "threshold", o->threshold) && tp__optim_not_below_0(T, name, "eps", o->eps) &&
           tp__optim_not_below_0(T, name, "min_lr", o->min_lr);
}

tp_schedule *tp_reduce_lr_on_plateau(tp_tape *T, tp_optim *o, const tp_plateau_options *options)
{
    TP__NAMED(T, "reduce_lr_on_plateau");
    tp_plateau_options mine = options ? *options : (tp_plateau_options){0};
    if (!tp__ok(T) || !makes_sense(T, &mine))
        return NULL;
    plateau *p = (plateau *)tp__schedule_new(T, &plateau_class, o);
    if (p == NULL)
        return NULL;
    p->o = mine;
    p->base.last_epoch = 0;
    p->base.numbers[BEST] = mine.max ? -INFINITY : INFINITY;
    for (int i = 0; i < p->base.n_groups; i++)
        p->base.rate[i] = o->groups[i].lr;
    if (tp__schedule_values(T, &p->base, &p->least, mine.min_lrs, mine.min_lr))
        return &p->base;
    tp_schedule_free(&p->base);
    return NULL;
}
