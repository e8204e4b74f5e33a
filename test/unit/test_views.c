/* test_views.c - views by strides, Python's index notation with tensors in it, and large gathers and scatters: against
 * the definition, on one thread and on two. */
#include "support/support.h"

#ifdef _OPENMP
#include <omp.h>
#endif

static tp_tensor *counted(tp_tape *T, tp_dims shape)
{
    int64_t n = 1;
    for (int d = 0; d < shape.ndim; d++)
        n *= shape.dim[d];
    return tp_reshape(T, tp_arange(T, TP_F64, 0, (double)n, 1), shape);
}

static tp_tensor *places(tp_tape *T, tp_dims shape, const int64_t *values) { return tp_from(T, TP_I64, shape, values); }

/* ---- any strides ------------------------------------------------------------------------------ */

/* Strides are those of the storage, whatever the view they are asked of. */
START_TEST(strides_of_a_view)
{
    tp_tape *T = tp_tape_new();
    tp_tensor *x = tp_requires_grad(counted(T, tp_shape(2, 3)), true), *v = tp_t(T, x);
    tp_tensor *y = tp_as_strided(T, v, tp_shape(2, 2), (const int64_t[]){3, 1}, 1);
    ck_values(y, 0, 1, 2, 4, 5);
    ck_assert_ptr_eq(tp_data(y), (double *)tp_data(x) + 1);
    tp_backward(T, tp_sum(T, tp_mul(T, y, y)));
    ck_values(tp_grad(x), 0, 0, 2, 4, 0, 8, 10);
    ck_no_error(T);
    tp_tape_free(T);
}
END_TEST

/* What two elements of an overlapping view share, they share evenly. */
START_TEST(strides_of_an_overlapping_view)
{
    tp_tape *T = tp_tape_new();
    tp_tensor *x = tp_requires_grad(counted(T, tp_shape(3)), true), *v = tp_expand(T, x, tp_shape(4, 3));
    tp_backward(T, tp_sum(T, tp_as_strided(T, v, tp_shape(2), (const int64_t[]){1}, 1)));
    ck_values(tp_grad(x), 1e-15, 0, 1, 1);
    ck_no_error(T);
    tp_tape_free(T);
}
END_TEST

START_TEST(strides_stay_inside)
{
    tp_tape *T = tp_tape_new();
    double mine[6] = {0, 1, 2, 3, 4, 5};
    tp_tensor *of[2] = {counted(T, tp_shape(6)), tp_wrap(T, TP_F64, tp_shape(6), mine)};
    for (int i = 0; i < 2; i++) {
        ck_values(tp_as_strided(T, of[i], tp_shape(2), (const int64_t[]){5}, 0), 0, 0, 5);
        ck_assert_ptr_null(tp_as_strided(T, of[i], tp_shape(2), (const int64_t[]){5}, 1));
        ck_error(T, TP_EINDEX, "outside of the storage");
        ck_assert_ptr_null(tp_as_strided(T, tp_narrow(T, of[i], 0, 4, 2), tp_shape(3), (const int64_t[]){1}, 0));
        ck_error(T, TP_EINDEX, "outside of the storage");
    }
    tp_tape_free(T);
}
END_TEST

/* ---- the notation with tensors ----------------------------------------------------------------- */

