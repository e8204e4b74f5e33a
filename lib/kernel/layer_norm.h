/* layer_norm.h - normalization of rows, compiled for each instruction set. Rows are one thread's each, short ones go many at
 * once (turn.h); few rows that are long are cut into pieces. */
#ifndef TAPIR_KERNEL_LAYER_NORM_H
#define TAPIR_KERNEL_LAYER_NORM_H

#include "kernel/turn.h"

/* Rows of n elements; weight and bias [n] or NULL. */
typedef struct {
    int64_t n, rows;
    double eps;
    const void *x, *weight, *bias, *g;
    void *y;          /* the output, or the gradient of x */
    void *partial[2]; /* gradients of weight and bias, [chunks, n]; NULL: not wanted */
    bool accumulate;
    bool about_zero; /* squares are about 0, not the mean */
} tp__norm_rows;

typedef struct {
    tp__range_fn forward[2], backward[2]; /* by float64; over rows, over chunks of rows */
    /* Of a piece of a row, as if that were one: what belongs to the whole row is given. Sums are those of its elements, of the
     * squares about a mean; of g w and of g w xhat. Gradients of weight and bias are added to partial[0] and [1]. */
    double (*piece_sum[2])(const tp__norm_rows *piece);
    double (*piece_squares[2])(const tp__norm_rows *piece, double mean);
    void (*piece_forward[2])(const tp__norm_rows *piece, double mean, double rstd);
    void (*piece_dots[2])(const tp__norm_rows *piece, double mean, double rstd, double to[2]);
    void (*piece_backward[2])(const tp__norm_rows *piece, double mean, double rstd, double shift, double slope);
} tp__norm_table;

TP__TABLE_OF(tp__norm_table, tp__norm_table);

/* Rows whose gradients of weight and bias gather in one partial sum. */
static inline int64_t tp__norm_chunk(int64_t n) { return n <= TP__SHORT ? 512 : 64; }

/* As tp__layer_norm and its backward (kernel.h), by squares about 0, without a bias: gin[2] is NULL. */
void tp__rms_norm(tp_dtype dtype, int64_t rows, int64_t n, double eps, const void *x, const void *weight, void *y);
void tp__rms_norm_backward(tp_dtype dtype, int64_t rows, int64_t n, double eps, const void *x, const void *weight,
                           const void *g, void *const gin[3], uint32_t fresh, void *scratch);

#endif
