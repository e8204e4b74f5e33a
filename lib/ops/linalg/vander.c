/* vander.c - matrices of powers. */
#include "ops/ops.h"

/* x^0, x^1, ... x^(n - 1) as a first dimension, so that elements are multiplied side by side; integers become TP_I64. */
static tp_tensor *powers(tp_tape *T, tp_tensor *x, int64_t n)
{
    if (x == NULL)
        return NULL;
    tp_dims shape = {.ndim = x->ndim + 1, .dim = {1}};
    for (int d = 0; d < x->ndim; d++)
        shape.dim[d + 1] = x->shape[d];
    tp_dtype dtype = tp_dtype_is_float(x->dtype) ? x->dtype : TP_I64;
    tp_tensor *one = tp_full(T, dtype, shape, 1);
    if (n == 1)
        return one;
    shape.dim[0] = n - 1;
    tp_tensor *parts[2] = {one, tp_cumprod(T, tp_expand(T, x, shape), 0)};
    return tp_cat(T, 2, parts, 0);
}

tp_tensor *tp_linalg_vander(tp_tape *T, tp_tensor *x, int64_t n)
{
    TP__NAMED(T, "linalg_vander");
    if (!tp__has_dims(T, "linalg_vander", x, n == 0))
        return NULL;
    n = n == 0 ? x->shape[x->ndim - 1] : n;
    if (n <= 1 || x->dtype == TP_BOOL || x->ndim == TP_MAX_DIMS) {
        tp_fail(T, TP_EINVAL,
                "linalg_vander: %lld powers of %s %s; 2 or more of numbers, of fewer than %d dimensions, are needed",
                (long long)n, tp_dtype_name(x->dtype), TP__SHAPE(x), TP_MAX_DIMS);
        return NULL;
    }
    return tp_contiguous(T, tp_movedim(T, powers(T, tp_atleast(T, x, 1), n), 1, &(int){0}, &(int){-1}));
}

tp_tensor *tp_vander(tp_tape *T, tp_tensor *x, int64_t n, bool increasing)
{
    TP__NAMED(T, "vander");
    if (!tp__usable(T, "vander", x))
        return NULL;
    if (x->ndim != 1) {
        tp_fail(T, TP_ESHAPE, "vander: x is %s; a vector is needed", TP__SHAPE(x));
        return NULL;
    }
    tp_tensor *y = powers(T, x, n < 1 ? x->numel < 1 ? 1 : x->numel : n);
    if (n < 1 && x->numel == 0)
        y = tp_narrow(T, y, 0, 0, 0);
    y = tp_t(T, y);
    return increasing ? tp_contiguous(T, y) : tp_fliplr(T, y);
}
