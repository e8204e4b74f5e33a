/* cholesky.h - the way back through a Cholesky factor. */
#ifndef TAPIR_KERNEL_CHOLESKY_H
#define TAPIR_KERNEL_CHOLESKY_H

#include "kernel/kernel.h"

enum { TP__CHOLESKY_PANEL = 32 }; /* columns that go back at a time */

/* ga (+)= the symmetric gradient of a matrix with the factor l [n, n], for the gradient g of that, whose lower half counts
 * and is used up. Scratch: TP__CHOLESKY_PANEL rows of TP__CHOLESKY_PANEL + n elements. False where a product is not made. */
bool tp__potrf_backward(tp_dtype dtype, int64_t n, const void *l, void *g, void *space, void *ga, bool accumulate);

#endif
