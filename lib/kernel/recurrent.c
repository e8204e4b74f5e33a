/* recurrent.c - recurrent nets over all steps (recurrent.h).
 *
 * The sums over x are one product for all steps. What is left of a step, h' W_hh^T, is the product of a block of rows with
 * W_hh in panels, each of all gates of some units, whose cells are computed while its sums are in the first cache. A block
 * goes through all steps on one thread, so that nobody waits. Backward goes the same way, by panels of W_hh as it lies, and
 * leaves the gradients by all sums, of which those by weights and x are one product each for all steps. A single step has no
 * panels: it is not worth laying out the weights.
 *
 * A row's sums are made in the same order whatever block it is in. */
#include "kernel/recurrent.h"
#include "kernel/placed.h"
#include "kernel/triangle.h"

#include <string.h>

enum {
    LEAST_ROWS = 8, /* of a block... */
    MOST_ROWS = 64, /* ...of which a panel's sums fit into TP__SCRATCH */
    LINE = 64
};

/* Weights as the right side of products, [panels][k][width] */
typedef struct {
    int64_t gates, units, k, of_panel, width, panels; /* rows of a weight by gate; units of a panel */
    char *at;
} panels;

typedef struct {
    const tp__rnn_job *job;
    const tp__placed_kernels *placed;
    const tp__rnn_table *cells;
    int64_t size, gates, kept, block, blocks;
    int64_t apart; /* rows of ga: not a page, which would keep a column in few lines of the caches */
    panels weight, projection;
    int32_t *column, *row, *projection_row; /* places: of k; of rows that are multiplied */
    uint8_t *on;                            /* of a single step: which rows are there */
    char *bias, *h[2], *c, *full, *rec;
    char *ga, *gh, *gc, *gfull, *gh_all, *full_all, *sums, *start, *x; /* backward */
    char *base;                                                        /* of the room; NULL: it is measured */
    size_t bytes;
    bool large; /* beyond size_t */
} plan;

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t part(int64_t n, int64_t parts) { return n > 0 ? (n - 1) / parts + 1 : 0; }
static bool is_projected(const tp__rnn_job *j) { return j->of[TP__RNN_W_HR] != NULL; }
static bool in_panels(const tp__rnn_job *j) { return j->steps > 1; }

/* ---- the room ---- */

/* Room for a b c things of this size. */
static void *carve(plan *p, int64_t a, int64_t b, int64_t c, size_t size)
{
    size_t n = p->bytes, bytes;
    p->large |= __builtin_mul_overflow((size_t)a, (size_t)b, &bytes);
    p->large |= __builtin_mul_overflow(bytes, (size_t)c, &bytes);
    p->large |= __builtin_mul_overflow(bytes, size, &bytes);
    p->large |= __builtin_add_overflow(bytes, LINE - 1, &bytes);
    p->large |= __builtin_add_overflow(n, bytes / LINE * LINE, &p->bytes);
    return p->base ? p->base + n : NULL;
}

static char *elements(plan *p, int64_t a, int64_t b, int64_t c) { return carve(p, a, b, c, (size_t)p->size); }

static void carve_panels(plan *p, panels *w, int64_t gates, int64_t units, int64_t k)
{
    int64_t lanes = TP__PLACED_PANEL_BYTES / p->size;
    w->gates = gates;
    w->units = units;
    w->k = k;
    w->of_panel = gates == 1 ? lanes : lanes / 4;
    w->width = w->of_panel * gates;
    w->panels = part(units, w->of_panel);
    w->at = elements(p, w->panels, k, w->width);
}

static void carve_lists(plan *p, int64_t columns)
{
    p->column = carve(p, columns, 1, 1, sizeof(int32_t));
    p->row = carve(p, MOST_ROWS, 1, 1, sizeof(int32_t));
    p->projection_row = carve(p, MOST_ROWS, 1, 1, sizeof(int32_t));
}

static void fill_lists(const plan *p, int64_t columns, int64_t apart, int64_t projection_apart)
{
    for (int64_t i = 0; i < columns; i++)
        p->column[i] = (int32_t)i;
    for (int64_t r = 0; r < p->block; r++) {
        p->row[r] = (int32_t)(r * apart);
        p->projection_row[r] = (int32_t)(r * projection_apart);
    }
}

static int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }
static int64_t forward_columns(const tp__rnn_job *j) { return most(j->hidden, j->out); }
static int64_t backward_columns(const plan *p) { return most(p->gates * p->job->hidden, p->job->out); }

