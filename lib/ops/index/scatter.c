/* scatter.c - values put at, or combined with, the places that an index tensor names. */
#include "ops/index/index.h"
#include "ops/ops.h"

#include <math.h>

/* ---- scatter: a copy of x with src at the index ----------------------------------------------------------------- */

static int64_t size_at(const tp_tensor *x, int d) { return x->ndim ? x->shape[d] : 1; }

static tp_status scatter_infer(tp_call *c)
{
    const tp__placing *a = c->attr;
    tp_status status = tp__check_index(c, c->in[0], c->in[1], c->in[2], a->dim);
    if (status == TP_OK && c->in[0]->dtype != c->in[2]->dtype)
        status = tp_call_fail(c, TP_EDTYPE, "src is %s, x is %s; one dtype is needed", tp_dtype_name(c->in[2]->dtype),
                              tp_dtype_name(c->in[0]->dtype));
    return status == TP_OK ? tp__infer_like_first(c) : status;
}

static tp_status scatter_forward(tp_call *c)
{
    const tp_tensor *x = c->in[0], *index = c->in[1], *src = c->in[2];
    const tp__placing *a = c->attr;
    int64_t size = size_at(x, a->dim), one = 1;
    if (x->numel)
        memcpy(c->out[0]->data, x->data, (size_t)x->numel * tp_dtype_size(x->dtype));
    return tp__in_range(c, index,
                        tp__scatter(a->how, x->dtype, tp__dims_of(index), a->dim, size, x->ndim ? x->stride : &one,
                                    c->out[0]->data, index->data, src->ndim ? src->stride : &one, src->data),
                        size);
}

static tp_tensor *scatter(tp_tape *T, const tp__placing *a, tp_tensor *x, tp_tensor *index, tp_tensor *src);

/* g at the index where src's value is there in the end; x's places count as they lie in a copy of x. */
static tp_tensor *of_survivors(tp_tape *T, tp_tensor *g, int dim, const tp_tensor *x, const tp_tensor *index)
{
    int64_t stride[TP_MAX_DIMS] = {1}, step = 1;
    for (int d = x->ndim - 1; d >= 0; step *= x->shape[d--])
        stride[d] = step;
    tp_dims shape = index->ndim ? tp__dims_of(index) : (tp_dims){1, {1}};
    return index->numel ? tp__of_survivors(T, g, shape, stride, dim, index, x->numel) : g;
}

static tp_status scatter_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    const tp__placing *a = v->attr;
    if (tp_vjp_needs(v, 0))
        v->gin[0] = scatter(T, a, v->gout[0], v->in[1], tp_zeros_like(T, v->in[2]));
    if (tp_vjp_needs(v, 2))
        v->gin[2] = of_survivors(T, tp_gather(T, v->gout[0], a->dim, v->in[1]), a->dim, v->in[0], v->in[1]);
    return T->status;
}

static void scatter_samples(tp_sampler *s)
{
    static const int64_t places[] = {2, 0, 1, 1, 1, 2, 0, 0}, again[] = {2, 0, 1, 3, 2, 0, 1, 1};
    tp_tensor *in[3] = {tp_sample_tensor(s, (tp_dims){2, {3, 4}}, -1, 1),
                        tp_from(s->tape, TP_I64, (tp_dims){2, {2, 4}}, places),
                        tp_sample_tensor(s, (tp_dims){2, {2, 4}}, -1, 1)};
    tp_sample(s, &(tp__placing){0, TP__PUT, false, false}, 3, in);
    in[1] = tp_from(s->tape, TP_I64, (tp_dims){2, {2, 4}}, again);
    tp_sample(s, &(tp__placing){1, TP__PUT, false, false}, 3, in);
    in[1] = tp_transpose(s->tape, in[1], 0, 1); /* [4, 2] */
    in[2] = tp_sample_tensor(s, (tp_dims){2, {4, 2}}, -1, 1);
    in[0] = tp_sample_tensor(s, (tp_dims){2, {4, 3}}, -1, 1);
    tp_sample(s, &(tp__placing){0, TP__PUT, false, false}, 3, in);
}

/* clang-format off */
static const tp_op scatter_op = {
    .name = "scatter", .n_in = 3, .n_out = 1, .attr_size = sizeof(tp__placing), .flags = TP_OP_FORGETS_OUT,
    .grad_name = "ScatterBackward0",
    .infer = scatter_infer, .forward = scatter_forward, .vjp = scatter_vjp, .samples = scatter_samples};
