/* statistics.c - moments, counts and differences: functions made of other operators. */
#include "ops/ops.h"

/* How many elements go into one result; -1 after a failure. */
static int64_t counted(tp_tape *T, const char *name, const tp_tensor *x, int n, const int *dims)
{
    tp_op op = {.name = name};
    tp_call c = {.tape = T, .op = &op};
    uint32_t mask = 0;
    int64_t count = 1;
    if (!tp__usable(T, name, x) || tp__dims_mask(&c, x->ndim, n, dims, &mask) != TP_OK)
        return -1;
    for (int d = 0; d < x->ndim; d++)
        count *= (mask >> d) & 1u ? x->shape[d] : 1;
    return count;
}

static bool is_float(const tp_tensor *x) { return tp_dtype_is_float((tp_dtype)x->dtype); }

/* ---- moments ------------------------------------------------------------------------------------------------ */

tp_tensor *tp_var(tp_tape *T, tp_tensor *x, int n, const int *dims, double correction, bool keepdim)
{
    int64_t count = counted(T, "var", x, n, dims);
    double rest = (double)count - correction;
    if (count < 0)
        return NULL;
    tp_tensor *centred = tp_sub(T, x, tp_mean_dims(T, x, n, dims, true));
    return tp_div_scalar(T, tp_sum_dims(T, tp_square(T, centred), n, dims, keepdim), rest > 0 ? rest : 0);
}

tp_tensor *tp_std(tp_tape *T, tp_tensor *x, int n, const int *dims, double correction, bool keepdim)
{
    tp_tensor *v = tp_var(T, x, n, dims, correction, keepdim);
    tp_tensor *flat = tp_eq(T, v, tp__number(T, v, 0)); /* there the slope counts as 0 */
    return tp_where(T, flat, tp_zeros_like(T, v), tp_sqrt(T, tp_where(T, flat, tp_ones_like(T, v), v)));
}

/* log sum e^x = m + log sum e^(x - m), with m the largest where that is finite */
tp_tensor *tp_logsumexp(tp_tape *T, tp_tensor *x, int n, const int *dims, bool keepdim)
{
    int64_t count = counted(T, "logsumexp", x, n, dims);
    if (count < 0)
        return NULL;
    if (!tp_dtype_is_float((tp_dtype)x->dtype) && (x = tp_to(T, x, TP_F32)) == NULL)
        return NULL;
    if (count == 0)
        return tp_log(T, tp_sum_dims(T, tp_exp(T, x), n, dims, keepdim));
    tp_tensor *top = tp_amax(T, tp_detach(T, x), n, dims, true);
    top = tp_where(T, tp_isinf(T, top), tp_zeros_like(T, top), top);
    tp_tensor *rest = tp_log(T, tp_sum_dims(T, tp_exp(T, tp_sub(T, x, top)), n, dims, keepdim));
    return rest ? tp_add(T, rest, tp_reshape(T, top, tp__dims_of(rest))) : NULL;
}

tp_tensor *tp_var_mean(tp_tape *T, tp_tensor *x, int n, const int *dims, double correction, bool keepdim,
                       tp_tensor **mean)
{
    tp_tensor *var = tp_var(T, x, n, dims, correction, keepdim);
    *mean = var ? tp_mean_dims(T, x, n, dims, keepdim) : NULL;
    return var;
}

tp_tensor *tp_std_mean(tp_tape *T, tp_tensor *x, int n, const int *dims, double correction, bool keepdim,
                       tp_tensor **mean)
{
    tp_tensor *std = tp_std(T, x, n, dims, correction, keepdim);
    *mean = std ? tp_mean_dims(T, x, n, dims, keepdim) : NULL;
    return std;
}

/* ---- counts and sums that pass over some elements ------------------------------------------------------------ */

tp_tensor *tp_aminmax(tp_tape *T, tp_tensor *x, int n, const int *dims, bool keepdim, tp_tensor **max)
{
    tp_tensor *min = tp_amin(T, x, n, dims, keepdim);
    *max = min ? tp_amax(T, x, n, dims, keepdim) : NULL;
    return min;
}

tp_tensor *tp_count_nonzero(tp_tape *T, tp_tensor *x, int n, const int *dims)
{
    return tp_sum_dims(T, tp_ne(T, x, tp__number(T, x, 0)), n, dims, false);
}

tp_tensor *tp_nansum(tp_tape *T, tp_tensor *x, int n, const int *dims, bool keepdim)
{
    if (x && is_float(x))
        x = tp_where(T, tp_isnan(T, x), tp__number(T, x, 0), x);
    return tp_sum_dims(T, x, n, dims, keepdim);
}

tp_tensor *tp_nanmean(tp_tape *T, tp_tensor *x, int n, const int *dims, bool keepdim)
{
    if (!tp__usable(T, "nanmean", x))
        return NULL;
    if (!is_float(x)) {
        tp_fail(T, TP_EDTYPE, "nanmean: takes float32 or float64, not %s", tp_dtype_name((tp_dtype)x->dtype));
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
        tp_fail(T, TP_EINVAL, "cov: %s are %s of %lld elements for %lld observations", what,
                tp_dtype_name((tp_dtype)w->dtype), (long long)w->numel, (long long)x->shape[1]);
        return NULL;
    }
    if (w && tp_item(tp_any(T, tp_lt(T, w, tp__number(T, w, 0)))) == 1)
        tp_fail(T, TP_EINVAL, "cov: negative %s", what);
    return w;
}

tp_tensor *tp_cov(tp_tape *T, tp_tensor *x, int correction, tp_tensor *fweights, tp_tensor *aweights)
{
    char a[200];
    if (!tp__usable(T, "cov", x))
        return NULL;
    if (x->ndim > 2 || x->dtype == TP_BOOL) {
        tp_fail(T, TP_ESHAPE, "cov: of %s %s, where numbers [variables, observations] are needed",
                tp_dtype_name((tp_dtype)x->dtype), tp__dims_text(tp__dims_of(x), a, sizeof a));
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
    tp_dtype dtype = (tp_dtype)x->dtype;
    tp_tensor *total = both ? tp_sum(T, both) : tp_scalar(T, dtype, (double)x->shape[1]);
    if (both && tp_item(total) == 0)
        tp_fail(T, TP_EINVAL, "cov: the weights sum to zero");
    tp_tensor *mean = tp_div(T, tp_sum_dim(T, both ? tp_mul(T, x, both) : x, 1, true), total);
    tp_tensor *centred = tp_sub(T, x, mean), *norm = tp_sub_scalar(T, total, correction);
    if (w && correction != 0) /* the share that the correction has of weights that are not counts */
        norm = tp_sub(T, total, tp_div(T, tp_mul_scalar(T, tp_sum(T, tp_mul(T, both, w)), correction), total));
    tp_tensor *product = tp_mm(T, centred, tp_t(T, both ? tp_mul(T, centred, both) : centred));
    return tp_squeeze(T, tp_div(T, product, tp_clamp_tensor(T, norm, tp__number(T, norm, 0), NULL)));
}

tp_tensor *tp_corrcoef(tp_tape *T, tp_tensor *x)
{
    tp_tensor *c = tp_cov(T, x, 1, NULL, NULL);
    if (c == NULL)
        return NULL;
    if (c->ndim == 0)
        return tp_div(T, c, c);
    tp_tensor *d = tp_reshape(T, tp_sqrt(T, tp_diagonal(T, c, 0, 0, 1)), (tp_dims){2, {-1, 1}});
    return tp_clamp(T, tp_div(T, tp_div(T, c, d), tp_t(T, d)), -1, 1);
}
