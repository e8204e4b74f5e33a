/* pinv.c - pseudoinverses and ranks, by singular values or eigenvalues. */
#include "ops/linalg/equations.h"
#include "ops/linalg/orthogonal.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* What is at most the larger of atol and rtol times the largest counts as 0. */
typedef struct {
    double atol, rtol;
} tolerance;

/* Where neither is given, rtol is max(m, n) eps. */
static bool tolerance_of(tp_tape *T, const char *name, const tp_tensor *x, const tp_rank_options *o, tolerance *t)
{
    if (!tp__has_dims(T, name, x, 2))
        return false;
    int64_t most = tp__rows(x) > tp__columns(x) ? tp__rows(x) : tp__columns(x);
    double atol = o ? o->atol : 0, rtol = o ? o->rtol : 0,
           unit = x->dtype == TP_F32 ? (double)FLT_EPSILON : DBL_EPSILON;
    t->atol = atol;
    t->rtol = rtol != 0 || signbit(rtol) || atol > 0 ? rtol : unit * (double)most;
    if (atol >= 0 && t->rtol >= 0)
        return true;
    tp_fail(T, TP_EINVAL, "%s: atol is %g, rtol is %g; none below 0 is needed", name, atol, rtol);
    return false;
}

/* Tolerances for each matrix, as tensors [..., 1, 1] of the same leading dimensions, are inputs behind A. */
enum { A, ATOL, RTOL };

static double threshold(const tp_call *c, int64_t i, double largest)
{
    tolerance t = *(const tolerance *)c->attr;
    if (c->n_in > RTOL) {
        t.atol = tp__load(tp__matrix(c->in[ATOL], i), c->in[ATOL]->dtype);
        t.rtol = tp__load(tp__matrix(c->in[RTOL], i), c->in[RTOL]->dtype);
    }
    return fmax(t.atol, t.rtol * largest);
}

/* What they are by default, as in torch, and all leading dimensions; false after a failure. */
static bool tolerances_of(tp_tape *T, const char *name, tp_tensor **a, tp_tensor **atol, tp_tensor **rtol)
{
    tolerance t;
    if (!tolerance_of(T, name, *a, NULL, &t))
        return false;
    tp_tensor *none = tp__number(T, *a, 0), *in[3] = {*a, *atol ? *atol : none, *rtol};
    if (*rtol == NULL)
        in[2] = tp_where(T, tp_gt_scalar(T, in[1], 0), none, tp__number(T, *a, t.rtol));
    for (int i = 1; i < 3; i++)
        in[i] = tp_unsqueeze(T, tp_unsqueeze(T, tp_to(T, tp_detach(T, in[i]), (*a)->dtype), -1), -1);
    if (!tp__ok(T) || !tp__broadcast_all(T, name, 3, in))
        return false;
    *a = in[0];
    *atol = in[1];
    *rtol = in[2];
    return true;
}

/* ---- pseudoinverses ---------------------------------------------------------------------------------------------- */

static tp_status tolerances_fit(tp_call *c)
{
    static const char *const names[] = {"A", "atol", "rtol"};
    if (tp__matrix_floats(c, A, names[A]) != TP_OK)
        return c->tape->status;
    if (c->n_in != A + 1 && c->n_in != RTOL + 1)
        return tp_call_fail(c, TP_EINVAL, "there are %d inputs; 1 or 3 are needed", c->n_in);
    for (int i = ATOL; i < c->n_in; i++)
        if (tp__fits_first(c, i, names[i], 1, 1) != TP_OK)
            return c->tape->status;
    return TP_OK;
}

static tp_status pinv_infer(tp_call *c)
{
    const tp_tensor *a = c->in[A];
    if (tolerances_fit(c) != TP_OK)
        return c->tape->status;
    return tp_call_out(c, 0, a->dtype, tp__batch_and(a, tp__columns(a), tp__rows(a)));
}

