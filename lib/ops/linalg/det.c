/* det.c - inverses, determinants and their logarithms, of matrices [..., n, n], by LU factorizations. */
#include "ops/linalg/linalg.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* ---- the inverse ---------------------------------------------------------------------------------------------------- */

enum { INVERSE, INFO, OUTPUTS };

static tp_status inv_infer(tp_call *c)
{
    tp_status status = tp__square_floats(c, c->in[0]);
    if (status == TP_OK)
        status = tp__infer_like_first(c);
    return status == TP_OK ? tp_call_out(c, INFO, TP_I32, tp__batch_of(c->in[0])) : status;
}

static int invert(const tp__batch *b, int64_t i, void *scratch)
{
    const tp_tensor *y = b->call->out[INVERSE];
    int64_t n = tp__columns(y);
    int *pivots = (int *)(void *)((char *)scratch + (size_t)tp__inverse_space(n) * tp_dtype_size(y->dtype));
    return tp__inverse(y->dtype, n, tp__matrix(y, i), pivots, scratch);
}

static tp_status inv_forward(tp_call *c)
{
    const tp_tensor *a = c->in[0];
    int64_t n = tp__columns(a);
    size_t size = tp_dtype_size(a->dtype);
    tp__lanes_job lanes = {.kernel = TP__LANES_INVERSE,
                           .dtype = a->dtype,
                           .n = n,
                           .k = n,
                           .x = {tp__in_lane(a, NULL), tp__in_lane(NULL, c->out[INVERSE])}};
    return tp__factor_copies(c, INVERSE,
                             (tp__batch){.one = invert,
                                         .lanes = &lanes,
                                         .flops = n * n * n,
                                         .scratch = (size_t)tp__inverse_space(n) * size + (size_t)n * sizeof(int)});
}

/* dY = -Y dA Y */
static tp_status inv_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    tp_tensor *turned = tp__mT(T, v->out[INVERSE]);
    v->gin[0] = tp_neg(T, tp_matmul(T, turned, tp_matmul(T, v->gout[INVERSE], turned)));
    return TP_OK;
}

static int pull_inverse(const tp__batch *b, int64_t i, void *scratch)
{
    const tp_vjp *v = b->vjp;
    const tp_tensor *y = v->out[INVERSE];
    int64_t n = tp__columns(y);
    const void *at = tp__matrix(y, i);
    bool done = tp__gemm(y->dtype, false, true, n, n, n, 1, tp__matrix(v->gout[INVERSE], i), n, at, n, 0, scratch, n) &&
                tp__gemm(y->dtype, true, false, n, n, n, -1, at, n, scratch, n, v->fresh & 1u ? 0 : 1,
                         tp__matrix(v->gin[0], i), n);
    return done ? 0 : -1;
}

static tp_status inv_vjp_fused(tp_vjp *v)
{
    const tp_tensor *y = v->out[INVERSE], *g = v->gout[INVERSE];
    int64_t n = tp__columns(y);
    tp__lanes_job lanes = {.kernel = TP__LANES_INVERSE_BACK,
                           .dtype = y->dtype,
                           .n = n,
                           .k = n,
                           .x = {tp__in_lane(y, NULL), tp__in_lane(g, NULL), tp__in_lane(NULL, v->gin[0])}};
    lanes.x[2].add = !(v->fresh & 1u);
    return tp__run_batch(&(tp__batch){.one = pull_inverse,
                                      .lanes = &lanes,
                                      .vjp = v,
                                      .count = y->numel > 0 ? tp__matrices(y) : 0,
                                      .flops = 2 * n * n * n,
                                      .scratch = (size_t)(n * n) * tp_dtype_size(y->dtype)});
}

static void inv_samples(tp_sampler *s)
{
    tp_tensor *x = tp__sample_matrix(s, (tp_dims){2, {3, 3}});
    tp_sample(s, &(tp__told){false}, 1, &x);
    x = tp__sample_matrix(s, (tp_dims){3, {2, 2, 2}});
    tp_sample(s, &(tp__told){true}, 1, &x);
    x = tp__sample_matrix(s, (tp_dims){2, {0, 0}});
    tp_sample(s, &(tp__told){true}, 1, &x);
}

