/* softmax_body.h - see vec_softmax.c: per_float.h says what REAL, NAME and FN are. */

/* The largest element but NaN, which makes the row's sum NaN anyway. */
static REAL NAME(row_max)(int64_t n, const REAL *x)
{
    REAL lane[LANES], top = (REAL)-INFINITY;
    int64_t i = 0;
    for (int l = 0; l < LANES; l++)
        lane[l] = top;
    for (; i + LANES <= n; i += LANES)
        for (int l = 0; l < LANES; l++)
            lane[l] = x[i + l] > lane[l] ? x[i + l] : lane[l];
    for (; i < n; i++)
        top = x[i] > top ? x[i] : top;
    for (int l = 0; l < (n < LANES ? 0 : LANES); l++)
        top = lane[l] > top ? lane[l] : top;
    return top;
}

static double NAME(fold)(const REAL *lane)
{
    double sum = 0;
    for (int l = 0; l < LANES; l++)
        sum += (double)lane[l];
    return sum;
}

/* e^x of fewer than LANES elements, as many as fit in whole vectors. */
static void NAME(exp_rest)(int64_t n, const REAL *x, REAL top, REAL *e)
{
    enum { HALF = LANES / 4 };
    for (int l = 0; l < LANES; l++)
        e[l] = l < n ? x[l] - top : 0;
    for (int h = 0; h < n; h += HALF)
        for (int l = 0; l < HALF; l++)
            e[h + l] = FN(v_exp)(e[h + l]);
}

/* y = e^(x - top); returns the sum. y may be NULL. */
static double NAME(row_exp)(int64_t n, const REAL *x, REAL top, REAL *restrict y)
{
    REAL lane[LANES] = {0};
    double rest = 0;
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        tp__prefetch(x, n + i, LANES, sizeof(REAL)); /* of the next row */
        for (int l = 0; l < LANES; l++) {
            REAL e = FN(v_exp)(x[i + l] - top);
            lane[l] += e;
            if (y)
                y[i + l] = e;
        }
    }
    REAL e[LANES];
    if (i < n)
        NAME(exp_rest)(n - i, x + i, top, e);
    for (int l = 0; i < n; i++, l++) {
        rest += (double)e[l];
        if (y)
            y[i] = e[l];
    }
    return n < LANES ? rest : NAME(fold)(lane) + rest;
}

/* ---- short rows, many at once (turn.h) --------------------------------------------------------------------------- */

/* e = e^(x - top) of columns; returns their sums. */
static void NAME(turned_exp)(int64_t n, const REAL *x, REAL *restrict top, REAL *restrict e, double *restrict sum)
{
    for (int64_t c = 0; c < TURN; c++) {
        top[c] = (REAL)-INFINITY;
        sum[c] = 0;
    }
    for (int64_t k = 0; k < n; k++)
        for (int64_t c = 0; c < TURN; c++)
            top[c] = x[k * TURN + c] > top[c] ? x[k * TURN + c] : top[c];
    for (int64_t k = 0; k < n; k++)
        for (int64_t c = 0; c < TURN; c++) {
            REAL y = FN(v_exp)(x[k * TURN + c] - top[c]);
            e[k * TURN + c] = y;
            sum[c] += (double)y;
        }
}

static void NAME(softmax_turned)(const tp__softmax_rows *w, int64_t r, int64_t count)
{
    REAL t[TURNED], e[TURNED], top[TURN], last[TURN];
    double sum[TURN];
    TURN_TABLE.turn[sizeof(REAL) == 8](w->n, count, (const REAL *)w->x + r * w->n, t);
    NAME(turned_exp)(w->n, t, top, e, sum);
    if (w->log)
        for (int64_t c = 0; c < TURN; c++)
            last[c] = (REAL)v_log(sum[c]);
    else
        for (int64_t c = 0; c < TURN; c++)
            last[c] = (REAL)(1 / sum[c]);
    for (int64_t k = 0; k < (w->log ? w->n : 0); k++)
        for (int64_t c = 0; c < TURN; c++)
            e[k * TURN + c] = t[k * TURN + c] - top[c] - last[c];
    for (int64_t k = 0; k < (w->log ? 0 : w->n); k++)
        for (int64_t c = 0; c < TURN; c++)
            e[k * TURN + c] *= last[c];
    TURN_TABLE.back[sizeof(REAL) == 8](w->n, count, e, (REAL *)w->y + r * w->n, false);
}