static tp_status hermitian_infer(tp_call *c)
{
    return tp__square_floats(c, c->in[A]) == TP_OK && tolerances_fit(c) == TP_OK ? tp__infer_like_first(c)
                                                                                 : c->tape->status;
}

/* Where the parts of the work are: values, the vectors of either side, LAPACK's own. */
typedef struct {
    size_t left, right, space, all;
    int64_t bytes; /* of LAPACK's own */
} plan;

static size_t aligned(size_t bytes) { return (bytes + 63) / 64 * 64; }

static plan plan_of(const tp_tensor *a, bool hermitian)
{
    int64_t m = tp__rows(a), n = tp__columns(a), k = tp__least_side(a);
    size_t size = tp_dtype_size(a->dtype);
    plan p = {.left = aligned((size_t)k * size)};
    p.right = p.left + aligned((size_t)(m * k) * size);
    p.space = p.right + aligned((size_t)(k * n) * size);
    p.bytes = hermitian ? tp__eigh_space(a->dtype, n) : tp__svd_space(a->dtype, m, n, true, false);
    p.all = p.space + (p.bytes > 0 ? (size_t)p.bytes : 0);
    return p;
}

/* x [rows, n] times 1 / w[j] in column j, or 0 where |w[j]| is not above `least`. */
static void divide_columns(tp_dtype dtype, int64_t rows, int64_t n, void *x, const void *w, double least)
{
    size_t size = tp_dtype_size(dtype);
    for (int64_t j = 0; j < n; j++) {
        double v = tp__load((const char *)w + (size_t)j * size, dtype);
        for (int64_t i = 0; i < rows; i++) {
            void *at = (char *)x + (size_t)(i * n + j) * size;
            tp__store(at, dtype, fabs(v) > least ? tp__load(at, dtype) / v : 0);
        }
    }
}

/* V (U S^+)^T */
static int invert(const tp__batch *b, int64_t i, void *scratch)
{
    const tp_call *c = b->call;
    const tp_tensor *a = c->in[0];
    const plan *p = b->user;
    int64_t m = tp__rows(a), n = tp__columns(a), k = tp__least_side(a);
    char *w = scratch, *u = (char *)scratch + p->left, *vt = (char *)scratch + p->right;
    int info = tp__svd(a->dtype, false, m, n, tp__matrix(a, i), w, u, vt, (char *)scratch + p->space, p->bytes);
    if (info != 0)
        return info;
    divide_columns(a->dtype, m, k, u, w, threshold(c, i, tp__load(w, a->dtype)));
    return tp__gemm(a->dtype, true, true, n, m, k, 1, vt, n, u, k, 0, tp__matrix(c->out[0], i), m) ? 0 : -1;
}

/* V (V L^+)^T */
static int invert_symmetric(const tp__batch *b, int64_t i, void *scratch)
{
    const tp_call *c = b->call;
    const tp_tensor *a = c->in[0];
    const plan *p = b->user;
    int64_t n = tp__rows(a);
    size_t size = tp_dtype_size(a->dtype), each = (size_t)(n * n) * size;
    char *w = scratch, *v = (char *)scratch + p->left, *divided = (char *)scratch + p->right;
    int info = tp__eigh(a->dtype, false, n, tp__matrix(a, i), w, v, (char *)scratch + p->space);
    if (info != 0)
        return info;
    double first = fabs(tp__load(w, a->dtype)), last = fabs(tp__load(w + (size_t)(n - 1) * size, a->dtype));
    memcpy(divided, v, each);
    divide_columns(a->dtype, n, n, divided, w, threshold(c, i, fmax(first, last)));
    return tp__gemm(a->dtype, false, true, n, n, n, 1, divided, n, v, n, 0, tp__matrix(c->out[0], i), n) ? 0 : -1;
}

