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

/* One entry of the shape may be -1. A view where strides allow it, otherwise a copy. */
TP_API tp_tensor *tp_reshape(tp_tape *T, tp_tensor *x, tp_dims shape);
TP_API tp_tensor *tp_view(tp_tape *T, tp_tensor *x, tp_dims shape); /* an error where it needs a copy */
TP_API tp_tensor *tp_flatten(tp_tape *T, tp_tensor *x, int start_dim, int end_dim);
TP_API tp_tensor *tp_transpose(tp_tape *T, tp_tensor *x, int dim0, int dim1);
TP_API tp_tensor *tp_t(tp_tape *T, tp_tensor *x);  /* at most 2-d */
TP_API tp_tensor *tp_T(tp_tape *T, tp_tensor *x);  /* all dimensions turned around (alias H of a matrix) */
TP_API tp_tensor *tp_mT(tp_tape *T, tp_tensor *x); /* the last two swapped (aliases mH, adjoint) */
TP_API tp_tensor *tp_permute(tp_tape *T, tp_tensor *x, tp_dims order);
TP_API tp_tensor *tp_squeeze(tp_tape *T, tp_tensor *x); /* drops all dimensions of size 1 */
TP_API tp_tensor *tp_squeeze_dim(tp_tape *T, tp_tensor *x, int dim);
TP_API tp_tensor *tp_unsqueeze(tp_tape *T, tp_tensor *x, int dim);
TP_API tp_tensor *tp_expand(tp_tape *T, tp_tensor *x, tp_dims shape); /* -1 keeps a size */
TP_API tp_tensor *tp_select(tp_tape *T, tp_tensor *x, int dim, int64_t index);
/* x[start:stop:step] along dim, Python's rules for negative and large bounds; step > 0. */
TP_API tp_tensor *tp_slice(tp_tape *T, tp_tensor *x, int dim, int64_t start, int64_t stop, int64_t step);
TP_API tp_tensor *tp_narrow(tp_tape *T, tp_tensor *x, int dim, int64_t start, int64_t length);

/* Dimension source[i] becomes dimension destination[i]; the others keep their order (alias moveaxis). */
TP_API tp_tensor *tp_movedim(tp_tape *T, tp_tensor *x, int n, const int *source, const int *destination);
/* One dimension as several; one of the sizes may be -1. */
TP_API tp_tensor *tp_unflatten(tp_tape *T, tp_tensor *x, int dim, tp_dims sizes);
/* With at least n (1, 2 or 3) dimensions (torch.atleast_1d, _2d, _3d). */
TP_API tp_tensor *tp_atleast(tp_tape *T, tp_tensor *x, int n);
/* The shape that all broadcast to; false where they do not fit. */
TP_API bool      tp_broadcast_shapes(int n, const tp_dims *shapes, tp_dims *out) TP_MUST_CHECK;
TP_API tp_status tp_broadcast_tensors(tp_tape *T, int n, tp_tensor *const *x, tp_tensor **out);

/* Parts along dim, as views: how many there are, or -1 after a failure; more than `max` are an error. */
TP_API int tp_split(tp_tape *T, tp_tensor *x, int64_t size, int dim, int max, tp_tensor **out) TP_MUST_CHECK;
TP_API int tp_split_with_sizes(tp_tape *T, tp_tensor *x, int n, const int64_t *sizes, int dim, int max,
                               tp_tensor **out) TP_MUST_CHECK;
TP_API int tp_chunk(tp_tape *T, tp_tensor *x, int64_t chunks, int dim, int max, tp_tensor **out) TP_MUST_CHECK;
/* Parts of sizes that differ by one at most; parts between n positions. */
TP_API int tp_tensor_split(tp_tape *T, tp_tensor *x, int64_t sections, int dim, int max, tp_tensor **out) TP_MUST_CHECK;
TP_API int tp_tensor_split_at(tp_tape *T, tp_tensor *x, int n, const int64_t *at, int dim, int max,
                              tp_tensor **out) TP_MUST_CHECK;
