/* vec_softmax.c - softmax over rows; compiled once an instruction set (TP__ISA). softmax_body.h is read once for
 * float and once for double. Rows are shifted by their largest element; sums gather in lanes. */
#include "kernel/softmax.h"
#include "kernel/turn.h"
#include "kernel/vec_math.h"

#define PASTE2(a, b) a##b
#define PASTE(a, b) PASTE2(a, b)

#define TURN_TABLE PASTE(tp__turn_table_, TP__ISA)

enum { LANES = 32, COLUMNS = 128, TURN = TP__TURN, TURNED = TP__SHORT * TP__TURN };

#define REAL float
#define NAME(f) f##_f32
#define EXP v_expf
#include "kernel/softmax_body.h"
#undef REAL
#undef NAME
#undef EXP

#define REAL double
#define NAME(f) f##_f64
#define EXP v_exp
#include "kernel/softmax_body.h"

const tp__softmax_table PASTE(tp__softmax_table_, TP__ISA) = {
    .forward = {{softmax_f32, softmax_f64}, {log_softmax_f32, log_softmax_f64}},
    .backward = {{softmax_backward_f32, softmax_backward_f64}, {log_softmax_backward_f32, log_softmax_backward_f64}},
    .log_sum = {{log_sum_f32, log_sum_f64}, {column_log_sum_f32, column_log_sum_f64}},
    .log_sum_backward = {{log_sum_backward_f32, log_sum_backward_f64},
                         {column_log_sum_backward_f32, column_log_sum_backward_f64}},
};
