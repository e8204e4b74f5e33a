/* index_string.c - Python's index notation: x[:, 0:1] as tp_index(T, x, ":, 0:1"), and with tensors in it. */
#include "ops/index/index.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- Python's notation --------------------------------------------------------------------------------------------- */

/* One entry: a number, a slice, None, an ellipsis, or @ for a tensor. */
typedef struct {
    enum { AT, SLICE, NONE, ELLIPSIS, TENSOR } kind;
    int64_t at, start, stop, step;
} entry;

static const char *skip_space(const char *p)
{
    while (tp__is_space(*p))
        p++;
    return p;
}

/* A number at *p, if there is one. */
static bool read_number(const char **p, int64_t *value, bool *there)
{
    char *end;
    const char *from = skip_space(*p);
    *there = *from == '-' || *from == '+' || tp__is_digit(*from);
    if (!*there)
        return true;
    errno = 0;
    long long v = strtoll(from, &end, 10);
    if (errno || end == from)
        return false;
    *value = v;
    *p = skip_space(end);
    return true;
}

/* Reads one entry; NULL where it is none. */
static const char *read_entry(const char *p, entry *e)
{
    bool there;
    *e = (entry){.kind = SLICE, .start = 0, .stop = INT64_MAX, .step = 1};
    p = skip_space(p);
    if (strncmp(p, "...", 3) == 0) {
        e->kind = ELLIPSIS;
        return skip_space(p + 3);
    }
    if (strncmp(p, "None", 4) == 0) {
        e->kind = NONE;
        return skip_space(p + 4);
    }
    if (*p == '@') {
        e->kind = TENSOR;
        return skip_space(p + 1);
    }
    if (!read_number(&p, &e->start, &there))
        return NULL;
    p = skip_space(p);
    if (*p != ':') {
        e->kind = AT;
        e->at = e->start;
        return there ? p : NULL;
    }
    p = skip_space(p + 1);
    if (!read_number(&p, &e->stop, &there))
        return NULL;
    p = skip_space(p);
    if (*p == ':') {
        p++;
        if (!read_number(&p, &e->step, &there))
            return NULL;
    }
    return skip_space(p);
}

enum { MAX_ENTRIES = 4 * TP_MAX_DIMS };

/* The entries of a whole index; their number, or -1. */
static int read_index(const char *text, entry *list)
{
    int n = 0;
    const char *p = skip_space(text);
    while (*p) {
        if (n == MAX_ENTRIES || (p = read_entry(p, &list[n++])) == NULL)
            return -1;
        if (*p == ',')
            p = skip_space(p + 1);
        else if (*p)
            return -1;
    }
    return n;
}

/* ---- the part without tensors: a view -------------------------------------------------------------------------- */

/* The dimensions of the view that tensors index, each with its positions (TP_I64); a mask of m dimensions counts for m. */
typedef struct {
    int n, dim[TP_MAX_DIMS];
    tp_tensor *at[TP_MAX_DIMS];
} tensor_index;

/* The tensors, fit for an index: uint8 counts as bool, as in torch. */
static bool ready(tp_tape *T, const char *index, int n, tp_tensor *const *tensors, tp_tensor **out)
{
    if (n < 0 || n > TP_MAX_DIMS) {
        tp_fail(T, TP_EINVAL, "index: %d tensors for \"%.80s\"; 0 to %d are needed", n, index ? index : "(null)",
                TP_MAX_DIMS);
        return false;
    }
    if (!tp__listed(T, "index", "tensors", n, 0, tensors))
        return false;
    for (int i = 0; i < n; i++) {
        if (!tp__usable(T, "index", tensors[i]))
            return false;
        out[i] = tp_detach(T, tensors[i]);
        if (tensors[i]->dtype == TP_U8)
            out[i] = tp_to(T, out[i], TP_BOOL);
        if (out[i] == NULL)
            return false;
    }
    return true;
}

/* How many dimensions a tensor takes. */
static int span_of(const tp_tensor *t) { return t->dtype == TP_BOOL ? t->ndim : 1; }

