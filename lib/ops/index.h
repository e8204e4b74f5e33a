/* index.h - what index.c and scatter.c share. */
#ifndef TAPIR_OPS_INDEX_H
#define TAPIR_OPS_INDEX_H

#include "ops/ops.h"

/* In infer: index (and src, or NULL) must fit x along dim, as gather and scatter want it. */
tp_status tp__check_index(const tp_call *c, const tp_tensor *x, const tp_tensor *index, const tp_tensor *src, int dim);
/* In forward: `bad` is where the kernel found a position out of range, or -1. */
tp_status tp__in_range(const tp_call *c, const tp_tensor *index, int64_t bad, int64_t size);
/* x by Python's notation. At an @ a dimension (of a mask: its dimensions) is left whole for the next of the n tensors;
 * at[i] is where that is in the result, *used how many there were. */
tp_tensor *tp__index_basic(tp_tape *T, tp_tensor *x, const char *index, int n, tp_tensor *const *tensors, int *at,
                           int *used);

#endif
