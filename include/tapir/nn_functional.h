/* nn_functional.h - convolutions, normalization, softmax and losses as functions (torch.nn.functional).
 * ops.h says what holds for all operators.
 */
#ifndef TAPIR_NN_FUNCTIONAL_H
#define TAPIR_NN_FUNCTIONAL_H

#include "op.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- convolutions ---------------------------------------------------------------------------- */

/* How much 0 lies round x: as many as `padding` says on both sides, what keeps the size (a stride of 1 is needed; where the
 * number is odd the larger half lies behind), or none. */
typedef enum { TP_PADDING_SIZES = 0, TP_PADDING_SAME, TP_PADDING_VALID } tp_padding_kind;
/* An entry for each dimension of space. torch's defaults where it is 0. */
typedef struct {
    int64_t         stride[3]; /* 0: 1 */
    int64_t         padding[3];
    int64_t         dilation[3];       /* 0: 1 */
    int64_t         output_padding[3]; /* of transposed convolutions: added to the size, behind */
    int64_t         groups;            /* 0: 1 */
    tp_padding_kind padding_kind;      /* not of transposed convolutions */
    TP_RESERVED(4);
} tp_conv_options;
/* y[n, o, p] = bias[o] + sum over c and k of x[n, c, p stride - padding + k dilation] weight[o, c, k], of x [n, in, l],
 * [n, in, h, w] or [n, in, d, h, w], or without n; weight [out, in / groups, k..]; bias [out] or NULL. Each of `groups` groups of
 * channels of x makes as many of y. A size comes to (x + 2 padding - dilation (k - 1) - 1) / stride + 1, rounded down
 * (TP_ESHAPE where that is less than 1). One dtype, any but bool (TP_EDTYPE); TP_EINVAL for options out of range. */
TP_API tp_tensor *tp_conv1d(tp_tape *T, tp_tensor *x, tp_tensor *weight, tp_tensor *bias,
                            const tp_conv_options *options);
TP_API tp_tensor *tp_conv2d(tp_tape *T, tp_tensor *x, tp_tensor *weight, tp_tensor *bias,
                            const tp_conv_options *options);
TP_API tp_tensor *tp_conv3d(tp_tape *T, tp_tensor *x, tp_tensor *weight, tp_tensor *bias,
                            const tp_conv_options *options);
/* The gradient of a convolution by its input, as a function: each x[n, c, p] adds x[n, c, p] weight[c, o, k] to
 * y[n, o, p stride - padding + k dilation]. weight [in, out / groups, k..]. A size comes to
 * (x - 1) stride - 2 padding + dilation (k - 1) + output_padding + 1; output_padding is less than the stride or the dilation
 * (TP_EINVAL). */
TP_API tp_tensor *tp_conv_transpose1d(tp_tape *T, tp_tensor *x, tp_tensor *weight, tp_tensor *bias,
                                      const tp_conv_options *options);
TP_API tp_tensor *tp_conv_transpose2d(tp_tape *T, tp_tensor *x, tp_tensor *weight, tp_tensor *bias,
                                      const tp_conv_options *options);
TP_API tp_tensor *tp_conv_transpose3d(tp_tape *T, tp_tensor *x, tp_tensor *weight, tp_tensor *bias,
                                      const tp_conv_options *options);

/* ---- normalization --------------------------------------------------------------------------- */

/* (x - mean) / sqrt(var + eps) weight + bias, mean and (biased) variance over the last dimensions, which are of
 * `normalized_shape` (TP_ESHAPE); weight and bias are of that shape too, or NULL; x's shape and dtype come out, x is a
 * float (TP_EDTYPE). torch's eps is 1e-5. Ba, Kiros and Hinton, "Layer normalization", 2016. */
TP_API tp_tensor *tp_layer_norm(tp_tape *T, tp_tensor *x, tp_dims normalized_shape, tp_tensor *weight, tp_tensor *bias,
                                double eps);

/* ---- softmax and losses ---------------------------------------------------------------------- */

/* e^x / sum e^x along dim (TP_EINDEX), and its logarithm, x less the logarithm of that sum: of x's shape, floats (TP_EDTYPE).
 * Shifted by the largest element, so that nothing overflows; where all along dim are -infinity it is NaN, as torch's. */
TP_API tp_tensor *tp_softmax(tp_tape *T, tp_tensor *x, int dim);
TP_API tp_tensor *tp_log_softmax(tp_tape *T, tp_tensor *x, int dim);

/* What a loss returns: the mean of its terms (the default), their sum, both 0-d, or the terms themselves. */
typedef enum { TP_MEAN = 0, TP_SUM, TP_NONE } tp_reduction;

/* (x - target)^2 and |x - target|, x and target floats. Shapes that differ are broadcast, and warned of (tp_warning); those
 * that do not fit are TP_ESHAPE. The slope of |x - target| at 0 is 0. */
TP_API tp_tensor *tp_mse_loss(tp_tape *T, tp_tensor *x, tp_tensor *target, tp_reduction reduction);
TP_API tp_tensor *tp_l1_loss(tp_tape *T, tp_tensor *x, tp_tensor *target, tp_reduction reduction);
/* -(t log x + (1 - t) log(1 - x)) of probabilities x and targets t in [0, 1] of one shape (TP_ESHAPE); the logarithms are
 * clamped at -100, as torch does. The same of logits, log(1 + e^x) - t x, without going by the probability. */
TP_API tp_tensor *tp_binary_cross_entropy(tp_tape *T, tp_tensor *x, tp_tensor *target, tp_reduction reduction);
TP_API tp_tensor *tp_binary_cross_entropy_with_logits(tp_tape *T, tp_tensor *x, tp_tensor *target,
                                                      tp_reduction reduction);
typedef struct {
    tp_tensor   *weight;          /* [classes], or NULL                           */
    bool         has_ignore;      /* use ignore_index below; otherwise it is -100 */
    int64_t      ignore_index;    /* targets of this value do not count           */
    double       label_smoothing; /* in [0, 1]; cross entropy only                */
    tp_reduction reduction;
    TP_RESERVED(4);
} tp_class_loss_options;
/* -weight[t] x[t], of log-probabilities x [n, c] (or [c], or [n, c, ...]) and classes target [n] (or [], [n, ...]), TP_I64 in
 * [0, c) or ignore_index (TP_EINDEX). TP_MEAN divides by the sum of the weights that count; all ignored: NaN, with a gradient
 * of zero. */
TP_API tp_tensor *tp_nll_loss(tp_tape *T, tp_tensor *x, tp_tensor *target, const tp_class_loss_options *options);
/* The same of log_softmax(x), of logits x and classes (TP_I64), or class probabilities of x's shape. label_smoothing s takes
 * (1 - s) of a target and spreads s over all classes. */
TP_API tp_tensor *tp_cross_entropy(tp_tape *T, tp_tensor *x, tp_tensor *target, const tp_class_loss_options *options);

#ifdef __cplusplus
}
#endif
#endif
