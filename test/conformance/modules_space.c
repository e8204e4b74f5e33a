/* modules_space.c - modules over space that have no parameters: pooling, padding, pixels. */
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

/* ---- padding, and pixels out of channels ---- */

static tp_module *build_constant_pad1d(test_case *c)
{
    tp_dims padding = arg_sizes_or_none(c, 0, "padding");
    return tp_nn_constant_pad1d(c->T, padding, arg_double(c, 1, "value", 0));
}
static tp_module *build_constant_pad2d(test_case *c)
{
    tp_dims padding = arg_sizes_or_none(c, 0, "padding");
    return tp_nn_constant_pad2d(c->T, padding, arg_double(c, 1, "value", 0));
}
static tp_module *build_constant_pad3d(test_case *c)
{
    tp_dims padding = arg_sizes_or_none(c, 0, "padding");
    return tp_nn_constant_pad3d(c->T, padding, arg_double(c, 1, "value", 0));
}

static tp_module *pad(test_case *c, tp_module *(*make)(tp_tape *, tp_dims))
{
    return make(c->T, arg_sizes_or_none(c, 0, "padding"));
}
static tp_module *build_zero_pad1d(test_case *c) { return pad(c, tp_nn_zero_pad1d); }
static tp_module *build_zero_pad2d(test_case *c) { return pad(c, tp_nn_zero_pad2d); }
static tp_module *build_zero_pad3d(test_case *c) { return pad(c, tp_nn_zero_pad3d); }
static tp_module *build_reflection_pad1d(test_case *c) { return pad(c, tp_nn_reflection_pad1d); }
static tp_module *build_reflection_pad2d(test_case *c) { return pad(c, tp_nn_reflection_pad2d); }
static tp_module *build_reflection_pad3d(test_case *c) { return pad(c, tp_nn_reflection_pad3d); }
static tp_module *build_replication_pad1d(test_case *c) { return pad(c, tp_nn_replication_pad1d); }
static tp_module *build_replication_pad2d(test_case *c) { return pad(c, tp_nn_replication_pad2d); }
static tp_module *build_replication_pad3d(test_case *c) { return pad(c, tp_nn_replication_pad3d); }

static tp_module *build_pixel_shuffle(test_case *c)
{
    return tp_nn_pixel_shuffle(c->T, arg_int(c, 0, "upscale_factor", 0));
}
static tp_module *build_pixel_unshuffle(test_case *c)
{
    return tp_nn_pixel_unshuffle(c->T, arg_int(c, 0, "downscale_factor", 0));
}
static tp_module *build_channel_shuffle(test_case *c)
{
    return tp_nn_channel_shuffle(c->T, arg_int(c, 0, "groups", 0));
}

/* ---- space at another size ---- */

static tp_module *build_upsample(test_case *c)
{
    tp_interpolate_options o;
    interpolation_asked(c, 0, &o);
    return tp_nn_upsample(c->T, &o);
}
static tp_module *build_upsampling_nearest2d(test_case *c)
{
    tp_interpolate_options o = {.mode = TP_NEAREST};
    size_asked(c, 0, &o);
    return tp_nn_upsampling_nearest2d(c->T, &o);
}
static tp_module *build_upsampling_bilinear2d(test_case *c)
{
    tp_interpolate_options o = {.mode = TP_NEAREST};
    size_asked(c, 0, &o);
    return tp_nn_upsampling_bilinear2d(c->T, &o);
}

static tp_module *build_unfold(test_case *c)
{
    tp_unfold_options o;
    unfold_asked(c, 1, &o);
    return tp_nn_unfold(c->T, arg_sizes_or_none(c, 0, "kernel_size"), &o);
}
static tp_module *build_fold(test_case *c)
{
    tp_unfold_options o;
    unfold_asked(c, 2, &o);
    tp_dims size = arg_sizes_or_none(c, 0, "output_size");
    return tp_nn_fold(c->T, size, arg_sizes_or_none(c, 1, "kernel_size"), &o);
}

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
    {"ConstantPad1d", build_constant_pad1d},
    {"ConstantPad2d", build_constant_pad2d},
    {"ConstantPad3d", build_constant_pad3d},
    {"ZeroPad1d", build_zero_pad1d},
    {"ZeroPad2d", build_zero_pad2d},
    {"ZeroPad3d", build_zero_pad3d},
    {"ReflectionPad1d", build_reflection_pad1d},
    {"ReflectionPad2d", build_reflection_pad2d},
    {"ReflectionPad3d", build_reflection_pad3d},
    {"ReplicationPad1d", build_replication_pad1d},
    {"ReplicationPad2d", build_replication_pad2d},
    {"ReplicationPad3d", build_replication_pad3d},
    {"PixelShuffle", build_pixel_shuffle},
    {"PixelUnshuffle", build_pixel_unshuffle},
    {"ChannelShuffle", build_channel_shuffle},
    {"Upsample", build_upsample},
    {"UpsamplingNearest2d", build_upsampling_nearest2d},
    {"UpsamplingBilinear2d", build_upsampling_bilinear2d},
    {"Unfold", build_unfold},
    {"Fold", build_fold},
    {NULL, NULL},
};
