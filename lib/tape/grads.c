/* grads.c - sinks: gradients of a set beside the parameters' own. */
#include "tape/params.h"
#include "tape/tape.h"

#include <string.h>

struct tp_grads {
    tp_params *set;
    int n;
    tp_tensor **at; /* headers on one block, which is laid out as the set's slabs */
    bool *arrived;
    bool open; /* the block was handed out: everything in it counts */
    tp__storage *all;
};

void tp_grads_free(tp_grads *g)
{
    if (g == NULL)
        return;
    for (int i = 0; g->at && i < g->n; i++)
        tp__tensor_drop(g->at[i]);
    tp__storage_unref(g->all);
    tp__free(g->at);
    tp__free(g->arrived);
    tp__params_drop(g->set);
    tp__free(g);
}

tp_grads *tp_grads_new(const tp_params *p)
{
    tp_grads *g = p ? tp__calloc(1, sizeof *g) : NULL;
    if (g == NULL)
        return NULL;
    g->set = (tp_params *)(uintptr_t)p; /* of the set itself only its count is written */
    tp__params_hold(g->set);
    g->at = tp__calloc((size_t)p->n + 1, sizeof *g->at);
    g->arrived = tp__calloc((size_t)p->n + 1, sizeof *g->arrived);
    g->all = tp__storage_new(tp_params_bytes(p));
    bool ok = g->at && g->arrived && g->all;
    for (int i = 0; i < p->n && ok; i++, g->n++) {
        const tp_tensor *x = p->at[i];
        if (x == NULL)
            continue;
        char *data = (char *)g->all->data + tp__slab_offset(p, i);
        g->at[i] = tp__tensor_owned_on(x->dtype, tp__dims_of(x), g->all, data);
        ok = g->at[i] != NULL;
        if (ok)
            g->at[i]->flags |= TP__BELONGS;
    }
    if (!ok) {
        tp_grads_free(g);
        return NULL;
    }
    return g;
}

/* A flag for each is enough where nobody else looks at the block. */
void tp_grads_zero(tp_grads *g)
{
    for (int i = 0; g && i < g->n; i++)
        g->arrived[i] = g->open;
    if (g && g->open)
        memset(g->all->data, 0, g->all->bytes);
}

/* The set may be gone and another be where it was: only a place that fits the leaf is one. */
static int index_in(const tp_grads *g, const tp_tensor *leaf)
{
    for (const tp__member *m = leaf->tape ? NULL : leaf->member; m; m = m->next)
        if (m->set == g->set && m->index < g->n) {
            const tp_tensor *at = g->at[m->index];
            return at && at->dtype == leaf->dtype && tp__same_shape(at, leaf) ? m->index : -1;
        }
    return -1;
}

bool tp__grads_has(const tp_grads *g, const tp_tensor *leaf) { return index_in(g, leaf) >= 0; }

tp_tensor *tp__grads_slot(tp_grads *g, const tp_tensor *leaf, bool *fresh)
{
    int i = index_in(g, leaf);
    if (i < 0)
        return NULL;
    *fresh = !g->arrived[i];
    g->arrived[i] = true;
    return g->at[i];
}

void tp_grads_add(tp_grads *into, const tp_grads *from)
{
    for (int i = 0; into && from && i < into->n && i < from->n; i++) {
        tp_tensor *to = into->at[i], *x = from->at[i];
        if (!from->arrived[i] || !to || !x || to->dtype != x->dtype || to->numel != x->numel)
            continue;
        if (into->arrived[i])
            tp__axpy(to->numel, to->dtype, 1, x->data, to->data);
        else
            memcpy(to->data, x->data, (size_t)to->numel * tp_dtype_size(to->dtype));
        into->arrived[i] = true;
    }
}

/* What has not arrived may hold an older gradient, for which it is made zero. The host may write what it wants, so from now
 * on all have arrived. */
void *tp_grads_data(tp_grads *g)
{
    for (int i = 0; g && i < g->n; i++) {
        if (!g->arrived[i] && g->at[i])
            tp__fill(g->at[i]->numel, g->at[i]->data, g->at[i]->dtype, 0);
        g->arrived[i] = true;
    }
    if (g)
        g->open = true;
    return g ? g->all->data : NULL;
}

static bool fits(const tp_tensor *x, const tp_tensor *grad)
{
    return !x || !grad || (x->dtype == grad->dtype && tp__dims_equal(tp__dims_of(x), tp__dims_of(grad)));
}

tp_status tp_params_set_grads(tp_tape *T, tp_params *p, const tp_grads *g)
{
    if (!tp__ok(T))
        return T ? T->status : TP_EINVAL;
    if (p == NULL || g == NULL)
        return tp_fail(T, TP_EINVAL, "params_set_grads: the %s is NULL", p ? "sink" : "set");
    if (p->n != g->n)
        return tp_fail(T, TP_ESHAPE,
                       "params_set_grads: the set has %d parameters, the sink is for %d; as many are needed", p->n,
                       g->n);
    for (int i = 0; i < p->n; i++) {
        const tp_tensor *x = p->at[i], *grad = g->at[i];
        if (!fits(x, grad))
            return tp_fail(T, TP_ESHAPE,
                           "params_set_grads: parameter %d is %s of %s, the sink's gradient %s of %s; one shape and "
                           "dtype are needed",
                           i, TP__SHAPE(x), tp_dtype_name(x->dtype), TP__SHAPE(grad), tp_dtype_name(grad->dtype));
    }
    for (int i = 0; i < p->n && T->status == TP_OK; i++)
        if (p->at[i])
            tp_set_grad(T, p->at[i], tp_grads_at(g, i));
    return T->status;
}

tp_tensor *tp_grads_at(const tp_grads *g, int i) { return g && i >= 0 && i < g->n && g->arrived[i] ? g->at[i] : NULL; }
