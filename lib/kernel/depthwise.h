/* depthwise.h - planes that are made of one plane each, compiled for each instruction set (vec_depthwise.c): what
 * conv_depthwise.c is made of. */
#ifndef TAPIR_KERNEL_DEPTHWISE_H
#define TAPIR_KERNEL_DEPTHWISE_H

#include "kernel/kernel.h"

enum { TP__DEPTHWISE_WIDE = 64 }; /* columns of a kernel, at most */

/* Rows of `columns` results, each `pitch` on from the last, and a buffer x, where a result's place is `step` on from that of
 * the row before, and what kernel row i and column j read for it lies i tap + at[j] from there; a vector beyond the last column may
 * be read, too. */
typedef struct {
    int64_t columns, pitch, step, tap, kernel[2], at[TP__DEPTHWISE_WIDE];
} tp__depthwise;

typedef struct {
    /* y = sums over the kernel of w x, plus bias where it is not NULL, plus y where asked */
    void (*sums)(const tp__depthwise *d, int64_t rows, const void *x, const void *w, const void *bias, bool accumulate,
                 void *y);
    /* of each place of the kernel a vector: += products of y and what is read there */
    void (*products)(const tp__depthwise *d, int64_t rows, const void *x, const void *y, void *vectors);
    /* of n such vectors, their elements added up */
    void (*add_up)(int64_t n, const void *vectors, void *sums);
    /* rows of n elements to even ones and odd ones, and back */
    void (*split)(int64_t rows, int64_t n, const void *x, int64_t x_row, void *even, void *odd, int64_t row);
    void (*join)(int64_t rows, int64_t n, const void *even, const void *odd, int64_t row, void *y, int64_t y_row);
} tp__depthwise_kernels;

typedef struct {
    tp__depthwise_kernels of[2]; /* by float64 */
} tp__depthwise_table;

TP__TABLE_OF(tp__depthwise_table, tp__depthwise_table);

#endif
