/* optim.h - optimizers over a parameter set. Options are torch's; 0 stands for torch's default.
 *
 * A parameter that no gradient reached is passed over. On a failed tape nothing is updated. An optimizer has a place of its
 * own for what it remembers; the parameter set must live as long as it steps. A set that is NULL or empty is TP_EINVAL.
 */
#ifndef TAPIR_OPTIM_H
#define TAPIR_OPTIM_H

#include "state.h"

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

typedef struct {
    double lr;           /* 0: 1e-3 */
    double beta1, beta2; /* 0: 0.9, 0.999 */
    double eps;          /* 0: 1e-8 */
    bool   maximize;
    TP_RESERVED(4);
} tp_sparse_adam_options;
/* Adam that leaves alone, values and moments, the rows x[i, ...] of a parameter whose gradient is 0 throughout, as of an
 * embedding of which a step sees few words; where that is sparse (tp_embedding_options), it looks at the rows that a step has
 * used alone, as tp_optim_sgd without momentum and decay, and tp_optim_adagrad without decay, do then. eps is added before v is corrected, as torch has it here. */
TP_API tp_optim *tp_optim_sparse_adam(tp_tape *T, tp_params *params, const tp_sparse_adam_options *options);
TP_API tp_status tp_optim_sparse_adam_group(tp_tape *T, tp_optim *o, tp_params *params,
                                            const tp_sparse_adam_options *options);

typedef struct {
    double lr;           /* 0: 2e-3       */
    double beta1, beta2; /* 0: 0.9, 0.999 */
    double eps;          /* 0: 1e-8       */
    double weight_decay;
    bool   maximize;
    TP_RESERVED(4);
} tp_adamax_options;
/* m = beta1 m + (1 - beta1) g, u = max(beta2 u, |g| + eps), p -= lr / (1 - beta1^t) m / u. Kingma and Ba, section 7. */
TP_API tp_optim *tp_optim_adamax(tp_tape *T, tp_params *params, const tp_adamax_options *options);
TP_API tp_status tp_optim_adamax_group(tp_tape *T, tp_optim *o, tp_params *params, const tp_adamax_options *options);

typedef struct {
    double lr;           /* 0: 2e-3       */
    double beta1, beta2; /* 0: 0.9, 0.999 */
    double eps;          /* 0: 1e-8       */
    double weight_decay;
    double momentum_decay; /* 0: 4e-3 */
    TP_RESERVED(4);
} tp_nadam_options;
/* Adam with Nesterov's momentum: mu_t = beta1 (1 - 0.96^(t momentum_decay) / 2), and, with the product P of mu_1 ... mu_t,
 * p -= lr ((1 - mu_t) / (1 - P) g + mu_t+1 / (1 - P mu_t mu_t+1) m) / (sqrt(v') + eps), as torch 1.13 computes it. Dozat,
 * "Incorporating Nesterov momentum into Adam", 2016. */
TP_API tp_optim *tp_optim_nadam(tp_tape *T, tp_params *params, const tp_nadam_options *options);
TP_API tp_status tp_optim_nadam_group(tp_tape *T, tp_optim *o, tp_params *params, const tp_nadam_options *options);

typedef struct {
    double lr;           /* 0: 1e-3       */
    double beta1, beta2; /* 0: 0.9, 0.999 */
    double eps;          /* 0: 1e-8       */
    double weight_decay;
    TP_RESERVED(4);
} tp_radam_options;
/* Adam that steps by the mean alone (p -= lr m') until the variance of 1 / sqrt(v) is bounded, and by a rectified step
 * afterwards. Liu et al., "On the variance of the adaptive learning rate and beyond", 2020. */
TP_API tp_optim *tp_optim_radam(tp_tape *T, tp_params *params, const tp_radam_options *options);
TP_API tp_status tp_optim_radam_group(tp_tape *T, tp_optim *o, tp_params *params, const tp_radam_options *options);

typedef struct {
    double lr; /* 0: 1e-2 */
    double lr_decay, weight_decay, initial_accumulator_value;
    double eps; /* 0: 1e-10 */
    bool   maximize;
    TP_RESERVED(4);
} tp_adagrad_options;
/* sum += g^2, p -= lr / (1 + (t - 1) lr_decay) g / (sqrt(sum) + eps). Duchi, Hazan and Singer, "Adaptive subgradient methods",
 * 2011. */
