/* tp_module_to of what is in a set (a child's, or of tp_params_of) with an optimizer on it: TP_EINVAL, nothing changes.
 * Of what was recorded: the conversion is done, and backward says TP_EMUTATED. */
#include <math.h>
#include <stdio.h>
#include <tapir.h>

#define EXPECT(what) do { if (!(what)) { fprintf(stderr, "case %d, line %d: %s (%s)\n", k, __LINE__, #what, tp_error(T) ? tp_error(T) : "no error"); return 1; } } while (0)

static double closure(tp_tape *T, void *user)
{
    tp_tensor *w = user;
    tp_zero_grad(w);
    tp_tensor *l = tp_sum(T, tp_square(T, w));
    double v = tp_item(l);
    tp_backward(T, l);
    return v;
}

int main(void)
{
    for (int k = 0; k < 5; k++) {
        tp_tape *T = tp_tape_new();
        tp_module *child = tp_nn_linear(T, 3, 2, NULL), *net = tp_nn_sequential(T, child);
        tp_tensor *w = tp_module_param(child, "weight"), *list[2] = {w, tp_module_param(child, "bias")};
        tp_tensor *y = tp_sum(T, tp_square(T, tp_forward(T, net, tp_ones(T, TP_F32, tp_shape(4, 3)))));
        if (k == 4) {
            EXPECT(tp_module_to(T, net, TP_F64) == TP_OK && tp_dtype_of(w) == TP_F64);
            EXPECT(tp_backward(T, y) == TP_EMUTATED && tp_grad(w) == NULL);
        } else {
            tp_params *set = k == 0 ? tp_module_params(child) : tp_params_of(T, 2, list);
            tp_optim *o = k == 2   ? tp_optim_lbfgs(T, set, NULL)
                          : k == 3 ? tp_optim_sgd(T, set, &(tp_sgd_options){.lr = 0.1, .momentum = 0.9})
                                   : tp_optim_adam(T, set, NULL);
            EXPECT(tp_module_to(T, net, TP_F64) == TP_EINVAL && tp_dtype_of(w) == TP_F32);
            tp_clear_error(T);
            double before = tp_item_at(w, 0);
            EXPECT(tp_backward(T, y) == TP_OK);
            if (k == 2)
                EXPECT(isfinite(tp_optim_step_closure(T, o, closure, w)));
            else
                EXPECT(tp_optim_step(T, o) == TP_OK);
            EXPECT(isfinite(tp_item_at(w, 0)) && tp_item_at(w, 0) != before);
            tp_optim_free(o);
            if (k != 0)
                tp_params_free(set);
        }
        tp_module_free(net);
        tp_tape_free(T);
    }
    return 0;
}