/* clang-format on */

/* ---- combined: a product, or the largest or smallest ----------------------------------------------------------- */

static tp_tensor *combined(tp_tape *T, const tp__placing *a, tp_tensor *x, tp_tensor *index, tp_tensor *src);

static tp_tensor *picked(tp_tape *T, const tp__placing *a, tp_tensor *x, tp_tensor *index)
{
    return a->slices ? tp_index_select(T, x, a->dim, index) : tp_gather(T, x, a->dim, index);
}

static tp_tensor *added(tp_tape *T, const tp__placing *a, tp_tensor *x, tp_tensor *index, tp_tensor *src)
{
    return a->slices ? tp_index_add(T, x, a->dim, index, src) : tp_scatter_add(T, x, a->dim, index, src);
}

static tp_tensor *put(tp_tape *T, const tp__placing *a, tp_tensor *x, tp_tensor *index, tp_tensor *src)
{
    return a->slices ? tp_index_copy(T, x, a->dim, index, src) : tp_scatter(T, x, a->dim, index, src, TP_SCATTER_PUT);
}

static tp_tensor *truth_of(tp_tape *T, tp_tensor *condition, const tp_tensor *like)
{
    return tp_to(T, condition, like->dtype);
}

/* d y / d x is y without x, where x may be zero; d y / d src_k is y / src_k, and where src_k is the only zero at its
 * place the product of the others. */
static tp_status product_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    const tp__placing *a = v->attr;
    tp_tensor *x = v->in[0], *index = v->in[1], *src = v->in[2], *g = v->gout[0];
    tp_tensor *zero = tp_scalar(T, x->dtype, 0);
    if (tp_vjp_needs(v, 0)) {
        tp_tensor *filled = tp_masked_fill(T, x, tp_eq(T, x, zero), 1);
        v->gin[0] = tp_mul(T, g, tp_div(T, combined(T, a, filled, index, src), filled));
    }
    if (tp_vjp_needs(v, 2)) {
        tp_tensor *is_zero = tp_eq(T, src, zero);
        tp_tensor *zeros = added(T, a, tp_zeros_like(T, x), index, truth_of(T, is_zero, x));
        tp_tensor *single = tp_logical_and(T, is_zero, tp_eq(T, picked(T, a, zeros, index), tp_scalar(T, x->dtype, 1)));
        tp_tensor *others = combined(T, a, x, index, tp_masked_fill(T, src, single, 1));
        tp_tensor *quotient = tp_div(T, picked(T, a, tp_mul(T, g, v->out[0]), index),
                                     tp_masked_fill(T, src, is_zero, 1));
        v->gin[2] = tp_where(T, single, picked(T, a, tp_mul(T, g, others), index), quotient);
    }
    return T->status;
}

/* All that equal the result share its gradient evenly. */
static tp_status extreme_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    const tp__placing *a = v->attr;
    tp_tensor *x = v->in[0], *index = v->in[1], *src = v->in[2], *y = tp_detach(T, v->out[0]);
    tp_tensor *mine = truth_of(T, tp_eq(T, tp_detach(T, x), y), x);
    tp_tensor *theirs = truth_of(T, tp_eq(T, tp_detach(T, src), picked(T, a, y, index)), x);
    tp_tensor *share = tp_div(T, v->gout[0], added(T, a, mine, index, theirs));
    if (tp_vjp_needs(v, 0))
        v->gin[0] = tp_mul(T, mine, share);
    if (tp_vjp_needs(v, 2))
        v->gin[2] = tp_mul(T, theirs, picked(T, a, share, index));
    return T->status;
}

static tp_status combined_vjp(tp_vjp *v)
{
    return ((const tp__placing *)v->attr)->how == TP__TIMES ? product_vjp(v) : extreme_vjp(v);
}

static void combined_samples(tp_sampler *s)
{
    static const int64_t places[] = {2, 0, 1, 2, 2, 2, 0, 2};
    tp_tensor *in[3] = {tp_sample_tensor(s, (tp_dims){2, {3, 4}}, -1, 1),
                        tp_from(s->tape, TP_I64, (tp_dims){2, {2, 4}}, places),
                        tp_sample_tensor(s, (tp_dims){2, {2, 4}}, -0.7, 0.9)};
    tp_sample(s, &(tp__placing){0, TP__TIMES, false, false}, 3, in);
    tp_sample(s, &(tp__placing){0, TP__LARGER, false, false}, 3, in);
    tp_sample(s, &(tp__placing){0, TP__SMALLER, false, false}, 3, in);
}