TP_API tp_optim *tp_optim_adagrad(tp_tape *T, tp_params *params, const tp_adagrad_options *options);
TP_API tp_status tp_optim_adagrad_group(tp_tape *T, tp_optim *o, tp_params *params, const tp_adagrad_options *options);

typedef struct {
    double lr;  /* 0: 1    */
    double rho; /* 0: 0.9  */
    double eps; /* 0: 1e-6 */
    double weight_decay;
    bool   maximize;
    TP_RESERVED(4);
} tp_adadelta_options;
/* v = rho v + (1 - rho) g^2, d = sqrt(u + eps) / sqrt(v + eps) g, u = rho u + (1 - rho) d^2, p -= lr d. Zeiler, "ADADELTA",
 * 2012. */
TP_API tp_optim *tp_optim_adadelta(tp_tape *T, tp_params *params, const tp_adadelta_options *options);
TP_API tp_status tp_optim_adadelta_group(tp_tape *T, tp_optim *o, tp_params *params,
                                         const tp_adadelta_options *options);

typedef struct {
    double lr;    /* 0: 1e-2 */
    double alpha; /* 0: 0.99 */
    double eps;   /* 0: 1e-8 */
    double weight_decay, momentum;
    bool   centered, maximize;
    TP_RESERVED(4);
} tp_rmsprop_options;
/* v = alpha v + (1 - alpha) g^2, d = g / (sqrt(v) + eps), or with the mean of g taken off v (`centered`); with momentum
 * b = momentum b + d takes the place of d; p -= lr d. Tieleman and Hinton, lecture 6.5, 2012; Graves, 2013. */
TP_API tp_optim *tp_optim_rmsprop(tp_tape *T, tp_params *params, const tp_rmsprop_options *options);
TP_API tp_status tp_optim_rmsprop_group(tp_tape *T, tp_optim *o, tp_params *params, const tp_rmsprop_options *options);

typedef struct {
    double lr;                           /* the first step's size; 0: 1e-2 */
    double etaminus, etaplus;            /* 0: 0.5, 1.2 */
    double step_size_min, step_size_max; /* 0: 1e-6, 50 */
    bool   maximize;
    TP_RESERVED(4);
} tp_rprop_options;
/* p -= sign(g) s, where each element's s grows by etaplus while its gradient keeps its sign and shrinks by etaminus where
 * that turned, where p stays for this step. For whole batches. Riedmiller and Braun, 1993. */
TP_API tp_optim *tp_optim_rprop(tp_tape *T, tp_params *params, const tp_rprop_options *options);
TP_API tp_status tp_optim_rprop_group(tp_tape *T, tp_optim *o, tp_params *params, const tp_rprop_options *options);

typedef struct {
    double lr;    /* 0: 1e-2 */
    double lambd; /* 0: 1e-4 */
    double alpha; /* 0: 0.75 */
    double t0;    /* 0: 1e6  */
    double weight_decay;
    bool   maximize;
    TP_RESERVED(4);
} tp_asgd_options;
/* p = (1 - lambd eta) p - eta g with eta = lr / (1 + lambd lr t)^alpha; from step t0 on the state "ax" is the mean of p. Polyak
 * and Juditsky, "Acceleration of stochastic approximation by averaging", 1992. */
TP_API tp_optim *tp_optim_asgd(tp_tape *T, tp_params *params, const tp_asgd_options *options);
TP_API tp_status tp_optim_asgd_group(tp_tape *T, tp_optim *o, tp_params *params, const tp_asgd_options *options);

typedef struct {
    double lr;           /* 0: 1e-4      */
    double beta1, beta2; /* 0: 0.9, 0.99 */
    double weight_decay;
    bool   maximize;
    TP_RESERVED(4);
} tp_lion_options;
/* p = (1 - lr weight_decay) p - lr sign(beta1 m + (1 - beta1) g), m = beta2 m + (1 - beta2) g. Chen et al., "Symbolic
 * discovery of optimization algorithms", 2023. */
TP_API tp_optim *tp_optim_lion(tp_tape *T, tp_params *params, const tp_lion_options *options);
TP_API tp_status tp_optim_lion_group(tp_tape *T, tp_optim *o, tp_params *params, const tp_lion_options *options);

