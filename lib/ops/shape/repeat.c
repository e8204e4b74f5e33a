/* repeat.c - dimensions moved, shapes broadcast, tensors repeated: functions made of views. */
#include "ops/ops.h"

bool tp__has_dims(tp_tape *T, const char *name, const tp_tensor *x, int least)
{
    if (!tp__usable(T, name, x))
        return false;
    if (x->ndim < least)
        tp_fail(T, TP_ESHAPE, "%s: needs %d dimensions or more, not %d", name, least, x->ndim);
    return x->ndim >= least;
}

/* ---- dimensions ------------------------------------------------------------------------------------------------- */

tp_tensor *tp_movedim(tp_tape *T, tp_tensor *x, int n, const int *source, const int *destination)
{
    tp_dims order = {.ndim = 0};
    bool taken[TP_MAX_DIMS] = {false}, set[TP_MAX_DIMS] = {false};
    if (!tp__usable(T, "movedim", x) || !tp__listed(T, "movedim", "dimensions", n, 0, source) ||
        !tp__listed(T, "movedim", "dimensions", n, 0, destination))
        return NULL;
    order.ndim = x->ndim;
    for (int i = 0; i < n; i++) {
        int from = tp__dim_of(T, "movedim", x->ndim, source[i]), to = tp__dim_of(T, "movedim", x->ndim, destination[i]);
        if (from < 0 || to < 0)
            return NULL;
        if (taken[from] || set[to]) {
            tp_fail(T, TP_EINVAL, "movedim: a dimension is named twice");
            return NULL;
        }
        taken[from] = set[to] = true;
        order.dim[to] = from;
    }
    for (int d = 0, from = 0; d < x->ndim; d++) {
        if (set[d])
            continue;
        while (taken[from])
            from++;
        order.dim[d] = from++;
    }
    return tp_permute(T, x, order);
}

tp_tensor *tp_unflatten(tp_tape *T, tp_tensor *x, int dim, tp_dims sizes)
{
    TP__NAMED(T, "unflatten");
    if (!tp__has_dims(T, "unflatten", x, 1))
        return NULL;
    int at = tp__dim_of(T, "unflatten", x->ndim, dim);
    if (at < 0)
        return NULL;
    if (sizes.ndim < 1 || sizes.ndim > TP_MAX_DIMS + 1 - x->ndim) {
        tp_fail(T, TP_ESHAPE, "unflatten: one dimension of %d to %d; at most %d in all", x->ndim, sizes.ndim,
                TP_MAX_DIMS);
        return NULL;
    }
    tp_dims shape = {.ndim = x->ndim - 1 + sizes.ndim};
    int64_t known;
    int open = -1;
    for (int d = 0; d < sizes.ndim; d++)
        if (sizes.dim[d] == -1 && open < 0)
            sizes.dim[open = d] = 1;
    bool fits = tp__dims_numel(sizes, &known);
    if (fits && open >= 0 && known > 0) {
        sizes.dim[open] = x->shape[at] / known;
        known *= sizes.dim[open];
    }
    if (!fits || known != x->shape[at] || (open >= 0 && known == 0 && sizes.dim[open] != 0)) {
        tp_fail(T, TP_ESHAPE, "unflatten: sizes do not multiply to %lld", (long long)x->shape[at]);
        return NULL;
    }
    for (int d = 0; d < shape.ndim; d++)
        shape.dim[d] = d < at ? x->shape[d] : d < at + sizes.ndim ? sizes.dim[d - at] : x->shape[d - sizes.ndim + 1];
    return tp_view(T, x, shape);
}

tp_tensor *tp_atleast(tp_tape *T, tp_tensor *x, int n)
{
    if (!tp__usable(T, "atleast", x))
        return NULL;
    if (x->ndim == 0 && n >= 1)
        x = tp_unsqueeze(T, x, 0);
    if (x && x->ndim == 1 && n >= 2)
        x = tp_unsqueeze(T, x, 0);
    if (x && x->ndim == 2 && n >= 3)
        x = tp_unsqueeze(T, x, -1);
    return x;
}

