/* finite_difference.c - differences, slopes and integrals of samples along a dimension, made of slices. */
#include "ops/ops.h"

/* x without its first, or its last element along dim */
static tp_tensor *tail(tp_tape *T, tp_tensor *x, int dim) { return tp_slice(T, x, dim, 1, INT64_MAX, 1); }
static tp_tensor *head(tp_tape *T, tp_tensor *x, int dim) { return tp_slice(T, x, dim, 0, -1, 1); }

tp_tensor *tp_diff(tp_tape *T, tp_tensor *x, int n, int dim, tp_tensor *prepend, tp_tensor *append)
{
    tp_tensor *parts[3];
    int count = 0;
    if (!tp__usable(T, "diff", x))
        return NULL;
    int at = x->ndim ? tp__dim_of(T, "diff", x->ndim, dim) : -1;
    if (x->ndim == 0 || n < 0)
        tp_fail(T, TP_EINVAL, "diff: of order %d, x is %s; 0 or more, and a dimension, are needed", n, TP__SHAPE(x));
    if (at < 0 || n < 0)
        return NULL;
    if (n == 0)
        return tp_clone(T, x);
    if (prepend)
        parts[count++] = prepend;
    parts[count++] = x;
    if (append)
        parts[count++] = append;
    if (count > 1)
        x = tp_cat(T, count, parts, at);
    for (; n > 0 && x && x->shape[at] > 0; n--)
        x = x->dtype == TP_BOOL ? tp_ne(T, tail(T, x, at), head(T, x, at)) : tp_sub(T, tail(T, x, at), head(T, x, at));
    return x;
}

/* The areas between neighbours: (y_k + y_(k+1)) / 2 (x_(k+1) - x_k). x is NULL, of y's shape, or a vector. */
static tp_tensor *areas(tp_tape *T, const char *name, tp_tensor *y, tp_tensor *x, double dx, int *dim)
{
    if (!tp__usable(T, name, y) || (x && !tp__usable(T, name, x)))
        return NULL;
    if (y->ndim == 0) {
        tp_fail(T, TP_ESHAPE, "%s: y is 0-d; a dimension is needed", name);
        return NULL;
    }
    if ((*dim = tp__dim_of(T, name, y->ndim, *dim)) < 0)
        return NULL;
    if (x == NULL && !tp_dtype_is_float(y->dtype))
        y = tp_to(T, y, TP_F32);
    tp_tensor *sum = tp_add(T, tail(T, y, *dim), head(T, y, *dim));
    if (sum == NULL)
        return NULL;
    if (x == NULL)
        return tp_mul_scalar(T, sum, dx / 2);
    if (x->ndim == 1 && x->shape[0] != y->shape[*dim]) {
        tp_fail(T, TP_ESHAPE, "%s: x is %s, y is %s; as many along dimension %d are needed", name, TP__SHAPE(x),
                TP__SHAPE(y), *dim);
        return NULL;
    }
    int along = *dim;
    if (x->ndim == 1 && y->ndim > 1) { /* x lies along dim */
        tp_dims shape = {.ndim = y->ndim - *dim};
        for (int d = 0; d < shape.ndim; d++)
            shape.dim[d] = d == 0 ? x->shape[0] : 1;
        if ((x = tp_reshape(T, x, shape)) == NULL)
            return NULL;
        along = 0;
    } else if (x->ndim > 0) {
        along = x->ndim - (y->ndim - *dim);
    }
    if (x->ndim == 0 || along < 0 || along >= x->ndim) {
        tp_fail(T, TP_ESHAPE, "%s: x is %s, y is %s; x needs y's dimension %d", name, TP__SHAPE(x), TP__SHAPE(y), *dim);
        return NULL;
    }
    tp_tensor *width = tp_sub(T, tail(T, x, along), head(T, x, along));
    if (width && tp_dtype_is_float(width->dtype)) /* halved here, where it may be less: a vector */
        return tp_mul(T, sum, tp_mul_scalar(T, width, 0.5));
    return tp_div_scalar(T, tp_mul(T, sum, width), 2);
}

/* Even steps: dx (half of both ends and all between). The ends come first, so that the sweep meets the long slice, which
 * it can write instead of adding it, before them. */
