/* dataset.c - datasets: rows of tensors, samples that a function makes, and selections of these. */
#include "data/dataset.h"
#include "tapir/random.h"

#include <math.h>
#include <string.h>

enum { DEEPEST = 200 }; /* of nested ones: where a sample is, and who is freed, is looked for from part to part */

/* ---- life ---------------------------------------------------------------------------------------------------------- */

tp_dataset *tp__dataset_hold(const tp_dataset *d)
{
    tp_dataset *held = (tp_dataset *)(uintptr_t)d;
    atomic_fetch_add_explicit(&held->holds, 1, memory_order_relaxed);
    return held;
}

void tp_dataset_free(tp_dataset *d)
{
    if (d == NULL || atomic_fetch_sub_explicit(&d->holds, 1, memory_order_acq_rel) != 1)
        return;
    for (int i = 0; d->tensors && i < d->width; i++)
        tp_free(d->tensors[i]);
    for (int i = 0; d->parts && i < d->n; i++)
        tp_dataset_free(d->parts[i]);
    if (d->free_user)
        d->free_user(d->user);
    tp__free(d->tensors);
    tp__free(d->parts);
    tp__free(d->map);
    tp__free(d);
}

static tp_dataset *no_memory(tp_tape *T, const char *speaker, tp_dataset *d)
{
    tp_dataset_free(d);
    tp_fail(T, TP_ENOMEM, "%s: no memory", speaker);
    return NULL;
}

static tp_dataset *make(tp__dataset_kind kind, int width, int64_t length)
{
    tp_dataset *d = tp__calloc(1, sizeof *d);
    if (d == NULL)
        return NULL;
    atomic_init(&d->holds, 1);
    d->kind = kind;
    d->width = width;
    d->length = length;
    return d;
}

/* One that selects from n others, which it holds. */
static tp_dataset *make_of(tp__dataset_kind kind, int64_t length, int n, tp_dataset *const *parts, int64_t map)
{
    size_t bytes;
    tp_dataset *d = make(kind, parts[0]->width, length);
    if (d == NULL)
        return NULL;
    d->parts = tp__calloc((size_t)n, sizeof *d->parts);
    d->map = tp__mul_size((size_t)map + 1, sizeof *d->map, &bytes) ? tp__malloc(bytes) : NULL;
    if (d->parts == NULL || d->map == NULL) {
        tp_dataset_free(d);
        return NULL;
    }
    for (d->n = 0; d->n < n; d->n++) {
        const tp_dataset *part = d->parts[d->n] = tp__dataset_hold(parts[d->n]);
        d->calls |= part->calls;
        d->depth = part->depth >= d->depth ? part->depth + 1 : d->depth;
    }
    return d;
}

static bool too_deep(tp_tape *T, const char *speaker, const tp_dataset *of)
{
    if (of->depth < DEEPEST)
        return false;
    tp_fail(T, TP_EINVAL, "%s: a dataset of %d levels; fewer than %d are needed", speaker, of->depth, DEEPEST);
    return true;
}

/* ---- leaves -------------------------------------------------------------------------------------------------------- */

static bool rows_agree(tp_tape *T, const char *speaker, int n, tp_tensor *const *tensors)
{
    for (int i = 0; i < n; i++) {
        if (!tp__usable(T, speaker, tensors[i]))
            return false;
        if (tensors[i]->ndim == 0 || tensors[i]->shape[0] != tensors[0]->shape[0]) {
            tp_fail(T, TP_ESHAPE, "%s: tensor 0 is %s, tensor %d is %s; as many rows are needed", speaker,
                    TP__SHAPE(tensors[0]), i, TP__SHAPE(tensors[i]));
            return false;
        }
    }
    return true;
}

static bool rows_are_dense(const tp_tensor *x)
{
    int64_t step = 1;
    for (int d = x->ndim - 1; d > 0; d--) {
        if (x->shape[d] != 1 && x->stride[d] != step)
            return false;
        step *= x->shape[d];
    }
    return true;
}

