/* as_strided.c - views of any strides. */
#include "ops/shape/strided_view.h"

#include <string.h>

typedef struct {
    tp_dims shape;
    int64_t stride[TP_MAX_DIMS], offset; /* in elements from x's first */
    int64_t extent;                      /* elements of x's storage that x or the view may reach, from x's first on */
} strides;

/* The farthest element from the first, or INT64_MAX; negative strides, which are refused, lead nowhere. */
static int64_t reach(tp_dims shape, const int64_t *stride)
{
    int64_t last = 0;
    for (int d = 0; d < shape.ndim; d++) {
        int64_t steps = shape.dim[d] > 0 ? shape.dim[d] - 1 : 0, stride_here = stride[d] > 0 ? stride[d] : 0;
        bool far = stride_here > 0 && steps > INT64_MAX / stride_here;
        last = far ? INT64_MAX : tp__add_clipped(last, steps * stride_here);
    }
    return tp__add_clipped(last, 1);
}

static tp_status as_strided_infer(tp_call *c)
{
    const strides *a = c->attr;
    const tp_tensor *x = c->in[0];
    int64_t n;
    if (!tp__dims_numel(a->shape, &n))
        return tp_call_fail(c, TP_ESHAPE,
                            "%s of %d dimensions; sizes that are not negative, and fewer elements, are needed",
                            TP__DIMS(a->shape), a->shape.ndim);
    int64_t size = (int64_t)tp_dtype_size(x->dtype);
    int64_t before = ((char *)x->data - (char *)x->storage->data) / size; /* elements of the storage before x */
    int64_t after = (int64_t)x->storage->bytes / size - before;
    for (int d = 0; d < a->shape.ndim; d++)
        if (a->stride[d] < 0)
            return tp_call_fail(c, TP_EINVAL, "stride %d is %lld; 0 or more is needed", d, (long long)a->stride[d]);
    int64_t last = n ? tp__add_clipped(a->offset, reach(a->shape, a->stride)) : 0;
    if (a->offset < -before || a->offset > after || last > after)
        return tp_call_fail(c, TP_EINDEX, "%s from element %lld to %lld of a storage of %lld; within it is needed",
                            TP__DIMS(a->shape), (long long)(before + a->offset),
                            (long long)tp__add_clipped(before, last), (long long)(before + after));
    return tp__infer_view(c, a->shape, a->stride, a->offset);
}

/* Zeros for the storage from x's first element on, g added where a view of this geometry looks. */
static tp_tensor *added_up(tp_tape *T, int64_t extent, tp_dims shape, const int64_t *stride, int64_t offset,
                           tp_tensor *g)
{
    tp__strided_view flat = {.whole = {1, {extent}}, .shape = shape};
    for (int k = 0; k < shape.ndim; k++) {
        flat.from[k][1] = -1;
        flat.coef[k] = stride[k];
    }
    flat.start[0] = offset;
    return tp__put_back(T, &flat, g);
}

/* x's own view of the storage's gradient, which elements at one place share evenly. */
static tp_status as_strided_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    const strides *a = v->attr;
    tp_tensor *x = v->in[0];
    int64_t stride[TP_MAX_DIMS];
    if (a->offset < 0)
        return tp_fail(T, TP_EUNSUPPORTED, "as_strided: the offset is %lld; for a gradient 0 or more is needed",
                       (long long)a->offset);
    if (x->numel == 0) {
        v->gin[0] = tp_zeros_like(T, x);
        return TP_OK;
    }
    memcpy(stride, x->stride, sizeof stride);
    tp_tensor *sum = added_up(T, a->extent, a->shape, a->stride, a->offset, v->gout[0]);
    tp_tensor *mine = tp_as_strided(T, sum, tp__dims_of(x), stride, 0);
    if (tp__overlaps(tp__dims_of(x), x->stride)) {
        tp_tensor *shares = added_up(T, a->extent, tp__dims_of(x), stride, 0, tp_ones_like(T, x));
        mine = tp_div(T, mine, tp_as_strided(T, shares, tp__dims_of(x), stride, 0));
    }
    v->gin[0] = mine;
    return TP_OK;
}

static void as_strided_samples(tp_sampler *s)
{
    tp__sample_one(s, (tp_dims){2, {3, 4}}, &(strides){{2, {2, 3}}, {2, 1}, 1, 12});
    tp__sample_one(s, (tp_dims){1, {6}}, &(strides){{2, {4, 3}}, {1, 1}, 0, 6});
}

/* clang-format off */
static const tp_op as_strided_op = {
    .name = "as_strided", .n_in = 1, .n_out = 1, .attr_size = sizeof(strides), .flags = TP__VIEW_FLAGS,
    .grad_name = "AsStridedBackward0",
    .infer = as_strided_infer, .vjp = as_strided_vjp, .samples = as_strided_samples};
/* clang-format on */

tp_tensor *tp_as_strided(tp_tape *T, tp_tensor *x, tp_dims shape, const int64_t *stride, int64_t offset)
{
    strides a = {.shape = shape, .offset = offset};
    int64_t n;
    if (!tp__usable(T, "as_strided", x) || !tp__is_shape(T, "as_strided", shape, &n) ||
        !tp__listed(T, "as_strided", "strides", shape.ndim, 0, stride))
        return NULL;
    for (int d = 0; d < shape.ndim; d++)
        a.stride[d] = stride[d];
    int64_t own = reach(tp__dims_of(x), x->stride), far = tp__add_clipped(offset, reach(shape, a.stride));
    a.extent = own > far ? own : far;
    return tp__apply1(T, &as_strided_op, &a, x);
}

tp_tensor *tp_as_strided_scatter(tp_tape *T, tp_tensor *x, tp_tensor *src, tp_dims shape, const int64_t *stride,
                                 int64_t offset)
{
    TP__NAMED(T, "as_strided_scatter");
    int64_t n;
    if (!tp__usable(T, "as_strided_scatter", x) || !tp__is_shape(T, "as_strided_scatter", shape, &n) ||
        !tp__listed(T, "as_strided_scatter", "strides", shape.ndim, 0, stride))
        return NULL;
    bool inside = offset >= 0 && offset <= x->numel;
    tp__strided_view v = {.whole = {1, {x->numel}}, .shape = shape, .start = {offset}};
    for (int k = 0; k < shape.ndim && inside; k++) {
        v.from[k][1] = -1;
        v.coef[k] = stride[k];
        inside = stride[k] >= 0 && shape.dim[k] <= x->numel + 1 && stride[k] <= x->numel;
    }
    if (!inside || (n > 0 && tp__add_clipped(offset, reach(shape, v.coef)) > x->numel)) {
        tp_fail(T, TP_EINDEX, "as_strided_scatter: %s at %lld reaches outside of %lld elements; within them is needed",
                TP__DIMS(shape), (long long)offset, (long long)x->numel);
        return NULL;
    }
    return tp_reshape(T, tp__view_scatter(T, &v, tp_reshape(T, x, v.whole), src), tp__dims_of(x));
}

tp_tensor *tp_resize(tp_tape *T, tp_tensor *x, tp_dims shape)
{
    TP__NAMED(T, "resize");
    int64_t stride[TP_MAX_DIMS], step = 1, n;
    if (!tp__usable(T, "resize", x) || !tp__is_shape(T, "resize", shape, &n))
        return NULL;
    for (int d = shape.ndim - 1; d >= 0; d--) {
        stride[d] = step;
        step *= n > 0 ? shape.dim[d] : 1;
    }
    return tp_as_strided(T, x, shape, stride, 0);
}

const tp_op *const tp__ops_as_strided[] = {
#include TP__OPERATORS
    NULL};
