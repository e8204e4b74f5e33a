/* orthogonal.c - orthogonal factorizations by LAPACK: QR, symmetric matrices by eigenvectors, any by singular
 * vectors.
 *
 * LAPACK counts columns first, so it sees A^T in row-major memory. The LQ factorization of that is the QR
 * factorization of A, by the same reflectors, so there small matrices go to LAPACK as they lie. */
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

/* ---- QR ---------------------------------------------------------------------------------------------------------- */

enum { BLOCK = 64, TRIANGLE = (BLOCK + 1) * BLOCK }; /* of LAPACK: columns at once, and what ormlq adds to its work */
enum { TURNED_FROM = 48 };                           /* the LQ factorization is a quarter slower than QR */

static int64_t qr_work(int64_t rows, int64_t columns) { return BLOCK * larger(1, larger(rows, columns)) + TRIANGLE; }

int64_t tp__qr_space(int64_t rows, int64_t columns) { return qr_work(rows, columns) + rows * columns; }

static bool countable(int64_t m, int64_t n) { return tp__blas_ready(m, n, 0) && qr_work(m, n) <= INT_MAX; }

/* to [k, n] = from [n, k]^T */
static void turn(tp_dtype dtype, int64_t k, int64_t n, const void *from, void *to)
{
    TP__PICK(tp__triangle_table)->turn[dtype == TP_F64](k, n, from, k, to, n);
}

int tp__geqrf(tp_dtype dtype, int64_t m, int64_t n, void *a, void *tau, void *space)
{
    if (!countable(m, n))
        return -1;
    bool turned = smaller(m, n) >= TURNED_FROM;
    void *copy = past(dtype, space, qr_work(m, n));
    if (turned)
        turn(dtype, n, m, a, copy);
    int lwork = (int)qr_work(m, n), threads = tp__blas_begin();
    int info = turned ? CALL(geqrf, (int)m, (int)n, copy, (int)m, tau, space, lwork)
                      : CALL(gelqf, (int)n, (int)m, a, at_least_1(n), tau, space, lwork);
    tp__blas_end(threads);
    if (turned)
        turn(dtype, m, n, copy, a);
    return info;
}

int tp__orgqr(tp_dtype dtype, int64_t m, int64_t n, int64_t k, void *a, const void *tau, void *space)
{
    if (!countable(m, n))
        return -1;
    bool turned = n >= TURNED_FROM;
    void *copy = past(dtype, space, qr_work(m, n));
    if (turned)
        turn(dtype, n, m, a, copy);
    int lwork = (int)qr_work(m, n), threads = tp__blas_begin();
    int info = turned ? CALL(orgqr, (int)m, (int)n, (int)k, copy, (int)m, tau, space, lwork)
                      : CALL(orglq, (int)n, (int)m, (int)k, a, at_least_1(n), tau, space, lwork);
    tp__blas_end(threads);
    if (turned)
        turn(dtype, m, n, copy, a);
    return info;
}

/* C^T is what LAPACK sees, so the sides have changed places, and Q^T is its Q. Small ones it writes reflectors' ones
 * into A for a while, so it gets a copy. */
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
                    (int)n, space, (int)qr_work(m, n));
    tp__blas_end(threads);
    return info;
}

/* ---- eigenvectors and singular vectors ----------------------------------------------------------------------
 *
 * Signs of vectors are what the algorithm makes of the matrix, so LAPACK gets it by columns, as PyTorch's calls do:
 * the signs are the same then. Turning takes no more than a few percent. */

/* Bytes for so many elements and integers, in whole cache lines. */
static int64_t bytes_of(tp_dtype dtype, int64_t elements, int64_t integers)
{
    int64_t bytes = elements * (int64_t)tp_dtype_size(dtype) + integers * (int64_t)sizeof(int);
    return (bytes + 63) / 64 * 64;
}

/* Elements and integers that syevd works on. */
static int64_t eigh_elements(int64_t n) { return 1 + 6 * n + larger(2 * n * n, BLOCK * n); }
static int64_t eigh_integers(int64_t n) { return 3 + 5 * n; }

int64_t tp__eigh_space(tp_dtype dtype, int64_t n)
{
    bool fits = n < 1 << 16 && eigh_elements(n) <= INT_MAX;
    return fits
               ? bytes_of(dtype, n * n, 0) + bytes_of(dtype, eigh_elements(n), 0) + bytes_of(dtype, 0, eigh_integers(n))
               : -1;
}

