/* fashion_mnist.c - trains a network on Fashion-MNIST: 60 000 pictures of clothes, 28 by 28, in ten classes.
 *
 *     fashion_mnist --epochs 12 --layers 256,128 --lr 1e-3
 *
 * A start for a program of one's own: data, model and loop are in main, from top to bottom.
 */
#define _DEFAULT_SOURCE
#include "support/fashion.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#ifdef _OPENMP
#include <omp.h>
#endif

enum { MAX_LAYERS = 16, MAX_EPOCHS = 1000 };

/* ---- options ---------------------------------------------------------------------------------------------- */

typedef struct {
    int         epochs, n_layers, threads;
    int64_t     batch_size, layers[MAX_LAYERS], train_samples;
    double      lr, dropout;
    uint64_t    seed;
    const char *data, *save, *plot;
} options;

static void usage(FILE *to)
{
    fputs("fashion_mnist [options]\n"
          "  --epochs N         passes over the training set (12)\n"
          "  --batch-size N     samples a step (128)\n"
          "  --layers A,B,...   widths of the hidden layers (256,128)\n"
          "  --lr X             learning rate of Adam at the start; it falls to zero along a cosine (0.002)\n"
          "  --dropout P        of the hidden layers' outputs (0.1)\n"
          "  --seed N           (1)\n"
          "  --threads N        (all)\n"
          "  --train-samples N  use only the first N (60000)\n"
          "  --data DIR         where the four files are (/usr/share/datasets/fashion-mnist, or data)\n"
          "  --save FILE        the trained model (fashion_mnist.safetensors)\n"
          "  --plot FILE        the learning curve (fashion_mnist.png)\n", to);
}

static bool parse_layers(options *o, const char *text)
{
    char *end;
    for (o->n_layers = 0; *text; text = *end ? end + 1 : end) {
        long long n = strtoll(text, &end, 10);
        if (end == text || n < 1 || n > 1000000 || (*end && *end != ',') || o->n_layers == MAX_LAYERS)
            return false;
        o->layers[o->n_layers++] = n;
    }
    return true;
}

static bool parse_number(const char *text, double low, double high, double *value)
{
    char *end;
    *value = strtod(text, &end);
    return end != text && *end == '\0' && *value >= low && *value <= high;
}

static bool parse(options *o, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const char *name = argv[i], *value = i + 1 < argc ? argv[++i] : "";
        double v = 0;
        bool ok;
        if (strcmp(name, "--help") == 0) {
            usage(stdout);
            exit(0);
        }
        if (strcmp(name, "--epochs") == 0)
            ok = parse_number(value, 1, MAX_EPOCHS, &v), o->epochs = (int)v;
        else if (strcmp(name, "--batch-size") == 0)
            ok = parse_number(value, 1, 60000, &v), o->batch_size = (int64_t)v;
        else if (strcmp(name, "--layers") == 0)
            ok = parse_layers(o, value);
        else if (strcmp(name, "--lr") == 0)
            ok = parse_number(value, 0, 100, &o->lr);
        else if (strcmp(name, "--dropout") == 0)
            ok = parse_number(value, 0, 1, &o->dropout);
        else if (strcmp(name, "--seed") == 0)
            ok = parse_number(value, 0, 9e15, &v), o->seed = (uint64_t)v;
        else if (strcmp(name, "--threads") == 0)
            ok = parse_number(value, 1, 1024, &v), o->threads = (int)v;
        else if (strcmp(name, "--train-samples") == 0)
            ok = parse_number(value, 1, 60000, &v), o->train_samples = (int64_t)v;
        else if (strcmp(name, "--data") == 0)
            ok = *value, o->data = value;
        else if (strcmp(name, "--save") == 0)
            ok = *value, o->save = value;
        else if (strcmp(name, "--plot") == 0)
            ok = *value, o->plot = value;
        else
            ok = false;
        if (!ok) {
            fprintf(stderr, "fashion_mnist: %s %s?\n", name, value);
            return false;
        }
    }
    return true;
}

/* ---- model -------------------------------------------------------------------------------------------------- */

/* Linear, ReLU and Dropout for each hidden layer, and a Linear at the end. */
static tp_module *make_network(tp_tape *T, const options *o)
{
    tp_module *steps[3 * MAX_LAYERS + 1];
    int n = 0;
    int64_t width = PIXELS;
    for (int i = 0; i < o->n_layers; i++) {
        steps[n++] = tp_nn_linear(T, width, o->layers[i], NULL);
        steps[n++] = tp_nn_relu(T);
        steps[n++] = tp_nn_dropout(T, o->dropout);
        width = o->layers[i];
    }
    steps[n++] = tp_nn_linear(T, width, CLASSES, NULL);
    return tp_nn_sequential_of(T, n, steps);
}

/* counts[target][predicted] over the test set; returns the accuracy. */
static double evaluate(tp_tape *T, tp_module *network, tp_loader *loader, int64_t counts[CLASSES * CLASSES])
{
    tp_tensor *batch[2];
    int64_t right = 0, all = 0;
    bool was = tp_tape_record(T, false);
    tp_module_train(network, false);
    memset(counts, 0, CLASSES * CLASSES * sizeof *counts);
    tp_loader_start(T, loader);
    while (tp_loader_next(T, loader, batch)) {
        tp_confusion_add(T, tp_forward(T, network, batch[0]), batch[1], CLASSES, counts);
        tp_tape_reset(T);
    }
    for (int i = 0; i < CLASSES * CLASSES; i++) {
        all += counts[i];
        right += i % (CLASSES + 1) == 0 ? counts[i] : 0;
    }
    tp_module_train(network, true);
    tp_tape_record(T, was);
    return all ? (double)right / (double)all : 0;
}

