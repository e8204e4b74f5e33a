/* floor_linalg.c - LAPACKE by itself, column by column as it likes it, with work space given, on the threads that BLAS has: a
 * call for each matrix. The copy of the input that it overwrites is part of the work. */
#include "bench.h"

#include <lapacke.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const bench_factor *f;
    int n, room;
    void *a, *b, *factor, *x, *tau, *u, *vt, *work; /* a and b are of all matrices, the others of one */
    lapack_int *pivots;
} lapack;

#define CALL(name, ...) \
    (l->f->dtype == TP_F32 ? LAPACKE_s##name##_work(LAPACK_COL_MAJOR, __VA_ARGS__) \
                           : LAPACKE_d##name##_work(LAPACK_COL_MAJOR, __VA_ARGS__))

static void lstsq(lapack *l)
{
    lapack_int rank, n = l->n;
    memset(l->pivots, 0, (size_t)n * sizeof *l->pivots);
    if (l->f->dtype == TP_F32)
        LAPACKE_sgelsy_work(LAPACK_COL_MAJOR, n, n, 1, l->factor, n, l->x, n, l->pivots, 1e-7f * (float)n, &rank,
                            l->work, l->room);
    else
        LAPACKE_dgelsy_work(LAPACK_COL_MAJOR, n, n, 1, l->factor, n, l->x, n, l->pivots, 1e-16 * n, &rank, l->work,
                            l->room);
}

static void one(lapack *l)
{
    int n = l->n;
    switch (l->f->what) {
    case BENCH_CHOLESKY:
        CALL(potrf, 'L', n, l->factor, n);
        break;
    case BENCH_SOLVE:
        CALL(gesv, n, 1, l->factor, n, l->pivots, l->x, n);
        break;
    case BENCH_TRIANGULAR:
        CALL(trtrs, 'L', 'N', 'N', n, 1, l->factor, n, l->x, n);
        break;
    case BENCH_LU:
    case BENCH_DET:
        CALL(getrf, n, n, l->factor, n, l->pivots);
        break;
    case BENCH_INV:
        CALL(getrf, n, n, l->factor, n, l->pivots);
        CALL(getri, n, l->factor, n, l->pivots, l->work, l->room);
        break;
    case BENCH_QR:
        CALL(geqrf, n, n, l->factor, n, l->tau, l->work, l->room);
        CALL(orgqr, n, n, n, l->factor, n, l->tau, l->work, l->room);
        break;
    case BENCH_EIGH:
        CALL(syevd, 'V', 'L', n, l->factor, n, l->tau, l->work, l->room, l->pivots, 8 * n + 8);
        break;
    case BENCH_SVD:
        CALL(gesdd, 'S', n, n, l->factor, n, l->tau, l->u, n, l->vt, n, l->work, l->room, l->pivots);
        break;
    default:
        lstsq(l);
    }
}

static void run(void *arg)
{
    lapack *l = arg;
    size_t size = tp_dtype_size(l->f->dtype), column = (size_t)l->n * size, matrix = (size_t)l->n * column;
    for (size_t i = 0; i < (size_t)l->f->count; i++) {
        memcpy(l->factor, (char *)l->a + i * matrix, matrix);
        memcpy(l->x, (char *)l->b + i * column, column);
        one(l);
    }
}

/* Numbers of no pattern below 1/2 in size, symmetric, with a heavy diagonal where there is nothing to iterate. */
static void fill(lapack *l)
{
    int64_t n = l->n;
    double diagonal = l->f->what < BENCH_QR ? 2 * (double)n : 0;
    uint64_t state = 1;
    for (int64_t i = 0; i < l->f->count * n * n; i++) {
        state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        int64_t row = i / n % n, column = i % n, mirror = i - i % (n * n) + column * n + row;
        double x = (double)(state >> 40) / (1 << 24) - 0.5 + (row == column ? diagonal : 0);
        if (l->f->dtype == TP_F32)
            ((float *)l->a)[i] = column < row ? ((float *)l->a)[mirror] : (float)x;
        else
            ((double *)l->a)[i] = column < row ? ((double *)l->a)[mirror] : x;
    }
}

static void *bytes(int64_t n, size_t size) { return calloc((size_t)n + 64, size); }

double floor_linalg(const workload *w, double budget)
{
    const bench_factor *f = w->arg;
    int64_t n = f->n, all = n * n;
    size_t size = tp_dtype_size(f->dtype);
    lapack l = {.f = f, .n = (int)n, .room = (int)(2 * all + 128 * n)};
    bool spectral = f->what == BENCH_EIGH || f->what == BENCH_SVD;
    l.room = spectral ? (int)(8 * all + 128 * n) : l.room;
    void *held[] = {l.a = bytes(f->count * all, size),
                    l.b = bytes(f->count * n, size),
                    l.factor = bytes(all, size),
                    l.x = bytes(n, size),
                    l.tau = bytes(n, size),
                    l.u = bytes(spectral ? all : 0, size),
                    l.vt = bytes(spectral ? all : 0, size),
                    l.work = bytes(l.room, size),
                    l.pivots = bytes(8 * n, sizeof(lapack_int))};
    bool ok = true;
    for (size_t i = 0; i < sizeof held / sizeof *held; i++)
        ok = ok && held[i] != NULL;
    if (ok)
        fill(&l);
    double seconds = ok ? bench_time(run, &l, budget).best : 0;
    for (size_t i = 0; i < sizeof held / sizeof *held; i++)
        free(held[i]);
    return seconds;
}
