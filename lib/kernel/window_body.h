/* window_body.h - read by vec_window.c for float and for double (per_float.h). */

/* ---- sums ------------------------------------------------------------------------------------------------------- */

/* A row's own sum: the rows in its window, weighted; x's own row where there is one of weight 1. */
static const REAL *NAME(sum_of_rows)(const tp__windows *w, rows r, REAL *restrict to)
{
    int64_t n = w->axis[2].n_in;
    bool first = true;
    for (int64_t z = r.depth_begin; z < r.depth_end; z++)
        for (int64_t y = r.height_begin; y < r.height_end; y++) {
            const REAL *x = (const REAL *)w->x + r.from + row_place(w, z, y);
            REAL c = (REAL)(w->axis[0].weight[z] * w->axis[1].weight[y]);
            if (r.depth_end - r.depth_begin == 1 && r.height_end - r.height_begin == 1 && c == 1)
                return x;
            if (first)
                for (int64_t i = 0; i < n; i++)
                    to[i] = c * x[i];
            else
                for (int64_t i = 0; i < n; i++)
                    to[i] += c * x[i];
            first = false;
        }
    return to;
}

/* Columns [low, high) of regular windows. A sum begins with its first term, so that it keeps the sign of a zero. */
static inline __attribute__((always_inline)) void NAME(regular)(const tp__columns *c, int64_t n, const REAL *restrict x,
                                                                REAL *restrict y, bool add, int64_t taps, int64_t step)
{
    const REAL *weight = c->weight;
    for (int64_t o = c->low; o < c->high; o++) {
        REAL sum = weight[o] * x[c->at[c->low] + (o - c->low) * step];
        for (int64_t t = 1; t < taps; t++)
            sum += weight[t * n + o] * x[c->at[t * n + c->low] + (o - c->low) * step];
        y[o] = add ? y[o] + sum : sum;
    }
}

static inline __attribute__((always_inline)) void NAME(irregular)(const tp__columns *c, int64_t n,
                                                                  const REAL *restrict x, REAL *restrict y, bool add,
                                                                  int64_t begin, int64_t end, int64_t taps)
{
    const REAL *weight = c->weight;
    for (int64_t o = begin; o < end; o++) {
        REAL sum = c->at[o] < 0 ? 0 : weight[o] * x[c->at[o]];
        for (int64_t t = 1; t < taps; t++) {
            int32_t at = c->at[t * n + o];
            sum = at < 0 ? sum : sum + weight[t * n + o] * x[at];
        }
        y[o] = add ? y[o] + sum : sum;
    }
}

/* The usual numbers of taps and steps as constants, so that loops over columns are straight. */
static void NAME(sum_of_columns)(const tp__columns *c, int64_t n, const REAL *x, REAL *y, bool add)
{
    if (c->taps == 2) {
        NAME(irregular)(c, n, x, y, add, 0, c->low, 2);
        if (c->step == 2)
            NAME(regular)(c, n, x, y, add, 2, 2);
        else if (c->step == 1)
            NAME(regular)(c, n, x, y, add, 2, 1);
        else
            NAME(regular)(c, n, x, y, add, 2, c->step);
        NAME(irregular)(c, n, x, y, add, c->high, n, 2);
    } else if (c->taps == 1) {
        NAME(irregular)(c, n, x, y, add, 0, c->low, 1);
        if (c->step == 1)
            NAME(regular)(c, n, x, y, add, 1, 1);
        else
            NAME(regular)(c, n, x, y, add, 1, c->step);
        NAME(irregular)(c, n, x, y, add, c->high, n, 1);
    } else if (c->taps == 3) {
        NAME(irregular)(c, n, x, y, add, 0, c->low, 3);
        if (c->step == 1)
            NAME(regular)(c, n, x, y, add, 3, 1);
        else if (c->step == 2)
            NAME(regular)(c, n, x, y, add, 3, 2);
        else
            NAME(regular)(c, n, x, y, add, 3, c->step);
        NAME(irregular)(c, n, x, y, add, c->high, n, 3);
    } else if (c->taps == 4) {
        NAME(irregular)(c, n, x, y, add, 0, n, 4);
    } else {
        NAME(irregular)(c, n, x, y, add, 0, n, c->taps);
    }
}

