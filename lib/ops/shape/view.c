/* view.c - operators that look at the same elements in another way: views, and copies that change
 * layout or dtype. A view's infer makes a second header on the input's storage; it has no forward. */
#include "ops/ops.h"

#include <string.h>

/* ---- reshape and view ------------------------------------------------------------------------------------- */

/* Strides with which x looks like `shape`; false where that needs a copy. Dimensions of x that are walked as
 * one form a stretch; each stretch must hold whole dimensions of the new shape. */
static bool strides_for(const tp_tensor *x, tp_dims shape, int64_t *stride)
{
    int d = shape.ndim - 1;
    if (x->numel == 0 || tp__contiguous(x)) {
        int64_t step = 1;
        for (; d >= 0; d--) {
            stride[d] = step;
            step *= shape.dim[d] > 1 ? shape.dim[d] : 1;
        }
        return true;
    }
    int64_t base = x->stride[x->ndim - 1], have = 1, used = 1;
    for (int k = x->ndim - 1; k >= 0; k--) {
        have *= x->shape[k];
        bool ends = k == 0 || (x->shape[k - 1] != 1 && x->stride[k - 1] != have * base);
        if (!ends)
            continue;
        while (d >= 0 && (used < have || shape.dim[d] == 1)) {
            stride[d] = used * base;
            used *= shape.dim[d--];
        }
        if (used != have)
            return false;
        if (k > 0) {
            base = x->stride[k - 1];
            have = used = 1;
        }
    }
    return d < 0;
}

static tp_status view_infer(tp_call *c)
{
    const tp_dims *shape = c->attr;
    int64_t stride[TP_MAX_DIMS];
    if (!strides_for(c->in[0], *shape, stride))
        return tp_call_fail(c, TP_ESHAPE, "%s with these strides cannot be seen as %s without a copy; use tp_reshape",
                            TP__SHAPE(c->in[0]), TP__DIMS(*shape));
    return tp__infer_view(c, *shape, stride, 0);
}

static tp_status view_vjp(tp_vjp *v)
{
    v->gin[0] = tp_reshape(v->tape, v->gout[0], tp__dims_of(v->in[0]));
    return TP_OK;
}

static void view_samples(tp_sampler *s)
{
    tp__sample_one(s, (tp_dims){2, {4, 6}}, &(tp_dims){3, {2, 3, 4}});
    tp__sample_one(s, (tp_dims){.ndim = 0}, &(tp_dims){2, {1, 1}});
    tp__sample_one(s, (tp_dims){2, {0, 3}}, &(tp_dims){1, {0}});
}

/* clang-format off */
static const tp_op view_op = {
    .name = "view", .n_in = 1, .n_out = 1, .attr_size = sizeof(tp_dims), .flags = TP__VIEW_FLAGS,
    .grad_name = "ViewBackward0",
    .infer = view_infer, .vjp = view_vjp, .samples = view_samples};
static const tp_op reshape_op = {
    .name = "reshape", .n_in = 1, .n_out = 1, .attr_size = sizeof(tp_dims), .flags = TP__VIEW_FLAGS,
    .grad_name = "ReshapeAliasBackward0",
    .infer = view_infer, .vjp = view_vjp, .samples = view_samples};
/* clang-format on */

/* Fills in a -1 and checks the number of elements. */
static bool resolve(tp_tape *T, const char *name, const tp_tensor *x, tp_dims *shape)
{
    int unknown = -1, many = 0;
    tp_dims known = *shape;
    int64_t n;
    for (int d = 0; d < shape->ndim && d < TP_MAX_DIMS; d++)
        if (shape->dim[d] == -1) {
            unknown = d;
            many++;
            known.dim[d] = 1;
        }
    bool fits = many <= 1 && tp__dims_numel(known, &n);
    if (fits && unknown >= 0) {
        fits = n != 0 && x->numel % n == 0;
        if (fits)
            shape->dim[unknown] = x->numel / n;
    } else if (fits) {
        fits = n == x->numel;
    }
    if (!fits)
        tp_fail(T, TP_ESHAPE, "%s: x is %s, the shape %s; as many elements are needed", name, TP__SHAPE(x),
                TP__DIMS(*shape));
    return fits;
}

