/* test_core.c - dtypes, shapes, memory, layouts, creation. */
#include "support/alloc.h"
#include "support/support.h"

static tp_tape *T;

static void setup(void) { T = tp_tape_new(); }
static void teardown(void) { tp_tape_free(T); }

START_TEST(dtypes)
{
    ck_assert_str_eq(tp_dtype_name(TP_F32), "float32");
    ck_assert_str_eq(tp_dtype_name((tp_dtype)99), "?");
    ck_assert_uint_eq(tp_dtype_size(TP_I64), 8);
    ck_assert_uint_eq(tp_dtype_size((tp_dtype)-1), 0);
    ck_assert(tp_dtype_is_float(TP_F64) && !tp_dtype_is_float(TP_I64));
    ck_assert_int_eq(tp_promote_types(TP_F32, TP_I64), TP_F32);
    ck_assert_int_eq(tp_promote_types(TP_U8, TP_BOOL), TP_U8);
    ck_assert_int_eq(tp_promote_types(TP_I32, TP_F64), TP_F64);
    for (int s = TP_OK; s <= TP_EUSER; s++)
        ck_assert_int_eq(strncmp(tp_status_name((tp_status)s), "TP_", 3), 0);
    ck_assert_ptr_nonnull(tp_status_name((tp_status)1000));
}
END_TEST

START_TEST(null_is_harmless)
{
    ck_assert(isnan(tp_item(NULL)) && isnan(tp_item_at(NULL, 0)));
    ck_assert_ptr_null(tp_data(NULL));
    ck_assert_int_eq(tp_numel(NULL), 0);
    ck_assert_int_eq(tp_size(NULL, 0), -1);
    ck_assert_ptr_null(tp_grad(NULL));
    ck_assert_ptr_null(tp_add(T, NULL, NULL));
    ck_assert_ptr_null(tp_mul(T, NULL, NULL)); /* quiet after the first failure */
    ck_error(T, TP_EINVAL, "add: input 0 is NULL");
    ck_assert_ptr_null(tp_add(NULL, NULL, NULL));
    ck_assert_ptr_null(tp_zeros(NULL, TP_F32, tp_shape(2)));
    tp_free(NULL);
    tp_zero_grad(NULL);
    tp_tape_free(NULL);
    tp_params_free(NULL);
    tp_grads_free(NULL);
    tp_module_free(NULL);
    tp_optim_free(NULL);
    ck_no_error(T);
}
END_TEST

START_TEST(sizes)
{
    ck_assert_ptr_null(tp_zeros(T, TP_F32, tp_shape(INT64_MAX, 4)));
    ck_error(T, TP_ENOMEM, "fewer elements are needed");
    ck_assert_ptr_null(tp_zeros(T, TP_F64, tp_shape(INT64_MAX / 8)));
    ck_error(T, TP_ENOMEM, "no memory");
    ck_assert_ptr_null(tp_zeros(T, TP_F32, tp_shape(3, -1)));
    ck_error(T, TP_ESHAPE, "sizes of 0 or more");
    ck_assert_ptr_null(tp_zeros(T, TP_F32, ((tp_dims){TP_MAX_DIMS + 1, {1}})));
    ck_error(T, TP_ESHAPE, "11 dimensions");
    ck_assert_ptr_null(tp_zeros(T, (tp_dtype)77, tp_shape(3)));
    ck_error(T, TP_EDTYPE, "77");
    tp_tensor *x = tp_zeros(T, TP_F32, tp_shape(INT64_MAX, 0));
    ck_assert_int_eq(tp_numel(x), 0);
    x = tp_zeros(T, TP_F32, tp_shape(2, 3, 4));
    ck_assert_int_eq(tp_ndim(x), 3);
    ck_assert_int_eq(tp_size(x, -1), 4);
    ck_assert_int_eq(tp_size(x, 3), -1);
    ck_assert_int_eq(tp_stride(x, 0), 12);
    ck_assert(tp_is_contiguous(x) && !tp_is_contiguous(tp_transpose(T, x, 0, 1)));
}
END_TEST

