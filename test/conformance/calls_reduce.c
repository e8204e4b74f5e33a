/* calls_reduce.c - reductions, softmax. */
#include "calls.h"

/* The input, converted where the call asks for a dtype to compute in. */
static tp_tensor *input_as_asked(test_case *c, int dtype_position)
{
    tp_tensor *x = arg_tensor(c, 0, "input");
    return tp_to(c->T, x, arg_dtype(c, dtype_position, "dtype", tp_dtype_of(x)));
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
        return all(c->T, x);
    if (one != NULL && dims.single)
        return one(c->T, x, dims.dim[0], keepdim);
    return several(c->T, x, dims.n, dims.dim, keepdim);
}
static tp_tensor *call_sum(test_case *c) { return reduce(c, tp_sum, tp_sum_dim, tp_sum_dims); }
static tp_tensor *call_mean(test_case *c) { return reduce(c, tp_mean, tp_mean_dim, tp_mean_dims); }
static tp_tensor *call_amax(test_case *c) { return reduce(c, NULL, NULL, tp_amax); }
static tp_tensor *call_amin(test_case *c) { return reduce(c, NULL, NULL, tp_amin); }
static tp_tensor *call_logsumexp(test_case *c) { return reduce(c, NULL, NULL, tp_logsumexp); }

static tp_tensor *call_prod(test_case *c) { return tp_prod(c->T, input_as_asked(c, -1)); }
static tp_tensor *call_all(test_case *c) { return tp_all(c->T, arg_tensor(c, 0, "input")); }
static tp_tensor *call_any(test_case *c) { return tp_any(c->T, arg_tensor(c, 0, "input")); }

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
    if (dims.n == 0)
        return along(c->T, tp_flatten(c->T, x, 0, -1), 0, false);
    return along(c->T, x, dims.dim[0], keepdim);
}
static tp_tensor *call_argmax(test_case *c) { return position_of(c, tp_argmax); }
static tp_tensor *call_argmin(test_case *c) { return position_of(c, tp_argmin); }

/* var(x, unbiased), var(x, dim, unbiased, keepdim), var(x, dim, correction=, keepdim=) */
typedef tp_tensor *(*spread_fn)(tp_tape *, tp_tensor *, int, const int *, double, bool);
static tp_tensor *spread(test_case *c, spread_fn f)
{
    tp_tensor *x = arg_tensor(c, 0, "input");
    bool only_unbiased = json_is_boolean(arg(c, 1, NULL));
    dim_list dims = only_unbiased ? (dim_list){.n = 0} : arg_dims(c, 1, "dim");
    bool unbiased = arg_bool(c, only_unbiased ? 1 : 2, "unbiased", true);
    double correction = arg_double(c, -1, "correction", unbiased ? 1 : 0);
    return f(c->T, x, dims.n, dims.dim, correction, arg_bool(c, 3, "keepdim", false));
}
static tp_tensor *call_var(test_case *c) { return spread(c, tp_var); }
static tp_tensor *call_std(test_case *c) { return spread(c, tp_std); }

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
