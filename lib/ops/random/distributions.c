/* distributions.c - draws in place, one element after another, and what is made of such draws. */
#include "ops/ops.h"

#include <math.h>

/* ---- numbers of a distribution, of uniform ones u from [0, 1) ---------------------------------------------------- */

typedef double (*draw_fn)(double u, double a, double b);

static double draw_bernoulli(double u, double p, double unused)
{
    (void)unused;
    return u < p;
}
static double draw_exponential(double u, double rate, double unused)
{
    (void)unused;
    return -1 / rate * log(1 - u); /* torch's, to the bit */
}
static double draw_cauchy(double u, double median, double scale)
{
    return median + scale * tan(3.14159265358979323846 * (u - 0.5));
}
static double draw_geometric(double u, double p, double unused)
{
    (void)unused;
    return ceil(log(u) / log(1 - p));
}
/* Of a normal one. */
static double draw_log_normal(double z, double mean, double std) { return exp(fma(z, std, mean)); }

/* n of them in place of what they are made of. */
static void draw_all(draw_fn draw, double a, double b, int64_t n, double *u)
{
    if (draw == draw_bernoulli) /* without a call each */
        for (int64_t i = 0; i < n; i++)
            u[i] = u[i] < a;
    else
        for (int64_t i = 0; i < n; i++)
            u[i] = draw(u[i], a, b);
}

/* x, which must be a leaf that lies contiguously, filled. */
static tp_status fill(tp_tape *T, const char *name, tp_tensor *x, bool sensible, draw_fn draw, double a, double b)
{
    enum { DRAWN = 512 };
    double block[DRAWN];
    tp_status status = tp__writable(T, name, x);
    if (status != TP_OK)
        return status;
    if (!tp__contiguous(x))
        return tp_fail(T, TP_EINVAL, "%s: x does not lie contiguously; it must", name);
    if (!tp_dtype_is_float(x->dtype) && draw != draw_bernoulli && draw != draw_geometric)
        return tp_fail(T, TP_EDTYPE, "%s: x is %s; float32 or float64 is needed", name, tp_dtype_name(x->dtype));
    if (!sensible)
        return tp_fail(T, TP_EINVAL, "%s: the parameters are %g, %g; those of a distribution are needed", name, a, b);
    for (int64_t i = 0, n; i < x->numel; i += n) {
        n = x->numel - i < DRAWN ? x->numel - i : DRAWN;
        for (int64_t k = 0; k < n && draw == draw_log_normal; k++)
            block[k] = tp__rng_normal(&T->rng);
        if (draw != draw_log_normal)
            tp__rng_fill_uniform(&T->rng, TP_F64, block, n, 0, 1);
        draw_all(draw, a, b, n, block);
        tp__convert(n, (char *)x->data + (size_t)i * tp_dtype_size(x->dtype), x->dtype, block, TP_F64);
    }
    x->storage->version++;
    return TP_OK;
}

tp_status tp_bernoulli_(tp_tape *T, tp_tensor *x, double p)
{
    return fill(T, "bernoulli_", x, p >= 0 && p <= 1, draw_bernoulli, p, 0);
}
tp_status tp_exponential_(tp_tape *T, tp_tensor *x, double rate)
{
    return fill(T, "exponential_", x, rate > 0, draw_exponential, rate, 0);
}
tp_status tp_log_normal_(tp_tape *T, tp_tensor *x, double mean, double std)
{
    return fill(T, "log_normal_", x, std > 0, draw_log_normal, mean, std);
}
tp_status tp_cauchy_(tp_tape *T, tp_tensor *x, double median, double scale)
{
    return fill(T, "cauchy_", x, scale > 0, draw_cauchy, median, scale);
}
tp_status tp_geometric_(tp_tape *T, tp_tensor *x, double p)
{
    return fill(T, "geometric_", x, p > 0 && p < 1, draw_geometric, p, 0);
}