/* The sum of one window, whatever there is, term by term. */
static REAL NAME(sum_of_window)(const tp__windows *w, rows r, int64_t o)
{
    const tp__axis *a = &w->axis[2];
    REAL sum = 0;
    bool first = true;
    for (int64_t z = r.depth_begin; z < r.depth_end; z++)
        for (int64_t y = r.height_begin; y < r.height_end; y++) {
            const REAL *x = (const REAL *)w->x + r.from + row_place(w, z, y);
            REAL c = (REAL)(w->axis[0].weight[z] * w->axis[1].weight[y]);
            for (int64_t i = a->start[o]; i < a->start[o + 1]; i++, first = false) {
                REAL term = c * (REAL)a->weight[i] * x[a->at[i]];
                sum = first ? term : sum + term;
            }
        }
    return sum;
}

static void NAME(divide)(const tp__windows *w, int64_t row, REAL *y)
{
    const tp__axis *d = &w->axis[0], *h = &w->axis[1], *a = &w->axis[2];
    int64_t in = row % (d->n_out * h->n_out);
    double of_row = d->divisor[in / h->n_out] * h->divisor[in % h->n_out];
    for (int64_t o = 0; o < a->n_out; o++)
        y[o] /= (REAL)(of_row * a->divisor[o]);
}

static void NAME(sum)(int64_t begin, int64_t end, void *user)
{
    const tp__windows *w = user;
    int64_t n = w->axis[2].n_out;
    REAL *scratch = w->fast ? tp__scratch_take() : NULL;
    for (int64_t row = begin; row < end; row++) {
        rows r = rows_at(w, row);
        REAL *y = (REAL *)w->y + row * n;
        bool empty = r.depth_begin == r.depth_end || r.height_begin == r.height_end || w->columns.taps == 0;
        if (w->fast && !empty)
            NAME(sum_of_columns)(&w->columns, n, NAME(sum_of_rows)(w, r, scratch), y, w->accumulate);
        else
            for (int64_t o = 0; o < n; o++) {
                REAL sum = NAME(sum_of_window)(w, r, o);
                y[o] = w->accumulate ? y[o] + sum : sum;
            }
        if (w->axis[0].divisor)
            NAME(divide)(w, row, y);
    }
    if (scratch)
        tp__scratch_give(scratch);
}

/* ---- the largest ---------------------------------------------------------------------------------------------------
 *
 * Places are counted in the plane of x, in its order; the first of several that are largest is taken, and the last NaN. */

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

/* For each column the largest in the rows of the window, and where its row begins. */
static void NAME(largest_of_rows)(const tp__windows *w, rows r, REAL *restrict to, NAME(place) *restrict where)
{
    int64_t n = w->axis[2].n_in;
    bool first = true;
    for (int64_t z = r.depth_begin; z < r.depth_end; z++)
        for (int64_t y = r.height_begin; y < r.height_end; y++) {
            NAME(place) place = (NAME(place))row_place(w, z, y);
            const REAL *x = (const REAL *)w->x + r.from + place;
            if (first)
                for (int64_t i = 0; i < n; i++) {
                    to[i] = x[i];
                    where[i] = place;
                }
            else
                for (int64_t i = 0; i < n; i++) {
                    bool take = (x[i] > to[i]) | (x[i] != x[i]);
                    to[i] = take ? x[i] : to[i];
                    where[i] = take ? place : where[i];
                }
            first = false;
        }
}

