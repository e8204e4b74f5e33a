/* calls_sort.c - sorting, selection, search, counting. */
#include "calls.h"

#include <string.h>

/* ---- values and where they were -------------------------------------------------------------- */

/* Among equal elements which index is given is the implementation's choice: where the case says that there are such,
 * an index is right that fetches the value. */
static void settle_ties(test_case *c, tp_tensor *x, int dim, tp_tensor *values)
{
    tp_tensor *at = c->out[1];
    if (!json_is_true(json_object_get(c->json, "ties")) || at == NULL || values == NULL)
        return;
    bool kept = tp_ndim(values) == tp_ndim(x);
    tp_tensor *fetched = tp_gather(c->T, x, dim, kept ? at : tp_unsqueeze(c->T, at, dim));
    check(c, "what the index fetches", fetched, kept ? values : tp_unsqueeze(c->T, values, dim), (tolerance){0, 0});
    c->out[1] = case_tensor_at(c, "out", 1);
}

typedef tp_tensor *(*pick_fn)(tp_tape *, tp_tensor *, int, bool, tp_tensor **);

static tp_tensor *pick(test_case *c, pick_fn f, int dim, bool flag)
{
    tp_tensor *x = arg_tensor(c, 0, "input");
    c->n_out = 2;
    tp_tensor *y = f(c->T, x, dim, flag, &c->out[1]);
    settle_ties(c, x, dim, y);
    return y;
}

static tp_tensor *call_sort(test_case *c)
{
    arg_bool(c, -1, "stable", false);
    int dim = (int)arg_int(c, 1, "dim", -1);
    return pick(c, tp_sort, dim, arg_bool(c, 2, "descending", false));
}

static tp_tensor *call_argsort(test_case *c)
{
    arg_bool(c, -1, "stable", false);
    int dim = (int)arg_int(c, 1, "dim", -1);
    return tp_argsort(c->T, arg_tensor(c, 0, "input"), dim, arg_bool(c, 2, "descending", false));
}

static tp_tensor *call_msort(test_case *c) { return tp_msort(c->T, arg_tensor(c, 0, "input")); }

static tp_tensor *call_topk(test_case *c)
{
    tp_tensor *x = arg_tensor(c, 0, "input");
    int64_t k = arg_int(c, 1, "k", 0);
    int dim = (int)arg_int(c, 2, "dim", -1);
    bool largest = arg_bool(c, 3, "largest", true);
    arg_bool(c, 4, "sorted", true);
    c->n_out = 2;
    tp_tensor *y = tp_topk(c->T, x, k, dim, largest, &c->out[1]);
    settle_ties(c, x, dim, y);
    return y;
}

static tp_tensor *call_kthvalue(test_case *c)
{
    tp_tensor *x = arg_tensor(c, 0, "input");
    int64_t k = arg_int(c, 1, "k", 0);
    int dim = (int)arg_int(c, 2, "dim", -1);
    c->n_out = 2;
    tp_tensor *y = tp_kthvalue(c->T, x, k, dim, arg_bool(c, 3, "keepdim", false), &c->out[1]);
    settle_ties(c, x, dim, y);
    return y;
}

static tp_tensor *call_mode(test_case *c)
{
    int dim = (int)arg_int(c, 1, "dim", -1);
    return pick(c, tp_mode, dim, arg_bool(c, 2, "keepdim", false));
}

static tp_tensor *median(test_case *c, unary_fn all, pick_fn along)
{
    if (arg(c, 1, "dim") == NULL)
        return all(c->T, arg_tensor(c, 0, "input"));
    int dim = (int)arg_int(c, 1, "dim", -1);
    return pick(c, along, dim, arg_bool(c, 2, "keepdim", false));
}
static tp_tensor *call_median(test_case *c) { return median(c, tp_median, tp_median_dim); }
static tp_tensor *call_nanmedian(test_case *c) { return median(c, tp_nanmedian, tp_nanmedian_dim); }

/* ---- quantiles ------------------------------------------------------------------------------- */