tp_tensor *tp_view(tp_tape *T, tp_tensor *x, tp_dims shape)
{
    return tp__usable(T, "view", x) && resolve(T, "view", x, &shape) ? tp__apply1(T, &view_op, &shape, x) : NULL;
}

tp_tensor *tp_reshape(tp_tape *T, tp_tensor *x, tp_dims shape)
{
    int64_t stride[TP_MAX_DIMS];
    if (!tp__usable(T, "reshape", x) || !resolve(T, "reshape", x, &shape))
        return NULL;
    if (!strides_for(x, shape, stride))
        x = tp_contiguous(T, x);
    return tp__apply1(T, &reshape_op, &shape, x);
}

tp_tensor *tp_flatten(tp_tape *T, tp_tensor *x, int start_dim, int end_dim)
{
    if (!tp__usable(T, "flatten", x))
        return NULL;
    int start = tp__dim_of(T, "flatten", x->ndim, start_dim), end = tp__dim_of(T, "flatten", x->ndim, end_dim);
    if (start < 0 || end < 0)
        return NULL;
    if (start > end) {
        tp_fail(T, TP_EINVAL, "flatten: from dimension %d to %d; dimensions in their order are needed", start_dim,
                end_dim);
        return NULL;
    }
    if (x->ndim == 0)
        return tp_reshape(T, x, (tp_dims){1, {1}});
    if (start == end)
        return x;
    tp_dims shape = {.ndim = x->ndim - (end - start)};
    for (int d = 0; d < shape.ndim; d++)
        shape.dim[d] = d < start ? x->shape[d] : d == start ? 1 : x->shape[d + end - start];
    for (int d = start; d <= end; d++)
        shape.dim[start] *= x->shape[d];
    return tp_reshape(T, x, shape);
}

/* ---- transpose, permute -------------------------------------------------------------------------------------- */

typedef struct {
    int a, b;
} dim_pair;

static tp_status transpose_infer(tp_call *c)
{
    const dim_pair *at = c->attr;
    const tp_tensor *x = c->in[0];
    tp_dims shape = tp__dims_of(x);
    int64_t stride[TP_MAX_DIMS];
    memcpy(stride, x->stride, sizeof stride);
    if (x->ndim > 0 && (at->a >= x->ndim || at->b >= x->ndim))
        return tp__no_such_dim(c, at->a > at->b ? at->a : at->b);
    if (x->ndim > 0) {
        shape.dim[at->a] = x->shape[at->b];
        shape.dim[at->b] = x->shape[at->a];
        stride[at->a] = x->stride[at->b];
        stride[at->b] = x->stride[at->a];
    }
    return tp__infer_view(c, shape, stride, 0);
}

static tp_status transpose_vjp(tp_vjp *v)
{
    const dim_pair *at = v->attr;
    v->gin[0] = tp_transpose(v->tape, v->gout[0], at->a, at->b);
    return TP_OK;
}

static void transpose_samples(tp_sampler *s)
{
    tp__sample_one(s, (tp_dims){3, {2, 3, 4}}, &(dim_pair){0, 2});
    tp__sample_one(s, (tp_dims){2, {3, 5}}, &(dim_pair){0, 1});
    tp__sample_one(s, (tp_dims){.ndim = 0}, &(dim_pair){0, 0});
}

/* clang-format off */
static const tp_op transpose_op = {
    .name = "transpose", .n_in = 1, .n_out = 1, .attr_size = sizeof(dim_pair), .flags = TP__VIEW_FLAGS,
    .grad_name = "TransposeBackward0",
    .infer = transpose_infer, .vjp = transpose_vjp, .samples = transpose_samples};
static const tp_op t_op = {
    .name = "t", .n_in = 1, .n_out = 1, .attr_size = sizeof(dim_pair), .flags = TP__VIEW_FLAGS,
    .grad_name = "TBackward0",
    .infer = transpose_infer, .vjp = transpose_vjp, .samples = transpose_samples};
