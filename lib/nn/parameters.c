/* parameters.c - a set's parameters as one vector, and back (torch.nn.utils.convert_parameters). */
#include "nn/nn.h"
#include "ops/ops.h"
#include "tape/params.h"
#include "tapir/shape.h"

tp_tensor *tp_parameters_to_vector(tp_tape *T, const tp_params *p)
{
    TP__NAMED(T, "parameters_to_vector");
    if (p == NULL)
        tp__missing(T, "parameters_to_vector", "the parameter set");
    if (!tp__ok(T) || p == NULL)
        return NULL;
    tp_tensor **part = tp__arena_alloc(&T->arena, ((size_t)p->n + 1) * sizeof *part);
    if (part == NULL) {
        tp_fail(T, TP_ENOMEM, "parameters_to_vector: no memory");
        return NULL;
    }
    int n = 0;
    for (int i = 0; i < p->n; i++)
        if (p->at[i])
            part[n++] = tp_reshape(T, p->at[i], (tp_dims){1, {-1}});
    if (n == 0) {
        tp_fail(T, TP_EINVAL, "parameters_to_vector: the set is empty; parameters are needed");
        return NULL;
    }
    return tp_cat(T, n, part, 0);
}

tp_status tp_vector_to_parameters(tp_tape *T, tp_tensor *vector, tp_params *p)
{
    TP__NAMED(T, "vector_to_parameters");
    int64_t count = 0, at = 0;
    if (p == NULL)
        return tp__missing(T, "vector_to_parameters", "the parameter set");
    if (!tp__ok(T) || !tp__usable(T, "vector_to_parameters", vector))
        return tp_error_status(T);
    for (int i = 0; i < p->n; i++)
        count += p->at[i] ? p->at[i]->numel : 0;
    if (vector->ndim != 1 || vector->numel != count)
        return tp_fail(T, TP_ESHAPE, "vector_to_parameters: vector is %s; [%lld] is needed", TP__SHAPE(vector),
                       (long long)count);
    if (!tp_dtype_is_float(vector->dtype))
        return tp_fail(T, TP_EDTYPE, "vector_to_parameters: vector is %s; float32 or float64 is needed",
                       tp_dtype_name(vector->dtype));
    bool recording = T->recording;
    T->recording = false;
    tp_mark mark = tp_tape_mark(T);
    for (int i = 0; i < p->n && T->status == TP_OK; i++) {
        tp_tensor *x = p->at[i];
        if (x == NULL)
            continue;
        tp_tensor *part = tp_narrow(T, vector, 0, at, x->numel);
        tp_copy_into(T, x, part ? tp_reshape(T, part, tp__dims_of(x)) : NULL);
        at += x->numel;
    }
    tp__rewind(T, mark);
    T->recording = recording;
    return T->status;
}
