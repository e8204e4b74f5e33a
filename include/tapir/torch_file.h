/* torch_file.h - PyTorch's files (.pt, .pth): what torch.save wrote is read, and what is written torch.load reads. As of all
 * files (io.h): nothing in them is trusted, and what is written takes the place of the old file when it is whole. */
#ifndef TAPIR_TORCH_FILE_H
#define TAPIR_TORCH_FILE_H

#include "state.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A state dict, or whatever tensors, lists, tuples, dicts and numbers are in the file, as tensors by name, for
 * tp_state_dict_free: names are joined by points, list items are counted from 0 ("state.0.exp_avg", "param_groups.0.lr"); a
 * list of numbers is one tensor, a number one without dimensions; text and None are left out. So a model's state_dict() is for
 * tp_module_load_state_dict, an optimizer's for tp_optim_load_state_dict. A tensor alone has the name "". Tensors that share a
 * storage share it still, and keep their strides; dtypes that there are not here become the next one that has all of their
 * values (numpy.h; bfloat16 is float32).
 *
 * Both formats of PyTorch are read, the older one, too. The pickle in the file is read by a small machine that knows tensors
 * and containers: nothing in it is run; one that has more (a whole module, a class) is TP_EUNSUPPORTED and says which. NULL
 * else: TP_EIO, TP_ENOMEM. (torch.load) */
TP_API tp_state_dict *tp_torch_load(tp_tape *T, const char *path);
/* Writes n tensors under these names, which are UTF-8 and differ, as an OrderedDict that PyTorch reads, with
 * weights_only=True, too: a module's state_dict. Tensors that share memory here share a storage there. Where all names are an
 * optimizer's (tp_optim_state_dict: "state.3.exp_avg", "param_groups.0.lr") the dict is nested as PyTorch's
 * optimizers take it, with numbers and lists as options. (torch.save) */
TP_API tp_status tp_torch_save(tp_tape *T, const char *path, int n, const char *const *names,
                               tp_tensor *const *tensors);
/* Writes a dict of n states by key, as training scripts save theirs:
 *
 *     torch.save({"model": net.state_dict(), "optimizer": opt.state_dict(), "epoch": 5}, path)
 *
 *     tp_tensor     *epoch = tp_scalar(T, TP_I64, 5);
 *     tp_state_dict *parts[] = {tp_module_state_dict(T, net), tp_optim_state_dict(T, opt),
 *                               &(tp_state_dict){1, (const char *const[]){""}, &epoch}};
 *     tp_torch_save_parts(T, path, 3, (const char *const[]){"model", "optimizer", "epoch"}, parts);
 *
 * Keys are UTF-8 and differ. Each part is written as tp_torch_save has it, an optimizer's nested; one whose only name is "" is
 * that tensor itself, and without dimensions a number. tp_torch_load reads it as "model.0.weight", "optimizer.state.0.exp_avg",
 * "epoch"; tp_state_dict_part takes the parts out. */
TP_API tp_status tp_torch_save_parts(tp_tape *T, const char *path, int n, const char *const *keys,
                                     tp_state_dict *const *parts);

#ifdef __cplusplus
}
#endif
#endif
