/* workloads_linalg.c - factorizations and solves, forward and with the gradient of the sum of what comes out. */
#include "bench.h"

static tp_dims shape_of(const bench_factor *f, int64_t columns)
{
    return f->count == 1 ? (tp_dims){2, {f->n, columns}} : (tp_dims){3, {f->count, f->n, columns}};
}

static bool has_sides(bench_factorization what)
{
    return what == BENCH_SOLVE || what == BENCH_TRIANGULAR || what == BENCH_LSTSQ;
}

/* Positive definite, of any kind, or well conditioned. */
static tp_tensor *matrices(tp_tape *T, const bench_factor *f)
{
    tp_tensor *a = tp_randn(T, f->dtype, shape_of(f, f->n)), *eye = tp_eye(T, f->dtype, f->n, f->n);
    if (f->what == BENCH_CHOLESKY || f->what == BENCH_EIGH)
        return tp_add(T, tp_div_scalar(T, tp_matmul(T, a, tp_mT(T, a)), (double)f->n), eye);
    if (f->what == BENCH_QR || f->what == BENCH_SVD || f->what == BENCH_LSTSQ)
        return a;
    tp_tensor *root = tp_sqrt(T, tp_full(T, f->dtype, tp_shape(1), (double)f->n));
    return tp_add(T, tp_div(T, a, root), tp_mul_scalar(T, eye, 2));
}

static void setup(bench_state *s)
{
    const bench_factor *f = s->w->arg;
    s->n_in = 1 + has_sides(f->what);
    s->in[0] = tp_keep(tp_contiguous(s->T, matrices(s->T, f)));
    if (s->n_in > 1)
        s->in[1] = bench_randn(s->T, f->dtype, shape_of(f, 1));
    for (int i = 0; i < s->n_in && f->back; i++)
        tp_requires_grad(s->in[i], true);
}

enum { MOST = 3 };

static int apply(tp_tape *T, const bench_factor *f, tp_tensor *const *in, tp_tensor **out)
{
    tp_tensor *unused;
    switch (f->what) {
    case BENCH_CHOLESKY:
        out[0] = tp_linalg_cholesky(T, in[0]);
        return 1;
    case BENCH_LU:
        out[0] = tp_linalg_lu_factor(T, in[0], &unused);
        return 1;
    case BENCH_SOLVE:
        out[0] = tp_linalg_solve(T, in[0], in[1]);
        return 1;
    case BENCH_TRIANGULAR:
        out[0] = tp_linalg_solve_triangular(T, in[0], in[1], false);
        return 1;
    case BENCH_INV:
        out[0] = tp_linalg_inv(T, in[0]);
        return 1;
    case BENCH_DET:
        out[0] = tp_linalg_det(T, in[0]);
        return 1;
    case BENCH_QR:
        out[0] = tp_linalg_qr(T, in[0], TP_QR_REDUCED, &out[1]);
        return 2;
    case BENCH_EIGH:
        out[0] = tp_linalg_eigh(T, in[0], false, &out[1], NULL);
        return 2;
    case BENCH_SVD:
        out[0] = tp_linalg_svd(T, in[0], false, &out[1], &out[2], NULL);
        return 3;
    default:
        out[0] = tp_linalg_lstsq(T, in[0], in[1], NULL, NULL, NULL, NULL);
        return 1;
    }
}

static void run(bench_state *s)
{
    const bench_factor *f = s->w->arg;
    tp_tensor *out[MOST], *sum = NULL, *grads[BENCH_MAX_INPUTS];
    int n = apply(s->T, f, s->in, out);
    for (int i = 0; i < n && f->back; i++)
        sum = sum ? tp_add(s->T, sum, tp_sum(s->T, out[i])) : tp_sum(s->T, out[i]);
    if (f->back)
        tp_gradients(s->T, 1, &sum, s->n_in, s->in, grads, NULL);
    tp_tape_reset(s->T);
}

/* clang-format off */
#define ROW(name, what, dtype, n, count, unit, scale) \
    {name "_fwd", unit, scale, true, setup, run, &(const bench_factor){what, dtype, n, count, false}, floor_linalg}, \
    {name "_fwdbwd", unit, scale, true, setup, run, &(const bench_factor){what, dtype, n, count, true}, floor_linalg}
#define ONE(name, what, n) ROW("la_" name #n "_f64", what, TP_F64, n, 1, "ms", 1e3)
#define MANY(name, what, n) \
    ROW("la_" name "_1000x" #n "_f64", what, TP_F64, n, 1000, "us", 1e6), \
    ROW("la_" name "_1000x" #n "_f32", what, TP_F32, n, 1000, "us", 1e6)
#define SMALL(name, what) ONE(name, what, 8), ONE(name, what, 32), ONE(name, what, 128)
#define LARGE(name, what) ONE(name, what, 2048)
#define BATCHES(name, what) MANY(name, what, 4), MANY(name, what, 16)

const workload bench_linalg[] = {
    ONE("cholesky", BENCH_CHOLESKY, 512), ONE("solve", BENCH_SOLVE, 512),
    MANY("cholesky", BENCH_CHOLESKY, 8), MANY("solve", BENCH_SOLVE, 8),
    {0},
};

#define ALL_SIZES(name, what) SMALL(name, what), ONE(name, what, 512), LARGE(name, what)
#define ALL(name, what) ALL_SIZES(name, what), BATCHES(name, what), MANY(name, what, 8)

const workload bench_linalg_sizes[] = {
    SMALL("cholesky", BENCH_CHOLESKY), LARGE("cholesky", BENCH_CHOLESKY), BATCHES("cholesky", BENCH_CHOLESKY),
    SMALL("solve", BENCH_SOLVE), LARGE("solve", BENCH_SOLVE), BATCHES("solve", BENCH_SOLVE),
    ALL("lu_factor", BENCH_LU), ALL("solve_triangular", BENCH_TRIANGULAR), ALL("inv", BENCH_INV), ALL("det", BENCH_DET),
    ALL("qr", BENCH_QR), ALL("eigh", BENCH_EIGH), ALL("svd", BENCH_SVD), ALL_SIZES("lstsq", BENCH_LSTSQ),
    {0},
};
/* clang-format on */
