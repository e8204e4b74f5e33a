/* vec_reduce.c - chunk functions of the reductions; compiled once an instruction set (TP__ISA).
 *
 * A chunk is gathered in LANES independent lanes, which the compiler keeps in vector registers, and the
 * lanes are joined by halves: the same bits on any machine with the same lanes, on any number of threads.
 */
#include "kernel/reduce.h"

#include <math.h>
#include <string.h>

/* So that columns are kept in registers where they are of a usual width. */
#define ALWAYS_INLINE inline __attribute__((always_inline))

enum {
    LANES = 32,
    FEW = 8,
#if defined(__AVX2__)
    MORE = 64 /* of float32, where there are registers: a choice waits long for the one before it */
#else
    MORE = LANES
#endif
};

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wfloat-conversion"
#pragma GCC diagnostic ignored "-Wtautological-compare" /* x != x, of integers, too */
#define TP__BODY "kernel/reduce_float_body.h"
#include "kernel/per_float.h"

#define R int32_t
#define NAME(f) f##_i32
#define LEAST INT32_MIN
#define MOST INT32_MAX
#include "kernel/reduce_integer_body.h"

#define R int64_t
#define NAME(f) f##_i64
#define LEAST INT64_MIN
#define MOST INT64_MAX
#include "kernel/reduce_integer_body.h"

#define R uint8_t
#define NAME(f) f##_u8
#define LEAST 0
#define MOST UINT8_MAX
#include "kernel/reduce_integer_body.h"
#pragma GCC diagnostic pop

/* A product of a row of float32, by threes in float32 where all lie in [2^-31, 2^33), so that it neither overflows nor loses a
 * digit below the range: neither of the two upper bits of their exponents less the smallest is set. From the first piece on
 * where that is not so, and what is left over, in double. */
static void prod_by_threes(int64_t n, const void *in, void *acc)
{
    enum { WAYS = 16, PIECE = 4 * 3 * WAYS };
    const float *v = in;
    double wide[WAYS];
    int64_t i = 0;
    for (int l = 0; l < WAYS; l++)
        wide[l] = 1;
    for (; i + PIECE <= n; i += PIECE) {
        uint32_t far = 0;
        for (int l = 0; l < PIECE; l++) {
            uint32_t bits;
            memcpy(&bits, &v[i + l], sizeof bits);
            far |= bits - (96u << 23);
        }
        if (far & 3u << 29)
            break;
        for (int64_t k = i; k < i + PIECE; k += 3 * WAYS)
            for (int l = 0; l < WAYS; l++)
                wide[l] *= (double)(v[k + l] * v[k + l + WAYS] * v[k + l + 2 * WAYS]);
    }
    for (int l = 0; l < 8; l++)
        wide[l] *= wide[l + 8];
    for (int l = 0; l < 4; l++)
        wide[l] *= wide[l + 4];
    wide[0] = (wide[0] * wide[2]) * (wide[1] * wide[3]);
    prod_join_f32(wide, acc);
    prod_rows_f32(1, 0, n - i, v + i, wide);
    prod_join_f32(wide, acc);
}
static void prod_by_threes_rows(int64_t rows, int64_t apart, int64_t n, const void *in, void *acc)
{
    const float *v = in;
    double *a = acc;
    for (int64_t r = 0; r < rows; r++) {
        prod_start_f32(&a[r]);
        prod_by_threes(n, v + r * apart, &a[r]);
    }
}

static bool narrow(int64_t n, const double *v, float *restrict out)
{
    uint64_t strange = 0;
    for (int64_t i = 0; i < n; i++) {
        uint64_t b;
        memcpy(&b, &v[i], sizeof b);
        out[i] = (float)v[i];
        strange |= -(uint64_t)((b << 1) >= (uint64_t)0x7ff << 53);
    }
    return strange == 0;
}

#define TP__BODY "kernel/reduce_sums_body.h"
#include "kernel/per_float.h"

/* clang-format off */
#define ENTRY(name, S, A) {sizeof(A), name##_row_##S, name##_rows_##S, name##_columns_##S, name##_start_##S, name##_join_##S}
#define WIDE(name) {ENTRY(name, f32, double), ENTRY(name, f64, double), ENTRY(name, i32, int64_t), \
                    ENTRY(name, i64, int64_t), ENTRY(name, u8, int64_t), ENTRY(name, u8, int64_t)}
#define PRODUCTS {{sizeof(double), prod_by_threes, prod_by_threes_rows, prod_columns_f32, prod_start_f32, prod_join_f32}, \
                  ENTRY(prod, f64, double), ENTRY(prod, i32, int64_t), ENTRY(prod, i64, int64_t),  \
                  ENTRY(prod, u8, int64_t), ENTRY(prod, u8, int64_t)}
#define SAME(name) {ENTRY(name, f32, float), ENTRY(name, f64, double), ENTRY(name, i32, int32_t),  \
                    ENTRY(name, i64, int64_t), ENTRY(name, u8, uint8_t), ENTRY(name, u8, uint8_t)}
#define TRUTH(name) {ENTRY(name, f32, uint8_t), ENTRY(name, f64, uint8_t), ENTRY(name, i32, uint8_t), \
                     ENTRY(name, i64, uint8_t), ENTRY(name, u8, uint8_t), ENTRY(name, u8, uint8_t)}
#define FLOATS(name, A32, A64) {ENTRY(name, f32, A32), ENTRY(name, f64, A64)}

const tp__reduce_table TP__OF_ISA(tp__reduce_table) = {{
    [TP__SUM] = WIDE(sum), [TP__PROD] = PRODUCTS, [TP__MAX] = SAME(max), [TP__MIN] = SAME(min),
    [TP__ALL] = TRUTH(all), [TP__ANY] = TRUTH(any), [TP__MEAN] = FLOATS(sum, double, double),
    [TP__NANSUM] = FLOATS(nansum, double, double), [TP__NORM_0] = FLOATS(count, double, double), [TP__NORM_1] = FLOATS(absolutes, double, double),
    [TP__NORM_2] = FLOATS(squares, double, double), [TP__NORM_MAX] = FLOATS(farthest, float, double),
    [TP__NORM_MIN] = FLOATS(nearest, float, double),
}, {
    {find_f32, find_columns_f32}, {find_f64, find_columns_f64}, {find_i32, find_columns_i32},
    {find_i64, find_columns_i64}, {find_u8, find_columns_u8},   {find_u8, find_columns_u8},
}, narrow, {few_rows_f32, few_rows_f64}, {row_slope_f32, row_slope_f64}, {slope_f32, slope_f64}};
/* clang-format on */
