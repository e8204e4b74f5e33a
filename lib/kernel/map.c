/* map.c - the driver of elementwise functions: it hands blocks of contiguous elements to a block
 * function and owns broadcasting, strides and conversion. Operands that do not lie contiguously are
 * gathered, a block at a time, into buffers that stay in the first cache.
 */
#include "kernel/map.h"

#include <string.h>

enum { BLOCK = 512, GRAIN = 32768, LONG_ROW = 256 };

typedef struct {
    tp__block_fn fn;
    const void *attr;
    char *out;
    size_t out_size;
    tp_dims shape; /* with neighbouring dimensions joined where all operands allow it */
    int n_in;
    tp__operand in[TP__MAX_OPERANDS];
    tp_dtype as[TP__MAX_OPERANDS]; /* what the function takes */
    size_t size[TP__MAX_OPERANDS]; /* of an element as it lies */
    bool direct[TP__MAX_OPERANDS]; /* contiguous and of the right dtype */
    bool single[TP__MAX_OPERANDS]; /* one value everywhere */
} plan;

_Atomic(const tp__map_table *) tp__map_chosen;

/* Every thread that races here chooses the same. */
const tp__map_table *tp__map_choose(void)
{
    const tp__map_table *table = TP__PICK(tp__map_table);
    atomic_store_explicit(&tp__map_chosen, table, memory_order_relaxed);
    return table;
}

static bool row_major(const tp__operand *in, tp_dims shape)
{
    int64_t stride = 1;
    for (int d = shape.ndim - 1; d >= 0; d--) {
        if (shape.dim[d] != 1 && in->stride[d] != stride)
            return false;
        stride *= shape.dim[d];
    }
    return true;
}

static bool one_value(const tp__operand *in, tp_dims shape)
{
    for (int d = 0; d < shape.ndim; d++)
        if (shape.dim[d] != 1 && in->stride[d] != 0)
            return false;
    return true;
}

/* Drops dimensions of size 1 and joins neighbours that every operand walks as one. */
static void coalesce(plan *p)
{
    int last = -1;
    for (int d = 0; d < p->shape.ndim; d++) {
        if (p->shape.dim[d] == 1)
            continue;
        bool joins = last >= 0;
        for (int i = 0; i < p->n_in && joins; i++)
            joins = p->in[i].stride[last] == p->in[i].stride[d] * p->shape.dim[d];
        if (joins) {
            p->shape.dim[last] *= p->shape.dim[d];
        } else {
            p->shape.dim[++last] = p->shape.dim[d];
        }
        for (int i = 0; i < p->n_in; i++)
            p->in[i].stride[last] = p->in[i].stride[d];
    }
    p->shape.ndim = last + 1;
}

/* The elements [begin, begin + n) of operand i, in the order of the output. */
static void gather(const plan *p, int i, int64_t begin, int64_t n, void *to)
{
    const tp__operand *in = &p->in[i];
    int inner = p->shape.ndim - 1;
    int64_t row = inner >= 0 ? p->shape.dim[inner] : 1;
    uint64_t raw[BLOCK];
    char *dest = in->dtype == p->as[i] ? to : (void *)raw;
    for (int64_t done = 0; done < n;) {
        int64_t at = begin + done, column = at % row;
        int64_t offset = tp__offset_at(inner, p->shape.dim, in->stride, at / row);
        int64_t step = inner >= 0 ? in->stride[inner] : 0, run = row - column < n - done ? row - column : n - done;
        tp__copy_run(p->size[i], run, dest + (size_t)done * p->size[i], 1,
                     (const char *)in->data + (offset + column * step) * (int64_t)p->size[i], step);
        done += run;
    }
    if (in->dtype != p->as[i])
        tp__convert(n, to, p->as[i], raw, in->dtype);
}

/* Where operand i's elements of a stretch inside one row lie already as the function wants them. */
static const void *in_place(const plan *p, int i, int64_t begin)
{
    const tp__operand *in = &p->in[i];
    int inner = p->shape.ndim - 1;
    if (p->direct[i])
        return (const char *)in->data + (size_t)begin * p->size[i];
    if (in->dtype != p->as[i] || inner < 0 || in->stride[inner] != 1)
        return NULL;
    int64_t offset = tp__offset_at(inner + 1, p->shape.dim, in->stride, begin);
    return (const char *)in->data + (size_t)offset * p->size[i];
}

static void run_blocks(int64_t begin, int64_t end, void *user)
{
    const plan *p = user;
    uint64_t scratch[TP__MAX_OPERANDS][BLOCK];
    const void *in[TP__MAX_OPERANDS];
    int64_t row = p->shape.ndim ? p->shape.dim[p->shape.ndim - 1] : 1;
    bool by_rows = row >= LONG_ROW;
    for (int i = 0; i < p->n_in; i++)
        if (p->single[i])
            gather(p, i, begin, end - begin < BLOCK ? end - begin : BLOCK, scratch[i]);
    for (int64_t at = begin; at < end;) {
        int64_t n = end - at < BLOCK ? end - at : BLOCK;
        if (by_rows && row - at % row < n)
            n = row - at % row;
        for (int i = 0; i < p->n_in; i++) {
            const void *ready = p->direct[i] || by_rows ? in_place(p, i, at) : NULL;
            if (p->single[i])
                ready = scratch[i];
            if (ready == NULL)
                gather(p, i, at, n, scratch[i]);
            in[i] = ready ? ready : scratch[i];
        }
        p->fn(n, p->out + (size_t)at * p->out_size, in, p->attr);
        at += n;
    }
}

static void run_direct(int64_t begin, int64_t end, void *user)
{
    const plan *p = user;
    const void *in[TP__MAX_OPERANDS];
    for (int i = 0; i < p->n_in; i++)
        in[i] = (const char *)p->in[i].data + (size_t)begin * p->size[i];
    p->fn(end - begin, p->out + (size_t)begin * p->out_size, in, p->attr);
}

void tp__map(tp__block_fn fn, const void *attr, tp_dims shape, void *out, tp_dtype out_dtype, tp_dtype compute,
             bool condition, int n_in, const tp__operand *in)
{
    plan p;
    int64_t n = 1;
    bool all_direct = true;
    for (int d = 0; d < shape.ndim; d++)
        n *= shape.dim[d];
    if (n == 0)
        return;
    p.fn = fn;
    p.attr = attr;
    p.out = out;
    p.out_size = tp_dtype_size(out_dtype);
    p.shape = shape;
    p.n_in = n_in;
    for (int i = 0; i < n_in; i++) {
        p.in[i] = in[i];
        p.as[i] = condition && i == 0 ? in[i].dtype : compute;
        p.size[i] = tp_dtype_size(in[i].dtype);
        p.direct[i] = in[i].dtype == p.as[i] && row_major(&in[i], shape);
        all_direct &= p.direct[i];
    }
    if (all_direct) {
        tp__parallel_for(n, GRAIN, run_direct, &p);
        return;
    }
    for (int i = 0; i < n_in; i++)
        p.single[i] = one_value(&in[i], shape);
    coalesce(&p);
    tp__parallel_for(n, GRAIN, run_blocks, &p);
}
