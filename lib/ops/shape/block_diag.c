/* block_diag.c - matrices as the blocks of a diagonal: made of cat. */
#include "ops/elementwise/elementwise.h"
#include "ops/shape/shape.h"

/* Each block between zeros on its left and right, the rows of blocks below each other. */
tp_tensor *tp_block_diag(tp_tape *T, int n, tp_tensor *const *x)
{
    TP__NAMED(T, "block_diag");
    tp_tensor **rows = tp__list_of(T, "block_diag", n, x);
    if (rows == NULL)
        return NULL;
    tp_dtype dtype = tp__result_type(n, x);
    int64_t columns = 0, left = 0;
    for (int i = 0; i < n; i++) {
        rows[i] = tp_atleast(T, x[i], 2);
        if (rows[i] && rows[i]->ndim > 2)
            tp_fail(T, TP_ESHAPE, "block_diag: block %d is %s; at most 2 dimensions", i, TP__SHAPE(rows[i]));
        else if (rows[i] && __builtin_add_overflow(columns, rows[i]->shape[1], &columns))
            tp_fail(T, TP_ESHAPE, "block_diag: block %d is %s; fewer columns in all are needed", i, TP__SHAPE(rows[i]));
        if (!tp__ok(T))
            return NULL;
    }
    for (int i = 0; i < n; i++) {
        int64_t height = rows[i]->shape[0], width = rows[i]->shape[1];
        tp_tensor *parts[3] = {tp_zeros(T, dtype, (tp_dims){2, {height, left}}), tp_to(T, rows[i], dtype),
                               tp_zeros(T, dtype, (tp_dims){2, {height, columns - left - width}})};
        if ((rows[i] = tp_cat(T, 3, parts, 1)) == NULL)
            return NULL;
        left += width;
    }
    return tp_cat(T, n, rows, 0);
}
