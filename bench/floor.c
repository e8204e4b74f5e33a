/* floor.c - what the hardware and BLAS alone take for a row, without the library: the same products,
 * or the same bytes, in buffers that are ready and in huge pages where the system gives them. */
#define _DEFAULT_SOURCE
#include "bench.h"

#include <cblas.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#ifdef _OPENMP
#include <omp.h>
#else
static int omp_get_max_threads(void) { return 1; }
static int omp_get_thread_num(void) { return 0; }
#endif
#if defined(__x86_64__)
#include <immintrin.h>
#endif

/* ---- buffers ---- */

enum { HUGE_PAGE = 1 << 21 };

static void *buffer(int64_t n, size_t size)
{
    size_t bytes = ((size_t)n * size + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
    void *p = aligned_alloc(HUGE_PAGE, bytes);
    if (p != NULL)
        madvise(p, bytes, MADV_HUGEPAGE);
    return p;
}

/* Touched by the threads that will use it; small values of no pattern. */
static float *floats(int64_t n)
{
    float *p = buffer(n, sizeof *p);
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < (p == NULL ? 0 : n); i++)
        p[i] = (float)((uint32_t)i * 2654435761u >> 20) / 4096.0f - 0.5f;
    return p;
}

static double *doubles(int64_t n)
{
    double *p = buffer(n, sizeof *p);
    for (int64_t i = 0; i < (p == NULL ? 0 : n); i++)
        p[i] = (double)((uint32_t)i * 2654435761u >> 20) / 4096.0 - 0.5;
    return p;
}

/* ---- products ---- */

typedef struct {
    const bench_product *of;
    void *a, *b, *c;
} product;

static void run_gemm(void *arg)
{
    product *p = arg;
    int n = (int)p->of->n;
    CBLAS_TRANSPOSE ta = p->of->ta ? CblasTrans : CblasNoTrans, tb = p->of->tb ? CblasTrans : CblasNoTrans;
    if (p->of->dtype == TP_F64)
        cblas_dgemm(CblasRowMajor, ta, tb, n, n, n, 1, p->a, n, p->b, n, 0, p->c, n);
    else
        cblas_sgemm(CblasRowMajor, ta, tb, n, n, n, 1, p->a, n, p->b, n, 0, p->c, n);
}

static void run_sgemv(void *arg)
{
    product *p = arg;
    int n = (int)p->of->n;
    cblas_sgemv(CblasRowMajor, CblasNoTrans, n, n, 1, p->a, n, p->b, 1, 0, p->c, 1);
}

static double product_seconds(const bench_product *b, void (*run)(void *), double budget)
{
    int64_t area = b->n * b->n;
    product p = {b, NULL, NULL, NULL};
    void **operand[3] = {&p.a, &p.b, &p.c};
    for (int i = 0; i < 3; i++)
        *operand[i] = b->dtype == TP_F64 ? (void *)doubles(area) : (void *)floats(area);
    bool ok = p.a != NULL && p.b != NULL && p.c != NULL;
    double seconds = ok ? bench_time(run, &p, budget).best : 0;
    free(p.a);
    free(p.b);
    free(p.c);
    return seconds;
}

double floor_gemm(const workload *w, double budget) { return product_seconds(w->arg, run_gemm, budget); }

double floor_gemv(const workload *w, double budget) { return product_seconds(w->arg, run_sgemv, budget); }

/* ---- the products of a training step ---- */

typedef struct {
    const bench_net *net;
    float *act[BENCH_MAX_LAYERS + 1], *grad_act[BENCH_MAX_LAYERS + 1]; /* [batch, size] */
    float *weight[BENCH_MAX_LAYERS], *grad_weight[BENCH_MAX_LAYERS];   /* [out, in]     */
} net_buffers;

/* C [m, n] = op(A) op(B), k between them; all row-major and dense */
static void multiply(CBLAS_TRANSPOSE ta, CBLAS_TRANSPOSE tb, int64_t m, int64_t n, int64_t k, const float *a,
                     const float *b, float *c)
{
    int64_t lda = ta == CblasTrans ? m : k, ldb = tb == CblasTrans ? k : n;
    cblas_sgemm(CblasRowMajor, ta, tb, (int)m, (int)n, (int)k, 1, a, (int)lda, b, (int)ldb, 0, c, (int)n);
}

