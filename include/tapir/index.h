/* index.h - elements picked, and put, by indices and masks.
 * ops.h says what holds for all operators.
 */
#ifndef TAPIR_INDEX_H
#define TAPIR_INDEX_H

#include "op.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Python's notation, an entry a dimension: a number, start:stop:step (steps above 0), "..." for the dimensions
 * between, None for a new one: tp_index(T, x, ":, 0:1"), "..., -1", "::2, None". A view. TP_EINVAL where it is no
 * index, TP_EINDEX where x has fewer dimensions or a number is out of range. */
TP_API tp_tensor *tp_index(tp_tape *T, tp_tensor *x, const char *index);
/* The same with an @ where a tensor stands: tp_index_with(T, x, "@, 1:3", 1, &rows). Integer tensors pick positions
 * (negative: from the end) and are broadcast against each other, a 0-d one selects as a number does; a boolean one
 * of m dimensions is a mask over m dimensions (uint8 counts as boolean, as in torch). NumPy's rules; a copy,
 * differentiable. */
TP_API tp_tensor *tp_index_with(tp_tape *T, tp_tensor *x, const char *index, int n, tp_tensor *const *tensors);
/* A copy of x with `values` (broadcast) there: x[index] = values, or += with `accumulate`. Of places that are named
 * twice the last one counts, in row-major order of the values (as in all functions that put values at places named by
 * an index); the values before it are nowhere in the result, and their gradient is 0. */
TP_API tp_tensor *tp_index_put(tp_tape *T, tp_tensor *x, const char *index, int n, tp_tensor *const *tensors,
                               tp_tensor *values, bool accumulate);

/* Positions [n, dimensions] of what is not zero, TP_I64, in order (alias argwhere). No gradient. */
TP_API tp_tensor *tp_nonzero(tp_tape *T, tp_tensor *x);
/* The same as a vector [n] for each dimension (torch.where(x), as_tuple) into out, which has room for max: how many,
 * or -1. */
TP_API int tp_nonzero_tuple(tp_tape *T, tp_tensor *x, int max, tp_tensor **out) TP_MUST_CHECK;
/* With a mask (TP_BOOL, or TP_U8 as torch takes it; TP_EDTYPE) that is broadcast with x: x with a value there, which
 * x's dtype holds (TP_EINVAL); the elements there as a vector, in order; x with the elements of source, of x's dtype,
 * there in turn, of which there are as many or more (TP_ESHAPE). */
TP_API tp_tensor *tp_masked_fill(tp_tape *T, tp_tensor *x, tp_tensor *mask, double value);
TP_API tp_tensor *tp_masked_fill_tensor(tp_tape *T, tp_tensor *x, tp_tensor *mask, tp_tensor *value); /* value: 0-d */
TP_API tp_tensor *tp_masked_select(tp_tape *T, tp_tensor *x, tp_tensor *mask);
TP_API tp_tensor *tp_masked_scatter(tp_tape *T, tp_tensor *x, tp_tensor *mask, tp_tensor *source);
TP_API tp_tensor *tp_fill(tp_tape *T, tp_tensor *x, tp_tensor *value); /* x's shape and dtype, a 0-d value */
TP_API tp_tensor *tp_zero(tp_tape *T, tp_tensor *x);
/* A copy of x with a value where all indices are equal; of more than 2 dimensions all have one size (TP_ESHAPE). A
 * tall matrix's diagonal may start again below its last column (torch's wrap). */
TP_API tp_tensor *tp_fill_diagonal(tp_tape *T, tp_tensor *x, double value, bool wrap);
/* Elements of x as a row-major vector, in index's shape; integers in [-n, n) (TP_EINDEX), negative ones count from the
 * end. */
TP_API tp_tensor *tp_take(tp_tape *T, tp_tensor *x, tp_tensor *index);
/* A copy of x with as many elements of src there (the last one counts), or added there. */
TP_API tp_tensor *tp_put(tp_tape *T, tp_tensor *x, tp_tensor *index, tp_tensor *src, bool accumulate);
/* tp_gather, x and index of as many dimensions, broadcast in all but dim. (torch's without dim: tp_take.) */
TP_API tp_tensor *tp_take_along_dim(tp_tape *T, tp_tensor *x, tp_tensor *index, int dim);
/* [...] whole numbers -> [..., num_classes] TP_I64: 1 at the number, else 0. Numbers lie in [0, num_classes);
 * num_classes -1 is one more than the largest. No gradient. (torch.nn.functional.one_hot) */
