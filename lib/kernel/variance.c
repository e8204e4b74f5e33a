/* variance.c - means and variances over the middle of [outer, n, inner], and their gradient.
 *
 * All is added up in double, in chunks whose bounds depend on sizes alone. Squares of float32 stay in range so; those of
 * float64 may leave it, which the sum shows: then it is made again, of scaled elements.
 */
#include "kernel/variance.h"

#include <math.h>

enum { WORK = 32768, MAX_CHUNKS = 128, COLUMNS = TP__SPREAD_COLUMNS };

typedef struct {
    const tp__variance_table *fn;
    tp_dtype dtype;
    int64_t n, inner, chunk;
    double divisor, centre;
    bool root;
    const char *x;
    char *y, *mean;
    size_t size;
    double *partial; /* of the chunks of one long row */
} job;

/* ---- one result ------------------------------------------------------------------------------------------------- */

static double element(const job *j, const char *x, int64_t i)
{
    const void *p = x + (size_t)(i * j->inner) * j->size;
    return j->dtype == TP_F32 ? (double)*(const float *)p : *(const double *)p;
}

/* The elements at x once more, times the power of two that brings the largest near 1: *scale; the sum of squares that
 * comes of it. */
static double scaled(const job *j, const char *x, double *mean, double *scale)
{
    double top = 0, sum = 0, squares = 0;
    int e;
    for (int64_t i = 0; i < j->n; i++) {
        double v = fabs(element(j, x, i));
        top = v > top || v != v ? v : top;
    }
    if (!(top < (double)INFINITY)) {
        *scale = 1;
        return (double)NAN;
    }
    frexp(top, &e);
    *scale = ldexp(1, e < -1000 ? 1000 : -e);
    for (int64_t i = 0; i < j->n; i++)
        sum += element(j, x, i) * *scale;
    sum /= (double)j->n;
    for (int64_t i = 0; i < j->n; i++) {
        double d = element(j, x, i) * *scale - sum;
        squares += d * d;
    }
    *mean = sum / *scale;
    return squares;
}

/* The result number k of the elements at x, from their mean and the sum of squares about it. */
static void finish(const job *j, int64_t k, const char *x, double mean, double squares)
{
    bool sound = j->dtype == TP_F32 || (squares >= 0x1p-900 && squares < (double)INFINITY);
    double scale = 1;
    if (!sound && j->n > 0)
        squares = scaled(j, x, &mean, &scale);
    double y = squares / j->divisor;
    tp__store(j->y + (size_t)k * j->size, j->dtype, j->root ? sqrt(y) / scale : y / scale / scale);
    tp__store(j->mean + (size_t)k * j->size, j->dtype, mean);
}

/* ---- rows and columns ------------------------------------------------------------------------------------------- */

static void rows_range(int64_t begin, int64_t end, void *user)
{
    const job *j = user;
    int wide = j->dtype == TP_F64;
    for (int64_t k = begin; k < end; k++) {
        const char *x = j->x + (size_t)(k * j->n) * j->size;
        double mean = j->fn->sum[wide](j->n, x) / (double)j->n;
        finish(j, k, x, mean, j->fn->squares[wide](j->n, x, mean));
    }
}

static const char *chunk_at(const job *j, int64_t k, int64_t *n)
{
    int64_t at = k * j->chunk;
    *n = j->n - at < j->chunk ? j->n - at : j->chunk;
    return j->x + (size_t)at * j->size;
}

static void sums_range(int64_t begin, int64_t end, void *user)
{
    const job *j = user;
    for (int64_t k = begin, n; k < end; k++) {
        const char *x = chunk_at(j, k, &n);
        j->partial[k] = j->fn->sum[j->dtype == TP_F64](n, x);
    }
}

static void squares_range(int64_t begin, int64_t end, void *user)
{
    const job *j = user;
    for (int64_t k = begin, n; k < end; k++) {
        const char *x = chunk_at(j, k, &n);
        j->partial[k] = j->fn->squares[j->dtype == TP_F64](n, x, j->centre);
    }
}

static double over_chunks(job *j, int64_t chunks, tp__range_fn range)
{
    double sum = 0;
    tp__parallel_for(chunks, 1 + (WORK - 1) / j->chunk, range, j);
    for (int64_t k = 0; k < chunks; k++)
        sum += j->partial[k];
    return sum;
}

/* The long row number k. */
static void long_row(job j, int64_t k)
{
    double partial[MAX_CHUNKS];
    j.x += (size_t)(k * j.n) * j.size;
    j.partial = partial;
    j.chunk = (j.n + MAX_CHUNKS - 1) / MAX_CHUNKS;
    int64_t chunks = (j.n + j.chunk - 1) / j.chunk;
    j.centre = over_chunks(&j, chunks, sums_range) / (double)j.n;
    double squares = over_chunks(&j, chunks, squares_range);
    finish(&j, k, j.x, j.centre, squares);
}

