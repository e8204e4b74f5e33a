/* meshgrid.c - vectors as the axes of a grid: made of views. */
#include "ops/ops.h"

/* `out` may be `x`. On a tape that has failed all are NULL. */
tp_status tp_meshgrid(tp_tape *T, int n, tp_tensor *const *x, bool xy, tp_tensor **out)
{
    tp_dims shape = {.ndim = n};
    if (!tp__listed(T, "meshgrid", "tensors", n, 1, x) || !tp__listed(T, "meshgrid", "results", n, 1, out))
        return T ? T->status : TP_EINVAL;
    if (n > TP_MAX_DIMS)
        return tp_fail(T, TP_EINVAL, "meshgrid: %d tensors; at most %d", n, TP_MAX_DIMS);
    tp_dtype dtype = tp_dtype_of(x[0]);
    for (int i = 0; i < n && tp__usable(T, "meshgrid", x[i]); i++) {
        if (x[i]->ndim > 1 || tp_dtype_of(x[i]) != dtype)
            tp_fail(T, TP_ESHAPE, "meshgrid: tensor %d is %s %s; numbers or vectors of one dtype (%s) are needed", i,
                    tp_dtype_name(tp_dtype_of(x[i])), TP__SHAPE(x[i]), tp_dtype_name(dtype));
        shape.dim[i] = x[i]->numel;
    }
    bool swap = xy && n >= 2;
    for (int i = 0; i < n; i++) {
        tp_dims along = {.ndim = n};
        for (int d = 0; d < n; d++)
            along.dim[d] = d == i ? tp_numel(x[i]) : 1;
        out[i] = tp_expand(T, tp_reshape(T, x[i], along), shape);
        if (swap)
            out[i] = tp_transpose(T, out[i], 0, 1);
    }
    return T->status;
}
