/* hooks.c - functions that see, and may replace, a tensor's gradient in backward. */
#include "tape/hooks.h"

int64_t tp_register_hook(tp_tape *T, tp_tensor *x, tp_hook hook, void *user)
{
    if (!tp__usable(T, "register_hook", x))
        return 0;
    if (hook == NULL) {
        tp__missing(T, "register_hook", "the hook");
        return 0;
    }
    if (!(x->flags & TP__REQUIRES_GRAD)) {
        tp_fail(T, TP_EGRAPH, "register_hook: x asks for no gradient; one that does is needed");
        return 0;
    }
    tp__hook *h = tp__malloc(sizeof *h), **end = &T->hooks;
    if (h == NULL) {
        tp_fail(T, TP_ENOMEM, "register_hook: no memory");
        return 0;
    }
    while (*end)
        end = &(*end)->next;
    *h = (tp__hook){.id = ++T->last_hook, .x = x, .fn = hook, .user = user, .owned = x->tape == NULL};
    *end = h;
    if (h->owned) /* it stays as long as the hook: tapes that share it do not write to it */
        atomic_fetch_add_explicit(&x->holds, 1, memory_order_relaxed);
    else
        x->flags |= TP__HOOKED;
    return h->id;
}

/* A sweep may be going through the list: there a hook is only put out of use. */
static void take_out(tp_tape *T, tp__hook *h)
{
    if (h->owned)
        tp__tensor_drop(h->x);
    h->x = NULL;
    h->fn = NULL;
    if (T->sweep == NULL)
        tp__hooks_purge(T);
}

void tp_remove_hook(tp_tape *T, int64_t handle)
{
    tp__hook *h = T ? T->hooks : NULL;
    while (h && h->id != handle)
        h = h->next;
    if (h == NULL || h->fn == NULL)
        return;
    tp_tensor *x = h->owned ? NULL : h->x;
    take_out(T, h);
    if (x && !tp__has_hook(T, x))
        x->flags &= (uint32_t)~TP__HOOKED;
}

void tp__hooks_forget(tp_tape *T, const tp_tensor *x)
{
    for (tp__hook *h = T->hooks; h; h = h->next)
        if (h->x == x) {
            h->x = NULL;
            h->fn = NULL;
        }
    if (T->sweep == NULL)
        tp__hooks_purge(T);
}

void tp__hooks_purge(tp_tape *T)
{
    for (tp__hook **at = &T->hooks; *at;) {
        tp__hook *h = *at;
        if (h->fn) {
            at = &h->next;
        } else {
            *at = h->next;
            tp__free(h);
        }
    }
}

void tp__hooks_free(tp_tape *T)
{
    for (tp__hook *h = T->hooks; h; h = h->next) {
        if (h->owned)
            tp__tensor_drop(h->x);
        h->fn = NULL;
    }
    tp__hooks_purge(T);
}

bool tp__has_hook(const tp_tape *T, const tp_tensor *x)
{
    for (const tp__hook *h = T->hooks; h; h = h->next)
        if (h->x == x)
            return true;
    return false;
}

tp_tensor *tp__hooks_run(tp_tape *T, const tp_tensor *x, tp_tensor *g)
{
    int64_t newest = T->last_hook; /* what a hook registers runs from the next gradient on */
    for (const tp__hook *h = T->hooks; h; h = h->next) {
        if (h->x != x || h->id > newest)
            continue;
        tp_tensor *r = h->fn(T, g, h->user);
        if (T->status != TP_OK)
            return NULL;
        if (r == NULL || r == g)
            continue;
        if (!tp__usable(T, "hook", r))
            return NULL;
        if (!tp__same_shape(r, x) || r->dtype != x->dtype) {
            tp_fail(T, TP_ESHAPE,
                    "hook: made a gradient of %s %s for a tensor of %s %s; one shape and dtype are needed",
                    tp_dtype_name(r->dtype), TP__SHAPE(r), tp_dtype_name(x->dtype), TP__SHAPE(x));
            return NULL;
        }
        g = r;
    }
    return g;
}