/* Blocks of columns [begin, end), numbered through all outer slices. */
static void columns_range(int64_t begin, int64_t end, void *user)
{
    const job *j = user;
    int wide = j->dtype == TP_F64;
    int64_t blocks = (j->inner + COLUMNS - 1) / COLUMNS;
    for (int64_t b = begin; b < end; b++) {
        int64_t outer = b / blocks, column = b % blocks * COLUMNS;
        int64_t width = j->inner - column < COLUMNS ? j->inner - column : COLUMNS;
        const char *x = j->x + (size_t)(outer * j->n * j->inner + column) * j->size;
        double mean[COLUMNS] = {0}, squares[COLUMNS] = {0};
        j->fn->columns[wide](j->n, j->inner, width, x, NULL, mean);
        for (int64_t c = 0; c < width; c++)
            mean[c] /= (double)j->n;
        j->fn->columns[wide](j->n, j->inner, width, x, mean, squares);
        for (int64_t c = 0; c < width; c++)
            finish(j, outer * j->inner + column + c, x + (size_t)c * j->size, mean[c], squares[c]);
    }
}

void tp__variance(tp_dtype dtype, int64_t outer, int64_t n, int64_t inner, double divisor, bool root, const void *x,
                  void *y, void *mean)
{
    job j = {.fn = TP__PICK(tp__variance_table),
             .dtype = dtype,
             .n = n,
             .inner = inner,
             .divisor = divisor,
             .root = root,
             .x = x,
             .y = y,
             .mean = mean,
             .size = tp_dtype_size(dtype)};
    if (inner > 1)
        tp__parallel_for(outer * ((inner + COLUMNS - 1) / COLUMNS), 1 + WORK / (COLUMNS * (n + 1)), columns_range, &j);
    else if (n > WORK)
        for (int64_t k = 0; k < outer; k++)
            long_row(j, k);
    else if (inner > 0)
        tp__parallel_for(outer, 1 + WORK / (n + 1), rows_range, &j);
}

/* ---- the gradient ----------------------------------------------------------------------------------------------- */

typedef struct {
    const tp__variance_table *fn;
    const tp__variance_slope *s;
    int wide;
    size_t size;
} slope_job;

static double at(const void *x, tp_dtype dtype, int64_t i)
{
    return tp__load((const char *)x + (size_t)i * tp_dtype_size(dtype), dtype);
}

/* Of the result number k, into place c. */
static void factors(const tp__variance_slope *s, int64_t k, tp__spread *from, int64_t c)
{
    double y = s->root ? at(s->y, s->dtype, k) : 1, g = s->g ? at(s->g, s->dtype, k) : 0;
    from->mean[c] = at(s->mean, s->dtype, k);
    double factor = y == 0 ? 0 : g * (s->root ? 1 : 2) / s->divisor, by = y == 0 ? 1 : y, both = factor / by;
    bool apart = !(both == 0 && factor == 0) &&
                 !(fabs(both) > 0x1p-900 && fabs(both) < 0x1p900); /* or it loses digits */
    from->factor[c] = apart ? factor : both;
    from->by[c] = apart ? by : 1;
    from->divides = apart || (c > 0 && from->divides);
    from->shift[c] = s->g_mean ? at(s->g_mean, s->dtype, k) / (double)s->n : 0;
}

/* Elements [begin, end) of rows of n. */
static void slope_row_range(int64_t begin, int64_t end, void *user)
{
    const slope_job *w = user;
    const tp__variance_slope *s = w->s;
    tp__spread from;
    for (int64_t i = begin, m; i < end; i += m) {
        int64_t left = (i / s->n + 1) * s->n - i;
        size_t here = (size_t)i * w->size;
        m = left < end - i ? left : end - i;
        factors(s, i / s->n, &from, 0);
        w->fn->slope[w->wide](m, (const char *)s->x + here, &from, (char *)s->gx + here, s->accumulate);
    }
}

/* Columns [begin, end), numbered through all outer slices. */
static void slope_column_range(int64_t begin, int64_t end, void *user)
{
    const slope_job *w = user;
    const tp__variance_slope *s = w->s;
    tp__spread from;
    for (int64_t i = begin, m; i < end; i += m) {
        int64_t left = s->inner - i % s->inner;
        m = left < end - i ? left : end - i;
        m = m < COLUMNS ? m : COLUMNS;
        for (int64_t c = 0; c < m; c++)
            factors(s, i + c, &from, c);
        for (int64_t r = 0; r < s->n; r++) {
            size_t here = (size_t)((i / s->inner * s->n + r) * s->inner + i % s->inner) * w->size;
            w->fn->slope_columns[w->wide](m, (const char *)s->x + here, &from, (char *)s->gx + here, s->accumulate);
        }
    }
}

void tp__variance_backward(const tp__variance_slope *s)
{
    slope_job w = {TP__PICK(tp__variance_table), s, s->dtype == TP_F64, tp_dtype_size(s->dtype)};
    if (s->n == 0)
        return;
    if (s->inner == 1)
        tp__parallel_for(s->outer * s->n, WORK, slope_row_range, &w);
    else
        tp__parallel_for(s->outer * s->inner, 1 + WORK / s->n, slope_column_range, &w);
}
