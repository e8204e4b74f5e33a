/* samples.c - inputs for the generic tests of operators: spread over a range, and the same at every call. */
#include "tape/tape.h"

#include <math.h>

/* Multiples of the golden ratio, modulo one, fill an interval evenly and never meet. */
tp_tensor *tp_sample_tensor(tp_sampler *s, tp_dims shape, double low, double high)
{
    TP__NAMED(s ? s->tape : NULL, "sample_tensor");
    tp_tensor *x = s ? tp__tensor_make(s->tape, s->dtype, shape) : NULL;
    size_t size = x ? tp_dtype_size(s->dtype) : 0;
    for (int64_t i = 0; x && i < x->numel; i++) {
        double turn = ((double)i + 1) * 0.61803398874989484820;
        /* in steps that float32 holds as well, so that both precisions start from the same numbers */
        double value = low + (high - low) * (turn - floor(turn));
        tp__store((char *)x->data + (size_t)i * size, s->dtype, (double)(float)value);
    }
    return tp_requires_grad(x, true);
}

tp_tensor *tp_sample_index(tp_sampler *s, tp_dims shape, int64_t low, int64_t high)
{
    TP__NAMED(s ? s->tape : NULL, "sample_index");
    tp_tensor *x = s ? tp__tensor_make(s->tape, TP_I64, shape) : NULL;
    uint64_t range = high > low ? (uint64_t)high - (uint64_t)low : 1;
    for (int64_t i = 0; x && i < x->numel; i++)
        ((int64_t *)x->data)[i] = (int64_t)((uint64_t)low + ((uint64_t)i * 7 + 2) % range);
    return x;
}

void tp_sample(tp_sampler *s, const void *attr, int n, tp_tensor *const *in)
{
    tp__call_out call;
    if (s == NULL || s->run == NULL || s->tape == NULL)
        return;
    tp__enter(s->tape, &call);
    s->run(s, attr, n, in);
    tp__leave(&call);
}
