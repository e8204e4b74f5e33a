/* conv_depthwise.c - convolutions of groups of one channel, of planes: depthwise ones, and such as have few more outputs.
 *
 * A plane, or a strip of its rows, is laid into a buffer with its padding. Forward with a stride its columns are taken apart by
 * their remainder (a phase each), so that what a tap reads for results side by side lies side by side. By input it is y that lies in the buffer, and
 * results are made by phase: those with the same remainders see the same taps, whose places in y ascend as the taps descend;
 * their columns are joined afterwards. By weight a job goes over the planes of some groups in a part of the images, with a
 * vector of sums for each weight. Jobs are cut by the sizes alone: the same bits on any number of threads. */
#include "kernel/conv.h"
#include "kernel/depthwise.h"

#include <string.h>

enum {
    WIDE = TP__DEPTHWISE_WIDE,
    X_ROOM = 64 * 1024, /* of a thread: what is read */
    STRIP = 24 * 1024,  /* ... about so much of it at once */
    Y_ROOM = 64 * 1024, /* ... phases of the result, or vectors of sums */
    LINE = 64,          /* bytes of a vector, at most */
    MOST_TAPS = 256,
    MOST_PHASES = 16,
    MOST_OUTPUTS = 8, /* of a group: more are others' but with a kernel of 3 x 3 */
    MOST_GROUPS = 32, /* by weight, of a job */
    MOST_PARTS = 16,
    SHARE = 1 << 17 /* multiply-adds that are worth a thread */
};
_Static_assert(X_ROOM + Y_ROOM <= TP__CONV_ROOM, "no room");

/* One dimension of planes. */
typedef struct {
    int64_t from, to, taps, stride, dilation, pad;
    bool back;
    int64_t read, made; /* phases of what is read, and of what is made: one of them is the stride, the other 1 */
    int64_t low;        /* where the buffer of the first strip begins, in what is read */
} axis;

/* Results whose remainders are f and g, by input: what they read lies from `x` on, their weights from `w` on. */
typedef struct {
    tp__depthwise d;
    int64_t f, g, x, w;
} phase;

typedef struct {
    const tp__conv_job *job;
    const tp__depthwise_kernels *kernels;
    int64_t size, outputs, taps;
    axis a[2];
    tp__depthwise d;          /* of a strip, not by input */
    int64_t phase, row, rows; /* elements of a row of the buffer by phase, and in all; rows of a strip */
    int64_t strip, strips;    /* rows of the result */
    int64_t groups, blocks, parts,
        per_part; /* by weight: of a job; such blocks; parts of the images, and images of one */
    int64_t jobs;
    tp__conv_slots slots;
    phase *phases; /* by input, of rows and columns: [f, g]... */
    char *w;       /* ... and the weights in their order, [group, output, phase, tap] */
    char *sums;
} plan;

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }
static int64_t part(int64_t n, int64_t parts) { return n > 0 ? (n - 1) / parts + 1 : 0; }
static int64_t whole(int64_t n, int64_t of) { return part(n, of) * of; }
static int64_t down(int64_t n, int64_t by) { return n >= 0 ? n / by : -((by - 1 - n) / by); } /* n / by, rounded down */

/* ---- how a pass is cut ---- */

static bool suits(const tp__conv_job *job)
{
    const tp__conv *c = &job->shape;
    enum { LARGE = 1 << 24 };
    if (!tp__is_float(job->dtype) || c->cin != 1 || c->cout == 0 || c->batch == 0 || c->groups == 0 || c->in[0] != 1 ||
        c->kernel[0] != 1 || c->out[0] != 1 || c->pad[0] != 0)
        return false;
    for (int d = 1; d < TP__SPACE; d++)
        if (c->in[d] == 0 || c->out[d] == 0 || c->in[d] > LARGE || c->out[d] > LARGE || c->pad[d] > LARGE ||
            c->stride[d] > WIDE || c->dilation[d] > LARGE || c->kernel[d] > WIDE)
            return false;
    bool strides = c->stride[1] > 1 || c->stride[2] > 1, three = c->kernel[1] == 3 && c->kernel[2] == 3;
    if (job->pass == TP__CONV_BY_INPUT)
        return c->kernel[1] * c->kernel[2] <= MOST_TAPS && c->stride[1] * c->stride[2] <= MOST_PHASES &&
               (c->cout == 1 || (strides && c->cout <= MOST_OUTPUTS));
    return c->kernel[1] * c->kernel[2] <= MOST_TAPS && (c->cout == 1 || three || (strides && c->cout <= MOST_OUTPUTS));
}