/* Y = X W^T forward; dW = dY^T X and, but for the first layer, dX = dY W backward. */
static void run_net(void *arg)
{
    net_buffers *b = arg;
    const bench_net *net = b->net;
    int64_t batch = net->batch;
    for (int i = 0; i < net->layers; i++) {
        int64_t in = net->size[i], out = net->size[i + 1];
        multiply(CblasNoTrans, CblasTrans, batch, out, in, b->act[i], b->weight[i], b->act[i + 1]);
    }
    for (int i = net->layers - 1; i >= 0; i--) {
        int64_t in = net->size[i], out = net->size[i + 1];
        multiply(CblasTrans, CblasNoTrans, out, in, batch, b->grad_act[i + 1], b->act[i], b->grad_weight[i]);
        if (i > 0)
            multiply(CblasNoTrans, CblasNoTrans, batch, in, out, b->grad_act[i + 1], b->weight[i], b->grad_act[i]);
    }
}

/* Weights are small, so that values stay in range however deep the chain is. */
static bool net_open(net_buffers *b, const bench_net *net)
{
    bool ok = true;
    b->net = net;
    for (int i = 0; i <= net->layers; i++) {
        b->act[i] = floats(net->batch * net->size[i]);
        b->grad_act[i] = floats(net->batch * net->size[i]);
        ok = ok && b->act[i] != NULL && b->grad_act[i] != NULL;
    }
    for (int i = 0; i < net->layers; i++) {
        int64_t count = net->size[i] * net->size[i + 1];
        b->weight[i] = floats(count);
        b->grad_weight[i] = floats(count);
        ok = ok && b->weight[i] != NULL && b->grad_weight[i] != NULL;
        if (ok)
            cblas_sscal((int)count, 0.02f, b->weight[i], 1);
    }
    return ok;
}

static void net_close(net_buffers *b)
{
    for (int i = 0; i <= BENCH_MAX_LAYERS; i++) {
        free(b->act[i]);
        free(b->grad_act[i]);
    }
    for (int i = 0; i < BENCH_MAX_LAYERS; i++) {
        free(b->weight[i]);
        free(b->grad_weight[i]);
    }
}

static double net_seconds(const bench_net *net, double budget)
{
    net_buffers b = {0};
    double seconds = net_open(&b, net) ? bench_time(run_net, &b, budget).best : 0;
    net_close(&b);
    return seconds;
}

double floor_net(const workload *w, double budget) { return net_seconds(w->arg, budget); }

/* Of a second derivative through two 64 x 64 layers: each layer is met four times before the last
 * sweep (forward, gradient, gradient of the gradient: twice), so 8 in all, and each of these has a
 * gradient in the last sweep. That is a chain of 8 layers; products with 2 or 1 columns do not count. */
double floor_pinn(const workload *w, double budget)
{
    const bench_net *net = w->arg;
    bench_net chain = {.layers = 8, .batch = net->batch};
    for (int i = 0; i <= chain.layers; i++)
        chain.size[i] = net->size[1];
    return net_seconds(&chain, budget);
}

/* Of a Hessian times a vector through two 64 x 64 layers: products forward and backward, for input and weight, and
 * the derivative of each of these by both of its factors: as many as a chain of 6 layers has in a training step. */
double floor_hvp(const workload *w, double budget)
{
    const bench_net *net = w->arg;
    bench_net chain = {.layers = 6, .batch = net->batch};
    for (int i = 0; i <= chain.layers; i++)
        chain.size[i] = net->size[1];
    return net_seconds(&chain, budget);
}

double floor_net_bytes(const workload *w)
{
    if (w->floor != floor_net)
        return 0;
    const bench_net *net = w->arg;
    double count = 0;
    for (int i = 0; i < net->layers; i++)
        count += (double)(net->size[i] + 1) * (double)net->size[i + 1];
    return count * 4 * (net->optim == BENCH_SGD ? 2 : 4);
}

/* ---- memory ---- */

enum { STREAM = 1 << 24, CHUNK = 1 << 16 }; /* floats: 64 MiB, beyond any cache; 256 KiB */

typedef struct {
    int64_t n;
    float *s[4];
    double sink;
} streams;

