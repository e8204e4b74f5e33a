/* lu.c - A = P L U of matrices [..., m, n], with partial pivoting, and what is made of it. */
#include "ops/linalg/linalg.h"

/* ---- rows exchanged by pivots --------------------------------------------------------------------------------------- */

/* X [..., m, k], pivots [..., r] -> P^T X, or P X where backwards. */
static tp_status exchange_infer(tp_call *c)
{
    const tp_tensor *x = c->in[0], *pivots = c->in[1];
    int64_t rows = x->ndim >= 2 ? tp__rows(x) : 0, r = pivots->ndim ? pivots->shape[pivots->ndim - 1] : 0;
    bool fits = x->ndim >= 2 && pivots->ndim == x->ndim - 1 && r <= rows;
    for (int d = 0; d < x->ndim - 2 && fits; d++)
        fits = x->shape[d] == pivots->shape[d];
    if (!fits)
        return tp_call_fail(c, TP_ESHAPE, "X is %s, the pivots are %s; [..., m, k] and [..., m] or fewer are needed",
                            TP__SHAPE(x), TP__SHAPE(pivots));
    if (pivots->dtype != TP_I32)
        return tp_call_fail(c, TP_EDTYPE, "the pivots are %s; int32 is needed", tp_dtype_name(pivots->dtype));
    return tp_call_out(c, 0, x->dtype, tp__dims_of(x));
}

static int exchange(const tp__batch *b, int64_t i, void *scratch)
{
    (void)scratch;
    const tp_tensor *x = b->call->out[0], *pivots = b->call->in[1];
    tp__exchange_rows(x->dtype, tp__columns(pivots), tp__vector(pivots, i), *(const bool *)b->call->attr,
                      tp__columns(x), tp__matrix(x, i));
    return 0;
}

/* The pivots may come from anywhere. */
static tp_status exchange_forward(tp_call *c)
{
    const tp_tensor *x = c->in[0], *pivots = c->in[1];
    int64_t rows = tp__rows(x), k = tp__columns(x);
    const int *p = pivots->data;
    for (int64_t i = 0; i < pivots->numel; i++)
        if (p[i] < 1 || p[i] > rows)
            return tp_call_fail(c, TP_EINVAL, "a pivot is %d; 1 to %lld is needed", p[i], (long long)rows);
    tp__take_elements(c->out[0], x);
    return x->numel > 0
               ? tp__run_batch(&(tp__batch){.one = exchange, .call = c, .count = tp__matrices(x), .flops = rows * k})
               : TP_OK;
}

static tp_tensor *exchanged(tp_tape *T, tp_tensor *x, tp_tensor *pivots, bool backwards);

static tp_status exchange_vjp(tp_vjp *v)
{
    v->gin[0] = exchanged(v->tape, v->gout[0], v->in[1], !*(const bool *)v->attr);
    return TP_OK;
}

static void exchange_samples(tp_sampler *s)
{
    const int32_t pivots[6] = {2, 3, 3, 3, 2, 3};
    tp_tensor *in[2] = {tp_sample_tensor(s, (tp_dims){3, {2, 3, 2}}, -1, 1),
                        tp_from(s->tape, TP_I32, (tp_dims){2, {2, 3}}, pivots)};
    tp_sample(s, &(bool){false}, 2, in);
    tp_sample(s, &(bool){true}, 2, in);
}

/* clang-format off */
static const tp_op exchange_op = {
    .name = "exchange_rows", .n_in = 2, .n_out = 1, .attr_size = sizeof(bool), .flags = TP_OP_FORGETS_OUT,
    .infer = exchange_infer, .forward = exchange_forward, .vjp = exchange_vjp, .samples = exchange_samples};
/* clang-format on */

/* The pivots' leading dimensions are made X's. */
static tp_tensor *exchanged(tp_tape *T, tp_tensor *x, tp_tensor *pivots, bool backwards)
{
    if (x == NULL || pivots == NULL)
        return NULL;
    if (pivots->ndim == 0) /* refused there */
        return tp__apply2(T, &exchange_op, &backwards, x, pivots);
    return tp__apply2(T, &exchange_op, &backwards, x, tp_expand(T, pivots, tp__batch_and_one(x, tp__columns(pivots))));
}

/* ---- the factorization ---------------------------------------------------------------------------------------------- */

