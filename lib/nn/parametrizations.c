/* parametrizations.c - weight and spectral normalization, as modules that compute a parameter (parametrize.c). */
#include "nn/nn.h"
#include "ops/ops.h"
#include "tapir/elementwise.h"
#include "tapir/parametrize.h"
#include "tapir/random.h"
#include "tapir/reduce.h"

#include <string.h>

/* ---- weight normalization ---------------------------------------------------------------------------------------- */

typedef struct {
    tp_module base;
    int dim; /* TP_ALL_DIMS: all */
} weight_norm;

/* [.., d, ..], or of all dimensions [1, 1, ..] as torch has it []. */
static tp_tensor *norm_except(tp_tape *T, tp_tensor *v, int dim)
{
    int dims[TP_MAX_DIMS], n = 0;
    for (int d = 0; d < v->ndim; d++)
        if (d != dim)
            dims[n++] = d;
    if (n == 0) /* each element is a row of its own */
        return tp_abs(T, v);
    return tp_linalg_vector_norm(T, v, 2, n, dims, dim != TP_ALL_DIMS);
}

static tp_status weight_norm_forward(tp_tape *T, tp_module *self, int n_in, tp_tensor *const *in, int n_out,
                                     tp_tensor **out)
{
    (void)n_in, (void)n_out;
    out[0] = tp_mul(T, in[1], tp_div(T, in[0], norm_except(T, in[1], ((weight_norm *)self)->dim)));
    return tp_error_status(T);
}

static tp_status weight_norm_inverse(tp_tape *T, tp_module *by, tp_tensor *value, int n, tp_tensor **out)
{
    (void)n;
    out[0] = norm_except(T, value, ((weight_norm *)by)->dim);
    out[1] = value;
    return tp_error_status(T);
}

static const tp_module_class weight_norm_class = {
    .name = "_WeightNorm", .size = sizeof(weight_norm), .forward_n = weight_norm_forward, .n_in = 2};

/* The value of a parameter, to look at; NULL where T has failed, or m is NULL. */
static tp_tensor *value_of(tp_tape *T, tp_module *m, const char *name, const char *speaker)
{
    if (m == NULL)
        tp__missing(T, speaker, "the module");
    return m && tp__ok(T) ? tp_parametrized(T, m, name) : NULL;
}

static bool dim_of(tp_tape *T, const char *speaker, const tp_tensor *x, int *dim)
{
    if (x == NULL)
        return false;
    if (*dim < -x->ndim || *dim >= x->ndim)
        tp_fail(T, TP_EINVAL, "%s: dim is %d of a parameter %s; one in [%d, %d] is needed", speaker, *dim, TP__SHAPE(x),
                -x->ndim, x->ndim - 1);
    *dim += *dim < 0 ? x->ndim : 0;
    return tp__ok(T);
}

tp_module *tp_weight_norm(tp_tape *T, tp_module *m, const char *name, int dim)
{
    TP__NAMED(T, "weight_norm");
    tp_tensor *x = value_of(T, m, name, "weight_norm");
    if (x == NULL || (dim != TP_ALL_DIMS && !dim_of(T, "weight_norm", x, &dim)))
        return NULL;
    weight_norm *by = (weight_norm *)tp_module_new(T, &weight_norm_class);
    if (by == NULL)
        return NULL;
    by->dim = dim;
    return tp_parametrize(T, m, name, &by->base, weight_norm_inverse);
}

/* ---- spectral normalization --------------------------------------------------------------------------------------- */

typedef struct {
    tp_module base;
    tp_tensor *u, *v; /* NULL: the parameter has one dimension */
    int n_power_iterations, dim;
    double eps;
} spectral_norm;

static tp_tensor *as_matrix(tp_tape *T, tp_tensor *x, int dim)
{
    return tp_flatten(T, dim == 0 ? x : tp_movedim(T, x, 1, &dim, (const int[1]){0}), 1, -1);
}

