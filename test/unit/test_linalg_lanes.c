/* test_linalg_lanes.c - small matrices, which are computed some at once: residuals of batches of all sizes, the same bits for a
 * matrix whatever stands beside it, and their gradients beside those that are made of other operators. */
#include "support/support.h"

#include <float.h>

static tp_tape *T;
static void setup(void) { T = tp_tape_new(); }
static void teardown(void)
{
    char message[200];
    ck_assert_msg(tp_tape_check(T, message, sizeof message) == TP_OK, "%s", message);
    tp_tape_free(T);
}

static const int last[2] = {-2, -1};
static double eps_of(tp_dtype dtype) { return dtype == TP_F32 ? (double)FLT_EPSILON : DBL_EPSILON; }
static tp_tensor *largest_of(tp_tensor *x) { return tp_amax(T, tp_abs(T, x), 2, last, true); }

/* ---- what is computed ---- */

enum { LU, SOLVE, INVERSE, CHOLESKY, LOWER, UPPER, DET, SLOGDET, QR, TALL, WIDE, BY_FACTOR, OPERATIONS };
static const char *const names[OPERATIONS] = {
    "lu_factor", "solve",   "inv", "cholesky", "solve_triangular", "solve_triangular",
    "det",       "slogdet", "qr",  "tall qr",  "wide qr",          "cholesky_solve"};

/* Matrices of such an operation, far from singular. */
static tp_tensor *matrices(int op, tp_dtype dtype, int64_t count, int64_t n)
{
    tp_tensor *a = tp_randn(T, dtype, tp_shape(count, n, n)), *eye = tp_eye(T, dtype, n, n);
    if (op == CHOLESKY)
        return tp_add(T, tp_div_scalar(T, tp_matmul(T, a, tp_mT(T, a)), (double)n), eye);
    if (op == LU || op == SOLVE || op == INVERSE)
        return a;
    return tp_add(T, tp_div_scalar(T, a, (double)n), tp_mul_scalar(T, eye, 1.5));
}

/* The results; the first is what a gradient is taken of. */
static int compute(int op, tp_tensor *a, tp_tensor *b, tp_tensor **out)
{
    switch (op) {
    case LU:
        out[0] = tp_linalg_lu_factor_ex(T, a, &out[1], &out[2]);
        return 3;
    case SOLVE:
        out[0] = tp_linalg_solve_ex(T, a, b, true, &out[1]);
        return 2;
    case INVERSE:
        out[0] = tp_linalg_inv_ex(T, a, &out[1]);
        return 2;
    case CHOLESKY:
        out[0] = tp_linalg_cholesky_ex(T, a, false, &out[1]);
        return 2;
    case LOWER:
        out[0] = tp_linalg_solve_triangular(T, a, b, false);
        return 1;
    case UPPER:
        out[0] = tp_linalg_solve_triangular_with(T, a, b, true, true, true);
        return 1;
    case DET:
        out[0] = tp_linalg_det(T, a);
        return 1;
    case SLOGDET:
        out[1] = tp_linalg_slogdet(T, a, &out[0]);
        return 2;
    case QR: /* of the matrices, of their first columns, of their first rows */
        out[0] = tp_linalg_qr(T, a, TP_QR_REDUCED, &out[1]);
        return 2;
    case TALL:
        out[1] = tp_linalg_qr(T, tp_narrow(T, a, -1, 0, (tp_size(a, -1) + 1) / 2), TP_QR_REDUCED, &out[0]);
        return 2;
    case WIDE:
        out[1] = tp_linalg_qr(T, tp_narrow(T, a, -2, 0, (tp_size(a, -1) + 1) / 2), TP_QR_REDUCED, &out[0]);
        return 2;
    default:
        out[0] = tp_cholesky_solve(T, b, a, false);
        out[1] = tp_cholesky_solve(T, b, a, true);
        return 2;
    }
}

