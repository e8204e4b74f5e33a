/* embedding.h - rows of a table, alone or in bags that are summed up, and what goes back to them. */
#ifndef TAPIR_KERNEL_EMBEDDING_H
#define TAPIR_KERNEL_EMBEDDING_H

#include "kernel/kernel.h"

typedef enum { TP__BAG_MEAN, TP__BAG_SUM, TP__BAG_MAX } tp__bag_mode;

/* Bag b has the entries [offset[b], offset[b + 1]) of the index, the last one up to its end unless that is in the list, too;
 * without offsets entry b alone. Entries that are the padding do not count. */
typedef struct {
    tp_dtype dtype;
    tp__bag_mode mode;
    int64_t bags, entries, columns, rows, padding; /* padding -1: there is none */
    const int64_t *index, *offset;
    bool ends;                   /* offset has the last bag's end */
    const void *weight, *factor; /* [rows, columns]; of each entry, NULL: 1 */
    /* For the gradient: each row's share where that is divided by how often it is there; room for a number a row of the table,
     * or NULL. */
    int64_t *count;
} tp__bags;

/* y [bags, columns]; of a maximum the row that it is of, -1 of empty bags. */
void tp__bags_forward(const tp__bags *b, void *y, int64_t *which);
/* gw [rows, columns] += what g [bags, columns] gives the rows. */
void tp__bags_backward(const tp__bags *b, const void *g, const int64_t *which, void *gw);
/* gf [entries] (+)= g of its bag . row */
void tp__bags_factors(const tp__bags *b, const void *g, void *gf, bool accumulate);

#endif
