/* mapped.h - tensors whose elements stay in a file. */
#ifndef TAPIR_IO_MAPPED_H
#define TAPIR_IO_MAPPED_H

#include "tape/tape.h"

/* Where the elements of an array lie in a file, and what they are. */
typedef struct {
    const char *who, *path, *name; /* for messages; the name "" where the file is the array */
    const char *instead;           /* what reads it where it cannot be mapped */
    int stored;                    /* as in element.h */
    bool swap, fortran;
    tp_dims shape;
    uint64_t at; /* in bytes */
} tp__in_file;

/* A tensor of the tape on the open file, which may be closed then. The elements lie inside it as it is now. */
tp_tensor *tp__map_file(tp_tape *T, int fd, const tp__in_file *a);
/* The array of an open .npy file of so many bytes (numpy.c). */
tp_tensor *tp__npy_map(tp_tape *T, const char *who, const char *path, int fd, size_t bytes);

#endif
