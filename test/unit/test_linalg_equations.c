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

/* ---- Riccati -------------------------------------------------------------------------------------------------------- */

typedef struct {
    tp_tensor *a, *b, *q, *r, *e, *s;
} system_of;

/* Random, of n states and m inputs; with all of it, E and S too. */
static system_of random_system(tp_tape *T, tp_dtype dtype, int64_t n, int64_t m, bool all)
{
    system_of y = {.a = tp_randn(T, dtype, tp_shape(n, n)), .b = tp_randn(T, dtype, tp_shape(n, m))};
    tp_tensor *q = tp_randn(T, dtype, tp_shape(n, n)), *r = tp_randn(T, dtype, tp_shape(m, m));
    y.a = tp_div_scalar(T, y.a, sqrt((double)n));
    y.q = tp_add(T, tp_matmul(T, q, mT(T, q)), tp_eye(T, dtype, n, n));
    y.r = tp_add(T, tp_matmul(T, r, mT(T, r)), tp_eye(T, dtype, m, m));
    if (all) {
        y.e = tp_add(T, tp_div_scalar(T, tp_randn(T, dtype, tp_shape(n, n)), 4 * sqrt((double)n)),
                     tp_eye(T, dtype, n, n));
        y.s = tp_mul_scalar(T, y.b, 0.01);
    }
    return y;
}

/* The equation's terms are 0 together. */
static void ck_riccati(tp_tape *T, bool discrete, const system_of *y, double units, const char *what)
{
    int64_t n = tp_size(y->a, 0);
    tp_tensor *x = (discrete ? tp_linalg_solve_discrete_are : tp_linalg_solve_continuous_are)(T, y->a, y->b, y->q, y->r,
                                                                                              y->e, y->s);
    tp_tensor *e = y->e ? y->e : tp_eye(T, tp_dtype_of(y->a), n, n), *s = y->s ? y->s : tp_zeros_like(T, y->b),
              *r = y->r;
    ck_no_error(T);
    ck_assert(tp_equal(T, x, mT(T, x)));
    tp_tensor *bx = tp_matmul(T, mT(T, y->b), x), *at = mT(T, y->a), *et = mT(T, e);
    if (discrete)
        r = tp_add(T, r, tp_matmul(T, bx, y->b));
    tp_tensor *right = tp_add(T, tp_matmul(T, bx, discrete ? y->a : e), mT(T, s));
    tp_tensor *inner = tp_matmul(T, mT(T, right), tp_linalg_solve(T, r, right));
    tp_tensor *parts[3] = {inner};
    if (discrete) {
        parts[1] = tp_neg(T, tp_matmul(T, at, tp_matmul(T, x, y->a)));
        parts[2] = tp_matmul(T, et, tp_matmul(T, x, e));
    } else {
        parts[1] = tp_neg(T, tp_matmul(T, at, tp_matmul(T, x, e)));
        parts[2] = mT(T, parts[1]);
    }
    ck_sum(T, units, y->q, 3, parts, what);
}

START_TEST(riccati_of_families)
{
    static const int64_t sides[][2] = {{1, 1}, {2, 1}, {4, 2}, {10, 3}, {30, 10}, {20, 20}};
    static const double scales[][3] = {{1, 1, 1}, {1, 1e150, 1e150}, {1, 1e-150, 1e-150}, {1e-3, 1, 1}, {1e3, 1, 1}};
    tp_tape *T = tp_tape_new();
    tp_manual_seed(T, 6);
    for (size_t z = 0; z < LENGTH(sides); z++)
        for (size_t k = 0; k < LENGTH(scales); k++)
            for (int way = 0; way < 4; way++) {
                char what[80];
                if (scales[k][0] != 1 && sides[z][0] != sides[z][1]) /* these are badly conditioned with few inputs */
                    continue;
                snprintf(what, sizeof what, "%s of %d by %d, scale %d", way & 1 ? "discrete" : "continuous",
                         (int)sides[z][0], (int)sides[z][1], (int)k);
                system_of y = random_system(T, TP_F64, sides[z][0], sides[z][1], k == 0 && way & 2);
                y.a = tp_mul_scalar(T, y.a, way & 1 ? 1 : scales[k][0]);
                y.q = tp_mul_scalar(T, y.q, scales[k][1]);
                y.r = tp_mul_scalar(T, y.r, scales[k][2]);
                ck_riccati(T, way & 1, &y, 400 * (double)sides[z][0] * fmax(1, scales[k][0]), what);
                tp_tape_reset(T);
            }
    tp_tape_free(T);
}
END_TEST