/* And the gradients of sum(out[0] w), where the operation has any. */
static int compute_both(int op, tp_tensor *a, tp_tensor *b, tp_tensor *w, bool graph, tp_tensor **out)
{
    tp_tensor *in[2] = {tp_requires_grad(tp_detach(T, a), true), tp_requires_grad(tp_detach(T, b), true)};
    int n = compute(op, in[0], in[1], out), of_b = op == SOLVE || op == LOWER || op == UPPER || op == BY_FACTOR;
    if (op == DET || op == SLOGDET)
        w = tp_select(T, tp_select(T, w, -1, 0), -1, 0);
    else
        w = tp_narrow(T, tp_narrow(T, w, -1, 0, tp_size(out[0], -1)), -2, 0, tp_size(out[0], -2));
    tp_tensor *loss = tp_sum(T, tp_mul(T, out[0], w));
    tp_gradients(T, 1, &loss, 1 + of_b, in, out + n, &(tp_gradients_options){.create_graph = graph});
    ck_no_error(T);
    return n + 1 + of_b;
}

enum { MOST = 8 };

/* ---- residuals: all sizes of batches, all orders, some 15,000 matrices ---- */

static void small(const char *name, tp_tensor *off, tp_tensor *scale, double bound)
{
    double worst = tp_item(tp_amax(T, tp_div(T, largest_of(off), scale), 0, NULL, false));
    ck_no_error(T);
    ck_assert_msg(worst <= bound, "%s of %lld matrices of order %lld: %g > %g", name, (long long)tp_size(off, 0),
                  (long long)tp_size(off, -2), worst, bound);
}

static void check_residuals(tp_dtype dtype, int64_t count, int64_t n, double scale)
{
    double bound = 10 * (double)n * eps_of(dtype);
    tp_tensor *a = tp_mul_scalar(T, matrices(SOLVE, dtype, count, n), scale), *size = largest_of(a), *p, *l, *u;
    tp_tensor *s = tp_mul_scalar(T, matrices(CHOLESKY, dtype, count, n), scale);
    tp_tensor *t = matrices(LOWER, dtype, count, n), *b = tp_randn(T, dtype, tp_shape(count, n, 2));
    tp_linalg_lu(T, a, &p, &l, &u);
    small("lu", tp_sub(T, tp_matmul(T, p, tp_matmul(T, l, u)), a), size, bound);
    ck_assert(tp_item(tp_amax(T, tp_abs(T, l), 0, NULL, false)) <= 1);
    tp_tensor *x = tp_linalg_solve(T, a, b), *y = tp_linalg_inv(T, a), *f = tp_linalg_cholesky(T, s);
    small("solve", tp_sub(T, tp_matmul(T, a, x), b), tp_mul(T, size, largest_of(x)), bound * (double)n);
    small("inv", tp_sub(T, tp_matmul(T, a, y), tp_eye(T, dtype, n, n)), tp_mul(T, size, largest_of(y)),
          bound * (double)n);
    small("cholesky", tp_sub(T, tp_matmul(T, f, tp_mT(T, f)), s), largest_of(s), bound);
    small("the upper half", tp_triu(T, f, 1), tp_ones_like(T, size), 0);
    for (int64_t k = 0; k < 3; k++) {
        tp_tensor *r, *c = k ? tp_narrow(T, a, k == 1 ? -1 : -2, 0, (n + 1) / 2) : a;
        tp_tensor *q = tp_linalg_qr(T, c, TP_QR_REDUCED, &r);
        small("qr", tp_sub(T, tp_matmul(T, q, r), c), largest_of(c), bound);
        small("R below", tp_tril(T, r, -1), tp_ones_like(T, size), 0);
        small("Q^T Q", tp_sub(T, tp_matmul(T, tp_mT(T, q), q), tp_eye(T, dtype, tp_size(q, -1), tp_size(q, -1))),
              tp_ones_like(T, size), bound);
    }
    tp_tensor *lower = tp_tril(T, t, 0), *unit = tp_add(T, tp_triu(T, t, 1), tp_eye(T, dtype, n, n));
    tp_tensor *of_l = tp_linalg_solve_triangular(T, t, b, false);
    tp_tensor *of_u = tp_linalg_solve_triangular_with(T, t, b, true, true, true);
    small("lower", tp_sub(T, tp_matmul(T, lower, of_l), b), largest_of(of_l), bound);
    small("unit upper", tp_sub(T, tp_matmul(T, unit, of_u), b), largest_of(of_u), bound);
}

START_TEST(residuals)
{
    tp_dtype dtype = _i % 2 ? TP_F32 : TP_F64;
    int64_t n = 1 + _i / 2;
    tp_manual_seed(T, (uint64_t)_i);
    for (int64_t count = 1; count <= 40; count++) {
        check_residuals(dtype, count, n, 1);
        if (count % 8 == 5 && dtype == TP_F64) {
            check_residuals(dtype, count, n, 1e150);
            check_residuals(dtype, count, n, 1e-150);
        }
        tp_tape_reset(T);
    }
}
END_TEST

