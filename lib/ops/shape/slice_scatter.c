/* slice_scatter.c - slices and positions, replaced: slice_scatter, select_scatter. */
#include "ops/shape/strided_view.h"

tp_tensor *tp_slice_scatter(tp_tape *T, tp_tensor *x, tp_tensor *src, int dim, int64_t start, int64_t stop,
                            int64_t step)
{
    TP__NAMED(T, "slice_scatter");
    tp_tensor *part = tp_slice(T, x, dim, start, stop, step);
    if (part == NULL)
        return NULL;
    int at = tp__dim_of(T, "slice_scatter", x->ndim, dim);
    tp__strided_view v = tp__whole_view(tp__dims_of(x));
    v.shape.dim[at] = part->shape[at];
    v.coef[at] = part->shape[at] > 1 ? step : 1;
    v.start[at] = start < 0 ? (start + x->shape[at] > 0 ? start + x->shape[at] : 0) : start;
    if (part->shape[at] == 0)
        v.start[at] = 0;
    return tp__view_scatter(T, &v, x, src);
}

tp_tensor *tp_select_scatter(tp_tape *T, tp_tensor *x, tp_tensor *src, int dim, int64_t index)
{
    TP__NAMED(T, "select_scatter");
    if (tp_select(T, x, dim, index) == NULL) /* it says what is wrong */
        return NULL;
    int at = tp__dim_of(T, "select_scatter", x->ndim, dim);
    tp__strided_view v = tp__whole_view(tp__dims_of(x));
    v.start[at] = index < 0 ? index + x->shape[at] : index;
    tp__view_drop_dim(&v, at);
    return tp__view_scatter(T, &v, x, src);
}
