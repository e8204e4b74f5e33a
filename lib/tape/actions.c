/* actions.c - computing that is no operator of the user's: sums of gradients, clearing. Like all that computes it
 * passes tp__run as a call: an operator, operands, attributes.
 */
#include "tape/params.h"
#include "tape/tape.h"

#include <string.h>

/* ---- dst (+)= src ------------------------------------------------------------------------------------------------ */

static tp_status accumulate_forward(tp_call *c)
{
    tp_tensor *dst = c->out[0];
    const tp_tensor *src = c->in[0];
    bool fresh = *(const bool *)c->attr, plain = tp__contiguous(src) && src->dtype == dst->dtype;
    if (fresh && plain) {
        tp__convert(dst->numel, dst->data, dst->dtype, src->data, src->dtype);
    } else if (fresh) {
        tp__copy_elements(src, dst->data, dst->dtype);
    } else if (plain) {
        tp__axpy(dst->numel, dst->dtype, 1, src->data, dst->data);
    } else {
        tp__storage *dense = tp__dense_copy(c->tape, src, dst->dtype);
        if (dense == NULL)
            return tp_fail(c->tape, TP_ENOMEM, "no memory to add a gradient");
        tp__axpy(dst->numel, dst->dtype, 1, dense->data, dst->data);
        tp__storage_unref(dense);
    }
    return TP_OK;
}

static const tp_op accumulate = {.name = "accumulate",
                                 .n_in = 1,
                                 .n_out = 1,
                                 .attr_size = sizeof(bool),
                                 .flags = TP__OP_PART,
                                 .forward = accumulate_forward};

tp_status tp__add_into(tp_tape *T, tp_tensor *dst, const tp_tensor *src, bool fresh)
{
    tp_tensor *in = (tp_tensor *)(uintptr_t)src;
    tp_call call = {T, &accumulate, &fresh, 1, 1, &in, &dst};
    return tp__run(T, &call);
}

/* ---- x = 0 ------------------------------------------------------------------------------------------------------- */

static tp_status clear_forward(tp_call *c)
{
    tp__fill(c->out[0]->numel, c->out[0]->data, c->out[0]->dtype, 0);
    return TP_OK;
}

static const tp_op clear = {.name = "clear", .n_out = 1, .flags = TP__OP_PART, .forward = clear_forward};

tp_status tp__clear(tp_tape *T, tp_tensor *x)
{
    tp_call call = {T, &clear, NULL, 0, 1, NULL, &x};
    return tp__run(T, &call);
}