/* Partial pivoting as it is written down; the determinant is the product of the pivots. */
static double eliminate(int64_t n, double *a, int *pivots)
{
    double det = 1;
    for (int64_t k = 0; k < n; k++) {
        int64_t p = k;
        for (int64_t i = k + 1; i < n; i++)
            p = fabs(a[i * n + k]) > fabs(a[p * n + k]) ? i : p;
        pivots[k] = (int)p + 1;
        det *= p == k ? a[k * n + k] : -a[p * n + k];
        for (int64_t j = 0; j < n; j++) {
            double x = a[k * n + j];
            a[k * n + j] = a[p * n + j];
            a[p * n + j] = x;
        }
        for (int64_t i = k + 1; i < n; i++) {
            a[i * n + k] /= a[k * n + k];
            for (int64_t j = k + 1; j < n; j++)
                a[i * n + j] -= a[i * n + k] * a[k * n + j];
        }
    }
    return det;
}

START_TEST(pivots)
{
    enum { COUNT = 37, ORDER = 20 };
    int64_t n = 1 + _i;
    tp_manual_seed(T, 3);
    tp_tensor *a = tp_randn(T, TP_F64, tp_shape(COUNT, n, n)), *p, *lu = tp_linalg_lu_factor(T, a, &p);
    tp_tensor *det = tp_linalg_det(T, a);
    double *at = tp_data(tp_clone(T, a)), want_det;
    for (int64_t i = 0; i < COUNT; i++) {
        int want[ORDER];
        want_det = eliminate(n, at + i * n * n, want);
        for (int64_t k = 0; k < n; k++)
            ck_assert_int_eq((int)tp_item_at(p, i * n + k), want[k]);
        for (int64_t k = 0; k < n * n; k++)
            ck_assert(fabs(tp_item_at(lu, i * n * n + k) - at[i * n * n + k]) < 1e-9);
        ck_assert(fabs(tp_item_at(det, i) / want_det - 1) < 1e-9);
    }
}
END_TEST

/* ---- the same bits ---- */

/* A copy with n elements from `first` on times s. */
static tp_tensor *spoil(tp_tensor *x, int64_t first, int64_t n, double s)
{
    tp_tensor *y = tp_clone(T, x);
    for (int64_t i = first; i < first + n; i++)
        if (tp_dtype_of(y) == TP_F64)
            ((double *)tp_data(y))[i] *= s;
        else
            ((float *)tp_data(y))[i] *= (float)s;
    return y;
}

static tp_tensor *row(tp_tensor *x, int64_t i) { return tp_contiguous(T, tp_narrow(T, x, 0, i, 1)); }

/* Alone, in batches of some sizes, and at the places of one. */
START_TEST(company)
{
    enum { COUNT = 37 };
    int op = _i % OPERATIONS;
    tp_dtype dtype = _i / OPERATIONS ? TP_F32 : TP_F64;
    for (int64_t n = 1; n <= 20; n++) {
        tp_manual_seed(T, (uint64_t)n);
        tp_tensor *a = matrices(op, dtype, COUNT, n), *b = tp_randn(T, dtype, tp_shape(COUNT, n, 1 + n % 3));
        tp_tensor *w = tp_randn(T, dtype, tp_shape(COUNT, n, n < 3 ? 3 : n)), *all[MOST], *some[MOST];
        int results = compute_both(op, a, b, w, false, all) - (op == WIDE); /* its gradient is made of products */
        for (int64_t first = 0, count = 1; first + count <= COUNT; first += count, count = count % 11 + 1) {
            tp_tensor *part[3] = {tp_narrow(T, a, 0, first, count), tp_narrow(T, b, 0, first, count),
                                  tp_narrow(T, w, 0, first, count)};
            compute_both(op, part[0], part[1], part[2], false, some);
            for (int k = 0; k < results; k++)
                ck_assert_msg(tensors_identical(some[k], tp_contiguous(T, tp_narrow(T, all[k], 0, first, count))),
                              "%s of order %lld: result %d of %lld at %lld", names[op], (long long)n, k,
                              (long long)count, (long long)first);
        }
        tp_tape_reset(T);
    }
}
END_TEST

