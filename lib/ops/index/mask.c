/* mask.c - elements chosen by a mask, by their flat positions, or for not being zero. */
#include "ops/index/index.h"

/* ---- by a mask --------------------------------------------------------------------------------------------------- */

/* uint8 counts as bool, as in torch. */
static tp_tensor *as_mask(tp_tape *T, const char *name, tp_tensor *mask)
{
    if (!tp__usable(T, name, mask))
        return NULL;
    if (mask->dtype == TP_BOOL || mask->dtype == TP_U8)
        return tp_to(T, mask, TP_BOOL);
    tp_fail(T, TP_EDTYPE, "%s: the mask is %s; bool or uint8 is needed", name, tp_dtype_name(mask->dtype));
    return NULL;
}

tp_tensor *tp_masked_fill_tensor(tp_tape *T, tp_tensor *x, tp_tensor *mask, tp_tensor *value)
{
    TP__NAMED(T, "masked_fill_tensor");
    if (!tp__usable(T, "masked_fill", x) || !tp__usable(T, "masked_fill", value))
        return NULL;
    if (value->ndim > 0) {
        tp_fail(T, TP_ESHAPE, "masked_fill: the value is %s; a 0-d tensor is needed", TP__SHAPE(value));
        return NULL;
    }
    return tp_where(T, as_mask(T, "masked_fill", mask), tp__value_as(T, "masked_fill", value, x->dtype), x);
}

tp_tensor *tp_masked_fill(tp_tape *T, tp_tensor *x, tp_tensor *mask, double value)
{
    TP__NAMED(T, "masked_fill");
    if (!tp__usable(T, "masked_fill", x) || !tp__fits(T, "masked_fill", "value", x->dtype, value))
        return NULL;
    return tp_masked_fill_tensor(T, x, mask, tp__number(T, x, value));
}

tp_tensor *tp_fill(tp_tape *T, tp_tensor *x, tp_tensor *value)
{
    TP__NAMED(T, "fill");
    return tp__usable(T, "fill", x)
               ? tp_masked_fill_tensor(T, x, tp_expand(T, tp_full(T, TP_BOOL, TP_SCALAR, 1), tp__dims_of(x)), value)
               : NULL;
}

tp_tensor *tp_zero(tp_tape *T, tp_tensor *x)
{
    return tp__usable(T, "zero", x) ? tp_fill(T, x, tp_scalar(T, x->dtype, 0)) : NULL;
}

/* The diagonal in flat positions: a step in every dimension at once. Wrapped, it starts again below the last column. */
tp_tensor *tp_fill_diagonal(tp_tape *T, tp_tensor *x, double value, bool wrap)
{
    if (!tp__has_dims(T, "fill_diagonal", x, 2))
        return NULL;
    if (!tp__fits(T, "fill_diagonal", "value", x->dtype, value))
        return NULL;
    int64_t step = 0, stride = 1, least = INT64_MAX;
    for (int d = x->ndim - 1; d >= 0; d--) {
        if (x->ndim > 2 && x->shape[d] != x->shape[0]) {
            tp_fail(T, TP_ESHAPE, "fill_diagonal: x is %s; of more than 2 dimensions all of one size are needed",
                    TP__SHAPE(x));
            return NULL;
        }
        step += stride;
        stride *= x->shape[d];
        least = x->shape[d] < least ? x->shape[d] : least;
    }
    int64_t end = wrap && x->ndim == 2 ? x->numel : least * step;
    tp_tensor *at = tp_arange(T, TP_I64, 0, (double)(end < x->numel ? end : x->numel), (double)step);
    tp_tensor *y = tp_index_fill(T, tp__flat(T, x), 0, at, tp_scalar(T, x->dtype, value));
    return tp_reshape(T, y, tp__dims_of(x));
}

/* How many are true. */
static int64_t how_many(const tp_tensor *truth)
{
    const uint8_t *at = truth->data;
    int64_t n = 0;
    for (int64_t i = 0; i < truth->numel; i++)
        n += at[i] != 0;
    return n;
}

