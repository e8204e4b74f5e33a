/* file.c - files that are read and replaced. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "io/file.h"
#include "tape/state_dict.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static tp_status fail(tp_tape *T, const char *who, const char *path, int error)
{
    return tp_fail(T, error == ENOMEM ? TP_ENOMEM : TP_EIO, "%s: %s: %s", who, path,
                   error == ENOMEM ? "no memory"
                   : error         ? tp__error_text(error)
                                   : "it could not be written");
}

/* ---- reading -------------------------------------------------------------------------------------------------- */

int tp__file_open(tp_tape *T, const char *who, const char *path, size_t *bytes)
{
    struct stat about;
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &about) != 0) {
        fail(T, who, path, errno);
    } else if (S_ISDIR(about.st_mode)) {
        fail(T, who, path, EISDIR);
    } else if (!S_ISREG(about.st_mode)) {
        tp_fail(T, TP_EIO, "%s: %s: it is not a regular file", who, path);
    } else {
        *bytes = (size_t)about.st_size;
        return fd;
    }
    if (fd >= 0)
        close(fd);
    return -1;
}

char *tp__file_read(tp_tape *T, const char *who, const char *path, size_t *bytes)
{
    int fd = tp__file_open(T, who, path, bytes);
    if (fd < 0)
        return NULL;
    char *text = tp__malloc(*bytes + 1);
    FILE *file = text ? fdopen(fd, "rb") : NULL;
    if (file == NULL) {
        fail(T, who, path, ENOMEM);
        close(fd);
    } else if (fread(text, 1, *bytes, file) == *bytes) {
        text[*bytes] = 0;
        fclose(file);
        return text;
    } else {
        tp_fail(T, TP_EIO, "%s: %s: it could not be read", who, path);
        fclose(file);
    }
    tp__free(text);
    return NULL;
}

bool tp__append(int fd, int64_t *end, const void *data, size_t n)
{
    for (size_t done = 0; done < n;) {
        ssize_t k = write(fd, (const char *)data + done, n - done);
        if (k < 0 && errno == EINTR)
            continue;
        if (k <= 0) {
            int error = k < 0 ? errno : EIO;
            errno = done > 0 && ftruncate(fd, *end) != 0 ? errno : error;
            return false;
        }
        done += (size_t)k;
    }
    *end += (int64_t)n;
    return true;
}

bool tp__ends_with(const char *path, const char *end)
{
    size_t n = strlen(path), k = strlen(end);
    return n >= k && strcmp(path + n - k, end) == 0;
}

/* ---- what is to be written --------------------------------------------------------------------------------------- */

/* Unicode's table 3-7: how many bytes follow the first, and what the second is at least, which leaves out surrogates and
 * longer forms than are needed. */
static bool is_utf8(const char *text)
{
    for (const unsigned char *c = (const unsigned char *)text; *c;) {
        unsigned first = *c++, low = 0x80, high = 0xbf,
                 more = first < 0x80   ? 0
                        : first < 0xe0 ? 1
                        : first < 0xf0 ? 2
                                       : 3;
        if (first >= 0x80 && (first < 0xc2 || first > 0xf4))
            return false;
        low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : low;
        high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : high;
        for (; more > 0; more--, low = 0x80, high = 0xbf, c++)
            if (*c < low || *c > high)
                return false;
    }
    return true;
}

tp_status tp__file_check_names(tp_tape *T, const char *who, const char *path, int n, const char *const *names)
{
    enum { LONGEST = 60000 };
    for (int i = 0; i < n; i++) {
        if (names[i] == NULL)
            return tp_fail(T, TP_EINVAL, "%s: name %d is NULL", who, i);
        if (strlen(names[i]) > LONGEST || !is_utf8(names[i]))
            return tp_fail(T, TP_EINVAL, "%s: name %d is no text in UTF-8 of at most %d bytes; one is needed", who, i,
                           LONGEST);
    }
    tp__given *given = n > 1 ? tp__malloc((size_t)n * sizeof *given) : NULL;
    if (n > 1 && given == NULL)
        return tp_fail(T, TP_ENOMEM, "%s: %s: no memory for %d names", who, path, n);
    tp_status status = n > 1 ? tp__given_sort(T, who, n, names, given) : TP_OK;
    tp__free(given);
    return status;
}

