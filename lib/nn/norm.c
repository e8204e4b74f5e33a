/* norm.c - layers that normalize. */
#include "nn/nn.h"
#include "ops/ops.h"
#include "tapir/create.h"
#include "tapir/inplace.h"
#include "tapir/nn_functional.h"
#include "tapir/shape.h"

#include <math.h>
#include <stdio.h>

static const char *truth(bool is) { return is ? "True" : "False"; }

/* m, or where T has failed nothing: then m is freed. */
static tp_module *made(tp_tape *T, tp_module *m)
{
    if (!tp_error(T))
        return m;
    tp_module_free(m);
    return NULL;
}

static tp_tensor *ones(tp_tape *T, tp_module *m, tp_dtype dtype, tp_dims shape)
{
    tp_tensor *x = tp__param(T, m, "weight", dtype, shape);
    tp_fill_(T, x, 1);
    return x;
}

/* ---- over the batch, and over each sample's channels ------------------------------------------------------------ */

/* Dimensions behind the channels; those of x may be one fewer where there is no batch, or (BatchNorm1d) no space. */
typedef struct {
    tp_module_class type;
    const char *call;
    int space;
} channels_class;

typedef struct {
    tp_module base;
    tp_tensor *weight, *bias, *running_mean, *running_var, *num_batches_tracked;
    int64_t channels;
    double eps, momentum;
    bool cumulative;
} channels;

static bool has_space(tp_tape *T, const channels *m, const tp_tensor *x, bool or_fewer)
{
    int most = ((const channels_class *)m->base.type)->space + 2;
    if (x->ndim == most || (or_fewer && x->ndim == most - 1))
        return true;
    tp_fail(T, TP_ESHAPE,
            or_fewer ? "%s: x is %s; %d or %d dimensions are needed" : "%s: x is %s; %d dimensions are needed",
            m->base.type->name, TP__SHAPE(x), or_fewer ? most - 1 : most, most);
    return false;
}

/* The momentum of the next batch: cumulative ones weigh all batches alike. */
static double momentum_of(const channels *m)
{
    double before = m->num_batches_tracked ? (double)*(const int64_t *)m->num_batches_tracked->data : 0;
    double momentum = m->cumulative ? 1 / (before + 1) : m->momentum;
    return momentum != 0 ? momentum : TP_ZERO;
}

static double option_of(double value) { return value != 0 ? value : TP_ZERO; }

static tp_tensor *batch_norm_forward(tp_tape *T, tp_module *self, tp_tensor *x)
{
    channels *m = (channels *)self;
    bool tracked = m->running_mean != NULL, training = self->training || !tracked;
    if (!has_space(T, m, x, ((const channels_class *)self->type)->space == 1))
        return NULL;
    tp_batch_norm_options o = {.weight = m->weight,
                               .bias = m->bias,
                               .training = training,
                               .momentum = momentum_of(m),
                               .eps = option_of(m->eps)};
    tp_tensor *y = tp_batch_norm(T, x, m->running_mean, m->running_var, &o);
    if (y && training && tracked)
        tp_add_(T, m->num_batches_tracked, tp_scalar(T, TP_I64, 1), 1);
    return tp_error(T) ? NULL : y;
}

/* ---- running statistics made anew (torch.optim.swa_utils.update_bn) ---- */

/* What a pass over all modules does with those that keep statistics of batches. */
typedef enum { COUNT, BEGIN, END } pass;
typedef struct {
    tp_tape *T;
    pass what;
    int n;
    bool *cumulative; /* of each, as it was */
} renewal;

static tp_status renew(const char *name, tp_module *module, void *user)
{
    renewal *r = user;
    channels *m = (channels *)module;
    (void)name;
    if (module->type->forward != batch_norm_forward || m->running_mean == NULL)
        return TP_OK;
    if (r->what == BEGIN) {
        r->cumulative[r->n] = m->cumulative;
        m->cumulative = true;
        tp_fill_(r->T, m->running_mean, 0);
        tp_fill_(r->T, m->running_var, 1);
        tp_fill_(r->T, m->num_batches_tracked, 0);
    } else if (r->what == END) {
        m->cumulative = r->cumulative[r->n];
    }
    r->n++;
    return TP_OK;
}

