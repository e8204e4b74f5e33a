/* vec_layer_norm.c - normalization of rows; compiled once an instruction set (TP__ISA). layer_norm_body.h is read once for float
 * and once for double. The variance is taken about the mean, in a second pass over a row that is in cache. */
#include "kernel/layer_norm.h"
#include "kernel/turn.h"

#include <math.h>
#include <string.h>

#define TURN_TABLE TP__OF_ISA(tp__turn_table)

enum { LANES = 32, CHUNK = 4096, TURN = TP__TURN, TURNED = TP__SHORT * TP__TURN };

/* Below LEAST_VARIANCE squares may have gone below the range; 2^MOST_EXPONENT and its inverse are normal numbers. */
#define LEAST_VARIANCE (IS_F64 ? 0x1p-900 : 0x1p-90)
#define MOST_EXPONENT (IS_F64 ? 1000 : 120)
#define TP__BODY "kernel/layer_norm_body.h"
#include "kernel/per_float.h"

const tp__norm_table TP__OF_ISA(tp__norm_table) = {
    .forward = {forward_f32, forward_f64},
    .backward = {backward_f32, backward_f64},
    .piece_sum = {piece_sum_f32, piece_sum_f64},
    .piece_squares = {piece_squares_f32, piece_squares_f64},
    .piece_forward = {piece_forward_f32, piece_forward_f64},
    .piece_dots = {piece_dots_f32, piece_dots_f64},
    .piece_backward = {piece_backward_f32, piece_backward_f64},
};
