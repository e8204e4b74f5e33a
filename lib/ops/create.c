/* create.c - tensors from values, from the caller's memory, and from rules. */
#include "ops/ops.h"

#include <math.h>
#include <string.h>

tp_tensor *tp_empty(tp_tape *T, tp_dtype dtype, tp_dims shape) { return tp__tensor_make(T, dtype, shape); }

tp_tensor *tp_full(tp_tape *T, tp_dtype dtype, tp_dims shape, double value)
{
    tp_tensor *x = tp__tensor_make(T, dtype, shape);
    if (x)
        tp__fill(x->numel, x->data, dtype, value);
    return x;
}

tp_tensor *tp_zeros(tp_tape *T, tp_dtype dtype, tp_dims shape) { return tp_full(T, dtype, shape, 0); }
tp_tensor *tp_ones(tp_tape *T, tp_dtype dtype, tp_dims shape) { return tp_full(T, dtype, shape, 1); }
tp_tensor *tp_scalar(tp_tape *T, tp_dtype dtype, double value) { return tp_full(T, dtype, TP_SCALAR, value); }

tp_tensor *tp_full_like(tp_tape *T, tp_tensor *x, double value)
{
    return tp__usable(T, "full_like", x) ? tp_full(T, (tp_dtype)x->dtype, tp__dims_of(x), value) : NULL;
}

tp_tensor *tp_zeros_like(tp_tape *T, tp_tensor *x) { return tp_full_like(T, x, 0); }
tp_tensor *tp_ones_like(tp_tape *T, tp_tensor *x) { return tp_full_like(T, x, 1); }

tp_tensor *tp_empty_like(tp_tape *T, tp_tensor *x)
{
    return tp__usable(T, "empty_like", x) ? tp__tensor_make(T, (tp_dtype)x->dtype, tp__dims_of(x)) : NULL;
}

tp_tensor *tp_from(tp_tape *T, tp_dtype dtype, tp_dims shape, const void *data)
{
    tp_tensor *x = tp__tensor_make(T, dtype, shape);
    if (x && data == NULL && x->numel > 0) {
        tp_fail(T, TP_EINVAL, "from: no data");
        return NULL;
    }
    if (x && x->numel > 0)
        memcpy(x->data, data, (size_t)x->numel * tp_dtype_size(dtype));
    return x;
}

bool tp_tolist(const tp_tensor *x, tp_dtype dtype, int64_t n, void *out)
{
    if (x == NULL || x->numel != n || (n > 0 && (x->data == NULL || out == NULL)) || tp_dtype_size(dtype) == 0)
        return false;
    tp__operand in = tp__operand_of(x, tp__dims_of(x));
    if (n > 0)
        tp__copy(tp__dims_of(x), out, dtype, &in);
    return true;
}

/* A small block of the pool lends its header to the caller's memory. */
tp_tensor *tp_wrap(tp_tape *T, tp_dtype dtype, tp_dims shape, void *data)
{
    size_t bytes;
    tp_tensor *x = tp__tensor_new(T, dtype, shape);
    if (x == NULL)
        return NULL;
    if (data == NULL && x->numel > 0) {
        tp_fail(T, TP_EINVAL, "wrap: no data");
        return NULL;
    }
    if (!tp__mul_size((size_t)x->numel, tp_dtype_size(dtype), &bytes) ||
        (x->storage = tp__pool_alloc(T->pool, 1)) == NULL) {
        tp_fail(T, TP_ENOMEM, "wrap: no memory");
        return NULL;
    }
    x->storage->data = x->data = data;
    x->storage->bytes = bytes;
    return x;
}

tp_tensor *tp_eye(tp_tape *T, tp_dtype dtype, int64_t n, int64_t m)
{
    tp_tensor *x = tp_zeros(T, dtype, (tp_dims){2, {n, m}});
    for (int64_t i = 0; x && i < n && i < m; i++)
        tp__store((char *)x->data + (size_t)(i * m + i) * tp_dtype_size(dtype), dtype, 1);
    return x;
}

/* clang-format off */
#define RAMP(name, type, of)                                                                       \
    static void name(int64_t n, void *out, double start, double step)                              \
    { type *o = out; for (int64_t i = 0; i < n; i++) { double v = start + (double)i * step; o[i] = (type)(of); } }
RAMP(ramp_f32, float, v)
RAMP(ramp_f64, double, v)
RAMP(ramp_i32, int32_t, tp__to_i32(v))
RAMP(ramp_i64, int64_t, tp__to_i64(v))
RAMP(ramp_u8, uint8_t, (uint64_t)tp__to_i64(v))
RAMP(ramp_bool, uint8_t, v != 0)
/* clang-format on */
static void (*const ramps[TP_DTYPES])(int64_t, void *, double, double) = {ramp_f32, ramp_f64, ramp_i32,
                                                                          ramp_i64, ramp_u8,  ramp_bool};

/* Integers count in integers: the arguments are truncated first (for the number of elements, in int64 alone: that is
 * torch's rule). */
