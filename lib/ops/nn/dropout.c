/* dropout.c - layers that draw: dropout, alpha dropout, and leaky slopes at random. */
#include "ops/ops.h"

#include <math.h>

/* ---- dropout: attr is p; out[1] says what was kept --------------------------------------------------------------- */

enum { DRAWN = 512 }; /* numbers at a time */

static double keep_scale(const tp_tensor *x, double p)
{
    return x->dtype == TP_F32 ? (double)(1 / (float)(1 - p)) : 1 / (1 - p);
}

/* clang-format off */
/* y (+)= x times the scale where it is kept, times 0 elsewhere: NaN and infinities come through */
#define KEEP(S, R)                                                                                 \
    static void keep_##S(int64_t n, const R *x, const uint8_t *kept, R scale, R *restrict y, bool add) \
    { if (add) for (int64_t i = 0; i < n; i++) y[i] += x[i] * ((R)kept[i] * scale);                \
      else for (int64_t i = 0; i < n; i++) y[i] = x[i] * ((R)kept[i] * scale); }
KEEP(f32, float)
KEEP(f64, double)
/* clang-format on */

static void keep(const tp_tensor *x, const uint8_t *kept, double scale, tp_tensor *y, bool add)
{
    if (x->dtype == TP_F32)
        keep_f32(x->numel, x->data, kept, (float)scale, y->data, add);
    else
        keep_f64(x->numel, x->data, kept, scale, y->data, add);
}

static tp_status dropout_infer(tp_call *c)
{
    tp_status status = tp__infer_float_like(c);
    return status == TP_OK ? tp_call_out(c, 1, TP_BOOL, tp__dims_of(c->in[0])) : status;
}

static tp_status dropout_forward(tp_call *c)
{
    const tp_tensor *x = c->in[0];
    double p = *(const double *)c->attr, scale = keep_scale(x, p);
    uint8_t *kept = c->out[1]->data;
    double u[DRAWN];
    for (int64_t at = 0, n; at < x->numel; at += n) {
        n = x->numel - at < DRAWN ? x->numel - at : DRAWN;
        tp__rng_fill_uniform(&c->tape->rng, TP_F64, u, n, 0, 1);
        for (int64_t i = 0; i < n; i++)
            kept[at + i] = u[i] < 1 - p;
    }
    keep(x, kept, scale, c->out[0], false);
    return TP_OK;
}

static tp_status dropout_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    v->gin[0] = tp__mul3(T, v->gout[0], v->out[1], tp__number(T, v->gout[0], 1),
                         keep_scale(v->in[0], *(const double *)v->attr));
    return TP_OK;
}

static tp_status dropout_vjp_fused(tp_vjp *v)
{
    keep(v->gout[0], v->out[1]->data, keep_scale(v->in[0], *(const double *)v->attr), v->gin[0], !v->fresh);
    return TP_OK;
}

static void dropout_samples(tp_sampler *s)
{
    tp_tensor *x = tp_sample_tensor(s, (tp_dims){2, {4, 5}}, -1, 1);
    tp_sample(s, &(double){0.3}, 1, &x);
}

/* clang-format off */
static const tp_op dropout_op = {
    .name = "dropout", .n_in = 1, .n_out = 2, .attr_size = sizeof(double), 
    .flags = TP_OP_RANDOM | TP_OP_FORGETS_IN | TP_OP_OVERWRITES, .grad_name = "MulBackward0",
    .infer = dropout_infer, .forward = dropout_forward, .vjp = dropout_vjp, .vjp_fused = dropout_vjp_fused,
    .samples = dropout_samples};
/* clang-format on */

/* Is p a probability? Otherwise T fails. */
static bool good(tp_tape *T, const char *name, const tp_tensor *x, double p)
{
    if (!tp__usable(T, name, x))
        return false;
    if (!(p >= 0 && p <= 1))
        tp_fail(T, TP_EINVAL, "%s: p is %g; 0 to 1 is needed", name, p);
    return tp__ok(T);
}

