/* grad.c - leaves, owned tensors and the gradients that belong to them. */
#include "tape/internal.h"
#include "tape/params.h"

#include <stdlib.h>
#include <string.h>

/* ---- owned tensors ---------------------------------------------------------------------------------------- */

tp_tensor *tp_keep(tp_tensor *x)
{
    if (x == NULL || (x->tape && !tp__usable(x->tape, "keep", x)))
        return NULL;
    tp_tensor *y = malloc(sizeof *y);
    if (y == NULL) {
        tp_fail(x->tape, TP_ENOMEM, "keep: no memory");
        return NULL;
    }
    tp__tensor_init(y, (tp_dtype)x->dtype, tp__dims_of(x), x->numel);
    memcpy(y->stride, x->stride, sizeof y->stride);
    tp__tensor_note_layout(y);
    y->flags |= TP__OWNED;
    atomic_init(&y->holds, 1);
    y->storage = x->storage;
    y->data = x->data;
    tp__storage_escape(y->storage);
    return y;
}

void tp_free(tp_tensor *x)
{
    if (x == NULL || !(x->flags & TP__OWNED) || (x->flags & (TP__BELONGS | TP__FREED)))
        return;
    x->flags |= TP__FREED;
    tp__params_forget(x);
    tp__tensor_drop(x);
}

void tp__tensor_hold(tp_tensor *x) { atomic_fetch_add_explicit(&x->holds, 1, memory_order_relaxed); }

void tp__tensor_drop(tp_tensor *x)
{
    if (x == NULL || atomic_fetch_sub_explicit(&x->holds, 1, memory_order_acq_rel) != 1)
        return;
    tp__params_forget(x);
    tp__tensor_drop(x->grad);
    tp__storage_unref(x->storage);
    free(x);
}

tp_tensor *tp_detach(tp_tape *T, tp_tensor *x)
{
    return tp__usable(T, "detach", x) ? tp__tensor_alias(T, x, tp__dims_of(x), x->stride, 0) : NULL;
}

/* ---- leaves ------------------------------------------------------------------------------------------------- */

tp_tensor *tp_requires_grad(tp_tensor *x, bool on)
{
    if (x == NULL)
        return NULL;
    if (on && !tp_dtype_is_float((tp_dtype)x->dtype)) {
        tp_fail(x->tape, TP_EDTYPE, "requires_grad: only float32 and float64 can, not %s",
                tp_dtype_name((tp_dtype)x->dtype));
        return NULL;
    }
    if (!on && x->node) {
        tp_fail(x->tape, TP_EINVAL, "requires_grad: a computed tensor cannot give it up; use tp_detach");
        return NULL;
    }
    if (on)
        x->flags |= TP__REQUIRES_GRAD;
    else
        x->flags &= (uint32_t)~TP__REQUIRES_GRAD;
    return x;
}

bool tp_needs_grad(const tp_tensor *x) { return x && (x->flags & TP__REQUIRES_GRAD); }

bool tp_is_leaf(const tp_tensor *x) { return x && x->node == NULL; }

tp_tensor *tp_retain_grad(tp_tensor *x)
{
    if (x && !(x->flags & TP__REQUIRES_GRAD)) {
        tp_fail(x->tape, TP_EGRAPH, "retain_grad: the tensor does not require a gradient");
        return NULL;
    }
    if (x && x->node)
        x->flags |= TP__RETAIN_GRAD;
    return x;
}

bool tp_retains_grad(const tp_tensor *x) { return x && (x->flags & TP__RETAIN_GRAD); }

int tp_output_nr(const tp_tensor *x)
{
    for (uint32_t i = 0; x && x->node && i < x->node->n_out; i++)
        if (x->node->out[i] == x)
            return (int)i;
    return 0;
}

/* ---- gradients ----------------------------------------------------------------------------------------------- */

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
    tp__tensor_init(g, (tp_dtype)x->dtype, tp__dims_of(x), x->numel);
    g->tape = T;
    g->serial = 1; /* it is there, and older than anything that a rewind gives back */
    if (tp__give_storage(T, g))
        return g;
    g->flags |= TP__RELEASED;
    g->prev = T->free_gradients;
    T->free_gradients = g;
    return NULL;
}

