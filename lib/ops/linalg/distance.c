/* distance.c - distances between rows, beside each other and all together. */
#include "ops/ops.h"

#include <math.h>

/* ---- all distances between the rows of two matrices, or of one --------------------------------------------------- */

typedef struct {
    double p;
} order;

static tp_status check_order(const tp_call *c)
{
    const order *o = c->attr;
    if (!(o->p >= 0))
        return tp_call_fail(c, TP_EINVAL, "p is %g; 0 or more is needed", o->p);
    const tp_tensor *a = c->in[0], *b = c->in[c->n_in - 1];
    if (!tp_dtype_is_float(a->dtype) || a->dtype != b->dtype)
        return tp_call_fail(c, TP_EDTYPE, "points are %s and %s; floats of one dtype are needed",
                            tp_dtype_name(a->dtype), tp_dtype_name(b->dtype));
    return TP_OK;
}

static tp_status cdist_infer(tp_call *c)
{
    const tp_tensor *a = c->in[0], *b = c->in[1];
    int n = a->ndim;
    bool fits = n >= 2 && b->ndim == n && a->shape[n - 1] == b->shape[n - 1];
    for (int d = 0; d < n - 2 && fits; d++)
        fits = a->shape[d] == b->shape[d];
    if (!fits)
        return tp_call_fail(c, TP_ESHAPE, "a is %s, b is %s; [..., n, d] and [..., m, d] are needed", TP__SHAPE(a),
                            TP__SHAPE(b));
    tp_dims shape = tp__dims_of(a);
    shape.dim[n - 1] = b->shape[n - 2];
    tp_status status = check_order(c);
    return status == TP_OK ? tp_call_out(c, 0, a->dtype, shape) : status;
}

static tp__distance_job all_of(double p, bool triangle, const tp_tensor *a, const tp_tensor *b, const tp_tensor *y)
{
    tp__distance_job job = {.dtype = a->dtype, .p = p, .triangle = triangle, .batch = 1};
    for (int d = 0; d < a->ndim - 2; d++)
        job.batch *= a->shape[d];
    job.n = a->shape[a->ndim - 2];
    job.m = b->shape[b->ndim - 2];
    job.d = a->shape[a->ndim - 1];
    job.a = a->data;
    job.b = b->data;
    job.y = y->data;
    return job;
}

static tp_status cdist_forward(tp_call *c)
{
    tp__distance_job job = all_of(((const order *)c->attr)->p, false, c->in[0], c->in[1], c->out[0]);
    tp__distance(&job);
    return TP_OK;
}

/* g times the slope of distances y at the differences x [..., d], with y and g [..., 1]. As torch has it, all of the largest
 * differences have the whole slope. */
static tp_tensor *along(tp_tape *T, tp_tensor *x, tp_tensor *y, tp_tensor *g, double p)
{
    y = tp_unsqueeze(T, y, -1);
    g = tp_unsqueeze(T, g, -1);
    if (!isinf(p))
        return tp_mul(T, g, tp__norm_slope(T, x, y, p, 1, (const int[]){-1}));
    tp_tensor *top = tp_eq(T, tp_abs(T, x), y);
    return tp_mul(T, g, tp_mul(T, tp_sign(T, x), top ? tp_to(T, top, tp_dtype_of(x)) : NULL));
}

static tp_status cdist_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    tp_tensor *x = tp_sub(T, tp_unsqueeze(T, v->in[0], -2), tp_unsqueeze(T, v->in[1], -3));
    tp_tensor *g = along(T, x, v->out[0], v->gout[0], ((const order *)v->attr)->p);
    if (tp_vjp_needs(v, 0))
        v->gin[0] = tp_sum_dim(T, g, -2, false);
    if (tp_vjp_needs(v, 1))
        v->gin[1] = tp_neg(T, tp_sum_dim(T, g, -3, false));
    return TP_OK;
}