static void go_through(tp_module *m, renewal *r, pass what)
{
    tp__walk w = {.before = renew, .user = r};
    r->what = what;
    r->n = 0;
    tp__module_walk(m, &w, false);
}

/* Apart from its caller, whose frame says that the user's function runs. */
static __attribute__((noinline)) tp_tensor *next_batch(tp_tape *T, tp_batches next, void *user)
{
    tp__call_out call;
    tp__enter(T, &call);
    tp_tensor *x = next(T, user);
    tp__leave(&call);
    return tp__ok(T) ? x : NULL;
}

tp_status tp_update_bn(tp_tape *T, tp_module *m, tp_batches next, void *user)
{
    TP__NAMED(T, "update_bn");
    if (m == NULL || next == NULL)
        return tp__missing(T, "update_bn", m ? "the function that gives batches" : "the module");
    if (!tp__ok(T))
        return tp_error_status(T);
    renewal r = {.T = T};
    bool training = m->training, recording = T->recording;
    go_through(m, &r, COUNT);
    if (r.n == 0)
        return TP_OK;
    if ((r.cumulative = tp__calloc((size_t)r.n, sizeof *r.cumulative)) == NULL)
        return tp_fail(T, TP_ENOMEM, "update_bn: no memory");
    go_through(m, &r, BEGIN);
    tp_module_train(m, true);
    T->recording = false;
    tp_mark mark = tp_tape_mark(T);
    for (tp_tensor *x; (x = next_batch(T, next, user)) != NULL;) {
        tp_forward(T, m, x);
        tp__rewind(T, mark);
    }
    T->recording = recording;
    tp_module_train(m, training);
    go_through(m, &r, END);
    tp__free(r.cumulative);
    return T->status;
}

static tp_tensor *instance_norm_forward(tp_tape *T, tp_module *self, tp_tensor *x)
{
    channels *m = (channels *)self;
    if (!has_space(T, m, x, true))
        return NULL;
    bool unbatched = x->ndim < ((const channels_class *)self->type)->space + 2;
    tp_instance_norm_options o = {.running_mean = m->running_mean,
                                  .running_var = m->running_var,
                                  .weight = m->weight,
                                  .bias = m->bias,
                                  .use_running_stats = !self->training && m->running_mean,
                                  .momentum = option_of(m->momentum),
                                  .eps = option_of(m->eps)};
    tp_tensor *y = tp_instance_norm(T, unbatched ? tp_unsqueeze(T, x, 0) : x, &o);
    return unbatched ? tp_squeeze_dim(T, y, 0) : y;
}

static int channels_repr(const tp_module *self, char *buffer, size_t n)
{
    const channels *m = (const channels *)self;
    char eps[32], momentum[32] = "None";
    tp__python_float(m->eps, false, eps);
    if (!m->cumulative)
        tp__python_float(m->momentum, false, momentum);
    return snprintf(buffer, n, "%lld, eps=%s, momentum=%s, affine=%s, track_running_stats=%s", (long long)m->channels,
                    eps, momentum, truth(m->weight), truth(m->running_mean));
}

static tp_tensor *add_buffer(tp_tape *T, channels *m, const char *name, tp_dtype dtype, tp_dims shape)
{
    tp_tensor *x = tp__ok(T) ? tp__tensor_owned(dtype, shape) : NULL;
    if (x == NULL) {
        tp_fail(T, TP_ENOMEM, "%s: no memory for %s", m->base.type->name, name);
        return NULL;
    }
    return tp_module_add_buffer(T, &m->base, name, x);
}

