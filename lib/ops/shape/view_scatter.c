/* view_scatter.c - a copy of x with values in place of what a strided view shows. */
#include "kernel/strided.h"
#include "ops/index/index.h"
#include "ops/shape/strided_view.h"

#include <string.h>

static tp_status view_scatter_infer(tp_call *c)
{
    const tp__strided_view *v = c->attr;
    if (!tp__dims_equal(v->whole, tp__dims_of(c->in[0])) || !tp__dims_equal(v->shape, tp__dims_of(c->in[1])))
        return tp_call_fail(c, TP_ESHAPE, "the values are %s; %s is needed", TP__SHAPE(c->in[1]), TP__DIMS(v->shape));
    if (c->in[0]->dtype != c->in[1]->dtype)
        return tp_call_fail(c, TP_EDTYPE, "the values are %s, x is %s; one dtype is needed",
                            tp_dtype_name(c->in[1]->dtype), tp_dtype_name(c->in[0]->dtype));
    return tp__infer_like_first(c);
}

static tp_status view_scatter_forward(tp_call *c)
{
    const tp__strided_view *v = c->attr;
    tp_tensor *y = c->out[0];
    int64_t stride[TP_MAX_DIMS], size = (int64_t)tp_dtype_size(y->dtype);
    int64_t offset = tp__view_strides(v, y->stride, stride);
    if (y->numel)
        memcpy(y->data, c->in[0]->data, (size_t)(y->numel * size));
    if (c->in[1]->numel == 0)
        return TP_OK;
    (tp__overlaps(v->shape, stride) ? tp__put_strided : tp__copy_out)(v->shape, (char *)y->data + offset * size, stride,
                                                                      c->in[1]->data, y->dtype);
    return TP_OK;
}

/* g where the value that was put there is there in the end */
static tp_tensor *of_survivors(tp_tape *T, const tp__strided_view *v, tp_tensor *g)
{
    int64_t whole[TP_MAX_DIMS], stride[TP_MAX_DIMS], places = 1;
    if (g == NULL || g->numel == 0 || tp__view_apart(v))
        return g;
    for (int d = v->whole.ndim - 1; d >= 0; places *= v->whole.dim[d--])
        whole[d] = places;
    tp__view_strides(v, whole, stride);
    return tp__of_survivors(T, g, v->shape, stride, -1, NULL, places);
}

static tp_status view_scatter_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    if (tp_vjp_needs(v, 0))
        v->gin[0] = tp__view_scatter(T, v->attr, v->gout[0], tp_zeros_like(T, v->in[1]));
    if (tp_vjp_needs(v, 1))
        v->gin[1] = of_survivors(T, v->attr, tp__view_at(T, v->attr, v->gout[0]));
    return T->status;
}

static void view_scatter_samples(tp_sampler *s)
{
    tp__strided_view v = tp__sample_diagonal();
    tp_tensor *in[2] = {tp_sample_tensor(s, tp__sample_block, -1, 2), tp_sample_tensor(s, v.shape, -1, 2)};
    tp_sample(s, &v, 2, in);
    v = tp__sample_windows(); /* whose elements are put over each other */
    in[0] = tp_sample_tensor(s, tp__sample_column, -1, 2);
    in[1] = tp_sample_tensor(s, v.shape, -1, 2);
    tp_sample(s, &v, 2, in);
}

/* clang-format off */
static const tp_op view_scatter_op = {
    .name = "view_scatter", .n_in = 2, .n_out = 1, .attr_size = sizeof(tp__strided_view), .flags = TP__READS_NOTHING,
    .infer = view_scatter_infer, .forward = view_scatter_forward, .vjp = view_scatter_vjp,
    .samples = view_scatter_samples};
/* clang-format on */

tp_tensor *tp__view_scatter(tp_tape *T, const tp__strided_view *v, tp_tensor *x, tp_tensor *values)
{
    return tp__apply2(T, &view_scatter_op, v, x, values);
}

const tp_op *const tp__ops_view_scatter[] = {
#include TP__OPERATORS
    NULL};
