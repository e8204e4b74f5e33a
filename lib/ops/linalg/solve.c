/* solve.c - solves and factorizations, batched over leading dimensions, and the triangles they need. */
#include "kernel/cholesky.h"
#include "ops/ops.h"

#include <string.h>

static tp_tensor *flip(tp_tape *T, tp_tensor *x) { return tp_transpose(T, x, -2, -1); }

static int64_t matrices(const tp_tensor *x)
{
    int64_t n = 1;
    for (int d = 0; d < x->ndim - 2; d++)
        n *= x->shape[d];
    return n;
}

static tp_status square_floats(const tp_call *c, const tp_tensor *a)
{
    char t[200];
    if (a->ndim < 2 || a->shape[a->ndim - 1] != a->shape[a->ndim - 2])
        return tp_call_fail(c, TP_ESHAPE, "%s is no square matrix", tp__dims_text(tp__dims_of(a), t, sizeof t));
    if (!tp_dtype_is_float(a->dtype))
        return tp_call_fail(c, TP_EDTYPE, "takes float32 or float64, not %s", tp_dtype_name(a->dtype));
    return TP_OK;
}

/* ---- tril, triu: attr is { diagonal, upper } -------------------------------------------------------------- */

typedef struct {
    int64_t diagonal;
    bool upper;
} triangle;

static tp_status triangle_infer(tp_call *c)
{
    char t[200];
    if (c->in[0]->ndim < 2)
        return tp_call_fail(c, TP_ESHAPE, "%s is no matrix", tp__dims_text(tp__dims_of(c->in[0]), t, sizeof t));
    return tp__infer_like_first(c);
}

static tp_status triangle_forward(tp_call *c)
{
    const triangle *at = c->attr;
    const tp_tensor *x = c->in[0];
    int64_t rows = x->shape[x->ndim - 2], columns = x->shape[x->ndim - 1];
    size_t size = tp_dtype_size(x->dtype);
    for (int64_t r = 0; columns > 0 && r < x->numel / columns; r++) {
        int64_t split = tp__add_clipped(r % rows + !at->upper,
                                        at->diagonal); /* columns before it are below the diagonal */
        split = split < 0 ? 0 : split > columns ? columns : split;
        char *y = (char *)c->out[0]->data + (size_t)(r * columns) * size;
        const char *from = (const char *)x->data + (size_t)(r * columns) * size;
        size_t low = (size_t)split * size, high = (size_t)(columns - split) * size;
        if (at->upper) {
            memset(y, 0, low);
            memcpy(y + low, from + low, high);
        } else {
            memcpy(y, from, low);
            memset(y + low, 0, high);
        }
    }
    return TP_OK;
}

static tp_status triangle_vjp(tp_vjp *v)
{
    const triangle *at = v->attr;
    v->gin[0] = (at->upper ? tp_triu : tp_tril)(v->tape, v->gout[0], at->diagonal);
    return TP_OK;
}

static void tril_samples(tp_sampler *s)
{
    tp_tensor *x = tp_sample_tensor(s, (tp_dims){3, {2, 3, 4}}, -1, 1);
    tp_sample(s, &(triangle){0, false}, 1, &x);
    tp_sample(s, &(triangle){-1, false}, 1, &x);
}

static void triu_samples(tp_sampler *s)
{
    tp_tensor *x = tp_sample_tensor(s, (tp_dims){2, {4, 3}}, -1, 1);
    tp_sample(s, &(triangle){0, true}, 1, &x);
    tp_sample(s, &(triangle){1, true}, 1, &x);
}

static const tp_op tril_op = {.name = "tril",
                              .n_in = 1,
                              .n_out = 1,
                              .attr_size = sizeof(triangle),
                              .flags = TP__READS_NOTHING,
                              .infer = triangle_infer,
                              .forward = triangle_forward,
                              .vjp = triangle_vjp,
                              .samples = tril_samples,
                              .grad_name = "TrilBackward0"};
