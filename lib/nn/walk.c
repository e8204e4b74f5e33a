/* walk.c - going through the tree of modules. A walk needs no memory but for the names; what it calls may free modules, its
 * own as well, or leave by a jump. */
#include "nn/nn.h"

#include <string.h>

/* ---- names ------------------------------------------------------------------------------------------------------- */

static bool write_name(tp__dotted *p, size_t at, const char *name, size_t n)
{
    if (at + n + 2 > p->room) {
        size_t room = 2 * (at + n + 2);
        char *grown = tp__realloc(p->text, room);
        if (grown == NULL)
            return false;
        *p = (tp__dotted){grown, room};
    }
    memcpy(p->text + at, name, n + 1);
    return true;
}

/* Without a path there are no names. */
static tp_status note_name(const tp__walk *w, size_t at, const char *name)
{
    return w->path == NULL || write_name(w->path, at, name, strlen(name)) ? TP_OK : TP_ENOMEM;
}

/* Calls a visitor for m, whose name and a dot are `length` characters; those of the root are none. */
static tp_status tell(const tp__walk *w, tp_submodule_visitor visit, tp_module *m, size_t length)
{
    if (visit == NULL)
        return TP_OK;
    if (w->path == NULL)
        return visit(NULL, m, w->user);
    tp_status status = note_name(w, length, "");
    if (status != TP_OK)
        return status;
    w->path->text[length > 0 ? length - 1 : 0] = '\0';
    status = visit(w->path->text, m, w->user);
    if (length > 0)
        w->path->text[length - 1] = '.';
    return status;
}

/* ---- what is there several times ----------------------------------------------------------------------------------- */

/* In the order of the walk. */
static const tp_module_entry *first_of(const tp_module *m, const tp_tensor *x, const tp__walk *w)
{
    const tp_module_entry *found = NULL;
    for (int kind = TP__IS_PARAM; kind <= TP__IS_CHILD; kind++)
        for (int i = 0; i < m->n_entries && !found; i++) {
            const tp_module_entry *e = &m->entries[i];
            if (e->kind != (tp__entry_kind)kind)
                continue;
            if (kind == TP__IS_CHILD)
                found = first_of(e->child, x, w);
            else if (w->of[kind] && e->tensor == x)
                found = e;
        }
    return found;
}

static bool comes(const tp__walk *w, const tp_module_entry *e)
{
    return w->of[e->kind] && !(w->saved && e->unsaved) &&
           (!w->once || e->tensor->modules < 2 || first_of(w->root, e->tensor, w) == e);
}

/* ---- the walk -------------------------------------------------------------------------------------------------------- */

static tp_status own_tensors(const tp__walk *w, const tp_module *m, tp__entry_kind kind, size_t length)
{
    tp_status status = TP_OK;
    for (int i = 0; w->tensor && i < m->n_entries && status == TP_OK; i++) {
        tp_module_entry *e = &m->entries[i];
        if (e->kind != kind || !comes(w, e))
            continue;
        status = note_name(w, length, e->name);
        if (status == TP_OK)
            status = w->tensor(w->path ? w->path->text : NULL, e->tensor, kind == TP__IS_PARAM, w->user);
    }
    return status;
}

/* Where the child that was entry i is now; the entry before it, where it is gone. */
static int place_after(const tp_module *m, int i, const tp_module *child)
{
    for (int k = i < m->n_entries ? i : m->n_entries - 1; k >= 0; k--)
        if (m->entries[k].kind == TP__IS_CHILD && m->entries[k].child == child)
            return k;
    return i - 1;
}

static tp_status walk(const tp__walk *w, tp_module *m, size_t length, int depth);

static tp_status children(const tp__walk *w, tp_module *m, size_t length, int depth)
{
    tp_status status = TP_OK;
    for (int i = 0; i < m->n_entries && status == TP_OK; i++) {
        tp_module *child = m->entries[i].child;
        if (m->entries[i].kind != TP__IS_CHILD)
            continue;
        size_t n = w->path ? strlen(m->entries[i].name) : 0;
        if ((status = note_name(w, length, m->entries[i].name)) != TP_OK)
            break;
        if (w->path)
            w->path->text[length + n] = '.';
        status = walk(w, child, length + n + 1, depth - 1);
        i = place_after(m, i, child);
    }
    return status;
}

