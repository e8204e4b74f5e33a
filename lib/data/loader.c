/* loader.c - batches over the first dimension of tensors that belong together. */
#include "data/loader.h"
#include "tape/state_dict.h"
#include "tape/tape.h"

#include <string.h>

struct tp_loader {
    tp_loader_options o;
    int n;
    tp_tensor **tensors; /* owned, contiguous, on the caller's storage where that was contiguous */
    int64_t rows, at;    /* the next row of the order */
    int64_t *order;
};

void tp_loader_free(tp_loader *l)
{
    if (l == NULL)
        return;
    for (int i = 0; l->tensors && i < l->n; i++)
        tp_free(l->tensors[i]);
    tp__free(l->tensors);
    tp__free(l->order);
    tp__free(l);
}

static bool rows_agree(tp_tape *T, int n, tp_tensor *const *tensors)
{
    for (int i = 0; i < n; i++) {
        if (!tp__usable(T, "loader", tensors[i]))
            return false;
        if (tensors[i]->ndim == 0 || tensors[i]->shape[0] != tensors[0]->shape[0]) {
            tp_fail(T, TP_ESHAPE, "loader: tensor 0 is %s, tensor %d is %s; as many rows are needed",
                    TP__SHAPE(tensors[0]), i, TP__SHAPE(tensors[i]));
            return false;
        }
    }
    return true;
}

tp_loader *tp_loader_new(tp_tape *T, int n, tp_tensor *const *tensors, const tp_loader_options *options)
{
    TP__NAMED(T, "loader_new");
    tp_loader_options o = options ? *options : (tp_loader_options){0};
    if (!tp__ok(T))
        return NULL;
    o.batch_size = o.batch_size ? o.batch_size : 1;
    if (n < 1 || tensors == NULL || o.batch_size < 1) {
        tp_fail(T, TP_EINVAL, "loader: %d tensors in batches of %lld; 1 tensor and 1 row or more are needed", n,
                (long long)o.batch_size);
        return NULL;
    }
    if (!rows_agree(T, n, tensors))
        return NULL;
    tp_loader *l = tp__calloc(1, sizeof *l);
    size_t bytes;
    bool ok = l != NULL;
    if (ok) {
        *l = (tp_loader){.o = o, .n = n, .rows = tensors[0]->shape[0]};
        l->at = l->rows;
        l->tensors = tp__calloc((size_t)n, sizeof *l->tensors);
        ok = tp__mul_size((size_t)l->rows + 1, sizeof *l->order, &bytes) && (l->order = tp__malloc(bytes)) != NULL &&
             l->tensors;
    }
    for (int i = 0; i < n && ok; i++) {
        l->tensors[i] = tp_keep(tp_contiguous(T, tensors[i]));
        ok = l->tensors[i] != NULL;
    }
    if (!ok) {
        tp_loader_free(l);
        tp_fail(T, TP_ENOMEM, "loader: no memory");
        return NULL;
    }
    return l;
}

int64_t tp_loader_length(const tp_loader *l)
{
    if (l == NULL)
        return 0;
    return l->rows / l->o.batch_size + (!l->o.drop_last && l->rows % l->o.batch_size != 0);
}

/* As PyTorch's loader shuffles: two draws from the tape's generator, the second of which seeds one for this
 * epoch's permutation alone (the first is for its worker processes). */
static void shuffle(tp_tape *T, int64_t *order, int64_t n)
{
    tp__rng g;
    tp__rng_u64(&T->rng);
    tp__rng_seed(&g, tp__rng_u64(&T->rng) & INT64_MAX);
    tp__rng_shuffle(&g, order, n);
}

tp_status tp_loader_start(tp_tape *T, tp_loader *l)
{
    if (l == NULL)
        return tp__missing(T, "loader_start", "the loader");
    if (!tp__ok(T))
        return tp_error_status(T);
    for (int64_t i = 0; i < l->rows; i++)
        l->order[i] = i;
    if (l->o.shuffle)
        shuffle(T, l->order, l->rows);
    l->at = 0;
    return TP_OK;
}

static tp_tensor *take_rows(tp_tape *T, const tp_tensor *from, const int64_t *rows, int64_t n)
{
    tp_dims shape = tp__dims_of(from);
    shape.dim[0] = n;
    tp_tensor *x = tp__tensor_make(T, from->dtype, shape);
    if (x == NULL || x->numel == 0)
        return x;
    size_t row = (size_t)(x->numel / n) * tp_dtype_size(x->dtype);
    for (int64_t i = 0; i < n; i++)
        memcpy((char *)x->data + (size_t)i * row, (const char *)from->data + (size_t)rows[i] * row, row);
    return x;
}

