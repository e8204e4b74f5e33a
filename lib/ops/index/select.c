/* select.c - picking elements and slices by an index tensor, and their adjoints. */
#include "ops/index/index.h"

#include <string.h>

/* A 0-d tensor counts as one of a single dimension. */
static int64_t size_at(const tp_tensor *x, int dim) { return x->ndim ? x->shape[dim] : 1; }

static void outer_inner(const tp_tensor *x, int dim, int64_t *outer, int64_t *inner)
{
    *outer = *inner = 1;
    for (int d = 0; d < x->ndim; d++)
        if (d != dim)
            *(d < dim ? outer : inner) *= x->shape[d];
}

tp_status tp__in_range(const tp_call *c, const tp_tensor *index, int64_t bad, int64_t size)
{
    if (bad < 0)
        return TP_OK;
    return tp_call_fail(c, TP_EINDEX, "index %lld; %lld to %lld is needed",
                        (long long)((const int64_t *)index->data)[bad], (long long)-size, (long long)size - 1);
}

tp_tensor *tp__of_survivors(tp_tape *T, tp_tensor *g, tp_dims shape, const int64_t *stride, int dim,
                            const tp_tensor *index, int64_t places)
{
    tp_tensor *kept = g ? tp_empty(T, TP_BOOL, shape) : NULL;
    tp__storage *seen = kept ? tp__pool_alloc(T->pool, (size_t)places) : NULL;
    if (kept && seen == NULL)
        tp_fail(T, TP_ENOMEM, "index: no memory for its gradient");
    if (seen == NULL)
        return NULL;
    memset(seen->data, 0, (size_t)places);
    int64_t lost = tp__survivors(shape, stride, dim, index ? index->data : NULL, seen->data, kept->data);
    tp__storage_unref(seen);
    return lost ? tp_where(T, kept, g, tp__number(T, g, 0)) : g;
}

/* ---- gather and scatter_add: attr is the dimension ----------------------------------------------------------- */

/* The index has x's rank and is no larger than x except in dim (and no larger than src at all). */
/* A 0-d index counts as 1-d beside a 1-d tensor. */
tp_tensor *tp__index_like(tp_tape *T, tp_tensor *index, const tp_tensor *src)
{
    return index && src && index->ndim == 0 && src->ndim == 1 ? tp_reshape(T, index, tp_shape(1)) : index;
}

tp_status tp__check_index(const tp_call *c, const tp_tensor *x, const tp_tensor *index, const tp_tensor *src, int dim)
{
    int rank = x->ndim ? x->ndim : 1;
    bool fits = (index->ndim ? index->ndim : 1) == rank;
    if (index->dtype != TP_I64 && index->numel > 0)
        return tp_call_fail(c, TP_EDTYPE, "the index is %s; int64 is needed", tp_dtype_name(index->dtype));
    if (dim >= rank)
        return tp__no_dim(c->tape, c->op->name, dim, x->ndim);
    if (index->numel == 0)
        return TP_OK;
    for (int d = 0; d < rank && fits; d++)
        fits = d == dim || size_at(index, d) <= size_at(x, d);
    if (!fits)
        return tp_call_fail(c, TP_ESHAPE,
                            "the index is %s, x is %s; as many dimensions, none larger but for %d, are needed",
                            TP__SHAPE(index), TP__SHAPE(x), dim);
    fits = src == NULL || (src->ndim ? src->ndim : 1) == rank;
    for (int d = 0; d < rank && fits && src; d++)
        fits = size_at(index, d) <= size_at(src, d);
    if (!fits)
        return tp_call_fail(c, TP_ESHAPE, "the index is %s, src is %s; as many dimensions, none larger, are needed",
                            TP__SHAPE(index), TP__SHAPE(src));
    return TP_OK;
}

static tp_status gather_infer(tp_call *c)
{
    tp_status status = tp__check_index(c, c->in[0], c->in[1], NULL, *(const int *)c->attr);
    return status == TP_OK ? tp_call_out(c, 0, c->in[0]->dtype, tp__dims_of(c->in[1])) : status;
}

static tp_status gather_forward(tp_call *c)
{
    const tp_tensor *x = c->in[0], *index = c->in[1];
    int dim = *(const int *)c->attr;
    int64_t size = size_at(x, dim), one = 1;
    return tp__in_range(c, index,
                        tp__gather(x->dtype, tp__dims_of(index), dim, size, x->ndim ? x->stride : &one, x->data,
                                   index->data, c->out[0]->data),
                        size);
}

