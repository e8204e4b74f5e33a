/* tabular.c - from a table in a file to a saved model: breast cancer, benign or malignant, by thirty measures of cells' nuclei.
 *
 *     tabular --data breast_cancer.csv --save tabular.safetensors --plot tabular.png --divisions 3
 *
 * A committee of small networks is compared with a logistic regression, both with a penalty on their weights, by ten-fold
 * cross-validation: each patient is judged by models which have not seen them, nor have the means and deviations by which
 * columns are scaled. This is done with several divisions into folds, and the regression has the penalty of a list with which its
 * loss is lowest in these very folds. Of sum of losses + penalty / 2 * |weights|^2 the regression finds the minimum, by L-BFGS; a
 * network makes STEPS steps of Adam. One division more or less moves each by more than they differ: take several.
 *
 * The data are W. H. Wolberg's, W. N. Street's and O. L. Mangasarian's, 1995; a Debian system has them in python3-sklearn.
 */
#define _DEFAULT_SOURCE
#include "support/plot.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MEASURES = 30, MEMBERS = 8, HIDDEN = 32, STEPS = 500, FOLDS = 10, MOST_DIVISIONS = 100 };
static const double network_penalty = 5, rate = 3e-3, regression_penalty[] = {0.1, 0.3, 1, 3, 10};
enum { PENALTIES = sizeof regression_penalty / sizeof *regression_penalty };

/* ---- the model: a module of one's own --------------------------------------------------------------------------- */

/* Scales its columns as those it was trained on, and gives the mean of its members' probabilities: [n, MEASURES] -> [n]. */
typedef struct {
    tp_module  base;
    tp_tensor *mean, *deviation; /* [MEASURES], buffers */
    int        members;
    tp_module *member[MEMBERS];
} committee;

static tp_tensor *scaled(tp_tape *T, const committee *c, tp_tensor *x) { return tp_div(T, tp_sub(T, x, c->mean), c->deviation); }

static tp_tensor *committee_forward(tp_tape *T, tp_module *self, tp_tensor *x)
{
    const committee *c = (committee *)self;
    tp_tensor *sum = NULL, *z = scaled(T, c, x);
    for (int k = 0; k < c->members; k++) {
        tp_tensor *p = tp_sigmoid(T, tp_squeeze_dim(T, tp_forward(T, c->member[k], z), 1));
        sum = sum ? tp_add(T, sum, p) : p;
    }
    return tp_div_scalar(T, sum, c->members);
}

static const tp_module_class committee_class = {.name = "Committee", .size = sizeof(committee), .forward = committee_forward};

/* `hidden` 0: one logistic regression. */
static committee *make_committee(tp_tape *T, int members, int hidden)
{
    committee *c = (committee *)tp_module_new(T, &committee_class);
    if (c == NULL)
        return NULL;
    c->members = members;
    c->mean = tp_module_add_buffer(T, &c->base, "mean", tp_keep(tp_zeros(T, TP_F64, tp_shape(MEASURES))));
    c->deviation = tp_module_add_buffer(T, &c->base, "deviation", tp_keep(tp_ones(T, TP_F64, tp_shape(MEASURES))));
    for (int k = 0; k < members; k++) {
        char name[24];
        snprintf(name, sizeof name, "member%d", k);
        c->member[k] = tp_module_add(T, &c->base, name, hidden == 0 ? tp_nn_linear(T, MEASURES, 1, NULL)
                           : tp_nn_sequential(T, tp_nn_linear(T, MEASURES, hidden, NULL), tp_nn_relu(T), tp_nn_linear(T, hidden, 1, NULL)));
    }
    tp_module_to(T, &c->base, TP_F64);
    return c;
}

/* ---- training ------------------------------------------------------------------------------------------------------ */

typedef struct {
    tp_module *net;
    tp_tensor *x, *y;
    double     penalty;
} problem;

