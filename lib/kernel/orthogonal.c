/* orthogonal.c - orthogonal factorizations by LAPACK: QR, symmetric matrices by eigenvectors, any by singular vectors.
 *
 * LAPACK counts columns first, so it sees A^T in row-major memory. The LQ factorization of that is the QR factorization of A, by
 * the same reflectors; U and V of its singular vectors have changed places; a symmetric matrix is what it was, but for the
 * half that is read. So matrices go to LAPACK as they lie.
 */
#include "kernel/factor.h"
#include "kernel/triangle.h"

#include <lapacke.h>
#include <limits.h>
#include <math.h>
#include <string.h>

/* A function of LAPACKE for either dtype, on this thread alone. */
#define CALL(name, ...) \
    (dtype == TP_F32 ? LAPACKE_s##name##_work(LAPACK_COL_MAJOR, __VA_ARGS__) \
                     : LAPACKE_d##name##_work(LAPACK_COL_MAJOR, __VA_ARGS__))

static int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }
static int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }
static int at_least_1(int64_t n) { return n > 1 ? (int)n : 1; }
static void *past(tp_dtype dtype, void *p, int64_t n) { return (char *)p + n * (int64_t)tp_dtype_size(dtype); }

/* ---- QR ---------------------------------------------------------------------------------------------------------------- */

enum { BLOCK = 64, TRIANGLE = (BLOCK + 1) * BLOCK }; /* of LAPACK: columns at once, and what ormlq adds to its work */

int64_t tp__qr_space(int64_t rows, int64_t columns) { return BLOCK * larger(1, larger(rows, columns)) + TRIANGLE; }

static bool countable(int64_t m, int64_t n) { return tp__blas_ready(m, n, 0) && tp__qr_space(m, n) <= INT_MAX; }

int tp__geqrf(tp_dtype dtype, int64_t m, int64_t n, void *a, void *tau, void *space)
{
    if (!countable(m, n))
        return -1;
    int threads = tp__blas_begin();
    int info = CALL(gelqf, (int)n, (int)m, a, at_least_1(n), tau, space, (int)tp__qr_space(m, n));
    tp__blas_end(threads);
    return info;
}

int tp__orgqr(tp_dtype dtype, int64_t m, int64_t n, int64_t k, void *a, const void *tau, void *space)
{
    if (!countable(m, n))
        return -1;
    int threads = tp__blas_begin();
    int info = CALL(orglq, (int)n, (int)m, (int)k, a, at_least_1(n), tau, space, (int)tp__qr_space(m, n));
    tp__blas_end(threads);
    return info;
}

/* C^T is what LAPACK sees, so the sides have changed places, and Q^T is its Q. Small ones it writes reflectors' ones into A for
 * a while, so it gets a copy. */
int tp__ormqr(tp_dtype dtype, bool left, bool transposed, int64_t m, int64_t n, int64_t k, const void *a,
              int64_t columns, const void *tau, void *c, void *space)
{
    int64_t order = left ? m : n;
    if (!countable(m, n) || !tp__blas_counts(columns, 0, 0))
        return -1;
    if (m == 0 || n == 0 || k == 0)
        return 0;
    void *copy = past(dtype, space, tp__qr_space(m, n));
    memcpy(copy, a, (size_t)(order * columns) * tp_dtype_size(dtype));
    int threads = tp__blas_begin();
    int info = CALL(ormlq, left ? 'R' : 'L', transposed ? 'T' : 'N', (int)n, (int)m, (int)k, copy, (int)columns, tau, c,
                    (int)n, space, (int)tp__qr_space(m, n));
    tp__blas_end(threads);
    return info;
}

/* ---- eigenvectors and singular vectors ------------------------------------------------------------------------------- */

/* Bytes for so many elements and integers. */
static int64_t bytes_of(tp_dtype dtype, int64_t elements, int64_t integers)
{
    return elements * (int64_t)tp_dtype_size(dtype) + integers * (int64_t)sizeof(int);
}

/* Elements and integers that syevd works on. */
static int64_t eigh_elements(int64_t n) { return 1 + 6 * n + larger(2 * n * n, BLOCK * n); }
static int64_t eigh_integers(int64_t n) { return 3 + 5 * n; }