static void carve_forward(plan *p)
{
    const tp__rnn_job *j = p->job;
    p->bias = elements(p, p->kept, j->hidden, 1);
    p->h[0] = elements(p, j->batch, j->out, 1);
    p->h[1] = elements(p, j->batch, j->out, 1);
    p->c = elements(p, j->kind == TP__LSTM, j->batch, j->hidden);
    p->full = elements(p, is_projected(j), j->batch, j->hidden);
    if (!in_panels(j)) {
        p->rec = elements(p, j->batch, p->gates, j->hidden);
        p->on = carve(p, j->batch, 1, 1, 1);
        return;
    }
    carve_panels(p, &p->weight, p->gates, j->hidden, j->out);
    if (is_projected(j))
        carve_panels(p, &p->projection, 1, j->out, j->hidden);
    carve_lists(p, forward_columns(j));
}

static bool has_starts(const tp__rnn_job *j) { return j->reverse && j->lengths; }

static void carve_backward(plan *p)
{
    const tp__rnn_job *j = p->job;
    int64_t rows = j->steps * j->batch, projected = is_projected(j);
    p->apart = p->kept * j->hidden;
    p->apart += p->apart * p->size % 1024 == 0 ? LINE / p->size : 0;
    p->ga = elements(p, rows, p->apart, 1);
    p->gh = elements(p, j->batch, j->out, 1);
    p->gc = elements(p, j->batch, j->hidden, 1);
    p->sums = elements(p, p->kept, j->hidden, 1);
    p->gfull = elements(p, projected, j->batch, j->hidden);
    p->gh_all = elements(p, projected, rows, j->out);
    p->full_all = elements(p, projected, rows, j->hidden);
    p->start = elements(p, has_starts(j), j->batch, p->gates * j->hidden);
    p->x = elements(p, j->lengths != NULL, rows, j->in);
    if (!in_panels(j)) {
        p->rec = elements(p, j->batch, j->out, 1);
        p->on = carve(p, j->batch, 1, 1, 1);
        return;
    }
    carve_panels(p, &p->weight, 1, j->out, p->gates * j->hidden);
    if (projected)
        carve_panels(p, &p->projection, 1, j->hidden, j->out);
    carve_lists(p, backward_columns(p));
}

/* Blocks for each processor, of some rows. A place in what they are multiplied from is an int32. */
static int64_t rows_of_block(const plan *p)
{
    const tp__rnn_job *j = p->job;
    int64_t rows = part(j->batch, tp__cpu_count()), wide = p->kept * j->hidden + j->out + LINE;
    rows = rows < LEAST_ROWS ? LEAST_ROWS : least(rows, MOST_ROWS);
    rows = least(rows, wide > 0 ? INT32_MAX / wide : MOST_ROWS);
    return in_panels(j) ? least(j->batch, rows < 1 ? 1 : rows) : j->batch;
}

static plan make_plan(const tp__rnn_job *job, bool backward)
{
    plan p = {.job = job,
              .placed = &TP__PICK(tp__placed_table)->of[job->dtype == TP_F64],
              .cells = TP__PICK(tp__rnn_table),
              .size = (int64_t)tp_dtype_size(job->dtype),
              .gates = tp__rnn_gates(job->kind),
              .kept = tp__rnn_kept(job->kind),
              .base = job->room};
    p.block = rows_of_block(&p);
    p.blocks = part(job->batch, p.block);
    (backward ? carve_backward : carve_forward)(&p);
    return p;
}

size_t tp__rnn_room(const tp__rnn_job *job, bool backward)
{
    plan p = make_plan(job, backward);
    return p.large ? SIZE_MAX : p.bytes + LINE;
}

/* ---- places ---- */

static char *at(const plan *p, const void *x, int64_t element) { return (char *)(uintptr_t)x + element * p->size; }
static void *own(const plan *p, void *x, int64_t element) { return (char *)x + element * p->size; }
static int64_t length_of(const tp__rnn_job *j, int64_t row) { return j->lengths ? j->lengths[row] : j->steps; }
static bool is_on(const tp__rnn_job *j, int64_t t, int64_t row) { return t < length_of(j, row); }
static bool is_start(const tp__rnn_job *j, int64_t t, int64_t row)
{
    return t == (j->reverse ? length_of(j, row) - 1 : 0);
}
static int64_t step_at(const tp__rnn_job *j, int64_t s) { return j->reverse ? j->steps - 1 - s : s; }
/* The state before step t of a row: of a list over all steps, or the first one. */
static const void *before(const plan *p, const void *all, const void *first, int64_t t, int64_t row, int64_t n)
{
    const tp__rnn_job *j = p->job;
    if (is_start(j, t, row))
        return at(p, first, row * n);
    return at(p, all, ((j->reverse ? t + 1 : t - 1) * j->batch + row) * n);
}

