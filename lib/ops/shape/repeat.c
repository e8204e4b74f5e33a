/* repeat.c - repeat, tile and repeat_interleave: made of expand and index_select. */
#include "ops/ops.h"

/* x repeated along one dimension: [n, size] as one of n size */
static tp_tensor *repeated(tp_tape *T, tp_tensor *x, int dim, int64_t times, bool each)
{
    tp_tensor *y = tp_unsqueeze(T, x, dim + each);
    if (y == NULL)
        return NULL;
    tp_dims shape = tp__dims_of(y);
    shape.dim[dim + each] = times;
    return tp_flatten(T, tp_expand(T, y, shape), dim, dim + 1);
}

/* The same along all dimensions, by one copy: [2, 3] of [a, b] as [2, a, 3, b]. NULL without an error where that is of too
 * many dimensions. */
static tp_tensor *repeated_at_once(tp_tape *T, tp_tensor *x, tp_dims times)
{
    tp_dims apart = {0}, wide = {0}, shape = times;
    for (int d = 0; d < times.ndim; d++) {
        int64_t size = x->shape[d];
        if (wide.ndim + 2 > TP_MAX_DIMS || __builtin_mul_overflow(times.dim[d], size, &shape.dim[d]))
            return NULL;
        if (times.dim[d] != 1) {
            apart.dim[apart.ndim++] = 1;
            wide.dim[wide.ndim++] = times.dim[d];
        }
        apart.dim[apart.ndim++] = wide.dim[wide.ndim++] = size;
    }
    return tp_reshape(T, tp_expand(T, tp_reshape(T, x, apart), wide), shape);
}

tp_tensor *tp_repeat(tp_tape *T, tp_tensor *x, tp_dims times)
{
    TP__NAMED(T, "repeat");
    if (!tp__usable(T, "repeat", x))
        return NULL;
    bool bad = times.ndim < x->ndim || times.ndim > TP_MAX_DIMS;
    for (int d = 0; d < times.ndim && !bad; d++)
        bad = times.dim[d] < 0;
    if (bad) {
        tp_fail(T, TP_EINVAL,
                "repeat: counts %s, x is %s; as many as dimensions or more, up to %d, none negative, are needed",
                TP__DIMS(times), TP__SHAPE(x), TP_MAX_DIMS);
        return NULL;
    }
    tp_tensor *y = x;
    while (y && y->ndim < times.ndim)
        y = tp_unsqueeze(T, y, 0);
    if (y == NULL)
        return NULL;
    tp_tensor *at_once = repeated_at_once(T, y, times);
    if (at_once || !tp__ok(T))
        return at_once && at_once->storage == x->storage ? tp_clone(T, at_once) : at_once;
    for (int d = 0; d < times.ndim && y; d++)
        if (times.dim[d] != 1)
            y = repeated(T, y, d, times.dim[d], false);
    return y && y->storage == x->storage ? tp_clone(T, y) : y;
}

tp_tensor *tp_tile(tp_tape *T, tp_tensor *x, tp_dims times)
{
    TP__NAMED(T, "tile");
    if (!tp__usable(T, "tile", x))
        return NULL;
    if (times.ndim < 0 || times.ndim > TP_MAX_DIMS) {
        tp_fail(T, TP_EINVAL, "tile: %d counts; 0 to %d are needed", times.ndim, TP_MAX_DIMS);
        return NULL;
    }
    tp_dims padded = times;
    int lead = x->ndim - times.ndim;
    for (int d = 0; lead > 0 && d < x->ndim; d++)
        padded.dim[d] = d < lead ? 1 : times.dim[d - lead];
    padded.ndim = lead > 0 ? x->ndim : times.ndim;
    return tp_repeat(T, x, padded);
}

tp_tensor *tp_repeat_interleave(tp_tape *T, tp_tensor *x, int64_t times, int dim)
{
    TP__NAMED(T, "repeat_interleave");
    if (!tp__has_dims(T, "repeat_interleave", x, 1))
        return NULL;
    int d = tp__dim_of(T, "repeat_interleave", x->ndim, dim);
    if (d >= 0 && times < 0)
        tp_fail(T, TP_EINVAL, "repeat_interleave: %lld times; 0 or more is needed", (long long)times);
    return d < 0 || times < 0 ? NULL : repeated(T, x, d, times, true);
}

tp_tensor *tp_repeat_interleave_tensor(tp_tape *T, tp_tensor *x, tp_tensor *times, int dim)
{
    TP__NAMED(T, "repeat_interleave_tensor");
    if (!tp__has_dims(T, "repeat_interleave", x, 1) || !tp__usable(T, "repeat_interleave", times))
        return NULL;
    int d = tp__dim_of(T, "repeat_interleave", x->ndim, dim);
    if (d < 0)
        return NULL;
    if (times->ndim > 1 || tp_dtype_is_float(times->dtype) || (times->numel != 1 && times->numel != x->shape[d])) {
        tp_fail(T, TP_EINVAL,
                "repeat_interleave: %lld counts of %s for %lld slices; one, or as many, of integers are needed",
                (long long)times->numel, tp_dtype_name(times->dtype), (long long)x->shape[d]);
        return NULL;
    }
    tp_tensor *count = tp_expand(T, tp_to(T, tp_reshape(T, times, (tp_dims){1, {-1}}), TP_I64),
                                 (tp_dims){1, {x->shape[d]}});
    if ((count = tp_contiguous(T, count)) == NULL)
        return NULL;
    const int64_t *each = count->data;
    int64_t total = 0;
    for (int64_t i = 0; i < count->numel; i++) {
        if (each[i] < 0 || each[i] > INT64_MAX / 64 - total) {
            tp_fail(T, TP_EINVAL, "repeat_interleave: %lld times; 0 or more, and fewer in all, are needed",
                    (long long)each[i]);
            return NULL;
        }
        total += each[i];
    }
    tp_tensor *index = tp_empty(T, TP_I64, (tp_dims){1, {total}});
    for (int64_t i = 0, at = 0; index && i < count->numel; i++)
        for (int64_t j = 0; j < each[i]; j++)
            ((int64_t *)index->data)[at++] = i;
    return tp_index_select(T, x, d, index);
}
