/* schedule.h - schedules from inside.
 *
 * A schedule is a class: the next learning rate of a group from the one it has, and what is beside that. Life, steps and state
 * are the same for all (schedule.c); the formulas are in schedules.c, cyclic.c and plateau.c, schedules made of schedules in
 * sequential.c.
 */
#ifndef TAPIR_OPTIM_SCHEDULE_H
#define TAPIR_OPTIM_SCHEDULE_H

#include "optim/optim.h"
#include "tapir/schedule.h"

enum { TP__SCHEDULE_NUMBERS = 4 };

typedef struct {
    const char *name;
    size_t size; /* of the schedule, which starts with a tp_schedule */
    /* The rate of a group for epoch s->last_epoch, from its rate now. */
    double (*rate)(tp_schedule *s, int group, double lr);
    /* The rate of epoch 0 when a sequence begins it again (tp_sequential_lr), where that is not the group's first rate. */
    double (*again)(tp_schedule *s, int group, double lr);
    /* The momentum, or beta1, that goes with it; NaN: as it is. Optional. */
    double (*momentum)(tp_schedule *s, int group);
    /* Before the rates of an epoch; with `again`, of epoch 0 again. False: T has failed. Optional. */
    bool (*begin)(tp_tape *T, tp_schedule *s, bool again);
    /* Instead of all of this. Optional. */
    tp_status (*step)(tp_tape *T, tp_schedule *s);
    tp_status (*step_metric)(tp_tape *T, tp_schedule *s, double metric);
    /* What the state has beside: numbers[i] under keys[i]. */
    const char *keys[TP__SCHEDULE_NUMBERS];
    void (*free)(tp_schedule *s);
} tp__schedule_class;

struct tp_schedule {
    const tp__schedule_class *type;
    tp_optim *o;       /* NULL: it was freed */
    tp_schedule *next; /* of the optimizer's */
    int64_t last_epoch;
    int n_groups;           /* as many as there were */
    double *base_lr, *rate; /* of each group; rate: room for a step's */
    double numbers[TP__SCHEDULE_NUMBERS];
    int n; /* schedules that it is made of */
    tp_schedule **schedules;
    bool owned;             /* by another */
    bool dropped;           /* to be freed with others (sequential.c), */
    tp_schedule *drop_next; /* this one next */
    tp__busy busy;
};

/* A new one of epoch -1; NULL after a failure, which T then says. */
tp_schedule *tp__schedule_new(tp_tape *T, const tp__schedule_class *type, tp_optim *o);
/* Sets what holds in epoch 0 and returns s; NULL, freed, after a failure. */
tp_schedule *tp__schedule_start(tp_tape *T, tp_schedule *s);
/* On to the next epoch, or to epoch 0 `again`. */
tp_status tp__schedule_step(tp_tape *T, tp_schedule *s, bool again);
/* tp_schedule_load_state_dict, but that nothing is changed where not to `take`. */
tp_status tp__schedule_load(tp_tape *T, const char *speaker, tp_schedule *s, int n, const char *const *names,
                            tp_tensor *const *tensors, bool take);
/* Fails T: "step_lr: step_size is 0; 1 or more is needed". Returns NULL. */
tp_schedule *tp__schedule_bad(tp_tape *T, const char *name, const char *option, double value, const char *needed);
/* The momentum's option: "momentum", "beta1", NULL. */
const char *tp__schedule_momentum(const tp_optim *o);
/* n values as given, or one for all; false: no memory, and T has failed. */
bool tp__schedule_values(tp_tape *T, const tp_schedule *s, double **out, const double *each, double all);

#endif
