/* lowrank.c - a few singular vectors by random projections: N. Halko, P.-G. Martinsson, J. A. Tropp, "Finding
 * structure with randomness", 2009, algorithms 4.4 and 5.1. The steps, and what is drawn, are PyTorch's. */
#include "ops/linalg/orthogonal.h"

/* (A - M) x, or (A - M)^T x */
static tp_tensor *multiplied(tp_tape *T, tp_tensor *a, tp_tensor *m, bool turned, tp_tensor *x)
{
    tp_tensor *y = tp_matmul(T, turned ? tp__mT(T, a) : a, x);
    return m ? tp_sub(T, y, tp_matmul(T, turned ? tp__mT(T, m) : m, x)) : y;
}

static tp_tensor *orthonormal(tp_tape *T, tp_tensor *x) { return x ? tp_linalg_qr(T, x, TP_QR_REDUCED, NULL) : NULL; }

/* Of about the space of the q largest singular vectors on the left, or, turned, on the right. */
static tp_tensor *basis(tp_tape *T, tp_tensor *a, tp_tensor *m, bool turned, int64_t q, int niter)
{
    tp_tensor *drawn = tp_randn(T, a->dtype, (tp_dims){2, {turned ? tp__rows(a) : tp__columns(a), q}});
    tp_tensor *y = orthonormal(T, multiplied(T, a, m, turned, drawn));
    for (int i = 0; i < niter && y; i++) {
        y = orthonormal(T, multiplied(T, a, m, !turned, y));
        y = orthonormal(T, multiplied(T, a, m, turned, y));
    }
    return y;
}

static tp_tensor *few_vectors(tp_tape *T, tp_tensor *a, tp_tensor *m, int64_t q, int niter, tp_tensor **s,
                              tp_tensor **v)
{
    bool turned = tp__rows(a) < tp__columns(a) || tp__columns(a) > q;
    tp_tensor *y = basis(T, a, m, turned, q, niter), *vh = NULL, *u = NULL;
    tp_tensor *b = y ? multiplied(T, a, m, !turned, y) : NULL;
    if (b != NULL)
        u = tp_linalg_svd(T, turned ? b : tp__mT(T, b), false, s, &vh, NULL);
    if (u == NULL)
        return NULL;
    *v = turned ? tp_matmul(T, y, tp__mT(T, vh)) : tp__mT(T, vh);
    u = turned ? u : tp_matmul(T, y, u);
    return tp__ok(T) ? u : NULL;
}

/* May so many be asked for? */
static bool few(tp_tape *T, const char *name, const tp_tensor *a, int64_t q, int niter)
{
    if (!tp__has_dims(T, name, a, 2))
        return false;
    if (tp_dtype_is_float(a->dtype) && q >= 0 && q <= tp__least_side(a) && niter >= 0)
        return true;
    tp_fail(T, TP_EINVAL,
            "%s: q is %lld, niter is %d, A is %s %s; floats, q in [0, min(m, n)] and niter 0 or more are needed", name,
            (long long)q, niter, tp_dtype_name(a->dtype), TP__SHAPE(a));
    return false;
}

tp_tensor *tp_svd_lowrank(tp_tape *T, tp_tensor *a, int64_t q, int niter, tp_tensor *m, tp_tensor **s, tp_tensor **v)
{
    TP__NAMED(T, "svd_lowrank");
    tp_tensor *unwanted;
    s = s ? s : &unwanted;
    v = v ? v : &unwanted;
    *s = *v = NULL;
    if (!few(T, "svd_lowrank", a, q, niter) || (m && !tp__usable(T, "svd_lowrank", m)))
        return NULL;
    return few_vectors(T, a, m, q, niter, s, v);
}

tp_tensor *tp_pca_lowrank(tp_tape *T, tp_tensor *a, int64_t q, bool center, int niter, tp_tensor **s, tp_tensor **v)
{
    TP__NAMED(T, "pca_lowrank");
    tp_tensor *unwanted;
    s = s ? s : &unwanted;
    v = v ? v : &unwanted;
    *s = *v = NULL;
    if (!few(T, "pca_lowrank", a, q, niter))
        return NULL;
    if (center && a->numel > 0)
        a = tp_sub(T, a, tp_mean_dims(T, a, 1, &(int){-2}, true));
    return a ? few_vectors(T, a, NULL, q, niter, s, v) : NULL;
}
