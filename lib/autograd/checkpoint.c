/* checkpoint.c - functions that are called again in backward, instead of keeping what they computed.
 *
 * One mechanism: a chain of steps from a state to the next, of which a function checkpointed by itself is a chain of one
 * step. The chain is one node on the tape. Backward takes the steps from the last to the first: it comes to a step's state
 * from the nearest snapshot before it, records the step once more, and has the sweep go through that (sweep.c).
 * Where snapshots are taken: Griewank and Walther, "Algorithm 799: revolve", ACM TOMS 26 (2000).
 */
#include "tapir/functional.h"
#include "autograd/sweep.h"

#include <stdlib.h>
#include <string.h>

/* ---- rewinding, with something in hand ------------------------------------------------------------------------------ */

static void hold(int n, tp_tensor *const *x, tp_tensor *room)
{
    for (int i = 0; i < n; i++)
        if (x[i]) {
            room[i] = *x[i];
            if (room[i].storage)
                tp__storage_ref(room[i].storage);
        }
}

static tp_status settle(tp_tape *T, int n, tp_tensor **x, tp_tensor *room)
{
    for (int i = 0; i < n; i++)
        if (x[i]) {
            x[i] = tp__tensor_alias(T, &room[i], tp__dims_of(&room[i]), room[i].stride, 0);
            tp__storage_unref(room[i].storage);
        }
    for (int i = 0; i < n && T->status != TP_OK; i++)
        x[i] = NULL;
    return T->status;
}

tp_status tp__rewind_keep(tp_tape *T, tp_mark mark, int n, tp_tensor **x, tp_tensor *room)
{
    hold(n, x, room);
    tp__rewind(T, mark);
    return settle(T, n, x, room);
}

/* ---- the chain ------------------------------------------------------------------------------------------------------ */

/* The snapshots at hand, a stack: number 0 is the chain's inputs, the others are in headers of their own. */
typedef struct {
    int64_t room, n; /* how many there may be, and are */
    int64_t *step;
    tp_tensor *header; /* of snapshot k: n_state from (k - 1) n_state on */
    tp__rng *rng;      /* the generator at each; NULL where the function draws nothing */
} shelf;

/* What the node's attribute says. */
typedef struct {
    const char *name;
    tp_function whole;     /* a single step that takes n_in to n_out... */
    tp_step_function step; /* ...or many, where n_in = n_out */
    void *user;
    int64_t n_steps;
    int n_in, n_out;
    bool *asks; /* does output i, of any step, ask for a gradient? */
    shelf *shelf;
} chain;

static tp_status call(tp_tape *T, const chain *c, int64_t step, tp_tensor *const *in, tp_tensor **out)
{
    for (int i = 0; i < c->n_out; i++)
        out[i] = NULL;
    tp__call_out call;
    tp__enter(T, &call);
    tp_status status = c->step ? c->step(T, c->user, step, c->n_in, in, out)
                               : c->whole(T, c->user, c->n_in, in, c->n_out, out);
    tp__leave(&call);
    if (status != TP_OK && T->status == TP_OK)
        return tp_fail(T, status, "%s: the function failed", c->name);
    for (int i = 0; i < c->n_out && T->status == TP_OK; i++) {
        if (out[i] == NULL)
            return tp_fail(T, TP_EINVAL, "%s: output %d is NULL; the function must set it", c->name, i);
        if (!tp__usable(T, c->name, out[i]))
            return T->status;
        if (c->step && (!tp__same_shape(out[i], in[i]) || out[i]->dtype != in[i]->dtype)) {
            return tp_fail(
                T, TP_ESHAPE,
                "%s: step %lld makes %s of %s from state %d, which is %s of %s; one shape and dtype are needed",
                c->name, (long long)step, TP__SHAPE(out[i]), tp_dtype_name(out[i]->dtype), i, TP__SHAPE(in[i]),
                tp_dtype_name(in[i]->dtype));
        }
    }
    return T->status;
}

/* ---- where snapshots are taken ---------------------------------------------------------------------------------------- */

/* C(s + t, s): the steps that s snapshots reach when none is taken more than t times forward; at most `enough`. */
static int64_t reach(int64_t s, int64_t t, int64_t enough)
{
    if (s < 0 || t < 0)
        return 0;
    int64_t low = s < t ? s : t, high = s < t ? t : s, n = 1;
    for (int64_t k = 1; k <= low; k++) {
        if ((n = n * (high + k) / k) >= enough) /* exact: C(high + k, k) */
            return enough;
    }
    return n < enough ? n : enough;
}

