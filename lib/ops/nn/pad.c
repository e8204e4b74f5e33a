/* pad.c - more elements around a tensor, or fewer: a value, or its own elements. */
#include "kernel/pad.h"
#include "ops/nn/resample.h"

/* ---- a value around any dimensions; the gradient is the same with the signs turned ------------------------------------- */

typedef struct {
    int64_t before[TP_MAX_DIMS], after[TP_MAX_DIMS]; /* below 0: so many are left out */
    double value;
} padding;

static tp_status constant_pad_infer(tp_call *c)
{
    const padding *p = c->attr;
    const tp_tensor *x = c->in[0];
    tp_dims shape = tp__dims_of(x);
    for (int d = 0; d < x->ndim; d++) {
        int64_t n = x->shape[d],
                keeps = n + (p->before[d] < 0 ? p->before[d] : 0) + (p->after[d] < 0 ? p->after[d] : 0);
        if (__builtin_add_overflow(n, p->before[d], &n) || __builtin_add_overflow(n, p->after[d], &n) || keeps < 0)
            return tp_call_fail(c, TP_ESHAPE, "x is %s, padded by %lld and %lld; sizes of 0 or more are needed",
                                TP__SHAPE(x), (long long)p->before[d], (long long)p->after[d]);
        shape.dim[d] = n;
    }
    return tp_call_out(c, 0, x->dtype, shape);
}

static int64_t above_zero(int64_t n) { return n > 0 ? n : 0; }

/* The row: element `front` of n is in's `skip`. */
static void set_row(tp__padding *p, int64_t in, int64_t n, int64_t before, int64_t after, int64_t each)
{
    int d = p->ndim++;
    p->in[d] = in * each;
    p->n[d] = n * each;
    p->front = above_zero(before) * each;
    p->skip = above_zero(-before) * each;
    p->middle = (in - above_zero(-before) - above_zero(-after)) * each;
}

/* Dimensions before the first that is padded are one, and so are the last of these and those behind it: the row. */
static tp_status constant_pad_forward(tp_call *c)
{
    const padding *a = c->attr;
    const tp_tensor *x = c->in[0], *y = c->out[0];
    tp__padding p = {.ndim = 1, .n = {1}, .in = {1}, .dtype = x->dtype, .value = a->value, .x = x->data, .y = y->data};
    int first = 0, last = x->ndim - 1;
    int64_t inner = 1;
    if (y->numel == 0)
        return TP_OK;
    if (x->numel == 0) {
        tp__fill(y->numel, y->data, y->dtype, a->value);
        return TP_OK;
    }
    for (; first < last && a->before[first] == 0 && a->after[first] == 0; first++)
        p.n[0] *= x->shape[first];
    for (; last > first && a->before[last] == 0 && a->after[last] == 0; last--)
        inner *= x->shape[last];
    p.in[0] = p.n[0];
    for (int d = first; d < last; d++) {
        int64_t *source = tp_call_scratch(c, (size_t)y->shape[d] * sizeof *source);
        if (source == NULL)
            return TP_ENOMEM;
        for (int64_t i = 0; i < y->shape[d]; i++)
            source[i] = i < a->before[d] || i - a->before[d] >= x->shape[d] ? -1 : i - a->before[d];
        p.n[p.ndim] = y->shape[d];
        p.in[p.ndim] = x->shape[d];
        p.source[p.ndim++] = source;
    }
    if (x->ndim == 0)
        set_row(&p, 1, 1, 0, 0, 1);
    else
        set_row(&p, x->shape[last], y->shape[last], a->before[last], a->after[last], inner);
    tp__pad(&p);
    return TP_OK;
}

static tp_status constant_pad_vjp(tp_vjp *v)
{
    padding p = *(const padding *)v->attr;
    for (int d = 0; d < TP_MAX_DIMS; d++) {
        p.before[d] = -p.before[d];
        p.after[d] = -p.after[d];
    }
    p.value = 0;
    v->gin[0] = tp__apply1(v->tape, v->op, &p, v->gout[0]);
    return TP_OK;
}

