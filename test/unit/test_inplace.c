/* test_inplace.c - writing to tensors that are there: what may be written and what may not, views, overlap, and each
 * form against the operator that it stands for. */
#include "support/support.h"

static tp_tape *T;
static void setup(void) { T = tp_tape_new(); }
static void teardown(void) { tp_tape_free(T); }

static tp_tensor *counted(tp_dtype dtype, int64_t rows, int64_t columns)
{
    return tp_reshape(T, tp_arange(T, dtype, 0, (double)(rows * columns), 1), tp_shape(rows, columns));
}

/* ---- what may be written ---------------------------------------------------------------------- */

START_TEST(views_of_owned_tensors)
{
    tp_tensor *m = tp_keep(counted(TP_F32, 3, 4));
    ck_assert_int_eq(tp_copy_into(T, tp_select(T, m, 0, 1), tp_full(T, TP_F64, TP_SCALAR, -1)), TP_OK);
    ck_assert_int_eq(tp_copy_into(T, tp_index(T, m, "2:, ::2"), tp_scalar(T, TP_I64, 7)), TP_OK);
    ck_assert_int_eq(tp_copy_into(T, tp_index(T, m, "0, 1:3"), tp_from(T, TP_F64, tp_shape(2), (double[]){50, 60})),
                     TP_OK);
    ck_values(m, 0, 0, 50, 60, 3, -1, -1, -1, -1, 7, 9, 7, 11);
    ck_no_error(T);
    tp_free(m);
}
END_TEST

/* Rows of one matrix lie side by side; elements of one row may not. */
START_TEST(overlap)
{
    tp_tensor *m = tp_keep(counted(TP_F64, 3, 3)), *v = tp_keep(tp_arange(T, TP_F64, 0, 6, 1));
    tp_copy_into(T, tp_select(T, m, 0, 0), tp_select(T, m, 0, 2));
    ck_values(m, 0, 6, 7, 8, 3, 4, 5, 6, 7, 8);
    tp_copy_into(T, m, tp_t(T, m));
    ck_values(m, 0, 6, 3, 6, 7, 4, 7, 8, 5, 8);
    tp_copy_into(T, m, tp_select(T, m, 0, 2));
    ck_values(m, 0, 8, 5, 8, 8, 5, 8, 8, 5, 8);
    tp_copy_into(T, tp_index(T, v, "1:"), tp_index(T, v, ":-1"));
    ck_values(v, 0, 0, 0, 1, 2, 3, 4);
    tp_copy_into(T, tp_index(T, v, ":-1"), tp_index(T, v, "1:"));
    ck_values(v, 0, 0, 1, 2, 3, 4, 4);
    tp_copy_into(T, v, v);
    ck_values(v, 0, 0, 1, 2, 3, 4, 4);
    tp_add_(T, tp_index(T, v, "1:"), tp_index(T, v, ":-1"), 10);
    ck_values(v, 0, 0, 1, 12, 23, 34, 44);
    tp_add_(T, v, v, 1);
    ck_values(v, 0, 0, 2, 24, 46, 68, 88);
    ck_no_error(T);
    tp_free(m);
    tp_free(v);
}
END_TEST

typedef tp_status (*writer)(tp_tensor *x);
static double half(double x, void *user) { return x / 2 + (user ? 1 : 0); }
static double sum_of(double x, double y, void *user) { return x + y * *(const double *)user; }
static tp_status zero(tp_tensor *x) { return tp_zero_(T, x); }
static tp_status fill(tp_tensor *x) { return tp_fill_(T, x, 2); }
static tp_status add(tp_tensor *x) { return tp_add_(T, x, tp_ones(T, TP_F32, TP_SCALAR), 2); }
static tp_status mul(tp_tensor *x) { return tp_mul_scalar_(T, x, 3); }
static tp_status clamp(tp_tensor *x) { return tp_clamp_(T, x, -1, 1); }
static tp_status masked(tp_tensor *x) { return tp_masked_fill_(T, x, tp_ones(T, TP_BOOL, TP_SCALAR), 9); }
static tp_status put(tp_tensor *x) { return tp_index_put_(T, x, "1:", 0, NULL, tp_ones(T, TP_F32, TP_SCALAR), false); }
static tp_status put_at(tp_tensor *x)
{
    tp_tensor *at = tp_arange(T, TP_I64, 0, 2, 1);
    return tp_index_put_(T, x, "@", 1, &at, tp_ones(T, TP_F32, TP_SCALAR), false);
}
static tp_status apply(tp_tensor *x) { return tp_apply_(T, x, half, NULL); }
static tp_status map(tp_tensor *x) { return tp_map_(T, x, tp_ones(T, TP_F32, TP_SCALAR), sum_of, &(double){2}); }
static tp_status copy(tp_tensor *x) { return tp_copy_into(T, x, tp_ones(T, TP_F32, TP_SCALAR)); }
static tp_status uniform(tp_tensor *x) { return tp_uniform_(T, x, 0, 1); }
static tp_status bernoulli(tp_tensor *x) { return tp_bernoulli_(T, x, 0.5); }
static tp_status whole(tp_tensor *x) { return tp_random_(T, x); }
static tp_status relu(tp_tensor *x) { return tp_relu_(T, x); }
static tp_status rrelu(tp_tensor *x) { return tp_rrelu_(T, x, 0.1, 0.3, true); }
static const writer writers[] = {relu, rrelu,  zero,  fill, add,  mul,     clamp,     masked,
                                 put,  put_at, apply, map,  copy, uniform, bernoulli, whole};

