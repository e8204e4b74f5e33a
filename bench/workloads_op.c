/* workloads_op.c - matrix products, and what one small operator costs. */
#include "bench.h"

/* ---- products ---- */

static void product_setup(bench_state *s)
{
    const bench_product *p = s->w->arg;
    s->n_in = 2;
    for (int i = 0; i < 2; i++)
        s->in[i] = bench_randn(s->T, p->dtype, tp_shape(p->n, p->n));
}

static void product_run(bench_state *s)
{
    const bench_product *p = s->w->arg;
    tp_tensor *a = p->ta ? tp_t(s->T, s->in[0]) : s->in[0], *b = p->tb ? tp_t(s->T, s->in[1]) : s->in[1];
    tp_mm(s->T, a, b);
    tp_tape_reset(s->T);
}

static void vector_setup(bench_state *s)
{
    const bench_product *p = s->w->arg;
    s->n_in = 2;
    s->in[0] = bench_randn(s->T, p->dtype, tp_shape(p->n, p->n));
    s->in[1] = bench_randn(s->T, p->dtype, tp_shape(p->n));
}

static void vector_run(bench_state *s)
{
    tp_mv(s->T, s->in[0], s->in[1]);
    tp_tape_reset(s->T);
}

/* 2 n^3 operations, and 4 n^2 bytes, in units of 10^9 */
#define CUBE(n) (2e-9 * (n) * (n) * (n))
#define GEMM(name, dtype, n, ta, tb) \
    { \
        name, "GFLOP/s", CUBE(n), false, product_setup, product_run, &(const bench_product){dtype, n, ta, tb}, \
            floor_gemm \
    }
#define GEMV(name, n) \
    { \
        name, "GB/s", 4e-9 * (n) * (n), false, vector_setup, vector_run, \
            &(const bench_product){TP_F32, n, false, false}, floor_gemv \
    }
#define SQUARES(letter, dtype) \
    GEMM(letter "gemm_64", dtype, 64, false, false), GEMM(letter "gemm_128", dtype, 128, false, false), \
        GEMM(letter "gemm_256", dtype, 256, false, false), GEMM(letter "gemm_512", dtype, 512, false, false), \
        GEMM(letter "gemm_1024", dtype, 1024, false, false), GEMM(letter "gemm_2048", dtype, 2048, false, false)
#define TRANSPOSED(letter, dtype, form, ta, tb) \
    GEMM(letter "gemm_128_" form, dtype, 128, ta, tb), GEMM(letter "gemm_512_" form, dtype, 512, ta, tb), \
        GEMM(letter "gemm_2048_" form, dtype, 2048, ta, tb)

const workload bench_products[] = {
    SQUARES("s", TP_F32),
    SQUARES("d", TP_F64),
    TRANSPOSED("s", TP_F32, "nt", false, true),
    TRANSPOSED("s", TP_F32, "tn", true, false),
    TRANSPOSED("s", TP_F32, "tt", true, true),
    TRANSPOSED("d", TP_F64, "nt", false, true),
    TRANSPOSED("d", TP_F64, "tn", true, false),
    TRANSPOSED("d", TP_F64, "tt", true, true),
    GEMV("sgemv_1024", 1024),
    GEMV("sgemv_4096", 4096),
    {0},
};

/* ---- a chain of 2000 operators on 8 elements: x = x w + b ---- */

enum { CHAIN = 1000 };

static void chain_setup(bench_state *s)
{
    static const double value[3] = {1, 0.999, 0.001};
    s->n_in = 3;
    for (int i = 0; i < 3; i++)
        s->in[i] = tp_keep(tp_full(s->T, TP_F32, tp_shape(8), value[i]));
}

static void chain_setup_grad(bench_state *s)
{
    chain_setup(s);
    for (int i = 0; i < 3; i++)
        tp_requires_grad(s->in[i], true);
}

static tp_tensor *chain(bench_state *s)
{
    tp_tensor *x = s->in[0];
    for (int i = 0; i < CHAIN; i++)
        x = tp_add(s->T, tp_mul(s->T, x, s->in[1]), s->in[2]);
    return x;
}

static void chain_forward(bench_state *s)
{
    chain(s);
    tp_tape_reset(s->T);
}

static void chain_backward(bench_state *s)
{
    tp_backward(s->T, tp_sum(s->T, chain(s)));
    for (int i = 0; i < 3; i++)
        tp_zero_grad(s->in[i]);
    tp_tape_reset(s->T);
}

const workload bench_operators[] = {
    {"op_fwd_nograd", "ns/op", 1e9 / (2 * CHAIN), true, chain_setup, chain_forward, NULL, NULL},
    {"op_fwd_tape", "ns/op", 1e9 / (2 * CHAIN), true, chain_setup_grad, chain_forward, NULL, NULL},
    {"op_fwd_bwd", "ns/op", 1e9 / (2 * CHAIN), true, chain_setup_grad, chain_backward, NULL, NULL},
    {0},
};
