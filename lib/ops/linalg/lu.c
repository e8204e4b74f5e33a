/* lu.c - A = P L U of matrices [..., m, n], with partial pivoting, and what is made of it. */
#include "kernel/factor.h"
#include "ops/linalg/linalg.h"

#include <string.h>

/* ---- rows exchanged by pivots --------------------------------------------------------------------------------------- */

/* X [..., m, k], pivots [..., r] -> P^T X, or P X where backwards. */
static tp_status exchange_infer(tp_call *c)
{
    const tp_tensor *x = c->in[0], *pivots = c->in[1];
    int64_t rows = x->ndim >= 2 ? x->shape[x->ndim - 2] : 0, r = pivots->ndim ? pivots->shape[pivots->ndim - 1] : 0;
    bool fits = x->ndim >= 2 && pivots->ndim == x->ndim - 1 && r <= rows;
    for (int d = 0; d < x->ndim - 2 && fits; d++)
        fits = x->shape[d] == pivots->shape[d];
    if (!fits)
        return tp_call_fail(c, TP_ESHAPE, "X is %s, the pivots are %s; [..., m, k] and [..., m] or fewer are needed",
                            TP__SHAPE(x), TP__SHAPE(pivots));
    if (pivots->dtype != TP_I32)
        return tp_call_fail(c, TP_EDTYPE, "the pivots are %s; int32 is needed", tp_dtype_name(pivots->dtype));
    return tp_call_out(c, 0, x->dtype, tp__dims_of(x));
}

static int exchange(const tp__batch *b, int64_t i, void *scratch)
{
    (void)scratch;
    const tp_tensor *x = b->call->out[0], *pivots = b->call->in[1];
    int64_t r = pivots->shape[pivots->ndim - 1];
    tp__exchange_rows(x->dtype, r, (const int *)pivots->data + i * r, *(const bool *)b->call->attr,
                      x->shape[x->ndim - 1], tp__matrix(x, i));
    return 0;
}

/* The pivots may come from anywhere. */
static tp_status exchange_forward(tp_call *c)
{
    const tp_tensor *x = c->in[0], *pivots = c->in[1];
    int64_t rows = x->shape[x->ndim - 2], k = x->shape[x->ndim - 1];
    const int *p = pivots->data;
    for (int64_t i = 0; i < pivots->numel; i++)
        if (p[i] < 1 || p[i] > rows)
            return tp_call_fail(c, TP_EINVAL, "a pivot is %d; 1 to %lld is needed", p[i], (long long)rows);
    if (x->numel > 0)
        memcpy(c->out[0]->data, x->data, (size_t)x->numel * tp_dtype_size(x->dtype));
    return x->numel > 0
               ? tp__run_batch(&(tp__batch){.one = exchange, .call = c, .count = tp__matrices(x), .flops = rows * k})
               : TP_OK;
}

static tp_tensor *exchanged(tp_tape *T, tp_tensor *x, tp_tensor *pivots, bool backwards);

static tp_status exchange_vjp(tp_vjp *v)
{
    v->gin[0] = exchanged(v->tape, v->gout[0], v->in[1], !*(const bool *)v->attr);
    return TP_OK;
}

static void exchange_samples(tp_sampler *s)
{
    const int32_t pivots[6] = {2, 3, 3, 3, 2, 3};
    tp_tensor *in[2] = {tp_sample_tensor(s, (tp_dims){3, {2, 3, 2}}, -1, 1),
                        tp_from(s->tape, TP_I32, (tp_dims){2, {2, 3}}, pivots)};
    tp_sample(s, &(bool){false}, 2, in);
    tp_sample(s, &(bool){true}, 2, in);
}

/* clang-format off */
static const tp_op exchange_op = {
    .name = "exchange_rows", .n_in = 2, .n_out = 1, .attr_size = sizeof(bool), .flags = TP_OP_FORGETS_OUT,
    .infer = exchange_infer, .forward = exchange_forward, .vjp = exchange_vjp, .samples = exchange_samples};