typedef tp_tensor *(*quantile_fn)(tp_tape *, tp_tensor *, tp_tensor *, const tp_quantile_options *);
typedef tp_tensor *(*quantile_scalar_fn)(tp_tape *, tp_tensor *, double, const tp_quantile_options *);

static tp_tensor *quantile(test_case *c, quantile_fn f, quantile_scalar_fn g)
{
    static const char *const rules[] = {"linear", "lower", "higher", "midpoint", "nearest"};
    tp_quantile_options o = {.along = arg(c, 2, "dim") != NULL};
    tp_tensor *x = arg_tensor(c, 0, "input");
    const char *rule = arg_string(c, -1, "interpolation", "linear");
    o.dim = (int)arg_int(c, 2, "dim", 0);
    o.keepdim = arg_bool(c, 3, "keepdim", false);
    while (o.rule <= TP_QUANTILE_NEAREST && strcmp(rules[o.rule], rule) != 0)
        o.rule++;
    if (arg_is_tensor(arg(c, 1, "q")))
        return f(c->T, x, arg_tensor(c, 1, "q"), &o);
    return g(c->T, x, arg_double(c, 1, "q", 0), &o);
}
static tp_tensor *call_quantile(test_case *c) { return quantile(c, tp_quantile, tp_quantile_scalar); }
static tp_tensor *call_nanquantile(test_case *c) { return quantile(c, tp_nanquantile, tp_nanquantile_scalar); }

/* ---- equal ones ------------------------------------------------------------------------------ */

typedef tp_tensor *(*unique_fn)(tp_tape *, tp_tensor *, tp_tensor **, tp_tensor **);
typedef tp_tensor *(*unique_dim_fn)(tp_tape *, tp_tensor *, int, tp_tensor **, tp_tensor **);

static tp_tensor *distinct(test_case *c, int first, unique_fn all, unique_dim_fn along)
{
    tp_tensor *x = arg_tensor(c, 0, "input"), *inverse, *counts, *y;
    bool want_inverse = arg_bool(c, first, "return_inverse", false);
    bool want_counts = arg_bool(c, first + 1, "return_counts", false);
    if (arg(c, first + 2, "dim") == NULL)
        y = all(c->T, x, &inverse, &counts);
    else
        y = along(c->T, x, (int)arg_int(c, first + 2, "dim", 0), &inverse, &counts);
    if (want_inverse)
        c->out[c->n_out++] = inverse;
    if (want_counts)
        c->out[c->n_out++] = counts;
    return y;
}
static tp_tensor *call_unique(test_case *c)
{
    arg_bool(c, 1, "sorted", true);
    return distinct(c, 2, tp_unique, tp_unique_dim);
}
static tp_tensor *call_unique_consecutive(test_case *c)
{
    return distinct(c, 1, tp_unique_consecutive, tp_unique_consecutive_dim);
}

/* ---- search ---------------------------------------------------------------------------------- */

/* A tensor, or a number as a 0-d tensor of the dtype that Python's number has. */
static tp_tensor *arg_value(test_case *c, int position, const char *name)
{
    return arg_operand(c, position, name, NULL);
}

static tp_searchsorted_options search_options(test_case *c)
{
    tp_searchsorted_options o = {.out_int32 = arg_bool(c, -1, "out_int32", false),
                                 .right = arg_bool(c, -1, "right", false),
                                 .sorter = arg_tensor_or_null(c, -1, "sorter")};
    if (strcmp(arg_string(c, -1, "side", "left"), "right") == 0)
        o.right = true;
    return o;
}

static tp_tensor *call_searchsorted(test_case *c)
{
    tp_searchsorted_options o = search_options(c);
    tp_tensor *boundaries = arg_tensor(c, 0, "sorted_sequence");
    return tp_searchsorted(c->T, boundaries, arg_value(c, 1, "input"), &o);
}

static tp_tensor *call_bucketize(test_case *c)
{
    tp_searchsorted_options o = search_options(c);
    tp_tensor *x = arg_value(c, 0, "input");
    return tp_bucketize(c->T, x, arg_tensor(c, 1, "boundaries"), &o);
}

