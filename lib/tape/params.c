/* params.c - sets of parameters: slabs, stretches for the optimizers; and sinks for gradients. */
#include "tape/params.h"
#include "tape/tape.h"

#include <string.h>

static int slot_of(tp_dtype dtype) { return dtype == TP_F64; }

/* ---- sets ---------------------------------------------------------------------------------------------------- */

static tp_params *params_new(int n, tp_tensor *const *tensors)
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
        int64_t *count = &p->count_of[slot_of(tensors[i]->dtype)];
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
            tp_fail(T, TP_EINVAL, "params_of: tensor %d is missing, not owned, no contiguous float, or there twice", i);
            return NULL;
        }
    }
    tp_params *p = n < 0 ? NULL : params_new(n, tensors);
    if (p == NULL)
        tp_fail(T, n < 0 ? TP_EINVAL : TP_ENOMEM, n < 0 ? "params_of: %d tensors" : "params_of: no memory for %d", n);
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

static size_t start_of(const tp_params *p, tp_dtype dtype)
{
    return dtype == TP_F64 ? ((size_t)p->count_of[slot_of(TP_F32)] * sizeof(float) + 7) & ~(size_t)7 : 0;
}

/* Of parameter i, which is there. */
static size_t offset_of(const tp_params *p, int i)
{
    tp_dtype dtype = p->at[i]->dtype;
    return start_of(p, dtype) + (size_t)p->offset[i] * tp_dtype_size(dtype);
}

size_t tp_params_bytes(const tp_params *p)
{
    return p ? start_of(p, TP_F64) + (size_t)p->count_of[slot_of(TP_F64)] * sizeof(double) : 0;
}

size_t tp_params_offset(const tp_params *p, int i) { return tp_params_at(p, i) ? offset_of(p, i) : SIZE_MAX; }

int64_t tp_params_count_of(const tp_params *p, tp_dtype dtype, size_t *offset)
{
    bool is_float = p && tp_dtype_is_float(dtype);
    if (offset)
        *offset = is_float ? start_of(p, dtype) : 0;
    return is_float ? p->count_of[slot_of(dtype)] : 0;
}

void *tp_params_data(const tp_params *p)
{
    char *all = NULL;
    for (int i = 0; p && i < p->n; i++) {
        const tp_tensor *x = p->at[i];
        if (x == NULL || !tp__contiguous(x))
            return NULL;
        if (x->numel == 0)
            continue;
        if (all == NULL)
            all = (char *)x->data - offset_of(p, i);
        if ((char *)x->data != all + offset_of(p, i))
            return NULL;
    }
    return all;
}

/* What a parameter gets in the slabs, before anything is changed. */
typedef struct {
    tp__storage *value;
    tp_tensor *grad;
} place;

static bool make_place(place *at, const tp_tensor *x, tp__storage *values, tp__storage *grads, size_t start)
{
    size_t bytes = (size_t)x->numel * tp_dtype_size(x->dtype);
    tp__storage *g = tp__storage_segment(grads, start, bytes);
    at->value = tp__storage_segment(values, start, bytes);
    at->grad = g ? tp__tensor_owned_on(x->dtype, tp__dims_of(x), g, g->data) : NULL;
    tp__storage_unref(g);
    if (at->grad)
        at->grad->flags |= TP__GRADIENT | TP__BELONGS;
    return at->value && at->grad;
}

static void move_in(tp_tensor *x, place *at)
{
    tp_dims shape = tp__dims_of(x);
    tp__operand from = {.data = x->data, .dtype = x->dtype};
    memcpy(from.stride, x->stride, sizeof from.stride);
    tp__copy(shape, at->value->data, from.dtype, &from);
    if ((x->flags & TP__HAS_GRAD) && tp__contiguous(x->grad))
        memcpy(at->grad->data, x->grad->data, (size_t)x->numel * tp_dtype_size(from.dtype));
    at->value->version = x->storage->version;
    tp__storage_unref(x->storage);
    tp__tensor_drop(x->grad);
    int64_t stride = 1;
    for (int d = shape.ndim - 1; d >= 0; d--) {
        x->stride[d] = stride;
        stride *= shape.dim[d] > 1 ? shape.dim[d] : 1;
    }
    tp__tensor_note_layout(x);
    x->storage = at->value;
    x->data = at->value->data;
    x->grad = at->grad;
    *at = (place){NULL, NULL};
}

