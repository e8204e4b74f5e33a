/* strided_view.c - the geometry of views whose dimensions are sums of x's. */
#include "ops/shape/strided_view.h"

int64_t tp__view_strides(const tp__strided_view *v, const int64_t *x_stride, int64_t *stride)
{
    int64_t offset = 0;
    for (int d = 0; d < v->whole.ndim; d++)
        offset += v->start[d] * x_stride[d];
    for (int k = 0; k < v->shape.ndim; k++) {
        int second = v->from[k][1];
        stride[k] = v->coef[k] * (x_stride[v->from[k][0]] + (second >= 0 ? x_stride[second] : 0));
    }
    return offset;
}

tp__strided_view tp__whole_view(tp_dims x)
{
    tp__strided_view v = {.whole = x, .shape = x};
    for (int d = 0; d < x.ndim; d++) {
        v.from[d][0] = d;
        v.from[d][1] = -1;
        v.coef[d] = 1;
    }
    return v;
}

/* May two elements lie at one place? Taken by growing strides, each must step over all before it. */
bool tp__overlaps(tp_dims shape, const int64_t *stride)
{
    int64_t far = 0;
    uint32_t seen = 0;
    for (int i = 0; i < shape.ndim; i++) {
        int next = -1;
        for (int d = 0; d < shape.ndim; d++)
            if (!((seen >> d) & 1u) && (next < 0 || stride[d] < stride[next]))
                next = d;
        seen |= 1u << next;
        if (shape.dim[next] > 1 && stride[next] <= far)
            return true;
        far += (shape.dim[next] - 1) * stride[next];
    }
    return false;
}

bool tp__view_apart(const tp__strided_view *v)
{
    int64_t whole[TP_MAX_DIMS], stride[TP_MAX_DIMS], places = 1;
    for (int d = v->whole.ndim - 1; d >= 0; places *= v->whole.dim[d--])
        whole[d] = places;
    tp__view_strides(v, whole, stride);
    return !tp__overlaps(v->shape, stride);
}

void tp__view_drop_dim(tp__strided_view *v, int dim)
{
    for (int d = dim; d + 1 < v->shape.ndim; d++) {
        v->shape.dim[d] = v->shape.dim[d + 1];
        v->from[d][0] = v->from[d + 1][0];
        v->from[d][1] = v->from[d + 1][1];
        v->coef[d] = v->coef[d + 1];
    }
    v->shape.ndim--;
}

tp_status tp__strided_infer(tp_call *c)
{
    const tp__strided_view *v = c->attr;
    int64_t stride[TP_MAX_DIMS];
    if (!tp__dims_equal(v->whole, tp__dims_of(c->in[0])))
        return tp_call_fail(c, TP_ESHAPE, "x is %s; %s, for which the view is made, is needed", TP__SHAPE(c->in[0]),
                            TP__DIMS(v->whole));
    int64_t offset = tp__view_strides(v, c->in[0]->stride, stride), n = 1;
    for (int k = 0; k < v->shape.ndim; k++)
        n *= v->shape.dim[k];
    return tp__infer_view(c, v->shape, stride, n ? offset : 0);
}

tp_status tp__strided_vjp(tp_vjp *v)
{
    v->gin[0] = tp__put_back(v->tape, v->attr, v->gout[0]);
    return TP_OK;
}

bool tp__is_shape(tp_tape *T, const char *name, tp_dims shape, int64_t *numel)
{
    if (tp__dims_numel(shape, numel))
        return true;
    tp_fail(T, TP_ESHAPE, "%s: %s of %d dimensions; sizes that are not negative, and fewer elements, are needed", name,
            TP__DIMS(shape), shape.ndim);
    return false;
}

/* ---- samples -------------------------------------------------------------------------------------------------------- */

const tp_dims tp__sample_block = {3, {3, 4, 2}}, tp__sample_column = {2, {5, 2}};

tp__strided_view tp__sample_diagonal(void)
{
    tp__strided_view v = tp__whole_view(tp__sample_block);
    tp__view_drop_dim(&v, 1);
    tp__view_drop_dim(&v, 0);
    v.shape.dim[1] = 2;
    v.shape.ndim = 2;
    v.from[1][0] = 0;
    v.from[1][1] = 1;
    v.coef[1] = 1;
    v.start[1] = 1;
    return v;
}

tp__strided_view tp__sample_windows(void)
{
    tp__strided_view v = tp__whole_view(tp__sample_column);
    v.shape = (tp_dims){3, {3, 2, 3}};
    v.from[2][0] = 0;
    v.from[2][1] = -1;
    v.coef[2] = 1;
    return v;
}

void tp__view_sample(tp_sampler *s, tp_dims shape, tp__strided_view v)
{
    tp_tensor *x = tp_sample_tensor(s, shape, -1, 2);
    tp_sample(s, &v, 1, &x);
}
