/* reduce.c - reductions over one dimension of strided memory.
 *
 * Defined over chunks whose bounds depend on sizes and strides alone, joined in order, floats in double: the bits
 * do not depend on the number of threads. Which chunks, for n elements a result (kernel.h: tp__reduced):
 *   a row, contiguous          TP__ROW_CHUNK elements
 *   a row, its elements apart  GATHERED elements, brought together first
 *   short rows, n <= SHORT     turned by blocks of rows, then as columns
 *   columns, `inner` of them   TP__COLUMN_CHUNK elements of each
 *   columns that lie apart     TOGETHER elements of each, brought together first
 *   few rows, n <= TP__FEW_ROWS the same, at once (sums)
 *   few long columns           as wide rows, some rows of columns each; the columns of the wide one are then joined
 */
#include "kernel/reduce.h"

#include "kernel/elementwise.h"

#include <math.h>
#include <string.h>

enum { WORK = 32768, MAX_CHUNKS = 128, WIDEST = 8, GATHERED = 512, TOGETHER = 8, SHORT = 16, WIDE = 64 };

static const tp__reducer *reducer(tp__reduction kind, tp_dtype dtype)
{
    return &TP__PICK(tp__reduce_table)->of[kind][dtype];
}

/* Is what is gathered a double (or int64_t of integers)? */
static bool gathers_wide(tp__reduction kind)
{
    return kind == TP__SUM || kind == TP__PROD || (kind >= TP__MEAN && kind <= TP__NORM_2);
}

/* What joins accumulators, as columns of elements. */
static const tp__reducer *joiner(tp__reduction kind, tp_dtype dtype)
{
    if (gathers_wide(kind))
        return reducer(kind == TP__PROD ? TP__PROD : TP__SUM, tp_dtype_is_float(dtype) ? TP_F64 : TP_I64);
    return reducer(kind, kind == TP__ALL || kind == TP__ANY ? TP_U8 : dtype);
}

typedef struct {
    const tp__reducer *r, *joins;
    tp__reduction kind;
    tp_dtype dtype;
    tp__layout outer;
    int64_t n, step, inner, apart, chunk;
    const char *in;
    char *out;
    size_t in_size, out_size;
    bool accumulate;
    char *partial; /* of the chunks of one long row */
} job;

/* Where the elements of the outer index o begin. */
static inline const char *outer_at(const job *j, int64_t o)
{
    if (j->outer.ndim == 1) /* without a division */
        return j->in + o * j->outer.stride[0] * (int64_t)j->in_size;
    return j->in + tp__offset_at(j->outer.ndim, j->outer.dim, j->outer.stride, o) * (int64_t)j->in_size;
}

/* ---- what went out of range, once more ------------------------------------------------------------------- */

static double element(const job *j, const char *in, int64_t i)
{
    const void *p = in + i * j->step * (int64_t)j->in_size;
    return j->dtype == TP_F32 ? (double)*(const float *)p : *(const double *)p;
}

static double largest(const job *j, const char *in)
{
    double top = 0;
    for (int64_t i = 0; i < j->n; i++) {
        double x = fabs(element(j, in, i));
        top = x > top || x != x ? x : top;
    }
    return top;
}

/* A sum that overflowed: of elements times 2^-64, of which there are never enough to overflow, with what each addition
 * rounds off carried on (Kahan). */
static double small_sum(const job *j, const char *in)
{
    double sum = 0, missing = 0;
    for (int64_t i = 0; i < j->n; i++) {
        double x = element(j, in, i) * 0x1p-64;
        x = j->kind == TP__NANSUM && x != x ? 0 : x;
        double term = (j->kind == TP__NORM_1 ? fabs(x) : x) - missing;
        double next = sum + term;
        missing = fabs(next) < (double)INFINITY ? next - sum - term : 0;
        sum = next;
    }
    return (j->kind == TP__MEAN ? sum / (double)j->n : sum) * 0x1p64;
}

/* The root of squares that left the range, for that of elements with the largest near 1. */
static double scaled_root(const job *j, const char *in)
{
    double top = largest(j, in), sum = 0;
    int e;
    if (!(top > 0 && top < (double)INFINITY))
        return top;
    frexp(top, &e);
    e = e < -1000 ? -1000 : e;
    double scale = ldexp(1, -e);
    for (int64_t i = 0; i < j->n; i++) {
        double x = element(j, in, i) * scale;
        sum += x * x;
    }
    return ldexp(sqrt(sum), e);
}

