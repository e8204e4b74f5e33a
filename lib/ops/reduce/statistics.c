/* statistics.c - variances, an operator with their mean; counts and covariances, functions made of other operators. */
#include "ops/ops.h"

static bool is_float(const tp_tensor *x) { return tp_dtype_is_float(x->dtype); }

/* ---- variance and standard deviation, each with the mean ------------------------------------------------------ */

typedef struct {
    uint32_t mask; /* neighbouring dimensions */
    bool keepdim;
    double divisor;
} spread;

static const tp_op std_op;

static tp_status spread_infer(tp_call *c)
{
    const tp_tensor *x = c->in[0];
    const spread *a = c->attr;
    tp_dims shape = tp__shape_over(x, a->mask, a->keepdim);
    if (!is_float(x))
        return tp__no_float(c, x);
    if (x->ndim < 32 && a->mask >> x->ndim)
        return tp_call_fail(c, TP_EINDEX, "a dimension beyond those of x, which is %s; 0 to %d are needed",
                            TP__SHAPE(x), x->ndim - 1);
    tp_status status = tp_call_out(c, 0, x->dtype, shape);
    return status == TP_OK ? tp_call_out(c, 1, x->dtype, shape) : status;
}

static tp_status spread_forward(tp_call *c)
{
    const tp_tensor *x = c->in[0];
    const spread *a = c->attr;
    int64_t outer, n, inner;
    tp__as_middle(x, a->mask, &outer, &n, &inner);
    tp__variance(x->dtype, outer, n, inner, a->divisor, c->op == &std_op, x->data, c->out[0]->data, c->out[1]->data);
    return TP_OK;
}

/* g (x - mean) 2 / divisor; of the root (x - mean) / y g / divisor, but 0 where y is 0; of the mean g / n */
static tp_status spread_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    const spread *a = v->attr;
    tp_tensor *x = v->in[0], *gx = NULL;
    tp_dims kept = tp__shape_over(x, a->mask, true);
    if (v->gout[0]) {
        tp_tensor *g = tp_reshape(T, v->gout[0], kept), *y = tp_reshape(T, v->out[0], kept);
        tp_tensor *from_mean = tp_sub(T, x, tp_reshape(T, v->out[1], kept));
        tp_tensor *zero = tp__number(T, x, 0);
        if (v->op == &std_op) {
            tp_tensor *flat = tp_eq(T, y, zero);
            from_mean = tp_div(T, from_mean, tp_where(T, flat, tp__number(T, x, 1), y));
            g = tp_where(T, flat, zero, g);
        }
        gx = tp_mul(T, from_mean, tp_mul_scalar(T, g, (v->op == &std_op ? 1 : 2) / a->divisor));
    }
    if (v->gout[1]) {
        tp_tensor *g = tp_div_scalar(T, tp_reshape(T, v->gout[1], kept), (double)tp__count_over(x, a->mask));
        gx = gx ? tp_add(T, gx, g) : g;
    }
    v->gin[0] = gx;
    return T->status;
}

static tp_status spread_vjp_fused(tp_vjp *v)
{
    const spread *a = v->attr;
    const tp_tensor *x = v->in[0], *g = v->gout[0], *g_mean = v->gout[1];
    tp__variance_slope s = {.dtype = x->dtype,
                            .divisor = a->divisor,
                            .root = v->op == &std_op,
                            .accumulate = !(v->fresh & 1u),
                            .x = x->data,
                            .y = v->out[0]->data,
                            .mean = v->out[1]->data,
                            .g = g ? g->data : NULL,
                            .g_mean = g_mean ? g_mean->data : NULL,
                            .gx = v->gin[0]->data};
    tp__as_middle(x, a->mask, &s.outer, &s.n, &s.inner);
    tp__variance_backward(&s);
    return TP_OK;
}

static void spread_samples(tp_sampler *s)
{
    tp_tensor *x = tp_sample_tensor(s, (tp_dims){3, {2, 3, 4}}, -1.9, 2.2);
    tp_sample(s, &(spread){7, false, 23}, 1, &x);
    tp_sample(s, &(spread){2, true, 3}, 1, &x);
    tp_sample(s, &(spread){6, false, 10.5}, 1, &x);
    x = tp_sample_tensor(s, (tp_dims){2, {0, 3}}, 0.5, 2);
    tp_sample(s, &(spread){2, false, 2}, 1, &x);
}

