/* conv.c - convolutions as products of tiles.
 *
 * A tile is 64 pixels of the output (32 of eight bytes) in the order of memory, over the ends of rows and images. What one tap
 * of one channel reads for them is a row of the tile; `k` counts these rows, taps fastest, as the weights [cout, k] do. Then
 *
 *     forward      y [cout, tile] = w [cout, k] x [k, tile]      with x gathered
 *     by input     x [k, tile] = w^T [k, cout] y [cout, tile]    and x spread: added to where it was gathered from
 *     by weight    w^T [k, cout] = x [k, tile] y^T [tile, cout]  added up over the tiles
 *
 * (K. Chellapilla, S. Puri and P. Simard, "High performance convolutional neural networks for document processing", 2006). A
 * stretch of k is gathered at a time, which stays in the second cache. Products go to BLAS, in sizes that its small kernels
 * take (blas.c), but for little ones and those of integers. Jobs are cut by the sizes alone and each element of a result is
 * one job's, or a sum of parts in a fixed order: the same bits on any number of threads. */
#include "kernel/conv.h"

#include <sched.h>
#include <string.h>

enum {
    DEPTH = 240,          /* rows of x in a stretch, at most: 64 channels of a tile are one call of a small kernel */
    CHANNELS = 256,       /* of the output at a time, at most: a tile of them is as large       */
    WEIGHTS = 128,        /* ... by weight, where a job holds their products with a stretch     */
    RUN = 9,              /* pixels: shorter rows are fetched one by one   */
    TILE = 64,            /* pixels, at most                                                    */
    TILE_BYTES = 256,     /* of a row of it, at most                                            */
    ROOM = TP__CONV_ROOM, /* of a thread: what is gathered, a tile of the output, products      */
    PART = 64 * 1024,     /* ... where the second and the third begin                           */
    LITTLE = 1024,        /* rows times channels whose products are made here                   */
    SHARE = 1 << 20,      /* multiply-adds that are worth a thread of their own                 */
    MOST_PARTS = 16,      /* of a sum by weight                                                 */
    MOST_SLOTS = 64
};
_Static_assert(DEPTH *TILE_BYTES <= PART && CHANNELS * TILE_BYTES <= PART, "a tile is too large");
_Static_assert(2 * PART + DEPTH * WEIGHTS * 4 <= ROOM, "the products are too large");
_Static_assert(2 * PART + LITTLE * TP__CONV_LINE <= ROOM, "the products are too large");

typedef struct {
    const tp__conv_job *job;
    const tp__conv_kernels *kernels;
    int64_t size, plane_in, plane_out, taps, k, tile, pixels; /* bytes of an element; ...; of a tile; of all images */
    int64_t block_channels, block_taps;                       /* a stretch: whole channels, or some taps of one */
    int64_t channel_blocks, tap_blocks, out_blocks, out_channels;
    int64_t chunks, per_chunk; /* parts of the images (by input), of the tiles (by weight) */
    int64_t jobs;
    tp__conv_slots slots;
    char *parts;
    atomic_bool counted;
} plan;

/* A stretch of k: channels [c, c + channels), taps [t, t + taps) of each. */
typedef struct {
    int64_t c, channels, t, taps;
} stretch;

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t part(int64_t n, int64_t parts) { return n > 0 ? (n - 1) / parts + 1 : 0; }

static int64_t volume(const int64_t *n) { return n[0] * n[1] * n[2]; }

static int64_t rows_of(stretch s) { return s.channels * s.taps; }
static int64_t first_row(const plan *p, stretch s) { return s.c * p->taps + s.t; }

static stretch stretch_at(const plan *p, int64_t i)
{
    stretch s = {i / p->tap_blocks * p->block_channels, 0, i % p->tap_blocks * p->block_taps, 0};
    s.channels = least(p->block_channels, p->job->shape.cin - s.c);
    s.taps = least(p->block_taps, p->taps - s.t);
    return s;
}

/* ---- how a pass is cut ---- */

