/* householder.c - the QR factorization as reflectors, and products of these.
 *
 * Derivatives are those of Q = I - V T V^T, T = (I + D S)^-1 D, D = diag(tau), S the part of V^T V above the
 * diagonal, which holds of any tau: R. Schreiber, C. Van Loan, "A storage-efficient WY representation for products of
 * Householder transformations", 1989; T's inverse after C. Puglisi, 1992. */
#include "ops/linalg/orthogonal.h"

#include <string.h>

typedef struct {
    tp_tensor *v, *tau; /* [m, k], [k, 1] */
    tp_tensor *s, *ds, *t;
} compact;

static compact compact_of(tp_tape *T, tp_tensor *a, tp_tensor *tau)
{
    compact c = {.v = NULL};
    if (a == NULL || tau == NULL)
        return c;
    int64_t m = tp__rows(a), k = tau->shape[tau->ndim - 1];
    c.v = tp_add(T, tp_tril(T, tp__corner(T, a, m, k), -1), tp_eye(T, a->dtype, m, k));
    c.tau = tp_unsqueeze(T, tau, -1);
    c.s = tp_triu(T, tp_matmul(T, tp__mT(T, c.v), c.v), 1);
    c.ds = tp_mul(T, c.tau, c.s);
    c.t = tp__solve_triangular(T, c.ds, tp_diag_embed(T, tau, 0, -2, -1), true, true);
    return c;
}

/* The gradients of reflectors [m, columns] and tau by those of V and T. */
static void pull_compact(tp_tape *T, const compact *c, tp_tensor *gv, tp_tensor *gt, int64_t columns, tp_tensor **ga,
                         tp_tensor **gtau)
{
    if (c->t == NULL || gv == NULL || gt == NULL)
        return;
    tp_tensor *p = tp__solve_triangular(T, tp__mT(T, c->ds), gt, false, true);
    tp_tensor *g = tp_neg(T, tp_triu(T, tp_matmul(T, p, tp__mT(T, c->t)), 1));
    tp_tensor *gs = tp_mul(T, c->tau, g);
    *gtau = tp_add(T, tp_diagonal(T, p, 0, -2, -1), tp_sum_dims(T, tp_mul(T, g, c->s), 1, &(int){-1}, false));
    gv = tp_add(T, gv, tp_matmul(T, c->v, tp_add(T, gs, tp__mT(T, gs))));
    *ga = tp__with_columns(T, tp_tril(T, gv, -1), columns);
}

/* Those of Y = Q x, or Q^T x, by that of Y. */
static void pull_product(tp_tape *T, const compact *c, bool transposed, tp_tensor *x, tp_tensor *g, int64_t columns,
                         tp_tensor **ga, tp_tensor **gtau)
{
    tp_tensor *vt = tp__mT(T, c->v), *w = tp_matmul(T, vt, x), *z = tp_matmul(T, vt, g);
    tp_tensor *t = transposed ? tp__mT(T, c->t) : c->t;
    tp_tensor *gt = tp_neg(T, tp_matmul(T, z, tp__mT(T, w)));
    tp_tensor *gv = tp_neg(T, tp_add(T, tp_matmul(T, g, tp__mT(T, tp_matmul(T, t, w))),
                                     tp_matmul(T, x, tp__mT(T, tp_matmul(T, tp__mT(T, t), z)))));
    pull_compact(T, c, gv, transposed ? tp__mT(T, gt) : gt, columns, ga, gtau);
}

/* ---- A = Q R ----------------------------------------------------------------------------------------------------- */

enum { REFLECTORS, TAU, OUTPUTS };

static tp_status geqrf_infer(tp_call *c)
{
    const tp_tensor *a = c->in[0];
    if (tp__matrix_floats(c, 0, "A") != TP_OK)
        return c->tape->status;
    tp_status status = tp__infer_like_first(c);
    return status == TP_OK ? tp_call_out(c, TAU, a->dtype, tp__batch_and_one(a, tp__least_side(a))) : status;
}

