/* vec_depthwise.c - planes made of one plane each; compiled once an instruction set (TP__ISA). depthwise_body.h is read for float
 * and double (per_float.h). */
#include "kernel/depthwise.h"

#include <string.h>

#define ALWAYS_INLINE inline __attribute__((always_inline))

/* Bytes of a vector; its first n elements, and those alone. */
#if defined(__AVX512F__)
#define VECTOR 64
#include <immintrin.h>
typedef float vec_f32 __attribute__((vector_size(VECTOR), aligned(4), may_alias));
typedef double vec_f64 __attribute__((vector_size(VECTOR), aligned(8), may_alias));
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
#else
#if defined(__AVX2__)
#define VECTOR 32
#else
#define VECTOR 16
#endif
#define SOME(real, dtype) \
    typedef real vec_##dtype __attribute__((vector_size(VECTOR), aligned(sizeof(real)), may_alias)); \
    static ALWAYS_INLINE vec_##dtype some_##dtype(const real *x, int64_t n) \
    { \
        real part[VECTOR / sizeof(real)] = {0}; \
        for (int64_t i = 0; i < n; i++) \
            part[i] = x[i]; \
        return *(const vec_##dtype *)part; \
    } \
    static ALWAYS_INLINE void put_some_##dtype(real *y, vec_##dtype v, int64_t n) \
    { \
        for (int64_t i = 0; i < n; i++) \
            y[i] = v[i]; \
    }
SOME(float, f32)
SOME(double, f64)
#endif

#define TP__BODY "kernel/depthwise_body.h"
#include "kernel/per_float.h"

#define KERNELS(dtype) {sums_##dtype, products_##dtype, add_up_##dtype, split_##dtype, join_##dtype}
const tp__depthwise_table TP__OF_ISA(tp__depthwise_table) = {{KERNELS(f32), KERNELS(f64)}};
