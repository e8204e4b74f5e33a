/* scatter.c - values put at the places that an index tensor names. */
#include "kernel/index.h"
#include "ops/index.h"
#include "ops/ops.h"

/* ---- scatter: a copy of x with src at the index ----------------------------------------------------------------- */

typedef struct {
    int dim;
    tp__combine how;
} placing;

static int64_t size_at(const tp_tensor *x, int d) { return x->ndim ? x->shape[d] : 1; }

static tp_status scatter_infer(tp_call *c)
{
    const placing *a = c->attr;
    tp_status status = tp__check_index(c, c->in[0], c->in[1], c->in[2], a->dim);
    if (status == TP_OK && c->in[0]->dtype != c->in[2]->dtype)
        status = tp_call_fail(c, TP_EDTYPE, "%s is put into %s", tp_dtype_name((tp_dtype)c->in[2]->dtype),
                              tp_dtype_name((tp_dtype)c->in[0]->dtype));
    return status == TP_OK ? tp__infer_like_first(c) : status;
}

static tp_status scatter_forward(tp_call *c)
{
    const tp_tensor *x = c->in[0], *index = c->in[1], *src = c->in[2];
    const placing *a = c->attr;
    int64_t size = size_at(x, a->dim), one = 1;
    if (x->numel)
        memcpy(c->out[0]->data, x->data, (size_t)x->numel * tp_dtype_size((tp_dtype)x->dtype));
    return tp__in_range(c, index,
                        tp__scatter(a->how, (tp_dtype)x->dtype, tp__dims_of(index), a->dim, size,
                                    x->ndim ? x->stride : &one, c->out[0]->data, index->data,
                                    src->ndim ? src->stride : &one, src->data),
                        size);
}

static tp_tensor *scatter(tp_tape *T, const placing *a, tp_tensor *x, tp_tensor *index, tp_tensor *src);

static tp_status scatter_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    const placing *a = v->attr;
    if (a->how != TP__PUT)
        return tp_fail(T, TP_EUNSUPPORTED, "scatter: only the plain one and the sum have a gradient");
    if (tp_vjp_needs(v, 0))
        v->gin[0] = scatter(T, a, v->gout[0], v->in[1], tp_zeros_like(T, v->in[2]));
    if (tp_vjp_needs(v, 2))
        v->gin[2] = tp_gather(T, v->gout[0], a->dim, v->in[1]);
    return TP_OK;
}

static void scatter_samples(tp_sampler *s)
{
    static const int64_t places[] = {2, 0, 1, 1, 1, 2, 0, 0};
    tp_tensor *in[3] = {tp_sample_tensor(s, (tp_dims){2, {3, 4}}, -1, 1),
                        tp_from(s->tape, TP_I64, (tp_dims){2, {2, 4}}, places),
                        tp_sample_tensor(s, (tp_dims){2, {2, 4}}, -1, 1)};
    tp_sample(s, &(placing){0, TP__PUT}, 3, in);
}

static const tp_op scatter_op = {.name = "scatter",
                                 .n_in = 3,
                                 .n_out = 1,
                                 .attr_size = sizeof(placing),
                                 .flags = TP_OP_FORGETS_OUT,
                                 .infer = scatter_infer,
                                 .forward = scatter_forward,
                                 .vjp = scatter_vjp,
                                 .samples = scatter_samples,
                                 .grad_name = "ScatterBackward0"};

static tp_tensor *scatter(tp_tape *T, const placing *a, tp_tensor *x, tp_tensor *index, tp_tensor *src)
{
    for (int d = 0; src && index && src->ndim == index->ndim && d < src->ndim; d++) /* src may be larger */
        if (src->shape[d] > index->shape[d])
            src = tp_narrow(T, src, d, 0, index->shape[d]);
    return tp__apply3(T, &scatter_op, a, x, index, src);
}

tp_tensor *tp_scatter(tp_tape *T, tp_tensor *x, int dim, tp_tensor *index, tp_tensor *src, tp_scatter_rule rule)
{
    if (!tp__usable(T, "scatter", x))
        return NULL;
    placing a = {tp__dim_of(T, "scatter", x->ndim ? x->ndim : 1, dim), (tp__combine)rule};
    if (a.dim < 0)
        return NULL;
    return rule == TP_SCATTER_ADD ? tp_scatter_add(T, x, a.dim, index, src) : scatter(T, &a, x, index, src);
}

