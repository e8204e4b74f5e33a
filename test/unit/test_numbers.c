/* test_numbers.c - operators between tensors and C numbers, sums with a factor and of several, and classes as vectors. */
#include "support/support.h"

#include <math.h>

static tp_tape *T;

static void setup(void) { T = tp_tape_new(); }
static void teardown(void) { tp_tape_free(T); }

/* ---- comparisons: against the operators of C on numbers that both types hold ------------------------------------- */

static const struct {
    tp_tensor *(*f)(tp_tape *, tp_tensor *, double);
    int less, same, greater; /* what it says of x < s, x == s, x > s */
} comparisons[] = {
    {tp_eq_scalar, 0, 1, 0}, {tp_ne_scalar, 1, 0, 1}, {tp_lt_scalar, 1, 0, 0},
    {tp_le_scalar, 1, 1, 0}, {tp_gt_scalar, 0, 0, 1}, {tp_ge_scalar, 0, 1, 1},
};

START_TEST(integers_are_compared_as_numbers)
{
    const double numbers[] = {-1e300, -0x1p63,    -0x1p31 - 1, -0x1p31, -1,     -0.5,     0,
                              0.5,    1,          1.5,         2,       254.5,  255,      255.5,
                              256,    0x1p31 - 1, 0x1p31,      0x1p62,  0x1p63, INFINITY, -INFINITY};
    const tp_dtype dtypes[] = {TP_I64, TP_I32, TP_U8, TP_BOOL};
    const int64_t values[][4] = {
        {INT64_MIN, -1, 2, INT64_MAX}, {INT32_MIN, -1, 2, INT32_MAX}, {0, 1, 2, 255}, {0, 1, 1, 0}};
    for (int d = 0; d < 4; d++) {
        tp_tensor *x = tp_to(T, tp_from(T, TP_I64, tp_shape(4), values[d]), dtypes[d]);
        for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++)
            for (int i = 0; i < 4; i++) {
                long double v = (long double)values[d][i], s = numbers[k];
                int want = v < s ? comparisons[_i].less : v > s ? comparisons[_i].greater : comparisons[_i].same;
                double got = tp_item_at(comparisons[_i].f(T, x, numbers[k]), i);
                ck_assert_msg(got == want, "%s %g, number %g: %g", tp_dtype_name(dtypes[d]), (double)v, numbers[k],
                              got);
            }
        ck_assert_double_eq(tp_item_at(comparisons[_i].f(T, x, NAN), 0), comparisons[_i].f == tp_ne_scalar);
    }
    ck_no_error(T);
}
END_TEST

START_TEST(floats_are_compared_in_their_dtype)
{
    tp_tensor *x = tp_from(T, TP_F32, tp_shape(3), (float[]){0.1f, NAN, INFINITY});
    ck_assert_double_eq(tp_item_at(comparisons[_i].f(T, x, 0.1), 0), comparisons[_i].same);
    ck_assert_double_eq(tp_item_at(comparisons[_i].f(T, x, 0.1), 1), comparisons[_i].f == tp_ne_scalar);
    ck_assert_double_eq(tp_item_at(comparisons[_i].f(T, x, 0.1), 2), comparisons[_i].greater);
    ck_assert_double_eq(tp_item_at(comparisons[_i].f(T, x, NAN), 0), comparisons[_i].f == tp_ne_scalar);
    ck_assert_double_eq(tp_item_at(comparisons[_i].f(T, tp_to(T, x, TP_F64), 0.1), 0), comparisons[_i].greater);
    ck_assert(!tp_needs_grad(comparisons[_i].f(T, tp_requires_grad(x, true), 0)));
    ck_no_error(T);
}
END_TEST

