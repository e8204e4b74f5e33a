/* interpolate.c - space at another size: along each dimension an element is a sum of a few of x's, weighted by how near they
 * are to its place there.
 *
 * Element o lies at (o + 1/2) s - 1/2, where s is the size over the new one (or 1 over the scale factor), or with
 * align_corners at o s, where both are less 1. These are rounded to x's dtype, as torch's are: which element is the nearest
 * one hangs on it. Means of areas are adaptive pooling.
 */
#include "ops/nn/pool.h"

#include <math.h>
#include <string.h>

/* ---- windows ---------------------------------------------------------------------------------------------------- */

static double scale_of(const tp__resampling *r, tp_dtype dtype, int d)
{
    double in = (double)r->in[d], out = (double)r->out[d], s = r->scale[d] > 0 ? 1 / r->scale[d] : in / out;
    if (r->align_corners)
        s = out > 1 ? (in - 1) / (out - 1) : 0;
    return dtype == TP_F32 ? (double)(float)s : s;
}

/* `centred`: elements are where their middles are. */
static double place(double scale, tp_dtype dtype, int64_t o, bool centred)
{
    double half = centred ? 0.5 : 0;
    return dtype == TP_F32 ? (double)((float)scale * ((float)o + (float)half) - (float)half)
                           : scale * ((double)o + half) - half;
}

/* Which one is nearest is found in float32 in the end, of float64, too. */
static int64_t nearest(const tp__resampling *r, tp_dtype dtype, int d, int64_t o)
{
    double scale = scale_of(r, dtype, d);
    double at = r->rule == TP_NEAREST ? place(scale, dtype, o, false) : place(scale, dtype, o, true) + 0.5;
    int64_t i = (int64_t)floorf((float)at);
    return i < r->in[d] ? i : r->in[d] - 1;
}

static tp__taps linear(double at, double *weight)
{
    tp__taps t = {.n = 2, .first = (int64_t)at, .divisor = 1, .weighted = true};
    if (weight) {
        weight[1] = at - (double)t.first;
        weight[0] = 1 - weight[1];
    }
    return t;
}

/* Keys, "Cubic convolution interpolation for digital image processing", 1981, at distance x of the place; its a is -1/2, which
 * torch takes with antialias only. */
