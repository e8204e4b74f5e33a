/* placed_body.h - see vec_placed.c: REAL and NAME are the type at hand and its suffix. */

#include "kernel/transpose_body.h"

/* ---- channels beside each other, and after each other ---- */

/* LANES pixels of 16 channels */
static ALWAYS_INLINE void NAME(gather_some)(const int32_t *place, int64_t channels, const REAL *x, int64_t plane,
                                            REAL *pixels)
{
    for (int l = 0; l < BLOCK; l += LANES) {
        NAME(vec) v[LANES];
        for (int c = 0; c < LANES; c++)
            v[c] = l + c < channels ? NAME(load)(x + (l + c) * plane) : (NAME(vec)){0};
        NAME(transpose)(v);
        for (int i = 0; i < LANES; i++)
            NAME(store)(pixels + place[i] + l, v[i]);
    }
}

static void NAME(gather)(int64_t n, const int32_t *place, int64_t channels, const void *from, int64_t plane, void *to)
{
    const REAL *x = from;
    REAL *pixels = to;
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        if (channels == BLOCK)
            NAME(gather_some)(place + i, BLOCK, x + i, plane, pixels);
        else
            NAME(gather_some)(place + i, channels, x + i, plane, pixels);
    if (i < n && n >= LANES)
        NAME(gather_some)(place + n - LANES, channels, x + n - LANES, plane, pixels);
    else
        for (; i < n; i++)
            for (int c = 0; c < BLOCK; c++)
                pixels[place[i] + c] = c < channels ? x[c * plane + i] : 0;
}

static ALWAYS_INLINE void NAME(scatter_some)(const int32_t *place, int64_t channels, const REAL *pixels,
                                             const REAL *bias, bool accumulate, REAL *y, int64_t plane)
{
    for (int l = 0; l < BLOCK && l < channels; l += LANES) {
        NAME(vec) v[LANES];
        for (int i = 0; i < LANES; i++)
            v[i] = NAME(load)(pixels + place[i] + l);
        NAME(transpose)(v);
        for (int c = 0; c < LANES; c++) {
            REAL *to = y + (l + c) * plane, b = bias && l + c < channels ? bias[l + c] : 0;
            if (l + c < channels)
                NAME(store)(to, accumulate ? NAME(load)(to) + (v[c] + b) : v[c] + b);
        }
    }
}

static void NAME(scatter)(int64_t n, const int32_t *place, int64_t channels, const void *from, const void *biases,
                          bool accumulate, void *to, int64_t plane)
{
    const REAL *pixels = from, *bias = biases;
    REAL *y = to;
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        if (channels == BLOCK && !accumulate)
            NAME(scatter_some)(place + i, BLOCK, pixels, bias, false, y + i, plane);
        else
            NAME(scatter_some)(place + i, channels, pixels, bias, accumulate, y + i, plane);
    if (i < n && n >= LANES && !accumulate)
        NAME(scatter_some)(place + n - LANES, channels, pixels, bias, false, y + n - LANES, plane);
    else
        for (; i < n; i++)
            for (int c = 0; c < channels; c++) {
                REAL *at = y + c * plane + i, v = pixels[place[i] + c] + (bias ? bias[c] : 0);
                *at = accumulate ? *at + v : v;
            }
}

/* ---- products ---- */

static ALWAYS_INLINE void NAME(multiply_block)(int rows, int wide, int64_t k, const REAL *a, const int32_t *row,
                                               const int32_t *column, const REAL *b, int64_t ldb, bool accumulate,
                                               REAL *c, int64_t ldc)
{
    NAME(vec) sum[TALL][WIDE];
    const REAL *from[TALL];
    for (int r = 0; r < rows; r++) {
        from[r] = a + row[r];
        for (int j = 0; j < wide; j++) {
            sum[r][j] = (NAME(vec)){0};
            __builtin_prefetch(c + r * ldc + j * LANES, 1);
        }
    }
    for (int64_t i = 0; i < k; i++, b += ldb) {
        NAME(vec) x[WIDE];
        int64_t at = column[i];
        for (int j = 0; j < wide; j++)
            x[j] = NAME(load)(b + j * LANES);
        for (int r = 0; r < rows; r++)
            for (int j = 0; j < wide; j++)
                sum[r][j] += x[j] * from[r][at];
    }
    for (int r = 0; r < rows; r++)
        for (int j = 0; j < wide; j++)
            if (accumulate)
                NAME(store)(c + r * ldc + j * LANES, NAME(load)(c + r * ldc + j * LANES) + sum[r][j]);
            else
                NAME(store)(c + r * ldc + j * LANES, sum[r][j]);
}

/* All rows by some vectors of columns. */
static ALWAYS_INLINE void NAME(multiply_wide)(int wide, int64_t m, int64_t k, const REAL *a, const int32_t *row,
                                              const int32_t *column, const REAL *b, int64_t ldb, bool accumulate,
                                              REAL *c, int64_t ldc)
{
    for (; wide == 1 && m >= TALL; m -= TALL, row += TALL, c += TALL * ldc)
        NAME(multiply_block)(TALL, 1, k, a, row, column, b, ldb, accumulate, c, ldc);
    for (; m >= ROWS; m -= ROWS, row += ROWS, c += ROWS * ldc)
        NAME(multiply_block)(ROWS, wide, k, a, row, column, b, ldb, accumulate, c, ldc);
    if (ROWS > 4 && m >= 4) {
        NAME(multiply_block)(4, wide, k, a, row, column, b, ldb, accumulate, c, ldc);
        m -= 4, row += 4, c += 4 * ldc;
    }
    if (m >= 2) {
        NAME(multiply_block)(2, wide, k, a, row, column, b, ldb, accumulate, c, ldc);
        m -= 2, row += 2, c += 2 * ldc;
    }
    if (m)
        NAME(multiply_block)(1, wide, k, a, row, column, b, ldb, accumulate, c, ldc);
}

static void NAME(multiply)(int64_t m, int64_t n, int64_t k, const void *left, const int32_t *row, const int32_t *column,
                           const void *right, int64_t ldb, bool accumulate, void *to, int64_t ldc)
{
    const REAL *a = left, *b = right;
    REAL *c = to;
    for (; n >= WIDE * LANES; n -= WIDE * LANES, b += WIDE * LANES, c += WIDE * LANES)
        NAME(multiply_wide)(WIDE, m, k, a, row, column, b, ldb, accumulate, c, ldc);
    if (WIDE > 2 && n == 3 * LANES)
        NAME(multiply_wide)(WIDE > 2 ? 3 : 1, m, k, a, row, column, b, ldb, accumulate, c, ldc);
    else if (WIDE > 2 && n == 2 * LANES)
        NAME(multiply_wide)(2, m, k, a, row, column, b, ldb, accumulate, c, ldc);
    else if (n > 0)
        NAME(multiply_wide)(1, m, k, a, row, column, b, ldb, accumulate, c, ldc);
}

#undef LANES
