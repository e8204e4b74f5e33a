/* container.c - modules made of modules. */
#include "nn/nn.h"

#include <stdio.h>

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

static const tp_module_class sequential_class = {
    .name = "Sequential", .size = sizeof(tp_module), .forward = sequential_forward};

/* Adds modules[i], or frees it where that cannot be. */
static void append_child(tp_tape *T, tp_module *m, int i, tp_module *child)
{
    char name[16];
    snprintf(name, sizeof name, "%d", i);
    if (child == NULL && m)
        tp_fail(T, TP_EINVAL, "nn_sequential: module %d is NULL", i);
    if (child && m && tp__ok(T))
        tp__module_chains(T, child, "nn_sequential", name);
    tp_module_add(T, m, name, child);
}

tp_module *tp_nn_sequential_of(tp_tape *T, int n, tp_module *const *modules)
{
    tp_module *m = tp_module_new(T, &sequential_class);
    if (m && (n < 0 || (n > 0 && modules == NULL)))
        tp_fail(T, TP_EINVAL, "nn_sequential: %d modules, but the list of them is NULL", n);
    if (modules == NULL)
        n = 0;
    if (n > 0 && modules[n - 1] == NULL && m) /* the end of the list */
        n--;
    for (int i = 0; i < n; i++)
        append_child(T, m, i, modules[i]);
    if (m && tp_error(T)) {
        tp_module_free(m);
        return NULL;
    }
    return m;
}
