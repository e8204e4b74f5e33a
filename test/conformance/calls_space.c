/* calls_space.c - functions over space: pooling, padding, pixels. */
#include "calls.h"

#include <string.h>

static int space_of(const test_case *c) { return c->op[strcspn(c->op, "123")] - '0'; }

/* ---- pooling ---- */

/* A stride or dilation of 0, which torch refuses, is the default here; what stands for it is one below. */
static void steps_asked(test_case *c, int position, const char *name, int space, int64_t *out)
{
    for (int d = 0; d < space; d++)
        out[d] = INT64_MAX;
    arg_sizes(c, position, name, space, out);
    for (int d = 0; d < space; d++)
        out[d] = out[d] == INT64_MAX ? 0 : out[d] == 0 ? -1 : out[d];
}

static tp_tensor *call_max_pool(test_case *c)
{
    tp_tensor *(*const calls[])(tp_tape *, tp_tensor *, tp_dims, const tp_pool_options *,
                                tp_tensor **) = {tp_max_pool1d, tp_max_pool2d, tp_max_pool3d};
    int space = space_of(c);
    tp_pool_options o = {.ceil_mode = arg_bool(c, 5, "ceil_mode", false)};
    tp_dims kernel = arg_sizes_or_none(c, 1, "kernel_size");
    steps_asked(c, 2, "stride", space, o.stride);
    arg_sizes(c, 3, "padding", space, o.padding);
    steps_asked(c, 4, "dilation", space, o.dilation);
    c->n_out = 1 + arg_bool(c, 6, "return_indices", false);
    return calls[space - 1](c->T, arg_tensor(c, 0, "input"), kernel, &o, c->n_out > 1 ? &c->out[1] : NULL);
}

static tp_tensor *call_adaptive_max_pool(test_case *c)
{
    tp_tensor *(*const calls[])(tp_tape *, tp_tensor *, tp_dims, tp_tensor **) = {
        tp_adaptive_max_pool1d, tp_adaptive_max_pool2d, tp_adaptive_max_pool3d};
    tp_dims size = arg_sizes_or_none(c, 1, "output_size");
    c->n_out = 1 + arg_bool(c, 2, "return_indices", false);
    return calls[space_of(c) - 1](c->T, arg_tensor(c, 0, "input"), size, c->n_out > 1 ? &c->out[1] : NULL);
}

static tp_tensor *call_adaptive_avg_pool(test_case *c)
{
    tp_tensor *(*const calls[])(tp_tape *, tp_tensor *, tp_dims) = {tp_adaptive_avg_pool1d, tp_adaptive_avg_pool2d,
                                                                    tp_adaptive_avg_pool3d};
    return calls[space_of(c) - 1](c->T, arg_tensor(c, 0, "input"), arg_sizes_or_none(c, 1, "output_size"));
}

static tp_tensor *call_avg_pool(test_case *c)
{
    tp_tensor *(*const calls[])(tp_tape *, tp_tensor *, tp_dims,
                                const tp_pool_options *) = {tp_avg_pool1d, tp_avg_pool2d, tp_avg_pool3d};
    int space = space_of(c);
    tp_pool_options o = {.ceil_mode = arg_bool(c, 4, "ceil_mode", false),
                         .exclude_pad = !arg_bool(c, 5, "count_include_pad", true),
                         .divisor = arg_int(c, 6, "divisor_override", 0)};
    steps_asked(c, 2, "stride", space, o.stride);
    arg_sizes(c, 3, "padding", space, o.padding);
    return calls[space - 1](c->T, arg_tensor(c, 0, "input"), arg_sizes_or_none(c, 1, "kernel_size"), &o);
}

static tp_tensor *call_lp_pool(test_case *c)
{
    int space = space_of(c);
    tp_pool_options o = {.ceil_mode = arg_bool(c, 4, "ceil_mode", false)};
    double p = arg_double(c, 1, "norm_type", 2);
    steps_asked(c, 3, "stride", space, o.stride);
    tp_dims kernel = arg_sizes_or_none(c, 2, "kernel_size");
    return (space == 1 ? tp_lp_pool1d : tp_lp_pool2d)(c->T, arg_tensor(c, 0, "input"), p, kernel, &o);
}

static tp_tensor *call_max_unpool(test_case *c)
{
    tp_tensor *(*const calls[])(tp_tape *, tp_tensor *, tp_tensor *, tp_dims,
                                const tp_unpool_options *) = {tp_max_unpool1d, tp_max_unpool2d, tp_max_unpool3d};
    int space = space_of(c);
    tp_unpool_options o = {.output_size = arg_shape(c, 5, "output_size")};
    steps_asked(c, 3, "stride", space, o.stride);
    arg_sizes(c, 4, "padding", space, o.padding);
    tp_tensor *x = arg_tensor(c, 0, "input"), *indices = arg_tensor(c, 1, "indices");
    return calls[space - 1](c->T, x, indices, arg_sizes_or_none(c, 2, "kernel_size"), &o);
}

/* ---- padding, and pixels out of channels ---- */

static tp_tensor *call_pad(test_case *c)
{
    static const char *const modes[] = {"constant", "reflect", "replicate", "circular"};
    const char *mode = arg_string(c, 2, "mode", "constant");
    tp_dims padding = arg_sizes_or_none(c, 1, "pad");
    double value = arg_double(c, 3, "value", 0);
    for (int i = 0; i < 4; i++)
        if (strcmp(mode, modes[i]) == 0)
            return tp_pad(c->T, arg_tensor(c, 0, "input"), padding, (tp_pad_mode)i, value);
    case_skip(c, "mode %s", mode);
    return NULL;
}

