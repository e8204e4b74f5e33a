/* strided_view.h - views whose dimensions are sums of x's: diagonals, windows; the opposite, values put where such a view looks;
 * and copies with values in their place.
 */
#ifndef TAPIR_OPS_STRIDED_VIEW_H
#define TAPIR_OPS_STRIDED_VIEW_H

#include "ops/ops.h"

/* Dimension k of the view steps coef[k] along x's dimension from[k][0], and from[k][1] where that is not -1, at once. */
typedef struct {
    tp_dims whole, shape; /* x's and the view's */
    int from[TP_MAX_DIMS][2];
    int64_t coef[TP_MAX_DIMS];
    int64_t start[TP_MAX_DIMS]; /* in x's dimensions */
} tp__strided_view;

/* The view that leaves all dimensions as they are. */
tp__strided_view tp__whole_view(tp_dims x);
void tp__view_drop_dim(tp__strided_view *v, int dim);
/* Strides of the view and, returned, its offset where x has these strides. */
int64_t tp__view_strides(const tp__strided_view *v, const int64_t *x_stride, int64_t *stride);
/* May two elements lie at one place? */
bool tp__overlaps(tp_dims shape, const int64_t *stride);
/* Does the view look at each of its places once? */
bool tp__view_apart(const tp__strided_view *v);

/* The operators whose attributes are such a view. */
tp_status tp__strided_infer(tp_call *c);
tp_status tp__strided_vjp(tp_vjp *v);

/* x as the view has it (unfold.c). */
tp_tensor *tp__view_at(tp_tape *T, const tp__strided_view *v, tp_tensor *x);
/* Values added among zeros where the view looks: its adjoint (put_back.c). */
tp_tensor *tp__put_back(tp_tape *T, const tp__strided_view *v, tp_tensor *g);
/* A copy of x with values in place of what the view shows (view_scatter.c). */
tp_tensor *tp__view_scatter(tp_tape *T, const tp__strided_view *v, tp_tensor *x, tp_tensor *values);

/* Is it a shape? Otherwise T fails. */
bool tp__is_shape(tp_tape *T, const char *name, tp_dims shape, int64_t *numel);

/* Samples: a diagonal of tp__sample_block, windows of tp__sample_column, which overlap. */
extern const tp_dims tp__sample_block, tp__sample_column;
tp__strided_view tp__sample_diagonal(void);
tp__strided_view tp__sample_windows(void);
/* v as the attributes, of an x of this shape. */
void tp__view_sample(tp_sampler *s, tp_dims shape, tp__strided_view v);

#endif
