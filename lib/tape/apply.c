/* apply.c - the life of an operator call: check, infer, run, record. */
#include "tape/hooks.h"
#include "tape/watch.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* Within another call, or watched. */
static __attribute__((noinline)) tp_status run_within(tp_tape *T, tp_call *call)
{
    tp__storage *outer = T->scratch;
    T->scratch = NULL;
    tp_status status = T->watch ? tp__watch_run(T, call) : call->op->forward ? call->op->forward(call) : T->status;
    tp__scratch_drop(T, outer);
    return status;
}

tp_status tp__run(tp_tape *T, tp_call *call)
{
    if (T->watch || T->scratch)
        return run_within(T, call);
    tp_status status = call->op->forward ? call->op->forward(call) : T->status;
    if (T->scratch)
        tp__scratch_drop(T, NULL);
    return status;
}

void tp__scratch_drop(tp_tape *T, tp__storage *outer)
{
    for (tp__storage *s = T->scratch, *next; s; s = next) {
        next = s->next;
        tp__storage_unref(s);
    }
    T->scratch = outer;
}

static void *scratch(tp_tape *T, const tp_op *op, size_t bytes)
{
    tp__storage *s = tp__pool_alloc(T->pool, bytes);
    if (s == NULL) {
        tp_fail(T, TP_ENOMEM, "%s: no memory for %zu bytes on the way", op->name, bytes);
        return NULL;
    }
    s->next = T->scratch;
    T->scratch = s;
    return s->data;
}

void *tp_call_scratch(const tp_call *c, size_t bytes) { return c && c->tape ? scratch(c->tape, c->op, bytes) : NULL; }
void *tp_vjp_scratch(const tp_vjp *v, size_t bytes) { return v && v->tape ? scratch(v->tape, v->op, bytes) : NULL; }

tp_status tp_call_out(tp_call *c, int i, tp_dtype dtype, tp_dims shape)
{
    if (c == NULL || c->out == NULL)
        return TP_EINVAL;
    if (i < 0 || i >= c->n_out)
        return tp_call_fail(c, TP_EINVAL, "output %d; 0 to %d is needed", i, c->n_out - 1);
    c->out[i] = tp__tensor_make(c->tape, dtype, shape);
    if (c->out[i])
        return TP_OK;
    tp__name_error(c->tape, c->op->name);
    return c->tape->status;
}

/* ---- recording ------------------------------------------------------------------------------------------- */

static bool push_node(tp_tape *T, tp__node *node)
{
    if (T->n_nodes == T->cap_nodes) {
        if (T->cap_nodes > UINT32_MAX / 2)
            return false;
        uint32_t cap = T->cap_nodes ? 2 * T->cap_nodes : 256;
        tp__node **grown = tp__realloc(T->nodes, cap * sizeof *grown);
        if (grown == NULL)
            return false;
        tp__pool_count_system(T->pool, (cap - T->cap_nodes) * sizeof *grown);
        T->nodes = grown;
        T->cap_nodes = cap;
    }
    node->index = T->n_nodes;
    T->nodes[T->n_nodes++] = node;
    return true;
}

typedef struct tp__hold {
    struct tp__hold *next;
    tp_tensor *x;
    uint32_t node; /* for which it was taken */
} hold;

static inline size_t held_at(const tp_tensor *x) { return ((uintptr_t)x >> 4) % TP__HELD; }

/* Keeps an owned tensor until the newest node is forgotten. */
static __attribute__((noinline)) tp_status hold_for_newest(tp_tape *T, tp_tensor *x)
{
    hold *h = tp__arena_alloc(&T->arena, sizeof *h);
    if (h == NULL)
        return tp_fail(T, TP_ENOMEM, "no memory to record a call");
    tp__tensor_hold(x);
    *h = (hold){T->holds, x, T->n_nodes - 1};
    T->holds = h;
    T->held[held_at(x)] = x;
    return TP_OK;
}

void tp__unhold(tp_tape *T, uint32_t begin)
{
    for (hold *h = T->holds; h && h->node >= begin; T->holds = h = h->next) {
        TP__ASSERT(h->next == NULL || h->next->node <= h->node);
        if (T->held[held_at(h->x)] == h->x)
            T->held[held_at(h->x)] = NULL;
        tp__tensor_drop(h->x);
    }
}

