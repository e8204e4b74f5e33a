/* layer_norm.c - normalization over the last dimensions, by mean and variance, or by the mean square. */
#include "kernel/layer_norm.h"
#include "ops/ops.h"

#include <float.h>
#include <math.h>

/* ---- layer_norm and rms_norm: over the last dimensions, then times weight, plus bias ------------------------------------- */

typedef struct {
    double eps;
    int dims; /* how many of the last dimensions */
    bool weight, bias;
    bool about_zero; /* rms_norm: squares are about 0, not the mean */
} layer;

static const tp_tensor *weight_of(const layer *a, tp_tensor *const *in) { return a->weight ? in[1] : NULL; }
static const tp_tensor *bias_of(const layer *a, tp_tensor *const *in) { return a->bias ? in[1 + a->weight] : NULL; }
static const void *data_of(const tp_tensor *x) { return x ? x->data : NULL; }

static tp_dims normalized(const tp_tensor *x, int dims)
{
    tp_dims s = {.ndim = dims};
    for (int d = 0; d < dims; d++)
        s.dim[d] = x->shape[x->ndim - dims + d];
    return s;
}

static tp_status layer_norm_infer(tp_call *c)
{
    const layer *a = c->attr;
    const tp_tensor *x = c->in[0], *part[2] = {weight_of(a, c->in), bias_of(a, c->in)};
    if (a->dims < 1 || a->dims > x->ndim)
        return tp_call_fail(c, TP_ESHAPE, "%d dimensions of x, which is %s; 1 to %d are needed", a->dims, TP__SHAPE(x),
                            x->ndim);
    if (!tp_dtype_is_float(x->dtype))
        return tp__no_float(c, x);
    for (int i = 0; i < 2; i++) {
        if (part[i] && !tp__dims_equal(tp__dims_of(part[i]), normalized(x, a->dims)))
            return tp_call_fail(c, TP_ESHAPE, "%s is %s, x is %s; x's last dimensions are needed",
                                i ? "bias" : "weight", TP__SHAPE(part[i]), TP__SHAPE(x));
        if (part[i] && part[i]->dtype != x->dtype)
            return tp_call_fail(c, TP_EDTYPE, "%s is %s, x is %s; one dtype is needed", i ? "bias" : "weight",
                                tp_dtype_name(part[i]->dtype), tp_dtype_name(x->dtype));
    }
    return tp__infer_like_first(c);
}

static int64_t row_of(const tp_tensor *x, const layer *a)
{
    int64_t n = 1;
    for (int d = x->ndim - a->dims; d < x->ndim; d++)
        n *= x->shape[d];
    return n;
}

static tp_status layer_norm_forward(tp_call *c)
{
    const layer *a = c->attr;
    const tp_tensor *x = c->in[0];
    int64_t n = row_of(x, a);
    if (x->numel && a->about_zero)
        tp__rms_norm(x->dtype, x->numel / n, n, a->eps, x->data, data_of(weight_of(a, c->in)), c->out[0]->data);
    else if (x->numel)
        tp__layer_norm(x->dtype, x->numel / n, n, a->eps, x->data, data_of(weight_of(a, c->in)),
                       data_of(bias_of(a, c->in)), c->out[0]->data);
    return TP_OK;
}

/* Powers of two, one a row, that bring the largest of |x| and sqrt(eps) near 1, and eps times their squares. The result does
 * not depend on them, so they count as constants. */
static bool scales_of(tp_tape *T, const tp_tensor *x, const layer *a, tp_tensor **scale, tp_tensor **eps)
{
    const int most = x->dtype == TP_F32 ? 120 : 1000;
    const size_t size = tp_dtype_size(x->dtype);
    int64_t n = row_of(x, a);
    tp_dims kept = tp__dims_of(x);
    for (int d = x->ndim - a->dims; d < x->ndim; d++)
        kept.dim[d] = 1;
    *scale = tp_empty(T, x->dtype, kept);
    *eps = tp_empty(T, x->dtype, kept);
    for (int64_t r = 0; *scale && *eps && r < (*scale)->numel; r++) {
        double top = sqrt(a->eps);
        int e;
        for (int64_t i = 0; i < n; i++)
            top = fmax(top, fabs(tp__load((const char *)x->data + (size_t)(r * n + i) * size, x->dtype)));
        frexp(top < (double)INFINITY ? top : 1, &e);
        double s = ldexp(1, e < -most ? most : e > most ? -most : -e);
        tp__store((char *)(*scale)->data + (size_t)r * size, x->dtype, s);
        tp__store((char *)(*eps)->data + (size_t)r * size, x->dtype, a->eps * s * s);
    }
    return *scale && *eps;
}

