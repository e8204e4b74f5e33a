/* lu.c - LU factorizations as users see them, inverses, determinants, and L D L^T.
 *
 * LAPACK counts columns first: row-major memory is the transpose. What is the same of both, inverses and determinants, is
 * taken of the memory as it lies; what is not, is turned in and out. */
#include "kernel/factor.h"

#include <lapacke.h>
#include <math.h>
#include <string.h>

static char *element(tp_dtype dtype, void *a, int64_t i) { return (char *)a + i * (int64_t)tp_dtype_size(dtype); }

/* to [n, m] = from [m, n]^T */
static void turn(tp_dtype dtype, int64_t m, int64_t n, void *to, const void *from)
{
    tp__copy_plane(tp_dtype_size(dtype), (tp__plane){n, m, m, 1, 1, n}, to, from);
}

static int getrf(tp_dtype dtype, int64_t m, int64_t n, void *columns, int *pivots)
{
    if (m == n)
        return tp__getrf(dtype, n, columns, pivots);
    if (!tp__blas_ready(m, n, 0))
        return -1;
    int threads = tp__blas_begin(), ld = (int)m;
    int info = dtype == TP_F32 ? LAPACKE_sgetrf_work(LAPACK_COL_MAJOR, (int)m, (int)n, columns, ld, pivots)
                               : LAPACKE_dgetrf_work(LAPACK_COL_MAJOR, (int)m, (int)n, columns, ld, pivots);
    tp__blas_end(threads);
    return info;
}

int tp__lu(tp_dtype dtype, int64_t m, int64_t n, void *a, int *pivots, void *space)
{
    if (m == 0 || n == 0)
        return 0;
    turn(dtype, m, n, space, a);
    int info = getrf(dtype, m, n, space, pivots);
    turn(dtype, n, m, a, space);
    return info;
}

static void exchange(tp_dtype dtype, int64_t k, void *x, int64_t i, int64_t j)
{
    char tmp[256], *p = element(dtype, x, i * k), *q = element(dtype, x, j * k);
    size_t bytes = i == j ? 0 : (size_t)k * tp_dtype_size(dtype);
    for (size_t at = 0, m; at < bytes; at += m) {
        m = bytes - at < sizeof tmp ? bytes - at : sizeof tmp;
        memcpy(tmp, p + at, m);
        memcpy(p + at, q + at, m);
        memcpy(q + at, tmp, m);
    }
}

void tp__exchange_rows(tp_dtype dtype, int64_t count, const int *pivots, bool backwards, int64_t k, void *x)
{
    for (int64_t s = 0; s < count; s++) {
        int64_t i = backwards ? count - 1 - s : s;
        exchange(dtype, k, x, i, pivots[i] - 1);
    }
}

/* ---- the inverse ---------------------------------------------------------------------------------------------------- */

enum { COLUMNS = 64 }; /* that getri takes at once */

int64_t tp__inverse_space(int64_t n) { return n * (n < COLUMNS ? COLUMNS : n); }

static void fill(tp_dtype dtype, int64_t count, void *to, double value)
{
    for (int64_t i = 0; i < count; i++)
        tp__store(element(dtype, to, i), dtype, value);
}

static int getri(tp_dtype dtype, int64_t n, void *a, const int *pivots, void *space)
{
    if (!tp__blas_ready(n, n * COLUMNS, 0))
        return -1;
    int order = (int)n, room = order * COLUMNS, threads = tp__blas_begin();
    int info = dtype == TP_F32 ? LAPACKE_sgetri_work(LAPACK_COL_MAJOR, order, a, order, pivots, space, room)
                               : LAPACKE_dgetri_work(LAPACK_COL_MAJOR, order, a, order, pivots, space, room);
    tp__blas_end(threads);
    return info;
}

int tp__inverse(tp_dtype dtype, int64_t n, void *a, int *pivots, void *space)
{
    if (n == 0)
        return 0;
    int info = tp__getrf(dtype, n, a, pivots);
    if (info > 0)
        fill(dtype, n * n, a, (double)NAN);
    return info != 0 ? info : getri(dtype, n, a, pivots, space);
}

/* ---- the determinant ------------------------------------------------------------------------------------------------ */

/* A product as mantissa and exponent, so that it leaves the range of the floats in the end only. */
typedef struct {
    double mantissa;
    int64_t exponent;
} scaled;

/* Powers of two are taken out of what may leave the range of doubles. */
static bool is_tame(double x) { return fabs(x) < 0x1p500 && fabs(x) > 0x1p-500; }

