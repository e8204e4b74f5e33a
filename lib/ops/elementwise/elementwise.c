/* elementwise.c - the shape rule, promotion and forward of every elementwise operator. */
#include "ops/elementwise/elementwise.h"

#include <stdio.h>

/* Bool, integer, float: a 0-d tensor counts only where it is of a higher kind than all others. */
static int kind_of(tp_dtype t) { return t == TP_BOOL ? 0 : tp_dtype_is_float(t) ? 2 : 1; }

tp_dtype tp__result_type(int n, tp_tensor *const *x)
{
    bool have[2] = {false, false};
    tp_dtype of[2] = {TP_BOOL, TP_BOOL}; /* of those with dimensions, of those without */
    for (int i = 0; i < n; i++) {
        int zero = x[i]->ndim == 0;
        of[zero] = have[zero] ? tp_promote_types(of[zero], x[i]->dtype) : x[i]->dtype;
        have[zero] = true;
    }
    if (!have[0] || !have[1])
        return of[have[0] ? 0 : 1];
    return kind_of(of[1]) > kind_of(of[0]) ? tp_promote_types(of[0], of[1]) : of[0];
}

tp_dtype tp_result_type(const tp_tensor *a, const tp_tensor *b)
{
    tp_tensor *both[2] = {(tp_tensor *)(uintptr_t)a, (tp_tensor *)(uintptr_t)b};
    return a && b ? tp__result_type(2, both) : tp_dtype_of(a ? a : b);
}

static const tp__map_op *self(const tp_call *c) { return (const tp__map_op *)(const void *)c->op; }

static bool has_condition(const tp_call *c) { return self(c)->result == TP__CHOICE; }

/* The operands to promote: a condition is none. */
static __attribute__((noinline)) tp_dtype promoted(const tp_call *c)
{
    int skip = has_condition(c);
    tp_dtype t = c->n_in == 1 ? c->in[0]->dtype : tp__result_type(c->n_in - skip, c->in + skip);
    bool floats = self(c)->result == TP__TO_FLOAT || self(c)->result == TP__FLOAT_TO_BOOL;
    return floats && !tp_dtype_is_float(t) ? TP_F32 : t;
}

static inline tp_dtype compute_dtype(const tp_call *c)
{
    tp_dtype first = c->in[0]->dtype; /* the usual case is floats of one kind */
    return first <= TP_F64 && c->n_in <= 2 && c->in[c->n_in - 1]->dtype == first ? first : promoted(c);
}

static tp_status broadcast_all(tp_call *c, tp_dims *shape)
{
    *shape = tp__dims_of(c->in[0]);
    for (int i = 1; i < c->n_in; i++) {
        tp_dims other = tp__dims_of(c->in[i]);
        if (tp__dims_equal(*shape, other))
            continue;
        if (!tp__dims_broadcast(*shape, other, shape))
            return tp_call_fail(
                c, TP_ESHAPE,
                "%s and %s cannot be broadcast together; sizes from the last on that are equal or 1 are needed",
                TP__DIMS(*shape), TP__DIMS(other));
    }
    return TP_OK;
}

/* The call fails, which says for which dtypes there is a function. */
static tp_status undefined(tp_call *c, tp_dtype dtype)
{
    char known[96] = "";
    for (int i = 0, n = 0; i < TP_DTYPES; i++)
        if (tp__fn(&self(c)->function, (tp_dtype)i) && n >= 0 && (size_t)n < sizeof known)
            n += snprintf(known + n, sizeof known - (size_t)n, "%s%s", n ? ", " : "", tp_dtype_name((tp_dtype)i));
    return tp_call_fail(c, TP_EDTYPE, "is not defined for %s; one of %s is needed", tp_dtype_name(dtype), known);
}

tp_status tp__map_infer(tp_call *c)
{
    tp_dims shape;
    tp_dtype compute = compute_dtype(c);
    tp__map_result r = self(c)->result;
    if (has_condition(c) && c->in[0]->dtype != TP_BOOL)
        return tp_call_fail(c, TP_EDTYPE, "the condition is %s; bool is needed", tp_dtype_name(c->in[0]->dtype));
    if (tp__fn(&self(c)->function, compute) == NULL)
        return undefined(c, compute);
    tp_dtype out = r == TP__TO_BOOL || r == TP__FLOAT_TO_BOOL ? TP_BOOL : compute;
    if (c->n_in == 1 || (c->n_in == 2 && tp__same_shape(c->in[0], c->in[1]))) {
        c->out[0] = tp__tensor_like(c->tape, c->in[0], out);
        return c->out[0] ? TP_OK : c->tape->status;
    }
    return broadcast_all(c, &shape) == TP_OK ? tp_call_out(c, 0, out, shape) : c->tape->status;
}

static bool plain(const tp_tensor *x, const tp_tensor *y, tp_dtype compute)
{
    return x->dtype == compute && x->numel == y->numel && tp__contiguous(x);
}

tp_status tp__map_forward(tp_call *c)
{
    tp_tensor *y = c->out[0];
    tp_dtype compute = compute_dtype(c);
    tp__block_fn fn = tp__fn(&self(c)->function, compute);
    if (y->numel <= 1024 && c->n_in <= 2 && plain(c->in[0], y, compute) &&
        (c->n_in == 1 || plain(c->in[1], y, compute))) { /* the short way for small work */
        const void *in[2] = {c->in[0]->data, c->in[c->n_in - 1]->data};
        fn(y->numel, y->data, in, c->attr);
        return TP_OK;
    }
    tp__operand in[TP__MAX_OPERANDS];
    tp_dims shape = tp__dims_of(y);
    for (int i = 0; i < c->n_in; i++)
        in[i] = tp__operand_of(c->in[i], shape);
    tp__map(fn, c->attr, shape, y->data, y->dtype, compute, has_condition(c), c->n_in, in);
    return TP_OK;
}
