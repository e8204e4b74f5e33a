/* index.c - moving elements by an index. */
#include "kernel/index.h"

#include <string.h>

enum { GRAIN = 32768, STRIP = 64 };

/* The first position that is out of range, or -1. All are looked at in one pass that the compiler can vectorize. */
static int64_t out_of_range(int64_t n, int64_t size, const int64_t *index)
{
    uint64_t signs = 0; /* of the index and of what is left up to the last place */
    for (int64_t i = 0; i < n; i++)
        signs |= (uint64_t)index[i] | ((uint64_t)size - 1 - (uint64_t)index[i]);
    for (int64_t i = 0; signs >> 63 && i < n; i++)
        if (index[i] < 0 || index[i] >= size)
            return i;
    return -1;
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
#define PICK_ROWS(id, type)                                                                        \
    static void id(int64_t rows, int64_t n, void *out, const void *x, int64_t row, const int64_t *index) \
    { type *o = out; const type *a = x;                                                            \
      for (int64_t r = 0; r < rows; r++, o += n, index += n, a += row)                             \
          for (int64_t k = 0; k < n; k++) o[k] = a[index[k]]; }
PICK_ROWS(pick_rows1, uint8_t)
PICK_ROWS(pick_rows4, uint32_t)
PICK_ROWS(pick_rows8, uint64_t)
PICK(pick1, uint8_t)
PICK(pick4, uint32_t)
PICK(pick8, uint64_t)
/* clang-format on */

static void pick(size_t size, int64_t n, void *out, const void *x, const int64_t *index, int64_t by_index,
                 int64_t by_column)
{
    (size == 8 ? pick8 : size == 4 ? pick4 : pick1)(n, out, x, index, by_index, by_column);
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
} picking;

static void gather_range(int64_t begin, int64_t end, void *user)
{
    const picking *p = user;
    for (int64_t at = begin, m; at < end; at += m) {
        int64_t column = at % p->row;
        int64_t offset = tp__offset_at(p->ndim, p->dim, p->stride, at / p->row) + column * p->by_column;
        m = p->row - column < end - at ? p->row - column : end - at;
        pick(p->size, m, p->out + (size_t)at * p->size, p->x + offset * (int64_t)p->size, p->index + at, p->by_index,
             p->by_column);
    }
}

/* Rows [begin, end), each picked from a row of x. */
static void gather_rows_range(int64_t begin, int64_t end, void *user)
{
    const picking *p = user;
    (p->size == 8   ? pick_rows8
     : p->size == 4 ? pick_rows4
                    : pick_rows1)(end - begin, p->row, p->out + (size_t)(begin * p->row) * p->size,
                                  p->x + (size_t)(begin * p->row_stride) * p->size, p->row_stride,
                                  p->index + begin * p->row);
}

int64_t tp__gather(tp_dtype dtype, tp_dims shape, int dim, int64_t size, const int64_t *x_stride, const void *x,
                   const int64_t *index, void *out)
{
    int last = shape.ndim - 1;
    int64_t n = product(shape.dim, 0, shape.ndim), bad = out_of_range(n, size, index);
    if (bad >= 0 || n == 0)
        return bad;
    picking p = {
        .size = tp_dtype_size(dtype), .row = 1, .row_stride = -1, .by_index = 1, .x = x, .index = index, .out = out};
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
    return -1;
}

typedef struct {
    size_t size, bytes; /* of an element, of a slice */
    int64_t whole, n;   /* slices in x, in out, for each of the outer dimensions */
    const char *x;
    const int64_t *index;
    char *out;
} slices;

static void select_range(int64_t begin, int64_t end, void *user)
{
    const slices *s = user;
    for (int64_t at = begin, m; at < end; at += m) {
        int64_t k = at % s->n;
        const char *from = s->x + (size_t)(at / s->n * s->whole) * s->bytes;
        char *to = s->out + (size_t)at * s->bytes;
        m = s->n - k < end - at ? s->n - k : end - at;
        if (s->bytes == s->size)
            pick(s->size, m, to, from, s->index + k, 1, 0);
        else
            for (int64_t i = 0; i < m; i++)
                memcpy(to + (size_t)i * s->bytes, from + (size_t)s->index[k + i] * s->bytes, s->bytes);
    }
}

int64_t tp__index_select(tp_dtype dtype, int64_t outer, int64_t size, int64_t inner, int64_t n, const void *x,
                         const int64_t *index, void *out)
{
    int64_t bad = out_of_range(n, size, index);
    slices s = {tp_dtype_size(dtype), (size_t)inner * tp_dtype_size(dtype), size, n, x, index, out};
    if (bad < 0 && inner > 0)
        tp__parallel_for(outer * n, 1 + GRAIN / inner, select_range, &s);
    return bad;
}

/* ---- placing --------------------------------------------------------------------------------------------------- */

/* A row of values put at (or added to, or multiplied into) places of a row of y: n of them, at index i_k by_index +
 * k by_column. Integers wrap; booleans are or-ed, and-ed. */
/* clang-format off */
#define ROW(id, type, formula)                                                                     \
    static void id(int64_t n, void *out, const int64_t *index, int64_t by_index, int64_t by_column, const void *in, int64_t step) \
    { type *o = out; const type *a = in;                                                           \
      if (index == NULL && by_column == 1 && step == 1)                                            \
          for (int64_t i = 0; i < n; i++) { type *y = o + i, x = a[i], old = *y; (void)old; *y = (type)(formula); }     \
      else if (index == NULL)                                                                      \
          for (int64_t i = 0; i < n; i++) { type *y = o + i * by_column, x = a[i * step], old = *y; (void)old; *y = (type)(formula); } \
      else                                                                                         \
          for (int64_t i = 0; i < n; i++) { type *y = o + index[i] * by_index + i * by_column, x = a[i * step], old = *y; (void)old; *y = (type)(formula); } }
ROW(put1, uint8_t, x)
ROW(put4, uint32_t, x)
ROW(put8, uint64_t, x)
ROW(add_f32, float, old + x)
ROW(add_f64, double, old + x)
ROW(add_i32, uint32_t, old + x)
ROW(add_i64, uint64_t, old + x)
ROW(add_u8, uint8_t, old + x)
ROW(add_bool, uint8_t, old | x)
ROW(times_f32, float, old * x)
ROW(times_f64, double, old * x)
ROW(times_i32, uint32_t, old * x)
ROW(times_i64, uint64_t, old * x)
ROW(times_u8, uint8_t, old * x)
ROW(times_bool, uint8_t, old & x)
/* Chosen by an index: a branch would be guessed wrong every other time. */
#define EXTREMES(S, type)                                                                          \
    ROW(larger_##S, type, ((type[2]){old, x})[(x > old) | (x != x)])                               \
    ROW(smaller_##S, type, ((type[2]){old, x})[(x < old) | (x != x)])
EXTREMES(f32, float)
EXTREMES(f64, double)
EXTREMES(i32, int32_t)
EXTREMES(i64, int64_t)
EXTREMES(u8, uint8_t)
/* clang-format on */

typedef void (*row_fn)(int64_t n, void *out, const int64_t *index, int64_t by_index, int64_t by_column, const void *in,
                       int64_t step);
static const row_fn rows_of[][TP_DTYPES] = {
    [TP__PUT] = {put4, put8, put4, put8, put1, put1},
    [TP__ADD_TO] = {add_f32, add_f64, add_i32, add_i64, add_u8, add_bool},
    [TP__TIMES] = {times_f32, times_f64, times_i32, times_i64, times_u8, times_bool},
    [TP__LARGER] = {larger_f32, larger_f64, larger_i32, larger_i64, larger_u8, larger_u8},
    [TP__SMALLER] = {smaller_f32, smaller_f64, smaller_i32, smaller_i64, smaller_u8, smaller_u8},
};

/* Work is cut where places are never shared: before `dim`, and into strips of the last dimension where that is not
 * `dim`. Within a piece values are placed in row-major order, so the bits do not depend on the cut. */
typedef struct {
    row_fn place;
    int64_t size, rows, row, strips; /* rows: in a piece */
    int ndim;                        /* of the dimensions before the last */
    int64_t dim[TP_MAX_DIMS], to[TP_MAX_DIMS], from[TP_MAX_DIMS];
    int64_t to_row, from_row; /* strides from row to row, where they are even, otherwise -1 */
    int64_t by_index, by_column, step;
    char *out;
    const char *src;
    const int64_t *index;
} placing;

/* Columns [c, c + n) of the rows from `first` on. */
static void place_piece(const placing *p, int64_t first, int64_t c, int64_t n)
{
    for (int64_t r = first; r < first + p->rows; r++)
        p->place(n, p->out + (tp__offset_at(p->ndim, p->dim, p->to, r) + c * p->by_column) * p->size,
                 p->index + r * p->row + c, p->by_index, p->by_column,
                 p->src + (tp__offset_at(p->ndim, p->dim, p->from, r) + c * p->step) * p->size, p->step);
}

static void place_range(int64_t begin, int64_t end, void *user)
{
    const placing *p = user;
    if (p->to_row >= 0 && p->from_row >= 0) { /* a row each, and nothing to look up */
        for (int64_t r = begin; r < end; r++)
            p->place(p->row, p->out + r * p->to_row * p->size, p->index + r * p->row, p->by_index, 0,
                     p->src + r * p->from_row * p->size, p->step);
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
    int64_t n = product(shape.dim, 0, shape.ndim), bad = out_of_range(n, size, index);
    placing p = {.place = rows_of[how][dtype],
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
                 .index = index};
    if (bad >= 0 || n == 0)
        return bad;
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
    return -1;
}

/* Slices placed: the same, where the index is 1-d. */
typedef struct {
    row_fn place;
    int64_t size, whole, inner, n, strips;
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
        const char *from = p->src + (o * p->n * p->inner + c) * p->size;
        if (p->inner == 1)
            p->place(p->n, to, p->index, 1, 0, from, 1);
        else
            for (int64_t i = 0; i < p->n; i++)
                p->place(stop - c, to + p->index[i] * p->inner * p->size, NULL, 0, 1, from + i * p->inner * p->size, 1);
    }
}

int64_t tp__index_place(tp__combine how, tp_dtype dtype, int64_t outer, int64_t size, int64_t inner, int64_t n,
                        void *out, const int64_t *index, const void *src)
{
    int64_t bad = out_of_range(n, size, index);
    stacking p = {.place = rows_of[how][dtype],
                  .size = (int64_t)tp_dtype_size(dtype),
                  .whole = size,
                  .inner = inner,
                  .n = n,
                  .strips = (inner + STRIP - 1) / STRIP,
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
