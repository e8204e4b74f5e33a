/* conv.h - convolutions and their gradients over contiguous [batch, channels, depth, height, width], compiled for each
 * instruction set; of fewer dimensions in space the first are 1.
 *
 *     y[o, p] = sum over channels c and taps k of x[c, p stride - pad + k dilation] w[o, c, k]
 *
 * is linear in x and in w, so with the third of x, w and y given each pass is a gradient of both others. */
#ifndef TAPIR_KERNEL_CONV_H
#define TAPIR_KERNEL_CONV_H

#include "kernel/kernel.h"

enum { TP__SPACE = 3 };

/* x [batch, groups cin, in], w [groups cout, cin, kernel], y [batch, groups cout, out]. `pad` lies before x; what is asked for
 * beyond the end of it is 0, too. Plain data, without padding between the members: an operator's attributes. */
typedef struct {
    int64_t batch, groups, cin, cout;
    int64_t in[TP__SPACE], kernel[TP__SPACE], out[TP__SPACE], stride[TP__SPACE], dilation[TP__SPACE], pad[TP__SPACE];
} tp__conv;

typedef enum { TP__CONV_FORWARD, TP__CONV_BY_INPUT, TP__CONV_BY_WEIGHT } tp__conv_pass;

/* forward: `to` = y of a = x, b = w. By input: x of a = y, b = w. By weight: w of a = x, b = y (floats). Any dtype but BOOL;
 * integers wrap. `bias` holds one element for each channel of the result, or is NULL; not by weight. With `accumulate` the
 * result is added to what is there. */
typedef struct {
    tp__conv shape;
    tp__conv_pass pass;
    tp_dtype dtype;
    bool accumulate, plain; /* ...; not by Winograd's algorithm */
    const void *a, *b, *bias;
    void *to, *room; /* bytes that tp__conv_room says, aligned to a cache line */
} tp__conv_job;
/* Some 128 to 600 KiB for each processor, no more than there are jobs (conv_winograd.c: a few MiB), and the weights in another
 * form; by weight, where the weights are few, a copy of them for each of at most 16 parts of the sum. */
size_t tp__conv_room(const tp__conv_job *job);
/* False where BLAS cannot count the sizes (tp__blas_ready). */
bool tp__convolve(const tp__conv_job *job);

/* ---- the strategies: each says whether it suits, and how many bytes it needs; conv.c has the one for all others ---- */

bool tp__conv_depthwise_room(const tp__conv_job *job, size_t *room);
bool tp__conv_depthwise(const tp__conv_job *job);
bool tp__conv_direct_room(const tp__conv_job *job, size_t *room);
bool tp__conv_direct(const tp__conv_job *job);
bool tp__conv_winograd_room(const tp__conv_job *job, size_t *room);
bool tp__conv_winograd(const tp__conv_job *job); /* false, too, where the numbers do not suit */
bool tp__conv_planes_room(const tp__conv_job *job, size_t *room);
bool tp__conv_planes(const tp__conv_job *job);
bool tp__conv_pixels_room(const tp__conv_job *job, size_t *room);
bool tp__conv_pixels(const tp__conv_job *job);

/* A room of `size` bytes for each thread at work, taken and given back within a loop's body. */
enum { TP__CONV_ROOM = 256 * 1024 };
typedef struct {
    char *room;
    int64_t count, size;
    _Atomic uint64_t taken; /* a bit each */
} tp__conv_slots;
int64_t tp__conv_slot_count(int64_t jobs);
char *tp__conv_take_room(tp__conv_slots *s);
void tp__conv_give_room(tp__conv_slots *s, const char *room);

/* ---- for each dtype and instruction set (vec_conv.c) ---- */

enum { TP__CONV_LINE = 64 }; /* bytes of the vectors that its loops are written in */

/* Of an output row, what one tap reads: elements [at + lo, at + hi) of a tile come from x[from], x[from + stride], ...; the others
 * up to at + n read padding. */
typedef struct {
    int64_t from;
    int32_t at, n, lo, hi;
} tp__conv_run;

/* Which weight goes with the buffer from which place on, in elements (conv_direct.c). */
typedef struct {
    int64_t w, x;
} tp__conv_term;

/* Rows of results: elements from one to the next in the buffer and in memory, and from channel to channel. */
typedef struct {
    int64_t lines, columns, x_line, y_line, y_plane;
} tp__conv_lines;

/* Rows of a tile are 64 elements, or 32 of 8 bytes. */
typedef struct {
    /* column [channels, step] = x at the runs, channels `plane` apart */
    void (*gather)(int runs, const tp__conv_run *run, int64_t channels, int64_t plane, int64_t stride, int64_t step,
                   const void *x, void *column);
    /* the same of a whole tile, an element from each place, 0 where that is negative: for short rows */
    void (*pick)(const int32_t *place, int64_t channels, int64_t plane, int64_t step, const void *x, void *column);
    /* the other way: x += column */
    void (*spread)(int runs, const tp__conv_run *run, int64_t channels, int64_t plane, int64_t stride, int64_t step,
                   const void *column, void *x);
    /* y [rows, n] = bias (0 where it is NULL), x (NULL: 0), and y's own where asked, added up; rows any elements apart */
    void (*deposit)(int64_t rows, int64_t n, const void *x, int64_t x_row, const void *bias, bool accumulate, void *y,
                    int64_t y_row);
    /* c [m, tile] (+)= A [m, k] B [k, tile]; A's rows and columns any elements apart */
    void (*multiply)(int64_t m, int64_t k, const void *a, int64_t row, int64_t column, const void *b, bool accumulate,
                     void *c);
    /* Of floats alone: c [k, m] += B [k, tile] A^T [m, tile], kept as one vector an element; then those added up */
    void (*dots)(int64_t k, int64_t m, const void *b, const void *a, void *c);
    void (*add_up)(int64_t n, const void *c, void *sums);
    /* y [rows, n] = sum over the terms of w[r row + term.w] x[term.x], x[term.x + 1], ...; n is a multiple of a line's
     * elements */
    void (*shifted)(int64_t rows, int64_t terms, const tp__conv_term *term, const void *w, int64_t row, const void *x,
                    int64_t n, void *y);
    /* c [rows, terms] += sum over i of y[r n + i] x[term.x + i], kept as one vector an element */
    void (*distances)(int64_t rows, int64_t terms, const tp__conv_term *term, const void *x, const void *y, int64_t n,
                      void *c);
    /* The same row by row where no sums are laid out: y [outputs, lines, columns] = bias + y's own where asked + the sums of
     * x, of which a place in a line is that of the line before plus x_line; vectors beyond the last column may be read, too */
    void (*mix)(const tp__conv_lines *l, int64_t outputs, int64_t terms, const tp__conv_term *term, const void *w,
                int64_t row, const void *x, const void *bias, bool accumulate, void *y);
    /* c [outputs, terms] += products of y as it lies with x, kept as one vector an element */
    void (*unmix)(const tp__conv_lines *l, int64_t outputs, int64_t terms, const tp__conv_term *term, const void *x,
                  const void *y, void *c);
} tp__conv_kernels;

typedef struct {
    tp__conv_kernels of[TP_DTYPES];
} tp__conv_table;

TP__TABLE_OF(tp__conv_table, tp__conv_table);

#endif
