/* schedule.c - what schedules share: life, steps, state. */
#include "optim/schedule.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

tp_schedule *tp__schedule_bad(tp_tape *T, const char *name, const char *option, double value, const char *needed)
{
    tp__optim_bad(T, name, option, value, needed);
    return NULL;
}

/* ---- life ------------------------------------------------------------------------------------------------------------ */

tp_schedule *tp__schedule_new(tp_tape *T, const tp__schedule_class *type, tp_optim *o)
{
    if (o == NULL)
        tp__missing(T, type->name, "the optimizer");
    if (!tp__ok(T) || o == NULL)
        return NULL;
    size_t n = (size_t)o->n_groups;
    tp_schedule *s = tp__calloc(1, type->size);
    double *rates = tp__calloc(2 * n + 1, sizeof *rates);
    if (s == NULL || rates == NULL) {
        tp__free(s);
        tp__free(rates);
        tp_fail(T, TP_ENOMEM, "%s: no memory", type->name);
        return NULL;
    }
    *s = (tp_schedule){.type = type,
                       .o = o,
                       .next = o->schedules,
                       .last_epoch = -1,
                       .n_groups = o->n_groups,
                       .base_lr = rates,
                       .rate = rates + n};
    o->schedules = s;
    for (int i = 0; i < s->n_groups; i++) {
        tp__group *g = &o->groups[i];
        if (isnan(g->initial_lr))
            g->initial_lr = g->lr;
        s->base_lr[i] = g->initial_lr;
    }
    return s;
}

static void destroy(tp_schedule *s)
{
    for (tp_schedule **at = s->o ? &s->o->schedules : NULL; at && *at; at = &(*at)->next)
        if (*at == s) {
            *at = s->next;
            break;
        }
    for (int i = 0; i < s->n; i++)
        if (s->schedules[i])
            destroy(s->schedules[i]);
    if (s->type->free)
        s->type->free(s);
    tp__free(s->schedules);
    tp__free(s->base_lr);
    tp__free(s);
}

void tp_schedule_free(tp_schedule *s)
{
    if (s && !s->owned && !tp__busy_doom(&s->busy))
        destroy(s);
}

void tp__schedules_forget(tp_optim *o)
{
    for (tp_schedule *s = o->schedules; s; s = s->next)
        s->o = NULL;
}

tp_schedule *tp__schedule_start(tp_tape *T, tp_schedule *s)
{
    if (s && tp__schedule_step(T, s, false) == TP_OK)
        return s;
    tp_schedule_free(s);
    return NULL;
}

bool tp__schedule_values(tp_tape *T, const tp_schedule *s, double **out, const double *each, double all)
{
    *out = tp__calloc((size_t)s->n_groups + 1, sizeof **out);
    for (int i = 0; *out && i < s->n_groups; i++)
        (*out)[i] = each ? each[i] : all;
    if (*out == NULL)
        tp_fail(T, TP_ENOMEM, "%s: no memory", s->type->name);
    return *out != NULL;
}

/* ---- a step -------------------------------------------------------------------------------------------------------- */

const char *tp__schedule_momentum(const tp_optim *o)
{
    if (!isnan(tp_optim_option(o, 0, "momentum")))
        return "momentum";
    return isnan(tp_optim_option(o, 0, "beta1")) ? NULL : "beta1";
}

static bool is_there(tp_tape *T, const tp_schedule *s)
{
    if (s->o == NULL)
        tp_fail(T, TP_EINVAL, "%s: its optimizer was freed; it is needed", s->type->name);
    return s->o != NULL;
}

/* All rates before any is set: a function of the user's may be among what makes them. */
static bool find_rates(tp_tape *T, tp_schedule *s, bool again)
{
    for (int i = 0; i < s->n_groups; i++) {
        double lr = s->o->groups[i].lr;
        double next = !again ? s->type->rate(s, i, lr) : s->type->again ? s->type->again(s, i, lr) : s->base_lr[i];
        if (!is_there(T, s))
            return false;
        if (!(next >= 0 && !isinf(next))) {
            tp_fail(T, TP_ENUMERIC,
                    "%s: the rate of group %d for epoch %lld is %g; a finite number, 0 or more, is needed",
                    s->type->name, i, (long long)s->last_epoch, next);
            return false;
        }
        s->rate[i] = next;
    }
    return true;
}

static void set_rates(tp_tape *T, tp_schedule *s)
{
    for (int i = 0; i < s->n_groups; i++) {
        double momentum = s->type->momentum ? s->type->momentum(s, i) : NAN;
        if (!isnan(momentum) && tp_optim_set_option(T, s->o, i, tp__schedule_momentum(s->o), momentum) != TP_OK)
            return;
    }
    for (int i = 0; i < s->n_groups; i++)
        s->o->groups[i].lr = s->rate[i];
}

tp_status tp__schedule_step(tp_tape *T, tp_schedule *s, bool again)
{
    if (!is_there(T, s))
        return T->status;
    if (s->type->step)
        return s->type->step(T, s);
    int64_t before = s->last_epoch;
    s->last_epoch = again ? 0 : before + 1;
    if ((s->type->begin == NULL || s->type->begin(T, s, again)) && find_rates(T, s, again))
        set_rates(T, s);
    if (T->status != TP_OK)
        s->last_epoch = before;
    return T->status;
}

