/* channel_norm_body.h - see vec_channel_norm.c: REAL and NAME are the type at hand and its suffix. */

/* ---- sums over parts --------------------------------------------------------------------------------------------- */

static void NAME(sum)(int64_t n, const void *in, double *to)
{
    const REAL *x = in;
    double lane[LANES];
    int64_t i = 0;
    memcpy(lane, to, sizeof lane);
    for (; i + LANES <= n; i += LANES)
        for (int l = 0; l < LANES; l++)
            lane[l] += (double)x[i + l];
    memcpy(to, lane, sizeof lane);
    for (int64_t l = 0; l < n - i; l++)
        to[l] += (double)x[i + l];
}

static void NAME(squares)(int64_t n, const void *in, double mean, double *to)
{
    const REAL *x = in;
    double lane[LANES];
    int64_t i = 0;
    memcpy(lane, to, sizeof lane);
    for (; i + LANES <= n; i += LANES)
        for (int l = 0; l < LANES; l++)
            lane[l] += ((double)x[i + l] - mean) * ((double)x[i + l] - mean);
    memcpy(to, lane, sizeof lane);
    for (int64_t l = 0; l < n - i; l++)
        to[l] += ((double)x[i + l] - mean) * ((double)x[i + l] - mean);
}

static void NAME(dots)(int64_t n, const void *in, const void *gradient, const tp__norm_stats *s, double to[2][LANES])
{
    const REAL *x = in, *g = gradient;
    const double scale = s->scale, mean = s->mean, rstd = s->rstd;
    double sum[LANES], dot[LANES];
    int64_t i = 0;
    memcpy(sum, to[0], sizeof sum);
    memcpy(dot, to[1], sizeof dot);
    for (; i + LANES <= n; i += LANES)
        for (int l = 0; l < LANES; l++) {
            sum[l] += (double)g[i + l];
            dot[l] += (double)g[i + l] * (((double)x[i + l] * scale - mean) * rstd);
        }
    memcpy(to[0], sum, sizeof sum);
    memcpy(to[1], dot, sizeof dot);
    for (int64_t l = 0; l < n - i; l++) {
        to[0][l] += (double)g[i + l];
        to[1][l] += (double)g[i + l] * (((double)x[i + l] * scale - mean) * rstd);
    }
}

static void NAME(dots_columns)(int64_t rows, int64_t stride, int64_t width, const void *in, const void *gradient,
                               const tp__norm_line *c, double *restrict sum, double *restrict dot)
{
    double scale[COLUMNS], mean[COLUMNS], rstd[COLUMNS];
    for (int64_t i = 0; i < width; i++) {
        scale[i] = c[i].scale;
        mean[i] = c[i].mean;
        rstd[i] = c[i].rstd;
    }
    for (int64_t r = 0; r < rows; r++) {
        const REAL *x = (const REAL *)in + r * stride, *g = (const REAL *)gradient + r * stride;
        for (int64_t i = 0; i < width; i++) {
            sum[i] += (double)g[i];
            dot[i] += (double)g[i] * (((double)x[i] * scale[i] - mean[i]) * rstd[i]);
        }
    }
}

/* ---- the output: (x - m) a + b ------------------------------------------------------------------------------------- */

/* May it be a factor, and may products of what is near 1 with it be made? */
static inline bool NAME(tame)(double factor)
{
    return factor == 0 || (fabs(factor) < MOST_FACTOR && fabs(factor) > 1 / MOST_FACTOR);
}

static inline bool NAME(short_way)(const tp__norm_line *c)
{
    return c->scale == 1 && c->rstd > 1 / MOST_FACTOR && NAME(tame)(c->rstd) && NAME(tame)(c->rstd * c->weight);
}

static inline REAL NAME(in_double)(double x, const tp__norm_line *c)
{
    return (REAL)((x * c->scale - c->mean) * c->rstd * c->weight + c->bias);
}

/* The numbers of the short way. */
static inline void NAME(factors)(const tp__norm_line *c, REAL *m, REAL *a, REAL *b)
{
    double both = c->rstd * c->weight;
    *m = (REAL)c->mean;
    *a = (REAL)both;
    *b = (REAL)(c->bias + ((double)*m - c->mean) * both);
}

