/* test_rows.c - short rows, which kernels compute many at once: each gets the bits that it gets alone, forward and back, also
 * beside rows that are not finite, constant, or whose squares leave the range. */
#include "support/support.h"

enum { ROWS = 75 };

typedef tp_tensor *(*row_function)(tp_tape *T, tp_tensor *x);

static tp_tensor *softmax(tp_tape *T, tp_tensor *x) { return tp_softmax(T, x, 1); }
static tp_tensor *log_softmax(tp_tape *T, tp_tensor *x) { return tp_log_softmax(T, x, 1); }
static tp_tensor *normal(tp_tape *T, tp_tensor *x)
{
    return tp_layer_norm(T, x, tp_shape(tp_size(x, 1)), NULL, NULL, 0);
}
static tp_tensor *scaled(tp_tape *T, tp_tensor *x)
{
    tp_tensor *w = tp_linspace(T, (tp_dtype)tp_dtype_of(x), -1, 2, tp_size(x, 1));
    return tp_layer_norm(T, x, tp_shape(tp_size(x, 1)), w, w, 1e-5);
}
static const row_function functions[] = {softmax, log_softmax, normal, scaled};

/* Some numbers; with odd ones some rows are none of the ordinary. */
static tp_tensor *numbers(tp_tape *T, tp_dtype dtype, int64_t n, bool odd)
{
    tp_tensor *x = tp_mul_scalar(T, tp_randn(T, dtype, tp_shape(ROWS, n)), 3);
    if (odd) {
        tp_fill_(T, tp_narrow(T, tp_narrow(T, x, 0, 3, 1), 1, n - 1, 1), NAN);
        tp_fill_(T, tp_narrow(T, tp_narrow(T, x, 0, 7, 1), 1, 0, 1), -INFINITY);
        tp_fill_(T, tp_narrow(T, tp_narrow(T, x, 0, 40, 1), 1, n / 2, 1), INFINITY);
        tp_fill_(T, tp_narrow(T, x, 0, 41, 1), 2);
        tp_fill_(T, tp_narrow(T, x, 0, 50, 1), -INFINITY);
        tp_mul_scalar_(T, tp_narrow(T, x, 0, 70, 1), dtype == TP_F32 ? 1e30 : 1e200);
    }
    return x;
}

/* y and the gradient of x, where a gradient of x comes first also by another way, so that one is added. */
static void both(tp_tape *T, row_function f, tp_tensor *x, tp_tensor *g, bool add, tp_tensor *out[2])
{
    x = tp_requires_grad(tp_clone(T, x), true);
    tp_tensor *y = f(T, x), *roots[2] = {y, add ? tp_mul_scalar(T, x, 0.5) : NULL}, *from[2] = {g, g};
    ck_assert_int_eq(tp_backward_from(T, add ? 2 : 1, roots, &(tp_backward_options){.grad_outputs = from}), TP_OK);
    out[0] = y;
    out[1] = tp_grad(x);
}

static void check_alike(const tp_tensor *all, const tp_tensor *one, int64_t r, const char *what)
{
    size_t bytes = (size_t)tp_numel(one) * tp_dtype_size(tp_dtype_of(one));
    const char *a = (const char *)tp_data((tp_tensor *)all) + (size_t)r * bytes, *b = tp_data((tp_tensor *)one);
    bool f64 = tp_dtype_of(one) == TP_F64;
    for (int64_t i = 0; i < tp_numel(one); i++) {
        double u = f64 ? ((const double *)a)[i] : (double)((const float *)a)[i];
        double v = f64 ? ((const double *)b)[i] : (double)((const float *)b)[i];
        ck_assert_msg((isnan(u) && isnan(v)) || (u == v && signbit(u) == signbit(v)),
                      "%s: row %lld of %lld elements: %a together, %a alone", what, (long long)r,
                      (long long)tp_numel(one), u, v);
    }
}

START_TEST(rows_are_the_same_together_and_alone)
{
    static const int64_t sizes[] = {2, 3, 8, 10, 16, 31, 32, 33};
    tp_dtype dtype = _i & 1 ? TP_F64 : TP_F32;
    bool odd = _i & 2, add = _i & 4;
    tp_tape *T = tp_tape_new();
    for (size_t k = 0; k < LENGTH(functions); k++)
        for (size_t s = 0; s < LENGTH(sizes); s++) {
            tp_tensor *x = numbers(T, dtype, sizes[s], odd), *g = tp_randn(T, dtype, tp_shape(ROWS, sizes[s]));
            tp_tensor *all[2], *one[2];
            both(T, functions[k], x, g, add, all);
            for (int64_t r = 0; r < ROWS; r++) {
                both(T, functions[k], tp_narrow(T, x, 0, r, 1), tp_narrow(T, g, 0, r, 1), add, one);
                check_alike(all[0], one[0], r, "forward");
                check_alike(all[1], one[1], r, "back");
            }
            tp_tape_reset(T);
        }
    tp_tape_free(T);
}
END_TEST

/* The gradients of weight and bias are sums over rows; of rows in another order, or one by one, they are much the same. */
START_TEST(gradients_of_weights_are_sums_over_rows)
{
    tp_tape *T = tp_tape_new();
    for (int64_t n = 2; n < 36; n += 3)
        for (int64_t rows = 1; rows <= ROWS; rows += 37) {
            tp_tensor *x = tp_randn(T, TP_F64, tp_shape(rows, n)), *g = tp_randn(T, TP_F64, tp_shape(rows, n));
            tp_tensor *w = tp_requires_grad(tp_ones(T, TP_F64, tp_shape(n)), true);
            tp_tensor *b = tp_requires_grad(tp_zeros(T, TP_F64, tp_shape(n)), true);
            tp_tensor *y = tp_layer_norm(T, x, tp_shape(n), w, b, 1e-5);
            ck_assert_int_eq(tp_backward_from(T, 1, &y, &(tp_backward_options){.grad_outputs = &g}), TP_OK);
            tp_tensor *xhat = tp_layer_norm(T, x, tp_shape(n), NULL, NULL, 1e-5);
            const double *gw = tp_data(tp_grad(w)), *gb = tp_data(tp_grad(b)), *u = tp_data(g), *v = tp_data(xhat);
            for (int64_t i = 0; i < n; i++) {
                double sum = 0, dot = 0;
                for (int64_t r = 0; r < rows; r++) {
                    sum += u[r * n + i];
                    dot += u[r * n + i] * v[r * n + i];
                }
                ck_assert_double_eq_tol(gb[i], sum, 1e-12);
                ck_assert_double_eq_tol(gw[i], dot, 1e-12);
            }
            tp_tape_reset(T);
        }
    tp_tape_free(T);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rows");
    TCase *t = tcase_create("short");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, rows_are_the_same_together_and_alone, 0, 8);
    tcase_add_test(t, gradients_of_weights_are_sums_over_rows);
    suite_add_tcase(suite, t);
    return run_suite(suite);
}