static void constant_pad_samples(tp_sampler *s)
{
    tp_tensor *x = tp_sample_tensor(s, (tp_dims){3, {2, 3, 5}}, -1.9, 2.1);
    tp_sample(s, &(padding){{0, 2, 1}, {0, 0, 3}, 1.5}, 1, &x);
    tp_sample(s, &(padding){{1, -1, -2}, {-1, 2, 1}, -0.5}, 1, &x);
    x = tp_sample_tensor(s, (tp_dims){2, {0, 3}}, -1.9, 2.1);
    tp_sample(s, &(padding){{1, 1}, {0, 0}, 1.5}, 1, &x);
}

static const tp_op constant_pad_op = {.name = "constant_pad",
                                      .n_in = 1,
                                      .n_out = 1,
                                      .attr_size = sizeof(padding),
                                      .flags = TP__READS_NOTHING,
                                      .infer = constant_pad_infer,
                                      .forward = constant_pad_forward,
                                      .vjp = constant_pad_vjp,
                                      .samples = constant_pad_samples,
                                      .grad_name = "ConstantPadNdBackward0"};

static tp_tensor *constant_pad(tp_tape *T, tp_tensor *x, tp_dims sizes, double value)
{
    padding p = {.value = value};
    if (sizes.ndim / 2 > x->ndim) {
        tp_fail(T, TP_EINVAL, "pad: x is %s, the padding %s; two numbers a dimension, from the last on, are needed",
                TP__SHAPE(x), TP__DIMS(sizes));
        return NULL;
    }
    if (!tp__fits(T, "pad", "value", x->dtype, value))
        return NULL;
    for (int i = 0; i < sizes.ndim / 2; i++) {
        if (sizes.dim[2 * i] == INT64_MIN || sizes.dim[2 * i + 1] == INT64_MIN) {
            tp_fail(T, TP_EINVAL, "pad: the padding is %s; less is needed", TP__DIMS(sizes));
            return NULL;
        }
        p.before[x->ndim - 1 - i] = sizes.dim[2 * i];
        p.after[x->ndim - 1 - i] = sizes.dim[2 * i + 1];
    }
    return tp__apply1(T, &constant_pad_op, &p, x);
}

/* ---- its own elements around space ------------------------------------------------------------------------------------ */

/* Where element o along d comes from. Paddings below 0 leave elements out: what is circular goes round what is left, what is
 * mirrored or repeated is so at x's own edge. */
static int64_t source_of(const tp__resampling *r, int d, int64_t o)
{
    int64_t n = r->in[d], front = r->padding[d], at = o - front;
    if (r->rule == TP_PAD_REPLICATE)
        return at < 0 ? 0 : at < n ? at : n - 1;
    if (r->rule == TP_PAD_REFLECT)
        return at < 0 ? -at : at < n ? at : 2 * (n - 1) - at;
    int64_t back = r->out[d] - n - front, skip = front < 0 ? -front : 0, left = n - skip + (back < 0 ? back : 0);
    int64_t k = (o - (front > 0 ? front : 0)) % left;
    return skip + (k < 0 ? k + left : k);
}

static tp__taps pad_taps(const void *attr, tp_dtype dtype, int d, int64_t o, double *weight)
{
    (void)dtype, (void)weight;
    return (tp__taps){.n = 1, .first = source_of(attr, d, o), .divisor = 1};
}

static void pad_samples(tp_sampler *s)
{
    tp__resampling r = {.space = 2, .in = {1, 4, 5}, .out = {1, 6, 5}, .padding = {0, 1, -1}};
    for (r.rule = TP_PAD_REFLECT; r.rule <= TP_PAD_CIRCULAR; r.rule++)
        tp__resample_sample(s, &r);
    tp__resample_sample(
        s, &(tp__resampling){
               .space = 1, .in = {1, 1, 3}, .out = {1, 1, 9}, .padding = {0, 0, 2}, .rule = TP_PAD_REPLICATE});
}

static tp_status pad_infer(tp_call *c)
{
    const tp__resampling *r = c->attr;
    return r->transposed ? tp__resample_infer(c) : tp__resample_shape(c); /* whole numbers have no gradient */
}

