/* vec_turn.c - rows turned into columns and back; compiled once an instruction set (TP__ISA). turn_body.h is read once for
 * float and once for double. */
#include "kernel/turn.h"

#define PASTE2(a, b) a##b
#define PASTE(a, b) PASTE2(a, b)
#define ALWAYS_INLINE inline __attribute__((always_inline))

enum { TURN = TP__TURN };

#define REAL float
#define NAME(f) f##_f32
#include "kernel/turn_body.h"
#undef REAL
#undef NAME

#define REAL double
#define NAME(f) f##_f64
#include "kernel/turn_body.h"

const tp__turn_table PASTE(tp__turn_table_, TP__ISA) = {
    .turn = {turn_f32, turn_f64},
    .back = {turn_back_f32, turn_back_f64},
};
