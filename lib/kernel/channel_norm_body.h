/* channel_norm_body.h - see vec_channel_norm.c: REAL and NAME are the type at hand and its suffix. */

/* ---- sums over parts --------------------------------------------------------------------------------------------- */

/* The sums of g and of g (x - mean) rstd: in lanes of elements over a chunk, chunks in double. What the mean loses as an
 * element is put back. */
static inline __attribute__((always_inline)) void NAME(dots_in_lanes)(int64_t n, const REAL *x, const REAL *g,
                                                                      double mean, double rstd, double to[2])
{
    enum { NAME(STEP) = 2 * LINE / sizeof(REAL) };
    const REAL m = (REAL)mean, r = (REAL)rstd;
    double sum = 0, dot = 0;
    for (int64_t at = 0, end; at + NAME(STEP) <= n; at = end) {
        NAME(lanes) sums[2] = {{0}, {0}}, dots[2] = {{0}, {0}};
        end = n - at < CHUNK ? n - (n - at) % NAME(STEP) : at + CHUNK;
        for (int64_t i = at; i < end; i += NAME(STEP))
            for (int k = 0; k < 2; k++) {
                NAME(lanes) b = *(const NAME(lanes) *)(g + i + k * NAME(STEP) / 2);
                sums[k] += b;
                dots[k] += b * ((*(const NAME(lanes) *)(x + i + k * NAME(STEP) / 2) - m) * r);
            }
        sum += NAME(fold)(sums[0] + sums[1]);
        dot += NAME(fold)(dots[0] + dots[1]);
    }
    for (int64_t i = n - n % NAME(STEP); i < n; i++) {
        sum += (double)g[i];
        dot += (double)(g[i] * ((x[i] - m) * r));
    }
    to[0] = sum;
    to[1] = dot + ((double)m - mean) * rstd * sum;
}

static void NAME(dots)(int64_t n, const void *in, const void *gradient, const tp__norm_stats *s, double to[2])
{
    const REAL *x = in, *g = gradient;
    double more[2] = {0};
    bool in_short = s->scale == 1 && s->rstd > 1 / MOST_FACTOR && s->rstd < MOST_FACTOR;
    if (in_short)
        NAME(dots_in_lanes)(n, x, g, s->mean, s->rstd, more);
    if (!in_short || (!IS_F64 && !(fabs(more[0]) + fabs(more[1]) < (double)INFINITY))) {
        more[0] = more[1] = 0;
        for (int64_t i = 0; i < n; i++) {
            more[0] += (double)g[i];
            more[1] += (double)g[i] * (((double)x[i] * s->scale - s->mean) * s->rstd);
        }
    }
    to[0] += more[0];
    to[1] += more[1];
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
    const REAL *x = in, *g = gradient;
    int64_t r = 0;
    for (; r + 2 <= rows; r += 2, x += 2 * stride, g += 2 * stride) { /* so that the sums are written less often */
        const REAL *x2 = x + stride, *g2 = g + stride;
        for (int64_t i = 0; i < width; i++) {
            sum[i] += (double)g[i] + (double)g2[i];
            dot[i] += (double)g[i] * (((double)x[i] * scale[i] - mean[i]) * rstd[i]) +
                      (double)g2[i] * (((double)x2[i] * scale[i] - mean[i]) * rstd[i]);
        }
    }
    for (int64_t i = 0; i < (r < rows ? width : 0); i++) {
        sum[i] += (double)g[i];
        dot[i] += (double)g[i] * (((double)x[i] * scale[i] - mean[i]) * rstd[i]);
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
