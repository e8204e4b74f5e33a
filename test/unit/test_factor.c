/* test_factor.c - factorizations and triangular solves as kernels: backward errors, singular and NaN matrices, the same
 * bits on any number of threads, in a fork's child; products cut in either way; the kernels that OpenBLAS picks. */
#define _DEFAULT_SOURCE
#include "kernel/blas_kind.h"
#include "kernel/triangle.h"
#include "support/support.h"

#include <float.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef _OPENMP
#include <omp.h>
#else
static void omp_set_num_threads(int n) { (void)n; }
#endif

/* Around the sizes at which something changes: vectors, panels, blocks, parts. */
static const int64_t orders[] = {1,   2,   3,   4,   8,   9,   15,  16,  17,  31,  33,  63,  64,
                                 65,  95,  96,  97,  100, 127, 128, 129, 160, 191, 193, 255, 256,
                                 257, 320, 352, 353, 400, 511, 512, 513, 600, 639, 640, 641, 700};

static _Thread_local uint64_t state;

static double uniform(void)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (double)(state >> 11) * 0x1p-52 - 1;
}

static size_t size_of(tp_dtype dtype) { return tp_dtype_size(dtype); }

static double get(const void *a, tp_dtype dtype, int64_t i)
{
    return tp__load((const char *)a + (size_t)i * size_of(dtype), dtype);
}

static void put(void *a, tp_dtype dtype, int64_t i, double v)
{
    tp__store((char *)a + (size_t)i * size_of(dtype), dtype, v);
}

static void *block(tp_dtype dtype, int64_t n)
{
    void *p = malloc((size_t)n * size_of(dtype) + 1);
    ck_assert_ptr_nonnull(p);
    return p;
}

static void *copy_of(const void *a, tp_dtype dtype, int64_t n)
{
    return memcpy(block(dtype, n), a, (size_t)n * size_of(dtype));
}

static void *randoms(tp_dtype dtype, int64_t n)
{
    void *a = block(dtype, n);
    for (int64_t i = 0; i < n; i++)
        put(a, dtype, i, uniform());
    return a;
}

/* B B^T / n + I / 4 */
static void *positive_definite(tp_dtype dtype, int64_t n)
{
    void *b = randoms(dtype, n * n), *a = block(dtype, n * n);
    for (int64_t i = 0; i < n * n; i++)
        put(a, dtype, i, i % (n + 1) == 0 ? 0.25 : 0);
    tp__gemm(dtype, false, true, n, n, n, 1.0 / (double)n, b, n, b, n, 1, a, n);
    free(b);
    return a;
}

static uint64_t hash(const void *a, size_t bytes)
{
    uint64_t h = 14695981039346656037u;
    for (size_t i = 0; i < bytes; i++)
        h = (h ^ ((const unsigned char *)a)[i]) * 1099511628211u;
    return h;
}

static double unit_of(tp_dtype dtype) { return dtype == TP_F32 ? FLT_EPSILON : DBL_EPSILON; }

/* ---- backward errors ------------------------------------------------------------------------------------------------ */

/* |A x - b| against |A| |x| + |b|, in the largest norms: what a backward stable solver keeps within a few n units
 * (N. J. Higham, "Accuracy and stability of numerical algorithms", 2002, theorem 7.1). */
static double backward_error(tp_dtype dtype, bool ta, int64_t n, int64_t k, const void *a, const void *x, const void *b)
{
    double worst = 0, size_a = 0, size_x = 0, size_b = 0, *y = calloc((size_t)(n * k), sizeof *y);
    for (int64_t i = 0; i < n; i++) {
        double row = 0;
        for (int64_t j = 0; j < n; j++) {
            double v = get(a, dtype, ta ? j * n + i : i * n + j);
            row += fabs(v);
            for (int64_t c = 0; c < k; c++)
                y[i * k + c] += v * get(x, dtype, j * k + c);
        }
        size_a = fmax(size_a, row);
    }
    for (int64_t i = 0; i < n * k; i++) {
        worst = fmax(worst, fabs(y[i] - get(b, dtype, i)));
        size_x = fmax(size_x, fabs(get(x, dtype, i)));
        size_b = fmax(size_b, fabs(get(b, dtype, i)));
        worst = isfinite(y[i]) ? worst : INFINITY;
    }
    free(y);
    return worst / (size_a * size_x + size_b);
}

