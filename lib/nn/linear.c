/* linear.c - the affine layer. */
#include "nn/nn.h"
#include "tape/tape.h"
#include "tapir/ops.h"
#include "tapir/random.h"

#include <math.h>
#include <stdio.h>

typedef struct {
    tp_module base;
    tp_tensor *weight, *bias;
    int64_t in, out;
} linear;

static tp_tensor *linear_forward(tp_tape *T, tp_module *self, tp_tensor *x)
{
    linear *m = (linear *)self;
    return tp_linear(T, x, m->weight, m->bias);
}

static int linear_repr(const tp_module *self, char *buffer, size_t n)
{
    const linear *m = (const linear *)self;
    return snprintf(buffer, n, "in_features=%lld, out_features=%lld, bias=%s", (long long)m->in, (long long)m->out,
                    m->bias ? "True" : "False");
}

static const tp_module_class linear_class = {
    .name = "Linear", .size = sizeof(linear), .forward = linear_forward, .extra_repr = linear_repr};

/* The bound of He's uniform initialization with a = sqrt(5) (He et al., "Delving deep into rectifiers", 2015), in
 * the steps that torch takes, so that the last bit agrees; it comes to 1 / sqrt(in). */
static double weight_bound(int64_t in)
{
    double slope = sqrt(5.0), gain = sqrt(2.0 / (1 + slope * slope));
    return sqrt(3.0) * (gain / sqrt((double)in));
}

static tp_tensor *uniform_param(tp_tape *T, tp_module *m, const char *name, tp_dtype dtype, tp_dims shape, double bound)
{
    tp_tensor *x = tp__param_new(T, dtype, shape);
    if (x && tp_numel(x) > 0)
        tp_uniform_(T, x, -bound, bound);
    return tp_module_add_param(T, m, name, x);
}

tp_module *tp_nn_linear(tp_tape *T, int64_t in, int64_t out, const tp_linear_options *options)
{
    TP__NAMED(T, "nn_linear");
    tp_linear_options o = options ? *options : (tp_linear_options){0};
    linear *m = (linear *)tp_module_new(T, &linear_class);
    if (m == NULL)
        return NULL;
    m->in = in;
    m->out = out;
    m->weight = uniform_param(T, &m->base, "weight", o.dtype, (tp_dims){2, {out, in}}, in > 0 ? weight_bound(in) : 0);
    if (!o.no_bias)
        m->bias = uniform_param(T, &m->base, "bias", o.dtype, (tp_dims){1, {out}}, in > 0 ? 1 / sqrt((double)in) : 0);
    if (tp_error(T)) {
        tp_module_free(&m->base);
        return NULL;
    }
    return &m->base;
}
