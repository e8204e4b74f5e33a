/* activation.c - layers that are one function of the tensor: of it alone, with one or two numbers, or along a dimension. */
#include "nn/nn.h"
#include "tapir/ops.h"
#include "tapir/random.h"

/* What a class calls, one of these, and how its numbers are named in print. */
typedef struct {
    tp_module_class type;
    tp_tensor *(*alone)(tp_tape *T, tp_tensor *x);
    tp_tensor *(*one)(tp_tape *T, tp_tensor *x, double);
    tp_tensor *(*two)(tp_tape *T, tp_tensor *x, double, double);
    tp_tensor *(*along)(tp_tape *T, tp_tensor *x, int dim);
    const char *name[2];
    bool whole; /* numbers print as whole ones where they are */
} activation;

typedef struct {
    tp_module base;
    double at[2];
    int dim;
} numbered;

static const activation *class_of(const tp_module *m) { return (const activation *)m->type; }

static tp_tensor *forward_alone(tp_tape *T, tp_module *self, tp_tensor *x) { return class_of(self)->alone(T, x); }
static tp_tensor *forward_one(tp_tape *T, tp_module *self, tp_tensor *x)
{
    return class_of(self)->one(T, x, ((numbered *)self)->at[0]);
}
static tp_tensor *forward_two(tp_tape *T, tp_module *self, tp_tensor *x)
{
    return class_of(self)->two(T, x, ((numbered *)self)->at[0], ((numbered *)self)->at[1]);
}
static tp_tensor *forward_along(tp_tape *T, tp_module *self, tp_tensor *x)
{
    return class_of(self)->along(T, x, ((numbered *)self)->dim);
}

static int repr_numbers(const tp_module *self, char *buffer, size_t n)
{
    const activation *type = class_of(self);
    char text[2][32];
    for (int i = 0; i < 2; i++)
        tp__python_float(((const numbered *)self)->at[i], type->whole, text[i]);
    if (type->name[1])
        return tp__snprintf(buffer, n, "%s=%s, %s=%s", type->name[0], text[0], type->name[1], text[1]);
    return type->name[0] ? tp__snprintf(buffer, n, "%s=%s", type->name[0], text[0])
                         : tp__snprintf(buffer, n, "%s", text[0]);
}
static int repr_dim(const tp_module *self, char *buffer, size_t n)
{
    return tp__snprintf(buffer, n, "dim=%d", ((const numbered *)self)->dim);
}

static tp_module *make(tp_tape *T, const activation *type, double first, double second, int dim)
{
    numbered *m = (numbered *)tp_module_new(T, &type->type);
    if (m == NULL)
        return NULL;
    m->at[0] = first;
    m->at[1] = second;
    m->dim = dim;
    return &m->base;
}

/* ---- of the tensor alone ------------------------------------------------------------------------------------------ */

/* clang-format off */
#define ALONE(f, Name)                                                                             \
    static const activation f##_class = {                                                          \
        .type = {.name = Name, .size = sizeof(tp_module), .forward = forward_alone}, .alone = tp_##f}; \
    tp_module *tp_nn_##f(tp_tape *T) { return tp_module_new(T, &f##_class.type); }

ALONE(relu, "ReLU")
ALONE(relu6, "ReLU6")
ALONE(selu, "SELU")
ALONE(silu, "SiLU")
ALONE(mish, "Mish")
ALONE(sigmoid, "Sigmoid")
ALONE(log_sigmoid, "LogSigmoid")
ALONE(tanh, "Tanh")
ALONE(hardsigmoid, "Hardsigmoid")
ALONE(hardswish, "Hardswish")
ALONE(softsign, "Softsign")
ALONE(tanhshrink, "Tanhshrink")

static int repr_gelu(const tp_module *self, char *buffer, size_t n)
{
    return tp__snprintf(buffer, n, "approximate='%s'", class_of(self)->alone == tp_gelu ? "none" : "tanh");
}
static const activation gelu_class[2] = {
    {.type = {.name = "GELU", .size = sizeof(tp_module), .forward = forward_alone, .extra_repr = repr_gelu}, .alone = tp_gelu},
    {.type = {.name = "GELU", .size = sizeof(tp_module), .forward = forward_alone, .extra_repr = repr_gelu}, .alone = tp_gelu_tanh}};
tp_module *tp_nn_gelu(tp_tape *T) { return tp_module_new(T, &gelu_class[0].type); }
tp_module *tp_nn_gelu_tanh(tp_tape *T) { return tp_module_new(T, &gelu_class[1].type); }

/* ---- with numbers --------------------------------------------------------------------------------------------------- */

#define NUMBERED(f, Name, which, function, ...)                                                    \
    static const activation f##_class = {                                                          \
        .type = {.name = Name, .size = sizeof(numbered), .forward = forward_##which, .extra_repr = repr_numbers}, \
        .which = function, __VA_ARGS__};
