/* reduce.c - sums, means, products, largest and smallest, over all or some dimensions. */
#include "ops/ops.h"

#include <math.h>
#include <string.h>

/* Over which dimensions: bit d for dimension d. */
typedef struct {
    uint32_t mask;
    bool keepdim;
} over;

tp_dims tp__shape_over(const tp_tensor *x, uint32_t mask, bool keepdim)
{
    tp_dims shape = {.ndim = 0};
    for (int d = 0; d < x->ndim; d++)
        if (!((mask >> d) & 1u))
            shape.dim[shape.ndim++] = x->shape[d];
        else if (keepdim)
            shape.dim[shape.ndim++] = 1;
    return shape;
}

static tp_dims reduced_shape(const tp_tensor *x, const over *o) { return tp__shape_over(x, o->mask, o->keepdim); }

int64_t tp__count_over(const tp_tensor *x, uint32_t mask)
{
    int64_t n = 1;
    for (int d = 0; d < x->ndim; d++)
        if ((mask >> d) & 1u)
            n *= x->shape[d];
    return n;
}

/* g or y with the reduced dimensions there as size 1, so that it broadcasts against x. */
static tp_tensor *restored(tp_tape *T, tp_tensor *g, const tp_tensor *x, uint32_t mask)
{
    over kept = {mask, true};
    return tp_reshape(T, g, reduced_shape(x, &kept));
}

/* A reduction: a tp_op, then which one its forward does. */
typedef struct {
    tp_op op;
    tp__reduction kind;
} reduce_op;

static tp__reduction kind_of(const tp_call *c) { return ((const reduce_op *)(const void *)c->op)->kind; }

/* ---- the forward of all ---------------------------------------------------------------------------------------- */

static tp_dtype result_dtype(tp__reduction kind, tp_dtype t)
{
    if (kind == TP__ALL || kind == TP__ANY)
        return t == TP_U8 ? TP_U8 : TP_BOOL; /* as torch has it */
    return (kind == TP__SUM || kind == TP__PROD) && !tp_dtype_is_float(t) ? TP_I64 : t;
}

/* The dimensions that stay, in their order, and those reduced over, by falling strides: they may be walked in any order. */
static void split_dims(const tp_tensor *x, uint32_t mask, tp__layout *kept, tp__layout *reduced)
{
    tp_dims shape[2] = {{.ndim = 0}, {.ndim = 0}};
    int64_t stride[2][TP_MAX_DIMS];
    for (int d = 0; d < x->ndim; d++) {
        int which = (mask >> d) & 1u, at = shape[which].ndim++;
        for (; which == 1 && at > 0 && stride[1][at - 1] < x->stride[d]; at--) {
            stride[1][at] = stride[1][at - 1];
            shape[1].dim[at] = shape[1].dim[at - 1];
        }
        stride[which][at] = x->stride[d];
        shape[which].dim[at] = x->shape[d];
    }
    tp__layout_of(kept, shape[0], stride[0]);
    tp__layout_of(reduced, shape[1], stride[1]);
}

static int64_t count_of(const tp__layout *l)
{
    int64_t n = 1;
    for (int d = 0; d < l->ndim; d++)
        n *= l->dim[d];
    return n;
}

enum { NEAR = 8 };

/* Takes the last of the reduced dimensions off; the result is [reduced..., kept...], and the kept dimension that is
 * returned comes last: one whose elements are neighbours, or nearer than those that are reduced, so that it is gone along.
 * -1: none. */
static int first_step(const tp__layout *kept, tp__layout *reduced, tp__reduced *step)
{
    int last = --reduced->ndim, inner = -1;
    *step = (tp__reduced){.n = reduced->dim[last], .step = reduced->stride[last], .inner = 1, .apart = 1};
    for (int d = 0; d < kept->ndim; d++)
        if (kept->stride[d] == 1 && kept->dim[d] > 1 && (step->step != 1 || kept->dim[d] >= step->n))
            inner = d;
    for (int d = 0; d < kept->ndim && inner < 0; d++)
        if (kept->dim[d] >= NEAR && kept->stride[d] > 1 && kept->stride[d] <= step->step / NEAR)
            inner = d;
    for (int d = 0; d < reduced->ndim + kept->ndim; d++) {
        const tp__layout *from = d < reduced->ndim ? reduced : kept;
        int k = from == kept ? d - reduced->ndim : d;
        if (from == kept && k == inner) {
            step->inner = kept->dim[k];
            step->apart = kept->stride[k];
            continue;
        }
        step->outer_stride[step->outer.ndim] = from->stride[k];
        step->outer.dim[step->outer.ndim++] = from->dim[k];
    }
    return inner;
}

