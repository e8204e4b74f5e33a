/* channel_norm.c - normalization by channels: the statistics of sets, and who computes what.
 *
 * The statistics take one pass over memory: means and squares about them of chunks, which stay in cache meanwhile, are joined
 * (Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances", 1979). Then a set is
 * gone through once more, for the output, or for the gradient of x, whose sums were made in the first pass. A set that is
 * large is cut into pieces, those of all sets are gone through at once, twice. Short parts of channels over the samples are
 * done by rows, many channels side by side, in chunks of samples.
 */
#include "kernel/channel_norm.h"
#include "kernel/variance.h"

#include <math.h>

enum {
    WORK = 16384,
    CHUNK = 4096,
    COLUMNS = TP__NORM_COLUMNS,
    SHORT = 128, /* parts of fewer elements go side by side, many a chunk of so many elements of a block of columns */
    FEW = 16,    /* but few samples of more */
    ROWS = 1 << 16,
    LARGE = 1 << 18, /* sets of more are cut into pieces */
    PIECE = 1 << 15,
    TOGETHER = 2048 /* elements of small sets that are worked on at once */
};

typedef struct {
    const tp__channel_norm_table *fn;
    const tp__variance_table *variance;
    const tp__channel_norm *w;
    int wide;
    size_t size;            /* of an element */
    int64_t sets, parts, n; /* sets, parts of one, its elements */
    int64_t run;            /* of those lie side by side */
    int64_t pieces;         /* of a part, of a large set; 0: sets are not cut */
    int64_t rows, chunks;   /* samples of a chunk; chunks, where parts are short; 0: they are not */
    int64_t blocks;         /* of columns */
} job;

static int64_t channels_of_block(const job *j) { return COLUMNS / j->w->length; }

static job job_of(const tp__channel_norm *w)
{
    job j = {.fn = TP__PICK(tp__channel_norm_table),
             .variance = TP__PICK(tp__variance_table),
             .w = w,
             .wide = w->dtype == TP_F64};
    j.size = tp_dtype_size(w->dtype);
    j.sets = w->groups ? w->n * w->groups : w->channels;
    j.parts = w->groups ? w->channels / w->groups : w->n;
    j.n = j.parts * w->length;
    j.run = w->groups ? j.n : w->length;
    bool short_parts = w->length < SHORT && w->length > 0 && (w->n >= FEW || w->length < FEW);
    if (w->groups == 0 && short_parts && w->channels > 0) {
        int64_t width = channels_of_block(&j) * w->length, all = w->channels * w->length;
        j.blocks = (w->channels + channels_of_block(&j) - 1) / channels_of_block(&j);
        j.rows = ROWS / (width < all ? width : all);
        j.chunks = (w->n + j.rows - 1) / j.rows;
    } else if (j.n > LARGE && w->length >= SHORT)
        j.pieces = (w->length + PIECE - 1) / PIECE;
    return j;
}

int64_t tp__channel_norm_sets(const tp__channel_norm *w) { return job_of(w).sets; }
int64_t tp__channel_norm_sums(const tp__channel_norm *w) { return w->groups ? w->n * w->channels : w->channels; }

size_t tp__channel_norm_scratch(const tp__channel_norm *w)
{
    job j = job_of(w);
    return (size_t)(j.chunks * w->channels + j.pieces * j.parts * j.sets) * 2 * sizeof(double);
}

/* A set: where its first part begins, in elements, that part's channel and its pair of sums, and how far it is to the next. */
typedef struct {
    int64_t which, at, step, channel, channel_step, sums_step;
    double *sums;
} set;

static set set_at(const job *j, int64_t s)
{
    const tp__channel_norm *w = j->w;
    if (w->groups == 0)
        return (set){s, s * w->length, w->channels * w->length, s, 0, 0, w->sums ? w->sums + 2 * s : NULL};
    return (set){s, s * j->n, w->length, s % w->groups * j->parts, 1, 2, w->sums ? w->sums + 2 * s * j->parts : NULL};
}

static const void *from(const job *j, const void *p, int64_t at) { return (const char *)p + (size_t)at * j->size; }
static inline double element(const job *j, const void *p, int64_t at)
{
    return j->wide ? ((const double *)p)[at] : (double)((const float *)p)[at];
}
static void *into(const job *j, void *p, int64_t at) { return (char *)p + (size_t)at * j->size; }

