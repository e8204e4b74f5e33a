/* loss.c - the operator of an elementwise loss: a function of two numbers or three, its slopes, and a reduction. */
#include "ops/nn/loss.h"

static const tp__loss_op *self(const tp_op *op) { return (const tp__loss_op *)(const void *)op; }

static tp_reduction how(const void *attr) { return ((const tp__loss_attr *)attr)->reduction; }

tp_status tp__loss_infer(tp_call *c)
{
    const tp_tensor *x = c->in[0];
    for (int k = 1; k < c->n_in; k++) {
        const tp_tensor *t = c->in[k];
        if (!tp__dims_equal(tp__dims_of(x), tp__dims_of(t)))
            return tp_call_fail(c, TP_ESHAPE, "x is %s, target is %s; one shape is needed", TP__SHAPE(x), TP__SHAPE(t));
        if (!tp_dtype_is_float(x->dtype) || x->dtype != t->dtype)
            return tp_call_fail(c, TP_EDTYPE, "x is %s, target is %s; floats of one dtype are needed",
                                tp_dtype_name(x->dtype), tp_dtype_name(t->dtype));
    }
    return tp_call_out(c, 0, x->dtype, how(c->attr) == TP_NONE ? tp__dims_of(x) : TP_SCALAR);
}

enum { BLOCK = 1024 };

/* Where the inputs are, from element `at` on. */
static void inputs_at(tp_tensor *const *in, int n_in, int64_t at, const void **out)
{
    for (int k = 0; k < n_in; k++)
        out[k] = (const char *)in[k]->data + (size_t)at * tp_dtype_size(in[k]->dtype);
}

tp_status tp__loss_forward(tp_call *c)
{
    const tp_tensor *x = c->in[0];
    tp_tensor *y = c->out[0];
    tp_dtype dtype = x->dtype;
    tp__block_fn fn = tp__fn(&self(c->op)->value, dtype);
    double block[BLOCK], sum = 0;
    if (how(c->attr) == TP_NONE) {
        tp_dims shape = tp__dims_of(y);
        tp__operand in[TP__LOSS_IN];
        for (int k = 0; k < c->n_in; k++)
            in[k] = tp__operand_of(c->in[k], shape);
        tp__map(fn, c->attr, shape, y->data, dtype, dtype, false, c->n_in, in);
        return TP_OK;
    }
    for (int64_t at = 0; at < x->numel; at += BLOCK) {
        int64_t n = x->numel - at < BLOCK ? x->numel - at : BLOCK;
        const void *in[TP__LOSS_IN];
        double part = 0;
        inputs_at(c->in, c->n_in, at, in);
        fn(n, block, in, c->attr);
        tp__reduce(TP__SUM, dtype, 1, n, 1, block, &part, false);
        sum += tp__load(&part, dtype);
    }
    tp__store(y->data, dtype, how(c->attr) == TP_MEAN ? sum / (double)x->numel : sum);
    return TP_OK;
}

/* gin[side] (+)= scale g slope(x, t ...) */
static void add_slope(tp_vjp *v, int side, const tp__function *slope_of, double scale)
{
    tp_dtype dtype = v->in[0]->dtype;
    const tp_tensor *g = v->gout[0];
    tp__block_fn slope = tp__fn(slope_of, dtype), mul = TP__FN(mul, dtype), times = TP__FN(mul_scalar, dtype);
    double block[BLOCK], scaled[BLOCK];
    bool fresh = (v->fresh >> side) & 1u;
    for (int64_t at = 0, numel = v->in[0]->numel; at < numel; at += BLOCK) {
        int64_t n = numel - at < BLOCK ? numel - at : BLOCK;
        size_t here = (size_t)at * tp_dtype_size(dtype);
        char *to = (char *)v->gin[side]->data + here;
        const void *in[TP__LOSS_IN], *out = block;
        inputs_at(v->in, v->n_in, at, in);
        slope(n, block, in, v->attr);
        if (how(v->attr) == TP_NONE) {
            mul(n, scaled, (const void *[2]){block, (const char *)g->data + here}, NULL);
            out = scaled;
        }
        if (fresh)
            times(n, to, &out, &scale);
        else
            tp__axpy(n, dtype, scale, out, to);
    }
}

tp_status tp__loss_vjp_fused(tp_vjp *v)
{
    const tp__loss_op *l = self(v->op);
    double scale = how(v->attr) == TP_MEAN ? 1 / (double)v->in[0]->numel : 1;
    uint32_t rest = 0;
    if (how(v->attr) != TP_NONE)
        scale *= tp__load(v->gout[0]->data, v->in[0]->dtype);
    for (int side = 0; side < v->n_in; side++) {
        bool turned = side == 1 && l->odd;
        const tp__function *slope = &l->slope[turned ? 0 : side];
        if (v->gin[side] && slope->of[0])
            add_slope(v, side, slope, turned ? -scale : scale);
        else if (v->gin[side])
            rest |= 1u << side;
    }
    return rest ? tp__vjp_fused_by_operators(v, rest) : TP_OK;
}