static void add_statistics(tp_tape *T, channels *m, tp_dtype dtype)
{
    tp_dims shape = {1, {m->channels}};
    m->running_mean = add_buffer(T, m, "running_mean", dtype, shape);
    m->running_var = add_buffer(T, m, "running_var", dtype, shape);
    tp_fill_(T, m->running_var, 1);
    m->num_batches_tracked = add_buffer(T, m, "num_batches_tracked", TP_I64, TP_SCALAR);
}

/* What both kinds of layers are made of. */
typedef struct {
    double eps, momentum;
    bool cumulative, affine, track;
    tp_dtype dtype;
} parts;

static tp_module *make_channels(tp_tape *T, const channels_class *type, int64_t n, parts p)
{
    TP__NAMED(T, type->call);
    channels *m = (channels *)tp_module_new(T, &type->type);
    if (m == NULL)
        return NULL;
    m->channels = n;
    m->eps = tp__option(p.eps, 1e-5);
    m->momentum = tp__option(p.momentum, 0.1);
    m->cumulative = p.cumulative;
    if (n < 0)
        tp_fail(T, TP_EINVAL, "%s: %lld channels; 0 or more are needed", type->call, (long long)n);
    if (p.affine) {
        m->weight = ones(T, &m->base, p.dtype, (tp_dims){1, {n}});
        m->bias = tp__param(T, &m->base, "bias", p.dtype, (tp_dims){1, {n}});
    }
    if (p.track)
        add_statistics(T, m, p.dtype);
    return made(T, &m->base);
}

static tp_module *make_batch_norm(tp_tape *T, const channels_class *type, int64_t n,
                                  const tp_nn_batch_norm_options *options)
{
    tp_nn_batch_norm_options o = options ? *options : (tp_nn_batch_norm_options){0};
    return make_channels(T, type, n,
                         (parts){o.eps, o.momentum, o.cumulative, !o.no_affine, !o.no_running_stats, o.dtype});
}

static tp_module *make_instance_norm(tp_tape *T, const channels_class *type, int64_t n,
                                     const tp_nn_instance_norm_options *options)
{
    tp_nn_instance_norm_options o = options ? *options : (tp_nn_instance_norm_options){0};
    return make_channels(T, type, n, (parts){o.eps, o.momentum, false, o.affine, o.track_running_stats, o.dtype});
}

