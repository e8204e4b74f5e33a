/* watch.h - what a tape that is watched keeps beside itself. An unwatched one pays a branch a call. */
#ifndef TAPIR_TAPE_WATCH_H
#define TAPIR_TAPE_WATCH_H

#include "tape/tape.h"
#include "tapir/debug.h"

typedef struct {
    const char *file;
    int line;
} tp__site;

typedef struct {
    const char *name;
    bool backward;
    int64_t start, length; /* nanoseconds since profiling began */
    int64_t bytes;         /* of the results, or of the gradients */
} tp__event;

typedef struct tp__watch {
    bool anomaly, profile, counts;
    int depth; /* calls inside a call that is measured */
    int64_t began;
    tp__site here;
    tp__site *sites; /* by node */
    size_t n_sites;
    tp__event *events;
    size_t n_events, cap_events;
    double mult_adds;          /* of the calls while it counts */
    struct tp__survey *survey; /* of a module's summary; one block */
} tp__watch;

/* The watch of T, made where there is none; NULL: no memory, and T has failed. */
tp__watch *tp__watch_of(tp_tape *T);
void tp__watch_free(tp__watch *w);
void tp__watch_recover(tp_tape *T); /* a call that was measured was left by a jump */
tp__site tp__site_of(const tp_tape *T, const tp__node *node);
/* Text as it stands between quotes in JSON and in Graphviz's language (graph.c). */
void tp__put_escaped(FILE *to, const char *text);

/* Round a call's forward, a node's gradients: hooks of apply.c and sweep.c, called where T->watch is set. */
tp_status tp__watch_run(tp_tape *T, tp_call *call);
void tp__watch_recorded(tp_tape *T);
int64_t tp__watch_enter(tp_tape *T);
void tp__watch_leave(tp_tape *T, int64_t start, const tp__node *node);
/* Fails where a result, a gradient is not finite (anomaly.c). */
tp_status tp__watch_results(tp_tape *T, const tp_call *call);
tp_status tp__watch_gradients(tp_tape *T, const tp__node *node, int n, tp_tensor *const *gin);

/* Round a call that may be measured (profile.c). */
int64_t tp__profile_begin(const tp_tape *T);
void tp__profile_end(tp_tape *T, const tp_call *call, int64_t start);

/* The multiply-adds of a call (cost.c). */
double tp__mult_adds(const tp_call *call);

#endif
