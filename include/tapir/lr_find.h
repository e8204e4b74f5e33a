/* lr_find.h - which learning rate: a training of a few steps whose rate grows exponentially, until its loss does, too.
 *
 *     tp_lr_range r = tp_lr_find(T, net, optim, step, &batches, NULL);
 *     tp_optim_set_lr(optim, r.suggestion);
 *
 * L. N. Smith, "Cyclical learning rates for training neural networks", 2017, section 3.3.
 */
#ifndef TAPIR_LR_FIND_H
#define TAPIR_LR_FIND_H

#include "data.h"
#include "nn.h"
#include "optim.h"
#include "plot.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    double  start, end; /* rates; 0: 1e-7, 10 */
    int64_t steps;      /* 0: 100 */
    double  beta;       /* of the losses' running mean; 0: 0.9; TP_ZERO: none */
    double  diverged;   /* it ends where the mean is this many times its smallest value, beyond the first steps; 0: 4 */
    tp_loader *loader;  /* goes back to where it was, too; NULL: there is none */
    TP_RESERVED(4);
} tp_lr_find_options;

/* Of each step its rate, its loss and the running mean, [n] in TP_F64, tensors of the tape; NULL after a failure. */
typedef struct {
    tp_tensor *lr, *loss, *mean;
    double     suggestion; /* the rate where the mean falls fastest by the logarithm of the rate; NaN: it never falls */
    double     lowest;     /* the rate where the mean is smallest: larger ones do harm */
} tp_lr_range;

/* Steps of o with `closure`, as tp_optim_step_closure takes it, on the next batch each time; all groups have the same rate. Then
 * everything is as it was, bit for bit: m's parameters and buffers, o's parameters, state and rates, the tape's generator and the
 * loader; gradients are cleared. m may be NULL where there is nothing but parameters of o to be changed. */
TP_API tp_lr_range tp_lr_find(tp_tape *T, tp_module *m, tp_optim *o, tp_closure closure, void *user,
                              const tp_lr_find_options *options);
/* Draws it: the losses, their mean, and the suggestion; the plot had best have log_x. */
TP_API tp_status tp_plot_lr_range(tp_tape *T, tp_plot *p, const tp_lr_range *range);

#ifdef __cplusplus
}
#endif
#endif