/* ---- the statistics of a set ------------------------------------------------------------------------------------- */

/* A mean of so many elements, and the sum of the squares about it; those of others join them. */
typedef struct {
    double n, mean, squares;
} spread;

static void join(spread *s, spread more)
{
    double gap = more.mean - s->mean, all = s->n + more.n;
    if (s->n == 0) {
        *s = more;
        return;
    }
    s->squares += more.squares + gap * gap * (s->n * more.n / all);
    s->mean += gap * (more.n / all);
    s->n = all;
}

/* Of elements [begin, end) of a set: the sum, or with a mean the squares about it. */
static double over_chunk(const job *j, const set *s, int64_t begin, int64_t end, const double *mean)
{
    double sum = 0;
    for (int64_t i = begin, m; i < end; i += m) {
        int64_t left = j->run - i % j->run;
        const void *x = from(j, j->w->x, s->at + i / j->run * s->step + i % j->run);
        m = left < end - i ? left : end - i;
        sum += mean ? j->variance->squares[j->wide](m, x, *mean) : j->variance->sum[j->wide](m, x);
    }
    return sum;
}

static spread spread_of(const job *j, const set *s, int64_t begin, int64_t end)
{
    spread all = {0};
    for (int64_t i = begin; i < end; i += CHUNK) {
        int64_t past = i + CHUNK < end ? i + CHUNK : end;
        spread own = {.n = (double)(past - i)};
        own.mean = over_chunk(j, s, i, past, NULL) / own.n;
        own.squares = over_chunk(j, s, i, past, &own.mean);
        join(&all, own);
    }
    return all;
}

static tp__norm_stats scaled_stats(const job *j, const set *s)
{
    double top = sqrt(j->w->eps), sum = 0, squares = 0, n = (double)j->n;
    int e;
    for (int64_t i = 0; i < j->n; i++)
        top = fmax(top, fabs(element(j, j->w->x, s->at + i / j->run * s->step + i % j->run)));
    frexp(top < (double)INFINITY ? top : 1, &e);
    double scale = ldexp(1, e < -1000 ? 1000 : -e);
    for (int64_t i = 0; i < j->n; i++)
        sum += element(j, j->w->x, s->at + i / j->run * s->step + i % j->run) * scale;
    double mean = sum / n;
    for (int64_t i = 0; i < j->n; i++) {
        double d = element(j, j->w->x, s->at + i / j->run * s->step + i % j->run) * scale - mean;
        squares += d * d;
    }
    return (tp__norm_stats){scale, mean, 1 / sqrt(squares / n + j->w->eps * scale * scale),
                            squares / n / scale / scale};
}

/* The squares of float32 cannot leave the range of double. */
static tp__norm_stats stats_from(const job *j, const set *s, spread of)
{
    double var = of.squares / (double)j->n, v = var + j->w->eps;
    if (j->wide && j->n > 0 && !(v >= 0x1p-900 && v < (double)INFINITY))
        return scaled_stats(j, s);
    return (tp__norm_stats){1, of.mean, 1 / sqrt(v), var};
}

static tp__norm_stats given_stats(const job *j, int64_t s)
{
    double var = element(j, j->w->var, s);
    return (tp__norm_stats){1, element(j, j->w->mean, s), 1 / sqrt(var + j->w->eps), var};
}

static tp__norm_stats stats_of(const job *j, const set *s)
{
    return j->w->mean ? given_stats(j, s->which) : stats_from(j, s, spread_of(j, s, 0, j->n));
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
    for (int64_t i = begin; i < end; i++) {
        set s = set_at(j, i);
        w->stats[i] = stats_of(j, &s);
        for (int64_t k = 0, at = s.at; k < j->parts; k++, at += s.step) {
            tp__norm_line c = line_of(j, &w->stats[i], s.channel + k * s.channel_step);
            j->fn->apply[j->wide](w->length, from(j, w->x, at), &c, into(j, w->y, at));
        }
    }
}

