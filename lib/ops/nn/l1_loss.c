/* l1_loss.c - the absolute error. */
#include "ops/nn/loss.h"

/* clang-format off */
TP__LOSS_VJP(l1, tp_sign(T, tp_sub(T, x, t)), tp_sign(T, tp_sub(T, t, x)))

static const tp__loss_op l1_op = TP__LOSS("l1_loss", TP__ABSOLUTE_ERROR, TP__ABSOLUTE_ERROR_SLOPE, tp__loss_forward, l1_vjp,
                                          tp__loss_vjp_fused, tp__loss_all_samples, "L1LossBackward0");
/* clang-format on */

tp_tensor *tp_l1_loss(tp_tape *T, tp_tensor *x, tp_tensor *target, tp_reduction reduction)
{
    return tp__broadcast_loss(T, &l1_op, x, target, reduction);
}

const tp_op *const tp__ops_l1_loss[] = {
#include TP__OPERATORS
    NULL};
