/* search.h - where values lie among boundaries, and how many are where. */
#ifndef TAPIR_KERNEL_SEARCH_H
#define TAPIR_KERNEL_SEARCH_H

#include "kernel/kernel.h"

/* index[i] = how many of the m ascending boundaries are below value i (right: or equal to it). Row r of `rows` rows
 * of boundaries is for the values [r * each, (r + 1) * each); NaN counts as above all. Not for booleans. */
void tp__search(tp_dtype dtype, bool right, int64_t rows, int64_t m, int64_t each, const void *bounds,
                const void *values, int64_t *index);

/* The least and the most of n > 0 numbers. */
void tp__extent(int64_t n, const int64_t *x, int64_t *least, int64_t *most);
/* out[x[i] - low] += weight[i], or 1 where there is no weight (then out is int64). Returns the position of the first x
 * outside of [low, low + bins), or -1. */
int64_t tp__count(int64_t n, const int64_t *x, int64_t low, int64_t bins, tp_dtype weight_dtype, const void *weight,
                  void *out);

/* Bins of a histogram: how the one of a value is found from the edges. */
typedef enum {
    TP__BIN_SEARCH, /* by bisection                                            */
    TP__BIN_EVEN,   /* edges lie evenly: by proportion                         */
    TP__BIN_NEAR    /* the same, then the neighbours' edges are looked at too  */
} tp__bin_rule;

typedef struct {
    tp_dtype dtype; /* of points, edges, weight */
    tp__bin_rule rule;
    int dims;
    int64_t bins[TP_MAX_DIMS];
    const void *edge[TP_MAX_DIMS]; /* bins + 1 of them */
} tp__bins;

/* out [bins...] += weight (or 1) of each of the points [n, dims] that lie within the edges; the last bin has its
 * right edge as well. */
void tp__histogram(const tp__bins *b, int64_t n, const void *points, const void *weight, double *out);

#endif
