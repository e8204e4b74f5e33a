/* hooks.c - functions that see, and may change, what goes into a module and comes out of it, forward and backward.
 *
 * Backward a module is between two operators that change nothing: its inputs pass through one, its outputs through the
 * other. What comes back through the second is noted; when the first one's turn comes in the sweep, the gradients of the
 * inputs are whole, and the hooks see both. */
#include "nn/nn.h"

#include <string.h>

/* ---- lists ------------------------------------------------------------------------------------------------------------ */

typedef enum { GONE, PRE, POST, BACKWARD } hook_kind; /* GONE: removed, to be freed when none runs */

typedef struct hook {
    struct hook *next;
    int64_t id;
    hook_kind kind;
    union {
        tp_forward_pre_hook pre;
        tp_forward_hook post;
        tp_backward_hook backward;
    };
    void *user;
} hook;

/* A module's. Graphs hold it, so that they see when the module has gone. */
struct tp__module_hooks {
    atomic_int holds;
    tp_module *module; /* NULL: freed */
    int64_t last;
    hook *first;
    tp__busy busy; /* gone through: what is removed then is freed at the end */
};

static void purge(struct tp__module_hooks *h, bool all)
{
    for (hook **at = &h->first; *at;) {
        hook *one = *at;
        if (one->kind == GONE || all) {
            *at = one->next;
            tp__free(one);
        } else {
            at = &one->next;
        }
    }
}

static void drop(struct tp__module_hooks *h)
{
    if (atomic_fetch_sub_explicit(&h->holds, 1, memory_order_acq_rel) == 1) {
        purge(h, true);
        tp__free(h);
    }
}

void tp__module_hooks_abandon(tp_module *m)
{
    if (m->use->hooks) {
        m->use->hooks->module = NULL;
        drop(m->use->hooks);
    }
}

static struct tp__module_hooks *hooks_of(tp_module *m)
{
    struct tp__module_hooks *h = m->use->hooks;
    if (h == NULL && (h = tp__calloc(1, sizeof *h)) != NULL) {
        atomic_init(&h->holds, 1);
        h->module = tp__module_self(m);
        m->use->hooks = h;
    }
    return h;
}

/* At the end of the list, which may be gone through meanwhile: what is registered then runs from the next call on. */
static int64_t add(tp_tape *T, tp_module *m, const char *speaker, hook one, bool has_function)
{
    if (m == NULL || !has_function)
        tp__missing(T, speaker, m ? "the hook" : "the module");
    if (!tp__ok(T) || m == NULL || !has_function)
        return 0;
    struct tp__module_hooks *h = hooks_of(m);
    hook *copy = h ? tp__malloc(sizeof *copy) : NULL;
    if (copy == NULL) {
        tp_fail(T, TP_ENOMEM, "%s: no memory", speaker);
        return 0;
    }
    if (!tp__busy_runs(&h->busy))
        purge(h, false);
    hook **end = &h->first;
    while (*end)
        end = &(*end)->next;
    one.id = ++h->last;
    *copy = one;
    *end = copy;
    return copy->id;
}

int64_t tp_module_register_forward_pre_hook(tp_tape *T, tp_module *m, tp_forward_pre_hook fn, void *user)
{
    return add(T, m, "module_register_forward_pre_hook", (hook){.kind = PRE, .pre = fn, .user = user}, fn != NULL);
}
int64_t tp_module_register_forward_hook(tp_tape *T, tp_module *m, tp_forward_hook fn, void *user)
{
    return add(T, m, "module_register_forward_hook", (hook){.kind = POST, .post = fn, .user = user}, fn != NULL);
}
int64_t tp_module_register_full_backward_hook(tp_tape *T, tp_module *m, tp_backward_hook fn, void *user)
{
    return add(T, m, "module_register_full_backward_hook", (hook){.kind = BACKWARD, .backward = fn, .user = user},
               fn != NULL);
}

