/* upsample.c - layers that bring space to another size. */
#include "nn/nn.h"
#include "tapir/nn_functional.h"

typedef struct {
    tp_module base;
    tp_interpolate_options options;
} upsample;

static tp_tensor *upsample_forward(tp_tape *T, tp_module *self, tp_tensor *x)
{
    return tp_interpolate(T, x, &((const upsample *)self)->options);
}

/* "scale_factor=2.0" or "scale_factor=(2.0, 3.0)", "size=7" or "size=(7, 8)" */
static int upsample_repr(const tp_module *self, char *buffer, size_t n)
{
    static const char *const modes[] = {"nearest",   "nearest-exact", "linear", "bilinear",
                                        "trilinear", "bicubic",       "area"};
    const tp_interpolate_options *o = &((const upsample *)self)->options;
    char list[40 * TP_MAX_DIMS] = "", number[32];
    int count = o->size.ndim, at = 0;
    for (int d = 0; d < 3 && !o->size.ndim; d++)
        count = o->scale_factor[d] != 0 ? d + 1 : count;
    for (int d = 0; d < count; d++)
        at += o->size.ndim
                  ? tp__snprintf(list + at, sizeof list - (size_t)at, d ? ", %lld" : "%lld", (long long)o->size.dim[d])
                  : tp__snprintf(list + at, sizeof list - (size_t)at, d ? ", %s" : "%s",
                                 tp__python_float(o->scale_factor[d], false, number));
    return tp__snprintf(buffer, n, count > 1 ? "%s=(%s), mode=%s" : "%s=%s, mode=%s",
                        o->size.ndim ? "size" : "scale_factor", list, modes[o->mode]);
}

static const tp_module_class upsample_class = {
    .name = "Upsample", .size = sizeof(upsample), .forward = upsample_forward, .extra_repr = upsample_repr};
static const tp_module_class nearest_class = {
    .name = "UpsamplingNearest2d", .size = sizeof(upsample), .forward = upsample_forward, .extra_repr = upsample_repr};
static const tp_module_class bilinear_class = {
    .name = "UpsamplingBilinear2d", .size = sizeof(upsample), .forward = upsample_forward, .extra_repr = upsample_repr};

static tp_module *make(tp_tape *T, const char *name, const tp_module_class *type, const tp_interpolate_options *options)
{
    TP__NAMED(T, name);
    tp_interpolate_options o = options ? *options : (tp_interpolate_options){.mode = TP_NEAREST};
    if ((unsigned)o.mode > TP_AREA || o.antialias || (o.size.ndim == 0 && o.scale_factor[0] == 0)) {
        tp_fail(T, TP_EINVAL,
                "%s: mode %d%s, size %s, factor %g; one of tp_interpolation, and a size or a factor are needed", name,
                (int)o.mode, o.antialias ? " with antialias" : "", TP__DIMS(o.size), o.scale_factor[0]);
        return NULL;
    }
    upsample *m = (upsample *)tp_module_new(T, type);
    if (m == NULL)
        return NULL;
    m->options = o;
    return &m->base;
}

tp_module *tp_nn_upsample(tp_tape *T, const tp_interpolate_options *options)
{
    return make(T, "nn_upsample", &upsample_class, options);
}

/* Of these options alone size and factor are the caller's. */
static tp_module *make_2d(tp_tape *T, const char *name, const tp_module_class *type,
                          const tp_interpolate_options *options, tp_interpolation mode)
{
    tp_interpolate_options o = {.mode = mode, .align_corners = mode == TP_BILINEAR};
    if (options) {
        o.size = options->size;
        for (int d = 0; d < 3; d++)
            o.scale_factor[d] = options->scale_factor[d];
    }
    return make(T, name, type, &o);
}

tp_module *tp_nn_upsampling_nearest2d(tp_tape *T, const tp_interpolate_options *options)
{
    return make_2d(T, "nn_upsampling_nearest2d", &nearest_class, options, TP_NEAREST);
}

tp_module *tp_nn_upsampling_bilinear2d(tp_tape *T, const tp_interpolate_options *options)
{
    return make_2d(T, "nn_upsampling_bilinear2d", &bilinear_class, options, TP_BILINEAR);
}
