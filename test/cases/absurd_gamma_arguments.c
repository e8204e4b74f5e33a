/* Huge orders of polygamma and mvlgamma, and arguments far out: an answer or an error, at once. The answers of trigamma just
 * left of 0, which are 1 / x^2 (they were 1e30 and more too small), and log gamma at 1 and 2, which is 0. */
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <tapir.h>
#include <unistd.h>

static int bad;

static void check(tp_tape *T, const char *what, double at, double got, double want)
{
    if (!(fabs(got - want) <= 1e-11 * fabs(want)) && !(isinf(want) && got == want)) {
        printf("%s at %g: %.17g, %.17g is right%s%s\n", what, at, got, want, tp_error(T) ? ": " : "", tp_error(T) ? tp_error(T) : "");
        bad++;
    }
    tp_clear_error(T);
}

int main(void)
{
    const double at[] = {2.5, 0.1, -0.5, -50.3, 1e-3, 1e3, 1e5, 1e10, -1e5 - 0.5, 1e300, 5e-324, 300, -1e15 - 0.5};
    const int order[] = {0, 1, 2, 3, 10, 170, 171, 1000, 100000, INT_MAX};
    tp_tape *T = tp_tape_new();
    alarm(20);
    for (unsigned k = 0; k < sizeof order / sizeof *order; k++)
        for (unsigned i = 0; i < sizeof at / sizeof *at; i++) {
            tp_tensor *x = tp_requires_grad(tp_scalar(T, TP_F64, at[i]), true), *y = tp_polygamma(T, order[k], x), *g;
            tp_gradients(T, 1, &y, 1, &x, &g, NULL);
            if (!tp_error(T) && isnan(tp_item(y))) {
                printf("polygamma(%d, %g) is NaN\n", order[k], at[i]);
                bad++;
            }
            tp_clear_error(T);
            tp_zeta(T, tp_scalar(T, TP_F64, (double)order[k] + 1), x);
            tp_clear_error(T);
        }
    /* sums of k! / (x + j)^(k + 1), to 50 digits */
    check(T, "polygamma(10)", 2.5, tp_item(tp_polygamma(T, 10, tp_scalar(T, TP_F64, 2.5))), -156.22959659323299);
    check(T, "polygamma(150)", 1e3, tp_item(tp_polygamma(T, 150, tp_scalar(T, TP_F64, 1e3))), -4.1017783919253753e-190);
    check(T, "polygamma(1000)", 300, tp_item(tp_polygamma(T, 1000, tp_scalar(T, TP_F64, 300))), -1.0521717652801775e+88);
    const double left[] = {-1e-10, -1e-16, -1e-20, -1e-45};
    for (int i = 0; i < 4; i++) {
        tp_tensor *x = tp_requires_grad(tp_scalar(T, TP_F64, left[i]), true), *y = tp_digamma(T, x), *g;
        tp_gradients(T, 1, &y, 1, &x, &g, NULL);
        check(T, "trigamma", left[i], tp_item(tp_polygamma(T, 1, x)), 1 / left[i] / left[i]);
        check(T, "the slope of digamma", left[i], tp_item(g), 1 / left[i] / left[i]);
    }
    for (int i = 0; i < 4; i++) {
        tp_dtype d = i % 2 ? TP_F64 : TP_F32;
        check(T, "lgamma", 1 + i / 2, tp_item(tp_lgamma(T, tp_scalar(T, d, 1 + i / 2))), 0);
    }
    if (tp_mvlgamma(T, tp_full(T, TP_F64, tp_shape(4), 3e9), INT_MAX) || tp_error_status(T) != TP_EINVAL) {
        printf("mvlgamma of p = INT_MAX is not refused\n");
        bad++;
    }
    tp_tape_free(T);
    return bad != 0;
}