void tp_module_remove_hook(tp_module *m, int64_t handle)
{
    struct tp__module_hooks *h = m ? m->use->hooks : NULL;
    for (hook *one = h ? h->first : NULL; one; one = one->next)
        if (one->id == handle)
            one->kind = GONE;
    if (h && !tp__busy_runs(&h->busy))
        purge(h, false);
}

void tp__module_forget_hooks(tp_module *m, tp_forward_pre_hook pre, tp_forward_hook post)
{
    struct tp__module_hooks *h = m->use->hooks;
    for (hook *one = h ? h->first : NULL; one; one = one->next)
        if ((one->kind == PRE && one->pre == pre) || (one->kind == POST && one->post == post))
            one->kind = GONE;
    if (h && !tp__busy_runs(&h->busy))
        purge(h, false);
}

/* After going through them. */
static void leave(struct tp__module_hooks *h, bool outermost)
{
    tp__busy_end(&h->busy, outermost);
    if (outermost)
        purge(h, false);
}

/* The next one of a kind that is not newer; from the first one where `at` is NULL. */
static hook *next_of(const struct tp__module_hooks *h, hook *at, hook_kind kind, int64_t newest)
{
    for (at = at ? at->next : h->first; at; at = at->next)
        if (at->kind == kind && at->id <= newest)
            return at;
    return NULL;
}

/* ---- backward ----------------------------------------------------------------------------------------------------------- */

/* One call of a module with such hooks. Its two operators hold it. */
typedef struct {
    int holds;
    struct tp__module_hooks *hooks;
    int64_t newest; /* of the hooks when it was called */
    int n_in, n_out;
    int k_in, k_out;                           /* those that have a gradient... */
    int in_at[TP_MAX_OUT], out_at[TP_MAX_OUT]; /* ...and which they are */
    bool noted;                                /* a sweep has passed the outputs */
    tp_tensor *gout[TP_MAX_OUT];
    uint64_t serial[TP_MAX_OUT]; /* of gradients with a graph, which are the tape's and may have gone; 0: owned */
} crossing;

static void forget_gradients(crossing *c)
{
    for (int i = 0; i < c->k_out; i++) {
        if (c->gout[i] && c->serial[i] == 0)
            tp_free(c->gout[i]);
        c->gout[i] = NULL;
    }
    c->noted = false;
}

static void let_crossing_go(void *attr)
{
    crossing *c = *(crossing **)attr;
    if (--c->holds > 0)
        return;
    forget_gradients(c);
    drop(c->hooks);
    tp__free(c);
}

static tp_status infer_same(tp_call *call)
{
    for (int i = 0; i < call->n_out; i++)
        if ((call->out[i] = tp__tensor_alias(call->tape, call->in[i], tp__dims_of(call->in[i]), call->in[i]->stride,
                                             0)) == NULL)
            return call->tape->status;
    return TP_OK;
}

/* Held by its storage, which so is not written in place; under create_graph by the graph. */
static tp_status note_gradients(crossing *c, const tp_vjp *v)
{
    bool graph = v->tape->recording;
    forget_gradients(c);
    for (int i = 0; i < c->k_out; i++) {
        tp_tensor *g = v->gout[i];
        c->serial[i] = graph && g && g->tape ? g->serial : 0;
        c->gout[i] = g == NULL || c->serial[i] ? g : tp_keep(g);
        if (g && c->gout[i] == NULL)
            return tp_fail(v->tape, TP_ENOMEM, "module_outputs: no memory");
    }
    c->noted = true;
    return TP_OK;
}