/* Each writes a leaf, moves its version, and refuses all else. */
START_TEST(rules)
{
    writer write = writers[_i];
    tp_tensor *w = tp_requires_grad(tp_keep(tp_full(T, TP_F32, tp_shape(2, 3), 0.5)), true);
    tp_tensor *y = tp_exp(T, w), *square = tp_sum(T, tp_mul(T, w, w));
    ck_assert_int_eq(write(y), TP_EINVAL);
    ck_error(T, TP_EINVAL, "was computed");
    ck_assert_int_eq(write(tp_select(T, w, 0, 0)), TP_EINVAL);
    ck_error(T, TP_EINVAL, "was computed");
    ck_assert_int_eq(write(tp_expand(T, tp_ones(T, TP_F32, tp_shape(1, 3)), tp_shape(2, 3))), TP_EINVAL);
    ck_error(T, TP_EINVAL, "several elements");
    ck_assert_int_eq(write(NULL), TP_EINVAL);
    ck_error(T, TP_EINVAL, "NULL");
    ck_assert_int_eq(write(w), TP_OK);
    ck_assert_int_eq(tp_backward(T, square), TP_EMUTATED);
    ck_error(T, TP_EMUTATED, "in place");
    ck_assert(tp_needs_grad(w) && tp_is_leaf(w));

    tp_tape_record(T, false);
    tp_tensor *row = tp_select(T, w, 0, 1);
    tp_tape_record(T, true);
    square = tp_sum(T, tp_mul(T, w, w));
    ck_assert_int_eq(write(row), TP_OK);
    ck_assert_int_eq(tp_backward(T, square), TP_EMUTATED);
    ck_error(T, TP_EMUTATED, "in place");

    tp_tape *other = tp_tape_new();
    ck_assert_int_eq(write(tp_ones(other, TP_F32, tp_shape(2, 3))), TP_EFOREIGN);
    ck_error(T, TP_EFOREIGN, "another tape");
    tp_tape_free(other);
    tp_fail(T, TP_EUSER, "mine");
    ck_assert_int_eq(write(w), TP_EUSER);
    tp_free(w);
}
END_TEST

/* ---- the forms -------------------------------------------------------------------------------------- */

/* x as it is, and as columns of a wider matrix. */
static tp_tensor *laid(tp_tensor *x, bool apart)
{
    if (!apart)
        return tp_clone(T, x);
    tp_tensor *wide = tp_zeros(T, tp_dtype_of(x), tp_shape(tp_size(x, 0), 2 * tp_size(x, 1)));
    tp_tensor *view = tp_slice(T, wide, 1, 0, INT64_MAX, 2);
    tp_copy_into(T, view, x);
    return view;
}

