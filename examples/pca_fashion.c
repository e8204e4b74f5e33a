/* pca_fashion.c - the principal components of Fashion-MNIST by a singular value decomposition, and what pictures look like when
 * few of them are kept.
 *
 *     pca_fashion --samples 60000
 *
 * With X = U S V^T of the training pictures less their mean [n, 784], the rows of V^T are the components, in the order of
 * their part s^2 / sum s^2 of the variance; a picture x is mean + sum over k of ((x - mean) . v_k) v_k.
 */
#define _DEFAULT_SOURCE
#include "support/fashion.h"

#include <stdlib.h>
#include <string.h>

enum { SHOWN = 12, KEPT = 3 };
static const int64_t kept[KEPT] = {10, 50, 200};

/* Numbers of either sign as grays, each row by its largest: 0 is in the middle. */
static tp_tensor *grays(tp_tape *T, tp_tensor *x)
{
    const int dim = 1;
    tp_tensor *largest = tp_amax(T, tp_abs(T, x), 1, &dim, true);
    return tp_add_scalar(T, tp_mul_scalar(T, tp_div(T, x, largest), 0.5), 0.5);
}

static void draw(tp_tape *T, const char *path, tp_tensor *const *rows)
{
    enum { ROWS = 2 + KEPT + 1 };
    char        text[ROWS][32];
    const char *labels[ROWS];
    for (int r = 0; r < ROWS; r++) {
        labels[r] = text[r];
        if (r < 2)
            snprintf(text[r], sizeof text[r], "%d to %d", r * SHOWN + 1, (r + 1) * SHOWN);
        else
            snprintf(text[r], sizeof text[r], r < 2 + KEPT ? "by %d" : "by all", r < 2 + KEPT ? (int)kept[r - 2] : 0);
    }
    plot_rows(T, path, "Fashion-MNIST: its first 24 components; pictures of the test set by few components, and as they are", ROWS,
              SHOWN, rows, labels);
}

int main(int argc, char **argv)
{
    int64_t     samples = 60000;
    const char *data = NULL, *picture = "pca_fashion.png";
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--samples") == 0)
            samples = atoll(argv[i + 1]);
        else if (strcmp(argv[i], "--data") == 0)
            data = argv[i + 1];
        else if (strcmp(argv[i], "--picture") == 0)
            picture = argv[i + 1];
    }
    data = fashion_directory(data);
    if (data == NULL)
        return 1;
    tp_tape *T = tp_tape_new();
    tp_tape_record(T, false);
    tp_tensor *x = tp_flatten(T, fashion_images(T, data, "train", samples), 1, -1), *s, *vh;
    tp_tensor *test = tp_flatten(T, fashion_images(T, data, "t10k", 10000), 1, -1);
    tp_tensor *mean = tp_mean_dim(T, x, 0, true);
    tp_linalg_svd(T, tp_sub(T, x, mean), false, &s, &vh, NULL);

    tp_tensor *variance = tp_square(T, s), *part = tp_div(T, variance, tp_sum(T, variance)), *so_far = tp_cumsum(T, part, 0);
    printf("of the variance of %lld pictures:\n", (long long)tp_size(x, 0));
    for (int k = 0; k < 5; k++)
        printf("  component %d  %5.2f %%, so far %5.2f %%\n", k + 1, 100 * tp_item_at(part, k), 100 * tp_item_at(so_far, k));
    int64_t enough = 0;
    while (enough < tp_numel(so_far) && tp_item_at(so_far, enough) < 0.95)
        enough++;
    printf("95 %% of it is in the first %lld\n", (long long)enough + 1);

    tp_tensor *rows[2 + KEPT + 1] = {grays(T, tp_narrow(T, vh, 0, 0, SHOWN)), grays(T, tp_narrow(T, vh, 0, SHOWN, SHOWN))};
    for (int k = 0; k < KEPT; k++) {
        tp_tensor *v = tp_narrow(T, vh, 0, 0, kept[k]), *code = tp_matmul(T, tp_sub(T, test, mean), tp_t(T, v));
        tp_tensor *again = tp_add(T, tp_matmul(T, code, v), mean);
        printf("the test set by %3lld numbers a picture: %.5f off in the mean square\n", (long long)kept[k],
               tp_item(tp_mse_loss(T, again, test, TP_MEAN)));
        rows[2 + k] = tp_narrow(T, again, 0, 0, SHOWN);
    }
    rows[2 + KEPT] = test;
    bool failed = tp_error(T) != NULL;
    if (failed)
        fprintf(stderr, "%s\n", tp_error(T));
    else
        draw(T, picture, rows);
    tp_tape_free(T);
    return failed;
}
