/* callsite.c - where in the program a call stands. */
#include "tape/watch.h"

#include <string.h>

tp_tape *tp_at(tp_tape *T, const char *file, int line)
{
    if (T && (T->watch || (T->status == TP_OK && tp__watch_of(T))))
        T->watch->here = (tp__site){file, line};
    return T;
}

/* The newest node stands where the program is. */
void tp__watch_recorded(tp_tape *T)
{
    tp__watch *w = T->watch;
    size_t at = T->n_nodes - 1;
    if (w->here.file == NULL)
        return;
    if (at >= w->n_sites) {
        size_t n = at < 256 ? 256 : 2 * at;
        tp__site *grown = tp__realloc(w->sites, n * sizeof *grown);
        if (grown == NULL)
            return; /* a place less in a message */
        memset(grown + w->n_sites, 0, (n - w->n_sites) * sizeof *grown);
        w->sites = grown;
        w->n_sites = n;
    }
    w->sites[at] = w->here;
}

tp__site tp__site_of(const tp_tape *T, const tp__node *node)
{
    const tp__watch *w = T->watch;
    return w && node->index < w->n_sites ? w->sites[node->index] : (tp__site){NULL, 0};
}
