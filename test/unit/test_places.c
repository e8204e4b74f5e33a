/* test_places.c - moving by an index where the kernels take more than one way: large indices, which are checked block by
 * block; whole numbers that are counted, beside those that are sorted; rows that are not aligned alike. */
#include "support/support.h"

/* A bad position in the last of several blocks is found, and named, by everything that takes an index. */
enum { LONG = 7000 };

static tp_tensor *call_by(tp_tape *T, int which, tp_tensor *x, tp_tensor *at)
{
    tp_tensor *flat = tp_reshape(T, at, tp_shape(LONG)), *ones = tp_ones(T, TP_F32, tp_shape(LONG));
    switch (which) {
    case 0:
        return tp_gather(T, x, 0, flat);
    case 1:
        return tp_scatter(T, x, 0, flat, ones, TP_SCATTER_PUT);
    case 2:
        return tp_scatter_add(T, x, 0, flat, ones);
    case 3:
        return tp_index_select(T, x, 0, flat);
    case 4:
        return tp_index_add(T, x, 0, flat, ones);
    case 5:
        return tp_gather(T, tp_expand(T, x, tp_shape(7, 10)), 1, tp_reshape(T, at, tp_shape(7, 1000)));
    case 6:
        return tp_scatter_add(T, tp_zeros(T, TP_F32, tp_shape(7, 10)), 1, tp_reshape(T, at, tp_shape(7, 1000)),
                              tp_ones(T, TP_F32, tp_shape(7, 1000)));
    case 7:
        return tp_scatter_add(T, tp_zeros(T, TP_F32, tp_shape(10, 700)), 0, tp_reshape(T, at, tp_shape(10, 700)),
                              tp_ones(T, TP_F32, tp_shape(10, 700)));
    case 8:
        return tp_index_reduce(T, x, 0, flat, ones, TP_REDUCE_AMAX, true);
    case 9:
        return tp_take(T, x, flat);
    default:
        return NULL;
    }
}

START_TEST(a_bad_position_is_found_in_any_block)
{
    static const int64_t bad[] = {10, -11, INT64_MAX, INT64_MIN}, where[] = {0, 2047, 2048, 5000, LONG - 1};
    tp_tape *T = tp_tape_new();
    for (int which = 0; which < 10; which++)
        for (size_t b = 0; b < sizeof bad / sizeof *bad; b++)
            for (size_t w = 0; w < sizeof where / sizeof *where; w++) {
                tp_tensor *x = tp_randn(T, TP_F32, tp_shape(10)), *at = tp_randint(T, TP_I64, tp_shape(LONG), 0, 10);
                char text[32];
                ck_assert_ptr_nonnull(call_by(T, which, x, at));
                ((int64_t *)tp_data(at))[where[w]] = bad[b];
                ck_assert_ptr_null(call_by(T, which, x, at));
                ck_assert_int_eq(tp_error_status(T), TP_EINDEX);
                snprintf(text, sizeof text, "%lld", (long long)bad[b]);
                ck_assert_msg(strstr(tp_error(T), text) != NULL, "%d: %s", which, tp_error(T));
                tp_clear_error(T);
                tp_tape_reset(T);
            }
    tp_tape_free(T);
}
END_TEST

/* ---- unique: counted and sorted -------------------------------------------------------------------------------- */

/* values[inverse] is x, counts are how often, values ascend. */
static void check_unique(tp_tape *T, tp_tensor *x)
{
    tp_tensor *inverse, *counts, *values = tp_unique(T, x, &inverse, &counts);
    ck_assert_msg(values != NULL, "%s", tp_error(T) ? tp_error(T) : "");
    int64_t m = tp_numel(values), n = tp_numel(x);
    tp_tensor *wide = tp_to(T, values, TP_I64), *again = tp_contiguous(T, tp_to(T, x, TP_I64));
    const int64_t *v = tp_data(wide), *back = tp_data(inverse), *size = tp_data(counts), *all = tp_data(again);
    ck_assert_int_eq(tp_dtype_of(values), tp_dtype_of(x));
    ck_assert_int_eq(tp_numel(inverse), n);
    ck_assert_int_eq(tp_numel(counts), m);
    for (int64_t k = 1; k < m; k++)
        ck_assert(v[k - 1] < v[k]);
    for (int64_t k = 0; k < m; k++) {
        int64_t there = 0;
        for (int64_t i = 0; i < n; i++)
            there += all[i] == v[k];
        ck_assert_int_eq(there, size[k]);
    }
    for (int64_t i = 0; i < n; i++)
        ck_assert(v[back[i]] == all[i]);
    ck_assert(tp_equal(T, values, tp_unique(T, x, NULL, NULL)));
}

START_TEST(nothing_has_no_position)
{
    tp_tape *T = tp_tape_new();
    tp_tensor *index = tp_zeros(T, TP_I64, tp_shape(3)), *none = tp_zeros(T, TP_F32, tp_shape(0, 3));
    ck_assert(tp_take(T, none, index) == NULL && tp_error_status(T) == TP_EINDEX);
    tp_clear_error(T);
    ck_assert(tp_index_select(T, none, 0, index) == NULL && tp_error_status(T) == TP_EINDEX);
    tp_clear_error(T);
    ck_assert(tp_index_select(T, none, 1, index) != NULL);
    ck_assert(tp_take(T, none, tp_zeros(T, TP_I64, tp_shape(0))) != NULL);
    tp_tape_free(T);
}
END_TEST

