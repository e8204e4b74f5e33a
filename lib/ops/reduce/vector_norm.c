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

/* ---- slopes ------------------------------------------------------------------------------------------------------- */

/* u = sign x (|x| / y)^(p-1) over the last dimension, of an order that is neither 0, 1 nor infinite; 0 where y is 0, as torch
 * chooses the subgradient, and for p < 2 where x is. */
static tp_status slope_infer(tp_call *c) { return tp__infer_float_like(c); }

static tp_status slope_forward(tp_call *c)
{
    const tp_tensor *x = c->in[0];
    const double p = *(const double *)c->attr;
    const bool number = x->ndim == 0;
    int64_t n = number ? 1 : x->shape[x->ndim - 1], rows = n ? x->numel / n : 0;
    size_t bytes = (size_t)rows * tp_dtype_size(x->dtype); /* of less than x has */
    void *y = rows ? tp_call_scratch(c, bytes) : NULL, *ones = y ? tp_call_scratch(c, bytes) : NULL;
    if (ones == NULL)
        return c->tape->status;
    tp__fill(rows, ones, x->dtype, 1);
    if (tp__reduce_over(c->tape, number ? TP__NORM_1 : kind_of(p), p, x, number ? 0 : 1u << (x->ndim - 1), y) == TP_OK)
        tp__norm_backward(p, x->dtype, rows, n, 1, x->data, y, ones, c->out[0]->data, false);
    return c->tape->status;
}

/* With s = x / y the derivative along h is (p - 1) / y |s|^(p-2) (h - s <u, h>): where one element is nearly all of the
 * norm, it cancels. As sum |s|^p is 1, it is h_i sum |s_j|^p - s_i sum u_j h_j over the others, j not i, there. The sums are made
 * of numbers times c = y^-1/2, so that they are not below the range where over y they are in it. */
static tp_status slope_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    tp_tensor *x = v->in[0], *h = v->gout[0], *zero = tp__number(T, x, 0), *one = tp__number(T, x, 1);
    const double p = *(const double *)v->attr;
    const int last = x->ndim - 1;
    tp_tensor *y = tp_linalg_vector_norm(T, x, p, 1, &last, true), *flat = tp_eq(T, y, zero);
    y = tp_where(T, flat, one, y);
    if (p < 2)
        flat = tp_logical_or(T, flat, tp_eq(T, x, zero));
    tp_tensor *s = tp_div(T, x, y), *size = tp_where(T, flat, one, tp_abs(T, s)), *c = tp_detach(T, tp_rsqrt(T, y));
    tp_tensor *most = tp_logical_and(T, tp_gt_scalar(T, tp_pow_scalar(T, size, p), 0.5), tp_logical_not(T, flat));
    tp_tensor *root = tp_where(T, flat, zero, tp_mul(T, tp_pow_scalar(T, size, p / 2), c));
    tp_tensor *u = tp_where(T, flat, zero, tp_mul(T, tp_sign(T, x), tp_pow_scalar(T, size, p - 1)));
    tp_tensor *along = tp_mul(T, tp_mul(T, u, c), h), *sc = tp_mul(T, s, c);
    tp_tensor *rest = tp_sum_dim(T, tp_where(T, most, zero, tp_square(T, root)), last, true);
    tp_tensor *others = tp_sum_dim(T, tp_where(T, most, zero, along), last, true);
    tp_tensor *of_most = tp_sub(T, tp_mul(T, h, rest), tp_mul(T, sc, others));
    tp_tensor *of_rest = tp_sub(T, tp_mul(T, tp_mul(T, h, c), c), tp_mul(T, sc, tp_sum_dim(T, along, last, true)));
    tp_tensor *bend = tp_where(T, most, of_most, of_rest), *power = tp_pow_scalar(T, size, p - 2);
    bend = fabs(p - 1) < 1 ? tp_mul(T, tp_mul_scalar(T, bend, p - 1), power)
                           : tp_mul_scalar(T, tp_mul(T, bend, power), p - 1);
    bend = tp_div(T, bend, tp_mul(T, tp_mul(T, y, c), c));
    v->gin[0] = tp_where(T, flat, zero, bend);
    return TP_OK;
}

