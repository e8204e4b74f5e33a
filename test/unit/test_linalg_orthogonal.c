/* test_linalg_orthogonal.c - orthogonal factorizations and what is made of them: residuals on many matrices and on badly
 * conditioned families, edge sizes, what is not finite, derivatives that torch does not have. */
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

/* ---- families of matrices ---------------------------------------------------------------------------------------------- */

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

/* ---- QR ------------------------------------------------------------------------------------------------------------------ */

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
    suite_add_tcase(suite, t);
    return run_suite(suite);
}
