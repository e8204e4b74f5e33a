/* pad.c - padding by whole rows: a copy of what is x's own, and few elements on both sides of it. Rows that follow each other
 * in x, too, are made in one loop. */
#include "kernel/pad.h"

#include <string.h>

enum { WORK = 32768 };

typedef struct {
    const tp__padding *p;
    int64_t back; /* elements behind the middle */
    tp__bits128 value;
} job;

/* Rows that lie one behind the other on both sides: their middles, then what is before and behind these, column by column. */
/* clang-format off */
#define ROWS(size, type)                                                                           \
    static void rows##size(const job *j, int64_t count, const void *from, void *to)                \
    { const tp__padding *p = j->p; const type *x = from; type *y = to, value;                      \
      int64_t n = p->n[p->ndim - 1], in = p->in[p->ndim - 1], around = p->front + j->back;         \
      memcpy(&value, &j->value, sizeof value);                                                     \
      tp__copy_plane(size, (tp__plane){count, p->middle, n, 1, in, 1}, y + p->front, x + p->skip); \
      for (int64_t i = 0; i < around; i++) {                                                       \
          type *column = y + (i < p->front ? i : i + p->middle);                                   \
          const type *edge = p->edges ? x + p->edges[i] : NULL;                                    \
          for (int64_t r = 0; r < (edge ? count : 0); r++) column[r * n] = edge[r * in];           \
          for (int64_t r = 0; r < (edge ? 0 : count); r++) column[r * n] = value;                  \
      } }
#define OF_SIZE(size, type) ROWS(size, type)
TP__SIZE_LIST(OF_SIZE)
#undef OF_SIZE
/* clang-format on */

static void (*const rows_of_size[])(const job *, int64_t, const void *, void *) = {
#define OF_SIZE(size, type) rows##size,
    TP__SIZE_LIST(OF_SIZE)
#undef OF_SIZE
};

static int64_t source_at(const tp__padding *p, int d, int64_t i) { return p->source[d] ? p->source[d][i] : i; }

/* row[d + 1]: which row of x belongs to the indices of dimensions up to d, as all are numbered; -1: none. */
static void rows_from(const tp__padding *p, const int64_t *index, int from, int64_t *row)
{
    for (int d = from; d < p->ndim - 1; d++) {
        int64_t i = source_at(p, d, index[d]);
        row[d + 1] = row[d] < 0 || i < 0 ? -1 : row[d] * p->in[d] + i;
    }
}

/* Of `most` rows from index i along dimension d on, as many as are of the value like the first, or follow each other in x. */
static int64_t run_of(const tp__padding *p, int d, int64_t i, int64_t most, bool inside)
{
    int64_t n = 1, first = source_at(p, d, i);
    if (p->source[d] == NULL || !inside)
        return most;
    for (; n < most && p->source[d][i + n] == (first < 0 ? -1 : first + n); n++)
        ;
    return n;
}

static void pad_range(int64_t begin, int64_t end, void *user)
{
    const job *j = user;
    const tp__padding *p = j->p;
    int last = p->ndim - 1;
    size_t size = tp_dtype_size(p->dtype), n = (size_t)p->n[last] * size, in = (size_t)p->in[last] * size;
    int64_t index[TP_MAX_DIMS + 1] = {0}, row[TP_MAX_DIMS + 1] = {0}, rest = begin;
    for (int d = last - 1; d >= 0; d--) {
        index[d] = rest % p->n[d];
        rest /= p->n[d];
    }
    rows_from(p, index, 0, row);
    for (int64_t r = begin, m; r < end; r += m) {
        int64_t left = last ? p->n[last - 1] - index[last - 1] : 1;
        char *y = (char *)p->y + (size_t)r * n;
        int d = last - 1;
        left = left < end - r ? left : end - r;
        m = last ? run_of(p, last - 1, index[last - 1], left, row[last - 1] >= 0) : 1;
        if (row[last] < 0)
            tp__copy_run(size, m * p->n[last], y, 1, &j->value, 0);
        else
            rows_of_size[tp__size_place(size)](j, m, (const char *)p->x + (size_t)row[last] * in, y);
        for (index[d < 0 ? 0 : d] += m - 1; d >= 0 && ++index[d] == p->n[d]; d--)
            index[d] = 0;
        if (d >= 0)
            rows_from(p, index, d, row);
    }
}

void tp__pad(const tp__padding *p)
{
    job j = {.p = p, .back = p->n[p->ndim - 1] - p->front - p->middle};
    int64_t rows = 1;
    for (int d = 0; d < p->ndim - 1; d++)
        rows *= p->n[d];
    tp__store(&j.value, p->dtype, p->value);
    tp__parallel_for(rows, 1 + WORK / (p->n[p->ndim - 1] + 1), pad_range, &j);
}
