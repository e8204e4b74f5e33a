/* pad.c - layers that put elements around space, or take them away; and that turn channels into pixels. */
#include "nn/nn.h"
#include "tapir/nn_functional.h"

/* ---- padding ---------------------------------------------------------------------------------------------------------- */

typedef struct {
    tp_module base;
    tp_dims padding;
    double value;
} pad;

typedef struct {
    tp_module_class type;
    int space;
    tp_pad_mode mode;
    bool told; /* the value is printed */
} pad_class;

static tp_tensor *pad_forward(tp_tape *T, tp_module *self, tp_tensor *x)
{
    const pad *m = (const pad *)self;
    return tp_pad(T, x, m->padding, ((const pad_class *)self->type)->mode, m->value);
}

static int pad_repr(const tp_module *self, char *buffer, size_t n)
{
    const pad *m = (const pad *)self;
    bool told = ((const pad_class *)self->type)->told;
    char list[24 * TP_MAX_DIMS] = "";
    for (int i = 0, at = 0; i < m->padding.ndim; i++)
        at += tp__snprintf(list + at, sizeof list - (size_t)at, i ? ", %lld" : "%lld", (long long)m->padding.dim[i]);
    if (told)
        return tp__snprintf(buffer, n,
                            m->value == (double)(int)m->value ? "padding=(%s), value=%.1f" : "padding=(%s), value=%g",
                            list, m->value);
    return tp__snprintf(buffer, n, "(%s)", list);
}

static tp_module *make(tp_tape *T, const char *name, const pad_class *type, tp_dims padding, double value)
{
    TP__NAMED(T, name);
    int all = 2 * type->space;
    if (padding.ndim != 1 && padding.ndim != all) {
        tp_fail(T, TP_EINVAL, "%s: %d numbers; %d, or one for all, are needed", name, padding.ndim, all);
        return NULL;
    }
    pad *m = (pad *)tp_module_new(T, &type->type);
    if (m == NULL)
        return NULL;
    for (int i = 0; i < all; i++)
        m->padding.dim[i] = padding.dim[padding.ndim == 1 ? 0 : i];
    m->padding.ndim = all;
    m->value = value;
    return &m->base;
}

/* clang-format off */
#define CLASS(id, Name, SPACE, MODE, TOLD)                                                         \
    static const pad_class id##_class = {{.name = Name, .size = sizeof(pad), .forward = pad_forward, .extra_repr = pad_repr}, \
                                         SPACE, MODE, TOLD};
#define PAD(id, Name, SPACE, MODE)                                                                 \
    CLASS(id, Name, SPACE, MODE, false)                                                            \
    tp_module *tp_nn_##id(tp_tape *T, tp_dims padding) { return make(T, "nn_" #id, &id##_class, padding, 0); }
#define CONSTANT_PAD(id, Name, SPACE)                                                              \
    CLASS(id, Name, SPACE, TP_PAD_ZEROS, true)                                                     \
    tp_module *tp_nn_##id(tp_tape *T, tp_dims padding, double value)                               \
    { return make(T, "nn_" #id, &id##_class, padding, value); }

CONSTANT_PAD(constant_pad1d, "ConstantPad1d", 1)
CONSTANT_PAD(constant_pad2d, "ConstantPad2d", 2)
CONSTANT_PAD(constant_pad3d, "ConstantPad3d", 3)
PAD(zero_pad1d, "ZeroPad1d", 1, TP_PAD_ZEROS)
PAD(zero_pad2d, "ZeroPad2d", 2, TP_PAD_ZEROS)
PAD(zero_pad3d, "ZeroPad3d", 3, TP_PAD_ZEROS)
PAD(reflection_pad1d, "ReflectionPad1d", 1, TP_PAD_REFLECT)
PAD(reflection_pad2d, "ReflectionPad2d", 2, TP_PAD_REFLECT)
PAD(reflection_pad3d, "ReflectionPad3d", 3, TP_PAD_REFLECT)
PAD(replication_pad1d, "ReplicationPad1d", 1, TP_PAD_REPLICATE)
PAD(replication_pad2d, "ReplicationPad2d", 2, TP_PAD_REPLICATE)
PAD(replication_pad3d, "ReplicationPad3d", 3, TP_PAD_REPLICATE)
PAD(circular_pad1d, "CircularPad1d", 1, TP_PAD_CIRCULAR)
PAD(circular_pad2d, "CircularPad2d", 2, TP_PAD_CIRCULAR)
PAD(circular_pad3d, "CircularPad3d", 3, TP_PAD_CIRCULAR)
/* clang-format on */

/* ---- channels and pixels ------------------------------------------------------------------------------------------------ */

typedef struct {
    tp_module base;
    int64_t factor;
} shuffle;

typedef struct {
    tp_module_class type;
    tp_tensor *(*function)(tp_tape *T, tp_tensor *x, int64_t factor);
    const char *word;
} shuffle_class;

static tp_tensor *shuffle_forward(tp_tape *T, tp_module *self, tp_tensor *x)
{
    return ((const shuffle_class *)self->type)->function(T, x, ((const shuffle *)self)->factor);
}

static int shuffle_repr(const tp_module *self, char *buffer, size_t n)
{
    return tp__snprintf(buffer, n, "%s=%lld", ((const shuffle_class *)self->type)->word,
                        (long long)((const shuffle *)self)->factor);
}

static tp_module *make_shuffle(tp_tape *T, const char *name, const shuffle_class *type, int64_t factor)
{
    TP__NAMED(T, name);
    if (factor < 1) {
        tp_fail(T, TP_EINVAL, "%s: %s is %lld; 1 or more is needed", name, type->word, (long long)factor);
        return NULL;
    }
    shuffle *m = (shuffle *)tp_module_new(T, &type->type);
    if (m == NULL)
        return NULL;
    m->factor = factor;
    return &m->base;
}

/* clang-format off */
#define SHUFFLE(id, Name, WORD)                                                                    \
    static const shuffle_class id##_class = {{.name = Name, .size = sizeof(shuffle), .forward = shuffle_forward, \
                                              .extra_repr = shuffle_repr}, tp_##id, WORD};         \
    tp_module *tp_nn_##id(tp_tape *T, int64_t factor) { return make_shuffle(T, "nn_" #id, &id##_class, factor); }

SHUFFLE(pixel_shuffle, "PixelShuffle", "upscale_factor")
SHUFFLE(pixel_unshuffle, "PixelUnshuffle", "downscale_factor")
SHUFFLE(channel_shuffle, "ChannelShuffle", "groups")
/* clang-format on */
