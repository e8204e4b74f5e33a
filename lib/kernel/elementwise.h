/* elementwise.h - block functions of the elementwise operators, compiled for each instruction set. */
#ifndef TAPIR_KERNEL_ELEMENTWISE_H
#define TAPIR_KERNEL_ELEMENTWISE_H

#include "kernel/kernel.h"

/* An elementwise function: a block function for each dtype that it computes in; NULL: not for this dtype. */
typedef struct {
    tp__block_fn fn[TP_DTYPES];
} tp__block_fns;

/* One for each instruction set. */
typedef struct {
    const tp__block_fns *of[TP__ISAS];
} tp__function;

/* The function that a line of functions.h makes; which of its name must have been declared. */
#define TP__FUNCTION(name) TP__TABLE_OF(tp__block_fns, tp__fn_##name)
#define TP__FUNCTION_OF(name) \
    { \
        { \
            TP__EACH_ISA(tp__fn_##name) \
        } \
    }

/* The block function for this machine. */
static inline tp__block_fn tp__fn(const tp__function *f, tp_dtype dtype) { return f->of[tp__cpu_isa()]->fn[dtype]; }
#define TP__FN(name, dtype) (TP__PICK(tp__fn_##name)->fn[dtype])

/* Those that kernels use themselves (vec_arithmetic.c). o += x y; x + s y of a number s; x + s y z; and with a number */
TP__FUNCTION(add);
TP__FUNCTION(sub);
TP__FUNCTION(mul);
TP__FUNCTION(div);
TP__FUNCTION(pow);
TP__FUNCTION(mul_add);
TP__FUNCTION(add_alpha);
TP__FUNCTION(addcmul);
TP__FUNCTION(add_scalar);
TP__FUNCTION(rsub_scalar);
TP__FUNCTION(mul_scalar);
TP__FUNCTION(div_scalar);
TP__FUNCTION(pow_scalar);

#endif
