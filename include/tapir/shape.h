/* shape.h - the same elements in another shape or order, side by side, or in part.
 * ops.h says what holds for all operators.
 */
#ifndef TAPIR_SHAPE_H
#define TAPIR_SHAPE_H

#include "op.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- views: they share x's storage ----------------------------------------------------------- */

/* Of any dtype. What is written into a view is written into x (tp_copy_into). */

/* The same elements, row-major, in a shape with as many (TP_ESHAPE); one entry may be -1 and is found by that. A view
 * where strides allow it, otherwise a copy; tp_view is an error there (TP_ESHAPE). */
TP_API tp_tensor *tp_reshape(tp_tape *T, tp_tensor *x, tp_dims shape);
TP_API tp_tensor *tp_view(tp_tape *T, tp_tensor *x, tp_dims shape);
/* Dimensions start_dim to end_dim, which is not before it (TP_EINVAL), as one (torch: 0 and -1); 0-d becomes [1]. */
TP_API tp_tensor *tp_flatten(tp_tape *T, tp_tensor *x, int start_dim, int end_dim);
/* Two dimensions swapped. */
TP_API tp_tensor *tp_transpose(tp_tape *T, tp_tensor *x, int dim0, int dim1);
TP_API tp_tensor *tp_t(tp_tape *T, tp_tensor *x);  /* at most 2-d */
TP_API tp_tensor *tp_T(tp_tape *T, tp_tensor *x);  /* all dimensions turned around (alias H of a matrix) */
TP_API tp_tensor *tp_mT(tp_tape *T, tp_tensor *x); /* the last two swapped (aliases mH, adjoint) */
/* Dimension d of the result is dimension order[d] of x; each is named once (TP_EINVAL). */
TP_API tp_tensor *tp_permute(tp_tape *T, tp_tensor *x, tp_dims order);
/* Without all dimensions of size 1; without dim where its size is 1, otherwise x as it is. */
TP_API tp_tensor *tp_squeeze(tp_tape *T, tp_tensor *x);
TP_API tp_tensor *tp_squeeze_dim(tp_tape *T, tp_tensor *x, int dim);
/* With a new dimension of size 1, at dim of the result. */
TP_API tp_tensor *tp_unsqueeze(tp_tape *T, tp_tensor *x, int dim);
/* Dimensions of size 1, and new ones in front, repeated by a stride of 0; -1 keeps a size. x must broadcast to the
 * shape (TP_ESHAPE). The gradient is summed over what was repeated. */
TP_API tp_tensor *tp_expand(tp_tape *T, tp_tensor *x, tp_dims shape);
/* The slice at a position of dim (TP_EINDEX), without that dimension; a negative one counts from the end. */
TP_API tp_tensor *tp_select(tp_tape *T, tp_tensor *x, int dim, int64_t index);
/* x[start:stop:step] along dim, Python's rules for negative and large bounds (INT64_MAX: to the end); step > 0
 * (TP_EINVAL). */
TP_API tp_tensor *tp_slice(tp_tape *T, tp_tensor *x, int dim, int64_t start, int64_t stop, int64_t step);
/* `length` positions from `start` (negative: from the end) on; all must be there (TP_EINDEX). */
TP_API tp_tensor *tp_narrow(tp_tape *T, tp_tensor *x, int dim, int64_t start, int64_t length);

/* Dimension source[i] becomes dimension destination[i]; the others keep their order (alias moveaxis). Each is named
 * once on either side (TP_EINVAL). */
TP_API tp_tensor *tp_movedim(tp_tape *T, tp_tensor *x, int n, const int *source, const int *destination);
/* One dimension as several, whose sizes multiply to its own (TP_ESHAPE); one of them may be -1. */
TP_API tp_tensor *tp_unflatten(tp_tape *T, tp_tensor *x, int dim, tp_dims sizes);
/* With at least n (1, 2 or 3) dimensions (torch.atleast_1d, _2d, _3d): [] -> [1, 1, 1], [n] -> [1, n, 1], [n, m] ->
 * [n, m, 1]. */
TP_API tp_tensor *tp_atleast(tp_tape *T, tp_tensor *x, int n);
/* The shape that all broadcast to; false where they do not fit. */
TP_API bool tp_broadcast_shapes(int n, const tp_dims *shapes, tp_dims *out) TP_MUST_CHECK;
/* n tensors expanded to it (TP_ESHAPE where there is none), into out [n], which may be x. */
TP_API tp_status tp_broadcast_tensors(tp_tape *T, int n, tp_tensor *const *x, tp_tensor **out);

/* Parts along dim, as views, into `out`, which has room for `max`: how many there are, or -1 after a failure; more
 * than max are TP_EINVAL. split: of `size`, the last one what is left; split_with_sizes: of these sizes, which add up
 * (TP_ESHAPE); chunk: at most `chunks`, all of one size but for the last; unbind: each slice, without the dimension.
 * torch's dim is 0. */
