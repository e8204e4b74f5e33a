/* linalg.h - products by BLAS, distances, and factorizations and solves by LAPACK; batched over leading dimensions.
 * ops.h says what holds for all operators. */
#ifndef TAPIR_LINALG_H
#define TAPIR_LINALG_H

#include "op.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- products -------------------------------------------------------------------------------- */

/* All products want operands of one dtype (TP_EDTYPE). Floats go to BLAS; integers wrap, booleans are and-ed and or-ed. */

/* torch.matmul: [k] [k] -> [], [n, k] [k] -> [n], [k] [k, m] -> [m], [..., n, k] [..., k, m] -> [..., n, m] with the
 * leading dimensions broadcast, and so with a vector [k] on one side. TP_ESHAPE where the two k differ, or an operand
 * is 0-d. */
TP_API tp_tensor *tp_matmul(tp_tape *T, tp_tensor *a, tp_tensor *b);
/* The same of these shapes alone (TP_ESHAPE); inner: a [..., k], b [..., k] -> a's other dimensions, then b's. */
TP_API tp_tensor *tp_mm(tp_tape *T, tp_tensor *a, tp_tensor *b);    /* [n, k] [k, m] -> [n, m]          */
TP_API tp_tensor *tp_mv(tp_tape *T, tp_tensor *a, tp_tensor *x);    /* [n, k] [k] -> [n]                */
TP_API tp_tensor *tp_bmm(tp_tape *T, tp_tensor *a, tp_tensor *b);   /* [b, n, k] [b, k, m] -> [b, n, m] */
TP_API tp_tensor *tp_dot(tp_tape *T, tp_tensor *a, tp_tensor *b);   /* [n] [n] -> []                    */
TP_API tp_tensor *tp_inner(tp_tape *T, tp_tensor *a, tp_tensor *b); /* sums over the last dimensions       */
TP_API tp_tensor *tp_outer(tp_tape *T, tp_tensor *a, tp_tensor *b); /* [n] [m] -> [n, m]; alias ger         */
/* beta x + alpha a b, of x's dtype; x is broadcast to the product, and with beta 0 nothing of it counts, not even NaN.
 * torch's beta and alpha are 1; of integers they must be whole numbers that the dtype holds (TP_EINVAL). addmm: a [n,
 * k], b [k, m]; addmv: a [n, k], v [k]; addr: a [n], b [m] -> [n, m]; baddbmm: a [b, n, k], b [b, k, m]; addbmm: the
 * same, summed over the batch -> [n, m]. */
TP_API tp_tensor *tp_addmm(tp_tape *T, tp_tensor *x, tp_tensor *a, tp_tensor *b, double beta, double alpha);
TP_API tp_tensor *tp_addmv(tp_tape *T, tp_tensor *x, tp_tensor *a, tp_tensor *v, double beta, double alpha);
TP_API tp_tensor *tp_addr(tp_tape *T, tp_tensor *x, tp_tensor *a, tp_tensor *b, double beta, double alpha);
TP_API tp_tensor *tp_baddbmm(tp_tape *T, tp_tensor *x, tp_tensor *a, tp_tensor *b, double beta, double alpha);
TP_API tp_tensor *tp_addbmm(tp_tape *T, tp_tensor *x, tp_tensor *a, tp_tensor *b, double beta, double alpha);
/* Sums of products by an equation: "ij,jk->ik", "bij,bjk", "ii->i", "...i,...i->...". A letter is a dimension: of one
 * size everywhere (or 1, which is broadcast), summed over where it is not behind the arrow; without an arrow the
 * letters that are there once come out, in alphabetical order. 1 to 16 operands, contracted from left to right, each
 * pair by one (batched) matrix product. An equation that does not fit them is TP_EINVAL, one that takes more than
 * TP_MAX_DIMS dimensions at once TP_EUNSUPPORTED. */
TP_API tp_tensor *tp_einsum(tp_tape *T, const char *equation, int n, tp_tensor *const *x);
/* Sums over n pairs of dimensions, dims_a[i] with dims_b[i], of one size (TP_ESHAPE); the result has the others of a,
 * then those of b. n = 0: all products. */
TP_API tp_tensor *tp_tensordot(tp_tape *T, tp_tensor *a, tp_tensor *b, int n, const int *dims_a, const int *dims_b);
/* a_i b_j at i * (b's size) + j, in each dimension: a [n, m], b [p, q] -> [n p, m q]; at most 5 dimensions
 * (TP_ESHAPE). */