/* By Newton's method with 50 digits. */
START_TEST(riccati_values)
{
    tp_tape *T = tp_tape_new();
    tp_tensor *a = matrix(T, 2, 2, (const double[]){1, 2, -3, 1}), *b = matrix(T, 2, 1, (const double[]){0, 1}),
              *q = matrix(T, 2, 2, (const double[]){2, 1.5, 0.5, 3}), *r = matrix(T, 1, 1, (const double[]){0.5}),
              *e = matrix(T, 2, 2, (const double[]){2, 0.5, 0, 1}), *s = matrix(T, 2, 1, (const double[]){0.25, 0.5});
    ck_values(tp_linalg_solve_continuous_are(T, a, b, q, r, NULL, NULL), 1e-13, 6.33396945815364058,
              1.59579867855673725, 1.59579867855673725, 2.72297039051658862);
    ck_values(tp_linalg_solve_continuous_are(T, a, b, q, r, e, s), 2e-14, 3.06653745419737368, 0.71662455594863415,
              0.71662455594863415, 2.03955897922333364);
    ck_values(tp_linalg_solve_discrete_are(T, a, b, q, r, NULL, NULL), 1e-13, 12.7543798632674405, 13.5230948382386233,
              13.5230948382386233, 34.2220582336479949);
    ck_values(tp_linalg_solve_discrete_are(T, a, b, q, r, e, s), 1e-13, 2.37827284622506144, 1.21039587141070283,
              1.21039587141070283, 9.6296018317887663);
    ck_no_error(T);
    tp_tape_free(T);
}
END_TEST

START_TEST(riccati_without_solution)
{
    tp_tape *T = tp_tape_new();
    tp_tensor *turning = matrix(T, 2, 2, (const double[]){0, 1, -1, 0}), *unit = tp_eye(T, TP_F64, 2, 2);
    tp_tensor *none = tp_zeros(T, TP_F64, tp_shape(2, 1)), *one = tp_eye(T, TP_F64, 1, 1);
    ck_assert_ptr_null(tp_linalg_solve_continuous_are(T, turning, none, unit, one, NULL, NULL));
    ck_error(T, TP_ENUMERIC, "linalg_solve_continuous_are: A has no stabilizing solution");
    ck_assert_ptr_null(tp_linalg_solve_continuous_are(T, unit, none, unit, one, NULL, NULL));
    ck_error(T, TP_ENUMERIC, "no finite solution");
    ck_assert_ptr_null(tp_linalg_solve_discrete_are(T, tp_mul_scalar(T, unit, 2), none, unit, one, NULL, NULL));
    ck_error(T, TP_ENUMERIC, "linalg_solve_discrete_are: A has no finite solution");
    ck_assert_ptr_null(
        tp_linalg_solve_discrete_are(T, unit, none, unit, tp_mul_scalar(T, one, (double)INFINITY), NULL, NULL));
    ck_error(T, TP_ENUMERIC, "R is not finite");
    ck_assert_ptr_null(tp_linalg_solve_discrete_are(T, unit, none, one, one, NULL, NULL));
    ck_error(T, TP_ESHAPE, "Q is [1, 1]");
    tp_tape_free(T);
}
END_TEST

/* ---- banded matrices ------------------------------------------------------------------------------------------------ */

/* A [n, n] of its bands. */
static tp_tensor *whole(tp_tape *T, tp_tensor *bands, int64_t u)
{
    int64_t count = tp_size(bands, 0), n = tp_size(bands, 1);
    tp_tensor *a = tp_zeros(T, tp_dtype_of(bands), tp_shape(n, n));
    for (int64_t d = 0; d < count; d++) {
        int64_t offset = u - d, length = n - (offset < 0 ? -offset : offset);
        if (length > 0)
            a = tp_add(T, a,
                       tp_diag_embed(T, tp_narrow(T, tp_select(T, bands, 0, d), 0, offset > 0 ? offset : 0, length),
                                     offset, -2, -1));
    }
    return a;
}

