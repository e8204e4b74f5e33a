/* conv_pixels.c - convolutions of floats as products of pixels with weights, without columns that are laid out first.
 *
 * What a result reads is a place of x that goes by its pixel, plus one that goes by channel and tap. So a block of pixels
 * times the weights is a product of matrices whose left one is x itself, by two lists of places (placed.h: multiply):
 *
 *     forward      y [pixels, cout] = x [pixels, k] w^T [k, cout]        k: channels of x and taps
 *     by input     x [pixels, cin] = y [pixels, k] w [k, cin]            k: channels of y and taps
 *     by weight    w^T [k, cout] = x [k, pixels] y^T [pixels, cout]      added up over the blocks
 *
 * A job's part of x, with its padding, is laid into a buffer, some channels at a time; the result is turned from pixels
 * with their channels side by side into channels. By input with a stride, pixels with the same remainder see the same taps:
 * these are a phase, and each has a list of its own. Jobs are cut by the sizes alone: the same bits on any number of threads. */
#include "kernel/conv.h"
#include "kernel/placed.h"

#include <string.h>

enum {
    LANES = TP__PLACED_LANES,
    X_ROOM = 128 * 1024, /* bytes of a thread: of x */
    Z_ROOM = 128 * 1024, /* ... of pixels of y, and as many of what is made... */
    C_ROOM = 320 * 1024, /* ... but by weight, where each block adds to all of it */
    MOST_PIXELS = 256,   /* of a block */
    MOST_COLUMNS = 1024, /* places in a list: channels of a stretch and their taps... */
    DEPTH = 512,         /* ... of which there are about so many */
    LEAST_CHANNELS = 9,  /* of what is made: fewer leave half of the lanes idle */
    MOST_PHASES = 64,
    MOST_PARTS = 16,
    SHARE = 1 << 20
};

/* One dimension of space: what is read and made. Result q of phase f = q mod phases reads, with each tap of the phase,
 * (q / phases) step + offset of the tap. */
typedef struct {
    int64_t from, to, taps, phases, step;
    int64_t size, blocks; /* of a block of results */
    int64_t low, window;  /* what the first block reads begins here; how much it reads */
} axis;

typedef struct {
    const tp__conv_job *job;
    const tp__placed_kernels *kernels;
    int64_t size, taps, from_channels, to_channels, panel;
    axis a[TP__SPACE];
    int64_t images, blocks, pixels; /* of a block; in all; of a block */
    int64_t area, stretch;          /* elements of the window of a channel; channels at once */
    int64_t side, sides;            /* columns of the result in a job (padded where they end); such jobs */
    int64_t deep, depths;           /* by weight: channels of x in a job; such jobs */
    int64_t parts, per_part, jobs;
    int32_t *column, *tap; /* places by phase, channel of a stretch, tap; which taps a phase has, phase by phase */
    int32_t *first;        /* of each phase, in `tap` */
    char *w, *sums;
    tp__conv_slots slots;
} plan;

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }
static int64_t part(int64_t n, int64_t parts) { return n > 0 ? (n - 1) / parts + 1 : 0; }
static int64_t whole(int64_t n, int64_t of) { return part(n, of) * of; }
static int64_t volume(const int64_t *n) { return n[0] * n[1] * n[2]; }
static bool by_weight(const plan *p) { return p->job->pass == TP__CONV_BY_WEIGHT; }
static bool by_input(const plan *p) { return p->job->pass == TP__CONV_BY_INPUT; }

/* ---- one dimension ---- */

/* Has phase f tap k, and what is then added? */
static bool tap_offset(const plan *p, int d, int64_t f, int64_t k, int64_t *offset)
{
    const tp__conv *c = &p->job->shape;
    int64_t at = k * c->dilation[d] - c->pad[d];
    if (by_input(p)) {
        at = f - at;
        if (at % c->stride[d] != 0)
            return false;
        at /= c->stride[d];
    }
    *offset = at;
    return true;
}

