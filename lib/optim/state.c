/* state.c - an optimizer's state as names and tensors, out and in, under torch's keys. */
#include "optim/optim.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- out ------------------------------------------------------------------------------------------------------------ */

/* torch keeps counts in float; one that a float does not hold is a double. */
static void list_number(tp__state_list *l, int at, const char *key, double value)
{
    bool fits = (double)(float)value == value || isnan(value);
    tp__state_add_numbers(l, fits ? TP_F32 : TP_F64, 0, 1, &value, "state.%d.%s", at, key);
}

static void list_parameter(tp__state_list *l, const tp_optim *o, const tp__group *g, int i, int at)
{
    const tp__optim_class *type = o->type;
    const tp_tensor *x = g->params->at[i];
    if (x == NULL || g->steps[i] == 0)
        return;
    if (type->counts)
        list_number(l, at, "step", (double)g->steps[i]);
    for (int k = 0; k < TP__UPDATE_SCALARS; k++)
        if (type->scalar[k])
            list_number(l, at, type->scalar[k], g->scalar[k][i]);
    for (int k = 0; k < TP__UPDATE_STATES; k++) {
        tp__storage *s = g->state[k].of[x->dtype == TP_F64];
        tp_dims shape;
        if (s && tp__state_shape(type, x, k, &shape))
            tp__state_add(
                l,
                tp__tensor_owned_on(x->dtype, shape, s,
                                    (char *)s->data + (size_t)tp__group_offset(g, k, i) * tp_dtype_size(x->dtype)),
                "state.%d.%s", at, type->state[k]);
    }
}

static tp_dtype dtype_of(tp__option_kind kind)
{
    return kind == TP__IS_BOOL ? TP_BOOL : kind == TP__IS_INT ? TP_I64 : TP_F64;
}

static void list_group(tp__state_list *l, const tp_optim *o, int group, int first)
{
    const tp__group *g = &o->groups[group];
    for (const tp__option_field *f = o->type->fields; f->name; f += f->count) {
        double values[2];
        for (int k = 0; k < f->count; k++)
            values[k] = tp__option_get(g, f + k);
        tp__state_add_numbers(l, dtype_of(f->kind), f->count > 1, f->count, values, "param_groups.%d.%s", group,
                              f->key);
    }
    if (!isnan(g->initial_lr))
        tp__state_add_numbers(l, TP_F64, 0, 1, &g->initial_lr, "param_groups.%d.initial_lr", group);
    tp_tensor *params = tp__tensor_owned(TP_I64, (tp_dims){.ndim = 1, .dim = {g->params->n}});
    for (int i = 0; params && i < g->params->n; i++)
        ((int64_t *)params->data)[i] = first + i;
    tp__state_add(l, params, "param_groups.%d.params", group);
}

tp_state_dict *tp_optim_state_dict(tp_tape *T, const tp_optim *o)
{
    TP__NAMED(T, "optim_state_dict");
    tp__state_list l = {0};
    int at = 0;
    if (o == NULL)
        tp__missing(T, "optim_state_dict", "the optimizer");
    if (!tp__ok(T) || o == NULL)
        return NULL;
    for (int k = 0; k < o->n_groups; k++)
        for (int i = 0; i < o->groups[k].params->n; i++)
            list_parameter(&l, o, &o->groups[k], i, at++);
    if (o->type->list)
        o->type->list(o, &l);
    for (int k = 0, first = 0; k < o->n_groups; first += o->groups[k++].params->n)
        list_group(&l, o, k, first);
    return tp__state_list_end(T, &l, "optim_state_dict");
}

/* ---- in ------------------------------------------------------------------------------------------------------------- */

tp_status tp__optim_source_open(tp_tape *T, tp__optim_source *s, const char *speaker, int n, const char *const *names,
                                tp_tensor *const *tensors)
{
    if (n < 0)
        return tp_fail(T, TP_EINVAL, "%s: %d tensors; 0 or more are needed", speaker, n);
    if (n > 0 && (names == NULL || tensors == NULL))
        return tp__missing(T, speaker, names ? "the list of tensors" : "the list of names");
    for (int i = 0; i < n; i++)
        if (!tp__usable(T, speaker, tensors[i]))
            return T->status;
    *s = (tp__optim_source){T, speaker, n, tp__arena_alloc(&T->arena, ((size_t)n + 1) * sizeof *s->given), tensors};
    if (s->given == NULL)
        return tp_fail(T, TP_ENOMEM, "%s: no memory for %d names", speaker, n);
    return tp__given_sort(T, speaker, n, names, s->given);
}

