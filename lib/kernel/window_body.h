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

#include "kernel/window_columns_body.h"

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

#include "kernel/window_largest_body.h"
