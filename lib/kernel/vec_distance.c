/* vec_distance.c - distances between rows; compiled once an instruction set (TP__ISA). distance_body.h is read once for
 * float and once for double. */
#include "kernel/distance.h"

#include <math.h>
#include <string.h>

#define PASTE2(a, b) a##b
#define PASTE(a, b) PASTE2(a, b)

/* So that a loop is made for each metric. */
#define ALWAYS_INLINE inline __attribute__((always_inline))

/* So that the buffers of what is rarely called are not on the stack of all. */
#define NEVER_INLINE __attribute__((noinline))

/* WIDE rows, transposed, meet ROWS rows, DEEP elements of each at a time; or a row meets MANY, in so many
 * lanes. */
enum { WIDE = TP__DISTANCE_WIDE, ROWS = TP__DISTANCE_ROWS, DEEP = 16, MANY = 128, LANES = 16 };

/* Where the distance of rows i < j is in a triangle of n rows. */
static int64_t pair_at(int64_t n, int64_t i, int64_t j) { return i * (2 * n - i - 1) / 2 + j - i - 1; }

/* LEAST_SUM: below it powers of differences may have gone below the range. MOST: what is 0 or between its inverse and itself
 * can be multiplied three times. */
#define REAL float
#define NAME(f) f##_f32
#define ROOT sqrtf
#define LEAST_SUM 0x1p-90f
#define MOST 0x1p40f
#include "kernel/distance_body.h"
#undef REAL
#undef NAME
#undef ROOT
#undef LEAST_SUM
#undef MOST

#define REAL double
#define NAME(f) f##_f64
#define ROOT sqrt
#define LEAST_SUM 0x1p-900
#define MOST 0x1p300
#include "kernel/distance_body.h"

const tp__distance_table PASTE(tp__distance_table_, TP__ISA) = {
    .forward = {forward_f32, forward_f64},
    .backward = {backward_f32, backward_f64},
};
