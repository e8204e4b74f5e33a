/* calls_shape.c - views, joining, gathering, triangles. */
#include "calls.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static tp_tensor *input(test_case *c) { return arg_tensor(c, 0, "input"); }
static int dim_at(test_case *c, int position, const char *name) { return (int)arg_int(c, position, name, 0); }

static tp_tensor *call_reshape(test_case *c) { return tp_reshape(c->T, input(c), arg_shape(c, 1, "shape")); }
static tp_tensor *call_view(test_case *c) { return tp_view(c->T, input(c), arg_shape(c, 1, "size")); }
static tp_tensor *call_expand(test_case *c) { return tp_expand(c->T, input(c), arg_shape(c, 1, "size")); }
static tp_tensor *call_permute(test_case *c) { return tp_permute(c->T, input(c), arg_shape(c, 1, "dims")); }
static tp_dims shape_of_other(test_case *c) { return tp_shape_of(arg_tensor(c, 1, "other")); }
static tp_tensor *call_reshape_as(test_case *c) { return tp_reshape(c->T, input(c), shape_of_other(c)); }
static tp_tensor *call_view_as(test_case *c) { return tp_view(c->T, input(c), shape_of_other(c)); }
static tp_tensor *call_expand_as(test_case *c) { return tp_expand(c->T, input(c), shape_of_other(c)); }
static tp_tensor *call_ravel(test_case *c) { return tp_flatten(c->T, input(c), 0, -1); }
static tp_tensor *call_T(test_case *c) { return tp_T(c->T, input(c)); }
static tp_tensor *call_mT(test_case *c) { return tp_mT(c->T, input(c)); }

static tp_tensor *call_flatten(test_case *c)
{
    int start = dim_at(c, 1, "start_dim");
    return tp_flatten(c->T, input(c), start, (int)arg_int(c, 2, "end_dim", -1));
}

static tp_tensor *call_transpose(test_case *c)
{
    return tp_transpose(c->T, input(c), dim_at(c, 1, "dim0"), dim_at(c, 2, "dim1"));
}

static tp_tensor *call_squeeze(test_case *c)
{
    dim_list dims = arg_dims(c, 1, "dim");
    return dims.single ? tp_squeeze_dim(c->T, input(c), dims.dim[0]) : tp_squeeze(c->T, input(c));
}

static tp_tensor *call_unsqueeze(test_case *c) { return tp_unsqueeze(c->T, input(c), dim_at(c, 1, "dim")); }

static tp_tensor *call_select(test_case *c)
{
    return tp_select(c->T, input(c), dim_at(c, 1, "dim"), arg_int(c, 2, "index", 0));
}

static tp_tensor *call_slice(test_case *c)
{
    int dim = dim_at(c, 1, "dim");
    int64_t start = arg_int(c, 2, "start", 0), stop = arg_int(c, 3, "end", INT64_MAX);
    return tp_slice(c->T, input(c), dim, start, stop, arg_int(c, 4, "step", 1));
}

static tp_tensor *call_narrow(test_case *c)
{
    int dim = dim_at(c, 1, "dim");
    return tp_narrow(c->T, input(c), dim, arg_int(c, 2, "start", 0), arg_int(c, 3, "length", 0));
}

/* ---- x[...] in Python's notation ------------------------------------------------------------- */

typedef struct {
    char text[256];
    size_t length;
    int n; /* tensors, one for each @ */
    tp_tensor *tensors[TP_MAX_DIMS];
} notation;

static void note(test_case *c, notation *to, const char *text)
{
    size_t n = strlen(text);
    if (n >= sizeof to->text - to->length) {
        case_skip(c, "a long index");
        return;
    }
    memcpy(to->text + to->length, text, n + 1);
    to->length += n;
}

static void note_int(test_case *c, notation *to, const json_t *a)
{
    char number[32];
    snprintf(number, sizeof number, "%" PRId64, (int64_t)json_integer_value(a));
    note(c, to, number);
}

/* A list of numbers, or of lists of them, as an index. */
static tp_tensor *index_of_list(test_case *c, const json_t *a)
{
    int64_t values[256];
    tp_tensor *rows[16];
    size_t n = json_array_size(a);
    if (n > 0 && n <= 16 && json_is_array(json_array_get(a, 0))) {
        for (size_t i = 0; i < n; i++)
            rows[i] = index_of_list(c, json_array_get(a, i));
        return tp_stack(c->T, (int)n, rows, 0);
    }
    bool mask = n > 0 && json_is_boolean(json_array_get(a, 0));
    for (size_t i = 0; i < n && i < 256; i++)
        values[i] = (int64_t)number_of(json_array_get(a, i));
    tp_tensor *x = tp_from(c->T, TP_I64, tp_shape((int64_t)n), values);
    return mask ? tp_to(c->T, x, TP_BOOL) : x;
}

