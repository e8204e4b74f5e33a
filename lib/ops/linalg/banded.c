/* banded.c - A X = B of banded, symmetric banded and tridiagonal matrices, batched over leading dimensions. */
#include "kernel/banded.h"
#include "ops/linalg/equations.h"

typedef struct {
    int64_t l, u;
    bool transposed; /* A^T X = B */
} band_how;

/* In infer: in[0] is bands [..., count, n], in[1] is [..., n, k] with the same leading dimensions; X is like that. */
static tp_status bands_fit(tp_call *c, bool counted, int64_t count)
{
    const tp_tensor *bands = c->in[0], *b = c->in[1];
    if (tp__matrix_floats(c, 0, "the bands") != TP_OK)
        return c->tape->status;
    bool fits = b->ndim == bands->ndim && tp__rows(b) == tp__columns(bands) && tp__rows(bands) > 0;
    for (int d = 0; d < bands->ndim - 2 && fits; d++)
        fits = b->shape[d] == bands->shape[d];
    if (!fits)
        return tp_call_fail(c, TP_ESHAPE, "the bands are %s, B is %s; [..., diagonals, n] and [..., n, k] are needed",
                            TP__SHAPE(bands), TP__SHAPE(b));
    if (counted && count != tp__rows(bands))
        return tp_call_fail(c, TP_ESHAPE, "the bands are %s; %lld of l + u + 1 diagonals are needed", TP__SHAPE(bands),
                            (long long)count);
    if (bands->dtype != b->dtype)
        return tp_call_fail(c, TP_EDTYPE, "the bands are %s, B is %s; one dtype is needed", tp_dtype_name(bands->dtype),
                            tp_dtype_name(b->dtype));
    return tp_call_out(c, 0, b->dtype, tp__dims_of(b));
}

static tp_status run(tp_call *c, tp__batch b, int64_t space, int pivots)
{
    const tp_tensor *x = c->in[c->n_in - 1];
    tp__take_elements(c->out[0], x);
    if (x->numel == 0)
        return TP_OK;
    b.call = c;
    b.count = tp__matrices(x);
    b.scratch = (size_t)space * tp_dtype_size(x->dtype) + (size_t)pivots * sizeof(int);
    return tp__run_batch(&b);
}

/* ---- the gradient of bands ---------------------------------------------------------------------------------------- */

/* [..., l + u + 1, n] of what an outer product P Q^T, P and Q [..., n, k], has in the bands. */
static tp_tensor *in_bands(tp_tape *T, tp_tensor *p, tp_tensor *q, int64_t l, int64_t u)
{
    if (p == NULL || q == NULL)
        return NULL;
    tp_tensor *rows = tp_unfold(T, tp_pad(T, p, tp_shape(0, 0, u, l), TP_PAD_ZEROS, 0), -2, l + u + 1, 1);
    return tp__mT(T, tp_sum_dims(T, tp_mul(T, rows, tp_unsqueeze(T, q, -1)), 1, &(int){-2}, false));
}

/* ---- any bands ------------------------------------------------------------------------------------------------------ */

static tp_status banded_infer(tp_call *c)
{
    const band_how *how = c->attr;
    const int64_t most = INT32_MAX;
    if (how->l < 0 || how->u < 0 || how->l > most || how->u > most)
        return tp_call_fail(c, TP_EINVAL, "l is %lld, u is %lld; numbers of diagonals are needed", (long long)how->l,
                            (long long)how->u);
    return bands_fit(c, true, how->l + how->u + 1);
}

static int solve_banded(const tp__batch *b, int64_t i, void *scratch)
{
    const tp_call *c = b->call;
    const band_how *how = c->attr;
    const tp_tensor *x = c->out[0];
    int64_t n = tp__rows(x), k = tp__columns(x), space = tp__banded_space(how->l, how->u, n, k);
    int *pivots = (void *)((char *)scratch + (size_t)space * tp_dtype_size(x->dtype));
    return tp__banded_solve(x->dtype, how->transposed, how->l, how->u, n, k, tp__matrix(c->in[0], i), tp__matrix(x, i),
                            pivots, scratch);
}

