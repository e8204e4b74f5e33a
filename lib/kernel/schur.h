/* schur.h - equations between matrices, and functions of them, by real Schur forms A = U T U^T: T is upper
 * quasi-triangular, with blocks of two on its diagonal for conjugate eigenvalues.
 *
 * All is in double, whatever dtype comes and goes, and by columns, as LAPACK has it: from row-major memory it is turned
 * in and out. Each returns LAPACK's info: 0, done; above 0, what its function says; below, no kernel could be called.
 * Spaces are in doubles; -1: LAPACK cannot count them. */
#ifndef TAPIR_KERNEL_SCHUR_H
#define TAPIR_KERNEL_SCHUR_H

#include "kernel/factor.h"

/* x [m, n] of a dtype, row-major, to doubles by columns, times 2^exponent; and back. */
void tp__to_columns(tp_dtype dtype, int64_t m, int64_t n, const void *x, int exponent, double *columns);
void tp__from_columns(tp_dtype dtype, int64_t m, int64_t n, const double *columns, int exponent, void *x);
/* The exponent of the largest |x|: it is at least 2^(exponent - 1), and below 2^exponent; 0 of zeros. */
int tp__exponent_of(tp_dtype dtype, int64_t count, const void *x);

/* A product by columns, C [m, n] = alpha op(A) op(B) + beta C. */
bool tp__multiply_columns(bool ta, bool tb, int64_t m, int64_t n, int64_t k, double alpha, const double *a, int64_t lda,
                          const double *b, int64_t ldb, double beta, double *c, int64_t ldc);

/* T in place of A [n, n], U [n, n], and the eigenvalues' parts [n] each, which may be NULL. Info: no convergence. */
int64_t tp__schur_space(int64_t n);
int tp__schur(int64_t n, double *a, double *u, double *real, double *imaginary, double *space);
/* The rows before which T [n, n] may be cut in two, so that no block is: this one, or the next. */
static inline int64_t tp__quasi_cut(const double *t, int64_t ld, int64_t at)
{
    return t[at + (at - 1) * ld] != 0 ? at + 1 : at;
}

/* Y, in place of F [m, n]: S Y + Y T^T = F, or Y - S Y T^T = F, of upper quasi-triangular S [m, m] and T [n, n]. Info:
 * the equation is singular, of the first kind where a pivot, a sum of eigenvalues, is not above `least`. */
typedef enum { TP__SYLVESTER, TP__STEIN } tp__equation_kind;
int64_t tp__quasi_equation_space(int64_t m, int64_t n);
int tp__quasi_equation(tp__equation_kind kind, double least, int64_t m, int64_t n, const double *s, int64_t lds,
                       const double *t, int64_t ldt, double *f, int64_t ldf, double *space);
/* J T^T J [n, n], for J that turns the order around: upper quasi-triangular, too. */
void tp__turn_around(int64_t n, const double *t, int64_t ld, double *to);
/* S Y + Y T = F, where no sum of eigenvalues is near 0 but by their sizes. Space: n n more than for an equation. */
int tp__quasi_sylvester(int64_t m, int64_t n, const double *s, int64_t lds, const double *t, int64_t ldt, double *f,
                        int64_t ldf, double *space);
/* S Y = F, in place of F [m, n]. Info: S is singular. Space as for an equation. */
int tp__quasi_solve(int64_t m, int64_t n, const double *s, int64_t lds, double *f, int64_t ldf, double *space);

/* X [m, n] of A X + X B = C, A [m, m] and B [n, n], or, with no B, of A X + X A^T = C, or X - A X A^T = C; flipped: A^T
 * stands for A, and B^T for B. The forms that A and B have serve for both. Info of the forms: no convergence; of a
 * solution: as above. */
typedef struct {
    tp__equation_kind kind;
    bool alone; /* no B */
    tp_dtype dtype;
    int64_t m, n;
} tp__equation;
int64_t tp__forms_size(const tp__equation *e);
int64_t tp__equation_space(const tp__equation *e);
int tp__equation_forms(const tp__equation *e, const void *a, const void *b, double *forms, double *space);
int tp__equation_solve(const tp__equation *e, bool flipped, const double *forms, const void *c, void *x, double *space);

/* R in place of T [n, n], upper quasi-triangular without eigenvalues on the real axis up to 0: R R = T, with eigenvalues
 * on the right of the imaginary axis. Info: there is such an eigenvalue. Space: 2 n n and LEAST. */
enum { TP__QUASI_LEAST = 4096 };
int tp__quasi_sqrt(int64_t n, double *t, int64_t ld, double *space);

/* X [n, n], the principal square root of A. Info: 1, no form; 2, an eigenvalue is negative; 3, 0 is an eigenvalue of a larger
 * Jordan block, so that there is no root. */
int64_t tp__sqrtm_space(int64_t n);
int tp__sqrtm(tp_dtype dtype, int64_t n, const void *a, void *x, double *space);

/* X [n, n], the principal logarithm of A, or, where E is not NULL, the derivative of it in the direction E. Info: 1, no form;
 * 2, an eigenvalue is on the real axis up to 0. */
int64_t tp__logm_space(int64_t n);
int tp__logm(tp_dtype dtype, int64_t n, const void *a, const void *e, void *x, double *space);

/* X [n, n], symmetric, of the algebraic Riccati equation in A [n, n], B [n, m], the symmetric parts of Q [n, n] and R [m, m], and
 * E [n, n] and S [n, m], which are both NULL for I and 0: see riccati.c. Info: 1, no form; 2, no solution; 3, none that is finite. */
typedef struct {
    bool discrete;
    tp_dtype dtype;
    int64_t n, m;
    const void *a, *b, *q, *r, *e, *s;
} tp__riccati_job;
int64_t tp__riccati_space(int64_t n, int64_t m);
int tp__riccati(const tp__riccati_job *job, void *x, double *space);

#endif