static scaled times(scaled p, double x)
{
    int of_x = 0, of_product = 0;
    if (!is_tame(x) && isfinite(x))
        x = frexp(x, &of_x);
    p.mantissa *= x;
    if (!is_tame(p.mantissa) && isfinite(p.mantissa))
        p.mantissa = frexp(p.mantissa, &of_product);
    return (scaled){p.mantissa, p.exponent + of_x + of_product};
}

static double factor_at(tp_dtype dtype, const void *factors, int64_t i)
{
    return dtype == TP_F32 ? (double)((const float *)factors)[i] : ((const double *)factors)[i];
}

void tp__product_of(tp_dtype dtype, int64_t n, const void *factors, void *sign, void *logarithm, void *det)
{
    scaled p = {1, 0};
    bool plain = n <= 16; /* of so few that are no larger or smaller the product is tame */
    for (int64_t i = 0; i < n && plain; i++) {
        double size = fabs(factor_at(dtype, factors, i));
        plain = size < 0x1p30 && size > 0x1p-30;
    }
    for (int64_t i = 0; i < n && plain; i++)
        p.mantissa *= factor_at(dtype, factors, i);
    for (int64_t i = 0; i < n && !plain; i++)
        p = times(p, factor_at(dtype, factors, i));
    int exponent = p.exponent > 10000 ? 10000 : p.exponent < -10000 ? -10000 : (int)p.exponent;
    if (det)
        tp__store(det, dtype, ldexp(p.mantissa, exponent));
    if (sign)
        tp__store(sign, dtype, p.mantissa > 0 ? 1 : p.mantissa < 0 ? -1 : p.mantissa);
    if (logarithm)
        tp__store(logarithm, dtype,
                  p.mantissa == 0 ? -(double)INFINITY
                                  : log(fabs(p.mantissa)) + (double)p.exponent * 0.69314718055994530942);
}

int tp__determinant(tp_dtype dtype, int64_t n, void *a, int *pivots, void *sign, void *logarithm, void *det)
{
    int info = tp__getrf(dtype, n, a, pivots);
    if (info < 0)
        return info;
    for (int64_t i = 0; i < n; i++) {
        double u = factor_at(dtype, a, i * n + i);
        tp__store(element(dtype, a, i), dtype, pivots[i] == i + 1 ? u : -u);
    }
    tp__product_of(dtype, n, a, sign, logarithm, det);
    return 0;
}

/* ---- cofactors ------------------------------------------------------------------------------------------------------
 *
 * Of A = U S V^T they are det U det V U C V^T, with the cofactors C of S: products of all singular values but one. Nothing is
 * divided by (N. J. Higham, "What is the adjugate of a matrix?", 2020). The second derivatives of det S are, in the same way,
 * products of all but two: p_ij by the elements ii and jj, -p_ij by ij and ji. All in double. */

/* A = U S V^T, with work for products. */
typedef struct {
    double *u, *vt, *s, *x, *y;
    double sign; /* det U det V */
} spectrum;

int64_t tp__cofactors_space(int64_t n)
{
    int64_t svd = tp__svd_space(TP_F64, n, n, true, true);
    return svd < 0 ? -1 : n * (4 * n + 1) * (int64_t)sizeof(double) + svd;
}

static int spectrum_of(tp_dtype dtype, int64_t n, const void *a, int *pivots, void *space, spectrum *f)
{
    double *at = space;
    *f = (spectrum){at, at + n * n, at + 4 * n * n, at + 2 * n * n, at + 3 * n * n, 1};
    for (int64_t i = 0; i < n * n; i++)
        if (!isfinite(f->x[i] = tp__load((const char *)a + (size_t)i * tp_dtype_size(dtype), dtype)))
            return 1;
    int info = tp__svd(TP_F64, true, n, n, f->x, f->s, f->u, f->vt, f->s + n, tp__svd_space(TP_F64, n, n, true, true));
    for (int side = 0; side < 2 && info == 0; side++) {
        double sign;
        memcpy(f->x, side ? f->vt : f->u, (size_t)(n * n) * sizeof(double));
        info = tp__determinant(TP_F64, n, f->x, pivots, &sign, NULL, NULL);
        f->sign *= sign;
    }
    return info;
}

/* The product of all singular values but those at i and j. */
static double others(const spectrum *f, int64_t n, int64_t i, int64_t j)
{
    double p = f->sign;
    for (int64_t k = 0; k < n; k++)
        p *= k == i || k == j ? 1 : f->s[k];
    return p;
}

