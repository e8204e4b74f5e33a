/* nn_init.h - first values of parameters, as torch.nn.init has them.
 *
 * They write an owned tensor (a parameter of a module: tp_module_param) or a leaf of the tape, draw from the tape's generator
 * what torch draws, and are not recorded. After the same seed the values are torch's bit for bit, but for trunc_normal and
 * orthogonal, which agree to rounding. Those that draw want contiguous floats: TP_EDTYPE of other dtypes, TP_EINVAL of a view that is not
 * contiguous, and of a tensor that was computed. A tensor without elements is left alone.
 *
 * uniform_ and normal_ are tp_uniform_ and tp_normal_ (random.h); constant_, ones_ and zeros_ are tp_fill_ and tp_zero_
 * (inplace.h); torch's defaults of these are uniform on [0, 1) and standard normal.
 *
 * A weight is [out, in, ...]: from each of its `in` inputs through all positions of a kernel to each of its `out` outputs. So
 * fan in is in times the positions, fan out is out times these; what has fewer than two dimensions has none, TP_ESHAPE.
 */
#ifndef TAPIR_NN_INIT_H
#define TAPIR_NN_INIT_H

#include "op.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What follows the layer. The gain keeps the variance of what passes: sqrt(2 / (1 + slope^2)) of leaky_relu, 1 of linear
 * layers, convolutions and sigmoid, 5/3 of tanh, sqrt(2) of relu, 3/4 of selu. */
typedef enum {
    TP_GAIN_LEAKY_RELU = 0,
    TP_GAIN_LINEAR,
    TP_GAIN_SIGMOID,
    TP_GAIN_TANH,
    TP_GAIN_RELU,
    TP_GAIN_SELU
} tp_nonlinearity;
/* torch.nn.init.calculate_gain; the slope is of leaky_relu alone, torch's default 0.01. NaN for none of these. */
TP_API double tp_calculate_gain(tp_nonlinearity f, double slope);

/* Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010: uniform on
 * +-gain sqrt(6 / (fan in + fan out)), and normal with deviation gain sqrt(2 / (fan in + fan out)). torch's gain is 1. */
TP_API tp_status tp_init_xavier_uniform_(tp_tape *T, tp_tensor *x, double gain);
TP_API tp_status tp_init_xavier_normal_(tp_tape *T, tp_tensor *x, double gain);

typedef enum { TP_FAN_IN = 0, TP_FAN_OUT } tp_fan;
typedef struct {
    double          a;            /* the slope of leaky_relu   */
    tp_fan          mode;         /* 0: fan in                 */
    tp_nonlinearity nonlinearity; /* 0: leaky_relu             */
    TP_RESERVED(4);
} tp_kaiming_options;
/* He et al., "Delving deep into rectifiers", 2015: uniform on +-gain sqrt(3 / fan), and normal with deviation
 * gain / sqrt(fan). NULL: fan in, and the gain of leaky_relu with slope 0, sqrt(2). */
TP_API tp_status tp_init_kaiming_uniform_(tp_tape *T, tp_tensor *x, const tp_kaiming_options *options);
TP_API tp_status tp_init_kaiming_normal_(tp_tape *T, tp_tensor *x, const tp_kaiming_options *options);

/* Normal, within [low, high]. torch's defaults: mean 0, std 1, from -2 to 2. TP_EINVAL where std is not above 0, or low above
 * high. */
TP_API tp_status tp_init_trunc_normal_(tp_tape *T, tp_tensor *x, double mean, double std, double low, double high);
/* gain times a matrix with orthonormal rows, or columns where these are fewer: x [out, ...] as [out, all of them]. The one that
 * is positive on R's diagonal in the QR factorization of normal numbers (Saxe et al., "Exact solutions to the nonlinear dynamics
 * of learning in deep linear neural networks", 2014); torch's to rounding, its gain is 1. */
TP_API tp_status tp_init_orthogonal_(tp_tape *T, tp_tensor *x, double gain);
/* The identity matrix: x [n, m], else TP_ESHAPE. */
TP_API tp_status tp_init_eye_(tp_tape *T, tp_tensor *x);
/* The identity of convolutions: x [out, in, ...] of 3 to 5 dimensions; in each of the groups, into which `out` divides
 * evenly (TP_EINVAL), output i has 1 at the middle of input i. torch's groups are 1. */
TP_API tp_status tp_init_dirac_(tp_tape *T, tp_tensor *x, int64_t groups);
/* x [n, m] normal with deviation std, but for ceil(sparsity n) zeros in each column (Martens, "Deep learning via Hessian-free
 * optimization", 2010). torch's std is 0.01. TP_EINVAL where the sparsity is not between 0 and 1. */
TP_API tp_status tp_init_sparse_(tp_tape *T, tp_tensor *x, double sparsity, double std);

#ifdef __cplusplus
}
#endif
#endif
