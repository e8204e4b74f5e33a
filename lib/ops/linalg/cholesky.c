/* cholesky.c - the Cholesky factorization, batched over leading dimensions. */
#include "kernel/cholesky.h"
#include "ops/linalg/linalg.h"

#include <string.h>

enum { L, INFO, OUTPUTS };

static tp_status cholesky_infer(tp_call *c)
{
    tp_status status = tp__square_floats(c, c->in[0]);
    if (status == TP_OK)
        status = tp__infer_like_first(c);
    return status == TP_OK ? tp_call_out(c, INFO, TP_I32, tp__batch_of(c->in[0])) : status;
}

static int factor(const tp__batch *b, int64_t i, void *scratch)
{
    (void)scratch;
    const tp_tensor *l = b->call->out[L];
    int64_t n = tp__columns(l);
    return tp__potrf(l->dtype, n, tp__matrix(l, i));
}

static tp_status cholesky_forward(tp_call *c)
{
    const tp_tensor *a = c->in[0];
    int64_t n = tp__columns(a);
    tp__triangle lower = {0, false};
    tp_call copy = *c;
    copy.attr = &lower;
    tp_status status = a->numel > 0 && !tp__in_lanes(n, n) ? tp__triangle_forward(&copy) : TP_OK;
    tp__lanes_job lanes = {
        .kernel = TP__LANES_CHOLESKY, .dtype = a->dtype, .n = n, .k = n, .x = {tp__in_lane(a, c->out[L])}};
    tp__batch b = {.one = factor,
                   .lanes = &lanes,
                   .call = c,
                   .count = tp__matrices(a),
                   .flops = n * n * n / 3,
                   .info = c->out[INFO]->data,
                   .trouble = ((const tp__told *)c->attr)->info ? NULL : "not positive definite",
                   .counted = "leading minor",
                   .needed = "one that is"};
    return status == TP_OK ? tp__run_batch(&b) : status;
}

/* gA = L^-T phi(L^T gL) L^-1, symmetrized; phi takes the lower half, the diagonal halved. */
static tp_status cholesky_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    tp_tensor *l = v->out[L], *lt = tp__mT(T, l);
    tp_tensor *s = tp_matmul(T, lt, tp_tril(T, v->gout[L], 0));
    tp_tensor *phi = tp_mul_scalar(T, tp_add(T, tp_tril(T, s, 0), tp_tril(T, s, -1)), 0.5);
    tp_tensor *p = tp_linalg_solve_triangular(T, lt, phi, true);                     /* L^-T phi */
    tp_tensor *q = tp__mT(T, tp_linalg_solve_triangular(T, lt, tp__mT(T, p), true)); /* ... L^-1 */
    v->gin[0] = tp_mul_scalar(T, tp_add(T, q, tp__mT(T, q)), 0.5);
    return TP_OK;
}

/* A matrix at a time, in a buffer of its gradient, of which the lower half is used up, and of scratch. */
static int pull_back(const tp__batch *b, int64_t i, void *scratch)
{
    const tp_vjp *v = b->vjp;
    const tp_tensor *l = v->out[L];
    int64_t n = tp__columns(l);
    size_t each = (size_t)(n * n) * tp_dtype_size(l->dtype);
    memcpy(scratch, tp__matrix(v->gout[L], i), each);
    return tp__potrf_backward(l->dtype, n, tp__matrix(l, i), scratch, (char *)scratch + each, tp__matrix(v->gin[0], i),
                              !(v->fresh & 1u))
               ? 0
               : -1;
}

static tp_status cholesky_vjp_fused(tp_vjp *v)
{
    const tp_tensor *l = v->out[L];
    int64_t n = tp__columns(l);
    if (l->numel == 0)
        return TP_OK;
    size_t panel = TP__CHOLESKY_PANEL * (TP__CHOLESKY_PANEL + (size_t)n), all = (size_t)(n * n) + panel;
    tp__lanes_job lanes = {.kernel = TP__LANES_CHOLESKY_BACK,
                           .dtype = l->dtype,
                           .n = n,
                           .k = n,
                           .x = {tp__in_lane(l, NULL), tp__in_lane(v->gout[L], v->gin[0])}};
    lanes.x[1].add = !(v->fresh & 1u);
    return tp__run_batch(&(tp__batch){.one = pull_back,
                                      .lanes = &lanes,
                                      .vjp = v,
                                      .count = tp__matrices(l),
                                      .flops = n * n * n / 3,
                                      .scratch = all * tp_dtype_size(l->dtype)});
}

static void cholesky_samples(tp_sampler *s)
{
    tp_tensor *x = tp__sample_matrix(s, (tp_dims){2, {3, 3}});
    x = tp_requires_grad(tp_detach(s->tape, tp_matmul(s->tape, x, tp__mT(s->tape, x))), true);
    tp_sample(s, &(tp__told){false}, 1, &x);
    x = tp__sample_matrix(s, (tp_dims){3, {2, 2, 2}});
    x = tp_requires_grad(tp_detach(s->tape, tp_matmul(s->tape, x, tp__mT(s->tape, x))), true);
    tp_sample(s, &(tp__told){true}, 1, &x);
}