/* Is it a number, which selects? */
static bool is_number(const tp_tensor *t) { return t->ndim == 0 && (t->dtype == TP_I64 || t->dtype == TP_I32); }

/* Notes what tensor t asks of the dimensions of x from d on. */
static bool add_tensor(tp_tape *T, const tp_tensor *x, tp_tensor *t, int d, tensor_index *list)
{
    bool mask = t->dtype == TP_BOOL, fits = true;
    if (mask && t->ndim == 0) /* of a dimension of its own */
        t = tp_unsqueeze(T, t, 0);
    if (t == NULL)
        return false;
    int span = span_of(t);
    for (int k = 0; k < span && mask; k++)
        fits = fits && t->shape[k] == x->shape[d + k];
    if (!fits) {
        tp_fail(T, TP_EINDEX, "index: a mask of %s at dimension %d of %s; the sizes that are there are needed",
                TP__SHAPE(t), d, TP__SHAPE(x));
        return false;
    }
    tp_tensor *places = mask ? tp_nonzero(T, t) : NULL;
    for (int k = 0; k < span; k++, d++) {
        tp_tensor *at = mask ? tp_select(T, places, 1, k) : tp__positions_in(T, "index", t, x->shape[d]);
        if (at == NULL)
            return false;
        list->dim[list->n] = d;
        list->at[list->n++] = at;
    }
    return true;
}

/* The entries of an index of x, checked; their number, or -1 after a failure. */
static int entries_for(tp_tape *T, const tp_tensor *x, const char *index, int n_tensors, tp_tensor *const *tensors,
                       entry *list, int *taken)
{
    int n = index ? read_index(index, list) : -1, ellipses = 0, seen = 0;
    *taken = 0;
    for (int i = 0; i < n; i++) {
        ellipses += list[i].kind == ELLIPSIS;
        if (list[i].kind == TENSOR)
            *taken += seen++ < n_tensors ? span_of(tensors[seen - 1]) : 1;
        else
            *taken += list[i].kind == AT || list[i].kind == SLICE;
    }
    if (n < 0 || ellipses > 1)
        tp_fail(T, TP_EINVAL, "index: \"%.80s\" is no index; like \"0, 1:3, ..., None, @\" it is needed",
                index ? index : "(null)");
    else if (seen != n_tensors)
        tp_fail(T, TP_EINVAL, "index: \"%.80s\" has %d places for tensors (@), and there are %d; as many are needed",
                index, seen, n_tensors);
    else if (*taken > x->ndim)
        tp_fail(T, TP_EINDEX, "index: %d indices for %s; at most %d", *taken, TP__SHAPE(x), x->ndim);
    return tp__ok(T) ? n : -1;
}

/* x by all entries that are no tensors; what the tensors ask of the result goes into `wanted`. */
static tp_tensor *view_of(tp_tape *T, tp_tensor *x, const char *index, int n_tensors, tp_tensor *const *tensors,
                          tensor_index *wanted)
{
    entry list[MAX_ENTRIES];
    int where[TP_MAX_DIMS], taken, d = 0, seen = 0;
    int n = entries_for(T, x, index, n_tensors, tensors, list, &taken), skipped = x->ndim - taken;
    for (int i = 0; i < n && x; i++)
        switch (list[i].kind) {
        case AT:
            x = tp_select(T, x, d, list[i].at);
            break;
        case SLICE:
            if (list[i].start != 0 || list[i].stop != INT64_MAX || list[i].step != 1)
                x = tp_slice(T, x, d, list[i].start, list[i].stop, list[i].step);
            d++;
            break;
        case NONE:
            x = tp_unsqueeze(T, x, d++);
            break;
        case ELLIPSIS:
            d += skipped;
            break;
        case TENSOR:
            where[seen] = d;
            if (is_number(tensors[seen]))
                x = tp_select(T, x, d, tp__load_i64(tensors[seen]->data, tensors[seen]->dtype));
            else if (span_of(tensors[seen]) == 0)
                x = tp_unsqueeze(T, x, d++);
            else
                d += span_of(tensors[seen]);
            seen++;
            break;
        }
    wanted->n = 0;
    for (int i = 0; i < seen && n >= 0 && x; i++)
        if (!is_number(tensors[i]) && !add_tensor(T, x, tensors[i], where[i], wanted))
            return NULL;
    return n < 0 ? NULL : x;
}