typedef struct {
    double lr;           /* 0: 1e-3       */
    double beta1, beta2; /* 0: 0.9, 0.999 */
    double eps;          /* 0: 1e-6       */
    double weight_decay; /* 0: 1e-2       */
    bool   maximize;
    TP_RESERVED(4);
} tp_lamb_options;
/* Adam's direction r = m' / (sqrt(v') + eps) + weight_decay p, scaled for each parameter to its own size: p -= lr |p| / |r| r
 * (p -= lr r where a norm is 0). You et al., "Large batch optimization for deep learning", 2020. */
TP_API tp_optim *tp_optim_lamb(tp_tape *T, tp_params *params, const tp_lamb_options *options);
TP_API tp_status tp_optim_lamb_group(tp_tape *T, tp_optim *o, tp_params *params, const tp_lamb_options *options);

typedef struct {
    double lr;          /* 0: 1e-2 */
    double beta2_decay; /* 0: -0.8 */
    double eps1;        /* 0: the dtype's epsilon */
    double eps2;        /* 0: 1e-3 */
    double d;           /* 0: 1, the largest root mean square of an update */
    double weight_decay;
    bool   maximize;
    TP_RESERVED(4);
} tp_adafactor_options;
/* The mean squares of a matrix's gradient (of the last two dimensions) are kept by rows and by columns alone, so that the state
 * is small; the step is relative to the parameter's size. Options are those of torch 2.5. Shazeer and Stern, "Adafactor", 2018. */
TP_API tp_optim *tp_optim_adafactor(tp_tape *T, tp_params *params, const tp_adafactor_options *options);
TP_API tp_status tp_optim_adafactor_group(tp_tape *T, tp_optim *o, tp_params *params,
                                          const tp_adafactor_options *options);

/* The step's factor for a matrix [n, m]: sqrt(max(1, n / m)), or 0.2 sqrt(max(n, m)), with which Adam's rates serve. */
typedef enum { TP_MUON_ORIGINAL = 0, TP_MUON_MATCH_RMS_ADAMW } tp_muon_adjust;
typedef struct {
    double         lr;           /* 0: 1e-3 */
    double         weight_decay; /* 0: 0.1  */
    double         momentum;     /* 0: 0.95 */
    double         eps;          /* 0: 1e-7 */
    int            ns_steps;     /* 0: 5    */
    tp_muon_adjust adjust_lr;
    bool           no_nesterov, maximize;
    TP_RESERVED(4);
} tp_muon_options;
/* For matrices (others are TP_ESHAPE; train those with AdamW, in an optimizer of their own): v = momentum v + (1 - momentum) g;
 * p = (1 - lr weight_decay) p - lr X with X nearest to orthogonal of v, or of momentum v + (1 - momentum) g, by ns_steps of
 * Newton and Schulz's iteration, in the parameter's dtype (torch 2.9 iterates in bfloat16). Jordan et al., "Muon", 2024. */
TP_API tp_optim *tp_optim_muon(tp_tape *T, tp_params *params, const tp_muon_options *options);
TP_API tp_status tp_optim_muon_group(tp_tape *T, tp_optim *o, tp_params *params, const tp_muon_options *options);

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
/* An option of a group by the name it has above, as "momentum" or "beta1"; true is 1, and 0 is 0 here. NaN: there is none.
 * A new value holds from the next step on; one that makes no sense is TP_EINVAL, and nothing is changed. */
TP_API double    tp_optim_option(const tp_optim *o, int group, const char *name);
TP_API tp_status tp_optim_set_option(tp_tape *T, tp_optim *o, int group, const char *name, double value);

/* ---- state ---------------------------------------------------------------------------------------
 *
 * What an optimizer knows, under torch's keys: "state.3.exp_avg" of the fourth parameter (of all groups, in their order), and the
 * groups' options as "param_groups.0.lr", "param_groups.0.betas" [2], "param_groups.0.params" (which parameters are in it). A
 * parameter that was never updated has no state. */
TP_API tp_state_dict *tp_optim_state_dict(tp_tape *T, const tp_optim *o);
/* Takes over what is named: states, converted to the parameters' dtypes, and options; an option that is not there stays, a
 * group's key that is no option of ours (torch's "foreach") is passed over. A parameter without a state begins anew. Before
 * anything is changed all is checked: states that are missing or unexpected and groups of another size are TP_EINVAL, shapes
 * that differ TP_ESHAPE. A step afterwards is bit for bit what it would have been. */
TP_API tp_status tp_optim_load_state_dict(tp_tape *T, tp_optim *o, int n, const char *const *names,
                                          tp_tensor *const *tensors);

#ifdef __cplusplus
}
#endif
#endif
