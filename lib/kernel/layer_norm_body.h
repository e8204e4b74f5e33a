/* layer_norm_body.h - see vec_layer_norm.c: REAL and NAME are the type at hand and its suffix. */

/* The sum of the lanes, in double, by halves; of a row that is in the lanes as it is in order, as where rows are turned. */
static inline double NAME(fold)(const REAL *lane, int64_t n_of_row)
{
    double half[LANES], sum = 0;
    for (int l = 0; l < (n_of_row < 2 * LANES ? LANES : 0); l++)
        sum += (double)lane[l];
    if (n_of_row < 2 * LANES)
        return sum;
    for (int l = 0; l < LANES; l++)
        half[l] = (double)lane[l];
    for (int n = LANES / 2; n > 0; n /= 2)
        for (int l = 0; l < n; l++)
            half[l] += half[l + n];
    return half[0];
}

/* The sum of x, and that of (x - mean)^2: lanes of the type at hand over a chunk, chunks in double. */
static double NAME(row_sum)(int64_t n, const REAL *x)
{
    double sum = 0;
    for (int64_t at = 0, end; at + LANES <= n; at = end) {
        REAL lane[LANES] = {0};
        end = n - at < CHUNK ? n - (n - at) % LANES : at + CHUNK;
        for (int64_t i = at; i < end; i += LANES)
            for (int l = 0; l < LANES; l++)
                lane[l] += x[i + l];
        sum += NAME(fold)(lane, n);
    }
    for (int64_t i = n - n % LANES; i < n; i++)
        sum += (double)x[i];
    return sum;
}

static double NAME(row_squares)(int64_t n, const REAL *x, REAL mean)
{
    double sum = 0;
    for (int64_t at = 0, end; at + LANES <= n; at = end) {
        REAL lane[LANES] = {0};
        end = n - at < CHUNK ? n - (n - at) % LANES : at + CHUNK;
        for (int64_t i = at; i < end; i += LANES) {
            tp__prefetch(x, n + i, LANES, sizeof(REAL)); /* of the next row */
            for (int l = 0; l < LANES; l++)
                lane[l] += (x[i + l] - mean) * (x[i + l] - mean);
        }
        sum += NAME(fold)(lane, n);
    }
    for (int64_t i = n - n % LANES; i < n; i++)
        sum += (double)((x[i] - mean) * (x[i] - mean));
    return sum;
}

/* What x of a row becomes: (x scale - mean) rstd. The scale is 1 but where the squares left the range: then it is the power of
 * two that brings the largest of |x| and sqrt(eps) near 1, and mean and rstd are those of x scale, whose eps is eps scale^2. */
typedef struct {
    REAL scale, mean, rstd;
} NAME(stats);

static inline REAL NAME(normal)(REAL x, const NAME(stats) * s) { return (x * s->scale - s->mean) * s->rstd; }

static NAME(stats) NAME(scaled_stats)(const tp__norm_rows *w, const REAL *x)
{
    double top = sqrt(w->eps), sum = 0, squares = 0, scale;
    int e;
    for (int64_t i = 0; i < w->n; i++)
        top = fabs((double)x[i]) > top ? fabs((double)x[i]) : top;
    frexp(top < (double)INFINITY ? top : 1, &e);
    e = e < -MOST_EXPONENT ? -MOST_EXPONENT : e > MOST_EXPONENT ? MOST_EXPONENT : e;
    scale = ldexp(1, -e);
    for (int64_t i = 0; i < (w->about_zero ? 0 : w->n); i++)
        sum += (double)x[i] * scale;
    sum /= (double)w->n;
    for (int64_t i = 0; i < w->n; i++)
        squares += ((double)x[i] * scale - sum) * ((double)x[i] * scale - sum);
    return (NAME(stats)){(REAL)scale, (REAL)sum, (REAL)(1 / sqrt(squares / (double)w->n + w->eps * scale * scale))};
}

static NAME(stats) NAME(row_stats)(const tp__norm_rows *w, const REAL *x)
{
    REAL mean = w->about_zero ? 0 : (REAL)(NAME(row_sum)(w->n, x) / (double)w->n);
    double variance = NAME(row_squares)(w->n, x, mean) / (double)w->n + w->eps;
    if (!(variance >= LEAST_VARIANCE && variance < (double)INFINITY))
        return NAME(scaled_stats)(w, x);
    return (NAME(stats)){1, mean, (REAL)(1 / sqrt(variance))};
}

