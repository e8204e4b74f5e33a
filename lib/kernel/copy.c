/* copy.c - moving elements: conversion between dtypes, any layout to row-major and back, filling. */
#include "kernel/copy.h"

#include <string.h>

enum { GRAIN = 32768, BLOCK = 8192, TILE = 16, STRIP = 64, SMALL_PLANE = 128 };

/* ---- conversion of contiguous elements ------------------------------------------------------------------- */

typedef struct {
    char *out;
    const char *in;
    tp_dtype to, from;
} span;

static void convert_range(int64_t begin, int64_t end, void *user)
{
    const span *s = user;
    size_t to = tp_dtype_size(s->to), from = tp_dtype_size(s->from);
    char *out = s->out + (size_t)begin * to;
    const char *in = s->in + (size_t)begin * from;
    if (s->to == s->from)
        tp__copy_bytes(out, in, (size_t)(end - begin) * to);
    else
        TP__PICK(tp__copy_table)->convert[s->from][s->to](end - begin, out, in);
}

void tp__convert(int64_t n, void *out, tp_dtype to, const void *in, tp_dtype from)
{
    span s = {out, in, to, from};
    tp__parallel_for(n, GRAIN, convert_range, &s);
}

/* ---- planes: two dimensions of any strides -------------------------------------------------------------------- */

/* clang-format off */
#define GATHER(name, type)                                                                         \
    static void name(int64_t n, void *to, int64_t ts, const void *from, int64_t fs)                \
    { type *o = to; const type *a = from; for (int64_t i = 0; i < n; i++) o[i * ts] = a[i * fs]; }
#define FILL(name, type)                                                                           \
    static void name(int64_t n, void *to, const void *from)                                        \
    { type *o = to, x = *(const type *)from; for (int64_t i = 0; i < n; i++) o[i] = x; }
#define OF_SIZE(size, type) GATHER(run##size, type) FILL(fill##size, type)
TP__SIZE_LIST(OF_SIZE)
#undef OF_SIZE
/* clang-format on */

/* By the size: elements of any steps; one over and over. */
static const struct {
    void (*run)(int64_t n, void *to, int64_t ts, const void *from, int64_t fs);
    void (*fill)(int64_t n, void *to, const void *from);
} movers[] = {
#define OF_SIZE(size, type) {run##size, fill##size},
    TP__SIZE_LIST(OF_SIZE)
#undef OF_SIZE
};

/* memcpy of some thousand bytes is slow on some processors (by 12 times on Zen 5) where both sides are not aligned alike. */
void tp__copy_bytes(void *to, const void *from, size_t n)
{
    size_t i = 0;
    if (n > 1 << 11 && n < 1 << 21 && (((uintptr_t)to ^ (uintptr_t)from) & 31) != 0)
        i = TP__PICK(tp__copy_table)->lines(to, from, n);
    memcpy((char *)to + i, (const char *)from + i, n - i);
}

void tp__copy_run(size_t size, int64_t n, void *to, int64_t ts, const void *from, int64_t fs)
{
    int which = tp__size_place(size);
    if (ts == 1 && fs == 1)
        tp__copy_bytes(to, from, (size_t)n * size);
    else if (ts == 1 && fs == 0 && n > 0)
        movers[which].fill(n, to, from);
    else if (ts == 1 && fs == -1 && (size == 4 || size == 8))
        TP__PICK(tp__copy_table)->turn[size == 8](n, to, from);
    else if (ts == 1 && fs == 2 && (size == 4 || size == 8))
        TP__PICK(tp__copy_table)->pairs[size == 8](n, to, from);
    else
        movers[which].run(n, to, ts, from, fs);
}

/* n rows of so many bytes, apart by so many: short ones are copied without a call each, those that are a little longer in
 * pieces, the last of which may lie over the one before. */
static void copy_rows(int64_t n, size_t bytes, char *to, int64_t to_row, const char *from, int64_t from_row)
{
    enum { PIECE = 32, SHORT = 512 };
    switch (bytes) {
#define OF_BYTES(b) \
    case b: \
        for (int64_t r = 0; r < n; r++) \
            memcpy(to + r * to_row, from + r * from_row, b); \
        return;
        TP__SHORT_ROWS(OF_BYTES)
#undef OF_BYTES
    }
    for (int64_t r = 0; r < n; r++, to += to_row, from += from_row) {
        size_t i = 0;
        for (; bytes > PIECE && bytes <= SHORT && i < bytes - PIECE; i += PIECE)
            memcpy(to + i, from + i, PIECE);
        if (i > 0)
            memcpy(to + bytes - PIECE, from + bytes - PIECE, PIECE);
        else
            tp__copy_bytes(to, from, bytes);
    }
}

