/* test_overwritten.c - functions that put values at places, where a place is named more than once: the last value counts,
 * and those before it have no gradient. Each against finite differences, of first and second order, with fused kernels and
 * without (tp_gradcheck_of), and against a loop that does what the manual says. */
#include "support/support.h"

enum { ROWS = 4, COLUMNS = 3 };

typedef tp_tensor *(*put_fn)(tp_tape *T, tp_tensor *x, tp_tensor *values);

static tp_tensor *places(tp_tape *T, tp_dims shape, const int64_t *values) { return tp_from(T, TP_I64, shape, values); }

/* Rows 1, 3, 1 and -3 (1 again), and -1 (3 again). */
static const int64_t rows[5] = {1, 3, 1, -3, -1}, from_front[5] = {1, 3, 1, 1, 3};

static tp_tensor *by_index_put(tp_tape *T, tp_tensor *x, tp_tensor *values, bool accumulate)
{
    tp_tensor *at = places(T, tp_shape(5), rows);
    return tp_index_put(T, x, "@", 1, &at, values, accumulate);
}
static tp_tensor *index_put(tp_tape *T, tp_tensor *x, tp_tensor *v) { return by_index_put(T, x, v, false); }
static tp_tensor *index_put_add(tp_tape *T, tp_tensor *x, tp_tensor *v) { return by_index_put(T, x, v, true); }

/* Elements, by two indices: (1, 0), (1, 2), (1, -1), (-3, 0). */
static tp_tensor *index_put_elements(tp_tape *T, tp_tensor *x, tp_tensor *v)
{
    tp_tensor *at[2] = {places(T, tp_shape(4), (const int64_t[]){1, 1, 1, -3}),
                        places(T, tp_shape(4), (const int64_t[]){0, 2, -1, 0})};
    return tp_index_put(T, x, "@, @", 2, at, v, false);
}

/* A slice beside a tensor, and broadcast values. */
static tp_tensor *index_put_slices(tp_tape *T, tp_tensor *x, tp_tensor *v)
{
    tp_tensor *at = places(T, tp_shape(3), (const int64_t[]){2, 0, -1});
    return tp_index_put(T, x, "1:3, @", 1, &at, v, false);
}

static tp_tensor *index_copy(tp_tape *T, tp_tensor *x, tp_tensor *v)
{
    return tp_index_copy(T, x, 0, places(T, tp_shape(5), from_front), v);
}
static tp_tensor *index_copy_columns(tp_tape *T, tp_tensor *x, tp_tensor *v)
{
    return tp_index_copy(T, x, 1, places(T, tp_shape(3), (const int64_t[]){2, 0, 2}), v);
}
static tp_tensor *index_fill(tp_tape *T, tp_tensor *x, tp_tensor *v)
{
    return tp_index_fill(T, x, 0, places(T, tp_shape(5), rows), v);
}

static tp_tensor *scatter_rows(tp_tape *T, tp_tensor *x, tp_tensor *v)
{
    tp_tensor *at = places(T, tp_shape(3, 2), (const int64_t[]){1, 0, 1, 3, 0, 3});
    return tp_scatter(T, x, 0, at, v, TP_SCATTER_PUT); /* v is larger than the index */
}
static tp_tensor *scatter_columns(tp_tape *T, tp_tensor *x, tp_tensor *v)
{
    tp_tensor *at = places(T, tp_shape(2, 4), (const int64_t[]){2, 2, 0, 2, 1, 1, 1, 0});
    return tp_scatter(T, x, 1, at, v, TP_SCATTER_PUT);
}
static tp_tensor *scatter_scalar(tp_tape *T, tp_tensor *x, tp_tensor *v)
{
    tp_tensor *at = places(T, tp_shape(2, 3), (const int64_t[]){1, 0, 1, 1, 3, 1});
    return tp_mul(T, tp_scatter_scalar(T, x, 0, at, 1.5, TP_SCATTER_PUT), v);
}

/* Without the elements themselves, which are overwritten by what does not count. */
static tp_tensor *scatter_reduce(tp_tape *T, tp_tensor *x, tp_tensor *v)
{
    tp_tensor *at = places(T, tp_shape(2, 3), (const int64_t[]){1, 0, 1, 1, 3, 1});
    return tp_scatter_reduce(T, x, 0, at, v, TP_REDUCE_PROD, false);
}

