/* ops.h - what operator files share.
 *
 * A family file defines its operators as `static const tp_op`, the public functions over them, and
 * ends with the list `const tp_op *const tp__ops_FAMILY[] = {..., NULL}`, which registry.c joins.
 */
#ifndef TAPIR_OPS_INTERNAL_H
#define TAPIR_OPS_INTERNAL_H

#include "tape/internal.h"
#include "tapir/linalg.h"
#include "tapir/random.h"

extern const tp_op *const tp__ops_binary[],
    *const tp__ops_unary[], *const tp__ops_reduce[], *const tp__ops_matmul[],
                                                         *const tp__ops_shape[],
                                                             *const tp__ops_index[],
                                                                 *const tp__ops_join[],
                                                                     *const tp__ops_softmax[],
                                                                         *const tp__ops_loss[],
                                                                             *const tp__ops_linalg[],
                                                                                 *const tp__ops_random[];

/* One input, two inputs; attr as in tp_apply. */
static inline tp_tensor *tp__apply1(tp_tape *T, const tp_op *op, const void *attr, tp_tensor *x)
{
    return tp_apply(T, op, attr, 1, &x);
}
static inline tp_tensor *tp__apply2(tp_tape *T, const tp_op *op, const void *attr, tp_tensor *a, tp_tensor *b)
{
    tp_tensor *in[2] = {a, b};
    return tp_apply(T, op, attr, 2, in);
}
static inline tp_tensor *tp__apply3(tp_tape *T, const tp_op *op, const void *attr, tp_tensor *a, tp_tensor *b,
                                    tp_tensor *c)
{
    tp_tensor *in[3] = {a, b, c};
    return tp_apply(T, op, attr, 3, in);
}

/* The operand of a map for x broadcast to shape. */
tp__operand tp__operand_of(const tp_tensor *x, tp_dims shape);

/* Dimensions as a list, wrapped and checked: bit d of *mask is set for each; n = 0 means all. Fails
 * the call with TP_EINDEX (out of range) or TP_EINVAL (twice). */
tp_status tp__dims_mask(const tp_call *c, int ndim, int n, const int *dims, uint32_t *mask);

/* Common infers. */
tp_status tp__infer_like_first(tp_call *c); /* out[0] is like in[0]              */
tp_status tp__infer_float_like(tp_call *c); /* the same; in[0] must be a float   */

#endif