START_TEST(creation)
{
    const float v[] = {3, 1, 4, 1, 5, 9};
    float mine[] = {1, 2, 3};
    ck_values(tp_from(T, TP_F32, tp_shape(2, 3), v), 0, 3, 1, 4, 1, 5, 9);
    tp_tensor *w = tp_wrap(T, TP_F32, tp_shape(3), mine);
    mine[1] = 20;
    ck_values(w, 0, 1, 20, 3);
    ck_assert_ptr_eq(tp_data(w), mine);
    ck_values(tp_eye(T, TP_F32, 2, 3), 0, 1, 0, 0, 0, 1, 0);
    ck_values(tp_arange(T, TP_I64, 1, 10, 3), 0, 1, 4, 7);
    ck_values(tp_arange(T, TP_F64, 1, 0, -0.25), 0, 1, 0.75, 0.5, 0.25);
    ck_assert_int_eq(tp_numel(tp_arange(T, TP_F32, 2, 2, 1)), 0);
    ck_values(tp_linspace(T, TP_F64, 0, 1, 5), 1e-16, 0, 0.25, 0.5, 0.75, 1);
    ck_values(tp_linspace(T, TP_F32, 3, 4, 1), 0, 3);
    ck_values(tp_full(T, TP_U8, tp_shape(2), 7), 0, 7, 7);
    ck_values(tp_ones_like(T, tp_zeros(T, TP_BOOL, tp_shape(2))), 0, 1, 1);
    ck_assert(tp_item(tp_scalar(T, TP_F64, 2.5)) == 2.5);
    ck_no_error(T);
    ck_assert_ptr_null(tp_arange(T, TP_F32, 0, 1, 0));
    ck_error(T, TP_EINVAL, "arange");
    ck_assert_ptr_null(tp_arange(T, TP_F32, 0, 1, -1));
    ck_error(T, TP_EINVAL, "arange");
    ck_assert_ptr_null(tp_from(T, TP_F32, tp_shape(1), NULL));
    ck_error(T, TP_EINVAL, "from");
}
END_TEST

START_TEST(conversion)
{
    const double v[] = {1.9, -1.9, 300, NAN, 1e30};
    tp_tensor *x = tp_from(T, TP_F64, tp_shape(5), v);
    const int64_t *i = tp_data(tp_to(T, x, TP_I64));
    ck_assert(i[0] == 1 && i[1] == -1 && i[2] == 300 && i[3] == INT64_MIN && i[4] == INT64_MIN);
    const uint8_t *u = tp_data(tp_to(T, x, TP_U8));
    ck_assert(u[0] == 1 && u[1] == 255 && u[2] == 44);
    const uint8_t *b = tp_data(tp_to(T, x, TP_BOOL));
    ck_assert(b[0] == 1 && b[3] == 1);
    ck_assert_ptr_eq(tp_to(T, x, TP_F64), x);
    tp_tensor *m = tp_reshape(T, tp_arange(T, TP_I64, 0, 6, 1), tp_shape(2, 3));
    ck_values(tp_to(T, tp_t(T, m), TP_F32), 0, 0, 3, 1, 4, 2, 5);
    ck_no_error(T);
}
END_TEST

/* Copies of every layout, small and large enough to be tiled and split. */
START_TEST(layouts)
{
    for (int64_t n = 1; n < 400; n = n * 3 + 1) {
        tp_tensor *x = tp_reshape(T, tp_arange(T, TP_I32, 0, (double)(n * (n + 2) * 2), 1), tp_shape(2, n, n + 2));
        tp_tensor *y = tp_contiguous(T, tp_permute(T, x, tp_shape(2, 0, 1)));
        const int32_t *p = tp_data(y);
        ck_no_error(T);
        for (int64_t a = 0; a < n + 2; a++)
            for (int64_t b = 0; b < 2; b++)
                for (int64_t c = 0; c < n; c++)
                    ck_assert_int_eq(p[(a * 2 + b) * n + c], (b * n + c) * (n + 2) + a);
        tp_tape_reset(T);
    }
}
END_TEST