static void cut_by_weight(plan *p)
{
    const tp__conv *c = &p->job->shape;
    int64_t blocks = c->groups * p->out_blocks * p->channel_blocks * p->tap_blocks, tiles = part(p->pixels, p->tile);
    int64_t parts = least(part(MOST_PARTS, blocks ? blocks : 1), part(tiles, 16));
    p->per_chunk = parts ? part(tiles, parts) : 1;
    p->chunks = part(tiles, p->per_chunk);
    p->jobs = blocks * (p->chunks ? p->chunks : 1);
}

static void cut(plan *p)
{
    const tp__conv *c = &p->job->shape;
    if (p->job->pass == TP__CONV_FORWARD) {
        p->jobs = c->groups * p->out_blocks * part(p->pixels, p->tile);
    } else if (p->job->pass == TP__CONV_BY_INPUT) {
        p->per_chunk = p->plane_out > 0 && p->plane_out < p->tile ? p->tile / p->plane_out : 1;
        p->chunks = part(c->batch, p->per_chunk);
        p->jobs = p->chunks * c->groups * p->channel_blocks;
    } else {
        cut_by_weight(p);
    }
}

static void make_plan(plan *p, const tp__conv_job *job)
{
    const tp__conv *c = &job->shape;
    memset(p, 0, sizeof *p);
    p->job = job;
    p->kernels = &TP__PICK(tp__conv_table)->of[job->dtype];
    p->size = (int64_t)tp_dtype_size(job->dtype);
    p->plane_in = volume(c->in);
    p->plane_out = volume(c->out);
    p->taps = volume(c->kernel);
    p->k = c->cin * p->taps;
    p->tile = p->size == 8 ? TILE / 2 : TILE;
    p->pixels = c->batch * p->plane_out;
    p->block_taps = least(p->taps, DEPTH);
    p->block_channels = p->taps >= DEPTH ? 1 : least(c->cin > 0 ? c->cin : 1, DEPTH / p->taps);
    p->channel_blocks = part(c->cin, p->block_channels);
    p->tap_blocks = part(p->taps, p->block_taps);
    p->out_channels = job->pass == TP__CONV_BY_WEIGHT ? (p->size == 8 ? WEIGHTS / 2 : WEIGHTS) : CHANNELS;
    p->out_channels = c->cout > 0 ? part(c->cout, part(c->cout, p->out_channels)) : 1;
    p->out_blocks = part(c->cout, p->out_channels);
    cut(p);
    p->slots.count = tp__conv_slot_count(p->jobs);
    p->slots.size = ROOM;
    atomic_init(&p->counted, true);
}

/* By weight in several parts: each is a whole w^T of each group. */
static int64_t weights(const plan *p) { return p->job->shape.groups * p->job->shape.cout * p->k; }

/* What is tried in turn, before tiles. */
static const struct {
    bool (*room)(const tp__conv_job *job, size_t *bytes);
    bool (*run)(const tp__conv_job *job);
    bool may_refuse; /* numbers, though the shape suits */
} strategies[] = {{tp__conv_winograd_room, tp__conv_winograd, true},
                  {tp__conv_planes_room, tp__conv_planes, false},
                  {tp__conv_depthwise_room, tp__conv_depthwise, false},
                  {tp__conv_direct_room, tp__conv_direct, false},
                  {tp__conv_pixels_room, tp__conv_pixels, false}};

size_t tp__conv_room(const tp__conv_job *job)
{
    size_t most = 0, room;
    for (size_t i = 0; i < sizeof strategies / sizeof *strategies; i++)
        if (strategies[i].room(job, &room)) {
            most = room > most ? room : most;
            if (!strategies[i].may_refuse)
                return most;
        }
    plan p;
    make_plan(&p, job);
    room = job->pass == TP__CONV_BY_WEIGHT && p.chunks > 1 ? (size_t)(p.chunks * weights(&p) * p.size) : 0;
    room += (size_t)p.slots.count * ROOM;
    return room > most ? room : most;
}

/* ---- a thread's room ---- */

int64_t tp__conv_slot_count(int64_t jobs) { return least(least(tp__cpu_count(), MOST_SLOTS), jobs > 0 ? jobs : 1); }

char *tp__conv_take_room(tp__conv_slots *s)
{
    for (;;) {
        for (int64_t i = 0; i < s->count; i++) {
            uint64_t bit = UINT64_C(1) << i;
            if (!(atomic_fetch_or_explicit(&s->taken, bit, memory_order_acquire) & bit))
                return s->room + i * s->size;
        }
        sched_yield(); /* more threads than processors */
    }
}

