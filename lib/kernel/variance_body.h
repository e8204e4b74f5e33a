/* variance_body.h - see vec_variance.c: REAL and NAME are the type at hand and its suffix. */

static double NAME(sum)(int64_t n, const void *in)
{
    const REAL *x = in;
    double lane[LANES] = {0}, sum = 0;
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (int l = 0; l < LANES; l++)
            lane[l] += (double)x[i + l];
    for (; i < n; i++)
        sum += (double)x[i];
    return fold(lane) + sum;
}

static double NAME(squares)(int64_t n, const void *in, double mean)
{
    const REAL *x = in;
    double lane[LANES] = {0}, sum = 0;
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (int l = 0; l < LANES; l++) {
            double d = (double)x[i + l] - mean;
            lane[l] += d * d;
        }
    for (; i < n; i++)
        sum += ((double)x[i] - mean) * ((double)x[i] - mean);
    return fold(lane) + sum;
}

/* Four rows at once, so that the sums are written less often. */
static void NAME(columns)(int64_t rows, int64_t stride, int64_t columns, const void *in, const double *mean,
                          double *restrict sum)
{
    const REAL *x = in;
    int64_t r = 0;
    for (; r + 4 <= rows; r += 4, x += 4 * stride) {
        const REAL *b = x + stride, *c = b + stride, *d = c + stride;
        for (int64_t i = 0; i < (mean ? 0 : columns); i++)
            sum[i] += ((double)x[i] + (double)b[i]) + ((double)c[i] + (double)d[i]);
        for (int64_t i = 0; i < (mean ? columns : 0); i++) {
            double m = mean[i], p = (double)x[i] - m, q = (double)b[i] - m, s = (double)c[i] - m, t = (double)d[i] - m;
            sum[i] += (p * p + q * q) + (s * s + t * t);
        }
    }
    for (; r < rows; r++, x += stride) {
        for (int64_t i = 0; i < (mean ? 0 : columns); i++)
            sum[i] += (double)x[i];
        for (int64_t i = 0; i < (mean ? columns : 0); i++)
            sum[i] += ((double)x[i] - mean[i]) * ((double)x[i] - mean[i]);
    }
}

static void NAME(slope)(int64_t n, const void *in, const tp__spread *from, void *out, bool accumulate)
{
    const REAL *x = in;
    REAL *restrict gx = out;
    const double mean = from->mean[0], factor = from->factor[0], by = from->by[0], shift = from->shift[0];
    if (!from->divides)
        for (int64_t i = 0; i < n; i++)
            gx[i] = (REAL)(((double)x[i] - mean) * factor + shift + (accumulate ? (double)gx[i] : 0));
    else
        for (int64_t i = 0; i < n; i++)
            gx[i] = (REAL)(((double)x[i] - mean) / by * factor + shift + (accumulate ? (double)gx[i] : 0));
}

static void NAME(slope_columns)(int64_t columns, const void *in, const tp__spread *from, void *out, bool accumulate)
{
    const REAL *x = in;
    REAL *restrict gx = out;
    if (!from->divides)
        for (int64_t c = 0; c < columns; c++)
            gx[c] = (REAL)(((double)x[c] - from->mean[c]) * from->factor[c] + from->shift[c] +
                           (accumulate ? (double)gx[c] : 0));
    else
        for (int64_t c = 0; c < columns; c++)
            gx[c] = (REAL)(((double)x[c] - from->mean[c]) / from->by[c] * from->factor[c] + from->shift[c] +
                           (accumulate ? (double)gx[c] : 0));
}
