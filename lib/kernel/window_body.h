/* window_body.h - read by vec_window.c for float and for double (per_float.h). */

enum { NAME(ROOM) = HALF / sizeof(REAL) }; /* elements of half the scratch buffer */

/* ---- sums: the rows of a window as one --------------------------------------------------------------------------- */

/* to (+)= the sum of n rows, one to four at a time, in their order. */
static void NAME(add_rows)(int64_t length, int n, const REAL *const *x, const REAL *c, REAL *restrict to, bool first)
{
    const REAL *restrict x0 = x[0], *restrict x1 = x[n > 1], *restrict x2 = x[n > 2 ? 2 : 0], *restrict x3 = x[n - 1];
    if (n == 2 && first)
        for (int64_t i = 0; i < length; i++)
            to[i] = c[0] * x0[i] + c[1] * x1[i];
    else if (n == 4 && first)
        for (int64_t i = 0; i < length; i++)
            to[i] = c[0] * x0[i] + c[1] * x1[i] + c[2] * x2[i] + c[3] * x3[i];
    else if (n == 4)
        for (int64_t i = 0; i < length; i++)
            to[i] = to[i] + c[0] * x0[i] + c[1] * x1[i] + c[2] * x2[i] + c[3] * x3[i];
    else
        for (int k = 0; k < n; k++, first = false)
            for (int64_t i = 0; i < length; i++)
                to[i] = first ? c[k] * x[k][i] : to[i] + c[k] * x[k][i];
}

/* The sum of these columns of the rows, weighted; where there is one row of weight 1, that itself. */
static const REAL *NAME(sum_of_rows)(const tp__windows *w, const rows *r, tp__interval columns, REAL *restrict to)
{
    const REAL *plane = (const REAL *)w->x + r->from + columns.first, *x[4];
    REAL c[4];
    bool first = true;
    int n = 0;
    for (int64_t z = 0; z < r->depth.n; z++)
        for (int64_t y = 0; y < r->height.n; y++) {
            x[n] = plane + row_place(w, *r, z, y);
            c[n++] = (REAL)row_weight(w, *r, z, y);
            if (n < 4)
                continue;
            NAME(add_rows)(columns.n, n, x, c, to, first);
            first = false;
            n = 0;
        }
    if (first && n == 1 && c[0] == 1)
        return x[0];
    if (n > 0)
        NAME(add_rows)(columns.n, n, x, c, to, first);
    else if (first)
        memset(to, 0, (size_t)columns.n * sizeof *to);
    return to;
}

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

/* ---- windows one by one ------------------------------------------------------------------------------------------ */

/* Of elements that lie side by side, in lanes; those of many pieces are added up in double. */
static REAL NAME(sum_in_lanes)(int64_t n, const REAL *x)
{
    enum { LANES = 32, PIECE = 2048 };
    double all = 0;
    REAL lane[LANES];
    if (n < LANES) {
        REAL part[4] = {x[0], -(REAL)0, -(REAL)0, -(REAL)0};
        int64_t i = 1;
        for (; i + 4 <= n; i += 4)
            for (int l = 0; l < 4; l++)
                part[l] += x[i + l];
        for (; i < n; i++)
            part[0] += x[i];
        return (part[0] + part[1]) + (part[2] + part[3]);
    }
    for (int64_t at = 0, m; at < n; at += m) {
        m = n - at < PIECE + LANES ? n - at : PIECE;
        REAL rest = -(REAL)0;
        for (int l = 0; l < LANES; l++)
            lane[l] = x[at + l];
        for (int64_t i = LANES; i + LANES <= m; i += LANES)
            for (int l = 0; l < LANES; l++)
                lane[l] += x[at + i + l];
        for (int64_t i = m - m % LANES; i < m; i++)
            rest += x[at + i];
        for (int half = LANES / 2; half > 0; half /= 2)
            for (int l = 0; l < half; l++)
                lane[l] += lane[l + half];
        all = at == 0 ? (double)(lane[0] + rest) : all + (double)(lane[0] + rest);
    }
    return (REAL)all;
}

