/* calls_arrange.c - parts and copies side by side, masks, places. */
#include "calls.h"

#include <string.h>

static tp_tensor *input(test_case *c) { return arg_tensor(c, 0, "input"); }
static int dim_at(test_case *c, int position, const char *name, int otherwise)
{
    return (int)arg_int(c, position, name, otherwise);
}

/* ---- lists of tensors in, one or several out --------------------------------------------------- */

/* As a list, or as the arguments themselves. */
static int tensors_of(test_case *c, tp_tensor **x)
{
    if (arg_is_tensor(arg(c, 0, "tensors"))) {
        int n = 0;
        for (; n < (int)json_array_size(c->args) && n < CASE_MAX_IN; n++)
            x[n] = arg_tensor(c, n, "tensors");
        return n;
    }
    return arg_tensors(c, 0, "tensors", CASE_MAX_IN, x);
}

typedef tp_tensor *(*join_fn)(tp_tape *, int, tp_tensor *const *);
static tp_tensor *join(test_case *c, join_fn f)
{
    tp_tensor *x[CASE_MAX_IN];
    int n = tensors_of(c, x);
    return f(c->T, n, x);
}
static tp_tensor *call_hstack(test_case *c) { return join(c, tp_hstack); }
static tp_tensor *call_vstack(test_case *c) { return join(c, tp_vstack); }
static tp_tensor *call_dstack(test_case *c) { return join(c, tp_dstack); }
static tp_tensor *call_column_stack(test_case *c) { return join(c, tp_column_stack); }
static tp_tensor *call_block_diag(test_case *c) { return join(c, tp_block_diag); }
static tp_tensor *call_cartesian_prod(test_case *c) { return join(c, tp_cartesian_prod); }

static tp_tensor *call_meshgrid(test_case *c)
{
    tp_tensor *x[CASE_MAX_IN];
    int n = tensors_of(c, x);
    bool xy = strcmp(arg_string(c, -1, "indexing", "ij"), "xy") == 0;
    c->n_out = n;
    tp_meshgrid(c->T, n, x, xy, c->out);
    return c->out[0];
}

static tp_tensor *call_broadcast_tensors(test_case *c)
{
    tp_tensor *x[CASE_MAX_IN];
    c->n_out = tensors_of(c, x);
    tp_broadcast_tensors(c->T, c->n_out, x, c->out);
    return c->out[0];
}

static tp_tensor *call_broadcast_shapes(test_case *c)
{
    tp_dims shapes[8], out;
    int n = (int)json_array_size(c->args);
    for (int i = 0; i < n && i < 8; i++) {
        const json_t *a = arg(c, i, NULL);
        shapes[i] = (tp_dims){.ndim = json_is_integer(a) ? 1 : (int)json_array_size(a)};
        for (int d = 0; d < shapes[i].ndim; d++)
            shapes[i].dim[d] = json_integer_value(json_is_integer(a) ? a : json_array_get(a, (size_t)d));
    }
    if (!tp_broadcast_shapes(n, shapes, &out))
        case_fail(c, "the shapes do not fit");
    return tp_from(c->T, TP_I64, tp_shape(out.ndim), out.dim);
}

static tp_tensor *call_atleast(test_case *c)
{
    tp_tensor *x[CASE_MAX_IN];
    c->n_out = tensors_of(c, x);
    for (int i = 0; i < c->n_out; i++)
        c->out[i] = tp_atleast(c->T, x[i], c->op[strlen("atleast_")] - '0');
    return c->out[0];
}

/* ---- parts --------------------------------------------------------------------------------------- */

static int whole_numbers(test_case *c, const json_t *a, int max, int64_t *out)
{
    int n = (int)json_array_size(a);
    for (int i = 0; i < n && i < max; i++)
        out[i] = json_integer_value(json_array_get(a, (size_t)i));
    if (n > max)
        case_skip(c, "a long list");
    return n;
}

static tp_tensor *parts(test_case *c, int n)
{
    c->n_out = n < 0 ? 1 : n;
    return n > 0 ? c->out[0] : NULL;
}