/* clang-format on */

/* The pivots' leading dimensions are made X's. */
static tp_tensor *exchanged(tp_tape *T, tp_tensor *x, tp_tensor *pivots, bool backwards)
{
    if (x == NULL || pivots == NULL)
        return NULL;
    if (pivots->ndim == 0) /* refused there */
        return tp__apply2(T, &exchange_op, &backwards, x, pivots);
    tp_dims shape = tp__batch_of(x);
    shape.dim[shape.ndim++] = pivots->shape[pivots->ndim - 1];
    return tp__apply2(T, &exchange_op, &backwards, x, tp_expand(T, pivots, shape));
}

/* ---- the factorization ---------------------------------------------------------------------------------------------- */

enum { LU, PIVOTS, INFO, OUTPUTS };

static tp_status lu_infer(tp_call *c)
{
    const tp_tensor *a = c->in[0];
    if (a->ndim < 2)
        return tp_call_fail(c, TP_ESHAPE, "A is %s; [..., m, n] is needed", TP__SHAPE(a));
    if (!tp_dtype_is_float(a->dtype))
        return tp_call_fail(c, TP_EDTYPE, "A is %s; float32 or float64 is needed", tp_dtype_name(a->dtype));
    int64_t m = a->shape[a->ndim - 2], n = a->shape[a->ndim - 1];
    tp_dims batch = tp__batch_of(a), pivots = batch;
    pivots.dim[pivots.ndim++] = m < n ? m : n;
    tp_status status = tp_call_out(c, LU, a->dtype, tp__dims_of(a));
    if (status == TP_OK)
        status = tp_call_out(c, PIVOTS, TP_I32, pivots);
    return status == TP_OK ? tp_call_out(c, INFO, TP_I32, batch) : status;
}

static int factor(const tp__batch *b, int64_t i, void *scratch)
{
    const tp_tensor *lu = b->call->out[LU], *pivots = b->call->out[PIVOTS];
    int64_t m = lu->shape[lu->ndim - 2], n = lu->shape[lu->ndim - 1], k = m < n ? m : n;
    return tp__lu(lu->dtype, m, n, tp__matrix(lu, i), (int *)pivots->data + i * k, scratch);
}

static tp_status lu_forward(tp_call *c)
{
    const tp_tensor *a = c->in[0];
    int64_t m = a->shape[a->ndim - 2], n = a->shape[a->ndim - 1];
    size_t size = tp_dtype_size(a->dtype);
    if (a->numel > 0)
        memcpy(c->out[LU]->data, a->data, (size_t)a->numel * size);
    return tp__run_batch(&(tp__batch){.one = factor,
                                      .call = c,
                                      .count = tp__matrices(a),
                                      .flops = m * n * (m < n ? m : n) / 3,
                                      .scratch = (size_t)(m * n) * size,
                                      .info = c->out[INFO]->data,
                                      .trouble = ((const tp__told *)c->attr)->info ? NULL : "singular",
                                      .counted = "pivot",
                                      .needed = "a regular one"});
}

/* With L^-1 P^T dA U^-1 = X, dL = L tril(X, -1) and dU = triu(X) U; what is beyond the square part follows from
 * A_2 = L U_2 (wide), A_2 = L_2 U (tall). */