static void note_tensor(test_case *c, notation *to, tp_tensor *x)
{
    if (to->n == TP_MAX_DIMS)
        case_skip(c, "many index tensors");
    else
        to->tensors[to->n++] = x;
    note(c, to, "@");
}

static void note_entry(test_case *c, notation *to, const json_t *a)
{
    const json_t *bounds = json_object_get(a, "slice");
    if (arg_is_tensor(a))
        note_tensor(c, to, case_tensor_at(c, "in", (int)json_integer_value(json_object_get(a, "t"))));
    else if (json_is_array(a))
        note_tensor(c, to, index_of_list(c, a));
    else if (json_is_integer(a))
        note_int(c, to, a);
    else if (json_is_null(a))
        note(c, to, "None");
    else if (json_object_get(a, "ellipsis") != NULL)
        note(c, to, "...");
    else if (!json_is_array(bounds))
        case_skip(c, "an index that is not an int, slice, ellipsis or None");
    for (size_t i = 0; i < json_array_size(bounds); i++) {
        const json_t *bound = json_array_get(bounds, i);
        bool step = i == 2;
        if (i > 0 && !(step && json_is_null(bound)))
            note(c, to, ":");
        if (json_is_integer(bound))
            note_int(c, to, bound);
    }
}

/* A list of nothing but numbers is an array of indices, not a tuple. */
static bool is_tuple(const json_t *a)
{
    for (size_t i = 0; i < json_array_size(a); i++)
        if (!arg_is_number(json_array_get(a, i)))
            return true;
    return false;
}

static notation index_asked(test_case *c)
{
    notation index = {.length = 0};
    const json_t *a = arg(c, 1, "index");
    const json_t *tuple = json_object_get(a, "tuple");
    if (tuple == NULL && is_tuple(a))
        tuple = a;
    if (tuple == NULL)
        note_entry(c, &index, a);
    for (size_t i = 0; i < json_array_size(tuple); i++) {
        note(c, &index, i > 0 ? ", " : "");
        note_entry(c, &index, json_array_get(tuple, i));
    }
    return index;
}

static tp_tensor *call_getitem(test_case *c)
{
    notation index = index_asked(c);
    if (index.n == 0)
        return tp_index(c->T, input(c), index.text);
    return tp_index_with(c->T, input(c), index.text, index.n, index.tensors);
}

static tp_tensor *call_setitem(test_case *c)
{
    notation index = index_asked(c);
    tp_tensor *x = input(c), *value = arg_operand(c, 2, "value", x);
    return tp_index_put(c->T, x, index.text, index.n, index.tensors, value, false);
}

/* ---- joining, gathering ---------------------------------------------------------------------- */

static tp_tensor *join(test_case *c, tp_tensor *(*f)(tp_tape *, int, tp_tensor *const *, int))
{
    tp_tensor *x[CASE_MAX_IN];
    int n = arg_tensors(c, 0, "tensors", CASE_MAX_IN, x);
    return f(c->T, n, x, dim_at(c, 1, "dim"));
}
static tp_tensor *call_cat(test_case *c) { return join(c, tp_cat); }
static tp_tensor *call_stack(test_case *c) { return join(c, tp_stack); }

static tp_tensor *call_gather(test_case *c)
{
    return tp_gather(c->T, input(c), dim_at(c, 1, "dim"), arg_tensor(c, 2, "index"));
}

static tp_tensor *call_index_select(test_case *c)
{
    return tp_index_select(c->T, input(c), dim_at(c, 1, "dim"), arg_tensor(c, 2, "index"));
}

static tp_tensor *call_scatter_add(test_case *c)
{
    int dim = dim_at(c, 1, "dim");
    return tp_scatter_add(c->T, input(c), dim, arg_tensor(c, 2, "index"), arg_tensor(c, 3, "src"));
}

static tp_tensor *call_index_add(test_case *c)
{
    tp_tensor *source = arg_tensor(c, 3, "source");
    return tp_index_add(c->T, input(c), dim_at(c, 1, "dim"), arg_tensor(c, 2, "index"), times_alpha(c, source));
}

static tp_tensor *call_tril(test_case *c) { return tp_tril(c->T, input(c), arg_int(c, 1, "diagonal", 0)); }
static tp_tensor *call_triu(test_case *c) { return tp_triu(c->T, input(c), arg_int(c, 1, "diagonal", 0)); }

/* ---- diagonals, windows, strides ------------------------------------------------------------- */

