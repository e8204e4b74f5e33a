/* pad.h - rows with more elements around them, or fewer: a value, or x's own. */
#ifndef TAPIR_KERNEL_PAD_H
#define TAPIR_KERNEL_PAD_H

#include "kernel/kernel.h"

/* y [n[0], ..., n[ndim - 1]] of x [in[0], ..., in[ndim - 1]]. Element i along a dimension is x's source[i]; -1: the value;
 * NULL: x's i. Of a row, the last dimension, elements [front, front + middle) are x's from `skip` on; those around it are the
 * value, or, where there are `edges`, x's edges[0], edges[1], ... one after the other, without the middle's. */
typedef struct {
    int ndim;
    int64_t n[TP_MAX_DIMS + 1], in[TP_MAX_DIMS + 1];
    const int64_t *source[TP_MAX_DIMS + 1];
    int64_t front, middle, skip;
    const int64_t *edges;
    tp_dtype dtype;
    double value;
    const void *x;
    void *y;
} tp__padding;

void tp__pad(const tp__padding *p);

#endif