/* The sums of a set, of each of its channels. */
static void sum_up(const job *j, const set *s)
{
    const tp__channel_norm *w = j->w;
    for (int64_t k = 0, at = s->at; k < j->parts; k++, at += s->step) {
        double *sums = s->sums + k * s->sums_step;
        if (w->groups || k == 0)
            sums[0] = sums[1] = 0;
        j->fn->dots[j->wide](w->length, from(j, w->x, at), from(j, w->g, at), &w->stats[s->which], sums);
    }
}

/* The means of g weight and of g weight xhat over a set, which the gradient of x goes without: none where the statistics were
 * given. */
static void means_of(const job *j, const set *s, double mean[2])
{
    int64_t channels = j->w->mean ? 0 : j->w->groups ? j->parts : 1;
    double sum[2] = {0}, n = (double)j->n;
    for (int64_t k = 0; k < channels; k++) {
        const double *sums = s->sums + k * s->sums_step;
        double weight = j->w->weight ? element(j, j->w->weight, s->channel + k) : 1;
        sum[0] += weight * sums[0];
        sum[1] += weight * sums[1];
    }
    mean[0] = sum[0] / n;
    mean[1] = sum[1] / n;
}

static void slope_of_set(const job *j, const set *s)
{
    const tp__channel_norm *w = j->w;
    double mean[2];
    means_of(j, s, mean);
    for (int64_t k = 0, at = s->at; k < j->parts; k++, at += s->step) {
        tp__norm_line c = line_of(j, &w->stats[s->which], s->channel + k * s->channel_step);
        c.shift = mean[0];
        c.slope = mean[1];
        j->fn->slope[j->wide](w->length, from(j, w->x, at), from(j, w->g, at), &c, into(j, w->y, at), w->accumulate);
    }
}

/* The sums of some small sets come before their slopes, which would wait for those of their own. */
static void backward_sets(int64_t begin, int64_t end, void *user)
{
    const job *j = user;
    int64_t most = 1 + TOGETHER / (j->n + 1);
    for (int64_t first = begin, m; first < end; first += m) {
        m = end - first < most ? end - first : most;
        for (int64_t i = first; i < first + m; i++) {
            set s = set_at(j, i);
            sum_up(j, &s);
        }
        for (int64_t i = first; i < (j->w->y ? first + m : first); i++) {
            set s = set_at(j, i);
            slope_of_set(j, &s);
        }
    }
}

/* ---- large sets, in pieces ---------------------------------------------------------------------------------------- */

/* Elements [begin, begin + n) of part `part` of a set, from `at` on. */
typedef struct {
    set set;
    int64_t part, begin, n, at;
    double *partial;
} piece;

static piece piece_at(const job *j, int64_t i)
{
    int64_t begin = i % j->pieces * PIECE, left = j->w->length - begin, part = i / j->pieces;
    set s = set_at(j, part / j->parts);
    part %= j->parts;
    return (piece){s, part, begin, left < PIECE ? left : PIECE, s.at + part * s.step + begin, j->w->partial + 2 * i};
}

static tp__norm_line line_of_piece(const job *j, const piece *p)
{
    return line_of(j, &j->w->stats[p->set.which], p->set.channel + p->part * p->set.channel_step);
}

static void piece_stats(int64_t begin, int64_t end, void *user)
{
    const job *j = user;
    for (int64_t i = begin; i < end; i++) {
        piece p = piece_at(j, i);
        int64_t first = p.part * j->w->length + p.begin;
        spread s = spread_of(j, &p.set, first, first + p.n);
        p.partial[0] = s.mean;
        p.partial[1] = s.squares;
    }
}

static void piece_forward(int64_t begin, int64_t end, void *user)
{
    const job *j = user;
    for (int64_t i = begin; i < end; i++) {
        piece p = piece_at(j, i);
        tp__norm_line c = line_of_piece(j, &p);
        j->fn->apply[j->wide](p.n, from(j, j->w->x, p.at), &c, into(j, j->w->y, p.at));
    }
}

static void piece_sums(int64_t begin, int64_t end, void *user)
{
    const job *j = user;
    for (int64_t i = begin; i < end; i++) {
        piece p = piece_at(j, i);
        p.partial[0] = p.partial[1] = 0;
        j->fn->dots[j->wide](p.n, from(j, j->w->x, p.at), from(j, j->w->g, p.at), &j->w->stats[p.set.which], p.partial);
    }
}

