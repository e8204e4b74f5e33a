/* riccati.c - algebraic Riccati equations, batched over leading dimensions; kernel/riccati.c has the equations. */
#include "ops/linalg/equations.h"

enum { A, B, Q, R, E, S };

static const char *const names[] = {"A", "B", "Q", "R", "E", "S"};

/* in: A, B, Q, R, or all six */
static tp_status riccati_infer(tp_call *c)
{
    const tp_tensor *a = c->in[A], *b = c->in[B];
    if (c->n_in != R + 1 && c->n_in != S + 1)
        return tp_call_fail(c, TP_EINVAL, "there are %d matrices; 4 or 6 are needed", c->n_in);
    if (tp__square_floats(c, a) != TP_OK)
        return c->tape->status;
    int64_t n = tp__rows(a), m = b->ndim >= 2 ? tp__columns(b) : 0;
    for (int i = B; i < c->n_in; i++)
        if (tp__fits_first(c, i, names[i], i == R ? m : n, i == Q || i == E ? n : m) != TP_OK)
            return c->tape->status;
    return tp__infer_like_first(c);
}

static bool is_discrete(const tp_op *op);

static int solve(const tp__batch *b, int64_t i, void *scratch)
{
    const tp_call *c = b->call;
    bool all = c->n_in > R + 1;
    tp__riccati_job job = {.discrete = is_discrete(c->op),
                           .dtype = c->in[A]->dtype,
                           .n = tp__rows(c->in[A]),
                           .m = tp__columns(c->in[B]),
                           .a = tp__matrix(c->in[A], i),
                           .b = tp__matrix(c->in[B], i),
                           .q = tp__matrix(c->in[Q], i),
                           .r = tp__matrix(c->in[R], i),
                           .e = all ? tp__matrix(c->in[E], i) : NULL,
                           .s = all ? tp__matrix(c->in[S], i) : NULL};
    return tp__riccati(&job, tp__matrix(c->out[0], i), scratch);
}

static tp_status riccati_forward(tp_call *c)
{
    static const char *const troubles[] = {
        TP__NO_FORM,
        ("has no stabilizing solution with B, Q and R: eigenvalues of its pencil lie on the boundary of what is "
         "stable, or nearly so; none there is needed"),
        "has no finite solution with B, Q and R; unstable parts that B reaches are needed"};
    const tp_tensor *a = c->in[A];
    int64_t n = tp__rows(a), m = tp__columns(c->in[B]), order = 2 * n + m;
    if (a->numel == 0)
        return TP_OK;
    int64_t space = tp__riccati_space(n, m);
    if (space < 0)
        return tp_call_fail(c, TP_EUNSUPPORTED, "A is %s; sizes that LAPACK can count are needed", TP__SHAPE(a));
    for (int i = 0; i < c->n_in; i++)
        if (tp__must_be_finite_as(c, names[i], c->in[i], TP__ALL_OF_IT) != TP_OK)
            return c->tape->status;
    return tp__run_batch(&(tp__batch){.one = solve,
                                      .call = c,
                                      .count = tp__matrices(a),
                                      .flops = 60 * order * order * order,
                                      .scratch = (size_t)space * sizeof(double),
                                      .told = troubles});
}

/* ---- backward ------------------------------------------------------------------------------------------------------- */

static tp_tensor *middle(tp_tape *T, tp_tensor *x) { return tp_mul_scalar(T, tp_add(T, x, tp__mT(T, x)), 0.5); }

/* K with u = -K x, and A - B K */
static tp_tensor *feedback(const tp_vjp *v, tp_tensor **closed)
{
    tp_tape *T = v->tape;
    bool discrete = is_discrete(v->op), all = v->n_in > R + 1;
    tp_tensor *bx = tp_matmul(T, tp__mT(T, v->in[B]), v->out[0]), *r = middle(T, v->in[R]), *right = bx, *info;
    if (discrete)
        r = tp_add(T, r, tp_matmul(T, bx, v->in[B]));
    if (discrete || all)
        right = tp_matmul(T, bx, v->in[discrete ? A : E]);
    if (all)
        right = tp_add(T, right, tp__mT(T, v->in[S]));
    tp_tensor *k = tp_linalg_solve_ex(T, r, right, true, &info);
    *closed = tp_sub(T, v->in[A], tp_matmul(T, v->in[B], k));
    return k;
}

/* x E^-1 */
static tp_tensor *over_e(const tp_vjp *v, tp_tensor *x)
{
    tp_tensor *info;
    return v->n_in > R + 1 ? tp_linalg_solve_ex(v->tape, v->in[E], x, false, &info) : x;
}

/* With F(X) = 0 and C = A - B K, dF by X is C^T dX E + E^T dX C, or C^T dX C - E^T dX E; Z solves the adjoint equation for the
 * gradient of X: that of F is -Z. It is E^-1 W E^-T for W of a Lyapunov equation with C E^-1. */
