/* test_linalg_lu.c - LU factorizations and what is made of them: residuals of many matrices, ill-conditioned ones, failures of one
 * of a batch, sizes at the edges, determinants over the range of the floats and their derivatives at singular matrices. */
#include "support/support.h"

#include <float.h>
#include <math.h>

static tp_tape *T;
static void setup(void) { T = tp_tape_new(); }
static void teardown(void)
{
    char message[200];
    ck_assert_msg(tp_tape_check(T, message, sizeof message) == TP_OK, "%s", message);
    tp_tape_free(T);
}

static double eps_of(tp_dtype dtype) { return dtype == TP_F32 ? (double)FLT_EPSILON : DBL_EPSILON; }

static double largest(tp_tensor *x)
{
    ck_no_error(T);
    return tp_numel(x) ? tp_item(tp_amax(T, tp_abs(T, tp_to(T, x, TP_F64)), 0, NULL, false)) : 0;
}

/* max |x - y| of each matrix over max |y| of it, the largest */
static double apart(tp_tensor *x, tp_tensor *y)
{
    const int last[2] = {-2, -1};
    ck_no_error(T);
    if (tp_numel(x) == 0)
        return 0;
    tp_tensor *d = tp_amax(T, tp_abs(T, tp_sub(T, tp_to(T, x, TP_F64), tp_to(T, y, TP_F64))), 2, last, false);
    tp_tensor *s = tp_amax(T, tp_abs(T, tp_to(T, y, TP_F64)), 2, last, false);
    return largest(tp_div(T, d, tp_clamp(T, s, DBL_MIN, (double)INFINITY)));
}

static tp_tensor *eye(tp_dtype dtype, int64_t n) { return tp_eye(T, dtype, n, n); }

/* ---- residuals: some 10,000 random matrices in all ---- */

static const struct {
    int64_t count, m, n;
} sizes[] = {{2000, 1, 1}, {2000, 2, 2},  {2000, 3, 3},  {1000, 5, 5}, {500, 8, 8}, {500, 9, 9}, {200, 16, 16},
             {50, 33, 33}, {8, 100, 100}, {1, 260, 260}, {2000, 2, 5}, {500, 7, 3}, {2, 130, 40}};

