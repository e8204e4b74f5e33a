/* vec_depthwise.c - planes made of one plane each; compiled once an instruction set (TP__ISA). depthwise_body.h is read for float
 * and double (per_float.h). */
#include "kernel/depthwise.h"
#include "kernel/some.h"

#include <string.h>

#define TP__BODY "kernel/depthwise_body.h"
#include "kernel/per_float.h"

#define KERNELS(dtype) \
    { \
        sums_##dtype, products_##dtype, add_up_##dtype, split_##dtype, join_##dtype \
    }
const tp__depthwise_table TP__OF_ISA(tp__depthwise_table) = {{KERNELS(f32), KERNELS(f64)}};
