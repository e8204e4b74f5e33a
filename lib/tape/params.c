/* params.c - sets of parameters. */
#include "tape/params.h"
#include "tape/tape.h"

tp_params *tp__params_new(int n, tp_tensor *const *tensors)
{
    tp_params *p = tp__calloc(1, sizeof *p);
    if (p == NULL)
        return NULL;
    atomic_init(&p->holds, 1);
    p->at = tp__calloc((size_t)n + 1, sizeof *p->at);
    p->offset = tp__calloc((size_t)n + 1, sizeof *p->offset);
    p->member = tp__calloc((size_t)n + 1, sizeof *p->member);
    if (p->at == NULL || p->offset == NULL || p->member == NULL) {
        tp_params_free(p);
        return NULL;
    }
    p->n = n;
    for (int i = 0; i < n; i++) {
        int64_t *count = &p->count_of[tp__slot_of(tensors[i]->dtype)];
        p->at[i] = tensors[i];
        p->offset[i] = *count;
        *count += tensors[i]->numel;
        p->count += tensors[i]->numel;
        p->member[i] = (tp__member){p, i, tensors[i]->member};
        tensors[i]->member = &p->member[i];
    }
    return p;
}

tp_params *tp_params_of(tp_tape *T, int n, tp_tensor *const *tensors)
{
    if (!tp__ok(T))
        return NULL;
    for (int i = 0; i < n; i++) {
        const tp_tensor *x = tensors ? tensors[i] : NULL;
        bool fits = x && (x->flags & TP__OWNED) && tp_dtype_is_float(x->dtype) && tp__contiguous(x);
        for (int j = 0; j < i && fits; j++)
            fits = tensors[j] != x;
        if (!fits) {
            tp_fail(T, TP_EINVAL, "params_of: tensor %d; owned, contiguous float32 or float64, each once, are needed",
                    i);
            return NULL;
        }
    }
    tp_params *p = n < 0 ? NULL : tp__params_new(n, tensors);
    if (p == NULL)
        tp_fail(T, n < 0 ? TP_EINVAL : TP_ENOMEM,
                n < 0 ? "params_of: %d tensors; 0 or more are needed" : "params_of: no memory for %d", n);
    return p;
}

void tp__params_forget(tp_tensor *x)
{
    for (tp__member *m = x->member; m; m = m->next)
        m->set->at[m->index] = NULL;
    x->member = NULL;
}

void tp__params_hold(tp_params *p) { atomic_fetch_add_explicit(&p->holds, 1, memory_order_relaxed); }

void tp_params_free(tp_params *p)
{
    if (p && !p->belongs && !p->gone)
        tp__params_abandon(p);
}

void tp__params_abandon(tp_params *p)
{
    if (p) {
        p->gone = true;
        tp__params_drop(p);
    }
}

void tp__params_drop(tp_params *p)
{
    if (p == NULL || atomic_fetch_sub_explicit(&p->holds, 1, memory_order_acq_rel) != 1)
        return;
    for (int i = 0; i < p->n; i++)
        for (tp__member **m = p->at[i] ? &p->at[i]->member : NULL; m && *m; m = &(*m)->next)
            if (*m == &p->member[i]) {
                *m = p->member[i].next;
                break;
            }
    tp__free(p->at);
    tp__free(p->offset);
    tp__free(p->member);
    tp__free(p);
}

int tp_params_length(const tp_params *p) { return p ? p->n : 0; }
int64_t tp_params_count(const tp_params *p) { return p ? p->count : 0; }
tp_tensor *tp_params_at(const tp_params *p, int i) { return p && i >= 0 && i < p->n ? p->at[i] : NULL; }

/* ---- slabs ------------------------------------------------------------------------------------------------------
 *
 * One layout for values, gradients and sinks: float32 parameters in the set's order, then, from a multiple of 8 bytes on,
 * float64 parameters in the set's order, each dtype without gaps. */