/* clang-format off */
static const tp_op cholesky_op = {
    .name = "linalg_cholesky", .n_in = 1, .n_out = OUTPUTS, .attr_size = sizeof(tp__told),
    .flags = TP_OP_FORGETS_IN | TP_OP_SYMMETRIC | TP_OP_OVERWRITES, .constant_out = 1u << INFO,
    .grad_name = "LinalgCholeskyExBackward0",
    .infer = cholesky_infer, .forward = cholesky_forward, .vjp = cholesky_vjp, .vjp_fused = cholesky_vjp_fused,
    .samples = cholesky_samples};
/* clang-format on */

tp_tensor *tp_linalg_cholesky(tp_tape *T, tp_tensor *a)
{
    TP__NAMED(T, "linalg_cholesky");
    return tp_linalg_cholesky_ex(T, a, false, NULL);
}

tp_tensor *tp_linalg_cholesky_ex(tp_tape *T, tp_tensor *a, bool upper, tp_tensor **info)
{
    TP__NAMED(T, "linalg_cholesky_ex");
    tp_tensor *out[OUTPUTS] = {NULL};
    if (info)
        *info = NULL;
    if (!tp__usable(T, "linalg_cholesky", a))
        return NULL;
    if (upper && a->ndim >= 2)
        a = tp__mT(T, a);
    tp_apply_all(T, &cholesky_op, &(tp__told){info != NULL}, 1, &a, out);
    if (info)
        *info = out[INFO];
    return upper ? tp__mT(T, out[L]) : out[L];
}

/* ---- solves by a factor --------------------------------------------------------------------------------------------- */

/* X with A X = B for the factor F of A, which is lower, A = F F^T, or upper, F^T F; its other half is not read. As in torch the
 * gradient is that of the whole of F, as if A were made of it: what a factor's other half would do is in it. */
typedef struct {
    bool upper;
} side;

static bool substitute_both(bool upper, int64_t k, const tp_tensor *factors, int64_t i, void *x)
{
    int64_t n = tp__columns(factors);
    const void *f = tp__matrix(factors, i);
    return tp__trsm(factors->dtype, upper, upper, false, n, k, f, n, x, k) &&
           tp__trsm(factors->dtype, upper, !upper, false, n, k, f, n, x, k);
}

static int substitute(const tp__batch *b, int64_t i, void *scratch)
{
    (void)scratch;
    const tp_tensor *x = b->call->out[0];
    int64_t k = tp__columns(x);
    memcpy(tp__matrix(x, i), tp__matrix(b->call->in[1], i), (size_t)(tp__rows(x) * k) * tp_dtype_size(x->dtype));
    return substitute_both(((const side *)b->call->attr)->upper, k, b->call->in[0], i, tp__matrix(x, i)) ? 0 : -1;
}

static tp_status substitute_forward(tp_call *c)
{
    const tp_tensor *f = c->in[0], *b = c->in[1];
    int64_t n = tp__columns(f), k = tp__columns(b);
    if (b->numel == 0)
        return TP_OK;
    tp__lanes_job lanes = {.kernel = TP__LANES_CHOLESKY_SOLVE,
                           .dtype = f->dtype,
                           .n = n,
                           .k = k,
                           .upper = ((const side *)c->attr)->upper,
                           .x = {tp__in_lane(f, NULL), tp__in_lane(b, c->out[0])}};
    return tp__run_batch(
        &(tp__batch){.one = substitute, .lanes = &lanes, .call = c, .count = tp__matrices(f), .flops = n * n * k});
}

static tp_tensor *solve_by(tp_tape *T, tp_tensor *factor, tp_tensor *b, bool upper);

/* gB = A^-1 gX, gA = -gB X^T, and gF = (gA + gA^T) F, or F (gA + gA^T) */
static tp_status substitute_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    bool upper = ((const side *)v->attr)->upper;
    tp_tensor *f = v->in[0], *gb = solve_by(T, f, v->gout[0], upper);
    if (tp_vjp_needs(v, 0)) {
        tp_tensor *ga = tp_matmul(T, gb, tp__mT(T, v->out[0]));
        ga = tp_neg(T, tp_add(T, ga, tp__mT(T, ga)));
        v->gin[0] = upper ? tp_matmul(T, f, ga) : tp_matmul(T, ga, f);
    }
    if (tp_vjp_needs(v, 1))
        v->gin[1] = gb;
    return TP_OK;
}