/* From [kept without `inner`, inner] to [kept]. */
static void put_in_order(const tp__layout *kept, int inner, tp_dtype dtype, const void *from, void *out)
{
    tp__operand in = {.data = from, .dtype = dtype};
    tp_dims shape = {.ndim = kept->ndim};
    int64_t stride = kept->dim[inner];
    for (int d = kept->ndim - 1; d >= 0; d--) {
        shape.dim[d] = kept->dim[d];
        in.stride[d] = d == inner ? 1 : stride;
        stride *= d == inner ? 1 : kept->dim[d];
    }
    tp__copy(shape, out, dtype, &in);
}

static void reduce_step(tp__reduction kind, double order, tp_dtype dtype, const tp__reduced *step, const void *in,
                        void *out)
{
    if (kind == TP__NORM_P)
        tp__norm_p(order, dtype, step, in, out);
    else
        tp__reduce_strided(kind, dtype, step, in, out, false);
}

/* A view may say more elements than there is memory, or time. */
static bool is_endless(const tp_tensor *x)
{
    return x->numel > (int64_t)1 << 30 && x->storage && (size_t)x->numel > x->storage->bytes / tp_dtype_size(x->dtype);
}

/* In one step over the last of the reduced dimensions, and one over the others together; in buffers what is not yet as
 * it goes out. */
tp_status tp__reduce_over(tp_tape *T, tp__reduction kind, double order, const tp_tensor *x, uint32_t mask, void *out)
{
    tp__layout kept, reduced;
    tp__reduced first;
    tp_dtype dtype = x->dtype, becomes = result_dtype(kind, dtype);
    split_dims(x, mask, &kept, &reduced);
    int inner = first_step(&kept, &reduced, &first);
    int64_t results = count_of(&kept), others = count_of(&reduced);
    size_t size, all;
    bool turned = inner >= 0 && inner<kept.ndim - 1, partly = reduced.ndim> 0;
    if (!tp__mul_size((size_t)results, tp_dtype_size(becomes), &size) || !tp__mul_size(size, (size_t)others, &all) ||
        is_endless(x))
        return tp_fail(T, TP_ENOMEM, "%lld elements of a view that repeats them; at most 2^30 are gone through",
                       (long long)x->numel);
    tp__storage *part = partly ? tp__pool_alloc(T->pool, all) : NULL;
    tp__storage *whole = turned ? tp__pool_alloc(T->pool, size) : NULL;
    bool ok = (part || !partly) && (whole || !turned);
    if (ok) {
        void *last = turned ? whole->data : out;
        reduce_step(kind, order, dtype, &first, x->data, partly ? part->data : last);
        tp__reduced second = {{.ndim = 0}, {0}, others, results, results, 1};
        if (partly) /* counts are added up, and so are sums of numbers: what is NaN now stays */
            reduce_step(kind == TP__NORM_0 || kind == TP__NANSUM ? TP__SUM : kind, order, becomes, &second, part->data,
                        last);
        if (turned)
            put_in_order(&kept, inner, becomes, last, out);
    }
    tp__storage_unref(part);
    tp__storage_unref(whole);
    return ok ? TP_OK : tp_fail(T, TP_ENOMEM, "no memory to reduce");
}

tp_tensor *tp__rows_over(tp_tape *T, tp_tensor *x, uint32_t mask)
{
    tp_dims order = {.ndim = x->ndim};
    int at = 0;
    bool moved = false;
    for (int last = 0; last < 2; last++)
        for (int d = 0; d < x->ndim; d++)
            if ((int)((mask >> d) & 1u) == last) {
                moved |= d != at;
                order.dim[at++] = d;
            }
    tp_dims rows = {2, {tp__count_over(x, ~mask), tp__count_over(x, mask)}};
    return tp_reshape(T, moved ? tp_permute(T, x, order) : x, rows);
}

