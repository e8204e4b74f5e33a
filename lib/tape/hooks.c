/* hooks.c - functions that see, and may replace, a tensor's gradient in backward. */
#include "tape/hooks.h"

#include <stdlib.h>

int64_t tp_register_hook(tp_tape *T, tp_tensor *x, tp_hook hook, void *user)
{
    if (!tp__usable(T, "register_hook", x) || hook == NULL)
        return 0;
    if (!(x->flags & TP__REQUIRES_GRAD)) {
        tp_fail(T, TP_EGRAPH, "register_hook: the tensor does not require a gradient");
        return 0;
    }
    tp__hook *h = malloc(sizeof *h), **end = &T->hooks;
    if (h == NULL) {
        tp_fail(T, TP_ENOMEM, "register_hook: no memory");
        return 0;
    }
    while (*end)
        end = &(*end)->next;
    *h = (tp__hook){.id = ++T->last_hook, .x = x, .fn = hook, .user = user};
    *end = h;
    x->flags |= TP__HOOKED;
    return h->id;
}

static void unlink_hook(tp__hook **at)
{
    tp__hook *h = *at;
    *at = h->next;
    free(h);
}

void tp_remove_hook(tp_tape *T, int64_t handle)
{
    for (tp__hook **at = T ? &T->hooks : NULL; at && *at; at = &(*at)->next)
        if ((*at)->id == handle) {
            tp_tensor *x = (*at)->x;
            unlink_hook(at);
            if (tp__hook_of(T, x) == NULL)
                x->flags &= (uint16_t)~TP__HOOKED;
            return;
        }
}

void tp__hooks_forget(tp_tape *T, const tp_tensor *x)
{
    for (tp__hook **at = &T->hooks; *at;)
        if ((*at)->x == x)
            unlink_hook(at);
        else
            at = &(*at)->next;
}

void tp__hooks_free(tp_tape *T)
{
    while (T->hooks)
        unlink_hook(&T->hooks);
}

tp__hook *tp__hook_of(const tp_tape *T, const tp_tensor *x)
{
    for (tp__hook *h = T->hooks; h; h = h->next)
        if (h->x == x)
            return h;
    return NULL;
}

tp_tensor *tp__hooks_run(tp_tape *T, const tp_tensor *x, tp_tensor *g)
{
    char a[200], b[200];
    for (tp__hook *h = T->hooks, *next; h && g; h = next) {
        next = h->next; /* a hook may remove itself */
        if (h->x != x)
            continue;
        tp_tensor *r = h->fn(T, g, h->user);
        if (T->status != TP_OK)
            return NULL;
        if (r == NULL || r == g)
            continue;
        if (!tp__usable(T, "hook", r))
            return NULL;
        if (!tp__same_shape(r, x) || r->dtype != x->dtype) {
            tp_fail(T, TP_ESHAPE, "hook: made a gradient of %s %s for a tensor of %s %s",
                    tp_dtype_name((tp_dtype)r->dtype), tp__dims_text(tp__dims_of(r), a, sizeof a),
                    tp_dtype_name((tp_dtype)x->dtype), tp__dims_text(tp__dims_of(x), b, sizeof b));
            return NULL;
        }
        g = r;
    }
    return g;
}