START_TEST(unique_is_the_same_counted_and_sorted)
{
    static const int64_t far[] = {INT64_MAX, INT64_MIN, 0, INT64_MIN, 5},
                         high[] = {INT64_MAX, INT64_MAX - 1, INT64_MAX - 3, INT64_MAX},
                         low[] = {INT64_MIN, INT64_MIN + 2, INT64_MIN}, one[] = {-7};
    tp_tape *T = tp_tape_new();
    check_unique(T, tp_from(T, TP_I64, tp_shape(5), far));
    check_unique(T, tp_from(T, TP_I64, tp_shape(4), high));
    check_unique(T, tp_from(T, TP_I64, tp_shape(3), low));
    check_unique(T, tp_from(T, TP_I64, tp_shape(1), one));
    for (int64_t range = 1; range < 100000; range *= 7) { /* 300 numbers: counted below a range of 1200 */
        tp_tensor *x = tp_randint(T, TP_I64, tp_shape(20, 15), -range, range);
        check_unique(T, x);
        check_unique(T, tp_transpose(T, x, 0, 1));
        check_unique(T, tp_to(T, x, TP_I32));
        check_unique(T, tp_to(T, x, TP_U8));
        check_unique(T, tp_to(T, x, TP_BOOL));
    }
    tp_tensor *counts, *none = tp_unique(T, tp_zeros(T, TP_I64, tp_shape(0)), NULL, &counts);
    ck_assert(none && tp_numel(none) == 0 && tp_numel(counts) == 0);
    tp_tape_free(T);
}
END_TEST

START_TEST(runs_are_found)
{
    static const int64_t x[] = {3, 3, 1, 1, 1, 3, 2, 2}, values[] = {3, 1, 3, 2}, back[] = {0, 0, 1, 1, 1, 2, 3, 3},
                         size[] = {2, 3, 1, 2};
    tp_tape *T = tp_tape_new();
    for (int d = 0; d < TP_DTYPES; d++) {
        if (d == TP_BOOL)
            continue;
        tp_tensor *inverse, *counts;
        tp_tensor *y = tp_unique_consecutive(T, tp_to(T, tp_from(T, TP_I64, tp_shape(8), x), (tp_dtype)d), &inverse,
                                             &counts);
        ck_assert(tp_equal(T, tp_to(T, y, TP_I64), tp_from(T, TP_I64, tp_shape(4), values)));
        ck_assert(tp_equal(T, inverse, tp_from(T, TP_I64, tp_shape(8), back)));
        ck_assert(tp_equal(T, counts, tp_from(T, TP_I64, tp_shape(4), size)));
    }
    tp_tape_free(T);
}
END_TEST

/* ---- nonzero, diagonals, copies ---------------------------------------------------------------------------------- */

START_TEST(nonzero_counts_in_all_dimensions)
{
    tp_tape *T = tp_tape_new();
    const tp_dims shapes[] = {tp_shape(17), tp_shape(5, 9), tp_shape(3, 1, 4), tp_shape(2, 3, 2, 5), tp_shape(4, 0)};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        tp_tensor *x = tp_lt_scalar(T, tp_rand(T, TP_F32, shapes[s]), 0.4), *at = tp_nonzero(T, x);
        const uint8_t *truth = tp_data(x);
        int64_t k = 0, ndim = shapes[s].ndim;
        ck_assert_ptr_nonnull(at);
        for (int64_t i = 0; i < tp_numel(x); i++) {
            if (!truth[i])
                continue;
            int64_t flat = 0;
            ck_assert(k < tp_size(at, 0));
            for (int64_t d = 0; d < ndim; d++)
                flat = flat * shapes[s].dim[d] + ((const int64_t *)tp_data(at))[k * ndim + d];
            ck_assert_int_eq(flat, i);
            k++;
        }
        ck_assert_int_eq(k, tp_size(at, 0));
    }
    tp_tape_free(T);
}
END_TEST

START_TEST(diagonals_are_embedded_in_any_dtype)
{
    tp_tape *T = tp_tape_new();
    for (int d = 0; d < TP_DTYPES; d++)
        for (int64_t offset = -2; offset <= 2; offset++) {
            tp_tensor *x = tp_to(T, tp_randint(T, TP_I64, tp_shape(700, 9), 0, 2), (tp_dtype)d);
            tp_tensor *last = tp_diag_embed(T, x, offset, -2, -1), *first = tp_diag_embed(T, x, offset, 0, 2);
            ck_assert_msg(first && last, "%s", tp_error(T) ? tp_error(T) : "");
            ck_assert(tp_equal(T, tp_diagonal(T, last, offset, -2, -1), x));
            ck_assert(tp_equal(T, tp_diagonal(T, first, offset, 0, 2), x));
            tp_tensor *sum = tp_sum(T, tp_to(T, x, TP_F64));
            ck_assert(tp_item(tp_sum(T, tp_to(T, last, TP_F64))) == tp_item(sum));
            ck_assert(tp_item(tp_sum(T, tp_to(T, first, TP_F64))) == tp_item(sum));
        }
    tp_tape_free(T);
}
END_TEST