/* Is a sum of squares what it should be? Below 2^-900 it may miss some that went below the range; those of float32 are in
 * range always. */
static bool sound(const job *j, double squares)
{
    return j->dtype == TP_F32 || (squares >= 0x1p-900 && squares < (double)INFINITY) || squares != squares;
}

/* The result, of what was gathered of the elements at `in`. */
static double finished(const job *j, double sum, const char *in)
{
    if (j->kind == TP__NORM_2)
        return sound(j, sum) ? sqrt(sum) : scaled_root(j, in);
    if (j->kind == TP__PROD || fabs(sum) < (double)INFINITY)
        return j->kind == TP__MEAN ? sum / (double)j->n : sum;
    return small_sum(j, in);
}

/* An accumulator to an element of the output; `in`: the first element that went into it. */
static void put(const job *j, const char *acc, char *out, const char *in)
{
    if (!gathers_wide(j->kind)) {
        memcpy(out, acc, j->r->size);
    } else if (!tp_dtype_is_float(j->dtype)) {
        memcpy(out, acc, sizeof(int64_t));
    } else {
        double v = finished(j, *(const double *)(const void *)acc, in);
        if (j->dtype == TP_F32)
            *(float *)(void *)out = j->accumulate ? *(float *)(void *)out + (float)v : (float)v;
        else
            *(double *)(void *)out = j->accumulate ? *(double *)(void *)out + v : v;
    }
}

/* Sums as means, where all are finite. */
static bool put_means(const job *j, int64_t count, const double *v, char *out)
{
    const double n = (double)j->n;
    bool all = !j->accumulate;
    for (int64_t c = 0; c < count; c++)
        all &= fabs(v[c]) < (double)INFINITY;
    for (int64_t c = 0; c < count && all; c++)
        if (j->dtype == TP_F32)
            ((float *)(void *)out)[c] = (float)(v[c] / n);
        else
            ((double *)(void *)out)[c] = v[c] / n;
    return all;
}

/* The roots of sums of squares, where all are sound. */
static bool put_roots(const job *j, int64_t count, const double *v, char *out)
{
    bool all = !j->accumulate;
    for (int64_t c = 0; c < count && j->dtype == TP_F64; c++)
        all &= sound(j, v[c]);
    for (int64_t c = 0; c < count && all; c++)
        if (j->dtype == TP_F32)
            ((float *)(void *)out)[c] = (float)sqrt(v[c]);
        else
            ((double *)(void *)out)[c] = sqrt(v[c]);
    return all;
}

/* Accumulators to a run of results; `in`: the first element that went into the first, the next ones `apart` on. */
static void put_all(const job *j, int64_t count, const char *acc, char *out, const char *in, int64_t apart)
{
    if (!gathers_wide(j->kind) || !tp_dtype_is_float(j->dtype)) {
        memcpy(out, acc, (size_t)count * j->r->size);
        return;
    }
    const double *v = (const void *)acc;
    if ((j->kind == TP__NORM_2 && put_roots(j, count, v, out)) || (j->kind == TP__MEAN && put_means(j, count, v, out)))
        return;
    bool plain = !j->accumulate && (j->kind == TP__SUM || j->kind == TP__PROD);
    if (plain && j->dtype == TP_F32 &&
        (TP__PICK(tp__reduce_table)->narrow(count, v, (void *)out) || j->kind == TP__PROD))
        return;
    for (int64_t c = 0; c < count && j->kind != TP__PROD; c++)
        plain &= fabs(v[c]) < (double)INFINITY;
    if (plain && j->dtype == TP_F64)
        memcpy(out, v, (size_t)count * sizeof *v);
    else
        for (int64_t c = 0; c < count; c++)
            put(j, (const char *)&v[c], out + (size_t)c * j->out_size, in + c * apart * (int64_t)j->in_size);
}

/* ---- rows ---------------------------------------------------------------------------------------------------- */

/* n elements of a row, `step` apart. */
static void row_into(const job *j, const char *in, int64_t n, char *acc)
{
    double together[GATHERED];
    int64_t chunk = j->step == 1 ? TP__ROW_CHUNK : GATHERED;
    for (int64_t at = 0; at < n; at += chunk) {
        int64_t m = n - at < chunk ? n - at : chunk;
        const void *from = in + at * j->step * (int64_t)j->in_size;
        if (j->step != 1) {
            tp__copy_run(j->in_size, m, together, 1, from, j->step);
            from = together;
        }
        j->r->row(m, from, acc);
    }
}

