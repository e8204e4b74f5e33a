/* window.c - windows over planes: their tables, and in what ranges the kernels run. */
#include "kernel/window.h"

#include <string.h>

enum { WORK = 32768 };

/* ---- tables ----------------------------------------------------------------------------------------------------- */

size_t tp__axis_bytes(int64_t n_out, int64_t elements)
{
    size_t windows = (size_t)n_out + 1, all = (size_t)elements;
    return 8 * (2 * windows + 2 * all);
}

void tp__axis_at(tp__axis *axis, void *memory, int64_t n_in, int64_t n_out, int64_t elements, bool divides)
{
    int64_t *start = memory;
    double *weight = (double *)(start + n_out + 1 + elements);
    *axis = (tp__axis){.n_in = n_in,
                       .n_out = n_out,
                       .start = start,
                       .at = start + n_out + 1,
                       .weight = weight,
                       .divisor = divides ? weight + elements : NULL};
}

void tp__axis_transpose(tp__axis *to, const tp__axis *from, void *memory)
{
    int64_t n = from->start[from->n_out];
    tp__axis_at(to, memory, from->n_out, from->n_in, n, false);
    memset(to->start, 0, ((size_t)to->n_out + 1) * sizeof *to->start);
    for (int64_t i = 0; i < n; i++)
        to->start[from->at[i] + 1]++;
    for (int64_t o = 0; o < to->n_out; o++)
        to->start[o + 1] += to->start[o];
    for (int64_t o = 0; o < from->n_out; o++)
        for (int64_t i = from->start[o]; i < from->start[o + 1]; i++) {
            int64_t k = to->start[from->at[i]]++;
            to->at[k] = o;
            to->weight[k] = from->divisor ? from->weight[i] / from->divisor[o] : from->weight[i];
        }
    for (int64_t o = to->n_out; o > 0; o--) /* each start has moved on to the next one's */
        to->start[o] = to->start[o - 1];
    to->start[0] = 0;
}

static int64_t most_elements(const tp__axis *a)
{
    int64_t most = 0;
    for (int64_t o = 0; o < a->n_out; o++)
        if (a->start[o + 1] - a->start[o] > most)
            most = a->start[o + 1] - a->start[o];
    return most;
}

/* A row is x's own where no two rows come together; otherwise it has to fit, with the places of the largest. */
static bool row_fits(const tp__windows *w, size_t size)
{
    bool single = true;
    for (int d = 0; d < 2; d++) {
        const tp__axis *a = &w->axis[d];
        single = single && most_elements(a) <= 1;
        for (int64_t i = 0; single && i < a->start[a->n_out]; i++)
            single = a->weight[i] == 1;
    }
    return w->axis[2].n_in < INT32_MAX && (single || (size_t)w->axis[2].n_in * 2 * size <= TP__SCRATCH);
}

size_t tp__columns_bytes(const tp__windows *w, tp_dtype dtype)
{
    const tp__axis *a = &w->axis[2];
    int64_t taps = most_elements(a), all = a->start[a->n_out];
    if (taps > (2 * all + 64) / (a->n_out ? a->n_out : 1) || !row_fits(w, tp_dtype_size(dtype)))
        return 0;
    if (dtype == TP_F32 && w->axis[0].n_in * w->axis[1].n_in > INT32_MAX / (a->n_in ? a->n_in : 1))
        return 0; /* places in the plane are 32 bits wide beside floats */
    return (size_t)(taps * a->n_out) * (sizeof(int32_t) + tp_dtype_size(dtype)) + 64;
}

/* Do the windows of o and o + 1 have all their elements, `step` apart? */
static bool is_regular(const tp__axis *a, int64_t o, int64_t taps, int64_t step)
{
    const int64_t *at = a->at + a->start[o], *next = a->at + a->start[o + 1];
    if (a->start[o + 1] - a->start[o] != taps || a->start[o + 2] - a->start[o + 1] != taps)
        return false;
    for (int64_t t = 0; t < taps; t++)
        if (next[t] - at[t] != step)
            return false;
    return true;
}