static tp_status lu_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    tp_tensor *lu = v->out[LU], *g = v->gout[LU];
    int64_t m = lu->shape[lu->ndim - 2], n = lu->shape[lu->ndim - 1], k = m < n ? m : n;
    tp_tensor *square = tp_narrow(T, tp_narrow(T, lu, -1, 0, k), -2, 0, k),
              *gs = tp_narrow(T, tp_narrow(T, g, -1, 0, k), -2, 0, k);
    tp_tensor *gl = tp_tril(T, gs, -1), *gu = tp_triu(T, gs, 0);
    tp_tensor *below = tp_add(T, tp_matmul(T, tp__mT(T, tp_tril(T, square, -1)), gl), gl); /* L^T gL */
    tp_tensor *above = tp_matmul(T, gu, tp__mT(T, tp_triu(T, square, 0)));                 /* gU U^T */
    tp_tensor *rest = NULL;
    if (n > k) {
        tp_tensor *u2 = tp_narrow(T, lu, -1, k, n - k), *gu2 = tp_narrow(T, g, -1, k, n - k);
        below = tp_sub(T, below, tp_matmul(T, gu2, tp__mT(T, u2)));
        rest = tp__solve_triangular(T, tp__mT(T, square), gu2, true, true);
    } else if (m > k) {
        tp_tensor *l2 = tp_narrow(T, lu, -2, k, m - k), *gl2 = tp_narrow(T, g, -2, k, m - k);
        above = tp_sub(T, above, tp_matmul(T, tp__mT(T, l2), gl2));
        rest = tp__mT(T, tp__solve_triangular(T, square, tp__mT(T, gl2), true, false));
    }
    tp_tensor *s = tp_add(T, tp_tril(T, below, -1), tp_triu(T, above, 0));
    s = tp__mT(T, tp__solve_triangular(T, square, tp__mT(T, s), true, false));
    s = tp__solve_triangular(T, tp__mT(T, square), s, true, true);
    if (rest)
        s = tp_cat(T, 2, (tp_tensor *[2]){s, rest}, n > k ? -1 : -2);
    v->gin[0] = exchanged(T, s, v->out[PIVOTS], true);
    return TP_OK;
}

static void lu_samples(tp_sampler *s)
{
    const tp_dims shapes[] = {{2, {3, 3}}, {3, {2, 2, 2}}, {2, {2, 4}}, {2, {4, 2}}, {3, {0, 2, 2}}, {2, {0, 3}}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        int64_t m = shapes[i].dim[shapes[i].ndim - 2], n = shapes[i].dim[shapes[i].ndim - 1];
        tp_tensor *x = tp_add(
            s->tape, tp_sample_tensor(s, shapes[i], -0.6, 0.7),
            tp_mul_scalar(s->tape, tp_flip(s->tape, tp_eye(s->tape, s->dtype, m, n), 1, (int[]){-2}), 2.5));
        x = tp_requires_grad(tp_detach(s->tape, x), true);
        tp_sample(s, &(tp__told){i % 2}, 1, &x);
    }
}

/* clang-format off */
static const tp_op lu_op = {
    .name = "linalg_lu_factor", .n_in = 1, .n_out = OUTPUTS, .attr_size = sizeof(tp__told), .flags = TP_OP_FORGETS_IN,
    .constant_out = 1u << PIVOTS | 1u << INFO, .grad_name = "LinalgLuFactorExBackward0",
    .infer = lu_infer, .forward = lu_forward, .vjp = lu_vjp, .samples = lu_samples};
/* clang-format on */

static tp_tensor *lu_factor(tp_tape *T, tp_tensor *a, bool told, tp_tensor **pivots, tp_tensor **info)
{
    tp_tensor *out[OUTPUTS] = {NULL};
    tp_apply_all(T, &lu_op, &(tp__told){told}, 1, &a, out);
    if (pivots)
        *pivots = out[PIVOTS];
    if (info)
        *info = out[INFO];
    return out[LU];
}

tp_tensor *tp_linalg_lu_factor(tp_tape *T, tp_tensor *a, tp_tensor **pivots)
{
    return lu_factor(T, a, false, pivots, NULL);
}

tp_tensor *tp_linalg_lu_factor_ex(tp_tape *T, tp_tensor *a, tp_tensor **pivots, tp_tensor **info)
{
    TP__NAMED(T, "linalg_lu_factor_ex");
    return lu_factor(T, a, info != NULL, pivots, info);
}

/* ---- its parts ------------------------------------------------------------------------------------------------------ */

