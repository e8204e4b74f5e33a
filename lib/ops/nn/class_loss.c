/* class_loss.c - what the losses of classes share: rows, weights, ignored targets, reductions. */
#include "ops/nn/loss.h"

#include <math.h>

tp_tensor *tp__by_rows(tp_tape *T, tp_tensor *x, tp_dims *target)
{
    tp_dims order = {.ndim = x->ndim};
    int c = x->ndim == 1 ? 0 : 1;
    *target = (tp_dims){.ndim = 0};
    for (int d = 0; d < x->ndim; d++)
        if (d != c) {
            order.dim[target->ndim] = d;
            target->dim[target->ndim++] = x->shape[d];
        }
    order.dim[x->ndim - 1] = c;
    if (c != x->ndim - 1)
        x = tp_permute(T, x, order);
    int64_t rows = 1;
    for (int d = 0; d < target->ndim; d++)
        rows *= target->dim[d];
    return x ? tp_reshape(T, x, (tp_dims){2, {rows, x->shape[x->ndim - 1]}}) : NULL;
}

bool tp__class_loss_fits(tp_tape *T, const char *name, const tp_tensor *x, const tp_class_loss_options *o)
{
    if (!tp__good_reduction(T, name, o->reduction))
        return false;
    if (x->ndim == 0) {
        tp_fail(T, TP_ESHAPE, "%s: x is 0-d; a dimension of classes is needed", name);
        return false;
    }
    if (!tp_dtype_is_float(x->dtype)) {
        tp_fail(T, TP_EDTYPE, "%s: x is %s; float32 or float64 is needed", name, tp_dtype_name(x->dtype));
        return false;
    }
    int64_t classes = x->shape[x->ndim == 1 ? 0 : 1];
    if (o->weight && (o->weight->ndim != 1 || o->weight->shape[0] != classes || o->weight->dtype != x->dtype)) {
        tp_fail(T, TP_ESHAPE,
                "%s: x is %s of %s, weight is %s of %s; a weight of its dtype for each of %lld classes is needed", name,
                TP__SHAPE(x), tp_dtype_name(x->dtype), TP__SHAPE(o->weight), tp_dtype_name(o->weight->dtype),
                (long long)classes);
        return false;
    }
    if (!(o->label_smoothing >= 0 && o->label_smoothing <= 1)) {
        tp_fail(T, TP_EINVAL, "%s: label_smoothing is %g; 0 to 1 is needed", name, o->label_smoothing);
        return false;
    }
    return true;
}

bool tp__class_targets(tp_tape *T, const char *name, const tp_tensor *x, tp_tensor *target,
                       const tp_class_loss_options *o, tp__class_rows *r)
{
    int64_t ignored = o->has_ignore ? o->ignore_index : -100, classes = x->shape[x->ndim == 1 ? 0 : 1];
    bool any = false;
    if (target->dtype != TP_I64 || !tp__dims_equal(tp__dims_of(target), r->shape)) {
        tp_fail(T, target->dtype == TP_I64 ? TP_ESHAPE : TP_EDTYPE,
                "%s: x is %s, target is %s of %s; %s of int64 is needed", name, TP__SHAPE(x), TP__SHAPE(target),
                tp_dtype_name(target->dtype), TP__DIMS(r->shape));
        return false;
    }
    if ((target = tp_contiguous(T, target)) == NULL)
        return false;
    for (int64_t i = 0; i < target->numel; i++) {
        int64_t k = ((const int64_t *)target->data)[i];
        any |= k == ignored;
        if (k != ignored && (k < 0 || k >= classes)) {
            tp_fail(T, TP_EINDEX, "%s: target %lld; 0 to %lld is needed", name, (long long)k, (long long)classes - 1);
            return false;
        }
    }
    r->target = tp_reshape(T, target, (tp_dims){1, {target->numel}});
    if (any) {
        r->counts = tp_ne(T, r->target, tp_from(T, TP_I64, TP_SCALAR, &ignored));
        r->target = tp_where(T, r->counts, r->target, tp_scalar(T, TP_I64, 0));
    }
    r->weight = o->weight ? tp_index_select(T, o->weight, 0, r->target) : NULL;
    return r->target != NULL && tp__ok(T);
}

tp_tensor *tp__counted(tp_tape *T, tp_tensor *rows, const tp__class_rows *r)
{
    return r->counts && rows ? tp_where(T, r->counts, rows, tp__number(T, rows, 0)) : rows;
}

/* loss [rows] to what was asked for; a mean is over the weight of the rows that count. Where that is 0 the mean is NaN, as
 * torch has it, but no row had a part in it: there is no slope. */
tp_tensor *tp__class_reduced(tp_tape *T, tp_tensor *rows, const tp__class_rows *r, tp_reduction reduction)
{
    if (rows == NULL || reduction == TP_NONE)
        return tp_reshape(T, rows, r->shape);
    if (reduction == TP_SUM)
        return tp_sum(T, rows);
    if (!r->weight && !r->counts)
        return tp_mean(T, rows);
    tp_tensor *total = tp_sum(T, r->weight ? tp__counted(T, r->weight, r) : tp_to(T, r->counts, rows->dtype));
    tp_tensor *nothing = total ? tp_eq(T, total, tp__number(T, total, 0)) : NULL;
    return tp_where(T, nothing, tp__number(T, rows, (double)NAN),
                    tp_div(T, tp_sum(T, rows), tp_where(T, nothing, tp__number(T, total, 1), total)));
}

static tp_tensor *weighted(tp_tape *T, tp_tensor *rows, const tp__class_rows *r)
{
    return tp__counted(T, r->weight ? tp_mul(T, rows, r->weight) : rows, r);
}

tp_tensor *tp__nll_rows(tp_tape *T, const tp__class_rows *r)
{
    tp_tensor *picked = tp_squeeze_dim(T, tp_gather(T, r->logp, 1, tp_unsqueeze(T, r->target, 1)), 1);
    return tp_neg(T, weighted(T, picked, r));
}
