/* avg_pool.c - means of windows, of a size that is given, or as many as are asked for; and norms. */
#include "ops/nn/pool.h"

#include <string.h>

/* Of whole numbers, as torch has it for int64: the sum over the divisor, rounded toward 0. */
static tp_tensor *pooled(tp_tape *T, const tp_op *op, const tp__resampling *r, tp_tensor *x)
{
    if (x->dtype != TP_I64)
        return tp__apply1(T, op, r, x);
    return tp_to(T, tp__apply1(T, op, r, tp_to(T, x, TP_F64)), TP_I64);
}

/* ---- windows that are given ------------------------------------------------------------------------------------- */

/* The divisor of a mean is how many elements there are, with or without the padding's. What a window has beyond the padding
 * (ceil_mode) never counts. */
static bool avg_pool_slides(const void *attr, int d, tp__axis *a)
{
    const tp__resampling *r = attr;
    *a = tp__axis_sliding(a->n_in, a->n_out, r->kernel[d], r->stride[d], r->padding[d], 1);
    a->division = r->exclude_pad ? TP__BY_COUNT : TP__BY_PADDED;
    if (r->divisor)
        a->division = d == TP__SPACE - 1 ? TP__BY_NUMBER : TP__BY_NOTHING;
    a->number = (double)r->divisor;
    return true;
}

static void avg_pool_samples(tp_sampler *s)
{
    tp__resampling r = {
        .space = 2, .in = {1, 5, 6}, .out = {1, 3, 4}, .kernel = {1, 3, 2}, .stride = {1, 2, 2}, .padding = {0, 1, 1}};
    tp__resample_sample(s, &r);
    r.exclude_pad = true;
    tp__resample_sample(s, &r);
    r.divisor = 5;
    tp__resample_sample(s, &r);
    r = (tp__resampling){.space = 1, .in = {1, 1, 9}, .out = {1, 1, 3}, .kernel = {1, 1, 3}, .stride = {1, 1, 3}};
    tp__resample_sample(s, &r);
    r = (tp__resampling){.space = 3, .in = {3, 4, 5}, .out = {2, 3, 2}, .kernel = {2, 2, 3}, .stride = {1, 1, 2}};
    tp__resample_sample(s, &r);
}

TP__SLIDING_OP(avg_pool, avg_pool_slides, NULL, true, NULL)

static tp_tensor *avg_pool(tp_tape *T, const char *name, tp_tensor *x, int space, tp_dims kernel,
                           const tp_pool_options *options)
{
    TP__NAMED(T, name);
    tp__pooling p;
    if (!tp__pooling_of(T, name, x, space, kernel, options, false, &p))
        return NULL;
    tp__resampling r = {.space = space};
    memcpy(r.in, p.in, sizeof r.in);
    memcpy(r.out, p.out, sizeof r.out);
    memcpy(r.kernel, p.kernel, sizeof r.kernel);
    memcpy(r.stride, p.stride, sizeof r.stride);
    memcpy(r.padding, p.padding, sizeof r.padding);
    if (options) {
        r.exclude_pad = options->exclude_pad;
        r.divisor = options->divisor;
    }
    return pooled(T, &avg_pool_op.op, &r, x);
}

tp_tensor *tp_avg_pool1d(tp_tape *T, tp_tensor *x, tp_dims kernel, const tp_pool_options *options)
{
    return avg_pool(T, "avg_pool1d", x, 1, kernel, options);
}
tp_tensor *tp_avg_pool2d(tp_tape *T, tp_tensor *x, tp_dims kernel, const tp_pool_options *options)
{
    return avg_pool(T, "avg_pool2d", x, 2, kernel, options);
}
tp_tensor *tp_avg_pool3d(tp_tape *T, tp_tensor *x, tp_dims kernel, const tp_pool_options *options)
{
    return avg_pool(T, "avg_pool3d", x, 3, kernel, options);
}

/* ---- as many as are asked for ------------------------------------------------------------------------------------- */

static bool adaptive_avg_pool_slides(const void *attr, int d, tp__axis *a)
{
    (void)attr, (void)d;
    bool slides = tp__adaptive_slides(a);
    a->division = TP__BY_COUNT;
    return slides;
}

