/* solve_triangular.c - A X = B of a triangular A, batched over leading dimensions. */
#include "ops/linalg/linalg.h"

typedef struct {
    bool upper, unit; /* ones on the diagonal, whatever A has there */
} triangular;

static int substitute(const tp__batch *b, int64_t i, void *scratch)
{
    (void)scratch;
    const tp_call *c = b->call;
    const tp_tensor *a = c->in[0], *x = c->out[0];
    const triangular *how = c->attr;
    int64_t n = tp__columns(a), k = tp__columns(x);
    return tp__trsm(a->dtype, how->upper, false, how->unit, n, k, tp__matrix(a, i), n, tp__matrix(x, i), k) ? 0 : -1;
}

static tp_status solve_triangular_forward(tp_call *c)
{
    const tp_tensor *a = c->in[0], *b = c->in[1];
    int64_t n = tp__columns(a), k = tp__columns(b);
    if (b->numel == 0)
        return TP_OK;
    tp__take_elements(c->out[0], b);
    return tp__run_batch(&(tp__batch){.one = substitute, .call = c, .count = tp__matrices(a), .flops = n * n * k / 2});
}

static tp_tensor *solve_triangular(tp_tape *T, tp_tensor *a, tp_tensor *b, triangular how);

static tp_status solve_triangular_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    triangular how = *(const triangular *)v->attr;
    int64_t from = !how.unit ? 0 : how.upper ? 1 : -1; /* ones on the diagonal are not read */
    tp_tensor *gb = solve_triangular(T, tp__mT(T, v->in[0]), v->gout[0], (triangular){!how.upper, how.unit});
    if (tp_vjp_needs(v, 0))
        v->gin[0] = (how.upper ? tp_triu : tp_tril)(T, tp_neg(T, tp_matmul(T, gb, tp__mT(T, v->out[0]))), from);
    if (tp_vjp_needs(v, 1))
        v->gin[1] = gb;
    return TP_OK;
}

static void solve_triangular_samples(tp_sampler *s)
{
    tp_tensor *in[2] = {tp__sample_matrix(s, (tp_dims){2, {3, 3}}), tp_sample_tensor(s, (tp_dims){2, {3, 2}}, -1, 1)};
    for (int i = 0; i < 4; i++)
        tp_sample(s, &(triangular){i & 1, i & 2}, 2, in);
}

/* clang-format off */
static const tp_op solve_triangular_op = {
    .name = "linalg_solve_triangular", .n_in = 2, .n_out = 1, .attr_size = sizeof(triangular),
    .grad_name = "LinalgSolveTriangularBackward0",
    .infer = tp__solve_infer, .forward = solve_triangular_forward, .vjp = solve_triangular_vjp,
    .samples = solve_triangular_samples};
/* clang-format on */

static tp_tensor *solve_triangular(tp_tape *T, tp_tensor *a, tp_tensor *b, triangular how)
{
    return tp__apply2(T, &solve_triangular_op, &how, a, b);
}

tp_tensor *tp__solve_triangular(tp_tape *T, tp_tensor *a, tp_tensor *b, bool upper, bool unit)
{
    return a && b && tp__broadcast_batches(T, "linalg_solve_triangular", &a, &b)
               ? solve_triangular(T, a, b, (triangular){upper, unit})
               : NULL;
}

tp_tensor *tp_linalg_solve_triangular(tp_tape *T, tp_tensor *a, tp_tensor *b, bool upper)
{
    TP__NAMED(T, "linalg_solve_triangular");
    return tp_linalg_solve_triangular_with(T, a, b, upper, true, false);
}

tp_tensor *tp_linalg_solve_triangular_with(tp_tape *T, tp_tensor *a, tp_tensor *b, bool upper, bool left, bool unit)
{
    TP__NAMED(T, "linalg_solve_triangular_with");
    if (!tp__usable_inputs(T, "linalg_solve_triangular", 2, (tp_tensor *[2]){a, b}))
        return NULL;
    if (left)
        return tp__solve_triangular(T, a, b, upper, unit);
    if (a->ndim < 2 || b->ndim < 2) {
        tp_fail(T, TP_ESHAPE, "linalg_solve_triangular: A is %s, B is %s; [..., n, n] and [..., k, n] are needed",
                TP__SHAPE(a), TP__SHAPE(b));
        return NULL;
    }
    return tp__mT(T, tp__solve_triangular(T, tp__mT(T, a), tp__mT(T, b), !upper, unit));
}

const tp_op *const tp__ops_solve_triangular[] = {
#include TP__OPERATORS
    NULL};