static const tp_op triu_op = {.name = "triu",
                              .n_in = 1,
                              .n_out = 1,
                              .attr_size = sizeof(triangle),
                              .flags = TP__READS_NOTHING,
                              .infer = triangle_infer,
                              .forward = triangle_forward,
                              .vjp = triangle_vjp,
                              .samples = triu_samples,
                              .grad_name = "TriuBackward0"};

tp_tensor *tp_tril(tp_tape *T, tp_tensor *x, int64_t diagonal)
{
    return tp__apply1(T, &tril_op, &(triangle){diagonal, false}, x);
}

tp_tensor *tp_triu(tp_tape *T, tp_tensor *x, int64_t diagonal)
{
    return tp__apply1(T, &triu_op, &(triangle){diagonal, true}, x);
}

/* ---- solve ------------------------------------------------------------------------------------------------- */

static tp_status solve_infer(tp_call *c)
{
    const tp_tensor *a = c->in[0], *b = c->in[1];
    char ta[200], tb[200];
    if (square_floats(c, a) != TP_OK)
        return c->tape->status;
    bool fits = a->ndim == b->ndim && a->shape[a->ndim - 1] == b->shape[b->ndim - 2];
    for (int d = 0; d < a->ndim - 2 && fits; d++)
        fits = a->shape[d] == b->shape[d];
    if (!fits)
        return tp_call_fail(c, TP_ESHAPE, "A is %s, B is %s", tp__dims_text(tp__dims_of(a), ta, sizeof ta),
                            tp__dims_text(tp__dims_of(b), tb, sizeof tb));
    if (a->dtype != b->dtype)
        return tp_call_fail(c, TP_EDTYPE, "A is %s, B is %s", tp_dtype_name(a->dtype), tp_dtype_name(b->dtype));
    return tp_call_out(c, 0, a->dtype, tp__dims_of(b));
}

/* The factorization stays for the backward pass, as bytes, since it is no result: LU of each matrix, pivots. */
static tp_status solve_with_lu_infer(tp_call *c)
{
    tp_status status = solve_infer(c);
    const tp_tensor *a = c->in[0];
    int64_t n = status == TP_OK ? a->shape[a->ndim - 1] : 0, size = (int64_t)tp_dtype_size(a->dtype);
    if (status == TP_OK)
        status = tp_call_out(c, 1, TP_U8, (tp_dims){1, {a->numel * size}});
    return status == TP_OK ? tp_call_out(c, 2, TP_I32, (tp_dims){1, {matrices(a) * n}}) : status;
}

static tp_status lapack_said(const tp_call *c, int info, const char *trouble)
{
    if (info > 0)
        return tp_call_fail(c, TP_ENUMERIC, "A is %s", trouble);
    tp_status status;
    trouble = tp__blas_trouble(&status);
    return tp_call_fail(c, status, "%s", trouble);
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
    for (int64_t i = 0; i < matrices(a) && info == 0; i++) {
        info = tp__getrf(dtype, n, lu + (size_t)i * bytes, pivots + i * n);
        if (info == 0)
            info = tp__getrs(dtype, false, n, k, lu + (size_t)i * bytes, pivots + i * n,
                             (char *)c->out[0]->data + (size_t)(i * n * k) * size);
    }
    return info == 0 ? TP_OK : lapack_said(c, info, "singular");
}

static tp_tensor *solve(tp_tape *T, tp_tensor *a, tp_tensor *b);

static tp_status solve_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    tp_tensor *gb = solve(T, flip(T, v->in[0]), v->gout[0]);
    if (tp_vjp_needs(v, 0))
        v->gin[0] = tp_neg(T, tp_matmul(T, gb, flip(T, v->out[0])));
    if (tp_vjp_needs(v, 1))
        v->gin[1] = gb;
    return TP_OK;
}

