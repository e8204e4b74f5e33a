/* sort.h - sorting, selecting, searching, counting. ops.h says what holds for all operators. */
#ifndef TAPIR_SORT_H
#define TAPIR_SORT_H

#include "op.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- sorting and selection ------------------------------------------------------------------- */

/* Along one dimension (torch's dim is -1, descending false), of any dtype, to x's shape; NaN counts as the largest,
 * equal elements stay in their order (torch's stable sort, and its order where torch's is not stable). index (TP_I64,
 * or NULL where it is not wanted) is where each value was, and where its gradient goes. */
TP_API tp_tensor *tp_sort(tp_tape *T, tp_tensor *x, int dim, bool descending, tp_tensor **index);
TP_API tp_tensor *tp_argsort(tp_tape *T, tp_tensor *x, int dim, bool descending);
TP_API tp_tensor *tp_msort(tp_tape *T, tp_tensor *x); /* along the first dimension */
/* The k largest (smallest) in order: x [..., n, ...] -> [..., k, ...], 0 <= k <= n (TP_EINDEX). Not for booleans
 * (TP_EDTYPE). */
TP_API tp_tensor *tp_topk(tp_tape *T, tp_tensor *x, int64_t k, int dim, bool largest, tp_tensor **index);
/* The k-th smallest, k from 1 to n (TP_EINDEX). Not for booleans (TP_EDTYPE). */
TP_API tp_tensor *tp_kthvalue(tp_tape *T, tp_tensor *x, int64_t k, int dim, bool keepdim, tp_tensor **index);
/* The lower of two medians, of numbers. Over all elements the gradient is shared among equal ones, and no elements
 * give NaN. NaN makes the median NaN; nanmedian passes over it. */
TP_API tp_tensor *tp_median(tp_tape *T, tp_tensor *x);
TP_API tp_tensor *tp_median_dim(tp_tape *T, tp_tensor *x, int dim, bool keepdim, tp_tensor **index);
TP_API tp_tensor *tp_nanmedian(tp_tape *T, tp_tensor *x);
TP_API tp_tensor *tp_nanmedian_dim(tp_tape *T, tp_tensor *x, int dim, bool keepdim, tp_tensor **index);
/* The most frequent value, the smallest of several; index is its last place. */
TP_API tp_tensor *tp_mode(tp_tape *T, tp_tensor *x, int dim, bool keepdim, tp_tensor **index);

typedef enum {
    TP_QUANTILE_LINEAR = 0, /* between the neighbours a and b of position q (n - 1): a + fraction (b - a) */
    TP_QUANTILE_LOWER,
    TP_QUANTILE_HIGHER,
    TP_QUANTILE_MIDPOINT,
    TP_QUANTILE_NEAREST /* half to even */
} tp_quantile_rule;
typedef struct {
    bool             along; /* along dim; otherwise over all elements */
    int              dim;
    bool             keepdim;
    tp_quantile_rule rule; /* torch's interpolation */
    TP_RESERVED(4);
} tp_quantile_options;
/* q in [0, 1] (TP_EINVAL), of x's float dtype (TP_EDTYPE): 0-d, or [m] for m quantiles, which become the first
 * dimension. NaN spoils its row; nanquantile passes over it. Differentiable in x and q. */
TP_API tp_tensor *tp_quantile(tp_tape *T, tp_tensor *x, tp_tensor *q, const tp_quantile_options *options);
TP_API tp_tensor *tp_quantile_scalar(tp_tape *T, tp_tensor *x, double q, const tp_quantile_options *options);
TP_API tp_tensor *tp_nanquantile(tp_tape *T, tp_tensor *x, tp_tensor *q, const tp_quantile_options *options);
TP_API tp_tensor *tp_nanquantile_scalar(tp_tape *T, tp_tensor *x, double q, const tp_quantile_options *options);

/* The distinct elements (_dim: slices x[:, i, :], compared element by element) in ascending order; consecutive: one of
 * each run of equal neighbours. inverse: which of them each element is, of x's shape (_dim: [n]); counts: how often
 * each is there; NULL where not wanted. NaN equals nothing. torch's sorted = False is a hint that is not needed. */
