/* init.c - first values of parameters. Bounds are computed in torch's steps, so that the last bit agrees. */
#include "nn/nn.h"
#include "ops/ops.h"
#include "tapir/inplace.h"
#include "tapir/ops.h"
#include "tapir/random.h"

#include <float.h>
#include <math.h>

/* ---- fans and gains ---- */

double tp_calculate_gain(tp_nonlinearity f, double slope)
{
    switch (f) {
    case TP_GAIN_LEAKY_RELU:
        return sqrt(2.0 / (1 + slope * slope));
    case TP_GAIN_LINEAR:
    case TP_GAIN_SIGMOID:
        return 1;
    case TP_GAIN_TANH:
        return 5.0 / 3;
    case TP_GAIN_RELU:
        return sqrt(2.0);
    case TP_GAIN_SELU:
        return 3.0 / 4;
    }
    return NAN;
}

typedef struct {
    double in, out;
} fans;

/* False where x has none, which T then says, or no elements: their product is in range then. */
static bool fans_of(tp_tape *T, const char *name, const tp_tensor *x, fans *f)
{
    int64_t positions = 1;
    if (!tp__usable(T, name, x))
        return false;
    if (x->ndim < 2) {
        tp_fail(T, TP_ESHAPE, "%s: x is %s; 2 dimensions or more are needed", name, TP__SHAPE(x));
        return false;
    }
    if (x->numel == 0)
        return false;
    for (int d = 2; d < x->ndim; d++)
        positions *= x->shape[d];
    *f = (fans){(double)(x->shape[1] * positions), (double)(x->shape[0] * positions)};
    return true;
}

/* Is it the factor of a deviation? */
static bool is_gain(tp_tape *T, const char *name, double gain)
{
    if (!(gain >= 0 && gain <= DBL_MAX))
        tp_fail(T, TP_EINVAL, "%s: the gain is %g; a finite number, 0 or more, is needed", name, gain);
    return tp__ok(T);
}

/* ---- uniform and normal ---- */

static tp_status uniform(tp_tape *T, tp_tensor *x, double bound) { return tp_uniform_(T, x, -bound, bound); }
static tp_status normal(tp_tape *T, tp_tensor *x, double std) { return tp_normal_(T, x, 0, std); }

void tp__init_fan_in_(tp_tape *T, tp_tensor *x, int64_t n)
{
    if (n > 0)
        uniform(T, x, 1 / sqrt((double)n));
}

/* The deviation; -1 where there is nothing to do. */
static double xavier(tp_tape *T, const char *name, const tp_tensor *x, double gain)
{
    fans f;
    return tp__ok(T) && is_gain(T, name, gain) && fans_of(T, name, x, &f) ? gain * sqrt(2.0 / (f.in + f.out)) : -1;
}

tp_status tp_init_xavier_uniform_(tp_tape *T, tp_tensor *x, double gain)
{
    TP__NAMED(T, "init_xavier_uniform_");
    double std = xavier(T, "init_xavier_uniform_", x, gain);
    return std < 0 ? tp_error_status(T) : uniform(T, x, sqrt(3.0) * std);
}

tp_status tp_init_xavier_normal_(tp_tape *T, tp_tensor *x, double gain)
{
    TP__NAMED(T, "init_xavier_normal_");
    double std = xavier(T, "init_xavier_normal_", x, gain);
    return std < 0 ? tp_error_status(T) : normal(T, x, std);
}

static double kaiming(tp_tape *T, const char *name, const tp_tensor *x, const tp_kaiming_options *options)
{
    fans f;
    tp_kaiming_options o = options ? *options : (tp_kaiming_options){0};
    double gain = tp_calculate_gain(o.nonlinearity, o.a);
    if (!tp__ok(T))
        return -1;
    if (o.mode != TP_FAN_IN && o.mode != TP_FAN_OUT)
        tp_fail(T, TP_EINVAL, "%s: the mode is %d; TP_FAN_IN or TP_FAN_OUT is needed", name, (int)o.mode);
    return is_gain(T, name, gain) && fans_of(T, name, x, &f) ? gain / sqrt(o.mode == TP_FAN_IN ? f.in : f.out) : -1;
}

tp_status tp_init_kaiming_uniform_(tp_tape *T, tp_tensor *x, const tp_kaiming_options *options)
{
    TP__NAMED(T, "init_kaiming_uniform_");
    double std = kaiming(T, "init_kaiming_uniform_", x, options);
    return std < 0 ? tp_error_status(T) : uniform(T, x, sqrt(3.0) * std);
}

tp_status tp_init_kaiming_normal_(tp_tape *T, tp_tensor *x, const tp_kaiming_options *options)
{
    TP__NAMED(T, "init_kaiming_normal_");
    double std = kaiming(T, "init_kaiming_normal_", x, options);
    return std < 0 ? tp_error_status(T) : normal(T, x, std);
}

/* ---- a normal within bounds ---- */

static double normal_cdf(double x) { return (1 + erf(x / sqrt(2.0))) / 2; }

