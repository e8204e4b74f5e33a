/* test_loss.c - losses at their edges: nothing in them, one number, no number, what overflows; CTC beside a sum over all
 * paths; the modules: their derivatives, their weights, what they say. */
#include "support/support.h"

static tp_tape *T;

static void setup(void)
{
    T = tp_tape_new();
    tp_manual_seed(T, 5);
}
static void teardown(void) { tp_tape_free(T); }

static tp_tensor *row(int n, const double *values) { return tp_from(T, TP_F64, tp_shape(n), values); }
#define ROW(...) row((int)LENGTH(((const double[]){__VA_ARGS__})), (const double[]){__VA_ARGS__})
static tp_tensor *integers(tp_dims shape, const int64_t *values) { return tp_from(T, TP_I64, shape, values); }
#define INTEGERS(shape, ...) integers(shape, (const int64_t[]){__VA_ARGS__})

/* ---- elementwise losses ------------------------------------------------------------------------------------------- */

/* A loss of two tensors, by its reduction */
typedef tp_tensor *(*pair_loss)(tp_tensor *x, tp_tensor *t, tp_reduction r);
#define PAIR(name, type, ...) \
    static tp_tensor *name(tp_tensor *x, tp_tensor *t, tp_reduction r) \
    { \
        return tp_##name(T, x, t, &(type){.reduction = r, __VA_ARGS__}); \
    }
