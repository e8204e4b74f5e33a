/* one_hot.c - classes as vectors. */
#include "ops/ops.h"

/* How many classes there are, or -1: `n`, which must be above all indices, or one more than the largest. */
static int64_t classes_of(tp_tape *T, tp_tensor *index, int64_t n)
{
    if (index->numel == 0) {
        if (n < 1)
            tp_fail(T, TP_EINVAL, "one_hot: no index and %lld classes; with no index the number of classes is needed",
                    (long long)n);
        return n < 1 ? -1 : n;
    }
    double least = tp_item(tp_min(T, index)), most = tp_item(tp_max(T, index));
    if (least < 0)
        tp_fail(T, TP_EINDEX, "one_hot: index %.0f; 0 or more is needed", least);
    else if (n == 0 || n < -1)
        tp_fail(T, TP_EINVAL, "one_hot: %lld classes; 1 or more are needed, or -1 for as many as there are",
                (long long)n);
    else if (n != -1 && most >= (double)n)
        tp_fail(T, TP_EINDEX, "one_hot: index %.0f, %lld classes; less is needed", most, (long long)n);
    else if (most >= 0x1p62)
        tp_fail(T, TP_ENOMEM, "one_hot: index %.0f; so many classes are too many", most);
    return T->status != TP_OK ? -1 : n == -1 ? (int64_t)most + 1 : n;
}

tp_tensor *tp_one_hot(tp_tape *T, tp_tensor *index, int64_t num_classes)
{
    TP__NAMED(T, "one_hot");
    if (!tp__usable(T, "one_hot", index))
        return NULL;
    if (index->dtype != TP_I64 && index->dtype != TP_I32) {
        tp_fail(T, TP_EDTYPE, "one_hot: the index is %s; int64 or int32 is needed", tp_dtype_name(index->dtype));
        return NULL;
    }
    if (index->ndim == TP_MAX_DIMS) {
        tp_fail(T, TP_ESHAPE, "one_hot: the index has %d dimensions; at most %d", index->ndim, TP_MAX_DIMS - 1);
        return NULL;
    }
    int64_t n = classes_of(T, index, num_classes);
    if (n < 0)
        return NULL;
    tp_dims shape = tp__dims_of(index);
    shape.dim[shape.ndim++] = n;
    return tp_scatter_scalar(T, tp_zeros(T, TP_I64, shape), -1, tp_unsqueeze(T, tp_to(T, index, TP_I64), -1), 1,
                             TP_SCATTER_PUT);
}
