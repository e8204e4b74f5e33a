/* pixel_shuffle.c - channels as pixels, pixels as channels, and channels in another order. */
#include "kernel/pixels.h"
#include "ops/ops.h"

static int64_t count(const tp_tensor *x, int n)
{
    int64_t all = 1;
    for (int d = 0; d < n; d++)
        all *= x->shape[d];
    return all;
}

static bool fits(tp_tape *T, const char *name, const tp_tensor *x, int64_t factor, int least)
{
    if (!tp__has_dims(T, name, x, least))
        return false;
    if (factor < 1 || factor > INT32_MAX) {
        tp_fail(T, TP_EINVAL, "%s: the factor is %lld; 1 to 2^31 - 1 is needed", name, (long long)factor);
        return false;
    }
    return true;
}

/* ---- [.., c r r, h, w] -> [.., c, h r, w r] (Shi and others, 2016), and back ----------------------------------------------- */

/* Of pixels x, or of channels; false: r does not divide them, or what comes out has no size. */
static bool pixels_of(const tp_tensor *x, int64_t r, bool are_pixels, tp__pixels *p, tp_dims *to)
{
    *to = tp__dims_of(x);
    int64_t *c = &to->dim[x->ndim < 3 ? 0 : x->ndim - 3];
    if (x->ndim < 3 || r < 1 || r > INT32_MAX)
        return false;
    *p = (tp__pixels){tp_dtype_size(x->dtype), x->numel ? count(x, x->ndim - 3) : 0, r, c[1], c[2]};
    if (are_pixels) {
        p->n *= c[0];
        if (c[1] % r || c[2] % r || __builtin_mul_overflow(c[0], r * r, &c[0]))
            return false;
        p->h = c[1] /= r;
        p->w = c[2] /= r;
        return true;
    }
    p->n *= c[0] / (r * r);
    if (c[0] % (r * r))
        return false;
    c[0] /= r * r;
    return !__builtin_mul_overflow(c[1], r, &c[1]) && !__builtin_mul_overflow(c[2], r, &c[2]);
}

static tp_status infer(tp_call *c, bool are_pixels)
{
    tp__pixels p;
    tp_dims to;
    int64_t r = *(const int64_t *)c->attr;
    if (!pixels_of(c->in[0], r, are_pixels, &p, &to))
        return tp_call_fail(c, TP_ESHAPE, "x is %s, the factor %lld; sizes that it divides are needed",
                            TP__SHAPE(c->in[0]), (long long)r);
    return tp_call_out(c, 0, c->in[0]->dtype, to);
}

static tp_status forward(tp_call *c, bool are_pixels)
{
    tp__pixels p;
    tp_dims to;
    pixels_of(c->in[0], *(const int64_t *)c->attr, are_pixels, &p, &to);
    if (c->in[0]->numel > 0)
        (are_pixels ? tp__channels_of_pixels : tp__pixels_of_channels)(&p, c->in[0]->data, c->out[0]->data);
    return TP_OK;
}

static tp_status pixel_shuffle_infer(tp_call *c) { return infer(c, false); }
static tp_status pixel_shuffle_forward(tp_call *c) { return forward(c, false); }
static tp_status pixel_unshuffle_infer(tp_call *c) { return infer(c, true); }
static tp_status pixel_unshuffle_forward(tp_call *c) { return forward(c, true); }

static tp_status pixel_shuffle_vjp(tp_vjp *v)
{
    v->gin[0] = tp_pixel_unshuffle(v->tape, v->gout[0], *(const int64_t *)v->attr);
    return TP_OK;
}

static tp_status pixel_unshuffle_vjp(tp_vjp *v)
{
    v->gin[0] = tp_pixel_shuffle(v->tape, v->gout[0], *(const int64_t *)v->attr);
    return TP_OK;
}

static void pixel_shuffle_samples(tp_sampler *s)
{
    for (int64_t r = 1; r < 6; r++)
        tp__sample_one(s, (tp_dims){4, {2, 2 * r * r, 3, 2}}, &r);
    tp__sample_one(s, (tp_dims){3, {4, 0, 2}}, (int64_t[]){2});
}

static void pixel_unshuffle_samples(tp_sampler *s)
{
    for (int64_t r = 1; r < 6; r++)
        tp__sample_one(s, (tp_dims){4, {2, 2, 3 * r, 2 * r}}, &r);
    tp__sample_one(s, (tp_dims){3, {4, 0, 2}}, (int64_t[]){2});
}

/* clang-format off */
static const tp_op pixel_shuffle_op = {
    .name = "pixel_shuffle", .n_in = 1, .n_out = 1, .attr_size = sizeof(int64_t), .flags = TP__READS_NOTHING,
    .infer = pixel_shuffle_infer, .forward = pixel_shuffle_forward, .vjp = pixel_shuffle_vjp,
    .samples = pixel_shuffle_samples};
static const tp_op pixel_unshuffle_op = {
    .name = "pixel_unshuffle", .n_in = 1, .n_out = 1, .attr_size = sizeof(int64_t), .flags = TP__READS_NOTHING,
    .infer = pixel_unshuffle_infer, .forward = pixel_unshuffle_forward, .vjp = pixel_unshuffle_vjp,
    .samples = pixel_unshuffle_samples};
/* clang-format on */

tp_tensor *tp_pixel_shuffle(tp_tape *T, tp_tensor *x, int64_t r)
{
    return fits(T, "pixel_shuffle", x, r, 3) ? tp__apply1(T, &pixel_shuffle_op, &r, x) : NULL;
}

tp_tensor *tp_pixel_unshuffle(tp_tape *T, tp_tensor *x, int64_t r)
{
    return fits(T, "pixel_unshuffle", x, r, 3) ? tp__apply1(T, &pixel_unshuffle_op, &r, x) : NULL;
}

/* Channels [groups, c / groups] transposed (Zhang and others, 2018). */
tp_tensor *tp_channel_shuffle(tp_tape *T, tp_tensor *x, int64_t groups)
{
    TP__NAMED(T, "channel_shuffle");
    if (!fits(T, "channel_shuffle", x, groups, 3))
        return NULL;
    if (x->shape[1] % groups) {
        tp_fail(T, TP_ESHAPE, "channel_shuffle: x is %s, the factor %lld; sizes that it divides are needed",
                TP__SHAPE(x), (long long)groups);
        return NULL;
    }
    int64_t rest = 1;
    for (int d = 2; d < x->ndim; d++)
        rest *= x->shape[d];
    tp_tensor *parts = tp_reshape(T, x, (tp_dims){4, {x->shape[0], groups, x->shape[1] / groups, rest}});
    return tp_reshape(T, tp_permute(T, parts, (tp_dims){4, {0, 2, 1, 3}}), tp__dims_of(x));
}

const tp_op *const tp__ops_pixels[] = {
#include TP__OPERATORS
    NULL};
