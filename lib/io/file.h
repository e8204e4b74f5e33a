/* file.h - files that are read and replaced. */
#ifndef TAPIR_IO_FILE_H
#define TAPIR_IO_FILE_H

#include "tape/tape.h"

#include <stdio.h>

/* Opens a regular file to be read, and asks for its length; -1 after a failure, which T says in the name of `who`. A FIFO
 * or a device is refused, and nobody waits for its other end. */
int tp__file_open(tp_tape *T, const char *who, const char *path, size_t *bytes);

/* All of such a file, and a zero, for tp__free; NULL after a failure. */
char *tp__file_read(tp_tape *T, const char *who, const char *path, size_t *bytes);
bool tp__ends_with(const char *path, const char *end);

/* Writes n bytes at the end of a file that was opened to be appended to; *end is where that is. False with errno: nothing was
 * written, what there was room for is taken back. */
bool tp__append(int fd, int64_t *end, const void *data, size_t n);

/* Names and as many tensors that are to be written: there, usable, each name once, in UTF-8 and short enough for an entry of an
 * archive. */
tp_status tp__file_check(tp_tape *T, const char *who, const char *path, int n, const char *const *names,
                         tp_tensor *const *tensors);

/* Of such names alone. */
tp_status tp__file_check_names(tp_tape *T, const char *who, const char *path, int n, const char *const *names);

/* A file that takes the place of another, or of none, when it is whole: till then it has a name of its own in the same
 * directory, which nobody else has. */
typedef struct {
    FILE *file;
    char *beside; /* where it is written */
} tp__replacement;

/* False after a failure, with nothing left behind. */
bool tp__replace_begin(tp_tape *T, const char *who, const char *path, tp__replacement *r);
/* Puts it in its place, on the disk; where `whole` is false, or on a failure, the old file stays as it was. An error that
 * has no message yet gets errno's. */
tp_status tp__replace_end(tp_tape *T, const char *who, const char *path, tp__replacement *r, bool whole);

#endif
