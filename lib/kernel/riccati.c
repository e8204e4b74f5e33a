/* riccati.c - algebraic Riccati equations
 *
 *     A^T X E + E^T X A - (E^T X B + S) R^-1 (B^T X E + S^T) + Q = 0 (continuous)
 *     A^T X A - E^T X E - (A^T X B + S) (R + B^T X B)^-1 (B^T X A + S^T) + Q = 0 (discrete)
 *
 * by the stable deflating subspace of a pencil of order 2 n + m, where R is not inverted: P. van Dooren, "A generalized eigenvalue
 * approach for solving Riccati equations", 1981; scaled as P. Benner has it, "Symplectic balancing of Hamiltonian matrices", 2001.
 * With x, the costates p = X E x and the inputs u in z, the optimal system is J z' = H z:
 *
 *     H = [A 0 B; -Q -A^T -S; S^T B^T R], J = [E 0 0; 0 E^T 0; 0 0 0] (continuous)
 *     H = [A 0 B; -Q E^T -S; S^T 0 R], J = [E 0 0; 0 A^T 0; 0 -B^T 0] (discrete)
 */
#include "kernel/schur.h"

#include <float.h>
#include <lapacke.h>
#include <limits.h>
#include <math.h>
#include <string.h>

static int is_stable(const double *real, const double *imaginary, const double *beta)
{
    (void)imaginary;
    return *beta != 0 && *real * copysign(1, *beta) < 0;
}
static int is_inside(const double *real, const double *imaginary, const double *beta)
{
    return hypot(*real, *imaginary) < fabs(*beta);
}

/* All by columns; H and J of order `order` = 2 n + m. */
typedef struct {
    const tp__riccati_job *job;
    int64_t order;
    int of_p, of_u;         /* exponents: p is 2^of_p times what the pencil has for it */
    double *h, *j, *z;      /* [order, order] twice, [2 n, 2 n] */
    double *e, *v, *x;      /* [n, n] */
    double *scale, *vector; /* [order], 3 of that */
    double *work;
    int64_t room;
} pencil;

static double element(const pencil *p, const void *x, int64_t columns, int64_t i, int64_t j)
{
    return tp__load((const char *)x + (size_t)(i * columns + j) * tp_dtype_size(p->job->dtype), p->job->dtype);
}

static double middle(const pencil *p, const void *x, int64_t n, int64_t i, int64_t j)
{
    return element(p, x, n, i, j) / 2 + element(p, x, n, j, i) / 2;
}

/* With p / c and u / d for p and u, Q becomes Q / c, B becomes d B, S becomes d S / c and R d^2 R / c: so that R is near 1, and Q
 * as B R^-1 B^T, in the continuous equation; B and Q near 1 in the discrete one, which any R leaves as it is. */
static void set_scale(pencil *p)
{
    const tp__riccati_job *q = p->job;
    int of_q = tp__exponent_of(q->dtype, q->n * q->n, q->q), of_b = tp__exponent_of(q->dtype, q->n * q->m, q->b),
        of_r = tp__exponent_of(q->dtype, q->m * q->m, q->r);
    p->of_p = q->discrete ? of_q : (of_q + of_r) / 2 - of_b;
    p->of_u = q->discrete ? -of_b : (p->of_p - of_r) / 2;
}

static void set_pencil(const pencil *p)
{
    const tp__riccati_job *q = p->job;
    int64_t n = q->n, m = q->m, order = p->order;
    bool discrete = q->discrete;
    memset(p->h, 0, (size_t)(order * order) * sizeof *p->h);
    memset(p->j, 0, (size_t)(order * order) * sizeof *p->j);
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 0; k < n; k++) {
            double a = element(p, q->a, n, i, k), e = q->e ? element(p, q->e, n, i, k) : i == k;
            p->h[i + k * order] = a;
            p->h[n + i + k * order] = ldexp(-middle(p, q->q, n, i, k), -p->of_p);
            p->h[n + k + (n + i) * order] = discrete ? e : -a;
            p->j[i + k * order] = e;
            p->j[n + k + (n + i) * order] = discrete ? a : e;
        }
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 0; k < m; k++) {
            double b = ldexp(element(p, q->b, m, i, k), p->of_u),
                   s = q->s ? ldexp(element(p, q->s, m, i, k), p->of_u - p->of_p) : 0;
            p->h[i + (2 * n + k) * order] = b;
            p->h[n + i + (2 * n + k) * order] = -s;
            p->h[2 * n + k + i * order] = s;
            *(discrete ? &p->j[2 * n + k + (n + i) * order] : &p->h[2 * n + k + (n + i) * order]) = discrete ? -b : b;
        }
    for (int64_t i = 0; i < m; i++)
        for (int64_t k = 0; k < m; k++)
            p->h[2 * n + i + (2 * n + k) * order] = ldexp(middle(p, q->r, m, i, k), 2 * p->of_u - p->of_p);
}