/* Iterates on the vectors, unrecorded, and copies the last ones into u and v. */
static void iterate(tp_tape *T, const spectral_norm *m, tp_tensor *matrix, int times)
{
    tp__aside a = tp__aside_begin(T);
    for (int i = 0; i < times && tp__ok(T); i++) {
        tp_copy_into(T, m->u, tp_normalize(T, tp_mv(T, matrix, m->v), 2, 0, m->eps));
        tp_copy_into(T, m->v, tp_normalize(T, tp_mv(T, tp_t(T, matrix), m->u), 2, 0, m->eps));
    }
    tp__aside_end(T, a);
}

/* By copies of u and v, as a later call may change these before backward. */
static tp_tensor *spectral_norm_forward(tp_tape *T, tp_module *self, tp_tensor *x)
{
    const spectral_norm *m = (const spectral_norm *)self;
    if (x->ndim == 1)
        return tp_normalize(T, x, 2, 0, m->eps);
    tp_tensor *matrix = as_matrix(T, x, m->dim);
    if (self->training)
        iterate(T, m, matrix, m->n_power_iterations);
    return tp_div(T, x, tp_dot(T, tp_clone(T, m->u), tp_mv(T, matrix, tp_clone(T, m->v))));
}

static const tp_module_class spectral_norm_class = {
    .name = "_SpectralNorm", .size = sizeof(spectral_norm), .forward = spectral_norm_forward};

/* A buffer that is a random direction. */
static tp_tensor *direction(tp_tape *T, spectral_norm *m, const char *name, tp_dtype dtype, int64_t n)
{
    tp_tensor *x = tp_normalize(T, tp_randn(T, dtype, (tp_dims){1, {n}}), 2, 0, m->eps);
    tp_tensor *kept = x ? tp__tensor_owned(dtype, (tp_dims){1, {n}}) : NULL;
    if (x && kept == NULL)
        tp_fail(T, TP_ENOMEM, "spectral_norm: no memory");
    if (kept)
        tp_copy_into(T, kept, x);
    return kept ? tp_module_add_buffer(T, &m->base, name, kept) : NULL;
}

static void start(tp_tape *T, spectral_norm *m, tp_tensor *x)
{
    tp_tensor *matrix = as_matrix(T, x, m->dim);
    if (matrix == NULL)
        return;
    m->u = direction(T, m, "_u", x->dtype, matrix->shape[0]);
    m->v = direction(T, m, "_v", x->dtype, matrix->shape[1]);
    if (m->u && m->v)
        iterate(T, m, matrix, 15);
}

enum { MOST_ITERATIONS = 1000 };

static bool is_transposed(const tp_module *m) { return strncmp(m->type->name, "ConvTranspose", 13) == 0; }

tp_module *tp_spectral_norm(tp_tape *T, tp_module *m, const char *name, const tp_spectral_norm_options *options)
{
    TP__NAMED(T, "spectral_norm");
    tp_spectral_norm_options o = options ? *options : (tp_spectral_norm_options){0};
    tp_tensor *x = value_of(T, m, name, "spectral_norm");
    if (x && (o.n_power_iterations < 0 || o.n_power_iterations > MOST_ITERATIONS || !(o.eps >= 0)))
        tp_fail(T, TP_EINVAL, "spectral_norm: %d power iterations, eps %g; 1 to %d, and a number from 0 on, are needed",
                o.n_power_iterations, o.eps, MOST_ITERATIONS);
    if (x && o.dim == 0 && x->ndim > 1 && is_transposed(m))
        o.dim = 1;
    if (x == NULL || !tp__ok(T) || !dim_of(T, "spectral_norm", x, &o.dim))
        return NULL;
    spectral_norm *by = (spectral_norm *)tp_module_new(T, &spectral_norm_class);
    if (by == NULL)
        return NULL;
    by->n_power_iterations = o.n_power_iterations ? o.n_power_iterations : 1;
    by->eps = o.eps > 0 ? o.eps : 1e-12;
    by->dim = o.dim;
    if (x->ndim > 1) {
        tp__aside a = tp__aside_begin(T);
        start(T, by, x);
        tp__aside_end(T, a);
    }
    if (tp__ok(T))
        return tp_parametrize(T, m, name, &by->base, NULL);
    tp_module_free(&by->base);
    return NULL;
}
