/* vec_copy.c - planes that are turned, or whose rows repeat an element; compiled once an instruction set (TP__ISA). */
#include "kernel/copy.h"

#include <string.h>

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

const tp__copy_table TP__OF_ISA(tp__copy_table) = {
    .repeat = {repeat4, repeat8},
    .transpose = {transpose1, transpose4, transpose8},
    .turn = {turn4, turn8},
    .pairs = {pairs4, pairs8},
    .lines = lines,
};
