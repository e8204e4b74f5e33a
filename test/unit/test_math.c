/* test_math.c - the elementwise functions against libm in long double: errors in units in the last place, in both
 * precisions; powers, angles and rests of division. test/rules/isa.sh runs it for each set of instructions. */
#include "support/support.h"

#include "core/core.h"

#include <float.h>

typedef tp_tensor *(*fn)(tp_tape *, tp_tensor *);
typedef tp_tensor *(*fn2)(tp_tape *, tp_tensor *, tp_tensor *);
typedef long double real;

static real sigmoid(real x) { return x < 0 ? expl(x) / (1 + expl(x)) : 1 / (1 + expl(-x)); }
static real gelu(real x)
{
    return isinf(x) && x < 0 ? -0.0L : 0.5L * x * erfcl(-x * 0.707106781186547524400844362104849039L);
}
static real softplus(real x) { return x > 20 ? x : log1pl(expl(x)); }
static real log_sigmoid(real x) { return (x < 0 ? x : 0) - log1pl(expl(-fabsl(x))); }

/* Bounds in ulp for float32 and float64, and for libm's, which does the work in the set without fused multiply-add. */
static const struct {
    const char *name;
    fn ours;
    real (*truth)(real);
    double low, high, ulp[2], libm;
} functions[] = {
    {"exp", tp_exp, expl, -745, 710, {2, 2}, 2},
    {"exp2", tp_exp2, exp2l, -1074, 1024, {1, 2}, 2},
    {"expm1", tp_expm1, expm1l, -40, 90, {1, 2}, 2},
    {"expm1 near 0", tp_expm1, expm1l, -1, 1, {1, 2}, 2},
    {"log", tp_log, logl, 0, 1e38, {2, 1}, 2},
    {"log near 1", tp_log, logl, 0.5, 2, {2, 1}, 2},
    {"log2", tp_log2, log2l, 0.5, 3, {2, 1}, 2},
    {"log10", tp_log10, log10l, 0.5, 3, {2, 1}, 2},
    {"log1p", tp_log1p, log1pl, -1, 50, {2, 1}, 2},
    {"log1p near 0", tp_log1p, log1pl, -0.01, 0.01, {2, 1}, 2},
    {"tanh", tp_tanh, tanhl, -12, 12, {2, 2}, 3},
    {"tanh near 0", tp_tanh, tanhl, -1, 1, {2, 2}, 3},
    {"sinh", tp_sinh, sinhl, -30, 30, {1, 2}, 3},
    {"sinh near 0", tp_sinh, sinhl, -1, 1, {1, 2}, 3},
    {"cosh", tp_cosh, coshl, -30, 30, {1, 2}, 3},
    {"asinh", tp_asinh, asinhl, -4, 4, {1, 1.5}, 3},
    {"acosh", tp_acosh, acoshl, 1, 4, {1, 1.5}, 3},
    {"atanh", tp_atanh, atanhl, -1, 1, {1, 1}, 3},
    {"sigmoid", tp_sigmoid, sigmoid, -740, 30, {2, 2}, 3},
    {"sigmoid near 0", tp_sigmoid, sigmoid, -10, 10, {2, 2}, 3},
    {"softplus", tp_softplus, softplus, -20, 21, {2, 2}, 3},
    {"log_sigmoid", tp_log_sigmoid, log_sigmoid, -20, 20, {2, 2}, 3},
    {"sin", tp_sin, sinl, -50, 50, {2, 1}, 2},
    {"sin far", tp_sin, sinl, -3e5, 3e5, {2, 1}, 2},
    {"sin very far", tp_sin, sinl, -3e9, 3e9, {2, 1}, 2},
    {"cos", tp_cos, cosl, -50, 50, {2, 1}, 2},
    {"cos far", tp_cos, cosl, -3e5, 3e5, {2, 1}, 2},
    {"cos very far", tp_cos, cosl, -3e9, 3e9, {2, 1}, 2},
    {"tan", tp_tan, tanl, -50, 50, {1, 1.5}, 2},
    {"tan very far", tp_tan, tanl, -3e9, 3e9, {1.5, 1.5}, 2},
    {"asin", tp_asin, asinl, -1, 1, {1, 2}, 2},
    {"acos", tp_acos, acosl, -1, 1, {1, 2}, 2},
    {"atan", tp_atan, atanl, -4, 4, {2, 1}, 2},
    {"erf", tp_erf, erfl, -6, 6, {4, 2}, 4},
    {"erf near 0", tp_erf, erfl, -1, 1, {4, 2}, 4},
    {"erfc", tp_erfc, erfcl, -6, 27, {1, 4}, 5},
    {"gelu", tp_gelu, gelu, -14, 14, {4, 4}, 20},
    {"gelu near 0", tp_gelu, gelu, -1, 1, {4, 4}, 20},
};

