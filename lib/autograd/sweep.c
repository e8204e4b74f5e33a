/* sweep.c - the backward pass: from the roots down the tape, each node once, in reverse order. What a node consumed is given
 * back at once.
 */
#include "autograd/sweep.h"

#include <string.h>

enum { MAX_IN = 32 }; /* inputs a need mask has room for; operators with more (cat) pass all */

/* ---- one node ------------------------------------------------------------------------------------------------ */

static void note_made(const tp__sweep *s, const tp_tensor *since, int n_keep, tp_tensor *const *keep)
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

static tp_status run_vjp(tp__sweep *s, const tp__node *node, tp_vjp *v)
{
    tp_tape *T = s->T;
    tp_tensor *since = T->last;
    tp_status status = node->op->vjp(v);
    if (status != TP_OK)
        return tp_fail(T, status, "%s: its vjp failed", node->op->name);
    for (int i = 0; i < v->n_in && T->status == TP_OK; i++) {
        if (v->n_in > MAX_IN ? !tp__wanted(s, node->in[i]) : !((v->need >> i) & 1u))
            v->gin[i] = NULL;
        else if (v->gin[i] && (v->gin[i]->dtype != node->in[i]->dtype || !tp__same_shape(v->gin[i], node->in[i])))
            v->gin[i] = tp__fit_gradient(T, v->gin[i], node->in[i]);
    }
    if (T->status != TP_OK || (T->watch && tp__watch_gradients(T, node, v->n_in, v->gin) != TP_OK))
        return T->status;
    note_made(s, since, v->n_in, v->gin);
    for (int i = 0; i < v->n_in; i++)
        if (v->gin[i] && tp__deliver(s, node->in[i], v->gin[i]) != TP_OK)
            return T->status;
    return TP_OK;
}

/* Where a fused vjp adds input i's gradient: straight into the leaf's buffer or the one that gathers
 * already, where that may be written; otherwise a new one, which *apart says must be delivered. */
static tp_tensor *destination(tp__sweep *s, tp_tensor *x, bool rows, bool *fresh, bool *apart)
{
    *apart = false;
    bool direct = !tp__gathers_apart(s, x);
    if (x->tape == NULL && direct && s->to_leaves) {
        *fresh = !(x->flags & TP__HAS_GRAD);
        tp_tensor *g = rows ? tp__grad_buffer_of_rows(x) : tp__grad_buffer(x);
        if (g == NULL) {
            tp_fail(s->T, TP_ENOMEM, "no memory for a gradient");
            return NULL;
        }
        g->storage->version++;
        return g;
    }
    if (x->tape == NULL && direct && s->sink)
        return tp__grads_slot(s->sink, x, fresh);
    int target = x->tape == NULL && direct ? tp__target_of(s, x) : -1;
    tp_tensor *gathered = x->tape ? x->acc : target >= 0 ? s->results[target] : NULL;
    if (gathered && tp__gradient_writable(s, gathered)) {
        *fresh = false;
        return gathered;
    }
    *fresh = *apart = true;
    tp_tensor *g = tp__tensor_like(s->T, x, x->dtype);
    if (g)
        g->flags |= TP__SWEPT;
    return g;
}

/* A fused vjp as a call: the operator and all operands are in the attributes. */
static tp_status fused_forward(tp_call *c)
{
    tp_vjp v = *(const tp_vjp *)c->attr;
    return v.op->vjp_fused(&v);
}
/* clang-format off */
static const tp_op fused_op = {
    .name = "vjp_fused", .flags = TP__OP_PART,
    .forward = fused_forward};
/* clang-format on */

static tp_status run_fused(tp__sweep *s, const tp__node *node, tp_vjp *v)
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
                if (((v->fresh >> j) & 1u) && tp__clear(T, v->gin[j]) != TP_OK)
                    return T->status;
                v->fresh &= ~(1u << j);
                again = true;
            }
        if (again)
            continue;
        v->gin[i] = destination(s, node->in[i], (node->op->flags & TP__OP_ROWS) != 0, &fresh, &apart);
        if (v->gin[i] == NULL)
            return T->status;
        v->fresh |= (uint32_t)fresh << i;
        apart_mask |= (uint32_t)apart << i;
        leaf_mask |= (uint32_t)(fresh && !apart && s->to_leaves) << i;
        if (fresh && !(node->op->flags & TP_OP_OVERWRITES)) {
            if (tp__clear(T, v->gin[i]) != TP_OK)
                return T->status;
            v->fresh &= ~(1u << i);
        }
    }
    tp_call call = {T, &fused_op, v, v->n_in, v->n_in, v->in, v->gin};
    tp_status status = tp__run(T, &call);
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
        if (((apart_mask >> i) & 1u) && tp__deliver(s, node->in[i], v->gin[i]) != TP_OK)
            return T->status;
    return TP_OK;
}

