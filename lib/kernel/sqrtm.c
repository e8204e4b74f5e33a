/* sqrtm.c - square roots of matrices, by Schur forms: A. Bjorck, S. Hammarling, "A Schur method for the square root of a
 * matrix", 1983; in real arithmetic: N. J. Higham, "Computing real square roots of a real matrix", 1987; cut in two, so that most
 * of the work is in products: E. Deadman, N. J. Higham, R. Ralha, "Blocked Schur algorithms for computing the matrix square
 * root", 2013. */
#include "kernel/schur.h"

#include <float.h>
#include <lapacke.h>
#include <math.h>
#include <string.h>

/* a I + (T - h I) / 2 a for a block with the eigenvalues h +- i m, a the real part of their root. */
static int root_of_block(double *t, int64_t ld)
{
    double h = (t[0] + t[ld + 1]) / 2, m = sqrt(fabs(t[1])) * sqrt(fabs(t[ld])), size = hypot(h, m);
    double a = h > 0 ? sqrt((size + h) / 2) : m / sqrt(2 * (size - h));
    if (!(a > 0))
        return 1;
    t[0] = a + (t[0] - h) / (2 * a);
    t[ld + 1] = a + (t[ld + 1] - h) / (2 * a);
    t[1] /= 2 * a;
    t[ld] /= 2 * a;
    return 0;
}

int tp__quasi_sqrt(int64_t n, double *t, int64_t ld, double *space)
{
    if (n == 1) {
        int info = !(*t > 0);
        *t = sqrt(*t);
        return info;
    }
    if (n == 2 && t[1] != 0)
        return root_of_block(t, ld);
    if (n == 0)
        return 0;
    int64_t half = tp__quasi_cut(t, ld, n / 2), rest = n - half;
    double *lower = t + half + half * ld;
    int info = tp__quasi_sqrt(half, t, ld, space);
    if (info == 0)
        info = tp__quasi_sqrt(rest, lower, ld, space);
    return info == 0 ? tp__quasi_sylvester(half, rest, t, ld, lower, ld, t + half * ld, ld, space) : info;
}

int64_t tp__sqrtm_space(int64_t n)
{
    int64_t schur = tp__schur_space(n), more = 2 * n * n + TP__QUASI_LEAST;
    return schur < 0 ? -1 : 2 * n * n + 2 * n + (schur > more ? schur : more);
}

typedef struct {
    int64_t n;
    double *t, *u, *real, *imaginary;
    double least; /* what rounding makes of an eigenvalue 0 */
} form;

static double size_of(const form *f, int64_t i) { return hypot(f->real[i], f->imaginary[i]); }

/* Are there eigenvalues that may be 0 with more beside them in T than they are themselves? Then that is rounding, and they are 0:
 * the quotients of both would not be small. */
static bool rounding_rules(const form *f)
{
    for (int64_t j = 0; j < f->n; j++)
        for (int64_t i = 0; i < j && size_of(f, j) <= f->least; i++)
            if (size_of(f, i) <= f->least && fabs(f->t[i + j * f->n]) > fmin(size_of(f, i), size_of(f, j)))
                return true;
    return false;
}

/* The eigenvalues that count as 0 are brought to the end of the form; returns how many others there are, or -1. */
static int64_t zeros_last(const form *f, double *space)
{
    int64_t n = f->n;
    int *wanted = (int *)(void *)space, count = 0, order = (int)n, unused;
    double *work = space + n, none[2];
    bool all = rounding_rules(f);
    for (int64_t i = 0; i < n; i++) {
        bool small = size_of(f, i) <= f->least, positive = f->imaginary[i] != 0 || f->real[i] > 0;
        count += wanted[i] = !small || (positive && !all);
    }
    if (count == n)
        return n;
    int threads = tp__blas_begin();
    int info = LAPACKE_dtrsen_work(LAPACK_COL_MAJOR, 'N', 'V', wanted, order, f->t, order, f->u, order, work, work + n,
                                   &count, &none[0], &none[1], work + 2 * n, order, &unused, 1);
    tp__blas_end(threads);
    return info == 0 ? count : -1;
}

/* [R S; 0 0], whose square is [R R, R S; 0 0]; what is below must be 0. */
static int root_of_form(int64_t n, int64_t regular, double *t, double least, double *space)
{
    for (int64_t j = regular; j < n; j++)
        for (int64_t i = regular; i < n; i++) {
            if (fabs(t[i + j * n]) > least)
                return 3;
            t[i + j * n] = 0;
        }
    int info = tp__quasi_sqrt(regular, t, n, space);
    if (info != 0)
        return info < 0 ? info : 2;
    info = tp__quasi_solve(regular, n - regular, t, n, t + regular * n, n, space);
    return info < 0 ? info : info > 0 ? 3 : 0;
}

int tp__sqrtm(tp_dtype dtype, int64_t n, const void *a, void *x, double *space)
{
    form f = {n, space, space + n * n, space + 2 * n * n, space + 2 * n * n + n, 10 * (double)n * DBL_EPSILON};
    double *work = f.imaginary + n;
    int exponent = tp__exponent_of(dtype, n * n, a) / 2;
    tp__to_columns(dtype, n, n, a, -2 * exponent, f.t);
    int info = tp__schur(n, f.t, f.u, f.real, f.imaginary, work);
    if (info != 0)
        return info < 0 ? info : 1;
    for (int64_t i = 0; i < n; i++)
        if (f.imaginary[i] == 0 && f.real[i] < -f.least)
            return 2;
    int64_t regular = zeros_last(&f, work);
    info = regular < 0 ? 1 : root_of_form(n, regular, f.t, f.least, work);
    if (info != 0)
        return info;
    if (!tp__multiply_columns(false, false, n, n, n, 1, f.u, n, f.t, n, 0, work, n) ||
        !tp__multiply_columns(false, true, n, n, n, 1, work, n, f.u, n, 0, f.t, n))
        return -1;
    tp__from_columns(dtype, n, n, f.t, exponent, x);
    return 0;
}