/* Which rows of a block are there at t? Returns how many. */
static int64_t find_on(const tp__rnn_job *j, int64_t t, int64_t row, int64_t rows, uint8_t *on)
{
    int64_t count = 0;
    for (int64_t r = 0; r < rows; r++)
        count += on[r] = is_on(j, t, row + r);
    return count;
}

/* ---- weights in panels ---- */

typedef struct {
    const plan *p;
    const panels *w;
    const void *from;
} packing;

/* from [gates units, k]: columns are its rows, gate by gate. */
static void pack_turned(int64_t begin, int64_t end, void *user)
{
    const packing *k = user;
    const panels *w = k->w;
    const plan *p = k->p;
    tp__turn_fn turn = TP__PICK(tp__triangle_table)->turn[p->job->dtype == TP_F64];
    for (int64_t i = begin; i < end; i++) {
        char *to = w->at + i * w->k * w->width * p->size;
        int64_t first = i * w->of_panel, n = least(w->of_panel, w->units - first);
        if (n < w->of_panel)
            memset(to, 0, (size_t)(w->k * w->width * p->size));
        for (int64_t g = 0; g < w->gates; g++)
            turn(w->k, n, at(p, k->from, (g * w->units + first) * w->k), w->k, own(p, to, g * w->of_panel), w->width);
    }
}

/* from [k, units] */
static void pack_straight(int64_t begin, int64_t end, void *user)
{
    const packing *k = user;
    const panels *w = k->w;
    const plan *p = k->p;
    for (int64_t i = begin; i < end; i++) {
        char *to = w->at + i * w->k * w->width * p->size;
        int64_t first = i * w->of_panel, n = least(w->of_panel, w->units - first);
        if (n < w->of_panel)
            memset(to, 0, (size_t)(w->k * w->width * p->size));
        for (int64_t r = 0; r < w->k; r++)
            memcpy(own(p, to, r * w->width), at(p, k->from, r * w->units + first), (size_t)(n * p->size));
    }
}

static void pack(const plan *p, const panels *w, const void *from, bool turned)
{
    packing k = {p, w, from};
    tp__parallel_for(w->panels, 4, turned ? pack_turned : pack_straight, &k);
}

static void multiply(const plan *p, const panels *w, int64_t panel, int64_t rows, const void *a, const int32_t *row,
                     void *to)
{
    p->placed->multiply(rows, w->width, w->k, a, row, p->column, w->at + panel * w->k * w->width * p->size, w->width,
                        false, to, w->width);
}

/* to [rows, units] (row by row `units` apart) = a times all panels; rows that are not there stay. */
static void multiply_all(const plan *p, const panels *w, int64_t rows, const void *a, const int32_t *row,
                         const uint8_t *on, void *tile, void *to)
{
    for (int64_t i = 0; i < w->panels; i++) {
        int64_t first = i * w->of_panel, n = least(w->of_panel, w->units - first);
        multiply(p, w, i, rows, a, row, tile);
        for (int64_t r = 0; r < rows; r++)
            if (on[r])
                memcpy(own(p, to, r * w->units + first), at(p, tile, r * w->width), (size_t)(n * p->size));
    }
}

/* ---- forward ---- */

static void add_bias(const plan *p, int64_t to, const void *from, int64_t part_of)
{
    int64_t n = p->job->hidden;
    if (from)
        tp__axpy(n, p->job->dtype, 1, at(p, from, part_of * n), own(p, p->bias, to * n));
}

/* The biases as what is kept: of a GRU that of n_h is apart. */
static void lay_biases(const plan *p)
{
    const tp__rnn_job *j = p->job;
    const void *of_x = j->of[TP__RNN_B_IH], *of_h = j->of[TP__RNN_B_HH];
    memset(p->bias, 0, (size_t)(p->kept * j->hidden * p->size));
    for (int64_t g = 0; g < p->gates; g++) {
        bool is_n = j->kind == TP__GRU && g == 2;
        int64_t to = j->kind == TP__GRU ? g + 1 : g;
        add_bias(p, is_n ? 0 : to, of_x, g);
        add_bias(p, to, of_h, g);
    }
}

/* Gates of weights by x and where their sums are kept: all in a row, but of a GRU n comes first. */
typedef struct {
    int64_t gate, count, place;
} stretch;
static int stretches(const plan *p, stretch s[2])
{
    if (p->job->kind == TP__GRU) {
        s[0] = (stretch){0, 2, 1};
        s[1] = (stretch){2, 1, 0};
        return 2;
    }
    s[0] = (stretch){0, p->gates, 0};
    return 1;
}