static tp__taps adaptive_avg_pool_taps(const void *attr, tp_dtype dtype, int d, int64_t o, double *weight)
{
    const tp__resampling *r = attr;
    (void)dtype, (void)weight;
    return tp__adaptive_taps(r->in[d], r->out[d], o);
}

static void adaptive_avg_pool_samples(tp_sampler *s)
{
    tp__resample_sample(s, &(tp__resampling){.space = 2, .in = {1, 5, 7}, .out = {1, 3, 2}});
    tp__resample_sample(s, &(tp__resampling){.space = 1, .in = {1, 1, 3}, .out = {1, 1, 5}});
    tp__resample_sample(s, &(tp__resampling){.space = 3, .in = {3, 2, 4}, .out = {2, 1, 1}});
    tp__resample_sample(s, &(tp__resampling){.space = 2, .in = {1, 2, 3}, .out = {1, 0, 2}});
}

TP__SLIDING_OP(adaptive_avg_pool, adaptive_avg_pool_slides, adaptive_avg_pool_taps, true, NULL)

static tp_tensor *adaptive_avg_pool(tp_tape *T, const char *name, tp_tensor *x, int space, tp_dims size)
{
    TP__NAMED(T, name);
    tp__pooling p;
    if (!tp__adaptive_pooling_of(T, name, x, space, size, &p))
        return NULL;
    if (p.out[0] == 1 && p.out[1] == 1 && p.out[2] == 1) /* planes are rows, which a mean sums in lanes */
        return tp_mean_dims(T, x, space, (int[]){-1, -2, -3}, true);
    tp__resampling r = {.space = space};
    memcpy(r.in, p.in, sizeof r.in);
    memcpy(r.out, p.out, sizeof r.out);
    return tp__apply1(T, &adaptive_avg_pool_op.op, &r, x);
}

tp_tensor *tp_adaptive_avg_pool1d(tp_tape *T, tp_tensor *x, tp_dims size)
{
    return adaptive_avg_pool(T, "adaptive_avg_pool1d", x, 1, size);
}
tp_tensor *tp_adaptive_avg_pool2d(tp_tape *T, tp_tensor *x, tp_dims size)
{
    return adaptive_avg_pool(T, "adaptive_avg_pool2d", x, 2, size);
}
tp_tensor *tp_adaptive_avg_pool3d(tp_tape *T, tp_tensor *x, tp_dims size)
{
    return adaptive_avg_pool(T, "adaptive_avg_pool3d", x, 3, size);
}

/* ---- norms -------------------------------------------------------------------------------------------------------- */

/* (sum x^p)^(1/p) of each window, as torch makes it: of the mean, and 0 where the sum is below 0. */
static tp_tensor *lp_pool(tp_tape *T, const char *name, tp_tensor *x, int space, double p, tp_dims kernel,
                          const tp_pool_options *options)
{
    TP__NAMED(T, name);
    tp_pool_options o = options ? *options : (tp_pool_options){.ceil_mode = false};
    double count = 1;
    for (int d = 0; d < space; d++) {
        count *= (double)kernel.dim[kernel.ndim == 1 ? 0 : d];
        if (o.padding[d] || o.divisor || o.exclude_pad) {
            tp_fail(T, TP_EINVAL, "%s: there is no padding and no divisor; stride and ceil_mode are what is needed",
                    name);
            return NULL;
        }
    }
    tp_tensor *mean = avg_pool(T, name, tp_pow_scalar(T, x, p), space, kernel, &o);
    tp_tensor *sum = tp_mul_scalar(T, tp_mul(T, tp_sign(T, mean), tp_relu(T, tp_abs(T, mean))), count);
    return tp_pow_scalar(T, sum, 1 / p);
}

tp_tensor *tp_lp_pool1d(tp_tape *T, tp_tensor *x, double p, tp_dims kernel, const tp_pool_options *options)
{
    return lp_pool(T, "lp_pool1d", x, 1, p, kernel, options);
}
tp_tensor *tp_lp_pool2d(tp_tape *T, tp_tensor *x, double p, tp_dims kernel, const tp_pool_options *options)
{
    return lp_pool(T, "lp_pool2d", x, 2, p, kernel, options);
}

const tp_op *const tp__ops_avg_pool[] = {
#include TP__OPERATORS
    NULL};