/* How far ahead to take the next snapshot, with s for the l steps that are left, the one at hand included. Any m with
 * reach(s, r - 2) <= m <= reach(s, r - 1) and reach(s - 1, r - 1) <= l - m <= reach(s - 1, r) is optimal. */
static int64_t stride_to_next(int64_t l, int64_t s)
{
    int64_t r = 0;
    while (reach(s, r, l) < l)
        r++;
    int64_t m = reach(s, r - 1, l), other = l - reach(s - 1, r - 1, l);
    return m < other ? m : other;
}

/* ---- the shelf ------------------------------------------------------------------------------------------------------------ */

static shelf *shelf_new(tp_tape *T, const chain *c, int64_t room)
{
    size_t n = (size_t)room, headers;
    if (!tp__mul_size(n - 1, (size_t)c->n_out, &headers))
        return NULL;
    shelf *s = tp__arena_alloc(&T->arena, sizeof *s);
    int64_t *step = s ? tp__arena_alloc(&T->arena, n * sizeof *step) : NULL;
    tp_tensor *header = step ? tp__tensor_headers(T, headers) : NULL;
    if (header == NULL)
        return NULL;
    *s = (shelf){.room = room, .n = 1, .step = step, .header = header};
    step[0] = 0;
    for (size_t i = 0; i < headers; i++) {
        /* it counts as saved, so that no scope's end gives it back */
        header[i] = (tp_tensor){.flags = TP__RELEASED | TP__SHELVED, .saves = 1};
        tp__tensor_link(T, &header[i]);
    }
    return s;
}

static void shelf_put(const tp_tape *T, const chain *c, int64_t step, tp_tensor *const *state)
{
    shelf *s = c->shelf;
    tp_tensor *to = &s->header[(s->n - 1) * c->n_out];
    for (int i = 0; i < c->n_out; i++) {
        const tp_tensor *x = state[i];
        to[i].dtype = x->dtype;
        to[i].ndim = x->ndim;
        to[i].numel = x->numel;
        memcpy(to[i].shape, x->shape, sizeof to[i].shape);
        memcpy(to[i].stride, x->stride, sizeof to[i].stride);
        to[i].flags = (x->flags & TP__CONTIGUOUS) | TP__SHELVED;
        to[i].storage = x->storage;
        to[i].data = x->data;
        tp__storage_ref(x->storage);
    }
    if (s->rng)
        s->rng[s->n] = T->rng;
    s->step[s->n++] = step;
}

static void shelf_pop(const chain *c)
{
    shelf *s = c->shelf;
    s->n--;
    for (int i = 0; i < c->n_out; i++)
        tp__tensor_release(&s->header[(s->n - 1) * c->n_out + i]);
}

/* The latest snapshot's state, in `state`; returns its step. */
static int64_t shelf_top(const chain *c, tp_tensor *const *in, tp_tensor **state)
{
    const shelf *s = c->shelf;
    for (int i = 0; i < (s->n == 1 ? c->n_in : c->n_out); i++)
        state[i] = s->n == 1 ? in[i] : &s->header[(s->n - 2) * c->n_out + i];
    return s->step[s->n - 1];
}

/* The generator was moved for the first time: from now on it is part of a snapshot. */
static tp_status shelf_add_rng(tp_tape *T, shelf *s, const tp__rng *before)
{
    size_t bytes;
    s->rng = tp__mul_size((size_t)s->room, sizeof *s->rng, &bytes) ? tp__arena_alloc(&T->arena, bytes) : NULL;
    if (s->rng == NULL)
        return tp_fail(T, TP_ENOMEM, "checkpoint: no memory for the generator's state");
    for (int64_t k = 0; k < s->n; k++)
        s->rng[k] = *before;
    return TP_OK;
}

/* ---- forward ---------------------------------------------------------------------------------------------------------------- */

static bool is_among(const tp_tensor *x, const tp__kept *found)
{
    for (int i = 0; i < found->n; i++)
        if (found->at[i] == x)
            return true;
    return false;
}

