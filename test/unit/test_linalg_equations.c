/* test_linalg_equations.c - equations between matrices, and functions of them: residuals on many matrices and on badly
 * conditioned families, values by mpmath 1.2 with 60 digits, derivatives where eigenvalues are equal or nearly so, what has no
 * solution. */
#include "support/support.h"

#include <float.h>

static double unit_of(tp_dtype dtype) { return dtype == TP_F32 ? (double)FLT_EPSILON : DBL_EPSILON; }

static tp_tensor *mT(tp_tape *T, tp_tensor *x) { return tp_transpose(T, x, -2, -1); }

static double largest(tp_tape *T, tp_tensor *x)
{
    double most = tp_numel(x) == 0 ? 0 : tp_item(tp_amax(T, tp_abs(T, x), 0, NULL, false));
    ck_no_error(T);
    return most;
}

static tp_tensor *matrix(tp_tape *T, int64_t m, int64_t n, const double *v)
{
    return tp_from(T, TP_F64, tp_shape(m, n), v);
}

/* The sum of these is `want`, to so many units of the largest of them. */
static void ck_sum(tp_tape *T, double units, tp_tensor *want, int n, tp_tensor **parts, const char *what)
{
    double size = largest(T, want);
    tp_tensor *sum = tp_neg(T, want);
    for (int i = 0; i < n; i++) {
        sum = tp_add(T, sum, parts[i]);
        size = fmax(size, largest(T, parts[i]));
    }
    double off = largest(T, sum) / (size > 0 ? size : 1);
    ck_assert_msg(off <= units * unit_of(tp_dtype_of(want)), "%s: off by %g", what, off);
}

/* ---- families of matrices ------------------------------------------------------------------------------------------- */

enum { PLAIN, LARGE, SMALL, NEARLY_EQUAL, DEFECTIVE, FAMILIES };
static const char *const family_names[] = {"random", "1e150", "1e-150", "eigenvalues 1e-8 apart", "defective"};

/* Eigenvalues near 1, or a little more than 1 for the last families, so that equations are far from singular. */
static tp_tensor *member(tp_tape *T, int family, tp_dtype dtype, int64_t n)
{
    double scale = dtype == TP_F64 ? 1e150 : 1e15;
    tp_tensor *unit = tp_eye(T, dtype, n, n),
              *q = tp_linalg_qr(T, tp_randn(T, dtype, tp_shape(n, n)), TP_QR_REDUCED, NULL);
    if (family >= NEARLY_EQUAL) {
        tp_tensor *d = tp_add_scalar(
            T, tp_mul_scalar(T, tp_arange(T, TP_F64, 0, (double)n, 1), family == DEFECTIVE ? 0 : 1e-8), 1.5);
        tp_tensor *t = tp_add(T, tp_diag_embed(T, tp_to(T, d, dtype), 0, -2, -1),
                              tp_triu(T, tp_ones(T, dtype, tp_shape(n, n)), 1));
        t = tp_sub(T, t, tp_triu(T, tp_ones(T, dtype, tp_shape(n, n)), 2)); /* ones beside the diagonal */
        return tp_matmul(T, q, tp_matmul(T, t, mT(T, q)));
    }
    tp_tensor *x = tp_mul_scalar(T, tp_randn(T, dtype, tp_shape(n, n)), 0.5 / sqrt((double)n));
    x = tp_add(T, x, unit);
    return family == PLAIN ? x : tp_mul_scalar(T, x, family == LARGE ? scale : 1 / scale);
}

static void over_families(void (*run)(tp_tape *, tp_dtype, int, int64_t, const char *))
{
    static const int64_t sides[] = {1, 2, 3, 7, 16, 47, 50, 100, 130};
    tp_tape *T = tp_tape_new();
    tp_manual_seed(T, 1);
    for (int family = 0; family < FAMILIES; family++)
        for (int dtype = TP_F32; dtype <= TP_F64; dtype++)
            for (size_t z = 0; z < LENGTH(sides); z++) {
                if (family >= NEARLY_EQUAL && sides[z] > 16) /* their condition grows as 2^n */
                    continue;
                char what[80];
                snprintf(what, sizeof what, "%s, %s [%d]", family_names[family], tp_dtype_name((tp_dtype)dtype),
                         (int)sides[z]);
                run(T, (tp_dtype)dtype, family, sides[z], what);
                ck_no_error(T);
                tp_tape_reset(T);
            }
    tp_tape_free(T);
}

