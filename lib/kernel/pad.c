/* pad.c - padding by whole rows: a copy of what is x's own, and few elements on both sides of it. */
#include "kernel/pad.h"

#include <string.h>

enum { WORK = 32768 };

typedef struct {
    const tp__padding *p;
    int64_t back; /* elements behind the middle */
    tp__bits128 value;
} job;

/* A row from x's row, or of the value alone, where there is none. Few elements are copied without a call. */
/* clang-format off */
#define ROW(size, type)                                                                            \
    static void row##size(const job *j, const void *from, void *to)                                \
    { const tp__padding *p = j->p; const type *x = from; type *restrict y = to, value;             \
      const int64_t *edges = p->edges, *late = edges ? edges + p->front : NULL;                    \
      memcpy(&value, &j->value, sizeof value);                                                     \
      if (x == NULL) {                                                                             \
          for (int64_t i = 0; i < p->n[p->ndim - 1]; i++) y[i] = value;                            \
          return;                                                                                  \
      }                                                                                            \
      for (int64_t i = 0; i < p->front; i++) y[i] = edges ? x[edges[i]] : value;                   \
      if (p->middle < 16) for (int64_t i = 0; i < p->middle; i++) y[p->front + i] = x[p->skip + i]; \
      else tp__copy_bytes(y + p->front, x + p->skip, (size_t)p->middle * sizeof *y);               \
      y += p->front + p->middle;                                                                   \
      for (int64_t i = 0; i < j->back; i++) y[i] = edges ? x[late[i]] : value; }
#define OF_SIZE(size, type) ROW(size, type)
TP__SIZE_LIST(OF_SIZE)
#undef OF_SIZE
/* clang-format on */

static void (*const row_of_size[])(const job *, const void *, void *) = {
#define OF_SIZE(size, type) row##size,
    TP__SIZE_LIST(OF_SIZE)
#undef OF_SIZE
};

/* Which row of x belongs to the indices of the first `d` dimensions, as all are numbered; -1: none. */
static void rows_from(const tp__padding *p, const int64_t *index, int from, int64_t *row)
{
    for (int d = from; d < p->ndim - 1; d++) {
        int64_t i = p->source[d] ? p->source[d][index[d]] : index[d];
        row[d + 1] = row[d] < 0 || i < 0 ? -1 : row[d] * p->in[d] + i;
    }
}

static void pad_range(int64_t begin, int64_t end, void *user)
{
    const job *j = user;
    const tp__padding *p = j->p;
    int last = p->ndim - 1;
    size_t size = tp_dtype_size(p->dtype), n = (size_t)p->n[last] * size, in = (size_t)p->in[last] * size;
    int64_t index[TP_MAX_DIMS + 1], row[TP_MAX_DIMS + 1] = {0}, rest = begin;
    for (int d = last - 1; d >= 0; d--) {
        index[d] = rest % p->n[d];
        rest /= p->n[d];
    }
    rows_from(p, index, 0, row);
    for (int64_t r = begin; r < end; r++) {
        const char *x = row[last] < 0 ? NULL : (const char *)p->x + (size_t)row[last] * in;
        int d = last - 1;
        row_of_size[tp__size_place(size)](j, x, (char *)p->y + (size_t)r * n);
        for (; d >= 0 && ++index[d] == p->n[d]; d--)
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
