/* softmax.h - softmax over rows, compiled for each instruction set. */
#ifndef TAPIR_KERNEL_SOFTMAX_H
#define TAPIR_KERNEL_SOFTMAX_H

#include "kernel/kernel.h"

/* Rows of n elements: x to y forward, y and g to gx backward. */
typedef struct {
    int64_t n, inner; /* inner: of columns, [n, inner] */
    const void *x, *g;
    void *y;
    bool log, accumulate;
} tp__softmax_rows;

typedef struct {
    tp__range_fn forward[2][2], backward[2][2];         /* by logarithm, by float64 */
    tp__range_fn log_sum[2][2], log_sum_backward[2][2]; /* by columns, by float64 */
} tp__softmax_table;

TP__TABLE_OF(tp__softmax_table, tp__softmax_table);

#endif
