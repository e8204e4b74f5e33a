/* index.c - moving elements by an index. */
#include "kernel/index.h"

#include <stdatomic.h>
#include <string.h>

enum { GRAIN = 32768, STRIP = 64, BLOCK = 2048 };

int64_t tp__out_of_range(int64_t n, int64_t low, int64_t size, const int64_t *index)
{
    if (size == 0)
        return n > 0 ? 0 : -1;
    uint64_t last = (uint64_t)size - 1;
    if (TP__PICK(tp__index_table)->inside(n, low, last, index))
        return -1;
    for (int64_t i = 0; i < n; i++)
        if (index[i] < low || (uint64_t)index[i] - (uint64_t)low > last)
            return i;
    return -1;
}

/* A large index is checked block by block, just before it is followed, so that it comes from memory once. Nothing is
 * followed in a block that has a position out of range; `bad` says that there was one. */
static bool followed(int64_t n, int64_t size, const int64_t *index, atomic_bool *bad)
{
    if (tp__out_of_range(n, 0, size, index) < 0)
        return true;
    atomic_store_explicit(bad, true, memory_order_relaxed);
    return false;
}

static int64_t product(const int64_t *dim, int begin, int end)
{
    int64_t n = 1;
    for (int d = begin; d < end; d++)
        n *= dim[d];
    return n;
}

/* ---- picking ------------------------------------------------------------------------------------------------- */

/* out[k] = x at index[k] by_index + k by_column, n of them */
/* clang-format off */
#define PICK(id, type)                                                                             \
    static void id(int64_t n, void *out, const void *x, const int64_t *index, int64_t by_index, int64_t by_column) \
    { type *o = out; const type *a = x; for (int64_t k = 0; k < n; k++) o[k] = a[index[k] * by_index + k * by_column]; }
/* Of rows of x, `row` apart, each by an index of its own (next n: the length of one) or all by one (next 0). */
#define PICK_ROWS(id, type)                                                                        \
    static void id(int64_t rows, int64_t n, void *out, const void *x, int64_t row, const int64_t *index, int64_t next) \
    { type *restrict o = out; const type *a = x;                                                   \
      for (int64_t r = 0; r < rows; r++, o += n, index += next, a += row) {                        \
          int64_t k = 0;                                                                           \
          for (; k + 4 <= n; k += 4) {                                                             \
              type p = a[index[k]], q = a[index[k + 1]], s = a[index[k + 2]], t = a[index[k + 3]]; \
              o[k] = p, o[k + 1] = q, o[k + 2] = s, o[k + 3] = t; }                                \
          for (; k < n; k++) o[k] = a[index[k]]; } }
#define OF_SIZE(size, type) PICK(pick##size, type) PICK_ROWS(pick_rows##size, type)
TP__SIZE_LIST(OF_SIZE)
#undef OF_SIZE
/* clang-format on */

static void pick_rows(size_t size, int64_t rows, int64_t n, void *out, const void *x, int64_t row, const int64_t *index,
                      int64_t next)
{
    static void (*const of[])(int64_t, int64_t, void *, const void *, int64_t, const int64_t *,
                              int64_t) = {pick_rows1, pick_rows2, pick_rows4, pick_rows8, pick_rows16};
    of[tp__size_place(size)](rows, n, out, x, row, index, next);
}

static void pick(size_t size, int64_t n, void *out, const void *x, const int64_t *index, int64_t by_index,
                 int64_t by_column)
{
    static void (*const of[])(int64_t, void *, const void *, const int64_t *, int64_t, int64_t) = {pick1, pick2, pick4,
                                                                                                   pick8, pick16};
    of[tp__size_place(size)](n, out, x, index, by_index, by_column);
}

/* The stride from one row to the next where the dimensions before the last are walked as one, otherwise -1. */
static int64_t row_stride(int last, const int64_t *dim, const int64_t *stride)
{
    int64_t row = -1, expected = -1;
    for (int d = last - 1; d >= 0; d--) {
        if (dim[d] == 1)
            continue;
        if (row < 0)
            row = expected = stride[d];
        if (stride[d] != expected)
            return -1;
        expected = stride[d] * dim[d];
    }
    return row < 0 ? 0 : row;
}

/* A walk over the index in row-major order. */
typedef struct {
    size_t size;
    int64_t row_stride; /* of x, where the index runs along the last dimension; otherwise -1 */
    int ndim;           /* of the dimensions before the last */
    int64_t row, dim[TP_MAX_DIMS], stride[TP_MAX_DIMS], by_index, by_column;
    const char *x;
    const int64_t *index;
    char *out;
    int64_t whole; /* the size that positions lie in */
    atomic_bool *bad;
} picking;

