/* hooks.h - hooks from inside the sweep. */
#ifndef TAPIR_TAPE_HOOKS_H
#define TAPIR_TAPE_HOOKS_H

#include "tape/tape.h"
#include "tapir/debug.h"

typedef struct tp__hook {
    struct tp__hook *next;
    int64_t id;
    tp_tensor *x;
    tp_hook fn; /* NULL: removed while a sweep ran, to be freed after it */
    void *user;
    bool owned; /* the tensor, which the hook holds */
} tp__hook;

/* Has x a hook on this tape? */
bool tp__has_hook(const tp_tape *T, const tp_tensor *x);
/* g, or what the hooks put in its place; NULL after a failure. */
tp_tensor *tp__hooks_run(tp_tape *T, const tp_tensor *x, tp_tensor *g);
void tp__hooks_forget(tp_tape *T, const tp_tensor *x); /* x goes */
void tp__hooks_purge(tp_tape *T);                      /* frees those that were removed */
void tp__hooks_free(tp_tape *T);

#endif