const char *tp__optim_source_unused(const tp__optim_source *s)
{
    for (int i = 0; i < s->n; i++)
        if (!s->given[i].used)
            return s->given[i].name;
    return NULL;
}

const tp_tensor *tp__optim_given(tp__optim_source *s, const char *format, ...)
{
    char name[160];
    va_list args;
    va_start(args, format);
    tp__vsnprintf(name, sizeof name, format, args);
    va_end(args);
    tp__given *found = tp__given_find(s->given, s->n, name);
    if (found == NULL)
        return NULL;
    found->used = true;
    return s->tensors[found->i];
}

static double element(const tp_tensor *x, int64_t i) { return tp_item_at((tp_tensor *)(uintptr_t)x, i); }

static bool misses(const tp__optim_source *s, const char *name)
{
    tp_fail(s->T, TP_EINVAL, "%s: Missing key in state_dict: \"%s\"; it is needed", s->speaker, name);
    return false;
}

bool tp__optim_numbers(tp__optim_source *s, int64_t n, double *values, const char *name)
{
    const tp_tensor *x = tp__optim_given(s, "%s", name);
    if (x == NULL)
        return misses(s, name);
    if (x->numel != n) {
        tp_fail(s->T, TP_ESHAPE, "%s: %s is %s; %lld elements are needed", s->speaker, name, TP__SHAPE(x),
                (long long)n);
        return false;
    }
    for (int64_t i = 0; i < n; i++)
        values[i] = element(x, i);
    return true;
}

bool tp__optim_number(tp__optim_source *s, double *value, const char *name)
{
    return tp__optim_numbers(s, 1, value, name);
}

/* The steps that a parameter's state says it has made: 0 where it has none. False: what is there does not fit. */
static bool find_steps(tp__optim_source *s, const tp__optim_class *type, int at, int64_t *steps)
{
    char name[64];
    *steps = 0;
    const tp_tensor *any = NULL;
    for (int k = 0; k < TP__UPDATE_STATES && any == NULL; k++)
        any = type->state[k] ? tp__optim_given(s, "state.%d.%s", at, type->state[k]) : NULL;
    if (any == NULL)
        return true;
    *steps = 1;
    if (!type->counts)
        return true;
    double n;
    snprintf(name, sizeof name, "state.%d.step", at);
    if (!tp__optim_number(s, &n, name))
        return false;
    if (!(n >= 0 && n <= 0x1p53)) {
        tp_fail(s->T, TP_EINVAL, "%s: %s is %g; a count is needed", s->speaker, name, n);
        return false;
    }
    *steps = (int64_t)n;
    return true;
}

/* State k of a parameter of shape x: there, of its shape? With `take`, it is taken over. */
static bool take_vector(tp__optim_source *s, const tp_optim *o, tp__group *g, int i, int at, int k, bool take)
{
    const tp_tensor *x = g->params->at[i];
    tp_dims shape;
    if (!tp__state_shape(o->type, x, k, &shape))
        return true;
    char name[96];
    snprintf(name, sizeof name, "state.%d.%s", at, o->type->state[k]);
    const tp_tensor *from = tp__optim_given(s, "%s", name);
    if (from == NULL)
        return misses(s, name);
    if (!tp__dims_equal(tp__dims_of(from), shape)) {
        tp_fail(s->T, TP_ESHAPE, "%s: %s is %s; %s is needed", s->speaker, name, TP__SHAPE(from), TP__DIMS(shape));
        return false;
    }
    if (!take)
        return true;
    size_t size = tp_dtype_size(x->dtype);
    char *to = (char *)g->state[k].of[x->dtype == TP_F64]->data + (size_t)tp__group_offset(g, k, i) * size;
    tp__operand operand = {.data = from->data, .dtype = from->dtype};
    memcpy(operand.stride, from->stride, sizeof operand.stride);
    tp__copy(shape, to, x->dtype, &operand);
    return true;
}

/* `states`: which vectors the options ask for, those to come. */
static bool take_parameter(tp__optim_source *s, const tp_optim *o, tp__group *g, int i, int at, unsigned states,
                           bool take)
{
    const tp__optim_class *type = o->type;
    int64_t steps;
    char name[64];
    double number;
    if (g->params->at[i] == NULL)
        return true;
    if (!find_steps(s, type, at, &steps))
        return false;
    for (int k = 0; k < TP__UPDATE_SCALARS && steps > 0; k++) {
        if (type->scalar[k] == NULL)
            continue;
        snprintf(name, sizeof name, "state.%d.%s", at, type->scalar[k]);
        if (!tp__optim_number(s, &number, name))
            return false;
        if (take)
            g->scalar[k][i] = number;
    }
    for (int k = 0; k < TP__UPDATE_STATES && steps > 0; k++)
        if (((states >> k) & 1u) && !take_vector(s, o, g, i, at, k, take))
            return false;
    for (int k = 0; k < TP__UPDATE_STATES && steps == 0 && take; k++)
        tp__group_clear(type, g, k, i);
    if (take)
        g->steps[i] = steps;
    return true;
}

