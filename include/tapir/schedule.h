/* schedule.h - learning rates that change from epoch to epoch: torch.optim.lr_scheduler.
 *
 * A schedule is made for an optimizer with the groups that this has then, and sets the rates of epoch 0 at once;
 * tp_schedule_step goes on to the next, as a rule after each epoch (cyclic and one-cycle ones after each step). Most only
 * multiply the rate that is there, so that several can work together. `lr0` is the rate a group had before its first
 * schedule. A rate that comes out negative or not finite is TP_ENUMERIC, and none is changed.
 *
 * A schedule may outlive its optimizer, but not step then. Numbers that have a default take 0 for it, TP_ZERO for zero.
 */
#ifndef TAPIR_SCHEDULE_H
#define TAPIR_SCHEDULE_H

#include "optim.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tp_schedule tp_schedule;

TP_API void      tp_schedule_free(tp_schedule *s);
TP_API tp_status tp_schedule_step(tp_tape *T, tp_schedule *s);
/* The same for tp_reduce_lr_on_plateau, which is told how the epoch went. */
TP_API tp_status tp_schedule_step_metric(tp_tape *T, tp_schedule *s, double metric);
TP_API int64_t   tp_schedule_last_epoch(const tp_schedule *s); /* how many steps it went; -1 of NULL */
/* Under torch's keys: "last_epoch", "base_lrs" [groups], "_last_lr" [groups], and what the kind has beside; those of schedules
 * within another as "_schedulers.0.last_epoch". Rates themselves, and options, are the optimizer's state and the program's.
 * The same names are needed; others are TP_EINVAL, and nothing is changed. */
TP_API tp_state_dict *tp_schedule_state_dict(tp_tape *T, const tp_schedule *s);
TP_API tp_status      tp_schedule_load_state_dict(tp_tape *T, tp_schedule *s, int n, const char *const *names,
                                                  tp_tensor *const *tensors);

/* lr *= gamma (0: 0.1) every step_size epochs */
TP_API tp_schedule *tp_step_lr(tp_tape *T, tp_optim *o, int64_t step_size, double gamma);
/* lr *= gamma (0: 0.1) at each of n milestones; one that is there twice counts twice */
TP_API tp_schedule *tp_multi_step_lr(tp_tape *T, tp_optim *o, int n, const int64_t *milestones, double gamma);
/* lr0 factor (0: 1/3) for the first total_iters (0: 5) epochs, lr0 afterwards */
TP_API tp_schedule *tp_constant_lr(tp_tape *T, tp_optim *o, double factor, int64_t total_iters);
/* from lr0 start_factor (0: 1/3) to lr0 end_factor (0: 1) in total_iters (0: 5) epochs: a warm-up */
TP_API tp_schedule *tp_linear_lr(tp_tape *T, tp_optim *o, double start_factor, double end_factor, int64_t total_iters);
/* lr *= gamma each epoch; gamma more than 0 is needed */
TP_API tp_schedule *tp_exponential_lr(tp_tape *T, tp_optim *o, double gamma);
/* lr0 (1 - epoch / total_iters)^power in total_iters (0: 5) epochs; power 0: 1 */
TP_API tp_schedule *tp_polynomial_lr(tp_tape *T, tp_optim *o, int64_t total_iters, double power);
/* eta_min + (lr0 - eta_min) (1 + cos(pi epoch / T_max)) / 2. Loshchilov and Hutter, "SGDR", 2017 */
TP_API tp_schedule *tp_cosine_annealing_lr(tp_tape *T, tp_optim *o, int64_t T_max, double eta_min);
/* The same over T_0 epochs, then anew over T_0 T_mult, T_0 T_mult^2, ... ; T_mult 0: 1 */
TP_API tp_schedule *tp_cosine_annealing_warm_restarts(tp_tape *T, tp_optim *o, int64_t T_0, int64_t T_mult,
                                                      double eta_min);
/* From where the rates are to swa_lr in anneal_epochs (0: 10), by a cosine or in a line: for averaged weights. Izmailov et al.,
 * "Averaging weights leads to wider optima", 2018. */
TP_API tp_schedule *tp_swa_lr(tp_tape *T, tp_optim *o, double swa_lr, int64_t anneal_epochs, bool linear);