TP_API tp_tensor *tp_one_hot(tp_tape *T, tp_tensor *index, int64_t num_classes);
/* A copy of x with out[index[i][j]][j] = src[i][j] for dim 0, and so on; of places named twice the last one counts,
 * and alone has a gradient. With a rule: += or *= instead. The index is TP_I64 of x's rank, in [0, x's size) along dim
 * (TP_EINDEX), nowhere larger than src, nor than x but along dim (TP_ESHAPE); src has x's dtype (TP_EDTYPE). */
typedef enum { TP_SCATTER_PUT = 0, TP_SCATTER_ADD, TP_SCATTER_MULTIPLY } tp_scatter_rule;
TP_API tp_tensor *tp_scatter(tp_tape *T, tp_tensor *x, int dim, tp_tensor *index, tp_tensor *src, tp_scatter_rule rule);
TP_API tp_tensor *tp_scatter_scalar(tp_tape *T, tp_tensor *x, int dim, tp_tensor *index, double value,
                                    tp_scatter_rule rule);
/* A copy of x with the reduction of all that src has for a place, and of what x has there unless include_self is false
 * (places that nothing is for keep x). Means of integers are rounded down; gradients of equal extremes are shared. */
typedef enum { TP_REDUCE_SUM = 0, TP_REDUCE_PROD, TP_REDUCE_MEAN, TP_REDUCE_AMAX, TP_REDUCE_AMIN } tp_scatter_reduction;
TP_API tp_tensor *tp_scatter_reduce(tp_tape *T, tp_tensor *x, int dim, tp_tensor *index, tp_tensor *src,
                                    tp_scatter_reduction how, bool include_self);
/* The same by slices, at the positions of a 1-d index of integers. */
TP_API tp_tensor *tp_index_reduce(tp_tape *T, tp_tensor *x, int dim, tp_tensor *index, tp_tensor *src,
                                  tp_scatter_reduction how, bool include_self);
/* A copy of x with its slices along dim at the positions [n] of a 1-d (or 0-d) index, TP_I64, replaced by those of src
 * (of a position named twice by the last one, which alone has a gradient), or by a 0-d value. src has x's dtype, and
 * x's shape but for n along dim (TP_ESHAPE). */
TP_API tp_tensor *tp_index_copy(tp_tape *T, tp_tensor *x, int dim, tp_tensor *index, tp_tensor *src);
TP_API tp_tensor *tp_index_fill(tp_tape *T, tp_tensor *x, int dim, tp_tensor *index, tp_tensor *value);
/* out[i][j] = x[index[i][j]][j] for dim 0, and so on; index is TP_I64, of x's rank and no larger than x but in dim
 * (TP_ESHAPE), its entries in [0, x's size along dim) (TP_EINDEX). The result has the index's shape; gradients are
 * added up. */
TP_API tp_tensor *tp_gather(tp_tape *T, tp_tensor *x, int dim, tp_tensor *index);
/* A copy of x with out[index[i][j]][j] += src[i][j] for dim 0, and so on. */
TP_API tp_tensor *tp_scatter_add(tp_tape *T, tp_tensor *x, int dim, tp_tensor *index, tp_tensor *src);
/* The slices of x at the positions of a 1-d (or 0-d) index, TP_I64 or TP_I32: [..., n, ...] -> [..., positions, ...].
 * A position out of range is TP_EINDEX; gradients of one taken twice are added. */
TP_API tp_tensor *tp_index_select(tp_tape *T, tp_tensor *x, int dim, tp_tensor *index);
/* A copy of x with the slices of src added at the positions of a 1-d index, as tp_index_copy has them. */
TP_API tp_tensor *tp_index_add(tp_tape *T, tp_tensor *x, int dim, tp_tensor *index, tp_tensor *src);

#ifdef __cplusplus
}
#endif
#endif