/* A group's options as they will be: those that are given, NaN for others. */
static bool find_options(tp__optim_source *s, const tp_optim *o, int group, double *values, double *initial)
{
    char name[96];
    int n = 0;
    for (const tp__option_field *f = o->type->fields; f->name; n += f->count, f += f->count) {
        values[n] = values[n + f->count - 1] = NAN;
        snprintf(name, sizeof name, "param_groups.%d.%s", group, f->key);
        if (tp__optim_given(s, "%s", name) && !tp__optim_numbers(s, f->count, &values[n], name))
            return false;
    }
    *initial = o->groups[group].initial_lr;
    snprintf(name, sizeof name, "param_groups.%d.initial_lr", group);
    return tp__optim_given(s, "%s", name) == NULL || tp__optim_number(s, initial, name);
}

static bool same_size(tp__optim_source *s, const tp_optim *o, int group)
{
    const tp_tensor *params = tp__optim_given(s, "param_groups.%d.params", group);
    int64_t n = o->groups[group].params->n;
    if (params == NULL || params->numel == n)
        return true;
    tp_fail(s->T, TP_EINVAL, "%s: group %d has %lld parameters; %lld are needed", s->speaker, group,
            (long long)params->numel, (long long)n);
    return false;
}

/* What is left: keys of groups that are there are torch's own. */
static bool all_used(const tp__optim_source *s, const tp_optim *o)
{
    for (int i = 0; i < s->n; i++) {
        const tp__given *g = &s->given[i];
        static const char groups[] = "param_groups.";
        bool of_group = strncmp(g->name, groups, sizeof groups - 1) == 0;
        long group = of_group ? strtol(g->name + sizeof groups - 1, NULL, 10) : -1;
        if (!g->used && !(of_group && group >= 0 && group < o->n_groups)) {
            tp_fail(s->T, TP_EINVAL,
                    "%s: Unexpected key in state_dict: \"%.200s\"; those of %s with %d groups are needed", s->speaker,
                    g->name, o->type->op.name, o->n_groups);
            return false;
        }
    }
    return true;
}

enum { MOST_OPTIONS = TP__UPDATE_NUMBERS * 2 };

/* One group; `take`: all was checked. */
static bool take_group(tp__optim_source *s, tp_optim *o, int group, int first, bool take)
{
    tp__group *g = &o->groups[group];
    double values[MOST_OPTIONS], initial, options[TP__UPDATE_NUMBERS];
    if (!same_size(s, o, group) || !find_options(s, o, group, values, &initial))
        return false;
    if (take ? tp__options_set(s->T, o, g, values) != TP_OK
             : !tp__options_with(s->T, o->type, g, values, options) || !tp__group_vectors(s->T, o->type, g, options))
        return false;
    if (take) {
        g->initial_lr = initial;
        memcpy(options, g->options, o->type->options_size);
    }
    unsigned states = o->type->states ? o->type->states(options) : 0;
    for (int i = 0; i < g->params->n; i++)
        if (!take_parameter(s, o, g, i, first + i, states, take))
            return false;
    return true;
}

static bool go_through(tp__optim_source *s, tp_optim *o, bool take)
{
    for (int k = 0, first = 0; k < o->n_groups; first += o->groups[k++].params->n)
        if (!take_group(s, o, k, first, take))
            return false;
    return o->type->restore == NULL || o->type->restore(o, s, !take) == TP_OK;
}

tp_status tp__optim_load(tp_tape *T, const char *speaker, tp_optim *o, int n, const char *const *names,
                         tp_tensor *const *tensors, bool take)
{
    tp__optim_source s;
    if (!tp__ok(T))
        return tp_error_status(T);
    tp_mark mark = tp_tape_mark(T);
    if (tp__optim_source_open(T, &s, speaker, n, names, tensors) == TP_OK && go_through(&s, o, false) &&
        all_used(&s, o) && take)
        go_through(&s, o, true);
    tp__rewind(T, mark);
    return T->status;
}

tp_status tp_optim_load_state_dict(tp_tape *T, tp_optim *o, int n, const char *const *names, tp_tensor *const *tensors)
{
    TP__NAMED(T, "optim_load_state_dict");
    if (o == NULL)
        return tp__missing(T, "optim_load_state_dict", "the optimizer");
    return tp__optim_load(T, "optim_load_state_dict", o, n, names, tensors, true);
}