/* Columns [begin, end) of these rows; `base` is where a row begins where they are x's own. */
static inline __attribute__((always_inline)) void
NAME(largest_of)(const tp__columns *c, int64_t n, const REAL *restrict x, const NAME(place) *restrict where,
                 int64_t base, REAL *restrict y, int64_t *restrict index, int64_t begin, int64_t end, int64_t taps,
                 int64_t step)
{
    for (int64_t o = begin; o < end; o++) {
        int64_t at = step ? c->at[c->low] + (o - c->low) * step : c->at[o];
        REAL best = x[at];
        NAME(place) place = (where ? where[at] : (NAME(place))base) + (NAME(place))at;
        for (int64_t t = 1; t < taps; t++) {
            int64_t k = step ? c->at[t * n + c->low] + (o - c->low) * step : c->at[t * n + o];
            bool there = k >= 0;
            k = there ? k : at;
            REAL v = x[k];
            NAME(place) i = (where ? where[k] : (NAME(place))base) + (NAME(place))k;
            bool take = NAME(better)(v, i, best, place);
            best = take ? v : best;
            place = take ? i : place;
        }
        y[o] = best;
        index[o] = place;
    }
}

static void NAME(largest_of_columns)(const tp__columns *c, int64_t n, const REAL *x, const NAME(place) * where,
                                     int64_t base, REAL *y, int64_t *index)
{
    bool pairs = c->taps == 2 && c->step == 2, threes = c->taps == 3 && c->step == 2;
    if (!pairs && !threes) {
        NAME(largest_of)(c, n, x, where, base, y, index, 0, n, c->taps, 0);
        return;
    }
    NAME(largest_of)(c, n, x, where, base, y, index, 0, c->low, c->taps, 0);
    if (pairs && where)
        NAME(largest_of)(c, n, x, where, base, y, index, c->low, c->high, 2, 2);
    else if (pairs)
        NAME(largest_of)(c, n, x, NULL, base, y, index, c->low, c->high, 2, 2);
    else if (where)
        NAME(largest_of)(c, n, x, where, base, y, index, c->low, c->high, 3, 2);
    else
        NAME(largest_of)(c, n, x, NULL, base, y, index, c->low, c->high, 3, 2);
    NAME(largest_of)(c, n, x, where, base, y, index, c->high, n, c->taps, 0);
}

/* That of one window, element by element. */
static int64_t NAME(largest_of_window)(const tp__windows *w, rows r, int64_t o)
{
    const tp__axis *a = &w->axis[2];
    const REAL *x = (const REAL *)w->x + r.from;
    int64_t best = -1;
    for (int64_t z = r.depth_begin; z < r.depth_end; z++)
        for (int64_t y = r.height_begin; y < r.height_end; y++)
            for (int64_t i = a->start[o], row = row_place(w, z, y); i < a->start[o + 1]; i++) {
                int64_t k = row + a->at[i];
                if (best < 0 || x[k] > x[best] || x[k] != x[k])
                    best = k;
            }
    return best;
}

static void NAME(largest)(int64_t begin, int64_t end, void *user)
{
    const tp__windows *w = user;
    int64_t n = w->axis[2].n_out;
    REAL *scratch = w->fast ? tp__scratch_take() : NULL;
    NAME(place) *where = scratch ? (NAME(place) *)(scratch + w->axis[2].n_in) : NULL;
    for (int64_t row = begin; row < end; row++) {
        rows r = rows_at(w, row);
        REAL *y = (REAL *)w->y + row * n;
        int64_t *index = w->index + row * n;
        if (w->fast && r.depth_end - r.depth_begin == 1 && r.height_end - r.height_begin == 1) {
            int64_t base = row_place(w, r.depth_begin, r.height_begin);
            NAME(largest_of_columns)(&w->columns, n, (const REAL *)w->x + r.from + base, NULL, base, y, index);
        } else if (w->fast) {
            NAME(largest_of_rows)(w, r, scratch, where);
            NAME(largest_of_columns)(&w->columns, n, scratch, where, 0, y, index);
        } else {
            for (int64_t o = 0; o < n; o++) {
                index[o] = NAME(largest_of_window)(w, r, o);
                y[o] = ((const REAL *)w->x)[r.from + index[o]];
            }
        }
    }
    if (scratch)
        tp__scratch_give(scratch);
}
