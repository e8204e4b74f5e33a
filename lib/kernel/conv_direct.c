/* conv_direct.c - convolutions of few channels with stride 1, without a product of matrices.
 *
 * x is copied into a buffer with its padding, one group of one image at a time, or a strip of it. There a pixel of the output
 * and what a tap reads for it are a fixed distance apart, also over the ends of rows: so the output is made as one long row
 * that has the buffer's width, a sum of shifted copies of the buffer, and what lies beyond the ends of its rows is left out.
 * By input it is the same of y, with the taps the other way round; by weight, products of y (with zeros beyond its rows) and x
 * are added up at each distance. Rows that fill vectors are made one by one instead, in y as it lies, and so is y read. */
#include "kernel/conv.h"

#include <string.h>

enum {
    X_ROOM = 128 * 1024, /* of a thread's room: for x with its padding */
    Y_ROOM = 64 * 1024,  /* ... for rows of the output                  */
    LANES = 16,          /* of results that are made otherwise          */
    FEW = 16,            /* channels of the result...                   */
    MOST_TERMS = 4096,
    FEW_TERMS = 512,     /* ... and more, where so few products make one */
    MOST_WEIGHTS = 768,  /* by weight: a vector each...                  */
    MOST_OF_ROWS = 2048, /* ... where y is read as it lies               */
    ROWS = 4,            /* of the output at once                        */
    SHARE = 1 << 18,     /* multiply-adds that are worth a thread        */
    MOST_PARTS = 16
};

/* What is read is cut along `axis` into strips of `length` places of the result. */
typedef struct {
    const tp__conv_job *job;
    const tp__conv_kernels *kernels;
    int64_t size, taps, from_channels, to_channels, terms;
    bool by_rows;
    int64_t from[TP__SPACE], to[TP__SPACE], pad[TP__SPACE], reach[TP__SPACE];
    int axis;
    int64_t length, strips, jobs, parts, per_part;
    int64_t pitch[2], flat, flat_out; /* elements of a plane, a row of the buffer; of a channel of it; of the result */
    tp__conv_slots slots;
    tp__conv_term *term;
    char *sums;
} direct;

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t part(int64_t n, int64_t parts) { return n > 0 ? (n - 1) / parts + 1 : 0; }
static int64_t volume(const int64_t *n) { return n[0] * n[1] * n[2]; }

/* The buffer of a strip that is `length` long; false where it is too large. */
static bool lay_out(direct *p, int64_t length)
{
    int64_t out[TP__SPACE], all[TP__SPACE];
    for (int d = 0; d < TP__SPACE; d++) {
        out[d] = d == p->axis ? length : p->to[d];
        if (p->reach[d] > X_ROOM || out[d] > X_ROOM)
            return false;
        all[d] = out[d] + p->reach[d];
    }
    p->pitch[1] = all[2];
    p->pitch[0] = all[1] * all[2];
    p->flat_out = ((out[0] - 1) * all[1] + out[1] - 1) * all[2] + out[2];
    p->flat_out = part(p->flat_out, TP__CONV_LINE / p->size) * (TP__CONV_LINE / p->size);
    p->flat = p->flat_out + (p->reach[0] * all[1] + p->reach[1]) * all[2] + p->reach[2];
    int64_t rows = p->by_rows ? 0 : p->job->pass == TP__CONV_BY_WEIGHT ? p->to_channels : ROWS;
    return p->from_channels * p->flat * p->size + TP__CONV_LINE <= X_ROOM && rows * p->flat_out * p->size <= Y_ROOM &&
           (p->by_rows || p->flat_out <= 2 * volume(out) + TP__CONV_LINE);
}

static bool cut(direct *p)
{
    const tp__conv *c = &p->job->shape;
    while (p->axis < 2 && p->to[p->axis] == 1 && p->reach[p->axis] == 0)
        p->axis++;
    int64_t size = p->to[p->axis];
    p->length = size;
    while (p->length > 0 && !lay_out(p, p->length))
        p->length /= 2;
    if (p->length == 0 || (p->length < size && p->length < p->reach[p->axis]))
        return false;
    p->strips = part(size, p->length);
    p->parts = 1;
    p->per_part = c->batch * p->strips;
    p->jobs = p->per_part * c->groups;
    if (p->job->pass == TP__CONV_BY_WEIGHT) {
        int64_t parts = least(MOST_PARTS, part(p->per_part, 4));
        p->per_part = parts > 0 ? part(p->per_part, parts) : 1;
        p->parts = part(c->batch * p->strips, p->per_part);
        p->jobs = p->parts * c->groups;
    }
    return p->jobs > 0;
}

