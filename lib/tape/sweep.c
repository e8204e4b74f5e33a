/* sweep.c - the backward pass: from the roots down the tape, each node once, in reverse order.
 *
 * A tensor's gradient gathers in its `acc` until its node's turn comes. It is shared where it can be
 * (the gradient of a + b is one tensor, that of a sum stays 0-d and is expanded), so it is written in
 * place only while a single holder is left (`uses`). What a node consumed is given back at once.
 */
#include "tape/hooks.h"
#include "tape/params.h"
#include "tape/watch.h"

#include <string.h>

enum { MAX_IN = 32 }; /* inputs a need mask has room for; operators with more (cat) pass all */

typedef struct touched {
    tp_tensor *x;
    tp_tensor *stash; /* its gradient, while another sweep runs within this one */
    struct touched *next;
} touched;

/* An owned tensor with hooks: its gradient is stored when it is whole. */
typedef struct whole {
    tp_tensor *x, *g;
    struct whole *next;
} whole;

typedef struct tp__sweep {
    tp_tape *T;
    bool create, retain, to_leaves;
    tp_grads *sink;
    int n_targets; /* with targets: only what leads to them */
    tp_tensor *const *targets;
    tp_tensor **results;
    uint32_t stamp, begin, end; /* of the nodes that lead to targets, and where they lie */
    int seeded;                 /* roots whose given gradient is counted as the caller's, too */
    int64_t pending;            /* computed tensors that hold a gradient and wait for their node */
    touched *list;              /* all tensors of the tape that hold one */
    whole *wholes;
} sweep;

/* ---- gradients on the way --------------------------------------------------------------------------------- */

/* Owned tensors, which are the caller's and may be shared with other tapes, are neither counted nor written. */
static void hold(tp_tensor *g)
{
    if (g->tape)
        g->uses++;
}

static void drop(const sweep *s, tp_tensor *g)
{
    if (g && g->tape && --g->uses == 0 && !s->create && (g->flags & TP__SWEPT))
        tp__tensor_release(g);
}

static bool writable(const sweep *s, const tp_tensor *g)
{
    return !s->create && g->uses == 1 && (g->flags & TP__SWEPT) && tp__contiguous(g) &&
           atomic_load_explicit(&g->storage->refs, memory_order_relaxed) == 1;
}

/* *slot += g, where *slot may be NULL */
static tp_status gather(sweep *s, tp_tensor **slot, tp_tensor *g)
{
    tp_tensor *old = *slot;
    if (old == NULL) {
        hold(g);
        *slot = g;
        return TP_OK;
    }
    if (writable(s, old) && old->dtype == g->dtype && old != g)
        return tp__add_into(s->T, old, g, false);
    tp_tensor *sum = tp_add(s->T, old, g);
    if (sum == NULL)
        return s->T->status;
    sum->flags |= TP__SWEPT;
    sum->uses = 1;
    *slot = sum;
    drop(s, old);
    return TP_OK;
}

static int target_of(const sweep *s, const tp_tensor *x)
{
    for (int k = 0; k < s->n_targets; k++)
        if (s->targets[k] == x)
            return k;
    return -1;
}

static bool wanted_by_some(const sweep *s, const tp_tensor *x)
{
    if (s->sink)
        return x->node || (x->flags & TP__TARGET) || tp__grads_has(s->sink, x);
    return (x->node && x->node->stamp == s->stamp) || (x->tape ? (x->flags & TP__TARGET) != 0 : target_of(s, x) >= 0);
}

static inline bool wanted(const sweep *s, const tp_tensor *x)
{
    return x && (x->flags & TP__REQUIRES_GRAD) && (s->to_leaves || wanted_by_some(s, x));
}

static tp_status touch(sweep *s, tp_tensor *x)
{
    touched *t = tp__arena_alloc(&s->T->arena, sizeof *t);
    if (t == NULL)
        return tp_fail(s->T, TP_ENOMEM, "backward: no memory");
    *t = (touched){x, NULL, s->list};
    s->list = t;
    s->pending += x->node != NULL;
    return TP_OK;
}

static whole *find_whole(const sweep *s, const tp_tensor *x)
{
    whole *w = s->wholes;
    while (w && w->x != x)
        w = w->next;
    return w;
}

/* Does x's gradient gather apart? It does to the end, even where the hook is removed meanwhile. */
static bool gathers_apart(const sweep *s, const tp_tensor *x)
{
    return x->tape == NULL && s->T->hooks && (find_whole(s, x) || tp__has_hook(s->T, x));
}

