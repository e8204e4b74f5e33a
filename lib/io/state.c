/* state.c - a module's parameters and buffers in a safetensors file. */
#include "tape/tape.h"
#include "tapir/io.h"
#include "tapir/nn.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    tp_tape *T;
    int n;
    char **name; /* NULL: counting */
    tp_tensor **tensor;
} state;

static void state_free(state *s)
{
    for (int i = 0; s->name && i < s->n; i++)
        tp__free(s->name[i]);
    tp__free(s->name);
    tp__free(s->tensor);
}

static tp_status visit(const char *name, tp_tensor *x, bool is_param, void *user)
{
    state *s = user;
    (void)is_param;
    if (s->name) {
        size_t bytes = strlen(name) + 1;
        if ((s->name[s->n] = tp__malloc(bytes)) == NULL)
            return TP_ENOMEM;
        memcpy(s->name[s->n], name, bytes);
        s->tensor[s->n] = x;
    }
    s->n++;
    return TP_OK;
}

/* All names and tensors of m. */
static tp_status state_of(tp_tape *T, tp_module *m, state *s)
{
    *s = (state){.T = T};
    tp_status status = tp_module_visit(m, visit, s);
    int n = s->n;
    s->name = tp__calloc((size_t)n + 1, sizeof *s->name);
    s->tensor = tp__calloc((size_t)n + 1, sizeof *s->tensor);
    s->n = 0;
    if (status == TP_OK)
        status = s->name && s->tensor ? tp_module_visit(m, visit, s) : TP_ENOMEM;
    if (status != TP_OK) {
        state_free(s);
        return tp_fail(T, status, "module_save, module_load: %s",
                       status == TP_ENOMEM ? "no memory" : "a name is too long");
    }
    return TP_OK;
}

tp_status tp_module_save(tp_tape *T, tp_module *m, const char *path)
{
    TP__NAMED(T, "module_save");
    state s;
    if (m == NULL || path == NULL)
        return tp__missing(T, "module_save", m ? "the path" : "the module");
    if (!tp__ok(T))
        return tp_error_status(T);
    if (state_of(T, m, &s) != TP_OK)
        return T->status;
    const char *key = "format", *value = "pt"; /* what torch's own reader asks for */
    tp_status status = tp_safetensors_save(T, path, s.n, (const char *const *)s.name, s.tensor, 1, &key, &value);
    state_free(&s);
    return status;
}

/* The tensor of the file that belongs to s->tensor[i], or NULL after a failure. */
static tp_tensor *matching(const state *s, const tp_safetensors *f, const char *path, int i)
{
    tp_tape *T = s->T;
    if (!tp_safetensors_has(f, s->name[i])) {
        tp_fail(T, TP_EINVAL, "module_load: %s has no %s; the module needs it", path, s->name[i]);
        return NULL;
    }
    tp_tensor *x = tp_safetensors_get(T, f, s->name[i]), *y = s->tensor[i];
    if (x && (x->dtype != y->dtype || !tp__dims_equal(tp__dims_of(x), tp__dims_of(y)))) {
        tp_fail(T, x->dtype != y->dtype ? TP_EDTYPE : TP_ESHAPE,
                "module_load: %s: %s is %s of %s, the module's %s of %s; one shape and dtype are needed", path,
                s->name[i], TP__SHAPE(x), tp_dtype_name(x->dtype), TP__SHAPE(y), tp_dtype_name(y->dtype));
        return NULL;
    }
    return x;
}

static int by_text(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

/* That all that is in the file is in the module. */
static tp_status check_known(const state *s, const tp_safetensors *f, const char *path)
{
    const char **sorted = tp__malloc(((size_t)s->n + 1) * sizeof *sorted), *name = NULL;
    if (sorted == NULL)
        return tp_fail(s->T, TP_ENOMEM, "module_load: no memory for %d names", s->n);
    for (int i = 0; i < s->n; i++)
        sorted[i] = s->name[i];
    qsort(sorted, (size_t)s->n, sizeof *sorted, by_text);
    for (int k = 0; k < tp_safetensors_length(f); k++) {
        name = tp_safetensors_name(f, k);
        if (!bsearch(&name, sorted, (size_t)s->n, sizeof *sorted, by_text))
            break;
        name = NULL;
    }
    tp__free(sorted);
    return name ? tp_fail(s->T, TP_EINVAL,
                          "module_load: the module has no %s, which is in %s; all that is there is needed", name, path)
                : TP_OK;
}

static tp_status load(const state *s, const tp_safetensors *f, const char *path)
{
    tp_tape *T = s->T;
    tp_tensor **found = tp__arena_alloc(&T->arena, ((size_t)s->n + 1) * sizeof *found);
    if (found == NULL)
        return tp_fail(T, TP_ENOMEM, "module_load: no memory");
    if (check_known(s, f, path) != TP_OK)
        return T->status;
    for (int i = 0; i < s->n; i++)
        if ((found[i] = matching(s, f, path, i)) == NULL)
            return T->status;
    for (int i = 0; i < s->n && T->status == TP_OK; i++)
        tp_copy_into(T, s->tensor[i], found[i]);
    return T->status;
}

tp_status tp_module_load(tp_tape *T, tp_module *m, const char *path)
{
    TP__NAMED(T, "module_load");
    state s;
    if (m == NULL || path == NULL)
        return tp__missing(T, "module_load", m ? "the path" : "the module");
    if (!tp__ok(T))
        return tp_error_status(T);
    tp_safetensors *f = tp_safetensors_open(T, path);
    if (f == NULL)
        return T->status;
    tp_mark mark = tp_tape_mark(T);
    if (state_of(T, m, &s) == TP_OK) {
        load(&s, f, path);
        state_free(&s);
    }
    tp__rewind(T, mark);
    tp_safetensors_close(f);
    return T->status;
}
