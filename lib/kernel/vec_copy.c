/* vec_copy.c - elements that are converted, and planes that are turned or whose rows repeat an element; compiled once an
 * instruction set (TP__ISA). */
#include "kernel/copy.h"

#include "kernel/vec_math.h"

#include <string.h>

/* tp__to_i64 and tp__to_i32, by a choice of what is converted, which the compiler takes for no branch */
#define INSIDE64(x) ((x) >= -0x1p63 && (x) < 0x1p63)
#define INSIDE32(x) ((x) > -0x1p31 - 1 && (x) < 0x1p31)
static inline int64_t whole64(double x) { return INSIDE64(x) ? (int64_t)v_either(INSIDE64(x), x, 0) : INT64_MIN; }
static inline int64_t whole64f(float x) { return INSIDE64(x) ? (int64_t)v_eitherf(INSIDE64(x), x, 0) : INT64_MIN; }
static inline int32_t whole32(double x) { return INSIDE32(x) ? (int32_t)v_either(INSIDE32(x), x, 0) : INT32_MIN; }
#define WRAP64(x) ((int64_t)(x))
#define WRAP32(x) ((uint32_t)(uint64_t)(x))
/* clang-format off */
#define CONVERT(id, to, from, formula)                                                             \
    static void id(int64_t n, void *out, const void *in)                                           \
    { to *restrict o = out; const from *a = in; for (int64_t i = 0; i < n; i++) { from x = a[i]; o[i] = (to)(formula); } }