/* Where the gradient of such an x gathers; NULL: no memory. */
static tp_tensor **slot_of_whole(sweep *s, tp_tensor *x)
{
    whole *w = find_whole(s, x);
    if (w == NULL) {
        if ((w = tp__arena_alloc(&s->T->arena, sizeof *w)) == NULL) {
            tp_fail(s->T, TP_ENOMEM, "backward: no memory");
            return NULL;
        }
        *w = (whole){x, NULL, s->wholes};
        s->wholes = w;
    }
    return &w->g;
}

/* Adds to where the sweep leaves the gradient of an owned tensor. */
static tp_status store(sweep *s, tp_tensor *x, tp_tensor *g)
{
    bool fresh;
    if (s->to_leaves)
        return tp__grad_accumulate(s->T, x, g);
    if (s->sink) {
        tp_tensor *slot = tp__grads_slot(s->sink, x, &fresh);
        return slot ? tp__add_into(s->T, slot, g, fresh) : TP_OK;
    }
    int k = target_of(s, x);
    return k >= 0 ? gather(s, &s->results[k], g) : TP_OK;
}

/* Hands x the gradient g, of x's shape and dtype. */
static tp_status deliver(sweep *s, tp_tensor *x, tp_tensor *g)
{
    if (x->tape) {
        if (x->acc == NULL && touch(s, x) != TP_OK)
            return s->T->status;
        return gather(s, &x->acc, g);
    }
    if (gathers_apart(s, x)) {
        tp_tensor **slot = slot_of_whole(s, x);
        return slot ? gather(s, slot, g) : s->T->status;
    }
    return store(s, x, g);
}

tp_tensor *tp__fit_gradient(tp_tape *T, tp_tensor *g, const tp_tensor *x)
{
    if (g && g->dtype != x->dtype)
        g = tp_to(T, g, (tp_dtype)x->dtype);
    if (g == NULL || tp__same_shape(g, x))
        return g;
    tp_dims shape = tp__dims_of(x);
    int lead = g->ndim - shape.ndim, n = 0, dims[TP_MAX_DIMS];
    for (int d = 0; d < g->ndim; d++)
        if (d < lead || (shape.dim[d - lead] == 1 && g->shape[d] != 1))
            dims[n++] = d;
    if (n > 0)
        g = tp_sum_dims(T, g, n, dims, true);
    if (g && lead > 0) {
        tp_dims kept = {.ndim = shape.ndim};
        for (int d = 0; d < shape.ndim; d++)
            kept.dim[d] = g->shape[d + lead];
        g = tp_reshape(T, g, kept);
    }
    return g && !tp__same_shape(g, x) ? tp_expand(T, g, shape) : g;
}

/* ---- one node ------------------------------------------------------------------------------------------------ */

static void note_made(const sweep *s, const tp_tensor *since, int n_keep, tp_tensor *const *keep)
{
    if (s->create)
        return;
    for (tp_tensor *x = s->T->last; x != since; x = x->prev)
        x->flags |= TP__SWEPT;
    if (s->T->last != since)
        tp__scope_close(s->T, (tp__scope){(tp_tensor *)since}, n_keep, keep);
    for (int i = 0; i < n_keep; i++)
        if (keep[i] && keep[i]->tape)
            keep[i]->flags &= (uint32_t)~TP__SCOPED;
}

static tp_status run_vjp(sweep *s, const tp__node *node, tp_vjp *v)
{
    tp_tape *T = s->T;
    tp_tensor *since = T->last;
    tp_status status = node->op->vjp(v);
    if (status != TP_OK)
        return tp_fail(T, status, "%s: its vjp failed", node->op->name);
    for (int i = 0; i < v->n_in && T->status == TP_OK; i++) {
        if (v->n_in > MAX_IN ? !wanted(s, node->in[i]) : !((v->need >> i) & 1u))
            v->gin[i] = NULL;
        else if (v->gin[i])
            v->gin[i] = tp__fit_gradient(T, v->gin[i], node->in[i]);
    }
    if (T->status != TP_OK || (T->watch && tp__watch_gradients(T, node, v->n_in, v->gin) != TP_OK))
        return T->status;
    note_made(s, since, v->n_in, v->gin);
    for (int i = 0; i < v->n_in; i++)
        if (v->gin[i] && deliver(s, node->in[i], v->gin[i]) != TP_OK)
            return T->status;
    return TP_OK;
}

/* Where a fused vjp adds input i's gradient: straight into the leaf's buffer or the one that gathers
 * already, where that may be written; otherwise a new one, which *apart says must be delivered. */
