/* shape.h - what the functions of lists of tensors share. */
#ifndef TAPIR_OPS_SHAPE_H
#define TAPIR_OPS_SHAPE_H

#include "ops/ops.h"

/* A list of n tensors in the tape's arena; NULL, and T fails, where there is nothing to list. */
tp_tensor **tp__list_of(tp_tape *T, const char *name, int n, tp_tensor *const *x);
/* The same, all converted to the promoted dtype. */
tp_tensor **tp__promoted_list(tp_tape *T, const char *name, int n, tp_tensor *const *x);
/* n tensors of one dtype joined along dim. */
tp_tensor *tp__cat_list(tp_tape *T, const char *name, int n, tp_tensor *const *x, int dim);

#endif