/* Powers of two d, so that D H D^-1 and D J D^-1 have rows and columns of like sizes, and D is [C; C^-1; ...] */
static int balance(const pencil *p, double *work)
{
    int64_t order = p->order, n = p->job->n;
    int low, high, size = (int)order;
    for (int64_t k = 0; k < order; k++)
        for (int64_t i = 0; i < order; i++)
            work[i + k * order] = i == k ? 0 : fabs(p->h[i + k * order]) + fabs(p->j[i + k * order]);
    int threads = tp__blas_begin();
    int info = LAPACKE_dgebal_work(LAPACK_COL_MAJOR, 'S', size, work, size, &low, &high, p->scale);
    tp__blas_end(threads);
    for (int64_t i = 0; i < n && info == 0; i++) {
        double d = rint((log2(p->scale[n + i]) - log2(p->scale[i])) / 2);
        p->scale[i] = exp2(d);
        p->scale[n + i] = exp2(-d);
    }
    for (int64_t i = 2 * n; i < order && info == 0; i++)
        p->scale[i] = 1 / p->scale[i];
    for (int64_t k = 0; k < order && info == 0; k++)
        for (int64_t i = 0; i < order; i++) {
            double d = p->scale[i] / p->scale[k];
            p->h[i + k * order] *= d;
            p->j[i + k * order] *= d;
        }
    return info;
}

/* The rows that the last columns of H, of the inputs, have no part in: what is left is of order 2 n, behind m rows. */
static int take_inputs_out(const pencil *p)
{
    int64_t n = p->job->n, m = p->job->m, order = p->order;
    double *columns = p->h + 2 * n * order;
    int rows = (int)order, count = (int)m, width = (int)(2 * n), room = (int)p->room;
    if (m == 0)
        return 0;
    int threads = tp__blas_begin();
    int info = LAPACKE_dgeqrf_work(LAPACK_COL_MAJOR, rows, count, columns, rows, p->vector, p->work, room);
    for (int side = 0; side < 2 && info == 0; side++)
        info = LAPACKE_dormqr_work(LAPACK_COL_MAJOR, 'L', 'T', rows, width, count, columns, rows, p->vector,
                                   side ? p->j : p->h, rows, p->work, room);
    tp__blas_end(threads);
    return info;
}

/* The vectors of the n eigenvalues that are stable first. */
static int order_pencil(const pencil *p)
{
    int64_t n = p->job->n, m = p->job->m;
    int found = 0, size = (int)(2 * n), ld = (int)p->order, *flags = (int *)(void *)p->v;
    double *alpha = p->vector, *imaginary = alpha + p->order, *beta = imaginary + p->order;
    int threads = tp__blas_begin();
    int info = LAPACKE_dgges_work(LAPACK_COL_MAJOR, 'N', 'V', 'S', p->job->discrete ? is_inside : is_stable, size,
                                  p->h + m, ld, p->j + m, ld, &found, alpha, imaginary, beta, NULL, 1, p->z, size,
                                  p->work, (int)p->room, flags);
    tp__blas_end(threads);
    if (info < 0)
        return info;
    if (info != 0 && info != size + 2) /* that: rounding made unstable ones of some that it moved */
        return 1;
    return found == n ? 0 : 2;
}