TP_API tp_tensor *tp_kron(tp_tape *T, tp_tensor *a, tp_tensor *b);
TP_API tp_tensor *tp_trace(tp_tape *T, tp_tensor *x); /* the diagonal's sum: [n, m] -> [] */
/* y_o = a^T weight_o b + bias_o: a [..., i], b [..., j], weight [o, i, j], bias [o] or NULL -> [..., o]; the
 * leading dimensions of a and b are the same (TP_ESHAPE). */
TP_API tp_tensor *tp_bilinear(tp_tape *T, tp_tensor *a, tp_tensor *b, tp_tensor *weight, tp_tensor *bias);
/* p-norms of all differences (torch's p is 2): a [..., n, d], b [..., m, d] -> [..., n, m], floats of one dtype
 * (TP_EDTYPE), the leading dimensions broadcast. p >= 0 (TP_EINVAL), INFINITY: the largest difference, 0: how many are
 * not 0. Close points keep their digits, as with torch's compute_mode "donot_use_mm_for_euclid_dist". The slope at
 * distance 0 is 0. pdist: of the rows of x, each pair once, in the order (0, 1), (0, 2), ... */
TP_API tp_tensor *tp_cdist(tp_tape *T, tp_tensor *a, tp_tensor *b, double p);
TP_API tp_tensor *tp_pdist(tp_tape *T, tp_tensor *x, double p); /* [n, d] -> [n (n - 1) / 2] */
/* |a - b + eps|_p over the last dimension, of a and b broadcast (torch: p 2, eps 1e-6, keepdim false); and
 * a b / (max(|a|, eps) max(|b|, eps)) summed over dim (torch: dim 1, eps 1e-8). */
TP_API tp_tensor *tp_pairwise_distance(tp_tape *T, tp_tensor *a, tp_tensor *b, double p, double eps, bool keepdim);
TP_API tp_tensor *tp_cosine_similarity(tp_tape *T, tp_tensor *a, tp_tensor *b, int dim, double eps);
/* x W^T + b: x [..., in], weight [out, in], bias [out] or NULL -> [..., out]; weight [in], bias []: [...]. Other
 * shapes are TP_ESHAPE, several dtypes TP_EDTYPE. */
TP_API tp_tensor *tp_linear(tp_tape *T, tp_tensor *x, tp_tensor *weight, tp_tensor *bias);

/* ---- solves and factorizations --------------------------------------------------------------- */

/* Of floats of one dtype (TP_EDTYPE), batched over leading dimensions, which are broadcast. Empty matrices have empty
 * results. The result of a matrix has the same bits whatever others are in the batch. */

/* X with A X = B: A [..., n, n], B [..., n, k] -> [..., n, k], or B [n], or [..., n] of A's leading dimensions, as
 * vectors (torch's rule). By an LU factorization with pivots (LAPACK's getrf), which backward uses again. A singular A
 * is TP_ENUMERIC, other shapes are TP_ESHAPE. Gradients of any order: dB = A^-T dX, dA = -dB X^T. */
TP_API tp_tensor *tp_linalg_solve(tp_tape *T, tp_tensor *a, tp_tensor *b);
/* The same, or X with X A = B [..., k, n] where not `left` (not of vectors: TP_ESHAPE, as in PyTorch). With info, TP_I32 of A's leading dimensions, a singular matrix is
 * no failure: its info is the pivot that is 0, counted from 1, and X is not finite; of a regular one it is 0. */
TP_API tp_tensor *tp_linalg_solve_ex(tp_tape *T, tp_tensor *a, tp_tensor *b, bool left, tp_tensor **info);
/* The lower L with L L^T = A, of a symmetric positive definite A [..., n, n], of which the lower half
 * is read; otherwise TP_ENUMERIC. Gradient: Murray, "Differentiation of the Cholesky decomposition",
 * 2016, equation 8 and following, symmetrized. */
TP_API tp_tensor *tp_linalg_cholesky(tp_tape *T, tp_tensor *a);
/* The same, or, `upper`, U with U^T U = A, of which the upper half is read. With info, TP_I32 of A's leading dimensions, a
 * matrix that is not positive definite is no failure: its info is the order of the first leading minor that is not
 * positive, and what is beyond that in the factor is not of use; otherwise it is 0. */
TP_API tp_tensor *tp_linalg_cholesky_ex(tp_tape *T, tp_tensor *a, bool upper, tp_tensor **info);
/* X with A X = B [..., n, k], and A^-1, of A = L L^T for a lower factor L [..., n, n] or U^T U for an upper one. */
TP_API tp_tensor *tp_cholesky_solve(tp_tape *T, tp_tensor *b, tp_tensor *factor, bool upper);
TP_API tp_tensor *tp_cholesky_inverse(tp_tape *T, tp_tensor *factor, bool upper);
/* X with A X = B for a lower or upper triangular A [..., n, n] (the other half is not read), B [..., n, k]. A zero on
 * the diagonal makes infinities or NaN, as in torch. */