static void NAME(apply)(int64_t n, const void *in, const tp__norm_line *c, void *out)
{
    const REAL *x = in;
    REAL *restrict y = out, m, a, b;
    if (!NAME(short_way)(c)) {
        for (int64_t i = 0; i < n; i++)
            y[i] = NAME(in_double)((double)x[i], c);
        return;
    }
    NAME(factors)(c, &m, &a, &b);
    for (int64_t i = 0; i < n; i++)
        y[i] = (x[i] - m) * a + b;
}

static void NAME(apply_columns)(int64_t rows, int64_t stride, int64_t width, const void *in, const tp__norm_line *c,
                                void *out)
{
    REAL m[COLUMNS], a[COLUMNS], b[COLUMNS];
    bool in_short = true;
    for (int64_t i = 0; i < width; i++) {
        in_short = in_short && NAME(short_way)(&c[i]);
        NAME(factors)(&c[i], &m[i], &a[i], &b[i]);
    }
    for (int64_t r = 0; r < rows; r++) {
        const REAL *x = (const REAL *)in + r * stride;
        REAL *restrict y = (REAL *)out + r * stride;
        for (int64_t i = 0; i < (in_short ? width : 0); i++)
            y[i] = (x[i] - m[i]) * a[i] + b[i];
        for (int64_t i = 0; i < (in_short ? 0 : width); i++)
            y[i] = NAME(in_double)((double)x[i], &c[i]);
    }
}

/* ---- the gradient: g w - p - (x - m) q ----------------------------------------------------------------------------- */

typedef struct {
    REAL m, w, p, q;
} NAME(slopes);

static inline bool NAME(short_slope)(const tp__norm_line *c)
{
    return NAME(short_way)(c) && NAME(tame)(c->shift * c->rstd) && NAME(tame)(c->slope * c->rstd * c->rstd) &&
           NAME(tame)(c->slope * c->rstd);
}

static inline NAME(slopes) NAME(slopes_of)(const tp__norm_line *c)
{
    REAL m = (REAL)c->mean;
    double q = c->slope * c->rstd * c->rstd;
    return (NAME(slopes)){m, (REAL)(c->rstd * c->weight), (REAL)(c->shift * c->rstd + ((double)m - c->mean) * q),
                          (REAL)q};
}

static inline REAL NAME(slope_in_double)(double x, double g, const tp__norm_line *c)
{
    double xhat = (x * c->scale - c->mean) * c->rstd;
    return (REAL)((g * c->weight - c->shift - xhat * c->slope) * c->rstd * c->scale);
}

static void NAME(slope)(int64_t n, const void *in, const void *gradient, const tp__norm_line *c, void *out,
                        bool accumulate)
{
    const REAL *x = in, *g = gradient;
    REAL *restrict gx = out;
    if (!NAME(short_slope)(c)) {
        for (int64_t i = 0; i < n; i++)
            gx[i] = NAME(slope_in_double)((double)x[i], (double)g[i], c) + (accumulate ? gx[i] : 0);
        return;
    }
    const NAME(slopes) s = NAME(slopes_of)(c);
    for (int64_t i = 0; i < n; i++)
        gx[i] = g[i] * s.w - s.p - (x[i] - s.m) * s.q + (accumulate ? gx[i] : 0);
}

static void NAME(slope_columns)(int64_t rows, int64_t stride, int64_t width, const void *in, const void *gradient,
                                const tp__norm_line *c, void *out, bool accumulate)
{
    REAL m[COLUMNS], w[COLUMNS], p[COLUMNS], q[COLUMNS];
    bool in_short = true;
    for (int64_t i = 0; i < width; i++) {
        NAME(slopes) s = NAME(slopes_of)(&c[i]);
        in_short = in_short && NAME(short_slope)(&c[i]);
        m[i] = s.m, w[i] = s.w, p[i] = s.p, q[i] = s.q;
    }
    for (int64_t r = 0; r < rows; r++) {
        const REAL *x = (const REAL *)in + r * stride, *g = (const REAL *)gradient + r * stride;
        REAL *restrict gx = (REAL *)out + r * stride;
        for (int64_t i = 0; i < (in_short ? width : 0); i++)
            gx[i] = g[i] * w[i] - p[i] - (x[i] - m[i]) * q[i] + (accumulate ? gx[i] : 0);
        for (int64_t i = 0; i < (in_short ? 0 : width); i++)
            gx[i] = NAME(slope_in_double)((double)x[i], (double)g[i], &c[i]) + (accumulate ? gx[i] : 0);
    }
}
