/* One tensor as a parameter of two layers (weight tying): listed once by tp_module_params, its gradient is the sum, and
 * it is freed once, with the last module that has it. */
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
    tp_tape_free(T);
    return 0;
}