static void make_axis(const plan *p, int d, axis *a)
{
    const tp__conv *c = &p->job->shape;
    bool back = p->job->pass == TP__CONV_BY_INPUT;
    *a = (axis){.from = back ? c->out[d] : c->in[d],
                .to = back ? c->in[d] : c->out[d],
                .taps = c->kernel[d],
                .stride = c->stride[d],
                .dilation = c->dilation[d],
                .pad = c->pad[d],
                .back = back,
                .read = back ? 1 : c->stride[d],
                .made = back ? c->stride[d] : 1};
    a->low = back ? down(a->pad - (a->taps - 1) * a->dilation, a->stride) : -a->pad;
}

/* How much n results read, the first of which are of phase 0. */
static int64_t window(const axis *a, int64_t n)
{
    return a->back ? down(n - 1 + a->pad, a->stride) - a->low + 1
                   : (n - 1) * a->stride + (a->taps - 1) * a->dilation + 1;
}

/* Rows of the buffer are whole vectors and what lies beyond their last. */
static bool cut(plan *p)
{
    const axis *y = &p->a[0], *x = &p->a[1];
    int64_t lanes = LINE / p->size, made = part(x->to, x->made);
    p->phase = whole(whole(made, lanes) + part(window(x, x->to), x->read) - made + 1, lanes);
    p->row = p->phase * x->read;
    if (p->row > X_ROOM / p->size || x->to > Y_ROOM / p->size)
        return false;
    p->strip = y->to;
    while (p->strip > y->made && window(y, p->strip) * p->row * p->size > STRIP)
        p->strip = whole((p->strip + 1) / 2, y->made);
    p->strips = part(y->to, p->strip);
    p->rows = window(y, p->strip);
    return p->rows <= X_ROOM / p->size / p->row &&
           (x->made == 1 || whole(p->strip, y->made) * made * x->made * p->size <= Y_ROOM);
}

static bool cut_by_weight(plan *p)
{
    const tp__conv *c = &p->job->shape;
    int64_t vectors = Y_ROOM / LINE / (p->outputs * p->taps);
    p->groups = least(least(MOST_GROUPS, c->groups), vectors);
    if (p->groups == 0)
        return false;
    p->blocks = part(c->groups, p->groups);
    int64_t parts = least(part(MOST_PARTS, p->blocks), part(c->batch, 4));
    p->per_part = part(c->batch, parts);
    p->parts = part(c->batch, p->per_part);
    p->jobs = p->blocks * p->parts;
    return true;
}

/* Short rows do not fill the longest vectors. */
static const tp__depthwise_kernels *kernels_for(const plan *p)
{
    const tp__depthwise_table *t = TP__PICK(tp__depthwise_table);
#if defined(__x86_64__)
    if (tp__cpu_isa() == TP__ISA_AVX512 && part(p->a[1].to, p->a[1].made) * p->size <= LINE / 2)
        t = &tp__depthwise_table_avx2;
#endif
    return &t->of[p->job->dtype == TP_F64];
}

static bool make_plan(plan *p, const tp__conv_job *job)
{
    if (!suits(job))
        return false;
    memset(p, 0, sizeof *p);
    p->job = job;
    p->size = (int64_t)tp_dtype_size(job->dtype);
    p->outputs = job->shape.cout;
    p->taps = job->shape.kernel[1] * job->shape.kernel[2];
    for (int d = 0; d < 2; d++)
        make_axis(p, d + 1, &p->a[d]);
    p->kernels = kernels_for(p);
    p->jobs = job->shape.batch * job->shape.groups;
    if (!cut(p) || (job->pass == TP__CONV_BY_WEIGHT && !cut_by_weight(p)))
        return false;
    p->slots.count = tp__conv_slot_count(p->jobs);
    p->slots.size = X_ROOM + Y_ROOM;
    return true;
}

/* By weight the sums are made apart where there are several parts of them, or something to add them to. */
static bool sums_apart(const plan *p)
{
    return p->job->pass == TP__CONV_BY_WEIGHT && (p->parts > 1 || p->job->accumulate);
}

static int64_t weights(const plan *p) { return p->job->shape.groups * p->outputs * p->taps; }

static int64_t phases(const plan *p) { return p->a[0].made * p->a[1].made; }

