/* conv.c - convolutions, transposed ones, and the gradients of both.
 *
 * conv(x, w) is linear in x and in w, so that for y's gradient g
 *
 *     <g, conv(x, w)> = <by_input(g, w), x> = <by_weight(x, g), w>,
 *
 * and each of the three operators has the two others as its derivatives: gradients of every order come from these lines. A
 * transposed convolution is by_input under another name. */
#include "kernel/conv.h"
#include "ops/ops.h"

typedef struct {
    tp__conv shape;
    int64_t space; /* dimensions: 1 to 3 */
    int64_t bias;  /* is there a third input: one number a channel of the result */
} conv;

static const tp_op convolution_op, convolution_by_input_op, convolution_by_weight_op;

/* ---- shapes ---- */

static tp_dims with_space(const conv *a, int64_t first, int64_t second, const int64_t *space)
{
    tp_dims s = {.ndim = 2 + (int)a->space, .dim = {first, second}};
    for (int d = 0; d < a->space; d++)
        s.dim[2 + d] = space[TP__SPACE - a->space + d];
    return s;
}
static tp_dims shape_of_x(const conv *a)
{
    return with_space(a, a->shape.batch, a->shape.groups * a->shape.cin, a->shape.in);
}
static tp_dims shape_of_w(const conv *a)
{
    return with_space(a, a->shape.groups * a->shape.cout, a->shape.cin, a->shape.kernel);
}
static tp_dims shape_of_y(const conv *a)
{
    return with_space(a, a->shape.batch, a->shape.groups * a->shape.cout, a->shape.out);
}

/* The sizes are in the attributes; a recorded call that is made again, or one by hand, must have them. */
static tp_status infer(tp_call *c, tp_dims first, tp_dims second, tp_dims out)
{
    const conv *a = c->attr;
    const tp_dims needed[3] = {first, second, {1, {out.dim[1]}}};
    if (c->n_in != 2 + (int)a->bias)
        return tp_call_fail(c, TP_EINVAL, "%d inputs; %d are needed", c->n_in, 2 + (int)a->bias);
    for (int i = 0; i < c->n_in; i++) {
        const tp_tensor *x = c->in[i];
        if (!tp__dims_equal(tp__dims_of(x), needed[i]))
            return tp_call_fail(c, TP_ESHAPE, "input %d is %s; %s is needed", i, TP__SHAPE(x), TP__DIMS(needed[i]));
        if (x->dtype != c->in[0]->dtype || x->dtype == TP_BOOL)
            return tp_call_fail(c, TP_EDTYPE, "input %d is %s, the first %s; one dtype is needed, not bool", i,
                                tp_dtype_name(x->dtype), tp_dtype_name(c->in[0]->dtype));
    }
    return tp_call_out(c, 0, c->in[0]->dtype, out);
}

static tp_status convolution_infer(tp_call *c)
{
    return infer(c, shape_of_x(c->attr), shape_of_w(c->attr), shape_of_y(c->attr));
}
static tp_status by_input_infer(tp_call *c)
{
    return infer(c, shape_of_y(c->attr), shape_of_w(c->attr), shape_of_x(c->attr));
}
static tp_status by_weight_infer(tp_call *c)
{
    if (!tp_dtype_is_float(c->in[0]->dtype))
        return tp__no_float(c, c->in[0]);
    return infer(c, shape_of_x(c->attr), shape_of_y(c->attr), shape_of_w(c->attr));
}

/* ---- the kernels ---- */

static tp_status not_counted(tp_tape *T, const char *name)
{
    tp_status status;
    const char *trouble = tp__blas_trouble(&status);
    return tp_fail(T, status, "%s: %s", name, trouble);
}

static tp_status forward(tp_call *c, tp__conv_pass pass)
{
    const conv *a = c->attr;
    tp__conv_job job = {.shape = a->shape,
                        .pass = pass,
                        .dtype = c->in[0]->dtype,
                        .plain = c->tape->no_winograd,
                        .a = c->in[0]->data,
                        .b = c->in[1]->data,
                        .bias = a->bias ? c->in[2]->data : NULL,
                        .to = c->out[0]->data};
    if ((job.room = tp_call_scratch(c, tp__conv_room(&job))) == NULL)
        return c->tape->status;
    return tp__convolve(&job) ? TP_OK : not_counted(c->tape, c->op->name);
}
static tp_status convolution_forward(tp_call *c) { return forward(c, TP__CONV_FORWARD); }
static tp_status by_input_forward(tp_call *c) { return forward(c, TP__CONV_BY_INPUT); }
static tp_status by_weight_forward(tp_call *c) { return forward(c, TP__CONV_BY_WEIGHT); }

