/* conv_winograd.c - convolutions of planes by 3 x 3 weights, stride 1, by Winograd's algorithm F(4 x 4, 3 x 3) (winograd.h): a
 * quarter of the products, as many more sums.
 *
 * A job is some tiles of one image, or of some whole ones, and one group of channels. Their pixels are laid into a scratch, 16
 * channels of each side by side, with the padding; transformed they are 36 matrices [tiles, channels], which are multiplied by
 * 36 of weights, and what comes of it is transformed back and laid out as channels again. By input it is the same of y with
 * the taps in reverse, or, where y has fewer tiles than x and a job has those of whole images, the transpose of these steps:
 * points of y times the weights' become 6 x 6 pixels of x a tile, which are added up. By weight a job goes over the tiles of a part of the images, and adds up products of both sides' points.
 * All is cut by the sizes alone: the same bits on any number of threads.
 *
 * An error is as large as the last places of the largest pixel that a tile sees, in results that do not see it, too. So what
 * holds numbers of very different size, or such as are near the ends of the range, or not finite, is left to others: of each
 * image the largest magnitude is to lie in [2^-75, 2^35], or all are 0, and to be at most SPREAD times the root of the mean of
 * the squares; the largest weight is to be at most 2^35, the largest of both sides in product at least 2^-100. */
#include "kernel/conv.h"
#include "kernel/winograd.h"

#include <string.h>

enum {
    OUT = TP__WINOGRAD_OUT,
    IN = TP__WINOGRAD_IN,
    POINTS = TP__WINOGRAD_POINTS,
    LANES = TP__WINOGRAD_LANES,
    PANEL = TP__WINOGRAD_PANEL,
    TAPS = 9,
    LEAST_CHANNELS = 16, /* of a group, on both sides... */
    MOST_CHANNELS = 1024,
    MOST_TILES = 64, /* of a job, at most */
    LEAST_TILES = 8, /* ... and at least, where it has so many */
    VALUES = 4096,   /* tiles of a job times channels of x, about */
    SIDE = 128,      /* by weight: channels of both sides in a job, at most */
    MOST_PARTS = 16, /* of a sum by weight */
    SKEW = LANES,    /* elements between matrices, which would otherwise be a power of two apart */
    SPREAD = 128,
    PIXELS = MOST_TILES * IN * IN, /* of a scratch */
    SHARE = 1 << 20                /* multiply-adds that are worth a thread of their own */
};

/* What a pass reads and makes: planes [images, groups channels, rows, columns]. */
typedef struct {
    int64_t channels, rows, columns;
    const float *data;
} planes;

typedef struct {
    const tp__conv_job *job;
    const tp__winograd_table *kernels;
    const tp__placed_kernels *pixels;
    planes x, y;                          /* of the convolution that is made: by input, x is what is given of y... */
    bool transposed;                      /* ... or it is the transpose of one: x of y */
    const planes *from, *to;              /* which of them is read, and which is made; not by weight */
    int64_t front[2];                     /* of padding */
    int64_t across, down;                 /* tiles of an image */
    int64_t images, rows, columns, tiles; /* of tiles in a job: one of the first two is 1; all of them */
    int64_t bands, strips, blocks;        /* jobs down an image, across it; in all of a group */
    int64_t side_x, side_y;               /* channels of a job */
    int64_t parts, per_part, jobs;
    int64_t slab_v, slab_m, slab_u, panel; /* elements of a matrix, and of 36 of a panel of u */
    float *u, *sums;
    tp__conv_slots slots;
    atomic_bool fits;
    _Atomic uint32_t largest[2]; /* bits of the largest magnitudes of both sides */
} plan;

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }
static int64_t part(int64_t n, int64_t parts) { return (n + parts - 1) / parts; }
static int64_t whole(int64_t channels) { return part(channels, LANES) * LANES; }

/* ---- which it is for ---- */

