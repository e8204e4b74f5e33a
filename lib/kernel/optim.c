/* optim.c - the optimizers' updates, in ranges. */
#include "kernel/optim.h"

enum { GRAIN = 65536 }; /* fewer elements stay in the cache of the core that computes with them next */

typedef struct {
    tp__update_fn fn;
    size_t size;
    const void *u;
    void *const *at;
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
    job j = {table->of[dtype == TP_F64], tp_dtype_size(dtype), u, at};
    tp__parallel_for(n, GRAIN, range, &j);
}
