/* A Sequential may have a parameter and a buffer of its own beside its modules: forward took them for modules and crashed. */
#include <stdio.h>
#include <tapir.h>

int main(void)
{
    tp_tape *T = tp_tape_new();
    tp_module *net = tp_nn_sequential(T, tp_nn_linear(T, 2, 3, NULL), tp_nn_tanh(T));
    tp_module_add_param(T, net, "scale", tp_keep(tp_ones(T, TP_F32, TP_SCALAR)));
    tp_module_add_buffer(T, net, "seen", tp_keep(tp_zeros(T, TP_I64, TP_SCALAR)));
    tp_tensor *x = tp_randn(T, TP_F32, tp_shape(4, 2)), *y = tp_forward(T, net, x);
    tp_tensor *want = tp_tanh(T, tp_linear(T, x, tp_module_param(net, "0.weight"), tp_module_param(net, "0.bias")));
    char text[500];
    tp_module_format(net, text, sizeof text);
    int bad = !tp_equal(T, y, want) || tp_params_length(tp_module_params(net)) != 3 || tp_error(T);
    if (bad)
        printf("%s\n%s\n", tp_error(T) ? tp_error(T) : "another result", text);
    tp_module_free(net);
    tp_tape_free(T);
    return bad;
}
