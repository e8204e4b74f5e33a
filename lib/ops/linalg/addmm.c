/* addmm.c - sums and chains of products: functions made of matmul and other operators. */
#include "kernel/elementwise.h"
#include "ops/ops.h"

#include <math.h>

static bool both_usable(tp_tape *T, const char *name, const tp_tensor *a, const tp_tensor *b)
{
    return tp__usable(T, name, a) && tp__usable(T, name, b);
}

static tp_tensor *shapes_differ(tp_tape *T, const char *name, const tp_tensor *a, const tp_tensor *b,
                                const char *needed)
{
    tp_fail(T, TP_ESHAPE, "%s: %s and %s; %s", name, TP__SHAPE(a), TP__SHAPE(b), needed);
    return NULL;
}

/* ---- vectors ---------------------------------------------------------------------------------------------------- */

tp_tensor *tp_outer(tp_tape *T, tp_tensor *a, tp_tensor *b)
{
    if (!both_usable(T, "outer", a, b))
        return NULL;
    if (a->ndim != 1 || b->ndim != 1)
        return shapes_differ(T, "outer", a, b, "two vectors are needed");
    return tp_mul(T, tp_unsqueeze(T, a, 1), b);
}

tp_tensor *tp_inner(tp_tape *T, tp_tensor *a, tp_tensor *b)
{
    TP__NAMED(T, "inner");
    if (!both_usable(T, "inner", a, b))
        return NULL;
    if (a->ndim == 0 || b->ndim == 0)
        return tp_mul(T, a, b);
    if (a->shape[a->ndim - 1] != b->shape[b->ndim - 1])
        return shapes_differ(T, "inner", a, b, "one last size is needed");
    return tp_tensordot(T, a, b, 1, (const int[]){-1}, (const int[]){-1});
}

tp_tensor *tp_linalg_vecdot(tp_tape *T, tp_tensor *a, tp_tensor *b, int dim)
{
    TP__NAMED(T, "linalg_vecdot");
    if (!both_usable(T, "vecdot", a, b))
        return NULL;
    if (!tp_dtype_is_float(a->dtype) || a->dtype != b->dtype) {
        tp_fail(T, TP_EDTYPE, "vecdot: a is %s, b is %s; floats of one dtype are needed", tp_dtype_name(a->dtype),
                tp_dtype_name(b->dtype));
        return NULL;
    }
    return tp_sum_dim(T, tp_mul(T, a, b), dim, false);
}

/* ---- beta x + alpha a product -------------------------------------------------------------------------------------- */

/* s x; beside integers the number is truncated, and beside booleans only whether it is 0 counts. */
static tp_tensor *scaled(tp_tape *T, const char *name, tp_tensor *x, double s)
{
    if (x == NULL || tp_dtype_is_float(x->dtype))
        return s == 1 ? x : tp_mul_scalar(T, x, s);
    if (!tp__fits(T, name, "factor", x->dtype, s))
        return NULL;
    s = x->dtype == TP_BOOL ? trunc(s) != 0 : trunc(s);
    return s == 1 ? x : tp_to(T, tp_mul_scalar(T, x, s), x->dtype);
}

/* With beta 0 nothing of x counts, not even NaN. */
static tp_tensor *weighted_sum(tp_tape *T, const char *name, tp_tensor *x, double beta, tp_tensor *product,
                               double alpha)
{
    tp_dims shape;
    if (!both_usable(T, name, x, product))
        return NULL;
    if (!tp__dims_broadcast(tp__dims_of(x), tp__dims_of(product), &shape) ||
        !tp__dims_equal(shape, tp__dims_of(product)))
        return shapes_differ(T, name, x, product, "what broadcasts to the product, the second, is needed");
    if (x->dtype != product->dtype) {
        tp_fail(T, TP_EDTYPE, "%s: x is %s, the product is %s; one dtype is needed", name, tp_dtype_name(x->dtype),
                tp_dtype_name(product->dtype));
        return NULL;
    }
    product = scaled(T, name, product, alpha);
    return beta == 0 ? product : tp_add(T, scaled(T, name, x, beta), product);
}

tp_tensor *tp_addmm(tp_tape *T, tp_tensor *x, tp_tensor *a, tp_tensor *b, double beta, double alpha)
{
    TP__NAMED(T, "addmm");
    if (!tp__usable_inputs(T, "addmm", 3, (tp_tensor *[]){x, a, b}))
        return NULL;
    return weighted_sum(T, "addmm", x, beta, tp_mm(T, a, b), alpha);
}