/* Adds what the nodes from `begin` on use and did not make. */
static tp_status capture(tp_tape *T, uint32_t begin, const tp_tensor *last, tp__kept *found)
{
    for (tp_tensor *x = T->last; x != last; x = x->prev)
        x->flags |= TP__YOUNG;
    for (uint32_t k = begin; k < T->n_nodes; k++) {
        const tp__node *node = T->nodes[k];
        for (uint32_t i = 0; i < node->n_in; i++) {
            tp_tensor *x = node->in[i];
            if (x->tape ? (x->flags & TP__YOUNG) != 0 : !(x->flags & TP__REQUIRES_GRAD))
                continue;
            if (!is_among(x, found) && tp__kept_add(T, found, x) != TP_OK)
                return T->status;
        }
    }
    return TP_OK;
}

/* All steps, one after the other; the state in the end is in `state`. What a recorded chain needs for backward is noted. */
static tp_status run_forward(tp_tape *T, const chain *c, tp_tensor *const *in, tp_tensor **state, tp__kept *found)
{
    tp_tensor *room = tp__arena_alloc(&T->arena, (size_t)c->n_out * sizeof *room);
    tp_tensor **next = tp__arena_alloc(&T->arena, (size_t)c->n_out * sizeof *next);
    if (room == NULL || next == NULL)
        return tp_fail(T, TP_ENOMEM, "%s: no memory", c->name);
    shelf *s = c->shelf;
    tp__rng before;
    memcpy(&before, &T->rng, sizeof before);
    tp_mark mark = tp_tape_mark(T);
    tp_tensor *last = T->last;
    tp_tensor *const *now = in;
    int64_t shot = s && s->room > 1 && c->n_steps > 1 ? stride_to_next(c->n_steps, s->room) : -1;
    for (int64_t k = 0; k < c->n_steps && T->status == TP_OK; k++) {
        uint32_t begin = T->n_nodes;
        if (k == shot) {
            int64_t left = c->n_steps - k;
            shelf_put(T, c, k, now);
            shot = s->n < s->room && left > 1 ? k + stride_to_next(left, s->room - s->n + 1) : -1;
        }
        if (call(T, c, k, now, next) == TP_OK && s)
            capture(T, begin, last, found);
        bool drew = s && s->rng == NULL && memcmp(&before, &T->rng, sizeof before) != 0;
        for (int i = 0; i < c->n_out && T->status == TP_OK && s; i++)
            c->asks[i] |= (next[i]->flags & TP__REQUIRES_GRAD) != 0;
        hold(c->n_out, next, room);
        tp__rewind(T, mark);
        if (drew && shelf_add_rng(T, s, &before) == TP_OK) {
            mark = tp_tape_mark(T);
            last = T->last;
        }
        settle(T, c->n_out, next, room);
        for (int i = 0; i < c->n_out && T->status == TP_OK; i++)
            if (s && c->asks[i])
                next[i]->flags |= TP__REQUIRES_GRAD;
        memcpy(state, next, (size_t)c->n_out * sizeof *state);
        now = state;
    }
    return T->status;
}

/* ---- backward -------------------------------------------------------------------------------------------------------------- */

/* Arrays for one pass. */
typedef struct {
    tp_tensor **state, **next, **adjoint, *room;
} hands;

static tp_status take_hands(tp_tape *T, const chain *c, hands *h)
{
    size_t n = (size_t)(c->n_in > c->n_out ? c->n_in : c->n_out) + 1;
    h->state = tp__arena_alloc(&T->arena, 3 * n * sizeof *h->state);
    h->room = h->state ? tp__arena_alloc(&T->arena, n * sizeof *h->room) : NULL;
    if (h->room == NULL)
        return tp_fail(T, TP_ENOMEM, "%s: no memory", c->name);
    h->next = h->state + n;
    h->adjoint = h->next + n;
    return TP_OK;
}

/* Puts step k's state into h->state, and the generator to where it was; takes snapshots on the way. */
static tp_status go_to(tp_tape *T, const chain *c, int64_t k, tp_tensor *const *in, hands *h)
{
    shelf *s = c->shelf;
    tp_mark mark = tp_tape_mark(T);
    int64_t at = shelf_top(c, in, h->state);
    if (s->rng)
        T->rng = s->rng[s->n - 1];
    while (at < k && T->status == TP_OK) {
        int64_t left = k + 1 - at, spare = s->room - s->n + 1;
        int64_t end = spare > 1 ? at + stride_to_next(left, spare) : k;
        for (; at < end && T->status == TP_OK; at++) {
            call(T, c, at, h->state, h->next);
            if (tp__rewind_keep(T, mark, c->n_out, h->next, h->room) == TP_OK)
                memcpy(h->state, h->next, (size_t)c->n_out * sizeof *h->state);
        }
        if (spare > 1 && T->status == TP_OK)
            shelf_put(T, c, at, h->state);
    }
    return T->status;
}