static void slope_samples(tp_sampler *s)
{
    const double orders[] = {2, 3, 1.5, 0.5, -1};
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
        tp_tensor *x = tp_sample_tensor(s, (tp_dims){3, {2, 3, 4}}, -1.9, 2.2);
        tp_sample(s, &orders[i], 1, &x);
        x = tp_sample_tensor(s, (tp_dims){2, {3, 2}}, 0.1, 3); /* one is nearly all of the norm */
        tp_sample(s, &orders[i], 1, &x);
        x = tp_sample_tensor(s, (tp_dims){2, {0, 3}}, 0.5, 2);
        tp_sample(s, &orders[i], 1, &x);
        x = tp_sample_tensor(s, (tp_dims){0}, 0.5, 2);
        tp_sample(s, &orders[i], 1, &x);
    }
}

/* clang-format off */
static const tp_op slope_op = {
    .name = "vector_norm_slope", .n_in = 1, .n_out = 1, .attr_size = sizeof(double), .flags = TP_OP_FORGETS_OUT,
    .infer = slope_infer, .forward = slope_forward, .vjp = slope_vjp, .samples = slope_samples};
/* clang-format on */

/* x with its dimensions in this order, and those from n_kept on as one; or back. */
static tp_tensor *as_rows(tp_tape *T, tp_tensor *x, tp_dims order, int n_kept)
{
    tp_dims rows = {.ndim = n_kept + 1};
    for (int d = 0; d < n_kept; d++)
        rows.dim[d] = x->shape[order.dim[d]];
    rows.dim[n_kept] = 1;
    for (int d = n_kept; d < x->ndim; d++)
        rows.dim[n_kept] *= x->shape[order.dim[d]];
    return tp_reshape(T, tp_permute(T, x, order), rows);
}

static tp_tensor *from_rows(tp_tape *T, tp_tensor *rows, const tp_tensor *x, tp_dims order)
{
    tp_dims turned = {.ndim = x->ndim}, back = turned;
    for (int d = 0; d < x->ndim; d++) {
        turned.dim[d] = x->shape[order.dim[d]];
        back.dim[order.dim[d]] = d;
    }
    return tp_permute(T, tp_reshape(T, rows, turned), back);
}

/* d y / d x over some dimensions; for an order of infinity the largest share theirs. y is looked at then alone. */
tp_tensor *tp__norm_slope(tp_tape *T, tp_tensor *x, tp_tensor *y, double p, int n, const int *dims)
{
    tp_tensor *sign = tp_sign(T, x);
    if (p == 0)
        return tp_zeros_like(T, x);
    if (p == 1 || n == 0)
        return sign;
    if (isinf(p)) {
        tp_tensor *at = tp_to(T, tp_eq(T, tp_abs(T, x), y), x->dtype);
        return tp_mul(T, sign, tp_div(T, at, tp_clamp(T, tp_sum_dims(T, at, n, dims, true), 1, INFINITY)));
    }
    tp_dims order = {.ndim = 0};
    uint32_t over = 0;
    for (int i = 0; i < n; i++)
        over |= 1u << (dims[i] < 0 ? dims[i] + x->ndim : dims[i]);
    for (int reduced = 0; reduced < 2; reduced++)
        for (int d = 0; d < x->ndim; d++)
            if ((int)(over >> d & 1u) == reduced)
                order.dim[order.ndim++] = d;
    return from_rows(T, tp__apply1(T, &slope_op, &p, as_rows(T, x, order, x->ndim - n)), x, order);
}

/* ---- the norm ------------------------------------------------------------------------------------------------------ */

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
