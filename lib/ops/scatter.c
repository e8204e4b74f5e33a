/* scatter.c - values put at places: by an index, by a mask, by an index in Python's notation with tensors in it. */
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
    if (put.dim < 0 || value->ndim > 0 || (index = widened(T, "index_fill", index, x, put.dim)) == NULL)
        return NULL;
    tp_tensor *negative = tp_lt(T, index, tp_scalar(T, TP_I64, 0));
    index = tp_where(T, negative, tp_add_scalar(T, index, (double)size_at(x, put.dim)), index);
    if (index == NULL)
        return NULL;
    return scatter(T, &put, x, index, tp_expand(T, tp_to(T, value, (tp_dtype)x->dtype), tp__dims_of(index)));
}

/* ---- by a mask --------------------------------------------------------------------------------------------------- */

tp_tensor *tp_masked_fill_tensor(tp_tape *T, tp_tensor *x, tp_tensor *mask, tp_tensor *value)
{
    if (!tp__usable(T, "masked_fill", x) || !tp__usable(T, "masked_fill", value))
        return NULL;
    if (value->ndim > 0) {
        tp_fail(T, TP_ESHAPE, "masked_fill: the value has %d dimensions, not 0", value->ndim);
        return NULL;
    }
    return tp_where(T, mask, tp_to(T, value, (tp_dtype)x->dtype), x);
}

tp_tensor *tp_masked_fill(tp_tape *T, tp_tensor *x, tp_tensor *mask, double value)
{
    return x ? tp_masked_fill_tensor(T, x, mask, tp_scalar(T, (tp_dtype)x->dtype, value)) : NULL;
}

tp_tensor *tp_fill(tp_tape *T, tp_tensor *x, tp_tensor *value)
{
    return x ? tp_masked_fill_tensor(T, x, tp_expand(T, tp_full(T, TP_BOOL, TP_SCALAR, 1), tp__dims_of(x)), value)
             : NULL;
}

/* Flat positions of what is not zero. */
static tp_tensor *flat_places(tp_tape *T, tp_tensor *x)
{
    tp_tensor *truth = tp_contiguous(T, tp_to(T, x, TP_BOOL));
    if (truth == NULL)
        return NULL;
    const uint8_t *at = truth->data;
    int64_t n = 0;
    for (int64_t i = 0; i < truth->numel; i++)
        n += at[i] != 0;
    tp_tensor *places = tp_empty(T, TP_I64, (tp_dims){1, {n}});
    for (int64_t i = 0, k = 0; places && i < truth->numel; i++)
        if (at[i])
            ((int64_t *)places->data)[k++] = i;
    return places;
}

tp_tensor *tp_nonzero(tp_tape *T, tp_tensor *x)
{
    if (!tp__usable(T, "nonzero", x))
        return NULL;
    tp_tensor *flat = flat_places(T, tp_detach(T, x));
    tp_tensor *y = flat ? tp_empty(T, TP_I64, (tp_dims){2, {flat->numel, x->ndim}}) : NULL;
    for (int64_t i = 0; y && i < flat->numel; i++) {
        int64_t rest = ((const int64_t *)flat->data)[i];
        for (int d = x->ndim - 1; d >= 0; d--) {
            ((int64_t *)y->data)[i * x->ndim + d] = rest % x->shape[d];
            rest /= x->shape[d];
        }
    }
    return y;
}

static bool is_mask(tp_tape *T, const char *name, const tp_tensor *mask)
{
    if (!tp__usable(T, name, mask))
        return false;
    if (mask->dtype != TP_BOOL)
        tp_fail(T, TP_EDTYPE, "%s: the mask is %s, not bool", name, tp_dtype_name((tp_dtype)mask->dtype));
    return mask->dtype == TP_BOOL;
}

static tp_tensor *flat(tp_tape *T, tp_tensor *x) { return tp_reshape(T, x, (tp_dims){1, {-1}}); }

tp_tensor *tp_masked_select(tp_tape *T, tp_tensor *x, tp_tensor *mask)
{
    tp_tensor *both[2] = {x, mask}, *wide[2];
    if (!is_mask(T, "masked_select", mask) || tp_broadcast_tensors(T, 2, both, wide) != TP_OK)
        return NULL;
    return tp_index_select(T, flat(T, wide[0]), 0, flat_places(T, wide[1]));
}

tp_tensor *tp_masked_scatter(tp_tape *T, tp_tensor *x, tp_tensor *mask, tp_tensor *source)
{
    if (!is_mask(T, "masked_scatter", mask) || !tp__usable(T, "masked_scatter", x) ||
        !tp__usable(T, "masked_scatter", source))
        return NULL;
    tp_tensor *both[2] = {x, mask}, *wide[2];
    if (x->dtype != source->dtype) {
        tp_fail(T, TP_EDTYPE, "masked_scatter: %s into %s", tp_dtype_name((tp_dtype)source->dtype),
                tp_dtype_name((tp_dtype)x->dtype));
        return NULL;
    }
    if (tp_broadcast_tensors(T, 2, both, wide) != TP_OK)
        return NULL;
    tp_tensor *places = flat_places(T, wide[1]);
    if (places == NULL)
        return NULL;
    if (places->numel > source->numel) {
        tp_fail(T, TP_ESHAPE, "masked_scatter: %lld values for %lld places", (long long)source->numel,
                (long long)places->numel);
        return NULL;
    }
    tp_tensor *values = tp_narrow(T, flat(T, source), 0, 0, places->numel);
    return tp_reshape(T, tp_index_copy(T, flat(T, wide[0]), 0, places, values), tp__dims_of(wide[0]));
}

