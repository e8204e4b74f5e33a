/* embedding.c - rows of a table by an index, alone (embedding) or in bags (embedding_bag). */
#include "kernel/embedding.h"
#include "kernel/index.h"
#include "ops/ops.h"

#include <math.h>
#include <string.h>

/* ---- the table's gradient, of both ------------------------------------------------------------------------------- */

/* What of the gradient is not that of the values: rows of the padding get none, others a share of it; it goes to listed
 * rows. padding -1: there is none. */
typedef struct {
    int64_t padding;
    bool by_freq, sparse;
} table_options;

/* b's table gets gradients of g, *gw being fresh or not. */
static tp_status add_to_table(const tp_vjp *v, tp__bags b, const table_options *o, const void *g, const int64_t *which)
{
    tp_tensor *gw = v->gin[0];
    if (o->by_freq && (b.count = tp_vjp_scratch(v, (size_t)b.rows * sizeof *b.count)) == NULL)
        return v->tape->status;
    tp__rows_begin(gw, v->fresh & 1u, o->sparse);
    for (int64_t e = 0; o->sparse && e < b.entries; e++)
        if (b.index[e] != b.padding)
            tp__rows_add(gw, b.index[e]);
    tp__bags_backward(&b, g, which, gw->data);
    tp__rows_end(gw);
    return TP_OK;
}

/* Of each entry the share of its gradient that goes to the table, [n, 1]; NULL: 1 of all. Or T has failed. */
static tp_tensor *shares(tp_tape *T, const table_options *o, tp_tensor *index, tp_dtype dtype, int64_t rows)
{
    tp_tensor *share = NULL;
    if (o->by_freq)
        share = tp_reciprocal(T, tp_to(T, tp_index_select(T, tp_bincount(T, index, NULL, rows), 0, index), dtype));
    if (o->padding >= 0) {
        tp_tensor *counts = tp_to(T, tp_ne_scalar(T, index, (double)o->padding), dtype);
        share = share ? tp_mul(T, share, counts) : counts;
    }
    return share ? tp_unsqueeze(T, share, 1) : NULL;
}

/* [rows, columns] with g [n, columns], each times its share, added at the index. */
static tp_tensor *table_of(tp_tape *T, const tp_tensor *weight, const table_options *o, tp_tensor *index, tp_tensor *g)
{
    tp_tensor *share = shares(T, o, index, weight->dtype, weight->shape[0]);
    tp_tensor *zeros = tp_zeros(T, weight->dtype, tp__dims_of(weight));
    return tp_index_add(T, zeros, 0, index, share ? tp_mul(T, g, share) : g);
}

static tp_status check_table(const tp_call *c)
{
    const tp_tensor *w = c->in[0], *index = c->in[1];
    if (w->ndim != 2)
        return tp_call_fail(c, TP_ESHAPE, "weight is %s; [rows, columns] is needed", TP__SHAPE(w));
    if (index->dtype != TP_I64)
        return tp_call_fail(c, TP_EDTYPE, "the index is %s; int64 is needed", tp_dtype_name(index->dtype));
    return tp_dtype_is_float(w->dtype) ? TP_OK : tp__no_float(c, w);
}

static tp_status out_of_table(const tp_call *c, const tp_tensor *index, int64_t bad)
{
    if (bad < 0)
        return TP_OK;
    return tp_call_fail(c, TP_EINDEX, "index %lld; 0 to %lld is needed", (long long)((const int64_t *)index->data)[bad],
                        (long long)c->in[0]->shape[0] - 1);
}

/* ---- embedding: weight, index -> rows, and the index, which the gradient needs alone ----------------------------------- */

static tp_status embedding_infer(tp_call *c)
{
    tp_status status = check_table(c);
    tp_dims shape = tp__dims_of(c->in[1]);
    if (status == TP_OK && shape.ndim == TP_MAX_DIMS)
        return tp_call_fail(c, TP_ESHAPE, "the index is %s; a dimension less is needed", TP__SHAPE(c->in[1]));
    if (status == TP_OK) {
        shape.dim[shape.ndim++] = c->in[0]->shape[1];
        status = tp_call_out(c, 0, c->in[0]->dtype, shape);
    }
    return status == TP_OK ? tp_call_out(c, 1, TP_I64, (tp_dims){1, {c->in[1]->numel}}) : status;
}

