/* layer_norm.c - normalization over rows: in what ranges, and the gradients of weight and bias. */
#include "kernel/layer_norm.h"

enum { WORK = 16384 };

static void forward(tp_dtype dtype, const tp__norm_rows *w)
{
    tp__norm_rows user = *w;
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
    int64_t grain = 1 + WORK / (tp__norm_chunk(w.n) * (w.n + 1));
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
