/* conv_body.h - see vec_conv.c and conv.h: REAL and NAME are the type at hand and its suffix. */

typedef REAL NAME(line) __attribute__((vector_size(VECTOR), aligned(sizeof(REAL)), may_alias));

/* Elements of a line; of a tile's row; lines of that. */
#define LANES ((int)(VECTOR / sizeof(REAL)))
#define TILE (sizeof(REAL) == 8 ? 32 : 64)
#define LINES (TILE / LANES)

/* Short rows, by copies of known size that may overlap; two lines at a time, as a loop over one becomes a call of memmove. */
static ALWAYS_INLINE void NAME(copy)(int64_t n, const REAL *x, REAL *y)
{
    enum { W = sizeof(REAL) };
    if (n >= LANES) {
        int64_t i = 0;
        for (; i + 2 * LANES <= n; i += 2 * LANES) {
            NAME(line) a = *(const NAME(line) *)(x + i), b = *(const NAME(line) *)(x + i + LANES);
            *(NAME(line) *)(y + i) = a;
            *(NAME(line) *)(y + i + LANES) = b;
        }
        if (i + LANES < n)
            memcpy(y + i, x + i, VECTOR);
        if (i < n)
            memcpy(y + n - LANES, x + n - LANES, VECTOR);
    } else if (n * W >= 32) {
        memcpy(y, x, 32);
        memcpy(y + n - 32 / W, x + n - 32 / W, 32);
    } else if (n * W >= 16) {
        memcpy(y, x, 16);
        memcpy(y + n - 16 / W, x + n - 16 / W, 16);
    } else {
        for (int64_t i = 0; i < n; i++)
            y[i] = x[i];
    }
}

static ALWAYS_INLINE void NAME(copy_apart)(int64_t n, int64_t stride, const REAL *restrict x, REAL *restrict y)
{
    if (stride == 2)
        for (int64_t i = 0; i < n; i++)
            y[i] = x[2 * i];
    else
        for (int64_t i = 0; i < n; i++)
            y[i] = x[i * stride];
}

static void NAME(gather)(int runs, const tp__conv_run *run, int64_t channels, int64_t plane, int64_t stride,
                         int64_t step, const void *from, void *to)
{
    const REAL *x = from;
    REAL *column = to;
    for (int64_t c = 0; c < channels; c++, x += plane, column += step)
        for (int k = 0; k < runs; k++) {
            REAL *y = column + run[k].at;
            int32_t lo = run[k].lo, hi = run[k].hi;
            for (int32_t i = 0; i < lo; i++)
                y[i] = 0;
            if (hi > lo && stride == 1)
                NAME(copy)(hi - lo, x + run[k].from, y + lo);
            else if (hi > lo)
                NAME(copy_apart)(hi - lo, stride, x + run[k].from, y + lo);
            for (int32_t i = hi; i < run[k].n; i++)
                y[i] = 0;
        }
}

static void NAME(pick)(const int32_t *restrict place, int64_t channels, int64_t plane, int64_t step, const void *from,
                       void *to)
{
    const REAL *x = from;
    REAL *restrict column = to;
    for (int64_t c = 0; c < channels; c++, x += plane, column += step)
        for (int i = 0; i < TILE; i++)
            column[i] = place[i] < 0 ? 0 : x[place[i]];
}

static void NAME(spread)(int runs, const tp__conv_run *run, int64_t channels, int64_t plane, int64_t stride,
                         int64_t step, const void *from, void *to)
{
    const REAL *column = from;
    REAL *x = to;
    for (int64_t c = 0; c < channels; c++, x += plane, column += step)
        for (int k = 0; k < runs; k++) {
            const REAL *restrict y = column + run[k].at + run[k].lo;
            int32_t n = run[k].hi - run[k].lo;
            REAL *restrict a = n > 0 ? x + run[k].from : x;
            if (stride == 1)
                for (int32_t i = 0; i < n; i++)
                    a[i] = (REAL)(a[i] + y[i]);
            else
                for (int32_t i = 0; i < n; i++)
                    a[i * stride] = (REAL)(a[i * stride] + y[i]);
        }
}