/* A singular matrix, one that is not definite, NaN and infinity, at each place of a batch: the others stay as they are. */
START_TEST(bad_company)
{
    enum { COUNT = 19 };
    const double bad[] = {0, -1, (double)NAN, (double)INFINITY};
    int op = _i % OPERATIONS;
    tp_dtype dtype = _i / OPERATIONS ? TP_F32 : TP_F64;
    for (int64_t n = 1; n <= 17; n += 4) {
        tp_manual_seed(T, (uint64_t)n);
        tp_tensor *a = matrices(op, dtype, COUNT, n), *b = tp_randn(T, dtype, tp_shape(COUNT, n, 1)), *good[MOST];
        tp_tensor *w = tp_randn(T, dtype, tp_shape(COUNT, n, n));
        int results = compute_both(op, a, b, w, false, good);
        for (int64_t at = 0; at < COUNT * 4; at++) {
            tp_tensor *got[MOST];
            compute_both(op, spoil(a, at / 4 * n * n, n * n, bad[at % 4]), b, w, false, got);
            for (int64_t i = 0; i < COUNT; i++)
                for (int k = 0; k < results && i != at / 4; k++)
                    ck_assert_msg(tensors_identical(row(got[k], i), row(good[k], i)), "%s of order %lld: %lld by %lld",
                                  names[op], (long long)n, (long long)i, (long long)at);
        }
        tp_tape_reset(T);
    }
}
END_TEST

/* What is told of such a one is the first pivot that is 0, the first minor that is not positive. */
START_TEST(info)
{
    enum { COUNT = 21 };
    for (int64_t n = 2; n <= 18; n += 2) {
        tp_tensor *a = tp_contiguous(T, tp_expand(T, tp_eye(T, TP_F64, n, n), tp_shape(COUNT, n, n))), *told[4], *p;
        for (int64_t i = 0; i < COUNT; i++)
            if (i % 3)
                ((double *)tp_data(a))[(i * n + i % n) * n + i % n] = i % 3 == 1 ? 0 : (double)NAN;
        tp_tensor *b = tp_ones(T, TP_F64, tp_shape(COUNT, n, 1));
        tp_tensor *x[4] = {tp_linalg_cholesky_ex(T, a, false, &told[0]), tp_linalg_lu_factor_ex(T, a, &p, &told[1]),
                           tp_linalg_solve_ex(T, a, b, true, &told[2]), tp_linalg_inv_ex(T, a, &told[3])};
        ck_no_error(T);
        for (int k = 0; k < 4; k++)
            for (int64_t i = 0; i < COUNT; i++) {
                bool fails = i % 3 == 1 || (k == 0 && i % 3 == 2);
                int got = (int)tp_item_at(told[k], i), want = fails ? (int)(i % n) + 1 : 0;
                ck_assert_msg(got == want, "%d of order %lld: %d, not %d", k, (long long)n, got, want);
                ck_assert(i % 3 != 1 || k != 3 || isnan(tp_item_at(x[3], i * n * n)));
            }
    }
}
END_TEST

/* Inputs that lie otherwise: turned, in steps, one matrix for all. */
START_TEST(layouts)
{
    int op = _i;
    for (int64_t n = 2; n <= 17; n += 5) {
        tp_tensor *steps = tp_slice(T, tp_contiguous(T, tp_repeat_interleave(T, matrices(op, TP_F64, 9, n), 2, 0)), 0,
                                    0, 18, 2);
        tp_tensor *a[3] = {tp_mT(T, matrices(op, TP_F64, 9, n)), steps,
                           tp_expand(T, matrices(op, TP_F64, 1, n), tp_shape(9, n, n))};
        tp_tensor *b = tp_mT(T, tp_randn(T, TP_F64, tp_shape(9, 2, n))),
                  *w = tp_mT(T, tp_randn(T, TP_F64, tp_shape(9, n, n)));
        for (int k = 0; k < 3; k++) {
            tp_tensor *got[MOST], *want[MOST];
            int results = compute_both(op, a[k], b, w, false, got);
            compute_both(op, tp_contiguous(T, a[k]), tp_contiguous(T, b), tp_contiguous(T, w), false, want);
            for (int r = 0; r < results; r++)
                ck_assert_msg(tensors_identical(tp_contiguous(T, got[r]), tp_contiguous(T, want[r])), "%s: %d",
                              names[op], k);
        }
    }
}
END_TEST

typedef struct {
    int op;
    tp_tensor *a, *b, *w;
} job;

