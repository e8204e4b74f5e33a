/* state.c - a module's state as names and tensors, out and in. In this file a state lies in the tape's arena, as extra
 * state is made by functions of the user's, which may leave by a jump. */
#include "nn/state.h"
#include "tape/state_dict.h"

#include <string.h>

/* ---- out ------------------------------------------------------------------------------------------------------------ */

static tp_status note(tp__state *s, const char *name, const char *end, tp_tensor *x, tp_module *of)
{
    if (s->name) {
        size_t n = strlen(name), dot = n > 0 && *end, more = strlen(end);
        char *copy = tp__arena_alloc(&s->T->arena, n + dot + more + 1);
        if (copy == NULL)
            return TP_ENOMEM;
        memcpy(copy, name, n);
        memcpy(copy + n, ".", dot);
        memcpy(copy + n + dot, end, more + 1);
        s->name[s->n] = copy;
        s->tensor[s->n] = x;
        s->of[s->n] = of;
        if (x && tp__kept_add(s->T, s->kept, x) != TP_OK)
            return s->T->status;
    }
    s->n++;
    return TP_OK;
}

static tp_status note_tensor(const char *name, tp_tensor *x, bool is_param, void *user)
{
    (void)is_param;
    return note(user, name, "", x, NULL);
}

static tp_tensor *extra_state_of(tp_tape *T, tp_module *m)
{
    tp__call_out call;
    tp__enter(T, &call);
    tp_tensor *x = m->type->get_extra_state(T, m);
    tp__leave(&call);
    if (x == NULL)
        tp__missing(T, m->type->name, "the result of its get_extra_state");
    return tp__ok(T) && tp__usable(T, m->type->name, x) ? x : NULL;
}

/* A class that only takes extra state has a place for it as well. */
static tp_status note_extra(const char *name, tp_module *m, void *user)
{
    tp__state *s = user;
    tp_tensor *x = NULL;
    if (m->type->get_extra_state == NULL && m->type->set_extra_state == NULL)
        return TP_OK;
    if (s->with_extra && m->type->get_extra_state == NULL)
        return TP_OK;
    if (s->name && s->with_extra && (x = extra_state_of(s->T, m)) == NULL)
        return s->T->status;
    return note(s, name ? name : "", "_extra_state", x, m);
}

static tp_status count_tensor(const char *name, tp_tensor *x, bool is_param, void *user)
{
    (void)name, (void)x, (void)is_param;
    ((tp__state *)user)->n++;
    return TP_OK;
}

/* The tensors are held, as extra state is made by functions that may free their modules. */
tp_status tp__state_of(tp_tape *T, tp_module *m, const char *speaker, bool with_extra, tp__state *s)
{
    *s = (tp__state){.T = T, .with_extra = with_extra, .kept = tp__kept_open(T, speaker, tp__frame_here())};
    if (s->kept == NULL)
        return T->status;
    tp__walk w = {.tensor = count_tensor,
                  .between = note_extra,
                  .of = {[TP__IS_PARAM] = true, [TP__IS_BUFFER] = true},
                  .saved = true,
                  .user = s};
    tp__module_walk(m, &w, false);
    size_t n = (size_t)s->n + 1;
    s->room = s->n;
    s->n = 0;
    s->name = tp__arena_alloc(&T->arena, n * sizeof *s->name);
    s->tensor = tp__arena_alloc(&T->arena, n * sizeof *s->tensor);
    s->of = tp__arena_alloc(&T->arena, n * sizeof *s->of);
    w.tensor = note_tensor;
    tp_status status = s->name && s->tensor && s->of ? tp__module_walk(m, &w, true) : TP_ENOMEM;
    return status == TP_OK ? TP_OK : tp_fail(T, status, "%s: no memory for %d names", speaker, s->room);
}

void tp__state_drop(tp__state *s)
{
    if (s->kept)
        tp__kept_close(s->T, s->kept);
}

/* The dictionary holds the tensors as a module does; extra state is its own. */
static void hold_all(tp_state_dict *d, const tp__state *s)
{
    tp_tensor **tensors = (tp_tensor **)(uintptr_t)d->tensors;
    for (int i = 0; i < d->n; i++)
        if (s->of[i]) {
            tensors[i] = tp_keep(s->tensor[i]);
        } else {
            tp__tensor_hold(tensors[i]);
            tensors[i]->modules++;
        }
}

tp_state_dict *tp_module_state_dict(tp_tape *T, tp_module *m)
{
    TP__NAMED(T, "module_state_dict");
    tp__state s;
    if (m == NULL)
        tp__missing(T, "module_state_dict", "the module");
    if (!tp__ok(T) || m == NULL)
        return NULL;
    tp_mark mark = tp_tape_mark(T);
    tp_state_dict *d = NULL;
    if (tp__state_of(T, m, "module_state_dict", true, &s) == TP_OK) {
        if ((d = tp__state_dict_new(s.n, s.name, s.tensor)) == NULL)
            tp_fail(T, TP_ENOMEM, "module_state_dict: no memory for %d names", s.n);
        else
            hold_all(d, &s);
    }
    tp__state_drop(&s);
    tp__rewind(T, mark);
    if (d && tp__ok(T))
        return d;
    tp_state_dict_free(d);
    return NULL;
}

