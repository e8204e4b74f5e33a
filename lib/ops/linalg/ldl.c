/* ldl.c - A = L D L^T of symmetric matrices [..., n, n] that need not be definite, and solves by it. */
#include "kernel/factor.h"
#include "ops/linalg/linalg.h"

#include <string.h>

enum { LD, PIVOTS, INFO, OUTPUTS };

/* Whether a singular matrix is no failure, but what INFO says. */
typedef struct {
    bool told;
} how;

static tp_status ldl_infer(tp_call *c)
{
    const tp_tensor *a = c->in[0];
    tp_status status = tp__square_floats(c, a);
    if (status != TP_OK)
        return status;
    tp_dims pivots = tp__dims_of(a);
    pivots.ndim--;
    status = tp__infer_like_first(c);
    if (status == TP_OK)
        status = tp_call_out(c, PIVOTS, TP_I32, pivots);
    return status == TP_OK ? tp_call_out(c, INFO, TP_I32, tp__batch_of(a)) : status;
}

static int factor(const tp__batch *b, int64_t i, void *scratch)
{
    const tp_tensor *ld = b->call->out[LD];
    int64_t n = ld->shape[ld->ndim - 1];
    return tp__ldl(ld->dtype, n, tp__matrix(ld, i), (int *)b->call->out[PIVOTS]->data + i * n, scratch);
}

static tp_status ldl_forward(tp_call *c)
{
    const tp_tensor *a = c->in[0];
    int64_t n = a->shape[a->ndim - 1];
    size_t size = tp_dtype_size(a->dtype);
    if (a->numel > 0)
        memcpy(c->out[LD]->data, a->data, (size_t)a->numel * size);
    return tp__run_batch(&(tp__batch){.one = factor,
                                      .call = c,
                                      .count = tp__matrices(a),
                                      .flops = n * n * n / 6,
                                      .scratch = (size_t)tp__ldl_space(n) * size,
                                      .info = c->out[INFO]->data,
                                      .trouble = ((const how *)c->attr)->told ? NULL : "singular",
                                      .counted = "pivot",
                                      .needed = "a regular one"});
}

static void ldl_samples(tp_sampler *s)
{
    const tp_dims shapes[] = {{2, {3, 3}}, {3, {2, 2, 2}}, {2, {0, 0}}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        tp_tensor *x = tp_sample_tensor(s, shapes[i], -1, 1);
        x = tp_detach(s->tape, tp_add(s->tape, x, tp__mT(s->tape, x)));
        tp_sample(s, &(how){i % 2}, 1, &x);
    }
}

/* clang-format off */
static const tp_op ldl_op = {
    .name = "linalg_ldl_factor", .n_in = 1, .n_out = OUTPUTS, .attr_size = sizeof(how), .flags = TP_OP_NO_GRAD,
    .infer = ldl_infer, .forward = ldl_forward, .samples = ldl_samples};
/* clang-format on */

tp_tensor *tp_linalg_ldl_factor_ex(tp_tape *T, tp_tensor *a, tp_tensor **pivots, tp_tensor **info)
{
    tp_tensor *out[OUTPUTS] = {NULL};
    tp_apply_all(T, &ldl_op, &(how){info != NULL}, 1, &a, out);
    if (pivots)
        *pivots = out[PIVOTS];
    if (info)
        *info = out[INFO];
    return out[LD];
}

tp_tensor *tp_linalg_ldl_factor(tp_tape *T, tp_tensor *a, tp_tensor **pivots)
{
    return tp_linalg_ldl_factor_ex(T, a, pivots, NULL);
}

/* ---- solves by it --------------------------------------------------------------------------------------------------- */

