/* tiny.h - factorizations and solves of a few unknowns, which take less than a call of LAPACK or BLAS does. */
#ifndef TAPIR_KERNEL_TINY_H
#define TAPIR_KERNEL_TINY_H

#include "kernel/kernel.h"

enum { TP__TINY = 8 }; /* the largest order */

/* As tp__getrf, tp__potrf (the upper half is left as it is) and tp__trsv. */
int tp__tiny_getrf(tp_dtype dtype, int64_t n, void *a, int *pivots);
int tp__tiny_potrf(tp_dtype dtype, int64_t n, void *a);
void tp__tiny_trsv(tp_dtype dtype, bool upper, bool ta, bool unit, int64_t m, const void *a, int64_t lda, void *x);

#endif
