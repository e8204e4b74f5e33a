/* args.c - a call's arguments out of JSON. A form that the caller did not ask for skips the case. */
#include "case.h"

#include <math.h>
#include <string.h>

void args_use(test_case *c, json_t *args, json_t *kwargs)
{
    json_decref(c->unread);
    c->args = args;
    c->kwargs = kwargs;
    c->unread = json_is_object(kwargs) ? json_copy(kwargs) : json_object();
    c->read = 0;
}

/* Where memory lies, and None, change no value. */
static bool harmless(const char *name, const json_t *value)
{
    static const char *const names[] = {"memory_format", "device", "layout", "pin_memory", "inplace", "copy"};
    if (json_is_null(value) || json_is_false(value))
        return true;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

void args_done(test_case *c)
{
    const char *name;
    json_t *value;
    json_object_foreach(c->unread, name, value) if (!harmless(name, value)) case_skip(c, "argument %s", name);
    for (size_t i = 0; i < json_array_size(c->args); i++)
        if (i >= 64 || ((c->read >> i & 1) == 0 && !json_is_null(json_array_get(c->args, i))))
            case_skip(c, "argument %zu", i);
}

json_t *arg(test_case *c, int position, const char *name)
{
    json_t *a = NULL;
    if (position >= 0 && position < 64 && (size_t)position < json_array_size(c->args)) {
        a = json_array_get(c->args, (size_t)position);
        c->read |= (uint64_t)1 << position;
    } else if (name != NULL) {
        a = json_object_get(c->kwargs, name);
        json_object_del(c->unread, name);
    }
    return json_is_null(a) ? NULL : a;
}

static const json_t *special_float(const json_t *a)
{
    const json_t *f = json_object_get(a, "f");
    return json_is_string(f) ? f : NULL;
}

bool arg_is_tensor(const json_t *a) { return json_is_integer(json_object_get(a, "t")); }

bool arg_is_number(const json_t *a) { return json_is_number(a) || json_is_boolean(a) || special_float(a) != NULL; }

double number_of(const json_t *a)
{
    const json_t *f = special_float(a);
    if (f == NULL)
        return json_is_boolean(a) ? (double)json_is_true(a) : json_number_value(a);
    const char *text = json_string_value(f);
    return strcmp(text, "nan") == 0 ? (double)NAN : text[0] == '-' ? -(double)INFINITY : (double)INFINITY;
}

static tp_tensor *tensor_of(test_case *c, const json_t *a, const char *name)
{
    json_int_t k = arg_is_tensor(a) ? json_integer_value(json_object_get(a, "t")) : -1;
    if (k >= 0 && k < c->n_in)
        return c->in[k];
    case_skip(c, "%s is not a tensor", name);
    return NULL;
}

tp_tensor *arg_tensor(test_case *c, int position, const char *name)
{
    return tensor_of(c, arg(c, position, name), name);
}

tp_tensor *arg_tensor_or_null(test_case *c, int position, const char *name)
{
    const json_t *a = arg(c, position, name);
    return a != NULL ? tensor_of(c, a, name) : NULL;
}

int64_t arg_int(test_case *c, int position, const char *name, int64_t otherwise)
{
    const json_t *a = arg(c, position, name);
    if (a == NULL)
        return otherwise;
    if (arg_is_tensor(a))
        return (int64_t)tp_item(tensor_of(c, a, name));
    if (!json_is_integer(a))
        case_skip(c, "%s is not an int", name);
    return json_integer_value(a);
}

bool arg_bool(test_case *c, int position, const char *name, bool otherwise)
{
    const json_t *a = arg(c, position, name);
    if (a == NULL)
        return otherwise;
    if (!json_is_boolean(a))
        case_skip(c, "%s is not a bool", name);
    return json_is_true(a);
}

double arg_double(test_case *c, int position, const char *name, double otherwise)
{
    const json_t *a = arg(c, position, name);
    if (a == NULL)
        return otherwise;
    if (!arg_is_number(a))
        case_skip(c, "%s is not a number", name);
    return number_of(a);
}

double arg_option(test_case *c, int position, const char *name, double otherwise)
{
    double value = arg_double(c, position, name, otherwise);
    return value != 0 ? value : TP_ZERO;
}

const char *arg_string(test_case *c, int position, const char *name, const char *otherwise)
{
    const json_t *a = arg(c, position, name);
    if (a == NULL)
        return otherwise;
    if (!json_is_string(a))
        case_skip(c, "%s is not a string", name);
    return json_is_string(a) ? json_string_value(a) : otherwise;
}

tp_dtype arg_dtype(test_case *c, int position, const char *name, tp_dtype otherwise)
{
    const json_t *a = arg(c, position, name);
    const char *text = json_string_value(json_object_get(a, "dtype"));
    if (a != NULL && (text == NULL || !dtype_of_name(text, &otherwise)))
        case_skip(c, "%s is not one of the dtypes", name);
    return otherwise;
}

static void shape_append(test_case *c, tp_dims *shape, const json_t *a)
{
    if (!json_is_integer(a))
        case_skip(c, "a size is not an int");
    else if (shape->ndim == TP_MAX_DIMS)
        case_skip(c, "more than %d dimensions", TP_MAX_DIMS);
    else
        shape->dim[shape->ndim++] = json_integer_value(a);
}

tp_dims arg_shape(test_case *c, int position, const char *name)
{
    tp_dims shape = TP_SCALAR;
    const json_t *a = arg(c, position, name);
    if (json_is_array(a)) {
        for (size_t i = 0; i < json_array_size(a); i++)
            shape_append(c, &shape, json_array_get(a, i));
        return shape;
    }
    for (; a != NULL; a = arg(c, ++position, NULL))
        shape_append(c, &shape, a);
    return shape;
}

dim_list arg_dims(test_case *c, int position, const char *name)
{
    dim_list list = {.single = false};
    const json_t *a = arg(c, position, name);
    if (a == NULL)
        return list;
    tp_dims shape = TP_SCALAR;
    list.single = !json_is_array(a);
    for (size_t i = 0; i < json_array_size(a); i++)
        shape_append(c, &shape, json_array_get(a, i));
    if (list.single)
        shape_append(c, &shape, a);
    list.n = shape.ndim;
    for (int i = 0; i < list.n; i++)
        list.dim[i] = (int)shape.dim[i];
    return list;
}

void arg_sizes(test_case *c, int position, const char *name, int n, int64_t *out)
{
    dim_list list = arg_dims(c, position, name);
    for (int d = 0; d < n && list.n > 0; d++)
        out[d] = list.dim[list.n == 1 ? 0 : d];
}

int arg_tensors(test_case *c, int position, const char *name, int max, tp_tensor **out)
{
    const json_t *a = arg(c, position, name);
    int n = (int)json_array_size(a);
    if (!json_is_array(a) || n > max) {
        case_skip(c, "%s is not a list of at most %d tensors", name, max);
        return 0;
    }
    for (int i = 0; i < n; i++)
        out[i] = tensor_of(c, json_array_get(a, (size_t)i), name);
    return n;
}

/* bool < int < float: a number changes a tensor's dtype only where it is of a higher kind. */
static tp_dtype dtype_beside(const json_t *a, const tp_tensor *beside)
{
    bool known = beside != NULL;
    if (json_is_boolean(a))
        return known ? tp_dtype_of(beside) : TP_BOOL;
    if (json_is_integer(a))
        return known && tp_dtype_of(beside) != TP_BOOL ? tp_dtype_of(beside) : TP_I64;
    return known && tp_dtype_is_float(tp_dtype_of(beside)) ? tp_dtype_of(beside) : TP_F32;
}

tp_tensor *arg_operand(test_case *c, int position, const char *name, const tp_tensor *beside)
{
    const json_t *a = arg(c, position, name);
    if (!arg_is_number(a))
        return tensor_of(c, a, name);
    return tp_scalar(c->T, dtype_beside(a, beside), number_of(a));
}

tp_tensor *times_alpha(test_case *c, tp_tensor *x)
{
    double alpha = arg_double(c, -1, "alpha", 1);
    if (alpha == 1)
        return x;
    return tp_dtype_of(x) == TP_BOOL ? tp_mul(c->T, x, tp_scalar(c->T, TP_BOOL, alpha)) : tp_mul_scalar(c->T, x, alpha);
}

tp_dims arg_sizes_or_none(test_case *c, int position, const char *name)
{
    const json_t *a = arg(c, position, name);
    tp_dims sizes = {.ndim = json_is_array(a) ? (int)json_array_size(a) : 1};
    for (int d = 0; d < sizes.ndim && d < TP_MAX_DIMS; d++) {
        const json_t *size = json_is_array(a) ? json_array_get(a, (size_t)d) : a;
        sizes.dim[d] = json_is_integer(size) ? json_integer_value(size) : -1;
    }
    return sizes;
}

void size_asked(test_case *c, int position, tp_interpolate_options *o)
{
    const json_t *size = arg(c, position, "size"), *factor = arg(c, position + 1, "scale_factor");
    if (size)
        o->size = arg_sizes_or_none(c, position, "size");
    for (size_t d = 0; d < 3 && json_is_array(factor) && d < json_array_size(factor); d++)
        o->scale_factor[d] = number_of(json_array_get(factor, d));
    if (factor && !json_is_array(factor))
        o->scale_factor[0] = number_of(factor);
}

void interpolation_asked(test_case *c, int position, tp_interpolate_options *o)
{
    static const char *const modes[] = {"nearest",   "nearest-exact", "linear", "bilinear",
                                        "trilinear", "bicubic",       "area"};
    const char *mode = arg_string(c, position + 2, "mode", "nearest");
    *o = (tp_interpolate_options){.align_corners = arg_bool(c, position + 3, "align_corners", false),
                                  .recompute_scale_factor = arg_bool(c, position + 4, "recompute_scale_factor", false),
                                  .antialias = arg_bool(c, position + 5, "antialias", false)};
    size_asked(c, position, o);
    for (int i = 0; i < 7; i++)
        if (strcmp(mode, modes[i]) == 0) {
            o->mode = (tp_interpolation)i;
            return;
        }
    case_skip(c, "mode %s", mode);
}

void unfold_asked(test_case *c, int position, tp_unfold_options *o)
{
    *o = (tp_unfold_options){.stride = {0}};
    arg_sizes(c, position, "dilation", 2, o->dilation);
    arg_sizes(c, position + 1, "padding", 2, o->padding);
    arg_sizes(c, position + 2, "stride", 2, o->stride);
}

tp_bag_mode arg_bag_mode(test_case *c, int position)
{
    const char *name = arg_string(c, position, "mode", "mean");
    return strcmp(name, "sum") == 0 ? TP_BAG_SUM : strcmp(name, "max") == 0 ? TP_BAG_MAX : TP_BAG_MEAN;
}