tp_tensor *tp_index(tp_tape *T, tp_tensor *x, const char *index)
{
    TP__NAMED(T, "index");
    tensor_index none;
    return tp__usable(T, "index", x) ? view_of(T, x, index, 0, NULL, &none) : NULL;
}

/* ---- the tensors --------------------------------------------------------------------------------------------------- */

/* Where the indexed dimensions are neighbours their common shape takes their place, otherwise it comes first (NumPy's
 * rule). */
static bool neighbours(const tensor_index *list)
{
    for (int k = 1; k < list->n; k++)
        if (list->dim[k] != list->dim[k - 1] + 1)
            return false;
    return true;
}

/* The shape of what the index gives of x, with the common shape from dimension *first on. */
static bool shape_of_result(tp_tape *T, const tp_tensor *x, const tensor_index *list, tp_dims common, int *first,
                            tp_dims *shape)
{
    int rank = common.ndim + x->ndim - list->n;
    *first = neighbours(list) ? list->dim[0] : 0;
    *shape = (tp_dims){.ndim = rank};
    if (rank > TP_MAX_DIMS) {
        tp_fail(T, TP_EINDEX, "index: the result has %d dimensions; at most %d", rank, TP_MAX_DIMS);
        return false;
    }
    for (int d = 0, k = 0, to = *first == 0 ? common.ndim : 0; d < x->ndim; d++) {
        if (k < list->n && d == list->dim[k]) {
            k++;
            continue;
        }
        if (to == *first && *first > 0)
            to += common.ndim;
        shape->dim[to++] = x->shape[d];
    }
    for (int d = 0; d < common.ndim; d++)
        shape->dim[*first + d] = common.dim[d];
    return true;
}

/* The tensors as one index into their dimensions taken as one; NULL where they do not fit each other. */
static tp_tensor *linear_of(tp_tape *T, const tp_tensor *x, const tensor_index *list)
{
    tp_tensor *at[TP_MAX_DIMS], *linear = NULL;
    if (tp_broadcast_tensors(T, list->n, list->at, at) != TP_OK)
        return NULL;
    for (int k = 0; k < list->n; k++)
        linear = linear ? tp_add(T, tp_mul_scalar(T, linear, (double)x->shape[list->dim[k]]), at[k]) : at[k];
    return linear;
}

/* The indexed dimensions first, then the others. */
static tp_dims order_for(const tp_tensor *x, const tensor_index *list)
{
    tp_dims order = {.ndim = x->ndim};
    int k = 0, rest = list->n;
    for (int d = 0; d < x->ndim; d++)
        if (k < list->n && d == list->dim[k])
            order.dim[k++] = d;
        else
            order.dim[rest++] = d;
    return order;
}

/* x with the indexed dimensions as one, picked from by one index. */
static tp_tensor *pick(tp_tape *T, tp_tensor *x, const tensor_index *list)
{
    tp_tensor *linear = linear_of(T, x, list);
    tp_dims shape;
    int first;
    if (linear == NULL || !shape_of_result(T, x, list, tp__dims_of(linear), &first, &shape))
        return NULL;
    if (!neighbours(list))
        x = tp_permute(T, x, order_for(x, list));
    x = tp_index_select(T, tp_flatten(T, x, first, first + list->n - 1), first, tp__flat(T, linear));
    return tp_reshape(T, x, shape);
}

tp_tensor *tp_index_with(tp_tape *T, tp_tensor *x, const char *index, int n, tp_tensor *const *tensors)
{
    TP__NAMED(T, "index_with");
    tp_tensor *fit[TP_MAX_DIMS];
    tensor_index list;
    if (!tp__usable(T, "index", x) || !ready(T, index, n, tensors, fit))
        return NULL;
    tp_tensor *v = view_of(T, x, index, n, fit, &list);
    return v && list.n > 0 ? pick(T, v, &list) : v;
}

