/* elementwise.c - the driver of elementwise functions: it hands blocks of contiguous elements to a block
 * function and owns broadcasting, strides and conversion.
 *
 * The output is cut into rows: as many trailing dimensions as make a row long (short ones do that need no buffer). In a row an operand is read where it lies,
 * or it repeats a stretch of elements, which is written side by side into a buffer a few times, once a row (once at all
 * where every row has the same), or it is gathered, a block at a time. What repeats a single element beside another
 * operand is handed to the arithmetic that takes a number, where there is such a function. Buffers stay in the first cache.
 */
#include "kernel/elementwise.h"

#include <string.h>

enum { BLOCK = 512, GRAIN = 32768, LONG_ROW = 256, SHORT_ROW = 24 };

typedef enum { IN_PLACE, REPEATED, GATHERED } reading;

typedef struct {
    tp__operand in;
    tp_dtype as;       /* what the function takes */
    size_t size;       /* of an element as it lies */
    reading how;       /* within a row */
    int64_t period;    /* REPEATED: elements until it starts over */
    bool steady;       /* REPEATED: every row has the same */
    int64_t step;      /* in bytes, from row to row */
    tp__layout layout; /* of a period or a row */
} operand;

typedef struct {
    tp__block_fn fn;
    const void *attr;
    char *out;
    size_t out_size;
    tp_dims shape; /* with neighbouring dimensions joined where all operands allow it */
    int outer;     /* how many of them are before a row's */
    int64_t row, block, tile_rows;
    int n_in;
    operand in[TP__MAX_OPERANDS];
    int number; /* the operand that fn takes as a number, its attribute; -1: none */
    double sign;
} plan;

static bool row_major(const tp__operand *in, tp_dims shape)
{
    int64_t stride = 1;
    for (int d = shape.ndim - 1; d >= 0; d--) {
        if (shape.dim[d] != 1 && in->stride[d] != stride)
            return false;
        stride *= shape.dim[d];
    }
    return true;
}

/* Drops dimensions of size 1 and joins neighbours that every operand walks as one. */
static void coalesce(plan *p)
{
    int last = -1;
    for (int d = 0; d < p->shape.ndim; d++) {
        if (p->shape.dim[d] == 1)
            continue;
        bool joins = last >= 0;
        for (int i = 0; i < p->n_in && joins; i++)
            joins = p->in[i].in.stride[last] == p->in[i].in.stride[d] * p->shape.dim[d];
        if (joins) {
            p->shape.dim[last] *= p->shape.dim[d];
        } else {
            p->shape.dim[++last] = p->shape.dim[d];
        }
        for (int i = 0; i < p->n_in; i++)
            p->in[i].in.stride[last] = p->in[i].in.stride[d];
    }
    p->shape.ndim = last + 1;
}

/* n elements of an operand from the position `at` of its layout on, which starts at `base`. */
static void gather(const operand *x, const char *base, int64_t at, int64_t n, void *to)
{
    uint64_t raw[BLOCK];
    bool converts = x->in.dtype != x->as;
    tp__gather_span(&x->layout, x->size, base, at, n, converts ? raw : to);
    if (converts)
        tp__convert(n, to, x->as, raw, x->in.dtype);
}

/* A period side by side as often as it fills n elements. */
static void repeat(const operand *x, const char *base, int64_t n, char *to)
{
    size_t size = tp_dtype_size(x->as), all = (size_t)n * size, have = (size_t)x->period * size;
    if (have > all)
        have = all;
    gather(x, base, 0, (int64_t)(have / size), to);
    if (x->period == 1) {
        tp__copy_run(size, n - 1, to + size, 1, to, 0);
        return;
    }
    for (size_t more; have < all; have += more) {
        more = have < all - have ? have : all - have;
        memcpy(to + have, to, more);
    }
}

/* Where a range is: the row's index in the outer dimensions, and where each operand has it. */
typedef struct {
    int64_t index[TP_MAX_DIMS];
    const char *row[TP__MAX_OPERANDS];
} place;

static place place_of(const plan *p, int64_t row)
{
    place at;
    for (int i = 0; i < p->n_in; i++) {
        const tp__operand *in = &p->in[i].in;
        at.row[i] = (const char *)in->data +
                    tp__offset_at(p->outer, p->shape.dim, in->stride, row) * (int64_t)p->in[i].size;
    }
    for (int d = p->outer - 1; d >= 0; row /= p->shape.dim[d--])
        at.index[d] = row % p->shape.dim[d];
    return at;
}

