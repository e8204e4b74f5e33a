/* distance.c - distances between rows: which kernel, and in what ranges. */
#include "kernel/distance.h"

#include "kernel/elementwise.h"

#include <math.h>

enum { WORK = 32768 };

static tp__distances prepared(const tp__distance_job *job)
{
    double p = job->p;
    return (tp__distances){.metric = p == 0                  ? TP__COUNT
                                     : p == 1                ? TP__TAXICAB
                                     : p == 2                ? TP__EUCLID
                                     : p == (double)INFINITY ? TP__LARGEST
                                                             : TP__ANY_ORDER,
                           .p = p,
                           .triangle = job->triangle,
                           .n = job->n,
                           .m = job->m,
                           .d = job->d,
                           .a = job->a,
                           .b = job->b,
                           .y = job->y,
                           .power = TP__FN(pow_scalar, job->dtype)};
}

/* Blocks of `side` of the rows, which meet all partners. */
static void run(const tp__distance_job *job, int64_t rows, int64_t side, int64_t partners, tp__range_fn body,
                tp__distances *w)
{
    double work = (double)side * (double)partners * (double)(job->d + 1);
    tp__parallel_for(job->batch * ((rows + side - 1) / side), work < WORK ? 1 + (int64_t)(WORK / (work + 1)) : 1, body,
                     w);
}

void tp__distance(const tp__distance_job *job)
{
    tp__distances w = prepared(job);
    if (job->n && job->m)
        run(job, job->n, TP__DISTANCE_ROWS, job->m, TP__PICK(tp__distance_table)->forward[job->dtype == TP_F64], &w);
}

void tp__distance_backward(const tp__distance_job *job, const void *g, bool of_b, void *gx, bool accumulate)
{
    tp__distances w = prepared(job);
    w.g = g;
    w.gx = gx;
    w.of_b = of_b;
    w.accumulate = accumulate;
    run(job, of_b ? job->m : job->n, TP__DISTANCE_WIDE, of_b ? job->n : job->m,
        TP__PICK(tp__distance_table)->backward[job->dtype == TP_F64], &w);
}