tp_tensor *tp_dropout(tp_tape *T, tp_tensor *x, double p, bool training)
{
    if (!good(T, "dropout", x, p))
        return NULL;
    if (p == 0 || !training || x->numel == 0)
        return x;
    return p == 1 ? tp_mul_scalar(T, x, 0) : tp__apply1(T, &dropout_op, &p, x);
}

/* ---- functions made of draws ---------------------------------------------------------------------------------------- */

/* 0 with probability p, else 1: for each element, or each channel x[i][j]. */
static tp_tensor *kept_of(tp_tape *T, const char *name, const tp_tensor *x, double p, bool channels)
{
    tp_dims shape = tp__dims_of(x);
    if (channels && shape.ndim < 2) {
        tp_fail(T, TP_ESHAPE, "%s: x is %s; 2 dimensions or more are needed", name, TP__SHAPE(x));
        return NULL;
    }
    for (int d = 2; channels && d < shape.ndim; d++)
        shape.dim[d] = 1;
    tp_tensor *kept = tp_dtype_is_float(x->dtype) ? tp_empty(T, x->dtype, shape) : NULL;
    if (tp__ok(T) && kept == NULL)
        tp_fail(T, TP_EDTYPE, "%s: x is %s; float32 or float64 is needed", name, tp_dtype_name(x->dtype));
    return kept && tp_bernoulli_(T, kept, 1 - p) == TP_OK ? kept : NULL;
}

/* Klambauer et al., "Self-normalizing neural networks", 2017 */
static tp_tensor *alpha_dropout(tp_tape *T, const char *name, tp_tensor *x, double p, bool training, bool channels)
{
    const double alpha = 1.7580993408473766;
    if (!good(T, name, x, p))
        return NULL;
    if (p == 0 || !training || x->numel == 0)
        return x;
    if (p == 1)
        return tp_mul_scalar(T, x, 0);
    tp_tensor *kept = kept_of(T, name, x, p, channels);
    double a = 1 / sqrt((alpha * alpha * p + 1) * (1 - p));
    tp_tensor *shift = tp_add_scalar(T, tp_mul_scalar(T, tp_add_scalar(T, kept, -1), alpha * a), alpha * a * p);
    return tp_add(T, tp_mul(T, x, tp_mul_scalar(T, kept, a)), shift);
}

tp_tensor *tp_alpha_dropout(tp_tape *T, tp_tensor *x, double p, bool training)
{
    TP__NAMED(T, "alpha_dropout");
    return alpha_dropout(T, "alpha_dropout", x, p, training, false);
}
tp_tensor *tp_feature_alpha_dropout(tp_tape *T, tp_tensor *x, double p, bool training)
{
    TP__NAMED(T, "feature_alpha_dropout");
    return alpha_dropout(T, "feature_alpha_dropout", x, p, training, true);
}

static tp_tensor *channel_dropout(tp_tape *T, const char *name, tp_tensor *x, double p, bool training)
{
    if (p == 0 || !training || x->numel == 0)
        return x;
    if (p == 1)
        return tp_mul_scalar(T, x, 0);
    tp_tensor *kept = kept_of(T, name, x, p, true);
    return kept ? tp_mul(T, x, tp_mul_scalar(T, kept, keep_scale(x, p))) : NULL;
}

/* The same of [channels, ...] as of one row. */
static tp_tensor *row_dropout(tp_tape *T, const char *name, tp_tensor *x, double p, bool training)
{
    if (!training)
        return x;
    return tp_squeeze_dim(T, channel_dropout(T, name, tp_unsqueeze(T, x, 0), p, training), 0);
}

tp_tensor *tp_dropout1d(tp_tape *T, tp_tensor *x, double p, bool training)
{
    TP__NAMED(T, "dropout1d");
    if (!good(T, "dropout1d", x, p))
        return NULL;
    if (x->ndim != 2 && x->ndim != 3) {
        tp_fail(T, TP_ESHAPE, "dropout1d: x is %s; [n, c, l] or [c, l] is needed", TP__SHAPE(x));
        return NULL;
    }
    return (x->ndim == 2 ? row_dropout : channel_dropout)(T, "dropout1d", x, p, training);
}