static inline void next_row(const plan *p, place *at)
{
    int last = p->outer - 1;
    if (last >= 0 && at->index[last] + 1 < p->shape.dim[last]) { /* nearly always */
        at->index[last]++;
        for (int i = 0; i < p->n_in; i++)
            at->row[i] += p->in[i].step;
        return;
    }
    for (int d = last; d >= 0; d--) {
        bool carry = ++at->index[d] == p->shape.dim[d];
        int64_t steps = carry ? 1 - p->shape.dim[d] : 1;
        for (int i = 0; i < p->n_in; i++)
            at->row[i] += steps * p->in[i].in.stride[d] * (int64_t)p->in[i].size;
        if (!carry)
            return;
        at->index[d] = 0;
    }
}

typedef struct {
    uint64_t buffer[TP__MAX_OPERANDS][BLOCK];
    bool filled[TP__MAX_OPERANDS]; /* with what every row has */
    double number[2];
} room;

static inline double number_at(const plan *p, const place *at)
{
    const void *x = at->row[p->number];
    return p->sign * (p->in[p->number].as == TP_F32 ? (double)*(const float *)x : *(const double *)x);
}

/* Makes ready for a row, of which the elements up to `end` are wanted, what repeats itself. */
static void enter_row(const plan *p, const place *at, int64_t end, room *r)
{
    for (int i = 0; i < p->n_in; i++) {
        const operand *x = &p->in[i];
        if (i == p->number) {
            r->number[0] = number_at(p, at);
        } else if (x->how == REPEATED && !r->filled[i]) {
            repeat(x, at->row[i], x->steady || end > p->block ? p->block : end, (char *)r->buffer[i]);
            r->filled[i] = x->steady;
        }
    }
}

/* The elements [begin, end) of a row, which go to `out`. */
static void run_row(const plan *p, const place *at, int64_t begin, int64_t end, char *out, room *r)
{
    for (int64_t n; begin < end; begin += n, out += (size_t)n * p->out_size) {
        const void *in[TP__MAX_OPERANDS];
        int64_t late = begin % p->block; /* where blocks start, periods do */
        int k = 0;
        n = end - begin < p->block - late ? end - begin : p->block - late;
        for (int i = 0; i < p->n_in; i++) {
            const operand *x = &p->in[i];
            if (i == p->number)
                continue;
            if (x->how == GATHERED)
                gather(x, at->row[i], begin, n, r->buffer[i]);
            in[k++] = x->how == IN_PLACE
                          ? at->row[i] + (size_t)begin * x->size
                          : (const char *)r->buffer[i] + (x->how == REPEATED ? (size_t)late * tp_dtype_size(x->as) : 0);
        }
        p->fn(n, out, in, p->number < 0 ? p->attr : r->number);
    }
}

/* Rows that need no buffer, which are as short as SHORT_ROW: little is done round the function. */
static void run_plain_rows(int64_t begin, int64_t end, void *user)
{
    const plan *p = user;
    int64_t first = begin / p->row, column = begin - first * p->row;
    place at = place_of(p, first);
    double number[2] = {0};
    for (int64_t done = begin, n; done < end; done += n, column = 0) {
        const void *in[TP__MAX_OPERANDS];
        int k = 0;
        n = end - done < p->row - column ? end - done : p->row - column;
        for (int i = 0; i < p->n_in; i++)
            if (i != p->number)
                in[k++] = at.row[i] + (size_t)column * p->in[i].size;
        if (p->number >= 0)
            number[0] = number_at(p, &at);
        p->fn(n, p->out + (size_t)done * p->out_size, in, p->number < 0 ? p->attr : number);
        next_row(p, &at);
    }
}

static void run_rows(int64_t begin, int64_t end, void *user)
{
    const plan *p = user;
    int64_t first = begin / p->row, column = begin - first * p->row;
    room r;
    place at = place_of(p, first);
    memset(r.filled, 0, sizeof r.filled);
    r.number[1] = 0;
    for (int64_t done = begin, n; done < end; done += n, column = 0) {
        n = end - done < p->row - column ? end - done : p->row - column;
        enter_row(p, &at, column + n, &r);
        run_row(p, &at, column, column + n, p->out + (size_t)done * p->out_size, &r);
        next_row(p, &at);
    }
}

/* What one operand walks across is read and turned a tile at a time: columns of a cache line, which are its rows. */
enum { TILE_COLUMNS = 64, LINE = 64 };