static tp_status embedding_forward(tp_call *c)
{
    const tp_tensor *w = c->in[0], *index = c->in[1];
    if (index->numel)
        memcpy(c->out[1]->data, index->data, (size_t)index->numel * sizeof(int64_t));
    return out_of_table(
        c, index,
        tp__index_select(w->dtype, 1, w->shape[0], w->shape[1], index->numel, w->data, index->data, c->out[0]->data));
}

static tp_status embedding_vjp(tp_vjp *v)
{
    tp_tensor *w = v->in[0], *index = v->out[1];
    tp_tensor *g = tp_reshape(v->tape, v->gout[0], (tp_dims){2, {index->numel, w->shape[1]}});
    v->gin[0] = table_of(v->tape, w, v->attr, index, g);
    return v->tape->status;
}

static tp_status embedding_vjp_fused(tp_vjp *v)
{
    const tp_tensor *w = v->in[0], *index = v->out[1];
    const table_options *o = v->attr;
    tp__bags b = {.dtype = w->dtype,
                  .mode = TP__BAG_SUM,
                  .bags = index->numel,
                  .entries = index->numel,
                  .columns = w->shape[1],
                  .rows = w->shape[0],
                  .padding = o->padding,
                  .index = index->data};
    return add_to_table(v, b, o, v->gout[0]->data, NULL);
}

static tp_tensor *sample_entries(tp_sampler *s, tp_dims shape) { return tp_sample_index(s, shape, 0, 4); }

static void embedding_samples(tp_sampler *s)
{
    tp_tensor *in[2] = {tp_sample_tensor(s, (tp_dims){2, {4, 3}}, -1.5, 1.7), sample_entries(s, (tp_dims){2, {2, 3}})};
    tp_sample(s, &(table_options){-1, false, false}, 2, in);
    tp_sample(s, &(table_options){-1, false, true}, 2, in);
    in[1] = tp_sample_index(s, (tp_dims){.ndim = 0}, 0, 4);
    tp_sample(s, &(table_options){-1, false, false}, 2, in);
    in[1] = tp_sample_index(s, (tp_dims){1, {0}}, 0, 4);
    tp_sample(s, &(table_options){-1, false, false}, 2, in);
}

/* ---- embedding_bag: weight, index, offsets, where wanted a factor of each entry -> bags, and which rows a maximum is of -- */

typedef struct {
    table_options table;
    tp__bag_mode mode;
    bool ends;
} bag_options;

static tp__bags bags_of(const bag_options *o, int n, tp_tensor *const *in, int64_t bags)
{
    return (tp__bags){.dtype = in[0]->dtype,
                      .mode = o->mode,
                      .bags = bags,
                      .entries = in[1]->numel,
                      .columns = in[0]->shape[1],
                      .rows = in[0]->shape[0],
                      .padding = o->table.padding,
                      .index = in[1]->data,
                      .offset = in[2]->data,
                      .ends = o->ends,
                      .weight = in[0]->data,
                      .factor = n > 3 ? in[3]->data : NULL};
}

static tp_status check_offsets(const tp_call *c)
{
    const tp_tensor *offsets = c->in[2];
    int64_t last = 0;
    for (int64_t i = 0; i < offsets->numel; i++) {
        int64_t at = ((const int64_t *)offsets->data)[i], least = i ? last : 0, most = i ? c->in[1]->numel : 0;
        if (at < least || at > most)
            return tp_call_fail(c, TP_EINDEX, "offset %lld is %lld; %lld to %lld is needed", (long long)i,
                                (long long)at, (long long)least, (long long)most);
        last = at;
    }
    return TP_OK;
}

