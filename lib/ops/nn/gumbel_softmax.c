/* gumbel_softmax.c - samples of a categorical distribution that have a gradient. (Jang, Gu and Poole, "Categorical
 * reparameterization with Gumbel-softmax", 2017.) */
#include "ops/ops.h"

/* 1 at the largest along dim, with the gradient of y. */
static tp_tensor *straight_through(tp_tape *T, tp_tensor *y, int dim)
{
    tp_tensor *index = tp_argmax(T, tp_detach(T, y), dim, true);
    tp_tensor *hard = tp_scatter_scalar(T, tp_zeros_like(T, tp_detach(T, y)), dim, index, 1, TP_SCATTER_PUT);
    return tp_add(T, tp_sub(T, hard, tp_detach(T, y)), y);
}

tp_tensor *tp_gumbel_softmax(tp_tape *T, tp_tensor *logits, double tau, bool hard, int dim)
{
    TP__NAMED(T, "gumbel_softmax");
    if (!tp__usable(T, "gumbel_softmax", logits))
        return NULL;
    if (!tp_dtype_is_float(logits->dtype) || tau == 0) {
        tp_fail(T, TP_EINVAL, "gumbel_softmax: the logits are %s, tau is %g; floats, and not 0, are needed",
                tp_dtype_name(logits->dtype), tau);
        return NULL;
    }
    tp_tensor *draws = tp_empty(T, logits->dtype, tp__dims_of(logits));
    if (draws == NULL || tp_exponential_(T, draws, 1) != TP_OK)
        return NULL;
    tp_tensor *noise = tp_neg(T, tp_log(T, draws));
    tp_tensor *y = tp_softmax(T, tp_div_scalar(T, tp_add(T, logits, noise), tau), dim);
    return hard && y ? straight_through(T, y, dim) : y;
}