static void rows_range(int64_t begin, int64_t end, void *user)
{
    const job *j = user;
    const int last = j->outer.ndim - 1;
    const int64_t apart = j->outer.stride[last];
    double space[TP__COLUMNS];
    char *acc = (char *)space;
    for (int64_t o = begin, m; o < end; o += m) {
        const char *in = outer_at(j, o);
        m = j->outer.dim[last] - o % j->outer.dim[last];
        m = m < end - o ? m : end - o;
        m = m < TP__COLUMNS ? m : TP__COLUMNS;
        if (j->step == 1 && j->n <= TP__ROW_CHUNK)
            j->r->rows(m, apart, j->n, in, acc);
        for (int64_t r = 0; r < m && (j->step != 1 || j->n > TP__ROW_CHUNK); r++) {
            j->r->start(acc + (size_t)r * j->r->size);
            row_into(j, in + r * apart * (int64_t)j->in_size, j->n, acc + (size_t)r * j->r->size);
        }
        put_all(j, m, acc, j->out + (size_t)o * j->out_size, in, apart);
    }
}

/* Rows of a few elements: those that are one stride apart, turned into columns side by side. */
static void short_rows_range(int64_t begin, int64_t end, void *user)
{
    const job *j = user;
    int last = j->outer.ndim - 1;
    int64_t apart = j->outer.stride[last];
    double turned[SHORT * TP__COLUMNS], space[TP__COLUMNS];
    char *acc = (char *)space;
    for (int64_t o = begin, m; o < end; o += m) {
        int64_t left = j->outer.dim[last] - o % j->outer.dim[last];
        const char *in = outer_at(j, o);
        m = left < end - o ? left : end - o;
        m = m < TP__COLUMNS ? m : TP__COLUMNS;
        if (apart != 1)
            tp__copy_plane(j->in_size, (tp__plane){j->n, m, TP__COLUMNS, 1, j->step, apart}, turned, in);
        j->r->columns(j->n, apart == 1 ? j->step : TP__COLUMNS, m, apart == 1 ? (const void *)in : turned, acc, true);
        put_all(j, m, acc, j->out + (size_t)o * j->out_size, in, apart);
    }
}

static void chunks_range(int64_t begin, int64_t end, void *user)
{
    const job *j = user;
    for (int64_t k = begin; k < end; k++) {
        int64_t at = k * j->chunk, n = j->n - at < j->chunk ? j->n - at : j->chunk;
        char *acc = j->partial + k * WIDEST;
        j->r->start(acc);
        row_into(j, j->in + at * j->step * (int64_t)j->in_size, n, acc);
    }
}

/* One long row, by at most MAX_CHUNKS stretches of whole chunks. */
static void long_row(job j, int64_t o)
{
    double partial[MAX_CHUNKS], acc;
    int64_t chunks = (j.n + TP__ROW_CHUNK - 1) / TP__ROW_CHUNK;
    j.chunk = (chunks + MAX_CHUNKS - 1) / MAX_CHUNKS * TP__ROW_CHUNK;
    j.partial = (char *)partial;
    j.in = outer_at(&j, o);
    chunks = (j.n + j.chunk - 1) / j.chunk;
    tp__parallel_for(chunks, 1 + (WORK - 1) / j.chunk, chunks_range, &j);
    j.r->start(&acc);
    for (int64_t k = 0; k < chunks; k++)
        j.r->join(j.partial + k * WIDEST, &acc);
    put(&j, (char *)&acc, j.out + (size_t)o * j.out_size, j.in);
}

/* ---- columns --------------------------------------------------------------------------------------------------- */

/* `rows` rows of `width` columns, `stride` apart, taken into acc. */
static void columns_into(const job *j, int64_t rows, int64_t stride, int64_t width, const char *in, char *acc)
{
    int64_t at = 0;
    do
        j->r->columns(rows - at < TP__COLUMN_CHUNK ? rows - at : TP__COLUMN_CHUNK, stride, width,
                      in + at * stride * (int64_t)j->in_size, acc, at == 0);
    while ((at += TP__COLUMN_CHUNK) < rows);
}

