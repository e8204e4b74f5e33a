/* svd.c - singular values and vectors, batched over leading dimensions. */
#include "ops/linalg/orthogonal.h"

#include <math.h>

enum { U, S, VT, OUTPUTS };

typedef struct {
    double broadening;
    bool full, vectors;
} svd_how;

static tp_status svd_infer(tp_call *c)
{
    const tp_tensor *a = c->in[0];
    const svd_how *how = c->attr;
    if (tp__matrix_floats(c, 0, "A") != TP_OK)
        return c->tape->status;
    int64_t m = tp__rows(a), n = tp__columns(a), k = tp__least_side(a);
    tp_dims none = {1, {0}};
    tp_status status = tp_call_out(c, S, a->dtype, tp__batch_and_one(a, k));
    if (status == TP_OK)
        status = tp_call_out(c, U, a->dtype, how->vectors ? tp__batch_and(a, m, how->full ? m : k) : none);
    if (status == TP_OK)
        status = tp_call_out(c, VT, a->dtype, how->vectors ? tp__batch_and(a, how->full ? n : k, n) : none);
    return status;
}

static int decompose(const tp__batch *b, int64_t i, void *scratch)
{
    const tp_call *c = b->call;
    const svd_how *how = c->attr;
    const tp_tensor *a = c->in[0];
    int64_t m = tp__rows(a), n = tp__columns(a);
    return tp__svd(a->dtype, how->full, m, n, tp__matrix(a, i), tp__vector(c->out[S], i),
                   how->vectors ? tp__matrix(c->out[U], i) : NULL, how->vectors ? tp__matrix(c->out[VT], i) : NULL,
                   scratch, *(const int64_t *)b->user);
}

/* Of a matrix that has no rows, or no columns, all vectors are those of the identity. */
static void fill_identities(tp_tensor *x)
{
    int64_t n = tp__rows(x);
    tp__fill(x->numel, x->data, x->dtype, 0);
    for (int64_t i = 0; n > 0 && i < tp__matrices(x); i++)
        for (int64_t j = 0; j < n; j++)
            tp__fill(1, (char *)tp__matrix(x, i) + (size_t)(j * (n + 1)) * tp_dtype_size(x->dtype), x->dtype, 1);
}

static tp_status svd_forward(tp_call *c)
{
    const tp_tensor *a = c->in[0];
    const svd_how *how = c->attr;
    int64_t m = tp__rows(a), n = tp__columns(a);
    if (a->numel == 0) {
        for (int i = U; how->full && how->vectors && i <= VT; i += VT - U)
            fill_identities(c->out[i]);
        return TP_OK;
    }
    int64_t space = tp__svd_space(a->dtype, m, n, how->vectors, how->full);
    if (space < 0)
        return tp_call_fail(c, TP_EUNSUPPORTED, "A is %s; sizes that LAPACK can count are needed", TP__SHAPE(a));
    if (tp__must_be_finite(c, a, TP__ALL_OF_IT) != TP_OK)
        return c->tape->status;
    return tp__run_batch(&(tp__batch){.one = decompose,
                                      .call = c,
                                      .count = tp__matrices(a),
                                      .flops = 8 * m * n * tp__least_side(a),
                                      .scratch = (size_t)space,
                                      .trouble = TP__UNCONVERGED,
                                      .counted = "elements left",
                                      .needed = "another one",
                                      .user = &space});
}

/* ---- backward ---------------------------------------------------------------------------------------------------- */

typedef struct {
    tp_tensor *u, *s, *vt, *gu, *gs, *gvt;
    double broadening;
} svd_parts;

/* x / (s_j^2 - s_i^2) off the diagonal, by the factors of that. */
static tp_tensor *over_squares(tp_tape *T, const svd_parts *p, tp_tensor *x)
{
    tp_tensor *row = tp_unsqueeze(T, p->s, -2), *column = tp_unsqueeze(T, p->s, -1);
    x = tp__over_gaps(T, x, tp_sub(T, row, column), p->broadening);
    return tp__over_gaps(T, x, tp_add(T, row, column), p->broadening);
}

/* gU^T or gV^T [k, m], and what of it is beside the k vectors, over s: (I - U U^T) gU / s, transposed. */
static tp_tensor *beside(tp_tape *T, const svd_parts *p, tp_tensor *rows, tp_tensor *g)
{
    tp_tensor *s = tp_unsqueeze(T, p->s, -1);
    tp_tensor *x = p->broadening > 0 ? tp_mul(T, g, tp__over_square(T, s, tp__number(T, s, sqrt(p->broadening))))
                                     : tp_div(T, g, s);
    return tp_sub(T, x, tp_matmul(T, tp_matmul(T, x, tp__mT(T, rows)), rows));
}

/* U [(skew(U^T gU) / E) S + S (skew(V^T gV) / E) + diag(gS)] V^T, E_ij = s_j^2 - s_i^2, and what gU and gV have
 * beside U and V: J. Townsend, "Differentiating the singular value decomposition", 2016. */