START_TEST(residuals)
{
    int64_t count = sizes[_i / 2].count, m = sizes[_i / 2].m, n = sizes[_i / 2].n;
    tp_dtype dtype = _i % 2 ? TP_F32 : TP_F64;
    double bound = 10 * (double)(m > n ? m : n) * eps_of(dtype);
    tp_manual_seed(T, 7);
    tp_tensor *a = tp_randn(T, dtype, tp_shape(count, m, n)), *p, *l, *u, *pivots, *info;
    ck_assert_int_eq(tp_linalg_lu(T, a, &p, &l, &u), TP_OK);
    double scale = largest(a), off = largest(tp_sub(T, tp_matmul(T, p, tp_matmul(T, l, u)), a));
    ck_assert_msg(off <= bound * scale, "P L U - A: %g of %g", off, scale);
    ck_assert(largest(l) <= 1); /* pivots are the largest of their columns */
    if (m != n)
        return;
    tp_tensor *lu = tp_linalg_lu_factor_ex(T, a, &pivots, &info), *b = tp_randn(T, dtype, tp_shape(count, n, 3));
    tp_tensor *x = tp_linalg_solve(T, a, b);
    off = largest(tp_div(T, tp_amax(T, tp_abs(T, tp_sub(T, tp_matmul(T, a, x), b)), 2, (const int[]){-2, -1}, false),
                         tp_amax(T, tp_abs(T, x), 2, (const int[]){-2, -1}, false)));
    ck_assert_msg(off <= bound * scale * (double)n, "A X - B: %g", off);
    tp_tensor *forms[4][2] = {{tp_linalg_lu_solve(T, lu, pivots, b, true, false), x},
                              {tp_linalg_lu_solve(T, lu, pivots, tp_mT(T, b), false, true), tp_mT(T, x)},
                              {tp_linalg_lu_solve(T, lu, pivots, b, true, true), tp_linalg_solve(T, tp_mT(T, a), b)},
                              {tp_linalg_lu_solve(T, lu, pivots, tp_mT(T, b), false, false),
                               tp_linalg_solve_ex(T, a, tp_mT(T, b), false, NULL)}};
    tp_tensor *inverse = tp_linalg_inv(T, a);
    /* forward errors go with the condition, which is estimated by |A| |A^-1| */
    tp_tensor *cond = tp_mul(T, tp_amax(T, tp_abs(T, a), 2, (const int[]){-2, -1}, true),
                             tp_amax(T, tp_abs(T, inverse), 2, (const int[]){-2, -1}, true));
    for (int k = 0; k < 4; k++) {
        tp_tensor *d = tp_div(T, tp_sub(T, forms[k][0], forms[k][1]), tp_mul_scalar(T, cond, (double)(n * n)));
        double size = apart(tp_add(T, d, forms[k][1]), forms[k][1]);
        ck_assert_msg(size <= 20 * bound, "form %d: %g", k, size);
    }
    off = largest(tp_div(T, tp_sub(T, tp_matmul(T, a, inverse), eye(dtype, n)), cond));
    ck_assert_msg(off <= bound * (double)n, "A A^-1 - 1: %g", off);
    if (dtype == TP_F32 && n > 16) /* determinants beyond the range */
        return;
    tp_tensor *det = tp_linalg_det(T, a), *logarithm, *sign = tp_linalg_slogdet(T, a, &logarithm);
    off = largest(tp_sub(T, tp_mul(T, sign, tp_exp(T, logarithm)), det)) / largest(det);
    ck_assert_msg(off <= 200 * bound, "sign e^log - det: %g", off);
}
END_TEST

START_TEST(symmetric)
{
    tp_dtype dtype = _i ? TP_F32 : TP_F64;
    for (int64_t n = 1; n < 70; n = 2 * n + 1) {
        tp_manual_seed(T, (uint64_t)n);
        tp_tensor *a = tp_randn(T, dtype, tp_shape(40, n, n)), *b = tp_randn(T, dtype, tp_shape(40, n, 2)), *pivots;
        a = tp_add(T, a, tp_mT(T, a));
        tp_tensor *ld = tp_linalg_ldl_factor(T, tp_tril(T, a, 0), &pivots), *x = tp_linalg_ldl_solve(T, ld, pivots, b);
        double off = largest(tp_sub(T, tp_matmul(T, a, x), b)), size = largest(x);
        ck_assert_msg(off <= 100 * (double)n * eps_of(dtype) * size, "n %lld: %g of %g", (long long)n, off, size);
        tp_tensor *spd = tp_add(T, tp_matmul(T, a, tp_mT(T, a)), eye(dtype, n));
        tp_tensor *l = tp_linalg_cholesky(T, spd), *u = tp_linalg_cholesky_ex(T, spd, true, NULL);
        double bound = 20 * (double)n * eps_of(dtype);
        ck_assert(apart(tp_matmul(T, l, tp_mT(T, l)), spd) <= bound);
        ck_assert(apart(tp_matmul(T, tp_mT(T, u), u), spd) <= bound);
        ck_assert(apart(tp_cholesky_solve(T, b, l, false), tp_cholesky_solve(T, b, u, true)) <= 1e4 * bound);
        ck_assert(apart(tp_matmul(T, tp_cholesky_inverse(T, l, false), spd),
                        tp_expand(T, eye(dtype, n), tp_shape(40, n, n))) <= 1e4 * bound);
    }
}
END_TEST

/* Hilbert matrices, condition 1e13 at order 10: what can be had is eps times that. Powers of two, and scales of 1e150 and
 * 1e-150, change no digit. */
