/* orthogonal.c - what the orthogonal factorizations share. */
#include "ops/linalg/orthogonal.h"

#include <math.h>

tp_tensor *tp__with_columns(tp_tape *T, tp_tensor *x, int64_t columns)
{
    if (x == NULL || tp__columns(x) == columns)
        return x;
    tp_tensor *parts[2] = {x, tp_zeros(T, x->dtype, tp__batch_and(x, tp__rows(x), columns - tp__columns(x)))};
    return tp_cat(T, 2, parts, -1);
}

tp_tensor *tp__sum_of(tp_tape *T, tp_tensor *a, tp_tensor *b)
{
    return a == NULL ? b : b == NULL ? a : tp_add(T, a, b);
}

bool tp__broadening_of(tp_tape *T, const char *name, const tp_spectrum_options *options, double *broadening)
{
    *broadening = options ? options->broadening : 0;
    if (*broadening >= 0 && isfinite(*broadening))
        return true;
    tp_fail(T, TP_EINVAL, "%s: the broadening is %g; 0 or a positive number is needed", name, *broadening);
    return false;
}

tp_tensor *tp__over_gaps(tp_tape *T, tp_tensor *x, tp_tensor *gap, double broadening)
{
    if (x == NULL || gap == NULL)
        return NULL;
    if (broadening > 0)
        return tp_mul(T, x, tp__over_square(T, gap, tp__number(T, gap, sqrt(broadening))));
    return tp_div(T, x, tp_masked_fill(T, gap, tp_eye(T, TP_BOOL, tp__rows(gap), tp__columns(gap)), 1));
}

tp_tensor *tp__skew(tp_tape *T, tp_tensor *x) { return tp_sub(T, x, tp__mT(T, x)); }
