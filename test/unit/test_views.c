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
        ck_error(T, TP_EINDEX, "of a storage of");
        ck_assert_ptr_null(tp_as_strided(T, tp_narrow(T, of[i], 0, 4, 2), tp_shape(3), (const int64_t[]){1}, 0));
        ck_error(T, TP_EINDEX, "of a storage of");
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
    ck_error(T, TP_EINDEX, "index 3; -2 to 1");
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
    ck_error(T, TP_ESHAPE, "values are [2]; [3], or");
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

/* ---- walks over strided memory ---------------------------------------------------------------------------------- */

/* Short and long rows, windows that overlap, what is turned, repeated and passed over: shape, strides, offset. */
enum { STORAGE = 60000 };
static const struct {
    tp_dims shape;
    int64_t stride[4], offset;
} walks[] = {
    {{2, {3000, 5}}, {1, 1}, 3},
    {{2, {300, 3}}, {7, 2}, 1},
    {{2, {9, 3000}}, {3, 1}, 0},
    {{2, {70, 90}}, {1, 70}, 0},
    {{2, {100, 300}}, {1, 101}, 5},
    {{2, {33, 17}}, {1, 40}, 2},
    {{2, {40, 600}}, {1, 0}, 0},
    {{2, {600, 40}}, {0, 1}, 7},
    {{3, {20, 30, 8}}, {8, 160, 1}, 0},
    {{3, {8, 50, 20}}, {1, 160, 8}, 0},
    {{3, {5, 400, 4}}, {4, 0, 1}, 0},
    {{4, {3, 5, 7, 11}}, {2, 30, 5, 200}, 9},
    {{1, {20000}}, {2}, 1},
    {{1, {700}}, {3}, 0},
    {{4, {2, 1, 300, 2}}, {600, 9, 2, 1}, 0},
    {{2, {64, 64}}, {1, 64}, 0},
    {{3, {3, 65, 129}}, {65, 1, 200}, 4},
    {{2, {1, 600}}, {0, 0}, 11},
};

static int64_t place_of(int i, int64_t position)
{
    int64_t at = walks[i].offset;
    for (int d = walks[i].shape.ndim - 1; d >= 0; d--) {
        at += position % walks[i].shape.dim[d] * walks[i].stride[d];
        position /= walks[i].shape.dim[d];
    }
    return at;
}

/* Copied, converted, turned around, read by arithmetic beside a dense operand, joined and rolled. */
START_TEST(walked)
{
    static const tp_dtype dtypes[] = {TP_F32, TP_F64, TP_U8};
    tp_tape *T = tp_tape_new();
    for (size_t k = 0; k < LENGTH(dtypes); k++) {
        tp_tensor *x = tp_to(T, tp_remainder(T, tp_arange(T, TP_F64, 0, STORAGE, 1), tp_scalar(T, TP_F64, 251)),
                             dtypes[k]);
        tp_tensor *v = tp_as_strided(T, x, walks[_i].shape, walks[_i].stride, walks[_i].offset);
        tp_tensor *copy = tp_contiguous(T, v), *as_int = tp_to(T, v, TP_I32), *turned = tp_flip(T, v, 1, &(int){-1});
        tp_tensor *sum = tp_add(T, v, copy), *both = tp_cat(T, 2, (tp_tensor *[]){v, copy}, 0);
        tp_tensor *rolled = tp_roll(T, v, 2, (const int64_t[]){3, -1}, (const int[]){0, -1});
        ck_no_error(T);
        int64_t n = tp_numel(v), row = tp_size(v, -1), rows = n / tp_size(v, 0), last = tp_ndim(v) - 1;
        for (int64_t i = 0; i < n; i++) {
            double want = (double)(place_of(_i, i) % 251);
            int64_t c = i % row, to = (i / row * row + (c + row - 1) % row + (last ? 3 : 0) * rows) % n;
            to = last ? to : ((i + 2) % n + n) % n;
            ck_assert_msg(tp_item_at(copy, i) == want, "walk %d, element %lld", _i, (long long)i);
            ck_assert(tp_item_at(as_int, i) == want && tp_item_at(turned, i - c + row - 1 - c) == want);
            ck_assert(tp_item_at(both, i) == want && tp_item_at(both, n + i) == want);
            ck_assert(tp_item_at(sum, i) == (dtypes[k] == TP_U8 ? fmod(2 * want, 256) : 2 * want));
            ck_assert_msg(tp_item_at(rolled, to) == want, "walk %d, element %lld rolled to %lld", _i, (long long)i,
                          (long long)to);
        }
        tp_tape_reset(T);
    }
    tp_tape_free(T);
}
END_TEST

