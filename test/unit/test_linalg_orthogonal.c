/* test_linalg_orthogonal.c - orthogonal factorizations and what is made of them: residuals on many matrices and on
 * badly conditioned families, edge sizes, what is not finite, derivatives that torch does not have. */
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

/* |a - b| against |b|, of the largest elements */
static double off(tp_tape *T, tp_tensor *a, tp_tensor *b)
{
    double size = largest(T, b);
    return largest(T, tp_sub(T, a, b)) / (size > 0 ? size : 1);
}

/* X^T X is the identity. */
static void ck_orthonormal(tp_tape *T, tp_tensor *x, const char *what)
{
    int64_t n = tp_size(x, -1), m = tp_size(x, -2);
    tp_tensor *product = tp_matmul(T, mT(T, x), x);
    double error = largest(T, tp_sub(T, product, tp_eye(T, tp_dtype_of(x), n, n)));
    ck_assert_msg(error <= 10 * (double)m * unit_of(tp_dtype_of(x)), "%s: off orthonormal by %g", what, error);
}

/* ---- families of matrices ---------------------------------------------------------------------------------------- */

enum { RANDOM, HILBERT, DEFICIENT, LARGE, SMALL, GRADED, ZERO, FAMILIES };
static const char *const family_names[] = {"random", "Hilbert", "rank deficient", "1e150", "1e-150", "graded", "zero"};

static tp_tensor *member(tp_tape *T, int family, tp_dtype dtype, int64_t m, int64_t n)
{
    double scale = dtype == TP_F64 ? 1e150 : 1e30;
    tp_tensor *x = tp_randn(T, dtype, tp_shape(m, n));
    if (family == HILBERT)
        for (int64_t i = 0; i < m * n; i++) {
            double v = 1.0 / (double)(i / n + i % n + 1);
            if (dtype == TP_F32)
                ((float *)tp_data(x))[i] = (float)v;
            else
                ((double *)tp_data(x))[i] = v;
        }
    if (family == DEFICIENT)
        x = tp_matmul(T, tp_randn(T, dtype, tp_shape(m, 2)), tp_randn(T, dtype, tp_shape(2, n)));
    if (family == LARGE || family == SMALL)
        x = tp_mul_scalar(T, x, family == LARGE ? scale : 1 / scale);
    if (family == GRADED)
        x = tp_mul(T, x, tp_pow(T, tp_scalar(T, dtype, 10), tp_unsqueeze(T, tp_linspace(T, dtype, 0, -12, m), -1)));
    return family == ZERO ? tp_zeros_like(T, x) : x;
}

static const int64_t sides[][2] = {{1, 1}, {1, 5},   {5, 1},   {2, 2},   {7, 3},    {3, 7},
                                   {8, 8}, {17, 16}, {33, 65}, {64, 64}, {150, 40}, {100, 130}};

/* Each family, dtype and size. */
static void over_families(void (*run)(tp_tape *, tp_tensor *, const char *))
{
    tp_tape *T = tp_tape_new();
    tp_manual_seed(T, 1);
    for (int family = 0; family < FAMILIES; family++)
        for (int dtype = TP_F32; dtype <= TP_F64; dtype++)
            for (size_t z = 0; z < LENGTH(sides); z++) {
                char what[80];
                snprintf(what, sizeof what, "%s, %s [%d, %d]", family_names[family], tp_dtype_name((tp_dtype)dtype),
                         (int)sides[z][0], (int)sides[z][1]);
                run(T, member(T, family, (tp_dtype)dtype, sides[z][0], sides[z][1]), what);
                ck_no_error(T);
                tp_tape_reset(T);
            }
    tp_tape_free(T);
}

/* 10,000 small matrices in all, of each dtype, as batches. */
static void over_many(void (*run)(tp_tape *, tp_tensor *, const char *))
{
    static const int64_t few[][2] = {{2, 2}, {5, 3}, {3, 5}, {9, 9}};
    tp_tape *T = tp_tape_new();
    tp_manual_seed(T, 2);
    for (int dtype = TP_F32; dtype <= TP_F64; dtype++)
        for (size_t z = 0; z < LENGTH(few); z++) {
            run(T, tp_randn(T, (tp_dtype)dtype, tp_shape(50, 50, few[z][0], few[z][1])), "many");
            tp_tape_reset(T);
        }
    tp_tape_free(T);
}

/* ---- QR ---------------------------------------------------------------------------------------------------------- */

static void check_qr(tp_tape *T, tp_tensor *a, const char *what)
{
    double bound = 10 * (double)tp_size(a, -2) * unit_of(tp_dtype_of(a));
    for (int mode = TP_QR_REDUCED; mode <= TP_QR_COMPLETE; mode++) {
        tp_tensor *r, *alone, *q = tp_linalg_qr(T, a, (tp_qr_mode)mode, &r);
        ck_no_error(T);
        ck_orthonormal(T, q, what);
        ck_assert_msg(off(T, tp_matmul(T, q, r), a) <= bound, "%s: Q R is off by %g", what,
                      off(T, tp_matmul(T, q, r), a));
        ck_assert(tp_equal(T, r, tp_triu(T, r, 0)));
        tp_linalg_qr(T, a, TP_QR_R, &alone);
        ck_assert(tp_equal(T, alone, tp_narrow(T, r, -2, 0, tp_size(alone, -2))));
    }
    tp_tensor *tau, *h = tp_geqrf(T, a, &tau), *back = tp_triu(T, h, 0);
    back = tp_ormqr(T, h, tau, back, true, false);
    ck_assert_msg(off(T, back, a) <= bound, "%s: H_0 H_1 ... R is off by %g", what, off(T, back, a));
}

START_TEST(qr_of_families) { over_families(check_qr); }
END_TEST
START_TEST(qr_of_many) { over_many(check_qr); }
END_TEST

