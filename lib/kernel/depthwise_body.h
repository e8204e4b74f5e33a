/* depthwise_body.h - see vec_depthwise.c and depthwise.h: REAL and NAME are the type at hand and its suffix. */

#define LANES ((int64_t)(VECTOR / sizeof(REAL)))

static ALWAYS_INLINE NAME(vec) NAME(load)(const REAL *x, int64_t n, bool whole)
{
    return whole ? *(const NAME(vec) *)x : NAME(some)(x, n);
}

/* What a row of three taps reads; its weights; the sums of its products. */
typedef struct {
    NAME(vec) a, b, c;
} NAME(three);

static ALWAYS_INLINE NAME(three) NAME(read)(const tp__depthwise *d, const REAL *x, int64_t n, bool whole)
{
    NAME(three)
    v = {NAME(load)(x + d->at[0], n, whole), NAME(load)(x + d->at[1], n, whole), NAME(load)(x + d->at[2], n, whole)};
    TP__HOLD(v.a);
    TP__HOLD(v.b);
    TP__HOLD(v.c);
    return v;
}

static ALWAYS_INLINE void NAME(put)(REAL *y, NAME(vec) v, int64_t n, bool accumulate)
{
    if (accumulate)
        v += NAME(load)(y, n, n >= LANES);
    if (n >= LANES)
        *(NAME(vec) *)y = v;
    else
        NAME(put_some)(y, v, n);
}

/* ---- sums ---- */

static ALWAYS_INLINE NAME(three) NAME(weights)(const REAL *w)
{
    const NAME(vec) zero = {0};
    return (NAME(three)){zero + w[0], zero + w[1], zero + w[2]};
}

static ALWAYS_INLINE NAME(vec) NAME(sum)(NAME(vec) sum, NAME(three) v, NAME(three) w)
{
    return sum + v.a * w.a + v.b * w.b + v.c * w.c;
}

/* Rows of more than two vectors that are gone down at once: memory is written in longer runs than a vector. */
enum { NAME(DOWN) = 8 };

/* Three by three, each row of x the next one of y's, or (`twice`) every other: a vector of columns downwards, where a row that is read
 * goes into all results that see it. */
static ALWAYS_INLINE void NAME(sums_down)(bool twice, const tp__depthwise *d, int64_t rows, const REAL *x,
                                          const REAL *w, REAL first, bool accumulate, REAL *y)
{
    const NAME(three) w0 = NAME(weights)(w), w1 = NAME(weights)(w + 3), w2 = NAME(weights)(w + 6);
    const NAME(vec) none = (NAME(vec)){0} + first;
    for (int64_t c = 0; c < d->columns; c += LANES) {
        const REAL *from = x + c;
        REAL *to = y + c;
        NAME(three) v = NAME(read)(d, from, 0, true);
        NAME(vec) now = NAME(sum)(none, v, w0), next = none;
        if (!twice) {
            v = NAME(read)(d, from += d->tap, 0, true);
            now = NAME(sum)(now, v, w1);
            next = NAME(sum)(none, v, w0);
        }
        for (int64_t r = 0; r < rows; r++, to += d->pitch) {
            if (twice)
                now = NAME(sum)(now, NAME(read)(d, from += d->tap, 0, true), w1);
            v = NAME(read)(d, from += d->tap, 0, true);
            NAME(put)(to, NAME(sum)(now, v, w2), d->columns - c, accumulate);
            now = twice ? NAME(sum)(none, v, w0) : NAME(sum)(next, v, w1);
            next = NAME(sum)(none, v, w0);
        }
    }
}

/* Of some rows, n columns of a vector, of any kernel. */
static ALWAYS_INLINE void NAME(sums_of)(int rows, const tp__depthwise *d, const REAL *x, const REAL *w, REAL first,
                                        bool accumulate, REAL *y, int64_t n)
{
    NAME(vec) sum[4];
    for (int r = 0; r < rows; r++)
        sum[r] = (NAME(vec)){0} + first;
    for (int64_t i = 0; i < d->kernel[0]; i++)
        for (int64_t j = 0; j < d->kernel[1]; j++, w++)
            for (int r = 0; r < rows; r++)
                sum[r] += *(const NAME(vec) *)(x + i * d->tap + d->at[j] + r * d->step) * *w;
    for (int r = 0; r < rows; r++)
        NAME(put)(y + r * d->pitch, sum[r], n, accumulate);
}