static void check_solve(tp_dtype dtype, int64_t n, const void *a, const char *what)
{
    const int64_t columns[] = {1, 3, 70};
    void *lu = copy_of(a, dtype, n * n);
    int *pivots = malloc((size_t)n * sizeof *pivots);
    ck_assert_int_eq(tp__getrf(dtype, n, lu, pivots), 0);
    for (int ta = 0; ta < 2; ta++)
        for (int c = 0; c < 3; c++) {
            int64_t k = columns[c];
            void *b = randoms(dtype, n * k), *x = copy_of(b, dtype, n * k);
            ck_assert_int_eq(tp__getrs(dtype, ta, n, k, lu, pivots, x), 0);
            double error = backward_error(dtype, ta, n, k, a, x, b);
            ck_assert_msg(error < unit_of(dtype) * (4 + 0.05 * (double)n), "%s, order %d, %d columns: %g", what, (int)n,
                          (int)k, error);
            free(b);
            free(x);
        }
    free(lu);
    free(pivots);
}

START_TEST(solves)
{
    for (tp_dtype dtype = TP_F32; dtype <= TP_F64; dtype++) {
        void *a = randoms(dtype, orders[_i] * orders[_i]);
        check_solve(dtype, orders[_i], a, "random");
        free(a);
    }
}
END_TEST

/* Rows that grow like 10^(i / n 12), and A of rank n - 1 but for its rounding. */
START_TEST(badly_conditioned)
{
    int64_t n = 300;
    void *a = randoms(TP_F64, n * n);
    for (int64_t i = 0; i < n * n; i++)
        put(a, TP_F64, i, get(a, TP_F64, i) * pow(10, 12.0 * (double)(i / n) / (double)n));
    check_solve(TP_F64, n, a, "graded");
    for (int64_t j = 0; j < n; j++) {
        double sum = 0;
        for (int64_t i = 0; i < n - 1; i++)
            sum += get(a, TP_F64, i * n + j);
        put(a, TP_F64, (n - 1) * n + j, sum);
    }
    check_solve(TP_F64, n, a, "nearly singular");
    free(a);
}
END_TEST

/* Multipliers that are all -1, in blocks as wide as the panels: an inverse of a diagonal block would have elements of
 * 2^30 here, and their errors. (The last column's growth is that of partial pivoting itself, so it is left out.) */
START_TEST(multipliers_of_one)
{
    int64_t n = 160;
    void *a = block(TP_F64, n * n);
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n; j++) /* by rows the transpose of what is factored */
            put(a, TP_F64, j * n + i, i == j ? 1 : i > j && i / 32 == j / 32 ? -1 : i < j ? 1e-14 * uniform() : 0);
    check_solve(TP_F64, n, a, "multipliers of one");
    free(a);
}
END_TEST

START_TEST(choleskys)
{
    int64_t n = orders[_i];
    for (tp_dtype dtype = TP_F32; dtype <= TP_F64; dtype++) {
        void *a = positive_definite(dtype, n), *l = copy_of(a, dtype, n * n), *product = block(dtype, n * n);
        for (int64_t i = 0; i < n * n; i++) /* the upper half is not read */
            if (i / n < i % n)
                put(l, dtype, i, NAN);
        ck_assert_int_eq(tp__potrf(dtype, n, l), 0);
        for (int64_t i = 0; i < n * n; i++)
            ck_assert(i / n >= i % n || get(l, dtype, i) == 0);
        tp__gemm(dtype, false, true, n, n, n, 1, l, n, l, n, 0, product, n);
        double worst = 0;
        for (int64_t i = 0; i < n * n; i++)
            worst = fmax(worst, fabs(get(product, dtype, i) - get(a, dtype, i)));
        ck_assert_msg(worst < unit_of(dtype) * (4 + 0.05 * (double)n), "order %d: %g", (int)n, worst);
        free(a);
        free(l);
        free(product);
    }
}
END_TEST

