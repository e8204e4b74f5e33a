/* inplace.h - writing to tensors that are there. */
#ifndef TAPIR_INPLACE_H
#define TAPIR_INPLACE_H

#include "op.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- in place --------------------------------------------------------------------------------
 *
 * Of leaves and of their views, as tp_copy_into (tape.h) writes them: nothing of it is recorded. All others are
 * written so: tp_copy_into(T, x, tp_exp(T, x)). Results are converted to x's dtype, but not from floats to integers,
 * nor from numbers to booleans (TP_EDTYPE). What was computed, and a view with several elements in one place, is
 * TP_EINVAL; the other operand broadcasts to x (TP_ESHAPE). They return the tape's status, and move x's version: a
 * backward pass that needs the old values is TP_EMUTATED. */

TP_API tp_status tp_zero_(tp_tape *T, tp_tensor *x);
TP_API tp_status tp_fill_(tp_tape *T, tp_tensor *x, double value);
TP_API tp_status tp_add_(tp_tape *T, tp_tensor *x, tp_tensor *y, double alpha); /* x += alpha y */
TP_API tp_status tp_mul_scalar_(tp_tape *T, tp_tensor *x, double s);            /* x *= s       */
/* x within [low, high], an infinite bound being none; NaN stays. */
TP_API tp_status tp_clamp_(tp_tape *T, tp_tensor *x, double low, double high);
/* x = f(x) for activation functions of nn_functional.h and random.h; only while `training` does rrelu_ draw. */
TP_API tp_status tp_relu_(tp_tape *T, tp_tensor *x);
TP_API tp_status tp_leaky_relu_(tp_tape *T, tp_tensor *x, double slope);
TP_API tp_status tp_threshold_(tp_tape *T, tp_tensor *x, double threshold, double value);
TP_API tp_status tp_hardtanh_(tp_tape *T, tp_tensor *x, double low, double high);
TP_API tp_status tp_elu_(tp_tape *T, tp_tensor *x, double alpha);
TP_API tp_status tp_selu_(tp_tape *T, tp_tensor *x);
TP_API tp_status tp_celu_(tp_tape *T, tp_tensor *x, double alpha);
TP_API tp_status tp_rrelu_(tp_tape *T, tp_tensor *x, double lower, double upper, bool training);
/* x = value where the mask, TP_BOOL and broadcast to x, is true. */
TP_API tp_status tp_masked_fill_(tp_tape *T, tp_tensor *x, tp_tensor *mask, double value);
/* x[index] = values, or += with `accumulate`; the index is that of tp_index_with. */
TP_API tp_status tp_index_put_(tp_tape *T, tp_tensor *x, const char *index, int n, tp_tensor *const *tensors,
                               tp_tensor *values, bool accumulate);
/* Each element by a function of the caller's, in row-major order: x = f(x), and x = f(x, y) with y broadcast. They do
 * not use T. (For arithmetic over tensors, and derivatives, define an operator: op.h.) */
TP_API tp_status tp_apply_(tp_tape *T, tp_tensor *x, double (*f)(double x, void *user), void *user);
TP_API tp_status tp_map_(tp_tape *T, tp_tensor *x, tp_tensor *y, double (*f)(double x, double y, void *user),
                         void *user);

#ifdef __cplusplus
}
#endif
#endif