/* ---- by flat positions --------------------------------------------------------------------------------------------- */

/* Positions from the end count from size on; those out of range fail. */
static tp_tensor *wrapped(tp_tape *T, const char *name, tp_tensor *index, int64_t size)
{
    if (!tp__usable(T, name, index))
        return NULL;
    if (tp_dtype_is_float((tp_dtype)index->dtype) || index->dtype == TP_BOOL) {
        tp_fail(T, TP_EDTYPE, "%s: the index is %s, not int64", name, tp_dtype_name((tp_dtype)index->dtype));
        return NULL;
    }
    tp_tensor *y = tp_clone(T, tp_to(T, index, TP_I64));
    for (int64_t i = 0; y && i < y->numel; i++) {
        int64_t *at = (int64_t *)y->data + i;
        if (*at < -size || *at >= size) {
            tp_fail(T, TP_EINDEX, "%s: index %lld of a dimension of size %lld", name, (long long)*at, (long long)size);
            return NULL;
        }
        *at += *at < 0 ? size : 0;
    }
    return y;
}

tp_tensor *tp_take(tp_tape *T, tp_tensor *x, tp_tensor *index)
{
    if (!tp__usable(T, "take", x) || (index = wrapped(T, "take", index, x->numel)) == NULL)
        return NULL;
    return tp_reshape(T, tp_index_select(T, flat(T, x), 0, flat(T, index)), tp__dims_of(index));
}

tp_tensor *tp_take_along_dim(tp_tape *T, tp_tensor *x, tp_tensor *index, int dim)
{
    char a[200], b[200];
    if (!tp__usable(T, "take_along_dim", x) || !tp__usable(T, "take_along_dim", index))
        return NULL;
    int d = tp__dim_of(T, "take_along_dim", x->ndim, dim);
    if (d < 0)
        return NULL;
    tp_dims wide = tp__dims_of(x), narrow = tp__dims_of(index), common;
    if (x->ndim == index->ndim)
        wide.dim[d] = narrow.dim[d] = 1;
    if (x->ndim != index->ndim || !tp__dims_broadcast(wide, narrow, &common)) {
        tp_fail(T, TP_ESHAPE, "take_along_dim: %s by %s", tp__dims_text(tp__dims_of(x), a, sizeof a),
                tp__dims_text(tp__dims_of(index), b, sizeof b));
        return NULL;
    }
    wide = narrow = common;
    wide.dim[d] = x->shape[d];
    narrow.dim[d] = index->shape[d];
    return tp_gather(T, tp_expand(T, x, wide), d, tp_contiguous(T, tp_expand(T, index, narrow)));
}

/* ---- Python's notation, with tensors ------------------------------------------------------------------------------- */

/* The dimensions that tensors index, each with its positions (TP_I64); a mask of m dimensions counts for m. */
typedef struct {
    int n, dim[TP_MAX_DIMS];
    tp_tensor *at[TP_MAX_DIMS];
} tensor_index;

static bool add_tensor(tp_tape *T, const tp_tensor *x, tp_tensor *t, int d, tensor_index *list)
{
    int span = t->dtype == TP_BOOL ? t->ndim : 1;
    bool fits = d + span <= x->ndim && list->n + span <= TP_MAX_DIMS;
    for (int k = 0; k < t->ndim && t->dtype == TP_BOOL && fits; k++)
        fits = t->shape[k] == x->shape[d + k];
    if (!fits || span == 0) {
        tp_fail(T, TP_EINDEX, "index: a tensor of %d dimensions does not fit dimension %d of %d", t->ndim, d, x->ndim);
        return false;
    }
    tp_tensor *places = t->dtype == TP_BOOL ? tp_nonzero(T, t) : NULL;
    for (int k = 0; k < span; k++, list->n++, d++) {
        list->dim[list->n] = d;
        list->at[list->n] = places ? tp_select(T, places, 1, k) : wrapped(T, "index", t, x->shape[d]);
        if (list->at[list->n] == NULL)
            return false;
    }
    return true;
}

/* x [...] at the positions: where the indexed dimensions are neighbours their common shape takes their place, otherwise it
 * comes first (NumPy's rule). */
