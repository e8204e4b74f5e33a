/* strided.c - adding to, or writing, places that strides describe, one after another. */
#include "kernel/strided.h"

enum { STRIP = 64, GRAIN = 32768 };

/* clang-format off */
#define ADD_RUN(name, type)                                                                        \
    static void name(int64_t n, void *out, int64_t to, const void *in, int64_t from)               \
    { type *o = out; const type *a = in;                                                           \
      if (to == 1 && from == 1) for (int64_t i = 0; i < n; i++) o[i] += a[i];                      \
      else if (to == 1 && from == 0) { type x = *a; for (int64_t i = 0; i < n; i++) o[i] += x; }                \
      else for (int64_t i = 0; i < n; i++) o[i * to] += a[i * from]; }
ADD_RUN(add_run_f32, float)
ADD_RUN(add_run_f64, double)
/* clang-format on */

/* Many short rows go by strips, column by column. */
void tp__add_strided(tp_dtype dtype, tp_dims shape, void *out, const int64_t *stride, const void *in)
{
    tp__layout l;
    tp__piece p;
    int64_t left = tp__layout_of(&l, shape, stride), position = 0, size = (int64_t)tp_dtype_size(dtype);
    int64_t row = l.ndim > 1 ? l.stride[l.ndim - 2] : 0, column = l.stride[l.ndim - 1];
    void (*add)(int64_t, void *, int64_t, const void *, int64_t) = dtype == TP_F32 ? add_run_f32 : add_run_f64;
    for (const char *from = in; tp__next_piece(&l, &position, &left, &p); from += p.rows * p.columns * size) {
        char *to = (char *)out + p.offset * size;
        if (p.columns > STRIP / 4 || p.columns > p.rows) {
            for (int64_t r = 0; r < p.rows; r++)
                add(p.columns, to + r * row * size, column, from + r * p.columns * size, 1);
            continue;
        }
        for (int64_t r = 0; r < p.rows; r += STRIP)
            for (int64_t c = 0; c < p.columns; c++)
                add(p.rows - r < STRIP ? p.rows - r : STRIP, to + (r * row + c * column) * size, row,
                    from + (r * p.columns + c) * size, p.columns);
    }
}

void tp__put_strided(tp_dims shape, void *out, const int64_t *stride, const void *in, tp_dtype dtype)
{
    int last = shape.ndim - 1;
    int64_t rows = 1, row = last >= 0 ? shape.dim[last] : 1, step = last >= 0 ? stride[last] : 1;
    int64_t size = (int64_t)tp_dtype_size(dtype);
    for (int d = 0; d < last; d++)
        rows *= shape.dim[d];
    for (int64_t r = 0; r < rows && row > 0; r++)
        tp__copy_run((size_t)size, row, (char *)out + tp__offset_at(last, shape.dim, stride, r) * size, step,
                     (const char *)in + r * row * size, 1);
}

typedef struct {
    void (*add)(int64_t n, void *out, int64_t to, const void *in, int64_t from); /* NULL: copy */
    size_t size;
    int outer; /* dimensions before the last */
    tp_dims shape;
    const int64_t *to, *from;
    char *out;
    const char *in;
} moving;

static void move_range(int64_t begin, int64_t end, void *user)
{
    const moving *m = user;
    int64_t row = m->shape.dim[m->outer], size = (int64_t)m->size, to = m->to[m->outer], from = m->from[m->outer];
    for (int64_t at = begin, n; at < end; at += n) {
        int64_t column = at % row, r = at / row;
        char *out = m->out + (tp__offset_at(m->outer, m->shape.dim, m->to, r) + column * to) * size;
        const char *in = m->in + (tp__offset_at(m->outer, m->shape.dim, m->from, r) + column * from) * size;
        n = row - column < end - at ? row - column : end - at;
        if (m->add)
            m->add(n, out, to, in, from);
        else
            tp__copy_run(m->size, n, out, to, in, from);
    }
}

void tp__move_strided(bool add, tp_dtype dtype, tp_dims shape, void *out, const int64_t *to, const void *in,
                      const int64_t *from)
{
    static const int64_t one = 1;
    moving m = {
        !add ? NULL : dtype == TP_F32 ? add_run_f32 : add_run_f64, tp_dtype_size(dtype), 0, shape, to, from, out, in};
    int64_t n = 1;
    for (int d = 0; d < shape.ndim; d++)
        n *= shape.dim[d];
    if (shape.ndim == 0) {
        m.shape = (tp_dims){1, {1}};
        m.to = m.from = &one;
    }
    m.outer = m.shape.ndim - 1;
    if (n > 0)
        tp__parallel_for(n, GRAIN, move_range, &m);
}
