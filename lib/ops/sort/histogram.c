/* histogram.c - how often values are there, and how many lie in each bin: bincount, histograms. */
#include "kernel/search.h"
#include "ops/elementwise/elementwise.h"
#include "ops/sort/sort.h"

#include <math.h>
#include <string.h>

/* ---- bincount: whole numbers [n], and their weights -------------------------------------------------------------------- */

typedef struct {
    int64_t low, bins; /* the number of the first bin; how many there are */
} tallying;

static tp_status bincount_infer(tp_call *c)
{
    const tp_tensor *x = c->in[0], *weight = c->n_in > 1 ? c->in[1] : NULL;
    int64_t bins = ((const tallying *)c->attr)->bins;
    if (c->n_in > 2)
        return tp_call_fail(c, TP_EINVAL, "%d inputs; numbers, or numbers and their weights, are needed", c->n_in);
    if (x->dtype != TP_I64 || (weight && !tp_dtype_is_float(weight->dtype)))
        return tp_call_fail(c, TP_EDTYPE, "the numbers are %s; int64, and weights of floats, are needed",
                            tp_dtype_name(x->dtype));
    if (x->ndim != 1 || (weight && !tp__same_shape(x, weight)))
        return tp_call_fail(c, TP_ESHAPE, "the numbers are %s, the weights %s; a vector and as many are needed",
                            TP__SHAPE(x), weight ? TP__SHAPE(weight) : "none");
    return tp_call_out(c, 0, weight ? weight->dtype : TP_I64, (tp_dims){1, {bins}});
}

static tp_status bincount_forward(tp_call *c)
{
    const tp_tensor *x = c->in[0], *weight = c->n_in > 1 ? c->in[1] : NULL;
    tp_tensor *y = c->out[0];
    if (y->numel)
        memset(y->data, 0, (size_t)y->numel * tp_dtype_size(y->dtype));
    const tallying *a = c->attr;
    int64_t bad = tp__count(x->numel, x->data, a->low, a->bins, y->dtype, weight ? weight->data : NULL, y->data);
    if (bad >= 0)
        return tp_call_fail(c, TP_EINVAL, "%lld among the numbers; %lld to %lld, for %lld bins, is needed",
                            (long long)((const int64_t *)x->data)[bad], (long long)a->low,
                            (long long)(a->low + a->bins - 1), (long long)a->bins);
    return TP_OK;
}

static void bincount_samples(tp_sampler *s)
{
    tp_tensor *in[2] = {tp_sample_index(s, (tp_dims){1, {9}}, 0, 6), tp_sample_tensor(s, (tp_dims){1, {9}}, -1, 1)};
    tp_sample(s, &(tallying){0, 7}, 1, in);
    tp_sample(s, &(tallying){0, 6}, 2, in);
    tp_sample(s, &(tallying){-3, 9}, 2, in);
}

/* clang-format off */
static const tp_op bincount_op = {
    .name = "bincount", .n_in = -1, .n_out = 1, .attr_size = sizeof(tallying), .flags = TP_OP_NO_GRAD,
    .infer = bincount_infer, .forward = bincount_forward, .samples = bincount_samples};
/* clang-format on */

tp_tensor *tp_bincount(tp_tape *T, tp_tensor *x, tp_tensor *weights, int64_t minlength)
{
    if (!tp__usable(T, "bincount", x) || (weights && !tp__usable(T, "bincount", weights)))
        return NULL;
    if (x->dtype == TP_BOOL || tp_dtype_is_float(x->dtype)) {
        tp_fail(T, TP_EDTYPE, "bincount: x is %s; integers are needed", tp_dtype_name(x->dtype));
        return NULL;
    }
    if (minlength < 0) {
        tp_fail(T, TP_EINVAL, "bincount: minlength is %lld; 0 or more is needed", (long long)minlength);
        return NULL;
    }
    tp_tensor *in[2] = {tp_contiguous(T, tp_to(T, x, TP_I64)), weights};
    if (in[0] == NULL)
        return NULL;
    int64_t least, most = -1;
    if (x->numel)
        tp__extent(x->numel, in[0]->data, &least, &most);
    tallying a = {0, most >= minlength && most < INT64_MAX ? most + 1 : minlength};
    if (weights && x->numel == 0 && weights->numel == 0)
        weights = NULL; /* torch counts nothing in integers */
    if (weights && !tp_dtype_is_float(weights->dtype))
        in[1] = tp_to(T, weights, TP_F64);
    return tp_apply(T, &bincount_op, &a, weights ? 2 : 1, in);
}