typedef struct {
    tp_qr_mode mode;
} qr_case;

static tp_status qr_of(tp_tape *T, void *user, int n_in, tp_tensor *const *in, int n_out, tp_tensor **out)
{
    (void)n_in;
    tp_tensor *r, *q = tp_linalg_qr(T, in[0], ((const qr_case *)user)->mode, &r);
    out[0] = r;
    if (n_out > 1)
        out[1] = q;
    return tp_error_status(T);
}

/* Also of a complete Q, of which torch has none. */
START_TEST(qr_backward)
{
    static const int64_t shapes[][2] = {{4, 2}, {5, 4}, {3, 3}, {2, 4}};
    tp_tape *T = tp_tape_new();
    tp_manual_seed(T, 5);
    for (size_t z = 0; z < LENGTH(shapes); z++)
        for (int mode = TP_QR_REDUCED; mode <= TP_QR_R; mode++) {
            tp_tensor *x = tp_requires_grad(tp_randn(T, TP_F64, tp_shape(2, shapes[z][0], shapes[z][1])), true);
            qr_case how = {(tp_qr_mode)mode};
            tp_gradcheck_options o = {.second = true, .rtol = 1e-4, .atol = 1e-5};
            ck_assert_msg(tp_gradcheck_of(T, qr_of, &how, 1, &x, mode == TP_QR_R ? 1 : 2, &o) == TP_OK, "%d: %s", mode,
                          tp_error(T));
            tp_tape_reset(T);
        }
    tp_tape_free(T);
}
END_TEST

/* H_0 H_1 ... as a matrix, from the left and the right, transposed or not. */
START_TEST(products_with_q)
{
    tp_tape *T = tp_tape_new();
    tp_manual_seed(T, 7);
    for (size_t z = 0; z < LENGTH(sides); z++) {
        int64_t m = sides[z][0], n = sides[z][1], k = m < n ? m : n;
        tp_tensor *tau, *h = tp_geqrf(T, tp_randn(T, TP_F64, tp_shape(2, m, n)), &tau), *q;
        q = tp_expand(T, tp_eye(T, TP_F64, m, m), tp_shape(2, m, m));
        q = tp_ormqr(T, h, tau, q, true, false);
        ck_orthonormal(T, q, "Q");
        ck_assert(off(T, tp_linalg_householder_product(T, tp_narrow(T, h, -1, 0, k), tau), tp_narrow(T, q, -1, 0, k)) <
                  1e-13);
        for (int way = 0; way < 4; way++) {
            bool left = way & 1, turned = way & 2;
            tp_tensor *c = tp_randn(T, TP_F64, left ? tp_shape(2, m, 3) : tp_shape(2, 3, m));
            tp_tensor *op = turned ? mT(T, q) : q, *want = left ? tp_matmul(T, op, c) : tp_matmul(T, c, op);
            ck_assert(off(T, tp_ormqr(T, h, tau, c, left, turned), want) < 1e-12);
        }
        tp_tape_reset(T);
    }
    tp_tape_free(T);
}
END_TEST

START_TEST(qr_edges)
{
    static const tp_dims empty[] = {{2, {0, 3}}, {2, {3, 0}}, {3, {0, 3, 2}}, {2, {0, 0}}};
    tp_tape *T = tp_tape_new();
    for (size_t i = 0; i < LENGTH(empty); i++)
        for (int mode = TP_QR_REDUCED; mode <= TP_QR_R; mode++) {
            tp_tensor *r, *x = tp_requires_grad(tp_zeros(T, TP_F64, empty[i]), true);
            tp_tensor *q = tp_linalg_qr(T, x, (tp_qr_mode)mode, &r);
            ck_assert(q != NULL && r != NULL);
            ck_assert_int_eq(tp_backward(T, tp_sum(T, tp_add(T, tp_sum(T, r), tp_sum(T, q)))), TP_OK);
            ck_no_error(T);
        }
    tp_tensor *tall = tp_zeros(T, TP_F64, tp_shape(3, 0)), *r, *q = tp_linalg_qr(T, tall, TP_QR_COMPLETE, &r);
    ck_assert(tp_equal(T, q, tp_eye(T, TP_F64, 3, 3)));
    tp_linalg_qr(T, tp_zeros(T, TP_F64, tp_shape(3)), TP_QR_REDUCED, NULL);
    ck_error(T, TP_ESHAPE, "linalg_qr: x is [3]");
    tp_linalg_qr(T, tp_zeros(T, TP_I64, tp_shape(3, 3)), TP_QR_REDUCED, NULL);
    ck_error(T, TP_EDTYPE, "linalg_qr: A is int64");
    tp_linalg_qr(T, tp_zeros(T, TP_F64, tp_shape(3, 3)), (tp_qr_mode)7, NULL);
    ck_error(T, TP_EINVAL, "linalg_qr: mode 7");
    tp_linalg_householder_product(T, tp_zeros(T, TP_F64, tp_shape(2, 3)), tp_zeros(T, TP_F64, tp_shape(2)));
    ck_error(T, TP_ESHAPE, "m >= n");
    tp_ormqr(T, tp_zeros(T, TP_F64, tp_shape(3, 2)), tp_zeros(T, TP_F64, tp_shape(2)),
             tp_zeros(T, TP_F64, tp_shape(2, 2)), true, false);
    ck_error(T, TP_ESHAPE, "C is [2, 2]");
    tp_tape_free(T);
}
END_TEST

/* ---- eigenvectors ------------------------------------------------------------------------------------------------ */

static tp_tensor *scaled_columns(tp_tape *T, tp_tensor *x, tp_tensor *s)
{
    return tp_mul(T, x, tp_unsqueeze(T, s, -2));
}