/* A sweep back is little work: turning pays where whole vectors turn, and for the shortest rows' exponentials. */
static int64_t NAME(backward_rows)(const tp__softmax_rows *w, int64_t left)
{
    bool pays = tp__turns_whole(w->n, sizeof(REAL)) || (w->log && w->n * (int64_t)sizeof(REAL) < 64);
    return pays ? tp__turned_rows(w->n, left) : 0;
}

/* A zero is added as in one row: 0 makes 0 of -0, -0 leaves what will be added as it is. */
static void NAME(backward_turned)(const tp__softmax_rows *w, int64_t r, int64_t count)
{
    REAL y[TURNED], g[TURNED], s[TURN], zero = w->accumulate ? -(REAL)0 : 0;
    double sum[TURN] = {0};
    TURN_TABLE.turn[sizeof(REAL) == 8](w->n, count, (const REAL *)w->x + r * w->n, y);
    TURN_TABLE.turn[sizeof(REAL) == 8](w->n, count, (const REAL *)w->g + r * w->n, g);
    for (int64_t k = 0; k < w->n; k++)
        for (int64_t c = 0; c < TURN; c++)
            sum[c] += (double)(w->log ? g[k * TURN + c] : g[k * TURN + c] * y[k * TURN + c]);
    for (int64_t c = 0; c < TURN; c++)
        s[c] = (REAL)sum[c];
    for (int64_t k = 0; k < (w->log ? w->n : 0); k++)
        for (int64_t c = 0; c < TURN; c++)
            g[k * TURN + c] = g[k * TURN + c] - FN(v_exp)(y[k * TURN + c]) * s[c] + zero;
    for (int64_t k = 0; k < (w->log ? 0 : w->n); k++)
        for (int64_t c = 0; c < TURN; c++)
            g[k * TURN + c] = y[k * TURN + c] * (g[k * TURN + c] - s[c]) + zero;
    TURN_TABLE.back[sizeof(REAL) == 8](w->n, count, g, (REAL *)w->y + r * w->n, w->accumulate);
}

static void NAME(softmax)(int64_t begin, int64_t end, void *user)
{
    const tp__softmax_rows *w = user;
    for (int64_t m; (m = tp__turned_rows(w->n, end - begin)) > 0; begin += m)
        NAME(softmax_turned)(w, begin, m);
    for (int64_t r = begin; r < end; r++) {
        const REAL *x = (const REAL *)w->x + r * w->n;
        REAL *restrict y = (REAL *)w->y + r * w->n;
        REAL share = (REAL)(1 / NAME(row_exp)(w->n, x, NAME(row_max)(w->n, x), y));
        for (int64_t i = 0; i < w->n; i++)
            y[i] *= share;
    }
}

static void NAME(log_softmax)(int64_t begin, int64_t end, void *user)
{
    const tp__softmax_rows *w = user;
    for (int64_t m; (m = tp__turned_rows(w->n, end - begin)) > 0; begin += m)
        NAME(softmax_turned)(w, begin, m);
    for (int64_t r = begin; r < end; r++) {
        const REAL *x = (const REAL *)w->x + r * w->n;
        REAL *restrict y = (REAL *)w->y + r * w->n, top = NAME(row_max)(w->n, x);
        REAL shift = (REAL)v_log(NAME(row_exp)(w->n, x, top, NULL));
        for (int64_t i = 0; i < w->n; i++)
            y[i] = x[i] - top - shift;
    }
}

static double NAME(row_dot)(int64_t n, const REAL *g, const REAL *y)
{
    REAL lane[LANES] = {0};
    double rest = 0;
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (int l = 0; l < LANES; l++)
            lane[l] += y ? g[i + l] * y[i + l] : g[i + l];
    for (; i < n; i++)
        rest += (double)(y ? g[i] * y[i] : g[i]);
    return n < LANES ? rest : NAME(fold)(lane) + rest;
}