tp_dataset *tp_tensor_dataset(tp_tape *T, int n, tp_tensor *const *tensors)
{
    TP__NAMED(T, "tensor_dataset");
    if (!tp__ok(T))
        return NULL;
    if (n < 1 || tensors == NULL) {
        tp_fail(T, TP_EINVAL, "tensor_dataset: %d tensors; 1 or more are needed", tensors ? n : 0);
        return NULL;
    }
    if (!rows_agree(T, "tensor_dataset", n, tensors))
        return NULL;
    tp_dataset *d = make(TP__ROWS, n, tensors[0]->shape[0]);
    if (d == NULL || (d->tensors = tp__calloc((size_t)n, sizeof *d->tensors)) == NULL)
        return no_memory(T, "tensor_dataset", d);
    d->dense = true;
    for (int i = 0; i < n; i++) {
        if ((d->tensors[i] = tp_keep(tensors[i])) == NULL)
            return no_memory(T, "tensor_dataset", d);
        d->dense &= rows_are_dense(tensors[i]);
    }
    return d;
}

tp_dataset *tp_dataset_new(tp_tape *T, int64_t length, int width, tp_dataset_get_fn get, void *user,
                           const tp_dataset_options *options)
{
    TP__NAMED(T, "dataset_new");
    if (get == NULL)
        tp__missing(T, "dataset_new", "the function that makes samples");
    if (!tp__ok(T))
        return NULL;
    if (length < 0 || width < 1) {
        tp_fail(T, TP_EINVAL, "dataset_new: %lld samples of %d tensors; 0 or more of 1 or more are needed",
                (long long)length, width);
        return NULL;
    }
    tp_dataset *d = make(TP__CALLED, width, length);
    if (d == NULL)
        return no_memory(T, "dataset_new", d);
    d->calls = true;
    d->get = get;
    d->user = user;
    d->free_user = options ? options->free_user : NULL;
    return d;
}

/* ---- selections ---------------------------------------------------------------------------------------------------- */

tp_dataset *tp_subset(tp_tape *T, tp_dataset *of, int64_t n, const int64_t *indices)
{
    TP__NAMED(T, "subset");
    if (of == NULL)
        tp__missing(T, "subset", "the dataset");
    if (!tp__ok(T) || too_deep(T, "subset", of))
        return NULL;
    if (n < 0 || (n > 0 && indices == NULL)) {
        tp_fail(T, TP_EINVAL, "subset: %lld samples, and %s list of them; 0 or more, and a list, are needed",
                (long long)n, indices ? "a" : "no");
        return NULL;
    }
    tp_dataset *d = make_of(TP__SUBSET, n, 1, &of, n);
    if (d == NULL)
        return no_memory(T, "subset", d);
    for (int64_t i = 0; i < n; i++) {
        d->map[i] = indices[i] < 0 ? indices[i] + of->length : indices[i];
        if (d->map[i] >= 0 && d->map[i] < of->length)
            continue;
        tp_fail(T, TP_EINDEX, "subset: sample %lld of %lld; one from %lld to %lld is needed", (long long)indices[i],
                (long long)of->length, -(long long)of->length, (long long)of->length - 1);
        tp_dataset_free(d);
        return NULL;
    }
    return d;
}

tp_dataset *tp_concat_dataset(tp_tape *T, int n, tp_dataset *const *parts)
{
    TP__NAMED(T, "concat_dataset");
    int64_t length = 0;
    if (!tp__ok(T))
        return NULL;
    if (n < 1 || parts == NULL) {
        tp_fail(T, TP_EINVAL, "concat_dataset: %d datasets; 1 or more are needed", parts ? n : 0);
        return NULL;
    }
    for (int i = 0; i < n; i++) {
        if (parts[i] == NULL)
            tp_fail(T, TP_EINVAL, "concat_dataset: dataset %d is NULL", i);
        else if (parts[i]->width != parts[0]->width)
            tp_fail(T, TP_EINVAL,
                    "concat_dataset: samples of %d tensors in dataset 0, of %d in dataset %d; as many are needed",
                    parts[0]->width, parts[i]->width, i);
        else if (__builtin_add_overflow(length, parts[i]->length, &length))
            tp_fail(T, TP_EINVAL, "concat_dataset: more than %lld samples; fewer are needed", (long long)INT64_MAX);
        if (T->status != TP_OK || too_deep(T, "concat_dataset", parts[i]))
            return NULL;
    }
    tp_dataset *d = make_of(TP__CONCAT, length, n, parts, n);
    if (d == NULL)
        return no_memory(T, "concat_dataset", d);
    for (int i = 0; i < n; i++)
        d->map[i] = (i ? d->map[i - 1] : 0) + parts[i]->length;
    return d;
}

