/* slab.c - the blocks in which a set's parameters, and their gradients, lie.
 *
 * One layout for values, gradients and sinks: float32 parameters in the set's order, then, from a multiple of 8 bytes on,
 * float64 parameters in the set's order, each dtype without gaps. */
#include "tape/params.h"
#include "tape/tape.h"

#include <string.h>

static size_t start_of(const tp_params *p, tp_dtype dtype)
{
    return dtype == TP_F64 ? ((size_t)p->count_of[tp__slot_of(TP_F32)] * sizeof(float) + 7) & ~(size_t)7 : 0;
}

size_t tp__slab_offset(const tp_params *p, int i)
{
    tp_dtype dtype = p->at[i]->dtype;
    return start_of(p, dtype) + (size_t)p->offset[i] * tp_dtype_size(dtype);
}

size_t tp_params_bytes(const tp_params *p)
{
    return p ? start_of(p, TP_F64) + (size_t)p->count_of[tp__slot_of(TP_F64)] * sizeof(double) : 0;
}

size_t tp_params_offset(const tp_params *p, int i) { return tp_params_at(p, i) ? tp__slab_offset(p, i) : SIZE_MAX; }

int64_t tp_params_count_of(const tp_params *p, tp_dtype dtype, size_t *offset)
{
    bool is_float = p && tp_dtype_is_float(dtype);
    if (offset)
        *offset = is_float ? start_of(p, dtype) : 0;
    return is_float ? p->count_of[tp__slot_of(dtype)] : 0;
}

void *tp_params_data(const tp_params *p)
{
    char *all = NULL;
    for (int i = 0; p && i < p->n; i++) {
        const tp_tensor *x = p->at[i];
        if (x == NULL || !tp__contiguous(x))
            return NULL;
        if (x->numel == 0)
            continue;
        if (all == NULL)
            all = (char *)x->data - tp__slab_offset(p, i);
        if ((char *)x->data != all + tp__slab_offset(p, i))
            return NULL;
    }
    return all;
}

/* What a parameter gets in the slabs, before anything is changed. */
typedef struct {
    tp__storage *value;
    tp_tensor *grad;
} place;

static bool make_place(place *at, const tp_tensor *x, tp__storage *values, tp__storage *grads, size_t start)
{
    size_t bytes = (size_t)x->numel * tp_dtype_size(x->dtype);
    tp__storage *g = tp__storage_segment(grads, start, bytes);
    at->value = tp__storage_segment(values, start, bytes);
    at->grad = g ? tp__tensor_owned_on(x->dtype, tp__dims_of(x), g, g->data) : NULL;
    tp__storage_unref(g);
    if (at->grad)
        at->grad->flags |= TP__GRADIENT | TP__BELONGS;
    return at->value && at->grad;
}

static void move_in(tp_tensor *x, place *at)
{
    tp_dims shape = tp__dims_of(x);
    tp__operand from = {.data = x->data, .dtype = x->dtype};
    memcpy(from.stride, x->stride, sizeof from.stride);
    tp__copy(shape, at->value->data, from.dtype, &from);
    if ((x->flags & TP__HAS_GRAD) && tp__contiguous(x->grad))
        memcpy(at->grad->data, x->grad->data, (size_t)x->numel * tp_dtype_size(from.dtype));
    at->value->version = x->storage->version;
    tp__storage_unref(x->storage);
    tp__tensor_drop(x->grad);
    int64_t stride = 1;
    for (int d = shape.ndim - 1; d >= 0; d--) {
        x->stride[d] = stride;
        stride *= shape.dim[d] > 1 ? shape.dim[d] : 1;
    }
    tp__tensor_note_layout(x);
    x->storage = at->value;
    x->data = at->value->data;
    x->grad = at->grad;
    *at = (place){NULL, NULL};
}

tp_params *tp__params_slab(int n, tp_tensor *const *tensors)
{
    tp_params *p = tp__params_new(n, tensors);
    place *places = tp__calloc((size_t)n + 1, sizeof *places);
    size_t bytes = tp_params_bytes(p);
    tp__storage *values = bytes ? tp__storage_new(bytes) : NULL, *grads = bytes ? tp__storage_new(bytes) : NULL;
    bool ok = p && places && (bytes == 0 || (values && grads));
    for (int i = 0; i < n && ok; i++)
        if (tensors[i]->numel > 0)
            ok = make_place(&places[i], tensors[i], values, grads, tp__slab_offset(p, i));
    for (int i = 0; i < n && places; i++) {
        if (ok && places[i].value)
            move_in(tensors[i], &places[i]);
        tp__storage_unref(places[i].value);
        tp__tensor_drop(places[i].grad);
    }
    tp__storage_unref(values);
    tp__storage_unref(grads);
    tp__free(places);
    if (!ok) {
        tp_params_free(p);
        return NULL;
    }
    return p;
}
