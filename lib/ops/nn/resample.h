/* resample.h - operators whose result is, along each dimension of space, a sum over a window of x with weights that do not
 * depend on x: average pooling, interpolation, padding by x's own elements. What differs is a function that says which
 * elements a window has. The gradient is the same operator with `transposed` turned (kernel/window.h).
 */
#ifndef TAPIR_OPS_RESAMPLE_H
#define TAPIR_OPS_RESAMPLE_H

#include "kernel/window.h"
#include "ops/ops.h"

enum { TP__SPACE = 3 };

/* The elements of a window along one dimension: first, first + 1, ... with weight 1; or `weighted`, as all windows are if the
 * first one is, and then those beyond an edge of x are the one there. */
typedef struct {
    int64_t n, first;
    double divisor; /* of the sum */
    bool weighted;
} tp__taps;
/* Of window o along dimension d of space, from TP__SPACE - space on; weights, where there are some, go where `weight` points
 * to, unless that is NULL. */
typedef tp__taps (*tp__taps_fn)(const void *attr, tp_dtype dtype, int d, int64_t o, double *weight);
/* Do windows slide along d? Then the axis, which has its sizes, is told how. */
typedef bool (*tp__slides_fn)(const void *attr, int d, tp__axis *a);

/* Sizes are those of space, right-aligned, 1 in front of it. */
typedef struct {
    int space;
    bool transposed;
    int64_t in[TP__SPACE], out[TP__SPACE];
    int64_t kernel[TP__SPACE], stride[TP__SPACE], padding[TP__SPACE]; /* of pooling; padding in front */
    bool exclude_pad;
    int64_t divisor; /* 0: how many elements there are */
    int rule;        /* of interpolation and padding */
    bool align_corners, antialias;
    double scale[TP__SPACE]; /* by which the size was multiplied; 0: out over in */
} tp__resampling;

typedef struct {
    tp_op op;
    tp__slides_fn slides; /* or NULL: they never do */
    tp__taps_fn taps;     /* of those that do not   */
    bool divides;
} tp__resample_op;

tp_status tp__resample_shape(tp_call *c); /* of any dtype */
tp_status tp__resample_infer(tp_call *c);
tp_status tp__resample_forward(tp_call *c);
tp_status tp__resample_vjp(tp_vjp *v);
tp_status tp__resample_vjp_fused(tp_vjp *v);
/* Both ways. */
void tp__resample_sample(tp_sampler *s, const tp__resampling *r);

/* clang-format off */
#define TP__RESAMPLE_OP(id, DIVIDES, PRINTED) TP__SLIDING_OP(id, NULL, id##_taps, DIVIDES, PRINTED)
#define TP__SLIDING_OP(id, SLIDES, TAPS, DIVIDES, PRINTED)                                         \
    static const tp__resample_op id##_op = {{                                                      \
        .name = #id, .n_in = 1, .n_out = 1, .attr_size = sizeof(tp__resampling), .grad_name = PRINTED, \
        .flags = TP__OP_OURS | TP__READS_NOTHING | TP_OP_OVERWRITES, .infer = tp__resample_infer,    \
        .forward = tp__resample_forward, .vjp = tp__resample_vjp, .vjp_fused = tp__resample_vjp_fused, \
        .samples = id##_samples}, SLIDES, TAPS, DIVIDES};
/* clang-format on */

/* The axes of windows, tables in scratch memory; false: there is none, and the tape has failed. In front of space each element
 * is a window. */
bool tp__axes(const tp_call *c, tp__slides_fn slides, tp__taps_fn taps, const void *attr, int space, tp_dtype dtype,
              const int64_t *in, const int64_t *out, bool divides, tp__windows *w);
/* Once they are there: how y is made of x, with a table of columns where that serves. */
bool tp__plan_windows(const tp_call *c, const tp_tensor *x, const tp_tensor *y, tp__windows *w);

/* Does x have `space` dimensions behind channels, or behind samples and channels, none of which but samples is 0? Otherwise
 * T fails. */
bool tp__has_space(tp_tape *T, const char *name, const tp_tensor *x, int space);
/* x's shape with these sizes of space. */
tp_dims tp__space_shape(const tp_tensor *x, int space, const int64_t *size);
/* Product of x's dimensions in front of space. */
int64_t tp__planes_of(const tp_tensor *x, int space);
void tp__space_of(const tp_tensor *x, int space, int64_t *size);

#endif