static tp_status gather_vjp(tp_vjp *v)
{
    v->gin[0] = tp_scatter_add(v->tape, tp_zeros_like(v->tape, v->in[0]), *(const int *)v->attr, v->in[1], v->gout[0]);
    return TP_OK;
}

static tp_status scatter_add_infer(tp_call *c)
{
    tp_status status = tp__check_index(c, c->in[0], c->in[1], c->in[2], *(const int *)c->attr);
    if (status == TP_OK && c->in[0]->dtype != c->in[2]->dtype)
        status = tp_call_fail(c, TP_EDTYPE, "src is %s, x is %s; one dtype is needed", tp_dtype_name(c->in[2]->dtype),
                              tp_dtype_name(c->in[0]->dtype));
    return status == TP_OK ? tp__infer_like_first(c) : status;
}

static tp_status scatter_add_forward(tp_call *c)
{
    const tp_tensor *x = c->in[0], *index = c->in[1], *src = c->in[2];
    int dim = *(const int *)c->attr;
    int64_t size = size_at(x, dim), one = 1;
    if (x->numel)
        memcpy(c->out[0]->data, x->data, (size_t)x->numel * tp_dtype_size(x->dtype));
    return tp__in_range(c, index,
                        tp__scatter(TP__ADD_TO, x->dtype, tp__dims_of(index), dim, size, x->ndim ? x->stride : &one,
                                    c->out[0]->data, index->data, src->ndim ? src->stride : &one, src->data),
                        size);
}

static tp_status scatter_add_vjp(tp_vjp *v)
{
    tp_tensor *g = v->gout[0], *src = v->in[2];
    if (tp_vjp_needs(v, 0))
        v->gin[0] = g;
    if (!tp_vjp_needs(v, 2))
        return TP_OK;
    tp_tensor *picked = tp_gather(v->tape, g, *(const int *)v->attr, v->in[1]);
    if (picked && !tp__dims_equal(tp__dims_of(picked), tp__dims_of(src))) { /* what the index left over */
        for (int d = 0; d < src->ndim && picked; d++) {
            tp_dims rest = tp__dims_of(picked);
            rest.dim[d] = src->shape[d] - picked->shape[d];
            tp_tensor *both[2] = {picked, tp_zeros(v->tape, g->dtype, rest)};
            picked = rest.dim[d] ? tp_cat(v->tape, 2, both, d) : picked;
        }
    }
    v->gin[2] = picked;
    return TP_OK;
}

static void gather_samples(tp_sampler *s)
{
    tp_tensor *in[3] = {tp_sample_tensor(s, (tp_dims){2, {4, 3}}, -1, 1),
                        tp_sample_index(s, (tp_dims){2, {5, 2}}, 0, 4)};
    tp_sample(s, &(int){0}, 2, in);
    in[1] = tp_sample_index(s, (tp_dims){2, {2, 4}}, 0, 3);
    tp_sample(s, &(int){1}, 2, in);
}

static void scatter_add_samples(tp_sampler *s)
{
    tp_tensor *in[3] = {tp_sample_tensor(s, (tp_dims){2, {4, 3}}, -1, 1),
                        tp_sample_index(s, (tp_dims){2, {5, 2}}, 0, 4),
                        tp_sample_tensor(s, (tp_dims){2, {5, 3}}, -1, 1)};
    tp_sample(s, &(int){0}, 3, in);
    in[1] = tp_sample_index(s, (tp_dims){2, {2, 4}}, 0, 3);
    in[2] = tp_sample_tensor(s, (tp_dims){2, {2, 4}}, -1, 1);
    tp_sample(s, &(int){1}, 3, in);
}

static tp_status gather_vjp_fused(tp_vjp *v)
{
    tp_tensor *to = v->gin[0], *index = v->in[1];
    const tp_tensor *g = v->gout[0];
    int dim = *(const int *)v->attr;
    int64_t one = 1;
    if (to == NULL) /* an index of no elements may be of floats, and ask for a gradient */
        return TP_OK;
    tp__scatter(TP__ADD_TO, g->dtype, tp__dims_of(index), dim, size_at(to, dim), to->ndim ? to->stride : &one, to->data,
                index->data, g->ndim ? g->stride : &one, g->data);
    return TP_OK;
}

/* clang-format off */
static const tp_op gather_op = {
    .name = "gather", .n_in = 2, .n_out = 1, .attr_size = sizeof(int), .flags = TP_OP_FORGETS_OUT,
    .grad_name = "GatherBackward0",
    .infer = gather_infer, .forward = gather_forward, .vjp = gather_vjp, .vjp_fused = gather_vjp_fused,
    .samples = gather_samples};