/* Weights have two dimensions; biases are free. */
static tp_status add_weights(const char *name, tp_tensor *x, bool is_param, void *user)
{
    (void)name;
    tp_tensor **list = user;
    if (is_param && tp_ndim(x) == 2)
        list[list[0] ? 1 : 0] = x;
    return TP_OK;
}

static double objective(tp_tape *T, void *user)
{
    const problem *p = user;
    tp_tensor *weights[2] = {NULL};
    tp_params *params = tp_module_params(p->net);
    tp_module_visit_parameters(p->net, add_weights, weights);
    tp_tensor *logits = tp_squeeze_dim(T, tp_forward(T, p->net, p->x), 1);
    tp_tensor *loss = tp_binary_cross_entropy_with_logits(T, logits, p->y, TP_SUM);
    for (int i = 0; i < 2 && weights[i]; i++)
        loss = tp_add_alpha(T, loss, tp_sum(T, tp_square(T, weights[i])), p->penalty / 2);
    tp_params_zero_grad(params);
    tp_backward(T, loss);
    double value = tp_item(loss);
    tp_tape_reset(T);
    return value;
}

/* Fits the scales and each member to the rows x [n, MEASURES], y [n], which are owned. */
static void fit(tp_tape *T, committee *c, tp_tensor *x, tp_tensor *y, double penalty)
{
    const int rows = 0;
    if (c == NULL || tp_error(T))
        return;
    tp_copy_into(T, c->mean, tp_mean_dim(T, x, 0, false));
    tp_copy_into(T, c->deviation, tp_std(T, x, 1, &rows, 0, false));
    problem p = {.x = tp_keep(scaled(T, c, x)), .y = y, .penalty = penalty};
    for (int k = 0; k < c->members && !tp_error(T); k++) {
        p.net = c->member[k];
        tp_params *params = tp_module_params(p.net);
        tp_optim  *o = c->members == 1 ? tp_optim_lbfgs(T, params, &(tp_lbfgs_options){.max_iter = 200, .line_search = TP_STRONG_WOLFE,
                                                                                     .tolerance_grad = 1e-4})
                                       : tp_optim_adam(T, params, &(tp_adam_options){.lr = rate});
        for (int step = 0; step < (c->members == 1 ? 1 : STEPS) && !tp_error(T); step++)
            (void)tp_optim_step_closure(T, o, objective, &p);
        tp_optim_free(o);
    }
    tp_free(p.x);
    tp_tape_reset(T);
}

/* ---- cross-validation ----------------------------------------------------------------------------------------------- */

/* The probability of each row by a model that has not seen it, into p [n]. */
static void cross_validate(tp_tape *T, tp_tensor *x, tp_tensor *y, tp_tensor *order, int members, int hidden, double penalty, double *p)
{
    for (int fold = 0; fold < FOLDS && !tp_error(T); fold++) {
        tp_tensor *test, *train = tp_k_fold(T, tp_size(x, 0), FOLDS, fold, order, &test);
        tp_tensor *rows = tp_keep(tp_index_select(T, x, 0, train)), *targets = tp_keep(tp_index_select(T, y, 0, train));
        test = tp_keep(test);
        committee *c = make_committee(T, members, hidden);
        fit(T, c, rows, targets, penalty);
        tp_tape_record(T, false);
        tp_tensor *told = c ? tp_forward(T, &c->base, tp_index_select(T, x, 0, test)) : NULL;
        for (int64_t i = 0; i < tp_numel(told); i++)
            p[(int64_t)tp_item_at(test, i)] = tp_item_at(told, i);
        tp_tape_record(T, true);
        if (c)
            tp_module_free(&c->base);
        tp_free(rows);
        tp_free(targets);
        tp_free(test);
        tp_tape_reset(T);
    }
}

/* Means over the divisions. */
typedef struct {
    double  accuracy, auc, loss, penalty;
    int64_t counts[4]; /* [target, predicted], of the first division; so is p */
    double *p;
} result;

