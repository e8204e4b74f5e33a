/* container.c - modules made of modules, and of parameters: chains, lists and dictionaries. */
#include "nn/nn.h"

#include <stdio.h>
#include <string.h>

/* ---- classes ---------------------------------------------------------------------------------------------------- */

static tp_tensor *sequential_forward(tp_tape *T, tp_module *self, tp_tensor *x)
{
    for (int i = 0; x && i < self->n_entries; i++) {
        const tp_module_entry *e = &self->entries[i];
        if (e->kind != TP__IS_CHILD)
            continue;
        bool chains = e->child->type->forward || tp__module_chains(T, e->child, "Sequential", e->name);
        x = chains ? tp_forward(T, e->child, x) : NULL;
    }
    return x;
}

static tp_tensor *identity_forward(tp_tape *T, tp_module *self, tp_tensor *x)
{
    (void)T, (void)self;
    return x;
}

/* "  (0): Parameter containing: [torch.float32 of size 3x4]", a line each; torch's dictionary has the names of its old
 * classes there. */
static int parameters_repr(const tp_module *self, char *buffer, size_t n, bool old_names)
{
    size_t at = 0;
    for (int i = 0; i < self->n_entries; i++) {
        const tp_module_entry *e = &self->entries[i];
        if (e->kind != TP__IS_PARAM)
            continue;
        const char *type = old_names ? (e->tensor->dtype == TP_F64 ? "DoubleTensor" : "FloatTensor")
                                     : tp_dtype_name(e->tensor->dtype);
        at += (size_t)snprintf(at < n ? buffer + at : NULL, at < n ? n - at : 0,
                               "%s  (%s): Parameter containing: [torch.%s of size ", at ? "\n" : "", e->name, type);
        for (int d = 0; d < e->tensor->ndim; d++)
            at += (size_t)snprintf(at < n ? buffer + at : NULL, at < n ? n - at : 0, d ? "x%lld" : "%lld",
                                   (long long)e->tensor->shape[d]);
        at += (size_t)snprintf(at < n ? buffer + at : NULL, at < n ? n - at : 0, "]");
    }
    return (int)at;
}
static int parameter_list_repr(const tp_module *self, char *buffer, size_t n)
{
    return parameters_repr(self, buffer, n, false);
}
static int parameter_dict_repr(const tp_module *self, char *buffer, size_t n)
{
    return parameters_repr(self, buffer, n, true);
}

static const tp_module_class sequential_class = {
    .name = "Sequential", .size = sizeof(tp_module), .forward = sequential_forward};
static const tp_module_class identity_class = {
    .name = "Identity", .size = sizeof(tp_module), .forward = identity_forward};
static const tp_module_class module_list_class = {.name = "ModuleList", .size = sizeof(tp_module)};
static const tp_module_class module_dict_class = {.name = "ModuleDict", .size = sizeof(tp_module)};
static const tp_module_class parameter_list_class = {
    .name = "ParameterList", .size = sizeof(tp_module), .extra_repr = parameter_list_repr};
static const tp_module_class parameter_dict_class = {
    .name = "ParameterDict", .size = sizeof(tp_module), .extra_repr = parameter_dict_repr};

tp_module *tp_nn_identity(tp_tape *T)
{
    TP__NAMED(T, "nn_identity");
    return tp_module_new(T, &identity_class);
}

/* ---- modules ---------------------------------------------------------------------------------------------------- */

/* Adds modules[i] under its name, by default "i", or frees it where that cannot be. */
static void add_child(tp_tape *T, tp_module *m, const char *speaker, int i, const char *name, tp_module *child)
{
    char number[16];
    snprintf(number, sizeof number, "%d", i);
    if (child == NULL && m)
        tp_fail(T, TP_EINVAL, "%s: module %d is NULL; a module is needed", speaker, i);
    if (child && m && tp__ok(T) && m->type == &sequential_class)
        tp__module_chains(T, child, speaker, name ? name : number);
    tp_module_add(T, m, name ? name : number, child);
}

/* Is entry i of a list of pointers in front of it, too? After a failure it is freed then. */
static bool is_again(const void *list, int i)
{
    const char *at = list, *entry = at + (size_t)i * sizeof(void *);
    for (; at < entry; at += sizeof(void *))
        if (memcmp(at, entry, sizeof(void *)) == 0)
            return true;
    return false;
}