static void ck_sorted(tp_tape *T, tp_tensor *x, bool ascending, const char *what)
{
    tp_tensor *order = tp_diff(T, x, 1, -1, NULL, NULL);
    ck_assert_msg(tp_numel(order) == 0 ||
                      tp_item(tp_amin(T, ascending ? order : tp_neg(T, order), 0, NULL, false)) >= 0,
                  "%s: not sorted", what);
}

/* Of the symmetric matrix whose halves are those of a square part of x; the half that is not asked for is NaN. */
static void check_eigh(tp_tape *T, tp_tensor *x, const char *what)
{
    int64_t n = tp_size(x, -1) < tp_size(x, -2) ? tp_size(x, -1) : tp_size(x, -2);
    x = tp_narrow(T, tp_narrow(T, x, -1, 0, n), -2, 0, n);
    tp_tensor *a = tp_add(T, tp_tril(T, x, 0), mT(T, tp_tril(T, x, -1)));
    double bound = 10 * (double)n * unit_of(tp_dtype_of(a));
    for (int upper = 0; upper < 2; upper++) {
        tp_tensor *other = tp_tril(T, tp_ones_like(T, a), -1);
        tp_tensor *half = tp_masked_fill(T, a, tp_to(T, upper ? other : mT(T, other), TP_BOOL), NAN);
        tp_tensor *v, *l = tp_linalg_eigh(T, half, upper, &v, NULL);
        ck_no_error(T);
        ck_orthonormal(T, v, what);
        ck_sorted(T, l, true, what);
        double error = off(T, tp_matmul(T, scaled_columns(T, v, l), mT(T, v)), a);
        ck_assert_msg(error <= bound, "%s: V L V^T is off by %g", what, error);
        double size = largest(T, l), far = largest(T, tp_sub(T, tp_linalg_eigvalsh(T, half, upper), l));
        ck_assert_msg(far <= bound * size, "%s: values alone are off by %g of %g", what, far, size);
    }
}

START_TEST(eigh_of_families) { over_families(check_eigh); }
END_TEST
START_TEST(eigh_of_many) { over_many(check_eigh); }
END_TEST

/* Q diag(1, 1 + 1e-8, 1 + 2e-8 ...) Q^T */
static tp_tensor *nearly_equal(tp_tape *T, int64_t n)
{
    tp_tensor *q = tp_linalg_qr(T, tp_randn(T, TP_F64, tp_shape(n, n)), TP_QR_REDUCED, NULL);
    tp_tensor *l = tp_linspace(T, TP_F64, 1, 1 + 1e-8 * (double)(n - 1), n);
    return tp_matmul(T, scaled_columns(T, q, l), mT(T, q));
}

START_TEST(nearly_equal_values)
{
    tp_tape *T = tp_tape_new();
    tp_manual_seed(T, 3);
    tp_tensor *a = nearly_equal(T, 30), *s, *want = tp_linspace(T, TP_F64, 1, 1 + 29e-8, 30);
    check_eigh(T, a, "nearly equal");
    ck_assert(largest(T, tp_sub(T, tp_linalg_eigvalsh(T, a, false), want)) < 30 * DBL_EPSILON);
    tp_linalg_svd(T, a, false, &s, NULL, NULL);
    ck_assert(largest(T, tp_sub(T, tp_flip(T, s, 1, &(int){0}), want)) < 30 * DBL_EPSILON);
    tp_tape_free(T);
}
END_TEST

/* ---- singular vectors -------------------------------------------------------------------------------------------- */

static void check_svd(tp_tape *T, tp_tensor *a, const char *what)
{
    int64_t m = tp_size(a, -2), n = tp_size(a, -1), k = m < n ? m : n;
    double bound = 10 * (double)(m > n ? m : n) * unit_of(tp_dtype_of(a));
    for (int full = 0; full < 2; full++) {
        tp_tensor *s, *vh, *u = tp_linalg_svd(T, a, full, &s, &vh, NULL);
        ck_no_error(T);
        ck_orthonormal(T, u, what);
        ck_orthonormal(T, mT(T, vh), what);
        ck_sorted(T, s, false, what);
        ck_assert(tp_size(u, -1) == (full ? m : k) && tp_size(vh, -2) == (full ? n : k));
        tp_tensor *back = scaled_columns(T, tp_narrow(T, u, -1, 0, k), s);
        double error = off(T, tp_matmul(T, back, tp_narrow(T, vh, -2, 0, k)), a), size = largest(T, s);
        ck_assert_msg(error <= bound, "%s: U S V^T is off by %g", what, error);
        double far = largest(T, tp_sub(T, tp_linalg_svdvals(T, a), s));
        ck_assert_msg(far <= bound * size, "%s: values alone are off by %g of %g", what, far, size);
    }
}

START_TEST(svd_of_families) { over_families(check_svd); }
END_TEST
START_TEST(svd_of_many) { over_many(check_svd); }
END_TEST

/* Values without vectors where no gradient is asked for, and with them where one is: the same; and torch.svd. */
START_TEST(svd_forms)
{
    tp_tape *T = tp_tape_new();
    tp_manual_seed(T, 4);
    tp_tensor *a = tp_randn(T, TP_F64, tp_shape(2, 5, 3)), *s, *v, *u = tp_svd(T, a, true, true, &s, &v);
    ck_assert(off(T, tp_matmul(T, scaled_columns(T, u, s), mT(T, v)), a) < 1e-14);
    u = tp_svd(T, a, false, true, &s, &v);
    ck_assert(tp_size(u, -1) == 5 && tp_size(v, -1) == 3);
    tp_tensor *alone, *zero = tp_svd(T, a, true, false, &alone, &v);
    ck_assert(largest(T, zero) == 0 && tp_size(zero, -1) == 5 && largest(T, v) == 0 && tp_size(v, -1) == 3);
    ck_assert(largest(T, tp_sub(T, alone, s)) < 1e-14);
    tp_tensor *x = tp_requires_grad(tp_clone(T, a), true);
    ck_assert(largest(T, tp_sub(T, tp_linalg_svdvals(T, x), s)) < 1e-14);
    /* with vectors that nothing depends on */
    ck_assert_int_eq(tp_backward(T, tp_sum(T, tp_square(T, tp_linalg_svdvals(T, x)))), TP_OK);
    ck_assert(off(T, tp_grad(x), tp_mul_scalar(T, a, 2)) < 1e-14);
    tp_tape_free(T);
}
END_TEST

