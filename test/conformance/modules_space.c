/* modules_space.c - modules over space that have no parameters: pooling. */
#include "groups.h"

/* ---- pooling ---- */

typedef tp_module *(*pool_maker)(tp_tape *, tp_dims, const tp_pool_options *);

static tp_module *max_pool(test_case *c, int space, pool_maker make)
{
    tp_pool_options o = {.ceil_mode = arg_bool(c, 5, "ceil_mode", false)};
    tp_dims kernel = arg_sizes_or_none(c, 0, "kernel_size");
    arg_sizes(c, 1, "stride", space, o.stride);
    arg_sizes(c, 2, "padding", space, o.padding);
    arg_sizes(c, 3, "dilation", space, o.dilation);
    arg_bool(c, 4, "return_indices", false); /* the outputs that are asked for say it */
    return make(c->T, kernel, &o);
}
static tp_module *build_max_pool1d(test_case *c) { return max_pool(c, 1, tp_nn_max_pool1d); }
static tp_module *build_max_pool2d(test_case *c) { return max_pool(c, 2, tp_nn_max_pool2d); }
static tp_module *build_max_pool3d(test_case *c) { return max_pool(c, 3, tp_nn_max_pool3d); }

static tp_module *avg_pool(test_case *c, int space, pool_maker make)
{
    tp_pool_options o = {.ceil_mode = arg_bool(c, 3, "ceil_mode", false),
                         .exclude_pad = !arg_bool(c, 4, "count_include_pad", true),
                         .divisor = arg_int(c, 5, "divisor_override", 0)};
    tp_dims kernel = arg_sizes_or_none(c, 0, "kernel_size");
    arg_sizes(c, 1, "stride", space, o.stride);
    arg_sizes(c, 2, "padding", space, o.padding);
    return make(c->T, kernel, &o);
}
static tp_module *build_avg_pool1d(test_case *c) { return avg_pool(c, 1, tp_nn_avg_pool1d); }
static tp_module *build_avg_pool2d(test_case *c) { return avg_pool(c, 2, tp_nn_avg_pool2d); }
static tp_module *build_avg_pool3d(test_case *c) { return avg_pool(c, 3, tp_nn_avg_pool3d); }

static tp_module *lp_pool(test_case *c, int space)
{
    tp_pool_options o = {.ceil_mode = arg_bool(c, 3, "ceil_mode", false)};
    double p = arg_double(c, 0, "norm_type", 2);
    tp_dims kernel = arg_sizes_or_none(c, 1, "kernel_size");
    arg_sizes(c, 2, "stride", space, o.stride);
    return (space == 1 ? tp_nn_lp_pool1d : tp_nn_lp_pool2d)(c->T, p, kernel, &o);
}
static tp_module *build_lp_pool1d(test_case *c) { return lp_pool(c, 1); }
static tp_module *build_lp_pool2d(test_case *c) { return lp_pool(c, 2); }

static tp_module *max_unpool(test_case *c, int space, tp_module *(*make)(tp_tape *, tp_dims, const tp_unpool_options *))
{
    tp_unpool_options o = {.stride = {0}};
    tp_dims kernel = arg_sizes_or_none(c, 0, "kernel_size");
    arg_sizes(c, 1, "stride", space, o.stride);
    arg_sizes(c, 2, "padding", space, o.padding);
    return make(c->T, kernel, &o);
}
static tp_module *build_max_unpool1d(test_case *c) { return max_unpool(c, 1, tp_nn_max_unpool1d); }
static tp_module *build_max_unpool2d(test_case *c) { return max_unpool(c, 2, tp_nn_max_unpool2d); }
static tp_module *build_max_unpool3d(test_case *c) { return max_unpool(c, 3, tp_nn_max_unpool3d); }

static tp_module *adaptive(test_case *c, tp_module *(*make)(tp_tape *, tp_dims))
{
    tp_dims size = arg_sizes_or_none(c, 0, "output_size");
    arg_bool(c, 1, "return_indices", false);
    return make(c->T, size);
}
static tp_module *build_adaptive_avg_pool1d(test_case *c) { return adaptive(c, tp_nn_adaptive_avg_pool1d); }
static tp_module *build_adaptive_avg_pool2d(test_case *c) { return adaptive(c, tp_nn_adaptive_avg_pool2d); }
static tp_module *build_adaptive_avg_pool3d(test_case *c) { return adaptive(c, tp_nn_adaptive_avg_pool3d); }
static tp_module *build_adaptive_max_pool1d(test_case *c) { return adaptive(c, tp_nn_adaptive_max_pool1d); }
static tp_module *build_adaptive_max_pool2d(test_case *c) { return adaptive(c, tp_nn_adaptive_max_pool2d); }
static tp_module *build_adaptive_max_pool3d(test_case *c) { return adaptive(c, tp_nn_adaptive_max_pool3d); }

const module_builder space_builders[] = {
    {"MaxPool1d", build_max_pool1d},
    {"AvgPool1d", build_avg_pool1d},
    {"LPPool1d", build_lp_pool1d},
    {"MaxUnpool1d", build_max_unpool1d},
    {"AdaptiveAvgPool1d", build_adaptive_avg_pool1d},
    {"AdaptiveMaxPool1d", build_adaptive_max_pool1d},
    {"MaxPool2d", build_max_pool2d},
    {"AvgPool2d", build_avg_pool2d},
    {"LPPool2d", build_lp_pool2d},
    {"MaxUnpool2d", build_max_unpool2d},
    {"AdaptiveAvgPool2d", build_adaptive_avg_pool2d},
    {"AdaptiveMaxPool2d", build_adaptive_max_pool2d},
    {"MaxPool3d", build_max_pool3d},
    {"AvgPool3d", build_avg_pool3d},
    {"MaxUnpool3d", build_max_unpool3d},
    {"AdaptiveAvgPool3d", build_adaptive_avg_pool3d},
    {"AdaptiveMaxPool3d", build_adaptive_max_pool3d},
    {NULL, NULL},
};