tp_params *tp__params_slab(int n, tp_tensor *const *tensors)
{
    tp_params *p = params_new(n, tensors);
    place *places = tp__calloc((size_t)n + 1, sizeof *places);
    size_t bytes = tp_params_bytes(p);
    tp__storage *values = bytes ? tp__storage_new(bytes) : NULL, *grads = bytes ? tp__storage_new(bytes) : NULL;
    bool ok = p && places && (bytes == 0 || (values && grads));
    for (int i = 0; i < n && ok; i++)
        if (tensors[i]->numel > 0)
            ok = make_place(&places[i], tensors[i], values, grads, offset_of(p, i));
    for (int i = 0; i < n && places; i++) {
        if (ok && places[i].value)
            move_in(tensors[i], &places[i]);
        tp__storage_unref(places[i].value);
        tp__tensor_drop(places[i].grad);
    }
    tp__storage_unref(values);
    tp__storage_unref(grads);
    tp__free(places);
    if (!ok) {
        tp_params_free(p);
        return NULL;
    }
    return p;
}

/* ---- stretches --------------------------------------------------------------------------------------------------- */

static bool has_gradient(const tp_tensor *x)
{
    return x && (x->flags & TP__HAS_GRAD) && x->grad && x->grad->data && tp__contiguous(x->grad) && x->numel > 0;
}

