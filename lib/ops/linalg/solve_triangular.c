/* solve_triangular.c - A X = B of a triangular A, batched over leading dimensions. The attribute says upper. */
#include "ops/linalg/linalg.h"

#include <string.h>

static tp_status solve_triangular_forward(tp_call *c)
{
    const tp_tensor *a = c->in[0], *b = c->in[1];
    int64_t n = a->shape[a->ndim - 1], k = b->shape[b->ndim - 1];
    size_t size = tp_dtype_size(a->dtype);
    if (b->numel == 0)
        return TP_OK;
    memcpy(c->out[0]->data, b->data, (size_t)b->numel * size);
    for (int64_t i = 0; i < tp__matrices(a); i++)
        if (!tp__trsm(a->dtype, *(const bool *)c->attr, false, false, n, k,
                      (const char *)a->data + (size_t)(i * n * n) * size, n,
                      (char *)c->out[0]->data + (size_t)(i * n * k) * size, k))
            return tp__lapack_said(c, -1, "");
    return TP_OK;
}

static tp_tensor *solve_triangular(tp_tape *T, tp_tensor *a, tp_tensor *b, bool upper);

static tp_status solve_triangular_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    bool upper = *(const bool *)v->attr;
    tp_tensor *gb = solve_triangular(T, tp__mT(T, v->in[0]), v->gout[0], !upper);
    if (tp_vjp_needs(v, 0))
        v->gin[0] = (upper ? tp_triu : tp_tril)(T, tp_neg(T, tp_matmul(T, gb, tp__mT(T, v->out[0]))), 0);
    if (tp_vjp_needs(v, 1))
        v->gin[1] = gb;
    return TP_OK;
}

static void solve_triangular_samples(tp_sampler *s)
{
    tp_tensor *in[2] = {tp__sample_matrix(s, (tp_dims){2, {3, 3}}), tp_sample_tensor(s, (tp_dims){2, {3, 2}}, -1, 1)};
    tp_sample(s, &(bool){true}, 2, in);
    tp_sample(s, &(bool){false}, 2, in);
}

/* clang-format off */
static const tp_op solve_triangular_op = {
    .name = "linalg_solve_triangular", .n_in = 2, .n_out = 1, .attr_size = sizeof(bool),
    .grad_name = "LinalgSolveTriangularBackward0",
    .infer = tp__solve_infer, .forward = solve_triangular_forward, .vjp = solve_triangular_vjp,
    .samples = solve_triangular_samples};
/* clang-format on */

static tp_tensor *solve_triangular(tp_tape *T, tp_tensor *a, tp_tensor *b, bool upper)
{
    return tp__apply2(T, &solve_triangular_op, &upper, a, b);
}

tp_tensor *tp_linalg_solve_triangular(tp_tape *T, tp_tensor *a, tp_tensor *b, bool upper)
{
    TP__NAMED(T, "linalg_solve_triangular");
    if (!tp__usable(T, "linalg_solve_triangular", a) || !tp__usable(T, "linalg_solve_triangular", b) ||
        !tp__broadcast_batches(T, "linalg_solve_triangular", &a, &b))
        return NULL;
    return solve_triangular(T, a, b, upper);
}

const tp_op *const tp__ops_solve_triangular[] = {
#include TP__OPERATORS
    NULL};
