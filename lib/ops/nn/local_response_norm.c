/* local_response_norm.c - normalization by the squares of neighbouring channels. */
#include "ops/ops.h"

#include <string.h>

/* ---- window_sum: y [n, c, ...] is the sum of x over channels c - before to c + after, as far as they are there ------------ */

typedef struct {
    int64_t before, after;
} window;

typedef struct {
    window w;
    int64_t channels, length;
    tp_dtype dtype;
    const void *x;
    void *y;
} window_job;

/* y += x; integers wrap. */
static void add_to(tp_dtype dtype, int64_t n, const void *x, void *y)
{
    const uint64_t *more = x;
    uint64_t *restrict sum = y;
    if (tp_dtype_is_float(dtype))
        tp__axpy(n, dtype, 1, x, y);
    else
        for (int64_t i = 0; i < n; i++)
            sum[i] += more[i];
}

/* A channel of a sample, as all are numbered: its neighbours are added up in their order, a block at a time. */
static void window_sum_row(const window_job *j, int64_t row)
{
    enum { BLOCK = 512 };
    const size_t size = tp_dtype_size(j->dtype);
    int64_t c = row % j->channels, left = j->channels - 1 - c;
    int64_t first = row - (c < j->w.before ? c : j->w.before);
    int64_t last = row + (left < j->w.after ? left : j->w.after);
    for (int64_t at = 0, m; at < j->length; at += m) {
        char *y = (char *)j->y + (size_t)(row * j->length + at) * size;
        const char *x = (const char *)j->x + (size_t)at * size;
        m = j->length - at < BLOCK ? j->length - at : BLOCK;
        memcpy(y, x + (size_t)(first * j->length) * size, (size_t)m * size);
        for (int64_t r = first + 1; r <= last; r++)
            add_to(j->dtype, m, x + (size_t)(r * j->length) * size, y);
    }
}

static void window_rows(int64_t begin, int64_t end, void *user)
{
    for (int64_t row = begin; row < end; row++)
        window_sum_row(user, row);
}

static tp_status window_sum_infer(tp_call *c)
{
    const tp_tensor *x = c->in[0];
    if (x->ndim < 2)
        return tp_call_fail(c, TP_ESHAPE, "x is %s; [n, channels, ...] is needed", TP__SHAPE(x));
    if (!tp_dtype_is_float(x->dtype) && x->dtype != TP_I64)
        return tp_call_fail(c, TP_EDTYPE, "x is %s; float32, float64 or int64 is needed", tp_dtype_name(x->dtype));
    return tp__infer_like_first(c);
}

static tp_status window_sum_forward(tp_call *c)
{
    const tp_tensor *x = c->in[0];
    window_job j = {*(const window *)c->attr, x->shape[1], 1, x->dtype, x->data, c->out[0]->data};
    for (int d = 2; d < x->ndim; d++)
        j.length *= x->shape[d];
    if (x->numel > 0)
        tp__parallel_for(x->shape[0] * x->shape[1], 1 + 8192 / (j.length * 4), window_rows, &j);
    return TP_OK;
}

static const tp_op window_sum_op;

static tp_status window_sum_vjp(tp_vjp *v)
{
    const window *w = v->attr;
    v->gin[0] = tp__apply1(v->tape, &window_sum_op, &(window){w->after, w->before}, v->gout[0]);
    return TP_OK;
}

static void window_sum_samples(tp_sampler *s)
{
    tp__sample_one(s, (tp_dims){3, {2, 5, 3}}, &(window){2, 1});
    tp__sample_one(s, (tp_dims){2, {2, 3}}, &(window){7, 0});
    tp__sample_one(s, (tp_dims){4, {2, 0, 3, 2}}, &(window){1, 1});
}

/* clang-format off */
static const tp_op window_sum_op = {
    .name = "window_sum", .n_in = 1, .n_out = 1, .attr_size = sizeof(window), .flags = TP__READS_NOTHING,
    .grad_name = "AvgPool3DBackward0",
    .infer = window_sum_infer, .forward = window_sum_forward, .vjp = window_sum_vjp, .samples = window_sum_samples};
/* clang-format on */

/* ---- the function ------------------------------------------------------------------------------------------------- */