static tp_tensor *call_split(test_case *c)
{
    int64_t sizes[CASE_MAX_OUT];
    const json_t *size = arg(c, 1, "split_size_or_sections");
    int dim = dim_at(c, 2, "dim", 0);
    if (json_is_integer(size))
        return parts(c, tp_split(c->T, input(c), json_integer_value(size), dim, CASE_MAX_OUT, c->out));
    int n = whole_numbers(c, size, CASE_MAX_OUT, sizes);
    return parts(c, tp_split_with_sizes(c->T, input(c), n, sizes, dim, CASE_MAX_OUT, c->out));
}

static tp_tensor *call_chunk(test_case *c)
{
    int64_t n = arg_int(c, 1, "chunks", 1);
    return parts(c, tp_chunk(c->T, input(c), n, dim_at(c, 2, "dim", 0), CASE_MAX_OUT, c->out));
}

static tp_tensor *call_unbind(test_case *c)
{
    return parts(c, tp_unbind(c->T, input(c), dim_at(c, 1, "dim", 0), CASE_MAX_OUT, c->out));
}

/* Into so many parts, or between positions, which may be a tensor. */
static tp_tensor *divide(test_case *c, int dim)
{
    int64_t at[CASE_MAX_OUT];
    const json_t *where = arg(c, 1, "indices_or_sections");
    int n = 0;
    if (arg_is_tensor(where)) {
        tp_tensor *t = arg_tensor(c, 1, "indices_or_sections");
        if (tp_ndim(t) == 0)
            return parts(c, tp_tensor_split(c->T, input(c), (int64_t)tp_item(t), dim, CASE_MAX_OUT, c->out));
        for (; n < tp_numel(t) && n < CASE_MAX_OUT; n++)
            at[n] = (int64_t)tp_item_at(t, n);
    } else if (json_is_integer(where)) {
        return parts(c, tp_tensor_split(c->T, input(c), json_integer_value(where), dim, CASE_MAX_OUT, c->out));
    } else if (json_is_array(where)) {
        n = whole_numbers(c, where, CASE_MAX_OUT, at);
    } else {
        case_skip(c, "neither a number nor a list");
    }
    return parts(c, tp_tensor_split_at(c->T, input(c), n, at, dim, CASE_MAX_OUT, c->out));
}
static tp_tensor *call_tensor_split(test_case *c) { return divide(c, dim_at(c, 2, "dim", 0)); }

/* NumPy's names, each with its two functions. */
typedef int (*even_fn)(tp_tape *, tp_tensor *, int64_t, int, tp_tensor **);
typedef int (*at_fn)(tp_tape *, tp_tensor *, int, const int64_t *, int, tp_tensor **);
static tp_tensor *divide_as_numpy(test_case *c, even_fn even, at_fn between)
{
    int64_t at[CASE_MAX_OUT];
    const json_t *where = arg(c, 1, "indices_or_sections");
    if (json_is_integer(where))
        return parts(c, even(c->T, input(c), json_integer_value(where), CASE_MAX_OUT, c->out));
    if (!json_is_array(where))
        case_skip(c, "neither a number nor a list");
    int n = whole_numbers(c, where, CASE_MAX_OUT, at);
    return parts(c, between(c->T, input(c), n, at, CASE_MAX_OUT, c->out));
}
static tp_tensor *call_hsplit(test_case *c) { return divide_as_numpy(c, tp_hsplit, tp_hsplit_at); }
static tp_tensor *call_vsplit(test_case *c) { return divide_as_numpy(c, tp_vsplit, tp_vsplit_at); }
static tp_tensor *call_dsplit(test_case *c) { return divide_as_numpy(c, tp_dsplit, tp_dsplit_at); }

/* ---- dimensions, order ------------------------------------------------------------------------------ */

static tp_tensor *call_movedim(test_case *c)
{
    dim_list from = arg_dims(c, 1, "source"), to = arg_dims(c, 2, "destination");
    if (from.n != to.n) {
        tp_fail(c->T, TP_EINVAL, "movedim: %d to %d dimensions", from.n, to.n);
        return NULL;
    }
    return tp_movedim(c->T, input(c), from.n, from.dim, to.dim);
}

static tp_tensor *call_unflatten(test_case *c)
{
    tp_dims sizes = arg_shape(c, 2, "sizes");
    return tp_unflatten(c->T, input(c), dim_at(c, 1, "dim", 0), sizes);
}

