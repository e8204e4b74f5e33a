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
typedef void (*tp__lanes_fn)(const tp__lanes_job *job, int64_t first, int64_t count, int32_t *info);

typedef struct {
    tp__lanes_fn run[2]; /* by float64 */
    int lanes[2];
} tp__lanes_table;

TP__TABLE_OF(tp__lanes_table, tp__lanes_table);

#endif
