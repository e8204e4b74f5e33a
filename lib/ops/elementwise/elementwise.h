/* elementwise.h - the operator of an elementwise function: which block function, and what dtype it
 * computes in and returns. Families in unary.c and binary.c are tables of these. */
#ifndef TAPIR_OPS_ELEMENTWISE_H
#define TAPIR_OPS_ELEMENTWISE_H

#include "kernel/elementwise.h"
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

#define TP__MAP_FLAGS ((unsigned)TP_OP_STRIDED | TP__OP_OURS)

tp_status tp__map_infer(tp_call *c);
tp_status tp__map_forward(tp_call *c);

/* In a vjp: an operand as a float, in the dtype of the result y where it is none. */
static inline tp_tensor *tp__seen(tp_tape *T, tp_tensor *x, const tp_tensor *y)
{
    return x->dtype <= TP_F64 ? x : tp_to(T, x, y->dtype);
}

/* A function f of one tensor whose derivatives have kernels, as those have that formulas in operators would spoil: three
 * operators, f(x), the slope f'(x) g, and the bend f"(x) g h. Each is differentiated by the next, and the bend by a formula
 * in operators, where no care is taken of the ends of the range of the floats. */
typedef struct tp__curve {
    tp__map_op map;
    const struct tp__curve *next, *slope;
    tp_tensor *(*third)(tp_tape *T, tp_tensor *x, tp_tensor *slope); /* f'''(x), slope being f'(x) */
} tp__curve;

tp_status tp__curve_vjp(tp_vjp *v);
tp_status tp__slope_vjp(tp_vjp *v);
tp_status tp__bend_vjp(tp_vjp *v);

/* clang-format off */
#define TP__CURVE_OP(fn, NAME, KIND, RULE, N_IN, ATTR_SIZE, VJP, SAMPLES, PRINTED, ...)                \
    static const tp__curve fn = {{{ \
        .name = NAME, .n_in = N_IN, .n_out = 1, .attr_size = ATTR_SIZE, .flags = TP__MAP_FLAGS | TP_OP_FORGETS_OUT, \
        .infer = tp__map_infer, .forward = tp__map_forward, .vjp = VJP, .samples = SAMPLES, .grad_name = PRINTED}, \
        TP__##KIND, TP__##RULE}, __VA_ARGS__};
/* fn_op, fn_backward_op and fn_bend_op, of the kinds KIND, KIND_SLOPE and KIND_BEND; sampled by WHERE_samples, WHERE_pairs
 * and WHERE_triples. */
#define TP__CURVE(fn, KIND, RULE, ATTR_SIZE, WHERE, PRINTED, THIRD)                                    \
    static const tp__curve fn##_backward_op; \
    TP__CURVE_OP(fn##_bend_op, #fn "_bend", KIND##_BEND, SAME, 3, ATTR_SIZE, tp__bend_vjp, WHERE##_triples, NULL, \
                 NULL, &fn##_backward_op, THIRD) \
    TP__CURVE_OP(fn##_backward_op, #fn "_backward", KIND##_SLOPE, SAME, 2, ATTR_SIZE, tp__slope_vjp, WHERE##_pairs, \
                 PRINTED "BackwardBackward0", &fn##_bend_op, NULL, NULL) \
    TP__CURVE_OP(fn##_op, #fn, KIND, RULE, 1, ATTR_SIZE, tp__curve_vjp, WHERE##_samples, PRINTED "Backward0", \
                 &fn##_backward_op, NULL, NULL)
#define TP__CURVE_LIST(fn) &fn##_op.map.op, &fn##_backward_op.map.op, &fn##_bend_op.map.op
/* clang-format on */

/* Promotion as in PyTorch: tensors with dimensions weigh more than 0-d ones of the same kind. */
tp_dtype tp__result_type(int n, tp_tensor *const *x);

#endif