/* The container, or NULL where something has failed. */
static tp_module *finished(tp_tape *T, tp_module *m)
{
    if (m == NULL || tp__ok(T))
        return m;
    tp_module_free(m);
    return NULL;
}

/* All modules are the container's, or freed. `names` may be NULL: "0", "1", ... */
static tp_module *container_of(tp_tape *T, const tp_module_class *type, const char *speaker, int n,
                               const char *const *names, tp_module *const *modules)
{
    TP__NAMED(T, speaker);
    tp_module *m = tp_module_new(T, type);
    if (m && (n < 0 || (n > 0 && modules == NULL)))
        tp_fail(T, TP_EINVAL, "%s: %d modules, but the list of them is NULL", speaker, n);
    for (int i = 0; modules && i < n; i++)
        if (tp__ok(T) || !is_again(modules, i))
            add_child(T, m, speaker, i, names ? names[i] : NULL, modules[i]);
    return finished(T, m);
}

/* Without the NULL that may end a list. */
static int without_end(int n, tp_module *const *modules)
{
    return n > 0 && modules && modules[n - 1] == NULL ? n - 1 : n;
}

tp_module *tp_nn_sequential_of(tp_tape *T, int n, tp_module *const *modules)
{
    return container_of(T, &sequential_class, "nn_sequential", without_end(n, modules), NULL, modules);
}

tp_module *tp_nn_module_list_of(tp_tape *T, int n, tp_module *const *modules)
{
    return container_of(T, &module_list_class, "nn_module_list", without_end(n, modules), NULL, modules);
}

tp_module *tp_nn_module_dict(tp_tape *T, int n, const char *const *names, tp_module *const *modules)
{
    if (n > 0 && names == NULL)
        tp__missing(T, "nn_module_dict", "the list of names");
    return container_of(T, &module_dict_class, "nn_module_dict", n, names, modules);
}

/* ---- parameters --------------------------------------------------------------------------------------------------- */

static void add_parameter(tp_tape *T, tp_module *m, const char *speaker, int i, const char *name, tp_tensor *x)
{
    char number[16];
    snprintf(number, sizeof number, "%d", i);
    if (x == NULL && m)
        tp_fail(T, TP_EINVAL, "%s: parameter %d is NULL; a tensor is needed", speaker, i);
    tp_module_add_param(T, m, name ? name : number, x);
}

static tp_module *parameters_of(tp_tape *T, const tp_module_class *type, const char *speaker, int n,
                                const char *const *names, tp_tensor *const *tensors)
{
    TP__NAMED(T, speaker);
    tp_module *m = tp_module_new(T, type);
    if (m && (n < 0 || (n > 0 && tensors == NULL)))
        tp_fail(T, TP_EINVAL, "%s: %d parameters, but the list of them is NULL", speaker, n);
    for (int i = 0; tensors && i < n; i++)
        if (tp__ok(T) || !is_again(tensors, i))
            add_parameter(T, m, speaker, i, names ? names[i] : NULL, tensors[i]);
    return finished(T, m);
}

tp_module *tp_nn_parameter_list(tp_tape *T, int n, tp_tensor *const *tensors)
{
    return parameters_of(T, &parameter_list_class, "nn_parameter_list", n, NULL, tensors);
}

tp_module *tp_nn_parameter_dict(tp_tape *T, int n, const char *const *names, tp_tensor *const *tensors)
{
    if (n > 0 && names == NULL)
        tp__missing(T, "nn_parameter_dict", "the list of names");
    return parameters_of(T, &parameter_dict_class, "nn_parameter_dict", n, names, tensors);
}

/* ---- as lists ------------------------------------------------------------------------------------------------------- */

static int count(const tp_module *m, tp__entry_kind kind)
{
    int n = 0;
    m = m ? tp__module_self(m) : NULL;
    for (int i = 0; m && i < m->n_entries; i++)
        n += m->entries[i].kind == kind;
    return n;
}

/* Entry i of a kind, from the end where i is negative; NULL where there is none. */
static tp_module_entry *entry_at(const tp_module *m, tp__entry_kind kind, int i)
{
    i = i < 0 ? i + count(m, kind) : i;
    m = m ? tp__module_self(m) : NULL;
    for (int k = 0; m && i >= 0 && k < m->n_entries; k++)
        if (m->entries[k].kind == kind && i-- == 0)
            return &m->entries[k];
    return NULL;
}