tp_tensor *tp_addmv(tp_tape *T, tp_tensor *x, tp_tensor *a, tp_tensor *v, double beta, double alpha)
{
    TP__NAMED(T, "addmv");
    if (!tp__usable_inputs(T, "addmv", 3, (tp_tensor *[]){x, a, v}))
        return NULL;
    return weighted_sum(T, "addmv", x, beta, tp_mv(T, a, v), alpha);
}

/* x + alpha a b^T of floats of one kind, in one pass; its gradients by a and b are products with a matrix. */
static tp_status addr_infer(tp_call *c)
{
    const tp_tensor *x = c->in[0], *a = c->in[1], *b = c->in[2];
    tp_dims shape = {2, {a->numel, b->numel}}, all;
    if (a->ndim != 1 || b->ndim != 1 || !tp__dims_broadcast(tp__dims_of(x), shape, &all) || !tp__dims_equal(all, shape))
        return tp_call_fail(c, TP_ESHAPE,
                            "x is %s, a is %s, b is %s; vectors [n] and [m], and what broadcasts to [n, m], are needed",
                            TP__SHAPE(x), TP__SHAPE(a), TP__SHAPE(b));
    if (!tp_dtype_is_float(x->dtype) || a->dtype != x->dtype || b->dtype != x->dtype)
        return tp_call_fail(c, TP_EDTYPE, "x is %s, a is %s, b is %s; floats of one dtype are needed",
                            tp_dtype_name(x->dtype), tp_dtype_name(a->dtype), tp_dtype_name(b->dtype));
    return tp_call_out(c, 0, x->dtype, shape);
}

static tp_status addr_forward(tp_call *c)
{
    const tp_tensor *a = c->in[1], *y = c->out[0];
    tp_dtype dtype = y->dtype;
    tp_dims shape = tp__dims_of(y);
    tp__operand in[3] = {
        tp__operand_of(c->in[0], shape), {.data = a->data, .dtype = dtype}, tp__operand_of(c->in[2], shape)};
    in[1].stride[0] = a->stride[0];
    tp__map(TP__FN(addcmul, dtype), c->attr, shape, y->data, dtype, dtype, false, 3, in);
    return TP_OK;
}

static tp_status addr_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    tp_tensor *g = v->gout[0];
    double alpha = *(const double *)v->attr;
    if (tp_vjp_needs(v, 0))
        v->gin[0] = g;
    if (tp_vjp_needs(v, 1))
        v->gin[1] = scaled(T, "addr", tp_mv(T, g, v->in[2]), alpha);
    if (tp_vjp_needs(v, 2))
        v->gin[2] = scaled(T, "addr", tp_mv(T, tp_t(T, g), v->in[1]), alpha);
    return TP_OK;
}

static void addr_samples(tp_sampler *s)
{
    static const tp_dims shapes[] = {{2, {3, 4}}, {1, {4}}, {2, {3, 1}}, {.ndim = 0}};
    tp_tensor *in[3] = {NULL, tp_sample_tensor(s, (tp_dims){1, {3}}, -1.9, 2.2),
                        tp_sample_tensor(s, (tp_dims){1, {4}}, -1.3, 1.7)};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        in[0] = tp_sample_tensor(s, shapes[i], -1, 1);
        tp_sample(s, &(double){i == 1 ? 1 : -1.3}, 3, in);
    }
    in[0] = in[2] = tp_sample_tensor(s, (tp_dims){1, {0}}, 0, 1);
    tp_sample(s, &(double){1}, 3, in);
}

/* clang-format off */
static const tp_op addr_op = {
    .name = "addr", .n_in = 3, .n_out = 1, .attr_size = sizeof(double), .flags = TP_OP_STRIDED | TP_OP_FORGETS_OUT,
    .grad_name = "AddrBackward0",
    .infer = addr_infer, .forward = addr_forward, .vjp = addr_vjp, .samples = addr_samples};
/* clang-format on */

tp_tensor *tp_addr(tp_tape *T, tp_tensor *x, tp_tensor *a, tp_tensor *b, double beta, double alpha)
{
    TP__NAMED(T, "addr");
    if (!tp__usable_inputs(T, "addr", 3, (tp_tensor *[]){x, a, b}))
        return NULL;
    tp_dims shape = {2, {a->numel, b->numel}}, all;
    bool fits = a->ndim == 1 && b->ndim == 1 && tp__dims_broadcast(tp__dims_of(x), shape, &all) &&
                tp__dims_equal(all, shape) && tp_dtype_is_float(x->dtype) && x->dtype == a->dtype &&
                x->dtype == b->dtype;
    if (!fits || beta == 0)
        return weighted_sum(T, "addr", x, beta, tp_outer(T, a, b), alpha);
    return tp__apply3(T, &addr_op, &alpha, scaled(T, "addr", x, beta), a, b);
}