/* What results [0, size) read, [low, low + window); all phases, those that have taps. */
static void find_window(const plan *p, int d, axis *a)
{
    int64_t low = INT64_MAX, high = INT64_MIN, offset;
    for (int64_t f = 0; f < least(a->phases, a->size); f++)
        for (int64_t k = 0; k < a->taps; k++)
            if (tap_offset(p, d, f, k, &offset)) {
                low = least(low, offset);
                high = most(high, offset + (a->size - 1 - f) / a->phases * a->step);
            }
    a->low = low > high ? 0 : low;
    a->window = low > high ? 1 : high - low + 1;
}

static void make_axis(const plan *p, int d, axis *a)
{
    const tp__conv *c = &p->job->shape;
    a->from = by_input(p) ? c->out[d] : c->in[d];
    a->to = by_input(p) ? c->in[d] : c->out[d];
    a->taps = c->kernel[d];
    a->phases = by_input(p) ? c->stride[d] : 1;
    a->step = by_input(p) ? 1 : c->stride[d];
}

static void cut_axis(const plan *p, int d, axis *a, int64_t room)
{
    int64_t size = part(a->to, part(a->to, most(1, room)));
    a->size = least(a->to, whole(size, a->phases));
    a->blocks = part(a->to, a->size);
    find_window(p, d, a);
}

/* ---- how a pass is cut ---- */

static bool suits(const tp__conv_job *job)
{
    const tp__conv *c = &job->shape;
    enum { LARGE = 1 << 28 };
    int64_t made = job->pass == TP__CONV_BY_INPUT ? c->cin : c->cout, phases = 1;
    if (!tp__is_float(job->dtype) || c->batch == 0 || c->cin == 0 || c->cout == 0 || made < LEAST_CHANNELS)
        return false;
    for (int d = 0; d < TP__SPACE; d++) {
        if (c->in[d] > LARGE || c->out[d] > LARGE || c->pad[d] > LARGE || c->stride[d] > LARGE ||
            c->dilation[d] > LARGE || c->kernel[d] > MOST_COLUMNS || c->in[d] == 0 || c->out[d] == 0)
            return false;
        phases *= job->pass == TP__CONV_BY_INPUT ? least(c->stride[d], MOST_PHASES + 1) : 1;
    }
    return phases <= MOST_PHASES && volume(c->kernel) <= MOST_COLUMNS;
}

/* Blocks of whole rows, planes and images where they are small. False where a window is too large. */
static bool cut_pixels(plan *p)
{
    int64_t room = least(MOST_PIXELS, Z_ROOM / (p->side * p->size)), elements = X_ROOM / p->size;
    for (int d = TP__SPACE - 1; d >= 0; d--) {
        cut_axis(p, d, &p->a[d], room);
        room = p->a[d].blocks > 1 ? 1 : room / p->a[d].size;
    }
    for (int d = 0; d < TP__SPACE; d++) /* a phase more than what was asked for */
        if (p->a[d].window > elements)
            return false;
    p->area = p->a[0].window * p->a[1].window;
    if (p->area > elements || (p->area *= p->a[2].window) > elements)
        return false;
    int64_t size = p->a[0].size * p->a[1].size * p->a[2].size;
    p->images = most(1, least(least(p->job->shape.batch, room), elements / p->area));
    p->pixels = p->images * size;
    p->blocks = part(p->job->shape.batch, p->images) * p->a[0].blocks * p->a[1].blocks * p->a[2].blocks;
    int64_t channels = least(elements / (p->area * p->images), most(1, DEPTH / p->taps));
    p->stretch = least(p->from_channels, channels);
    return p->stretch > 0 && p->pixels <= MOST_PIXELS && p->pixels * p->side * p->size <= Z_ROOM;
}

