/* hdf5.h - HDF5 files: datasets in groups, with attributes. They need a library that was configured with --with-hdf5;
 * elsewhere all is TP_EUNSUPPORTED. What is written takes the place of the old file when it is whole (io.h).
 *
 * The HDF Group's library reads the file. What can be checked is checked here: links to other files, data that lie outside the
 * file and filters that would have to be loaded are refused, and memory goes with the file's length. But that library is a
 * large one that has faults (1.10.8 dies of some damaged files), so a file of a stranger is better read in a process that may die. Calls to it are made one at a
 * time, from whatever thread; it prints nothing meanwhile. */
#ifndef TAPIR_HDF5_H
#define TAPIR_HDF5_H

#include "tape.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A file that is open until it is closed. Its datasets have names like "model/0/weight", in the order of the alphabet, group by
 * group; a name may be given with points in place of slashes. NULL is TP_EIO where it cannot be read or is none, or
 * TP_ENOMEM. */
typedef struct tp_hdf5 tp_hdf5;
TP_API tp_hdf5        *tp_hdf5_open(tp_tape *T, const char *path);
TP_API void            tp_hdf5_close(tp_hdf5 *f);
TP_API int             tp_hdf5_length(const tp_hdf5 *f);
TP_API const char     *tp_hdf5_name(const tp_hdf5 *f, int i);
TP_API bool            tp_hdf5_has(const tp_hdf5 *f, const char *name) TP_MUST_CHECK;
/* A dataset as a tensor of the tape; an unknown name is TP_EINVAL. dtypes that there are not here become the next one that has
 * all of their values (numpy.h); texts, records, references and complex numbers are TP_EUNSUPPORTED. */
TP_API tp_tensor *tp_hdf5_get(tp_tape *T, const tp_hdf5 *f, const char *name);
/* An attribute of a dataset or of a group (the file's: ""), numbers as a tensor. */
TP_API tp_tensor *tp_hdf5_attribute(tp_tape *T, const tp_hdf5 *f, const char *name, const char *key);
/* The same of a text, into a buffer of n bytes (cut and terminated where it is longer); returns the length of the whole, -1
 * where there is no such text. */
TP_API int64_t tp_hdf5_text(const tp_hdf5 *f, const char *name, const char *key, char *buffer, size_t n);

/* An attribute that is to be written: numbers, or a text. */
typedef struct {
    const char *name; /* of a tensor that is written, or of a group of such; "": of the file */
    const char *key;
    tp_tensor  *value; /* NULL: text */
    const char *text;
} tp_hdf5_attr;
/* Writes n tensors under these names, which are UTF-8 and differ, and m attributes. A slash makes a group ("model/weight");
 * a point is a letter. Booleans are what h5py has for them. */
TP_API tp_status tp_hdf5_save(tp_tape *T, const char *path, int n, const char *const *names, tp_tensor *const *tensors,
                              int m, const tp_hdf5_attr *attributes);

#ifdef __cplusplus
}
#endif
#endif
