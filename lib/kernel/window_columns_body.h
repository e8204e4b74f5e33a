/* window_columns_body.h - columns of windows of a row, read by window_body.h: of those that slide, there and back, and by a table. */

/* ---- columns of windows that slide ------------------------------------------------------------------------------- */

/* y[o] = the sum of x[o stride] and the next ones. A sum begins with its first term, so that it keeps the sign of a zero. */
static inline __attribute__((always_inline)) void NAME(slide)(int64_t n, const REAL *restrict x, REAL *restrict y,
                                                              int64_t taps, int64_t stride)
{
    for (int64_t o = 0; o < n; o++) {
        REAL sum = x[o * stride];
        for (int64_t t = 1; t < taps; t++)
            sum += x[o * stride + t];
        y[o] = sum;
    }
}

/* Many taps and a stride of 1: tap by tap over pieces that stay in the first cache. */
static void NAME(slide_far)(int64_t n, const REAL *restrict x, REAL *restrict y, int64_t taps)
{
    enum { PIECE = 256 };
    for (int64_t o = 0, m; o < n; o += m) {
        m = n - o < PIECE ? n - o : PIECE;
        memcpy(y + o, x + o, (size_t)m * sizeof *y);
        for (int64_t t = 1; t < taps; t++)
            for (int64_t i = o; i < o + m; i++)
                y[i] += x[i + t];
    }
}

/* The usual numbers of taps and strides as constants, so that the loop is straight. */
static void NAME(slide_over)(int64_t n, const REAL *x, REAL *y, int64_t taps, int64_t stride)
{
    if (taps == 2 && stride == 2)
        NAME(slide)(n, x, y, 2, 2);
    else if (taps == 3 && stride == 2)
        NAME(slide)(n, x, y, 3, 2);
    else if (taps == 3 && stride == 3)
        NAME(slide)(n, x, y, 3, 3);
    else if (taps == 4 && stride == 4)
        NAME(slide)(n, x, y, 4, 4);
    else if (stride == 1)
        NAME(slide_far)(n, x, y, taps);
    else
        NAME(slide)(n, x, y, taps, stride);
}

/* The sum of the elements of a run that lie in x, which begins with column `base`. */
static REAL NAME(sum_of_run)(const tp__axis *a, tp__interval r, const REAL *x, int64_t base)
{
    REAL sum = r.n ? x[r.first - base] : 0;
    for (int64_t t = 1; t < r.n; t++)
        sum += x[r.first - base + t * a->step];
    return sum;
}

/* Windows [o, o + n), of a row of which x has the columns from `base` on. */
static void NAME(sliding_sums)(const tp__windows *w, int64_t o, int64_t n, const REAL *x, int64_t base, REAL *y)
{
    const tp__axis *a = &w->axis[2];
    int64_t end = o + n, low = w->columns.low < end ? w->columns.low : end,
            high = w->columns.high < end ? w->columns.high : end;
    int64_t at = o;
    for (; at < low; at++)
        y[at - o] = NAME(sum_of_run)(a, tp__window_of(a, at), x, base);
    if (at < high)
        NAME(slide_over)(high - at, x + at * a->stride - a->padding - base, y + at - o, a->kernel, a->stride);
    for (at = at < high ? high : at; at < end; at++)
        y[at - o] = NAME(sum_of_run)(a, tp__window_of(a, at), x, base);
}

/* ---- and back: windows that spread over their elements ------------------------------------------------------------ */

/* The usual ones, which have room each: to[o stride] and the next ones (+)= x[o]. */
static inline __attribute__((always_inline)) void NAME(spread)(int64_t n, const REAL *restrict x, REAL *restrict to,
                                                               int64_t taps, int64_t stride, bool add)
{
    for (int64_t o = 0; o < n; o++)
        for (int64_t t = 0; t < taps; t++)
            to[o * stride + t] = add ? to[o * stride + t] + x[o] : x[o];
}

static void NAME(spread_usual)(int64_t n, const REAL *x, REAL *to, int64_t taps, int64_t stride)
{
    if (taps == 2 && stride == 2)
        NAME(spread)(n, x, to, 2, 2, false);
    else if (taps == 3 && stride == 3)
        NAME(spread)(n, x, to, 3, 3, false);
    else if (taps == 4 && stride == 4)
        NAME(spread)(n, x, to, 4, 4, false);
    else if (taps <= stride)
        NAME(spread)(n, x, to, taps, stride, false);
    else if (taps == 3 && stride == 2)
        NAME(spread)(n, x, to, 3, 2, true);
    else
        NAME(spread)(n, x, to, taps, stride, true);
}

