/* equations.c - what equations between matrices, and functions of them, share. */
#include "ops/linalg/equations.h"

/* In the first round the first one grows to all leading dimensions, in the second the others. */
bool tp__broadcast_all(tp_tape *T, const char *name, int n, tp_tensor **x)
{
    if (!tp__usable_inputs(T, name, n, x))
        return false;
    for (int i = 1; i < 2 * n - 1; i++)
        if (!tp__broadcast_batches(T, name, &x[0], &x[i < n ? i : i - n + 1]))
            return false;
    return true;
}

tp_status tp__fits_first(const tp_call *c, int i, const char *name, int64_t m, int64_t n)
{
    const tp_tensor *a = c->in[0], *x = c->in[i];
    bool fits = x->ndim == a->ndim && tp__rows(x) == m && tp__columns(x) == n;
    for (int d = 0; d < a->ndim - 2 && fits; d++)
        fits = a->shape[d] == x->shape[d];
    if (!fits)
        return tp_call_fail(c, TP_ESHAPE, "A is %s, %s is %s; [..., %lld, %lld] is needed", TP__SHAPE(a), name,
                            TP__SHAPE(x), (long long)m, (long long)n);
    if (a->dtype != x->dtype)
        return tp_call_fail(c, TP_EDTYPE, "A is %s, %s is %s; one dtype is needed", tp_dtype_name(a->dtype), name,
                            tp_dtype_name(x->dtype));
    return TP_OK;
}

/* ---- symmetric matrices by their lower half -------------------------------------------------------------------------- */

static tp_status mirrored_infer(tp_call *c)
{
    return tp__square_floats(c, c->in[0]) == TP_OK ? tp__infer_like_first(c) : c->tape->status;
}

static tp_status mirrored_forward(tp_call *c)
{
    const tp_tensor *a = c->in[0];
    int64_t n = tp__rows(a);
    size_t size = tp_dtype_size(a->dtype);
    tp__take_elements(c->out[0], a);
    for (int64_t at = 0; n > 0 && at < tp__matrices(a); at++) {
        char *y = tp__matrix(c->out[0], at);
        for (int64_t i = 0; i < n; i++)
            tp__copy_run(size, n - i - 1, y + (size_t)(i * n + i + 1) * size, 1, y + (size_t)((i + 1) * n + i) * size,
                         n);
    }
    return TP_OK;
}

/* Along symmetric directions it is the identity. */
static tp_status mirrored_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    v->gin[0] = tp_mul_scalar(T, tp_add(T, v->gout[0], tp__mT(T, v->gout[0])), 0.5);
    return TP_OK;
}

static void mirrored_samples(tp_sampler *s)
{
    const tp_dims shapes[] = {{2, {3, 3}}, {3, {2, 2, 2}}, {2, {0, 0}}};
    for (int i = 0; i < 3; i++) {
        tp_tensor *x = tp_sample_tensor(s, shapes[i], -1, 1);
        x = tp_requires_grad(tp_detach(s->tape, tp_add(s->tape, x, tp__mT(s->tape, x))), true);
        tp_sample(s, NULL, 1, &x);
    }
}

/* clang-format off */
static const tp_op mirrored_op = {
    .name = "mirrored", .n_in = 1, .n_out = 1, .flags = TP__READS_NOTHING | TP_OP_SYMMETRIC,
    .infer = mirrored_infer, .forward = mirrored_forward, .vjp = mirrored_vjp, .samples = mirrored_samples};
/* clang-format on */

tp_tensor *tp__mirrored(tp_tape *T, tp_tensor *a) { return tp__apply1(T, &mirrored_op, NULL, a); }

const tp_op *const tp__ops_equations[] = {
#include TP__OPERATORS
    NULL};
