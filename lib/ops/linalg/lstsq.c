/* lstsq.c - least squares by LAPACK's drivers, batched over leading dimensions. */
#include "ops/linalg/orthogonal.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { X, RANK, VALUES, OUTPUTS };

typedef struct {
    double rcond;
    tp_lstsq_driver driver;
} lstsq_how;

static bool of_values(tp_lstsq_driver d) { return d == TP_GELSD || d == TP_GELSS; }

/* The leading dimensions are the same here. */
static tp_status lstsq_infer(tp_call *c)
{
    const tp_tensor *a = c->in[0], *b = c->in[1];
    if (tp__matrix_floats(c, 0, "A") != TP_OK || tp__matrix_floats(c, 1, "B") != TP_OK)
        return c->tape->status;
    if (tp__rows(a) != tp__rows(b))
        return tp_call_fail(c, TP_ESHAPE, "A is %s, B is %s; [..., m, n] and [..., m, k] are needed", TP__SHAPE(a),
                            TP__SHAPE(b));
    if (a->dtype != b->dtype)
        return tp_call_fail(c, TP_EDTYPE, "A is %s, B is %s; one dtype is needed", tp_dtype_name(a->dtype),
                            tp_dtype_name(b->dtype));
    bool values = of_values(((const lstsq_how *)c->attr)->driver);
    tp_status status = tp_call_out(c, X, a->dtype, tp__batch_and(a, tp__columns(a), tp__columns(b)));
    if (status == TP_OK)
        status = tp_call_out(c, RANK, TP_I64, tp__batch_of(a));
    tp_dims shape = values ? tp__batch_and_one(a, tp__least_side(a)) : (tp_dims){1, {0}};
    return status == TP_OK ? tp_call_out(c, VALUES, a->dtype, shape) : status;
}

static int solve(const tp__batch *b, int64_t i, void *scratch)
{
    const tp_call *c = b->call;
    const tp_tensor *a = c->in[0], *y = c->in[1];
    const lstsq_how *how = c->attr;
    int rank = 0;
    tp__lstsq_job job = {.driver = (tp__lstsq_driver)how->driver,
                         .dtype = a->dtype,
                         .m = tp__rows(a),
                         .n = tp__columns(a),
                         .k = tp__columns(y),
                         .rcond = how->rcond,
                         .a = tp__matrix(a, i),
                         .b = tp__matrix(y, i),
                         .x = tp__matrix(c->out[X], i),
                         .rank = &rank};
    if (of_values(how->driver))
        job.values = tp__vector(c->out[VALUES], i);
    int info = tp__lstsq(&job, scratch, *(const int64_t *)b->user);
    ((int64_t *)c->out[RANK]->data)[i] = rank;
    return info;
}

static void fill_zero(tp_tensor *x) { tp__fill(x->numel, x->data, x->dtype, 0); }

static tp_status lstsq_forward(tp_call *c)
{
    const tp_tensor *a = c->in[0], *b = c->in[1];
    const lstsq_how *how = c->attr;
    int64_t m = tp__rows(a), n = tp__columns(a), k = tp__columns(b);
    if (a->numel == 0 || b->numel == 0) {
        fill_zero(c->out[X]);
        fill_zero(c->out[VALUES]);
        memset(c->out[RANK]->data, 0, (size_t)c->out[RANK]->numel * sizeof(int64_t));
        return TP_OK;
    }
    int64_t space = tp__lstsq_space((tp__lstsq_driver)how->driver, a->dtype, m, n, k);
    if (space < 0)
        return tp_call_fail(c, TP_EUNSUPPORTED, "A is %s, B is %s; sizes that LAPACK can count are needed",
                            TP__SHAPE(a), TP__SHAPE(b));
    if (of_values(how->driver) && tp__must_be_finite(c, a, TP__ALL_OF_IT) != TP_OK)
        return c->tape->status;
    bool full = how->driver == TP_GELS;
    return tp__run_batch(&(tp__batch){.one = solve,
                                      .call = c,
                                      .count = tp__matrices(a),
                                      .flops = 2 * m * n * (tp__least_side(a) + k),
                                      .scratch = (size_t)space,
                                      .trouble = full ? "not of full rank" : TP__UNCONVERGED,
                                      .counted = full ? "diagonal element" : "elements left",
                                      .needed = full ? "one that is, or another driver" : "another one",
                                      .user = &space});
}

/* X = A^+ B: gB = A^+T gX, and A has the gradient of its pseudoinverse. */
static tp_status lstsq_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    tp_tensor *a = v->in[0], *g = v->gout[X];
    tp_tensor *p = tp__pinv(T, a, ((const lstsq_how *)v->attr)->rcond);
    if (tp_vjp_needs(v, 0))
        v->gin[0] = tp__pinv_pull(T, a, p, tp_matmul(T, g, tp__mT(T, v->in[1])));
    if (tp_vjp_needs(v, 1))
        v->gin[1] = tp_matmul(T, tp__mT(T, p), g);
    return T->status;
}

