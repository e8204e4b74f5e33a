/* activation.c - layers without parameters that are one function of the tensor. */
#include "nn/nn.h"
#include "tapir/ops.h"

typedef struct {
    tp_module_class type;
    tp_tensor *(*function)(tp_tape *T, tp_tensor *x);
} activation;

static tp_tensor *activation_forward(tp_tape *T, tp_module *self, tp_tensor *x)
{
    return ((const activation *)self->type)->function(T, x);
}

/* clang-format off */
#define ACTIVATION(f, Name)                                                                        \
    static const activation f##_class = {                                                          \
        {.name = Name, .size = sizeof(tp_module), .forward = activation_forward}, tp_##f};         \
    tp_module *tp_nn_##f(tp_tape *T) { return tp_module_new(T, &f##_class.type); }

ACTIVATION(relu, "ReLU")
ACTIVATION(tanh, "Tanh")
ACTIVATION(sigmoid, "Sigmoid")
/* clang-format on */