/* Results over what is made for them, padding and all: of rows, which fill vectors or not, and of one long row. */
static double use_of_rows(const direct *p)
{
    int64_t lanes = TP__CONV_LINE / p->size;
    return (double)p->to[2] / (double)(part(p->to[2], lanes) * lanes);
}
static double use_of_all(const direct *p) { return (double)p->to[2] / (double)(p->to[2] + p->reach[2]); }

/* Rows that fill vectors, nearly, need not be copied. Forward and by input their results may then be many, unless there are as
 * many products of each, so that it matters little how they are laid out. */
static bool pays(direct *p)
{
    int64_t results = p->terms * p->to_channels;
    if (p->job->pass == TP__CONV_BY_WEIGHT) {
        p->by_rows = use_of_rows(p) == 1;
        return results <= (p->by_rows ? MOST_OF_ROWS : MOST_WEIGHTS);
    }
    p->by_rows = use_of_rows(p) >= 0.8;
    if (p->by_rows && (p->terms <= FEW_TERMS || p->to_channels % LANES != 0))
        return true;
    return p->to_channels < LANES / 2 || (p->to_channels <= FEW && use_of_all(p) >= 0.8);
}

static bool make_plan(direct *p, const tp__conv_job *job)
{
    const tp__conv *c = &job->shape;
    bool by_input = job->pass == TP__CONV_BY_INPUT;
    memset(p, 0, sizeof *p);
    p->job = job;
    p->kernels = &TP__PICK(tp__conv_table)->of[job->dtype];
    p->size = (int64_t)tp_dtype_size(job->dtype);
    p->taps = volume(c->kernel);
    p->from_channels = by_input ? c->cout : c->cin;
    p->to_channels = by_input ? c->cin : c->cout;
    p->terms = p->from_channels * p->taps;
    if (by_input && p->to_channels < ROWS && p->from_channels > 2 * ROWS) /* each of many is read for few */
        return false;
    if (!tp__is_float(job->dtype) || p->terms > MOST_TERMS || p->terms == 0 || p->to_channels == 0)
        return false;
    for (int d = 0; d < TP__SPACE; d++) {
        if (c->stride[d] != 1)
            return false;
        p->reach[d] = c->dilation[d] * (c->kernel[d] - 1);
        p->from[d] = by_input ? c->out[d] : c->in[d];
        p->to[d] = by_input ? c->in[d] : c->out[d];
        p->pad[d] = by_input ? p->reach[d] - c->pad[d] : c->pad[d];
    }
    if (!pays(p) || !cut(p))
        return false;
    p->slots.count = tp__conv_slot_count(p->jobs);
    p->slots.size = X_ROOM + (p->by_rows ? 0 : Y_ROOM) +
                    (job->pass == TP__CONV_BY_WEIGHT ? p->terms * p->to_channels * TP__CONV_LINE : 0);
    return true;
}

/* By weight the sums are made apart where there are several parts of them, or something to add them to. */
static bool sums_apart(const direct *p)
{
    return p->job->pass == TP__CONV_BY_WEIGHT && (p->parts > 1 || p->job->accumulate);
}

static int64_t weights(const direct *p) { return p->job->shape.groups * p->to_channels * p->terms; }

bool tp__conv_direct_room(const tp__conv_job *job, size_t *room)
{
    direct p;
    if (!make_plan(&p, job))
        return false;
    *room = (size_t)(p.slots.count * p.slots.size) + (size_t)p.terms * sizeof(tp__conv_term);
    if (sums_apart(&p))
        *room += (size_t)(p.parts * weights(&p) * p.size);
    return true;
}

/* A term for each channel and tap, in the order of the weights. */
static void list_terms(direct *p)
{
    const tp__conv *c = &p->job->shape;
    bool by_input = p->job->pass == TP__CONV_BY_INPUT;
    for (int64_t i = 0; i < p->terms; i++) {
        int64_t channel = i / p->taps, tap = i % p->taps, distance[TP__SPACE];
        int64_t k[TP__SPACE] = {tap / c->kernel[2] / c->kernel[1], tap / c->kernel[2] % c->kernel[1],
                                tap % c->kernel[2]};
        for (int d = 0; d < TP__SPACE; d++)
            distance[d] = c->dilation[d] * (by_input ? c->kernel[d] - 1 - k[d] : k[d]);
        p->term[i].x = channel * p->flat + distance[0] * p->pitch[0] + distance[1] * p->pitch[1] + distance[2];
        p->term[i].w = by_input ? channel * c->cin * p->taps + tap : i;
    }
}

/* Places of the buffer [*lo, *hi) whose source first + place is one of n. */
static void inside(int64_t first, int64_t places, int64_t n, int64_t *lo, int64_t *hi)
{
    *lo = first < 0 ? -first : 0;
    *hi = least(places, n - first);
}

/* Channels of one group of one image, from the strip's first place on, with the padding, which is there already from another
 * image where the buffer is not `fresh`. */