enum { LU, PIVOTS, INFO, OUTPUTS };

static tp_status lu_infer(tp_call *c)
{
    const tp_tensor *a = c->in[0];
    if (tp__matrix_floats(c, 0, "A") != TP_OK)
        return c->tape->status;
    tp_status status = tp_call_out(c, LU, a->dtype, tp__dims_of(a));
    if (status == TP_OK)
        status = tp_call_out(c, PIVOTS, TP_I32, tp__batch_and_one(a, tp__least_side(a)));
    return status == TP_OK ? tp_call_out(c, INFO, TP_I32, tp__batch_of(a)) : status;
}

static int factor(const tp__batch *b, int64_t i, void *scratch)
{
    const tp_tensor *lu = b->call->out[LU], *pivots = b->call->out[PIVOTS];
    return tp__lu(lu->dtype, tp__rows(lu), tp__columns(lu), tp__matrix(lu, i), tp__vector(pivots, i), scratch);
}

static tp_status lu_forward(tp_call *c)
{
    const tp_tensor *a = c->in[0];
    int64_t elements = tp__rows(a) * tp__columns(a);
    tp__lanes_job lanes = {.kernel = TP__LANES_LU,
                           .dtype = a->dtype,
                           .n = tp__rows(a),
                           .k = tp__columns(a),
                           .x = {tp__in_lane(a, c->out[LU])},
                           .pivots_to = c->out[PIVOTS]->data,
                           .pivots_each = tp__least_side(a)};
    return tp__factor_copies(c, LU,
                             (tp__batch){.one = factor,
                                         .lanes = &lanes,
                                         .flops = elements * tp__least_side(a) / 3,
                                         .scratch = (size_t)elements * tp_dtype_size(a->dtype)});
}

/* The gradient of small square ones at once, by LU, the pivots and the gradient of LU: see lu_vjp. */
static tp_status slope_forward(tp_call *c)
{
    const tp_tensor *lu = c->in[0], *pivots = c->in[1], *g = c->in[2];
    int64_t n = tp__columns(lu);
    tp__lanes_job lanes = {.kernel = TP__LANES_LU_BACK,
                           .dtype = lu->dtype,
                           .n = n,
                           .k = n,
                           .x = {tp__in_lane(lu, NULL), tp__in_lane(g, c->out[0]), {NULL, NULL, n * n, false}},
                           .pivots = pivots->data,
                           .pivots_each = n};
    return tp__run_batch(&(tp__batch){.lanes = &lanes, .call = c, .count = tp__matrices(lu), .flops = 2 * n * n * n});
}

static tp_status slope_infer(tp_call *c)
{
    const tp_tensor *lu = c->in[0], *pivots = c->in[1], *g = c->in[2];
    if (tp__square_floats(c, lu) != TP_OK)
        return c->tape->status;
    bool fits = tp__in_lanes(tp__columns(lu), tp__columns(lu)) && pivots->dtype == TP_I32 && g->dtype == lu->dtype &&
                tp__dims_equal(tp__dims_of(g), tp__dims_of(lu)) &&
                tp__dims_equal(tp__dims_of(pivots), tp__batch_and_one(lu, tp__columns(lu)));
    return fits ? tp__infer_like_first(c)
                : tp_call_fail(c, TP_ESHAPE,
                               "LU is %s, the pivots are %s, the gradient is %s; a few unknowns are needed",
                               TP__SHAPE(lu), TP__SHAPE(pivots), TP__SHAPE(g));
}

static void slope_samples(tp_sampler *s)
{
    const int32_t pivots[6] = {2, 3, 3, 3, 2, 3};
    tp_tensor *in[3] = {tp__sample_matrix(s, (tp_dims){3, {2, 3, 3}}),
                        tp_from(s->tape, TP_I32, (tp_dims){2, {2, 3}}, pivots),
                        tp_sample_tensor(s, (tp_dims){3, {2, 3, 3}}, -1, 1)};
    tp_sample(s, NULL, 3, in);
}

/* clang-format off */
static const tp_op slope_op = {
    .name = "lu_slope", .n_in = 3, .n_out = 1, .flags = TP_OP_NO_GRAD,
    .infer = slope_infer, .forward = slope_forward, .samples = slope_samples};
/* clang-format on */

