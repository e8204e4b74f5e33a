/* channel_norm.c - normalization by channels: the statistics of sets, and who computes what.
 *
 * The statistics take one pass over memory: means and squares about them of chunks, which stay in cache meanwhile, are joined
 * (Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances", 1979). Short parts
 * of channels over the samples are done by rows, many channels side by side.
 */
#include "kernel/channel_norm.h"
#include "kernel/variance.h"

#include <math.h>

enum { WORK = 16384, CHUNK = 4096, LANES = TP__NORM_LANES, COLUMNS = TP__NORM_COLUMNS, SHORT = 32 };

typedef struct {
    const tp__channel_norm_table *fn;
    const tp__channel_norm *w;
    int wide;
    size_t size;            /* of an element */
    int64_t sets, parts, n; /* sets, parts of one, its elements */
    int64_t run;            /* of those lie side by side */
} job;

static job job_of(const tp__channel_norm *w)
{
    job j = {.fn = TP__PICK(tp__channel_norm_table), .w = w, .wide = w->dtype == TP_F64};
    j.size = tp_dtype_size(w->dtype);
    j.sets = w->groups ? w->n * w->groups : w->channels;
    j.parts = w->groups ? w->channels / w->groups : w->n;
    j.n = j.parts * w->length;
    j.run = w->groups ? j.n : w->length;
    return j;
}

int64_t tp__channel_norm_sets(const tp__channel_norm *w) { return job_of(w).sets; }
int64_t tp__channel_norm_sums(const tp__channel_norm *w) { return w->groups ? w->n * w->channels : w->channels; }

/* Where part k of set s begins, in elements; its channel; the pair of sums to which it adds. */
static int64_t part_at(const job *j, int64_t s, int64_t k)
{
    return (j->w->groups ? s * j->parts + k : k * j->w->channels + s) * j->w->length;
}
static int64_t channel_of(const job *j, int64_t s, int64_t k)
{
    return j->w->groups ? s % j->w->groups * j->parts + k : s;
}
static double *sums_of(const job *j, int64_t s, int64_t k)
{
    return j->w->sums + 2 * (j->w->groups ? s * j->parts + k : s);
}

static const void *from(const job *j, const void *p, int64_t at) { return (const char *)p + (size_t)at * j->size; }
static double element(const job *j, const void *p, int64_t at) { return tp__load(from(j, p, at), j->w->dtype); }
static void *into(const job *j, void *p, int64_t at) { return (char *)p + (size_t)at * j->size; }

static double fold(const double *lane)
{
    double half[LANES];
    memcpy(half, lane, sizeof half);
    for (int n = LANES / 2; n > 0; n /= 2)
        for (int l = 0; l < n; l++)
            half[l] += half[l + n];
    return half[0];
}

/* ---- the statistics of a set ------------------------------------------------------------------------------------- */

/* Of its elements [begin, end): the sum, or with a mean the squares about it. */
static double over_chunk(const job *j, int64_t s, int64_t begin, int64_t end, const double *mean)
{
    double lane[LANES] = {0};
    for (int64_t i = begin, m; i < end; i += m) {
        int64_t left = j->run - i % j->run;
        const void *x = from(j, j->w->x, part_at(j, s, i / j->run) + i % j->run);
        m = left < end - i ? left : end - i;
        if (mean)
            j->fn->squares[j->wide](m, x, *mean, lane);
        else
            j->fn->sum[j->wide](m, x, lane);
    }
    return fold(lane);
}

/* The sum of squares about the mean. */
static double squares_of(const job *j, int64_t s, double *mean)
{
    double squares = 0;
    *mean = 0;
    for (int64_t i = 0; i < j->n; i += CHUNK) {
        int64_t end = i + CHUNK < j->n ? i + CHUNK : j->n;
        double count = (double)(end - i), all = (double)end;
        double own = over_chunk(j, s, i, end, NULL) / count, gap = own - *mean;
        squares += over_chunk(j, s, i, end, &own) + (i > 0 ? gap * gap * ((double)i * count / all) : 0);
        *mean = i > 0 ? *mean + gap * (count / all) : own;
    }
    return squares;
}

static tp__norm_stats scaled_stats(const job *j, int64_t s)
{
    double top = sqrt(j->w->eps), sum = 0, squares = 0, n = (double)j->n;
    int e;
    for (int64_t i = 0; i < j->n; i++)
        top = fmax(top, fabs(element(j, j->w->x, part_at(j, s, i / j->run) + i % j->run)));
    frexp(top < (double)INFINITY ? top : 1, &e);
    double scale = ldexp(1, e < -1000 ? 1000 : -e);
    for (int64_t i = 0; i < j->n; i++)
        sum += element(j, j->w->x, part_at(j, s, i / j->run) + i % j->run) * scale;
    double mean = sum / n;
    for (int64_t i = 0; i < j->n; i++) {
        double d = element(j, j->w->x, part_at(j, s, i / j->run) + i % j->run) * scale - mean;
        squares += d * d;
    }
    return (tp__norm_stats){scale, mean, 1 / sqrt(squares / n + j->w->eps * scale * scale),
                            squares / n / scale / scale};
}

