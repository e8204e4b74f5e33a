/* batch.c - samples one upon the other, or as the user's function joins them. */
#include "data/batch.h"

#include <string.h>

/* ---- samples into rows ------------------------------------------------------------------------------------------------ */

/* A batch that comes into being. */
typedef struct {
    tp_tape *W;
    int width;
    int64_t n;
    tp_tensor **batch;      /* [n, ...] each */
    size_t *bytes;          /* of a row of each */
    tp_tensor **sample;     /* the user's function's */
    const tp_dataset *fits; /* rows of this one do */
    tp_mark mark;           /* the batch is below it */
} stack;

static int64_t sample_at(const tp__epoch *e, int64_t at) { return e->order.in_order ? at : e->order.index[at]; }

static bool make_tensor(stack *s, int k, tp_dtype dtype, int ndim, const int64_t *shape)
{
    tp_dims dims = {.ndim = ndim + 1, .dim = {s->n}};
    if (ndim == TP_MAX_DIMS) {
        tp_fail(s->W, TP_ESHAPE, "loader_next: samples of %d dimensions; fewer are needed, for a batch has one more",
                ndim);
        return false;
    }
    memcpy(dims.dim + 1, shape, (size_t)ndim * sizeof *shape);
    s->batch[k] = tp__tensor_make(s->W, dtype, dims);
    if (s->batch[k])
        s->bytes[k] = (size_t)(s->batch[k]->numel / s->n) * tp_dtype_size(dtype);
    return s->batch[k] != NULL;
}

/* Does a sample's tensor fit the batch's, which the first sample made? */
static bool fits(const stack *s, int k, tp_dtype dtype, int ndim, const int64_t *shape)
{
    const tp_tensor *x = s->batch[k];
    tp_dims here = {.ndim = ndim}, first = {.ndim = x->ndim - 1};
    memcpy(here.dim, shape, (size_t)ndim * sizeof *shape);
    memcpy(first.dim, x->shape + 1, (size_t)first.ndim * sizeof *shape);
    if (dtype == x->dtype && tp__dims_equal(here, first))
        return true;
    tp_fail(
        s->W, TP_ESHAPE,
        "loader_next: tensor %d of a sample is %s %s, of the batch's first one %s %s; the same is needed, or collate",
        k, tp_dtype_name(dtype), TP__DIMS(here), tp_dtype_name(x->dtype), TP__DIMS(first));
    return false;
}

/* The first sample makes the batch, others must fit. */
static bool accept(stack *s, int64_t i, int k, tp_dtype dtype, int ndim, const int64_t *shape)
{
    return i == 0 ? make_tensor(s, k, dtype, ndim, shape) : fits(s, k, dtype, ndim, shape);
}

static void *row_of(const stack *s, int k, int64_t i) { return (char *)s->batch[k]->data + (size_t)i * s->bytes[k]; }

/* Row i of x, whose elements do not lie side by side. */
static void copy_strided(const tp_tensor *x, int64_t i, void *to)
{
    tp_tensor row = {.data = (char *)x->data + i * x->stride[0] * (int64_t)tp_dtype_size(x->dtype),
                     .dtype = x->dtype,
                     .ndim = (uint8_t)(x->ndim - 1)};
    memcpy(row.shape, x->shape + 1, (size_t)row.ndim * sizeof *row.shape);
    memcpy(row.stride, x->stride + 1, (size_t)row.ndim * sizeof *row.stride);
    tp__copy_elements(&row, to, x->dtype);
}

static bool add_row(stack *s, int64_t i, tp__place p)
{
    for (int k = 0; k < s->width && s->fits != p.leaf; k++) {
        const tp_tensor *x = p.leaf->tensors[k];
        if (!accept(s, i, k, x->dtype, x->ndim - 1, x->shape + 1))
            return false;
    }
    s->fits = p.leaf;
    for (int k = 0; k < s->width; k++) {
        const tp_tensor *x = p.leaf->tensors[k];
        if (s->bytes[k] > 0 && p.leaf->dense)
            memcpy(row_of(s, k, i), (const char *)x->data + p.index * x->stride[0] * (int64_t)tp_dtype_size(x->dtype),
                   s->bytes[k]);
        else if (s->bytes[k] > 0)
            copy_strided(x, p.index, row_of(s, k, i));
    }
    return true;
}

static bool add_called(stack *s, int64_t i, tp__place p)
{
    if (tp__dataset_call(s->W, p.leaf, p.index, s->sample) != TP_OK)
        return false;
    for (int k = 0; k < s->width; k++) {
        const tp_tensor *x = s->sample[k];
        if (!accept(s, i, k, x->dtype, x->ndim, x->shape))
            return false;
        if (s->bytes[k] > 0)
            tp__copy_elements(x, row_of(s, k, i), x->dtype);
    }
    if (i > 0) /* what the first one made lies among the batch */
        tp__rewind(s->W, s->mark);
    return true;
}