/* A X = B, to what rounding makes of |A| |X|. */
static void ck_solved(tp_tape *T, tp_tensor *a, tp_tensor *x, tp_tensor *b, const char *what)
{
    double off = largest(T, tp_sub(T, tp_matmul(T, a, x), b)) / (largest(T, a) * largest(T, x));
    ck_assert_msg(off <= 10 * (double)tp_size(a, 0) * unit_of(tp_dtype_of(a)), "%s: off by %g", what, off);
}

START_TEST(banded_solves)
{
    static const int64_t cases[][4] = {{1, 0, 0, 1},  {2, 1, 1, 1},  {5, 1, 1, 3},  {9, 2, 1, 2},
                                       {40, 0, 3, 4}, {40, 4, 0, 1}, {60, 7, 9, 5}, {3, 4, 5, 2}};
    tp_tape *T = tp_tape_new();
    tp_manual_seed(T, 7);
    for (size_t z = 0; z < LENGTH(cases); z++)
        for (int dtype = TP_F32; dtype <= TP_F64; dtype++) {
            int64_t n = cases[z][0], l = cases[z][1], u = cases[z][2], k = cases[z][3];
            tp_tensor *bands = tp_randn(T, (tp_dtype)dtype, tp_shape(l + u + 1, n)),
                      *b = tp_randn(T, (tp_dtype)dtype, tp_shape(n, k));
            tp_tensor *x = tp_linalg_solve_banded(T, l, u, bands, b);
            ck_solved(T, whole(T, bands, u), x, b, "banded");
            for (int lower = 0; lower < 2; lower++) {
                tp_tensor *few = tp_narrow(T, bands, 0, 0, (lower ? l : u) + 1);
                tp_tensor *a, *main = tp_narrow(T, tp_eye(T, (tp_dtype)dtype, tp_size(few, 0), tp_size(few, 0)), 1,
                                                lower ? 0 : u, 1);
                few = tp_add(T, few, tp_mul_scalar(T, main, 8 * (double)(l + u + 1)));
                a = whole(T, few, lower ? 0 : u);
                a = tp_add(T, a, mT(T, lower ? tp_tril(T, a, -1) : tp_triu(T, a, 1)));
                x = tp_linalg_solveh_banded(T, few, b, lower);
                ck_solved(T, a, x, b, "symmetric");
            }
            ck_no_error(T);
            tp_tape_reset(T);
        }
    tp_tape_free(T);
}
END_TEST

/* The gradient in bands is that of the whole matrix, seen through them; an element of symmetric bands stands for two. */
START_TEST(banded_gradients)
{
    tp_tape *T = tp_tape_new();
    tp_manual_seed(T, 8);
    tp_tensor *b = tp_requires_grad(tp_randn(T, TP_F64, tp_shape(6, 2)), true),
              *w = tp_randn(T, TP_F64, tp_shape(6, 2));
    tp_tensor *bands = tp_requires_grad(tp_randn(T, TP_F64, tp_shape(4, 6)), true), *in[2] = {bands, b}, *g[2], *h[2];
    tp_tensor *y = tp_sum(T, tp_mul(T, w, tp_linalg_solve_banded(T, 2, 1, bands, b)));
    tp_tensor *z = tp_sum(T, tp_mul(T, w, tp_linalg_solve(T, whole(T, bands, 1), b)));
    tp_gradients(T, 1, &y, 2, in, g, NULL);
    tp_gradients(T, 1, &z, 2, in, h, NULL);
    for (int i = 0; i < 2; i++)
        ck_assert(tensors_close(g[i], h[i], 1e-12, 1e-11));
    for (int lower = 0; lower < 2; lower++) {
        bands = tp_add(T, tp_rand(T, TP_F64, tp_shape(3, 6)),
                       tp_mul_scalar(T, tp_narrow(T, tp_eye(T, TP_F64, 3, 3), 1, lower ? 0 : 2, 1), 9));
        in[0] = bands = tp_requires_grad(tp_detach(T, bands), true);
        tp_tensor *a = whole(T, bands, lower ? 0 : 2);
        a = tp_add(T, a, mT(T, lower ? tp_tril(T, a, -1) : tp_triu(T, a, 1)));
        y = tp_sum(T, tp_mul(T, w, tp_linalg_solveh_banded(T, bands, b, lower)));
        z = tp_sum(T, tp_mul(T, w, tp_linalg_solve(T, a, b)));
        tp_gradients(T, 1, &y, 2, in, g, NULL);
        tp_gradients(T, 1, &z, 2, in, h, NULL);
        for (int i = 0; i < 2; i++)
            ck_assert(tensors_close(g[i], h[i], 1e-12, 1e-13));
    }
    ck_no_error(T);
    tp_tape_free(T);
}
END_TEST