tp_status tp__file_check(tp_tape *T, const char *who, const char *path, int n, const char *const *names,
                         tp_tensor *const *tensors)
{
    if (n < 0 || (n > 0 && (names == NULL || tensors == NULL)))
        return tp_fail(T, TP_EINVAL, "%s: %s: %d tensors; 0 or more, and lists of them that are not NULL, are needed",
                       who, path, n);
    for (int i = 0; i < n; i++) {
        if (tensors[i] == NULL || names[i] == NULL)
            return tp_fail(T, TP_EINVAL, "%s: tensor %d or its name is NULL", who, i);
        if (!tp__usable(T, who, tensors[i]))
            return T->status;
    }
    return tp__file_check_names(T, who, path, n, names);
}

/* ---- writing -------------------------------------------------------------------------------------------------- */

/* The length of the path up to its last name, with the slash. */
static size_t directory_length(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? (size_t)(slash - path) + 1 : 0;
}

/* A new file in the directory of `path`, under a name that was free: O_EXCL takes no file and no link that is there
 * already. -1 with errno. */
static int create_beside(const char *path, mode_t mode, char *name, size_t room)
{
    static atomic_uint calls;
    int directory = (int)directory_length(path), fd = -1;
    for (int attempt = 0; attempt < 1000; attempt++) {
        struct timespec t;
        clock_gettime(CLOCK_REALTIME, &t);
        tp__snprintf(name, room, "%.*s.tapir-%lx-%x-%lx", directory, path, (unsigned long)getpid(),
                     atomic_fetch_add(&calls, 1), (unsigned long)t.tv_nsec);
        fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
        if (fd >= 0 || errno != EEXIST)
            break;
    }
    return fd;
}

bool tp__replace_begin(tp_tape *T, const char *who, const char *path, tp__replacement *r)
{
    struct stat old;
    bool there = stat(path, &old) == 0;
    size_t room = directory_length(path) + 80;
    mode_t mode = there ? old.st_mode & 0777 : 0666; /* less the umask, which open takes off */
    *r = (tp__replacement){NULL, NULL};
    if (there && !S_ISREG(old.st_mode)) { /* a device would be replaced, not written to */
        tp_fail(T, TP_EIO, "%s: %s: it is there and is not a regular file", who, path);
        return false;
    }
    if ((r->beside = tp__malloc(room)) == NULL) {
        fail(T, who, path, ENOMEM);
        return false;
    }
    errno = 0;
    int fd = create_beside(path, mode, r->beside, room);
    if (fd >= 0 && (!there || fchmod(fd, mode) == 0) && (r->file = fdopen(fd, "wb")) != NULL)
        return true;
    fail(T, who, path, errno);
    if (fd >= 0) {
        close(fd);
        unlink(r->beside);
    }
    tp__free(r->beside);
    return false;
}

/* The new name is on the disk, too; where the system cannot say so, the file is there all the same. The temporary name,
 * which is free now, becomes that of the directory it was in. */
static void sync_directory(char *beside)
{
    memcpy(beside + directory_length(beside), ".", 2);
    int fd = open(beside, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
}

tp_status tp__replace_end(tp_tape *T, const char *who, const char *path, tp__replacement *r, bool whole)
{
    bool good = whole && fflush(r->file) == 0 && fsync(fileno(r->file)) == 0;
    int error = errno;
    if (fclose(r->file) != 0 && good) {
        good = false;
        error = errno;
    }
    if (good && rename(r->beside, path) != 0) {
        good = false;
        error = errno;
    }
    if (good) {
        sync_directory(r->beside);
    } else {
        fail(T, who, path, error);
        unlink(r->beside);
    }
    tp__free(r->beside);
    return good ? TP_OK : T->status;
}