static tp_tensor *destination(sweep *s, tp_tensor *x, bool *fresh, bool *apart)
{
    *apart = false;
    bool direct = !gathers_apart(s, x);
    if (x->tape == NULL && direct && s->to_leaves) {
        *fresh = !(x->flags & TP__HAS_GRAD);
        tp_tensor *g = tp__grad_buffer(x);
        if (g == NULL) {
            tp_fail(s->T, TP_ENOMEM, "no memory for a gradient");
            return NULL;
        }
        g->storage->version++;
        return g;
    }
    if (x->tape == NULL && direct && s->sink)
        return tp__grads_slot(s->sink, x, fresh);
    if (x->tape && x->acc && writable(s, x->acc)) {
        *fresh = false;
        return x->acc;
    }
    *fresh = *apart = true;
    tp_tensor *g = tp__tensor_like(s->T, x, (tp_dtype)x->dtype);
    if (g)
        g->flags |= TP__SWEPT;
    return g;
}

static tp_status run_fused(sweep *s, const tp__node *node, tp_vjp *v)
{
    tp_tape *T = s->T;
    tp_tensor *dense[TP_MAX_OUT], *since = T->last;
    uint32_t apart_mask = 0, leaf_mask = 0; /* leaves whose first gradient this is */
    if (!(node->op->flags & TP_OP_STRIDED)) {
        for (int i = 0; i < v->n_out; i++)
            if ((dense[i] = v->gout[i]) != NULL && (dense[i] = tp_contiguous(T, v->gout[i])) == NULL)
                return T->status;
        v->gout = dense;
    }
    for (int i = 0; i < v->n_in; i++) {
        bool fresh, apart, again = false;
        if (!tp_vjp_needs(v, i))
            continue;
        for (int j = 0; j < i; j++)
            if (node->in[j] == node->in[i] && v->gin[j]) { /* one tensor twice: both add */
                v->gin[i] = v->gin[j];
                if ((v->fresh >> j) & 1u)
                    tp__fill(v->gin[j]->numel, v->gin[j]->data, (tp_dtype)v->gin[j]->dtype, 0);
                v->fresh &= ~(1u << j);
                again = true;
            }
        if (again)
            continue;
        v->gin[i] = destination(s, node->in[i], &fresh, &apart);
        if (v->gin[i] == NULL)
            return T->status;
        v->fresh |= (uint32_t)fresh << i;
        apart_mask |= (uint32_t)apart << i;
        leaf_mask |= (uint32_t)(fresh && !apart && s->to_leaves) << i;
        if (fresh && !(node->op->flags & TP_OP_OVERWRITES)) {
            tp__fill(v->gin[i]->numel, v->gin[i]->data, (tp_dtype)v->gin[i]->dtype, 0);
            v->fresh &= ~(1u << i);
        }
    }
    tp_status status = node->op->vjp_fused(v);
    if (status == TP_OK && T->watch)
        status = tp__watch_gradients(T, node, v->n_in, v->gin);
    if (status != TP_OK || T->status != TP_OK) {
        return tp_fail(T, status, "%s: its vjp failed", node->op->name);
    }
    for (int i = 0; i < v->n_in; i++)
        if ((leaf_mask >> i) & 1u) /* not before: until now there is no gradient */
            node->in[i]->flags |= TP__HAS_GRAD;
    note_made(s, since, v->n_in, v->gin);
    for (int i = 0; i < v->n_in; i++)
        if (((apart_mask >> i) & 1u) && deliver(s, node->in[i], v->gin[i]) != TP_OK)
            return T->status;
    return TP_OK;
}

/* Inputs are written as leaves; outputs through a tensor that shares their storage (tp_detach). */
static tp_status check_versions(const sweep *s, const tp__node *node, const char *what, uint32_t n, tp_tensor *const *x,
                                const uint32_t *versions)
{
    for (uint32_t i = 0; i < n; i++)
        if (x[i] && x[i]->storage && x[i]->storage->version != versions[i])
            return tp_fail(s->T, TP_EMUTATED, "%s: %s %u was changed in place after it was saved for backward",
                           node->op->name, what, (unsigned)i);
    return TP_OK;
}

/* What was saved must still be there, and as it was. */
static tp_status check_saved(const sweep *s, const tp__node *node)
{
    unsigned forgets = node->op->flags & (TP_OP_FORGETS_IN | TP_OP_FORGETS_OUT);
    if (node->converted)
        return tp_fail(s->T, TP_EMUTATED, "%s: a parameter that it used was converted by tp_module_to since",
                       node->op->name);
    if (node->consumed && forgets != (TP_OP_FORGETS_IN | TP_OP_FORGETS_OUT))
        return tp_fail(s->T, TP_EGRAPH,
                       "%s: a second backward through a graph that was given back; ask for retain_graph the first time",
                       node->op->name);
    if (!(forgets & TP_OP_FORGETS_IN) &&
        check_versions(s, node, "input", node->n_in, node->in, node->versions) != TP_OK)
        return s->T->status;
    if (forgets & TP_OP_FORGETS_OUT)
        return TP_OK;
    return check_versions(s, node, "output", node->n_out, node->out, node->versions + node->n_in);
}