/* clang-format off */
static const tp_op inv_op = {
    .name = "linalg_inv", .n_in = 1, .n_out = OUTPUTS, .attr_size = sizeof(tp__told),
    .flags = TP_OP_FORGETS_IN | TP_OP_OVERWRITES, .constant_out = 1u << INFO, .grad_name = "LinalgInvExBackward0",
    .infer = inv_infer, .forward = inv_forward, .vjp = inv_vjp, .vjp_fused = inv_vjp_fused, .samples = inv_samples};
/* clang-format on */

tp_tensor *tp_linalg_inv_ex(tp_tape *T, tp_tensor *a, tp_tensor **info)
{
    TP__NAMED(T, "linalg_inv_ex");
    tp_tensor *out[OUTPUTS] = {NULL};
    tp_apply_all(T, &inv_op, &(tp__told){info != NULL}, 1, &a, out);
    if (info)
        *info = out[INFO];
    return out[INVERSE];
}

tp_tensor *tp_linalg_inv(tp_tape *T, tp_tensor *a)
{
    TP__NAMED(T, "linalg_inv");
    return tp_linalg_inv_ex(T, a, NULL);
}

/* ---- determinants --------------------------------------------------------------------------------------------------- */

/* Where the results of the i-th matrix go: sign and logarithm, or the determinant alone. */
typedef struct {
    void *sign, *logarithm, *det;
} places;

static places results_of(const tp_call *c, int64_t i)
{
    size_t at = (size_t)i * tp_dtype_size(c->in[0]->dtype);
    char *first = (char *)c->out[0]->data + at;
    return c->op->n_out == 2 ? (places){first, (char *)c->out[1]->data + at, NULL} : (places){NULL, NULL, first};
}

static int determine(const tp__batch *b, int64_t i, void *scratch)
{
    const tp_call *c = b->call;
    const tp_tensor *a = c->in[0];
    int64_t n = tp__columns(a);
    size_t bytes = (size_t)(n * n) * tp_dtype_size(a->dtype);
    places to = results_of(c, i);
    if (bytes > 0)
        memcpy(scratch, tp__matrix(a, i), bytes);
    return tp__determinant(a->dtype, n, scratch, (int *)(void *)((char *)scratch + bytes), to.sign, to.logarithm,
                           to.det);
}

static int multiply(const tp__batch *b, int64_t first, int64_t count, void *scratch)
{
    (void)scratch;
    const tp_tensor *a = b->call->in[0];
    int64_t n = tp__columns(a);
    for (int64_t i = first; i < first + count; i++) {
        places to = results_of(b->call, i);
        tp__product_of(a->dtype, n, (const char *)b->user + (size_t)(i * n) * tp_dtype_size(a->dtype), to.sign,
                       to.logarithm, to.det);
    }
    return 0;
}

static tp_status det_forward(tp_call *c)
{
    const tp_tensor *a = c->in[0];
    int64_t n = tp__columns(a), count = tp__matrices(a);
    size_t size = tp_dtype_size(a->dtype);
    void *factors = tp__in_lanes(n, n) ? tp_call_scratch(c, (size_t)(n * count) * size) : NULL;
    if (c->tape->status != TP_OK)
        return c->tape->status;
    tp__lanes_job lanes = {.kernel = TP__LANES_DETERMINANT,
                           .dtype = a->dtype,
                           .n = n,
                           .k = n,
                           .x = {tp__in_lane(a, NULL), {NULL, factors, n, false}}};
    return tp__run_batch(&(tp__batch){.one = determine,
                                      .lanes = &lanes,
                                      .after = multiply,
                                      .call = c,
                                      .count = count,
                                      .flops = n * n * n / 3,
                                      .scratch = (size_t)(n * n) * size + (size_t)(n + 1) * sizeof(int),
                                      .user = factors});
}

