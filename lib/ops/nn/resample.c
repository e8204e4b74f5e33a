/* resample.c - sums over windows as operators, and the tables of windows. */
#include "ops/nn/resample.h"

/* ---- axes ------------------------------------------------------------------------------------------------------- */

static void fill_table(tp__axis *a, tp__taps_fn taps, const void *attr, tp_dtype dtype, int d)
{
    for (int64_t o = 0, k = 0; o < a->n_out; o++) {
        tp__taps t = taps(attr, dtype, d, o, a->at ? a->weight + k : NULL);
        a->first[o] = a->at ? k : t.first;
        a->count[o] = t.n;
        a->most = t.n > a->most ? t.n : a->most;
        for (int64_t i = t.first; i < (a->at ? t.first + t.n : t.first); i++)
            a->at[k++] = i < 0 ? 0 : i < a->n_in ? i : a->n_in - 1;
        if (a->divisor)
            a->divisor[o] = t.divisor;
    }
}

/* A table of what `taps` says of each window. */
static bool table_of(const tp_call *c, tp__taps_fn taps, const void *attr, tp_dtype dtype, int d, int64_t n_in,
                     int64_t n_out, bool divides, tp__axis *a)
{
    int64_t all = 0;
    bool listed = n_out > 0 && taps(attr, dtype, d, 0, NULL).weighted;
    for (int64_t o = 0; o < (listed ? n_out : 0); o++)
        all = tp__add_clipped(all, taps(attr, dtype, d, o, NULL).n);
    void *memory = all < INT64_MAX / 64 ? tp_call_scratch(c, tp__axis_bytes(n_out, all, divides)) : NULL;
    if (memory == NULL) {
        if (c->tape->status == TP_OK)
            tp_fail(c->tape, TP_ENOMEM, "%s: windows of %lld elements; less is needed", c->op->name, (long long)all);
        return false;
    }
    tp__axis_at(a, memory, n_in, n_out, all, divides);
    fill_table(a, taps, attr, dtype, d);
    return true;
}

bool tp__axes(const tp_call *c, tp__slides_fn slides, tp__taps_fn taps, const void *attr, int space, tp_dtype dtype,
              const int64_t *in, const int64_t *out, bool divides, tp__windows *w)
{
    for (int d = 0; d < TP__SPACE; d++) {
        w->axis[d] = tp__axis_sliding(in[d], out[d], 1, 1, 0, 1);
        if (d < TP__SPACE - space || (slides && slides(attr, d, &w->axis[d])))
            continue;
        if (!table_of(c, taps, attr, dtype, d, in[d], out[d], divides, &w->axis[d]))
            return false;
    }
    return true;
}

bool tp__plan_windows(const tp_call *c, const tp_tensor *x, const tp_tensor *y, tp__windows *w)
{
    enum { LITTLE = 1 << 16 };
    size_t limit = (size_t)(x->numel > y->numel ? x->numel : y->numel) * tp_dtype_size(x->dtype);
    size_t bytes = tp__columns_bytes(w, x->dtype, limit > LITTLE ? limit : LITTLE);
    void *table = bytes ? tp_call_scratch(c, bytes) : NULL;
    if (table == NULL && bytes)
        return false;
    tp__windows_plan(w, x->dtype, table);
    return true;
}

/* ---- shapes ----------------------------------------------------------------------------------------------------- */

bool tp__has_space(tp_tape *T, const char *name, const tp_tensor *x, int space)
{
    if (!tp__usable(T, name, x))
        return false;
    bool fits = x->ndim == space + 1 || x->ndim == space + 2;
    for (int d = x->ndim == space + 2; fits && d < x->ndim; d++)
        fits = x->shape[d] > 0;
    if (!fits)
        tp_fail(T, TP_ESHAPE,
                "%s: x is %s; channels and %d dimensions, all above 0, are needed, with or without samples", name,
                TP__SHAPE(x), space);
    return fits;
}

tp_dims tp__space_shape(const tp_tensor *x, int space, const int64_t *size)
{
    tp_dims s = tp__dims_of(x);
    for (int d = 0; d < space; d++)
        s.dim[s.ndim - space + d] = size[TP__SPACE - space + d];
    return s;
}