static void NAME(softmax_backward)(int64_t begin, int64_t end, void *user)
{
    const tp__softmax_rows *w = user;
    for (int64_t m; (m = NAME(backward_rows)(w, end - begin)) > 0; begin += m)
        NAME(backward_turned)(w, begin, m);
    for (int64_t r = begin; r < end; r++) {
        const REAL *y = (const REAL *)w->x + r * w->n, *g = (const REAL *)w->g + r * w->n;
        REAL *restrict gx = (REAL *)w->y + r * w->n, s = (REAL)NAME(row_dot)(w->n, g, y);
        for (int64_t i = 0; i < w->n; i++)
            gx[i] = y[i] * (g[i] - s) + (w->accumulate ? gx[i] : 0);
    }
}

static void NAME(log_softmax_backward)(int64_t begin, int64_t end, void *user)
{
    const tp__softmax_rows *w = user;
    for (int64_t m; (m = NAME(backward_rows)(w, end - begin)) > 0; begin += m)
        NAME(backward_turned)(w, begin, m);
    for (int64_t r = begin; r < end; r++) {
        const REAL *y = (const REAL *)w->x + r * w->n, *g = (const REAL *)w->g + r * w->n;
        REAL *restrict gx = (REAL *)w->y + r * w->n, s = (REAL)NAME(row_dot)(w->n, g, NULL);
        REAL e[LANES];
        int64_t i = 0;
        for (; i + LANES <= w->n; i += LANES) {
            for (int l = 0; l < LANES; l++)
                e[l] = g[i + l] - FN(v_exp)(y[i + l]) * s;
            for (int l = 0; l < LANES; l++)
                gx[i + l] = e[l] + (w->accumulate ? gx[i + l] : 0);
        }
        if (i < w->n)
            NAME(exp_rest)(w->n - i, y + i, 0, e);
        for (int l = 0; i < w->n; i++, l++)
            gx[i] = g[i] - e[l] * s + (w->accumulate ? gx[i] : 0);
    }
}

/* log sum e^x where the largest of n elements, but NaN, is infinite: that, or NaN beside NaN. */
static REAL NAME(log_sum_at_infinity)(REAL top, int64_t n, const REAL *x, int64_t stride)
{
    for (int64_t i = 0; i < n; i++)
        if (isnan(x[i * stride]))
            return x[i * stride];
    return top;
}

/* What e^(x - top) is multiplied by for g softmax(x): beside infinity what is finite has no slope, beside NaN all is NaN. */
static REAL NAME(log_sum_share)(REAL g, double sum, REAL top, int64_t n, const REAL *x, int64_t stride)
{
    if (top != (REAL)INFINITY)
        return (REAL)((double)g / sum);
    return isnan(NAME(log_sum_at_infinity)(top, n, x, stride)) ? (REAL)NAN : g;
}

/* y [rows] = log sum e^x; of nothing but -infinity that. */
static void NAME(log_sum)(int64_t begin, int64_t end, void *user)
{
    const tp__softmax_rows *w = user;
    for (int64_t r = begin; r < end; r++) {
        const REAL *x = (const REAL *)w->x + r * w->n;
        REAL top = NAME(row_max)(w->n, x), shift = top == (REAL)-INFINITY ? 0 : top;
        double sum = NAME(row_exp)(w->n, x, shift, NULL);
        ((REAL *)w->y)[r] = top == (REAL)INFINITY ? NAME(log_sum_at_infinity)(top, w->n, x, 1)
                            : sum == 0            ? (REAL)-INFINITY
                                                  : (REAL)((double)shift + log(sum));
    }
}

