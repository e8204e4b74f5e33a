/* registry.c - the built-in operators, family after family. A new family is one more line here. */
#include "ops/ops.h"

#include <string.h>

/* clang-format off */
static const tp_op *const *const families[] = {
    tp__ops_binary,
    tp__ops_add,
    tp__ops_unary,
    tp__ops_special,
    tp__ops_ternary,
    tp__ops_slope,
    tp__ops_reduce,
    tp__ops_scan,
    tp__ops_norms,
    tp__ops_statistics,
    tp__ops_distance,
    tp__ops_matmul,
    tp__ops_addmm,
    tp__ops_cross,
    tp__ops_contiguous,
    tp__ops_shape,
    tp__ops_slice,
    tp__ops_strided,
    tp__ops_index,
    tp__ops_join,
    tp__ops_order,
    tp__ops_scatter,
    tp__ops_sort,
    tp__ops_unique,
    tp__ops_search,
    tp__ops_curve,
    tp__ops_activation,
    tp__ops_softmax,
    tp__ops_norm,
    tp__ops_loss,
    tp__ops_linalg,
    tp__ops_random,
};
/* clang-format on */

const tp_op *tp_op_at(int i)
{
    for (size_t f = 0; i >= 0 && f < sizeof families / sizeof *families; f++)
        for (const tp_op *const *op = families[f]; *op; op++)
            if (i-- == 0)
                return *op;
    return NULL;
}

const tp_op *tp_op_find(const char *name)
{
    const tp_op *op;
    for (int i = 0; name && (op = tp_op_at(i)) != NULL; i++)
        if (strcmp(op->name, name) == 0)
            return op;
    return NULL;
}