START_TEST(where_with_a_number)
{
    tp_tensor *x = tp_requires_grad(tp_from(T, TP_F64, tp_shape(3), (double[]){-2, 0, 3}), true);
    tp_tensor *y = tp_where_scalar(T, tp_gt_scalar(T, x, 0), x, -INFINITY);
    ck_assert_double_eq(tp_item_at(y, 0), -INFINITY);
    ck_assert_double_eq(tp_item_at(y, 2), 3);
    tp_backward(T, tp_sum(T, tp_where_scalar(T, tp_gt_scalar(T, x, 0), tp_square(T, x), 7)));
    ck_assert(tensors_close(tp_grad(x), tp_from(T, TP_F64, tp_shape(3), (double[]){0, 0, 6}), 0, 0));
    tp_tensor *i = tp_arange(T, TP_I32, 0, 3, 1);
    ck_assert_int_eq(tp_dtype_of(tp_where_scalar(T, tp_gt_scalar(T, i, 0), i, 5)), TP_I32);
    ck_assert_int_eq(tp_dtype_of(tp_where_scalar(T, tp_gt_scalar(T, i, 0), i, 0.5)), TP_F32);
    ck_assert_int_eq(tp_dtype_of(tp_where_scalar(T, tp_gt_scalar(T, i, 0), tp_gt_scalar(T, i, 0), 5)), TP_I64);
    ck_no_error(T);
}
END_TEST

/* ---- sums ------------------------------------------------------------------------------------------------------- */

START_TEST(sums_with_a_factor)
{
    tp_tensor *i = tp_arange(T, TP_U8, 0, 4, 1), *b = tp_ones(T, TP_BOOL, tp_shape(4));
    tp_tensor *y = tp_sub_alpha(T, i, b, 2); /* wraps */
    ck_assert_int_eq(tp_dtype_of(y), TP_U8);
    ck_assert(tensors_close(y, tp_from(T, TP_U8, tp_shape(4), (uint8_t[]){254, 255, 0, 1}), 0, 0));
    y = tp_add_alpha(T, i, tp_ones(T, TP_F64, tp_shape(2, 1)), 0.5);
    ck_assert_int_eq(tp_dtype_of(y), TP_F64);
    ck_assert_double_eq(tp_item_at(y, 7), 3.5);
    y = tp_add_alpha(T, tp_full(T, TP_I64, tp_shape(1), 0x1p62), tp_ones(T, TP_I64, tp_shape(1)), -0x1p62);
    ck_assert_double_eq(tp_item(y), 0);
    ck_no_error(T);
    ck_assert_ptr_null(tp_add_alpha(T, i, i, 0.5));
    ck_assert_int_eq(tp_error_status(T), TP_EINVAL);
    tp_clear_error(T);
    ck_assert_ptr_null(tp_add_alpha(T, b, b, 1));
    ck_assert_int_eq(tp_error_status(T), TP_EDTYPE);
    tp_clear_error(T);
}
END_TEST

START_TEST(sums_of_several)
{
    enum { N = 3000 };
    tp_tensor *x[5], *all = tp_zeros(T, TP_F32, tp_shape(N));
    for (int i = 0; i < 5; i++) {
        x[i] = tp_requires_grad(tp_randn(T, TP_F32, tp_shape(N)), true);
        all = i == 0 ? x[0] : tp_add(T, all, x[i]);
        ck_assert(tp_equal(T, tp_add_n(T, i + 1, x), all));
    }
    x[3] = tp_requires_grad(tp_ones(T, TP_F64, tp_shape(2, 1)), true); /* broadcast, promoted */
    tp_tensor *y = tp_add_n(T, 4, x);
    ck_assert_int_eq(tp_ndim(y), 2);
    tp_backward(T, tp_sum(T, y));
    ck_assert_double_eq(tp_item_at(tp_grad(x[0]), 5), 2);
    ck_assert_double_eq(tp_item_at(tp_grad(x[3]), 1), N);
    ck_no_error(T);
    ck_assert_ptr_null(tp_add_n(T, 0, x));
    ck_assert_int_eq(tp_error_status(T), TP_EINVAL);
}
END_TEST

/* ---- classes ---------------------------------------------------------------------------------------------------- */

