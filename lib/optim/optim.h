/* optim.h - optimizers from inside.
 *
 * An optimizer is a class: options, their names and defaults, which state vectors it keeps, the numbers of an update, and the
 * kernel, which stands in the same file (kernel/optim.h). Life, groups and steps are the same for all (optim.c), so are
 * options by name (options.c) and the state as names and tensors (state.c).
 *
 * An update goes over a stretch of parameters that have gone equally far, element by element; one that looks at a parameter
 * as a whole (its norm, its rows) has a `whole` instead of a kernel. One that evaluates the loss itself (L-BFGS) has a step of
 * its own.
 */
#ifndef TAPIR_OPTIM_INTERNAL_H
#define TAPIR_OPTIM_INTERNAL_H

#include "kernel/optim.h"
#include "tape/params.h"
#include "tape/state_dict.h"
#include "tape/tape.h"
#include "tapir/optim.h"

enum { TP__UPDATE_NUMBERS = 24, TP__UPDATE_SCALARS = 2 };

/* A state vector beside the parameters, one a dtype, zeroed. Parameter i's part starts at offset[i], where it does in the
 * parameters' own vector (NULL) unless the class has a `shape`. */
typedef struct {
    tp__storage *of[2];
    int64_t *offset;
} tp__vector;

/* Parameters that are updated with the same options. */
typedef struct tp__group {
    tp_params *params;
    double lr;
    double initial_lr;                  /* where a schedule starts from; NaN: none was made */
    void *options;                      /* the class's, defaults filled in; its lr is where the group began */
    int64_t *steps;                     /* of each parameter: how often it was updated */
    double *scalar[TP__UPDATE_SCALARS]; /* of each parameter; means nothing before its first step */
    tp__vector state[TP__UPDATE_STATES];
} tp__group;

/* Where an option is. `key` is torch's name for it, of which it is number `index` where that is a tuple of `count`. */
typedef enum { TP__IS_DOUBLE, TP__IS_BOOL, TP__IS_INT } tp__option_kind;
typedef struct {
    const char *name, *key;
    int index, count;
    size_t offset;
    tp__option_kind kind;
} tp__option_field;
#define TP__NUMBER(type, member) \
    { \
#member, #member, 0, 1, offsetof(type, member), TP__IS_DOUBLE \
    }
#define TP__NUMBER_OF(type, member, key, index, count) \
    { \
#member, key, index, count, offsetof(type, member), TP__IS_DOUBLE \
    }
#define TP__FLAG(type, member) \
    { \
#member, #member, 0, 1, offsetof(type, member), TP__IS_BOOL \
    }
#define TP__WHOLE(type, member) \
    { \
#member, #member, 0, 1, offsetof(type, member), TP__IS_INT \
    }