tp_status tp_lu_unpack(tp_tape *T, tp_tensor *lu, tp_tensor *pivots, tp_tensor **p, tp_tensor **l, tp_tensor **u)
{
    TP__NAMED(T, "lu_unpack");
    tp_tensor **out[3] = {p, l, u};
    for (int i = 0; i < 3; i++)
        if (out[i])
            *out[i] = NULL;
    if (!tp__usable_inputs(T, "lu_unpack", 2, (tp_tensor *[2]){lu, pivots}))
        return T ? T->status : TP_EINVAL;
    if (lu->ndim < 2 || !tp_dtype_is_float(lu->dtype))
        return tp_fail(T, TP_ESHAPE, "lu_unpack: LU is %s %s; [..., m, n] of floats is needed",
                       tp_dtype_name(lu->dtype), TP__SHAPE(lu));
    int64_t m = lu->shape[lu->ndim - 2], n = lu->shape[lu->ndim - 1], k = m < n ? m : n;
    if (p) {
        tp_dims shape = tp__batch_of(lu);
        shape.dim[shape.ndim++] = m;
        shape.dim[shape.ndim++] = m;
        *p = exchanged(T, tp_expand(T, tp_eye(T, lu->dtype, m, m), shape), pivots, true);
    }
    if (l)
        *l = tp_add(T, tp_tril(T, tp_narrow(T, lu, -1, 0, k), -1), tp_eye(T, lu->dtype, m, k));
    if (u)
        *u = tp_triu(T, tp_narrow(T, lu, -2, 0, k), 0);
    return T->status;
}

tp_status tp_linalg_lu(tp_tape *T, tp_tensor *a, tp_tensor **p, tp_tensor **l, tp_tensor **u)
{
    TP__NAMED(T, "linalg_lu");
    tp_tensor *pivots, *lu = lu_factor(T, a, true, &pivots, NULL);
    return tp_lu_unpack(T, lu, pivots, p, l, u);
}

/* ---- solves by it --------------------------------------------------------------------------------------------------- */

/* A X = B or A^T X = B: triangles, one after the other, and the exchanges before or behind them. */
static tp_tensor *solve_left(tp_tape *T, tp_tensor *lu, tp_tensor *pivots, tp_tensor *b, bool adjoint)
{
    if (!adjoint) {
        b = tp__solve_triangular(T, lu, exchanged(T, b, pivots, false), false, true);
        return tp__solve_triangular(T, lu, b, true, false);
    }
    tp_tensor *turned = tp__mT(T, lu);
    b = tp__solve_triangular(T, turned, tp__solve_triangular(T, turned, b, false, false), true, true);
    return exchanged(T, b, pivots, true);
}

tp_tensor *tp_linalg_lu_solve(tp_tape *T, tp_tensor *lu, tp_tensor *pivots, tp_tensor *b, bool left, bool adjoint)
{
    TP__NAMED(T, "linalg_lu_solve");
    if (!tp__usable_inputs(T, "linalg_lu_solve", 3, (tp_tensor *[3]){lu, pivots, b}))
        return NULL;
    if (lu->ndim < 2 || pivots->ndim != lu->ndim - 1 || b->ndim < 2 ||
        lu->shape[lu->ndim - 1] != lu->shape[lu->ndim - 2]) {
        tp_fail(
            T, TP_ESHAPE,
            "linalg_lu_solve: LU is %s, the pivots are %s, B is %s; [..., n, n], [..., n] and [..., n, k] are needed",
            TP__SHAPE(lu), TP__SHAPE(pivots), TP__SHAPE(b));
        return NULL;
    }
    if (!left)
        b = tp__mT(T, b);
    if (!tp__broadcast_batches(T, "linalg_lu_solve", &lu, &b))
        return NULL;
    tp_tensor *x = solve_left(T, lu, pivots, b, adjoint != !left);
    return left ? x : tp__mT(T, x);
}

const tp_op *const tp__ops_lu[] = {
#include TP__OPERATORS
    NULL};
