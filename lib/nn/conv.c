/* conv.c - convolutions as layers. */
#include "nn/nn.h"
#include "tapir/nn_functional.h"

#include <math.h>

enum { SPACE = 3 };

typedef struct {
    tp_module_class type;
    const char *call; /* "nn_conv1d" */
    int space;
    bool transposed;
    tp_tensor *(*function)(tp_tape *T, tp_tensor *x, tp_tensor *weight, tp_tensor *bias,
                           const tp_conv_options *options);
} conv_class;

typedef struct {
    tp_module base;
    tp_tensor *weight, *bias;
    int64_t in, out, kernel[SPACE];
    tp_nn_conv_options options; /* with 1 for strides, dilations and groups that were 0 */
} conv;

static const conv_class *class_of(const conv *m) { return (const conv_class *)m->base.type; }

/* ---- padding that is not zeros ---- */

/* x with elements of its own around space; any x of another rank, of which the convolution will tell. */
static tp_tensor *padded(tp_tape *T, const conv *m, tp_tensor *x)
{
    TP__NAMED(T, m->base.type->name);
    int space = class_of(m)->space;
    const tp_nn_conv_options *o = &m->options;
    tp_dims sizes = {.ndim = 2 * space};
    bool any = false;
    for (int d = 0; d < space; d++) {
        int64_t before = o->padding[d], after = before;
        if (o->padding_kind == TP_PADDING_SAME) {
            int64_t reach = o->dilation[d] * (m->kernel[d] - 1);
            before = reach / 2;
            after = reach - before;
        }
        sizes.dim[2 * (space - 1 - d)] = before;
        sizes.dim[2 * (space - 1 - d) + 1] = after;
        any |= after > 0;
    }
    bool fits = x->ndim == space + 1 || x->ndim == space + 2;
    return any && fits ? tp_pad(T, x, sizes, o->padding_mode, 0) : x;
}

static tp_tensor *conv_forward(tp_tape *T, tp_module *self, tp_tensor *x)
{
    const conv *m = (const conv *)self;
    const tp_nn_conv_options *o = &m->options;
    tp_conv_options call = {.groups = o->groups, .padding_kind = o->padding_kind};
    bool pads = o->padding_mode != TP_PAD_ZEROS;
    for (int d = 0; d < class_of(m)->space; d++) {
        call.stride[d] = o->stride[d];
        call.dilation[d] = o->dilation[d];
        call.padding[d] = pads ? 0 : o->padding[d];
        call.output_padding[d] = o->output_padding[d];
    }
    if (pads) {
        call.padding_kind = TP_PADDING_SIZES;
        if ((x = padded(T, m, x)) == NULL)
            return NULL;
    }
    return class_of(m)->function(T, x, m->weight, m->bias, &call);
}

/* ---- as torch prints them ---- */

typedef struct {
    char text[512];
    size_t used;
} words;

static void say(words *w, const char *format, const char *text, long long number)
{
    int n = tp__snprintf(w->text + w->used, sizeof w->text - w->used, format, text, number);
    w->used += n > 0 ? (size_t)n : 0;
    w->used = w->used < sizeof w->text ? w->used : sizeof w->text - 1;
}

/* ", name=(1, 2)", but where all are `usual` */
static void say_sizes(words *w, const char *name, int n, const int64_t *sizes, int64_t usual)
{
    bool odd = false;
    for (int d = 0; d < n; d++)
        odd = odd || sizes[d] != usual;
    if (!odd)
        return;
    for (int d = 0; d < n; d++)
        say(w, d ? "%s%lld" : ", %s=(%lld", d ? ", " : name, (long long)sizes[d]);
    say(w, "%s", n == 1 ? ",)" : ")", 0);
}

static int conv_repr(const tp_module *self, char *buffer, size_t n)
{
    static const char *const modes[] = {"zeros", "reflect", "replicate", "circular"};
    const conv *m = (const conv *)self;
    const tp_nn_conv_options *o = &m->options;
    int space = class_of(m)->space;
    words w = {.used = 0};
    say(&w, "%s%lld", "", (long long)m->in);
    say(&w, "%s%lld", ", ", (long long)m->out);
    say_sizes(&w, "kernel_size", space, m->kernel, -1);
    say_sizes(&w, "stride", space, o->stride, -1);
    if (o->padding_kind != TP_PADDING_SIZES)
        say(&w, ", padding=%s", o->padding_kind == TP_PADDING_SAME ? "same" : "valid", 0);
    say_sizes(&w, "padding", space, o->padding, 0);
    say_sizes(&w, "dilation", space, o->dilation, 1);
    say_sizes(&w, "output_padding", space, o->output_padding, 0);
    if (o->groups != 1)
        say(&w, "%s%lld", ", groups=", (long long)o->groups);
    if (m->bias == NULL)
        say(&w, "%s", ", bias=False", 0);
    if (o->padding_mode != TP_PAD_ZEROS)
        say(&w, ", padding_mode=%s", modes[o->padding_mode], 0);
    return tp__snprintf(buffer, n, "%s", w.text);
}

/* ---- how they are made ---- */

static void refuse(tp_tape *T, const conv_class *type, const char *what, int d, int64_t value, const char *need)
{
    tp_fail(T, TP_EINVAL, "%s: %s[%d] is %lld; %s is needed", type->call, what, d, (long long)value, need);
}

