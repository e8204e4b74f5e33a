/* searchsorted.c - finding values among sorted boundaries: searchsorted, bucketize, isin. */
#include "kernel/search.h"
#include "ops/elementwise/elementwise.h"

/* ---- searchsorted: boundaries [..., m] and values; attr says whether equal ones are passed ------------------------- */

static bool leading_equal(const tp_tensor *a, const tp_tensor *b)
{
    if (a->ndim != b->ndim)
        return false;
    for (int d = 0; d + 1 < a->ndim; d++)
        if (a->shape[d] != b->shape[d])
            return false;
    return true;
}

static tp_status searchsorted_infer(tp_call *c)
{
    const tp_tensor *bounds = c->in[0], *x = c->in[1];
    if (bounds->dtype != x->dtype || x->dtype == TP_BOOL)
        return tp_call_fail(c, TP_EDTYPE, "boundaries are %s, values %s; numbers of one dtype are needed",
                            tp_dtype_name(bounds->dtype), tp_dtype_name(x->dtype));
    if (bounds->ndim != 1 && (bounds->ndim == 0 || !leading_equal(bounds, x)))
        return tp_call_fail(
            c, TP_ESHAPE, "boundaries are %s, values %s; a vector, or the leading dimensions of the values, is needed",
            TP__SHAPE(bounds), TP__SHAPE(x));
    return tp_call_out(c, 0, TP_I64, tp__dims_of(x));
}

static tp_status searchsorted_forward(tp_call *c)
{
    const tp_tensor *bounds = c->in[0], *x = c->in[1];
    if (x->numel == 0)
        return TP_OK;
    int64_t m = bounds->shape[bounds->ndim - 1], rows = bounds->ndim == 1 ? 1 : x->numel / x->shape[x->ndim - 1];
    tp__search(x->dtype, *(const bool *)c->attr, rows, m, x->numel / rows, bounds->data, x->data, c->out[0]->data);
    return TP_OK;
}

static void searchsorted_samples(tp_sampler *s)
{
    tp_tensor *in[2] = {tp_linspace(s->tape, s->dtype, -1, 1, 9), tp_sample_tensor(s, (tp_dims){2, {3, 5}}, -2, 2)};
    tp_sample(s, &(bool){false}, 2, in);
    in[0] = tp_arange(s->tape, TP_I64, 0, 7, 1);
    in[1] = tp_sample_index(s, (tp_dims){1, {6}}, 0, 9);
    tp_sample(s, &(bool){true}, 2, in);
    in[0] = tp_contiguous(s->tape, tp_expand(s->tape, in[0], (tp_dims){2, {2, 7}}));
    in[1] = tp_sample_index(s, (tp_dims){2, {2, 4}}, 0, 9);
    tp_sample(s, &(bool){false}, 2, in);
}

/* clang-format off */
static const tp_op searchsorted_op = {
    .name = "searchsorted", .n_in = 2, .n_out = 1, .attr_size = sizeof(bool), .flags = TP_OP_NO_GRAD,
    .infer = searchsorted_infer, .forward = searchsorted_forward, .samples = searchsorted_samples};
/* clang-format on */

/* Two tensors in the dtype that both promote to. */
static void in_one_dtype(tp_tape *T, tp_tensor **a, tp_tensor **b)
{
    tp_dtype dtype = tp__result_type(2, (tp_tensor *[]){*a, *b});
    *a = tp_to(T, *a, dtype);
    *b = tp_to(T, *b, dtype);
}

tp_tensor *tp_searchsorted(tp_tape *T, tp_tensor *boundaries, tp_tensor *x, const tp_searchsorted_options *options)
{
    TP__NAMED(T, "searchsorted");
    static const tp_searchsorted_options none = {.right = false};
    const tp_searchsorted_options *o = options ? options : &none;
    if (!tp__usable(T, "searchsorted", boundaries) || !tp__usable(T, "searchsorted", x) ||
        (o->sorter && !tp__usable(T, "searchsorted", o->sorter)))
        return NULL;
    if (o->sorter && (!tp__same_shape(boundaries, o->sorter) || o->sorter->dtype != TP_I64)) {
        tp_fail(T, TP_ESHAPE, "searchsorted: the sorter is %s %s, boundaries are %s; int64 of their shape is needed",
                tp_dtype_name(o->sorter->dtype), TP__SHAPE(o->sorter), TP__SHAPE(boundaries));
        return NULL;
    }
    if (x->ndim == 0 && boundaries->ndim != 1) {
        tp_fail(T, TP_ESHAPE, "searchsorted: the value is 0-d, boundaries are %s; a vector is needed",
                TP__SHAPE(boundaries));
        return NULL;
    }
    if (o->sorter)
        boundaries = tp_gather(T, boundaries, -1, o->sorter);
    if (boundaries)
        in_one_dtype(T, &boundaries, &x);
    tp_tensor *index = tp__apply2(T, &searchsorted_op, &o->right, boundaries, x);
    return o->out_int32 ? tp_to(T, index, TP_I32) : index;
}

tp_tensor *tp_bucketize(tp_tape *T, tp_tensor *x, tp_tensor *boundaries, const tp_searchsorted_options *options)
{
    TP__NAMED(T, "bucketize");
    if (tp__ok(T) && boundaries && boundaries->ndim != 1) {
        tp_fail(T, TP_ESHAPE, "bucketize: boundaries are %s; a vector is needed", TP__SHAPE(boundaries));
        return NULL;
    }
    return tp_searchsorted(T, boundaries, x, options);
}

tp_tensor *tp_isin(tp_tape *T, tp_tensor *x, tp_tensor *among, bool invert)
{
    if (!tp__usable(T, "isin", x) || !tp__usable(T, "isin", among))
        return NULL;
    if (x->dtype == TP_BOOL || among->dtype == TP_BOOL) {
        tp_fail(T, TP_EDTYPE, "isin: x is %s, among %s; numbers are needed", tp_dtype_name(x->dtype),
                tp_dtype_name(among->dtype));
        return NULL;
    }
    int64_t n = among->numel;
    if (n == 0)
        return tp_full(T, TP_BOOL, tp__dims_of(x), invert);
    tp_dims shape = tp__dims_of(x);
    x = tp_reshape(T, tp_detach(T, x), (tp_dims){1, {-1}});
    among = tp_reshape(T, tp_detach(T, among), (tp_dims){1, {n}});
    if (x == NULL || among == NULL)
        return NULL;
    in_one_dtype(T, &x, &among);
    among = tp_sort(T, among, 0, false, NULL);
    tp_tensor *at = tp_clamp(T, tp_searchsorted(T, among, x, NULL), 0, (double)(n - 1));
    tp_tensor *there = tp_eq(T, x, tp_index_select(T, among, 0, at));
    return tp_reshape(T, invert ? tp_logical_not(T, there) : there, shape);
}

const tp_op *const tp__ops_searchsorted[] = {
#include TP__OPERATORS
    NULL};
