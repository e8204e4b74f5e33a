/* pool.c - sizes of pooling windows. */
#include "ops/nn/pool.h"

bool tp__sizes_of_space(tp_tape *T, const char *name, const char *what, tp_dims sizes, int space, int64_t least,
                        int64_t *to)
{
    bool fits = sizes.ndim == 1 || sizes.ndim == space;
    for (int d = 0; fits && d < space; d++) {
        int64_t size = sizes.dim[sizes.ndim == 1 ? 0 : d];
        to[TP__SPACE - space + d] = size;
        fits = size >= least && size <= INT32_MAX;
    }
    if (!fits)
        tp_fail(T, TP_EINVAL, "%s: %s is %s; %d numbers from %lld to 2^31 - 1, or one for all, are needed", name, what,
                TP__DIMS(sizes), space, (long long)least);
    return fits;
}

/* How many windows there are (torch's rule: with ceil_mode the last one may go beyond the end, but begins before it, or in
 * the padding in front of it). */
static int64_t windows(const tp__pooling *p, int d, bool ceil_mode)
{
    int64_t s = p->stride[d], room = p->in[d] + 2 * p->padding[d] - p->dilation[d] * (p->kernel[d] - 1) - 1;
    if (ceil_mode)
        room += s - 1;
    int64_t n = (room < 0 ? -((-room + s - 1) / s) : room / s) + 1;
    return ceil_mode && (n - 1) * s >= p->in[d] + p->padding[d] ? n - 1 : n;
}

/* Where dilation steps over all of x, a window may have nothing but padding. */
static bool meets(const tp__pooling *p, int d)
{
    for (int64_t o = 0; p->in[d] < p->dilation[d] && o < p->out[d]; o++) {
        int64_t begin = o * p->stride[d] - p->padding[d];
        if (begin < 0 && p->dilation[d] - 1 - (-begin - 1) % p->dilation[d] >= p->in[d])
            return false;
    }
    return true;
}

static bool options_fit(tp_tape *T, const char *name, const tp_pool_options *o, bool dilates, tp__pooling *p)
{
    for (int k = p->space; k < TP__SPACE; k++)
        if (o->stride[k] || o->padding[k] || o->dilation[k]) {
            tp_fail(T, TP_EINVAL, "%s: an option has an entry more; those of %d dimensions are needed", name, p->space);
            return false;
        }
    for (int d = 0; d < TP__SPACE; d++) {
        int k = d - (TP__SPACE - p->space);
        if (k < 0) {
            p->kernel[d] = p->stride[d] = p->dilation[d] = 1;
            continue;
        }
        p->stride[d] = o->stride[k] ? o->stride[k] : p->kernel[d];
        p->padding[d] = o->padding[k];
        p->dilation[d] = o->dilation[k] ? o->dilation[k] : 1;
        if (p->stride[d] < 1 || p->stride[d] > INT32_MAX || p->dilation[d] < 1 || p->dilation[d] > INT32_MAX ||
            p->padding[d] < 0 || p->padding[d] > p->kernel[d] / 2 || (!dilates && o->dilation[k])) {
            tp_fail(T, TP_EINVAL,
                    "%s: kernel %lld, stride %lld, padding %lld, dilation %lld; a stride%s of 1 or more and a padding "
                    "of at "
                    "most half the kernel are needed",
                    name, (long long)p->kernel[d], (long long)p->stride[d], (long long)p->padding[d],
                    (long long)p->dilation[d], dilates ? " and a dilation" : "");
            return false;
        }
    }
    return true;
}

bool tp__pooling_of(tp_tape *T, const char *name, const tp_tensor *x, int space, tp_dims kernel,
                    const tp_pool_options *options, bool dilates, tp__pooling *p)
{
    tp_pool_options none = {.ceil_mode = false};
    const tp_pool_options *o = options ? options : &none;
    *p = (tp__pooling){.space = space};
    if (!tp__has_space(T, name, x, space) || !tp__sizes_of_space(T, name, "the kernel", kernel, space, 1, p->kernel) ||
        !options_fit(T, name, o, dilates, p))
        return false;
    tp__space_of(x, space, p->in);
    for (int d = 0; d < TP__SPACE; d++) {
        p->out[d] = d < TP__SPACE - space ? 1 : windows(p, d, o->ceil_mode);
        if (p->out[d] < 1 || !meets(p, d)) {
            tp_fail(T, TP_ESHAPE, "%s: x is %s, the kernel %s; windows that meet x are needed", name, TP__SHAPE(x),
                    TP__DIMS(kernel));
            return false;
        }
    }
    return true;
}

bool tp__adaptive_pooling_of(tp_tape *T, const char *name, const tp_tensor *x, int space, tp_dims size, tp__pooling *p)
{
    *p = (tp__pooling){.space = space, .adaptive = true, .out = {1, 1, 1}};
    if (!tp__has_space(T, name, x, space) || !tp__sizes_of_space(T, name, "the size", size, space, -1, p->out))
        return false;
    tp__space_of(x, space, p->in);
    for (int d = 0; d < TP__SPACE; d++)
        p->out[d] = p->out[d] < 0 ? p->in[d] : p->out[d];
    return true;
}
