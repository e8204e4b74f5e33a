/* state.h - states: tensors by name, of modules (tp_module_state_dict), optimizers and schedules (optim.h), for files and copies.
 */
#ifndef TAPIR_STATE_H
#define TAPIR_STATE_H

#include "tape.h"

#ifdef __cplusplus
extern "C" {
#endif

/* n pairs. The tensors are those of what it is the state of, where this has such: they live as long as it or the list
 * does, and show what happens to it. Numbers are copies. */
typedef struct {
    int                n;
    const char *const *names;
    tp_tensor *const  *tensors;
} tp_state_dict;
TP_API void       tp_state_dict_free(tp_state_dict *d);
TP_API tp_tensor *tp_state_dict_get(const tp_state_dict *d, const char *name); /* NULL: there is none */
/* What stands under a key: "0.weight" for each "model.0.weight" where the key is "model". The tensors share the memory
 * of those in d and are kept: the part outlives d. Where there is nothing it is empty. NULL: no memory, or T has failed. */
TP_API tp_state_dict *tp_state_dict_part(tp_tape *T, const tp_state_dict *d, const char *key);

#ifdef __cplusplus
}
#endif
#endif