/* May the hook's gradient of input i stand for the old one? */
static tp_status check_gradient(tp_tape *T, const char *name, int i, const tp_tensor *g, const tp_tensor *x)
{
    if (x == NULL)
        return tp_fail(T, TP_EINVAL,
                       "%s: a backward hook made a gradient of input %d, which asks for none; NULL is needed", name, i);
    if (g == NULL || !tp__usable(T, name, g))
        return tp_error_status(T);
    if (tp__same_shape(g, x) && g->dtype == x->dtype)
        return TP_OK;
    return tp_fail(
        T, TP_ESHAPE,
        "%s: a backward hook made a gradient of %s %s for input %d, of %s %s; one shape and dtype are needed", name,
        tp_dtype_name(g->dtype), TP__SHAPE(g), i, tp_dtype_name(x->dtype), TP__SHAPE(x));
}

/* Calls the hooks one after the other; `model` are the inputs by their place, NULL where they ask for no gradient. */
static tp_status call_hooks(tp_tape *T, crossing *c, tp_module *m, tp_tensor *const *model, tp_tensor **gin,
                            tp_tensor **old, tp_tensor *const *gout)
{
    const char *name = m->type->name;
    for (hook *h = next_of(c->hooks, NULL, BACKWARD, c->newest); h && T->status == TP_OK;
         h = next_of(c->hooks, h, BACKWARD, c->newest)) {
        memcpy(old, gin, (size_t)c->n_in * sizeof *old);
        tp_status status = h->backward(T, m, c->n_in, gin, c->n_out, gout, h->user);
        if (status != TP_OK)
            tp_fail(T, status, "%s: its backward hook returned %s", name, tp_status_name(status));
        for (int i = 0; i < c->n_in && T->status == TP_OK; i++)
            if (gin[i] == NULL)
                gin[i] = old[i];
            else if (gin[i] != old[i])
                check_gradient(T, name, i, gin[i], model[i]);
    }
    return T->status;
}

/* The hooks of a module that is still there; `in` and `made` are those of the k inputs that ask for a gradient. */
static __attribute__((noinline)) tp_status run_hooks(tp_tape *T, crossing *c, int k, tp_tensor *const *in,
                                                     tp_tensor **made)
{
    tp_module *m = c->hooks->module;
    tp_tensor **room = tp__arena_alloc(&T->arena, (size_t)(3 * c->n_in + c->n_out + 1) * sizeof *room);
    if (room == NULL)
        return tp_fail(T, TP_ENOMEM, "module_inputs: no memory");
    memset(room, 0, (size_t)(3 * c->n_in + c->n_out) * sizeof *room);
    tp_tensor **gin = room, **old = gin + c->n_in, **model = old + c->n_in, **gout = model + c->n_in;
    for (int i = 0; i < k; i++) {
        gin[c->in_at[i]] = made[i];
        model[c->in_at[i]] = in[i];
    }
    for (int i = 0; i < c->k_out; i++)
        if (c->gout[i] && (c->serial[i] == 0 || c->gout[i]->serial == c->serial[i]))
            gout[c->out_at[i]] = c->gout[i];
    bool outermost = tp__module_use(m), outermost_hook = tp__busy_begin(&c->hooks->busy);
    call_hooks(T, c, m, model, gin, old, gout);
    leave(c->hooks, outermost_hook);
    tp__module_let_go(m, outermost);
    for (int i = 0; i < k; i++)
        made[i] = gin[c->in_at[i]];
    return T->status;
}

static tp_status outputs_vjp(tp_vjp *v)
{
    crossing *c = *(crossing *const *)v->attr;
    tp_status status = note_gradients(c, v);
    if (status == TP_OK && c->k_in == 0 && c->hooks->module) { /* nothing comes to the inputs */
        status = run_hooks(v->tape, c, 0, NULL, NULL);
        forget_gradients(c);
    }
    for (int i = 0; i < v->n_in; i++)
        v->gin[i] = v->gout[i];
    return status;
}

