/* qr.c - the QR factorization, batched over leading dimensions. */
#include "ops/linalg/orthogonal.h"

#include <string.h>

enum { Q, R, OUTPUTS };

static tp_status qr_infer(tp_call *c)
{
    const tp_tensor *a = c->in[0];
    if (tp__matrix_floats(c, 0, "A") != TP_OK)
        return c->tape->status;
    int64_t k = tp__least_side(a);
    tp_status status = tp_call_out(c, Q, a->dtype, tp__batch_and(a, tp__rows(a), k));
    return status == TP_OK ? tp_call_out(c, R, a->dtype, tp__batch_and(a, k, tp__columns(a))) : status;
}

/* The first columns of x [rows, columns]. */
static void copy_columns(const tp_tensor *like, int64_t rows, const void *x, int64_t columns, void *y, int64_t kept)
{
    size_t size = tp_dtype_size(like->dtype);
    for (int64_t i = 0; i < rows; i++)
        memcpy((char *)y + (size_t)(i * kept) * size, (const char *)x + (size_t)(i * columns) * size,
               (size_t)kept * size);
}

static void clear_below(const tp_tensor *r, void *at)
{
    int64_t n = tp__columns(r);
    size_t size = tp_dtype_size(r->dtype);
    for (int64_t i = 1; i < tp__rows(r); i++)
        memset((char *)at + (size_t)(i * n) * size, 0, (size_t)(i < n ? i : n) * size);
}

/* A tall matrix is factored where Q will be, a wide one where R will be. */
static int factor(const tp__batch *b, int64_t i, void *scratch)
{
    const tp_call *c = b->call;
    const tp_tensor *a = c->in[0];
    int64_t m = tp__rows(a), n = tp__columns(a), k = tp__least_side(a);
    size_t size = tp_dtype_size(a->dtype);
    char *q = tp__matrix(c->out[Q], i), *r = tp__matrix(c->out[R], i), *at = m >= n ? q : r;
    void *tau = scratch, *space = (char *)scratch + (size_t)k * size;
    memcpy(at, tp__matrix(a, i), (size_t)(m * n) * size);
    int info = tp__geqrf(a->dtype, m, n, at, tau, space);
    if (info != 0)
        return info;
    if (m >= n)
        memcpy(r, q, (size_t)(n * n) * size);
    else
        copy_columns(a, m, r, n, q, m);
    clear_below(c->out[R], r);
    return tp__orgqr(a->dtype, m, k, k, q, tau, space);
}

static tp_status qr_forward(tp_call *c)
{
    const tp_tensor *a = c->in[0];
    int64_t m = tp__rows(a), n = tp__columns(a), k = tp__least_side(a);
    if (a->numel == 0)
        return TP_OK;
    tp__lanes_job lanes = {.kernel = TP__LANES_QR,
                           .dtype = a->dtype,
                           .n = m,
                           .k = n,
                           .x = {tp__in_lane(a, NULL), tp__in_lane(NULL, c->out[Q]), tp__in_lane(NULL, c->out[R])}};
    return tp__run_batch(&(tp__batch){.one = factor,
                                      .lanes = &lanes,
                                      .call = c,
                                      .count = tp__matrices(a),
                                      .flops = 2 * m * n * k,
                                      .scratch = (size_t)(k + tp__qr_space(m, n)) * tp_dtype_size(a->dtype)});
}

/* Of a tall A: (gQ + Q sym(triu(gR R^T - Q^T gQ))) R^-T, where sym(X) is symmetric with X in the upper half: M.
 * Seeger et al., "Auto-differentiating linear algebra", 2017, section 3. */
static tp_tensor *pull_tall(tp_tape *T, tp_tensor *q, tp_tensor *r, tp_tensor *gq, tp_tensor *gr)
{
    tp_tensor *m = gr ? tp_matmul(T, gr, tp__mT(T, r)) : NULL;
    tp_tensor *inner = gq ? tp_neg(T, tp_matmul(T, tp__mT(T, q), gq)) : NULL;
    m = tp__sum_of(T, m, inner);
    tp_tensor *sym = tp_add(T, tp_triu(T, m, 0), tp__mT(T, tp_triu(T, m, 1)));
    tp_tensor *right = tp__sum_of(T, gq, tp_matmul(T, q, sym));
    return tp__mT(T, tp__solve_triangular(T, r, tp__mT(T, right), true, false));
}