void tp__unsave(tp_tensor *x)
{
    if (x && x->tape && x->saves > 0 && --x->saves == 0 && (x->flags & TP__SCOPED))
        tp__tensor_release(x);
}

static void consume(tp__node *node)
{
    if (node->consumed)
        return;
    node->consumed = true;
    for (uint32_t i = 0; i < node->n_in && !(node->op->flags & TP_OP_FORGETS_IN); i++)
        tp__unsave(node->in[i]);
    for (uint32_t i = 0; i < node->n_out && !(node->op->flags & TP_OP_FORGETS_OUT); i++)
        tp__unsave(node->out[i]);
}

void tp__nodes_convert(tp_tape *T, const tp_tensor *x)
{
    for (uint32_t k = 0; k < T->n_nodes; k++)
        for (uint32_t i = 0; i < T->nodes[k]->n_in; i++)
            T->nodes[k]->converted |= T->nodes[k]->in[i] == x;
}

/* All of one shape and dtype, contiguous. */
static bool all_alike(const tp__node *node, const tp_tensor *g)
{
    if (g == NULL || !tp__contiguous(g))
        return false;
    for (uint32_t i = 0; i < node->n_in; i++)
        if (node->in[i]->dtype != g->dtype || !tp__contiguous(node->in[i]) || !tp__same_shape(node->in[i], g))
            return false;
    return true;
}

static bool takes_fused(const sweep *s, const tp__node *node, tp_tensor *const *gout)
{
    return !s->create && node->op->vjp_fused && node->n_in <= MAX_IN &&
           (!(node->op->flags & TP_OP_ELEMENTWISE) || all_alike(node, gout[0]));
}

static tp_status run_node(sweep *s, tp__node *node, tp_tensor *const *gout)
{
    tp_tape *T = s->T;
    tp_tensor *few[MAX_IN], **gin = few;
    if (node->n_in > MAX_IN && (gin = tp__arena_alloc(&T->arena, node->n_in * sizeof *gin)) == NULL)
        return tp_fail(T, TP_ENOMEM, "backward: no memory");
    uint32_t need = node->n_in > MAX_IN ? UINT32_MAX : 0;
    for (uint32_t i = 0; i < node->n_in; i++) {
        gin[i] = NULL;
        if (i < MAX_IN)
            need |= (uint32_t)wanted(s, node->in[i]) << i;
    }
    if (need == 0)
        return TP_OK;
    tp_vjp v = {.tape = T,
                .op = node->op,
                .attr = node->attr,
                .n_in = (int)node->n_in,
                .n_out = (int)node->n_out,
                .in = node->in,
                .out = node->out,
                .gout = gout,
                .gin = gin,
                .need = need};
    if (node->op->flags & TP__OP_REPLAYS)
        return node->op->vjp(&v);
    if (takes_fused(s, node, gout))
        return run_fused(s, node, &v);
    if (node->op->vjp)
        return run_vjp(s, node, &v);
    return tp_fail(T, TP_EUNSUPPORTED,
                   "%s: has no vjp of differentiable operators, so its derivative has no derivative", node->op->name);
}

/* The gradient of y as its hooks leave it. */
static tp_tensor *hooked(sweep *s, const tp_tensor *y, tp_tensor *g)
{
    tp_tensor *seen = tp__hooks_run(s->T, y, g);
    if (seen == NULL || seen == g)
        return g;
    hold(seen);
    drop(s, g);
    return seen;
}