/* clang-format on */

tp_tensor *tp_transpose(tp_tape *T, tp_tensor *x, int dim0, int dim1)
{
    if (!tp__usable(T, "transpose", x))
        return NULL;
    dim_pair at = {tp__dim_of(T, "transpose", x->ndim, dim0), tp__dim_of(T, "transpose", x->ndim, dim1)};
    return at.a < 0 || at.b < 0 ? NULL : tp__apply1(T, &transpose_op, &at, x);
}

tp_tensor *tp_t(tp_tape *T, tp_tensor *x)
{
    if (!tp__usable(T, "t", x))
        return NULL;
    if (x->ndim > 2) {
        tp_fail(T, TP_ESHAPE, "t: x is %s; at most 2 dimensions", TP__SHAPE(x));
        return NULL;
    }
    dim_pair at = {0, x->ndim == 2};
    return tp__apply1(T, &t_op, &at, x);
}

static tp_status permute_infer(tp_call *c)
{
    const tp_dims *order = c->attr;
    const tp_tensor *x = c->in[0];
    tp_dims shape = {.ndim = x->ndim};
    int64_t stride[TP_MAX_DIMS];
    uint32_t seen = 0;
    if (order->ndim != x->ndim)
        return tp_call_fail(c, TP_ESHAPE, "an order of %d, x is %s; as many as dimensions are needed", order->ndim,
                            TP__SHAPE(x));
    for (int d = 0; d < x->ndim; d++) {
        int64_t from = order->dim[d] < 0 ? order->dim[d] + x->ndim : order->dim[d];
        if (from < 0 || from >= x->ndim)
            return tp__no_dim(c->tape, c->op->name, order->dim[d], x->ndim);
        if ((seen >> from) & 1u)
            return tp_call_fail(c, TP_EINVAL, "dimension %lld is named twice; each is needed once",
                                (long long)order->dim[d]);
        seen |= 1u << from;
        shape.dim[d] = x->shape[from];
        stride[d] = x->stride[from];
    }
    return tp__infer_view(c, shape, stride, 0);
}

static tp_status permute_vjp(tp_vjp *v)
{
    const tp_dims *order = v->attr;
    tp_dims back = {.ndim = order->ndim};
    for (int d = 0; d < order->ndim; d++)
        back.dim[order->dim[d] < 0 ? order->dim[d] + order->ndim : order->dim[d]] = d;
    v->gin[0] = tp_permute(v->tape, v->gout[0], back);
    return TP_OK;
}

static void permute_samples(tp_sampler *s)
{
    tp__sample_one(s, (tp_dims){3, {2, 3, 4}}, &(tp_dims){3, {2, 0, -2}});
    tp__sample_one(s, (tp_dims){.ndim = 0}, &(tp_dims){.ndim = 0});
}

/* clang-format off */
static const tp_op permute_op = {
    .name = "permute", .n_in = 1, .n_out = 1, .attr_size = sizeof(tp_dims), .flags = TP__VIEW_FLAGS,
    .grad_name = "PermuteBackward0",
    .infer = permute_infer, .vjp = permute_vjp, .samples = permute_samples};
/* clang-format on */

tp_tensor *tp_permute(tp_tape *T, tp_tensor *x, tp_dims order) { return tp__apply1(T, &permute_op, &order, x); }

tp_tensor *tp_T(tp_tape *T, tp_tensor *x)
{
    TP__NAMED(T, "T");
    tp_dims order = {.ndim = x ? x->ndim : 0};
    for (int d = 0; d < order.ndim; d++)
        order.dim[d] = order.ndim - 1 - d;
    return tp_permute(T, x, order);
}

tp_tensor *tp_mT(tp_tape *T, tp_tensor *x)
{
    TP__NAMED(T, "mT");
    return x && x->ndim == 0 ? x : tp_transpose(T, x, -2, -1);
}