/* A view's gradient is added up where it looks, however often. */
START_TEST(walked_back)
{
    tp_tape *T = tp_tape_new();
    tp_tensor *x = tp_requires_grad(tp_zeros(T, TP_F64, tp_shape(STORAGE)), true);
    tp_tensor *v = tp_as_strided(T, x, walks[_i].shape, walks[_i].stride, walks[_i].offset);
    int64_t n = tp_numel(v);
    tp_tensor *g = tp_reshape(T, tp_remainder(T, tp_arange(T, TP_F64, 0, (double)n, 1), tp_scalar(T, TP_F64, 17)),
                              tp_shape_of(v));
    tp_backward(T, tp_sum(T, tp_mul(T, v, g)));
    ck_no_error(T);
    double *want = calloc(STORAGE, sizeof *want);
    for (int64_t i = 0; i < n; i++)
        want[place_of(_i, i)] += (double)(i % 17);
    for (int64_t i = 0; i < STORAGE; i++)
        ck_assert_msg(tp_item_at(tp_grad(x), i) == want[i], "walk %d, place %lld", _i, (long long)i);
    free(want);
    tp_tape_free(T);
}
END_TEST

/* Slices of one tensor, some over others: the first swept writes the gradient, the others add to it. */
START_TEST(slices_add_up)
{
    tp_tape *T = tp_tape_new();
    for (int dim = 0; dim < 2; dim++) {
        tp_tensor *x = tp_requires_grad(counted(T, tp_shape(6, 5)), true);
        tp_tensor *a = tp_slice(T, x, dim, 1, 4, 1), *b = tp_slice(T, x, dim, 0, 5, 2), *c = tp_select(T, x, dim, 3);
        tp_tensor *y = tp_add(T, tp_sum(T, tp_mul(T, a, a)),
                              tp_add(T, tp_sum(T, b), tp_mul_scalar(T, tp_sum(T, c), 3)));
        tp_backward(T, y);
        for (int64_t i = 0; i < 30; i++) {
            int64_t at = dim ? i % 5 : i / 5;
            double want = (at >= 1 && at < 4 ? 2.0 * (double)i : 0) + (at % 2 == 0 && at < 5) + (at == 3 ? 3 : 0);
            ck_assert_msg(tp_item_at(tp_grad(x), i) == want, "dimension %d, element %lld", dim, (long long)i);
        }
        ck_no_error(T);
    }
    tp_tape_free(T);
}
END_TEST

/* The same by tp_gradients, of a tensor that is no tape's: its gradient is written and added to where it lies. */
START_TEST(slices_of_an_owned_one)
{
    tp_tape *T = tp_tape_new();
    tp_tensor *x = tp_requires_grad(tp_keep(counted(T, tp_shape(6, 5))), true), *g[3] = {NULL};
    for (int dim = 0; dim < 2; dim++)
        for (int twice = 0; twice < 2; twice++) {
            tp_tensor *a = tp_slice(T, x, dim, 1, 4, 1), *b = tp_slice(T, x, dim, 0, 5, 2);
            tp_tensor *other = tp_requires_grad(tp_ones(T, TP_F64, TP_SCALAR), true);
            tp_tensor *y = tp_add(T, tp_sum(T, tp_mul(T, tp_to(T, a, TP_F64), other)), tp_sum(T, tp_to(T, b, TP_F64)));
            tp_tensor *by[] = {other, x, x};
            ck_assert_int_eq(tp_gradients(T, 1, &y, 3, by, g, NULL), TP_OK);
            for (int64_t i = 0; i < 30; i++) {
                int64_t at = dim ? i % 5 : i / 5;
                ck_assert(tp_item_at(g[1], i) == (double)((at >= 1 && at < 4) + (at % 2 == 0 && at < 5)));
            }
            ck_assert_ptr_null(tp_grad(x));
            ck_no_error(T);
            tp_tape_reset(T);
        }
    tp_free(x);
    tp_tape_free(T);
}
END_TEST

