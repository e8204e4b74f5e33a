/* test_metrics.c - metrics by hand and by their definitions. */
#include "support/support.h"

static tp_tape *T;
static void setup(void) { T = tp_tape_new(); }
static void teardown(void) { tp_tape_free(T); }

/* ---- classes ------------------------------------------------------------------------------------------------------- */

static const double logits[] = {3, 1, 2, 0, 5, 1, 1, 1, 1, -1, NAN, 2};
static const int64_t targets[] = {0, 2, 1, 2};

START_TEST(accuracy)
{
    tp_tensor *x = tp_from(T, TP_F64, tp_shape(4, 3), logits), *y = tp_from(T, TP_I64, tp_shape(4), targets);
    static const double want[] = {0.25, 1, 1, 1}; /* ranks 0, 1, 1 (equal ones on the left), 1 (behind NaN) */
    for (int64_t k = 1; k <= 4; k++)
        ck_assert_double_eq(tp_accuracy(T, x, y, k), want[k - 1]);
    ck_assert_double_eq(tp_accuracy(T, tp_transpose(T, tp_contiguous(T, tp_transpose(T, x, 0, 1)), 0, 1), y, 1), 0.25);
    ck_assert(isnan(tp_accuracy(T, tp_zeros(T, TP_F32, tp_shape(0, 3)), tp_zeros(T, TP_I64, tp_shape(0)), 1)));
    ck_assert(isnan(tp_accuracy(T, x, y, 0)));
    ck_error(T, TP_EINVAL, "k is 0");
    ck_assert(isnan(tp_accuracy(T, x, tp_full(T, TP_I64, tp_shape(4), 3), 1)));
    ck_error(T, TP_EINDEX, "target 3; 0 to 2");
    ck_assert(isnan(tp_accuracy(T, x, tp_ones(T, TP_F32, tp_shape(4)), 1)));
    ck_error(T, TP_ESHAPE, "targets [4] of float32");
}
END_TEST

START_TEST(confusion)
{
    /* sklearn.metrics.precision_recall_fscore_support of the same; class 3 does not occur, class 2 is never guessed */
    static const int64_t counts[16] = {5, 1, 0, 0, 2, 4, 0, 0, 1, 2, 0, 0, 0, 0, 0, 0};
    double p[4], r[4], f[4];
    tp_class_scores all = tp_confusion_scores(counts, 4, p, r, f);
    ck_assert_double_eq_tol(all.accuracy, 9.0 / 15, 1e-15);
    ck_assert(p[0] == 5.0 / 8 && p[1] == 4.0 / 7 && p[2] == 0 && p[3] == 0);
    ck_assert(r[0] == 5.0 / 6 && r[1] == 4.0 / 6 && r[2] == 0 && r[3] == 0);
    ck_assert_double_eq_tol(f[0], 10.0 / 14, 1e-15);
    ck_assert_double_eq_tol(all.precision, (5.0 / 8 + 4.0 / 7) / 3, 1e-15);
    ck_assert_double_eq_tol(all.recall, 1.5 / 3, 1e-15);
    ck_assert_double_eq_tol(all.f1, (10.0 / 14 + 8.0 / 13) / 3, 1e-15);
    ck_assert(isnan(tp_confusion_scores(counts + 12, 1, NULL, NULL, NULL).accuracy));
    ck_assert(isnan(tp_confusion_scores(NULL, 4, p, r, f).accuracy));
}
END_TEST

/* ---- yes or no -------------------------------------------------------------------------------------------------------- */

START_TEST(roc)
{
    static const double score[] = {0.1, 0.4, 0.35, 0.8, 0.4, 0.4}, truth[] = {0, 0, 1, 1, 1, 0};
    tp_tensor *x = tp_from(T, TP_F64, tp_shape(6), score), *y = tp_from(T, TP_F64, tp_shape(6), truth), *tpr, *at;
    ck_assert_double_eq_tol(tp_roc_auc(T, x, y), 6.0 / 9, 1e-15); /* 0.8: 3, 0.4: 1 + 2 / 2, 0.35: 1 */
    tp_tensor *fpr = tp_roc_curve(T, x, y, &tpr, &at);
    ck_values(fpr, 1e-15, 0, 0, 2.0 / 3, 2.0 / 3, 1);
    ck_values(tpr, 1e-15, 0, 1.0 / 3, 2.0 / 3, 1, 1);
    ck_assert(isinf(tp_item_at(at, 0)) && tp_item_at(at, 1) == 0.8 && tp_item_at(at, 4) == 0.1);
    ck_assert(tp_roc_curve(T, x, tp_to(T, y, TP_BOOL), NULL, NULL) != NULL);
    ck_assert(isnan(tp_roc_auc(T, x, tp_ones(T, TP_I64, tp_shape(6)))));
    ck_error(T, TP_EINVAL, "6 of 6 targets are 1");
    ck_assert(isnan(tp_roc_auc(T, x, tp_full(T, TP_I64, tp_shape(6), 2))));
    ck_error(T, TP_EINVAL, "a target is 2");
    ck_assert(isnan(tp_roc_auc(T, tp_full(T, TP_F64, tp_shape(6), NAN), y)));
    ck_error(T, TP_ENUMERIC, "a score is NaN");
    ck_assert_ptr_null(tp_roc_curve(T, x, tp_ones(T, TP_F64, tp_shape(5)), &tpr, &at));
    ck_error(T, TP_ESHAPE, "scores are [6], targets [5]");
}
END_TEST