bool tp__as_middle(const tp_tensor *x, uint32_t mask, int64_t *outer, int64_t *n, int64_t *inner)
{
    int d = x->ndim;
    *outer = *n = *inner = 1;
    for (; d > 0 && !((mask >> (d - 1)) & 1u); d--)
        *inner *= x->shape[d - 1];
    for (; d > 0 && ((mask >> (d - 1)) & 1u); d--)
        *n *= x->shape[d - 1];
    for (; d > 0 && !((mask >> (d - 1)) & 1u); d--)
        *outer *= x->shape[d - 1];
    return d == 0;
}

/* ---- the infers -------------------------------------------------------------------------------------------------- */

bool tp__mask_of(tp_tape *T, const char *name, const tp_tensor *x, int n, const int *dims, uint32_t *mask)
{
    tp_op op = {.name = name};
    tp_call c = {.tape = T, .op = &op};
    return tp__usable(T, name, x) && tp__dims_mask(&c, x->ndim, n, dims, mask) == TP_OK;
}

static tp_tensor *over_all(tp_tape *T, const reduce_op *r, tp_tensor *x)
{
    over o = {x ? (1u << x->ndim) - 1 : 0, false};
    return tp__apply1(T, &r->op, &o, x);
}

static tp_tensor *over_some(tp_tape *T, const reduce_op *r, tp_tensor *x, int n, const int *dims, bool keepdim)
{
    over o = {.keepdim = keepdim};
    return tp__mask_of(T, r->op.name, x, n, dims, &o.mask) ? tp__apply1(T, &r->op, &o, x) : NULL;
}

static tp_status reduce_forward(tp_call *c)
{
    return tp__reduce_over(c->tape, kind_of(c), 0, c->in[0], ((const over *)c->attr)->mask, c->out[0]->data);
}

/* clang-format off */
#define REDUCTION(id, NAME, KIND, FLAGS, INFER, FORWARD, VJP, FUSED, SAMPLES, PRINTED) \
    static const reduce_op id##_op = {{ \
        .name = NAME, .n_in = 1, .n_out = 1, .attr_size = sizeof(over), .flags = TP__OP_OURS | TP_OP_STRIDED | (FLAGS), \
        .infer = INFER, .forward = FORWARD, .vjp = VJP, .vjp_fused = FUSED, .samples = SAMPLES, \
        .grad_name = PRINTED}, \
                                      TP__##KIND};
/* clang-format on */

static tp_status infer_as(tp_call *c, tp__reduction kind)
{
    const tp_tensor *x = c->in[0];
    return tp_call_out(c, 0, result_dtype(kind, x->dtype), reduced_shape(x, c->attr));
}

static tp_status float_infer(tp_call *c)
{
    if (!tp_dtype_is_float(c->in[0]->dtype))
        return tp__no_float(c, c->in[0]);
    return infer_as(c, TP__SUM);
}

static tp_status extreme_infer(tp_call *c)
{
    const over *o = c->attr;
    if (c->in[0]->numel == 0 && tp__count_over(c->in[0], o->mask) == 0)
        return tp_call_fail(c, TP_ESHAPE,
                            "x is %s; there is no largest or smallest of no elements, at least one is needed",
                            TP__SHAPE(c->in[0]));
    return infer_as(c, TP__MAX);
}

static void sample_over(tp_sampler *s, bool empty_too)
{
    tp_tensor *x = tp_sample_tensor(s, (tp_dims){3, {2, 3, 4}}, -1.9, 2.2);
    tp_sample(s, &(over){7, false}, 1, &x);
    tp_sample(s, &(over){2, true}, 1, &x);
    tp_sample(s, &(over){5, false}, 1, &x);
    x = tp_sample_tensor(s, (tp_dims){.ndim = 0}, 0.5, 2);
    tp_sample(s, &(over){0, false}, 1, &x);
    x = tp_sample_tensor(s, (tp_dims){2, {0, 3}}, 0.5, 2);
    if (empty_too)
        tp_sample(s, &(over){1, false}, 1, &x);
}

static void sum_samples(tp_sampler *s) { sample_over(s, true); }
static void extreme_samples(tp_sampler *s) { sample_over(s, false); }

/* ---- sum, mean ----------------------------------------------------------------------------------------------------- */

static tp_status sum_infer(tp_call *c) { return infer_as(c, TP__SUM); }

