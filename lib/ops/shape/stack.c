/* stack.c - tensors side by side, in blocks, on grids: functions made of cat. */
#include "ops/elementwise/elementwise.h"

/* A list of n tensors in the tape's arena; NULL, and T fails, where there is nothing to list. */
static tp_tensor **list_of(tp_tape *T, const char *name, int n, tp_tensor *const *x)
{
    if (!tp__ok(T))
        return NULL;
    if (n < 1 || x == NULL) {
        tp_fail(T, TP_EINVAL, "%s: of no tensors", name);
        return NULL;
    }
    tp_tensor **list = tp__arena_alloc(&T->arena, (size_t)n * sizeof *list);
    if (list == NULL)
        tp_fail(T, TP_ENOMEM, "%s: no memory", name);
    for (int i = 0; list && i < n; i++) {
        if (!tp__usable(T, name, x[i]))
            return NULL;
        list[i] = x[i];
    }
    return list;
}

/* The tensors, made at least least-d, joined along dim (-1: 1, of vectors 0). */
static tp_tensor *joined(tp_tape *T, tp_tensor **list, int n, int least, int dim)
{
    for (int i = 0; list && i < n; i++)
        if ((list[i] = tp_atleast(T, list[i], least)) == NULL)
            return NULL;
    return list ? tp_cat(T, n, list, dim < 0 ? (list[0]->ndim > 1) : dim) : NULL;
}

tp_tensor *tp_hstack(tp_tape *T, int n, tp_tensor *const *x)
{
    TP__NAMED(T, "hstack");
    return joined(T, list_of(T, "hstack", n, x), n, 1, -1);
}
tp_tensor *tp_vstack(tp_tape *T, int n, tp_tensor *const *x)
{
    TP__NAMED(T, "vstack");
    return joined(T, list_of(T, "vstack", n, x), n, 2, 0);
}
tp_tensor *tp_dstack(tp_tape *T, int n, tp_tensor *const *x)
{
    TP__NAMED(T, "dstack");
    return joined(T, list_of(T, "dstack", n, x), n, 3, 2);
}

tp_tensor *tp_column_stack(tp_tape *T, int n, tp_tensor *const *x)
{
    TP__NAMED(T, "column_stack");
    tp_tensor **list = list_of(T, "column_stack", n, x);
    for (int i = 0; list && i < n; i++)
        if (x[i]->ndim < 2)
            list[i] = tp_reshape(T, x[i], (tp_dims){2, {x[i]->numel, 1}});
    return joined(T, list, n, 2, 1);
}

/* Each block between zeros on its left and right, the rows of blocks below each other. */
tp_tensor *tp_block_diag(tp_tape *T, int n, tp_tensor *const *x)
{
    TP__NAMED(T, "block_diag");
    tp_tensor **rows = list_of(T, "block_diag", n, x);
    if (rows == NULL)
        return NULL;
    tp_dtype dtype = tp__result_type(n, x);
    int64_t columns = 0, left = 0;
    for (int i = 0; i < n; i++) {
        rows[i] = tp_atleast(T, x[i], 2);
        if (rows[i] && rows[i]->ndim > 2)
            tp_fail(T, TP_ESHAPE, "block_diag: a %d-d block", rows[i]->ndim);
        if (!tp__ok(T))
            return NULL;
        columns += rows[i]->shape[1];
    }
    for (int i = 0; i < n; i++) {
        int64_t height = rows[i]->shape[0], width = rows[i]->shape[1];
        tp_tensor *parts[3] = {tp_zeros(T, dtype, (tp_dims){2, {height, left}}), tp_to(T, rows[i], dtype),
                               tp_zeros(T, dtype, (tp_dims){2, {height, columns - left - width}})};
        if ((rows[i] = tp_cat(T, 3, parts, 1)) == NULL)
            return NULL;
        left += width;
    }
    return tp_cat(T, n, rows, 0);
}

/* `out` may be `x`. On a tape that has failed all are NULL. */
tp_status tp_meshgrid(tp_tape *T, int n, tp_tensor *const *x, bool xy, tp_tensor **out)
{
    tp_dims shape = {.ndim = n};
    if (!tp__listed(T, "meshgrid", "tensors", n, 1, x) || !tp__listed(T, "meshgrid", "results", n, 1, out))
        return T ? T->status : TP_EINVAL;
    if (n > TP_MAX_DIMS)
        return tp_fail(T, TP_EINVAL, "meshgrid: of %d tensors; at most %d", n, TP_MAX_DIMS);
    tp_dtype dtype = tp_dtype_of(x[0]);
    for (int i = 0; i < n && tp__usable(T, "meshgrid", x[i]); i++) {
        if (x[i]->ndim > 1 || tp_dtype_of(x[i]) != dtype)
            tp_fail(T, TP_ESHAPE, "meshgrid: vectors of one dtype are needed");
        shape.dim[i] = x[i]->numel;
    }
    bool swap = xy && n >= 2;
    for (int i = 0; i < n; i++) {
        tp_dims along = {.ndim = n};
        for (int d = 0; d < n; d++)
            along.dim[d] = d == i ? tp_numel(x[i]) : 1;
        out[i] = tp_expand(T, tp_reshape(T, x[i], along), shape);
        if (swap)
            out[i] = tp_transpose(T, out[i], 0, 1);
    }
    return T->status;
}

