/* sylvester.c - A X + X B = C, A X + X A^T = C and X - A X A^T = C, batched over leading dimensions.
 *
 * The Schur forms of A and B that a solution is made by serve for its gradients of every order, too: these are solutions of
 * the same equation with A^T and B^T (`flipped`). So a call may be given the forms of another one. */
#include "ops/linalg/equations.h"

typedef struct {
    tp__equation_kind kind;
    bool flipped;
} equation_how;

enum { X, FORMS, OUTPUTS };

/* in: A, B, C and perhaps forms; A, C and perhaps forms, of an operator that has no B */
static bool is_alone(const tp_op *op) { return op->n_in == -2; }
static int place_of_c(const tp_op *op) { return is_alone(op) ? 1 : 2; }

static const char *const names[2][3] = {{"A", "Q"}, {"A", "B", "C"}};

static tp__equation equation_of(const tp_call *c)
{
    const tp_tensor *y = c->in[place_of_c(c->op)];
    return (tp__equation){((const equation_how *)c->attr)->kind, is_alone(c->op), y->dtype, tp__rows(y),
                          tp__columns(y)};
}

static tp_status equation_infer(tp_call *c)
{
    const tp_tensor *a = c->in[0];
    int at = place_of_c(c->op);
    bool alone = at == 1, given = c->n_in > at + 1;
    if (tp__square_floats(c, a) != TP_OK)
        return c->tape->status;
    int64_t m = tp__rows(a), n = alone ? m : c->in[1]->ndim >= 2 ? tp__columns(c->in[1]) : 0;
    if (!alone && tp__fits_first(c, 1, "B", n, n) != TP_OK)
        return c->tape->status;
    if (tp__fits_first(c, at, names[at - 1][at], m, n) != TP_OK)
        return c->tape->status;
    tp__equation e = equation_of(c);
    int64_t size = c->in[at]->numel > 0 ? tp__matrices(a) * tp__forms_size(&e) : 0;
    if (c->n_in > at + 2 || (given && (c->in[at + 1]->dtype != TP_F64 || c->in[at + 1]->numel != size)))
        return tp_call_fail(c, TP_EINVAL, "there are %d inputs; %d and perhaps the forms of the matrices are needed",
                            c->n_in, at + 1);
    tp_status status = tp_call_out(c, X, a->dtype, tp__dims_of(c->in[at]));
    tp_dims forms = {1, {given ? 0 : size}};
    return status == TP_OK ? tp_call_out(c, FORMS, TP_F64, forms) : status;
}

/* What LAPACK, and the equation of the forms, tell: of two matrices, of one, and of the discrete equation. */
enum { NO_FORM = 1, SINGULAR };
static const char *const troubles[3][2] = {
    {TP__NO_FORM, "has an eigenvalue in common with -B, or nearly so; none is needed"},
    {TP__NO_FORM, "has eigenvalues whose sum is 0, or nearly so; none is needed"},
    {TP__NO_FORM, "has eigenvalues whose product is 1, or nearly so; none is needed"}};

typedef struct {
    tp__equation equation;
    double *made, *given; /* forms of all matrices */
} work;

static int solve(const tp__batch *b, int64_t i, void *scratch)
{
    const tp_call *c = b->call;
    const work *w = b->user;
    const tp__equation *e = &w->equation;
    double *forms = (w->given ? w->given : w->made) + i * tp__forms_size(e);
    if (w->made) {
        int info = tp__equation_forms(e, tp__matrix(c->in[0], i), e->alone ? NULL : tp__matrix(c->in[1], i), forms,
                                      scratch);
        if (info != 0)
            return info < 0 ? info : NO_FORM;
    }
    int info = tp__equation_solve(e, ((const equation_how *)c->attr)->flipped, forms,
                                  tp__matrix(c->in[place_of_c(c->op)], i), tp__matrix(c->out[X], i), scratch);
    return info > 0 ? SINGULAR : info;
}