/* ---- what cannot be factored ---------------------------------------------------------------------------------------- */

START_TEST(where_it_fails)
{
    int64_t n = orders[_i], at = n * 2 / 3;
    for (tp_dtype dtype = TP_F32; dtype <= TP_F64; dtype++) {
        void *a = randoms(dtype, n * n), *s = positive_definite(dtype, n);
        int *pivots = malloc((size_t)n * sizeof *pivots);
        for (int64_t i = 0; i < n; i++)
            put(a, dtype, at * n + i, 0); /* a row of zeros: of the memory, so the column of what is factored */
        ck_assert_int_eq(tp__getrf(dtype, n, a, pivots), (int)at + 1);
        put(s, dtype, at * n + at, -1);
        ck_assert_int_eq(tp__potrf(dtype, n, s), (int)at + 1);
        free(a);
        free(s);
        free(pivots);
    }
}
END_TEST

START_TEST(nans_end)
{
    int64_t n = orders[_i];
    for (tp_dtype dtype = TP_F32; dtype <= TP_F64; dtype++)
        for (int all = 0; all < 2; all++) {
            void *a = randoms(dtype, n * n), *s = positive_definite(dtype, n), *b = randoms(dtype, n * 3);
            int *pivots = malloc((size_t)n * sizeof *pivots);
            for (int64_t i = 0; i < n * n; i++)
                if (all || i == n * n / 2 / n * n + n / 2) {
                    put(a, dtype, i, NAN);
                    put(s, dtype, i, NAN);
                }
            int info = tp__getrf(dtype, n, a, pivots);
            for (int64_t i = 0; i < n; i++)
                ck_assert(pivots[i] > i && pivots[i] <= n);
            if (info == 0) {
                ck_assert_int_eq(tp__getrs(dtype, false, n, 3, a, pivots, b), 0);
                ck_assert(isnan(get(b, dtype, 0)) || n > 1);
            }
            tp__potrf(dtype, n, s);
            free(a);
            free(s);
            free(b);
            free(pivots);
        }
}
END_TEST

/* ---- triangles of all kinds ------------------------------------------------------------------------------------------ */

START_TEST(triangles)
{
    static const int64_t sizes[][2] = {{1, 1},   {3, 5},    {17, 1},  {64, 64},   {65, 7},
                                       {70, 33}, {130, 65}, {200, 2}, {257, 300}, {513, 129}};
    int64_t m = sizes[_i][0], n = sizes[_i][1], lda = m + 3, ldb = n + 2;
    for (int kind = 0; kind < 16; kind++) {
        tp_dtype dtype = kind & 8 ? TP_F64 : TP_F32;
        bool upper = kind & 4, ta = kind & 2, unit = kind & 1;
        void *a = block(dtype, m * lda), *x = randoms(dtype, m * ldb), *b = copy_of(x, dtype, m * ldb),
             *t = block(dtype, m * m);
        for (int64_t i = 0; i < m * m; i++) {
            int64_t r = i / m, c = i % m;
            double v = r == c ? 1.5 + 0.5 * uniform() : (upper ? r < c : r > c) ? uniform() / (double)m : 0;
            put(a, dtype, r * lda + c, v == 0 || (unit && r == c) ? NAN : v); /* what is not to be read */
            put(t, dtype, ta ? c * m + r : i, unit && r == c ? 1 : v);
        }
        ck_assert(tp__trsm(dtype, upper, ta, unit, m, n, a, lda, x, ldb));
        for (int64_t j = 0; j < n; j += 1 + n / 7)
            for (int64_t i = 0; i < m; i++) {
                double sum = 0;
                for (int64_t k = 0; k < m; k++)
                    sum += get(t, dtype, i * m + k) * get(x, dtype, k * ldb + j);
                ck_assert_msg(fabs(sum - get(b, dtype, i * ldb + j)) < 16 * unit_of(dtype), "%d x %d, kind %d", (int)m,
                              (int)n, kind);
            }
        for (int64_t i = 0; i < m; i++)
            for (int64_t j = n; j < ldb; j++)
                ck_assert(get(x, dtype, i * ldb + j) == get(b, dtype, i * ldb + j));
        free(a);
        free(x);
        free(b);
        free(t);
    }
}
END_TEST