/* Places 0, 5, -12 (0 again), 7 and -7 (5 again). */
static tp_tensor *by_put(tp_tape *T, tp_tensor *x, tp_tensor *values, bool accumulate)
{
    return tp_put(T, x, places(T, tp_shape(5), (const int64_t[]){0, 5, -12, 7, -7}), values, accumulate);
}
static tp_tensor *put(tp_tape *T, tp_tensor *x, tp_tensor *v) { return by_put(T, x, v, false); }
static tp_tensor *put_add(tp_tape *T, tp_tensor *x, tp_tensor *v) { return by_put(T, x, v, true); }

/* Windows over each other, and one place for all. */
static tp_tensor *as_strided(tp_tape *T, tp_tensor *x, tp_tensor *v)
{
    return tp_as_strided_scatter(T, x, v, tp_shape(4, 3), (const int64_t[]){2, 1}, 1);
}
static tp_tensor *as_strided_place(tp_tape *T, tp_tensor *x, tp_tensor *v)
{
    return tp_as_strided_scatter(T, x, v, tp_shape(3, 2), (const int64_t[]){0, 4}, 2);
}

/* These name no place twice. */
static tp_tensor *masked(tp_tape *T, tp_tensor *x, tp_tensor *v)
{
    tp_tensor *mask = tp_gt(T, tp_remainder(T, tp_arange(T, TP_I64, 0, ROWS, 1), tp_scalar(T, TP_I64, 2)),
                            tp_scalar(T, TP_I64, 0));
    return tp_masked_scatter(T, x, tp_unsqueeze(T, mask, 1), v);
}
static tp_tensor *diagonal(tp_tape *T, tp_tensor *x, tp_tensor *v) { return tp_diagonal_scatter(T, x, v, 0, 0, 1); }
static tp_tensor *select_row(tp_tape *T, tp_tensor *x, tp_tensor *v) { return tp_select_scatter(T, x, v, 0, -2); }
static tp_tensor *slice(tp_tape *T, tp_tensor *x, tp_tensor *v)
{
    return tp_slice_scatter(T, x, v, 0, -4, INT64_MAX, 2);
}

static const struct {
    const char *name;
    put_fn put;
    tp_dims values;
} functions[] = {
    {"index_put", index_put, {2, {5, COLUMNS}}},
    {"index_put, broadcast", index_put, {2, {5, 1}}},
    {"index_put, added", index_put_add, {2, {5, COLUMNS}}},
    {"index_put of elements", index_put_elements, {1, {4}}},
    {"index_put of slices", index_put_slices, {2, {2, 3}}},
    {"index_copy", index_copy, {2, {5, COLUMNS}}},
    {"index_copy of columns", index_copy_columns, {2, {ROWS, 3}}},
    {"index_fill", index_fill, {.ndim = 0}},
    {"scatter, dim 0", scatter_rows, {2, {4, 2}}},
    {"scatter, dim 1", scatter_columns, {2, {2, 4}}},
    {"scatter of a number", scatter_scalar, {.ndim = 0}},
    {"scatter_reduce", scatter_reduce, {2, {2, 3}}},
    {"put", put, {1, {5}}},
    {"put, added", put_add, {1, {5}}},
    {"as_strided_scatter", as_strided, {2, {4, 3}}},
    {"as_strided_scatter, one place", as_strided_place, {2, {3, 2}}},
    {"masked_scatter", masked, {2, {3, 3}}},
    {"diagonal_scatter", diagonal, {1, {3}}},
    {"select_scatter", select_row, {1, {COLUMNS}}},
    {"slice_scatter", slice, {2, {2, COLUMNS}}},
};

static tp_tensor *numbers(tp_tape *T, tp_dims shape, double start)
{
    tp_tensor *x = tp_empty(T, TP_F64, shape);
    for (int64_t i = 0; i < tp_numel(x); i++)
        ((double *)tp_data(x))[i] = start + 0.37 * (double)i;
    return x;
}

/* Not linear, so that there is a second derivative: put(x^2, v^3)^2. */
static tp_status function(tp_tape *T, void *user, int n_in, tp_tensor *const *in, int n_out, tp_tensor **out)
{
    put_fn f = *(const put_fn *)user;
    (void)n_in, (void)n_out;
    tp_tensor *cube = tp_mul(T, in[1], tp_square(T, in[1]));
    out[0] = tp_square(T, f(T, tp_square(T, in[0]), cube));
    return tp_error_status(T);
}