/* Operand i of the tile whose first element is at this offset; returns where it lies and the stride of its rows. */
static const char *tile_of(const plan *p, int i, int64_t offset, int64_t rows, int64_t columns, uint64_t *space,
                           int64_t *row)
{
    const tp__operand *in = &p->in[i].in;
    int inner = p->shape.ndim - 1;
    const char *from = (const char *)in->data + offset * (int64_t)p->in[i].size;
    uint64_t raw[BLOCK];
    bool converts = in->dtype != p->in[i].as;
    if (!converts && in->stride[inner] == 1) {
        *row = in->stride[inner - 1] * (int64_t)p->in[i].size;
        return from;
    }
    tp__copy_plane(p->in[i].size, (tp__plane){rows, columns, columns, 1, in->stride[inner - 1], in->stride[inner]},
                   converts ? raw : space, from);
    if (converts)
        tp__convert(rows * columns, space, p->in[i].as, raw, in->dtype);
    *row = columns * (int64_t)tp_dtype_size(p->in[i].as);
    return (const char *)space;
}

/* Strips [begin, end) of tile_rows rows, counted through all matrices of the last two dimensions. */
static void run_tiles(int64_t begin, int64_t end, void *user)
{
    const plan *p = user;
    int inner = p->shape.ndim - 1;
    int64_t width = p->shape.dim[inner], height = p->shape.dim[inner - 1], row[TP__MAX_OPERANDS];
    int64_t strips = (height + p->tile_rows - 1) / p->tile_rows;
    uint64_t scratch[TP__MAX_OPERANDS][BLOCK];
    const char *tile[TP__MAX_OPERANDS];
    for (int64_t s = begin; s < end; s++) {
        int64_t first = s / strips * height + s % strips * p->tile_rows, left = height - s % strips * p->tile_rows;
        int64_t rows = left < p->tile_rows ? left : p->tile_rows;
        for (int64_t c = 0; c < width; c += TILE_COLUMNS) {
            int64_t columns = width - c < TILE_COLUMNS ? width - c : TILE_COLUMNS;
            for (int i = 0; i < p->n_in; i++) {
                int64_t offset = c * p->in[i].in.stride[inner] +
                                 tp__offset_at(inner, p->shape.dim, p->in[i].in.stride, first);
                tile[i] = tile_of(p, i, offset, rows, columns, scratch[i], &row[i]);
            }
            for (int64_t r = 0; r < rows; r++) {
                const void *in[TP__MAX_OPERANDS];
                for (int i = 0; i < p->n_in; i++)
                    in[i] = tile[i] + r * row[i];
                p->fn(columns, p->out + (size_t)((first + r) * width + c) * p->out_size, in, p->attr);
            }
        }
    }
}

/* Does an operand step nearer from row to row than along a row? */
static bool turned(const plan *p)
{
    int inner = p->shape.ndim - 1;
    bool across = false;
    for (int i = 0; i < p->n_in && inner > 0; i++) {
        int64_t row = p->in[i].in.stride[inner - 1], column = p->in[i].in.stride[inner];
        across |= row != 0 && (row < 0 ? -row : row) < (column < 0 ? -column : column);
    }
    return across && p->shape.dim[inner] >= TILE_COLUMNS / 2 && p->shape.dim[inner - 1] >= TILE_COLUMNS / 4;
}

static void run_turned(plan *p, int64_t n)
{
    int inner = p->shape.ndim - 1;
    int64_t height = p->shape.dim[inner - 1], row = p->shape.dim[inner], largest = 1;
    for (int i = 0; i < p->n_in; i++) {
        int64_t size = (int64_t)tp_dtype_size(p->in[i].as), raw = (int64_t)p->in[i].size;
        largest = size > largest ? size : largest;
        largest = raw > largest ? raw : largest;
    }
    p->tile_rows = LINE / largest;
    int64_t strips = (height + p->tile_rows - 1) / p->tile_rows;
    tp__parallel_for(n / (height * row) * strips, 1 + GRAIN / (p->tile_rows * row), run_tiles, p);
}

static void run_direct(int64_t begin, int64_t end, void *user)
{
    const plan *p = user;
    const void *in[TP__MAX_OPERANDS];
    for (int i = 0; i < p->n_in; i++)
        in[i] = (const char *)p->in[i].in.data + (size_t)begin * p->in[i].size;
    p->fn(end - begin, p->out + (size_t)begin * p->out_size, in, p->attr);
}

/* How an operand is read in a row. */
static void read_as(const plan *p, operand *x)
{
    const int64_t *dim = p->shape.dim, *stride = x->in.stride;
    int last = p->shape.ndim, from = p->outer;
    int64_t step = 1;
    bool dense = x->in.dtype == x->as;
    x->step = from > 0 ? stride[from - 1] * (int64_t)x->size : 0;
    while (from < last && stride[from] == 0)
        from++;
    x->period = 1;
    for (int d = last - 1; d >= from; d--) {
        dense &= stride[d] == step;
        step *= dim[d];
        x->period = x->period <= BLOCK ? x->period * dim[d] : x->period;
    }
    if (dense && from == p->outer) {
        x->how = IN_PLACE;
        return;
    }
    x->how = from > p->outer && x->period <= BLOCK / 2 ? REPEATED : GATHERED;
    if (x->how == GATHERED)
        from = p->outer;
    x->steady = true;
    for (int d = 0; d < p->outer; d++)
        x->steady &= stride[d] == 0;
    tp_dims inner = {last - from, {0}};
    memcpy(inner.dim, dim + from, (size_t)(last - from) * sizeof *dim);
    tp__layout_of(&x->layout, inner, stride + from);
}