tp_tensor *tp_dropout2d(tp_tape *T, tp_tensor *x, double p, bool training)
{
    TP__NAMED(T, "dropout2d");
    if (!good(T, "dropout2d", x, p))
        return NULL;
    if (x->ndim != 4)
        tp_warn(T, "dropout2d: x is %s, taken as [n, c, ...]; [n, c, h, w] is needed", TP__SHAPE(x));
    return channel_dropout(T, "dropout2d", x, p, training);
}

tp_tensor *tp_dropout3d(tp_tape *T, tp_tensor *x, double p, bool training)
{
    TP__NAMED(T, "dropout3d");
    if (!good(T, "dropout3d", x, p))
        return NULL;
    if (x->ndim != 4 && x->ndim != 5)
        tp_warn(T, "dropout3d: x is %s, taken as [c, ...]; [n, c, d, h, w] or [c, d, h, w] is needed", TP__SHAPE(x));
    return (x->ndim == 5 ? channel_dropout : row_dropout)(T, "dropout3d", x, p, training);
}

/* clang-format off */
/* Slopes for n elements: draws are taken by those that are not above 0, in their order. All is chosen without a branch, which
 * would be guessed wrong half of the time. */
#define SLOPES(S, R)                                                                               \
    static void slopes_##S(tp__rng *g, int64_t n, const R *x, double lower, double upper, R *slope) \
    { double u[DRAWN + 1]; int64_t draws = 0, k = 0;                                               \
      for (int64_t i = 0; i < n; i++) draws += x[i] <= 0;                                          \
      tp__rng_fill_uniform(g, TP_F64, u, draws, 0, 1); u[draws] = 0;                               \
      for (int64_t i = 0; i < n; i++) {                                                            \
          R drawn = (R)(u[k] * (upper - lower) + lower), of[2] = {1, drawn};                       \
          slope[i] = of[x[i] <= 0]; k += x[i] <= 0; } }
SLOPES(f32, float)
SLOPES(f64, double)
/* clang-format on */

/* Of x's precision as their bounds are; the draws are doubles. */
static void draw_slopes(tp__rng *g, const tp_tensor *x, double lower, double upper, void *slope)
{
    bool narrow = x->dtype == TP_F32;
    lower = narrow ? (double)(float)lower : lower;
    upper = narrow ? (double)(float)upper : upper;
    for (int64_t i = 0, n; i < x->numel; i += n) {
        n = x->numel - i < DRAWN ? x->numel - i : DRAWN;
        if (narrow)
            slopes_f32(g, n, (const float *)x->data + i, lower, upper, (float *)slope + i);
        else
            slopes_f64(g, n, (const double *)x->data + i, lower, upper, (double *)slope + i);
    }
}

tp_tensor *tp_rrelu(tp_tape *T, tp_tensor *x, double lower, double upper, bool training)
{
    TP__NAMED(T, "rrelu");
    if (!tp__usable(T, "rrelu", x))
        return NULL;
    if (!(lower <= upper) || !tp_dtype_is_float(x->dtype)) {
        tp_fail(T, TP_EINVAL,
                "rrelu: slopes from %g to %g, x is %s; slopes in their order, and float32 or float64, are needed",
                lower, upper, tp_dtype_name(x->dtype));
        return NULL;
    }
    if (!training)
        return tp_leaky_relu(T, x, (lower + upper) / 2);
    tp_tensor *values = tp_contiguous(T, tp_detach(T, x)), *slope = values ? tp_empty_like(T, values) : NULL;
    if (slope == NULL)
        return NULL;
    draw_slopes(&T->rng, values, lower, upper, slope->data);
    return tp_mul(T, x, slope);
}

const tp_op *const tp__ops_dropout[] = {
#include TP__OPERATORS
    NULL};
