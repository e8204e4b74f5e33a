/* vec_layer_norm.c - normalization of rows; compiled once an instruction set (TP__ISA). layer_norm_body.h is read once for float
 * and once for double. The variance is taken about the mean, in a second pass over a row that is in cache. */
#include "kernel/layer_norm.h"
#include "kernel/turn.h"

#include <math.h>
#include <string.h>

#define PASTE2(a, b) a##b
#define PASTE(a, b) PASTE2(a, b)

#define TURN_TABLE PASTE(tp__turn_table_, TP__ISA)

enum { LANES = 32, TURN = TP__TURN, TURNED = TP__SHORT * TP__TURN };

/* Below LEAST_VARIANCE squares may have gone below the range; 2^MOST_EXPONENT and its inverse are normal numbers. */
#define REAL float
#define NAME(f) f##_f32
#define LEAST_VARIANCE 0x1p-90
#define MOST_EXPONENT 120
#include "kernel/layer_norm_body.h"
#undef REAL
#undef NAME
#undef LEAST_VARIANCE
#undef MOST_EXPONENT

#define REAL double
#define NAME(f) f##_f64
#define LEAST_VARIANCE 0x1p-900
#define MOST_EXPONENT 1000
#include "kernel/layer_norm_body.h"

const tp__norm_table PASTE(tp__norm_table_, TP__ISA) = {
    .forward = {forward_f32, forward_f64},
    .backward = {backward_f32, backward_f64},
};
