/* share.h - memory that others have, too: DLPack's tensors, and mapped files. (A block of the program's own with a deleter is
 * tp_from_blob, create.h.)
 */
#ifndef TAPIR_SHARE_H
#define TAPIR_SHARE_H

#include "io.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- DLPack ----------------------------------------------------------------------------------------------------------
 *
 * The structs by which PyTorch, NumPy, JAX, TVM and others hand tensors to each other without a copy. They are an ABI that
 * does not change, so that nothing is needed to build this; a program that looks into them includes dlpack/dlpack.h (Debian:
 * libdlpack-dev) beside this header. Both sides see what either writes; what is recorded for backward does not hear of it. */
struct DLManagedTensor;
struct DLManagedTensorVersioned; /* of version 1.0 and later */

/* x, for another library: its elements with their strides, and a count of the memory, which lives until the struct's
 * deleter is called, even beyond the tape. The deleter may be called by any thread. x asks for no gradient (TP_EINVAL:
 * tp_detach(T, x) is what is meant). (torch.utils.dlpack.to_dlpack) */
TP_API struct DLManagedTensor          *tp_to_dlpack(tp_tape *T, tp_tensor *x);
TP_API struct DLManagedTensorVersioned *tp_to_dlpack_versioned(tp_tape *T, tp_tensor *x);
/* A tensor of the tape on another library's memory. `tensor` is taken over: its deleter is called exactly once, when the last
 * tensor on the memory is gone, or at once after a failure. What lies in host memory, in one of our dtypes and at a multiple of
 * its size is shared; anything else is TP_EUNSUPPORTED. What the versioned struct says is read-only is copied.
 * (torch.utils.dlpack.from_dlpack) */
TP_API tp_tensor *tp_from_dlpack(tp_tape *T, struct DLManagedTensor *tensor);
TP_API tp_tensor *tp_from_dlpack_versioned(tp_tape *T, struct DLManagedTensorVersioned *tensor);

/* ---- mapped files ----------------------------------------------------------------------------------------------------
 *
 * A tensor whose elements stay in the file: the system reads the pages that are looked at, and drops them again when
 * memory is short. So a data set may be larger than memory, and costs what of it is used.
 *
 * The file is never written. What the program writes to such a tensor it has for itself, and costs memory, a page at a time
 * (MAP_PRIVATE). The mapping lives as long as a tensor on it: keep one with tp_keep beyond the step, free the kept one to end
 * it; the file may be closed, renamed and deleted meanwhile. It may not be changed: what is written to it may or may
 * not be seen, and where it is cut short, looking at what was behind the end is SIGBUS, as with every mapping. (Files
 * that are replaced as this library replaces them stay as they were for who has them mapped.)
 *
 * Elements are taken as they lie. So what would have to be converted is TP_EUNSUPPORTED, and the message says what to call
 * instead: dtypes that there are not here (float16, bfloat16 ...), the other order of bytes, booleans (any byte might be
 * there), packed entries of an .npz, elements that do not lie at a multiple of their size. An .npy array in Fortran's order is
 * a tensor with such strides. */

/* The array of an .npy file (name NULL), or what is called so in an .npz or a safetensors file. (numpy.load with
 * mmap_mode="c") */
TP_API tp_tensor *tp_from_file(tp_tape *T, const char *path, const char *name);
/* Row-major elements from byte `offset` of a file that has nothing else to say (numpy.memmap, torch.from_file). TP_EIO where
 * it is shorter. */
TP_API tp_tensor *tp_from_file_raw(tp_tape *T, const char *path, tp_dtype dtype, tp_dims shape, int64_t offset);
/* Of a file that is open: as tp_safetensors_get, mapped. It may be closed afterwards. */
TP_API tp_tensor *tp_safetensors_map(tp_tape *T, const tp_safetensors *f, const char *name);
TP_API tp_tensor *tp_npz_map(tp_tape *T, const tp_npz *f, const char *name);

#ifdef __cplusplus
}
#endif
#endif
