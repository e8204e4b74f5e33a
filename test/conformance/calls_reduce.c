/* calls_reduce.c - reductions, softmax. */
#include "calls.h"

#include <string.h>

/* The input, converted where the call asks for a dtype to compute in. */
static tp_tensor *input_as_asked(test_case *c, int dtype_position)
{
    tp_tensor *x = arg_tensor(c, 0, "input");
    return tp_to(c->T, x, arg_dtype(c, dtype_position, "dtype", tp_dtype_of(x)));
}

/* The result in that dtype, too: sums of integers are int64. */
static tp_tensor *as_asked(test_case *c, tp_tensor *y)
{
    return y == NULL ? NULL : tp_to(c->T, y, arg_dtype(c, -1, "dtype", tp_dtype_of(y)));
}

typedef tp_tensor *(*reduce_all_fn)(tp_tape *, tp_tensor *);
typedef tp_tensor *(*reduce_dim_fn)(tp_tape *, tp_tensor *, int, bool);
typedef tp_tensor *(*reduce_dims_fn)(tp_tape *, tp_tensor *, int, const int *, bool);

static tp_tensor *reduce(test_case *c, reduce_all_fn all, reduce_dim_fn one, reduce_dims_fn several)
{
    tp_tensor *x = input_as_asked(c, -1);
    dim_list dims = arg_dims(c, 1, "dim");
    bool keepdim = arg_bool(c, 2, "keepdim", false);
    if (all != NULL && dims.n == 0 && !keepdim)
        return as_asked(c, all(c->T, x));
    if (one != NULL && dims.single)
        return as_asked(c, one(c->T, x, dims.dim[0], keepdim));
    return as_asked(c, several(c->T, x, dims.n, dims.dim, keepdim));
}
static tp_tensor *call_sum(test_case *c) { return reduce(c, tp_sum, tp_sum_dim, tp_sum_dims); }
static tp_tensor *call_mean(test_case *c) { return reduce(c, tp_mean, tp_mean_dim, tp_mean_dims); }
static tp_tensor *call_amax(test_case *c) { return reduce(c, NULL, NULL, tp_amax); }
static tp_tensor *call_amin(test_case *c) { return reduce(c, NULL, NULL, tp_amin); }
static tp_tensor *call_logsumexp(test_case *c) { return reduce(c, NULL, NULL, tp_logsumexp); }

/* Over all, or along one dimension. */
static tp_tensor *all_or_one(test_case *c, reduce_all_fn all, reduce_dim_fn one)
{
    tp_tensor *x = input_as_asked(c, -1);
    dim_list dims = arg_dims(c, 1, "dim");
    bool keepdim = arg_bool(c, 2, "keepdim", false);
    return as_asked(c, dims.single ? one(c->T, x, dims.dim[0], keepdim) : all(c->T, x));
}
static tp_tensor *call_prod(test_case *c) { return all_or_one(c, tp_prod, tp_prod_dim); }
static tp_tensor *call_all(test_case *c) { return all_or_one(c, tp_all, tp_all_dim); }
static tp_tensor *call_any(test_case *c) { return all_or_one(c, tp_any, tp_any_dim); }
static tp_tensor *call_nansum(test_case *c) { return reduce(c, NULL, NULL, tp_nansum); }
static tp_tensor *call_nanmean(test_case *c) { return reduce(c, NULL, NULL, tp_nanmean); }

static tp_tensor *call_count_nonzero(test_case *c)
{
    dim_list dims = arg_dims(c, 1, "dim");
    return tp_count_nonzero(c->T, arg_tensor(c, 0, "input"), dims.n, dims.dim);
}

static tp_tensor *call_aminmax(test_case *c)
{
    dim_list dims = arg_dims(c, 1, "dim");
    c->n_out = 2;
    return tp_aminmax(c->T, arg_tensor(c, 0, "input"), dims.n, dims.dim, arg_bool(c, 2, "keepdim", false), &c->out[1]);
}

/* ---- norms ----------------------------------------------------------------------------------- */

static double order_asked(test_case *c, int position, const char *name)
{
    const json_t *a = arg(c, position, name);
    if (a == NULL || (json_is_string(a) && strcmp(json_string_value(a), "fro") == 0))
        return 2;
    return json_is_string(a) ? TP_NORM_NUC : number_of(a);
}

static tp_tensor *norm(test_case *c, const char *order, int keepdim_at)
{
    double p = order_asked(c, 1, order);
    dim_list dims = arg_dims(c, 2, "dim");
    bool keepdim = arg_bool(c, keepdim_at, "keepdim", false);
    if (p == TP_NORM_NUC)
        return tp_linalg_norm(c->T, input_as_asked(c, -1), p, dims.n, dims.dim, keepdim);
    return tp_linalg_vector_norm(c->T, input_as_asked(c, -1), p, dims.n, dims.dim, keepdim);
}
static tp_tensor *call_norm(test_case *c) { return norm(c, "p", 3); }
static tp_tensor *call_vector_norm(test_case *c) { return norm(c, "ord", 3); }

