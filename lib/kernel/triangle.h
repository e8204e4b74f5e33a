/* triangle.h - what factorizations and triangular solves do outside of BLAS's products, compiled for each instruction
 * set. */
#ifndef TAPIR_KERNEL_TRIANGLE_H
#define TAPIR_KERNEL_TRIANGLE_H

#include "kernel/kernel.h"

enum { TP__TRIANGLE = 64 }; /* the largest order of solve */

/* Element (i, j) of a triangle is t[i * rs + j * cs]; unit: its diagonal is 1 and is not read. */
typedef struct {
    const void *t;
    int64_t rs, cs;
    bool unit;
} tp__triangle;

/* L X = B in place, for a lower triangle of order m <= TP__TRIANGLE and B [m, n] with rows ldb apart. What a column
 * becomes does not depend on the others. */
typedef void (*tp__solve_fn)(int64_t m, int64_t n, const tp__triangle *l, void *b, int64_t ldb);
/* to [k, n] = from [n, k]^T; rows ldt and ldf apart */
typedef void (*tp__turn_fn)(int64_t k, int64_t n, const void *from, int64_t ldf, void *to, int64_t ldt);
/* In rows of a [., n], lda apart: changes places of elements i and pivots[i] - 1 for i in [first, end), in this order. */
typedef void (*tp__exchange_fn)(int64_t rows, void *a, int64_t lda, const int *pivots, int64_t first, int64_t end);

typedef struct {
    tp__solve_fn solve[2]; /* by float64, as the others */
    tp__turn_fn turn[2];
    tp__exchange_fn exchange[2];
} tp__triangle_table;

TP__TABLE_OF(tp__triangle_table, tp__triangle_table);

#endif