static tp_tensor *adjoint(const tp_vjp *v, tp_tensor *closed)
{
    tp_tape *T = v->tape;
    bool discrete = is_discrete(v->op);
    tp_tensor *g = middle(T, v->gout[0]);
    tp_tensor *w = tp__lyapunov(T, over_e(v, closed), discrete ? tp_neg(T, g) : g, discrete);
    if (v->n_in == R + 1)
        return w;
    tp_tensor *info, *z = tp_linalg_solve_ex(T, v->in[E], w, true, &info); /* E^-1 W */
    return tp__mT(T, tp_linalg_solve_ex(T, v->in[E], tp__mT(T, z), true, &info));
}

static tp_status riccati_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    bool discrete = is_discrete(v->op), all = v->n_in > R + 1;
    tp_tensor *closed, *k = feedback(v, &closed), *kt = tp__mT(T, k), *z = adjoint(v, closed);
    tp_tensor *inner = discrete ? tp_matmul(T, closed, z) : all ? tp_matmul(T, v->in[E], z) : z;
    tp_tensor *twice = tp_mul_scalar(T, tp_matmul(T, v->out[0], inner), 2), *zk = tp_matmul(T, z, kt);
    if (tp_vjp_needs(v, A))
        v->gin[A] = tp_neg(T, twice);
    if (tp_vjp_needs(v, B))
        v->gin[B] = tp_matmul(T, twice, kt);
    if (tp_vjp_needs(v, Q))
        v->gin[Q] = tp_neg(T, z);
    if (tp_vjp_needs(v, R))
        v->gin[R] = tp_neg(T, tp_matmul(T, k, zk));
    if (all && tp_vjp_needs(v, S))
        v->gin[S] = tp_mul_scalar(T, zk, 2);
    if (all && tp_vjp_needs(v, E)) {
        tp_tensor *y = tp_matmul(T, v->out[0], tp_matmul(T, discrete ? v->in[E] : closed, z));
        v->gin[E] = tp_mul_scalar(T, y, discrete ? 2 : -2);
    }
    return T->status;
}

/* Near the identity, in four dimensions: then few of what is made large of them are large matrices. */
static tp_tensor *sample(tp_sampler *s, int64_t batch, int64_t m, int64_t n, double unit)
{
    tp_tape *T = s->tape;
    tp_tensor *x = tp_mul_scalar(T, tp_sample_tensor(s, (tp_dims){4, {batch, batch, m, n}}, -1, 1), 0.3);
    return tp_requires_grad(tp_detach(T, tp_add(T, x, tp_mul_scalar(T, tp_eye(T, s->dtype, m, n), unit))), true);
}

static void riccati_samples(tp_sampler *s)
{
    for (int i = 0; i < 3; i++) {
        int64_t batch = i == 2 ? 3 : 1 + i, n = i == 2 ? 1 : 2, m = i == 1 ? 2 : 1;
        tp_tensor *in[6] = {sample(s, batch, n, n, -0.4), sample(s, batch, n, m, 1), sample(s, batch, n, n, 1.5),
                            sample(s, batch, m, m, 1.5),  sample(s, batch, n, n, 1), sample(s, batch, n, m, 0)};
        tp_sample(s, NULL, 4, in);
        tp_sample(s, NULL, 6, in);
    }
}

/* clang-format off */
static const tp_op care_op = {
    .name = "linalg_solve_continuous_are", .n_in = -4, .n_out = 1,
    .infer = riccati_infer, .forward = riccati_forward, .vjp = riccati_vjp, .samples = riccati_samples};
static const tp_op dare_op = {
    .name = "linalg_solve_discrete_are", .n_in = -4, .n_out = 1,
    .infer = riccati_infer, .forward = riccati_forward, .vjp = riccati_vjp, .samples = riccati_samples};
/* clang-format on */

static bool is_discrete(const tp_op *op) { return op == &dare_op; }

static tp_tensor *solution(tp_tape *T, const tp_op *op, tp_tensor **in)
{
    bool all = in[E] != NULL || in[S] != NULL;
    int n = all ? S + 1 : R + 1;
    if (!tp__usable_inputs(T, op->name, R + 1, in) || !tp__has_dims(T, op->name, in[A], 2) ||
        !tp__has_dims(T, op->name, in[B], 2))
        return NULL;
    if (all && in[E] == NULL)
        in[E] = tp_eye(T, in[A]->dtype, tp__rows(in[A]), tp__rows(in[A]));
    if (all && in[S] == NULL)
        in[S] = tp_zeros_like(T, in[B]);
    return tp__broadcast_all(T, op->name, n, in) ? tp_apply(T, op, NULL, n, in) : NULL;
}

tp_tensor *tp_linalg_solve_continuous_are(tp_tape *T, tp_tensor *a, tp_tensor *b, tp_tensor *q, tp_tensor *r,
                                          tp_tensor *e, tp_tensor *s)
{
    TP__NAMED(T, "linalg_solve_continuous_are");
    return solution(T, &care_op, (tp_tensor *[]){a, b, q, r, e, s});
}

tp_tensor *tp_linalg_solve_discrete_are(tp_tape *T, tp_tensor *a, tp_tensor *b, tp_tensor *q, tp_tensor *r,
                                        tp_tensor *e, tp_tensor *s)
{
    TP__NAMED(T, "linalg_solve_discrete_are");
    return solution(T, &dare_op, (tp_tensor *[]){a, b, q, r, e, s});
}

const tp_op *const tp__ops_riccati[] = {
#include TP__OPERATORS
    NULL};
