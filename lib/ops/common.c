/* common.c - what operator families share: operands, dimension lists, common shape rules. */
#include "ops/ops.h"

bool tp__usable_inputs(tp_tape *T, const char *name, int n, tp_tensor *const *in)
{
    bool usable = true;
    for (int i = 0; i < n && usable; i++)
        usable = tp__usable_input(T, name, i, in[i]);
    return usable;
}

tp_tensor *tp__number(tp_tape *T, const tp_tensor *x, double value) { return x ? tp_scalar(T, x->dtype, value) : NULL; }

bool tp__fits(tp_tape *T, const char *name, const char *what, tp_dtype dtype, double value)
{
    TP__DTYPES_ARE(6); /* of those that do not hold all numbers */
    static const char *const range[TP_DTYPES] = {
        [TP_I32] = "-2^31 to 2^31 - 1", [TP_I64] = "-2^63 to 2^63 - 1", [TP_U8] = "0 to 255"};
    if (!tp__ok(T) || tp__holds(dtype, value))
        return tp__ok(T);
    tp_fail(T, TP_EINVAL, "%s: the %s is %.17g; %s holds %s", name, what, value, tp_dtype_name(dtype), range[dtype]);
    return false;
}

tp_tensor *tp__value_as(tp_tape *T, const char *name, tp_tensor *value, tp_dtype dtype)
{
    if (value && value->dtype != dtype && !tp__fits(T, name, "value", dtype, tp_item(value)))
        return NULL;
    return tp_to(T, value, dtype);
}

tp__operand tp__operand_of(const tp_tensor *x, tp_dims shape)
{
    tp__operand o;
    int lead = shape.ndim - x->ndim;
    o.data = x->data;
    o.dtype = x->dtype;
    for (int d = 0; d < lead; d++)
        o.stride[d] = 0;
    for (int d = 0; d < x->ndim; d++)
        o.stride[d + lead] = x->shape[d] == 1 ? 0 : x->stride[d];
    return o;
}

bool tp__listed(tp_tape *T, const char *name, const char *what, int64_t n, int64_t least, const void *list)
{
    if (!tp__ok(T))
        return false;
    if (n < least)
        tp_fail(T, TP_EINVAL, "%s: %lld %s; %lld or more are needed", name, (long long)n, what, (long long)least);
    else if (n > 0 && list == NULL)
        tp_fail(T, TP_EINVAL, "%s: %lld %s, but the list of them is NULL", name, (long long)n, what);
    return tp__ok(T);
}

tp_status tp__dims_mask(const tp_call *c, int ndim, int n, const int *dims, uint32_t *mask)
{
    *mask = 0;
    if (!tp__listed(c->tape, c->op->name, "dimensions", n, 0, dims))
        return c->tape->status;
    if (n == 0)
        *mask = (1u << ndim) - 1;
    for (int i = 0; i < n; i++) {
        int d = tp__dim_wrap(ndim, dims[i]);
        if (d < 0)
            return tp__no_dim(c->tape, c->op->name, dims[i], ndim);
        if ((*mask >> d) & 1u)
            return tp_call_fail(c, TP_EINVAL, "dimension %d is named twice; each may be once", dims[i]);
        *mask |= 1u << d;
    }
    if (ndim == 0)
        *mask = 0;
    return TP_OK;
}

tp_status tp__vjp_fused_by_operators(tp_vjp *v, uint32_t which)
{
    enum { MOST = 8 };
    tp_tensor *g[MOST] = {NULL};
    tp_vjp by_vjp = *v;
    by_vjp.gin = g;
    by_vjp.need = v->need & which;
    if (v->n_in > MOST)
        return tp_fail(v->tape, TP_EUNSUPPORTED, "%s: %d inputs; at most %d", v->op->name, v->n_in, MOST);
    tp_status status = v->op->vjp(&by_vjp);
    for (int i = 0; i < v->n_in && status == TP_OK && v->tape->status == TP_OK; i++) {
        if (v->gin[i] == NULL || !((which >> i) & 1u))
            continue;
        tp_tensor *fit = tp__fit_gradient(v->tape, g[i], v->gin[i]);
        status = fit ? tp__add_into(v->tape, v->gin[i], fit, (v->fresh >> i) & 1u) : v->tape->status;
    }
    return status == TP_OK ? v->tape->status : status;
}

tp_status tp__infer_like_first(tp_call *c) { return tp_call_out(c, 0, c->in[0]->dtype, tp__dims_of(c->in[0])); }

tp_status tp__no_float(const tp_call *c, const tp_tensor *x)
{
    return tp_call_fail(c, TP_EDTYPE, "x is %s; float32 or float64 is needed", tp_dtype_name(x->dtype));
}

tp_status tp__infer_float_like(tp_call *c)
{
    if (!tp_dtype_is_float(c->in[0]->dtype))
        return tp__no_float(c, c->in[0]);
    return tp__infer_like_first(c);
}

tp_status tp__infer_view(tp_call *c, tp_dims shape, const int64_t *stride, int64_t offset)
{
    c->out[0] = tp__tensor_alias(c->tape, c->in[0], shape, stride, offset);
    return c->out[0] ? TP_OK : c->tape->status;
}

tp_status tp__no_dim(tp_tape *T, const char *name, int64_t dim, int ndim)
{
    int rank = ndim > 0 ? ndim : 1;
    return tp_fail(T, TP_EINDEX, "%s: dimension %lld of a %d-d tensor; %d to %d is needed", name, (long long)dim, ndim,
                   -rank, rank - 1);
}

tp_status tp__no_such_dim(const tp_call *c, int dim) { return tp__no_dim(c->tape, c->op->name, dim, c->in[0]->ndim); }

int tp__dim_of(tp_tape *T, const char *name, int ndim, int dim)
{
    int d = tp__dim_wrap(ndim, dim);
    if (d < 0)
        tp__no_dim(T, name, dim, ndim);
    return d;
}

bool tp__has_dims(tp_tape *T, const char *name, const tp_tensor *x, int least)
{
    if (!tp__usable(T, name, x))
        return false;
    if (x->ndim < least)
        tp_fail(T, TP_ESHAPE, "%s: x is %s; %d dimension%s or more are needed", name, TP__SHAPE(x), least,
                least == 1 ? "" : "s");
    return x->ndim >= least;
}

void tp__sample_one(tp_sampler *s, tp_dims shape, const void *attr)
{
    tp_tensor *x = tp_sample_tensor(s, shape, -1, 1);
    tp_sample(s, attr, 1, &x);
}

tp_tensor *tp__fit_gradient(tp_tape *T, tp_tensor *g, const tp_tensor *x)
{
    if (g && g->dtype != x->dtype)
        g = tp_to(T, g, x->dtype);
    if (g == NULL || tp__same_shape(g, x))
        return g;
    tp_dims shape = tp__dims_of(x);
    int lead = g->ndim - shape.ndim, n = 0, dims[TP_MAX_DIMS];
    for (int d = 0; d < g->ndim; d++)
        if (d < lead || (shape.dim[d - lead] == 1 && g->shape[d] != 1))
            dims[n++] = d;
    if (n > 0)
        g = tp_sum_dims(T, g, n, dims, true);
    if (g && lead > 0) {
        tp_dims kept = {.ndim = shape.ndim};
        for (int d = 0; d < shape.ndim; d++)
            kept.dim[d] = g->shape[d + lead];
        g = tp_reshape(T, g, kept);
    }
    return g && !tp__same_shape(g, x) ? tp_expand(T, g, shape) : g;
}