static int factor(const tp__batch *b, int64_t i, void *scratch)
{
    const tp_call *c = b->call;
    const tp_tensor *a = c->in[0];
    size_t size = tp_dtype_size(a->dtype);
    void *h = tp__matrix(c->out[REFLECTORS], i);
    memcpy(h, tp__matrix(a, i), (size_t)(tp__rows(a) * tp__columns(a)) * size);
    return tp__geqrf(a->dtype, tp__rows(a), tp__columns(a), h, tp__vector(c->out[TAU], i), scratch);
}

static tp_status geqrf_forward(tp_call *c)
{
    const tp_tensor *a = c->in[0];
    int64_t m = tp__rows(a), n = tp__columns(a);
    if (a->numel == 0)
        return TP_OK;
    tp__lanes_job lanes = {
        .kernel = TP__LANES_REFLECTORS,
        .dtype = a->dtype,
        .n = m,
        .k = n,
        .x = {tp__in_lane(a, c->out[REFLECTORS]), {NULL, c->out[TAU]->data, tp__least_side(a), false}}};
    return tp__run_batch(&(tp__batch){.one = factor,
                                      .lanes = &lanes,
                                      .call = c,
                                      .count = tp__matrices(a),
                                      .flops = m * n * tp__least_side(a),
                                      .scratch = (size_t)tp__qr_space(m, n) * tp_dtype_size(a->dtype)});
}

/* The first columns of Q - I are V U, with V unit lower and U upper triangular, tau on the diagonal of -U: G. Ballard
 * et al., "Reconstructing Householder vectors from Tall-Skinny QR", 2014. So gradients of V and tau become one of Q
 * by the derivative of that LU factorization. The last reflector of a square matrix is none: it has no part in this. */
static tp_tensor *pull_reflectors(tp_tape *T, tp_tensor *v, tp_tensor *t, tp_tensor *gh, tp_tensor *gtau)
{
    int64_t m = tp__rows(v), k = tp__columns(v), r = m > k ? k : k - 1;
    if (r == 0)
        return NULL;
    v = tp__corner(T, v, m, r);
    tp_tensor *l = tp__corner(T, v, r, r), *v2 = tp_narrow(T, v, -2, r, m - r);
    tp_tensor *u = tp_neg(T, tp_matmul(T, tp__corner(T, t, r, r), tp__mT(T, l)));
    tp_tensor *gu = gtau ? tp_neg(T, tp_diag_embed(T, tp_narrow(T, gtau, -1, 0, r), 0, -2, -1)) : NULL;
    tp_tensor *parts[2] = {NULL, NULL}, *y = NULL;
    if (gh) {
        tp_tensor *gv = tp_tril(T, tp__corner(T, gh, m, r), -1), *gv2 = tp_narrow(T, gv, -2, r, m - r);
        parts[1] = tp__mT(T, tp__solve_triangular(T, u, tp__mT(T, gv2), true, false));
        gu = tp__sum_of(T, gu, tp_neg(T, tp_matmul(T, tp__mT(T, v2), parts[1])));
        y = tp_tril(T, tp_matmul(T, tp__mT(T, l), tp__corner(T, gv, r, r)), -1);
    } else
        parts[1] = tp_zeros_like(T, v2);
    y = tp__sum_of(T, y, tp_triu(T, tp_matmul(T, gu, tp__mT(T, u)), 0));
    y = tp__mT(T, tp__solve_triangular(T, u, tp__mT(T, y), true, false));
    parts[0] = tp__solve_triangular(T, tp__mT(T, l), y, true, true);
    return tp__with_columns(T, tp_cat(T, 2, parts, -2), k);
}

