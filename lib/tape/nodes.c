/* nodes.c - what recorded calls keep alive, and how they are forgotten. */
#include "tape/tape.h"

void tp__unsave(tp_tensor *x)
{
    if (x == NULL || x->tape == NULL)
        return;
    TP__ASSERT(x->saves > 0);
    if (--x->saves == 0 && (x->flags & TP__SCOPED))
        tp__tensor_release(x);
}

void tp__node_consume(tp__node *node)
{
    if (node->consumed)
        return;
    node->consumed = true;
    for (uint32_t i = 0; i < node->n_in && !(node->op->flags & TP_OP_FORGETS_IN); i++)
        tp__unsave(node->in[i]);
    uint32_t saved = tp__saved_outputs(node->op);
    for (uint32_t i = 0; i < node->n_out && saved != 0; i++)
        if (tp__has_bit(saved, i))
            tp__unsave(node->out[i]);
}

void tp__nodes_convert(tp_tape *T, const tp_tensor *x)
{
    for (uint32_t k = 0; k < T->n_nodes; k++)
        for (uint32_t i = 0; i < T->nodes[k]->n_in; i++)
            T->nodes[k]->converted |= T->nodes[k]->in[i] == x;
}

void tp__nodes_drop(tp_tape *T, uint32_t begin, uint64_t clock)
{
    for (uint32_t k = begin; k < T->n_nodes; k++) {
        tp__node *node = T->nodes[k];
        tp__node_consume(node);
        for (uint32_t i = 0; i < node->n_out; i++)
            if (node->out[i]->serial <= clock && node->out[i]->node == node) {
                node->out[i]->node = NULL;
                node->out[i]->flags &= (uint32_t)~TP__REQUIRES_GRAD;
            }
    }
    if (begin < T->n_nodes)
        T->n_nodes = begin;
}
