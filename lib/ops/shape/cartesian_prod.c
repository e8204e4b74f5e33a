/* cartesian_prod.c - the points of a grid, a row each. */
#include "ops/ops.h"

tp_tensor *tp_cartesian_prod(tp_tape *T, int n, tp_tensor *const *x)
{
    TP__NAMED(T, "cartesian_prod");
    tp_tensor *grid[TP_MAX_DIMS];
    if (!tp__listed(T, "cartesian_prod", "tensors", n, 1, x))
        return NULL;
    if (n > TP_MAX_DIMS) {
        tp_fail(T, TP_EINVAL, "cartesian_prod: %d tensors; at most %d", n, TP_MAX_DIMS);
        return NULL;
    }
    for (int i = 0; i < n; i++)
        if (!tp__has_dims(T, "cartesian_prod", x[i], 1))
            return NULL;
    if (n == 1 && x[0]->ndim == 1)
        return x[0];
    if (tp_meshgrid(T, n, x, false, grid) != TP_OK)
        return NULL;
    for (int i = 0; i < n; i++)
        grid[i] = tp_reshape(T, grid[i], (tp_dims){1, {-1}});
    return tp_stack(T, n, grid, 1);
}
