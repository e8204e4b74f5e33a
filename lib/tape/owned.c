/* owned.c - owned tensors, and what makes a leaf. */
#include "tape/tape.h"
#include "tape/params.h"

#include <string.h>

/* ---- owned tensors ---------------------------------------------------------------------------------------- */

tp_tensor *tp_keep(tp_tensor *x)
{
    if (x == NULL || (x->tape && !tp__usable(x->tape, "keep", x)))
        return NULL;
    tp_tensor *y = tp__malloc(sizeof *y);
    if (y == NULL) {
        tp_fail(x->tape, TP_ENOMEM, "keep: no memory");
        return NULL;
    }
    tp__tensor_init(y, x->dtype, tp__dims_of(x), x->numel);
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

void tp__tensor_hold(tp_tensor *x)
{
    TP__ASSERT(x->tape == NULL && atomic_load_explicit(&x->holds, memory_order_relaxed) > 0);
    atomic_fetch_add_explicit(&x->holds, 1, memory_order_relaxed);
}

void tp__tensor_drop(tp_tensor *x)
{
    TP__ASSERT(x == NULL || (x->tape == NULL && atomic_load_explicit(&x->holds, memory_order_relaxed) > 0));
    if (x == NULL || atomic_fetch_sub_explicit(&x->holds, 1, memory_order_acq_rel) != 1)
        return;
    tp__params_forget(x);
    tp__tensor_drop(x->grad);
    tp__storage_unref(x->storage);
    tp__free(x);
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
    if (on && !tp_dtype_is_float(x->dtype)) {
        tp_fail(x->tape, TP_EDTYPE, "requires_grad: x is %s; float32 or float64 is needed", tp_dtype_name(x->dtype));
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
        tp_fail(x->tape, TP_EGRAPH, "retain_grad: x asks for no gradient; one that does is needed");
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