TP_API int tp_unbind(tp_tape *T, tp_tensor *x, int dim, int max, tp_tensor **out) TP_MUST_CHECK;

/* Equal parts, or parts between n positions, along dimension 1 (of vectors: 0), 0 and 2. */
TP_API int tp_hsplit(tp_tape *T, tp_tensor *x, int64_t sections, int max, tp_tensor **out) TP_MUST_CHECK;
TP_API int tp_vsplit(tp_tape *T, tp_tensor *x, int64_t sections, int max, tp_tensor **out) TP_MUST_CHECK;
TP_API int tp_dsplit(tp_tape *T, tp_tensor *x, int64_t sections, int max, tp_tensor **out) TP_MUST_CHECK;
TP_API int tp_hsplit_at(tp_tape *T, tp_tensor *x, int n, const int64_t *at, int max, tp_tensor **out) TP_MUST_CHECK;
TP_API int tp_vsplit_at(tp_tape *T, tp_tensor *x, int n, const int64_t *at, int max, tp_tensor **out) TP_MUST_CHECK;
TP_API int tp_dsplit_at(tp_tape *T, tp_tensor *x, int n, const int64_t *at, int max, tp_tensor **out) TP_MUST_CHECK;

/* The diagonal of dimensions dim1 and dim2, as the last dimension; offset > 0 is above the main one. */
TP_API tp_tensor *tp_diagonal(tp_tape *T, tp_tensor *x, int64_t offset, int dim1, int dim2);
/* Windows of `size`, `step` apart, along dim; the windows' elements are the last dimension. */
TP_API tp_tensor *tp_unfold(tp_tape *T, tp_tensor *x, int dim, int64_t size, int64_t step);
/* Any strides from x's first element + offset on, within x's storage; stride [shape.ndim], none negative. */
TP_API tp_tensor *tp_as_strided(tp_tape *T, tp_tensor *x, tp_dims shape, const int64_t *stride, int64_t offset);
/* The first elements of x's storage from x's first on, row-major; not more than there are. */
TP_API tp_tensor *tp_resize(tp_tape *T, tp_tensor *x, tp_dims shape);

/* ---- copies with a part replaced by src, which has the part's shape -------------------------- */

/* Of x's shape; src has that of tp_diagonal, tp_select, tp_slice (TP_ESHAPE). */
TP_API tp_tensor *tp_diagonal_scatter(tp_tape *T, tp_tensor *x, tp_tensor *src, int64_t offset, int dim1, int dim2);
TP_API tp_tensor *tp_select_scatter(tp_tape *T, tp_tensor *x, tp_tensor *src, int dim, int64_t index);
TP_API tp_tensor *tp_slice_scatter(tp_tape *T, tp_tensor *x, tp_tensor *src, int dim, int64_t start, int64_t stop,
                                   int64_t step);
/* x counts as row-major here. Of places that the part has twice the last one counts, in its row-major order. */
TP_API tp_tensor *tp_as_strided_scatter(tp_tape *T, tp_tensor *x, tp_tensor *src, tp_dims shape, const int64_t *stride,
                                        int64_t offset);
/* Zeros with x's last dimension as the diagonal of dim1 and dim2 (of the result). */
TP_API tp_tensor *tp_diag_embed(tp_tape *T, tp_tensor *x, int64_t offset, int dim1, int dim2);
TP_API tp_tensor *tp_diag(tp_tape *T, tp_tensor *x,
                          int64_t offset); /* a vector to a matrix, a matrix to its diagonal */
TP_API tp_tensor *tp_diagflat(tp_tape *T, tp_tensor *x, int64_t offset); /* diag of all of x as a vector */

/* x itself where it is contiguous, otherwise a copy. */
TP_API tp_tensor *tp_contiguous(tp_tape *T, tp_tensor *x);
TP_API tp_tensor *tp_clone(tp_tape *T, tp_tensor *x);

