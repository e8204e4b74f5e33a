/* unique.c - equal elements and slices: grouped by one operator, told apart by others. Integers that lie close together
 * are counted instead. */
#include "ops/sort/sort.h"

#include "kernel/search.h"
#include "kernel/sort.h"

/* ---- group: out[0] is an order in which equal slices are neighbours (empty where that is how they lie), out[1] the group
 * of each in that order ---- */

typedef struct {
    int dim;
    bool sorted; /* otherwise neighbours as they are */
} grouping;

static tp_status group_infer(tp_call *c)
{
    const tp_tensor *x = c->in[0];
    int dim = ((const grouping *)c->attr)->dim;
    if (dim >= x->ndim)
        return tp__no_such_dim(c, dim);
    for (int d = 0; d < x->ndim; d++)
        if (x->shape[d] == 0 && d != dim)
            return tp_call_fail(c, TP_ESHAPE, "dimension %d is empty; slices along %d need elements", d, dim);
    tp_dims shape = {1, {x->shape[dim]}}, none = {1, {0}};
    return tp_call_out(c, 0, TP_I64, ((const grouping *)c->attr)->sorted ? shape : none) == TP_OK
               ? tp_call_out(c, 1, TP_I64, shape)
               : c->tape->status;
}

static tp_status group_forward(tp_call *c)
{
    const tp_tensor *x = c->in[0];
    const grouping *g = c->attr;
    tp__lines l = {x->dtype, 1, x->shape[g->dim], 1, x->data};
    for (int d = 0; d < x->ndim; d++)
        if (d != g->dim)
            *(d < g->dim ? &l.outer : &l.inner) *= x->shape[d];
    if (l.n == 0)
        return TP_OK;
    void *space = tp_call_scratch(c, tp__group_space(&l, g->sorted));
    if (space == NULL)
        return c->tape->status;
    tp__group(g->sorted, &l, c->out[0]->data, c->out[1]->data, space);
    return TP_OK;
}

static void group_samples(tp_sampler *s)
{
    tp_tensor *x = tp_sample_index(s, (tp_dims){3, {2, 9, 2}}, 0, 3);
    tp_sample(s, &(grouping){1, true}, 1, &x);
    tp_sample(s, &(grouping){1, false}, 1, &x);
    x = tp_sample_tensor(s, (tp_dims){1, {50}}, -1, 1);
    tp_sample(s, &(grouping){0, true}, 1, &x);
}

/* clang-format off */
static const tp_op group_op = {
    .name = "group", .n_in = 1, .n_out = 2, .attr_size = sizeof(grouping), .flags = TP_OP_NO_GRAD,
    .infer = group_infer, .forward = group_forward, .samples = group_samples};
/* clang-format on */

/* ---- unique ---------------------------------------------------------------------------------------------------------- */

static tp_tensor *distinct(tp_tape *T, tp_tensor *x, grouping g, tp_tensor **inverse, tp_tensor **counts)
{
    tp_tensor *out[TP_MAX_OUT] = {NULL}, *order, *group;
    if (tp_apply_all(T, &group_op, &g, 1, &x, out) != TP_OK)
        return NULL;
    order = out[0];
    group = out[1];
    int64_t n = group->numel, m = n ? ((const int64_t *)group->data)[n - 1] + 1 : 0;
    tp_tensor *first = tp_empty(T, TP_I64, (tp_dims){1, {m}});
    tp_tensor *size = counts ? tp_empty(T, TP_I64, (tp_dims){1, {m}}) : NULL;
    tp_tensor *back = inverse && g.sorted ? tp_empty_like(T, group) : NULL;
    if (!tp__ok(T))
        return NULL;
    if (n > 0)
        tp__group_starts(n, group->data, first->data, size ? size->data : NULL);
    if (back)
        tp__group_inverse(n, order->data, group->data, back->data);
    if (counts)
        *counts = size;
    if (inverse)
        *inverse = g.sorted ? back : group;
    return tp_index_select(T, x, g.dim, g.sorted ? tp_index_select(T, order, 0, first) : first);
}

