/* optim.h - the optimizers' updates: one pass over a stretch of parameters, gradients and state. */
#ifndef TAPIR_KERNEL_OPTIM_H
#define TAPIR_KERNEL_OPTIM_H

#include "kernel/kernel.h"

/* p -= lr d, where d = g + weight_decay p, by way of a velocity v where there is momentum */
typedef struct {
    double lr, momentum, dampening, weight_decay;
    bool nesterov, maximize;
    bool first; /* the velocity starts as d */
} tp__sgd_update;

/* p -= step m / (sqrt(v) / root + eps), with the moments m, v of g, and the largest v where asked */
typedef struct {
    double beta1, beta2, eps;
    double step;         /* lr / (1 - beta1^t)  */
    double root;         /* sqrt(1 - beta2^t)   */
    double weight_decay; /* added to g          */
    double shrink;       /* p is scaled by it before (decoupled decay); 1: not */
    bool amsgrad, maximize;
} tp__adam_update;

void tp__sgd(tp_dtype dtype, const tp__sgd_update *u, int64_t n, void *p, const void *g, void *v);
void tp__adam(tp_dtype dtype, const tp__adam_update *u, int64_t n, void *p, const void *g, void *m, void *v,
              void *largest);

typedef struct {
    void (*sgd[2])(const tp__sgd_update *u, int64_t n, void *p, const void *g, void *v); /* f32, f64 */
    void (*adam[2])(const tp__adam_update *u, int64_t n, void *p, const void *g, void *m, void *v, void *largest);
} tp__update_table;

TP__TABLE_OF(tp__update_table, tp__update_table);

#endif