/* With L^-1 P^T dA U^-1 = X, dL = L tril(X, -1) and dU = triu(X) U; what is beyond the square part follows from
 * A_2 = L U_2 (wide), A_2 = L_2 U (tall). */
static tp_status lu_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    tp_tensor *lu = v->out[LU], *g = v->gout[LU];
    int64_t m = tp__rows(lu), n = tp__columns(lu), k = tp__least_side(lu);
    if (!T->recording && m == n && tp__in_lanes(n, n)) {
        v->gin[0] = tp__apply3(T, &slope_op, NULL, lu, v->out[PIVOTS], g);
        return T->status;
    }
    tp_tensor *square = tp__corner(T, lu, k, k), *gs = tp__corner(T, g, k, k);
    tp_tensor *gl = tp_tril(T, gs, -1), *gu = tp_triu(T, gs, 0);
    tp_tensor *below = tp_add(T, tp_matmul(T, tp__mT(T, tp_tril(T, square, -1)), gl), gl); /* L^T gL */
    tp_tensor *above = tp_matmul(T, gu, tp__mT(T, tp_triu(T, square, 0)));                 /* gU U^T */
    tp_tensor *rest = NULL;
    if (n > k) {
        tp_tensor *u2 = tp_narrow(T, lu, -1, k, n - k), *gu2 = tp_narrow(T, g, -1, k, n - k);
        below = tp_sub(T, below, tp_matmul(T, gu2, tp__mT(T, u2)));
        rest = tp__solve_triangular(T, tp__mT(T, square), gu2, true, true);
    } else if (m > k) {
        tp_tensor *l2 = tp_narrow(T, lu, -2, k, m - k), *gl2 = tp_narrow(T, g, -2, k, m - k);
        above = tp_sub(T, above, tp_matmul(T, tp__mT(T, l2), gl2));
        rest = tp__mT(T, tp__solve_triangular(T, square, tp__mT(T, gl2), true, false));
    }
    tp_tensor *s = tp_add(T, tp_tril(T, below, -1), tp_triu(T, above, 0));
    s = tp__mT(T, tp__solve_triangular(T, square, tp__mT(T, s), true, false));
    s = tp__solve_triangular(T, tp__mT(T, square), s, true, true);
    if (rest)
        s = tp_cat(T, 2, (tp_tensor *[2]){s, rest}, n > k ? -1 : -2);
    v->gin[0] = exchanged(T, s, v->out[PIVOTS], true);
    return TP_OK;
}

static void lu_samples(tp_sampler *s)
{
    const tp_dims shapes[] = {{2, {3, 3}}, {3, {2, 2, 2}}, {2, {2, 4}}, {2, {4, 2}}, {3, {0, 2, 2}}, {2, {0, 3}}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        int64_t m = shapes[i].dim[shapes[i].ndim - 2], n = shapes[i].dim[shapes[i].ndim - 1];
        tp_tensor *x = tp_add(
            s->tape, tp_sample_tensor(s, shapes[i], -0.6, 0.7),
            tp_mul_scalar(s->tape, tp_flip(s->tape, tp_eye(s->tape, s->dtype, m, n), 1, (int[]){-2}), 2.5));
        x = tp_requires_grad(tp_detach(s->tape, x), true);
        tp_sample(s, &(tp__told){i % 2}, 1, &x);
    }
}

/* clang-format off */
static const tp_op lu_op = {
    .name = "linalg_lu_factor", .n_in = 1, .n_out = OUTPUTS, .attr_size = sizeof(tp__told), .flags = TP_OP_FORGETS_IN,
    .constant_out = 1u << PIVOTS | 1u << INFO, .grad_name = "LinalgLuFactorExBackward0",
    .infer = lu_infer, .forward = lu_forward, .vjp = lu_vjp, .samples = lu_samples};
/* clang-format on */

static tp_tensor *lu_factor(tp_tape *T, tp_tensor *a, bool told, tp_tensor **pivots, tp_tensor **info)
{
    tp_tensor *out[OUTPUTS] = {NULL};
    tp_apply_all(T, &lu_op, &(tp__told){told}, 1, &a, out);
    if (pivots)
        *pivots = out[PIVOTS];
    if (info)
        *info = out[INFO];
    return out[LU];
}

