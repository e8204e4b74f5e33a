/* vec_triangle.c - small triangular systems, transposition and exchanges; compiled once an instruction set (TP__ISA).
 * triangle_body.h is read once for float and once for double. */
#include "kernel/triangle.h"

#define PASTE2(a, b) a##b
#define PASTE(a, b) PASTE2(a, b)

enum { STRIP = 64 }; /* bytes of a row that are solved for together */

#define REAL float
#define NAME(f) f##_f32
#include "kernel/triangle_body.h"
#undef REAL
#undef NAME

#define REAL double
#define NAME(f) f##_f64
#include "kernel/triangle_body.h"

const tp__triangle_table PASTE(tp__triangle_table_, TP__ISA) = {
    .solve = {solve_f32, solve_f64},
    .turn = {turn_f32, turn_f64},
    .exchange = {exchange_f32, exchange_f64},
};
