/* elementwise.c - the driver of elementwise functions: it hands blocks of contiguous elements to a block
 * function and owns broadcasting, strides and conversion. Operands that do not lie contiguously are
 * gathered, a block at a time, into buffers that stay in the first cache.
 */
#include "kernel/elementwise.h"

#include <string.h>

enum { BLOCK = 512, GRAIN = 32768, LONG_ROW = 256, LEVEL = 256 };

typedef struct {
    tp__block_fn fn;
    const void *attr;
    char *out;
    size_t out_size;
    tp__layout layout[TP__MAX_OPERANDS];
    tp_dims shape; /* with neighbouring dimensions joined where all operands allow it */
    int n_in;
    tp__operand in[TP__MAX_OPERANDS];
    tp_dtype as[TP__MAX_OPERANDS]; /* what the function takes */
    size_t size[TP__MAX_OPERANDS]; /* of an element as it lies */
    bool direct[TP__MAX_OPERANDS]; /* contiguous and of the right dtype */
    bool single[TP__MAX_OPERANDS]; /* one value everywhere */
    bool level[TP__MAX_OPERANDS];  /* one value in a row   */
    bool any_level;
} plan;

_Atomic(const tp__map_table *) tp__map_chosen;

/* Every thread that races here chooses the same. */
const tp__map_table *tp__map_choose(void)
{
    const tp__map_table *table = TP__PICK(tp__map_table);
    atomic_store_explicit(&tp__map_chosen, table, memory_order_relaxed);
    return table;
}

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

static bool one_value(const tp__operand *in, tp_dims shape)
{
    for (int d = 0; d < shape.ndim; d++)
        if (shape.dim[d] != 1 && in->stride[d] != 0)
            return false;
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
            joins = p->in[i].stride[last] == p->in[i].stride[d] * p->shape.dim[d];
        if (joins) {
            p->shape.dim[last] *= p->shape.dim[d];
        } else {
            p->shape.dim[++last] = p->shape.dim[d];
        }
        for (int i = 0; i < p->n_in; i++)
            p->in[i].stride[last] = p->in[i].stride[d];
    }
    p->shape.ndim = last + 1;
}

/* The elements [begin, begin + n) of operand i, in the order of the output. */
static void gather(const plan *p, int i, int64_t begin, int64_t n, void *to)
{
    const tp__operand *in = &p->in[i];
    uint64_t raw[BLOCK];
    void *dest = in->dtype == p->as[i] ? to : (void *)raw;
    tp__gather_span(&p->layout[i], p->size[i], in->data, begin, n, dest);
    if (in->dtype != p->as[i])
        tp__convert(n, to, p->as[i], raw, in->dtype);
}

/* Where operand i's elements of a stretch inside one row lie already as the function wants them. */
static const void *in_place(const plan *p, int i, int64_t begin)
{
    const tp__operand *in = &p->in[i];
    int inner = p->shape.ndim - 1;
    if (p->direct[i])
        return (const char *)in->data + (size_t)begin * p->size[i];
    if (in->dtype != p->as[i] || inner < 0 || in->stride[inner] != 1)
        return NULL;
    int64_t offset = tp__offset_at(inner + 1, p->shape.dim, in->stride, begin);
    return (const char *)in->data + (size_t)offset * p->size[i];
}

/* How many elements from `at` on a call gets: not beyond a row where it goes by rows, and only so many that a value
 * repeated along the row need not be written out for all of it. */
static int64_t block_length(const plan *p, bool by_rows, int64_t row, int64_t at, int64_t end)
{
    int64_t n = end - at < BLOCK ? end - at : BLOCK;
    if (by_rows && p->any_level && n > LEVEL)
        n = LEVEL;
    return by_rows && row - at % row < n ? row - at % row : n;
}

static void run_blocks(int64_t begin, int64_t end, void *user)
{
    const plan *p = user;
    uint64_t scratch[TP__MAX_OPERANDS][BLOCK];
    const void *in[TP__MAX_OPERANDS];
    int64_t row = p->shape.ndim ? p->shape.dim[p->shape.ndim - 1] : 1;
    bool by_rows = row >= LONG_ROW;
    for (int i = 0; i < p->n_in; i++)
        if (p->single[i])
            gather(p, i, begin, end - begin < BLOCK ? end - begin : BLOCK, scratch[i]);
    for (int64_t at = begin, n; at < end; at += n) {
        bool new_row = at == begin || at % row == 0;
        n = block_length(p, by_rows, row, at, end);
        for (int i = 0; i < p->n_in; i++) {
            bool level = by_rows && p->level[i];
            const void *ready = p->single[i] || (level && !new_row) ? scratch[i] : NULL;
            if (ready == NULL && !level && (p->direct[i] || by_rows))
                ready = in_place(p, i, at);
            if (ready == NULL)
                gather(p, i, at, n, scratch[i]);
            in[i] = ready ? ready : scratch[i];
        }
        p->fn(n, p->out + (size_t)at * p->out_size, in, p->attr);
    }
}

