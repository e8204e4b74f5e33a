/* workloads_linalg.c - factorizations in float64, forward and with the gradient of the sum. */
#include "bench.h"

enum { N = 512 };

static const bench_product f64_512 = {.dtype = TP_F64, .n = N};

/* A A^T / n + I: well conditioned. */
static void cholesky_setup(bench_state *s)
{
    tp_tape *T = s->T;
    tp_tensor *a = tp_randn(T, TP_F64, tp_shape(N, N));
    tp_tensor *spd = tp_div_scalar(T, tp_mm(T, a, tp_t(T, a)), N);
    s->n_in = 1;
    s->in[0] = tp_keep(tp_add(T, spd, tp_eye(T, TP_F64, N, N)));
    tp_tape_reset(T);
}

static void solve_setup(bench_state *s)
{
    tp_tape *T = s->T;
    tp_tensor *shift = tp_mul_scalar(T, tp_eye(T, TP_F64, N, N), 30);
    s->n_in = 2;
    s->in[0] = tp_keep(tp_add(T, tp_randn(T, TP_F64, tp_shape(N, N)), shift));
    s->in[1] = bench_randn(T, TP_F64, tp_shape(N, 1));
    tp_tape_reset(T);
}

static void ask_gradients(bench_state *s)
{
    for (int i = 0; i < s->n_in; i++)
        tp_requires_grad(s->in[i], true);
}

static void cholesky_grad(bench_state *s)
{
    cholesky_setup(s);
    ask_gradients(s);
}

static void solve_grad(bench_state *s)
{
    solve_setup(s);
    ask_gradients(s);
}

static tp_tensor *apply(bench_state *s)
{
    if (s->n_in == 1)
        return tp_linalg_cholesky(s->T, s->in[0]);
    return tp_linalg_solve(s->T, s->in[0], s->in[1]);
}

static void run_forward(bench_state *s)
{
    apply(s);
    tp_tape_reset(s->T);
}

static void run_backward(bench_state *s)
{
    tp_tensor *sum = tp_sum(s->T, apply(s)), *grads[BENCH_MAX_INPUTS];
    tp_gradients(s->T, 1, &sum, s->n_in, s->in, grads, NULL);
    tp_tape_reset(s->T);
}

const workload bench_linalg[] = {
    {"la_cholesky512_f64_fwd", "ms", 1e3, true, cholesky_setup, run_forward, &f64_512, floor_cholesky},
    {"la_cholesky512_f64_fwdbwd", "ms", 1e3, true, cholesky_grad, run_backward, &f64_512, floor_cholesky},
    {"la_solve512_f64_fwd", "ms", 1e3, true, solve_setup, run_forward, &f64_512, floor_solve},
    {"la_solve512_f64_fwdbwd", "ms", 1e3, true, solve_grad, run_backward, &f64_512, floor_solve},
    {0},
};