/* clang-format off */
#define SPREAD(id, PRINTED) \
    static const tp_op id##_op = { \
        .name = #id, .n_in = 1, .n_out = 2, .attr_size = sizeof(spread), .flags = TP_OP_OVERWRITES, \
        .infer = spread_infer, .forward = spread_forward, .vjp = spread_vjp, .vjp_fused = spread_vjp_fused, \
        .samples = spread_samples, .grad_name = PRINTED};
SPREAD(var, "VarBackward0")
SPREAD(std, "StdBackward0")
/* clang-format on */

/* Dimensions that are no neighbours are brought together first. */
static tp_tensor *spread_of(tp_tape *T, const tp_op *op, tp_tensor *x, int n, const int *dims, double correction,
                            bool keepdim, tp_tensor **mean)
{
    tp_tensor *out[TP_MAX_OUT] = {NULL};
    spread a = {.keepdim = keepdim};
    int64_t outer, count, inner;
    tp_tensor *unasked;
    mean = mean ? mean : &unasked;
    *mean = NULL;
    if (!tp__mask_of(T, op->name, x, n, dims, &a.mask))
        return NULL;
    tp_dims shape = tp__shape_over(x, a.mask, keepdim);
    double rest = (double)tp__count_over(x, a.mask) - correction;
    a.divisor = rest > 0 ? rest : 0;
    if (!tp__as_middle(x, a.mask, &outer, &count, &inner)) {
        x = tp__rows_over(T, x, a.mask);
        a.mask = 2;
        a.keepdim = false;
    }
    if (tp_apply_all(T, op, &a, 1, &x, out) != TP_OK || out[0] == NULL)
        return NULL;
    bool same = tp__dims_equal(tp__dims_of(out[0]), shape);
    *mean = same ? out[1] : tp_reshape(T, out[1], shape);
    return same ? out[0] : tp_reshape(T, out[0], shape);
}

tp_tensor *tp_var_mean(tp_tape *T, tp_tensor *x, int n, const int *dims, double correction, bool keepdim,
                       tp_tensor **mean)
{
    TP__NAMED(T, "var_mean");
    return spread_of(T, &var_op, x, n, dims, correction, keepdim, mean);
}

tp_tensor *tp_std_mean(tp_tape *T, tp_tensor *x, int n, const int *dims, double correction, bool keepdim,
                       tp_tensor **mean)
{
    TP__NAMED(T, "std_mean");
    return spread_of(T, &std_op, x, n, dims, correction, keepdim, mean);
}

tp_tensor *tp_var(tp_tape *T, tp_tensor *x, int n, const int *dims, double correction, bool keepdim)
{
    TP__NAMED(T, "var");
    return tp_var_mean(T, x, n, dims, correction, keepdim, NULL);
}

tp_tensor *tp_std(tp_tape *T, tp_tensor *x, int n, const int *dims, double correction, bool keepdim)
{
    TP__NAMED(T, "std");
    return tp_std_mean(T, x, n, dims, correction, keepdim, NULL);
}

/* ---- counts and sums that pass over some elements ------------------------------------------------------------ */

tp_tensor *tp_aminmax(tp_tape *T, tp_tensor *x, int n, const int *dims, bool keepdim, tp_tensor **max)
{
    TP__NAMED(T, "aminmax");
    tp_tensor *min = tp_amin(T, x, n, dims, keepdim);
    if (max)
        *max = min ? tp_amax(T, x, n, dims, keepdim) : NULL;
    return min;
}

tp_tensor *tp_count_nonzero(tp_tape *T, tp_tensor *x, int n, const int *dims)
{
    TP__NAMED(T, "count_nonzero");
    return tp_sum_dims(T, tp_ne(T, x, tp__number(T, x, 0)), n, dims, false);
}