/* Many rows, more than are written at a time, of parts that are wide and narrow, one that lies across, one of nothing. */
START_TEST(joined)
{
    tp_tape *T = tp_tape_new();
    const int64_t rows = 1100, width[] = {1, 40, 3, 7, 16};
    for (int d = 0; d < 3; d++) {
        tp_dtype dtype = d == 0 ? TP_F32 : d == 1 ? TP_F64 : TP_U8;
        tp_tensor *part[6] = {NULL};
        for (int k = 0; k < 5; k++)
            part[k] = tp_to(T, tp_randint(T, TP_I64, tp_shape(rows, width[k]), 0, 200), dtype);
        part[3] = tp_t(T, tp_contiguous(T, tp_t(T, part[3])));
        part[5] = tp_zeros(T, dtype, tp_shape(0));
        tp_tensor *both = tp_cat(T, 6, part, 1), *tall = tp_cat(T, 3, (tp_tensor *[]){part[1], part[5], part[1]}, 0);
        ck_no_error(T);
        for (int64_t r = 0; r < rows; r++)
            for (int64_t k = 0, to = 0; k < 5; to += width[k++])
                for (int64_t c = 0; c < width[k]; c++)
                    ck_assert(tp_item_at(both, r * 67 + to + c) == tp_item_at(part[k], r * width[k] + c));
        for (int64_t i = 0; i < 2 * 40 * rows; i++)
            ck_assert(tp_item_at(tall, i) == tp_item_at(part[1], i % (40 * rows)));
        tp_tape_reset(T);
    }
    tp_tape_free(T);
}
END_TEST

/* Rows of a few elements turned: each becomes a column. */
START_TEST(short_rows_turned)
{
    static const tp_dtype dtypes[] = {TP_F32, TP_F64, TP_I32, TP_U8};
    tp_tape *T = tp_tape_new();
    for (size_t d = 0; d < LENGTH(dtypes); d++)
        for (int64_t k = 1; k < 10; k++)
            for (int64_t n = 1; n < 300; n += n < 20 ? 1 : 47) {
                tp_tensor *x = tp_to(T, tp_randint(T, TP_I64, tp_shape(n, k), 0, 200), dtypes[d]);
                tp_tensor *y = tp_contiguous(T, tp_t(T, x)), *sum = tp_sum_dim(T, x, 1, false);
                for (int64_t i = 0; i < n; i++) {
                    double want = 0;
                    for (int64_t c = 0; c < k; c++) {
                        ck_assert(tp_item_at(y, c * n + i) == tp_item_at(x, i * k + c));
                        want += tp_item_at(x, i * k + c);
                    }
                    ck_assert(tp_item_at(sum, i) == want);
                }
                tp_tape_reset(T);
            }
    tp_tape_free(T);
}
END_TEST

/* x of this shape, or with some dimensions of size 1 as the bits say, which are then expanded; a dimension may lie across. */
static tp_tensor *spread(tp_tape *T, tp_dtype dtype, tp_dims shape, unsigned bits, bool across)
{
    tp_dims small = shape;
    int n = shape.ndim;
    for (int d = 0; d < n; d++)
        small.dim[d] = (bits >> d) & 1u ? 1 : shape.dim[d];
    if (across && n > 1) {
        int64_t last = small.dim[n - 1];
        small.dim[n - 1] = small.dim[n - 2];
        small.dim[n - 2] = last;
    }
    tp_tensor *x = tp_to(T, tp_add_scalar(T, tp_mul_scalar(T, tp_rand(T, TP_F64, small), 9), 1), dtype);
    return tp_expand(T, across && n > 1 ? tp_transpose(T, x, -1, -2) : x, shape);
}

