/* ldl.c - A = L D L^T of symmetric matrices [..., n, n] that need not be definite, and solves by it. */
#include "ops/linalg/linalg.h"

enum { LD, PIVOTS, INFO, OUTPUTS };

static tp_status ldl_infer(tp_call *c)
{
    const tp_tensor *a = c->in[0];
    tp_status status = tp__square_floats(c, a);
    if (status != TP_OK)
        return status;
    status = tp__infer_like_first(c);
    if (status == TP_OK)
        status = tp_call_out(c, PIVOTS, TP_I32, tp__batch_and_one(a, tp__rows(a)));
    return status == TP_OK ? tp_call_out(c, INFO, TP_I32, tp__batch_of(a)) : status;
}

static int factor(const tp__batch *b, int64_t i, void *scratch)
{
    const tp_tensor *ld = b->call->out[LD];
    return tp__ldl(ld->dtype, tp__rows(ld), tp__matrix(ld, i), tp__vector(b->call->out[PIVOTS], i), scratch);
}

static tp_status ldl_forward(tp_call *c)
{
    const tp_tensor *a = c->in[0];
    int64_t n = tp__columns(a);
    return tp__factor_copies(c, LD,
                             (tp__batch){.one = factor,
                                         .flops = n * n * n / 6,
                                         .scratch = (size_t)tp__ldl_space(n) * tp_dtype_size(a->dtype)});
}

static void ldl_samples(tp_sampler *s)
{
    const tp_dims shapes[] = {{2, {3, 3}}, {3, {2, 2, 2}}, {2, {0, 0}}, {3, {3, 5, 5}}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        tp_tensor *x = tp_sample_tensor(s, shapes[i], -1, 1);
        x = tp_add(s->tape, x, tp__mT(s->tape, x));
        if (i == 3) /* of blocks of two */
            x = tp_add(s->tape, tp_tril(s->tape, x, -1), tp_triu(s->tape, x, 1));
        x = tp_requires_grad(tp_detach(s->tape, x), true);
        tp_sample(s, &(tp__told){i % 2}, 1, &x);
    }
}

/* ---- what LAPACK packs, as matrices --------------------------------------------------------------------------------
 *
 * P^T A P = L D L^T: the exchanges of later steps are not done yet in the columns that the lower half keeps of L. */

enum { ROWS, STRICT, BLOCKS, PLACES, PARTS };

/* Of pivots [..., n]: where in its packed column an element of L is, TP_I64 [..., n, n]; which elements are L's below the
 * blocks, and which are D's on and below the diagonal, TP_BOOL; and which row of A is row i of L, in equal columns. */