static tp_tensor *call_flip(test_case *c)
{
    tp_dims dims = arg_shape(c, 1, "dims");
    int list[TP_MAX_DIMS];
    for (int i = 0; i < dims.ndim; i++)
        list[i] = (int)dims.dim[i];
    return tp_flip(c->T, input(c), dims.ndim, list);
}
static tp_tensor *call_fliplr(test_case *c) { return tp_fliplr(c->T, input(c)); }
static tp_tensor *call_flipud(test_case *c) { return tp_flipud(c->T, input(c)); }

static tp_tensor *call_roll(test_case *c)
{
    int64_t shifts[TP_MAX_DIMS];
    const json_t *s = arg(c, 1, "shifts");
    int n = json_is_integer(s) ? 1 : whole_numbers(c, s, TP_MAX_DIMS, shifts);
    if (json_is_integer(s))
        shifts[0] = json_integer_value(s);
    bool flat = arg(c, 2, "dims") == NULL ||
                (json_is_array(arg(c, 2, "dims")) && json_array_size(arg(c, 2, "dims")) == 0);
    dim_list dims = arg_dims(c, 2, "dims");
    if (!flat && dims.n != n) {
        tp_fail(c->T, TP_EINVAL, "roll: %d shifts of %d dimensions", n, dims.n);
        return NULL;
    }
    return tp_roll(c->T, input(c), n, shifts, flat ? NULL : dims.dim);
}

static tp_tensor *call_rot90(test_case *c)
{
    int k = dim_at(c, 1, "k", 1);
    const json_t *given = arg(c, 2, "dims");
    dim_list dims = given ? arg_dims(c, 2, "dims") : (dim_list){.n = 2, .dim = {0, 1}};
    if (dims.n != 2) {
        tp_fail(c->T, TP_EINVAL, "rot90: in a plane of %d dimensions", dims.n);
        return NULL;
    }
    return tp_rot90(c->T, input(c), k, dims.dim[0], dims.dim[1]);
}

static tp_tensor *call_repeat(test_case *c) { return tp_repeat(c->T, input(c), arg_shape(c, 1, "repeats")); }
static tp_tensor *call_tile(test_case *c) { return tp_tile(c->T, input(c), arg_shape(c, 1, "dims")); }

static tp_tensor *call_repeat_interleave(test_case *c)
{
    tp_tensor *x = input(c);
    const json_t *times = arg(c, 1, "repeats"), *dim = arg(c, 2, "dim");
    int at = dim_at(c, 2, "dim", 0);
    arg(c, -1, "output_size");
    if (dim == NULL)
        x = tp_flatten(c->T, x, 0, -1);
    if (arg_is_tensor(times))
        return tp_repeat_interleave_tensor(c->T, x, arg_tensor(c, 1, "repeats"), at);
    return tp_repeat_interleave(c->T, x, arg_int(c, 1, "repeats", 1), at);
}

static tp_tensor *call_sum_to_size(test_case *c) { return tp_sum_to_size(c->T, input(c), arg_shape(c, 1, "size")); }

/* ---- masks and places --------------------------------------------------------------------------------- */

static tp_tensor *call_nonzero(test_case *c)
{
    if (arg_bool(c, -1, "as_tuple", false))
        return parts(c, tp_nonzero_tuple(c->T, input(c), CASE_MAX_OUT, c->out));
    return tp_nonzero(c->T, input(c));
}
static tp_tensor *call_zero(test_case *c) { return tp_zero(c->T, input(c)); }
static tp_tensor *call_resize(test_case *c) { return tp_resize(c->T, input(c), arg_shape(c, 1, "size")); }
static tp_tensor *call_resize_as(test_case *c)
{
    return tp_resize(c->T, input(c), tp_shape_of(arg_tensor(c, 1, "the_template")));
}
static tp_tensor *call_fill_diagonal(test_case *c)
{
    double value = arg_double(c, 1, "fill_value", 0);
    return tp_fill_diagonal(c->T, input(c), value, arg_bool(c, 2, "wrap", false));
}
static tp_tensor *call_combinations(test_case *c)
{
    int64_t r = arg_int(c, 1, "r", 2);
    return tp_combinations(c->T, input(c), r, arg_bool(c, 2, "with_replacement", false));
}
static tp_tensor *call_vander(test_case *c)
{
    int64_t n = arg_int(c, 1, "N", -1);
    return tp_vander(c->T, arg_tensor(c, 0, "x"), n, arg_bool(c, 2, "increasing", false));
}
static tp_tensor *call_linalg_vander(test_case *c)
{
    return tp_linalg_vander(c->T, arg_tensor(c, 0, "x"), arg_int(c, -1, "N", 0));
}

