/* nn_functional.h - normalization, softmax and losses as functions (torch.nn.functional).
 * ops.h says what holds for all operators.
 */
#ifndef TAPIR_NN_FUNCTIONAL_H
#define TAPIR_NN_FUNCTIONAL_H

#include "op.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- normalization --------------------------------------------------------------------------- */

/* (x - mean) / sqrt(var + eps) weight + bias, mean and (biased) variance over the last dimensions, which are of
 * `normalized_shape`; weight and bias are of that shape too, or NULL. torch's eps is 1e-5. */
TP_API tp_tensor *tp_layer_norm(tp_tape *T, tp_tensor *x, tp_dims normalized_shape, tp_tensor *weight, tp_tensor *bias,
                                double eps);

/* ---- softmax and losses ---------------------------------------------------------------------- */

TP_API tp_tensor *tp_softmax(tp_tape *T, tp_tensor *x, int dim);
TP_API tp_tensor *tp_log_softmax(tp_tape *T, tp_tensor *x, int dim);

typedef enum { TP_MEAN = 0, TP_SUM, TP_NONE } tp_reduction;

/* (x - target)^2 and |x - target|. Shapes that differ are broadcast, and warned of (tp_warning). */
TP_API tp_tensor *tp_mse_loss(tp_tape *T, tp_tensor *x, tp_tensor *target, tp_reduction reduction);
TP_API tp_tensor *tp_l1_loss(tp_tape *T, tp_tensor *x, tp_tensor *target, tp_reduction reduction);
/* Of probabilities; the logarithms are clamped at -100, as torch does. */
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
/* Of log-probabilities x [n, c] (or [c], or [n, c, ...]) and classes target [n] (or [], [n, ...]). */
TP_API tp_tensor *tp_nll_loss(tp_tape *T, tp_tensor *x, tp_tensor *target, const tp_class_loss_options *options);
/* Of logits x and classes (TP_I64), or class probabilities of x's shape. */
TP_API tp_tensor *tp_cross_entropy(tp_tape *T, tp_tensor *x, tp_tensor *target, const tp_class_loss_options *options);

#ifdef __cplusplus
}
#endif
#endif
