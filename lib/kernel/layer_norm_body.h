/* layer_norm_body.h - see vec_layer_norm.c: REAL and NAME are the type at hand and its suffix. */

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

/* What x of a row becomes: (x scale - mean) rstd. The scale is 1 but where the squares left the range: then it is the power of
 * two that brings the largest of |x| and sqrt(eps) near 1, and mean and rstd are those of x scale, whose eps is eps scale^2. */
typedef struct {
    REAL scale, mean, rstd;
} NAME(stats);

static ALWAYS_INLINE REAL NAME(normal)(REAL x, const NAME(stats) * s, bool scaled)
{
    return ((scaled ? x * s->scale : x) - s->mean) * s->rstd;
}

static NAME(stats) NAME(scaled_stats)(const tp__norm_rows *w, const REAL *x)
{
    double top = sqrt(w->eps), sum = 0, squares = 0, scale;
    int e;
    for (int64_t i = 0; i < w->n; i++)
        top = fabs((double)x[i]) > top ? fabs((double)x[i]) : top;
    frexp(top < (double)INFINITY ? top : 1, &e);
    e = e < -MOST_EXPONENT ? -MOST_EXPONENT : e > MOST_EXPONENT ? MOST_EXPONENT : e;
    scale = ldexp(1, -e);
    for (int64_t i = 0; i < w->n; i++)
        sum += (double)x[i] * scale;
    sum /= (double)w->n;
    for (int64_t i = 0; i < w->n; i++)
        squares += ((double)x[i] * scale - sum) * ((double)x[i] * scale - sum);
    return (NAME(stats)){(REAL)scale, (REAL)sum, (REAL)(1 / sqrt(squares / (double)w->n + w->eps * scale * scale))};
}

static NAME(stats) NAME(row_stats)(const tp__norm_rows *w, const REAL *x)
{
    REAL mean = (REAL)(NAME(row_sum)(w->n, x) / (double)w->n);
    double variance = NAME(row_squares)(w->n, x, mean) / (double)w->n + w->eps;
    if (!(variance >= LEAST_VARIANCE && variance < (double)INFINITY))
        return NAME(scaled_stats)(w, x);
    return (NAME(stats)){1, mean, (REAL)(1 / sqrt(variance))};
}

static ALWAYS_INLINE void NAME(forward_row)(const tp__norm_rows *w, const REAL *x, REAL *restrict y, NAME(stats) s,
                                            bool scaled)
{
    const REAL *weight = w->weight, *bias = w->bias;
    if (weight && bias)
        for (int64_t i = 0; i < w->n; i++)
            y[i] = NAME(normal)(x[i], &s, scaled) * weight[i] + bias[i];
    else
        for (int64_t i = 0; i < w->n; i++)
            y[i] = NAME(normal)(x[i], &s, scaled) * (weight ? weight[i] : 1) + (bias ? bias[i] : 0);
}

static void NAME(forward)(int64_t begin, int64_t end, void *user)
{
    const tp__norm_rows *w = user;
    for (int64_t r = begin; r < end; r++) {
        const REAL *x = (const REAL *)w->x + r * w->n;
        REAL *y = (REAL *)w->y + r * w->n;
        NAME(stats) s = NAME(row_stats)(w, x);
        if (s.scale == 1)
            NAME(forward_row)(w, x, y, s, false);
        else
            NAME(forward_row)(w, x, y, s, true);
    }
}

/* The means of g w and of g w xhat over a row. */
static ALWAYS_INLINE void NAME(row_dots)(int64_t n, const REAL *g, const REAL *weight, const REAL *x,
                                         const NAME(stats) * s, bool scaled, REAL *shift, REAL *slope)
{
    REAL lane[LANES] = {0}, lane2[LANES] = {0};
    double rest = 0, rest2 = 0;
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        tp__prefetch(g, n + i, LANES, sizeof(REAL));
        for (int l = 0; l < LANES; l++) {
            REAL gw = weight ? g[i + l] * weight[i + l] : g[i + l];
            lane[l] += gw;
            lane2[l] += gw * NAME(normal)(x[i + l], s, scaled);
        }
    }
    for (; i < n; i++) {
        REAL gw = weight ? g[i] * weight[i] : g[i];
        rest += (double)gw;
        rest2 += (double)(gw * NAME(normal)(x[i], s, scaled));
    }
    *shift = (REAL)((n < LANES ? rest : NAME(fold)(lane) + rest) / (double)n);
    *slope = (REAL)((n < LANES ? rest2 : NAME(fold)(lane2) + rest2) / (double)n);
}

/* gx (+)= rstd (g w - mean(g w) - xhat mean(g w xhat)) */
static ALWAYS_INLINE void NAME(input_row)(const tp__norm_rows *w, int64_t r, NAME(stats) s, bool scaled)
{
    const REAL *x = (const REAL *)w->x + r * w->n, *g = (const REAL *)w->g + r * w->n, *weight = w->weight;
    REAL *restrict gx = (REAL *)w->y + r * w->n, shift, slope;
    NAME(row_dots)(w->n, g, weight, x, &s, scaled, &shift, &slope);
    for (int64_t i = 0; i < w->n; i++) {
        REAL h = (weight ? g[i] * weight[i] : g[i]) - shift - NAME(normal)(x[i], &s, scaled) * slope;
        gx[i] = (scaled ? h * s.rstd * s.scale : h * s.rstd) + (w->accumulate ? gx[i] : 0);
    }
}

static ALWAYS_INLINE void NAME(weight_row)(const tp__norm_rows *w, int64_t r, NAME(stats) s, bool scaled,
                                           REAL *restrict gw, REAL *restrict gb)
{
    const REAL *x = (const REAL *)w->x + r * w->n, *g = (const REAL *)w->g + r * w->n;
    for (int64_t i = 0; i < (gw && gb ? w->n : 0); i++) {
        gw[i] += g[i] * NAME(normal)(x[i], &s, scaled);
        gb[i] += g[i];
    }
    for (int64_t i = 0; i < (gw && !gb ? w->n : 0); i++)
        gw[i] += g[i] * NAME(normal)(x[i], &s, scaled);
    for (int64_t i = 0; i < (gb && !gw ? w->n : 0); i++)
        gb[i] += g[i];
}

static void NAME(backward_row)(const tp__norm_rows *w, int64_t r, REAL *gw, REAL *gb)
{
    NAME(stats) s = NAME(row_stats)(w, (const REAL *)w->x + r * w->n);
    if (s.scale == 1) {
        if (w->y)
            NAME(input_row)(w, r, s, false);
        NAME(weight_row)(w, r, s, false, gw, gb);
    } else {
        if (w->y)
            NAME(input_row)(w, r, s, true);
        NAME(weight_row)(w, r, s, true, gw, gb);
    }
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
        for (int64_t r = c * TP__NORM_CHUNK; r < stop; r++)
            NAME(backward_row)(w, r, part[0], part[1]);
    }
}