tp_tensor *tp_baddbmm(tp_tape *T, tp_tensor *x, tp_tensor *a, tp_tensor *b, double beta, double alpha)
{
    TP__NAMED(T, "baddbmm");
    if (!tp__usable_inputs(T, "baddbmm", 3, (tp_tensor *[]){x, a, b}))
        return NULL;
    return weighted_sum(T, "baddbmm", x, beta, tp_bmm(T, a, b), alpha);
}

/* The batch is a longer sum: [n, b k] times [b k, m]. */
tp_tensor *tp_addbmm(tp_tape *T, tp_tensor *x, tp_tensor *a, tp_tensor *b, double beta, double alpha)
{
    if (!both_usable(T, "addbmm", a, b))
        return NULL;
    if (a->ndim != 3 || b->ndim != 3 || a->shape[0] != b->shape[0] || a->shape[2] != b->shape[1])
        return shapes_differ(T, "addbmm", a, b, "[b, n, k] and [b, k, m] are needed");
    int64_t k = a->shape[0] * a->shape[2];
    tp_tensor *left = tp_reshape(T, tp_permute(T, a, (tp_dims){3, {1, 0, 2}}), (tp_dims){2, {a->shape[1], k}});
    return weighted_sum(T, "addbmm", x, beta, tp_mm(T, left, tp_reshape(T, b, (tp_dims){2, {k, b->shape[2]}})), alpha);
}

/* ---- traces, Kronecker products, chains ------------------------------------------------------------------------------ */

tp_tensor *tp_trace(tp_tape *T, tp_tensor *x)
{
    if (!tp__usable(T, "trace", x))
        return NULL;
    if (x->ndim != 2) {
        tp_fail(T, TP_ESHAPE, "trace: x is %s; a matrix is needed", TP__SHAPE(x));
        return NULL;
    }
    return tp_sum(T, tp_diagonal(T, x, 0, 0, 1));
}

/* Each dimension of the result is one of a, outside, and one of b, inside. */
tp_tensor *tp_kron(tp_tape *T, tp_tensor *a, tp_tensor *b)
{
    if (!both_usable(T, "kron", a, b))
        return NULL;
    int n = a->ndim > b->ndim ? a->ndim : b->ndim;
    if (2 * n > TP_MAX_DIMS) {
        tp_fail(T, TP_ESHAPE, "kron: %d dimensions; at most %d", n, TP_MAX_DIMS / 2);
        return NULL;
    }
    tp_dims left = {.ndim = 2 * n}, right = {.ndim = 2 * n}, shape = {.ndim = n};
    for (int d = 0; d < n; d++) {
        int da = d - (n - a->ndim), db = d - (n - b->ndim);
        left.dim[2 * d] = da < 0 ? 1 : a->shape[da];
        left.dim[2 * d + 1] = right.dim[2 * d] = 1;
        right.dim[2 * d + 1] = db < 0 ? 1 : b->shape[db];
        int64_t size[2] = {left.dim[2 * d], right.dim[2 * d + 1]};
        if (!tp__dims_numel((tp_dims){2, {size[0], size[1]}}, &shape.dim[d]))
            return shapes_differ(T, "kron", a, b, "a product of fewer elements is needed");
    }
    return tp_reshape(T, tp_mul(T, tp_reshape(T, a, left), tp_reshape(T, b, right)), shape);
}

enum { CHAIN = 32 };

/* The product of matrices i to j, split where it costs least. */
static tp_tensor *chain(tp_tape *T, tp_tensor *const *x, int split[CHAIN][CHAIN], int i, int j)
{
    if (i == j)
        return x[i];
    tp_tensor *left = chain(T, x, split, i, split[i][j]), *right = chain(T, x, split, split[i][j] + 1, j);
    return tp_mm(T, left, right);
}

/* By dynamic programming over all ways to set brackets (Cormen et al., Introduction to Algorithms, 15.2). */
static tp_tensor *best_chain(tp_tape *T, int n, tp_tensor *const *x)
{
    double cost[CHAIN][CHAIN] = {{0}};
    int split[CHAIN][CHAIN] = {{0}};
    for (int length = 2; length <= n; length++)
        for (int i = 0; i + length <= n; i++) {
            int j = i + length - 1;
            cost[i][j] = INFINITY;
            for (int k = i; k < j; k++) {
                double c = cost[i][k] + cost[k + 1][j] +
                           (double)x[i]->shape[0] * (double)x[k]->shape[1] * (double)x[j]->shape[1];
                if (c < cost[i][j]) {
                    cost[i][j] = c;
                    split[i][j] = k;
                }
            }
        }
    return chain(T, x, split, 0, n - 1);
}

