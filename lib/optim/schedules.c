/* schedules.c - learning rates by formulas of the epoch. They are torch's, which multiply the rate that is there. */
#include "optim/schedule.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double pi = 3.14159265358979323846;

typedef struct {
    tp_schedule base;
    double a, b;
    int64_t n, m;
    int64_t *milestones;
    tp_lr_fn fn;
    void *user;
    tp_tape *T;
} schedule;

static const schedule *of(const tp_schedule *s) { return (const schedule *)s; }

static schedule *new_one(tp_tape *T, const tp__schedule_class *type, tp_optim *o, double a, double b, int64_t n)
{
    schedule *s = (schedule *)tp__schedule_new(T, type, o);
    if (s) {
        s->a = a;
        s->b = b;
        s->n = n;
    }
    return s;
}

static tp_schedule *start(tp_tape *T, schedule *s) { return s ? tp__schedule_start(T, &s->base) : NULL; }

/* ---- step by step ---------------------------------------------------------------------------------------------------- */

static double step_rate(tp_schedule *s, int group, double lr)
{
    (void)group;
    return s->last_epoch > 0 && s->last_epoch % of(s)->n == 0 ? lr * of(s)->a : lr;
}

static const tp__schedule_class step_class = {.name = "step_lr", .size = sizeof(schedule), .rate = step_rate};