/* What a state is restored from (state.c). */
typedef struct {
    tp_tape *T;
    const char *speaker;
    int n;
    tp__given *given; /* sorted */
    tp_tensor *const *tensors;
} tp__optim_source;
/* The tensor of this name, noted as used; NULL: there is none. */
const tp_tensor *tp__optim_given(tp__optim_source *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Of names and tensors that a user gave, each checked; in the tape's arena, as a mark before it finds it: a second time it needs
 * no more memory. T is well. */
tp_status tp__optim_source_open(tp_tape *T, tp__optim_source *s, const char *speaker, int n, const char *const *names,
                                tp_tensor *const *tensors);
/* The first name that was not looked up; NULL: none. */
const char *tp__optim_source_unused(const tp__optim_source *s);
/* A number, n numbers; false: it is not there, or of another shape, and T has failed. */
bool tp__optim_number(tp__optim_source *s, double *value, const char *name);
bool tp__optim_numbers(tp__optim_source *s, int64_t n, double *values, const char *name);

/* A parameter that a class updates as a whole: at[] as in kernel/optim.h. */
typedef struct {
    tp_call *call;
    tp__group *group;
    int index;
    const tp_tensor *parameter;
    const tp__row_list *rows; /* of its gradient that are not 0; NULL: any may be */
    void *const *at;
} tp__whole;

typedef struct tp__optim_class {
    tp_op op;                       /* an update as a call: its name, tp__update_forward */
    size_t size;                    /* of the optimizer, which starts with a tp_optim */
    size_t options_size;            /* options start with a double, the learning rate */
    const tp__option_field *fields; /* ends with one without a name */
    const char *title;              /* torch's name of the class */
    /* Fills in defaults; false: they make no sense, and T has failed. */
    bool (*check)(tp_tape *T, const char *name, void *options);
    /* False: it cannot train parameter i, and T has failed. Optional. */
    bool (*takes)(tp_tape *T, const char *name, int i, const tp_tensor *x);
    const char *state[TP__UPDATE_STATES]; /* torch's keys */
    const char
        *scalar[TP__UPDATE_SCALARS]; /* of a parameter's scalars; they are rounded to float, as torch keeps them */
    bool counts;                     /* the state has a "step" */
    /* Bit i: state vector i is kept. NULL: none is. */
    unsigned (*states)(const void *options);
    /* The shape of state k of x; false: it has none. NULL: x's own. */
    bool (*shape)(const tp_tensor *x, int k, tp_dims *shape);
    /* What the kernel is given for parameter i, updated g->steps[i] times before; at most TP__UPDATE_NUMBERS doubles. */
    void (*numbers)(const tp__group *g, int i, void *u);
    const tp__update_table *(*kernel)(void);
    tp_status (*whole)(const tp__whole *w);
    /* With these options, does an element whose gradient is 0 stay as it is, and all its state? Optional. */
    bool (*passes_over_0)(const void *options);
    /* Moves the scalars of parameter i, updated g->steps[i] times now. Optional. */
    void (*after)(tp__group *g, int i);
    double (*step_closure)(tp_tape *T, tp_optim *o, tp_closure closure, void *user);
    void (*free)(tp_optim *o);
    /* A state of another kind (state.c): listed, and taken over; with `check` only asked whether it could be. Optional. */
    void (*list)(const tp_optim *o, tp__state_list *l);
    tp_status (*restore)(tp_optim *o, tp__optim_source *s, bool check);
} tp__optim_class;

struct tp_optim {
    const tp__optim_class *type;
    int n_groups;
    tp__group *groups;
    tp__busy busy; /* its closure runs */
    struct tp_schedule *schedules;
};
/* The optimizer goes: its schedules have none from then on. */
void tp__schedules_forget(tp_optim *o);

/* A new optimizer with one group; NULL after a failure, which T then says. */
tp_optim *tp__optim_new(tp_tape *T, const tp__optim_class *type, tp_params *params, const void *options);
/* Another group; `type` is what the caller takes the optimizer for. */
tp_status tp__optim_add_group(tp_tape *T, tp_optim *o, const tp__optim_class *type, tp_params *params,
                              const void *options);
/* Fills in defaults (options.c); false: the options make no sense, and T has failed. */
bool tp__options_check(tp_tape *T, const tp__optim_class *type, void *options);
/* The group's options with `values` in their place, NaN for those that stay, checked; false: T has failed. */
bool tp__options_with(tp_tape *T, const tp__optim_class *type, const tp__group *g, const double *values, void *options);
/* Options that stand, with `values` of some: NaN for those that stay. Nothing is changed where they make no sense. */
tp_status tp__options_set(tp_tape *T, const tp_optim *o, tp__group *g, const double *values);
double tp__option_get(const tp__group *g, const tp__option_field *f);
int tp__options_count(const tp__optim_class *type);
/* The state vectors that these options ask for and that are not there yet; false: no memory, and T has failed. */
bool tp__group_vectors(tp_tape *T, const tp__optim_class *type, tp__group *g, const void *options);
/* Where parameter i's part of state vector k starts, in elements. */
int64_t tp__group_offset(const tp__group *g, int k, int i);
/* State k of parameter i becomes 0 again. */
void tp__group_clear(const tp__optim_class *type, tp__group *g, int k, int i);
/* The shape of state k of x; false: it has none. */
bool tp__state_shape(const tp__optim_class *type, const tp_tensor *x, int k, tp_dims *shape);
/* tp_optim_load_state_dict, but that nothing is changed where not to `take`. */
tp_status tp__optim_load(tp_tape *T, const char *speaker, tp_optim *o, int n, const char *const *names,
                         tp_tensor *const *tensors, bool take);
/* Calls the closure of a step; false where T has failed, or is to fail since the closure has freed what the step needs. */
bool tp__optim_evaluate(tp_tape *T, const tp_optim *o, tp_closure closure, void *user, double *loss);
/* Fails T: "sgd: momentum is -1; 0 or more is needed". Returns false. */
bool tp__optim_bad(tp_tape *T, const char *optimizer, const char *option, double value, const char *needed);
bool tp__optim_in_unit(tp_tape *T, const char *optimizer, const char *option, double value); /* in [0, 1) */
bool tp__optim_not_below_0(tp_tape *T, const char *optimizer, const char *option, double value);
tp_status tp__update_forward(tp_call *c);

#define TP__OPTIM_OP(title) \
    { \
        .name = title, .n_in = 1, .n_out = 1, .forward = tp__update_forward \
    }

#endif
