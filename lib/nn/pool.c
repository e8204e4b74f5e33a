/* pool.c - layers of pooling: a name, a function and how many dimensions of space. */
#include "nn/nn.h"
#include "tapir/nn_functional.h"

typedef struct {
    tp_module base;
    tp_dims kernel; /* or the size that comes out */
    tp_pool_options options;
    tp_unpool_options unpool;
    double p;
} pool;

typedef struct {
    tp_module_class type;
    int space;
    tp_tensor *(*largest)(tp_tape *, tp_tensor *, tp_dims, const tp_pool_options *, tp_tensor **);
    tp_tensor *(*mean)(tp_tape *, tp_tensor *, tp_dims, const tp_pool_options *);
    tp_tensor *(*norm)(tp_tape *, tp_tensor *, double, tp_dims, const tp_pool_options *);
    tp_tensor *(*adaptive_largest)(tp_tape *, tp_tensor *, tp_dims, tp_tensor **);
    tp_tensor *(*adaptive_mean)(tp_tape *, tp_tensor *, tp_dims);
    tp_tensor *(*unpool)(tp_tape *, tp_tensor *, tp_tensor *, tp_dims, const tp_unpool_options *);
} pool_class;

static const pool_class *class_of(const tp_module *m) { return (const pool_class *)m->type; }

static tp_status pool_forward(tp_tape *T, tp_module *self, int n_in, tp_tensor *const *in, int n_out, tp_tensor **out)
{
    const pool_class *c = class_of(self);
    pool *m = (pool *)self;
    tp_tensor **indices = n_out > 1 ? &out[1] : NULL;
    (void)n_in;
    if (c->largest)
        out[0] = c->largest(T, in[0], m->kernel, &m->options, indices);
    else if (c->mean)
        out[0] = c->mean(T, in[0], m->kernel, &m->options);
    else if (c->norm)
        out[0] = c->norm(T, in[0], m->p, m->kernel, &m->options);
    else if (c->adaptive_largest)
        out[0] = c->adaptive_largest(T, in[0], m->kernel, indices);
    else if (c->adaptive_mean)
        out[0] = c->adaptive_mean(T, in[0], m->kernel);
    else
        out[0] = c->unpool(T, in[0], in[1], m->kernel, &m->unpool);
    return tp_error_status(T);
}

/* ---- as torch prints them ------------------------------------------------------------------------------------------- */

typedef struct {
    char text[512];
    size_t used;
    bool tuples; /* sizes that are all the same are a list, too */
} line;

static void say(line *l, const char *format, const char *text, long long number)
{
    int n = tp__snprintf(l->text + l->used, sizeof l->text - l->used, format, text, number);
    l->used += n > 0 ? (size_t)n : 0;
    l->used = l->used < sizeof l->text ? l->used : sizeof l->text - 1;
}

/* "name=2" or "name=(2, 3)"; a size below 0 is None. */
static void say_sizes(line *l, const char *name, int n, const int64_t *sizes, bool as_list)
{
    for (int d = 1; d < n; d++)
        as_list = as_list || sizes[d] != sizes[0];
    say(l, l->used ? ", %s=" : "%s=", name, 0);
    for (int d = 0; d < (as_list ? n : 1); d++) {
        say(l, "%s", d ? ", " : as_list ? "(" : "", 0);
        say(l, sizes[d] < 0 ? "%sNone" : "%s%lld", "", (long long)sizes[d]);
    }
    say(l, "%s", !as_list ? "" : n == 1 ? ",)" : ")", 0);
}

/* Options are lists in torch where the kernel is one; a default is a number. */
static void say_option(line *l, const char *name, int n, const int64_t *given, int64_t usual)
{
    int64_t sizes[3];
    bool odd = false;
    for (int d = 0; d < n; d++) {
        sizes[d] = given[d] ? given[d] : usual;
        odd = odd || sizes[d] != usual;
    }
    say_sizes(l, name, n, sizes, l->tuples && odd);
}

static void say_windows(line *l, const pool *m, int space, const int64_t *stride)
{
    int64_t sizes[3];
    bool given = false;
    say_sizes(l, "kernel_size", l->tuples ? space : m->kernel.ndim, m->kernel.dim, l->tuples);
    for (int d = 0; d < space; d++) {
        given = given || stride[d];
        sizes[d] = stride[d] ? stride[d] : m->kernel.dim[m->kernel.ndim == 1 ? 0 : d];
    }
    if (!given && class_of(&m->base)->norm)
        say(l, "%s", ", stride=None", 0);
    else
        say_sizes(l, "stride", space, sizes, l->tuples);
}

