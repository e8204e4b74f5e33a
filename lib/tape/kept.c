/* kept.c - tensors that a call needs again when the user's function has come back, which may free them. The lists are the
 * tape's, so that a jump out of the function loses nothing: they go when what was called before it ends, or at a reset. */
#include "tape/tape.h"

#include <string.h>

tp__kept *tp__kept_open(tp_tape *T, const char *name, tp__frame here)
{
    if (T->ground != 0 && !tp__frame_is_above(T->frame, here))
        tp__recover(T); /* what an earlier call has left goes now, not with this one under way */
    tp__kept *k = tp__calloc(1, sizeof *k);
    if (k == NULL) {
        tp_fail(T, TP_ENOMEM, "%s: no memory", name);
        return NULL;
    }
    k->name = name;
    k->at = k->few;
    k->room = TP__KEPT_FEW;
    k->below = T->kept;
    return T->kept = k;
}

tp_status tp__kept_add(tp_tape *T, tp__kept *k, tp_tensor *x)
{
    if (k->n == k->room) {
        int room = 4 * k->room;
        bool first = k->at == k->few;
        tp_tensor **grown = tp__realloc(first ? NULL : k->at, (size_t)room * sizeof *grown);
        if (grown == NULL)
            return tp_fail(T, TP_ENOMEM, "%s: no memory", k->name);
        if (first)
            memcpy(grown, k->few, sizeof k->few);
        k->at = grown;
        k->room = room;
    }
    if (x->tape == NULL)
        tp__tensor_hold(x);
    k->at[k->n++] = x;
    return TP_OK;
}

void tp__kept_close(tp_tape *T, const tp__kept *last)
{
    for (bool more = T->kept != NULL; more;) {
        tp__kept *k = T->kept;
        T->kept = k->below;
        more = k != last && T->kept;
        TP__ASSERT(more || last == NULL || k == last);
        for (int i = 0; i < k->n; i++)
            if (k->at[i]->tape == NULL)
                tp__tensor_drop(k->at[i]);
        if (k->at != k->few)
            tp__free(k->at);
        tp__free(k);
    }
}