/* ---- random parts -------------------------------------------------------------------------------------------------- */

static tp_status split(tp_tape *T, const char *speaker, tp_dataset *of, int n, const int64_t *lengths,
                       tp_dataset **parts)
{
    int64_t sum = 0, at = 0;
    for (int i = 0; i < n; at = 0, i++)
        if (lengths[i] < 0 || __builtin_add_overflow(sum, lengths[i], &sum))
            return tp_fail(T, TP_EINVAL, "%s: length %d is %lld; 0 or more, %lld in all, are needed", speaker, i,
                           (long long)lengths[i], (long long)of->length);
    if (sum != of->length)
        return tp_fail(T, TP_EINVAL, "%s: %lld samples in all; %lld are needed", speaker, (long long)sum,
                       (long long)of->length);
    tp_mark mark = tp_tape_mark(T);
    tp_tensor *order = tp_randperm(T, sum);
    for (int i = 0; order && i < n && T->status == TP_OK; at += lengths[i++])
        parts[i] = tp_subset(T, of, lengths[i], (const int64_t *)order->data + at);
    tp__rewind(T, mark);
    for (int i = 0; i < n && T->status != TP_OK; i++) {
        tp_dataset_free(parts[i]);
        parts[i] = NULL;
    }
    return T->status;
}

/* What both ways need; false where it is missing. Makes all parts NULL. */
static bool may_split(tp_tape *T, const char *speaker, const tp_dataset *of, int n, const void *sizes,
                      tp_dataset **parts)
{
    for (int i = 0; parts && i < n; i++)
        parts[i] = NULL;
    if (of == NULL)
        tp__missing(T, speaker, "the dataset");
    if (tp__ok(T) && (n < 1 || sizes == NULL || parts == NULL))
        tp_fail(T, TP_EINVAL, "%s: %d parts; 1 or more, and a list of them, are needed", speaker,
                sizes && parts ? n : 0);
    return tp__ok(T);
}

tp_status tp_random_split(tp_tape *T, tp_dataset *of, int n, const int64_t *lengths, tp_dataset **parts)
{
    TP__NAMED(T, "random_split");
    if (!may_split(T, "random_split", of, n, lengths, parts))
        return tp_error_status(T);
    return split(T, "random_split", of, n, lengths, parts);
}

tp_status tp_random_split_fractions(tp_tape *T, tp_dataset *of, int n, const double *fractions, tp_dataset **parts)
{
    static const char speaker[] = "random_split_fractions";
    TP__NAMED(T, "random_split_fractions");
    if (!may_split(T, speaker, of, n, fractions, parts))
        return tp_error_status(T);
    tp_mark mark = tp_tape_mark(T);
    int64_t *lengths = tp__arena_alloc(&T->arena, (size_t)n * sizeof *lengths), rest = of->length;
    double sum = 0;
    if (lengths == NULL)
        return tp_fail(T, TP_ENOMEM, "%s: no memory", speaker);
    for (int i = 0; i < n; sum += fractions[i++]) {
        if (!(fractions[i] >= 0 && fractions[i] <= 1))
            return tp_fail(T, TP_EINVAL, "%s: fraction %d is %g; 0 to 1 is needed", speaker, i, fractions[i]);
        double part = floor((double)of->length * fractions[i]);
        lengths[i] = part < (double)rest ? (int64_t)part : rest;
        rest -= lengths[i];
    }
    if (!(fabs(sum - 1) <= 1e-9))
        return tp_fail(T, TP_EINVAL, "%s: the fractions add up to %g; 1 is needed", speaker, sum);
    for (int64_t i = 0; i < rest; i++) /* fewer than there are fractions, or as sums round, hardly more */
        lengths[i % n]++;
    split(T, speaker, of, n, lengths, parts);
    tp__rewind(T, mark);
    return T->status;
}

