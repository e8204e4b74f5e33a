/* modules_activation.c - activation functions and dropouts as modules. */
#include "groups.h"

#include <string.h>

/* clang-format off */
#define PLAIN(fn) static tp_module *build_##fn(test_case *c) { return tp_nn_##fn(c->T); }
#define NUMBER(fn, argument, otherwise)                                                            \
    static tp_module *build_##fn(test_case *c) { return tp_nn_##fn(c->T, arg_double(c, 0, argument, otherwise)); }
#define NUMBERS(fn, first, otherwise, second, otherwise2)                                          \
    static tp_module *build_##fn(test_case *c)                                                     \
    { double a = arg_double(c, 0, first, otherwise); return tp_nn_##fn(c->T, a, arg_double(c, 1, second, otherwise2)); }
#define DIMENSION(fn, otherwise)                                                                   \
    static tp_module *build_##fn(test_case *c) { return tp_nn_##fn(c->T, (int)arg_int(c, 0, "dim", otherwise)); }
/* clang-format on */

PLAIN(relu)
PLAIN(relu6)
PLAIN(selu)
PLAIN(silu)
PLAIN(mish)
PLAIN(sigmoid)
PLAIN(log_sigmoid)
PLAIN(tanh)
PLAIN(hardsigmoid)
PLAIN(hardswish)
PLAIN(softsign)
PLAIN(tanhshrink)
PLAIN(softmax2d)
NUMBER(leaky_relu, "negative_slope", 0.01)
NUMBER(elu, "alpha", 1)
NUMBER(celu, "alpha", 1)
NUMBER(hardshrink, "lambd", 0.5)
NUMBER(softshrink, "lambd", 0.5)
NUMBER(dropout, "p", 0.5)
NUMBER(dropout1d, "p", 0.5)
NUMBER(dropout2d, "p", 0.5)
NUMBER(dropout3d, "p", 0.5)
NUMBER(alpha_dropout, "p", 0.5)
NUMBER(feature_alpha_dropout, "p", 0.5)
NUMBERS(hardtanh, "min_val", -1, "max_val", 1)
NUMBERS(threshold, "threshold", 0, "value", 0)
NUMBERS(softplus, "beta", 1, "threshold", 20)
NUMBERS(rrelu, "lower", 1. / 8, "upper", 1. / 3)
DIMENSION(glu, -1)
DIMENSION(softmax, -1)
DIMENSION(log_softmax, -1)
DIMENSION(softmin, -1)

static tp_module *build_gelu(test_case *c)
{
    return (strcmp(arg_string(c, 0, "approximate", "none"), "tanh") == 0 ? tp_nn_gelu_tanh : tp_nn_gelu)(c->T);
}

static tp_module *build_prelu(test_case *c)
{
    int64_t n = arg_int(c, 0, "num_parameters", 1);
    double init = arg_double(c, 1, "init", 0.25);
    tp_prelu_options options = {.num_parameters = n, .has_init = true, .init = init, .dtype = case_dtype(c)};
    return tp_nn_prelu(c->T, &options);
}

const module_builder activation_builders[] = {
    {"ReLU", build_relu},
    {"ReLU6", build_relu6},
    {"SELU", build_selu},
    {"SiLU", build_silu},
    {"Mish", build_mish},
    {"GELU", build_gelu},
    {"Sigmoid", build_sigmoid},
    {"LogSigmoid", build_log_sigmoid},
    {"Tanh", build_tanh},
    {"Hardsigmoid", build_hardsigmoid},
    {"Hardswish", build_hardswish},
    {"Softsign", build_softsign},
    {"Tanhshrink", build_tanhshrink},
    {"LeakyReLU", build_leaky_relu},
    {"ELU", build_elu},
    {"CELU", build_celu},
    {"PReLU", build_prelu},
    {"RReLU", build_rrelu},
    {"Hardshrink", build_hardshrink},
    {"Softshrink", build_softshrink},
    {"Hardtanh", build_hardtanh},
    {"Threshold", build_threshold},
    {"Softplus", build_softplus},
    {"GLU", build_glu},
    {"Softmax", build_softmax},
    {"LogSoftmax", build_log_softmax},
    {"Softmin", build_softmin},
    {"Softmax2d", build_softmax2d},
    {"Dropout", build_dropout},
    {"Dropout1d", build_dropout1d},
    {"Dropout2d", build_dropout2d},
    {"Dropout3d", build_dropout3d},
    {"AlphaDropout", build_alpha_dropout},
    {"FeatureAlphaDropout", build_feature_alpha_dropout},
    {NULL, NULL},
};