static void cut_by_weight(plan *p)
{
    int64_t room = least(C_ROOM / (p->side * p->size), MOST_COLUMNS);
    p->deep = least(p->from_channels, most(1, room / p->taps));
    p->depths = part(p->from_channels, p->deep);
    p->deep = part(p->from_channels, p->depths);
    p->depths = part(p->from_channels, p->deep);
    p->stretch = part(p->deep, part(p->deep, p->stretch));
    int64_t others = p->job->shape.groups * p->sides * p->depths;
    int64_t parts = least(part(MOST_PARTS, others), part(p->blocks, 4));
    p->per_part = part(p->blocks, parts);
    p->parts = part(p->blocks, p->per_part);
    p->jobs = p->parts * others;
}

static bool make_plan(plan *p, const tp__conv_job *job)
{
    const tp__conv *c = &job->shape;
    if (!suits(job))
        return false;
    memset(p, 0, sizeof *p);
    p->job = job;
    p->kernels = &TP__PICK(tp__placed_table)->of[job->dtype == TP_F64];
    p->size = (int64_t)tp_dtype_size(job->dtype);
    p->taps = volume(c->kernel);
    p->from_channels = by_input(p) ? c->cout : c->cin;
    p->to_channels = by_input(p) ? c->cin : c->cout;
    p->panel = TP__PLACED_PANEL_BYTES / p->size;
    int64_t wide = 4 * p->panel;
    p->side = whole(part(p->to_channels, part(p->to_channels, wide)), LANES);
    p->side = p->side > p->panel ? whole(p->side, p->panel) : p->side;
    p->sides = part(p->to_channels, p->side);
    for (int d = 0; d < TP__SPACE; d++)
        make_axis(p, d, &p->a[d]);
    if (!cut_pixels(p) || (by_weight(p) && p->taps * p->side * p->size > C_ROOM))
        return false;
    p->jobs = p->blocks * p->sides * c->groups;
    if (by_weight(p))
        cut_by_weight(p);
    p->slots.count = tp__conv_slot_count(p->jobs);
    return true;
}

/* ---- rooms ---- */

/* Of a thread: x with its padding; pixels of y; what is made; places of pixels in x by phase, and by where they belong. */
typedef struct {
    char *x, *z, *c;
    int32_t *row, *place;
} room;

enum { ROOM = X_ROOM + Z_ROOM + C_ROOM + 2 * (MOST_PIXELS + MOST_COLUMNS) * (int)sizeof(int32_t) };

static room room_at(char *at)
{
    room r = {at, at + X_ROOM, at + X_ROOM + Z_ROOM, NULL, NULL};
    r.row = (int32_t *)(void *)(at + X_ROOM + Z_ROOM + C_ROOM);
    r.place = r.row + MOST_PIXELS + MOST_COLUMNS;
    return r;
}

static int64_t weights(const plan *p) { return p->job->shape.groups * p->to_channels * p->from_channels * p->taps; }
static int64_t phases(const plan *p) { return p->a[0].phases * p->a[1].phases * p->a[2].phases; }

/* Of all threads: lists; the weights in panels, or parts of their sums. */
static int64_t list_size(const plan *p)
{
    return whole((p->stretch * p->taps + p->taps + phases(p) + 1) * (int64_t)sizeof(int32_t), 64);
}
static int64_t panels(const plan *p) { return part(p->to_channels, p->panel); }
static int64_t shared_size(const plan *p)
{
    if (by_weight(p))
        return p->parts > 1 ? p->parts * weights(p) * p->size : 0;
    return p->job->shape.groups * panels(p) * p->from_channels * p->taps * p->panel * p->size;
}

bool tp__conv_pixels_room(const tp__conv_job *job, size_t *bytes)
{
    plan p;
    if (!make_plan(&p, job))
        return false;
    *bytes = (size_t)(p.slots.count * ROOM + list_size(&p) + shared_size(&p));
    return true;
}

/* ---- lists ---- */