/* gin[i] (+)= a pass of a and b */
static tp_status add_pass(tp_vjp *v, int i, tp__conv_pass pass, const tp_tensor *a, const tp_tensor *b)
{
    tp__conv_job job = {.shape = ((const conv *)v->attr)->shape,
                        .pass = pass,
                        .dtype = a->dtype,
                        .accumulate = !((v->fresh >> i) & 1u),
                        .plain = v->tape->no_winograd,
                        .a = a->data,
                        .b = b->data};
    if (v->gin[i] == NULL)
        return TP_OK;
    job.to = v->gin[i]->data;
    if ((job.room = tp_vjp_scratch(v, tp__conv_room(&job))) == NULL)
        return v->tape->status;
    return tp__convolve(&job) ? TP_OK : not_counted(v->tape, v->op->name);
}

static tp_status add_bias(tp_vjp *v, tp_status status)
{
    return status == TP_OK && ((const conv *)v->attr)->bias ? tp__vjp_fused_by_operators(v, 1u << 2) : status;
}

static tp_status convolution_vjp_fused(tp_vjp *v)
{
    tp_status status = add_pass(v, 0, TP__CONV_BY_INPUT, v->gout[0], v->in[1]);
    if (status == TP_OK)
        status = add_pass(v, 1, TP__CONV_BY_WEIGHT, v->in[0], v->gout[0]);
    return add_bias(v, status);
}

static tp_status by_input_vjp_fused(tp_vjp *v)
{
    tp_status status = add_pass(v, 0, TP__CONV_FORWARD, v->gout[0], v->in[1]);
    if (status == TP_OK)
        status = add_pass(v, 1, TP__CONV_BY_WEIGHT, v->gout[0], v->in[0]);
    return add_bias(v, status);
}

static tp_status by_weight_vjp_fused(tp_vjp *v)
{
    tp_status status = add_pass(v, 0, TP__CONV_BY_INPUT, v->in[1], v->gout[0]);
    return status == TP_OK ? add_pass(v, 1, TP__CONV_FORWARD, v->in[0], v->gout[0]) : status;
}

/* ---- derivatives ---- */

static tp_tensor *pass_of(tp_vjp *v, const tp_op *op, tp_tensor *a, tp_tensor *b)
{
    conv attr = *(const conv *)v->attr;
    attr.bias = 0;
    return tp__apply2(v->tape, op, &attr, a, b);
}

/* Of the bias: the sum over all images and places. */
static void bias_vjp(tp_vjp *v)
{
    const conv *a = v->attr;
    static const int over[1 + TP__SPACE] = {0, 2, 3, 4};
    if (a->bias && tp_vjp_needs(v, 2))
        v->gin[2] = tp_sum_dims(v->tape, v->gout[0], 1 + (int)a->space, over, false);
}

static tp_status convolution_vjp(tp_vjp *v)
{
    if (tp_vjp_needs(v, 0))
        v->gin[0] = pass_of(v, &convolution_by_input_op, v->gout[0], v->in[1]);
    if (tp_vjp_needs(v, 1))
        v->gin[1] = pass_of(v, &convolution_by_weight_op, v->in[0], v->gout[0]);
    bias_vjp(v);
    return TP_OK;
}

static tp_status by_input_vjp(tp_vjp *v)
{
    if (tp_vjp_needs(v, 0))
        v->gin[0] = pass_of(v, &convolution_op, v->gout[0], v->in[1]);
    if (tp_vjp_needs(v, 1))
        v->gin[1] = pass_of(v, &convolution_by_weight_op, v->gout[0], v->in[0]);
    bias_vjp(v);
    return TP_OK;
}

static tp_status by_weight_vjp(tp_vjp *v)
{
    if (tp_vjp_needs(v, 0))
        v->gin[0] = pass_of(v, &convolution_by_input_op, v->in[1], v->gout[0]);
    if (tp_vjp_needs(v, 1))
        v->gin[1] = pass_of(v, &convolution_op, v->in[0], v->gout[0]);
    return TP_OK;
}

/* ---- samples ---- */

