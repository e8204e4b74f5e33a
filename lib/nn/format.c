/* format.c - a module as torch's repr has it: each child on a line of its own, two columns deeper. */
#include "nn/nn.h"
#include "tapir/parametrize.h"

#include <string.h>

typedef struct {
    char *buffer;
    size_t n;
    int64_t length; /* of the whole text */
} writer;

static void put(writer *w, const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++, w->length++)
        if ((size_t)w->length + 1 < w->n)
            w->buffer[w->length] = text[i];
}

static void put_text(writer *w, const char *text) { put(w, text, strlen(text)); }

static void new_line(writer *w, int depth)
{
    put_text(w, "\n");
    for (int i = 0; i < depth; i++)
        put_text(w, "  ");
}

/* Each line of it behind `depth` indents. */
static void put_lines(writer *w, const char *text, int depth)
{
    for (size_t n; n = strcspn(text, "\n"), text[n] != '\0'; text += n + 1) {
        put(w, text, n);
        new_line(w, depth);
    }
    put_text(w, text);
}

/* What the class writes between the parentheses: in `few` where it fits, else in memory to be freed; cut where there is
 * none. */
static char *extra_of(const tp_module *m, char *few, size_t room)
{
    few[0] = '\0';
    int n = m->type->extra_repr ? m->type->extra_repr(m, few, room) : 0;
    char *all = n > 0 && (size_t)n >= room ? tp__malloc((size_t)n + 1) : NULL;
    if (all == NULL)
        return few;
    all[0] = '\0';
    m->type->extra_repr(m, all, (size_t)n + 1);
    return all;
}

static void format(writer *w, tp_module *m, int depth)
{
    char few[256];
    bool children = false, outermost = tp__module_use(m);
    for (int i = 0; i < m->n_entries; i++)
        children |= m->entries[i].kind == TP__IS_CHILD;
    char *extra = extra_of(m, few, sizeof few);
    bool lines = children || strchr(extra, '\n');
    put_text(w, tp_is_parametrized(m, NULL) ? "Parametrized" : "");
    put_text(w, m->type->name);
    put_text(w, "(");
    if (lines && *extra)
        new_line(w, depth + 1);
    put_lines(w, extra, depth + 1);
    for (int i = 0; i < m->n_entries; i++) {
        if (m->entries[i].kind != TP__IS_CHILD)
            continue;
        new_line(w, depth + 1);
        put_text(w, "(");
        put_text(w, m->entries[i].name);
        put_text(w, "): ");
        format(w, m->entries[i].child, depth + 1);
    }
    if (lines)
        new_line(w, depth);
    put_text(w, ")");
    if (extra != few)
        tp__free(extra);
    tp__module_let_go(m, outermost);
}

int64_t tp_module_format(const tp_module *m, char *buffer, size_t n)
{
    writer w = {buffer, buffer ? n : 0, 0};
    if (m)
        format(&w, (tp_module *)(uintptr_t)m, 0);
    if (w.n > 0)
        buffer[(size_t)w.length < w.n ? (size_t)w.length : w.n - 1] = '\0';
    return w.length;
}
