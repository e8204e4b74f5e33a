/* lobpcg.c - a few eigenvalues and vectors of symmetric matrices, batched over leading dimensions. */
#include "kernel/lobpcg.h"
#include "ops/linalg/equations.h"
#include "ops/linalg/orthogonal.h"

#include <float.h>
#include <math.h>

enum { VALUES, VECTORS, OUTPUTS };
enum { A, X, OTHERS };

typedef struct {
    double tol;
    int64_t k, steps;
    bool smallest, has_b, has_ik; /* in: A, X, then these */
} lobpcg_how;

static const char *name_of(const lobpcg_how *how, int i)
{
    static const char *const names[] = {"A", "X", "B", "iK"};
    return names[i == OTHERS && !how->has_b ? i + 1 : i];
}

static tp_status lobpcg_infer(tp_call *c)
{
    const tp_tensor *a = c->in[A], *x = c->in[X];
    const lobpcg_how *how = c->attr;
    if (c->n_in != OTHERS + how->has_b + how->has_ik)
        return tp_call_fail(c, TP_EINVAL, "there are %d inputs; A, X, and what was said of others, are needed",
                            c->n_in);
    if (tp__square_floats(c, a) != TP_OK)
        return c->tape->status;
    int64_t m = tp__rows(a), n = x->ndim >= 2 ? tp__columns(x) : 0;
    for (int i = X; i < c->n_in; i++)
        if (tp__fits_first(c, i, name_of(how, i), m, i == X ? n : m) != TP_OK)
            return c->tape->status;
    if (how->k < 1 || how->k > n || n > m / 3)
        return tp_call_fail(c, TP_EINVAL, "k is %lld, X is %s, A is %s; 1 <= k <= n and 3 n <= m are needed",
                            (long long)how->k, TP__SHAPE(x), TP__SHAPE(a));
    tp_status status = tp_call_out(c, VALUES, a->dtype, tp__batch_and_one(a, how->k));
    return status == TP_OK ? tp_call_out(c, VECTORS, a->dtype, tp__batch_and(a, m, how->k)) : status;
}

static tp__lobpcg_job job_of(const tp_call *c)
{
    const lobpcg_how *how = c->attr;
    return (tp__lobpcg_job){.dtype = c->in[A]->dtype,
                            .m = tp__rows(c->in[A]),
                            .n = tp__columns(c->in[X]),
                            .k = how->k,
                            .steps = how->steps,
                            .tol = how->tol,
                            .smallest = how->smallest};
}

static int iterate(const tp__batch *b, int64_t i, void *scratch)
{
    const tp_call *c = b->call;
    const lobpcg_how *how = c->attr;
    tp__lobpcg_job job = job_of(c);
    job.a = tp__matrix(c->in[A], i);
    job.x = tp__matrix(c->in[X], i);
    job.b = how->has_b ? tp__matrix(c->in[OTHERS], i) : NULL;
    job.ik = how->has_ik ? tp__matrix(c->in[c->n_in - 1], i) : NULL;
    job.values = tp__vector(c->out[VALUES], i);
    job.vectors = tp__matrix(c->out[VECTORS], i);
    return tp__lobpcg(&job, scratch);
}

static tp_status lobpcg_forward(tp_call *c)
{
    static const char *const troubles[] = {
        "is given vectors X that depend on each other, or on a B that is not positive definite; others are needed",
        "leads to a matrix on which the iteration does not converge; another one is needed"};
    tp__lobpcg_job job = job_of(c);
    int64_t space = tp__lobpcg_space(&job);
    if (space < 0)
        return tp_call_fail(c, TP_EUNSUPPORTED, "A is %s; sizes that LAPACK can count are needed", TP__SHAPE(c->in[A]));
    for (int i = 0; i < c->n_in; i++)
        if (tp__must_be_finite_as(c, name_of(c->attr, i), c->in[i], TP__ALL_OF_IT) != TP_OK)
            return c->tape->status;
    return tp__run_batch(&(tp__batch){.one = iterate,
                                      .call = c,
                                      .count = tp__matrices(c->in[A]),
                                      .flops = 30 * job.m * job.m * job.n,
                                      .scratch = (size_t)space,
                                      .told = troubles});
}

/* [..., 1, 1]: what is added to the eigenvalues at hand to bring them away from each other, without a gradient. */
static tp_tensor *shift_of(tp_tape *T, tp_tensor *l)
{
    const int last = -1;
    l = tp_detach(T, l);
    tp_tensor *spread = tp_sub(T, tp_amax(T, l, 1, &last, true), tp_amin(T, l, 1, &last, true));
    tp_tensor *shift = tp_add(T, tp_mul_scalar(T, spread, 2), tp_amax(T, tp_abs(T, l), 1, &last, true));
    return tp_unsqueeze(T, tp_where(T, tp_gt_scalar(T, shift, 0), shift, tp__number(T, l, 1)), -1);
}

/* W of (A - l_j) w_j = -(I - X X^T) g_j, orthogonal to X: what X gains from the other vectors, of which nothing is known. As a
 * Sylvester equation in which X X^T moves the eigenvalues at hand away. */
