/* cumulative.h - running sums and their kin along the middle of [outer, n, inner], contiguous. */
#ifndef TAPIR_KERNEL_CUMULATIVE_H
#define TAPIR_KERNEL_CUMULATIVE_H

#include "kernel/kernel.h"

typedef enum { TP__CUMSUM, TP__CUMPROD, TP__LOGCUMSUMEXP, TP__CUMMAX, TP__CUMMIN } tp__scan_kind;

/* F32, F64 or I64 (which has no logarithms). float32 gathers in double. With `reverse` from the end on; the largest and
 * smallest also say where they are (the last of equal ones; NaN wins). */
void tp__scan(tp__scan_kind kind, tp_dtype dtype, bool reverse, int64_t outer, int64_t n, int64_t inner, const void *in,
              void *out, int64_t *index);
/* out_k = g_k + w_k out_(k-1), or out_(k+1) with `reverse`: floats */
void tp__recurrence(tp_dtype dtype, bool reverse, int64_t outer, int64_t n, int64_t inner, const void *w, const void *g,
                    void *out);

#endif
