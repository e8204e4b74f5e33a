/* schur.c - real Schur forms by LAPACK, and equations between matrices by them: R. H. Bartels, G. W. Stewart, "Solution of
 * the matrix equation AX + XB = C", 1972. Larger ones are cut in two again and again, so that most of the work is in
 * products: I. Jonsson, B. Kagstrom, "Recursive blocked algorithms for solving triangular systems", 2002. */
#include "kernel/schur.h"

#include <float.h>
#include <lapacke.h>
#include <limits.h>
#include <math.h>
#include <string.h>

static int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }

/* ---- by columns ----------------------------------------------------------------------------------------------------- */

void tp__to_columns(tp_dtype dtype, int64_t m, int64_t n, const void *x, int exponent, double *columns)
{
    size_t size = tp_dtype_size(dtype);
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            double v = tp__load((const char *)x + (size_t)(i * n + j) * size, dtype);
            columns[i + j * m] = exponent ? ldexp(v, exponent) : v;
        }
}

void tp__from_columns(tp_dtype dtype, int64_t m, int64_t n, const double *columns, int exponent, void *x)
{
    size_t size = tp_dtype_size(dtype);
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            double v = columns[i + j * m];
            tp__store((char *)x + (size_t)(i * n + j) * size, dtype, exponent ? ldexp(v, exponent) : v);
        }
}

int tp__exponent_of(tp_dtype dtype, int64_t count, const void *x)
{
    double most = 0;
    int exponent = 0;
    for (int64_t i = 0; i < count; i++)
        most = fmax(most, fabs(tp__load((const char *)x + (size_t)i * tp_dtype_size(dtype), dtype)));
    if (most > 0)
        (void)frexp(most, &exponent);
    return exponent;
}

bool tp__multiply_columns(bool ta, bool tb, int64_t m, int64_t n, int64_t k, double alpha, const double *a, int64_t lda,
                          const double *b, int64_t ldb, double beta, double *c, int64_t ldc)
{
    return tp__gemm(TP_F64, tb, ta, n, m, k, alpha, b, ldb, a, lda, beta, c, ldc);
}

/* ---- the form ------------------------------------------------------------------------------------------------------- */

/* What gees asks for; -1: more than it can count. */
static int64_t gees_room(int64_t n)
{
    double asked = 0;
    int found, order = (int)n;
    if (!tp__blas_counts(n, 0, 0) || LAPACKE_dgees_work(LAPACK_COL_MAJOR, 'V', 'N', NULL, order, NULL, order, &found,
                                                        NULL, NULL, NULL, order, &asked, -1, NULL) != 0)
        return -1;
    return asked < INT_MAX ? (int64_t)asked : -1;
}

int64_t tp__schur_space(int64_t n)
{
    int64_t room = n > 0 ? gees_room(n) : 0;
    return room < 0 ? -1 : 2 * n + room;
}

int tp__schur(int64_t n, double *a, double *u, double *real, double *imaginary, double *space)
{
    int64_t room = tp__schur_space(n) - 2 * n;
    int found, order = (int)n;
    if (room < 0 || !tp__blas_ready(n, 0, 0))
        return -1;
    int threads = tp__blas_begin();
    int info = LAPACKE_dgees_work(LAPACK_COL_MAJOR, 'V', 'N', NULL, order, a, order, &found, real ? real : space,
                                  imaginary ? imaginary : space + n, u, order, space + 2 * n, (int)room, NULL);
    tp__blas_end(threads);
    return info;
}

/* ---- equations of quasi-triangular matrices -------------------------------------------------------------------------- */

enum { LEAF = 48 }; /* the order that is not cut any more */

typedef struct {
    tp__equation_kind kind;
    const double *s, *t;
    int64_t lds, ldt, ldf;
    double *f, *space;
    double least; /* what a pivot must be above */
} quasi;

int64_t tp__quasi_equation_space(int64_t m, int64_t n) { return larger(m * n, LEAF * LEAF); }