static tp_tensor *call_masked_fill(test_case *c)
{
    tp_tensor *mask = arg_tensor(c, 1, "mask");
    if (arg_is_tensor(arg(c, 2, "value")))
        return tp_masked_fill_tensor(c->T, input(c), mask, arg_tensor(c, 2, "value"));
    return tp_masked_fill(c->T, input(c), mask, arg_double(c, 2, "value", 0));
}

static tp_tensor *call_fill(test_case *c)
{
    tp_tensor *x = input(c);
    return tp_fill(c->T, x, arg_operand(c, 1, "value", x));
}

static tp_tensor *call_masked_select(test_case *c)
{
    return tp_masked_select(c->T, input(c), arg_tensor(c, 1, "mask"));
}

static tp_tensor *call_masked_scatter(test_case *c)
{
    tp_tensor *mask = arg_tensor(c, 1, "mask");
    return tp_masked_scatter(c->T, input(c), mask, arg_tensor(c, 2, "source"));
}

static tp_tensor *call_take(test_case *c) { return tp_take(c->T, input(c), arg_tensor(c, 1, "index")); }

static tp_tensor *call_take_along_dim(test_case *c)
{
    tp_tensor *x = input(c), *index = arg_tensor(c, 1, "indices");
    if (arg(c, 2, "dim") == NULL)
        return tp_take_along_dim(c->T, tp_flatten(c->T, x, 0, -1), tp_flatten(c->T, index, 0, -1), 0);
    return tp_take_along_dim(c->T, x, index, dim_at(c, 2, "dim", 0));
}

static tp_tensor *call_scatter(test_case *c)
{
    int dim = dim_at(c, 1, "dim", 0);
    tp_tensor *index = arg_tensor(c, 2, "index");
    const char *reduce = arg_string(c, -1, "reduce", "");
    tp_scatter_rule rule = strcmp(reduce, "add") == 0        ? TP_SCATTER_ADD
                           : strcmp(reduce, "multiply") == 0 ? TP_SCATTER_MULTIPLY
                                                             : TP_SCATTER_PUT;
    if (arg_is_tensor(arg(c, 3, "src")))
        return tp_scatter(c->T, input(c), dim, index, arg_tensor(c, 3, "src"), rule);
    double value = arg(c, -1, "value") ? arg_double(c, -1, "value", 0) : arg_double(c, 3, "src", 0);
    return tp_scatter_scalar(c->T, input(c), dim, index, value, rule);
}

typedef tp_tensor *(*reduce_fn)(tp_tape *, tp_tensor *, int, tp_tensor *, tp_tensor *, tp_scatter_reduction, bool);
static tp_tensor *reduce_at_places(test_case *c, const char *src, reduce_fn f)
{
    static const char *const names[] = {"sum", "prod", "mean", "amax", "amin"};
    int dim = dim_at(c, 1, "dim", 0), how = 0;
    tp_tensor *x = input(c), *index = arg_tensor(c, 2, "index"), *values = arg_tensor(c, 3, src);
    const char *name = arg_string(c, 4, "reduce", "");
    while (how < 5 && strcmp(names[how], name) != 0)
        how++;
    return f(c->T, x, dim, index, values, (tp_scatter_reduction)how, arg_bool(c, -1, "include_self", true));
}
static tp_tensor *call_scatter_reduce(test_case *c) { return reduce_at_places(c, "src", tp_scatter_reduce); }
static tp_tensor *call_index_reduce(test_case *c) { return reduce_at_places(c, "source", tp_index_reduce); }

static tp_tensor *call_put(test_case *c)
{
    tp_tensor *index = arg_tensor(c, 1, "index"), *src = arg_tensor(c, 2, "source");
    return tp_put(c->T, input(c), index, src, arg_bool(c, 3, "accumulate", false));
}

static tp_tensor *call_as_strided_scatter(test_case *c)
{
    tp_dims shape = arg_shape(c, 2, "size"), stride = arg_shape(c, 3, "stride");
    tp_tensor *src = arg_tensor(c, 1, "src");
    return tp_as_strided_scatter(c->T, input(c), src, shape, stride.dim, arg_int(c, 4, "storage_offset", 0));
}

