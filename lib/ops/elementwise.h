/* elementwise.h - the operator of an elementwise function: which block function, and what dtype it
 * computes in and returns. Families in unary.c and binary.c are tables of these. */
#ifndef TAPIR_OPS_ELEMENTWISE_H
#define TAPIR_OPS_ELEMENTWISE_H

#include "kernel/map.h"
#include "ops/ops.h"

typedef enum {
    TP__SAME,     /* the promoted dtype of the operands */
    TP__TO_FLOAT, /* the same, but integers become float32 */
    TP__TO_BOOL,  /* computed in the promoted dtype, a boolean comes out */
    TP__FLOAT_TO_BOOL
} tp__map_result;

/* An elementwise operator: a tp_op, then what its infer and forward need. */
typedef struct {
    tp_op op;
    tp__map_kind kind;
    tp__map_result result;
} tp__map_op;

tp_status tp__map_infer(tp_call *c);
tp_status tp__map_forward(tp_call *c);

/* In a vjp: an operand as a float, in the dtype of the result y where it is none. */
tp_tensor *tp__seen(tp_tape *T, tp_tensor *x, const tp_tensor *y);

/* Promotion as in PyTorch: tensors with dimensions weigh more than 0-d ones of the same kind. */
tp_dtype tp__result_type(int n, tp_tensor *const *x);

#endif