TP_API tp_tensor *tp_linalg_solve_triangular(tp_tape *T, tp_tensor *a, tp_tensor *b, bool upper);
/* The same with torch's other options (left, true, and unitriangular, false): X with X A = B [..., k, n] where not
 * `left`; `unit`: A has ones on its diagonal, which is not read. */
TP_API tp_tensor *tp_linalg_solve_triangular_with(tp_tape *T, tp_tensor *a, tp_tensor *b, bool upper, bool left,
                                                  bool unit);
/* The inverse of A [..., n, n] (alias inverse), by LU; a singular one is TP_ENUMERIC. With info, TP_I32 of A's leading
 * dimensions, that is no failure: info is the pivot that is 0, counted from 1, and the inverse NaN. Gradient: -Y^T dY Y^T. */
TP_API tp_tensor *tp_linalg_inv(tp_tape *T, tp_tensor *a);
TP_API tp_tensor *tp_linalg_inv_ex(tp_tape *T, tp_tensor *a, tp_tensor **info);
/* The determinant of A [..., n, n] -> [...] (alias det), by LU; 1 of n = 0. What is representable comes out, though products
 * on the way are not. Gradient: the cofactors (Jacobi's formula), near singular matrices by singular values, so that the
 * first and second derivatives hold there, too. */
TP_API tp_tensor *tp_linalg_det(tp_tape *T, tp_tensor *a);
/* The determinant's sign, 0 of a singular A, which is returned, and the logarithm of its absolute value (alias slogdet);
 * logdet: that alone, NaN where the sign is negative. Gradient: A^-T, not finite where A is singular. */
TP_API tp_tensor *tp_linalg_slogdet(tp_tape *T, tp_tensor *a, tp_tensor **logabsdet);
TP_API tp_tensor *tp_logdet(tp_tape *T, tp_tensor *a);
/* A = P L U of A [..., m, n] with partial pivoting, k = min(m, n). lu_factor returns U on and above the diagonal and L, whose
 * diagonal is 1, below it, [..., m, n], and the pivots, TP_I32 [..., k]: row i was exchanged with row pivots[i] - 1, for
 * i = 0, 1, ... A pivot of U that is 0 is TP_ENUMERIC, unless info [...] is asked for: the first of them, counted from 1, or
 * 0. lu gives P [..., m, m], L [..., m, k] and U [..., k, n], each of which may be NULL, of any A; lu_unpack makes these of LU
 * and pivots.
 * torch's pivot = False there is not on CPUs. Gradients as for square A of full rank; none by P. */
TP_API tp_tensor *tp_linalg_lu_factor(tp_tape *T, tp_tensor *a, tp_tensor **pivots);
TP_API tp_tensor *tp_linalg_lu_factor_ex(tp_tape *T, tp_tensor *a, tp_tensor **pivots, tp_tensor **info);
TP_API tp_status  tp_linalg_lu(tp_tape *T, tp_tensor *a, tp_tensor **p, tp_tensor **l, tp_tensor **u);
TP_API tp_status  tp_lu_unpack(tp_tape *T, tp_tensor *lu, tp_tensor *pivots, tp_tensor **p, tp_tensor **l,
                               tp_tensor **u);
/* X with A X = B [..., n, k], or X A = B [..., k, n] where not `left` (torch's default is true), and A^T for A where
 * `adjoint`, of A's LU and pivots as lu_factor gives them (a pivot out of range is TP_EINVAL). */
TP_API tp_tensor *tp_linalg_lu_solve(tp_tape *T, tp_tensor *lu, tp_tensor *pivots, tp_tensor *b, bool left,
                                     bool adjoint);
/* A = L D L^T of a symmetric A [..., n, n], whose lower half is read, with Bunch and Kaufman's pivots ("Some stable methods
 * for calculating inertia and solving symmetric linear systems", 1977): L below the diagonal and D, with blocks of one and
 * two, in the lower half, as LAPACK's sytrf leaves them, and the pivots, TP_I32 [..., n]. A singular A is TP_ENUMERIC, unless
 * info [...] is asked for. ldl_solve: X with A X = B [..., n, k]. Gradients of any order, while the
 * pivots stay (torch has none). */
TP_API tp_tensor *tp_linalg_ldl_factor(tp_tape *T, tp_tensor *a, tp_tensor **pivots);
TP_API tp_tensor *tp_linalg_ldl_factor_ex(tp_tape *T, tp_tensor *a, tp_tensor **pivots, tp_tensor **info);
TP_API tp_tensor *tp_linalg_ldl_solve(tp_tape *T, tp_tensor *ld, tp_tensor *pivots, tp_tensor *b);

