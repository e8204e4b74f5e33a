/* im2col.c - blocks of an image as columns, and columns summed up where they come from: each is the gradient of the other. */
#if defined(REAL)

/* Row r of columns, of one plane and one place in the kernel, (+)= that element of all blocks. */
static void NAME(take)(const job *j, int64_t r)
{
    const blocks *b = j->b;
    int64_t k = r % (b->kernel[0] * b->kernel[1]), plane = r / (b->kernel[0] * b->kernel[1]);
    run down = run_of(b, 0, k / b->kernel[1]), along = run_of(b, 1, k % b->kernel[1]);
    int64_t width = b->count[1], step = b->stride[1];
    const REAL *x = (const REAL *)j->from + plane * b->size[0] * b->size[1];
    REAL *restrict y = (REAL *)j->to + r * b->count[0] * width;
    for (int64_t o = 0; o < b->count[0]; o++, y += width) {
        bool there = o >= down.begin && o < down.end;
        const REAL *row = x + (there ? (down.at + o * b->stride[0]) * b->size[1] + along.at : 0);
        if (!j->accumulate)
            for (int64_t i = 0; i < (there ? along.begin : width); i++)
                y[i] = 0;
        if (there && step == 1 && !j->accumulate)
            for (int64_t i = along.begin; i < along.end; i++)
                y[i] = row[i];
        else if (there)
            for (int64_t i = along.begin; i < along.end; i++)
                y[i] = j->accumulate ? y[i] + row[i * step] : row[i * step];
        if (there && !j->accumulate)
            for (int64_t i = along.end; i < width; i++)
                y[i] = 0;
    }
}

/* A plane (+)= the rows of columns that come from it, one after the other. */
static void NAME(put)(const job *j, int64_t plane)
{
    const blocks *b = j->b;
    int64_t all = b->kernel[0] * b->kernel[1], width = b->count[1], step = b->stride[1];
    REAL *x = (REAL *)j->to + plane * b->size[0] * b->size[1];
    if (!j->accumulate)
        memset(x, 0, (size_t)(b->size[0] * b->size[1]) * sizeof *x);
    for (int64_t k = 0; k < all; k++) {
        run down = run_of(b, 0, k / b->kernel[1]), along = run_of(b, 1, k % b->kernel[1]);
        const REAL *y = (const REAL *)j->from + (plane * all + k) * b->count[0] * width;
        for (int64_t o = down.begin; o < down.end; o++) {
            REAL *restrict row = x + (down.at + o * b->stride[0]) * b->size[1] + along.at;
            const REAL *from = y + o * width;
            if (step == 1)
                for (int64_t i = along.begin; i < along.end; i++)
                    row[i] += from[i];
            else
                for (int64_t i = along.begin; i < along.end; i++)
                    row[i * step] += from[i];
        }
    }
}

#else

#include "ops/ops.h"

#include <string.h>

/* Of images of this size there are `count` blocks down and along. */
typedef struct {
    int64_t size[2], count[2], kernel[2], stride[2], padding[2], dilation[2];
} blocks;

typedef struct {
    const blocks *b;
    tp_dtype dtype;
    bool accumulate;
    const void *from;
    void *to;
} job;

/* The blocks of which element k along d lies in the image: it is element at + o stride of that. */
typedef struct {
    int64_t begin, end, at;
} run;
static run run_of(const blocks *b, int d, int64_t k)
{
    int64_t at = k * b->dilation[d] - b->padding[d], s = b->stride[d];
    int64_t begin = at < 0 ? (-at + s - 1) / s : 0, end = at < b->size[d] ? (b->size[d] - at + s - 1) / s : 0;
    end = end < b->count[d] ? end : b->count[d];
    return (run){begin < end ? begin : end, end, at};
}

#define TP__BODY "ops/nn/im2col.c"
#include "kernel/per_float.h"

static void take_range(int64_t begin, int64_t end, void *user)
{
    const job *j = user;
    for (int64_t r = begin; r < end; r++)
        (j->dtype == TP_F64 ? take_f64 : take_f32)(j, r);
}

static void put_range(int64_t begin, int64_t end, void *user)
{
    const job *j = user;
    for (int64_t p = begin; p < end; p++)
        (j->dtype == TP_F64 ? put_f64 : put_f32)(j, p);
}

/* ---- the operators ---------------------------------------------------------------------------------------------- */

static const tp_op im2col_op, col2im_op;

static int64_t planes_of(const tp_tensor *image) { return image->shape[0] * image->shape[1]; }

/* columns (+)= the blocks of the image, or the image (+)= columns */
static void copy(bool to_columns, const blocks *b, const tp_tensor *from, tp_tensor *to, bool accumulate)
{
    job j = {b, to->dtype, accumulate, from->data, to->data};
    int64_t row = b->count[0] * b->count[1], all = b->kernel[0] * b->kernel[1];
    if (to->numel == 0)
        return;
    if (to_columns)
        tp__parallel_for(planes_of(from) * all, 1 + 16384 / row, take_range, &j);
    else
        tp__parallel_for(planes_of(to), 1 + 16384 / row / all, put_range, &j);
}