static tp_status visit(sweep *s, tp__node *node)
{
    tp_tensor *few[TP_MAX_OUT] = {NULL}, **gout = few;
    bool any = false;
    if (node->n_out > TP_MAX_OUT) {
        if ((gout = tp__arena_alloc(&s->T->arena, node->n_out * sizeof *gout)) == NULL)
            return tp_fail(s->T, TP_ENOMEM, "backward: no memory");
        memset(gout, 0, node->n_out * sizeof *gout);
    }
    for (uint32_t i = 0; i < node->n_out; i++) {
        tp_tensor *y = node->out[i];
        if (y->acc == NULL || y->node != node)
            continue;
        if (y->flags & TP__HOOKED)
            y->acc = hooked(s, y, y->acc);
        gout[i] = y->acc;
        any = true;
        s->pending--;
        if ((y->flags & TP__RETAIN_GRAD) && s->to_leaves && tp__grad_accumulate(s->T, y, y->acc) != TP_OK)
            return s->T->status;
        if (!(y->flags & TP__TARGET))
            y->acc = NULL;
    }
    if (!any || (s->n_targets && node->stamp != s->stamp))
        return TP_OK;
    tp_status status = s->T->status == TP_OK ? check_saved(s, node) : s->T->status;
    bool watched = s->T->watch != NULL; /* a vjp may turn it on */
    int64_t start = watched ? tp__watch_enter(s->T) : 0;
    if (status == TP_OK)
        status = run_node(s, node, gout);
    if (watched)
        tp__watch_leave(s->T, start, node);
    for (uint32_t i = 0; i < node->n_out; i++)
        if (gout[i] && !(node->out[i]->flags & TP__TARGET))
            drop(s, gout[i]);
    if (status == TP_OK && !s->retain)
        consume(node);
    return status;
}

/* Stamps the nodes that lead from a target to a root: only these are visited. */
static void mark_nodes(const sweep *s, uint32_t begin, uint32_t end)
{
    for (uint32_t n = begin; n < end; n++) {
        tp__node *node = s->T->nodes[n];
        for (uint32_t i = 0; i < node->n_in; i++)
            if (wanted(s, node->in[i])) {
                node->stamp = s->stamp;
                break;
            }
    }
}

/* ---- going through what was computed again ------------------------------------------------------------------------ */

bool tp__replay_keeps(const tp_tape *T) { return T->sweep->create; }

void tp__replay_slot(tp__replay *r, tp_tensor **at) { r->slot[r->n++] = (tp__slot){.at = at}; }

tp_status tp__replay_open(tp_tape *T, tp__replay *r, int n, tp_tensor *const *in, int n_more)
{
    const sweep *s = T->sweep;
    *r = (tp__replay){.slot = tp__arena_alloc(&T->arena, ((size_t)n + (size_t)n_more + 1) * sizeof *r->slot)};
    if (r->slot == NULL)
        return tp_fail(T, TP_ENOMEM, "backward: no memory");
    for (int i = 0; i < n; i++) {
        int k = in[i]->tape || !s->results ? -1 : target_of(s, in[i]);
        if (wanted(s, in[i]) && gathers_apart(s, in[i])) {
            tp_tensor **slot = slot_of_whole(T->sweep, in[i]);
            if (slot == NULL)
                return T->status;
            tp__replay_slot(r, slot);
        } else if (in[i]->tape && wanted(s, in[i])) {
            tp__replay_slot(r, &in[i]->acc);
            r->slot[r->n - 1].untouched = in[i]->acc == NULL ? in[i] : NULL;
        } else if (k >= 0) {
            tp__replay_slot(r, &s->results[k]);
        }
    }
    r->mark = tp_tape_mark(T);
    r->last = T->last;
    r->list = s->list;
    return TP_OK;
}

tp_status tp__replay_sweep(tp_tape *T, uint32_t begin, int n, tp_tensor *const *y, tp_tensor *const *g)
{
    sweep *s = T->sweep;
    uint32_t end = T->n_nodes, end_before = s->end;
    bool retain = s->retain;
    s->end = end;
    s->retain = s->create;
    if (s->n_targets)
        mark_nodes(s, begin, end);
    for (int i = 0; i < n && T->status == TP_OK; i++)
        if (g[i]) {
            if (wanted(s, y[i]))
                deliver(s, y[i], g[i]);
            drop(s, g[i]);
        }
    for (uint32_t k = end; k > begin && T->status == TP_OK; k--)
        visit(s, T->nodes[k - 1]);
    s->retain = retain;
    s->end = end_before;
    return T->status;
}

/* Gradients of what dies are let go; those in slots are held. */
static void part_survivors(sweep *s, tp__replay *r)
{
    for (tp_tensor *x = s->T->last; x != r->last; x = x->prev)
        x->flags |= TP__YOUNG;
    for (touched *t = s->list; t != r->list; t = t->next)
        if ((t->x->flags & TP__YOUNG) && t->x->acc) {
            drop(s, t->x->acc);
            t->x->acc = NULL;
        }
    for (int i = 0; i < r->n; i++) {
        tp__slot *slot = &r->slot[i];
        tp_tensor *g = *slot->at;
        slot->moves = g && (g->flags & TP__YOUNG) && !(g->flags & TP__MOVED);
        slot->same = g && (g->flags & TP__MOVED) ? (int)g->seq : -1;
        if (!slot->moves)
            continue;
        slot->header = *g;
        slot->header.flags &= (uint32_t)~TP__YOUNG;
        tp__storage_ref(g->storage);
        g->flags |= TP__MOVED;
        g->seq = (uint32_t)i;
    }
}

