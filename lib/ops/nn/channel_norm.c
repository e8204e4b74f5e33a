/* channel_norm.c - normalization of x [n, c, ...] by statistics of channels over the batch, or of groups of channels within
 * each sample. */
#include "kernel/channel_norm.h"
#include "ops/ops.h"

#include <math.h>

/* ---- the operators: inputs x, mean and var where they are given, weight, bias; out[1] has the statistics of the sets -------- */

typedef struct {
    double eps;
    int64_t groups; /* 0: over the batch */
    bool given, weight, bias;
} norm;

enum { MOST_IN = 5 };

static int weight_at(const norm *a) { return a->given ? 3 : 1; }
static int bias_at(const norm *a) { return weight_at(a) + a->weight; }

static tp_dims as_channels(const tp_tensor *x)
{
    tp_dims s = {3, {x->shape[0], x->shape[1], 1}};
    for (int d = 2; d < x->ndim; d++)
        s.dim[2] *= x->shape[d];
    return s;
}

/* Sets are the middle. */
static tp_dims as_sets(const norm *a, const tp_tensor *x)
{
    tp_dims s = as_channels(x);
    return a->groups ? (tp_dims){3, {1, s.dim[0] * a->groups, s.dim[1] / a->groups * s.dim[2]}} : s;
}

static const void *data_at(bool there, tp_tensor *const *in, int i) { return there ? in[i]->data : NULL; }

static tp__channel_norm job_of(const norm *a, tp_tensor *const *in, const tp_tensor *stats)
{
    tp_dims s = as_channels(in[0]);
    return (tp__channel_norm){.dtype = in[0]->dtype,
                              .n = s.dim[0],
                              .channels = s.dim[1],
                              .length = s.dim[2],
                              .groups = a->groups,
                              .eps = a->eps,
                              .mean = data_at(a->given, in, 1),
                              .var = data_at(a->given, in, 2),
                              .x = in[0]->data,
                              .weight = data_at(a->weight, in, weight_at(a)),
                              .bias = data_at(a->bias, in, bias_at(a)),
                              .stats = stats->data};
}

static tp_status norm_infer(tp_call *c)
{
    const norm *a = c->attr;
    const tp_tensor *x = c->in[0];
    if (!tp_dtype_is_float(x->dtype))
        return tp__no_float(c, x);
    if (x->ndim < 2)
        return tp_call_fail(c, TP_ESHAPE, "x is %s; [n, channels, ...] is needed", TP__SHAPE(x));
    for (int i = 1; i < c->n_in; i++) {
        const char *what = i >= bias_at(a)     ? "bias"
                           : i >= weight_at(a) ? "weight"
                           : i == 1            ? "the mean"
                                               : "the variance";
        if (c->in[i]->ndim != 1 || c->in[i]->shape[0] != x->shape[1])
            return tp_call_fail(c, TP_ESHAPE, "%s is %s, x is %s; [%lld] is needed, its channels", what,
                                TP__SHAPE(c->in[i]), TP__SHAPE(x), (long long)x->shape[1]);
        if (c->in[i]->dtype != x->dtype)
            return tp_call_fail(c, TP_EDTYPE, "%s is %s, x is %s; one dtype is needed", what,
                                tp_dtype_name(c->in[i]->dtype), tp_dtype_name(x->dtype));
    }
    if (a->groups < 0 || (a->groups > 0 && x->shape[1] % a->groups != 0))
        return tp_call_fail(c, TP_ESHAPE, "x is %s, %lld groups; groups of one size are needed", TP__SHAPE(x),
                            (long long)a->groups);
    tp_status status = tp__infer_like_first(c);
    return status == TP_OK ? tp_call_out(c, 1, TP_F64, (tp_dims){2, {as_sets(a, x).dim[1], TP__NORM_STATS}}) : status;
}

static tp_status norm_forward(tp_call *c)
{
    tp__channel_norm w = job_of(c->attr, c->in, c->out[1]);
    size_t bytes = tp__channel_norm_scratch(&w);
    w.y = c->out[0]->data;
    if (bytes > 0 && (w.partial = tp_call_scratch(c, bytes)) == NULL)
        return c->tape->status;
    tp__channel_norm_forward(&w);
    return TP_OK;
}

/* ---- derivatives ------------------------------------------------------------------------------------------------- */

static const int outer[2] = {0, 2};