static int64_t distance(int64_t stride) { return stride < 0 ? -stride : stride; }

/* The inner loop runs along the nearer of both dimensions, or the much longer one; then the other goes by strips, so that
 * what is touched again is still in the first cache. */
void tp__copy_plane(size_t size, tp__plane p, void *to, const void *from)
{
    int64_t bytes = (int64_t)size;
    if (p.to_column == 1 && p.from_column == 1) {
        copy_rows(p.rows, (size_t)p.columns * size, to, p.to_row * bytes, from, p.from_row * bytes);
        return;
    }
    if (p.to_column == 1 && p.from_column == 0 && (size == 4 || size == 8)) {
        TP__PICK(tp__copy_table)->repeat[size == 8](p, to, from);
        return;
    }
    if (p.to_column == 1 && p.from_row == 1 && p.from_column == p.rows && p.rows > 2 && p.rows < TILE / 2 &&
        (size == 4 || size == 8)) {
        TP__PICK(tp__copy_table)->apart[size == 8](p, to, from);
        return;
    }
    if (p.to_column == 1 && distance(p.from_row) == 1 && p.rows >= TILE / 2 && p.columns >= TILE / 2 &&
        (size == 1 || size == 4 || size == 8)) {
        if (p.from_row < 0) { /* from the last row up */
            from = (const char *)from - (p.rows - 1) * bytes;
            to = (char *)to + (p.rows - 1) * p.to_row * bytes;
            p.from_row = 1;
            p.to_row = -p.to_row;
        }
        TP__PICK(tp__copy_table)->transpose[size == 8 ? 2 : size == 4](p, to, from);
        return;
    }
    bool far = distance(p.from_row) + distance(p.to_row) < distance(p.from_column) + distance(p.to_column);
    bool across = p.rows > 1 && (p.columns <= STRIP / 4 ? p.rows > p.columns : far || distance(p.from_row) == 1);
    int64_t strip = across && p.columns > STRIP / 4 ? TILE : STRIP;
    for (int64_t r = 0; r < p.rows && !across; r++)
        tp__copy_run(size, p.columns, (char *)to + r * p.to_row * bytes, p.to_column,
                     (const char *)from + r * p.from_row * bytes, p.from_column);
    for (int64_t r = 0; r < p.rows && across; r += strip)
        for (int64_t c = 0; c < p.columns; c++)
            tp__copy_run(size, p.rows - r < strip ? p.rows - r : strip,
                         (char *)to + (r * p.to_row + c * p.to_column) * bytes, p.to_row,
                         (const char *)from + (r * p.from_row + c * p.from_column) * bytes, p.from_row);
}

/* ---- strided memory ------------------------------------------------------------------------------------------ */

bool tp__next_piece(const tp__layout *l, int64_t *position, int64_t *left, tp__piece *piece)
{
    int last = l->ndim - 1;
    int64_t row = l->dim[last], column = *position % row, r = *position / row, rows = *left / row;
    if (*left == 0)
        return false;
    piece->columns = row - column < *left ? row - column : *left;
    piece->rows = 1;
    piece->offset = column * l->stride[last] + tp__offset_at(last, l->dim, l->stride, r);
    if (column == 0 && rows > 1 && last > 0) {
        int64_t rest = l->dim[last - 1] - r % l->dim[last - 1];
        piece->rows = rest < rows ? rest : rows;
    }
    *position += piece->rows * piece->columns;
    *left -= piece->rows * piece->columns;
    return true;
}

static void gather_pieces(const tp__layout *l, size_t size, const void *strided, int64_t begin, int64_t n, void *dense)
{
    int last = l->ndim - 1;
    tp__piece at;
    for (char *to = dense; tp__next_piece(l, &begin, &n, &at); to += (size_t)(at.rows * at.columns) * size)
        tp__copy_plane(size,
                       (tp__plane){at.rows, at.columns, at.columns, 1, last ? l->stride[last - 1] : 0, l->stride[last]},
                       to, (const char *)strided + at.offset * (int64_t)size);
}

/* Small planes of the last two dimensions, one after another: each of their rows by a plane of its own, of all of them. Returns
 * how many of the n elements from `begin` on, where a plane begins, are done so. */
