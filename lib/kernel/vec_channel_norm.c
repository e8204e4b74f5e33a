/* vec_channel_norm.c - loops of normalization by channels; compiled once an instruction set (TP__ISA).
 * channel_norm_body.h is read once for float and once for double.
 *
 * An element costs a subtraction, a multiplication and an addition in its own precision: the mean is taken off first, rounded,
 * and what the rounding left is part of the constant. Where a factor leaves the range in which that holds, elements are
 * computed in double, step by step. */
#include "kernel/channel_norm.h"

#include <math.h>
#include <string.h>
#if defined(__AVX__)
#include <immintrin.h>
#endif

/* Of doubles that a register has. */
#if defined(__AVX512F__)
#define WIDTH 8
#elif defined(__AVX__)
#define WIDTH 4
#else
#define WIDTH 2
#endif

enum { COLUMNS = TP__NORM_COLUMNS };

#define MOST_FACTOR (IS_F64 ? 0x1p900 : 0x1p100)

typedef double wide __attribute__((vector_size(WIDTH * sizeof(double))));

typedef float few_f32 __attribute__((vector_size(WIDTH * sizeof(float)), aligned(sizeof(float)), may_alias));
typedef double few_f64 __attribute__((vector_size(WIDTH * sizeof(double)), aligned(sizeof(double)), may_alias));

/* A register of elements as doubles. (What the compiler makes of a conversion of vectors goes by halves of them.) */
static inline wide widened_f32(const float *x)
{
#if defined(__AVX512F__)
    return (wide)_mm512_cvtps_pd(_mm256_loadu_ps(x));
#elif defined(__AVX__)
    return (wide)_mm256_cvtps_pd(_mm_loadu_ps(x));
#else
    return __builtin_convertvector(*(const few_f32 *)x, wide);
#endif
}
static inline wide widened_f64(const double *x) { return *(const few_f64 *)x; }

/* The sum of the lanes, by halves. */
static inline double fold(wide v)
{
    double lane[WIDTH];
    memcpy(lane, &v, sizeof lane);
    for (int n = WIDTH / 2; n > 0; n /= 2)
        for (int l = 0; l < n; l++)
            lane[l] += lane[l + n];
    return lane[0];
}

#define TP__BODY "kernel/channel_norm_body.h"
#include "kernel/per_float.h"

const tp__channel_norm_table TP__OF_ISA(tp__channel_norm_table) = {
    .dots = {dots_f32, dots_f64},
    .apply = {apply_f32, apply_f64},
    .slope = {slope_f32, slope_f64},
    .dots_columns = {dots_columns_f32, dots_columns_f64},
    .apply_columns = {apply_columns_f32, apply_columns_f64},
    .slope_columns = {slope_columns_f32, slope_columns_f64},
};