/* The equation of single blocks at i and j, of one row or two and one column or two; y comes with F. */
static int solve_block(const quasi *q, int64_t i, int64_t m, int64_t j, int64_t n, double *y)
{
    const double *s = q->s + i + i * q->lds, *t = q->t + j + j * q->ldt;
    double a[16], most = 1;
    int pivots[4], order = (int)(m * n);
    for (int64_t k = 0; k < order; k++)
        for (int64_t l = 0; l < order; l++) {
            bool row = k % m == l % m, column = k / m == l / m;
            double of_s = s[k % m + l % m * q->lds], of_t = t[k / m + l / m * q->ldt];
            if (q->kind == TP__STEIN)
                most = fmax(most, fabs(of_s * of_t));
            a[k * order + l] = q->kind == TP__STEIN ? (k == l) - of_s * of_t : (column ? of_s : 0) + (row ? of_t : 0);
        }
    double least = q->kind == TP__STEIN ? DBL_EPSILON * most : q->least;
    if (order > 1 && tp__getrf(TP_F64, order, a, pivots) != 0)
        return 1;
    for (int k = 0; k < order; k++)
        if (!(fabs(a[k * order + k]) > least))
            return 1;
    if (order > 1)
        return tp__getrs(TP_F64, false, order, 1, a, pivots, y);
    *y /= *a;
    return 0;
}

static int64_t block_at(const double *t, int64_t ld, int64_t first, int64_t last) /* rows of the block that ends here */
{
    return last > first && t[last + (last - 1) * ld] != 0 ? 2 : 1;
}

/* A block's columns j, ... from below: `sum` is S Y of what is known, in the rows above. */
static int solve_columns(const quasi *q, int64_t top, int64_t m, int64_t j, int64_t columns)
{
    const double *t = q->t + j + j * q->ldt;
    double sum[2][LEAF] = {{0}};
    int info = 0;
    for (int64_t end = top + m, rows; end > top && info == 0; end -= rows) {
        rows = block_at(q->s, q->lds, top, end - 1);
        int64_t i = end - rows;
        double y[4];
        for (int64_t r = 0; r < rows; r++)
            for (int64_t c = 0; c < columns; c++) {
                y[r + c * rows] = q->f[i + r + (j + c) * q->ldf];
                if (q->kind == TP__SYLVESTER)
                    y[r + c * rows] -= sum[c][i - top + r];
                for (int64_t k = 0; k < columns && q->kind == TP__STEIN; k++)
                    y[r + c * rows] += sum[k][i - top + r] * t[c + k * q->ldt];
            }
        info = solve_block(q, i, rows, j, columns, y);
        for (int64_t c = 0; c < columns; c++)
            for (int64_t r = 0; r < rows; r++) {
                const double *s = q->s + top + (i + r) * q->lds;
                double v = q->f[i + r + (j + c) * q->ldf] = y[r + c * rows];
                for (int64_t k = 0; k < i - top; k++)
                    sum[c][k] += s[k] * v;
            }
    }
    return info;
}

/* What is known of the lower rows goes into the upper ones, m of them at i, of columns j. */
static bool push_up(const quasi *q, int64_t i, int64_t m, int64_t below, int64_t j, int64_t n)
{
    const double *s = q->s + i + (i + m) * q->lds, *y = q->f + i + m + j * q->ldf;
    double *f = q->f + i + j * q->ldf;
    if (q->kind == TP__SYLVESTER)
        return tp__multiply_columns(false, false, m, n, below, -1, s, q->lds, y, q->ldf, 1, f, q->ldf);
    return tp__multiply_columns(false, true, below, n, n, 1, y, q->ldf, q->t + j + j * q->ldt, q->ldt, 0, q->space,
                                below) &&
           tp__multiply_columns(false, false, m, n, below, 1, s, q->lds, q->space, below, 1, f, q->ldf);
}

/* ... and of the columns on the right, into n columns at j. */
static bool push_left(const quasi *q, int64_t i, int64_t m, int64_t j, int64_t n, int64_t behind)
{
    const double *y = q->f + i + (j + n) * q->ldf, *t = q->t + j + (j + n) * q->ldt;
    double *f = q->f + i + j * q->ldf;
    if (q->kind == TP__SYLVESTER)
        return tp__multiply_columns(false, true, m, n, behind, -1, y, q->ldf, t, q->ldt, 1, f, q->ldf);
    return tp__multiply_columns(false, true, m, n, behind, 1, y, q->ldf, t, q->ldt, 0, q->space, m) &&
           tp__multiply_columns(false, false, m, n, m, 1, q->s + i + i * q->lds, q->lds, q->space, m, 1, f, q->ldf);
}

