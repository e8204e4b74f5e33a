/* vec_conv.c - the loops of convolutions; compiled once an instruction set (TP__ISA). conv_body.h is read once a dtype. */
#include "kernel/conv.h"
#include "kernel/some.h"

#include <string.h>

/* Vectors that are added up at once, for each of four rows: as many as the registers hold. */
#if defined(__AVX512F__)
enum { WIDE = 4 };
#else
enum { WIDE = 2 };
#endif

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
#define MOVE(dtype) .gather = gather_##dtype, .pick = pick_##dtype, .spread = spread_##dtype, .deposit = deposit_##dtype, \
    .multiply = multiply_##dtype
#define SUM(dtype) .dots = dots_##dtype, .add_up = add_up_##dtype, .shifted = shifted_##dtype, .distances = distances_##dtype, .mix = mix_##dtype, .unmix = unmix_##dtype
const tp__conv_table TP__OF_ISA(tp__conv_table) = {.of = {[TP_F32] = {MOVE(f32), SUM(f32)}, [TP_F64] = {MOVE(f64), SUM(f64)},
    [TP_I64] = {MOVE(i64)}, [TP_I32] = {MOVE(i32)}, [TP_U8] = {MOVE(u8)}}};
/* clang-format on */
