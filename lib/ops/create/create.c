/* create.c - tensors from values, from the caller's memory, and from rules. */
#include "ops/ops.h"

#include <math.h>
#include <string.h>

tp_tensor *tp_empty(tp_tape *T, tp_dtype dtype, tp_dims shape)
{
    TP__NAMED(T, "empty");
    return tp__tensor_make(T, dtype, shape);
}

static tp_tensor *filled(tp_tape *T, const char *name, tp_dtype dtype, tp_dims shape, double value)
{
    if (!tp__fits(T, name, "value", dtype, value))
        return NULL;
    tp_tensor *x = tp__tensor_make(T, dtype, shape);
    if (x)
        tp__fill(x->numel, x->data, dtype, value);
    else
        tp__name_error(T, name);
    return x;
}

static tp_tensor *filled_like(tp_tape *T, const char *name, const tp_tensor *x, double value)
{
    return tp__usable(T, name, x) ? filled(T, name, x->dtype, tp__dims_of(x), value) : NULL;
}

tp_tensor *tp_full(tp_tape *T, tp_dtype dtype, tp_dims shape, double value)
{
    return filled(T, "full", dtype, shape, value);
}

tp_tensor *tp_zeros(tp_tape *T, tp_dtype dtype, tp_dims shape) { return filled(T, "zeros", dtype, shape, 0); }
tp_tensor *tp_ones(tp_tape *T, tp_dtype dtype, tp_dims shape) { return filled(T, "ones", dtype, shape, 1); }
tp_tensor *tp_scalar(tp_tape *T, tp_dtype dtype, double value) { return filled(T, "scalar", dtype, TP_SCALAR, value); }
tp_tensor *tp_full_like(tp_tape *T, tp_tensor *x, double value) { return filled_like(T, "full_like", x, value); }
tp_tensor *tp_zeros_like(tp_tape *T, tp_tensor *x) { return filled_like(T, "zeros_like", x, 0); }
tp_tensor *tp_ones_like(tp_tape *T, tp_tensor *x) { return filled_like(T, "ones_like", x, 1); }

tp_tensor *tp_empty_like(tp_tape *T, tp_tensor *x)
{
    return tp__usable(T, "empty_like", x) ? tp__tensor_make(T, x->dtype, tp__dims_of(x)) : NULL;
}