static void judge(tp_tape *T, tp_tensor *y, const double *p, bool first, int divisions, result *r)
{
    int64_t n = tp_numel(y), counts[4] = {0};
    tp_tensor *prob = tp_from(T, TP_F64, tp_shape(n), p);
    tp_tensor *both[2] = {tp_rsub_scalar(T, prob, 1), prob};
    tp_confusion_add(T, tp_stack(T, 2, both, 1), tp_to(T, y, TP_I64), 2, counts);
    r->accuracy += tp_confusion_scores(counts, 2, NULL, NULL, NULL).accuracy / divisions;
    r->auc += tp_roc_auc(T, prob, y) / divisions;
    r->loss += tp_item(tp_binary_cross_entropy(T, prob, y, TP_MEAN)) / divisions;
    if (first) {
        memcpy(r->counts, counts, sizeof counts);
        memcpy(r->p, p, (size_t)n * sizeof *p);
    }
    tp_tape_reset(T);
}

static void compare(tp_tape *T, tp_tensor *x, tp_tensor *y, int members, int hidden, double penalty, int divisions, result *r)
{
    int64_t n = tp_size(x, 0);
    double *p = calloc((size_t)n, sizeof *p);
    r->penalty = penalty;
    for (int d = 0; d < divisions && p && r->p && !tp_error(T); d++) {
        tp_manual_seed(T, (uint64_t)d);
        tp_tensor *order = tp_keep(tp_randperm(T, n));
        cross_validate(T, x, y, order, members, hidden, penalty, p);
        judge(T, y, p, d == 0, divisions, r);
        tp_free(order);
    }
    free(p);
    if (!tp_error(T))
        printf("  %-22s %7g   %7.2f %%    %.4f    %.4f\n", hidden ? "committee of networks" : "logistic regression", penalty,
               100 * r->accuracy, r->auc, r->loss);
    fflush(stdout);
}

/* ---- pictures and files ---------------------------------------------------------------------------------------------- */

static void plot_roc(tp_tape *T, const char *path, tp_tensor *y, const result *best, const result *net)
{
    const result *const both[2] = {best, net};
    const char *const names[2] = {"logistic regression", "committee of networks"};
    tp_plot *p = tp_plot_new(T, &(tp_plot_options){.title = "Breast cancer, ten-fold cross-validation", .xlabel = "benign taken for malignant",
                                                   .ylabel = "malignant found", .key = TP_PLOT_BOTTOM_RIGHT, .x_min = TP_ZERO, .x_max = 0.3,
                                                   .y_min = 0.7, .y_max = 1.005, .width = 720, .height = 600});
    for (int k = 0; k < 2; k++) {
        char label[80];
        tp_tensor *score = tp_from(T, TP_F64, tp_shape(tp_numel(y)), both[k]->p), *tpr;
        tp_tensor *fpr = tp_roc_curve(T, score, y, &tpr, NULL);
        snprintf(label, sizeof label, "%s, area %.4f", names[k], tp_roc_auc(T, score, y));
        tp_plot_curve(T, p, fpr, tpr, &(tp_series_options){.label = label, .dashed = k == 0});
    }
    plot_finish(T, p, path, "ROC curve");
}

/* A model of all rows, into a file and back. */
static void save(tp_tape *T, tp_tensor *x, tp_tensor *y, const char *path)
{
    committee *c = make_committee(T, MEMBERS, HIDDEN), *again = make_committee(T, MEMBERS, HIDDEN);
    fit(T, c, x, y, network_penalty);
    if (c && again && tp_module_save(T, &c->base, path) == TP_OK && tp_module_load(T, &again->base, path) == TP_OK) {
        tp_tape_record(T, false);
        bool same = tp_equal(T, tp_forward(T, &c->base, x), tp_forward(T, &again->base, x));
        printf("model: %s%s\n", path, same ? "" : ", which tells other things than it did");
    } else if (tp_error_status(T) == TP_EUNSUPPORTED) {
        printf("no model saved: %s\n", tp_error(T));
        tp_clear_error(T);
    }
    if (c)
        tp_module_free(&c->base);
    if (again)
        tp_module_free(&again->base);
}