unsigned tp__holds_of(const tp_tape *T, const tp_tensor *x)
{
    unsigned n = 0;
    for (const hold *h = T->holds; h; h = h->next)
        n += h->x == x;
    for (const tp__hook *h = T->hooks; h; h = h->next)
        n += h->x == x;
    return n;
}

_Static_assert(TP_F32 == 0 && TP_F64 == 1, "the floats come first");

/* Owned tensors are shared between tapes: each tape counts itself once among their holders. */
static inline tp_status record(tp_tape *T, const tp_call *c)
{
    size_t n_in = (size_t)c->n_in, n_out = (size_t)c->n_out, attr = c->attr ? c->op->attr_size : 0;
    size_t bytes = sizeof(tp__node) + (n_in + n_out) * sizeof(tp_tensor *) +
                   ((n_in + n_out + 1) & ~(size_t)1) * sizeof(uint32_t);
    tp__node *node = tp__arena_alloc(&T->arena, bytes + attr);
    if (node == NULL || !push_node(T, node))
        return tp_fail(T, TP_ENOMEM, "%s: no memory to record it", c->op->name);
    node->op = c->op;
    node->n_in = (uint32_t)n_in;
    node->n_out = (uint32_t)n_out;
    node->consumed = node->converted = false;
    node->stamp = 0;
    node->in = (tp_tensor **)(void *)(node + 1);
    node->out = node->in + n_in;
    node->versions = (uint32_t *)(void *)(node->out + n_out);
    node->attr = attr ? memcpy((char *)node + bytes, c->attr, attr) : NULL;
    bool saves_in = !(c->op->flags & TP_OP_FORGETS_IN);
    uint32_t saved = tp__saved_outputs(c->op);
    for (size_t i = 0; i < n_in; i++) {
        tp_tensor *x = node->in[i] = c->in[i];
        node->versions[i] = x->storage ? x->storage->version : 0;
        if (x->tape) {
            x->saves += saves_in;
        } else if (T->held[held_at(x)] != x && hold_for_newest(T, x) != TP_OK) {
            node->n_in = (uint32_t)i; /* what the node has so far is given back with it */
            node->n_out = 0;
            return T->status;
        }
    }
    for (size_t i = 0; i < n_out; i++) {
        tp_tensor *y = node->out[i] = c->out[i];
        node->versions[n_in + i] = y->storage ? y->storage->version : 0;
        y->saves += tp__has_bit(saved, i);
        if (tp__is_float(y->dtype) && (i > 31 || !((c->op->constant_out >> i) & 1u))) {
            y->node = node;
            y->flags |= TP__REQUIRES_GRAD;
        }
    }
    return TP_OK;
}

tp_status tp__record(tp_tape *T, const tp_call *call)
{
    tp_status status = record(T, call);
    if (T->watch && status == TP_OK)
        tp__watch_recorded(T);
    return status;
}

/* ---- attributes that own something -------------------------------------------------------------------------- */

typedef struct tp__cleanup {
    struct tp__cleanup *next;
    const tp__node *node;
} cleanup;

void tp__cleanup(tp_tape *T, uint32_t begin)
{
    tp__call_out call;
    if (T->cleanups == NULL)
        return;
    tp__enter(T, &call);
    while (T->cleanups && T->cleanups->node->index >= begin) {
        const tp__node *node = T->cleanups->node;
        T->cleanups = T->cleanups->next;
        TP__ASSERT(T->nodes[node->index] == node);
        node->op->free_attr((void *)(uintptr_t)node->attr);
    }
    tp__leave(&call);
}

/* The attributes are the call's, whatever comes of it: of one that no node takes over they are freed. */
static __attribute__((noinline, cold)) tp_status give_back(tp_tape *T, const tp_op *op, const void *attr,
                                                           tp_status status)
{
    tp__call_out call;
    if (op == NULL || op->free_attr == NULL || attr == NULL || (T && T->lent == attr))
        return status;
    if (T)
        tp__enter(T, &call);
    op->free_attr((void *)(uintptr_t)attr);
    if (T)
        tp__leave(&call);
    return T && status == TP_OK ? T->status : status;
}

