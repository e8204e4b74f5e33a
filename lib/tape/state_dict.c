/* state_dict.c - lists of tensors by name. */
#include "tape/state_dict.h"
#include "tape/tape.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* ---- the public list ---------------------------------------------------------------------------------------------------- */

tp_state_dict *tp__state_dict_new(int n, char *const *names, tp_tensor *const *tensors)
{
    size_t count = (size_t)n, text = 0;
    for (size_t i = 0; i < count; i++)
        text += strlen(names[i]) + 1;
    tp_state_dict *d = tp__malloc(sizeof *d + 2 * count * sizeof(void *) + text);
    if (d == NULL)
        return NULL;
    const char **name = (const char **)(void *)(d + 1);
    tp_tensor **tensor = (tp_tensor **)(void *)(name + count);
    char *at = (char *)(void *)(tensor + count);
    *d = (tp_state_dict){.n = n, .names = name, .tensors = tensor};
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(names[i]) + 1;
        name[i] = memcpy(at, names[i], length);
        at += length;
        tensor[i] = tensors[i];
    }
    return d;
}

void tp_state_dict_free(tp_state_dict *d)
{
    for (int i = 0; d && i < d->n; i++) {
        tp_tensor *x = d->tensors[i];
        if (x == NULL) /* there was no memory for it */
            continue;
        if (x->flags & TP__BELONGS) {
            x->modules--;
            tp__tensor_drop(x);
        } else {
            tp_free(x);
        }
    }
    tp__free(d);
}

tp_tensor *tp_state_dict_get(const tp_state_dict *d, const char *name)
{
    for (int i = 0; d && name && i < d->n; i++)
        if (strcmp(d->names[i], name) == 0)
            return d->tensors[i];
    return NULL;
}

/* ---- a list that grows -------------------------------------------------------------------------------------------------- */

static bool grow(tp__state_list *l)
{
    if (l->n < l->room)
        return true;
    int room = l->room ? 2 * l->room : 16;
    char **name = tp__realloc(l->name, (size_t)room * sizeof *name);
    l->name = name ? name : l->name;
    tp_tensor **tensor = tp__realloc(l->tensor, (size_t)room * sizeof *tensor);
    l->tensor = tensor ? tensor : l->tensor;
    if (name && tensor)
        l->room = room;
    return name && tensor;
}

static void add(tp__state_list *l, tp_tensor *x, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    int length = tp__vsnprintf(NULL, 0, format, args);
    char *name = length < 0 || x == NULL || !grow(l) ? NULL : tp__malloc((size_t)length + 1);
    if (name) {
        tp__vsnprintf(name, (size_t)length + 1, format, again);
        l->name[l->n] = name;
        l->tensor[l->n++] = x;
    } else {
        l->failed = true;
        tp_free(x);
    }
    va_end(again);
}

void tp__state_add(tp__state_list *l, tp_tensor *x, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add(l, x, format, args);
    va_end(args);
}

void tp__state_add_numbers(tp__state_list *l, tp_dtype dtype, int ndim, int64_t n, const double *values,
                           const char *format, ...)
{
    va_list args;
    tp_tensor *x = tp__tensor_owned(dtype, (tp_dims){.ndim = ndim, .dim = {n}});
    for (int64_t i = 0; x && i < n; i++)
        tp__store((char *)x->data + (size_t)i * tp_dtype_size(dtype), dtype, values[i]);
    va_start(args, format);
    add(l, x, format, args);
    va_end(args);
}

tp_state_dict *tp__state_list_end(tp_tape *T, tp__state_list *l, const char *speaker)
{
    tp_state_dict *d = l->failed ? NULL : tp__state_dict_new(l->n, l->name, l->tensor);
    for (int i = 0; i < l->n; i++) {
        tp__free(l->name[i]);
        if (d == NULL)
            tp_free(l->tensor[i]);
    }
    if (d == NULL)
        tp_fail(T, TP_ENOMEM, "%s: no memory for the state", speaker);
    tp__free(l->name);
    tp__free(l->tensor);
    *l = (tp__state_list){0};
    return d;
}

tp_state_dict *tp_state_dict_part(tp_tape *T, const tp_state_dict *d, const char *key)
{
    TP__NAMED(T, "state_dict_part");
    tp__state_list list = {0};
    if (d == NULL || key == NULL)
        tp__missing(T, "state_dict_part", d ? "the key" : "the list");
    if (!tp__ok(T) || d == NULL || key == NULL)
        return NULL;
    size_t length = strlen(key);
    for (int i = 0; i < d->n; i++)
        if (strncmp(d->names[i], key, length) == 0 && d->names[i][length] == '.')
            tp__state_add(&list, tp_keep(d->tensors[i]), "%s", d->names[i] + length + 1);
    return tp__state_list_end(T, &list, "state_dict_part");
}

/* ---- names that are looked up ------------------------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
    return strcmp(((const tp__given *)a)->name, ((const tp__given *)b)->name);
}

tp__given *tp__given_find(tp__given *given, int n, const char *name)
{
    const tp__given key = {.name = name};
    return n > 0 ? bsearch(&key, given, (size_t)n, sizeof *given, by_name) : NULL;
}

tp_status tp__given_sort(tp_tape *T, const char *speaker, int n, const char *const *names, tp__given *given)
{
    for (int i = 0; i < n; i++) {
        if (names[i] == NULL)
            return tp_fail(T, TP_EINVAL, "%s: name %d is NULL; one is needed", speaker, i);
        given[i] = (tp__given){.name = names[i], .i = i};
    }
    if (n > 0)
        qsort(given, (size_t)n, sizeof *given, by_name);
    for (int i = 1; i < n; i++)
        if (strcmp(given[i - 1].name, given[i].name) == 0)
            return tp_fail(T, TP_EINVAL, "%s: %s is there twice; each name is needed once", speaker, given[i].name);
    return TP_OK;
}
