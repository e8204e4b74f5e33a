/* elementwise.h - the operator of an elementwise function: which block function, and what dtype it computes in and returns.
 *
 * A file of them has a line a function, with its formula and its operator: it is compiled for each instruction set, where
 * the formulas are read (kernel/functions.h), and once as it stands, where the file's own macros make operators of the lines. */
#ifndef TAPIR_OPS_ELEMENTWISE_H
#define TAPIR_OPS_ELEMENTWISE_H

#include "kernel/elementwise.h"
#include "ops/ops.h"

typedef enum {
    TP__SAME,     /* the promoted dtype of the operands */
    TP__TO_FLOAT, /* the same, but integers become float32 */
    TP__TO_BOOL,  /* computed in the promoted dtype, a boolean comes out */
    TP__FLOAT_TO_BOOL,
    TP__CHOICE /* of all but the first, which is a condition */
} tp__map_result;

/* An elementwise operator: a tp_op, then what its infer and forward need. */
typedef struct {
    tp_op op;
    tp__function function;
    tp__map_result result;
} tp__map_op;

#define TP__MAP_FLAGS ((unsigned)TP_OP_STRIDED | TP__OP_OURS)

/* fn_op of the function fn, which returns by RULE; what else the operator has is given as initializers. */
#define TP__MAP_OP(fn, n, RULE, ...) TP__MAP_OP_BY(fn, n, RULE, tp__map_infer, tp__map_forward, __VA_ARGS__)
#define TP__MAP_OP_BY(fn, n, RULE, INFER, FORWARD, ...) \
    TP__FUNCTION(fn); \
    static const tp__map_op fn##_op = { \
        {.name = #fn, .n_in = (n), .n_out = 1, .infer = INFER, .forward = FORWARD, __VA_ARGS__}, \
        TP__FUNCTION_OF(fn), \
        TP__##RULE}

tp_status tp__map_infer(tp_call *c);
tp_status tp__map_forward(tp_call *c);

/* In a vjp: an operand as a float, in the dtype of the result y where it is none. */
static inline tp_tensor *tp__seen(tp_tape *T, tp_tensor *x, const tp_tensor *y)
{
    return x->dtype <= TP_F64 ? x : tp_to(T, x, y->dtype);
}

/* Promotion as in PyTorch: tensors with dimensions weigh more than 0-d ones of the same kind. */
tp_dtype tp__result_type(int n, tp_tensor *const *x);

#endif