/* What is for a dimension of space, or is not there (d is beyond). */
static void check_dimension(tp_tape *T, const conv_class *type, const conv *m, int d)
{
    const tp_nn_conv_options *o = &m->options;
    bool used = d < type->space, named = o->padding_kind != TP_PADDING_SIZES;
    int64_t most = used ? INT32_MAX : 0;
    const char *need = used ? "0 to 2^31 - 1" : "0, beyond the dimensions of space,";
    if (m->kernel[d] < 1 || m->kernel[d] > INT32_MAX)
        refuse(T, type, "kernel", d, m->kernel[d], "1 to 2^31 - 1");
    if (o->stride[d] < 0 || (!used && o->stride[d]))
        refuse(T, type, "stride", d, o->stride[d], used ? "1 or more, or 0 for 1," : need);
    if (o->stride[d] > 1 && o->padding_kind == TP_PADDING_SAME)
        refuse(T, type, "stride", d, o->stride[d], "1, as the padding is `same`,");
    if (o->padding[d] < 0 || o->padding[d] > most)
        refuse(T, type, "padding", d, o->padding[d], need);
    if (o->padding[d] && named)
        refuse(T, type, "padding", d, o->padding[d], "0 beside a padding_kind");
    if (o->dilation[d] < 0 || o->dilation[d] > most)
        refuse(T, type, "dilation", d, o->dilation[d], need);
    if (o->output_padding[d] < 0 || (o->output_padding[d] && !(used && type->transposed)))
        refuse(T, type, "output_padding", d, o->output_padding[d],
               type->transposed && used ? "0 or more" : "0, but for transposed convolutions,");
}

static bool options_fit(tp_tape *T, const conv_class *type, conv *m, tp_dims kernel)
{
    tp_nn_conv_options *o = &m->options;
    o->groups = o->groups ? o->groups : 1;
    if ((kernel.ndim != 1 && kernel.ndim != type->space) || o->groups < 1 || m->in < 0 || m->out < 0 ||
        m->in % o->groups || m->out % o->groups)
        tp_fail(T, TP_EINVAL,
                "%s: %lld and %lld channels, %lld groups, a kernel of %d sizes; channels that are multiples of the "
                "groups, and 1 or %d sizes are needed",
                type->call, (long long)m->in, (long long)m->out, (long long)o->groups, kernel.ndim, type->space);
    if ((unsigned)o->padding_kind > TP_PADDING_VALID || (unsigned)o->padding_mode > TP_PAD_CIRCULAR)
        tp_fail(T, TP_EINVAL, "%s: padding_kind is %d, padding_mode %d; ones that are there are needed", type->call,
                (int)o->padding_kind, (int)o->padding_mode);
    if (type->transposed && (o->padding_kind != TP_PADDING_SIZES || o->padding_mode != TP_PAD_ZEROS))
        tp_fail(T, TP_EINVAL, "%s: padding_kind is %d, padding_mode %d; sizes of zeros are needed", type->call,
                (int)o->padding_kind, (int)o->padding_mode);
    for (int d = 0; d < SPACE; d++) {
        m->kernel[d] = d < type->space ? kernel.dim[kernel.ndim == 1 ? 0 : d] : 1;
        check_dimension(T, type, m, d);
        o->stride[d] = o->stride[d] ? o->stride[d] : 1;
        o->dilation[d] = o->dilation[d] ? o->dilation[d] : 1;
    }
    return tp__ok(T);
}

static void make_parameters(tp_tape *T, const conv_class *type, conv *m)
{
    const tp_nn_conv_options *o = &m->options;
    int64_t fan = (type->transposed ? m->out : m->in) / o->groups;
    tp_dims shape = {2 + type->space, {type->transposed ? m->in : m->out, fan}};
    for (int d = 0; d < type->space; d++)
        shape.dim[2 + d] = m->kernel[d];
    m->weight = tp__param(T, &m->base, "weight", o->dtype, shape);
    tp_init_kaiming_uniform_(T, m->weight, &(tp_kaiming_options){.a = sqrt(5)}); /* it comes to 1 / sqrt(fan) */
    if (m->weight == NULL || o->no_bias)
        return;
    for (int d = 0; d < type->space; d++)
        fan *= m->kernel[d];
    m->bias = tp__param(T, &m->base, "bias", o->dtype, (tp_dims){1, {m->out}});
    tp__init_fan_in_(T, m->bias, fan);
}

static tp_module *make(tp_tape *T, const conv_class *type, int64_t in, int64_t out, tp_dims kernel,
                       const tp_nn_conv_options *options)
{
    TP__NAMED(T, type->call);
    conv *m = (conv *)tp_module_new(T, &type->type);
    if (m == NULL)
        return NULL;
    m->in = in;
    m->out = out;
    m->options = options ? *options : (tp_nn_conv_options){.groups = 0};
    if (options_fit(T, type, m, kernel))
        make_parameters(T, type, m);
    if (tp_error(T)) {
        tp_module_free(&m->base);
        return NULL;
    }
    return &m->base;
}

/* clang-format off */
#define CONV(f, Name, space, transposed)                                                        \
    static const conv_class f##_class = {                                                       \
        {.name = Name, .size = sizeof(conv), .forward = conv_forward, .extra_repr = conv_repr},    \
        "nn_" #f, space, transposed, tp_##f};                                                \
    tp_module *tp_nn_##f(tp_tape *T, int64_t in, int64_t out, tp_dims kernel, const tp_nn_conv_options *options) \
    { return make(T, &f##_class, in, out, kernel, options); }

CONV(conv1d, "Conv1d", 1, false)
CONV(conv2d, "Conv2d", 2, false)
CONV(conv3d, "Conv3d", 3, false)
CONV(conv_transpose1d, "ConvTranspose1d", 1, true)
CONV(conv_transpose2d, "ConvTranspose2d", 2, true)
CONV(conv_transpose3d, "ConvTranspose3d", 3, true)
/* clang-format on */