/* kept = x W_ih^T for all steps */
static bool multiply_inputs(const plan *p)
{
    const tp__rnn_job *j = p->job;
    stretch s[2];
    bool done = true;
    for (int i = 0, n = stretches(p, s); i < n && done; i++)
        done = tp__gemm(j->dtype, false, true, j->steps * j->batch, s[i].count * j->hidden, j->in, 1, j->of[TP__RNN_X],
                        j->in, at(p, j->of[TP__RNN_W_IH], s[i].gate * j->hidden * j->in), j->in, 0,
                        own(p, j->kept, s[i].place * j->hidden), p->kept * j->hidden);
    return done;
}

/* A block of rows on its way: h[now] is the state before the step. */
typedef struct {
    int64_t row, rows;
    int now;
    char *tile;
    uint8_t *on;
} block;

/* Units [first, first + n) of step t, whose sums over h' are at `rec`. */
static void run_cells(const plan *p, const block *b, int64_t t, int64_t first, int64_t n, const void *rec,
                      int64_t rec_gate, int64_t rec_row)
{
    const tp__rnn_job *j = p->job;
    bool projected = is_projected(j);
    tp__rnn_tile tile = {.rows = b->rows,
                         .n = n,
                         .hidden = j->hidden,
                         .on = b->on,
                         .kept = own(p, j->kept, (t * j->batch + b->row) * p->kept * j->hidden + first),
                         .kept_row = p->kept * j->hidden,
                         .rec = rec,
                         .rec_gate = rec_gate,
                         .rec_row = rec_row,
                         .bias = own(p, p->bias, first),
                         .before = own(p, p->h[b->now], b->row * j->out + first),
                         .h = own(p, projected ? p->full : p->h[!b->now], b->row * j->hidden + first),
                         .c = own(p, p->c, b->row * j->hidden + first),
                         .h_row = j->hidden};
    p->cells->forward[j->dtype == TP_F64][j->kind](&tile);
}

static void step_in_panels(const plan *p, const block *b, int64_t t)
{
    const tp__rnn_job *j = p->job;
    const panels *w = &p->weight;
    char *h = own(p, p->h[b->now], b->row * j->out), *next = own(p, p->h[!b->now], b->row * j->out);
    for (int64_t i = 0; i < w->panels; i++) {
        int64_t first = i * w->of_panel;
        multiply(p, w, i, b->rows, h, p->row, b->tile);
        run_cells(p, b, t, first, least(w->of_panel, w->units - first), b->tile, w->of_panel, w->width);
    }
    if (is_projected(j))
        multiply_all(p, &p->projection, b->rows, own(p, p->full, b->row * j->hidden), p->projection_row, b->on, b->tile,
                     next);
}

/* The only step, of all rows. */
static bool step_at_once(const plan *p, const block *b)
{
    const tp__rnn_job *j = p->job;
    int64_t n = p->gates * j->hidden;
    bool done = tp__gemm(j->dtype, false, true, j->batch, n, j->out, 1, p->h[b->now], j->out, j->of[TP__RNN_W_HH],
                         j->out, 0, p->rec, n);
    run_cells(p, b, 0, 0, j->hidden, p->rec, j->hidden, n);
    if (done && is_projected(j))
        done = tp__gemm(j->dtype, false, true, j->batch, j->out, j->hidden, 1, p->full, j->hidden, j->of[TP__RNN_W_HR],
                        j->hidden, 0, p->h[!b->now], j->out);
    return done;
}

/* y of step t; a row that is not there has 0, and keeps its state. */
static void finish_step(const plan *p, block *b, int64_t t)
{
    const tp__rnn_job *j = p->job;
    size_t bytes = (size_t)(j->out * p->size);
    for (int64_t r = 0; r < b->rows; r++) {
        char *y = own(p, j->y, (t * j->batch + b->row + r) * j->out), *h = own(p, p->h[!b->now], (b->row + r) * j->out);
        if (b->on[r]) {
            memcpy(y, h, bytes);
        } else {
            memset(y, 0, bytes);
            memcpy(h, own(p, p->h[b->now], (b->row + r) * j->out), bytes);
        }
    }
    if (j->kind == TP__LSTM)
        memcpy(own(p, j->cells, (t * j->batch + b->row) * j->hidden), own(p, p->c, b->row * j->hidden),
               (size_t)(b->rows * j->hidden * p->size));
    b->now = !b->now;
}