/* A wide one is [Q R1, Q R2]: the second part gives gQ += Q R2 gR2^T. */
tp_tensor *tp__qr_pull(tp_tape *T, tp_tensor *q, tp_tensor *r, tp_tensor *gq, tp_tensor *gr)
{
    int64_t k = tp__rows(r), n = tp__columns(r);
    if (n == k)
        return pull_tall(T, q, r, gq, gr);
    tp_tensor *parts[2] = {NULL, NULL}, *r1 = tp__corner(T, r, k, k);
    if (gr) {
        tp_tensor *gr2 = tp_narrow(T, gr, -1, k, n - k), *r2 = tp_narrow(T, r, -1, k, n - k);
        gq = tp__sum_of(T, gq, tp_matmul(T, q, tp_matmul(T, r2, tp__mT(T, gr2))));
        parts[1] = tp_matmul(T, q, gr2);
        gr = tp__corner(T, gr, k, k);
    }
    parts[0] = pull_tall(T, q, r1, gq, gr);
    return parts[1] ? tp_cat(T, 2, parts, -1) : tp__with_columns(T, parts[0], n);
}

/* The same of small tall ones at once, by Q, R, gQ and gR. */
static tp_status slope_forward(tp_call *c)
{
    const tp_tensor *q = c->in[0];
    int64_t m = tp__rows(q), n = tp__columns(q);
    tp__lanes_job lanes = {.kernel = TP__LANES_QR_BACK,
                           .dtype = q->dtype,
                           .n = m,
                           .k = n,
                           .x = {tp__in_lane(q, NULL), tp__in_lane(c->in[1], NULL), tp__in_lane(c->in[2], c->out[0]),
                                 tp__in_lane(c->in[3], NULL)}};
    return tp__run_batch(&(tp__batch){.lanes = &lanes, .call = c, .count = tp__matrices(q), .flops = 3 * m * n * n});
}

static tp_status slope_infer(tp_call *c)
{
    const tp_tensor *q = c->in[0];
    bool fits = tp__matrix_floats(c, 0, "Q") == TP_OK && tp__in_lanes(tp__rows(q), tp__columns(q));
    for (int i = 1; i < 4 && fits; i++)
        fits = c->in[i]->dtype == q->dtype &&
               tp__dims_equal(tp__dims_of(c->in[i]),
                              tp__batch_and(q, tp__rows(q) * (i == 2) + tp__columns(q) * (i != 2), tp__columns(q)));
    if (c->tape->status != TP_OK)
        return c->tape->status;
    return fits ? tp__infer_like_first(c)
                : tp_call_fail(c, TP_ESHAPE, "Q is %s, R is %s; small ones and their gradients are needed",
                               TP__SHAPE(q), TP__SHAPE(c->in[1]));
}

static void slope_samples(tp_sampler *s)
{
    tp_tensor *in[4];
    for (int i = 0; i < 4; i++)
        in[i] = i % 2 ? tp__sample_matrix(s, (tp_dims){3, {2, 3, 3}})
                      : tp_sample_tensor(s, (tp_dims){3, {2, 4, 3}}, -1, 1);
    tp_sample(s, NULL, 4, in);
}

/* clang-format off */
static const tp_op slope_op = {
    .name = "qr_slope", .n_in = 4, .n_out = 1, .flags = TP_OP_NO_GRAD,
    .infer = slope_infer, .forward = slope_forward, .samples = slope_samples};
/* clang-format on */

