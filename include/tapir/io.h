/* io.h - files. Every file is untrusted: sizes are checked before memory is asked for, and time and memory go with the
 * file's length. Only regular files are read: a FIFO, a device or a directory is TP_EIO, at once.
 *
 * What is written takes the place of the file that was there when it is whole and on the disk: it is written beside it under
 * a name of its own (".tapir-..."), flushed (fsync) and renamed. So a reader has the old file or the new one, of several savers
 * the last one has its way, and after a failure (TP_EIO) the old file is as it was, and nothing else is there. The mode of the
 * old file is kept; a link at the path is replaced, not followed. */
#ifndef TAPIR_IO_H
#define TAPIR_IO_H

#include "op.h"
#include "csv.h"
#include "image.h"
#include "plot.h"
#include "numpy.h"
#include "torch_file.h"

#ifdef __cplusplus
extern "C" {
#endif

/* An IDX file (the format of MNIST), gzipped or not, as a tensor of the tape: TP_U8 [n, ...]. */
TP_API tp_tensor *tp_read_idx(tp_tape *T, const char *path);

/* A safetensors file, which is open until it is closed: tensors are read when they are asked for. NULL is TP_EIO where it cannot be read or is not what it claims, TP_ENOMEM, or
 * TP_EUNSUPPORTED in a library without jansson. Names, of which there are `length`, are in the order of the data. */
typedef struct tp_safetensors tp_safetensors;
TP_API tp_safetensors        *tp_safetensors_open(tp_tape *T, const char *path);
TP_API void                   tp_safetensors_close(tp_safetensors *f);
TP_API int                    tp_safetensors_length(const tp_safetensors *f);
TP_API const char            *tp_safetensors_name(const tp_safetensors *f, int i);
/* A tensor of the tape, a copy; an unknown name is TP_EINVAL. Of dtypes that there are not here F16 and BF16 become float32, I8, I16
 * and U16 int32, U32 and U64 int64 where all elements are below 2^63; others are TP_EUNSUPPORTED. */
TP_API tp_tensor *tp_safetensors_get(tp_tape *T, const tp_safetensors *f, const char *name);
TP_API bool       tp_safetensors_has(const tp_safetensors *f, const char *name) TP_MUST_CHECK;
/* The text at a key of the file's metadata; NULL where there is none. */
TP_API const char *tp_safetensors_metadata(const tp_safetensors *f, const char *key);
/* Writes n tensors under these names, and m pairs of metadata (NULL where m is 0). Names and keys are UTF-8, and
 * differ: otherwise TP_EINVAL. */
TP_API tp_status tp_safetensors_save(tp_tape *T, const char *path, int n, const char *const *names,
                                     tp_tensor *const *tensors, int m, const char *const *keys,
                                     const char *const *values);

#ifdef __cplusplus
}
#endif
#endif
