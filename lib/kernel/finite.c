/* finite.c - is every element a finite number? */
#include "kernel/kernel.h"

#include <math.h>

static bool all_along(int ndim, const int64_t *shape, const int64_t *stride, tp_dtype dtype, const char *at)
{
    int64_t size = (int64_t)tp_dtype_size(dtype);
    if (ndim == 0)
        return dtype == TP_F32 ? isfinite(*(const float *)(const void *)at)
                               : isfinite(*(const double *)(const void *)at);
    for (int64_t i = 0; i < *shape; i++)
        if (!all_along(ndim - 1, shape + 1, stride + 1, dtype, at + i * *stride * size))
            return false;
    return true;
}

bool tp__all_finite(tp_dims shape, const tp__operand *x)
{
    return all_along(shape.ndim, shape.dim, x->stride, x->dtype, x->data);
}