static tp_status banded_forward(tp_call *c)
{
    const band_how *how = c->attr;
    int64_t n = tp__rows(c->in[1]), k = tp__columns(c->in[1]);
    if (!tp__blas_counts(n, k, 2 * how->l + how->u + 1))
        return tp_call_fail(c, TP_EUNSUPPORTED, "the bands are %s; sizes that LAPACK can count are needed",
                            TP__SHAPE(c->in[0]));
    return run(c,
               (tp__batch){.one = solve_banded,
                           .flops = n * (how->l + how->u + 1) * (how->l + k),
                           .trouble = "singular",
                           .counted = "pivot",
                           .needed = "a regular one"},
               tp__banded_space(how->l, how->u, n, k), (int)n);
}

static tp_status banded_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    band_how how = *(const band_how *)v->attr;
    how.transposed = !how.transposed;
    tp_tensor *gb = tp__apply2(T, v->op, &how, v->in[0], v->gout[0]), *x = v->out[0];
    if (tp_vjp_needs(v, 0)) /* -gB X^T; of A^T X = B, which the new one is not then, its transpose */
        v->gin[0] = tp_neg(T, how.transposed ? in_bands(T, gb, x, how.l, how.u) : in_bands(T, x, gb, how.l, how.u));
    if (tp_vjp_needs(v, 1))
        v->gin[1] = gb;
    return T->status;
}

/* [count, 1], of x's dtype: one value at `main`, another one elsewhere. */
static tp_tensor *but_for_one(tp_tape *T, const tp_tensor *x, int64_t main, double there, double elsewhere)
{
    if (x == NULL)
        return NULL;
    tp_tensor *rows = tp_unsqueeze(T, tp_arange(T, TP_I64, 0, (double)tp__rows(x), 1), -1);
    return tp_where(T, tp_eq_scalar(T, rows, (double)main), tp__number(T, x, there), tp__number(T, x, elsewhere));
}

/* Bands whose main one is larger. */
static tp_tensor *sample_bands(tp_sampler *s, tp_dims shape, int64_t main)
{
    tp_tape *T = s->tape;
    tp_tensor *x = tp_sample_tensor(s, shape, -0.6, 0.7);
    return tp_requires_grad(tp_detach(T, tp_add(T, x, but_for_one(T, x, main, 3, 0))), true);
}

static void banded_samples(tp_sampler *s)
{
    static const int64_t sides[][2] = {{1, 2}, {0, 1}, {2, 0}};
    for (int i = 0; i < 6; i++) {
        int64_t l = sides[i / 2][0], u = sides[i / 2][1];
        tp_tensor *in[2] = {sample_bands(s, (tp_dims){2, {l + u + 1, 4}}, u),
                            tp_sample_tensor(s, (tp_dims){2, {4, 2}}, -1, 1)};
        tp_sample(s, &(band_how){l, u, i & 1}, 2, in);
    }
    tp_tensor *in[2] = {sample_bands(s, (tp_dims){3, {3, 1, 2}}, 0),
                        tp_sample_tensor(s, (tp_dims){3, {3, 2, 2}}, -1, 1)};
    tp_sample(s, &(band_how){0, 0, false}, 2, in);
}

/* ---- symmetric bands ------------------------------------------------------------------------------------------------ */

typedef struct {
    bool lower;
} symmetric_how;

static tp_status symmetric_infer(tp_call *c) { return bands_fit(c, false, 0); }

static int solve_symmetric(const tp__batch *b, int64_t i, void *scratch)
{
    const tp_call *c = b->call;
    const tp_tensor *x = c->out[0], *bands = c->in[0];
    return tp__banded_cholesky_solve(x->dtype, ((const symmetric_how *)c->attr)->lower, tp__rows(bands) - 1,
                                     tp__rows(x), tp__columns(x), tp__matrix(bands, i), tp__matrix(x, i), scratch);
}

