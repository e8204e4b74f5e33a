/* loader.c - batches over the first dimension of tensors that belong together. */
#include "tape/tape.h"
#include "tapir/data.h"

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