static ALWAYS_INLINE void NAME(deposit_row)(int64_t n, const REAL *restrict x, const REAL *bias, bool accumulate,
                                            REAL *restrict y)
{
    REAL b = bias ? *bias : 0;
    if (x == NULL)
        for (int64_t i = 0; i < n; i++)
            y[i] = accumulate ? (REAL)(y[i] + b) : b;
    else if (accumulate)
        for (int64_t i = 0; i < n; i++)
            y[i] = (REAL)(y[i] + (REAL)(x[i] + b));
    else if (bias)
        for (int64_t i = 0; i < n; i++)
            y[i] = (REAL)(x[i] + b);
    else
        NAME(copy)(n, x, y);
}

static void NAME(deposit)(int64_t rows, int64_t n, const void *x, int64_t x_row, const void *bias, bool accumulate,
                          void *y, int64_t y_row)
{
    for (int64_t r = 0; r < rows; r++)
        NAME(deposit_row)(n, x ? (const REAL *)x + r * x_row : NULL, bias, accumulate, (REAL *)y + r * y_row);
}

#ifdef IS_F64 /* floats */

/* Some rows by WIDE lines of a tile. */
static ALWAYS_INLINE void NAME(multiply_rows)(int rows, int64_t k, const REAL *a, int64_t row, int64_t column,
                                              const REAL *b, bool accumulate, REAL *c)
{
    NAME(line) sum[4][WIDE];
    for (int r = 0; r < rows; r++)
        for (int j = 0; j < WIDE; j++)
            sum[r][j] = accumulate ? *(NAME(line) *)(c + r * TILE + j * LANES) : (NAME(line)){0};
    for (int64_t i = 0; i < k; i++, b += TILE, a += column)
        for (int j = 0; j < WIDE; j++) {
            NAME(line) x = *(const NAME(line) *)(b + j * LANES);
            for (int r = 0; r < rows; r++)
                sum[r][j] += x * a[r * row];
        }
    for (int r = 0; r < rows; r++)
        for (int j = 0; j < WIDE; j++)
            *(NAME(line) *)(c + r * TILE + j * LANES) = sum[r][j];
}

static void NAME(multiply)(int64_t m, int64_t k, const void *a, int64_t row, int64_t column, const void *b,
                           bool accumulate, void *c)
{
    for (int64_t i = 0; i < m; i += m - i < 4 ? 1 : 4)
        for (int j = 0; j < TILE; j += WIDE * LANES) {
            const REAL *left = (const REAL *)a + i * row, *right = (const REAL *)b + j;
            REAL *to = (REAL *)c + i * TILE + j;
            if (m - i < 4)
                NAME(multiply_rows)(1, k, left, row, column, right, accumulate, to);
            else
                NAME(multiply_rows)(4, k, left, row, column, right, accumulate, to);
        }
}

static ALWAYS_INLINE void NAME(dots_of)(int rows, int columns, int64_t m, const REAL *b, const REAL *a, REAL *c)
{
    NAME(line) sum[2][2];
    for (int r = 0; r < rows; r++)
        for (int s = 0; s < columns; s++)
            sum[r][s] = *(NAME(line) *)(c + (r * m + s) * LANES);
    for (int j = 0; j < LINES; j++)
        for (int r = 0; r < rows; r++)
            for (int s = 0; s < columns; s++)
                sum[r][s] += *(const NAME(line) *)(b + r * TILE + j * LANES) *
                             *(const NAME(line) *)(a + s * TILE + j * LANES);
    for (int r = 0; r < rows; r++)
        for (int s = 0; s < columns; s++)
            *(NAME(line) *)(c + (r * m + s) * LANES) = sum[r][s];
}

static void NAME(dots)(int64_t k, int64_t m, const void *left, const void *right, void *sums)
{
    for (int64_t i = 0; i < k; i += 2) {
        const REAL *b = (const REAL *)left + i * TILE;
        for (int64_t j = 0; j < m; j += 2) {
            const REAL *a = (const REAL *)right + j * TILE;
            REAL *c = (REAL *)sums + (i * m + j) * LANES;
            if (i + 1 < k && j + 1 < m)
                NAME(dots_of)(2, 2, m, b, a, c);
            else if (i + 1 < k)
                NAME(dots_of)(2, 1, m, b, a, c);
            else if (j + 1 < m)
                NAME(dots_of)(1, 2, m, b, a, c);
            else
                NAME(dots_of)(1, 1, m, b, a, c);
        }
    }
}