static double cubic_at(double x, double a)
{
    x = fabs(x);
    if (x <= 1)
        return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

static tp__taps cubic(double at, double *weight)
{
    tp__taps t = {.n = 4, .first = (int64_t)floor(at) - 1, .divisor = 1, .weighted = true};
    for (int i = 0; weight && i < 4; i++)
        weight[i] = cubic_at(at - (double)(t.first + i), -0.75);
    return t;
}

/* Where x shrinks, the weights are spread over as many elements as become one. */
static tp__taps smooth(const tp__resampling *r, double scale, int d, int64_t o, double *weight)
{
    bool is_cubic = r->rule == TP_BICUBIC;
    double spread = scale > 1 ? scale : 1, reach = (is_cubic ? 2 : 1) * spread, centre = scale * ((double)o + 0.5);
    int64_t first = (int64_t)(centre - reach + 0.5), end = (int64_t)(centre + reach + 0.5);
    first = centre - reach + 0.5 > 0 ? first : 0;
    end = end < r->in[d] ? end : r->in[d];
    tp__taps t = {.n = end > first ? end - first : 0, .first = first, .divisor = 1, .weighted = true};
    double sum = 0;
    for (int64_t i = 0; weight && i < t.n; i++) {
        double x = ((double)(first + i) + 0.5 - centre) / spread;
        weight[i] = is_cubic ? cubic_at(x, -0.5) : fabs(x) < 1 ? 1 - fabs(x) : 0;
        sum += weight[i];
    }
    for (int64_t i = 0; weight && sum != 0 && i < t.n; i++)
        weight[i] /= sum;
    return t;
}

static tp__taps interpolate_taps(const void *attr, tp_dtype dtype, int d, int64_t o, double *weight)
{
    const tp__resampling *r = attr;
    double scale = scale_of(r, dtype, d), at = place(scale, dtype, o, !r->align_corners);
    if (r->rule == TP_NEAREST || r->rule == TP_NEAREST_EXACT)
        return (tp__taps){.n = 1, .first = nearest(r, dtype, d, o), .divisor = 1};
    if (r->antialias)
        return smooth(r, scale, d, o, weight);
    if (r->rule == TP_BICUBIC)
        return cubic(at, weight);
    if (r->in[d] == r->out[d]) /* whatever the scale factor was */
        return (tp__taps){.n = 1, .first = o, .divisor = 1};
    return linear(at > 0 ? at : 0, weight);
}

/* An element that becomes a block of them: the other way round it is the sum of windows of that size, which slide. */
static bool interpolate_slides(const void *attr, int d, tp__axis *a)
{
    const tp__resampling *r = attr;
    if (r->kernel[d] > 0)
        *a = tp__axis_sliding(a->n_in, a->n_out, r->kernel[d], r->kernel[d], 0, 1);
    return r->kernel[d] > 0;
}

/* ---- the operator ----------------------------------------------------------------------------------------------- */

static void interpolate_samples(tp_sampler *s)
{
    tp__resampling r = {.space = 2, .in = {1, 4, 5}, .out = {1, 7, 4}};
    for (r.rule = TP_NEAREST; r.rule <= TP_BICUBIC; r.rule++)
        tp__resample_sample(s, &r);
    r.align_corners = true;
    tp__resample_sample(s, &r);
    r = (tp__resampling){.space = 2, .in = {1, 9, 5}, .out = {1, 4, 8}, .rule = TP_BICUBIC, .antialias = true};
    tp__resample_sample(s, &r);
    r.rule = TP_BILINEAR;
    tp__resample_sample(s, &r);
    r = (tp__resampling){.space = 1, .in = {1, 1, 5}, .out = {1, 1, 8}, .rule = TP_LINEAR, .scale = {1, 1, 1.7}};
    tp__resample_sample(s, &r);
    tp__resample_sample(s, &(tp__resampling){.space = 2, .in = {1, 6, 4}, .out = {1, 2, 4}, .kernel = {0, 3, 1}});
    r = (tp__resampling){.space = 3, .in = {2, 3, 4}, .out = {4, 1, 6}, .rule = TP_TRILINEAR, .align_corners = true};
    tp__resample_sample(s, &r);
}

TP__SLIDING_OP(interpolate, interpolate_slides, interpolate_taps, false, NULL)

/* ---- the function ----------------------------------------------------------------------------------------------- */

/* Does x have the dimensions that the mode is for? Otherwise T fails. */
static bool mode_fits(tp_tape *T, const tp_tensor *x, const tp_interpolate_options *o)
{
    static const struct {
        const char *name;
        int space; /* 0: any */
    } modes[] = {{"nearest", 0},   {"nearest-exact", 0}, {"linear", 1}, {"bilinear", 2},
                 {"trilinear", 3}, {"bicubic", 2},       {"area", 0}};
    if ((unsigned)o->mode > TP_AREA) {
        tp_fail(T, TP_EINVAL, "interpolate: mode %d; one of tp_interpolation is needed", (int)o->mode);
        return false;
    }
    int space = modes[o->mode].space;
    bool fits = space ? x->ndim == space + 2 : x->ndim >= 3 && x->ndim <= TP__SPACE + 2;
    if (!fits)
        tp_fail(T, TP_ESHAPE, "interpolate: x is %s, the mode \"%s\"; samples, channels and %s of space are needed",
                TP__SHAPE(x), modes[o->mode].name,
                space == 0   ? "1 to 3 dimensions"
                : space == 1 ? "1 dimension"
                : space == 2 ? "2 dimensions"
                             : "3 dimensions");
    return fits;
}

static bool options_fit(tp_tape *T, const tp_interpolate_options *o)
{
    bool scaled = o->scale_factor[0] != 0 || o->scale_factor[1] != 0 || o->scale_factor[2] != 0;
    const char *what = NULL, *needed = NULL;
    if (scaled == (o->size.ndim != 0)) {
        what = scaled ? "size and scale_factor" : "neither size nor scale_factor";
        needed = "one of them";
    } else if (o->recompute_scale_factor && !scaled) {
        what = "recompute_scale_factor, but a size";
        needed = "scale_factor";
    } else if (o->align_corners && (o->mode == TP_NEAREST || o->mode == TP_NEAREST_EXACT || o->mode == TP_AREA)) {
        what = "align_corners";
        needed = "a linear or cubic mode";
    } else if (o->antialias && o->mode != TP_BILINEAR && o->mode != TP_BICUBIC) {
        what = "antialias";
        needed = "the mode bilinear or bicubic";
    }
    if (what)
        tp_fail(T, TP_EINVAL, "interpolate: %s; %s is needed", what, needed);
    return what == NULL;
}

/* The sizes that come out, rounded down where they are x's times a number. */
static bool sizes_fit(tp_tape *T, const tp_tensor *x, const tp_interpolate_options *o, tp__resampling *r)
{
    const double *factor = o->scale_factor;
    tp__space_of(x, r->space, r->in);
    for (int d = 0; d < TP__SPACE; d++)
        r->out[d] = 1;
    if (o->size.ndim)
        return tp__sizes_of_space(T, "interpolate", "the size", o->size, r->space, 1, r->out);
    for (int k = 0; k < TP__SPACE; k++) {
        int d = TP__SPACE - r->space + k;
        double f = factor[1] == 0 && factor[2] == 0 ? factor[0] : factor[k];
        double size = k < r->space ? floor((double)r->in[d] * f) : 1;
        if (!(size >= 1 && size <= INT32_MAX) || (k >= r->space && factor[k] != 0)) {
            tp_fail(T, TP_EINVAL,
                    "interpolate: x is %s, the factors %g, %g, %g; one, or %d, that make 1 to 2^31 - 1 elements are "
                    "needed",
                    TP__SHAPE(x), factor[0], factor[1], factor[2], r->space);
            return false;
        }
        if (k < r->space) {
            r->out[d] = (int64_t)size;
            r->scale[d] = o->recompute_scale_factor ? 0 : f;
        }
    }
    return true;
}

/* The nearest ones of whole numbers, which have no gradient: a copy a dimension. */
static tp_tensor *moved(tp_tape *T, const tp__resampling *r, tp_tensor *x)
{
    for (int d = TP__SPACE - r->space; d < TP__SPACE; d++) {
        tp_tensor *index = tp_empty(T, TP_I64, (tp_dims){1, {r->out[d]}});
        for (int64_t o = 0; index && o < r->out[d]; o++)
            ((int64_t *)index->data)[o] = nearest(r, TP_F32, d, o);
        x = tp_index_select(T, x, d - TP__SPACE, index);
    }
    return x;
}

/* Where each element becomes a block of them, *r is made the transposed sum. */
static void as_blocks(tp__resampling *r, tp_dtype dtype)
{
    tp__resampling sum = {.space = r->space, .transposed = true, .rule = r->rule};
    if (r->rule != TP_NEAREST && r->rule != TP_NEAREST_EXACT)
        return;
    for (int d = 0; d < TP__SPACE; d++) {
        sum.in[d] = r->out[d];
        sum.out[d] = r->in[d];
        sum.kernel[d] = r->out[d] / r->in[d];
        if (r->out[d] % r->in[d])
            return;
        for (int64_t o = 0; d >= TP__SPACE - r->space && o < r->out[d]; o++)
            if (nearest(r, dtype, d, o) != o / sum.kernel[d])
                return;
    }
    *r = sum;
}

tp_tensor *tp_interpolate(tp_tape *T, tp_tensor *x, const tp_interpolate_options *options)
{
    static tp_tensor *(*const means[])(tp_tape *, tp_tensor *, tp_dims) = {
        tp_adaptive_avg_pool1d, tp_adaptive_avg_pool2d, tp_adaptive_avg_pool3d};
    TP__NAMED(T, "interpolate");
    tp_interpolate_options o = options ? *options : (tp_interpolate_options){.mode = TP_NEAREST};
    if (!tp__usable(T, "interpolate", x) || !mode_fits(T, x, &o) || !options_fit(T, &o))
        return NULL;
    tp__resampling r = {
        .space = x->ndim - 2, .rule = (int)o.mode, .align_corners = o.align_corners, .antialias = o.antialias};
    if (!tp__has_space(T, "interpolate", x, r.space) || !sizes_fit(T, x, &o, &r))
        return NULL;
    if (o.mode == TP_AREA) {
        tp_dims size = {.ndim = r.space};
        memcpy(size.dim, r.out + TP__SPACE - r.space, (size_t)r.space * sizeof *r.out);
        return means[r.space - 1](T, x, size);
    }
    if (x->dtype == TP_U8 && (o.mode == TP_NEAREST || o.mode == TP_NEAREST_EXACT))
        return moved(T, &r, x);
    as_blocks(&r, x->dtype);
    return tp__apply1(T, &interpolate_op.op, &r, x);
}

const tp_op *const tp__ops_interpolate[] = {
#include TP__OPERATORS
    NULL};