static void gather_range(int64_t begin, int64_t end, void *user)
{
    const picking *p = user;
    for (int64_t at = begin, m; at < end; at += m) {
        int64_t column = at % p->row;
        int64_t offset = tp__offset_at(p->ndim, p->dim, p->stride, at / p->row) + column * p->by_column;
        m = p->row - column < end - at ? p->row - column : end - at;
        m = m < BLOCK ? m : BLOCK;
        if (followed(m, p->whole, p->index + at, p->bad))
            pick(p->size, m, p->out + (size_t)at * p->size, p->x + offset * (int64_t)p->size, p->index + at,
                 p->by_index, p->by_column);
    }
}

/* Rows [begin, end), each picked from a row of x. */
static void gather_rows_range(int64_t begin, int64_t end, void *user)
{
    const picking *p = user;
    int64_t rows = 1 + BLOCK / p->row;
    for (int64_t r = begin; r < end; r += rows) {
        int64_t m = end - r < rows ? end - r : rows;
        if (followed(m * p->row, p->whole, p->index + r * p->row, p->bad))
            pick_rows(p->size, m, p->row, p->out + (size_t)(r * p->row) * p->size,
                      p->x + (size_t)(r * p->row_stride) * p->size, p->row_stride, p->index + r * p->row, p->row);
    }
}

int64_t tp__gather(tp_dtype dtype, tp_dims shape, int dim, int64_t size, const int64_t *x_stride, const void *x,
                   const int64_t *index, void *out)
{
    int last = shape.ndim - 1;
    int64_t n = product(shape.dim, 0, shape.ndim);
    atomic_bool bad = false;
    picking p = {.size = tp_dtype_size(dtype),
                 .row = 1,
                 .row_stride = -1,
                 .by_index = 1,
                 .x = x,
                 .index = index,
                 .out = out,
                 .whole = size,
                 .bad = &bad};
    if (n == 0)
        return -1;
    if (last >= 0) {
        p.ndim = last;
        p.row = shape.dim[last];
        p.by_index = x_stride[dim];
        p.by_column = dim == last ? 0 : x_stride[last];
        memcpy(p.dim, shape.dim, sizeof p.dim);
        for (int d = 0; d < last; d++)
            p.stride[d] = d == dim ? 0 : x_stride[d];
        if (dim == last)
            p.row_stride = row_stride(last, shape.dim, x_stride);
    }
    if (p.row_stride >= 0 && p.by_index == 1)
        tp__parallel_for(n / p.row, 1 + GRAIN / p.row, gather_rows_range, &p);
    else
        tp__parallel_for(n, GRAIN, gather_range, &p);
    return bad ? tp__out_of_range(n, 0, size, index) : -1;
}

typedef struct {
    size_t size, bytes; /* of an element, of a slice */
    int64_t whole, n;   /* slices in x, in out, for each of the outer dimensions */
    const char *x;
    const int64_t *index;
    char *out;
} slices;

/* m slices of so many bytes: short ones are copied without a call each. */
static void select_slices(size_t bytes, int64_t m, char *to, const char *from, const int64_t *index)
{
    switch (bytes) {
#define OF_BYTES(b) \
    case b: \
        for (int64_t i = 0; i < m; i++) \
            memcpy(to + i * (b), from + index[i] * (b), b); \
        return;
        TP__SHORT_ROWS(OF_BYTES)
#undef OF_BYTES
    default:
        for (int64_t i = 0; i < m; i++) {
            if (i + 8 < m)
                tp__prefetch(from + (size_t)index[i + 8] * bytes, 0, 1, bytes < 1024 ? bytes : 1024);
            tp__copy_bytes(to + (size_t)i * bytes, from + (size_t)index[i] * bytes, bytes);
        }
    }
}

static void select_range(int64_t begin, int64_t end, void *user)
{
    const slices *s = user;
    for (int64_t at = begin, m; at < end; at += m) {
        int64_t k = at % s->n;
        const char *from = s->x + (size_t)(at / s->n * s->whole) * s->bytes;
        char *to = s->out + (size_t)at * s->bytes;
        m = s->n - k < end - at ? s->n - k : end - at;
        if (s->bytes == s->size)
            pick_rows(s->size, 1, m, to, from, 0, s->index + k, 0);
        else
            select_slices(s->bytes, m, to, from, s->index + k);
    }
}