static void NAME(add_up)(int64_t n, const void *from, void *to)
{
    const REAL *c = from;
    REAL *sums = to;
    for (int64_t i = 0; i < n; i++) {
        REAL sum = 0;
        for (int j = 0; j < LANES; j++)
            sum = (REAL)(sum + c[i * LANES + j]);
        sums[i] = sum;
    }
}

/* ---- without tiles (conv_direct.c) ---- */

static ALWAYS_INLINE void NAME(shifted_of)(int rows, int lines, int64_t terms, const tp__conv_term *term, const REAL *w,
                                           int64_t row, const REAL *x, int64_t n, REAL *y)
{
    NAME(line) sum[4][WIDE];
    for (int r = 0; r < rows; r++)
        for (int j = 0; j < lines; j++)
            sum[r][j] = (NAME(line)){0};
    for (int64_t i = 0; i < terms; i++)
        for (int j = 0; j < lines; j++) {
            NAME(line) v = *(const NAME(line) *)(x + term[i].x + j * LANES);
            TP__HOLD(v);
            for (int r = 0; r < rows; r++)
                sum[r][j] += v * w[term[i].w + r * row];
        }
    for (int r = 0; r < rows; r++)
        for (int j = 0; j < lines; j++)
            *(NAME(line) *)(y + r * n + j * LANES) = sum[r][j];
}

static ALWAYS_INLINE void NAME(shifted_rows)(int rows, int64_t terms, const tp__conv_term *term, const REAL *w,
                                             int64_t row, const REAL *x, int64_t n, REAL *y)
{
    int64_t i = 0;
    for (; i + WIDE * LANES <= n; i += WIDE * LANES)
        NAME(shifted_of)(rows, WIDE, terms, term, w, row, x + i, n, y + i);
    for (; i + 2 * LANES <= n; i += 2 * LANES)
        NAME(shifted_of)(rows, 2, terms, term, w, row, x + i, n, y + i);
    for (; i < n; i += LANES)
        NAME(shifted_of)(rows, 1, terms, term, w, row, x + i, n, y + i);
}

static void NAME(shifted)(int64_t rows, int64_t terms, const tp__conv_term *term, const void *w, int64_t row,
                          const void *x, int64_t n, void *y)
{
    if (rows == 4)
        NAME(shifted_rows)(4, terms, term, w, row, x, n, y);
    else if (rows == 3)
        NAME(shifted_rows)(3, terms, term, w, row, x, n, y);
    else if (rows == 2)
        NAME(shifted_rows)(2, terms, term, w, row, x, n, y);
    else
        NAME(shifted_rows)(1, terms, term, w, row, x, n, y);
}

static ALWAYS_INLINE void NAME(distances_of)(int rows, int count, const tp__conv_term *term, const REAL *x,
                                             const REAL *y, int64_t n, int64_t terms, REAL *c)
{
    NAME(line) sum[4][9];
    for (int r = 0; r < rows; r++)
        for (int k = 0; k < count; k++)
            sum[r][k] = *(NAME(line) *)(c + (r * terms + k) * LANES);
    for (int64_t i = 0; i < n; i += LANES)
        for (int k = 0; k < count; k++) {
            NAME(line) v = *(const NAME(line) *)(x + term[k].x + i);
            TP__HOLD(v);
            for (int r = 0; r < rows; r++)
                sum[r][k] += v * *(const NAME(line) *)(y + r * n + i);
        }
    for (int r = 0; r < rows; r++)
        for (int k = 0; k < count; k++)
            *(NAME(line) *)(c + (r * terms + k) * LANES) = sum[r][k];
}