static tp_tensor *over_channels(tp_tape *T, tp_tensor *x) { return tp_sum_dims(T, x, 2, outer, false); }
static tp_tensor *middle_mean(tp_tape *T, tp_tensor *x) { return tp_mean_dims(T, x, 2, outer, true); }
static tp_tensor *beside_channels(tp_tape *T, tp_tensor *v)
{
    return v ? tp_reshape(T, v, (tp_dims){3, {1, v->shape[0], 1}}) : NULL;
}

/* Powers of two, one a set, that bring deviations near 1 and leave means in range; and eps times their squares. The result
 * does not depend on them, so they count as constants. */
static bool scales_of(tp_tape *T, const tp_vjp *v, tp_tensor **scale, tp_tensor **eps)
{
    const norm *a = v->attr;
    const tp_tensor *x = v->in[0];
    const tp__norm_stats *s = v->out[1]->data;
    const int most = x->dtype == TP_F32 ? 110 : 1000;
    tp_dims shape = as_sets(a, x);
    shape.dim[0] = shape.dim[2] = 1;
    *scale = tp_empty(T, x->dtype, shape);
    *eps = tp_empty(T, x->dtype, shape);
    for (int64_t k = 0; *scale && *eps && k < shape.dim[1]; k++) {
        int e = 0, scaled, mean;
        frexp(s[k].scale, &scaled);
        frexp(isfinite(s[k].mean) ? s[k].mean : 0, &mean);
        if (isfinite(s[k].rstd))
            frexp(s[k].rstd, &e);
        e += scaled - 1;
        mean -= scaled - 1;
        e = e + mean > most && s[k].mean != 0 ? most - mean : e;
        double power = ldexp(1, e < -most ? -most : e > most ? most : e);
        size_t at = (size_t)k * tp_dtype_size(x->dtype);
        tp__store((char *)(*scale)->data + at, x->dtype, power);
        tp__store((char *)(*eps)->data + at, x->dtype, a->eps * power * power);
    }
    return *scale && *eps;
}

/* rstd (h - mean(h) - xhat mean(h xhat)) with h = g weight; the sums of g xhat and of g. */
static tp_status own_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    const norm *a = v->attr;
    tp_tensor *x = v->in[0], *g = v->gout[0], *scale, *eps;
    tp_dims sets = as_sets(a, x), channels = as_channels(x);
    if (!scales_of(T, v, &scale, &eps))
        return T->status;
    tp_tensor *scaled = tp_mul(T, tp_reshape(T, x, sets), scale);
    tp_tensor *centred = tp_sub(T, scaled, middle_mean(T, scaled));
    tp_tensor *rstd = tp_rsqrt(T, tp_add(T, middle_mean(T, tp_square(T, centred)), eps));
    tp_tensor *xhat = tp_mul(T, centred, rstd), *by_channel = tp_reshape(T, g, channels);
    if (tp_vjp_needs(v, 0)) {
        tp_tensor *h = a->weight ? tp_mul(T, by_channel, beside_channels(T, v->in[weight_at(a)])) : by_channel;
        h = tp_reshape(T, h, sets);
        tp_tensor *along = tp_mul(T, xhat, middle_mean(T, tp_mul(T, h, xhat)));
        tp_tensor *rest = tp_sub(T, tp_sub(T, h, middle_mean(T, h)), along);
        v->gin[0] = tp_reshape(T, tp_mul(T, tp_mul(T, rest, rstd), scale), tp__dims_of(x));
    }
    if (a->weight && tp_vjp_needs(v, weight_at(a)))
        v->gin[weight_at(a)] = over_channels(T, tp_mul(T, by_channel, tp_reshape(T, xhat, channels)));
    if (a->bias && tp_vjp_needs(v, bias_at(a)))
        v->gin[bias_at(a)] = over_channels(T, by_channel);
    return TP_OK;
}

/* Of y = xhat weight + bias with xhat = (x - mean) r and r = (var + eps)^(-1/2): r weight g for x, and less its sum for the
 * mean; -r^2 weight / 2 times the sum of g xhat for the variance. */
static tp_status given_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    const norm *a = v->attr;
    tp_tensor *x = v->in[0], *g = tp_reshape(T, v->gout[0], as_channels(x));
    tp_tensor *r = tp_rsqrt(T, tp_add_scalar(T, v->in[2], a->eps));
    tp_tensor *factor = a->weight ? tp_mul(T, r, v->in[weight_at(a)]) : r, *sum = over_channels(T, g);
    tp_tensor *centred = tp_sub(T, tp_reshape(T, x, as_channels(x)), beside_channels(T, v->in[1]));
    tp_tensor *dot = over_channels(T, tp_mul(T, g, tp_mul(T, centred, beside_channels(T, r))));
    if (tp_vjp_needs(v, 0))
        v->gin[0] = tp_reshape(T, tp_mul(T, g, beside_channels(T, factor)), tp__dims_of(x));
    if (tp_vjp_needs(v, 1))
        v->gin[1] = tp_neg(T, tp_mul(T, sum, factor));
    if (tp_vjp_needs(v, 2))
        v->gin[2] = tp_mul_scalar(T, tp_mul(T, dot, tp_mul(T, factor, r)), -0.5);
    if (a->weight && tp_vjp_needs(v, weight_at(a)))
        v->gin[weight_at(a)] = dot;
    if (a->bias && tp_vjp_needs(v, bias_at(a)))
        v->gin[bias_at(a)] = sum;
    return TP_OK;
}