static tp_status bag_infer(tp_call *c)
{
    const bag_options *o = c->attr;
    const tp_tensor *w = c->in[0], *index = c->in[1], *offsets = c->in[2], *factor = c->n_in > 3 ? c->in[3] : NULL;
    tp_status status = check_table(c);
    if (status != TP_OK)
        return status;
    if (index->ndim != 1 || offsets->ndim != 1 || (o->ends && offsets->numel == 0))
        return tp_call_fail(c, TP_ESHAPE, "the index is %s, offsets is %s; vectors%s are needed", TP__SHAPE(index),
                            TP__SHAPE(offsets), o->ends ? ", with the last bag's end," : "");
    if (offsets->dtype != TP_I64 || (factor && factor->dtype != w->dtype))
        return tp_call_fail(c, TP_EDTYPE,
                            "offsets is %s, weight is %s, per_sample_weights is %s; int64 and weight's dtype "
                            "are needed",
                            tp_dtype_name(offsets->dtype), tp_dtype_name(w->dtype),
                            factor ? tp_dtype_name(factor->dtype) : "not there");
    if (factor && !tp__same_shape(factor, index))
        return tp_call_fail(c, TP_ESHAPE, "per_sample_weights is %s, the index is %s; one shape is needed",
                            TP__SHAPE(factor), TP__SHAPE(index));
    if ((status = check_offsets(c)) != TP_OK)
        return status;
    int64_t bags = offsets->numel - o->ends, kept = o->mode == TP__BAG_MAX ? bags : 0;
    status = tp_call_out(c, 0, w->dtype, (tp_dims){2, {bags, w->shape[1]}});
    return status == TP_OK ? tp_call_out(c, 1, TP_I64, (tp_dims){2, {kept, w->shape[1]}}) : status;
}

static tp_status bag_forward(tp_call *c)
{
    tp__bags b = bags_of(c->attr, c->n_in, c->in, c->out[0]->shape[0]);
    int64_t bad = tp__out_of_range(b.entries, 0, b.rows, b.index);
    if (bad >= 0)
        return out_of_table(c, c->in[1], bad);
    tp__bags_forward(&b, c->out[0]->data, c->out[1]->data);
    return TP_OK;
}

static tp_status bag_vjp_fused(tp_vjp *v)
{
    const bag_options *o = v->attr;
    tp__bags b = bags_of(o, v->n_in, v->in, v->out[0]->shape[0]);
    const void *g = v->gout[0]->data;
    if (v->n_in > 3 && v->gin[3])
        tp__bags_factors(&b, g, v->gin[3]->data, !((v->fresh >> 3) & 1u));
    return v->gin[0] ? add_to_table(v, b, &o->table, g, v->out[1]->data) : TP_OK;
}

/* ... in operators. Entries of bags as a list: which there are, whose bag each is in, and its share in a mean. */
typedef struct {
    int64_t first, n;
    tp_tensor *bag, *mean; /* [n], [n, 1] or NULL */
} entries;

static bool list_entries(tp_tape *T, const tp__bags *b, entries *l)
{
    *l = (entries){0, b->bags == 0 ? 0 : b->ends ? b->offset[b->bags] : b->entries, NULL, NULL};
    l->bag = tp_empty(T, TP_I64, (tp_dims){1, {l->n}});
    l->mean = b->mode == TP__BAG_MEAN ? tp_empty(T, b->dtype, (tp_dims){2, {l->n, 1}}) : NULL;
    if (!tp__ok(T))
        return false;
    for (int64_t k = 0; k < b->bags; k++) {
        int64_t end = k + 1 < b->bags || b->ends ? b->offset[k + 1] : b->entries, count = 0;
        for (int64_t e = b->offset[k]; e < end; e++) {
            ((int64_t *)l->bag->data)[e] = k;
            count += b->index[e] != b->padding;
        }
        for (int64_t e = b->offset[k]; l->mean && e < end; e++)
            tp__store((char *)l->mean->data + (size_t)e * tp_dtype_size(b->dtype), b->dtype,
                      1 / (double)(count ? count : 1));
    }
    return true;
}

static tp_tensor *largest_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    tp_tensor *which = v->out[1], *none = tp_lt_scalar(T, which, 0), *zeros = tp_zeros_like(T, v->in[0]);
    if (v->in[0]->shape[0] == 0 || which->numel == 0)
        return zeros;
    return tp_scatter_add(T, zeros, 0, tp_masked_fill(T, which, none, 0), tp_masked_fill(T, v->gout[0], none, 0));
}