tp_tensor *tp__tally(tp_tape *T, tp_tensor *x, int64_t low, int64_t bins)
{
    return tp__apply1(T, &bincount_op, &(tallying){low, bins}, x);
}

/* ---- histograms: points [n, d], the edges of each dimension, then weights [n] where there are any --------------------- */

typedef struct {
    tp__bin_rule rule;
    bool weighted;
} counting;

static tp_status histogram_infer(tp_call *c)
{
    const counting *h = c->attr;
    const tp_tensor *x = c->in[0], *weight = h->weighted ? c->in[c->n_in - 1] : NULL;
    tp_dims shape = {.ndim = c->n_in - 1 - h->weighted};
    if (x->ndim != 2 || x->shape[1] != shape.ndim || shape.ndim > TP_MAX_DIMS || shape.ndim < 1)
        return tp_call_fail(c, TP_ESHAPE, "points are %s, with the edges of %d dimensions; [n, dimensions] is needed",
                            TP__SHAPE(x), shape.ndim);
    for (int i = 0; i < c->n_in; i++)
        if (c->in[i]->dtype != x->dtype || !tp_dtype_is_float(x->dtype))
            return tp_call_fail(c, TP_EDTYPE, "points are %s, edges or weights %s; floats of one dtype are needed",
                                tp_dtype_name(x->dtype), tp_dtype_name(c->in[i]->dtype));
    if (weight && weight->numel != x->shape[0])
        return tp_call_fail(c, TP_ESHAPE, "%lld weights of %lld points; as many are needed", (long long)weight->numel,
                            (long long)x->shape[0]);
    for (int d = 0; d < shape.ndim; d++) {
        shape.dim[d] = c->in[d + 1]->numel - 1;
        if (c->in[d + 1]->ndim != 1 || shape.dim[d] < 1)
            return tp_call_fail(c, TP_ESHAPE, "the edges of dimension %d are %s; a vector of 2 or more is needed", d,
                                TP__SHAPE(c->in[d + 1]));
    }
    return tp_call_out(c, 0, TP_F64, shape);
}

static tp_status histogram_forward(tp_call *c)
{
    const counting *h = c->attr;
    const tp_tensor *x = c->in[0];
    tp__bins b = {.dtype = x->dtype, .rule = h->rule, .dims = c->out[0]->ndim};
    for (int d = 0; d < b.dims; d++) {
        b.bins[d] = c->out[0]->shape[d];
        b.edge[d] = c->in[d + 1]->data;
    }
    memset(c->out[0]->data, 0, (size_t)c->out[0]->numel * sizeof(double));
    tp__histogram(&b, x->shape[0], x->data, h->weighted ? c->in[c->n_in - 1]->data : NULL, c->out[0]->data);
    return TP_OK;
}

static void histogram_samples(tp_sampler *s)
{
    tp_tensor *in[4] = {tp_sample_tensor(s, (tp_dims){2, {9, 2}}, -1, 1), tp_linspace(s->tape, s->dtype, -0.9, 1, 5),
                        tp_linspace(s->tape, s->dtype, -1, 1, 3), tp_sample_tensor(s, (tp_dims){1, {9}}, 0, 1)};
    tp_sample(s, &(counting){TP__BIN_NEAR, false}, 3, in);
    tp_sample(s, &(counting){TP__BIN_SEARCH, true}, 4, in);
}

/* clang-format off */
static const tp_op histogram_op = {
    .name = "histogram", .n_in = -2, .n_out = 1, .attr_size = sizeof(counting), .flags = TP_OP_NO_GRAD,
    .infer = histogram_infer, .forward = histogram_forward, .samples = histogram_samples};
/* clang-format on */

