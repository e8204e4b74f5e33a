/* orthonormal.c - orthonormal rows, or columns, of a matrix. */
#include "kernel/kernel.h"
#include "ops/ops.h"

tp_tensor *tp__orthonormal(tp_tape *T, tp_tensor *x)
{
    bool tall = x->shape[0] >= x->shape[1];
    tp_tensor *basis = tall ? tp_contiguous(T, tp_t(T, x)) : x;
    int64_t k = basis ? basis->shape[0] : 0;
    tp_tensor *work = tp_empty(T, x->dtype, (tp_dims){1, {tp__orthonormal_room(k)}});
    if (basis == NULL || work == NULL)
        return NULL;
    if (tp__orthonormal_rows(x->dtype, k, basis->shape[1], basis->data, work->data) != 0) {
        tp_fail(T, TP_EUNSUPPORTED, "orthonormal: x is %s; sizes that LAPACK can count are needed", TP__SHAPE(x));
        return NULL;
    }
    return tall ? tp_t(T, basis) : basis;
}
