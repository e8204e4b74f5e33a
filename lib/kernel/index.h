/* index.h - moving elements by an index. Positions are checked: each function returns the flat position in
 * the index of the first that is out of range, or -1. */
#ifndef TAPIR_KERNEL_INDEX_H
#define TAPIR_KERNEL_INDEX_H

#include "kernel/kernel.h"

/* The first of n positions that is outside of [low, low + size), or -1; low + size - 1 is an int64. */
int64_t tp__out_of_range(int64_t n, int64_t low, int64_t size, const int64_t *index);

/* out[i][j] = x[index[i][j]][j] for dim 0, and so on; index and out row-major of `shape`. */
int64_t tp__gather(tp_dtype dtype, tp_dims shape, int dim, int64_t size, const int64_t *x_stride, const void *x,
                   const int64_t *index, void *out);
/* out[index[i][j]][j] = (or +=, *=, the larger of both, NaN before all, the smaller) src[i][j], in row-major order */
typedef enum { TP__PUT, TP__ADD_TO, TP__TIMES, TP__LARGER, TP__SMALLER } tp__combine;
int64_t tp__scatter(tp__combine how, tp_dtype dtype, tp_dims shape, int dim, int64_t size, const int64_t *out_stride,
                    void *out, const int64_t *index, const int64_t *src_stride, const void *src);
/* out [outer, n, inner] = x [outer, size, inner] at the n positions */
int64_t tp__index_select(tp_dtype dtype, int64_t outer, int64_t size, int64_t inner, int64_t n, const void *x,
                         const int64_t *index, void *out);
/* out [outer, size, inner] = (or +=) src [outer, n, inner] at the n positions, in order; or src [outer, 1, inner] at all of
 * them, where it is `same` */
int64_t tp__index_place(tp__combine how, tp_dtype dtype, int64_t outer, int64_t size, int64_t inner, int64_t n,
                        void *out, const int64_t *index, const void *src, bool same);

/* Values of `shape` are put in row-major order at places of these strides; along `dim` (-1: none) it is the index that
 * counts. kept[i] = is the i-th there in the end, or has a later one its place? Returns how many are not. `seen` is a zeroed
 * byte a place. */
int64_t tp__survivors(tp_dims shape, const int64_t *stride, int dim, const int64_t *index, uint8_t *seen,
                      uint8_t *kept);

/* Compiled for each instruction set. */
typedef struct {
    bool (*inside)(int64_t n, int64_t low, uint64_t last,
                   const int64_t *index); /* is all of it in [low, low + last]? */
} tp__index_table;

TP__TABLE_OF(tp__index_table, tp__index_table);

#endif