/* rstd (h - mean(h) - xhat mean(h xhat)) with h = g weight, about 0 without mean(h); g xhat and g, summed by the sweep. x is scaled on the way, so that
 * no square leaves the range. */
static tp_status layer_norm_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    const layer *a = v->attr;
    tp_tensor *x = v->in[0], *g = v->gout[0], *scale, *eps;
    int over[TP_MAX_DIMS];
    for (int d = 0; d < a->dims; d++)
        over[d] = x->ndim - a->dims + d;
    if (!scales_of(T, x, a, &scale, &eps))
        return T->status;
    tp_tensor *scaled = tp_mul(T, x, scale);
    tp_tensor *centred = a->about_zero ? scaled : tp_sub(T, scaled, tp_mean_dims(T, scaled, a->dims, over, true));
    tp_tensor *var = tp_mean_dims(T, tp_square(T, centred), a->dims, over, true);
    tp_tensor *rstd = tp_rsqrt(T, tp_add(T, var, eps)), *xhat = tp_mul(T, centred, rstd);
    if (tp_vjp_needs(v, 0)) {
        tp_tensor *h = a->weight ? tp_mul(T, g, v->in[1]) : g;
        tp_tensor *along = tp_mul(T, xhat, tp_mean_dims(T, tp_mul(T, h, xhat), a->dims, over, true));
        tp_tensor *own = a->about_zero ? h : tp_sub(T, h, tp_mean_dims(T, h, a->dims, over, true));
        tp_tensor *rest = tp_sub(T, own, along);
        v->gin[0] = tp_mul(T, tp_mul(T, rest, rstd), scale);
    }
    if (a->weight && tp_vjp_needs(v, 1))
        v->gin[1] = tp_mul(T, g, xhat);
    if (a->bias && tp_vjp_needs(v, 1 + a->weight))
        v->gin[1 + a->weight] = g;
    return TP_OK;
}

static tp_status layer_norm_vjp_fused(tp_vjp *v)
{
    const layer *a = v->attr;
    const tp_tensor *x = v->in[0];
    int weight = a->weight ? 1 : 0, bias = a->bias ? 1 + weight : 0;
    int64_t n = row_of(x, a), rows = n ? x->numel / n : 0;
    tp_tensor *of[3] = {v->gin[0], weight ? v->gin[weight] : NULL, bias ? v->gin[bias] : NULL};
    void *gin[3] = {of[0] ? of[0]->data : NULL, of[1] ? of[1]->data : NULL, of[2] ? of[2]->data : NULL};
    uint32_t fresh = (v->fresh & 1u) | ((v->fresh >> weight) & 1u) << 1 | ((v->fresh >> bias) & 1u) << 2;
    void *scratch = NULL;
    if (gin[1] || gin[2]) {
        size_t bytes = (size_t)tp__layer_norm_chunks(rows, n) * (size_t)n * tp_dtype_size(x->dtype);
        if ((scratch = tp_vjp_scratch(v, 2 * bytes)) == NULL)
            return v->tape->status;
    }
    (a->about_zero ? tp__rms_norm_backward : tp__layer_norm_backward)(
        x->dtype, rows, n, a->eps, x->data, data_of(weight_of(a, v->in)), v->gout[0]->data, gin, fresh, scratch);
    return TP_OK;
}