START_TEST(ill_conditioned)
{
    const double scale[] = {1, 0x1p400, 0x1p-400, 1e150, 1e-150};
    for (int64_t n = 2; n <= 10; n++) {
        double h[100], cond = exp(3.5 * (double)n) * 4;
        for (int k = 0; k < 5; k++) {
            for (int64_t i = 0; i < n * n; i++)
                h[i] = scale[k] / (double)(i / n + i % n + 1);
            tp_tensor *a = tp_from(T, TP_F64, tp_shape(n, n), h), *x = tp_ones(T, TP_F64, tp_shape(n));
            tp_tensor *b = tp_mv(T, a, x), *got = tp_linalg_solve(T, a, b), *p, *l, *u;
            ck_assert(largest(tp_sub(T, got, x)) <= 10 * DBL_EPSILON * cond);
            tp_linalg_lu(T, a, &p, &l, &u);
            ck_assert(apart(tp_matmul(T, p, tp_matmul(T, l, u)), a) <= 10 * (double)n * DBL_EPSILON);
            tp_tensor *product = tp_matmul(T, tp_linalg_inv(T, a), a);
            ck_assert(largest(tp_sub(T, product, eye(TP_F64, n))) <= 10 * DBL_EPSILON * cond);
        }
    }
}
END_TEST

/* ---- failures ---- */

START_TEST(one_of_a_batch)
{
    const double v[12] = {2, 1, 1, 3, 1, 2, 2, 4, 4, 1, 1, 5}, s[12] = {2, 1, 1, 3, 1, 2, 2, 1, 4, 1, 1, 5};
    const int32_t want[3] = {0, 2, 0};
    tp_tensor *a = tp_from(T, TP_F64, tp_shape(3, 2, 2), v), *b = tp_ones(T, TP_F64, tp_shape(3, 2, 1)), *info[4], *p;
    tp_tensor *spd = tp_from(T, TP_F64, tp_shape(3, 2, 2), s);
    tp_tensor *one[4] = {tp_linalg_solve_ex(T, a, b, true, &info[0]), tp_linalg_inv_ex(T, a, &info[1]),
                         tp_linalg_lu_factor_ex(T, a, &p, &info[2]), tp_linalg_cholesky_ex(T, spd, false, &info[3])};
    ck_no_error(T);
    for (int k = 0; k < 4; k++)
        for (int i = 0; i < 3; i++) {
            ck_assert_int_eq((int)tp_item_at(info[k], i), want[i]);
            ck_assert(k > 1 || isfinite(tp_item_at(one[k], i * (k ? 4 : 2))) == (want[i] == 0));
        }
    ck_assert_ptr_null(tp_linalg_solve(T, a, b));
    ck_error(T, TP_ENUMERIC, "linalg_solve: matrix 1 of the batch is singular (pivot 2); a regular one is needed");
    ck_assert_ptr_null(tp_linalg_inv(T, a));
    ck_error(T, TP_ENUMERIC, "linalg_inv: matrix 1 of the batch is singular (pivot 2)");
    ck_assert_ptr_null(tp_linalg_lu_factor(T, a, &p));
    ck_error(T, TP_ENUMERIC, "linalg_lu_factor: matrix 1 of the batch is singular (pivot 2)");
    ck_assert_ptr_null(p);
    ck_assert_ptr_null(tp_linalg_cholesky(T, spd));
    ck_error(T, TP_ENUMERIC, "linalg_cholesky: matrix 1 of the batch is not positive definite (leading minor 2)");
    ck_assert_ptr_null(tp_linalg_inv(T, tp_zeros(T, TP_F64, tp_shape(2, 2))));
    ck_error(T, TP_ENUMERIC, "linalg_inv: A is singular (pivot 1)");
    /* of many, which are divided among threads, it is the first */
    tp_tensor *many = tp_contiguous(T, tp_expand(T, eye(TP_F64, 3), tp_shape(999, 3, 3)));
    double *at = tp_data(many);
    at[9 * 700] = at[9 * 431] = at[9 * 998] = 0;
    ck_assert_ptr_null(tp_linalg_inv(T, many));
    ck_error(T, TP_ENUMERIC, "linalg_inv: matrix 431 of the batch is singular (pivot 1)");
}
END_TEST