/* weight and bias may be NULL, which the compiler sees. */
static inline __attribute__((always_inline)) void NAME(forward_with)(const tp__norm_rows *w, const REAL *x,
                                                                     const REAL *weight, const REAL *bias,
                                                                     REAL *restrict y, const NAME(stats) * s)
{
    for (int64_t i = 0; i < w->n; i++)
        y[i] = NAME(normal)(x[i], s) * (weight ? weight[i] : 1) + (bias ? bias[i] : 0);
}

static void NAME(forward_row)(const tp__norm_rows *w, const REAL *x, REAL *restrict y, NAME(stats) s)
{
    if (w->weight && w->bias)
        NAME(forward_with)(w, x, w->weight, w->bias, y, &s);
    else if (w->weight)
        NAME(forward_with)(w, x, w->weight, NULL, y, &s);
    else if (w->bias)
        NAME(forward_with)(w, x, NULL, w->bias, y, &s);
    else
        NAME(forward_with)(w, x, NULL, NULL, y, &s);
}

/* ---- short rows, many at once (turn.h) --------------------------------------------------------------------------- */

/* Of rows that are turned x = xhat, and rstd = 1 / sqrt(variance + eps); false, and x as it was: some row wants scaled_stats. */
static bool NAME(turned_normal)(const tp__norm_rows *w, REAL *restrict x, REAL *restrict rstd)
{
    double sum[TURN] = {0}, squares[TURN] = {0};
    REAL mean[TURN];
    int strays = 0;
    for (int64_t k = 0; k < (w->about_zero ? 0 : w->n); k++)
        for (int64_t c = 0; c < TURN; c++)
            sum[c] += (double)x[k * TURN + c];
    for (int64_t c = 0; c < TURN; c++)
        mean[c] = (REAL)(sum[c] / (double)w->n);
    for (int64_t k = 0; k < w->n; k++)
        for (int64_t c = 0; c < TURN; c++)
            squares[c] += (double)((x[k * TURN + c] - mean[c]) * (x[k * TURN + c] - mean[c]));
    for (int64_t c = 0; c < TURN; c++) {
        squares[c] = squares[c] / (double)w->n + w->eps;
        strays += !(squares[c] >= LEAST_VARIANCE && squares[c] < (double)INFINITY);
    }
    for (int64_t c = 0; c < (strays ? 0 : TURN); c++)
        rstd[c] = (REAL)(1 / sqrt(squares[c]));
    for (int64_t k = 0; k < (strays ? 0 : w->n); k++)
        for (int64_t c = 0; c < TURN; c++)
            x[k * TURN + c] = (x[k * TURN + c] - mean[c]) * rstd[c];
    return !strays;
}

static bool NAME(forward_turned)(const tp__norm_rows *w, int64_t r, int64_t count)
{
    const REAL *weight = w->weight, *bias = w->bias;
    REAL x[TURNED], rstd[TURN];
    TURN_TABLE.turn[sizeof(REAL) == 8](w->n, count, (const REAL *)w->x + r * w->n, x);
    if (!NAME(turned_normal)(w, x, rstd))
        return false;
    for (int64_t k = 0; k < w->n; k++) {
        REAL times = weight ? weight[k] : 1, plus = bias ? bias[k] : 0;
        for (int64_t c = 0; c < TURN; c++)
            x[k * TURN + c] = x[k * TURN + c] * times + plus;
    }
    TURN_TABLE.back[sizeof(REAL) == 8](w->n, count, x, (REAL *)w->y + r * w->n, false);
    return true;
}

/* gx of the rows from xhat and g, all turned; g is lost. */
static void NAME(input_turned)(const tp__norm_rows *w, int64_t r, int64_t count, const REAL *restrict x,
                               REAL *restrict g, const REAL *restrict rstd)
{
    const REAL *weight = w->weight, zero = w->accumulate ? -(REAL)0 : 0;
    REAL shift[TURN], slope[TURN];
    double sum[TURN] = {0}, dot[TURN] = {0};
    for (int64_t k = 0; k < w->n; k++) {
        REAL times = weight ? weight[k] : 1;
        for (int64_t c = 0; c < TURN; c++) {
            REAL gw = g[k * TURN + c] * times;
            g[k * TURN + c] = gw;
            sum[c] += (double)gw;
            dot[c] += (double)(gw * x[k * TURN + c]);
        }
    }
    for (int64_t c = 0; c < TURN; c++) {
        shift[c] = w->about_zero ? 0 : (REAL)(sum[c] / (double)w->n);
        slope[c] = (REAL)(dot[c] / (double)w->n);
    }
    for (int64_t k = 0; k < w->n; k++)
        for (int64_t c = 0; c < TURN; c++)
            g[k * TURN + c] = (g[k * TURN + c] - shift[c] - x[k * TURN + c] * slope[c]) * rstd[c] + zero;
    TURN_TABLE.back[sizeof(REAL) == 8](w->n, count, g, (REAL *)w->y + r * w->n, w->accumulate);
}

