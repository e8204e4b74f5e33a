/* matrix_exp.c - the exponential of square matrices, batched over leading dimensions. */
#include "ops/linalg/orthogonal.h"

#include <math.h>

static tp_status exp_infer(tp_call *c)
{
    return tp__square_floats(c, c->in[0]) == TP_OK ? tp__infer_like_first(c) : c->tape->status;
}

static int exponential(const tp__batch *b, int64_t i, void *scratch)
{
    const tp_tensor *a = b->call->in[0];
    return tp__matrix_exp(a->dtype, tp__rows(a), tp__matrix(a, i), tp__matrix(b->call->out[0], i), scratch) ? 0 : -1;
}

static tp_status exp_forward(tp_call *c)
{
    const tp_tensor *a = c->in[0];
    int64_t n = tp__rows(a);
    if (a->numel == 0)
        return TP_OK;
    return tp__run_batch(&(tp__batch){.one = exponential,
                                      .call = c,
                                      .count = tp__matrices(a),
                                      .flops = 8 * n * n * n,
                                      .scratch = (size_t)tp__matrix_exp_space(n) * tp_dtype_size(a->dtype)});
}

static tp_tensor *exponential_of(tp_tape *T, tp_tensor *a);

/* The upper right of exp [A^T G; 0 A^T]: N. J. Higham, "Functions of matrices", 2008, equation 3.16. It is linear in
 * G, which is scaled so that it does not rule the block's norm. */
static tp_status exp_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    tp_tensor *a = v->in[0], *at = tp__mT(T, a), *g = v->gout[0];
    int64_t n = tp__rows(a);
    if (a->numel == 0) {
        v->gin[0] = tp_zeros_like(T, a);
        return T->status;
    }
    tp_tensor *size = tp_amax(T, tp_abs(T, tp_detach(T, g)), 2, (const int[]){-2, -1}, true);
    size = tp_where(T, tp_gt_scalar(T, size, 0), size, tp__number(T, a, 1));
    tp_tensor *upper[2] = {at, tp_div(T, g, size)}, *lower[2] = {tp_zeros_like(T, a), at};
    tp_tensor *rows[2] = {tp_cat(T, 2, upper, -1), tp_cat(T, 2, lower, -1)};
    tp_tensor *y = exponential_of(T, tp_cat(T, 2, rows, -2));
    v->gin[0] = tp_mul(T, tp_narrow(T, tp_narrow(T, y, -2, 0, n), -1, n, n), size);
    return T->status;
}

/* One for each degree, of either dtype, and one that is squared. */
static void exp_samples(tp_sampler *s)
{
    static const double sizes[] = {1e-8, 1e-5, 1e-3, 0.02, 0.2, 0.4, 0.9, 5};
    for (int i = 0; i < 8; i++) {
        tp_tensor *x = tp_sample_tensor(s, (tp_dims){2, {3, 3}}, -sizes[i], sizes[i]);
        tp_sample(s, NULL, 1, &x);
    }
    tp_tensor *x = tp_sample_tensor(s, (tp_dims){3, {2, 2, 2}}, -1, 1);
    tp_sample(s, NULL, 1, &x);
    x = tp_sample_tensor(s, (tp_dims){3, {0, 2, 2}}, -1, 1);
    tp_sample(s, NULL, 1, &x);
}

/* clang-format off */
static const tp_op matrix_exp_op = {
    .name = "matrix_exp", .n_in = 1, .n_out = 1, .flags = TP_OP_FORGETS_OUT, .grad_name = "LinalgMatrixExpBackward0",
    .infer = exp_infer, .forward = exp_forward, .vjp = exp_vjp, .samples = exp_samples};
/* clang-format on */

static tp_tensor *exponential_of(tp_tape *T, tp_tensor *a) { return tp__apply1(T, &matrix_exp_op, NULL, a); }

tp_tensor *tp_matrix_exp(tp_tape *T, tp_tensor *a) { return exponential_of(T, a); }

const tp_op *const tp__ops_matrix_exp[] = {
#include TP__OPERATORS
    NULL};