static tp_status sum_vjp(tp_vjp *v) /* the sweep expands it */
{
    v->gin[0] = restored(v->tape, v->gout[0], v->in[0], ((const over *)v->attr)->mask);
    return TP_OK;
}

static tp_status mean_vjp(tp_vjp *v)
{
    uint32_t mask = ((const over *)v->attr)->mask;
    tp_tensor *g = restored(v->tape, v->gout[0], v->in[0], mask);
    v->gin[0] = tp_div_scalar(v->tape, g, (double)tp__count_over(v->in[0], mask));
    return TP_OK;
}

static tp_status nansum_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    tp_tensor *x = v->in[0], *g = restored(T, v->gout[0], x, ((const over *)v->attr)->mask);
    v->gin[0] = tp_where(T, tp_isnan(T, x), tp__number(T, x, 0), g);
    return TP_OK;
}

static void nansum_samples(tp_sampler *s)
{
    tp_tensor *x = tp_sample_tensor(s, (tp_dims){2, {3, 4}}, -1.9, 2.2);
    tp_sample(s, &(over){3, false}, 1, &x);
    tp_sample(s, &(over){1, true}, 1, &x);
}

/* clang-format off */
REDUCTION(sum, "sum", SUM, TP__READS_NOTHING, sum_infer, reduce_forward, sum_vjp, NULL, sum_samples, "SumBackward0")
REDUCTION(sum_dim, "sum_dim", SUM, TP__READS_NOTHING, sum_infer, reduce_forward, sum_vjp, NULL, sum_samples, "SumBackward1")
REDUCTION(nansum, "nansum", NANSUM, TP_OP_FORGETS_OUT, float_infer, reduce_forward, nansum_vjp, NULL, nansum_samples, "NansumBackward0")
REDUCTION(mean, "mean", MEAN, TP__READS_NOTHING, float_infer, reduce_forward, mean_vjp, NULL, extreme_samples, "MeanBackward0")
REDUCTION(mean_dim, "mean_dim", MEAN, TP__READS_NOTHING, float_infer, reduce_forward, mean_vjp, NULL, extreme_samples, "MeanBackward1")
/* clang-format on */

tp_tensor *tp_sum(tp_tape *T, tp_tensor *x) { return over_all(T, &sum_op, x); }

tp_tensor *tp_sum_dims(tp_tape *T, tp_tensor *x, int n, const int *dims, bool keepdim)
{
    TP__NAMED(T, "sum_dims");
    return over_some(T, &sum_dim_op, x, n, dims, keepdim);
}

tp_tensor *tp_sum_dim(tp_tape *T, tp_tensor *x, int dim, bool keepdim)
{
    return over_some(T, &sum_dim_op, x, 1, &dim, keepdim);
}

tp_tensor *tp_nansum(tp_tape *T, tp_tensor *x, int n, const int *dims, bool keepdim)
{
    TP__NAMED(T, "nansum");
    bool whole = x && !tp_dtype_is_float(x->dtype);
    return whole ? tp_sum_dims(T, x, n, dims, keepdim) : over_some(T, &nansum_op, x, n, dims, keepdim);
}

tp_tensor *tp_mean(tp_tape *T, tp_tensor *x) { return over_all(T, &mean_op, x); }

tp_tensor *tp_mean_dims(tp_tape *T, tp_tensor *x, int n, const int *dims, bool keepdim)
{
    TP__NAMED(T, "mean_dims");
    return over_some(T, &mean_dim_op, x, n, dims, keepdim);
}

tp_tensor *tp_mean_dim(tp_tape *T, tp_tensor *x, int dim, bool keepdim)
{
    return over_some(T, &mean_dim_op, x, 1, &dim, keepdim);
}

/* ---- product ----------------------------------------------------------------------------------------------------------- */

static tp_status prod_infer(tp_call *c) { return infer_as(c, TP__PROD); }

/* Rows of x (tp__rows_over) back in x's shape. */
static tp_tensor *scattered(tp_tape *T, tp_tensor *y, const tp_tensor *x, uint32_t mask)
{
    tp_dims moved = {.ndim = x->ndim}, back = {.ndim = x->ndim};
    int at = 0;
    for (int last = 0; last < 2; last++)
        for (int d = 0; d < x->ndim; d++)
            if ((int)((mask >> d) & 1u) == last) {
                moved.dim[at] = x->shape[d];
                back.dim[d] = at++;
            }
    return tp_permute(T, tp_reshape(T, y, moved), back);
}

