/* test_math.c - the vectorized functions against libm in double: errors in units in the last place. */
#include "support/support.h"

#include <float.h>

typedef tp_tensor *(*fn)(tp_tape *, tp_tensor *);

static double sigmoid(double x) { return x < 0 ? exp(x) / (1 + exp(x)) : 1 / (1 + exp(-x)); }

static double gelu(double x) { return 0.5 * x * erfc(-x / sqrt(2.0)); }

static const struct {
    const char *name;
    fn ours;
    double (*truth)(double);
    double low, high, ulp;
} functions[] = {
    {"exp", tp_exp, exp, -105, 90, 2},
    {"log", tp_log, log, 0, 1e38, 2},
    {"log near 1", tp_log, log, 0.5, 2, 2},
    {"log1p", tp_log1p, log1p, -1, 50, 2},
    {"log1p near 0", tp_log1p, log1p, -0.01, 0.01, 2},
    {"tanh", tp_tanh, tanh, -12, 12, 2},
    {"tanh near 0", tp_tanh, tanh, -1, 1, 2},
    {"sigmoid", tp_sigmoid, sigmoid, -104, 30, 2},
    {"sin", tp_sin, sin, -50, 50, 2},
    {"sin far", tp_sin, sin, -3e5, 3e5, 2},
    {"cos", tp_cos, cos, -50, 50, 2},
    {"cos far", tp_cos, cos, -3e5, 3e5, 2},
    {"erf", tp_erf, erf, -5, 5, 4},
    {"erf near 0", tp_erf, erf, -1, 1, 4},
    {"gelu", tp_gelu, gelu, -14, 14, 4},
    {"gelu near 0", tp_gelu, gelu, -1, 1, 4},
};

static double ulps(float got, double want)
{
    float w = (float)want;
    if (got == w || (isnan(got) && isnan(w)))
        return 0;
    int e;
    frexp(want, &e);
    double unit = ldexp(1, (e < -125 ? -125 : e) - 24);
    return fabs((double)got - want) / unit;
}

START_TEST(accuracy)
{
    enum { N = 200000 };
    tp_tape *T = tp_tape_new();
    tp_tensor *x = tp_linspace(T, TP_F32, functions[_i].low, functions[_i].high, N), *y = functions[_i].ours(T, x);
    double worst = 0, at = 0;
    ck_no_error(T);
    for (int64_t i = 0; i < N; i++) {
        double v = tp_item_at(x, i), off = ulps((float)tp_item_at(y, i), functions[_i].truth(v));
        if (!(off <= worst)) {
            worst = off;
            at = v;
        }
    }
    ck_assert_msg(worst <= functions[_i].ulp, "%s is %.2f ulp off at %.9g", functions[_i].name, worst, at);
    tp_tape_free(T);
}
END_TEST

START_TEST(special_values)
{
    const float odd[] = {0.0f,   -0.0f,   INFINITY, -INFINITY, NAN,    FLT_MIN, -FLT_MIN, 1e-45f,  -1e-45f,
                         3e-39f, FLT_MAX, -FLT_MAX, 88.72284f, 88.73f, -87.4f,  -103.9f,  -104.1f, 1e10f};
    tp_tape *T = tp_tape_new();
    tp_tensor *x = tp_from(T, TP_F32, tp_shape((int64_t)LENGTH(odd)), odd), *y = functions[_i].ours(T, x);
    for (size_t i = 0; i < LENGTH(odd); i++) {
        float got = (float)tp_item_at(y, (int64_t)i), want = (float)functions[_i].truth((double)odd[i]);
        ck_assert_msg(ulps(got, functions[_i].truth((double)odd[i])) <= functions[_i].ulp &&
                          isinf(got) == isinf(want) && isnan(got) == isnan(want) &&
                          (isnan(want) || signbit(got) == signbit(want)),
                      "%s(%.9g) is %.9g, not %.9g", functions[_i].name, (double)odd[i], (double)got, (double)want);
    }
    tp_tape_free(T);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("math");
    TCase *t = tcase_create("math");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, accuracy, 0, (int)LENGTH(functions));
    tcase_add_loop_test(t, special_values, 0, (int)LENGTH(functions));
    suite_add_tcase(suite, t);
    return run_suite(suite);
}
