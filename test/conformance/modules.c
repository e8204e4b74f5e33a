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

static tp_pad_mode pad_mode_asked(test_case *c, int position)
{
    static const char *const modes[] = {"zeros", "reflect", "replicate", "circular"};
    const char *mode = arg_string(c, position, "padding_mode", "zeros");
    for (int i = 0; i < 4; i++)
        if (strcmp(mode, modes[i]) == 0)
            return (tp_pad_mode)i;
    case_skip(c, "padding_mode %s", mode);
    return TP_PAD_ZEROS;
}

static void padding_asked(test_case *c, int space, tp_nn_conv_options *o)
{
    const json_t *padding = arg(c, 4, "padding");
    if (json_is_string(padding))
        o->padding_kind = strcmp(arg_string(c, 4, "padding", ""), "same") == 0 ? TP_PADDING_SAME : TP_PADDING_VALID;
    else
        arg_sizes(c, 4, "padding", space, o->padding);
}

/* torch's transposed layers have output_padding in the middle, and dilation after the bias. */
static tp_module *conv(test_case *c, int space, bool transposed)
{
    int64_t in = arg_int(c, 0, "in_channels", 0), out = arg_int(c, 1, "out_channels", 0), kernel[3] = {0};
    tp_nn_conv_options o = {.dtype = case_dtype(c)};
    arg_sizes(c, 2, "kernel_size", space, kernel);
    arg_sizes(c, 3, "stride", space, o.stride);
    padding_asked(c, space, &o);
    if (transposed)
        arg_sizes(c, 5, "output_padding", space, o.output_padding);
    arg_sizes(c, transposed ? 8 : 5, "dilation", space, o.dilation);
    o.groups = arg_int(c, 6, "groups", 1);
    o.no_bias = !arg_bool(c, 7, "bias", true);
    o.padding_mode = pad_mode_asked(c, transposed ? 9 : 8);
    tp_dims size = {space, {kernel[0], kernel[1], kernel[2]}};
    tp_module *(*const make[2][3])(tp_tape *, int64_t, int64_t, tp_dims, const tp_nn_conv_options *) = {
        {tp_nn_conv1d, tp_nn_conv2d, tp_nn_conv3d},
        {tp_nn_conv_transpose1d, tp_nn_conv_transpose2d, tp_nn_conv_transpose3d}};
    return make[transposed][space - 1](c->T, in, out, size, &o);
}
static tp_module *build_conv1d(test_case *c) { return conv(c, 1, false); }
static tp_module *build_conv2d(test_case *c) { return conv(c, 2, false); }
static tp_module *build_conv3d(test_case *c) { return conv(c, 3, false); }
static tp_module *build_conv_transpose1d(test_case *c) { return conv(c, 1, true); }
static tp_module *build_conv_transpose2d(test_case *c) { return conv(c, 2, true); }
static tp_module *build_conv_transpose3d(test_case *c) { return conv(c, 3, true); }

static const module_builder builders[] = {
    {"Linear", build_linear},
    {"Flatten", build_flatten},
    {"Bilinear", build_bilinear},
    {"Unflatten", build_unflatten},
    {"Identity", build_identity},
    {"Conv1d", build_conv1d},
    {"Conv2d", build_conv2d},
    {"Conv3d", build_conv3d},
    {"ConvTranspose1d", build_conv_transpose1d},
    {"ConvTranspose2d", build_conv_transpose2d},
    {"ConvTranspose3d", build_conv_transpose3d},
    {NULL, NULL},
};

static const module_builder *find_builder(const char *name)
{
    static const module_builder *const tables[] = {builders,      activation_builders, space_builders,
                                                   loss_builders, norm_builders,       recurrent_builders};
    for (size_t t = 0; t < sizeof tables / sizeof *tables; t++)
        for (const module_builder *b = tables[t]; b->name; b++)
            if (strcmp(b->name, name) == 0)
                return b;
    return NULL;
}

/* "nn.Linear" or "Linear" */
static const char *short_name(const char *op) { return strncmp(op, "nn.", 3) == 0 ? op + 3 : op; }

bool module_known(const char *op) { return find_builder(short_name(op)) != NULL; }

void module_build(test_case *c, const char *name)
{
    const json_t *ctor = json_object_get(c->json, "ctor");
    module_build_of(c, name, json_object_get(ctor, "args"), json_object_get(ctor, "kwargs"));
}

void module_build_of(test_case *c, const char *name, json_t *args, json_t *kwargs)
{
    const module_builder *b = find_builder(short_name(name));
    if (b == NULL) {
        case_skip(c, "no module %s", name);
        return;
    }
    args_use(c, args, kwargs);
    c->module = b->build(c);
    args_done(c);
}

/* ---- a case ---------------------------------------------------------------------------------- */

enum { MAX_PARAMS = CASE_MAX_IN };

/* Parameters, or buffers: what is listed at the key. */
static void load_listed(test_case *c, const char *key)
{
    const json_t *names = json_object_get(c->json, key);
    for (size_t i = 0; i < json_array_size(names) && case_ok(c); i++) {
        const char *name = json_string_value(json_array_get(names, i));
        tp_tensor *param = tp_module_param(c->module, name);
        if (param == NULL)
            case_fail(c, "no parameter %s", name);
        else
            tp_copy_into(c->T, param, case_tensor(c, "param", name));
    }
}

static void check_buffers(test_case *c)
{
    const json_t *names = json_object_get(c->json, "buffers_after");
    for (size_t i = 0; i < json_array_size(names) && case_ok(c); i++) {
        const char *name = json_string_value(json_array_get(names, i));
        check_stored(c, tp_module_param(c->module, name), "buf", name, case_tolerance(c, ""));
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

/* A list of integers is a tensor of them. */
static tp_tensor *list_input(test_case *c, const json_t *list)
{
    int64_t length[64], n = (int64_t)json_array_size(list);
    if (n > 64) {
        case_skip(c, "a list of %lld", (long long)n);
        return NULL;
    }
    for (int64_t i = 0; i < n; i++)
        length[i] = json_integer_value(json_array_get(list, (size_t)i));
    return tp_from(c->T, TP_I64, tp_shape(n), length);
}

/* The module's inputs are the arguments in their order, of which some may be None, and some tuples of tensors. */
static int module_inputs(test_case *c, tp_tensor **in)
{
    int n = 0;
    for (int i = 0; i < (int)json_array_size(c->args) && n < CASE_MAX_IN; i++) {
        const json_t *a = arg(c, i, "input");
        if (json_is_array(a) && arg_is_tensor(json_array_get(a, 0)))
            n += arg_tensors(c, i, "input", CASE_MAX_IN - n, in + n);
        else
            in[n++] = json_is_array(a) ? list_input(c, a) : arg_tensor_or_null(c, i, "input");
    }
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
    load_listed(c, "params");
    load_listed(c, "buffers");
    args_use(c, args, kwargs);
    tp_tensor *in[CASE_MAX_IN];
    n = module_inputs(c, in);
    if (!case_ok(c))
        return;
    c->n_out = (int)json_integer_value(json_object_get(c->json, "outputs"));
    tp_forward_n(c->T, c->module, n, in, c->n_out, c->out);
    check_outputs(c);
    check_buffers(c);
    if (case_ok(c))
        check_module_gradients(c);
}
