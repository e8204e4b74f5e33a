/* vec_reduce.c - chunk functions of the reductions; compiled once an instruction set (TP__ISA).
 *
 * A chunk is gathered in LANES independent lanes, which the compiler keeps in vector registers, and the
 * lanes are joined by halves: the same bits on any machine with the same lanes, on any number of threads.
 */
#include "kernel/reduce.h"

#include <math.h>

#define PASTE2(a, b) a##b
#define PASTE(a, b) PASTE2(a, b)

enum { LANES = 32 };

/* R: element; L: lane; A: what is gathered in; zero: neutral element; of: what counts of the element e; step: a with such an
 * x taken in. */
/* clang-format off */
#define REDUCER(id, R, L, A, zero, of, step)                                                       \
    static void id##_start(void *acc) { *(A *)acc = (A)(zero); }                                   \
    static void id##_join(const void *from, void *acc)                                             \
    { A x = *(const A *)from, a = *(A *)acc; *(A *)acc = (A)(step); }                              \
    static void id##_row(int64_t n, const void *in, void *acc)                                     \
    { const R *v = in; L lane[LANES]; int64_t i = 0;                                               \
      for (int l = 0; l < LANES; l++) lane[l] = (L)(zero);                                         \
      for (; i + LANES <= n; i += LANES)                                                           \
          for (int l = 0; l < LANES; l++) { R e = v[i + l]; L a = lane[l], x = (L)(of); lane[l] = (L)(step); } \
      for (int l = 0; i < n; i++, l++) { R e = v[i]; L a = lane[l], x = (L)(of); lane[l] = (L)(step); } \
      A part[LANES];                                                                               \
      for (int l = 0; l < LANES; l++) part[l] = (A)lane[l];                                        \
      for (int w = LANES / 2; w > 0; w /= 2)                                                       \
          for (int l = 0; l < w; l++) { A a = part[l], x = part[l + w]; part[l] = (A)(step); }     \
      id##_join(part, acc); }                                                                        \
    static void id##_columns(int64_t rows, int64_t stride, int64_t columns, const void *in, void *acc) \
    { const R *v = in; A *to = acc; L lane[TP__COLUMNS];                                           \
      for (int64_t c = 0; c < columns; c++) lane[c] = (L)(zero);                                   \
      for (int64_t r = 0; r < rows; r++)                                                           \
          for (int64_t c = 0; c < columns; c++)                                                    \
          { R e = v[r * stride + c]; L a = lane[c], x = (L)(of); lane[c] = (L)(step); }            \
      for (int64_t c = 0; c < columns; c++) { A a = to[c], x = (A)lane[c]; to[c] = (A)(step); } }

#define MAX_OF(R) _Generic((R)0, float: -INFINITY, double: -INFINITY, int32_t: INT32_MIN, int64_t: INT64_MIN, uint8_t: 0)
#define MIN_OF(R) _Generic((R)0, float: INFINITY, double: INFINITY, int32_t: INT32_MAX, int64_t: INT64_MAX, uint8_t: 255)

#define FOR_DTYPE(R, S, L, A, LP)                                                                  \
    REDUCER(sum_##S, R, L, A, 0, e, a + x)                                                         \
    REDUCER(prod_##S, R, LP, A, 1, e, a *x)                                                        \
    REDUCER(max_##S, R, R, R, MAX_OF(R), e, x > a || x != x ? x : a)                               \
    REDUCER(min_##S, R, R, R, MIN_OF(R), e, x < a || x != x ? x : a)                               \
    REDUCER(all_##S, R, R, uint8_t, 1, e, (a != 0) & (x != 0))                                     \
    REDUCER(any_##S, R, R, uint8_t, 0, e, (a != 0) | (x != 0))

/* What norms are made of; float32 squares in double, where they stay in range. */
#define FOR_FLOAT(R, S)                                                                            \
    REDUCER(count_##S, R, R, double, 0, e != 0, a + x)                                             \
    REDUCER(absolutes_##S, R, R, double, 0, e <= 0 ? 0 - e : e, a + x)                                 \
    REDUCER(squares_##S, R, double, double, 0, (double)e *(double)e, a + x)                        \
    REDUCER(farthest_##S, R, R, R, 0, e <= 0 ? 0 - e : e, x > a || x != x ? x : a)                     \
    REDUCER(nearest_##S, R, R, R, INFINITY, e <= 0 ? 0 - e : e, x < a || x != x ? x : a)

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wfloat-conversion"
FOR_DTYPE(float, f32, float, double, double)
FOR_DTYPE(double, f64, double, double, double)
FOR_DTYPE(int32_t, i32, uint64_t, uint64_t, uint64_t)
FOR_DTYPE(int64_t, i64, uint64_t, uint64_t, uint64_t)
FOR_DTYPE(uint8_t, u8, uint64_t, uint64_t, uint64_t)
FOR_FLOAT(float, f32)
FOR_FLOAT(double, f64)
#pragma GCC diagnostic pop

#define ENTRY(name, S, A) {sizeof(A), name##_##S##_row, name##_##S##_columns, name##_##S##_start, name##_##S##_join}
#define WIDE(name) {ENTRY(name, f32, double), ENTRY(name, f64, double), ENTRY(name, i32, int64_t), \
                    ENTRY(name, i64, int64_t), ENTRY(name, u8, int64_t), ENTRY(name, u8, int64_t)}
#define SAME(name) {ENTRY(name, f32, float), ENTRY(name, f64, double), ENTRY(name, i32, int32_t),  \
                    ENTRY(name, i64, int64_t), ENTRY(name, u8, uint8_t), ENTRY(name, u8, uint8_t)}
#define TRUTH(name) {ENTRY(name, f32, uint8_t), ENTRY(name, f64, uint8_t), ENTRY(name, i32, uint8_t), \
                     ENTRY(name, i64, uint8_t), ENTRY(name, u8, uint8_t), ENTRY(name, u8, uint8_t)}
#define FLOATS(name, A32, A64) {ENTRY(name, f32, A32), ENTRY(name, f64, A64)}

const tp__reduce_table PASTE(tp__reduce_table_, TP__ISA) = {{
    [TP__SUM] = WIDE(sum), [TP__PROD] = WIDE(prod), [TP__MAX] = SAME(max), [TP__MIN] = SAME(min),
    [TP__ALL] = TRUTH(all), [TP__ANY] = TRUTH(any), [TP__MEAN] = FLOATS(sum, double, double),
    [TP__NORM_0] = FLOATS(count, double, double), [TP__NORM_1] = FLOATS(absolutes, double, double),
    [TP__NORM_2] = FLOATS(squares, double, double), [TP__NORM_MAX] = FLOATS(farthest, float, double),
    [TP__NORM_MIN] = FLOATS(nearest, float, double),
}};
/* clang-format on */