tp_module *tp_nn_append(tp_tape *T, tp_module *list, tp_module *child)
{
    TP__NAMED(T, "nn_append");
    if (list == NULL)
        tp__missing(T, "nn_append", "the list");
    add_child(T, list, "nn_append", count(list, TP__IS_CHILD), NULL, child);
    return tp__ok(T) ? child : NULL;
}

tp_tensor *tp_nn_append_param(tp_tape *T, tp_module *list, tp_tensor *x)
{
    TP__NAMED(T, "nn_append_param");
    if (list == NULL)
        tp__missing(T, "nn_append_param", "the list");
    add_parameter(T, list, "nn_append_param", count(list, TP__IS_PARAM), NULL, x);
    return tp__ok(T) ? x : NULL;
}

/* Is it a list, whose children are known by their numbers? Otherwise T fails. */
static bool is_list(tp_tape *T, const char *speaker, const tp_module *m)
{
    if (m == NULL)
        tp__missing(T, speaker, "the list");
    else if (tp__ok(T) && m->type != &sequential_class && m->type != &module_list_class)
        tp_fail(T, TP_EINVAL, "%s: a %s; a Sequential or a ModuleList is needed", speaker, m->type->name);
    return m && tp__ok(T);
}

/* i in [0, end), from the end where it is negative; otherwise T fails, and it is -1. */
static int number_of(tp_tape *T, const char *speaker, int i, int n, int end)
{
    int at = i < 0 ? i + n : i;
    if (at >= 0 && at < end)
        return at;
    tp_fail(T, TP_EINDEX, "%s: child %d of %d; one that is there is needed", speaker, i, n);
    return -1;
}

tp_status tp_nn_extend(tp_tape *T, tp_module *list, int n, tp_module *const *modules)
{
    TP__NAMED(T, "nn_extend");
    bool well = is_list(T, "nn_extend", list);
    if (well && (n < 0 || (n > 0 && modules == NULL)))
        tp_fail(T, TP_EINVAL, "nn_extend: %d modules, but the list of them is NULL", n);
    for (int i = 0; modules && i < n; i++)
        if (tp__ok(T))
            add_child(T, list, "nn_extend", count(list, TP__IS_CHILD), NULL, modules[i]);
        else if (!is_again(modules, i))
            tp_module_free(modules[i]);
    return tp_error_status(T);
}

/* Names stay where they are, children move. */
tp_module *tp_nn_insert(tp_tape *T, tp_module *list, int i, tp_module *child)
{
    TP__NAMED(T, "nn_insert");
    int n = count(list, TP__IS_CHILD);
    int at = is_list(T, "nn_insert", list) ? number_of(T, "nn_insert", i, n, n + 1) : -1;
    add_child(T, at >= 0 ? list : NULL, "nn_insert", n, NULL, child);
    if (!tp__ok(T))
        return NULL;
    for (int k = n; k > at; k--)
        entry_at(list, TP__IS_CHILD, k)->child = entry_at(list, TP__IS_CHILD, k - 1)->child;
    return entry_at(list, TP__IS_CHILD, at)->child = child;
}

tp_module *tp_nn_pop(tp_tape *T, tp_module *list, int i)
{
    int n = count(list, TP__IS_CHILD);
    int at = is_list(T, "nn_pop", list) ? number_of(T, "nn_pop", i, n, n) : -1;
    if (at < 0)
        return NULL;
    tp_module *child = entry_at(list, TP__IS_CHILD, at)->child;
    for (int k = at; k + 1 < n; k++)
        entry_at(list, TP__IS_CHILD, k)->child = entry_at(list, TP__IS_CHILD, k + 1)->child;
    tp_module_entry *last = entry_at(list, TP__IS_CHILD, n - 1);
    tp__free(last->name);
    memmove(last, last + 1, (size_t)(&list->entries[list->n_entries--] - last - 1) * sizeof *last);
    child->parent = NULL;
    return child;
}

int tp_nn_length(const tp_module *list) { return count(list, TP__IS_CHILD); }
int tp_nn_param_length(const tp_module *list) { return count(list, TP__IS_PARAM); }

tp_module *tp_nn_at(const tp_module *list, int i)
{
    tp_module_entry *e = entry_at(list, TP__IS_CHILD, i);
    return e ? e->child : NULL;
}

tp_tensor *tp_nn_param_at(const tp_module *list, int i)
{
    tp_module_entry *e = entry_at(list, TP__IS_PARAM, i);
    return e ? e->tensor : NULL;
}