static tp_status cdist_vjp_fused(tp_vjp *v)
{
    tp__distance_job job = all_of(((const order *)v->attr)->p, false, v->in[0], v->in[1], v->out[0]);
    for (int i = 0; i < 2; i++)
        if (v->gin[i])
            tp__distance_backward(&job, v->gout[0]->data, i == 1, v->gin[i]->data, !((v->fresh >> i) & 1u));
    return TP_OK;
}

static const double some_orders[] = {2, 1, (double)INFINITY, 0, 3, 1.5, 0.7};
enum { ORDERS = sizeof some_orders / sizeof *some_orders };

static void cdist_samples(tp_sampler *s)
{
    tp_tensor *in[2] = {tp_sample_tensor(s, (tp_dims){2, {4, 3}}, -1.9, 2.2),
                        tp_sample_tensor(s, (tp_dims){2, {5, 3}}, -1.3, 1.7)};
    for (int i = 0; i < ORDERS; i++)
        tp_sample(s, &(order){some_orders[i]}, 2, in);
    in[0] = tp_sample_tensor(s, (tp_dims){3, {2, 3, 35}}, -1.9, 2.2); /* more than one block */
    in[1] = tp_sample_tensor(s, (tp_dims){3, {2, 34, 35}}, -1.3, 1.7);
    tp_sample(s, &(order){2}, 2, in);
    in[0] = tp_sample_tensor(s, (tp_dims){2, {3, 0}}, 0, 1);
    in[1] = tp_sample_tensor(s, (tp_dims){2, {2, 0}}, 0, 1);
    tp_sample(s, &(order){2}, 2, in);
    in[0] = tp_sample_tensor(s, (tp_dims){2, {0, 2}}, 0, 1);
    in[1] = tp_sample_tensor(s, (tp_dims){2, {3, 2}}, 0, 1);
    tp_sample(s, &(order){1}, 2, in);
}

/* clang-format off */
static const tp_op cdist_op = {
    .name = "cdist", .n_in = 2, .n_out = 1, .attr_size = sizeof(order), .flags = TP_OP_OVERWRITES,
    .infer = cdist_infer, .forward = cdist_forward, .vjp = cdist_vjp, .vjp_fused = cdist_vjp_fused,
    .samples = cdist_samples};
/* clang-format on */

static tp_tensor *as_batch(tp_tape *T, tp_tensor *x, tp_dims shape)
{
    shape.dim[shape.ndim - 2] = x->shape[x->ndim - 2];
    return tp_expand(T, x, shape);
}

tp_tensor *tp_cdist(tp_tape *T, tp_tensor *a, tp_tensor *b, double p)
{
    tp_tensor *in[2] = {a, b};
    if (!tp__usable(T, "cdist", a) || !tp__usable(T, "cdist", b))
        return NULL;
    if (a->ndim < 2 || b->ndim < 2)
        return tp_apply(T, &cdist_op, &(order){p}, 2, in);
    if (a->dtype != b->dtype && tp_dtype_is_float(a->dtype) && tp_dtype_is_float(b->dtype))
        for (int i = 0; i < 2; i++)
            if ((in[i] = tp_to(T, in[i], TP_F64)) == NULL)
                return NULL;
    tp_dims left = tp__dims_of(a), right = tp__dims_of(b), shape;
    left.dim[a->ndim - 2] = right.dim[b->ndim - 2] = 1;
    if (left.dim[a->ndim - 1] == right.dim[b->ndim - 1] && tp__dims_broadcast(left, right, &shape))
        for (int i = 0; i < 2; i++)
            if ((in[i] = as_batch(T, in[i], shape)) == NULL)
                return NULL;
    return tp_apply(T, &cdist_op, &(order){p}, 2, in);
}

static tp_status pdist_infer(tp_call *c)
{
    const tp_tensor *x = c->in[0];
    int64_t n = x->ndim == 2 ? x->shape[0] : 0, twice;
    if (x->ndim != 2)
        return tp_call_fail(c, TP_ESHAPE, "x is %s; [n, d] is needed", TP__SHAPE(x));
    if (!tp__dims_numel((tp_dims){2, {n, n}}, &twice))
        return tp_call_fail(c, TP_ESHAPE, "the pairs of %lld rows; fewer are needed", (long long)n);
    tp_status status = check_order(c);
    return status == TP_OK ? tp_call_out(c, 0, x->dtype, (tp_dims){1, {(twice - n) / 2}}) : status;
}