bool tp__conv_depthwise_room(const tp__conv_job *job, size_t *room)
{
    plan p;
    if (!make_plan(&p, job))
        return false;
    *room = (size_t)(p.slots.count * p.slots.size);
    if (job->pass == TP__CONV_BY_INPUT)
        *room += (size_t)phases(&p) * sizeof(phase) + (size_t)(weights(&p) * p.size);
    if (sums_apart(&p))
        *room += (size_t)(p.parts * weights(&p) * p.size);
    return true;
}

/* ---- the buffer ---- */

/* Rows of x into the buffer's, the columns by phase. */
static void fill_rows(const plan *p, int64_t rows, const char *x, char *to)
{
    const axis *a = &p->a[1];
    for (int64_t f = 0; f < a->read; f++, to += p->phase * p->size) {
        int64_t first = a->low + f; /* the first column of the phase that is there */
        first += first < 0 ? (a->read > 1 ? whole(-first, a->read) : -first) : 0;
        int64_t at = first - a->low, there = a->from - first;
        if (a->read > 1) /* divisions take as long as a small plane's copy */
            at /= a->read, there = part(there, a->read);
        tp__plane plane = {rows, least(p->phase - at, there), p->row, 1, a->from, a->read};
        if (plane.columns > 0)
            tp__copy_plane((size_t)p->size, plane, to + at * p->size, x + first * p->size);
    }
}

/* With a stride of two: even columns are of one phase, odd ones of the other. */
static void fill_halves(const plan *p, int64_t rows, const char *x, char *to)
{
    const axis *a = &p->a[1];
    int64_t even = a->pad % 2 * p->phase + a->pad / 2, odd = (a->pad + 1) % 2 * p->phase + (a->pad + 1) / 2;
    int64_t n = least(a->from, 2 * p->phase - a->pad - 1);
    if (n > 0)
        p->kernels->split(rows, n, x, a->from, to + even * p->size, to + odd * p->size, p->row);
}

/* What the results from `start` on read of a plane, with its padding, which is there already from another plane where the
 * buffer is not `fresh`: but for rows that are not the same ones in each strip. */
static void fill(const plan *p, const char *x, int64_t start, bool fresh, char *buffer)
{
    const axis *a = &p->a[0];
    int64_t first = a->low + (start > 0 ? start / a->made * a->read : 0), row = p->row * p->size;
    int64_t lo = least(first < 0 ? -first : 0, p->rows), hi = most(lo, least(p->rows, a->from - first));
    if (fresh)
        memset(buffer, 0, (size_t)(p->rows * row));
    else if (p->strips > 1) {
        memset(buffer, 0, (size_t)(lo * row));
        memset(buffer + hi * row, 0, (size_t)((p->rows - hi) * row));
    }
    if (hi > lo)
        (p->a[1].read == 2 ? fill_halves : fill_rows)(p, hi - lo, x + (first + lo) * p->a[1].from * p->size,
                                                      buffer + lo * row);
}

/* ---- what a strip is made of ---- */

/* Forward. */
static void describe(plan *p)
{
    const axis *y = &p->a[0], *x = &p->a[1];
    p->d = (tp__depthwise){.columns = x->to,
                           .pitch = x->to,
                           .step = y->stride * p->row,
                           .tap = y->dilation * p->row,
                           .kernel = {y->taps, x->taps}};
    for (int64_t j = 0; j < x->taps; j++)
        p->d.at[j] = j * x->dilation % x->stride * p->phase + j * x->dilation / x->stride;
}

/* By input, the taps that results of phase f see, in the order of their places: so many, from `first` on, each `step` on. What the
 * phase's first result reads begins at `at`, and the next tap reads `apart` on. */
typedef struct {
    int64_t n, first, step, at, apart;
} seen;

static seen taps_of(const axis *a, int64_t f)
{
    seen s = {0};
    for (int64_t k = a->taps - 1; k >= 0; k--) {
        int64_t place = f + a->pad - k * a->dilation, at = place / a->stride - a->low;
        if (place % a->stride != 0)
            continue;
        if (s.n == 0)
            s = (seen){.first = k, .at = at};
        else if (s.n == 1)
            s.step = k - s.first, s.apart = at - s.at;
        s.n++;
    }
    return s;
}