tp_tensor *tp_cartesian_prod(tp_tape *T, int n, tp_tensor *const *x)
{
    TP__NAMED(T, "cartesian_prod");
    tp_tensor *grid[TP_MAX_DIMS];
    if (!tp__listed(T, "cartesian_prod", "tensors", n, 1, x))
        return NULL;
    if (n > TP_MAX_DIMS) {
        tp_fail(T, TP_EINVAL, "cartesian_prod: of %d tensors; at most %d", n, TP_MAX_DIMS);
        return NULL;
    }
    for (int i = 0; i < n; i++)
        if (!tp__has_dims(T, "cartesian_prod", x[i], 1))
            return NULL;
    if (n == 1 && x[0]->ndim == 1)
        return x[0];
    if (tp_meshgrid(T, n, x, false, grid) != TP_OK)
        return NULL;
    for (int i = 0; i < n; i++)
        grid[i] = tp_reshape(T, grid[i], (tp_dims){1, {-1}});
    return tp_stack(T, n, grid, 1);
}

/* ---- choices and powers --------------------------------------------------------------------------------------------- */

/* n over r, or -1 where that is too large. */
static int64_t choices(int64_t n, int64_t r)
{
    int64_t count = 1;
    if (r > n)
        return 0;
    r = r > n - r ? n - r : r;
    for (int64_t i = 1; i <= r; i++) {
        if (count > INT64_MAX / (n - r + i))
            return -1;
        count = count * (n - r + i) / i;
    }
    return count;
}

/* The choice after `row`, in lexicographic order: the last entry that can grow grows, those after it start again. */
static void next_choice(int64_t n, int64_t r, bool again, const int64_t *row, int64_t *next)
{
    int64_t i = r - 1;
    while (i > 0 && row[i] == (again ? n - 1 : n - r + i))
        i--;
    for (int64_t k = 0; k < r; k++)
        next[k] = k < i ? row[k] : row[i] + 1 + (again ? 0 : k - i);
}

tp_tensor *tp_combinations(tp_tape *T, tp_tensor *x, int64_t r, bool with_replacement)
{
    if (!tp__usable(T, "combinations", x))
        return NULL;
    if (x->ndim != 1 || r < 0) {
        tp_fail(T, TP_EINVAL, "combinations: of %lld from a %d-d tensor", (long long)r, x->ndim);
        return NULL;
    }
    int64_t n = x->numel, count = 0;
    if (r == 0)
        return tp_empty(T, x->dtype, (tp_dims){1, {0}});
    if (n > 0)
        count = !with_replacement ? choices(n, r) : r > INT64_MAX - n ? -1 : choices(n + r - 1, r);
    if (count < 0 || count > INT64_MAX / r) {
        tp_fail(T, TP_ENOMEM, "combinations: too many");
        return NULL;
    }
    tp_tensor *at = tp_empty(T, TP_I64, (tp_dims){1, {count * r}});
    if (at == NULL)
        return NULL;
    int64_t *row = at->data;
    for (int64_t k = 0; k < r && count > 0; k++)
        row[k] = with_replacement ? 0 : k;
    for (int64_t i = 1; i < count; i++, row += r)
        next_choice(n, r, with_replacement, row, row + r);
    return tp_reshape(T, tp_index_select(T, x, 0, at), (tp_dims){2, {count, r}});
}

/* x^0, x^1, ... x^(n - 1) as a last dimension; integers become TP_I64. */
static tp_tensor *powers(tp_tape *T, tp_tensor *x, int64_t n)
{
    if (x == NULL)
        return NULL;
    tp_dims shape = tp__dims_of(x);
    shape.dim[shape.ndim++] = 1;
    tp_dtype dtype = tp_dtype_is_float(x->dtype) ? x->dtype : TP_I64;
    tp_tensor *one = tp_full(T, dtype, shape, 1);
    if (n == 1)
        return one;
    shape.dim[shape.ndim - 1] = n - 1;
    tp_tensor *parts[2] = {one, tp_cumprod(T, tp_expand(T, tp_unsqueeze(T, x, -1), shape), -1)};
    return tp_cat(T, 2, parts, -1);
}

tp_tensor *tp_linalg_vander(tp_tape *T, tp_tensor *x, int64_t n)
{
    TP__NAMED(T, "linalg_vander");
    if (!tp__has_dims(T, "linalg_vander", x, n == 0))
        return NULL;
    n = n == 0 ? x->shape[x->ndim - 1] : n;
    if (n <= 1 || x->dtype == TP_BOOL || x->ndim == TP_MAX_DIMS) {
        tp_fail(T, TP_EINVAL, "linalg_vander: %lld powers of %s of %d dimensions", (long long)n,
                tp_dtype_name(x->dtype), x->ndim);
        return NULL;
    }
    return powers(T, tp_atleast(T, x, 1), n);
}

tp_tensor *tp_vander(tp_tape *T, tp_tensor *x, int64_t n, bool increasing)
{
    TP__NAMED(T, "vander");
    if (!tp__usable(T, "vander", x))
        return NULL;
    if (x->ndim != 1) {
        tp_fail(T, TP_ESHAPE, "vander: of a %d-d tensor, not a vector", x->ndim);
        return NULL;
    }
    tp_tensor *y = powers(T, x, n < 1 ? x->numel < 1 ? 1 : x->numel : n);
    if (n < 1 && x->numel == 0)
        y = tp_narrow(T, y, 1, 0, 0);
    return increasing ? y : tp_fliplr(T, y);
}