static tp_status pdist_forward(tp_call *c)
{
    tp__distance_job job = all_of(((const order *)c->attr)->p, true, c->in[0], c->in[0], c->out[0]);
    tp__distance(&job);
    return TP_OK;
}

static tp_status pdist_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    tp_tensor *x = v->in[0], *pairs = tp_triu_indices(T, TP_I64, x->shape[0], x->shape[0], 1);
    tp_tensor *i = tp_select(T, pairs, 0, 0), *j = tp_select(T, pairs, 0, 1);
    tp_tensor *difference = tp_sub(T, tp_index_select(T, x, 0, i), tp_index_select(T, x, 0, j));
    tp_tensor *g = along(T, difference, v->out[0], v->gout[0], ((const order *)v->attr)->p);
    v->gin[0] = tp_index_add(T, tp_index_add(T, tp_zeros_like(T, x), 0, i, g), 0, j, tp_neg(T, g));
    return TP_OK;
}

static tp_status pdist_vjp_fused(tp_vjp *v)
{
    tp__distance_job job = all_of(((const order *)v->attr)->p, true, v->in[0], v->in[0], v->out[0]);
    tp__distance_backward(&job, v->gout[0]->data, false, v->gin[0]->data, !(v->fresh & 1u));
    return TP_OK;
}

static void pdist_samples(tp_sampler *s)
{
    tp_tensor *x = tp_exp(s->tape, tp_sample_tensor(s, (tp_dims){2, {5, 3}}, -1.9, 2.2)); /* no two differences alike */
    x = tp_requires_grad(tp_detach(s->tape, x), true);
    for (int i = 0; i < ORDERS; i++)
        tp_sample(s, &(order){some_orders[i]}, 1, &x);
    double grid[70]; /* points that are not so near each other that differences could not say how a distance curves */
    for (int i = 0; i < 35; i++) {
        grid[2 * i] = i % 7;
        grid[2 * i + 1] = (double)(i / 7);
    }
    tp_tensor *noise = tp_sample_tensor(s, (tp_dims){2, {35, 2}}, -0.3, 0.3);
    x = tp_add(s->tape, tp_to(s->tape, tp_from(s->tape, TP_F64, (tp_dims){2, {35, 2}}, grid), s->dtype), noise);
    x = tp_requires_grad(tp_detach(s->tape, x), true);
    tp_sample(s, &(order){2}, 1, &x);
    tp__sample_one(s, (tp_dims){2, {1, 3}}, &(order){2});
    tp__sample_one(s, (tp_dims){2, {0, 3}}, &(order){1});
    tp__sample_one(s, (tp_dims){2, {3, 0}}, &(order){3});
}

/* clang-format off */
static const tp_op pdist_op = {
    .name = "pdist", .n_in = 1, .n_out = 1, .attr_size = sizeof(order), .flags = TP_OP_OVERWRITES,
    .infer = pdist_infer, .forward = pdist_forward, .vjp = pdist_vjp, .vjp_fused = pdist_vjp_fused,
    .samples = pdist_samples};
/* clang-format on */

tp_tensor *tp_pdist(tp_tape *T, tp_tensor *x, double p) { return tp__apply1(T, &pdist_op, &(order){p}, x); }

/* ---- beside each other -------------------------------------------------------------------------------------------- */

tp_tensor *tp_pairwise_distance(tp_tape *T, tp_tensor *a, tp_tensor *b, double p, double eps, bool keepdim)
{
    TP__NAMED(T, "pairwise_distance");
    tp_tensor *difference = tp_sub(T, a, b);
    if (difference && !tp_dtype_is_float(difference->dtype))
        difference = tp_to(T, difference, TP_F32);
    return tp_linalg_vector_norm(T, tp_add_scalar(T, difference, eps), p, 1, (const int[]){-1}, keepdim);
}

const tp_op *const tp__ops_distance[] = {
#include TP__OPERATORS
    NULL};
