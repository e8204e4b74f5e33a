/* replay.c - a sweep goes through nodes that were recorded again, as if they had been on the tape all along (checkpoint.c).
 * sweep.h says what an operator does that has this done.
 */
#include "autograd/sweep.h"

bool tp__replay_keeps(const tp_tape *T) { return T->sweep->create; }

void tp__replay_slot(tp__replay *r, tp_tensor **at) { r->slot[r->n++] = (tp__slot){.at = at}; }

tp_status tp__replay_open(tp_tape *T, tp__replay *r, int n, tp_tensor *const *in, int n_more)
{
    const tp__sweep *s = T->sweep;
    *r = (tp__replay){.slot = tp__arena_alloc(&T->arena, ((size_t)n + (size_t)n_more + 1) * sizeof *r->slot)};
    if (r->slot == NULL)
        return tp_fail(T, TP_ENOMEM, "backward: no memory");
    for (int i = 0; i < n; i++) {
        int k = in[i]->tape || !s->results ? -1 : tp__target_of(s, in[i]);
        if (tp__wanted(s, in[i]) && tp__gathers_apart(s, in[i])) {
            tp_tensor **slot = tp__whole_slot(T->sweep, in[i]);
            if (slot == NULL)
                return T->status;
            tp__replay_slot(r, slot);
        } else if (in[i]->tape && tp__wanted(s, in[i])) {
            tp__replay_slot(r, &in[i]->acc);
            r->slot[r->n - 1].untouched = in[i]->acc == NULL ? in[i] : NULL;
        } else if (k >= 0) {
            tp__replay_slot(r, &s->results[k]);
        }
    }
    r->mark = tp_tape_mark(T);
    r->last = T->last;
    r->list = s->list;
    return TP_OK;
}

tp_status tp__replay_sweep(tp_tape *T, uint32_t begin, int n, tp_tensor *const *y, tp_tensor *const *g)
{
    tp__sweep *s = T->sweep;
    uint32_t end = T->n_nodes, end_before = s->end;
    bool retain = s->retain;
    s->end = end;
    s->retain = s->create;
    if (s->n_targets)
        tp__mark_nodes(s, begin, end);
    for (int i = 0; i < n && T->status == TP_OK; i++)
        if (g[i]) {
            if (tp__wanted(s, y[i]))
                tp__deliver(s, y[i], g[i]);
            tp__gradient_drop(s, g[i]);
        }
    for (uint32_t k = end; k > begin && T->status == TP_OK; k--)
        tp__visit(s, T->nodes[k - 1]);
    s->retain = retain;
    s->end = end_before;
    return T->status;
}

/* Gradients of what dies are let go; those in slots are held. */
static void part_survivors(tp__sweep *s, tp__replay *r)
{
    for (tp_tensor *x = s->T->last; x != r->last; x = x->prev)
        x->flags |= TP__YOUNG;
    for (tp__touched *t = s->list; t != r->list; t = t->next)
        if ((t->x->flags & TP__YOUNG) && t->x->acc) {
            tp__gradient_drop(s, t->x->acc);
            t->x->acc = NULL;
        }
    for (int i = 0; i < r->n; i++) {
        tp__slot *slot = &r->slot[i];
        tp_tensor *g = *slot->at;
        slot->moves = g && (g->flags & TP__YOUNG) && !(g->flags & TP__MOVED);
        slot->same = g && (g->flags & TP__MOVED) ? (int)g->seq : -1;
        if (!slot->moves)
            continue;
        slot->header = *g;
        slot->header.flags &= (uint32_t)~TP__YOUNG;
        tp__storage_ref(g->storage);
        g->flags |= TP__MOVED;
        g->seq = (uint32_t)i;
    }
}

static tp_status settle_survivors(tp__sweep *s, tp__replay *r)
{
    tp_tape *T = s->T;
    s->list = r->list;
    for (int i = 0; i < r->n; i++) {
        tp__slot *slot = &r->slot[i];
        if (slot->moves) {
            if ((*slot->at = tp__tensor_join(T, &slot->header)) == NULL)
                tp__storage_unref(slot->header.storage);
        } else if (slot->same >= 0) {
            *slot->at = *r->slot[slot->same].at;
        }
    }
    for (int i = 0; i < r->n; i++)
        if (r->slot[i].untouched && *r->slot[i].at) {
            tp__touched *t = tp__arena_alloc(&T->arena, sizeof *t);
            if (t == NULL)
                return tp_fail(T, TP_ENOMEM, "backward: no memory");
            *t = (tp__touched){r->slot[i].untouched, NULL, s->list};
            s->list = t;
        }
    return T->status;
}

tp_status tp__replay_close(tp_tape *T, tp__replay *r, uint32_t begin)
{
    if (T->status != TP_OK) { /* the sweep ends here, and its memory is given back as a tp__whole */
        tp__nodes_drop(T, begin, T->serial);
        return T->status;
    }
    part_survivors(T->sweep, r);
    tp__rewind(T, r->mark);
    return settle_survivors(T->sweep, r);
}
