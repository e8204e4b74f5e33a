/* flatten.c - layers that change shapes. */
#include "nn/nn.h"
#include "tapir/ops.h"

#include <stdio.h>

typedef struct {
    tp_module base;
    int start, end;
} flatten;

static tp_tensor *flatten_forward(tp_tape *T, tp_module *self, tp_tensor *x)
{
    flatten *m = (flatten *)self;
    return tp_flatten(T, x, m->start, m->end);
}

static int flatten_repr(const tp_module *self, char *buffer, size_t n)
{
    const flatten *m = (const flatten *)self;
    return snprintf(buffer, n, "start_dim=%d, end_dim=%d", m->start, m->end);
}

static const tp_module_class flatten_class = {
    .name = "Flatten", .size = sizeof(flatten), .forward = flatten_forward, .extra_repr = flatten_repr};

tp_module *tp_nn_flatten(tp_tape *T, int start_dim, int end_dim)
{
    flatten *m = (flatten *)tp_module_new(T, &flatten_class);
    if (m == NULL)
        return NULL;
    m->start = start_dim;
    m->end = end_dim;
    return &m->base;
}

/* ---- and back --------------------------------------------------------------------------------------------------- */

typedef struct {
    tp_module base;
    int dim;
    tp_dims sizes;
} unflatten;

static tp_tensor *unflatten_forward(tp_tape *T, tp_module *self, tp_tensor *x)
{
    unflatten *m = (unflatten *)self;
    return tp_unflatten(T, x, m->dim, m->sizes);
}

/* The sizes as Python writes a tuple, that of one with a comma. */
static int unflatten_repr(const tp_module *self, char *buffer, size_t n)
{
    const unflatten *m = (const unflatten *)self;
    char sizes[TP_MAX_DIMS * 24] = "";
    for (int d = 0, at = 0; d < m->sizes.ndim; d++)
        at += snprintf(sizes + at, sizeof sizes - (size_t)at, d ? ", %lld" : "%lld", (long long)m->sizes.dim[d]);
    return snprintf(buffer, n, "dim=%d, unflattened_size=(%s%s)", m->dim, sizes, m->sizes.ndim == 1 ? "," : "");
}

static const tp_module_class unflatten_class = {
    .name = "Unflatten", .size = sizeof(unflatten), .forward = unflatten_forward, .extra_repr = unflatten_repr};

tp_module *tp_nn_unflatten(tp_tape *T, int dim, tp_dims sizes)
{
    TP__NAMED(T, "nn_unflatten");
    if (sizes.ndim < 1 || sizes.ndim > TP_MAX_DIMS) {
        tp_fail(T, TP_ESHAPE, "nn_unflatten: %d sizes; 1 to TP_MAX_DIMS are needed", sizes.ndim);
        return NULL;
    }
    unflatten *m = (unflatten *)tp_module_new(T, &unflatten_class);
    if (m == NULL)
        return NULL;
    m->dim = dim;
    m->sizes = sizes;
    return &m->base;
}
