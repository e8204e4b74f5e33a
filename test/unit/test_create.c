/* test_create.c - tensors made of a description: windows against PyTorch's values; draws of a tensor's shape; where in its
 * storage a view begins;
 * the output of einsum without an arrow. */
#include "support/support.h"

static void expect_symmetric(tp_tensor *w, const double *half)
{
    for (int i = 0; i < 7; i++)
        ck_assert_msg(fabs(tp_item_at(w, i) - half[i < 4 ? i : 6 - i]) < 1e-14, "element %d is %.17g", i,
                      tp_item_at(w, i));
}

START_TEST(windows)
{
    static const double bartlett[] = {0, 1 / 3.0, 2 / 3.0, 1}, hann[] = {0, 0.25, 0.75, 1},
                        hamming[] = {0.08, 0.31, 0.77, 1}, blackman[] = {0, 0.13, 0.63, 1},
                        kaiser[] = {5.2773441320097665e-05, 0.054759364131249516, 0.5188447216723606, 1};
    tp_tape *T = tp_tape_new();
    for (int periodic = 0; periodic < 2; periodic++) { /* a periodic one is the beginning of one that is longer */
        int64_t n = periodic ? 6 : 7;
        tp_tensor *end = tp_zeros(T, TP_F64, tp_shape(periodic));
        tp_tensor *w[] = {tp_bartlett_window(T, TP_F64, n, periodic), tp_hann_window(T, TP_F64, n, periodic),
                          tp_hamming_window(T, TP_F64, n, periodic, 0.54, 0.46),
                          tp_blackman_window(T, TP_F64, n, periodic), tp_kaiser_window(T, TP_F64, n, periodic, 12)};
        const double *want[] = {bartlett, hann, hamming, blackman, kaiser};
        for (int k = 0; k < 5; k++) {
            if (periodic)
                tp_copy_into(T, end, tp_full(T, TP_F64, tp_shape(1), want[k][0]));
            ck_assert_int_eq(tp_size(w[k], 0), n);
            ck_assert(k == 4 || k == 2 || tp_item_at(w[k], 0) == 0); /* no rounding error below 0 */
            expect_symmetric(tp_cat(T, 2, (tp_tensor *[]){w[k], end}, 0), want[k]);
        }
    }
    ck_values(tp_hann_window(T, TP_F32, 1, true), 0, 1);
    ck_assert_int_eq(tp_numel(tp_kaiser_window(T, TP_F64, 0, true, 12)), 0);
    ck_no_error(T);
    ck_assert_ptr_null(tp_hann_window(T, TP_F64, -1, true));
    ck_error(T, TP_EINVAL, "hann_window");
    tp_tape_free(T);
}
END_TEST

START_TEST(draws_like)
{
    tp_tape *T = tp_tape_new();
    tp_tensor *x = tp_zeros(T, TP_F64, tp_shape(3, 5));
    for (int normal = 0; normal < 2; normal++) {
        tp_manual_seed(T, 3);
        tp_tensor *want = normal ? tp_randn(T, TP_F64, tp_shape(3, 5)) : tp_rand(T, TP_F64, tp_shape(3, 5));
        tp_manual_seed(T, 3);
        ck_assert(tensors_identical(normal ? tp_randn_like(T, x) : tp_rand_like(T, x), want));
    }
    ck_no_error(T);
    tp_tape_free(T);
}
END_TEST

START_TEST(offsets)
{
    tp_tape *T = tp_tape_new();
    tp_tensor *x = tp_zeros(T, TP_F32, tp_shape(4, 6));
    ck_assert_int_eq(tp_storage_offset(x), 0);
    ck_assert_int_eq(tp_storage_offset(tp_select(T, x, 0, 2)), 12);
    ck_assert_int_eq(tp_storage_offset(tp_narrow(T, tp_narrow(T, x, 0, 1, 2), 1, 3, 2)), 9);
    ck_no_error(T);
    tp_tape_free(T);
}
END_TEST

/* What occurs once, by letter; the ellipsis first. */
START_TEST(no_arrow)
{
    tp_tape *T = tp_tape_new();
    tp_tensor *a = tp_randn(T, TP_F64, tp_shape(2, 3)), *b = tp_randn(T, TP_F64, tp_shape(3, 4));
    tp_tensor *y = tp_einsum(T, "zi,ia", 2, (tp_tensor *[]){a, b});
    ck_assert(tensors_close(y, tp_t(T, tp_mm(T, a, b)), 1e-14, 1e-14));
    y = tp_einsum(T, "b...", 1, (tp_tensor *[]){a});
    ck_assert(tensors_identical(y, tp_t(T, a)));
    ck_values(tp_einsum(T, "ii", 1, (tp_tensor *[]){tp_eye(T, TP_F64, 3, 3)}), 0, 3);
    ck_no_error(T);
    tp_tape_free(T);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("create");
    TCase *t = tcase_create("create");
    tcase_add_test(t, windows);
    tcase_add_test(t, draws_like);
    tcase_add_test(t, offsets);
    tcase_add_test(t, no_arrow);
    suite_add_tcase(suite, t);
    return run_suite(suite);
}
