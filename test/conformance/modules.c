/* modules.c - modules: built as described, given the stored parameters, run forward and backward. */
#include "groups.h"

#include <string.h>

static tp_module *build_linear(test_case *c)
{
    int64_t in = arg_int(c, 0, "in_features", 0), out = arg_int(c, 1, "out_features", 0);
    tp_linear_options options = {.no_bias = !arg_bool(c, 2, "bias", true), .dtype = case_dtype(c)};
    return tp_nn_linear(c->T, in, out, &options);
}

static tp_module *build_bilinear(test_case *c)
{
    int64_t in1 = arg_int(c, 0, "in1_features", 0), in2 = arg_int(c, 1, "in2_features", 0);
    int64_t out = arg_int(c, 2, "out_features", 0);
    tp_linear_options options = {.no_bias = !arg_bool(c, 3, "bias", true), .dtype = case_dtype(c)};
    return tp_nn_bilinear(c->T, in1, in2, out, &options);
}

static tp_module *build_flatten(test_case *c)
{
    int start = (int)arg_int(c, 0, "start_dim", 1);
    return tp_nn_flatten(c->T, start, (int)arg_int(c, 1, "end_dim", -1));
}

static tp_module *build_unflatten(test_case *c)
{
    int dim = (int)arg_int(c, 0, "dim", 0);
    return tp_nn_unflatten(c->T, dim, arg_shape(c, 1, "unflattened_size"));
}

/* It takes any arguments, and looks at none. */
static tp_module *build_identity(test_case *c) { return tp_nn_identity(c->T); }
static tp_module *build_dropout(test_case *c) { return tp_nn_dropout(c->T, arg_double(c, 0, "p", .5)); }
static tp_module *build_relu(test_case *c) { return tp_nn_relu(c->T); }
static tp_module *build_tanh(test_case *c) { return tp_nn_tanh(c->T); }
static tp_module *build_sigmoid(test_case *c) { return tp_nn_sigmoid(c->T); }

static const struct {
    const char *name;
    tp_module *(*build)(test_case *c);
} builders[] = {
    {"Linear", build_linear},     {"Flatten", build_flatten},     {"Dropout", build_dropout},
    {"ReLU", build_relu},         {"Tanh", build_tanh},           {"Sigmoid", build_sigmoid},
    {"Bilinear", build_bilinear}, {"Unflatten", build_unflatten}, {"Identity", build_identity},
};
enum { BUILDERS = sizeof builders / sizeof builders[0] };

static int find_builder(const char *name)
{
    for (int i = 0; i < BUILDERS; i++)
        if (strcmp(builders[i].name, name) == 0)
            return i;
    return -1;
}

/* "nn.Linear" or "Linear" */
static const char *short_name(const char *op) { return strncmp(op, "nn.", 3) == 0 ? op + 3 : op; }

bool module_known(const char *op) { return find_builder(short_name(op)) >= 0; }

void module_build(test_case *c, const char *name)
{
    int i = find_builder(short_name(name));
    const json_t *ctor = json_object_get(c->json, "ctor");
    if (i < 0) {
        case_skip(c, "no such module");
        return;
    }
    args_use(c, json_object_get(ctor, "args"), json_object_get(ctor, "kwargs"));
    c->module = builders[i].build(c);
    args_done(c);
}

/* ---- a case ---------------------------------------------------------------------------------- */

enum { MAX_PARAMS = CASE_MAX_IN };

static void load_parameters(test_case *c)
{
    const json_t *names = json_object_get(c->json, "params");
    for (size_t i = 0; i < json_array_size(names) && case_ok(c); i++) {
        const char *name = json_string_value(json_array_get(names, i));
        tp_tensor *param = tp_module_param(c->module, name);
        if (param == NULL)
            case_fail(c, "no parameter %s", name);
        else
            tp_copy_into(c->T, param, case_tensor(c, "param", name));
    }
}

static void check_module_gradients(test_case *c)
{
    const json_t *list = json_object_get(c->json, "pgrads");
    const char *name[MAX_PARAMS];
    tp_tensor *param[MAX_PARAMS];
    int n = (int)json_array_size(list);
    if (n > MAX_PARAMS) {
        case_fail(c, "%d parameters; there is room for %d", n, MAX_PARAMS);
        return;
    }
    for (int i = 0; i < n; i++) {
        name[i] = json_string_value(json_array_get(list, (size_t)i));
        param[i] = tp_module_param(c->module, name[i]);
    }
    check_gradients(c, n, param, name);
}

/* The module's inputs are the arguments in their order, of which some may be None. */
static int module_inputs(test_case *c, tp_tensor **in)
{
    int n = (int)json_array_size(c->args);
    for (int i = 0; i < n && i < CASE_MAX_IN; i++)
        in[i] = arg_tensor_or_null(c, i, "input");
    args_done(c);
    return n;
}

void run_module(test_case *c)
{
    json_t *args = c->args, *kwargs = c->kwargs;
    int k[CASE_MAX_IN];
    int n = case_numbers(c, "grads", CASE_MAX_IN, k);
    for (int i = 0; i < n; i++)
        tp_requires_grad(c->in[k[i]], true);
    module_build(c, c->op);
    if (!case_ok(c))
        return;
    tp_module_train(c->module, json_is_true(json_object_get(c->json, "training")));
    load_parameters(c);
    args_use(c, args, kwargs);
    tp_tensor *in[CASE_MAX_IN];
    n = module_inputs(c, in);
    if (!case_ok(c))
        return;
    c->n_out = (int)json_integer_value(json_object_get(c->json, "outputs"));
    tp_forward_n(c->T, c->module, n, in, c->n_out, c->out);
    check_outputs(c);
    if (case_ok(c))
        check_module_gradients(c);
}