static void NAME(distances)(int64_t rows, int64_t terms, const tp__conv_term *term, const void *from, const void *with,
                            int64_t n, void *to)
{
    const REAL *x = from, *y = with;
    REAL *c = to;
    int64_t r = 0, k;
    for (; r + 4 <= rows; r += 4) {
        for (k = 0; k + 4 <= terms; k += 4)
            NAME(distances_of)(4, 4, term + k, x, y + r * n, n, terms, c + (r * terms + k) * LANES);
        for (; k < terms; k++)
            NAME(distances_of)(4, 1, term + k, x, y + r * n, n, terms, c + (r * terms + k) * LANES);
    }
    for (; r < rows; r++) {
        for (k = 0; k + 9 <= terms; k += 9) /* the taps of 3 x 3 */
            NAME(distances_of)(1, 9, term + k, x, y + r * n, n, terms, c + (r * terms + k) * LANES);
        for (; k < terms; k++)
            NAME(distances_of)(1, 1, term + k, x, y + r * n, n, terms, c + (r * terms + k) * LANES);
    }
}

/* ---- row by row (conv_direct.c) ---- */

/* Where vectors of results lie: in x, in y, and how many columns they have; are all whole? */
typedef struct {
    int64_t x[4], y[4], n[4];
    bool whole;
} NAME(places);

/* The next `count` vectors of all lines from column `at` of line `line` on; where there are less the last one is there again, with no columns. */
static ALWAYS_INLINE void NAME(next_places)(int count, const tp__conv_lines *l, int64_t *line, int64_t *at,
                                            NAME(places) * to)
{
    int64_t last = (l->columns - 1) / LANES * LANES;
    to->whole = true;
    for (int j = 0; j < count; j++) {
        bool more = *line < l->lines;
        int64_t row = more ? *line : l->lines - 1, column = more ? *at : last;
        to->x[j] = row * l->x_line + column;
        to->y[j] = row * l->y_line + column;
        to->n[j] = !more ? 0 : column < last ? LANES : l->columns - last;
        to->whole &= to->n[j] == LANES;
        *line += column == last;
        *at = column == last ? 0 : column + LANES;
    }
}

static ALWAYS_INLINE void NAME(put)(REAL *y, NAME(vec) v, int64_t n, bool accumulate)
{
    if (accumulate)
        v += n == LANES ? *(const NAME(vec) *)y : NAME(some)(y, n);
    if (n == LANES)
        *(NAME(vec) *)y = v;
    else
        NAME(put_some)(y, v, n);
}

/* Some outputs of so many vectors. */
static ALWAYS_INLINE void NAME(mix_of)(int outputs, int vectors, const tp__conv_lines *l, const NAME(places) * at,
                                       int64_t terms, const tp__conv_term *term, const REAL *w, int64_t row,
                                       const REAL *x, const REAL *bias, bool accumulate, REAL *y)
{
    NAME(vec) sum[4][4];
    for (int r = 0; r < outputs; r++)
        for (int j = 0; j < vectors; j++)
            sum[r][j] = (NAME(vec)){0} + (bias ? bias[r] : 0);
    for (int64_t i = 0; i < terms; i++)
        for (int j = 0; j < vectors; j++) {
            NAME(vec) v = *(const NAME(vec) *)(x + term[i].x + at->x[j]);
            TP__HOLD(v);
            for (int r = 0; r < outputs; r++)
                sum[r][j] += v * w[term[i].w + r * row];
        }
    for (int r = 0; r < outputs; r++, y += l->y_plane)
        for (int j = 0; j < vectors; j++)
            if (at->whole && !accumulate)
                *(NAME(vec) *)(y + at->y[j]) = sum[r][j];
            else
                NAME(put)(y + at->y[j], sum[r][j], at->n[j], accumulate);
}

static ALWAYS_INLINE void NAME(mix_outputs)(int outputs, const tp__conv_lines *l, int64_t terms,
                                            const tp__conv_term *term, const REAL *w, int64_t row, const REAL *x,
                                            const REAL *bias, bool accumulate, REAL *y)
{
    int64_t left = l->lines * ((l->columns - 1) / LANES + 1), line = 0, column = 0;
    NAME(places) at;
    for (; left > 2 && WIDE == 4; left -= 4) {
        NAME(next_places)(4, l, &line, &column, &at);
        NAME(mix_of)(outputs, WIDE, l, &at, terms, term, w, row, x, bias, accumulate, y);
    }
    for (; left > 0; left -= 2) {
        NAME(next_places)(2, l, &line, &column, &at);
        NAME(mix_of)(outputs, 2, l, &at, terms, term, w, row, x, bias, accumulate, y);
    }
}

