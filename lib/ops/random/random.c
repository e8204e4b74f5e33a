/* random.c - random tensors from the tape's generator, as PyTorch draws them. */
#define _DEFAULT_SOURCE /* getentropy */
#include "kernel/special.h"
#include "ops/ops.h"

#include <math.h>
#include <unistd.h>

void tp_manual_seed(tp_tape *T, uint64_t seed)
{
    if (T)
        tp__rng_seed(&T->rng, seed);
}

uint64_t tp_seed(tp_tape *T)
{
    uint64_t seed = 0;
    if (T && getentropy(&seed, sizeof seed) != 0) {
        tp_fail(T, TP_EUNSUPPORTED, "seed: the system gives no entropy; tp_manual_seed takes a number");
        return 0;
    }
    tp_manual_seed(T, seed);
    return seed;
}

uint64_t tp_initial_seed(const tp_tape *T) { return T ? T->rng.seed : 0; }

/* ---- creation -------------------------------------------------------------------------------------------- */

static tp_tensor *make_float(tp_tape *T, const char *name, tp_dtype dtype, tp_dims shape)
{
    if (tp__ok(T) && !tp_dtype_is_float(dtype))
        tp_fail(T, TP_EDTYPE, "%s: the dtype is %s; float32 or float64 is needed", name, tp_dtype_name(dtype));
    return tp__tensor_make(T, dtype, shape);
}

tp_tensor *tp_rand(tp_tape *T, tp_dtype dtype, tp_dims shape)
{
    TP__NAMED(T, "rand");
    tp_tensor *x = make_float(T, "rand", dtype, shape);
    if (x)
        tp__rng_fill_uniform(&T->rng, dtype, x->data, x->numel, 0, 1);
    return x;
}

tp_tensor *tp_randn(tp_tape *T, tp_dtype dtype, tp_dims shape)
{
    TP__NAMED(T, "randn");
    tp_tensor *x = make_float(T, "randn", dtype, shape);
    if (x)
        tp__rng_fill_normal(&T->rng, dtype, x->data, x->numel, 0, 1);
    return x;
}

tp_tensor *tp_rand_like(tp_tape *T, tp_tensor *x)
{
    TP__NAMED(T, "rand_like");
    return tp__usable(T, "rand_like", x) ? tp_rand(T, x->dtype, tp__dims_of(x)) : NULL;
}

tp_tensor *tp_randn_like(tp_tape *T, tp_tensor *x)
{
    TP__NAMED(T, "randn_like");
    return tp__usable(T, "randn_like", x) ? tp_randn(T, x->dtype, tp__dims_of(x)) : NULL;
}

tp_tensor *tp_randint(tp_tape *T, tp_dtype dtype, tp_dims shape, int64_t low, int64_t high)
{
    if (tp__ok(T) && low >= high)
        tp_fail(T, TP_EINVAL, "randint: from %lld to below %lld; a larger end is needed", (long long)low,
                (long long)high);
    /* of floats the largest is not exact, and torch takes them all the same */
    TP__DTYPES_ARE(6);
    static const int64_t least[TP_DTYPES] = {[TP_F32] = INT64_MIN, [TP_F64] = INT64_MIN, [TP_I32] = INT32_MIN,
                                             [TP_I64] = INT64_MIN, [TP_U8] = 0,          [TP_BOOL] = 0};
    static const int64_t most[TP_DTYPES] = {[TP_F32] = INT64_MAX, [TP_F64] = INT64_MAX, [TP_I32] = INT32_MAX,
                                            [TP_I64] = INT64_MAX, [TP_U8] = UINT8_MAX,  [TP_BOOL] = 1};
    if (tp__ok(T) && (unsigned)dtype < TP_DTYPES && (low < least[dtype] || high - 1 > most[dtype]))
        tp_fail(T, TP_EINVAL, "randint: from %lld to below %lld; what %s holds, %lld to %lld, is needed",
                (long long)low, (long long)high, tp_dtype_name(dtype), (long long)least[dtype], (long long)most[dtype]);
    tp_tensor *x = tp__tensor_make(T, dtype, shape);
    uint64_t range = (uint64_t)high - (uint64_t)low;
    size_t size = x ? tp_dtype_size(dtype) : 0;
    for (int64_t i = 0; x && i < x->numel; i++) {
        int64_t v = (int64_t)((uint64_t)low + tp__rng_below(&T->rng, range));
        if (dtype == TP_I64)
            ((int64_t *)x->data)[i] = v;
        else
            tp__store((char *)x->data + (size_t)i * size, dtype, (double)v);
    }
    return x;
}

