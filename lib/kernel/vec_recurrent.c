/* vec_recurrent.c - the cells of recurrent nets; compiled once an instruction set (TP__ISA). recurrent_body.h is read for float and
 * double (per_float.h). */
#include "kernel/recurrent.h"
#include "kernel/vec_math.h"

#define ALWAYS_INLINE inline __attribute__((always_inline))

#define TP__BODY "kernel/recurrent_body.h"
#include "kernel/per_float.h"

const tp__rnn_table TP__OF_ISA(tp__rnn_table) = {
    .forward = {{tanh_f32, relu_f32, lstm_f32, gru_f32}, {tanh_f64, relu_f64, lstm_f64, gru_f64}},
    .backward = {{tanh_slope_f32, relu_slope_f32, lstm_slope_f32, gru_slope_f32},
                 {tanh_slope_f64, relu_slope_f64, lstm_slope_f64, gru_slope_f64}},
    .output = {output_f32, output_f64}};
