/* stretch.c - stretches of parameters that lie side by side, all with a gradient: what an optimizer goes over at once. */
#include "tape/params.h"
#include "tape/tape.h"

static bool has_gradient(const tp_tensor *x)
{
    return x && (x->flags & TP__HAS_GRAD) && x->grad && x->grad->data && tp__contiguous(x->grad) && x->numel > 0;
}

static bool follows(const tp_tensor *a, const tp_tensor *b)
{
    size_t bytes = (size_t)a->numel * tp_dtype_size(a->dtype);
    return a->dtype == b->dtype && tp__rows_of(b->grad) == NULL && (char *)a->data + bytes == (char *)b->data &&
           (char *)a->grad->data + bytes == (char *)b->grad->data;
}

bool tp__params_next(const tp_params *p, int *at, tp__run_of_params *run)
{
    int i = *at;
    while (i < p->n && !has_gradient(p->at[i]))
        i++;
    if (i == p->n) {
        *at = i;
        return false;
    }
    const tp_tensor *x = p->at[i];
    *run = (tp__run_of_params){.dtype = x->dtype,
                               .offset = p->offset[i],
                               .n = x->numel,
                               .value = x->data,
                               .grad = x->grad->data,
                               .first = i,
                               .last = i,
                               .rows = tp__rows_of(x->grad)};
    for (i++; run->rows == NULL && i < p->n && has_gradient(p->at[i]) && follows(p->at[i - 1], p->at[i]); i++) {
        run->n += p->at[i]->numel;
        run->last = i;
    }
    *at = i;
    return true;
}

void tp__params_touch(tp_params *p)
{
    for (int i = 0; i < p->n; i++)
        if (has_gradient(p->at[i]))
            p->at[i]->storage->version++;
}

void tp_params_zero_grad(tp_params *p)
{
    for (int i = 0; p && i < p->n; i++)
        tp_zero_grad(p->at[i]);
}

void tp__params_touch_grads(tp_params *p)
{
    for (int i = 0; i < p->n; i++)
        if (has_gradient(p->at[i]))
            p->at[i]->grad->storage->version++;
}
