/* profile.c - where the time goes: an event for each call and each node of a sweep. */
#define _POSIX_C_SOURCE 200809L
#include "tape/watch.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static int64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

bool tp_tape_profile(tp_tape *T, bool on)
{
    if (T == NULL || (T->watch == NULL && !on))
        return false;
    tp__watch *w = tp__watch_of(T);
    bool was = w && w->profile;
    if (w) {
        if (on) {
            w->n_events = 0;
            w->began = now();
        }
        w->profile = on;
    }
    return was;
}

static void note(tp_tape *T, const char *name, bool backward, int64_t start, int n, tp_tensor *const *made)
{
    tp__watch *w = T->watch;
    int64_t end = now(), bytes = 0;
    if (start < w->began) /* measuring began inside the call */
        return;
    if (w->n_events == w->cap_events) {
        size_t cap = w->cap_events ? 2 * w->cap_events : 1024;
        tp__event *grown = tp__realloc(w->events, cap * sizeof *grown);
        if (grown == NULL)
            return; /* an event less */
        w->events = grown;
        w->cap_events = cap;
    }
    for (int i = 0; i < n; i++)
        if (made[i])
            bytes += made[i]->numel * (int64_t)tp_dtype_size(made[i]->dtype);
    w->events[w->n_events++] = (tp__event){name, backward, start - w->began, end - start, bytes};
}

int64_t tp__watch_enter(tp_tape *T)
{
    T->watch->depth++;
    return T->watch->profile ? now() : 0;
}

void tp__watch_leave(tp_tape *T, int64_t start, const tp__node *node)
{
    if (--T->watch->depth == 0 && T->watch->profile)
        note(T, node->op->name, true, start, (int)node->n_in, node->in);
}

int64_t tp__profile_begin(const tp_tape *T) { return T->watch->profile ? now() : 0; }

void tp__profile_end(tp_tape *T, const tp_call *call, int64_t start)
{
    if (T->watch->profile)
        note(T, call->op->name, false, start, call->op->flags & TP_OP_VIEW ? 0 : call->n_out, call->out);
}

/* ---- the report --------------------------------------------------------------------------------------------------- */

typedef struct {
    const char *name;
    int64_t calls[2], time[2], bytes; /* forward, backward */
} row;

static int by_time(const void *a, const void *b)
{
    const row *x = a, *y = b;
    int64_t tx = x->time[0] + x->time[1], ty = y->time[0] + y->time[1];
    return tx < ty ? 1 : tx > ty ? -1 : strcmp(x->name, y->name);
}

tp_status tp_profile_print(const tp_tape *T, FILE *to)
{
    const tp__watch *w = T ? T->watch : NULL;
    size_t n = 0;
    if (to == NULL)
        return TP_EINVAL;
    if (w == NULL || w->n_events == 0) {
        fprintf(to, "nothing was measured\n");
        return TP_OK;
    }
    row *rows = tp__calloc(w->n_events, sizeof *rows), total = {.name = "all"};
    if (rows == NULL)
        return TP_ENOMEM;
    for (size_t i = 0; i < w->n_events; i++) {
        const tp__event *e = &w->events[i];
        size_t k = 0;
        while (k < n && strcmp(rows[k].name, e->name) != 0)
            k++;
        n += k == n;
        row *into[2] = {&rows[k], &total};
        rows[k].name = e->name;
        for (int j = 0; j < 2; j++) {
            into[j]->calls[e->backward]++;
            into[j]->time[e->backward] += e->length;
            into[j]->bytes += e->bytes;
        }
    }
    qsort(rows, n, sizeof *rows, by_time);
    fprintf(to, "%-24s %9s %12s %9s %12s %7s %10s\n", "operator", "forward", "us", "backward", "us", "share", "MiB");
    double whole = (double)(total.time[0] + total.time[1]);
    for (size_t k = 0; k <= n; k++) {
        const row *r = k < n ? &rows[k] : &total;
        tp__fprintf(to, "%-24s %9lld %12.1f %9lld %12.1f %6.1f%% %10.2f\n", r->name, (long long)r->calls[0],
                    (double)r->time[0] / 1e3, (long long)r->calls[1], (double)r->time[1] / 1e3,
                    whole > 0 ? 100 * (double)(r->time[0] + r->time[1]) / whole : 0, (double)r->bytes / 1048576);
    }
    tp__free(rows);
    return ferror(to) ? TP_EIO : TP_OK;
}

tp_status tp_profile_json(const tp_tape *T, FILE *to)
{
    const tp__watch *w = T ? T->watch : NULL;
    if (to == NULL)
        return TP_EINVAL;
    fprintf(to, "{\"traceEvents\": [");
    for (size_t i = 0; w && i < w->n_events; i++) {
        const tp__event *e = &w->events[i];
        fprintf(to, "%s\n{\"name\": \"", i ? "," : "");
        tp__put_escaped(to, e->name);
        tp__fprintf(to,
                    "\", \"cat\": \"%s\", \"ph\": \"X\", \"ts\": %.3f, \"dur\": %.3f, \"pid\": 1, "
                    "\"tid\": %d, "
                    "\"args\": {\"bytes\": %lld}}",
                    e->backward ? "backward" : "forward", (double)e->start / 1e3, (double)e->length / 1e3,
                    e->backward ? 2 : 1, (long long)e->bytes);
    }
    fprintf(to, "\n], \"displayTimeUnit\": \"ns\"}\n");
    return ferror(to) ? TP_EIO : TP_OK;
}