static tp_status run_pinv(tp_call *c, bool hermitian)
{
    const tp_tensor *a = c->in[0];
    if (a->numel == 0)
        return TP_OK;
    plan p = plan_of(a, hermitian);
    if (p.bytes < 0)
        return tp_call_fail(c, TP_EUNSUPPORTED, "A is %s; sizes that LAPACK can count are needed", TP__SHAPE(a));
    if (tp__must_be_finite(c, a, hermitian ? TP__LOWER_HALF : TP__ALL_OF_IT) != TP_OK)
        return c->tape->status;
    return tp__run_batch(&(tp__batch){.one = hermitian ? invert_symmetric : invert,
                                      .call = c,
                                      .count = tp__matrices(a),
                                      .flops = 8 * tp__rows(a) * tp__columns(a) * tp__least_side(a),
                                      .scratch = p.all,
                                      .trouble = TP__UNCONVERGED,
                                      .counted = "elements left",
                                      .needed = "another one",
                                      .user = &p});
}

static tp_status pinv_forward(tp_call *c) { return run_pinv(c, false); }
static tp_status hermitian_forward(tp_call *c) { return run_pinv(c, true); }

/* -P^T G P^T + (I - A P) G^T P P^T + P^T P G^T (I - P A), in products of the shorter side: G. Golub, V. Pereyra, "The
 * differentiation of pseudo-inverses and nonlinear least squares problems whose variables separate", 1973, of
 * constant rank. */
tp_tensor *tp__pinv_pull(tp_tape *T, tp_tensor *a, tp_tensor *p, tp_tensor *g)
{
    tp_tensor *pt = tp__mT(T, p), *gt = tp__mT(T, g), *k, *turned, *beside, *below;
    if (a == NULL || p == NULL || g == NULL)
        return NULL;
    if (tp__rows(a) <= tp__columns(a)) {
        k = tp_matmul(T, gt, p);
        turned = tp__mT(T, tp_matmul(T, p, k));
        tp_tensor *kpt = tp_matmul(T, k, pt);
        beside = tp_sub(T, kpt, tp_matmul(T, tp_matmul(T, a, p), kpt));
        below = tp_matmul(T, tp_matmul(T, pt, p), tp_sub(T, gt, tp_matmul(T, k, a)));
    } else {
        k = tp_matmul(T, p, gt);
        turned = tp__mT(T, tp_matmul(T, k, p));
        beside = tp_matmul(T, tp_sub(T, gt, tp_matmul(T, a, k)), tp_matmul(T, p, pt));
        tp_tensor *ptk = tp_matmul(T, pt, k);
        below = tp_sub(T, ptk, tp_matmul(T, tp_matmul(T, ptk, p), a));
    }
    return tp_add(T, tp_sub(T, beside, turned), below);
}

static tp_status pinv_vjp(tp_vjp *v)
{
    v->gin[0] = tp__pinv_pull(v->tape, v->in[0], v->out[0], v->gout[0]);
    return TP_OK;
}

static void pinv_samples(tp_sampler *s)
{
    static const int64_t shapes[][2] = {{3, 3}, {4, 2}, {2, 4}};
    for (int i = 0; i < 3; i++) {
        tp_tensor *x = tp__corner(s->tape, tp__sample_matrix(s, (tp_dims){2, {4, 4}}), shapes[i][0], shapes[i][1]);
        x = tp_requires_grad(tp_detach(s->tape, tp_clone(s->tape, x)), true);
        tp_sample(s, &(tolerance){0, 1e-6}, 1, &x);
    }
    tp_tensor *x = tp__sample_matrix(s, (tp_dims){3, {2, 2, 2}});
    tp_sample(s, &(tolerance){1e-4, 0}, 1, &x);
    tp_tensor *in[3] = {x, tp_detach(s->tape, tp_sample_tensor(s, (tp_dims){3, {2, 1, 1}}, 0, 1e-4)),
                        tp_detach(s->tape, tp_sample_tensor(s, (tp_dims){3, {2, 1, 1}}, 0, 1e-6))};
    tp_sample(s, &(tolerance){0, 0}, 3, in);
}

