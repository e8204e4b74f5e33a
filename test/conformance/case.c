/* case.c - reading a case, and what a case has come to. */
#include "case.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void settle(test_case *c, outcome to, const char *format, va_list list)
{
    if (c->came_to != PASSED)
        return;
    c->came_to = to;
    vsnprintf(c->why, sizeof c->why, format, list);
}

void case_skip(test_case *c, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    settle(c, SKIPPED, format, list);
    va_end(list);
}

void case_fail(test_case *c, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    settle(c, FAILED, format, list);
    va_end(list);
}

bool case_ok(test_case *c)
{
    if (tp_error(c->T) != NULL)
        case_fail(c, "%s: %s", tp_status_name(tp_error_status(c->T)), tp_error(c->T));
    return c->came_to == PASSED;
}

/* x's values in a leaf that is not contiguous: dimensions in reverse order, every second element, from the second on. There
 * is no dimension to double one of TP_MAX_DIMS in: that stays as it is. */
static tp_tensor *strided_copy(tp_tape *T, tp_tensor *x)
{
    if (tp_ndim(x) == TP_MAX_DIMS)
        return x;
    tp_dims reverse = {.ndim = tp_ndim(x)};
    for (int i = 0; i < reverse.ndim; i++)
        reverse.dim[i] = reverse.ndim - 1 - i;
    tp_tensor *turned = tp_permute(T, x, reverse), *pair[2] = {tp_zeros_like(T, turned), turned};
    return tp_detach(T, tp_permute(T, tp_select(T, tp_stack(T, 2, pair, -1), -1, 1), reverse));
}

/* The result of these is about memory, or an error, where the input is not contiguous. */
static bool about_strides(const char *op)
{
    static const char *const names[] = {"as_strided", "as_strided_scatter", "view", "view_as", "resize_", "resize_as_"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(op, names[i]) == 0)
            return true;
    return false;
}

/* The inputs i.in.0, i.in.1, ... One that a tensor of the library cannot hold skips the case. */
static void read_inputs(test_case *c, bool strided)
{
    char name[16];
    for (c->n_in = 0; c->n_in < CASE_MAX_IN; c->n_in++) {
        snprintf(name, sizeof name, "%d", c->n_in);
        if (!case_has(c, "in", name))
            return;
        c->in[c->n_in] = case_tensor(c, "in", name);
        if (c->in[c->n_in] != NULL && strided && !about_strides(c->op))
            c->in[c->n_in] = strided_copy(c->T, c->in[c->n_in]);
        if (c->in[c->n_in] != NULL)
            continue;
        if (tp_error_status(c->T) == TP_EUNSUPPORTED)
            case_skip(c, "in.%s: %s", name, tp_error(c->T));
        case_ok(c);
        return;
    }
}

bool case_open(test_case *c, tp_tape *T, const tp_safetensors *file, int number, bool strided)
{
    char key[32];
    json_error_t error;
    memset(c, 0, sizeof *c);
    c->T = T;
    c->file = file;
    c->number = number;
    c->op = "?";
    snprintf(key, sizeof key, "case.%d", number);
    const char *text = tp_safetensors_metadata(file, key);
    c->json = text != NULL ? json_loads(text, 0, &error) : NULL;
    if (c->json == NULL) {
        case_fail(c, "%s: %s", key, text != NULL ? error.text : "not in the file");
        return false;
    }
    c->op = case_text(c, "op");
    args_use(c, json_object_get(c->json, "args"), json_object_get(c->json, "kwargs"));
    read_inputs(c, strided);
    return c->came_to == PASSED;
}

void case_close(test_case *c)
{
    tp_clear_error(c->T);
    tp_tape_reset(c->T);
    for (int i = 0; i < c->n_owned; i++)
        tp_free(c->owned[i]);
    tp_module_free(c->module);
    json_decref(c->unread);
    json_decref(c->json);
}

const char *case_text(const test_case *c, const char *key)
{
    const char *text = json_string_value(json_object_get(c->json, key));
    return text != NULL ? text : "";
}

bool dtype_of_name(const char *name, tp_dtype *out)
{
    for (int i = 0; i < TP_DTYPES; i++)
        if (strcmp(name, tp_dtype_name((tp_dtype)i)) == 0) {
            *out = (tp_dtype)i;
            return true;
        }
    return false;
}

tp_dtype case_dtype(test_case *c)
{
    tp_dtype dtype = TP_F32;
    if (!dtype_of_name(case_text(c, "dtype"), &dtype))
        case_skip(c, "dtype %s", case_text(c, "dtype"));
    return dtype;
}

int case_numbers(test_case *c, const char *key, int max, int *out)
{
    const json_t *list = json_object_get(c->json, key);
    int n = (int)json_array_size(list);
    if (n > max)
        case_fail(c, "%d numbers in %s; there is room for %d", n, key, max);
    for (int i = 0; i < n && i < max; i++)
        out[i] = (int)json_integer_value(json_array_get(list, (size_t)i));
    return n < max ? n : max;
}

tolerance case_tolerance(const test_case *c, const char *prefix)
{
    char key[32];
    snprintf(key, sizeof key, "%srtol", prefix);
    double rtol = json_number_value(json_object_get(c->json, key));
    snprintf(key, sizeof key, "%satol", prefix);
    return (tolerance){rtol, json_number_value(json_object_get(c->json, key))};
}

bool case_has(const test_case *c, const char *kind, const char *name)
{
    char full[256];
    snprintf(full, sizeof full, "%d.%s%s%s", c->number, kind, kind[0] != '\0' ? "." : "", name);
    return tp_safetensors_has(c->file, full);
}

tp_tensor *case_tensor(test_case *c, const char *kind, const char *name)
{
    char full[256];
    snprintf(full, sizeof full, "%d.%s%s%s", c->number, kind, kind[0] != '\0' ? "." : "", name);
    return tp_safetensors_get(c->T, c->file, full);
}

tp_tensor *case_tensor_at(test_case *c, const char *kind, int k)
{
    char name[16];
    snprintf(name, sizeof name, "%d", k);
    return case_tensor(c, kind, name);
}

tp_tensor *case_keep(test_case *c, tp_tensor *x)
{
    if (c->n_owned == CASE_MAX_OWNED) {
        case_fail(c, "more than %d owned tensors", CASE_MAX_OWNED);
        return NULL;
    }
    tp_tensor *owned = tp_keep(x);
    if (owned == NULL)
        case_fail(c, "tp_keep gave nothing");
    else
        c->owned[c->n_owned++] = owned;
    return owned;
}