int64_t tp__eigh_space(tp_dtype dtype, int64_t n)
{
    bool fits = n < 1 << 16 && eigh_elements(n) <= INT_MAX;
    return fits ? bytes_of(dtype, eigh_elements(n), eigh_integers(n)) : -1;
}

int tp__eigh(tp_dtype dtype, bool upper, int64_t n, void *a, void *w, void *v, void *space)
{
    if (!tp__blas_ready(n, 0, 0) || tp__eigh_space(dtype, n) < 0)
        return -1;
    int elements = (int)eigh_elements(n), integers = (int)eigh_integers(n), threads = tp__blas_begin();
    int *counts = past(dtype, space, elements);
    int info = CALL(syevd, v ? 'V' : 'N', upper ? 'L' : 'U', (int)n, a, at_least_1(n), w, space, elements, counts,
                    integers);
    tp__blas_end(threads);
    if (v && info == 0)
        TP__PICK(tp__triangle_table)->turn[dtype == TP_F64](n, n, a, n, v, n);
    return info;
}

static char job_of(bool vectors, bool full) { return !vectors ? 'N' : full ? 'A' : 'S'; }

/* Elements that gesdd asks for; -1: more than it can count. float32 rounds their number. */
static int64_t svd_elements(tp_dtype dtype, int64_t m, int64_t n, bool vectors, bool full)
{
    double room[1] = {0};
    int64_t k = smaller(m, n), most = full ? m : k;
    if (!tp__blas_counts(m, n, 0) || 4 * k * (k + 2) + larger(m, n) > INT_MAX / 2)
        return -1;
    int info = CALL(gesdd, job_of(vectors, full), (int)n, (int)m, NULL, at_least_1(n), NULL, NULL, at_least_1(n), NULL,
                    at_least_1(most), (void *)room, -1, NULL);
    double asked = tp__load(room, dtype);
    return info == 0 && asked < INT_MAX - 256 ? (int64_t)(asked * (1 + 1e-6)) + 1 : -1;
}

static int64_t svd_integers(int64_t m, int64_t n) { return (8 * larger(1, smaller(m, n)) + 15) / 16 * 16; }

int64_t tp__svd_space(tp_dtype dtype, int64_t m, int64_t n, bool vectors, bool full)
{
    int64_t elements = svd_elements(dtype, m, n, vectors, full);
    return elements < 0 ? -1 : bytes_of(dtype, elements, svd_integers(m, n));
}

int tp__svd(tp_dtype dtype, bool full, int64_t m, int64_t n, void *a, void *s, void *u, void *vt, void *space,
            int64_t bytes)
{
    int64_t integers = bytes_of(dtype, 0, svd_integers(m, n)), most = full ? m : smaller(m, n);
    int elements = (int)((bytes - integers) / (int64_t)tp_dtype_size(dtype));
    if (bytes < 0 || !tp__blas_ready(m, n, 0))
        return -1;
    int threads = tp__blas_begin();
    int info = CALL(gesdd, job_of(u != NULL, full), (int)n, (int)m, a, at_least_1(n), s, vt, at_least_1(n), u,
                    at_least_1(most), (void *)((char *)space + integers), elements, space);
    tp__blas_end(threads);
    return info;
}

/* ---- what LAPACK would loop on ------------------------------------------------------------------------------------------ */

/* Zero times a finite number is zero, so sums tell it of whole runs at once. */
static bool finite_run(tp_dtype dtype, int64_t n, const void *x)
{
    double sum = 0;
    for (int64_t i = 0; dtype == TP_F32 && i < n; i++)
        sum += 0 * (double)((const float *)x)[i];
    for (int64_t i = 0; dtype == TP_F64 && i < n; i++)
        sum += 0 * ((const double *)x)[i];
    return sum == 0;
}

int tp__first_not_finite(tp_dtype dtype, tp__half half, int64_t m, int64_t n, const void *a)
{
    for (int64_t i = 0; i < m; i++) {
        int64_t begin = half == TP__UPPER_HALF ? i : 0, end = half == TP__LOWER_HALF ? i + 1 : n;
        if (!finite_run(dtype, end - begin, (const char *)a + (i * n + begin) * (int64_t)tp_dtype_size(dtype)))
            return (int)smaller(i + 1, INT_MAX);
    }
    return 0;
}
