/* reduce.c - reductions over the middle of [outer, n, inner].
 *
 * Defined over chunks whose bounds depend on sizes alone, joined in order, floats in double: the bits
 * do not depend on the number of threads.
 */
#include "kernel/reduce.h"

#include <math.h>
#include <string.h>

enum { WORK = 32768, MAX_CHUNKS = 128, WIDEST = 8 };

static const tp__reducer *reducer(tp__reduction kind, tp_dtype dtype)
{
    return &TP__PICK(tp__reduce_table)->of[kind][dtype];
}

typedef struct {
    const tp__reducer *r;
    tp__reduction kind;
    tp_dtype dtype;
    int64_t n, inner, chunk;
    const char *in;
    char *out;
    size_t in_size, out_size;
    bool accumulate;
    char *partial; /* of the chunks of one long row */
} job;

/* An accumulator to an element of the output. */
static void put(const job *j, const char *acc, char *out)
{
    if (j->kind == TP__SUM || j->kind == TP__PROD) {
        if (j->dtype == TP_F32) {
            float v = (float)*(const double *)(const void *)acc;
            *(float *)(void *)out = j->accumulate ? *(float *)(void *)out + v : v;
        } else if (j->dtype == TP_F64) {
            double v = *(const double *)(const void *)acc;
            *(double *)(void *)out = j->accumulate ? *(double *)(void *)out + v : v;
        } else {
            memcpy(out, acc, sizeof(int64_t));
        }
        return;
    }
    memcpy(out, acc, j->r->size);
}

static void row_into(const job *j, const char *in, int64_t n, char *acc)
{
    for (int64_t at = 0; at < n; at += TP__ROW_CHUNK)
        j->r->row(n - at < TP__ROW_CHUNK ? n - at : TP__ROW_CHUNK, in + (size_t)at * j->in_size, acc);
}

static void rows_range(int64_t begin, int64_t end, void *user)
{
    const job *j = user;
    double acc;
    for (int64_t o = begin; o < end; o++) {
        j->r->start(&acc);
        row_into(j, j->in + (size_t)(o * j->n) * j->in_size, j->n, (char *)&acc);
        put(j, (char *)&acc, j->out + (size_t)o * j->out_size);
    }
}

static void chunks_range(int64_t begin, int64_t end, void *user)
{
    const job *j = user;
    for (int64_t k = begin; k < end; k++) {
        int64_t at = k * j->chunk, n = j->n - at < j->chunk ? j->n - at : j->chunk;
        char *acc = j->partial + k * WIDEST;
        j->r->start(acc);
        row_into(j, j->in + (size_t)at * j->in_size, n, acc);
    }
}

/* One long row, by at most MAX_CHUNKS stretches of whole chunks. */
static void long_row(job *j, const char *in, char *out)
{
    double partial[MAX_CHUNKS], acc;
    int64_t chunks = (j->n + TP__ROW_CHUNK - 1) / TP__ROW_CHUNK;
    j->chunk = (chunks + MAX_CHUNKS - 1) / MAX_CHUNKS * TP__ROW_CHUNK;
    j->partial = (char *)partial;
    j->in = in;
    chunks = (j->n + j->chunk - 1) / j->chunk;
    tp__parallel_for(chunks, 1 + (WORK - 1) / j->chunk, chunks_range, j);
    j->r->start(&acc);
    for (int64_t k = 0; k < chunks; k++)
        j->r->join(j->partial + k * WIDEST, &acc);
    put(j, (char *)&acc, out);
}

/* Blocks of columns [begin, end), numbered through all outer slices. */
static void columns_range(int64_t begin, int64_t end, void *user)
{
    const job *j = user;
    int64_t blocks = (j->inner + TP__COLUMNS - 1) / TP__COLUMNS;
    double space[TP__COLUMNS];
    char *acc = (char *)space;
    for (int64_t b = begin; b < end; b++) {
        int64_t outer = b / blocks, column = b % blocks * TP__COLUMNS;
        int64_t width = j->inner - column < TP__COLUMNS ? j->inner - column : TP__COLUMNS;
        const char *in = j->in + (size_t)(outer * j->n * j->inner + column) * j->in_size;
        for (int64_t c = 0; c < width; c++)
            j->r->start(acc + (size_t)c * j->r->size);
        for (int64_t at = 0; at < j->n; at += TP__COLUMN_CHUNK)
            j->r->columns(j->n - at < TP__COLUMN_CHUNK ? j->n - at : TP__COLUMN_CHUNK, j->inner, width,
                          in + (size_t)(at * j->inner) * j->in_size, acc);
        for (int64_t c = 0; c < width; c++)
            put(j, acc + (size_t)c * j->r->size, j->out + (size_t)(outer * j->inner + column + c) * j->out_size);
    }
}

