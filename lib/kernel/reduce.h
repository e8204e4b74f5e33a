/* reduce.h - chunk functions of the reductions, compiled for each instruction set. */
#ifndef TAPIR_KERNEL_REDUCE_H
#define TAPIR_KERNEL_REDUCE_H

#include "kernel/kernel.h"

enum { TP__REDUCTIONS = TP__NORM_MIN + 1, TP__ROW_CHUNK = 4096, TP__COLUMN_CHUNK = 32, TP__COLUMNS = 128 };

/* What a reduction gathers in: double for sums and products of floats (and of their absolutes and squares), int64_t for
 * those of integers, the dtype itself for the largest and smallest, uint8_t for all and any. */
typedef struct {
    size_t size; /* of that */
    /* *acc = *acc with the n contiguous elements taken in, n at most TP__ROW_CHUNK */
    void (*row)(int64_t n, const void *in, void *acc);
    /* acc[c] for c < columns, of `rows` rows, `stride` elements apart; at most COLUMN_CHUNK rows of COLUMNS */
    void (*columns)(int64_t rows, int64_t stride, int64_t columns, const void *in, void *acc);
    void (*start)(void *acc); /* the neutral element */
    void (*join)(const void *from, void *acc);
} tp__reducer;

typedef struct {
    tp__reducer of[TP__REDUCTIONS][TP_DTYPES];
} tp__reduce_table;

TP__TABLE_OF(tp__reduce_table, tp__reduce_table);

#endif