/* With a stride, a dilation, padding on one side only, groups; of each number of dimensions. */
static const conv sampled[] = {
    {{2, 1, 3, 4, {1, 1, 9}, {1, 1, 3}, {1, 1, 9}, {1, 1, 1}, {1, 1, 1}, {0, 0, 1}}, 1, 1},
    {{2, 2, 2, 3, {1, 6, 7}, {1, 3, 2}, {1, 3, 3}, {1, 2, 2}, {1, 1, 3}, {0, 1, 0}}, 2, 0},
    {{1, 1, 2, 9, {1, 4, 5}, {1, 1, 1}, {1, 4, 5}, {1, 1, 1}, {1, 1, 1}, {0, 0, 0}}, 2, 1},
    {{1, 3, 1, 2, {3, 4, 3}, {2, 2, 2}, {2, 3, 4}, {1, 1, 1}, {1, 1, 1}, {0, 0, 1}}, 3, 1},
    {{2, 1, 9, 12, {1, 3, 4}, {1, 3, 3}, {1, 3, 4}, {1, 1, 1}, {1, 1, 1}, {0, 1, 1}}, 2, 0},
    {{0, 1, 2, 3, {1, 1, 5}, {1, 1, 3}, {1, 1, 3}, {1, 1, 1}, {1, 1, 1}, {0, 0, 0}}, 1, 1},
};
enum { SAMPLED = sizeof sampled / sizeof sampled[0] };

static void convolution_samples(tp_sampler *s)
{
    for (int i = 0; i < SAMPLED; i++) {
        const conv *a = &sampled[i];
        tp_tensor *in[3] = {tp_sample_tensor(s, shape_of_x(a), -1.5, 1.7), tp_sample_tensor(s, shape_of_w(a), -1, 1.3),
                            tp_sample_tensor(s, (tp_dims){1, {a->shape.groups * a->shape.cout}}, -1, 1)};
        tp_sample(s, a, 2 + (int)a->bias, in);
    }
}

static void by_input_samples(tp_sampler *s)
{
    for (int i = 0; i < SAMPLED; i++) {
        const conv *a = &sampled[i];
        tp_tensor *in[3] = {tp_sample_tensor(s, shape_of_y(a), -1.5, 1.7), tp_sample_tensor(s, shape_of_w(a), -1, 1.3),
                            tp_sample_tensor(s, (tp_dims){1, {a->shape.groups * a->shape.cin}}, -1, 1)};
        tp_sample(s, a, 2 + (int)a->bias, in);
    }
}

static void by_weight_samples(tp_sampler *s)
{
    for (int i = 0; i < SAMPLED; i++) {
        conv a = sampled[i];
        tp_tensor *in[2] = {tp_sample_tensor(s, shape_of_x(&a), -1.5, 1.7),
                            tp_sample_tensor(s, shape_of_y(&a), -1, 1.3)};
        a.bias = 0;
        tp_sample(s, &a, 2, in);
    }
}

/* clang-format off */
static const tp_op convolution_op = {
    .name = "convolution", .n_in = -2, .n_out = 1, .attr_size = sizeof(conv),
    .flags = TP_OP_FORGETS_OUT | TP_OP_OVERWRITES, .grad_name = "ConvolutionBackward0",
    .infer = convolution_infer, .forward = convolution_forward, .vjp = convolution_vjp,
    .vjp_fused = convolution_vjp_fused, .samples = convolution_samples};
static const tp_op convolution_by_input_op = {
    .name = "convolution_by_input", .n_in = -2, .n_out = 1, .attr_size = sizeof(conv),
    .flags = TP_OP_FORGETS_OUT | TP_OP_OVERWRITES, .grad_name = "ConvolutionBackward0",
    .infer = by_input_infer, .forward = by_input_forward, .vjp = by_input_vjp,
    .vjp_fused = by_input_vjp_fused, .samples = by_input_samples};
static const tp_op convolution_by_weight_op = {
    .name = "convolution_by_weight", .n_in = 2, .n_out = 1, .attr_size = sizeof(conv),
    .flags = TP_OP_FORGETS_OUT | TP_OP_OVERWRITES, .grad_name = "ConvolutionBackwardBackward0",
    .infer = by_weight_infer, .forward = by_weight_forward, .vjp = by_weight_vjp,
    .vjp_fused = by_weight_vjp_fused, .samples = by_weight_samples};
/* clang-format on */

/* ---- the public functions: checks, and sizes ---- */

/* Which function was called, with what. */
typedef struct {
    tp_tape *T;
    const char *name;
    int space;
    bool transposed;
    const tp_tensor *x, *w, *bias;
    tp_conv_options o;
} request;