/* In the type's own rounding: 24 bits from 2^-125 on, or 53 from 2^-1021 on. */
static double ulps(tp_dtype dtype, double got, real want)
{
    double rounded = dtype == TP_F32 ? (double)(float)want : (double)want;
    int e, digits = dtype == TP_F32 ? 24 : 53, lowest = dtype == TP_F32 ? -125 : -1021;
    if (got == rounded || (isnan(got) && isnan(rounded)))
        return 0;
    frexpl(want, &e);
    return (double)(fabsl((real)got - want) / ldexpl(1, (e < lowest ? lowest : e) - digits));
}

static double bound_of(int function, tp_dtype dtype)
{
    double bound = functions[function].ulp[dtype == TP_F64];
    return tp__cpu_isa() == TP__ISA_BASE ? fmax(bound, functions[function].libm) : bound;
}

/* The loops run over functions and the two dtypes. */
static tp_dtype dtype_of(int i) { return i % 2 ? TP_F64 : TP_F32; }

START_TEST(accuracy)
{
    enum { N = 50000 };
    int f = _i / 2;
    tp_dtype dtype = dtype_of(_i);
    tp_tape *T = tp_tape_new();
    tp_tensor *x = tp_linspace(T, dtype, functions[f].low, functions[f].high, N), *y = functions[f].ours(T, x);
    double worst = 0, at = 0;
    ck_no_error(T);
    for (int64_t i = 0; i < N; i++) {
        double v = tp_item_at(x, i), off = ulps(dtype, tp_item_at(y, i), functions[f].truth((real)v));
        if (!(off <= worst)) {
            worst = off;
            at = v;
        }
    }
    ck_assert_msg(worst <= bound_of(f, dtype), "%s is %.2f ulp off at %.17g in %s", functions[f].name, worst, at,
                  tp_dtype_name(dtype));
    tp_tape_free(T);
}
END_TEST

/* The sign of what underflows is left open: it may have come from a difference. */
static bool same_sign(double got, real truth)
{
    return isnan(truth) || (signbit(got) != 0) == (signbit(truth) != 0) || (got == 0 && truth != 0);
}

START_TEST(special_values)
{
    const double odd[] = {0.0,    -0.0,     INFINITY, -INFINITY, NAN,   FLT_MIN,   -FLT_MIN, 1e-45,  -1e-45, 3e-39,
                          1.0,    -1.0,     0.5,      -0.5,      2.0,   88.72284f, 88.73f,   -87.4f, -103.9, -104.1,
                          1e10,   -FLT_MAX, FLT_MAX,  DBL_MAX,   709.7, 709.8,     -DBL_MAX, -708.5, -745.1, -745.2,
                          5e-324, -5e-324,  1e-310,   DBL_MIN,   26.5,  27.3,      -1e-300,  1e300,  38.5,   -38.5};
    int f = _i / 2;
    tp_dtype dtype = dtype_of(_i);
    tp_tape *T = tp_tape_new();
    tp_tensor *x = tp_to(T, tp_from(T, TP_F64, tp_shape((int64_t)LENGTH(odd)), odd), dtype),
              *y = functions[f].ours(T, x);
    for (int64_t i = 0; i < (int64_t)LENGTH(odd); i++) {
        double at = tp_item_at(x, i), got = tp_item_at(y, i);
        real truth = functions[f].truth((real)at);
        double want = dtype == TP_F32 ? (double)(float)truth : (double)truth;
        ck_assert_msg((ulps(dtype, got, truth) <= bound_of(f, dtype) || (isinf(got) && fabs(want) == DBL_MAX)) &&
                          isnan(got) == isnan(want) && same_sign(got, truth),
                      "%s(%.17g) is %.17g, not %.17g in %s", functions[f].name, at, got, want, tp_dtype_name(dtype));
    }
    tp_tape_free(T);
}
END_TEST

/* ---- two operands ------------------------------------------------------------------------------------------- */

static real remainder_of(real x, real y)
{
    real r = fmodl(x, y);
    return r != 0 && (r < 0) != (y < 0) ? (real)((double)r + (double)y) : r;
}

static real floor_of(real x, real y)
{
    real rest = fmodl(x, y), q = (x - rest) / y, whole = rest != 0 && (rest < 0) != (y < 0) ? q - 1 : q;
    return y == 0 ? x / y : isnan(rest) ? (real)NAN : whole == 0 ? copysignl(0, x / y) : whole;
}

static const struct {
    const char *name;
    fn2 ours;
    real (*truth)(real, real);
    double ulp[2];
} pairs[] = {
    {"pow", tp_pow, powl, {2, 2}},
    {"atan2", tp_atan2, atan2l, {2, 2}},
    {"hypot", tp_hypot, hypotl, {1, 1.5}},
    {"fmod", tp_fmod, fmodl, {0.5, 0.5}},
    {"remainder", tp_remainder, remainder_of, {1, 1}},
    {"floor_divide", tp_floor_divide, floor_of, {0.5, 0.5}},
};

