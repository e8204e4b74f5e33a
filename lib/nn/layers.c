/* layers.c - layers without parameters. */
#include "tape/tape.h"
#include "tapir/nn.h"
#include "tapir/ops.h"
#include "tapir/random.h"

#include <stdio.h>

/* ---- activations ---------------------------------------------------------------------------------------- */

static tp_tensor *relu_forward(tp_tape *T, tp_module *self, tp_tensor *x)
{
    (void)self;
    return tp_relu(T, x);
}
static tp_tensor *tanh_forward(tp_tape *T, tp_module *self, tp_tensor *x)
{
    (void)self;
    return tp_tanh(T, x);
}
static tp_tensor *sigmoid_forward(tp_tape *T, tp_module *self, tp_tensor *x)
{
    (void)self;
    return tp_sigmoid(T, x);
}

static const tp_module_class relu_class = {.name = "ReLU", .size = sizeof(tp_module), .forward = relu_forward};
static const tp_module_class tanh_class = {.name = "Tanh", .size = sizeof(tp_module), .forward = tanh_forward};
static const tp_module_class sigmoid_class = {.name = "Sigmoid", .size = sizeof(tp_module), .forward = sigmoid_forward};

tp_module *tp_nn_relu(tp_tape *T) { return tp_module_new(T, &relu_class); }
tp_module *tp_nn_tanh(tp_tape *T) { return tp_module_new(T, &tanh_class); }
tp_module *tp_nn_sigmoid(tp_tape *T) { return tp_module_new(T, &sigmoid_class); }

/* ---- flatten ----------------------------------------------------------------------------------------------- */

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

/* ---- dropout ------------------------------------------------------------------------------------------------- */

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
        tp_fail(T, TP_EINVAL, "dropout: a probability of %g; it lies in [0, 1]", p);
        return NULL;
    }
    dropout *m = (dropout *)tp_module_new(T, &dropout_class);
    if (m == NULL)
        return NULL;
    m->p = p;
    return &m->base;
}