static void begin_rows(const plan *p, const block *b)
{
    const tp__rnn_job *j = p->job;
    size_t states = (size_t)(b->rows * j->out * p->size), units = (size_t)(b->rows * j->hidden * p->size);
    memcpy(own(p, p->h[0], b->row * j->out), at(p, j->of[TP__RNN_H0], b->row * j->out), states);
    if (j->kind == TP__LSTM)
        memcpy(own(p, p->c, b->row * j->hidden), at(p, j->of[TP__RNN_C0], b->row * j->hidden), units);
}

static void end_rows(const plan *p, const block *b)
{
    const tp__rnn_job *j = p->job;
    size_t states = (size_t)(b->rows * j->out * p->size), units = (size_t)(b->rows * j->hidden * p->size);
    memcpy(own(p, j->h, b->row * j->out), own(p, p->h[b->now], b->row * j->out), states);
    if (j->kind == TP__LSTM)
        memcpy(own(p, j->c, b->row * j->hidden), own(p, p->c, b->row * j->hidden), units);
}

static block block_at(const plan *p, int64_t i, char *tile, uint8_t *on)
{
    int64_t row = i * p->block;
    return (block){.row = row, .rows = least(p->block, p->job->batch - row), .tile = tile, .on = on};
}

static void forward_blocks(int64_t begin, int64_t end, void *user)
{
    const plan *p = user;
    const tp__rnn_job *j = p->job;
    uint8_t on[MOST_ROWS];
    char *tile = tp__scratch_take();
    _Static_assert(MOST_ROWS * TP__PLACED_PANEL_BYTES <= TP__SCRATCH, "a tile is too large");
    for (int64_t i = begin; i < end; i++) {
        block b = block_at(p, i, tile, on);
        begin_rows(p, &b);
        for (int64_t s = 0; s < j->steps; s++) {
            int64_t t = step_at(j, s);
            if (find_on(j, t, b.row, b.rows, on) > 0)
                step_in_panels(p, &b, t);
            finish_step(p, &b, t);
        }
        end_rows(p, &b);
    }
    tp__scratch_give(tile);
}

static bool forward_at_once(const plan *p)
{
    block b = {.rows = p->job->batch, .on = p->on};
    begin_rows(p, &b);
    find_on(p->job, 0, 0, b.rows, b.on);
    bool done = step_at_once(p, &b);
    finish_step(p, &b, 0);
    end_rows(p, &b);
    return done;
}

/* No step: the states stay. */
static void pass_states(const plan *p)
{
    block b = {.rows = p->job->batch};
    begin_rows(p, &b);
    end_rows(p, &b);
}

/* Of the sizes that are not in the products of all steps. */
static bool counts(const plan *p) { return tp__blas_counts(p->kept * p->job->hidden, p->job->out, 1); }

bool tp__rnn_forward(const tp__rnn_job *job)
{
    plan p = make_plan(job, false);
    if (!counts(&p))
        return false;
    if (job->steps == 0)
        pass_states(&p);
    if (job->steps == 0 || job->batch == 0)
        return true;
    lay_biases(&p);
    if (!multiply_inputs(&p))
        return false;
    if (!in_panels(job))
        return forward_at_once(&p);
    fill_lists(&p, forward_columns(job), job->out, job->hidden);
    pack(&p, &p.weight, job->of[TP__RNN_W_HH], true);
    if (is_projected(job))
        pack(&p, &p.projection, job->of[TP__RNN_W_HR], true);
    tp__parallel_for(p.blocks, 1, forward_blocks, &p);
    return true;
}

/* ---- backward: through the steps ---- */

/* dh, the gradient by the state after step t, with y's; what is not there has none. */
static void add_output_gradient(const plan *p, const block *b, int64_t t)
{
    const tp__rnn_job *j = p->job;
    for (int64_t r = 0; r < b->rows && j->gy; r++)
        if (b->on[r])
            tp__axpy(j->out, j->dtype, 1, at(p, j->gy, (t * j->batch + b->row + r) * j->out),
                     own(p, p->gh, (b->row + r) * j->out));
}

/* h before it is projected is made once more; where a row is not there, nothing counts. */
static void keep_for_projection(const plan *p, const block *b, int64_t t)
{
    const tp__rnn_job *j = p->job;
    for (int64_t r = 0; r < b->rows; r++) {
        int64_t i = t * j->batch + b->row + r;
        char *to = own(p, p->gh_all, i * j->out), *full = own(p, p->full_all, i * j->hidden);
        if (b->on[r]) {
            memcpy(to, own(p, p->gh, (b->row + r) * j->out), (size_t)(j->out * p->size));
            p->cells->output[j->dtype == TP_F64](j->hidden, own(p, j->kept, (i * p->kept + 3) * j->hidden),
                                                 own(p, j->cells, i * j->hidden), full);
        } else {
            memset(to, 0, (size_t)(j->out * p->size));
            memset(full, 0, (size_t)(j->hidden * p->size));
        }
    }
}

