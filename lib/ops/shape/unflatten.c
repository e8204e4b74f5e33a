/* unflatten.c - one dimension as several: made of view. */
#include "ops/ops.h"

tp_tensor *tp_unflatten(tp_tape *T, tp_tensor *x, int dim, tp_dims sizes)
{
    TP__NAMED(T, "unflatten");
    if (!tp__has_dims(T, "unflatten", x, 1))
        return NULL;
    int at = tp__dim_of(T, "unflatten", x->ndim, dim);
    if (at < 0)
        return NULL;
    if (sizes.ndim < 1 || sizes.ndim > TP_MAX_DIMS + 1 - x->ndim) {
        tp_fail(T, TP_ESHAPE, "unflatten: one dimension of %d to %d; at most %d in all", x->ndim, sizes.ndim,
                TP_MAX_DIMS);
        return NULL;
    }
    tp_dims shape = {.ndim = x->ndim - 1 + sizes.ndim};
    int64_t known;
    int open = -1;
    for (int d = 0; d < sizes.ndim; d++)
        if (sizes.dim[d] == -1 && open < 0)
            sizes.dim[open = d] = 1;
    bool fits = tp__dims_numel(sizes, &known);
    if (fits && open >= 0 && known > 0) {
        sizes.dim[open] = x->shape[at] / known;
        known *= sizes.dim[open];
    }
    if (!fits || known != x->shape[at] || (open >= 0 && known == 0 && sizes.dim[open] != 0)) {
        tp_fail(T, TP_ESHAPE, "unflatten: sizes %s; a product of %lld is needed", TP__DIMS(sizes),
                (long long)x->shape[at]);
        return NULL;
    }
    for (int d = 0; d < shape.ndim; d++)
        shape.dim[d] = d < at ? x->shape[d] : d < at + sizes.ndim ? sizes.dim[d - at] : x->shape[d - sizes.ndim + 1];
    return tp_view(T, x, shape);
}