/* ---- the same bits on any number of threads ------------------------------------------------------------------------- */

typedef struct {
    uint64_t lu, solution, cholesky, triangle, product[4], vector[2], dot;
} bits;

static bits bits_of(tp_dtype dtype, int64_t n)
{
    bits h;
    size_t bytes = (size_t)(n * n) * size_of(dtype);
    state = (uint64_t)n;
    void *a = randoms(dtype, n * n), *s = positive_definite(dtype, n), *lu = copy_of(a, dtype, n * n),
         *b = randoms(dtype, n * n), *c = block(dtype, n * n);
    int *pivots = malloc((size_t)n * sizeof *pivots);
    for (int form = 0; form < 4; form++) {
        tp__gemm(dtype, form & 1, form & 2, n, n, n, 1, a, n, b, n, 0, c, n);
        h.product[form] = hash(c, bytes);
    }
    for (int form = 0; form < 2; form++) {
        tp__gemv(dtype, form, n, n, 1, a, n, b, 1, 0, c, 1);
        h.vector[form] = hash(c, (size_t)n * size_of(dtype));
    }
    double dot = tp__dot(dtype, n * n, a, 1, b, 1);
    h.dot = hash(&dot, sizeof dot);
    tp__getrf(dtype, n, lu, pivots);
    h.lu = hash(lu, bytes);
    tp__getrs(dtype, false, n, n, lu, pivots, b);
    h.solution = hash(b, bytes);
    tp__potrf(dtype, n, s);
    h.cholesky = hash(s, bytes);
    tp__trsm(dtype, false, true, false, n, n, s, n, b, n);
    h.triangle = hash(b, bytes);
    free(a);
    free(s);
    free(lu);
    free(b);
    free(c);
    free(pivots);
    return h;
}

START_TEST(same_bits)
{
    for (tp_dtype dtype = TP_F32; dtype <= TP_F64; dtype++) {
        bits one = {0};
        for (int threads = 1; threads <= 4; threads++) {
            omp_set_num_threads(threads);
            bits h = bits_of(dtype, orders[_i]);
            one = threads == 1 ? h : one;
            const uint64_t *p = (const uint64_t *)&one, *q = (const uint64_t *)&h;
            for (size_t i = 0; i < sizeof h / sizeof *p; i++)
                ck_assert_msg(p[i] == q[i], "order %d, %d threads: result %d differs", (int)orders[_i], threads,
                              (int)i);
        }
    }
}
END_TEST

/* Inside a loop of ours and beside another one, too. */
static void factor_in_loop(int64_t begin, int64_t end, void *user)
{
    for (int64_t i = begin; i < end; i++)
        ((bits *)user)[i] = bits_of(TP_F64, 353);
}

START_TEST(same_bits_within_loops)
{
    bits h[4];
    omp_set_num_threads(2);
    bits one = bits_of(TP_F64, 353);
    tp__parallel_for(4, 1, factor_in_loop, h);
    for (int i = 0; i < 4; i++)
        ck_assert_mem_eq(&h[i], &one, sizeof one);
}
END_TEST