/* clang-format off */
static const tp_op scatter_reduce_op = {
    .name = "scatter_reduce", .n_in = 3, .n_out = 1, .attr_size = sizeof(tp__placing),
    .grad_name = "ScatterReduceBackward0",
    .infer = scatter_infer, .forward = scatter_forward, .vjp = combined_vjp, .samples = combined_samples};
/* clang-format on */

static void index_reduce_samples(tp_sampler *s)
{
    static const int64_t places[] = {2, 0, 2, 1, 2};
    tp_tensor *in[3] = {tp_sample_tensor(s, (tp_dims){2, {4, 3}}, -1, 1),
                        tp_from(s->tape, TP_I64, (tp_dims){1, {5}}, places),
                        tp_sample_tensor(s, (tp_dims){2, {5, 3}}, -0.7, 0.9)};
    tp_sample(s, &(tp__placing){0, TP__TIMES, true, false}, 3, in);
    tp_sample(s, &(tp__placing){0, TP__LARGER, true, false}, 3, in);
    in[2] = tp_sample_tensor(s, (tp_dims){2, {4, 5}}, -0.7, 0.9);
    tp_sample(s, &(tp__placing){1, TP__SMALLER, true, false}, 3, in);
}

/* clang-format off */
static const tp_op index_reduce_op = {
    .name = "index_reduce", .n_in = 3, .n_out = 1, .attr_size = sizeof(tp__placing),
    .grad_name = "IndexReduceBackward0",
    .infer = tp__slices_infer, .forward = tp__slices_forward, .vjp = combined_vjp, .samples = index_reduce_samples};
/* clang-format on */

/* ---- the functions --------------------------------------------------------------------------------------------- */

static tp_tensor *scatter(tp_tape *T, const tp__placing *a, tp_tensor *x, tp_tensor *index, tp_tensor *src)
{
    index = tp__index_like(T, index, src);
    for (int d = 0; src && index && src->ndim == index->ndim && d < src->ndim; d++) /* src may be larger */
        if (src->shape[d] > index->shape[d])
            src = tp_narrow(T, src, d, 0, index->shape[d]);
    return tp__apply3(T, a->how == TP__PUT ? &scatter_op : &scatter_reduce_op, a, x, index, src);
}

static tp_tensor *combined(tp_tape *T, const tp__placing *a, tp_tensor *x, tp_tensor *index, tp_tensor *src)
{
    return a->slices ? tp__apply3(T, &index_reduce_op, a, x, index, src) : scatter(T, a, x, index, src);
}

tp_tensor *tp_scatter(tp_tape *T, tp_tensor *x, int dim, tp_tensor *index, tp_tensor *src, tp_scatter_rule rule)
{
    TP__NAMED(T, "scatter");
    if (!tp__usable(T, "scatter", x))
        return NULL;
    if ((unsigned)rule > TP_SCATTER_MULTIPLY) {
        tp_fail(T, TP_EINVAL, "scatter: the rule is %d; there is none beyond %d", (int)rule, TP_SCATTER_MULTIPLY);
        return NULL;
    }
    tp__placing a = {tp__dim_of(T, "scatter", x->ndim ? x->ndim : 1, dim), (tp__combine)rule, false, false};
    if (a.dim < 0)
        return NULL;
    return rule == TP_SCATTER_ADD ? tp_scatter_add(T, x, a.dim, index, src) : scatter(T, &a, x, index, src);
}

tp_tensor *tp_scatter_scalar(tp_tape *T, tp_tensor *x, int dim, tp_tensor *index, double value, tp_scatter_rule rule)
{
    TP__NAMED(T, "scatter_scalar");
    if (!tp__usable(T, "scatter", x) || !tp__usable(T, "scatter", index) ||
        !tp__fits(T, "scatter", "value", x->dtype, value))
        return NULL;
    return tp_scatter(T, x, dim, index, tp_full(T, x->dtype, tp__dims_of(index), value), rule);
}

/* As many of a number as are put. */
static tp_tensor *number_each(tp_tape *T, const tp__placing *a, const tp_tensor *index, const tp_tensor *src,
                              double value)
{
    return tp_full(T, src->dtype, tp__dims_of(a->slices ? src : index), value);
}

