/* vec_norm.c - normalization of rows; compiled once an instruction set (TP__ISA). norm_body.h is read once for float
 * and once for double. The variance is taken about the mean, in a second pass over a row that is in cache. */
#include "kernel/norm.h"

#include <math.h>
#include <string.h>

#define PASTE2(a, b) a##b
#define PASTE(a, b) PASTE2(a, b)

enum { LANES = 32 };

#define REAL float
#define NAME(f) f##_f32
#include "kernel/norm_body.h"
#undef REAL
#undef NAME

#define REAL double
#define NAME(f) f##_f64
#include "kernel/norm_body.h"

const tp__norm_table PASTE(tp__norm_table_, TP__ISA) = {
    .forward = {forward_f32, forward_f64},
    .backward = {backward_f32, backward_f64},
};