static bool suits(const tp__conv_job *job)
{
    const tp__conv *c = &job->shape;
    if (job->plain || job->dtype != TP_F32 || c->in[0] != 1 || c->kernel[0] != 1 || c->out[0] != 1 || c->pad[0] != 0)
        return false;
    for (int d = 1; d < TP__SPACE; d++)
        if (c->kernel[d] != 3 || c->stride[d] != 1 || c->dilation[d] != 1 || c->in[d] > INT32_MAX ||
            c->out[d] > INT32_MAX)
            return false;
    return c->batch > 0 && c->cin >= LEAST_CHANNELS && c->cout >= LEAST_CHANNELS && c->cin <= MOST_CHANNELS &&
           c->cout <= MOST_CHANNELS;
}

/* Are the products that it saves worth the transforms, those of the weights as well? They count as many products a tile as there
 * are of points for `WEIGHTS` tiles. */
static bool pays(const plan *p)
{
    enum { WEIGHTS = 24 };
    double tiles = (double)p->job->shape.batch * (double)p->across * (double)p->down;
    double pixels = (double)p->job->shape.batch * (double)p->y.rows * (double)p->y.columns;
    return 1.5 * POINTS * (tiles + WEIGHTS) < TAPS * pixels;
}

/* ---- how a pass is cut ---- */

/* Of so many channels, in a job. */
static int64_t tiles_for(int64_t channels) { return most(LEAST_TILES, least(MOST_TILES, VALUES / whole(channels))); }

static void cut_tiles(plan *p)
{
    int64_t room = tiles_for(p->side_x);
    int64_t all = p->across * p->down;
    p->images = most(1, least(p->job->shape.batch, room / all));
    p->columns = part(p->across, part(p->across, room));
    p->rows = p->columns < p->across ? 1 : part(p->down, part(p->down, most(1, room / p->columns)));
    p->tiles = p->images * p->rows * p->columns;
    p->bands = part(p->down, p->rows);
    p->strips = part(p->across, p->columns);
    p->blocks = part(p->job->shape.batch, p->images) * p->bands * p->strips;
}

static void cut_by_weight(plan *p)
{
    int64_t sides = p->job->shape.groups * part(p->x.channels, p->side_x) * part(p->y.channels, p->side_y);
    int64_t parts = least(part(MOST_PARTS, sides), part(p->blocks, 4));
    p->per_part = part(p->blocks, parts);
    p->parts = part(p->blocks, p->per_part);
    p->jobs = p->parts * sides;
    p->slab_m = p->side_x * whole(p->side_y) + SKEW;
}

static void take_planes(plan *p)
{
    const tp__conv *c = &p->job->shape;
    bool by_input = p->job->pass == TP__CONV_BY_INPUT, by_weight = p->job->pass == TP__CONV_BY_WEIGHT;
    planes x = {c->cin, c->in[1], c->in[2], p->job->a},
           y = {c->cout, c->out[1], c->out[2], by_weight ? p->job->b : p->job->a};
    int64_t tiles_of_x = part(x.rows, OUT) * part(x.columns, OUT),
            tiles_of_y = part(y.rows, OUT) * part(y.columns, OUT);
    p->transposed = by_input && tiles_of_y < tiles_of_x && tiles_of_y <= tiles_for(c->cout);
    bool reversed = by_input && !p->transposed;
    p->x = reversed ? y : x;
    p->y = reversed ? x : y;
    p->from = p->transposed ? &p->y : &p->x;
    p->to = p->transposed ? &p->x : &p->y;
    for (int d = 0; d < 2; d++)
        p->front[d] = reversed ? 2 - c->pad[1 + d] : c->pad[1 + d];
    p->down = part(p->y.rows, OUT);
    p->across = part(p->y.columns, OUT);
}

static bool make_plan(plan *p, const tp__conv_job *job)
{
    if (!suits(job))
        return false;
    memset(p, 0, sizeof *p);
    p->job = job;
    p->kernels = TP__PICK(tp__winograd_table);
    p->pixels = &TP__PICK(tp__placed_table)->of[0];
    take_planes(p);
    if (!pays(p))
        return false;
    bool by_weight = job->pass == TP__CONV_BY_WEIGHT;
    p->side_x = by_weight ? part(p->x.channels, part(p->x.channels, SIDE)) : p->from->channels;
    p->side_y = by_weight ? part(p->y.channels, part(p->y.channels, SIDE)) : p->to->channels;
    cut_tiles(p);
    p->slab_v = p->tiles * whole(p->side_x) + SKEW;
    p->slab_u = p->from->channels * PANEL + SKEW;
    p->panel = POINTS * p->slab_u;
    p->slab_m = p->tiles * PANEL + SKEW;
    p->jobs = p->blocks * job->shape.groups;
    if (by_weight)
        cut_by_weight(p);
    atomic_init(&p->fits, true);
    p->slots.count = tp__conv_slot_count(p->jobs);
    return true;
}