void tp__reduce(tp__reduction kind, tp_dtype dtype, int64_t outer, int64_t n, int64_t inner, const void *in, void *out,
                bool accumulate)
{
    job j = {.r = reducer(kind, dtype),
             .kind = kind,
             .dtype = dtype,
             .n = n,
             .inner = inner,
             .in = in,
             .out = out,
             .in_size = tp_dtype_size(dtype),
             .accumulate = accumulate};
    bool wide = kind == TP__SUM || kind == TP__PROD;
    j.out_size = wide && !tp_dtype_is_float(dtype) ? sizeof(int64_t) : wide ? j.in_size : j.r->size;
    if (outer == 0 || inner == 0)
        return;
    if (inner > 1) {
        int64_t blocks = outer * ((inner + TP__COLUMNS - 1) / TP__COLUMNS);
        tp__parallel_for(blocks, 1 + WORK / (TP__COLUMNS * (n + 1)), columns_range, &j);
    } else if (n > WORK) {
        for (int64_t o = 0; o < outer; o++)
            long_row(&j, (const char *)in + (size_t)(o * n) * j.in_size, (char *)out + (size_t)o * j.out_size);
    } else {
        tp__parallel_for(outer, 1 + WORK / (n + 1), rows_range, &j);
    }
}

/* ---- where the largest is ---------------------------------------------------------------------------------- */

/* x is taken in place of what was best so far: NaN before all, the first of equals. */
/* clang-format off */
#define ARG(id, R, better)                                                                         \
    static void id(int64_t n, int64_t stride, const void *in, void *out, int64_t *index)           \
    { const R *v = in; R a = v[0]; int64_t at = 0;                                                 \
      for (int64_t i = 1; i < n; i++) { R x = v[i * stride]; if (a == a && (x != x || (better))) { a = x; at = i; } } \
      *(R *)out = a; *index = at; }
#define ARGS(R, S) ARG(argmax_##S, R, x > a) ARG(argmin_##S, R, x < a)
ARGS(float, f32)
ARGS(double, f64)
ARGS(int32_t, i32)
ARGS(int64_t, i64)
ARGS(uint8_t, u8)
/* clang-format on */

typedef void (*arg_fn)(int64_t n, int64_t stride, const void *in, void *out, int64_t *index);
static const arg_fn arg_fns[2][TP_DTYPES] = {
    {argmax_f32, argmax_f64, argmax_i32, argmax_i64, argmax_u8, argmax_u8},
    {argmin_f32, argmin_f64, argmin_i32, argmin_i64, argmin_u8, argmin_u8},
};

typedef struct {
    arg_fn fn;
    const char *in;
    char *out;
    int64_t *index, n, inner;
    size_t size;
} arg_job;

static void arg_range(int64_t begin, int64_t end, void *user)
{
    const arg_job *j = user;
    for (int64_t k = begin; k < end; k++) {
        int64_t outer = k / j->inner, column = k % j->inner;
        j->fn(j->n, j->inner, j->in + (size_t)(outer * j->n * j->inner + column) * j->size,
              j->out + (size_t)k * j->size, &j->index[k]);
    }
}

void tp__reduce_arg(tp__reduction kind, tp_dtype dtype, int64_t outer, int64_t n, int64_t inner, const void *in,
                    void *out, int64_t *index)
{
    arg_job j = {arg_fns[kind == TP__MIN][dtype], in, out, index, n, inner, tp_dtype_size(dtype)};
    tp__parallel_for(outer * inner, 1 + WORK / n, arg_range, &j);
}
