/* loader.h - loaders from inside. */
#ifndef TAPIR_DATA_LOADER_H
#define TAPIR_DATA_LOADER_H

#include "tapir/data.h"

/* tp_loader_load_state_dict in two steps: whether it fits, which changes nothing; and then, to `take` it, which cannot fail. */
tp_status tp__loader_load(tp_tape *T, const char *speaker, tp_loader *l, int n, const char *const *names,
                          tp_tensor *const *tensors, bool take);

#endif
