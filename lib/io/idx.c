/* idx.c - IDX files, the format of MNIST: 0 0 type rank, the sizes as big-endian words, the elements. */
#include "tape/internal.h"
#include "tapir/io.h"

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

/* ---- the stream: plain, or gzipped where zlib is there ---------------------------------------------------- */

#ifdef HAVE_ZLIB
#include <zlib.h>
typedef gzFile stream;
static stream open_stream(const char *path) { return gzopen(path, "rb"); }
static void   close_stream(stream s) { gzclose(s); }
static bool   unreadable(const unsigned char *head) { (void)head; return false; }

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
#else
typedef FILE *stream;
static stream open_stream(const char *path) { return fopen(path, "rb"); }
static void   close_stream(stream s) { fclose(s); }
static bool   unreadable(const unsigned char *head) { return head[0] == 0x1f && head[1] == 0x8b; }
static bool   read_all(stream s, void *to, size_t n) { return fread(to, 1, n, s) == n; }
#endif

/* ---- the file --------------------------------------------------------------------------------------------------- */

static int64_t word(const unsigned char *b)
{
    return (int64_t)((uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3]);
}

static tp_tensor *read_tensor(tp_tape *T, stream s, const char *path)
{
    unsigned char head[4], size[4], beyond;
    tp_dims shape = {0};
    const char *wrong = NULL;
    if (!read_all(s, head, sizeof head))
        wrong = "it is shorter than its head";
    else if (unreadable(head))
        wrong = "it is gzipped, and zlib is not built in";
    else if (head[0] != 0 || head[1] != 0)
        wrong = "it does not start as an IDX file does";
    else if (head[2] != 8)
        wrong = "its elements are not unsigned bytes";
    else if (head[3] > TP_MAX_DIMS)
        wrong = "it has too many dimensions";
    for (shape.ndim = 0; wrong == NULL && shape.ndim < head[3]; shape.ndim++) {
        if (!read_all(s, size, sizeof size))
            wrong = "it is shorter than its head";
        shape.dim[shape.ndim] = word(size);
    }
    tp_tensor *x = wrong ? NULL : tp__tensor_make(T, TP_U8, shape);
    if (x && (!read_all(s, x->data, (size_t)x->numel) || read_all(s, &beyond, 1))) {
        wrong = "its length does not fit its head";
        x = NULL;
    }
    if (wrong)
        tp_fail(T, TP_EIO, "read_idx: %s: %s", path, wrong);
    return x;
}

tp_tensor *tp_read_idx(tp_tape *T, const char *path)
{
    if (!tp__ok(T) || path == NULL)
        return NULL;
    errno = 0;
    stream s = open_stream(path);
    if (s == NULL) {
        tp_fail(T, errno ? TP_EIO : TP_ENOMEM, "read_idx: %s: %s", path, errno ? strerror(errno) : "no memory");
        return NULL;
    }
    tp_tensor *x = read_tensor(T, s, path);
    close_stream(s);
    return x;
}
