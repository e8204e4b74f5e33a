/* product.h - the gradient of a product, compiled for each instruction set. */
#ifndef TAPIR_KERNEL_PRODUCT_H
#define TAPIR_KERNEL_PRODUCT_H

#include "kernel/kernel.h"

enum { TP__FACTORS = 16 };

/* Products of some columns: m 2^e is that of the finite factors that are not zero, |m| in [1, 2); the sign is that of all
 * factors. Are there others? Then how many are zero, infinite, NaN. */
typedef struct {
    double m[TP__FACTORS];
    int64_t e[TP__FACTORS], odd[TP__FACTORS], zeros[TP__FACTORS], infinite[TP__FACTORS], nans[TP__FACTORS];
} tp__factors;

/* x, gx [outer, n, inner], g [outer, inner]. Of a single long row: its parts of `chunk` elements, and what is known of it. */
typedef struct {
    int64_t n, inner, chunk;
    const void *x, *g;
    void *gx;
    bool accumulate;
    tp__factors *part; /* part[0].m[k] ... of the k-th part */
} tp__product_slope;

/* By [dtype == TP_F64]; over rows, over columns of all outer slices, over the parts of a long row, over its elements. */
typedef struct {
    tp__range_fn rows[2], columns[2], parts[2], elements[2];
    void (*join)(tp__factors *f, int64_t to, int64_t from);
} tp__product_table;

TP__TABLE_OF(tp__product_table, tp__product_table);

#endif
