/* gather.c - gradients on their way down: where they gather, who holds them, where they end (sweep.h). */
#include "autograd/sweep.h"

tp_status tp__gradient_gather(tp__sweep *s, tp_tensor **slot, tp_tensor *g)
{
    tp_tensor *old = *slot;
    if (old == NULL) {
        tp__gradient_hold(g);
        *slot = g;
        return TP_OK;
    }
    if (tp__gradient_writable(s, old) && old->dtype == g->dtype && old != g)
        return tp__add_into(s->T, old, g, false);
    tp_tensor *sum = tp_add(s->T, old, g);
    if (sum == NULL)
        return s->T->status;
    sum->flags |= TP__SWEPT;
    sum->uses = 1;
    *slot = sum;
    tp__gradient_drop(s, old);
    return TP_OK;
}

static tp_status touch(tp__sweep *s, tp_tensor *x)
{
    tp__touched *t = tp__arena_alloc(&s->T->arena, sizeof *t);
    if (t == NULL)
        return tp_fail(s->T, TP_ENOMEM, "backward: no memory");
    *t = (tp__touched){x, NULL, s->list};
    s->list = t;
    s->pending += x->node != NULL;
    return TP_OK;
}

static tp__whole *find_whole(const tp__sweep *s, const tp_tensor *x)
{
    tp__whole *w = s->wholes;
    while (w && w->x != x)
        w = w->next;
    return w;
}

bool tp__gathers_in_whole(const tp__sweep *s, const tp_tensor *x) { return find_whole(s, x) || tp__has_hook(s->T, x); }

tp_tensor **tp__whole_slot(tp__sweep *s, tp_tensor *x)
{
    tp__whole *w = find_whole(s, x);
    if (w == NULL) {
        if ((w = tp__arena_alloc(&s->T->arena, sizeof *w)) == NULL) {
            tp_fail(s->T, TP_ENOMEM, "backward: no memory");
            return NULL;
        }
        *w = (tp__whole){x, NULL, s->wholes};
        s->wholes = w;
    }
    return &w->g;
}

tp_status tp__gradient_store(tp__sweep *s, tp_tensor *x, tp_tensor *g)
{
    bool fresh;
    if (s->to_leaves)
        return tp__grad_accumulate(s->T, x, g);
    if (s->sink) {
        tp_tensor *slot = tp__grads_slot(s->sink, x, &fresh);
        return slot ? tp__add_into(s->T, slot, g, fresh) : TP_OK;
    }
    int k = tp__target_of(s, x);
    return k >= 0 ? tp__gradient_gather(s, &s->results[k], g) : TP_OK;
}

tp_status tp__deliver(tp__sweep *s, tp_tensor *x, tp_tensor *g)
{
    if (x->tape) {
        if (x->acc == NULL && touch(s, x) != TP_OK)
            return s->T->status;
        return tp__gradient_gather(s, &x->acc, g);
    }
    if (tp__gathers_apart(s, x)) {
        tp_tensor **slot = tp__whole_slot(s, x);
        return slot ? tp__gradient_gather(s, slot, g) : s->T->status;
    }
    return tp__gradient_store(s, x, g);
}