/* Sorted values of whole numbers x [n] (TP_I64) in [low, low + span). */
static tp_tensor *distinct_counted(tp_tape *T, tp_tensor *x, int64_t low, int64_t span, tp_tensor **inverse,
                                   tp_tensor **counts)
{
    tp_tensor *tally = tp__tally(T, x, low, span);
    int64_t *count = tally ? tally->data : NULL, m = 0;
    for (int64_t v = 0; count && v < span; v++)
        m += count[v] != 0;
    tp_tensor *values = tp_empty(T, TP_I64, (tp_dims){1, {m}});
    tp_tensor *size = counts ? tp_empty(T, TP_I64, (tp_dims){1, {m}}) : NULL;
    tp_tensor *back = inverse ? tp_empty_like(T, x) : NULL;
    if (!tp__ok(T))
        return NULL;
    for (int64_t v = 0, k = 0; k < m; v++) { /* written ahead, kept where it is there; the count becomes the place */
        int64_t here = count[v];
        ((int64_t *)values->data)[k] = low + v;
        if (size)
            ((int64_t *)size->data)[k] = here;
        count[v] = k;
        k += here != 0;
    }
    for (int64_t i = 0; back && i < x->numel; i++)
        ((int64_t *)back->data)[i] = count[((const int64_t *)x->data)[i] - low];
    if (counts)
        *counts = size;
    if (inverse)
        *inverse = back;
    return values;
}

/* Sorted values of a vector. Numbers in a table no longer than a few times the vector are counted. */
static tp_tensor *distinct_sorted(tp_tape *T, tp_tensor *x, tp_tensor **inverse, tp_tensor **counts)
{
    int64_t low, high;
    bool whole = !tp_dtype_is_float(x->dtype) && x->numel > 0;
    tp_tensor *numbers = whole ? tp_contiguous(T, tp_to(T, x, TP_I64)) : NULL;
    if (whole && numbers == NULL)
        return NULL;
    if (whole) {
        tp__extent(numbers->numel, numbers->data, &low, &high);
        uint64_t last = (uint64_t)high - (uint64_t)low;
        if (last / 4 <= (uint64_t)x->numel)
            return tp_to(T, distinct_counted(T, numbers, low, (int64_t)last + 1, inverse, counts), x->dtype);
    }
    return distinct(T, x, (grouping){0, true}, inverse, counts);
}

static tp_tensor *of_all(tp_tape *T, const char *name, tp_tensor *x, bool sorted, tp_tensor **inverse,
                         tp_tensor **counts)
{
    tp_tensor *flat = tp__usable(T, name, x) ? tp_reshape(T, x, (tp_dims){1, {x->numel}}) : NULL;
    tp_tensor *y = flat == NULL ? NULL
                   : sorted     ? distinct_sorted(T, flat, inverse, counts)
                                : distinct(T, flat, (grouping){0, false}, inverse, counts);
    if (y && inverse)
        *inverse = tp_reshape(T, *inverse, tp__dims_of(x));
    return y;
}

static tp_tensor *of_slices(tp_tape *T, const char *name, tp_tensor *x, int dim, bool sorted, tp_tensor **inverse,
                            tp_tensor **counts)
{
    if (!tp__usable(T, name, x))
        return NULL;
    int at = x->ndim ? tp__dim_of(T, name, x->ndim, dim) : -1;
    if (x->ndim == 0)
        tp_fail(T, TP_EINDEX, "%s: x is 0-d; a dimension is needed", name);
    return at >= 0 ? distinct(T, x, (grouping){at, sorted}, inverse, counts) : NULL;
}

static void forget(tp_tensor **a, tp_tensor **b)
{
    if (a)
        *a = NULL;
    if (b)
        *b = NULL;
}

tp_tensor *tp_unique(tp_tape *T, tp_tensor *x, tp_tensor **inverse, tp_tensor **counts)
{
    forget(inverse, counts);
    return of_all(T, "unique", x, true, inverse, counts);
}

tp_tensor *tp_unique_dim(tp_tape *T, tp_tensor *x, int dim, tp_tensor **inverse, tp_tensor **counts)
{
    TP__NAMED(T, "unique_dim");
    forget(inverse, counts);
    return of_slices(T, "unique", x, dim, true, inverse, counts);
}

tp_tensor *tp_unique_consecutive(tp_tape *T, tp_tensor *x, tp_tensor **inverse, tp_tensor **counts)
{
    forget(inverse, counts);
    return of_all(T, "unique_consecutive", x, false, inverse, counts);
}

tp_tensor *tp_unique_consecutive_dim(tp_tape *T, tp_tensor *x, int dim, tp_tensor **inverse, tp_tensor **counts)
{
    TP__NAMED(T, "unique_consecutive_dim");
    forget(inverse, counts);
    return of_slices(T, "unique_consecutive", x, dim, false, inverse, counts);
}

const tp_op *const tp__ops_unique[] = {
#include TP__OPERATORS
    NULL};
