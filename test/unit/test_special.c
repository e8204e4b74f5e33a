/* test_special.c - Bessel functions of the first and second kind against tables (M. Abramowitz and I. Stegun, "Handbook of
 * Mathematical Functions", 1964, table 9.1, with more digits), and what is asked of real numbers as if they were complex. */
#include "support/support.h"

static const double at[] = {0.5, 1, 5, 10};
static const struct {
    tp_tensor *(*f)(tp_tape *, tp_tensor *);
    double want[4], at_zero, below; /* at 0, at -1 */
} functions[] = {
    {tp_bessel_j0,
     {0.938469807240812904, 0.765197686557966552, -0.177596771314338304, -0.245935764451348335},
     1,
     0.765197686557966552},
    {tp_bessel_j1,
     {0.242268457674873887, 0.440050585744933516, -0.327579137591465222, 0.0434727461688614367},
     0,
     -0.440050585744933516},
    {tp_bessel_y0,
     {-0.444518733506706565, 0.0882569642156769580, -0.308517625249033780, 0.0556711672835993914},
     -(double)INFINITY,
     (double)NAN},
    {tp_bessel_y1,
     {-1.47147239267024307, -0.781212821300288717, 0.147863143391226844, 0.249015424206953884},
     -(double)INFINITY,
     (double)NAN},
};

START_TEST(bessel)
{
    tp_tape *T = tp_tape_new();
    tp_tensor *x = tp_requires_grad(tp_from(T, TP_F64, tp_shape(4), at), true), *y = functions[_i].f(T, x);
    tp_tensor *edge = functions[_i].f(T, tp_from(T, TP_F64, tp_shape(2), (double[]){0, -1}));
    ck_no_error(T);
    ck_assert(tensors_close(y, tp_from(T, TP_F64, tp_shape(4), functions[_i].want), 1e-14, 1e-15));
    ck_assert(tensors_close(functions[_i].f(T, tp_to(T, x, TP_F32)), y, 1e-6, 1e-7));
    ck_assert(tensors_close(
        edge, tp_from(T, TP_F64, tp_shape(2), (double[]){functions[_i].at_zero, functions[_i].below}), 1e-14, 0));
    ck_assert(!tp_needs_grad(y));
    ck_assert_int_eq(tp_dtype_of(functions[_i].f(T, tp_ones(T, TP_I64, tp_shape(2)))), TP_F32);
    tp_tape_free(T);
}
END_TEST

START_TEST(real_numbers)
{
    tp_tape *T = tp_tape_new();
    const double v[] = {-2, -0.0, 0, 3, (double)NAN, -(double)INFINITY}, pi = 3.14159265358979323846;
    tp_tensor *x = tp_requires_grad(tp_from(T, TP_F64, tp_shape(6), v), true), *y = tp_angle(T, x);
    const double want[] = {pi, 0, 0, 0, (double)NAN, pi};
    ck_assert(tensors_identical(y, tp_from(T, TP_F64, tp_shape(6), want)));
    tp_backward(T, tp_sum(T, y));
    ck_values(tp_grad(x), 0, 0, 0, 0, 0, 0, 0);
    ck_values(tp_isreal(T, x), 0, 1, 1, 1, 1, 1, 1);
    ck_assert_int_eq(tp_dtype_of(tp_angle(T, tp_ones(T, TP_BOOL, TP_SCALAR))), TP_F32);
    ck_no_error(T);
    tp_tape_free(T);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("special");
    TCase *t = tcase_create("special");
    tcase_add_loop_test(t, bessel, 0, (int)LENGTH(functions));
    tcase_add_test(t, real_numbers);
    suite_add_tcase(suite, t);
    return run_suite(suite);
}
