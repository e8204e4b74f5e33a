/* eigh_generalized.c - A x = l B x and its kin, of symmetric A and B, B positive definite: by the Cholesky factor of B they become
 * C y = l y, so that derivatives of any order come. */
#include "ops/linalg/equations.h"
#include "ops/linalg/orthogonal.h"

/* L with L L^T = B; what is not positive definite is told as B. */
static tp_tensor *factor_of(tp_tape *T, const char *name, tp_tensor *b)
{
    tp_tensor *info = NULL, *l = tp_linalg_cholesky_ex(T, b, false, &info);
    for (int64_t i = 0; info && i < info->numel; i++) {
        int minor = ((const int32_t *)info->data)[i];
        if (minor == 0)
            continue;
        if (info->numel == 1)
            tp_fail(T, TP_ENUMERIC, "%s: B is not positive definite (leading minor %d); one that is is needed", name,
                    minor);
        else
            tp_fail(T, TP_ENUMERIC,
                    "%s: B %lld of the batch is not positive definite (leading minor %d); one that is is needed", name,
                    (long long)i, minor);
        return NULL;
    }
    return l;
}

/* L^-1 A L^-T of the first kind, L^T A L of the others. */
static tp_tensor *reduced(tp_tape *T, tp_tensor *a, tp_tensor *l, int type)
{
    if (type != 1)
        return tp_matmul(T, tp__mT(T, l), tp_matmul(T, a, l));
    tp_tensor *half = tp__solve_triangular(T, l, a, false, false);
    return tp__solve_triangular(T, l, tp__mT(T, half), false, false);
}

static bool reduce(tp_tape *T, const char *name, tp_tensor *a, tp_tensor *b, int type, bool upper, tp_tensor **l,
                   tp_tensor **c)
{
    tp_tensor *in[2] = {a, b};
    if (type < 1 || type > 3) {
        tp_fail(T, TP_EINVAL, "%s: the type is %d; 1, 2 or 3 is needed", name, type);
        return false;
    }
    if (!tp__broadcast_all(T, name, 2, in))
        return false;
    a = tp__mirrored(T, upper ? tp__mT(T, in[0]) : in[0]);
    if (a && (tp__rows(in[1]) != tp__rows(a) || tp__columns(in[1]) != tp__rows(a)))
        tp_fail(T, TP_ESHAPE, "%s: A is %s, B is %s; [..., n, n] of both is needed", name, TP__SHAPE(a),
                TP__SHAPE(in[1]));
    else if (a && in[1]->dtype != a->dtype)
        tp_fail(T, TP_EDTYPE, "%s: A is %s, B is %s; one dtype is needed", name, tp_dtype_name(a->dtype),
                tp_dtype_name(in[1]->dtype));
    *l = tp__ok(T) ? factor_of(T, name, upper ? tp__mT(T, in[1]) : in[1]) : NULL;
    *c = *l ? reduced(T, a, *l, type) : NULL;
    return *c != NULL;
}

tp_tensor *tp_linalg_eigh_generalized(tp_tape *T, tp_tensor *a, tp_tensor *b, int type, bool upper, tp_tensor **vectors,
                                      const tp_spectrum_options *options)
{
    static const char name[] = "linalg_eigh_generalized";
    TP__NAMED(T, name);
    tp_tensor *l, *c, *y = NULL;
    if (vectors)
        *vectors = NULL;
    if (!reduce(T, name, a, b, type, upper, &l, &c))
        return NULL;
    tp_tensor *values = tp_linalg_eigh(T, c, false, &y, options);
    if (values && vectors)
        *vectors = type == 3 ? tp_matmul(T, l, y) : tp__solve_triangular(T, tp__mT(T, l), y, true, false);
    return tp__ok(T) ? values : NULL;
}

tp_tensor *tp_linalg_eigvalsh_generalized(tp_tape *T, tp_tensor *a, tp_tensor *b, int type, bool upper)
{
    static const char name[] = "linalg_eigvalsh_generalized";
    TP__NAMED(T, name);
    tp_tensor *l, *c;
    return reduce(T, name, a, b, type, upper, &l, &c) ? tp_linalg_eigvalsh(T, c, false) : NULL;
}