static tp_status det_infer(tp_call *c)
{
    tp_status status = tp__square_floats(c, c->in[0]);
    for (int k = 0; k < c->op->n_out && status == TP_OK; k++)
        status = tp_call_out(c, k, c->in[0]->dtype, tp__batch_of(c->in[0]));
    return status;
}

/* x[..., None, None] */
static tp_tensor *of_matrices(tp_tape *T, tp_tensor *x) { return tp_unsqueeze(T, tp_unsqueeze(T, x, -1), -1); }

static tp_tensor *cofactors(tp_tape *T, tp_tensor *a);

/* Below this a determinant is small. */
static double spoilt(tp_dtype dtype) { return 100 * (dtype == TP_F32 ? (double)FLT_EPSILON : DBL_EPSILON); }

/* Jacobi's formula: the slope is the matrix of cofactors, det A A^-T; near singular ones, where that is spoilt, by
 * singular values. */
static tp_status det_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    tp_tensor *a = v->in[0], *det = v->out[0], *info, *slope;
    tp_tensor *small = tp_lt_scalar(T, tp_detach(T, tp_abs(T, det)), spoilt(a->dtype));
    if (a->numel > 0 && tp_item(tp_any(T, small)) != 0)
        slope = cofactors(T, a);
    else
        slope = tp_mul(T, of_matrices(T, det), tp__mT(T, tp_linalg_inv_ex(T, a, &info)));
    v->gin[0] = tp_mul(T, of_matrices(T, v->gout[0]), slope);
    return TP_OK;
}

/* ---- their gradients, at once: of each matrix a number times its inverse, turned, or times its cofactors ------------- */

typedef struct {
    const tp_tensor *g;
    void *numbers;     /* [count, 2]: for the inverse, and 1, or 0: the cofactors it is */
    int64_t cofactors; /* bytes of their space */
} pull;

static double number_at(tp_dtype dtype, const void *of, int64_t i)
{
    return tp__load((const char *)of + (size_t)i * tp_dtype_size(dtype), dtype);
}

/* gA (+)= x M */
static void give_scaled(const tp_vjp *v, int64_t i, double x, const void *m)
{
    const tp_tensor *to = v->gin[0];
    int64_t n = tp__columns(to);
    if (v->fresh & 1u)
        memset(tp__matrix(to, i), 0, (size_t)(n * n) * tp_dtype_size(to->dtype));
    tp__axpy(n * n, to->dtype, x, m, tp__matrix(to, i));
}

static int pull_cofactors(const tp__batch *b, int64_t i, char *scratch)
{
    const pull *p = b->user;
    const tp_tensor *a = b->vjp->in[0];
    int64_t n = tp__columns(a);
    char *m = scratch + p->cofactors, *pivots = m + (size_t)(n * n) * tp_dtype_size(a->dtype);
    int info = tp__cofactors(a->dtype, n, tp__matrix(a, i), m, (int *)(void *)pivots, scratch);
    if (info >= 0)
        give_scaled(b->vjp, i, number_at(a->dtype, p->g->data, i), m);
    return info < 0 ? info : 0;
}

static int pull_one(const tp__batch *b, int64_t i, void *scratch)
{
    const pull *p = b->user;
    const tp_tensor *a = b->vjp->in[0];
    int64_t n = tp__columns(a), space = tp__inverse_space(n);
    size_t size = tp_dtype_size(a->dtype), bytes = (size_t)(n * n) * size;
    if (number_at(a->dtype, p->numbers, 2 * i + 1) == 0)
        return pull_cofactors(b, i, scratch);
    char *inverse = scratch, *room = inverse + bytes;
    memcpy(inverse, tp__matrix(a, i), bytes);
    int info = tp__inverse(a->dtype, n, inverse, (int *)(void *)(room + (size_t)space * size), room);
    if (info < 0)
        return info;
    tp__copy_plane(size, (tp__plane){n, n, n, 1, 1, n}, room, inverse);
    give_scaled(b->vjp, i, number_at(a->dtype, p->numbers, 2 * i), room);
    return 0;
}

