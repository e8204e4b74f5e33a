/* window.c - windows over planes: what axes hold, transposed ones, tables of columns, and how rows are gone through.
 *
 * A gradient goes by the transposed axes. Along rows of x and along its depth these are tables of runs, of lists where windows
 * do not follow each other; along columns windows stay as they are, and spread over their elements (vec_window.c). The plan
 * says for columns: by the formula, in blocks of long rows, some short rows at once; by a table of few elements a window; or
 * windows one by one, where they are large. All of it follows from sizes; blocks are what threads share.
 */
#include "kernel/window.h"

#include <string.h>

enum { WORK = 32768, BLOCK = 2048, MANY_TAPS = 16, FEW_TAPS = 4, SHORT_ROW = 512, LEAST_LANES = 4 };

/* ---- axes ------------------------------------------------------------------------------------------------------- */

size_t tp__axis_bytes(int64_t n_out, int64_t listed, bool divides)
{
    return 8 * (2 * (size_t)n_out + 2 * (size_t)listed + (divides ? (size_t)n_out : 0) + 1);
}

void tp__axis_at(tp__axis *axis, void *memory, int64_t n_in, int64_t n_out, int64_t listed, bool divides)
{
    int64_t *first = memory, *at = first + 2 * n_out;
    double *weight = (double *)(at + listed);
    *axis = (tp__axis){.n_in = n_in,
                       .n_out = n_out,
                       .step = 1,
                       .first = first,
                       .count = first + n_out,
                       .at = listed ? at : NULL,
                       .weight = listed ? weight : NULL,
                       .division = divides ? TP__BY_TABLE : TP__BY_NOTHING,
                       .divisor = divides ? weight + listed : NULL};
}

double tp__divisor_of(const tp__axis *a, int64_t o)
{
    int64_t begin = o * a->stride - a->padding, end = begin + a->kernel, size = a->spreads ? a->n_out : a->n_in, n;
    switch (a->division) {
    case TP__BY_NUMBER:
        return a->number;
    case TP__BY_COUNT:
        n = (end < size ? end : size) - (begin > 0 ? begin : 0);
        return n > 0 ? (double)n : 1;
    case TP__BY_PADDED:
        return (double)((end < size + a->padding ? end : size + a->padding) - begin);
    case TP__BY_TABLE:
        return a->divisor[o];
    default:
        return 1;
    }
}

static int64_t end_of(const tp__axis *a, int64_t o)
{
    tp__interval r = tp__window_of(a, o);
    return r.first + r.n;
}

/* Do windows that are runs begin and end one after the other? Then so do those of the transposed axis. */
static bool ascends(const tp__axis *a)
{
    if (a->at || a->weight)
        return false;
    for (int64_t o = 1; o < (a->kernel ? 0 : a->n_out); o++)
        if (a->first[o] < a->first[o - 1] || end_of(a, o) < end_of(a, o - 1))
            return false;
    return true;
}

static int64_t elements(const tp__axis *a)
{
    int64_t n = 0;
    for (int64_t o = 0; o < a->n_out; o++)
        n += tp__window_of(a, o).n;
    return n;
}

size_t tp__transposed_bytes(const tp__axis *from)
{
    size_t weights = from->division != TP__BY_NOTHING ? (size_t)from->n_out * sizeof(double) : 0;
    return ascends(from) ? tp__axis_bytes(from->n_in, 0, false) + weights
                         : tp__axis_bytes(from->n_in, elements(from), false);
}

/* Windows that begin one behind the other, no more of which reach into a block of the result than there is room for. */
bool tp__spreads(const tp__axis *from, tp_dtype dtype)
{
    int64_t room = TP__SCRATCH / 2 / (int64_t)tp_dtype_size(dtype);
    if (from->at || from->weight || from->step != 1)
        return false;
    if (from->kernel > 0)
        return (BLOCK + from->kernel) / from->stride + 2 <= room;
    for (int64_t o = 1, low = 0; o < from->n_out; o++) {
        if (from->first[o] <= from->first[o - 1] || end_of(from, o) < end_of(from, o - 1))
            return false;
        for (; end_of(from, low) <= from->first[o]; low++)
            ;
        if (o - low + BLOCK + 1 > room)
            return false;
    }
    return true;
}

/* Element i is in the windows from the first that ends behind it to the last that begins before it. */
static void transpose_runs(tp__axis *to, const tp__axis *from, void *memory)
{
    tp__axis_at(to, memory, from->n_out, from->n_in, 0, false);
    for (int64_t i = 0, low = 0, high = 0; i < to->n_out; i++) {
        for (; high < from->n_out && tp__window_of(from, high).first <= i; high++)
            ;
        for (; low < high && end_of(from, low) <= i; low++)
            ;
        to->first[i] = low;
        to->count[i] = high - low;
        to->most = high - low > to->most ? high - low : to->most;
    }
    if (from->division == TP__BY_NOTHING)
        return;
    to->weight = (double *)(to->first + 2 * to->n_out);
    for (int64_t o = 0; o < from->n_out; o++)
        to->weight[o] = 1 / tp__divisor_of(from, o);
}