START_TEST(banded_troubles)
{
    tp_tape *T = tp_tape_new();
    const double zero_pivot[] = {0, 0, 0, 0, 1, 0, 2, 1, 0, 0, 0, 0};
    tp_tensor *singular = matrix(T, 3, 4, zero_pivot), *b = tp_ones(T, TP_F64, tp_shape(4));
    ck_assert_ptr_null(tp_linalg_solve_banded(T, 1, 1, singular, b));
    ck_error(T, TP_ENUMERIC, "linalg_solve_banded: A is singular (pivot 2)");
    tp_tensor *two = tp_stack(T, 2, (tp_tensor *[]){tp_ones(T, TP_F64, tp_shape(3, 4)), singular}, 0);
    ck_assert_ptr_null(tp_linalg_solve_banded(T, 2, 0, tp_flip(T, two, 1, (int[]){1}), b));
    ck_error(T, TP_ENUMERIC, "matrix 1 of the batch is singular (pivot 2)");
    ck_assert_ptr_null(tp_linalg_solveh_banded(T, tp_neg(T, two), b, true));
    ck_error(T, TP_ENUMERIC, "matrix 0 of the batch is not positive definite (leading minor 1)");
    ck_assert_ptr_null(tp_linalg_solve_banded(T, 2, 1, singular, b));
    ck_error(T, TP_ESHAPE, "4 of l + u + 1 diagonals are needed");
    ck_assert_ptr_null(tp_linalg_solve_banded(T, -1, 3, singular, b));
    ck_error(T, TP_EINVAL, "l is -1");
    ck_assert_ptr_null(tp_linalg_solve_tridiagonal(T, b, b, b, b));
    ck_error(T, TP_ESHAPE, "n - 1, n and n - 1 elements");
    tp_tensor *none = tp_zeros(T, TP_F64, tp_shape(0));
    ck_assert_int_eq(tp_numel(tp_linalg_solve_tridiagonal(T, none, none, none, none)), 0);
    tp_tensor *one = tp_ones(T, TP_F32, tp_shape(3, 1)), *beside = tp_zeros(T, TP_F32, tp_shape(3, 0));
    ck_assert_int_eq(tp_ndim(tp_linalg_solve_tridiagonal(T, beside, one, beside, one)), 2);
    ck_no_error(T);
    tp_tape_free(T);
}
END_TEST

static void many_tridiagonal(tp_tape *T, void *user, tp_tensor **out)
{
    (void)user;
    tp_tensor *d = tp_add_scalar(T, tp_sin(T, tp_reshape(T, tp_arange(T, TP_F64, 0, 40000, 1), tp_shape(1000, 40))), 3);
    tp_tensor *beside = tp_narrow(T, d, -1, 0, 39);
    out[0] = tp_linalg_solve_tridiagonal(T, tp_cos(T, beside), d, tp_sin(T, beside), tp_exp(T, d));
}

START_TEST(banded_threads)
{
    tp_tape *T = tp_tape_new();
    ck_same_on_threads(T, 1, many_tridiagonal, NULL);
    tp_tape_free(T);
}
END_TEST

/* ---- generalized eigenvalues ---------------------------------------------------------------------------------------- */

