/* idx.c - IDX files, the format of MNIST: 0 0 type rank, the sizes as big-endian words, the elements. */
#define _POSIX_C_SOURCE 200809L
#include "io/file.h"
#include "tapir/io.h"

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <limits.h>
#include <unistd.h>

/* ---- the stream: plain, or gzipped where zlib is there ---------------------------------------------------- */

#ifdef HAVE_ZLIB
#include <zlib.h>
typedef gzFile stream;
static stream open_stream(int fd) { return gzdopen(fd, "rb"); }
static void close_stream(stream s) { gzclose(s); }
static bool unreadable(const unsigned char *head)
{
    (void)head;
    return false;
}
/* Elements a byte of the file can stand for; deflate's limit is in https://zlib.net/zlib_tech.html. */
static int64_t expansion(stream s) { return gzdirect(s) ? 1 : 1032; }

static bool read_all(stream s, void *to, size_t n)
{
    for (char *at = to; n > 0;) {
        unsigned part = n < (1u << 30) ? (unsigned)n : 1u << 30;
        int got = gzread(s, at, part);
        if (got <= 0)
            return false;
        at += got;
        n -= (size_t)got;
    }
    return true;
}

/* Nothing follows, and gzip's sum over the data is right. (zlib does not miss a sum that is cut off as a whole; the
 * length was checked by then.) */
static bool at_end(stream s)
{
    char beyond;
    int error = Z_OK;
    return gzread(s, &beyond, 1) == 0 && (gzerror(s, &error), error == Z_OK || error == Z_STREAM_END);
}
#else
typedef FILE *stream;
static stream open_stream(int fd) { return fdopen(fd, "rb"); }
static void close_stream(stream s) { fclose(s); }
static bool unreadable(const unsigned char *head) { return head[0] == 0x1f && head[1] == 0x8b; }
static int64_t expansion(stream s)
{
    (void)s;
    return 1;
}
static bool read_all(stream s, void *to, size_t n) { return fread(to, 1, n, s) == n; }
static bool at_end(stream s) { return getc(s) == EOF && !ferror(s); }
#endif

/* ---- the file --------------------------------------------------------------------------------------------------- */

static int64_t word(const unsigned char *b)
{
    return (int64_t)((uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3]);
}

/* Whether a file of this length can hold that many elements. */
static bool may_hold(stream s, size_t bytes, tp_dims shape)
{
    int64_t numel;
    return tp__dims_numel(shape, &numel) && (uint64_t)(numel / expansion(s)) <= bytes;
}

/* The shape; what is wrong with the head, or NULL. */
static const char *read_head(stream s, size_t bytes, tp_dims *shape, tp_status *status)
{
    unsigned char head[4], size[4];
    *status = TP_EIO;
    *shape = (tp_dims){0};
    if (!read_all(s, head, sizeof head))
        return "it is shorter than its head, or not readable";
    if (unreadable(head)) {
        *status = TP_EUNSUPPORTED;
        return "it is gzipped, and zlib is not built in";
    }
    if (head[0] != 0 || head[1] != 0)
        return "it does not start as an IDX file does";
    if (head[2] != 8)
        return "its elements are not unsigned bytes";
    if (head[3] > TP_MAX_DIMS)
        return "it has too many dimensions";
    for (shape->ndim = 0; shape->ndim < head[3]; shape->ndim++) {
        if (!read_all(s, size, sizeof size))
            return "it is shorter than its head";
        shape->dim[shape->ndim] = word(size);
    }
    return may_hold(s, bytes, *shape) ? NULL : "its length does not fit its head";
}

static tp_tensor *read_tensor(tp_tape *T, stream s, size_t bytes, const char *path)
{
    tp_dims shape;
    tp_status status;
    const char *wrong = read_head(s, bytes, &shape, &status);
    tp_tensor *x = wrong ? NULL : tp__tensor_make(T, TP_U8, shape);
    if (x && (!read_all(s, x->data, (size_t)x->numel) || !at_end(s)))
        wrong = "its length does not fit its head, or it is damaged";
    if (wrong)
        tp_fail(T, status, "read_idx: %s: %s", path, wrong);
    return wrong ? NULL : x;
}

tp_tensor *tp_read_idx(tp_tape *T, const char *path)
{
    size_t bytes;
    if (tp__ok(T) && path == NULL)
        tp__missing(T, "read_idx", "the path");
    int fd = tp__ok(T) ? tp__file_open(T, "read_idx", path, &bytes) : -1;
    if (fd < 0)
        return NULL;
    stream s = open_stream(fd);
    if (s == NULL) {
        close(fd);
        tp_fail(T, TP_ENOMEM, "read_idx: %s: no memory", path);
        return NULL;
    }
    tp_tensor *x = read_tensor(T, s, bytes, path);
    close_stream(s);
    return x;
}
