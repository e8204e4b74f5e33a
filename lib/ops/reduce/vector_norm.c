/* vector_norm.c - vector norms over dimensions, and what is made of them. */
#include "ops/ops.h"

#include <math.h>

typedef struct {
    double p;
    uint32_t mask;
    bool keepdim;
} norm_over;

static int listed(const tp_tensor *x, uint32_t mask, int *dims)
{
    int n = 0;
    for (int d = 0; d < x->ndim; d++)
        if ((mask >> d) & 1u)
            dims[n++] = d;
    return n;
}

/* Which reduction an order is. */
static tp__reduction kind_of(double p)
{
    if (isinf(p))
        return p > 0 ? TP__NORM_MAX : TP__NORM_MIN;
    return p == 0 ? TP__NORM_0 : p == 1 ? TP__NORM_1 : p == 2 ? TP__NORM_2 : TP__NORM_P;
}

static tp_status norm_infer(tp_call *c)
{
    const tp_tensor *x = c->in[0];
    const norm_over *o = c->attr;
    tp_dims shape = {.ndim = 0};
    bool empty = false;
    if (!tp_dtype_is_float(x->dtype))
        return tp__no_float(c, x);
    for (int d = 0; d < x->ndim; d++) {
        bool over = (o->mask >> d) & 1u;
        empty |= over && x->shape[d] == 0;
        if (!over || o->keepdim)
            shape.dim[shape.ndim++] = over ? 1 : x->shape[d];
    }
    if (empty && (o->p < 0 || isinf(o->p)))
        return tp_call_fail(c, TP_ESHAPE, "p is %g, x is %s; at least one element is needed for that norm", o->p,
                            TP__SHAPE(x));
    return tp_call_out(c, 0, x->dtype, shape);
}

static tp_status norm_forward(tp_call *c)
{
    const norm_over *o = c->attr;
    tp__reduction kind = c->in[0]->ndim || o->p == 0 ? kind_of(o->p) : TP__NORM_1; /* |x| of a number */
    return tp__reduce_over(c->tape, kind, o->p, c->in[0], o->mask, c->out[0]->data);
}

/* d y / d x = sign x (|x| / y)^(p-1), in quotients, which stay in range; 0 where y is 0, as torch chooses the subgradient,
 * and without a division there. The largest share theirs. */
tp_tensor *tp__norm_slope(tp_tape *T, tp_tensor *x, tp_tensor *y, double p, int n, const int *dims)
{
    tp_tensor *zero = tp__number(T, x, 0), *one = tp__number(T, x, 1), *sign = tp_sign(T, x);
    if (p == 0)
        return tp_zeros_like(T, x);
    if (p == 1 || n == 0)
        return sign;
    if (isinf(p)) {
        tp_tensor *at = tp_to(T, tp_eq(T, tp_abs(T, x), y), x->dtype);
        return tp_mul(T, sign, tp_div(T, at, tp_clamp(T, tp_sum_dims(T, at, n, dims, true), 1, INFINITY)));
    }
    tp_tensor *flat = tp_eq(T, y, zero);
    tp_tensor *share = tp_div(T, x, tp_where(T, flat, one, y));
    if (p == 2)
        return tp_where(T, flat, zero, share);
    if (p < 2) /* the power has no slope at 0, or is infinite there */
        flat = tp_logical_or(T, flat, tp_eq(T, x, zero));
    tp_tensor *power = tp_pow_scalar(T, tp_where(T, flat, one, tp_abs(T, share)), p - 1);
    return tp_where(T, flat, zero, tp_mul(T, sign, power));
}

static tp_status norm_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    tp_tensor *x = v->in[0];
    const norm_over *o = v->attr;
    int dims[TP_MAX_DIMS], n = listed(x, o->mask, dims);
    tp_dims kept = tp__dims_of(x);
    for (int i = 0; i < n; i++)
        kept.dim[dims[i]] = 1;
    tp_tensor *g = tp_reshape(T, v->gout[0], kept), *y = tp_reshape(T, v->out[0], kept);
    v->gin[0] = tp_mul(T, g, tp__norm_slope(T, x, y, o->p, n, dims));
    return TP_OK;
}