static REAL NAME(sum_of_window)(const tp__windows *w, rows r, int64_t o)
{
    const tp__axis *a = &w->axis[2];
    tp__interval run = tp__window_of(a, o);
    bool side_by_side = a->at == NULL && a->weight == NULL && a->step == 1, first = true;
    REAL sum = 0;
    for (int64_t z = 0; z < r.depth.n; z++)
        for (int64_t y = 0; y < r.height.n; y++) {
            const REAL *x = (const REAL *)w->x + r.from + row_place(w, r, z, y);
            REAL c = (REAL)row_weight(w, r, z, y);
            for (int64_t t = 0; t < (side_by_side ? run.n > 0 : run.n); t++, first = false) {
                REAL term = side_by_side ? c * NAME(sum_in_lanes)(run.n, x + run.first)
                                         : c * (REAL)tp__weight_of(a, run, t) * x[tp__place_of(a, run, t)];
                sum = first ? term : sum + term;
            }
        }
    return sum;
}

/* Windows [o, o + n), runs of one row. */
static void NAME(sums_of_runs)(const tp__windows *w, const spot *s, int64_t o, int64_t n, REAL *to)
{
    const tp__axis *a = &w->axis[2];
    const REAL *x = (const REAL *)w->x + s->row * a->n_in;
    for (int64_t i = 0; i < n; i++)
        to[i] = a->count[o + i] ? NAME(sum_in_lanes)(a->count[o + i], x + a->first[o + i]) : 0;
}

/* ---- sums: a block of a row, or some rows ------------------------------------------------------------------------- */

static void NAME(divided)(int64_t n, const REAL *from, REAL divisor, REAL *y, bool accumulate)
{
    if (accumulate)
        for (int64_t i = 0; i < n; i++)
            y[i] += from[i] / divisor;
    else
        for (int64_t i = 0; i < n; i++)
            y[i] = from[i] / divisor;
}

/* y [o, o + n) of a row (+)= its sums over divisors. */
static void NAME(finish)(const tp__windows *w, const spot *s, int64_t o, int64_t n, const REAL *from, REAL *y)
{
    const tp__axis *a = &w->axis[2];
    int64_t m;
    if (w->divisor == 1 && !w->accumulate)
        return;
    double of_row = tp__divisor_of(&w->axis[0], s->z) * tp__divisor_of(&w->axis[1], s->y);
    for (int64_t i = 0; i < n; i += m) {
        int64_t high = w->way == TP__SLIDING && o + i >= w->columns.low ? w->columns.high - o : 0;
        m = w->divisor != 0 ? n : high > i ? (high < n ? high : n) - i : 1;
        double divisor = w->divisor != 0               ? w->divisor
                         : a->division == TP__BY_TABLE ? of_row * a->divisor[o + i]
                                                       : of_row * tp__divisor_of(a, o + i);
        NAME(divided)(m, from + i, (REAL)divisor, y + i, w->accumulate);
    }
}

/* A row by the table of columns, of these rows of x. */
static void NAME(sum_row)(const tp__windows *w, const spot *s, const rows *r, REAL *scratch)
{
    int64_t n = w->axis[2].n_out, n_in = w->axis[2].n_in;
    REAL *y = (REAL *)w->y + s->row * n, *to = w->accumulate ? scratch + NAME(ROOM) : y;
    const REAL *x = (const REAL *)w->x + s->row * n_in;
    if (!w->flat)
        x = NAME(sum_of_rows)(w, r, (tp__interval){0, n_in}, scratch);
    NAME(sum_of_columns)(&w->columns, n, n_in, x, to);
    NAME(finish)(w, s, 0, n, to, y);
}

static void NAME(sum_block)(const tp__windows *w, const spot *s, REAL *scratch)
{
    rows r = rows_at(w, s);
    int64_t o = s->block * w->block, n = block_size(w, s);
    REAL *y = (REAL *)w->y + s->row * w->axis[2].n_out + o, *to = w->accumulate ? scratch + NAME(ROOM) : y;
    tp__interval seen = columns_seen(w, o, n);
    if (w->way == TP__ONE_BY_ONE && w->flat && w->axis[2].count && !w->axis[2].at && !w->axis[2].weight)
        NAME(sums_of_runs)(w, s, o, n, to);
    else if (w->way == TP__ONE_BY_ONE)
        for (int64_t i = 0; i < n; i++)
            to[i] = NAME(sum_of_window)(w, r, o + i);
    else if (w->way == TP__SLIDING)
        NAME(sliding_sums)(w, o, n, NAME(sum_of_rows)(w, &r, seen, scratch), seen.first, to);
    else {
        const REAL *x = NAME(sum_of_rows)(w, &r, seen, scratch);
        NAME(spread_over)(w, o, n, NAME(shares)(w, seen.first, seen.n, x, scratch), seen, to);
    }
    NAME(finish)(w, s, o, n, to, y);
}