/* With a stride of 1, tap by tap. */
static void NAME(spread_by_taps)(const tp__axis *a, int64_t begin, int64_t n, const REAL *x, tp__interval seen,
                                 REAL *to)
{
    for (int64_t t = 0; t < a->kernel; t++) {
        int64_t from = begin + a->padding - t, low = from > seen.first ? from : seen.first, m = from + n;
        REAL *restrict at = to + low - from;
        const REAL *windows = x + low - seen.first;
        m = (m < seen.first + seen.n ? m : seen.first + seen.n) - low;
        for (int64_t i = 0; i < m; i++)
            at[i] += windows[i];
    }
}

/* One by one, as far as they are within; `run` of them from `first` on are the usual ones, and whole. */
static void NAME(spread_one_by_one)(const tp__axis *a, int64_t begin, int64_t n, const REAL *x, tp__interval seen,
                                    int64_t first, int64_t run, REAL *to)
{
    for (int64_t o = seen.first; o < seen.first + seen.n; o++) {
        int64_t from = (a->kernel ? o * a->stride - a->padding : a->first[o]) - begin;
        int64_t past = from + (a->kernel ? a->kernel : a->count[o]);
        REAL v = x[o - seen.first];
        past = past < n ? past : n;
        if (o == first && run > 0) {
            NAME(spread_usual)(run, x + o - seen.first, to + from, a->kernel, a->stride);
            o += run - 1;
            continue;
        }
        for (int64_t i = from > 0 ? from : 0; i < past; i++)
            to[i] += v;
    }
}

/* Elements [begin, begin + n) of windows of which x has those that are seen. */
static void NAME(spread_over)(const tp__windows *w, int64_t begin, int64_t n, const REAL *x, tp__interval seen,
                              REAL *to)
{
    const tp__axis *a = &w->axis[2];
    int64_t first = seen.first, whole = 0, room = begin + n + a->padding - a->kernel;
    for (int64_t i = 0; i < n; i++)
        to[i] = 0;
    if (a->stride == 1) {
        NAME(spread_by_taps)(a, begin, n, x, seen, to);
        return;
    }
    if (a->kernel > 0) {
        int64_t inside = (begin + a->padding + a->stride - 1) / a->stride;
        first = inside > first ? inside : first;
        whole = room < 0 ? 0 : room / a->stride + 1;
        whole = whole < seen.first + seen.n ? whole : seen.first + seen.n;
    }
    NAME(spread_one_by_one)(a, begin, n, x, seen, first, whole - first, to);
}

/* What each element of windows [o, o + n) is given: x over the divisor, in `to` where it is not 1. */
static const REAL *NAME(shares)(const tp__windows *w, int64_t o, int64_t n, const REAL *x, REAL *to)
{
    const tp__axis *a = &w->axis[2];
    if (a->division == TP__BY_NOTHING)
        return x;
    for (int64_t i = 0; i < (a->division == TP__BY_TABLE ? n : 0); i++)
        to[i] = x[i] / (REAL)a->divisor[o + i];
    for (int64_t i = 0, m; i < (a->division == TP__BY_TABLE ? 0 : n); i += m) {
        int64_t high = w->together > 1 ? n : o + i >= w->columns.low ? w->columns.high - o : 0;
        REAL divisor = (REAL)tp__divisor_of(a, o + i);
        m = high > i ? (high < n ? high : n) - i : 1;
        for (int64_t k = i; k < i + m; k++)
            to[k] = x[k] / divisor;
    }
    return to;
}

/* ---- columns by a table ------------------------------------------------------------------------------------------ */

static inline __attribute__((always_inline)) void NAME(regular)(const tp__columns *c, int64_t n, const REAL *restrict x,
                                                                REAL *restrict y, int64_t taps, int64_t step)
{
    const REAL *weight = c->weight;
    for (int64_t o = c->low; o < c->high; o++) {
        REAL sum = weight[o] * x[c->at[c->low] + (o - c->low) * step];
        for (int64_t t = 1; t < taps; t++)
            sum += weight[t * n + o] * x[c->at[t * n + c->low] + (o - c->low) * step];
        y[o] = sum;
    }
}