/* ---- equal values ------------------------------------------------------------------------------------------------ */

/* The projector on the first two of three vectors, whose values are equal: it has a derivative, though the vectors
 * have none. */
static tp_status projector(tp_tape *T, void *user, int n_in, tp_tensor *const *in, int n_out, tp_tensor **out)
{
    (void)n_in;
    (void)n_out;
    double broadening = *(const double *)user;
    tp_spectrum_options o = {.broadening = fabs(broadening)};
    tp_tensor *v, *p;
    if (broadening < 0) { /* of singular vectors: the last two */
        tp_tensor *vh, *u = tp_linalg_svd(T, in[0], false, NULL, &vh, &o);
        u = tp_narrow(T, u, -1, 1, 2);
        p = tp_add(T, tp_matmul(T, u, mT(T, u)),
                   tp_matmul(T, mT(T, tp_narrow(T, vh, 0, 1, 2)), tp_narrow(T, vh, 0, 1, 2)));
    } else {
        tp_tensor *a = tp_mul_scalar(T, tp_add(T, in[0], mT(T, in[0])), 0.5);
        tp_linalg_eigh(T, a, false, &v, &o);
        v = tp_narrow(T, v, -1, 0, 2);
        p = tp_matmul(T, v, mT(T, v));
    }
    out[0] = tp_matmul(T, p, tp_reshape(T, tp_arange(T, TP_F64, 1, 10, 1), tp_shape(3, 3)));
    return tp_error_status(T);
}

START_TEST(broadened)
{
    tp_tape *T = tp_tape_new();
    tp_manual_seed(T, 6);
    tp_tensor *q = tp_linalg_qr(T, tp_randn(T, TP_F64, tp_shape(3, 3)), TP_QR_REDUCED, NULL),
              *l = tp_ones(T, TP_F64, tp_shape(3));
    ((double *)tp_data(l))[2] = 3;
    tp_tensor *a = tp_requires_grad(tp_detach(T, tp_matmul(T, scaled_columns(T, q, l), mT(T, q))), true);
    tp_gradcheck_options o = {.rtol = 1e-4, .atol = 1e-5};
    for (int svd = 0; svd < 2; svd++) {
        double broadening = svd ? -1e-12 : 1e-12;
        ck_assert_msg(tp_gradcheck_of(T, projector, &broadening, 1, &a, 1, &o) == TP_OK, "%s", tp_error(T));
    }
    /* values that are exactly equal: not a number without it, and nothing infinite with it */
    tp_tensor *x = tp_requires_grad(tp_eye(T, TP_F64, 3, 3), true), *v, *g[2];
    for (int i = 0; i < 2; i++) {
        tp_linalg_eigh(T, x, false, &v, &(tp_spectrum_options){.broadening = i ? 1e-12 : 0});
        tp_tensor *loss = tp_sum(T, tp_mul(T, v, tp_reshape(T, tp_arange(T, TP_F64, 0, 9, 1), tp_shape(3, 3))));
        ck_assert_int_eq(tp_gradients(T, 1, &loss, 1, &x, &g[i], NULL), TP_OK);
    }
    ck_assert(!isfinite(largest(T, g[0])) && isfinite(largest(T, g[1])));
    tp_linalg_svd(T, a, false, NULL, NULL, &(tp_spectrum_options){.broadening = -1});
    ck_error(T, TP_EINVAL, "linalg_svd: the broadening is -1");
    tp_tape_free(T);
}
END_TEST

/* ---- what is refused --------------------------------------------------------------------------------------------- */

START_TEST(not_finite)
{
    tp_tape *T = tp_tape_new();
    tp_tensor *one = tp_eye(T, TP_F32, 3, 3), *batch = tp_ones(T, TP_F64, tp_shape(2, 20, 3, 3)), *s;
    ((float *)tp_data(one))[3] = NAN;
    ((double *)tp_data(batch))[9 * 37 + 6] = INFINITY;
    tp_linalg_svd(T, one, true, &s, NULL, NULL);
    ck_assert(s == NULL);
    ck_error(T, TP_ENUMERIC, "linalg_svd: A is not finite (row 2)");
    tp_linalg_svdvals(T, batch);
    ck_error(T, TP_ENUMERIC, "linalg_svdvals: matrix 37 of the batch is not finite (row 3)");
    tp_linalg_eigh(T, one, false, NULL, NULL);
    ck_error(T, TP_ENUMERIC, "linalg_eigh: A is not finite (row 2)");
    ck_assert(tp_linalg_eigh(T, one, true, NULL, NULL) != NULL); /* the half that is not read */
    tp_linalg_eigvalsh(T, batch, false);
    ck_error(T, TP_ENUMERIC, "matrix 37 of the batch");
    tp_linalg_eigh(T, tp_zeros(T, TP_F64, tp_shape(2, 3)), false, NULL, NULL);
    ck_error(T, TP_ESHAPE, "[2, 3]");
    tp_tape_free(T);
}
END_TEST

