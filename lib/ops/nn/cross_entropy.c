/* cross_entropy.c - the cross entropy of logits and classes, or probabilities of classes. */
#include "ops/nn/loss.h"

/* Classes given as probabilities: - sum over classes of log p, target, weight; a mean is over the rows. */
static tp_tensor *cross_entropy_of_probabilities(tp_tape *T, tp__class_rows *r, tp_tensor *target,
                                                 const tp_class_loss_options *o)
{
    tp_dims shape;
    double classes = (double)r->logp->shape[1], s = o->label_smoothing;
    target = tp__by_rows(T, target, &shape);
    if (s > 0)
        target = tp_add_scalar(T, tp_mul_scalar(T, target, 1 - s), s / classes);
    tp_tensor *terms = tp_mul(T, r->logp, target);
    if (o->weight)
        terms = tp_mul(T, terms, o->weight);
    return tp__class_reduced(T, tp_neg(T, tp_sum_dim(T, terms, 1, false)), r, o->reduction);
}

tp_tensor *tp_cross_entropy(tp_tape *T, tp_tensor *x, tp_tensor *target, const tp_class_loss_options *options)
{
    tp_class_loss_options o = options ? *options : (tp_class_loss_options){0};
    tp__class_rows r = {0};
    if (!tp__usable(T, "cross_entropy", x) || !tp__usable(T, "cross_entropy", target) ||
        !tp__class_loss_fits(T, "cross_entropy", x, &o))
        return NULL;
    if ((r.logp = tp_log_softmax(T, tp__by_rows(T, x, &r.shape), 1)) == NULL)
        return NULL;
    bool probabilities = tp_dtype_is_float(target->dtype) && target->dtype == x->dtype &&
                         tp__dims_equal(tp__dims_of(target), tp__dims_of(x));
    if (probabilities && o.has_ignore && o.ignore_index >= 0)
        tp_fail(T, TP_EINVAL, "cross_entropy: ignore_index is %lld, the targets are probabilities; classes are needed",
                (long long)o.ignore_index);
    if (probabilities)
        return cross_entropy_of_probabilities(T, &r, target, &o);
    if (!tp__class_targets(T, "cross_entropy", x, target, &o, &r))
        return NULL;
    tp_tensor *nll = tp__nll_rows(T, &r);
    if (o.label_smoothing == 0)
        return tp__class_reduced(T, nll, &r, o.reduction);
    /* the rest of the probability is spread over all classes */
    double s = o.label_smoothing, classes = (double)r.logp->shape[1];
    tp_tensor *all = o.weight ? tp_mul(T, r.logp, o.weight) : r.logp;
    tp_tensor *spread = tp_neg(T, tp_sum_dim(T, all, 1, false));
    spread = tp__counted(T, spread, &r);
    tp_tensor *rows = tp_add(T, tp_mul_scalar(T, nll, 1 - s), tp_mul_scalar(T, spread, s / classes));
    return tp__class_reduced(T, rows, &r, o.reduction);
}