START_TEST(after_a_fork)
{
    omp_set_num_threads(2);
    bits here = bits_of(TP_F64, 641);
    pid_t child = fork();
    if (child == 0) {
        signal(SIGALRM, SIG_DFL);
        alarm(60); /* a child that hangs */
        bits there = bits_of(TP_F64, 641);
        _exit(memcmp(&here, &there, sizeof here) != 0);
    }
    int status = -1;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
}
END_TEST

/* ---- products, cut in either way, by each set of kernels ------------------------------------------------------------- */

static void check_cuts(const char *core)
{
    static const int64_t sizes[][3] = {{2, 2, 1},       {5, 70, 3},      {16, 16, 16},  {64, 64, 64},
                                       {33, 17, 130},   {100, 1000, 20}, {65, 33, 129}, {513, 40, 70},
                                       {128, 256, 300}, {97, 300, 257},  {600, 70, 64}};
    for (size_t z = 0; z < LENGTH(sizes); z++)
        for (int form = 0; form < 16; form++) {
            int64_t m = sizes[z][0], n = sizes[z][1], k = sizes[z][2];
            bool ta = form & 1, tb = form & 2;
            tp_dtype dtype = form & 4 ? TP_F64 : TP_F32;
            double beta = form & 8 ? 0.5 : 0;
            int64_t lda = (ta ? m : k) + 1, ldb = (tb ? k : n) + 2, ldc = n + 3;
            void *a = randoms(dtype, (ta ? k : m) * lda), *b = randoms(dtype, (tb ? n : k) * ldb),
                 *c = randoms(dtype, m * ldc);
            for (tp__cut cut = TP__IN_PANELS; cut <= TP__IN_PARTS; cut++) {
                void *y = copy_of(c, dtype, m * ldc);
                ck_assert(tp__gemm_cut(cut, dtype, ta, tb, m, n, k, 2, a, lda, b, ldb, beta, y, ldc));
                for (int64_t i = 0; i < m; i += 1 + m / 12)
                    for (int64_t j = 0; j < ldc; j++) {
                        double sum = 0;
                        for (int64_t p = 0; p < k && j < n; p++)
                            sum += get(a, dtype, ta ? p * lda + i : i * lda + p) *
                                   get(b, dtype, tb ? j * ldb + p : p * ldb + j);
                        double was = get(c, dtype, i * ldc + j), want = j < n ? 2 * sum + beta * was : was;
                        double error = fabs(get(y, dtype, i * ldc + j) - want);
                        ck_assert_msg(error <= unit_of(dtype) * (8 + 2 * (double)k),
                                      "%s: %d x %d x %d, form %d, cut %d: (%d, %d) is %g off", core, (int)m, (int)n,
                                      (int)k, form, (int)cut, (int)i, (int)j, error);
                    }
                free(y);
            }
            free(a);
            free(b);
            free(c);
        }
}

START_TEST(cuts) { check_cuts("as it is"); }
END_TEST

static void *wait_for_ever(void *unused)
{
    for (;;)
        sleep(1);
    return unused;
}

/* Each set of kernels that this processor can run, one after another. */
START_TEST(kernels_are_switched)
{
    static const struct {
        const char *name;
        tp__isa isa;
    } cores[] = {{"Prescott", TP__ISA_BASE},   {"Haswell", TP__ISA_AVX2},      {"Zen", TP__ISA_AVX2},
                 {"SkylakeX", TP__ISA_AVX512}, {"Cooperlake", TP__ISA_AVX512}, {"Prescott", TP__ISA_BASE}};
    for (size_t i = 0; i < LENGTH(cores); i++) {
        if (cores[i].isa > tp__cpu().isa || !tp__blas_use_core(cores[i].name)) {
            printf("kernels_are_switched: not tested with those of %s, which this processor or this BLAS has not\n",
                   cores[i].name);
            continue;
        }
        ck_assert_msg(strstr(tp_blas_info(), cores[i].name), "%s", tp_blas_info());
        check_cuts(cores[i].name);
        for (int threads = 1; threads <= 3; threads += 2) {
            omp_set_num_threads(threads);
            void *a = randoms(TP_F32, 400 * 400);
            check_solve(TP_F32, 400, a, cores[i].name);
            free(a);
        }
    }
}
END_TEST

