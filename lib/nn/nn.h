/* nn.h - modules from inside. */
#ifndef TAPIR_NN_INTERNAL_H
#define TAPIR_NN_INTERNAL_H

#include "tapir/nn.h"

/* An owned tensor of zeros, to become a parameter. It has memory of its own rather than the tape's, which would keep
 * it when the values move to the slab. NULL after a failure, which T then says. */
tp_tensor *tp__param_new(tp_tape *T, tp_dtype dtype, tp_dims shape);

/* Entry i of a module; NULL where it is no child. */
tp_module *tp__module_child_at(const tp_module *m, int i);

#endif