/* ---- squeeze, unsqueeze ----------------------------------------------------------------------------------------- */

/* attr: a bit for each dimension that goes */
static tp_status squeeze_infer(tp_call *c)
{
    const tp_tensor *x = c->in[0];
    uint32_t gone = *(const uint32_t *)c->attr;
    tp_dims shape = {.ndim = 0};
    int64_t stride[TP_MAX_DIMS];
    for (int d = 0; d < x->ndim; d++)
        if (!((gone >> d) & 1u) || x->shape[d] != 1) {
            stride[shape.ndim] = x->stride[d];
            shape.dim[shape.ndim++] = x->shape[d];
        }
    return tp__infer_view(c, shape, stride, 0);
}

static void squeeze_samples(tp_sampler *s)
{
    tp__sample_one(s, (tp_dims){3, {1, 3, 1}}, &(uint32_t){7});
    tp__sample_one(s, (tp_dims){3, {1, 3, 1}}, &(uint32_t){1});
}

/* clang-format off */
static const tp_op squeeze_op = {
    .name = "squeeze", .n_in = 1, .n_out = 1, .attr_size = sizeof(uint32_t), .flags = TP__VIEW_FLAGS,
    .grad_name = "SqueezeBackward0",
    .infer = squeeze_infer, .vjp = view_vjp, .samples = squeeze_samples};
static const tp_op squeeze_dim_op = {
    .name = "squeeze_dim", .n_in = 1, .n_out = 1, .attr_size = sizeof(uint32_t), .flags = TP__VIEW_FLAGS,
    .grad_name = "SqueezeBackward1",
    .infer = squeeze_infer, .vjp = view_vjp, .samples = squeeze_samples};
/* clang-format on */

tp_tensor *tp_squeeze(tp_tape *T, tp_tensor *x)
{
    uint32_t all = UINT32_MAX;
    return tp__apply1(T, &squeeze_op, &all, x);
}

tp_tensor *tp_squeeze_dim(tp_tape *T, tp_tensor *x, int dim)
{
    TP__NAMED(T, "squeeze_dim");
    if (!tp__usable(T, "squeeze", x))
        return NULL;
    int d = tp__dim_of(T, "squeeze", x->ndim, dim);
    uint32_t one = d < 0 ? 0 : 1u << d;
    return d < 0 ? NULL : tp__apply1(T, &squeeze_dim_op, &one, x);
}

static tp_status unsqueeze_infer(tp_call *c)
{
    const tp_tensor *x = c->in[0];
    int at = *(const int *)c->attr;
    tp_dims shape = {.ndim = x->ndim + 1};
    int64_t stride[TP_MAX_DIMS + 1];
    if (at > x->ndim)
        return tp__no_such_dim(c, at);
    if (x->ndim == TP_MAX_DIMS)
        return tp_call_fail(c, TP_ESHAPE, "x is %s; at most %d dimensions", TP__SHAPE(c->in[0]), TP_MAX_DIMS - 1);
    for (int d = 0; d <= x->ndim; d++) {
        int from = d < at ? d : d - 1;
        shape.dim[d] = d == at ? 1 : x->shape[from];
        stride[d] = d != at ? x->stride[from] : at < x->ndim ? x->stride[at] * x->shape[at] : 1;
    }
    return tp__infer_view(c, shape, stride, 0);
}

static void unsqueeze_samples(tp_sampler *s)
{
    tp__sample_one(s, (tp_dims){2, {3, 4}}, &(int){1});
    tp__sample_one(s, (tp_dims){.ndim = 0}, &(int){0});
}

/* clang-format off */
static const tp_op unsqueeze_op = {
    .name = "unsqueeze", .n_in = 1, .n_out = 1, .attr_size = sizeof(int), .flags = TP__VIEW_FLAGS,
    .grad_name = "UnsqueezeBackward0",
    .infer = unsqueeze_infer, .vjp = view_vjp, .samples = unsqueeze_samples};
/* clang-format on */