static void hermitian_samples(tp_sampler *s)
{
    tp_tensor *x = tp__sample_matrix(s, (tp_dims){3, {2, 3, 3}});
    x = tp_requires_grad(tp_detach(s->tape, tp_add(s->tape, x, tp__mT(s->tape, x))), true);
    tp_sample(s, &(tolerance){0, 1e-6}, 1, &x);
}

/* clang-format off */
static const tp_op pinv_op = {
    .name = "linalg_pinv", .n_in = -1, .n_out = 1, .attr_size = sizeof(tolerance), .grad_name = "LinalgPinvBackward0",
    .infer = pinv_infer, .forward = pinv_forward, .vjp = pinv_vjp, .samples = pinv_samples};
static const tp_op hermitian_op = {
    .name = "linalg_pinv_hermitian", .n_in = -1, .n_out = 1, .attr_size = sizeof(tolerance), .flags = TP_OP_SYMMETRIC,
    .grad_name = "LinalgPinvBackward0",
    .infer = hermitian_infer, .forward = hermitian_forward, .vjp = pinv_vjp, .samples = hermitian_samples};
/* clang-format on */

tp_tensor *tp__pinv(tp_tape *T, tp_tensor *a, double rtol) { return tp__apply1(T, &pinv_op, &(tolerance){0, rtol}, a); }

tp_tensor *tp_linalg_pinv(tp_tape *T, tp_tensor *a, const tp_rank_options *options)
{
    TP__NAMED(T, "linalg_pinv");
    tolerance t;
    if (!tolerance_of(T, "linalg_pinv", a, options, &t))
        return NULL;
    return tp__apply1(T, options && options->hermitian ? &hermitian_op : &pinv_op, &t, a);
}

tp_tensor *tp_linalg_pinv_tensors(tp_tape *T, tp_tensor *a, tp_tensor *atol, tp_tensor *rtol, bool hermitian)
{
    TP__NAMED(T, "linalg_pinv_tensors");
    if (!tolerances_of(T, "linalg_pinv_tensors", &a, &atol, &rtol))
        return NULL;
    return tp__apply3(T, hermitian ? &hermitian_op : &pinv_op, &(tolerance){0, 0}, a, atol, rtol);
}

/* ---- ranks ------------------------------------------------------------------------------------------------------- */

/* How many values are above max(atol, rtol largest), of tolerances [..., 1]. */
static tp_tensor *rank_of(tp_tape *T, tp_tensor *a, bool hermitian, tp_tensor *atol, tp_tensor *rtol)
{
    a = tp_detach(T, a);
    tp_tensor *s = hermitian ? tp_abs(T, tp_linalg_eigvalsh(T, a, false)) : tp_linalg_svdvals(T, a);
    if (s && tp__least_side(a) == 0)
        return tp_zeros(T, TP_I64, tp__batch_of(a));
    tp_tensor *least = s ? tp_mul(T, tp_amax(T, s, 1, &(int){-1}, true), rtol) : NULL;
    return tp_count_nonzero(T, tp_gt(T, s, tp_maximum(T, least, atol)), 1, &(int){-1});
}

tp_tensor *tp_linalg_matrix_rank(tp_tape *T, tp_tensor *a, const tp_rank_options *options)
{
    TP__NAMED(T, "linalg_matrix_rank");
    tolerance t;
    if (!tolerance_of(T, "linalg_matrix_rank", a, options, &t))
        return NULL;
    return rank_of(T, a, options && options->hermitian, tp__number(T, a, t.atol), tp__number(T, a, t.rtol));
}

tp_tensor *tp_linalg_matrix_rank_tensors(tp_tape *T, tp_tensor *a, tp_tensor *atol, tp_tensor *rtol, bool hermitian)
{
    TP__NAMED(T, "linalg_matrix_rank_tensors");
    if (!tolerances_of(T, "linalg_matrix_rank_tensors", &a, &atol, &rtol))
        return NULL;
    return rank_of(T, a, hermitian, tp_squeeze_dim(T, atol, -1), tp_squeeze_dim(T, rtol, -1));
}

const tp_op *const tp__ops_pinv[] = {
#include TP__OPERATORS
    NULL};
