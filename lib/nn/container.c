/* container.c - modules made of modules. */
#include "nn/nn.h"

#include <stdio.h>

static tp_tensor *sequential_forward(tp_tape *T, tp_module *self, tp_tensor *x)
{
    for (int i = 0; x && i < self->n_entries; i++) {
        tp_module *child = tp__module_child_at(self, i);
        if (child)
            x = tp_forward(T, child, x);
    }
    return x;
}

static const tp_module_class sequential_class = {
    .name = "Sequential", .size = sizeof(tp_module), .forward = sequential_forward};

tp_module *tp_nn_sequential_of(tp_tape *T, int n, tp_module *const *modules)
{
    char name[16];
    tp_module *m = tp_module_new(T, &sequential_class);
    if (m && (n < 0 || (n > 0 && modules == NULL)))
        tp_fail(T, TP_EINVAL, "nn_sequential: %d modules, but the list of them is NULL", n);
    if (modules == NULL)
        n = 0;
    if (n > 0 && modules[n - 1] == NULL && m) /* the end of the list */
        n--;
    for (int i = 0; i < n; i++) {
        snprintf(name, sizeof name, "%d", i);
        if (modules[i] == NULL && m)
            tp_fail(T, TP_EINVAL, "nn_sequential: module %d is NULL", i);
        tp_module_add(T, m, name, modules[i]); /* frees it where there is no m */
    }
    if (m && tp_error(T)) {
        tp_module_free(m);
        return NULL;
    }
    return m;
}
