/* grad.c - gradients that belong to tensors: their buffers, and those with a graph that a sweep left at leaves. */
#include "tape/tape.h"

#include <string.h>

tp_tensor *tp_grad(const tp_tensor *x) { return x && (x->flags & TP__HAS_GRAD) ? x->grad : NULL; }

void tp_zero_grad(tp_tensor *x)
{
    if (x)
        x->flags &= (uint32_t)~TP__HAS_GRAD;
}

/* A tape tensor's gradient header lives in an arena of its own, so that it survives a rewind. */
static tp_tensor *grad_on_tape(tp_tensor *x)
{
    tp_tape *T = x->tape;
    tp_tensor *g = T->free_gradients;
    if (g)
        T->free_gradients = g->prev;
    else if ((g = tp__arena_alloc(&T->gradients, sizeof *g)) == NULL)
        return NULL;
    tp__tensor_init(g, x->dtype, tp__dims_of(x), x->numel);
    g->tape = T;
    g->serial = 1; /* it is there, and older than anything that a rewind gives back */
    if (tp__give_storage(T, g))
        return g;
    g->flags |= TP__RELEASED;
    g->prev = T->free_gradients;
    T->free_gradients = g;
    return NULL;
}

static tp_tensor *buffer_of(tp_tensor *x)
{
    tp_tensor *g = x->grad;
    if (g == NULL || !(g->flags & TP__GRADIENT)) { /* one that a recorded sweep left is not ours to write */
        g = x->tape ? grad_on_tape(x) : tp__tensor_owned(x->dtype, tp__dims_of(x));
        if (g == NULL)
            return NULL;
        g->flags |= TP__GRADIENT | (x->tape ? 0 : TP__BELONGS);
        x->grad = g;
    }
    if (!(x->flags & TP__HAS_GRAD)) /* what was said of an older one does not hold for this */
        g->flags &= (uint32_t)~TP__REQUIRES_GRAD;
    return g;
}

tp_tensor *tp__grad_buffer(tp_tensor *x)
{
    tp_tensor *g = buffer_of(x);
    if (g)
        tp__rows_forget(g->storage);
    return g;
}

tp_tensor *tp__grad_buffer_of_rows(tp_tensor *x)
{
    tp_tensor *g = buffer_of(x);
    tp__row_list *r = g ? tp__rows_in(g->storage) : NULL;
    if (r && r->version != g->storage->version)
        r->all = true;
    return g;
}

/* Gradients with a graph that were left at leaves. The graph goes with a rewind, the leaf may stay. */
typedef struct tp__left {
    struct tp__left *next;
    tp_tensor *leaf, *g;
    tp_tensor *before; /* the buffer that was there, which nodes may have as an input */
    uint64_t serial;   /* of the tape at the time */
} left;

static void forget_buffer(tp_tape *T, tp_tensor *g)
{
    if (g == NULL)
        return;
    tp__tensor_bury(T, g, 0);
    g->prev = T->free_gradients;
    T->free_gradients = g;
}

/* The leaf stays, g goes: its numbers stay. */
static void keep_numbers(tp_tape *T, tp_tensor *leaf, tp_tensor *g)
{
    bool had = (leaf->flags & TP__HAS_GRAD) != 0;
    leaf->grad = NULL;
    leaf->flags &= (uint32_t)~TP__HAS_GRAD;
    if (!had || g->data == NULL)
        return;
    if (tp__grad_buffer(leaf) == NULL || tp__add_into(T, leaf->grad, g, true) != TP_OK)
        tp_fail(T, TP_ENOMEM, "tape_rewind: no memory for a gradient");
    else
        leaf->flags |= TP__HAS_GRAD;
}

void tp__left_settle(tp_tape *T, uint64_t serial)
{
    for (left *l = T->left; l && l->serial > serial; T->left = l = l->next) {
        if (l->leaf->serial <= serial && l->leaf->grad == l->g)
            keep_numbers(T, l->leaf, l->g);
        else if (l->leaf->grad == l->g)
            l->leaf->grad = NULL;
        tp__unsave(l->g);
        forget_buffer(T, l->before);
    }
}

void tp__left_bury(tp_tape *T)
{
    for (left *l = T->left; l; T->left = l = l->next)
        forget_buffer(T, l->before);
}

void tp__left_count(const tp_tape *T, int by)
{
    for (left *l = T->left; l; l = l->next)
        if (by > 0)
            l->g->uses++;
        else if (l->before)
            l->before->uses = 0;
}

tp_status tp__left_leave(tp_tape *T, tp_tensor *leaf, tp_tensor *g)
{
    left *l = tp__arena_alloc(&T->arena, sizeof *l);
    if (l == NULL)
        return tp_fail(T, TP_ENOMEM, "no memory for a gradient");
    bool buffer = leaf->grad && (leaf->grad->flags & TP__GRADIENT);
    *l = (left){T->left, leaf, g, buffer ? leaf->grad : NULL, ++T->serial};
    T->left = l;
    g->saves++; /* no scope's end gives it back */
    leaf->grad = g;
    leaf->flags |= TP__HAS_GRAD;
    return TP_OK;
}

tp_status tp__grad_add(tp_tape *T, tp_tensor *leaf, const tp_tensor *g)
{
    bool fresh = !(leaf->flags & TP__HAS_GRAD);
    tp_tensor *before = fresh ? NULL : leaf->grad;
    if (tp__grad_buffer(leaf) == NULL)
        return tp_fail(T, TP_ENOMEM, "no memory for a gradient");
    if (before && before != leaf->grad && tp__add_into(T, leaf->grad, before, true) != TP_OK)
        return T->status;
    tp_status status = tp__add_into(T, leaf->grad, g, fresh);
    if (status == TP_OK) {
        leaf->grad->storage->version++;
        leaf->flags |= TP__HAS_GRAD;
    }
    return status;
}

tp_status tp_set_grad(tp_tape *T, tp_tensor *x, tp_tensor *g)
{
    if (!tp__usable(T, "set_grad", x))
        return tp_error_status(T);
    if (g == NULL) {
        tp_zero_grad(x);
        return TP_OK;
    }
    if (!tp__usable(T, "set_grad", g))
        return T->status;
    if (x->dtype != g->dtype || !tp__dims_equal(tp__dims_of(x), tp__dims_of(g)))
        return tp_fail(T, TP_ESHAPE,
                       "set_grad: the gradient is %s of %s, the tensor %s of %s; one shape and dtype are needed",
                       TP__SHAPE(g), tp_dtype_name(g->dtype), TP__SHAPE(x), tp_dtype_name(x->dtype));
    tp_zero_grad(x);
    return tp__grad_add(T, x, g);
}