/* memcpy stores past the cache where that is faster. */
static void run_copy(void *arg)
{
    streams *s = arg;
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < s->n; i += CHUNK)
        memcpy(s->s[1] + i, s->s[0] + i, CHUNK * sizeof(float));
}

static void run_triad(void *arg)
{
    streams *s = arg;
    float *restrict a = s->s[0];
    const float *restrict b = s->s[1], *restrict c = s->s[2];
#pragma omp parallel for simd schedule(static)
    for (int64_t i = 0; i < s->n; i++)
        a[i] = b[i] + 0.5f * c[i];
}

/* Compiled for what the processor has: a read in narrow pieces does not reach the bandwidth. */
#if defined(__x86_64__) && defined(__GNUC__)
__attribute__((target_clones("avx512f", "avx2", "default")))
#endif
static float
sum_chunk(const float *x)
{
    enum { PART = CHUNK / 4 }; /* four sums, as an addition waits for the one before it */
    float a = 0, b = 0, c = 0, d = 0;
#pragma omp simd reduction(+ : a, b, c, d)
    for (int64_t i = 0; i < PART; i++) {
        a += x[i];
        b += x[i + PART];
        c += x[i + 2 * PART];
        d += x[i + 3 * PART];
    }
    return a + b + c + d;
}

static void run_read(void *arg)
{
    streams *s = arg;
    double total = 0;
#pragma omp parallel for schedule(static) reduction(+ : total)
    for (int64_t i = 0; i < s->n; i += CHUNK)
        total += (double)sum_chunk(s->s[0] + i);
    s->sink += total;
}

static void run_update2(void *arg)
{
    streams *s = arg;
    float *restrict p = s->s[0], *restrict m = s->s[1];
    const float *restrict g = s->s[2];
#pragma omp parallel for simd schedule(static)
    for (int64_t i = 0; i < s->n; i++) {
        m[i] = 0.9f * m[i] + g[i];
        p[i] -= 1e-3f * m[i];
    }
}

static void run_update3(void *arg)
{
    streams *s = arg;
    float *restrict p = s->s[0], *restrict m = s->s[1], *restrict v = s->s[2];
    const float *restrict g = s->s[3];
#pragma omp parallel for simd schedule(static)
    for (int64_t i = 0; i < s->n; i++) {
        m[i] = 0.9f * m[i] + 0.1f * g[i];
        v[i] = 0.9f * v[i] + 0.1f * g[i];
        p[i] -= 1e-3f * m[i] + 1e-3f * v[i];
    }
}

static double stream_seconds(void (*run)(void *), int n_streams, int64_t n, double budget)
{
    streams s = {.n = n};
    bool ok = true;
    for (int i = 0; i < n_streams; i++)
        ok = (s.s[i] = floats(n)) != NULL && ok;
    double seconds = ok ? bench_time(run, &s, budget).best : 0;
    for (int i = 0; i < n_streams; i++)
        free(s.s[i]);
    return seconds;
}

/* GB/s of `run`, which moves `moved` arrays a call */
static double bandwidth(void (*run)(void *), int n_streams, int moved, double budget)
{
    double seconds = stream_seconds(run, n_streams, STREAM, budget);
    return seconds > 0 ? moved * 4e-9 * STREAM / seconds : 0;
}

static double seconds_at(double gigabytes, double rate) { return rate > 0 ? gigabytes / rate : 0; }

double floor_copy(const workload *w, double budget) { return seconds_at(w->work, bandwidth(run_copy, 2, 2, budget)); }

double floor_rows(const workload *w, double budget)
{
    return seconds_at(w->work * 784 * 8e-9, bandwidth(run_copy, 2, 2, budget));
}

double floor_read(const workload *w, double budget)
{
    (void)w;
    return stream_seconds(run_read, 1, STREAM, budget);
}

/* A row over ten million parameters, of either precision: the same bytes in floats. */
double floor_adam(const workload *w, double budget)
{
    return stream_seconds(run_update3, 4, (int64_t)(w->work * 1e9 / (7 * 4) + 0.5), budget);
}

double floor_sgdm(const workload *w, double budget)
{
    return stream_seconds(run_update2, 3, (int64_t)(w->work * 1e9 / (5 * 4) + 0.5), budget);
}

