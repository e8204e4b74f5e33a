/* layer_norm.c - normalization over rows: in what ranges, and the gradients of weight and bias.
 *
 * A row is one thread's, twice in its cache: sums, then what is made of them. Where there are few rows and they are long, each
 * is cut into pieces by its size, whose sums are joined in order. */
#include "kernel/layer_norm.h"

#include <math.h>
#include <string.h>

enum { WORK = 16384, FEW = 16, LONG = 1 << 18, PIECE = 1 << 15 };

/* ---- a long row --------------------------------------------------------------------------------------------------- */

typedef struct {
    const tp__norm_rows *w;
    const tp__norm_table *fn;
    tp_dtype dtype;
    int64_t row, piece;
    double mean, rstd, shift, slope;
    double *sums; /* two a piece, in a scratch buffer */
} long_row;

static bool are_long(const tp__norm_rows *w) { return w->n > LONG && w->rows <= FEW; }

static long_row long_row_of(tp_dtype dtype, const tp__norm_rows *w, double *sums)
{
    int64_t most = TP__SCRATCH / (2 * (int64_t)sizeof *sums), least = w->n / most + 1;
    return (long_row){
        .w = w, .fn = TP__PICK(tp__norm_table), .dtype = dtype, .piece = least > PIECE ? least : PIECE, .sums = sums};
}

static const void *moved(const void *p, int64_t at, tp_dtype dtype)
{
    return p ? (const char *)p + (size_t)at * tp_dtype_size(dtype) : NULL;
}

static tp__norm_rows piece_of(const long_row *l, int64_t i)
{
    tp__norm_rows p = *l->w;
    int64_t at = i * l->piece, from = l->row * p.n + at;
    p.n = p.n - at < l->piece ? p.n - at : l->piece;
    p.rows = 1;
    p.x = moved(p.x, from, l->dtype);
    p.g = moved(p.g, from, l->dtype);
    p.y = (void *)(uintptr_t)moved(p.y, from, l->dtype);
    p.weight = moved(p.weight, at, l->dtype);
    p.bias = moved(p.bias, at, l->dtype);
    for (int k = 0; k < 2; k++)
        p.partial[k] = (void *)(uintptr_t)moved(p.partial[k], at, l->dtype);
    return p;
}

/* clang-format off */
#define OVER_PIECES(name, CALL)                                                                    \
    static void name(int64_t begin, int64_t end, void *user)                                       \
    { const long_row *l = user; int wide = l->dtype == TP_F64;                                     \
      for (int64_t i = begin; i < end; i++) { tp__norm_rows p = piece_of(l, i); CALL; } }
OVER_PIECES(sum_range, l->sums[2 * i] = l->fn->piece_sum[wide](&p))
OVER_PIECES(squares_range, l->sums[2 * i] = l->fn->piece_squares[wide](&p, l->mean))
OVER_PIECES(forward_range, l->fn->piece_forward[wide](&p, l->mean, l->rstd))
OVER_PIECES(dots_range, l->fn->piece_dots[wide](&p, l->mean, l->rstd, l->sums + 2 * i))
OVER_PIECES(backward_range, l->fn->piece_backward[wide](&p, l->mean, l->rstd, l->shift, l->slope))
/* clang-format on */

static int64_t pieces(const long_row *l) { return (l->w->n + l->piece - 1) / l->piece; }

/* The mean over the row of what `sum` puts at the first or second place of each piece. */
static double mean_of(long_row *l, tp__range_fn sum, int which)
{
    double all = 0;
    if (sum)
        tp__parallel_for(pieces(l), 1, sum, l);
    for (int64_t i = 0; i < pieces(l); i++)
        all += l->sums[2 * i + which];
    return all / (double)l->w->n;
}

/* false: squares left the range. */
static bool set_row(long_row *l, int64_t row)
{
    l->row = row;
    l->mean = l->w->about_zero ? 0 : mean_of(l, sum_range, 0);
    if (l->dtype == TP_F32)
        l->mean = (double)(float)l->mean;
    double variance = mean_of(l, squares_range, 0) + l->w->eps;
    l->rstd = 1 / sqrt(variance);
    return variance >= (l->dtype == TP_F32 ? 0x1p-90 : 0x1p-900) && variance < (double)INFINITY;
}

/* Over the rows; false where one of them is not for this. */
static bool forward_long(tp_dtype dtype, const tp__norm_rows *w)
{
    double *sums = tp__scratch_take();
    long_row l = long_row_of(dtype, w, sums);
    bool well = true;
    for (int64_t r = 0; r < w->rows && well; r++) {
        well = set_row(&l, r);
        if (well)
            tp__parallel_for(pieces(&l), 1, forward_range, &l);
    }
    tp__scratch_give(sums);
    return well;
}