static int pool_repr(const tp_module *self, char *buffer, size_t n)
{
    const pool_class *c = class_of(self);
    pool copy = *(const pool *)self, *m = &copy;
    line l = {.tuples = m->kernel.ndim > 1};
    if (m->kernel.ndim == 1 && ((c->mean && c->space == 1) || c->unpool)) { /* these make lists of numbers */
        l.tuples = true;
        for (int d = 1; d < c->space; d++)
            m->kernel.dim[d] = m->kernel.dim[0];
    }
    if (c->adaptive_largest || c->adaptive_mean) {
        say_sizes(&l, "output_size", m->kernel.ndim, m->kernel.dim, l.tuples);
        return tp__snprintf(buffer, n, "%s", l.text);
    }
    if (c->norm)
        l.used = (size_t)tp__snprintf(l.text, sizeof l.text, "norm_type=%g", m->p);
    say_windows(&l, m, c->space, c->unpool ? m->unpool.stride : m->options.stride);
    if (c->largest || c->mean)
        say_sizes(&l, "padding", c->space, m->options.padding,
                  l.tuples &&
                      (c->space == 1 || m->options.padding[0] || m->options.padding[1] || m->options.padding[2]));
    if (c->unpool)
        say_sizes(&l, "padding", c->space, m->unpool.padding, true);
    if (c->largest)
        say_option(&l, "dilation", c->space, m->options.dilation, 1);
    if (c->largest || c->norm)
        say(&l, m->options.ceil_mode ? "%sTrue" : "%sFalse", ", ceil_mode=", 0);
    return tp__snprintf(buffer, n, "%s", l.text);
}

/* ---- how they are made ---------------------------------------------------------------------------------------------- */

static tp_module *make(tp_tape *T, const char *name, const pool_class *type, double p, tp_dims kernel,
                       const tp_pool_options *options, const tp_unpool_options *unpool)
{
    TP__NAMED(T, name);
    if (kernel.ndim != 1 && kernel.ndim != type->space) {
        tp_fail(T, TP_EINVAL, "%s: %d sizes; %d, or one for all, are needed", name, kernel.ndim, type->space);
        return NULL;
    }
    pool *m = (pool *)tp_module_new(T, &type->type);
    if (m == NULL)
        return NULL;
    m->kernel = kernel;
    m->p = p;
    if (options)
        m->options = *options;
    if (unpool)
        m->unpool = *unpool;
    return &m->base;
}

/* clang-format off */
#define CLASS(id, Name, SPACE, INPUTS, OUTPUTS, FUNCTION)                                          \
    static const pool_class id##_class = {{.name = Name, .size = sizeof(pool), .forward_n = pool_forward, .n_in = INPUTS, \
                                           .max_out = OUTPUTS, .extra_repr = pool_repr}, SPACE, FUNCTION = tp_##id};
#define WINDOWED(id, Name, SPACE, OUTPUTS, FUNCTION)                                               \
    CLASS(id, Name, SPACE, 1, OUTPUTS, FUNCTION)                                                   \
    tp_module *tp_nn_##id(tp_tape *T, tp_dims kernel, const tp_pool_options *options)              \
    { return make(T, "nn_" #id, &id##_class, 0, kernel, options, NULL); }
#define ADAPTIVE(id, Name, SPACE, OUTPUTS, FUNCTION)                                               \
    CLASS(id, Name, SPACE, 1, OUTPUTS, FUNCTION)                                                   \
    tp_module *tp_nn_##id(tp_tape *T, tp_dims size) { return make(T, "nn_" #id, &id##_class, 0, size, NULL, NULL); }
#define NORM(id, Name, SPACE)                                                                      \
    CLASS(id, Name, SPACE, 1, 1, .norm)                                                            \
    tp_module *tp_nn_##id(tp_tape *T, double p, tp_dims kernel, const tp_pool_options *options)    \
    { return make(T, "nn_" #id, &id##_class, p, kernel, options, NULL); }
#define UNPOOL(id, Name, SPACE)                                                                    \
    CLASS(id, Name, SPACE, 2, 1, .unpool)                                                          \
    tp_module *tp_nn_##id(tp_tape *T, tp_dims kernel, const tp_unpool_options *options)            \
    { return make(T, "nn_" #id, &id##_class, 0, kernel, NULL, options); }

WINDOWED(max_pool1d, "MaxPool1d", 1, 2, .largest)
WINDOWED(max_pool2d, "MaxPool2d", 2, 2, .largest)
WINDOWED(max_pool3d, "MaxPool3d", 3, 2, .largest)
UNPOOL(max_unpool1d, "MaxUnpool1d", 1)
UNPOOL(max_unpool2d, "MaxUnpool2d", 2)
UNPOOL(max_unpool3d, "MaxUnpool3d", 3)
WINDOWED(avg_pool1d, "AvgPool1d", 1, 1, .mean)
WINDOWED(avg_pool2d, "AvgPool2d", 2, 1, .mean)
WINDOWED(avg_pool3d, "AvgPool3d", 3, 1, .mean)
NORM(lp_pool1d, "LPPool1d", 1)
NORM(lp_pool2d, "LPPool2d", 2)
ADAPTIVE(adaptive_max_pool1d, "AdaptiveMaxPool1d", 1, 2, .adaptive_largest)
ADAPTIVE(adaptive_max_pool2d, "AdaptiveMaxPool2d", 2, 2, .adaptive_largest)
ADAPTIVE(adaptive_max_pool3d, "AdaptiveMaxPool3d", 3, 2, .adaptive_largest)
ADAPTIVE(adaptive_avg_pool1d, "AdaptiveAvgPool1d", 1, 1, .adaptive_mean)
ADAPTIVE(adaptive_avg_pool2d, "AdaptiveAvgPool2d", 2, 1, .adaptive_mean)
ADAPTIVE(adaptive_avg_pool3d, "AdaptiveAvgPool3d", 3, 1, .adaptive_mean)
/* clang-format on */