/* Taps of each phase, and where channels and taps are in a window. */
static void list_taps(plan *p)
{
    const axis *a = p->a;
    int32_t n = 0;
    for (int64_t f = 0; f < phases(p); f++) {
        int64_t phase[TP__SPACE] = {f / a[2].phases / a[1].phases, f / a[2].phases % a[1].phases, f % a[2].phases};
        p->first[f] = n;
        for (int64_t t = 0; t < p->taps; t++) {
            int64_t k[TP__SPACE] = {t / a[2].taps / a[1].taps, t / a[2].taps % a[1].taps, t % a[2].taps}, offset[3];
            bool has = true;
            for (int d = 0; d < TP__SPACE; d++)
                has = has && tap_offset(p, d, phase[d], k[d], &offset[d]);
            if (!has)
                continue;
            p->tap[n] = (int32_t)t;
            int64_t at = ((offset[0] - a[0].low) * a[1].window + offset[1] - a[1].low) * a[2].window + offset[2] -
                         a[2].low;
            p->column[n++] = (int32_t)at;
        }
    }
    p->first[phases(p)] = n;
}

/* From places of taps to those of channels and taps, phase by phase; from the last on, as each takes more room. */
static void list_columns(plan *p)
{
    for (int64_t f = phases(p) - 1; f >= 0; f--) {
        int64_t n = p->first[f + 1] - p->first[f];
        int32_t *to = p->column + p->first[f] * p->stretch;
        for (int64_t c = p->stretch - 1; c >= 0; c--)
            for (int64_t t = n - 1; t >= 0; t--)
                to[c * n + t] = (int32_t)(p->column[p->first[f] + t] + c * p->area);
    }
}

/* ---- weights in panels [phase, channel, tap][panel] ---- */

static char *panel_at(const plan *p, int64_t group, int64_t panel)
{
    return p->w + (group * panels(p) + panel) * p->from_channels * p->taps * p->panel * p->size;
}

static void pack_forward(const plan *p, int64_t group, int64_t o, char *to)
{
    const tp__conv *c = &p->job->shape;
    int64_t k = c->cin * p->taps;
    const char *w = (const char *)p->job->b + (group * c->cout + o) * k * p->size;
    int32_t place[MOST_COLUMNS];
    for (int64_t at = 0; at < k; at += MOST_COLUMNS) {
        int64_t n = least(MOST_COLUMNS, k - at);
        for (int64_t i = 0; i < n; i++)
            place[i] = (int32_t)(i * p->panel);
        p->kernels->gather(n, place, least(LANES, c->cout - o), w + at * p->size, k, to + at * p->panel * p->size);
    }
}

/* One row of 16 channels of x for each channel of y and tap. */
static void pack_by_input(const plan *p, int64_t group, int64_t first, char *to)
{
    const tp__conv *c = &p->job->shape;
    const int32_t zero = 0;
    for (int64_t f = 0; f < phases(p); f++)
        for (int64_t o = 0; o < c->cout; o++)
            for (int64_t t = p->first[f]; t < p->first[f + 1]; t++, to += p->panel * p->size) {
                const char *w = (const char *)p->job->b +
                                (((group * c->cout + o) * c->cin + first) * p->taps + p->tap[t]) * p->size;
                p->kernels->gather(1, &zero, least(LANES, c->cin - first), w, p->taps, to);
            }
}

static void pack(int64_t begin, int64_t end, void *user)
{
    const plan *p = user;
    int64_t blocks = part(p->to_channels, LANES);
    for (int64_t i = begin; i < end; i++) {
        int64_t group = i / blocks, o = i % blocks * LANES;
        char *to = panel_at(p, group, o / p->panel) + o % p->panel * p->size;
        if (by_input(p))
            pack_by_input(p, group, o, to);
        else
            pack_forward(p, group, o, to);
    }
}

/* ---- blocks of pixels ---- */

/* Of some images, results [at, at + n) of each dimension. */
typedef struct {
    int64_t image, images, at[TP__SPACE], n[TP__SPACE], pixels;
} block;