START_TEST(rows_that_are_not_aligned_alike_are_copied)
{
    tp_tape *T = tp_tape_new();
    for (int64_t n = 500; n < 9000; n += 997)
        for (int64_t from = 0; from < 20; from += 3) {
            tp_tensor *x = tp_randint(T, TP_U8, tp_shape(3, n + 20), 0, 255), *y = tp_narrow(T, x, 1, from, n);
            tp_tensor *rows[2] = {y, tp_narrow(T, x, 1, from + n, 20 - from)};
            tp_tensor *z = tp_contiguous(T, y), *both = tp_cat(T, 2, rows, 1);
            const uint8_t *a = tp_data(x), *b = tp_data(z), *c = tp_data(both);
            for (int64_t r = 0; r < 3; r++) {
                ck_assert_mem_eq(a + r * (n + 20) + from, b + r * n, (size_t)n);
                ck_assert_mem_eq(a + r * (n + 20) + from, c + r * (n + 20 - from), (size_t)(n + 20 - from));
            }
            tp_tape_reset(T);
        }
    tp_tape_free(T);
}
END_TEST

/* Each value of each row against a count, for any number of boundaries and of values. */
START_TEST(boundaries_are_found)
{
    tp_tape *T = tp_tape_new();
    for (int64_t m = 0; m < 40; m += 1 + m / 8)
        for (int d = TP_F32; d <= TP_U8; d++)
            for (int right = 0; right < 2; right++) {
                tp_tensor *b = tp_sort(T, tp_randint(T, TP_I64, tp_shape(3, m), 0, 20), 1, false, NULL);
                tp_tensor *v = tp_randint(T, TP_I64, tp_shape(3, 21), 0, 22);
                const int64_t *bound = tp_data(b), *value = tp_data(v), *at;
                tp_tensor *y = tp_searchsorted(T, tp_to(T, b, (tp_dtype)d), tp_to(T, v, (tp_dtype)d),
                                               &(tp_searchsorted_options){.right = right});
                ck_assert_msg(y != NULL, "%s", tp_error(T) ? tp_error(T) : "");
                at = tp_data(y);
                for (int64_t i = 0; i < 63; i++) {
                    int64_t below = 0;
                    for (int64_t k = i / 21 * m; k < (i / 21 + 1) * m; k++)
                        below += right ? bound[k] <= value[i] : bound[k] < value[i];
                    ck_assert_int_eq(at[i], below);
                }
                tp_tape_reset(T);
            }
    tp_tape_free(T);
}
END_TEST

START_TEST(the_larger_and_the_smaller_take_nan)
{
    tp_tape *T = tp_tape_new();
    for (int d = TP_F32; d <= TP_F64; d++)
        for (int how = TP_REDUCE_AMAX; how <= TP_REDUCE_AMIN; how++) {
            const double x[] = {1, NAN, 1, -INFINITY}, src[] = {NAN, 5, 2, INFINITY};
            static const int64_t at[] = {0, 1, 2, 3};
            tp_tensor *a = tp_to(T, tp_from(T, TP_F64, tp_shape(4), x), (tp_dtype)d);
            tp_tensor *b = tp_to(T, tp_from(T, TP_F64, tp_shape(4), src), (tp_dtype)d);
            tp_tensor *index = tp_from(T, TP_I64, tp_shape(4), at);
            tp_tensor *y[2] = {tp_scatter_reduce(T, a, 0, index, b, (tp_scatter_reduction)how, true),
                               tp_index_reduce(T, a, 0, index, b, (tp_scatter_reduction)how, true)};
            for (int k = 0; k < 2; k++) {
                const double *v = tp_data(tp_to(T, y[k], TP_F64));
                bool max = how == TP_REDUCE_AMAX;
                ck_assert(isnan(v[0]) && isnan(v[1]));
                ck_assert(v[2] == (max ? 2 : 1) && v[3] == (max ? INFINITY : -INFINITY));
            }
        }
    tp_tape_free(T);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("places");
    TCase *t = tcase_create("index");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, a_bad_position_is_found_in_any_block);
    tcase_add_test(t, nothing_has_no_position);
    tcase_add_test(t, unique_is_the_same_counted_and_sorted);
    tcase_add_test(t, runs_are_found);
    tcase_add_test(t, nonzero_counts_in_all_dimensions);
    tcase_add_test(t, diagonals_are_embedded_in_any_dtype);
    tcase_add_test(t, rows_that_are_not_aligned_alike_are_copied);
    tcase_add_test(t, boundaries_are_found);
    tcase_add_test(t, the_larger_and_the_smaller_take_nan);
    suite_add_tcase(suite, t);
    return run_suite(suite);
}