static tp_status equation_forward(tp_call *c)
{
    int at = place_of_c(c->op);
    work w = {.equation = equation_of(c)};
    if (c->in[at]->numel == 0)
        return TP_OK;
    int64_t space = tp__equation_space(&w.equation), m = w.equation.m, n = w.equation.n;
    if (space < 0)
        return tp_call_fail(c, TP_EUNSUPPORTED, "A is %s; sizes that LAPACK can count are needed", TP__SHAPE(c->in[0]));
    *(c->n_in > at + 1 ? &w.given : &w.made) = c->n_in > at + 1 ? c->in[at + 1]->data : c->out[FORMS]->data;
    for (int i = 0; i <= at; i++)
        if (tp__must_be_finite_as(c, names[at - 1][i], c->in[i], TP__ALL_OF_IT) != TP_OK)
            return c->tape->status;
    return tp__run_batch(&(tp__batch){.one = solve,
                                      .call = c,
                                      .count = tp__matrices(c->in[0]),
                                      .flops = 25 * (m * m * m + n * n * n),
                                      .scratch = (size_t)space * sizeof(double),
                                      .told = troubles[w.equation.kind == TP__STEIN ? 2 : at == 1],
                                      .user = &w});
}

/* The adjoint equation, by the same forms: its solution for the gradient of X is that of C. */
static tp_tensor *adjoint(const tp_vjp *v)
{
    int at = place_of_c(v->op), n = at + 2;
    equation_how how = *(const equation_how *)v->attr;
    tp_tensor *in[4] = {v->in[0], v->in[1]};
    in[at] = v->gout[X];
    in[at + 1] = v->n_in > at + 1 ? v->in[at + 1] : v->out[FORMS];
    how.flipped = !how.flipped;
    return tp_apply(v->tape, v->op, &how, n, in);
}

/* Where A X is in the equation, gA is -Z X^T; where A^T X is, -X Z^T. */
static tp_tensor *pull_left(tp_tape *T, tp_tensor *z, tp_tensor *x, bool flipped)
{
    return tp_neg(T, flipped ? tp_matmul(T, x, tp__mT(T, z)) : tp_matmul(T, z, tp__mT(T, x)));
}

static tp_status sylvester_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    bool flipped = ((const equation_how *)v->attr)->flipped;
    tp_tensor *z = adjoint(v), *x = v->out[X];
    if (tp_vjp_needs(v, 0))
        v->gin[0] = pull_left(T, z, x, flipped);
    if (tp_vjp_needs(v, 1))
        v->gin[1] = pull_left(T, tp__mT(T, z), tp__mT(T, x), !flipped);
    if (tp_vjp_needs(v, 2))
        v->gin[2] = z;
    return T->status;
}

/* Both sides of A X + X A^T, or of -A X A^T, have A. */
static tp_status lyapunov_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    const equation_how *how = v->attr;
    tp_tensor *z = adjoint(v), *x = v->out[X], *zt = tp__mT(T, z), *xt = tp__mT(T, x);
    if (tp_vjp_needs(v, 1))
        v->gin[1] = z;
    if (!tp_vjp_needs(v, 0))
        return T->status;
    if (how->kind == TP__STEIN) {
        tp_tensor *a = how->flipped ? tp__mT(T, v->in[0]) : v->in[0];
        tp_tensor *g = tp_add(T, tp_matmul(T, z, tp_matmul(T, a, xt)), tp_matmul(T, zt, tp_matmul(T, a, x)));
        v->gin[0] = how->flipped ? tp__mT(T, g) : g;
    } else
        v->gin[0] = tp_add(T, pull_left(T, z, x, how->flipped), pull_left(T, zt, xt, how->flipped));
    return T->status;
}

