/* fold.c - layers that take images apart into columns, and put them together. */
#include "nn/nn.h"
#include "tapir/nn_functional.h"

typedef struct {
    tp_module base;
    tp_dims size, kernel;
    tp_unfold_options options;
} fold;

static tp_tensor *unfold_forward(tp_tape *T, tp_module *self, tp_tensor *x)
{
    const fold *m = (const fold *)self;
    return tp_im2col(T, x, m->kernel, &m->options);
}
static tp_tensor *fold_forward(tp_tape *T, tp_module *self, tp_tensor *x)
{
    const fold *m = (const fold *)self;
    return tp_col2im(T, x, m->size, m->kernel, &m->options);
}

/* "2" or "(2, 3)" */
static const char *pair(int n, const int64_t *sizes, int64_t usual, char text[64])
{
    long long a = sizes[0] ? sizes[0] : usual, b = n == 1 ? a : sizes[1] ? sizes[1] : usual;
    tp__snprintf(text, 64, n == 1 ? "%lld" : "(%lld, %lld)", a, b);
    return text;
}

/* Options are pairs where they differ. */
static int fold_repr(const tp_module *self, char *buffer, size_t n)
{
    const fold *m = (const fold *)self;
    const tp_unfold_options *o = &m->options;
    char text[5][64];
    const char *size = m->size.ndim ? pair(m->size.ndim, m->size.dim, 0, text[0]) : "";
    return tp__snprintf(buffer, n, "%s%s%skernel_size=%s, dilation=%s, padding=%s, stride=%s",
                        *size ? "output_size=" : "", size, *size ? ", " : "",
                        pair(m->kernel.ndim, m->kernel.dim, 0, text[1]),
                        pair(o->dilation[0] == o->dilation[1] ? 1 : 2, o->dilation, 1, text[2]),
                        pair(o->padding[0] == o->padding[1] ? 1 : 2, o->padding, 0, text[3]),
                        pair(o->stride[0] == o->stride[1] ? 1 : 2, o->stride, 1, text[4]));
}

static const tp_module_class unfold_class = {
    .name = "Unfold", .size = sizeof(fold), .forward = unfold_forward, .extra_repr = fold_repr};
static const tp_module_class fold_class = {
    .name = "Fold", .size = sizeof(fold), .forward = fold_forward, .extra_repr = fold_repr};

static tp_module *make(tp_tape *T, const char *name, const tp_module_class *type, tp_dims size, tp_dims kernel,
                       const tp_unfold_options *options)
{
    TP__NAMED(T, name);
    if (kernel.ndim < 1 || kernel.ndim > 2 || (type == &fold_class && (size.ndim < 1 || size.ndim > 2))) {
        tp_fail(T, TP_EINVAL, "%s: kernel %s, size %s; one or two numbers are needed", name, TP__DIMS(kernel),
                TP__DIMS(size));
        return NULL;
    }
    fold *m = (fold *)tp_module_new(T, type);
    if (m == NULL)
        return NULL;
    m->size = size;
    m->kernel = kernel;
    if (options)
        m->options = *options;
    return &m->base;
}

tp_module *tp_nn_unfold(tp_tape *T, tp_dims kernel, const tp_unfold_options *options)
{
    return make(T, "nn_unfold", &unfold_class, (tp_dims){.ndim = 0}, kernel, options);
}

tp_module *tp_nn_fold(tp_tape *T, tp_dims size, tp_dims kernel, const tp_unfold_options *options)
{
    return make(T, "nn_fold", &fold_class, size, kernel, options);
}