/* ---- orthogonal factorizations ----------------------------------------------------------------- */

/* Of floats (TP_EDTYPE), batched over leading dimensions; empty matrices have empty results. Other outputs than the
 * first are written through pointers, which may be NULL. */

typedef enum {
    TP_QR_REDUCED,  /* Q [..., m, k], R [..., k, n], k = min(m, n) */
    TP_QR_COMPLETE, /* Q [..., m, m], R [..., m, n] */
    TP_QR_R         /* R [..., k, n] alone; Q is [0] */
} tp_qr_mode;
/* A [..., m, n] = Q R, with orthonormal columns of Q and R upper triangular, of either sign on its diagonal (LAPACK's
 * geqrf); returns Q. torch's mode is "reduced", and torch.qr's. Gradients of any order, of all modes: those of M.
 * Seeger et al., "Auto-differentiating linear algebra", 2017; they are not finite where the first k columns depend on
 * each other. The columns of a complete Q that A does not fix have the derivative of the reflectors that they are
 * made of (see tp_geqrf). */
TP_API tp_tensor *tp_linalg_qr(tp_tape *T, tp_tensor *a, tp_qr_mode mode, tp_tensor **r);
/* The same as reflectors: R on and above the diagonal of the result [..., m, n]; below it the vectors v_i, which
 * begin with a 1 at i that is not stored, of H_i = I - tau_i v_i v_i^T, tau [..., k]: Q = H_0 H_1 ... Gradients of
 * any order; not finite where a column has nothing below the diagonal when its turn comes, as there tau jumps. */
TP_API tp_tensor *tp_geqrf(tp_tape *T, tp_tensor *a, tp_tensor **tau);
/* The first n columns of H_0 H_1 ... H_(k-1), of vectors below the diagonal of A [..., m, n], m >= n, what else is
 * there being ignored, and tau [..., k], k <= n (TP_ESHAPE): whatever tau is. torch.orgqr. Gradients of any order. */
TP_API tp_tensor *tp_linalg_householder_product(tp_tape *T, tp_tensor *a, tp_tensor *tau);
/* Q C or, with `transpose`, Q^T C, for the whole Q = H_0 ... H_(k-1) [..., m, m] of A [..., m, n] and tau [..., k], k
 * <= n, and C [..., m, p]; where not `left`, C Q or C Q^T, C [..., p, m] (TP_ESHAPE). torch's are left true and
 * transpose false. Gradients of any order. */
TP_API tp_tensor *tp_ormqr(tp_tape *T, tp_tensor *a, tp_tensor *tau, tp_tensor *c, bool left, bool transpose);

/* Derivatives of vectors have a factor 1 / (l_j - l_i) for each pair of eigenvalues, or 1 / (s_j^2 - s_i^2) of
 * singular values and 1 / s_i: infinite, or NaN, where two are equal, or one of a matrix that is not square is 0.
 * With a broadening, each such 1 / x (x = l_j - l_i, s_j - s_i, s_j + s_i, s_i) is x / (x^2 + broadening), as H.-J.
 * Liao et al. have it, "Differentiable programming tensor networks", 2019: 1e-12 is usual. Values that are apart keep
 * their derivative, but for a part broadening / x^2. */
typedef struct {
    double broadening; /* 0: none */
    TP_RESERVED(4);
} tp_spectrum_options;
/* Eigenvalues [..., n], ascending, of a symmetric A [..., n, n], of which the lower half is read (torch's UPLO "L"),
 * or the upper, and eigenvectors [..., n, n] in columns: A = V diag(L) V^T. LAPACK's syevd; torch.symeig. TP_ENUMERIC
 * where what is read is not finite. Gradients of any order, symmetric: M. Giles, "An extended collection of matrix
 * derivative results", 2008; of the vectors, whose signs (and bases, where values are equal) are LAPACK's choice,
 * they have a meaning where a function does not depend on that choice. */
TP_API tp_tensor *tp_linalg_eigh(tp_tape *T, tp_tensor *a, bool upper, tp_tensor **vectors,
                                 const tp_spectrum_options *options);
/* The same without vectors; their gradient is V diag(g) V^T, wherever they lie. */
TP_API tp_tensor *tp_linalg_eigvalsh(tp_tape *T, tp_tensor *a, bool upper);
/* Eigenvalues l [..., n], ascending, and eigenvectors x [..., n, n] in columns, of symmetric A and B [..., n, n], B positive
 * definite (otherwise TP_ENUMERIC), of which the lower halves are read, or the upper ones; type 1 (SciPy's default): A x = l B x,
 * type 2: A B x = l x, type 3: B A x = l x. They are normed, X^T B X = I, or X^T B^-1 X = I of type 3. scipy.linalg.eigh(a, b),
 * LAPACK's sygvd. By the Cholesky factor of B and tp_linalg_eigh, whose gradients and options they have. */