/* gB = A^-T g by the factorization at hand, gA -= gB X^T */
static tp_status solve_vjp_fused(tp_vjp *v)
{
    const tp_tensor *a = v->in[0], *x = v->out[0], *g = v->gout[0];
    tp_dtype dtype = a->dtype;
    int64_t n = a->shape[a->ndim - 1], k = x->shape[x->ndim - 1], one = k > 1 ? k : 1;
    size_t size = tp_dtype_size(dtype);
    char *gb = tp_vjp_scratch(v, (size_t)g->numel * size);
    if (gb == NULL)
        return v->tape->status;
    if (g->numel > 0)
        memcpy(gb, g->data, (size_t)g->numel * size);
    for (int64_t i = 0; i < matrices(a); i++) {
        char *here = gb + (size_t)(i * n * k) * size;
        tp__getrs(dtype, true, n, k, (const char *)v->out[1]->data + (size_t)(i * n * n) * size,
                  (const int *)v->out[2]->data + i * n, here);
        if (v->gin[0])
            tp__gemm(dtype, false, true, n, n, k, -1, here, one, (const char *)x->data + (size_t)(i * n * k) * size,
                     one, v->fresh & 1u ? 0 : 1, (char *)v->gin[0]->data + (size_t)(i * n * n) * size, n > 1 ? n : 1);
    }
    if (v->gin[1] && (v->fresh & 2u) && g->numel > 0)
        memcpy(v->gin[1]->data, gb, (size_t)g->numel * size);
    else if (v->gin[1])
        tp__axpy(g->numel, dtype, 1, gb, v->gin[1]->data);
    return TP_OK;
}

/* A matrix of samples that is far from singular. */
static tp_tensor *sample_matrix(tp_sampler *s, tp_dims shape)
{
    int64_t n = shape.dim[shape.ndim - 1];
    tp_tensor *x = tp_add(s->tape, tp_sample_tensor(s, shape, -0.6, 0.7),
                          tp_mul_scalar(s->tape, tp_eye(s->tape, s->dtype, n, n), 2.5));
    return tp_requires_grad(tp_detach(s->tape, x), true);
}

static void solve_samples(tp_sampler *s)
{
    tp_tensor *in[2] = {sample_matrix(s, (tp_dims){2, {3, 3}}), tp_sample_tensor(s, (tp_dims){2, {3, 2}}, -1, 1)};
    tp_sample(s, NULL, 2, in);
    in[0] = sample_matrix(s, (tp_dims){3, {2, 2, 2}});
    in[1] = tp_sample_tensor(s, (tp_dims){3, {2, 2, 1}}, -1, 1);
    tp_sample(s, NULL, 2, in);
}

static const tp_op solve_op = {.name = "linalg_solve",
                               .n_in = 2,
                               .n_out = 3,
                               .flags = TP_OP_OVERWRITES,
                               .infer = solve_with_lu_infer,
                               .forward = solve_forward,
                               .vjp = solve_vjp,
                               .vjp_fused = solve_vjp_fused,
                               .samples = solve_samples,
                               .grad_name = "LinalgSolveExBackward0"};

static tp_tensor *solve(tp_tape *T, tp_tensor *a, tp_tensor *b) { return tp__apply2(T, &solve_op, NULL, a, b); }

/* Both with the same leading dimensions. */
static bool broadcast_batches(tp_tape *T, const char *name, tp_tensor **a, tp_tensor **b)
{
    tp_dims sa = tp__dims_of(*a), sb = tp__dims_of(*b), batch;
    char ta[200], tb[200];
    if (sa.ndim < 2 || sb.ndim < 2) {
        tp_fail(T, TP_ESHAPE, "%s: A is %s, B is %s", name, tp__dims_text(sa, ta, sizeof ta),
                tp__dims_text(sb, tb, sizeof tb));
        return false;
    }
    tp_dims lead_a = sa, lead_b = sb;
    lead_a.ndim -= 2;
    lead_b.ndim -= 2;
    if (!tp__dims_broadcast(lead_a, lead_b, &batch)) {
        tp_fail(T, TP_ESHAPE, "%s: A is %s, B is %s", name, tp__dims_text(sa, ta, sizeof ta),
                tp__dims_text(sb, tb, sizeof tb));
        return false;
    }
    for (int side = 0; side < 2; side++) {
        tp_tensor **x = side ? b : a;
        tp_dims whole = batch;
        whole.dim[whole.ndim++] = (*x)->shape[(*x)->ndim - 2];
        whole.dim[whole.ndim++] = (*x)->shape[(*x)->ndim - 1];
        if (!tp__dims_equal(tp__dims_of(*x), whole) && (*x = tp_expand(T, *x, whole)) == NULL)
            return false;
    }
    return true;
}

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
    if (b == NULL || !broadcast_batches(T, "linalg_solve", &a, &b))
        return NULL;
    tp_tensor *x = solve(T, a, b);
    return vectors ? tp_squeeze_dim(T, x, -1) : x;
}

