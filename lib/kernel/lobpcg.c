/* lobpcg.c - the locally optimal block preconditioned conjugate gradient method: A. V. Knyazev, "Toward the optimal preconditioned
 * eigensolver", 2001, with an orthonormal basis of approximations X, directions P and residuals W in each step, and directions
 * that are made orthonormal in its coordinates: J. A. Duersch et al., "A robust and efficient implementation of LOBPCG", 2018. */
#include "kernel/lobpcg.h"
#include "kernel/schur.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { STALLED = 200 }; /* steps without a smaller residual */

typedef struct {
    int64_t m, n, wide;      /* wide: 3 n, the room of a basis' row */
    double *a, *b, *ik;      /* [m, m], b and ik or NULL */
    double *s, *as, *bs, *t; /* [m, wide]; columns of X, P and W, A and B times these, work */
    double *gram, *z, *w;    /* [wide, wide] twice, [wide] */
    double *c;               /* [wide, wide]: X and P in coordinates of the basis */
    double *values, *scale;  /* [wide] */
    void *eigh;
    int exponent_a, exponent_b; /* by which A and B are scaled */
    double of_a, of_b;          /* sizes for the residuals */
} state;

static int64_t doubles_of(const tp__lobpcg_job *j)
{
    int64_t wide = 3 * j->n, m = j->m;
    return 3 * m * m + 4 * m * wide + 3 * wide * wide + 3 * wide;
}

int64_t tp__lobpcg_space(const tp__lobpcg_job *job)
{
    int64_t eigh = tp__eigh_space(TP_F64, 3 * job->n), all = doubles_of(job) * (int64_t)sizeof(double);
    return eigh < 0 ? -1 : (all + 63) / 64 * 64 + eigh;
}