/* Edges of even bins: over range, or over the points where there is none. */
static bool even_edges(tp_tape *T, const char *name, tp_tensor *x, const int64_t *bins, const double *range,
                       double widen, tp_tensor **edges)
{
    bool data = range == NULL && x->numel > 0;
    tp_tensor *least = data ? tp_amin(T, x, 1, &(int){0}, false) : NULL;
    tp_tensor *greatest = data ? tp_amax(T, x, 1, &(int){0}, false) : NULL;
    for (int d = 0; d < x->shape[1] && tp__ok(T); d++) {
        double low = data ? tp_item_at(least, d) : range ? range[2 * d] : 0;
        double high = data ? tp_item_at(greatest, d) : range ? range[2 * d + 1] : 1;
        if (bins[d] < 1 || bins[d] == INT64_MAX || !isfinite(low) || !isfinite(high) || low > high)
            tp_fail(T, TP_EINVAL,
                    "%s: %lld bins from %g to %g; 1 or more, from a finite number to one that is not less, are needed",
                    name, (long long)bins[d], low, high);
        if (!tp__ok(T))
            return false;
        double more = low == high ? widen : 0;
        edges[d] = tp_linspace(T, x->dtype, low - more, high + more, bins[d] + 1);
    }
    return tp__ok(T);
}

/* Counts divided by their sum and by the size of their bin. */
static tp_tensor *to_density(tp_tape *T, tp_tensor *y, tp_tensor *const *edges)
{
    if (y == NULL)
        return NULL;
    int dims = y->ndim;
    y = tp_div(T, y, tp_sum(T, y));
    for (int d = 0; d < dims && y; d++) {
        tp_dims shape = {.ndim = dims};
        for (int k = 0; k < dims; k++)
            shape.dim[k] = k == d ? y->shape[d] : 1;
        tp_tensor *e = tp_to(T, edges[d], TP_F64);
        tp_tensor *width = tp_sub(T, tp_narrow(T, e, 0, 1, y->shape[d]), tp_narrow(T, e, 0, 0, y->shape[d]));
        y = tp_div(T, y, tp_reshape(T, width, shape));
    }
    return y;
}

static tp_tensor *count_points(tp_tape *T, tp_tensor *x, int dims, tp_tensor *const *edges, tp__bin_rule rule,
                               const tp_histogram_options *o)
{
    tp_tensor *in[TP_MAX_DIMS + 2] = {x};
    for (int d = 0; d < dims; d++)
        in[d + 1] = edges[d];
    if (o->weight)
        in[dims + 1] = tp_reshape(T, tp_detach(T, o->weight), (tp_dims){1, {o->weight->numel}});
    counting h = {rule, o->weight != NULL};
    tp_tensor *y = tp_apply(T, &histogram_op, &h, dims + 1 + h.weighted, in);
    if (o->density)
        y = to_density(T, y, edges);
    return y ? tp_to(T, y, x->dtype) : NULL;
}

/* x [..., d] as points [n, d]; false after a failure. */
static bool points_of(tp_tape *T, const char *name, tp_tensor **x, const tp_histogram_options *o)
{
    tp_tensor *p = *x;
    if (!tp__usable(T, name, p) || (o->weight && !tp__usable(T, name, o->weight)))
        return false;
    int64_t dims = p->ndim > 1 ? p->shape[p->ndim - 1] : 0;
    if (!tp_dtype_is_float(p->dtype)) {
        tp_fail(T, TP_EDTYPE, "%s: x is %s; float32 or float64 is needed", name, tp_dtype_name(p->dtype));
        return false;
    }
    if (dims < 1 || dims > TP_MAX_DIMS) {
        tp_fail(T, TP_ESHAPE, "%s: points of %lld coordinates; 1 to %d are needed", name, (long long)dims, TP_MAX_DIMS);
        return false;
    }
    bool fits = o->weight == NULL || o->weight->ndim == p->ndim - 1;
    for (int d = 0; o->weight && fits && d < p->ndim - 1; d++)
        fits = o->weight->shape[d] == p->shape[d];
    if (!fits)
        tp_fail(T, TP_ESHAPE, "%s: points are %s, weights %s; a weight for each point is needed", name, TP__SHAPE(p),
                TP__SHAPE(o->weight));
    *x = fits ? tp_contiguous(T, tp_reshape(T, tp_detach(T, p), (tp_dims){2, {p->numel / dims, dims}})) : NULL;
    return *x != NULL;
}

