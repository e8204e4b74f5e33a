/* atleast.c - dimensions of size 1 before and behind: atleast_1d, _2d and _3d. */
#include "ops/ops.h"

tp_tensor *tp_atleast(tp_tape *T, tp_tensor *x, int n)
{
    if (!tp__usable(T, "atleast", x))
        return NULL;
    if (x->ndim == 0 && n >= 1)
        x = tp_unsqueeze(T, x, 0);
    if (x && x->ndim == 1 && n >= 2)
        x = tp_unsqueeze(T, x, 0);
    if (x && x->ndim == 2 && n >= 3)
        x = tp_unsqueeze(T, x, -1);
    return x;
}