/* c [m, n] = alpha op(a) b + beta c */
static bool multiply(bool turned, int64_t m, int64_t n, int64_t k, double alpha, const double *a, int64_t lda,
                     const double *b, int64_t ldb, double beta, double *c, int64_t ldc)
{
    return m == 0 || n == 0 || k == 0 || tp__gemm(TP_F64, turned, false, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}

static void set_columns(int64_t m, int64_t count, const double *x, int64_t ldx, double *y, int64_t ldy)
{
    for (int64_t i = 0; i < m && count > 0; i++)
        memcpy(y + i * ldy, x + i * ldx, (size_t)count * sizeof *y);
}

/* The `count` columns of U [m, wide], behind `done` ones of the same array that are orthonormal in the metric B (NULL: I), become
 * orthonormal, too, and to these; *kept of them are not in their span. By the spectrum of their products: A. Stathopoulos, K. Wu,
 * "A block orthogonalization procedure with constant synchronization requirements", 2002; twice is enough. BU, where there is a
 * B, is B U. Info of eigh. */
static int orthonormalize(const state *f, int64_t m, const double *b, double *u, double *bu, int64_t done,
                          int64_t *kept)
{
    int64_t wide = f->wide, count = *kept;
    double *x = u + done, *bx = b ? bu + done : x;
    for (int round = 0; round < 2 && count > 0; round++) {
        if (!multiply(true, done, count, m, 1, b ? bu : u, wide, x, wide, 0, f->gram, count) ||
            !multiply(false, m, count, done, -1, u, wide, f->gram, count, 1, x, wide) ||
            (b && !multiply(false, m, count, m, 1, b, m, x, wide, 0, bx, wide)) ||
            !multiply(true, count, count, m, 1, x, wide, bx, wide, 0, f->gram, count))
            return -1;
        for (int64_t i = 0; i < count; i++)
            f->scale[i] = f->gram[i * count + i] > 0 ? 1 / sqrt(f->gram[i * count + i]) : 0;
        for (int64_t i = 0; i < count; i++)
            for (int64_t j = 0; j < count; j++)
                f->gram[i * count + j] *= f->scale[i] * f->scale[j];
        int info = tp__eigh(TP_F64, false, count, f->gram, f->w, f->z, f->eigh);
        if (info != 0)
            return info;
        int64_t first = 0; /* what is below is in the span, to rounding */
        while (first < count && f->w[first] <= 10 * (double)count * DBL_EPSILON)
            first++;
        for (int64_t i = 0; i < count; i++)
            for (int64_t j = first; j < count; j++)
                f->gram[i * (count - first) + j - first] = f->scale[i] * f->z[i * count + j] / sqrt(f->w[j]);
        if (!multiply(false, m, count - first, count, 1, x, wide, f->gram, count - first, 0, f->t, count - first))
            return -1;
        count -= first;
        set_columns(m, count, f->t, count, x, wide);
    }
    *kept = count;
    return count == 0 || b == NULL || multiply(false, m, count, m, 1, b, m, x, wide, 0, bx, wide) ? 0 : -1;
}

/* The spectrum of S^T A S for a basis of `count` columns, the wanted ones first: values, and coordinates C [count, wide]. */
static int project(const state *f, int64_t count, bool smallest)
{
    int64_t m = f->m, wide = f->wide;
    if (!multiply(false, m, count, m, 1, f->a, m, f->s, wide, 0, f->as, wide) ||
        !multiply(true, count, count, m, 1, f->s, wide, f->as, wide, 0, f->gram, count))
        return -1;
    int info = tp__eigh(TP_F64, false, count, f->gram, f->w, f->z, f->eigh);
    for (int64_t j = 0; j < count && info == 0; j++) {
        int64_t from = smallest ? j : count - 1 - j;
        f->values[j] = f->w[from];
        for (int64_t i = 0; i < count; i++)
            f->c[i * wide + j] = f->z[i * count + from];
    }
    return info;
}

/* X and P, of `directions` columns, by their coordinates, and A X and B X. */
static bool move(const state *f, int64_t count, int64_t directions)
{
    int64_t m = f->m, wide = f->wide, both = f->n + directions;
    double *arrays[3] = {f->s, f->as, f->b ? f->bs : NULL};
    for (int i = 0; i < 3 && arrays[i]; i++) {
        if (!multiply(false, m, both, count, 1, arrays[i], wide, f->c, wide, 0, f->t, both))
            return false;
        set_columns(m, both, f->t, both, arrays[i], wide);
    }
    return true;
}

/* W = A X - B X diag(l), behind `at` columns; how many of the first residuals are small. The largest of k relative ones. */
static int64_t residuals(const state *f, const tp__lobpcg_job *job, int64_t at, double *most)
{
    int64_t m = f->m, wide = f->wide, done = 0;
    const double *bx = f->b ? f->bs : f->s;
    *most = 0;
    for (int64_t j = 0; j < f->n; j++) {
        double of_r = 0, of_x = 0;
        for (int64_t i = 0; i < m; i++) {
            double x = f->s[i * wide + j], r = f->as[i * wide + j] - f->values[j] * bx[i * wide + j];
            f->s[i * wide + at + j] = r;
            of_r += r * r;
            of_x += x * x;
        }
        double size = sqrt(of_x) * (f->of_a + fabs(f->values[j]) * f->of_b);
        double relative = of_r > 0 ? sqrt(of_r) / size : 0;
        done += done == j && relative < job->tol;
        *most = j < job->k ? fmax(*most, relative) : *most;
    }
    return done;
}

static double norm_of(int64_t m, int64_t n, const double *x, int64_t ld)
{
    double sum = 0;
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++)
            sum += x[i * ld + j] * x[i * ld + j];
    return sqrt(sum);
}

/* From orthonormal X on. */
static int iterate(state *f, const tp__lobpcg_job *job)
{
    int64_t n = f->n, m = f->m, wide = f->wide, directions = 0, best_at = 0;
    double most, best = (double)INFINITY;
    int info = project(f, n, job->smallest);
    if (info == 0 && !move(f, n, 0))
        return -1;
    for (int64_t step = 1; info == 0; step++) {
        int64_t at = n + directions, count = n;
        if (residuals(f, job, at, &most) >= job->k || (job->steps >= 0 && step >= job->steps))
            break;
        if (most < best) {
            best = most;
            best_at = step;
        }
        if (step - best_at > STALLED && job->steps < 0)
            break;
        if (f->ik) {
            if (!multiply(false, m, n, m, 1, f->ik, m, f->s + at, wide, 0, f->t, n))
                return -1;
            set_columns(m, n, f->t, n, f->s + at, wide);
        }
        info = orthonormalize(f, m, f->b, f->s, f->bs, at, &count);
        if (info != 0 || at + count == n) /* X spans an invariant space */
            break;
        info = project(f, at + count, job->smallest);
        if (info != 0)
            break;
        for (int64_t i = 0; i < at + count; i++) /* of P: what X has of the rest of the basis */
            for (int64_t j = 0; j < n; j++)
                f->c[i * wide + n + j] = i < n ? 0 : f->c[i * wide + j];
        directions = n;
        info = orthonormalize(f, at + count, NULL, f->c, NULL, n, &directions);
        if (info == 0 && !move(f, at + count, directions))
            return -1;
    }
    return info;
}

