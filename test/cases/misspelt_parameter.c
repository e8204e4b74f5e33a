/* A misspelt parameter name gives NULL. What is computed from it must fail the tape with a message, and the optimizer
 * must then update nothing: a program that looks at the tape at the end of a step notices. */
#include <stdio.h>
#include <string.h>
#include <tapir.h>

#define EXPECT(what) do { if (!(what)) { fprintf(stderr, "line %d: %s (%s)\n", __LINE__, #what, tp_error(T) ? tp_error(T) : "no error"); return 1; } } while (0)

int main(void)
{
    tp_tape *T = tp_tape_new();
    tp_module *net = tp_nn_linear(T, 3, 1, NULL);
    tp_optim *opt = tp_optim_sgd(T, tp_module_params(net), &(tp_sgd_options){.lr = 0.1});
    tp_tensor *loss = tp_forward(T, net, tp_ones(T, TP_F32, tp_shape(4, 3)));
    tp_tensor *penalty = tp_sum(T, tp_square(T, tp_module_param(net, "weigth")));
    EXPECT(penalty == NULL && tp_error(T) && strstr(tp_error(T), "square: input 0 is NULL"));
    EXPECT(tp_backward(T, tp_add(T, tp_sum(T, loss), penalty)) == TP_EINVAL);
    EXPECT(strstr(tp_error(T), "square: input 0 is NULL")); /* the first message stays */
    EXPECT(tp_optim_step(T, opt) == TP_EINVAL);
    tp_tape_reset(T);
    tp_clear_error(T);

    EXPECT(tp_optim_sgd(T, tp_module_params(NULL), &(tp_sgd_options){.lr = 0.1}) == NULL);
    EXPECT(tp_error(T) && strstr(tp_error(T), "sgd: the parameter set is NULL"));
    tp_clear_error(T);
    EXPECT(tp_backward(T, NULL) == TP_EINVAL && tp_error(T));
    tp_clear_error(T);
    EXPECT(tp_forward(T, tp_module_child(net, "layer"), tp_ones(T, TP_F32, tp_shape(4, 3))) == NULL && tp_error(T));
    tp_clear_error(T);
    tp_optim_free(opt);
    tp_module_free(net);
    tp_tape_free(T);
    return 0;
}