tp_tensor *tp__grad_buffer(tp_tensor *x)
{
    tp_tensor *g = x->grad;
    if (g == NULL || !(g->flags & TP__GRADIENT)) { /* one that a recorded sweep left is not ours to write */
        g = x->tape ? grad_on_tape(x) : tp__tensor_owned((tp_dtype)x->dtype, tp__dims_of(x));
        if (g == NULL)
            return NULL;
        g->flags |= TP__GRADIENT | (x->tape ? 0 : TP__BELONGS);
        x->grad = g;
    }
    if (!(x->flags & TP__HAS_GRAD)) /* what was said of an older one does not hold for this */
        g->flags &= (uint32_t)~TP__REQUIRES_GRAD;
    return g;
}

tp_status tp__add_into(tp_tape *T, tp_tensor *dst, const tp_tensor *src, bool fresh)
{
    if (tp__contiguous(src) && src->dtype == dst->dtype) {
        if (fresh)
            tp__convert(dst->numel, dst->data, (tp_dtype)dst->dtype, src->data, (tp_dtype)src->dtype);
        else
            tp__axpy(dst->numel, (tp_dtype)dst->dtype, 1, src->data, dst->data);
        return TP_OK;
    }
    tp_dims shape = tp__dims_of(dst);
    tp__operand from = {.data = src->data, .dtype = (tp_dtype)src->dtype};
    memcpy(from.stride, src->stride, sizeof from.stride);
    if (fresh) {
        tp__copy(shape, dst->data, (tp_dtype)dst->dtype, &from);
        return TP_OK;
    }
    tp__storage *dense = tp__pool_alloc(T->pool, (size_t)dst->numel * tp_dtype_size((tp_dtype)dst->dtype));
    if (dense == NULL)
        return tp_fail(T, TP_ENOMEM, "no memory to add a gradient");
    tp__copy(shape, dense->data, (tp_dtype)dst->dtype, &from);
    tp__axpy(dst->numel, (tp_dtype)dst->dtype, 1, dense->data, dst->data);
    tp__storage_unref(dense);
    return TP_OK;
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

static tp_status leave(tp_tape *T, tp_tensor *leaf, tp_tensor *g)
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

/* A recorded gradient of a tensor of the tape stays what it is, and so does its sum with what was there. An owned
 * tensor outlives the graph: it has numbers alone. */
static tp_status keep_graph(tp_tape *T, tp_tensor *leaf, tp_tensor *g)
{
    if (leaf->flags & TP__HAS_GRAD)
        g = tp_add(T, leaf->grad, g);
    else if (g->tape == NULL || (g->flags & TP__GRADIENT)) /* another's, who may free it */
        g = tp_expand(T, g, tp__dims_of(g));
    if (g == NULL)
        return T->status;
    g->flags &= (uint32_t)~TP__SWEPT; /* no later sweep's to give back */
    return leave(T, leaf, g);
}

tp_status tp__grad_accumulate(tp_tape *T, tp_tensor *leaf, tp_tensor *g)
{
    bool fresh = !(leaf->flags & TP__HAS_GRAD);
    bool recorded = (g->flags & TP__REQUIRES_GRAD) || (!fresh && (leaf->grad->flags & TP__REQUIRES_GRAD));
    if (leaf->tape && T->recording && recorded)
        return keep_graph(T, leaf, g);
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
    char a[200], b[200];
    if (x->dtype != g->dtype || !tp__dims_equal(tp__dims_of(x), tp__dims_of(g)))
        return tp_fail(T, TP_ESHAPE, "set_grad: the gradient is %s of %s, the tensor %s of %s",
                       tp__dims_text(tp__dims_of(g), a, sizeof a), tp_dtype_name((tp_dtype)g->dtype),
                       tp__dims_text(tp__dims_of(x), b, sizeof b), tp_dtype_name((tp_dtype)x->dtype));
    bool was = tp_tape_record(T, false);
    tp_zero_grad(x);
    tp__grad_accumulate(T, x, g);
    tp_tape_record(T, was);
    return T->status;
}
