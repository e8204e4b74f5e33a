/* variance.h - sums of elements and of the squares of their distances from a mean, compiled for each instruction set. */
#ifndef TAPIR_KERNEL_VARIANCE_H
#define TAPIR_KERNEL_VARIANCE_H

#include "kernel/kernel.h"

enum { TP__SPREAD_COLUMNS = 128 };

/* What gradients are made of, of each of some results: their means, and factor, divisor and shift of distances from them. */
typedef struct {
    double mean[TP__SPREAD_COLUMNS], factor[TP__SPREAD_COLUMNS], by[TP__SPREAD_COLUMNS], shift[TP__SPREAD_COLUMNS];
    bool divides; /* is a divisor not 1? */
} tp__spread;

/* By [dtype == TP_F64]; all sums are in double. */
typedef struct {
    double (*sum[2])(int64_t n, const void *x);
    double (*squares[2])(int64_t n, const void *x, double mean);
    /* sum[c] += x[r stride + c], or the square of its distance from mean[c]; mean may be NULL */
    void (*columns[2])(int64_t rows, int64_t stride, int64_t columns, const void *x, const double *mean, double *sum);
    /* gx (+)= (x - mean) / by factor + shift, by the first of `from` */
    void (*slope[2])(int64_t n, const void *x, const tp__spread *from, void *gx, bool accumulate);
    /* the same of a row of columns, by each its own */
    void (*slope_columns[2])(int64_t columns, const void *x, const tp__spread *from, void *gx, bool accumulate);
} tp__variance_table;

TP__TABLE_OF(tp__variance_table, tp__variance_table);

#endif