static tp_status im2col_infer(tp_call *c)
{
    const blocks *b = c->attr;
    const tp_tensor *x = c->in[0];
    if (!tp_dtype_is_float(x->dtype))
        return tp__no_float(c, x);
    if (x->ndim != 4 || x->shape[2] != b->size[0] || x->shape[3] != b->size[1])
        return tp_call_fail(c, TP_ESHAPE, "x is %s; images of %lld by %lld are needed", TP__SHAPE(x),
                            (long long)b->size[0], (long long)b->size[1]);
    int64_t kernel = b->kernel[0] * b->kernel[1];
    return tp_call_out(c, 0, x->dtype, (tp_dims){3, {x->shape[0], x->shape[1] * kernel, b->count[0] * b->count[1]}});
}

static tp_status col2im_infer(tp_call *c)
{
    const blocks *b = c->attr;
    const tp_tensor *x = c->in[0];
    if (!tp_dtype_is_float(x->dtype))
        return tp__no_float(c, x);
    int64_t kernel = b->kernel[0] * b->kernel[1], columns = b->count[0] * b->count[1];
    if (x->ndim != 3 || x->shape[1] % kernel || x->shape[2] != columns)
        return tp_call_fail(c, TP_ESHAPE, "x is %s; columns of a multiple of %lld, %lld of them, are needed",
                            TP__SHAPE(x), (long long)kernel, (long long)columns);
    return tp_call_out(c, 0, x->dtype, (tp_dims){4, {x->shape[0], x->shape[1] / kernel, b->size[0], b->size[1]}});
}

static tp_status im2col_forward(tp_call *c)
{
    copy(true, c->attr, c->in[0], c->out[0], false);
    return TP_OK;
}
static tp_status col2im_forward(tp_call *c)
{
    copy(false, c->attr, c->in[0], c->out[0], false);
    return TP_OK;
}

static tp_status im2col_vjp(tp_vjp *v)
{
    v->gin[0] = tp__apply1(v->tape, &col2im_op, v->attr, v->gout[0]);
    return TP_OK;
}
static tp_status col2im_vjp(tp_vjp *v)
{
    v->gin[0] = tp__apply1(v->tape, &im2col_op, v->attr, v->gout[0]);
    return TP_OK;
}

static tp_status im2col_vjp_fused(tp_vjp *v)
{
    copy(false, v->attr, v->gout[0], v->gin[0], !(v->fresh & 1u));
    return TP_OK;
}
static tp_status col2im_vjp_fused(tp_vjp *v)
{
    copy(true, v->attr, v->gout[0], v->gin[0], !(v->fresh & 1u));
    return TP_OK;
}

static const blocks sampled[] = {{{4, 5}, {3, 4}, {2, 2}, {1, 1}, {0, 0}, {1, 1}},
                                 {{4, 5}, {3, 3}, {3, 2}, {2, 3}, {2, 1}, {2, 1}},
                                 {{3, 2}, {4, 1}, {2, 1}, {1, 2}, {1, 0}, {1, 2}}};

static void im2col_samples(tp_sampler *s)
{
    for (int i = 0; i < 3; i++) {
        tp_tensor *x = tp_sample_tensor(s, (tp_dims){4, {2, 3, sampled[i].size[0], sampled[i].size[1]}}, -1.9, 2.1);
        tp_sample(s, &sampled[i], 1, &x);
    }
}
static void col2im_samples(tp_sampler *s)
{
    for (int i = 0; i < 3; i++) {
        const blocks *b = &sampled[i];
        tp_dims shape = {3, {2, 3 * b->kernel[0] * b->kernel[1], b->count[0] * b->count[1]}};
        tp_tensor *x = tp_sample_tensor(s, shape, -1.9, 2.1);
        tp_sample(s, b, 1, &x);
    }
}

/* clang-format off */
static const tp_op im2col_op = {
    .name = "im2col", .n_in = 1, .n_out = 1, .attr_size = sizeof(blocks),
    .flags = TP__READS_NOTHING | TP_OP_OVERWRITES, .grad_name = "Im2ColBackward0",
    .infer = im2col_infer, .forward = im2col_forward, .vjp = im2col_vjp, .vjp_fused = im2col_vjp_fused,
    .samples = im2col_samples};
static const tp_op col2im_op = {
    .name = "col2im", .n_in = 1, .n_out = 1, .attr_size = sizeof(blocks),
    .flags = TP__READS_NOTHING | TP_OP_OVERWRITES, .grad_name = "Col2ImBackward0",
    .infer = col2im_infer, .forward = col2im_forward, .vjp = col2im_vjp, .vjp_fused = col2im_vjp_fused,
    .samples = col2im_samples};
/* clang-format on */

/* ---- the functions ---------------------------------------------------------------------------------------------- */

