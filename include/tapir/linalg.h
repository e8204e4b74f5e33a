/* linalg.h - products by BLAS, distances, and factorizations and solves by LAPACK; batched over leading dimensions. ops.h says
 * what holds for all operators.
 */
#ifndef TAPIR_LINALG_H
#define TAPIR_LINALG_H

#include "op.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- products -------------------------------------------------------------------------------- */

/* torch.matmul: vectors, matrices, and batches of matrices broadcast against each other. */
TP_API tp_tensor *tp_matmul(tp_tape *T, tp_tensor *a, tp_tensor *b);
TP_API tp_tensor *tp_mm(tp_tape *T, tp_tensor *a, tp_tensor *b);    /* [n, k] [k, m] -> [n, m]          */
TP_API tp_tensor *tp_mv(tp_tape *T, tp_tensor *a, tp_tensor *x);    /* [n, k] [k] -> [n]                */
TP_API tp_tensor *tp_bmm(tp_tape *T, tp_tensor *a, tp_tensor *b);   /* [b, n, k] [b, k, m] -> [b, n, m] */
TP_API tp_tensor *tp_dot(tp_tape *T, tp_tensor *a, tp_tensor *b);   /* [n] [n] -> []                    */
TP_API tp_tensor *tp_inner(tp_tape *T, tp_tensor *a, tp_tensor *b); /* over the last dimensions             */
TP_API tp_tensor *tp_outer(tp_tape *T, tp_tensor *a, tp_tensor *b); /* [n] [m] -> [n, m]; alias ger         */
/* beta x + alpha product; x is broadcast to the product, and with beta 0 nothing of it counts. */
TP_API tp_tensor *tp_addmm(tp_tape *T, tp_tensor *x, tp_tensor *a, tp_tensor *b, double beta, double alpha);
TP_API tp_tensor *tp_addmv(tp_tape *T, tp_tensor *x, tp_tensor *a, tp_tensor *v, double beta, double alpha);
TP_API tp_tensor *tp_addr(tp_tape *T, tp_tensor *x, tp_tensor *a, tp_tensor *b, double beta, double alpha);
TP_API tp_tensor *tp_baddbmm(tp_tape *T, tp_tensor *x, tp_tensor *a, tp_tensor *b, double beta, double alpha);
TP_API tp_tensor *tp_addbmm(tp_tape *T, tp_tensor *x, tp_tensor *a, tp_tensor *b, double beta, double alpha);
/* Sums of products by an equation: "ij,jk->ik", "bij,bjk", "ii->i", "...i,...i->...". Operands are contracted from left
 * to right, each pair by one (batched) matrix product. At most 16 operands. */
TP_API tp_tensor *tp_einsum(tp_tape *T, const char *equation, int n, tp_tensor *const *x);
/* Over n pairs of dimensions; the result has the others of a, then those of b. */
TP_API tp_tensor *tp_tensordot(tp_tape *T, tp_tensor *a, tp_tensor *b, int n, const int *dims_a, const int *dims_b);
TP_API tp_tensor *tp_kron(tp_tape *T, tp_tensor *a, tp_tensor *b);
TP_API tp_tensor *tp_trace(tp_tape *T, tp_tensor *x); /* [n, m] -> [] */
/* y_o = a^T weight_o b + bias_o: a [..., i], b [..., j], weight [o, i, j], bias [o] or NULL */
TP_API tp_tensor *tp_bilinear(tp_tape *T, tp_tensor *a, tp_tensor *b, tp_tensor *weight, tp_tensor *bias);
/* p-norms of all differences, p >= 0: a [..., n, d], b [..., m, d] -> [..., n, m]. Close points keep their digits, as with
 * torch's compute_mode "donot_use_mm_for_euclid_dist". The slope at distance 0 is 0. */
TP_API tp_tensor *tp_cdist(tp_tape *T, tp_tensor *a, tp_tensor *b, double p);
TP_API tp_tensor *tp_pdist(tp_tape *T, tp_tensor *x, double p); /* of each pair once: [n, d] -> [n (n - 1) / 2] */
/* |a - b + eps|_p over the last dimension (torch's eps is 1e-6); a b / (max(|a|, eps) max(|b|, eps)) over dim (1e-8) */
TP_API tp_tensor *tp_pairwise_distance(tp_tape *T, tp_tensor *a, tp_tensor *b, double p, double eps, bool keepdim);
TP_API tp_tensor *tp_cosine_similarity(tp_tape *T, tp_tensor *a, tp_tensor *b, int dim, double eps);
/* x W^T + b: x [..., in], weight [out, in], bias [out] or NULL -> [..., out]; weight [in], bias []: [...]. */
TP_API tp_tensor *tp_linear(tp_tape *T, tp_tensor *x, tp_tensor *weight, tp_tensor *bias);

/* ---- solves and factorizations --------------------------------------------------------------- */

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
/* x [..., n, n] to a whole power; negative ones through the inverse. By squaring: at most 2 log2(power) products. */
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