TP_API int tp_split(tp_tape *T, tp_tensor *x, int64_t size, int dim, int max, tp_tensor **out) TP_MUST_CHECK;
TP_API int tp_split_with_sizes(tp_tape *T, tp_tensor *x, int n, const int64_t *sizes, int dim, int max,
                               tp_tensor **out) TP_MUST_CHECK;
TP_API int tp_chunk(tp_tape *T, tp_tensor *x, int64_t chunks, int dim, int max, tp_tensor **out) TP_MUST_CHECK;
/* As many parts as `sections`, of sizes that differ by one at most, larger ones first; the n + 1 parts between n
 * positions, by the rules of tp_slice. */
TP_API int tp_tensor_split(tp_tape *T, tp_tensor *x, int64_t sections, int dim, int max, tp_tensor **out) TP_MUST_CHECK;
TP_API int tp_tensor_split_at(tp_tape *T, tp_tensor *x, int n, const int64_t *at, int dim, int max,
                              tp_tensor **out) TP_MUST_CHECK;
TP_API int tp_unbind(tp_tape *T, tp_tensor *x, int dim, int max, tp_tensor **out) TP_MUST_CHECK;

/* Equal parts (TP_ESHAPE where they are not), or parts between n positions, along dimension 1 (of vectors: 0), 0 and
 * 2, which must be there (TP_ESHAPE). */
TP_API int tp_hsplit(tp_tape *T, tp_tensor *x, int64_t sections, int max, tp_tensor **out) TP_MUST_CHECK;
TP_API int tp_vsplit(tp_tape *T, tp_tensor *x, int64_t sections, int max, tp_tensor **out) TP_MUST_CHECK;
TP_API int tp_dsplit(tp_tape *T, tp_tensor *x, int64_t sections, int max, tp_tensor **out) TP_MUST_CHECK;
TP_API int tp_hsplit_at(tp_tape *T, tp_tensor *x, int n, const int64_t *at, int max, tp_tensor **out) TP_MUST_CHECK;
TP_API int tp_vsplit_at(tp_tape *T, tp_tensor *x, int n, const int64_t *at, int max, tp_tensor **out) TP_MUST_CHECK;
TP_API int tp_dsplit_at(tp_tape *T, tp_tensor *x, int n, const int64_t *at, int max, tp_tensor **out) TP_MUST_CHECK;

/* The diagonal of dimensions dim1 and dim2 (two of x, TP_EINDEX), as the last dimension; offset > 0 is above the main
 * one, < 0 below. torch's offset, dim1, dim2 are 0, 0, 1. */
TP_API tp_tensor *tp_diagonal(tp_tape *T, tp_tensor *x, int64_t offset, int dim1, int dim2);
/* Windows of `size`, `step` apart, along dim: [..., n, ...] -> [..., (n - size) / step + 1, ..., size]. 0 <= size <= n
 * and step > 0 (TP_EINVAL). The gradients of windows that overlap are added. */
TP_API tp_tensor *tp_unfold(tp_tape *T, tp_tensor *x, int dim, int64_t size, int64_t step);
/* Any strides from x's first element + offset on, in elements, within x's storage (TP_EINDEX); stride [shape.ndim],
 * none negative (TP_EINVAL). The gradient of elements of x that lie in one place is shared among them, as torch has
 * it; of a view that begins before x there is none (TP_EUNSUPPORTED). */
TP_API tp_tensor *tp_as_strided(tp_tape *T, tp_tensor *x, tp_dims shape, const int64_t *stride, int64_t offset);
/* The first elements of x's storage from x's first on, row-major; not more than there are (TP_EINDEX). */
TP_API tp_tensor *tp_resize(tp_tape *T, tp_tensor *x, tp_dims shape);

/* ---- copies with a part replaced by src, which has the part's shape -------------------------- */

/* Of x's shape; src has that of tp_diagonal, tp_select, tp_slice of x (TP_ESHAPE), and x's dtype (TP_EDTYPE). */
TP_API tp_tensor *tp_diagonal_scatter(tp_tape *T, tp_tensor *x, tp_tensor *src, int64_t offset, int dim1, int dim2);
TP_API tp_tensor *tp_select_scatter(tp_tape *T, tp_tensor *x, tp_tensor *src, int dim, int64_t index);
TP_API tp_tensor *tp_slice_scatter(tp_tape *T, tp_tensor *x, tp_tensor *src, int dim, int64_t start, int64_t stop,
                                   int64_t step);
/* x counts as row-major here. Of places that the part has twice the last one counts, in its row-major order. */
TP_API tp_tensor *tp_as_strided_scatter(tp_tape *T, tp_tensor *x, tp_tensor *src, tp_dims shape, const int64_t *stride,
                                        int64_t offset);
/* Zeros with x's last dimension as the diagonal of dim1 and dim2 of the result, which has one dimension more and is
 * large enough for it: x [..., n] -> [..., n + |offset|, n + |offset|] by torch's offset 0, dim1 -2, dim2 -1. */
TP_API tp_tensor *tp_diag_embed(tp_tape *T, tp_tensor *x, int64_t offset, int dim1, int dim2);
TP_API tp_tensor *tp_diag(tp_tape *T, tp_tensor *x,
                          int64_t offset); /* a vector to a matrix, a matrix to its diagonal */