/* ---- Sylvester and Lyapunov ----------------------------------------------------------------------------------------- */

static void check_sylvester(tp_tape *T, tp_dtype dtype, int family, int64_t n, const char *what)
{
    int64_t k = n % 7 + 1;
    tp_tensor *a = member(T, family, dtype, n), *b = member(T, family, dtype, k),
              *c = tp_randn(T, dtype, tp_shape(n, k));
    tp_tensor *x = tp_linalg_solve_sylvester(T, a, b, c);
    ck_sum(T, 10 * (double)n, c, 2, (tp_tensor *[]){tp_matmul(T, a, x), tp_matmul(T, x, b)}, what);
    x = mT(T, tp_linalg_solve_sylvester(T, b, a, mT(T, c)));
    ck_sum(T, 10 * (double)n, c, 2, (tp_tensor *[]){tp_matmul(T, x, mT(T, b)), tp_matmul(T, mT(T, a), x)}, what);
}

static void check_lyapunov(tp_tape *T, tp_dtype dtype, int family, int64_t n, const char *what)
{
    tp_tensor *a = member(T, family, dtype, n), *q = tp_randn(T, dtype, tp_shape(n, n));
    tp_tensor *x = tp_linalg_solve_continuous_lyapunov(T, a, q);
    ck_sum(T, 10 * (double)n, q, 2, (tp_tensor *[]){tp_matmul(T, a, x), tp_matmul(T, x, mT(T, a))}, what);
    if (family == LARGE || family == SMALL) /* the discrete one is for eigenvalues near 1 */
        return;
    a = tp_mul_scalar(T, a, 0.4);
    x = tp_linalg_solve_discrete_lyapunov(T, a, q);
    tp_tensor *turned = tp_matmul(T, tp_matmul(T, a, x), mT(T, a));
    ck_sum(T, 10 * (double)n, q, 2, (tp_tensor *[]){x, tp_neg(T, turned)}, what);
}

START_TEST(sylvester_of_families) { over_families(check_sylvester); }
END_TEST
START_TEST(lyapunov_of_families) { over_families(check_lyapunov); }
END_TEST

START_TEST(sylvester_values)
{
    tp_tape *T = tp_tape_new();
    tp_tensor *a = matrix(T, 2, 2, (const double[]){1, 2, 3, 4});
    tp_tensor *b = matrix(T, 3, 3, (const double[]){5, 6, 1, 7, 8, 0, 1, 2, 3});
    tp_tensor *c = matrix(T, 2, 3, (const double[]){1, 2, 3, 4, 5, 6});
    ck_values(tp_linalg_solve_sylvester(T, a, b, c), 1e-14, 0.725615114235500879, -0.413444639718804921,
              0.150483304042179262, -0.305030755711775044, 0.533172231985940246, 0.836225834797891037);
    tp_tensor *q = tp_narrow(T, c, -1, 0, 2);
    ck_values(tp_linalg_solve_continuous_lyapunov(T, a, q), 1e-14, 0.7, -0.3, 0.1, 0.7);
    ck_values(tp_linalg_solve_discrete_lyapunov(T, a, q), 1e-14, -0.430555555555555556, -0.0416666666666666667, 0.625,
              -0.541666666666666667);
    ck_no_error(T);
    tp_tape_free(T);
}
END_TEST