/* ---- rooms ---- */

/* Of a thread: the scratch; points of x; points of y; sums of products; places of pixels, of tiles and channels in v. */
typedef struct {
    float *pixels, *v, *z, *m;
    int32_t *place, *tile, *channel;
} room;

static int64_t points_of_y(const plan *p)
{
    return p->job->pass == TP__CONV_BY_WEIGHT ? POINTS * (p->tiles * whole(p->side_y) + SKEW) : 0;
}

static room room_at(const plan *p, char *at)
{
    room r;
    r.pixels = (float *)(void *)at;
    r.v = r.pixels + PIXELS * LANES;
    r.z = r.v + POINTS * p->slab_v;
    r.m = r.z + points_of_y(p);
    r.place = (int32_t *)(void *)(r.m + POINTS * p->slab_m);
    r.tile = r.place + PIXELS;
    r.channel = r.tile + MOST_TILES;
    return r;
}

static int64_t room_size(const plan *p)
{
    int64_t floats = PIXELS * LANES + POINTS * (p->slab_v + p->slab_m) + points_of_y(p);
    return (floats * (int64_t)sizeof(float) + (PIXELS + MOST_TILES + MOST_CHANNELS) * (int64_t)sizeof(int32_t) + 63) /
           64 * 64;
}

static int64_t weights(const plan *p) { return p->job->shape.groups * p->x.channels * p->y.channels * TAPS; }

/* Of all threads: the points of the weights, or the parts of their sums. */
static int64_t shared_floats(const plan *p)
{
    if (p->job->pass == TP__CONV_BY_WEIGHT)
        return p->parts > 1 ? p->parts * weights(p) : 0;
    return p->job->shape.groups * part(p->to->channels, PANEL) * p->panel;
}

bool tp__conv_winograd_room(const tp__conv_job *job, size_t *bytes)
{
    plan p;
    if (!make_plan(&p, job))
        return false;
    *bytes = (size_t)(p.slots.count * room_size(&p) + shared_floats(&p) * (int64_t)sizeof(float));
    return true;
}

/* ---- does the algorithm hold its error? ---- */