static tp_tensor *call_index_copy(test_case *c)
{
    int dim = dim_at(c, 1, "dim", 0);
    tp_tensor *index = arg_tensor(c, 2, "index");
    return tp_index_copy(c->T, input(c), dim, index, arg_tensor(c, 3, "source"));
}

static tp_tensor *call_index_fill(test_case *c)
{
    int dim = dim_at(c, 1, "dim", 0);
    tp_tensor *index = arg_tensor(c, 2, "index");
    return tp_index_fill(c->T, input(c), dim, index, arg_operand(c, 3, "value", input(c)));
}

static bool names_a_place_twice(const tp_tensor *index)
{
    for (int64_t i = 0; i < tp_numel(index); i++)
        for (int64_t j = 0; j < i; j++)
            if (tp_item_at(index, i) == tp_item_at(index, j))
                return true;
    return false;
}

static tp_tensor *call_index_put(test_case *c)
{
    tp_tensor *at[TP_MAX_DIMS];
    int n = arg_tensors(c, 1, "indices", TP_MAX_DIMS, at);
    char text[4 * TP_MAX_DIMS] = "";
    for (int i = 0; i < n; i++)
        strcat(text, i ? ",@" : "@");
    tp_tensor *values = arg_tensor(c, 2, "values");
    bool accumulate = arg_bool(c, 3, "accumulate", false);
    if (!accumulate && n == 1 && tp_needs_grad(values) && names_a_place_twice(at[0]))
        case_skip(c, "a place is named twice, where PyTorch leaves value and gradient open: see test_overwritten.c");
    return tp_index_put(c->T, input(c), text, n, at, values, accumulate);
}

static tp_tensor *call_narrow_copy(test_case *c)
{
    int64_t start = arg_int(c, 2, "start", 0), length = arg_int(c, 3, "length", 0);
    return tp_clone(c->T, tp_narrow(c->T, input(c), dim_at(c, 1, "dim", 0), start, length));
}

const call_entry arrange_calls[] = {
    {"hstack", call_hstack},
    {"vstack", call_vstack},
    {"row_stack", call_vstack},
    {"dstack", call_dstack},
    {"column_stack", call_column_stack},
    {"block_diag", call_block_diag},
    {"cartesian_prod", call_cartesian_prod},
    {"meshgrid", call_meshgrid},
    {"broadcast_tensors", call_broadcast_tensors},
    {"broadcast_shapes", call_broadcast_shapes},
    {"atleast_1d", call_atleast},
    {"atleast_2d", call_atleast},
    {"atleast_3d", call_atleast},
    {"split", call_split},
    {"split_with_sizes", call_split},
    {"chunk", call_chunk},
    {"unbind", call_unbind},
    {"tensor_split", call_tensor_split},
    {"hsplit", call_hsplit},
    {"vsplit", call_vsplit},
    {"dsplit", call_dsplit},
    {"movedim", call_movedim},
    {"moveaxis", call_movedim},
    {"unflatten", call_unflatten},
    {"flip", call_flip},
    {"fliplr", call_fliplr},
    {"flipud", call_flipud},
    {"roll", call_roll},
    {"rot90", call_rot90},
    {"repeat", call_repeat},
    {"tile", call_tile},
    {"repeat_interleave", call_repeat_interleave},
    {"sum_to_size", call_sum_to_size},
    {"nonzero", call_nonzero},
    {"argwhere", call_nonzero},
    {"masked_fill", call_masked_fill},
    {"fill", call_fill},
    {"masked_select", call_masked_select},
    {"masked_scatter", call_masked_scatter},
    {"take", call_take},
    {"take_along_dim", call_take_along_dim},
    {"scatter", call_scatter},
    {"scatter_reduce", call_scatter_reduce},
    {"index_reduce", call_index_reduce},
    {"put", call_put},
    {"as_strided_scatter", call_as_strided_scatter},
    {"zero_", call_zero},
    {"resize_", call_resize},
    {"resize_as_", call_resize_as},
    {"fill_diagonal_", call_fill_diagonal},
    {"combinations", call_combinations},
    {"vander", call_vander},
    {"linalg.vander", call_linalg_vander},
    {"index_copy", call_index_copy},
    {"index_fill", call_index_fill},
    {"index_put", call_index_put},
    {"narrow_copy", call_narrow_copy},
    {NULL, NULL},
};
