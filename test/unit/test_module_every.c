/* test_module_every.c - what holds for every module, a row each: it is cloned, its state goes into another one and through a
 * file, to the same bits; it prints and is summarized alike; in evaluation it draws nothing. */
#define _POSIX_C_SOURCE 200809L
#include "support/support.h"

#include <unistd.h>

static tp_tape *T;
static void setup(void) { T = tp_tape_new(); }
static void teardown(void) { tp_tape_free(T); }

#define MAKE(name, ...) \
    static tp_module *make_##name(void) { return __VA_ARGS__; }
MAKE(linear, tp_nn_linear(T, 5, 3, NULL))
MAKE(linear_without, tp_nn_linear(T, 5, 3, &(tp_linear_options){.no_bias = true, .dtype = TP_F64}))
MAKE(bilinear, tp_nn_bilinear(T, 5, 4, 3, NULL))
MAKE(conv1d, tp_nn_conv1d(T, 2, 4, tp_shape(3), NULL))
MAKE(conv2d, tp_nn_conv2d(T, 2, 4, tp_shape(3),
                          &(tp_nn_conv_options){.groups = 2, .padding_mode = TP_PAD_REFLECT, .padding = {1, 1}}))
MAKE(conv3d, tp_nn_conv3d(T, 2, 4, tp_shape(3), NULL))
MAKE(conv_transpose1d, tp_nn_conv_transpose1d(T, 2, 4, tp_shape(3), NULL))
MAKE(conv_transpose2d, tp_nn_conv_transpose2d(T, 2, 4, tp_shape(3), &(tp_nn_conv_options){.stride = {2, 2}}))
MAKE(conv_transpose3d, tp_nn_conv_transpose3d(T, 2, 4, tp_shape(3), NULL))
MAKE(flatten, tp_nn_flatten(T, 1, -1))
MAKE(unflatten, tp_nn_unflatten(T, 1, tp_shape(2, -1)))
MAKE(identity, tp_nn_identity(T))
MAKE(dropout, tp_nn_dropout(T, 0.5))
MAKE(relu, tp_nn_relu(T))
MAKE(tanh, tp_nn_tanh(T))
MAKE(sigmoid, tp_nn_sigmoid(T))
MAKE(sequential, tp_nn_sequential(T, tp_nn_linear(T, 5, 6, NULL), tp_nn_tanh(T),
                                  tp_nn_sequential(T, tp_nn_dropout(T, 0.3), tp_nn_linear(T, 6, 2, NULL))))

#define ROW(name, ...) \
    { \
#name, make_##name, { __VA_ARGS__ } \
    }
static const struct {
    const char *name;
    tp_module *(*make)(void);
    tp_dims input[2];
} rows[] = {ROW(linear, {2, {4, 5}}),
            ROW(linear_without, {2, {4, 5}}),
            ROW(bilinear, {2, {4, 5}}, {2, {4, 4}}),
            ROW(conv1d, {3, {2, 2, 9}}),
            ROW(conv2d, {4, {2, 2, 9, 8}}),
            ROW(conv3d, {5, {2, 2, 5, 6, 7}}),
            ROW(conv_transpose1d, {3, {2, 2, 9}}),
            ROW(conv_transpose2d, {4, {2, 2, 5, 4}}),
            ROW(conv_transpose3d, {5, {2, 2, 5, 4, 3}}),
            ROW(flatten, {3, {2, 3, 4}}),
            ROW(unflatten, {2, {3, 6}}),
            ROW(identity, {1, {3}}),
            ROW(dropout, {2, {30, 4}}),
            ROW(relu, {2, {3, 4}}),
            ROW(tanh, {2, {3, 4}}),
            ROW(sigmoid, {2, {3, 4}}),
            ROW(sequential, {2, {4, 5}})};

static int inputs(int row, tp_dtype dtype, tp_tensor **in)
{
    int n = 0;
    for (; n < 2 && rows[row].input[n].ndim > 0; n++)
        in[n] = tp_randn(T, dtype, rows[row].input[n]);
    return n;
}

static tp_dtype dtype_of(tp_module *m)
{
    tp_params *p = tp_module_params(m);
    return tp_params_length(p) > 0 ? tp_dtype_of(tp_params_at(p, 0)) : TP_F32;
}

static tp_tensor *result(tp_module *m, int n, tp_tensor *const *in)
{
    tp_tensor *y;
    tp_forward_n(T, m, n, in, 1, &y);
    ck_no_error(T);
    return y;
}

/* A copy gives the same, also in training, where it draws the same. */
START_TEST(cloned)
{
    tp_tensor *in[2];
    tp_manual_seed(T, 1);
    tp_module *m = rows[_i].make();
    int n = inputs(_i, dtype_of(m), in);
    tp_module *c = tp_module_clone(T, m);
    ck_no_error(T);
    char of_m[2000], of_c[2000];
    tp_module_format(m, of_m, sizeof of_m);
    tp_module_format(c, of_c, sizeof of_c);
    ck_assert_str_eq(of_m, of_c);
    tp_manual_seed(T, 2);
    tp_tensor *y = result(m, n, in);
    tp_manual_seed(T, 2);
    ck_assert_msg(tensors_identical(result(c, n, in), y), "%s", rows[_i].name);
    tp_module_free(m);
    tp_module_eval(c);
    tp_tensor *state = tp_get_rng_state(T);
    result(c, n, in);
    ck_assert(tensors_identical(state, tp_get_rng_state(T)));
    ck_assert_int_gt(tp_module_summary(T, c, n, in, of_c, sizeof of_c), 0);
    tp_module_free(c);
}
END_TEST

/* Its state makes another one, that began with other values, the same. */
START_TEST(stated)
{
    tp_tensor *in[2];
    tp_manual_seed(T, 1);
    tp_module *m = rows[_i].make(), *other = rows[_i].make();
    tp_state_dict *d = tp_module_state_dict(T, m);
    ck_assert_int_eq(tp_module_load_state_dict(T, other, d->n, d->names, d->tensors, NULL), TP_OK);
    tp_state_dict_free(d);
    int n = inputs(_i, dtype_of(m), in);
    tp_module_eval(m);
    tp_module_eval(other);
    tp_tensor *y = result(m, n, in);
    ck_assert_msg(tensors_identical(result(other, n, in), y), "%s", rows[_i].name);
#ifdef HAVE_JANSSON
    char path[] = "/tmp/tapir_test_XXXXXX";
    close(mkstemp(path));
    tp_module *third = rows[_i].make();
    tp_module_eval(third);
    ck_assert_int_eq(tp_module_save(T, m, path), TP_OK);
    ck_assert_int_eq(tp_module_load(T, third, path), TP_OK);
    unlink(path);
    ck_assert_msg(tensors_identical(result(third, n, in), y), "%s", rows[_i].name);
    tp_module_free(third);
#endif
    tp_module_free(m);
    tp_module_free(other);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("module_every");
    TCase *t = tcase_create("module_every");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, cloned, 0, LENGTH(rows));
    tcase_add_loop_test(t, stated, 0, LENGTH(rows));
    suite_add_tcase(suite, t);
    return run_suite(suite);
}