static const tp_op scatter_add_op = {
    .name = "scatter_add", .n_in = 3, .n_out = 1, .attr_size = sizeof(int), .flags = TP_OP_FORGETS_OUT,
    .grad_name = "ScatterAddBackward0",
    .infer = scatter_add_infer, .forward = scatter_add_forward, .vjp = scatter_add_vjp, .samples = scatter_add_samples};
/* clang-format on */

static bool dim_for(tp_tape *T, const char *name, const tp_tensor *x, int dim, int *at)
{
    if (!tp__usable(T, name, x))
        return false;
    *at = tp__dim_of(T, name, x->ndim, dim);
    return *at >= 0;
}

tp_tensor *tp_gather(tp_tape *T, tp_tensor *x, int dim, tp_tensor *index)
{
    int at;
    return dim_for(T, "gather", x, dim, &at) ? tp__apply2(T, &gather_op, &at, x, index) : NULL;
}

tp_tensor *tp_scatter_add(tp_tape *T, tp_tensor *x, int dim, tp_tensor *index, tp_tensor *src)
{
    int at;
    index = tp__index_like(T, index, src);
    return dim_for(T, "scatter_add", x, dim, &at) ? tp__apply3(T, &scatter_add_op, &at, x, index, src) : NULL;
}

/* ---- index_select, index_add and index_copy; the attributes begin with the dimension ---------------------------------------------------------------------------------- */

static tp_status check_positions(const tp_call *c, const tp_tensor *index)
{
    int dim = *(const int *)c->attr, rank = c->in[0]->ndim ? c->in[0]->ndim : 1;
    if (dim >= rank)
        return tp__no_such_dim(c, dim);
    if (index->dtype != TP_I64)
        return tp_call_fail(c, TP_EDTYPE, "the index is %s; int64 or int32 is needed", tp_dtype_name(index->dtype));
    if (index->ndim > 1)
        return tp_call_fail(c, TP_ESHAPE, "the index is %s; one dimension is needed", TP__SHAPE(index));
    return TP_OK;
}

static tp_status index_select_infer(tp_call *c)
{
    tp_dims shape = tp__dims_of(c->in[0]);
    if (check_positions(c, c->in[1]) != TP_OK)
        return c->tape->status;
    if (shape.ndim)
        shape.dim[*(const int *)c->attr] = c->in[1]->numel;
    else if (c->in[1]->numel != 1)
        return tp_call_fail(c, TP_ESHAPE, "%lld positions of a 0-d tensor; one is needed", (long long)c->in[1]->numel);
    return tp_call_out(c, 0, c->in[0]->dtype, shape);
}

static tp_status index_select_forward(tp_call *c)
{
    const tp_tensor *x = c->in[0], *index = c->in[1];
    int dim = *(const int *)c->attr;
    int64_t outer, inner;
    outer_inner(x, dim, &outer, &inner);
    return tp__in_range(
        c, index,
        tp__index_select(x->dtype, outer, size_at(x, dim), inner, index->numel, x->data, index->data, c->out[0]->data),
        size_at(x, dim));
}

static tp_status index_select_vjp(tp_vjp *v)
{
    v->gin[0] = tp_index_add(v->tape, tp_zeros_like(v->tape, v->in[0]), *(const int *)v->attr, v->in[1], v->gout[0]);
    return TP_OK;
}

static tp_status index_select_vjp_fused(tp_vjp *v)
{
    tp_tensor *x = v->gin[0];
    int dim = *(const int *)v->attr;
    int64_t outer, inner;
    outer_inner(x, dim, &outer, &inner);
    tp__index_place(TP__ADD_TO, x->dtype, outer, size_at(x, dim), inner, v->in[1]->numel, x->data, v->in[1]->data,
                    v->gout[0]->data, false);
    return TP_OK;
}

tp_status tp__slices_infer(tp_call *c)
{
    const tp_tensor *x = c->in[0], *index = c->in[1], *src = c->in[2];
    const tp__placing *p = c->attr;
    int dim = p->dim;
    bool fits = x->ndim == src->ndim || (x->ndim <= 1 && src->ndim <= 1);
    if (check_positions(c, index) != TP_OK)
        return c->tape->status;
    for (int d = 0; d < (x->ndim ? x->ndim : 1) && fits; d++)
        fits = size_at(src, d) == (d != dim ? size_at(x, d) : p->same ? 1 : index->numel);
    if (!fits)
        return tp_call_fail(c, TP_ESHAPE, "src is %s, x is %s; x's sizes with %lld at dimension %d are needed",
                            TP__SHAPE(src), TP__SHAPE(x), (long long)(p->same ? 1 : index->numel), dim);
    if (x->dtype != src->dtype)
        return tp_call_fail(c, TP_EDTYPE, "src is %s, x is %s; one dtype is needed", tp_dtype_name(src->dtype),
                            tp_dtype_name(x->dtype));
    return tp__infer_like_first(c);
}