static void transpose_list(tp__axis *to, const tp__axis *from, void *memory)
{
    tp__axis_at(to, memory, from->n_out, from->n_in, elements(from), false);
    memset(to->count, 0, (size_t)to->n_out * sizeof *to->count);
    for (int64_t o = 0; o < from->n_out; o++) {
        tp__interval r = tp__window_of(from, o);
        for (int64_t t = 0; t < r.n; t++)
            to->count[tp__place_of(from, r, t)]++;
    }
    for (int64_t i = 0, k = 0; i < to->n_out; k += to->count[i++]) {
        to->first[i] = k;
        to->most = to->count[i] > to->most ? to->count[i] : to->most;
    }
    memset(to->count, 0, (size_t)to->n_out * sizeof *to->count);
    for (int64_t o = 0; o < from->n_out; o++) {
        tp__interval r = tp__window_of(from, o);
        for (int64_t t = 0; t < r.n; t++) {
            int64_t i = tp__place_of(from, r, t), k = to->first[i] + to->count[i]++;
            to->at[k] = o;
            to->weight[k] = tp__weight_of(from, r, t) / tp__divisor_of(from, o);
        }
    }
}

void tp__axis_transpose(tp__axis *to, const tp__axis *from, void *memory)
{
    if (memory == NULL) {
        *to = *from;
        to->n_in = from->n_out;
        to->n_out = from->n_in;
        to->most = from->kernel ? (from->kernel + from->stride - 1) / from->stride : 2;
        to->spreads = true;
        return;
    }
    (ascends(from) ? transpose_runs : transpose_list)(to, from, memory);
}

/* ---- planes of few elements: a row of theirs is too little to be worked on by itself ------------------------------- */

bool tp__windows_are_few(int64_t n_in, int64_t n_out)
{
    enum { FEW_ELEMENTS = 16, SMALL_PLANE = 4096 };
    return n_in > 0 && n_in <= FEW_ELEMENTS && n_out > 0 && n_out <= SMALL_PLANE;
}

size_t tp__joined_bytes(const tp__windows *w)
{
    enum { MOST_TAPS = 8 };
    const tp__axis *h = &w->axis[1], *v = &w->axis[2];
    if (h->n_in * h->n_out == 1 || h->most * v->most > MOST_TAPS || h->division != TP__BY_NOTHING ||
        v->division != TP__BY_NOTHING || v->spreads || !tp__windows_are_few(h->n_in * v->n_in, h->n_out * v->n_out))
        return 0;
    return tp__axis_bytes(h->n_out * v->n_out, h->n_out * v->n_out * h->most * v->most, false);
}

void tp__windows_join(tp__windows *w, void *memory)
{
    const tp__axis h = w->axis[1], v = w->axis[2];
    tp__axis *to = &w->axis[2];
    tp__axis_at(to, memory, h.n_in * v.n_in, h.n_out * v.n_out, h.n_out * v.n_out * h.most * v.most, false);
    w->axis[1] = tp__axis_sliding(1, 1, 1, 1, 0, 1);
    for (int64_t o = 0, k = 0; o < to->n_out; o++) {
        tp__interval a = tp__window_of(&h, o / v.n_out), b = tp__window_of(&v, o % v.n_out);
        to->first[o] = k;
        to->count[o] = a.n * b.n;
        to->most = to->count[o] > to->most ? to->count[o] : to->most;
        for (int64_t i = 0; i < a.n * b.n; i++, k++) {
            to->at[k] = tp__place_of(&h, a, i / b.n) * v.n_in + tp__place_of(&v, b, i % b.n);
            to->weight[k] = tp__weight_of(&h, a, i / b.n) * tp__weight_of(&v, b, i % b.n);
        }
    }
}

/* ---- the table of columns --------------------------------------------------------------------------------------- */

/* Is each row of the result made of one row of x, all of these in their order? */
static bool is_flat(const tp__windows *w)
{
    for (int d = 0; d < 2; d++)
        if (w->axis[d].kernel != 1 || w->axis[d].stride != 1 || w->axis[d].padding != 0)
            return false;
    return true;
}