static tp_status bag_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    const bag_options *o = v->attr;
    tp__bags b = bags_of(o, v->n_in, v->in, v->out[0]->shape[0]);
    tp_tensor *factor = v->n_in > 3 ? v->in[3] : NULL;
    entries l;
    if (o->mode == TP__BAG_MAX) {
        v->gin[0] = largest_vjp(v);
        return T->status;
    }
    if (!list_entries(T, &b, &l))
        return T->status;
    tp_tensor *index = tp_narrow(T, v->in[1], 0, 0, l.n), *g = tp_index_select(T, v->gout[0], 0, l.bag);
    if (factor && tp_vjp_needs(v, 3)) {
        tp_tensor *rows = tp_index_select(T, v->in[0], 0, index);
        tp_tensor *dots = tp_sum_dim(T, tp_mul(T, rows, g), 1, false), *rest;
        if (o->table.padding >= 0)
            dots = tp_masked_fill(T, dots, tp_eq_scalar(T, index, (double)o->table.padding), 0);
        rest = tp_zeros(T, b.dtype, (tp_dims){1, {b.entries - l.n}});
        v->gin[3] = tp_cat(T, 2, (tp_tensor *[2]){dots, rest}, 0);
    }
    if (factor)
        g = tp_mul(T, g, tp_unsqueeze(T, tp_narrow(T, factor, 0, 0, l.n), 1));
    if (l.mean)
        g = tp_mul(T, g, l.mean);
    if (tp_vjp_needs(v, 0))
        v->gin[0] = table_of(T, v->in[0], &o->table, index, g);
    return T->status;
}

static void embedding_bag_samples(tp_sampler *s)
{
    tp_tensor *in[4] = {tp_sample_tensor(s, (tp_dims){2, {4, 3}}, -1.5, 1.7), sample_entries(s, (tp_dims){1, {6}}),
                        tp_sample_index(s, (tp_dims){1, {4}}, 0, 1), tp_sample_tensor(s, (tp_dims){1, {6}}, -1, 1.5)};
    static const int64_t offset[4] = {0, 2, 2, 5};
    for (int i = 0; in[2] && i < 4; i++)
        ((int64_t *)in[2]->data)[i] = offset[i];
    const table_options plain = {-1, false, false}, padded = {2, false, false};
    for (int ends = 0; ends < 2; ends++) {
        tp_sample(s, &(bag_options){plain, TP__BAG_SUM, ends}, 3, in);
        tp_sample(s, &(bag_options){plain, TP__BAG_SUM, ends}, 4, in);
        tp_sample(s, &(bag_options){padded, TP__BAG_MEAN, ends}, 3, in);
        tp_sample(s, &(bag_options){padded, TP__BAG_MAX, ends}, 3, in);
    }
    tp_sample(s, &(bag_options){{2, false, true}, TP__BAG_SUM, false}, 4, in);
    in[2] = tp_sample_index(s, (tp_dims){1, {1}}, 0, 1);
    tp_sample(s, &(bag_options){plain, TP__BAG_MEAN, false}, 3, in);
    in[1] = tp_sample_index(s, (tp_dims){1, {0}}, 0, 4);
    in[2] = tp_sample_index(s, (tp_dims){1, {1}}, 0, 1);
    tp_sample(s, &(bag_options){plain, TP__BAG_MEAN, false}, 3, in);
    tp_sample(s, &(bag_options){plain, TP__BAG_MAX, true}, 3, in);
}

/* clang-format off */
static const tp_op embedding_op = {
    .name = "embedding", .n_in = 2, .n_out = 2, .attr_size = sizeof(table_options), .constant_out = 2,
    .flags = TP_OP_FORGETS_IN | TP_OP_FORGETS_RESULTS | TP_OP_OVERWRITES | TP__OP_ROWS, .grad_name = "EmbeddingBackward0",
    .infer = embedding_infer, .forward = embedding_forward, .vjp = embedding_vjp, .vjp_fused = embedding_vjp_fused,
    .samples = embedding_samples};
static const tp_op embedding_bag_op = {
    .name = "embedding_bag", .n_in = -3, .n_out = 2, .attr_size = sizeof(bag_options), .constant_out = 2,
    .flags = TP_OP_FORGETS_RESULTS | TP_OP_OVERWRITES | TP__OP_ROWS, .grad_name = "EmbeddingBagBackward0",
    .infer = bag_infer, .forward = bag_forward, .vjp = bag_vjp, .vjp_fused = bag_vjp_fused,
    .samples = embedding_bag_samples};
/* clang-format on */

/* ---- functions ---------------------------------------------------------------------------------------------------- */

