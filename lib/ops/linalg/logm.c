/* logm.c - logarithms of matrices [..., n, n], and their derivatives: an operator of A and a direction, linear in that. */
#include "ops/linalg/equations.h"

static tp_status logm_infer(tp_call *c)
{
    const tp_tensor *a = c->in[0];
    if (tp__square_floats(c, a) != TP_OK ||
        (c->n_in > 1 && tp__fits_first(c, 1, "E", tp__rows(a), tp__rows(a)) != TP_OK))
        return c->tape->status;
    return tp__infer_like_first(c);
}

static int logarithm(const tp__batch *b, int64_t i, void *scratch)
{
    const tp_call *c = b->call;
    const tp_tensor *a = c->in[0];
    return tp__logm(a->dtype, tp__rows(a), tp__matrix(a, i), c->n_in > 1 ? tp__matrix(c->in[1], i) : NULL,
                    tp__matrix(c->out[0], i), scratch);
}

static tp_status logm_forward(tp_call *c)
{
    static const char *const troubles[] = {
        TP__NO_FORM, "has an eigenvalue that is 0 or negative, so that its logarithm is not real; none is needed"};
    static const char *const names[] = {"A", "E"};
    const tp_tensor *a = c->in[0];
    int64_t n = tp__rows(a), space = tp__logm_space(n);
    if (a->numel == 0)
        return TP_OK;
    if (space < 0)
        return tp_call_fail(c, TP_EUNSUPPORTED, "A is %s; sizes that LAPACK can count are needed", TP__SHAPE(a));
    for (int i = 0; i < c->n_in; i++)
        if (tp__must_be_finite_as(c, names[i], c->in[i], TP__ALL_OF_IT) != TP_OK)
            return c->tape->status;
    return tp__run_batch(&(tp__batch){.one = logarithm,
                                      .call = c,
                                      .count = tp__matrices(a),
                                      .flops = 40 * n * n * n,
                                      .scratch = (size_t)space * sizeof(double),
                                      .told = troubles});
}

static tp_tensor *derivative(tp_tape *T, tp_tensor *a, tp_tensor *e);

/* The derivative of f at A^T is the adjoint of that at A: N. J. Higham, "Functions of matrices", 2008, section 3.2. */
static tp_status logm_vjp(tp_vjp *v)
{
    v->gin[0] = derivative(v->tape, tp__mT(v->tape, v->in[0]), v->gout[0]);
    return v->tape->status;
}

/* [a b; 0 a] */
static tp_tensor *block_of(tp_tape *T, tp_tensor *a, tp_tensor *b)
{
    tp_tensor *none = tp_zeros_like(T, a), *upper[2] = {a, b ? b : none}, *lower[2] = {none, a};
    tp_tensor *rows[2] = {tp_cat(T, 2, upper, -1), tp_cat(T, 2, lower, -1)};
    return tp_cat(T, 2, rows, -2);
}

/* The largest |x| of each matrix, without a gradient; 1 of zeros. */
static tp_tensor *size_of(tp_tape *T, tp_tensor *x)
{
    tp_tensor *size = tp_amax(T, tp_abs(T, tp_detach(T, x)), 2, (const int[]){-2, -1}, true);
    return tp_where(T, tp_gt_scalar(T, size, 0), size, tp__number(T, x, 1));
}

/* By A, with G: the second derivative of f at A^T in the directions E^T and G, which is what stands in the upper right of the
 * derivative at [A^T G; 0 A^T] in the direction [E^T 0; 0 E^T] (there, theorem 3.6). It is linear in G, which is made as
 * large as A. */
static tp_status derivative_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    tp_tensor *at = tp__mT(T, v->in[0]), *g = v->gout[0];
    int64_t n = tp__rows(v->in[0]);
    if (tp_vjp_needs(v, 1))
        v->gin[1] = derivative(T, at, g);
    if (!tp_vjp_needs(v, 0))
        return T->status;
    if (v->in[0]->numel == 0) {
        v->gin[0] = tp_zeros_like(T, v->in[0]);
        return T->status;
    }
    tp_tensor *scale = tp_div(T, size_of(T, v->in[0]), size_of(T, g));
    tp_tensor *y = derivative(T, block_of(T, at, tp_mul(T, g, scale)), block_of(T, tp__mT(T, v->in[1]), NULL));
    v->gin[0] = tp_div(T, tp_narrow(T, tp_narrow(T, y, -2, 0, n), -1, n, n), scale);
    return T->status;
}

static void logm_samples(tp_sampler *s)
{
    const tp_dims shapes[] = {{2, {3, 3}}, {3, {2, 2, 2}}, {3, {3, 1, 1}}, {2, {0, 0}}};
    for (int i = 0; i < 4; i++) {
        tp_tensor *x = tp__sample_matrix(s, shapes[i]);
        tp_sample(s, NULL, 1, &x);
    }
}

static void derivative_samples(tp_sampler *s)
{
    const tp_dims shapes[] = {{2, {3, 3}}, {3, {2, 2, 2}}, {4, {3, 3, 1, 1}}, {2, {0, 0}}};
    for (int i = 0; i < 4; i++) {
        tp_tensor *in[2] = {tp__sample_matrix(s, shapes[i]), tp_sample_tensor(s, shapes[i], -1, 1)};
        tp_sample(s, NULL, 2, in);
    }
}

/* clang-format off */
static const tp_op logm_op = {
    .name = "linalg_logm", .n_in = 1, .n_out = 1, .flags = TP_OP_FORGETS_OUT,
    .infer = logm_infer, .forward = logm_forward, .vjp = logm_vjp, .samples = logm_samples};
static const tp_op derivative_op = {
    .name = "logm_derivative", .n_in = 2, .n_out = 1, .flags = TP_OP_FORGETS_OUT,
    .infer = logm_infer, .forward = logm_forward, .vjp = derivative_vjp, .samples = derivative_samples};
/* clang-format on */

static tp_tensor *derivative(tp_tape *T, tp_tensor *a, tp_tensor *e)
{
    return tp__apply2(T, &derivative_op, NULL, a, e);
}

tp_tensor *tp_linalg_logm(tp_tape *T, tp_tensor *a) { return tp__apply1(T, &logm_op, NULL, a); }

const tp_op *const tp__ops_logm[] = {
#include TP__OPERATORS
    NULL};