START_TEST(singular_equations)
{
    tp_tape *T = tp_tape_new();
    tp_manual_seed(T, 3);
    tp_tensor *a = tp_randn(T, TP_F64, tp_shape(60, 60)), *c = tp_randn(T, TP_F64, tp_shape(60, 60));
    ck_assert_ptr_null(tp_linalg_solve_sylvester(T, a, tp_neg(T, a), c));
    ck_error(T, TP_ENUMERIC, "linalg_solve_sylvester: A has an eigenvalue in common with -B");
    tp_tensor *d = tp_expand(
        T, tp_unsqueeze(T, tp_diag_embed(T, tp_from(T, TP_F64, tp_shape(2), (const double[]){2, -2}), 0, -2, -1), 0),
        tp_shape(3, 2, 2));
    ck_assert_ptr_null(tp_linalg_solve_continuous_lyapunov(T, d, tp_ones(T, TP_F64, tp_shape(2, 2))));
    ck_error(T, TP_ENUMERIC, "linalg_solve_continuous_lyapunov: matrix 0 of the batch has eigenvalues whose sum is 0");
    ck_assert_ptr_null(tp_linalg_solve_discrete_lyapunov(T, tp_eye(T, TP_F64, 3, 3), tp_eye(T, TP_F64, 3, 3)));
    ck_error(T, TP_ENUMERIC, "whose product is 1");
    ck_assert_ptr_null(tp_linalg_solve_sylvester(T, a, tp_mul_scalar(T, a, (double)NAN), c));
    ck_error(T, TP_ENUMERIC, "B is not finite");
    ck_assert_ptr_null(tp_linalg_solve_sylvester(T, a, a, tp_div_scalar(T, c, 0)));
    ck_error(T, TP_ENUMERIC, "C is not finite");
    ck_assert_ptr_null(tp_linalg_solve_sylvester(T, a, a, tp_narrow(T, c, 0, 0, 3)));
    ck_error(T, TP_ESHAPE, "[..., 60, 60] is needed");
    ck_assert_ptr_null(tp_linalg_solve_sylvester(T, a, a, tp_to(T, c, TP_F32)));
    ck_error(T, TP_EDTYPE, "C is float32");
    tp_tape_free(T);
}
END_TEST

START_TEST(equations_of_nothing)
{
    tp_tape *T = tp_tape_new();
    tp_tensor *none = tp_zeros(T, TP_F64, tp_shape(0, 0)), *one = tp_eye(T, TP_F64, 3, 3);
    tp_tensor *x = tp_linalg_solve_sylvester(T, one, none, tp_zeros(T, TP_F64, tp_shape(3, 0)));
    ck_assert(tp_size(x, 0) == 3 && tp_size(x, 1) == 0);
    ck_assert_int_eq(tp_ndim(tp_linalg_sqrtm(T, tp_zeros(T, TP_F32, tp_shape(0, 3, 3)))), 3);
    ck_assert_int_eq(tp_numel(tp_linalg_logm(T, none)), 0);
    x = tp_linalg_solve_continuous_lyapunov(T, one, tp_ones(T, TP_F64, tp_shape(2, 1, 3, 3)));
    ck_assert_int_eq(tp_ndim(x), 4);
    ck_no_error(T);
    tp_tape_free(T);
}
END_TEST

/* ---- roots and logarithms ------------------------------------------------------------------------------------------- */

static void check_root(tp_tape *T, tp_dtype dtype, int family, int64_t n, const char *what)
{
    tp_tensor *a = member(T, family, dtype, n), *x = tp_linalg_sqrtm(T, a);
    ck_sum(T, 10 * (double)n, a, 1, (tp_tensor *[]){tp_matmul(T, x, x)}, what);
}

