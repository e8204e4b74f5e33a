/* clone.c - a deep copy of a module: everything below it is new, and what was tied is tied again.
 *
 * The struct of a module holds, beside numbers, pointers to its parameters and children. Copied byte by byte, its words that
 * point to a tensor or into a module below the one that is copied are made to point to the copy. */
#include "nn/nn.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    const char *from; /* `bytes` from here on... */
    size_t bytes;
    char *to; /* ...are there */
} moved;

typedef struct {
    tp_tape *T;
    int n_tensors, n_modules, n;
    tp_tensor **tensor;
    tp_module **module; /* parents before children */
    moved *tensor_to, *module_to;
    moved *all; /* both, sorted */
} cloning;

/* ---- what there is ---- */

static tp_status take_tensor(const char *name, tp_tensor *x, bool is_param, void *user)
{
    cloning *c = user;
    (void)name, (void)is_param;
    if (c->tensor)
        c->tensor[c->n_tensors] = x;
    c->n_tensors++;
    return TP_OK;
}
static tp_status take_module(const char *name, tp_module *m, void *user)
{
    cloning *c = user;
    (void)name;
    if (c->module)
        c->module[c->n_modules] = m;
    c->n_modules++;
    return TP_OK;
}

static bool find_all(cloning *c, tp_module *m)
{
    tp__walk w = {.tensor = take_tensor,
                  .before = take_module,
                  .of = {[TP__IS_PARAM] = true, [TP__IS_BUFFER] = true},
                  .once = true,
                  .user = c};
    tp__module_walk(m, &w, false);
    size_t tensors = (size_t)c->n_tensors + 1, modules = (size_t)c->n_modules;
    c->tensor = tp__malloc(tensors * sizeof *c->tensor);
    c->module = tp__malloc(modules * sizeof *c->module);
    c->tensor_to = tp__calloc(tensors, sizeof *c->tensor_to);
    c->module_to = tp__calloc(modules, sizeof *c->module_to);
    c->all = tp__malloc((tensors + modules) * sizeof *c->all);
    if (!c->tensor || !c->module || !c->tensor_to || !c->module_to || !c->all)
        return false;
    c->n_tensors = c->n_modules = 0;
    return tp__module_walk(m, &w, false) == TP_OK;
}

/* ---- copies ---- */

static bool copy_tensors(cloning *c)
{
    for (int i = 0; i < c->n_tensors; i++) {
        const tp_tensor *x = c->tensor[i];
        tp_tensor *y = tp__tensor_owned(x->dtype, tp__dims_of(x));
        if (y == NULL)
            return false;
        tp__copy_elements(x, y->data, x->dtype);
        tp__tensor_hold(y); /* until the end, also where a module could not take it and frees it */
        c->tensor_to[i] = (moved){(const char *)x, sizeof *x, (char *)y};
    }
    return true;
}

/* Without children yet, and without what they own beside (hollow). */
static bool copy_structs(cloning *c)
{
    for (int i = 0; i < c->n_modules; i++) {
        const tp_module *m = c->module[i];
        tp_module *copy = tp_module_new(c->T, m->type);
        if (copy == NULL)
            return false;
        copy->use->hollow = m->type->clone != NULL;
        copy->training = m->training;
        memcpy(copy + 1, m + 1, m->type->size - sizeof *m);
        c->module_to[i] = (moved){(const char *)m, m->type->size, (char *)copy};
        if (!tp__computed_clone(copy, m))
            return false;
    }
    return true;
}

static int by_place(const void *a, const void *b)
{
    const char *x = ((const moved *)a)->from, *y = ((const moved *)b)->from;
    return x < y ? -1 : x > y;
}

static void sort_places(cloning *c)
{
    memcpy(c->all, c->tensor_to, (size_t)c->n_tensors * sizeof *c->all);
    memcpy(c->all + c->n_tensors, c->module_to, (size_t)c->n_modules * sizeof *c->all);
    c->n = c->n_tensors + c->n_modules;
    qsort(c->all, (size_t)c->n, sizeof *c->all, by_place);
}

/* Where that place is in the copy; NULL: it is not below the module. */
static char *place_in_copy(const cloning *c, const char *place)
{
    int low = 0, high = c->n;
    while (low < high) {
        int middle = low + (high - low) / 2;
        const moved *at = &c->all[middle];
        if (place < at->from)
            high = middle;
        else if ((size_t)(place - at->from) >= at->bytes)
            low = middle + 1;
        else
            return at->to + (place - at->from);
    }
    return NULL;
}

static void redirect_words(const cloning *c, tp_module *copy)
{
    for (size_t at = sizeof *copy; at + sizeof(char *) <= copy->type->size; at += sizeof(char *)) {
        char *word;
        memcpy(&word, (char *)copy + at, sizeof word);
        char *to = place_in_copy(c, word);
        if (to)
            memcpy((char *)copy + at, &to, sizeof to);
    }
}