/* A state that is no input of the chain becomes leaves, whose gradients are the adjoint of the step before. */
static tp_status make_leaves(tp_tape *T, const chain *c, tp_tensor **state)
{
    for (int i = 0; i < c->n_out; i++) {
        tp_tensor *x = state[i];
        if ((state[i] = tp__tensor_alias(T, x, tp__dims_of(x), x->stride, 0)) == NULL)
            return T->status;
        if (c->asks[i])
            state[i]->flags |= TP__REQUIRES_GRAD;
    }
    return TP_OK;
}

/* What is recorded again must look as it did. */
static tp_status check_alike(tp_tape *T, const chain *c, tp_tensor *const *y, tp_tensor *const *adjoint)
{
    for (int i = 0; i < c->n_out; i++)
        if (adjoint[i] && (!tp__same_shape(y[i], adjoint[i]) || y[i]->dtype != adjoint[i]->dtype))
            return tp_fail(
                T, TP_ESHAPE,
                "%s: called again, the function makes %s of %s as output %d, not %s of %s; it must make the same",
                c->name, TP__SHAPE(y[i]), tp_dtype_name(y[i]->dtype), i, TP__SHAPE(adjoint[i]),
                tp_dtype_name(adjoint[i]->dtype));
    return TP_OK;
}

/* Step k recorded, and swept: h->adjoint becomes that of the state before. */
static tp_status sweep_step(tp_tape *T, const chain *c, int64_t k, hands *h)
{
    uint32_t begin = T->n_nodes;
    bool was = tp_tape_record(T, true);
    if (k > 0)
        make_leaves(T, c, h->state);
    if (T->status == TP_OK)
        call(T, c, k, h->state, h->next);
    tp_tape_record(T, was);
    for (int i = 0; i < c->n_out && k > 0 && T->status == TP_OK; i++)
        if (c->asks[i])
            h->state[i]->flags |= TP__TARGET; /* not before: the function may have swept to it itself */
    if (T->status != TP_OK || check_alike(T, c, h->next, h->adjoint) != TP_OK ||
        tp__replay_sweep(T, begin, c->n_out, h->next, h->adjoint) != TP_OK)
        return T->status;
    for (int i = 0; i < c->n_out; i++) {
        h->adjoint[i] = k > 0 ? h->state[i]->acc : NULL;
        if (k > 0)
            h->state[i]->acc = NULL;
    }
    return TP_OK;
}

static tp_status sweep_back(tp_vjp *v, const chain *c)
{
    tp_tape *T = v->tape;
    uint32_t begin = T->n_nodes;
    hands h = {0};
    tp__replay replay;
    if (take_hands(T, c, &h) != TP_OK || tp__replay_open(T, &replay, v->n_in, v->in, c->n_out) != TP_OK)
        return T->status;
    for (int i = 0; i < c->n_out; i++) {
        if ((h.adjoint[i] = v->gout[i]) != NULL && h.adjoint[i]->tape)
            h.adjoint[i]->uses++;
        tp__replay_slot(&replay, &h.adjoint[i]);
    }
    for (int64_t k = c->n_steps - 1; k >= 0 && T->status == TP_OK; k--) {
        if (go_to(T, c, k, v->in, &h) == TP_OK)
            sweep_step(T, c, k, &h);
        tp__replay_close(T, &replay, begin);
        if (c->shelf->n > 1 && c->shelf->step[c->shelf->n - 1] == k)
            shelf_pop(c);
    }
    return T->status;
}

/* A recorded sweep: all steps stay on the tape. */
static tp_status sweep_recorded(tp_vjp *v, const chain *c)
{
    tp_tape *T = v->tape;
    uint32_t begin = T->n_nodes;
    hands h = {0};
    if (take_hands(T, c, &h) != TP_OK)
        return T->status;
    memcpy(h.state, v->in, (size_t)c->n_in * sizeof *h.state);
    if (c->shelf->rng)
        T->rng = c->shelf->rng[0];
    for (int64_t k = 0; k < c->n_steps && T->status == TP_OK; k++) {
        call(T, c, k, h.state, h.next);
        memcpy(h.state, h.next, (size_t)c->n_out * sizeof *h.state);
    }
    for (int i = 0; i < c->n_out; i++)
        if ((h.adjoint[i] = v->gout[i]) != NULL && h.adjoint[i]->tape)
            h.adjoint[i]->uses++;
    if (T->status == TP_OK && check_alike(T, c, h.next, h.adjoint) == TP_OK)
        tp__replay_sweep(T, begin, c->n_out, h.next, h.adjoint);
    return T->status;
}

