/* test_products.c - matrix products of all forms and many sizes against the definition, where what BLAS is asked for
 * is cut into blocks, turned or taken as it is; batches of them; gradients that are added up; the same bits on any number
 * of threads. */
#include "support/support.h"

#ifdef _OPENMP
#include <omp.h>
#endif

static const struct {
    int64_t m, n, k;
} sizes[] = {{1, 1, 1},        {1, 7, 5},      {5, 1, 7},      {3, 4, 0},      {16, 16, 16},    {64, 64, 64},
             {65, 33, 129},    {256, 64, 64},  {1000, 70, 30}, {333, 77, 91},  {128, 256, 784}, {512, 256, 256},
             {300, 2000, 120}, {257, 130, 66}, {31, 500, 90},  {40, 17, 5000}, {700, 300, 600}};

/* x as it is, or the transpose of its transposed copy. */
static tp_tensor *laid(tp_tape *T, tp_tensor *x, bool transposed)
{
    return transposed ? tp_t(T, tp_contiguous(T, tp_t(T, x))) : x;
}

/* a b in float64, by definition */
static tp_tensor *by_hand(tp_tape *T, tp_tensor *a, tp_tensor *b)
{
    int64_t m = tp_size(a, 0), n = tp_size(b, 1), k = tp_size(a, 1);
    tp_tensor *y = tp_zeros(T, TP_F64, tp_shape(m, n));
    const double *pa = tp_data(tp_to(T, a, TP_F64)), *pb = tp_data(tp_to(T, b, TP_F64));
    double *py = tp_data(y);
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < k; j++)
            for (int64_t c = 0; c < n; c++)
                py[i * n + c] += pa[i * k + j] * pb[j * n + c];
    return y;
}

START_TEST(forms)
{
    tp_tape *T = tp_tape_new();
    int64_t m = sizes[_i].m, n = sizes[_i].n, k = sizes[_i].k;
    for (int form = 0; form < 8; form++) {
        tp_dtype dtype = form < 4 ? TP_F32 : TP_F64;
        double unit = dtype == TP_F32 ? 2e-6 : 1e-14;
        tp_tensor *a = tp_randn(T, dtype, tp_shape(m, k)), *b = tp_randn(T, dtype, tp_shape(k, n));
        tp_tensor *got = tp_mm(T, laid(T, a, form & 1), laid(T, b, form & 2));
        ck_no_error(T);
        ck_assert_msg(tensors_close(got, by_hand(T, a, b), 50 * unit, unit * (double)(k + 1)), "%d x %d x %d, form %d",
                      (int)m, (int)n, (int)k, form);
        tp_tape_reset(T);
    }
    tp_tape_free(T);
}
END_TEST

/* Two backward passes through a linear layer: the second is added to what the first left. */
START_TEST(gradients_add_up)
{
    tp_tape *T = tp_tape_new();
    int64_t m = sizes[_i].m, n = sizes[_i].n, k = sizes[_i].k;
    tp_tensor *x = tp_requires_grad(tp_randn(T, TP_F32, tp_shape(m, k)), true),
              *g = tp_randn(T, TP_F32, tp_shape(m, n));
    tp_tensor *w = tp_requires_grad(tp_keep(tp_randn(T, TP_F32, tp_shape(n, k))), true);
    for (int pass = 0; pass < 2; pass++)
        tp_backward(T, tp_sum(T, tp_mul(T, tp_linear(T, x, w, NULL), g)));
    ck_no_error(T);
    if (k > 0) {
        tp_tensor *g64 = tp_mul_scalar(T, tp_to(T, g, TP_F64), 2);
        tp_tensor *gx = tp_mm(T, g64, tp_to(T, tp_detach(T, w), TP_F64)),
                  *gw = tp_mm(T, tp_t(T, g64), tp_to(T, tp_detach(T, x), TP_F64));
        ck_assert(tensors_close(tp_grad(x), gx, 1e-4, 4e-6 * (double)n));
        ck_assert(tensors_close(tp_grad(w), gw, 1e-4, 4e-6 * (double)m));
    }
    tp_free(w);
    tp_tape_free(T);
}
END_TEST