TP_API tp_tensor *tp_diagflat(tp_tape *T, tp_tensor *x, int64_t offset); /* diag of all of x as a vector */

/* x itself where it is contiguous, otherwise a copy. */
TP_API tp_tensor *tp_contiguous(tp_tape *T, tp_tensor *x);
TP_API tp_tensor *tp_clone(tp_tape *T, tp_tensor *x);

/* ---- joining, repeating ----------------------------------------------------------------------- */

/* n tensors one after the other along dim, of one shape but for that (TP_ESHAPE), in the dtype that all promote to.
 * Empty vectors fit everywhere, as in torch. */
TP_API tp_tensor *tp_cat(tp_tape *T, int n, tp_tensor *const *x, int dim);
/* n tensors of one shape along a new dimension dim. */
TP_API tp_tensor *tp_stack(tp_tape *T, int n, tp_tensor *const *x, int dim);
/* cat along dimension 1 (of vectors: 0), of rows, along dimension 2, of columns. */
TP_API tp_tensor *tp_hstack(tp_tape *T, int n, tp_tensor *const *x);
TP_API tp_tensor *tp_vstack(tp_tape *T, int n, tp_tensor *const *x); /* alias row_stack */
TP_API tp_tensor *tp_dstack(tp_tape *T, int n, tp_tensor *const *x);
TP_API tp_tensor *tp_column_stack(tp_tape *T, int n, tp_tensor *const *x);
/* n tensors of at most 2 dimensions (TP_ESHAPE; vectors count as rows) as the blocks of a diagonal: [sum of rows, sum
 * of columns], zero elsewhere. */
TP_API tp_tensor *tp_block_diag(tp_tape *T, int n, tp_tensor *const *x);
/* n vectors (or numbers) of one dtype, as n tensors of n dimensions, views: out[i][k_0, ..., k_n] = x[i][k_i]; xy
 * swaps the first two dimensions (torch's indexing = "xy"). At most TP_MAX_DIMS. */
TP_API tp_status  tp_meshgrid(tp_tape *T, int n, tp_tensor *const *x, bool xy, tp_tensor **out);
TP_API tp_tensor *tp_cartesian_prod(tp_tape *T, int n, tp_tensor *const *x); /* [product of sizes, n] */
/* All choices of r elements of a vector, in order: [choices, r] (torch's r is 2). Time and memory go with
 * what comes out, choices times r; more than can be counted or stored is TP_ENOMEM. */
TP_API tp_tensor *tp_combinations(tp_tape *T, tp_tensor *x, int64_t r, bool with_replacement);
/* Powers: x [m] to [m, n], from n - 1 down to 0, or increasing from 0; n < 1: m. Of linalg: x [..., m] to [..., m, n],
 * increasing, n = 0: m. Integers become TP_I64. */
TP_API tp_tensor *tp_vander(tp_tape *T, tp_tensor *x, int64_t n, bool increasing);
TP_API tp_tensor *tp_linalg_vander(tp_tape *T, tp_tensor *x, int64_t n);

/* Copies in another order, or several times over, of any dtype. */

/* The order of these dimensions turned around; of dimension 1, of dimension 0. */
TP_API tp_tensor *tp_flip(tp_tape *T, tp_tensor *x, int n, const int *dims);
TP_API tp_tensor *tp_fliplr(tp_tape *T, tp_tensor *x);
TP_API tp_tensor *tp_flipud(tp_tape *T, tp_tensor *x);
/* What is at i goes to i + shifts[k] along dims[k], around the end; dims NULL, and n = 1: of all of x as a vector. */
TP_API tp_tensor *tp_roll(tp_tape *T, tp_tensor *x, int n, const int64_t *shifts, const int *dims);
/* k quarter turns from dim0 towards dim1, two dimensions (TP_EINVAL); torch's are k 1, dim0 0, dim1 1. */
TP_API tp_tensor *tp_rot90(tp_tape *T, tp_tensor *x, int k, int dim0, int dim1);
/* All of x times[d] times over along each dimension d. repeat wants as many counts as dimensions, or more, for new
 * ones in front (TP_EINVAL); tile takes fewer, too, for the last dimensions. */
TP_API tp_tensor *tp_repeat(tp_tape *T, tp_tensor *x, tp_dims times);
TP_API tp_tensor *tp_tile(tp_tape *T, tp_tensor *x, tp_dims times);
/* Each slice along dim `times` times in a row; or each as often as its entry in a vector of integers says (TP_EINVAL
 * where there are not as many, or one is negative). */
TP_API tp_tensor *tp_repeat_interleave(tp_tape *T, tp_tensor *x, int64_t times, int dim);
TP_API tp_tensor *tp_repeat_interleave_tensor(tp_tape *T, tp_tensor *x, tp_tensor *times, int dim);
/* Summed over what an expansion of `shape` to x's shape would repeat; TP_ESHAPE where it does not expand to it. */
TP_API tp_tensor *tp_sum_to_size(tp_tape *T, tp_tensor *x, tp_dims shape);

#ifdef __cplusplus
}
#endif
#endif
