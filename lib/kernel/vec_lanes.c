/* vec_lanes.c - small matrices in the lanes of vectors; compiled once an instruction set (TP__ISA). lanes_body.h is read for
 * float and double (per_float.h), and reads lanes_kernels.h for vectors and for numbers. */
#include "kernel/lanes.h"
#include "kernel/vector.h"

#include <math.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define ALWAYS_INLINE inline __attribute__((always_inline))
#define NEVER_INLINE __attribute__((noinline))

#if defined(__AVX512F__)
#define INTRINSIC(f) _mm512_##f
#elif defined(__AVX2__)
#define INTRINSIC(f) _mm256_##f
#else
#define INTRINSIC(f) _mm_##f
#endif

/* What is compiled here: see tp__lanes_table. */
#if VECTOR == 16 && defined(__x86_64__)
#define NUMBERS 1
#define VECTORS 0
#else
#define NUMBERS (VECTOR < 64)
#define VECTORS 1
#endif

enum { ORDER = TP__LANES_ORDER };

/* What is between these has an inverse of all its digits. */
#define LEAST (REAL)(IS_F64 ? 0x1p-1000 : 0x1p-120)
#define MOST (REAL)(IS_F64 ? 0x1p1000 : 0x1p120)

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

#define TP__BODY "kernel/lanes_body.h"
#include "kernel/per_float.h"

const tp__lanes_table TP__OF_ISA(tp__lanes_table) = {
#if NUMBERS
    .one = {run_one_f32, run_one_f64},
#endif
#if VECTORS
    .together = {run_together_f32, run_together_f64},
    .lanes = {VECTOR / sizeof(float), VECTOR / sizeof(double)},
#endif
};
