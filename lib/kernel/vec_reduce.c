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

/* A reducer's functions (reduce.h): the start and join, the row, the columns. R: element; L: lane; A: what is gathered in; zero: neutral element; of: what counts of the element e; step: a with such an
 * x taken in; usual: are there functions for the usual widths of columns?
 * lanes: 32 or 64 of a row. */
/* clang-format off */
#define ENDS(id, A, zero, step)                                                                    \
    static void id##_start(void *acc) { *(A *)acc = (A)(zero); }                                   \
    static void id##_join(const void *from, void *acc)                                             \
    { A x = *(const A *)from, a = *(A *)acc; *(A *)acc = (A)(step); }
#define ROW(id, lanes, R, L, A, zero, of, step)                                                    \
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
      id##_join(part, acc); }
#define COLUMNS(id, usual, R, L, A, zero, of, step)                                                \
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
      else if (usual && columns == 8) id##_lanes(rows, stride, 8, in, acc, fresh);                 \
      else id##_lanes(rows, stride, columns, in, acc, fresh); }
/* Of integers, which the compiler may take in any order: the lanes are its own. */
#define PLAIN_ROW(id, R, L, A, of, step)                                                           \
    static void id##_row(int64_t n, const void *in, void *acc)                                     \
    { const R *v = in; L a = (L)*(A *)acc; for (int64_t i = 0; i < n; i++) { R e = v[i]; L x = (L)(of); a = (L)(step); } *(A *)acc = (A)a; }
/* start and by: of one row */
#define ROWS(id, start, by, R, A)                                                                         \
    static void id##_rows(int64_t rows, int64_t apart, int64_t n, const void *in, void *acc)       \
    { const R *v = in; A *a = acc; for (int64_t r = 0; r < rows; r++) { start(&a[r]); by(n, v + r * apart, &a[r]); } }