/* ---- the machine ---- */

enum { LANES = 16, CHAINS = 12, ROUNDS = 1 << 16 }; /* chains enough to hide the latency of two units */

#if defined(__x86_64__)
__attribute__((target("avx512f"))) static float fma_avx512(float x)
{
    __m512 a[CHAINS], f = _mm512_set1_ps(x);
    for (int c = 0; c < CHAINS; c++)
        a[c] = _mm512_set1_ps((float)c);
    for (int i = 0; i < ROUNDS; i++)
        for (int c = 0; c < CHAINS; c++)
            a[c] = _mm512_fmadd_ps(a[c], f, f);
    for (int c = 1; c < CHAINS; c++)
        a[0] = _mm512_add_ps(a[0], a[c]);
    return _mm512_cvtss_f32(a[0]);
}

__attribute__((target("avx2,fma"))) static float fma_avx2(float x)
{
    __m256 a[CHAINS], f = _mm256_set1_ps(x);
    for (int c = 0; c < CHAINS; c++)
        a[c] = _mm256_set1_ps((float)c);
    for (int i = 0; i < 2 * ROUNDS; i++) /* as much work */
        for (int c = 0; c < CHAINS; c++)
            a[c] = _mm256_fmadd_ps(a[c], f, f);
    for (int c = 1; c < CHAINS; c++)
        a[0] = _mm256_add_ps(a[0], a[c]);
    return _mm256_cvtss_f32(a[0]);
}
#endif

static void run_fma(void *arg)
{
    volatile float *sink = arg;
#pragma omp parallel
    {
        float r = 0;
#if defined(__x86_64__)
        if (__builtin_cpu_supports("avx512f"))
            r = fma_avx512(*sink);
        else if (__builtin_cpu_supports("fma"))
            r = fma_avx2(*sink);
#endif
        if (r < 0) /* never; but the compiler does not know */
            *sink = r;
    }
}

/* The rate of multiply-adds in float32 on all threads; 0 where it is not known how to ask the processor. */
static double fma_rate(double budget)
{
    float one = 0.5f;
    double seconds = bench_time(run_fma, &one, budget).best;
    double flops = 2e-9 * LANES * CHAINS * ROUNDS * omp_get_max_threads();
#if defined(__x86_64__)
    return __builtin_cpu_supports("fma") && seconds > 0 ? flops / seconds : 0;
#else
    return 0 * flops * seconds;
#endif
}

enum { HOPS = 2000 };

static void run_hops(void *arg)
{
    atomic_int *turn = arg;
    atomic_store(turn, 0);
#pragma omp parallel num_threads(2)
    {
        int me = omp_get_thread_num();
        for (int i = 0; i < HOPS; i++) {
            while (atomic_load_explicit(turn, memory_order_acquire) != me)
                ;
            atomic_store_explicit(turn, 1 - me, memory_order_release);
        }
    }
}

double floor_fma(const workload *w, double budget) { return w->work / fma_rate(budget); }
double floor_cnn(const workload *w, double budget) { return ((const bench_cnn *)w->arg)->work / fma_rate(budget); }

void floor_limits(floor_limit limit[FLOOR_LIMITS], double budget)
{
    bench_product square = {.dtype = TP_F32, .n = 2048};
    double seconds = product_seconds(&square, run_gemm, budget);
    double flops = 2e-9 * 2048 * 2048 * 2048;
    limit[0] = (floor_limit){"sgemm_2048_raw", "GFLOP/s", seconds > 0 ? flops / seconds : 0};
    limit[1] = (floor_limit){"copy", "GB/s", bandwidth(run_copy, 2, 2, budget)};
    limit[2] = (floor_limit){"triad", "GB/s", bandwidth(run_triad, 3, 3, budget)};
    limit[3] = (floor_limit){"read", "GB/s", bandwidth(run_read, 1, 1, budget)};
    limit[4] = (floor_limit){"fma", "GFLOP/s", fma_rate(budget)};
    atomic_int turn;
    seconds = omp_get_max_threads() > 1 ? bench_time(run_hops, &turn, budget).best : 0;
    limit[5] = (floor_limit){"hop", "ns", seconds / HOPS * 1e9};
}