static bool follows(const tp_tensor *a, const tp_tensor *b)
{
    size_t bytes = (size_t)a->numel * tp_dtype_size(a->dtype);
    return a->dtype == b->dtype && (char *)a->data + bytes == (char *)b->data &&
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
                               .last = i};
    for (i++; i < p->n && has_gradient(p->at[i]) && follows(p->at[i - 1], p->at[i]); i++) {
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

/* ---- sinks ------------------------------------------------------------------------------------------------------------ */

struct tp_grads {
    tp_params *set;
    int n;
    tp_tensor **at; /* headers on one block, which is laid out as the set's slabs */
    bool *arrived;
    bool open; /* the block was handed out: everything in it counts */
    tp__storage *all;
};

void tp_grads_free(tp_grads *g)
{
    if (g == NULL)
        return;
    for (int i = 0; g->at && i < g->n; i++)
        tp__tensor_drop(g->at[i]);
    tp__storage_unref(g->all);
    tp__free(g->at);
    tp__free(g->arrived);
    tp__params_drop(g->set);
    tp__free(g);
}

tp_grads *tp_grads_new(const tp_params *p)
{
    tp_grads *g = p ? tp__calloc(1, sizeof *g) : NULL;
    if (g == NULL)
        return NULL;
    g->set = (tp_params *)(uintptr_t)p; /* of the set itself only its count is written */
    tp__params_hold(g->set);
    g->at = tp__calloc((size_t)p->n + 1, sizeof *g->at);
    g->arrived = tp__calloc((size_t)p->n + 1, sizeof *g->arrived);
    g->all = tp__storage_new(tp_params_bytes(p));
    bool ok = g->at && g->arrived && g->all;
    for (int i = 0; i < p->n && ok; i++, g->n++) {
        const tp_tensor *x = p->at[i];
        if (x == NULL)
            continue;
        char *data = (char *)g->all->data + offset_of(p, i);
        g->at[i] = tp__tensor_owned_on(x->dtype, tp__dims_of(x), g->all, data);
        ok = g->at[i] != NULL;
        if (ok)
            g->at[i]->flags |= TP__BELONGS;
    }
    if (!ok) {
        tp_grads_free(g);
        return NULL;
    }
    return g;
}

/* A flag for each is enough where nobody else looks at the block. */
void tp_grads_zero(tp_grads *g)
{
    for (int i = 0; g && i < g->n; i++)
        g->arrived[i] = g->open;
    if (g && g->open)
        memset(g->all->data, 0, g->all->bytes);
}

/* The set may be gone and another be where it was: only a place that fits the leaf is one. */
static int index_in(const tp_grads *g, const tp_tensor *leaf)
{
    for (const tp__member *m = leaf->tape ? NULL : leaf->member; m; m = m->next)
        if (m->set == g->set && m->index < g->n) {
            const tp_tensor *at = g->at[m->index];
            return at && at->dtype == leaf->dtype && tp__same_shape(at, leaf) ? m->index : -1;
        }
    return -1;
}

bool tp__grads_has(const tp_grads *g, const tp_tensor *leaf) { return index_in(g, leaf) >= 0; }

tp_tensor *tp__grads_slot(tp_grads *g, const tp_tensor *leaf, bool *fresh)
{
    int i = index_in(g, leaf);
    if (i < 0)
        return NULL;
    *fresh = !g->arrived[i];
    g->arrived[i] = true;
    return g->at[i];
}

void tp_grads_add(tp_grads *into, const tp_grads *from)
{
    for (int i = 0; into && from && i < into->n && i < from->n; i++) {
        tp_tensor *to = into->at[i], *x = from->at[i];
        if (!from->arrived[i] || !to || !x || to->dtype != x->dtype || to->numel != x->numel)
            continue;
        if (into->arrived[i])
            tp__axpy(to->numel, to->dtype, 1, x->data, to->data);
        else
            memcpy(to->data, x->data, (size_t)to->numel * tp_dtype_size(to->dtype));
        into->arrived[i] = true;
    }
}

/* What has not arrived may hold an older gradient, for which it is made zero. The host may write what it wants, so from now
 * on all have arrived. */
void *tp_grads_data(tp_grads *g)
{
    for (int i = 0; g && i < g->n; i++) {
        if (!g->arrived[i] && g->at[i])
            tp__fill(g->at[i]->numel, g->at[i]->data, g->at[i]->dtype, 0);
        g->arrived[i] = true;
    }
    if (g)
        g->open = true;
    return g ? g->all->data : NULL;
}

static bool fits(const tp_tensor *x, const tp_tensor *grad)
{
    return !x || !grad || (x->dtype == grad->dtype && tp__dims_equal(tp__dims_of(x), tp__dims_of(grad)));
}

tp_status tp_params_set_grads(tp_tape *T, tp_params *p, const tp_grads *g)
{
    if (!tp__ok(T))
        return T ? T->status : TP_EINVAL;
    if (p == NULL || g == NULL)
        return tp_fail(T, TP_EINVAL, "params_set_grads: the %s NULL", p ? "sink is" : "set is");
    if (p->n != g->n)
        return tp_fail(T, TP_ESHAPE, "params_set_grads: the set has %d parameters, the sink is for %d", p->n, g->n);
    for (int i = 0; i < p->n; i++) {
        char a[200], b[200];
        const tp_tensor *x = p->at[i], *grad = g->at[i];
        if (!fits(x, grad))
            return tp_fail(T, TP_ESHAPE, "params_set_grads: parameter %d is %s of %s, the sink's gradient %s of %s", i,
                           tp__dims_text(tp__dims_of(x), a, sizeof a), tp_dtype_name(x->dtype),
                           tp__dims_text(tp__dims_of(grad), b, sizeof b), tp_dtype_name(grad->dtype));
    }
    for (int i = 0; i < p->n && T->status == TP_OK; i++)
        if (p->at[i])
            tp_set_grad(T, p->at[i], tp_grads_at(g, i));
    return T->status;
}

tp_tensor *tp_grads_at(const tp_grads *g, int i) { return g && i >= 0 && i < g->n && g->arrived[i] ? g->at[i] : NULL; }