static tp_status chain_vjp(tp_vjp *v)
{
    const chain *c = v->attr;
    tp__rng now;
    memcpy(&now, &v->tape->rng, sizeof now);
    tp_status status = tp__replay_keeps(v->tape) ? sweep_recorded(v, c) : sweep_back(v, c);
    memcpy(&v->tape->rng, &now, sizeof now);
    return status;
}

/* clang-format off */
static const tp_op chain_op = {
    .name = "checkpoint", .n_in = -1, .n_out = 1, .attr_size = sizeof(chain),
    .flags = TP_OP_FORGETS_OUT | TP__OP_REPLAYS, .grad_name = "CheckpointFunctionBackward",
    .vjp = chain_vjp};
/* clang-format on */

/* ---- the calls -------------------------------------------------------------------------------------------------------------- */

static tp_status record_chain(tp_tape *T, const chain *c, tp_tensor **out, const tp__kept *found)
{
    tp_call node = {T, &chain_op, c, found->n, c->n_out, found->at, out};
    if (tp__record(T, &node) != TP_OK)
        return T->status;
    for (int i = 0; i < c->n_out; i++)
        if (!c->asks[i]) {
            out[i]->node = NULL;
            out[i]->flags &= (uint32_t)~TP__REQUIRES_GRAD;
        }
    return TP_OK;
}

static tp_status run_chain(tp_tape *T, chain *c, int64_t snapshots, tp_tensor *const *in, tp_tensor **out)
{
    bool any = false;
    if (T->recording) {
        c->asks = tp__arena_alloc(&T->arena, (size_t)c->n_out * sizeof *c->asks);
        c->shelf = shelf_new(T, c, snapshots);
        if (c->asks == NULL || c->shelf == NULL)
            return tp_fail(T, TP_ENOMEM, "%s: no memory", c->name);
        memset(c->asks, 0, (size_t)c->n_out * sizeof *c->asks);
    }
    tp__kept *found = tp__kept_open(T, c->name, tp__frame_here()); /* what the function uses, and may free */
    if (found == NULL)
        return T->status;
    for (int i = 0; i < c->n_in && T->status == TP_OK; i++)
        tp__kept_add(T, found, in[i]);
    if (T->status == TP_OK)
        run_forward(T, c, in, out, found);
    for (int i = 0; i < c->n_out && c->shelf; i++)
        any |= c->asks[i];
    while (c->shelf && !any && c->shelf->n > 1)
        shelf_pop(c);
    if (any && T->status == TP_OK)
        record_chain(T, c, out, found);
    tp__kept_close(T, found);
    for (int i = 0; i < c->n_out && T->status != TP_OK; i++)
        out[i] = NULL;
    return T->status;
}

/* The inputs, in a list of their own, since `out` may be the caller's; NULL where the call cannot go on. */
static tp_tensor **take_inputs(tp_tape *T, const chain *c, bool sane, tp_tensor *const *in, tp_tensor *const *out)
{
    if (!tp__ok(T))
        return NULL;
    if (!sane || (in == NULL && c->n_in > 0) || out == NULL) {
        tp_fail(T, TP_EINVAL,
                "%s: %d inputs, %d outputs; a function, 0 inputs, 1 output or more, and lists of them are needed",
                c->name, c->n_in, c->n_out);
        return NULL;
    }
    for (int i = 0; i < c->n_in; i++)
        if (!tp__usable_input(T, c->name, i, in[i]))
            return NULL;
    tp_tensor **own = tp__arena_alloc(&T->arena, ((size_t)c->n_in + 1) * sizeof *own);
    if (own == NULL)
        tp_fail(T, TP_ENOMEM, "%s: no memory", c->name);
    else if (c->n_in > 0)
        memcpy(own, in, (size_t)c->n_in * sizeof *own);
    return own;
}

/* Clears `out`; the inputs, where the call can go on. */
static tp_tensor **may_run(tp_tape *T, const chain *c, bool sane, tp_tensor *const *in, tp_tensor **out)
{
    tp_tensor **own = take_inputs(T, c, sane, in, out);
    for (int i = 0; i < c->n_out && out; i++)
        out[i] = NULL;
    return own;
}