static tp_status norm_vjp(tp_vjp *v) { return ((const norm *)v->attr)->given ? given_vjp(v) : own_vjp(v); }

static tp_status norm_vjp_fused(tp_vjp *v)
{
    const norm *a = v->attr;
    tp__channel_norm w = job_of(a, v->in, v->out[1]);
    const int at[2] = {a->bias ? bias_at(a) : 0, a->weight ? weight_at(a) : 0};
    size_t pairs = (size_t)tp__channel_norm_sums(&w), bytes = tp__channel_norm_scratch(&w);
    w.g = v->gout[0]->data;
    w.y = v->gin[0] ? v->gin[0]->data : NULL;
    w.accumulate = !(v->fresh & 1u);
    if ((w.sums = tp_vjp_scratch(v, (pairs + 1) * 2 * sizeof(double))) == NULL)
        return v->tape->status;
    if (bytes > 0 && (w.partial = tp_vjp_scratch(v, bytes)) == NULL)
        return v->tape->status;
    if (v->in[0]->numel == 0)
        memset(w.sums, 0, pairs * 2 * sizeof(double));
    else
        tp__channel_norm_backward(&w);
    for (int k = 0; k < 2; k++)
        if (at[k] > 0 && v->gin[at[k]])
            tp__channel_norm_gather(&w, k == 1, v->gin[at[k]]->data, !((v->fresh >> at[k]) & 1u));
    return a->given && (v->gin[1] || v->gin[2]) ? tp__vjp_fused_by_operators(v, 6) : TP_OK;
}

static void sample_with(tp_sampler *s, const norm *a, tp_dims shape)
{
    tp_dims c = {1, {shape.dim[1]}};
    tp_tensor *in[MOST_IN] = {tp_sample_tensor(s, shape, -1.7, 2.1), tp_sample_tensor(s, c, -0.5, 0.4),
                              tp_sample_tensor(s, c, 0.3, 2)};
    if (a->weight)
        in[weight_at(a)] = tp_sample_tensor(s, c, 0.5, 1.7);
    if (a->bias)
        in[bias_at(a)] = tp_sample_tensor(s, c, -1, 1);
    tp_sample(s, a, bias_at(a) + a->bias, in);
}

static void batch_norm_samples(tp_sampler *s)
{
    sample_with(s, &(norm){.eps = 1e-5, .weight = true, .bias = true}, (tp_dims){2, {5, 3}});
    sample_with(s, &(norm){.eps = 1e-3}, (tp_dims){3, {2, 3, 4}});
    sample_with(s, &(norm){.eps = 1e-3, .bias = true}, (tp_dims){4, {2, 2, 5, 7}});
    sample_with(s, &(norm){.eps = 1e-3, .given = true, .weight = true}, (tp_dims){2, {5, 3}});
    sample_with(s, &(norm){.eps = 0.1, .given = true, .bias = true}, (tp_dims){3, {2, 2, 35}});
    sample_with(s, &(norm){.eps = 1e-5, .weight = true}, (tp_dims){3, {0, 3, 4}});
}

static void group_norm_samples(tp_sampler *s)
{
    sample_with(s, &(norm){.eps = 1e-5, .groups = 2, .weight = true, .bias = true}, (tp_dims){3, {2, 4, 3}});
    sample_with(s, &(norm){.eps = 1e-3, .groups = 4, .weight = true}, (tp_dims){3, {2, 4, 3}});
    sample_with(s, &(norm){.eps = 1e-3, .groups = 1}, (tp_dims){4, {2, 2, 5, 7}});
    sample_with(s, &(norm){.eps = 1e-3, .groups = 2, .bias = true}, (tp_dims){3, {2, 4, 0}});
}