START_TEST(bad_arguments)
{
    tp_tensor *a = eye(TP_F64, 3), *b = tp_ones(T, TP_F64, tp_shape(3, 2)), *pivots, *p, *l, *u;
    tp_tensor *lu = tp_linalg_lu_factor(T, a, &pivots), *ld = tp_linalg_ldl_factor(T, a, &pivots);
    const int32_t bad[3] = {1, 4, 3}, half[3] = {-2, 2, 3};
    ck_no_error(T);
    ck_assert_ptr_null(tp_linalg_lu_solve(T, lu, tp_from(T, TP_I32, tp_shape(3), bad), b, true, false));
    ck_error(T, TP_EINVAL, "linalg_lu_solve: a pivot is 4; 1 to 3 is needed");
    ck_assert_ptr_null(tp_linalg_ldl_solve(T, ld, tp_from(T, TP_I32, tp_shape(3), half), b));
    ck_error(T, TP_EINVAL, "linalg_ldl_solve: the pivots of matrix 0 are none");
    ck_assert_ptr_null(tp_linalg_lu_solve(T, lu, tp_ones(T, TP_F32, tp_shape(3)), b, true, false));
    ck_error(T, TP_EDTYPE, "linalg_lu_solve: the pivots are float32; int32 is needed");
    ck_assert_ptr_null(tp_linalg_det(T, b));
    ck_error(T, TP_ESHAPE, "linalg_det: A is [3, 2]; [..., n, n] is needed");
    tp_linalg_solve_ex(T, eye(TP_F64, 3), tp_ones(T, TP_F64, tp_shape(3)), false, NULL);
    ck_error(T, TP_ESHAPE, "linalg_solve_ex: A is [3, 3], B is [3], which are vectors");
    tp_linalg_solve_ex(T, tp_zeros(T, TP_F64, tp_shape(2, 3, 3)), tp_ones(T, TP_F64, tp_shape(2, 3)), false, NULL);
    ck_error(T, TP_ESHAPE, "linalg_solve_ex: A is [2, 3, 3], B is [2, 3], which are vectors");
    ck_assert_ptr_null(tp_linalg_inv(T, tp_ones(T, TP_I64, tp_shape(2, 2))));
    ck_error(T, TP_EDTYPE, "linalg_inv: A is int64; float32 or float64 is needed");
    ck_assert_int_eq(tp_linalg_lu(T, tp_ones(T, TP_F64, tp_shape(2)), &p, &l, &u), TP_ESHAPE);
    ck_error(T, TP_ESHAPE, "linalg_lu: A is [2]; [..., m, n] is needed");
    ck_assert_ptr_null(p);
}
END_TEST

START_TEST(nothing_in_them)
{
    tp_tensor *none = tp_zeros(T, TP_F64, tp_shape(0, 0)), *batch = tp_zeros(T, TP_F64, tp_shape(0, 3, 3)), *logarithm;
    ck_assert_double_eq(tp_item(tp_linalg_det(T, none)), 1);
    ck_assert_double_eq(tp_item(tp_linalg_slogdet(T, none, &logarithm)), 1);
    ck_assert_double_eq(tp_item(logarithm), 0);
    ck_assert_int_eq((int)tp_numel(tp_linalg_inv(T, none)), 0);
    ck_assert_int_eq((int)tp_size(tp_linalg_inv(T, batch), 1), 3);
    ck_assert_int_eq((int)tp_size(tp_linalg_det(T, batch), 0), 0);
    tp_tensor *p, *l, *u;
    ck_assert_int_eq(tp_linalg_lu(T, tp_zeros(T, TP_F64, tp_shape(0, 3)), &p, &l, &u), TP_OK);
    ck_assert_int_eq((int)tp_size(u, 1), 3);
    ck_assert_int_eq((int)tp_size(p, 0), 0);
    ck_no_error(T);
}
END_TEST

/* ---- determinants ---- */