void tp__conv_give_room(tp__conv_slots *s, const char *room)
{
    atomic_fetch_and_explicit(&s->taken, ~(UINT64_C(1) << ((room - s->room) / s->size)), memory_order_release);
}

/* ---- tiles ---- */

/* Output pixels that lie side by side in one row. */
typedef struct {
    int64_t image, at[TP__SPACE];
    int32_t first, n;
} row_part;

typedef struct {
    int64_t begin, n;
    int rows;
    row_part row[TILE];
} tile;

/* Pixels [begin, begin + n) of all images. */
static void tile_at(const plan *p, int64_t begin, int64_t n, tile *t)
{
    const int64_t *out = p->job->shape.out;
    t->begin = begin;
    t->n = n;
    t->rows = 0;
    for (int64_t i = 0; i < n;) {
        int64_t q = begin + i, in_image = q % p->plane_out;
        row_part *r = &t->row[t->rows++];
        r->image = q / p->plane_out;
        r->at[2] = in_image % out[2];
        r->at[1] = in_image / out[2] % out[1];
        r->at[0] = in_image / out[2] / out[1];
        r->first = (int32_t)i;
        r->n = (int32_t)least(out[2] - r->at[2], n - i);
        i += r->n;
    }
}

static int64_t clip(int64_t i, int64_t n) { return i < 0 ? 0 : i > n ? n : i; }

/* Which outputs read within a row of x, whose first is wanted at `start`: the least i with start + i stride >= bound. */
static int64_t first_at(int64_t start, int64_t stride, int64_t bound)
{
    return start >= bound ? 0 : part(bound - start, stride);
}

/* What a tap reads for each row of a tile; offsets from the first image's channel at hand. */
static void runs_of(const plan *p, const tile *t, int64_t tap, tp__conv_run *run)
{
    const tp__conv *c = &p->job->shape;
    const int64_t image = c->groups * c->cin * p->plane_in;
    const int64_t k[TP__SPACE] = {tap / c->kernel[2] / c->kernel[1], tap / c->kernel[2] % c->kernel[1],
                                  tap % c->kernel[2]};
    for (int i = 0; i < t->rows; i++) {
        const row_part *r = &t->row[i];
        int64_t at[TP__SPACE];
        for (int d = 0; d < TP__SPACE; d++)
            at[d] = r->at[d] * c->stride[d] - c->pad[d] + k[d] * c->dilation[d];
        bool inside = at[0] >= 0 && at[0] < c->in[0] && at[1] >= 0 && at[1] < c->in[1];
        int64_t lo = inside ? clip(first_at(at[2], c->stride[2], 0), r->n) : r->n;
        int64_t hi = inside ? clip(first_at(at[2], c->stride[2], c->in[2]), r->n) : r->n;
        int64_t from = lo < hi ? (at[0] * c->in[1] + at[1]) * c->in[2] + at[2] + lo * c->stride[2] : 0;
        run[i] = (tp__conv_run){r->image * image + from, r->first, r->n, (int32_t)lo, (int32_t)hi};
    }
}

/* Runs as a place for each pixel of a tile. */
static void places_of(const tile *t, const tp__conv_run *run, int64_t stride, int32_t *place)
{
    for (int i = 0; i < TILE; i++)
        place[i] = -1;
    for (int k = 0; k < t->rows; k++)
        for (int32_t i = run[k].lo; i < run[k].hi; i++)
            place[run[k].at + i] = (int32_t)(run[k].from + (i - run[k].lo) * stride);
}

/* Are its rows so short that elements are better fetched one by one, and places small numbers? */
static bool is_ragged(const plan *p, const tile *t)
{
    const tp__conv *c = &p->job->shape;
    int64_t images = t->n > 0 ? t->row[t->rows - 1].image - t->row[0].image + 1 : 0;
    return t->rows * RUN > t->n && images * c->groups * c->cin * p->plane_in < INT32_MAX;
}

