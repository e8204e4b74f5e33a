/* linear.c - the affine layer. */
#include "nn/nn.h"
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

tp_module *tp_nn_linear(tp_tape *T, int64_t in, int64_t out, const tp_linear_options *options)
{
    TP__NAMED(T, "nn_linear");
    tp_linear_options o = options ? *options : (tp_linear_options){0};
    linear *m = (linear *)tp_module_new(T, &linear_class);
    if (m == NULL)
        return NULL;
    m->in = in;
    m->out = out;
    m->weight = tp__param(T, &m->base, "weight", o.dtype, (tp_dims){2, {out, in}});
    tp_init_kaiming_uniform_(T, m->weight, &(tp_kaiming_options){.a = sqrt(5)}); /* it comes to 1 / sqrt(in) */
    if (!o.no_bias) {
        m->bias = tp__param(T, &m->base, "bias", o.dtype, (tp_dims){1, {out}});
        tp__init_fan_in_(T, m->bias, in);
    }
    if (tp_error(T)) {
        tp_module_free(&m->base);
        return NULL;
    }
    return &m->base;
}