START_TEST(generalized_eigenvalues)
{
    tp_tape *T = tp_tape_new();
    tp_manual_seed(T, 9);
    for (int dtype = TP_F32; dtype <= TP_F64; dtype++)
        for (int64_t n = 1; n <= 64; n = 2 * n + 1)
            for (int type = 1; type <= 3; type++)
                for (int upper = 0; upper < 2; upper++) {
                    tp_tensor *a = tp_randn(T, (tp_dtype)dtype, tp_shape(n, n)),
                              *b = tp_randn(T, (tp_dtype)dtype, tp_shape(n, n));
                    a = tp_add(T, a, mT(T, a));
                    b = tp_add(T, tp_matmul(T, b, mT(T, b)),
                               tp_mul_scalar(T, tp_eye(T, (tp_dtype)dtype, n, n), (double)n));
                    tp_tensor *other = tp_mul_scalar(T, tp_ones(T, (tp_dtype)dtype, tp_shape(n, n)), 1e9), *v = NULL;
                    tp_tensor *half_a = upper ? tp_add(T, tp_triu(T, a, 0), tp_tril(T, other, -1))
                                              : tp_add(T, tp_tril(T, a, 0), tp_triu(T, other, 1));
                    tp_tensor *half_b = upper ? tp_add(T, tp_triu(T, b, 0), tp_tril(T, other, -1))
                                              : tp_add(T, tp_tril(T, b, 0), tp_triu(T, other, 1));
                    tp_tensor *w = tp_linalg_eigh_generalized(T, half_a, half_b, type, upper, &v, NULL);
                    tp_tensor *left = type == 1   ? tp_matmul(T, a, v)
                                      : type == 2 ? tp_matmul(T, a, tp_matmul(T, b, v))
                                                  : tp_matmul(T, b, tp_matmul(T, a, v));
                    tp_tensor *right = tp_mul(T, type == 1 ? tp_matmul(T, b, v) : v, tp_unsqueeze(T, w, -2));
                    double size = largest(T, a) * largest(T, v) * (type == 1 ? 1 : largest(T, b));
                    double off = largest(T, tp_sub(T, left, right)) / size;
                    ck_assert_msg(off < 50 * (double)n * unit_of((tp_dtype)dtype), "type %d, [%d]: off by %g", type,
                                  (int)n, off);
                    tp_tensor *metric = type == 3 ? tp_linalg_solve(T, b, v) : tp_matmul(T, b, v);
                    off = largest(T, tp_sub(T, tp_matmul(T, mT(T, v), metric), tp_eye(T, (tp_dtype)dtype, n, n)));
                    ck_assert_msg(off < 50 * (double)n * unit_of((tp_dtype)dtype), "type %d, [%d]: norms off by %g",
                                  type, (int)n, off);
                    ck_assert(
                        tensors_close(tp_linalg_eigvalsh_generalized(T, half_a, half_b, type, upper), w, 1e-4, 1e-4));
                    ck_no_error(T);
                    tp_tape_reset(T);
                }
    tp_tape_free(T);
}
END_TEST

START_TEST(generalized_values)
{
    tp_tape *T = tp_tape_new();
    tp_tensor *a = matrix(T, 3, 3, (const double[]){4, 1, 2, 1, -3, 0, 2, 0, 5}), *v;
    tp_tensor *b = matrix(T, 3, 3, (const double[]){2, 1, 0, 1, 3, 1, 0, 1, 4});
    ck_values(tp_linalg_eigvalsh_generalized(T, a, b, 1, false), 1e-14, -1.27527093920925036, 0.856110731815407696,
              2.69693798517162044);
    ck_values(tp_linalg_eigh_generalized(T, a, b, 2, true, &v, NULL), 1e-13, -6.96856009250768774, 6.32533124720176941,
              21.6432288453059183);
    tp_tensor *far = tp_linalg_eigvalsh_generalized(T, tp_mul_scalar(T, a, 1e150), tp_mul_scalar(T, b, 1e-150), 1,
                                                    false);
    ck_values(tp_mul_scalar(T, far, 1e-300), 1e-14, -1.27527093920925036, 0.856110731815407696, 2.69693798517162044);
    ck_assert_ptr_null(tp_linalg_eigvalsh_generalized(T, b, a, 1, false));
    ck_error(T, TP_ENUMERIC, "linalg_eigvalsh_generalized: B is not positive definite (leading minor 2)");
    ck_assert_ptr_null(tp_linalg_eigh_generalized(T, a, tp_stack(T, 2, (tp_tensor *[]){b, a}, 0), 1, false, &v, NULL));
    ck_error(T, TP_ENUMERIC, "B 1 of the batch is not positive definite");
    ck_assert_ptr_null(tp_linalg_eigh_generalized(T, a, b, 4, false, &v, NULL));
    ck_error(T, TP_EINVAL, "the type is 4");
    ck_assert_ptr_null(tp_linalg_eigh_generalized(T, a, tp_eye(T, TP_F64, 2, 2), 1, false, &v, NULL));
    ck_error(T, TP_ESHAPE, "linalg_eigh_generalized: A is [3, 3], B is [2, 2]");
    ck_assert_ptr_null(tp_linalg_eigvalsh_generalized(T, tp_mul_scalar(T, a, (double)NAN), b, 1, false));
    ck_error(T, TP_ENUMERIC, "not finite");
    tp_tape_free(T);
}
END_TEST