static tp_tensor *call_dist(test_case *c)
{
    tp_tensor *a = arg_tensor(c, 0, "input"), *b = arg_tensor(c, 1, "other");
    return tp_dist(c->T, a, b, arg_double(c, 2, "p", 2));
}

static tp_tensor *call_renorm(test_case *c)
{
    double p = arg_double(c, 1, "p", 2);
    int dim = (int)arg_int(c, 2, "dim", 0);
    return tp_renorm(c->T, arg_tensor(c, 0, "input"), p, dim, arg_double(c, 3, "maxnorm", 0));
}

/* ---- along a dimension ----------------------------------------------------------------------- */

static tp_tensor *running(test_case *c, tp_tensor *(*f)(tp_tape *, tp_tensor *, int))
{
    return as_asked(c, f(c->T, input_as_asked(c, -1), (int)arg_int(c, 1, "dim", 0)));
}
static tp_tensor *call_cumsum(test_case *c) { return running(c, tp_cumsum); }
static tp_tensor *call_cumprod(test_case *c) { return running(c, tp_cumprod); }
static tp_tensor *call_logcumsumexp(test_case *c) { return running(c, tp_logcumsumexp); }

static tp_tensor *running_extreme(test_case *c, tp_tensor *(*f)(tp_tape *, tp_tensor *, int, tp_tensor **))
{
    c->n_out = 2;
    return f(c->T, arg_tensor(c, 0, "input"), (int)arg_int(c, 1, "dim", 0), &c->out[1]);
}
static tp_tensor *call_cummax(test_case *c) { return running_extreme(c, tp_cummax); }
static tp_tensor *call_cummin(test_case *c) { return running_extreme(c, tp_cummin); }

static tp_tensor *call_diff(test_case *c)
{
    tp_tensor *x = arg_tensor(c, 0, "input"), *before = arg_tensor_or_null(c, 3, "prepend");
    int n = (int)arg_int(c, 1, "n", 1), dim = (int)arg_int(c, 2, "dim", -1);
    return tp_diff(c->T, x, n, dim, before, arg_tensor_or_null(c, 4, "append"));
}

static tp_tensor *call_gradient(test_case *c)
{
    tp_gradient_options o = {.edge_order = (int)arg_int(c, -1, "edge_order", 1)};
    tp_tensor *x = arg_tensor(c, 0, "input"), *places[TP_MAX_DIMS];
    double spacings[TP_MAX_DIMS];
    const json_t *spacing = arg(c, -1, "spacing");
    dim_list dims = arg_dims(c, -1, "dim");
    o.n = dims.n;
    o.dims = dims.dim;
    c->n_out = dims.n ? dims.n : tp_ndim(x);
    if (json_is_array(spacing) && (int)json_array_size(spacing) != c->n_out)
        case_skip(c, "lists of different lengths: C has no such call");
    if (arg_is_number(spacing))
        o.spacing = number_of(spacing);
    else if (json_is_array(spacing) && arg_is_tensor(json_array_get(spacing, 0)))
        o.coordinates = arg_tensors(c, -1, "spacing", TP_MAX_DIMS, places) ? places : NULL;
    else if (json_is_array(spacing)) {
        for (int i = 0; i < c->n_out; i++)
            spacings[i] = number_of(json_array_get(spacing, (size_t)i));
        o.spacings = spacings;
    }
    tp_gradient(c->T, x, &o, c->out);
    return c->out[0];
}

static tp_tensor *integral(test_case *c, tp_tensor *(*f)(tp_tape *, tp_tensor *, tp_tensor *, double, int))
{
    tp_tensor *y = arg_tensor(c, 0, "y"), *x = arg_tensor_or_null(c, 1, "x");
    double dx = arg_double(c, -1, "dx", 1);
    return f(c->T, y, x, dx, (int)arg_int(c, -1, "dim", -1));
}
static tp_tensor *call_trapezoid(test_case *c) { return integral(c, tp_trapezoid); }
static tp_tensor *call_cumulative_trapezoid(test_case *c) { return integral(c, tp_cumulative_trapezoid); }

static tp_tensor *call_cov(test_case *c)
{
    int correction = (int)arg_int(c, -1, "correction", 1);
    tp_tensor *f = arg_tensor_or_null(c, -1, "fweights"), *a = arg_tensor_or_null(c, -1, "aweights");
    return tp_cov(c->T, arg_tensor(c, 0, "input"), correction, f, a);
}
static tp_tensor *call_corrcoef(test_case *c) { return tp_corrcoef(c->T, arg_tensor(c, 0, "input")); }

/* max(x), max(x, other), or max(x, dim, keepdim) with indices. */
typedef tp_tensor *(*extreme_dim_fn)(tp_tape *, tp_tensor *, int, bool, tp_tensor **);
static tp_tensor *extreme(test_case *c, reduce_all_fn all, binary_fn binary, extreme_dim_fn along)
{
    tp_tensor *x = arg_tensor(c, 0, "input");
    const json_t *second = arg(c, 1, "dim");
    if (arg_is_tensor(second))
        return binary(c->T, x, arg_tensor(c, 1, "other"));
    if (second == NULL)
        return all(c->T, x);
    c->n_out = 2;
    int dim = (int)arg_int(c, 1, "dim", 0);
    return along(c->T, x, dim, arg_bool(c, 2, "keepdim", false), &c->out[1]);
}
static tp_tensor *call_max(test_case *c) { return extreme(c, tp_max, tp_maximum, tp_max_dim); }
static tp_tensor *call_min(test_case *c) { return extreme(c, tp_min, tp_minimum, tp_min_dim); }