START_TEST(spectra_of_nothing)
{
    static const tp_dims empty[] = {{2, {0, 3}}, {2, {3, 0}}, {3, {0, 3, 3}}, {3, {2, 0, 0}}};
    tp_tape *T = tp_tape_new();
    for (size_t i = 0; i < LENGTH(empty); i++)
        for (int full = 0; full < 2; full++) {
            tp_tensor *x = tp_requires_grad(tp_zeros(T, TP_F64, empty[i]), true), *s, *vh, *v;
            tp_tensor *u = tp_linalg_svd(T, x, full, &s, &vh, NULL);
            ck_assert_int_eq(tp_backward(T, tp_add(T, tp_sum(T, s), tp_add(T, tp_sum(T, u), tp_sum(T, vh)))), TP_OK);
            if (full)
                ck_orthonormal(T, u, "empty");
            if (tp_size(x, -1) == tp_size(x, -2)) {
                s = tp_linalg_eigh(T, x, full, &v, NULL);
                ck_assert_int_eq(tp_backward(T, tp_add(T, tp_sum(T, s), tp_sum(T, v))), TP_OK);
            }
            ck_no_error(T);
        }
    tp_tape_free(T);
}
END_TEST

/* ---- pseudoinverses and least squares ---------------------------------------------------------------------------- */

/* Penrose's equations, of what has singular values well above the threshold or at rounding. */
static void check_pinv(tp_tape *T, tp_tensor *a, const char *what)
{
    if (strstr(what, "Hilbert") || strstr(what, "graded"))
        return; /* values on both sides of the threshold */
    double bound = 100 * (double)(tp_size(a, -2) + tp_size(a, -1)) * unit_of(tp_dtype_of(a));
    tp_tensor *p = tp_linalg_pinv(T, a, NULL), *s = tp_linalg_svdvals(T, a);
    bool zero = largest(T, s) == 0;
    double smallest = zero
                          ? 1
                          : tp_item(tp_amin(T, tp_masked_fill(T, s, tp_le_scalar(T, s, 1e-5 * largest(T, s)), INFINITY),
                                            0, NULL, false));
    bound *= zero ? 1 : largest(T, s) / smallest;
    tp_tensor *ap = tp_matmul(T, a, p), *pa = tp_matmul(T, p, a);
    ck_assert_msg(off(T, tp_matmul(T, ap, a), a) <= bound, "%s: A P A is off by %g", what,
                  off(T, tp_matmul(T, ap, a), a));
    ck_assert_msg(off(T, tp_matmul(T, pa, p), p) <= bound, "%s: P A P is off by %g", what,
                  off(T, tp_matmul(T, pa, p), p));
    ck_assert(largest(T, tp_sub(T, ap, mT(T, ap))) <= bound && largest(T, tp_sub(T, pa, mT(T, pa))) <= bound);
}

START_TEST(pinv_of_families) { over_families(check_pinv); }
END_TEST

START_TEST(ranks)
{
    tp_tape *T = tp_tape_new();
    tp_manual_seed(T, 8);
    tp_tensor *x = tp_matmul(T, tp_randn(T, TP_F64, tp_shape(3, 6, 2)), tp_randn(T, TP_F64, tp_shape(3, 2, 6)));
    tp_tensor *r = tp_linalg_matrix_rank(T, x, NULL);
    ck_values(r, 0, 2, 2, 2);
    ck_assert(tp_dtype_of(r) == TP_I64);
    tp_tensor *d = tp_diag_embed(T, tp_linspace(T, TP_F64, -4, 5, 10), 0, 0, 1); /* -4 ... 5: one is 0 */
    ck_assert(tp_item(tp_linalg_matrix_rank(T, d, NULL)) == 9);
    ck_assert(tp_item(tp_linalg_matrix_rank(T, d, &(tp_rank_options){.hermitian = true})) == 9);
    ck_assert(tp_item(tp_linalg_matrix_rank(T, d, &(tp_rank_options){.atol = 2.5})) == 5);
    ck_assert(tp_item(tp_linalg_matrix_rank(T, d, &(tp_rank_options){.rtol = 0.5, .hermitian = true})) == 5);
    ck_assert(tp_item(tp_linalg_matrix_rank(T, d, &(tp_rank_options){.atol = 2.5, .rtol = 0.9})) == 1);
    tp_tensor *p = tp_linalg_pinv(T, d, &(tp_rank_options){.atol = 2.5});
    ck_assert(fabs(tp_item_at(p, 0) + 0.25) < 1e-15 && tp_item_at(p, 22) == 0);
    ck_assert(off(T, tp_linalg_pinv(T, d, &(tp_rank_options){.hermitian = true}), tp_linalg_pinv(T, d, NULL)) < 1e-15);
    tp_linalg_pinv(T, d, &(tp_rank_options){.atol = -1});
    ck_error(T, TP_EINVAL, "linalg_pinv: atol is -1");
    ck_assert(tp_numel(tp_linalg_matrix_rank(T, tp_zeros(T, TP_F64, tp_shape(2, 0, 3)), NULL)) == 2);
    ck_assert(tp_size(tp_linalg_pinv(T, tp_zeros(T, TP_F64, tp_shape(2, 0, 3)), NULL), -2) == 3);
    tp_tape_free(T);
}
END_TEST

