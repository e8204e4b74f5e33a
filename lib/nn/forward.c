/* forward.c - calls of modules, each in a scope of its own: what they make and neither return nor save is given back. */
#include "nn/nn.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

/* ---- how many tensors a module takes and makes ---- */

typedef struct {
    int least, most;
} counts;

static counts range_of(int least, int most)
{
    least = least > 0 ? least : 1;
    return (counts){least, most > least ? most : least};
}
static counts inputs_of(const tp_module_class *c)
{
    return c->forward_n ? range_of(c->n_in, c->max_in) : (counts){1, 1};
}
static counts outputs_of(const tp_module_class *c)
{
    return c->forward_n ? range_of(c->n_out, c->max_out) : (counts){1, 1};
}
static bool is_in(counts r, int n) { return n >= r.least && n <= r.most; }

enum { RANGE_TEXT = 40 };

/* "2", "1 to 3", "at least 1" */
static const char *range_text(counts r, char *text)
{
    if (r.most == INT_MAX)
        snprintf(text, RANGE_TEXT, "at least %d", r.least);
    else if (r.most > r.least)
        snprintf(text, RANGE_TEXT, "%d to %d", r.least, r.most);
    else
        snprintf(text, RANGE_TEXT, "%d", r.least);
    return text;
}

static tp_status check_counts(tp_tape *T, const tp_module_class *type, int n_in, int n_out)
{
    char takes[RANGE_TEXT], makes[RANGE_TEXT];
    if (type->forward == NULL && type->forward_n == NULL)
        return tp_fail(T, TP_EINVAL, "%s: its class has no forward; one is needed to call it", type->name);
    if (is_in(inputs_of(type), n_in) && is_in(outputs_of(type), n_out))
        return TP_OK;
    return tp_fail(T, TP_EINVAL, "%s: called with %d input%s and %d output%s; it takes %s and makes %s", type->name,
                   n_in, n_in == 1 ? "" : "s", n_out, n_out == 1 ? "" : "s", range_text(inputs_of(type), takes),
                   range_text(outputs_of(type), makes));
}

bool tp__module_chains(tp_tape *T, const tp_module *m, const char *chain, const char *child)
{
    const tp_module_class *type = m->type;
    char takes[RANGE_TEXT], makes[RANGE_TEXT];
    if (type->forward || (type->forward_n && is_in(inputs_of(type), 1) && is_in(outputs_of(type), 1)))
        return true;
    if (type->forward_n == NULL)
        tp_fail(T, TP_EINVAL, "%s: module %s, %s, has no forward; a chain needs one of each", chain, child, type->name);
    else
        tp_fail(T, TP_EINVAL, "%s: module %s, %s, takes %s and makes %s; a chain hands on one tensor", chain, child,
                type->name, range_text(inputs_of(type), takes), range_text(outputs_of(type), makes));
    return false;
}

/* ---- owned inputs, which the function may free: they are there until the call is done ---- */

/* NULL where that failed. */
static tp__kept *hold_owned(tp_tape *T, const char *name, tp__frame here, int n, tp_tensor *const *in)
{
    tp__kept *kept = tp__kept_open(T, name, here);
    for (int i = 0; i < n && kept && tp__ok(T); i++)
        if (in[i] && in[i]->tape == NULL)
            tp__kept_add(T, kept, in[i]);
    if (kept && !tp__ok(T)) {
        tp__kept_close(T, kept);
        return NULL;
    }
    return kept;
}

/* False where an output is an input that the function freed. */
static bool let_go_owned(tp_tape *T, const char *name, const tp__kept *kept, int n, tp_tensor *const *out)
{
    for (int i = 0; i < n; i++)
        for (int k = 0; k < kept->n && out[i]; k++)
            if (out[i] == kept->at[k] && out[i]->flags & TP__FREED)
                tp_fail(T, TP_EINVAL,
                        "%s: its forward has freed the input that it returns; one that is there is needed", name);
    tp__kept_close(T, kept);
    return tp__ok(T);
}

/* ---- the class's functions: parameters that are computed come first ---- */

static __attribute__((noinline)) tp_tensor *forward_computed(tp_tape *T, tp_module *m, tp_tensor *x)
{
    tp_module *copy = tp__computed_begin(T, m);
    tp_tensor *y = copy ? m->type->forward(T, copy, x) : NULL;
    if (copy)
        tp__computed_end(m, copy);
    return y;
}

static inline tp_tensor *forward_of(tp_tape *T, tp_module *m, tp_tensor *x)
{
    return m->use->computed ? forward_computed(T, m, x) : m->type->forward(T, m, x);
}

static tp_status forward_n_of(tp_tape *T, tp_module *m, int n_in, tp_tensor *const *in, int n_out, tp_tensor **out)
{
    tp_module *self = m->use->computed ? tp__computed_begin(T, m) : m;
    tp_status status = self ? m->type->forward_n(T, self, n_in, in, n_out, out) : T->status;
    if (self && self != m)
        tp__computed_end(m, self);
    return status;
}

/* ---- one in, one out ---- */

static tp_status one_of_one(tp_tape *T, tp_module *m, int n_in, tp_tensor *const *in, int n_out, tp_tensor **out)
{
    (void)n_in, (void)n_out;
    out[0] = forward_of(T, m, in[0]);
    return T->status;
}

/* Apart from tp_forward, so that calls without hooks are not slower for them. */
static __attribute__((noinline)) tp_tensor *hooked(tp_tape *T, tp_module *m, tp_tensor *x)
{
    tp_tensor *y = NULL;
    return tp__hooked_forward(T, m, one_of_one, 1, &x, 1, 1, &y) == TP_OK ? y : NULL;
}