static void fill_buffer(const direct *p, const char *image, int64_t start, bool fresh, char *buffer)
{
    int64_t first[TP__SPACE], lo[TP__SPACE], hi[TP__SPACE], plane = volume(p->from);
    for (int d = 0; d < TP__SPACE; d++) {
        first[d] = (d == p->axis ? start : 0) - p->pad[d];
        inside(first[d], (d == p->axis ? p->length : p->to[d]) + p->reach[d], p->from[d], &lo[d], &hi[d]);
    }
    if (fresh)
        memset(buffer, 0, (size_t)(p->from_channels * p->flat * p->size));
    if (lo[1] >= hi[1] || lo[2] >= hi[2])
        return;
    for (int64_t c = 0; c < p->from_channels; c++)
        for (int64_t i = lo[0]; i < hi[0]; i++) {
            int64_t at = ((first[0] + i) * p->from[1] + first[1] + lo[1]) * p->from[2] + first[2] + lo[2];
            int64_t to = c * p->flat + i * p->pitch[0] + lo[1] * p->pitch[1] + lo[2];
            tp__copy_plane((size_t)p->size, (tp__plane){hi[1] - lo[1], hi[2] - lo[2], p->pitch[1], 1, p->from[2], 1},
                           buffer + to * p->size, image + (c * plane + at) * p->size);
        }
}

/* The places of a strip of the result; those of its first dimension are planes of size[1] rows. */
static void strip_of(const direct *p, int64_t start, int64_t *first, int64_t *size)
{
    for (int d = 0; d < TP__SPACE; d++) {
        first[d] = d == p->axis ? start : 0;
        size[d] = d == p->axis ? least(p->length, p->to[d] - start) : p->to[d];
    }
}

static void put_rows(const direct *p, int64_t image, int64_t channel, int64_t rows, int64_t start, const char *sums)
{
    const tp__conv_job *job = p->job;
    int64_t plane = volume(p->to), all = job->shape.groups * p->to_channels, first[TP__SPACE], n[TP__SPACE];
    strip_of(p, start, first, n);
    for (int64_t r = 0; r < rows; r++) {
        char *to = (char *)job->to + (image * all + channel + r) * plane * p->size;
        const char *bias = job->bias ? (const char *)job->bias + (channel + r) * p->size : NULL;
        for (int64_t i = 0; i < n[0]; i++) {
            int64_t at = ((first[0] + i) * p->to[1] + first[1]) * p->to[2] + first[2];
            const char *from = sums + (r * p->flat_out + i * p->pitch[0]) * p->size;
            if (bias || job->accumulate)
                p->kernels->deposit(n[1], n[2], from, p->pitch[1], bias, job->accumulate, to + at * p->size, p->to[2]);
            else
                tp__copy_plane((size_t)p->size, (tp__plane){n[1], n[2], p->to[2], 1, p->pitch[1], 1}, to + at * p->size,
                               from);
        }
    }
}

/* Row i of a strip's first dimension: rows of columns, which begin at `at` of a channel of the result. */
static tp__conv_lines lines_of(const direct *p, int64_t i, const int64_t *first, const int64_t *n, int64_t *at)
{
    *at = ((first[0] + i) * p->to[1] + first[1]) * p->to[2] + first[2];
    return (tp__conv_lines){n[1], n[2], p->pitch[1], p->to[2], volume(p->to)};
}

static void make_rows(const direct *p, int64_t image, int64_t channel, int64_t start, const char *w, int64_t row,
                      const char *x)
{
    const tp__conv_job *job = p->job;
    int64_t plane = volume(p->to), all = job->shape.groups * p->to_channels, first[TP__SPACE], n[TP__SPACE], at;
    char *y = (char *)job->to + (image * all + channel) * plane * p->size;
    const char *bias = job->bias ? (const char *)job->bias + channel * p->size : NULL;
    strip_of(p, start, first, n);
    for (int64_t i = 0; i < n[0]; i++) {
        tp__conv_lines l = lines_of(p, i, first, n, &at);
        p->kernels->mix(&l, p->to_channels, p->terms, p->term, w, row, x + i * p->pitch[0] * p->size, bias,
                        job->accumulate, y + at * p->size);
    }
}

