/* logm.c - logarithms of matrices and their derivatives, by Schur forms, inverse scaling and squaring: A. H. Al-Mohy, N. J.
 * Higham, "Improved inverse scaling and squaring algorithms for the matrix logarithm", 2012, and with S. D. Relton, "Computing
 * the Frechet derivative of the matrix logarithm and estimating the condition number", 2013.
 *
 * With R = T^(1 / 2^s) near I and X = R - I, log T = 2^s log(I + X), which is the integral of X (I + t X)^-1 for t from 0 to 1.
 * Its quadrature is the Pade approximant: L. Dieci, B. Morini, A. Papini, "Computational techniques for real logarithms of
 * matrices", 1996. */
#include "kernel/schur.h"

#include <math.h>
#include <string.h>

/* Gauss and Legendre's points and weights in [0, 1]; up to this 1-norm of X they are exact to rounding (S. H. Cheng et al.,
 * "Approximating the logarithm of a matrix to specified accuracy", 2001, table 1.1). */
enum { POINTS = 7, MOST_ROOTS = 200, FAR = 256 };
static const double near_enough = 0.264;
static const double points[POINTS] = {0.025446043828620737737, 0.12923440720030278007, 0.29707742431130141655, 0.5,
                                      0.70292257568869858345,  0.87076559279969721993, 0.97455395617137926226};
static const double weights[POINTS] = {0.064742483084434846635, 0.13985269574463833395, 0.19091502525255947248,
                                       0.20897959183673469388,  0.19091502525255947248, 0.13985269574463833395,
                                       0.064742483084434846635};

typedef struct {
    int64_t n;
    double *t, *u;   /* the form */
    double *r, *x;   /* its root, and that less I */
    double *e, *sum; /* the direction, or NULL; the result */
    double *work;    /* 3 n n and what equations need */
} logm;

int64_t tp__logm_space(int64_t n)
{
    int64_t schur = tp__schur_space(n), more = 3 * n * n + TP__QUASI_LEAST;
    return schur < 0 ? -1 : 6 * n * n + 2 * n + (schur > more ? schur : more);
}

/* ---- what is known of single elements: those on the diagonal, and beside it between real eigenvalues ------------------- */

/* Of the block at i, to y: f(T) = p I + q (T - h I) / m for the eigenvalue h + i m, where f(h + i m) = p + i q. */
static void of_block(const logm *l, int64_t i, double p, double q, double *y)
{
    int64_t n = l->n;
    const double *t = l->t + i * (n + 1);
    double *to = y + i * (n + 1), h = (t[0] + t[n + 1]) / 2, m = sqrt(fabs(t[1])) * sqrt(fabs(t[n]));
    to[0] = p + q * ((t[0] - h) / m);
    to[1] = q * (t[1] / m);
    to[n] = q * (t[n] / m);
    to[n + 1] = p + q * ((t[n + 1] - h) / m);
}

/* log(b / a) / (b - a) and, for a root, (b^p - a^p) / (b - a), p = 2^-roots, for positive a and b. */
static double quotient(double a, double b, int roots, bool of_root)
{
    bool close = a < 2 * b && b < 2 * a;
    double p = ldexp(1, -roots), w = close ? atanh((b - a) / (b + a)) : (log(b) - log(a)) / 2;
    if (!of_root)
        return a == b ? 1 / a : 2 * w / (b - a);
    return a == b ? p * exp(p * log(a)) / a : 2 * exp(p * (log(a) + log(b)) / 2) * sinh(p * w) / (b - a);
}

/* In y, log T, or X where roots are given. */
static void set_known(const logm *l, double *y, int roots, bool of_root)
{
    int64_t n = l->n;
    for (int64_t i = 0; i < n; i++) {
        const double *t = l->t + i * (n + 1);
        if (i + 1 < n && t[1] != 0) {
            double h = (t[0] + t[n + 1]) / 2, m = sqrt(fabs(t[1])) * sqrt(fabs(t[n])), p = log(hypot(h, m)),
                   q = atan2(m, h);
            if (of_root) { /* e^z - 1 */
                double a = ldexp(p, -roots), b = ldexp(q, -roots), s = sin(b / 2);
                p = expm1(a) * cos(b) - 2 * s * s;
                q = exp(a) * sin(b);
            }
            of_block(l, i++, p, q, y);
            continue;
        }
        y[i * (n + 1)] = of_root ? expm1(ldexp(log(*t), -roots)) : log(*t);
        bool real = i + 1 < n && (i + 2 == n || t[(n + 1) + 1] == 0);
        if (real)
            y[i * (n + 1) + n] = t[n] * quotient(t[0], t[n + 1], roots, of_root);
    }
}

/* ---- the steps ------------------------------------------------------------------------------------------------------ */

