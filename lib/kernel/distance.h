/* distance.h - distances between rows, compiled for each instruction set. */
#ifndef TAPIR_KERNEL_DISTANCE_H
#define TAPIR_KERNEL_DISTANCE_H

#include "kernel/kernel.h"

typedef enum { TP__COUNT, TP__TAXICAB, TP__EUCLID, TP__LARGEST, TP__ANY_ORDER } tp__metric;

/* Rows are worked on by so many at a time: of y forward, of gx backward. */
enum { TP__DISTANCE_ROWS = 16, TP__DISTANCE_WIDE = 32 };

/* Of `batch` pairs of matrices a [n, d] and b [m, d], all distances y [n, m]; `triangle`: b is a, and of y are the m - 1 - i
 * elements of row i that lie right of the diagonal, one row after the other. */
typedef struct {
    tp__metric metric;
    double p;
    bool triangle;
    int64_t n, m, d;
    const void *a, *b;
    void *y;
    const void *g; /* the gradient of y; NULL forward */
    void *gx;      /* backward: of a, or with `of_b` of b */
    bool of_b, accumulate;
    tp__block_fn power; /* x^p of a block of the dtype */
} tp__distances;

/* Over blocks of rows, numbered through all of the batch; backward over wide ones of gx. By [dtype == TP_F64]. */
typedef struct {
    tp__range_fn forward[2], backward[2];
} tp__distance_table;

TP__TABLE_OF(tp__distance_table, tp__distance_table);

#endif