static void run_slopes(const plan *p, const block *b, int64_t t)
{
    const tp__rnn_job *j = p->job;
    char *gfull = is_projected(j) ? p->gfull : p->gh;
    for (int64_t r = 0; r < b->rows; r++) {
        int64_t row = b->row + r, i = t * j->batch + row;
        char *ga = own(p, p->ga, i * p->apart);
        if (!b->on[r]) {
            memset(ga, 0, (size_t)(p->kept * j->hidden * p->size));
            continue;
        }
        tp__rnn_slope s = {.hidden = j->hidden,
                           .kept = own(p, j->kept, i * p->kept * j->hidden),
                           .gh = own(p, gfull, row * j->hidden),
                           .ga = ga};
        if (j->kind == TP__LSTM) {
            s.c = own(p, j->cells, i * j->hidden);
            s.before = before(p, j->cells, j->of[TP__RNN_C0], t, row, j->hidden);
            s.gc = own(p, p->gc, row * j->hidden);
        } else if (j->kind == TP__GRU) {
            s.before = before(p, j->y, j->of[TP__RNN_H0], t, row, j->out);
        }
        p->cells->backward[j->dtype == TP_F64][j->kind](&s);
    }
}

/* Where the gradients by the sums over h' of row i begin: of a GRU those of r, z, n_h are in a row. */
static char *over_h(const plan *p, int64_t i)
{
    return own(p, p->ga, i * p->apart + (p->job->kind == TP__GRU) * p->job->hidden);
}

/* gh (of a GRU +)= ga W_hh */
static void go_to_state_before(const plan *p, const block *b, int64_t t)
{
    const tp__rnn_job *j = p->job;
    const panels *w = &p->weight;
    for (int64_t i = 0; i < w->panels; i++) {
        int64_t first = i * w->of_panel, n = least(w->of_panel, w->units - first);
        multiply(p, w, i, b->rows, over_h(p, t * j->batch + b->row), p->row, b->tile);
        for (int64_t r = 0; r < b->rows; r++) {
            char *to = own(p, p->gh, (b->row + r) * j->out + first), *from = own(p, b->tile, r * w->width);
            if (b->on[r] && j->kind == TP__GRU)
                tp__axpy(n, j->dtype, 1, from, to);
            else if (b->on[r])
                memcpy(to, from, (size_t)(n * p->size));
        }
    }
}

static void begin_gradients(const plan *p, const block *b)
{
    const tp__rnn_job *j = p->job;
    size_t states = (size_t)(b->rows * j->out * p->size), units = (size_t)(b->rows * j->hidden * p->size);
    char *gh = own(p, p->gh, b->row * j->out), *gc = own(p, p->gc, b->row * j->hidden);
    if (j->gh)
        memcpy(gh, at(p, j->gh, b->row * j->out), states);
    else
        memset(gh, 0, states);
    if (j->gc)
        memcpy(gc, at(p, j->gc, b->row * j->hidden), units);
    else
        memset(gc, 0, units);
}

static void backward_blocks(int64_t begin, int64_t end, void *user)
{
    const plan *p = user;
    const tp__rnn_job *j = p->job;
    uint8_t on[MOST_ROWS];
    char *tile = tp__scratch_take();
    for (int64_t i = begin; i < end; i++) {
        block b = block_at(p, i, tile, on);
        begin_gradients(p, &b);
        for (int64_t s = j->steps - 1; s >= 0; s--) {
            int64_t t = step_at(j, s);
            int64_t there = find_on(j, t, b.row, b.rows, on);
            add_output_gradient(p, &b, t);
            if (is_projected(j)) {
                keep_for_projection(p, &b, t);
                multiply_all(p, &p->projection, b.rows, own(p, p->gh, b.row * j->out), p->projection_row, on, tile,
                             own(p, p->gfull, b.row * j->hidden));
            }
            run_slopes(p, &b, t);
            if (there > 0 && (s > 0 || j->gin[TP__RNN_H0]))
                go_to_state_before(p, &b, t);
        }
    }
    tp__scratch_give(tile);
}