/* clang-format off */
#define BY_CHANNELS(kind, f, Name, space)                                                                             \
    static const channels_class f##_class = {                                                                         \
        {.name = Name, .size = sizeof(channels), .forward = kind##_forward, .extra_repr = channels_repr},             \
        "nn_" #f, space};                                                                                             \
    tp_module *tp_nn_##f(tp_tape *T, int64_t n, const tp_nn_##kind##_options *options)                                 \
    { return make_##kind(T, &f##_class, n, options); }

BY_CHANNELS(batch_norm, batch_norm1d, "BatchNorm1d", 1)
BY_CHANNELS(batch_norm, batch_norm2d, "BatchNorm2d", 2)
BY_CHANNELS(batch_norm, batch_norm3d, "BatchNorm3d", 3)
BY_CHANNELS(instance_norm, instance_norm1d, "InstanceNorm1d", 1)
BY_CHANNELS(instance_norm, instance_norm2d, "InstanceNorm2d", 2)
BY_CHANNELS(instance_norm, instance_norm3d, "InstanceNorm3d", 3)
/* clang-format on */

/* ---- over each sample's groups of channels, and over the last dimensions ----------------------------------------- */

typedef struct {
    tp_module base;
    tp_tensor *weight, *bias;
    tp_dims shape; /* groups and channels; or what is normalized */
    double eps;    /* of RMSNorm as it was given: 0 is the dtype's */
} normalizer;

static tp_tensor *group_norm_forward(tp_tape *T, tp_module *self, tp_tensor *x)
{
    normalizer *m = (normalizer *)self;
    if (x->ndim > 1 && x->shape[1] != m->shape.dim[1]) {
        tp_fail(T, TP_ESHAPE, "GroupNorm: x is %s; [n, %lld, ...] is needed", TP__SHAPE(x), (long long)m->shape.dim[1]);
        return NULL;
    }
    return tp_group_norm(T, x, m->shape.dim[0], m->weight, m->bias, m->eps);
}

static tp_tensor *layer_norm_forward(tp_tape *T, tp_module *self, tp_tensor *x)
{
    normalizer *m = (normalizer *)self;
    return tp_layer_norm(T, x, m->shape, m->weight, m->bias, m->eps);
}

static int group_norm_repr(const tp_module *self, char *buffer, size_t n)
{
    const normalizer *m = (const normalizer *)self;
    char eps[32];
    return snprintf(buffer, n, "%lld, %lld, eps=%s, affine=%s", (long long)m->shape.dim[0], (long long)m->shape.dim[1],
                    tp__python_float(m->eps, false, eps), truth(m->weight));
}

/* "(2, 3)", and of one size "(2,)" */
static void tuple_text(tp_dims s, char *text, size_t n)
{
    size_t at = (size_t)snprintf(text, n, "(");
    for (int d = 0; d < s.ndim; d++)
        at += (size_t)snprintf(text + at, n - at, "%lld%s", (long long)s.dim[d],
                               d + 1 < s.ndim ? ", "
                               : s.ndim == 1  ? ","
                                              : "");
    snprintf(text + at, n - at, ")");
}

static int layer_norm_repr(const tp_module *self, char *buffer, size_t n)
{
    const normalizer *m = (const normalizer *)self;
    char eps[32], shape[24 * TP_MAX_DIMS + 4];
    tuple_text(m->shape, shape, sizeof shape);
    return snprintf(buffer, n, "%s, eps=%s, elementwise_affine=%s", shape, tp__python_float(m->eps, false, eps),
                    truth(m->weight));
}

static tp_tensor *rms_norm_forward(tp_tape *T, tp_module *self, tp_tensor *x)
{
    normalizer *m = (normalizer *)self;
    return tp_rms_norm(T, x, m->shape, m->weight, m->eps);
}

static int rms_norm_repr(const tp_module *self, char *buffer, size_t n)
{
    const normalizer *m = (const normalizer *)self;
    char eps[32] = "None", shape[24 * TP_MAX_DIMS + 4];
    tuple_text(m->shape, shape, sizeof shape);
    if (m->eps != 0 || signbit(m->eps))
        tp__python_float(m->eps + 0.0, false, eps);
    return snprintf(buffer, n, "%s, eps=%s, elementwise_affine=%s", shape, eps, truth(m->weight));
}

static const tp_module_class rms_norm_class = {
    .name = "RMSNorm", .size = sizeof(normalizer), .forward = rms_norm_forward, .extra_repr = rms_norm_repr};
static const tp_module_class group_norm_class = {
    .name = "GroupNorm", .size = sizeof(normalizer), .forward = group_norm_forward, .extra_repr = group_norm_repr};
static const tp_module_class layer_norm_class = {
    .name = "LayerNorm", .size = sizeof(normalizer), .forward = layer_norm_forward, .extra_repr = layer_norm_repr};

static tp_module *make_normalizer(tp_tape *T, const tp_module_class *type, tp_dims shape, tp_dims parameters,
                                  bool with_bias, const tp_nn_norm_options *options)
{
    tp_nn_norm_options o = options ? *options : (tp_nn_norm_options){0};
    normalizer *m = (normalizer *)tp_module_new(T, type);
    if (m == NULL)
        return NULL;
    m->shape = shape;
    m->eps = tp__option(o.eps, 1e-5);
    if (!o.no_affine)
        m->weight = ones(T, &m->base, o.dtype, parameters);
    if (!o.no_affine && with_bias)
        m->bias = tp__param(T, &m->base, "bias", o.dtype, parameters);
    return made(T, &m->base);
}

tp_module *tp_nn_group_norm(tp_tape *T, int64_t groups, int64_t n, const tp_nn_norm_options *options)
{
    TP__NAMED(T, "nn_group_norm");
    if (tp__ok(T) && (groups < 1 || n < 0 || n % groups != 0))
        tp_fail(T, TP_EINVAL, "nn_group_norm: %lld channels in %lld groups; groups of one size are needed",
                (long long)n, (long long)groups);
    return make_normalizer(T, &group_norm_class, (tp_dims){2, {groups, n}}, (tp_dims){1, {n}}, true, options);
}

tp_module *tp_nn_layer_norm(tp_tape *T, tp_dims normalized_shape, const tp_nn_norm_options *options)
{
    TP__NAMED(T, "nn_layer_norm");
    return make_normalizer(T, &layer_norm_class, normalized_shape, normalized_shape, true, options);
}

tp_module *tp_nn_rms_norm(tp_tape *T, tp_dims normalized_shape, const tp_nn_norm_options *options)
{
    TP__NAMED(T, "nn_rms_norm");
    normalizer *m = (normalizer *)make_normalizer(T, &rms_norm_class, normalized_shape, normalized_shape, false,
                                                  options);
    if (m == NULL)
        return NULL;
    m->eps = options ? options->eps : 0;
    return &m->base;
}

/* ---- over neighbouring channels ---------------------------------------------------------------------------------- */

typedef struct {
    tp_module base;
    int64_t size;
    tp_local_response_norm_options options;
} neighbours;

static tp_tensor *local_response_norm_forward(tp_tape *T, tp_module *self, tp_tensor *x)
{
    const neighbours *m = (const neighbours *)self;
    return tp_local_response_norm(T, x, m->size, &m->options);
}

static tp_tensor *cross_map_lrn_forward(tp_tape *T, tp_module *self, tp_tensor *x)
{
    const neighbours *m = (const neighbours *)self;
    return tp__cross_map_lrn(T, x, m->size, &m->options);
}

static int local_response_norm_repr(const tp_module *self, char *buffer, size_t n)
{
    const neighbours *m = (const neighbours *)self;
    const tp_local_response_norm_options *o = &m->options;
    bool whole = self->type->forward == cross_map_lrn_forward; /* whose default is a whole number */
    char alpha[32], beta[32], k[32];
    return snprintf(buffer, n, "%lld, alpha=%s, beta=%s, k=%s", (long long)m->size,
                    tp__python_float(tp__option(o->alpha, 1e-4), false, alpha),
                    tp__python_float(tp__option(o->beta, 0.75), false, beta),
                    tp__python_float(tp__option(o->k, 1), whole, k));
}

static const tp_module_class local_response_norm_class = {.name = "LocalResponseNorm",
                                                          .size = sizeof(neighbours),
                                                          .forward = local_response_norm_forward,
                                                          .extra_repr = local_response_norm_repr};
static const tp_module_class cross_map_lrn_class = {.name = "CrossMapLRN2d",
                                                    .size = sizeof(neighbours),
                                                    .forward = cross_map_lrn_forward,
                                                    .extra_repr = local_response_norm_repr};

static tp_module *make_neighbours(tp_tape *T, const tp_module_class *type, int64_t size,
                                  const tp_local_response_norm_options *options)
{
    neighbours *m = (neighbours *)tp_module_new(T, type);
    if (m == NULL)
        return NULL;
    m->size = size;
    if (options)
        m->options = *options;
    return &m->base;
}

tp_module *tp_nn_local_response_norm(tp_tape *T, int64_t size, const tp_local_response_norm_options *options)
{
    TP__NAMED(T, "nn_local_response_norm");
    return make_neighbours(T, &local_response_norm_class, size, options);
}

tp_module *tp_nn_cross_map_lrn2d(tp_tape *T, int64_t size, const tp_local_response_norm_options *options)
{
    TP__NAMED(T, "nn_cross_map_lrn2d");
    if (size < 1 || size > INT32_MAX) {
        tp_fail(T, TP_EINVAL, "nn_cross_map_lrn2d: %lld channels; 1 to 2^31 - 1 are needed", (long long)size);
        return NULL;
    }
    return make_neighbours(T, &cross_map_lrn_class, size, options);
}
