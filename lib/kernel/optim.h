/* optim.h - the optimizers' updates: one pass over a stretch of parameters, gradients and state.
 *
 * An optimizer's file has its kernel beside it: what stands under TP__ISA there is compiled for each instruction set, and the
 * body under REAL is read for float and for double (per_float.h).
 */
#ifndef TAPIR_KERNEL_OPTIM_H
#define TAPIR_KERNEL_OPTIM_H

#include "kernel/kernel.h"

enum { TP__UPDATE_STATES = 3 }; /* state vectors of an optimizer, at most */

/* n elements: at[0] are the parameters, at[1] their gradients, then the state vectors (NULL: not kept). `u` holds the numbers
 * of the update. */
typedef void (*tp__update_fn)(const void *u, int64_t n, void *const *at);
typedef struct {
    tp__update_fn of[2]; /* f32, f64 */
} tp__update_table;

/* The same of `count` rows of so many columns alone. */
void tp__update_at(const tp__update_table *table, tp_dtype dtype, const void *u, int64_t count, const int64_t *rows,
                   int64_t columns, void *const *at);
/* The update of whole vectors, in ranges. */
void tp__update(const tp__update_table *table, tp_dtype dtype, const void *u, int64_t n, void *const *at);

#endif