/* The product of all others, at each place, zeros or not: up a tree of pairwise products, and down again, where
 * each child gets its parent's value times its sibling. */
static tp_status prod_vjp(tp_vjp *v)
{
    enum { LEVELS = 62 };
    tp_tape *T = v->tape;
    tp_tensor *level[LEVELS], *x = v->in[0];
    uint32_t mask = ((const over *)v->attr)->mask;
    if (x->numel == 0) {
        v->gin[0] = tp_zeros_like(T, x);
        return TP_OK;
    }
    int64_t n = tp__count_over(x, mask), rest = x->numel / n, width = 1;
    int top = 0;
    for (; width < n; width *= 2)
        top++;
    tp_tensor *rows = tp__rows_over(T, x, mask),
              *padded[2] = {rows, tp_ones(T, x->dtype, (tp_dims){2, {rest, width - n}})};
    level[0] = width == n ? rows : tp_cat(T, 2, padded, 1);
    for (int k = 0; k < top; k++) {
        level[k] = tp_reshape(T, level[k], (tp_dims){3, {rest, -1, 2}});
        level[k + 1] = tp_mul(T, tp_select(T, level[k], 2, 0), tp_select(T, level[k], 2, 1));
    }
    tp_tensor *down = tp_reshape(T, v->gout[0], (tp_dims){2, {rest, 1}});
    for (int k = top - 1; k >= 0; k--) {
        tp_tensor *flipped[2] = {tp_narrow(T, level[k], 2, 1, 1), tp_narrow(T, level[k], 2, 0, 1)};
        down = tp_mul(T, tp_unsqueeze(T, down, 2), tp_cat(T, 2, flipped, 2));
        down = tp_reshape(T, down, (tp_dims){2, {rest, -1}});
    }
    v->gin[0] = scattered(T, tp_narrow(T, down, 1, 0, n), x, mask);
    return TP_OK;
}

static tp_status prod_vjp_fused(tp_vjp *v)
{
    const tp_tensor *x = tp_contiguous(v->tape, v->in[0]), *g = tp_contiguous(v->tape, v->gout[0]);
    int64_t outer, n, inner;
    if (!x || !g)
        return v->tape->status;
    if (!tp__as_middle(x, ((const over *)v->attr)->mask, &outer, &n, &inner))
        return tp__vjp_fused_by_operators(v, 1);
    tp__product_backward(x->dtype, outer, n, inner, x->data, g->data, v->gin[0]->data, !(v->fresh & 1u));
    return TP_OK;
}

static void prod_samples(tp_sampler *s)
{
    tp_tensor *x = tp_sample_tensor(s, (tp_dims){2, {2, 3}}, -1.3, 1.7);
    tp_sample(s, &(over){3, false}, 1, &x);
    tp_sample(s, &(over){1, false}, 1, &x);
    x = tp_mul(s->tape, tp_sample_tensor(s, (tp_dims){1, {5}}, -1, 1), /* a zero */
               tp_ne(s->tape, tp_arange(s->tape, s->dtype, -1, 4, 1), tp_scalar(s->tape, s->dtype, 0)));
    x = tp_requires_grad(tp_detach(s->tape, x), true);
    tp_sample(s, &(over){1, false}, 1, &x);
    x = tp_sample_tensor(s, (tp_dims){.ndim = 0}, 0.5, 2);
    tp_sample(s, &(over){0, false}, 1, &x);
}

/* clang-format off */
REDUCTION(prod, "prod", PROD, TP_OP_FORGETS_OUT | TP_OP_OVERWRITES, prod_infer, reduce_forward, prod_vjp, prod_vjp_fused, prod_samples, "ProdBackward0")
/* clang-format on */

tp_tensor *tp_prod(tp_tape *T, tp_tensor *x) { return over_all(T, &prod_op, x); }

tp_tensor *tp_prod_dim(tp_tape *T, tp_tensor *x, int dim, bool keepdim)
{
    TP__NAMED(T, "prod_dim");
    return over_some(T, &prod_op, x, 1, &dim, keepdim);
}

/* ---- largest and smallest --------------------------------------------------------------------------------------------- */