/* The kernel has left 0 for the cofactors. */
static int pull_rest(const tp__batch *b, int64_t first, int64_t count, void *scratch)
{
    int info = 0;
    for (int64_t i = first; i < first + count && info == 0; i++)
        if (number_at(b->vjp->in[0]->dtype, ((const pull *)b->user)->numbers, 2 * i + 1) == 0)
            info = pull_cofactors(b, i, scratch);
    return info;
}

/* Where there is a determinant, its slope is g det A A^-T, unless it is small: then that is spoilt. Are there such? */
static bool take_numbers(const pull *p, const tp_tensor *det)
{
    tp_dtype dtype = p->g->dtype;
    size_t size = tp_dtype_size(dtype);
    bool any = false;
    for (int64_t i = 0; i < p->g->numel; i++) {
        double x = det ? number_at(dtype, det->data, i) : 1;
        bool small = det && fabs(x) < spoilt(dtype);
        char *to = (char *)p->numbers + (size_t)(2 * i) * size;
        tp__store(to, dtype, x * number_at(dtype, p->g->data, i));
        tp__store(to + size, dtype, !small);
        any = any || small;
    }
    return any;
}

static tp_status pull_all(tp_vjp *v, const tp_tensor *g, const tp_tensor *det)
{
    const tp_tensor *a = v->in[0];
    int64_t n = tp__columns(a);
    size_t size = tp_dtype_size(a->dtype);
    if (a->numel == 0)
        return TP_OK;
    pull p = {.g = g, .numbers = tp_vjp_scratch(v, 2 * size * (size_t)g->numel)};
    if (p.numbers == NULL)
        return v->tape->status;
    if (take_numbers(&p, det) && (p.cofactors = tp__cofactors_space(n)) < 0)
        return tp_fail(v->tape, TP_EUNSUPPORTED, "%s: A is %s; sizes that LAPACK can count are needed", v->op->name,
                       TP__SHAPE(a));
    tp__lanes_job lanes = {.kernel = TP__LANES_DETERMINANT_BACK,
                           .dtype = a->dtype,
                           .n = n,
                           .k = n,
                           .x = {tp__in_lane(a, NULL),
                                 {NULL, NULL, n * n, false},
                                 {p.numbers, NULL, 2, false},
                                 tp__in_lane(NULL, v->gin[0])}};
    lanes.x[3].add = !(v->fresh & 1u);
    return tp__run_batch(&(tp__batch){.one = pull_one,
                                      .lanes = &lanes,
                                      .after = pull_rest,
                                      .vjp = v,
                                      .count = g->numel,
                                      .flops = n * n * n,
                                      .scratch = (size_t)p.cofactors + (size_t)(n * n + tp__inverse_space(n)) * size +
                                                 (size_t)(n + 1) * sizeof(int),
                                      .user = &p});
}

static tp_status det_vjp_fused(tp_vjp *v) { return pull_all(v, v->gout[0], v->out[0]); }

/* ---- cofactors, and their slope: M(A, G), the gradient of <C(A), G> ------------------------------------------------- */

static int run_cofactors(const tp__batch *b, int64_t i, void *scratch)
{
    const tp_call *c = b->call;
    const tp_tensor *a = c->in[0];
    int64_t n = tp__columns(a);
    int *pivots = (int *)(void *)((char *)scratch + *(const int64_t *)b->user);
    void *to = tp__matrix(c->out[0], i);
    return c->n_in == 1
               ? tp__cofactors(a->dtype, n, tp__matrix(a, i), to, pivots, scratch)
               : tp__cofactors_slope(a->dtype, n, tp__matrix(a, i), tp__matrix(c->in[1], i), to, pivots, scratch);
}

static tp_status cofactors_infer(tp_call *c)
{
    return tp__square_floats(c, c->in[0]) == TP_OK ? tp__infer_like_first(c) : c->tape->status;
}