size_t tp__columns_bytes(const tp__windows *w, tp_dtype dtype, size_t limit)
{
    const tp__axis *a = &w->axis[2];
    size_t size = tp_dtype_size(dtype), bytes = sizeof(int32_t) + size;
    int64_t room = TP__SCRATCH / 2 / (int64_t)size;
    if (a->kernel > 0 || a->spreads || a->most == 0 || a->n_in >= INT32_MAX)
        return 0;
    if (a->at == NULL && a->most > MANY_TAPS) /* runs are summed in lanes */
        return 0;
    if ((a->n_in > room && !(is_flat(w) && !w->largest)) || (w->accumulate && a->n_out > room))
        return 0;
    if (is_flat(w) && a->at == NULL && a->weight == NULL && a->most > FEW_TAPS) /* they lie side by side */
        return 0;
    if ((size_t)a->n_out > limit / bytes / (size_t)a->most)
        return 0;
    return (size_t)(a->most * a->n_out) * bytes + (size_t)(a->most * (a->n_out / LEAST_LANES + 1)) * sizeof(int32_t) +
           64;
}

/* Do the windows of o and o + 1 have all their elements, `step` apart? */
static bool is_regular(const tp__axis *a, int64_t o, int64_t step)
{
    tp__interval r = tp__window_of(a, o), next = tp__window_of(a, o + 1);
    if (r.n != a->most || next.n != a->most)
        return false;
    for (int64_t t = 0; t < r.n; t++)
        if (tp__place_of(a, next, t) - tp__place_of(a, r, t) != step)
            return false;
    return true;
}

/* From the middle on to both sides. */
static void find_regular(tp__columns *c, const tp__axis *a)
{
    int64_t middle = (a->n_out - 1) / 2;
    c->low = c->high = 0;
    if (a->n_out < 2 || tp__window_of(a, middle).n != c->taps || tp__window_of(a, middle + 1).n != c->taps)
        return;
    c->step = tp__place_of(a, tp__window_of(a, middle + 1), 0) - tp__place_of(a, tp__window_of(a, middle), 0);
    for (c->low = middle; c->low > 0 && is_regular(a, c->low - 1, c->step);)
        c->low--;
    for (c->high = middle + 1; c->high < a->n_out && is_regular(a, c->high - 1, c->step);)
        c->high++;
}

/* Where the elements of a tap of windows [o, o + width) begin, so that a vector of x from there on, which x has, has them
 * all; -1: it has not. */
static int32_t base_of(const int32_t *at, int64_t width, int64_t lanes, int64_t n_in)
{
    int32_t low = INT32_MAX, high = -1, last = n_in < lanes ? 0 : (int32_t)(n_in - lanes);
    for (int64_t l = 0; l < width; l++) {
        low = at[l] >= 0 && at[l] < low ? at[l] : low;
        high = at[l] > high ? at[l] : high;
    }
    low = low < last ? low : last;
    return high - low < lanes ? low : -1;
}

static bool find_bases(tp__columns *c, const tp__axis *a, int64_t lanes)
{
    int64_t n = a->n_out, blocks = lanes ? (n + lanes - 1) / lanes : 0;
    bool close = c->taps > 0 && lanes > 0;
    c->gaps = false;
    for (int64_t t = 0; t < c->taps && close; t++)
        for (int64_t b = 0; b < blocks && close; b++) {
            int64_t width = n < lanes ? n : lanes, o = b * lanes < n - width ? b * lanes : n - width;
            const int32_t *at = c->at + t * n + o;
            for (int64_t l = 0; l < width; l++)
                c->gaps |= at[l] < 0;
            close = (c->base[t * blocks + b] = base_of(at, width, lanes, a->n_in)) >= 0;
        }
    return close;
}

static void fill_columns(tp__columns *c, const tp__axis *a, tp_dtype dtype, void *memory)
{
    size_t all = (size_t)(c->taps * a->n_out), size = tp_dtype_size(dtype);
    c->weight = memory;
    c->at = (int32_t *)((char *)memory + all * size);
    c->base = c->at + all;
    for (int64_t t = 0; t < c->taps; t++)
        for (int64_t o = 0; o < a->n_out; o++) {
            tp__interval r = tp__window_of(a, o);
            int64_t k = t * a->n_out + o;
            c->at[k] = t < r.n ? (int32_t)tp__place_of(a, r, t) : -1;
            tp__store((char *)c->weight + (size_t)k * size, dtype, t < r.n ? tp__weight_of(a, r, t) : 0);
        }
    find_regular(c, a);
    c->close = c->high - c->low < a->n_out / 2 && find_bases(c, a, TP__PICK(tp__window_table)->line / (int64_t)size);
}

/* ---- how they are gone through ---------------------------------------------------------------------------------- */