/* x with what is named by the index replaced by what does not count in the reduction. */
static tp_tensor *without_self(tp_tape *T, const tp__placing *a, tp_tensor *x, tp_tensor *index, tp_tensor *src)
{
    bool extreme = a->how == TP__LARGER || a->how == TP__SMALLER;
    if (extreme && !tp_dtype_is_float(x->dtype)) /* an element counted twice does not matter */
        return put(T, a, x, index, src);
    double nothing = a->how == TP__TIMES ? 1 : a->how == TP__LARGER ? -INFINITY : a->how == TP__SMALLER ? INFINITY : 0;
    return put(T, a, x, index, number_each(T, a, index, src, nothing));
}

/* The sum over how many there are; integers are rounded down. */
static tp_tensor *mean_of(tp_tape *T, const tp__placing *a, tp_tensor *sum, tp_tensor *index, tp_tensor *src,
                          bool include_self)
{
    if (sum == NULL)
        return NULL;
    tp_dtype dtype = sum->dtype;
    tp_tensor *n = include_self ? tp_ones_like(T, sum) : tp_zeros_like(T, sum);
    n = added(T, a, n, index, number_each(T, a, index, src, 1));
    n = tp_maximum(T, n, tp_scalar(T, dtype, 1));
    return tp_dtype_is_float(dtype) ? tp_div(T, sum, n) : tp_floor_divide(T, sum, n);
}

static tp_tensor *reduced(tp_tape *T, const char *name, tp__placing a, tp_tensor *x, tp_tensor *index, tp_tensor *src,
                          tp_scatter_reduction how, bool include_self)
{
    static const tp__combine by[] = {[TP_REDUCE_SUM] = TP__ADD_TO,
                                     [TP_REDUCE_PROD] = TP__TIMES,
                                     [TP_REDUCE_MEAN] = TP__ADD_TO,
                                     [TP_REDUCE_AMAX] = TP__LARGER,
                                     [TP_REDUCE_AMIN] = TP__SMALLER};
    if ((unsigned)how > TP_REDUCE_AMIN) {
        tp_fail(T, TP_EINVAL, "%s: the reduction is %d; one of tp_scatter_reduction is needed", name, (int)how);
        return NULL;
    }
    if (how == TP_REDUCE_MEAN && x->dtype == TP_BOOL) {
        tp_fail(T, TP_EDTYPE, "%s: the mean of bool; numbers are needed", name);
        return NULL;
    }
    a.how = by[how];
    tp_tensor *base = include_self ? x : without_self(T, &a, x, index, src);
    tp_tensor *y = a.how == TP__ADD_TO ? added(T, &a, base, index, src) : combined(T, &a, base, index, src);
    return how == TP_REDUCE_MEAN ? mean_of(T, &a, y, index, src, include_self) : y;
}

tp_tensor *tp_scatter_reduce(tp_tape *T, tp_tensor *x, int dim, tp_tensor *index, tp_tensor *src,
                             tp_scatter_reduction how, bool include_self)
{
    TP__NAMED(T, "scatter_reduce");
    if (!tp__usable(T, "scatter_reduce", x) || !tp__usable(T, "scatter_reduce", index) ||
        !tp__usable(T, "scatter_reduce", src))
        return NULL;
    tp__placing a = {tp__dim_of(T, "scatter_reduce", x->ndim, dim), TP__PUT, false, false};
    return a.dim < 0 ? NULL : reduced(T, "scatter_reduce", a, x, index, src, how, include_self);
}

tp_tensor *tp_index_reduce(tp_tape *T, tp_tensor *x, int dim, tp_tensor *index, tp_tensor *src,
                           tp_scatter_reduction how, bool include_self)
{
    TP__NAMED(T, "index_reduce");
    if (!tp__usable(T, "index_reduce", x) || !tp__usable(T, "index_reduce", index) ||
        !tp__usable(T, "index_reduce", src))
        return NULL;
    tp__placing a = {tp__dim_of(T, "index_reduce", x->ndim, dim), TP__PUT, true, false};
    if (a.dim < 0)
        return NULL;
    if (index->ndim > 1 || tp_dtype_is_float(index->dtype) || index->dtype == TP_BOOL) {
        tp_fail(T, TP_EDTYPE, "index_reduce: the index is %s %s; int64 or int32 of one dimension is needed",
                tp_dtype_name(index->dtype), TP__SHAPE(index));
        return NULL;
    }
    return reduced(T, "index_reduce", a, x, tp_to(T, index, TP_I64), src, how, include_self);
}

const tp_op *const tp__ops_scatter[] = {
#include TP__OPERATORS
    NULL};
