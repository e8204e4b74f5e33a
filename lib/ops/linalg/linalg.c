/* linalg.c - what the solves and factorizations share, and what BLAS there is. */
#include "ops/linalg/linalg.h"

int64_t tp__matrices(const tp_tensor *x)
{
    int64_t n = 1;
    for (int d = 0; d < x->ndim - 2; d++)
        n *= x->shape[d];
    return n;
}

tp_status tp__square_floats(const tp_call *c, const tp_tensor *a)
{
    if (a->ndim < 2 || a->shape[a->ndim - 1] != a->shape[a->ndim - 2])
        return tp_call_fail(c, TP_ESHAPE, "A is %s; [..., n, n] is needed", TP__SHAPE(a));
    if (!tp_dtype_is_float(a->dtype))
        return tp_call_fail(c, TP_EDTYPE, "A is %s; float32 or float64 is needed", tp_dtype_name(a->dtype));
    return TP_OK;
}

tp_status tp__solve_infer(tp_call *c)
{
    const tp_tensor *a = c->in[0], *b = c->in[1];
    if (tp__square_floats(c, a) != TP_OK)
        return c->tape->status;
    bool fits = a->ndim == b->ndim && a->shape[a->ndim - 1] == b->shape[b->ndim - 2];
    for (int d = 0; d < a->ndim - 2 && fits; d++)
        fits = a->shape[d] == b->shape[d];
    if (!fits)
        return tp_call_fail(c, TP_ESHAPE, "A is %s, B is %s; [..., n, n] and [..., n, k] are needed", TP__SHAPE(a),
                            TP__SHAPE(b));
    if (a->dtype != b->dtype)
        return tp_call_fail(c, TP_EDTYPE, "A is %s, B is %s; one dtype is needed", tp_dtype_name(a->dtype),
                            tp_dtype_name(b->dtype));
    return tp_call_out(c, 0, a->dtype, tp__dims_of(b));
}

tp_status tp__lapack_said(const tp_call *c, int info, const char *trouble)
{
    if (info > 0)
        return tp_call_fail(c, TP_ENUMERIC, "A is %s", trouble);
    tp_status status;
    trouble = tp__blas_trouble(&status);
    return tp_call_fail(c, status, "%s", trouble);
}

bool tp__broadcast_batches(tp_tape *T, const char *name, tp_tensor **a, tp_tensor **b)
{
    tp_dims sa = tp__dims_of(*a), sb = tp__dims_of(*b), batch;
    if (sa.ndim < 2 || sb.ndim < 2) {
        tp_fail(T, TP_ESHAPE, "%s: A is %s, B is %s; [..., n, n] and [..., n, k] are needed", name, TP__DIMS(sa),
                TP__DIMS(sb));
        return false;
    }
    tp_dims lead_a = sa, lead_b = sb;
    lead_a.ndim -= 2;
    lead_b.ndim -= 2;
    if (!tp__dims_broadcast(lead_a, lead_b, &batch)) {
        tp_fail(T, TP_ESHAPE, "%s: A is %s, B is %s; leading dimensions that broadcast are needed", name, TP__DIMS(sa),
                TP__DIMS(sb));
        return false;
    }
    for (int side = 0; side < 2; side++) {
        tp_tensor **x = side ? b : a;
        tp_dims whole = batch;
        whole.dim[whole.ndim++] = (*x)->shape[(*x)->ndim - 2];
        whole.dim[whole.ndim++] = (*x)->shape[(*x)->ndim - 1];
        if (!tp__dims_equal(tp__dims_of(*x), whole) && (*x = tp_expand(T, *x, whole)) == NULL)
            return false;
    }
    return true;
}

tp_tensor *tp__sample_matrix(tp_sampler *s, tp_dims shape)
{
    int64_t n = shape.dim[shape.ndim - 1];
    tp_tensor *x = tp_add(s->tape, tp_sample_tensor(s, shape, -0.6, 0.7),
                          tp_mul_scalar(s->tape, tp_eye(s->tape, s->dtype, n, n), 2.5));
    return tp_requires_grad(tp_detach(s->tape, x), true);
}

const char *tp_blas_info(void) { return tp__blas_info(); }