static tp_status parts_infer(tp_call *c)
{
    static const tp_dtype dtypes[PARTS] = {TP_I64, TP_BOOL, TP_BOOL, TP_I64};
    const tp_tensor *pivots = c->in[0];
    if (pivots->ndim < 1 || pivots->ndim >= TP_MAX_DIMS || pivots->dtype != TP_I32)
        return tp_call_fail(c, TP_EDTYPE, "the pivots are %s %s; int32 [..., n] is needed",
                            tp_dtype_name(pivots->dtype), TP__SHAPE(pivots));
    tp_dims shape = tp__dims_of(pivots);
    shape.dim[shape.ndim] = shape.dim[shape.ndim - 1];
    shape.ndim++;
    tp_status status = TP_OK;
    for (int k = 0; k < PARTS && status == TP_OK; k++)
        status = tp_call_out(c, k, dtypes[k], shape);
    return status;
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

static void exchange(int64_t *rows, int64_t stride, int64_t i, int64_t j)
{
    int64_t row = rows[i * stride];
    rows[i * stride] = rows[j * stride];
    rows[j * stride] = row;
}

static int unpack(const tp__batch *b, int64_t at, void *scratch)
{
    (void)scratch;
    const tp_call *c = b->call;
    int64_t n = tp__columns(c->in[0]), *rows = tp__matrix(c->out[ROWS], at), *places = tp__matrix(c->out[PLACES], at);
    bool *strict = tp__matrix(c->out[STRICT], at), *blocks = tp__matrix(c->out[BLOCKS], at);
    const int *p = tp__vector(c->in[0], at);
    for (int64_t i = 0; i < n * n; i++) {
        rows[i] = places[i] = i / n;
        strict[i] = i % n < i / n;
        blocks[i] = i % n == i / n;
    }
    for (int64_t k = 0; k < n; k++) {
        bool two = p[k] < 0;
        int64_t i = k + two, j = (two ? -p[k] : p[k]) - 1;
        for (int64_t column = 0; column < k; column++)
            exchange(rows + column, n, i, j);
        exchange(places, n, i, j);
        if (two) {
            strict[i * n + k] = false;
            blocks[i * n + k] = true;
        }
        k = i;
    }
    for (int64_t i = 0; i < n * n; i++)
        places[i] = places[i / n * n];
    return 0;
}

static tp_status parts_forward(tp_call *c)
{
    const tp_tensor *pivots = c->in[0];
    int64_t n = pivots->shape[pivots->ndim - 1], count = tp__matrices(c->out[ROWS]);
    for (int64_t i = 0; i < count; i++)
        if (!are_pivots(tp__vector(pivots, i), n))
            return tp_call_fail(c, TP_EINVAL, "the pivots of matrix %lld are none; those of ldl_factor are needed",
                                (long long)i);
    return n > 0 ? tp__run_batch(&(tp__batch){.one = unpack, .call = c, .count = count, .flops = n * n * n / 3})
                 : TP_OK;
}

static void parts_samples(tp_sampler *s)
{
    const int32_t pivots[6] = {3, -3, -3, -2, -2, 3};
    tp_tensor *x = tp_from(s->tape, TP_I32, (tp_dims){2, {2, 3}}, pivots);
    tp_sample(s, NULL, 1, &x);
}

/* clang-format off */
static const tp_op parts_op = {
    .name = "ldl_parts", .n_in = 1, .n_out = PARTS, .flags = TP_OP_NO_GRAD,
    .infer = parts_infer, .forward = parts_forward, .samples = parts_samples};
/* clang-format on */

typedef struct {
    tp_tensor *part[PARTS], *l, *d; /* L and the whole of D */
} unpacked;

static unpacked parts_of(tp_tape *T, tp_tensor *ld, tp_tensor *pivots)
{
    unpacked p = {{NULL}, NULL, NULL};
    if (ld == NULL || tp_apply_all(T, &parts_op, NULL, 1, &pivots, p.part) != TP_OK)
        return p;
    int64_t n = tp__columns(ld);
    tp_tensor *zero = tp__number(T, ld, 0), *lower = tp_where(T, p.part[BLOCKS], ld, zero);
    p.l = tp_add(T, tp_where(T, p.part[STRICT], tp_gather(T, ld, -2, p.part[ROWS]), zero), tp_eye(T, ld->dtype, n, n));
    p.d = tp_add(T, lower, tp__mT(T, tp_tril(T, lower, -1)));
    return p;
}

static tp_tensor *half_of_sum(tp_tape *T, tp_tensor *x) { return tp_mul_scalar(T, tp_add(T, x, tp__mT(T, x)), 0.5); }

/* P^T X P, and back P X P^T: row i of L is row PLACES[i] of A. */
static tp_tensor *in_order_of_l(tp_tape *T, const unpacked *p, tp_tensor *x)
{
    tp_tensor *rows = p->part[PLACES];
    return tp_gather(T, tp_gather(T, x, -2, rows), -1, tp__mT(T, rows));
}
static tp_tensor *in_order_of_a(tp_tape *T, const unpacked *p, tp_tensor *x)
{
    tp_tensor *rows = p->part[PLACES], *none = tp_zeros_like(T, x);
    return tp_scatter_add(T, none, -2, rows, tp_scatter_add(T, none, -1, tp__mT(T, rows), x));
}

/* M = L^-1 P^T dA P L^-T = X D + dD + D X^T, dL = L X, X below the blocks. */
static tp_status ldl_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    unpacked p = parts_of(T, v->out[LD], v->out[PIVOTS]);
    if (p.l == NULL || p.d == NULL)
        return T->status;
    tp_tensor *g = v->gout[LD], *zero = tp__number(T, g, 0), *turned = tp__mT(T, p.l), *info;
    tp_tensor *gl = tp_where(T, p.part[STRICT], tp_gather(T, g, -2, p.part[ROWS]), zero);
    tp_tensor *k = tp_where(T, p.part[STRICT], tp_matmul(T, turned, gl), zero);
    k = tp__mT(T, tp_linalg_solve_ex(T, p.d, tp__mT(T, k), true, &info)); /* K D^-1 */
    tp_tensor *m = tp_add(T, k, half_of_sum(T, tp_where(T, p.part[BLOCKS], g, zero)));
    m = tp__solve_triangular(T, turned, m, true, true);
    m = tp__mT(T, tp__solve_triangular(T, turned, tp__mT(T, m), true, true));
    v->gin[0] = half_of_sum(T, in_order_of_a(T, &p, m));
    return T->status;
}

/* clang-format off */
static const tp_op ldl_op = {
    .name = "linalg_ldl_factor", .n_in = 1, .n_out = OUTPUTS, .attr_size = sizeof(tp__told),
    .flags = TP_OP_FORGETS_IN | TP_OP_SYMMETRIC, .constant_out = 1u << PIVOTS | 1u << INFO,
    .grad_name = "LinalgLdlFactorExBackward0",
    .infer = ldl_infer, .forward = ldl_forward, .vjp = ldl_vjp, .samples = ldl_samples};
