/* fashion.h - what the examples on Fashion-MNIST share: where it is, its pictures and labels, the learning curve. */
#ifndef EXAMPLES_FASHION_H
#define EXAMPLES_FASHION_H

#include "plot.h"

#include <tapir.h>
#include <unistd.h>

enum { SIDE = 28, PIXELS = SIDE * SIDE, CLASSES = 10 };

static inline const char *fashion_class(int k)
{
    static const char *const names[CLASSES] = {"T-shirt/top", "Trouser", "Pullover", "Dress",  "Coat",
                                               "Sandal",      "Shirt",   "Sneaker",  "Bag",    "Ankle boot"};
    return names[k];
}

/* ---- data --------------------------------------------------------------------------------------------------- */

/* The directory of the data set, or NULL with a word on how to get it. `given` may be NULL. */
static inline const char *fashion_directory(const char *given)
{
    const char *const places[] = {given, "/usr/share/datasets/fashion-mnist", "data"};
    char path[4096];
    for (int i = given ? 0 : 1; i < (given ? 1 : 3); i++) {
        snprintf(path, sizeof path, "%s/train-images-idx3-ubyte.gz", places[i]);
        if (access(path, R_OK) == 0)
            return places[i];
    }
    fprintf(stderr,
            "Fashion-MNIST is not in %s.\n"
            "On Debian:   apt install dataset-fashion-mnist\n"
            "Elsewhere:   download the four files of https://github.com/zalandoresearch/fashion-mnist (data/fashion)\n"
            "             into a directory and name it with --data; they are read as they are, gzipped.\n",
            given ? given : "/usr/share/datasets/fashion-mnist");
    return NULL;
}

static inline tp_tensor *fashion_file(tp_tape *T, const char *directory, const char *which, const char *what, int64_t most)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s-%s-ubyte.gz", directory, which, what);
    tp_tensor *all = tp_read_idx(T, path);
    return most < tp_size(all, 0) ? tp_narrow(T, all, 0, 0, most) : all;
}

/* The first pictures of "train" or "t10k", no more than `most`, on T: [n, 1, 28, 28] in float32 from 0 to 1. Over the training
 * set their mean is 0.2860, their deviation 0.3530. */
static inline tp_tensor *fashion_images(tp_tape *T, const char *directory, const char *which, int64_t most)
{
    tp_tensor *bytes = tp_unsqueeze(T, fashion_file(T, directory, which, "images-idx3", most), 1);
    return tp_mul_scalar(T, tp_to(T, bytes, TP_F32), 1.0 / 255);
}

/* Their labels, [n] in int64. */
static inline tp_tensor *fashion_labels(tp_tape *T, const char *directory, const char *which, int64_t most)
{
    return tp_to(T, fashion_file(T, directory, which, "labels-idx1", most), TP_I64);
}

/* Pictures of mean 0 and deviation 1 over the training set, [n, 1, 28, 28] or `flat` [n, 784], with their labels, and what loads
 * them in batches. */
typedef struct {
    tp_tensor *data[2];
    tp_loader *loader;
} fashion_set;

static inline fashion_set fashion_read(tp_tape *T, const char *directory, const char *which, int64_t most, bool flat,
                                       const tp_loader_options *options)
{
    fashion_set s;
    tp_tensor *x = tp_div_scalar(T, tp_sub_scalar(T, fashion_images(T, directory, which, most), 0.2860), 0.3530);
    s.data[0] = tp_keep(flat ? tp_flatten(T, x, 1, -1) : x);
    s.data[1] = tp_keep(fashion_labels(T, directory, which, most));
    s.loader = tp_loader_new(T, 2, s.data, options);
    tp_tape_reset(T);
    return s;
}

static inline void fashion_free(fashion_set *s)
{
    tp_loader_free(s->loader);
    tp_free(s->data[0]);
    tp_free(s->data[1]);
}

/* The model into a file. In a library without jansson there is none, which is no failure. */
static inline void fashion_save(tp_tape *T, tp_module *network, const char *path)
{
    if (tp_module_save(T, network, path) == TP_OK)
        printf("model: %s\n", path);
    else if (tp_error_status(T) == TP_EUNSUPPORTED) {
        printf("no model saved: %s\n", tp_error(T));
        tp_clear_error(T);
    }
}

/* ---- pictures ------------------------------------------------------------------------------------------------- */

/* The training loss and the test accuracy by epoch, from 1 to n. */
static inline void plot_learning_curve(tp_tape *T, const char *path, const char *title, int n, const double *loss, const double *accuracy)
{
    tp_plot *p = tp_plot_new(T, &(tp_plot_options){.title = title, .xlabel = "epoch", .ylabel = "training loss", .y_min = TP_ZERO,
                                                   .y2label = "test accuracy, %", .key = TP_PLOT_CENTER_RIGHT});
    tp_tensor *epoch = tp_arange(T, TP_F64, 1, n + 1, 1), *percent = tp_mul_scalar(T, tp_from(T, TP_F64, tp_shape(n), accuracy), 100);
    tp_plot_curve(T, p, epoch, tp_from(T, TP_F64, tp_shape(n), loss), &(tp_series_options){.label = "loss", .style = TP_PLOT_LINE_POINTS});
    tp_plot_curve(T, p, epoch, percent, &(tp_series_options){.label = "accuracy", .y2 = true, .style = TP_PLOT_LINE_POINTS});
    plot_finish(T, p, path, "learning curve");
}

/* Rows of pictures side by side, each row the first `columns` of x[0], x[1], ... [n, 784 in all], 0 white, 1 black. */
static inline void plot_rows(tp_tape *T, const char *path, const char *title, int rows, int columns, tp_tensor *const *x,
                             const char *const *labels)
{
    tp_tensor *row[16];
    for (int r = 0; r < rows; r++)
        row[r] = tp_reshape(T, tp_narrow(T, x[r], 0, 0, columns), tp_shape(columns, SIDE, SIDE));
    tp_plot *p = tp_plot_new(T, &(tp_plot_options){.title = title});
    tp_plot_images(T, p, tp_cat(T, rows, row, 0),
                   &(tp_plot_images_options){.columns = columns, .row_labels = labels, .negative = true});
    plot_finish(T, p, path, "picture");
}

#endif