/* Values, and what does not depend on the vectors' signs: in squares of their elements. Along symmetric directions. */
static tp_status generalized(tp_tape *T, void *user, int n_in, tp_tensor *const *in, int n_out, tp_tensor **out)
{
    (void)n_in;
    (void)n_out;
    tp_tensor *v, *a = tp_add(T, in[0], mT(T, in[0])), *b = tp_add(T, in[1], mT(T, in[1]));
    out[0] = tp_linalg_eigh_generalized(T, a, b, *(const int *)user, false, &v, NULL);
    out[1] = tp_square(T, v);
    return tp_error_status(T);
}

START_TEST(generalized_derivatives)
{
    tp_tape *T = tp_tape_new();
    for (int type = 1; type <= 3; type++) {
        tp_tensor *in[2] = {matrix(T, 3, 3, (const double[]){4, 1, 2, 0, -3, 0, 1, 0, 5}),
                            matrix(T, 3, 3, (const double[]){2, 1, 0, 0, 3, 1, 0, 0, 4})};
        tp_requires_grad(in[0], true);
        tp_requires_grad(in[1], true);
        tp_gradcheck_of(T, generalized, &type, 2, in, 2, &(tp_gradcheck_options){.second = true});
        ck_no_error(T);
    }
    tp_tape_free(T);
}
END_TEST

/* ---- tolerances ----------------------------------------------------------------------------------------------------- */

/* As torch has it: each matrix its own, broadcast, and the default of one by the other. */
START_TEST(tolerances_as_tensors)
{
    tp_tape *T = tp_tape_new();
    tp_tensor *d = tp_from(T, TP_F64, tp_shape(2, 3), (const double[]){4, 1, 1e-3, 10, 1, 1e-20}),
              *a = tp_diag_embed(T, d, 0, -2, -1);
    tp_tensor *atol = tp_from(T, TP_F64, tp_shape(2), (const double[]){0.5, 0}),
              *rtol = tp_from(T, TP_F64, tp_shape(2), (const double[]){0.5, 0.2});
    ck_values(tp_linalg_matrix_rank_tensors(T, a, atol, NULL, false), 0, 2, 2);
    ck_values(tp_linalg_matrix_rank_tensors(T, a, atol, rtol, true), 0, 1, 1);
    ck_values(tp_linalg_matrix_rank_tensors(T, a, NULL, tp_mul_scalar(T, rtol, 0), false), 0, 3, 3);
    ck_values(tp_linalg_matrix_rank_tensors(T, a, tp_unsqueeze(T, atol, -1), NULL, false), 0, 2, 2, 3, 2);
    for (int hermitian = 0; hermitian < 2; hermitian++) {
        tp_tensor *p = tp_linalg_pinv_tensors(T, a, tp_to(T, atol, TP_F32), rtol, hermitian);
        ck_values(tp_diagonal(T, p, 0, -2, -1), 1e-15, 0.25, 0, 0, 0.1, 0, 0);
        p = tp_linalg_pinv_tensors(T, a, NULL, tp_zeros(T, TP_F64, tp_shape(5, 1)), hermitian);
        ck_assert(tp_ndim(p) == 4 && tp_size(p, 0) == 5 && tp_size(p, 1) == 2);
    }
    ck_no_error(T);
    ck_assert_ptr_null(tp_linalg_pinv_tensors(T, a, tp_zeros(T, TP_F64, tp_shape(3)), NULL, false));
    ck_error(T, TP_ESHAPE, "linalg_pinv_tensors");
    tp_tape_free(T);
}
END_TEST

