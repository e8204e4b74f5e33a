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

/* Bytes of a register. */
#if defined(__AVX512F__)
#define LINE 64
#elif defined(__AVX__)
#define LINE 32
#else
#define LINE 16
#endif

enum { COLUMNS = TP__NORM_COLUMNS, CHUNK = 1024 };

#define MOST_FACTOR (IS_F64 ? 0x1p900 : 0x1p100)

typedef float lanes_f32 __attribute__((vector_size(LINE), aligned(sizeof(float)), may_alias));
typedef double lanes_f64 __attribute__((vector_size(LINE), aligned(sizeof(double)), may_alias));

/* The sum of the lanes in double, by halves. */
static inline double fold_f64(lanes_f64 v)
{
#if defined(__AVX512F__)
    return _mm512_reduce_add_pd((__m512d)v);
#elif defined(__AVX__)
    __m128d half = _mm256_castpd256_pd128((__m256d)v) + _mm256_extractf128_pd((__m256d)v, 1);
    return half[0] + half[1];
#else
    return v[0] + v[1];
#endif
}
static inline double fold_f32(lanes_f32 v)
{
#if defined(__AVX512F__)
    __m512d all = (__m512d)v;
    return fold_f64((lanes_f64)(_mm512_cvtps_pd(_mm256_castpd_ps(_mm512_castpd512_pd256(all))) +
                                _mm512_cvtps_pd(_mm256_castpd_ps(_mm512_extractf64x4_pd(all, 1)))));
#elif defined(__AVX__)
    __m256 all = (__m256)v;
    return fold_f64(
        (lanes_f64)(_mm256_cvtps_pd(_mm256_castps256_ps128(all)) + _mm256_cvtps_pd(_mm256_extractf128_ps(all, 1))));
#else
    return ((double)v[0] + (double)v[2]) + ((double)v[1] + (double)v[3]);
#endif
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