static tp_status inputs_vjp(tp_vjp *v)
{
    crossing *c = *(crossing *const *)v->attr;
    tp_tensor *g[TP_MAX_OUT];
    for (int i = 0; i < v->n_in; i++)
        g[i] = v->gout[i];
    tp_status status = TP_OK;
    if (c->noted && c->hooks->module)
        status = run_hooks(v->tape, c, v->n_in, v->in, g);
    forget_gradients(c);
    for (int i = 0; i < v->n_in; i++)
        v->gin[i] = g[i];
    return status;
}

/* clang-format off */
#define PASSES(NAME, VJP, N)                                                                       \
    {.name = NAME, .n_in = N, .n_out = N, .attr_size = sizeof(crossing *),                         \
     .flags = TP__OP_OURS | TP_OP_VIEW | TP_OP_STRIDED | TP_OP_FORGETS_IN | TP_OP_FORGETS_OUT,     \
     .infer = infer_same, .vjp = VJP, .free_attr = let_crossing_go,                                \
     .grad_name = "BackwardHookFunctionBackward"}
static const tp_op inputs_op[] = {PASSES("module_inputs", inputs_vjp, 1), PASSES("module_inputs", inputs_vjp, 2),
                                  PASSES("module_inputs", inputs_vjp, 3), PASSES("module_inputs", inputs_vjp, 4)};
static const tp_op outputs_op[] = {PASSES("module_outputs", outputs_vjp, 1), PASSES("module_outputs", outputs_vjp, 2),
                                   PASSES("module_outputs", outputs_vjp, 3), PASSES("module_outputs", outputs_vjp, 4)};
/* clang-format on */
_Static_assert(TP_MAX_OUT == 4, "as many as can have a gradient");

/* Where among n tensors those are that ask for a gradient; their number, or -1 where they are too many. */
static int places(tp_tape *T, const char *name, int n, tp_tensor *const *x, int *at)
{
    int k = 0;
    for (int i = 0; i < n; i++) {
        if (x[i] == NULL || !(x[i]->flags & TP__REQUIRES_GRAD))
            continue;
        if (k == TP_MAX_OUT) {
            tp_fail(T, TP_EUNSUPPORTED, "%s: more than %d tensors with a gradient; its backward hooks need fewer", name,
                    TP_MAX_OUT);
            return -1;
        }
        at[k++] = i;
    }
    return k;
}

/* These go through an operator, which from then on holds c: nobody else does, so a jump loses nothing. */
static void pass(tp_tape *T, crossing *c, const tp_op *ops, tp_tensor **x, int k, const int *at)
{
    tp_tensor *some[TP_MAX_OUT];
    for (int i = 0; i < k; i++)
        some[i] = x[at[i]];
    c->holds++;
    tp_apply_all(T, &ops[k - 1], &c, k, some, some);
    for (int i = 0; i < k; i++)
        x[at[i]] = some[i];
}

static crossing *new_crossing(tp_tape *T, tp_module *m, int n_in, int n_out, int64_t newest)
{
    crossing *c = tp__calloc(1, sizeof *c);
    if (c == NULL) {
        tp_fail(T, TP_ENOMEM, "%s: no memory", m->type->name);
        return NULL;
    }
    *c = (crossing){.hooks = m->use->hooks, .newest = newest, .n_in = n_in, .n_out = n_out};
    atomic_fetch_add_explicit(&c->hooks->holds, 1, memory_order_relaxed);
    return c;
}

/* NULL where no input asks for a gradient. */
static crossing *cross_in(tp_tape *T, tp_module *m, int n_in, tp_tensor **in, int n_out, int64_t newest)
{
    int at[TP_MAX_OUT], k = places(T, m->type->name, n_in, in, at);
    crossing *c = k > 0 ? new_crossing(T, m, n_in, n_out, newest) : NULL;
    if (c) {
        c->k_in = k;
        memcpy(c->in_at, at, sizeof at);
        pass(T, c, inputs_op, in, k, at);
    }
    return c;
}