/* Short rows whose windows cover them without a rest lie one behind the other, their windows too. */
static void NAME(sum_together)(const tp__windows *w, spot s, int64_t count, REAL *scratch)
{
    const tp__axis *a = &w->axis[2];
    REAL *y = (REAL *)w->y + s.row * a->n_out, *to = w->accumulate ? scratch + NAME(ROOM) : y;
    const REAL *x = w->flat ? (const REAL *)w->x + s.row * a->n_in : scratch;
    spot at = s;
    rows last = {.from = -1};
    for (int64_t k = 0; k < (w->flat ? 0 : count); k++, advance(w, &at)) {
        REAL *row = scratch + k * a->n_in;
        rows r = rows_at(w, &at);
        const REAL *sum = same_rows(r, last) ? row - a->n_in
                                             : NAME(sum_of_rows)(w, &r, (tp__interval){0, a->n_in}, row);
        for (int64_t i = 0; i < (sum == row ? 0 : a->n_in); i++)
            row[i] = sum[i];
        last = r;
    }
    if (w->way == TP__SLIDING)
        NAME(slide_over)(count * a->n_out, x, to, a->kernel, a->stride);
    else {
        const REAL *shares = NAME(shares)(w, 0, count * a->n_in, x, scratch);
        NAME(spread_usual)(count * a->n_in, shares, to, a->kernel, a->stride);
    }
    if (w->divisor != 0)
        NAME(finish)(w, &s, 0, count * a->n_out, to, y);
    for (int64_t k = 0; k < (w->divisor != 0 ? 0 : count); k++, advance(w, &s))
        NAME(finish)(w, &s, 0, a->n_out, to + k * a->n_out, y + k * a->n_out);
}

static void NAME(sum)(int64_t begin, int64_t end, void *user)
{
    const tp__windows *w = user;
    REAL *scratch = tp__scratch_take();
    spot s = spot_at(w, begin);
    int64_t n = w->axis[2].n_out;
    bool repeats = w->blocks == 1 && w->divisor == 1 && !w->accumulate && !w->flat;
    rows last = {.from = -1};
    for (int64_t unit = begin, m; unit < end; unit += m) {
        rows now = rows_at(w, &s);
        REAL *y = (REAL *)w->y + s.row * n;
        m = end - unit < w->together ? end - unit : w->together;
        if (w->together > 1)
            NAME(sum_together)(w, s, m, scratch);
        else if (repeats && same_rows(now, last))
            for (int64_t i = 0; i < n; i++)
                y[i] = y[i - n];
        else if (w->way == TP__BY_COLUMNS)
            NAME(sum_row)(w, &s, &now, scratch);
        else
            NAME(sum_block)(w, &s, scratch);
        last = now;
        for (int64_t i = 0; i < m; i++)
            advance(w, &s);
    }
    tp__scratch_give(scratch);
}

/* ---- the largest ---------------------------------------------------------------------------------------------------
 *
 * Places are counted in the plane of x, in its order; the first of several that are largest is taken, and the last NaN.
 * Without an index all about places is left out. */

#if IS_F64
typedef int64_t NAME(place);
#else
typedef int32_t NAME(place);
#endif

/* Is v, at place i, what is to be taken rather than b at j? */
static inline __attribute__((always_inline)) bool NAME(better)(REAL v, NAME(place) i, REAL b, NAME(place) j)
{
    bool nan = (v != v) & ((b == b) | (i > j));
    return (v > b) | ((v == b) & (i < j)) | nan;
}

static inline __attribute__((always_inline)) REAL NAME(larger)(REAL b, REAL v) { return ((v > b) | (v != v)) ? v : b; }

/* For each of these columns the largest in the rows of the window, and, in `where`, its place. One row of which no places are
 * wanted is told itself. */