TP_API tp_tensor *tp_unique(tp_tape *T, tp_tensor *x, tp_tensor **inverse, tp_tensor **counts);
TP_API tp_tensor *tp_unique_dim(tp_tape *T, tp_tensor *x, int dim, tp_tensor **inverse, tp_tensor **counts);
TP_API tp_tensor *tp_unique_consecutive(tp_tape *T, tp_tensor *x, tp_tensor **inverse, tp_tensor **counts);
TP_API tp_tensor *tp_unique_consecutive_dim(tp_tape *T, tp_tensor *x, int dim, tp_tensor **inverse, tp_tensor **counts);

typedef struct {
    bool       right;     /* after the boundaries that equal the value, not before (torch's side = "right") */
    bool       out_int32; /* positions in TP_I32, not TP_I64                                                */
    tp_tensor *sorter;    /* TP_I64, of the boundaries' shape: the order that sorts them; or NULL           */
    TP_RESERVED(4);
} tp_searchsorted_options;
/* How many of the ascending boundaries [m] lie below each value, of x's shape; both are converted to one dtype.
 * Boundaries [..., m] go with values [..., k] row by row (TP_ESHAPE). That they ascend is not looked at. No gradient;
 * not for booleans (TP_EDTYPE). bucketize: the same, of a vector of them. */
TP_API tp_tensor *tp_searchsorted(tp_tape *T, tp_tensor *boundaries, tp_tensor *x,
                                  const tp_searchsorted_options *options);
TP_API tp_tensor *tp_bucketize(tp_tape *T, tp_tensor *x, tp_tensor *boundaries, /* [m] */
                               const tp_searchsorted_options *options);
/* Which elements of x are (invert: are not) among others, TP_BOOL of x's shape. A number is a 0-d tensor; torch's
 * assume_unique is a hint that is not needed. */
TP_API tp_tensor *tp_isin(tp_tape *T, tp_tensor *x, tp_tensor *among, bool invert);
/* How often each of 0, 1, ... is among the integers x [n], in TP_I64; or the sum of their weights [n], in the weights'
 * dtype (TP_F64 for integers). At least minlength long (torch: 0). Negative numbers, and other dtypes, are refused. No
 * gradient. */
TP_API tp_tensor *tp_bincount(tp_tape *T, tp_tensor *x, tp_tensor *weights, int64_t minlength);

/* Counts in even bins from low to high, in x's float dtype; low = high: from the least element to the greatest. Others
 * are not counted; the last bin has its right edge. Time goes with the elements, times the logarithm of bins at most,
 * and with bins; memory with bins. No gradient. */
TP_API tp_tensor *tp_histc(tp_tape *T, tp_tensor *x, int64_t bins, double low, double high);
typedef struct {
    const double *range;   /* low and high of each coordinate; NULL: least and greatest */
    tp_tensor    *weight;  /* of each point; NULL: 1                                    */
    bool          density; /* counts divided by their sum and by the bins' sizes        */
    TP_RESERVED(4);
} tp_histogram_options;
/* Of all elements; edges [bins + 1] come out, or go in. */
TP_API tp_tensor *tp_histogram(tp_tape *T, tp_tensor *x, int64_t bins, const tp_histogram_options *options,
                               tp_tensor **edges);
TP_API tp_tensor *tp_histogram_edges(tp_tape *T, tp_tensor *x, tp_tensor *edges, const tp_histogram_options *options);
/* Of points x [..., d]; bins and edges are arrays of d, the result has d dimensions. */
TP_API tp_tensor *tp_histogramdd(tp_tape *T, tp_tensor *x, const int64_t *bins, const tp_histogram_options *options,
                                 tp_tensor **edges);
TP_API tp_tensor *tp_histogramdd_edges(tp_tape *T, tp_tensor *x, tp_tensor *const *edges,
                                       const tp_histogram_options *options);

#ifdef __cplusplus
}
#endif
#endif