static const tp_histogram_options plain = {.range = NULL};

tp_tensor *tp_histogramdd(tp_tape *T, tp_tensor *x, const int64_t *bins, const tp_histogram_options *options,
                          tp_tensor **edges)
{
    TP__NAMED(T, "histogramdd");
    const tp_histogram_options *o = options ? options : &plain;
    tp_tensor *made[TP_MAX_DIMS];
    if (!points_of(T, "histogramdd", &x, o) || !tp__listed(T, "histogramdd", "numbers of bins", x->shape[1], 1, bins) ||
        !even_edges(T, "histogramdd", x, bins, o->range, 0.5, made))
        return NULL;
    int dims = (int)x->shape[1];
    if (edges)
        memcpy(edges, made, (size_t)dims * sizeof *edges);
    return count_points(T, x, dims, made, TP__BIN_NEAR, o);
}

tp_tensor *tp_histogramdd_edges(tp_tape *T, tp_tensor *x, tp_tensor *const *edges, const tp_histogram_options *options)
{
    TP__NAMED(T, "histogramdd_edges");
    const tp_histogram_options *o = options ? options : &plain;
    return points_of(T, "histogramdd", &x, o) && tp__listed(T, "histogramdd", "tensors of edges", x->shape[1], 1, edges)
               ? count_points(T, x, (int)x->shape[1], edges, TP__BIN_SEARCH, o)
               : NULL;
}

/* All elements are points of one coordinate. */
static tp_tensor *as_points(tp_tape *T, const char *name, tp_tensor *x, const tp_histogram_options *o)
{
    if (!tp__usable(T, name, x))
        return NULL;
    if (o->weight && !tp__same_shape(x, o->weight)) {
        tp_fail(T, TP_ESHAPE, "%s: x is %s, weights are %s; one shape is needed", name, TP__SHAPE(x),
                TP__SHAPE(o->weight));
        return NULL;
    }
    return tp_reshape(T, x, (tp_dims){2, {x->numel, 1}});
}

static tp_tensor *flat_weight(tp_tape *T, tp_tensor *w)
{
    return w ? tp_reshape(T, w, (tp_dims){1, {w->numel}}) : NULL;
}

tp_tensor *tp_histogram(tp_tape *T, tp_tensor *x, int64_t bins, const tp_histogram_options *options, tp_tensor **edges)
{
    TP__NAMED(T, "histogram");
    tp_histogram_options o = options ? *options : plain;
    x = as_points(T, "histogram", x, &o);
    o.weight = flat_weight(T, o.weight);
    return tp_histogramdd(T, x, &bins, &o, edges);
}

tp_tensor *tp_histogram_edges(tp_tape *T, tp_tensor *x, tp_tensor *edges, const tp_histogram_options *options)
{
    TP__NAMED(T, "histogram_edges");
    tp_histogram_options o = options ? *options : plain;
    x = as_points(T, "histogram", x, &o);
    o.weight = flat_weight(T, o.weight);
    return tp_histogramdd_edges(T, x, &edges, &o);
}

tp_tensor *tp_histc(tp_tape *T, tp_tensor *x, int64_t bins, double low, double high)
{
    TP__NAMED(T, "histc");
    const double range[2] = {low, high};
    if (!tp__usable(T, "histc", x))
        return NULL;
    tp_tensor *points = tp_reshape(T, x, (tp_dims){2, {x->numel, 1}});
    tp_tensor *edges;
    if (!points_of(T, "histc", &points, &plain) ||
        !even_edges(T, "histc", points, &bins, low == high && x->numel ? NULL : range, 1, &edges))
        return NULL;
    return count_points(T, points, 1, &edges, TP__BIN_EVEN, &plain);
}

const tp_op *const tp__ops_histogram[] = {
#include TP__OPERATORS
    NULL};