static int64_t gather_planes(const tp__layout *l, size_t size, const void *strided, int64_t begin, int64_t n,
                             void *dense)
{
    int last = l->ndim - 1;
    int64_t rows = l->dim[last - 1], columns = l->dim[last], plane = rows * columns, which = begin / plane;
    int64_t rest = l->dim[last - 2] - which % l->dim[last - 2], planes = n / plane < rest ? n / plane : rest;
    const char *from = (const char *)strided + tp__offset_at(last - 1, l->dim, l->stride, which) * (int64_t)size;
    for (int64_t r = 0; r < rows; r++)
        tp__copy_plane(size, (tp__plane){planes, columns, plane, 1, l->stride[last - 2], l->stride[last]},
                       (char *)dense + (size_t)(r * columns) * size, from + r * l->stride[last - 1] * (int64_t)size);
    return planes * plane;
}

void tp__gather_span(const tp__layout *l, size_t size, const void *strided, int64_t begin, int64_t n, void *dense)
{
    int last = l->ndim - 1;
    int64_t plane = last > 1 ? l->dim[last] * l->dim[last - 1] : SMALL_PLANE + 1;
    while (plane <= SMALL_PLANE && n > 0) {
        int64_t to_plane = begin % plane ? plane - begin % plane : 0, now = to_plane < n ? to_plane : n;
        if (now == 0 && n / plane < l->dim[last - 1])
            break;
        if (now == 0)
            now = gather_planes(l, size, strided, begin, n, dense);
        else
            gather_pieces(l, size, strided, begin, now, dense);
        dense = (char *)dense + (size_t)now * size;
        begin += now;
        n -= now;
    }
    gather_pieces(l, size, strided, begin, n, dense);
}

static void scatter_span(const tp__layout *l, size_t size, void *strided, int64_t begin, int64_t n, const void *dense)
{
    int last = l->ndim - 1;
    tp__piece at;
    for (const char *from = dense; tp__next_piece(l, &begin, &n, &at); from += (size_t)(at.rows * at.columns) * size)
        tp__copy_plane(size,
                       (tp__plane){at.rows, at.columns, last ? l->stride[last - 1] : 0, l->stride[last], at.columns, 1},
                       (char *)strided + at.offset * (int64_t)size, from);
}

int64_t tp__layout_of(tp__layout *l, tp_dims shape, const int64_t *stride)
{
    int64_t n = 1;
    l->ndim = 0;
    for (int d = 0; d < shape.ndim; d++) {
        n *= shape.dim[d];
        if (shape.dim[d] == 1)
            continue;
        int last = l->ndim - 1;
        if (last >= 0 && l->stride[last] == stride[d] * shape.dim[d]) {
            l->dim[last] *= shape.dim[d];
            l->stride[last] = stride[d];
        } else {
            l->dim[l->ndim] = shape.dim[d];
            l->stride[l->ndim++] = stride[d];
        }
    }
    if (l->ndim == 0) {
        l->ndim = 1;
        l->dim[0] = l->stride[0] = 1;
    }
    return n;
}

/* Strided memory on one side, its row-major counterpart on the other. */
typedef struct {
    tp__layout l;
    char *dense;
    char *strided;
    size_t size, to_size;
    tp_dtype to, from; /* where they differ, a block is gathered, then converted */
    bool out;          /* strided is the destination */
} walk;

static void copy_range(int64_t begin, int64_t end, void *user)
{
    const walk *w = user;
    if (w->out) {
        scatter_span(&w->l, w->size, w->strided, begin, end - begin, w->dense + (size_t)begin * w->size);
        return;
    }
    if (w->to == w->from) {
        tp__gather_span(&w->l, w->size, w->strided, begin, end - begin, w->dense + (size_t)begin * w->size);
        return;
    }
    _Alignas(TP__WIDEST) char raw[BLOCK];
    int64_t block = BLOCK / (int64_t)w->size;
    for (int64_t at = begin; at < end; at += block) {
        int64_t n = end - at < block ? end - at : block;
        tp__gather_span(&w->l, w->size, w->strided, at, n, raw);
        TP__PICK(tp__copy_table)->convert[w->from][w->to](n, w->dense + (size_t)at * w->to_size, raw);
    }
}

/* The same by whole rows, so that planes are as tall as they can be. */
static void copy_rows_range(int64_t begin, int64_t end, void *user)
{
    const walk *w = user;
    int64_t row = w->l.dim[w->l.ndim - 1];
    copy_range(begin * row, end * row, user);
}

static void walk_over(walk *w, int64_t n)
{
    int64_t row = w->l.dim[w->l.ndim - 1];
    if (row <= GRAIN / TILE && w->l.ndim > 1)
        tp__parallel_for(n / row, GRAIN / row, copy_rows_range, w);
    else
        tp__parallel_for(n, GRAIN, copy_range, w);
}