/* Rows at the index whose norm is larger than `most` are scaled to it, as torch scales them. */
static bool renormalize(tp_tape *T, const char *name, tp_tensor *w, const tp_tensor *index, double most, double order)
{
    if (most == 0 || tp__writable(T, name, w) != TP_OK)
        return tp__ok(T);
    if (!(most > 0) || !(order > 0) || !tp__contiguous(w)) {
        tp_fail(T, TP_EINVAL,
                "%s: max_norm is %g, norm_type is %g; numbers above 0, and a contiguous weight, are needed", name, most,
                order);
        return false;
    }
    tp__reduction kind = order == 2 ? TP__NORM_2 : order == 1 ? TP__NORM_1 : isinf(order) ? TP__NORM_MAX : TP__NORM_P;
    size_t size = tp_dtype_size(w->dtype);
    tp__reduced shape = {.n = w->shape[1], .step = 1, .inner = 1, .apart = 1};
    for (int64_t e = 0; e < index->numel && w->shape[1] > 0; e++) {
        char *row = (char *)w->data + (size_t)(((const int64_t *)index->data)[e] * w->shape[1]) * size;
        double norm = 0;
        if (kind == TP__NORM_P)
            tp__norm_p(order, w->dtype, &shape, row, &norm);
        else
            tp__reduce_strided(kind, w->dtype, &shape, row, &norm, false);
        norm = tp__load(&norm, w->dtype);
        for (int64_t i = 0; norm > most && i < w->shape[1]; i++)
            tp__store(row + (size_t)i * size, w->dtype,
                      tp__load(row + (size_t)i * size, w->dtype) * (most / (norm + 1e-7)));
    }
    w->storage->version++;
    return true;
}

/* The index as int64 without gaps, its entries rows of the table where these are to be written; NULL: T has failed. */
static tp_tensor *good_index(tp_tape *T, const char *name, tp_tensor *index, const tp_tensor *w, bool written)
{
    if (!tp__usable_input(T, name, 0, index) || !tp__usable_input(T, name, 1, w))
        return NULL;
    if (index->dtype == TP_I32)
        index = tp_to(T, index, TP_I64);
    if (index && index->dtype == TP_I64)
        index = tp_contiguous(T, index);
    int64_t bad = -1;
    if (index && written && index->dtype == TP_I64 && w->ndim == 2)
        bad = tp__out_of_range(index->numel, 0, w->shape[0], index->data);
    if (bad >= 0)
        tp_fail(T, TP_EINDEX, "%s: index %lld; 0 to %lld is needed", name,
                (long long)((const int64_t *)index->data)[bad], (long long)w->shape[0] - 1);
    if (index && written && (index->dtype != TP_I64 || w->ndim != 2 || !tp_dtype_is_float(w->dtype)))
        tp_fail(T, TP_ESHAPE, "%s: weight is %s, the index is %s; a table of floats, and int64, are needed", name,
                TP__SHAPE(w), tp_dtype_name(index->dtype));
    return tp__ok(T) ? index : NULL;
}

/* The padding of a table, counted from its end where it is negative. */
static bool good_padding(tp_tape *T, const char *name, bool has, int64_t padding, const tp_tensor *w, int64_t *out)
{
    int64_t rows = w->ndim > 0 ? w->shape[0] : 0;
    *out = -1;
    if (has && (padding < -rows || padding >= rows))
        tp_fail(T, TP_EINDEX, "%s: padding_idx is %lld; %lld to %lld is needed", name, (long long)padding,
                (long long)-rows, (long long)rows - 1);
    else if (has)
        *out = padding < 0 ? padding + rows : padding;
    return tp__ok(T);
}

tp_tensor *tp_embedding(tp_tape *T, tp_tensor *index, tp_tensor *weight, const tp_embedding_options *options)
{
    TP__NAMED(T, "embedding");
    tp_embedding_options o = options ? *options : (tp_embedding_options){0};
    table_options table = {.by_freq = o.scale_grad_by_freq, .sparse = o.sparse};
    tp_tensor *in[2] = {weight, good_index(T, "embedding", index, weight, o.max_norm != 0)};
    if (in[1] == NULL || !good_padding(T, "embedding", o.has_padding, o.padding_idx, weight, &table.padding) ||
        !renormalize(T, "embedding", weight, in[1], o.max_norm, o.norm_type != 0 ? o.norm_type : 2))
        return NULL;
    return tp_apply(T, &embedding_op, &table, 2, in);
}