/* y = x 2^-exponent, which is near 1 then; of symmetric ones the middle of both halves. */
static void take(tp_dtype dtype, int exponent, int64_t rows, int64_t columns, const void *x, double *y, int64_t ld)
{
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < columns; j++)
            y[i * ld + j] = ldexp(tp__load((const char *)x + (size_t)(i * columns + j) * tp_dtype_size(dtype), dtype),
                                  -exponent);
}

static void take_symmetric(tp_dtype dtype, int exponent, int64_t m, const void *x, double *y)
{
    take(dtype, exponent, m, m, x, y, m);
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < i; j++)
            y[i * m + j] = y[j * m + i] = y[i * m + j] / 2 + y[j * m + i] / 2;
}

static void set_state(state *f, const tp__lobpcg_job *job, double *space)
{
    int64_t m = job->m, wide = 3 * job->n;
    *f = (state){.m = m, .n = job->n, .wide = wide, .a = space};
    f->b = job->b ? f->a + m * m : NULL;
    f->ik = job->ik ? f->a + 2 * m * m : NULL;
    f->s = f->a + 3 * m * m;
    f->as = f->s + m * wide;
    f->bs = f->as + m * wide;
    f->t = f->bs + m * wide;
    f->gram = f->t + m * wide;
    f->z = f->gram + wide * wide;
    f->c = f->z + wide * wide;
    f->w = f->c + wide * wide;
    f->values = f->w + wide;
    f->scale = f->values + wide;
    f->eigh = (char *)space + (size_t)(doubles_of(job) * (int64_t)sizeof(double) + 63) / 64 * 64;
    f->exponent_a = tp__exponent_of(job->dtype, m * m, job->a);
    take_symmetric(job->dtype, f->exponent_a, m, job->a, f->a);
    if (job->b) {
        f->exponent_b = tp__exponent_of(job->dtype, m * m, job->b) / 2 * 2;
        take_symmetric(job->dtype, f->exponent_b, m, job->b, f->b);
    }
    if (job->ik)
        take(job->dtype, tp__exponent_of(job->dtype, m * m, job->ik), m, m, job->ik, f->ik, m);
    take(job->dtype, tp__exponent_of(job->dtype, m * job->n, job->x), m, job->n, job->x, f->s, wide);
}

/* With the sign that brings a vector to the side of the sum of those that were given: rounding does not decide it. */
static void give_back(const state *f, const tp__lobpcg_job *job)
{
    size_t size = tp_dtype_size(job->dtype);
    for (int64_t j = 0; j < job->k; j++) {
        double side = 0;
        for (int64_t i = 0; i < f->m; i++)
            for (int64_t l = 0; l < f->n; l++)
                side += f->s[i * f->wide + j] *
                        tp__load((const char *)job->x + (size_t)(i * f->n + l) * size, job->dtype);
        tp__store((char *)job->values + (size_t)j * size, job->dtype,
                  ldexp(f->values[j], f->exponent_a - f->exponent_b));
        for (int64_t i = 0; i < f->m; i++)
            tp__store((char *)job->vectors + (size_t)(i * job->k + j) * size, job->dtype,
                      ldexp(side < 0 ? -f->s[i * f->wide + j] : f->s[i * f->wide + j], -f->exponent_b / 2));
    }
}

int tp__lobpcg(const tp__lobpcg_job *job, void *space)
{
    state f;
    int64_t m = job->m, n = job->n, kept = n;
    set_state(&f, job, space);
    double of_x = norm_of(m, n, f.s, f.wide);
    if (!multiply(false, m, n, m, 1, f.a, m, f.s, f.wide, 0, f.as, f.wide) ||
        (f.b && !multiply(false, m, n, m, 1, f.b, m, f.s, f.wide, 0, f.bs, f.wide)))
        return -1;
    f.of_a = norm_of(m, n, f.as, f.wide) / of_x;
    f.of_b = f.b ? norm_of(m, n, f.bs, f.wide) / of_x : 1;
    int info = orthonormalize(&f, m, f.b, f.s, f.bs, 0, &kept);
    if (info == 0 && kept < n)
        return 1;
    if (info == 0)
        info = iterate(&f, job);
    if (info == 0)
        give_back(&f, job);
    return info > 0 ? 2 : info;
}