/* clang-format off */
static const tp_op batch_norm_op = {
    .name = "batch_norm", .n_in = -1, .n_out = 2, .attr_size = sizeof(norm), .constant_out = 1u << 1,
    .flags = TP_OP_FORGETS_RESULTS | TP_OP_OVERWRITES, .grad_name = "NativeBatchNormBackward0",
    .infer = norm_infer, .forward = norm_forward, .vjp = norm_vjp, .vjp_fused = norm_vjp_fused,
    .samples = batch_norm_samples};
static const tp_op group_norm_op = {
    .name = "group_norm", .n_in = -1, .n_out = 2, .attr_size = sizeof(norm), .constant_out = 1u << 1,
    .flags = TP_OP_FORGETS_RESULTS | TP_OP_OVERWRITES, .grad_name = "NativeGroupNormBackward0",
    .infer = norm_infer, .forward = norm_forward, .vjp = norm_vjp, .vjp_fused = norm_vjp_fused,
    .samples = group_norm_samples};
/* clang-format on */

/* ---- running statistics ------------------------------------------------------------------------------------------ */

typedef struct {
    double momentum;
    int64_t n; /* elements of a set */
} update;

static void move_to(tp_tensor *to, int64_t c, double keep, double add)
{
    void *at = (char *)to->data + (size_t)(c * to->stride[0]) * tp_dtype_size(to->dtype);
    tp__store(at, to->dtype, keep * tp__load(at, to->dtype) + add);
}

/* in: the statistics of sets, out: running mean and variance of channels, over whose sets means are taken. */
static tp_status running_forward(tp_call *c)
{
    const update *a = c->attr;
    const tp__norm_stats *s = c->in[0]->data;
    int64_t channels = c->out[0]->shape[0], sets = c->in[0]->shape[0], times = channels ? sets / channels : 0;
    for (int64_t k = 0; k < channels; k++) {
        double mean = 0, var = 0;
        for (int64_t i = k; i < sets; i += channels) {
            mean += s[i].mean / s[i].scale / (double)times;
            var += s[i].var / (double)times;
        }
        move_to(c->out[0], k, 1 - a->momentum, a->momentum * mean);
        move_to(c->out[1], k, 1 - a->momentum, a->momentum * (var * (double)a->n / (double)(a->n - 1)));
    }
    return TP_OK;
}

/* clang-format off */
static const tp_op running_action = {
    .name = "running_stats", .n_in = 1, .n_out = 2, .attr_size = sizeof(update),
    .forward = running_forward};
/* clang-format on */

typedef struct {
    tp_tensor *mean, *var; /* or NULL, both */
} running;

/* Are they of x's channels, and may they be written, where that is asked? Otherwise T fails. */
static bool check_running(tp_tape *T, const char *name, running r, const tp_tensor *x, bool written)
{
    if ((r.mean == NULL) != (r.var == NULL))
        tp_fail(T, TP_EINVAL, "%s: %s is NULL; running_mean and running_var, or none of them, are needed", name,
                r.mean ? "running_var" : "running_mean");
    for (int i = 0; i < 2 && r.mean && r.var && tp__ok(T); i++) {
        const tp_tensor *y = i ? r.var : r.mean;
        const char *what = i ? "running_var" : "running_mean";
        if (!(written ? tp__writable(T, name, y) == TP_OK : tp__usable(T, name, y)))
            return false;
        if (y->ndim != 1 || y->shape[0] != x->shape[1])
            tp_fail(T, TP_ESHAPE, "%s: %s is %s, x is %s; [%lld] is needed, its channels", name, what, TP__SHAPE(y),
                    TP__SHAPE(x), (long long)x->shape[1]);
        else if (y->dtype != x->dtype)
            tp_fail(T, TP_EDTYPE, "%s: %s is %s, x is %s; one dtype is needed", name, what, tp_dtype_name(y->dtype),
                    tp_dtype_name(x->dtype));
    }
    return tp__ok(T);
}

static tp_status update_running(tp_tape *T, running r, tp_tensor *stats, double momentum, int64_t n)
{
    tp_tensor *out[2] = {r.mean, r.var};
    update a = {momentum, n};
    tp_call call = {T, &running_action, &a, 1, 2, &stats, out};
    if (n < 2)
        return TP_OK;
    tp_status status = tp__run(T, &call);
    for (int i = 0; i < 2 && status == TP_OK; i++)
        out[i]->storage->version++;
    return status;
}

/* ---- the functions ----------------------------------------------------------------------------------------------- */