/* The same of columns that are no neighbours, which are brought together. */
static void columns_apart_into(const job *j, int64_t width, const char *in, char *acc)
{
    double together[TOGETHER * TP__COLUMNS];
    for (int64_t at = 0, m; at < j->n; at += m) {
        m = j->n - at < TOGETHER ? j->n - at : TOGETHER;
        tp__copy_plane(j->in_size, (tp__plane){m, width, TP__COLUMNS, 1, j->step, j->apart}, together,
                       in + at * j->step * (int64_t)j->in_size);
        j->r->columns(m, TP__COLUMNS, width, together, acc, at == 0);
    }
}

/* Few columns and many rows without gaps, as wide rows of `fold` rows each; acc has a place for each of theirs. */
static void narrow_columns_into(const job *j, int64_t fold, const char *in, char *acc)
{
    int64_t width = j->inner, wide = j->n / fold, over = j->n % fold * width;
    columns_into(j, wide, fold * width, fold * width, in, acc);
    if (over > 0)
        j->r->columns(1, over, over, in + wide * fold * width * (int64_t)j->in_size, acc, false);
    /* what was gathered is reduced as elements of its own dtype */
    j->joins->columns(fold - 1, width, width, acc + (size_t)width * j->r->size, acc, false);
}

/* Blocks of columns [begin, end), numbered through all outer slices. */
static void columns_range(int64_t begin, int64_t end, void *user)
{
    const job *j = user;
    int64_t blocks = (j->inner + TP__COLUMNS - 1) / TP__COLUMNS;
    int64_t fold = j->step == j->inner && j->apart == 1 ? WIDE / j->inner : 1;
    bool narrow = fold > 1 && j->n >= 2 * fold;
    double space[TP__COLUMNS];
    char *acc = (char *)space;
    for (int64_t b = begin; b < end; b++) {
        int64_t outer = b / blocks, column = b % blocks * TP__COLUMNS;
        int64_t width = j->inner - column < TP__COLUMNS ? j->inner - column : TP__COLUMNS;
        const char *in = outer_at(j, outer) + column * j->apart * (int64_t)j->in_size;
        if (j->apart != 1)
            columns_apart_into(j, width, in, acc);
        else if (narrow)
            narrow_columns_into(j, fold, in, acc);
        else
            columns_into(j, j->n, j->step, width, in, acc);
        put_all(j, width, acc, j->out + (size_t)(outer * j->inner + column) * j->out_size, in, j->apart);
    }
}

/* Sums of few rows: blocks [block, block + m) of columns of an outer slice, straight to where they belong. False, and nothing is
 * there yet, where one is not finite. */
static bool few_rows_into(const job *j, int64_t outer, int64_t block, int64_t m)
{
    int64_t column = block * TP__COLUMNS;
    int64_t width = j->inner - column < m * TP__COLUMNS ? j->inner - column : m * TP__COLUMNS;
    return TP__PICK(tp__reduce_table)
        ->few_rows[j->dtype == TP_F64](j->n, j->step, width, outer_at(j, outer) + (size_t)column * j->in_size,
                                       j->out + (size_t)(outer * j->inner + column) * j->out_size);
}

/* As many blocks at once as there are; where one is not finite, each for itself, so that the bits of the others do not go by who
 * shares a call with it, and that one as above. */
static void few_rows_range(int64_t begin, int64_t end, void *user)
{
    const job *j = user;
    const int64_t blocks = (j->inner + TP__COLUMNS - 1) / TP__COLUMNS;
    for (int64_t b = begin, m; b < end; b += m) {
        m = blocks - b % blocks < end - b ? blocks - b % blocks : end - b;
        bool finite = few_rows_into(j, b / blocks, b % blocks, m);
        for (int64_t i = b; i < b + m && !finite; i++)
            if (!few_rows_into(j, i / blocks, i % blocks, 1))
                columns_range(i, i + 1, user);
    }
}

/* ---- which of these ---------------------------------------------------------------------------------------------- */