/* ---- in ------------------------------------------------------------------------------------------------------------- */

typedef struct {
    tp_tape *T;
    const char *speaker;
    tp__state s;
    int n;
    tp__given *given; /* sorted by name */
    tp__given **from; /* of each of the state */
    tp_tensor **value;
    tp_status status; /* of what does not fit */
    char *text;
    size_t room, length;
} loading;

/* Appends to the text; what there is no memory for is left out. */
static void say(loading *l, const char *text)
{
    size_t n = strlen(text);
    if (l->length + n + 1 > l->room) {
        size_t room = 2 * (l->length + n + 1);
        char *grown = tp__realloc(l->text, room);
        if (grown == NULL)
            return;
        l->text = grown;
        l->room = room;
    }
    memcpy(l->text + l->length, text, n + 1);
    l->length += n;
}

/* Is the same tensor, under another of its names, among what is given? */
static bool comes_as_another(const loading *l, int i)
{
    for (int k = 0; l->s.tensor[i] && l->s.tensor[i]->modules > 1 && k < l->s.n; k++)
        if (l->s.tensor[k] == l->s.tensor[i] && l->from[k])
            return true;
    return false;
}

/* `"a", "b"`, behind a heading before the first */
static void say_key(loading *l, const char *heading, bool *any, const char *name)
{
    say(l, *any ? ", \"" : heading);
    say(l, *any ? "" : "\"");
    say(l, name);
    say(l, "\"");
    *any = true;
}

static void say_missing(loading *l)
{
    bool any = false;
    for (int i = 0; i < l->s.n; i++)
        if (l->from[i] == NULL && !comes_as_another(l, i))
            say_key(l, "Missing key(s) in state_dict: ", &any, l->s.name[i]);
    say(l, any ? ". " : "");
}

/* In the order in which they were given. */
static void say_unexpected(loading *l, const char *const *names)
{
    bool any = false;
    for (int i = 0; i < l->n; i++)
        if (!tp__given_find(l->given, l->n, names[i])->used)
            say_key(l, "Unexpected key(s) in state_dict: ", &any, names[i]);
    say(l, any ? ". " : "");
}

static void say_misfit(loading *l, int i)
{
    char line[600];
    const tp_tensor *x = l->value[i], *y = l->s.tensor[i];
    if (!tp__dims_equal(tp__dims_of(x), tp__dims_of(y)))
        snprintf(
            line, sizeof line,
            "size mismatch for %.200s: copying a param with shape %s from checkpoint, the shape in current model is "
            "%s. ",
            l->s.name[i], TP__SHAPE(x), TP__SHAPE(y));
    else
        snprintf(line, sizeof line,
                 "dtype mismatch for %.200s: copying a param of %s from checkpoint, that in current model is %s. ",
                 l->s.name[i], tp_dtype_name(x->dtype), tp_dtype_name(y->dtype));
    say(l, line);
}

/* Notes what fits and says what does not. */
static void compare(loading *l, const tp_load_options *o)
{
    for (int i = 0; i < l->s.n; i++) {
        const tp_tensor *x = l->value[i], *y = l->s.tensor[i];
        if (x == NULL || y == NULL) /* extra state is the module's own to judge */
            continue;
        bool shape = tp__dims_equal(tp__dims_of(x), tp__dims_of(y)), dtype = x->dtype == y->dtype || !o->same_dtype;
        if (shape && dtype)
            continue;
        say_misfit(l, i);
        if (l->status == TP_OK)
            l->status = shape ? TP_EDTYPE : TP_ESHAPE;
    }
}

/* Which of the tensors given is which of the state. */
static tp_status match(loading *l, tp__source source, void *user)
{
    for (int i = 0; i < l->s.n; i++) {
        l->value[i] = NULL;
        if ((l->from[i] = tp__given_find(l->given, l->n, l->s.name[i])) == NULL)
            continue;
        l->from[i]->used = true;
        l->value[i] = source(l->T, user, l->from[i]->i);
        if (l->value[i] == NULL && tp__ok(l->T))
            tp_fail(l->T, TP_EINVAL, "%s: the tensor of %s is NULL; one is needed", l->speaker, l->from[i]->name);
        if (!tp__usable(l->T, l->speaker, l->value[i]))
            return l->T->status;
    }
    return TP_OK;
}