static tp_status qr_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    tp_tensor *q = v->out[Q], *r = v->out[R];
    if (!T->recording && tp__rows(q) >= tp__columns(r) && tp__in_lanes(tp__rows(q), tp__columns(r))) {
        tp_tensor *in[4] = {q, r, v->gout[Q], v->gout[R]};
        for (int i = 0; i < 2; i++)
            in[2 + i] = in[2 + i] ? in[2 + i] : tp_zeros_like(T, in[i]);
        v->gin[0] = tp_apply(T, &slope_op, NULL, 4, in);
        return T->status;
    }
    v->gin[0] = tp__qr_pull(v->tape, v->out[Q], v->out[R], v->gout[Q], v->gout[R]);
    return TP_OK;
}

static void qr_samples(tp_sampler *s)
{
    static const int64_t shapes[][2] = {{3, 3}, {5, 3}, {3, 4}};
    for (int i = 0; i < 3; i++) {
        tp_tensor *x = tp__sample_matrix(s, (tp_dims){2, {5, 5}});
        x = tp__corner(s->tape, x, shapes[i][0], shapes[i][1]);
        x = tp_requires_grad(tp_detach(s->tape, tp_clone(s->tape, x)), true);
        tp_sample(s, NULL, 1, &x);
    }
    tp_tensor *x = tp__sample_matrix(s, (tp_dims){3, {2, 2, 2}});
    tp_sample(s, NULL, 1, &x);
    x = tp_sample_tensor(s, (tp_dims){2, {0, 2}}, -1, 1);
    tp_sample(s, NULL, 1, &x);
}

/* clang-format off */
static const tp_op qr_op = {
    .name = "linalg_qr", .n_in = 1, .n_out = OUTPUTS, .flags = TP_OP_FORGETS_IN,
    .grad_name = "LinalgQrBackward0",
    .infer = qr_infer, .forward = qr_forward, .vjp = qr_vjp, .samples = qr_samples};
/* clang-format on */

/* All of Q, of a tall A, by its reflectors: the derivative of the columns that A does not fix is theirs. */
static tp_tensor *complete(tp_tape *T, tp_tensor *a, tp_tensor **r)
{
    tp_tensor *tau = NULL, *h = tp_geqrf(T, a, &tau);
    if (h == NULL)
        return NULL;
    *r = tp_triu(T, h, 0);
    return tp__reflectors(T, tp__with_columns(T, h, tp__rows(a)), tau);
}

/* Without Q, unless a gradient needs it. */
static tp_tensor *factor_r(tp_tape *T, tp_tensor *a, tp_tensor **r)
{
    tp_tensor *out[OUTPUTS] = {NULL}, *h = NULL, *tau;
    if (tp__will_differentiate(T, a)) {
        if (tp_apply_all(T, &qr_op, NULL, 1, &a, out) == TP_OK)
            *r = out[R];
    } else if ((h = tp_geqrf(T, a, &tau)) != NULL)
        *r = tp_triu(T, tp__corner(T, h, tp__least_side(a), tp__columns(a)), 0);
    return *r ? tp_empty(T, a->dtype, (tp_dims){1, {0}}) : NULL;
}

tp_tensor *tp_linalg_qr(tp_tape *T, tp_tensor *a, tp_qr_mode mode, tp_tensor **r)
{
    TP__NAMED(T, "linalg_qr");
    tp_tensor *out[OUTPUTS] = {NULL}, *unwanted;
    r = r ? r : &unwanted;
    *r = NULL;
    if (!tp__has_dims(T, "linalg_qr", a, 2))
        return NULL;
    if (mode == TP_QR_R)
        return factor_r(T, a, r);
    if (mode == TP_QR_COMPLETE && tp__rows(a) > tp__columns(a))
        return complete(T, a, r);
    if (mode != TP_QR_REDUCED && mode != TP_QR_COMPLETE) {
        tp_fail(T, TP_EINVAL, "linalg_qr: mode %d; one of tp_qr_mode is needed", (int)mode);
        return NULL;
    }
    if (tp_apply_all(T, &qr_op, NULL, 1, &a, out) == TP_OK)
        *r = out[R];
    return out[Q];
}

const tp_op *const tp__ops_qr[] = {
#include TP__OPERATORS
    NULL};
