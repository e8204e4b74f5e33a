/* pixel_shuffle.c - channels as pixels, pixels as channels, and channels in another order: no operators of their own. */
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

static tp_tensor *indivisible(tp_tape *T, const char *name, const tp_tensor *x, int64_t factor)
{
    tp_fail(T, TP_ESHAPE, "%s: x is %s, the factor %lld; sizes that it divides are needed", name, TP__SHAPE(x),
            (long long)factor);
    return NULL;
}

/* [.., c r r, h, w] -> [.., c, h r, w r] (Shi and others, 2016) */
tp_tensor *tp_pixel_shuffle(tp_tape *T, tp_tensor *x, int64_t r)
{
    TP__NAMED(T, "pixel_shuffle");
    if (!fits(T, "pixel_shuffle", x, r, 3))
        return NULL;
    tp_dims to = tp__dims_of(x);
    int64_t *c = &to.dim[to.ndim - 3], h = c[1], w = c[2], n = count(x, x->ndim - 3);
    if (c[0] % (r * r))
        return indivisible(T, "pixel_shuffle", x, r);
    c[0] /= r * r;
    tp_tensor *parts = tp_reshape(T, x, (tp_dims){6, {n, c[0], r, r, h, w}});
    if (__builtin_mul_overflow(c[1], r, &c[1]) || __builtin_mul_overflow(c[2], r, &c[2]))
        return indivisible(T, "pixel_shuffle", x, r);
    return tp_reshape(T, tp_permute(T, parts, (tp_dims){6, {0, 1, 4, 2, 5, 3}}), to);
}

/* [.., c, h r, w r] -> [.., c r r, h, w] */
tp_tensor *tp_pixel_unshuffle(tp_tape *T, tp_tensor *x, int64_t r)
{
    TP__NAMED(T, "pixel_unshuffle");
    if (!fits(T, "pixel_unshuffle", x, r, 3))
        return NULL;
    tp_dims to = tp__dims_of(x);
    int64_t *c = &to.dim[to.ndim - 3], n = count(x, x->ndim - 3), channels = c[0];
    if (c[1] % r || c[2] % r || __builtin_mul_overflow(channels, r * r, &c[0]))
        return indivisible(T, "pixel_unshuffle", x, r);
    c[1] /= r;
    c[2] /= r;
    tp_tensor *parts = tp_reshape(T, x, (tp_dims){6, {n, channels, c[1], r, c[2], r}});
    return tp_reshape(T, tp_permute(T, parts, (tp_dims){6, {0, 1, 3, 5, 2, 4}}), to);
}

/* Channels [groups, c / groups] transposed (Zhang and others, 2018). */
tp_tensor *tp_channel_shuffle(tp_tape *T, tp_tensor *x, int64_t groups)
{
    TP__NAMED(T, "channel_shuffle");
    if (!fits(T, "channel_shuffle", x, groups, 3))
        return NULL;
    if (x->shape[1] % groups)
        return indivisible(T, "channel_shuffle", x, groups);
    int64_t rest = 1;
    for (int d = 2; d < x->ndim; d++)
        rest *= x->shape[d];
    tp_tensor *parts = tp_reshape(T, x, (tp_dims){4, {x->shape[0], groups, x->shape[1] / groups, rest}});
    return tp_reshape(T, tp_permute(T, parts, (tp_dims){4, {0, 2, 1, 3}}), tp__dims_of(x));
}