/* clang-format on */

tp_tensor *tp_linalg_ldl_factor_ex(tp_tape *T, tp_tensor *a, tp_tensor **pivots, tp_tensor **info)
{
    TP__NAMED(T, "linalg_ldl_factor_ex");
    tp_tensor *out[OUTPUTS] = {NULL};
    tp_apply_all(T, &ldl_op, &(tp__told){info != NULL}, 1, &a, out);
    if (pivots)
        *pivots = out[PIVOTS];
    if (info)
        *info = out[INFO];
    return out[LD];
}

tp_tensor *tp_linalg_ldl_factor(tp_tape *T, tp_tensor *a, tp_tensor **pivots)
{
    TP__NAMED(T, "linalg_ldl_factor");
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

static int substitute(const tp__batch *b, int64_t i, void *scratch)
{
    const tp_call *c = b->call;
    const tp_tensor *ld = c->in[0], *x = c->out[0];
    int64_t n = tp__columns(ld), k = tp__columns(x);
    return tp__ldl_solve(ld->dtype, n, k, tp__matrix(ld, i), tp__vector(c->in[2], i), tp__matrix(x, i), scratch);
}

static tp_status solve_forward(tp_call *c)
{
    const tp_tensor *ld = c->in[0], *b = c->in[1];
    int64_t n = tp__columns(ld), k = tp__columns(b);
    for (int64_t i = 0; i < tp__matrices(ld); i++)
        if (!are_pivots(tp__vector(c->in[2], i), n))
            return tp_call_fail(c, TP_EINVAL, "the pivots of matrix %lld are none; those of ldl_factor are needed",
                                (long long)i);
    if (b->numel == 0)
        return TP_OK;
    tp__take_elements(c->out[0], b);
    return tp__run_batch(&(tp__batch){.one = substitute,
                                      .call = c,
                                      .count = tp__matrices(ld),
                                      .flops = n * n * k,
                                      .scratch = (size_t)(n * (n + k)) * tp_dtype_size(b->dtype)});
}

/* gB = A^-1 gX; gA = -gB X^T, and with G its symmetric part by L's order gL = 2 G L D, gD = L^T G L, as they are packed. */
static tp_status solve_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    tp_tensor *ld = v->in[0], *pivots = v->in[2], *gb = tp_linalg_ldl_solve(T, ld, pivots, v->gout[0]);
    if (tp_vjp_needs(v, 1))
        v->gin[1] = gb;
    if (!tp_vjp_needs(v, 0))
        return T->status;
    unpacked p = parts_of(T, ld, pivots);
    if (p.l == NULL || p.d == NULL)
        return T->status;
    tp_tensor *zero = tp__number(T, ld, 0), *g = tp_neg(T, half_of_sum(T, tp_matmul(T, gb, tp__mT(T, v->out[0]))));
    tp_tensor *gl = tp_matmul(T, in_order_of_l(T, &p, g), p.l), *gd = tp_matmul(T, tp__mT(T, p.l), gl);
    gl = tp_where(T, p.part[STRICT], tp_mul_scalar(T, tp_matmul(T, gl, p.d), 2), zero);
    gd = tp_where(T, p.part[BLOCKS], tp_add(T, gd, tp_tril(T, gd, -1)), zero);
    v->gin[0] = tp_add(T, tp_scatter_add(T, tp_zeros_like(T, ld), -2, p.part[ROWS], gl), gd);
    return T->status;
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
    .name = "linalg_ldl_solve", .n_in = 3, .n_out = 1, .grad_name = "LinalgLdlSolveBackward0",
    .infer = solve_infer, .forward = solve_forward, .vjp = solve_vjp, .samples = solve_samples};
/* clang-format on */

tp_tensor *tp_linalg_ldl_solve(tp_tape *T, tp_tensor *ld, tp_tensor *pivots, tp_tensor *b)
{
    TP__NAMED(T, "linalg_ldl_solve");
    if (!tp__usable_inputs(T, "linalg_ldl_solve", 3, (tp_tensor *[3]){ld, pivots, b}))
        return NULL;
    if (!tp__broadcast_batches(T, "linalg_ldl_solve", &ld, &b))
        return NULL;
    tp_tensor *in[3] = {ld, b, tp_expand(T, pivots, tp__batch_and_one(ld, tp__rows(ld)))};
    return tp_apply(T, &solve_op, NULL, 3, in);
}

const tp_op *const tp__ops_ldl[] = {
#include TP__OPERATORS
    NULL};
