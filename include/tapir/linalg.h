/* linalg.h - factorizations and solves, by LAPACK; batched over leading dimensions. */
#ifndef TAPIR_LINALG_H
#define TAPIR_LINALG_H

#include "op.h"

#ifdef __cplusplus
extern "C" {
#endif

/* X with A X = B: A [..., n, n], B [..., n, k] or [..., n]. A singular A is TP_ENUMERIC. Gradients of
 * any order: dB = A^-T dX, dA = -dB X^T. */
TP_API tp_tensor *tp_linalg_solve(tp_tape *T, tp_tensor *a, tp_tensor *b);
/* The lower L with L L^T = A, of a symmetric positive definite A [..., n, n], of which the lower half
 * is read; otherwise TP_ENUMERIC. Gradient: Murray, "Differentiation of the Cholesky decomposition",
 * 2016, equation 8 and following, symmetrized. */
TP_API tp_tensor *tp_linalg_cholesky(tp_tape *T, tp_tensor *a);
/* X with A X = B for a triangular A (the other half is not read). */
TP_API tp_tensor *tp_linalg_solve_triangular(tp_tape *T, tp_tensor *a, tp_tensor *b, bool upper);
TP_API tp_tensor *tp_linalg_cross(tp_tape *T, tp_tensor *a, tp_tensor *b, int dim); /* of size 3 */
TP_API tp_tensor *tp_linalg_vecdot(tp_tape *T, tp_tensor *a, tp_tensor *b, int dim);
/* The product of 2 to 32 matrices (the first and last may be vectors) with the brackets that cost least. */
TP_API tp_tensor *tp_linalg_multi_dot(tp_tape *T, int n, tp_tensor *const *x);
/* x [..., n, n] to a whole power; negative ones through the inverse. */
TP_API tp_tensor *tp_linalg_matrix_power(tp_tape *T, tp_tensor *x, int n);
/* The lower (upper) triangle, zero elsewhere; `diagonal` as in torch.tril. */
TP_API tp_tensor *tp_tril(tp_tape *T, tp_tensor *x, int64_t diagonal);
TP_API tp_tensor *tp_triu(tp_tape *T, tp_tensor *x, int64_t diagonal);

/* What does the matrix work, in parts between semicolons: library, threading and kernels; the file; what is wrong, if
 * something is. "OpenBLAS 0.3.21, openmp, Cooperlake; /usr/lib/x86_64-linux-gnu/openblas-openmp/libopenblas.so.0". The text
 * is the calling thread's, until its next call.
 *
 * An OpenBLAS that is older than the processor may pick the kernels of a much older one, at an eighth of the speed. Where
 * that is so, it is told to pick better ones when this library is loaded ("Cooperlake (instead of Prescott)"): not where
 * OPENBLAS_CORETYPE is set, nor TAPIR_BLAS_CORE=off, nor where the process has other threads by then; the text says so,
 * and what to set.
 *
 * A BLAS with 64-bit integers (ILP64) is not usable: all that needs it fails with TP_EUNSUPPORTED.
 *
 * OpenBLAS takes a buffer of 128 MiB of address space for each call that is under way. Where there is room for none
 * (RLIMIT_AS, ulimit -v), products and factorizations fail with TP_ENOMEM; where there is room for fewer than there are
 * threads, they wait for each other. */
TP_API const char *tp_blas_info(void);

#ifdef __cplusplus
}
#endif
#endif
