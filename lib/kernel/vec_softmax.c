/* vec_softmax.c - softmax over rows; compiled once an instruction set (TP__ISA). softmax_body.h is read for float and
 * double (per_float.h). Rows are shifted by their largest element; sums gather in lanes. */
#include "kernel/softmax.h"
#include "kernel/turn.h"
#include "kernel/vec_math.h"

#define TURN_TABLE TP__OF_ISA(tp__turn_table)

enum { LANES = 32, COLUMNS = 128, TURN = TP__TURN, TURNED = TP__SHORT * TP__TURN };

#define TP__BODY "kernel/softmax_body.h"
#include "kernel/per_float.h"

const tp__softmax_table TP__OF_ISA(tp__softmax_table) = {
    .forward = {{softmax_f32, softmax_f64}, {log_softmax_f32, log_softmax_f64}},
    .backward = {{softmax_backward_f32, softmax_backward_f64}, {log_softmax_backward_f32, log_softmax_backward_f64}},
    .log_sum = {{log_sum_f32, log_sum_f64}, {column_log_sum_f32, column_log_sum_f64}},
    .log_sum_backward = {{log_sum_backward_f32, log_sum_backward_f64},
                         {column_log_sum_backward_f32, column_log_sum_backward_f64}},
};