/* From the mean and the sum of squares about it. The squares of float32 cannot leave the range of double. */
static tp__norm_stats stats_from(const job *j, int64_t s, double mean, double squares)
{
    double var = squares / (double)j->n, v = var + j->w->eps;
    if (j->wide && j->n > 0 && !(v >= 0x1p-900 && v < (double)INFINITY))
        return scaled_stats(j, s);
    return (tp__norm_stats){1, mean, 1 / sqrt(v), var};
}

static tp__norm_stats given_stats(const job *j, int64_t s)
{
    double var = element(j, j->w->var, s);
    return (tp__norm_stats){1, element(j, j->w->mean, s), 1 / sqrt(var + j->w->eps), var};
}

static tp__norm_stats stats_of(const job *j, int64_t s)
{
    double mean;
    if (j->w->mean)
        return given_stats(j, s);
    double squares = squares_of(j, s, &mean);
    return stats_from(j, s, mean, squares);
}

static tp__norm_line line_of(const job *j, const tp__norm_stats *s, int64_t channel)
{
    const tp__channel_norm *w = j->w;
    return (tp__norm_line){.scale = s->scale,
                           .mean = s->mean,
                           .rstd = s->rstd,
                           .weight = w->weight ? element(j, w->weight, channel) : 1,
                           .bias = w->bias ? element(j, w->bias, channel) : 0};
}

/* ---- sets one by one --------------------------------------------------------------------------------------------- */

static void forward_sets(int64_t begin, int64_t end, void *user)
{
    const job *j = user;
    const tp__channel_norm *w = j->w;
    for (int64_t s = begin; s < end; s++) {
        w->stats[s] = stats_of(j, s);
        for (int64_t k = 0; k < j->parts; k++) {
            tp__norm_line c = line_of(j, &w->stats[s], channel_of(j, s, k));
            int64_t at = part_at(j, s, k);
            j->fn->apply[j->wide](w->length, from(j, w->x, at), &c, into(j, w->y, at));
        }
    }
}

/* The sums of set s, of each of its channels. */
static void sum_up(const job *j, int64_t s)
{
    const tp__channel_norm *w = j->w;
    double lane[2][LANES] = {{0}};
    for (int64_t k = 0; k < j->parts; k++) {
        int64_t at = part_at(j, s, k);
        j->fn->dots[j->wide](w->length, from(j, w->x, at), from(j, w->g, at), &w->stats[s], lane);
        if (w->groups || k + 1 == j->parts) {
            double *sums = sums_of(j, s, k);
            sums[0] = fold(lane[0]);
            sums[1] = fold(lane[1]);
            memset(lane, 0, sizeof lane);
        }
    }
}

/* The means of g weight and of g weight xhat over set s, which the gradient of x goes without: none where the statistics were
 * given. */
static void means_of(const job *j, int64_t s, double mean[2])
{
    int64_t channels = j->w->groups ? j->parts : 1;
    mean[0] = mean[1] = 0;
    for (int64_t k = 0; k < (j->w->mean ? 0 : channels); k++) {
        const double *sums = sums_of(j, s, k);
        double weight = j->w->weight ? element(j, j->w->weight, channel_of(j, s, k)) : 1;
        mean[0] += weight * sums[0] / (double)j->n;
        mean[1] += weight * sums[1] / (double)j->n;
    }
}

static void backward_sets(int64_t begin, int64_t end, void *user)
{
    const job *j = user;
    const tp__channel_norm *w = j->w;
    for (int64_t s = begin; s < end; s++) {
        double mean[2];
        sum_up(j, s);
        means_of(j, s, mean);
        for (int64_t k = 0; k < (w->y ? j->parts : 0); k++) {
            tp__norm_line c = line_of(j, &w->stats[s], channel_of(j, s, k));
            int64_t at = part_at(j, s, k);
            c.shift = mean[0];
            c.slope = mean[1];
            j->fn->slope[j->wide](w->length, from(j, w->x, at), from(j, w->g, at), &c, into(j, w->y, at),
                                  w->accumulate);
        }
    }
}

/* ---- channels of short parts, side by side: columns are the elements of a sample's channels ---------------------------- */

static int64_t channels_of_block(const job *j) { return COLUMNS / j->w->length; }
static int64_t blocks(const job *j) { return (j->sets + channels_of_block(j) - 1) / channels_of_block(j); }

/* The sums of columns as those of their channels. */
static void join_columns(int64_t channels, int64_t length, double *of)
{
    for (int64_t c = 0; c < channels; c++) {
        double sum = 0;
        for (int64_t i = 0; i < length; i++)
            sum += of[c * length + i];
        of[c] = sum;
    }
}

static void spread_columns(int64_t channels, int64_t length, double *of)
{
    for (int64_t i = channels * length - 1; i >= 0; i--)
        of[i] = of[i / length];
}