static inline __attribute__((always_inline)) void NAME(irregular)(const tp__columns *c, int64_t n,
                                                                  const REAL *restrict x, REAL *restrict y,
                                                                  int64_t begin, int64_t end, int64_t taps)
{
    const REAL *weight = c->weight;
    for (int64_t o = begin; o < end; o++) {
        REAL sum = c->at[o] < 0 ? 0 : weight[o] * x[c->at[o]];
        for (int64_t t = 1; t < taps; t++) {
            int32_t at = c->at[t * n + o];
            sum = at < 0 ? sum : sum + weight[t * n + o] * x[at];
        }
        y[o] = sum;
    }
}

/* Usual steps as constants. */
static inline __attribute__((always_inline)) void NAME(by_steps)(const tp__columns *c, int64_t n, const REAL *x,
                                                                 REAL *y, int64_t taps)
{
    NAME(irregular)(c, n, x, y, 0, c->low, taps);
    if (c->step == 1)
        NAME(regular)(c, n, x, y, taps, 1);
    else if (c->step == 2)
        NAME(regular)(c, n, x, y, taps, 2);
    else
        NAME(regular)(c, n, x, y, taps, c->step);
    NAME(irregular)(c, n, x, y, c->high, n, taps);
}

#if defined(PICKS)
/* Close windows: a vector of columns has its elements, one a tap, in one vector of x, which has n_in. Tables are read beyond
 * their ends, where there is room. */
static inline __attribute__((always_inline)) void NAME(close)(const tp__columns *c, int64_t n, int64_t n_in,
                                                              const REAL *x, REAL *y, int64_t taps, bool gaps)
{
    enum { NAME(N) = LINE / sizeof(REAL) };
    const int64_t blocks = (n + NAME(N) - 1) / NAME(N);
    REAL few[NAME(N)] = {0}, few_sums[NAME(N)];
    if (n_in < NAME(N)) {
        for (int64_t i = 0; i < n_in; i++)
            few[i] = x[i];
        x = few;
    }
    for (int64_t b = 0; b < blocks; b++) {
        int64_t o = b * NAME(N);
        if (o + NAME(N) > n && n > NAME(N))
            o = n - NAME(N); /* some once more */
        NAME(lanes) sum = {0};
        for (int64_t t = 0; t < taps; t++) {
            const int32_t *at = c->at + t * n + o, base = c->base[t * blocks + b];
            NAME(lanes) weight = *(const NAME(lanes) *)((const REAL *)c->weight + t * n + o);
            NAME(lanes) term = weight * NAME(picked)(x + base, at, base);
            if (gaps)
                term = NAME(present)(term, at);
            if (t == 0)
                sum = term;
            else
                sum += term;
        }
        if (n - o >= NAME(N)) {
            *(NAME(lanes) *)(y + o) = sum;
        } else {
            *(NAME(lanes) *)few_sums = sum;
            for (int64_t i = 0; i < n; i++)
                y[i] = few_sums[i];
        }
    }
}
#endif

/* The usual numbers of taps, the same way. */
static void NAME(sum_of_columns)(const tp__columns *c, int64_t n, int64_t n_in, const REAL *x, REAL *y)
{
    (void)n_in;
#if defined(PICKS)
    if (c->close) {
        if (c->taps == 1 && !c->gaps)
            NAME(close)(c, n, n_in, x, y, 1, false);
        else if (c->taps == 2 && !c->gaps)
            NAME(close)(c, n, n_in, x, y, 2, false);
        else
            NAME(close)(c, n, n_in, x, y, c->taps, c->gaps);
        return;
    }
#endif
    if (c->taps == 1)
        NAME(by_steps)(c, n, x, y, 1);
    else if (c->taps == 2)
        NAME(by_steps)(c, n, x, y, 2);
    else if (c->taps == 3)
        NAME(by_steps)(c, n, x, y, 3);
    else if (c->taps == 4)
        NAME(by_steps)(c, n, x, y, 4);
    else
        NAME(irregular)(c, n, x, y, 0, n, c->taps);
}