/* Of usable x: by r where a says so, otherwise by statistics of its own, with which r, where there is one, is updated. */
static tp_tensor *apply(tp_tape *T, const tp_op *op, norm a, tp_tensor *x, running r, tp_tensor *weight,
                        tp_tensor *bias, double momentum)
{
    tp_tensor *in[MOST_IN] = {x, r.mean, r.var}, *out[2] = {NULL, NULL};
    a.weight = weight != NULL;
    a.bias = bias != NULL;
    in[weight_at(&a)] = weight;
    if (bias)
        in[bias_at(&a)] = bias;
    if (tp_apply_all(T, op, &a, bias_at(&a) + a.bias, in, out) != TP_OK)
        return NULL;
    tp_dims sets = as_sets(&a, x);
    if (!a.given && r.mean && x->numel > 0 &&
        update_running(T, r, out[1], momentum, sets.dim[0] * sets.dim[2]) != TP_OK)
        return NULL;
    return out[0];
}

static bool has_channels(tp_tape *T, const char *name, const tp_tensor *x)
{
    if (tp__usable(T, name, x) && x->ndim < 2)
        tp_fail(T, TP_ESHAPE, "%s: x is %s; [n, channels, ...] is needed", name, TP__SHAPE(x));
    return tp__ok(T);
}

tp_tensor *tp_batch_norm(tp_tape *T, tp_tensor *x, tp_tensor *running_mean, tp_tensor *running_var,
                         const tp_batch_norm_options *options)
{
    TP__NAMED(T, "batch_norm");
    tp_batch_norm_options o = options ? *options : (tp_batch_norm_options){0};
    running r = {running_mean, running_var};
    norm a = {.eps = tp__option(o.eps, 1e-5), .given = !o.training};
    if (!has_channels(T, "batch_norm", x) || !check_running(T, "batch_norm", r, x, o.training))
        return NULL;
    tp_dims s = as_channels(x);
    if (!o.training && r.mean == NULL) {
        tp_fail(T, TP_EINVAL, "batch_norm: running_mean and running_var are NULL; they are needed but for training");
        return NULL;
    }
    if (o.training && s.dim[0] * s.dim[2] == 1) {
        tp_fail(T, TP_ESHAPE, "batch_norm: x is %s; more than one value per channel is needed when training",
                TP__SHAPE(x));
        return NULL;
    }
    return apply(T, &batch_norm_op, a, x, r, o.weight, o.bias, tp__option(o.momentum, 0.1));
}

tp_tensor *tp_instance_norm(tp_tape *T, tp_tensor *x, const tp_instance_norm_options *options)
{
    TP__NAMED(T, "instance_norm");
    tp_instance_norm_options o = options ? *options : (tp_instance_norm_options){0};
    running r = {o.running_mean, o.running_var};
    norm a = {.eps = tp__option(o.eps, 1e-5), .given = o.use_running_stats};
    if (!has_channels(T, "instance_norm", x) || !check_running(T, "instance_norm", r, x, !a.given))
        return NULL;
    if (a.given && r.mean == NULL) {
        tp_fail(T, TP_EINVAL, "instance_norm: running_mean and running_var are NULL; they are needed to be used");
        return NULL;
    }
    if (!a.given && as_channels(x).dim[2] == 1) {
        tp_fail(T, TP_ESHAPE, "instance_norm: x is %s; more than one element per channel is needed when training",
                TP__SHAPE(x));
        return NULL;
    }
    if (!a.given)
        a.groups = x->shape[1];
    bool empty = a.groups == 0; /* no channels: any operator does nothing */
    return apply(T, a.given || empty ? &batch_norm_op : &group_norm_op, a, x, r, o.weight, o.bias,
                 tp__option(o.momentum, 0.1));
}

tp_tensor *tp_group_norm(tp_tape *T, tp_tensor *x, int64_t groups, tp_tensor *weight, tp_tensor *bias, double eps)
{
    TP__NAMED(T, "group_norm");
    if (!has_channels(T, "group_norm", x))
        return NULL;
    tp_dims s = as_channels(x);
    if (groups < 1 || s.dim[1] % groups != 0) {
        tp_fail(T, TP_ESHAPE, "group_norm: x is %s, %lld groups; a number that divides its channels is needed",
                TP__SHAPE(x), (long long)groups);
        return NULL;
    }
    if (s.dim[0] == 1 && s.dim[1] == groups && s.dim[2] == 1) {
        tp_fail(T, TP_ESHAPE, "group_norm: x is %s; more than one value per group is needed", TP__SHAPE(x));
        return NULL;
    }
    return apply(T, &group_norm_op, (norm){.eps = eps, .groups = groups}, x, (running){NULL, NULL}, weight, bias, 0);
}

const tp_op *const tp__ops_channel_norm[] = {
#include TP__OPERATORS
    NULL};