static void block_stats(const job *j, int64_t first, int64_t channels)
{
    const tp__channel_norm *w = j->w;
    const tp__variance_table *fn = TP__PICK(tp__variance_table);
    const void *x = from(j, w->x, first * w->length);
    int64_t length = w->length, row = w->channels * length, width = channels * length;
    double mean[COLUMNS] = {0}, squares[COLUMNS] = {0};
    for (int64_t c = 0; c < (w->mean ? channels : 0); c++)
        w->stats[first + c] = given_stats(j, first + c);
    if (w->mean)
        return;
    fn->columns[j->wide](w->n, row, width, x, NULL, mean);
    join_columns(channels, length, mean);
    for (int64_t c = 0; c < channels; c++)
        mean[c] /= (double)j->n;
    spread_columns(channels, length, mean);
    fn->columns[j->wide](w->n, row, width, x, mean, squares);
    join_columns(channels, length, squares);
    for (int64_t c = 0; c < channels; c++)
        w->stats[first + c] = stats_from(j, first + c, mean[c * length], squares[c]);
}

/* A line a column; with the means that the gradient goes without. */
static void block_lines(const job *j, int64_t first, int64_t channels, bool backward, tp__norm_line *line)
{
    for (int64_t c = 0; c < channels; c++) {
        double mean[2] = {0};
        tp__norm_line one = line_of(j, &j->w->stats[first + c], first + c);
        if (backward)
            means_of(j, first + c, mean);
        one.shift = mean[0];
        one.slope = mean[1];
        for (int64_t i = 0; i < j->w->length; i++)
            line[c * j->w->length + i] = one;
    }
}

static int64_t block_at(const job *j, int64_t b, int64_t *channels)
{
    int64_t first = b * channels_of_block(j), left = j->sets - first;
    *channels = left < channels_of_block(j) ? left : channels_of_block(j);
    return first;
}

static void forward_blocks(int64_t begin, int64_t end, void *user)
{
    const job *j = user;
    const tp__channel_norm *w = j->w;
    tp__norm_line line[COLUMNS];
    for (int64_t b = begin, channels; b < end; b++) {
        int64_t first = block_at(j, b, &channels), at = first * w->length;
        block_stats(j, first, channels);
        block_lines(j, first, channels, false, line);
        j->fn->apply_columns[j->wide](w->n, w->channels * w->length, channels * w->length, from(j, w->x, at), line,
                                      into(j, w->y, at));
    }
}

static void backward_blocks(int64_t begin, int64_t end, void *user)
{
    const job *j = user;
    const tp__channel_norm *w = j->w;
    tp__norm_line line[COLUMNS];
    for (int64_t b = begin, channels; b < end; b++) {
        int64_t first = block_at(j, b, &channels), at = first * w->length, row = w->channels * w->length;
        const void *x = from(j, w->x, at), *g = from(j, w->g, at);
        double sum[COLUMNS] = {0}, dot[COLUMNS] = {0};
        block_lines(j, first, channels, false, line);
        j->fn->dots_columns[j->wide](w->n, row, channels * w->length, x, g, line, sum, dot);
        join_columns(channels, w->length, sum);
        join_columns(channels, w->length, dot);
        for (int64_t c = 0; c < channels; c++) {
            sums_of(j, first + c, 0)[0] = sum[c];
            sums_of(j, first + c, 0)[1] = dot[c];
        }
        if (w->y == NULL)
            continue;
        block_lines(j, first, channels, true, line);
        j->fn->slope_columns[j->wide](w->n, row, channels * w->length, x, g, line, into(j, w->y, at), w->accumulate);
    }
}

/* ---- all --------------------------------------------------------------------------------------------------------- */

static void over_sets(job *j, tp__range_fn sets, tp__range_fn of_blocks)
{
    if (j->w->groups == 0 && j->w->length < SHORT && j->w->length > 0)
        tp__parallel_for(blocks(j), 1 + WORK / (COLUMNS * (j->w->n + 1)), of_blocks, j);
    else
        tp__parallel_for(j->sets, 1 + WORK / (j->n + 1), sets, j);
}

void tp__channel_norm_forward(const tp__channel_norm *w)
{
    job j = job_of(w);
    over_sets(&j, forward_sets, forward_blocks);
}

void tp__channel_norm_backward(const tp__channel_norm *w)
{
    job j = job_of(w);
    over_sets(&j, backward_sets, backward_blocks);
}

void tp__channel_norm_gather(const tp__channel_norm *w, bool of_weight, void *out, bool accumulate)
{
    int64_t samples = w->groups ? w->n : 1;
    const size_t size = tp_dtype_size(w->dtype);
    for (int64_t c = 0; c < w->channels; c++) {
        double sum = 0;
        for (int64_t k = 0; k < samples; k++)
            sum += w->sums[2 * (k * w->channels + c) + of_weight];
        void *to = (char *)out + (size_t)c * size;
        tp__store(to, w->dtype, sum + (accumulate ? tp__load(to, w->dtype) : 0));
    }
}