/* Whole numbers from 0 to what the dtype holds exactly. */
tp_status tp_random_(tp_tape *T, tp_tensor *x)
{
    TP__DTYPES_ARE(6);
    static const uint64_t range[TP_DTYPES] = {[TP_F32] = (1u << 24) + 1,
                                              [TP_F64] = (1ull << 53) + 1,
                                              [TP_I32] = 1ull << 31,
                                              [TP_I64] = 1ull << 63,
                                              [TP_U8] = 256,
                                              [TP_BOOL] = 2};
    tp_status status = tp__writable(T, "random_", x);
    if (status != TP_OK)
        return status;
    if (!tp__contiguous(x))
        return tp_fail(T, TP_EINVAL, "random_: x does not lie contiguously; it must");
    size_t size = tp_dtype_size(x->dtype);
    bool wide = x->dtype == TP_F64 || x->dtype == TP_I64;
    for (int64_t i = 0; i < x->numel; i++) {
        uint64_t word = wide ? tp__rng_u64(&T->rng) : tp__rng_u32(&T->rng), v = word % range[x->dtype];
        if (x->dtype == TP_I64)
            ((uint64_t *)x->data)[i] = v;
        else
            tp__store((char *)x->data + (size_t)i * size, x->dtype, (double)v);
    }
    x->storage->version++;
    return TP_OK;
}

/* ---- multinomial --------------------------------------------------------------------------------------------------- */

/* The first category whose cumulated weight reaches u. */
static int64_t category(int64_t n, const double *cumulated, double u)
{
    int64_t low = 0, high = n;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (cumulated[middle] < u)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Sums of the weights times a power of two. In float32, as torch adds them, they are of use only where each weight is seen in
 * its sum, to a thousandth, and no sum overflows; false where they are not. */
static bool cumulate(int64_t n, const void *weights, tp_dtype dtype, bool narrow, double scale, double *cumulated)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        double v = scale * tp__load((const char *)weights + (size_t)i * tp_dtype_size(dtype), dtype);
        double next = narrow ? (double)((float)sum + (float)v) : sum + v;
        if (narrow && !(fabs(next - sum - v) <= 1e-3 * v))
            return false;
        cumulated[i] = sum = next;
    }
    return true;
}

static void draw_row(tp__rng *g, const tp_tensor *w, int64_t row, int64_t n, int64_t samples, double *cumulated,
                     int64_t *out)
{
    tp_dtype dtype = w->dtype;
    const void *weights = (const char *)w->data + (size_t)(row * n) * tp_dtype_size(dtype);
    bool narrow = dtype == TP_F32 && cumulate(n, weights, dtype, true, 1, cumulated);
    if (!narrow)
        cumulate(n, weights, dtype, false, 1, cumulated);
    if (isinf(cumulated[n - 1]))
        cumulate(n, weights, dtype, false, 0x1p-64, cumulated);
    double sum = cumulated[n - 1];
    for (int64_t i = 0; i < n; i++)
        cumulated[i] = narrow ? (double)((float)cumulated[i] / (float)sum) : cumulated[i] / sum;
    for (int64_t k = 0; k < samples; k++) {
        double u = tp__rng_uniform_f64(g);
        out[k] = category(n, cumulated, u > 0 ? u : 0x1p-54); /* 0 would reach a weight of 0 */
    }
}

