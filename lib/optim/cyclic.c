/* cyclic.c - cyclic and one-cycle learning rates, with the momentum the other way round (Smith, 2017; Smith and Topin, 2018). */
#include "optim/schedule.h"

#include <math.h>

static const double pi = 3.14159265358979323846;

typedef struct {
    tp_schedule base;
    double *low, *high; /* of each group */
    double *least;      /* the last rate of one cycle */
    double low_momentum, high_momentum;
    bool moves_momentum;
    tp_cyclic_options cyclic;
    double total, up; /* steps of a cycle, and the part of them that goes up */
    tp_one_cycle_options one;
    tp_tape *T;
} cycle;

static const cycle *of(const tp_schedule *s) { return (const cycle *)s; }

static void release(tp_schedule *s)
{
    cycle *c = (cycle *)s;
    tp__free(c->low);
    tp__free(c->high);
    tp__free(c->least);
}

static tp_schedule *start(tp_tape *T, cycle *c, bool ok)
{
    if (ok)
        return tp__schedule_start(T, &c->base);
    tp_schedule_free(&c->base);
    return NULL;
}

static bool has_momentum(tp_tape *T, const char *name, const tp_optim *o)
{
    const char *momentum = tp__schedule_momentum(o);
    if (momentum == NULL)
        tp_fail(T, TP_EINVAL, "%s: %s has no momentum to cycle; no_cycle_momentum is needed", name, o->type->op.name);
    return momentum != NULL;
}

/* ---- up and down, again and again ---------------------------------------------------------------------------------------- */

static double scale_of(const cycle *c, double at, double number)
{
    const tp_cyclic_options *o = &c->cyclic;
    if (o->scale_fn) {
        tp__call_out call;
        tp__enter(c->T, &call);
        double scale = o->scale_fn(o->scale_by_step ? at : number, o->scale_user);
        tp__leave(&call);
        return scale;
    }
    return o->mode == TP_TRIANGULAR2 ? 1 / pow(2, number - 1) : o->mode == TP_EXP_RANGE ? pow(o->gamma, at) : 1;
}

/* How high the cycle stands: 0 at its low end, 1 at its high one, scaled. */
static double height(const tp_schedule *s)
{
    const cycle *c = of(s);
    double at = (double)s->last_epoch, number = floor(1 + at / c->total), x = 1 + at / c->total - number;
    double height = x <= c->up ? x / c->up : (x - 1) / (c->up - 1);
    return height * scale_of(c, at, number);
}

/* numbers[0]: the height of this step, found once: the scale may be the user's function. */
static bool cyclic_begin(tp_tape *T, tp_schedule *s, bool again)
{
    (void)again;
    ((cycle *)s)->T = T;
    s->numbers[0] = height(s);
    if (s->o == NULL)
        tp_fail(T, TP_EINVAL, "cyclic_lr: its function has freed the optimizer; it is needed");
    return s->o != NULL;
}

static double cyclic_rate(tp_schedule *s, int group, double lr)
{
    (void)lr;
    return of(s)->low[group] + (of(s)->high[group] - of(s)->low[group]) * s->numbers[0];
}

static double cyclic_momentum(tp_schedule *s, int group)
{
    const cycle *c = of(s);
    (void)group;
    return c->moves_momentum ? c->high_momentum - (c->high_momentum - c->low_momentum) * s->numbers[0] : NAN;
}

static const tp__schedule_class cyclic_class = {.name = "cyclic_lr",
                                                .size = sizeof(cycle),
                                                .rate = cyclic_rate,
                                                .again = cyclic_rate,
                                                .momentum = cyclic_momentum,
                                                .begin = cyclic_begin,
                                                .free = release};

static bool cyclic_makes_sense(tp_tape *T, const tp_optim *o, const tp_cyclic_options *c)
{
    static const char name[] = "cyclic_lr";
    if ((unsigned)c->mode > TP_EXP_RANGE)
        return tp__optim_bad(T, name, "mode", (double)c->mode, "a TP_TRIANGULAR...");
    if (c->step_size_up < 0)
        return tp__optim_bad(T, name, "step_size_up", (double)c->step_size_up, "0 or more");
    if (c->step_size_down < 0)
        return tp__optim_bad(T, name, "step_size_down", (double)c->step_size_down, "0 or more");
    return c->no_cycle_momentum || o == NULL || has_momentum(T, name, o);
}

tp_schedule *tp_cyclic_lr(tp_tape *T, tp_optim *o, const tp_cyclic_options *options)
{
    TP__NAMED(T, "cyclic_lr");
    if (tp__ok(T) && options == NULL)
        tp__missing(T, "cyclic_lr", "the options");
    if (!tp__ok(T) || options == NULL || !cyclic_makes_sense(T, o, options))
        return NULL;
    cycle *c = (cycle *)tp__schedule_new(T, &cyclic_class, o);
    if (c == NULL)
        return NULL;
    double up = (double)(options->step_size_up ? options->step_size_up : 2000);
    c->total = up + (options->step_size_down ? (double)options->step_size_down : up);
    c->up = up / c->total;
    c->cyclic = *options;
    c->cyclic.gamma = tp__option(options->gamma, 1);
    c->moves_momentum = !options->no_cycle_momentum;
    c->low_momentum = tp__option(options->base_momentum, 0.8);
    c->high_momentum = tp__option(options->max_momentum, 0.9);
    bool ok = tp__schedule_values(T, &c->base, &c->low, options->base_lrs, options->base_lr) &&
              tp__schedule_values(T, &c->base, &c->high, options->max_lrs, options->max_lr);
    for (int i = 0; ok && i < c->base.n_groups; i++)
        c->base.base_lr[i] = c->low[i];
    return start(T, c, ok);
}

