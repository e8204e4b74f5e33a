/* pool.h - what poolings share: sizes of windows out of options, and windows out of sizes. */
#ifndef TAPIR_OPS_POOL_H
#define TAPIR_OPS_POOL_H

#include "ops/nn/resample.h"

/* Right-aligned, 1 in front of space (padding 0). */
typedef struct {
    int space;
    bool adaptive;
    int64_t in[TP__SPACE], out[TP__SPACE];
    int64_t kernel[TP__SPACE], stride[TP__SPACE], padding[TP__SPACE], dilation[TP__SPACE];
} tp__pooling;

/* Sizes of x and options as a pooling; false after a failure. `dilates`: options' dilation counts; otherwise it must be 0. */
bool tp__pooling_of(tp_tape *T, const char *name, const tp_tensor *x, int space, tp_dims kernel,
                    const tp_pool_options *options, bool dilates, tp__pooling *p);
/* Of windows that come out at these sizes; -1 is x's own. */
bool tp__adaptive_pooling_of(tp_tape *T, const char *name, const tp_tensor *x, int space, tp_dims size, tp__pooling *p);
/* A size for each dimension of space, or one for all, right-aligned into `to`; false after a failure. */
bool tp__sizes_of_space(tp_tape *T, const char *name, const char *what, tp_dims sizes, int space, int64_t least,
                        int64_t *to);
/* Window o along d of n elements that are cut out at in * o / out, of n_out windows. */
static inline tp__taps tp__adaptive_taps(int64_t n_in, int64_t n_out, int64_t o)
{
    int64_t rest = n_in % n_out, whole = n_in / n_out; /* o n_in / n_out, without the product's overflow */
    int64_t begin = o * whole + o * rest / n_out, end = (o + 1) * whole + ((o + 1) * rest + n_out - 1) / n_out;
    return (tp__taps){.n = end - begin, .first = begin, .divisor = (double)(end - begin)};
}
/* Where that has no rest they slide. */
static inline bool tp__adaptive_slides(tp__axis *a)
{
    int64_t size = a->n_out ? a->n_in / a->n_out : 0;
    if (size == 0 || a->n_in % a->n_out != 0)
        return false;
    *a = tp__axis_sliding(a->n_in, a->n_out, size, size, 0, 1);
    return true;
}

#endif
