/* autoencoder.c - a small U-Net that takes the noise off pictures: a module of one's own, whose parts are joined across.
 *
 *     autoencoder --epochs 3 --noise 0.5
 *
 * Draws pictures of the test set in rows: with noise, as they came out, as they were.
 */
#define _DEFAULT_SOURCE
#include "support/fashion.h"

#include <stdlib.h>
#include <string.h>

enum { SHOWN = 12 };

/* ---- the module ------------------------------------------------------------------------------------------- */

typedef struct {
    tp_module  base;
    tp_module *in, *half, *quarter; /* on the way down: 28, 14 and 7 pixels wide */
    tp_module *to_half, *join_half; /* and up again, beside what was there on the way down */
    tp_module *to_whole, *join_whole, *out;
} unet;

static tp_tensor *step(tp_tape *T, tp_module *m, tp_tensor *x) { return tp_relu(T, tp_forward(T, m, x)); }

static tp_tensor *beside(tp_tape *T, tp_tensor *a, tp_tensor *b)
{
    tp_tensor *both[2] = {a, b};
    return tp_cat(T, 2, both, 1);
}

static tp_tensor *unet_forward(tp_tape *T, tp_module *self, tp_tensor *x)
{
    unet      *u = (unet *)self;
    tp_tensor *whole = step(T, u->in, x), *half = step(T, u->half, whole), *quarter = step(T, u->quarter, half);
    half = step(T, u->join_half, beside(T, half, step(T, u->to_half, quarter)));
    whole = step(T, u->join_whole, beside(T, whole, step(T, u->to_whole, half)));
    return tp_forward(T, u->out, whole);
}

static const tp_module_class unet_class = {.name = "UNet", .size = sizeof(unet), .forward = unet_forward};

static tp_module *make_unet(tp_tape *T)
{
    const tp_nn_conv_options same = {.padding_kind = TP_PADDING_SAME}, halve = {.stride = {2, 2}, .padding = {1, 1}};
    const tp_nn_conv_options twice = {.stride = {2, 2}};
    unet *u = (unet *)tp_module_new(T, &unet_class);
    if (u == NULL)
        return NULL;
    u->in = tp_module_add(T, &u->base, "in", tp_nn_conv2d(T, 1, 16, tp_shape(3), &same));
    u->half = tp_module_add(T, &u->base, "half", tp_nn_conv2d(T, 16, 32, tp_shape(3), &halve));
    u->quarter = tp_module_add(T, &u->base, "quarter", tp_nn_conv2d(T, 32, 64, tp_shape(3), &halve));
    u->to_half = tp_module_add(T, &u->base, "to_half", tp_nn_conv_transpose2d(T, 64, 32, tp_shape(2), &twice));
    u->join_half = tp_module_add(T, &u->base, "join_half", tp_nn_conv2d(T, 64, 32, tp_shape(3), &same));
    u->to_whole = tp_module_add(T, &u->base, "to_whole", tp_nn_conv_transpose2d(T, 32, 16, tp_shape(2), &twice));
    u->join_whole = tp_module_add(T, &u->base, "join_whole", tp_nn_conv2d(T, 32, 16, tp_shape(3), &same));
    u->out = tp_module_add(T, &u->base, "out", tp_nn_conv2d(T, 16, 1, tp_shape(1), NULL));
    return &u->base;
}

/* ---- data and pictures ---------------------------------------------------------------------------------------- */

static tp_tensor *read_images(tp_tape *T, const char *directory, const char *which, int64_t most)
{
    tp_tensor *x = tp_keep(fashion_images(T, directory, which, most));
    tp_tape_reset(T);
    return x;
}

static tp_tensor *noisy(tp_tape *T, tp_tensor *x, double noise)
{
    return tp_add_alpha(T, x, tp_randn(T, TP_F32, tp_shape_of(x)), noise);
}

int main(int argc, char **argv)
{
    int         epochs = 3;
    double      noise = 0.5;
    int64_t     samples = 60000;
    const char *data = NULL, *picture = "autoencoder.png";
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--epochs") == 0)
            epochs = atoi(argv[i + 1]);
        else if (strcmp(argv[i], "--noise") == 0)
            noise = atof(argv[i + 1]);
        else if (strcmp(argv[i], "--train-samples") == 0)
            samples = atoll(argv[i + 1]);
        else if (strcmp(argv[i], "--data") == 0)
            data = argv[i + 1];
        else if (strcmp(argv[i], "--picture") == 0)
            picture = argv[i + 1];
    }
    data = fashion_directory(data);
    if (data == NULL)
        return 1;
    tp_tape   *T = tp_tape_new();
    tp_tensor *train = read_images(T, data, "train", samples), *test = read_images(T, data, "t10k", 1000), *x;
    tp_loader *loader = tp_loader_new(T, 1, &train, &(tp_loader_options){.batch_size = 64, .shuffle = true});
    tp_module *network = make_unet(T);
    tp_optim  *optimizer = tp_optim_adam(T, tp_module_params(network), &(tp_adam_options){.lr = 2e-3});
    tp_progress p;
    for (int epoch = 0; epoch < epochs && !tp_error(T); epoch++) {
        double sum = 0;
        tp_progress_start(&p, samples);
        tp_loader_start(T, loader);
        while (tp_loader_next(T, loader, &x)) {
            tp_tensor *loss = tp_mse_loss(T, tp_forward(T, network, noisy(T, x, noise)), x, TP_MEAN);
            tp_optim_zero_grad(optimizer);
            tp_backward(T, loss);
            tp_optim_step(T, optimizer);
            sum += tp_item(loss) * (double)tp_size(x, 0);
            tp_progress_add(&p, tp_size(x, 0));
            tp_tape_reset(T);
        }
        tp_tape_record(T, false);
        tp_tensor *with = noisy(T, test, noise), *out = tp_forward(T, network, with);
        printf("epoch %d/%d  loss %.5f  on the test set %.5f, with the noise left %.5f  %.1f s\n", epoch + 1, epochs,
               sum / (double)p.done, tp_item(tp_mse_loss(T, out, test, TP_MEAN)), tp_item(tp_mse_loss(T, with, test, TP_MEAN)),
               tp_progress_seconds(&p));
        fflush(stdout);
        tp_tensor *const rows[3] = {with, out, test};
        const char *const labels[3] = {"with noise", "as it came out", "as it was"};
        if (epoch == epochs - 1 && !tp_error(T))
            plot_rows(T, picture, "Fashion-MNIST: the noise taken off", 3, SHOWN, rows, labels);
        tp_tape_record(T, true);
        tp_tape_reset(T);
    }
    int failed = tp_error(T) != NULL;
    if (failed)
        fprintf(stderr, "%s\n", tp_error(T));
    tp_optim_free(optimizer);
    tp_module_free(network);
    tp_loader_free(loader);
    tp_free(train);
    tp_free(test);
    tp_tape_free(T);
    return failed;
}