/* gx (+)= g softmax(x), g [rows]; 0 where all x are -infinity */
static void NAME(log_sum_backward)(int64_t begin, int64_t end, void *user)
{
    const tp__softmax_rows *w = user;
    for (int64_t r = begin; r < end; r++) {
        const REAL *x = (const REAL *)w->x + r * w->n;
        REAL *restrict gx = (REAL *)w->y + r * w->n, top = NAME(row_max)(w->n, x), block[LANES];
        bool nothing = top == (REAL)-INFINITY;
        top = nothing ? 0 : top;
        double sum = NAME(row_exp)(w->n, x, top, w->accumulate ? NULL : gx);
        REAL share = nothing && sum == 0 ? 0 : NAME(log_sum_share)(((const REAL *)w->g)[r], sum, top, w->n, x, 1);
        for (int64_t i = 0; i < w->n && !w->accumulate; i++)
            gx[i] *= share;
        for (int64_t i = 0, m; i < w->n && w->accumulate; i += m) {
            m = w->n - i < LANES ? w->n - i : LANES;
            NAME(row_exp)(m, x + i, top, block);
            for (int64_t l = 0; l < m; l++)
                gx[i + l] += block[l] * share;
        }
    }
}

/* The same of the columns of [n, inner], some at a time: their largest elements (but -infinity counts as 0) and the sums of
 * e^(x - top). */
static void NAME(column_sums)(const tp__softmax_rows *w, const REAL *x, int64_t columns, REAL *top, REAL *sum)
{
    for (int64_t c = 0; c < columns; c++) {
        top[c] = (REAL)-INFINITY;
        sum[c] = 0;
    }
    for (int64_t k = 0; k < w->n; k++)
        for (int64_t c = 0; c < columns; c++)
            top[c] = x[k * w->inner + c] > top[c] ? x[k * w->inner + c] : top[c];
    for (int64_t c = 0; c < columns; c++)
        top[c] = top[c] == (REAL)-INFINITY ? 0 : top[c];
    for (int64_t k = 0; k < w->n; k++)
        for (int64_t c = 0; c < columns; c++)
            sum[c] += FN(v_exp)(x[k * w->inner + c] - top[c]);
}

/* Columns [begin, end), numbered through all outer slices. */
static void NAME(column_log_sum)(int64_t begin, int64_t end, void *user)
{
    const tp__softmax_rows *w = user;
    REAL top[COLUMNS], sum[COLUMNS];
    for (int64_t at = begin, m; at < end; at += m) {
        int64_t left = w->inner - at % w->inner;
        m = left < end - at ? left : end - at;
        m = m < COLUMNS ? m : COLUMNS;
        const REAL *x = (const REAL *)w->x + at / w->inner * w->n * w->inner + at % w->inner;
        NAME(column_sums)(w, x, m, top, sum);
        for (int64_t c = 0; c < m; c++)
            ((REAL *)w->y)[at + c] = top[c] == (REAL)INFINITY ? NAME(log_sum_at_infinity)(top[c], w->n, x + c, w->inner)
                                     : sum[c] == 0            ? (REAL)-INFINITY
                                                              : (REAL)((double)top[c] + log((double)sum[c]));
    }
}

static void NAME(column_log_sum_backward)(int64_t begin, int64_t end, void *user)
{
    const tp__softmax_rows *w = user;
    REAL top[COLUMNS], share[COLUMNS];
    for (int64_t at = begin, m; at < end; at += m) {
        int64_t left = w->inner - at % w->inner, first = at / w->inner * w->n * w->inner + at % w->inner;
        m = left < end - at ? left : end - at;
        m = m < COLUMNS ? m : COLUMNS;
        NAME(column_sums)(w, (const REAL *)w->x + first, m, top, share);
        for (int64_t c = 0; c < m; c++)
            share[c] = share[c] == 0 ? 0
                                     : NAME(log_sum_share)(((const REAL *)w->g)[at + c], (double)share[c], top[c], w->n,
                                                           (const REAL *)w->x + first + c, w->inner);
        for (int64_t k = 0; k < w->n; k++) {
            const REAL *x = (const REAL *)w->x + first + k * w->inner;
            REAL *restrict gx = (REAL *)w->y + first + k * w->inner;
            for (int64_t c = 0; c < (w->accumulate ? 0 : m); c++)
                gx[c] = FN(v_exp)(x[c] - top[c]) * share[c];
            for (int64_t c = 0; c < (w->accumulate ? m : 0); c++)
                gx[c] += FN(v_exp)(x[c] - top[c]) * share[c];
        }
    }
}
