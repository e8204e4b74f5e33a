/* dropout.c - the layer that drops elements in training. */
#include "nn/nn.h"
#include "tapir/random.h"

typedef struct {
    tp_module base;
    double p;
} dropout;

static tp_tensor *dropout_forward(tp_tape *T, tp_module *self, tp_tensor *x)
{
    return tp_dropout(T, x, ((dropout *)self)->p, self->training);
}

/* As Python writes it: 0.5, and 1.0 for a whole number. */
static int dropout_repr(const tp_module *self, char *buffer, size_t n)
{
    double p = ((const dropout *)self)->p;
    return tp__snprintf(buffer, n, p == (double)(int)p ? "p=%.1f, inplace=False" : "p=%g, inplace=False", p);
}

static const tp_module_class dropout_class = {
    .name = "Dropout", .size = sizeof(dropout), .forward = dropout_forward, .extra_repr = dropout_repr};

tp_module *tp_nn_dropout(tp_tape *T, double p)
{
    TP__NAMED(T, "nn_dropout");
    if (!(p >= 0 && p <= 1)) {
        tp_fail(T, TP_EINVAL, "dropout: p is %g; 0 to 1 is needed", p);
        return NULL;
    }
    dropout *m = (dropout *)tp_module_new(T, &dropout_class);
    if (m == NULL)
        return NULL;
    m->p = p;
    return &m->base;
}
