/* params.h - sets of parameters, the slabs in which they lie, stretches of them, and sinks for their gradients. */
#ifndef TAPIR_TAPE_PARAMS_H
#define TAPIR_TAPE_PARAMS_H

#include "core/core.h"

/* ---- sets (params.c) ------------------------------------------------------------------------ */

/* One membership of a tensor in a set; a tensor may be in several. */
typedef struct tp__member {
    tp_params *set;
    int index;
    struct tp__member *next; /* of the same tensor */
} tp__member;

/* Parameter i lies at offset[i] elements in the vectors of its dtype. */
struct tp_params {
    atomic_int holds; /* its owner, optimizers, sinks */
    bool belongs;     /* to a module, which frees it */
    bool gone;        /* its owner has */
    int n;
    tp_tensor **at; /* NULL where it was freed */
    tp__member *member;
    int64_t *offset;     /* in elements of its own dtype's vector */
    int64_t count;       /* of all */
    int64_t count_of[2]; /* f32, f64 */
};

/* Where a dtype is in count_of. */
static inline int tp__slot_of(tp_dtype dtype) { return dtype == TP_F64; }

/* NULL: no memory. */
tp_params *tp__params_new(int n, tp_tensor *const *tensors);
void tp__params_hold(tp_params *p);
void tp__params_drop(tp_params *p);
/* The owner frees it; optimizers and sinks that hold it see that it is gone. */
void tp__params_abandon(tp_params *p);
/* x is about to be freed: the sets it is in forget it. */
void tp__params_forget(tp_tensor *x);

/* ---- slabs (slab.c) ------------------------------------------------------------------------- */

/* The tensors are laid in one slab, their gradients in another (tape.h has the layout). NULL: no memory. */
tp_params *tp__params_slab(int n, tp_tensor *const *tensors);
/* Where, in bytes, parameter i starts, which is there. */
size_t tp__slab_offset(const tp_params *p, int i);

/* ---- stretches (stretch.c) ------------------------------------------------------------------ */

/* A stretch of parameters that lie one after another, all with a gradient: what an optimizer updates
 * in one pass. `offset` is where it starts in a state vector of count_of[dtype] elements. */
typedef struct {
    tp_dtype dtype;
    int64_t offset, n;
    void *value, *grad;
    int first, last;          /* parameters, last included */
    const tp__row_list *rows; /* of one alone: the rows of the gradient that are not 0; NULL: any may be */
} tp__run_of_params;
/* The next stretch from parameter *at on; false past the end. Start with *at = 0. */
bool tp__params_next(const tp_params *p, int *at, tp__run_of_params *run);
/* Values of those with a gradient were written: versions move. */
void tp__params_touch(tp_params *p);
/* The same of the gradients. */
void tp__params_touch_grads(tp_params *p);

/* ---- sinks (grads.c) ------------------------------------------------------------------------ */

/* The sink's buffer for a leaf, which counts as arrived from then on; *fresh where it holds nothing yet.
 * NULL where the leaf is not of the sink's set. */
tp_tensor *tp__grads_slot(tp_grads *g, const tp_tensor *leaf, bool *fresh);
bool tp__grads_has(const tp_grads *g, const tp_tensor *leaf);

#endif
