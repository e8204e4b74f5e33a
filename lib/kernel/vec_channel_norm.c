/* vec_channel_norm.c - loops of normalization by channels; compiled once an instruction set (TP__ISA).
 * channel_norm_body.h is read once for float and once for double.
 *
 * An element costs a subtraction, a multiplication and an addition in its own precision: the mean is taken off first, rounded,
 * and what the rounding left is part of the constant. Where a factor leaves the range in which that holds, elements are
 * computed in double, step by step. */
#include "kernel/channel_norm.h"

#include <math.h>
#include <string.h>

enum { LANES = TP__NORM_LANES, COLUMNS = TP__NORM_COLUMNS };

#define MOST_FACTOR (IS_F64 ? 0x1p900 : 0x1p100)

#define TP__BODY "kernel/channel_norm_body.h"
#include "kernel/per_float.h"

const tp__channel_norm_table TP__OF_ISA(tp__channel_norm_table) = {
    .sum = {sum_f32, sum_f64},
    .squares = {squares_f32, squares_f64},
    .dots = {dots_f32, dots_f64},
    .apply = {apply_f32, apply_f64},
    .slope = {slope_f32, slope_f64},
    .dots_columns = {dots_columns_f32, dots_columns_f64},
    .apply_columns = {apply_columns_f32, apply_columns_f64},
    .slope_columns = {slope_columns_f32, slope_columns_f64},
};