static const REAL *NAME(largest_of_rows)(const tp__windows *w, rows r, tp__interval columns, REAL *restrict to,
                                         NAME(place) *restrict where)
{
    bool first = true;
    for (int64_t z = 0; z < r.depth.n; z++)
        for (int64_t y = 0; y < r.height.n; y++, first = false) {
            NAME(place) place = (NAME(place))(row_place(w, r, z, y) + columns.first);
            const REAL *x = (const REAL *)w->x + r.from + place;
            if (where == NULL && r.depth.n == 1 && r.height.n == 1)
                return x;
            if (first)
                memcpy(to, x, (size_t)columns.n * sizeof *to);
            for (NAME(place) i = 0; i < (where && first ? columns.n : 0); i++)
                where[i] = place + i;
            for (int64_t i = 0; i < (where || first ? 0 : columns.n); i++)
                to[i] = NAME(larger)(to[i], x[i]);
            for (NAME(place) i = 0; i < (where && !first ? columns.n : 0); i++) {
                bool take = (x[i] > to[i]) | (x[i] != x[i]);
                to[i] = take ? x[i] : to[i];
                where[i] = take ? place + i : where[i];
            }
        }
    return to;
}

/* ... of windows of the columns x, the places of which are in `where`: n of them, stride apart */
static inline __attribute__((always_inline)) void NAME(slide_largest)(int64_t n, const REAL *restrict x,
                                                                      const NAME(place) *restrict where,
                                                                      REAL *restrict y, int64_t *restrict index,
                                                                      int64_t taps, int64_t stride, int64_t step)
{
    for (int64_t o = 0; o < n; o++) {
        REAL best = x[o * stride];
        NAME(place) place = index ? where[o * stride] : 0;
        for (int64_t t = 1; t < taps; t++) {
            int64_t k = o * stride + t * step;
            bool take = index && NAME(better)(x[k], where[k], best, place);
            best = index ? (take ? x[k] : best) : NAME(larger)(best, x[k]);
            place = take ? where[k] : place;
        }
        y[o] = best;
        if (index)
            index[o] = place;
    }
}

/* Windows of so many taps. */
static inline __attribute__((always_inline)) void NAME(slide_usual)(const tp__axis *a, int64_t taps, int64_t n,
                                                                    const REAL *x, const NAME(place) * where, REAL *y,
                                                                    int64_t *index)
{
    if (taps == 2 && a->stride == 2 && a->step == 1)
        NAME(slide_largest)(n, x, where, y, index, 2, 2, 1);
    else if (taps == 3 && a->stride == 2 && a->step == 1)
        NAME(slide_largest)(n, x, where, y, index, 3, 2, 1);
    else if (taps == 3 && a->stride == 1 && a->step == 1)
        NAME(slide_largest)(n, x, where, y, index, 3, 1, 1);
    else if (taps == 3 && a->stride == 3 && a->step == 1)
        NAME(slide_largest)(n, x, where, y, index, 3, 3, 1);
    else
        NAME(slide_largest)(n, x, where, y, index, taps, a->stride, a->step);
}

static void NAME(slide_over_largest)(const tp__axis *a, int64_t taps, int64_t n, const REAL *x,
                                     const NAME(place) * where, REAL *y, int64_t *index)
{
    if (index)
        NAME(slide_usual)(a, taps, n, x, where, y, index);
    else
        NAME(slide_usual)(a, taps, n, x, NULL, y, NULL);
}

/* Windows [o, o + n), of a row of which x and `where` have the columns from `base` on. */
static void NAME(sliding_largest)(const tp__windows *w, int64_t o, int64_t n, const REAL *x, const NAME(place) * where,
                                  int64_t base, REAL *y, int64_t *index)
{
    const tp__axis *a = &w->axis[2];
    int64_t high = w->columns.high < o + n ? w->columns.high : o + n, m;
    for (int64_t at = o; at < o + n; at += m) {
        tp__interval run = tp__window_of(a, at);
        m = at >= w->columns.low && at < high ? high - at : 1;
        NAME(slide_over_largest)
        (a, run.n, m, x + run.first - base, where ? where + run.first - base : NULL, y + at - o,
         index ? index + at - o : NULL);
    }
}

