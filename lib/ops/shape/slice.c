/* slice.c - parts of a tensor along a dimension, as views, and the adjoint: a part put back among zeros. */
#include "kernel/strided.h"
#include "ops/ops.h"

#include <string.h>

typedef struct {
    int dim;
    int64_t start, step, length;
    int64_t whole; /* the size that dim had */
} cut;

static tp_tensor *slice_backward(tp_tape *T, tp_tensor *g, const cut *at);

/* The cut must lie inside x. */
static tp_status check_cut(const tp_call *c, const cut *at)
{
    const tp_tensor *x = c->in[0];
    if (at->dim >= x->ndim)
        return tp__no_such_dim(c, at->dim);
    if (at->length > 0 && at->start + (at->length - 1) * at->step >= x->shape[at->dim])
        return tp_call_fail(c, TP_EINDEX, "position %lld of a dimension of size %lld; less is needed",
                            (long long)(at->start + (at->length - 1) * at->step), (long long)x->shape[at->dim]);
    return TP_OK;
}

static tp_status slice_infer(tp_call *c)
{
    const cut *at = c->attr;
    const tp_tensor *x = c->in[0];
    if (check_cut(c, at) != TP_OK)
        return c->tape->status;
    tp_dims shape = tp__dims_of(x);
    int64_t stride[TP_MAX_DIMS];
    memcpy(stride, x->stride, sizeof stride);
    shape.dim[at->dim] = at->length;
    stride[at->dim] *= at->step;
    return tp__infer_view(c, shape, stride, at->length ? at->start * x->stride[at->dim] : 0);
}

static tp_status slice_vjp(tp_vjp *v)
{
    v->gin[0] = slice_backward(v->tape, v->gout[0], v->attr);
    return TP_OK;
}

/* Zeros around the slice, which is overwritten itself. */
static void clear_around(tp_tensor *whole, const cut *at)
{
    int64_t outer = 1, inner = 1, size = (int64_t)tp_dtype_size(whole->dtype);
    for (int d = 0; d < whole->ndim; d++)
        if (d != at->dim)
            *(d < at->dim ? &outer : &inner) *= whole->shape[d];
    int64_t row = at->whole * inner, begin = at->start * inner, end = (at->start + at->length) * inner;
    if (at->step != 1 || outer > whole->numel / 64) {
        tp__fill(whole->numel, whole->data, whole->dtype, 0);
        return;
    }
    for (int64_t o = 0; o < outer; o++) {
        char *to = (char *)whole->data + o * row * size;
        tp__fill(begin, to, whole->dtype, 0);
        tp__fill(row - end, to + end * size, whole->dtype, 0);
    }
}

/* Adds to the part of gin that the slice is: what many slices of one tensor cost is what they hold. */
static tp_status slice_vjp_fused(tp_vjp *v)
{
    const cut *at = v->attr;
    tp_tensor *whole = v->gin[0];
    const tp_tensor *g = v->gout[0];
    tp_dtype dtype = whole->dtype;
    tp_dims shape = tp__dims_of(whole);
    int64_t to[TP_MAX_DIMS], from[TP_MAX_DIMS];
    if (v->fresh)
        clear_around(whole, at);
    if (whole->numel == 0)
        return TP_OK;
    shape.dim[at->dim] = at->length;
    memcpy(to, whole->stride, sizeof to);
    to[at->dim] *= at->step;
    for (int d = 0; d < whole->ndim; d++) /* a selected dimension is not there in g */
        from[d] = g->ndim == whole->ndim ? g->stride[d] : d == at->dim ? 0 : g->stride[d - (d > at->dim)];
    tp__move_strided(!v->fresh, dtype, shape,
                     (char *)whole->data + at->start * whole->stride[at->dim] * (int64_t)tp_dtype_size(dtype), to,
                     g->data, from);
    return TP_OK;
}

static void slice_samples(tp_sampler *s)
{
    tp__sample_one(s, (tp_dims){2, {5, 3}}, &(cut){0, 1, 2, 2, 5});
    tp__sample_one(s, (tp_dims){2, {2, 4}}, &(cut){1, 1, 1, 3, 4});
}

/* clang-format off */
static const tp_op slice_op = {
    .name = "slice", .n_in = 1, .n_out = 1, .attr_size = sizeof(cut), .flags = TP__VIEW_FLAGS | TP_OP_OVERWRITES,
    .grad_name = "SliceBackward0",
    .infer = slice_infer, .vjp = slice_vjp, .vjp_fused = slice_vjp_fused, .samples = slice_samples};
/* clang-format on */

/* A dimension less than a slice of one. */
static tp_status select_infer(tp_call *c)
{
    const cut *at = c->attr;
    const tp_tensor *x = c->in[0];
    if (check_cut(c, at) != TP_OK)
        return c->tape->status;
    tp_dims shape = {.ndim = x->ndim - 1};
    int64_t stride[TP_MAX_DIMS];
    for (int d = 0; d < shape.ndim; d++) {
        shape.dim[d] = x->shape[d + (d >= at->dim)];
        stride[d] = x->stride[d + (d >= at->dim)];
    }
    return tp__infer_view(c, shape, stride, at->start * x->stride[at->dim]);
}

static tp_status select_vjp(tp_vjp *v)
{
    const cut *at = v->attr;
    v->gin[0] = slice_backward(v->tape, tp_unsqueeze(v->tape, v->gout[0], at->dim), at);
    return TP_OK;
}

static void select_samples(tp_sampler *s)
{
    tp__sample_one(s, (tp_dims){3, {2, 3, 4}}, &(cut){1, 2, 1, 1, 3});
    tp__sample_one(s, (tp_dims){1, {4}}, &(cut){0, 0, 1, 1, 4});
}