/* By the inverse of the distribution, of uniform numbers between what it is at the bounds. */
tp_status tp_init_trunc_normal_(tp_tape *T, tp_tensor *x, double mean, double std, double low, double high)
{
    TP__NAMED(T, "init_trunc_normal_");
    if (tp__ok(T) && !(std > 0 && std <= DBL_MAX && low <= high && fabs(mean) <= DBL_MAX))
        return tp_fail(
            T, TP_EINVAL,
            "init_trunc_normal_: mean %g, std %g, from %g to %g; a std above 0, and bounds in their order, are needed",
            mean, std, low, high);
    double l = normal_cdf((low - mean) / std), u = normal_cdf((high - mean) / std);
    if (tp_uniform_(T, x, 2 * l - 1, 2 * u - 1) != TP_OK)
        return tp_error_status(T);
    tp_mark mark = tp_tape_mark(T);
    bool recorded = tp_tape_record(T, false);
    tp_tensor *y = tp_add_scalar(T, tp_mul_scalar(T, tp_erfinv(T, x), std * sqrt(2.0)), mean);
    tp_copy_into(T, x, tp_clamp(T, y, low, high));
    tp_tape_record(T, recorded);
    tp__rewind(T, mark);
    return T->status;
}

/* ---- orthogonal rows, or columns where there are more rows ---- */

tp_status tp_init_orthogonal_(tp_tape *T, tp_tensor *x, double gain)
{
    TP__NAMED(T, "init_orthogonal_");
    fans f;
    if (!tp__ok(T) || !fans_of(T, "init_orthogonal_", x, &f) || tp__writable(T, "init_orthogonal_", x) != TP_OK)
        return tp_error_status(T);
    tp_mark mark = tp_tape_mark(T);
    bool recorded = tp_tape_record(T, false);
    tp_tensor *g = tp_empty(T, x->dtype, (tp_dims){2, {x->shape[0], x->numel / x->shape[0]}});
    tp_tensor *q = g && tp_normal_(T, g, 0, 1) == TP_OK ? tp__orthonormal(T, g) : NULL;
    if (q)
        tp_copy_into(T, x, tp_reshape(T, tp_mul_scalar(T, q, gain), tp__dims_of(x)));
    tp_tape_record(T, recorded);
    tp__rewind(T, mark);
    return T->status;
}

/* ---- ones at places ---- */

static tp_status check_rank(tp_tape *T, const char *name, const tp_tensor *x, int least, int most)
{
    if (!tp__usable(T, name, x))
        return T ? T->status : TP_EINVAL;
    if (x->ndim < least || x->ndim > most)
        return tp_fail(T, TP_ESHAPE, "%s: x is %s; %d%s dimensions are needed", name, TP__SHAPE(x), least,
                       most > least ? " to 5" : "");
    return TP_OK;
}

static void put_element(tp_tensor *x, int64_t offset, double value)
{
    tp_dtype dtype = x->dtype;
    tp__store((char *)x->data + offset * (int64_t)tp_dtype_size(dtype), dtype, value);
}

tp_status tp_init_eye_(tp_tape *T, tp_tensor *x)
{
    TP__NAMED(T, "init_eye_");
    if (check_rank(T, "init_eye_", x, 2, 2) != TP_OK || tp_zero_(T, x) != TP_OK)
        return tp_error_status(T);
    for (int64_t i = 0; i < x->shape[0] && i < x->shape[1]; i++)
        put_element(x, i * (x->stride[0] + x->stride[1]), 1);
    return TP_OK;
}

tp_status tp_init_dirac_(tp_tape *T, tp_tensor *x, int64_t groups)
{
    TP__NAMED(T, "init_dirac_");
    if (check_rank(T, "init_dirac_", x, 3, 5) != TP_OK)
        return tp_error_status(T);
    if (groups < 1 || x->shape[0] % groups != 0)
        return tp_fail(T, TP_EINVAL, "init_dirac_: %lld outputs in %lld groups; groups of one size are needed",
                       (long long)x->shape[0], (long long)groups);
    if (tp_zero_(T, x) != TP_OK || x->numel == 0)
        return tp_error_status(T);
    int64_t middle = 0, of_group = x->shape[0] / groups;
    for (int d = 2; d < x->ndim; d++)
        middle += x->shape[d] / 2 * x->stride[d];
    for (int64_t o = 0; o < x->shape[0]; o++)
        if (o % of_group < x->shape[1])
            put_element(x, o * x->stride[0] + o % of_group * x->stride[1] + middle, 1);
    return TP_OK;
}

tp_status tp_init_sparse_(tp_tape *T, tp_tensor *x, double sparsity, double std)
{
    TP__NAMED(T, "init_sparse_");
    if (check_rank(T, "init_sparse_", x, 2, 2) != TP_OK)
        return tp_error_status(T);
    if (!(sparsity >= 0 && sparsity <= 1))
        return tp_fail(T, TP_EINVAL, "init_sparse_: the sparsity is %g; 0 to 1 is needed", sparsity);
    if (tp_normal_(T, x, 0, std) != TP_OK || x->numel == 0)
        return tp_error_status(T);
    int64_t zeros = (int64_t)ceil(sparsity * (double)x->shape[0]);
    tp_mark mark = tp_tape_mark(T);
    for (int64_t column = 0; column < x->shape[1] && tp__ok(T); column++) {
        const tp_tensor *rows = tp_randperm(T, x->shape[0]);
        for (int64_t i = 0; rows && i < zeros; i++)
            put_element(x, ((const int64_t *)rows->data)[i] * x->stride[0] + column * x->stride[1], 0);
        tp__rewind(T, mark);
    }
    return T->status;
}
