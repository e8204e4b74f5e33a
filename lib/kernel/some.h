/* some.h - vectors of float and double as long as the registers at hand, in files that are compiled for each instruction set; their
 * first elements alone from memory and to it, for the ends of rows. */
#ifndef TAPIR_KERNEL_SOME_H
#define TAPIR_KERNEL_SOME_H

#include "kernel/kernel.h"
#include "kernel/vector.h"

#define ALWAYS_INLINE inline __attribute__((always_inline))

typedef float vec_f32 __attribute__((vector_size(VECTOR), aligned(4), may_alias));
typedef double vec_f64 __attribute__((vector_size(VECTOR), aligned(8), may_alias));

/* The first n elements, others 0; n < the vector's. The first one is there in any case. */
#if defined(__AVX512F__)
#include <immintrin.h>
static ALWAYS_INLINE vec_f32 some_f32(const float *x, int64_t n)
{
    return (vec_f32)_mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), x);
}
static ALWAYS_INLINE vec_f64 some_f64(const double *x, int64_t n)
{
    return (vec_f64)_mm512_maskz_loadu_pd((__mmask8)((1u << n) - 1), x);
}
static ALWAYS_INLINE void put_some_f32(float *y, vec_f32 v, int64_t n)
{
    _mm512_mask_storeu_ps(y, (__mmask16)((1u << n) - 1), (__m512)v);
}
static ALWAYS_INLINE void put_some_f64(double *y, vec_f64 v, int64_t n)
{
    _mm512_mask_storeu_pd(y, (__mmask8)((1u << n) - 1), (__m512d)v);
}
#elif defined(__AVX2__)
#include <immintrin.h>
static const int32_t tp__ones[16] = {-1, -1, -1, -1, -1, -1, -1, -1};
static ALWAYS_INLINE __m256i first_of(int64_t bytes)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)((const char *)(tp__ones + 8) - bytes));
}
static ALWAYS_INLINE vec_f32 some_f32(const float *x, int64_t n)
{
    return (vec_f32)_mm256_maskload_ps(x, first_of(4 * n));
}
static ALWAYS_INLINE vec_f64 some_f64(const double *x, int64_t n)
{
    return (vec_f64)_mm256_maskload_pd(x, first_of(8 * n));
}
static ALWAYS_INLINE void put_some_f32(float *y, vec_f32 v, int64_t n)
{
    _mm256_maskstore_ps(y, first_of(4 * n), (__m256)v);
}
static ALWAYS_INLINE void put_some_f64(double *y, vec_f64 v, int64_t n)
{
    _mm256_maskstore_pd(y, first_of(8 * n), (__m256d)v);
}
#else
static ALWAYS_INLINE vec_f32 some_f32(const float *x, int64_t n)
{
    return (vec_f32){x[0], n > 1 ? x[1] : 0, n > 2 ? x[2] : 0, 0};
}
static ALWAYS_INLINE vec_f64 some_f64(const double *x, int64_t n) { return (vec_f64){x[0], n > 1 ? x[1] : 0}; }
static ALWAYS_INLINE void put_some_f32(float *y, vec_f32 v, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = v[i];
}
static ALWAYS_INLINE void put_some_f64(double *y, vec_f64 v, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = v[i];
}
#endif

#endif
