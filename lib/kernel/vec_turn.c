/* vec_turn.c - rows turned into columns and back; compiled once an instruction set (TP__ISA). turn_body.h is read for
 * float and double (per_float.h). */
#include "kernel/turn.h"

#define ALWAYS_INLINE inline __attribute__((always_inline))

enum { TURN = TP__TURN };

#define TP__BODY "kernel/turn_body.h"
#include "kernel/per_float.h"

const tp__turn_table TP__OF_ISA(tp__turn_table) = {
    .turn = {turn_f32, turn_f64},
    .back = {turn_back_f32, turn_back_f64},
};
