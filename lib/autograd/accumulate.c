/* accumulate.c - a gradient is added to what its tensor has. */
#include "autograd/sweep.h"

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
    return tp__left_leave(T, leaf, g);
}

tp_status tp__grad_accumulate(tp_tape *T, tp_tensor *leaf, tp_tensor *g)
{
    bool fresh = !(leaf->flags & TP__HAS_GRAD);
    bool recorded = (g->flags & TP__REQUIRES_GRAD) || (!fresh && (leaf->grad->flags & TP__REQUIRES_GRAD));
    if (leaf->tape && T->recording && recorded)
        return keep_graph(T, leaf, g);
    return tp__grad_add(T, leaf, g);
}