static int solve_leaf(const quasi *q, int64_t i, int64_t m, int64_t j, int64_t n)
{
    int info = 0;
    for (int64_t end = j + n, columns; end > j && info == 0; end -= columns) {
        columns = block_at(q->t, q->ldt, j, end - 1);
        if (end < j + n && !push_left(q, i, m, end - columns, columns, j + n - end))
            return -1;
        info = solve_columns(q, i, m, end - columns, columns);
    }
    return info;
}

static int solve_part(const quasi *q, int64_t i, int64_t m, int64_t j, int64_t n)
{
    if (m <= LEAF && n <= LEAF)
        return solve_leaf(q, i, m, j, n);
    int info;
    if (m >= n) {
        int64_t half = tp__quasi_cut(q->s, q->lds, i + m / 2) - i;
        info = solve_part(q, i + half, m - half, j, n);
        if (info == 0 && !push_up(q, i, half, m - half, j, n))
            return -1;
        return info == 0 ? solve_part(q, i, half, j, n) : info;
    }
    int64_t half = tp__quasi_cut(q->t, q->ldt, j + n / 2) - j;
    info = solve_part(q, i, m, j + half, n - half);
    if (info == 0 && !push_left(q, i, m, j, half, n - half))
        return -1;
    return info == 0 ? solve_part(q, i, m, j, half) : info;
}

int tp__quasi_equation(tp__equation_kind kind, double least, int64_t m, int64_t n, const double *s, int64_t lds,
                       const double *t, int64_t ldt, double *f, int64_t ldf, double *space)
{
    quasi q = {kind, s, t, lds, ldt, ldf, f, space, least};
    if (!tp__blas_ready(lds, ldt, ldf))
        return -1;
    return m > 0 && n > 0 ? solve_part(&q, 0, m, 0, n) : 0;
}

int tp__quasi_solve(int64_t m, int64_t n, const double *s, int64_t lds, double *f, int64_t ldf, double *space)
{
    if (m == 0 || n == 0)
        return 0;
    if (m > LEAF) {
        int64_t half = tp__quasi_cut(s, lds, m / 2), rest = m - half;
        int info = tp__quasi_solve(rest, n, s + half + half * lds, lds, f + half, ldf, space);
        if (info != 0)
            return info;
        if (!tp__multiply_columns(false, false, half, n, rest, -1, s + half * lds, lds, f + half, ldf, 1, f, ldf))
            return -1;
        return tp__quasi_solve(half, n, s, lds, f, ldf, space);
    }
    if (!tp__blas_ready(n, ldf, 0))
        return -1;
    int pivots[LEAF], order = (int)m;
    for (int64_t j = 0; j < m; j++)
        memcpy(space + j * m, s + j * lds, (size_t)m * sizeof *s);
    int threads = tp__blas_begin();
    int info = LAPACKE_dgetrf_work(LAPACK_COL_MAJOR, order, order, space, order, pivots);
    if (info == 0)
        info = LAPACKE_dgetrs_work(LAPACK_COL_MAJOR, 'N', order, (int)n, space, order, pivots, f, (int)ldf);
    tp__blas_end(threads);
    return info;
}

static void mirror_columns(int64_t m, int64_t n, double *f, int64_t ld) /* F J */
{
    for (int64_t j = 0; j < n / 2; j++)
        for (int64_t i = 0; i < m; i++) {
            double v = f[i + j * ld];
            f[i + j * ld] = f[i + (n - 1 - j) * ld];
            f[i + (n - 1 - j) * ld] = v;
        }
}

/* S Y J + Y J (J T J) = F J, and J T J is the transpose of an upper quasi-triangular matrix. */
int tp__quasi_sylvester(int64_t m, int64_t n, const double *s, int64_t lds, const double *t, int64_t ldt, double *f,
                        int64_t ldf, double *space)
{
    tp__turn_around(n, t, ldt, space);
    mirror_columns(m, n, f, ldf);
    int info = tp__quasi_equation(TP__SYLVESTER, 0, m, n, s, lds, space, n, f, ldf, space + n * n);
    mirror_columns(m, n, f, ldf);
    return info;
}

/* ---- equations of any matrices ---------------------------------------------------------------------------------------
 *
 * The forms are U, S, V, T with A = U S U^T and B^T = V T V^T, and the exponent that scales A and B near 1 where the
 * equation allows it: A X + X B = C is (A / c) (c X) + (c X) (B / c) = C. */