/* Products of all forms do not depend on the threads, whichever way they are divided. */
START_TEST(same_bits)
{
#ifdef _OPENMP
    tp_tape *T = tp_tape_new();
    int64_t m = sizes[_i].m, n = sizes[_i].n, k = sizes[_i].k;
    for (int form = 0; form < 8; form++) {
        tp_dtype dtype = form < 4 ? TP_F32 : TP_F64;
        tp_tensor *a = laid(T, tp_randn(T, dtype, tp_shape(m, k)), form & 1),
                  *b = laid(T, tp_randn(T, dtype, tp_shape(k, n)), form & 2), *one = NULL;
        for (int threads = 1; threads <= 4; threads++) {
            omp_set_num_threads(threads);
            tp_tensor *y = tp_mm(T, a, b);
            ck_no_error(T);
            one = one ? one : y;
            ck_assert_msg(tensors_identical(one, y), "%d x %d x %d, form %d, %d threads", (int)m, (int)n, (int)k, form,
                          threads);
        }
        tp_tape_reset(T);
    }
    tp_tape_free(T);
#endif
}
END_TEST

/* ---- batches -------------------------------------------------------------------------------------- */

/* Batches of a and b, and the sizes of the products. Large products are divided, small ones go to different threads. */
static const struct {
    tp_dims a, b;
} batches[] = {
    {{3, {7, 3, 4}}, {3, {7, 4, 5}}},          {{3, {200, 32, 32}}, {3, {200, 32, 32}}},
    {{3, {5, 96, 130}}, {3, {5, 130, 70}}},    {{3, {3, 200, 200}}, {3, {3, 200, 200}}},
    {{4, {6, 1, 16, 24}}, {4, {1, 5, 24, 8}}}, {{3, {64, 32, 16}}, {3, {1, 16, 48}}},
    {{3, {1, 32, 16}}, {3, {64, 16, 48}}},     {{2, {32, 16}}, {4, {2, 8, 16, 12}}},
    {{4, {4, 3, 20, 1}}, {3, {3, 1, 30}}},     {{4, {4, 3, 1, 20}}, {3, {3, 20, 1}}},
    {{3, {6, 5, 0}}, {3, {6, 0, 4}}},          {{3, {300, 3, 4}}, {3, {300, 4, 2}}},
    {{3, {40, 8, 8}}, {3, {40, 8, 8}}},        {{4, {7, 5, 6, 5}}, {3, {5, 5, 7}}},
    {{3, {1, 4, 4}}, {3, {50, 4, 1}}},         {{3, {200, 1, 8}}, {3, {200, 8, 1}}},
};

/* x as it is, with rows and columns swapped in memory, or with gaps between the elements. */
static tp_tensor *spread(tp_tape *T, tp_tensor *x, int form)
{
    if (form == 0)
        return x;
    if (form == 1)
        return tp_mT(T, tp_contiguous(T, tp_mT(T, x)));
    tp_dims twice = tp_shape_of(x);
    twice.dim[twice.ndim - 1] *= 2;
    tp_tensor *wide = tp_zeros(T, tp_dtype_of(x), twice), *view = tp_slice(T, wide, -1, 0, INT64_MAX, 2);
    tp_copy_into(T, view, x);
    return view;
}

/* Entry i of a batch of which x has as many, or fewer that are repeated. */
static tp_tensor *entry(tp_tape *T, tp_tensor *x, tp_dims batch, int64_t i)
{
    int64_t m = tp_size(x, -2), n = tp_size(x, -1), count = 1;
    for (int d = 0; d < batch.ndim; d++)
        count *= batch.dim[d];
    batch.dim[batch.ndim] = m;
    batch.dim[batch.ndim + 1] = n;
    batch.ndim += 2;
    return tp_select(T, tp_reshape(T, tp_expand(T, x, batch), tp_shape(count, m, n)), 0, i);
}