/* The flat positions (TP_I64) of what is not zero. */
static tp_tensor *flat_nonzero(tp_tape *T, tp_tensor *x)
{
    tp_tensor *truth = tp_contiguous(T, tp_to(T, x, TP_BOOL));
    if (truth == NULL)
        return NULL;
    const uint8_t *at = truth->data;
    int64_t n = how_many(truth);
    tp_tensor *places = tp_empty(T, TP_I64, (tp_dims){1, {n}});
    int64_t *p = places ? places->data : NULL;
    for (int64_t i = 0, k = 0; p && k < n; i++) { /* written ahead, kept where it is true: no branch to guess */
        p[k] = i;
        k += at[i] != 0;
    }
    return places;
}

tp_tensor *tp__flat(tp_tape *T, tp_tensor *x) { return x ? tp_reshape(T, x, (tp_dims){1, {x->numel}}) : NULL; }

/* The n positions of what is true, in the dimensions: row by row, the last coordinate of each before those that the row
 * has in common. */
static void coordinates(const tp_tensor *truth, int64_t n, int64_t *out)
{
    const uint8_t *at = truth->data;
    int64_t place[TP_MAX_DIMS] = {0}, ndim = truth->ndim, row = truth->shape[ndim - 1];
    for (int64_t k = 0, begin = 0; k < n; begin = k, at += row) {
        for (int64_t i = 0; i < row && k < n; i++) { /* written ahead, kept where it is true */
            out[k * ndim + ndim - 1] = i;
            k += at[i] != 0;
        }
        for (int64_t d = 0; d < ndim - 1; d++)
            for (int64_t j = begin; j < k; j++)
                out[j * ndim + d] = place[d];
        for (int64_t d = ndim - 2; d >= 0 && ++place[d] == truth->shape[d]; d--)
            place[d] = 0;
    }
}

tp_tensor *tp_nonzero(tp_tape *T, tp_tensor *x)
{
    if (!tp__usable(T, "nonzero", x))
        return NULL;
    tp_tensor *truth = tp_contiguous(T, tp_to(T, tp_detach(T, x), TP_BOOL));
    int64_t n = truth ? how_many(truth) : 0;
    tp_tensor *y = truth ? tp_empty(T, TP_I64, (tp_dims){2, {n, x->ndim}}) : NULL;
    if (y && x->ndim > 0)
        coordinates(truth, n, y->data);
    return y;
}

int tp_nonzero_tuple(tp_tape *T, tp_tensor *x, int max, tp_tensor **out)
{
    TP__NAMED(T, "nonzero_tuple");
    return tp_unbind(T, tp_nonzero(T, tp_atleast(T, x, 1)), 1, max, out);
}

tp_tensor *tp_masked_select(tp_tape *T, tp_tensor *x, tp_tensor *mask)
{
    TP__NAMED(T, "masked_select");
    tp_tensor *both[2] = {x, NULL}, *wide[2];
    if ((both[1] = as_mask(T, "masked_select", mask)) == NULL || tp_broadcast_tensors(T, 2, both, wide) != TP_OK)
        return NULL;
    return tp_index_select(T, tp__flat(T, wide[0]), 0, flat_nonzero(T, wide[1]));
}

tp_tensor *tp_masked_scatter(tp_tape *T, tp_tensor *x, tp_tensor *mask, tp_tensor *source)
{
    TP__NAMED(T, "masked_scatter");
    mask = as_mask(T, "masked_scatter", mask);
    if (mask == NULL || !tp__usable(T, "masked_scatter", x) || !tp__usable(T, "masked_scatter", source))
        return NULL;
    tp_tensor *both[2] = {x, mask}, *wide[2];
    if (x->dtype != source->dtype) {
        tp_fail(T, TP_EDTYPE, "masked_scatter: the source is %s, x is %s; one dtype is needed",
                tp_dtype_name(source->dtype), tp_dtype_name(x->dtype));
        return NULL;
    }
    if (tp_broadcast_tensors(T, 2, both, wide) != TP_OK)
        return NULL;
    tp_tensor *places = flat_nonzero(T, wide[1]);
    if (places == NULL)
        return NULL;
    if (places->numel > source->numel) {
        tp_fail(T, TP_ESHAPE, "masked_scatter: %lld values for %lld places; as many or more are needed",
                (long long)source->numel, (long long)places->numel);
        return NULL;
    }
    tp_tensor *values = tp_narrow(T, tp__flat(T, source), 0, 0, places->numel);
    return tp_reshape(T, tp_index_copy(T, tp__flat(T, wide[0]), 0, places, values), tp__dims_of(wide[0]));
}