tp_tensor *tp_linalg_multi_dot(tp_tape *T, int n, tp_tensor *const *x)
{
    TP__NAMED(T, "linalg_multi_dot");
    tp_tensor *m[CHAIN];
    if (!tp__listed(T, "multi_dot", "tensors", n, 2, x))
        return NULL;
    if (n > CHAIN) {
        tp_fail(T, TP_EINVAL, "multi_dot: %d tensors; at most %d", n, CHAIN);
        return NULL;
    }
    for (int i = 0; i < n; i++) {
        if (!tp__usable(T, "multi_dot", x[i]))
            return NULL;
        bool end = i == 0 || i == n - 1;
        m[i] = x[i]->ndim == 1 && end ? tp_unsqueeze(T, x[i], i ? 1 : 0) : x[i];
        if (m[i] == NULL)
            return NULL;
        if (m[i]->ndim != 2 || (i && m[i - 1]->shape[1] != m[i]->shape[0]))
            return shapes_differ(T, "multi_dot", x[i ? i - 1 : 0], x[i],
                                 "matrices [n, k] and [k, m] are needed, or vectors at the ends");
    }
    tp_tensor *y = best_chain(T, n, m);
    if (x[n - 1]->ndim == 1)
        y = tp_squeeze_dim(T, y, 1);
    return x[0]->ndim == 1 ? tp_squeeze_dim(T, y, 0) : y;
}

tp_tensor *tp_linalg_matrix_power(tp_tape *T, tp_tensor *x, int n)
{
    TP__NAMED(T, "linalg_matrix_power");
    if (!tp__usable(T, "matrix_power", x))
        return NULL;
    if (x->ndim < 2 || x->shape[x->ndim - 1] != x->shape[x->ndim - 2]) {
        tp_fail(T, TP_ESHAPE, "matrix_power: x is %s; [..., n, n] is needed", TP__SHAPE(x));
        return NULL;
    }
    int64_t side = x->shape[x->ndim - 1];
    tp_tensor *eye = tp_eye(T, x->dtype, side, side);
    if (n <= 0 && (eye = tp_clone(T, tp_expand(T, eye, tp__dims_of(x)))) == NULL)
        return NULL;
    if (n == 0) /* of x there is no more than a gradient of zeros */
        return tp_where(T, tp_scalar(T, TP_BOOL, 0), x, eye);
    tp_tensor *square = n < 0 ? tp_linalg_solve(T, x, eye) : x, *y = NULL;
    for (unsigned rest = n < 0 ? 0u - (unsigned)n : (unsigned)n; rest && tp__ok(T); rest /= 2) {
        if (rest & 1)
            y = y ? tp_matmul(T, y, square) : square;
        if (rest > 1)
            square = tp_matmul(T, square, square);
    }
    return y == x ? tp_clone(T, x) : y;
}

tp_tensor *tp_bilinear(tp_tape *T, tp_tensor *a, tp_tensor *b, tp_tensor *weight, tp_tensor *bias)
{
    TP__NAMED(T, "bilinear");
    if (!tp__usable_inputs(T, "bilinear", bias ? 4 : 3, (tp_tensor *[]){a, b, weight, bias}))
        return NULL;
    bool fits = a->ndim >= 1 && a->ndim == b->ndim && weight->ndim == 3 && weight->shape[1] == a->shape[a->ndim - 1] &&
                weight->shape[2] == b->shape[b->ndim - 1];
    for (int d = 0; d < a->ndim - 1 && fits; d++)
        fits = a->shape[d] == b->shape[d];
    if (!fits) {
        tp_fail(T, TP_ESHAPE, "bilinear: a is %s, b is %s, weight is %s; [..., i], [..., j] and [o, i, j] are needed",
                TP__SHAPE(a), TP__SHAPE(b), TP__SHAPE(weight));
        return NULL;
    }
    tp_tensor *in[3] = {a, weight, b};
    tp_tensor *y = tp_einsum(T, "...i,oij,...j->...o", 3, in);
    return bias ? tp_add(T, y, bias) : y;
}

const tp_op *const tp__ops_addmm[] = {
#include TP__OPERATORS
    NULL};