/* Of an index [bags, each] where the bags begin. */
static tp_tensor *even_offsets(tp_tape *T, const tp_tensor *index)
{
    tp_tensor *offsets = tp_empty(T, TP_I64, (tp_dims){1, {index->shape[0]}});
    for (int64_t i = 0; offsets && i < index->shape[0]; i++)
        ((int64_t *)offsets->data)[i] = i * index->shape[1];
    return offsets;
}

static bool good_bags(tp_tape *T, const tp_tensor *index, const tp_tensor *weight, const tp_embedding_bag_options *o)
{
    const char *name = "embedding_bag";
    (void)weight;
    if (index->ndim != 1 && index->ndim != 2)
        tp_fail(T, TP_ESHAPE, "%s: the index is %s; [entries] or [bags, entries] is needed", name, TP__SHAPE(index));
    else if ((index->ndim == 1) != (o->offsets != NULL))
        tp_fail(T, TP_EINVAL,
                "%s: the index is %s, offsets are %s; they are needed of [entries], and not of [bags, entries]", name,
                TP__SHAPE(index), o->offsets ? "there" : "not there");
    else if ((unsigned)o->mode > TP_BAG_MAX)
        tp_fail(T, TP_EINVAL, "%s: mode is %d; TP_BAG_MEAN, TP_BAG_SUM or TP_BAG_MAX is needed", name, (int)o->mode);
    else if (o->mode == TP_BAG_MAX && (o->scale_grad_by_freq || o->sparse))
        tp_fail(T, TP_EINVAL, "%s: scale_grad_by_freq or sparse of a maximum; a mean or a sum is needed", name);
    else if (o->per_sample_weights && o->mode != TP_BAG_SUM)
        tp_fail(T, TP_EINVAL, "%s: per_sample_weights of a mean or a maximum; TP_BAG_SUM is needed", name);
    else if (o->include_last_offset && o->offsets == NULL)
        tp_fail(T, TP_EINVAL, "%s: include_last_offset without offsets; these are needed", name);
    else if (o->per_sample_weights && tp__usable(T, name, o->per_sample_weights) &&
             !tp__same_shape(o->per_sample_weights, index))
        tp_fail(T, TP_ESHAPE, "%s: per_sample_weights is %s, the index is %s; one shape is needed", name,
                TP__SHAPE(o->per_sample_weights), TP__SHAPE(index));
    return tp__ok(T);
}

tp_tensor *tp_embedding_bag(tp_tape *T, tp_tensor *index, tp_tensor *weight, const tp_embedding_bag_options *options)
{
    TP__NAMED(T, "embedding_bag");
    tp_embedding_bag_options o = options ? *options : (tp_embedding_bag_options){0};
    bag_options bags = {
        {.by_freq = o.scale_grad_by_freq, .sparse = o.sparse}, (tp__bag_mode)o.mode, o.include_last_offset};
    index = good_index(T, "embedding_bag", index, weight, o.max_norm != 0);
    if (index == NULL || !good_bags(T, index, weight, &o) ||
        !good_padding(T, "embedding_bag", o.has_padding, o.padding_idx, weight, &bags.table.padding) ||
        !renormalize(T, "embedding_bag", weight, index, o.max_norm, o.norm_type != 0 ? o.norm_type : 2))
        return NULL;
    tp_tensor *offsets = o.offsets ? o.offsets : even_offsets(T, index), *factor = o.per_sample_weights;
    if (offsets && !tp__usable(T, "embedding_bag", offsets))
        return NULL;
    if (offsets && offsets->dtype == TP_I32)
        offsets = tp_to(T, offsets, TP_I64);
    if (index->ndim == 2) {
        factor = factor ? tp_reshape(T, factor, (tp_dims){1, {index->numel}}) : NULL;
        index = tp_reshape(T, index, (tp_dims){1, {index->numel}});
    }
    tp_tensor *in[4] = {weight, index, offsets, factor};
    return tp_apply(T, &embedding_bag_op, &bags, o.per_sample_weights ? 4 : 3, in);
}

const tp_op *const tp__ops_embedding[] = {
#include TP__OPERATORS
    NULL};
