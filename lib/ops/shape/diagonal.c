/* diagonal.c - diagonals as views, replaced, and embedded: diagonal, diagonal_scatter, diag_embed, diag, diagflat. */
#include "ops/shape/strided_view.h"

static void diagonal_samples(tp_sampler *s) { tp__view_sample(s, tp__sample_block, tp__sample_diagonal()); }

/* clang-format off */
static const tp_op diagonal_op = {
    .name = "diagonal", .n_in = 1, .n_out = 1, .attr_size = sizeof(tp__strided_view), .flags = TP__VIEW_FLAGS,
    .infer = tp__strided_infer, .vjp = tp__strided_vjp, .samples = diagonal_samples, .grad_name = "DiagonalBackward0"};
/* clang-format on */

/* The view of the diagonal of what has this shape: dimensions a and b go, the diagonal comes last. */
static tp__strided_view diagonal_in(tp_dims shape, int64_t offset, int a, int b)
{
    int64_t rows = tp__add_clipped(shape.dim[a], offset < 0 ? offset : 0);
    int64_t columns = shape.dim[b] - (offset > 0 ? offset : 0), n = rows < columns ? rows : columns;
    tp__strided_view view = tp__whole_view(shape), *v = &view;
    tp__view_drop_dim(v, a > b ? a : b);
    tp__view_drop_dim(v, a > b ? b : a);
    int k = v->shape.ndim++;
    v->shape.dim[k] = n > 0 ? n : 0;
    v->from[k][0] = a;
    v->from[k][1] = b;
    v->coef[k] = 1;
    v->start[a] = n > 0 && offset < 0 ? -offset : 0;
    v->start[b] = n > 0 && offset > 0 ? offset : 0;
    return view;
}

/* The same of x. False after a failure. */
static bool diagonal_of(tp_tape *T, const char *name, const tp_tensor *x, int64_t offset, int dim1, int dim2,
                        tp__strided_view *v)
{
    if (!tp__usable(T, name, x))
        return false;
    int a = tp__dim_of(T, name, x->ndim, dim1), b = tp__dim_of(T, name, x->ndim, dim2);
    if (x->ndim < 2 || a == b)
        tp_fail(T, TP_EINDEX, "%s: dimensions %d and %d, x is %s; two of it are needed", name, dim1, dim2,
                TP__SHAPE(x));
    if (a < 0 || b < 0 || x->ndim < 2 || a == b)
        return false;
    *v = diagonal_in(tp__dims_of(x), offset, a, b);
    return true;
}

tp_tensor *tp_diagonal(tp_tape *T, tp_tensor *x, int64_t offset, int dim1, int dim2)
{
    tp__strided_view v;
    return diagonal_of(T, "diagonal", x, offset, dim1, dim2, &v) ? tp__apply1(T, &diagonal_op, &v, x) : NULL;
}

tp_tensor *tp_diagonal_scatter(tp_tape *T, tp_tensor *x, tp_tensor *src, int64_t offset, int dim1, int dim2)
{
    TP__NAMED(T, "diagonal_scatter");
    tp__strided_view v;
    return diagonal_of(T, "diagonal_scatter", x, offset, dim1, dim2, &v) ? tp__view_scatter(T, &v, x, src) : NULL;
}

tp_tensor *tp_diag_embed(tp_tape *T, tp_tensor *x, int64_t offset, int dim1, int dim2)
{
    TP__NAMED(T, "diag_embed");
    int64_t n;
    if (!tp__usable(T, "diag_embed", x))
        return NULL;
    int a = tp__dim_of(T, "diag_embed", x->ndim + 1, dim1), b = tp__dim_of(T, "diag_embed", x->ndim + 1, dim2);
    if (a == b || x->ndim == 0 || x->ndim == TP_MAX_DIMS)
        tp_fail(T, TP_EINDEX, "diag_embed: dimensions %d and %d, x is %s; two, and 1 to %d of x, are needed", dim1,
                dim2, TP__SHAPE(x), TP_MAX_DIMS - 1);
    if (a < 0 || b < 0 || tp__ok(T) == false)
        return NULL;
    tp_dims shape = {.ndim = x->ndim + 1};
    int64_t side = tp__add_clipped(x->shape[x->ndim - 1], offset < -INT64_MAX ? INT64_MAX
                                                          : offset < 0        ? -offset
                                                                              : offset);
    for (int d = 0, from = 0; d < shape.ndim; d++)
        shape.dim[d] = d == a || d == b ? side : x->shape[from++];
    if (!tp__is_shape(T, "diag_embed", shape, &n))
        return NULL;
    tp__strided_view v = diagonal_in(shape, offset, a, b);
    return tp__put_back(T, &v, x);
}

tp_tensor *tp_diag(tp_tape *T, tp_tensor *x, int64_t offset)
{
    TP__NAMED(T, "diag");
    if (!tp__usable(T, "diag", x))
        return NULL;
    if (x->ndim == 1)
        return tp_diag_embed(T, x, offset, 0, 1);
    if (x->ndim == 2)
        return tp_diagonal(T, x, offset, 0, 1);
    tp_fail(T, TP_ESHAPE, "diag: x is %s; a vector or a matrix is needed", TP__SHAPE(x));
    return NULL;
}

tp_tensor *tp_diagflat(tp_tape *T, tp_tensor *x, int64_t offset)
{
    TP__NAMED(T, "diagflat");
    return tp_diag_embed(T, tp_reshape(T, x, (tp_dims){1, {-1}}), offset, 0, 1);
}

const tp_op *const tp__ops_diagonal[] = {
#include TP__OPERATORS
    NULL};
