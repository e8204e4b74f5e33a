/* eigh.c - eigenvalues and eigenvectors of symmetric matrices, batched over leading dimensions. */
#include "ops/linalg/orthogonal.h"

#include <math.h>

enum { VALUES, VECTORS, OUTPUTS };

typedef struct {
    double broadening;
    bool upper, vectors;
} eigh_how;

static tp_status eigh_infer(tp_call *c)
{
    const tp_tensor *a = c->in[0];
    const eigh_how *how = c->attr;
    if (tp__square_floats(c, a) != TP_OK)
        return c->tape->status;
    tp_status status = tp_call_out(c, VALUES, a->dtype, tp__batch_and_one(a, tp__rows(a)));
    if (status != TP_OK)
        return status;
    return tp_call_out(c, VECTORS, a->dtype, how->vectors ? tp__dims_of(a) : (tp_dims){1, {0}});
}

static int decompose(const tp__batch *b, int64_t i, void *scratch)
{
    const tp_call *c = b->call;
    const eigh_how *how = c->attr;
    const tp_tensor *a = c->in[0];
    return tp__eigh(a->dtype, how->upper, tp__rows(a), tp__matrix(a, i), tp__vector(c->out[VALUES], i),
                    how->vectors ? tp__matrix(c->out[VECTORS], i) : NULL, scratch);
}

static tp_status eigh_forward(tp_call *c)
{
    const tp_tensor *a = c->in[0];
    const eigh_how *how = c->attr;
    int64_t n = tp__rows(a), space = tp__eigh_space(a->dtype, n);
    if (a->numel == 0)
        return TP_OK;
    if (space < 0)
        return tp_call_fail(c, TP_EUNSUPPORTED, "A is %s; sizes that LAPACK can count are needed", TP__SHAPE(a));
    if (tp__must_be_finite(c, a, how->upper ? TP__UPPER_HALF : TP__LOWER_HALF) != TP_OK)
        return c->tape->status;
    return tp__run_batch(&(tp__batch){.one = decompose,
                                      .call = c,
                                      .count = tp__matrices(a),
                                      .flops = 4 * n * n * n,
                                      .scratch = (size_t)space,
                                      .trouble = TP__UNCONVERGED,
                                      .counted = "elements left",
                                      .needed = "another one"});
}

/* V (diag(gL) + skew(V^T gV) / 2 E) V^T, E_ij = L_j - L_i, which is symmetric: M. Giles, "An extended collection of
 * matrix derivative results for forward and reverse mode algorithmic differentiation", 2008, section 3.1. */
static tp_status eigh_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    tp_tensor *vectors = v->out[VECTORS], *gl = v->gout[VALUES], *gv = v->gout[VECTORS];
    tp_tensor *inner = NULL, *vt = tp__mT(T, vectors);
    if (gv) {
        tp_tensor *l = v->out[VALUES];
        tp_tensor *gap = tp_sub(T, tp_unsqueeze(T, l, -2), tp_unsqueeze(T, l, -1));
        tp_tensor *x = tp_mul_scalar(T, tp__skew(T, tp_matmul(T, vt, gv)), 0.5);
        inner = tp__over_gaps(T, x, gap, ((const eigh_how *)v->attr)->broadening);
        if (gl)
            inner = tp_add(T, inner, tp_diag_embed(T, gl, 0, -2, -1));
        v->gin[0] = tp_matmul(T, vectors, tp_matmul(T, inner, vt));
    } else
        v->gin[0] = tp_matmul(T, tp_mul(T, vectors, tp_unsqueeze(T, gl, -2)), vt);
    return TP_OK;
}

static tp_tensor *symmetric_sample(tp_sampler *s, tp_dims shape)
{
    tp_tensor *x = tp_sample_tensor(s, shape, -1, 1);
    return tp_requires_grad(tp_detach(s->tape, tp_add(s->tape, x, tp__mT(s->tape, x))), true);
}

static void eigh_samples(tp_sampler *s)
{
    tp_tensor *x = symmetric_sample(s, (tp_dims){2, {3, 3}});
    tp_sample(s, &(eigh_how){0, false, true}, 1, &x);
    tp_sample(s, &(eigh_how){0, true, true}, 1, &x);
    x = symmetric_sample(s, (tp_dims){3, {2, 2, 2}});
    tp_sample(s, &(eigh_how){0, false, true}, 1, &x);
    x = tp_sample_tensor(s, (tp_dims){2, {0, 0}}, -1, 1);
    tp_sample(s, &(eigh_how){0, false, true}, 1, &x);
}

/* clang-format off */
static const tp_op eigh_op = {
    .name = "linalg_eigh", .n_in = 1, .n_out = OUTPUTS, .attr_size = sizeof(eigh_how),
    .flags = TP_OP_FORGETS_IN | TP_OP_SYMMETRIC, .grad_name = "LinalgEighBackward0",
    .infer = eigh_infer, .forward = eigh_forward, .vjp = eigh_vjp, .samples = eigh_samples};
/* clang-format on */

tp_tensor *tp_linalg_eigh(tp_tape *T, tp_tensor *a, bool upper, tp_tensor **vectors, const tp_spectrum_options *options)
{
    TP__NAMED(T, "linalg_eigh");
    tp_tensor *out[OUTPUTS] = {NULL};
    eigh_how how = {.upper = upper, .vectors = true};
    if (vectors)
        *vectors = NULL;
    if (!tp__broadening_of(T, "linalg_eigh", options, &how.broadening))
        return NULL;
    tp_apply_all(T, &eigh_op, &how, 1, &a, out);
    if (vectors)
        *vectors = out[VECTORS];
    return out[VALUES];
}

/* The vectors are for the gradient alone. */
tp_tensor *tp_linalg_eigvalsh(tp_tape *T, tp_tensor *a, bool upper)
{
    TP__NAMED(T, "linalg_eigvalsh");
    return tp__apply1(T, &eigh_op, &(eigh_how){.upper = upper, .vectors = tp__will_differentiate(T, a)}, a);
}

const tp_op *const tp__ops_eigh[] = {
#include TP__OPERATORS
    NULL};
