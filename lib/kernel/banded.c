/* banded.c - solves with banded matrices by LAPACK, which has their columns side by side. */
#include "kernel/banded.h"

#include <lapacke.h>
#include <string.h>

#define CALL(name, ...) \
    (dtype == TP_F32 ? LAPACKE_s##name##_work(LAPACK_COL_MAJOR, __VA_ARGS__) \
                     : LAPACKE_d##name##_work(LAPACK_COL_MAJOR, __VA_ARGS__))

static void *past(tp_dtype dtype, void *p, int64_t n) { return (char *)p + n * (int64_t)tp_dtype_size(dtype); }

/* to [n, m] = from [m, n]^T, of rows that are `ld` elements apart in `to` */
static void turn(tp_dtype dtype, int64_t m, int64_t n, void *to, int64_t ld, const void *from)
{
    tp__copy_plane(tp_dtype_size(dtype), (tp__plane){n, m, ld, 1, 1, n}, to, from);
}

int64_t tp__banded_space(int64_t l, int64_t u, int64_t n, int64_t k) { return n * (2 * l + u + 1 + k); }

/* One column lies as LAPACK has it. */
static void *by_columns(tp_dtype dtype, int64_t n, int64_t k, void *x, void *space)
{
    if (k == 1)
        return x;
    turn(dtype, n, k, space, n, x);
    return space;
}

static void back_to_rows(tp_dtype dtype, int64_t n, int64_t k, void *x, void *columns)
{
    if (k > 1)
        turn(dtype, k, n, x, k, columns);
}

int tp__banded_solve(tp_dtype dtype, bool transposed, int64_t l, int64_t u, int64_t n, int64_t k, const void *bands,
                     void *x, int *pivots, void *space)
{
    int64_t ld = 2 * l + u + 1; /* l more for what exchanges bring */
    if (n == 0 || k == 0)
        return 0;
    if (!tp__blas_ready(ld, n, k))
        return -1;
    turn(dtype, l + u + 1, n, past(dtype, space, l), ld, bands);
    void *columns = by_columns(dtype, n, k, x, past(dtype, space, ld * n));
    int order = (int)n, below = (int)l, above = (int)u, threads = tp__blas_begin();
    int info = CALL(gbtrf, order, order, below, above, space, (int)ld, pivots);
    if (info == 0)
        info = CALL(gbtrs, transposed ? 'T' : 'N', order, below, above, (int)k, space, (int)ld, pivots, columns, order);
    tp__blas_end(threads);
    back_to_rows(dtype, n, k, x, columns);
    return info;
}

int tp__banded_cholesky_solve(tp_dtype dtype, bool lower, int64_t count, int64_t n, int64_t k, const void *bands,
                              void *x, void *space)
{
    int64_t ld = count + 1;
    if (n == 0 || k == 0)
        return 0;
    if (!tp__blas_ready(ld, n, k))
        return -1;
    turn(dtype, ld, n, space, ld, bands);
    void *columns = by_columns(dtype, n, k, x, past(dtype, space, ld * n));
    char half = lower ? 'L' : 'U';
    int order = (int)n, threads = tp__blas_begin(), info = CALL(pbtrf, half, order, (int)count, space, (int)ld);
    if (info == 0)
        info = CALL(pbtrs, half, order, (int)count, (int)k, space, (int)ld, columns, order);
    tp__blas_end(threads);
    back_to_rows(dtype, n, k, x, columns);
    return info;
}

int tp__tridiagonal_solve(tp_dtype dtype, int64_t n, int64_t k, const void *dl, const void *d, const void *du, void *x,
                          void *space)
{
    size_t size = tp_dtype_size(dtype);
    void *below = space, *middle = past(dtype, space, n), *above = past(dtype, space, 2 * n);
    if (n == 0 || k == 0)
        return 0;
    if (!tp__blas_ready(n, k, 0))
        return -1;
    memcpy(below, dl, (size_t)(n - 1) * size);
    memcpy(middle, d, (size_t)n * size);
    memcpy(above, du, (size_t)(n - 1) * size);
    void *columns = by_columns(dtype, n, k, x, past(dtype, space, 3 * n));
    int order = (int)n, threads = tp__blas_begin();
    int info = CALL(gtsv, order, (int)k, below, middle, above, columns, order);
    tp__blas_end(threads);
    back_to_rows(dtype, n, k, x, columns);
    return info;
}
