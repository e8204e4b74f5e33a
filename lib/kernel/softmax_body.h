/* softmax_body.h - see vec_softmax.c: REAL, NAME and EXP are the type at hand, its suffix and its exponential. */

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
            e[h + l] = EXP(e[h + l]);
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
            REAL e = EXP(x[i + l] - top);
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

static void NAME(softmax)(int64_t begin, int64_t end, void *user)
{
    const tp__softmax_rows *w = user;
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
    for (int64_t r = begin; r < end; r++) {
        const REAL *y = (const REAL *)w->x + r * w->n, *g = (const REAL *)w->g + r * w->n;
        REAL *restrict gx = (REAL *)w->y + r * w->n, s = (REAL)NAME(row_dot)(w->n, g, NULL);
        REAL e[LANES];
        int64_t i = 0;
        for (; i + LANES <= w->n; i += LANES) {
            for (int l = 0; l < LANES; l++)
                e[l] = g[i + l] - EXP(y[i + l]) * s;
            for (int l = 0; l < LANES; l++)
                gx[i + l] = e[l] + (w->accumulate ? gx[i + l] : 0);
        }
        if (i < w->n)
            NAME(exp_rest)(w->n - i, y + i, 0, e);
        for (int l = 0; i < w->n; i++, l++)
            gx[i] = g[i] - e[l] * s + (w->accumulate ? gx[i] : 0);
    }
}