static tp_tensor *pick(tp_tape *T, tp_tensor *x, tensor_index *list)
{
    tp_tensor *at[TP_MAX_DIMS], *linear = NULL;
    tp_dims order = {.ndim = x->ndim}, shape, back = {.ndim = 0};
    bool indexed[TP_MAX_DIMS] = {false}, neighbours = true;
    int64_t size = 1;
    if (tp_broadcast_tensors(T, list->n, list->at, at) != TP_OK)
        return NULL;
    for (int k = 0; k < list->n; k++) {
        indexed[list->dim[k]] = true;
        neighbours = neighbours && (k == 0 || list->dim[k] == list->dim[k - 1] + 1);
        order.dim[k] = list->dim[k];
        size *= x->shape[list->dim[k]];
        linear = linear ? tp_add(T, tp_mul_scalar(T, linear, (double)x->shape[list->dim[k]]), at[k]) : at[k];
    }
    if (linear == NULL)
        return NULL;
    shape = tp__dims_of(linear);
    int common = shape.ndim, k = list->n;
    tp_dims rows = {.ndim = 1, .dim = {size}};
    for (int d = 0; d < x->ndim; d++)
        if (!indexed[d]) {
            order.dim[k++] = d;
            rows.dim[rows.ndim++] = x->shape[d];
            if (shape.ndim < TP_MAX_DIMS)
                shape.dim[shape.ndim++] = x->shape[d];
        }
    if (common + x->ndim - list->n > TP_MAX_DIMS) {
        tp_fail(T, TP_EINDEX, "index: more than %d dimensions", TP_MAX_DIMS);
        return NULL;
    }
    tp_tensor *y = tp_index_select(T, tp_reshape(T, tp_permute(T, x, order), rows), 0, flat(T, linear));
    y = tp_reshape(T, y, shape);
    if (!neighbours || list->dim[0] == 0)
        return y;
    int first = list->dim[0]; /* [common, before, after] -> [before, common, after] */
    for (int d = 0; d < first; d++)
        back.dim[back.ndim++] = common + d;
    for (int d = 0; d < common; d++)
        back.dim[back.ndim++] = d;
    for (int d = common + first; d < shape.ndim; d++)
        back.dim[back.ndim++] = d;
    return tp_permute(T, y, back);
}

/* The flat positions in x that the index means, in its result's shape. */
static tp_tensor *positions(tp_tape *T, const tp_tensor *x, const char *index, int n, tp_tensor *const *tensors)
{
    int at[TP_MAX_DIMS], used = 0;
    tensor_index list = {.n = 0};
    tp_tensor *p = tp_reshape(T, tp_arange(T, TP_I64, 0, (double)x->numel, 1), tp__dims_of(x));
    p = tp__index_basic(T, p, index, n, tensors, at, &used);
    if (p && used != n)
        tp_fail(T, TP_EINVAL, "index: \"%.80s\" has %d places for tensors, %d were given", index, used, n);
    if (p == NULL || used != n)
        return NULL;
    for (int i = 0; i < n; i++)
        if (!tp__usable(T, "index", tensors[i]) || !add_tensor(T, p, tp_detach(T, tensors[i]), at[i], &list))
            return NULL;
    return n ? pick(T, p, &list) : p;
}

tp_tensor *tp_index_with(tp_tape *T, tp_tensor *x, const char *index, int n, tp_tensor *const *tensors)
{
    tp_tensor *at = tp__usable(T, "index", x) ? positions(T, x, index, n, tensors) : NULL;
    return at ? tp_reshape(T, tp_index_select(T, flat(T, x), 0, flat(T, at)), tp__dims_of(at)) : NULL;
}

tp_tensor *tp_index_put(tp_tape *T, tp_tensor *x, const char *index, int n, tp_tensor *const *tensors,
                        tp_tensor *values, bool accumulate)
{
    char a[200], b[200];
    tp_dims shape;
    if (!tp__usable(T, "index_put", x) || !tp__usable(T, "index_put", values))
        return NULL;
    tp_tensor *at = positions(T, x, index, n, tensors);
    if (at == NULL)
        return NULL;
    if (accumulate && values->dtype != x->dtype) {
        tp_fail(T, TP_EDTYPE, "index_put: %s is added to %s", tp_dtype_name((tp_dtype)values->dtype),
                tp_dtype_name((tp_dtype)x->dtype));
        return NULL;
    }
    while (values && values->ndim > at->ndim && values->shape[0] == 1) /* as assignment does */
        values = tp_squeeze_dim(T, values, 0);
    if (values == NULL)
        return NULL;
    if (!tp__dims_broadcast(tp__dims_of(at), tp__dims_of(values), &shape) || !tp__dims_equal(shape, tp__dims_of(at))) {
        tp_fail(T, TP_ESHAPE, "index_put: values are %s where %s is needed",
                tp__dims_text(tp__dims_of(values), a, sizeof a), tp__dims_text(tp__dims_of(at), b, sizeof b));
        return NULL;
    }
    values = flat(T, tp_expand(T, tp_to(T, values, (tp_dtype)x->dtype), shape));
    tp_tensor *y = accumulate ? tp_index_add(T, flat(T, x), 0, flat(T, at), values)
                              : tp_index_copy(T, flat(T, x), 0, flat(T, at), values);
    return tp_reshape(T, y, tp__dims_of(x));
}

const tp_op *const tp__ops_scatter[] = {&scatter_op, NULL};
