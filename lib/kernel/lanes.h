/* lanes.h - small matrices, as many at once as a vector has lanes, compiled for each instruction set: element (i, j) of all
 * of them is one vector, and a kernel is written as for one matrix. Read once more with a float for a vector it takes a
 * matrix alone: by the same operations in the same order, so that the bits do not depend on how many there are. What is
 * wrong with a matrix stays in its lane. */
#ifndef TAPIR_KERNEL_LANES_H
#define TAPIR_KERNEL_LANES_H

#include "kernel/kernel.h"

enum {
    TP__LANES_ORDER = 16, /* the largest order, and number of right-hand sides */
    TP__LANES_MOST = 16,  /* lanes */
    TP__LANES_OPERANDS = 4
};

/* A [n, n] unless it is said otherwise; x[0], x[1], ... are the operands. */
typedef enum {
    TP__LANES_LU,         /* A [n, k] = P L U in place; pivots */
    TP__LANES_LU_BACK,    /* L U of a square A, its gradient, which becomes A's; pivots are given */
    TP__LANES_SOLVE,      /* A becomes L U, B [n, k] X; pivots */
    TP__LANES_SOLVE_BACK, /* L U of A, the gradient of X, which becomes B's, X, the gradient of A; pivots are given */
    TP__LANES_TRIANGULAR, /* A, whose one half is `upper`, `unit`: B becomes X */
    TP__LANES_TRIANGULAR_BACK,     /* A, the gradient of X, which becomes B's, X, the gradient of A */
    TP__LANES_CHOLESKY,            /* A becomes L, of which the upper half is 0; its lower half is read */
    TP__LANES_CHOLESKY_BACK,       /* L, its gradient, which becomes A's */
    TP__LANES_CHOLESKY_SOLVE,      /* a factor, `upper` or lower: B becomes X */
    TP__LANES_CHOLESKY_SOLVE_BACK, /* a factor, the gradient of X, which becomes B's, X, the gradient of the factor */
    TP__LANES_INVERSE,             /* A, which is used up, its inverse, NaN where it is singular */
    TP__LANES_INVERSE_BACK,        /* the inverse, its gradient, that of A */
    TP__LANES_DETERMINANT,         /* A, which is used up, [n] factors of the determinant */
    /* A, which is used up, space [n, n], two numbers, the gradient of A: its inverse, turned, times the first, or 0 where the
     * second is */
    TP__LANES_DETERMINANT_BACK,
    TP__LANES_REFLECTORS, /* A [n, k] becomes R and reflectors, tau [min], as LAPACK's geqrf makes them */
    TP__LANES_QR,         /* A [n, k], which is used up, Q [n, min], R [min, k], by LAPACK's reflectors */
    /* Q [n, k] and R of a tall A, the gradient of Q, which becomes A's, that of R, which is used up */
    TP__LANES_QR_BACK,
    TP__LANES_KERNELS
} tp__lanes_kernel;

/* `each` elements of every matrix: taken from `from`, NULL: a kernel's own, and given to `to`, NULL: to nobody; `add`: to what
 * is there. */
typedef struct {
    const void *from;
    void *to;
    int64_t each;
    bool add;
} tp__lanes_operand;

typedef struct {
    tp__lanes_kernel kernel;
    tp_dtype dtype;
    int64_t n, k;
    bool upper, unit;
    tp__lanes_operand x[TP__LANES_OPERANDS];
    const int32_t *pivots; /* as LAPACK's, [min(n, k)] each where a kernel is given them */
    int32_t *pivots_to;    /* ... where it finds them */
    int64_t pivots_each;
} tp__lanes_job;

/* Matrices [first, first + count): info[i] is LAPACK's of the i-th of them. */
void tp__lanes_run(const tp__lanes_job *job, int64_t first, int64_t count, int32_t *info);

/* One matrix by numbers; up to `lanes` by vectors. By float64. The processors of AVX-512 take the numbers of AVX2, which are
 * theirs, too; on those without AVX2 there are numbers alone. */
typedef struct {
    void (*one[2])(const tp__lanes_job *job, int64_t i, int32_t *info, void *space);
    void (*together[2])(const tp__lanes_job *job, int64_t first, int64_t count, int32_t *info, void *space);
    int lanes[2];
} tp__lanes_table;

TP__TABLE_OF(tp__lanes_table, tp__lanes_table);

#endif
