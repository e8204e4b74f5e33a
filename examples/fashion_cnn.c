/* fashion_cnn.c - a convolutional network on Fashion-MNIST, with pictures that are flipped and shifted as it learns.
 *
 *     fashion_cnn --epochs 12 --batch-size 128 --lr 3e-3
 *
 * Two convolutions with batch normalization and pooling, two linear layers. Shows its progress, a learning curve, and the
 * twelve pictures of the test set that it was most wrong about.
 */
#define _DEFAULT_SOURCE
#include "support/fashion.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_EPOCHS = 200, WORST = 12, SHIFT = 1 };

/* ---- options ---------------------------------------------------------------------------------------------- */

typedef struct {
    double      epochs, batch_size, lr, seed, train_samples;
    const char *data, *save, *plot, *mistakes;
} options;

static bool parse(options *o, int argc, char **argv)
{
    const struct {
        const char  *name;
        double      *number, low, high;
        const char **text;
    } known[] = {{"--epochs", &o->epochs, 1, MAX_EPOCHS, NULL},
                 {"--batch-size", &o->batch_size, 2, 60000, NULL},
                 {"--lr", &o->lr, 0, 100, NULL},
                 {"--seed", &o->seed, 0, 9e15, NULL},
                 {"--train-samples", &o->train_samples, 2, 60000, NULL},
                 {"--data", NULL, 0, 0, &o->data},
                 {"--save", NULL, 0, 0, &o->save},
                 {"--plot", NULL, 0, 0, &o->plot},
                 {"--mistakes", NULL, 0, 0, &o->mistakes}};
    for (int i = 1; i < argc; i += 2) {
        size_t k = 0, n = sizeof known / sizeof *known;
        char *end = NULL;
        while (k < n && strcmp(known[k].name, argv[i]) != 0)
            k++;
        if (k < n && i + 1 < argc && known[k].text)
            *known[k].text = argv[i + 1];
        else if (k < n && i + 1 < argc)
            *known[k].number = strtod(argv[i + 1], &end);
        if (k == n || i + 1 == argc || (end && (*end || !(*known[k].number >= known[k].low && *known[k].number <= known[k].high)))) {
            fprintf(stderr, "fashion_cnn: %s?\nIt takes", argv[i]);
            for (k = 0; k < n; k++)
                fprintf(stderr, " %s %s", known[k].name, known[k].text ? "TEXT" : "N");
            fputc('\n', stderr);
            return false;
        }
    }
    return true;
}

/* ---- data --------------------------------------------------------------------------------------------------- */

/* Each picture as it is or from the other side, and moved by up to SHIFT pixels each way over what is dark. */
static tp_tensor *augmented(tp_tape *T, tp_tensor *x)
{
    const tp_random_crop_options moved = {.padding = SHIFT, .fill = -0.2860 / 0.3530};
    return tp_random_crop(T, tp_random_horizontal_flip(T, x, 0.5), SIDE, SIDE, &moved);
}

/* ---- model -------------------------------------------------------------------------------------------------- */

static tp_module *make_network(tp_tape *T)
{
    const tp_nn_conv_options same = {.padding_kind = TP_PADDING_SAME};
    return tp_nn_sequential(T,
        tp_nn_conv2d(T, 1, 32, tp_shape(3), &same), tp_nn_batch_norm2d(T, 32, NULL), tp_nn_relu(T),
        tp_nn_max_pool2d(T, tp_shape(2), NULL),
        tp_nn_conv2d(T, 32, 64, tp_shape(3), &same), tp_nn_batch_norm2d(T, 64, NULL), tp_nn_relu(T),
        tp_nn_max_pool2d(T, tp_shape(2), NULL),
        tp_nn_flatten(T, 1, -1), tp_nn_linear(T, 64 * 7 * 7, 256, NULL), tp_nn_relu(T), tp_nn_dropout(T, 0.25),
        tp_nn_linear(T, 256, CLASSES, NULL));
}

/* Of the learning rate, by what is done of all steps: from a tenth up to all of it, then down to nothing along a cosine. */
static double part_of_rate(double done)
{
    const double warm = 0.15;
    return done < warm ? 0.1 + 0.9 * done / warm : 0.5 * (1 + cos(acos(-1) * (done - warm) / (1 - warm)));
}

/* A picture that the network is wrong about, and how sure it was. */
typedef struct {
    int64_t which;
    int     label, taken_for;
    double  loss;
} mistake;

/* The accuracy over the test set; the worst mistakes, the worst one first. */
static double evaluate(tp_tape *T, tp_module *network, tp_loader *loader, mistake worst[WORST])
{
    tp_tensor *batch[2];
    int64_t right = 0, all = 0;
    bool was = tp_tape_record(T, false);
    tp_module_train(network, false);
    memset(worst, 0, WORST * sizeof *worst);
    tp_loader_start(T, loader);
    while (tp_loader_next(T, loader, batch)) {
        tp_tensor *logits = tp_forward(T, network, batch[0]);
        tp_tensor *guess = tp_argmax(T, logits, 1, false);
        tp_tensor *loss = tp_cross_entropy(T, logits, batch[1], &(tp_class_loss_options){.reduction = TP_NONE});
        for (int64_t i = 0; i < tp_numel(loss); i++, all++) {
            mistake m = {all, (int)tp_item_at(batch[1], i), (int)tp_item_at(guess, i), tp_item_at(loss, i)};
            int k = WORST;
            if (m.label == m.taken_for) {
                right++;
                continue;
            }
            while (k > 0 && worst[k - 1].loss < m.loss)
                k--;
            if (k < WORST) {
                memmove(&worst[k + 1], &worst[k], (size_t)(WORST - 1 - k) * sizeof *worst);
                worst[k] = m;
            }
        }
        tp_tape_reset(T);
    }
    tp_module_train(network, true);
    tp_tape_record(T, was);
    return all ? (double)right / (double)all : 0;
}