/* Rows by columns of a tile: what one operand walks across is read and turned a tile at a time. */
enum { TILE_ROWS = 16, TILE_COLUMNS = BLOCK / TILE_ROWS };

/* Operand i of the tile whose first element is at this offset; returns where it lies and the stride of its rows. */
static const char *tile_of(const plan *p, int i, int64_t offset, int64_t rows, int64_t columns, uint64_t *space,
                           int64_t *row)
{
    const tp__operand *in = &p->in[i];
    int inner = p->shape.ndim - 1;
    const char *from = (const char *)in->data + offset * (int64_t)p->size[i];
    uint64_t raw[BLOCK];
    bool converts = in->dtype != p->as[i];
    if (!converts && in->stride[inner] == 1) {
        *row = in->stride[inner - 1] * (int64_t)p->size[i];
        return from;
    }
    tp__copy_plane(p->size[i], (tp__plane){rows, columns, columns, 1, in->stride[inner - 1], in->stride[inner]},
                   converts ? raw : space, from);
    if (converts)
        tp__convert(rows * columns, space, p->as[i], raw, in->dtype);
    *row = columns * (int64_t)tp_dtype_size(p->as[i]);
    return (const char *)space;
}

/* Strips [begin, end) of TILE_ROWS rows, counted through all matrices of the last two dimensions. */
static void run_tiles(int64_t begin, int64_t end, void *user)
{
    const plan *p = user;
    int inner = p->shape.ndim - 1;
    int64_t width = p->shape.dim[inner], height = p->shape.dim[inner - 1], row[TP__MAX_OPERANDS];
    int64_t strips = (height + TILE_ROWS - 1) / TILE_ROWS;
    uint64_t scratch[TP__MAX_OPERANDS][BLOCK];
    const char *tile[TP__MAX_OPERANDS];
    for (int64_t s = begin; s < end; s++) {
        int64_t first = s / strips * height + s % strips * TILE_ROWS, left = height - s % strips * TILE_ROWS;
        int64_t rows = left < TILE_ROWS ? left : TILE_ROWS;
        for (int64_t c = 0; c < width; c += TILE_COLUMNS) {
            int64_t columns = width - c < TILE_COLUMNS ? width - c : TILE_COLUMNS;
            for (int i = 0; i < p->n_in; i++) {
                int64_t offset = c * p->in[i].stride[inner] +
                                 tp__offset_at(inner, p->shape.dim, p->in[i].stride, first);
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
        int64_t row = p->in[i].stride[inner - 1], column = p->in[i].stride[inner];
        across |= row != 0 && (row < 0 ? -row : row) < (column < 0 ? -column : column);
    }
    return across && p->shape.dim[inner] >= TILE_COLUMNS && p->shape.dim[inner - 1] >= TILE_ROWS;
}

static void run_direct(int64_t begin, int64_t end, void *user)
{
    const plan *p = user;
    const void *in[TP__MAX_OPERANDS];
    for (int i = 0; i < p->n_in; i++)
        in[i] = (const char *)p->in[i].data + (size_t)begin * p->size[i];
    p->fn(end - begin, p->out + (size_t)begin * p->out_size, in, p->attr);
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
        p.in[i] = in[i];
        p.as[i] = condition && i == 0 ? in[i].dtype : compute;
        p.size[i] = tp_dtype_size(in[i].dtype);
        p.direct[i] = in[i].dtype == p.as[i] && row_major(&in[i], shape);
        all_direct &= p.direct[i];
    }
    if (all_direct) {
        tp__parallel_for(n, GRAIN, run_direct, &p);
        return;
    }
    for (int i = 0; i < n_in; i++)
        p.single[i] = one_value(&in[i], shape);
    coalesce(&p);
    if (turned(&p)) {
        int inner = p.shape.ndim - 1;
        int64_t height = p.shape.dim[inner - 1], strips = (height + TILE_ROWS - 1) / TILE_ROWS;
        tp__parallel_for(n / (height * p.shape.dim[inner]) * strips, 1 + GRAIN / (TILE_ROWS * p.shape.dim[inner]),
                         run_tiles, &p);
        return;
    }
    p.any_level = false;
    for (int i = 0; i < n_in; i++) {
        tp__layout_of(&p.layout[i], p.shape, p.in[i].stride);
        p.level[i] = !p.single[i] && p.in[i].stride[p.shape.ndim - 1] == 0;
        p.any_level |= p.level[i];
    }
    tp__parallel_for(n, GRAIN, run_blocks, &p);
}