static bool NAME(are_three)(const tp__depthwise *d) { return d->kernel[0] == 3 && d->kernel[1] == 3; }

static void NAME(sums)(const tp__depthwise *d, int64_t rows, const void *from, const void *w, const void *bias,
                       bool accumulate, void *to)
{
    const REAL *x = from;
    REAL first = bias ? *(const REAL *)bias : 0, *y = to;
    bool once = d->step == d->tap, twice = d->step == 2 * d->tap;
    for (int64_t r = 0, n; NAME(are_three)(d) && (once || twice) && r < rows; r += n) {
        n = rows - r < 2 * NAME(DOWN) || d->columns <= 2 * LANES ? rows - r : NAME(DOWN);
        if (once)
            NAME(sums_down)(false, d, n, x + r * d->step, w, first, accumulate, y + r * d->pitch);
        else
            NAME(sums_down)(true, d, n, x + r * d->step, w, first, accumulate, y + r * d->pitch);
    }
    if (NAME(are_three)(d) && (once || twice))
        return;
    for (int64_t r = 0, n; r < rows; r += n, x += n * d->step, y += n * d->pitch) {
        n = rows - r < 4 ? 1 : 4;
        for (int64_t c = 0; c < d->columns; c += LANES)
            if (n == 4)
                NAME(sums_of)(4, d, x + c, w, first, accumulate, y + c, d->columns - c);
            else
                NAME(sums_of)(1, d, x + c, w, first, accumulate, y + c, d->columns - c);
    }
}

/* ---- products ---- */

static ALWAYS_INLINE void NAME(add)(NAME(three) * sum, NAME(three) v, NAME(vec) y)
{
    sum->a += v.a * y;
    sum->b += v.b * y;
    sum->c += v.c * y;
}

/* Three by three places, n columns of a vector, all rows. */
static ALWAYS_INLINE void NAME(nine_products)(const tp__depthwise *d, int64_t rows, const REAL *x, const REAL *y,
                                              int64_t n, bool whole, NAME(three) * sum)
{
    NAME(three) s0 = sum[0], s1 = sum[1], s2 = sum[2];
    for (int64_t r = 0; r < rows; r++, x += d->step, y += d->pitch) {
        NAME(vec) now = NAME(load)(y, n, whole);
        NAME(add)(&s0, NAME(read)(d, x, n, whole), now);
        NAME(add)(&s1, NAME(read)(d, x + d->tap, n, whole), now);
        NAME(add)(&s2, NAME(read)(d, x + 2 * d->tap, n, whole), now);
    }
    sum[0] = s0, sum[1] = s1, sum[2] = s2;
}

/* The same of two rows at least where each row of x is the next one of y's, with which three of y are multiplied at once. */
static ALWAYS_INLINE void NAME(rolling_products)(const tp__depthwise *d, int64_t rows, const REAL *x, const REAL *y,
                                                 int64_t n, bool whole, NAME(three) * sum)
{
    NAME(three) s0 = sum[0], s1 = sum[1], s2 = sum[2], v = NAME(read)(d, x, n, whole);
    NAME(vec) before = NAME(load)(y, n, whole), last = NAME(load)(y += d->pitch, n, whole), now;
    NAME(add)(&s0, v, before);
    v = NAME(read)(d, x += d->tap, n, whole);
    NAME(add)(&s0, v, last);
    NAME(add)(&s1, v, before);
    for (int64_t r = 2; r < rows; r++, before = last, last = now) {
        v = NAME(read)(d, x += d->tap, n, whole);
        now = NAME(load)(y += d->pitch, n, whole);
        NAME(add)(&s0, v, now);
        NAME(add)(&s1, v, last);
        NAME(add)(&s2, v, before);
    }
    v = NAME(read)(d, x += d->tap, n, whole);
    NAME(add)(&s1, v, last);
    NAME(add)(&s2, v, before);
    NAME(add)(&s2, NAME(read)(d, x + d->tap, n, whole), last);
    sum[0] = s0, sum[1] = s1, sum[2] = s2;
}

