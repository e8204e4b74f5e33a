/* bilinear.c - the layer of two inputs, y_o = a^T W_o b + c_o. */
#include "nn/nn.h"
#include "tapir/linalg.h"

#include <stdio.h>

typedef struct {
    tp_module base;
    tp_tensor *weight, *bias;
    int64_t in1, in2, out;
} bilinear;

static tp_status bilinear_forward(tp_tape *T, tp_module *self, int n_in, tp_tensor *const *in, int n_out,
                                  tp_tensor **out)
{
    bilinear *m = (bilinear *)self;
    (void)n_in, (void)n_out;
    out[0] = tp_bilinear(T, in[0], in[1], m->weight, m->bias);
    return tp_error_status(T);
}

static int bilinear_repr(const tp_module *self, char *buffer, size_t n)
{
    const bilinear *m = (const bilinear *)self;
    return snprintf(buffer, n, "in1_features=%lld, in2_features=%lld, out_features=%lld, bias=%s", (long long)m->in1,
                    (long long)m->in2, (long long)m->out, m->bias ? "True" : "False");
}

static const tp_module_class bilinear_class = {.name = "Bilinear",
                                               .size = sizeof(bilinear),
                                               .forward_n = bilinear_forward,
                                               .n_in = 2,
                                               .extra_repr = bilinear_repr};

tp_module *tp_nn_bilinear(tp_tape *T, int64_t in1, int64_t in2, int64_t out, const tp_linear_options *options)
{
    TP__NAMED(T, "nn_bilinear");
    tp_linear_options o = options ? *options : (tp_linear_options){0};
    bilinear *m = (bilinear *)tp_module_new(T, &bilinear_class);
    if (m == NULL)
        return NULL;
    m->in1 = in1;
    m->in2 = in2;
    m->out = out;
    m->weight = tp__param(T, &m->base, "weight", o.dtype, (tp_dims){3, {out, in1, in2}});
    tp__init_fan_in_(T, m->weight, in1);
    if (!o.no_bias) {
        m->bias = tp__param(T, &m->base, "bias", o.dtype, (tp_dims){1, {out}});
        tp__init_fan_in_(T, m->bias, in1);
    }
    if (tp_error(T)) {
        tp_module_free(&m->base);
        return NULL;
    }
    return &m->base;
}