static inline tp_tensor *call_forward(tp_tape *T, tp_module *m, tp_tensor *x)
{
    const tp_module_class *type = m->type; /* m may be freed by its function */
    tp__scope scope = tp__scope_open(T);
    tp__call_out call;
    tp__enter(T, &call);
    bool outermost = tp__module_use(m);
    tp_tensor *y = m->use->hooks ? hooked(T, m, x) : forward_of(T, m, x);
    tp__module_let_go(m, outermost);
    tp__leave(&call);
    tp__scope_close(T, scope, 1, &y);
    if (y == NULL)
        tp__missing(T, type->name, "the result of its forward");
    return tp__ok(T) ? y : NULL;
}

static __attribute__((noinline)) tp_tensor *call_forward_held(tp_tape *T, tp_module *m, tp_tensor *x)
{
    const char *name = m->type->name;
    tp__kept *kept = hold_owned(T, name, tp__frame_here(), 1, &x);
    tp_tensor *y = kept ? call_forward(T, m, x) : NULL;
    if (kept && !let_go_owned(T, name, kept, 1, &y))
        return NULL;
    return y;
}

tp_tensor *tp_forward(tp_tape *T, tp_module *m, tp_tensor *x)
{
    tp_tensor *y = NULL;
    if (m == NULL)
        tp__missing(T, "forward", "the module");
    if (!tp__ok(T) || m == NULL)
        return NULL;
    m = tp__module_self(m);
    const tp_module_class *type = m->type; /* m may be freed by its function */
    if (type->forward == NULL) {
        tp_forward_n(T, m, 1, &x, 1, &y);
        return y;
    }
    if (!tp__usable(T, type->name, x))
        return NULL;
    return x->tape ? call_forward(T, m, x) : call_forward_held(T, m, x);
}

/* ---- several ---- */

static bool usable_inputs(tp_tape *T, const tp_module_class *type, int n, tp_tensor *const *in)
{
    int needed = inputs_of(type).least;
    for (int i = 0; i < n; i++)
        if ((i < needed || in[i]) && !tp__usable_input(T, type->name, i, in[i]))
            return false;
    return true;
}

/* Calls forward_n. `in` is not `out`, which is NULL all over. */
static void call_forward_n(tp_tape *T, tp_module *m, int n_in, tp_tensor *const *in, int n_out, tp_tensor **out)
{
    const tp_module_class *type = m->type;
    tp__scope scope = tp__scope_open(T);
    tp__call_out call;
    tp__enter(T, &call);
    bool outermost = tp__module_use(m);
    tp_status status = m->use->hooks
                           ? tp__hooked_forward(T, m, forward_n_of, n_in, in, inputs_of(type).least, n_out, out)
                           : forward_n_of(T, m, n_in, in, n_out, out);
    tp__module_let_go(m, outermost);
    tp__leave(&call);
    tp__scope_close(T, scope, n_out, out);
    if (status != TP_OK)
        tp_fail(T, status, "%s: its forward returned %s", type->name, tp_status_name(status));
    for (int i = 0; i < n_out && tp__ok(T); i++)
        if (out[i] == NULL)
            tp_fail(T, TP_EINVAL, "%s: output %d is NULL; its forward must set it", type->name, i);
}

static void call_forward_n_held(tp_tape *T, tp_module *m, int n_in, tp_tensor *const *in, int n_out, tp_tensor **out)
{
    const char *name = m->type->name;
    tp__kept *kept = hold_owned(T, name, tp__frame_here(), n_in, in);
    if (kept == NULL)
        return;
    call_forward_n(T, m, n_in, in, n_out, out);
    let_go_owned(T, name, kept, n_out, out);
}

static bool any_owned(int n, tp_tensor *const *in)
{
    for (int i = 0; i < n; i++)
        if (in[i] && in[i]->tape == NULL)
            return true;
    return false;
}

/* With a copy of the inputs, since `out` may be the same list. */
static void forward_n(tp_tape *T, tp_module *m, int n_in, tp_tensor *const *in, int n_out, tp_tensor **out)
{
    enum { FEW = 8 };
    tp_tensor *few[FEW], **copy = few;
    if (n_in > FEW && (copy = tp__arena_alloc(&T->arena, (size_t)n_in * sizeof(tp_tensor *))) == NULL) {
        tp_fail(T, TP_ENOMEM, "%s: no memory for %d inputs", m->type->name, n_in);
        return;
    }
    if (n_in > 0)
        memcpy(copy, in, (size_t)n_in * sizeof(tp_tensor *));
    for (int i = 0; i < n_out; i++)
        out[i] = NULL;
    if (m->type->forward_n == NULL)
        out[0] = tp_forward(T, m, copy[0]);
    else if (usable_inputs(T, m->type, n_in, copy))
        (any_owned(n_in, copy) ? call_forward_n_held : call_forward_n)(T, m, n_in, copy, n_out, out);
}

tp_status tp_forward_n(tp_tape *T, tp_module *m, int n_in, tp_tensor *const *in, int n_out, tp_tensor **out)
{
    if (m == NULL)
        tp__missing(T, "forward_n", "the module");
    if (m && tp__ok(T)) {
        m = tp__module_self(m);
        if ((n_in > 0 && in == NULL) || (n_out > 0 && out == NULL))
            tp_fail(T, TP_EINVAL, "%s: called with %d inputs and %d outputs, but a list of them is NULL", m->type->name,
                    n_in, n_out);
        else if (check_counts(T, m->type, n_in, n_out) == TP_OK)
            forward_n(T, m, n_in, in, n_out, out);
    }
    tp_status status = tp_error_status(T);
    for (int i = 0; i < n_out && out && status != TP_OK; i++)
        out[i] = NULL;
    return status;
}