static tp_tensor *call_constant_pad(test_case *c)
{
    tp_dims padding = arg_sizes_or_none(c, 1, "pad");
    double value = arg_double(c, 2, "value", 0);
    return tp_pad(c->T, arg_tensor(c, 0, "input"), padding, TP_PAD_ZEROS, value);
}

static tp_tensor *call_pixel_shuffle(test_case *c)
{
    return tp_pixel_shuffle(c->T, arg_tensor(c, 0, "input"), arg_int(c, 1, "upscale_factor", 0));
}
static tp_tensor *call_pixel_unshuffle(test_case *c)
{
    return tp_pixel_unshuffle(c->T, arg_tensor(c, 0, "input"), arg_int(c, 1, "downscale_factor", 0));
}
static tp_tensor *call_channel_shuffle(test_case *c)
{
    return tp_channel_shuffle(c->T, arg_tensor(c, 0, "input"), arg_int(c, 1, "groups", 0));
}

/* ---- space at another size ---- */

/* The arguments from `position` on: size, scale_factor, mode, align_corners, recompute_scale_factor, antialias. */
static tp_tensor *call_interpolate(test_case *c)
{
    tp_interpolate_options o;
    interpolation_asked(c, 1, &o);
    return tp_interpolate(c->T, arg_tensor(c, 0, "input"), &o);
}

/* Old names; upsample_bilinear keeps corners. */
static tp_tensor *call_upsample(test_case *c)
{
    tp_interpolate_options o = {.mode = TP_NEAREST};
    size_asked(c, 1, &o);
    if (strcmp(c->op, "nn.functional.upsample_bilinear") == 0) {
        o.mode = TP_BILINEAR;
        o.align_corners = true;
    }
    return tp_interpolate(c->T, arg_tensor(c, 0, "input"), &o);
}

static int choice(test_case *c, int position, const char *name, int n, const char *const *names)
{
    const char *asked = arg_string(c, position, name, names[0]);
    for (int i = 0; i < n; i++)
        if (strcmp(asked, names[i]) == 0)
            return i;
    case_skip(c, "%s %s", name, asked);
    return 0;
}

static tp_tensor *call_grid_sample(test_case *c)
{
    static const char *const modes[] = {"bilinear", "nearest", "bicubic"};
    static const char *const paddings[] = {"zeros", "border", "reflection"};
    tp_grid_sample_options o = {.mode = (tp_grid_mode)choice(c, 2, "mode", 3, modes),
                                .padding = (tp_grid_padding)choice(c, 3, "padding_mode", 3, paddings),
                                .align_corners = arg_bool(c, 4, "align_corners", false)};
    tp_tensor *x = arg_tensor(c, 0, "input");
    return tp_grid_sample(c->T, x, arg_tensor(c, 1, "grid"), &o);
}

static tp_tensor *call_affine_grid(test_case *c)
{
    tp_dims size = arg_shape(c, 1, "size");
    return tp_affine_grid(c->T, arg_tensor(c, 0, "theta"), size, arg_bool(c, 2, "align_corners", false));
}

static tp_tensor *call_unfold(test_case *c)
{
    tp_unfold_options o;
    unfold_asked(c, 2, &o);
    tp_dims kernel = arg_sizes_or_none(c, 1, "kernel_size");
    return tp_im2col(c->T, arg_tensor(c, 0, "input"), kernel, &o);
}

static tp_tensor *call_fold(test_case *c)
{
    tp_unfold_options o;
    unfold_asked(c, 3, &o);
    tp_dims size = arg_sizes_or_none(c, 1, "output_size"), kernel = arg_sizes_or_none(c, 2, "kernel_size");
    return tp_col2im(c->T, arg_tensor(c, 0, "input"), size, kernel, &o);
}

const call_entry space_calls[] = {
    {"nn.functional.max_pool1d", call_max_pool},
    {"nn.functional.adaptive_max_pool1d", call_adaptive_max_pool},
    {"nn.functional.adaptive_avg_pool1d", call_adaptive_avg_pool},
    {"nn.functional.avg_pool1d", call_avg_pool},
    {"nn.functional.lp_pool1d", call_lp_pool},
    {"nn.functional.max_unpool1d", call_max_unpool},
    {"nn.functional.max_pool2d", call_max_pool},
    {"nn.functional.adaptive_max_pool2d", call_adaptive_max_pool},
    {"nn.functional.adaptive_avg_pool2d", call_adaptive_avg_pool},
    {"nn.functional.avg_pool2d", call_avg_pool},
    {"nn.functional.lp_pool2d", call_lp_pool},
    {"nn.functional.max_unpool2d", call_max_unpool},
    {"nn.functional.max_pool3d", call_max_pool},
    {"nn.functional.adaptive_max_pool3d", call_adaptive_max_pool},
    {"nn.functional.adaptive_avg_pool3d", call_adaptive_avg_pool},
    {"nn.functional.avg_pool3d", call_avg_pool},
    {"nn.functional.max_unpool3d", call_max_unpool},
    {"nn.functional.pad", call_pad},
    {"constant_pad_nd", call_constant_pad},
    {"nn.functional.pixel_shuffle", call_pixel_shuffle},
    {"nn.functional.pixel_unshuffle", call_pixel_unshuffle},
    {"nn.functional.channel_shuffle", call_channel_shuffle},
    {"nn.functional.interpolate", call_interpolate},
    {"nn.functional.upsample", call_interpolate},
    {"nn.functional.upsample_nearest", call_upsample},
    {"nn.functional.upsample_bilinear", call_upsample},
    {"nn.functional.grid_sample", call_grid_sample},
    {"nn.functional.affine_grid", call_affine_grid},
    {"nn.functional.unfold", call_unfold},
    {"nn.functional.fold", call_fold},
    {NULL, NULL},
};