static void cross_out(tp_tape *T, tp_module *m, crossing *c, int n_in, int n_out, tp_tensor **out, int64_t newest)
{
    int at[TP_MAX_OUT], k = places(T, m->type->name, n_out, out, at);
    if (k > 0 && c == NULL)
        c = new_crossing(T, m, n_in, n_out, newest);
    if (k > 0 && c) {
        c->k_out = k;
        memcpy(c->out_at, at, sizeof at);
        pass(T, c, outputs_op, out, k, at);
    }
}

/* ---- forward -------------------------------------------------------------------------------------------------------------- */

static tp_status run_pre_hooks(tp_tape *T, tp_module *m, int64_t newest, int n_in, tp_tensor **in, int needed)
{
    const struct tp__module_hooks *h = m->use->hooks;
    for (hook *one = next_of(h, NULL, PRE, newest); one; one = next_of(h, one, PRE, newest)) {
        tp_status status = one->pre(T, m, n_in, in, one->user);
        if (status != TP_OK)
            return tp_fail(T, status, "%s: its forward-pre hook returned %s", m->type->name, tp_status_name(status));
        for (int i = 0; i < n_in && T->status == TP_OK; i++)
            if (i < needed || in[i])
                tp__usable_input(T, m->type->name, i, in[i]);
        if (T->status != TP_OK)
            return T->status;
    }
    return TP_OK;
}

static tp_status run_post_hooks(tp_tape *T, tp_module *m, int64_t newest, int n_in, tp_tensor *const *in, int n_out,
                                tp_tensor **out)
{
    const struct tp__module_hooks *h = m->use->hooks;
    for (hook *one = next_of(h, NULL, POST, newest); one; one = next_of(h, one, POST, newest)) {
        tp_status status = one->post(T, m, n_in, in, n_out, out, one->user);
        if (status != TP_OK)
            return tp_fail(T, status, "%s: its forward hook returned %s", m->type->name, tp_status_name(status));
        for (int i = 0; i < n_out && T->status == TP_OK; i++)
            if (out[i])
                tp__usable(T, m->type->name, out[i]);
        if (T->status != TP_OK)
            return T->status;
    }
    return TP_OK;
}

static tp_status between_hooks(tp_tape *T, tp_module *m, tp__forward_of forward, int n_in, tp_tensor **in, int needed,
                               int n_out, tp_tensor **out)
{
    int64_t newest = m->use->hooks->last; /* what a hook registers is for the next call */
    if (run_pre_hooks(T, m, newest, n_in, in, needed) != TP_OK)
        return T->status;
    bool back = T->recording && next_of(m->use->hooks, NULL, BACKWARD, newest);
    crossing *c = back ? cross_in(T, m, n_in, in, n_out, newest) : NULL;
    tp_status status = T->status == TP_OK ? forward(T, m, n_in, in, n_out, out) : T->status;
    if (status == TP_OK && T->status == TP_OK)
        status = run_post_hooks(T, m, newest, n_in, in, n_out, out);
    if (back && status == TP_OK && T->status == TP_OK)
        cross_out(T, m, c, n_in, n_out, out, newest);
    return status == TP_OK ? T->status : status;
}

tp_status tp__hooked_forward(tp_tape *T, tp_module *m, tp__forward_of forward, int n_in, tp_tensor *const *in,
                             int needed, int n_out, tp_tensor **out)
{
    tp_tensor **mine = tp__arena_alloc(&T->arena, ((size_t)n_in + 1) * sizeof *mine);
    if (mine == NULL)
        return tp_fail(T, TP_ENOMEM, "%s: no memory for %d inputs", m->type->name, n_in);
    memcpy(mine, in, (size_t)n_in * sizeof *mine);
    struct tp__module_hooks *h = m->use->hooks;
    bool outermost = tp__busy_begin(&h->busy);
    tp_status status = between_hooks(T, m, forward, n_in, mine, needed, n_out, out);
    leave(h, outermost);
    return status;
}