tp_tensor *tp_linalg_lu_factor(tp_tape *T, tp_tensor *a, tp_tensor **pivots)
{
    return lu_factor(T, a, false, pivots, NULL);
}

tp_tensor *tp_linalg_lu_factor_ex(tp_tape *T, tp_tensor *a, tp_tensor **pivots, tp_tensor **info)
{
    TP__NAMED(T, "linalg_lu_factor_ex");
    return lu_factor(T, a, info != NULL, pivots, info);
}

/* ---- its parts ------------------------------------------------------------------------------------------------------ */

tp_status tp_lu_unpack(tp_tape *T, tp_tensor *lu, tp_tensor *pivots, tp_tensor **p, tp_tensor **l, tp_tensor **u)
{
    TP__NAMED(T, "lu_unpack");
    tp_tensor **out[3] = {p, l, u};
    for (int i = 0; i < 3; i++)
        if (out[i])
            *out[i] = NULL;
    if (!tp__usable_inputs(T, "lu_unpack", 2, (tp_tensor *[2]){lu, pivots}))
        return T ? T->status : TP_EINVAL;
    if (lu->ndim < 2 || !tp_dtype_is_float(lu->dtype))
        return tp_fail(T, TP_ESHAPE, "lu_unpack: LU is %s %s; [..., m, n] of floats is needed",
                       tp_dtype_name(lu->dtype), TP__SHAPE(lu));
    int64_t m = tp__rows(lu), n = tp__columns(lu), k = tp__least_side(lu);
    if (p)
        *p = exchanged(T, tp_expand(T, tp_eye(T, lu->dtype, m, m), tp__batch_and(lu, m, m)), pivots, true);
    if (l)
        *l = tp_add(T, tp_tril(T, tp__corner(T, lu, m, k), -1), tp_eye(T, lu->dtype, m, k));
    if (u)
        *u = tp_triu(T, tp__corner(T, lu, k, n), 0);
    return T->status;
}

tp_status tp_linalg_lu(tp_tape *T, tp_tensor *a, tp_tensor **p, tp_tensor **l, tp_tensor **u)
{
    TP__NAMED(T, "linalg_lu");
    tp_tensor *pivots, *lu = lu_factor(T, a, true, &pivots, NULL);
    return tp_lu_unpack(T, lu, pivots, p, l, u);
}

/* ---- solves by it --------------------------------------------------------------------------------------------------- */

/* A X = B or A^T X = B: triangles, one after the other, and the exchanges before or behind them. */
static tp_tensor *solve_left(tp_tape *T, tp_tensor *lu, tp_tensor *pivots, tp_tensor *b, bool adjoint)
{
    if (!adjoint) {
        b = tp__solve_triangular(T, lu, exchanged(T, b, pivots, false), false, true);
        return tp__solve_triangular(T, lu, b, true, false);
    }
    tp_tensor *turned = tp__mT(T, lu);
    b = tp__solve_triangular(T, turned, tp__solve_triangular(T, turned, b, false, false), true, true);
    return exchanged(T, b, pivots, true);
}

tp_tensor *tp_linalg_lu_solve(tp_tape *T, tp_tensor *lu, tp_tensor *pivots, tp_tensor *b, bool left, bool adjoint)
{
    TP__NAMED(T, "linalg_lu_solve");
    if (!tp__usable_inputs(T, "linalg_lu_solve", 3, (tp_tensor *[3]){lu, pivots, b}))
        return NULL;
    if (lu->ndim < 2 || pivots->ndim != lu->ndim - 1 || b->ndim < 2 || tp__columns(lu) != tp__rows(lu)) {
        tp_fail(
            T, TP_ESHAPE,
            "linalg_lu_solve: LU is %s, the pivots are %s, B is %s; [..., n, n], [..., n] and [..., n, k] are needed",
            TP__SHAPE(lu), TP__SHAPE(pivots), TP__SHAPE(b));
        return NULL;
    }
    if (!left)
        b = tp__mT(T, b);
    if (!tp__broadcast_batches(T, "linalg_lu_solve", &lu, &b))
        return NULL;
    tp_tensor *x = solve_left(T, lu, pivots, b, adjoint != !left);
    return left ? x : tp__mT(T, x);
}

const tp_op *const tp__ops_lu[] = {
#include TP__OPERATORS
    NULL};
