/* nn.h - modules from inside. */
#ifndef TAPIR_NN_INTERNAL_H
#define TAPIR_NN_INTERNAL_H

#include "tapir/nn.h"

/* Entry i of a module whose entries are all children. */
tp_module *tp__module_child_at(const tp_module *m, int i);

#endif