TP_API tp_tensor *tp_linalg_eigh_generalized(tp_tape *T, tp_tensor *a, tp_tensor *b, int type, bool upper,
                                             tp_tensor **vectors, const tp_spectrum_options *options);
/* The same without vectors; wherever eigenvalues lie, their gradient is that of simple ones. */
TP_API tp_tensor *tp_linalg_eigvalsh_generalized(tp_tape *T, tp_tensor *a, tp_tensor *b, int type, bool upper);
typedef struct {
    int64_t n;        /* columns of X where that is drawn; 0: k */
    int64_t niter;    /* at most so many steps; 0: 1000; below 0: until the residuals do not fall any more */
    double  tol;      /* residuals below tol times sizes of A and l count as 0; 0: the root of the dtype's epsilon */
    bool    smallest; /* the smallest eigenvalues (torch's largest = False) */
    TP_RESERVED(4);
} tp_lobpcg_options;
/* The k largest eigenvalues [..., k] of A x = l B x, the first one the largest, and vectors [..., m, k], X^T B X = I, of the
 * symmetric parts of A and B [..., m, m] (b NULL: the identity), from X [..., m, n] on (NULL: drawn, of one matrix as torch draws it), k <= n and
 * 3 n <= m (TP_EINVAL), k = 0: n; ik [..., m, m]: about A^-1, or NULL. torch.lobpcg with method "ortho": A. V. Knyazev, 2001. What
 * has not converged comes as it is. Gradients of any order by A, where b is NULL, as if all of it were exact; those of a vector are
 * 1 / (l_j - l_i) for all eigenvalues l_i of A. */
TP_API tp_tensor *tp_lobpcg(tp_tape *T, tp_tensor *a, int64_t k, tp_tensor *b, tp_tensor *x, tp_tensor *ik,
                            tp_tensor **vectors, const tp_lobpcg_options *options);
/* A [..., m, n] = U diag(S) Vh: returns U [..., m, k], k = min(m, n), and s [..., k], descending, and vh [..., k, n];
 * or with full_matrices (torch's default) U [..., m, m] and vh [..., n, n], whose further vectors give no gradient.
 * LAPACK's gesdd. TP_ENUMERIC where A is not finite. Gradients of any order: J. Townsend, "Differentiating the
 * singular value decomposition", 2016; the signs of the vectors are LAPACK's choice, as with tp_linalg_eigh. */
TP_API tp_tensor *tp_linalg_svd(tp_tape *T, tp_tensor *a, bool full_matrices, tp_tensor **s, tp_tensor **vh,
                                const tp_spectrum_options *options);
/* The singular values alone; their gradient is U diag(g) Vh, wherever they lie. */
TP_API tp_tensor *tp_linalg_svdvals(tp_tape *T, tp_tensor *a);
/* torch.svd: U, S and V, not transposed; `some`, torch's default, gives k vectors; without compute_uv U [..., m, m]
 * and V [..., n, n] are 0. */
TP_API tp_tensor *tp_svd(tp_tape *T, tp_tensor *a, bool some, bool compute_uv, tp_tensor **s, tp_tensor **v);

/* About the q largest singular values s [..., q] of A - M, and their vectors: returns U [..., m, q], v [..., n, q], not transposed;
 * q <= min(m, n) (TP_EINVAL; torch's is 6), M of A's shape or one that is broadcast to it, or NULL. By a product with [n, q] random
 * numbers and `niter` (torch's 2) steps of a power iteration: N. Halko, P.-G. Martinsson, J. A. Tropp, "Finding structure with
 * randomness", 2009, algorithm 5.1. pca: of A less the mean of its rows, where `center` (torch's: true, q min(6, m, n)). */
TP_API tp_tensor *tp_svd_lowrank(tp_tape *T, tp_tensor *a, int64_t q, int niter, tp_tensor *m, tp_tensor **s,
                                 tp_tensor **v);
TP_API tp_tensor *tp_pca_lowrank(tp_tape *T, tp_tensor *a, int64_t q, bool center, int niter, tp_tensor **s,
                                 tp_tensor **v);

/* Singular values, or sizes of eigenvalues, count as 0 where they are not above max(atol, rtol largest). */
typedef struct {
    double atol;      /* 0, the default */
    double rtol;      /* 0: max(m, n) times the dtype's epsilon, or 0 with an atol above 0; TP_ZERO: 0 */
    bool   hermitian; /* A is symmetric, of which the lower half is read */
    TP_RESERVED(4);
} tp_rank_options;
/* The pseudoinverse of A [..., m, n] -> [..., n, m], by singular values, or eigenvalues; torch.pinverse has rtol
 * 1e-15. TP_ENUMERIC where A is not finite. Gradients of any order, of a rank that does not change (of a hermitian A
 * they read both halves): G. Golub, V. Pereyra, "The differentiation of pseudo-inverses", 1973. */