/* What is left is orthogonal to the columns of A, and X has no part that A does not see. */
START_TEST(least_squares)
{
    tp_tape *T = tp_tape_new();
    tp_manual_seed(T, 9);
    for (size_t z = 0; z < LENGTH(sides); z++)
        for (int way = 0; way < 16; way++) {
            tp_dtype dtype = way & 1 ? TP_F64 : TP_F32;
            tp_lstsq_options o = {.driver = (tp_lstsq_driver)(way >> 1 & 3)};
            int64_t m = sides[z][0], n = sides[z][1], k = m < n ? m : n;
            tp_tensor *a = member(T, way & 8 && o.driver != TP_GELS && k > 2 ? DEFICIENT : RANDOM, dtype, m, n);
            tp_tensor *b = tp_randn(T, dtype, tp_shape(m, 3)), *left, *rank, *s;
            tp_tensor *x = tp_linalg_lstsq(T, a, b, &o, &left, &rank, &s), *p = tp_linalg_pinv(T, a, NULL);
            ck_no_error(T);
            double bound = 1e3 * (double)(m + n) * unit_of(dtype) *
                           tp_item(tp_select(T, tp_linalg_svdvals(T, a), -1, 0)) *
                           tp_item(tp_linalg_matrix_norm(T, p, 2, -2, -1, false));
            ck_assert_msg(off(T, x, tp_matmul(T, p, b)) < bound, "driver %d, [%d, %d]: off by %g, not %g",
                          (int)o.driver, (int)m, (int)n, off(T, x, tp_matmul(T, p, b)), bound);
            if (o.driver == TP_GELS)
                ck_assert(tp_numel(rank) == 0);
            else
                ck_assert(tp_item(rank) == tp_item(tp_linalg_matrix_rank(T, a, NULL)));
            bool values = o.driver >= TP_GELSD, full = o.driver == TP_GELS || tp_item(rank) == (double)n;
            ck_assert(tp_numel(s) == (values ? k : 0));
            ck_assert(tp_numel(left) == (m > n && o.driver != TP_GELSY && full ? 3 : 0));
            tp_tape_reset(T);
        }
    tp_tape_free(T);
}
END_TEST

static tp_status squares_left(tp_tape *T, void *user, int n_in, tp_tensor *const *in, int n_out, tp_tensor **out)
{
    (void)user;
    (void)n_in;
    (void)n_out;
    out[0] = tp_linalg_lstsq(T, in[0], in[1], &(tp_lstsq_options){.driver = TP_GELS}, &out[1], NULL, NULL);
    return tp_error_status(T);
}

START_TEST(least_squares_forms)
{
    tp_tape *T = tp_tape_new();
    tp_manual_seed(T, 10);
    tp_tensor *in[2] = {tp_requires_grad(tp_randn(T, TP_F64, tp_shape(2, 5, 3)), true),
                        tp_requires_grad(tp_randn(T, TP_F64, tp_shape(2, 5)), true)};
    tp_gradcheck_options o = {.second = true, .rtol = 1e-4, .atol = 1e-5};
    ck_assert_msg(tp_gradcheck_of(T, squares_left, NULL, 2, in, 2, &o) == TP_OK, "%s", tp_error(T));
    tp_tensor *x = tp_linalg_lstsq(T, in[0], in[1], NULL, NULL, NULL, NULL);
    ck_assert(tp_ndim(x) == 2 && tp_size(x, 1) == 3); /* vectors */
    x = tp_linalg_lstsq(T, in[0], tp_randn(T, TP_F64, tp_shape(4, 1, 5, 2)), NULL, NULL, NULL, NULL);
    ck_assert(tp_ndim(x) == 4 && tp_size(x, 1) == 2);
    tp_tensor *flat = tp_ones(T, TP_F64, tp_shape(4, 2));
    for (int i = 0; i < 4; i++)
        ((double *)tp_data(flat))[2 * i + 1] = 0;
    tp_linalg_lstsq(T, flat, tp_ones(T, TP_F64, tp_shape(4)), &(tp_lstsq_options){.driver = TP_GELS}, NULL, NULL, NULL);
    ck_error(T, TP_ENUMERIC, "linalg_lstsq: A is not of full rank (diagonal element 2)");
    ((double *)tp_data(flat))[1] = NAN;
    tp_linalg_lstsq(T, flat, tp_ones(T, TP_F64, tp_shape(4)), &(tp_lstsq_options){.driver = TP_GELSD}, NULL, NULL,
                    NULL);
    ck_error(T, TP_ENUMERIC, "linalg_lstsq: A is not finite (row 1)");
    tp_linalg_lstsq(T, flat, tp_ones(T, TP_F64, tp_shape(3)), NULL, NULL, NULL, NULL);
    ck_error(T, TP_ESHAPE, "linalg_lstsq: A is [4, 2]");
    tp_linalg_lstsq(T, flat, tp_ones(T, TP_F64, tp_shape(4)), &(tp_lstsq_options){.rcond = -1}, NULL, NULL, NULL);
    ck_error(T, TP_EINVAL, "rcond -1");
    x = tp_linalg_lstsq(T, tp_zeros(T, TP_F64, tp_shape(0, 3)), tp_zeros(T, TP_F64, tp_shape(0, 2)), NULL, NULL, NULL,
                        NULL);
    ck_assert(tp_size(x, 0) == 3 && largest(T, x) == 0);
    tp_tape_free(T);
}
END_TEST

/* ---- norms, exponentials, tensors -------------------------------------------------------------------------------- */