/* lanes[0] += g xhat, lanes[1] += g, of `count` rows: a lane of a column has every TURNth row of a chunk. */
static void NAME(weight_turned)(int64_t n, int64_t count, const REAL *x, const REAL *g, REAL *const lanes[2])
{
    REAL *restrict dot = lanes[0], *restrict sum = lanes[1];
    for (int64_t i = 0; i < (count == TURN ? n * TURN : 0); i++) {
        dot[i] += g[i] * x[i];
        sum[i] += g[i];
    }
    for (int64_t k = 0; k < (count == TURN ? 0 : n); k++)
        for (int64_t i = k * TURN; i < k * TURN + count; i++) {
            dot[i] += g[i] * x[i];
            sum[i] += g[i];
        }
}

/* part[k] += the sum of the lanes of column k, by halves */
static void NAME(lanes_joined)(int64_t n, REAL *lanes, REAL *part)
{
    for (int64_t k = 0; k < n; k++, lanes += TURN) {
        for (int64_t half = TURN / 2; half > 0; half /= 2)
            for (int64_t c = 0; c < half; c++)
                lanes[c] += lanes[c + half];
        part[k] += lanes[0];
    }
}

static bool NAME(backward_turned)(const tp__norm_rows *w, int64_t r, int64_t count, REAL *const lanes[2])
{
    REAL x[TURNED], g[TURNED], rstd[TURN];
    TURN_TABLE.turn[sizeof(REAL) == 8](w->n, count, (const REAL *)w->x + r * w->n, x);
    if (!NAME(turned_normal)(w, x, rstd))
        return false;
    TURN_TABLE.turn[sizeof(REAL) == 8](w->n, count, (const REAL *)w->g + r * w->n, g);
    NAME(weight_turned)(w->n, count, x, g, lanes);
    if (w->y)
        NAME(input_turned)(w, r, count, x, g, rstd);
    return true;
}

static void NAME(forward_rows)(const tp__norm_rows *w, int64_t begin, int64_t end)
{
    for (int64_t r = begin; r < end; r++) {
        const REAL *x = (const REAL *)w->x + r * w->n;
        REAL *y = (REAL *)w->y + r * w->n;
        NAME(stats) s = NAME(row_stats)(w, x);
        NAME(forward_row)(w, x, y, s);
    }
}

static void NAME(forward)(int64_t begin, int64_t end, void *user)
{
    const tp__norm_rows *w = user;
    for (int64_t m; (m = tp__turned_rows(w->n, end - begin)) > 0; begin += m)
        if (!NAME(forward_turned)(w, begin, m))
            NAME(forward_rows)(w, begin, begin + m);
    NAME(forward_rows)(w, begin, end);
}

/* The sums of g w and of g w xhat over a row. */
static void NAME(row_dots)(int64_t n, const REAL *g, const REAL *weight, const REAL *x, const NAME(stats) * s,
                           double to[2])
{
    to[0] = to[1] = 0;
    for (int64_t at = 0, end; at + LANES <= n; at = end) {
        REAL lane[LANES] = {0}, lane2[LANES] = {0};
        end = n - at < CHUNK ? n - (n - at) % LANES : at + CHUNK;
        for (int64_t i = at; i < end; i += LANES) {
            tp__prefetch(g, n + i, LANES, sizeof(REAL));
            for (int l = 0; l < LANES; l++) {
                REAL gw = weight ? g[i + l] * weight[i + l] : g[i + l];
                lane[l] += gw;
                lane2[l] += gw * NAME(normal)(x[i + l], s);
            }
        }
        to[0] += NAME(fold)(lane, n);
        to[1] += NAME(fold)(lane2, n);
    }
    for (int64_t i = n - n % LANES; i < n; i++) {
        REAL gw = weight ? g[i] * weight[i] : g[i];
        to[0] += (double)gw;
        to[1] += (double)(gw * NAME(normal)(x[i], s));
    }
}

/* gx (+)= rstd (g w - mean(g w) - xhat mean(g w xhat)), with these means */
static void NAME(slope_row)(const tp__norm_rows *w, int64_t r, NAME(stats) s, REAL shift, REAL slope)
{
    const REAL *x = (const REAL *)w->x + r * w->n, *g = (const REAL *)w->g + r * w->n, *weight = w->weight;
    REAL *restrict gx = (REAL *)w->y + r * w->n;
    for (int64_t i = 0; i < w->n; i++) {
        REAL h = (weight ? g[i] * weight[i] : g[i]) - shift - NAME(normal)(x[i], &s) * slope;
        gx[i] = h * s.rstd * s.scale + (w->accumulate ? gx[i] : 0);
    }
}