static void sylvester_samples(tp_sampler *s)
{
    static const int64_t sides[][2] = {{3, 3}, {2, 4}, {3, 1}};
    for (int i = 0; i < 3; i++)
        for (int flipped = 0; flipped < 2; flipped++) {
            int64_t m = sides[i][0], n = sides[i][1];
            tp_tensor *in[3] = {tp__sample_matrix(s, (tp_dims){2, {m, m}}), tp__sample_matrix(s, (tp_dims){2, {n, n}}),
                                tp_sample_tensor(s, (tp_dims){2, {m, n}}, -1, 1)};
            tp_sample(s, &(equation_how){TP__SYLVESTER, flipped}, 3, in);
        }
    tp_tensor *in[3] = {tp__sample_matrix(s, (tp_dims){3, {2, 2, 2}}), tp__sample_matrix(s, (tp_dims){3, {2, 1, 1}}),
                        tp_sample_tensor(s, (tp_dims){3, {2, 2, 1}}, -1, 1)};
    tp_sample(s, &(equation_how){TP__SYLVESTER, false}, 3, in);
}

static void lyapunov_samples(tp_sampler *s)
{
    for (int i = 0; i < 4; i++) {
        tp_tensor *in[2] = {tp__sample_matrix(s, (tp_dims){2, {3, 3}}),
                            tp_sample_tensor(s, (tp_dims){2, {3, 3}}, -1, 1)};
        tp_sample(s, &(equation_how){i & 1 ? TP__STEIN : TP__SYLVESTER, i & 2}, 2, in);
    }
    tp_tensor *in[2] = {tp__sample_matrix(s, (tp_dims){3, {2, 2, 2}}),
                        tp_sample_tensor(s, (tp_dims){3, {2, 2, 2}}, -1, 1)};
    tp_sample(s, &(equation_how){TP__SYLVESTER, false}, 2, in);
}

/* clang-format off */
static const tp_op sylvester_op = {
    .name = "linalg_solve_sylvester", .n_in = -3, .n_out = OUTPUTS, .attr_size = sizeof(equation_how),
    .constant_out = 1u << FORMS,
    .infer = equation_infer, .forward = equation_forward, .vjp = sylvester_vjp, .samples = sylvester_samples};
static const tp_op lyapunov_op = {
    .name = "linalg_solve_lyapunov", .n_in = -2, .n_out = OUTPUTS, .attr_size = sizeof(equation_how),
    .constant_out = 1u << FORMS,
    .infer = equation_infer, .forward = equation_forward, .vjp = lyapunov_vjp, .samples = lyapunov_samples};
/* clang-format on */

tp_tensor *tp__sylvester(tp_tape *T, tp_tensor *a, tp_tensor *b, tp_tensor *c)
{
    return tp__apply3(T, &sylvester_op, &(equation_how){TP__SYLVESTER, false}, a, b, c);
}

tp_tensor *tp__lyapunov(tp_tape *T, tp_tensor *a, tp_tensor *c, bool discrete)
{
    return tp__apply2(T, &lyapunov_op, &(equation_how){discrete ? TP__STEIN : TP__SYLVESTER, false}, a, c);
}

tp_tensor *tp_linalg_solve_sylvester(tp_tape *T, tp_tensor *a, tp_tensor *b, tp_tensor *c)
{
    TP__NAMED(T, "linalg_solve_sylvester");
    tp_tensor *in[3] = {a, b, c};
    return tp__broadcast_all(T, "linalg_solve_sylvester", 3, in) ? tp__sylvester(T, in[0], in[1], in[2]) : NULL;
}

tp_tensor *tp_linalg_solve_continuous_lyapunov(tp_tape *T, tp_tensor *a, tp_tensor *q)
{
    TP__NAMED(T, "linalg_solve_continuous_lyapunov");
    tp_tensor *in[2] = {a, q};
    return tp__broadcast_all(T, "linalg_solve_continuous_lyapunov", 2, in) ? tp__lyapunov(T, in[0], in[1], false)
                                                                           : NULL;
}

tp_tensor *tp_linalg_solve_discrete_lyapunov(tp_tape *T, tp_tensor *a, tp_tensor *q)
{
    TP__NAMED(T, "linalg_solve_discrete_lyapunov");
    tp_tensor *in[2] = {a, q};
    return tp__broadcast_all(T, "linalg_solve_discrete_lyapunov", 2, in) ? tp__lyapunov(T, in[0], in[1], true) : NULL;
}

const tp_op *const tp__ops_sylvester[] = {
#include TP__OPERATORS
    NULL};