/* ---- cholesky ------------------------------------------------------------------------------------------------- */

static tp_status cholesky_infer(tp_call *c)
{
    return square_floats(c, c->in[0]) == TP_OK ? tp__infer_like_first(c) : c->tape->status;
}

static tp_status cholesky_forward(tp_call *c)
{
    const tp_tensor *a = c->in[0];
    tp_dtype dtype = a->dtype;
    int64_t n = a->shape[a->ndim - 1];
    size_t size = tp_dtype_size(dtype);
    if (a->numel == 0)
        return TP_OK;
    triangle lower = {0, false};
    tp_call copy = *c;
    copy.attr = &lower;
    tp_status status = triangle_forward(&copy);
    for (int64_t i = 0; i < matrices(a) && status == TP_OK; i++) {
        int info = tp__potrf(dtype, n, (char *)c->out[0]->data + (size_t)(i * n * n) * size);
        if (info != 0)
            status = lapack_said(c, info, "not positive definite");
    }
    return status;
}

/* gA = L^-T phi(L^T gL) L^-1, symmetrized; phi takes the lower half, the diagonal halved. */
static tp_status cholesky_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    tp_tensor *l = v->out[0], *lt = flip(T, l);
    tp_tensor *s = tp_matmul(T, lt, tp_tril(T, v->gout[0], 0));
    tp_tensor *phi = tp_mul_scalar(T, tp_add(T, tp_tril(T, s, 0), tp_tril(T, s, -1)), 0.5);
    tp_tensor *p = tp_linalg_solve_triangular(T, lt, phi, true);                 /* L^-T phi */
    tp_tensor *q = flip(T, tp_linalg_solve_triangular(T, lt, flip(T, p), true)); /* ... L^-1 */
    v->gin[0] = tp_mul_scalar(T, tp_add(T, q, flip(T, q)), 0.5);
    return TP_OK;
}

/* A matrix at a time, in a buffer of its gradient, of which the lower half is used up, and of scratch. */
static tp_status cholesky_vjp_fused(tp_vjp *v)
{
    const tp_tensor *l = v->out[0], *g = v->gout[0];
    tp_dtype dtype = l->dtype;
    int64_t n = l->shape[l->ndim - 1];
    size_t size = tp_dtype_size(dtype), each = (size_t)(n * n) * size;
    if (l->numel == 0)
        return TP_OK;
    char *space = tp_vjp_scratch(v, each + (size_t)(TP__CHOLESKY_PANEL * (TP__CHOLESKY_PANEL + n)) * size);
    if (space == NULL)
        return v->tape->status;
    bool done = true;
    for (int64_t i = 0; i < matrices(l) && done; i++) {
        size_t here = (size_t)i * each;
        memcpy(space, (const char *)g->data + here, each);
        done = tp__potrf_backward(dtype, n, (const char *)l->data + here, space, space + each,
                                  (char *)v->gin[0]->data + here, !(v->fresh & 1u));
    }
    tp_status status = TP_OK;
    const char *trouble = done ? NULL : tp__blas_trouble(&status);
    return done ? TP_OK : tp_fail(v->tape, status, "linalg_cholesky: %s", trouble);
}

static void cholesky_samples(tp_sampler *s)
{
    tp_tensor *x = sample_matrix(s, (tp_dims){2, {3, 3}});
    x = tp_requires_grad(tp_detach(s->tape, tp_matmul(s->tape, x, flip(s->tape, x))), true);
    tp_sample(s, NULL, 1, &x);
    x = sample_matrix(s, (tp_dims){3, {2, 2, 2}});
    x = tp_requires_grad(tp_detach(s->tape, tp_matmul(s->tape, x, flip(s->tape, x))), true);
    tp_sample(s, NULL, 1, &x);
}

