/* reduce.h - reductions over dimensions, and what runs along one.
 * ops.h says what holds for all operators.
 */
#ifndef TAPIR_REDUCE_H
#define TAPIR_REDUCE_H

#include "op.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- reductions ------------------------------------------------------------------------------ */

/* Over all elements, to 0-d; _dim: over one dimension; _dims: over several (n = 0: all): x [n, m] over dimension 1 ->
 * [n], or [n, 1] with keepdim. Sums and products of integers and booleans are TP_I64 and wrap; means need floats
 * (TP_EDTYPE). Of no elements the sum is 0, the product 1, the mean NaN. float32 is summed in float64; the order is
 * decided by sizes alone. Of a view that repeats its elements (tp_expand, tp_as_strided) at most 2^30 are gone
 * through; beyond that it is TP_ENOMEM. */
TP_API tp_tensor *tp_sum(tp_tape *T, tp_tensor *x);
TP_API tp_tensor *tp_sum_dim(tp_tape *T, tp_tensor *x, int dim, bool keepdim);
TP_API tp_tensor *tp_sum_dims(tp_tape *T, tp_tensor *x, int n, const int *dims, bool keepdim);
TP_API tp_tensor *tp_mean(tp_tape *T, tp_tensor *x);
TP_API tp_tensor *tp_mean_dim(tp_tape *T, tp_tensor *x, int dim, bool keepdim);
TP_API tp_tensor *tp_mean_dims(tp_tape *T, tp_tensor *x, int n, const int *dims, bool keepdim);
TP_API tp_tensor *tp_prod(tp_tape *T, tp_tensor *x);
TP_API tp_tensor *tp_prod_dim(tp_tape *T, tp_tensor *x, int dim, bool keepdim);
/* The largest, smallest value, of numbers or booleans; NaN where there is one. The gradient is shared among equal ones
 * (torch.amax, amin; torch.max over all elements). Of no elements there is none, TP_ESHAPE. */
TP_API tp_tensor *tp_amax(tp_tape *T, tp_tensor *x, int n, const int *dims, bool keepdim);
TP_API tp_tensor *tp_amin(tp_tape *T, tp_tensor *x, int n, const int *dims, bool keepdim);
TP_API tp_tensor *tp_max(tp_tape *T, tp_tensor *x);
TP_API tp_tensor *tp_min(tp_tape *T, tp_tensor *x);
/* Along a dimension, with the first position (TP_I64) of each, or index NULL; the gradient goes to that element.
 * argmax and argmin: the positions alone, which have none. A dimension without elements is TP_ESHAPE. */
TP_API tp_tensor *tp_max_dim(tp_tape *T, tp_tensor *x, int dim, bool keepdim, tp_tensor **index);
TP_API tp_tensor *tp_min_dim(tp_tape *T, tp_tensor *x, int dim, bool keepdim, tp_tensor **index);
TP_API tp_tensor *tp_argmax(tp_tape *T, tp_tensor *x, int dim, bool keepdim);
TP_API tp_tensor *tp_argmin(tp_tape *T, tp_tensor *x, int dim, bool keepdim);
/* Are all elements not zero, is any? TP_BOOL, of any dtype; NaN is not zero. Of no elements: true, false. */
TP_API tp_tensor *tp_all(tp_tape *T, tp_tensor *x);
TP_API tp_tensor *tp_any(tp_tape *T, tp_tensor *x);
/* sum (x - mean)^2 / (n - correction) over dimensions, of floats (TP_EDTYPE); standard deviation its root. torch's
 * correction is 1. */
TP_API tp_tensor *tp_var(tp_tape *T, tp_tensor *x, int n, const int *dims, double correction, bool keepdim);
TP_API tp_tensor *tp_std(tp_tape *T, tp_tensor *x, int n, const int *dims, double correction, bool keepdim);
/* The same, and the mean in *mean. */
TP_API tp_tensor *tp_var_mean(tp_tape *T, tp_tensor *x, int n, const int *dims, double correction, bool keepdim,
                              tp_tensor **mean);
TP_API tp_tensor *tp_std_mean(tp_tape *T, tp_tensor *x, int n, const int *dims, double correction, bool keepdim,
                              tp_tensor **mean);
/* amin, and amax in *max. */
TP_API tp_tensor *tp_aminmax(tp_tape *T, tp_tensor *x, int n, const int *dims, bool keepdim, tp_tensor **max);
TP_API tp_tensor *tp_all_dim(tp_tape *T, tp_tensor *x, int dim, bool keepdim);
TP_API tp_tensor *tp_any_dim(tp_tape *T, tp_tensor *x, int dim, bool keepdim);
TP_API tp_tensor *tp_count_nonzero(tp_tape *T, tp_tensor *x, int n, const int *dims); /* TP_I64 */
/* NaN counts as 0, and not at all for the mean (of NaN alone it is NaN); nanmean of floats. */
TP_API tp_tensor *tp_nansum(tp_tape *T, tp_tensor *x, int n, const int *dims, bool keepdim);
TP_API tp_tensor *tp_nanmean(tp_tape *T, tp_tensor *x, int n, const int *dims, bool keepdim);
/* sum(|x|^ord)^(1/ord) over dimensions (n = 0: all), of floats (torch's ord is 2); what is representable comes out,
 * whatever the powers on the way are. INFINITY: the largest |x|, -INFINITY: the smallest, 0: how many are not zero.
 * Where the norm is 0 its gradient is 0. (torch.norm with a number, and 'fro' with 2.) */
