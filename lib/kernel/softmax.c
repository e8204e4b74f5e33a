/* softmax.c - softmax and its logarithm over rows: which loops, and in what ranges. */
#include "kernel/softmax.h"

enum { WORK = 16384 };

void tp__softmax(tp_dtype dtype, bool log, int64_t rows, int64_t n, const void *x, void *y)
{
    tp__softmax_rows w = {.n = n, .x = x, .y = y};
    tp__parallel_for(rows, 1 + WORK / (n + 1), TP__PICK(tp__softmax_table)->forward[log][dtype == TP_F64], &w);
}

void tp__softmax_backward(tp_dtype dtype, bool log, int64_t rows, int64_t n, const void *y, const void *g, void *gx,
                          bool accumulate)
{
    tp__softmax_rows w = {.n = n, .x = y, .g = g, .y = gx, .accumulate = accumulate};
    tp__parallel_for(rows, 1 + WORK / (n + 1), TP__PICK(tp__softmax_table)->backward[log][dtype == TP_F64], &w);
}
