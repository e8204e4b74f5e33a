/* sort.h - sorting and selection along the middle of [outer, n, inner], contiguous.
 *
 * Values are compared as unsigned keys of the same order: NaN is the largest, -0 equals 0, equal ones stay in
 * their order. Results are row-major, with the middle as long as what is asked for.
 */
#ifndef TAPIR_KERNEL_SORT_H
#define TAPIR_KERNEL_SORT_H

#include "kernel/kernel.h"

typedef struct {
    tp_dtype dtype;
    int64_t outer, n, inner;
    const void *x;
} tp__lines;

typedef enum {
    TP__SORT,      /* all, in order                                                                           */
    TP__TOP,       /* the first k of them                                                                     */
    TP__KTH,       /* the k-th alone, k from 0                                                                */
    TP__MEDIAN,    /* the lower median; NaN where there is one                                                */
    TP__NANMEDIAN, /* the lower median of what is not NaN                                                     */
    TP__MODE       /* the last of the most frequent value, the smallest of equally frequent; NaN equals none  */
} tp__selection;

/* How many a line gives. */
int64_t tp__selected(tp__selection what, int64_t n, int64_t k);
/* Bytes that tp__select works in. */
size_t tp__select_space(const tp__lines *l);
/* values and index (either may be NULL) [outer, selected, inner]; n > 0 but for TP__SORT and TP__TOP */
void tp__select(tp__selection what, bool descending, int64_t k, const tp__lines *l, void *values, int64_t *index,
                void *space);

/* Equal slices x[:, i, :], n > 0 of them. `order` is the positions that sort the slices, compared element by element from
 * the first on; where `sorted` is false they stay as they are, and it is not used. group[i] numbers the runs of equal
 * neighbours in that order. */
size_t tp__group_space(const tp__lines *l, bool sorted);
void tp__group(bool sorted, const tp__lines *l, int64_t *order, int64_t *group, void *space);
/* start[g] = the position of group g's first, for n > 0 positions; counts[g] its size, or NULL. */
void tp__group_starts(int64_t n, const int64_t *group, int64_t *start, int64_t *counts);
/* inverse[order[i]] = group[i] */
void tp__group_inverse(int64_t n, const int64_t *order, const int64_t *group, int64_t *inverse);

/* gx += g / c at the c elements of x that equal y, NaN with NaN; y and g are single floats. */
void tp__share_equal(tp_dtype dtype, int64_t n, const void *x, const void *y, const void *g, void *gx);

#endif
