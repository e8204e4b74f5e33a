/* loss.c - the operator of an elementwise loss of a prediction and a target: a function of two numbers, its slope, and a
 * reduction. */
#include "ops/nn/loss.h"

static const tp__loss_op *self(const tp_op *op) { return (const tp__loss_op *)(const void *)op; }

static tp_reduction how(const void *attr) { return *(const tp_reduction *)attr; }

tp_status tp__loss_infer(tp_call *c)
{
    const tp_tensor *x = c->in[0], *t = c->in[1];
    if (!tp__dims_equal(tp__dims_of(x), tp__dims_of(t)))
        return tp_call_fail(c, TP_ESHAPE, "x is %s, target is %s; one shape is needed", TP__SHAPE(x), TP__SHAPE(t));
    if (!tp_dtype_is_float(x->dtype) || x->dtype != t->dtype)
        return tp_call_fail(c, TP_EDTYPE, "x is %s, target is %s; floats of one dtype are needed",
                            tp_dtype_name(x->dtype), tp_dtype_name(t->dtype));
    return tp_call_out(c, 0, x->dtype, how(c->attr) == TP_NONE ? tp__dims_of(x) : TP_SCALAR);
}

enum { BLOCK = 1024 };

tp_status tp__loss_forward(tp_call *c)
{
    const tp_tensor *x = c->in[0], *t = c->in[1];
    tp_tensor *y = c->out[0];
    tp_dtype dtype = x->dtype;
    tp__block_fn fn = tp__fn(&self(c->op)->value, dtype);
    size_t size = tp_dtype_size(dtype);
    double block[BLOCK], sum = 0;
    if (how(c->attr) == TP_NONE) {
        tp_dims shape = tp__dims_of(y);
        tp__operand in[2] = {tp__operand_of(x, shape), tp__operand_of(t, shape)};
        tp__map(fn, NULL, shape, y->data, dtype, dtype, false, 2, in);
        return TP_OK;
    }
    for (int64_t at = 0; at < x->numel; at += BLOCK) {
        int64_t n = x->numel - at < BLOCK ? x->numel - at : BLOCK;
        const void *in[2] = {(const char *)x->data + (size_t)at * size, (const char *)t->data + (size_t)at * size};
        double part = 0;
        fn(n, block, in, NULL);
        tp__reduce(TP__SUM, dtype, 1, n, 1, block, &part, false);
        sum += tp__load(&part, dtype);
    }
    tp__store(y->data, dtype, how(c->attr) == TP_MEAN ? sum / (double)x->numel : sum);
    return TP_OK;
}

/* d/dx by a kernel: gx += scale g slope(x, t). The derivative by the target is not one: it goes by loss_vjp. */
tp_status tp__loss_vjp_fused(tp_vjp *v)
{
    const tp_tensor *x = v->in[0], *t = v->in[1], *g = v->gout[0];
    tp_dtype dtype = x->dtype;
    tp__block_fn slope = tp__fn(&self(v->op)->slope, dtype), mul = TP__FN(mul, dtype), times = TP__FN(mul_scalar, dtype);
    size_t size = tp_dtype_size(dtype);
    double block[BLOCK], scaled[BLOCK], scale = how(v->attr) == TP_MEAN ? 1 / (double)x->numel : 1;
    if (how(v->attr) != TP_NONE)
        scale *= tp__load(g->data, dtype);
    for (int side = 0; side < 2; side++) { /* the losses with a fused vjp by the target are odd in x - t */
        if (v->gin[side] == NULL)
            continue;
        bool fresh = (v->fresh >> side) & 1u;
        for (int64_t at = 0; at < x->numel; at += BLOCK) {
            int64_t n = x->numel - at < BLOCK ? x->numel - at : BLOCK;
            size_t here = (size_t)at * size;
            char *to = (char *)v->gin[side]->data + here;
            const void *in[2] = {(const char *)x->data + here, (const char *)t->data + here};
            const void *out = block;
            slope(n, block, in, NULL);
            if (how(v->attr) == TP_NONE) {
                mul(n, scaled, (const void *[2]){block, (const char *)g->data + here}, NULL);
                out = scaled;
            }
            if (fresh)
                times(n, to, &out, (double[2]){side ? -scale : scale});
            else
                tp__axpy(n, dtype, side ? -scale : scale, out, to);
        }
    }
    return TP_OK;
}

/* g as a factor of the elementwise derivative */
tp_tensor *tp__loss_factor(const tp_vjp *v)
{
    return how(v->attr) == TP_MEAN ? tp_div_scalar(v->tape, v->gout[0], (double)v->in[0]->numel) : v->gout[0];
}

void tp__loss_samples(tp_sampler *s, double low, double high)
{
    for (int r = TP_MEAN; r <= TP_NONE; r++) {
        tp_reduction reduction = (tp_reduction)r;
        tp_tensor *in[2] = {tp_sample_tensor(s, (tp_dims){2, {3, 5}}, low, high),
                            tp_sample_tensor(s, (tp_dims){2, {3, 5}}, high * 0.93, low * 0.83)};
        tp_sample(s, &reduction, 2, in);
    }
}
void tp__loss_all_samples(tp_sampler *s) { tp__loss_samples(s, -2.3, 2.1); }

bool tp__good_reduction(tp_tape *T, const char *name, tp_reduction r)
{
    if ((unsigned)r <= TP_NONE)
        return true;
    tp_fail(T, TP_EINVAL, "%s: the reduction is %d; TP_MEAN, TP_SUM or TP_NONE is needed", name, (int)r);
    return false;
}

tp_tensor *tp__loss(tp_tape *T, const tp__loss_op *l, tp_tensor *x, tp_tensor *target, tp_reduction reduction)
{
    if (!tp__usable(T, l->op.name, x) || !tp__usable(T, l->op.name, target) ||
        !tp__good_reduction(T, l->op.name, reduction))
        return NULL;
    return tp__apply2(T, &l->op, &reduction, x, target);
}

tp_tensor *tp__broadcast_loss(tp_tape *T, const tp__loss_op *l, tp_tensor *x, tp_tensor *target, tp_reduction reduction)
{
    if (!tp__usable(T, l->op.name, x) || !tp__usable(T, l->op.name, target))
        return NULL;
    tp_dims of_x = tp__dims_of(x), of_target = tp__dims_of(target), shape;
    bool alike = tp__dims_equal(of_x, of_target);
    if (alike && x->dtype == target->dtype)
        return tp__loss(T, l, x, target, reduction);
    if (!tp__dims_broadcast(of_x, of_target, &shape)) {
        tp_fail(T, TP_ESHAPE, "%s: x is %s, target is %s; one shape is needed", l->op.name, TP__DIMS(of_x),
                TP__DIMS(of_target));
        return NULL;
    }
    tp_tensor *in[2] = {x, target};
    tp_dtype dtype = tp__result_type(2, in);
    tp_tensor *y = tp__loss(T, l, tp_expand(T, tp_to(T, x, dtype), shape), tp_expand(T, tp_to(T, target, dtype), shape),
                            reduction);
    if (!alike && y) /* last: a function of the user's may free x */
        tp_warn(T, "%s: x is %s, target is %s; both are broadcast to %s, which is seldom meant", l->op.name,
                TP__DIMS(of_x), TP__DIMS(of_target), TP__DIMS(shape));
    return y;
}