START_TEST(pool_reuses)
{
    void *first = tp_data(tp_zeros(T, TP_F32, tp_shape(1000)));
    tp_tape_reset(T);
    tp_memory before = tp_tape_memory(T);
    for (int i = 0; i < 100; i++) {
        ck_assert_ptr_eq(tp_data(tp_zeros(T, TP_F32, tp_shape(1000))), first);
        tp_tape_reset(T);
    }
    tp_memory after = tp_tape_memory(T);
    ck_assert_int_eq(after.system_allocations, before.system_allocations);
    ck_assert_int_eq(after.bytes_in_use, 0);
    ck_assert_int_gt(after.bytes_peak, 3999);
    ck_assert_int_ge(after.bytes_reserved, after.bytes_peak);
}
END_TEST

START_TEST(alignment)
{
    for (int64_t n = 1; n < 3000000; n = n * 2 + 1)
        ck_assert_uint_eq((uintptr_t)tp_data(tp_empty(T, TP_U8, tp_shape(n))) % 64, 0);
}
END_TEST

/* Owned tensors outlive the tape, and may be freed before or after it. */
START_TEST(owned_outlive)
{
    long long live = alloc_live();
    tp_tape *U = tp_tape_new();
    tp_tensor *a = tp_keep(tp_full(U, TP_F64, tp_shape(5), 3)), *b = tp_keep(tp_full(U, TP_F64, tp_shape(500000), 4));
    tp_free(b);
    b = tp_keep(tp_full(U, TP_F64, tp_shape(500000), 5));
    tp_tape_free(U);
    bool right = tp_item_at(a, 4) == 3 && tp_item_at(b, 499999) == 5;
    tp_free(a);
    tp_free(b);
    live -= alloc_live();
    ck_assert(right);
    ck_assert_int_eq(live, 0);
}
END_TEST

START_TEST(indexing)
{
    tp_tensor *x = tp_reshape(T, tp_arange(T, TP_F32, 0, 24, 1), tp_shape(2, 3, 4));
    ck_values(tp_index(T, x, "1, 2, 3"), 0, 23);
    ck_values(tp_index(T, x, "-1, 0"), 0, 12, 13, 14, 15);
    ck_values(tp_index(T, x, "0, :, 1"), 0, 1, 5, 9);
    ck_values(tp_index(T, x, "..., -1"), 0, 3, 7, 11, 15, 19, 23);
    ck_values(tp_index(T, x, "1, ::2, 1:3"), 0, 13, 14, 21, 22);
    ck_assert_int_eq(tp_numel(tp_index(T, x, " 0 , 5: ")), 0);
    ck_assert_int_eq(tp_ndim(tp_index(T, x, "None, ..., None")), 5);
    ck_assert_int_eq(tp_numel(tp_index(T, x, "-100:100")), 24);
    ck_no_error(T);
    static const char *const bad[] = {"a", "1 2", "1:2:3:4", "...,...", ":,,", "99999999999999999999"};
    for (size_t i = 0; i < LENGTH(bad); i++) {
        ck_assert_ptr_null(tp_index(T, x, bad[i]));
        ck_error(T, TP_EINVAL, "index");
    }
    ck_assert_ptr_null(tp_index(T, x, "2"));
    ck_error(T, TP_EINDEX, "-2 to 1 is needed");
    ck_assert_ptr_null(tp_index(T, x, "0,0,0,0"));
    ck_error(T, TP_EINDEX, "4 indices");
    ck_assert_ptr_null(tp_index(T, x, "::0"));
    ck_error(T, TP_EINVAL, "step");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("core");
    TCase *t = tcase_create("core");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, dtypes);
    tcase_add_test(t, null_is_harmless);
    tcase_add_test(t, sizes);
    tcase_add_test(t, creation);
    tcase_add_test(t, conversion);
    tcase_add_test(t, layouts);
    tcase_add_test(t, pool_reuses);
    tcase_add_test(t, alignment);
    tcase_add_test(t, owned_outlive);
    tcase_add_test(t, indexing);
    suite_add_tcase(suite, t);
    return run_suite(suite);
}