static tp_tensor *call_diagonal(test_case *c)
{
    int64_t offset = arg_int(c, 1, "offset", 0);
    int dim1 = (int)arg_int(c, 2, "dim1", 0), dim2 = (int)arg_int(c, 3, "dim2", 1);
    return tp_diagonal(c->T, input(c), offset, dim1, dim2);
}

static tp_tensor *call_linalg_diagonal(test_case *c)
{
    int64_t offset = arg_int(c, -1, "offset", 0);
    int dim1 = (int)arg_int(c, -1, "dim1", -2), dim2 = (int)arg_int(c, -1, "dim2", -1);
    return tp_diagonal(c->T, arg_tensor(c, 0, "A"), offset, dim1, dim2);
}

static tp_tensor *call_diag_embed(test_case *c)
{
    int64_t offset = arg_int(c, 1, "offset", 0);
    int dim1 = (int)arg_int(c, 2, "dim1", -2), dim2 = (int)arg_int(c, 3, "dim2", -1);
    return tp_diag_embed(c->T, input(c), offset, dim1, dim2);
}

static tp_tensor *call_diagonal_scatter(test_case *c)
{
    tp_tensor *src = arg_tensor(c, 1, "src");
    int64_t offset = arg_int(c, 2, "offset", 0);
    int dim1 = (int)arg_int(c, 3, "dim1", 0), dim2 = (int)arg_int(c, 4, "dim2", 1);
    return tp_diagonal_scatter(c->T, input(c), src, offset, dim1, dim2);
}

static tp_tensor *call_select_scatter(test_case *c)
{
    tp_tensor *src = arg_tensor(c, 1, "src");
    int dim = dim_at(c, 2, "dim");
    return tp_select_scatter(c->T, input(c), src, dim, arg_int(c, 3, "index", 0));
}

static tp_tensor *call_slice_scatter(test_case *c)
{
    tp_tensor *src = arg_tensor(c, 1, "src");
    int dim = dim_at(c, 2, "dim");
    int64_t start = arg_int(c, 3, "start", 0), stop = arg_int(c, 4, "end", INT64_MAX);
    return tp_slice_scatter(c->T, input(c), src, dim, start, stop, arg_int(c, 5, "step", 1));
}

static tp_tensor *call_diag(test_case *c) { return tp_diag(c->T, input(c), arg_int(c, 1, "diagonal", 0)); }
static tp_tensor *call_diagflat(test_case *c) { return tp_diagflat(c->T, input(c), arg_int(c, 1, "offset", 0)); }

static tp_tensor *call_unfold(test_case *c)
{
    int dim = dim_at(c, 1, "dimension");
    int64_t size = arg_int(c, 2, "size", 0);
    return tp_unfold(c->T, input(c), dim, size, arg_int(c, 3, "step", 1));
}

static tp_tensor *call_as_strided(test_case *c)
{
    tp_dims shape = arg_shape(c, 1, "size"), stride = arg_shape(c, 2, "stride");
    return tp_as_strided(c->T, input(c), shape, stride.dim, arg_int(c, 3, "storage_offset", 0));
}

const call_entry shape_calls[] = {
    {"diagonal", call_diagonal},
    {"linalg.diagonal", call_linalg_diagonal},
    {"diag_embed", call_diag_embed},
    {"diagonal_scatter", call_diagonal_scatter},
    {"select_scatter", call_select_scatter},
    {"slice_scatter", call_slice_scatter},
    {"diag", call_diag},
    {"diagflat", call_diagflat},
    {"unfold", call_unfold},
    {"as_strided", call_as_strided},
    {"reshape", call_reshape},
    {"reshape_as", call_reshape_as},
    {"view", call_view},
    {"view_as", call_view_as},
    {"expand", call_expand},
    {"expand_as", call_expand_as},
    {"broadcast_to", call_expand},
    {"flatten", call_flatten},
    {"ravel", call_ravel},
    {"transpose", call_transpose},
    {"swapaxes", call_transpose},
    {"permute", call_permute},
    {"T", call_T},
    {"H", call_T},
    {"mT", call_mT},
    {"mH", call_mT},
    {"squeeze", call_squeeze},
    {"unsqueeze", call_unsqueeze},
    {"select", call_select},
    {"slice", call_slice},
    {"narrow", call_narrow},
    {"__getitem__", call_getitem},
    {"__setitem__", call_setitem},
    {"cat", call_cat},
    {"stack", call_stack},
    {"gather", call_gather},
    {"index_select", call_index_select},
    {"scatter_add", call_scatter_add},
    {"index_add", call_index_add},
    {"tril", call_tril},
    {"triu", call_triu},
    {NULL, NULL},
};