TP_API tp_tensor *tp_linalg_pinv(tp_tape *T, tp_tensor *a, const tp_rank_options *options);
/* How many singular values count as above 0: TP_I64 of A's leading dimensions. */
TP_API tp_tensor *tp_linalg_matrix_rank(tp_tape *T, tp_tensor *a, const tp_rank_options *options);
/* The same with tolerances for each matrix: tensors that broadcast with A's leading dimensions, without gradients. NULL: atol 0, and
 * rtol max(m, n) times epsilon, or 0 where atol is above 0. */
TP_API tp_tensor *tp_linalg_pinv_tensors(tp_tape *T, tp_tensor *a, tp_tensor *atol, tp_tensor *rtol, bool hermitian);
TP_API tp_tensor *tp_linalg_matrix_rank_tensors(tp_tape *T, tp_tensor *a, tp_tensor *atol, tp_tensor *rtol,
                                                bool hermitian);

typedef enum {
    TP_GELSY, /* by QR with pivots: torch's default */
    TP_GELS,  /* by QR, of A of full rank (an exact 0 in R is TP_ENUMERIC) */
    TP_GELSD, /* by singular values, divide and conquer */
    TP_GELSS  /* by singular values */
} tp_lstsq_driver;
typedef struct {
    double          rcond; /* values below rcond times the largest count as 0; 0: max(m, n) times epsilon; TP_ZERO: 0 */
    tp_lstsq_driver driver;
    TP_RESERVED(4);
} tp_lstsq_options;
/* X [..., n, k] of the least |A X - B| in each column, and of those the shortest, of A [..., m, n], B [..., m, k],
 * leading dimensions broadcast, or B [m], or [..., m] of A's leading dimensions, as vectors. residuals [..., k]: the
 * squares of what is left, summed, where m > n and every A has full rank, but not of TP_GELSY, else [0]; rank: TP_I64
 * of the leading dimensions, of TP_GELS [0]; singular_values [..., min(m, n)] of TP_GELSD and TP_GELSS, else [0].
 * Gradients of any order, of X as A^+ B and of the residuals. */
TP_API tp_tensor *tp_linalg_lstsq(tp_tape *T, tp_tensor *a, tp_tensor *b, const tp_lstsq_options *options,
                                  tp_tensor **residuals, tp_tensor **rank, tp_tensor **singular_values);

/* Orders of matrix norms that are no numbers (any other value of ord stands for itself): the square root of the sum
 * of squares, torch's "fro", and the sum of the singular values, "nuc". */
#define TP_NORM_FRO 0x1p1000
#define TP_NORM_NUC 0x1p1001
/* Norms of matrices that lie in dimensions dim0 and dim1 (torch's are -2 and -1, ord TP_NORM_FRO): these, or 2 and
 * -2, the largest and least singular value, 1 and -1, the largest and least sum of |x| in a column, INFINITY and
 * -INFINITY, in a row. Other orders are TP_EINVAL. */
TP_API tp_tensor *tp_linalg_matrix_norm(tp_tape *T, tp_tensor *x, double ord, int dim0, int dim1, bool keepdim);
/* tp_linalg_vector_norm over one dimension, tp_linalg_matrix_norm over two; n = 0: all that x has. Without an ord
 * torch's is tp_linalg_vector_norm with 2; so are torch.norm and its "fro", of any dimensions; its "nuc" is
 * tp_linalg_matrix_norm. */
TP_API tp_tensor *tp_linalg_norm(tp_tape *T, tp_tensor *x, double ord, int n, const int *dims, bool keepdim);
/* The norm of x [..., n, n] times that of its inverse, infinite where there is none; p is an order of
 * tp_linalg_matrix_norm (torch's is 2), with 2 and -2, the quotients of singular values, of x [..., m, n]. */
TP_API tp_tensor *tp_linalg_cond(tp_tape *T, tp_tensor *x, double p);
/* e^A of A [..., n, n]; NaN where it is not finite. By Taylor polynomials of degree 1 to 18, scaled and squared: P.
 * Bader, S. Blanes, F. Casas, "Computing the matrix exponential with an optimized Taylor polynomial approximation",
 * 2019. Gradients of any order, by the exponential of a matrix of twice the order. */