/* A phase, and its taps in the order of their places from order[w] on; how many. */
static int64_t describe_phase(const plan *p, int64_t f, int64_t g, int64_t w, int32_t *order, phase *to)
{
    const axis *y = &p->a[0], *x = &p->a[1];
    seen a = taps_of(y, f), b = taps_of(x, g);
    bool any = a.n > 0 && b.n > 0;
    *to = (phase){.f = f, .g = g, .w = w, .x = any ? a.at * p->row : 0};
    to->d = (tp__depthwise){.columns = part(x->to - g, x->made),
                            .pitch = x->made > 1 ? part(x->to, x->made) : y->made * x->to,
                            .step = p->row,
                            .tap = a.apart * p->row,
                            .kernel = {any ? a.n : 0, b.n}};
    for (int64_t j = 0; j < b.n; j++)
        to->d.at[j] = b.at + j * b.apart;
    for (int64_t i = 0; i < to->d.kernel[0]; i++)
        for (int64_t j = 0; j < b.n; j++)
            order[w++] = (int32_t)((a.first + i * a.step) * x->taps + b.first + j * b.step);
    return to->d.kernel[0] * b.n;
}

/* By input. */
static void describe_phases(plan *p)
{
    int32_t order[MOST_TAPS];
    int64_t w = 0, made = p->a[1].made;
    for (int64_t i = 0; i < phases(p); i++)
        w += describe_phase(p, i / made, i % made, w, order, &p->phases[i]);
    for (int64_t i = 0; i < p->job->shape.groups * p->outputs; i++)
        for (int64_t k = 0; k < p->taps; k++) {
            int64_t from = i * p->taps + order[k], to = i * p->taps + k;
            if (p->size == 4)
                ((float *)(void *)p->w)[to] = ((const float *)p->job->b)[from];
            else
                ((double *)(void *)p->w)[to] = ((const double *)p->job->b)[from];
        }
}

/* ---- sums ---- */

/* Columns of a strip's rows by phase, [phase of rows, phase of columns, row, column], to y or from it. */
static void exchange(const plan *p, int64_t n, char *phases, char *y, bool out)
{
    const axis *a = &p->a[0], *b = &p->a[1];
    int64_t columns = part(b->to, b->made), plane = part(n, a->made) * columns * p->size;
    for (int64_t f = 0; f < a->made; f++) {
        int64_t rows = part(n - f, a->made), row = a->made * b->to;
        char *at = y + f * b->to * p->size;
        if (b->made == 2 && out)
            p->kernels->join(rows, b->to, phases, phases + plane, columns, at, row);
        else if (b->made == 2)
            p->kernels->split(rows, b->to, at, row, phases, phases + plane, columns);
        for (int64_t g = 0; g < b->made; g++, phases += plane) {
            tp__plane to = {rows, part(b->to - g, b->made), row, b->made, columns, 1},
                      from = {to.rows, to.columns, columns, 1, row, b->made};
            if (b->made != 2 && out)
                tp__copy_plane((size_t)p->size, to, at + g * p->size, phases);
            else if (b->made != 2)
                tp__copy_plane((size_t)p->size, from, phases, at + g * p->size);
        }
    }
}

/* By input, a strip of n rows of an image's plane. */
static void make_strip(const plan *p, int64_t plane, int64_t group, int64_t start, int64_t n, bool fresh, char *room)
{
    const tp__conv_job *job = p->job;
    const axis *a = &p->a[0], *b = &p->a[1];
    int64_t from = a->from * b->from * p->size, part_size = 0;
    const char *bias = job->bias ? (const char *)job->bias + group * p->size : NULL;
    char *y = (char *)job->to + (plane * a->to + start) * b->to * p->size, *apart = room + X_ROOM;
    bool joins = b->made > 1;
    if (joins)
        part_size = part(n, a->made) * part(b->to, b->made) * p->size;
    if (joins && job->accumulate)
        exchange(p, n, apart, y, false);
    for (int64_t o = 0; o < p->outputs; o++) {
        const char *w = p->w + (group * p->outputs + o) * p->taps * p->size;
        fill(p, (const char *)job->a + (plane * p->outputs + o) * from, start, fresh && o == 0, room);
        for (int64_t i = 0; i < phases(p); i++) {
            const phase *q = &p->phases[i];
            int64_t rows = a->made > 1 ? part(n - q->f, a->made) : n;
            p->kernels->sums(&q->d, rows, room + q->x * p->size, w + q->w * p->size, o == 0 ? bias : NULL,
                             job->accumulate || o > 0, joins ? apart + i * part_size : y + q->f * b->to * p->size);
        }
    }
    if (joins)
        exchange(p, n, apart, y, true);
}

