/* sequential.c - schedules made of schedules: one after the other, or all at once. */
#include "optim/schedule.h"

#include <string.h>

typedef struct {
    tp_schedule base;
    int64_t *milestones;
} sequence;

static void release(tp_schedule *s) { tp__free(((sequence *)s)->milestones); }

static void note_rates(tp_schedule *s)
{
    for (int i = 0; i < s->n_groups; i++)
        s->rate[i] = s->o->groups[i].lr;
}

static tp_status sequential_step(tp_tape *T, tp_schedule *s)
{
    const int64_t *at = ((const sequence *)s)->milestones;
    int64_t next = s->last_epoch + 1;
    int k = 0;
    while (k < s->n - 1 && at[k] <= next)
        k++;
    if (tp__schedule_step(T, s->schedules[k], k > 0 && at[k - 1] == next) == TP_OK) {
        s->last_epoch = next;
        note_rates(s);
    }
    return T->status;
}

static tp_status chained_step(tp_tape *T, tp_schedule *s)
{
    for (int i = 0; i < s->n; i++)
        if (tp__schedule_step(T, s->schedules[i], false) != TP_OK)
            return T->status;
    s->last_epoch++;
    note_rates(s);
    return T->status;
}

static const tp__schedule_class sequential_class = {
    .name = "sequential_lr", .size = sizeof(sequence), .step = sequential_step, .free = release};
static const tp__schedule_class chained_class = {
    .name = "chained_lr", .size = sizeof(sequence), .step = chained_step, .free = release};

/* ---- making -------------------------------------------------------------------------------------------------------- */

static bool fits_together(tp_tape *T, const char *name, int n, tp_schedule *const *schedules)
{
    for (int i = 0; i < n; i++) {
        const tp_schedule *s = schedules[i];
        const char *why = s == NULL                               ? "is NULL"
                          : s->owned                              ? "is part of another"
                          : s->o == NULL                          ? "has lost its optimizer"
                          : s->o != schedules[0]->o               ? "is of another optimizer"
                          : s->type->step_metric                  ? "goes by a metric"
                          : s->n_groups != schedules[0]->n_groups ? "is of other groups"
                                                                  : NULL;
        for (int j = 0; j < i && why == NULL; j++)
            why = schedules[j] == s ? "is there twice" : NULL;
        if (why) {
            tp_fail(T, TP_EINVAL, "%s: schedule %d %s; others are needed", name, i, why);
            return false;
        }
    }
    return true;
}

static bool rises(tp_tape *T, int n, const int64_t *milestones)
{
    for (int i = 0; i < n - 1; i++)
        if (milestones[i] < 1 || (i > 0 && milestones[i] <= milestones[i - 1])) {
            tp_fail(T, TP_EINVAL, "sequential_lr: milestone %d is %lld; rising epochs from 1 on are needed", i,
                    (long long)milestones[i]);
            return false;
        }
    return true;
}

/* Schedules that come to nothing go, each once; one may be part of another, and go with it. */
static void give_up(int n, tp_schedule *const *schedules)
{
    tp_schedule *first = NULL;
    for (int i = 0; schedules && i < n; i++) {
        tp_schedule *s = schedules[i];
        if (s == NULL || s->owned || s->dropped)
            continue;
        s->dropped = true;
        s->drop_next = first;
        first = s;
    }
    for (tp_schedule *next; first; first = next) {
        next = first->drop_next;
        first->dropped = false; /* where its function runs it stays a while */
        tp_schedule_free(first);
    }
}

static tp_schedule *collect(tp_tape *T, const tp__schedule_class *type, int n, tp_schedule *const *schedules)
{
    if (tp__ok(T) && (n < 1 || schedules == NULL))
        tp_fail(T, TP_EINVAL, "%s: %d schedules; 1 or more are needed", type->name, schedules ? n : 0);
    if (!tp__ok(T) || !fits_together(T, type->name, n, schedules))
        return NULL;
    tp_schedule *s = tp__schedule_new(T, type, schedules[0]->o);
    if (s == NULL)
        return NULL;
    if ((s->schedules = tp__malloc((size_t)n * sizeof(tp_schedule *))) == NULL) {
        tp_schedule_free(s);
        tp_fail(T, TP_ENOMEM, "%s: no memory", type->name);
        return NULL;
    }
    memcpy(s->schedules, schedules, (size_t)n * sizeof(tp_schedule *));
    s->n = n;
    for (int i = 0; i < n; i++)
        schedules[i]->owned = true;
    s->last_epoch = 0;
    return s;
}

/* The schedules have all set the rates of their epoch 0: those go back to where they began. */
static void begin_anew(tp_tape *T, tp_schedule *s)
{
    for (int i = 0; i < s->n_groups; i++)
        s->o->groups[i].lr = s->o->groups[i].initial_lr;
    for (int i = 0; i < s->n; i++)
        s->schedules[i]->last_epoch--;
    if (tp__schedule_step(T, s->schedules[0], false) == TP_OK)
        note_rates(s);
}

tp_schedule *tp_sequential_lr(tp_tape *T, int n, tp_schedule *const *schedules, const int64_t *milestones)
{
    TP__NAMED(T, "sequential_lr");
    if (tp__ok(T) && n > 1 && milestones == NULL)
        tp__missing(T, "sequential_lr", "the list of milestones");
    tp_schedule *s = NULL;
    if (tp__ok(T) && (n <= 1 || milestones) && rises(T, n, milestones))
        s = collect(T, &sequential_class, n, schedules);
    if (s == NULL) {
        give_up(n, schedules);
        return NULL;
    }
    int64_t *at = ((sequence *)s)->milestones = tp__malloc((size_t)n * sizeof *at);
    if (at == NULL) {
        tp_schedule_free(s);
        tp_fail(T, TP_ENOMEM, "sequential_lr: no memory");
        return NULL;
    }
    if (n > 1)
        memcpy(at, milestones, (size_t)(n - 1) * sizeof *at);
    begin_anew(T, s);
    if (tp__ok(T))
        return s;
    tp_schedule_free(s);
    return NULL;
}

tp_schedule *tp_chained_lr(tp_tape *T, int n, tp_schedule *const *schedules)
{
    TP__NAMED(T, "chained_lr");
    tp_schedule *s = collect(T, &chained_class, n, schedules);
    if (s)
        note_rates(s);
    else
        give_up(n, schedules);
    return s;
}
