/* optim.h - optimizers from inside.
 *
 * An optimizer is a class: options and their defaults, which state vectors it keeps, the numbers of an update, and the kernel,
 * which stands in the same file (kernel/optim.h). Life, groups, state and steps are the same for all (optim.c). One that
 * evaluates the loss itself (L-BFGS) has a step of its own instead.
 */
#ifndef TAPIR_OPTIM_INTERNAL_H
#define TAPIR_OPTIM_INTERNAL_H

#include "kernel/optim.h"
#include "tape/params.h"
#include "tape/tape.h"
#include "tapir/optim.h"

/* A state vector beside the parameters, one a dtype, zeroed. */
typedef struct {
    tp__storage *of[2];
} tp__state;

/* Parameters that are updated with the same options. */
typedef struct {
    tp_params *params;
    double lr;
    void *options;  /* the class's, defaults filled in */
    int64_t *steps; /* of each parameter: how often it was updated */
    tp__state state[TP__UPDATE_STATES];
} tp__group;

typedef struct {
    tp_op op;            /* an update as a call: its name, tp__update_forward */
    size_t size;         /* of the optimizer, which starts with a tp_optim */
    size_t options_size; /* options start with a double, the learning rate */
    /* Fills in defaults; false: they make no sense, and T has failed. */
    bool (*check)(tp_tape *T, const char *name, void *options);
    /* Bit i: state vector i is kept. NULL: none is. */
    unsigned (*states)(const void *options);
    /* What the kernel is given for parameters that were updated `steps` times before; at most TP__UPDATE_NUMBERS doubles. */
    void (*numbers)(const tp__group *g, int64_t steps, void *u);
    const tp__update_table *(*kernel)(void);
    double (*step_closure)(tp_tape *T, tp_optim *o, tp_closure closure, void *user);
    void (*free)(tp_optim *o);
} tp__optim_class;

enum { TP__UPDATE_NUMBERS = 16 };

struct tp_optim {
    const tp__optim_class *type;
    int n_groups;
    tp__group *groups;
    tp__busy busy; /* its closure runs */
};

/* A new optimizer with one group; NULL after a failure, which T then says. */
tp_optim *tp__optim_new(tp_tape *T, const tp__optim_class *type, tp_params *params, const void *options);
/* Another group; `type` is what the caller takes the optimizer for. */
tp_status tp__optim_add_group(tp_tape *T, tp_optim *o, const tp__optim_class *type, tp_params *params,
                              const void *options);
/* Calls the closure of a step; false where T has failed, or is to fail since the closure has freed what the step needs. */
bool tp__optim_evaluate(tp_tape *T, const tp_optim *o, tp_closure closure, void *user, double *loss);
/* Fails T: "sgd: momentum is -1; 0 or more is needed". Returns false. */
bool tp__optim_bad(tp_tape *T, const char *optimizer, const char *option, double value, const char *needed);
tp_status tp__update_forward(tp_call *c);

#define TP__OPTIM_OP(title) \
    { \
        .name = title, .n_in = 1, .n_out = 1, .forward = tp__update_forward \
    }

#endif