static tp_tensor *even_trapezoid(tp_tape *T, tp_tensor *y, double dx, int at)
{
    int64_t n = y->shape[at];
    tp_tensor *ends = tp_add(T, tp_select(T, y, at, 0), tp_select(T, y, at, n - 1));
    tp_tensor *between = tp_sum_dim(T, tp_narrow(T, y, at, 1, n - 2), at, false);
    return tp_mul_scalar(T, tp_add(T, between, tp_mul_scalar(T, ends, 0.5)), dx);
}

tp_tensor *tp_trapezoid(tp_tape *T, tp_tensor *y, tp_tensor *x, double dx, int dim)
{
    TP__NAMED(T, "trapezoid");
    if (x == NULL && tp__usable(T, "trapezoid", y) && tp_dtype_is_float(y->dtype) && y->ndim > 0) {
        int at = tp__dim_of(T, "trapezoid", y->ndim, dim);
        if (at < 0)
            return NULL;
        if (y->shape[at] > 1)
            return even_trapezoid(T, y, dx, at);
    }
    tp_tensor *parts = areas(T, "trapezoid", y, x, dx, &dim);
    return tp_sum_dim(T, parts, dim, false);
}

tp_tensor *tp_cumulative_trapezoid(tp_tape *T, tp_tensor *y, tp_tensor *x, double dx, int dim)
{
    TP__NAMED(T, "cumulative_trapezoid");
    tp_tensor *parts = areas(T, "cumulative_trapezoid", y, x, dx, &dim);
    return tp_cumsum(T, parts, dim);
}

/* ---- slopes ----------------------------------------------------------------------------------------------------- */

/* Samples, and the dimension they lie along. */
typedef struct {
    tp_tensor *x;
    int dim;
} samples;

static tp_tensor *at(tp_tape *T, samples s, int64_t first, int64_t n) { return tp_narrow(T, s.x, s.dim, first, n); }

/* Equal steps: (x_(k+1) - x_(k-1)) / 2h inside; at the ends the difference of two, or of three (order 2). */
static void even_slopes(tp_tape *T, samples s, double h, int order, tp_tensor *part[3])
{
    int64_t n = s.x->shape[s.dim];
    part[1] = tp_div_scalar(T, tp_sub(T, at(T, s, 2, n - 2), at(T, s, 0, n - 2)), 2 * h);
    if (order == 1) {
        part[0] = tp_div_scalar(T, tp_sub(T, at(T, s, 1, 1), at(T, s, 0, 1)), h);
        part[2] = tp_div_scalar(T, tp_sub(T, at(T, s, n - 1, 1), at(T, s, n - 2, 1)), h);
        return;
    }
    for (int last = 0; last < 2; last++) {
        int64_t end = last ? n - 1 : 0, step = last ? -1 : 1;
        tp_tensor *sum = tp_sub(
            T, tp_mul_scalar(T, at(T, s, end + step, 1), 2),
            tp_add(T, tp_mul_scalar(T, at(T, s, end, 1), 1.5), tp_mul_scalar(T, at(T, s, end + 2 * step, 1), 0.5)));
        part[last ? 2 : 0] = tp_div_scalar(T, sum, last ? -h : h);
    }
}

/* The parabola through three neighbours, whose distances are p and q: its slope at the middle one (which 0), or at the
 * first (-1) or last (1) of them. */
static tp_tensor *parabola(tp_tape *T, tp_tensor *const y[3], tp_tensor *p, tp_tensor *q, int which)
{
    tp_tensor *left = tp_div(T, tp_sub(T, y[1], y[0]), p), *right = tp_div(T, tp_sub(T, y[2], y[1]), q);
    tp_tensor *both = tp_add(T, p, q), *bend = tp_div(T, tp_sub(T, right, left), both);
    if (which == 0)
        return tp_add(T, left, tp_mul(T, bend, p));
    return which < 0 ? tp_sub(T, left, tp_mul(T, bend, p)) : tp_add(T, right, tp_mul(T, bend, q));
}