static tp_status geqrf_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    tp_tensor *h = v->out[REFLECTORS], *tau = v->out[TAU], *gh = v->gout[REFLECTORS];
    int64_t m = tp__rows(h), n = tp__columns(h), k = tp__least_side(h);
    compact c = compact_of(T, h, tau);
    if (c.t == NULL)
        return T->status;
    tp_tensor *gq = pull_reflectors(T, c.v, c.t, gh, v->gout[TAU]);
    tp_tensor *q = tp__reflectors(T, tp__corner(T, h, m, k), tau), *r = tp_triu(T, tp__corner(T, h, k, n), 0);
    tp_tensor *gr = gh ? tp_triu(T, tp__corner(T, gh, k, n), 0) : NULL;
    if (gq || gr)
        v->gin[0] = tp__qr_pull(T, q, r, gq, gr);
    return T->status;
}

/* A part of a matrix that is far from singular, as a sample. */
static tp_tensor *part_of(tp_sampler *s, int64_t rows, int64_t columns)
{
    tp_tensor *x = tp__corner(s->tape, tp__sample_matrix(s, (tp_dims){2, {5, 5}}), rows, columns);
    return tp_requires_grad(tp_detach(s->tape, tp_clone(s->tape, x)), true);
}

static void geqrf_samples(tp_sampler *s)
{
    tp_tensor *x = part_of(s, 3, 3);
    tp_sample(s, NULL, 1, &x);
    x = part_of(s, 5, 3);
    tp_sample(s, NULL, 1, &x);
    x = part_of(s, 3, 5);
    tp_sample(s, NULL, 1, &x);
    x = tp__sample_matrix(s, (tp_dims){3, {2, 2, 2}});
    tp_sample(s, NULL, 1, &x);
}

/* clang-format off */
static const tp_op geqrf_op = {
    .name = "geqrf", .n_in = 1, .n_out = OUTPUTS, .flags = TP_OP_FORGETS_IN,
    .infer = geqrf_infer, .forward = geqrf_forward, .vjp = geqrf_vjp, .samples = geqrf_samples};
/* clang-format on */

tp_tensor *tp_geqrf(tp_tape *T, tp_tensor *a, tp_tensor **tau)
{
    tp_tensor *out[OUTPUTS] = {NULL};
    tp_apply_all(T, &geqrf_op, NULL, 1, &a, out);
    if (tau)
        *tau = out[TAU];
    return out[REFLECTORS];
}

/* ---- the first columns of Q -------------------------------------------------------------------------------------- */

/* Reflectors in [..., m, n], tau [..., k], k <= n. */
static tp_status reflectors_fit(const tp_call *c)
{
    const tp_tensor *a = c->in[0], *tau = c->in[1];
    if (tp__matrix_floats(c, 0, "A") != TP_OK)
        return c->tape->status;
    bool fits = tau->ndim == a->ndim - 1 && tau->shape[tau->ndim - 1] <= tp__least_side(a);
    for (int d = 0; d < a->ndim - 2 && fits; d++)
        fits = a->shape[d] == tau->shape[d];
    if (!fits)
        return tp_call_fail(c, TP_ESHAPE, "A is %s, tau is %s; [..., m, n] and [..., k] are needed, k at most m and n",
                            TP__SHAPE(a), TP__SHAPE(tau));
    if (a->dtype != tau->dtype)
        return tp_call_fail(c, TP_EDTYPE, "A is %s, tau is %s; one dtype is needed", tp_dtype_name(a->dtype),
                            tp_dtype_name(tau->dtype));
    return TP_OK;
}

static tp_status householder_infer(tp_call *c)
{
    const tp_tensor *a = c->in[0];
    if (reflectors_fit(c) != TP_OK)
        return c->tape->status;
    if (tp__rows(a) < tp__columns(a))
        return tp_call_fail(c, TP_ESHAPE, "A is %s; [..., m, n] with m >= n is needed", TP__SHAPE(a));
    return tp__infer_like_first(c);
}