static block block_at(const plan *p, int64_t i)
{
    block b;
    for (int d = TP__SPACE - 1; d >= 0; d--) {
        b.at[d] = i % p->a[d].blocks * p->a[d].size;
        b.n[d] = least(p->a[d].size, p->a[d].to - b.at[d]);
        i /= p->a[d].blocks;
    }
    b.image = i * p->images;
    b.images = least(p->images, p->job->shape.batch - b.image);
    b.pixels = b.images * volume(b.n);
    return b;
}

static int64_t clip(int64_t i, int64_t n) { return i < 0 ? 0 : i > n ? n : i; }

/* The window of one channel of one image. */
static void fill_plane(const plan *p, const block *b, const char *x, char *to)
{
    const axis *a = p->a;
    int64_t low[TP__SPACE], begin[TP__SPACE], end[TP__SPACE];
    for (int d = 0; d < TP__SPACE; d++) {
        low[d] = b->at[d] / a[d].phases * a[d].step + a[d].low;
        begin[d] = clip(low[d], a[d].from);
        end[d] = clip(low[d] + a[d].window, a[d].from);
    }
    if (begin[1] >= end[1] || begin[2] >= end[2])
        return;
    for (int64_t i = begin[0]; i < end[0]; i++) {
        tp__plane rows = {end[1] - begin[1], end[2] - begin[2], a[2].window, 1, a[2].from, 1};
        if (rows.columns == a[2].window && rows.columns == a[2].from) { /* one after another */
            rows.columns *= rows.rows;
            rows.rows = 1;
        }
        tp__copy_plane((size_t)p->size, rows,
                       to + (((i - low[0]) * a[1].window + begin[1] - low[1]) * a[2].window + begin[2] - low[2]) *
                                p->size,
                       x + ((i * a[1].from + begin[1]) * a[2].from + begin[2]) * p->size);
    }
}

/* Does the window of a block have places that lie beyond x? */
static bool is_padded(const plan *p, const block *b)
{
    for (int d = 0; d < TP__SPACE; d++) {
        int64_t low = b->at[d] / p->a[d].phases * p->a[d].step + p->a[d].low;
        if (low < 0 || low + p->a[d].window > p->a[d].from)
            return true;
    }
    return false;
}

/* Channels [c, c + n) of a group: windows [image, channel]. `first`: of a block, where other channels have left their padding. */
static void fill(const plan *p, const block *b, int64_t group, int64_t c, int64_t n, bool first, char *to)
{
    int64_t plane = p->a[0].from * p->a[1].from * p->a[2].from;
    if (first && is_padded(p, b))
        memset(to, 0, (size_t)(b->images * p->stretch * p->area * p->size));
    for (int64_t i = 0; i < b->images; i++)
        for (int64_t k = 0; k < n; k++) {
            int64_t channel = ((b->image + i) * p->job->shape.groups + group) * p->from_channels + c + k;
            fill_plane(p, b, (const char *)p->job->a + channel * plane * p->size,
                       to + (i * p->stretch + k) * p->area * p->size);
        }
}

/* Of results by phase where they read in the window; and of all, in order, which row of what is made they are, `wide` elements
 * each. */
static void list_pixels(const plan *p, const block *b, int64_t wide, const room *r, int64_t *count)
{
    const axis *a = p->a;
    int32_t n = 0;
    for (int64_t f = 0; f < phases(p); f++) {
        int64_t phase[TP__SPACE] = {f / a[2].phases / a[1].phases, f / a[2].phases % a[1].phases, f % a[2].phases};
        int32_t begin = n;
        for (int64_t i = 0; i < b->images; i++)
            for (int64_t q = phase[0]; q < b->n[0]; q += a[0].phases)
                for (int64_t s = phase[1]; s < b->n[1]; s += a[1].phases)
                    for (int64_t t = phase[2]; t < b->n[2]; t += a[2].phases) {
                        int64_t at = ((i * b->n[0] + q) * b->n[1] + s) * b->n[2] + t;
                        int64_t from = (q / a[0].phases * a[0].step * a[1].window + s / a[1].phases * a[1].step) *
                                           a[2].window +
                                       t / a[2].phases * a[2].step;
                        r->place[at] = (int32_t)(n * wide);
                        r->row[n++] = (int32_t)(i * p->stretch * p->area + from);
                    }
        count[f] = n - begin;
    }
}