/* ---- what is shown -------------------------------------------------------------------------------------------- */

static void print_classes(const int64_t *counts)
{
    printf("\n  class         accuracy   most often taken for\n");
    for (int k = 0; k < CLASSES; k++) {
        int64_t all = 0, worst = (k + 1) % CLASSES;
        for (int j = 0; j < CLASSES; j++) {
            all += counts[k * CLASSES + j];
            if (j != k && counts[k * CLASSES + j] > counts[k * CLASSES + worst])
                worst = j;
        }
        printf("  %-12s   %5.1f %%   %s (%.1f %%)\n", fashion_class(k), 100.0 * (double)counts[k * CLASSES + k] / (double)(all ? all : 1),
               fashion_class(worst), 100.0 * (double)counts[k * CLASSES + worst] / (double)(all ? all : 1));
    }
}

/* Who multiplies, and a line for each thing that is wrong with it; not the file, which is the second part. */
static void print_blas(void)
{
    const char *part = tp_blas_info();
    for (int i = 0; part; i++) {
        const char *end = strstr(part, "; ");
        if (i != 1)
            printf("%s%.*s\n", i == 0 ? "products by " : "  ", end ? (int)(end - part) : (int)strlen(part), part);
        part = end ? end + 2 : NULL;
    }
    printf("\n");
}

/* ---- the whole ---------------------------------------------------------------------------------------------------- */

int main(int argc, char **argv)
{
    options o = {.epochs = 12, .batch_size = 128, .n_layers = 2, .layers = {256, 128}, .lr = 2e-3, .dropout = 0.1,
                 .seed = 1, .train_samples = 60000, .save = "fashion_mnist.safetensors", .plot = "fashion_mnist.png"};
    if (!parse(&o, argc, argv)) {
        usage(stderr);
        return 2;
    }
    const char *directory = fashion_directory(o.data);
    if (directory == NULL)
        return 1;
#ifdef _OPENMP
    if (o.threads)
        omp_set_num_threads(o.threads);
#endif

    tp_tape *T = tp_tape_new();
    tp_manual_seed(T, o.seed);
    fashion_set train = fashion_read(T, directory, "train", o.train_samples, true,
                                     &(tp_loader_options){.batch_size = o.batch_size, .shuffle = true});
    fashion_set test = fashion_read(T, directory, "t10k", 10000, true, &(tp_loader_options){.batch_size = 1000});

    tp_module *network = make_network(T, &o);
    tp_optim *optimizer = tp_optim_adam(T, tp_module_params(network), &(tp_adam_options){.lr = o.lr});
    char text[4096];
    tp_module_format(network, text, sizeof text);
    if (!tp_error(T))
        printf("%s\n%lld parameters\n", text, (long long)tp_params_count(tp_module_params(network)));
    print_blas();

    double losses[MAX_EPOCHS], accuracy[MAX_EPOCHS];
    int64_t counts[CLASSES * CLASSES], steps = o.epochs * tp_loader_length(train.loader), step = 0;
    bool terminal = isatty(STDOUT_FILENO);
    struct winsize window = {.ws_col = 80};
    if (terminal && (ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) != 0 || window.ws_col == 0))
        window.ws_col = 80;
    tp_progress whole, p;
    tp_progress_start(&whole, 0);
    for (int epoch = 0; epoch < o.epochs && !tp_error(T); epoch++) {
        tp_tensor *batch[2];
        double sum = 0;
        tp_progress_start(&p, tp_size(train.data[0], 0));
        p.width = window.ws_col - 1 - snprintf(text, sizeof text, "epoch %2d/%d  ", epoch + 1, o.epochs);
        tp_loader_start(T, train.loader);
        while (tp_loader_next(T, train.loader, batch)) {
            tp_optim_set_lr(optimizer, o.lr * 0.5 * (1 + cos(acos(-1) * (double)step++ / (double)steps)));
            tp_tensor *loss = tp_cross_entropy(T, tp_forward(T, network, batch[0]), batch[1], NULL);
            tp_optim_zero_grad(optimizer);
            tp_backward(T, loss);
            tp_optim_step(T, optimizer);
            int64_t n = tp_size(batch[0], 0);
            sum += tp_item(loss) * (double)n;
            if (tp_progress_add(&p, n) && terminal) {
                tp_progress_format(&p, sum / (double)p.done, text, sizeof text);
                printf("\r\033[Kepoch %2d/%d  %s", epoch + 1, o.epochs, text);
                fflush(stdout);
            }
            tp_tape_reset(T);
        }
        double seconds = tp_progress_seconds(&p);
        losses[epoch] = sum / (double)(p.done ? p.done : 1);
        accuracy[epoch] = evaluate(T, network, test.loader, counts);
        printf("%sepoch %2d/%d  loss %.4f  test accuracy %.2f %%  %.0f samples/s  %.1f s\n", terminal ? "\r\033[K" : "", epoch + 1,
               o.epochs, losses[epoch], 100 * accuracy[epoch], (double)p.done / seconds, seconds);
        fflush(stdout);
    }

    int failed = tp_error(T) != NULL;
    if (!failed) {
        print_classes(counts);
        printf("\ntest accuracy %.2f %% after %.1f s\n", 100 * accuracy[o.epochs - 1], tp_progress_seconds(&whole));
        fashion_save(T, network, o.save);
        plot_learning_curve(T, o.plot, "Fashion-MNIST", o.epochs, losses, accuracy);
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
