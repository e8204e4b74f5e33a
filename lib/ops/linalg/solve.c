/* solve.c - A X = B by an LU factorization, batched over leading dimensions. */
#include "ops/linalg/linalg.h"

#include <string.h>

enum { X, LU, PIVOTS, INFO, OUTPUTS };

/* The factorization stays for the backward pass, as bytes, since it is no result: LU of each matrix, pivots. */
static tp_status solve_with_lu_infer(tp_call *c)
{
    tp_status status = tp__solve_infer(c);
    const tp_tensor *a = c->in[0];
    int64_t n = status == TP_OK ? tp__columns(a) : 0, size = (int64_t)tp_dtype_size(a->dtype);
    if (status == TP_OK)
        status = tp_call_out(c, LU, TP_U8, (tp_dims){1, {a->numel * size}});
    if (status == TP_OK)
        status = tp_call_out(c, PIVOTS, TP_I32, (tp_dims){1, {tp__matrices(a) * n}});
    return status == TP_OK ? tp_call_out(c, INFO, TP_I32, tp__batch_of(a)) : status;
}

static int factor_and_solve(const tp__batch *b, int64_t i, void *scratch)
{
    (void)scratch;
    const tp_call *c = b->call;
    const tp_tensor *a = c->in[0], *x = c->out[X];
    int64_t n = tp__columns(a), k = tp__columns(x);
    size_t size = tp_dtype_size(a->dtype);
    char *lu = (char *)c->out[LU]->data + (size_t)(i * n * n) * size;
    int *pivots = (int *)c->out[PIVOTS]->data + i * n, info = tp__getrf(a->dtype, n, lu, pivots);
    if (info < 0 || (info > 0 && b->trouble))
        return info;
    if (x->numel > 0)
        memcpy(tp__matrix(x, i), tp__matrix(c->in[1], i), (size_t)(n * k) * size);
    int solved = tp__getrs(a->dtype, false, n, k, lu, pivots, tp__matrix(x, i));
    return solved < 0 ? solved : info;
}

static tp_status solve_forward(tp_call *c)
{
    const tp_tensor *a = c->in[0], *b = c->in[1];
    int64_t n = tp__columns(a), k = tp__columns(b);
    tp__lanes_job lanes = {.kernel = TP__LANES_SOLVE,
                           .dtype = a->dtype,
                           .n = n,
                           .k = k,
                           .x = {{a->data, c->out[LU]->data, n * n, false}, tp__in_lane(b, c->out[X])},
                           .pivots_to = c->out[PIVOTS]->data,
                           .pivots_each = n};
    return tp__factor_copies(c, LU,
                             (tp__batch){.one = factor_and_solve, .lanes = &lanes, .flops = n * n * (n / 3 + k)});
}

static tp_tensor *solve(tp_tape *T, tp_tensor *a, tp_tensor *b, tp__told h, tp_tensor **info);

static tp_status solve_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    tp_tensor *gb = solve(T, tp__mT(T, v->in[0]), v->gout[X], *(const tp__told *)v->attr, NULL);
    if (tp_vjp_needs(v, 0))
        v->gin[0] = tp_neg(T, tp_matmul(T, gb, tp__mT(T, v->out[X])));
    if (tp_vjp_needs(v, 1))
        v->gin[1] = gb;
    return TP_OK;
}

/* gB = A^-T g by the factorization at hand */
static int pull_back(const tp__batch *b, int64_t i, void *scratch)
{
    const tp_vjp *v = b->vjp;
    const tp_tensor *a = v->in[0], *g = v->gout[X];
    int64_t n = tp__columns(a), k = tp__columns(g);
    size_t size = tp_dtype_size(a->dtype);
    if (n * k > 0)
        memcpy(scratch, tp__matrix(g, i), (size_t)(n * k) * size);
    int info = tp__getrs(a->dtype, true, n, k, (const char *)v->out[LU]->data + (size_t)(i * n * n) * size,
                         (const int *)v->out[PIVOTS]->data + i * n, scratch);
    if (info != 0)
        return info;
    tp__give_gradient(v, 1, i, scratch);
    int64_t step = k > 1 ? k : 1;
    bool done = v->gin[0] == NULL ||
                tp__gemm(a->dtype, false, true, n, n, k, -1, scratch, step, tp__matrix(v->out[X], i), step,
                         v->fresh & 1u ? 0 : 1, tp__matrix(v->gin[0], i), n);
    return done ? 0 : -1;
}