START_TEST(norms)
{
    static const double orders[] = {TP_NORM_FRO, TP_NORM_NUC, 1, -1, 2, -2, INFINITY, -INFINITY};
    /* of [[1, -2], [3, 4]]: its singular values are the roots of 15 +- sqrt(125) */
    double big = sqrt(15 + sqrt(125)), small = sqrt(15 - sqrt(125));
    const double want[] = {sqrt(30), big + small, 6, 4, big, small, 7, 3};
    tp_tape *T = tp_tape_new();
    tp_tensor *a = tp_zeros(T, TP_F64, tp_shape(2, 2));
    memcpy(tp_data(a), (const double[]){1, -2, 3, 4}, 4 * sizeof(double));
    for (size_t i = 0; i < LENGTH(orders); i++) {
        ck_values(tp_linalg_matrix_norm(T, a, orders[i], -2, -1, false), 1e-14, want[i]);
        ck_values(tp_linalg_norm(T, a, orders[i], 0, NULL, false), 1e-14, want[i]);
        /* turned, the norms of rows are those of columns; and in the middle of other dimensions */
        tp_tensor *four = tp_expand(T, tp_reshape(T, a, tp_shape(1, 2, 1, 2)), tp_shape(3, 2, 5, 2));
        tp_tensor *kept = tp_linalg_matrix_norm(T, four, orders[i], 1, 3, true);
        ck_assert(tp_ndim(kept) == 4 && tp_size(kept, 1) == 1 && tp_size(kept, 2) == 5 && tp_size(kept, 0) == 3);
        ck_assert(fabs(tp_item_at(kept, 14) - want[i]) < 1e-14);
        tp_tensor *turned = tp_linalg_matrix_norm(T, four, orders[i], 3, 1, false);
        double other = isinf(orders[i])       ? want[orders[i] > 0 ? 2 : 3]
                       : fabs(orders[i]) == 1 ? want[orders[i] > 0 ? 6 : 7]
                                              : want[i];
        ck_assert(tp_ndim(turned) == 2 && fabs(tp_item_at(turned, 7) - other) < 1e-14);
    }
    ck_values(tp_linalg_norm(T, a, 3, 1, (const int[]){0}, false), 1e-14, cbrt(28), cbrt(72));
    tp_linalg_matrix_norm(T, a, 3, -2, -1, false);
    ck_error(T, TP_EINVAL, "linalg_matrix_norm: the order is 3");
    tp_linalg_matrix_norm(T, a, 2, 0, -2, false);
    ck_error(T, TP_EINVAL, "twice");
    tp_linalg_norm(T, tp_reshape(T, a, tp_shape(4)), TP_NORM_NUC, 0, NULL, false);
    ck_error(T, TP_EINVAL, "linalg_norm: 1 dimensions");
    tp_tape_free(T);
}
END_TEST

START_TEST(condition_numbers)
{
    static const double orders[] = {TP_NORM_FRO, 1, -1, INFINITY, -INFINITY};
    tp_tape *T = tp_tape_new();
    tp_tensor *a = tp_zeros(T, TP_F64, tp_shape(2, 2)), *ones = tp_ones(T, TP_F64, tp_shape(2, 2));
    memcpy(tp_data(a), (const double[]){1, -2, 3, 4}, 4 * sizeof(double)); /* the inverse has norms / 10 */
    double ratio = sqrt((15 + sqrt(125)) / (15 - sqrt(125)));
    ck_values(tp_linalg_cond(T, a, 2), 1e-13, ratio);
    ck_values(tp_linalg_cond(T, a, -2), 1e-13, 1 / ratio);
    ck_values(tp_linalg_cond(T, a, TP_NORM_FRO), 1e-13, 3);
    ck_values(tp_linalg_cond(T, a, TP_NORM_NUC), 1e-13, 2 + ratio + 1 / ratio);
    ck_values(tp_linalg_cond(T, a, 1), 1e-13, 6 * 7 / 10.0);
    for (size_t i = 0; i < LENGTH(orders); i++)
        ck_assert(isinf(tp_item(tp_linalg_cond(T, ones, orders[i]))));
    ck_assert(tp_numel(tp_linalg_cond(T, tp_zeros(T, TP_F64, tp_shape(4, 0, 0)), 1)) == 4);
    tp_linalg_cond(T, tp_ones(T, TP_F64, tp_shape(2, 3)), 1);
    ck_error(T, TP_EINVAL, "linalg_cond: p is 1");
    tp_tape_free(T);
}
END_TEST

/* e^A by eigenvectors of a symmetric A, and e^A e^-A = 1, over norms that need each degree and squarings. */
START_TEST(exponentials)
{
    tp_tape *T = tp_tape_new();
    tp_manual_seed(T, 11);
    for (int dtype = TP_F32; dtype <= TP_F64; dtype++)
        for (int e = -40; e <= 3; e++)
            for (int n = 1; n <= 33; n += 16) {
                tp_tensor *x = tp_mul_scalar(T, tp_randn(T, (tp_dtype)dtype, tp_shape(n, n)), ldexp(1, e) / n), *v;
                tp_tensor *a = tp_add(T, x, mT(T, x)), *l = tp_linalg_eigh(T, a, false, &v, NULL);
                tp_tensor *want = tp_matmul(T, scaled_columns(T, v, tp_exp(T, l)), mT(T, v));
                double unit = unit_of((tp_dtype)dtype), size = largest(T, l);
                ck_assert(off(T, tp_matrix_exp(T, a), want) <= 40 * (n + size) * unit);
                tp_tensor *back = tp_matmul(T, tp_matrix_exp(T, x), tp_matrix_exp(T, tp_neg(T, x)));
                size = largest(T, tp_matrix_exp(T, x)) * largest(T, tp_matrix_exp(T, tp_neg(T, x)));
                ck_assert(largest(T, tp_sub(T, back, tp_eye(T, (tp_dtype)dtype, n, n))) <= 40 * n * unit * size);
                tp_tape_reset(T);
            }
    tp_tensor *odd = tp_zeros(T, TP_F64, tp_shape(2, 2, 2));
    ((double *)tp_data(odd))[1] = INFINITY;
    tp_tensor *y = tp_matrix_exp(T, odd);
    ck_assert(isnan(tp_item_at(y, 0)) && tp_item_at(y, 4) == 1 && tp_item_at(y, 5) == 0);
    tp_tape_free(T);
}
END_TEST

/* The gradient is linear in what comes in, however large that is. */
START_TEST(exponential_of_large_gradients)
{
    tp_tape *T = tp_tape_new();
    tp_manual_seed(T, 12);
    tp_tensor *x = tp_requires_grad(tp_randn(T, TP_F64, tp_shape(4, 4)), true),
              *w = tp_randn(T, TP_F64, tp_shape(4, 4)), *g[2];
    for (int i = 0; i < 2; i++) {
        tp_tensor *loss = tp_sum(T, tp_mul(T, tp_matrix_exp(T, x), tp_mul_scalar(T, w, i ? 1e200 : 1)));
        ck_assert_int_eq(tp_gradients(T, 1, &loss, 1, &x, &g[i], NULL), TP_OK);
    }
    ck_assert(off(T, tp_mul_scalar(T, g[1], 1e-200), g[0]) < 1e-13);
    tp_tape_free(T);
}
END_TEST