tp_tensor *tp_randint_like(tp_tape *T, tp_tensor *x, int64_t low, int64_t high)
{
    TP__NAMED(T, "randint_like");
    return tp__usable(T, "randint_like", x) ? tp_randint(T, x->dtype, tp__dims_of(x), low, high) : NULL;
}

tp_tensor *tp_randperm(tp_tape *T, int64_t n)
{
    TP__NAMED(T, "randperm");
    tp_tensor *x = tp__tensor_make(T, TP_I64, (tp_dims){1, {n}});
    int64_t *p = x ? x->data : NULL;
    for (int64_t i = 0; x && i < n; i++)
        p[i] = i;
    if (x)
        tp__rng_shuffle(&T->rng, p, n);
    return x;
}

/* ---- bernoulli ---------------------------------------------------------------------------------------------- */

enum { DRAWN = 512 }; /* at a time */

/* clang-format off */
#define HITS(id, R)                                                                                \
    static void id(int64_t n, const void *p, const void *u, void *out)                             \
    { const R *at = p, *drawn = u; R *hit = out; for (int64_t i = 0; i < n; i++) hit[i] = drawn[i] < at[i]; }
HITS(hits_f32, float)
HITS(hits_f64, double)
/* clang-format on */

static tp_status bernoulli_forward(tp_call *c)
{
    const tp_tensor *p = c->in[0];
    const size_t size = tp_dtype_size(p->dtype);
    double drawn[DRAWN];
    for (int64_t i = 0; i < p->numel; i++) {
        double at = tp_item_at(p, i);
        if (!(at >= 0 && at <= 1))
            return tp_call_fail(c, TP_EINVAL, "the probability at %lld is %g; 0 to 1 is needed", (long long)i, at);
    }
    for (int64_t i = 0, n; i < p->numel; i += n) {
        n = p->numel - i < DRAWN ? p->numel - i : DRAWN;
        tp__rng_fill_uniform(&c->tape->rng, p->dtype, drawn, n, 0, 1);
        (p->dtype == TP_F32 ? hits_f32 : hits_f64)(n, (const char *)p->data + (size_t)i * size, drawn,
                                                   (char *)c->out[0]->data + (size_t)i * size);
    }
    return TP_OK;
}

static void bernoulli_samples(tp_sampler *s)
{
    tp_tensor *p = tp_sample_tensor(s, (tp_dims){2, {3, 5}}, 0.1, 0.9);
    tp_sample(s, NULL, 1, &p);
}

/* clang-format off */
static const tp_op bernoulli_op = {
    .name = "bernoulli", .n_in = 1, .n_out = 1, .flags = TP_OP_RANDOM | TP_OP_NO_GRAD,
    .infer = tp__infer_float_like, .forward = bernoulli_forward, .samples = bernoulli_samples};
/* clang-format on */

tp_tensor *tp_bernoulli(tp_tape *T, tp_tensor *p) { return tp__apply1(T, &bernoulli_op, NULL, p); }

/* ---- poisson ------------------------------------------------------------------------------------------------ */

/* Arrivals until none = e^-rate is used up by a product of uniform numbers. */
static double few_arrivals(tp__rng *g, double none)
{
    double n = 0;
    for (double product = tp__rng_uniform_f64(g); product > none; product *= tp__rng_uniform_f64(g))
        n++;
    return n;
}

/* W. Hoermann, "The transformed rejection method for generating Poisson random variables", 1993: algorithm PTRS */
static double many_arrivals(tp__rng *g, double rate)
{
    double b = 0.931 + 2.53 * sqrt(rate), a = -0.059 + 0.02483 * b, log_rate = log(rate);
    double inverse_alpha = 1.1239 + 1.1328 / (b - 3.4), quick = 0.9277 - 3.6224 / (b - 2);
    for (;;) {
        double u = tp__rng_uniform_f64(g) - 0.5, v = tp__rng_uniform_f64(g), edge = 0.5 - fabs(u);
        double k = floor((2 * a / edge + b) * u + rate + 0.43);
        if (edge >= 0.07 && v <= quick)
            return k;
        if (k < 0 || (edge < 0.013 && v > edge))
            continue;
        if (log(v) + log(inverse_alpha) - log(a / (edge * edge) + b) <= -rate + k * log_rate - tp__lgamma(k + 1))
            return k;
    }
}

