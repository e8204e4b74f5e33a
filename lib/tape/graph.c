/* graph.c - what is recorded, as a table and as a drawing. */
#include "tape/watch.h"

#include <inttypes.h>

static void put_shapes(FILE *to, uint32_t n, tp_tensor *const *x)
{
    for (uint32_t i = 0; i < n; i++)
        fprintf(to, "%s%s", i ? ", " : "", x[i] ? TP__SHAPE(x[i]) : "none");
}

tp_status tp_tape_print(const tp_tape *T, FILE *to)
{
    if (T == NULL || to == NULL)
        return TP_EINVAL;
    for (uint32_t k = 0; k < T->n_nodes; k++) {
        const tp__node *node = T->nodes[k];
        tp__site site = tp__site_of(T, node);
        fprintf(to, "%5" PRIu32 "  %-20s ", k, node->op->name);
        put_shapes(to, node->n_in, node->in);
        fprintf(to, " -> ");
        put_shapes(to, node->n_out, node->out);
        if (site.file)
            fprintf(to, "   %s:%d", site.file, site.line);
        fprintf(to, "%s\n", node->consumed ? "   (given back)" : "");
    }
    return ferror(to) ? TP_EIO : TP_OK;
}

void tp__put_escaped(FILE *to, const char *text)
{
    for (const char *c = text; *c; c++) {
        if ((unsigned char)*c < ' ')
            fprintf(to, "\\u%04x", (unsigned)*c);
        else
            fprintf(to, *c == '"' || *c == '\\' ? "\\%c" : "%c", *c);
    }
}

static bool is_member(const tp_tensor *x) { return x->tape == NULL && x->member; }

static const char *kind_of(const tp_tensor *x)
{
    return is_member(x) ? "parameter" : x->flags & TP__REQUIRES_GRAD ? "leaf" : "constant";
}

/* A name for x in the drawing: of its node's output, or of a leaf. */
static void put_leaf(FILE *to, const tp_tensor *x)
{
    const char *colour = is_member(x) ? "lightblue" : x->flags & TP__REQUIRES_GRAD ? "palegreen" : "gray92";
    fprintf(to, "  leaf_%" PRIxPTR " [shape=ellipse, style=filled, fillcolor=%s, label=\"%s\\n%s\"];\n", (uintptr_t)x,
            colour, kind_of(x), TP__SHAPE(x));
}

static bool drawn_before(const tp_tape *T, const tp_tensor *x, uint32_t node, uint32_t input)
{
    for (uint32_t k = 0; k <= node; k++)
        for (uint32_t i = 0; i < T->nodes[k]->n_in && (k < node || i < input); i++)
            if (T->nodes[k]->in[i] == x)
                return true;
    return false;
}

tp_status tp_tape_dot(const tp_tape *T, FILE *to)
{
    if (T == NULL || to == NULL)
        return TP_EINVAL;
    fprintf(to, "digraph tape {\n  rankdir=TB;\n  node [fontname=\"Helvetica\", fontsize=11];\n"
                "  edge [fontname=\"Helvetica\", fontsize=9, color=gray40];\n");
    for (uint32_t k = 0; k < T->n_nodes; k++) {
        const tp__node *node = T->nodes[k];
        fprintf(to, "  call_%" PRIu32 " [shape=box, label=\"", k);
        tp__put_escaped(to, node->op->name);
        fprintf(to, "\"];\n");
        for (uint32_t i = 0; i < node->n_in; i++) {
            const tp_tensor *x = node->in[i];
            if (x == NULL)
                continue;
            const char *shape = TP__SHAPE(x);
            if (x->node) {
                fprintf(to, "  call_%" PRIu32 " -> call_%" PRIu32 " [label=\" %s\"];\n", x->node->index, k, shape);
                continue;
            }
            if (!drawn_before(T, x, k, i))
                put_leaf(to, x);
            fprintf(to, "  leaf_%" PRIxPTR " -> call_%" PRIu32 ";\n", (uintptr_t)x, k);
        }
    }
    fprintf(to, "}\n");
    return ferror(to) ? TP_EIO : TP_OK;
}