/* The blocks of an image of this size; false after a failure. */
static bool blocks_of(tp_tape *T, const char *name, const int64_t *size, tp_dims kernel,
                      const tp_unfold_options *options, blocks *b)
{
    tp_unfold_options o = options ? *options : (tp_unfold_options){.stride = {0}};
    bool fits = kernel.ndim == 1 || kernel.ndim == 2, meets = true;
    for (int d = 0; fits && d < 2; d++) {
        b->size[d] = size[d];
        b->kernel[d] = kernel.dim[kernel.ndim == 1 ? 0 : d];
        b->stride[d] = o.stride[d] ? o.stride[d] : 1;
        b->dilation[d] = o.dilation[d] ? o.dilation[d] : 1;
        b->padding[d] = o.padding[d];
        const int64_t given[] = {b->kernel[d], b->stride[d], b->dilation[d],
                                 b->padding[d] < INT32_MAX ? b->padding[d] + 1 : 0, size[d]};
        for (int i = 0; i < 5; i++)
            fits = fits && given[i] >= 1 && given[i] <= INT32_MAX;
        int64_t room = fits ? size[d] + 2 * b->padding[d] - b->dilation[d] * (b->kernel[d] - 1) - 1 : 0;
        meets = meets && room >= 0;
        b->count[d] = fits ? room / b->stride[d] + 1 : 0;
    }
    if (!fits)
        tp_fail(
            T, TP_EINVAL,
            "%s: kernel %s, stride %lld, %lld, dilation %lld, %lld, padding %lld, %lld; one or two sizes of 1 or more, "
            "and paddings of 0 or more are needed",
            name, TP__DIMS(kernel), (long long)o.stride[0], (long long)o.stride[1], (long long)o.dilation[0],
            (long long)o.dilation[1], (long long)o.padding[0], (long long)o.padding[1]);
    else if (!meets)
        tp_fail(T, TP_ESHAPE, "%s: an image of %lld by %lld, the kernel %s; one that fits into it is needed", name,
                (long long)size[0], (long long)size[1], TP__DIMS(kernel));
    return fits && meets;
}

/* With samples in front, and what came out without them. */
static tp_tensor *apply(tp_tape *T, const tp_op *op, const blocks *b, tp_tensor *x, bool batched)
{
    tp_tensor *y = tp__apply1(T, op, b, batched ? x : tp_unsqueeze(T, x, 0));
    return batched ? y : tp_squeeze_dim(T, y, 0);
}

tp_tensor *tp_im2col(tp_tape *T, tp_tensor *x, tp_dims kernel, const tp_unfold_options *options)
{
    TP__NAMED(T, "im2col");
    blocks b;
    int64_t rows, columns;
    if (!tp__usable(T, "im2col", x))
        return NULL;
    if ((x->ndim != 3 && x->ndim != 4) || x->shape[x->ndim - 3] == 0 || x->shape[x->ndim - 2] == 0 ||
        x->shape[x->ndim - 1] == 0) {
        tp_fail(T, TP_ESHAPE, "im2col: x is %s; [n, c, h, w] or [c, h, w], but for n not 0, is needed", TP__SHAPE(x));
        return NULL;
    }
    if (!blocks_of(T, "im2col", x->shape + x->ndim - 2, kernel, options, &b))
        return NULL;
    if (__builtin_mul_overflow(x->shape[x->ndim - 3], b.kernel[0] * b.kernel[1], &rows) ||
        __builtin_mul_overflow(b.count[0], b.count[1], &columns)) {
        tp_fail(T, TP_ENOMEM, "im2col: x is %s, the kernel %s; less is needed", TP__SHAPE(x), TP__DIMS(kernel));
        return NULL;
    }
    return apply(T, &im2col_op, &b, x, x->ndim == 4);
}

tp_tensor *tp_col2im(tp_tape *T, tp_tensor *x, tp_dims size, tp_dims kernel, const tp_unfold_options *options)
{
    TP__NAMED(T, "col2im");
    blocks b;
    if (!tp__usable(T, "col2im", x))
        return NULL;
    int64_t sides[2] = {size.dim[0], size.dim[size.ndim == 1 ? 0 : 1]};
    if (size.ndim != 1 && size.ndim != 2) {
        tp_fail(T, TP_EINVAL, "col2im: the size is %s; one or two numbers are needed", TP__DIMS(size));
        return NULL;
    }
    if (!blocks_of(T, "col2im", sides, kernel, options, &b))
        return NULL;
    int64_t k = b.kernel[0] * b.kernel[1], n = x->ndim >= 2 ? x->shape[x->ndim - 1] : 0;
    if ((x->ndim != 2 && x->ndim != 3) || x->shape[x->ndim - 2] == 0 || x->shape[x->ndim - 2] % k || n % b.count[0] ||
        n / b.count[0] != b.count[1]) {
        tp_fail(T, TP_ESHAPE,
                "col2im: x is %s; [n, c, l] or [c, l], where c is a multiple of %lld and l %lld times %lld, is needed",
                TP__SHAPE(x), (long long)k, (long long)b.count[0], (long long)b.count[1]);
        return NULL;
    }
    return apply(T, &col2im_op, &b, x, x->ndim == 3);
}

const tp_op *const tp__ops_im2col[] = {
#include TP__OPERATORS
    NULL};

#endif
