/* vec_conv.c - the loops of convolutions; compiled once an instruction set (TP__ISA). conv_body.h is read once a dtype. */
#include "kernel/conv.h"

#include <string.h>

#define ALWAYS_INLINE inline __attribute__((always_inline))

#define TP__BODY "kernel/conv_body.h"
#include "kernel/per_float.h"

#define REAL uint64_t
#define NAME(f) f##_i64
#include "kernel/conv_body.h"
#undef REAL
#undef NAME

#define REAL uint32_t /* so that it wraps */
#define NAME(f) f##_i32
#include "kernel/conv_body.h"
#undef REAL
#undef NAME

#define REAL uint8_t
#define NAME(f) f##_u8
#include "kernel/conv_body.h"
#undef REAL
#undef NAME

TP__DTYPES_ARE(6); /* all but TP_BOOL */
/* clang-format off */
#define KERNELS(dtype)                                                                             \
    {gather_##dtype, spread_##dtype, deposit_##dtype, multiply_##dtype, dots_##dtype, add_up_##dtype,  \
     shifted_##dtype, distances_##dtype}
/* clang-format on */
const tp__conv_table TP__OF_ISA(tp__conv_table) = {.of = {[TP_F32] = KERNELS(f32),
                                                          [TP_F64] = KERNELS(f64),
                                                          [TP_I64] = KERNELS(i64),
                                                          [TP_I32] = KERNELS(i32),
                                                          [TP_U8] = KERNELS(u8)}};
