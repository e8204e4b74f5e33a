/* norm_body.h - see vec_norm.c: REAL and NAME are the type at hand and its suffix. */

static double NAME(fold)(const REAL *lane)
{
    double sum = 0;
    for (int l = 0; l < LANES; l++)
        sum += (double)lane[l];
    return sum;
}

/* The sum of x, and that of (x - mean)^2. */
static double NAME(row_sum)(int64_t n, const REAL *x)
{
    REAL lane[LANES] = {0};
    double rest = 0;
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (int l = 0; l < LANES; l++)
            lane[l] += x[i + l];
    for (; i < n; i++)
        rest += (double)x[i];
    return n < LANES ? rest : NAME(fold)(lane) + rest;
}

static double NAME(row_squares)(int64_t n, const REAL *x, REAL mean)
{
    REAL lane[LANES] = {0};
    double rest = 0;
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        tp__prefetch(x, n + i, LANES, sizeof(REAL)); /* of the next row */
        for (int l = 0; l < LANES; l++)
            lane[l] += (x[i + l] - mean) * (x[i + l] - mean);
    }
    for (; i < n; i++)
        rest += (double)((x[i] - mean) * (x[i] - mean));
    return n < LANES ? rest : NAME(fold)(lane) + rest;
}

static void NAME(row_stats)(const tp__norm_rows *w, const REAL *x, REAL *mean, REAL *rstd)
{
    *mean = (REAL)(NAME(row_sum)(w->n, x) / (double)w->n);
    *rstd = (REAL)(1 / sqrt(NAME(row_squares)(w->n, x, *mean) / (double)w->n + w->eps));
}

static void NAME(forward)(int64_t begin, int64_t end, void *user)
{
    const tp__norm_rows *w = user;
    const REAL *weight = w->weight, *bias = w->bias;
    for (int64_t r = begin; r < end; r++) {
        const REAL *x = (const REAL *)w->x + r * w->n;
        REAL *restrict y = (REAL *)w->y + r * w->n, mean, rstd;
        NAME(row_stats)(w, x, &mean, &rstd);
        if (weight && bias)
            for (int64_t i = 0; i < w->n; i++)
                y[i] = (x[i] - mean) * rstd * weight[i] + bias[i];
        else
            for (int64_t i = 0; i < w->n; i++)
                y[i] = (x[i] - mean) * rstd * (weight ? weight[i] : 1) + (bias ? bias[i] : 0);
    }
}

/* The sums of g w and of g w (x - mean) rstd over a row. */
static void NAME(row_dots)(int64_t n, const REAL *g, const REAL *weight, const REAL *x, REAL mean, REAL *sum, REAL *dot)
{
    REAL lane[LANES] = {0}, lane2[LANES] = {0};
    double rest = 0, rest2 = 0;
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        tp__prefetch(g, n + i, LANES, sizeof(REAL));
        for (int l = 0; l < LANES; l++) {
            REAL gw = weight ? g[i + l] * weight[i + l] : g[i + l];
            lane[l] += gw;
            lane2[l] += gw * (x[i + l] - mean);
        }
    }
    for (; i < n; i++) {
        REAL gw = weight ? g[i] * weight[i] : g[i];
        rest += (double)gw;
        rest2 += (double)(gw * (x[i] - mean));
    }
    *sum = (REAL)(n < LANES ? rest : NAME(fold)(lane) + rest);
    *dot = (REAL)(n < LANES ? rest2 : NAME(fold)(lane2) + rest2);
}

/* gx (+)= rstd (g w - mean(g w) - xhat mean(g w xhat)), xhat = (x - mean) rstd */
static void NAME(input_row)(const tp__norm_rows *w, int64_t r, REAL mean, REAL rstd)
{
    const REAL *x = (const REAL *)w->x + r * w->n, *g = (const REAL *)w->g + r * w->n, *weight = w->weight;
    REAL *restrict gx = (REAL *)w->y + r * w->n, sum, dot;
    NAME(row_dots)(w->n, g, weight, x, mean, &sum, &dot);
    REAL shift = sum / (REAL)w->n, slope = dot / (REAL)w->n * rstd * rstd;
    for (int64_t i = 0; i < w->n; i++)
        gx[i] = rstd * ((weight ? g[i] * weight[i] : g[i]) - shift - (x[i] - mean) * slope) +
                (w->accumulate ? gx[i] : 0);
}

static void NAME(weight_row)(const tp__norm_rows *w, int64_t r, REAL mean, REAL rstd, REAL *restrict gw,
                             REAL *restrict gb)
{
    const REAL *x = (const REAL *)w->x + r * w->n, *g = (const REAL *)w->g + r * w->n;
    for (int64_t i = 0; i < (gw && gb ? w->n : 0); i++) {
        gw[i] += g[i] * ((x[i] - mean) * rstd);
        gb[i] += g[i];
    }
    for (int64_t i = 0; i < (gw && !gb ? w->n : 0); i++)
        gw[i] += g[i] * ((x[i] - mean) * rstd);
    for (int64_t i = 0; i < (gb && !gw ? w->n : 0); i++)
        gb[i] += g[i];
}

/* Chunks [begin, end) of rows. */
static void NAME(backward)(int64_t begin, int64_t end, void *user)
{
    const tp__norm_rows *w = user;
    for (int64_t c = begin; c < end; c++) {
        REAL *part[2];
        for (int k = 0; k < 2; k++) {
            part[k] = w->partial[k] ? (REAL *)w->partial[k] + c * w->n : NULL;
            if (part[k])
                memset(part[k], 0, (size_t)w->n * sizeof(REAL));
        }
        int64_t stop = (c + 1) * TP__NORM_CHUNK < w->rows ? (c + 1) * TP__NORM_CHUNK : w->rows;
        for (int64_t r = c * TP__NORM_CHUNK; r < stop; r++) {
            REAL mean, rstd;
            NAME(row_stats)(w, (const REAL *)w->x + r * w->n, &mean, &rstd);
            if (w->y)
                NAME(input_row)(w, r, mean, rstd);
            NAME(weight_row)(w, r, mean, rstd, part[0], part[1]);
        }
    }
}
