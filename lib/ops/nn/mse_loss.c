/* mse_loss.c - the squared error. */
#include "ops/nn/loss.h"

/* clang-format off */
TP__LOSS_VJP(mse, tp_mul_scalar(T, tp_sub(T, x, t), 2), tp_mul_scalar(T, tp_sub(T, t, x), 2))

static const tp__loss_op mse_op = TP__LOSS("mse_loss", TP__SQUARED_ERROR, TP__SQUARED_ERROR_SLOPE, tp__loss_forward, mse_vjp,
                                           tp__loss_vjp_fused, tp__loss_all_samples, "MseLossBackward0");
/* clang-format on */

tp_tensor *tp_mse_loss(tp_tape *T, tp_tensor *x, tp_tensor *target, tp_reduction reduction)
{
    return tp__broadcast_loss(T, &mse_op, x, target, reduction);
}

const tp_op *const tp__ops_mse_loss[] = {
#include TP__OPERATORS
    NULL};