/* gF = -(gB X^T + X gB^T) F, or F times that, by way of X^T F and gB^T F, or F gB and F X */
static bool pull_factor(const tp_vjp *v, int64_t i, const void *gb, void *product)
{
    const tp_tensor *factors = v->in[0];
    bool upper = ((const side *)v->attr)->upper;
    int64_t n = tp__columns(factors), k = tp__columns(v->out[0]);
    const void *f = tp__matrix(factors, i), *pair[2] = {gb, tp__matrix(v->out[0], i)};
    tp_dtype dtype = factors->dtype;
    bool done = true;
    for (int s = 0; s < 2 && done; s++) {
        double beta = s == 0 && (v->fresh & 1u) ? 0 : 1;
        done = upper ? tp__gemm(dtype, false, false, n, k, n, 1, f, n, pair[s], k, 0, product, k) &&
                           tp__gemm(dtype, false, true, n, n, k, -1, product, k, pair[!s], k, beta,
                                    tp__matrix(v->gin[0], i), n)
                     : tp__gemm(dtype, true, false, k, n, n, 1, pair[!s], k, f, n, 0, product, n) &&
                           tp__gemm(dtype, false, false, n, n, k, -1, pair[s], k, product, n, beta,
                                    tp__matrix(v->gin[0], i), n);
    }
    return done;
}

static int pull_solve(const tp__batch *b, int64_t i, void *scratch)
{
    const tp_vjp *v = b->vjp;
    const tp_tensor *g = v->gout[0];
    int64_t k = tp__columns(g);
    size_t bytes = (size_t)(tp__rows(g) * k) * tp_dtype_size(g->dtype);
    memcpy(scratch, tp__matrix(g, i), bytes);
    if (!substitute_both(((const side *)v->attr)->upper, k, v->in[0], i, scratch))
        return -1;
    tp__give_gradient(v, 1, i, scratch);
    return v->gin[0] == NULL || pull_factor(v, i, scratch, (char *)scratch + bytes) ? 0 : -1;
}

static tp_status substitute_vjp_fused(tp_vjp *v)
{
    const tp_tensor *f = v->in[0], *x = v->out[0];
    int64_t n = tp__rows(x), k = tp__columns(x);
    tp__lanes_job lanes = tp__solve_back_lanes(v, TP__LANES_CHOLESKY_SOLVE_BACK, f->data);
    lanes.upper = ((const side *)v->attr)->upper;
    if (x->numel == 0) {
        if (v->gin[0] && (v->fresh & 1u) && f->numel > 0)
            memset(v->gin[0]->data, 0, (size_t)f->numel * tp_dtype_size(f->dtype));
        return TP_OK;
    }
    return tp__run_batch(&(tp__batch){.one = pull_solve,
                                      .lanes = &lanes,
                                      .vjp = v,
                                      .count = tp__matrices(x),
                                      .flops = 3 * n * n * k,
                                      .scratch = 2 * (size_t)(n * k) * tp_dtype_size(x->dtype)});
}

static void substitute_samples(tp_sampler *s)
{
    tp_tensor *in[2] = {tp_tril(s->tape, tp__sample_matrix(s, (tp_dims){2, {3, 3}}), 0),
                        tp_sample_tensor(s, (tp_dims){2, {3, 2}}, -1, 1)};
    in[0] = tp_detach(s->tape, in[0]);
    tp_sample(s, &(side){false}, 2, in);
    in[0] = tp_contiguous(s->tape, tp__mT(s->tape, in[0]));
    tp_sample(s, &(side){true}, 2, in);
}

/* clang-format off */
static const tp_op cholesky_solve_op = {
    .name = "cholesky_solve", .n_in = 2, .n_out = 1, .attr_size = sizeof(side), .flags = TP_OP_OVERWRITES,
    .grad_name = "CholeskySolveBackward0", .infer = tp__solve_infer, .forward = substitute_forward,
    .vjp = substitute_vjp, .vjp_fused = substitute_vjp_fused, .samples = substitute_samples};
/* clang-format on */

static tp_tensor *solve_by(tp_tape *T, tp_tensor *factor, tp_tensor *b, bool upper)
{
    return tp__broadcast_batches(T, "cholesky_solve", &factor, &b)
               ? tp__apply2(T, &cholesky_solve_op, &(side){upper}, factor, b)
               : NULL;
}

tp_tensor *tp_cholesky_solve(tp_tape *T, tp_tensor *b, tp_tensor *factor, bool upper)
{
    TP__NAMED(T, "cholesky_solve");
    return tp__usable_inputs(T, "cholesky_solve", 2, (tp_tensor *[2]){b, factor}) ? solve_by(T, factor, b, upper)
                                                                                  : NULL;
}

tp_tensor *tp_cholesky_inverse(tp_tape *T, tp_tensor *factor, bool upper)
{
    TP__NAMED(T, "cholesky_inverse");
    if (!tp__usable(T, "cholesky_inverse", factor))
        return NULL;
    int64_t n = factor->ndim >= 2 ? tp__columns(factor) : -1;
    if (n >= 0 && tp__rows(factor) == n)
        return solve_by(T, factor, tp_eye(T, factor->dtype, n, n), upper);
    tp_fail(T, TP_ESHAPE, "cholesky_inverse: the factor is %s; [..., n, n] is needed", TP__SHAPE(factor));
    return NULL;
}

const tp_op *const tp__ops_cholesky[] = {
#include TP__OPERATORS
    NULL};