void tp__reduce_strided(tp__reduction kind, tp_dtype dtype, const tp__reduced *shape, const void *in, void *out,
                        bool accumulate)
{
    bool wide = gathers_wide(kind);
    job j = {.r = reducer(kind, dtype),
             .joins = joiner(kind, dtype),
             .kind = kind,
             .dtype = dtype,
             .n = shape->n,
             .step = shape->step,
             .inner = shape->inner,
             .apart = shape->apart,
             .in = in,
             .out = out,
             .in_size = tp_dtype_size(dtype),
             .accumulate = accumulate};
    int64_t n = j.n, outer = tp__layout_of(&j.outer, shape->outer, shape->outer_stride);
    j.out_size = wide && !tp_dtype_is_float(dtype) ? sizeof(int64_t) : wide ? j.in_size : j.r->size;
    if (outer == 0 || j.inner == 0)
        return;
    bool few = kind == TP__SUM && tp_dtype_is_float(dtype) && n > 1 && n <= TP__FEW_ROWS && !accumulate && j.apart == 1;
    int last = j.outer.ndim - 1;
    if (few && j.inner == 1 && j.outer.stride[last] == 1) { /* results side by side are columns, too */
        j.inner = j.outer.dim[last];
        j.outer.dim[last] = j.outer.stride[last] = 1;
        outer /= j.inner;
    }
    if (j.inner > 1)
        tp__parallel_for(outer * ((j.inner + TP__COLUMNS - 1) / TP__COLUMNS), 1 + WORK / TP__COLUMNS / (n + 1),
                         few && j.inner >= WIDE ? few_rows_range : columns_range, &j);
    else if (n > WORK)
        for (int64_t o = 0; o < outer; o++)
            long_row(j, o);
    else
        tp__parallel_for(outer, 1 + WORK / (n + 1), n <= SHORT ? short_rows_range : rows_range, &j);
}

void tp__reduce(tp__reduction kind, tp_dtype dtype, int64_t outer, int64_t n, int64_t inner, const void *in, void *out,
                bool accumulate)
{
    tp__reduced shape = {{1, {outer}}, {n * inner}, n, inner, inner, 1};
    tp__reduce_strided(kind, dtype, &shape, in, out, accumulate);
}

/* ---- norms of any order ---------------------------------------------------------------------------------- */

/* (sum |x|^p)^(1/p) = m (sum (|x| / m)^p)^(1/p), with m the largest |x| for p > 0, the smallest for p < 0: no quotient
 * above (below) 1, and one that is 1. */
typedef struct {
    job j;
    double p;
    tp__block_fn power;
} norm_job;

static double smallest(const job *j, const char *in)
{
    double least = (double)INFINITY;
    for (int64_t i = 0; i < j->n; i++) {
        double x = fabs(element(j, in, i));
        least = x < least || x != x ? x : least;
    }
    return least;
}

static double norm_p(const norm_job *w, const char *in)
{
    enum { BLOCK = 512 };
    const job *j = &w->j;
    double m = w->p > 0 ? largest(j, in) : smallest(j, in), block[BLOCK], powers[BLOCK], sum = 0;
    if (!(m > 0 && m < (double)INFINITY))
        return m;
    for (int64_t at = 0; at < j->n; at += BLOCK) {
        int64_t n = j->n - at < BLOCK ? j->n - at : BLOCK;
        for (int64_t i = 0; i < n; i++)
            block[i] = fabs(element(j, in, at + i)) / m;
        w->power(n, powers, (const void *[1]){block}, &w->p);
        for (int64_t i = 0; i < n; i++)
            sum += powers[i];
    }
    double half = pow(sum, 0.5 / w->p); /* the whole power may be out of range where m takes it back */
    return half * m * half;
}

static void norms_range(int64_t begin, int64_t end, void *user)
{
    const norm_job *w = user;
    const job *j = &w->j;
    for (int64_t k = begin; k < end; k++) {
        const char *in = outer_at(j, k / j->inner) + k % j->inner * j->apart * (int64_t)j->in_size;
        tp__store(j->out + (size_t)k * j->out_size, j->dtype, norm_p(w, in));
    }
}

void tp__norm_p(double p, tp_dtype dtype, const tp__reduced *shape, const void *in, void *out)
{
    norm_job w = {
        .j = {.dtype = dtype, .n = shape->n, .step = shape->step, .inner = shape->inner, .in = in, .out = out}, .p = p};
    w.j.apart = shape->apart;
    int64_t outer = tp__layout_of(&w.j.outer, shape->outer, shape->outer_stride);
    w.j.in_size = w.j.out_size = tp_dtype_size(dtype);
    w.power = TP__FN(pow_scalar, TP_F64);
    tp__parallel_for(outer * w.j.inner, 1 + WORK / 16 / (w.j.n + 1), norms_range, &w);
}

