/* window.h - planes of 1 to 3 dimensions that are made of windows of others: sums with weights, and largest elements.
 *
 * Which elements a window has along one dimension is an axis: windows of one size that slide are a formula, others a table of
 * a run a window, those whose elements do not lie side by side, or have weights of their own, a list. What differs between
 * pooling, interpolation and padding is how the axes are filled. A plane of sums is the product of three sparse matrices with
 * x, and its gradient that of the transposed ones (window.c): no kernel scatters.
 *
 * The kernels (vec_window.c, compiled for each instruction set) go over rows of the result, or blocks of long ones: first the
 * rows of x in its window become one row in a scratch buffer, then that row's columns are gathered. Memory: 64 KB a thread;
 * tables of the size of an axis, and for windows of a few elements that do not slide one by the element, where it is no larger
 * than x or y. Such windows as have no such table, or are large, are gone through one by one.
 */
#ifndef TAPIR_KERNEL_WINDOW_H
#define TAPIR_KERNEL_WINDOW_H

#include "kernel/kernel.h"

/* What a sum is divided by: the product of these over the dimensions. */
typedef enum {
    TP__BY_NOTHING,
    TP__BY_NUMBER, /* `number`                                              */
    TP__BY_COUNT,  /* the elements that are there                           */
    TP__BY_PADDED, /* these and the padding's, on both sides alike          */
    TP__BY_TABLE   /* divisor[o]                                            */
} tp__division;

/* Windows slide where kernel > 0: that of `o` has those of o stride - padding + k step, k < kernel, that are there. Otherwise
 * it has count[o] elements from first[o] on, of n_in; or, where there is a list, of `at`. */
typedef struct {
    int64_t n_in, n_out, most; /* `most`: elements that a window has at most */
    int64_t kernel, stride, padding, step;
    bool spreads; /* transposed: the windows, runs, are those of x's n_in elements, over the n_out of the result */
    int64_t *first, *count; /* [n_out], or [n_in] */
    int64_t *at;
    double *weight; /* as `at`; without a list [n_in], of the elements; NULL: 1 */
    tp__division division;
    double number, *divisor;
} tp__axis;

typedef struct {
    int64_t first, n;
} tp__interval;

static inline tp__interval tp__window_of(const tp__axis *a, int64_t o)
{
    if (a->kernel == 0)
        return (tp__interval){a->first[o], a->count[o]};
    int64_t begin = o * a->stride - a->padding, skip = begin < 0 ? -begin : 0, room = 0;
    if (a->step > 1)
        skip = (skip + a->step - 1) / a->step;
    begin += skip * a->step;
    room = begin < a->n_in ? a->n_in - begin : 0;
    if (a->step > 1)
        room = (room + a->step - 1) / a->step;
    room = a->kernel - skip < room ? a->kernel - skip : room;
    return (tp__interval){begin, room > 0 ? room : 0};
}
static inline int64_t tp__place_of(const tp__axis *a, tp__interval r, int64_t t)
{
    return a->at ? a->at[r.first + t] : r.first + t * a->step;
}
static inline double tp__weight_of(const tp__axis *a, tp__interval r, int64_t t)
{
    return a->weight == NULL ? 1 : a->weight[a->at ? r.first + t : r.first + t * a->step];
}
double tp__divisor_of(const tp__axis *a, int64_t o);
static inline tp__axis tp__axis_sliding(int64_t n_in, int64_t n_out, int64_t kernel, int64_t stride, int64_t padding,
                                        int64_t step)
{
    return (tp__axis){.n_in = n_in,
                      .n_out = n_out,
                      .most = kernel < n_in ? kernel : n_in,
                      .kernel = kernel,
                      .stride = stride,
                      .padding = padding,
                      .step = step};
}

/* The columns of windows that slide: those of [low, high) have all their elements, also where they spread. Of others in a table, element t of all
 * windows side by side, -1 where a window has fewer: in [low, high) no one is missing, and at[t][o] = at[t][low] +
 * (o - low) step. */
typedef struct {
    int64_t taps, low, high, step;
    bool close;    /* a vector of windows has its elements of a tap in a vector of x: from `base` on */
    bool gaps;     /* some are missing */
    int32_t *at;   /* [taps, n_out] */
    int32_t *base; /* [taps, vectors of n_out] */
    void *weight;  /* the same, of the dtype */
} tp__columns;

/* How columns are made: windows one by one; of rows in blocks, by the formula, there or back; of whole rows, by the table. */
typedef enum { TP__ONE_BY_ONE, TP__SLIDING, TP__SPREADING, TP__BY_COLUMNS } tp__way;

typedef struct {
    tp__axis axis[3]; /* depth, height, width */
    tp__columns columns;
    tp__way way;
    int64_t block, blocks,
        together;   /* elements of a block of a row; blocks a row; short rows that are worked on at once */
    bool flat;      /* rows of the result are made of single rows of x, each of its own */
    double divisor; /* of all windows; 0: they differ */
    bool accumulate, largest;
    const void *x;
    void *y;
    int64_t *index; /* of the largest: its place in the plane of x; or NULL: not wanted */
} tp__windows;

/* Over blocks of rows of the result, numbered through all planes; by [dtype == TP_F64]. */
typedef struct {
    tp__range_fn sum[2], largest[2];
    int64_t line; /* bytes of a vector that is picked from another; 0: there is no such instruction */
} tp__window_table;
TP__TABLE_OF(tp__window_table, tp__window_table);

/* Bytes that an axis of runs, or of lists with so many elements, needs; and its arrays there, unset. */
size_t tp__axis_bytes(int64_t n_out, int64_t listed, bool divides);
void tp__axis_at(tp__axis *axis, void *memory, int64_t n_in, int64_t n_out, int64_t listed, bool divides);
/* The transposed axis of one that does not pass over elements (step 1), with weights over divisors, and the bytes it needs. */
bool tp__spreads(const tp__axis *from, tp_dtype dtype); /* columns only: then it needs none */
size_t tp__transposed_bytes(const tp__axis *from);
void tp__axis_transpose(tp__axis *to, const tp__axis *from, void *memory);
/* Height and width as one axis, a list of few elements, and the bytes that needs; 0: they are better apart. */
bool tp__windows_are_few(int64_t n_in, int64_t n_out);
size_t tp__joined_bytes(const tp__windows *w);
void tp__windows_join(tp__windows *w, void *memory);
/* Once the axes are there: bytes that a table of columns needs, 0 where it does not serve, `limit` is the most it may have; and
 * how n planes are gone through, with the table where there is one. */
size_t tp__columns_bytes(const tp__windows *w, tp_dtype dtype, size_t limit);
void tp__windows_plan(tp__windows *w, tp_dtype dtype, void *table);

/* y (+)= the weighted sums of n planes. */
void tp__window_sums(tp_dtype dtype, int64_t planes, const tp__windows *w);
/* The largest of each window, which has one element at least, and the first place of it; NaN counts as the largest, then
 * the last. */
void tp__window_largest(tp_dtype dtype, int64_t planes, const tp__windows *w);

/* x [planes, size] (+)= g [planes, n] at these places. */
void tp__window_scatter(tp_dtype dtype, int64_t planes, int64_t size, int64_t n, const int64_t *index, const void *g,
                        void *x, bool accumulate);

#endif
