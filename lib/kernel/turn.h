/* turn.h - short rows are computed some at once: they are turned into columns [n, TP__TURN], a row a lane, and back. Sums and
 * largest elements of rows go down the lanes then, in the order of the elements, as kernels take them where they go row by
 * row (longer rows they sum in 32 lanes): both ways give a row the same bits. */
#ifndef TAPIR_KERNEL_TURN_H
#define TAPIR_KERNEL_TURN_H

#include "kernel/kernel.h"

enum { TP__SHORT = 32, TP__TURN = 32 }; /* the longest of short rows; how many at once */

/* By float64. turn: t [n, TP__TURN] = rows [count, n]; lanes beyond them repeat the first row, so that nothing is computed that no
 * row asked for. back: rows [count, n] (+)= t. */
typedef struct {
    void (*turn[2])(int64_t n, int64_t count, const void *rows, void *t);
    void (*back[2])(int64_t n, int64_t count, const void *t, void *rows, bool accumulate);
} tp__turn_table;

TP__TABLE_OF(tp__turn_table, tp__turn_table);

/* How many of the rows that are left are turned together: none of one or a few, nor of long ones. */
static inline int64_t tp__turned_rows(int64_t n, int64_t left)
{
    return n > TP__SHORT || n < 2 || left < TP__TURN / 4 ? 0 : left < TP__TURN ? left : TP__TURN;
}

/* Are rows of n elements turned by whole vectors, and not one by one? */
static inline bool tp__turns_whole(int64_t n, size_t size) { return size == 4 && (n == 8 || n == 16); }

#endif
