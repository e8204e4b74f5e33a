/* solve.c - A X = B by an LU factorization, batched over leading dimensions. */
#include "kernel/small_products.h"
#include "ops/linalg/linalg.h"

#include <string.h>

/* The factorization stays for the backward pass, as bytes, since it is no result: LU of each matrix, pivots. */
static tp_status solve_with_lu_infer(tp_call *c)
{
    tp_status status = tp__solve_infer(c);
    const tp_tensor *a = c->in[0];
    int64_t n = status == TP_OK ? a->shape[a->ndim - 1] : 0, size = (int64_t)tp_dtype_size(a->dtype);
    if (status == TP_OK)
        status = tp_call_out(c, 1, TP_U8, (tp_dims){1, {a->numel * size}});
    return status == TP_OK ? tp_call_out(c, 2, TP_I32, (tp_dims){1, {tp__matrices(a) * n}}) : status;
}

static tp_status solve_forward(tp_call *c)
{
    const tp_tensor *a = c->in[0], *b = c->in[1];
    tp_dtype dtype = a->dtype;
    int64_t n = a->shape[a->ndim - 1], k = b->shape[b->ndim - 1];
    size_t size = tp_dtype_size(dtype), bytes = (size_t)(n * n) * size;
    int *pivots = c->out[2]->data, info = 0;
    char *lu = c->out[1]->data;
    if (b->numel > 0)
        memcpy(c->out[0]->data, b->data, (size_t)b->numel * size);
    if (a->numel > 0)
        memcpy(lu, a->data, (size_t)a->numel * size);
    for (int64_t i = 0; i < tp__matrices(a) && info == 0; i++) {
        info = tp__getrf(dtype, n, lu + (size_t)i * bytes, pivots + i * n);
        if (info == 0)
            info = tp__getrs(dtype, false, n, k, lu + (size_t)i * bytes, pivots + i * n,
                             (char *)c->out[0]->data + (size_t)(i * n * k) * size);
    }
    return info == 0 ? TP_OK : tp__lapack_said(c, info, "singular; a regular one is needed");
}

static tp_tensor *solve(tp_tape *T, tp_tensor *a, tp_tensor *b);

static tp_status solve_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    tp_tensor *gb = solve(T, tp__mT(T, v->in[0]), v->gout[0]);
    if (tp_vjp_needs(v, 0))
        v->gin[0] = tp_neg(T, tp_matmul(T, gb, tp__mT(T, v->out[0])));
    if (tp_vjp_needs(v, 1))
        v->gin[1] = gb;
    return TP_OK;
}

/* gA (+)= -gB X^T, of all matrices */
static void subtract_products(const tp_vjp *v, const char *gb)
{
    const tp_tensor *a = v->in[0], *x = v->out[0];
    int64_t n = a->shape[a->ndim - 1], k = x->shape[x->ndim - 1], one = k > 1 ? k : 1, count = tp__matrices(a);
    size_t size = tp_dtype_size(a->dtype);
    tp__small_products small = {.count = count,
                                .n = n,
                                .k = k,
                                .m = n,
                                .a_row = k,
                                .a_column = 1,
                                .a_step = n * k,
                                .b_row = 1,
                                .b_column = k,
                                .b_step = n * k,
                                .a = gb,
                                .b = x->data,
                                .c = v->gin[0]->data,
                                .accumulate = !(v->fresh & 1u),
                                .negated = true};
    if (n <= TP__SMALL_SIDE && k <= TP__SMALL_SIDE && n > 0) {
        TP__PICK(tp__small_table)->multiply[a->dtype == TP_F64](&small);
        return;
    }
    for (int64_t i = 0; i < count; i++)
        tp__gemm(a->dtype, false, true, n, n, k, -1, gb + (size_t)(i * n * k) * size, one,
                 (const char *)x->data + (size_t)(i * n * k) * size, one, v->fresh & 1u ? 0 : 1,
                 (char *)v->gin[0]->data + (size_t)(i * n * n) * size, n > 1 ? n : 1);
}

/* gB = A^-T g by the factorization at hand, gA -= gB X^T */
static tp_status solve_vjp_fused(tp_vjp *v)
{
    const tp_tensor *a = v->in[0], *x = v->out[0], *g = v->gout[0];
    tp_dtype dtype = a->dtype;
    int64_t n = a->shape[a->ndim - 1], k = x->shape[x->ndim - 1];
    size_t size = tp_dtype_size(dtype);
    char *gb = tp_vjp_scratch(v, (size_t)g->numel * size);
    if (gb == NULL)
        return v->tape->status;
    if (g->numel > 0)
        memcpy(gb, g->data, (size_t)g->numel * size);
    for (int64_t i = 0; i < tp__matrices(a); i++) {
        char *here = gb + (size_t)(i * n * k) * size;
        tp__getrs(dtype, true, n, k, (const char *)v->out[1]->data + (size_t)(i * n * n) * size,
                  (const int *)v->out[2]->data + i * n, here);
    }
    if (v->gin[0])
        subtract_products(v, gb);
    if (v->gin[1] && (v->fresh & 2u) && g->numel > 0)
        memcpy(v->gin[1]->data, gb, (size_t)g->numel * size);
    else if (v->gin[1])
        tp__axpy(g->numel, dtype, 1, gb, v->gin[1]->data);
    return TP_OK;
}

static void solve_samples(tp_sampler *s)
{
    tp_tensor *in[2] = {tp__sample_matrix(s, (tp_dims){2, {3, 3}}), tp_sample_tensor(s, (tp_dims){2, {3, 2}}, -1, 1)};
    tp_sample(s, NULL, 2, in);
    in[0] = tp__sample_matrix(s, (tp_dims){3, {2, 2, 2}});
    in[1] = tp_sample_tensor(s, (tp_dims){3, {2, 2, 1}}, -1, 1);
    tp_sample(s, NULL, 2, in);
}

/* clang-format off */
static const tp_op solve_op = {
    .name = "linalg_solve", .n_in = 2, .n_out = 3, .flags = TP_OP_OVERWRITES, .grad_name = "LinalgSolveExBackward0",
    .infer = solve_with_lu_infer, .forward = solve_forward, .vjp = solve_vjp, .vjp_fused = solve_vjp_fused,
    .samples = solve_samples};
/* clang-format on */

static tp_tensor *solve(tp_tape *T, tp_tensor *a, tp_tensor *b) { return tp__apply2(T, &solve_op, NULL, a, b); }

/* b counts as vectors where it is 1-d, or a batch of them of A's leading shape, as in PyTorch. */
tp_tensor *tp_linalg_solve(tp_tape *T, tp_tensor *a, tp_tensor *b)
{
    TP__NAMED(T, "linalg_solve");
    if (!tp__usable(T, "linalg_solve", a) || !tp__usable(T, "linalg_solve", b))
        return NULL;
    bool vectors = b->ndim == 1 || (b->ndim == a->ndim - 1 && a->ndim > 1);
    for (int d = 0; d < b->ndim && vectors && b->ndim > 1; d++)
        vectors = b->shape[d] == a->shape[d];
    if (vectors)
        b = tp_unsqueeze(T, b, -1);
    if (b == NULL || !tp__broadcast_batches(T, "linalg_solve", &a, &b))
        return NULL;
    tp_tensor *x = solve(T, a, b);
    return vectors ? tp_squeeze_dim(T, x, -1) : x;
}

const tp_op *const tp__ops_solve[] = {
#include TP__OPERATORS
    NULL};