static tp_status settle_survivors(sweep *s, tp__replay *r)
{
    tp_tape *T = s->T;
    s->list = r->list;
    for (int i = 0; i < r->n; i++) {
        tp__slot *slot = &r->slot[i];
        if (slot->moves) {
            if ((*slot->at = tp__tensor_join(T, &slot->header)) == NULL)
                tp__storage_unref(slot->header.storage);
        } else if (slot->same >= 0) {
            *slot->at = *r->slot[slot->same].at;
        }
    }
    for (int i = 0; i < r->n; i++)
        if (r->slot[i].untouched && *r->slot[i].at) {
            touched *t = tp__arena_alloc(&T->arena, sizeof *t);
            if (t == NULL)
                return tp_fail(T, TP_ENOMEM, "backward: no memory");
            *t = (touched){r->slot[i].untouched, NULL, s->list};
            s->list = t;
        }
    return T->status;
}

tp_status tp__replay_close(tp_tape *T, tp__replay *r, uint32_t begin)
{
    if (T->status != TP_OK) { /* the sweep ends here, and its memory is given back as a whole */
        tp__nodes_drop(T, begin, T->serial);
        return T->status;
    }
    part_survivors(T->sweep, r);
    tp__rewind(T, r->mark);
    return settle_survivors(T->sweep, r);
}

void tp__nodes_drop(tp_tape *T, uint32_t begin, uint64_t clock)
{
    for (uint32_t k = begin; k < T->n_nodes; k++) {
        tp__node *node = T->nodes[k];
        consume(node);
        for (uint32_t i = 0; i < node->n_out; i++)
            if (node->out[i]->serial <= clock && node->out[i]->node == node) {
                node->out[i]->node = NULL;
                node->out[i]->flags &= (uint32_t)~TP__REQUIRES_GRAD;
            }
    }
    if (begin < T->n_nodes)
        T->n_nodes = begin;
}

/* ---- the whole -------------------------------------------------------------------------------------------------- */

static void mark_targets(sweep *s)
{
    for (int k = 0; k < s->n_targets; k++) {
        tp_tensor *x = s->targets[k];
        if (x->tape)
            x->flags |= TP__TARGET;
        if (x->seq < s->begin)
            s->begin = x->seq;
    }
    mark_nodes(s, s->begin, s->end);
}

static tp_status seed(sweep *s, tp_tensor *root, tp_tensor *g)
{
    tp_tape *T = s->T;
    char a[200], b[200];
    if (root == NULL)
        return tp__missing(T, "backward", "the root");
    if (!tp__usable(T, "backward", root))
        return T->status;
    if (!(root->flags & TP__REQUIRES_GRAD))
        return tp_fail(T, TP_EGRAPH, "backward: the root does not depend on a tensor that requires a gradient");
    if (g == NULL && root->numel != 1)
        return tp_fail(T, TP_ESHAPE, "backward: the root is %s, not a scalar; give a gradient of its shape",
                       tp__dims_text(tp__dims_of(root), a, sizeof a));
    if (g && (!tp__usable(T, "backward", g) || !tp__dims_equal(tp__dims_of(g), tp__dims_of(root))))
        return tp_fail(T, TP_ESHAPE, "backward: the gradient is %s, the root %s",
                       tp__dims_text(tp__dims_of(g), a, sizeof a), tp__dims_text(tp__dims_of(root), b, sizeof b));
    tp_tensor *given = g;
    g = g ? tp_to(T, g, (tp_dtype)root->dtype) : tp_ones_like(T, root);
    if (g == NULL)
        return T->status;
    if (g != given)
        g->flags |= TP__SWEPT;
    else
        hold(g); /* the caller holds it too */
    return wanted(s, root) ? deliver(s, root, g) : TP_OK;
}

/* Owned tensors with hooks get what gathered. */
static void finish_wholes(sweep *s)
{
    tp_tape *T = s->T;
    for (whole *w = s->wholes; w; w = w->next) {
        tp_tensor *g = w->g && T->status == TP_OK ? hooked(s, w->x, w->g) : w->g;
        if (g && T->status == TP_OK)
            store(s, w->x, g);
        drop(s, g);
    }
}