static tp_status slope_infer(tp_call *c)
{
    const tp_tensor *a = c->in[0], *g = c->in[1];
    if (!tp__dims_equal(tp__dims_of(a), tp__dims_of(g)) || a->dtype != g->dtype)
        return tp_call_fail(c, TP_ESHAPE, "A is %s, G is %s; one shape and dtype is needed", TP__SHAPE(a),
                            TP__SHAPE(g));
    return cofactors_infer(c);
}

static tp_status cofactors_forward(tp_call *c)
{
    const tp_tensor *a = c->in[0];
    int64_t n = tp__columns(a), space = n > 0 ? tp__cofactors_space(n) : 0;
    if (space < 0)
        return tp_call_fail(c, TP_EUNSUPPORTED, "A is %s; sizes that LAPACK can count are needed", TP__SHAPE(a));
    return tp__run_batch(&(tp__batch){.one = run_cofactors,
                                      .call = c,
                                      .count = tp__matrices(a),
                                      .flops = 20 * n * n * n,
                                      .scratch = (size_t)space + (size_t)(n + 1) * sizeof(int),
                                      .user = &space});
}

static tp_tensor *slope_of_cofactors(tp_tape *T, tp_tensor *a, tp_tensor *g);

static tp_status cofactors_vjp(tp_vjp *v)
{
    v->gin[0] = slope_of_cofactors(v->tape, v->in[0], v->gout[0]);
    return TP_OK;
}

/* <a, b> of each matrix, [..., 1, 1] */
static tp_tensor *inner(tp_tape *T, tp_tensor *a, tp_tensor *b)
{
    return tp_sum_dims(T, tp_mul(T, a, b), 2, (const int[]){-2, -1}, true);
}

/* M is linear and symmetric in G. By A, with B = A^-T and Q_X = B X^T B, of <M, H> = det A (<B, G> <B, H> - <Q_G, H>):
 * <M, H> B - det A (<B, H> Q_G + <B, G> Q_H - Q_G H^T B - B H^T Q_G). Of regular matrices only. */
static tp_status slope_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    tp_tensor *a = v->in[0], *g = v->in[1], *h = v->gout[0], *info;
    if (tp_vjp_needs(v, 1))
        v->gin[1] = slope_of_cofactors(T, a, h);
    if (!tp_vjp_needs(v, 0))
        return T->status;
    tp_tensor *b = tp__mT(T, tp_linalg_inv_ex(T, a, &info)), *det = of_matrices(T, tp_linalg_det(T, a));
    if (info && tp_item(tp_any(T, info)) != 0)
        return tp_fail(T, TP_EUNSUPPORTED,
                       "linalg_det: no third derivative of a singular matrix; a regular one is needed");
    tp_tensor *bg = tp_matmul(T, b, tp__mT(T, g)), *bh = tp_matmul(T, b, tp__mT(T, h));
    tp_tensor *qg = tp_matmul(T, bg, b), *qh = tp_matmul(T, bh, b), *g1 = inner(T, b, g), *h1 = inner(T, b, h);
    tp_tensor *whole = tp_mul(T, tp_sub(T, tp_mul(T, g1, h1), inner(T, qg, h)), b);
    tp_tensor *mixed = tp_add(T, tp_matmul(T, qg, tp_matmul(T, tp__mT(T, h), b)), tp_matmul(T, bh, qg));
    tp_tensor *rest = tp_sub(T, tp_add(T, tp_mul(T, h1, qg), tp_mul(T, g1, qh)), mixed);
    v->gin[0] = tp_mul(T, det, tp_sub(T, whole, rest));
    return TP_OK;
}

static void slope_samples(tp_sampler *s)
{
    tp_tensor *in[2] = {tp__sample_matrix(s, (tp_dims){2, {3, 3}}), tp_sample_tensor(s, (tp_dims){2, {3, 3}}, -1, 1)};
    tp_sample(s, NULL, 2, in);
    in[0] = tp__sample_matrix(s, (tp_dims){3, {2, 2, 2}});
    in[1] = tp_sample_tensor(s, (tp_dims){3, {2, 2, 2}}, -1, 1);
    tp_sample(s, NULL, 2, in);
}