int64_t tp__forms_size(const tp__equation *e) { return 1 + 2 * e->m * e->m + (e->alone ? 0 : 2 * e->n * e->n); }

int64_t tp__equation_space(const tp__equation *e)
{
    int64_t m = e->m, n = e->n, of_a = tp__schur_space(m), of_b = e->alone ? 0 : tp__schur_space(n);
    int64_t flipped = m * m + (e->alone ? 0 : n * n), solve = 2 * m * n + tp__quasi_equation_space(m, n) + flipped;
    return of_a < 0 || of_b < 0 ? -1 : larger(larger(of_a, of_b), solve);
}

int tp__equation_forms(const tp__equation *e, const void *a, const void *b, double *forms, double *space)
{
    int64_t m = e->m, n = e->n;
    double *u = forms + 1, *s = u + m * m, *v = s + m * m, *t = v + n * n;
    int exponent = 0;
    if (e->kind == TP__SYLVESTER) {
        exponent = tp__exponent_of(e->dtype, m * m, a);
        if (!e->alone) {
            int of_b = tp__exponent_of(e->dtype, n * n, b);
            exponent = of_b > exponent ? of_b : exponent;
        }
    }
    *forms = exponent;
    tp__to_columns(e->dtype, m, m, a, -exponent, s);
    int info = tp__schur(m, s, u, NULL, NULL, space);
    if (info != 0 || e->alone)
        return info;
    for (int64_t i = 0; i < n * n; i++) /* row-major B is B^T by columns */
        t[i] = ldexp(tp__load((const char *)b + (size_t)i * tp_dtype_size(e->dtype), e->dtype), -exponent);
    return tp__schur(n, t, v, NULL, NULL, space);
}

static double largest_of(int64_t count, const double *x)
{
    double most = 0;
    for (int64_t i = 0; i < count; i++)
        most = fmax(most, fabs(x[i]));
    return most;
}

void tp__turn_around(int64_t n, const double *t, int64_t ld, double *to)
{
    for (int64_t j = 0; j < n; j++)
        for (int64_t i = 0; i < n; i++)
            to[i + j * n] = t[n - 1 - j + (n - 1 - i) * ld];
}

static const double *turned_around(int64_t n, const double *t, double *to)
{
    tp__turn_around(n, t, n, to);
    return to;
}

static void turn_both_around(int64_t count, double *f) /* J F J */
{
    for (int64_t i = 0; i < count / 2; i++) {
        double v = f[i];
        f[i] = f[count - 1 - i];
        f[count - 1 - i] = v;
    }
}

int tp__equation_solve(const tp__equation *e, bool flipped, const double *forms, const void *c, void *x, double *space)
{
    int64_t m = e->m, n = e->n;
    const double *u = forms + 1, *s = u + m * m, *v = e->alone ? u : s + m * m, *t = e->alone ? s : v + n * n;
    double *f = space, *work = f + m * n, *more = work + m * n;
    int exponent = tp__exponent_of(e->dtype, m * n, c);
    tp__to_columns(e->dtype, m, n, c, -exponent, f);
    if (!tp__multiply_columns(true, false, m, n, m, 1, u, m, f, m, 0, work, m) ||
        !tp__multiply_columns(false, false, m, n, n, 1, work, m, v, n, 0, f, m))
        return -1;
    if (flipped) {
        s = turned_around(m, s, more);
        t = e->alone ? s : turned_around(n, t, more + m * m);
        more += m * m + (e->alone ? 0 : n * n);
        turn_both_around(m * n, f);
    }
    double least = DBL_EPSILON * fmax(largest_of(m * m, s), largest_of(n * n, t));
    int info = tp__quasi_equation(e->kind, least, m, n, s, m, t, n, f, m, more);
    if (info != 0)
        return info;
    if (flipped)
        turn_both_around(m * n, f);
    if (!tp__multiply_columns(false, false, m, n, m, 1, u, m, f, m, 0, work, m) ||
        !tp__multiply_columns(false, true, m, n, n, 1, work, m, v, n, 0, f, m))
        return -1;
    tp__from_columns(e->dtype, m, n, f, exponent - (int)*forms, x);
    return 0;
}