tp_status tp__slices_forward(tp_call *c)
{
    const tp_tensor *x = c->in[0], *index = c->in[1];
    const tp__placing *p = c->attr;
    int64_t outer, inner;
    outer_inner(x, p->dim, &outer, &inner);
    if (x->numel)
        memcpy(c->out[0]->data, x->data, (size_t)x->numel * tp_dtype_size(x->dtype));
    return tp__in_range(c, index,
                        tp__index_place(p->how, x->dtype, outer, size_at(x, p->dim), inner, index->numel,
                                        c->out[0]->data, index->data, c->in[2]->data, p->same),
                        size_at(x, p->dim));
}

static const tp_op index_add_op, index_copy_op;

/* The gradient of what was put, as it is of each slice: the sum, where all are one. */
static tp_tensor *of_source(tp_tape *T, const tp__placing *p, tp_tensor *g)
{
    return p->same ? tp_sum_dims(T, g, 1, &p->dim, true) : g;
}

static tp_status index_copy_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    tp_tensor *x = v->in[0], *index = v->in[1];
    int dim = ((const tp__placing *)v->attr)->dim;
    if (tp_vjp_needs(v, 0))
        v->gin[0] = tp__apply3(T, &index_copy_op, v->attr, v->gout[0], v->in[1], tp_zeros_like(T, v->in[2]));
    if (tp_vjp_needs(v, 2)) {
        int64_t along[TP_MAX_DIMS] = {0};
        tp_dims slices = {.ndim = x->ndim ? x->ndim : 1};
        for (int d = 0; d < slices.ndim; d++)
            slices.dim[d] = d == dim ? index->numel : 1;
        along[dim] = 1;
        tp_tensor *g = tp_index_select(T, v->gout[0], dim, index);
        g = tp__of_survivors(T, g, slices, along, dim, index, size_at(x, dim));
        v->gin[2] = of_source(T, v->attr, g);
    }
    return T->status;
}

static tp_status index_add_vjp(tp_vjp *v)
{
    if (tp_vjp_needs(v, 0))
        v->gin[0] = v->gout[0];
    if (tp_vjp_needs(v, 2))
        v->gin[2] = of_source(v->tape, v->attr, tp_index_select(v->tape, v->gout[0], *(const int *)v->attr, v->in[1]));
    return TP_OK;
}

static void index_select_samples(tp_sampler *s)
{
    tp_tensor *in[2] = {tp_sample_tensor(s, (tp_dims){2, {4, 3}}, -1, 1), tp_sample_index(s, (tp_dims){1, {5}}, 0, 3)};
    tp_sample(s, &(int){0}, 2, in);
    tp_sample(s, &(int){1}, 2, in);
}

static void index_add_samples(tp_sampler *s)
{
    tp_tensor *in[3] = {tp_sample_tensor(s, (tp_dims){2, {4, 3}}, -1, 1), tp_sample_index(s, (tp_dims){1, {5}}, 0, 3),
                        tp_sample_tensor(s, (tp_dims){2, {5, 3}}, -1, 1)};
    tp_sample(s, &(tp__placing){0, TP__ADD_TO, true, false}, 3, in);
    in[2] = tp_sample_tensor(s, (tp_dims){2, {1, 3}}, -1, 1);
    tp_sample(s, &(tp__placing){0, TP__ADD_TO, true, true}, 3, in);
}

/* clang-format off */
static const tp_op index_select_op = {
    .name = "index_select", .n_in = 2, .n_out = 1, .attr_size = sizeof(int), .flags = TP_OP_FORGETS_OUT,
    .grad_name = "IndexSelectBackward0",
    .infer = index_select_infer, .forward = index_select_forward, .vjp = index_select_vjp,
    .vjp_fused = index_select_vjp_fused, .samples = index_select_samples};
static const tp_op index_add_op = {
    .name = "index_add", .n_in = 3, .n_out = 1, .attr_size = sizeof(tp__placing), .flags = TP_OP_FORGETS_OUT,
    .grad_name = "IndexAddBackward0",
    .infer = tp__slices_infer, .forward = tp__slices_forward, .vjp = index_add_vjp, .samples = index_add_samples};