/* What an OpenBLAS that does not know the processor would get: better kernels, but where the user said otherwise or
 * other threads are there. The environment stays as it was. */
START_TEST(kernels_are_chosen)
{
    unsetenv("TAPIR_BLAS_CORE");
    unsetenv("OPENBLAS_CORETYPE");
    const char *unable = tp__blas_core_for(tp__cpu()) == NULL ? "any kernels suit this processor"
                         : !tp__blas_use_core("Prescott")     ? "this BLAS has no kernels to choose among"
                                                              : NULL;
    if (unable) {
        printf("kernels_are_chosen: not tested, for %s (%s)\n", unable, tp_blas_info());
        return;
    }
    ck_assert_ptr_null(getenv("OPENBLAS_CORETYPE"));
    setenv("OPENBLAS_CORETYPE", "Prescott", 1);
    tp__blas_choose_core();
    ck_assert_str_eq(getenv("OPENBLAS_CORETYPE"), "Prescott");
    ck_assert_msg(strstr(tp_blas_info(), "Prescott") && strstr(tp_blas_info(), "would suit"), "%s", tp_blas_info());
    unsetenv("OPENBLAS_CORETYPE");
    setenv("TAPIR_BLAS_CORE", "off", 1);
    tp__blas_choose_core();
    ck_assert_msg(strstr(tp_blas_info(), "TAPIR_BLAS_CORE"), "%s", tp_blas_info());
    unsetenv("TAPIR_BLAS_CORE");
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, wait_for_ever, NULL), 0);
    tp__blas_choose_core();
    ck_assert_msg(strstr(tp_blas_info(), "threads were at work"), "%s", tp_blas_info());
    pthread_cancel(thread);
    pthread_join(thread, NULL);
    tp__blas_choose_core();
    ck_assert_ptr_null(getenv("OPENBLAS_CORETYPE"));
    ck_assert_msg(strstr(tp_blas_info(), "instead of Prescott") && !strstr(tp_blas_info(), "would suit"), "%s",
                  tp_blas_info());
    check_cuts("chosen");
    omp_set_num_threads(3);
    bits three = bits_of(TP_F32, 513);
    omp_set_num_threads(1);
    bits one = bits_of(TP_F32, 513);
    ck_assert_mem_eq(&one, &three, sizeof one);
}
END_TEST

/* What would be picked, for processors that are not at hand. */
START_TEST(kernels_for_processors)
{
    ck_assert_str_eq(tp__blas_core_for((tp__processor){TP__INTEL, 6, TP__ISA_AVX512, true}), "Cooperlake");
    ck_assert_str_eq(tp__blas_core_for((tp__processor){TP__AMD, 26, TP__ISA_AVX512, true}), "Cooperlake");
    ck_assert_str_eq(tp__blas_core_for((tp__processor){TP__INTEL, 6, TP__ISA_AVX512, false}), "SkylakeX");
    ck_assert_str_eq(tp__blas_core_for((tp__processor){TP__INTEL, 6, TP__ISA_AVX2, false}), "Haswell");
    ck_assert_str_eq(tp__blas_core_for((tp__processor){TP__AMD, 25, TP__ISA_AVX2, false}), "Zen");
    ck_assert_ptr_null(tp__blas_core_for((tp__processor){TP__INTEL, 6, TP__ISA_BASE, false}));
}
END_TEST

/* ---- products of vectors --------------------------------------------------------------------------------------------- */