static const tp_op cholesky_op = {.name = "linalg_cholesky",
                                  .n_in = 1,
                                  .n_out = 1,
                                  .flags = TP_OP_FORGETS_IN | TP_OP_SYMMETRIC | TP_OP_OVERWRITES,
                                  .infer = cholesky_infer,
                                  .forward = cholesky_forward,
                                  .vjp = cholesky_vjp,
                                  .vjp_fused = cholesky_vjp_fused,
                                  .samples = cholesky_samples,
                                  .grad_name = "LinalgCholeskyExBackward0"};

tp_tensor *tp_linalg_cholesky(tp_tape *T, tp_tensor *a) { return tp__apply1(T, &cholesky_op, NULL, a); }

/* ---- triangular solve: attr says upper ------------------------------------------------------------------------- */

static tp_status solve_triangular_forward(tp_call *c)
{
    const tp_tensor *a = c->in[0], *b = c->in[1];
    int64_t n = a->shape[a->ndim - 1], k = b->shape[b->ndim - 1];
    size_t size = tp_dtype_size(a->dtype);
    if (b->numel == 0)
        return TP_OK;
    memcpy(c->out[0]->data, b->data, (size_t)b->numel * size);
    for (int64_t i = 0; i < matrices(a); i++)
        if (!tp__trsm(a->dtype, *(const bool *)c->attr, false, false, n, k,
                      (const char *)a->data + (size_t)(i * n * n) * size, n,
                      (char *)c->out[0]->data + (size_t)(i * n * k) * size, k))
            return lapack_said(c, -1, "");
    return TP_OK;
}

static tp_tensor *solve_triangular(tp_tape *T, tp_tensor *a, tp_tensor *b, bool upper);

static tp_status solve_triangular_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    bool upper = *(const bool *)v->attr;
    tp_tensor *gb = solve_triangular(T, flip(T, v->in[0]), v->gout[0], !upper);
    if (tp_vjp_needs(v, 0))
        v->gin[0] = (upper ? tp_triu : tp_tril)(T, tp_neg(T, tp_matmul(T, gb, flip(T, v->out[0]))), 0);
    if (tp_vjp_needs(v, 1))
        v->gin[1] = gb;
    return TP_OK;
}

static void solve_triangular_samples(tp_sampler *s)
{
    tp_tensor *in[2] = {sample_matrix(s, (tp_dims){2, {3, 3}}), tp_sample_tensor(s, (tp_dims){2, {3, 2}}, -1, 1)};
    tp_sample(s, &(bool){true}, 2, in);
    tp_sample(s, &(bool){false}, 2, in);
}

static const tp_op solve_triangular_op = {.name = "linalg_solve_triangular",
                                          .n_in = 2,
                                          .n_out = 1,
                                          .attr_size = sizeof(bool),
                                          .infer = solve_infer,
                                          .forward = solve_triangular_forward,
                                          .vjp = solve_triangular_vjp,
                                          .samples = solve_triangular_samples,
                                          .grad_name = "LinalgSolveTriangularBackward0"};

static tp_tensor *solve_triangular(tp_tape *T, tp_tensor *a, tp_tensor *b, bool upper)
{
    return tp__apply2(T, &solve_triangular_op, &upper, a, b);
}

tp_tensor *tp_linalg_solve_triangular(tp_tape *T, tp_tensor *a, tp_tensor *b, bool upper)
{
    TP__NAMED(T, "linalg_solve_triangular");
    if (!tp__usable(T, "linalg_solve_triangular", a) || !tp__usable(T, "linalg_solve_triangular", b) ||
        !broadcast_batches(T, "linalg_solve_triangular", &a, &b))
        return NULL;
    return solve_triangular(T, a, b, upper);
}

const char *tp_blas_info(void) { return tp__blas_info(); }

const tp_op *const tp__ops_linalg[] = {
#include TP__OPERATORS
    NULL};