/* Results that lie side by side in memory: so many runs of an image, n each, the next ones `step` on. */
typedef struct {
    int64_t runs, n, first;
} runs;

static int64_t run_at(const plan *p, const block *b, const runs *s, int64_t run)
{
    int64_t rows = b->n[1] * b->n[2] / s->n; /* of a plane */
    rows = rows > 0 ? rows : 1;
    return s->first + (run / rows * p->a[1].to + run % rows) * p->a[2].to;
}

static runs runs_of(const plan *p, const block *b)
{
    runs s = {b->n[0] * b->n[1], b->n[2], (b->at[0] * p->a[1].to + b->at[1]) * p->a[2].to + b->at[2]};
    for (int d = 1; d >= 0 && b->n[d + 1] == p->a[d + 1].to; d--) {
        s.runs /= b->n[d];
        s.n *= b->n[d];
    }
    return s;
}

/* Channels [c, c + n) of the result's planes from pixels, or to them. */
static void move(const plan *p, const block *b, int64_t group, int64_t c, int64_t n, const int32_t *place, char *pixels,
                 bool out)
{
    const tp__conv_job *job = p->job;
    int64_t plane = p->a[0].to * p->a[1].to * p->a[2].to;
    runs s = runs_of(p, b);
    for (int64_t i = 0; i < b->images; i++)
        for (int64_t run = 0; run < s.runs; run++, place += s.n)
            for (int64_t k = 0; k < n; k += LANES) {
                int64_t channel = group * p->to_channels + c + k;
                int64_t at = ((b->image + i) * job->shape.groups * p->to_channels + channel) * plane +
                             run_at(p, b, &s, run);
                const char *bias = job->bias ? (const char *)job->bias + channel * p->size : NULL;
                if (out)
                    p->kernels->scatter(s.n, place, least(LANES, n - k), pixels + k * p->size, bias, job->accumulate,
                                        (char *)job->to + at * p->size, plane);
                else
                    p->kernels->gather(s.n, place, least(LANES, n - k), (const char *)job->b + at * p->size, plane,
                                       pixels + k * p->size);
            }
}

/* ---- forward, and by input ---- */

/* Pixels of each phase times weights of a stretch of channels. */
static void add_stretch(const plan *p, int64_t group, int64_t first, int64_t n, int64_t c, int64_t channels,
                        const int64_t *count, const room *r)
{
    int64_t row = 0;
    for (int64_t f = 0; f < phases(p); row += count[f++]) {
        int64_t taps = p->first[f + 1] - p->first[f];
        for (int64_t k = 0; k < n; k += p->panel) {
            const char *w = panel_at(p, group, (first + k) / p->panel);
            w += (p->first[f] * p->from_channels + c * taps) * p->panel * p->size;
            p->kernels->multiply(count[f], whole(least(p->panel, n - k), LANES), channels * taps, r->x, r->row + row,
                                 p->column + p->first[f] * p->stretch, w, p->panel, c > 0,
                                 r->c + (row * p->side + k) * p->size, p->side);
        }
    }
}

static void run_block(const plan *p, int64_t i, const room *r)
{
    int64_t side = i / p->blocks % p->sides, group = i / p->blocks / p->sides, first = side * p->side;
    int64_t n = least(p->side, p->to_channels - first), count[MOST_PHASES];
    block b = block_at(p, i % p->blocks);
    list_pixels(p, &b, p->side, r, count);
    for (int64_t c = 0; c < p->from_channels; c += p->stretch) {
        int64_t channels = least(p->stretch, p->from_channels - c);
        fill(p, &b, group, c, channels, c == 0, r->x);
        add_stretch(p, group, first, n, c, channels, count, r);
    }
    move(p, &b, group, first, n, r->place, r->c, true);
}