#define PLAIN(name) \
    static tp_tensor *name(tp_tensor *x, tp_tensor *t, tp_reduction r) { return tp_##name(T, x, t, r); }
PLAIN(mse_loss)
PLAIN(l1_loss)
PLAIN(soft_margin_loss)
PLAIN(binary_cross_entropy_with_logits)
PAIR(smooth_l1_loss, tp_smooth_l1_options, .beta = 0.5)
PAIR(huber_loss, tp_huber_options, .delta = 0.5)
PAIR(kl_div, tp_kl_div_options, .log_target = true)
PAIR(poisson_nll_loss, tp_poisson_nll_options, .full = true)
PAIR(hinge_embedding_loss, tp_margin_loss_options, .margin = 0.5)

static const pair_loss pairs[] = {
    mse_loss, l1_loss,          soft_margin_loss,    binary_cross_entropy_with_logits, smooth_l1_loss, huber_loss,
    kl_div,   poisson_nll_loss, hinge_embedding_loss};

START_TEST(empty_single_and_unknown)
{
    pair_loss f = pairs[_i];
    tp_tensor *none = tp_zeros(T, TP_F64, tp_shape(0, 3));
    ck_assert(isnan(tp_item(f(none, none, TP_MEAN))));
    ck_assert(tp_item(f(none, none, TP_SUM)) == 0);
    ck_assert_int_eq(tp_numel(f(none, none, TP_NONE)), 0);
    tp_tensor *x = tp_scalar(T, TP_F64, 0.7), *t = tp_scalar(T, TP_F64, 1), *y = f(x, t, TP_NONE);
    ck_assert_int_eq(tp_ndim(y), 0);
    ck_assert(tp_item(y) == tp_item(f(x, t, TP_MEAN)) && tp_item(y) == tp_item(f(x, t, TP_SUM)));
    ck_assert(isnan(tp_item(f(tp_scalar(T, TP_F64, (double)NAN), t, TP_MEAN))));
    ck_no_error(T);
    ck_assert(f(x, t, (tp_reduction)7) == NULL);
    ck_error(T, TP_EINVAL, "the reduction is 7");
    ck_assert(f(tp_zeros(T, TP_F64, tp_shape(2, 3)), tp_zeros(T, TP_F64, tp_shape(2, 2)), TP_SUM) == NULL);
    ck_error(T, TP_ESHAPE, "[2, 3]");
}
END_TEST

/* Terms and their sum, strided or not, agree with the terms one by one; blocks of a kernel end in between. */
START_TEST(terms_and_sums)
{
    pair_loss f = pairs[_i];
    tp_tensor *x = tp_requires_grad(tp_mT(T, tp_randn(T, TP_F64, tp_shape(37, 61))), true);
    tp_tensor *t = tp_sign(T, tp_randn(T, TP_F64, tp_shape(61, 37)));
    tp_tensor *each = f(x, t, TP_NONE), *sum = f(x, t, TP_SUM), *of_each = NULL, *of_sum = NULL;
    ck_assert(fabs(tp_item(tp_sum(T, each)) - tp_item(sum)) <= 1e-9 * fabs(tp_item(sum)));
    each = tp_sum(T, each);
    tp_gradients(T, 1, &each, 1, &x, &of_each, NULL);
    tp_gradients(T, 1, &sum, 1, &x, &of_sum, NULL);
    ck_no_error(T);
    ck_assert(tensors_close(of_each, of_sum, 1e-13, 0));
    ck_assert(fabs(tp_item(f(x, t, TP_MEAN)) * 37 * 61 - tp_item(sum)) <= 1e-9 * fabs(tp_item(sum)));
}
END_TEST

START_TEST(values)
{
    const tp_reduction none = TP_NONE;
    ck_values(smooth_l1_loss(ROW(0.25, 0, 3), ROW(0, 3, 0), none), 0, 0.0625, 2.75, 2.75);
    ck_values(huber_loss(ROW(0.25, 0, 3), ROW(0, 3, 0), none), 0, 0.03125, 1.375, 1.375);
    ck_values(tp_smooth_l1_loss(T, ROW(3, 1), ROW(1, 1), &(tp_smooth_l1_options){TP_ZERO, none, {0}}), 0, 2, 0);
    ck_assert(tp_huber_loss(T, ROW(1), ROW(0), &(tp_huber_options){.delta = TP_ZERO}) == NULL);
    ck_error(T, TP_EINVAL, "delta");
    ck_assert(tp_smooth_l1_loss(T, ROW(1), ROW(0), &(tp_smooth_l1_options){.beta = -1}) == NULL);
    ck_error(T, TP_EINVAL, "beta");
    /* a large square that is divided by a large beta */
    tp_tensor *x = tp_full(T, TP_F32, tp_shape(1), 1e30), *zero = tp_zeros(T, TP_F32, tp_shape(1));
    ck_values(tp_smooth_l1_loss(T, x, zero, &(tp_smooth_l1_options){.beta = 1e31}), 1e22, 5e28);
    ck_values(tp_kl_div(T, ROW(-1, -2), ROW(0, 1), &(tp_kl_div_options){.reduction = none}), 0, 0, 2);
    tp_tensor *two = tp_ones(T, TP_F64, tp_shape(2, 3));
    ck_values(tp_kl_div(T, two, two, &(tp_kl_div_options){.reduction = TP_BATCHMEAN}), 0, -3);
    ck_assert(tp_kl_div(T, tp_scalar(T, TP_F64, 1), tp_scalar(T, TP_F64, 1),
                        &(tp_kl_div_options){.reduction = TP_BATCHMEAN}) == NULL);
    ck_error(T, TP_ESHAPE, "0-d");
    /* log 3! by Stirling, and nothing of 1 */
    ck_values(poisson_nll_loss(ROW(0, 0), ROW(3, 1), none), 1e-9,
              1 + 3 * log(3) - 3 + 0.5 * log(6 * 3.14159265358979323846), 1);
    ck_values(soft_margin_loss(ROW(-800, 800, 0), ROW(1, 1, -1), none), 1e-15, 800, 0, log(2));
    ck_values(hinge_embedding_loss(ROW(0.2, 0.2, 0.2, 2), ROW(1, -1, 2, -1), none), 1e-15, 0.2, 0.3, 0.5, 0);
    ck_values(tp_margin_ranking_loss(T, ROW(1, 1), ROW(3, 3), ROW(1, -1), &(tp_margin_loss_options){0.5, none, {0}}), 0,
              2.5, 0);
    ck_assert(tp_margin_ranking_loss(T, two, two, ROW(1, 1, 1), NULL) == NULL);
    ck_error(T, TP_ESHAPE, "one number of dimensions");
}
END_TEST

START_TEST(variances)
{
    tp_tensor *x = tp_ones(T, TP_F64, tp_shape(2, 3)), *t = tp_zeros(T, TP_F64, tp_shape(2, 3));
    const tp_gaussian_nll_options each = {.reduction = TP_NONE, .eps = 0.5};
    /* below eps, with the slope of the bound itself: (1 / 0.5 - 1 / 0.25) / 2 */
    tp_tensor *v = tp_requires_grad(ROW(0.25, 2), true), *loss = tp_gaussian_nll_loss(T, x, t, v, &each), *slope = NULL;
    ck_values(tp_select(T, loss, 1, 0), 1e-15, 0.5 * (log(0.5) + 2), 0.5 * (log(2) + 0.5));
    loss = tp_sum(T, loss);
    tp_gradients(T, 1, &loss, 1, &v, &slope, &(tp_gradients_options){.retain_graph = true});
    ck_values(slope, 1e-15, 3 * -1, 3 * 0.5 * (0.5 - 0.25));
    tp_gradients(T, 1, &loss, 1, &v, &slope, &(tp_gradients_options){.create_graph = true});
    ck_values(slope, 1e-15, 3 * -1, 3 * 0.5 * (0.5 - 0.25));
    ck_no_error(T);
    ck_assert(tp_gaussian_nll_loss(T, x, t, ROW(1, 1, 1), NULL) == NULL);
    ck_error(T, TP_ESHAPE, "variance is [3]");
    ck_assert(tp_gaussian_nll_loss(T, x, t, ROW(1, -1), NULL) == NULL);
    ck_error(T, TP_EINVAL, "below 0");
}
END_TEST

START_TEST(weights)
{
    tp_tensor *x = tp_randn(T, TP_F64, tp_shape(4, 3)), *t = tp_rand(T, TP_F64, tp_shape(4, 3)), *w = ROW(1, 2, 0.5);
    tp_bce_options o = {.weight = w, .reduction = TP_SUM};
    tp_tensor *terms = tp_mul(T, tp_binary_cross_entropy_with_logits(T, x, t, TP_NONE), w);
    ck_values(tp_binary_cross_entropy_with_logits_weighted(T, x, t, &o), 1e-12, tp_item(tp_sum(T, terms)));
    /* a weight of the positive part alone */
    tp_tensor *part = tp_mul(T, tp_neg(T, tp_log_sigmoid(T, x)), t);
    tp_tensor *rest = tp_sub(T, tp_binary_cross_entropy_with_logits(T, x, t, TP_NONE), part);
    double want = tp_item(tp_mean(T, tp_add(T, rest, tp_mul(T, part, w))));
    o = (tp_bce_options){.pos_weight = w};
    ck_values(tp_binary_cross_entropy_with_logits_weighted(T, x, t, &o), 1e-12, want);
    ck_no_error(T);
    ck_assert(tp_binary_cross_entropy_weighted(T, t, t, &o) == NULL);
    ck_error(T, TP_EINVAL, "pos_weight");
    o = (tp_bce_options){.weight = tp_ones(T, TP_F64, tp_shape(2, 4, 3))};
    ck_assert(tp_binary_cross_entropy_weighted(T, t, t, &o) == NULL);
    ck_error(T, TP_ESHAPE, "weight is [2, 4, 3]");
}
END_TEST

/* ---- losses of classes, and of triplets ------------------------------------------------------------------------------ */

/* What is ignored is an integer, also where no double is. */
START_TEST(ignored)
{
    const int64_t indices[] = {INT64_MAX, INT64_MIN, (INT64_C(1) << 53) + 1, -1, 1};
    tp_tensor *x = tp_randn(T, TP_F64, tp_shape(3, 4)), *one = tp_narrow(T, x, 0, 0, 1);
    double want = tp_item(tp_cross_entropy(T, one, INTEGERS(tp_shape(1), 2), NULL));
    for (size_t i = 0; i < LENGTH(indices); i++) {
        tp_class_loss_options o = {.has_ignore = true, .ignore_index = indices[i]};
        ck_values(tp_cross_entropy(T, x, INTEGERS(tp_shape(3), 2, indices[i], indices[i]), &o), 1e-14, want);
        ck_no_error(T);
    }
    tp_cross_entropy(T, x, tp_softmax(T, x, 1), &(tp_class_loss_options){.has_ignore = true, .ignore_index = 1});
    ck_error(T, TP_EINVAL, "cross_entropy: ignore_index is 1, the targets are probabilities");
}
END_TEST

START_TEST(margins)
{
    tp_tensor *x = ROW(0.1, 0.2, 0.4, 0.8);
    ck_values(tp_multilabel_margin_loss(T, x, INTEGERS(tp_shape(4), 3, 0, -1, 1), TP_MEAN), 1e-15, 0.85);
    ck_values(tp_multi_margin_loss(T, x, INTEGERS(tp_shape(1), 3), NULL), 1e-15, (0.3 + 0.4 + 0.6) / 4);
    ck_values(tp_multi_margin_loss(T, x, INTEGERS(tp_shape(1), 3),
                                   &(tp_multi_margin_options){.p = 2, .weight = ROW(1, 1, 1, 3)}),
              1e-15, 3 * (0.09 + 0.16 + 0.36) / 4);
    ck_no_error(T);
    ck_assert(tp_multi_margin_loss(T, x, INTEGERS(tp_shape(1), 4), NULL) == NULL);
    ck_error(T, TP_EINDEX, "multi_margin_loss: target 4");
    ck_assert(tp_multilabel_margin_loss(T, x, INTEGERS(tp_shape(4), 3, -1, 9, 0), TP_MEAN) == NULL);
    ck_error(T, TP_EINDEX, "target 9");
    ck_assert(tp_multi_margin_loss(T, x, INTEGERS(tp_shape(1), 0), &(tp_multi_margin_options){.p = 3}) == NULL);
    ck_error(T, TP_EINVAL, "p is 3");
    tp_tensor *none = tp_multi_margin_loss(T, tp_zeros(T, TP_F32, tp_shape(0, 3)), tp_zeros(T, TP_I64, tp_shape(0)),
                                           &(tp_multi_margin_options){.reduction = TP_NONE});
    ck_assert_int_eq(tp_numel(none), 0);
    ck_values(tp_multilabel_soft_margin_loss(T, ROW(0, 0), ROW(1, 0), NULL), 1e-15, log(2));
}
END_TEST

static tp_tensor *taxicab(tp_tape *tape, tp_tensor *a, tp_tensor *b, void *user)
{
    ++*(int *)user;
    return tp_sum_dim(tape, tp_abs(tape, tp_sub(tape, a, b)), -1, false);
}

START_TEST(triplets)
{
    int calls = 0;
    tp_tensor *a = ROW(0, 0), *p = ROW(3, 4), *n = ROW(3, 6);
    ck_values(tp_triplet_margin_loss(T, a, p, n, &(tp_triplet_options){.eps = TP_ZERO, .margin = 3}), 1e-12,
              8 - sqrt(45));
    tp_tensor *plain = tp_triplet_margin_with_distance_loss(T, a, p, n, taxicab, &calls, NULL);
    tp_triplet_options swapped = {.swap = true};
    tp_tensor *turned = tp_triplet_margin_with_distance_loss(T, a, p, n, taxicab, &calls, &swapped);
    ck_values(plain, 1e-12, 0);
    ck_values(turned, 1e-12, 6);
    ck_assert_int_eq(calls, 5);
    ck_values(tp_cosine_embedding_loss(T, ROW(1, 0), ROW(1, 1), tp_scalar(T, TP_I64, 1), NULL), 1e-9, 1 - sqrt(0.5));
    ck_values(tp_cosine_embedding_loss(T, ROW(1, 0), ROW(1, 1), tp_scalar(T, TP_I64, -1),
                                       &(tp_margin_loss_options){.margin = 0.5}),
              1e-9, sqrt(0.5) - 0.5);
    ck_no_error(T);
    ck_assert(tp_triplet_margin_loss(T, a, tp_unsqueeze(T, p, 0), n, NULL) == NULL);
    ck_error(T, TP_ESHAPE, "positive is [1, 2]");
}
END_TEST

/* ---- CTC --------------------------------------------------------------------------------------------------------------- */

/* Does a path say the labels, once repeats and then blanks (0) are left out? */
static bool says(const int *path, int time, const int64_t *labels, int n)
{
    int k = 0;
    for (int t = 0; t < time; t++)
        if (path[t] != 0 && (t == 0 || path[t] != path[t - 1]) && (k >= n || labels[k++] != path[t]))
            return false;
    return k == n;
}

/* - log of the sum of the probabilities of all paths through x [time, 3] */
static double over_all_paths(const tp_tensor *x, int time, const int64_t *labels, int n)
{
    int path[8], paths = 1;
    double sum = 0;
    for (int t = 0; t < time; t++)
        paths *= 3;
    for (int i = 0; i < paths; i++) {
        double p = 1;
        for (int t = 0, rest = i; t < time; t++, rest /= 3) {
            path[t] = rest % 3;
            p *= exp(tp_item_at(x, 3 * t + path[t]));
        }
        sum += says(path, time, labels, n) ? p : 0;
    }
    return -log(sum);
}

START_TEST(ctc_beside_all_paths)
{
    static const struct {
        int time, n;
        int64_t labels[4];
    } cases[] = {{1, 1, {2}},       {3, 2, {1, 2}}, {3, 2, {1, 1}},      {5, 3, {1, 1, 2}},
                 {6, 3, {2, 1, 2}}, {4, 0, {0}},    {6, 4, {1, 2, 2, 1}}};
    for (size_t i = 0; i < LENGTH(cases); i++) {
        tp_tensor *x = tp_log_softmax(T, tp_randn(T, TP_F64, tp_shape(cases[i].time, 3)), 1);
        tp_tensor *labels = integers(tp_shape(cases[i].n), cases[i].labels);
        tp_tensor *time = tp_scalar(T, TP_I64, cases[i].time), *n = tp_scalar(T, TP_I64, cases[i].n);
        tp_tensor *loss = tp_ctc_loss(T, x, labels, time, n, &(tp_ctc_options){.reduction = TP_NONE});
        ck_no_error(T);
        ck_assert_int_eq(tp_ndim(loss), 0);
        ck_values(loss, 1e-12, over_all_paths(x, cases[i].time, cases[i].labels, cases[i].n));
    }
}
END_TEST

/* Of a batch with an element that has no way, and one with no time; the slope is log_softmax's: it sums to 0. */
START_TEST(ctc_of_a_batch)
{
    tp_tensor *x = tp_requires_grad(tp_log_softmax(T, tp_randn(T, TP_F64, tp_shape(4, 3, 5)), 2), true), *slope = NULL;
    tp_tensor *labels = INTEGERS(tp_shape(3, 2), 1, 1, 4, 2, 3, 3);
    tp_tensor *times = INTEGERS(tp_shape(3), 2, 4, 0), *lengths = INTEGERS(tp_shape(3), 2, 2, 0);
    tp_tensor *each = tp_ctc_loss(T, x, labels, times, lengths, &(tp_ctc_options){.reduction = TP_NONE});
    ck_assert(isinf(tp_item_at(each, 0)) && isfinite(tp_item_at(each, 1)) && tp_item_at(each, 2) == 0);
    tp_tensor *loss = tp_ctc_loss(T, x, labels, times, lengths, &(tp_ctc_options){.zero_infinity = true});
    ck_values(loss, 1e-12, tp_item_at(each, 1) / 2 / 3);
    for (int graph = 0; graph < 2; graph++) {
        tp_gradients(T, 1, &loss, 1, &x, &slope, &(tp_gradients_options){.create_graph = graph, .retain_graph = true});
        ck_no_error(T);
        tp_tensor *sums = tp_sum_dim(T, slope, 2, false), *size = tp_sum(T, tp_abs(T, tp_select(T, slope, 1, 1)));
        ck_assert(tp_item(tp_max(T, tp_abs(T, sums))) < 1e-13 && tp_item(size) > 0.1);
        ck_assert(tp_item(tp_sum(T, tp_abs(T, tp_select(T, slope, 1, 0)))) == 0);
        ck_assert(tp_item(tp_sum(T, tp_abs(T, tp_select(T, slope, 1, 2)))) == 0);
    }
    /* the labels one after the other */
    tp_tensor *joined = INTEGERS(tp_shape(4), 1, 1, 4, 2);
    ck_values(tp_ctc_loss(T, x, joined, times, lengths, &(tp_ctc_options){.zero_infinity = true}), 0, tp_item(loss));
    ck_no_error(T);
    ck_assert(tp_ctc_loss(T, x, joined, times, INTEGERS(tp_shape(3), 1, 2, 0), NULL) == NULL);
    ck_error(T, TP_ESHAPE, "ctc_loss: targets is [4]");
    ck_assert(tp_ctc_loss(T, x, labels, INTEGERS(tp_shape(3), 2, 5, 0), lengths, NULL) == NULL);
    ck_error(T, TP_EINDEX, "input length 5");
    ck_assert(tp_ctc_loss(T, x, labels, times, lengths, &(tp_ctc_options){.blank = 5}) == NULL);
    ck_error(T, TP_EINDEX, "blank is 5");
}
END_TEST

/* ---- modules ------------------------------------------------------------------------------------------------------------ */

static tp_status call_module(tp_tape *tape, void *user, int n_in, tp_tensor *const *in, int n_out, tp_tensor **out)
{
    return tp_forward_n(tape, user, n_in, in, n_out, out);
}

/* The derivative by the first input in float64, of both orders, and the name */
static void check_module(tp_module *m, const char *name, int n, tp_tensor *const *in)
{
    char text[64];
    tp_tensor *all[4];
    ck_no_error(T);
    for (int k = 0; k < n; k++)
        all[k] = in[k];
    all[0] = tp_requires_grad(tp_detach(T, in[0]), true);
    tp_gradcheck_of(T, call_module, m, n, all, 1, &(tp_gradcheck_options){.second = true});
    ck_no_error(T);
    tp_module_format(m, text, sizeof text);
    ck_assert_str_eq(text, name);
    tp_module *copy = tp_module_clone(T, m);
    tp_tensor *of_copy = NULL, *of_m = NULL;
    tp_forward_n(T, m, n, all, 1, &of_m);
    tp_forward_n(T, copy, n, all, 1, &of_copy);
    ck_no_error(T);
    ck_assert(tensors_identical(of_m, of_copy));
    tp_module_free(copy);
    ck_assert(tp_forward(T, m, all[0]) == NULL);
    ck_error(T, TP_EINVAL, "called with 1 input");
    tp_module_free(m);
}

START_TEST(modules)
{
    const tp_dims shape = tp_shape(4, 5);
    tp_tensor *x = tp_randn(T, TP_F64, shape), *y = tp_randn(T, TP_F64, shape), *z = tp_randn(T, TP_F64, shape);
    tp_tensor *chance = tp_sigmoid(T, x), *share = tp_sigmoid(T, y), *sign = tp_sign(T, y),
              *logp = tp_log_softmax(T, x, 1);
    tp_tensor *label = INTEGERS(tp_shape(4), 0, 3, 4, 1), *signs = INTEGERS(tp_shape(4), 1, -1, 1, -1);
    tp_tensor *lists = INTEGERS(shape, 0, 3, -1, 0, 0, 1, -1, 0, 0, 0, -1, 0, 0, 0, 0, 4, 3, 2, 1, 0);
#define CHECK(m, name, ...) \
    check_module(m, name "()", (int)LENGTH(((tp_tensor *[]){__VA_ARGS__})), (tp_tensor *[]){__VA_ARGS__})
    CHECK(tp_nn_l1_loss(T, TP_MEAN), "L1Loss", x, y);
    CHECK(tp_nn_mse_loss(T, TP_NONE), "MSELoss", x, y);
    CHECK(tp_nn_cross_entropy_loss(T, NULL), "CrossEntropyLoss", x, label);
    CHECK(tp_nn_nll_loss(T, NULL), "NLLLoss", logp, label);
    CHECK(tp_nn_poisson_nll_loss(T, NULL), "PoissonNLLLoss", x, share);
    CHECK(tp_nn_gaussian_nll_loss(T, NULL), "GaussianNLLLoss", x, y, chance);
    CHECK(tp_nn_kl_div_loss(T, NULL), "KLDivLoss", logp, share);
    CHECK(tp_nn_bce_loss(T, NULL), "BCELoss", chance, share);
    CHECK(tp_nn_bce_with_logits_loss(T, NULL), "BCEWithLogitsLoss", x, share);
    CHECK(tp_nn_margin_ranking_loss(T, NULL), "MarginRankingLoss", x, z, sign);
    CHECK(tp_nn_hinge_embedding_loss(T, NULL), "HingeEmbeddingLoss", x, sign);
    CHECK(tp_nn_multilabel_margin_loss(T, TP_MEAN), "MultiLabelMarginLoss", x, lists);
    CHECK(tp_nn_huber_loss(T, NULL), "HuberLoss", x, y);
    CHECK(tp_nn_smooth_l1_loss(T, NULL), "SmoothL1Loss", x, y);
    CHECK(tp_nn_soft_margin_loss(T, TP_SUM), "SoftMarginLoss", x, sign);
    CHECK(tp_nn_multilabel_soft_margin_loss(T, NULL), "MultiLabelSoftMarginLoss", x, share);
    CHECK(tp_nn_cosine_embedding_loss(T, NULL), "CosineEmbeddingLoss", x, y, signs);
    CHECK(tp_nn_multi_margin_loss(T, &(tp_multi_margin_options){.p = 2}), "MultiMarginLoss", x, label);
    CHECK(tp_nn_triplet_margin_loss(T, NULL), "TripletMarginLoss", x, y, z);
    CHECK(tp_nn_triplet_margin_with_distance_loss(T, NULL, NULL, NULL), "TripletMarginWithDistanceLoss", x, y, z);
    CHECK(tp_nn_cosine_similarity(T, 1, 1e-8), "CosineSimilarity", x, y);
    CHECK(tp_nn_pairwise_distance(T, 2, 1e-6, true), "PairwiseDistance", x, y);
    ck_no_error(T);
}
END_TEST

static tp_status find_weight(const char *name, tp_tensor *x, bool is_param, void *user)
{
    (void)x;
    *(int *)user += !is_param && (strcmp(name, "weight") == 0 || strcmp(name, "pos_weight") == 0);
    return TP_OK;
}

/* A weight is the module's own buffer: it outlives the tensor that was given. */
START_TEST(weights_of_modules)
{
    int found = 0;
    tp_module *m = tp_nn_bce_with_logits_loss(T, &(tp_bce_options){.weight = ROW(1, 2), .pos_weight = ROW(3, 4)});
    tp_module_visit(m, find_weight, &found);
    ck_assert_int_eq(found, 2);
    tp_tape_reset(T);
    tp_module *given = m;
    m = tp_module_clone(T, given);
    tp_module_free(given);
    tp_tensor *out, *in[2] = {ROW(0, 0), ROW(1, 0)};
    tp_forward_n(T, m, 2, in, 1, &out);
    ck_values(out, 1e-15, log(2) * (3 + 2) / 2);
    ck_no_error(T);
    tp_module_free(m);
    ck_assert(tp_nn_bce_loss(T, &(tp_bce_options){.pos_weight = ROW(1)}) == NULL);
    ck_error(T, TP_EINVAL, "pos_weight");
}
END_TEST

START_TEST(adaptive_softmax)
{
    const int64_t cutoffs[] = {2, 5};
    tp_module *m = tp_nn_adaptive_log_softmax_with_loss(
        T, 8, 9, 2, cutoffs, &(tp_adaptive_softmax_options){.div_value = 2, .dtype = TP_F64});
    char text[900];
    tp_module_format(m, text, sizeof text);
    ck_assert_str_eq(text, "AdaptiveLogSoftmaxWithLoss(\n"
                           "  (head): Linear(in_features=8, out_features=4, bias=False)\n"
                           "  (tail): ModuleList(\n"
                           "    (0): Sequential(\n"
                           "      (0): Linear(in_features=8, out_features=4, bias=False)\n"
                           "      (1): Linear(in_features=4, out_features=3, bias=False)\n"
                           "    )\n"
                           "    (1): Sequential(\n"
                           "      (0): Linear(in_features=8, out_features=2, bias=False)\n"
                           "      (1): Linear(in_features=2, out_features=4, bias=False)\n"
                           "    )\n"
                           "  )\n"
                           ")");
    tp_tensor *x = tp_randn(T, TP_F64, tp_shape(6, 8)), *target = INTEGERS(tp_shape(6), 0, 1, 3, 4, 8, 2);
    tp_tensor *in[2] = {x, target}, *out[2], *all = tp_adaptive_log_softmax_log_prob(T, m, x);
    tp_forward_n(T, m, 2, in, 2, out);
    ck_no_error(T);
    ck_assert(tensors_close(tp_sum_dim(T, tp_exp(T, all), 1, false), tp_ones(T, TP_F64, tp_shape(6)), 1e-13, 0));
    tp_tensor *picked = tp_squeeze_dim(T, tp_gather(T, all, 1, tp_unsqueeze(T, target, 1)), 1);
    ck_assert(tensors_close(out[0], picked, 1e-13, 0));
    ck_values(out[1], 1e-13, -tp_item(tp_mean(T, picked)));
    ck_assert(tensors_identical(tp_adaptive_log_softmax_predict(T, m, x), tp_argmax(T, all, 1, false)));
    in[0] = tp_requires_grad(x, true);
    tp_gradcheck_of(T, call_module, m, 2, in, 1, &(tp_gradcheck_options){.second = true});
    ck_no_error(T);
    in[1] = tp_scalar(T, TP_I64, 9);
    in[0] = tp_select(T, x, 0, 0);
    tp_forward_n(T, m, 2, in, 1, out);
    ck_error(T, TP_EINDEX, "target 9");
    tp_module_free(m);
    ck_assert(tp_nn_adaptive_log_softmax_with_loss(T, 8, 5, 2, cutoffs, NULL) == NULL);
    ck_error(T, TP_EINVAL, "2 cutoffs");
    m = tp_nn_adaptive_log_softmax_with_loss(T, 3, 9, 2, cutoffs, &(tp_adaptive_softmax_options){.div_value = 0.1});
    ck_assert_int_eq(tp_size(tp_module_param(m, "tail.0.0.weight"), 0), 29); /* as in Python 3 // 0.1, 3 // 0.1**2 */
    ck_assert_int_eq(tp_size(tp_module_param(m, "tail.1.0.weight"), 0), 299);
    tp_module_free(m);
    const double absurd[] = {1e-300, (double)NAN, -0.5, (double)INFINITY};
    for (size_t i = 0; i < LENGTH(absurd); i++) {
        tp_adaptive_softmax_options o = {.div_value = absurd[i]};
        m = tp_nn_adaptive_log_softmax_with_loss(T, 3, 9, 2, cutoffs, &o);
        ck_assert((m != NULL) == (absurd[i] > 1));
        if (m == NULL)
            ck_error(T, TP_EINVAL, "div_value is");
        tp_module_free(m);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("loss");
    TCase *c = tcase_create("loss");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_loop_test(c, empty_single_and_unknown, 0, (int)LENGTH(pairs));
    tcase_add_loop_test(c, terms_and_sums, 0, (int)LENGTH(pairs));
    tcase_add_test(c, values);
    tcase_add_test(c, variances);
    tcase_add_test(c, weights);
    tcase_add_test(c, ignored);
    tcase_add_test(c, margins);
    tcase_add_test(c, triplets);
    tcase_add_test(c, ctc_beside_all_paths);
    tcase_add_test(c, ctc_of_a_batch);
    tcase_add_test(c, modules);
    tcase_add_test(c, weights_of_modules);
    tcase_add_test(c, adaptive_softmax);
    suite_add_tcase(s, c);
    return run_suite(s);
}
