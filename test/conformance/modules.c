/* modules.c - modules: built as described, given the stored parameters, run forward and backward. */
#include "groups.h"

#include <string.h>

static tp_module *build_linear(test_case *c)
{
    int64_t in = arg_int(c, 0, "in_features", 0), out = arg_int(c, 1, "out_features", 0);
    tp_linear_options options = {.no_bias = !arg_bool(c, 2, "bias", true), .dtype = case_dtype(c)};
    return tp_nn_linear(c->T, in, out, &options);
}

static tp_module *build_flatten(test_case *c)
{
    int start = (int)arg_int(c, 0, "start_dim", 1);
    return tp_nn_flatten(c->T, start, (int)arg_int(c, 1, "end_dim", -1));
}

static tp_module *build_dropout(test_case *c) { return tp_nn_dropout(c->T, arg_double(c, 0, "p", .5)); }
static tp_module *build_relu(test_case *c) { return tp_nn_relu(c->T); }
static tp_module *build_tanh(test_case *c) { return tp_nn_tanh(c->T); }
static tp_module *build_sigmoid(test_case *c) { return tp_nn_sigmoid(c->T); }

static const struct {
    const char *name;
    tp_module *(*build)(test_case *c);
} builders[] = {
    {"Linear", build_linear}, {"Flatten", build_flatten}, {"Dropout", build_dropout},
    {"ReLU", build_relu},     {"Tanh", build_tanh},       {"Sigmoid", build_sigmoid},
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

enum { MAX_PARAMS = 16 };

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
    int n = 0;
    for (; n < (int)json_array_size(list) && n < MAX_PARAMS; n++) {
        name[n] = json_string_value(json_array_get(list, (size_t)n));
        param[n] = tp_module_param(c->module, name[n]);
    }
    check_gradients(c, n, param, name);
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
    tp_tensor *x = arg_tensor(c, 0, "input");
    args_done(c);
    if (!case_ok(c))
        return;
    c->out[0] = tp_forward(c->T, c->module, x);
    c->n_out = 1;
    check_stored_at(c, c->out[0], "out", 0, case_tolerance(c, ""));
    if (case_ok(c))
        check_module_gradients(c);
}
