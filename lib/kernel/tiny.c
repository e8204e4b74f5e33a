/* tiny.c - factorizations and solves of a few unknowns, by their definitions. tiny_body.h is read for float and double
 * (per_float.h). */
#include "kernel/tiny.h"

#include <math.h>

#define TP__BODY "kernel/tiny_body.h"
#include "kernel/per_float.h"

int tp__tiny_getrf(tp_dtype dtype, int64_t n, void *a, int *pivots)
{
    return dtype == TP_F32 ? getrf_f32(n, a, pivots) : getrf_f64(n, a, pivots);
}

int tp__tiny_potrf(tp_dtype dtype, int64_t n, void *a) { return dtype == TP_F32 ? potrf_f32(n, a) : potrf_f64(n, a); }

/* An upper triangle is a lower one from the other end. */
void tp__tiny_trsv(tp_dtype dtype, bool upper, bool ta, bool unit, int64_t m, const void *a, int64_t lda, void *x)
{
    int64_t rs = ta ? 1 : lda, cs = ta ? lda : 1, first = upper != ta ? m - 1 : 0, step = upper != ta ? -1 : 1;
    if (dtype == TP_F32)
        trsv_f32(m, first, step, unit, a, rs, cs, x);
    else
        trsv_f64(m, first, step, unit, a, rs, cs, x);
}
