/* optim.c - the optimizers' updates, in ranges, on the loops for this machine. */
#include "kernel/optim.h"

enum { GRAIN = 65536 }; /* fewer elements stay in the cache of the core that computes with them next */

typedef struct {
    const tp__sgd_update *sgd;
    const tp__adam_update *adam;
    tp_dtype dtype;
    char *p, *v, *m, *largest;
    const char *g;
} job;

static char *at(char *base, int64_t i, tp_dtype dtype) { return base ? base + (size_t)i * tp_dtype_size(dtype) : NULL; }

static void range(int64_t begin, int64_t end, void *user)
{
    const job *j = user;
    tp_dtype t = j->dtype;
    const char *g = j->g + (size_t)begin * tp_dtype_size(t);
    if (j->sgd)
        TP__PICK(tp__update_table)->sgd[t == TP_F64](j->sgd, end - begin, at(j->p, begin, t), g, at(j->v, begin, t));
    else
        TP__PICK(tp__update_table)
            ->adam[t == TP_F64](j->adam, end - begin, at(j->p, begin, t), g, at(j->m, begin, t), at(j->v, begin, t),
                                at(j->largest, begin, t));
}

void tp__sgd(tp_dtype dtype, const tp__sgd_update *u, int64_t n, void *p, const void *g, void *v)
{
    job j = {.sgd = u, .dtype = dtype, .p = p, .g = g, .v = v};
    tp__parallel_for(n, GRAIN, range, &j);
}

void tp__adam(tp_dtype dtype, const tp__adam_update *u, int64_t n, void *p, const void *g, void *m, void *v,
              void *largest)
{
    job j = {.adam = u, .dtype = dtype, .p = p, .g = g, .m = m, .v = v, .largest = largest};
    tp__parallel_for(n, GRAIN, range, &j);
}
