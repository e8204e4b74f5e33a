/* Tensors and modules that are freed while a graph, a set or an optimizer has them: what is left is right, or is told. */
#include <stdio.h>
#include <string.h>
#include <tapir.h>

#define EXPECT(what) do { if (!(what)) { fprintf(stderr, "line %d: %s (%s)\n", __LINE__, #what, tp_error(T) ? tp_error(T) : "no error"); return 1; } } while (0)

int main(void)
{
    tp_tape *T = tp_tape_new();
    tp_tensor *w = tp_requires_grad(tp_keep(tp_full(T, TP_F64, tp_shape(3), 5)), true);
    tp_tensor *x = tp_requires_grad(tp_ones(T, TP_F64, tp_shape(3)), true);
    tp_tensor *loss = tp_sum(T, tp_mul(T, x, w));
    tp_free(w);
    EXPECT(tp_backward(T, loss) == TP_OK && tp_item_at(tp_grad(x), 0) == 5);

    w = tp_requires_grad(tp_keep(tp_full(T, TP_F64, tp_shape(3), 5)), true);
    EXPECT(tp_backward(T, tp_sum(T, w)) == TP_OK);
    tp_free(tp_grad(w)); /* belongs to w */
    EXPECT(tp_item_at(tp_grad(w), 0) == 1);
    tp_free(w);

    tp_module *net = tp_nn_linear(T, 3, 1, NULL);
    tp_optim *o = tp_optim_sgd(T, tp_module_params(net), &(tp_sgd_options){.lr = 0.1});
    loss = tp_sum(T, tp_forward(T, net, tp_ones(T, TP_F32, tp_shape(2, 3))));
    tp_free(tp_module_param(net, "weight")); /* belongs to net */
    EXPECT(tp_numel(tp_module_param(net, "weight")) == 3);
    tp_module_free(net);
    EXPECT(tp_backward(T, loss) == TP_OK);
    EXPECT(tp_optim_step(T, o) == TP_EINVAL && strstr(tp_error(T), "freed"));
    tp_optim_free(o);
    tp_tape_free(T);
    return 0;
}