static bool refuse_shapes(const request *r)
{
    static const char *const space[] = {"l", "h, w", "d, h, w"};
    const char *s = space[r->space - 1];
    tp_fail(r->T, TP_ESHAPE,
            "%s: x is %s, weight is %s, groups are %lld; [n, in, %s] or [in, %s] and %s k..] are needed", r->name,
            TP__SHAPE(r->x), TP__SHAPE(r->w), (long long)r->o.groups, s, s,
            r->transposed ? "[in, out / groups," : "[out, in / groups,");
    return false;
}

static bool dtypes_fit(const request *r)
{
    const tp_tensor *b = r->bias ? r->bias : r->w;
    if (r->x->dtype == r->w->dtype && r->w->dtype == b->dtype && r->x->dtype != TP_BOOL)
        return true;
    tp_fail(r->T, TP_EDTYPE, "%s: x is %s, weight is %s, bias is %s; one dtype is needed, not bool", r->name,
            tp_dtype_name(r->x->dtype), tp_dtype_name(r->w->dtype), r->bias ? tp_dtype_name(b->dtype) : "none");
    return false;
}

/* Defaults where the options have 0; are the others in range? */
static bool options_fit(request *r)
{
    tp_conv_options *o = &r->o;
    bool fits = true, named = o->padding_kind != TP_PADDING_SIZES;
    o->groups = o->groups ? o->groups : 1;
    for (int d = 0; d < TP__SPACE; d++) {
        bool used = d < r->space;
        fits = fits && (used || (!o->stride[d] && !o->padding[d] && !o->dilation[d] && !o->output_padding[d]));
        o->stride[d] = o->stride[d] ? o->stride[d] : 1;
        o->dilation[d] = o->dilation[d] ? o->dilation[d] : 1;
        fits = fits && o->stride[d] > 0 && o->dilation[d] > 0 && o->padding[d] >= 0 && o->output_padding[d] >= 0;
        fits = fits && (!named || o->padding[d] == 0) && (r->transposed || o->output_padding[d] == 0);
        if (fits && o->padding_kind == TP_PADDING_SAME && o->stride[d] != 1) {
            tp_fail(r->T, TP_EINVAL, "%s: the stride is %lld and the padding `same`; a stride of 1 is needed", r->name,
                    (long long)o->stride[d]);
            return false;
        }
        if (fits && o->output_padding[d] >= o->stride[d] && o->output_padding[d] >= o->dilation[d] &&
            o->output_padding[d] > 0) {
            tp_fail(r->T, TP_EINVAL,
                    "%s: output_padding is %lld, stride %lld, dilation %lld; less than one of them is needed", r->name,
                    (long long)o->output_padding[d], (long long)o->stride[d], (long long)o->dilation[d]);
            return false;
        }
    }
    if (!fits || o->groups < 0 || (unsigned)o->padding_kind > TP_PADDING_VALID || (named && r->transposed))
        tp_fail(r->T, TP_EINVAL,
                "%s: an option is out of range; strides, dilations and groups above 0 and paddings of 0 or more are "
                "needed, for %d dimension%s, output_padding and a padding by name where the function has them",
                r->name, r->space, r->space == 1 ? "" : "s");
    return tp__ok(r->T);
}

static bool channels_fit(const request *r)
{
    const tp_tensor *x = r->x, *w = r->w;
    if (w->ndim != r->space + 2 || (x->ndim != r->space + 1 && x->ndim != r->space + 2))
        return refuse_shapes(r);
    int64_t groups = r->o.groups, in = x->shape[x->ndim - r->space - 1], out, needed;
    bool fits = w->shape[0] % groups == 0 && w->shape[0] > 0;
    if (!fits || !tp__dims_numel((tp_dims){2, {w->shape[1], groups}}, &out))
        return refuse_shapes(r);
    needed = r->transposed ? w->shape[0] : out;
    out = r->transposed ? out : w->shape[0];
    for (int d = 0; d < r->space; d++)
        fits = fits && w->shape[2 + d] > 0 && x->shape[x->ndim - r->space + d] > 0;
    if (!fits || in != needed)
        return refuse_shapes(r);
    if (r->bias && (r->bias->ndim != 1 || r->bias->shape[0] != out)) {
        tp_fail(r->T, TP_ESHAPE, "%s: bias is %s; [%lld], a number for each channel of the result, is needed", r->name,
                TP__SHAPE(r->bias), (long long)out);
        return false;
    }
    return true;
}