/* ---- the tree ---- */

static void add_tensor(const cloning *c, tp_module *to, const tp_module_entry *e)
{
    tp_tensor *y = (tp_tensor *)(void *)place_in_copy(c, (const char *)e->tensor);
    bool grad = (e->tensor->flags & TP__REQUIRES_GRAD) != 0;
    if (e->kind == TP__IS_PARAM)
        y = tp_module_add_param(c->T, to, e->name, y);
    else if (e->unsaved)
        y = tp_module_add_unsaved_buffer(c->T, to, e->name, y);
    else
        y = tp_module_add_buffer(c->T, to, e->name, y);
    tp_requires_grad(y, grad);
}

static bool is_below(const tp_module *m, const tp_module *top)
{
    while (m && m != top)
        m = m->parent;
    return m == top;
}

/* A copy that could not be added is freed, with all below it. */
static void add_child(cloning *c, tp_module *to, const tp_module_entry *e)
{
    if (tp_module_add(c->T, to, e->name, (tp_module *)(void *)place_in_copy(c, (const char *)e->child)))
        return;
    for (int i = 0; i < c->n_modules; i++)
        if (is_below(c->module[i], e->child))
            c->module_to[i].to = NULL;
}

static bool copy_entries(cloning *c)
{
    for (int i = c->n_modules - 1; i >= 0; i--) {
        const tp_module *m = c->module[i];
        tp_module *to = (tp_module *)(void *)c->module_to[i].to;
        redirect_words(c, to);
        for (int k = 0; k < m->n_entries && tp__ok(c->T); k++)
            if (m->entries[k].kind == TP__IS_CHILD)
                add_child(c, to, &m->entries[k]);
            else
                add_tensor(c, to, &m->entries[k]);
    }
    return tp__ok(c->T);
}

static bool copy_what_they_own(cloning *c)
{
    for (int i = 0; i < c->n_modules; i++) {
        tp_module *copy = (tp_module *)(void *)c->module_to[i].to;
        tp__call_out call;
        if (!copy->use->hollow)
            continue;
        tp__enter(c->T, &call);
        tp_status status = copy->type->clone(c->T, copy, c->module[i]);
        tp__leave(&call);
        if (status != TP_OK)
            tp_fail(c->T, status, "module_clone: clone of %s returned %s", copy->type->name, tp_status_name(status));
        if (!tp__ok(c->T))
            return false;
        copy->use->hollow = false;
    }
    return true;
}

/* Tensors that no module has are still ours to free. */
static void let_tensors_go(cloning *c)
{
    for (int i = 0; c->tensor_to && i < c->n_tensors; i++) {
        tp_tensor *y = (tp_tensor *)(void *)c->tensor_to[i].to;
        tp_free(y);
        tp__tensor_drop(y);
    }
}

/* Children come after their parents, so they are skipped before these go. */
static void free_copies(cloning *c)
{
    for (int i = c->n_modules - 1; c->module_to && i >= 0; i--) {
        tp_module *copy = (tp_module *)(void *)c->module_to[i].to;
        if (copy && copy->parent == NULL)
            tp_module_free(copy);
    }
}

static bool can_be_cloned(const cloning *c)
{
    for (int i = 0; i < c->n_modules; i++) {
        const tp_module_class *type = c->module[i]->type;
        if (type->free && type->clone == NULL) {
            tp_fail(c->T, TP_EUNSUPPORTED, "module_clone: %s has a free and no clone; both are needed", type->name);
            return false;
        }
    }
    return true;
}

tp_module *tp_module_clone(tp_tape *T, tp_module *m)
{
    TP__NAMED(T, "module_clone");
    cloning c = {.T = T};
    tp_module *copy = NULL;
    if (m == NULL)
        tp__missing(T, "module_clone", "the module");
    if (!tp__ok(T) || m == NULL)
        return NULL;
    bool memory = find_all(&c, m), fits = memory && can_be_cloned(&c);
    if (fits && (memory = copy_tensors(&c) && copy_structs(&c))) {
        sort_places(&c);
        if (copy_entries(&c) && copy_what_they_own(&c))
            copy = (tp_module *)(void *)c.module_to[0].to;
    }
    if (!memory)
        tp_fail(T, TP_ENOMEM, "module_clone: no memory");
    if (copy == NULL)
        free_copies(&c);
    let_tensors_go(&c);
    tp__free(c.tensor);
    tp__free(c.module);
    tp__free(c.tensor_to);
    tp__free(c.module_to);
    tp__free(c.all);
    return copy;
}