/* ---- joining, repeating ----------------------------------------------------------------------- */

/* n tensors one after the other along dim, of one shape but for that (TP_ESHAPE), in the dtype that all promote to. Empty
 * vectors fit everywhere, as in torch. */
TP_API tp_tensor *tp_cat(tp_tape *T, int n, tp_tensor *const *x, int dim);
/* n tensors of one shape along a new dimension dim. */
TP_API tp_tensor *tp_stack(tp_tape *T, int n, tp_tensor *const *x, int dim);
/* cat along dimension 1 (of vectors: 0), of rows, along dimension 2, of columns. */
TP_API tp_tensor *tp_hstack(tp_tape *T, int n, tp_tensor *const *x);
TP_API tp_tensor *tp_vstack(tp_tape *T, int n, tp_tensor *const *x); /* alias row_stack */
TP_API tp_tensor *tp_dstack(tp_tape *T, int n, tp_tensor *const *x);
TP_API tp_tensor *tp_column_stack(tp_tape *T, int n, tp_tensor *const *x);
TP_API tp_tensor *tp_block_diag(tp_tape *T, int n, tp_tensor *const *x); /* of at most 2 dimensions each */
/* n vectors as n tensors of n dimensions, views; xy swaps the first two (torch's indexing = "xy"). */
TP_API tp_status  tp_meshgrid(tp_tape *T, int n, tp_tensor *const *x, bool xy, tp_tensor **out);
TP_API tp_tensor *tp_cartesian_prod(tp_tape *T, int n, tp_tensor *const *x); /* [product of sizes, n] */
/* All choices of r elements of a vector, in order: [choices, r] (torch's r is 2). Time and memory go with
 * what comes out, choices times r; more than can be counted or stored is TP_ENOMEM. */
TP_API tp_tensor *tp_combinations(tp_tape *T, tp_tensor *x, int64_t r, bool with_replacement);
/* Powers: x [m] to [m, n], from n - 1 down to 0, or increasing from 0; n < 1: m. Of linalg: x [..., m] to [..., m, n],
 * increasing, n = 0: m. Integers become TP_I64. */
TP_API tp_tensor *tp_vander(tp_tape *T, tp_tensor *x, int64_t n, bool increasing);
TP_API tp_tensor *tp_linalg_vander(tp_tape *T, tp_tensor *x, int64_t n);

/* Copies in another order, or several times over. */
TP_API tp_tensor *tp_flip(tp_tape *T, tp_tensor *x, int n, const int *dims);
TP_API tp_tensor *tp_fliplr(tp_tape *T, tp_tensor *x);
TP_API tp_tensor *tp_flipud(tp_tape *T, tp_tensor *x);
TP_API tp_tensor *tp_roll(tp_tape *T, tp_tensor *x, int n, const int64_t *shifts,
                          const int *dims); /* dims NULL: flat */
TP_API tp_tensor *tp_rot90(tp_tape *T, tp_tensor *x, int k, int dim0, int dim1);
TP_API tp_tensor *tp_repeat(tp_tape *T, tp_tensor *x, tp_dims times); /* as many counts as dimensions, or more */
TP_API tp_tensor *tp_tile(tp_tape *T, tp_tensor *x, tp_dims times);   /* or fewer */
/* Each slice along dim `times` times in a row; or each as often as its entry in a vector of integers says. */
TP_API tp_tensor *tp_repeat_interleave(tp_tape *T, tp_tensor *x, int64_t times, int dim);
TP_API tp_tensor *tp_repeat_interleave_tensor(tp_tape *T, tp_tensor *x, tp_tensor *times, int dim);
TP_API tp_tensor *tp_sum_to_size(tp_tape *T, tp_tensor *x, tp_dims shape); /* the opposite of expand */

#ifdef __cplusplus
}
#endif
#endif