tp_tensor *tp_arange(tp_tape *T, tp_dtype dtype, double start, double end, double step)
{
    bool whole = !tp_dtype_is_float(dtype), all = dtype == TP_I64;
    if (!tp__ok(T))
        return NULL;
    double count = all ? ceil((trunc(end) - trunc(start)) / trunc(step)) : ceil((end - start) / step);
    double way = whole ? trunc(end) - trunc(start) : end - start, pace = whole ? trunc(step) : step;
    bool away = (way < 0 && pace > 0) || (way > 0 && pace < 0);
    if (pace == 0 || away || !isfinite(start) || !isfinite(end) || !isfinite(step) || !(count >= 0)) {
        tp_fail(T, TP_EINVAL, "arange: from %g to %g by %g", start, end, step);
        return NULL;
    }
    if (!(count < 0x1p62)) {
        tp_fail(T, TP_ENOMEM, "arange: %g elements", count);
        return NULL;
    }
    tp_tensor *x = tp__tensor_make(T, dtype, (tp_dims){1, {(int64_t)count}});
    if (whole) {
        start = trunc(start);
        step = trunc(step);
    }
    if (x)
        ramps[dtype](x->numel, x->data, start, step);
    return x;
}

/* Counted from the nearer end, so that both ends are exact. Integers are counted in blocks of 32 bytes from the
 * truncated start of each, but for what is left over after pairs of blocks, as torch's vectors count them. */
tp_tensor *tp_linspace(tp_tape *T, tp_dtype dtype, double start, double end, int64_t steps)
{
    bool whole = !tp_dtype_is_float(dtype);
    tp_tensor *x = tp__tensor_make(T, dtype, (tp_dims){1, {steps}});
    size_t size = tp_dtype_size(dtype);
    if (whole) {
        start = trunc(start);
        end = trunc(end);
    }
    double step = steps > 1 ? (end - start) / (double)(steps - 1) : 0;
    int64_t block = whole && size ? 32 / (int64_t)size : 1, blocked = whole ? steps - steps % (2 * block) : 0;
    for (int64_t i = 0; x && i < steps; i++) {
        int64_t from = i < blocked ? i - i % block : i;
        double base = from < steps / 2 || steps == 1 ? start + step * (double)from
                                                     : end - step * (double)(steps - 1 - from);
        double value = i < blocked ? trunc(base) + step * (double)(i - from) : base;
        tp__store((char *)x->data + (size_t)i * size, dtype, value);
    }
    return x;
}

tp_tensor *tp_logspace(tp_tape *T, tp_dtype dtype, double start, double end, int64_t steps, double base)
{
    bool whole = !tp_dtype_is_float(dtype);
    tp_tensor *x = tp__tensor_make(T, dtype, (tp_dims){1, {steps}});
    size_t size = tp_dtype_size(dtype);
    if (whole) {
        start = trunc(start);
        end = trunc(end);
    }
    double step = steps > 1 ? (end - start) / (double)(steps - 1) : 0;
    for (int64_t i = 0; x && i < steps; i++) {
        double exponent = i < steps / 2 || steps == 1 ? start + step * (double)i : end - step * (double)(steps - 1 - i);
        tp__store((char *)x->data + (size_t)i * size, dtype, pow(base, exponent));
    }
    return x;
}

/* Rows and columns of the elements on one side of a diagonal, row by row. */
static tp_tensor *triangle_indices(tp_tape *T, tp_dtype dtype, int64_t rows, int64_t columns, int64_t offset,
                                   bool upper)
{
    int64_t n = 0;
    if (!tp__ok(T))
        return NULL;
    if (rows < 0 || columns < 0 || (dtype != TP_I64 && dtype != TP_I32)) {
        tp_fail(T, TP_EINVAL, "triangle indices: of %lld by %lld in %s", (long long)rows, (long long)columns,
                tp_dtype_name(dtype));
        return NULL;
    }
    tp_tensor *x = NULL;
    for (int pass = 0; pass < 2; pass++) { /* count, then fill */
        int64_t at = 0;
        for (int64_t r = 0; r < rows; r++) {
            int64_t edge = r + offset + !upper; /* the first column right of the lower triangle, or in the upper one */
            edge = edge < 0 ? 0 : edge > columns ? columns : edge;
            int64_t from = upper ? edge : 0, to = upper ? columns : edge;
            for (int64_t c = from; x && c < to; c++, at++) {
                tp__store((char *)x->data + (size_t)at * tp_dtype_size(dtype), dtype, (double)r);
                tp__store((char *)x->data + (size_t)(n + at) * tp_dtype_size(dtype), dtype, (double)c);
            }
            n += pass ? 0 : to - from;
        }
        if (pass == 0 && (x = tp__tensor_make(T, dtype, (tp_dims){2, {2, n}})) == NULL)
            return NULL;
    }
    return x;
}

tp_tensor *tp_tril_indices(tp_tape *T, tp_dtype dtype, int64_t rows, int64_t columns, int64_t offset)
{
    return triangle_indices(T, dtype, rows, columns, offset, false);
}

tp_tensor *tp_triu_indices(tp_tape *T, tp_dtype dtype, int64_t rows, int64_t columns, int64_t offset)
{
    return triangle_indices(T, dtype, rows, columns, offset, true);
}