/* clang-format off */
static const tp_op select_op = {
    .name = "select", .n_in = 1, .n_out = 1, .attr_size = sizeof(cut), .flags = TP__VIEW_FLAGS | TP_OP_OVERWRITES,
    .grad_name = "SelectBackward0",
    .infer = select_infer, .vjp = select_vjp, .vjp_fused = slice_vjp_fused, .samples = select_samples};
/* clang-format on */

/* Zeros, with g at the slice. */
static tp_status slice_backward_infer(tp_call *c)
{
    const cut *at = c->attr;
    tp_dims shape = tp__dims_of(c->in[0]);
    if (at->dim >= shape.ndim)
        return tp__no_such_dim(c, at->dim);
    if (shape.dim[at->dim] != at->length || (at->length > 0 && at->start + (at->length - 1) * at->step >= at->whole))
        return tp_call_fail(c, TP_ESHAPE, "%lld elements for a slice of %lld; as many are needed",
                            (long long)shape.dim[at->dim], (long long)at->length);
    shape.dim[at->dim] = at->whole;
    return tp_call_out(c, 0, c->in[0]->dtype, shape);
}

static tp_status slice_backward_forward(tp_call *c)
{
    const cut *at = c->attr;
    tp_tensor *y = c->out[0];
    int64_t stride[TP_MAX_DIMS];
    memcpy(stride, y->stride, sizeof stride);
    stride[at->dim] *= at->step;
    tp__fill(y->numel, y->data, y->dtype, 0);
    if (at->length)
        tp__copy_out(tp__dims_of(c->in[0]),
                     (char *)y->data + at->start * y->stride[at->dim] * (int64_t)tp_dtype_size(y->dtype), stride,
                     c->in[0]->data, y->dtype);
    return TP_OK;
}

static tp_status slice_backward_vjp(tp_vjp *v)
{
    v->gin[0] = tp__apply1(v->tape, &slice_op, v->attr, v->gout[0]);
    return TP_OK;
}

static void slice_backward_samples(tp_sampler *s) { tp__sample_one(s, (tp_dims){2, {2, 3}}, &(cut){0, 1, 2, 2, 5}); }

/* clang-format off */
static const tp_op slice_backward_op = {
    .name = "slice_backward", .n_in = 1, .n_out = 1, .attr_size = sizeof(cut), .flags = TP__READS_NOTHING,
    .grad_name = "SliceBackwardBackward0",
    .infer = slice_backward_infer, .forward = slice_backward_forward, .vjp = slice_backward_vjp,
    .samples = slice_backward_samples};
/* clang-format on */

static tp_tensor *slice_backward(tp_tape *T, tp_tensor *g, const cut *at)
{
    return tp__apply1(T, &slice_backward_op, at, g);
}

/* A bound as Python reads it: from the end where negative, never beyond either end. */
static int64_t bound(int64_t at, int64_t size)
{
    if (at < 0)
        at = at < -size ? 0 : at + size;
    return at > size ? size : at;
}

tp_tensor *tp_slice(tp_tape *T, tp_tensor *x, int dim, int64_t start, int64_t stop, int64_t step)
{
    if (!tp__usable(T, "slice", x))
        return NULL;
    if (x->ndim == 0) {
        tp_fail(T, TP_EINDEX, "slice: x is 0-d; a dimension is needed");
        return NULL;
    }
    if (step < 1) {
        tp_fail(T, TP_EINVAL, "slice: the step is %lld; 1 or more is needed", (long long)step);
        return NULL;
    }
    cut at = {.dim = tp__dim_of(T, "slice", x->ndim, dim), .step = step};
    if (at.dim < 0)
        return NULL;
    at.whole = x->shape[at.dim];
    at.start = bound(start, at.whole);
    stop = bound(stop, at.whole);
    at.length = stop > at.start ? (stop - at.start - 1) / step + 1 : 0;
    if (at.length <= 1)
        at.step = 1;
    return tp__apply1(T, &slice_op, &at, x);
}

tp_tensor *tp_narrow(tp_tape *T, tp_tensor *x, int dim, int64_t start, int64_t length)
{
    TP__NAMED(T, "narrow");
    if (!tp__usable(T, "narrow", x))
        return NULL;
    int d = tp__dim_of(T, "narrow", x->ndim, dim);
    if (d < 0)
        return NULL;
    int64_t size = x->ndim ? x->shape[d] : 1, from = start < 0 ? start + size : start;
    if (from < 0 || length < 0 || from > size || length > size - from) {
        tp_fail(T, TP_EINDEX, "narrow: %lld elements from %lld on, of a dimension of size %lld; within it is needed",
                (long long)length, (long long)start, (long long)size);
        return NULL;
    }
    return tp_slice(T, x, d, from, from + length, 1);
}

tp_tensor *tp_select(tp_tape *T, tp_tensor *x, int dim, int64_t index)
{
    if (!tp__usable(T, "select", x))
        return NULL;
    if (x->ndim == 0) {
        tp_fail(T, TP_EINDEX, "select: x is 0-d; a dimension is needed");
        return NULL;
    }
    cut at = {.dim = tp__dim_of(T, "select", x->ndim, dim), .step = 1, .length = 1};
    if (at.dim < 0)
        return NULL;
    at.whole = x->shape[at.dim];
    at.start = index < 0 ? index + at.whole : index;
    if (at.start < 0 || at.start >= at.whole) {
        tp_fail(T, TP_EINDEX, "select: index %lld in dimension %d; %lld to %lld is needed", (long long)index, at.dim,
                (long long)-at.whole, (long long)at.whole - 1);
        return NULL;
    }
    return tp__apply1(T, &select_op, &at, x);
}

const tp_op *const tp__ops_slice[] = {
#include TP__OPERATORS
    NULL};
