/* options.c - an optimizer's options by their names: read, set, checked. */
#include "optim/optim.h"

#include <limits.h>
#include <math.h>
#include <string.h>

int tp__options_count(const tp__optim_class *type)
{
    int n = 0;
    while (type->fields[n].name)
        n++;
    return n;
}

static double load(const void *options, const tp__option_field *f)
{
    const char *at = (const char *)options + f->offset;
    double number;
    int whole;
    switch (f->kind) {
    case TP__IS_BOOL:
        return *(const bool *)(const void *)at;
    case TP__IS_INT:
        memcpy(&whole, at, sizeof whole);
        return whole;
    default:
        memcpy(&number, at, sizeof number);
        return number;
    }
}

static void store(void *options, const tp__option_field *f, double value)
{
    char *at = (char *)options + f->offset;
    int whole = value > INT_MAX ? INT_MAX : value < INT_MIN ? INT_MIN : (int)value;
    if (f->kind == TP__IS_BOOL)
        *(bool *)(void *)at = value != 0;
    else if (f->kind == TP__IS_INT)
        memcpy(at, &whole, sizeof whole);
    else
        memcpy(at, &value, sizeof value);
}

bool tp__options_check(tp_tape *T, const tp__optim_class *type, void *options)
{
    const char *name = type->op.name;
    if (!type->check(T, name, options))
        return false;
    double lr = *(const double *)options;
    return (lr >= 0 && !isinf(lr)) || tp__optim_bad(T, name, "lr", lr, "a finite number, 0 or more,");
}

double tp__option_get(const tp__group *g, const tp__option_field *f)
{
    return f->offset == 0 ? g->lr : load(g->options, f);
}

bool tp__options_with(tp_tape *T, const tp__optim_class *type, const tp__group *g, const double *values, void *options)
{
    memcpy(options, g->options, type->options_size);
    for (int i = 0; type->fields[i].name; i++) {
        const tp__option_field *f = &type->fields[i];
        double value = isnan(values[i]) ? tp__option_get(g, f) : values[i];
        store(options, f, value == 0 && f->kind == TP__IS_DOUBLE ? TP_ZERO : value);
    }
    return tp__options_check(T, type, options);
}

/* The learning rate is the group's own: what the options began with stays beside it. */
tp_status tp__options_set(tp_tape *T, const tp_optim *o, tp__group *g, const double *values)
{
    double options[TP__UPDATE_NUMBERS];
    if (!tp__options_with(T, o->type, g, values, options) || !tp__group_vectors(T, o->type, g, options))
        return T->status;
    g->lr = options[0];
    options[0] = *(const double *)g->options;
    memcpy(g->options, options, o->type->options_size);
    return TP_OK;
}

/* ---- by name --------------------------------------------------------------------------------------------------------- */

static tp__group *group_of(const tp_optim *o, int group)
{
    return o && group >= 0 && group < o->n_groups ? &o->groups[group] : NULL;
}

static int find(const tp_optim *o, const char *name)
{
    for (int i = 0; name && o->type->fields[i].name; i++)
        if (strcmp(o->type->fields[i].name, name) == 0)
            return i;
    return -1;
}

double tp_optim_option(const tp_optim *o, int group, const char *name)
{
    const tp__group *g = group_of(o, group);
    int i = g ? find(o, name) : -1;
    return i < 0 ? NAN : tp__option_get(g, &o->type->fields[i]);
}

tp_status tp_optim_set_option(tp_tape *T, tp_optim *o, int group, const char *name, double value)
{
    TP__NAMED(T, "optim_set_option");
    if (o == NULL || name == NULL)
        return tp__missing(T, "optim_set_option", o ? "the option's name" : "the optimizer");
    if (!tp__ok(T))
        return tp_error_status(T);
    tp__group *g = group_of(o, group);
    int at = find(o, name);
    if (g == NULL)
        return tp_fail(T, TP_EINVAL, "optim_set_option: group %d; %s has %d", group, o->type->op.name, o->n_groups);
    if (at < 0)
        return tp_fail(T, TP_EINVAL, "optim_set_option: %s has no option \"%s\"; a field of its options is needed",
                       o->type->op.name, name);
    if (isnan(value))
        return tp_fail(T, TP_EINVAL, "optim_set_option: %s is NaN; a number is needed", name);
    double values[TP__UPDATE_NUMBERS * 2];
    for (int i = 0; i < tp__options_count(o->type); i++)
        values[i] = i == at ? value : NAN;
    return tp__options_set(T, o, g, values);
}

/* ---- the learning rate -------------------------------------------------------------------------------------------------- */

double tp_optim_group_lr(const tp_optim *o, int group)
{
    const tp__group *g = group_of(o, group);
    return g ? g->lr : NAN;
}

void tp_optim_set_group_lr(tp_optim *o, int group, double lr)
{
    tp__group *g = group_of(o, group);
    if (g)
        g->lr = lr;
}

double tp_optim_lr(const tp_optim *o) { return tp_optim_group_lr(o, 0); }

void tp_optim_set_lr(tp_optim *o, double lr)
{
    for (int i = 0; o && i < o->n_groups; i++)
        o->groups[i].lr = lr;
}
