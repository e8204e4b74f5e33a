/* cross.c - the cross product, an operator with its own kernel; its derivatives are cross products again. */
#include "ops/ops.h"

typedef struct {
    int dim;
} along;

static tp_status cross_infer(tp_call *c)
{
    const tp_tensor *a = c->in[0], *b = c->in[1];
    int d = ((const along *)c->attr)->dim;
    if (!tp__same_shape(a, b) || d < 0 || d >= a->ndim || a->shape[d] != 3)
        return tp_call_fail(c, TP_ESHAPE, "a is %s, b is %s; one shape with 3 elements along dimension %d is needed",
                            TP__SHAPE(a), TP__SHAPE(b), d);
    if (a->dtype != b->dtype || a->dtype == TP_BOOL)
        return tp_call_fail(c, TP_EDTYPE, "a is %s, b is %s; numbers of one dtype are needed", tp_dtype_name(a->dtype),
                            tp_dtype_name(b->dtype));
    return tp__infer_like_first(c);
}

static void multiply(int d, const tp_tensor *a, const tp_tensor *b, tp_tensor *y, bool accumulate)
{
    int64_t outer = 1, inner = 1;
    for (int k = 0; k < a->ndim; k++)
        *(k < d ? &outer : &inner) *= k == d ? 1 : a->shape[k];
    if (a->numel > 0)
        tp__cross(a->dtype, outer, inner, a->data, b->data, y->data, accumulate);
}

static tp_status cross_forward(tp_call *c)
{
    multiply(((const along *)c->attr)->dim, c->in[0], c->in[1], c->out[0], false);
    return TP_OK;
}

/* g (a x b) = a (b x g) = b (g x a) */
static tp_status cross_vjp(tp_vjp *v)
{
    if (tp_vjp_needs(v, 0))
        v->gin[0] = tp__apply2(v->tape, v->op, v->attr, v->in[1], v->gout[0]);
    if (tp_vjp_needs(v, 1))
        v->gin[1] = tp__apply2(v->tape, v->op, v->attr, v->gout[0], v->in[0]);
    return TP_OK;
}

static tp_status cross_vjp_fused(tp_vjp *v)
{
    int d = ((const along *)v->attr)->dim;
    if (v->gin[0])
        multiply(d, v->in[1], v->gout[0], v->gin[0], !(v->fresh & 1u));
    if (v->gin[1])
        multiply(d, v->gout[0], v->in[0], v->gin[1], !(v->fresh & 2u));
    return TP_OK;
}

static void cross_samples(tp_sampler *s)
{
    static const tp_dims shapes[] = {{2, {5, 3}}, {2, {3, 4}}, {3, {2, 3, 4}}, {1, {3}}, {2, {0, 3}}, {2, {3, 0}}};
    static const int dims[] = {1, 0, 1, 0, 1, 0};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        tp_tensor *in[2] = {tp_sample_tensor(s, shapes[i], -1.9, 2.2), tp_sample_tensor(s, shapes[i], -1.3, 1.7)};
        tp_sample(s, &(along){dims[i]}, 2, in);
    }
}

/* clang-format off */
static const tp_op cross_op = {
    .name = "linalg_cross", .n_in = 2, .n_out = 1, .attr_size = sizeof(along),
    .flags = TP_OP_FORGETS_OUT | TP_OP_OVERWRITES, .grad_name = "LinalgCrossBackward0",
    .infer = cross_infer, .forward = cross_forward, .vjp = cross_vjp, .vjp_fused = cross_vjp_fused,
    .samples = cross_samples};
/* clang-format on */

tp_tensor *tp_linalg_cross(tp_tape *T, tp_tensor *a, tp_tensor *b, int dim)
{
    TP__NAMED(T, "linalg_cross");
    tp_tensor *in[2] = {a, b}, *x[2];
    if (!tp__usable_inputs(T, "linalg_cross", 2, in))
        return NULL;
    int d = a->ndim == b->ndim ? tp__dim_of(T, "linalg_cross", a->ndim, dim) : 0;
    if (d < 0)
        return NULL;
    if (a->ndim != b->ndim || a->shape[d] != 3 || b->shape[d] != 3) {
        tp_fail(T, TP_ESHAPE,
                "linalg_cross: a is %s, b is %s; as many dimensions, with 3 elements along %d, are needed",
                TP__SHAPE(a), TP__SHAPE(b), dim);
        return NULL;
    }
    if (tp_broadcast_tensors(T, 2, in, x) != TP_OK)
        return NULL;
    tp_dtype dtype = tp_result_type(x[0], x[1]);
    for (int i = 0; i < 2; i++)
        if ((x[i] = tp_to(T, x[i], dtype)) == NULL)
            return NULL;
    return tp__apply2(T, &cross_op, &(along){d}, x[0], x[1]);
}

const tp_op *const tp__ops_cross[] = {
#include TP__OPERATORS
    NULL};