static void piece_backward(int64_t begin, int64_t end, void *user)
{
    const job *j = user;
    double mean[2] = {0};
    for (int64_t i = begin, which = -1; i < end; i++) {
        piece p = piece_at(j, i);
        tp__norm_line c = line_of_piece(j, &p);
        if (p.set.which != which)
            means_of(j, &p.set, mean);
        which = p.set.which;
        c.shift = mean[0];
        c.slope = mean[1];
        j->fn->slope[j->wide](p.n, from(j, j->w->x, p.at), from(j, j->w->g, p.at), &c, into(j, j->w->y, p.at),
                              j->w->accumulate);
    }
}

static void over_pieces(job *j, tp__range_fn body)
{
    int64_t each = j->w->length < PIECE ? j->w->length : PIECE;
    tp__parallel_for(j->sets * j->parts * j->pieces, 1 + WORK / each, body, j);
}

static void forward_pieces(job *j)
{
    if (j->w->mean == NULL)
        over_pieces(j, piece_stats);
    for (int64_t s = 0, each = j->parts * j->pieces; s < j->sets; s++) {
        spread all = {0};
        for (int64_t i = s * each; i < (j->w->mean ? 0 : (s + 1) * each); i++) {
            piece p = piece_at(j, i);
            join(&all, (spread){(double)p.n, p.partial[0], p.partial[1]});
        }
        set one = set_at(j, s);
        j->w->stats[s] = j->w->mean ? given_stats(j, s) : stats_from(j, &one, all);
    }
    over_pieces(j, piece_forward);
}

static void backward_pieces(job *j)
{
    int64_t all = j->sets * j->parts * j->pieces;
    over_pieces(j, piece_sums);
    memset(j->w->sums, 0, (size_t)tp__channel_norm_sums(j->w) * 2 * sizeof(double));
    for (int64_t i = 0; i < all; i++) {
        piece p = piece_at(j, i);
        double *sums = p.set.sums + p.part * p.set.sums_step;
        sums[0] += p.partial[0];
        sums[1] += p.partial[1];
    }
    if (j->w->y)
        over_pieces(j, piece_backward);
}

/* ---- channels of short parts, side by side: columns are the elements of a sample's channels ---------------------------- */

/* Samples [row, row + rows) of channels [first, first + channels). */
typedef struct {
    int64_t row, rows, first, channels, at, stride, width; /* at: of its first element */
    double *partial;                                       /* a pair a channel */
} tile;

static tile tile_at(const job *j, int64_t i)
{
    const tp__channel_norm *w = j->w;
    int64_t chunk = i / j->blocks, row = chunk * j->rows, first = i % j->blocks * channels_of_block(j);
    int64_t rows = w->n - row < j->rows ? w->n - row : j->rows, channels = channels_of_block(j);
    channels = w->channels - first < channels ? w->channels - first : channels;
    return (tile){row,
                  rows,
                  first,
                  channels,
                  (row * w->channels + first) * w->length,
                  w->channels * w->length,
                  channels * w->length,
                  w->partial + 2 * (chunk * w->channels + first)};
}

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

static void tile_stats(int64_t begin, int64_t end, void *user)
{
    const job *j = user;
    for (int64_t i = begin; i < end; i++) {
        tile t = tile_at(j, i);
        double mean[COLUMNS] = {0}, squares[COLUMNS] = {0};
        const void *x = from(j, j->w->x, t.at);
        j->variance->columns[j->wide](t.rows, t.stride, t.width, x, NULL, mean);
        join_columns(t.channels, j->w->length, mean);
        for (int64_t c = 0; c < t.channels; c++)
            t.partial[2 * c] = mean[c] /= (double)(t.rows * j->w->length);
        spread_columns(t.channels, j->w->length, mean);
        j->variance->columns[j->wide](t.rows, t.stride, t.width, x, mean, squares);
        join_columns(t.channels, j->w->length, squares);
        for (int64_t c = 0; c < t.channels; c++)
            t.partial[2 * c + 1] = squares[c];
    }
}

/* A line a column; with the means that the gradient goes without. */
static void tile_lines(const job *j, const tile *t, bool backward, tp__norm_line *line)
{
    for (int64_t c = 0; c < t->channels; c++) {
        double mean[2] = {0};
        set s = set_at(j, t->first + c);
        tp__norm_line one = line_of(j, &j->w->stats[s.which], s.channel);
        if (backward)
            means_of(j, &s, mean);
        one.shift = mean[0];
        one.slope = mean[1];
        for (int64_t i = 0; i < j->w->length; i++)
            line[c * j->w->length + i] = one;
    }
}