static float value_of(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

typedef struct {
    plan *p;
    int side;
    bool spread; /* does it matter? */
    const float *x;
    int64_t n;
} looked;

static bool suits_row(const looked *l, const float *x, uint32_t *largest)
{
    float squares;
    l->p->kernels->range(l->n, x, largest, &squares);
    double value = value_of(*largest);
    return *largest == 0 ||
           (*largest <= TP__WINOGRAD_LARGEST &&
            (!l->spread || (*largest >= TP__WINOGRAD_LEAST &&
                            value * value * (double)l->n <= 0x1p-30 * SPREAD * SPREAD * (double)squares)));
}

static void look_at_rows(int64_t begin, int64_t end, void *user)
{
    const looked *l = user;
    _Atomic uint32_t *most = &l->p->largest[l->side];
    for (int64_t i = begin; i < end && atomic_load_explicit(&l->p->fits, memory_order_relaxed); i++) {
        uint32_t largest, was = atomic_load(most);
        if (!suits_row(l, l->x + i * l->n, &largest))
            atomic_store(&l->p->fits, false);
        while (largest > was && !atomic_compare_exchange_weak(most, &was, largest))
            continue;
    }
}

static bool all_suit(plan *p, int side, bool spread, int64_t rows, int64_t n, const void *x)
{
    looked l = {p, side, spread, x, n};
    tp__parallel_for(rows, 1 + SHARE / (n + 1), look_at_rows, &l);
    return atomic_load(&p->fits);
}

static bool holds(plan *p)
{
    const tp__conv *c = &p->job->shape;
    int64_t of_x = c->groups * c->cin * c->in[1] * c->in[2], of_y = c->groups * c->cout * c->out[1] * c->out[2];
    bool by_weight = p->job->pass == TP__CONV_BY_WEIGHT;
    if (!all_suit(p, 0, true, c->batch, p->job->pass == TP__CONV_BY_INPUT ? of_y : of_x, p->job->a) ||
        !all_suit(p, 1, by_weight, by_weight ? c->batch : c->groups * c->cout, by_weight ? of_y : c->cin * TAPS,
                  p->job->b))
        return false;
    double product = (double)value_of(p->largest[0]) * (double)value_of(p->largest[1]);
    return product == 0 || product >= 0x1p-100;
}

/* ---- weights to points ---- */

static tp__winograd_weights weights_at(const plan *p)
{
    const tp__conv *c = &p->job->shape;
    bool by_input = p->job->pass == TP__CONV_BY_INPUT;
    return (tp__winograd_weights){.output = by_input ? TAPS : c->cin * TAPS,
                                  .input = by_input ? c->cin * TAPS : TAPS,
                                  .flipped = by_input && !p->transposed};
}

/* 16 outputs of a group each. */
static void transform_weights(int64_t begin, int64_t end, void *user)
{
    const plan *p = user;
    const tp__conv *c = &p->job->shape;
    int64_t panels = part(p->to->channels, PANEL), blocks = part(p->to->channels, LANES);
    tp__winograd_weights s = weights_at(p);
    for (int64_t i = begin; i < end; i++) {
        int64_t group = i / blocks, o = i % blocks * LANES;
        const float *w = (const float *)p->job->b + group * c->cin * c->cout * TAPS + o * s.output;
        s.outputs = least(LANES, p->to->channels - o);
        s.inputs = p->from->channels;
        p->kernels->points_of_w(&s, w, p->slab_u, p->u + (group * panels + o / PANEL) * p->panel + o % PANEL);
    }
}

/* ---- tiles ---- */

/* Which tiles a job has, in which images. */
typedef struct {
    int64_t image, images, row, rows, column, columns, tiles;
} block;

static block block_at(const plan *p, int64_t i)
{
    block b;
    b.column = i % p->strips * p->columns;
    b.row = i / p->strips % p->bands * p->rows;
    b.image = i / p->strips / p->bands * p->images;
    b.images = least(p->images, p->job->shape.batch - b.image);
    b.rows = least(p->rows, p->down - b.row);
    b.columns = least(p->columns, p->across - b.column);
    b.tiles = b.images * b.rows * b.columns;
    return b;
}

/* The scratch of a block: `area` pixels of each image in rows of `pitch`, of which some come from planes: `runs` of them, each `n`
 * in a row from `first` on, `step` apart. */
typedef struct {
    int64_t pitch, area, runs, n, first, step;
    const int32_t *place; /* for each pixel of each run */
} window;

static int64_t clip(int64_t i, int64_t n) { return i < 0 ? 0 : i > n ? n : i; }

/* Of planes, from (row, column) on: rows * columns pixels in `from_place`. */
static window window_of(const planes *x, int64_t row, int64_t column, int64_t rows, int64_t columns, int32_t *place)
{
    int64_t r0 = clip(row, x->rows), r1 = clip(row + rows, x->rows);
    int64_t c0 = clip(column, x->columns), c1 = clip(column + columns, x->columns);
    window w = {columns, rows * columns, r1 - r0, c1 - c0, r0 * x->columns + c0, x->columns, place};
    for (int64_t r = r0; r < r1; r++)
        for (int64_t c = c0; c < c1; c++)
            *place++ = (int32_t)(((r - row) * columns + c - column) * LANES);
    if (w.n == x->columns && w.runs > 0) { /* one after another */
        w.n *= w.runs;
        w.runs = 1;
    }
    return w;
}

/* The window of x that a block sees, and that of y which it is. */
static window seen(const plan *p, const block *b, int32_t *place)
{
    return window_of(&p->x, b->row * OUT - p->front[0], b->column * OUT - p->front[1], b->rows * OUT + IN - OUT,
                     b->columns * OUT + IN - OUT, place);
}
static window made(const plan *p, const block *b, int32_t *place)
{
    return window_of(&p->y, b->row * OUT, b->column * OUT, b->rows * OUT, b->columns * OUT, place);
}

/* Where the rows of v begin, and channels in them. */
static void list_points(int64_t channels, const room *r)
{
    for (int64_t i = 0; i < MOST_TILES; i++)
        r->tile[i] = (int32_t)(i * whole(channels));
    for (int64_t i = 0; i < channels; i++)
        r->channel[i] = (int32_t)i;
}

static void list_tiles(const block *b, const window *w, int32_t *at)
{
    for (int64_t i = 0; i < b->images; i++)
        for (int64_t r = 0; r < b->rows; r++)
            for (int64_t c = 0; c < b->columns; c++)
                *at++ = (int32_t)(i * w->area + (r * w->pitch + c) * OUT);
}

/* Where the channels of one of a block's images are. */
static int64_t plane_at(const plan *p, const planes *x, const block *b, int64_t group, int64_t channel, int64_t image)
{
    return (((b->image + image) * p->job->shape.groups + group) * x->channels + channel) * x->rows * x->columns;
}

/* Channels [c, c + channels) of a block's pixels become points. */
static void transform(const plan *p, const planes *x, const block *b, const window *w, int64_t group, int64_t c,
                      int64_t channels, const room *r, float *points)
{
    int32_t at[MOST_TILES];
    tp__winograd_tiles t = {b->tiles, w->pitch, whole(channels), 0, at, r->pixels, points};
    t.slab = p->tiles * t.row + SKEW;
    list_tiles(b, w, at);
    memset(r->pixels, 0, (size_t)(b->images * w->area * LANES) * sizeof(float));
    for (int64_t k = 0; k < channels; k += LANES, t.points += LANES) {
        for (int64_t i = 0; i < b->images; i++)
            for (int64_t run = 0; run < w->runs; run++)
                p->pixels->gather(w->n, w->place + run * w->n, least(LANES, channels - k),
                                  x->data + plane_at(p, x, b, group, c + k, i) + w->first + run * w->step,
                                  x->rows * x->columns, r->pixels + i * w->area * LANES);
        (x == &p->x ? p->kernels->points_of_x : p->kernels->points_of_y)(&t);
    }
}

/* ---- forward, and by input ---- */

/* Channels [c, c + channels) of a block's results, from points. */
static void put_results(const plan *p, const block *b, const window *w, int64_t group, int64_t c, int64_t channels,
                        const room *r)
{
    const tp__conv_job *job = p->job;
    int32_t at[MOST_TILES];
    tp__winograd_tiles t = {b->tiles, w->pitch, PANEL, p->slab_m, at, r->pixels, r->m};
    list_tiles(b, w, at);
    for (int64_t k = 0; k < channels; k += LANES, t.points += LANES) {
        const float *bias = job->bias ? (const float *)job->bias + group * p->to->channels + c + k : NULL;
        if (p->transposed)
            memset(r->pixels, 0, (size_t)(b->images * w->area * LANES) * sizeof(float));
        (p->transposed ? p->kernels->add_pixels : p->kernels->pixels_of)(&t);
        for (int64_t i = 0; i < b->images; i++)
            for (int64_t run = 0; run < w->runs; run++)
                p->pixels->scatter(w->n, w->place + run * w->n, least(LANES, channels - k),
                                   r->pixels + i * w->area * LANES, bias, job->accumulate,
                                   (float *)job->to + plane_at(p, p->to, b, group, c + k, i) + w->first + run * w->step,
                                   p->to->rows * p->to->columns);
    }
}

static void run_block(const plan *p, int64_t i, const room *r)
{
    int64_t group = i / p->blocks, panels = part(p->to->channels, PANEL);
    block b = block_at(p, i % p->blocks);
    list_points(p->from->channels, r);
    window w = (p->transposed ? made : seen)(p, &b, r->place);
    transform(p, p->from, &b, &w, group, 0, p->from->channels, r, r->v);
    w = (p->transposed ? seen : made)(p, &b, r->place);
    for (int64_t k = 0; k < panels; k++) {
        int64_t n = least(PANEL, p->to->channels - k * PANEL);
        const float *u = p->u + (group * panels + k) * p->panel;
        for (int f = 0; f < POINTS; f++)
            p->pixels->multiply(b.tiles, whole(n), p->from->channels, r->v + f * p->slab_v, r->tile, r->channel,
                                u + f * p->slab_u, PANEL, false, r->m + f * p->slab_m, PANEL);
        put_results(p, &b, &w, group, k * PANEL, n, r);
    }
}

/* ---- by weight ---- */

/* Which channels a job has, and which part of the blocks. */
typedef struct {
    int64_t group, x, y, of_x, of_y, part;
} sides;

static sides sides_at(const plan *p, int64_t i)
{
    int64_t across = part(p->y.channels, p->side_y), down = part(p->x.channels, p->side_x);
    sides s = {.part = i % p->parts};
    i /= p->parts;
    s.y = i % across * p->side_y;
    s.x = i / across % down * p->side_x;
    s.group = i / across / down;
    s.of_x = least(p->side_x, p->x.channels - s.x);
    s.of_y = least(p->side_y, p->y.channels - s.y);
    return s;
}

static void add_block(const plan *p, const block *b, const sides *s, bool first, const room *r)
{
    int64_t row = whole(s->of_y), slab_v = p->tiles * whole(s->of_x) + SKEW, slab_z = p->tiles * row + SKEW;
    window w = seen(p, b, r->place);
    transform(p, &p->x, b, &w, s->group, s->x, s->of_x, r, r->v);
    w = made(p, b, r->place);
    transform(p, &p->y, b, &w, s->group, s->y, s->of_y, r, r->z);
    for (int f = 0; f < POINTS; f++)
        for (int64_t k = 0; k < row; k += PANEL)
            p->pixels->multiply(s->of_x, least(PANEL, row - k), b->tiles, r->v + f * slab_v, r->channel, r->tile,
                                r->z + f * slab_z + k, row, !first, r->m + f * p->slab_m + k, row);
}

static void run_part(const plan *p, int64_t i, const room *r)
{
    sides s = sides_at(p, i);
    int64_t begin = s.part * p->per_part, end = least(p->blocks, begin + p->per_part);
    bool alone = p->parts == 1;
    tp__winograd_weights to = weights_at(p);
    list_points(s.of_x, r);
    for (int64_t k = begin; k < end; k++) {
        block b = block_at(p, k);
        add_block(p, &b, &s, k == begin, r);
    }
    float *w = alone ? p->job->to : p->sums + s.part * weights(p);
    w += (s.group * p->y.channels + s.y) * to.output + s.x * to.input;
    to.inputs = s.of_x;
    for (int64_t k = 0; k < s.of_y; k += LANES, w += LANES * to.output) {
        to.outputs = least(LANES, s.of_y - k);
        p->kernels->weights_of(&to, r->m + k, whole(s.of_y), p->slab_m, alone && p->job->accumulate, w);
    }
}

/* ---- jobs ---- */

static void run_jobs(int64_t begin, int64_t end, void *user)
{
    plan *p = user;
    char *at = tp__conv_take_room(&p->slots);
    room r = room_at(p, at);
    for (int64_t i = begin; i < end; i++)
        if (p->job->pass == TP__CONV_BY_WEIGHT)
            run_part(p, i, &r);
        else
            run_block(p, i, &r);
    tp__conv_give_room(&p->slots, at);
}

bool tp__conv_winograd(const tp__conv_job *job)
{
    plan p;
    if (!make_plan(&p, job) || !holds(&p))
        return false;
    bool by_weight = job->pass == TP__CONV_BY_WEIGHT;
    p.slots.size = room_size(&p);
    p.slots.room = job->room;
    p.u = p.sums = (float *)(void *)(p.slots.room + p.slots.count * p.slots.size);
    if (!by_weight)
        tp__parallel_for(job->shape.groups * part(p.to->channels, LANES), 1, transform_weights, &p);
    int64_t work = POINTS * p.tiles * p.side_x * p.side_y * (by_weight ? p.per_part : 1);
    tp__parallel_for(p.jobs, 1 + SHARE / (work + 1), run_jobs, &p);
    if (by_weight && p.parts > 1)
        tp__reduce(TP__SUM, TP_F32, 1, p.parts, weights(&p), p.sums, job->to, job->accumulate);
    return true;
}