static tp_status symmetric_forward(tp_call *c)
{
    int64_t count = tp__rows(c->in[0]), n = tp__rows(c->in[1]), k = tp__columns(c->in[1]);
    return run(c,
               (tp__batch){.one = solve_symmetric,
                           .flops = n * count * (count + k),
                           .trouble = "not positive definite",
                           .counted = "leading minor",
                           .needed = "one that is"},
               tp__banded_space(0, count - 1, n, k), 0);
}

/* An element beside the diagonal stands for two of A. */
static tp_status symmetric_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    bool lower = ((const symmetric_how *)v->attr)->lower;
    tp_tensor *gb = tp__apply2(T, v->op, v->attr, v->in[0], v->gout[0]), *x = v->out[0];
    if (tp_vjp_needs(v, 0)) {
        int64_t count = tp__rows(v->in[0]) - 1, l = lower ? count : 0, u = count - l;
        tp_tensor *both = tp_add(T, in_bands(T, gb, x, l, u), in_bands(T, x, gb, l, u));
        v->gin[0] = tp_mul(T, both, but_for_one(T, v->in[0], u, -0.5, -1));
    }
    if (tp_vjp_needs(v, 1))
        v->gin[1] = gb;
    return T->status;
}

static void symmetric_samples(tp_sampler *s)
{
    for (int i = 0; i < 4; i++) {
        bool lower = i & 1;
        tp_tensor *in[2] = {sample_bands(s, (tp_dims){2, {3, 4}}, lower ? 0 : 2),
                            tp_sample_tensor(s, (tp_dims){2, {4, i + 1}}, -1, 1)};
        tp_sample(s, &(symmetric_how){lower}, 2, in);
    }
    tp_tensor *in[2] = {sample_bands(s, (tp_dims){3, {3, 1, 2}}, 0),
                        tp_sample_tensor(s, (tp_dims){3, {3, 2, 2}}, -1, 1)};
    tp_sample(s, &(symmetric_how){true}, 2, in);
}

/* ---- one diagonal on each side -------------------------------------------------------------------------------------- */

enum { DL, D, DU, RIGHT };

/* in: the diagonals as columns [..., n - 1, 1], [..., n, 1], [..., n - 1, 1], and B */
static tp_status tridiagonal_infer(tp_call *c)
{
    const tp_tensor *d = c->in[D], *b = c->in[RIGHT];
    static const char *const names[] = {"dl", "d", "du", "B"};
    for (int i = DL; i <= RIGHT; i++)
        if (tp__matrix_floats(c, i, names[i]) != TP_OK)
            return c->tape->status;
    int64_t n = tp__rows(d), beside = n > 0 ? n - 1 : 0;
    bool fit = tp__rows(b) == n;
    for (int i = DL; i <= RIGHT && fit; i++) {
        const tp_tensor *x = c->in[i];
        fit = x->ndim == d->ndim && (i == RIGHT || tp__columns(x) == 1) &&
              (i == D || i == RIGHT || tp__rows(x) == beside);
        for (int k = 0; k < d->ndim - 2 && fit; k++)
            fit = x->shape[k] == d->shape[k];
    }
    if (!fit)
        return tp_call_fail(
            c, TP_ESHAPE,
            "dl is %s, d is %s, du is %s, B is %s; n - 1, n and n - 1 elements of diagonals and n rows of B are "
            "needed",
            TP__SHAPE(c->in[DL]), TP__SHAPE(d), TP__SHAPE(c->in[DU]), TP__SHAPE(b));
    for (int i = DL; i <= RIGHT; i++)
        if (c->in[i]->dtype != d->dtype)
            return tp_call_fail(c, TP_EDTYPE, "d is %s, %s is %s; one dtype is needed", tp_dtype_name(d->dtype),
                                names[i], tp_dtype_name(c->in[i]->dtype));
    return tp_call_out(c, 0, b->dtype, tp__dims_of(b));
}

