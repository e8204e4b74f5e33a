/* solve_triangular.c - A X = B of a triangular A, batched over leading dimensions. */
#include "ops/linalg/linalg.h"

#include <string.h>

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
    memcpy(tp__matrix(x, i), tp__matrix(c->in[1], i), (size_t)(n * k) * tp_dtype_size(x->dtype));
    return tp__trsm(a->dtype, how->upper, false, how->unit, n, k, tp__matrix(a, i), n, tp__matrix(x, i), k) ? 0 : -1;
}

static tp_status solve_triangular_forward(tp_call *c)
{
    const tp_tensor *a = c->in[0], *b = c->in[1];
    int64_t n = tp__columns(a), k = tp__columns(b);
    if (b->numel == 0)
        return TP_OK;
    const triangular *how = c->attr;
    tp__lanes_job lanes = {.kernel = TP__LANES_TRIANGULAR,
                           .dtype = a->dtype,
                           .n = n,
                           .k = k,
                           .upper = how->upper,
                           .unit = how->unit,
                           .x = {tp__in_lane(a, NULL), tp__in_lane(b, c->out[0])}};
    return tp__run_batch(
        &(tp__batch){.one = substitute, .lanes = &lanes, .call = c, .count = tp__matrices(a), .flops = n * n * k / 2});
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

/* gA (+)= the triangle of the slopes, -gB X^T, which others than these do not have. */
static void give_triangle(const tp_vjp *v, int64_t i, char *slopes)
{
    const triangular *how = v->attr;
    int64_t n = tp__rows(v->in[0]);
    size_t size = tp_dtype_size(v->in[0]->dtype);
    for (int64_t r = 0; r < n; r++) {
        char *row = slopes + (size_t)(r * n) * size;
        size_t low = (size_t)(r + (how->upper == how->unit)) * size, all = (size_t)n * size;
        memset(how->upper ? row : row + low, 0, how->upper ? low : all - low);
    }
    tp__give_gradient(v, 0, i, slopes);
}

/* gB = A^-T g */
static int pull_back(const tp__batch *b, int64_t i, void *scratch)
{
    const tp_vjp *v = b->vjp;
    const triangular *how = v->attr;
    const tp_tensor *a = v->in[0], *x = v->out[0];
    int64_t n = tp__columns(a), k = tp__columns(x), step = k > 1 ? k : 1;
    size_t bytes = (size_t)(n * k) * tp_dtype_size(a->dtype);
    char *slopes = (char *)scratch + bytes;
    memcpy(scratch, tp__matrix(v->gout[0], i), bytes);
    if (!tp__trsm(a->dtype, how->upper, true, how->unit, n, k, tp__matrix(a, i), n, scratch, k))
        return -1;
    tp__give_gradient(v, 1, i, scratch);
    if (v->gin[0] == NULL)
        return 0;
    if (!tp__gemm(a->dtype, false, true, n, n, k, -1, scratch, step, tp__matrix(x, i), step, 0, slopes, n))
        return -1;
    give_triangle(v, i, slopes);
    return 0;
}

static tp_status solve_triangular_vjp_fused(tp_vjp *v)
{
    const tp_tensor *a = v->in[0], *x = v->out[0];
    const triangular *how = v->attr;
    int64_t n = tp__columns(a), k = tp__columns(x);
    tp__lanes_job lanes = tp__solve_back_lanes(v, TP__LANES_TRIANGULAR_BACK, a->data);
    lanes.upper = how->upper;
    lanes.unit = how->unit;
    return tp__run_batch(&(tp__batch){.one = pull_back,
                                      .lanes = &lanes,
                                      .vjp = v,
                                      .count = a->numel > 0 ? tp__matrices(a) : 0,
                                      .flops = n * n * k,
                                      .scratch = (size_t)(n * (n + k)) * tp_dtype_size(a->dtype)});
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
    .flags = TP_OP_OVERWRITES, .grad_name = "LinalgSolveTriangularBackward0",
    .infer = tp__solve_infer, .forward = solve_triangular_forward, .vjp = solve_triangular_vjp,
    .vjp_fused = solve_triangular_vjp_fused, .samples = solve_triangular_samples};
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
