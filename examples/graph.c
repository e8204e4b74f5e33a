/* graph.c - the graph of the notebook's network: as a table, and for Graphviz in the file named on the command line.
 *
 * make graph draws it: build/graph.svg, build/graph.png
 */
#define TP_TRACE
#include <stdio.h>
#include <tapir.h>

int main(int argc, char **argv)
{
    tp_tape *T = tp_tape_new();
    tp_manual_seed(T, 42);
    tp_module *net = tp_nn_linear(T, 8, 1, NULL);
    tp_optim *sgd = tp_optim_sgd(T, tp_module_params(net), &(tp_sgd_options){.lr = 0.1});
    tp_tensor *x = tp_randn(T, TP_F32, tp_shape(32, 8));
    tp_tensor *y = tp_mul_scalar(T, tp_add_scalar(T, tp_sign(T, tp_index(T, x, ":, 0:1")), 1), .5);

    tp_tensor *prob = tp_sigmoid(T, tp_forward(T, net, x));
    tp_tensor *loss = tp_binary_cross_entropy(T, prob, y, TP_MEAN);
    tp_tape_print(T, stdout);
    FILE *dot = argc > 1 ? fopen(argv[1], "w") : stdout;
    if (dot != NULL)
        tp_tape_dot(T, dot);
    if (dot != NULL && dot != stdout)
        fclose(dot);

    tp_tape_profile(T, true);
    for (int step = 0; step < 100; step++) {
        tp_optim_zero_grad(sgd);
        prob = tp_sigmoid(T, tp_forward(T, net, x));
        loss = tp_binary_cross_entropy(T, prob, y, TP_MEAN);
        tp_backward(T, loss);
        tp_optim_step(T, sgd);
    }
    tp_profile_print(T, stdout);
    int failed = tp_error(T) != NULL || dot == NULL;
    if (failed)
        fprintf(stderr, "%s\n", tp_error(T) ? tp_error(T) : "the file cannot be written");
    tp_optim_free(sgd);
    tp_module_free(net);
    tp_tape_free(T);
    return failed;
}
