/* elementwise.h - block functions of the elementwise operators, compiled for each instruction set. */
#ifndef TAPIR_KERNEL_ELEMENTWISE_H
#define TAPIR_KERNEL_ELEMENTWISE_H

#include "kernel/kernel.h"

/* Elementwise functions; the order is that of the table in vec_elementwise.c. */
/* clang-format off */
typedef enum {
    /* two operands */
    TP__ADD, TP__SUB, TP__MUL, TP__DIV, TP__POW, TP__ATAN2, TP__MAXIMUM, TP__MINIMUM,
    TP__EQ, TP__NE, TP__LT, TP__LE, TP__GT, TP__GE, TP__AND, TP__OR, TP__XOR,
    TP__FLOOR_DIVIDE, TP__TRUNC_DIVIDE, TP__FMOD, TP__REMAINDER, TP__FMAX, TP__FMIN, TP__HYPOT, TP__COPYSIGN,
    TP__LOGADDEXP, TP__LOGADDEXP2, TP__XLOGY, TP__XLOG1PY, TP__HEAVISIDE, TP__NEXTAFTER, TP__CLAMP_MIN, TP__CLAMP_MAX,
    TP__BIT_AND, TP__BIT_OR, TP__BIT_XOR, TP__SHIFT_LEFT, TP__SHIFT_RIGHT, TP__GCD, TP__LCM, TP__ZETA,
    TP__IGAMMA, TP__IGAMMAC, TP__LDEXP, TP__LDEXP_SLOPE, TP__OVER_SQUARE, TP__OVER_CROSS, TP__OVER_GAP, TP__DIRECTION,
    TP__DIRECTION_TURN, TP__DIRECTION_BEND, TP__SHARE, TP__SHARE2,
    /* two operands and a number */
    TP__GAMMA_DENSITY, TP__ZETA_SLOPE, TP__ADD_ALPHA, TP__LEAKY_RELU_BACKWARD,
    /* one operand and a number */
    TP__ADD_S, TP__RSUB_S, TP__MUL_S, TP__DIV_S, TP__POW_S, TP__CLAMP,
    TP__ROUND_TO, TP__LEAKY_RELU, TP__LOGIT, TP__POLYGAMMA, TP__NAN_TO_NUM,
    TP__BELL, TP__BESSEL_I, TP__BESSEL_IE, TP__MULTIGAMMA,
    /* one operand */
    TP__NEG, TP__ABS, TP__SIGN, TP__SQUARE, TP__SQRT, TP__RSQRT, TP__RECIPROCAL, TP__EXP, TP__EXPM1, TP__LOG,
    TP__LOG1P, TP__LOG2, TP__LOG10, TP__SIN, TP__COS, TP__TAN, TP__SINH, TP__COSH, TP__TANH, TP__ASIN, TP__ACOS,
    TP__ATAN, TP__ERF, TP__FLOOR, TP__CEIL, TP__ROUND, TP__TRUNC, TP__SIGMOID, TP__RELU, TP__SOFTPLUS,
    TP__LOG_SIGMOID, TP__ISNAN, TP__ISINF, TP__ISFINITE, TP__NOT,
    TP__EXP2, TP__ASINH, TP__ACOSH, TP__ATANH, TP__ERFC, TP__ERFINV, TP__LGAMMA, TP__DIGAMMA, TP__FRAC, TP__SINC,
    TP__BESSEL_J0, TP__BESSEL_J1, TP__BESSEL_Y0, TP__BESSEL_Y1, TP__ANGLE,
    TP__SIGNBIT, TP__ISPOSINF, TP__ISNEGINF, TP__BIT_NOT,
    TP__ERFCX, TP__NDTR, TP__LOG_NDTR, TP__NDTRI, TP__ENTR, TP__I0, TP__I0E, TP__I1, TP__I1E,
    TP__ERFCX_SLOPE, TP__ERFCX_BEND, TP__HAZARD, TP__HAZARD_SLOPE, TP__HAZARD_GAP, TP__ERFINV_SLOPE, TP__NDTRI_SLOPE,
    TP__I1_SLOPE,
    /* condition and two values */
    TP__WHERE,
    /* three operands */
    TP__LERP, TP__MUL3, TP__ADDCMUL, TP__ADDCDIV, TP__CLAMP_BETWEEN, TP__POWER_TERM,
    /* two or three, and a last one that divides */
    TP__QUOTIENT,
    /* backward: the output and its gradient */
    TP__RELU_BACKWARD,
    TP__GELU, TP__GELU_TANH,
    /* f'(x) g of x and g, and f"(x) g h of x, g and h (vec_smooth.h) */
    TP__SIGMOID_SLOPE, TP__TANH_SLOPE, TP__SOFTPLUS_SLOPE, TP__LOG_SIGMOID_SLOPE, TP__GELU_SLOPE, TP__GELU_TANH_SLOPE,
    TP__EXPM1_SLOPE, TP__EXP2_SLOPE, TP__LOG2_SLOPE, TP__LOG10_SLOPE, TP__RSQRT_SLOPE, TP__LOGIT_SLOPE, TP__ASIN_SLOPE,
    TP__ATAN_SLOPE, TP__ASINH_SLOPE, TP__ACOSH_SLOPE, TP__ATANH_SLOPE, TP__ERF_SLOPE, TP__SINC_SLOPE,
    TP__SIGMOID_BEND, TP__TANH_BEND, TP__SOFTPLUS_BEND, TP__LOG_SIGMOID_BEND, TP__GELU_BEND, TP__GELU_TANH_BEND,
    TP__EXPM1_BEND, TP__EXP2_BEND, TP__LOG2_BEND, TP__LOG10_BEND, TP__RSQRT_BEND, TP__LOGIT_BEND, TP__ASIN_BEND,
    TP__ATAN_BEND, TP__ASINH_BEND, TP__ACOSH_BEND, TP__ATANH_BEND, TP__ERF_BEND, TP__SINC_BEND,
    TP__MUL_ADD, /* out += x y */
    /* losses of a prediction and a target, and their derivatives by the prediction */
    TP__SQUARED_ERROR, TP__SQUARED_ERROR_SLOPE, TP__ABSOLUTE_ERROR, TP__ABSOLUTE_ERROR_SLOPE, TP__BCE, TP__BCE_SLOPE,
    TP__BCE_LOGITS, TP__BCE_LOGITS_SLOPE, TP__BCE_BY_TARGET, /* the last of x alone */
    TP__MAPS
} tp__map_kind;
/* clang-format on */

typedef struct {
    tp__block_fn fn[TP__MAPS][TP_DTYPES]; /* by the dtype computed in; NULL: not for this dtype */
} tp__map_table;

/* The table for this machine, once tp__map_choose has run. */
extern _Atomic(const tp__map_table *) tp__map_chosen;
const tp__map_table *tp__map_choose(void);

/* The function for this machine; NULL where the dtype is not taken. */
static inline tp__block_fn tp__map_fn(tp__map_kind kind, tp_dtype dtype)
{
    const tp__map_table *table = atomic_load_explicit(&tp__map_chosen, memory_order_relaxed);
    return (table ? table : tp__map_choose())->fn[kind][dtype];
}

TP__TABLE_OF(tp__map_table, tp__map_table);

#endif
