/* movedim.c - dimensions moved to other places: made of permute. */
#include "ops/ops.h"

tp_tensor *tp_movedim(tp_tape *T, tp_tensor *x, int n, const int *source, const int *destination)
{
    tp_dims order = {.ndim = 0};
    bool taken[TP_MAX_DIMS] = {false}, set[TP_MAX_DIMS] = {false};
    if (!tp__usable(T, "movedim", x) || !tp__listed(T, "movedim", "dimensions", n, 0, source) ||
        !tp__listed(T, "movedim", "dimensions", n, 0, destination))
        return NULL;
    order.ndim = x->ndim;
    for (int i = 0; i < n; i++) {
        int from = tp__dim_of(T, "movedim", x->ndim, source[i]), to = tp__dim_of(T, "movedim", x->ndim, destination[i]);
        if (from < 0 || to < 0)
            return NULL;
        if (taken[from] || set[to]) {
            tp_fail(T, TP_EINVAL, "movedim: %d to %d names a dimension again; each may be once", source[i],
                    destination[i]);
            return NULL;
        }
        taken[from] = set[to] = true;
        order.dim[to] = from;
    }
    for (int d = 0, from = 0; d < x->ndim; d++) {
        if (set[d])
            continue;
        while (taken[from])
            from++;
        order.dim[d] = from++;
    }
    return tp_permute(T, x, order);
}