/* ---- samples ------------------------------------------------------------------------------------------------------- */

int64_t tp_dataset_length(const tp_dataset *d) { return d ? d->length : 0; }
int tp_dataset_width(const tp_dataset *d) { return d ? d->width : 0; }

/* The first part that ends behind it; empty ones are passed over. */
static int part_with(const tp_dataset *d, int64_t index)
{
    int low = 0, high = d->n - 1;
    while (low < high) {
        int middle = low + (high - low) / 2;
        if (d->map[middle] <= index)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

tp__place tp__dataset_place(const tp_dataset *d, int64_t index)
{
    TP__ASSERT(index >= 0 && index < d->length);
    while (d->kind == TP__SUBSET || d->kind == TP__CONCAT) {
        int part = d->kind == TP__SUBSET ? 0 : part_with(d, index);
        if (d->kind == TP__SUBSET)
            index = d->map[index];
        else
            index -= part ? d->map[part - 1] : 0;
        d = d->parts[part];
    }
    return (tp__place){d, index};
}

tp_status tp__dataset_call(tp_tape *T, const tp_dataset *leaf, int64_t index, tp_tensor **sample)
{
    tp__call_out call;
    memset(sample, 0, (size_t)leaf->width * sizeof *sample);
    tp__enter(T, &call);
    bool was = T->recording;
    T->recording = false;
    tp_status status = leaf->get(T, leaf->user, index, sample);
    T->recording = was;
    tp__leave(&call);
    if (T->status == TP_OK && status != TP_OK)
        tp_fail(T, status, "dataset: sample %lld: %s", (long long)index, tp_status_text(status));
    for (int i = 0; i < leaf->width && T->status == TP_OK; i++)
        if (sample[i] == NULL)
            tp_fail(T, TP_EINVAL, "dataset: tensor %d of sample %lld is NULL", i, (long long)index);
        else
            tp__usable(T, "dataset", sample[i]);
    return T->status;
}

tp_status tp__dataset_sample(tp_tape *T, tp__place p, tp_tensor **sample)
{
    if (p.leaf->kind == TP__CALLED)
        return tp__dataset_call(T, p.leaf, p.index, sample);
    for (int i = 0; i < p.leaf->width; i++) {
        const tp_tensor *x = p.leaf->tensors[i];
        tp_dims row = {.ndim = x->ndim - 1};
        memcpy(row.dim, x->shape + 1, (size_t)row.ndim * sizeof *row.dim);
        sample[i] = tp__tensor_alias(T, x, row, x->stride + 1, p.index * x->stride[0]);
        if (sample[i] == NULL)
            return T->status;
    }
    return TP_OK;
}

tp_status tp_dataset_get(tp_tape *T, tp_dataset *d, int64_t index, tp_tensor **sample)
{
    TP__NAMED(T, "dataset_get");
    if (d == NULL || sample == NULL)
        return tp__missing(T, "dataset_get", d ? "the list for the sample" : "the dataset");
    memset(sample, 0, (size_t)d->width * sizeof *sample);
    if (!tp__ok(T))
        return tp_error_status(T);
    int64_t at = index < 0 ? index + d->length : index;
    if (at < 0 || at >= d->length)
        return tp_fail(T, TP_EINDEX, "dataset_get: sample %lld of %lld; one from %lld to %lld is needed",
                       (long long)index, (long long)d->length, -(long long)d->length, (long long)d->length - 1);
    if (tp__dataset_sample(T, tp__dataset_place(d, at), sample) != TP_OK)
        memset(sample, 0, (size_t)d->width * sizeof *sample);
    return T->status;
}
