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

/* R: element; L: lane; A: what is gathered in; zero: neutral element; of: what counts of the element e; step: a with such an
 * x taken in; usual: are there functions for the usual widths of columns?
 * lanes: 32 or 64 of a row. */
/* clang-format off */
#define REDUCER(id, usual, lanes, R, L, A, zero, of, step)                                                       \
    static void id##_start(void *acc) { *(A *)acc = (A)(zero); }                                   \
    static void id##_join(const void *from, void *acc)                                             \
    { A x = *(const A *)from, a = *(A *)acc; *(A *)acc = (A)(step); }                              \
    static void id##_row(int64_t n, const void *in, void *acc)                                     \
    { const R *v = in; L lane[lanes], few[FEW]; A part[lanes / 2], last = (A)(zero); int64_t i = 0;    \
      for (int l = 0; l < lanes; l++) lane[l] = (L)(zero);                                         \
      for (; i + lanes <= n; i += lanes)                                                           \
          for (int l = 0; l < lanes; l++) { R e = v[i + l]; L a = lane[l], x = (L)(of); lane[l] = (L)(step); } \
      for (int l = 0; l < FEW; l++) few[l] = (L)(zero);                                            \
      for (; i + FEW <= n; i += FEW)                                                               \
          for (int l = 0; l < FEW; l++) { R e = v[i + l]; L a = few[l], x = (L)(of); few[l] = (L)(step); } \
      for (; i < n; i++) { R e = v[i]; A a = last, x = (A)(L)(of); last = (A)(step); }             \
      for (int l = 0; l < lanes / 2; l++) { A a = (A)lane[l], x = (A)lane[l + lanes / 2]; part[l] = (A)(step); } \
      for (int l = 0; l < lanes / 2 - 16; l++) { A a = part[l], x = part[l + 16]; part[l] = (A)(step); } \
      for (int l = 0; l < 8; l++) { A a = part[l], x = part[l + 8]; part[l] = (A)(step); }         \
      for (int l = 0; l < FEW; l++) { A a = part[l], x = (A)few[l]; part[l] = (A)(step); }         \
      for (int l = 0; l < 4; l++) { A a = part[l], x = part[l + 4]; part[l] = (A)(step); }         \
      for (int l = 0; l < 2; l++) { A a = part[l], x = part[l + 2]; part[l] = (A)(step); }         \
      { A a = part[0], x = part[1]; part[0] = (A)(step); }                                         \
      { A a = part[0], x = last; part[0] = (A)(step); }                                            \
      id##_join(part, acc); }                                                                      \
    static ALWAYS_INLINE void id##_lanes(int64_t rows, int64_t stride, int64_t columns, const R *v, A *restrict to, bool fresh) \
    { for (int64_t c = 0; c < (fresh ? columns : 0); c++) to[c] = (A)(zero);                       \
      L lane[TP__COLUMNS];                                                                         \
      for (int64_t c = 0; c < columns; c++) lane[c] = (L)(zero);                                   \
      for (int64_t r = 0; r < rows; r++)                                                           \
          for (int64_t c = 0; c < columns; c++)                                                    \
          { R e = v[r * stride + c]; L a = lane[c], x = (L)(of); lane[c] = (L)(step); }            \
      for (int64_t c = 0; c < columns; c++) { A a = to[c], x = (A)lane[c]; to[c] = (A)(step); } } \
    static void id##_columns(int64_t rows, int64_t stride, int64_t columns, const void *in, void *acc, \
                             bool fresh)                                                           \
    { if (usual && columns == TP__COLUMNS) id##_lanes(rows, stride, TP__COLUMNS, in, acc, fresh);                  \
      else if (usual && columns == TP__COLUMNS / 2) id##_lanes(rows, stride, TP__COLUMNS / 2, in, acc, fresh);     \
      else id##_lanes(rows, stride, columns, in, acc, fresh); }

#define CHOSEN(R) (sizeof(R) == sizeof(float) ? (int)MORE : (int)LANES)
#define MAX_OF(R) _Generic((R)0, float: -INFINITY, double: -INFINITY, int32_t: INT32_MIN, int64_t: INT64_MIN, uint8_t: 0)
#define MIN_OF(R) _Generic((R)0, float: INFINITY, double: INFINITY, int32_t: INT32_MAX, int64_t: INT64_MAX, uint8_t: 255)

#define FOR_DTYPE(R, S, L, A, LP, usual)                                                                  \
    REDUCER(sum_##S, usual, LANES, R, L, A, 0, e, a + x)                                                         \
    REDUCER(prod_##S, 0, LANES, R, LP, A, 1, e, a *x)                                                        \
    REDUCER(max_##S, 0, CHOSEN(R), R, R, R, MAX_OF(R), e, x > a || x != x ? x : a)                               \
    REDUCER(min_##S, 0, CHOSEN(R), R, R, R, MIN_OF(R), e, x < a || x != x ? x : a)                               \
    REDUCER(all_##S, 0, LANES, R, R, uint8_t, 1, e != 0, (a != 0) & (x != 0))                                     \
    REDUCER(any_##S, 0, LANES, R, R, uint8_t, 0, e != 0, (a != 0) | (x != 0))

/* Sums of what is a number, and what norms are made of; float32 squares in double, where they stay in range. */
#define FOR_FLOAT(R, S)                                                                            \
    REDUCER(nansum_##S, 0, LANES, R, R, double, 0, e == e ? e : 0, a + x)                                    \
    REDUCER(count_##S, 0, LANES, R, R, double, 0, e != 0, a + x)                                             \
    REDUCER(absolutes_##S, 0, LANES, R, R, double, 0, e <= 0 ? 0 - e : e, a + x)                                 \
    REDUCER(squares_##S, 0, LANES, R, double, double, 0, (double)e *(double)e, a + x)                        \
    REDUCER(farthest_##S, 0, CHOSEN(R), R, R, R, 0, e <= 0 ? 0 - e : e, x > a || x != x ? x : a)                     \
    REDUCER(nearest_##S, 0, CHOSEN(R), R, R, R, INFINITY, e <= 0 ? 0 - e : e, x < a || x != x ? x : a)

/* A block is looked at as a whole, first; columns from the last row up. */
#define FINDER(S, R)                                                                               \
    static int64_t find_##S(int64_t n, const void *in, const void *best)                           \
    { const R *v = in, b = *(const R *)best; int64_t i = 0;                                        \
      for (int found = 0; i + 2 * LANES <= n; i += 2 * LANES) {                                    \
          for (int l = 0; l < 2 * LANES; l++) found |= (v[i + l] == b) | ((v[i + l] != v[i + l]) & (b != b)); \
          if (found) break; }                                                                      \
      for (; i < n - 1 && !(v[i] == b || (v[i] != v[i] && b != b)); i++);                          \
      return i; }                                                                                  \
    static void find_columns_##S(int64_t rows, int64_t stride, int64_t columns, const void *in, const void *best, \
                                 int64_t *index)                                                   \
    { const R *v = in, *b = best;                                                                  \
      for (int64_t c = 0; c < columns; c++) index[c] = rows - 1;                                   \
      for (int64_t r = rows - 1; r-- > 0;)                                                         \
          for (int64_t c = 0; c < columns; c++)                                                    \
          { R x = v[r * stride + c]; index[c] = (x == b[c]) | ((x != x) & (b[c] != b[c])) ? r : index[c]; } }
FINDER(f32, float)
FINDER(f64, double)
FINDER(i32, int32_t)
FINDER(i64, int64_t)
FINDER(u8, uint8_t)

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wfloat-conversion"
FOR_DTYPE(float, f32, float, double, double, 1)
FOR_DTYPE(double, f64, double, double, double, 1)
FOR_DTYPE(int32_t, i32, uint64_t, uint64_t, uint64_t, 0)
FOR_DTYPE(int64_t, i64, uint64_t, uint64_t, uint64_t, 0)
FOR_DTYPE(uint8_t, u8, uint64_t, uint64_t, uint64_t, 0)
FOR_FLOAT(float, f32)
FOR_FLOAT(double, f64)
#pragma GCC diagnostic pop

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

/* The sums of a column are those that REDUCER makes, without a place for them in between. */
#define FEW_ROWS(S, R)                                                                             \
    static ALWAYS_INLINE bool so_many_rows_##S(int64_t rows, int64_t stride, int64_t columns, const R *v, R *restrict out) \
    { uint64_t strange = 0;                                                                        \
      for (int64_t c = 0; c < columns; c++) {                                                      \
          double sum = 0; uint64_t b;                                                              \
          for (int64_t r = 0; r < rows; r++) sum += (double)v[r * stride + c];                     \
          out[c] = (R)sum;                                                                         \
          memcpy(&b, &sum, sizeof b);                                                              \
          strange |= -(uint64_t)((b << 1) >= (uint64_t)0x7ff << 53); }                             \
      return strange == 0; }                                                                       \
    static bool few_rows_##S(int64_t rows, int64_t stride, int64_t columns, const void *in, void *out) \
    { switch (rows) {                                                                              \
      case 2: return so_many_rows_##S(2, stride, columns, in, out);                                \
      case 3: return so_many_rows_##S(3, stride, columns, in, out);                                \
      case 4: return so_many_rows_##S(4, stride, columns, in, out);                                \
      case 5: return so_many_rows_##S(5, stride, columns, in, out);                                \
      case 6: return so_many_rows_##S(6, stride, columns, in, out);                                \
      case 7: return so_many_rows_##S(7, stride, columns, in, out);                                \
      default: return so_many_rows_##S(8, stride, columns, in, out); } }
FEW_ROWS(f32, float)
FEW_ROWS(f64, double)

#define ENTRY(name, S, A) {sizeof(A), name##_##S##_row, name##_##S##_columns, name##_##S##_start, name##_##S##_join}
#define WIDE(name) {ENTRY(name, f32, double), ENTRY(name, f64, double), ENTRY(name, i32, int64_t), \
                    ENTRY(name, i64, int64_t), ENTRY(name, u8, int64_t), ENTRY(name, u8, int64_t)}
#define SAME(name) {ENTRY(name, f32, float), ENTRY(name, f64, double), ENTRY(name, i32, int32_t),  \
                    ENTRY(name, i64, int64_t), ENTRY(name, u8, uint8_t), ENTRY(name, u8, uint8_t)}
#define TRUTH(name) {ENTRY(name, f32, uint8_t), ENTRY(name, f64, uint8_t), ENTRY(name, i32, uint8_t), \
                     ENTRY(name, i64, uint8_t), ENTRY(name, u8, uint8_t), ENTRY(name, u8, uint8_t)}
#define FLOATS(name, A32, A64) {ENTRY(name, f32, A32), ENTRY(name, f64, A64)}

const tp__reduce_table TP__OF_ISA(tp__reduce_table) = {{
    [TP__SUM] = WIDE(sum), [TP__PROD] = WIDE(prod), [TP__MAX] = SAME(max), [TP__MIN] = SAME(min),
    [TP__ALL] = TRUTH(all), [TP__ANY] = TRUTH(any), [TP__MEAN] = FLOATS(sum, double, double),
    [TP__NANSUM] = FLOATS(nansum, double, double), [TP__NORM_0] = FLOATS(count, double, double), [TP__NORM_1] = FLOATS(absolutes, double, double),
    [TP__NORM_2] = FLOATS(squares, double, double), [TP__NORM_MAX] = FLOATS(farthest, float, double),
    [TP__NORM_MIN] = FLOATS(nearest, float, double),
}, {
    {find_f32, find_columns_f32}, {find_f64, find_columns_f64}, {find_i32, find_columns_i32},
    {find_i64, find_columns_i64}, {find_u8, find_columns_u8},   {find_u8, find_columns_u8},
}, narrow, {few_rows_f32, few_rows_f64}};
/* clang-format on */