static void NAME(products_of_nine)(const tp__depthwise *d, int64_t rows, const REAL *x, const REAL *y, REAL *vectors)
{
    NAME(three) sum[3];
    memcpy(sum, vectors, sizeof sum);
    bool rolls = d->step == d->tap && rows > 1;
    for (int64_t c = 0, n; c < d->columns; c += LANES) {
        n = d->columns - c;
        if (rolls && n >= LANES)
            NAME(rolling_products)(d, rows, x + c, y + c, n, true, sum);
        else if (rolls)
            NAME(rolling_products)(d, rows, x + c, y + c, n, false, sum);
        else if (n >= LANES)
            NAME(nine_products)(d, rows, x + c, y + c, n, true, sum);
        else
            NAME(nine_products)(d, rows, x + c, y + c, n, false, sum);
    }
    memcpy(vectors, sum, sizeof sum);
}

/* Some places of a row of the kernel. */
static ALWAYS_INLINE void NAME(products_of_row)(int places, const tp__depthwise *d, int64_t rows, const REAL *x,
                                                const int64_t *at, const REAL *y, NAME(vec) * vectors)
{
    NAME(vec) sum[4];
    for (int j = 0; j < places; j++)
        sum[j] = vectors[j];
    for (int64_t r = 0; r < rows; r++, x += d->step, y += d->pitch)
        for (int64_t c = 0; c < d->columns; c += LANES) {
            int64_t n = d->columns - c;
            NAME(vec) now = NAME(load)(y + c, n, n >= LANES);
            for (int j = 0; j < places; j++)
                sum[j] += now * NAME(load)(x + at[j] + c, n, n >= LANES);
        }
    for (int j = 0; j < places; j++)
        vectors[j] = sum[j];
}

static void NAME(products)(const tp__depthwise *d, int64_t rows, const void *from, const void *with, void *to)
{
    const REAL *x = from, *y = with;
    NAME(vec) *vectors = to;
    if (NAME(are_three)(d)) {
        NAME(products_of_nine)(d, rows, x, y, to);
        return;
    }
    for (int64_t i = 0; i < d->kernel[0]; i++, x += d->tap, vectors += d->kernel[1]) {
        int64_t j = 0;
        for (; j + 4 <= d->kernel[1]; j += 4)
            NAME(products_of_row)(4, d, rows, x, d->at + j, y, vectors + j);
        for (; j < d->kernel[1]; j++)
            NAME(products_of_row)(1, d, rows, x, d->at + j, y, vectors + j);
    }
}

static void NAME(add_up)(int64_t n, const void *vectors, void *to)
{
    const REAL *v = vectors;
    REAL *sums = to;
    for (int64_t i = 0; i < n; i++) {
        REAL sum = 0;
        for (int j = 0; j < LANES; j++)
            sum += v[i * LANES + j];
        sums[i] = sum;
    }
}

/* ---- every other element ---- */

static void NAME(split)(int64_t rows, int64_t n, const void *from, int64_t x_row, void *evens, void *odds, int64_t row)
{
    const REAL *restrict x = from;
    REAL *restrict even = evens, *restrict odd = odds;
    for (int64_t r = 0; r < rows; r++, x += x_row, even += row, odd += row) {
        for (int64_t i = 0; i < n / 2; i++) {
            even[i] = x[2 * i];
            odd[i] = x[2 * i + 1];
        }
        if (n % 2)
            even[n / 2] = x[n - 1];
    }
}

static void NAME(join)(int64_t rows, int64_t n, const void *evens, const void *odds, int64_t row, void *to,
                       int64_t y_row)
{
    const REAL *restrict even = evens, *restrict odd = odds;
    REAL *restrict y = to;
    for (int64_t r = 0; r < rows; r++, y += y_row, even += row, odd += row) {
        for (int64_t i = 0; i < n / 2; i++) {
            y[2 * i] = even[i];
            y[2 * i + 1] = odd[i];
        }
        if (n % 2)
            y[n - 1] = even[n / 2];
    }
}

#undef LANES
