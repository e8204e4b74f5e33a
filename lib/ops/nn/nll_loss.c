/* nll_loss.c - the negative log-likelihood of classes. */
#include "ops/nn/loss.h"

tp_tensor *tp_nll_loss(tp_tape *T, tp_tensor *x, tp_tensor *target, const tp_class_loss_options *options)
{
    tp_class_loss_options o = options ? *options : (tp_class_loss_options){0};
    tp__class_rows r = {0};
    if (!tp__usable(T, "nll_loss", x) || !tp__usable(T, "nll_loss", target) ||
        !tp__class_loss_fits(T, "nll_loss", x, &o))
        return NULL;
    r.logp = tp__by_rows(T, x, &r.shape);
    return tp__class_targets(T, "nll_loss", x, target, &o, &r)
               ? tp__class_reduced(T, tp__nll_rows(T, &r), &r, o.reduction)
               : NULL;
}