/* Leaves of the tape get what gathered; every trace of the sweep goes. */
static void finish(sweep *s)
{
    finish_wholes(s);
    for (touched *t = s->list; t; t = t->next) {
        tp_tensor *x = t->x, *g = x->acc;
        if (g == NULL)
            continue;
        if ((x->flags & TP__HOOKED) && x->node == NULL && s->T->status == TP_OK)
            g = hooked(s, x, g);
        x->acc = NULL;
        if (s->T->status == TP_OK && s->to_leaves && x->node == NULL)
            tp__grad_accumulate(s->T, x, g);
        int k = s->results && (x->flags & TP__TARGET) ? target_of(s, x) : -1;
        if (k >= 0)
            s->results[k] = g;
        else
            drop(s, g);
    }
    for (int k = 0; k < s->n_targets; k++) {
        if (s->targets[k]->tape)
            s->targets[k]->flags &= (uint32_t)~TP__TARGET;
        if (s->results[k] && s->results[k]->tape)
            s->results[k]->uses--, s->results[k]->flags &= (uint32_t)~TP__SWEPT;
    }
}

/* A sweep may run within another's vjp: what gathered in the outer one steps aside meanwhile. */
static void suspend(sweep *s)
{
    for (touched *t = s->list; t; t = t->next) {
        t->stash = t->x->acc;
        t->x->acc = NULL;
    }
    for (int k = 0; k < s->n_targets; k++)
        if (s->targets[k]->tape)
            s->targets[k]->flags &= (uint32_t)~TP__TARGET;
}

static void resume(sweep *s)
{
    for (touched *t = s->list; t; t = t->next)
        if (t->stash)
            t->x->acc = t->stash;
    if (s->n_targets)
        mark_targets(s);
}

/* A sweep that failed half-way let go of nothing. */
static void forget_uses(const tp_tape *T)
{
    for (tp_tensor *x = T->last; x; x = x->prev) {
        x->uses = 0;
        if (x->grad && x->grad->tape)
            x->grad->uses = 0;
    }
}

static tp_status run(sweep *s, int n, tp_tensor *const *roots, tp_tensor *const *grads)
{
    tp_tape *T = s->T;
    tp__call_out call;
    tp__inside(T); /* a sweep that was left by a jump is none */
    tp__enter(T, &call);
    bool was = tp_tape_record(T, s->create);
    sweep *outer = T->sweep;
    if (outer)
        suspend(outer);
    T->sweep = s;
    for (int i = 0; i < n; i++)
        if (roots[i] && roots[i]->node && roots[i]->tape == T && roots[i]->node->index >= s->end)
            s->end = roots[i]->node->index + 1;
    uint32_t end = s->begin = s->end;
    s->stamp = ++T->stamp;
    if (s->n_targets)
        mark_targets(s);
    for (; s->seeded < n && T->status == TP_OK; s->seeded++)
        seed(s, roots[s->seeded], grads ? grads[s->seeded] : NULL);
    for (uint32_t k = end; k > 0 && s->pending > 0 && T->status == TP_OK; k--)
        visit(s, T->nodes[k - 1]);
    finish(s);
    for (int i = 0; grads && i < s->seeded && T->status == TP_OK; i++)
        if (grads[i] && grads[i]->tape && grads[i]->dtype == roots[i]->dtype)
            grads[i]->uses--;
    if (outer == NULL && T->status != TP_OK)
        forget_uses(T);
    T->sweep = outer;
    tp__leave(&call);
    if (outer)
        resume(outer);
    else if (T->hooks)
        tp__hooks_purge(T);
    tp_tape_record(T, was);
    return T->status;
}

/* A sweep that leaves nothing on the tape but gradients: its headers are given back at the end. */
static tp_status run_and_rewind(sweep *s, int n, tp_tensor *const *roots, tp_tensor *const *grads)
{
    tp_mark mark = tp_tape_mark(s->T);
    tp_status status = run(s, n, roots, grads);
    if (!s->create)
        tp__rewind(s->T, mark);
    return status;
}

tp_status tp_backward(tp_tape *T, tp_tensor *loss)
{
    if (loss == NULL)
        return tp__missing(T, "backward", "the loss");
    if (!tp__ok(T))
        return tp_error_status(T);
    sweep s = {.T = T, .to_leaves = true};
    return run_and_rewind(&s, 1, &loss, NULL);
}

tp_status tp_backward_into(tp_tape *T, tp_tensor *loss, tp_grads *sink)
{
    if (loss == NULL || sink == NULL)
        return tp__missing(T, "backward_into", loss ? "the sink" : "the loss");
    if (!tp__ok(T))
        return tp_error_status(T);
    sweep s = {.T = T, .sink = sink};
    return run_and_rewind(&s, 1, &loss, NULL);
}