/* Adds stride * places to the sum (NULL: nothing yet), the dimensions of `places` being those of the result from `at`. */
static tp_tensor *stepped(tp_tape *T, tp_tensor *sum, tp_tensor *places, int64_t stride, int at, int rank)
{
    tp_dims shape = {.ndim = rank};
    if (places == NULL)
        return NULL;
    for (int d = 0; d < rank; d++)
        shape.dim[d] = d >= at && d < at + places->ndim ? places->shape[d - at] : 1;
    return tp_add(T, sum, tp_mul_scalar(T, tp_reshape(T, places, shape), (double)stride));
}

/* The flat positions in x of what the index means, in the shape of its result: those of a view v of x, taken as
 * row-major, follow from its strides. */
static tp_tensor *positions(tp_tape *T, tp_tensor *x, const char *index, int n, tp_tensor *const *tensors)
{
    tensor_index list;
    tp_tensor *base = tp_contiguous(T, tp_detach(T, x)), *v = base ? view_of(T, base, index, n, tensors, &list) : NULL;
    tp_dims common = {.ndim = 0}, shape;
    int first = 0, k = 0;
    if (v == NULL)
        return NULL;
    for (int i = 0; i < list.n; i++)
        if (!tp__dims_broadcast(common, tp__dims_of(list.at[i]), &common)) {
            tp_fail(T, TP_ESHAPE, "index: index tensor %d is %s beside %s; shapes that broadcast are needed", i,
                    TP__SHAPE(list.at[i]), TP__DIMS(common));
            return NULL;
        }
    shape = tp__dims_of(v);
    if (list.n && !shape_of_result(T, v, &list, common, &first, &shape))
        return NULL;
    int64_t offset = ((const char *)v->data - (const char *)base->data) / (int64_t)tp_dtype_size(x->dtype);
    tp_tensor *sum = tp_full(T, TP_I64, TP_SCALAR, (double)offset);
    for (int d = 0, to = first == 0 ? common.ndim : 0; d < v->ndim; d++) {
        if (k < list.n && d == list.dim[k]) {
            sum = stepped(T, sum, list.at[k], v->stride[d], first + common.ndim - list.at[k]->ndim, shape.ndim);
            k++;
            continue;
        }
        if (first > 0 && to == first)
            to += common.ndim;
        tp_tensor *all = tp_arange(T, TP_I64, 0, (double)v->shape[d], 1);
        sum = stepped(T, sum, all, v->stride[d], to++, shape.ndim);
    }
    return sum;
}

/* The values as assignment takes them: leading ones are dropped, the rest is broadcast. */
static tp_tensor *values_for(tp_tape *T, tp_tensor *values, tp_dims shape)
{
    tp_dims wide;
    while (values && values->ndim > shape.ndim && values->shape[0] == 1)
        values = tp_squeeze_dim(T, values, 0);
    if (values == NULL)
        return NULL;
    if (!tp__dims_broadcast(shape, tp__dims_of(values), &wide) || !tp__dims_equal(shape, wide)) {
        tp_fail(T, TP_ESHAPE, "index_put: the values are %s; %s, or what broadcasts to it, is needed",
                TP__SHAPE(values), TP__DIMS(shape));
        return NULL;
    }
    return tp_expand(T, values, shape);
}

/* Is the view all of x as it lies? */
static bool is_whole(const tp_tensor *v, const tp_tensor *x)
{
    bool same = v->data == x->data && tp__same_shape(v, x);
    for (int d = 0; d < x->ndim && same; d++)
        same = v->stride[d] == x->stride[d];
    return same;
}

static tp_tensor *place(tp_tape *T, tp_tensor *x, int dim, tp_tensor *at, tp_tensor *values, bool accumulate)
{
    return accumulate ? tp_index_add(T, x, dim, at, values) : tp_index_copy(T, x, dim, at, values);
}