/* lr0 times fn(epoch), and lr times fn(epoch) each epoch from 1 on. It may free neither the tape nor the optimizer nor the
 * schedule: the last goes when the step has returned. */
typedef double (*tp_lr_fn)(int64_t epoch, int group, void *user);
TP_API tp_schedule *tp_lambda_lr(tp_tape *T, tp_optim *o, tp_lr_fn fn, void *user);
TP_API tp_schedule *tp_multiplicative_lr(tp_tape *T, tp_optim *o, tp_lr_fn fn, void *user);

typedef double (*tp_scale_fn)(double x, void *user);
typedef enum { TP_TRIANGULAR = 0, TP_TRIANGULAR2, TP_EXP_RANGE } tp_cyclic_mode;
typedef struct {
    double         base_lr, max_lr;
    const double  *base_lrs; /* one a group, instead; read when it is made, as are those for max_lr */
    const double  *max_lrs;
    int64_t        step_size_up;       /* 0: 2000 */
    int64_t        step_size_down;     /* 0: as step_size_up */
    tp_cyclic_mode mode;
    double         gamma; /* of TP_EXP_RANGE; 0: 1 */
    tp_scale_fn    scale_fn; /* instead of the mode's; x is the cycle, 1, 2, ..., or with scale_by_step the step */
    void          *scale_user;
    bool           scale_by_step, no_cycle_momentum;
    double         base_momentum, max_momentum; /* 0: 0.8, 0.9 */
    TP_RESERVED(4);
} tp_cyclic_options;
/* Between base_lr and max_lr, up and down; the momentum, which the optimizer must have, the other way round. The height of a
 * cycle stays, halves from one to the next (TP_TRIANGULAR2), or falls by gamma each step. Smith, "Cyclical learning rates",
 * 2017. */
TP_API tp_schedule *tp_cyclic_lr(tp_tape *T, tp_optim *o, const tp_cyclic_options *options);

typedef struct {
    double        max_lr;
    const double *max_lrs; /* one a group, instead; read when it is made */
    int64_t       total_steps;
    double        pct_start; /* of the steps that go up; 0: 0.3 */
    bool          linear;    /* not by a cosine */
    bool          no_cycle_momentum;
    double        base_momentum, max_momentum;  /* 0: 0.85, 0.95 */
    double        div_factor, final_div_factor; /* first and last rate: max_lr / div (0: 25), that / final (0: 1e4) */
    bool          three_phase;                  /* down to the first rate as slowly as up, then on */
    TP_RESERVED(4);
} tp_one_cycle_options;
/* Up to max_lr and down to next to nothing; the momentum (or beta1) the other way round. A step beyond total_steps is TP_EINVAL.
 * Smith and Topin, "Super-convergence", 2018. */
TP_API tp_schedule *tp_one_cycle_lr(tp_tape *T, tp_optim *o, const tp_one_cycle_options *options);

typedef struct {
    bool          max;       /* more is better                                     */
    double        factor;    /* 0: 0.1; less than 1                                */
    int64_t       patience;  /* epochs without an improvement; 0: 10, -1: none     */
    double        threshold; /* 0: 1e-4; an improvement is by more than this part of the best ... */
    bool          absolute;  /* ... or than this much                              */
    int64_t       cooldown;  /* epochs after a cut that do not count               */
    double        min_lr;
    const double *min_lrs; /* one a group, instead; read when it is made           */
    double        eps;     /* a smaller change is not made; 0: 1e-8                */
    TP_RESERVED(4);
} tp_plateau_options;
/* lr *= factor when the metric has not improved for more than `patience` epochs (tp_schedule_step_metric). */
TP_API tp_schedule *tp_reduce_lr_on_plateau(tp_tape *T, tp_optim *o, const tp_plateau_options *options);

/* n schedules of one optimizer, one after the other: the next takes over at each of the n - 1 milestones, which rise, and
 * begins with its epoch 0. The schedules become its own, also where it fails. */
TP_API tp_schedule *tp_sequential_lr(tp_tape *T, int n, tp_schedule *const *schedules, const int64_t *milestones);
/* All of them at each step. */
TP_API tp_schedule *tp_chained_lr(tp_tape *T, int n, tp_schedule *const *schedules);

#ifdef __cplusplus
}
#endif
#endif