/* g as a factor of the elementwise derivative */
tp_tensor *tp__loss_factor(const tp_vjp *v)
{
    return how(v->attr) == TP_MEAN ? tp_div_scalar(v->tape, v->gout[0], (double)v->in[0]->numel) : v->gout[0];
}

void tp__loss_samples(tp_sampler *s, int n, const double *number, const double *low, const double *high)
{
    for (int r = TP_MEAN; r <= TP_NONE; r++) {
        tp__loss_attr attr = {{0}, (tp_reduction)r};
        tp_tensor *in[TP__LOSS_IN];
        for (int k = 0; k < 2; k++)
            attr.number[k] = number ? number[k] : 0;
        for (int k = 0; k < n; k++)
            in[k] = tp_sample_tensor(s, (tp_dims){2, {3, 5}}, low[k], high[k]);
        tp_sample(s, &attr, n, in);
    }
}

bool tp__good_reduction(tp_tape *T, const char *name, tp_reduction r)
{
    if ((unsigned)r <= TP_NONE)
        return true;
    tp_fail(T, TP_EINVAL, "%s: the reduction is %d; TP_MEAN, TP_SUM or TP_NONE is needed", name, (int)r);
    return false;
}

tp_tensor *tp__loss_reduced(tp_tape *T, tp_tensor *terms, tp_reduction reduction)
{
    return reduction == TP_NONE ? terms : reduction == TP_SUM ? tp_sum(T, terms) : tp_mean(T, terms);
}

tp_tensor *tp__kept_from(tp_tape *T, tp_tensor *x, double low)
{
    tp_tensor *rest = tp_where_scalar(T, tp_lt_scalar(T, x, low), tp_rsub_scalar(T, x, low), 0);
    return tp_add(T, x, tp_detach(T, rest));
}

tp_tensor *tp__loss(tp_tape *T, const tp__loss_op *l, const tp__loss_attr *attr, int n, tp_tensor *const *in)
{
    if (!tp__usable_inputs(T, l->op.name, n, in) || !tp__good_reduction(T, l->op.name, attr->reduction))
        return NULL;
    return tp_apply(T, &l->op, attr, n, in);
}

tp_tensor *tp__broadcast_loss(tp_tape *T, const tp__loss_op *l, const tp__loss_attr *attr, int n, tp_tensor *const *in)
{
    if (!tp__usable_inputs(T, l->op.name, n, in))
        return NULL;
    tp_dims shape = tp__dims_of(in[0]);
    tp_dtype promoted = tp__result_type(n, in), dtype = tp_dtype_is_float(promoted) ? promoted : TP_F32;
    tp_tensor *alike[TP__LOSS_IN];
    for (int k = 1; k < n; k++)
        if (!tp__dims_broadcast(shape, tp__dims_of(in[k]), &shape)) {
            tp_fail(T, TP_ESHAPE, "%s: x is %s, target is %s; one shape is needed", l->op.name, TP__SHAPE(in[0]),
                    TP__SHAPE(in[k]));
            return NULL;
        }
    for (int k = 0; k < n; k++) {
        alike[k] = in[k]->dtype == dtype ? in[k] : tp_to(T, in[k], dtype);
        if (!tp__dims_equal(tp__dims_of(in[k]), shape))
            alike[k] = tp_expand(T, alike[k], shape);
    }
    return tp__ok(T) ? tp__loss(T, l, attr, n, alike) : NULL;
}

tp_tensor *tp__warned_of_shapes(tp_tape *T, const char *name, tp_dims of_x, tp_dims of_target, tp_tensor *loss)
{
    tp_dims shape;
    if (loss && !tp__dims_equal(of_x, of_target) && tp__dims_broadcast(of_x, of_target, &shape))
        tp_warn(T, "%s: x is %s, target is %s; both are broadcast to %s, which is seldom meant", name, TP__DIMS(of_x),
                TP__DIMS(of_target), TP__DIMS(shape));
    return loss;
}

tp_tensor *tp__regression_loss(tp_tape *T, const tp__loss_op *l, tp_tensor *x, tp_tensor *target,
                               const tp__loss_attr *attr)
{
    tp_tensor *in[2] = {x, target};
    if (!tp__usable_inputs(T, l->op.name, 2, in))
        return NULL;
    if (!tp_dtype_is_float(tp__result_type(2, in))) {
        tp_fail(T, TP_EDTYPE, "%s: x is %s, target is %s; floats are needed", l->op.name, tp_dtype_name(x->dtype),
                tp_dtype_name(target->dtype));
        return NULL;
    }
    tp_dims of_x = tp__dims_of(x), of_target = tp__dims_of(target);
    return tp__warned_of_shapes(T, l->op.name, of_x, of_target, tp__broadcast_loss(T, l, attr, 2, in));
}