START_TEST(one_hot)
{
    int64_t at[] = {2, 0, 1, 2};
    tp_tensor *i = tp_from(T, TP_I64, tp_shape(2, 2), at), *y = tp_one_hot(T, i, 4);
    ck_assert_int_eq(tp_ndim(y), 3);
    ck_assert_int_eq(tp_dtype_of(y), TP_I64);
    for (int k = 0; k < 16; k++)
        ck_assert_double_eq(tp_item_at(y, k), k % 4 == at[k / 4]);
    ck_assert_int_eq(tp_shape_of(tp_one_hot(T, i, -1)).dim[2], 3);
    ck_assert_int_eq(tp_numel(tp_one_hot(T, tp_zeros(T, TP_I64, tp_shape(0, 2)), 3)), 0);
    ck_assert_int_eq(tp_numel(tp_one_hot(T, tp_scalar(T, TP_I32, 1), -1)), 2);
    ck_no_error(T);
    const struct {
        tp_tensor *index;
        int64_t n;
        tp_status status;
    } bad[] = {{i, 2, TP_EINDEX},
               {i, 0, TP_EINVAL},
               {i, -2, TP_EINVAL},
               {i, INT64_MAX, TP_ENOMEM},
               {tp_neg(T, i), 4, TP_EINDEX},
               {tp_ones(T, TP_F32, tp_shape(2)), 4, TP_EDTYPE},
               {tp_zeros(T, TP_I64, tp_shape(0)), -1, TP_EINVAL},
               {tp_zeros(T, TP_I64, tp_shape(1, 1, 1, 1, 1, 1, 1, 1, 1, 1)), -1, TP_ESHAPE}};
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        ck_assert_ptr_null(tp_one_hot(T, bad[k].index, bad[k].n));
        ck_assert_msg(tp_error_status(T) == bad[k].status, "%zu: %s", k, tp_error(T));
        tp_clear_error(T);
    }
}
END_TEST

/* ---- warnings --------------------------------------------------------------------------------------------------- */

static void count(void *user, const char *message)
{
    ck_assert_ptr_nonnull(strstr(message, "x is [4, 1], target is [4]; both are broadcast to [4, 4]"));
    ++*(int *)user;
}

START_TEST(losses_of_other_shapes)
{
    tp_tensor *x = tp_ones(T, TP_F32, tp_shape(4, 1)), *t = tp_zeros(T, TP_F32, tp_shape(4));
    tp_tensor *(*f)(tp_tape *, tp_tensor *, tp_tensor *, tp_reduction) = _i ? tp_mse_loss : tp_l1_loss;
    int n = 0;
    tp_tape_on_warning(T, count, &n);
    f(T, t, t, TP_MEAN);
    ck_assert_ptr_null(tp_warning(T));
    for (int i = 0; i < 3; i++)
        ck_assert_double_eq(tp_item(f(T, x, t, TP_SUM)), 16);
    ck_assert_int_eq(n, 1);
    ck_assert_ptr_nonnull(tp_warning(T));
    tp_clear_warning(T);
    ck_assert_ptr_null(tp_warning(T));
    f(T, x, t, TP_SUM);
    ck_assert_int_eq(n, 2);
    ck_no_error(T);
    ck_assert_ptr_null(f(T, x, tp_zeros(T, TP_F32, tp_shape(3, 3)), TP_MEAN));
    ck_assert_int_eq(tp_error_status(T), TP_ESHAPE);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("numbers");
    TCase *t = tcase_create("numbers");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, integers_are_compared_as_numbers, 0, 6);
    tcase_add_loop_test(t, floats_are_compared_in_their_dtype, 0, 6);
    tcase_add_test(t, where_with_a_number);
    tcase_add_test(t, sums_with_a_factor);
    tcase_add_test(t, sums_of_several);
    tcase_add_test(t, one_hot);
    tcase_add_loop_test(t, losses_of_other_shapes, 0, 2);
    suite_add_tcase(suite, t);
    return run_suite(suite);
}
