/* strided.c - adding to, or writing, places that strides describe, one after another. */
#include "kernel/strided.h"

/* clang-format off */
#define ADD_ROW(name, type)                                                                        \
    static void name(int64_t n, void *out, int64_t step, const void *in)                           \
    { type *o = out; const type *a = in; for (int64_t i = 0; i < n; i++) o[i * step] += a[i]; }
ADD_ROW(add_row_f32, float)
ADD_ROW(add_row_f64, double)
/* clang-format on */

void tp__add_strided(tp_dtype dtype, tp_dims shape, void *out, const int64_t *stride, const void *in)
{
    int last = shape.ndim - 1;
    int64_t rows = 1, row = last >= 0 ? shape.dim[last] : 1, step = last >= 0 ? stride[last] : 1;
    int64_t size = (int64_t)tp_dtype_size(dtype);
    for (int d = 0; d < last; d++)
        rows *= shape.dim[d];
    for (int64_t r = 0; r < rows && row > 0; r++) {
        int64_t offset = tp__offset_at(last, shape.dim, stride, r);
        (dtype == TP_F32 ? add_row_f32 : add_row_f64)(row, (char *)out + offset * size, step,
                                                      (const char *)in + r * row * size);
    }
}

void tp__put_strided(tp_dims shape, void *out, const int64_t *stride, const void *in, tp_dtype dtype)
{
    int last = shape.ndim - 1;
    int64_t rows = 1, row = last >= 0 ? shape.dim[last] : 1, step = last >= 0 ? stride[last] : 1;
    int64_t size = (int64_t)tp_dtype_size(dtype);
    for (int d = 0; d < last; d++)
        rows *= shape.dim[d];
    for (int64_t r = 0; r < rows && row > 0; r++)
        tp__copy_run((size_t)size, row, (char *)out + tp__offset_at(last, shape.dim, stride, r) * size, step,
                     (const char *)in + r * row * size, 1);
}
