/* module.c - the tree of modules: parameters, buffers and children by name. */
#include "nn/nn.h"
#include "tape/params.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* ---- life --------------------------------------------------------------------------------------------- */

tp_module *tp_module_new(tp_tape *T, const tp_module_class *type)
{
    if (type == NULL)
        tp__missing(T, "module_new", "the class");
    if (!tp__ok(T) || type == NULL)
        return NULL;
    if (type->name == NULL || type->size < sizeof(tp_module)) {
        tp_fail(T, TP_EINVAL, "module_new: class %s %s; a name and a size of %zu bytes or more are needed",
                type->name ? type->name : "(null)", type->name ? "is smaller than a module" : "has no name",
                sizeof(tp_module));
        return NULL;
    }
    size_t base = (type->size + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
    tp_module *m = base >= type->size && base <= SIZE_MAX / 2 ? tp__calloc(1, base + sizeof *m->use) : NULL;
    if (m == NULL) {
        tp_fail(T, TP_ENOMEM, "module_new: no memory");
        return NULL;
    }
    m->type = type;
    m->use = (struct tp_module_use *)(void *)((char *)m + base);
    m->use->self = m;
    m->training = true;
    return m;
}

static void remove_entry(tp_module *m, tp_module_entry *e)
{
    tp__free(e->name);
    memmove(e, e + 1, (size_t)(m->entries + --m->n_entries - e) * sizeof *e);
}

static void leave_parent(tp_module *m)
{
    tp_module *p = m->parent;
    for (int i = 0; p && i < p->n_entries; i++)
        if (p->entries[i].kind == TP__IS_CHILD && p->entries[i].child == m) {
            remove_entry(p, &p->entries[i]);
            break;
        }
    m->parent = NULL;
}

static void take(tp_tensor *x)
{
    if (x->flags & TP__BELONGS) /* another module's, too, or the gradient of a tensor */
        atomic_fetch_add_explicit(&x->holds, 1, memory_order_relaxed);
    x->flags |= TP__BELONGS; /* from now on it is the modules' to free */
    x->modules++;
}

static void let_go(tp_tensor *x)
{
    TP__ASSERT(x->modules > 0);
    x->modules--;
    tp__tensor_drop(x);
}

void tp__module_destroy(tp_module *m)
{
    tp__busy_begin(&m->use->busy); /* its own function is no place to free it, either */
    if (m->type->free && !m->use->hollow)
        m->type->free(m);
    tp__params_abandon(m->params);
    tp__module_hooks_abandon(m);
    tp__computed_abandon(m);
    for (int i = 0; i < m->n_entries; i++) {
        if (m->entries[i].kind != TP__IS_CHILD) {
            let_go(m->entries[i].tensor);
        } else {
            m->entries[i].child->parent = NULL;
            tp_module_free(m->entries[i].child);
        }
        tp__free(m->entries[i].name);
    }
    tp__free(m->entries);
    tp__free(m->use->path.text);
    tp__free(m);
}

void tp_module_free(tp_module *m)
{
    if (m == NULL)
        return;
    m = tp__module_self(m);
    leave_parent(m);
    if (!tp__busy_doom(&m->use->busy))
        tp__module_destroy(m);
}

/* ---- entries -------------------------------------------------------------------------------------------- */

/* In a copy for a call what is computed comes first: that is all its entries. */
static tp_module_entry *find(const tp_module *m, const char *name, size_t length)
{
    for (int i = 0; i < m->n_entries; i++)
        if (strlen(m->entries[i].name) == length && memcmp(m->entries[i].name, name, length) == 0)
            return &m->entries[i];
    return m == tp__module_self(m) ? NULL : find(tp__module_self(m), name, length);
}

/* A new entry, still empty; NULL after a failure. */
static tp_module_entry *append(tp_tape *T, tp_module *m, const char *name, tp__entry_kind kind)
{
    if (name == NULL || *name == '\0' || strchr(name, '.') || find(m, name, strlen(name))) {
        tp_fail(T, TP_EINVAL,
                "module_add: \"%s\"; a name that is not empty, without a dot, and not taken in %s is needed",
                name ? name : "(null)", m->type->name);
        return NULL;
    }
    tp_module_entry *grown = tp__realloc(m->entries, (size_t)(m->n_entries + 1) * sizeof *grown);
    size_t length = strlen(name) + 1;
    char *copy = grown ? tp__malloc(length) : NULL;
    if (grown)
        m->entries = grown;
    if (copy == NULL) {
        tp_fail(T, TP_ENOMEM, "module_add: no memory");
        return NULL;
    }
    memcpy(copy, name, length);
    grown[m->n_entries] = (tp_module_entry){.name = copy, .kind = kind};
    return &grown[m->n_entries++];
}

/* A module from m up whose set was made without x; NULL: there is none. */
static const tp_module *set_without(const tp_module *m, const tp_tensor *x)
{
    for (; m; m = m->parent) {
        const tp__member *member = m->params ? x->member : NULL;
        while (member && member->set != m->params)
            member = member->next;
        if (m->params && member == NULL)
            return m;
    }
    return NULL;
}

/* The same for some parameter of the child's. */
static const tp_module *set_without_some(const tp_module *m, const tp_module *child)
{
    const tp_module *found = NULL;
    for (int i = 0; i < child->n_entries && !found; i++) {
        const tp_module_entry *e = &child->entries[i];
        if (e->kind != TP__IS_BUFFER)
            found = e->kind == TP__IS_PARAM ? set_without(m, e->tensor) : set_without_some(m, e->child);
    }
    return found;
}

/* True where `whose` is a module, whose set is made already. */
static bool too_late(tp_tape *T, const char *name, const tp_module *whose)
{
    if (whose)
        tp_fail(T, TP_EINVAL, "module_add: %s comes after tp_module_params of %s, whose set is made; add it before",
                name ? name : "(null)", whose->type->name);
    return whose != NULL;
}

/* Modules from m down to the last below it. */
static int height(const tp_module *m)
{
    int most = 0;
    for (int i = 0; i < m->n_entries; i++)
        if (m->entries[i].kind == TP__IS_CHILD) {
            int below = height(m->entries[i].child);
            most = below > most ? below : most;
        }
    return most + 1;
}

/* What goes through a tree, forward above all, goes down by calls, for which the stack has room. */
static bool too_deep(tp_tape *T, const tp_module *parent, const tp_module *child)
{
    int depth = height(child);
    for (; parent; parent = parent->parent)
        depth++;
    if (depth > TP__DEEPEST)
        tp_fail(T, TP_EINVAL, "module_add: %s would be in a tree that is %d modules deep; at most %d are possible",
                child->type->name, depth, TP__DEEPEST);
    return depth > TP__DEEPEST;
}

tp_module *tp_module_add(tp_tape *T, tp_module *parent, const char *name, tp_module *child)
{
    if (child == NULL) {
        tp__missing(T, "module_add", "the child");
        return NULL;
    }
    if (parent == NULL)
        tp__missing(T, "module_add", "the parent");
    parent = parent ? tp__module_self(parent) : NULL;
    child = tp__module_self(child);
    for (const tp_module *above = parent; above; above = above->parent)
        if (above == child) {
            tp_fail(T, TP_EINVAL, "module_add: %s would be within itself; another parent is needed", child->type->name);
            return NULL;
        }
    if (child->parent) {
        tp_fail(T, TP_EINVAL, "module_add: %s has a parent already; a module without one is needed", child->type->name);
        return NULL;
    }
    bool fits = parent && tp__ok(T) && !too_deep(T, parent, child) &&
                !too_late(T, name, set_without_some(parent, child));
    tp_module_entry *e = fits ? append(T, parent, name, TP__IS_CHILD) : NULL;
    if (e == NULL) {
        tp_module_free(child);
        return NULL;
    }
    e->child = child;
    child->parent = parent;
    return child;
}

static tp_tensor *add_tensor(tp_tape *T, tp_module *m, const char *name, tp_tensor *x, tp__entry_kind kind)
{
    if (x == NULL || m == NULL)
        tp__missing(T, "module_add", m ? "the tensor" : "the module");
    if (x == NULL)
        return NULL;
    m = m ? tp__module_self(m) : NULL;
    bool owned = (x->flags & TP__OWNED) != 0;
    if (!owned)
        tp_fail(T, TP_EINVAL, "module_add: %s is a tensor of a tape; see tp_keep", name ? name : "(null)");
    bool fits = owned && m && tp__ok(T) && !(kind == TP__IS_PARAM && too_late(T, name, set_without(m, x)));
    tp_module_entry *e = fits ? append(T, m, name, kind) : NULL;
    if (e == NULL) {
        tp_free(x);
        return NULL;
    }
    take(x);
    return e->tensor = x;
}

tp_tensor *tp_module_add_param(tp_tape *T, tp_module *m, const char *name, tp_tensor *x)
{
    TP__NAMED(T, "module_add_param");
    if (x && !tp_dtype_is_float(x->dtype)) {
        tp_fail(T, TP_EDTYPE, "module_add_param: %s is %s; float32 or float64 is needed", name ? name : "(null)",
                tp_dtype_name(x->dtype));
        tp_free(x);
        return NULL;
    }
    if ((x = add_tensor(T, m, name, x, TP__IS_PARAM)) != NULL)
        x->flags |= TP__PARAMETER;
    return tp_requires_grad(x, true);
}

tp_tensor *tp_module_add_buffer(tp_tape *T, tp_module *m, const char *name, tp_tensor *x)
{
    TP__NAMED(T, "module_add_buffer");
    return add_tensor(T, m, name, x, TP__IS_BUFFER);
}

tp_tensor *tp_module_add_unsaved_buffer(tp_tape *T, tp_module *m, const char *name, tp_tensor *x)
{
    TP__NAMED(T, "module_add_unsaved_buffer");
    if ((x = add_tensor(T, m, name, x, TP__IS_BUFFER)) != NULL)
        m->entries[m->n_entries - 1].unsaved = true;
    return x;
}

tp_tensor *tp__param(tp_tape *T, tp_module *m, const char *name, tp_dtype dtype, tp_dims shape)
{
    int64_t numel;
    if (!tp__ok(T))
        return NULL;
    if (!tp__dims_numel(shape, &numel)) {
        tp_fail(T, TP_ESHAPE, "%s: a parameter of %s; sizes that are not negative, and fewer elements, are needed",
                m->type->name, TP__DIMS(shape));
        return NULL;
    }
    tp_tensor *x = tp__tensor_owned(dtype, shape);
    if (x == NULL) {
        tp_fail(T, TP_ENOMEM, "%s: no memory for a parameter of %s", m->type->name, TP__DIMS(shape));
        return NULL;
    }
    return tp_module_add_param(T, m, name, x);
}

/* ---- by name ---------------------------------------------------------------------------------------------- */

static tp_module_entry *find_path(tp_module *m, const char *path)
{
    while (m && path) {
        size_t length = strcspn(path, ".");
        tp_module_entry *e = find(m, path, length);
        if (e == NULL || path[length] == '\0')
            return e;
        m = e->kind == TP__IS_CHILD ? e->child : NULL;
        path += length + 1;
    }
    return NULL;
}

tp_tensor *tp_module_param(tp_module *m, const char *name)
{
    tp_module_entry *e = find_path(m, name);
    return e && e->kind != TP__IS_CHILD ? e->tensor : NULL;
}

tp_module *tp_module_child(tp_module *m, const char *name)
{
    tp_module_entry *e = find_path(m, name);
    return e && e->kind == TP__IS_CHILD ? e->child : NULL;
}

/* The entry of this kind, and whose it is; otherwise T fails in torch's words. */
static tp_module_entry *get(tp_tape *T, tp_module **whose, const char *path, const char *speaker, tp__entry_kind kind)
{
    tp_module *m = *whose;
    static const char *const whats[] = {"an nn.Parameter", "a buffer", "an nn.Module"};
    if (m == NULL || path == NULL)
        tp__missing(T, speaker, m ? "the name" : "the module");
    if (!tp__ok(T) || m == NULL || path == NULL)
        return NULL;
    tp_module_entry *e = NULL;
    for (size_t length = 0;; path += length + 1) {
        length = strcspn(path, ".");
        int shown = length < 200 ? (int)length : 200;
        bool last = path[length] == '\0';
        e = find(m, path, length);
        if (e == NULL)
            tp_fail(T, TP_EINVAL, "%s: %s has no attribute `%.*s`; %s is needed", speaker, m->type->name, shown, path,
                    whats[last ? kind : TP__IS_CHILD]);
        else if (e->kind != (last ? kind : TP__IS_CHILD))
            tp_fail(T, TP_EINVAL, "%s: `%.*s` of %s is not %s; that is needed", speaker, shown, path, m->type->name,
                    whats[last ? kind : TP__IS_CHILD]);
        *whose = m;
        if (last || !tp__ok(T))
            return tp__ok(T) ? e : NULL;
        m = e->child;
    }
}

tp_tensor *tp_module_get_parameter(tp_tape *T, tp_module *m, const char *name)
{
    tp_module_entry *e = get(T, &m, name, "module_get_parameter", TP__IS_PARAM);
    return e ? e->tensor : NULL;
}

tp_tensor *tp_module_get_buffer(tp_tape *T, tp_module *m, const char *name)
{
    tp_module_entry *e = get(T, &m, name, "module_get_buffer", TP__IS_BUFFER);
    return e ? e->tensor : NULL;
}

tp_module *tp_module_get_submodule(tp_tape *T, tp_module *m, const char *name)
{
    if (tp__ok(T) && m && name && *name == '\0')
        return m;
    tp_module_entry *e = get(T, &m, name, "module_get_submodule", TP__IS_CHILD);
    return e ? e->child : NULL;
}

tp_tensor *tp__module_parameter(tp_tape *T, tp_module **m, const char **name, tp__computed **c, const char *speaker)
{
    const char *path = *name, *dot = path ? strrchr(path, '.') : NULL;
    tp_module *owner = tp__module_self(*m);
    *c = NULL;
    if (dot) { /* the module that has it, by what is before the last dot */
        const size_t length = (size_t)(dot - path);
        char *above = tp__malloc(length + 1);
        if (above == NULL) {
            tp_fail(T, TP_ENOMEM, "%s: no memory", speaker);
            return NULL;
        }
        memcpy(above, path, length);
        above[length] = '\0';
        tp_module_entry *e = get(T, &owner, above, speaker, TP__IS_CHILD);
        tp__free(above);
        owner = e ? e->child : NULL;
        path = dot + 1;
    }
    if (owner && path && (*c = tp__computed_find(owner, path)) == NULL &&
        get(T, &owner, path, speaker, TP__IS_PARAM) == NULL)
        owner = NULL;
    if (path == NULL)
        tp__missing(T, speaker, "the name");
    if (owner && tp__busy_runs(&owner->use->busy))
        tp_fail(T, TP_EINVAL, "%s: %s is being called; a module that is not is needed", speaker, owner->type->name);
    if (owner == NULL || !tp__ok(T))
        return NULL;
    *m = owner;
    *name = path;
    return *c ? NULL : find(owner, path, strlen(path))->tensor;
}

bool tp__module_move_entry(tp_tape *T, tp_module *from, const char *name, tp_module *to, const char *new_name)
{
    tp_module_entry *e = append(T, to, new_name, TP__IS_PARAM);
    if (e == NULL)
        return false;
    tp_module_entry *old = find(from, name, strlen(name));
    char *given = e->name;
    *e = *old;
    e->name = given;
    remove_entry(from, old);
    return true;
}

void tp__module_drop_entry(tp_module *m, const char *name)
{
    tp_module_entry *e = find(m, name, strlen(name));
    tp_tensor *x = e->tensor;
    remove_entry(m, e);
    let_go(x);
}

/* The words of m's struct that point to one tensor point to the other. */
static void redirect_words(tp_module *m, const tp_tensor *from, tp_tensor *to)
{
    for (size_t at = sizeof *m; at + sizeof to <= m->type->size; at += sizeof to) {
        tp_tensor *word;
        memcpy(&word, (char *)m + at, sizeof word);
        if (word == from)
            memcpy((char *)m + at, &to, sizeof to);
    }
}

/* May x take the place of `old`, a parameter of m's? */
static bool may_replace(tp_tape *T, const tp_module *m, const char *name, const tp_tensor *old, const tp_tensor *x)
{
    for (const tp_module *above = m; above; above = above->parent)
        if (above->params)
            return !too_late(T, name, above);
    if (!(x->flags & TP__OWNED))
        tp_fail(T, TP_EINVAL, "module_set_param: the tensor for %s is a tensor of a tape; see tp_keep", name);
    else if (!tp__dims_equal(tp__dims_of(x), tp__dims_of(old)))
        tp_fail(T, TP_ESHAPE, "module_set_param: %s is %s, the tensor for it %s; its shape is needed", name,
                TP__SHAPE(old), TP__SHAPE(x));
    else if (x->dtype != old->dtype)
        tp_fail(T, TP_EDTYPE, "module_set_param: %s is %s, the tensor for it %s; its dtype is needed", name,
                tp_dtype_name(old->dtype), tp_dtype_name(x->dtype));
    return tp__ok(T);
}

tp_tensor *tp_module_set_param(tp_tape *T, tp_module *m, const char *name, tp_tensor *x)
{
    TP__NAMED(T, "module_set_param");
    tp_module_entry *e = get(T, &m, name, "module_set_param", TP__IS_PARAM);
    if (e && x == NULL)
        tp__missing(T, "module_set_param", "the tensor");
    tp_tensor *old = e ? e->tensor : NULL;
    if (old == NULL || x == NULL || (x != old && !may_replace(T, m, name, old, x))) {
        tp_free(x);
        return NULL;
    }
    if (x == old)
        return x;
    if (!(x->flags & TP__PARAMETER))
        tp_requires_grad(x, true);
    take(x);
    x->flags |= TP__PARAMETER;
    e->tensor = x;
    redirect_words(m, old, x);
    let_go(old);
    return x;
}

/* ---- all at once ----------------------------------------------------------------------------------------------- */

typedef struct {
    int n;
    tp_tensor **list; /* NULL: counting */
} collection;

static tp_status collect(const char *name, tp_tensor *x, bool is_param, void *user)
{
    collection *c = user;
    (void)name, (void)is_param;
    if (c->list)
        c->list[c->n] = x;
    c->n++;
    return TP_OK;
}

/* All tensors below m, each once, in a list to be freed; NULL: no memory. */
static tp_tensor **all_tensors(tp_module *m, bool params_only, int *n)
{
    collection c = {0, NULL};
    tp__walk w = {
        .tensor = collect, .of = {[TP__IS_PARAM] = true, [TP__IS_BUFFER] = !params_only}, .once = true, .user = &c};
    tp__module_walk(m, &w, false);
    c.list = tp__malloc(((size_t)c.n + 1) * sizeof *c.list);
    c.n = 0;
    if (c.list)
        tp__module_walk(m, &w, false);
    *n = c.n;
    return c.list;
}

tp_params *tp_module_params(tp_module *m)
{
    int n;
    m = m ? tp__module_self(m) : NULL;
    if (m == NULL || m->params)
        return m ? m->params : NULL;
    tp_tensor **list = all_tensors(m, true, &n);
    if (list)
        m->params = tp__params_slab(n, list);
    if (m->params)
        m->params->belongs = true;
    tp__free(list);
    return m->params;
}

/* x's values in another dtype, the tensor itself staying where it is. */
static void take_over(tp_tensor *x, tp_tensor *converted)
{
    tp_tensor was = *x;
    x->dtype = converted->dtype;
    x->storage = converted->storage;
    x->data = converted->data;
    memcpy(x->stride, converted->stride, sizeof x->stride);
    tp__tensor_note_layout(x);
    tp__tensor_drop(x->grad);
    x->grad = NULL;
    x->storage->version = was.storage->version + 1;
    x->flags &= (uint32_t)~TP__HAS_GRAD;
    converted->storage = was.storage;
    converted->data = was.data;
}

/* May x change its dtype? Sets and their optimizers, and what other tapes have recorded, go by the one it has. */
static bool may_convert(tp_tape *T, const tp_tensor *x)
{
    bool others = atomic_load_explicit(&x->holds, memory_order_relaxed) > x->modules + tp__holds_of(T, x);
    if (x->member == NULL && !others)
        return true;
    tp_fail(T, TP_EINVAL, "module_to: a tensor of %s is %s", TP__SHAPE(x),
            x->member ? "in a parameter set; convert before tp_module_params and tp_params_of"
                      : "in use by a graph on another tape; reset that first");
    return false;
}

tp_status tp_module_to(tp_tape *T, tp_module *m, tp_dtype dtype)
{
    int n;
    if (m == NULL)
        return tp__missing(T, "module_to", "the module");
    if (!tp__ok(T))
        return tp_error_status(T);
    m = tp__module_self(m);
    if (!tp_dtype_is_float(dtype))
        return tp_fail(T, TP_EDTYPE, "module_to: the dtype is %s; float32 or float64 is needed", tp_dtype_name(dtype));
    if (m->params)
        return tp_fail(
            T, TP_EINVAL,
            "module_to: the module's parameter set is made already; a conversion is needed before tp_module_params");
    tp_tensor **list = all_tensors(m, false, &n), **converted = tp__calloc((size_t)n + 1, sizeof *converted);
    bool ok = list && converted;
    for (int i = 0; ok && i < n; i++)
        if (tp_dtype_is_float(list[i]->dtype) && list[i]->dtype != dtype)
            ok = may_convert(T, list[i]);
    for (int i = 0; ok && i < n; i++) {
        if (!tp_dtype_is_float(list[i]->dtype) || list[i]->dtype == dtype)
            continue;
        converted[i] = tp__tensor_owned(dtype, tp__dims_of(list[i]));
        ok = converted[i] != NULL && tp_copy_into(T, converted[i], list[i]) == TP_OK;
    }
    for (int i = 0; converted && i < n; i++) {
        if (ok && converted[i]) {
            tp__nodes_convert(T, list[i]);
            take_over(list[i], converted[i]);
        }
        tp_free(converted[i]);
    }
    tp__free(list);
    tp__free(converted);
    if (!ok)
        tp_fail(T, TP_ENOMEM, "module_to: no memory");
    return T->status;
}