/* Of large and small ones log(2^k A) - k log 2; exp has no larger error for these than log. */
static void check_logarithm(tp_tape *T, tp_dtype dtype, int family, int64_t n, const char *what)
{
    double scale = dtype == TP_F64 ? 0x1p500 : 0x1p50;
    tp_tensor *a = member(T, family == LARGE || family == SMALL ? PLAIN : family, dtype, n), *x = tp_linalg_logm(T, a);
    if (family == LARGE || family == SMALL) {
        tp_tensor *far = tp_linalg_logm(T, tp_mul_scalar(T, a, family == LARGE ? scale : 1 / scale));
        double k = log(scale) * (family == LARGE ? 1 : -1);
        ck_sum(T, 10 * (double)n, far, 2, (tp_tensor *[]){x, tp_mul_scalar(T, tp_eye(T, dtype, n, n), k)}, what);
    } else
        ck_sum(T, 40 * (double)n, a, 1, (tp_tensor *[]){tp_matrix_exp(T, x)}, what);
}

START_TEST(roots_of_families) { over_families(check_root); }
END_TEST
START_TEST(logarithms_of_families) { over_families(check_logarithm); }
END_TEST

/* M J M^-1 with one block J of the eigenvalue 4, and whole numbers throughout: f(A) is M f(J) M^-1, with derivatives of f. */
static const double defective[16] = {4, 3, 4, -2, 0, 6, 3, -1, -1, -8, -7, 6, -2, -11, -15, 13};

START_TEST(functions_of_one_block)
{
    tp_tape *T = tp_tape_new();
    tp_tensor *a = matrix(T, 4, 4, defective);
    ck_values(tp_linalg_sqrtm(T, a), 2e-13, 1.998046875, 0.810546875, 1.07421875, -0.544921875, 0.01171875, 2.63671875,
              0.9296875, -0.35546875, -0.232421875, -2.044921875, -0.79296875, 1.529296875, -0.455078125, -2.642578125,
              -3.58203125, 4.158203125);
    ck_values(tp_linalg_logm(T, a), 2e-12, 1.38108602778655729, 0.869791666666666667, 1.14583333333333333,
              -0.588541666666666667, 0.0208333333333333333, 2.15712769445322395, 1.10416666666666667,
              -0.458333333333333333, -0.213541666666666667, -2.08854166666666667, -1.44703897221344271,
              1.55729166666666667, -0.411458333333333333, -2.53645833333333333, -3.41666666666666667,
              3.45400269445322395);
    ck_no_error(T);
    tp_tape_free(T);
}
END_TEST

static tp_tensor *slope(tp_tape *T, tp_tensor *(*f)(tp_tape *, tp_tensor *), const double *v, tp_tensor *w)
{
    tp_tensor *a = tp_requires_grad(matrix(T, 2, 2, v), true), *g = NULL;
    tp_tensor *y = tp_sum(T, tp_mul(T, f(T, a), w));
    tp_gradients(T, 1, &y, 1, &a, &g, NULL);
    ck_no_error(T);
    return g;
}

/* By the function of [A^T G; 0 A^T] with 60 digits. */
START_TEST(slopes_of_nearly_defective)
{
    const double equal[4] = {2, 1, 0, 2}, near[4] = {2, 1, 0, 2 + 1e-9};
    tp_tape *T = tp_tape_new();
    tp_tensor *w = matrix(T, 2, 2, (const double[]){1, 2, 3, 4});
    ck_values(slope(T, tp_linalg_logm, equal, w), 1e-15, 0.25, 1, 0.958333333333333333, 1.75);
    ck_values(slope(T, tp_linalg_logm, near, w), 1e-15, 0.25000000008333334, 0.999999999749999979, 0.958333333270833328,
              1.7499999991666666);
    ck_values(slope(T, tp_linalg_sqrtm, equal, w), 1e-15, 0.265165042944955322, 0.707106781186547524,
              0.861786389571104795, 1.32582521472477661);
    ck_values(slope(T, tp_linalg_sqrtm, near, w), 1e-15, 0.26516504296705241, 0.707106781098159169,
              0.861786389524148482, 1.32582521441541737);
    tp_tape_free(T);
}
END_TEST

