/* sweep.h - a backward pass from inside.
 *
 * A tensor's gradient gathers in its `acc` until its node's turn comes. It is shared where it can be (the gradient of a + b
 * is one tensor, that of a sum stays 0-d and is expanded), so it is written in place only while a single holder is left
 * (`uses`).
 */
#ifndef TAPIR_AUTOGRAD_SWEEP_H
#define TAPIR_AUTOGRAD_SWEEP_H

#include "ops/ops.h"
#include "tape/hooks.h"
#include "tape/params.h"
#include "tape/watch.h"

typedef struct tp__touched {
    tp_tensor *x;
    tp_tensor *stash; /* its gradient, while another sweep runs within this one */
    struct tp__touched *next;
} tp__touched;

/* An owned tensor with hooks: its gradient is stored when it is whole. */
typedef struct tp__whole {
    tp_tensor *x, *g;
    struct tp__whole *next;
} tp__whole;

typedef struct tp__sweep {
    tp_tape *T;
    const char *name; /* of the function that was called */
    bool create, retain, to_leaves;
    tp_grads *sink;
    int n_targets; /* with targets: only what leads to them */
    tp_tensor *const *targets;
    tp_tensor **results;
    uint32_t stamp, begin, end; /* of the nodes that lead to targets, and where they lie */
    int seeded;                 /* roots whose given gradient is counted as the caller's, too */
    int64_t pending;            /* computed tensors that hold a gradient and wait for their node */
    tp__touched *list;          /* all tensors of the tape that hold one */
    tp__whole *wholes;
} tp__sweep;

/* ---- gathering (gather.c) ------------------------------------------------------------------------------------------- */

/* Owned tensors, which are the caller's and may be shared with other tapes, are neither counted nor written. */
static inline void tp__gradient_hold(tp_tensor *g)
{
    if (g->tape)
        g->uses++;
}

static inline void tp__gradient_drop(const tp__sweep *s, tp_tensor *g)
{
    TP__ASSERT(g == NULL || g->tape == NULL || g->uses > 0);
    if (g && g->tape && --g->uses == 0 && !s->create && (g->flags & TP__SWEPT))
        tp__tensor_release(g);
}

static inline bool tp__gradient_writable(const tp__sweep *s, const tp_tensor *g)
{
    return !s->create && g->uses == 1 && (g->flags & TP__SWEPT) && tp__contiguous(g) &&
           atomic_load_explicit(&g->storage->refs, memory_order_relaxed) == 1;
}

static inline int tp__target_of(const tp__sweep *s, const tp_tensor *x)
{
    for (int k = 0; k < s->n_targets; k++)
        if (s->targets[k] == x)
            return k;
    return -1;
}

static inline bool tp__wanted_by_some(const tp__sweep *s, const tp_tensor *x)
{
    if (s->sink)
        return x->node || (x->flags & TP__TARGET) || tp__grads_has(s->sink, x);
    return (x->node && x->node->stamp == s->stamp) ||
           (x->tape ? (x->flags & TP__TARGET) != 0 : tp__target_of(s, x) >= 0);
}

static inline bool tp__wanted(const tp__sweep *s, const tp_tensor *x)
{
    return x && (x->flags & TP__REQUIRES_GRAD) && (s->to_leaves || tp__wanted_by_some(s, x));
}

/* *slot += g, where *slot may be NULL */
tp_status tp__gradient_gather(tp__sweep *s, tp_tensor **slot, tp_tensor *g);
/* Does x's gradient gather apart? It does to the end, even where the hook is removed meanwhile. */
bool tp__gathers_in_whole(const tp__sweep *s, const tp_tensor *x);
static inline bool tp__gathers_apart(const tp__sweep *s, const tp_tensor *x)
{
    return x->tape == NULL && s->T->hooks && tp__gathers_in_whole(s, x);
}
/* Where the gradient of such an x gathers; NULL: no memory. */
tp_tensor **tp__whole_slot(tp__sweep *s, tp_tensor *x);
/* Adds to where the sweep leaves the gradient of an owned tensor. */
tp_status tp__gradient_store(tp__sweep *s, tp_tensor *x, tp_tensor *g);
/* Hands x the gradient g, of x's shape and dtype. */
tp_status tp__deliver(tp__sweep *s, tp_tensor *x, tp_tensor *g);
/* Adds g (leaf's shape, any layout) to the leaf's gradient; the first one is copied (accumulate.c). */
tp_status tp__grad_accumulate(tp_tape *T, tp_tensor *leaf, tp_tensor *g);

/* ---- going down the tape (sweep.c) ------------------------------------------------------------------------------------ */

/* Stamps the nodes that lead from a target to a root: only these are visited. */
void tp__mark_nodes(const tp__sweep *s, uint32_t begin, uint32_t end);
/* One node: its gradients go on to its inputs. */
tp_status tp__visit(tp__sweep *s, tp__node *node);
/* From n roots down to the beginning; grads (NULL: ones) are the roots' gradients. */
tp_status tp__sweep_run(tp__sweep *s, int n, tp_tensor *const *roots, tp_tensor *const *grads);

/* ---- going through what was computed again (replay.c) ---------------------------------------------- */

/* An operator whose vjp computes no gradients itself: it records again what the operator stands for, and has the
 * sweep that runs go through that, node by node, as if it had been on the tape all along. So gradients are added up
 * in the same order, to the same bits. */
enum { TP__OP_REPLAYS = 1 << 30 };

/* Where a gradient gathers that outlives what was computed again. */
typedef struct {
    tp_tensor **at;
    tp_tensor *untouched; /* whose gradient it is, where the sweep had none of it before */
    bool moves;
    int same; /* an earlier slot that holds the same tensor, or -1 */
    tp_tensor header;
} tp__slot;

typedef struct {
    tp_mark mark;
    tp_tensor *last; /* at the mark */
    void *list;      /* of the sweep, at the mark */
    int n;
    tp__slot *slot;
} tp__replay;

/* Is the sweep itself recorded? Then nothing may be given back. */
bool tp__replay_keeps(const tp_tape *T);
/* The gradients of the operator's inputs outlive the replay; n_more others may be added by tp__replay_slot. */
tp_status tp__replay_open(tp_tape *T, tp__replay *r, int n, tp_tensor *const *in, int n_more);
void tp__replay_slot(tp__replay *r, tp_tensor **at);
/* Visits the nodes from `begin` on, with the gradients g at y; the caller's hold on each g passes on. */
tp_status tp__replay_sweep(tp_tape *T, uint32_t begin, int n, tp_tensor *const *y, tp_tensor *const *g);
/* Gives back all that was made since the replay was opened, but what is in the slots; may be called again and again. */
tp_status tp__replay_close(tp_tape *T, tp__replay *r, uint32_t begin);

#endif