bool tp_broadcast_shapes(int n, const tp_dims *shapes, tp_dims *out)
{
    tp_dims all = {.ndim = 0};
    int64_t numel;
    bool fit = n == 0 || (n > 0 && shapes);
    for (int i = 0; i < n && fit; i++)
        fit = tp__dims_numel(shapes[i], &numel) && tp__dims_broadcast(all, shapes[i], &all);
    if (out)
        *out = fit ? all : (tp_dims){.ndim = 0};
    return fit;
}

static tp_status broadcast_shape(tp_tape *T, int n, tp_tensor *const *x, tp_dims *shape)
{
    char a[200], b[200];
    for (int i = 0; i < n; i++) {
        if (!tp__usable(T, "broadcast_tensors", x[i]))
            return T->status;
        if (!tp__dims_broadcast(*shape, tp__dims_of(x[i]), shape))
            return tp_fail(T, TP_ESHAPE, "broadcast_tensors: %s and %s do not fit", tp__dims_text(*shape, a, sizeof a),
                           tp__dims_text(tp__dims_of(x[i]), b, sizeof b));
    }
    return TP_OK;
}

/* `out` may be `x`. On a tape that has failed nothing expands. */
tp_status tp_broadcast_tensors(tp_tape *T, int n, tp_tensor *const *x, tp_tensor **out)
{
    tp_dims shape = {.ndim = 0};
    if (!tp__listed(T, "broadcast_tensors", "tensors", n, 0, x) ||
        !tp__listed(T, "broadcast_tensors", "results", n, 0, out))
        return T ? T->status : TP_EINVAL;
    broadcast_shape(T, n, x, &shape);
    for (int i = 0; i < n; i++)
        out[i] = tp_expand(T, x[i], shape);
    return T->status;
}

/* ---- repeated ------------------------------------------------------------------------------------------ */

/* x repeated along one dimension: [n, size] as one of n size */
static tp_tensor *repeated(tp_tape *T, tp_tensor *x, int dim, int64_t times, bool each)
{
    tp_tensor *y = tp_unsqueeze(T, x, dim + each);
    if (y == NULL)
        return NULL;
    tp_dims shape = tp__dims_of(y);
    shape.dim[dim + each] = times;
    return tp_flatten(T, tp_expand(T, y, shape), dim, dim + 1);
}

tp_tensor *tp_repeat(tp_tape *T, tp_tensor *x, tp_dims times)
{
    TP__NAMED(T, "repeat");
    if (!tp__usable(T, "repeat", x))
        return NULL;
    bool bad = times.ndim < x->ndim || times.ndim > TP_MAX_DIMS;
    for (int d = 0; d < times.ndim && !bad; d++)
        bad = times.dim[d] < 0;
    if (bad) {
        tp_fail(T, TP_EINVAL, "repeat: %d counts, none negative, are needed for a %d-d tensor", x->ndim, x->ndim);
        return NULL;
    }
    tp_tensor *y = x;
    while (y && y->ndim < times.ndim)
        y = tp_unsqueeze(T, y, 0);
    for (int d = 0; d < times.ndim && y; d++)
        if (times.dim[d] != 1)
            y = repeated(T, y, d, times.dim[d], false);
    return y && y->storage == x->storage ? tp_clone(T, y) : y;
}

tp_tensor *tp_tile(tp_tape *T, tp_tensor *x, tp_dims times)
{
    TP__NAMED(T, "tile");
    if (!tp__usable(T, "tile", x))
        return NULL;
    if (times.ndim < 0 || times.ndim > TP_MAX_DIMS) {
        tp_fail(T, TP_EINVAL, "tile: %d counts; 0 to %d can be given", times.ndim, TP_MAX_DIMS);
        return NULL;
    }
    tp_dims padded = times;
    int lead = x->ndim - times.ndim;
    for (int d = 0; lead > 0 && d < x->ndim; d++)
        padded.dim[d] = d < lead ? 1 : times.dim[d - lead];
    padded.ndim = lead > 0 ? x->ndim : times.ndim;
    return tp_repeat(T, x, padded);
}