START_TEST(batches_by_entry)
{
    tp_tape *T = tp_tape_new();
    for (int form = 0; form < 12; form++) {
        tp_dtype dtype = form < 9 ? TP_F32 : TP_I32;
        tp_tensor *a = tp_to(T, tp_mul_scalar(T, tp_randn(T, TP_F32, batches[_i].a), 9), dtype),
                  *b = tp_to(T, tp_mul_scalar(T, tp_randn(T, TP_F32, batches[_i].b), 9), dtype);
        tp_tensor *y = tp_matmul(T, spread(T, a, form % 3), spread(T, b, form / 3 % 3));
        ck_no_error(T);
        tp_dims batch = tp_shape_of(y);
        batch.ndim -= 2;
        int64_t n = tp_size(y, -2) * tp_size(y, -1);
        for (int64_t i = 0; i < tp_numel(y) / n; i += 1 + i / 3) {
            tp_tensor *want = by_hand(T, entry(T, a, batch, i), entry(T, b, batch, i));
            tp_tensor *got = entry(T, y, batch, i);
            ck_assert_msg(tensors_close(got, want, 1e-4, dtype == TP_F32 ? 0.01 : 0), "entry %d, form %d", (int)i,
                          form);
        }
        tp_tape_reset(T);
    }
    tp_tape_free(T);
}
END_TEST

/* Values and gradients do not depend on the threads. */
START_TEST(batches_same_bits)
{
#ifdef _OPENMP
    tp_tape *T = tp_tape_new();
    tp_tensor *a = tp_requires_grad(tp_keep(tp_randn(T, TP_F32, batches[_i].a)), true),
              *b = tp_requires_grad(tp_keep(tp_randn(T, TP_F32, batches[_i].b)), true);
    tp_tensor *was[4] = {NULL};
    for (int threads = 1; threads <= 3; threads++) {
        omp_set_num_threads(threads);
        tp_tensor *y = tp_matmul(T, a, b), *whole = tp_matmul(T, tp_to(T, a, TP_I64), tp_to(T, b, TP_I64));
        tp_backward(T, tp_sum(T, tp_square(T, y)));
        ck_no_error(T);
        tp_tensor *now[4] = {y, whole, tp_clone(T, tp_grad(a)), tp_clone(T, tp_grad(b))};
        for (int i = 0; i < 4; i++) {
            ck_assert(threads == 1 || tensors_identical(was[i], now[i]));
            was[i] = now[i];
        }
        tp_zero_grad(a);
        tp_zero_grad(b);
    }
    omp_set_num_threads(2);
    tp_free(a);
    tp_free(b);
    tp_tape_free(T);
#endif
}
END_TEST

/* A matrix that serves a whole batch is read where it lies: beside the result, no memory is taken. */
START_TEST(nothing_is_copied)
{
    tp_tape *T = tp_tape_new();
    tp_tensor *a = tp_ones(T, TP_F32, tp_shape(32, 32)), *b = tp_ones(T, TP_F32, tp_shape(40, 50, 32, 32));
    int64_t before = tp_tape_memory(T).bytes_in_use;
    tp_tensor *y = tp_matmul(T, a, b);
    ck_assert_int_eq(tp_tape_memory(T).bytes_peak - before, tp_tape_memory(T).bytes_in_use - before);
    before = tp_tape_memory(T).bytes_in_use;
    tp_matmul(T, tp_unsqueeze(T, tp_select(T, b, 1, 0), 1), b); /* each of 40 serves 50 */
    ck_assert_int_lt(tp_tape_memory(T).bytes_peak - before, tp_numel(y) * 4 + tp_numel(y) / 2);
    ck_no_error(T);
    tp_tape_free(T);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("products");
    TCase *t = tcase_create("products");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, forms, 0, (int)LENGTH(sizes));
    tcase_add_loop_test(t, gradients_add_up, 0, (int)LENGTH(sizes));
    tcase_add_loop_test(t, same_bits, 0, (int)LENGTH(sizes));
    tcase_add_loop_test(t, batches_by_entry, 0, (int)LENGTH(batches));
    tcase_add_loop_test(t, batches_same_bits, 0, (int)LENGTH(batches));
    tcase_add_test(t, nothing_is_copied);
    suite_add_tcase(suite, t);
    return run_suite(suite);
}