static void print_counts(const result *r)
{
    printf("\n  committee, of the first division    taken for benign   for malignant\n"
           "  benign                              %16lld %15lld\n  malignant                           %16lld %15lld\n\n",
           (long long)r->counts[0], (long long)r->counts[1], (long long)r->counts[2], (long long)r->counts[3]);
}

static const char *find_data(const char *given)
{
    static const char *const places[] = {"/usr/lib/python3/dist-packages/sklearn/datasets/data/breast_cancer.csv", "breast_cancer.csv"};
    for (int i = given ? -1 : 0; i < (given ? 0 : 2); i++)
        if (access(i < 0 ? given : places[i], R_OK) == 0)
            return i < 0 ? given : places[i];
    fprintf(stderr,
            "The data are not in %s.\nOn Debian:   apt install python3-sklearn\n"
            "Elsewhere:   name breast_cancer.csv of scikit-learn (sklearn/datasets/data) with --data.\n",
            given ? given : places[0]);
    return NULL;
}

int main(int argc, char **argv)
{
    int         divisions = 3;
    const char *data = NULL, *model = "tabular.safetensors", *picture = "tabular.png";
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--data") == 0)
            data = argv[i + 1];
        else if (strcmp(argv[i], "--save") == 0)
            model = argv[i + 1];
        else if (strcmp(argv[i], "--plot") == 0)
            picture = argv[i + 1];
        else if (strcmp(argv[i], "--divisions") == 0)
            divisions = atoi(argv[i + 1]) > 0 && atoi(argv[i + 1]) <= MOST_DIVISIONS ? atoi(argv[i + 1]) : 1;
    }
    if ((data = find_data(data)) == NULL)
        return 1;
    tp_tape *T = tp_tape_new();
    /* The first line says how many there are, and the names of the classes; the last column is 0 where it was malignant. */
    tp_tensor *table = tp_csv_load(T, data, &(tp_csv_options){.skip = 1, .header = TP_CSV_NO_HEADER}, NULL);
    tp_tensor *x = tp_keep(tp_contiguous(T, tp_narrow(T, table, 1, 0, MEASURES)));
    tp_tensor *y = tp_keep(tp_rsub_scalar(T, tp_select(T, table, 1, MEASURES), 1));
    int64_t n = tp_numel(y);
    tp_tape_reset(T);

    result regression[PENALTIES] = {{0}}, net = {.p = calloc((size_t)n + 1, sizeof(double))};
    int best = 0;
    if (!tp_error(T))
        printf("%lld patients, %d folds, divisions: %d\n\n  model                  penalty   accuracy      AUC     log loss\n",
               (long long)n, FOLDS, divisions);
    for (int k = 0; k < PENALTIES; k++) {
        regression[k].p = calloc((size_t)n + 1, sizeof(double));
        compare(T, x, y, 1, 0, regression_penalty[k], divisions, &regression[k]);
        if (regression[k].loss < regression[best].loss)
            best = k;
    }
    compare(T, x, y, MEMBERS, HIDDEN, network_penalty, divisions, &net);
    bool failed = tp_error(T) != NULL;
    if (!failed) {
        bool better = net.auc > regression[best].auc && net.loss < regression[best].loss;
        print_counts(&net);
        printf("the committee has a %s area and log loss than the regression (penalty %g)\n", better ? "better" : "worse", regression[best].penalty);
        plot_roc(T, picture, y, &regression[best], &net);
        save(T, x, y, model);
        failed = tp_error(T) != NULL || !(net.auc > 0.99) || !(net.loss < 0.09);
    }
    if (tp_error(T))
        fprintf(stderr, "%s\n", tp_error(T));
    for (int k = 0; k < PENALTIES; k++)
        free(regression[k].p);
    free(net.p);
    tp_free(x);
    tp_free(y);
    tp_tape_free(T);
    return failed;
}