static void NAME(input_row)(const tp__norm_rows *w, int64_t r, NAME(stats) s)
{
    double sum[2];
    NAME(row_dots)(w->n, (const REAL *)w->g + r * w->n, w->weight, (const REAL *)w->x + r * w->n, &s, sum);
    NAME(slope_row)(w, r, s, w->about_zero ? 0 : (REAL)(sum[0] / (double)w->n), (REAL)(sum[1] / (double)w->n));
}

static void NAME(weight_row)(const tp__norm_rows *w, int64_t r, NAME(stats) s, REAL *restrict gw, REAL *restrict gb)
{
    const REAL *x = (const REAL *)w->x + r * w->n, *g = (const REAL *)w->g + r * w->n;
    for (int64_t i = 0; i < (gw ? w->n : 0); i++)
        gw[i] += g[i] * NAME(normal)(x[i], &s);
    for (int64_t i = 0; i < (gb ? w->n : 0); i++)
        gb[i] += g[i];
}

static void NAME(backward_row)(const tp__norm_rows *w, int64_t r, REAL *gw, REAL *gb)
{
    NAME(stats) s = NAME(row_stats)(w, (const REAL *)w->x + r * w->n);
    if (w->y)
        NAME(input_row)(w, r, s);
    NAME(weight_row)(w, r, s, gw, gb);
}

/* Short rows [begin, end); returns the first that is left. */
static int64_t NAME(backward_short)(const tp__norm_rows *w, int64_t begin, int64_t end, REAL *const part[2])
{
    _Static_assert(2 * TURNED * sizeof(REAL) <= TP__SCRATCH, "lanes have no room");
    if (tp__turned_rows(w->n, end - begin) == 0)
        return begin;
    REAL *space = tp__scratch_take(), *lanes[2] = {space, space + w->n * TURN};
    memset(space, 0, (size_t)(2 * w->n * TURN) * sizeof(REAL));
    for (int64_t m; (m = tp__turned_rows(w->n, end - begin)) > 0; begin += m)
        if (!NAME(backward_turned)(w, begin, m, lanes))
            for (int64_t r = begin; r < begin + m; r++)
                NAME(backward_row)(w, r, part[0], part[1]);
    for (int k = 0; k < 2; k++)
        if (part[k])
            NAME(lanes_joined)(w->n, lanes[k], part[k]);
    tp__scratch_give(space);
    return begin;
}

/* Chunks [begin, end) of rows. */
static void NAME(backward)(int64_t begin, int64_t end, void *user)
{
    const tp__norm_rows *w = user;
    const int64_t chunk = tp__norm_chunk(w->n);
    for (int64_t c = begin; c < end; c++) {
        REAL *part[2];
        for (int k = 0; k < 2; k++) {
            part[k] = w->partial[k] ? (REAL *)w->partial[k] + c * w->n : NULL;
            if (part[k])
                memset(part[k], 0, (size_t)w->n * sizeof(REAL));
        }
        int64_t stop = (c + 1) * chunk < w->rows ? (c + 1) * chunk : w->rows;
        for (int64_t r = NAME(backward_short)(w, c * chunk, stop, part); r < stop; r++)
            NAME(backward_row)(w, r, part[0], part[1]);
    }
}

/* ---- pieces of a long row: w is the piece, as if it were a row --------------------------------------------------------- */

static double NAME(piece_sum)(const tp__norm_rows *w) { return NAME(row_sum)(w->n, w->x); }

static double NAME(piece_squares)(const tp__norm_rows *w, double mean)
{
    return NAME(row_squares)(w->n, w->x, (REAL)mean);
}

static void NAME(piece_forward)(const tp__norm_rows *w, double mean, double rstd)
{
    NAME(forward_row)(w, w->x, w->y, (NAME(stats)){1, (REAL)mean, (REAL)rstd});
}

static void NAME(piece_dots)(const tp__norm_rows *w, double mean, double rstd, double to[2])
{
    NAME(stats) s = {1, (REAL)mean, (REAL)rstd};
    NAME(row_dots)(w->n, w->g, w->weight, w->x, &s, to);
}

static void NAME(piece_backward)(const tp__norm_rows *w, double mean, double rstd, double shift, double slope)
{
    NAME(stats) s = {1, (REAL)mean, (REAL)rstd};
    if (w->y)
        NAME(slope_row)(w, 0, s, (REAL)shift, (REAL)slope);
    NAME(weight_row)(w, 0, s, w->partial[0], w->partial[1]);
}
