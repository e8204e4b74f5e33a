/* normalize.c - vectors of length one. */
#include "ops/ops.h"

tp_tensor *tp_normalize(tp_tape *T, tp_tensor *x, double p, int dim, double eps)
{
    TP__NAMED(T, "normalize");
    tp_tensor *norm = tp_linalg_vector_norm(T, x, p, 1, &dim, true);
    return tp_div(T, x, tp_clamp_min(T, norm, tp__number(T, norm, eps)));
}