/* The area by its definition, of many samples with ties. */
START_TEST(roc_by_definition)
{
    enum { N = 300 };
    tp_tensor *x = tp_randint(T, TP_I64, tp_shape(N), 0, 40), *y = tp_randint(T, TP_I64, tp_shape(N), 0, 2);
    double area = 0, pairs = 0;
    for (int64_t i = 0; i < N; i++)
        for (int64_t j = 0; j < N; j++)
            if (tp_item_at(y, i) == 1 && tp_item_at(y, j) == 0) {
                double a = tp_item_at(x, i), b = tp_item_at(x, j);
                area += a > b ? 1 : a == b ? 0.5 : 0;
                pairs++;
            }
    ck_assert_double_eq_tol(tp_roc_auc(T, x, y), area / pairs, 1e-14);
    tp_tensor *tpr, *fpr = tp_roc_curve(T, tp_to(T, x, TP_F32), y, &tpr, NULL);
    ck_assert_double_eq_tol(tp_item(tp_trapezoid(T, tpr, fpr, 1, 0)), area / pairs, 1e-14);
}
END_TEST

/* ---- numbers ------------------------------------------------------------------------------------------------------------ */

START_TEST(numbers)
{
    tp_tensor *x = tp_from(T, TP_F64, tp_shape(4), (const double[]){2.5, 0, 2, 8});
    tp_tensor *y = tp_from(T, TP_F64, tp_shape(4), (const double[]){3, -0.5, 2, 7});
    ck_assert_double_eq_tol(tp_r2_score(T, x, y), 0.9486081370449679, 1e-15); /* scikit-learn's example */
    ck_assert_double_eq_tol(tp_mean_absolute_error(T, x, y), 0.5, 1e-15);
    tp_tensor *one = tp_ones(T, TP_F64, tp_shape(4));
    ck_assert(tp_r2_score(T, one, one) == 1 && tp_r2_score(T, x, one) == 0);
    ck_assert(isnan(tp_r2_score(T, x, tp_ones(T, TP_F64, tp_shape(3)))));
    ck_error(T, TP_ESHAPE, "x is [4], target [3]");
}
END_TEST

START_TEST(running_mean)
{
    tp_running_mean m = {0};
    ck_assert(isnan(tp_running_mean_value(&m)));
    tp_running_mean_add(&m, 1e16, 1);
    for (int i = 0; i < 1000; i++)
        tp_running_mean_add(&m, 1, 1);
    tp_running_mean_add(&m, -1e16, 1);
    ck_assert_double_eq(tp_running_mean_value(&m), 1000.0 / 1002);
    tp_running_mean_add(&m, INFINITY, 1);
    ck_assert(isinf(tp_running_mean_value(&m)));
    ck_assert(isnan(tp_running_mean_value(NULL)));
}
END_TEST

/* ---- along a training ------------------------------------------------------------------------------------------------------ */

START_TEST(early_stopping)
{
    static const double loss[] = {NAN, 3, 2, 1.95, 2.5, NAN, 1, 1, 1, 1};
    static const bool enough[] = {false, false, false, false, false, true, false, false, false, true};
    tp_early_stopping s = {.patience = 3, .min_delta = 0.1};
    for (size_t i = 0; i < LENGTH(loss); i++)
        ck_assert_msg(tp_early_stopping_step(&s, loss[i]) == enough[i], "epoch %zu", i + 1);
    ck_assert(s.best == 1 && s.best_epoch == 7);
    tp_early_stopping up = {.patience = 1, .max = true};
    ck_assert(!tp_early_stopping_step(&up, -5) && !tp_early_stopping_step(&up, -4) && tp_early_stopping_step(&up, -4));
}
END_TEST

START_TEST(k_fold)
{
    int seen[11] = {0};
    tp_tensor *order = tp_randperm(T, 11), *test;
    for (int64_t fold = 0; fold < 4; fold++) {
        tp_tensor *train = tp_k_fold(T, 11, 4, fold, order, &test);
        ck_assert_int_eq(tp_numel(test), fold < 3 ? 3 : 2);
        ck_assert_int_eq(tp_numel(train) + tp_numel(test), 11);
        for (int64_t i = 0; i < tp_numel(test); i++)
            seen[(int)tp_item_at(test, i)]++;
        for (int64_t i = 0; i < tp_numel(train); i++)
            for (int64_t j = 0; j < tp_numel(test); j++)
                ck_assert(tp_item_at(train, i) != tp_item_at(test, j));
    }
    for (int i = 0; i < 11; i++)
        ck_assert_int_eq(seen[i], 1);
    tp_tensor *train = tp_k_fold(T, 5, 2, 1, NULL, &test);
    ck_values(train, 0, 0, 1, 2);
    ck_values(test, 0, 3, 4);
    ck_assert_ptr_null(tp_k_fold(T, 3, 4, 0, NULL, NULL));
    ck_error(T, TP_EINVAL, "fold 0 of 4, of 3 samples");
    ck_assert_ptr_null(tp_k_fold(T, 5, 2, 0, order, NULL));
    ck_error(T, TP_ESHAPE, "order is [11]");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("metrics");
    TCase *t = tcase_create("metrics");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, accuracy);
    tcase_add_test(t, confusion);
    tcase_add_test(t, roc);
    tcase_add_test(t, roc_by_definition);
    tcase_add_test(t, numbers);
    tcase_add_test(t, running_mean);
    tcase_add_test(t, early_stopping);
    tcase_add_test(t, k_fold);
    suite_add_tcase(s, t);
    return run_suite(s);
}