static tp_tensor *position_of(test_case *c, reduce_dim_fn along)
{
    tp_tensor *x = arg_tensor(c, 0, "input");
    dim_list dims = arg_dims(c, 1, "dim");
    bool keepdim = arg_bool(c, 2, "keepdim", false);
    if (dims.n == 0) {
        tp_dims ones = tp_shape_of(x);
        for (int d = 0; d < ones.ndim; d++)
            ones.dim[d] = 1;
        tp_tensor *at = along(c->T, tp_flatten(c->T, x, 0, -1), 0, false);
        return keepdim ? tp_reshape(c->T, at, ones) : at;
    }
    return along(c->T, x, dims.dim[0], keepdim);
}
static tp_tensor *call_argmax(test_case *c) { return position_of(c, tp_argmax); }
static tp_tensor *call_argmin(test_case *c) { return position_of(c, tp_argmin); }

/* var(x, unbiased), var(x, dim, unbiased, keepdim), var(x, dim, correction=, keepdim=) */
typedef struct {
    tp_tensor *x;
    dim_list dims;
    double correction;
    bool keepdim;
} spread;

static spread spread_asked(test_case *c)
{
    spread s = {.x = arg_tensor(c, 0, "input")};
    bool only_unbiased = json_is_boolean(arg(c, 1, NULL));
    s.dims = only_unbiased ? (dim_list){.n = 0} : arg_dims(c, 1, "dim");
    bool unbiased = arg_bool(c, only_unbiased ? 1 : 2, "unbiased", true);
    s.correction = arg_double(c, -1, "correction", unbiased ? 1 : 0);
    s.keepdim = arg_bool(c, 3, "keepdim", false);
    return s;
}

static tp_tensor *call_var(test_case *c)
{
    spread s = spread_asked(c);
    return tp_var(c->T, s.x, s.dims.n, s.dims.dim, s.correction, s.keepdim);
}

static tp_tensor *call_std(test_case *c)
{
    spread s = spread_asked(c);
    return tp_std(c->T, s.x, s.dims.n, s.dims.dim, s.correction, s.keepdim);
}

static tp_tensor *call_var_mean(test_case *c)
{
    spread s = spread_asked(c);
    c->n_out = 2;
    return tp_var_mean(c->T, s.x, s.dims.n, s.dims.dim, s.correction, s.keepdim, &c->out[1]);
}

static tp_tensor *call_std_mean(test_case *c)
{
    spread s = spread_asked(c);
    c->n_out = 2;
    return tp_std_mean(c->T, s.x, s.dims.n, s.dims.dim, s.correction, s.keepdim, &c->out[1]);
}

static tp_tensor *call_softmax(test_case *c)
{
    return tp_softmax(c->T, input_as_asked(c, 2), (int)arg_int(c, 1, "dim", -1));
}
static tp_tensor *call_log_softmax(test_case *c)
{
    return tp_log_softmax(c->T, input_as_asked(c, 2), (int)arg_int(c, 1, "dim", -1));
}

const call_entry reduce_calls[] = {
    {"sum", call_sum},
    {"mean", call_mean},
    {"prod", call_prod},
    {"nansum", call_nansum},
    {"nanmean", call_nanmean},
    {"count_nonzero", call_count_nonzero},
    {"aminmax", call_aminmax},
    {"norm", call_norm},
    {"linalg.vector_norm", call_vector_norm},
    {"dist", call_dist},
    {"renorm", call_renorm},
    {"cumsum", call_cumsum},
    {"cumprod", call_cumprod},
    {"logcumsumexp", call_logcumsumexp},
    {"cummax", call_cummax},
    {"cummin", call_cummin},
    {"diff", call_diff},
    {"gradient", call_gradient},
    {"trapezoid", call_trapezoid},
    {"trapz", call_trapezoid},
    {"cumulative_trapezoid", call_cumulative_trapezoid},
    {"cov", call_cov},
    {"corrcoef", call_corrcoef},
    {"var_mean", call_var_mean},
    {"std_mean", call_std_mean},
    {"special.logsumexp", call_logsumexp},
    {"special.softmax", call_softmax},
    {"special.log_softmax", call_log_softmax},
    {"amax", call_amax},
    {"amin", call_amin},
    {"logsumexp", call_logsumexp},
    {"all", call_all},
    {"any", call_any},
    {"max", call_max},
    {"min", call_min},
    {"argmax", call_argmax},
    {"argmin", call_argmin},
    {"var", call_var},
    {"std", call_std},
    {"softmax", call_softmax},
    {"log_softmax", call_log_softmax},
    {NULL, NULL},
};
