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