/* Blocks of rows of windows that slide, as large as what they see of x has room; false where one has none. */
static bool plan_sliding(tp__windows *w, tp_dtype dtype)
{
    const tp__axis *a = &w->axis[2];
    int64_t room = TP__SCRATCH / 2 / (int64_t)tp_dtype_size(dtype), span = (a->kernel - 1) * a->step + 1;
    int64_t windows = a->spreads ? a->n_in : a->n_out, elements = a->spreads ? a->n_out : a->n_in;
    if (a->spreads && a->kernel == 0) {
        w->way = TP__SPREADING;
        w->block = BLOCK;
        return true;
    }
    if (!a->spreads && (a->kernel == 0 || span > room || (a->kernel > MANY_TAPS && a->stride > 1 && !w->largest)))
        return false;
    int64_t low = (a->padding + a->stride - 1) / a->stride, reach = elements + a->padding - span;
    int64_t high = reach < 0 ? 0 : reach / a->stride + 1, block = (room - span) / a->stride + 1;
    w->columns.taps = a->kernel;
    w->columns.low = low < windows ? low : windows;
    w->columns.high = high < windows ? high : windows;
    w->block = block < BLOCK && !a->spreads ? block : BLOCK;
    w->way = a->spreads ? TP__SPREADING : TP__SLIDING;
    bool covers = a->kernel == a->stride && a->step == 1 && a->padding == 0 && windows * a->kernel == elements;
    if (covers && elements <= SHORT_ROW)
        w->together = BLOCK / elements;
    return true;
}

/* The divisor of all windows along an axis; 0: they differ. */
static double divisor_of_all(const tp__axis *a)
{
    int64_t end = (a->n_out - 1) * a->stride - a->padding + a->kernel;
    if (a->spreads) /* they are divided beforehand */
        return 1;
    switch (a->division) {
    case TP__BY_NOTHING:
        return 1;
    case TP__BY_NUMBER:
        return a->number;
    case TP__BY_COUNT:
        return a->kernel && a->padding == 0 && end <= a->n_in ? (double)a->kernel : 0;
    case TP__BY_PADDED:
        return end <= a->n_in + a->padding ? (double)a->kernel : 0;
    default:
        return 0;
    }
}

void tp__windows_plan(tp__windows *w, tp_dtype dtype, void *table)
{
    const tp__axis *a = &w->axis[2];
    bool far = dtype == TP_F32 && w->axis[0].n_in * w->axis[1].n_in > INT32_MAX / (a->n_in ? a->n_in : 1);
    w->flat = is_flat(w);
    w->together = 1;
    w->divisor = 1;
    for (int d = 0; d < 3; d++)
        w->divisor *= divisor_of_all(&w->axis[d]);
    if (w->largest && far) /* places in the plane are 32 bits wide beside floats */
        w->way = TP__ONE_BY_ONE;
    else if (table) {
        w->way = TP__BY_COLUMNS;
        w->columns.taps = a->most;
        fill_columns(&w->columns, a, dtype, table);
        w->block = a->n_out;
    } else if (!plan_sliding(w, dtype))
        w->way = TP__ONE_BY_ONE;
    if (w->way == TP__ONE_BY_ONE) {
        double each = (double)w->axis[0].most * (double)w->axis[1].most * (double)a->most;
        w->block = 1 + (int64_t)(WORK / (each + 1));
    }
    w->block = w->block < a->n_out ? w->block : a->n_out;
    w->blocks = (a->n_out + w->block - 1) / w->block;
}

/* ---- ranges ----------------------------------------------------------------------------------------------------- */

/* Units, blocks of rows, of about so much work; whole ones of what is worked on at once. */
static int64_t grain(const tp__windows *w)
{
    const tp__axis *a = &w->axis[2];
    double rows = (double)w->axis[0].most * (double)w->axis[1].most, block = (double)w->block;
    double seen = block / (double)a->n_out * (double)a->n_in + (double)a->most;
    double work = w->way == TP__ONE_BY_ONE ? block * rows * (double)a->most : rows * seen + block * (double)a->most;
    int64_t units = work < WORK ? 1 + (int64_t)(WORK / (work + 1)) : 1;
    return (units + w->together - 1) / w->together * w->together;
}

static void over_units(tp_dtype dtype, int64_t planes, const tp__windows *w, const tp__range_fn *body)
{
    int64_t rows = w->axis[0].n_out * w->axis[1].n_out;
    tp__parallel_for(planes * rows * w->blocks, grain(w), body[dtype == TP_F64], (void *)w);
}

void tp__window_sums(tp_dtype dtype, int64_t planes, const tp__windows *w)
{
    over_units(dtype, planes, w, TP__PICK(tp__window_table)->sum);
}

void tp__window_largest(tp_dtype dtype, int64_t planes, const tp__windows *w)
{
    over_units(dtype, planes, w, TP__PICK(tp__window_table)->largest);
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