START_TEST(picking)
{
    tp_tape *T = tp_tape_new();
    tp_tensor *x = counted(T, tp_shape(2, 3, 4));
    tp_tensor *rows = places(T, tp_shape(2), (const int64_t[]){-1, 0});
    tp_tensor *columns = places(T, tp_shape(2), (const int64_t[]){3, 1}), *both[2] = {rows, columns};
    tp_tensor *one = tp_scalar(T, TP_I64, 1), *number[2] = {one, columns};
    ck_values(tp_index_with(T, x, "@, 1, 1:3", 1, &rows), 0, 17, 18, 5, 6);
    ck_values(tp_index_with(T, x, "@, :1, @", 2, both), 0, 15, 1); /* apart: the picked come first */
    ck_assert_int_eq(tp_size(tp_index_with(T, x, "@, None, :, @", 2, both), 0), 2);
    ck_values(tp_index_with(T, x, "1, ..., @", 1, &columns), 0, 15, 13, 19, 17, 23, 21);
    ck_values(tp_index_with(T, x, "@, 0, @", 2, number), 0, 15, 13); /* a 0-d tensor is a number */
    tp_tensor *mask = tp_gt(T, x, tp_scalar(T, TP_F64, 20)), *flag = tp_full(T, TP_BOOL, TP_SCALAR, 0);
    ck_values(tp_index_with(T, x, "@", 1, &mask), 0, 21, 22, 23);
    tp_tensor *face = tp_select(T, mask, 0, 1);
    ck_values(tp_index_with(T, x, "0, @", 1, &face), 0, 9, 10, 11);
    ck_assert_int_eq(tp_size(tp_index_with(T, x, "@", 1, &flag), 0), 0);
    ck_no_error(T);
    tp_tape_free(T);
}
END_TEST

START_TEST(putting)
{
    tp_tape *T = tp_tape_new();
    tp_tensor *x = tp_requires_grad(tp_zeros(T, TP_F64, tp_shape(3, 2)), true);
    tp_tensor *rows = places(T, tp_shape(3), (const int64_t[]){2, 0, 2});
    tp_tensor *v = tp_requires_grad(tp_from(T, TP_F64, tp_shape(3, 1), (const double[]){1, 2, 4}), true);
    ck_values(tp_index_put(T, x, "@", 1, &rows, v, true), 0, 2, 2, 0, 0, 5, 5);
    tp_tensor *y = tp_index_put(T, x, "1:, 0", 0, NULL, tp_scalar(T, TP_F64, 7), false);
    ck_values(y, 0, 0, 0, 7, 0, 7, 0);
    tp_backward(T, tp_sum(T, y));
    ck_values(tp_grad(x), 0, 1, 1, 0, 1, 0, 1);
    /* of a view, and into a layout that is not row-major */
    tp_tensor *turned = tp_t(T, tp_detach(T, x)), *column = places(T, tp_shape(1), (const int64_t[]){1});
    ck_values(tp_index_put(T, turned, "@, 2", 1, &column, tp_ones(T, TP_F64, tp_shape(1)), false), 0, 0, 0, 0, 0, 0, 1);
    ck_no_error(T);
    tp_tape_free(T);
}
END_TEST

START_TEST(bad_indices)
{
    tp_tape *T = tp_tape_new();
    tp_tensor *x = counted(T, tp_shape(2, 3)), *far = places(T, tp_shape(1), (const int64_t[]){3});
    tp_tensor *mask = tp_ones(T, TP_BOOL, tp_shape(3)), *half = tp_ones(T, TP_F32, tp_shape(1)), *two[2] = {far, far};
    ck_assert_ptr_null(tp_index_with(T, x, "@", 1, &far));
    ck_error(T, TP_EINDEX, "index 3 of a dimension of size 2");
    ck_assert_ptr_null(tp_index_with(T, x, "@", 1, &mask));
    ck_error(T, TP_EINDEX, "mask of [3]");
    ck_assert_ptr_null(tp_index_with(T, x, ":, @", 1, &half));
    ck_error(T, TP_EDTYPE, "float32");
    ck_assert_ptr_null(tp_index_with(T, x, "@", 2, two));
    ck_error(T, TP_EINVAL, "1 places");
    ck_assert_ptr_null(tp_index(T, x, "@"));
    ck_error(T, TP_EINVAL, "1 places");
    ck_assert_ptr_null(tp_index_with(T, x, "@, @, @", 1, &far));
    ck_assert_int_ne(tp_error_status(T), TP_OK);
    tp_clear_error(T);
    ck_assert_ptr_null(tp_index_put(T, x, "0", 0, NULL, tp_zeros(T, TP_F64, tp_shape(2)), false));
    ck_error(T, TP_ESHAPE, "values are [2] where [3] is needed");
    tp_tape_free(T);
}
END_TEST

