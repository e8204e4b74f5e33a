/* One tensor as a parameter of two layers (weight tying): listed once by tp_module_params, its gradient is the sum, and
 * it is freed once, with the last module that has it. Layers that are there are tied by tp_module_set_param. */
#include <stdio.h>
#include <tapir.h>

#define EXPECT(what) do { if (!(what)) { fprintf(stderr, "line %d: %s (%s)\n", __LINE__, #what, tp_error(T) ? tp_error(T) : "no error"); return 1; } } while (0)

static const tp_module_class plain = {.name = "Plain", .size = sizeof(tp_module)};

int main(void)
{
    tp_tape *T = tp_tape_new();
    tp_module *net = tp_module_new(T, &plain), *a = tp_module_add(T, net, "a", tp_module_new(T, &plain)), *b = tp_module_add(T, net, "b", tp_module_new(T, &plain));
    tp_tensor *w = tp_keep(tp_full(T, TP_F32, tp_shape(3), 2));
    EXPECT(tp_module_add_param(T, a, "weight", w) == w && tp_module_add_param(T, b, "weight", w) == w);
    EXPECT(tp_params_length(tp_module_params(net)) == 1);
    tp_optim *o = tp_optim_sgd(T, tp_module_params(net), &(tp_sgd_options){.lr = 0.25});
    tp_tensor *loss = tp_sum(T, tp_mul(T, tp_module_param(net, "a.weight"), tp_module_param(net, "b.weight")));
    EXPECT(tp_backward(T, loss) == TP_OK && tp_item_at(tp_grad(w), 0) == 4);
    EXPECT(tp_optim_step(T, o) == TP_OK && tp_item_at(w, 2) == 1);
    tp_optim_free(o);
    tp_module_free(a);
    EXPECT(tp_module_param(net, "b.weight") == w && tp_item_at(w, 0) == 1);
    tp_module_free(net);

    /* Of layers that are there already, as an encoder and its decoder. */
    net = tp_nn_sequential(T, tp_nn_linear(T, 3, 3, NULL), tp_nn_tanh(T), tp_nn_linear(T, 3, 3, NULL));
    w = tp_module_param(net, "0.weight");
    EXPECT(tp_module_set_param(T, net, "2.weight", w) == w && tp_module_param(net, "2.weight") == w);
    EXPECT(tp_module_set_param(T, net, "2.weight", w) == w);
    tp_tensor *x = tp_randn(T, TP_F32, tp_shape(5, 3)), *y = tp_forward(T, net, x);
    tp_tensor *h = tp_tanh(T, tp_linear(T, x, w, tp_module_param(net, "0.bias")));
    EXPECT(tp_equal(T, y, tp_linear(T, h, w, tp_module_param(net, "2.bias"))));
    EXPECT(tp_backward(T, tp_sum(T, y)) == TP_OK && tp_grad(w) != NULL);
    tp_module *copy = tp_module_clone(T, net);
    EXPECT(copy && tp_module_param(copy, "0.weight") == tp_module_param(copy, "2.weight") && tp_module_param(copy, "2.weight") != w);
    EXPECT(tp_module_set_param(T, copy, "0.weight", tp_keep(tp_ones(T, TP_F32, tp_shape(3, 3)))) != NULL);
    EXPECT(tp_item(tp_sum(T, tp_module_param(copy, "0.weight"))) == 9 && tp_needs_grad(tp_module_param(copy, "0.weight")));
    EXPECT(tp_equal(T, tp_module_param(copy, "2.weight"), w)); /* no longer tied */
    EXPECT(tp_params_length(tp_module_params(net)) == 3);
    EXPECT(!tp_module_set_param(T, net, "2.weight", tp_keep(tp_ones(T, TP_F32, tp_shape(3, 3)))) && tp_error_status(T) == TP_EINVAL);
    tp_clear_error(T);
    EXPECT(!tp_module_set_param(T, copy, "2.weight", tp_keep(tp_ones(T, TP_F32, tp_shape(3, 4)))) && tp_error_status(T) == TP_ESHAPE);
    tp_clear_error(T);
    EXPECT(!tp_module_set_param(T, copy, "2.weight", tp_keep(tp_ones(T, TP_F64, tp_shape(3, 3)))) && tp_error_status(T) == TP_EDTYPE);
    tp_clear_error(T);
    EXPECT(!tp_module_set_param(T, copy, "2.weight", tp_ones(T, TP_F32, tp_shape(3, 3))) && tp_error_status(T) == TP_EINVAL);
    tp_clear_error(T);
    EXPECT(!tp_module_set_param(T, copy, "2.wieght", tp_keep(tp_ones(T, TP_F32, tp_shape(3, 3)))) && tp_error_status(T) == TP_EINVAL);
    tp_clear_error(T);
    tp_module_free(net);
    tp_module_free(copy);
    tp_tape_free(T);
    return 0;
}
