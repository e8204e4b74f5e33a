/* vec_optim.c - the optimizers' loops; compiled once an instruction set (TP__ISA). optim_body.h is read once
 * for float and once for double. */
#include "kernel/optim.h"

#include <math.h>

#define PASTE2(a, b) a##b
#define PASTE(a, b) PASTE2(a, b)

#define REAL float
#define NAME(f) f##_f32
#define ROOT sqrtf
#include "kernel/optim_body.h"
#undef REAL
#undef NAME
#undef ROOT

#define REAL double
#define NAME(f) f##_f64
#define ROOT sqrt
#include "kernel/optim_body.h"

const tp__update_table PASTE(tp__update_table_, TP__ISA) = {{sgd_f32, sgd_f64}, {adam_f32, adam_f64}};