/* ---- large ones ----------------------------------------------------------------------------------- */

enum { ROWS = 700, COLUMNS = 170, PICKED = 900 };

/* gather, index_select, scatter_add and index_add along both dimensions of a matrix */
static void all_moves(tp_tape *T, tp_tensor *x, tp_tensor *const *wide, tp_tensor *const *narrow, tp_tensor **y)
{
    for (int dim = 0; dim < 2; dim++) {
        y[4 * dim] = tp_gather(T, x, dim, wide[dim]);
        y[4 * dim + 1] = tp_index_select(T, x, dim, narrow[dim]);
        y[4 * dim + 2] = tp_scatter_add(T, x, dim, wide[dim], y[4 * dim]);
        y[4 * dim + 3] = tp_index_add(T, x, dim, narrow[dim], y[4 * dim + 1]);
    }
}

/* The same by definition. */
static void check_moves(tp_tensor *x, int dim, const int64_t *wide, const int64_t *narrow, tp_tensor *const *y)
{
    int64_t rows = dim ? ROWS : PICKED, columns = dim ? PICKED : COLUMNS, size = dim ? COLUMNS : ROWS, wrong = 0;
    double *sum[2] = {malloc(sizeof(double) * ROWS * COLUMNS), malloc(sizeof(double) * ROWS * COLUMNS)};
    const double *px = tp_data(x), *picked[2] = {tp_data(y[0]), tp_data(y[1])};
    for (int k = 0; k < 2; k++)
        memcpy(sum[k], px, sizeof(double) * ROWS * COLUMNS);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < columns; j++)
            for (int k = 0; k < 2; k++) {
                int64_t at = k ? narrow[dim ? j : i] : wide[i * columns + j];
                int64_t from = dim ? i * size + at : at * COLUMNS + j;
                wrong += picked[k][i * columns + j] != px[from];
                sum[k][from] += picked[k][i * columns + j];
            }
    ck_assert_int_eq(wrong, 0);
    for (int k = 0; k < 2; k++) {
        ck_assert(memcmp(sum[k], tp_data(y[2 + k]), sizeof(double) * ROWS * COLUMNS) == 0);
        free(sum[k]);
    }
}

START_TEST(moves)
{
    tp_tape *T = tp_tape_new();
    tp_tensor *x = tp_randn(T, TP_F64, tp_shape(ROWS, COLUMNS)), *y[2][8];
    tp_tensor *wide[2] = {tp_randint(T, TP_I64, tp_shape(PICKED, COLUMNS), 0, ROWS),
                          tp_randint(T, TP_I64, tp_shape(ROWS, PICKED), 0, COLUMNS)};
    tp_tensor *narrow[2] = {tp_randint(T, TP_I64, tp_shape(PICKED), 0, ROWS),
                            tp_randint(T, TP_I64, tp_shape(PICKED), 0, COLUMNS)};
    for (int threads = 1; threads <= 2; threads++) {
#ifdef _OPENMP
        omp_set_num_threads(threads);
#endif
        all_moves(T, x, wide, narrow, y[threads - 1]);
        ck_no_error(T);
    }
    for (int dim = 0; dim < 2; dim++)
        check_moves(x, dim, tp_data(wide[dim]), tp_data(narrow[dim]), &y[0][4 * dim]);
    for (int i = 0; i < 8; i++)
        ck_assert(tensors_identical(y[0][i], y[1][i]));
    tp_tape_free(T);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("views");
    TCase *t = tcase_create("views");
    tcase_add_test(t, strides_of_a_view);
    tcase_add_test(t, strides_of_an_overlapping_view);
    tcase_add_test(t, strides_stay_inside);
    tcase_add_test(t, picking);
    tcase_add_test(t, putting);
    tcase_add_test(t, bad_indices);
    tcase_add_test(t, moves);
    suite_add_tcase(suite, t);
    return run_suite(suite);
}