/* A strip of the results of a plane. */
static void run_strip(const plan *p, int64_t plane, int64_t group, int64_t start, bool fresh, char *room)
{
    const tp__conv_job *job = p->job;
    int64_t n = least(p->strip, p->a[0].to - start);
    int64_t from = p->a[0].from * p->a[1].from * p->size, to = p->a[0].to * p->a[1].to * p->size;
    if (job->pass == TP__CONV_BY_INPUT) {
        make_strip(p, plane, group, start, n, fresh, room);
        return;
    }
    fill(p, (const char *)job->a + plane * from, start, fresh, room);
    for (int64_t o = 0; o < p->outputs; o++) {
        int64_t channel = group * p->outputs + o;
        p->kernels->sums(&p->d, n, room, (const char *)job->b + channel * p->taps * p->size,
                         job->bias ? (const char *)job->bias + channel * p->size : NULL, job->accumulate,
                         (char *)job->to + (plane * p->outputs + o) * to + start * p->a[1].to * p->size);
    }
}

/* ---- by weight ---- */

static void run_part(const plan *p, int64_t i, char *room)
{
    const tp__conv_job *job = p->job;
    int64_t first = i % p->blocks * p->groups, groups = least(p->groups, job->shape.groups - first);
    int64_t index = i / p->blocks, begin = index * p->per_part, end = least(begin + p->per_part, job->shape.batch);
    int64_t from = p->a[0].from * p->a[1].from * p->size, to = p->a[0].to * p->a[1].to * p->size;
    char *vectors = room + X_ROOM;
    bool fresh = true;
    memset(vectors, 0, (size_t)(groups * p->outputs * p->taps * LINE));
    for (int64_t k = begin; k < end; k++)
        for (int64_t g = 0; g < groups; g++) {
            int64_t plane = k * job->shape.groups + first + g;
            const char *x = (const char *)job->a + plane * from, *y = (const char *)job->b + plane * p->outputs * to;
            for (int64_t start = 0; start < p->a[0].to; start += p->strip, fresh = false) {
                int64_t n = least(p->strip, p->a[0].to - start);
                fill(p, x, start, fresh, room);
                for (int64_t o = 0; o < p->outputs; o++)
                    p->kernels->products(&p->d, n, room, y + o * to + start * p->a[1].to * p->size,
                                         vectors + (g * p->outputs + o) * p->taps * LINE);
            }
        }
    char *sums = p->sums + (index * weights(p) + first * p->outputs * p->taps) * p->size;
    for (int64_t g = 0; g < groups * p->outputs; g++)
        p->kernels->add_up(p->taps, vectors + g * p->taps * LINE, sums + g * p->taps * p->size);
}

/* ---- jobs ---- */

static void run_jobs(int64_t begin, int64_t end, void *user)
{
    plan *p = user;
    char *room = tp__conv_take_room(&p->slots);
    int64_t group = begin % p->job->shape.groups;
    for (int64_t i = begin; i < end; i++, group = group + 1 < p->job->shape.groups ? group + 1 : 0)
        if (p->job->pass == TP__CONV_BY_WEIGHT)
            run_part(p, i, room);
        else
            for (int64_t start = 0; start < p->a[0].to; start += p->strip)
                run_strip(p, i, group, start, i == begin && start == 0, room);
    tp__conv_give_room(&p->slots, room);
}

bool tp__conv_depthwise(const tp__conv_job *job)
{
    plan p;
    if (!make_plan(&p, job))
        return false;
    p.slots.room = job->room;
    char *shared = p.slots.room + p.slots.count * p.slots.size;
    p.sums = sums_apart(&p) ? shared : job->to;
    p.phases = (phase *)(void *)shared;
    p.w = shared + phases(&p) * (int64_t)sizeof(phase);
    if (job->pass == TP__CONV_BY_INPUT)
        describe_phases(&p);
    else
        describe(&p);
    int64_t work = p.a[0].to * p.a[1].to * p.outputs * p.taps;
    if (job->pass == TP__CONV_BY_WEIGHT)
        work = p.groups * p.per_part * p.outputs * p.taps * p.a[0].from * p.a[1].from;
    tp__parallel_for(p.jobs, 1 + SHARE / (work + 1), run_jobs, &p);
    if (sums_apart(&p))
        tp__reduce(TP__SUM, job->dtype, 1, p.parts, weights(&p), p.sums, job->to, job->accumulate);
    return true;
}
