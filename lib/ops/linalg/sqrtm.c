/* sqrtm.c - square roots of matrices [..., n, n]. */
#include "ops/linalg/equations.h"

static tp_status sqrtm_infer(tp_call *c)
{
    return tp__square_floats(c, c->in[0]) == TP_OK ? tp__infer_like_first(c) : c->tape->status;
}

static int root(const tp__batch *b, int64_t i, void *scratch)
{
    const tp_tensor *a = b->call->in[0];
    return tp__sqrtm(a->dtype, tp__rows(a), tp__matrix(a, i), tp__matrix(b->call->out[0], i), scratch);
}

static tp_status sqrtm_forward(tp_call *c)
{
    static const char *const troubles[] = {
        TP__NO_FORM, "has a negative eigenvalue, so that its square root is not real; none is needed",
        ("has the eigenvalue 0 more than once, as a singular matrix without a square root; one that has a root is "
         "needed")};
    const tp_tensor *a = c->in[0];
    int64_t n = tp__rows(a), space = tp__sqrtm_space(n);
    if (a->numel == 0)
        return TP_OK;
    if (space < 0)
        return tp_call_fail(c, TP_EUNSUPPORTED, "A is %s; sizes that LAPACK can count are needed", TP__SHAPE(a));
    if (tp__must_be_finite(c, a, TP__ALL_OF_IT) != TP_OK)
        return c->tape->status;
    return tp__run_batch(&(tp__batch){.one = root,
                                      .call = c,
                                      .count = tp__matrices(a),
                                      .flops = 28 * n * n * n,
                                      .scratch = (size_t)space * sizeof(double),
                                      .told = troubles});
}

/* X dX + dX X = dA: an equation with X^T for the gradient. */
static tp_status sqrtm_vjp(tp_vjp *v)
{
    tp_tensor *turned = tp__mT(v->tape, v->out[0]);
    v->gin[0] = tp__sylvester(v->tape, turned, turned, v->gout[0]);
    return v->tape->status;
}

static void sqrtm_samples(tp_sampler *s)
{
    const tp_dims shapes[] = {{2, {3, 3}}, {3, {2, 2, 2}}, {3, {3, 1, 1}}, {2, {0, 0}}};
    for (int i = 0; i < 4; i++) {
        tp_tensor *x = tp__sample_matrix(s, shapes[i]);
        tp_sample(s, NULL, 1, &x);
    }
}

/* clang-format off */
static const tp_op sqrtm_op = {
    .name = "linalg_sqrtm", .n_in = 1, .n_out = 1, .flags = TP_OP_FORGETS_IN,
    .infer = sqrtm_infer, .forward = sqrtm_forward, .vjp = sqrtm_vjp, .samples = sqrtm_samples};
/* clang-format on */

tp_tensor *tp_linalg_sqrtm(tp_tape *T, tp_tensor *a) { return tp__apply1(T, &sqrtm_op, NULL, a); }

const tp_op *const tp__ops_sqrtm[] = {
#include TP__OPERATORS
    NULL};