TP_API tp_tensor *tp_linalg_vector_norm(tp_tape *T, tp_tensor *x, double ord, int n, const int *dims, bool keepdim);
TP_API tp_tensor *tp_dist(tp_tape *T, tp_tensor *a, tp_tensor *b, double p); /* the p-norm of a - b */
/* Slices along dim whose p-norm is above max_norm are scaled down to it. x has 2 dimensions or more, p > 0, max_norm
 * >= 0 (TP_EINVAL). */
TP_API tp_tensor *tp_renorm(tp_tape *T, tp_tensor *x, double p, int dim, double max_norm);
/* [variables, observations] -> [variables, variables]; correction 1 is torch's default. fweights (integers) count an
 * observation several times, aweights (floats) weigh it; none negative, not all 0 (TP_EINVAL); NULL: once each. A
 * vector is one variable; integers become float32. corrcoef: the same divided by the deviations of both, kept within
 * -1 to 1. */
TP_API tp_tensor *tp_cov(tp_tape *T, tp_tensor *x, int correction, tp_tensor *fweights, tp_tensor *aweights);
TP_API tp_tensor *tp_corrcoef(tp_tape *T, tp_tensor *x);

/* ---- along a dimension ----------------------------------------------------------------------- */

/* Of x's shape: running sums and products (TP_I64 of integers and booleans), log sum e^x (floats), largest and
 * smallest with the last place of each (TP_I64; index may be NULL). NaN stays from where it is on. */
TP_API tp_tensor *tp_cumsum(tp_tape *T, tp_tensor *x, int dim);
TP_API tp_tensor *tp_cumprod(tp_tape *T, tp_tensor *x, int dim);
TP_API tp_tensor *tp_logcumsumexp(tp_tape *T, tp_tensor *x, int dim);
TP_API tp_tensor *tp_cummax(tp_tape *T, tp_tensor *x, int dim, tp_tensor **index);
TP_API tp_tensor *tp_cummin(tp_tape *T, tp_tensor *x, int dim, tp_tensor **index);
/* Differences of neighbours along dim, n times over (torch: n 1, dim -1; of booleans: do they differ?), of x with
 * `prepend` and `append` (or NULL) joined to it. Each of the n passes leaves one fewer; there are no more than the
 * dimension has elements, whatever n is. */
TP_API tp_tensor *tp_diff(tp_tape *T, tp_tensor *x, int n, int dim, tp_tensor *prepend, tp_tensor *append);
/* The integral of y along dim by the trapezoidal rule, sum (y_k + y_(k+1)) / 2 (x_(k+1) - x_k), at places x (of y's
 * shape, or a vector of as many, TP_ESHAPE) or dx apart where x is NULL (torch: dx 1, dim -1). cumulative: the
 * integral up to each place but the first, [..., n] -> [..., n - 1]. */
TP_API tp_tensor *tp_trapezoid(tp_tape *T, tp_tensor *y, tp_tensor *x, double dx, int dim);
TP_API tp_tensor *tp_cumulative_trapezoid(tp_tape *T, tp_tensor *y, tp_tensor *x, double dx, int dim);

/* How samples are spaced; zeros are torch's defaults. */
typedef struct {
    int               n; /* number of dimensions to differentiate along; 0: all */
    const int        *dims;
    double            spacing;     /* of all; 0: 1 */
    const double     *spacings;    /* or one a dimension */
    tp_tensor *const *coordinates; /* or vectors of places, one a dimension */
    int               edge_order;  /* 1 (also 0) or 2: differences of two or of three samples at the ends */
    TP_RESERVED(4);
} tp_gradient_options;
/* Slopes of samples x of a function along dimensions, by central differences of second order: torch.gradient. out: one
 * tensor like x a dimension. (Derivatives of what was computed are tp_gradients.) */
TP_API tp_status tp_gradient(tp_tape *T, tp_tensor *x, const tp_gradient_options *options, tp_tensor **out);

/* ---- reductions, numerically careful --------------------------------------------------------- */

/* log sum e^x over n dimensions (n = 0: all), shifted by the largest element, so that nothing overflows; of -infinity
 * alone it is -infinity. Floats; integers become float32. */
TP_API tp_tensor *tp_logsumexp(tp_tape *T, tp_tensor *x, int n, const int *dims, bool keepdim);

#ifdef __cplusplus
}
#endif
#endif