/* The only step, of all rows. */
static bool backward_at_once(const plan *p)
{
    const tp__rnn_job *j = p->job;
    block b = {.rows = j->batch, .on = p->on};
    int64_t n = p->gates * j->hidden;
    begin_gradients(p, &b);
    find_on(j, 0, 0, b.rows, b.on);
    add_output_gradient(p, &b, 0);
    bool done = true;
    if (is_projected(j)) {
        keep_for_projection(p, &b, 0);
        done = tp__gemm(j->dtype, false, false, j->batch, j->hidden, j->out, 1, p->gh, j->out, j->of[TP__RNN_W_HR],
                        j->hidden, 0, p->gfull, j->hidden);
    }
    run_slopes(p, &b, 0);
    if (!done || j->gin[TP__RNN_H0] == NULL)
        return done;
    done = tp__gemm(j->dtype, false, false, j->batch, j->out, n, 1, over_h(p, 0), p->apart, j->of[TP__RNN_W_HH], j->out,
                    0, p->rec, j->out);
    for (int64_t r = 0; r < j->batch; r++)
        if (b.on[r] && j->kind == TP__GRU)
            tp__axpy(j->out, j->dtype, 1, own(p, p->rec, r * j->out), own(p, p->gh, r * j->out));
        else if (b.on[r])
            memcpy(own(p, p->gh, r * j->out), own(p, p->rec, r * j->out), (size_t)(j->out * p->size));
    return done;
}

/* ---- backward: what is gathered from all steps ---- */

/* 0 where gin[i] is to be overwritten, else 1 */
static double beta(const tp__rnn_job *j, int i) { return (j->fresh >> i) & 1u ? 0 : 1; }

/* x, with 0 in steps that are not there: nothing of them counts, not even NaN. */
static const char *inputs(const plan *p)
{
    const tp__rnn_job *j = p->job;
    size_t bytes = (size_t)(j->in * p->size);
    if (j->lengths == NULL)
        return j->of[TP__RNN_X];
    for (int64_t i = 0; i < j->steps * j->batch; i++)
        if (is_on(j, i / j->batch, i % j->batch))
            memcpy(own(p, p->x, i * j->in), at(p, j->of[TP__RNN_X], i * j->in), bytes);
        else
            memset(own(p, p->x, i * j->in), 0, bytes);
    return p->x;
}

static bool gather_input_weights(const plan *p)
{
    const tp__rnn_job *j = p->job;
    stretch s[2];
    bool done = true;
    if (j->gin[TP__RNN_W_IH] == NULL)
        return true;
    const char *x = inputs(p);
    for (int i = 0, n = stretches(p, s); i < n && done; i++)
        done = tp__gemm(j->dtype, true, false, s[i].count * j->hidden, j->in, j->steps * j->batch, 1,
                        own(p, p->ga, s[i].place * j->hidden), p->apart, x, j->in, beta(j, TP__RNN_W_IH),
                        own(p, j->gin[TP__RNN_W_IH], s[i].gate * j->hidden * j->in), j->in);
    return done;
}

static bool gather_inputs(const plan *p)
{
    const tp__rnn_job *j = p->job;
    stretch s[2];
    bool done = true;
    if (j->gin[TP__RNN_X] == NULL)
        return true;
    for (int i = 0, n = stretches(p, s); i < n && done; i++)
        done = tp__gemm(j->dtype, false, false, j->steps * j->batch, j->in, s[i].count * j->hidden, 1,
                        own(p, p->ga, s[i].place * j->hidden), p->apart,
                        at(p, j->of[TP__RNN_W_IH], s[i].gate * j->hidden * j->in), j->in,
                        i == 0 ? beta(j, TP__RNN_X) : 1, j->gin[TP__RNN_X], j->in);
    return done;
}

/* The gradients of each row's first step, [batch, gates hidden], rows *apart; with lengths and backward these are all over. */
static const char *starts(const plan *p, int64_t *apart)
{
    const tp__rnn_job *j = p->job;
    int64_t n = p->gates * j->hidden;
    *apart = has_starts(j) ? n : p->apart;
    if (!has_starts(j))
        return over_h(p, j->reverse ? (j->steps - 1) * j->batch : 0);
    for (int64_t row = 0; row < j->batch; row++) {
        char *to = own(p, p->start, row * n);
        if (j->lengths[row] > 0)
            memcpy(to, over_h(p, (j->lengths[row] - 1) * j->batch + row), (size_t)(n * p->size));
        else
            memset(to, 0, (size_t)(n * p->size));
    }
    return p->start;
}

