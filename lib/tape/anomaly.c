/* anomaly.c - anomaly mode: the first result or gradient that is not finite. */
#include "tape/watch.h"

#include <stdio.h>
#include <string.h>

bool tp__is_anomalous(const tp_tape *T) { return T->watch && T->watch->anomaly; }

bool tp_tape_anomaly(tp_tape *T, bool on)
{
    if (T == NULL || (T->watch == NULL && !on))
        return false;
    tp__watch *w = tp__watch_of(T);
    bool was = w && w->anomaly;
    if (w)
        w->anomaly = on;
    return was;
}

static bool all_finite(const tp_tensor *x)
{
    if (!tp_dtype_is_float(x->dtype) || x->numel == 0 || (x->flags & TP__RELEASED))
        return true;
    tp__operand in = {.data = x->data, .dtype = x->dtype};
    memcpy(in.stride, x->stride, sizeof in.stride);
    return tp__all_finite(tp__dims_of(x), &in);
}

/* "[3, 4], [4]" */
static void shapes_text(int n, tp_tensor *const *x, char *text, size_t size)
{
    size_t at = 0;
    text[0] = '\0';
    for (int i = 0; i < n && at + 1 < size; i++) {
        int length = snprintf(text + at, size - at, "%s%s", i ? ", " : "", x[i] ? TP__SHAPE(x[i]) : "none");
        at += length > 0 ? (size_t)length : size;
    }
}

static tp_status report(tp_tape *T, const char *what, const tp_op *op, int n, tp_tensor *const *in, uint32_t index,
                        tp__site site)
{
    char shapes[400], place[300] = "";
    shapes_text(n, in, shapes, sizeof shapes);
    if (site.file)
        snprintf(place, sizeof place, ", at %s:%d", site.file, site.line);
    return tp_fail(T, TP_ENUMERIC, "anomaly: %s %s NaN or an infinity; inputs %s, node %lu%s", op->name, what, shapes,
                   (unsigned long)index, place);
}

tp_status tp__watch_gradients(tp_tape *T, const tp__node *node, int n, tp_tensor *const *gin)
{
    if (!T->watch->anomaly)
        return TP_OK;
    for (int i = 0; i < n; i++)
        if (gin[i] && !all_finite(gin[i]))
            return report(T, "has a gradient with", node->op, (int)node->n_in, node->in, node->index,
                          tp__site_of(T, node));
    return T->status;
}

tp_status tp__watch_results(tp_tape *T, const tp_call *call)
{
    for (int i = 0; i < call->n_out && T->watch->anomaly; i++)
        if (call->out[i] && !all_finite(call->out[i]))
            return report(T, "made", call->op, call->n_in, call->in, T->n_nodes, T->watch->here);
    return T->status;
}
