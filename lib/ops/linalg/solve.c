/* solve.c - A X = B by an LU factorization, batched over leading dimensions. */
#include "kernel/small_products.h"
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
    char *lu = (char *)c->out[LU]->data + (size_t)(i * n * n) * tp_dtype_size(a->dtype);
    int *pivots = (int *)c->out[PIVOTS]->data + i * n, info = tp__getrf(a->dtype, n, lu, pivots);
    if (info < 0 || (info > 0 && b->trouble))
        return info;
    int solved = tp__getrs(a->dtype, false, n, k, lu, pivots, tp__matrix(x, i));
    return solved < 0 ? solved : info;
}

static tp_status solve_forward(tp_call *c)
{
    const tp_tensor *a = c->in[0], *b = c->in[1];
    int64_t n = tp__columns(a), k = tp__columns(b);
    tp__take_elements(c->out[X], b);
    return tp__factor_copies(c, LU, (tp__batch){.one = factor_and_solve, .flops = n * n * (n / 3 + k)});
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

/* gA (+)= -gB X^T, of all matrices */
static void subtract_products(const tp_vjp *v, const char *gb)
{
    const tp_tensor *a = v->in[0], *x = v->out[X];
    int64_t n = tp__columns(a), k = tp__columns(x), one = k > 1 ? k : 1, count = tp__matrices(a);
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

static int solve_transposed(const tp__batch *b, int64_t i, void *scratch)
{
    (void)scratch;
    const tp_vjp *v = b->vjp;
    const tp_tensor *a = v->in[0];
    int64_t n = tp__columns(a), k = tp__columns(v->out[X]);
    size_t size = tp_dtype_size(a->dtype);
    return tp__getrs(a->dtype, true, n, k, (const char *)v->out[LU]->data + (size_t)(i * n * n) * size,
                     (const int *)v->out[PIVOTS]->data + i * n, (char *)b->user + (size_t)(i * n * k) * size);
}

/* gB = A^-T g by the factorization at hand, gA -= gB X^T */
static tp_status solve_vjp_fused(tp_vjp *v)
{
    const tp_tensor *a = v->in[0], *g = v->gout[X];
    int64_t n = tp__columns(a), k = tp__columns(g);
    size_t bytes = (size_t)g->numel * tp_dtype_size(a->dtype);
    char *gb = tp_vjp_scratch(v, bytes);
    if (gb == NULL)
        return v->tape->status;
    if (g->numel > 0)
        memcpy(gb, g->data, bytes);
    tp_status status = tp__run_batch(
        &(tp__batch){.one = solve_transposed, .vjp = v, .count = tp__matrices(a), .flops = n * n * k, .user = gb});
    if (status != TP_OK)
        return status;
    if (v->gin[0])
        subtract_products(v, gb);
    if (v->gin[1] && (v->fresh & 2u) && g->numel > 0)
        memcpy(v->gin[1]->data, gb, bytes);
    else if (v->gin[1])
        tp__axpy(g->numel, g->dtype, 1, gb, v->gin[1]->data);
    return TP_OK;
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
    if (vectors)
        b = tp_unsqueeze(T, b, -1);
    bool turned = !left && !vectors && a->ndim > 1 && b && b->ndim > 1;
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