static const double FEW_ARRIVALS = 10; /* the largest rate for which they are counted one by one */

/* Arrivals in place of m rates. The exponentials first: none waits for a draw, which nobody can foresee. */
static void arrivals(tp__rng *g, int64_t m, double *rate)
{
    double none[DRAWN];
    for (int64_t i = 0; i < m; i++)
        none[i] = rate[i] < FEW_ARRIVALS ? exp(-rate[i]) : 0;
    for (int64_t i = 0; i < m; i++)
        if (rate[i] > 0)
            rate[i] = rate[i] < FEW_ARRIVALS ? few_arrivals(g, none[i]) : many_arrivals(g, rate[i]);
        else
            rate[i] = 0;
}

static tp_status poisson_forward(tp_call *c)
{
    const tp_tensor *rates = c->in[0];
    size_t size = tp_dtype_size(rates->dtype);
    double block[DRAWN];
    for (int64_t at = 0, m; at < rates->numel; at += m) {
        m = rates->numel - at < DRAWN ? rates->numel - at : DRAWN;
        tp__convert(m, block, TP_F64, (const char *)rates->data + (size_t)at * size, rates->dtype);
        for (int64_t i = 0; i < m; i++)
            if (!(block[i] >= 0 && block[i] <= 0x1p62))
                return tp_call_fail(c, TP_EINVAL, "the rate at %lld is %g; 0 to 2^62 is needed", (long long)(at + i),
                                    block[i]);
        arrivals(&c->tape->rng, m, block);
        tp__convert(m, (char *)c->out[0]->data + (size_t)at * size, rates->dtype, block, TP_F64);
    }
    return TP_OK;
}

static void poisson_samples(tp_sampler *s)
{
    tp_tensor *rates = tp_sample_tensor(s, (tp_dims){2, {3, 5}}, 0, 30);
    tp_sample(s, NULL, 1, &rates);
}

/* clang-format off */
static const tp_op poisson_op = {
    .name = "poisson", .n_in = 1, .n_out = 1, .flags = TP_OP_RANDOM | TP_OP_NO_GRAD,
    .infer = tp__infer_float_like, .forward = poisson_forward, .samples = poisson_samples};
/* clang-format on */

tp_tensor *tp_poisson(tp_tape *T, tp_tensor *rates) { return tp__apply1(T, &poisson_op, NULL, rates); }

/* ---- in place --------------------------------------------------------------------------------------------------------- */

static tp_status fill(tp_tape *T, const char *name, tp_tensor *x, double a, double b,
                      void (*draw)(tp__rng *, tp_dtype, void *, int64_t, double, double))
{
    tp_status status = tp__writable(T, name, x);
    if (status != TP_OK)
        return status;
    if (!tp__contiguous(x))
        return tp_fail(T, TP_EINVAL, "%s: x does not lie contiguously; it must", name);
    if (!tp_dtype_is_float(x->dtype))
        return tp_fail(T, TP_EDTYPE, "%s: x is %s; float32 or float64 is needed", name, tp_dtype_name(x->dtype));
    draw(&T->rng, x->dtype, x->data, x->numel, a, b);
    x->storage->version++;
    return TP_OK;
}

tp_status tp_uniform_(tp_tape *T, tp_tensor *x, double low, double high)
{
    if (tp__ok(T) && !(low <= high))
        return tp_fail(T, TP_EINVAL, "uniform_: from %g to %g; bounds in their order are needed", low, high);
    return fill(T, "uniform_", x, low, high, tp__rng_fill_uniform);
}

tp_status tp_normal_(tp_tape *T, tp_tensor *x, double mean, double std)
{
    if (tp__ok(T) && !(std >= 0))
        return tp_fail(T, TP_EINVAL, "normal_: std is %g; 0 or more is needed", std);
    return fill(T, "normal_", x, mean, std, tp__rng_fill_normal);
}

const tp_op *const tp__ops_random[] = {
#include TP__OPERATORS
    NULL};