static void slopes_range(int64_t begin, int64_t end, void *user)
{
    const tp__slopes *w = user;
    const tp__reduce_table *t = TP__PICK(tp__reduce_table);
    const int64_t row = w->inner == 1 ? w->n : w->inner;
    for (int64_t at = begin, m; at < end; at += m) {
        int64_t left = row - at % row, r = at / row, step = w->inner > 1;
        m = left < end - at ? left : end - at;
        if (step == 0 && (w->p == 1 || w->p == 2)) {
            t->row_slope[w->dtype == TP_F64](w, at, m, r);
            continue;
        }
        m = m < TP__SLOPES ? m : TP__SLOPES;
        t->slope[w->dtype == TP_F64](w, at, m, step ? r / w->n * w->inner + at % row : r, step);
    }
}

void tp__norm_backward(double p, tp_dtype dtype, int64_t outer, int64_t n, int64_t inner, const void *x, const void *y,
                       const void *g, void *gx, bool accumulate)
{
    tp__slopes w = {p, dtype, n, inner, x, y, g, gx, accumulate, TP__FN(pow_scalar, dtype)};
    tp__parallel_for(outer * n * inner, WORK, slopes_range, &w);
}

/* ---- where the largest is ---------------------------------------------------------------------------------- */

/* The largest is found first, then the first element that equals it. */
typedef struct {
    const tp__finder *f;
    const char *in;
    char *out;
    int64_t *index, n, inner;
    size_t size;
} arg_job;

static void arg_rows(int64_t begin, int64_t end, void *user)
{
    const arg_job *j = user;
    for (int64_t k = begin; k < end; k++) {
        const char *in = j->in + (size_t)(k * j->n) * j->size;
        char *best = j->out + (size_t)k * j->size;
        j->index[k] = j->f->row(j->n, in, best);
        memcpy(best, in + (size_t)j->index[k] * j->size, j->size); /* a zero has the first one's sign */
    }
}

/* Columns [begin, end), numbered through all outer slices. */
static void arg_columns(int64_t begin, int64_t end, void *user)
{
    const arg_job *j = user;
    for (int64_t at = begin, m; at < end; at += m) {
        int64_t left = j->inner - at % j->inner;
        const char *in = j->in + (size_t)(at / j->inner * j->n * j->inner + at % j->inner) * j->size;
        m = left < end - at ? left : end - at;
        m = m < TP__COLUMNS ? m : TP__COLUMNS;
        j->f->columns(j->n, j->inner, m, in, j->out + (size_t)at * j->size, j->index + at);
        for (int64_t c = 0; c < m; c++)
            memcpy(j->out + (size_t)(at + c) * j->size, in + (size_t)(j->index[at + c] * j->inner + c) * j->size,
                   j->size);
    }
}

void tp__reduce_arg(tp__reduction kind, tp_dtype dtype, int64_t outer, int64_t n, int64_t inner, const void *in,
                    void *out, int64_t *index)
{
    arg_job j = {&TP__PICK(tp__reduce_table)->find[dtype], in, out, index, n, inner, tp_dtype_size(dtype)};
    tp__reduce(kind, dtype, outer, n, inner, in, out, false);
    tp__parallel_for(outer * inner, 1 + WORK / n, inner > 1 ? arg_columns : arg_rows, &j);
}

/* gx (+)= g at the places */
typedef struct {
    const char *g;
    char *gx;
    const int64_t *index;
    int64_t n, inner;
    size_t size;
    bool accumulate;
} place_job;

/* Some slices at a time, that are in cache when g comes to them. */
static void places_range(int64_t begin, int64_t end, void *user)
{
    const place_job *j = user;
    const int64_t slice = j->n * j->inner, some = 1 + WORK / (8 * slice);
    for (int64_t o = begin, stop; o < end; o = stop) {
        stop = end - o < some ? end : o + some;
        if (!j->accumulate)
            memset(j->gx + (size_t)(o * slice) * j->size, 0, (size_t)((stop - o) * slice) * j->size);
        for (int64_t k = o * j->inner; k < stop * j->inner; k++) {
            int64_t to = (k / j->inner * j->n + j->index[k]) * j->inner + k % j->inner;
            if (j->size == sizeof(float))
                ((float *)(void *)j->gx)[to] += ((const float *)(const void *)j->g)[k];
            else
                ((double *)(void *)j->gx)[to] += ((const double *)(const void *)j->g)[k];
        }
    }
}

void tp__arg_backward(tp_dtype dtype, int64_t outer, int64_t n, int64_t inner, const int64_t *index, const void *g,
                      void *gx, bool accumulate)
{
    place_job j = {g, gx, index, n, inner, tp_dtype_size(dtype), accumulate};
    if (n * inner > 0)
        tp__parallel_for(outer, 1 + WORK / (n * inner + 1), places_range, &j);
}