/* ---- what it was most wrong about --------------------------------------------------------------------------- */

static void plot_mistakes(tp_tape *T, const char *path, tp_tensor *x, const mistake worst[WORST])
{
    char        text[WORST][64];
    const char *labels[WORST];
    tp_tensor  *picture[WORST];
    int         n = 0;
    for (; n < WORST && worst[n].loss > 0; n++) {
        snprintf(text[n], sizeof text[n], "%s,\ntaken for %s", fashion_class(worst[n].label), fashion_class(worst[n].taken_for));
        labels[n] = text[n];
        picture[n] = tp_narrow(T, x, 0, worst[n].which, 1);
    }
    if (n == 0)
        return;
    tp_tensor *all = tp_cat(T, n, picture, 0);
    tp_plot *p = tp_plot_new(T, &(tp_plot_options){.title = "what the network was most wrong about"});
    tp_plot_images(T, p, all, &(tp_plot_images_options){.columns = 4, .labels = labels, .negative = true,
                                                        .low = tp_item(tp_min(T, all)), .high = tp_item(tp_max(T, all))});
    plot_finish(T, p, path, "its worst mistakes");
}

/* ---- the whole ---------------------------------------------------------------------------------------------------- */

int main(int argc, char **argv)
{
    options o = {.epochs = 12, .batch_size = 128, .lr = 3e-3, .seed = 1, .train_samples = 60000,
                 .save = "fashion_cnn.safetensors", .plot = "fashion_cnn.png",
                 .mistakes = "fashion_cnn_mistakes.png"};
    if (!parse(&o, argc, argv))
        return 2;
    o.data = fashion_directory(o.data);
    if (o.data == NULL)
        return 1;
    tp_tape *T = tp_tape_new();
    tp_manual_seed(T, (uint64_t)o.seed);
    fashion_set train = fashion_read(T, o.data, "train", (int64_t)o.train_samples, false,
        &(tp_loader_options){.batch_size = (int64_t)o.batch_size, .shuffle = true, .drop_last = true});
    fashion_set test = fashion_read(T, o.data, "t10k", 10000, false, &(tp_loader_options){.batch_size = 500});
    tp_tensor *batch[2];
    tp_module *network = make_network(T);
    tp_optim *optimizer = tp_optim_adamw(T, tp_module_params(network), &(tp_adam_options){.lr = o.lr, .weight_decay = 0.02});

    char text[4096];
    tp_module_format(network, text, sizeof text);
    if (!tp_error(T))
        printf("%s\n%lld parameters\n\n", text, (long long)tp_params_count(tp_module_params(network)));

    double losses[MAX_EPOCHS], accuracy[MAX_EPOCHS];
    mistake worst[WORST];
    int64_t steps = (int64_t)o.epochs * tp_loader_length(train.loader), step = 0;
    int epochs = (int)o.epochs;
    bool terminal = isatty(STDOUT_FILENO);
    tp_progress whole, p;
    tp_progress_start(&whole, 0);
    for (int epoch = 0; epoch < epochs && !tp_error(T); epoch++) {
        double sum = 0;
        tp_progress_start(&p, tp_loader_length(train.loader) * (int64_t)o.batch_size);
        p.width = 64;
        tp_loader_start(T, train.loader);
        while (tp_loader_next(T, train.loader, batch)) {
            tp_optim_set_lr(optimizer, o.lr * part_of_rate((double)step++ / (double)steps));
            tp_tensor *loss = tp_cross_entropy(T, tp_forward(T, network, augmented(T, batch[0])), batch[1], NULL);
            tp_optim_zero_grad(optimizer);
            tp_backward(T, loss);
            tp_optim_step(T, optimizer);
            int64_t n = tp_size(batch[0], 0);
            sum += tp_item(loss) * (double)n;
            if (tp_progress_add(&p, n) && terminal) {
                tp_progress_format(&p, sum / (double)p.done, text, sizeof text);
                printf("\r\033[Kepoch %2d/%d  %s", epoch + 1, epochs, text);
                fflush(stdout);
            }
            tp_tape_reset(T);
        }
        double seconds = tp_progress_seconds(&p);
        losses[epoch] = sum / (double)(p.done ? p.done : 1);
        accuracy[epoch] = evaluate(T, network, test.loader, worst);
        printf("%sepoch %2d/%d  loss %.4f  test accuracy %.2f %%  %.0f samples/s  %.1f s\n", terminal ? "\r\033[K" : "", epoch + 1,
               epochs, losses[epoch], 100 * accuracy[epoch], (double)p.done / seconds, seconds);
        fflush(stdout);
    }

    int failed = tp_error(T) != NULL;
    if (!failed) {
        printf("\ntest accuracy %.2f %% after %.1f s\n", 100 * accuracy[epochs - 1], tp_progress_seconds(&whole));
        fashion_save(T, network, o.save);
        plot_learning_curve(T, o.plot, "Fashion-MNIST, convolutional network", epochs, losses, accuracy);
        plot_mistakes(T, o.mistakes, test.data[0], worst);
        for (int k = 0; k < WORST && worst[k].loss > 0; k++)
            printf("  picture %5lld: %s, taken for %s\n", (long long)worst[k].which, fashion_class(worst[k].label),
                   fashion_class(worst[k].taken_for));
        failed = tp_error(T) != NULL;
    }
    if (failed)
        fprintf(stderr, "%s\n", tp_error(T));
    tp_optim_free(optimizer);
    tp_module_free(network);
    fashion_free(&train);
    fashion_free(&test);
    tp_tape_free(T);
    return failed;
}