START_TEST(dots)
{
    static const int64_t lengths[] = {0, 1, 7, 16384, 16385, 100000, 5000001};
    int64_t n = lengths[_i];
    for (tp_dtype dtype = TP_F32; dtype <= TP_F64; dtype++)
        for (int64_t step = 1; step <= 2; step++) {
            void *x = randoms(dtype, n * step), *y = randoms(dtype, n);
            long double want = 0, back = 0;
            for (int64_t i = 0; i < n; i++) {
                want += (long double)get(x, dtype, i * step) * get(y, dtype, i);
                back += (long double)get(x, dtype, i * step) * get(y, dtype, n - 1 - i);
            }
            double bound = unit_of(dtype) * 20 * sqrt((double)n);
            ck_assert_ldouble_le(fabsl(tp__dot(dtype, n, x, step, y, 1) - want), bound);
            if (n > 0)
                ck_assert_ldouble_le(
                    fabsl(tp__dot(dtype, n, x, step, (char *)y + (size_t)(n - 1) * size_of(dtype), -1) - back), bound);
            free(x);
            free(y);
        }
}
END_TEST

/* What goes back by panels is what the formula in operators gives: of the order of a panel, more, and a batch. */
START_TEST(choleskys_back)
{
    static const int64_t sides[] = {1, 5, 31, 32, 33, 64, 70, 129};
    tp_dtype dtype = _i % 2 ? TP_F64 : TP_F32;
    int64_t n = sides[_i / 2];
    tp_tape *T = tp_tape_new();
    tp_manual_seed(T, 3);
    tp_tensor *x = tp_randn(T, dtype, tp_shape(2, n, n));
    tp_tensor *a = tp_add(T, tp_matmul(T, x, tp_transpose(T, x, -1, -2)),
                          tp_mul_scalar(T, tp_eye(T, dtype, n, n), (double)n));
    a = tp_requires_grad(tp_detach(T, a), true);
    tp_tensor *l = tp_linalg_cholesky(T, a), *g = tp_randn(T, dtype, tp_shape(2, n, n)), *by[2];
    for (int graph = 0; graph < 2; graph++) {
        tp_gradients_options o = {.grad_outputs = &g, .retain_graph = true, .create_graph = graph == 1};
        ck_assert_int_eq(tp_gradients(T, 1, &l, 1, &a, &by[graph], &o), TP_OK);
    }
    double off = tp_item(tp_amax(T, tp_abs(T, tp_sub(T, by[0], by[1])), 0, NULL, false));
    double most = tp_item(tp_amax(T, tp_abs(T, by[1]), 0, NULL, false));
    ck_no_error(T);
    ck_assert_msg(off <= 16 * (dtype == TP_F32 ? (double)FLT_EPSILON : DBL_EPSILON) * most, "order %d: off by %g of %g",
                  (int)n, off, most);
    ck_assert(tp_equal(T, by[0], tp_transpose(T, by[0], -1, -2)));
    tp_tape_free(T);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("factor");
    TCase *t = tcase_create("factor");
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, solves, 0, (int)LENGTH(orders));
    tcase_add_test(t, badly_conditioned);
    tcase_add_test(t, multipliers_of_one);
    tcase_add_loop_test(t, choleskys, 0, (int)LENGTH(orders));
    tcase_add_loop_test(t, choleskys_back, 0, 16);
    tcase_add_loop_test(t, where_it_fails, 0, (int)LENGTH(orders));
    tcase_add_loop_test(t, nans_end, 0, (int)LENGTH(orders));
    tcase_add_loop_test(t, triangles, 0, 10);
    tcase_add_loop_test(t, same_bits, 0, (int)LENGTH(orders));
    tcase_add_test(t, same_bits_within_loops);
    tcase_add_test(t, after_a_fork);
    tcase_add_test(t, cuts);
    tcase_add_test(t, kernels_are_switched);
    tcase_add_test(t, kernels_are_chosen);
    tcase_add_test(t, kernels_for_processors);
    tcase_add_loop_test(t, dots, 0, 7);
    suite_add_tcase(suite, t);
    return run_suite(suite);
}
