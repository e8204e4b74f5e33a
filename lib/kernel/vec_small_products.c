/* vec_small_products.c - products of many small matrices; compiled once an instruction set (TP__ISA). small_products_body.h is read once for
 * float and once for double. Sums go over k in order, whatever the instruction set. */
#include "kernel/small_products.h"

#define PASTE2(a, b) a##b
#define PASTE(a, b) PASTE2(a, b)

#define REAL float
#define NAME(f) f##_f32
#include "kernel/small_products_body.h"
#undef REAL
#undef NAME

#define REAL double
#define NAME(f) f##_f64
#include "kernel/small_products_body.h"

const tp__small_table PASTE(tp__small_table_, TP__ISA) = {{multiply_f32, multiply_f64}};
