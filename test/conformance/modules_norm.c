/* modules_norm.c - how modules that normalize are built. */
#include "groups.h"

#include <string.h>

static bool is_none(const test_case *c, int position, const char *name)
{
    const json_t *by_name = json_object_get(c->kwargs, name);
    return json_is_null((size_t)position < json_array_size(c->args) ? json_array_get(c->args, (size_t)position)
                                                                    : by_name);
}

typedef tp_module *(*batch_norm_fn)(tp_tape *, int64_t, const tp_nn_batch_norm_options *);
static tp_module *build_batch_norm(test_case *c, batch_norm_fn f)
{
    tp_nn_batch_norm_options o = {.eps = arg_option(c, 1, "eps", 1e-5),
                                  .cumulative = is_none(c, 2, "momentum"),
                                  .momentum = arg_option(c, 2, "momentum", 0.1),
                                  .no_affine = !arg_bool(c, 3, "affine", true),
                                  .no_running_stats = !arg_bool(c, 4, "track_running_stats", true),
                                  .dtype = case_dtype(c)};
    return f(c->T, arg_int(c, 0, "num_features", 0), &o);
}
static tp_module *build_batch_norm1d(test_case *c) { return build_batch_norm(c, tp_nn_batch_norm1d); }
static tp_module *build_batch_norm2d(test_case *c) { return build_batch_norm(c, tp_nn_batch_norm2d); }
static tp_module *build_batch_norm3d(test_case *c) { return build_batch_norm(c, tp_nn_batch_norm3d); }

typedef tp_module *(*instance_norm_fn)(tp_tape *, int64_t, const tp_nn_instance_norm_options *);
static tp_module *build_instance_norm(test_case *c, instance_norm_fn f)
{
    tp_nn_instance_norm_options o = {.eps = arg_option(c, 1, "eps", 1e-5),
                                     .momentum = arg_option(c, 2, "momentum", 0.1),
                                     .affine = arg_bool(c, 3, "affine", false),
                                     .track_running_stats = arg_bool(c, 4, "track_running_stats", false),
                                     .dtype = case_dtype(c)};
    return f(c->T, arg_int(c, 0, "num_features", 0), &o);
}
static tp_module *build_instance_norm1d(test_case *c) { return build_instance_norm(c, tp_nn_instance_norm1d); }
static tp_module *build_instance_norm2d(test_case *c) { return build_instance_norm(c, tp_nn_instance_norm2d); }
static tp_module *build_instance_norm3d(test_case *c) { return build_instance_norm(c, tp_nn_instance_norm3d); }

static tp_module *build_group_norm(test_case *c)
{
    int64_t groups = arg_int(c, 0, "num_groups", 0), n = arg_int(c, 1, "num_channels", 0);
    tp_nn_norm_options o = {
        .eps = arg_option(c, 2, "eps", 1e-5), .no_affine = !arg_bool(c, 3, "affine", true), .dtype = case_dtype(c)};
    return tp_nn_group_norm(c->T, groups, n, &o);
}

static tp_module *build_layer_norm(test_case *c)
{
    const json_t *sizes = arg(c, 0, "normalized_shape");
    tp_dims shape = {1, {json_integer_value(sizes)}};
    tp_nn_norm_options o = {.eps = arg_option(c, 1, "eps", 1e-5),
                            .no_affine = !arg_bool(c, 2, "elementwise_affine", true),
                            .dtype = case_dtype(c)};
    return tp_nn_layer_norm(c->T, json_is_array(sizes) ? arg_shape(c, 0, "normalized_shape") : shape, &o);
}

static tp_module *build_local_response_norm(test_case *c)
{
    int64_t size = arg_int(c, 0, "size", 1);
    tp_local_response_norm_options o = {.alpha = arg_option(c, 1, "alpha", 1e-4),
                                        .beta = arg_option(c, 2, "beta", 0.75),
                                        .k = arg_option(c, 3, "k", 1)};
    return (strcmp(c->op, "nn.CrossMapLRN2d") == 0 ? tp_nn_cross_map_lrn2d : tp_nn_local_response_norm)(c->T, size, &o);
}

const module_builder norm_builders[] = {
    {"BatchNorm1d", build_batch_norm1d},
    {"BatchNorm2d", build_batch_norm2d},
    {"BatchNorm3d", build_batch_norm3d},
    {"InstanceNorm1d", build_instance_norm1d},
    {"InstanceNorm2d", build_instance_norm2d},
    {"InstanceNorm3d", build_instance_norm3d},
    {"GroupNorm", build_group_norm},
    {"LayerNorm", build_layer_norm},
    {"LocalResponseNorm", build_local_response_norm},
    {"CrossMapLRN2d", build_local_response_norm},
    {NULL, NULL},
};