/* The whole text into the caller's buffer, its beginning into the error. */
static tp_status report(loading *l, const tp_module *m, const tp_load_options *o)
{
    enum { MOST = 850 };
    const char *text = l->text ? l->text : "";
    bool lacks = l->status == TP_EINVAL;
    if (o->report && o->report_room > 0)
        snprintf(o->report, o->report_room, "%s", text);
    if (l->status == TP_OK || (lacks && o->partial))
        return TP_OK;
    return tp_fail(l->T, l->status, "%s: Error(s) in loading state_dict for %s: %.*s%s; the module's own %s are needed",
                   l->speaker, m->type->name, l->length > MOST ? MOST : (int)(l->length ? l->length - 1 : 0), text,
                   l->length > MOST ? "..." : "",
                   l->status == TP_EDTYPE ? "dtypes"
                   : lacks                ? "keys"
                                          : "shapes");
}

static tp_status check(loading *l, const tp_module *m, const char *const *names, const tp_load_options *o)
{
    say_missing(l);
    say_unexpected(l, names);
    bool lacks = l->length > 0;
    compare(l, o);
    if (lacks && (l->status == TP_OK || !o->partial))
        l->status = TP_EINVAL;
    tp_status status = report(l, m, o);
    tp__free(l->text);
    l->text = NULL;
    return status;
}

/* A module of those whose extra state is to be set may have freed another one. */
static bool is_there(tp_module *root, char *name, const tp_module *m)
{
    char *end = strrchr(name, '.');
    if (end == NULL)
        return m == root;
    *end = '\0';
    bool there = tp_module_child(root, name) == m;
    *end = '.';
    return there;
}

/* Not part of its caller, whose frame says that the root is in use already. */
static __attribute__((noinline)) tp_status set_extra(tp_tape *T, tp_module *m, tp_tensor *x)
{
    tp__call_out call;
    const char *name = m->type->name;
    tp__enter(T, &call);
    bool outermost = tp__module_use(m);
    tp_status status = m->type->set_extra_state ? m->type->set_extra_state(T, m, x) : TP_OK;
    tp__module_let_go(m, outermost);
    tp__leave(&call);
    if (status != TP_OK)
        tp_fail(T, status, "load_state_dict: set_extra_state of %s returned %s", name, tp_status_name(status));
    return T->status;
}

static tp_status take_over(loading *l, tp_module *m)
{
    for (int i = 0; i < l->s.n && tp__ok(l->T); i++)
        if (l->value[i] && l->s.tensor[i])
            tp_copy_into(l->T, l->s.tensor[i], l->value[i]);
    bool outermost = tp__module_use(m);
    for (int i = 0; i < l->s.n && tp__ok(l->T); i++)
        if (l->value[i] && l->s.of[i] && is_there(m, l->s.name[i], l->s.of[i]))
            set_extra(l->T, l->s.of[i], l->value[i]);
    tp__module_let_go(m, outermost);
    return l->T->status;
}

tp_status tp__load_state(tp_tape *T, tp_module *m, const char *speaker, int n, const char *const *names,
                         tp__source source, void *user, const tp_load_options *options, bool take)
{
    const tp_load_options none = {0}, *o = options ? options : &none;
    loading l = {.T = T, .speaker = speaker, .n = n};
    tp_mark mark = tp_tape_mark(T);
    if (o->report && o->report_room > 0)
        o->report[0] = '\0';
    if (tp__state_of(T, m, speaker, false, &l.s) == TP_OK) {
        size_t mine = (size_t)l.s.n + 1;
        l.given = tp__arena_alloc(&T->arena, ((size_t)n + 1) * sizeof *l.given);
        l.from = tp__arena_alloc(&T->arena, mine * sizeof *l.from);
        l.value = tp__arena_alloc(&T->arena, mine * sizeof *l.value);
        if (!l.given || !l.from || !l.value)
            tp_fail(T, TP_ENOMEM, "%s: no memory for %d names", speaker, n);
        else if (tp__given_sort(T, speaker, n, names, l.given) == TP_OK && match(&l, source, user) == TP_OK &&
                 check(&l, m, names, o) == TP_OK && take) {
            source(T, user, -1);
            take_over(&l, m);
        }
    }
    tp__state_drop(&l.s);
    tp__rewind(T, mark);
    return T->status;
}

tp_tensor *tp__source_list(tp_tape *T, void *user, int i)
{
    (void)T;
    return i < 0 ? NULL : ((tp_tensor *const *)user)[i];
}

tp_status tp_module_load_state_dict(tp_tape *T, tp_module *m, int n, const char *const *names,
                                    tp_tensor *const *tensors, const tp_load_options *options)
{
    TP__NAMED(T, "module_load_state_dict");
    if (m == NULL)
        tp__missing(T, "module_load_state_dict", "the module");
    if (!tp__ok(T) || m == NULL)
        return tp__ok(T) ? TP_EINVAL : tp_error_status(T);
    if (n < 0 || (n > 0 && (names == NULL || tensors == NULL)))
        return tp_fail(T, TP_EINVAL,
                       "module_load_state_dict: %d tensors; 0 or more, and lists that are not NULL, are needed", n);
    return tp__load_state(T, m, "module_load_state_dict", n, names, tp__source_list, (void *)(uintptr_t)tensors,
                          options, true);
}