static __attribute__((noinline)) tp_status walk(const tp__walk *w, tp_module *m, size_t length, int depth)
{
    bool outermost = tp__module_use(m);
    tp_status status = tell(w, w->before, m, length);
    if (status == TP_OK)
        status = own_tensors(w, m, TP__IS_PARAM, length);
    if (status == TP_OK)
        status = own_tensors(w, m, TP__IS_BUFFER, length);
    if (status == TP_OK)
        status = tell(w, w->between, m, length);
    if (status == TP_OK && depth != 0)
        status = children(w, m, length, depth);
    if (status == TP_OK)
        status = tell(w, w->after, m, length);
    tp__module_let_go(m, outermost);
    return status;
}

tp_status tp__module_walk(tp_module *m, tp__walk *w, bool names)
{
    tp__dotted own = {NULL, 0};
    m = tp__module_self(m);
    bool outermost = tp__module_use(m);
    w->path = !names ? NULL : outermost ? &m->use->path : &own;
    w->root = m;
    tp_status status = walk(w, m, 0, w->shallow ? 1 : -1);
    tp__module_let_go(m, outermost);
    tp__free(own.text);
    return status;
}

/* ---- for users --------------------------------------------------------------------------------------------------------- */

static tp_status visit_tensors(tp_module *m, tp_module_visitor visit, void *user, tp__walk w)
{
    w.tensor = visit;
    w.user = user;
    return m && visit ? tp__module_walk(m, &w, true) : TP_EINVAL;
}

tp_status tp_module_visit(tp_module *m, tp_module_visitor visit, void *user)
{
    return visit_tensors(m, visit, user, (tp__walk){.of = {[TP__IS_PARAM] = true, [TP__IS_BUFFER] = true}});
}
tp_status tp_module_visit_parameters(tp_module *m, tp_module_visitor visit, void *user)
{
    return visit_tensors(m, visit, user, (tp__walk){.of = {[TP__IS_PARAM] = true}, .once = true});
}
tp_status tp_module_visit_buffers(tp_module *m, tp_module_visitor visit, void *user)
{
    return visit_tensors(m, visit, user, (tp__walk){.of = {[TP__IS_BUFFER] = true}, .once = true});
}

tp_status tp_module_visit_modules(tp_module *m, tp_submodule_visitor visit, void *user)
{
    tp__walk w = {.before = visit, .user = user};
    return m && visit ? tp__module_walk(m, &w, true) : TP_EINVAL;
}

/* A walk of depth one, but for the root itself. */
typedef struct {
    const tp_module *parent;
    tp_submodule_visitor visit;
    void *user;
} of_children;
static tp_status pass_parent(const char *name, tp_module *m, void *user)
{
    of_children *c = user;
    return m == c->parent ? TP_OK : c->visit(name, m, c->user);
}
tp_status tp_module_visit_children(tp_module *m, tp_submodule_visitor visit, void *user)
{
    of_children c = {m, visit, user};
    tp__walk w = {.before = pass_parent, .user = &c, .shallow = true};
    return m && visit ? tp__module_walk(m, &w, true) : TP_EINVAL;
}

tp_status tp_module_apply(tp_module *m, tp_submodule_visitor visit, void *user)
{
    tp__walk w = {.after = visit, .user = user};
    return m && visit ? tp__module_walk(m, &w, true) : TP_EINVAL;
}

static tp_status set_training(const char *name, tp_module *m, void *user)
{
    (void)name;
    m->training = *(bool *)user;
    return TP_OK;
}
void tp_module_train(tp_module *m, bool training)
{
    tp__walk w = {.before = set_training, .user = &training};
    if (m)
        tp__module_walk(m, &w, false);
}
void tp_module_eval(tp_module *m) { tp_module_train(m, false); }

static tp_status set_requires_grad(const char *name, tp_tensor *x, bool is_param, void *user)
{
    (void)name, (void)is_param;
    tp_requires_grad(x, *(bool *)user);
    return TP_OK;
}
void tp_module_requires_grad(tp_module *m, bool on)
{
    tp__walk w = {.tensor = set_requires_grad, .of = {[TP__IS_PARAM] = true}, .user = &on};
    if (m)
        tp__module_walk(m, &w, false);
}

static tp_status zero_grad(const char *name, tp_tensor *x, bool is_param, void *user)
{
    (void)name, (void)is_param, (void)user;
    tp_zero_grad(x);
    return TP_OK;
}
void tp_module_zero_grad(tp_module *m)
{
    tp__walk w = {.tensor = zero_grad, .of = {[TP__IS_PARAM] = true}};
    if (m)
        tp__module_walk(m, &w, false);
}
