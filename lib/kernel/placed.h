/* placed.h - products with pixels side by side as rows and channels as columns, compiled for each instruction set
 * (vec_placed.c): what conv_pixels.c and conv_winograd.c are made of. */
#ifndef TAPIR_KERNEL_PLACED_H
#define TAPIR_KERNEL_PLACED_H

#include "kernel/kernel.h"

enum {
    TP__PLACED_LANES = 16,       /* channels that are moved at once; rows of matrices are multiples of them */
    TP__PLACED_PANEL_BYTES = 256 /* of a row of columns that are multiplied at once */
};

typedef struct {
    /* pixels[place[i]], ... of 16 elements = element i of each of at most 16 channels, `plane` elements apart; 0 of others. */
    void (*gather)(int64_t n, const int32_t *place, int64_t channels, const void *x, int64_t plane, void *pixels);
    /* The other way, plus a number for each channel where `bias` is not NULL, and with `accumulate` added to what is there. */
    void (*scatter)(int64_t n, const int32_t *place, int64_t channels, const void *pixels, const void *bias,
                    bool accumulate, void *y, int64_t plane);
    /* c [m, n] (+)= A [m, k] b [k, n] where A_ij = a[row[i] + column[j]]; n a multiple of 16, of a panel at most */
    void (*multiply)(int64_t m, int64_t n, int64_t k, const void *a, const int32_t *row, const int32_t *column,
                     const void *b, int64_t ldb, bool accumulate, void *c, int64_t ldc);
} tp__placed_kernels;

typedef struct {
    tp__placed_kernels of[2]; /* by float64 */
} tp__placed_table;

TP__TABLE_OF(tp__placed_table, tp__placed_table);

#endif