static void check_pairs(int f, tp_dtype dtype, tp_tape *T, tp_tensor *x, tp_tensor *y)
{
    tp_tensor *z = pairs[f].ours(T, x, y);
    ck_no_error(T);
    for (int64_t i = 0; i < tp_numel(z); i++) {
        double a = tp_item_at(x, i), b = tp_item_at(y, i), got = tp_item_at(z, i);
        real truth = pairs[f].truth((real)a, (real)b);
        double want = dtype == TP_F32 ? (double)(float)truth : (double)truth;
        ck_assert_msg(ulps(dtype, got, truth) <= pairs[f].ulp[dtype == TP_F64] && isnan(got) == isnan(want) &&
                          same_sign(got, truth),
                      "%s(%.17g, %.17g) is %.17g, not %.17g in %s", pairs[f].name, a, b, got, want,
                      tp_dtype_name(dtype));
    }
}

START_TEST(pairs_of_any_size)
{
    enum { N = 20000 };
    tp_dtype dtype = dtype_of(_i);
    tp_tape *T = tp_tape_new();
    tp_manual_seed(T, 1);
    tp_tensor *x = tp_exp(T, tp_mul_scalar(T, tp_randn(T, dtype, tp_shape(N)), 4));
    tp_tensor *y = tp_mul_scalar(T, tp_randn(T, dtype, tp_shape(N)), 5);
    check_pairs(_i / 2, dtype, T, x, y);
    if (pairs[_i / 2].ours != tp_pow)
        check_pairs(_i / 2, dtype, T, tp_neg(T, x), y);
    tp_tape_free(T);
}
END_TEST

START_TEST(pairs_of_special_values)
{
    static const double odd[] = {0.0, -0.0, 1,  -1,  INFINITY, -INFINITY, NAN,   2,
                                 -2,  3,    -3, 0.5, -0.5,     -2.5,      1e-30, 1e30};
    enum { N = (int)LENGTH(odd) };
    double a[N * N], b[N * N];
    tp_dtype dtype = dtype_of(_i);
    tp_tape *T = tp_tape_new();
    for (int i = 0; i < N * N; i++) {
        a[i] = odd[i / N];
        b[i] = odd[i % N];
    }
    check_pairs(_i / 2, dtype, T, tp_to(T, tp_from(T, TP_F64, tp_shape(N * N), a), dtype),
                tp_to(T, tp_from(T, TP_F64, tp_shape(N * N), b), dtype));
    tp_tape_free(T);
}
END_TEST

/* What is taken of the bits of a float: the number next to it, its mantissa, exponent and sign. */
START_TEST(bits_of_floats)
{
    static const double odd[] = {0.0,       -0.0,     1,         -1,       INFINITY, -INFINITY, NAN,      0x1p-149,
                                 -0x1p-149, 0x1p-126, -0x1p-126, 3e-39,    -3e-39,   FLT_MAX,   -FLT_MAX, 0x1p-1074,
                                 -1e-310,   DBL_MIN,  DBL_MAX,   -DBL_MAX, 0.75,     -6.5e10};
    enum { N = (int)LENGTH(odd) };
    tp_dtype dtype = _i ? TP_F64 : TP_F32;
    tp_tape *T = tp_tape_new();
    tp_tensor *x = tp_to(T, tp_from(T, TP_F64, tp_shape(N, 1), odd), dtype), *y = tp_reshape(T, x, tp_shape(1, N)), *e;
    tp_tensor *next = tp_nextafter(T, x, y), *m = tp_frexp(T, x, &e), *sign = tp_signbit(T, x);
    for (int i = 0; i < N * N; i++) {
        double a = tp_item_at(x, i / N), b = tp_item_at(y, i % N), got = tp_item_at(next, i);
        double want = dtype == TP_F32 ? (double)nextafterf((float)a, (float)b) : nextafter(a, b);
        ck_assert_msg(isnan(want) ? isnan(got) : got == want && (signbit(got) != 0) == (signbit(want) != 0),
                      "from %.17g towards %.17g: %.17g, not %.17g", a, b, got, want);
    }
    for (int i = 0; i < N; i++) {
        int exponent = 0;
        double a = tp_item_at(x, i), got = tp_item_at(m, i), want = frexp(a, &exponent);
        ck_assert(isnan(want) ? isnan(got) : got == want && (signbit(got) != 0) == (signbit(want) != 0));
        ck_assert(tp_item_at(e, i) == (isfinite(a) ? exponent : 0));
        ck_assert(isnan(a) || (tp_item_at(sign, i) != 0) == (signbit(a) != 0));
    }
    ck_no_error(T);
    tp_tape_free(T);
}
END_TEST