START_TEST(forms)
{
    static const tp_dtype dtypes[] = {TP_F32, TP_F64, TP_I32, TP_I64, TP_U8};
    tp_dtype dtype = dtypes[_i / 2];
    bool apart = _i % 2;
    tp_tensor *x = counted(dtype, 3, 4), *y = tp_add_scalar(T, counted(dtype, 1, 4), 1), *v, *at[2];
    tp_tensor *mask = tp_from(T, TP_BOOL, tp_shape(3, 1), (uint8_t[]){1, 0, 1});
#define SAME(call, by) \
    v = laid(x, apart); \
    ck_assert_int_eq((call), TP_OK); \
    ck_no_error(T); \
    ck_assert_msg(tensors_identical(v, by), "%s", #call)
    SAME(tp_zero_(T, v), tp_zero(T, x));
    SAME(tp_fill_(T, v, 3), tp_full_like(T, x, 3));
    SAME(tp_add_(T, v, y, 2), tp_add(T, x, tp_mul_scalar(T, y, 2)));
    SAME(tp_add_(T, v, tp_mul(T, x, y), 3), tp_add(T, x, tp_mul_scalar(T, tp_mul(T, x, y), 3)));
    SAME(tp_add_(T, v, tp_full(T, TP_BOOL, TP_SCALAR, 1), 1), tp_add_scalar(T, x, 1));
    SAME(tp_mul_scalar_(T, v, 3), tp_mul_scalar(T, x, 3));
    SAME(tp_clamp_(T, v, 2, 5), tp_clamp(T, x, 2, 5));
    SAME(tp_threshold_(T, v, 3, 7), tp_threshold(T, x, 3, 7));
    SAME(tp_hardtanh_(T, v, 1, 4), tp_hardtanh(T, x, 1, 4));
    SAME(tp_relu_(T, v), tp_relu(T, x));
    SAME(tp_masked_fill_(T, v, mask, 9), tp_masked_fill(T, x, mask, 9));
    SAME(tp_index_put_(T, v, "1:, ::2", 0, NULL, tp_index(T, y, "0, :2"), false),
         tp_index_put(T, x, "1:, ::2", 0, NULL, tp_index(T, y, "0, :2"), false));
    SAME(tp_index_put_(T, v, "..., -1", 0, NULL, tp_scalar(T, dtype, 4), true),
         tp_index_put(T, x, "..., -1", 0, NULL, tp_scalar(T, dtype, 4), true));
    at[0] = tp_from(T, TP_I64, tp_shape(4), (int64_t[]){2, 0, -1, 0});
    SAME(tp_index_put_(T, v, "@", 1, at, y, false), tp_index_put(T, x, "@", 1, at, y, false));
    SAME(tp_index_put_(T, v, "@", 1, at, y, true), tp_index_put(T, x, "@", 1, at, y, true));
    at[1] = tp_from(T, TP_I64, tp_shape(4), (int64_t[]){3, 0, 1, 0});
    SAME(tp_index_put_(T, v, "@, @", 2, at, y, true), tp_index_put(T, x, "@, @", 2, at, y, true));
    at[0] = mask = tp_gt(T, x, tp_scalar(T, dtype, 4));
    SAME(tp_index_put_(T, v, "@", 1, at, tp_scalar(T, dtype, 1), false),
         tp_index_put(T, x, "@", 1, at, tp_scalar(T, dtype, 1), false));
    SAME(tp_apply_(T, v, half, &dtype), tp_to(T, tp_add_scalar(T, tp_div_scalar(T, tp_to(T, x, TP_F64), 2), 1), dtype));
    SAME(tp_map_(T, v, y, sum_of, &(double){2}), tp_add(T, x, tp_mul_scalar(T, y, 2)));
    SAME(tp_map_(T, v, v, sum_of, &(double){2}), tp_mul_scalar(T, x, 3));
#undef SAME
}
END_TEST

/* Of floats, in the same bits; and what fails in them is told as their own. */
START_TEST(activations)
{
    for (int k = 0; k < 4; k++) {
        tp_tensor *x = tp_randn(T, k / 2 ? TP_F64 : TP_F32, tp_shape(5, 7)), *v;
#define SAME(call, by) \
    v = laid(x, k % 2); \
    tp_manual_seed(T, 1); \
    ck_assert_int_eq((call), TP_OK); \
    tp_manual_seed(T, 1); \
    ck_assert_msg(tensors_identical(tp_contiguous(T, v), by), "%s", #call)
        SAME(tp_relu_(T, v), tp_relu(T, x));
        SAME(tp_leaky_relu_(T, v, 0.2), tp_leaky_relu(T, x, 0.2));
        SAME(tp_threshold_(T, v, 0.1, -3), tp_threshold(T, x, 0.1, -3));
        SAME(tp_hardtanh_(T, v, -0.5, 0.6), tp_hardtanh(T, x, -0.5, 0.6));
        SAME(tp_elu_(T, v, 0.7), tp_elu(T, x, 0.7));
        SAME(tp_selu_(T, v), tp_selu(T, x));
        SAME(tp_celu_(T, v, 2), tp_celu(T, x, 2));
        SAME(tp_rrelu_(T, v, 0.1, 0.3, true), tp_rrelu(T, x, 0.1, 0.3, true));
#undef SAME
    }
    ck_no_error(T);
    ck_assert_int_eq(tp_celu_(T, tp_ones(T, TP_F32, tp_shape(2)), 0), TP_EINVAL);
    ck_error(T, TP_EINVAL, "celu_:");
    ck_assert_int_eq(tp_elu_(T, tp_ones(T, TP_I64, tp_shape(2)), 1), TP_EDTYPE);
    ck_error(T, TP_EDTYPE, "elu_:");
}
END_TEST

START_TEST(refusals)
{
    tp_tensor *x = tp_ones(T, TP_I64, tp_shape(3)), *f = tp_ones(T, TP_F32, tp_shape(3)),
              *wide = tp_ones(T, TP_F32, tp_shape(2, 3));
    ck_assert_int_eq(tp_add_(T, x, f, 1), TP_EDTYPE);
    ck_error(T, TP_EDTYPE, "add_: the result is float32, x is int64; ");
    ck_assert_int_eq(tp_mul_scalar_(T, x, 0.5), TP_EDTYPE);
    ck_error(T, TP_EDTYPE, "mul_scalar_");
    ck_assert_int_eq(tp_add_(T, tp_ones(T, TP_BOOL, tp_shape(3)), x, 1), TP_EDTYPE);
    ck_error(T, TP_EDTYPE, "bool");
    ck_assert_int_eq(tp_add_(T, f, wide, 1), TP_ESHAPE);
    ck_error(T, TP_ESHAPE, "add_: [2, 3] into [3]; ");
    ck_assert_int_eq(tp_map_(T, f, wide, sum_of, NULL), TP_ESHAPE);
    ck_error(T, TP_ESHAPE, "map_: [2, 3] into [3]; ");
    ck_assert_int_eq(tp_map_(T, f, x, NULL, NULL), TP_EINVAL);
    ck_error(T, TP_EINVAL, "the function is NULL");
    ck_assert_int_eq(tp_apply_(T, f, NULL, NULL), TP_EINVAL);
    ck_error(T, TP_EINVAL, "the function is NULL");
    ck_assert_int_eq(tp_index_put_(T, f, "5", 0, NULL, f, false), TP_EINDEX);
    ck_error(T, TP_EINDEX, "5");
    ck_assert_int_eq(tp_masked_fill_(T, f, tp_ones(T, TP_BOOL, tp_shape(2)), 1), TP_ESHAPE);
    ck_error(T, TP_ESHAPE, "[2] and [3]");
    ck_assert_int_eq(tp_add_(T, f, NULL, 1), TP_EINVAL);
    ck_error(T, TP_EINVAL, "add_: the tensor is NULL");
    ck_assert_int_eq(tp_copy_into(T, f, NULL), TP_EINVAL);
    ck_error(T, TP_EINVAL, "copy_into: the tensor is NULL");
    ck_values(f, 0, 1, 1, 1);
    ck_values(x, 0, 1, 1, 1);
}
END_TEST

/* Nothing stays on the tape of what was made on the way, and recording is as it was. */
START_TEST(no_traces)
{
    tp_tensor *x = tp_keep(tp_ones(T, TP_F32, tp_shape(100, 3))), *columns = tp_slice(T, x, 1, 0, 2, 1);
    for (int i = 0; i < 2; i++) {
        int64_t before = tp_tape_memory(T).bytes_in_use;
        tp_tape_record(T, i);
        for (size_t k = 0; k + 3 < LENGTH(writers); k++) {
            tp_mark mark = tp_tape_mark(T);
            writers[k](columns);
            tp_tape_rewind(T, mark);
        }
        ck_assert_int_eq(tp_mul_scalar_(T, columns, 2), TP_OK);
        ck_assert_int_eq(tp_add_(T, columns, columns, 2), TP_OK);
        ck_assert_int_eq(tp_tape_is_recording(T), i);
        ck_assert_int_eq(tp_tape_memory(T).bytes_in_use, before);
    }
    tp_free(x);
}
END_TEST

/* A hook may scale the gradient it is shown; the gradient that is left may be written, too. */
static tp_tensor *halve(tp_tape *tape, tp_tensor *g, void *user)
{
    (void)user;
    tp_tensor *mine = tp_clone(tape, g);
    tp_mul_scalar_(tape, mine, 0.5);
    return mine;
}

START_TEST(gradients)
{
    tp_tensor *w = tp_requires_grad(tp_keep(tp_ones(T, TP_F64, tp_shape(2))), true);
    tp_register_hook(T, w, halve, NULL);
    tp_backward(T, tp_sum(T, tp_mul_scalar(T, w, 3)));
    ck_values(tp_grad(w), 0, 1.5, 1.5);
    tp_clamp_(T, tp_grad(w), 0, 1);
    ck_values(tp_grad(w), 0, 1, 1);
    tp_add_(T, w, tp_grad(w), -0.25);
    ck_values(w, 0, 0.75, 0.75);
    ck_no_error(T);
    tp_free(w);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("inplace");
    TCase *t = tcase_create("inplace");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, views_of_owned_tensors);
    tcase_add_test(t, overlap);
    tcase_add_loop_test(t, rules, 0, (int)LENGTH(writers));
    tcase_add_loop_test(t, forms, 0, 10);
    tcase_add_test(t, activations);
    tcase_add_test(t, refusals);
    tcase_add_test(t, no_traces);
    tcase_add_test(t, gradients);
    suite_add_tcase(suite, t);
    return run_suite(suite);
}
