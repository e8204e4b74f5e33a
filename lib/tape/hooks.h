/* hooks.h - hooks from inside the sweep. */
#ifndef TAPIR_TAPE_HOOKS_H
#define TAPIR_TAPE_HOOKS_H

#include "tape/internal.h"
#include "tapir/insight.h"

typedef struct tp__hook {
    struct tp__hook *next;
    int64_t id;
    tp_tensor *x;
    tp_hook fn;
    void *user;
    tp_tensor *gathered; /* an owned tensor's gradient in this sweep: in the first hook of the tensor */
} tp__hook;

/* The first hook of x on this tape, or NULL. */
tp__hook *tp__hook_of(const tp_tape *T, const tp_tensor *x);
/* g, or what the hooks put in its place; NULL after a failure. */
tp_tensor *tp__hooks_run(tp_tape *T, const tp_tensor *x, tp_tensor *g);
void tp__hooks_forget(tp_tape *T, const tp_tensor *x); /* x goes */
void tp__hooks_free(tp_tape *T);

#endif