/* ---- a few eigenvalues ---------------------------------------------------------------------------------------------- */

/* Q D Q^T with eigenvalues 1, 2, ..., m */
static tp_tensor *with_spectrum(tp_tape *T, tp_dtype dtype, int64_t m)
{
    tp_tensor *q = tp_linalg_qr(T, tp_randn(T, dtype, tp_shape(m, m)), TP_QR_REDUCED, NULL);
    return tp_matmul(T, tp_mul(T, q, tp_to(T, tp_arange(T, TP_F64, 1, (double)m + 1, 1), dtype)), mT(T, q));
}

START_TEST(few_eigenvalues)
{
    tp_tape *T = tp_tape_new();
    tp_manual_seed(T, 11);
    for (int dtype = TP_F32; dtype <= TP_F64; dtype++)
        for (int smallest = 0; smallest < 2; smallest++)
            for (int64_t m = 9; m < 100; m *= 3) {
                tp_tensor *a = with_spectrum(T, (tp_dtype)dtype, m), *v;
                double tol = dtype == TP_F32 ? 1e-6 : 1e-13, first = smallest ? 1 : (double)m, next = smallest ? 1 : -1;
                tp_tensor *l = tp_lobpcg(T, a, 3, NULL, NULL, NULL, &v,
                                         &(tp_lobpcg_options){.tol = tol, .smallest = smallest});
                ck_values(l, 50 * tol * (double)m, first, first + next, first + 2 * next);
                tp_tensor *off = tp_sub(T, tp_matmul(T, a, v), tp_mul(T, v, tp_unsqueeze(T, l, -2)));
                ck_assert(largest(T, off) < 50 * tol * (double)m);
                off = tp_sub(T, tp_matmul(T, mT(T, v), v), tp_eye(T, (tp_dtype)dtype, 3, 3));
                ck_assert(largest(T, off) < 50 * unit_of((tp_dtype)dtype));
                ck_no_error(T);
                tp_tape_reset(T);
            }
    tp_tape_free(T);
}
END_TEST

/* A x = l B x with a preconditioner, scaled, in a batch; the vectors that are kept are fewer than those that are worked on. */
START_TEST(few_generalized_eigenvalues)
{
    tp_tape *T = tp_tape_new();
    tp_manual_seed(T, 12);
    tp_tensor *a = with_spectrum(T, TP_F64, 40), *y = tp_randn(T, TP_F64, tp_shape(40, 40)), *v;
    tp_tensor *b = tp_add(T, tp_div_scalar(T, tp_matmul(T, y, mT(T, y)), 40), tp_eye(T, TP_F64, 40, 40));
    tp_tensor *want = tp_linalg_eigvalsh_generalized(T, a, b, 1, false), *ik = tp_linalg_inv(T, a);
    const double scales[] = {1, 1e150, 1e-150};
    for (size_t i = 0; i < LENGTH(scales); i++) {
        tp_tensor *two = tp_stack(T, 2, (tp_tensor *[]){tp_mul_scalar(T, a, scales[i]), tp_mul_scalar(T, a, scales[i])},
                                  0);
        tp_tensor *l = tp_lobpcg(T, two, 3, tp_mul_scalar(T, b, scales[i]), NULL, ik, &v,
                                 &(tp_lobpcg_options){.n = 5, .tol = 1e-13, .smallest = true});
        ck_no_error(T);
        for (int64_t k = 0; k < 6; k++)
            ck_assert(fabs(tp_item_at(l, k) - tp_item_at(want, k % 3)) < 1e-11);
        ck_assert(tp_size(v, 0) == 2 && tp_size(v, 1) == 40 && tp_size(v, 2) == 3);
    }
    ck_values(tp_lobpcg(T, tp_zeros(T, TP_F64, tp_shape(9, 9)), 2, NULL, NULL, NULL, NULL, NULL), 0, 0, 0);
    ck_assert_ptr_null(tp_lobpcg(T, a, 2, NULL, tp_ones(T, TP_F64, tp_shape(40, 2)), NULL, NULL, NULL));
    ck_error(T, TP_ENUMERIC, "lobpcg: A is given vectors X that depend on each other");
    ck_assert_ptr_null(tp_lobpcg(T, a, 14, NULL, NULL, NULL, NULL, NULL));
    ck_error(T, TP_EINVAL, "3 n <= m is needed");
    ck_assert_ptr_null(tp_lobpcg(T, a, 3, NULL, tp_narrow(T, y, 1, 0, 2), NULL, NULL, NULL));
    ck_error(T, TP_EINVAL, "k is 3");
    ck_assert_ptr_null(tp_lobpcg(T, tp_mul_scalar(T, a, (double)NAN), 1, NULL, NULL, NULL, NULL, NULL));
    ck_error(T, TP_ENUMERIC, "A is not finite");
    tp_lobpcg(T, a, 2, NULL, NULL, NULL, NULL, &(tp_lobpcg_options){.tol = 1e-300, .niter = -1}); /* comes to an end */
    ck_no_error(T);
    tp_tensor *leaf = tp_requires_grad(tp_detach(T, a), true);
    tp_backward(T, tp_sum(T, tp_lobpcg(T, leaf, 1, b, NULL, NULL, NULL, NULL)));
    ck_error(T, TP_EUNSUPPORTED, "no gradient with B");
    tp_tape_free(T);
}
END_TEST