/* ---- by flat positions --------------------------------------------------------------------------------------------- */

/* Positions from the end count from size on; those out of range fail. */
tp_tensor *tp__positions_in(tp_tape *T, const char *name, tp_tensor *index, int64_t size)
{
    if (!tp__usable(T, name, index))
        return NULL;
    if (tp_dtype_is_float(index->dtype) || index->dtype == TP_BOOL) {
        tp_fail(T, TP_EDTYPE, "%s: the index is %s; int64, int32 or uint8 is needed", name,
                tp_dtype_name(index->dtype));
        return NULL;
    }
    tp_tensor *y = tp_to(T, index, TP_I64);
    if (y && tp_is_contiguous(y) && tp__out_of_range(y->numel, 0, size, y->data) < 0)
        return y;
    y = tp_clone(T, y);
    for (int64_t i = 0; y && i < y->numel; i++) {
        int64_t *at = (int64_t *)y->data + i;
        if (*at < -size || *at >= size) {
            tp_fail(T, TP_EINDEX, "%s: index %lld; %lld to %lld is needed", name, (long long)*at, (long long)-size,
                    (long long)size - 1);
            return NULL;
        }
        *at += *at < 0 ? size : 0;
    }
    return y;
}

tp_tensor *tp_take(tp_tape *T, tp_tensor *x, tp_tensor *index)
{
    if (!tp__usable(T, "take", x) || (index = tp__positions_in(T, "take", index, x->numel)) == NULL)
        return NULL;
    return tp_reshape(T, tp_index_select(T, tp__flat(T, x), 0, tp__flat(T, index)), tp__dims_of(index));
}

tp_tensor *tp_put(tp_tape *T, tp_tensor *x, tp_tensor *index, tp_tensor *src, bool accumulate)
{
    if (!tp__usable(T, "put", x) || !tp__usable(T, "put", src) ||
        (index = tp__positions_in(T, "put", index, x->numel)) == NULL)
        return NULL;
    if (index->numel != src->numel || src->dtype != x->dtype) {
        tp_fail(T, TP_ESHAPE, "put: %lld values of %s for %lld places in %s; as many of one dtype are needed",
                (long long)src->numel, tp_dtype_name(src->dtype), (long long)index->numel, tp_dtype_name(x->dtype));
        return NULL;
    }
    tp_tensor *at = tp__flat(T, index), *values = tp__flat(T, src), *flat = tp__flat(T, x);
    tp_tensor *y = accumulate ? tp_index_add(T, flat, 0, at, values) : tp_index_copy(T, flat, 0, at, values);
    return tp_reshape(T, y, tp__dims_of(x));
}

tp_tensor *tp_take_along_dim(tp_tape *T, tp_tensor *x, tp_tensor *index, int dim)
{
    TP__NAMED(T, "take_along_dim");
    if (!tp__usable(T, "take_along_dim", x) || !tp__usable(T, "take_along_dim", index))
        return NULL;
    int d = tp__dim_of(T, "take_along_dim", x->ndim, dim);
    if (d < 0)
        return NULL;
    tp_dims wide = tp__dims_of(x), narrow = tp__dims_of(index), common;
    if (x->ndim == index->ndim && x->ndim > 0)
        wide.dim[d] = narrow.dim[d] = 1;
    if (x->ndim == 0 || x->ndim != index->ndim || !tp__dims_broadcast(wide, narrow, &common)) {
        tp_fail(T, TP_ESHAPE,
                "take_along_dim: x is %s, the index is %s; shapes that broadcast but for dimension %d are needed",
                TP__SHAPE(x), TP__SHAPE(index), d);
        return NULL;
    }
    wide = narrow = common;
    wide.dim[d] = x->shape[d];
    narrow.dim[d] = index->shape[d];
    return tp_gather(T, tp_expand(T, x, wide), d, tp_contiguous(T, tp_expand(T, index, narrow)));
}