static tp_tensor *from_others(tp_tape *T, tp_tensor *a, tp_tensor *l, tp_tensor *x, tp_tensor *g)
{
    tp_tensor *xt = tp__mT(T, x), *rest = tp_sub(T, tp_matmul(T, x, tp_matmul(T, xt, g)), g);
    tp_tensor *moved = tp_add(T, a, tp_mul(T, shift_of(T, l), tp_matmul(T, x, xt)));
    return tp__sylvester(T, moved, tp_neg(T, tp_diag_embed(T, l, 0, -2, -1)), rest);
}

/* As of eigh (eigh.c) among the pairs at hand. */
static tp_status lobpcg_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    const lobpcg_how *how = v->attr;
    tp_tensor *a = v->in[A], *l = v->out[VALUES], *x = v->out[VECTORS], *gl = v->gout[VALUES], *gx = v->gout[VECTORS];
    if (how->has_b)
        return tp_fail(T, TP_EUNSUPPORTED, "lobpcg: there is no gradient with B; A alone is needed");
    tp_tensor *xt = tp__mT(T, x), *inner = gl ? tp_diag_embed(T, gl, 0, -2, -1) : NULL, *others = NULL;
    if (gx) {
        tp_tensor *gap = tp_sub(T, tp_unsqueeze(T, l, -2), tp_unsqueeze(T, l, -1));
        tp_tensor *skew = tp_mul_scalar(T, tp__skew(T, tp_matmul(T, xt, gx)), 0.5);
        inner = tp__sum_of(T, inner, tp__over_gaps(T, skew, gap, 0));
        a = tp_mul_scalar(T, tp_add(T, a, tp__mT(T, a)), 0.5);
        others = tp_matmul(T, from_others(T, a, l, x, gx), xt);
    }
    tp_tensor *g = tp__sum_of(T, tp_matmul(T, x, tp_matmul(T, inner, xt)), others);
    v->gin[A] = tp_mul_scalar(T, tp_add(T, g, tp__mT(T, g)), 0.5);
    return T->status;
}

/* In four dimensions, as little of what is made large of them is a large matrix. Bases of 3 n = m vectors are exact at once. */
static void lobpcg_samples(tp_sampler *s)
{
    for (int i = 0; i < 4; i++) {
        int64_t n = i < 2 ? 1 : 2, m = 3 * n;
        tp_tensor *in[3] = {tp_sample_tensor(s, (tp_dims){4, {2, 2, m, m}}, -1, 1),
                            tp_detach(s->tape, tp_sample_tensor(s, (tp_dims){4, {2, 2, m, n}}, -1, 1)),
                            tp_detach(s->tape, tp_sample_tensor(s, (tp_dims){4, {2, 2, m, m}}, 0, 1))};
        tp_sample(s, &(lobpcg_how){1e-14, n, 10, i & 1, false, i & 1}, 2 + (i & 1), in);
    }
}

/* clang-format off */
static const tp_op lobpcg_op = {
    .name = "lobpcg", .n_in = -2, .n_out = OUTPUTS, .attr_size = sizeof(lobpcg_how), .grad_name = "LOBPCGAutogradFunctionBackward",
    .infer = lobpcg_infer, .forward = lobpcg_forward, .vjp = lobpcg_vjp, .samples = lobpcg_samples};
/* clang-format on */

tp_tensor *tp_lobpcg(tp_tape *T, tp_tensor *a, int64_t k, tp_tensor *b, tp_tensor *x, tp_tensor *ik,
                     tp_tensor **vectors, const tp_lobpcg_options *options)
{
    static const tp_lobpcg_options defaults;
    TP__NAMED(T, "lobpcg");
    const tp_lobpcg_options *o = options ? options : &defaults;
    tp_tensor *in[4], *out[OUTPUTS] = {NULL};
    if (vectors)
        *vectors = NULL;
    if (!tp__has_dims(T, "lobpcg", a, 2) || (x && !tp__has_dims(T, "lobpcg", x, 2)))
        return NULL;
    if (!(o->tol >= 0) || o->n < 0 || k < 0) {
        tp_fail(T, TP_EINVAL, "lobpcg: k is %lld, n is %lld, tol is %g; none below 0 is needed", (long long)k,
                (long long)o->n, o->tol);
        return NULL;
    }
    k = k ? k : x ? tp__columns(x) : 1;
    int64_t n = x ? tp__columns(x) : o->n ? o->n : k;
    if (n > tp__rows(a) / 3) {
        tp_fail(T, TP_EINVAL, "lobpcg: A is %s, X has %lld columns; 3 n <= m is needed", TP__SHAPE(a), (long long)n);
        return NULL;
    }
    double unit = a->dtype == TP_F32 ? (double)FLT_EPSILON : DBL_EPSILON;
    lobpcg_how how = {.tol = o->tol > 0 ? o->tol : sqrt(unit),
                      .k = k,
                      .steps = o->niter ? o->niter : 1000,
                      .smallest = o->smallest,
                      .has_b = b != NULL,
                      .has_ik = ik != NULL};
    in[A] = a;
    in[X] = x ? x : tp_randn(T, a->dtype, tp__batch_and(a, tp__rows(a), n));
    int count = OTHERS;
    if (b)
        in[count++] = b;
    if (ik)
        in[count++] = ik;
    if (tp__broadcast_all(T, "lobpcg", count, in))
        tp_apply_all(T, &lobpcg_op, &how, count, in, out);
    if (vectors)
        *vectors = out[VECTORS];
    return out[VALUES];
}

const tp_op *const tp__ops_lobpcg[] = {
#include TP__OPERATORS
    NULL};