/* ---- once -------------------------------------------------------------------------------------------------------------------- */

/* From a to b, as `part` goes from 0 to 1. */
static double between(const cycle *c, double a, double b, double part)
{
    return c->one.linear ? (b - a) * part + a : b + (a - b) / 2 * (cos(pi * part) + 1);
}

/* The phase that the step is in, 0 to 2 (one is down from the top), and how far in it. */
static int phase(const cycle *c, double *part)
{
    double n = (double)c->one.total_steps, rise = c->one.pct_start * n, at = (double)c->base.last_epoch;
    double end[3] = {rise - 1, 2 * rise - 2, n - 1};
    int last = c->one.three_phase ? 2 : 1, i = 0;
    if (last == 1)
        end[1] = n - 1;
    while (i < last && at > end[i])
        i++;
    double begin = i > 0 ? end[i - 1] : 0;
    *part = (at - begin) / (end[i] - begin);
    return i;
}

static double one_rate(tp_schedule *s, int group, double lr)
{
    const cycle *c = of(s);
    double part, low = c->low[group], high = c->high[group], least = c->least[group];
    int i = phase(c, &part);
    (void)lr;
    if (i == 0)
        return between(c, low, high, part);
    if (i == 1)
        return between(c, high, c->one.three_phase ? low : least, part);
    return between(c, low, least, part);
}

static double one_momentum(tp_schedule *s, int group)
{
    const cycle *c = of(s);
    double part;
    (void)group;
    if (!c->moves_momentum)
        return NAN;
    int i = phase(c, &part);
    double low = c->low_momentum, high = c->high_momentum;
    return i == 0 ? between(c, high, low, part) : i == 1 ? between(c, low, high, part) : high;
}

static bool one_begin(tp_tape *T, tp_schedule *s, bool again)
{
    (void)again;
    if (s->last_epoch > of(s)->one.total_steps)
        tp_fail(T, TP_EINVAL, "one_cycle_lr: step %lld; total_steps is %lld", (long long)s->last_epoch + 1,
                (long long)of(s)->one.total_steps);
    return T->status == TP_OK;
}

static const tp__schedule_class one_class = {.name = "one_cycle_lr",
                                             .size = sizeof(cycle),
                                             .rate = one_rate,
                                             .again = one_rate,
                                             .momentum = one_momentum,
                                             .begin = one_begin,
                                             .free = release};

static bool one_makes_sense(tp_tape *T, const tp_optim *o, tp_one_cycle_options *c)
{
    static const char name[] = "one_cycle_lr";
    c->pct_start = tp__option(c->pct_start, 0.3);
    c->div_factor = tp__option(c->div_factor, 25);
    c->final_div_factor = tp__option(c->final_div_factor, 1e4);
    if (c->total_steps < 1)
        return tp__optim_bad(T, name, "total_steps", (double)c->total_steps, "1 or more");
    if (!(c->pct_start >= 0 && c->pct_start <= 1))
        return tp__optim_bad(T, name, "pct_start", c->pct_start, "a number in [0, 1]");
    if (!(c->div_factor > 0))
        return tp__optim_bad(T, name, "div_factor", c->div_factor, "more than 0");
    if (!(c->final_div_factor > 0))
        return tp__optim_bad(T, name, "final_div_factor", c->final_div_factor, "more than 0");
    return c->no_cycle_momentum || o == NULL || has_momentum(T, name, o);
}

tp_schedule *tp_one_cycle_lr(tp_tape *T, tp_optim *o, const tp_one_cycle_options *options)
{
    TP__NAMED(T, "one_cycle_lr");
    if (tp__ok(T) && options == NULL)
        tp__missing(T, "one_cycle_lr", "the options");
    tp_one_cycle_options one = options ? *options : (tp_one_cycle_options){0};
    if (!tp__ok(T) || options == NULL || !one_makes_sense(T, o, &one))
        return NULL;
    cycle *c = (cycle *)tp__schedule_new(T, &one_class, o);
    if (c == NULL)
        return NULL;
    c->one = one;
    c->moves_momentum = !one.no_cycle_momentum;
    c->low_momentum = tp__option(one.base_momentum, 0.85);
    c->high_momentum = tp__option(one.max_momentum, 0.95);
    bool ok = tp__schedule_values(T, &c->base, &c->high, one.max_lrs, one.max_lr) &&
              tp__schedule_values(T, &c->base, &c->low, NULL, 0) &&
              tp__schedule_values(T, &c->base, &c->least, NULL, 0);
    for (int i = 0; ok && i < c->base.n_groups; i++) {
        c->low[i] = c->high[i] / one.div_factor;
        c->least[i] = c->low[i] / one.final_div_factor;
        o->groups[i].initial_lr = c->base.base_lr[i] = c->low[i];
    }
    return start(T, c, ok);
}