static void run_strip(const direct *p, int64_t i, bool fresh, char *room)
{
    const tp__conv *c = &p->job->shape;
    int64_t start = i % p->strips * p->length, group = i / p->strips % c->groups, image = i / p->strips / c->groups;
    int64_t channel = group * p->to_channels;
    int64_t row = p->job->pass == TP__CONV_BY_INPUT ? p->taps : p->terms;
    const char *w = (const char *)p->job->b + group * c->cout * c->cin * p->taps * p->size;
    const char *from = (const char *)p->job->a +
                       (image * c->groups + group) * p->from_channels * volume(p->from) * p->size;
    char *sums = room + X_ROOM;
    fill_buffer(p, from, start, fresh, room);
    if (p->by_rows)
        make_rows(p, image, channel, start, w, row, room);
    for (int64_t m = 0; m < (p->by_rows ? 0 : p->to_channels); m += ROWS) {
        int64_t rows = least(ROWS, p->to_channels - m);
        p->kernels->shifted(rows, p->terms, p->term, w + m * row * p->size, row, room, p->flat_out, sums);
        put_rows(p, image, channel + m, rows, start, sums);
    }
}

/* y's rows of a strip in the long row, zeros beyond their ends. */
static void fill_rows(const direct *p, int64_t image, int64_t group, int64_t start, bool fresh, char *to)
{
    int64_t plane = volume(p->to), first[TP__SPACE], n[TP__SPACE];
    const char *y = (const char *)p->job->b + (image * p->job->shape.groups + group) * p->to_channels * plane * p->size;
    strip_of(p, start, first, n);
    if (fresh)
        memset(to, 0, (size_t)(p->to_channels * p->flat_out * p->size));
    for (int64_t m = 0; m < p->to_channels; m++)
        for (int64_t i = 0; i < n[0]; i++) {
            int64_t at = ((first[0] + i) * p->to[1] + first[1]) * p->to[2] + first[2];
            tp__copy_plane((size_t)p->size, (tp__plane){n[1], n[2], p->pitch[1], 1, p->to[2], 1},
                           to + (m * p->flat_out + i * p->pitch[0]) * p->size, y + (m * plane + at) * p->size);
        }
}

/* Products of y as it lies. */
static void add_rows(const direct *p, int64_t image, int64_t group, int64_t start, const char *x, char *lines)
{
    int64_t plane = volume(p->to), first[TP__SPACE], n[TP__SPACE], at;
    const char *y = (const char *)p->job->b + (image * p->job->shape.groups + group) * p->to_channels * plane * p->size;
    strip_of(p, start, first, n);
    for (int64_t i = 0; i < n[0]; i++) {
        tp__conv_lines l = lines_of(p, i, first, n, &at);
        p->kernels->unmix(&l, p->to_channels, p->terms, p->term, x + i * p->pitch[0] * p->size, y + at * p->size,
                          lines);
    }
}

static void run_part(const direct *p, int64_t i, char *room)
{
    const tp__conv *c = &p->job->shape;
    int64_t group = i % c->groups, index = i / c->groups, n = p->to_channels * p->terms;
    int64_t begin = index * p->per_part, end = least(begin + p->per_part, c->batch * p->strips);
    char *y = room + X_ROOM, *lines = y + (p->by_rows ? 0 : Y_ROOM);
    memset(lines, 0, (size_t)(n * TP__CONV_LINE));
    for (int64_t k = begin; k < end; k++) {
        int64_t image = k / p->strips, start = k % p->strips * p->length;
        bool fresh = k == begin || p->strips > 1;
        fill_buffer(p, (const char *)p->job->a + (image * c->groups + group) * c->cin * volume(c->in) * p->size, start,
                    fresh, room);
        if (p->by_rows) {
            add_rows(p, image, group, start, room, lines);
            continue;
        }
        fill_rows(p, image, group, start, fresh, y);
        p->kernels->distances(p->to_channels, p->terms, p->term, room, y, p->flat_out, lines);
    }
    p->kernels->add_up(n, lines, p->sums + (index * c->groups + group) * n * p->size);
}

static void run_jobs(int64_t begin, int64_t end, void *user)
{
    direct *p = user;
    char *room = tp__conv_take_room(&p->slots);
    for (int64_t i = begin; i < end; i++)
        if (p->job->pass == TP__CONV_BY_WEIGHT)
            run_part(p, i, room);
        else
            run_strip(p, i, i == begin || p->strips > 1, room);
    tp__conv_give_room(&p->slots, room);
}

bool tp__conv_direct(const tp__conv_job *job)
{
    direct p;
    if (!make_plan(&p, job))
        return false;
    p.slots.room = job->room;
    p.term = (tp__conv_term *)(void *)(p.slots.room + p.slots.count * p.slots.size);
    p.sums = sums_apart(&p) ? (char *)(p.term + p.terms) : job->to;
    list_terms(&p);
    int64_t work = p.flat_out * p.to_channels * p.terms * (job->pass == TP__CONV_BY_WEIGHT ? p.per_part : 1);
    tp__parallel_for(p.jobs, 1 + SHARE / (work + 1), run_jobs, &p);
    if (sums_apart(&p))
        tp__reduce(TP__SUM, job->dtype, 1, p.parts, weights(&p), p.sums, job->to, job->accumulate);
    return true;
}
