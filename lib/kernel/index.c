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

/* A row of values put at (or added to, or multiplied into) places of a row of y: n of them, at index i_k by_index +
 * k by_column. Integers wrap; booleans are or-ed, and-ed. */
/* clang-format off */
#define ROW(id, type, formula)                                                                     \
    static void id(int64_t n, void *out, const int64_t *index, int64_t by_index, int64_t by_column, const void *in, int64_t step) \
    { type *o = out; const type *a = in;                                                           \
      for (int64_t i = 0; i < n; i++) { type *y = o + (index ? index[i] * by_index : 0) + i * by_column, x = a[i * step]; *y = (type)(formula); } }
ROW(put1, uint8_t, x)
ROW(put4, uint32_t, x)
ROW(put8, uint64_t, x)
ROW(add_f32, float, *y + x)
ROW(add_f64, double, *y + x)
ROW(add_i32, uint32_t, *y + x)
ROW(add_i64, uint64_t, *y + x)
ROW(add_u8, uint8_t, *y + x)
ROW(add_bool, uint8_t, *y | x)
ROW(times_f32, float, *y * x)
ROW(times_f64, double, *y * x)
ROW(times_i32, uint32_t, *y * x)
ROW(times_i64, uint64_t, *y * x)
ROW(times_u8, uint8_t, *y * x)
ROW(times_bool, uint8_t, *y & x)
/* clang-format on */

typedef void (*row_fn)(int64_t n, void *out, const int64_t *index, int64_t by_index, int64_t by_column, const void *in,
                       int64_t step);
static const row_fn rows_of[][TP_DTYPES] = {
    [TP__PUT] = {put4, put8, put4, put8, put1, put1},
    [TP__ADD_TO] = {add_f32, add_f64, add_i32, add_i64, add_u8, add_bool},
    [TP__TIMES] = {times_f32, times_f64, times_i32, times_i64, times_u8, times_bool},
};

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

int64_t tp__scatter(tp__combine how, tp_dtype dtype, tp_dims shape, int dim, int64_t size, const int64_t *out_stride,
                    void *out, const int64_t *index, const int64_t *src_stride, const void *src)
{
    int64_t n = count(shape), last = shape.ndim - 1, bad = out_of_range(n, size, index);
    row_fn place = rows_of[how][dtype];
    if (bad >= 0 || n == 0)
        return bad;
    if (shape.ndim == 0) {
        place(1, out, index, 1, 0, src, 1);
        return -1;
    }
    int64_t row = shape.dim[last], by_index = out_stride[dim], by_column = dim == last ? 0 : out_stride[last];
    int64_t bytes = (int64_t)tp_dtype_size(dtype);
    for (int64_t r = 0; r < n / row; r++)
        place(row, (char *)out + row_offset(shape, dim, out_stride, r) * bytes, index + r * row, by_index, by_column,
              (const char *)src + row_offset(shape, -1, src_stride, r) * bytes, src_stride[last]);
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
            rows_of[TP__ADD_TO][dtype](inner, (char *)out + (size_t)(o * size + index[i]) * bytes, NULL, 0, 1,
                                       (const char *)src + (size_t)(o * n + i) * bytes, 1);
    return bad;
}
