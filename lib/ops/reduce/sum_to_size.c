/* sum_to_size.c - the opposite of expand. */
#include "ops/ops.h"

tp_tensor *tp_sum_to_size(tp_tape *T, tp_tensor *x, tp_dims shape)
{
    int dims[TP_MAX_DIMS], n = 0;
    if (!tp__usable(T, "sum_to_size", x))
        return NULL;
    bool fits = shape.ndim >= 0 && shape.ndim <= x->ndim;
    int lead = fits ? x->ndim - shape.ndim : 0;
    for (int d = 0; d < x->ndim && fits; d++) {
        int64_t want = d < lead ? -1 : shape.dim[d - lead];
        fits = d < lead || want == x->shape[d] || want == 1;
        if (d < lead || (want == 1 && x->shape[d] != 1))
            dims[n++] = d;
    }
    if (!fits) {
        tp_fail(T, TP_ESHAPE, "sum_to_size: x is %s, the size %s; one that expands to x's shape is needed",
                TP__SHAPE(x), TP__DIMS(shape));
        return NULL;
    }
    if (shape.ndim == 0)
        return tp_sum(T, x);
    return n ? tp_reshape(T, tp_sum_dims(T, x, n, dims, true), shape) : x;
}
