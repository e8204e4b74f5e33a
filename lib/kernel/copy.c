/* copy.c - moving elements: conversion between dtypes, any layout to row-major and back, filling. */
#include "kernel/kernel.h"

#include <string.h>

enum { GRAIN = 32768, BLOCK = 1024, TILE = 16 };

/* ---- conversion of contiguous elements ------------------------------------------------------------------- */

#define WRAP64(x) ((int64_t)(x))
#define WRAP32(x) ((uint32_t)(uint64_t)(x))
/* clang-format off */
#define CONVERT(id, to, from, formula)                                                             \
    static void id(int64_t n, void *out, const void *in)                                           \
    { to *restrict o = out; const from *a = in; for (int64_t i = 0; i < n; i++) { from x = a[i]; o[i] = (to)(formula); } }
#define CONVERSIONS(from, S, TO64, TO32)                                                               \
    CONVERT(S##_to_f32, float, from, x)                                                            \
    CONVERT(S##_to_f64, double, from, x)                                                           \
    CONVERT(S##_to_i32, int32_t, from, TO32(x))                                                    \
    CONVERT(S##_to_i64, int64_t, from, TO64(x))                                                   \
    CONVERT(S##_to_u8, uint8_t, from, (uint64_t)TO64(x))                                          \
    CONVERT(S##_to_bool, uint8_t, from, x != 0)
CONVERSIONS(float, f32, tp__to_i64, tp__to_i32)
CONVERSIONS(double, f64, tp__to_i64, tp__to_i32)
CONVERSIONS(int32_t, i32, WRAP64, WRAP32)
CONVERSIONS(int64_t, i64, WRAP64, WRAP32)
CONVERSIONS(uint8_t, u8, WRAP64, WRAP32)
#define ROW(S) {S##_to_f32, S##_to_f64, S##_to_i32, S##_to_i64, S##_to_u8, S##_to_bool}
/* clang-format on */

typedef void (*convert_fn)(int64_t n, void *out, const void *in);
static const convert_fn conversions[TP_DTYPES][TP_DTYPES] = {ROW(f32), ROW(f64), ROW(i32), ROW(i64), ROW(u8), ROW(u8)};

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
        memcpy(out, in, (size_t)(end - begin) * to);
    else
        conversions[s->from][s->to](end - begin, out, in);
}

void tp__convert(int64_t n, void *out, tp_dtype to, const void *in, tp_dtype from)
{
    span s = {out, in, to, from};
    tp__parallel_for(n, GRAIN, convert_range, &s);
}

/* ---- strided memory ------------------------------------------------------------------------------------------ */

/* A walk over strided memory, its row-major counterpart on the other side. Neighbouring dimensions are joined
 * where they are walked as one. */
typedef struct {
    char *dense;
    char *strided;
    size_t size;
    int ndim;
    int64_t dim[TP_MAX_DIMS], stride[TP_MAX_DIMS];
    bool out;          /* strided is the destination */
    tp_dtype to, from; /* where they differ, a block is gathered, then converted */
    size_t to_size;
} walk;

static int64_t walk_init(walk *w, tp_dims shape, const int64_t *stride)
{
    int64_t n = 1;
    w->ndim = 0;
    for (int d = 0; d < shape.ndim; d++) {
        n *= shape.dim[d];
        if (shape.dim[d] == 1)
            continue;
        int last = w->ndim - 1;
        if (last >= 0 && w->stride[last] == stride[d] * shape.dim[d]) {
            w->dim[last] *= shape.dim[d];
            w->stride[last] = stride[d];
        } else {
            w->dim[w->ndim] = shape.dim[d];
            w->stride[w->ndim++] = stride[d];
        }
    }
    if (w->ndim == 0) {
        w->ndim = 1;
        w->dim[0] = w->stride[0] = 1;
    }
    return n;
}

/* clang-format off */
#define GATHER(name, type)                                                                         \
    static void name(int64_t n, void *to, int64_t ts, const void *from, int64_t fs)                \
    { type *o = to; const type *a = from; for (int64_t i = 0; i < n; i++) o[i * ts] = a[i * fs]; }
GATHER(run1, uint8_t)
GATHER(run4, uint32_t)
GATHER(run8, uint64_t)
/* clang-format on */

void tp__copy_run(size_t size, int64_t n, void *to, int64_t ts, const void *from, int64_t fs)
{
    if (ts == 1 && fs == 1)
        memcpy(to, from, (size_t)n * size);
    else if (size == 4)
        run4(n, to, ts, from, fs);
    else if (size == 8)
        run8(n, to, ts, from, fs);
    else
        run1(n, to, ts, from, fs);
}

/* The strided elements whose row-major positions are [begin, begin + n), from or to `dense`. */
static void copy_run(const walk *w, int64_t begin, int64_t n, char *dense)
{
    int inner = w->ndim - 1;
    int64_t row = w->dim[inner], step = w->stride[inner];
    for (int64_t done = 0; done < n;) {
        int64_t column = (begin + done) % row;
        int64_t offset = column * step + tp__offset_at(inner, w->dim, w->stride, (begin + done) / row);
        int64_t m = row - column < n - done ? row - column : n - done;
        char *here = w->strided + offset * (int64_t)w->size, *there = dense + (size_t)done * w->size;
        if (w->out)
            tp__copy_run(w->size, m, here, step, there, 1);
        else
            tp__copy_run(w->size, m, there, 1, here, step);
        done += m;
    }
}

static void copy_range(int64_t begin, int64_t end, void *user)
{
    const walk *w = user;
    if (w->to == w->from) {
        copy_run(w, begin, end - begin, w->dense + (size_t)begin * w->size);
        return;
    }
    uint64_t raw[BLOCK];
    for (int64_t at = begin; at < end; at += BLOCK) {
        int64_t n = end - at < BLOCK ? end - at : BLOCK;
        copy_run(w, at, n, (char *)raw);
        conversions[w->from][w->to](n, w->dense + (size_t)at * w->to_size, raw);
    }
}

/* Transposed matrices go by tiles, so that both sides use whole cache lines: rows [begin, end) of a stack
 * of matrices, given as rows of the last but one dimension. */
static void transpose_range(int64_t begin, int64_t end, void *user)
{
    const walk *w = user;
    int last = w->ndim - 1;
    int64_t rows = w->dim[last - 1], columns = w->dim[last];
    for (int64_t r = begin; r < end;) {
        int64_t in_matrix = r % rows, offset = tp__offset_at(last, w->dim, w->stride, r);
        int64_t m = rows - in_matrix < end - r ? rows - in_matrix : end - r;
        if (m > TILE)
            m = TILE;
        char *dense = w->dense + (size_t)(r * columns) * w->size;
        const char *from = w->strided + offset * (int64_t)w->size;
        for (int64_t c = 0; c < columns; c++)
            tp__copy_run(w->size, m, dense + (size_t)c * w->size, columns,
                         from + c * w->stride[last] * (int64_t)w->size, w->stride[last - 1]);
        r += m;
    }
}

void tp__copy(tp_dims shape, void *out, tp_dtype out_dtype, const tp__operand *in)
{
    walk w = {.dense = out,
              .strided = (char *)(uintptr_t)in->data,
              .size = tp_dtype_size(in->dtype),
              .to = out_dtype,
              .from = in->dtype,
              .to_size = tp_dtype_size(out_dtype)};
    int64_t n = walk_init(&w, shape, in->stride);
    int last = w.ndim - 1;
    if (n == 0)
        return;
    if (w.ndim == 1 && w.stride[0] == 1)
        tp__convert(n, out, out_dtype, in->data, in->dtype);
    else if (w.ndim >= 2 && w.to == w.from && w.stride[last - 1] == 1 && w.dim[last - 1] >= TILE && w.stride[last] != 0)
        tp__parallel_for(n / w.dim[last], 1 + GRAIN / w.dim[last], transpose_range, &w);
    else
        tp__parallel_for(n, GRAIN, copy_range, &w);
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
    int64_t n = walk_init(&w, shape, out_stride);
    if (n > 0)
        tp__parallel_for(n, GRAIN, copy_range, &w);
}

/* ---- filling, adding -------------------------------------------------------------------------------------------- */

typedef struct {
    char *y;
    const char *x;
    tp_dtype dtype;
    double a;
    uint64_t bits;
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