static void tile_forward(int64_t begin, int64_t end, void *user)
{
    const job *j = user;
    tp__norm_line line[COLUMNS];
    for (int64_t i = begin; i < end; i++) {
        tile t = tile_at(j, i);
        tile_lines(j, &t, false, line);
        j->fn->apply_columns[j->wide](t.rows, t.stride, t.width, from(j, j->w->x, t.at), line, into(j, j->w->y, t.at));
    }
}

static void tile_sums(int64_t begin, int64_t end, void *user)
{
    const job *j = user;
    tp__norm_line line[COLUMNS];
    for (int64_t i = begin; i < end; i++) {
        tile t = tile_at(j, i);
        double sum[COLUMNS] = {0}, dot[COLUMNS] = {0};
        tile_lines(j, &t, false, line);
        j->fn->dots_columns[j->wide](t.rows, t.stride, t.width, from(j, j->w->x, t.at), from(j, j->w->g, t.at), line,
                                     sum, dot);
        join_columns(t.channels, j->w->length, sum);
        join_columns(t.channels, j->w->length, dot);
        for (int64_t c = 0; c < t.channels; c++) {
            t.partial[2 * c] = sum[c];
            t.partial[2 * c + 1] = dot[c];
        }
    }
}

static void tile_backward(int64_t begin, int64_t end, void *user)
{
    const job *j = user;
    tp__norm_line line[COLUMNS];
    for (int64_t i = begin; i < end; i++) {
        tile t = tile_at(j, i);
        tile_lines(j, &t, true, line);
        j->fn->slope_columns[j->wide](t.rows, t.stride, t.width, from(j, j->w->x, t.at), from(j, j->w->g, t.at), line,
                                      into(j, j->w->y, t.at), j->w->accumulate);
    }
}

static void over_tiles(job *j, tp__range_fn body)
{
    int64_t width = j->w->channels * j->w->length;
    tp__parallel_for(j->chunks * j->blocks, 1 + WORK / (width < COLUMNS ? width : COLUMNS) / j->rows, body, j);
}

static void forward_tiles(job *j)
{
    const tp__channel_norm *w = j->w;
    if (w->mean == NULL)
        over_tiles(j, tile_stats);
    for (int64_t c = 0; c < w->channels; c++) {
        spread all = {0};
        for (int64_t k = 0; k < (w->mean ? 0 : j->chunks); k++) {
            int64_t rows = w->n - k * j->rows < j->rows ? w->n - k * j->rows : j->rows;
            const double *partial = w->partial + 2 * (k * w->channels + c);
            join(&all, (spread){(double)(rows * w->length), partial[0], partial[1]});
        }
        set s = set_at(j, c);
        w->stats[c] = w->mean ? given_stats(j, c) : stats_from(j, &s, all);
    }
    over_tiles(j, tile_forward);
}

static void backward_tiles(job *j)
{
    int64_t pairs = j->w->channels;
    over_tiles(j, tile_sums);
    memset(j->w->sums, 0, (size_t)pairs * 2 * sizeof(double));
    for (int64_t i = 0; i < j->chunks * pairs * 2; i++)
        j->w->sums[i % (pairs * 2)] += j->w->partial[i];
    if (j->w->y)
        over_tiles(j, tile_backward);
}

/* ---- all --------------------------------------------------------------------------------------------------------- */

void tp__channel_norm_forward(const tp__channel_norm *w)
{
    job j = job_of(w);
    if (j.chunks > 0)
        forward_tiles(&j);
    else if (j.pieces > 0)
        forward_pieces(&j);
    else
        tp__parallel_for(j.sets, 1 + WORK / (j.n + 1), forward_sets, &j);
}

void tp__channel_norm_backward(const tp__channel_norm *w)
{
    job j = job_of(w);
    if (j.chunks > 0)
        backward_tiles(&j);
    else if (j.pieces > 0)
        backward_pieces(&j);
    else
        tp__parallel_for(j.sets, 1 + WORK / (j.n + 1), backward_sets, &j);
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