tp_tensor *tp_nanmean(tp_tape *T, tp_tensor *x, int n, const int *dims, bool keepdim)
{
    TP__NAMED(T, "nanmean");
    if (!tp__usable(T, "nanmean", x))
        return NULL;
    if (!is_float(x)) {
        tp_fail(T, TP_EDTYPE, "nanmean: x is %s; float32 or float64 is needed", tp_dtype_name(x->dtype));
        return NULL;
    }
    tp_tensor *count = tp_sum_dims(T, tp_logical_not(T, tp_isnan(T, x)), n, dims, keepdim);
    return tp_div(T, tp_nansum(T, x, n, dims, keepdim), count);
}

/* ---- covariance --------------------------------------------------------------------------------------------------- */

/* A vector of weights, one an observation. */
static tp_tensor *weights_for(tp_tape *T, const char *what, tp_tensor *w, const tp_tensor *x, bool whole)
{
    if (w && (w->ndim > 1 || w->numel != x->shape[1] || is_float(w) == whole || w->dtype == TP_BOOL)) {
        tp_fail(T, TP_EINVAL, "cov: %s are %s of %lld elements for %lld observations; as many %s are needed", what,
                tp_dtype_name(w->dtype), (long long)w->numel, (long long)x->shape[1], whole ? "integers" : "floats");
        return NULL;
    }
    if (w && tp_item(tp_any(T, tp_lt(T, w, tp__number(T, w, 0)))) == 1)
        tp_fail(T, TP_EINVAL, "cov: some %s are negative; 0 or more is needed", what);
    return w;
}

tp_tensor *tp_cov(tp_tape *T, tp_tensor *x, int correction, tp_tensor *fweights, tp_tensor *aweights)
{
    if (!tp__usable(T, "cov", x))
        return NULL;
    if (x->ndim > 2 || x->dtype == TP_BOOL) {
        tp_fail(T, TP_ESHAPE, "cov: x is %s %s; numbers [variables, observations] are needed", tp_dtype_name(x->dtype),
                TP__SHAPE(x));
        return NULL;
    }
    if (!is_float(x))
        x = tp_to(T, x, TP_F32);
    if (x && x->ndim < 2)
        x = tp_reshape(T, x, (tp_dims){2, {1, -1}});
    if (x == NULL)
        return NULL;
    tp_tensor *f = weights_for(T, "fweights", fweights, x, true), *w = weights_for(T, "aweights", aweights, x, false);
    tp_tensor *both = f && w ? tp_mul(T, f, w) : f ? f : w;
    tp_dtype dtype = x->dtype;
    tp_tensor *total = both ? tp_sum(T, both) : tp_scalar(T, dtype, (double)x->shape[1]);
    if (both && tp_item(total) == 0)
        tp_fail(T, TP_EINVAL, "cov: the weights sum to 0; one above 0 is needed");
    tp_tensor *mean = tp_div(T, tp_sum_dim(T, both ? tp_mul(T, x, both) : x, 1, true), total);
    tp_tensor *centred = tp_sub(T, x, mean), *norm = tp_sub_scalar(T, total, correction);
    if (w && correction != 0) /* the share that the correction has of weights that are not counts */
        norm = tp_sub(T, total, tp_div(T, tp_mul_scalar(T, tp_sum(T, tp_mul(T, both, w)), correction), total));
    tp_tensor *product = tp_mm(T, centred, tp_t(T, both ? tp_mul(T, centred, both) : centred));
    return tp_squeeze(T, tp_div(T, product, tp_clamp_tensor(T, norm, tp__number(T, norm, 0), NULL)));
}

tp_tensor *tp_corrcoef(tp_tape *T, tp_tensor *x)
{
    TP__NAMED(T, "corrcoef");
    tp_tensor *c = tp_cov(T, x, 1, NULL, NULL);
    if (c == NULL)
        return NULL;
    if (c->ndim == 0)
        return tp_div(T, c, c);
    tp_tensor *d = tp_reshape(T, tp_sqrt(T, tp_diagonal(T, c, 0, 0, 1)), (tp_dims){2, {-1, 1}});
    return tp_clamp(T, tp_div(T, tp_div(T, c, d), tp_t(T, d)), -1, 1);
}

const tp_op *const tp__ops_statistics[] = {
#include TP__OPERATORS
    NULL};
