/* watch.c - a tape that is watched: its life, and what surrounds each call. */
#include "tape/watch.h"

tp__watch *tp__watch_of(tp_tape *T)
{
    if (T->watch == NULL && (T->watch = tp__calloc(1, sizeof *T->watch)) == NULL)
        tp_fail(T, TP_ENOMEM, "no memory to watch the tape");
    return T->watch;
}

void tp__watch_free(tp__watch *w)
{
    if (w) {
        tp__free(w->sites);
        tp__free(w->events);
        tp__free(w->survey);
        tp__free(w);
    }
}

void tp__watch_recover(tp_tape *T)
{
    if (T->watch) {
        T->watch->depth = 0;
        T->watch->counts = false;
    }
}

tp_status tp__watch_run(tp_tape *T, tp_call *call)
{
    bool outermost = T->watch->depth++ == 0 && !(call->op->flags & TP__OP_PART);
    int64_t start = outermost ? tp__profile_begin(T) : 0;
    tp_status status = call->op->forward ? call->op->forward(call) : T->status;
    T->watch->depth--;
    if (!outermost || status != TP_OK)
        return status;
    tp__profile_end(T, call, start);
    if (T->watch->counts)
        T->watch->mult_adds += tp__mult_adds(call);
    return call->op->infer ? tp__watch_results(T, call) : T->status; /* others write what is there */
}