static void layer_norm_samples(tp_sampler *s)
{
    tp_tensor *in[3] = {tp_sample_tensor(s, (tp_dims){2, {3, 5}}, -1.7, 2.1),
                        tp_sample_tensor(s, (tp_dims){1, {5}}, 0.5, 1.7),
                        tp_sample_tensor(s, (tp_dims){1, {5}}, -1, 1)};
    tp_sample(s, &(layer){1e-5, 1, true, true, false}, 3, in);
    tp_sample(s, &(layer){1e-5, 1, true, false, false}, 2, in);
    tp_sample(s, &(layer){1e-5, 2, false, false, false}, 1, in);
    in[1] = in[2];
    tp_sample(s, &(layer){0.1, 1, false, true, false}, 2, in);
    in[0] = tp_sample_tensor(s, (tp_dims){3, {2, 0, 5}}, -1, 1);
    tp_sample(s, &(layer){1e-5, 1, false, true, false}, 2, in);
}

static void rms_norm_samples(tp_sampler *s)
{
    tp_tensor *in[2] = {tp_sample_tensor(s, (tp_dims){2, {3, 5}}, -1.7, 2.1),
                        tp_sample_tensor(s, (tp_dims){1, {5}}, 0.5, 1.7)};
    tp_sample(s, &(layer){1e-5, 1, true, false, true}, 2, in);
    tp_sample(s, &(layer){0.1, 2, false, false, true}, 1, in);
    in[0] = tp_sample_tensor(s, (tp_dims){3, {4, 3, 50}}, -1, 1);
    tp_sample(s, &(layer){1e-3, 1, false, false, true}, 1, in);
    in[0] = tp_sample_tensor(s, (tp_dims){3, {2, 0, 5}}, -1, 1);
    tp_sample(s, &(layer){1e-5, 1, true, false, true}, 2, in);
}

/* clang-format off */
static const tp_op layer_norm_op = {
    .name = "layer_norm", .n_in = -1, .n_out = 1, .attr_size = sizeof(layer),
    .flags = TP_OP_FORGETS_OUT | TP_OP_OVERWRITES, .grad_name = "NativeLayerNormBackward0",
    .infer = layer_norm_infer, .forward = layer_norm_forward, .vjp = layer_norm_vjp, .vjp_fused = layer_norm_vjp_fused,
    .samples = layer_norm_samples};
static const tp_op rms_norm_op = {
    .name = "rms_norm", .n_in = -1, .n_out = 1, .attr_size = sizeof(layer),
    .flags = TP_OP_FORGETS_OUT | TP_OP_OVERWRITES, .grad_name = "MulBackward0",
    .infer = layer_norm_infer, .forward = layer_norm_forward, .vjp = layer_norm_vjp, .vjp_fused = layer_norm_vjp_fused,
    .samples = rms_norm_samples};
/* clang-format on */

/* Are these x's last dimensions? Otherwise T fails. */
static bool shape_fits(tp_tape *T, const char *name, const tp_tensor *x, tp_dims shape)
{
    if (!tp__usable(T, name, x))
        return false;
    if (shape.ndim < 1 || shape.ndim > x->ndim || !tp__dims_equal(normalized(x, shape.ndim), shape))
        tp_fail(T, TP_ESHAPE, "%s: normalized_shape is %s, x is %s; x's last dimensions are needed", name,
                TP__DIMS(shape), TP__SHAPE(x));
    return tp__ok(T);
}

tp_tensor *tp_layer_norm(tp_tape *T, tp_tensor *x, tp_dims normalized_shape, tp_tensor *weight, tp_tensor *bias,
                         double eps)
{
    layer a = {eps, normalized_shape.ndim, weight != NULL, bias != NULL, false};
    tp_tensor *in[3] = {x, weight ? weight : bias, bias};
    if (!shape_fits(T, "layer_norm", x, normalized_shape))
        return NULL;
    return tp_apply(T, &layer_norm_op, &a, 1 + a.weight + a.bias, in);
}

tp_tensor *tp_rms_norm(tp_tape *T, tp_tensor *x, tp_dims normalized_shape, tp_tensor *weight, double eps)
{
    tp_tensor *in[2] = {x, weight};
    if (!shape_fits(T, "rms_norm", x, normalized_shape))
        return NULL;
    double least = x->dtype == TP_F32 ? (double)FLT_EPSILON : DBL_EPSILON;
    layer a = {tp__option(eps, least), normalized_shape.ndim, weight != NULL, false, true};
    return tp_apply(T, &rms_norm_op, &a, 1 + a.weight, in);
}

const tp_op *const tp__ops_norm[] = {
#include TP__OPERATORS
    NULL};
