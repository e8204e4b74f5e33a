/* optim.h - optimizers from inside: a class each, over stretches of parameters. */
#ifndef TAPIR_OPTIM_INTERNAL_H
#define TAPIR_OPTIM_INTERNAL_H

#include "tape/tape.h"
#include "tapir/optim.h"

/* A stretch of parameters that have all been updated `steps` times before. The state of parameter vectors
 * starts at element run.offset. */
typedef struct {
    tp__run_of_params run;
    int64_t steps;
} tp__stretch;

typedef struct {
    const char *name;
    void (*update)(tp_optim *o, const tp__stretch *s); /* or */
    double (*step_closure)(tp_tape *T, tp_optim *o, tp_closure closure, void *user);
    void (*free)(tp_optim *o);
} tp__optim_class;

struct tp_optim {
    const tp__optim_class *type;
    tp_params *params;
    double lr;
    int64_t *steps; /* of each parameter */
    tp__busy busy;  /* its closure runs */
};


/* A zeroed struct of `size` bytes that starts with a tp_optim; NULL after a failure, which T then says. */
tp_optim *tp__optim_new(tp_tape *T, const tp__optim_class *type, size_t size, tp_params *params, double lr);
/* Calls the closure of a step; false where T has failed, or is to fail since the closure has freed what the step needs. */
bool tp__optim_evaluate(tp_tape *T, const tp_optim *o, tp_closure closure, void *user, double *loss);
/* Fails T: "sgd: momentum is -1". Returns NULL. */
tp_optim *tp__optim_bad(tp_tape *T, const char *optimizer, const char *option, double value);
/* An option: 0 stands for the default, negative zero for zero. */
double tp__option(double value, double otherwise);

/* A state vector beside the parameters, one a dtype, zeroed. */
typedef struct {
    tp__storage *of[2];
} tp__state;
bool tp__state_new(const tp_params *params, tp__state *s); /* false: no memory */
void tp__state_free(tp__state *s);
void *tp__state_at(const tp__state *s, const tp__stretch *at); /* NULL for a state that was not made */

#endif