tp_schedule *tp_step_lr(tp_tape *T, tp_optim *o, int64_t step_size, double gamma)
{
    TP__NAMED(T, "step_lr");
    if (tp__ok(T) && step_size < 1)
        return tp__schedule_bad(T, "step_lr", "step_size", (double)step_size, "1 or more");
    return start(T, new_one(T, &step_class, o, tp__option(gamma, 0.1), 0, step_size));
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static double multi_step_rate(tp_schedule *s, int group, double lr)
{
    int times = 0;
    (void)group;
    for (int64_t i = 0; i < of(s)->n; i++)
        times += of(s)->milestones[i] == s->last_epoch;
    return times > 0 ? lr * pow(of(s)->a, times) : lr;
}

static void free_milestones(tp_schedule *s) { tp__free(((schedule *)s)->milestones); }

static const tp__schedule_class multi_step_class = {
    .name = "multi_step_lr", .size = sizeof(schedule), .rate = multi_step_rate, .free = free_milestones};

tp_schedule *tp_multi_step_lr(tp_tape *T, tp_optim *o, int n, const int64_t *milestones, double gamma)
{
    TP__NAMED(T, "multi_step_lr");
    if (tp__ok(T) && n < 0)
        return tp__schedule_bad(T, "multi_step_lr", "n", n, "0 or more");
    if (tp__ok(T) && n > 0 && milestones == NULL) {
        tp__missing(T, "multi_step_lr", "the list of milestones");
        return NULL;
    }
    schedule *s = new_one(T, &multi_step_class, o, tp__option(gamma, 0.1), 0, n);
    if (s == NULL)
        return NULL;
    if ((s->milestones = tp__malloc(((size_t)n + 1) * sizeof *milestones)) == NULL) {
        tp_schedule_free(&s->base);
        tp_fail(T, TP_ENOMEM, "multi_step_lr: no memory");
        return NULL;
    }
    if (n > 0) {
        memcpy(s->milestones, milestones, (size_t)n * sizeof *milestones);
        qsort(s->milestones, (size_t)n, sizeof *milestones, by_value);
    }
    return start(T, s);
}

static double exponential_rate(tp_schedule *s, int group, double lr)
{
    (void)group;
    return s->last_epoch == 0 ? lr : lr * of(s)->a;
}

static const tp__schedule_class exponential_class = {
    .name = "exponential_lr", .size = sizeof(schedule), .rate = exponential_rate};

tp_schedule *tp_exponential_lr(tp_tape *T, tp_optim *o, double gamma)
{
    TP__NAMED(T, "exponential_lr");
    if (tp__ok(T) && !(gamma > 0 && !isinf(gamma)))
        return tp__schedule_bad(T, "exponential_lr", "gamma", gamma, "a finite number above 0");
    return start(T, new_one(T, &exponential_class, o, gamma, 0, 0));
}

/* ---- from one factor to another ------------------------------------------------------------------------------------------- */

static double constant_rate(tp_schedule *s, int group, double lr)
{
    (void)group;
    if (s->last_epoch == 0)
        return lr * of(s)->a;
    return s->last_epoch == of(s)->n ? lr * (1 / of(s)->a) : lr;
}

static double constant_again(tp_schedule *s, int group, double lr)
{
    (void)lr;
    return s->base_lr[group] * (of(s)->n > 0 ? of(s)->a : 1);
}

static const tp__schedule_class constant_class = {
    .name = "constant_lr", .size = sizeof(schedule), .rate = constant_rate, .again = constant_again};

tp_schedule *tp_constant_lr(tp_tape *T, tp_optim *o, double factor, int64_t total_iters)
{
    TP__NAMED(T, "constant_lr");
    double f = tp__option(factor, 1.0 / 3);
    if (tp__ok(T) && !(f > 0 && f <= 1))
        return tp__schedule_bad(T, "constant_lr", "factor", f, "a number in (0, 1]");
    if (tp__ok(T) && total_iters < 0)
        return tp__schedule_bad(T, "constant_lr", "total_iters", (double)total_iters, "0 or more");
    return start(T, new_one(T, &constant_class, o, f, 0, total_iters ? total_iters : 5));
}

static double linear_rate(tp_schedule *s, int group, double lr)
{
    double from = of(s)->a, by = of(s)->b - of(s)->a, n = (double)of(s)->n, t = (double)s->last_epoch;
    (void)group;
    if (t == 0)
        return lr * from;
    return t > n ? lr : lr * (1 + by / (n * from + (t - 1) * by));
}

static double linear_again(tp_schedule *s, int group, double lr)
{
    (void)lr;
    return s->base_lr[group] * of(s)->a;
}

static const tp__schedule_class linear_class = {
    .name = "linear_lr", .size = sizeof(schedule), .rate = linear_rate, .again = linear_again};

tp_schedule *tp_linear_lr(tp_tape *T, tp_optim *o, double start_factor, double end_factor, int64_t total_iters)
{
    TP__NAMED(T, "linear_lr");
    double from = tp__option(start_factor, 1.0 / 3), to = tp__option(end_factor, 1);
    if (tp__ok(T) && !(from > 0 && from <= 1))
        return tp__schedule_bad(T, "linear_lr", "start_factor", from, "a number in (0, 1]");
    if (tp__ok(T) && !(to >= 0 && to <= 1))
        return tp__schedule_bad(T, "linear_lr", "end_factor", to, "a number in [0, 1]");
    if (tp__ok(T) && total_iters < 0)
        return tp__schedule_bad(T, "linear_lr", "total_iters", (double)total_iters, "0 or more");
    return start(T, new_one(T, &linear_class, o, from, to, total_iters ? total_iters : 5));
}

static double polynomial_rate(tp_schedule *s, int group, double lr)
{
    double n = (double)of(s)->n, t = (double)s->last_epoch;
    (void)group;
    return t == 0 || t > n ? lr : lr * pow((1 - t / n) / (1 - (t - 1) / n), of(s)->a);
}

static const tp__schedule_class polynomial_class = {
    .name = "polynomial_lr", .size = sizeof(schedule), .rate = polynomial_rate};

tp_schedule *tp_polynomial_lr(tp_tape *T, tp_optim *o, int64_t total_iters, double power)
{
    TP__NAMED(T, "polynomial_lr");
    double p = tp__option(power, 1);
    if (tp__ok(T) && total_iters < 0)
        return tp__schedule_bad(T, "polynomial_lr", "total_iters", (double)total_iters, "0 or more");
    if (tp__ok(T) && !(p >= 0 && !isinf(p)))
        return tp__schedule_bad(T, "polynomial_lr", "power", p, "a finite number, 0 or more,");
    return start(T, new_one(T, &polynomial_class, o, p, 0, total_iters ? total_iters : 5));
}

/* ---- cosines ---------------------------------------------------------------------------------------------------------------- */

static double cosine_rate(tp_schedule *s, int group, double lr)
{
    double least = of(s)->a, T = (double)of(s)->n, t = (double)s->last_epoch;
    int64_t since = s->last_epoch - 1 - of(s)->n;
    if (t == 0)
        return lr;
    if (since % (2 * of(s)->n) == 0) /* the factor below would divide by 0 */
        return lr + (s->base_lr[group] - least) * (1 - cos(pi / T)) / 2;
    return (1 + cos(pi * t / T)) / (1 + cos(pi * (t - 1) / T)) * (lr - least) + least;
}

static const tp__schedule_class cosine_class = {
    .name = "cosine_annealing_lr", .size = sizeof(schedule), .rate = cosine_rate};

static bool is_rate(tp_tape *T, const char *name, const char *option, double value)
{
    return (value >= 0 && !isinf(value)) || tp__optim_bad(T, name, option, value, "a finite number, 0 or more,");
}

enum { MOST_EPOCHS = INT32_MAX }; /* twice that is counted */

static bool is_count(tp_tape *T, const char *name, const char *option, int64_t value)
{
    return (value >= 1 && value <= MOST_EPOCHS) || tp__optim_bad(T, name, option, (double)value, "1 to 2^31 - 1");
}

tp_schedule *tp_cosine_annealing_lr(tp_tape *T, tp_optim *o, int64_t T_max, double eta_min)
{
    TP__NAMED(T, "cosine_annealing_lr");
    if (tp__ok(T) &&
        (!is_count(T, "cosine_annealing_lr", "T_max", T_max) || !is_rate(T, "cosine_annealing_lr", "eta_min", eta_min)))
        return NULL;
    return start(T, new_one(T, &cosine_class, o, eta_min, 0, T_max));
}

/* numbers: T_cur, T_i */
static bool restarts_begin(tp_tape *T, tp_schedule *s, bool again)
{
    (void)T;
    if (again || s->last_epoch == 0) {
        s->numbers[0] = 0;
        s->numbers[1] = (double)of(s)->n;
        return true;
    }
    s->numbers[0] += 1;
    if (s->numbers[0] >= s->numbers[1]) {
        s->numbers[0] -= s->numbers[1];
        s->numbers[1] *= (double)of(s)->m;
    }
    return true;
}

static double restarts_rate(tp_schedule *s, int group, double lr)
{
    double least = of(s)->a;
    (void)lr;
    return least + (s->base_lr[group] - least) * (1 + cos(pi * s->numbers[0] / s->numbers[1])) / 2;
}

static const tp__schedule_class restarts_class = {.name = "cosine_annealing_warm_restarts",
                                                  .size = sizeof(schedule),
                                                  .rate = restarts_rate,
                                                  .again = restarts_rate,
                                                  .begin = restarts_begin,
                                                  .keys = {"T_cur", "T_i"}};

tp_schedule *tp_cosine_annealing_warm_restarts(tp_tape *T, tp_optim *o, int64_t T_0, int64_t T_mult, double eta_min)
{
    static const char name[] = "cosine_annealing_warm_restarts";
    TP__NAMED(T, "cosine_annealing_warm_restarts");
    int64_t times = T_mult ? T_mult : 1;
    if (tp__ok(T) && (!is_count(T, name, "T_0", T_0) || !is_count(T, name, "T_mult", times) ||
                      !is_rate(T, name, "eta_min", eta_min)))
        return NULL;
    schedule *s = new_one(T, &restarts_class, o, eta_min, 0, T_0);
    if (s)
        s->m = times;
    return start(T, s);
}

/* How much of swa_lr there is after t of the epochs. */
static double swa_part(const schedule *s, double t)
{
    double part = fmax(0, fmin(1, t / fmax(1, (double)s->n)));
    return s->b != 0 ? part : (1 - cos(pi * part)) / 2;
}

static double swa_rate(tp_schedule *s, int group, double lr)
{
    double to = of(s)->a, t = (double)s->last_epoch;
    double before = swa_part(of(s), t - 1), now = swa_part(of(s), t);
    (void)group;
    double from = before == 1 ? to : (lr - before * to) / (1 - before);
    return to * now + from * (1 - now);
}

static const tp__schedule_class swa_class = {
    .name = "swa_lr", .size = sizeof(schedule), .rate = swa_rate, .again = swa_rate};

tp_schedule *tp_swa_lr(tp_tape *T, tp_optim *o, double swa_lr, int64_t anneal_epochs, bool linear)
{
    TP__NAMED(T, "swa_lr");
    if (tp__ok(T) && !is_rate(T, "swa_lr", "swa_lr", swa_lr))
        return NULL;
    if (tp__ok(T) && anneal_epochs < 0)
        return tp__schedule_bad(T, "swa_lr", "anneal_epochs", (double)anneal_epochs, "0 or more");
    return start(T, new_one(T, &swa_class, o, swa_lr, linear, anneal_epochs ? anneal_epochs : 10));
}

/* ---- functions of the user's ---------------------------------------------------------------------------------------------------- */

/* Its frame stays apart from the caller's, which is that of the schedule in use. */
static __attribute__((noinline)) double ask(tp_schedule *s, int group)
{
    schedule *m = (schedule *)s;
    tp__call_out call;
    tp__enter(m->T, &call);
    double factor = m->fn(s->last_epoch, group, m->user);
    tp__leave(&call);
    return factor;
}

static double lambda_rate(tp_schedule *s, int group, double lr)
{
    double first = s->base_lr[group];
    (void)lr;
    return first * ask(s, group);
}

static double multiplicative_rate(tp_schedule *s, int group, double lr)
{
    return s->last_epoch > 0 ? lr * ask(s, group) : lr;
}

static bool note_tape(tp_tape *T, tp_schedule *s, bool again)
{
    (void)again;
    ((schedule *)s)->T = T;
    return true;
}

static double as_it_is(tp_schedule *s, int group, double lr)
{
    (void)s, (void)group;
    return lr;
}

static const tp__schedule_class lambda_class = {
    .name = "lambda_lr", .size = sizeof(schedule), .rate = lambda_rate, .again = lambda_rate, .begin = note_tape};
static const tp__schedule_class multiplicative_class = {.name = "multiplicative_lr",
                                                        .size = sizeof(schedule),
                                                        .rate = multiplicative_rate,
                                                        .again = as_it_is,
                                                        .begin = note_tape};

static tp_schedule *by_function(tp_tape *T, const tp__schedule_class *type, tp_optim *o, tp_lr_fn fn, void *user)
{
    if (tp__ok(T) && fn == NULL) {
        tp__missing(T, type->name, "the function");
        return NULL;
    }
    schedule *s = new_one(T, type, o, 0, 0, 0);
    if (s) {
        s->fn = fn;
        s->user = user;
    }
    return start(T, s);
}

tp_schedule *tp_lambda_lr(tp_tape *T, tp_optim *o, tp_lr_fn fn, void *user)
{
    TP__NAMED(T, "lambda_lr");
    return by_function(T, &lambda_class, o, fn, user);
}

tp_schedule *tp_multiplicative_lr(tp_tape *T, tp_optim *o, tp_lr_fn fn, void *user)
{
    TP__NAMED(T, "multiplicative_lr");
    return by_function(T, &multiplicative_class, o, fn, user);
}
