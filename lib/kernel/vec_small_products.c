/* vec_small_products.c - products of many small matrices; compiled once an instruction set (TP__ISA).
 * small_products_body.h is read for float and double (per_float.h). Sums go over k in order, whatever the instruction
 * set. */
#include "kernel/small_products.h"

#define TP__BODY "kernel/small_products_body.h"
#include "kernel/per_float.h"

const tp__small_table TP__OF_ISA(tp__small_table) = {{multiply_f32, multiply_f64}};