tp_tensor *tp_from(tp_tape *T, tp_dtype dtype, tp_dims shape, const void *data)
{
    TP__NAMED(T, "from");
    tp_tensor *x = tp__tensor_make(T, dtype, shape);
    if (x && data == NULL && x->numel > 0) {
        tp_fail(T, TP_EINVAL, "from: data is NULL");
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
    TP__NAMED(T, "wrap");
    size_t bytes;
    tp_tensor *x = tp__tensor_new(T, dtype, shape);
    if (x == NULL)
        return NULL;
    if (data == NULL && x->numel > 0) {
        tp_fail(T, TP_EINVAL, "wrap: data is NULL");
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

static void tell_nobody(void *user) { (void)user; }

/* What is wrong with it, if anything; else where in it the storage begins, and its bytes. */
static const char *check_blob(tp_dtype dtype, tp_dims shape, const int64_t *stride, const void *data, int64_t *begin,
                              size_t *bytes)
{
    int64_t dense[TP_MAX_DIMS], end, numel, size = (int64_t)tp_dtype_size(dtype), whole;
    if (size == 0 || !tp__dims_numel(shape, &numel))
        return NULL; /* the header says it */
    for (int64_t d = shape.ndim - 1, step = 1; d >= 0; step *= shape.dim[d] > 1 ? shape.dim[d] : 1, d--)
        dense[d] = step;
    if (!tp__dims_extent(shape, stride ? stride : dense, begin, &end) ||
        __builtin_mul_overflow(end - *begin, size, &whole))
        return "its elements are farther apart than can be addressed";
    *bytes = (size_t)whole;
    *begin *= size;
    return numel == 0                       ? NULL
           : data == NULL                   ? "data is NULL"
           : (uintptr_t)data % (size_t)size ? "data is no multiple of the size of an element"
                                            : NULL;
}

tp_tensor *tp_from_blob(tp_tape *T, tp_dtype dtype, tp_dims shape, const int64_t *stride, void *data,
                        void (*deleter)(void *user), void *user)
{
    TP__NAMED(T, "from_blob");
    int64_t begin = 0;
    size_t bytes = 0;
    const char *wrong = check_blob(dtype, shape, stride, data, &begin, &bytes);
    if (tp__ok(T) && wrong)
        tp_fail(T, TP_EINVAL, "from_blob: %s; memory with all elements at multiples of their size is needed", wrong);
    char *first = bytes > 0 && data ? (char *)data + begin : data;
    tp__storage *s = tp__storage_lent(first, bytes, deleter ? deleter : tell_nobody, user);
    tp_tensor *x = s ? tp__tensor_on(T, dtype, shape, stride, s, data) : NULL;
    if (s == NULL)
        tp_fail(T, TP_ENOMEM, "from_blob: no memory");
    tp__storage_unref(s);
    return x;
}

tp_tensor *tp_eye(tp_tape *T, tp_dtype dtype, int64_t n, int64_t m)
{
    TP__NAMED(T, "eye");
    tp_tensor *x = tp_zeros(T, dtype, (tp_dims){2, {n, m}});
    for (int64_t i = 0; x && i < n && i < m; i++)
        tp__store((char *)x->data + (size_t)(i * m + i) * tp_dtype_size(dtype), dtype, 1);
    return x;
}

/* start + i step, and its low bits where it is beyond the dtype */
static void count_up(int64_t n, void *out, tp_dtype dtype, int64_t start, int64_t step)
{
    uint64_t v = (uint64_t)start;
    for (int64_t i = 0; i < n; i++, v += (uint64_t)step) {
        if (dtype == TP_I64)
            ((int64_t *)out)[i] = (int64_t)v;
        else if (dtype == TP_I32)
            ((int32_t *)out)[i] = (int32_t)(uint32_t)v;
        else
            ((uint8_t *)out)[i] = dtype == TP_BOOL ? v != 0 : (uint8_t)v;
    }
}

static void ramp(int64_t n, void *out, tp_dtype dtype, double start, double step)
{
    for (int64_t i = 0; i < n; i++)
        if (dtype == TP_F32)
            ((float *)out)[i] = (float)(start + (double)i * step);
        else
            ((double *)out)[i] = start + (double)i * step;
}

/* How many values start + i step lie before end, exactly; as a double, for there may be too many. Beyond 2^53 doubles are
 * not all integers: where steps are longer than what lies between two of them, a last value that rounds to end is end. */
static double values_before(int64_t start, int64_t end, int64_t step)
{
    uint64_t way = end > start ? (uint64_t)end - (uint64_t)start : (uint64_t)start - (uint64_t)end;
    uint64_t pace = step > 0 ? (uint64_t)step : 0 - (uint64_t)step;
    uint64_t n = way / pace + (way % pace != 0);
    double to = (double)end, between = fabs(to - nextafter(to, step > 0 ? -INFINITY : INFINITY));
    if (n > 1 && (double)pace > between && (double)(int64_t)((uint64_t)start + (n - 1) * (uint64_t)step) == to)
        n--;
    return (double)n;
}

/* Integers count in int64: the arguments are truncated first (for the number of elements in int64 alone: that is torch's
 * rule). */
tp_tensor *tp_arange(tp_tape *T, tp_dtype dtype, double start, double end, double step)
{
    TP__NAMED(T, "arange");
    bool whole = !tp_dtype_is_float(dtype);
    if (!tp__ok(T))
        return NULL;
    const double given[3] = {start, end, step};
    for (int i = 0; i < 3; i++)
        if (!isfinite(given[i]) || (whole && !tp__fits(T, "arange", i < 2 ? "bound" : "step", TP_I64, given[i]))) {
            tp_fail(T, TP_EINVAL, "arange: from %g to %g by %g; finite numbers are needed", start, end, step);
            return NULL;
        }
    double way = whole ? trunc(end) - trunc(start) : end - start, pace = whole ? trunc(step) : step;
    if (pace == 0 || (way < 0 && pace > 0) || (way > 0 && pace < 0)) {
        tp_fail(T, TP_EINVAL, "arange: from %g to %g by %g; a step that leads there is needed", start, end, step);
        return NULL;
    }
    double count = dtype == TP_I64 ? values_before((int64_t)start, (int64_t)end, (int64_t)step)
                                   : ceil((end - start) / step);
    if (!(count < 0x1p62)) {
        tp_fail(T, TP_ENOMEM, "arange: %g elements", count);
        return NULL;
    }
    tp_tensor *x = tp__tensor_make(T, dtype, (tp_dims){1, {(int64_t)count}});
    if (x && whole)
        count_up(x->numel, x->data, dtype, (int64_t)start, (int64_t)step);
    else if (x)
        ramp(x->numel, x->data, dtype, start, step);
    return x;
}

/* Both ends as elements of the dtype, where they fit; otherwise T fails. */
static bool ends_fit(tp_tape *T, const char *name, tp_dtype dtype, double *start, double *end)
{
    double *both[2] = {start, end};
    uint64_t element[1];
    for (int i = 0; i < 2; i++) {
        if (!tp__fits(T, name, i ? "end" : "start", dtype, *both[i]))
            return false;
        if (!tp_dtype_is_float(dtype)) {
            tp__store(element, dtype, *both[i]);
            *both[i] = tp__load(element, dtype);
        }
    }
    return true;
}

/* Counted from the nearer end, so that both ends are exact. Integers are counted in blocks of 32 bytes from the
 * truncated start of each, but for what is left over after pairs of blocks, as torch's vectors count them. */
tp_tensor *tp_linspace(tp_tape *T, tp_dtype dtype, double start, double end, int64_t steps)
{
    TP__NAMED(T, "linspace");
    bool whole = !tp_dtype_is_float(dtype);
    tp_tensor *x = ends_fit(T, "linspace", dtype, &start, &end) ? tp__tensor_make(T, dtype, (tp_dims){1, {steps}})
                                                                : NULL;
    size_t size = tp_dtype_size(dtype);
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
    TP__NAMED(T, "logspace");
    tp_tensor *x = ends_fit(T, "logspace", dtype, &start, &end) ? tp__tensor_make(T, dtype, (tp_dims){1, {steps}})
                                                                : NULL;
    size_t size = tp_dtype_size(dtype);
    double step = steps > 1 ? (end - start) / (double)(steps - 1) : 0;
    for (int64_t i = 0; x && i < steps; i++) {
        double exponent = i < steps / 2 || steps == 1 ? start + step * (double)i : end - step * (double)(steps - 1 - i);
        tp__store((char *)x->data + (size_t)i * size, dtype, pow(base, exponent));
    }
    return x;
}

/* The elements on one side of a diagonal; the offset is clipped to [-rows, columns], beyond which nothing changes. */
typedef struct {
    int64_t rows, columns, offset;
    bool upper;
} triangle;

/* The columns [from, to) of row r. */
static void columns_of(const triangle *t, int64_t r, int64_t *from, int64_t *to)
{
    int64_t edge = tp__add_clipped(r + !t->upper, t->offset);
    edge = edge < 0 ? 0 : edge > t->columns ? t->columns : edge;
    *from = t->upper ? edge : 0;
    *to = t->upper ? t->columns : edge;
}

/* The rows [first, end) that have any: those down to the last one, or those from the first on. */
static void rows_of(const triangle *t, int64_t *first, int64_t *end)
{
    int64_t below = tp__add_clipped(t->columns, -t->offset);
    *first = t->upper || t->offset > 0 ? 0 : -t->offset;
    *end = t->upper && below < t->rows ? below : t->rows;
    if (t->columns == 0)
        *end = *first;
}

/* How many there are, or INT64_MAX for too many: from its tip on, a triangle's rows grow by one until they are whole. */
static int64_t elements_of(const triangle *t)
{
    int64_t first, end, from, to;
    rows_of(t, &first, &end);
    if (first >= end)
        return 0;
    columns_of(t, t->upper ? end - 1 : first, &from, &to);
    int64_t tip = to - from, all = end - first, growing = all < t->columns - tip ? all : t->columns - tip;
    double n = (double)growing * ((double)tip + ((double)growing - 1) / 2) +
               (double)(all - growing) * (double)t->columns;
    return n > 0x1p58 ? INT64_MAX : growing * tip + growing * (growing - 1) / 2 + (all - growing) * t->columns;
}

/* Rows and columns of the elements on one side of a diagonal, row by row. */
static tp_tensor *triangle_indices(tp_tape *T, tp_dtype dtype, triangle t)
{
    int64_t first, end, at = 0;
    if (!tp__ok(T))
        return NULL;
    if (t.rows < 0 || t.columns < 0 || (dtype != TP_I64 && dtype != TP_I32)) {
        tp_fail(T, TP_EINVAL, "triangle indices: %lld by %lld in %s; sizes of 0 or more, in int64 or int32, are needed",
                (long long)t.rows, (long long)t.columns, tp_dtype_name(dtype));
        return NULL;
    }
    t.offset = t.offset < -t.rows ? -t.rows : t.offset > t.columns ? t.columns : t.offset;
    int64_t n = elements_of(&t);
    tp_tensor *x = tp__tensor_make(T, dtype, (tp_dims){2, {2, n}});
    rows_of(&t, &first, &end);
    for (int64_t r = first; x && r < end; r++) {
        int64_t from, to;
        columns_of(&t, r, &from, &to);
        for (int64_t c = from; c < to; c++, at++) {
            tp__store((char *)x->data + (size_t)at * tp_dtype_size(dtype), dtype, (double)r);
            tp__store((char *)x->data + (size_t)(n + at) * tp_dtype_size(dtype), dtype, (double)c);
        }
    }
    return x;
}

tp_tensor *tp_tril_indices(tp_tape *T, tp_dtype dtype, int64_t rows, int64_t columns, int64_t offset)
{
    TP__NAMED(T, "tril_indices");
    return triangle_indices(T, dtype, (triangle){rows, columns, offset, false});
}

tp_tensor *tp_triu_indices(tp_tape *T, tp_dtype dtype, int64_t rows, int64_t columns, int64_t offset)
{
    TP__NAMED(T, "triu_indices");
    return triangle_indices(T, dtype, (triangle){rows, columns, offset, true});
}