/* First and second derivatives where eigenvalues are equal, and where they are conjugate and nearly on the axis. */
START_TEST(derivatives_of_functions)
{
    static const char *const names[] = {"linalg_sqrtm", "linalg_logm"};
    const double turning[4] = {0.1, 1, -1, 0.1}, graded[4] = {1e-3, 5, 0, 30};
    tp_tape *T = tp_tape_new();
    for (int i = 0; i < 2; i++) {
        const tp_op *op = tp_op_find(names[i]);
        tp_tensor *in[3] = {matrix(T, 4, 4, defective), matrix(T, 2, 2, turning), matrix(T, 2, 2, graded)};
        for (int k = 0; k < 3; k++) {
            tp_requires_grad(in[k], true);
            tp_gradcheck(T, op, NULL, 1, &in[k], &(tp_gradcheck_options){.second = true, .eps = k == 2 ? 1e-7 : 0});
            ck_no_error(T);
        }
    }
    tp_tape_free(T);
}
END_TEST

START_TEST(no_real_function)
{
    tp_tape *T = tp_tape_new();
    tp_tensor *x = matrix(T, 2, 2, (const double[]){-1, 0, 0, 2});
    ck_assert_ptr_null(tp_linalg_sqrtm(T, x));
    ck_error(T, TP_ENUMERIC, "linalg_sqrtm: A has a negative eigenvalue");
    ck_assert_ptr_null(tp_linalg_logm(T, x));
    ck_error(T, TP_ENUMERIC, "linalg_logm: A has an eigenvalue that is 0 or negative");
    ck_assert_ptr_null(tp_linalg_sqrtm(T, matrix(T, 2, 2, (const double[]){0, 1, 0, 0})));
    ck_error(T, TP_ENUMERIC, "without a square root");
    ck_assert_ptr_null(tp_linalg_sqrtm(T, matrix(T, 2, 2, (const double[]){0, (double)NAN, 0, 0})));
    ck_error(T, TP_ENUMERIC, "not finite");
    tp_tape_free(T);
}
END_TEST

/* Eigenvalues 0 beside which A can be diagonalized; in single digits, and as rounding leaves them. */
START_TEST(roots_of_singular)
{
    tp_tape *T = tp_tape_new();
    tp_manual_seed(T, 4);
    double third = 1 / sqrt(3);
    ck_values(tp_linalg_sqrtm(T, tp_ones(T, TP_F64, tp_shape(3, 3))), 1e-14, third, third, third, third, third, third,
              third, third, third);
    ck_values(tp_linalg_sqrtm(T, matrix(T, 2, 2, (const double[]){0, 0, 0, 4})), 0, 0, 0, 0, 2);
    ck_values(tp_linalg_sqrtm(T, matrix(T, 3, 3, (const double[]){1, 0, 0, 0, 1e-20, 0, 0, 0, 1e-40})), 1e-30, 1, 0, 0,
              0, 1e-10, 0, 0, 0, 1e-20);
    for (int64_t n = 4; n < 40; n += 7) {
        tp_tensor *x = tp_randn(T, TP_F64, tp_shape(n, 3)), *a = tp_matmul(T, x, mT(T, x)),
                  *root = tp_linalg_sqrtm(T, a);
        ck_sum(T, 10 * (double)n, a, 1, (tp_tensor *[]){tp_matmul(T, root, root)}, "rank 3");
        ck_assert(largest(T, root) < 2 * sqrt(largest(T, a)));
    }
    ck_no_error(T);
    tp_tape_free(T);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("linalg_equations");
    TCase *t = tcase_create("linalg_equations");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, sylvester_of_families);
    tcase_add_test(t, lyapunov_of_families);
    tcase_add_test(t, sylvester_values);
    tcase_add_test(t, singular_equations);
    tcase_add_test(t, equations_of_nothing);
    tcase_add_test(t, roots_of_families);
    tcase_add_test(t, logarithms_of_families);
    tcase_add_test(t, functions_of_one_block);
    tcase_add_test(t, slopes_of_nearly_defective);
    tcase_add_test(t, derivatives_of_functions);
    tcase_add_test(t, no_real_function);
    tcase_add_test(t, roots_of_singular);
    suite_add_tcase(suite, t);
    return run_suite(suite);
}
