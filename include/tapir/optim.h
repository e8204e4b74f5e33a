/* optim.h - optimizers over a parameter set. Options are torch's; 0 stands for torch's default.
 *
 * A parameter that no gradient reached is passed over. On a failed tape nothing is updated. An optimizer has a place of its
 * own for what it remembers; the parameter set must live as long as it steps. A set that is NULL or empty is TP_EINVAL.
 */
#ifndef TAPIR_OPTIM_H
#define TAPIR_OPTIM_H

#include "tape.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tp_optim tp_optim;

typedef struct {
    double lr; /* needed: 0 is an error; TP_ZERO is zero */
    double momentum, dampening, weight_decay;
    bool   nesterov, maximize;
    TP_RESERVED(4);
} tp_sgd_options;
/* d = g + weight_decay p (-g with `maximize`); with momentum v = momentum v + (1 - dampening) d, v = d at first, and d is v,
 * or d + momentum v with `nesterov` (which needs a momentum and no dampening); p -= lr d. Options that make no sense are
 * TP_EINVAL. Sutskever et al., "On the importance of initialization and momentum in deep learning", 2013. */
TP_API tp_optim *tp_optim_sgd(tp_tape *T, tp_params *params, const tp_sgd_options *options);
/* Parameters with options of their own (torch's add_param_group): a further group of such an optimizer. A parameter may be in
 * one group only (TP_EINVAL). */
TP_API tp_status tp_optim_sgd_group(tp_tape *T, tp_optim *o, tp_params *params, const tp_sgd_options *options);

typedef struct {
    double lr;           /* 0: 1e-3                          */
    double beta1, beta2; /* 0: 0.9, 0.999                    */
    double eps;          /* 0: 1e-8                          */
    double weight_decay; /* Adam: 0; AdamW: 0 stands for 1e-2 */
    bool   amsgrad, maximize;
    TP_RESERVED(4);
} tp_adam_options;
/* m = beta1 m + (1 - beta1) g, v = beta2 v + (1 - beta2) g^2, p -= lr m' / (sqrt(v') + eps), with m' = m / (1 - beta1^t),
 * v' = v / (1 - beta2^t) in step t, or the largest v so far with `amsgrad`. Adam adds weight_decay p to g; AdamW takes
 * lr weight_decay p off p instead. Kingma and Ba, "Adam", 2015; Loshchilov and Hutter, "Decoupled weight decay", 2019;
 * Reddi et al., "On the convergence of Adam and beyond", 2018. */
TP_API tp_optim *tp_optim_adam(tp_tape *T, tp_params *params, const tp_adam_options *options);
TP_API tp_optim *tp_optim_adamw(tp_tape *T, tp_params *params, const tp_adam_options *options);
TP_API tp_status tp_optim_adam_group(tp_tape *T, tp_optim *o, tp_params *params, const tp_adam_options *options);
TP_API tp_status tp_optim_adamw_group(tp_tape *T, tp_optim *o, tp_params *params, const tp_adam_options *options);

typedef enum { TP_NO_LINE_SEARCH = 0, TP_STRONG_WOLFE } tp_line_search;
typedef struct {
    double         lr;               /* 0: 1            */
    int            max_iter;         /* 0: 20           */
    int            max_eval;         /* 0: max_iter 5/4 */
    double         tolerance_grad;   /* 0: 1e-7         */
    double         tolerance_change; /* 0: 1e-9; of step, loss and predicted decrease */
    int            history_size;     /* 0: 100          */
    tp_line_search line_search;
    TP_RESERVED(4);
} tp_lbfgs_options;
/* Nocedal and Wright, "Numerical optimization", 2006: algorithms 7.4 (two loops), 3.5 and 3.6.
 * Changes of the loss count relative to the first loss where that is below 1: torch takes them as they are, and
 * so stops far from the minimum of a loss that is small all along.
 *
 * A step to where the loss, its slope or a parameter is infinite or NaN has gone too far: the line search cuts it, a
 * fixed step is taken back and ends the iterations. So parameters whose loss is finite stay so. From a loss that is
 * not finite no step is made. */
TP_API tp_optim *tp_optim_lbfgs(tp_tape *T, tp_params *params, const tp_lbfgs_options *options);

typedef enum {
    TP_LBFGS_FAILED = 0, /* the closure failed, or there was no step yet       */
    TP_LBFGS_MAX_ITER,   /* all iterations asked for were made                 */
    TP_LBFGS_MAX_EVAL,   /* as many evaluations as allowed                     */
    TP_LBFGS_GRADIENT,   /* no element of the gradient above tolerance_grad    */
    TP_LBFGS_CHANGE,     /* step, loss or predicted decrease: tolerance_change */
    TP_LBFGS_NOT_FINITE  /* the loss at the start, the gradient, or what a fixed step led to */
} tp_lbfgs_stop;
typedef struct {
    int           iterations, evaluations;
    double        loss; /* where the parameters are now; NaN where it was not computed: after a fixed last step */
    tp_lbfgs_stop stop;
} tp_lbfgs_report;
/* How the last step of an L-BFGS optimizer went. */
TP_API tp_lbfgs_report tp_lbfgs_info(const tp_optim *o);

TP_API void tp_optim_free(tp_optim *o);
TP_API void tp_optim_zero_grad(tp_optim *o);
/* One update from the gradients that backward left. L-BFGS needs tp_optim_step_closure. */
TP_API tp_status tp_optim_step(tp_tape *T, tp_optim *o);
/* Clears the gradients, computes the loss with those at the parameters as they are now, and returns its value. May be
 * called several times a step, and may reset the tape each time, when it has the value; frees neither the tape nor the
 * optimizer: that is TP_EINVAL, the tape stays, the optimizer goes when the step has returned. */
typedef double (*tp_closure)(tp_tape *T, void *user);
/* One step of any optimizer; returns the loss at the start of the step, NaN after a failure. */
TP_API double tp_optim_step_closure(tp_tape *T, tp_optim *o, tp_closure closure, void *user);
/* The learning rate, read at each step: of the first group, and of all. */
TP_API double tp_optim_lr(const tp_optim *o);
TP_API void   tp_optim_set_lr(tp_optim *o, double lr);
/* How many groups there are; the learning rate of group 0, 1, ... (NaN of one that is not there). */
TP_API int    tp_optim_groups(const tp_optim *o);
TP_API double tp_optim_group_lr(const tp_optim *o, int group);
TP_API void   tp_optim_set_group_lr(tp_optim *o, int group, double lr);

#ifdef __cplusplus
}
#endif
#endif
