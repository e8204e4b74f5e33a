/* softmax.c - softmax and its logarithm over rows: which loops, and in what ranges. */
#include "kernel/softmax.h"

enum { WORK = 16384 };

void tp__softmax(tp_dtype dtype, bool log, int64_t rows, int64_t n, const void *x, void *y)
{
    tp__softmax_rows w = {.n = n, .x = x, .y = y, .log = log};
    tp__parallel_for(rows, 1 + WORK / (n + 1), TP__PICK(tp__softmax_table)->forward[log][dtype == TP_F64], &w);
}

void tp__softmax_backward(tp_dtype dtype, bool log, int64_t rows, int64_t n, const void *y, const void *g, void *gx,
                          bool accumulate)
{
    tp__softmax_rows w = {.n = n, .x = y, .g = g, .y = gx, .log = log, .accumulate = accumulate};
    tp__parallel_for(rows, 1 + WORK / (n + 1), TP__PICK(tp__softmax_table)->backward[log][dtype == TP_F64], &w);
}

void tp__log_sum_exp(tp_dtype dtype, int64_t outer, int64_t n, int64_t inner, const void *x, void *y)
{
    tp__softmax_rows w = {.n = n, .inner = inner, .x = x, .y = y};
    tp__parallel_for(outer * inner, 1 + WORK / (n + 1),
                     TP__PICK(tp__softmax_table)->log_sum[inner > 1][dtype == TP_F64], &w);
}

void tp__log_sum_exp_backward(tp_dtype dtype, int64_t outer, int64_t n, int64_t inner, const void *x, const void *g,
                              void *gx, bool accumulate)
{
    tp__softmax_rows w = {.n = n, .inner = inner, .x = x, .g = g, .y = gx, .accumulate = accumulate};
    tp__parallel_for(outer * inner, 1 + WORK / (n + 1),
                     TP__PICK(tp__softmax_table)->log_sum_backward[inner > 1][dtype == TP_F64], &w);
}
