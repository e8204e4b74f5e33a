/* index.c - moving elements by an index. */
#include "kernel/index.h"

#include <string.h>

static int64_t out_of_range(int64_t n, int64_t size, const int64_t *index)
{
    for (int64_t i = 0; i < n; i++)
        if (index[i] < 0 || index[i] >= size)
            return i;
    return -1;
}

static int64_t count(tp_dims shape)
{
    int64_t n = 1;
    for (int d = 0; d < shape.ndim; d++)
        n *= shape.dim[d];
    return n;
}

/* Where row `row` (all dimensions but the last) starts, `dim` left out. */
static int64_t row_offset(tp_dims shape, int dim, const int64_t *stride, int64_t row)
{
    int64_t offset = 0;
    for (int d = shape.ndim - 2; d >= 0; d--) {
        if (d != dim)
            offset += row % shape.dim[d] * stride[d];
        row /= shape.dim[d];
    }
    return offset;
}

/* y += x, of any dtype; integers wrap, booleans are or-ed */
/* clang-format off */
#define ADD(id, type, formula)                                                                     \
    static void id(int64_t n, void *out, const void *in)                                           \
    { type *y = out; const type *x = in; for (int64_t i = 0; i < n; i++) y[i] = (type)(formula); }
ADD(add_f32, float, y[i] + x[i])
ADD(add_f64, double, y[i] + x[i])
ADD(add_i32, uint32_t, y[i] + x[i])
ADD(add_i64, uint64_t, y[i] + x[i])
ADD(add_u8, uint8_t, y[i] + x[i])
ADD(add_bool, uint8_t, y[i] | x[i])
/* clang-format on */

typedef void (*add_fn)(int64_t n, void *out, const void *in);
static const add_fn adders[TP_DTYPES] = {add_f32, add_f64, add_i32, add_i64, add_u8, add_bool};

int64_t tp__gather(tp_dtype dtype, tp_dims shape, int dim, int64_t size, const int64_t *x_stride, const void *x,
                   const int64_t *index, void *out)
{
    int64_t n = count(shape), last = shape.ndim - 1, bad = out_of_range(n, size, index);
    if (bad >= 0 || n == 0)
        return bad;
    if (shape.ndim == 0) {
        memcpy(out, (const char *)x + (size_t)index[0] * tp_dtype_size(dtype), tp_dtype_size(dtype));
        return -1;
    }
    int64_t row = shape.dim[last], by_index = x_stride[dim], by_column = dim == last ? 0 : x_stride[last];
    size_t bytes = tp_dtype_size(dtype);
    for (int64_t r = 0; r < n / row; r++) {
        const char *from = (const char *)x + row_offset(shape, dim, x_stride, r) * (int64_t)bytes;
        for (int64_t c = 0; c < row; c++)
            memcpy((char *)out + (size_t)(r * row + c) * bytes,
                   from + (index[r * row + c] * by_index + c * by_column) * (int64_t)bytes, bytes);
    }
    return -1;
}

int64_t tp__scatter_add(tp_dtype dtype, tp_dims shape, int dim, int64_t size, const int64_t *out_stride, void *out,
                        const int64_t *index, const int64_t *src_stride, const void *src)
{
    int64_t n = count(shape), last = shape.ndim - 1, bad = out_of_range(n, size, index);
    if (bad >= 0 || n == 0)
        return bad;
    if (shape.ndim == 0) {
        adders[dtype](1, (char *)out + (size_t)index[0] * tp_dtype_size(dtype), src);
        return -1;
    }
    int64_t row = shape.dim[last], by_index = out_stride[dim], by_column = dim == last ? 0 : out_stride[last];
    int64_t bytes = (int64_t)tp_dtype_size(dtype);
    for (int64_t r = 0; r < n / row; r++) {
        char *to = (char *)out + row_offset(shape, dim, out_stride, r) * bytes;
        const char *from = (const char *)src + row_offset(shape, -1, src_stride, r) * bytes;
        for (int64_t c = 0; c < row; c++)
            adders[dtype](1, to + (index[r * row + c] * by_index + c * by_column) * bytes,
                          from + c * src_stride[last] * bytes);
    }
    return -1;
}

int64_t tp__index_select(tp_dtype dtype, int64_t outer, int64_t size, int64_t inner, int64_t n, const void *x,
                         const int64_t *index, void *out)
{
    size_t bytes = (size_t)inner * tp_dtype_size(dtype);
    int64_t bad = out_of_range(n, size, index);
    for (int64_t o = 0; bad < 0 && bytes && o < outer; o++)
        for (int64_t i = 0; i < n; i++)
            memcpy((char *)out + (size_t)(o * n + i) * bytes, (const char *)x + (size_t)(o * size + index[i]) * bytes,
                   bytes);
    return bad;
}

int64_t tp__index_add(tp_dtype dtype, int64_t outer, int64_t size, int64_t inner, int64_t n, void *out,
                      const int64_t *index, const void *src)
{
    size_t bytes = (size_t)inner * tp_dtype_size(dtype);
    int64_t bad = out_of_range(n, size, index);
    for (int64_t o = 0; bad < 0 && o < outer; o++)
        for (int64_t i = 0; i < n; i++)
            adders[dtype](inner, (char *)out + (size_t)(o * size + index[i]) * bytes,
                          (const char *)src + (size_t)(o * n + i) * bytes);
    return bad;
}