static tp_tensor *diagonal(double a, double b, double c)
{
    return tp_diag(T, tp_from(T, TP_F64, tp_shape(3), (const double[]){a, b, c}), 0);
}

START_TEST(range_of_determinants)
{
    const double of[][4] = {{1e200, 1e-200, 3, 3},           {1e300, 1e300, 1e-300, 1e300},
                            {1e-200, 1e-200, 1e300, 1e-100}, {-1e300, 1e300, 1, -(double)INFINITY},
                            {1e-300, 1e-300, 1, 0},          {0, 5, 1, 0}};
    tp_tensor *logarithm;
    for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
        double got = tp_item(tp_linalg_det(T, diagonal(of[i][0], of[i][1], of[i][2]))), want = of[i][3];
        ck_assert_msg(got == want || fabs(got / want - 1) < 1e-15, "%zu: %g, %g is right", i, got, want);
    }
    ck_assert_double_eq(tp_item(tp_linalg_slogdet(T, diagonal(-1e300, 1e300, 1), &logarithm)), -1);
    ck_assert(fabs(tp_item(logarithm) / (600 * log(10)) - 1) < 1e-15);
    ck_assert(isnan(tp_item(tp_logdet(T, diagonal(-1, 1, 1)))));
    ck_assert(isnan(tp_item(tp_linalg_det(T, diagonal((double)NAN, 1, 1)))));
    ck_no_error(T);
}
END_TEST

/* Of rank n - 1 the cofactors are a matrix of rank one, of lower rank 0; second derivatives are minors. */
START_TEST(slopes_at_singular_matrices)
{
    const double v[9] = {1, 2, 3, 4, 5, 6, 7, 8, 9}, cofactors[9] = {-3, 6, -3, 6, -12, 6, -3, 6, -3};
    for (int k = 0; k < 4; k++) {
        tp_dtype dtype = k % 2 ? TP_F32 : TP_F64;
        tp_tensor *a = tp_requires_grad(tp_to(T, tp_from(T, TP_F64, tp_shape(3, 3), v), dtype), true), *g, *gg;
        a = tp_requires_grad(tp_detach(T, a), true);
        tp_tensor *det = tp_linalg_det(T, a);
        tp_gradients(T, 1, &det, 1, &a, &g, &(tp_gradients_options){.create_graph = k / 2});
        ck_no_error(T);
        for (int i = 0; i < 9; i++)
            ck_assert_msg(fabs(tp_item_at(g, i) - cofactors[i]) < 1e3 * eps_of(dtype), "%d: %g", i, tp_item_at(g, i));
        if (k / 2 == 0)
            continue;
        tp_tensor *first = tp_select(T, tp_select(T, g, 0, 0), 0, 0); /* a11 a22 - a12 a21 */
        const double minor[9] = {0, 0, 0, 0, 9, -8, 0, -6, 5};
        tp_gradients(T, 1, &first, 1, &a, &gg, NULL);
        ck_no_error(T);
        for (int i = 0; i < 9; i++)
            ck_assert_msg(fabs(tp_item_at(gg, i) - minor[i]) < 1e3 * eps_of(dtype), "%d: %g", i, tp_item_at(gg, i));
    }
    tp_tensor *zero = tp_requires_grad(tp_zeros(T, TP_F64, tp_shape(3, 3)), true);
    tp_backward(T, tp_linalg_det(T, zero));
    ck_no_error(T);
    ck_assert(largest(tp_grad(zero)) == 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("linalg_lu");
    TCase *t = tcase_create("lu");
    tcase_set_timeout(t, 120);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, residuals, 0, 2 * (int)LENGTH(sizes));
    tcase_add_loop_test(t, symmetric, 0, 2);
    tcase_add_test(t, ill_conditioned);
    tcase_add_test(t, one_of_a_batch);
    tcase_add_test(t, bad_arguments);
    tcase_add_test(t, nothing_in_them);
    tcase_add_test(t, range_of_determinants);
    tcase_add_test(t, slopes_at_singular_matrices);
    suite_add_tcase(suite, t);
    return run_suite(suite);
}
