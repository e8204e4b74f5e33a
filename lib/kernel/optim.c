/* optim.c - the optimizers' updates, in ranges. */
#include "kernel/optim.h"

enum { GRAIN = 65536 }; /* fewer elements stay in the cache of the core that computes with them next */

typedef struct {
    tp__update_fn fn;
    size_t size;
    const void *u;
    void *const *at;
    const int64_t *rows;
    int64_t columns;
} job;

static void range(int64_t begin, int64_t end, void *user)
{
    const job *j = user;
    void *at[2 + TP__UPDATE_STATES];
    for (int i = 0; i < 2 + TP__UPDATE_STATES; i++)
        at[i] = j->at[i] ? (char *)j->at[i] + (size_t)begin * j->size : NULL;
    j->fn(j->u, end - begin, at);
}

void tp__update(const tp__update_table *table, tp_dtype dtype, const void *u, int64_t n, void *const *at)
{
    job j = {table->of[dtype == TP_F64], tp_dtype_size(dtype), u, at, NULL, 0};
    tp__parallel_for(n, GRAIN, range, &j);
}

static void some_rows(int64_t begin, int64_t end, void *user)
{
    enum { AHEAD = 4 };
    const job *j = user;
    size_t bytes = (size_t)j->columns * j->size;
    for (int64_t k = begin; k < end; k++) {
        void *at[2 + TP__UPDATE_STATES];
        for (int i = 0; i < 2 + TP__UPDATE_STATES; i++) {
            at[i] = j->at[i] ? (char *)j->at[i] + (size_t)j->rows[k] * bytes : NULL;
            if (at[i] && k + AHEAD < end)
                tp__prefetch(j->at[i], j->rows[k + AHEAD] * j->columns, j->columns, j->size);
        }
        j->fn(j->u, j->columns, at);
    }
}

void tp__update_at(const tp__update_table *table, tp_dtype dtype, const void *u, int64_t count, const int64_t *rows,
                   int64_t columns, void *const *at)
{
    job j = {table->of[dtype == TP_F64], tp_dtype_size(dtype), u, at, rows, columns};
    if (columns > 0)
        tp__parallel_for(count, 1 + GRAIN / columns, some_rows, &j);
}