/* a b + c; false where it is out of range */
static bool times_plus(int64_t a, int64_t b, int64_t c, int64_t *out)
{
    return !__builtin_mul_overflow(a, b, out) && !__builtin_add_overflow(*out, c, out);
}

/* The result's size along dimension d, and what of the padding lies in front. */
static bool size_fits(const request *r, int d, int64_t x, int64_t kernel, int64_t *out, int64_t *front)
{
    const tp_conv_options *o = &r->o;
    int64_t reach, room, both;
    bool counts = times_plus(kernel - 1, o->dilation[d], 0, &reach) && times_plus(o->padding[d], 2, 0, &both);
    *front = o->padding[d];
    if (counts && o->padding_kind == TP_PADDING_SAME) {
        *front = reach / 2;
        *out = x;
        return times_plus(1, x, reach, &room);
    }
    if (r->transposed) {
        counts = counts && times_plus(x - 1, o->stride[d], 1 + o->output_padding[d], &room) &&
                 times_plus(1, room, reach, &room);
        *out = counts ? room - both : 0;
    } else {
        counts = counts && times_plus(1, x, both, &room);
        *out = counts && room > reach ? (room - reach - 1) / o->stride[d] + 1 : 0;
    }
    if (*out <= 0)
        tp_fail(r->T, TP_ESHAPE,
                "%s: x is %s, weight is %s, padding %lld, dilation %lld: no output along dimension %d of space; %s",
                r->name, TP__SHAPE(r->x), TP__SHAPE(r->w), (long long)o->padding[d], (long long)o->dilation[d], d,
                r->transposed ? "less padding is needed" : "a kernel that fits into the padded x is needed");
    return *out > 0;
}

static bool shape_of(const request *r, conv *a)
{
    const tp_tensor *x = r->x, *w = r->w;
    tp__conv *s = &a->shape;
    *s = (tp__conv){.batch = x->ndim == r->space + 2 ? x->shape[0] : 1,
                    .groups = r->o.groups,
                    .cin = w->shape[1],
                    .cout = w->shape[0] / r->o.groups,
                    .in = {1, 1, 1},
                    .kernel = {1, 1, 1},
                    .out = {1, 1, 1},
                    .stride = {1, 1, 1},
                    .dilation = {1, 1, 1}};
    a->space = r->space;
    a->bias = r->bias != NULL;
    for (int d = 0; d < r->space; d++) {
        int k = TP__SPACE - r->space + d;
        int64_t size = x->shape[x->ndim - r->space + d], result;
        if (!size_fits(r, d, size, w->shape[2 + d], &result, &s->pad[k]))
            return false;
        s->in[k] = r->transposed ? result : size;
        s->out[k] = r->transposed ? size : result;
        s->kernel[k] = w->shape[2 + d];
        s->stride[k] = r->o.stride[d];
        s->dilation[k] = r->o.dilation[d];
    }
    return true;
}

static tp_tensor *convolve(tp_tape *T, const char *name, int space, bool transposed, tp_tensor *x, tp_tensor *weight,
                           tp_tensor *bias, const tp_conv_options *options)
{
    request r = {T, name, space, transposed, x, weight, bias, options ? *options : (tp_conv_options){.groups = 0}};
    conv a;
    tp_tensor *in[3] = {x, weight, bias};
    int n = bias ? 3 : 2;
    if (!tp__usable_inputs(T, name, n, in) || !options_fit(&r) || !channels_fit(&r) || !dtypes_fit(&r) ||
        !shape_of(&r, &a))
        return NULL;
    bool alone = x->ndim == space + 1;
    in[0] = alone ? tp_unsqueeze(T, x, 0) : x;
    tp_tensor *y = tp_apply(T, transposed ? &convolution_by_input_op : &convolution_op, &a, n, in);
    return alone ? tp_squeeze_dim(T, y, 0) : y;
}

/* clang-format off */
#define CONV(name, space, transposed)                                                              \
    tp_tensor *tp_##name(tp_tape *T, tp_tensor *x, tp_tensor *weight, tp_tensor *bias, const tp_conv_options *options) \
    { TP__NAMED(T, #name); return convolve(T, #name, space, transposed, x, weight, bias, options); }
CONV(conv1d, 1, false)
CONV(conv2d, 2, false)
CONV(conv3d, 3, false)
CONV(conv_transpose1d, 1, true)
CONV(conv_transpose2d, 2, true)
CONV(conv_transpose3d, 3, true)
/* clang-format on */

const tp_op *const tp__ops_conv[] = {
#include TP__OPERATORS
    NULL};