TP_API tp_tensor *tp_matrix_exp(tp_tape *T, tp_tensor *a);
/* The inverse of A as a matrix from its first `ind` dimensions (torch's ind is 2) to the others, of as many elements
 * (TP_ESHAPE); the result has the others first. A singular one is TP_ENUMERIC. */
TP_API tp_tensor *tp_linalg_tensorinv(tp_tape *T, tp_tensor *a, int ind);
/* X with tensordot(A, X) = B over X's dimensions, which are A's behind those of B; n dimensions `dims` of A are moved
 * to its end first (n = 0: none). */
TP_API tp_tensor *tp_linalg_tensorsolve(tp_tape *T, tp_tensor *a, tp_tensor *b, int n, const int *dims);

/* ---- banded matrices ------------------------------------------------------------------------------ */

/* Of floats of one dtype (TP_EDTYPE), batched over leading dimensions, which are broadcast. Gradients of any order, in the bands as
 * they are stored. B [..., n, k], or [n], or [..., n] of the matrices' leading dimensions, as vectors. */

/* X with A X = B of an A with l diagonals below and u above the main one, stored by diagonals as in scipy.linalg.solve_banded:
 * bands [..., l + u + 1, n] (TP_ESHAPE), and a_ij is bands[..., u + i - j, j]; what is in no matrix is not read, and has the gradient
 * 0. A singular A is TP_ENUMERIC, told by its pivot. LAPACK's gbsv, or gtsv where l and u are 1. */
TP_API tp_tensor *tp_linalg_solve_banded(tp_tape *T, int64_t l, int64_t u, tp_tensor *bands, tp_tensor *b);
/* The same of a symmetric positive definite A, whose diagonals on one side are stored, bands [..., u + 1, n]: a_ij is
 * bands[..., u + i - j, j] for i <= j (scipy.linalg.solveh_banded's default), or bands[..., i - j, j] for i >= j where `lower`.
 * TP_ENUMERIC where it is not positive definite. An element beside the diagonal stands for two of A: its gradient is the sum of
 * theirs. LAPACK's pbsv. */
TP_API tp_tensor *tp_linalg_solveh_banded(tp_tape *T, tp_tensor *bands, tp_tensor *b, bool lower);
/* X with A X = B of a tridiagonal A: dl [..., n - 1] below, d [..., n] on, du [..., n - 1] above the diagonal (TP_ESHAPE). A
 * singular one is TP_ENUMERIC, told by its pivot. LAPACK's gtsv. */
TP_API tp_tensor *tp_linalg_solve_tridiagonal(tp_tape *T, tp_tensor *dl, tp_tensor *d, tp_tensor *du, tp_tensor *b);

/* ---- equations between matrices, and functions of them ------------------------------------------- */

/* Of floats of one dtype (TP_EDTYPE), batched over leading dimensions, which are broadcast; made in double, whatever the
 * dtype. What is not finite, and what has no solution, is TP_ENUMERIC. Gradients of any order. */

/* X [..., m, n] with A X + X B = C, of A [..., m, m], B [..., n, n], C [..., m, n]; scipy.linalg.solve_sylvester. By Schur
 * forms: R. H. Bartels, G. W. Stewart, "Solution of the matrix equation AX + XB = C", 1972. A must have no eigenvalue of -B.
 * Gradients by the same forms: of C it is the solution Z for A^T, B^T and the gradient of X; of A -Z X^T, of B -X^T Z. */
TP_API tp_tensor *tp_linalg_solve_sylvester(tp_tape *T, tp_tensor *a, tp_tensor *b, tp_tensor *c);
/* X with A X + X A^T = Q, and with A X A^T - X + Q = 0, all [..., n, n]; scipy.linalg.solve_continuous_lyapunov and
 * solve_discrete_lyapunov. No two eigenvalues of A may have the sum 0, or the product 1. */
TP_API tp_tensor *tp_linalg_solve_continuous_lyapunov(tp_tape *T, tp_tensor *a, tp_tensor *q);
TP_API tp_tensor *tp_linalg_solve_discrete_lyapunov(tp_tape *T, tp_tensor *a, tp_tensor *q);

/* The stabilizing solution X [..., n, n], symmetric, of the algebraic Riccati equation
 *
 *     A^T X E + E^T X A - (E^T X B + S) R^-1 (B^T X E + S^T) + Q = 0 (continuous)
 *     A^T X A - E^T X E - (A^T X B + S) (R + B^T X B)^-1 (B^T X A + S^T) + Q = 0 (discrete)
 *
 * of A and E [..., n, n], B and S [..., n, m], and the symmetric parts of Q [..., n, n] and R [..., m, m]; e NULL: the identity, s
 * NULL: 0. scipy.linalg.solve_continuous_are and solve_discrete_are. By ordered forms of an extended pencil, so that R may be
 * badly conditioned: P. van Dooren, 1981. Gradients by the implicit function theorem: one Lyapunov equation. */
