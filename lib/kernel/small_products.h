/* small_products.h - products of many small matrices, compiled for each instruction set: a call of BLAS for each costs more than the
 * product. */
#ifndef TAPIR_KERNEL_SMALL_PRODUCTS_H
#define TAPIR_KERNEL_SMALL_PRODUCTS_H

#include "kernel/kernel.h"

enum { TP__SMALL_SIDE = 8 }; /* of no more rows and columns than this */

/* C_i [n, m], contiguous, = A_i [n, k] B_i [k, m] for i < count, or += it. Strides in elements, of rows, columns and from
 * matrix to matrix. */
typedef struct {
    int64_t count, n, k, m;
    int64_t a_row, a_column, a_step, b_row, b_column, b_step;
    const void *a, *b;
    void *c;
    bool accumulate;
} tp__small_products;

typedef struct {
    void (*multiply[2])(const tp__small_products *p); /* by float64 */
} tp__small_table;

TP__TABLE_OF(tp__small_table, tp__small_table);

#endif