/* Steps of any length: d is their vector, shaped to lie along the dimension. */
static void uneven_slopes(tp_tape *T, samples s, tp_tensor *d, int order, tp_tensor *part[3])
{
    int64_t n = s.x->shape[s.dim];
    samples step = {d, s.dim};
    if (d == NULL)
        return;
    tp_tensor *inside[3] = {at(T, s, 0, n - 2), at(T, s, 1, n - 2), at(T, s, 2, n - 2)};
    part[1] = parabola(T, inside, at(T, step, 0, n - 2), at(T, step, 1, n - 2), 0);
    for (int last = 0; last < 2; last++) {
        int64_t first = last ? n - order - 1 : 0;
        tp_tensor *y[3] = {at(T, s, first, 1), at(T, s, first + 1, 1), order == 2 ? at(T, s, first + 2, 1) : NULL};
        tp_tensor *p = at(T, step, first, 1);
        part[last ? 2 : 0] = order == 1 ? tp_div(T, tp_sub(T, y[1], y[0]), p)
                                        : parabola(T, y, p, at(T, step, first + 1, 1), last ? 1 : -1);
    }
}

static tp_tensor *slope_along(tp_tape *T, tp_tensor *x, int dim, double h, tp_tensor *places, int order)
{
    tp_tensor *part[3] = {NULL, NULL, NULL};
    samples s = {x, dim};
    if (x->shape[dim] < order + 1) {
        tp_fail(T, TP_ESHAPE, "gradient: %lld samples along dimension %d; with edge_order %d at least %d are needed",
                (long long)x->shape[dim], dim, order, order + 1);
        return NULL;
    }
    if (places && (places->ndim != 1 || places->numel != x->shape[dim])) {
        tp_fail(T, TP_ESHAPE, "gradient: coordinates %s for %lld samples; a vector of as many is needed",
                TP__SHAPE(places), (long long)x->shape[dim]);
        return NULL;
    }
    if (places) {
        tp_dims along = {.ndim = x->ndim};
        for (int d = 0; d < x->ndim; d++)
            along.dim[d] = d == dim ? places->numel - 1 : 1;
        uneven_slopes(T, s, tp_reshape(T, tp_diff(T, places, 1, 0, NULL, NULL), along), order, part);
    } else {
        even_slopes(T, s, h, order, part);
    }
    return tp_cat(T, 3, part, dim);
}

tp_status tp_gradient(tp_tape *T, tp_tensor *x, const tp_gradient_options *options, tp_tensor **out)
{
    TP__NAMED(T, "gradient");
    static const tp_gradient_options plain;
    const tp_gradient_options *o = options ? options : &plain;
    uint32_t seen = 0;
    if (!tp__usable(T, "gradient", x))
        return T ? T->status : TP_EINVAL;
    int order = o->edge_order ? o->edge_order : 1, n = o->n ? o->n : x->ndim;
    if (order != 1 && order != 2)
        return tp_fail(T, TP_EINVAL, "gradient: edge_order is %d; 1 or 2 is needed", order);
    int dims[TP_MAX_DIMS];
    if (o->n && !tp__listed(T, "gradient", "dimensions", n, 1, o->dims))
        return T->status;
    if (x->ndim > 0 && !tp__listed(T, "gradient", "results", n, 1, out))
        return T->status;
    if (n < 1 || n > TP_MAX_DIMS)
        return tp_fail(T, TP_ESHAPE, "gradient: along %d dimensions, x is %s; 1 to %d are needed", n, TP__SHAPE(x),
                       x->ndim);
    for (int i = 0; i < n; i++) {
        out[i] = NULL;
        dims[i] = x->ndim ? tp__dim_of(T, "gradient", x->ndim, o->n ? o->dims[i] : i) : -1;
        if (x->ndim == 0)
            return tp_fail(T, TP_ESHAPE, "gradient: x is 0-d; a dimension is needed");
        if (dims[i] < 0 || (o->coordinates && !tp__usable(T, "gradient", o->coordinates[i])))
            return T->status;
        if ((seen >> dims[i]) & 1u)
            return tp_fail(T, TP_EINVAL, "gradient: dimension %d is named twice; each may be once", dims[i]);
        seen |= 1u << dims[i];
    }
    for (int i = 0; i < n; i++) {
        double h = o->spacings ? o->spacings[i] : o->spacing != 0 ? o->spacing : 1;
        out[i] = slope_along(T, x, dims[i], h, o->coordinates ? o->coordinates[i] : NULL, order);
    }
    return T->status;
}
