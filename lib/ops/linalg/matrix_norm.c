/* matrix_norm.c - norms and condition numbers of matrices. */
#include "ops/linalg/orthogonal.h"

#include <math.h>

/* The extreme over a dimension, which stays with size 1: the least for a negative order. */
static tp_tensor *extreme(tp_tape *T, tp_tensor *x, double ord, int dim)
{
    return (ord > 0 ? tp_amax : tp_amin)(T, x, 1, &dim, true);
}

static tp_tensor *values_of(tp_tape *T, tp_tensor *x, const int dims[2])
{
    return tp_linalg_svdvals(T, tp_movedim(T, x, 2, dims, (const int[]){-2, -1}));
}

/* Of an order that is known, whatever shape it comes out in. */
static tp_tensor *norm_over(tp_tape *T, tp_tensor *x, double ord, const int dims[2])
{
    if (ord == TP_NORM_FRO)
        return tp_linalg_vector_norm(T, x, 2, 2, dims, true);
    if (ord == TP_NORM_NUC)
        return tp_sum_dims(T, values_of(T, x, dims), 1, &(int){-1}, false);
    if (fabs(ord) == 2)
        return extreme(T, values_of(T, x, dims), ord, -1);
    bool columns = fabs(ord) == 1;
    return extreme(T, tp_linalg_vector_norm(T, x, 1, 1, &dims[!columns], true), ord, dims[columns]);
}

static bool is_order(double ord)
{
    return ord == TP_NORM_FRO || ord == TP_NORM_NUC || fabs(ord) == 1 || fabs(ord) == 2 || isinf(ord);
}

tp_tensor *tp_linalg_matrix_norm(tp_tape *T, tp_tensor *x, double ord, int dim0, int dim1, bool keepdim)
{
    TP__NAMED(T, "linalg_matrix_norm");
    uint32_t mask;
    if (!tp__has_dims(T, "linalg_matrix_norm", x, 2))
        return NULL;
    int dims[2] = {tp__dim_wrap(x->ndim, dim0), tp__dim_wrap(x->ndim, dim1)};
    if (!tp__mask_of(T, "linalg_matrix_norm", x, 2, (const int[]){dim0, dim1}, &mask))
        return NULL;
    if (!is_order(ord)) {
        tp_fail(T, TP_EINVAL,
                "linalg_matrix_norm: the order is %g; TP_NORM_FRO, TP_NORM_NUC, 1, 2, infinity or minus "
                "one of these is needed",
                ord);
        return NULL;
    }
    tp_tensor *y = norm_over(T, x, ord, dims);
    return y ? tp_reshape(T, y, tp__shape_over(x, mask, keepdim)) : NULL;
}

tp_tensor *tp_linalg_norm(tp_tape *T, tp_tensor *x, double ord, int n, const int *dims, bool keepdim)
{
    TP__NAMED(T, "linalg_norm");
    if (!tp__usable(T, "linalg_norm", x) || !tp__listed(T, "linalg_norm", "dimensions", n, 0, dims))
        return NULL;
    int count = n > 0 ? n : x->ndim;
    bool named = ord == TP_NORM_FRO || ord == TP_NORM_NUC;
    if (count == 1 && !named)
        return tp_linalg_vector_norm(T, x, ord, n, dims, keepdim);
    if (count == 2)
        return tp_linalg_matrix_norm(T, x, ord, n > 0 ? dims[0] : 0, n > 0 ? dims[1] : 1, keepdim);
    tp_fail(T, TP_EINVAL, "linalg_norm: %d dimensions; two, or one where the order is a number, are needed", count);
    return NULL;
}

/* ---- condition numbers ------------------------------------------------------------------------------------------- */

/* The inverse; infinite of a singular matrix. */
static tp_tensor *inverse(tp_tape *T, tp_tensor *x)
{
    tp_tensor *info, *y = tp_linalg_inv_ex(T, x, &info);
    if (y == NULL)
        return NULL;
    tp_tensor *singular = tp_unsqueeze(T, tp_unsqueeze(T, tp_ne_scalar(T, info, 0), -1), -1);
    return tp_masked_fill(T, y, singular, (double)INFINITY);
}

tp_tensor *tp_linalg_cond(tp_tape *T, tp_tensor *x, double p)
{
    TP__NAMED(T, "linalg_cond");
    if (!tp__has_dims(T, "linalg_cond", x, 2))
        return NULL;
    bool spectral = fabs(p) == 2, of_values = spectral || p == TP_NORM_NUC;
    if (!is_order(p) || !tp_dtype_is_float(x->dtype) || (!spectral && tp__rows(x) != tp__columns(x))) {
        tp_fail(T, TP_EINVAL,
                "linalg_cond: p is %g, x is %s %s; TP_NORM_FRO, TP_NORM_NUC, 1, 2, infinity or minus one "
                "of these is needed, and floats [..., n, n] unless it is 2 or -2",
                p, tp_dtype_name(x->dtype), TP__SHAPE(x));
        return NULL;
    }
    if (x->numel == 0)
        return tp_zeros(T, x->dtype, tp__batch_of(x));
    if (!of_values)
        return tp_mul(T, tp_linalg_matrix_norm(T, x, p, -2, -1, false),
                      tp_linalg_matrix_norm(T, inverse(T, x), p, -2, -1, false));
    tp_tensor *s = tp_linalg_svdvals(T, x);
    if (s && p == TP_NORM_NUC)
        return tp_mul(T, tp_sum_dims(T, s, 1, &(int){-1}, false),
                      tp_sum_dims(T, tp_reciprocal(T, s), 1, &(int){-1}, false));
    tp_tensor *first = s ? tp_select(T, s, -1, 0) : NULL;
    tp_tensor *last = s ? tp_select(T, s, -1, tp__least_side(x) - 1) : NULL;
    return p > 0 ? tp_div(T, first, last) : tp_div(T, last, first);
}