void tp__copy(tp_dims shape, void *out, tp_dtype out_dtype, const tp__operand *in)
{
    walk w = {.dense = out,
              .strided = (char *)(uintptr_t)in->data,
              .size = tp_dtype_size(in->dtype),
              .to = out_dtype,
              .from = in->dtype,
              .to_size = tp_dtype_size(out_dtype)};
    int64_t n = tp__layout_of(&w.l, shape, in->stride);
    if (n == 0)
        return;
    if (w.l.ndim == 1 && w.l.stride[0] == 1)
        tp__convert(n, out, out_dtype, in->data, in->dtype);
    else
        walk_over(&w, n);
}

void tp__copy_out(tp_dims shape, void *out, const int64_t *out_stride, const void *in, tp_dtype dtype)
{
    walk w = {.dense = (char *)(uintptr_t)in,
              .strided = out,
              .size = tp_dtype_size(dtype),
              .out = true,
              .to = dtype,
              .from = dtype,
              .to_size = tp_dtype_size(dtype)};
    int64_t n = tp__layout_of(&w.l, shape, out_stride);
    if (n > 0)
        walk_over(&w, n);
}

/* ---- rolling ------------------------------------------------------------------------------------------------- */

/* Rows: what the last dimension that is shifted and those after it hold. */
typedef struct {
    int ndim; /* of the dimensions before them */
    const int64_t *dim, *shift;
    size_t row, late; /* bytes; those that go from a row's end to its start */
    const char *in;
    char *out;
} turn;

static void roll_range(int64_t begin, int64_t end, void *user)
{
    const turn *t = user;
    for (int64_t r = begin; r < end; r++) {
        int64_t from = 0, step = 1, rest = r;
        for (int d = t->ndim - 1; d >= 0; d--) {
            int64_t i = rest % t->dim[d] - t->shift[d];
            from += (i < 0 ? i + t->dim[d] : i) * step;
            step *= t->dim[d];
            rest /= t->dim[d];
        }
        const char *in = t->in + (size_t)from * t->row;
        char *out = t->out + (size_t)r * t->row;
        tp__copy_bytes(out, in + t->row - t->late, t->late);
        tp__copy_bytes(out + t->late, in, t->row - t->late);
    }
}

void tp__roll(size_t size, tp_dims shape, const int64_t *shift, const void *in, void *out)
{
    turn t = {.dim = shape.dim, .shift = shift, .row = size, .in = in, .out = out};
    int64_t rows = 1;
    int last = shape.ndim - 1;
    while (last > 0 && shift[last] == 0)
        t.row *= (size_t)shape.dim[last--];
    if (last >= 0) {
        t.late = t.row * (size_t)shift[last];
        t.row *= (size_t)shape.dim[last];
    }
    for (t.ndim = last > 0 ? last : 0; last > 0; last--)
        rows *= shape.dim[last - 1];
    tp__parallel_for(rows, 1 + GRAIN * 8 / (int64_t)t.row, roll_range, &t);
}

/* ---- filling, adding -------------------------------------------------------------------------------------------- */

typedef struct {
    char *y;
    const char *x;
    tp_dtype dtype;
    double a;
    tp__bits128 bits;
} vector;

static void fill_range(int64_t begin, int64_t end, void *user)
{
    const vector *v = user;
    size_t size = tp_dtype_size(v->dtype);
    char *y = v->y + (size_t)begin * size;
    int64_t n = end - begin;
    if (v->bits == 0)
        memset(y, 0, (size_t)n * size);
    else
        tp__copy_run(size, n, y, 1, &v->bits, 0);
}

void tp__fill(int64_t n, void *out, tp_dtype dtype, double value)
{
    vector v = {.y = out, .dtype = dtype};
    tp__store(&v.bits, dtype, value);
    tp__parallel_for(n, GRAIN, fill_range, &v);
}

static void axpy_range(int64_t begin, int64_t end, void *user)
{
    const vector *v = user;
    if (v->dtype == TP_F32) {
        float *restrict y = (float *)(void *)v->y, a = (float)v->a;
        const float *x = (const float *)(const void *)v->x;
        for (int64_t i = begin; i < end; i++)
            y[i] += a * x[i];
    } else {
        double *restrict y = (double *)(void *)v->y, a = v->a;
        const double *x = (const double *)(const void *)v->x;
        for (int64_t i = begin; i < end; i++)
            y[i] += a * x[i];
    }
}

void tp__axpy(int64_t n, tp_dtype dtype, double a, const void *x, void *y)
{
    vector v = {.y = y, .x = x, .dtype = dtype, .a = a};
    tp__parallel_for(n, GRAIN, axpy_range, &v);
}