static tp_tensor *pull_svd(tp_tape *T, const svd_parts *p)
{
    tp_tensor *inner = p->gs ? tp_diag_embed(T, p->gs, 0, -2, -1) : NULL, *ut = tp__mT(T, p->u);
    if (p->gu) {
        tp_tensor *x = tp_mul(T, tp__skew(T, tp_matmul(T, ut, p->gu)), tp_unsqueeze(T, p->s, -2));
        inner = tp__sum_of(T, inner, over_squares(T, p, x));
    }
    if (p->gvt) {
        tp_tensor *x = tp__skew(T, tp_matmul(T, p->vt, tp__mT(T, p->gvt)));
        inner = tp__sum_of(T, inner, over_squares(T, p, tp_mul(T, x, tp_unsqueeze(T, p->s, -1))));
    }
    bool tall = p->gu && tp__rows(p->u) > tp__columns(p->u), wide = p->gvt && tp__columns(p->vt) > tp__rows(p->vt);
    tp_tensor *left = tp_matmul(T, p->u, inner);
    if (tall)
        left = tp_add(T, left, tp__mT(T, beside(T, p, ut, tp__mT(T, p->gu))));
    tp_tensor *g = tp_matmul(T, left, p->vt);
    return wide ? tp_add(T, g, tp_matmul(T, p->u, beside(T, p, p->vt, p->gvt))) : g;
}

static tp_status svd_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    const svd_how *how = v->attr;
    int64_t m = tp__rows(v->in[0]), n = tp__columns(v->in[0]), k = tp__least_side(v->in[0]);
    svd_parts p = {.u = tp__corner(T, v->out[U], m, k),
                   .s = v->out[S],
                   .vt = tp__corner(T, v->out[VT], k, n),
                   .gu = tp__corner(T, v->gout[U], m, k),
                   .gs = v->gout[S],
                   .gvt = tp__corner(T, v->gout[VT], k, n),
                   .broadening = how->broadening};
    if (p.gu || p.gvt)
        v->gin[0] = pull_svd(T, &p);
    else if (m >= n)
        v->gin[0] = tp_matmul(T, p.u, tp_mul(T, tp_unsqueeze(T, p.gs, -1), p.vt));
    else
        v->gin[0] = tp_matmul(T, tp_mul(T, p.u, tp_unsqueeze(T, p.gs, -2)), p.vt);
    return T->status;
}

static void svd_samples(tp_sampler *s)
{
    static const int64_t shapes[][2] = {{3, 3}, {4, 2}, {2, 4}};
    for (int i = 0; i < 3; i++) {
        tp_tensor *x = tp_sample_tensor(s, (tp_dims){2, {shapes[i][0], shapes[i][1]}}, -1, 1);
        tp_sample(s, &(svd_how){0, false, true}, 1, &x);
    }
    tp_tensor *x = tp_sample_tensor(s, (tp_dims){3, {2, 2, 2}}, -1, 1);
    tp_sample(s, &(svd_how){0, true, true}, 1, &x);
    x = tp_sample_tensor(s, (tp_dims){2, {0, 3}}, -1, 1);
    tp_sample(s, &(svd_how){0, true, true}, 1, &x);
}

/* clang-format off */
static const tp_op svd_op = {
    .name = "linalg_svd", .n_in = 1, .n_out = OUTPUTS, .attr_size = sizeof(svd_how), .flags = TP_OP_FORGETS_IN,
    .grad_name = "LinalgSvdBackward0",
    .infer = svd_infer, .forward = svd_forward, .vjp = svd_vjp, .samples = svd_samples};
/* clang-format on */

tp_tensor *tp_linalg_svd(tp_tape *T, tp_tensor *a, bool full_matrices, tp_tensor **s, tp_tensor **vh,
                         const tp_spectrum_options *options)
{
    TP__NAMED(T, "linalg_svd");
    tp_tensor *out[OUTPUTS] = {NULL};
    svd_how how = {.full = full_matrices, .vectors = true};
    if (tp__broadening_of(T, "linalg_svd", options, &how.broadening))
        tp_apply_all(T, &svd_op, &how, 1, &a, out);
    if (s)
        *s = out[S];
    if (vh)
        *vh = out[VT];
    return out[U];
}

/* The vectors are for the gradient alone. */
static tp_tensor *values(tp_tape *T, tp_tensor *a)
{
    tp_tensor *out[OUTPUTS] = {NULL};
    tp_apply_all(T, &svd_op, &(svd_how){.vectors = tp__will_differentiate(T, a)}, 1, &a, out);
    return out[S];
}

tp_tensor *tp_linalg_svdvals(tp_tape *T, tp_tensor *a)
{
    TP__NAMED(T, "linalg_svdvals");
    return values(T, a);
}

tp_tensor *tp_svd(tp_tape *T, tp_tensor *a, bool some, bool compute_uv, tp_tensor **s, tp_tensor **v)
{
    TP__NAMED(T, "svd");
    tp_tensor *unwanted, *vh = NULL, *u = NULL;
    s = s ? s : &unwanted;
    v = v ? v : &unwanted;
    *v = *s = NULL;
    if (!tp__has_dims(T, "svd", a, 2))
        return NULL;
    if (compute_uv) {
        u = tp_linalg_svd(T, a, !some, s, &vh, NULL);
        *v = u ? tp__mT(T, vh) : NULL;
    } else if ((*s = values(T, a)) != NULL) {
        u = tp_zeros(T, a->dtype, tp__batch_and(a, tp__rows(a), tp__rows(a)));
        *v = tp_zeros(T, a->dtype, tp__batch_and(a, tp__columns(a), tp__columns(a)));
    }
    return tp__ok(T) ? u : NULL;
}

const tp_op *const tp__ops_svd[] = {
#include TP__OPERATORS
    NULL};