int64_t tp__planes_of(const tp_tensor *x, int space)
{
    int64_t n = 1;
    for (int d = 0; d < x->ndim - space; d++)
        n *= x->shape[d];
    return n;
}

void tp__space_of(const tp_tensor *x, int space, int64_t *size)
{
    for (int d = 0; d < TP__SPACE; d++)
        size[d] = d < TP__SPACE - space ? 1 : x->shape[x->ndim - TP__SPACE + d];
}

/* ---- the operators ------------------------------------------------------------------------------------------------ */

tp_status tp__resample_shape(tp_call *c)
{
    const tp__resampling *r = c->attr;
    const tp_tensor *x = c->in[0];
    const int64_t *in = r->transposed ? r->out : r->in, *out = r->transposed ? r->in : r->out;
    if (x->ndim < r->space || !tp__dims_equal(tp__dims_of(x), tp__space_shape(x, r->space, in)))
        return tp_call_fail(c, TP_ESHAPE, "x is %s; another shape is needed", TP__SHAPE(x));
    return tp_call_out(c, 0, x->dtype, tp__space_shape(x, r->space, out));
}

tp_status tp__resample_infer(tp_call *c)
{
    return tp_dtype_is_float(c->in[0]->dtype) ? tp__resample_shape(c) : tp__no_float(c, c->in[0]);
}

/* y (+)= the sums of x's windows, or of their gradients. */
static tp_status run(const tp_call *c, const tp__resampling *r, bool transposed, const tp_tensor *x, tp_tensor *y,
                     bool accumulate)
{
    const tp__resample_op *op = (const tp__resample_op *)c->op;
    tp__windows w = {.accumulate = accumulate, .x = x->data, .y = y->data};
    if (y->numel == 0 || !tp__axes(c, op->slides, op->taps, r, r->space, x->dtype, r->in, r->out, op->divides, &w))
        return c->tape->status;
    bool few = tp__windows_are_few(r->out[1] * r->out[2], r->in[1] * r->in[2]);
    for (int d = 0; d < (transposed ? TP__SPACE : 0); d++) {
        tp__axis from = w.axis[d];
        bool spreads = d == TP__SPACE - 1 && tp__spreads(&from, x->dtype) && (from.kernel > 0 || !few);
        void *memory = spreads ? NULL : tp_call_scratch(c, tp__transposed_bytes(&from));
        if (memory == NULL && !spreads)
            return c->tape->status;
        tp__axis_transpose(&w.axis[d], &from, memory);
    }
    size_t bytes = tp__joined_bytes(&w);
    void *memory = bytes ? tp_call_scratch(c, bytes) : NULL;
    if (memory)
        tp__windows_join(&w, memory);
    if ((memory == NULL && bytes) || !tp__plan_windows(c, x, y, &w))
        return c->tape->status;
    tp__window_sums(x->dtype, tp__planes_of(y, r->space), &w);
    return TP_OK;
}

tp_status tp__resample_forward(tp_call *c)
{
    const tp__resampling *r = c->attr;
    return run(c, r, r->transposed, c->in[0], c->out[0], false);
}

tp_status tp__resample_vjp(tp_vjp *v)
{
    tp__resampling r = *(const tp__resampling *)v->attr;
    r.transposed = !r.transposed;
    v->gin[0] = tp__apply1(v->tape, v->op, &r, v->gout[0]);
    return TP_OK;
}

tp_status tp__resample_vjp_fused(tp_vjp *v)
{
    const tp__resampling *r = v->attr;
    tp_call c = {.tape = v->tape, .op = v->op};
    return run(&c, r, !r->transposed, v->gout[0], v->gin[0], !(v->fresh & 1u));
}

void tp__resample_sample(tp_sampler *s, const tp__resampling *r)
{
    tp__resampling both[2] = {*r, *r};
    both[1].transposed = true;
    for (int k = 0; k < 2; k++) {
        tp_dims shape = {.ndim = r->space + 1 + k, .dim = {2, 2}};
        for (int d = 0; d < r->space; d++)
            shape.dim[shape.ndim - r->space + d] = (k ? r->out : r->in)[TP__SPACE - r->space + d];
        tp_tensor *x = tp_sample_tensor(s, shape, -1.9, 2.1);
        tp_sample(s, &both[k], 1, &x);
    }
}
