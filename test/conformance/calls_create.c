/* calls_create.c - new tensors. */
#include "calls.h"

static tp_dtype dtype_asked(test_case *c, tp_dtype otherwise) { return arg_dtype(c, -1, "dtype", otherwise); }

/* What a Python number becomes. */
static tp_dtype dtype_of_number(const json_t *a)
{
    return json_is_boolean(a) ? TP_BOOL : json_is_integer(a) ? TP_I64 : TP_F32;
}

typedef tp_tensor *(*create_fn)(tp_tape *, tp_dtype, tp_dims);

static tp_tensor *create(test_case *c, create_fn f) { return f(c->T, dtype_asked(c, TP_F32), arg_shape(c, 0, "size")); }
static tp_tensor *call_zeros(test_case *c) { return create(c, tp_zeros); }
static tp_tensor *call_ones(test_case *c) { return create(c, tp_ones); }

static tp_tensor *call_full(test_case *c)
{
    tp_dims shape = arg_shape(c, 0, "size");
    tp_dtype dtype = dtype_asked(c, dtype_of_number(arg(c, 1, "fill_value")));
    return tp_full(c->T, dtype, shape, arg_double(c, 1, "fill_value", 0));
}

static tp_tensor *create_like(test_case *c, tp_tensor *(*like)(tp_tape *, tp_tensor *), create_fn f)
{
    tp_tensor *x = arg_tensor(c, 0, "input");
    tp_dtype dtype = dtype_asked(c, tp_dtype_of(x));
    return dtype == tp_dtype_of(x) ? like(c->T, x) : f(c->T, dtype, tp_shape_of(x));
}
static tp_tensor *call_zeros_like(test_case *c) { return create_like(c, tp_zeros_like, tp_zeros); }
static tp_tensor *call_ones_like(test_case *c) { return create_like(c, tp_ones_like, tp_ones); }

static tp_tensor *call_full_like(test_case *c)
{
    tp_tensor *x = arg_tensor(c, 0, "input");
    double value = arg_double(c, 1, "fill_value", 0);
    tp_dtype dtype = dtype_asked(c, tp_dtype_of(x));
    if (dtype == tp_dtype_of(x))
        return tp_full_like(c->T, x, value);
    return tp_full(c->T, dtype, tp_shape_of(x), value);
}

/* x.new_zeros(size): x gives the dtype. */
static tp_dtype dtype_of_input(test_case *c) { return dtype_asked(c, tp_dtype_of(arg_tensor(c, 0, "self"))); }
static tp_tensor *create_beside(test_case *c, create_fn f)
{
    return f(c->T, dtype_of_input(c), arg_shape(c, 1, "size"));
}
static tp_tensor *call_new_zeros(test_case *c) { return create_beside(c, tp_zeros); }
static tp_tensor *call_new_ones(test_case *c) { return create_beside(c, tp_ones); }

static tp_tensor *call_new_full(test_case *c)
{
    tp_dims shape = arg_shape(c, 1, "size");
    return tp_full(c->T, dtype_of_input(c), shape, arg_double(c, 2, "fill_value", 0));
}

static tp_tensor *call_eye(test_case *c)
{
    int64_t n = arg_int(c, 0, "n", 0);
    return tp_eye(c->T, dtype_asked(c, TP_F32), n, arg_int(c, 1, "m", n));
}

/* arange(end), arange(start, end), arange(start, end, step); any of them by name */
static tp_tensor *call_arange(test_case *c)
{
    int n = (int)json_array_size(c->args);
    bool two = n > 1 || (n == 1 && arg(c, -1, "end") != NULL) || arg(c, -1, "start") != NULL;
    const json_t *given[3] = {two ? arg(c, 0, "start") : NULL, arg(c, two && n > 1, "end"), arg(c, 2, "step")};
    if (two && n == 1)
        given[1] = arg(c, -1, "end");
    bool whole = true;
    for (int i = 0; i < 3; i++)
        whole = whole && (given[i] == NULL || dtype_of_number(given[i]) != TP_F32);
    double start = given[0] ? number_of(given[0]) : 0, end = given[1] ? number_of(given[1]) : 0;
    return tp_arange(c->T, dtype_asked(c, whole ? TP_I64 : TP_F32), start, end, given[2] ? number_of(given[2]) : 1);
}

static tp_tensor *call_linspace(test_case *c)
{
    double start = arg_double(c, 0, "start", 0), end = arg_double(c, 1, "end", 0);
    return tp_linspace(c->T, dtype_asked(c, TP_F32), start, end, arg_int(c, 2, "steps", 0));
}

static tp_tensor *call_logspace(test_case *c)
{
    double start = arg_double(c, 0, "start", 0), end = arg_double(c, 1, "end", 0);
    int64_t steps = arg_int(c, 2, "steps", 100);
    return tp_logspace(c->T, dtype_asked(c, TP_F32), start, end, steps, arg_double(c, 3, "base", 10));
}

static tp_tensor *triangle(test_case *c, tp_tensor *(*f)(tp_tape *, tp_dtype, int64_t, int64_t, int64_t))
{
    int64_t rows = arg_int(c, 0, "row", 0), columns = arg_int(c, 1, "col", 0);
    return f(c->T, dtype_asked(c, TP_I64), rows, columns, arg_int(c, 2, "offset", 0));
}
static tp_tensor *call_tril_indices(test_case *c) { return triangle(c, tp_tril_indices); }
static tp_tensor *call_triu_indices(test_case *c) { return triangle(c, tp_triu_indices); }

const call_entry create_calls[] = {
    {"logspace", call_logspace},
    {"tril_indices", call_tril_indices},
    {"triu_indices", call_triu_indices},
    {"zeros", call_zeros},
    {"ones", call_ones},
    {"full", call_full},
    {"zeros_like", call_zeros_like},
    {"ones_like", call_ones_like},
    {"full_like", call_full_like},
    {"new_zeros", call_new_zeros},
    {"new_ones", call_new_ones},
    {"new_full", call_new_full},
    {"eye", call_eye},
    {"arange", call_arange},
    {"linspace", call_linspace},
    {NULL, NULL},
};
