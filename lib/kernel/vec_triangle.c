/* vec_triangle.c - small triangular systems, transposition and exchanges; compiled once an instruction set (TP__ISA).
 * triangle_body.h is read for float and double (per_float.h). */
#include "kernel/triangle.h"

enum { STRIP = 64 }; /* bytes of a row that are solved for together */

#define TP__BODY "kernel/triangle_body.h"
#include "kernel/per_float.h"

const tp__triangle_table TP__OF_ISA(tp__triangle_table) = {
    .solve = {solve_f32, solve_f64},
    .turn = {turn_f32, turn_f64},
    .exchange = {exchange_f32, exchange_f64},
};
