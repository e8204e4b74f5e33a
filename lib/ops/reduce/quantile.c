/* quantile.c - quantiles: what lies at the fractional position q (n - 1) of the sorted elements. Made of operators, so
 * the gradient goes to the two neighbours, and to q. */
#include "ops/ops.h"

/* x with `dim` last, as [rows, n]. */
static tp_tensor *rows_along(tp_tape *T, tp_tensor *x, int dim)
{
    tp_dims order = {.ndim = x->ndim};
    int64_t n = x->shape[dim];
    int at = 0;
    for (int d = 0; d < x->ndim; d++)
        if (d != dim)
            order.dim[at++] = d;
    order.dim[at] = dim;
    return tp_reshape(T, tp_permute(T, x, order), (tp_dims){2, {x->numel / n, n}});
}

/* q (m - 1) for rows of m elements, [rows, count]; NaN elements are at the end of the sorted row. */
static tp_tensor *ranks_of(tp_tape *T, tp_tensor *sorted, tp_tensor *q, bool skip_nan)
{
    tp_dtype dtype = sorted->dtype;
    int64_t n = sorted->shape[1];
    q = tp_reshape(T, q, (tp_dims){2, {1, q->numel}});
    if (skip_nan) {
        tp_tensor *valid = tp_sum_dim(T, tp_logical_not(T, tp_isnan(T, sorted)), 1, true);
        tp_tensor *last = tp_to(T, tp_sub_scalar(T, valid, 1), dtype);
        return tp_mul(T, q, tp_clamp(T, last, 0, (double)n));
    }
    tp_tensor *spoiled = tp_isnan(T, tp_narrow(T, sorted, 1, n - 1, 1)); /* its rank is that of NaN */
    return tp_where(T, spoiled, tp_scalar(T, dtype, (double)(n - 1)), tp_mul_scalar(T, q, (double)(n - 1)));
}

static tp_tensor *at_rank(tp_tape *T, tp_tensor *sorted, tp_tensor *rank)
{
    return tp_gather(T, sorted, 1, tp_to(T, tp_detach(T, rank), TP_I64));
}

/* a + w (b - a) from the nearer end; where b - a is no number, as of infinite elements, a (1 - w) + b w or a itself. (torch
 * has NaN there.) */
static tp_tensor *between(tp_tape *T, tp_tensor *a, tp_tensor *b, tp_tensor *w)
{
    tp_tensor *step = tp_sub(T, b, a), *half = tp__number(T, w, 0.5);
    tp_tensor *from_a = tp_add(T, a, tp_mul(T, w, step));
    tp_tensor *from_b = tp_sub(T, b, tp_mul(T, step, tp_rsub_scalar(T, w, 1)));
    tp_tensor *near = tp_where(T, tp_lt(T, w, half), from_a, from_b);
    tp_tensor *shares = tp_add(T, tp_mul(T, a, tp_rsub_scalar(T, w, 1)), tp_mul(T, b, w));
    tp_tensor *apart = tp_where(T, tp_eq_scalar(T, w, 0), a, shares);
    return tp_where(T, tp_isfinite(T, step), near, apart);
}

static tp_tensor *interpolate(tp_tape *T, tp_tensor *sorted, tp_tensor *rank, tp_quantile_rule rule)
{
    switch (rule) {
    case TP_QUANTILE_LOWER:
        return at_rank(T, sorted, tp_floor(T, rank));
    case TP_QUANTILE_HIGHER:
        return at_rank(T, sorted, tp_ceil(T, rank));
    case TP_QUANTILE_NEAREST:
        return at_rank(T, sorted, tp_round(T, rank));
    default:
        break;
    }
    tp_tensor *below = tp_floor(T, rank), *a = at_rank(T, sorted, below), *b = at_rank(T, sorted, tp_ceil(T, rank));
    return between(T, a, b, rule == TP_QUANTILE_MIDPOINT ? tp_full_like(T, rank, 0.5) : tp_sub(T, rank, below));
}