/* Records a call whose attributes pass to the tape. */
static tp_status record_owner(tp_tape *T, const tp_call *c)
{
    if (T->lent == c->attr)
        return record(T, c);
    cleanup *own = tp__arena_alloc(&T->arena, sizeof *own);
    if (own == NULL)
        tp_call_fail(c, TP_ENOMEM, "no memory to record it");
    if (own == NULL || record(T, c) != TP_OK)
        return give_back(T, c->op, c->attr, T->status);
    *own = (cleanup){T->cleanups, T->nodes[T->n_nodes - 1]};
    T->cleanups = own;
    return TP_OK;
}

/* ---- the call ---------------------------------------------------------------------------------------------- */

/* True where the inputs may be used; the flags that any, and that all of them have. */
static bool inputs_fit(tp_tape *T, const tp_op *op, int n, tp_tensor *const *in, uint32_t *any, uint32_t *all)
{
    uint32_t some = 0, each = UINT32_MAX;
    for (int i = 0; i < n; i++) {
        const tp_tensor *x = in[i];
        if (x == NULL || ((x->tape != T && x->tape) || (x->flags & TP__RELEASED)))
            return tp__refuse(T, op->name, i, x) == TP_OK;
        some |= x->flags;
        each &= x->flags;
    }
    *any = some;
    *all = each;
    return true;
}

enum { MANY = 8 };

/* Inputs of an operator that takes contiguous memory only: copies are recorded operators too. */
static tp_status make_contiguous(tp_tape *T, int n, tp_tensor *const *in, tp_tensor **out)
{
    for (int i = 0; i < n; i++)
        if ((out[i] = in[i]) != NULL && !tp__contiguous(in[i]) && (out[i] = tp_contiguous(T, in[i])) == NULL)
            return T->status;
    return TP_OK;
}

/* What a user's operator lacks; NULL: nothing. */
static const char *incomplete(const tp_op *op)
{
    return op->name == NULL                            ? "the operator has no name; one is needed"
           : op->infer == NULL                         ? "the operator has no infer; one is needed"
           : !op->forward && !(op->flags & TP_OP_VIEW) ? "the operator has no forward; one that is no view needs it"
           : op->n_out < 1 || op->n_out > TP_MAX_OUT
               ? "the operator has too few or many outputs; 1 to TP_MAX_OUT are needed"
           : op->n_in < -INT_MAX || op->attr_size > INT_MAX
               ? "the operator has too many inputs or attributes; at most INT_MAX"
               : NULL;
}

/* A user's operator may do anything: leave outputs out, jump away, reset the tape. */
static __attribute__((noinline)) tp_status call_theirs(tp_call *c)
{
    tp__call_out call;
    bool recording = c->tape->recording;
    tp__enter(c->tape, &call);
    c->tape->speaker = call.speaker;
    c->tape->recording = false; /* the call is recorded, not what it is made of */
    tp_status status = c->op->infer(c);
    for (int i = 0; i < c->n_out && status == TP_OK; i++)
        if (c->out[i] == NULL)
            status = tp_call_fail(c, TP_EINVAL, "infer has not made output %d; tp_call_out does", i);
    if (status == TP_OK)
        status = tp__run(c->tape, c);
    c->tape->recording = recording;
    tp__leave(&call);
    return status;
}

static inline tp_status call_ours(tp_call *c)
{
    tp_status status = c->op->infer(c);
    return status == TP_OK ? tp__run(c->tape, c) : status;
}

static inline tp_status call_it(tp_tape *T, tp_call *c, bool wants)
{
    tp_status status = c->op->flags & TP__OP_OURS ? call_ours(c) : call_theirs(c);
    if (status == TP_OK)
        status = T->status;
    if (status != TP_OK) {
        tp_call_fail(c, status, "failed"); /* kept only where the operator said nothing itself */
        tp__name_error(T, c->op->name);
    }
    if (status != TP_OK || !wants)
        return c->op->free_attr ? give_back(T, c->op, c->attr, status) : status;
    status = c->op->free_attr ? record_owner(T, c) : record(T, c);
    if (T->watch && status == TP_OK)
        tp__watch_recorded(T);
    return status;
}

