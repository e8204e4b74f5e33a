/* contiguous.c - a copy as an operator. It stands below the others, since recording a call may need one: an operator that
 * does not take strides is given contiguous inputs (apply.c).
 */
#include "tape/tape.h"

#include <string.h>

void tp__copy_elements(const tp_tensor *x, void *to, tp_dtype dtype)
{
    tp__operand in = {.data = x->data, .dtype = x->dtype};
    memcpy(in.stride, x->stride, sizeof in.stride);
    tp__copy(tp__dims_of(x), to, dtype, &in);
}

tp__storage *tp__dense_copy(tp_tape *T, const tp_tensor *x, tp_dtype dtype)
{
    tp__storage *dense = tp__pool_alloc(T->pool, (size_t)x->numel * tp_dtype_size(dtype));
    if (dense)
        tp__copy_elements(x, dense->data, dtype);
    return dense;
}

static tp_status clone_infer(tp_call *c) { return tp_call_out(c, 0, c->in[0]->dtype, tp__dims_of(c->in[0])); }

static tp_status clone_forward(tp_call *c)
{
    tp__copy_elements(c->in[0], c->out[0]->data, c->out[0]->dtype);
    return TP_OK;
}

static tp_status clone_vjp(tp_vjp *v)
{
    v->gin[0] = v->gout[0];
    return TP_OK;
}

static void clone_samples(tp_sampler *s)
{
    tp_tensor *x = tp_sample_tensor(s, (tp_dims){2, {3, 4}}, -2, 2);
    tp_sample(s, NULL, 1, &x);
}

/* clang-format off */
static const tp_op clone_op = {
    .name = "clone", .n_in = 1, .n_out = 1, .flags = TP__OP_OURS | TP_OP_STRIDED | TP_OP_FORGETS_IN | TP_OP_FORGETS_OUT,
    .grad_name = "CloneBackward0",
    .infer = clone_infer, .forward = clone_forward, .vjp = clone_vjp, .samples = clone_samples};
/* clang-format on */

tp_tensor *tp_clone(tp_tape *T, tp_tensor *x) { return tp_apply(T, &clone_op, NULL, 1, &x); }

tp_tensor *tp_contiguous(tp_tape *T, tp_tensor *x)
{
    TP__NAMED(T, "contiguous");
    return x && tp__contiguous(x) ? (tp__usable(T, "contiguous", x) ? x : NULL) : tp_clone(T, x);
}

const tp_op *const tp__ops_contiguous[] = {&clone_op, NULL};