/* clang-format on */

static void index_copy_samples(tp_sampler *s)
{
    static const int64_t places[] = {3, 0, 2}, again[] = {2, 0, 2, 1, 0};
    tp_tensor *in[3] = {tp_sample_tensor(s, (tp_dims){2, {4, 3}}, -1, 1),
                        tp_from(s->tape, TP_I64, (tp_dims){1, {3}}, places),
                        tp_sample_tensor(s, (tp_dims){2, {3, 3}}, -1, 1)};
    tp_sample(s, &(tp__placing){0, TP__PUT, true, false}, 3, in);
    in[1] = tp_from(s->tape, TP_I64, (tp_dims){1, {5}}, again);
    in[2] = tp_sample_tensor(s, (tp_dims){2, {4, 5}}, -1, 1);
    tp_sample(s, &(tp__placing){1, TP__PUT, true, false}, 3, in);
    in[2] = tp_sample_tensor(s, (tp_dims){2, {4, 1}}, -1, 1);
    tp_sample(s, &(tp__placing){1, TP__PUT, true, true}, 3, in);
}

/* clang-format off */
static const tp_op index_copy_op = {
    .name = "index_copy", .n_in = 3, .n_out = 1, .attr_size = sizeof(tp__placing), .flags = TP_OP_FORGETS_OUT,
    .grad_name = "IndexCopyBackward0",
    .infer = tp__slices_infer, .forward = tp__slices_forward, .vjp = index_copy_vjp, .samples = index_copy_samples};
/* clang-format on */

static tp_tensor *as_i64(tp_tape *T, tp_tensor *index)
{
    return index && index->dtype == TP_I32 ? tp_to(T, index, TP_I64) : index;
}

tp_tensor *tp_index_select(tp_tape *T, tp_tensor *x, int dim, tp_tensor *index)
{
    int at;
    return dim_for(T, "index_select", x, dim, &at) ? tp__apply2(T, &index_select_op, &at, x, as_i64(T, index)) : NULL;
}

static tp_tensor *put_slices(tp_tape *T, const char *name, tp__placing p, tp_tensor *x, int dim, tp_tensor *index,
                             tp_tensor *src)
{
    const tp_op *op = p.how == TP__PUT ? &index_copy_op : &index_add_op;
    return dim_for(T, name, x, dim, &p.dim) ? tp__apply3(T, op, &p, x, as_i64(T, index), src) : NULL;
}

tp_tensor *tp_index_add(tp_tape *T, tp_tensor *x, int dim, tp_tensor *index, tp_tensor *src)
{
    return put_slices(T, "index_add", (tp__placing){0, TP__ADD_TO, true, false}, x, dim, index, src);
}

tp_tensor *tp_index_copy(tp_tape *T, tp_tensor *x, int dim, tp_tensor *index, tp_tensor *src)
{
    return put_slices(T, "index_copy", (tp__placing){0, TP__PUT, true, false}, x, dim, index, src);
}

tp_tensor *tp__put_same(tp_tape *T, tp_tensor *x, int dim, tp_tensor *index, tp_tensor *slice, bool accumulate)
{
    tp__placing p = {0, accumulate ? TP__ADD_TO : TP__PUT, true, true};
    return put_slices(T, accumulate ? "index_add" : "index_copy", p, x, dim, index, slice);
}

/* Positions may count from the end here. */
tp_tensor *tp_index_fill(tp_tape *T, tp_tensor *x, int dim, tp_tensor *index, tp_tensor *value)
{
    TP__NAMED(T, "index_fill");
    int at;
    if (!dim_for(T, "index_fill", x, dim, &at) || !tp__usable(T, "index_fill", value))
        return NULL;
    if (value->ndim > 0) {
        tp_fail(T, TP_ESHAPE, "index_fill: the value is %s; a 0-d tensor is needed", TP__SHAPE(value));
        return NULL;
    }
    if ((value = tp__value_as(T, "index_fill", value, x->dtype)) == NULL ||
        (index = tp__positions_in(T, "index_fill", index, size_at(x, at))) == NULL)
        return NULL;
    tp_dims slice = tp__dims_of(x);
    if (x->ndim > 0)
        slice.dim[at] = 1;
    else
        return index->numel ? tp_index_copy(T, x, at, index, value) : tp_clone(T, x);
    return tp__put_same(T, x, at, index, tp_expand(T, value, slice), false);
}

const tp_op *const tp__ops_index[] = {
#include TP__OPERATORS
    NULL};
