/* vec_distance.c - distances between rows; compiled once an instruction set (TP__ISA). distance_body.h is read for
 * float and double (per_float.h). */
#include "kernel/distance.h"
#include "kernel/vector.h"

#include <math.h>
#include <string.h>

/* So that a loop is made for each metric. */
#define ALWAYS_INLINE inline __attribute__((always_inline))

/* So that the buffers of what is rarely called are not on the stack of all. */
#define NEVER_INLINE __attribute__((noinline))

/* WIDE rows, transposed, meet ROWS rows, forward up to TALL, DEEP elements of each at a time; or a row meets FACED bytes, of
 * whom ROOM bytes are transposed. */
enum { WIDE = TP__DISTANCE_WIDE, ROWS = TP__DISTANCE_ROWS, TALL = 4 * ROWS, DEEP = 16, FACED = 2048, ROOM = 16384 };

/* So many lanes are added up at the end. */
#define FEW (VECTOR / sizeof(REAL) < 4 ? 2 : 4)
#define SIGNED __typeof__(__builtin_choose_expr(IS_F64, (int64_t)0, (int32_t)0))

/* Where the distance of rows i < j is in a triangle of n rows. */
static int64_t pair_at(int64_t n, int64_t i, int64_t j) { return i * (2 * n - i - 1) / 2 + j - i - 1; }

/* LEAST_SUM: below it powers of differences may have gone below the range. MOST: what is 0 or between its inverse and itself
 * can be multiplied three times. */
#define LEAST_SUM (REAL)(IS_F64 ? 0x1p-900 : 0x1p-90)
#define MOST (REAL)(IS_F64 ? 0x1p300 : 0x1p40)
#define TP__BODY "kernel/distance_body.h"
#include "kernel/per_float.h"

const tp__distance_table TP__OF_ISA(tp__distance_table) = {
    .forward = {forward_f32, forward_f64},
    .backward = {backward_f32, backward_f64},
};
