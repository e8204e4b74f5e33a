/* l1_loss.c - the absolute error. */
#if defined(TP__READING)

/* clang-format off */
VALUE(l1_loss, SAME, FLOATS(M(fabs)(x - y)))
SLOPE(l1_loss_slope, SAME, FLOATS((ELEM)(x > y) - (ELEM)(x < y)))
/* clang-format on */

#else

#if defined(TP__ISA)

#define VALUE BINARY
#define SLOPE BINARY

#else

#include "ops/nn/loss.h"

TP__LOSS_VJP(l1_loss, tp_sign(T, tp_sub(T, x, t)), tp_sign(T, tp_sub(T, t, x)))

#define VALUE(fn, ...) TP__LOSS(fn, tp__loss_forward, tp__loss_vjp_fused, tp__loss_all_samples, "L1LossBackward0")
#define SLOPE(fn, ...)

#endif

#define TP__BODY "ops/nn/l1_loss.c"
#include "kernel/functions.h"

#if !defined(TP__ISA)

tp_tensor *tp_l1_loss(tp_tape *T, tp_tensor *x, tp_tensor *target, tp_reduction reduction)
{
    return tp__broadcast_loss(T, &l1_loss_op, x, target, reduction);
}

const tp_op *const tp__ops_l1_loss[] = {
#include TP__OPERATORS
    NULL};

#endif
#endif
