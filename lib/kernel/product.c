/* product.c - the gradient of a product: at each place that of all other elements, times g. */
#include "kernel/product.h"

enum { WORK = 16384 };

/* One long row, by at most TP__FACTORS parts. */
static void long_row(tp__product_slope w, bool wide, int64_t o)
{
    const tp__product_table *t = TP__PICK(tp__product_table);
    const int64_t size = wide ? 8 : 4;
    tp__factors part;
    w.part = &part;
    w.x = (const char *)w.x + o * w.n * size;
    w.gx = (char *)w.gx + o * w.n * size;
    w.g = (const char *)w.g + o * size;
    w.chunk = WORK > w.n / TP__FACTORS + 1 ? WORK : w.n / TP__FACTORS + 1;
    int64_t parts = (w.n + w.chunk - 1) / w.chunk;
    tp__parallel_for(parts, 1, t->parts[wide], &w);
    for (int64_t k = 1; k < parts; k++)
        t->join(&part, 0, k);
    tp__parallel_for(w.n, WORK, t->elements[wide], &w);
}

void tp__product_backward(tp_dtype dtype, int64_t outer, int64_t n, int64_t inner, const void *x, const void *g,
                          void *gx, bool accumulate)
{
    const tp__product_table *t = TP__PICK(tp__product_table);
    const bool wide = dtype == TP_F64;
    tp__product_slope w = {.n = n, .inner = inner, .x = x, .g = g, .gx = gx, .accumulate = accumulate};
    if (outer == 0 || n == 0 || inner == 0)
        return;
    if (inner > 1)
        tp__parallel_for(outer * inner, 1 + WORK / n, t->columns[wide], &w);
    else if (n > 2 * WORK)
        for (int64_t o = 0; o < outer; o++)
            long_row(w, wide, o);
    else
        tp__parallel_for(outer, 1 + WORK / n, t->rows[wide], &w);
}