int tp__eigh(tp_dtype dtype, bool upper, int64_t n, const void *a, void *w, void *v, void *space)
{
    if (!tp__blas_ready(n, 0, 0) || tp__eigh_space(dtype, n) < 0)
        return -1;
    char *copy = space, *work = copy + bytes_of(dtype, n * n, 0);
    int elements = (int)eigh_elements(n), integers = (int)eigh_integers(n);
    int *counts = (void *)(work + bytes_of(dtype, elements, 0));
    turn(dtype, n, n, a, copy);
    int threads = tp__blas_begin();
    int info = CALL(syevd, v ? 'V' : 'N', upper ? 'U' : 'L', (int)n, (void *)copy, at_least_1(n), w, (void *)work,
                    elements, counts, integers);
    tp__blas_end(threads);
    if (v && info == 0)
        turn(dtype, n, n, copy, v);
    return info;
}

static char job_of(bool vectors, bool full) { return !vectors ? 'N' : full ? 'A' : 'S'; }

/* Elements that gesdd asks for; -1: more than it can count. float32 rounds their number. */
static int64_t svd_elements(tp_dtype dtype, int64_t m, int64_t n, bool vectors, bool full)
{
    double room[1] = {0};
    int64_t k = smaller(m, n), rows = full ? n : k;
    if (!tp__blas_counts(m, n, 0) || !tp__blas_counts(larger(m, n), 4 * k * (k + 2), 0))
        return -1;
    int info = CALL(gesdd, job_of(vectors, full), (int)m, (int)n, NULL, at_least_1(m), NULL, NULL, at_least_1(m), NULL,
                    at_least_1(rows), (void *)room, -1, NULL);
    double asked = tp__load(room, dtype);
    return info == 0 && asked < INT_MAX - 256 ? (int64_t)(asked * (1 + 1e-6)) + 1 : -1;
}

/* Where things are in the space: A, U and V^T by columns, integers, LAPACK's work. */
typedef struct {
    int64_t u, vt, counts, work;
} svd_places;

static svd_places places_of(tp_dtype dtype, int64_t m, int64_t n, bool vectors, bool full)
{
    int64_t k = smaller(m, n);
    svd_places p = {.u = bytes_of(dtype, m * n, 0)};
    p.vt = p.u + (vectors ? bytes_of(dtype, m * (full ? m : k), 0) : 0);
    p.counts = p.vt + (vectors ? bytes_of(dtype, (full ? n : k) * n, 0) : 0);
    p.work = p.counts + bytes_of(dtype, 0, 8 * larger(1, k));
    return p;
}

int64_t tp__svd_space(tp_dtype dtype, int64_t m, int64_t n, bool vectors, bool full)
{
    int64_t elements = svd_elements(dtype, m, n, vectors, full);
    return elements < 0 ? -1 : places_of(dtype, m, n, vectors, full).work + bytes_of(dtype, elements, 0);
}

int tp__svd(tp_dtype dtype, bool full, int64_t m, int64_t n, const void *a, void *s, void *u, void *vt, void *space,
            int64_t bytes)
{
    svd_places p = places_of(dtype, m, n, u != NULL, full);
    char *copy = space, *by_columns = copy + p.u, *rows = copy + p.vt;
    int64_t columns = full ? m : smaller(m, n), height = full ? n : smaller(m, n);
    int elements = (int)((bytes - p.work) / (int64_t)tp_dtype_size(dtype));
    if (bytes < 0 || !tp__blas_ready(m, n, 0))
        return -1;
    turn(dtype, n, m, a, copy);
    int threads = tp__blas_begin();
    int info = CALL(gesdd, job_of(u != NULL, full), (int)m, (int)n, (void *)copy, at_least_1(m), s, (void *)by_columns,
                    at_least_1(m), (void *)rows, at_least_1(height), (void *)(copy + p.work), elements,
                    (void *)(copy + p.counts));
    tp__blas_end(threads);
    if (u && info == 0) {
        turn(dtype, m, columns, by_columns, u);
        turn(dtype, height, n, rows, vt);
    }
    return info;
}

/* ---- least squares ----------------------------------------------------------------------------------------------- */

/* What LAPACK's driver is called with: A by columns, B by columns of max(m, n). */
typedef struct {
    int m, n, k, ldb;
    void *a, *b, *s, *work;
    int elements, *counts;
    double rcond;
} lstsq_call;

