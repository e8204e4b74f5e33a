/* window.h - planes of 1 to 3 dimensions that are made of windows of others: sums with weights, and largest elements.
 *
 * Which elements a window has along one dimension is an axis, a table (window.c): what differs between pooling,
 * interpolation and padding is how that is filled. A plane of sums is the product of three sparse matrices with x, and its
 * gradient that of the transposed ones: no kernel scatters. The kernels (vec_window.c, compiled for each instruction set)
 * go over rows of the result: first the rows of x in its window as one row, contiguous, then columns.
 */
#ifndef TAPIR_KERNEL_WINDOW_H
#define TAPIR_KERNEL_WINDOW_H

#include "kernel/kernel.h"

/* The window of `o` are the elements at[start[o]] to at[start[o + 1] - 1] of n_in, ascending but for clamped ones. */
typedef struct {
    int64_t n_in, n_out;
    int64_t *start; /* [n_out + 1] */
    int64_t *at;
    double *weight;  /* as `at` */
    double *divisor; /* [n_out], or NULL: of the sum */
} tp__axis;

/* The axis of columns once more, element t of all windows side by side; -1 where a window has fewer. In [low, high) no one
 * is missing, and at[t][o] = at[t][low] + (o - low) step. */
typedef struct {
    int64_t taps, low, high, step;
    int32_t *at;  /* [taps, n_out] */
    void *weight; /* the same, of the dtype */
} tp__columns;

typedef struct {
    tp__axis axis[3]; /* depth, height, width */
    tp__columns columns;
    bool fast; /* there are columns, and a row of x fits in a scratch buffer where it needs one */
    bool accumulate;
    const void *x;
    void *y;
    int64_t *index; /* of the largest: its place in the plane of x */
} tp__windows;

/* Over rows of the result, numbered through all planes; by [dtype == TP_F64]. */
typedef struct {
    tp__range_fn sum[2], largest[2];
} tp__window_table;
TP__TABLE_OF(tp__window_table, tp__window_table);

/* Bytes that an axis of so many windows and elements needs; and its arrays there, `start` and the rest unset. */
size_t tp__axis_bytes(int64_t n_out, int64_t elements);
void tp__axis_at(tp__axis *axis, void *memory, int64_t n_in, int64_t n_out, int64_t elements, bool divides);
/* The transposed axis, with weights over divisors. */
void tp__axis_transpose(tp__axis *to, const tp__axis *from, void *memory);
/* Bytes that columns need, 0 where windows differ too much in size; and w->columns there. */
size_t tp__columns_bytes(const tp__windows *w, tp_dtype dtype);
void tp__columns_at(tp__windows *w, tp_dtype dtype, void *memory);

/* y (+)= the weighted sums of n planes. */
void tp__window_sums(tp_dtype dtype, int64_t planes, const tp__windows *w);
/* The largest of each window, which has one element at least, and the first place of it; NaN counts as the largest, then
 * the last. */
void tp__window_largest(tp_dtype dtype, int64_t planes, const tp__windows *w);

/* x [planes, size] (+)= g [planes, n] at these places. */
void tp__window_scatter(tp_dtype dtype, int64_t planes, int64_t size, int64_t n, const int64_t *index, const void *g,
                        void *x, bool accumulate);

#endif