bool tp_loader_next(tp_tape *T, tp_loader *l, tp_tensor **batch)
{
    for (int i = 0; l && batch && i < l->n; i++)
        batch[i] = NULL;
    if (l == NULL || batch == NULL)
        tp__missing(T, "loader_next", l ? "the batch" : "the loader");
    if (!tp__ok(T) || l == NULL || batch == NULL)
        return false;
    int64_t n = l->rows - l->at < l->o.batch_size ? l->rows - l->at : l->o.batch_size;
    if (n == 0 || (l->o.drop_last && n < l->o.batch_size))
        return false;
    for (int i = 0; i < l->n; i++)
        if ((batch[i] = take_rows(T, l->tensors[i], l->order + l->at, n)) == NULL)
            return false;
    l->at += n;
    return true;
}

/* ---- state --------------------------------------------------------------------------------------------------------- */

tp_state_dict *tp_loader_state_dict(tp_tape *T, const tp_loader *l)
{
    TP__NAMED(T, "loader_state_dict");
    tp__state_list list = {0};
    if (l == NULL)
        tp__missing(T, "loader_state_dict", "the loader");
    if (!tp__ok(T) || l == NULL)
        return NULL;
    tp_tensor *at = tp__tensor_owned(TP_I64, (tp_dims){0});
    tp_tensor *order = tp__tensor_owned(TP_I64, (tp_dims){.ndim = 1, .dim = {l->rows}});
    if (at)
        *(int64_t *)at->data = l->at;
    for (int64_t i = 0; order && i < l->rows; i++) /* no order was made before the first epoch */
        ((int64_t *)order->data)[i] = l->at < l->rows ? l->order[i] : i;
    tp__state_add(&list, at, "at");
    tp__state_add(&list, order, "order");
    return tp__state_list_end(T, &list, "loader_state_dict");
}

/* Every row once. */
static bool is_order(const int64_t *order, int64_t n, bool *good)
{
    bool *seen = tp__calloc((size_t)n + 1, 1);
    if (seen == NULL)
        return false;
    *good = true;
    for (int64_t i = 0; i < n && *good; i++) {
        *good = order[i] >= 0 && order[i] < n && !seen[order[i]];
        if (*good)
            seen[order[i]] = true;
    }
    tp__free(seen);
    return true;
}

/* The tensor of a name, whole numbers; NULL where it is not there. */
static tp_tensor *whole(tp_tape *T, int n, const char *const *names, tp_tensor *const *tensors, const char *name)
{
    for (int i = 0; i < n; i++)
        if (names[i] && strcmp(names[i], name) == 0)
            return tp__usable(T, "loader_load_state_dict", tensors[i]) && tensors[i]->dtype == TP_I64 ? tensors[i]
                                                                                                      : NULL;
    return NULL;
}

tp_status tp__loader_load(tp_tape *T, const char *speaker, tp_loader *l, int n, const char *const *names,
                          tp_tensor *const *tensors, bool take)
{
    if (!tp__ok(T))
        return tp_error_status(T);
    if (n != 2 || names == NULL || tensors == NULL)
        return tp_fail(T, TP_EINVAL, "%s: %d tensors; \"at\" and \"order\" are needed", speaker,
                       names && tensors ? n : 0);
    const tp_tensor *at = whole(T, n, names, tensors, "at"), *order = whole(T, n, names, tensors, "order");
    if (at == NULL || order == NULL)
        return tp_error(T) ? T->status
                           : tp_fail(T, TP_EINVAL, "%s: %s is not there, or not int64; it is needed", speaker,
                                     at ? "order" : "at");
    if (order->ndim != 1 || order->numel != l->rows || at->numel != 1 || !tp__contiguous(order))
        return tp_fail(T, TP_ESHAPE, "%s: at is %s, order %s; [] and [%lld] are needed", speaker, TP__SHAPE(at),
                       TP__SHAPE(order), (long long)l->rows);
    int64_t row = *(const int64_t *)at->data;
    bool good = false;
    if (!is_order(order->data, l->rows, &good))
        return tp_fail(T, TP_ENOMEM, "%s: no memory", speaker);
    if (!good || row < 0 || row > l->rows)
        return tp_fail(T, TP_EINVAL, "%s: at is %lld, or order has a row twice; every row once is needed", speaker,
                       (long long)row);
    if (take) {
        memcpy(l->order, order->data, (size_t)l->rows * sizeof *l->order);
        l->at = row;
    }
    return TP_OK;
}

tp_status tp_loader_load_state_dict(tp_tape *T, tp_loader *l, int n, const char *const *names,
                                    tp_tensor *const *tensors)
{
    TP__NAMED(T, "loader_load_state_dict");
    if (l == NULL)
        return tp__missing(T, "loader_load_state_dict", "the loader");
    return tp__loader_load(T, "loader_load_state_dict", l, n, names, tensors, true);
}