/* X = U_1 (E U_0)^-1, which is symmetric where [E U_0; U_1] spans what it should. */
static int solution(const pencil *p)
{
    int64_t n = p->job->n;
    int size = (int)n, *pivots = (int *)(void *)p->vector, *counts = pivots + n;
    double norm = 0, most = 0, skew = 0, inverse = 0;
    if (!tp__multiply_columns(false, false, n, n, n, 1, p->e, n, p->z, 2 * n, 0, p->v, n) ||
        !tp__multiply_columns(true, false, n, n, n, 1, p->v, n, p->z + n, 2 * n, 0, p->x, n))
        return -1;
    for (int64_t k = 0; k < n; k++) {
        double sum = 0;
        for (int64_t i = 0; i < n; i++) {
            sum += fabs(p->v[i + k * n]);
            most = fmax(most, fabs(p->x[i + k * n]));
            skew = fmax(skew, fabs(p->x[i + k * n] - p->x[k + i * n]));
        }
        norm = fmax(norm, sum);
    }
    if (!(skew <= fmax(1000 * DBL_EPSILON, 0.1 * most)))
        return 2;
    for (int64_t k = 0; k < n; k++) /* U_1^T */
        for (int64_t i = 0; i < n; i++)
            p->x[i + k * n] = p->z[n + k + i * 2 * n];
    int threads = tp__blas_begin();
    int info = LAPACKE_dgetrf_work(LAPACK_COL_MAJOR, size, size, p->v, size, pivots);
    if (info == 0)
        info = LAPACKE_dgecon_work(LAPACK_COL_MAJOR, '1', size, p->v, size, norm, &inverse, p->work, counts);
    if (info == 0)
        info = LAPACKE_dgetrs_work(LAPACK_COL_MAJOR, 'T', size, size, p->v, size, pivots, p->x, size);
    tp__blas_end(threads);
    return info < 0 ? info : info > 0 || inverse < DBL_EPSILON ? 3 : 0;
}

/* What gges, geqrf and ormqr ask for. */
static int64_t room_for(int64_t n, int64_t m)
{
    double asked = 0;
    int found, size = (int)(2 * n), ld = (int)(2 * n + m);
    if (!tp__blas_counts(2 * n + m, 66 * (2 * n + m) * (m + 1), 0) ||
        LAPACKE_dgges_work(LAPACK_COL_MAJOR, 'N', 'V', 'S', is_stable, size, NULL, ld, NULL, ld, &found, NULL, NULL,
                           NULL, NULL, 1, NULL, size, &asked, -1, NULL) != 0)
        return -1;
    double qr = 64 * (double)(2 * n + m) + 65 * 64;
    asked = fmax(asked, fmax(qr, 4 * (double)n));
    return asked < INT_MAX ? (int64_t)asked : -1;
}

int64_t tp__riccati_space(int64_t n, int64_t m)
{
    int64_t order = 2 * n + m, room = room_for(n, m), most = order * order;
    return room < 0 ? -1 : 2 * most + 4 * n * n + 3 * n * n + 2 * n + 4 * order + (room > most ? room : most);
}

int tp__riccati(const tp__riccati_job *job, void *x, double *space)
{
    int64_t n = job->n, order = 2 * n + job->m;
    pencil p = {.job = job, .order = order, .h = space, .room = room_for(n, job->m)};
    p.j = p.h + order * order;
    p.z = p.j + order * order;
    p.e = p.z + 4 * n * n;
    p.x = p.e + n * n;
    p.v = p.x + n * n; /* and 2 n more */
    p.scale = p.v + n * n + 2 * n;
    p.vector = p.scale + order;
    p.work = p.vector + 3 * order;
    if (p.room < 0 || !tp__blas_ready(order, 0, 0))
        return -1;
    set_scale(&p);
    set_pencil(&p);
    int info = balance(&p, p.work);
    for (int64_t k = 0; k < n; k++)
        memcpy(p.e + k * n, p.j + k * order, (size_t)n * sizeof *p.e);
    if (info == 0)
        info = take_inputs_out(&p);
    if (info == 0)
        info = order_pencil(&p);
    if (info == 0)
        info = solution(&p);
    if (info != 0)
        return info;
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 0; k < n; k++)
            p.v[i + k * n] = (p.x[i + k * n] / 2 + p.x[k + i * n] / 2) * p.scale[i] * p.scale[k];
    tp__from_columns(job->dtype, n, n, p.v, p.of_p, x);
    return 0;
}