static tp_status solve_infer(tp_call *c)
{
    const tp_tensor *ld = c->in[0], *b = c->in[1], *pivots = c->in[2];
    if (tp__solve_infer(c) != TP_OK)
        return c->tape->status;
    bool fits = pivots->ndim == ld->ndim - 1;
    for (int d = 0; d < pivots->ndim && fits; d++)
        fits = pivots->shape[d] == ld->shape[d];
    if (!fits || pivots->dtype != TP_I32)
        return tp_call_fail(c, TP_ESHAPE, "LD is %s, B is %s, the pivots are %s %s; int32 [..., n] is needed",
                            TP__SHAPE(ld), TP__SHAPE(b), tp_dtype_name(pivots->dtype), TP__SHAPE(pivots));
    return TP_OK;
}

/* A pivot is a row from 1 to n, or less than 0 twice in a row, for a block of two: as sytrf with the lower half makes them. */
static bool are_pivots(const int *p, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        bool two = p[i] < 0;
        if (p[i] == 0 || p[i] > n || p[i] < -n || (two && (i + 1 == n || p[i + 1] != p[i])))
            return false;
        i += two;
    }
    return true;
}

static int substitute(const tp__batch *b, int64_t i, void *scratch)
{
    const tp_call *c = b->call;
    const tp_tensor *ld = c->in[0], *x = c->out[0];
    int64_t n = ld->shape[ld->ndim - 1], k = x->shape[x->ndim - 1];
    return tp__ldl_solve(ld->dtype, n, k, tp__matrix(ld, i), (const int *)c->in[2]->data + i * n, tp__matrix(x, i),
                         scratch);
}

static tp_status solve_forward(tp_call *c)
{
    const tp_tensor *ld = c->in[0], *b = c->in[1];
    int64_t n = ld->shape[ld->ndim - 1], k = b->shape[b->ndim - 1];
    size_t size = tp_dtype_size(b->dtype);
    for (int64_t i = 0; i < tp__matrices(ld); i++)
        if (!are_pivots((const int *)c->in[2]->data + i * n, n))
            return tp_call_fail(c, TP_EINVAL, "the pivots of matrix %lld are none; those of ldl_factor are needed",
                                (long long)i);
    if (b->numel == 0)
        return TP_OK;
    memcpy(c->out[0]->data, b->data, (size_t)b->numel * size);
    return tp__run_batch(&(tp__batch){.one = substitute,
                                      .call = c,
                                      .count = tp__matrices(ld),
                                      .flops = n * n * k,
                                      .scratch = (size_t)(n * (n + k)) * size});
}

static void solve_samples(tp_sampler *s)
{
    const int32_t pivots[3] = {3, -3, -3};
    tp_tensor *in[3] = {tp__sample_matrix(s, (tp_dims){2, {3, 3}}), tp_sample_tensor(s, (tp_dims){2, {3, 2}}, -1, 1),
                        tp_from(s->tape, TP_I32, (tp_dims){1, {3}}, pivots)};
    tp_sample(s, NULL, 3, in);
}

/* clang-format off */
static const tp_op solve_op = {
    .name = "linalg_ldl_solve", .n_in = 3, .n_out = 1, .flags = TP_OP_NO_GRAD,
    .infer = solve_infer, .forward = solve_forward, .samples = solve_samples};
/* clang-format on */

tp_tensor *tp_linalg_ldl_solve(tp_tape *T, tp_tensor *ld, tp_tensor *pivots, tp_tensor *b)
{
    TP__NAMED(T, "linalg_ldl_solve");
    if (!tp__usable_inputs(T, "linalg_ldl_solve", 3, (tp_tensor *[3]){ld, pivots, b}))
        return NULL;
    if (!tp__broadcast_batches(T, "linalg_ldl_solve", &ld, &b))
        return NULL;
    tp_dims shape = tp__dims_of(ld);
    shape.ndim--;
    tp_tensor *in[3] = {ld, b, tp_expand(T, pivots, shape)};
    return tp_apply(T, &solve_op, NULL, 3, in);
}

const tp_op *const tp__ops_ldl[] = {
#include TP__OPERATORS
    NULL};