tp_tensor *tp_scatter_scalar(tp_tape *T, tp_tensor *x, int dim, tp_tensor *index, double value, tp_scatter_rule rule)
{
    return x && index ? tp_scatter(T, x, dim, index, tp_full(T, (tp_dtype)x->dtype, tp__dims_of(index), value), rule)
                      : NULL;
}

/* A 1-d index along dim, as wide as `like` in all others. */
static tp_tensor *widened(tp_tape *T, const char *name, tp_tensor *index, const tp_tensor *like, int dim)
{
    if (!tp__usable(T, name, index))
        return NULL;
    if (index->ndim > 1 || tp_dtype_is_float((tp_dtype)index->dtype) || index->dtype == TP_BOOL) {
        tp_fail(T, TP_EDTYPE, "%s: the index is %s of %d dimensions", name, tp_dtype_name((tp_dtype)index->dtype),
                index->ndim);
        return NULL;
    }
    index = tp_to(T, index, TP_I64);
    if (like->ndim == 0 || index == NULL)
        return index ? tp_reshape(T, index, TP_SCALAR) : NULL;
    tp_dims along = {.ndim = like->ndim}, whole = tp__dims_of(like);
    for (int d = 0; d < like->ndim; d++)
        along.dim[d] = d == dim ? index->numel : 1;
    whole.dim[dim] = index->numel;
    return tp_contiguous(T, tp_expand(T, tp_reshape(T, index, along), whole));
}

tp_tensor *tp_index_copy(tp_tape *T, tp_tensor *x, int dim, tp_tensor *index, tp_tensor *src)
{
    char a[200], b[200];
    if (!tp__usable(T, "index_copy", x) || !tp__usable(T, "index_copy", src))
        return NULL;
    placing put = {tp__dim_of(T, "index_copy", x->ndim ? x->ndim : 1, dim), TP__PUT};
    if (put.dim < 0)
        return NULL;
    if (src->ndim == 0 && x->ndim > 0)
        src = tp_reshape(T, src, (tp_dims){1, {1}});
    if (src == NULL || (index = widened(T, "index_copy", index, x, put.dim)) == NULL)
        return NULL;
    if (x->ndim > 0 && !tp__same_shape(index, src)) {
        tp_fail(T, TP_ESHAPE, "index_copy: src is %s where %s is needed", tp__dims_text(tp__dims_of(src), a, sizeof a),
                tp__dims_text(tp__dims_of(index), b, sizeof b));
        return NULL;
    }
    return scatter(T, &put, x, index, x->ndim ? src : tp_reshape(T, src, TP_SCALAR));
}

tp_tensor *tp_index_fill(tp_tape *T, tp_tensor *x, int dim, tp_tensor *index, tp_tensor *value)
{
    if (!tp__usable(T, "index_fill", x) || !tp__usable(T, "index_fill", value))
        return NULL;
    placing put = {tp__dim_of(T, "index_fill", x->ndim ? x->ndim : 1, dim), TP__PUT};
    if (value->ndim > 0)
        tp_fail(T, TP_ESHAPE, "index_fill: the value has %d dimensions, not 0", value->ndim);
    if (index && index->numel == 0 && x->ndim == 0)
        return put.dim < 0 || value->ndim > 0 ? NULL : tp_clone(T, x);
    if (put.dim < 0 || value->ndim > 0 || (index = widened(T, "index_fill", index, x, put.dim)) == NULL)
        return NULL;
    tp_tensor *negative = tp_lt(T, index, tp_scalar(T, TP_I64, 0));
    index = tp_where(T, negative, tp_add_scalar(T, index, (double)size_at(x, put.dim)), index);
    if (index == NULL)
        return NULL;
    return scatter(T, &put, x, index, tp_expand(T, tp_to(T, value, (tp_dtype)x->dtype), tp__dims_of(index)));
}

const tp_op *const tp__ops_scatter[] = {&scatter_op, NULL};
