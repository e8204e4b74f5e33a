/* reduce.h - chunk functions of the reductions, compiled for each instruction set. */
#ifndef TAPIR_KERNEL_REDUCE_H
#define TAPIR_KERNEL_REDUCE_H

#include "kernel/elementwise.h"

enum {
    TP__REDUCTIONS = TP__NORM_MIN + 1,
    TP__ROW_CHUNK = 4096,
    TP__COLUMN_CHUNK = 32,
    TP__COLUMNS = 128,
    TP__FEW_ROWS = 8,
    TP__SLOPES = 256
};

/* What a reduction gathers in: double for sums and products of floats (and of their absolutes and squares), int64_t for
 * those of integers, the dtype itself for the largest and smallest, uint8_t for all and any. */
typedef struct {
    size_t size; /* of that */
    /* *acc = *acc with the n contiguous elements taken in, n at most TP__ROW_CHUNK */
    void (*row)(int64_t n, const void *in, void *acc);
    /* acc[r], set, of rows `apart` elements apart */
    void (*rows)(int64_t rows, int64_t apart, int64_t n, const void *in, void *acc);
    /* acc[c] for c < columns, of `rows` rows, `stride` elements apart; at most COLUMN_CHUNK rows of COLUMNS. `fresh`: there
     * is nothing in acc yet. */
    void (*columns)(int64_t rows, int64_t stride, int64_t columns, const void *in, void *acc, bool fresh);
    void (*start)(void *acc); /* the neutral element */
    void (*join)(const void *from, void *acc);
} tp__reducer;

/* Where the first element is that equals the largest or smallest, which is among them; NaN equals NaN. */
typedef struct {
    int64_t (*row)(int64_t n, const void *in, const void *best);
    /* of rows `stride` elements apart, in each of at most TP__COLUMNS columns */
    void (*columns)(int64_t rows, int64_t stride, int64_t columns, const void *in, const void *best, int64_t *index);
} tp__finder;

/* gx (+)= g sign x (|x| / y)^(p-1): blocks of a row of `inner` columns, each with its own y and g, or of a row of n elements
 * that share one. */
typedef struct {
    double p;
    tp_dtype dtype;
    int64_t n, inner;
    const void *x, *y, *g;
    void *gx;
    bool accumulate;
    tp__block_fn power;
} tp__slopes;

TP__DTYPES_ARE(6); /* in vec_reduce.c, in their order; reduce.c gathers elements of at most 8 bytes */
typedef struct {
    tp__reducer of[TP__REDUCTIONS][TP_DTYPES];
    tp__finder find[TP_DTYPES];
    bool (*narrow)(int64_t n, const double *v, float *out); /* were all finite? */
    /* Sums of 2 to TP__FEW_ROWS rows, `stride` apart, by [dtype == TP_F64]: were all finite? */
    bool (*few_rows[2])(int64_t rows, int64_t stride, int64_t columns, const void *in, void *out);
    /* Of m elements at `at`, by [dtype == TP_F64]: all of the result k, for p 1 or 2; or at most TP__SLOPES, of the results from
     * k on, `step` (0 or 1) apart. */
    void (*row_slope[2])(const tp__slopes *w, int64_t at, int64_t m, int64_t k);
    void (*slope[2])(const tp__slopes *w, int64_t at, int64_t m, int64_t k, int64_t step);
} tp__reduce_table;

TP__TABLE_OF(tp__reduce_table, tp__reduce_table);

#endif