/* A step that a function of the user's may be part of. */
static tp_status step(tp_tape *T, tp_schedule *s, const char *speaker, const double *metric)
{
    if (s == NULL)
        return tp__missing(T, speaker, "the schedule");
    if (!tp__ok(T) || !is_there(T, s))
        return tp_error_status(T);
    if ((metric != NULL) != (s->type->step_metric != NULL))
        return tp_fail(T, TP_EINVAL, "%s: %s goes by %s; %s is needed", speaker, s->type->name,
                       metric ? "epochs" : "a metric", metric ? "tp_schedule_step" : "tp_schedule_step_metric");
    if (tp__busy_runs(&s->busy))
        return tp_fail(T, TP_EINVAL, "%s: within the same schedule's step; another place is needed", speaker);
    bool outermost = tp__busy_begin(&s->busy);
    tp_status status = metric ? s->type->step_metric(T, s, *metric) : tp__schedule_step(T, s, false);
    if (tp__busy_end(&s->busy, outermost))
        destroy(s);
    return status;
}

tp_status tp_schedule_step(tp_tape *T, tp_schedule *s)
{
    TP__NAMED(T, "schedule_step");
    return step(T, s, "schedule_step", NULL);
}

tp_status tp_schedule_step_metric(tp_tape *T, tp_schedule *s, double metric)
{
    TP__NAMED(T, "schedule_step_metric");
    return step(T, s, "schedule_step_metric", &metric);
}

int64_t tp_schedule_last_epoch(const tp_schedule *s) { return s ? s->last_epoch : -1; }

/* ---- state --------------------------------------------------------------------------------------------------------- */

static void list(const tp_schedule *s, tp__state_list *l, const char *prefix)
{
    double epoch = (double)s->last_epoch;
    tp__state_add_numbers(l, TP_I64, 0, 1, &epoch, "%slast_epoch", prefix);
    tp__state_add_numbers(l, TP_F64, 1, s->n_groups, s->base_lr, "%sbase_lrs", prefix);
    tp__state_add_numbers(l, TP_F64, 1, s->n_groups, s->rate, "%s_last_lr", prefix);
    for (int i = 0; i < TP__SCHEDULE_NUMBERS; i++)
        if (s->type->keys[i])
            tp__state_add_numbers(l, TP_F64, 0, 1, &s->numbers[i], "%s%s", prefix, s->type->keys[i]);
    for (int i = 0; i < s->n; i++) {
        char inner[200];
        snprintf(inner, sizeof inner, "%s_schedulers.%d.", prefix, i);
        list(s->schedules[i], l, inner);
    }
}

tp_state_dict *tp_schedule_state_dict(tp_tape *T, const tp_schedule *s)
{
    TP__NAMED(T, "schedule_state_dict");
    tp__state_list l = {0};
    if (s == NULL)
        tp__missing(T, "schedule_state_dict", "the schedule");
    if (!tp__ok(T) || s == NULL)
        return NULL;
    list(s, &l, "");
    return tp__state_list_end(T, &l, "schedule_state_dict");
}

/* Into *s, or where `check` into nothing. */
static bool restore(tp_schedule *s, tp__optim_source *from, const char *prefix, bool check)
{
    char name[256];
    double number, *spare = check ? tp__arena_alloc(&from->T->arena, ((size_t)s->n_groups + 1) * sizeof *spare) : NULL;
    snprintf(name, sizeof name, "%slast_epoch", prefix);
    bool ok = tp__optim_number(from, &number, name);
    if (check && spare == NULL) {
        tp_fail(from->T, TP_ENOMEM, "%s: no memory", from->speaker);
        ok = false;
    }
    if (ok && !(number >= -1 && number <= 0x1p53)) {
        tp_fail(from->T, TP_EINVAL, "%s: %s is %g; a count is needed", from->speaker, name, number);
        ok = false;
    }
    if (ok && !check)
        s->last_epoch = (int64_t)number;
    snprintf(name, sizeof name, "%sbase_lrs", prefix);
    ok = ok && tp__optim_numbers(from, s->n_groups, check ? spare : s->base_lr, name);
    snprintf(name, sizeof name, "%s_last_lr", prefix);
    ok = ok && tp__optim_numbers(from, s->n_groups, check ? spare : s->rate, name);
    for (int i = 0; ok && i < TP__SCHEDULE_NUMBERS; i++)
        if (s->type->keys[i]) {
            snprintf(name, sizeof name, "%s%s", prefix, s->type->keys[i]);
            ok = tp__optim_number(from, check ? &number : &s->numbers[i], name);
        }
    for (int i = 0; ok && i < s->n; i++) {
        snprintf(name, sizeof name, "%s_schedulers.%d.", prefix, i);
        ok = restore(s->schedules[i], from, name, check);
    }
    return ok;
}

tp_status tp__schedule_load(tp_tape *T, const char *speaker, tp_schedule *s, int n, const char *const *names,
                            tp_tensor *const *tensors, bool take)
{
    tp__optim_source from;
    if (!tp__ok(T))
        return tp_error_status(T);
    tp_mark mark = tp_tape_mark(T);
    if (tp__optim_source_open(T, &from, speaker, n, names, tensors) == TP_OK && restore(s, &from, "", true)) {
        const char *unused = tp__optim_source_unused(&from);
        if (unused)
            tp_fail(T, TP_EINVAL, "%s: Unexpected key in state_dict: \"%.200s\"; those of %s are needed", speaker,
                    unused, s->type->name);
        else if (take)
            restore(s, &from, "", false);
    }
    tp__rewind(T, mark);
    return T->status;
}

tp_status tp_schedule_load_state_dict(tp_tape *T, tp_schedule *s, int n, const char *const *names,
                                      tp_tensor *const *tensors)
{
    TP__NAMED(T, "schedule_load_state_dict");
    if (s == NULL)
        return tp__missing(T, "schedule_load_state_dict", "the schedule");
    return tp__schedule_load(T, "schedule_load_state_dict", s, n, names, tensors, true);
}