/* The shape that values have of which each slice gets the same; false where they differ from slice to slice. */
static bool same_each(const tp_tensor *values, tp_dims shape, int first, int n, tp_dims *slice)
{
    tp_dims wide;
    *slice = shape;
    for (int d = first; d < first + n; d++)
        slice->dim[d] = 1;
    return tp__dims_broadcast(*slice, tp__dims_of(values), &wide) && tp__dims_equal(*slice, wide);
}

/* Neighbouring dimensions of x, the others whole: slice by slice. */
static tp_tensor *put_slices(tp_tape *T, tp_tensor *x, const tensor_index *list, tp_tensor *values, bool accumulate)
{
    tp_tensor *linear = linear_of(T, x, list);
    tp_dims shape, slice;
    int first;
    if (linear == NULL || !shape_of_result(T, x, list, tp__dims_of(linear), &first, &shape))
        return NULL;
    bool same = same_each(values, shape, first, linear->ndim, &slice);
    tp_tensor *joined = tp_flatten(T, x, first, first + list->n - 1);
    if ((values = values_for(T, values, same ? slice : shape)) == NULL || joined == NULL)
        return NULL;
    tp_dims slices = tp__dims_of(joined);
    slices.dim[first] = same ? 1 : linear->numel;
    values = tp_reshape(T, tp_to(T, values, x->dtype), slices);
    tp_tensor *at = tp__flat(T, linear);
    tp_tensor *y = same ? tp__put_same(T, joined, first, at, values, accumulate)
                        : place(T, joined, first, at, values, accumulate);
    return tp_reshape(T, y, tp__dims_of(x));
}

/* May the values be put there? `fit` is then the tensors as an index takes them. */
static bool may_put(tp_tape *T, tp_tensor *x, const char *index, int n, tp_tensor *const *tensors, tp_tensor *values,
                    bool accumulate, tp_tensor **fit)
{
    if (!tp__usable(T, "index_put", x) || !tp__usable(T, "index_put", values) || !ready(T, index, n, tensors, fit))
        return false;
    if (values->dtype != x->dtype && (accumulate || (n > 0 && values->ndim > 0))) {
        tp_fail(T, TP_EDTYPE, "index_put: the values are %s, x is %s; one dtype is needed",
                tp_dtype_name(values->dtype), tp_dtype_name(x->dtype));
        return false;
    }
    return true;
}

/* The flat places, and in *values what goes there, flat and of x's dtype. */
static tp_tensor *places_for(tp_tape *T, tp_tensor *x, const char *index, int n, tp_tensor *const *fit,
                             tp_tensor **values)
{
    tp_tensor *at = positions(T, x, index, n, fit);
    *values = at ? values_for(T, *values, tp__dims_of(at)) : NULL;
    *values = *values ? tp__flat(T, tp_to(T, *values, x->dtype)) : NULL;
    return *values ? tp__flat(T, at) : NULL;
}

tp_tensor *tp__index_places(tp_tape *T, tp_tensor *x, const char *index, int n, tp_tensor *const *tensors,
                            bool accumulate, tp_tensor **values)
{
    tp_tensor *fit[TP_MAX_DIMS];
    return may_put(T, x, index, n, tensors, *values, accumulate, fit) ? places_for(T, x, index, n, fit, values) : NULL;
}

tp_tensor *tp_index_put(tp_tape *T, tp_tensor *x, const char *index, int n, tp_tensor *const *tensors,
                        tp_tensor *values, bool accumulate)
{
    TP__NAMED(T, "index_put");
    tp_tensor *fit[TP_MAX_DIMS];
    tensor_index list;
    if (!may_put(T, x, index, n, tensors, values, accumulate, fit))
        return NULL;
    tp_tensor *whole = tp_detach(T, x), *v = whole ? view_of(T, whole, index, n, fit, &list) : NULL;
    if (v && list.n > 0 && neighbours(&list) && is_whole(v, x))
        return put_slices(T, x, &list, values, accumulate);
    tp_tensor *at = v ? places_for(T, x, index, n, fit, &values) : NULL;
    return at ? tp_reshape(T, place(T, tp__flat(T, x), 0, at, values, accumulate), tp__dims_of(x)) : NULL;
}