/* ---- by weight ---- */

static void put_weights(const plan *p, const room *r, int64_t group, int64_t first, int64_t n, int64_t c,
                        int64_t channels, int64_t index)
{
    bool alone = p->parts == 1;
    int64_t rows = channels * p->taps, k = p->from_channels * p->taps;
    char *w = alone ? p->job->to : p->sums + index * weights(p) * p->size;
    w += ((group * p->to_channels + first) * k + c * p->taps) * p->size;
    for (int64_t i = 0; i < rows; i++)
        r->place[i] = (int32_t)(i * p->side);
    for (int64_t o = 0; o < n; o += LANES)
        p->kernels->scatter(rows, r->place, least(LANES, n - o), r->c + o * p->size, NULL, alone && p->job->accumulate,
                            w + o * k * p->size, k);
}

/* Channels [c, c + channels) of x times n of y. */
static void add_products(const plan *p, const block *b, int64_t group, int64_t c, int64_t channels, int64_t n,
                         bool more, const room *r, char *sums)
{
    fill(p, b, group, c, channels, true, r->x);
    for (int64_t o = 0; o < n; o += p->panel)
        p->kernels->multiply(channels * p->taps, whole(least(p->panel, n - o), LANES), b->pixels, r->x, p->column,
                             r->row, r->z + o * p->size, p->side, more, sums + o * p->size, p->side);
}

static void run_part(const plan *p, int64_t i, const room *r)
{
    int64_t index = i % p->parts, depth = i / p->parts % p->depths, side = i / p->parts / p->depths % p->sides;
    int64_t group = i / p->parts / p->depths / p->sides, first = side * p->side, c = depth * p->deep, count[1];
    int64_t n = least(p->side, p->to_channels - first), channels = least(p->deep, p->from_channels - c);
    int64_t begin = index * p->per_part, end = least(p->blocks, begin + p->per_part);
    for (int64_t k = begin; k < end; k++) {
        block b = block_at(p, k);
        list_pixels(p, &b, p->side, r, count);
        move(p, &b, group, first, n, r->place, r->z, false);
        for (int64_t d = 0; d < channels; d += p->stretch)
            add_products(p, &b, group, c + d, least(p->stretch, channels - d), n, k > begin, r,
                         r->c + d * p->taps * p->side * p->size);
    }
    put_weights(p, r, group, first, n, c, channels, index);
}

/* ---- jobs ---- */

static void run_jobs(int64_t begin, int64_t end, void *user)
{
    plan *p = user;
    char *at = tp__conv_take_room(&p->slots);
    room r = room_at(at);
    for (int64_t i = begin; i < end; i++)
        if (by_weight(p))
            run_part(p, i, &r);
        else
            run_block(p, i, &r);
    tp__conv_give_room(&p->slots, at);
}

bool tp__conv_pixels(const tp__conv_job *job)
{
    plan p;
    if (!make_plan(&p, job))
        return false;
    p.slots.room = job->room;
    p.slots.size = ROOM;
    p.column = (int32_t *)(void *)(p.slots.room + p.slots.count * ROOM);
    p.tap = p.column + p.stretch * p.taps;
    p.first = p.tap + p.taps;
    p.w = p.sums = (char *)p.column + list_size(&p);
    list_taps(&p);
    list_columns(&p);
    if (!by_weight(&p))
        tp__parallel_for(job->shape.groups * part(p.to_channels, LANES), 1, pack, &p);
    double work = (double)p.pixels * (double)p.side * (double)p.taps;
    work *= by_weight(&p) ? (double)p.deep * (double)p.per_part : (double)p.from_channels;
    tp__parallel_for(p.jobs, 1 + (int64_t)(SHARE / (work + 1)), run_jobs, &p);
    if (by_weight(&p) && p.parts > 1)
        tp__reduce(TP__SUM, job->dtype, 1, p.parts, weights(&p), p.sums, job->to, job->accumulate);
    return true;
}
