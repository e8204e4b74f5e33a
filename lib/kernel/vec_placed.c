/* vec_placed.c - products with pixels as rows; compiled once an instruction set (TP__ISA). placed_body.h is read for float and
 * double (per_float.h). */
#include "kernel/placed.h"
#include "kernel/vector.h"

#define ALWAYS_INLINE inline __attribute__((always_inline))

/* Of a product, rows and vectors that are summed at once: as many as the registers hold. TALL: rows by one
 * vector, so that none waits for the sum before. */
#if defined(__AVX512F__)
enum { ROWS = 6, WIDE = 4, TALL = 12 };
#elif defined(__AVX2__)
enum { ROWS = 6, WIDE = 2, TALL = 12 };
#else
enum { ROWS = 4, WIDE = 2, TALL = 8 };
#endif
enum { BLOCK = TP__PLACED_LANES };

#define TP__BODY "kernel/placed_body.h"
#include "kernel/per_float.h"

const tp__placed_table TP__OF_ISA(tp__placed_table) = {
    {{gather_f32, scatter_f32, multiply_f32}, {gather_f64, scatter_f64, multiply_f64}}};