START_TEST(against_differences)
{
    tp_tape *T = tp_tape_new();
    put_fn f = functions[_i].put;
    tp_tensor *in[2] = {tp_requires_grad(numbers(T, tp_shape(ROWS, COLUMNS), -1.9), true),
                        tp_requires_grad(numbers(T, functions[_i].values, 0.6), true)};
    tp_gradcheck_options o = {.second = true, .rtol = 1e-5, .atol = 1e-5};
    ck_assert_msg(tp_gradcheck_of(T, function, &f, 2, in, 1, &o) == TP_OK, "%s: %s", functions[_i].name, tp_error(T));
    tp_tape_free(T);
}
END_TEST

/* The gradient of the sum is 0 or 1 at each value (or how often it is there, where it is broadcast), in both sweeps, and
 * where it is 0 a change of the value changes nothing. */
START_TEST(losers_have_no_gradient)
{
    tp_tape *T = tp_tape_new();
    const char *name = functions[_i].name;
    for (int create = 0; create < 2; create++) {
        tp_tensor *x = numbers(T, tp_shape(ROWS, COLUMNS), -1.9), *g = NULL;
        tp_tensor *v = tp_requires_grad(numbers(T, functions[_i].values, 0.6), true);
        tp_tensor *y = functions[_i].put(T, x, v), *sum = tp_sum(T, y);
        tp_gradients_options o = {.create_graph = create};
        ck_assert_msg(tp_gradients(T, 1, &sum, 1, &v, &g, &o) == TP_OK, "%s: %s", name, tp_error(T));
        for (int64_t i = 0; i < tp_numel(v); i++) {
            tp_tensor *other = tp_clone(T, tp_detach(T, v));
            ((double *)tp_data(other))[i] += 1;
            bool same = tp_equal(T, functions[_i].put(T, x, other), tp_detach(T, y));
            ck_assert_msg(same == (tp_item_at(g, i) == 0), "%s: value %d %s, its gradient is %g", name, (int)i,
                          same ? "is nowhere" : "counts", tp_item_at(g, i));
        }
        ck_no_error(T);
    }
    tp_tape_free(T);
}
END_TEST

/* In place, to the same numbers. */
START_TEST(in_place)
{
    tp_tape *T = tp_tape_new();
    tp_tensor *at = places(T, tp_shape(5), rows), *v = numbers(T, tp_shape(5, COLUMNS), 0.6);
    for (int accumulate = 0; accumulate < 2; accumulate++) {
        tp_tensor *x = numbers(T, tp_shape(ROWS, COLUMNS), -1.9);
        tp_tensor *y = tp_index_put(T, x, "@", 1, &at, v, accumulate);
        ck_assert_int_eq(tp_index_put_(T, x, "@", 1, &at, v, accumulate), TP_OK);
        ck_assert(tp_equal(T, x, y));
    }
    ck_no_error(T);
    tp_tape_free(T);
}
END_TEST

/* Large enough that the work is divided: the last one still counts. */
START_TEST(last_of_many)
{
    enum { N = 200000, PLACES = 1000 };
    tp_tape *T = tp_tape_new();
    tp_tensor *at = tp_remainder(T, tp_arange(T, TP_I64, 0, N, 1), tp_scalar(T, TP_I64, PLACES));
    tp_tensor *v = tp_requires_grad(tp_arange(T, TP_F64, 0, N, 1), true), *x = tp_zeros(T, TP_F64, tp_shape(PLACES));
    tp_tensor *y[4] = {tp_index_put(T, x, "@", 1, &at, v, false), tp_scatter(T, x, 0, at, v, TP_SCATTER_PUT),
                       tp_put(T, x, at, v, false),
                       tp_as_strided_scatter(T, x, tp_reshape(T, v, tp_shape(N / PLACES, PLACES)),
                                             tp_shape(N / PLACES, PLACES), (const int64_t[]){0, 1}, 0)};
    for (int k = 0; k < 4; k++) {
        tp_tensor *g = NULL, *sum = tp_sum(T, y[k]);
        tp_gradients(T, 1, &sum, 1, &v, &g, NULL);
        ck_no_error(T);
        for (int64_t i = 0; i < PLACES; i++)
            ck_assert_double_eq(tp_item_at(y[k], i), (double)(N - PLACES + i));
        for (int64_t i = 0; i < N; i++)
            ck_assert_double_eq(tp_item_at(g, i), i >= N - PLACES);
    }
    tp_tape_free(T);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("overwritten");
    TCase *t = tcase_create("places");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, against_differences, 0, (int)LENGTH(functions));
    tcase_add_loop_test(t, losers_have_no_gradient, 0, (int)LENGTH(functions));
    tcase_add_test(t, in_place);
    tcase_add_test(t, last_of_many);
    suite_add_tcase(suite, t);
    return run_suite(suite);
}
