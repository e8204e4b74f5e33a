/* tensor.c - tensor headers: layout, and what a tensor tells of itself. */
#include "core/core.h"

#include <math.h>
#include <string.h>

void tp__tensor_init(tp_tensor *x, tp_dtype dtype, tp_dims shape, int64_t numel)
{
    memset(x, 0, offsetof(tp_tensor, shape));
    x->dtype = dtype;
    x->ndim = (uint8_t)shape.ndim;
    x->flags = TP__CONTIGUOUS;
    x->numel = numel;
    int64_t stride = 1;
    for (int d = shape.ndim - 1; d >= 0; d--) {
        x->shape[d] = shape.dim[d];
        x->stride[d] = stride;
        stride *= shape.dim[d] > 1 ? shape.dim[d] : 1;
    }
}

void tp__tensor_span(tp_tensor *x, tp_dtype dtype, int64_t n, void *data, tp__storage *s)
{
    tp__tensor_init(x, dtype, tp_shape(n), n);
    x->data = data;
    x->storage = s;
}

void tp__tensor_note_layout(tp_tensor *x)
{
    int64_t stride = 1;
    bool contiguous = true;
    for (int d = x->ndim - 1; d >= 0; d--) {
        contiguous &= x->shape[d] == 1 || x->stride[d] == stride;
        stride *= x->shape[d];
    }
    if (contiguous || x->numel == 0)
        x->flags |= TP__CONTIGUOUS;
    else
        x->flags &= (uint32_t)~TP__CONTIGUOUS;
}

tp_tensor *tp__tensor_owned_on(tp_dtype dtype, tp_dims shape, tp__storage *s, void *data)
{
    int64_t numel;
    tp_tensor *x = tp__dims_numel(shape, &numel) ? tp__malloc(sizeof *x) : NULL;
    if (x == NULL)
        return NULL;
    tp__tensor_init(x, dtype, shape, numel);
    x->flags |= TP__OWNED;
    atomic_init(&x->holds, 1);
    tp__storage_ref(s);
    x->storage = s;
    x->data = data;
    return x;
}

tp_tensor *tp__tensor_owned(tp_dtype dtype, tp_dims shape)
{
    int64_t numel;
    size_t bytes;
    if (!tp__dims_numel(shape, &numel) || !tp__mul_size((size_t)numel, tp_dtype_size(dtype), &bytes))
        return NULL;
    tp__storage *s = tp__storage_new(bytes);
    tp_tensor *x = s ? tp__tensor_owned_on(dtype, shape, s, s->data) : NULL;
    tp__storage_unref(s);
    return x;
}

/* ---- questions -------------------------------------------------------------------------------------- */

tp_dtype tp_dtype_of(const tp_tensor *x) { return x ? x->dtype : TP_F32; }
int tp_ndim(const tp_tensor *x) { return x ? x->ndim : 0; }
int64_t tp_numel(const tp_tensor *x) { return x ? x->numel : 0; }
bool tp_is_contiguous(const tp_tensor *x) { return x && tp__contiguous(x); }
void *tp_data(const tp_tensor *x)
{
    if (x == NULL)
        return NULL;
    tp__rows_forget(x->storage); /* who asks may write */
    return x->data;
}

tp_dims tp_shape_of(const tp_tensor *x) { return x ? tp__dims_of(x) : (tp_dims){.ndim = 0}; }

int64_t tp_size(const tp_tensor *x, int dim)
{
    int d = x && x->ndim ? tp__dim_wrap(x->ndim, dim) : -1;
    return d < 0 ? -1 : x->shape[d];
}

int64_t tp_stride(const tp_tensor *x, int dim)
{
    int d = x && x->ndim ? tp__dim_wrap(x->ndim, dim) : -1;
    return d < 0 ? -1 : x->stride[d];
}

int64_t tp_storage_offset(const tp_tensor *x)
{
    return x && x->storage && x->data
               ? ((const char *)x->data - (const char *)x->storage->data) / (int64_t)tp_dtype_size(x->dtype)
               : 0;
}

bool tp_is_same_size(const tp_tensor *a, const tp_tensor *b) { return a && b && tp__same_shape(a, b); }

double tp_item(const tp_tensor *x) { return x && x->numel == 1 && x->data ? tp__load(x->data, x->dtype) : NAN; }

double tp_item_at(const tp_tensor *x, int64_t position)
{
    if (x == NULL || x->data == NULL || position < 0 || position >= x->numel)
        return NAN;
    int64_t offset = tp__offset_at(x->ndim, x->shape, x->stride, position);
    return tp__load((const char *)x->data + offset * (int64_t)tp_dtype_size(x->dtype), x->dtype);
}