static void NAME(mix)(const tp__conv_lines *l, int64_t outputs, int64_t terms, const tp__conv_term *term,
                      const void *weights, int64_t row, const void *from, const void *biases, bool accumulate, void *to)
{
    const REAL *w = weights, *x = from, *bias = biases;
    REAL *y = to;
    for (int64_t r = 0, n; r < outputs; r += n, w += n * row, bias += bias ? n : 0, y += n * l->y_plane) {
        n = outputs - r >= 4 ? 4 : outputs - r >= 2 ? 2 : 1;
        if (n == 4)
            NAME(mix_outputs)(4, l, terms, term, w, row, x, bias, accumulate, y);
        else if (n == 2)
            NAME(mix_outputs)(2, l, terms, term, w, row, x, bias, accumulate, y);
        else
            NAME(mix_outputs)(1, l, terms, term, w, row, x, bias, accumulate, y);
    }
}

/* Some outputs by some terms. */
static ALWAYS_INLINE void NAME(unmix_of)(int outputs, int count, const tp__conv_lines *l, const tp__conv_term *term,
                                         const REAL *x, const REAL *y, int64_t terms, REAL *c)
{
    NAME(vec) sum[4][4];
    for (int r = 0; r < outputs; r++)
        for (int k = 0; k < count; k++)
            sum[r][k] = *(NAME(vec) *)(c + (r * terms + k) * LANES);
    for (int64_t line = 0; line < l->lines; line++, x += l->x_line, y += l->y_line)
        for (int64_t at = 0, n; at < l->columns; at += LANES) {
            n = l->columns - at;
            NAME(vec) v[4];
            for (int k = 0; k < count; k++)
                v[k] = n >= LANES ? *(const NAME(vec) *)(x + term[k].x + at) : NAME(some)(x + term[k].x + at, n);
            for (int r = 0; r < outputs; r++) {
                const REAL *own = y + r * l->y_plane + at;
                NAME(vec) now = n >= LANES ? *(const NAME(vec) *)own : NAME(some)(own, n);
                for (int k = 0; k < count; k++)
                    sum[r][k] += v[k] * now;
            }
        }
    for (int r = 0; r < outputs; r++)
        for (int k = 0; k < count; k++)
            *(NAME(vec) *)(c + (r * terms + k) * LANES) = sum[r][k];
}

static void NAME(unmix)(const tp__conv_lines *l, int64_t outputs, int64_t terms, const tp__conv_term *term,
                        const void *from, const void *with, void *to)
{
    const REAL *x = from, *y = with;
    REAL *c = to;
    for (int64_t r = 0, n; r < outputs; r += n, y += n * l->y_plane, c += n * terms * LANES) {
        n = outputs - r >= 4 ? 4 : 1;
        int64_t k = 0;
        for (; k + 4 <= terms; k += 4)
            if (n == 4)
                NAME(unmix_of)(4, 4, l, term + k, x, y, terms, c + k * LANES);
            else
                NAME(unmix_of)(1, 4, l, term + k, x, y, terms, c + k * LANES);
        for (; k < terms; k++)
            if (n == 4)
                NAME(unmix_of)(4, 1, l, term + k, x, y, terms, c + k * LANES);
            else
                NAME(unmix_of)(1, 1, l, term + k, x, y, terms, c + k * LANES);
    }
}

#else

static void NAME(multiply)(int64_t m, int64_t k, const void *a, int64_t row, int64_t column, const void *b,
                           bool accumulate, void *c)
{
    const REAL *left = a, *right = b;
    REAL *restrict sum = c;
    for (int64_t r = 0; r < m; r++, sum += TILE) {
        for (int i = 0; i < TILE && !accumulate; i++)
            sum[i] = 0;
        for (int64_t j = 0; j < k; j++)
            for (int i = 0; i < TILE; i++)
                sum[i] = (REAL)(sum[i] + left[r * row + j * column] * right[j * TILE + i]);
    }
}

#endif

#undef LANES
#undef TILE
#undef LINES