/* Arithmetic of floats is also there with a number for one of them. */
static void take_number(plan *p, tp_dtype compute)
{
    static const struct {
        tp__function of, with[2];
        double sign[2]; /* 0: none */
        bool has_value; /* an attribute, times which the number goes */
    } pairs[] = {{TP__FUNCTION_OF(add), {TP__FUNCTION_OF(add_scalar), TP__FUNCTION_OF(add_scalar)}, {1, 1}, false},
                 {TP__FUNCTION_OF(mul), {TP__FUNCTION_OF(mul_scalar), TP__FUNCTION_OF(mul_scalar)}, {1, 1}, false},
                 {TP__FUNCTION_OF(sub), {TP__FUNCTION_OF(rsub_scalar), TP__FUNCTION_OF(add_scalar)}, {1, -1}, false},
                 {TP__FUNCTION_OF(div), {TP__FUNCTION_OF(div_scalar), TP__FUNCTION_OF(div_scalar)}, {0, 1}, false},
                 {TP__FUNCTION_OF(addcmul), {TP__FUNCTION_OF(addcmul), TP__FUNCTION_OF(add_alpha)}, {0, 1}, true}};
    p->number = -1;
    if (compute > TP_F64)
        return;
    for (int i = 0; i < 2 && i < p->n_in; i++) {
        const operand *x = &p->in[i];
        if (x->how != REPEATED || x->period != 1 || x->in.dtype != x->as)
            continue;
        for (size_t k = 0; k < sizeof pairs / sizeof *pairs; k++)
            if (p->fn == tp__fn(&pairs[k].of, compute) && pairs[k].sign[i] != 0) {
                double value = pairs[k].has_value ? *(const double *)p->attr : 1;
                p->number = i;
                p->sign = pairs[k].sign[i] * (compute == TP_F32 ? (double)(float)value : value);
                p->fn = tp__fn(&pairs[k].with[i], compute);
                return;
            }
    }
}

/* Cuts rows of at least so many elements; returns whether one of them goes through a buffer. */
static bool cut_rows(plan *p, int64_t least, tp__block_fn fn, tp_dtype compute)
{
    int64_t period = 1;
    bool buffers = false;
    p->fn = fn;
    p->row = 1;
    p->outer = p->shape.ndim;
    while (p->outer > 0 && p->row < least)
        p->row *= p->shape.dim[--p->outer];
    for (int i = 0; i < p->n_in; i++)
        read_as(p, &p->in[i]);
    take_number(p, compute);
    for (int i = 0; i < p->n_in; i++)
        if (i != p->number && p->in[i].how != IN_PLACE) {
            buffers = true;
            if (p->in[i].how == REPEATED && p->in[i].period > period)
                period = p->in[i].period; /* a multiple of the others, being a product of more of the dimensions */
        }
    p->block = buffers ? BLOCK / period * period : INT64_MAX;
    return buffers;
}

void tp__map(tp__block_fn fn, const void *attr, tp_dims shape, void *out, tp_dtype out_dtype, tp_dtype compute,
             bool condition, int n_in, const tp__operand *in)
{
    plan p;
    int64_t n = 1;
    bool all_direct = true;
    for (int d = 0; d < shape.ndim; d++)
        n *= shape.dim[d];
    if (n == 0)
        return;
    p.fn = fn;
    p.attr = attr;
    p.out = out;
    p.out_size = tp_dtype_size(out_dtype);
    p.shape = shape;
    p.n_in = n_in;
    for (int i = 0; i < n_in; i++) {
        p.in[i].in = in[i];
        p.in[i].as = condition && i == 0 ? in[i].dtype : compute;
        p.in[i].size = tp_dtype_size(in[i].dtype);
        all_direct &= in[i].dtype == p.in[i].as && row_major(&in[i], shape);
    }
    if (all_direct) {
        tp__parallel_for(n, GRAIN, run_direct, &p);
        return;
    }
    coalesce(&p);
    if (turned(&p)) {
        run_turned(&p, n);
        return;
    }
    bool buffers = cut_rows(&p, SHORT_ROW, fn, compute) && cut_rows(&p, LONG_ROW, fn, compute);
    tp__parallel_for(n, GRAIN, buffers ? run_rows : run_plain_rows, &p);
}