/* g shared equally among the elements that are the largest */
static tp_status extreme_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    tp_tensor *x = v->in[0];
    uint32_t mask = ((const over *)v->attr)->mask;
    int dims[TP_MAX_DIMS], n = 0;
    for (int d = 0; d < x->ndim; d++)
        if ((mask >> d) & 1u)
            dims[n++] = d;
    tp_tensor *at = tp_to(T, tp_eq(T, x, restored(T, v->out[0], x, mask)), x->dtype);
    tp_tensor *g = restored(T, v->gout[0], x, mask);
    tp_tensor *count = n == 0 ? at : tp_clamp(T, tp_sum_dims(T, at, n, dims, true), 1, INFINITY); /* none: NaN */
    v->gin[0] = n == 0 ? g : tp_mul(T, at, tp_div(T, g, count));
    return TP_OK;
}

/* clang-format off */
REDUCTION(amax, "amax", MAX, 0, extreme_infer, reduce_forward, extreme_vjp, NULL, extreme_samples, "AmaxBackward0")
REDUCTION(amin, "amin", MIN, 0, extreme_infer, reduce_forward, extreme_vjp, NULL, extreme_samples, "AminBackward0")
REDUCTION(max, "max", MAX, 0, extreme_infer, reduce_forward, extreme_vjp, NULL, extreme_samples, "MaxBackward1")
REDUCTION(min, "min", MIN, 0, extreme_infer, reduce_forward, extreme_vjp, NULL, extreme_samples, "MinBackward1")
/* clang-format on */

tp_tensor *tp_amax(tp_tape *T, tp_tensor *x, int n, const int *dims, bool keepdim)
{
    return over_some(T, &amax_op, x, n, dims, keepdim);
}

tp_tensor *tp_amin(tp_tape *T, tp_tensor *x, int n, const int *dims, bool keepdim)
{
    return over_some(T, &amin_op, x, n, dims, keepdim);
}

tp_tensor *tp_max(tp_tape *T, tp_tensor *x) { return over_all(T, &max_op, x); }

tp_tensor *tp_min(tp_tape *T, tp_tensor *x) { return over_all(T, &min_op, x); }

/* Along one dimension, and where: out[1] is the position. */
static tp_status max_dim_infer(tp_call *c)
{
    const tp_tensor *x = c->in[0];
    uint32_t mask = ((const over *)c->attr)->mask;
    if (x->ndim > 0 && (mask == 0 || (mask & (mask - 1)) || mask >> x->ndim))
        return tp_call_fail(c, TP_EINVAL, "%d dimensions of x, which is %s; one is needed", __builtin_popcount(mask),
                            TP__SHAPE(x));
    tp_status status = extreme_infer(c);
    return status == TP_OK ? tp_call_out(c, 1, TP_I64, reduced_shape(c->in[0], c->attr)) : status;
}

static tp_status max_dim_forward(tp_call *c)
{
    const tp_tensor *x = c->in[0];
    int64_t outer, n, inner;
    tp__as_middle(x, ((const over *)c->attr)->mask, &outer, &n, &inner);
    tp__reduce_arg(kind_of(c), x->dtype, outer, n, inner, x->data, c->out[0]->data, c->out[1]->data);
    return TP_OK;
}

static tp_status max_dim_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    tp_tensor *x = v->in[0];
    uint32_t mask = ((const over *)v->attr)->mask;
    if (v->gout[0] == NULL)
        return TP_OK;
    int dim = mask ? __builtin_ctz(mask) : 0;
    v->gin[0] = tp_scatter_add(T, tp_zeros_like(T, x), dim, restored(T, v->out[1], x, mask),
                               restored(T, v->gout[0], x, mask));
    return TP_OK;
}

static tp_status max_dim_vjp_fused(tp_vjp *v)
{
    const tp_tensor *x = v->in[0];
    int64_t outer, n, inner;
    if (v->gout[0] == NULL) {
        if (v->fresh & 1u)
            tp__fill(x->numel, v->gin[0]->data, x->dtype, 0);
        return TP_OK;
    }
    tp__as_middle(x, ((const over *)v->attr)->mask, &outer, &n, &inner);
    tp__arg_backward(x->dtype, outer, n, inner, v->out[1]->data, v->gout[0]->data, v->gin[0]->data, !(v->fresh & 1u));
    return TP_OK;
}