static void gather(const plan *p, const tile *t, int64_t group, stretch s, const void *x, char *column)
{
    const tp__conv *c = &p->job->shape;
    int64_t row = p->tile * p->size, image = c->groups * c->cin * p->plane_in, first = t->row[0].image * image;
    const char *from = (const char *)x + (first + (group * c->cin + s.c) * p->plane_in) * p->size;
    bool ragged = is_ragged(p, t);
    tp__conv_run run[TILE];
    int32_t place[TILE];
    if (t->n < p->tile && !ragged)
        memset(column, 0, (size_t)(rows_of(s) * row));
    for (int64_t i = 0; i < s.taps; i++, column += row) {
        runs_of(p, t, s.t + i, run);
        for (int k = 0; k < t->rows; k++)
            run[k].from -= first;
        if (ragged) {
            places_of(t, run, c->stride[2], place);
            p->kernels->pick(place, s.channels, p->plane_in, s.taps * p->tile, from, column);
        } else {
            p->kernels->gather(t->rows, run, s.channels, p->plane_in, c->stride[2], s.taps * p->tile, from, column);
        }
    }
}

static void spread(const plan *p, const tile *t, int64_t group, stretch s, const char *column, void *x)
{
    const tp__conv *c = &p->job->shape;
    char *to = (char *)x + (group * c->cin + s.c) * p->plane_in * p->size;
    tp__conv_run run[TILE];
    for (int64_t i = 0; i < s.taps; i++) {
        runs_of(p, t, s.t + i, run);
        p->kernels->spread(t->rows, run, s.channels, p->plane_in, c->stride[2], s.taps * p->tile,
                           column + i * p->tile * p->size, to);
    }
}

/* The next part of a tile that lies in one image, from its i-th pixel on: how long, and where it is in y's first channel. */
static int64_t in_one_image(const plan *p, const tile *t, int64_t i, int64_t *at)
{
    const tp__conv *c = &p->job->shape;
    int64_t q = t->begin + i, in_image = q % p->plane_out;
    *at = q / p->plane_out * c->groups * c->cout * p->plane_out + in_image;
    return least(p->plane_out - in_image, t->n - i);
}

/* Channels [m, m + n) of a group's y: rows of a tile, or with `turned` its columns. */
static void take_output(const plan *p, const tile *t, int64_t group, int64_t m, int64_t n, const void *y, bool turned,
                        char *to)
{
    int64_t at, base = (group * p->job->shape.cout + m) * p->plane_out;
    if (!turned && t->n < p->tile)
        memset(to, 0, (size_t)(n * p->tile * p->size));
    for (int64_t i = 0, pixels; i < t->n; i += pixels) {
        pixels = in_one_image(p, t, i, &at);
        tp__plane plane = {n, pixels, p->tile, 1, p->plane_out, 1};
        if (turned)
            plane = (tp__plane){pixels, n, n, 1, 1, p->plane_out};
        tp__copy_plane((size_t)p->size, plane, to + (turned ? i * n : i) * p->size,
                       (const char *)y + (base + at) * p->size);
    }
}

/* ---- products ---- */

static bool is_little(const plan *p, int64_t k, int64_t m)
{
    return !tp__is_float(p->job->dtype) || k < 8 || m < 8 || k * m <= LITTLE;
}

/* c [m, tile] (+)= A [m, k] B [k, tile] for A the weights from w on, `ta`: transposed */
static bool multiply(const plan *p, bool ta, int64_t m, int64_t n, int64_t k, const void *w, const void *b,
                     bool accumulate, void *c)
{
    if (is_little(p, k, m)) {
        p->kernels->multiply(m, k, w, ta ? 1 : p->k, ta ? p->k : 1, b, accumulate, c);
        return true;
    }
    return tp__gemm(p->job->dtype, ta, false, m, n, k, 1, w, p->k, b, p->tile, accumulate ? 1 : 0, c, p->tile);
}

static const char *weight_at(const plan *p, int64_t group, int64_t m, int64_t row)
{
    return (const char *)p->job->b + ((group * p->job->shape.cout + m) * p->k + row) * p->size;
}

/* ---- forward ---- */