/* The gradients of weight and bias into the first chunk of the partial sums, which is the only one. */
static bool backward_long(tp_dtype dtype, const tp__norm_rows *w)
{
    double *sums = tp__scratch_take();
    long_row l = long_row_of(dtype, w, sums);
    bool well = true;
    for (int64_t r = 0; r < w->rows && well; r++)
        well = set_row(&l, r);
    for (int k = 0; k < 2 && well; k++)
        if (w->partial[k])
            memset(w->partial[k], 0, (size_t)w->n * tp_dtype_size(dtype));
    for (int64_t r = 0; r < w->rows && well; r++) {
        set_row(&l, r);
        l.shift = mean_of(&l, dots_range, 0);
        l.slope = mean_of(&l, NULL, 1);
        l.shift = w->about_zero ? 0 : l.shift;
        tp__parallel_for(pieces(&l), 1, backward_range, &l);
    }
    tp__scratch_give(sums);
    return well;
}

/* ---- rows --------------------------------------------------------------------------------------------------------- */

static void forward(tp_dtype dtype, const tp__norm_rows *w)
{
    tp__norm_rows user = *w;
    if (are_long(w) && forward_long(dtype, w))
        return;
    tp__parallel_for(w->rows, 1 + WORK / (w->n + 1), TP__PICK(tp__norm_table)->forward[dtype == TP_F64], &user);
}

void tp__layer_norm(tp_dtype dtype, int64_t rows, int64_t n, double eps, const void *x, const void *weight,
                    const void *bias, void *y)
{
    tp__norm_rows w = {.n = n, .rows = rows, .eps = eps, .x = x, .weight = weight, .bias = bias, .y = y};
    forward(dtype, &w);
}

void tp__rms_norm(tp_dtype dtype, int64_t rows, int64_t n, double eps, const void *x, const void *weight, void *y)
{
    tp__norm_rows w = {.n = n, .rows = rows, .eps = eps, .x = x, .weight = weight, .y = y, .about_zero = true};
    forward(dtype, &w);
}

int64_t tp__layer_norm_chunks(int64_t rows, int64_t n) { return (rows + tp__norm_chunk(n) - 1) / tp__norm_chunk(n); }

/* out (+)= the sum of the partial sums, in order */
static void gather(tp_dtype dtype, int64_t chunks, int64_t n, const void *partial, void *out, bool accumulate)
{
    if (out)
        tp__reduce(TP__SUM, dtype, 1, chunks, n, partial, out, accumulate);
}

/* Of rows w, as kernel.h has it. */
static void backward(tp_dtype dtype, tp__norm_rows w, void *const gin[3], uint32_t fresh, void *scratch)
{
    int64_t chunks = tp__layer_norm_chunks(w.rows, w.n), bytes = chunks * w.n * (int64_t)tp_dtype_size(dtype);
    w.y = gin[0];
    w.partial[0] = gin[1] ? scratch : NULL;
    w.partial[1] = gin[2] ? (char *)scratch + bytes : NULL;
    w.accumulate = !(fresh & 1u);
    int64_t grain = 1 + WORK / (w.n + 1) / tp__norm_chunk(w.n);
    if (!are_long(&w) || !backward_long(dtype, &w))
        tp__parallel_for(chunks, grain, TP__PICK(tp__norm_table)->backward[dtype == TP_F64], &w);
    gather(dtype, chunks, w.n, w.partial[0], gin[1], !(fresh & 2u));
    gather(dtype, chunks, w.n, w.partial[1], gin[2], !(fresh & 4u));
}

void tp__layer_norm_backward(tp_dtype dtype, int64_t rows, int64_t n, double eps, const void *x, const void *weight,
                             const void *g, void *const gin[3], uint32_t fresh, void *scratch)
{
    tp__norm_rows w = {.n = n, .rows = rows, .eps = eps, .x = x, .weight = weight, .g = g};
    backward(dtype, w, gin, fresh, scratch);
}

void tp__rms_norm_backward(tp_dtype dtype, int64_t rows, int64_t n, double eps, const void *x, const void *weight,
                           const void *g, void *const gin[3], uint32_t fresh, void *scratch)
{
    tp__norm_rows w = {.n = n, .rows = rows, .eps = eps, .x = x, .weight = weight, .g = g, .about_zero = true};
    backward(dtype, w, gin, fresh, scratch);
}