/* The functions with two ways: the same bits wherever the argument lies in a tensor, and whatever lies beside it. */
START_TEST(sides)
{
    static const fn functions_of[] = {tp_bessel_j0, tp_bessel_j1, tp_bessel_y0, tp_bessel_y1, tp_i0e, tp_i1e};
    enum { N = 1000 };
    tp_tape *T = tp_tape_new();
    tp_dtype dtype = dtype_of(_i);
    tp_tensor *x = tp_linspace(T, dtype, 0.01, 20, N), *y = functions_of[_i / 2](T, x);
    for (int i = 0; i < N; i++)
        ck_assert(tp_item_at(y, i) == tp_item(functions_of[_i / 2](T, tp_scalar(T, dtype, tp_item_at(x, i)))));
    ck_no_error(T);
    tp_tape_free(T);
}
END_TEST

/* Numbers as exponents, some of which have short ways. */
START_TEST(powers_by_numbers)
{
    static const double exponents[] = {3, 0.5, -0.5, -1, -2, 1, 0, 1.3, -7};
    enum { N = 1000 };
    tp_dtype dtype = dtype_of(_i);
    double exponent = exponents[_i / 2];
    tp_tape *T = tp_tape_new();
    tp_tensor *x = tp_linspace(T, dtype, 0.01, 20, N), *y = tp_pow_scalar(T, x, exponent);
    for (int64_t i = 0; i < N; i++) {
        double v = tp_item_at(x, i),
               off = ulps(dtype, tp_item_at(y, i),
                          powl((real)v, dtype == TP_F32 ? (real)(float)exponent : (real)exponent));
        ck_assert_msg(off <= 2, "%.17g to the power %g is %.2f ulp off", v, exponent, off);
    }
    tp_tape_free(T);
}
END_TEST

/* PyTorch's choices where a formula says nothing. */
START_TEST(edges)
{
    tp_tape *T = tp_tape_new();
    const float values[] = {1, NAN, 3};
    tp_tensor *truth = tp_gt(T, tp_ones(T, TP_F32, tp_shape(2)), tp_zeros(T, TP_F32, tp_shape(2)));
    ck_assert_ptr_null(tp_sub(T, truth, tp_ones(T, TP_F32, tp_shape(2))));
    ck_error(T, TP_EDTYPE, "booleans have no difference");
    ck_assert_ptr_null(tp_sub_scalar(T, truth, 1));
    ck_error(T, TP_EDTYPE, "logical_xor");
    ck_assert_ptr_null(tp_rsub_scalar(T, truth, 1));
    ck_error(T, TP_EDTYPE, "rsub");
    ck_assert(isnan(tp_item(tp_clamp(T, tp_scalar(T, TP_F32, 2), (double)NAN, INFINITY))));

    tp_tensor *x = tp_requires_grad(tp_from(T, TP_F32, tp_shape(3), values), true);
    tp_backward(T, tp_max(T, x));
    for (int i = 0; i < 3; i++)
        ck_assert(tp_item_at(tp_grad(x), i) == 0);
    tp_zero_grad(x);
    tp_backward(T, tp_linalg_vector_norm(T, x, INFINITY, 0, NULL, false));
    ck_assert(tp_item_at(tp_grad(x), 0) == 0 && tp_item_at(tp_grad(x), 2) == 0);

    tp_tensor *tiny = tp_requires_grad(tp_scalar(T, TP_F32, 1e-30), true);
    tp_backward(T, tp_sinc(T, tiny));
    ck_assert_double_eq_tol(tp_item(tp_grad(tiny)) * 1e30, -3.2898681336964528, 1e-5);
    tp_tensor *w = tp_ones(T, TP_F32, tp_shape(3)), *two = tp_full(T, TP_F32, tp_shape(2, 3), 2);
    tp_tensor *y = tp_linear(T, two, w, tp_scalar(T, TP_F32, 1));
    ck_assert(tp_ndim(y) == 1 && tp_item_at(y, 1) == 7);
    ck_no_error(T);
    tp_tape_free(T);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("math");
    TCase *t = tcase_create("math");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, accuracy, 0, 2 * (int)LENGTH(functions));
    tcase_add_loop_test(t, special_values, 0, 2 * (int)LENGTH(functions));
    tcase_add_loop_test(t, pairs_of_any_size, 0, 2 * (int)LENGTH(pairs));
    tcase_add_loop_test(t, pairs_of_special_values, 0, 2 * (int)LENGTH(pairs));
    tcase_add_loop_test(t, powers_by_numbers, 0, 18);
    tcase_add_loop_test(t, bits_of_floats, 0, 2);
    tcase_add_loop_test(t, sides, 0, 12);
    tcase_add_test(t, edges);
    suite_add_tcase(suite, t);
    return run_suite(suite);
}