#define ONE(f, Name, ...)                                                                          \
    NUMBERED(f, Name, one, tp_##f, __VA_ARGS__)                                                    \
    tp_module *tp_nn_##f(tp_tape *T, double number) { return make(T, &f##_class, number, 0, 0); }

ONE(leaky_relu, "LeakyReLU", .name = {"negative_slope"})
ONE(elu, "ELU", .name = {"alpha"})
ONE(celu, "CELU", .name = {"alpha"})
ONE(hardshrink, "Hardshrink", .name = {NULL})
ONE(softshrink, "Softshrink", .name = {NULL})
NUMBERED(threshold, "Threshold", two, tp_threshold, .name = {"threshold", "value"})
NUMBERED(hardtanh, "Hardtanh", two, tp_hardtanh, .name = {"min_val", "max_val"})
NUMBERED(softplus, "Softplus", two, tp_softplus_with, .name = {"beta", "threshold"}, .whole = true)
/* clang-format on */

tp_module *tp_nn_threshold(tp_tape *T, double threshold, double value)
{
    return make(T, &threshold_class, threshold, value, 0);
}

tp_module *tp_nn_hardtanh(tp_tape *T, double low, double high)
{
    TP__NAMED(T, "nn_hardtanh");
    if (!(low < high) && tp__ok(T)) {
        tp_fail(T, TP_EINVAL, "nn_hardtanh: from %g to %g; a higher upper bound is needed", low, high);
        return NULL;
    }
    return make(T, &hardtanh_class, low, high, 0);
}

tp_module *tp_nn_softplus(tp_tape *T, double beta, double threshold)
{
    return make(T, &softplus_class, beta, threshold, 0);
}

static tp_tensor *rrelu_forward(tp_tape *T, tp_module *self, tp_tensor *x)
{
    const numbered *m = (const numbered *)self;
    return tp_rrelu(T, x, m->at[0], m->at[1], self->training);
}
static const activation rrelu_class = {
    .type = {.name = "RReLU", .size = sizeof(numbered), .forward = rrelu_forward, .extra_repr = repr_numbers},
    .name = {"lower", "upper"}};
tp_module *tp_nn_rrelu(tp_tape *T, double lower, double upper) { return make(T, &rrelu_class, lower, upper, 0); }

/* ---- along a dimension ------------------------------------------------------------------------------------------------ */

/* clang-format off */
#define ALONG(f, Name)                                                                             \
    static const activation f##_class = {                                                          \
        .type = {.name = Name, .size = sizeof(numbered), .forward = forward_along, .extra_repr = repr_dim}, \
        .along = tp_##f};                                                                          \
    tp_module *tp_nn_##f(tp_tape *T, int dim) { return make(T, &f##_class, 0, 0, dim); }

ALONG(glu, "GLU")
ALONG(softmax, "Softmax")
ALONG(log_softmax, "LogSoftmax")
ALONG(softmin, "Softmin")
/* clang-format on */

static tp_tensor *over_channels(tp_tape *T, tp_tensor *x)
{
    if (x->ndim != 3 && x->ndim != 4) {
        tp_fail(T, TP_ESHAPE, "softmax2d: x is %s; [n, c, h, w] or [c, h, w] is needed", TP__SHAPE(x));
        return NULL;
    }
    return tp_softmax(T, x, -3);
}
static const activation softmax2d_class = {
    .type = {.name = "Softmax2d", .size = sizeof(tp_module), .forward = forward_alone}, .alone = over_channels};
tp_module *tp_nn_softmax2d(tp_tape *T) { return tp_module_new(T, &softmax2d_class.type); }

/* ---- with slopes that are learned -------------------------------------------------------------------------------------- */

typedef struct {
    tp_module base;
    tp_tensor *weight;
    int64_t count;
} prelu;

static tp_tensor *prelu_forward(tp_tape *T, tp_module *self, tp_tensor *x)
{
    return tp_prelu(T, x, ((prelu *)self)->weight);
}

static int prelu_repr(const tp_module *self, char *buffer, size_t n)
{
    return tp__snprintf(buffer, n, "num_parameters=%lld", (long long)((const prelu *)self)->count);
}

static const tp_module_class prelu_class = {
    .name = "PReLU", .size = sizeof(prelu), .forward = prelu_forward, .extra_repr = prelu_repr};

tp_module *tp_nn_prelu(tp_tape *T, const tp_prelu_options *options)
{
    TP__NAMED(T, "nn_prelu");
    tp_prelu_options o = options ? *options : (tp_prelu_options){0};
    prelu *m = (prelu *)tp_module_new(T, &prelu_class);
    if (m == NULL)
        return NULL;
    m->count = o.num_parameters ? o.num_parameters : 1;
    m->weight = tp__param(T, &m->base, "weight", o.dtype, (tp_dims){1, {m->count}});
    if (m->weight)
        tp_fill_(T, m->weight, o.has_init ? o.init : 0.25);
    if (tp_error(T)) {
        tp_module_free(&m->base);
        return NULL;
    }
    return &m->base;
}
