/* io.h - files. Every file is untrusted: sizes are checked before memory is asked for. */
#ifndef TAPIR_IO_H
#define TAPIR_IO_H

#include "op.h"

#ifdef __cplusplus
extern "C" {
#endif

/* An IDX file (the format of MNIST), gzipped or not, as a tensor of the tape: TP_U8 [n, ...]. */
TP_API tp_tensor *tp_read_idx(tp_tape *T, const char *path);

/* A safetensors file in memory. */
typedef struct tp_safetensors tp_safetensors;
TP_API tp_safetensors        *tp_safetensors_open(tp_tape *T, const char *path);
TP_API void                   tp_safetensors_close(tp_safetensors *f);
TP_API int                    tp_safetensors_length(const tp_safetensors *f);
TP_API const char            *tp_safetensors_name(const tp_safetensors *f, int i);
/* A tensor of the tape, a copy; an unknown name is TP_EINVAL. */
TP_API tp_tensor *tp_safetensors_get(tp_tape *T, const tp_safetensors *f, const char *name);
TP_API bool       tp_safetensors_has(const tp_safetensors *f, const char *name);
/* The text at a key of the file's metadata; NULL where there is none. */
TP_API const char *tp_safetensors_metadata(const tp_safetensors *f, const char *key);
/* Writes n tensors under these names, and m pairs of metadata; a file that could not be written
 * whole is not left behind. */
TP_API tp_status tp_safetensors_save(tp_tape *T, const char *path, int n, const char *const *names,
                                     tp_tensor *const *tensors, int m, const char *const *keys,
                                     const char *const *values);

#ifdef __cplusplus
}
#endif
#endif