static void put_output(const plan *p, const tile *t, int64_t group, int64_t m, int64_t n, const char *sums)
{
    const tp__conv_job *job = p->job;
    int64_t at, channel = group * job->shape.cout + m;
    for (int64_t i = 0, pixels; i < t->n; i += pixels) {
        pixels = in_one_image(p, t, i, &at);
        for (int64_t j = 0; j < n; j++)
            p->kernels->deposit(1, pixels, p->k ? sums + (j * p->tile + i) * p->size : NULL, 0,
                                job->bias ? (const char *)job->bias + (channel + j) * p->size : NULL, job->accumulate,
                                (char *)job->to + ((channel + j) * p->plane_out + at) * p->size, 0);
    }
}

static bool forward_tile(const plan *p, int64_t i, char *room)
{
    const tp__conv *c = &p->job->shape;
    int64_t tiles = part(p->pixels, p->tile), group = i / tiles / p->out_blocks;
    int64_t m = i / tiles % p->out_blocks * p->out_channels, n = least(p->out_channels, c->cout - m);
    int64_t begin = i % tiles * p->tile;
    bool counted = true;
    char *sums = room + PART;
    tile t;
    tile_at(p, begin, least(p->tile, p->pixels - begin), &t);
    for (int64_t k = 0; k < p->channel_blocks * p->tap_blocks && counted; k++) {
        stretch s = stretch_at(p, k);
        gather(p, &t, group, s, p->job->a, room);
        counted = multiply(p, false, n, t.n, rows_of(s), weight_at(p, group, m, first_row(p, s)), room, k > 0, sums);
    }
    put_output(p, &t, group, m, n, sums);
    return counted;
}

/* ---- by input: a job is some channels of some images ---- */

static void begin_input(const plan *p, int64_t image, int64_t images, int64_t channel, int64_t channels)
{
    const tp__conv_job *job = p->job;
    int64_t all = job->shape.groups * job->shape.cin;
    if (job->accumulate && !job->bias)
        return;
    for (int64_t i = image; i < image + images; i++)
        for (int64_t c = channel; c < channel + channels; c++)
            p->kernels->deposit(1, p->plane_in, NULL, 0, job->bias ? (const char *)job->bias + c * p->size : NULL,
                                job->accumulate, (char *)job->to + (i * all + c) * p->plane_in * p->size, 0);
}

static bool input_tile(const plan *p, const tile *t, int64_t group, stretch s, char *room)
{
    const tp__conv *c = &p->job->shape;
    char *y = room + PART;
    bool counted = true;
    for (int64_t m = 0; m < c->cout && counted; m += p->out_channels) {
        int64_t n = least(p->out_channels, c->cout - m);
        take_output(p, t, group, m, n, p->job->a, false, y);
        counted = multiply(p, true, rows_of(s), t->n, n, weight_at(p, group, m, first_row(p, s)), y, m > 0, room);
    }
    if (c->cout > 0)
        spread(p, t, group, s, room, p->job->to);
    return counted;
}

static bool input_job(const plan *p, int64_t i, char *room)
{
    const tp__conv *c = &p->job->shape;
    int64_t block = i % p->channel_blocks, group = i / p->channel_blocks % c->groups;
    int64_t image = i / p->channel_blocks / c->groups * p->per_chunk, images = least(p->per_chunk, c->batch - image);
    int64_t end = (image + images) * p->plane_out;
    stretch s = stretch_at(p, block * p->tap_blocks);
    bool counted = true;
    tile t;
    begin_input(p, image, images, group * c->cin + s.c, s.channels);
    for (int64_t q = image * p->plane_out; q < end; q += p->tile) {
        tile_at(p, q, least(p->tile, end - q), &t);
        for (int64_t k = 0; k < p->tap_blocks && counted; k++)
            counted = input_tile(p, &t, group, stretch_at(p, block * p->tap_blocks + k), room);
    }
    return counted;
}

/* ---- by weight: a job is some channels of the output by a stretch of k, over a part of the tiles ---- */