static tp_status backward_to_inputs(tp_tape *T, int n, tp_tensor *const *roots, const tp_backward_options *o)
{
    tp_mark mark = tp_tape_mark(T);
    tp_tensor **grads = tp__arena_alloc(&T->arena, (size_t)o->n_inputs * sizeof *grads);
    if (grads == NULL)
        return tp_fail(T, TP_ENOMEM, "backward: no memory");
    tp_gradients_options g = {.grad_outputs = o->grad_outputs,
                              .retain_graph = o->retain_graph,
                              .create_graph = o->create_graph,
                              .allow_unused = true};
    tp_status status = tp_gradients(T, n, roots, o->n_inputs, o->inputs, grads, &g);
    bool was = tp_tape_record(T, o->create_graph);
    for (int i = 0; i < o->n_inputs && status == TP_OK; i++) {
        bool again = false; /* an input that was named before */
        for (int j = 0; j < i; j++)
            again |= o->inputs[j] == o->inputs[i];
        if (grads[i] && !again)
            status = tp__grad_accumulate(T, o->inputs[i], grads[i]);
    }
    tp_tape_record(T, was);
    if (!o->create_graph)
        tp__rewind(T, mark);
    return status;
}

tp_status tp_backward_from(tp_tape *T, int n, tp_tensor *const *roots, const tp_backward_options *options)
{
    tp_backward_options o = options ? *options : (tp_backward_options){0};
    if (!tp__ok(T))
        return tp_error_status(T);
    if (n < 1 || roots == NULL || o.n_inputs < 0 || (o.n_inputs > 0 && o.inputs == NULL))
        return tp_fail(T, TP_EINVAL, "backward: %d roots, %d inputs; at least one root is needed, and no list is NULL",
                       roots ? n : 0, o.n_inputs);
    if (o.n_inputs > 0)
        return backward_to_inputs(T, n, roots, &o);
    sweep s = {.T = T, .to_leaves = true, .create = o.create_graph, .retain = o.retain_graph || o.create_graph};
    return run_and_rewind(&s, n, roots, o.grad_outputs);
}

static tp_status gradients_to(tp_tape *T, int n_outputs, tp_tensor *const *outputs, int n_inputs,
                              tp_tensor *const *inputs, tp_tensor **grads, tp_gradients_options o)
{
    if (n_outputs < 1 || n_inputs < 1 || !outputs || !inputs || !grads)
        return tp_fail(T, TP_EINVAL,
                       "gradients: %d outputs, %d inputs; at least one of each is needed, and no list is "
                       "NULL",
                       outputs ? n_outputs : 0, inputs && grads ? n_inputs : 0);
    for (int i = 0; i < n_inputs; i++) {
        if (!tp__usable_input(T, "gradients", i, inputs[i]))
            return T->status;
        if (!(inputs[i]->flags & TP__REQUIRES_GRAD))
            return tp_fail(T, TP_EGRAPH, "gradients: input %d does not require a gradient", i);
    }
    sweep s = {.T = T,
               .create = o.create_graph,
               .retain = o.retain_graph || o.create_graph,
               .n_targets = n_inputs,
               .targets = inputs,
               .results = grads};
    tp_status status = run(&s, n_outputs, outputs, o.grad_outputs);
    for (int i = 0; i < n_inputs; i++) {
        for (int j = 0; j < i && grads[i] == NULL; j++)
            if (inputs[j] == inputs[i])
                grads[i] = grads[j];
        if (grads[i] == NULL && status == TP_OK && !o.allow_unused)
            status = tp_fail(T, TP_EGRAPH, "gradients: input %d was not used by the outputs; see allow_unused", i);
    }
    return status;
}

tp_status tp_gradients(tp_tape *T, int n_outputs, tp_tensor *const *outputs, int n_inputs, tp_tensor *const *inputs,
                       tp_tensor **grads, const tp_gradients_options *options)
{
    enum { FEW = 16 };
    tp_tensor *few[FEW] = {NULL}, **made = few; /* `grads` may be `outputs` or `inputs` */
    tp_status status = tp__ok(T) ? TP_OK : tp_error_status(T);
    if (status == TP_OK && grads && n_inputs > FEW) {
        made = tp__arena_alloc(&T->arena, (size_t)n_inputs * sizeof *made);
        if (made)
            memset(made, 0, (size_t)n_inputs * sizeof *made);
        else
            status = tp_fail(T, TP_ENOMEM, "gradients: no memory");
    }
    if (status == TP_OK)
        status = gradients_to(T, n_outputs, outputs, n_inputs, inputs, grads ? made : NULL,
                              options ? *options : (tp_gradients_options){0});
    for (int i = 0; grads && i < n_inputs; i++)
        grads[i] = status == TP_OK ? made[i] : NULL;
    return status;
}