#define REDUCER(id, usual, lanes, R, L, A, zero, of, step)                                         \
    ENDS(id, A, zero, step) ROW(id, lanes, R, L, A, zero, of, step) ROWS(id, id##_start, id##_row, R, A)       \
    COLUMNS(id, usual, R, L, A, zero, of, step)

/* The largest or smallest of floats, better than the others. Among numbers the choice is an instruction; where one is none
 * (odd), that is the result. */
#define EXTREME(id, lanes, R, B, zero, of, better)                                                 \
    ENDS(id, R, zero, better || x != x ? x : a)                                                    \
    COLUMNS(id, 0, R, R, R, zero, of, better || x != x ? x : a)                                    \
    static void id##_row(int64_t n, const void *in, void *acc)                                     \
    { const R *v = in; R lane[lanes], few[FEW], last = (zero); B odd[lanes], any = 0; int64_t i = 0; \
      for (int l = 0; l < lanes; l++) { lane[l] = (zero); odd[l] = 0; }                            \
      for (; i + lanes <= n; i += lanes)                                                           \
          for (int l = 0; l < lanes; l++)                                                          \
          { R e = v[i + l], a = lane[l], x = (of); lane[l] = better ? x : a; odd[l] |= (B)0 - (B)(x != x); } \
      for (int l = 0; l < FEW; l++) few[l] = (zero);                                               \
      for (; i + FEW <= n; i += FEW)                                                               \
          for (int l = 0; l < FEW; l++)                                                            \
          { R e = v[i + l], a = few[l], x = (of); few[l] = better ? x : a; odd[l] |= (B)0 - (B)(x != x); } \
      for (; i < n; i++) { R e = v[i], a = last, x = (of); last = better ? x : a; any |= (B)(x != x); } \
      for (int l = 0; l < lanes / 2; l++)                                                          \
      { R a = lane[l], x = lane[l + lanes / 2]; lane[l] = better ? x : a; odd[l] |= odd[l + lanes / 2]; } \
      for (int l = 0; l < lanes / 2 - 16; l++)                                                     \
      { R a = lane[l], x = lane[l + 16]; lane[l] = better ? x : a; odd[l] |= odd[l + 16]; }        \
      for (int l = 0; l < 8; l++) { R a = lane[l], x = lane[l + 8]; lane[l] = better ? x : a; odd[l] |= odd[l + 8]; } \
      for (int l = 0; l < FEW; l++) { R a = few[l], x = lane[l]; few[l] = better ? x : a; any |= odd[l]; } \
      for (i = 0; any; i++) { R e = v[i], x = (of); if (x != x) { *(R *)acc = x; return; } }       \
      for (int l = 0; l < 4; l++) { R a = few[l], x = few[l + 4]; few[l] = better ? x : a; }       \
      for (int l = 0; l < 2; l++) { R a = few[l], x = few[l + 2]; few[l] = better ? x : a; }       \
      { R a = few[0], x = few[1]; few[0] = better ? x : a; }                                       \
      { R a = few[0], x = last; few[0] = better ? x : a; }                                         \
      id##_join(few, acc); }                                                                       \
    ROWS(id, id##_start, id##_row, R, R)

#define CHOSEN(R) (sizeof(R) == sizeof(float) ? (int)MORE : (int)LANES)

#define WHOLE(id, R, L, A, zero, of, step)                                                         \
    ENDS(id, A, zero, step) PLAIN_ROW(id, R, L, A, of, step) ROWS(id, id##_start, id##_row, R, A)  \
    COLUMNS(id, 0, R, L, A, zero, of, step)
/* nansum: of what is a number; and what norms are made of; float32 squares in double, where they stay in range. */
#define FOR_FLOAT(R, S, B)                                                                            \
    REDUCER(sum_##S, 1, LANES, R, R, double, 0, e, a + x)                                          \
    REDUCER(prod_##S, 0, LANES, R, double, double, 1, e, a * x)                                    \
    REDUCER(all_##S, 0, LANES, R, R, uint8_t, 1, e != 0, (a != 0) & (x != 0))                      \
    REDUCER(any_##S, 0, LANES, R, R, uint8_t, 0, e != 0, (a != 0) | (x != 0))                      \
    REDUCER(nansum_##S, 0, LANES, R, R, double, 0, e == e ? e : 0, a + x)                                    \
    REDUCER(count_##S, 0, LANES, R, R, double, 0, e != 0, a + x)                                             \
    REDUCER(absolutes_##S, 0, LANES, R, R, double, 0, e <= 0 ? 0 - e : e, a + x)                                 \
    REDUCER(squares_##S, 0, LANES, R, double, double, 0, (double)e *(double)e, a + x)                        \
    EXTREME(max_##S, CHOSEN(R), R, B, -INFINITY, e, x > a)                                         \
    EXTREME(min_##S, CHOSEN(R), R, B, INFINITY, e, x < a)                                          \
    EXTREME(farthest_##S, CHOSEN(R), R, B, 0, e <= 0 ? 0 - e : e, x > a)                           \
    EXTREME(nearest_##S, CHOSEN(R), R, B, INFINITY, e <= 0 ? 0 - e : e, x < a)
#define FOR_INTEGER(R, S, LEAST, MOST)                                                             \
    WHOLE(sum_##S, R, uint64_t, int64_t, 0, e, a + x)                                              \
    WHOLE(prod_##S, R, uint64_t, int64_t, 1, e, a * x)                                             \
    WHOLE(max_##S, R, R, R, LEAST, e, x > a ? x : a)                                               \
    WHOLE(min_##S, R, R, R, MOST, e, x < a ? x : a)                                                \
    WHOLE(all_##S, R, uint8_t, uint8_t, 1, e != 0, a & x)                                          \
    WHOLE(any_##S, R, uint8_t, uint8_t, 0, e != 0, a | x)

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
FOR_FLOAT(float, f32, uint32_t)
FOR_FLOAT(double, f64, uint64_t)
FOR_INTEGER(int32_t, i32, INT32_MIN, INT32_MAX)
FOR_INTEGER(int64_t, i64, INT64_MIN, INT64_MAX)
FOR_INTEGER(uint8_t, u8, 0, UINT8_MAX)
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
    prod_f32_join(wide, acc);
    prod_f32_rows(1, 0, n - i, v + i, wide);
    prod_f32_join(wide, acc);
}
ROWS(prod_by_threes, prod_f32_start, prod_by_threes, float, double)

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

/* Signs, with 0 where x is; a result that is 0 passes nothing on. */
#define SIGN(x) ((x) > 0 ? 1 : (x) < 0 ? -1 : 0)
#define ROW_SLOPE(id, R)                                                                           \
    static void id(const tp__slopes *w, int64_t at, int64_t m, int64_t k)                          \
    { const R *x = (const R *)w->x + at; R *restrict gx = (R *)w->gx + at;                         \
      R y = ((const R *)w->y)[k], g = y == 0 ? 0 : ((const R *)w->g)[k], by = y == 0 ? 1 : y;      \
      if (w->p == 2 && !w->accumulate) { for (int64_t i = 0; i < m; i++) gx[i] = x[i] / by * g; }  \
      else if (w->p == 2) { for (int64_t i = 0; i < m; i++) gx[i] += x[i] / by * g; }              \
      else if (!w->accumulate) { for (int64_t i = 0; i < m; i++) gx[i] = x[i] > 0 ? g : x[i] < 0 ? -g : 0; } \
      else { for (int64_t i = 0; i < m; i++) gx[i] += x[i] > 0 ? g : x[i] < 0 ? -g : 0; } }
#define SLOPE(id, R)                                                                               \
    static void id(const tp__slopes *w, int64_t at, int64_t m, int64_t k, int64_t step)            \
    { const R *x = (const R *)w->x + at, *y = (const R *)w->y + k, *g = (const R *)w->g + k;       \
      R *gx = (R *)w->gx + at, share[TP__SLOPES], power[TP__SLOPES], by[TP__SLOPES], of[TP__SLOPES]; \
      if (step == 0) { for (int64_t i = 0; i < m; i++) { by[i] = *y; of[i] = *g; } }               \
      else { memcpy(by, y, (size_t)m * sizeof *by); memcpy(of, g, (size_t)m * sizeof *of); }       \
      for (int64_t i = 0; i < m; i++) { of[i] = by[i] == 0 ? 0 : of[i]; by[i] = by[i] == 0 ? 1 : by[i]; } \
      if (w->p == 2) { for (int64_t i = 0; i < m; i++) power[i] = x[i] / by[i] * of[i]; }          \
      else if (w->p == 1) { for (int64_t i = 0; i < m; i++) power[i] = (R)SIGN(x[i]) * of[i]; }    \
      else {                                                                                       \
          double order = w->p - 1;                                                                 \
          for (int64_t i = 0; i < m; i++) share[i] = x[i] == 0 ? 1 : (x[i] < 0 ? -x[i] : x[i]) / by[i]; \
          if (order == 2) { for (int64_t i = 0; i < m; i++) power[i] = share[i] * share[i]; }      \
          else w->power(m, power, (const void *[1]){share}, &order);                               \
          for (int64_t i = 0; i < m; i++) power[i] = (R)SIGN(x[i]) * power[i] * of[i]; }           \
      if (w->accumulate) { for (int64_t i = 0; i < m; i++) gx[i] += power[i]; }                    \
      else memcpy(gx, power, (size_t)m * sizeof *gx); }
ROW_SLOPE(row_slope_f32, float)
ROW_SLOPE(row_slope_f64, double)
SLOPE(slope_f32, float)
SLOPE(slope_f64, double)

#define ENTRY(name, S, A) {sizeof(A), name##_##S##_row, name##_##S##_rows, name##_##S##_columns, name##_##S##_start, name##_##S##_join}
#define WIDE(name) {ENTRY(name, f32, double), ENTRY(name, f64, double), ENTRY(name, i32, int64_t), \
                    ENTRY(name, i64, int64_t), ENTRY(name, u8, int64_t), ENTRY(name, u8, int64_t)}
#define PRODUCTS {{sizeof(double), prod_by_threes, prod_by_threes_rows, prod_f32_columns, prod_f32_start, prod_f32_join}, \
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