/* X = R - I; its 1-norm */
static double take_identity(const logm *l)
{
    int64_t n = l->n;
    double most = 0;
    for (int64_t j = 0; j < n; j++) {
        double sum = 0;
        for (int64_t i = 0; i < n; i++) {
            l->x[i + j * n] = l->r[i + j * n] - (i == j);
            sum += fabs(l->x[i + j * n]);
        }
        most = sum > most || isnan(sum) ? sum : most;
    }
    return most;
}

/* R = R^(1/2), and for the direction the derivative of that: R E + E R is the old one. Returns info. */
static int take_root(const logm *l)
{
    int64_t n = l->n;
    int info = tp__quasi_sqrt(n, l->r, n, l->work);
    return info == 0 && l->e ? tp__quasi_sylvester(n, n, l->r, n, l->r, n, l->e, n, l->work) : info;
}

/* y = y M^-1: M^T y^T, with the order of rows turned around. */
static int divide_right(int64_t n, const double *m, double *y, double *work)
{
    double *turned = work, *z = work + n * n;
    tp__turn_around(n, m, n, turned);
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n; j++)
            z[i + j * n] = y[j + (n - 1 - i) * n];
    int info = tp__quasi_solve(n, n, turned, n, z, n, work + 2 * n * n);
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n; j++)
            y[j + (n - 1 - i) * n] = z[i + j * n];
    return info;
}

/* sum += w M^-1 X, or w M^-1 E M^-1, for M = I + t X */
static int add_point(const logm *l, int k, double *m, double *y)
{
    int64_t n = l->n;
    for (int64_t i = 0; i < n * n; i++)
        m[i] = points[k] * l->x[i] + (i % (n + 1) == 0);
    memcpy(y, l->e ? l->e : l->x, (size_t)(n * n) * sizeof *y);
    int info = tp__quasi_solve(n, n, m, n, y, n, l->work);
    if (info == 0 && l->e)
        info = divide_right(n, m, y, l->work);
    for (int64_t i = 0; i < n * n; i++)
        l->sum[i] += weights[k] * y[i];
    return info;
}

/* log T in `sum`, or its derivative. */
static int of_form(const logm *l)
{
    int64_t n = l->n;
    int roots = 0, info = 0;
    memcpy(l->r, l->t, (size_t)(n * n) * sizeof *l->r);
    for (; take_identity(l) > near_enough && roots < MOST_ROOTS && info == 0; roots++)
        info = take_root(l);
    if (roots > 0)
        set_known(l, l->x, roots, true);
    memset(l->sum, 0, (size_t)(n * n) * sizeof *l->sum);
    double *y = l->r; /* not needed any more */
    for (int k = 0; k < POINTS && info == 0; k++)
        info = add_point(l, k, l->work + 2 * n * n + TP__QUASI_LEAST, y);
    for (int64_t i = 0; i < n * n; i++)
        l->sum[i] = ldexp(l->sum[i], roots);
    if (!l->e)
        set_known(l, l->sum, 0, false);
    return info;
}

/* y = U^T x U, or U x U^T */
static bool turned_by(int64_t n, const double *u, bool back, const double *x, double *work, double *y)
{
    return tp__multiply_columns(!back, false, n, n, n, 1, u, n, x, n, 0, work, n) &&
           tp__multiply_columns(false, back, n, n, n, 1, work, n, u, n, 0, y, n);
}

/* A matrix far from 1 is scaled: log(2^k A) = log A + k log 2, whose derivative is the same but for the scale of A. */
int tp__logm(tp_dtype dtype, int64_t n, const void *a, const void *e, void *x, double *space)
{
    double *real = space, *imaginary = real + n, *at = imaginary + n;
    logm l = {
        n, at, at + n * n, at + 2 * n * n, at + 3 * n * n, e ? at + 4 * n * n : NULL, at + 5 * n * n, at + 6 * n * n};
    int scale = tp__exponent_of(dtype, n * n, a), of_e = e ? tp__exponent_of(dtype, n * n, e) : 0;
    scale = scale > FAR || scale < -FAR ? scale : 0;
    tp__to_columns(dtype, n, n, a, -scale, l.t);
    int info = tp__schur(n, l.t, l.u, real, imaginary, l.work);
    if (info != 0)
        return info < 0 ? info : 1;
    for (int64_t i = 0; i < n; i++)
        if (imaginary[i] == 0 && !(real[i] > 0))
            return 2;
    if (e) {
        tp__to_columns(dtype, n, n, e, -of_e, l.x);
        if (!turned_by(n, l.u, false, l.x, l.work, l.e))
            return -1;
    }
    info = of_form(&l);
    if (info != 0)
        return info < 0 ? info : 2;
    if (!turned_by(n, l.u, true, l.sum, l.work, l.x))
        return -1;
    for (int64_t i = 0; i < n && !e; i++)
        l.x[i * (n + 1)] += scale * 0.69314718055994530942;
    tp__from_columns(dtype, n, n, l.x, e ? of_e - scale : 0, x);
    return 0;
}