/* to = U x V^T */
static int turn_back(tp_dtype dtype, int64_t n, const spectrum *f, const double *x, double *y, void *to)
{
    if (!tp__gemm(TP_F64, false, false, n, n, n, 1, f->u, n, x, n, 0, y, n) ||
        !tp__gemm(TP_F64, false, false, n, n, n, 1, y, n, f->vt, n, 0, f->u, n))
        return -1;
    for (int64_t i = 0; i < n * n; i++)
        tp__store(element(dtype, to, i), dtype, f->u[i]);
    return 0;
}

int tp__cofactors(tp_dtype dtype, int64_t n, const void *a, void *c, int *pivots, void *space)
{
    spectrum f = {0};
    int info = n > 0 ? spectrum_of(dtype, n, a, pivots, space, &f) : 0;
    if (info > 0)
        fill(dtype, n * n, c, (double)NAN);
    if (info != 0 || n == 0)
        return info;
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n; j++)
            f.x[i * n + j] = i == j ? others(&f, n, i, i) : 0;
    return turn_back(dtype, n, &f, f.x, f.y, c);
}

int tp__cofactors_slope(tp_dtype dtype, int64_t n, const void *a, const void *g, void *m, int *pivots, void *space)
{
    spectrum f = {0};
    int info = n > 0 ? spectrum_of(dtype, n, a, pivots, space, &f) : 0;
    if (info > 0)
        fill(dtype, n * n, m, (double)NAN);
    if (info != 0 || n == 0)
        return info;
    for (int64_t i = 0; i < n * n; i++)
        f.x[i] = tp__load((const char *)g + (size_t)i * tp_dtype_size(dtype), dtype);
    if (!tp__gemm(TP_F64, true, false, n, n, n, 1, f.u, n, f.x, n, 0, f.y, n) ||
        !tp__gemm(TP_F64, false, true, n, n, n, 1, f.y, n, f.vt, n, 0, f.x, n))
        return -1;
    for (int64_t i = 0; i < n; i++) {
        double sum = 0;
        for (int64_t j = 0; j < n; j++) {
            double p = i == j ? 0 : others(&f, n, i, j);
            sum += p * f.x[j * n + j];
            f.y[i * n + j] = -p * f.x[j * n + i];
        }
        f.y[i * n + i] = sum;
    }
    return turn_back(dtype, n, &f, f.y, f.x, m);
}

/* ---- L D L^T -------------------------------------------------------------------------------------------------------- */

int64_t tp__ldl_space(int64_t n) { return n * (n + COLUMNS); }

int tp__ldl(tp_dtype dtype, int64_t n, void *a, int *pivots, void *space)
{
    if (n == 0)
        return 0;
    if (!tp__blas_ready(n, n * COLUMNS, 0))
        return -1;
    void *work = element(dtype, space, n * n);
    turn(dtype, n, n, space, a);
    int order = (int)n, room = order * COLUMNS, threads = tp__blas_begin();
    int info = dtype == TP_F32 ? LAPACKE_ssytrf_work(LAPACK_COL_MAJOR, 'L', order, space, order, pivots, work, room)
                               : LAPACKE_dsytrf_work(LAPACK_COL_MAJOR, 'L', order, space, order, pivots, work, room);
    tp__blas_end(threads);
    turn(dtype, n, n, a, space);
    for (int64_t i = 0; i < n; i++)
        memset(element(dtype, a, i * n + i + 1), 0, (size_t)(n - i - 1) * tp_dtype_size(dtype));
    return info;
}

/* Only the lower half is read, which is the upper one by columns: turned, too. */
int tp__ldl_solve(tp_dtype dtype, int64_t n, int64_t k, const void *ldl, const int *pivots, void *b, void *space)
{
    if (n == 0 || k == 0)
        return 0;
    if (!tp__blas_ready(n, k, 0))
        return -1;
    void *x = element(dtype, space, n * n);
    turn(dtype, n, n, space, ldl);
    turn(dtype, n, k, x, b);
    int order = (int)n, columns = (int)k, threads = tp__blas_begin();
    int info = dtype == TP_F32
                   ? LAPACKE_ssytrs_work(LAPACK_COL_MAJOR, 'L', order, columns, space, order, pivots, x, order)
                   : LAPACKE_dsytrs_work(LAPACK_COL_MAJOR, 'L', order, columns, space, order, pivots, x, order);
    tp__blas_end(threads);
    turn(dtype, k, n, b, x);
    return info;
}