static void max_dim_samples(tp_sampler *s)
{
    tp_tensor *x = tp_sample_tensor(s, (tp_dims){3, {2, 3, 4}}, -1.9, 2.2);
    tp_sample(s, &(over){2, false}, 1, &x);
    tp_sample(s, &(over){4, true}, 1, &x);
    x = tp_sample_tensor(s, (tp_dims){.ndim = 0}, 0.5, 2);
    tp_sample(s, &(over){0, false}, 1, &x);
}

/* clang-format off */
#define WITH_INDEX(id, KIND, PRINTED) \
    static const reduce_op id##_op = {{ \
        .name = #id, .n_in = 1, .n_out = 2, .attr_size = sizeof(over), \
        .flags = TP_OP_FORGETS_IN | TP_OP_OVERWRITES, .infer = max_dim_infer, .forward = max_dim_forward, \
        .vjp = max_dim_vjp, .vjp_fused = max_dim_vjp_fused, .samples = max_dim_samples, .grad_name = PRINTED}, TP__##KIND};
WITH_INDEX(max_dim, MAX, "MaxBackward0")
WITH_INDEX(min_dim, MIN, "MinBackward0")
/* clang-format on */

static tp_tensor *along(tp_tape *T, const reduce_op *r, const char *name, tp_tensor *x, int dim, bool keepdim,
                        tp_tensor **index)
{
    over o = {.keepdim = keepdim};
    tp_tensor *out[TP_MAX_OUT] = {NULL};
    if (index)
        *index = NULL;
    if (!tp__mask_of(T, name, x, 1, &dim, &o.mask) || tp_apply_all(T, &r->op, &o, 1, &x, out) != TP_OK)
        return NULL;
    if (index)
        *index = out[1];
    return out[0];
}

tp_tensor *tp_max_dim(tp_tape *T, tp_tensor *x, int dim, bool keepdim, tp_tensor **index)
{
    TP__NAMED(T, "max_dim");
    return along(T, &max_dim_op, "max", x, dim, keepdim, index);
}

tp_tensor *tp_min_dim(tp_tape *T, tp_tensor *x, int dim, bool keepdim, tp_tensor **index)
{
    TP__NAMED(T, "min_dim");
    return along(T, &min_dim_op, "min", x, dim, keepdim, index);
}

static tp_tensor *position(tp_tape *T, const reduce_op *r, const char *name, tp_tensor *x, int dim, bool keepdim)
{
    tp_tensor *index;
    bool was = T && tp_tape_record(T, false);
    along(T, r, name, x, dim, keepdim, &index);
    if (T)
        tp_tape_record(T, was);
    return index;
}

tp_tensor *tp_argmax(tp_tape *T, tp_tensor *x, int dim, bool keepdim)
{
    TP__NAMED(T, "argmax");
    return position(T, &max_dim_op, "argmax", x, dim, keepdim);
}

tp_tensor *tp_argmin(tp_tape *T, tp_tensor *x, int dim, bool keepdim)
{
    TP__NAMED(T, "argmin");
    return position(T, &min_dim_op, "argmin", x, dim, keepdim);
}

/* ---- all, any ---------------------------------------------------------------------------------------------------------------- */

static tp_status truth_infer(tp_call *c) { return infer_as(c, TP__ALL); }

REDUCTION(all, "all", ALL, TP_OP_NO_GRAD, truth_infer, reduce_forward, NULL, NULL, sum_samples, NULL)
REDUCTION(any, "any", ANY, TP_OP_NO_GRAD, truth_infer, reduce_forward, NULL, NULL, sum_samples, NULL)

tp_tensor *tp_all(tp_tape *T, tp_tensor *x) { return over_all(T, &all_op, x); }

tp_tensor *tp_any(tp_tape *T, tp_tensor *x) { return over_all(T, &any_op, x); }

tp_tensor *tp_all_dim(tp_tape *T, tp_tensor *x, int dim, bool keepdim)
{
    TP__NAMED(T, "all_dim");
    return over_some(T, &all_op, x, 1, &dim, keepdim);
}

tp_tensor *tp_any_dim(tp_tape *T, tp_tensor *x, int dim, bool keepdim)
{
    TP__NAMED(T, "any_dim");
    return over_some(T, &any_op, x, 1, &dim, keepdim);
}

const tp_op *const tp__ops_reduce[] = {
#include TP__OPERATORS
    NULL};
