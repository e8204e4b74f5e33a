/* mse_loss.c - the squared error. */
#if defined(TP__READING)

/* clang-format off */
SLOPE(mse_loss_slope, SAME, LIGHT(2 * (x - y)))
VALUE(mse_loss, SAME, LIGHT((x - y) * (x - y)))
/* clang-format on */

#else

#if defined(TP__ISA)

#define VALUE BINARY
#define SLOPE BINARY

#else

#include "ops/nn/loss.h"

TP__LOSS_VJP(mse_loss, tp_mul_scalar(T, tp_sub(T, x, t), 2), tp_mul_scalar(T, tp_sub(T, t, x), 2))

/* clang-format off */
#define SLOPE(fn, ...) TP__FUNCTION(fn);
#define VALUE(fn, ...) TP__LOSS(fn, 2, tp__loss_forward, tp__loss_all_samples, "MseLossBackward0", \
                                .slope = {TP__FUNCTION_OF(fn##_slope)}, .odd = true)
/* clang-format on */

#endif

#define TP__BODY "ops/nn/mse_loss.c"
#include "kernel/functions.h"

#if !defined(TP__ISA)

tp_tensor *tp_mse_loss(tp_tape *T, tp_tensor *x, tp_tensor *target, tp_reduction reduction)
{
    return tp__regression_loss(T, &mse_loss_op, x, target, &(tp__loss_attr){.reduction = reduction});
}

const tp_op *const tp__ops_mse_loss[] = {
#include TP__OPERATORS
    NULL};

#endif
#endif