/* From the middle on to both sides. */
static void find_regular(tp__columns *c, const tp__axis *a)
{
    int64_t middle = (a->n_out - 1) / 2;
    c->low = c->high = 0;
    if (c->taps == 0 || a->n_out < 2 || a->start[middle + 1] - a->start[middle] != c->taps ||
        a->start[middle + 2] - a->start[middle + 1] != c->taps)
        return;
    c->step = a->at[a->start[middle + 1]] - a->at[a->start[middle]];
    for (c->low = middle; c->low > 0 && is_regular(a, c->low - 1, c->taps, c->step);)
        c->low--;
    for (c->high = middle + 1; c->high < a->n_out && is_regular(a, c->high - 1, c->taps, c->step);)
        c->high++;
}

void tp__columns_at(tp__windows *w, tp_dtype dtype, void *memory)
{
    const tp__axis *a = &w->axis[2];
    tp__columns *c = &w->columns;
    c->taps = most_elements(a);
    size_t all = (size_t)(c->taps * a->n_out), size = tp_dtype_size(dtype);
    c->weight = memory;
    c->at = (int32_t *)((char *)memory + all * size);
    for (int64_t t = 0; t < c->taps; t++)
        for (int64_t o = 0; o < a->n_out; o++) {
            int64_t i = a->start[o] + t, k = t * a->n_out + o;
            bool there = i < a->start[o + 1];
            c->at[k] = there ? (int32_t)a->at[i] : -1;
            tp__store((char *)c->weight + (size_t)k * size, dtype, there ? a->weight[i] : 0);
        }
    find_regular(c, a);
    w->fast = true;
}

/* ---- ranges ----------------------------------------------------------------------------------------------------- */

static int64_t rows_of(const tp__windows *w) { return w->axis[0].n_out * w->axis[1].n_out; }

/* About so much work is a row. */
static int64_t grain(const tp__windows *w)
{
    double rows = (double)(rows_of(w) ? rows_of(w) : 1), work = 0, over = 1;
    for (int d = 0; d < 2; d++)
        over *= (double)w->axis[d].start[w->axis[d].n_out];
    work = over / rows * (double)w->axis[2].n_in + (double)w->axis[2].start[w->axis[2].n_out];
    return work < WORK ? 1 + (int64_t)(WORK / (work + 1)) : 1;
}

void tp__window_sums(tp_dtype dtype, int64_t planes, const tp__windows *w)
{
    tp__parallel_for(planes * rows_of(w), grain(w), TP__PICK(tp__window_table)->sum[dtype == TP_F64], (void *)w);
}

void tp__window_largest(tp_dtype dtype, int64_t planes, const tp__windows *w)
{
    tp__parallel_for(planes * rows_of(w), grain(w), TP__PICK(tp__window_table)->largest[dtype == TP_F64], (void *)w);
}

/* ---- and back to the largest: planes do not share any --------------------------------------------------------------- */

typedef struct {
    tp_dtype dtype;
    int64_t size, n;
    const int64_t *index;
    const char *g;
    char *x;
    bool accumulate;
} scatter;

static void scatter_range(int64_t begin, int64_t end, void *user)
{
    const scatter *s = user;
    size_t size = tp_dtype_size(s->dtype);
    for (int64_t p = begin; p < end; p++) {
        void *x = s->x + (size_t)(p * s->size) * size;
        const void *g = s->g + (size_t)(p * s->n) * size;
        const int64_t *index = s->index + p * s->n;
        if (!s->accumulate)
            memset(x, 0, (size_t)s->size * size);
        if (s->dtype == TP_F32)
            for (int64_t i = 0; i < s->n; i++)
                ((float *)x)[index[i]] += ((const float *)g)[i];
        else
            for (int64_t i = 0; i < s->n; i++)
                ((double *)x)[index[i]] += ((const double *)g)[i];
    }
}

void tp__window_scatter(tp_dtype dtype, int64_t planes, int64_t size, int64_t n, const int64_t *index, const void *g,
                        void *x, bool accumulate)
{
    scatter s = {dtype, size, n, index, g, x, accumulate};
    tp__parallel_for(planes, 1 + WORK / (size + n + 1), scatter_range, &s);
}