static tp_tensor *call_isin(test_case *c)
{
    tp_tensor *x = arg_value(c, 0, "elements"), *among = arg_value(c, 1, "test_elements");
    arg_bool(c, -1, "assume_unique", false);
    return tp_isin(c->T, x, among, arg_bool(c, -1, "invert", false));
}

/* ---- counting -------------------------------------------------------------------------------- */

static tp_tensor *call_bincount(test_case *c)
{
    tp_tensor *x = arg_tensor(c, 0, "input"), *weights = arg_tensor_or_null(c, 1, "weights");
    return tp_bincount(c->T, x, weights, arg_int(c, 2, "minlength", 0));
}

static tp_tensor *call_histc(test_case *c)
{
    tp_tensor *x = arg_tensor(c, 0, "input");
    int64_t bins = arg_int(c, 1, "bins", 100);
    double low = arg_double(c, 2, "min", 0);
    return tp_histc(c->T, x, bins, low, arg_double(c, 3, "max", 0));
}

static tp_histogram_options histogram_options(test_case *c, double range[2 * TP_MAX_DIMS])
{
    tp_histogram_options o = {.weight = arg_tensor_or_null(c, -1, "weight"),
                              .density = arg_bool(c, -1, "density", false)};
    const json_t *r = arg(c, -1, "range");
    for (size_t i = 0; i < json_array_size(r) && i < 2 * TP_MAX_DIMS; i++)
        range[i] = number_of(json_array_get(r, i));
    o.range = r != NULL ? range : NULL;
    return o;
}

static tp_tensor *call_histogram(test_case *c)
{
    double range[2 * TP_MAX_DIMS];
    tp_histogram_options o = histogram_options(c, range);
    tp_tensor *x = arg_tensor(c, 0, "input");
    c->n_out = 2;
    if (!arg_is_tensor(arg(c, 1, "bins")))
        return tp_histogram(c->T, x, arg_int(c, 1, "bins", 100), &o, &c->out[1]);
    c->out[1] = arg_tensor(c, 1, "bins");
    return tp_histogram_edges(c->T, x, c->out[1], &o);
}

/* bins: a number, numbers, or the edges of each coordinate */
static tp_tensor *call_histogramdd(test_case *c)
{
    double range[2 * TP_MAX_DIMS];
    int64_t bins[TP_MAX_DIMS];
    tp_histogram_options o = histogram_options(c, range);
    tp_tensor *x = arg_tensor(c, 0, "input");
    const json_t *b = arg(c, 1, "bins");
    int dims = (int)tp_size(x, -1);
    c->n_out = 1 + dims;
    if (arg_is_tensor(json_array_get(b, 0))) {
        arg_tensors(c, 1, "bins", TP_MAX_DIMS, &c->out[1]);
        return tp_histogramdd_edges(c->T, x, &c->out[1], &o);
    }
    for (int d = 0; d < dims && d < TP_MAX_DIMS; d++)
        bins[d] = json_integer_value(json_is_array(b) ? json_array_get(b, (size_t)d) : b);
    return tp_histogramdd(c->T, x, bins, &o, &c->out[1]);
}

const call_entry sort_calls[] = {
    {"sort", call_sort},
    {"argsort", call_argsort},
    {"msort", call_msort},
    {"topk", call_topk},
    {"kthvalue", call_kthvalue},
    {"mode", call_mode},
    {"median", call_median},
    {"nanmedian", call_nanmedian},
    {"quantile", call_quantile},
    {"nanquantile", call_nanquantile},
    {"unique", call_unique},
    {"unique_consecutive", call_unique_consecutive},
    {"searchsorted", call_searchsorted},
    {"bucketize", call_bucketize},
    {"isin", call_isin},
    {"bincount", call_bincount},
    {"histc", call_histc},
    {"histogram", call_histogram},
    {"histogramdd", call_histogramdd},
    {NULL, NULL},
};