START_TEST(tensors_as_matrices)
{
    tp_tape *T = tp_tape_new();
    tp_manual_seed(T, 13);
    tp_tensor *a = tp_randn(T, TP_F64, tp_shape(2, 6, 3, 4)), *inverse = tp_linalg_tensorinv(T, a, 2);
    ck_assert(tp_size(inverse, 0) == 3 && tp_size(inverse, 3) == 6);
    tp_tensor *unit = tp_tensordot(T, a, inverse, 2, (const int[]){2, 3}, (const int[]){0, 1});
    ck_assert(largest(T, tp_sub(T, tp_reshape(T, unit, tp_shape(12, 12)), tp_eye(T, TP_F64, 12, 12))) < 1e-11);
    tp_tensor *b = tp_randn(T, TP_F64, tp_shape(2, 6)), *x = tp_linalg_tensorsolve(T, a, b, 0, NULL);
    ck_assert(off(T, tp_tensordot(T, a, x, 2, (const int[]){2, 3}, (const int[]){0, 1}), b) < 1e-11);
    tp_linalg_tensorsolve(T, a, tp_narrow(T, b, 0, 0, 1), 0, NULL);
    ck_error(T, TP_ESHAPE, "linalg_tensorsolve: A is [2, 6, 3, 4], B is [1, 6]");
    tp_tensor *moved = tp_linalg_tensorsolve(T, tp_permute(T, a, tp_shape(2, 0, 3, 1)), b, 2, (const int[]){0, 2});
    ck_assert(tp_equal(T, moved, x));
    tp_linalg_tensorinv(T, a, 1);
    ck_error(T, TP_ESHAPE, "linalg_tensorinv: A is [2, 6, 3, 4], ind is 1");
    tp_tape_free(T);
}
END_TEST

/* ---- a few vectors --------------------------------------------------------------------------------------------------- */

/* What torch makes of the same seed, signs and all: torch 1.13.1, seed 5, of sin(0.7 (5 i + j)) [7, 5]. */
START_TEST(few_vectors)
{
    tp_tape *T = tp_tape_new();
    tp_tensor *a = tp_sin(T, tp_mul_scalar(T, tp_reshape(T, tp_arange(T, TP_F64, 0, 35, 1), tp_shape(7, 5)), 0.7)), *s,
              *v;
    tp_manual_seed(T, 5);
    tp_tensor *u = tp_svd_lowrank(T, a, 2, 2, NULL, &s, &v);
    ck_values(s, 1e-13, 3.362037720610538, 2.510962815901953);
    ck_values(tp_select(T, u, 0, 0), 1e-13, -0.1256352848190696, 0.5723032212751025);
    ck_values(tp_select(T, v, 0, 0), 1e-13, -0.5782520073825902, -0.16996710906437906);
    tp_manual_seed(T, 5);
    u = tp_svd_lowrank(T, mT(T, a), 3, 1, NULL, &s, &v);
    ck_values(tp_narrow(T, s, 0, 0, 2), 1e-13, 3.3620377206105383, 2.5109628159019532);
    ck_values(tp_narrow(T, tp_select(T, v, 0, 0), 0, 0, 2), 1e-13, -0.12563528481906963, 0.5723032212751022);
    tp_manual_seed(T, 5);
    u = tp_pca_lowrank(T, a, 5, true, 0, &s, &v);
    ck_values(tp_narrow(T, s, 0, 0, 2), 1e-13, 3.356691110768491, 2.5108237039014885);
    ck_values(tp_narrow(T, tp_select(T, u, 0, 0), 0, 0, 2), 1e-13, -0.10406487910621673, -0.5685107215948082);
    tp_manual_seed(T, 5);
    u = tp_svd_lowrank(T, a, 5, 1, tp_full(T, TP_F64, tp_shape(7, 5), 0.25), &s, &v);
    ck_values(tp_narrow(T, s, 0, 0, 3), 1e-13, 3.3885662413792628, 2.7507569015358584, 0.6828337464523001);
    ck_assert(off(T, tp_matmul(T, scaled_columns(T, u, s), mT(T, v)), tp_add_scalar(T, a, -0.25)) < 1e-13);
    tp_svd_lowrank(T, a, 6, 2, NULL, NULL, NULL);
    ck_error(T, TP_EINVAL, "svd_lowrank: q is 6");
    tp_tape_free(T);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("linalg_orthogonal");
    TCase *t = tcase_create("linalg_orthogonal");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, qr_of_families);
    tcase_add_test(t, qr_of_many);
    tcase_add_test(t, qr_backward);
    tcase_add_test(t, products_with_q);
    tcase_add_test(t, qr_edges);
    tcase_add_test(t, eigh_of_families);
    tcase_add_test(t, eigh_of_many);
    tcase_add_test(t, nearly_equal_values);
    tcase_add_test(t, svd_of_families);
    tcase_add_test(t, svd_of_many);
    tcase_add_test(t, svd_forms);
    tcase_add_test(t, broadened);
    tcase_add_test(t, not_finite);
    tcase_add_test(t, spectra_of_nothing);
    tcase_add_test(t, pinv_of_families);
    tcase_add_test(t, ranks);
    tcase_add_test(t, least_squares);
    tcase_add_test(t, least_squares_forms);
    tcase_add_test(t, norms);
    tcase_add_test(t, condition_numbers);
    tcase_add_test(t, exponentials);
    tcase_add_test(t, exponential_of_large_gradients);
    tcase_add_test(t, tensors_as_matrices);
    tcase_add_test(t, few_vectors);
    suite_add_tcase(suite, t);
    return run_suite(suite);
}
