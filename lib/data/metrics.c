/* metrics.c - how good predictions are. */
#include "tape/tape.h"
#include "tapir/data.h"
#include "tapir/reduce.h"

tp_status tp_confusion_add(tp_tape *T, tp_tensor *logits, tp_tensor *target, int64_t classes, int64_t *counts)
{
    if (!tp__usable(T, "confusion_add", logits) || !tp__usable(T, "confusion_add", target))
        return tp_error_status(T);
    if (counts == NULL)
        return tp__missing(T, "confusion_add", "the table of counts");
    if (logits->ndim != 2 || logits->shape[1] != classes || target->ndim != 1 || target->shape[0] != logits->shape[0] ||
        tp_dtype_is_float(target->dtype))
        return tp_fail(T, TP_ESHAPE,
                       "confusion_add: logits are %s, targets %s of %s; [n, %lld], and [n] of integers, are needed",
                       TP__SHAPE(logits), TP__SHAPE(target), tp_dtype_name(target->dtype), (long long)classes);
    tp_mark mark = tp_tape_mark(T);
    tp_tensor *guess = logits->shape[0] ? tp_argmax(T, logits, 1, false) : NULL;
    for (int64_t i = 0; guess && i < target->numel; i++) {
        int64_t k = tp__load_i64(
            (const char *)target->data + i * target->stride[0] * (int64_t)tp_dtype_size(target->dtype), target->dtype);
        if (k < 0 || k >= classes) {
            tp_fail(T, TP_EINDEX, "confusion_add: target %lld; 0 to %lld is needed", (long long)k,
                    (long long)classes - 1);
            break;
        }
        counts[k * classes + ((const int64_t *)guess->data)[i]]++;
    }
    tp__rewind(T, mark);
    return T->status;
}