#define CONVERSIONS(from, S, TO64, TO32)                                                               \
    CONVERT(S##_to_f32, float, from, x)                                                            \
    CONVERT(S##_to_f64, double, from, x)                                                           \
    CONVERT(S##_to_i32, int32_t, from, TO32(x))                                                    \
    CONVERT(S##_to_i64, int64_t, from, TO64(x))                                                   \
    CONVERT(S##_to_u8, uint8_t, from, (uint64_t)TO64(x))                                          \
    CONVERT(S##_to_bool, uint8_t, from, x != 0)
CONVERSIONS(float, f32, whole64f, whole32)
CONVERSIONS(double, f64, whole64, whole32)
CONVERSIONS(int32_t, i32, WRAP64, WRAP32)
CONVERSIONS(int64_t, i64, WRAP64, WRAP32)
CONVERSIONS(uint8_t, u8, WRAP64, WRAP32)
#define ROW(S) \
    {[TP_F32] = S##_to_f32, [TP_F64] = S##_to_f64, [TP_I32] = S##_to_i32, [TP_I64] = S##_to_i64, [TP_U8] = S##_to_u8, [TP_BOOL] = S##_to_bool}
/* clang-format on */

/* n rows of one element each, as often as there are columns: a power of two of them are stored at once. */
/* clang-format off */
#define REPEAT(name, type)                                                                   \
    static void name(tp__plane p, void *to, const void *from)                                      \
    { const type *a = from; type *o = to; int64_t row = p.from_row;                                \
      if (p.to_row != p.columns || (p.columns != 2 && p.columns != 4 && p.columns != 8)) {         \
          for (int64_t r = 0; r < p.rows; r++) { type x = a[r * row]; for (int64_t k = 0; k < p.columns; k++) o[r * p.to_row + k] = x; }     \
      } else if (p.columns == 2) {                                                                 \
          for (int64_t r = 0; r < p.rows; r++, o += 2) o[0] = o[1] = a[r * row];                   \
      } else if (p.columns == 4) {                                                                 \
          for (int64_t r = 0; r < p.rows; r++, o += 4) for (int k = 0; k < 4; k++) o[k] = a[r * row]; \
      } else {                                                                                     \
          for (int64_t r = 0; r < p.rows; r++, o += 8) { type x = a[r * row]; for (int k = 0; k < 8; k++) o[k] = x; } \
      } }
REPEAT(repeat4, uint32_t)
REPEAT(repeat8, uint64_t)
/* clang-format on */

/* Planes whose rows lie side by side on one side and whose columns do on the other go by blocks of whole cache lines. */
/* clang-format off */
#define TRANSPOSE(name, type)                                                                      \
    static void name(tp__plane p, void *to, const void *from)                                      \
    { enum { R = 64 / sizeof(type), C = 8 }; type b[C][R];                                         \
      for (int64_t r = 0; r < p.rows; r += R) for (int64_t c = 0; c < p.columns; c += C) {         \
          const type *in = (const type *)from + r + c * p.from_column; type *out = (type *)to + r * p.to_row + c; \
          int64_t rows = p.rows - r < R ? p.rows - r : R, columns = p.columns - c < C ? p.columns - c : C; \
          if (rows == R && columns == C) {                                                         \
              for (int k = 0; k < C; k++) memcpy(b[k], in + k * p.from_column, sizeof b[k]);       \
              for (int k = 0; k < C; k++) tp__prefetch(in, (k + 2 * C) * p.from_column, 1, sizeof(type)); \
              for (int i = 0; i < R; i++) for (int k = 0; k < C; k++) out[i * p.to_row + k] = b[k][i]; \
          } else {                                                                                 \
              for (int64_t i = 0; i < rows; i++) for (int64_t k = 0; k < columns; k++)             \
                  out[i * p.to_row + k] = in[i + k * p.from_column];                               \
          } } }
TRANSPOSE(transpose1, uint8_t)
TRANSPOSE(transpose4, uint32_t)
TRANSPOSE(transpose8, uint64_t)
/* clang-format on */

/* What takes turns is brought apart: short rows without gaps become as many long ones. */
/* clang-format off */
#define OF_ROWS(R)                                                                                 \
    case R:                                                                                        \
        for (int64_t c = 0; c < p.columns; c++) for (int r = 0; r < R; r++) o[r * p.to_row + c] = a[c * R + r]; \
        return;
#define APART(name, type)                                                                          \
    static void name(tp__plane p, void *to, const void *from)                                      \
    { type *restrict o = to; const type *a = from;                                                 \
      switch (p.rows) { OF_ROWS(3) OF_ROWS(4) OF_ROWS(5) OF_ROWS(6) default: OF_ROWS(7) } }
APART(apart4, uint32_t)
APART(apart8, uint64_t)
/* clang-format on */

/* clang-format off */
#define NEAR(name, type, step)                                                                     \
    static void name(int64_t n, void *to, const void *from)                                        \
    { type *restrict o = to; const type *a = from; for (int64_t i = 0; i < n; i++) o[i] = a[i * (step)]; }
NEAR(turn4, uint32_t, -1)
NEAR(turn8, uint64_t, -1)
NEAR(pairs4, uint32_t, 2)
NEAR(pairs8, uint64_t, 2)
/* clang-format on */

/* Those of `to` are whole but for the first, which is written twice in part. */
static size_t lines(void *to, const void *from, size_t n)
{
    enum { LINE = 64 };
    char *out = to, line[LINE];
    const char *in = from;
    size_t i = LINE - (uintptr_t)to % LINE;
    if (n < LINE)
        return 0;
    memcpy(out, in, LINE);
    for (; i + LINE <= n; i += LINE) {
        memcpy(line, in + i, LINE);
        memcpy(out + i, line, LINE);
    }
    return i;
}

TP__DTYPES_ARE(6); /* rows, and columns */
const tp__copy_table TP__OF_ISA(tp__copy_table) = {
    .convert = {[TP_F32] = ROW(f32),
                [TP_F64] = ROW(f64),
                [TP_I32] = ROW(i32),
                [TP_I64] = ROW(i64),
                [TP_U8] = ROW(u8),
                [TP_BOOL] = ROW(u8)},
    .repeat = {repeat4, repeat8},
    .transpose = {transpose1, transpose4, transpose8},
    .apart = {apart4, apart8},
    .turn = {turn4, turn8},
    .pairs = {pairs4, pairs8},
    .lines = lines,
};
