/* index.h - what the files that index share. */
#ifndef TAPIR_OPS_INDEX_H
#define TAPIR_OPS_INDEX_H

#include "kernel/index.h"
#include "ops/ops.h"

/* In infer: index (and src, or NULL) must fit x along dim, as gather and scatter want it. */
tp_tensor *tp__index_like(tp_tape *T, tp_tensor *index, const tp_tensor *src);
tp_status tp__check_index(const tp_call *c, const tp_tensor *x, const tp_tensor *index, const tp_tensor *src, int dim);
/* How src is put at, or combined with, places of x along dim: at an index of src's shape, or at the positions [n] of slices;
 * `same`: then src is one slice, which goes to all of them. */
typedef struct {
    int dim;
    tp__combine how;
    bool slices, same;
} tp__placing;
/* Of slices; the attributes are a tp__placing. */
tp_status tp__slices_infer(tp_call *c);
tp_status tp__slices_forward(tp_call *c);
/* x with one slice (of size 1 along dim) put at, or added to, those at all the positions. */
tp_tensor *tp__put_same(tp_tape *T, tp_tensor *x, int dim, tp_tensor *index, tp_tensor *slice, bool accumulate);
/* In forward: `bad` is where the kernel found a position out of range, or -1. */
tp_status tp__in_range(const tp_call *c, const tp_tensor *index, int64_t bad, int64_t size);
/* Positions as TP_I64 in [0, size): those from the end are counted from the front. NULL, and T fails, where one is out of
 * range or the index is of floats or booleans. */
tp_tensor *tp__positions_in(tp_tape *T, const char *name, tp_tensor *index, int64_t size);
/* For assignment by an index: the flat places in x (row-major) that it means, and in *values what goes there, flat and
 * of x's dtype. */
tp_tensor *tp__index_places(tp_tape *T, tp_tensor *x, const char *index, int n, tp_tensor *const *tensors,
                            bool accumulate, tp_tensor **values);
/* Of a gradient g at places where values of `shape` were put in row-major order (as tp__survivors of kernel/index.h has
 * it; `places`: how many there are): 0 where a later value took the place, for the earlier one is nowhere. */
tp_tensor *tp__of_survivors(tp_tape *T, tp_tensor *g, tp_dims shape, const int64_t *stride, int dim,
                            const tp_tensor *index, int64_t places);
/* x as a vector. */
tp_tensor *tp__flat(tp_tape *T, tp_tensor *x);

#endif