/* By a table: element t of all windows side by side. */
static void NAME(largest_of_columns)(const tp__columns *c, int64_t n, const REAL *restrict x,
                                     const NAME(place) *restrict where, REAL *restrict y, int64_t *restrict index)
{
    for (int64_t o = 0; o < n; o++) {
        int64_t at = c->at[o];
        REAL best = x[at];
        NAME(place) place = where[at];
        for (int64_t t = 1; t < c->taps; t++) {
            int64_t k = c->at[t * n + o];
            k = k >= 0 ? k : at;
            bool take = NAME(better)(x[k], where[k], best, place);
            best = take ? x[k] : best;
            place = take ? where[k] : place;
        }
        y[o] = best;
        if (index)
            index[o] = place;
    }
}

/* That of one window, element by element. */
static int64_t NAME(largest_of_window)(const tp__windows *w, rows r, int64_t o)
{
    const REAL *x = (const REAL *)w->x + r.from;
    tp__interval run = tp__window_of(&w->axis[2], o);
    int64_t best = -1;
    for (int64_t z = 0; z < r.depth.n; z++)
        for (int64_t y = 0; y < r.height.n; y++)
            for (int64_t t = 0, row = row_place(w, r, z, y); t < run.n; t++) {
                int64_t k = row + tp__place_of(&w->axis[2], run, t);
                if (best < 0 || x[k] > x[best] || x[k] != x[k])
                    best = k;
            }
    return best;
}

static void NAME(largest_block)(const tp__windows *w, const spot *s, REAL *scratch)
{
    rows r = rows_at(w, s);
    int64_t o = s->block * w->block, n = block_size(w, s), at = s->row * w->axis[2].n_out + o;
    REAL *y = (REAL *)w->y + at;
    int64_t *index = w->index ? w->index + at : NULL;
    NAME(place) *where = w->index || w->way == TP__BY_COLUMNS ? (NAME(place) *)(scratch + NAME(ROOM)) : NULL;
    tp__interval seen = columns_seen(w, o, n);
    if (w->way == TP__ONE_BY_ONE) {
        for (int64_t i = 0; i < n; i++) {
            int64_t k = NAME(largest_of_window)(w, r, o + i);
            y[i] = ((const REAL *)w->x)[r.from + k];
            if (index)
                index[i] = k;
        }
        return;
    }
    const REAL *x = NAME(largest_of_rows)(w, r, seen, scratch, where);
    if (w->way == TP__BY_COLUMNS)
        NAME(largest_of_columns)(&w->columns, n, x, where, y, index);
    else
        NAME(sliding_largest)(w, o, n, x, where, seen.first, y, index);
}

/* As for sums. */
static void NAME(largest_together)(const tp__windows *w, spot s, int64_t count, REAL *scratch)
{
    const tp__axis *a = &w->axis[2];
    int64_t at = s.row * a->n_out;
    NAME(place) *where = w->index ? (NAME(place) *)(scratch + NAME(ROOM)) : NULL;
    bool direct = w->flat && !w->index;
    for (int64_t k = 0, skip = 0; k < (direct ? 0 : count); k++, skip += a->n_in, advance(w, &s)) {
        const REAL *x = NAME(largest_of_rows)(w, rows_at(w, &s), (tp__interval){0, a->n_in}, scratch + skip,
                                              where ? where + skip : NULL);
        if (x != scratch + skip)
            memcpy(scratch + skip, x, (size_t)a->n_in * sizeof *x);
    }
    NAME(slide_over_largest)
    (a, a->kernel, count * a->n_out, direct ? (const REAL *)w->x + s.row * a->n_in : scratch, where, (REAL *)w->y + at,
     w->index ? w->index + at : NULL);
}

static void NAME(largest)(int64_t begin, int64_t end, void *user)
{
    const tp__windows *w = user;
    REAL *scratch = tp__scratch_take();
    spot s = spot_at(w, begin);
    for (int64_t unit = begin, m; unit < end; unit += m) {
        m = end - unit < w->together ? end - unit : w->together;
        if (w->together > 1)
            NAME(largest_together)(w, s, m, scratch);
        else
            NAME(largest_block)(w, &s, scratch);
        for (int64_t i = 0; i < m; i++)
            advance(w, &s);
    }
    tp__scratch_give(scratch);
}
