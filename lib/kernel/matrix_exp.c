/* matrix_exp.c - the exponential of a matrix, by Taylor polynomials in few products, scaling and squaring: P. Bader,
 * S. Blanes, F. Casas, "Computing the matrix exponential with an optimized Taylor polynomial approximation", 2019. */
#include "kernel/factor.h"

#include <math.h>
#include <string.h>

/* The degrees, and up to which 1-norm each is exact to rounding (there, table 1), by float64. */
enum { DEGREES = 6 };
static const double norms[2][DEGREES] = {{1.192092800768788e-07, 5.978858893805233e-04, 5.116619363445086e-02,
                                          5.800524627688768e-01, 1.461661507209034e+00, 3.010066362817634e+00},
                                         {2.220446049250313e-16, 2.580956802971767e-08, 3.397168839976962e-04,
                                          4.991228871115323e-02, 2.996158913811580e-01, 1.090863719290036e+00}};

enum { BUFFERS = 8 };
int64_t tp__matrix_exp_space(int64_t n) { return BUFFERS * n * n + n; }

typedef struct {
    tp_dtype dtype;
    int64_t n;
    char *buffer[BUFFERS]; /* [n, n] each */
} expm;

static double at(const expm *e, const void *a, int64_t i)
{
    return tp__load((const char *)a + (size_t)i * tp_dtype_size(e->dtype), e->dtype);
}

/* c (+)= a b */
static void multiply(const expm *e, const void *a, const void *b, double beta, void *c)
{
    tp__gemm(e->dtype, false, false, e->n, e->n, e->n, 1, a, e->n, b, e->n, beta, c, e->n);
}

/* y = unit I + sum of c[i] x[i], i < count */
static void combine(const expm *e, void *y, double unit, int count, const double *c, void *const *x)
{
    size_t size = tp_dtype_size(e->dtype);
    tp__fill(e->n * e->n, y, e->dtype, 0);
    for (int i = 0; i < count; i++)
        if (c[i] != 0)
            tp__axpy(e->n * e->n, e->dtype, c[i], x[i], y);
    for (int64_t i = 0; i < e->n && unit != 0; i++) {
        void *d = (char *)y + (size_t)(i * (e->n + 1)) * size;
        tp__store(d, e->dtype, tp__load(d, e->dtype) + unit);
    }
}

static void degree_2(const expm *e, const void *a, void *y)
{
    void *a2 = e->buffer[1];
    multiply(e, a, a, 0, a2);
    combine(e, y, 1, 2, (const double[]){1, 0.5}, (void *const[]){e->buffer[0], a2});
}

/* I + A + A^2 (I / 2 + A / 6 + A^2 / 24) */
static void degree_4(const expm *e, const void *a, void *y)
{
    void *const powers[] = {e->buffer[0], e->buffer[1]};
    multiply(e, a, a, 0, powers[1]);
    combine(e, e->buffer[2], 0.5, 2, (const double[]){1.0 / 6, 1.0 / 24}, powers);
    combine(e, y, 1, 1, (const double[]){1}, powers);
    multiply(e, powers[1], e->buffer[2], 1, y);
}

static void degree_8(const expm *e, const void *a, void *y)
{
    const double root = 13.3041346956500707834; /* of 177 */
    const double x3 = 2.0 / 3, x1 = x3 * (1 + root) / 88, x2 = x3 * (1 + root) / 352,
                 x4 = (-271 + 29 * root) / (315 * x3);
    const double x5 = 11 * (-1 + root) / (1260 * x3), x6 = 11 * (-9 + root) / (5040 * x3);
    const double x7 = (89 - root) / (5040 * x3 * x3), y2 = (857 - 58 * root) / 630;
    void *const powers[] = {e->buffer[0], e->buffer[1], e->buffer[2]};
    multiply(e, a, a, 0, powers[1]);
    combine(e, e->buffer[3], 0, 2, (const double[]){x1, x2}, powers);
    multiply(e, powers[1], e->buffer[3], 0, powers[2]);
    combine(e, e->buffer[3], 0, 3, (const double[]){0, x3, 1}, powers);
    combine(e, e->buffer[4], x4, 3, (const double[]){x5, x6, x7}, powers);
    combine(e, y, 1, 2, (const double[]){1, y2}, powers);
    multiply(e, e->buffer[3], e->buffer[4], 1, y);
}

/* B_i = c_i0 I + c_i1 A + c_i2 A^2 + c_i3 A^3, A6 = B_2 + B_3^2, B_0 + (B_1 + A6) A6 */
static void degree_12(const expm *e, const void *a, void *y)
{
    static const double c[4][4] = {
        {9.0198e-16, 0.46932117595418237389, -0.20099424927047284052, -0.04623946134063071740},
        {5.31597895759871264183, 1.19926790417132231573, 0.01179296240992997031, 0.01108844528519167989},
        {0.18188869982170434744, 0.05502798439925399070, 0.09351590770535414968, 0.00610700528898058230},
        {-2.0861320e-13, -0.13181061013830184015, -0.02027855540589259079, -0.00675951846863086359}};
    void *const powers[] = {e->buffer[0], e->buffer[1], e->buffer[2]};
    void *b1 = e->buffer[3], *a6 = e->buffer[4], *b3 = e->buffer[5];
    multiply(e, a, a, 0, powers[1]);
    multiply(e, powers[1], a, 0, powers[2]);
    combine(e, y, c[0][0], 3, c[0] + 1, powers);
    combine(e, b1, c[1][0], 3, c[1] + 1, powers);
    combine(e, a6, c[2][0], 3, c[2] + 1, powers);
    combine(e, b3, c[3][0], 3, c[3] + 1, powers);
    multiply(e, b3, b3, 1, a6);
    tp__axpy(e->n * e->n, e->dtype, 1, a6, b1);
    multiply(e, b1, a6, 1, y);
}