static void lstsq_samples(tp_sampler *s)
{
    static const int64_t shapes[][2] = {{3, 3}, {4, 2}, {2, 4}};
    for (int i = 0; i < 3; i++)
        for (int driver = TP_GELSY; driver <= TP_GELSS; driver++) {
            tp_tensor *x = tp__corner(s->tape, tp__sample_matrix(s, (tp_dims){2, {4, 4}}), shapes[i][0], shapes[i][1]);
            tp_tensor *in[2] = {tp_requires_grad(tp_detach(s->tape, tp_clone(s->tape, x)), true),
                                tp_sample_tensor(s, (tp_dims){2, {shapes[i][0], 2}}, -1, 1)};
            tp_sample(s, &(lstsq_how){1e-6, (tp_lstsq_driver)driver}, 2, in);
        }
}

/* clang-format off */
static const tp_op lstsq_op = {
    .name = "linalg_lstsq", .n_in = 2, .n_out = OUTPUTS, .attr_size = sizeof(lstsq_how),
    .flags = TP_OP_FORGETS_OUT, .constant_out = 1u << RANK | 1u << VALUES, .grad_name = "LinalgLstsqBackward0",
    .infer = lstsq_infer, .forward = lstsq_forward, .vjp = lstsq_vjp, .samples = lstsq_samples};
/* clang-format on */

/* Squares of what is left, where m > n and every A has full rank, which gelsy does not tell (as in torch); otherwise
 * there are none. */
static tp_tensor *residuals_of(tp_tape *T, tp_tensor *a, tp_tensor *b, tp_tensor *const *out, tp_lstsq_driver driver)
{
    int64_t n = tp__columns(a);
    const int64_t *rank = out[RANK]->data;
    bool full = tp__rows(a) > n && driver != TP_GELSY;
    for (int64_t i = 0; of_values(driver) && i < out[RANK]->numel && full; i++)
        full = rank[i] == n;
    if (!full)
        return tp_zeros(T, a->dtype, (tp_dims){1, {0}});
    return tp_sum_dims(T, tp_square(T, tp_sub(T, tp_matmul(T, a, out[X]), b)), 1, &(int){-2}, false);
}

/* B counts as vectors, [m] or [..., m] of A's leading dimensions, as in tp_linalg_solve; false after a failure. */
static bool take_inputs(tp_tape *T, tp_tensor **a, tp_tensor **b, bool *vectors)
{
    tp_tensor *x = *a, *y = *b;
    if (!tp__usable_inputs(T, "linalg_lstsq", 2, (tp_tensor *[2]){x, y}) || !tp__has_dims(T, "linalg_lstsq", x, 2))
        return false;
    *vectors = y->ndim == 1 || y->ndim == x->ndim - 1;
    for (int d = 0; d < y->ndim && y->ndim > 1 && *vectors; d++)
        *vectors = y->shape[d] == x->shape[d];
    if (*vectors)
        *b = tp_unsqueeze(T, y, -1);
    return *b && tp__broadcast_batches(T, "linalg_lstsq", a, b);
}

tp_tensor *tp_linalg_lstsq(tp_tape *T, tp_tensor *a, tp_tensor *b, const tp_lstsq_options *options,
                           tp_tensor **residuals, tp_tensor **rank, tp_tensor **singular_values)
{
    TP__NAMED(T, "linalg_lstsq");
    tp_tensor *out[OUTPUTS] = {NULL}, *unwanted;
    lstsq_how how = {.rcond = options ? options->rcond : 0, .driver = options ? options->driver : TP_GELSY};
    residuals = residuals ? residuals : &unwanted;
    rank = rank ? rank : &unwanted;
    singular_values = singular_values ? singular_values : &unwanted;
    *residuals = *rank = *singular_values = NULL;
    bool vectors;
    if (!take_inputs(T, &a, &b, &vectors))
        return NULL;
    if (how.driver > TP_GELSS || (int)how.driver < 0 || !(how.rcond >= 0)) {
        tp_fail(T, TP_EINVAL, "linalg_lstsq: driver %d, rcond %g; one of tp_lstsq_driver, and none below 0, are needed",
                (int)how.driver, how.rcond);
        return NULL;
    }
    int64_t most = tp__rows(a) > tp__columns(a) ? tp__rows(a) : tp__columns(a);
    if (how.rcond == 0 && !signbit(how.rcond))
        how.rcond = (double)most * (a->dtype == TP_F32 ? (double)FLT_EPSILON : DBL_EPSILON);
    if (tp_apply_all(T, &lstsq_op, &how, 2, (tp_tensor *[2]){a, b}, out) != TP_OK)
        return NULL;
    if (residuals != &unwanted)
        *residuals = residuals_of(T, a, b, out, how.driver);
    *rank = how.driver == TP_GELS ? tp_zeros(T, TP_I64, (tp_dims){1, {0}}) : out[RANK];
    *singular_values = out[VALUES];
    tp_tensor *x = vectors ? tp_squeeze_dim(T, out[X], -1) : out[X];
    return tp__ok(T) ? x : NULL;
}

const tp_op *const tp__ops_lstsq[] = {
#include TP__OPERATORS
    NULL};