static tp_status solve_vjp_fused(tp_vjp *v)
{
    const tp_tensor *a = v->in[0], *g = v->gout[X];
    int64_t n = tp__columns(a), k = tp__columns(g);
    tp__lanes_job lanes = tp__solve_back_lanes(v, TP__LANES_SOLVE_BACK, v->out[LU]->data);
    lanes.pivots = v->out[PIVOTS]->data;
    lanes.pivots_each = n;
    return tp__run_batch(&(tp__batch){.one = pull_back,
                                      .lanes = &lanes,
                                      .vjp = v,
                                      .count = a->numel > 0 ? tp__matrices(a) : 0,
                                      .flops = 2 * n * n * k,
                                      .scratch = (size_t)(n * k) * tp_dtype_size(a->dtype)});
}

static void solve_samples(tp_sampler *s)
{
    tp_tensor *in[2] = {tp__sample_matrix(s, (tp_dims){2, {3, 3}}), tp_sample_tensor(s, (tp_dims){2, {3, 2}}, -1, 1)};
    tp_sample(s, &(tp__told){false}, 2, in);
    in[0] = tp__sample_matrix(s, (tp_dims){3, {2, 2, 2}});
    in[1] = tp_sample_tensor(s, (tp_dims){3, {2, 2, 1}}, -1, 1);
    tp_sample(s, &(tp__told){true}, 2, in);
}

/* clang-format off */
static const tp_op solve_op = {
    .name = "linalg_solve", .n_in = 2, .n_out = OUTPUTS, .attr_size = sizeof(tp__told), .flags = TP_OP_OVERWRITES,
    .grad_name = "LinalgSolveExBackward0",
    .infer = solve_with_lu_infer, .forward = solve_forward, .vjp = solve_vjp, .vjp_fused = solve_vjp_fused,
    .samples = solve_samples};
/* clang-format on */

static tp_tensor *solve(tp_tape *T, tp_tensor *a, tp_tensor *b, tp__told h, tp_tensor **info)
{
    tp_tensor *in[2] = {a, b}, *out[OUTPUTS] = {NULL};
    if (tp_apply_all(T, &solve_op, &h, 2, in, out) == TP_OK && info)
        *info = out[INFO];
    return out[X];
}

/* b counts as vectors where it is 1-d, or a batch of them of A's leading shape, as in PyTorch. */
static bool is_vectors(const tp_tensor *a, const tp_tensor *b)
{
    bool vectors = b->ndim == 1 || (b->ndim == a->ndim - 1 && a->ndim > 1);
    for (int d = 0; d < b->ndim && vectors && b->ndim > 1; d++)
        vectors = b->shape[d] == a->shape[d];
    return vectors;
}

tp_tensor *tp_linalg_solve_ex(tp_tape *T, tp_tensor *a, tp_tensor *b, bool left, tp_tensor **info)
{
    TP__NAMED(T, "linalg_solve_ex");
    if (info)
        *info = NULL;
    if (!tp__usable_inputs(T, "linalg_solve", 2, (tp_tensor *[2]){a, b}))
        return NULL;
    bool vectors = is_vectors(a, b);
    if (vectors && !left) {
        tp_fail(T, TP_ESHAPE,
                "linalg_solve_ex: A is %s, B is %s, which are vectors; matrices are needed where not left",
                TP__SHAPE(a), TP__SHAPE(b));
        return NULL;
    }
    if (vectors)
        b = tp_unsqueeze(T, b, -1);
    bool turned = !left && a->ndim > 1 && b && b->ndim > 1;
    if (turned) {
        a = tp__mT(T, a);
        b = tp__mT(T, b);
    }
    if (a == NULL || b == NULL || !tp__broadcast_batches(T, "linalg_solve", &a, &b))
        return NULL;
    tp_tensor *x = solve(T, a, b, (tp__told){info != NULL}, info);
    return vectors ? tp_squeeze_dim(T, x, -1) : turned ? tp__mT(T, x) : x;
}

tp_tensor *tp_linalg_solve(tp_tape *T, tp_tensor *a, tp_tensor *b)
{
    TP__NAMED(T, "linalg_solve");
    return tp_linalg_solve_ex(T, a, b, true, NULL);
}

const tp_op *const tp__ops_solve[] = {
#include TP__OPERATORS
    NULL};