static bool well_asked(tp_tape *T, const char *name, const tp_tensor *x, const tp_tensor *q,
                       const tp_quantile_options *o)
{
    if (!tp__usable(T, name, x) || !tp__usable(T, name, q))
        return false;
    if (!tp_dtype_is_float(x->dtype) || q->dtype != x->dtype) {
        tp_fail(T, TP_EDTYPE, "%s: x is %s, q is %s; floats of one dtype are needed", name, tp_dtype_name(x->dtype),
                tp_dtype_name(q->dtype));
        return false;
    }
    if (x->numel == 0 || q->ndim > 1) {
        tp_fail(T, TP_ESHAPE,
                "%s: x has %lld elements, q is %s; 1 element or more, and a number or a vector, are needed", name,
                (long long)x->numel, TP__SHAPE(q));
        return false;
    }
    if (o->rule < TP_QUANTILE_LINEAR || o->rule > TP_QUANTILE_NEAREST) {
        tp_fail(T, TP_EINVAL, "%s: the rule is %d; one of tp_quantile_rule is needed", name, (int)o->rule);
        return false;
    }
    for (int64_t i = 0; i < q->numel; i++)
        if (!(tp_item_at(q, i) >= 0 && tp_item_at(q, i) <= 1)) {
            tp_fail(T, TP_EINVAL, "%s: q is %g; 0 to 1 is needed", name, tp_item_at(q, i));
            return false;
        }
    return true;
}

/* q's dimension, then x's without the one (or all) that was gone through. */
static tp_dims result_shape(const tp_tensor *x, const tp_tensor *q, int dim, const tp_quantile_options *o)
{
    tp_dims shape = tp__dims_of(q);
    for (int d = 0; d < x->ndim && shape.ndim < TP_MAX_DIMS; d++)
        if (o->along && d != dim)
            shape.dim[shape.ndim++] = x->shape[d];
        else if (o->keepdim)
            shape.dim[shape.ndim++] = 1;
    return shape;
}

static tp_tensor *quantile(tp_tape *T, const char *name, tp_tensor *x, tp_tensor *q, const tp_quantile_options *o,
                           bool skip_nan)
{
    static const tp_quantile_options none = {.along = false};
    int dim = 0;
    o = o ? o : &none;
    if (!well_asked(T, name, x, q, o) || (o->along && (dim = tp__dim_of(T, name, x->ndim, o->dim)) < 0))
        return NULL;
    if (x->ndim == TP_MAX_DIMS && o->along && o->keepdim && q->ndim) {
        tp_fail(T, TP_ESHAPE, "%s: the result has %d dimensions; at most %d", name, TP_MAX_DIMS + 1, TP_MAX_DIMS);
        return NULL;
    }
    tp_tensor *flat = o->along && x->ndim ? x : tp_reshape(T, x, (tp_dims){1, {x->numel}});
    tp_tensor *rows = flat ? rows_along(T, flat, dim) : NULL;
    tp_tensor *sorted = tp_sort(T, rows, 1, false, NULL);
    if (sorted == NULL)
        return NULL;
    tp_tensor *y = interpolate(T, sorted, ranks_of(T, sorted, q, skip_nan), o->rule);
    return tp_reshape(T, tp_t(T, y), result_shape(x, q, dim, o));
}

tp_tensor *tp_quantile(tp_tape *T, tp_tensor *x, tp_tensor *q, const tp_quantile_options *options)
{
    return quantile(T, "quantile", x, q, options, false);
}

tp_tensor *tp_nanquantile(tp_tape *T, tp_tensor *x, tp_tensor *q, const tp_quantile_options *options)
{
    return quantile(T, "nanquantile", x, q, options, true);
}

tp_tensor *tp_quantile_scalar(tp_tape *T, tp_tensor *x, double q, const tp_quantile_options *options)
{
    TP__NAMED(T, "quantile_scalar");
    return tp__usable(T, "quantile", x) ? tp_quantile(T, x, tp__number(T, x, q), options) : NULL;
}

tp_tensor *tp_nanquantile_scalar(tp_tape *T, tp_tensor *x, double q, const tp_quantile_options *options)
{
    TP__NAMED(T, "nanquantile_scalar");
    return tp__usable(T, "nanquantile", x) ? tp_nanquantile(T, x, tp__number(T, x, q), options) : NULL;
}