tp_tensor *tp_unsqueeze(tp_tape *T, tp_tensor *x, int dim)
{
    if (!tp__usable(T, "unsqueeze", x))
        return NULL;
    int at = tp__dim_of(T, "unsqueeze", x->ndim + 1, dim);
    return at < 0 ? NULL : tp__apply1(T, &unsqueeze_op, &at, x);
}

/* ---- expand -------------------------------------------------------------------------------------------------------- */

static tp_status expand_infer(tp_call *c)
{
    const tp_tensor *x = c->in[0];
    tp_dims shape = *(const tp_dims *)c->attr;
    int64_t stride[TP_MAX_DIMS];
    bool fits = shape.ndim >= x->ndim && shape.ndim <= TP_MAX_DIMS;
    int lead = fits ? shape.ndim - x->ndim : 0;
    for (int d = 0; d < shape.ndim && fits; d++) {
        int from = d - lead;
        if (shape.dim[d] == -1 && from >= 0)
            shape.dim[d] = x->shape[from];
        stride[d] = from >= 0 && x->shape[from] != 1 ? x->stride[from] : 0;
        fits = shape.dim[d] >= 0 && (from < 0 || x->shape[from] == 1 || x->shape[from] == shape.dim[d]);
    }
    if (!fits)
        return tp_call_fail(c, TP_ESHAPE, "x is %s, the shape %s; one to which that broadcasts is needed", TP__SHAPE(x),
                            TP__DIMS(shape));
    return tp__infer_view(c, shape, stride, 0);
}

static tp_status expand_vjp(tp_vjp *v)
{
    v->gin[0] = v->gout[0]; /* the sweep sums it */
    return TP_OK;
}

static void expand_samples(tp_sampler *s)
{
    tp__sample_one(s, (tp_dims){2, {3, 1}}, &(tp_dims){3, {2, -1, 4}});
    tp__sample_one(s, (tp_dims){.ndim = 0}, &(tp_dims){2, {2, 3}});
}

/* clang-format off */
static const tp_op expand_op = {
    .name = "expand", .n_in = 1, .n_out = 1, .attr_size = sizeof(tp_dims), .flags = TP__VIEW_FLAGS,
    .grad_name = "ExpandBackward0",
    .infer = expand_infer, .vjp = expand_vjp, .samples = expand_samples};
/* clang-format on */

tp_tensor *tp_expand(tp_tape *T, tp_tensor *x, tp_dims shape) { return tp__apply1(T, &expand_op, &shape, x); }

/* ---- copies ------------------------------------------------------------------------------------------------------------ */

static tp_status to_infer(tp_call *c) { return tp_call_out(c, 0, *(const tp_dtype *)c->attr, tp__dims_of(c->in[0])); }

static tp_status copy_forward(tp_call *c)
{
    tp_dims shape = tp__dims_of(c->out[0]);
    tp__operand in = tp__operand_of(c->in[0], shape);
    tp__copy(shape, c->out[0]->data, c->out[0]->dtype, &in);
    return TP_OK;
}

static tp_status copy_vjp(tp_vjp *v)
{
    v->gin[0] = v->gout[0]; /* the sweep converts it */
    return TP_OK;
}

static void to_samples(tp_sampler *s) { tp__sample_one(s, (tp_dims){2, {3, 4}}, &(tp_dtype){TP_F64}); }

/* clang-format off */
static const tp_op to_op = {
    .name = "to", .n_in = 1, .n_out = 1, .attr_size = sizeof(tp_dtype), .flags = TP_OP_STRIDED | TP__READS_NOTHING,
    .grad_name = "ToCopyBackward0",
    .infer = to_infer, .forward = copy_forward, .vjp = copy_vjp, .samples = to_samples};
/* clang-format on */

tp_tensor *tp_to(tp_tape *T, tp_tensor *x, tp_dtype dtype)
{
    return x && x->dtype == dtype ? (tp__usable(T, "to", x) ? x : NULL) : tp__apply1(T, &to_op, &dtype, x);
}

const tp_op *const tp__ops_shape[] = {
#include TP__OPERATORS
    NULL};