static int multiply_out(const tp__batch *b, int64_t i, void *scratch)
{
    const tp_call *c = b->call;
    const tp_tensor *a = c->in[0], *tau = c->in[1];
    size_t size = tp_dtype_size(a->dtype);
    void *q = tp__matrix(c->out[0], i);
    memcpy(q, tp__matrix(a, i), (size_t)(tp__rows(a) * tp__columns(a)) * size);
    return tp__orgqr(a->dtype, tp__rows(a), tp__columns(a), tp__columns(tau), q, tp__vector(tau, i), scratch);
}

static tp_status householder_forward(tp_call *c)
{
    const tp_tensor *a = c->in[0];
    int64_t m = tp__rows(a), n = tp__columns(a);
    if (a->numel == 0)
        return TP_OK;
    return tp__run_batch(&(tp__batch){.one = multiply_out,
                                      .call = c,
                                      .count = tp__matrices(a),
                                      .flops = m * n * n,
                                      .scratch = (size_t)tp__qr_space(m, n) * tp_dtype_size(a->dtype)});
}

static tp_status householder_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    tp_tensor *a = v->in[0];
    compact c = compact_of(T, a, v->in[1]);
    tp_tensor *unit = tp_eye(T, a->dtype, tp__rows(a), tp__columns(a)), *ga = NULL, *gtau = NULL;
    pull_product(T, &c, false, unit, v->gout[0], tp__columns(a), &ga, &gtau);
    if (tp_vjp_needs(v, 0))
        v->gin[0] = ga;
    if (tp_vjp_needs(v, 1))
        v->gin[1] = gtau;
    return T->status;
}

static void householder_samples(tp_sampler *s)
{
    tp_tensor *in[2] = {part_of(s, 4, 3), tp_sample_tensor(s, (tp_dims){1, {3}}, 0.2, 1.5)};
    tp_sample(s, NULL, 2, in);
    in[1] = tp_sample_tensor(s, (tp_dims){1, {2}}, 0.2, 1.5);
    tp_sample(s, NULL, 2, in);
    in[0] = tp__sample_matrix(s, (tp_dims){3, {2, 2, 2}});
    in[1] = tp_sample_tensor(s, (tp_dims){2, {2, 2}}, 0.2, 1.5);
    tp_sample(s, NULL, 2, in);
}

/* clang-format off */
static const tp_op householder_op = {
    .name = "linalg_householder_product", .n_in = 2, .n_out = 1, .flags = TP_OP_FORGETS_OUT,
    .grad_name = "LinalgHouseholderProductBackward0",
    .infer = householder_infer, .forward = householder_forward, .vjp = householder_vjp,
    .samples = householder_samples};
/* clang-format on */

tp_tensor *tp__reflectors(tp_tape *T, tp_tensor *a, tp_tensor *tau)
{
    return tp__apply2(T, &householder_op, NULL, a, tau);
}

tp_tensor *tp_linalg_householder_product(tp_tape *T, tp_tensor *a, tp_tensor *tau) { return tp__reflectors(T, a, tau); }

/* ---- products with Q --------------------------------------------------------------------------------------------- */

typedef struct {
    bool left, transposed;
} side;

static tp_status ormqr_infer(tp_call *c)
{
    const tp_tensor *a = c->in[0], *x = c->in[2];
    const side *how = c->attr;
    if (reflectors_fit(c) != TP_OK || tp__matrix_floats(c, 2, "C") != TP_OK)
        return c->tape->status;
    bool fits = x->ndim == a->ndim && (how->left ? tp__rows(x) : tp__columns(x)) == tp__rows(a);
    for (int d = 0; d < a->ndim - 2 && fits; d++)
        fits = a->shape[d] == x->shape[d];
    if (!fits)
        return tp_call_fail(c, TP_ESHAPE, "A is %s, C is %s; [..., m, n] and %s are needed", TP__SHAPE(a), TP__SHAPE(x),
                            how->left ? "[..., m, k]" : "[..., k, m]");
    if (a->dtype != x->dtype)
        return tp_call_fail(c, TP_EDTYPE, "A is %s, C is %s; one dtype is needed", tp_dtype_name(a->dtype),
                            tp_dtype_name(x->dtype));
    return tp_call_out(c, 0, x->dtype, tp__dims_of(x));
}