/* A copy, element by element. */
static tp_tensor *dense(tp_tape *T, tp_tensor *x)
{
    tp_tensor *y = tp_empty(T, tp_dtype_of(x), tp_shape_of(x));
    tp_dims shape = tp_shape_of(x);
    size_t size = tp_dtype_size(tp_dtype_of(x));
    for (int64_t i = 0; i < tp_numel(x); i++) {
        int64_t rest = i, at = 0;
        for (int d = shape.ndim - 1; d >= 0; rest /= shape.dim[d--])
            at += rest % shape.dim[d] * tp_stride(x, d);
        memcpy((char *)tp_data(y) + (size_t)i * size, (const char *)tp_data(x) + at * (int64_t)size, size);
    }
    return y;
}

static tp_tensor *one_of(tp_tape *T, int k, tp_tensor *a, tp_tensor *b)
{
    return k == 0   ? tp_add(T, a, b)
           : k == 1 ? tp_sub(T, a, b)
           : k == 2 ? tp_mul(T, a, b)
           : k == 3 ? tp_div(T, a, b)
           : k == 4 ? tp_maximum(T, a, b)
           : k == 5 ? tp_lt(T, a, b)
                    : tp_where(T, tp_lt(T, a, tp_scalar(T, TP_F64, 5)), a, b);
}

static const tp_dims spread_shapes[] = {{1, {7}},         {2, {40, 700}},       {2, {5000, 8}},
                                        {2, {3, 8}},      {3, {90, 7, 8}},      {3, {70, 31, 30}},
                                        {3, {3, 300, 2}}, {4, {31, 31, 13, 5}}, {4, {2, 90, 3, 4}},
                                        {3, {5, 70, 90}}, {4, {9, 1, 33, 40}},  {3, {70, 2, 513}}};

/* The same elements come of operands that repeat, as of copies that do not: rows that are short and long, one, two or three of
 * them beside each other, more than a block and more than a thread's share. */
START_TEST(repeated_operands)
{
    static const tp_dtype dtypes[] = {TP_F32, TP_F64, TP_I32, TP_U8};
    tp_dims shape = spread_shapes[_i];
    tp_tape *T = tp_tape_new();
    for (unsigned bits = 0; bits < 1u << (2 * shape.ndim); bits++) {
        int k = (int)(bits % 7), of = (int)(bits / 7 % 4);
        tp_dtype first = dtypes[of], second = bits % 5 == 0 ? TP_F64 : first;
        tp_tensor *a = spread(T, first, shape, bits & ((1u << shape.ndim) - 1), bits % 3 == 1);
        tp_tensor *b = spread(T, second, shape, bits >> shape.ndim, bits % 11 == 1);
        tp_tensor *y = one_of(T, k, a, b), *z = one_of(T, k, dense(T, a), dense(T, b));
        ck_no_error(T);
        ck_assert_msg(tp_equal(T, y, z), "function %d, dtypes %d and %d, bits %x", k, (int)first, (int)second, bits);
        tp_tape_reset(T);
    }
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
    tcase_add_loop_test(t, walked, 0, (int)LENGTH(walks));
    tcase_add_loop_test(t, walked_back, 0, (int)LENGTH(walks));
    tcase_add_test(t, slices_add_up);
    tcase_add_test(t, slices_of_an_owned_one);
    tcase_add_test(t, joined);
    tcase_add_test(t, short_rows_turned);
    tcase_add_loop_test(t, repeated_operands, 0, (int)LENGTH(spread_shapes));
    suite_add_tcase(suite, t);
    return run_suite(suite);
}