/* The sign has the slope 0, as in torch. */
static tp_status slogdet_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    if (v->gout[1] == NULL) {
        v->gin[0] = tp_zeros_like(T, v->in[0]);
        return TP_OK;
    }
    tp_tensor *info, *inverse = tp_linalg_inv_ex(T, v->in[0], &info);
    v->gin[0] = tp_mul(T, of_matrices(T, v->gout[1]), tp__mT(T, inverse));
    return TP_OK;
}

static tp_status slogdet_vjp_fused(tp_vjp *v)
{
    if (v->gout[1])
        return pull_all(v, v->gout[1], NULL);
    if ((v->fresh & 1u) && v->in[0]->numel > 0)
        memset(v->gin[0]->data, 0, (size_t)v->in[0]->numel * tp_dtype_size(v->in[0]->dtype));
    return TP_OK;
}

static void det_samples(tp_sampler *s)
{
    const tp_dims shapes[] = {{2, {3, 3}}, {3, {2, 2, 2}}, {2, {0, 0}}, {3, {0, 2, 2}}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        tp_tensor *x = tp__sample_matrix(s, shapes[i]);
        tp_sample(s, NULL, 1, &x);
    }
}

/* clang-format off */
static const tp_op det_op = {
    .name = "linalg_det", .n_in = 1, .n_out = 1, .flags = TP_OP_OVERWRITES, .grad_name = "LinalgDetBackward0",
    .infer = det_infer, .forward = det_forward, .vjp = det_vjp, .vjp_fused = det_vjp_fused, .samples = det_samples};
static const tp_op cofactors_op = {
    .name = "cofactors", .n_in = 1, .n_out = 1, .flags = TP_OP_FORGETS_OUT, .grad_name = "CofactorsBackward0",
    .infer = cofactors_infer, .forward = cofactors_forward, .vjp = cofactors_vjp, .samples = det_samples};
static const tp_op cofactors_slope_op = {
    .name = "cofactors_slope", .n_in = 2, .n_out = 1, .flags = TP_OP_FORGETS_OUT, .grad_name = "CofactorsSlopeBackward0",
    .infer = slope_infer, .forward = cofactors_forward, .vjp = slope_vjp, .samples = slope_samples};
static const tp_op slogdet_op = {
    .name = "linalg_slogdet", .n_in = 1, .n_out = 2, .flags = TP_OP_FORGETS_OUT | TP_OP_OVERWRITES,
    .grad_name = "LinalgSlogdetBackward0",
    .infer = det_infer, .forward = det_forward, .vjp = slogdet_vjp, .vjp_fused = slogdet_vjp_fused,
    .samples = det_samples};
/* clang-format on */

static tp_tensor *cofactors(tp_tape *T, tp_tensor *a) { return tp__apply1(T, &cofactors_op, NULL, a); }
static tp_tensor *slope_of_cofactors(tp_tape *T, tp_tensor *a, tp_tensor *g)
{
    return tp__apply2(T, &cofactors_slope_op, NULL, a, g);
}

tp_tensor *tp_linalg_det(tp_tape *T, tp_tensor *a) { return tp__apply1(T, &det_op, NULL, a); }

tp_tensor *tp_linalg_slogdet(tp_tape *T, tp_tensor *a, tp_tensor **logabsdet)
{
    tp_tensor *out[2] = {NULL};
    tp_apply_all(T, &slogdet_op, NULL, 1, &a, out);
    if (logabsdet)
        *logabsdet = out[1];
    return out[0];
}

tp_tensor *tp_logdet(tp_tape *T, tp_tensor *a)
{
    TP__NAMED(T, "logdet");
    tp_tensor *logarithm, *sign = tp_linalg_slogdet(T, a, &logarithm);
    return sign ? tp_where(T, tp_lt_scalar(T, sign, 0), tp__number(T, logarithm, (double)NAN), logarithm) : NULL;
}

const tp_op *const tp__ops_det[] = {
#include TP__OPERATORS
    NULL};