tp_tensor *tp_repeat_interleave(tp_tape *T, tp_tensor *x, int64_t times, int dim)
{
    TP__NAMED(T, "repeat_interleave");
    if (!tp__has_dims(T, "repeat_interleave", x, 1))
        return NULL;
    int d = tp__dim_of(T, "repeat_interleave", x->ndim, dim);
    if (d >= 0 && times < 0)
        tp_fail(T, TP_EINVAL, "repeat_interleave: %lld times", (long long)times);
    return d < 0 || times < 0 ? NULL : repeated(T, x, d, times, true);
}

tp_tensor *tp_repeat_interleave_tensor(tp_tape *T, tp_tensor *x, tp_tensor *times, int dim)
{
    TP__NAMED(T, "repeat_interleave_tensor");
    if (!tp__has_dims(T, "repeat_interleave", x, 1) || !tp__usable(T, "repeat_interleave", times))
        return NULL;
    int d = tp__dim_of(T, "repeat_interleave", x->ndim, dim);
    if (d < 0)
        return NULL;
    if (times->ndim > 1 || tp_dtype_is_float(times->dtype) || (times->numel != 1 && times->numel != x->shape[d])) {
        tp_fail(T, TP_EINVAL, "repeat_interleave: %lld counts of %s for %lld slices", (long long)times->numel,
                tp_dtype_name(times->dtype), (long long)x->shape[d]);
        return NULL;
    }
    tp_tensor *count = tp_expand(T, tp_to(T, tp_reshape(T, times, (tp_dims){1, {-1}}), TP_I64),
                                 (tp_dims){1, {x->shape[d]}});
    if ((count = tp_contiguous(T, count)) == NULL)
        return NULL;
    const int64_t *each = count->data;
    int64_t total = 0;
    for (int64_t i = 0; i < count->numel; i++) {
        if (each[i] < 0 || each[i] > INT64_MAX / 64 - total) {
            tp_fail(T, TP_EINVAL, "repeat_interleave: %lld times", (long long)each[i]);
            return NULL;
        }
        total += each[i];
    }
    tp_tensor *index = tp_empty(T, TP_I64, (tp_dims){1, {total}});
    for (int64_t i = 0, at = 0; index && i < count->numel; i++)
        for (int64_t j = 0; j < each[i]; j++)
            ((int64_t *)index->data)[at++] = i;
    return tp_index_select(T, x, d, index);
}

tp_tensor *tp_sum_to_size(tp_tape *T, tp_tensor *x, tp_dims shape)
{
    char a[200], b[200];
    int dims[TP_MAX_DIMS], n = 0;
    if (!tp__usable(T, "sum_to_size", x))
        return NULL;
    bool fits = shape.ndim >= 0 && shape.ndim <= x->ndim;
    int lead = fits ? x->ndim - shape.ndim : 0;
    for (int d = 0; d < x->ndim && fits; d++) {
        int64_t want = d < lead ? -1 : shape.dim[d - lead];
        fits = d < lead || want == x->shape[d] || want == 1;
        if (d < lead || (want == 1 && x->shape[d] != 1))
            dims[n++] = d;
    }
    if (!fits) {
        tp_fail(T, TP_ESHAPE, "sum_to_size: %s does not expand to %s", tp__dims_text(shape, a, sizeof a),
                tp__dims_text(tp__dims_of(x), b, sizeof b));
        return NULL;
    }
    if (shape.ndim == 0)
        return tp_sum(T, x);
    return n ? tp_reshape(T, tp_sum_dims(T, x, n, dims, true), shape) : x;
}
