/* check.c - does a tape hang together? What is counted and chained by hand is counted again.
 *
 * Between sweeps no tensor gathers a gradient, nobody holds one, and as many nodes have saved a tensor as it says. `uses`,
 * which is 0 then, serves for counting meanwhile.
 */
#include "tape/watch.h"

#include <stdarg.h>

typedef struct {
    char *message;
    size_t n;
} report;

static tp_status wrong(const report *r, const char *format, ...) TP_PRINTF(2, 3);

static tp_status wrong(const report *r, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (r->message && r->n > 0)
        tp__vsnprintf(r->message, r->n, format, args);
    va_end(args);
    return TP_EINVAL;
}

/* One tensor by itself. */
static tp_status check_tensor(const tp_tape *T, const tp_tensor *x, const report *r)
{
    unsigned long long serial = x->serial;
    if (x->tape != T || x->serial == 0 || (x->flags & (TP__BY_RESET | TP__BY_REWIND | TP__OWNED)))
        return wrong(r, "tensor %llu is not of this tape, or was given back", serial);
    if (x->prev && x->prev->serial >= x->serial)
        return wrong(r, "tensor %llu is not newer than the one before it", serial);
    if (x->acc != NULL || x->uses != 0)
        return wrong(r, "tensor %llu is held as a gradient, or has one gathering, between sweeps", serial);
    if (x->flags & (TP__TARGET | TP__YOUNG | TP__MOVED))
        return wrong(r, "tensor %llu is marked as in a sweep", serial);
    if ((x->flags & TP__RELEASED) && (x->storage || x->data))
        return wrong(r, "tensor %llu has storage that was given back", serial);
    if (x->storage && atomic_load_explicit(&x->storage->refs, memory_order_relaxed) < 1)
        return wrong(r, "tensor %llu lies in storage that nobody holds", serial);
    if (x->node && (x->node->index >= T->n_nodes || T->nodes[x->node->index] != x->node))
        return wrong(r, "tensor %llu was made by a call that is not on the tape", serial);
    const tp_tensor *g = x->grad;
    if (g && g->tape != T)
        return wrong(r, "tensor %llu has a gradient that is not of its tape", serial);
    if (g && g->serial == 0)
        return wrong(r, "tensor %llu has a gradient that was given back", serial);
    return TP_OK;
}

/* Has the tensor been given back, or is it no tensor of this tape? */
static bool is_gone(const tp_tape *T, const tp_tensor *x)
{
    return x == NULL ||
           (x->tape ? x->tape != T || x->serial == 0 : atomic_load_explicit(&x->holds, memory_order_relaxed) == 0);
}

static tp_status count_saved(const tp_tape *T, const tp__node *node, uint32_t n, tp_tensor *const *list, uint32_t saved,
                             const report *r)
{
    for (uint32_t i = 0; i < n; i++) {
        if (is_gone(T, list[i]))
            return wrong(r, "call %u (%s): a tensor of it was given back", (unsigned)node->index, node->op->name);
        if (tp__has_bit(saved, i) && list[i]->tape && !node->consumed)
            list[i]->uses++;
    }
    return TP_OK;
}

static tp_status check_nodes(const tp_tape *T, const report *r)
{
    for (uint32_t k = 0; k < T->n_nodes; k++) {
        const tp__node *node = T->nodes[k];
        if (node->index != k)
            return wrong(r, "call %u says that it is %u", (unsigned)k, (unsigned)node->index);
        if (count_saved(T, node, node->n_in, node->in, node->op->flags & TP_OP_FORGETS_IN ? 0 : UINT32_MAX, r) !=
                TP_OK ||
            count_saved(T, node, node->n_out, node->out, tp__saved_outputs(node->op), r) != TP_OK)
            return TP_EINVAL;
    }
    return TP_OK;
}

/* What was counted into `uses` is what the tensors say; it is 0 again then. */
static tp_status compare_saved(const tp_tape *T, const report *r)
{
    tp_status status = TP_OK;
    for (tp_tensor *x = T->last; x; x = x->prev) {
        uint32_t counted = x->uses + ((x->flags & TP__SHELVED) != 0);
        if (counted != x->saves && status == TP_OK)
            status = wrong(r, "tensor %llu says that it was saved %u times; it was %u times",
                           (unsigned long long)x->serial, (unsigned)x->saves, (unsigned)counted);
        x->uses = 0;
    }
    return status;
}

/* Gradient headers are of no chain; nodes may have counted them. */
static void clear_gradients(const tp_tape *T)
{
    for (tp_tensor *x = T->last; x; x = x->prev)
        for (tp_tensor *g = x->grad; g && (g->flags & TP__GRADIENT); g = g->grad)
            g->uses = 0;
    tp__left_count(T, -1);
}

tp_status tp_tape_check(tp_tape *T, char *message, size_t n)
{
    report r = {message, n};
    if (message && n > 0)
        message[0] = '\0';
    if (T == NULL)
        return wrong(&r, "no tape");
    if (tp__inside(T) || T->sweep) /* half-way through something */
        return TP_OK;
    for (const tp_tensor *x = T->last; x; x = x->prev)
        if (check_tensor(T, x, &r) != TP_OK)
            return TP_EINVAL;
    tp_status status = check_nodes(T, &r);
    tp__left_count(T, 1);
    tp_status counts = compare_saved(T, &r);
    clear_gradients(T);
    if (status != TP_OK || counts != TP_OK)
        return status != TP_OK ? status : counts;
    const char *pool = tp__pool_check(T->pool);
    return pool ? wrong(&r, "the pool: %s", pool) : TP_OK;
}