static int solve_tridiagonal(const tp__batch *b, int64_t i, void *scratch)
{
    const tp_call *c = b->call;
    const tp_tensor *x = c->out[0];
    return tp__tridiagonal_solve(x->dtype, tp__rows(x), tp__columns(x), tp__matrix(c->in[DL], i),
                                 tp__matrix(c->in[D], i), tp__matrix(c->in[DU], i), tp__matrix(x, i), scratch);
}

static tp_status tridiagonal_forward(tp_call *c)
{
    int64_t n = tp__rows(c->in[RIGHT]), k = tp__columns(c->in[RIGHT]);
    return run(c,
               (tp__batch){.one = solve_tridiagonal,
                           .flops = 3 * n * (k + 1),
                           .trouble = "singular",
                           .counted = "pivot",
                           .needed = "a regular one"},
               tp__banded_space(0, 2, n, k), 0);
}

/* -P Q^T at rows from i and columns from j on, along the diagonal. */
static tp_tensor *along(tp_tape *T, tp_tensor *p, tp_tensor *q, int64_t i, int64_t j)
{
    if (p == NULL || q == NULL)
        return NULL;
    int64_t n = tp__rows(p), count = n > 0 ? n - i - j : 0;
    tp_tensor *product = tp_mul(T, tp_narrow(T, p, -2, n > 0 ? i : 0, count),
                                tp_narrow(T, q, -2, n > 0 ? j : 0, count));
    return tp_neg(T, tp_sum_dims(T, product, 1, &(int){-1}, true));
}

/* A^T has du below the diagonal. */
static tp_status tridiagonal_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    tp_tensor *in[4] = {v->in[DU], v->in[D], v->in[DL], v->gout[0]}, *x = v->out[0],
              *gb = tp_apply(T, v->op, NULL, 4, in);
    if (tp_vjp_needs(v, DL))
        v->gin[DL] = along(T, gb, x, 1, 0);
    if (tp_vjp_needs(v, D))
        v->gin[D] = along(T, gb, x, 0, 0);
    if (tp_vjp_needs(v, DU))
        v->gin[DU] = along(T, gb, x, 0, 1);
    if (tp_vjp_needs(v, RIGHT))
        v->gin[RIGHT] = gb;
    return T->status;
}

static void tridiagonal_samples(tp_sampler *s)
{
    const tp_dims shapes[] = {{2, {4, 2}}, {2, {3, 1}}, {3, {2, 2, 3}}, {2, {1, 1}}, {3, {2, 1, 2}}};
    for (int i = 0; i < 5; i++) {
        tp_dims d = shapes[i], beside = d;
        d.dim[d.ndim - 1] = beside.dim[d.ndim - 1] = 1;
        beside.dim[d.ndim - 2]--;
        tp_tensor *in[4] = {tp_sample_tensor(s, beside, -1, 1), tp_sample_tensor(s, d, 2, 3),
                            tp_sample_tensor(s, beside, -0.5, 0.5), tp_sample_tensor(s, shapes[i], -1, 1)};
        tp_sample(s, NULL, 4, in);
    }
}

/* clang-format off */
static const tp_op banded_op = {
    .name = "linalg_solve_banded", .n_in = 2, .n_out = 1, .attr_size = sizeof(band_how),
    .infer = banded_infer, .forward = banded_forward, .vjp = banded_vjp, .samples = banded_samples};
static const tp_op symmetric_op = {
    .name = "linalg_solveh_banded", .n_in = 2, .n_out = 1, .attr_size = sizeof(symmetric_how),
    .infer = symmetric_infer, .forward = symmetric_forward, .vjp = symmetric_vjp, .samples = symmetric_samples};
static const tp_op tridiagonal_op = {
    .name = "linalg_solve_tridiagonal", .n_in = 4, .n_out = 1,
    .infer = tridiagonal_infer, .forward = tridiagonal_forward, .vjp = tridiagonal_vjp, .samples = tridiagonal_samples};
/* clang-format on */

/* ---- what users call ------------------------------------------------------------------------------------------------ */