/* Inputs are written as leaves; outputs through a tensor that shares their storage (tp_detach). */
static tp_status check_versions(const tp__sweep *s, const tp__node *node, const char *what, uint32_t n,
                                tp_tensor *const *x, uint32_t saved, const uint32_t *versions)
{
    for (uint32_t i = 0; i < n && saved != 0; i++)
        if (tp__has_bit(saved, i) && x[i] && x[i]->storage && x[i]->storage->version != versions[i])
            return tp_fail(s->T, TP_EMUTATED,
                           "%s: %s %u was changed in place after it was saved; backward needs it as it was",
                           node->op->name, what, (unsigned)i);
    return TP_OK;
}

/* What was saved must still be there, and as it was. */
static tp_status check_saved(const tp__sweep *s, const tp__node *node)
{
    uint32_t in = node->op->flags & TP_OP_FORGETS_IN ? 0 : UINT32_MAX, out = tp__saved_outputs(node->op);
    if (node->converted)
        return tp_fail(s->T, TP_EMUTATED,
                       "%s: a parameter that it used was converted by tp_module_to since; backward needs it as it was",
                       node->op->name);
    if (node->consumed && (in | out) != 0)
        return tp_fail(s->T, TP_EGRAPH,
                       "%s: a second backward through a graph that was given back; ask for retain_graph the first time",
                       node->op->name);
    if (check_versions(s, node, "input", node->n_in, node->in, in, node->versions) != TP_OK)
        return s->T->status;
    return check_versions(s, node, "output", node->n_out, node->out, out, node->versions + node->n_in);
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

static bool takes_fused(const tp__sweep *s, const tp__node *node, tp_tensor *const *gout)
{
    return !s->create && node->op->vjp_fused && node->n_in <= MAX_IN &&
           (!(node->op->flags & TP_OP_ELEMENTWISE) || all_alike(node, gout[0]));
}

static tp_status run_node(tp__sweep *s, tp__node *node, tp_tensor *const *gout)
{
    tp_tape *T = s->T;
    tp_tensor *few[MAX_IN], **gin = few;
    if (node->n_in > MAX_IN && (gin = tp__arena_alloc(&T->arena, node->n_in * sizeof *gin)) == NULL)
        return tp_fail(T, TP_ENOMEM, "backward: no memory");
    uint32_t need = node->n_in > MAX_IN ? UINT32_MAX : 0;
    for (uint32_t i = 0; i < node->n_in; i++) {
        gin[i] = NULL;
        if (i < MAX_IN)
            need |= (uint32_t)tp__wanted(s, node->in[i]) << i;
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
                   "%s: its derivative has no derivative; for that a vjp of differentiable operators is needed",
                   node->op->name);
}

/* The gradient of y as its hooks leave it. */
static tp_tensor *hooked(tp__sweep *s, const tp_tensor *y, tp_tensor *g)
{
    tp_tensor *seen = tp__hooks_run(s->T, y, g);
    if (seen == NULL || seen == g)
        return g;
    tp__gradient_hold(seen);
    tp__gradient_drop(s, g);
    return seen;
}

tp_status tp__visit(tp__sweep *s, tp__node *node)
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
        TP__ASSERT(s->pending > 0);
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
            tp__gradient_drop(s, gout[i]);
    if (status == TP_OK && !s->retain)
        tp__node_consume(node);
    return status;
}

void tp__mark_nodes(const tp__sweep *s, uint32_t begin, uint32_t end)
{
    for (uint32_t n = begin; n < end; n++) {
        tp__node *node = s->T->nodes[n];
        for (uint32_t i = 0; i < node->n_in; i++)
            if (tp__wanted(s, node->in[i])) {
                node->stamp = s->stamp;
                break;
            }
    }
}

/* ---- the whole -------------------------------------------------------------------------------------------------- */

static void mark_targets(tp__sweep *s)
{
    for (int k = 0; k < s->n_targets; k++) {
        tp_tensor *x = s->targets[k];
        if (x->tape)
            x->flags |= TP__TARGET;
        if (x->seq < s->begin)
            s->begin = x->seq;
    }
    tp__mark_nodes(s, s->begin, s->end);
}