/* B_i of I, A, A^2, A^3, A^6; A9 = B_0 B_4 + B_3, B_1 + (B_2 + A9) A9 */
static void degree_18(const expm *e, const void *a, void *y)
{
    static const double c[5][5] = {
        {0, -1.00365581030144618291e-01, -8.02924648241156932449e-03, -8.92138498045729985177e-04, 0},
        {0, 3.97849749499645077844e-01, 1.36783778460411720168e+00, 4.98289622525382669416e-01,
         -6.37898194594723280150e-04},
        {-1.09676396052962061844e+01, 1.68015813878906206114e+00, 5.71779846478865511061e-02,
         -6.98210122488052056106e-03, 3.34975017086070470649e-05},
        {-9.04316832390810593223e-02, -6.76404519071381882256e-02, 6.75961301770459654925e-02,
         2.95552570429315521194e-02, -1.39180257516060693404e-05},
        {0, 0, -9.23364619367118555360e-02, -1.69364939002081722752e-02, -1.40086798182036094347e-05}};
    void *const powers[] = {e->buffer[0], e->buffer[1], e->buffer[2], e->buffer[3]};
    void *b0 = e->buffer[4], *b4 = e->buffer[5], *a9 = e->buffer[6];
    multiply(e, a, a, 0, powers[1]);
    multiply(e, powers[1], a, 0, powers[2]);
    multiply(e, powers[2], powers[2], 0, powers[3]);
    combine(e, b0, c[0][0], 4, c[0] + 1, powers);
    combine(e, b4, c[4][0], 4, c[4] + 1, powers);
    combine(e, a9, c[3][0], 4, c[3] + 1, powers);
    multiply(e, b0, b4, 1, a9);
    combine(e, y, c[1][0], 4, c[1] + 1, powers);
    combine(e, b0, c[2][0], 4, c[2] + 1, powers);
    tp__axpy(e->n * e->n, e->dtype, 1, a9, b0);
    multiply(e, b0, a9, 1, y);
}

/* The largest sum of a column's sizes; NaN where one is. */
static double norm_1(const expm *e, const void *a, void *sums)
{
    double most = 0;
    size_t size = tp_dtype_size(e->dtype);
    tp__fill(e->n, sums, e->dtype, 0);
    for (int64_t i = 0; i < e->n; i++)
        for (int64_t j = 0; j < e->n; j++) {
            void *sum = (char *)sums + (size_t)j * size;
            tp__store(sum, e->dtype, tp__load(sum, e->dtype) + fabs(at(e, a, i * e->n + j)));
        }
    for (int64_t j = 0; j < e->n; j++) {
        double v = at(e, sums, j);
        most = v > most || isnan(v) ? v : most;
    }
    return most;
}

bool tp__matrix_exp(tp_dtype dtype, int64_t n, const void *a, void *y, void *space)
{
    static void (*const by_degree[])(const expm *, const void *, void *) = {NULL,     degree_2,  degree_4,
                                                                            degree_8, degree_12, degree_18};
    expm e = {.dtype = dtype, .n = n};
    size_t each = (size_t)(n * n) * tp_dtype_size(dtype);
    for (int i = 0; i < BUFFERS; i++)
        e.buffer[i] = (char *)space + (size_t)i * each;
    if (!tp__blas_ready(n, n, n))
        return false;
    double norm = norm_1(&e, a, e.buffer[BUFFERS - 1] + each), last = norms[dtype == TP_F64][DEGREES - 1];
    if (!isfinite(norm)) {
        tp__fill(n * n, y, dtype, (double)NAN);
        return true;
    }
    int degree = 0, squarings = norm > last ? (int)ceil(log2(norm / last)) : 0;
    while (degree < DEGREES - 1 && norm > norms[dtype == TP_F64][degree])
        degree++;
    memcpy(e.buffer[0], a, each);
    for (int64_t i = 0; i < n * n && squarings > 0; i++) {
        void *p = e.buffer[0] + (size_t)i * tp_dtype_size(dtype);
        tp__store(p, dtype, ldexp(tp__load(p, dtype), -squarings));
    }
    if (degree == 0)
        combine(&e, y, 1, 1, (const double[]){1}, (void *const[]){e.buffer[0]});
    else
        by_degree[degree](&e, e.buffer[0], y);
    for (int i = 0; i < squarings; i++) {
        memcpy(e.buffer[1], y, each);
        multiply(&e, e.buffer[1], e.buffer[1], 0, y);
    }
    return true;
}