int64_t tp__index_select(tp_dtype dtype, int64_t outer, int64_t size, int64_t inner, int64_t n, const void *x,
                         const int64_t *index, void *out)
{
    int64_t bad = tp__out_of_range(n, 0, size, index);
    slices s = {tp_dtype_size(dtype), (size_t)inner * tp_dtype_size(dtype), size, n, x, index, out};
    if (bad < 0 && inner > 0)
        tp__parallel_for(outer * n, 1 + GRAIN / inner, select_range, &s);
    return bad;
}

/* ---- placing --------------------------------------------------------------------------------------------------- */

/* Values put at (or added to, or multiplied into) places of y, row by row: n of them a row, at index i_k by_index +
 * k by_column of a row of y, each row with the next n of the index. Integers wrap; booleans are or-ed, and-ed. */
typedef struct {
    int64_t rows, n, to_row, from_row; /* strides from row to row */
    int64_t by_index, by_column, step;
} places;
/* clang-format off */
#define ROW(id, type, formula)                                                                     \
    static void id(places p, void *out, const int64_t *index, const void *in)                      \
    { type *o = out; const type *a = in;                                                           \
      bool plain = p.by_index == 1 && p.by_column == 0 && p.step == 1;                             \
      for (int64_t r = 0; r < p.rows; r++, o += p.to_row, a += p.from_row, index += p.n)           \
          if (plain)                                                                               \
              for (int64_t i = 0; i < p.n; i++) {                                                  \
                  type *y = o + index[i], x = a[i], old = *y; (void)old; *y = (type)(formula); }   \
          else                                                                                     \
              for (int64_t i = 0; i < p.n; i++) {                                                  \
                  type *y = o + index[i] * p.by_index + i * p.by_column, x = a[i * p.step], old = *y; (void)old; *y = (type)(formula); } }
/* The same onto n neighbours. */
#define BOTH(id, type, formula)                                                                    \
    ROW(id, type, formula)                                                                         \
    static void id##_run(int64_t n, void *out, const void *in)                                     \
    { type *o = out; const type *a = in;                                                           \
      for (int64_t i = 0; i < n; i++) { type *y = o + i, x = a[i], old = *y; (void)old; *y = (type)(formula); } }