static int multiply(const tp__batch *b, int64_t i, void *scratch)
{
    const tp_call *c = b->call;
    const side *how = c->attr;
    const tp_tensor *a = c->in[0], *tau = c->in[1], *y = c->out[0];
    return tp__ormqr(a->dtype, how->left, how->transposed, tp__rows(y), tp__columns(y), tp__columns(tau),
                     tp__matrix(a, i), tp__columns(a), tp__vector(tau, i), tp__matrix(y, i), scratch);
}

static tp_status ormqr_forward(tp_call *c)
{
    const tp_tensor *a = c->in[0], *x = c->in[2];
    int64_t m = tp__rows(x), n = tp__columns(x), space = tp__qr_space(m, n) + tp__rows(a) * tp__columns(a);
    size_t size = tp_dtype_size(a->dtype);
    if (x->numel == 0)
        return TP_OK;
    tp__take_elements(c->out[0], x);
    return tp__run_batch(&(tp__batch){.one = multiply,
                                      .call = c,
                                      .count = tp__matrices(x),
                                      .flops = 2 * m * n * tp__columns(a),
                                      .scratch = (size_t)space * size});
}

static tp_tensor *multiplied(tp_tape *T, tp_tensor *a, tp_tensor *tau, tp_tensor *x, side how);

/* C Q is (Q^T C^T)^T. */
static tp_status ormqr_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    const side *how = v->attr;
    tp_tensor *a = v->in[0], *x = v->in[2], *g = v->gout[0], *ga = NULL, *gtau = NULL;
    if (tp_vjp_needs(v, 2))
        v->gin[2] = multiplied(T, a, v->in[1], g, (side){how->left, !how->transposed});
    if (!tp_vjp_needs(v, 0) && !tp_vjp_needs(v, 1))
        return T->status;
    compact c = compact_of(T, a, v->in[1]);
    bool left = how->left;
    pull_product(T, &c, left == how->transposed, left ? x : tp__mT(T, x), left ? g : tp__mT(T, g), tp__columns(a), &ga,
                 &gtau);
    if (tp_vjp_needs(v, 0))
        v->gin[0] = ga;
    if (tp_vjp_needs(v, 1))
        v->gin[1] = gtau;
    return T->status;
}

static void ormqr_samples(tp_sampler *s)
{
    tp_tensor *in[3] = {part_of(s, 4, 3), tp_sample_tensor(s, (tp_dims){1, {3}}, 0.2, 1.5), NULL};
    for (int i = 0; i < 4; i++) {
        in[2] = tp_sample_tensor(s, i & 1 ? (tp_dims){2, {4, 2}} : (tp_dims){2, {2, 4}}, -1, 1);
        tp_sample(s, &(side){i & 1, i & 2}, 3, in);
    }
}

/* clang-format off */
static const tp_op ormqr_op = {
    .name = "ormqr", .n_in = 3, .n_out = 1, .attr_size = sizeof(side), .flags = TP_OP_FORGETS_OUT,
    .infer = ormqr_infer, .forward = ormqr_forward, .vjp = ormqr_vjp, .samples = ormqr_samples};
/* clang-format on */

static tp_tensor *multiplied(tp_tape *T, tp_tensor *a, tp_tensor *tau, tp_tensor *x, side how)
{
    return tp__apply3(T, &ormqr_op, &how, a, tau, x);
}

tp_tensor *tp_ormqr(tp_tape *T, tp_tensor *a, tp_tensor *tau, tp_tensor *c, bool left, bool transpose)
{
    return multiplied(T, a, tau, c, (side){left, transpose});
}

const tp_op *const tp__ops_householder[] = {
#include TP__OPERATORS
    NULL};
