/* params.h - what owned tensors and the sweep ask of parameter sets and sinks. */
#ifndef TAPIR_TAPE_PARAMS_H
#define TAPIR_TAPE_PARAMS_H

#include "core/core.h"

/* x is about to be freed: the sets it is in forget it. */
void tp__params_forget(tp_tensor *x);

/* The sink's buffer for a leaf, which counts as arrived from then on; *fresh where it holds nothing yet.
 * NULL where the leaf is not of the sink's set. */
tp_tensor *tp__grads_slot(tp_grads *g, const tp_tensor *leaf, bool *fresh);
bool tp__grads_has(const tp_grads *g, const tp_tensor *leaf);

#endif
