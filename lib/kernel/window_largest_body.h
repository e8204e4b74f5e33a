/* window_largest_body.h - the largest elements of windows, read by window_body.h. */

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
