/* state.c - a module's state in a safetensors file. */
#include "nn/state.h"
#include "tapir/io.h"

#include <string.h>

/* ---- out ------------------------------------------------------------------------------------------------------------ */

/* Of the names of one tensor the first by the alphabet is saved, as torch's safetensors chooses; the others go into the
 * metadata with it. */
typedef struct {
    int n, m;
    const char **name, **key, **value;
    tp_tensor **tensor;
} content;

static const char *saved_as(const tp__state *s, int i)
{
    const char *first = s->name[i];
    for (int k = 0; s->tensor[i]->modules > 1 && k < s->n; k++)
        if (s->tensor[k] == s->tensor[i] && strcmp(s->name[k], first) < 0)
            first = s->name[k];
    return first;
}

static bool sort_out(tp_tape *T, const tp__state *s, content *c)
{
    size_t n = (size_t)s->n + 1;
    c->name = tp__arena_alloc(&T->arena, n * sizeof *c->name);
    c->key = tp__arena_alloc(&T->arena, n * sizeof *c->key);
    c->value = tp__arena_alloc(&T->arena, n * sizeof *c->value);
    c->tensor = tp__arena_alloc(&T->arena, n * sizeof *c->tensor);
    if (!c->name || !c->key || !c->value || !c->tensor)
        return false;
    c->n = 0;
    c->m = 1;
    c->key[0] = "format"; /* what torch's own reader asks for */
    c->value[0] = "pt";
    for (int i = 0; i < s->n; i++) {
        const char *as = s->of[i] ? s->name[i] : saved_as(s, i);
        if (as == s->name[i]) {
            c->name[c->n] = as;
            c->tensor[c->n++] = s->tensor[i];
        } else {
            c->key[c->m] = s->name[i];
            c->value[c->m++] = as;
        }
    }
    return true;
}

tp_status tp_module_save(tp_tape *T, tp_module *m, const char *path)
{
    TP__NAMED(T, "module_save");
    tp__state s;
    content c;
    if (m == NULL || path == NULL)
        return tp__missing(T, "module_save", m ? "the path" : "the module");
    if (!tp__ok(T))
        return tp_error_status(T);
    tp_mark mark = tp_tape_mark(T);
    if (tp__state_of(T, m, "module_save", true, &s) == TP_OK) {
        if (!sort_out(T, &s, &c))
            tp_fail(T, TP_ENOMEM, "module_save: no memory for %d names", s.n);
        else
            tp_safetensors_save(T, path, c.n, c.name, c.tensor, c.m, c.key, c.value);
    }
    tp__state_drop(&s);
    tp__rewind(T, mark);
    return T->status;
}

/* ---- in ------------------------------------------------------------------------------------------------------------- */

static tp_tensor *of_file(tp_tape *T, void *user, int i)
{
    tp_safetensors **f = user;
    if (i >= 0)
        return tp_safetensors_get(T, *f, tp_safetensors_name(*f, i));
    tp_safetensors_close(*f);
    *f = NULL;
    return NULL;
}

static void load(tp_tape *T, tp_module *m, tp_safetensors **f, const tp_load_options *options)
{
    int n = tp_safetensors_length(*f);
    const char **names = tp__arena_alloc(&T->arena, ((size_t)n + 1) * sizeof *names);
    if (names == NULL) {
        tp_fail(T, TP_ENOMEM, "module_load: no memory for %d names", n);
        return;
    }
    for (int i = 0; i < n; i++)
        names[i] = tp_safetensors_name(*f, i);
    tp__load_state(T, m, "module_load", n, names, of_file, f, options, true);
}

tp_status tp_module_load_from(tp_tape *T, tp_module *m, const char *path, const tp_load_options *options)
{
    TP__NAMED(T, "module_load_from");
    if (m == NULL || path == NULL)
        return tp__missing(T, "module_load_from", m ? "the path" : "the module");
    if (!tp__ok(T))
        return tp_error_status(T);
    tp_safetensors *f = tp_safetensors_open(T, path);
    if (f == NULL)
        return T->status;
    load(T, m, &f, options);
    tp_safetensors_close(f);
    return T->status;
}

tp_status tp_module_load(tp_tape *T, tp_module *m, const char *path)
{
    TP__NAMED(T, "module_load");
    if (m == NULL || path == NULL)
        return tp__missing(T, "module_load", m ? "the path" : "the module");
    return tp_module_load_from(T, m, path, &(tp_load_options){.same_dtype = true});
}