#define PUT(size, type) \
    ROW(put##size, type, x)                                                                        \
    static void put##size##_run(int64_t n, void *out, const void *in) { tp__copy_bytes(out, in, (size_t)n * (size)); }
TP__SIZE_LIST(PUT)
BOTH(add_f32, float, old + x)
BOTH(add_f64, double, old + x)
BOTH(add_i32, uint32_t, old + x)
BOTH(add_i64, uint64_t, old + x)
BOTH(add_u8, uint8_t, old + x)
BOTH(add_bool, uint8_t, old | x)
BOTH(times_f32, float, old * x)
BOTH(times_f64, double, old * x)
BOTH(times_i32, uint32_t, old * x)
BOTH(times_i64, uint64_t, old * x)
BOTH(times_u8, uint8_t, old * x)
BOTH(times_bool, uint8_t, old & x)
/* A choice that is made without a branch, which would be guessed wrong every other time; NaN by one that is not. */
#define EXTREMES(S, type)                                                                          \
    static inline type more_##S(type a, type b) { return a > b ? a : b; }                          \
    static inline type less_##S(type a, type b) { return a < b ? a : b; }                          \
    static inline type larger_of_##S(type x, type old) { type y = more_##S(x, old); return __builtin_expect(x != x, 0) ? x : y; } \
    static inline type smaller_of_##S(type x, type old) { type y = less_##S(x, old); return __builtin_expect(x != x, 0) ? x : y; } \
    BOTH(larger_##S, type, larger_of_##S(x, old))                                                   \
    BOTH(smaller_##S, type, smaller_of_##S(x, old))
EXTREMES(f32, float)
EXTREMES(f64, double)
EXTREMES(i32, int32_t)
EXTREMES(i64, int64_t)
EXTREMES(u8, uint8_t)
#define KERNEL(id) {id, id##_run}
/* clang-format on */

/* By an index; or n neighbours onto n neighbours. */
typedef struct {
    void (*at)(places p, void *out, const int64_t *index, const void *in);
    void (*run)(int64_t n, void *out, const void *in);
} placer;
/* Putting goes by the size. */
static const placer putters[] = {KERNEL(put1), KERNEL(put2), KERNEL(put4), KERNEL(put8), KERNEL(put16)};
static const placer placers[][TP_DTYPES] = {
    [TP__ADD_TO] = {[TP_F32] = KERNEL(add_f32),
                    [TP_F64] = KERNEL(add_f64),
                    [TP_I32] = KERNEL(add_i32),
                    [TP_I64] = KERNEL(add_i64),
                    [TP_U8] = KERNEL(add_u8),
                    [TP_BOOL] = KERNEL(add_bool)},
    [TP__TIMES] = {[TP_F32] = KERNEL(times_f32),
                   [TP_F64] = KERNEL(times_f64),
                   [TP_I32] = KERNEL(times_i32),
                   [TP_I64] = KERNEL(times_i64),
                   [TP_U8] = KERNEL(times_u8),
                   [TP_BOOL] = KERNEL(times_bool)},
    [TP__LARGER] = {[TP_F32] = KERNEL(larger_f32),
                    [TP_F64] = KERNEL(larger_f64),
                    [TP_I32] = KERNEL(larger_i32),
                    [TP_I64] = KERNEL(larger_i64),
                    [TP_U8] = KERNEL(larger_u8),
                    [TP_BOOL] = KERNEL(larger_u8)},
    [TP__SMALLER] = {[TP_F32] = KERNEL(smaller_f32),
                     [TP_F64] = KERNEL(smaller_f64),
                     [TP_I32] = KERNEL(smaller_i32),
                     [TP_I64] = KERNEL(smaller_i64),
                     [TP_U8] = KERNEL(smaller_u8),
                     [TP_BOOL] = KERNEL(smaller_u8)},
};
TP__DTYPES_ARE(6);

static const placer *placer_of(tp__combine how, tp_dtype dtype)
{
    return how == TP__PUT ? &putters[tp__size_place(tp__size_of(dtype))] : &placers[how][dtype];
}

/* Work is cut where places are never shared: before `dim`, and into strips of the last dimension where that is not
 * `dim`. Within a piece values are placed in row-major order, so the bits do not depend on the cut. */
typedef struct {
    const placer *place;
    int64_t size, rows, row, strips; /* rows: in a piece */
    int ndim;                        /* of the dimensions before the last */
    int64_t dim[TP_MAX_DIMS], to[TP_MAX_DIMS], from[TP_MAX_DIMS];
    int64_t to_row, from_row; /* strides from row to row, where they are even, otherwise -1 */
    int64_t by_index, by_column, step;
    char *out;
    const char *src;
    const int64_t *index;
    int64_t whole; /* the size that positions lie in */
    atomic_bool *bad;
} placing;

/* Columns [c, c + n) of the rows from `first` on. */
static void place_piece(const placing *p, int64_t first, int64_t c, int64_t n)
{
    places row = {1, n, 0, 0, p->by_index, p->by_column, p->step};
    for (int64_t r = first; r < first + p->rows; r++)
        if (followed(n, p->whole, p->index + r * p->row + c, p->bad))
            p->place->at(row, p->out + (tp__offset_at(p->ndim, p->dim, p->to, r) + c * p->by_column) * p->size,
                         p->index + r * p->row + c,
                         p->src + (tp__offset_at(p->ndim, p->dim, p->from, r) + c * p->step) * p->size);
}

/* Rows [begin, end), each placed in a row of out: nothing to look up. */
static void place_rows(const placing *p, int64_t begin, int64_t end)
{
    int64_t rows = 1 + BLOCK / p->row;
    for (int64_t r = begin; r < end; r += rows) {
        int64_t m = end - r < rows ? end - r : rows;
        if (followed(m * p->row, p->whole, p->index + r * p->row, p->bad))
            p->place->at((places){m, p->row, p->to_row, p->from_row, p->by_index, 0, p->step},
                         p->out + r * p->to_row * p->size, p->index + r * p->row, p->src + r * p->from_row * p->size);
    }
}

static void place_range(int64_t begin, int64_t end, void *user)
{
    const placing *p = user;
    if (p->to_row >= 0 && p->from_row >= 0) {
        place_rows(p, begin, end);
        return;
    }
    for (int64_t at = begin, m; at < end; at += m) {
        int64_t strip = at % p->strips, stop;
        m = p->strips - strip < end - at ? p->strips - strip : end - at;
        stop = strip + m == p->strips ? p->row : (strip + m) * STRIP;
        place_piece(p, at / p->strips * p->rows, strip * STRIP, stop - strip * STRIP);
    }
}

int64_t tp__scatter(tp__combine how, tp_dtype dtype, tp_dims shape, int dim, int64_t size, const int64_t *out_stride,
                    void *out, const int64_t *index, const int64_t *src_stride, const void *src)
{
    int last = shape.ndim - 1;
    int64_t n = product(shape.dim, 0, shape.ndim);
    atomic_bool bad = false;
    placing p = {.place = placer_of(how, dtype),
                 .size = (int64_t)tp_dtype_size(dtype),
                 .to_row = -1,
                 .from_row = -1,
                 .rows = 1,
                 .row = 1,
                 .strips = 1,
                 .by_index = 1,
                 .step = 1,
                 .out = out,
                 .src = src,
                 .index = index,
                 .whole = size,
                 .bad = &bad};
    if (n == 0)
        return -1;
    if (last >= 0) {
        p.ndim = last;
        p.row = shape.dim[last];
        p.by_index = out_stride[dim];
        p.by_column = dim == last ? 0 : out_stride[last];
        p.step = src_stride[last];
        memcpy(p.dim, shape.dim, sizeof p.dim);
        memcpy(p.from, src_stride, (size_t)last * sizeof *src_stride);
        for (int d = 0; d < last; d++)
            p.to[d] = d == dim ? 0 : out_stride[d];
    }
    if (dim == last) {
        p.to_row = row_stride(last, p.dim, p.to);
        p.from_row = row_stride(last, p.dim, p.from);
    }
    if (dim < last) {
        p.rows = product(shape.dim, dim, last);
        p.strips = (p.row + STRIP - 1) / STRIP;
    }
    int64_t pieces = n / (p.rows * p.row) * p.strips;
    tp__parallel_for(pieces, 1 + GRAIN * pieces / n, place_range, &p);
    return bad ? tp__out_of_range(n, 0, size, index) : -1;
}

/* Slices placed: the same, where the index is 1-d. */
typedef struct {
    const placer *place;
    int64_t size, whole, inner, n, strips, step; /* slices of src from one to the next */
    char *out;
    const char *src;
    const int64_t *index;
} stacking;

static void stack_range(int64_t begin, int64_t end, void *user)
{
    const stacking *p = user;
    for (int64_t at = begin, m; at < end; at += m) {
        int64_t strip = at % p->strips, o = at / p->strips, c = strip * STRIP;
        m = p->strips - strip < end - at ? p->strips - strip : end - at;
        int64_t stop = strip + m == p->strips ? p->inner : (strip + m) * STRIP;
        char *to = p->out + (o * p->whole * p->inner + c) * p->size;
        const char *from = p->src + (o * (p->step ? p->n : 1) * p->inner + c) * p->size;
        if (p->inner == 1)
            p->place->at((places){1, p->n, 0, 0, 1, 0, p->step}, to, p->index, from);
        else
            for (int64_t i = 0; i < p->n; i++)
                p->place->run(stop - c, to + p->index[i] * p->inner * p->size, from + i * p->step * p->inner * p->size);
    }
}

int64_t tp__index_place(tp__combine how, tp_dtype dtype, int64_t outer, int64_t size, int64_t inner, int64_t n,
                        void *out, const int64_t *index, const void *src, bool same)
{
    int64_t bad = tp__out_of_range(n, 0, size, index);
    stacking p = {.place = placer_of(how, dtype),
                  .size = (int64_t)tp_dtype_size(dtype),
                  .whole = size,
                  .inner = inner,
                  .n = n,
                  .strips = (inner + STRIP - 1) / STRIP,
                  .step = !same,
                  .out = out,
                  .src = src,
                  .index = index};
    if (bad < 0 && n > 0 && inner > 0)
        tp__parallel_for(outer * p.strips, 1 + GRAIN / (n * (inner < STRIP ? inner : STRIP)), stack_range, &p);
    return bad;
}

/* ---- what is there in the end --------------------------------------------------------------------------------------- */

/* From the last to the first: who finds the place taken has lost it. */
int64_t tp__survivors(tp_dims shape, const int64_t *stride, int dim, const int64_t *index, uint8_t *seen, uint8_t *kept)
{
    int last = shape.ndim - 1;
    int64_t row = last >= 0 ? shape.dim[last] : 1, rows = product(shape.dim, 0, last), lost = 0;
    int64_t by_column = last >= 0 && dim != last ? stride[last] : 0, by_index = dim >= 0 ? stride[dim] : 0;
    int64_t step[TP_MAX_DIMS];
    for (int d = 0; d < last; d++)
        step[d] = d == dim ? 0 : stride[d];
    for (int64_t r = rows - 1; r >= 0; r--) {
        int64_t offset = tp__offset_at(last > 0 ? last : 0, shape.dim, step, r);
        for (int64_t c = row - 1; c >= 0; c--) {
            int64_t i = r * row + c;
            uint8_t *place = seen + offset + c * by_column + (dim >= 0 ? index[i] * by_index : 0);
            kept[i] = !*place;
            lost += *place;
            *place = 1;
        }
    }
    return lost;
}
