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

static bool draw(const char *path, const tp_tensor *const *rows)
{
    enum { ROWS = 2 + KEPT + 1 };
    FILE *g = plot_open(path, 90 * SHOWN, 90 * ROWS + 60);
    if (g == NULL)
        return false;
    fprintf(g, "set title 'Fashion-MNIST: its first %d components; pictures of the test set by few components, and as they are'\n"
               "set ytics scale 0 ('1 to %d' %d, '%d to %d' %d", 2 * SHOWN, SHOWN, SIDE / 2, SHOWN + 1, 2 * SHOWN, 3 * SIDE / 2);
    for (int k = 0; k < KEPT; k++)
        fprintf(g, ", 'by %d' %d", (int)kept[k], (5 + 2 * k) * SIDE / 2);
    fprintf(g, ", 'by all' %d)\n", (5 + 2 * KEPT) * SIDE / 2);
    return plot_rows(g, ROWS, SHOWN, rows);
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

    const tp_tensor *rows[2 + KEPT + 1] = {grays(T, tp_narrow(T, vh, 0, 0, SHOWN)), grays(T, tp_narrow(T, vh, 0, SHOWN, SHOWN))};
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
    else if (draw(picture, rows))
        printf("picture: %s\n", picture);
    tp_tape_free(T);
    return failed;
}