/* By a kernel where the order is a number and the dimensions are neighbours. */
static tp_status norm_vjp_fused(tp_vjp *v)
{
    const norm_over *o = v->attr;
    const tp_tensor *x = v->in[0];
    int64_t outer, n, inner;
    if (o->p == 0 || isinf(o->p) || x->ndim == 0 || !tp__as_middle(x, o->mask, &outer, &n, &inner))
        return tp__vjp_fused_by_operators(v, 1);
    tp__norm_backward(o->p, x->dtype, outer, n, inner, x->data, v->out[0]->data, v->gout[0]->data, v->gin[0]->data,
                      !(v->fresh & 1u));
    return TP_OK;
}

static void norm_samples(tp_sampler *s)
{
    const double orders[] = {0, 0.5, 1, 1.5, 2, 3, (double)INFINITY, -(double)INFINITY, -1};
    tp_tensor *x = tp_sample_tensor(s, (tp_dims){3, {2, 3, 4}}, -1.9, 2.2);
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++)
        tp_sample(s, &(norm_over){orders[i], i % 2 ? 2u : 5u, i % 3 == 0}, 1, &x);
    x = tp_sample_tensor(s, (tp_dims){2, {0, 3}}, 0.5, 2);
    tp_sample(s, &(norm_over){2, 1, false}, 1, &x);
    x = tp_sample_tensor(s, (tp_dims){.ndim = 0}, 0.5, 2);
    tp_sample(s, &(norm_over){2, 0, false}, 1, &x);
}

/* clang-format off */
static const tp_op norm_op = {
    .name = "vector_norm", .n_in = 1, .n_out = 1, .attr_size = sizeof(norm_over), .flags = TP_OP_OVERWRITES,
    .grad_name = "LinalgVectorNormBackward0",
    .infer = norm_infer, .forward = norm_forward, .vjp = norm_vjp, .vjp_fused = norm_vjp_fused,
    .samples = norm_samples};
/* clang-format on */

tp_tensor *tp_linalg_vector_norm(tp_tape *T, tp_tensor *x, double ord, int n, const int *dims, bool keepdim)
{
    TP__NAMED(T, "linalg_vector_norm");
    tp_op op = {.name = "vector_norm"};
    tp_call c = {.tape = T, .op = &op};
    norm_over o = {.p = ord, .keepdim = keepdim};
    if (!tp__usable(T, op.name, x) || tp__dims_mask(&c, x->ndim, n, dims, &o.mask) != TP_OK)
        return NULL;
    return tp__apply1(T, &norm_op, &o, x);
}

tp_tensor *tp_dist(tp_tape *T, tp_tensor *a, tp_tensor *b, double p)
{
    TP__NAMED(T, "dist");
    return tp_linalg_vector_norm(T, tp_sub(T, a, b), p, 0, NULL, false);
}

/* Slices along dim with a norm above max_norm are scaled down to it. */
tp_tensor *tp_renorm(tp_tape *T, tp_tensor *x, double p, int dim, double max_norm)
{
    TP__NAMED(T, "renorm");
    int others[TP_MAX_DIMS], n = 0;
    if (!tp__usable(T, "renorm", x))
        return NULL;
    int at = tp__dim_of(T, "renorm", x->ndim, dim);
    if (at < 0)
        return NULL;
    if (x->ndim < 2 || p <= 0 || max_norm < 0) {
        tp_fail(T, TP_EINVAL,
                "renorm: x is %s, p is %g, max_norm is %g; 2 dimensions or more, above 0, and 0 or more are needed",
                TP__SHAPE(x), p, max_norm);
        return NULL;
    }
    for (int d = 0; d < x->ndim; d++)
        if (d != at)
            others[n++] = d;
    tp_tensor *norm = tp_linalg_vector_norm(T, tp_detach(T, x), p, n, others, true);
    tp_tensor *above = norm ? tp_gt_scalar(T, norm, max_norm) : NULL;
    if (tp__will_differentiate(
            T, x)) /* of what is scaled alone: the slope of another norm may be NaN, which 0 would not hide */
        norm = tp_linalg_vector_norm(T, tp_where(T, above, x, tp__number(T, x, 1)), p, n, others, true);
    tp_tensor *scale = tp_div(T, tp__number(T, x, max_norm), tp_add_scalar(T, norm, 1e-7));
    return tp_mul(T, x, tp_where(T, above, scale, tp__number(T, x, 1)));
}

const tp_op *const tp__ops_norms[] = {
#include TP__OPERATORS
    NULL};
