/* stack.c - tensors along a new dimension, and hstack, vstack, dstack and column_stack, which join along one that is there. */
#include "ops/shape/shape.h"

tp_tensor *tp_stack(tp_tape *T, int n, tp_tensor *const *x, int dim)
{
    TP__NAMED(T, "stack");
    tp_tensor **list = tp__promoted_list(T, "stack", n, x);
    if (list == NULL)
        return NULL;
    int at = tp__dim_wrap(list[0]->ndim + 1, dim);
    if (at < 0) {
        tp_fail(T, TP_EINDEX, "stack: dimension %d; %d to %d is needed", dim, -list[0]->ndim - 1, list[0]->ndim);
        return NULL;
    }
    for (int i = 0; i < n; i++) {
        if (!tp__dims_equal(tp__dims_of(x[i]), tp__dims_of(x[0]))) {
            tp_fail(T, TP_ESHAPE, "stack: tensor 0 is %s, tensor %d is %s; one shape is needed", TP__SHAPE(x[0]), i,
                    TP__SHAPE(x[i]));
            return NULL;
        }
        if ((list[i] = tp_unsqueeze(T, list[i], at)) == NULL)
            return NULL;
    }
    return tp__cat_list(T, "stack", n, list, at);
}

/* The tensors, made at least least-d, joined along dim (-1: 1, of vectors 0). */
static tp_tensor *joined(tp_tape *T, tp_tensor **list, int n, int least, int dim)
{
    for (int i = 0; list && i < n; i++)
        if ((list[i] = tp_atleast(T, list[i], least)) == NULL)
            return NULL;
    return list ? tp_cat(T, n, list, dim < 0 ? (list[0]->ndim > 1) : dim) : NULL;
}

tp_tensor *tp_hstack(tp_tape *T, int n, tp_tensor *const *x)
{
    TP__NAMED(T, "hstack");
    return joined(T, tp__list_of(T, "hstack", n, x), n, 1, -1);
}
tp_tensor *tp_vstack(tp_tape *T, int n, tp_tensor *const *x)
{
    TP__NAMED(T, "vstack");
    return joined(T, tp__list_of(T, "vstack", n, x), n, 2, 0);
}
tp_tensor *tp_dstack(tp_tape *T, int n, tp_tensor *const *x)
{
    TP__NAMED(T, "dstack");
    return joined(T, tp__list_of(T, "dstack", n, x), n, 3, 2);
}

tp_tensor *tp_column_stack(tp_tape *T, int n, tp_tensor *const *x)
{
    TP__NAMED(T, "column_stack");
    tp_tensor **list = tp__list_of(T, "column_stack", n, x);
    for (int i = 0; list && i < n; i++)
        if (x[i]->ndim < 2)
            list[i] = tp_reshape(T, x[i], (tp_dims){2, {x[i]->numel, 1}});
    return joined(T, list, n, 2, 1);
}
