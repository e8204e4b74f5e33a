/* shape.c - shapes as numbers: products that cannot overflow, broadcasting, text. */
#include "core/core.h"

#include <stdio.h>

bool tp__dims_numel(tp_dims shape, int64_t *numel)
{
    if (shape.ndim < 0 || shape.ndim > TP_MAX_DIMS)
        return false;
    bool empty = false;
    for (int d = 0; d < shape.ndim; d++) {
        if (shape.dim[d] < 0)
            return false;
        empty |= shape.dim[d] == 0;
    }
    int64_t n = 1;
    for (int d = 0; d < shape.ndim; d++) {
        if (shape.dim[d] > INT64_MAX / n)
            return false;
        n *= shape.dim[d] ? shape.dim[d] : 1;
    }
    *numel = empty ? 0 : n;
    return true;
}

bool tp__dims_extent(tp_dims shape, const int64_t *stride, int64_t *begin, int64_t *end)
{
    int64_t low = 0, high = 1, way;
    *begin = *end = 0;
    for (int d = 0; d < shape.ndim; d++)
        if (shape.dim[d] == 0)
            return true;
    for (int d = 0; d < shape.ndim; d++) {
        int64_t *side = stride[d] < 0 ? &low : &high;
        if (__builtin_mul_overflow(shape.dim[d] - 1, stride[d], &way) || __builtin_add_overflow(*side, way, side))
            return false;
    }
    *begin = low;
    *end = high;
    return !__builtin_sub_overflow(high, low, &way);
}

const char *tp__dims_text(tp_dims shape, char *buffer, size_t n)
{
    int rank = shape.ndim < 0 ? 0 : shape.ndim > TP_MAX_DIMS ? TP_MAX_DIMS : shape.ndim;
    size_t at = (size_t)snprintf(buffer, n, "[");
    for (int d = 0; d < rank && at < n; d++)
        at += (size_t)snprintf(buffer + at, n - at, d ? ", %lld" : "%lld", (long long)shape.dim[d]);
    if (at < n)
        snprintf(buffer + at, n - at, "]");
    return buffer;
}

bool tp__dims_equal(tp_dims a, tp_dims b)
{
    if (a.ndim != b.ndim)
        return false;
    for (int d = 0; d < a.ndim; d++)
        if (a.dim[d] != b.dim[d])
            return false;
    return true;
}

bool tp__dims_broadcast(tp_dims a, tp_dims b, tp_dims *out)
{
    tp_dims r = {.ndim = a.ndim > b.ndim ? a.ndim : b.ndim};
    for (int d = 1; d <= r.ndim; d++) {
        int64_t na = d <= a.ndim ? a.dim[a.ndim - d] : 1;
        int64_t nb = d <= b.ndim ? b.dim[b.ndim - d] : 1;
        if (na != nb && na != 1 && nb != 1)
            return false;
        r.dim[r.ndim - d] = na == 1 ? nb : na;
    }
    *out = r;
    return true;
}

int tp__dim_wrap(int ndim, int dim)
{
    int rank = ndim > 0 ? ndim : 1;
    if (dim < -rank || dim >= rank)
        return -1;
    return dim < 0 ? dim + rank : dim;
}
