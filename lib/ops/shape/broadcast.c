/* broadcast.c - the shape that several expand to, and tensors expanded to it. */
#include "ops/ops.h"

bool tp_broadcast_shapes(int n, const tp_dims *shapes, tp_dims *out)
{
    tp_dims all = {.ndim = 0};
    int64_t numel;
    bool fit = n == 0 || (n > 0 && shapes);
    for (int i = 0; i < n && fit; i++)
        fit = tp__dims_numel(shapes[i], &numel) && tp__dims_broadcast(all, shapes[i], &all);
    if (out)
        *out = fit ? all : (tp_dims){.ndim = 0};
    return fit;
}

static tp_status broadcast_shape(tp_tape *T, int n, tp_tensor *const *x, tp_dims *shape)
{
    for (int i = 0; i < n; i++) {
        if (!tp__usable(T, "broadcast_tensors", x[i]))
            return T->status;
        if (!tp__dims_broadcast(*shape, tp__dims_of(x[i]), shape))
            return tp_fail(T, TP_ESHAPE,
                           "broadcast_tensors: tensor %d is %s beside %s; shapes that broadcast are needed", i,
                           TP__SHAPE(x[i]), TP__DIMS(*shape));
    }
    return TP_OK;
}

/* `out` may be `x`. On a tape that has failed nothing expands. */
tp_status tp_broadcast_tensors(tp_tape *T, int n, tp_tensor *const *x, tp_tensor **out)
{
    tp_dims shape = {.ndim = 0};
    if (!tp__listed(T, "broadcast_tensors", "tensors", n, 0, x) ||
        !tp__listed(T, "broadcast_tensors", "results", n, 0, out))
        return T ? T->status : TP_EINVAL;
    broadcast_shape(T, n, x, &shape);
    for (int i = 0; i < n; i++)
        out[i] = tp_expand(T, x[i], shape);
    return T->status;
}
