/* embedding.c - rows of a table in bags (embedding.h). */
#include "kernel/embedding.h"

#include <string.h>

enum { GRAIN = 32768, AHEAD = 8 }; /* elements that are worth a thread; entries whose rows come meanwhile */

typedef struct {
    const tp__bags *b;
    const void *g;
    void *to;
    int64_t *which;
    bool accumulate;
} job;

static int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }

static void bag(const tp__bags *b, int64_t k, int64_t *begin, int64_t *end)
{
    *begin = b->offset ? b->offset[k] : k;
    *end = b->offset == NULL ? k + 1 : k + 1 < b->bags || b->ends ? b->offset[k + 1] : b->entries;
}

static int64_t counted(const tp__bags *b, int64_t begin, int64_t end)
{
    int64_t n = 0;
    for (int64_t e = begin; e < end; e++)
        n += b->index[e] != b->padding;
    return n;
}

#define TP__BODY "kernel/embedding_body.h"
#include "kernel/per_float.h"

static bool wide(const tp__bags *b) { return b->dtype == TP_F64; }
static int64_t elements_a_bag(const tp__bags *b) { return b->columns * most(1, b->entries / most(1, b->bags)); }

void tp__bags_forward(const tp__bags *b, void *y, int64_t *which)
{
    job j = {.b = b, .to = y, .which = which};
    tp__parallel_for(b->bags, 1 + GRAIN / most(1, elements_a_bag(b)), wide(b) ? forward_f64 : forward_f32, &j);
}

void tp__bags_backward(const tp__bags *b, const void *g, const int64_t *which, void *gw)
{
    job j = {.b = b, .g = g, .to = gw, .which = (int64_t *)(uintptr_t)which};
    int64_t grain = 16 + GRAIN / most(1, most(b->entries, b->bags));
    for (int64_t e = 0; b->count && e < b->entries; e++)
        b->count[b->index[e]] = 0;
    for (int64_t e = 0; b->count && e < b->entries; e++)
        b->count[b->index[e]]++;
    if (b->mode == TP__BAG_MAX)
        tp__parallel_for(b->columns, grain, wide(b) ? backward_largest_f64 : backward_largest_f32, &j);
    else
        tp__parallel_for(b->columns, grain, wide(b) ? backward_f64 : backward_f32, &j);
}

void tp__bags_factors(const tp__bags *b, const void *g, void *gf, bool accumulate)
{
    job j = {.b = b, .g = g, .to = gf, .accumulate = accumulate};
    if (b->entries > 0 && !accumulate) /* entries before the first bag, and behind the last */
        memset(gf, 0, (size_t)b->entries * tp_dtype_size(b->dtype));
    tp__parallel_for(b->bags, 1 + GRAIN / most(1, elements_a_bag(b)), wide(b) ? factors_f64 : factors_f32, &j);
}
