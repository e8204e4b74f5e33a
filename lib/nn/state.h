/* state.h - a module's state as names and tensors, for files as well. */
#ifndef TAPIR_NN_STATE_H
#define TAPIR_NN_STATE_H

#include "nn/nn.h"

/* In the tape's arena, as a mark before it finds it. */
typedef struct {
    tp_tape *T;
    bool with_extra; /* extra state is asked for; otherwise it has a place, and no tensor */
    int n, room;
    char **name;
    tp_tensor **tensor;
    tp__kept *kept; /* holds them */
    tp_module **of; /* whose extra state it is; NULL: a parameter or buffer */
} tp__state;
tp_status tp__state_of(tp_tape *T, tp_module *m, const char *speaker, bool with_extra, tp__state *s);
void tp__state_drop(tp__state *s); /* also where it could not be made */

/* Tensor i of those whose names are given; asked for only where the module has one of that name. NULL: T has failed.
 * -1: all that is needed, names as well, was read; functions of the user's, which may jump, come next. */
typedef tp_tensor *(*tp__source)(tp_tape *T, void *user, int i);
/* The source that is a list of tensors, which `user` points to. */
tp_tensor *tp__source_list(tp_tape *T, void *user, int i);
/* Checks all before it changes anything, and changes nothing where not to `take`. */
tp_status tp__load_state(tp_tape *T, tp_module *m, const char *speaker, int n, const char *const *names,
                         tp__source source, void *user, const tp_load_options *options, bool take);

#endif
