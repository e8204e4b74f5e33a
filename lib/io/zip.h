/* zip.h - archives: PKWARE's APPNOTE.TXT 6.3, with entries that are stored or deflated, and its 64-bit sizes. */
#ifndef TAPIR_IO_ZIP_H
#define TAPIR_IO_ZIP_H

#include "tape/tape.h"

#include <stdio.h>

/* ---- reading: nothing in the directory is believed before it fits the file -------------------------------------- */

typedef struct {
    const char *name;
    uint64_t local, packed, size; /* where its local header is; bytes in the file, and unpacked */
    uint32_t crc;
    uint16_t method, flags;
} tp__zip_entry;

/* The file stays open, to be read from. `directory` holds the names' text. */
typedef struct {
    int fd, n;
    uint64_t bytes; /* of the file */
    const char *who, *path;
    tp__zip_entry *list;           /* in the order of the directory */
    const tp__zip_entry **by_name; /* each is there once */
    char *directory;
} tp__zip;

/* Takes fd over, and `bytes`, its length; who and path are kept as they are. False after a failure, which T tells, with
 * everything closed. */
bool tp__zip_open(tp_tape *T, const char *who, const char *path, int fd, size_t bytes, tp__zip *z);
void tp__zip_close(tp__zip *z);
const tp__zip_entry *tp__zip_find(const tp__zip *z, const char *name); /* NULL: there is none */

/* Bytes that come one after the other: an entry's, unpacked, or those of a plain file. */
typedef struct {
    int fd;
    uint64_t at, packed; /* the next byte in the file, and how many there are */
    uint64_t left;       /* to come out */
    uint32_t crc, want;
    bool summed;
    struct tp__inflating *inflating; /* NULL: as they are */
} tp__stream;

tp__stream tp__stream_of_file(int fd, uint64_t begin, uint64_t end);
/* False after a failure, which T tells. */
bool tp__zip_stream(tp_tape *T, const tp__zip *z, const tp__zip_entry *e, tp__stream *s);
/* The next n bytes; false: there are not as many, or they are damaged. */
bool tp__stream_read(tp__stream *s, void *to, size_t n);
/* Nothing is left, and the sum is right. */
bool tp__stream_good(const tp__stream *s);
void tp__stream_close(tp__stream *s);

/* n bytes from there on; false where the file ends before. */
bool tp__read_at(int fd, uint64_t at, void *to, size_t n);

/* ---- writing: to a file that can be sought in ------------------------------------------------------------------------ */

typedef struct {
    FILE *file;
    uint64_t at;
    struct tp__zip_record *list;
    size_t n, room;
    bool failed; /* errno says why */
    struct tp__deflating *deflating;
    uint64_t packed; /* of the entry that is being written */
    uint32_t crc;
} tp__zip_writer;

/* An entry of `size` bytes, its data at a multiple of `align`; then its data, in any pieces; then its end. After a failure
 * they do nothing. Deflated ones need zlib. */
void tp__zip_entry_begin(tp__zip_writer *w, const char *name, uint64_t size, bool deflated, uint64_t align);
void tp__zip_entry_write(tp__zip_writer *w, const void *data, size_t n);
void tp__zip_entry_end(tp__zip_writer *w);
/* The directory; true where all went well. Always to be called. */
bool tp__zip_write_end(tp__zip_writer *w);

uint32_t tp__crc32(uint32_t crc, const void *data, size_t n); /* of what `crc` is of, and these; at first 0 */

#endif
