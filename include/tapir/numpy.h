/* numpy.h - NumPy's files: .npy has an array, .npz arrays by name. As of all files (io.h): nothing in them is trusted, and
 * what is written takes the place of the old file when it is whole.
 *
 * Read are versions 1 to 3, both orders of bytes and of elements (Fortran's becomes C's). dtypes that there are not here become
 * the next one that has all of their values: int8, int16 and uint16 int32, uint32 int64, uint64 int64 where its elements are
 * below 2^63, float16 float32. Others (complex, long double, text, objects, records) are TP_EUNSUPPORTED. */
#ifndef TAPIR_NUMPY_H
#define TAPIR_NUMPY_H

#include "tape.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The array as a tensor of the tape (numpy.load). */
TP_API tp_tensor *tp_npy_load(tp_tape *T, const char *path);
/* A file that numpy.load reads (numpy.save). */
TP_API tp_status tp_npy_save(tp_tape *T, const char *path, tp_tensor *x);

/* An .npz file, which is open until it is closed: arrays are read when they are asked for. Their names, without ".npy", are in
 * the order of the file. NULL is TP_EIO where it cannot be read or is not what it claims, or TP_ENOMEM. */
typedef struct tp_npz tp_npz;
TP_API tp_npz        *tp_npz_open(tp_tape *T, const char *path);
TP_API void           tp_npz_close(tp_npz *f);
TP_API int            tp_npz_length(const tp_npz *f);
TP_API const char    *tp_npz_name(const tp_npz *f, int i);
TP_API bool           tp_npz_has(const tp_npz *f, const char *name) TP_MUST_CHECK;
/* A tensor of the tape; an unknown name is TP_EINVAL, a dtype that is not read TP_EUNSUPPORTED. Packed arrays need a library
 * with zlib. */
TP_API tp_tensor *tp_npz_get(tp_tape *T, const tp_npz *f, const char *name);
/* Writes n tensors under these names, which are UTF-8 and differ (numpy.savez); the second packs them (numpy.savez_compressed),
 * and is TP_EUNSUPPORTED in a library without zlib. */
TP_API tp_status tp_npz_save(tp_tape *T, const char *path, int n, const char *const *names, tp_tensor *const *tensors);
TP_API tp_status tp_npz_save_compressed(tp_tape *T, const char *path, int n, const char *const *names,
                                        tp_tensor *const *tensors);

#ifdef __cplusplus
}
#endif
#endif