static bool good_weights(tp_tape *T, tp_tensor *w, int64_t samples, bool replacement)
{
    int64_t n = w->ndim ? w->shape[w->ndim - 1] : 0;
    if (w->ndim < 1 || w->ndim > 2 || n == 0 || !tp_dtype_is_float(w->dtype) || samples < 1 ||
        (!replacement && samples > n)) {
        tp_fail(T, TP_EINVAL,
                "multinomial: %lld draws %s replacement from %s of %s; 1 or more, of floats [n] or [rows, n] with n of "
                "1 or more, are needed",
                (long long)samples, replacement ? "with" : "without", tp_dtype_name(w->dtype), TP__SHAPE(w));
        return false;
    }
    tp_tensor *some = tp_gt_scalar(T, w, 0), *most = NULL;
    bool finite = tp_item(tp_all(T, tp_isfinite(T, w))) == 1,
         none_below = tp_item(tp_any(T, tp_lt_scalar(T, w, 0))) == 0;
    if (!finite || !none_below || tp_item(tp_all(T, tp_any_dim(T, some, -1, false))) != 1) {
        tp_fail(T, TP_EINVAL,
                "multinomial: weights that are infinite, below 0, or all 0; finite ones, none below 0, one above it in "
                "each row, are needed");
        return false;
    }
    most = replacement ? NULL : tp_min(T, tp_sum_dim(T, some, -1, false));
    if (most && tp_item(most) < (double)samples) {
        tp_fail(T, TP_EINVAL, "multinomial: %lld draws without replacement, %.0f weights above 0; as many are needed",
                (long long)samples, tp_item(most));
        return false;
    }
    return true;
}

/* w / q, or in double with weights near 1 where a quotient leaves the range. */
static tp_tensor *keys_of(tp_tape *T, tp_tensor *w, tp_tensor *q)
{
    tp_tensor *keys = tp_div(T, w, q), *lost = tp_logical_and(T, tp_eq_scalar(T, keys, 0), tp_gt_scalar(T, w, 0));
    if (tp_item(tp_any(T, tp_logical_or(T, lost, tp_isinf(T, keys)))) == 0)
        return keys;
    int e = 0;
    frexp(tp_item(tp_max(T, w)), &e);
    w = tp_mul_scalar(T, tp_mul_scalar(T, tp_to(T, w, TP_F64), ldexp(1, -e / 2)), ldexp(1, -(e - e / 2)));
    return tp_div(T, w, tp_to(T, q, TP_F64));
}

tp_tensor *tp_multinomial(tp_tape *T, tp_tensor *weights, int64_t samples, bool replacement)
{
    TP__NAMED(T, "multinomial");
    tp_tensor *w = tp__usable(T, "multinomial", weights) ? tp_contiguous(T, tp_detach(T, weights)) : NULL;
    if (w == NULL || !good_weights(T, w, samples, replacement))
        return NULL;
    int64_t n = w->shape[w->ndim - 1], rows = w->numel / n;
    if (!replacement || samples == 1) { /* the largest of w / q with exponential q (Efraimidis and Spirakis, 2006) */
        tp_tensor *q = tp_empty_like(T, w), *index = NULL;
        if (tp_exponential_(T, q, 1) != TP_OK)
            return NULL;
        tp_topk(T, keys_of(T, w, q), samples, -1, true, &index);
        return index;
    }
    tp_dims shape = tp__dims_of(w);
    shape.dim[shape.ndim - 1] = samples;
    tp_tensor *out = tp_empty(T, TP_I64, shape), *cumulated = tp_empty(T, TP_F64, (tp_dims){1, {n}});
    for (int64_t r = 0; r < rows && out && cumulated; r++)
        draw_row(&T->rng, w, r, n, samples, cumulated->data, (int64_t *)out->data + r * samples);
    return cumulated ? out : NULL;
}

/* ---- the generator's state -------------------------------------------------------------------------------------------- */

tp_tensor *tp_get_rng_state(tp_tape *T)
{
    tp_tensor *x = tp_empty(T, TP_U8, (tp_dims){1, {TP__RNG_STATE}});
    if (x)
        tp__rng_get(&T->rng, x->data);
    return x;
}

tp_status tp_set_rng_state(tp_tape *T, tp_tensor *state)
{
    if (!tp__usable(T, "set_rng_state", state))
        return T && T->status != TP_OK ? T->status : TP_EINVAL;
    if (state->dtype != TP_U8 || state->numel != TP__RNG_STATE || !tp__contiguous(state) ||
        !tp__rng_set(&T->rng, state->data))
        return tp_fail(T, TP_EINVAL,
                       "set_rng_state: this is not a generator's state; %d bytes of tp_get_rng_state are needed",
                       TP__RNG_STATE);
    return TP_OK;
}