static void run_job(tp_tape *tape, void *user, tp_tensor **out)
{
    const job *j = user;
    tp_tensor *all[MOST];
    (void)tape;
    int n = compute_both(j->op, j->a, j->b, j->w, false, all);
    out[0] = all[0];
    out[1] = all[n - 1];
}

START_TEST(threads)
{
    for (int64_t n = 4; n <= 16; n *= 2) {
        job j = {_i, matrices(_i, TP_F64, 1003, n), tp_randn(T, TP_F64, tp_shape(1003, n, 2)),
                 tp_randn(T, TP_F64, tp_shape(1003, n, n))};
        ck_same_on_threads(T, 2, run_job, &j);
    }
}
END_TEST

/* ---- gradients ---- */

/* At once, and by operators that are differentiable themselves. */
START_TEST(gradients)
{
    int op = _i % OPERATIONS;
    tp_dtype dtype = _i / OPERATIONS ? TP_F32 : TP_F64;
    for (int64_t n = 1; n <= 18; n++) {
        tp_manual_seed(T, (uint64_t)n);
        int64_t count = 1 + n % 13;
        tp_tensor *a = matrices(op == LU || op == SOLVE || op == INVERSE ? DET : op, dtype, count, n), *got[MOST],
                  *want[MOST];
        tp_tensor *b = tp_randn(T, dtype, tp_shape(count, n, 1 + (n > 2))),
                  *w = tp_randn(T, dtype, tp_shape(count, n, n));
        int results = compute_both(op, a, b, w, false, got);
        compute_both(op, a, b, w, true, want);
        for (int k = 0; k < results; k++)
            ck_assert_msg(tensors_close(got[k], tp_detach(T, want[k]), 1e4 * eps_of(dtype), 1e3 * eps_of(dtype)),
                          "%s of order %lld: %d", names[op], (long long)n, k);
        tp_tape_reset(T);
    }
}
END_TEST

/* A gradient comes on top of what is there; a determinant's is that of its own matrix, though others are singular. */
START_TEST(on_top)
{
    for (int64_t n = 2; n <= 17; n += 5)
        for (int op = 0; op < OPERATIONS; op++) {
            tp_tensor *a = tp_requires_grad(tp_detach(T, matrices(op, TP_F64, 11, n)), true), *out[MOST], *once;
            tp_tensor *b = tp_requires_grad(tp_detach(T, tp_randn(T, TP_F64, tp_shape(11, n, 2))), true);
            for (int time = 0; time < 2; time++) {
                compute(op, a, b, out);
                tp_backward(T, tp_sum(T, tp_square(T, out[0])));
                once = time ? once : tp_clone(T, tp_grad(a));
            }
            ck_no_error(T);
            ck_assert_msg(tensors_close(tp_grad(a), tp_mul_scalar(T, once, 2), 1e-12, 1e-12), "%s", names[op]);
        }
    tp_tensor *a = matrices(DET, TP_F64, 12, 5), *spoilt = spoil(a, 3 * 25 + 5, 5, 0), *g[2], *det;
    for (int k = 0; k < 2; k++) {
        tp_tensor *x = tp_requires_grad(tp_detach(T, k ? spoilt : a), true);
        det = tp_sum(T, tp_linalg_det(T, x));
        tp_gradients(T, 1, &det, 1, &x, &g[k], NULL);
    }
    ck_no_error(T);
    for (int64_t i = 0; i < 12; i++)
        ck_assert(i == 3 || tensors_identical(row(g[0], i), row(g[1], i)));
    ck_assert(tp_item(tp_sum(T, tp_abs(T, row(g[1], 3)))) > 0.1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("linalg_lanes");
    TCase *t = tcase_create("lanes");
    tcase_set_timeout(t, 240);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, residuals, 0, 40);
    tcase_add_loop_test(t, pivots, 0, 20);
    tcase_add_loop_test(t, company, 0, 2 * OPERATIONS);
    tcase_add_loop_test(t, bad_company, 0, 2 * OPERATIONS);
    tcase_add_test(t, info);
    tcase_add_loop_test(t, layouts, 0, OPERATIONS);
    tcase_add_loop_test(t, threads, 0, OPERATIONS);
    tcase_add_loop_test(t, gradients, 0, 2 * OPERATIONS);
    tcase_add_test(t, on_top);
    suite_add_tcase(suite, t);
    return run_suite(suite);
}