static int call_driver(tp__lstsq_driver driver, tp_dtype dtype, const lstsq_call *l, int *rank)
{
    int lda = at_least_1(l->m);
    if (driver == TP__GELS)
        return CALL(gels, 'N', l->m, l->n, l->k, l->a, lda, l->b, l->ldb, l->work, l->elements);
    if (driver == TP__GELSD && dtype == TP_F32)
        return LAPACKE_sgelsd_work(LAPACK_COL_MAJOR, l->m, l->n, l->k, l->a, lda, l->b, l->ldb, l->s, (float)l->rcond,
                                   rank, l->work, l->elements, l->counts);
    if (driver == TP__GELSD)
        return LAPACKE_dgelsd_work(LAPACK_COL_MAJOR, l->m, l->n, l->k, l->a, lda, l->b, l->ldb, l->s, l->rcond, rank,
                                   l->work, l->elements, l->counts);
    if (driver == TP__GELSY && dtype == TP_F32)
        return LAPACKE_sgelsy_work(LAPACK_COL_MAJOR, l->m, l->n, l->k, l->a, lda, l->b, l->ldb, l->counts,
                                   (float)l->rcond, rank, l->work, l->elements);
    if (driver == TP__GELSY)
        return LAPACKE_dgelsy_work(LAPACK_COL_MAJOR, l->m, l->n, l->k, l->a, lda, l->b, l->ldb, l->counts, l->rcond,
                                   rank, l->work, l->elements);
    if (dtype == TP_F32)
        return LAPACKE_sgelss_work(LAPACK_COL_MAJOR, l->m, l->n, l->k, l->a, lda, l->b, l->ldb, l->s, (float)l->rcond,
                                   rank, l->work, l->elements);
    return LAPACKE_dgelss_work(LAPACK_COL_MAJOR, l->m, l->n, l->k, l->a, lda, l->b, l->ldb, l->s, l->rcond, rank,
                               l->work, l->elements);
}

/* Elements and integers that a driver works on; false: more than it can count. */
static bool ask_driver(tp__lstsq_driver driver, tp_dtype dtype, int64_t m, int64_t n, int64_t k, int64_t *elements,
                       int64_t *integers)
{
    double room[1] = {0};
    int count = 0, rank;
    lstsq_call l = {(int)m, (int)n, (int)k, at_least_1(larger(m, n)), NULL, NULL, NULL, room, -1, &count, 0};
    if (!tp__blas_counts(m, n, k) || !tp__blas_counts(m * n, larger(m, n) * k, 0) ||
        call_driver(driver, dtype, &l, &rank) != 0)
        return false;
    double asked = tp__load(room, dtype);
    *elements = (int64_t)(asked * (1 + 1e-6)) + 1;
    *integers = driver == TP__GELSD ? larger(1, count) : n;
    return asked < INT_MAX - 256;
}

int64_t tp__lstsq_space(tp__lstsq_driver driver, tp_dtype dtype, int64_t m, int64_t n, int64_t k)
{
    int64_t elements, integers;
    if (!ask_driver(driver, dtype, m, n, k, &elements, &integers))
        return -1;
    return (bytes_of(dtype, m * n, 0)) + (bytes_of(dtype, larger(m, n) * k, 0)) + (bytes_of(dtype, smaller(m, n), 0)) +
           (bytes_of(dtype, 0, integers)) + (bytes_of(dtype, elements, 0));
}

int tp__lstsq(const tp__lstsq_job *job, void *space, int64_t bytes)
{
    tp_dtype dtype = job->dtype;
    int64_t m = job->m, n = job->n, k = job->k, most = larger(m, n), integers = 0, elements = 0;
    if (!tp__blas_ready(m, n, k) || !ask_driver(job->driver, dtype, m, n, k, &elements, &integers))
        return -1;
    char *at = space;
    lstsq_call l = {.m = (int)m, .n = (int)n, .k = (int)k, .ldb = at_least_1(most), .rcond = job->rcond, .a = at};
    l.b = at += (bytes_of(dtype, m * n, 0));
    l.s = at += (bytes_of(dtype, most * k, 0));
    l.counts = (void *)(at += (bytes_of(dtype, smaller(m, n), 0)));
    l.work = at += (bytes_of(dtype, 0, integers));
    l.elements = (int)((bytes - (at - (char *)space)) / (int64_t)tp_dtype_size(dtype));
    memset(l.counts, 0, (size_t)integers * sizeof(int));
    tp__turn_fn turn_to = TP__PICK(tp__triangle_table)->turn[dtype == TP_F64];
    turn(dtype, n, m, job->a, l.a);
    turn_to(k, m, job->b, k, l.b, most);
    int threads = tp__blas_begin();
    int info = call_driver(job->driver, dtype, &l, job->rank);
    tp__blas_end(threads);
    turn_to(n, k, l.b, most, job->x, k);
    if (job->values)
        memcpy(job->values, l.s, (size_t)smaller(m, n) * tp_dtype_size(dtype));
    return info;
}

/* ---- what LAPACK would loop on ----------------------------------------------------------------------------------- */

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
