/* orthogonal.c - what the orthogonal factorizations share. */
#include "ops/linalg/orthogonal.h"

#include <math.h>

tp_dims tp__batch_and_one(const tp_tensor *x, int64_t n)
{
    tp_dims shape = tp__batch_of(x);
    shape.dim[shape.ndim++] = n;
    return shape;
}

tp_dims tp__batch_and(const tp_tensor *x, int64_t rows, int64_t columns)
{
    tp_dims shape = tp__batch_and_one(x, rows);
    shape.dim[shape.ndim++] = columns;
    return shape;
}

tp_tensor *tp__corner(tp_tape *T, tp_tensor *x, int64_t rows, int64_t columns)
{
    if (x && tp__rows(x) != rows)
        x = tp_narrow(T, x, -2, 0, rows);
    return x && tp__columns(x) != columns ? tp_narrow(T, x, -1, 0, columns) : x;
}

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

tp_status tp__matrix_floats(const tp_call *c, int i, const char *name)
{
    const tp_tensor *x = c->in[i];
    if (x->ndim < 2)
        return tp_call_fail(c, TP_ESHAPE, "%s is %s; [..., m, n] is needed", name, TP__SHAPE(x));
    if (!tp_dtype_is_float(x->dtype))
        return tp_call_fail(c, TP_EDTYPE, "%s is %s; float32 or float64 is needed", name, tp_dtype_name(x->dtype));
    return TP_OK;
}

typedef struct {
    const tp_tensor *x;
    tp__half half;
} looked_at;

static int look(const tp__batch *b, int64_t i, void *scratch)
{
    (void)scratch;
    const looked_at *at = b->user;
    return tp__first_not_finite(at->x->dtype, at->half, tp__rows(at->x), tp__columns(at->x), tp__matrix(at->x, i));
}

tp_status tp__must_be_finite(const tp_call *c, const tp_tensor *x, tp__half half)
{
    looked_at at = {x, half};
    return tp__run_batch(&(tp__batch){.one = look,
                                      .call = c,
                                      .count = tp__matrices(x),
                                      .flops = tp__rows(x) * tp__columns(x),
                                      .trouble = "not finite",
                                      .counted = "row",
                                      .needed = "a finite one",
                                      .user = &at});
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
