/* copy.h - converting elements, and moving planes of them, compiled for each instruction set. */
#ifndef TAPIR_KERNEL_COPY_H
#define TAPIR_KERNEL_COPY_H

#include "kernel/kernel.h"

typedef void (*tp__plane_fn)(tp__plane p, void *to, const void *from);

typedef struct {
    void (*convert[TP_DTYPES][TP_DTYPES])(int64_t n, void *to, const void *from); /* from the first to the second */
    tp__plane_fn repeat[2];    /* of elements of 4 and 8 bytes; to_column is 1, from_column 0 */
    tp__plane_fn transpose[3]; /* of 1, 4 and 8 bytes; to_column and from_row are 1 */
    tp__plane_fn apart[2];     /* of 4 and 8 bytes; to_column and from_row are 1, from_column is rows, 3 to 7 */
    void (*turn[2])(int64_t n, void *to, const void *from);  /* of 4 and 8 bytes; to[i] = from[-i] */
    void (*pairs[2])(int64_t n, void *to, const void *from); /* to[i] = from[2 i] */
    size_t (*lines)(void *to, const void *from, size_t n);   /* whole cache lines of n bytes; returns how many bytes */
} tp__copy_table;

TP__TABLE_OF(tp__copy_table, tp__copy_table);

#endif