/* False where W has failed, or nobody wants it any more. */
static bool stack_samples(tp_tape *W, const tp__recipe *r, const tp__epoch *e, int64_t begin, int64_t n,
                          tp_tensor **batch)
{
    stack s = {.W = W, .width = r->width, .n = n, .batch = batch};
    s.sample = tp__arena_alloc(&W->arena, (size_t)r->width * sizeof *s.sample);
    s.bytes = tp__arena_alloc(&W->arena, (size_t)r->width * sizeof *s.bytes);
    if (s.sample == NULL || s.bytes == NULL) {
        tp_fail(W, TP_ENOMEM, "loader_next: no memory");
        return false;
    }
    for (int64_t i = 0; i < n; i++) {
        tp__place p = tp__dataset_place(r->data, sample_at(e, begin + i));
        if (atomic_load_explicit(&r->cancel, memory_order_relaxed))
            return false;
        if (!(p.leaf->kind == TP__ROWS ? add_row(&s, i, p) : add_called(&s, i, p)))
            return false;
        if (i == 0)
            s.mark = tp_tape_mark(W);
    }
    return true;
}

/* ---- the user's way of joining them ----------------------------------------------------------------------------------- */

static bool gather_samples(tp_tape *W, const tp__recipe *r, const tp__epoch *e, int64_t begin, int64_t n,
                           tp_tensor **samples)
{
    for (int64_t i = 0; i < n; i++) {
        if (atomic_load_explicit(&r->cancel, memory_order_relaxed))
            return false;
        if (tp__dataset_sample(W, tp__dataset_place(r->data, sample_at(e, begin + i)), samples + i * r->data->width) !=
            TP_OK)
            return false;
    }
    return true;
}

static bool collate(tp_tape *W, const tp__recipe *r, const tp__epoch *e, int64_t begin, int64_t n, tp_tensor **batch)
{
    int width = r->data->width;
    size_t count, bytes;
    tp_tensor **samples = tp__mul_size((size_t)n, (size_t)width, &count) && tp__mul_size(count, sizeof *samples, &bytes)
                              ? tp__arena_alloc(&W->arena, bytes)
                              : NULL;
    if (samples == NULL) {
        tp_fail(W, TP_ENOMEM, "loader_next: no memory");
        return false;
    }
    if (!gather_samples(W, r, e, begin, n, samples))
        return false;
    tp__call_out call;
    tp__enter(W, &call);
    tp_status status = r->collate(W, r->user, n, width, samples, batch);
    tp__leave(&call);
    if (W->status == TP_OK && status != TP_OK)
        tp_fail(W, status, "loader_next: collate: %s", tp_status_text(status));
    for (int k = 0; k < r->width && W->status == TP_OK; k++)
        if (batch[k] == NULL)
            tp_fail(W, TP_EINVAL, "loader_next: collate left tensor %d NULL; all are needed", k);
        else if (tp__usable(W, "loader_next", batch[k]) && batch[k]->tape == NULL)
            batch[k] = tp_clone(W, batch[k]);
    return W->status == TP_OK;
}

/* ---- a batch ---------------------------------------------------------------------------------------------------------- */

/* The header leaves its tape with a count of the storage. */
static void hand_over(const tp_tensor *x, tp_tensor *out)
{
    memset(out, 0, sizeof *out);
    tp__tensor_init(out, x->dtype, tp__dims_of(x), x->numel);
    memcpy(out->stride, x->stride, sizeof out->stride);
    tp__tensor_note_layout(out);
    out->data = x->data;
    out->storage = x->storage;
    tp__storage_escape(x->storage);
}

void tp__batch_drop(int width, tp_tensor *out)
{
    for (int k = 0; k < width; k++)
        tp__storage_unref(out[k].storage);
    for (int k = 0; k < width; k++)
        out[k].storage = NULL;
}

tp_status tp__batch_make(tp_tape *W, const tp__recipe *r, const tp__epoch *e, int64_t b, tp_tensor *out)
{
    int64_t begin = tp__epoch_at(e, b), n = tp__epoch_at(e, b + 1) - begin;
    memset(out, 0, (size_t)r->width * sizeof *out);
    tp_clear_error(W);
    tp_tape_reset(W); /* what a jump out of the user's function has left */
    tp_tape_record(W, false);
    tp_tensor **batch = tp__arena_alloc(&W->arena, (size_t)r->width * sizeof *batch);
    if (batch == NULL)
        return tp_fail(W, TP_ENOMEM, "loader_next: no memory");
    memset(batch, 0, (size_t)r->width * sizeof *batch);
    if (r->data->calls || r->collate)
        tp__rng_seed(&W->rng, e->base_seed + (uint64_t)b);
    bool made = (r->collate ? collate : stack_samples)(W, r, e, begin, n, batch);
    for (int k = 0; made && k < r->width; k++)
        hand_over(batch[k], &out[k]);
    tp_tape_reset(W);
    return W->status;
}