/* The gradient is that of the whole spectrum. */
START_TEST(slopes_of_few_eigenvalues)
{
    tp_tape *T = tp_tape_new();
    tp_manual_seed(T, 13);
    tp_tensor *a = tp_requires_grad(tp_detach(T, with_spectrum(T, TP_F64, 20)), true),
              *w = tp_randn(T, TP_F64, tp_shape(20, 3)), *v, *all;
    tp_tensor *l = tp_lobpcg(T, a, 3, NULL, NULL, NULL, &v,
                             &(tp_lobpcg_options){.n = 4, .tol = 1e-14, .niter = 300, .smallest = true});
    tp_tensor *values = tp_linalg_eigh(T, a, false, &all, NULL), *few = tp_narrow(T, all, 1, 0, 3),
              *weights = tp_narrow(T, w, 0, 0, 3);
    tp_tensor *y = tp_add(T, tp_sum(T, tp_mul(T, w, tp_square(T, v))), tp_sum(T, tp_mul(T, l, weights)));
    tp_tensor *z = tp_add(T, tp_sum(T, tp_mul(T, w, tp_square(T, few))),
                          tp_sum(T, tp_mul(T, tp_narrow(T, values, 0, 0, 3), weights)));
    tp_tensor *g[2], *h[2];
    tp_gradients(T, 1, &y, 1, &a, &g[0], &(tp_gradients_options){.create_graph = true});
    tp_gradients(T, 1, &z, 1, &a, &h[0], &(tp_gradients_options){.create_graph = true});
    ck_assert(tensors_close(g[0], h[0], 1e-9, 1e-10));
    y = tp_sum(T, tp_square(T, g[0]));
    z = tp_sum(T, tp_square(T, h[0]));
    tp_gradients(T, 1, &y, 1, &a, &g[1], NULL);
    tp_gradients(T, 1, &z, 1, &a, &h[1], NULL);
    ck_assert(tensors_close(g[1], h[1], 1e-7, 1e-8));
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
    tcase_add_test(t, riccati_of_families);
    tcase_add_test(t, riccati_values);
    tcase_add_test(t, riccati_without_solution);
    tcase_add_test(t, banded_solves);
    tcase_add_test(t, banded_gradients);
    tcase_add_test(t, banded_troubles);
    tcase_add_test(t, banded_threads);
    tcase_add_test(t, generalized_eigenvalues);
    tcase_add_test(t, generalized_values);
    tcase_add_test(t, generalized_derivatives);
    tcase_add_test(t, tolerances_as_tensors);
    tcase_add_test(t, few_eigenvalues);
    tcase_add_test(t, few_generalized_eigenvalues);
    tcase_add_test(t, slopes_of_few_eigenvalues);
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
