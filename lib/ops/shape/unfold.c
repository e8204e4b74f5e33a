/* unfold.c - windows along a dimension, as a view. */
#include "ops/shape/strided_view.h"

static void unfold_samples(tp_sampler *s) { tp__view_sample(s, tp__sample_column, tp__sample_windows()); }

/* clang-format off */
static const tp_op unfold_op = {
    .name = "unfold", .n_in = 1, .n_out = 1, .attr_size = sizeof(tp__strided_view), .flags = TP__VIEW_FLAGS,
    .infer = tp__strided_infer, .vjp = tp__strided_vjp, .samples = unfold_samples, .grad_name = "UnfoldBackward0"};
/* clang-format on */

tp_tensor *tp__view_at(tp_tape *T, const tp__strided_view *v, tp_tensor *x) { return tp__apply1(T, &unfold_op, v, x); }

tp_tensor *tp_unfold(tp_tape *T, tp_tensor *x, int dim, int64_t size, int64_t step)
{
    if (!tp__usable(T, "unfold", x))
        return NULL;
    int at = tp__dim_of(T, "unfold", x->ndim ? x->ndim : 1, dim);
    int64_t length = x->ndim && at >= 0 ? x->shape[at] : 1;
    if (at < 0)
        return NULL;
    if (step <= 0 || size < 0 || size > length || x->ndim == TP_MAX_DIMS) {
        tp_fail(
            T, TP_EINVAL,
            "unfold: windows of %lld, %lld apart, in a dimension of %lld; no larger ones, 1 or more apart, are needed",
            (long long)size, (long long)step, (long long)length);
        return NULL;
    }
    if (x->ndim == 0) /* one window of one element, or none */
        return tp_narrow(T, tp_reshape(T, x, (tp_dims){1, {1}}), 0, 0, size);
    tp__strided_view v = tp__whole_view(tp__dims_of(x));
    int k = v.shape.ndim++;
    v.shape.dim[at] = (length - size) / step + 1;
    v.coef[at] = v.shape.dim[at] > 1 ? step : 1;
    v.shape.dim[k] = size;
    v.from[k][0] = at;
    v.from[k][1] = -1;
    v.coef[k] = 1;
    return tp__view_at(T, &v, x);
}

const tp_op *const tp__ops_unfold[] = {
#include TP__OPERATORS
    NULL};