TP_API tp_tensor *tp_linalg_solve_continuous_are(tp_tape *T, tp_tensor *a, tp_tensor *b, tp_tensor *q, tp_tensor *r,
                                                 tp_tensor *e, tp_tensor *s);
TP_API tp_tensor *tp_linalg_solve_discrete_are(tp_tape *T, tp_tensor *a, tp_tensor *b, tp_tensor *q, tp_tensor *r,
                                               tp_tensor *e, tp_tensor *s);
/* X with X X = A [..., n, n] whose eigenvalues are on the right of the imaginary axis; scipy.linalg.sqrtm, but real: an A with
 * a negative eigenvalue is TP_ENUMERIC. An eigenvalue 0 is none of these where A can be diagonalized beside it; there is no
 * gradient then. By the Schur method: A. Bjorck, S. Hammarling, 1983; N. J. Higham, 1987. Gradient: Z with X^T Z + Z X^T = G. */
TP_API tp_tensor *tp_linalg_sqrtm(tp_tape *T, tp_tensor *a);
/* X with e^X = A [..., n, n], whose eigenvalues have imaginary parts between -pi and pi; scipy.linalg.logm, but real: an A with
 * an eigenvalue that is negative or 0 is TP_ENUMERIC. By inverse scaling and squaring: A. H. Al-Mohy, N. J. Higham, "Improved
 * inverse scaling and squaring algorithms for the matrix logarithm", 2012. Gradients by the Frechet derivative, as A. H. Al-Mohy,
 * N. J. Higham, S. D. Relton have it, 2013: nothing is divided by differences of eigenvalues. */
TP_API tp_tensor *tp_linalg_logm(tp_tape *T, tp_tensor *a);

/* ---- what needs no factorization --------------------------------------------------------------- */

/* The vector product along a dimension of size 3 (torch's dim is -1), of as many dimensions, broadcast (TP_ESHAPE);
 * numbers, promoted. */
TP_API tp_tensor *tp_linalg_cross(tp_tape *T, tp_tensor *a, tp_tensor *b, int dim);
/* The sum of a b along dim (torch's is -1), of a and b broadcast: [..., n] -> [...]. */
TP_API tp_tensor *tp_linalg_vecdot(tp_tape *T, tp_tensor *a, tp_tensor *b, int dim);
/* The product of 2 to 32 matrices (TP_EINVAL), of which the first and last may be vectors, with the brackets that cost
 * least: Cormen et al., "Introduction to algorithms", 15.2. */
TP_API tp_tensor *tp_linalg_multi_dot(tp_tape *T, int n, tp_tensor *const *x);
/* x [..., n, n] to a whole power, 0: the identity; negative ones through the inverse (TP_ENUMERIC where there is
 * none). By squaring: at most 2 log2(power) products. */
TP_API tp_tensor *tp_linalg_matrix_power(tp_tape *T, tp_tensor *x, int n);
/* The lower (upper) triangle of matrices [..., n, m] of any dtype, zero elsewhere. The diagonal belongs to it: 0,
 * torch's default, is the main one, 1 the one above it, -1 the one below. */
TP_API tp_tensor *tp_tril(tp_tape *T, tp_tensor *x, int64_t diagonal);
TP_API tp_tensor *tp_triu(tp_tape *T, tp_tensor *x, int64_t diagonal);

/* What does the matrix work, in parts between semicolons: library, threading and kernels; the file; what is wrong, if
 * something is. "OpenBLAS 0.3.21, openmp, Cooperlake; /usr/lib/x86_64-linux-gnu/openblas-openmp/libopenblas.so.0".
 * The text is the calling thread's, until its next call.
 *
 * An OpenBLAS that is older than the processor may pick the kernels of a much older one, at an eighth of the speed.
 * Where that is so, it is told to pick better ones when this library is loaded ("Cooperlake (instead of Prescott)"):
 * not where OPENBLAS_CORETYPE is set, nor TAPIR_BLAS_CORE=off, nor where the process has other threads by then; the
 * text says so, and what to set.
 *
 * A BLAS with 64-bit integers (ILP64) is not usable: all that needs it fails with TP_EUNSUPPORTED.
 *
 * OpenBLAS takes a buffer of 128 MiB of address space for each call that is under way. Where there is room for none
 * (RLIMIT_AS, ulimit -v), products and factorizations fail with TP_ENOMEM; where there is room for fewer than there
 * are threads, they wait for each other. */
TP_API const char *tp_blas_info(void);

#ifdef __cplusplus
}
#endif
#endif