tp_tensor *tp_local_response_norm(tp_tape *T, tp_tensor *x, int64_t size, const tp_local_response_norm_options *options)
{
    TP__NAMED(T, "local_response_norm");
    tp_local_response_norm_options o = options ? *options : (tp_local_response_norm_options){0};
    if (!tp__usable(T, "local_response_norm", x))
        return NULL;
    if (x->ndim < 3) {
        tp_fail(T, TP_ESHAPE, "local_response_norm: x is %s; 3 dimensions or more are needed", TP__SHAPE(x));
        return NULL;
    }
    if (x->numel == 0)
        return x;
    if (size < 1) {
        tp_fail(T, TP_EINVAL, "local_response_norm: %lld channels; 1 or more are needed", (long long)size);
        return NULL;
    }
    tp_tensor *sum = tp__apply1(T, &window_sum_op, &(window){size / 2, (size - 1) / 2}, tp_square(T, x));
    if (sum && sum->dtype == TP_I64) { /* torch's mean of integers is one, too */
        sum = tp_to(T, tp_floor_divide(T, sum, tp_scalar(T, TP_I64, (double)size)), TP_F32);
        x = tp_to(T, x, TP_F32);
        size = 1;
    }
    tp_tensor *scale = tp_mul_scalar(T, sum, tp__option(o.alpha, 1e-4) / (double)size);
    scale = tp_add_scalar(T, scale, tp__option(o.k, 1));
    return tp_mul(T, x, tp_pow_scalar(T, scale, -tp__option(o.beta, 0.75)));
}

/* ---- as torch's CrossMapLRN2d has it, of the same purpose -------------------------------------------------------------
 *
 * There the first channel never leaves the running sum of squares, and the gradient goes by windows that begin one channel
 * early. Models that were trained so need both. */

static tp_tensor *window_sum(tp_tape *T, tp_tensor *x, int64_t before, int64_t after)
{
    return tp__apply1(T, &window_sum_op, &(window){before, after}, x);
}

/* Squares of `reach` channels on both sides, and of the first one. */
static tp_tensor *squares_around(tp_tape *T, tp_tensor *x, int64_t reach)
{
    tp_tensor *squares = tp_square(T, x), *sum = window_sum(T, squares, reach, reach);
    if (x->shape[1] <= reach + 1)
        return sum;
    tp_tensor *left = tp_zeros(T, x->dtype, (tp_dims){3, {x->shape[1], 1, 1}});
    for (int64_t c = reach + 1; left && c < x->shape[1]; c++)
        tp__store((char *)left->data + (size_t)c * tp_dtype_size(x->dtype), x->dtype, 1);
    return tp_add(T, sum, tp_mul(T, left, tp_narrow(T, squares, 1, 0, 1)));
}

tp_tensor *tp__cross_map_lrn(tp_tape *T, tp_tensor *x, int64_t size, const tp_local_response_norm_options *o)
{
    double alpha = tp__option(o->alpha, 1e-4), beta = tp__option(o->beta, 0.75), k = tp__option(o->k, 1);
    if (!tp__usable(T, "cross_map_lrn2d", x))
        return NULL;
    if (x->ndim != 4 || !tp_dtype_is_float(x->dtype)) {
        tp_fail(T, x->ndim == 4 ? TP_EDTYPE : TP_ESHAPE,
                "cross_map_lrn2d: x is %s of %s; floats [n, c, h, w] are needed", TP__SHAPE(x),
                tp_dtype_name(x->dtype));
        return NULL;
    }
    if (x->numel == 0)
        return x;
    tp_tensor *constant = tp_detach(T, x), *sum = squares_around(T, constant, (size - 1) / 2);
    tp_tensor *scale = tp_add_scalar(T, tp_mul_scalar(T, sum, alpha / (double)size), k);
    tp_tensor *power = tp_pow_scalar(T, scale, -beta), *y = tp_mul(T, constant, power);
    if (!tp_needs_grad(x))
        return y;
    /* Linear in x, with that gradient, and taken off again: the value is y. */
    int64_t early = size - (size - 1) / 2 - (size % 2 == 0), late = size - 1 - early > 0 ? size - 1 - early : 0;
    tp_tensor *spread = window_sum(T, tp_mul(T, constant, x), late, size > 1 ? early : 0);
    tp_tensor *share = tp_mul_scalar(T, tp_div(T, y, scale), 2 * alpha * beta / (double)size);
    tp_tensor *slope = tp_sub(T, tp_mul(T, power, x), tp_mul(T, share, spread));
    return tp_add(T, y, tp_sub(T, slope, tp_detach(T, slope)));
}

const tp_op *const tp__ops_local_response_norm[] = {
#include TP__OPERATORS
    NULL};
