/* channel_norm.h - normalization of x [n, channels, length], contiguous floats, by statistics of sets of its elements.
 *
 * A set is a channel of all samples (batch normalization), or in each sample one of `groups` of neighbouring channels (group
 * and instance normalization). It consists of parts, one a sample or one a channel, of `length` elements that lie side by
 * side. All sums are in double.
 *
 * channel_norm.c says who computes what: sets one by one, a set being one thread's; large ones in pieces; channels of short
 * parts side by side, in chunks of samples. What is a piece or a chunk follows from the sizes, and their sums are joined in
 * order, so that bits do not depend on how many threads there are.
 */
#ifndef TAPIR_KERNEL_CHANNEL_NORM_H
#define TAPIR_KERNEL_CHANNEL_NORM_H

#include "kernel/kernel.h"

/* Of a set: xhat = (x scale - mean) rstd. The scale is 1 but where squares left the range of double: then it is a power of
 * two that brings the largest element near 1, and mean and rstd are those of x scale. var is of x itself, biased. */
typedef struct {
    double scale, mean, rstd, var;
} tp__norm_stats;

enum { TP__NORM_STATS = 4 }; /* as numbers */

typedef struct {
    tp_dtype dtype;
    int64_t n, channels, length, groups; /* groups 0: over the samples */
    double eps;
    const void *mean, *var;        /* of the channels, for the sets' own; or NULL */
    const void *x, *weight, *bias; /* weight, bias [channels] or NULL */
    tp__norm_stats *stats;         /* [sets], made by forward, read by backward */
    const void *g;
    void *y; /* the output; or the gradient of x, or NULL */
    bool accumulate;
    double *sums;    /* [parts of all sets, 2], of g and g xhat; for backward */
    double *partial; /* as many bytes as tp__channel_norm_scratch says; for both */
} tp__channel_norm;

size_t tp__channel_norm_scratch(const tp__channel_norm *w);

int64_t tp__channel_norm_sets(const tp__channel_norm *w);
void tp__channel_norm_forward(const tp__channel_norm *w);
/* How many pairs of sums there are. */
int64_t tp__channel_norm_sums(const tp__channel_norm *w);
void tp__channel_norm_backward(const tp__channel_norm *w);
/* After that: out [channels] (+)= sum g xhat (of_weight), or sum g, of the channels. */
void tp__channel_norm_gather(const tp__channel_norm *w, bool of_weight, void *out, bool accumulate);

/* ---- compiled for each instruction set --------------------------------------------------------------------------- */

enum { TP__NORM_COLUMNS = 256 };

/* y = xhat weight + bias; gx = (g weight - shift - xhat slope) rstd scale. */
typedef struct {
    double scale, mean, rstd, weight, bias, shift, slope;
} tp__norm_line;

/* By [dtype == TP_F64]. Sums are added to. */
typedef struct {
    /* sum[0] += g, sum[1] += g xhat */
    void (*dots[2])(int64_t n, const void *x, const void *g, const tp__norm_stats *s, double sum[2]);
    void (*apply[2])(int64_t n, const void *x, const tp__norm_line *c, void *y);
    void (*slope[2])(int64_t n, const void *x, const void *g, const tp__norm_line *c, void *gx, bool accumulate);
    /* the same of `width` columns, each with its own numbers, of rows `stride` apart */
    void (*dots_columns[2])(int64_t rows, int64_t stride, int64_t width, const void *x, const void *g,
                            const tp__norm_line *c, double *sum, double *dot);
    void (*apply_columns[2])(int64_t rows, int64_t stride, int64_t width, const void *x, const tp__norm_line *c,
                             void *y);
    void (*slope_columns[2])(int64_t rows, int64_t stride, int64_t width, const void *x, const void *g,
                             const tp__norm_line *c, void *gx, bool accumulate);
} tp__channel_norm_table;

TP__TABLE_OF(tp__channel_norm_table, tp__channel_norm_table);

#endif