static tp_status pad_forward(tp_call *c)
{
    const tp__resampling *r = c->attr;
    const tp_tensor *x = c->in[0];
    int64_t planes = tp__planes_of(x, r->space);
    tp__padding p = {.ndim = 1, .n = {planes}, .in = {planes}, .dtype = x->dtype, .x = x->data, .y = c->out[0]->data};
    if (r->transposed)
        return tp__resample_forward(c);
    for (int d = TP__SPACE - r->space; d < TP__SPACE; d++) {
        int64_t n = r->out[d], k = 0, *source = tp_call_scratch(c, (size_t)n * sizeof *source);
        bool is_row = d == TP__SPACE - 1;
        if (source == NULL)
            return c->tape->status;
        if (is_row)
            set_row(&p, r->in[d], n, r->padding[d], n - r->in[d] - r->padding[d], 1);
        for (int64_t o = 0; o < n; o++)
            if (!is_row || o < p.front || o >= p.front + p.middle)
                source[k++] = source_of(r, d, o);
        if (is_row) {
            p.edges = source;
            continue;
        }
        p.n[p.ndim] = n;
        p.in[p.ndim] = r->in[d];
        p.source[p.ndim++] = source;
    }
    if (c->out[0]->numel > 0)
        tp__pad(&p);
    return TP_OK;
}

/* clang-format off */
static const tp__resample_op pad_op = {{
    .name = "pad", .n_in = 1, .n_out = 1, .attr_size = sizeof(tp__resampling),
    .flags = TP__OP_OURS | TP__READS_NOTHING | TP_OP_OVERWRITES, .infer = pad_infer, .forward = pad_forward,
    .vjp = tp__resample_vjp, .vjp_fused = tp__resample_vjp_fused, .samples = pad_samples}, NULL, pad_taps, false};
/* clang-format on */

/* Is there as much as the padding takes? The most of it is 0 or more. */
static bool reaches(tp_pad_mode mode, int64_t n, int64_t before, int64_t after)
{
    int64_t most = before > after ? before : after, keeps = n + (before < 0 ? before : 0) + (after < 0 ? after : 0);
    if (n < 1 || before < -n || after < -n || before > INT32_MAX || after > INT32_MAX || n + before + after < 1)
        return false;
    return mode == TP_PAD_REPLICATE || (mode == TP_PAD_REFLECT ? most < n : keeps > 0 && most <= n);
}

tp_tensor *tp_pad(tp_tape *T, tp_tensor *x, tp_dims sizes, tp_pad_mode mode, double value)
{
    TP__NAMED(T, "pad");
    if (!tp__usable(T, "pad", x))
        return NULL;
    if (sizes.ndim % 2 || sizes.ndim < 0 || sizes.ndim > TP_MAX_DIMS || (unsigned)mode > TP_PAD_CIRCULAR) {
        tp_fail(T, TP_EINVAL, "pad: %d numbers, mode %d; two a dimension and one of tp_pad_mode are needed", sizes.ndim,
                (int)mode);
        return NULL;
    }
    if (mode == TP_PAD_ZEROS)
        return constant_pad(T, x, sizes, value);
    tp__resampling r = {.space = sizes.ndim / 2, .rule = (int)mode};
    bool fits = r.space >= 1 && r.space <= TP__SPACE && (x->ndim == r.space + 1 || x->ndim == r.space + 2);
    for (int d = 0; d < TP__SPACE && fits; d++) {
        int i = TP__SPACE - 1 - d;
        r.in[d] = i < r.space ? x->shape[x->ndim - 1 - i] : 1;
        r.padding[d] = i < r.space ? sizes.dim[2 * i] : 0;
        fits = i >= r.space || reaches(mode, r.in[d], sizes.dim[2 * i], sizes.dim[2 * i + 1]);
        r.out[d] = i < r.space && fits ? r.in[d] + sizes.dim[2 * i] + sizes.dim[2 * i + 1] : 1;
    }
    if (!fits) {
        tp_fail(T, TP_ESHAPE,
                "pad: x is %s, the padding %s; %s, of the last 1 to 3 dimensions behind channels, with or without "
                "samples, is "
                "needed",
                TP__SHAPE(x), TP__DIMS(sizes),
                mode == TP_PAD_REFLECT ? "less than the sizes" : "no more than the sizes");
        return NULL;
    }
    return tp__apply1(T, &pad_op.op, &r, x);
}

const tp_op *const tp__ops_pad[] = {
#include TP__OPERATORS
    NULL};
