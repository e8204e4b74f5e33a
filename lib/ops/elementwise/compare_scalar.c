/* compare_scalar.c - comparisons with a number, and a choice between a tensor and a number.
 *
 * Integers are compared with what the number is, not with what it becomes in their dtype: no uint8 is above 300, all are
 * above -0.5. Floats are compared in their own dtype, as PyTorch does: float32 0.1 is 0.1. */
#include "ops/ops.h"

#include <math.h>

typedef tp_tensor *(*comparison)(tp_tape *T, tp_tensor *a, tp_tensor *b);

/* The truth of one comparison with a number that is none of the dtype's: it is NaN, or above all, or below all of them. */
static bool outside(comparison compare, double s)
{
    if (isnan(s) || compare == tp_eq || compare == tp_ne)
        return compare == tp_ne;
    return s > 0 ? compare == tp_lt || compare == tp_le : compare == tp_gt || compare == tp_ge;
}

static tp_tensor *with_number(tp_tape *T, const char *name, comparison compare, tp_tensor *x, double s)
{
    TP__NAMED(T, name);
    if (!tp__usable(T, name, x))
        return NULL;
    tp_dtype dtype = x->dtype;
    if (!tp_dtype_is_float(dtype)) {
        double whole = compare == tp_lt || compare == tp_ge ? ceil(s) : floor(s); /* the bound that says the same */
        bool between = (compare == tp_eq || compare == tp_ne) && whole != s;
        if (isnan(s) || between)
            return tp_full(T, TP_BOOL, tp__dims_of(x), compare == tp_ne);
        if (whole < tp__least_of(dtype) || whole >= tp__end_of(dtype))
            return tp_full(T, TP_BOOL, tp__dims_of(x), outside(compare, s));
        s = whole;
    }
    return compare(T, x, tp__number(T, x, s));
}

tp_tensor *tp_eq_scalar(tp_tape *T, tp_tensor *x, double s) { return with_number(T, "eq_scalar", tp_eq, x, s); }
tp_tensor *tp_ne_scalar(tp_tape *T, tp_tensor *x, double s) { return with_number(T, "ne_scalar", tp_ne, x, s); }
tp_tensor *tp_lt_scalar(tp_tape *T, tp_tensor *x, double s) { return with_number(T, "lt_scalar", tp_lt, x, s); }
tp_tensor *tp_le_scalar(tp_tape *T, tp_tensor *x, double s) { return with_number(T, "le_scalar", tp_le, x, s); }
tp_tensor *tp_gt_scalar(tp_tape *T, tp_tensor *x, double s) { return with_number(T, "gt_scalar", tp_gt, x, s); }
tp_tensor *tp_ge_scalar(tp_tape *T, tp_tensor *x, double s) { return with_number(T, "ge_scalar", tp_ge, x, s); }

tp_tensor *tp_where_scalar(tp_tape *T, tp_tensor *condition, tp_tensor *a, double b)
{
    TP__NAMED(T, "where_scalar");
    if (!tp__usable(T, "where", condition) || !tp__usable(T, "where", a))
        return NULL;
    tp_dtype dtype = a->dtype;
    if (!tp_dtype_is_float(dtype) && !tp__is_i64(b))
        dtype = TP_F32;
    else if (dtype == TP_BOOL)
        dtype = TP_I64;
    return tp__fits(T, "where", "number", dtype, b) ? tp_where(T, condition, a, tp_scalar(T, dtype, b)) : NULL;
}