static bool add_products(const plan *p, const tile *t, int64_t group, stretch s, int64_t m, int64_t n, char *room,
                         char *sums, bool first)
{
    char *y = room + PART;
    gather(p, t, group, s, p->job->a, room);
    take_output(p, t, group, m, n, p->job->b, !is_little(p, rows_of(s), n), y);
    if (!is_little(p, rows_of(s), n))
        return tp__gemm(p->job->dtype, false, false, rows_of(s), n, t->n, 1, room, p->tile, y, n, first ? 0 : 1, sums,
                        n);
    if (first)
        memset(sums, 0, (size_t)(rows_of(s) * n * TP__CONV_LINE));
    p->kernels->dots(rows_of(s), n, room, y, sums);
    return true;
}

/* w [n, k] (+)= sums [k, n] */
static void put_weights(const plan *p, int64_t rows, int64_t n, const void *sums, bool accumulate, void *w)
{
    for (int64_t m = 0; m < n; m++)
        for (int64_t k = 0; k < rows; k++)
            if (p->size == 4) {
                float *to = (float *)w + m * p->k + k, sum = ((const float *)sums)[k * n + m];
                *to = accumulate ? *to + sum : sum;
            } else {
                double *to = (double *)w + m * p->k + k, sum = ((const double *)sums)[k * n + m];
                *to = accumulate ? *to + sum : sum;
            }
}

static bool weight_job(const plan *p, int64_t i, char *room)
{
    const tp__conv *c = &p->job->shape;
    int64_t chunks = p->chunks ? p->chunks : 1, chunk = i % chunks, stretches = p->channel_blocks * p->tap_blocks;
    int64_t group = i / chunks / stretches / p->out_blocks,
            m = i / chunks / stretches % p->out_blocks * p->out_channels;
    int64_t n = least(p->out_channels, c->cout - m), end = least(p->pixels, (chunk + 1) * p->per_chunk * p->tile);
    stretch s = stretch_at(p, i / chunks % stretches);
    bool first = true, counted = true;
    char *sums = room + 2 * PART;
    tile t;
    memset(sums, 0, (size_t)(rows_of(s) * n * p->size)); /* of no tiles */
    for (int64_t q = chunk * p->per_chunk * p->tile; q < end && counted; q += p->tile, first = false) {
        tile_at(p, q, least(p->tile, end - q), &t);
        counted = add_products(p, &t, group, s, m, n, room, sums, first);
    }
    if (!first && is_little(p, rows_of(s), n)) {
        p->kernels->add_up(rows_of(s) * n, sums, room);
        sums = room;
    }
    int64_t at = (group * c->cout + m) * p->k + first_row(p, s);
    bool whole = chunks == 1;
    put_weights(p, rows_of(s), n, sums, whole && p->job->accumulate,
                (whole ? (char *)p->job->to : p->parts + chunk * weights(p) * p->size) + at * p->size);
    return counted;
}

/* ---- jobs ---- */

static void run_jobs(int64_t begin, int64_t end, void *user)
{
    plan *p = user;
    char *room = tp__conv_take_room(&p->slots);
    bool counted = true;
    for (int64_t i = begin; i < end && counted; i++)
        counted = p->job->pass == TP__CONV_FORWARD    ? forward_tile(p, i, room)
                  : p->job->pass == TP__CONV_BY_INPUT ? input_job(p, i, room)
                                                      : weight_job(p, i, room);
    if (!counted)
        atomic_store(&p->counted, false);
    tp__conv_give_room(&p->slots, room);
}

bool tp__convolve(const tp__conv_job *job)
{
    plan p;
    for (size_t i = 0; i < sizeof strategies / sizeof *strategies; i++)
        if (strategies[i].run(job))
            return true;
    make_plan(&p, job);
    p.slots.room = job->room;
    p.parts = p.slots.room + p.slots.count * ROOM;
    if (p.jobs == 0)
        return true;
    double work = (double)p.pixels * (double)p.k * (double)job->shape.cout * (double)job->shape.groups;
    double share = (double)SHARE * (double)p.jobs / (work > 1 ? work : 1);
    tp__parallel_for(p.jobs, share < 1 ? 1 : share > (double)p.jobs ? p.jobs : (int64_t)share, run_jobs, &p);
    if (job->pass == TP__CONV_BY_WEIGHT && p.chunks > 1)
        tp__reduce(TP__SUM, job->dtype, 1, p.chunks, weights(&p), p.parts, job->to, job->accumulate);
    return atomic_load(&p.counted);
}
