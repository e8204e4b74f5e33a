/* tensorsolve.c - solves and inverses of tensors that are read as matrices. */
#include "ops/linalg/linalg.h"

static int64_t product(const tp_tensor *x, int begin, int end)
{
    int64_t n = 1;
    for (int d = begin; d < end; d++)
        n *= x->shape[d];
    return n;
}

static tp_dims part_of(const tp_tensor *x, int begin, int end)
{
    tp_dims shape = {.ndim = end - begin};
    for (int d = begin; d < end; d++)
        shape.dim[d - begin] = x->shape[d];
    return shape;
}

tp_tensor *tp_linalg_tensorinv(tp_tape *T, tp_tensor *a, int ind)
{
    TP__NAMED(T, "linalg_tensorinv");
    if (!tp__usable(T, "linalg_tensorinv", a))
        return NULL;
    if (ind < 1 || ind > a->ndim || product(a, 0, ind) != product(a, ind, a->ndim)) {
        tp_fail(T, TP_ESHAPE,
                "linalg_tensorinv: A is %s, ind is %d; as many elements in the first ind dimensions as in the others, "
                "ind 1 or more, are needed",
                TP__SHAPE(a), ind);
        return NULL;
    }
    int64_t n = product(a, 0, ind);
    tp_dims shape = part_of(a, ind, a->ndim);
    for (int d = 0; d < ind; d++)
        shape.dim[shape.ndim++] = a->shape[d];
    return tp_reshape(T, tp_linalg_inv(T, tp_reshape(T, a, (tp_dims){2, {n, n}})), shape);
}

tp_tensor *tp_linalg_tensorsolve(tp_tape *T, tp_tensor *a, tp_tensor *b, int n, const int *dims)
{
    TP__NAMED(T, "linalg_tensorsolve");
    if (!tp__usable_inputs(T, "linalg_tensorsolve", 2, (tp_tensor *[2]){a, b}) ||
        !tp__listed(T, "linalg_tensorsolve", "dimensions", n, 0, dims))
        return NULL;
    int last[TP_MAX_DIMS];
    for (int i = 0; i < n && i < TP_MAX_DIMS; i++)
        last[i] = i - n;
    if (n > 0 && (a = tp_movedim(T, a, n, dims, last)) == NULL)
        return NULL;
    if (b->ndim > a->ndim || product(a, 0, b->ndim) != b->numel || product(a, b->ndim, a->ndim) != b->numel) {
        tp_fail(
            T, TP_ESHAPE,
            "linalg_tensorsolve: A is %s, B is %s; as many elements in A's first dimensions, as many as B has, and in "
            "its others, as in B are needed",
            TP__SHAPE(a), TP__SHAPE(b));
        return NULL;
    }
    tp_dims shape = part_of(a, b->ndim, a->ndim);
    tp_tensor *matrix = tp_reshape(T, a, (tp_dims){2, {b->numel, b->numel}});
    return tp_reshape(T, tp_linalg_solve(T, matrix, tp_reshape(T, b, (tp_dims){1, {b->numel}})), shape);
}