/* The states before are y of the step before, but those before the first. */
static bool gather_state_weights(const plan *p)
{
    const tp__rnn_job *j = p->job;
    int64_t n = p->gates * j->hidden, apart, later = (j->steps - 1) * j->batch;
    void *to = j->gin[TP__RNN_W_HH];
    if (to == NULL)
        return true;
    bool done = tp__gemm(j->dtype, true, false, n, j->out, later, 1, over_h(p, j->reverse ? 0 : j->batch), p->apart,
                         own(p, j->y, j->reverse ? j->batch * j->out : 0), j->out, beta(j, TP__RNN_W_HH), to, j->out);
    const char *first = starts(p, &apart);
    return done && tp__gemm(j->dtype, true, false, n, j->out, j->batch, 1, first, apart, j->of[TP__RNN_H0], j->out, 1,
                            to, j->out);
}

static bool gather_projection(const plan *p)
{
    const tp__rnn_job *j = p->job;
    return j->gin[TP__RNN_W_HR] == NULL ||
           tp__gemm(j->dtype, true, false, j->out, j->hidden, j->steps * j->batch, 1, p->gh_all, j->out, p->full_all,
                    j->hidden, beta(j, TP__RNN_W_HR), j->gin[TP__RNN_W_HR], j->hidden);
}

static void gather_biases(const plan *p)
{
    const tp__rnn_job *j = p->job;
    int64_t n = p->kept * j->hidden;
    if (j->gin[TP__RNN_B_IH] == NULL && j->gin[TP__RNN_B_HH] == NULL)
        return;
    tp__reduced sums = {.n = j->steps * j->batch, .step = p->apart, .inner = n, .apart = 1};
    tp__reduce_strided(TP__SUM, j->dtype, &sums, p->ga, p->sums, false);
    for (int i = TP__RNN_B_IH; i <= TP__RNN_B_HH; i++)
        for (int64_t g = 0; j->gin[i] && g < p->gates; g++) {
            bool is_n = j->kind == TP__GRU && g == 2 && i == TP__RNN_B_IH;
            char *from = own(p, p->sums, (is_n ? 0 : j->kind == TP__GRU ? g + 1 : g) * j->hidden);
            char *to = own(p, j->gin[i], g * j->hidden);
            if (beta(j, i) == 0)
                memcpy(to, from, (size_t)(j->hidden * p->size));
            else
                tp__axpy(j->hidden, j->dtype, 1, from, to);
        }
}

static void gather_states(const plan *p)
{
    const tp__rnn_job *j = p->job;
    const char *from[] = {p->gh, p->gc};
    const int64_t n[] = {j->batch * j->out, j->batch * j->hidden};
    for (int k = 0; k < 2; k++)
        if (j->gin[TP__RNN_H0 + k] && beta(j, TP__RNN_H0 + k) == 0)
            memcpy(j->gin[TP__RNN_H0 + k], from[k], (size_t)(n[k] * p->size));
        else if (j->gin[TP__RNN_H0 + k])
            tp__axpy(n[k], j->dtype, 1, from[k], j->gin[TP__RNN_H0 + k]);
}

/* No step, or no row: weights have no part in it. */
static void clear_weights(const plan *p)
{
    const tp__rnn_job *j = p->job;
    int64_t n = p->gates * j->hidden, count[TP__RNN_OPERANDS] = {[TP__RNN_W_IH] = n * j->in,
                                                                 [TP__RNN_W_HH] = n * j->out,
                                                                 [TP__RNN_W_HR] = j->out * j->hidden,
                                                                 [TP__RNN_B_IH] = n,
                                                                 [TP__RNN_B_HH] = n};
    for (int i = TP__RNN_W_IH; i < TP__RNN_OPERANDS; i++)
        if (j->gin[i] && beta(j, i) == 0)
            memset(j->gin[i], 0, (size_t)(count[i] * p->size));
}

bool tp__rnn_backward(const tp__rnn_job *job)
{
    plan p = make_plan(job, true);
    if (job->steps == 0 || job->batch == 0) {
        begin_gradients(&p, &(block){.rows = job->batch});
        gather_states(&p);
        clear_weights(&p);
        return true;
    }
    if (!in_panels(job)) {
        if (!backward_at_once(&p))
            return false;
    } else {
        fill_lists(&p, backward_columns(&p), p.apart, job->out);
        pack(&p, &p.weight, job->of[TP__RNN_W_HH], false);
        if (is_projected(job))
            pack(&p, &p.projection, job->of[TP__RNN_W_HR], false);
        tp__parallel_for(p.blocks, 1, backward_blocks, &p);
    }
    gather_states(&p);
    gather_biases(&p);
    return gather_input_weights(&p) && gather_inputs(&p) && gather_state_weights(&p) && gather_projection(&p);
}