static tp_status refused(const tp_tape *T) { return T && T->status != TP_OK ? T->status : TP_EINVAL; }

tp_status tp_checkpoint(tp_tape *T, tp_function f, void *user, int n_in, tp_tensor *const *in, int n_out,
                        tp_tensor **out)
{
    chain c = {.name = "checkpoint", .whole = f, .user = user, .n_steps = 1, .n_in = n_in, .n_out = n_out};
    tp_tensor **own = may_run(T, &c, f && n_in >= 0 && n_out > 0, in, out);
    return own ? run_chain(T, &c, 1, own, out) : refused(T);
}

tp_status tp_checkpoint_steps(tp_tape *T, tp_step_function f, void *user, int64_t n_steps, int64_t snapshots,
                              int n_state, tp_tensor *const *state_in, tp_tensor **state_out)
{
    chain c = {
        .name = "checkpoint_steps", .step = f, .user = user, .n_steps = n_steps, .n_in = n_state, .n_out = n_state};
    tp_tensor **own = may_run(T, &c, f && n_state > 0, state_in, state_out);
    if (own == NULL)
        return refused(T);
    if (snapshots < 1 || n_steps < 0 || n_steps > INT32_MAX)
        return tp_fail(T, TP_EINVAL,
                       "checkpoint_steps: %lld steps with %lld snapshots; 0 to %d steps and 1 snapshot at least",
                       (long long)n_steps, (long long)snapshots, INT32_MAX);
    for (int i = 0; i < n_state && n_steps == 0; i++)
        state_out[i] = own[i];
    return n_steps == 0 ? TP_OK : run_chain(T, &c, snapshots < n_steps ? snapshots : n_steps, own, state_out);
}

/* ---- a list of functions ------------------------------------------------------------------------------------------------------ */

typedef struct {
    const tp_function *f;
    void *const *user;
    int n;
} part;

static tp_status run_part(tp_tape *T, void *user, int n_in, tp_tensor *const *in, int n_out, tp_tensor **out)
{
    const part *p = user;
    tp_tensor *x = in[0];
    for (int i = 0; i < p->n; i++) {
        tp_tensor *y = NULL;
        tp_status status = p->f[i](T, p->user[i], n_in, &x, n_out, &y);
        if (status != TP_OK || T->status != TP_OK)
            return status != TP_OK ? status : T->status;
        if ((x = y) == NULL)
            return tp_fail(T, TP_EINVAL, "checkpoint_sequential: the output of function %d is NULL; it must set it", i);
    }
    out[0] = x;
    return TP_OK;
}

tp_tensor *tp_checkpoint_sequential(tp_tape *T, int n, const tp_function *functions, void *const *users, int segments,
                                    tp_tensor *x)
{
    if (!tp__usable(T, "checkpoint_sequential", x))
        return NULL;
    if (n < 1 || functions == NULL || segments < 1 || segments > n) {
        tp_fail(T, TP_EINVAL, "checkpoint_sequential: %d functions in %d segments; each segment needs one", n,
                segments);
        return NULL;
    }
    for (int i = 0; i < n; i++)
        if (functions[i] == NULL) {
            tp_fail(T, TP_EINVAL, "checkpoint_sequential: function %d is NULL", i);
            return NULL;
        }
    size_t count = (size_t)n;
    part *p = tp__arena_alloc(&T->arena, (size_t)segments * sizeof *p);
    tp_function *f = p ? tp__arena_alloc(&T->arena, count * sizeof *f) : NULL;
    void **user = f ? tp__arena_alloc(&T->arena, count * sizeof *user) : NULL;
    if (user == NULL) {
        tp_fail(T, TP_ENOMEM, "checkpoint_sequential: no memory");
        return NULL;
    }
    for (int i = 0; i < n; i++) {
        f[i] = functions[i];
        user[i] = users ? users[i] : NULL;
    }
    int length = n / segments;
    for (int k = 0; k < segments; k++) {
        bool last = k == segments - 1;
        tp_tensor *y = NULL;
        p[k] = (part){f + k * length, user + k * length, last ? n - k * length : length};
        tp_status status = last ? run_part(T, &p[k], 1, &x, 1, &y) : tp_checkpoint(T, run_part, &p[k], 1, &x, 1, &y);
        if (status != TP_OK) {
            tp_fail(T, status, "checkpoint_sequential: a function failed");
            return NULL;
        }
        x = y;
    }
    return x;
}