/* A user's operator, which has a dot in its name, may free what it was given: that is there until the call is recorded. */
static __attribute__((noinline)) tp_status call_held(tp_call *c, bool wants)
{
    tp_tape *T = c->tape;
    tp__kept *kept = tp__kept_open(T, c->op->name, tp__frame_here());
    for (int i = 0; i < c->n_in && kept && T->status == TP_OK; i++)
        if (c->in[i])
            tp__kept_add(T, kept, c->in[i]);
    tp_status status = T->status == TP_OK ? call_it(T, c, wants) : give_back(T, c->op, c->attr, T->status);
    if (kept)
        tp__kept_close(T, kept);
    return status;
}

/* The outputs are NULL. */
static tp_status apply_to(tp_tape *T, const tp_op *op, const void *attr, int n, tp_tensor *const *in, tp_tensor **out)
{
    uint32_t any = 0, all = 0; /* flags of the inputs */
    if (!tp__ok(T))
        return give_back(T, op, attr, T ? T->status : TP_EINVAL);
    if (op == NULL || out == NULL)
        return give_back(T, op, attr, tp__missing(T, "apply", op ? "the list of outputs" : "the operator"));
    if (!(op->flags & TP__OP_OURS) && incomplete(op))
        return give_back(T, op, attr, tp_fail(T, TP_EINVAL, "%s: %s", op->name ? op->name : "apply", incomplete(op)));
    if (n != op->n_in && (op->n_in >= 0 || n < -op->n_in))
        return give_back(T, op, attr,
                         tp_fail(T, TP_EINVAL, "%s: %d inputs; %d%s needed", op->name, n, abs(op->n_in),
                                 op->n_in < 0    ? " or more are"
                                 : op->n_in == 1 ? " is"
                                                 : " are"));
    if (in == NULL && n > 0)
        return give_back(T, op, attr, tp__missing(T, op->name, "the list of inputs"));
    if (!inputs_fit(T, op, n, in, &any, &all))
        return give_back(T, op, attr, T->status);
    if (op->attr_size && attr == NULL)
        return tp_fail(T, TP_EINVAL, "%s: the attributes are NULL; %zu bytes are needed", op->name, op->attr_size);

    tp_tensor *few[MANY], **dense = few;
    if (!(all & TP__CONTIGUOUS) && !(op->flags & TP_OP_STRIDED)) {
        if (n > MANY && (dense = tp__arena_alloc(&T->arena, (size_t)n * sizeof *dense)) == NULL)
            return give_back(T, op, attr, tp_fail(T, TP_ENOMEM, "%s: no memory", op->name));
        if (make_contiguous(T, n, in, dense) != TP_OK)
            return give_back(T, op, attr, T->status);
        in = dense;
    }
    tp_call c = {T, op, attr, n, op->n_out, in, out};
    tp__notice_jump(T, &c);
    bool wants = (any & TP__REQUIRES_GRAD) && T->recording && !(op->flags & TP_OP_NO_GRAD) &&
                 (op->vjp || op->vjp_fused);
    bool theirs = !(op->flags & TP__OP_OURS) && strchr(op->name, '.');
    return theirs ? call_held(&c, wants) : call_it(T, &c, wants);
}

tp_status tp_apply_all(tp_tape *T, const tp_op *op, const void *attr, int n, tp_tensor *const *in, tp_tensor **out)
{
    tp_tensor *made[TP_MAX_OUT] = {NULL}; /* `out` may be `in` */
    tp_status status = apply_to(T, op, attr, n, in, out ? made : NULL);
    for (int i = 0; op && out && op->n_out <= TP_MAX_OUT && i < op->n_out; i++)
        out[i] = status == TP_OK ? made[i] : NULL;
    return status;
}

tp_tensor *tp_apply(tp_tape *T, const tp_op *op, const void *attr, int n, tp_tensor *const *in)
{
    tp_tensor *out[TP_MAX_OUT] = {NULL};
    return apply_to(T, op, attr, n, in, out) == TP_OK ? out[0] : NULL;
}