/* b counts as vectors where it is [n], or [..., n] of the leading dimensions of the matrix. */
static bool as_columns(tp_tape *T, tp_dims batch, int64_t n, tp_tensor **b)
{
    bool vectors = (*b)->ndim == 1 || ((*b)->ndim == batch.ndim + 1 && tp__columns(*b) == n);
    for (int d = 0; d < batch.ndim && vectors && (*b)->ndim > 1; d++)
        vectors = (*b)->shape[d] == batch.dim[d];
    if (vectors)
        *b = tp_unsqueeze(T, *b, -1);
    return vectors;
}

static tp_tensor *with_diagonals(tp_tape *T, const char *name, tp_tensor **in, bool vectors)
{
    if (!tp__broadcast_all(T, name, 4, in))
        return NULL;
    tp_tensor *x = tp_apply(T, &tridiagonal_op, NULL, 4, in);
    return vectors ? tp_squeeze_dim(T, x, -1) : x;
}

static tp_tensor *column(tp_tape *T, tp_tensor *bands, int64_t row, int64_t from, int64_t count)
{
    return tp_unsqueeze(T, tp_narrow(T, tp_select(T, bands, -2, row), -1, from, count), -1);
}

tp_tensor *tp_linalg_solve_banded(tp_tape *T, int64_t l, int64_t u, tp_tensor *bands, tp_tensor *b)
{
    static const char name[] = "linalg_solve_banded";
    TP__NAMED(T, name);
    if (!tp__usable_inputs(T, name, 2, (tp_tensor *[2]){bands, b}) || !tp__has_dims(T, name, bands, 2) ||
        !tp__has_dims(T, name, b, 1))
        return NULL;
    int64_t n = tp__columns(bands);
    bool vectors = as_columns(T, tp__batch_of(bands), n, &b);
    if (l == 1 && u == 1 && n > 0 && tp__rows(bands) == 3) {
        tp_tensor *in[4] = {column(T, bands, 2, 0, n - 1), column(T, bands, 1, 0, n), column(T, bands, 0, 1, n - 1), b};
        return with_diagonals(T, name, in, vectors);
    }
    if (!tp__broadcast_batches(T, name, &bands, &b))
        return NULL;
    tp_tensor *x = tp__apply2(T, &banded_op, &(band_how){l, u, false}, bands, b);
    return vectors ? tp_squeeze_dim(T, x, -1) : x;
}

tp_tensor *tp_linalg_solveh_banded(tp_tape *T, tp_tensor *bands, tp_tensor *b, bool lower)
{
    static const char name[] = "linalg_solveh_banded";
    TP__NAMED(T, name);
    if (!tp__usable_inputs(T, name, 2, (tp_tensor *[2]){bands, b}) || !tp__has_dims(T, name, bands, 2) ||
        !tp__has_dims(T, name, b, 1))
        return NULL;
    bool vectors = as_columns(T, tp__batch_of(bands), tp__columns(bands), &b);
    if (!tp__broadcast_batches(T, name, &bands, &b))
        return NULL;
    tp_tensor *x = tp__apply2(T, &symmetric_op, &(symmetric_how){lower}, bands, b);
    return vectors ? tp_squeeze_dim(T, x, -1) : x;
}

tp_tensor *tp_linalg_solve_tridiagonal(tp_tape *T, tp_tensor *dl, tp_tensor *d, tp_tensor *du, tp_tensor *b)
{
    static const char name[] = "linalg_solve_tridiagonal";
    TP__NAMED(T, name);
    tp_tensor *in[4] = {dl, d, du, b};
    if (!tp__usable_inputs(T, name, 4, in))
        return NULL;
    for (int i = DL; i <= RIGHT; i++)
        if (!tp__has_dims(T, name, in[i], 1))
            return NULL;
    tp_dims batch = tp__dims_of(d);
    batch.ndim--;
    bool vectors = as_columns(T, batch, tp__columns(d), &in[RIGHT]);
    for (int i = DL; i <= DU; i++)
        in[i] = tp_unsqueeze(T, in[i], -1);
    return with_diagonals(T, name, in, vectors);
}

const tp_op *const tp__ops_banded[] = {
#include TP__OPERATORS
    NULL};
