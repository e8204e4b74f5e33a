/* sort.h - what the files that sort and count share. */
#ifndef TAPIR_OPS_SORT_H
#define TAPIR_OPS_SORT_H

#include "ops/ops.h"

/* How often each number of [low, low + bins) is there in x [n], which has no others: [bins], TP_I64 both. */
tp_tensor *tp__tally(tp_tape *T, tp_tensor *x, int64_t low, int64_t bins);

#endif