static tp_status seed(tp__sweep *s, tp_tensor *root, tp_tensor *g)
{
    tp_tape *T = s->T;
    if (root == NULL)
        return tp__missing(T, s->name, "the root");
    if (!tp__usable(T, s->name, root))
        return T->status;
    if (!(root->flags & TP__REQUIRES_GRAD))
        return tp_fail(T, TP_EGRAPH, "%s: the root depends on no tensor that asks for a gradient; one is needed",
                       s->name);
    if (g == NULL && root->numel != 1)
        return tp_fail(T, TP_ESHAPE, "%s: the root is %s, not a scalar; give a gradient of its shape", s->name,
                       TP__SHAPE(root));
    if (g && (!tp__usable(T, s->name, g) || !tp__dims_equal(tp__dims_of(g), tp__dims_of(root))))
        return tp_fail(T, TP_ESHAPE, "%s: the gradient is %s, the root %s; one shape is needed", s->name, TP__SHAPE(g),
                       TP__SHAPE(root));
    tp_tensor *given = g;
    g = g ? tp_to(T, g, root->dtype) : tp_ones_like(T, root);
    if (g == NULL)
        return T->status;
    if (g != given)
        g->flags |= TP__SWEPT;
    else
        tp__gradient_hold(g); /* the caller holds it too */
    return tp__wanted(s, root) ? tp__deliver(s, root, g) : TP_OK;
}

/* Owned tensors with hooks get what gathered. */
static void finish_wholes(tp__sweep *s)
{
    tp_tape *T = s->T;
    for (tp__whole *w = s->wholes; w; w = w->next) {
        tp_tensor *g = w->g && T->status == TP_OK ? hooked(s, w->x, w->g) : w->g;
        if (g && T->status == TP_OK)
            tp__gradient_store(s, w->x, g);
        tp__gradient_drop(s, g);
    }
}

/* Leaves of the tape get what gathered; every trace of the sweep goes. */
static void finish(tp__sweep *s)
{
    finish_wholes(s);
    for (tp__touched *t = s->list; t; t = t->next) {
        tp_tensor *x = t->x, *g = x->acc;
        if (g == NULL)
            continue;
        if ((x->flags & TP__HOOKED) && x->node == NULL && s->T->status == TP_OK)
            g = hooked(s, x, g);
        x->acc = NULL;
        if (s->T->status == TP_OK && s->to_leaves && x->node == NULL)
            tp__grad_accumulate(s->T, x, g);
        int k = s->results && (x->flags & TP__TARGET) ? tp__target_of(s, x) : -1;
        if (k >= 0)
            s->results[k] = g;
        else
            tp__gradient_drop(s, g);
    }
    for (int k = 0; k < s->n_targets; k++) {
        if (s->targets[k]->tape)
            s->targets[k]->flags &= (uint32_t)~TP__TARGET;
        if (s->results[k] && s->results[k]->tape)
            s->results[k]->uses--, s->results[k]->flags &= (uint32_t)~TP__SWEPT;
    }
}

/* A sweep may run within another's vjp: what gathered in the outer one steps aside meanwhile. */
static void suspend(tp__sweep *s)
{
    for (tp__touched *t = s->list; t; t = t->next) {
        t->stash = t->x->acc;
        t->x->acc = NULL;
    }
    for (int k = 0; k < s->n_targets; k++)
        if (s->targets[k]->tape)
            s->targets[k]->flags &= (uint32_t)~TP__TARGET;
}

static void resume(tp__sweep *s)
{
    for (tp__touched *t = s->list; t; t = t->next)
        if (t->stash) {
            TP__ASSERT(t->x->acc == NULL); /* the inner sweep has taken its own away */
            t->x->acc = t->stash;
        }
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

tp_status tp__sweep_run(tp__sweep *s, int n, tp_tensor *const *roots, tp_tensor *const *grads)
{
    tp_tape *T = s->T;
    tp__call_out call;
    if (T->sweep)
        tp__inside(T); /* one that was left by a jump is none */
    tp__enter(T, &call);
    bool was = tp_tape_record(T, s->create);
    tp__sweep *outer = T->sweep;
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
        tp__visit(s, T->nodes[k - 1]);
    TP__ASSERT(s->pending == 0 || T->status != TP_OK || s->n_targets);
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
