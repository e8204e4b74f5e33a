/* mapped.c - tensors whose elements stay in a file. Each has a mapping of its own, of the pages that it reaches. */
#define _DEFAULT_SOURCE
#include "io/mapped.h"
#include "io/element.h"
#include "io/file.h"
#include "io/zip.h"
#include "tapir/share.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

/* ---- the mapping --------------------------------------------------------------------------------------------------- */

typedef struct {
    void *pages;
    size_t bytes;
} mapping;

static void unmap(void *user)
{
    mapping *m = user;
    if (m->bytes > 0)
        munmap(m->pages, m->bytes);
    tp__free(m);
}

static tp_tensor *refuse(tp_tape *T, const tp__in_file *a, tp_status status, const char *wrong, const char *needed)
{
    tp_fail(T, status, "%s: %s%s%s: %s; %s", a->who, a->path, *a->name ? ": " : "", a->name, wrong, needed);
    return NULL;
}

/* What has to be converted is not mapped. */
static const char *not_as_it_lies(const tp__in_file *a)
{
    size_t size = tp__stored_size(a->stored);
    return a->stored >= TP_DTYPES ? "its dtype is converted when it is read"
           : a->stored == TP_BOOL ? "it is of booleans, which are looked at when they are read"
           : a->swap && size > 1  ? "its bytes are in the other order"
           : a->at % size != 0    ? "its elements do not lie at a multiple of their size"
                                  : NULL;
}

/* Its storage begins at the first element, and has `bytes`. NULL: T has failed. */
static tp__storage *map_pages(tp_tape *T, int fd, const tp__in_file *a, size_t bytes)
{
    uint64_t before = a->at % (uint64_t)sysconf(_SC_PAGESIZE);
    mapping *m = tp__calloc(1, sizeof *m);
    if (m == NULL) {
        refuse(T, a, TP_ENOMEM, "no memory", "some is needed");
        return NULL;
    }
    if (bytes > 0) {
        m->pages = mmap(NULL, bytes + before, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, fd,
                        (off_t)(a->at - before));
        if (m->pages == MAP_FAILED) {
            int error = errno;
            tp__free(m);
            refuse(T, a, error == ENOMEM ? TP_ENOMEM : TP_EIO, tp__error_text(error), "it could not be mapped");
            return NULL;
        }
        m->bytes = bytes + before;
    }
    tp__storage *s = tp__storage_lent(bytes > 0 ? (char *)m->pages + before : NULL, bytes, unmap, m);
    if (s == NULL)
        refuse(T, a, TP_ENOMEM, "no memory", "some is needed");
    return s;
}

tp_tensor *tp__map_file(tp_tape *T, int fd, const tp__in_file *a)
{
    const char *wrong = not_as_it_lies(a);
    int64_t stride[TP_MAX_DIMS], step = 1, numel;
    size_t bytes;
    if (wrong)
        return refuse(T, a, TP_EUNSUPPORTED, wrong, a->instead);
    if (!tp__dims_numel(a->shape, &numel) || !tp__mul_size((size_t)numel, tp__stored_size(a->stored), &bytes))
        return refuse(T, a, TP_ENOMEM, "it has more elements than can be addressed", "fewer are needed");
    for (int k = 0; k < a->shape.ndim; k++) {
        int d = a->fortran ? k : a->shape.ndim - 1 - k;
        stride[d] = step;
        step *= a->shape.dim[d] > 1 ? a->shape.dim[d] : 1;
    }
    tp__storage *s = map_pages(T, fd, a, bytes);
    tp_tensor *x = s ? tp__tensor_on(T, (tp_dtype)a->stored, a->shape, stride, s, s->data) : NULL;
    tp__storage_unref(s);
    return x;
}

/* ---- files --------------------------------------------------------------------------------------------------------- */

tp_tensor *tp_from_file_raw(tp_tape *T, const char *path, tp_dtype dtype, tp_dims shape, int64_t offset)
{
    static const char who[] = "from_file_raw";
    TP__NAMED(T, who);
    int64_t numel;
    size_t bytes, size = tp_dtype_size(dtype), needed;
    if (tp__ok(T) && path == NULL)
        tp__missing(T, who, "the path");
    if (!tp__ok(T))
        return NULL;
    if (size == 0 || offset < 0 || !tp__dims_numel(shape, &numel) || !tp__mul_size((size_t)numel, size, &needed)) {
        tp_fail(T, TP_EINVAL,
                "%s: dtype %d, %s, offset %lld; a dtype, sizes of 0 or more and an offset of 0 or more are needed", who,
                (int)dtype, TP__DIMS(shape), (long long)offset);
        return NULL;
    }
    int fd = tp__file_open(T, who, path, &bytes);
    if (fd < 0)
        return NULL;
    tp_tensor *x = NULL;
    if ((uint64_t)offset > bytes || needed > bytes - (uint64_t)offset)
        tp_fail(T, TP_EIO, "%s: %s: it has %zu bytes; %s of %s from byte %lld on is needed", who, path, bytes,
                TP__DIMS(shape), tp_dtype_name(dtype), (long long)offset);
    else
        x = tp__map_file(T, fd,
                         &(tp__in_file){.who = who,
                                        .path = path,
                                        .name = "",
                                        .instead = "tp_from takes a copy",
                                        .stored = (int)dtype,
                                        .shape = shape,
                                        .at = (uint64_t)offset});
    close(fd);
    return x;
}

tp_tensor *tp_from_file(tp_tape *T, const char *path, const char *name)
{
    static const char who[] = "from_file";
    TP__NAMED(T, who);
    size_t bytes;
    char begin[6] = {0};
    if (tp__ok(T) && path == NULL)
        tp__missing(T, who, "the path");
    int fd = tp__ok(T) ? tp__file_open(T, who, path, &bytes) : -1;
    if (fd < 0)
        return NULL;
    if (bytes >= sizeof begin && !tp__read_at(fd, 0, begin, sizeof begin))
        memset(begin, 0, sizeof begin);
    bool archive = memcmp(begin, "PK", 2) == 0, npy = memcmp(begin, "\x93NUMPY", 6) == 0;
    tp_tensor *x = NULL;
    if (name && npy) {
        tp_fail(T, TP_EINVAL,
                "%s: %s: it is an .npy file, whose array has no name, and the name is \"%s\"; NULL is needed", who,
                path, name);
    } else if (name == NULL && archive) {
        tp_fail(T, TP_EINVAL, "%s: %s: it is an archive of arrays, and the name is NULL; that of one is needed", who,
                path);
    } else if (name == NULL) {
        x = tp__npy_map(T, who, path, fd, bytes);
    } else if (archive) {
        tp_npz *f = tp_npz_open(T, path);
        x = f ? tp_npz_map(T, f, name) : NULL;
        tp_npz_close(f);
    } else {
        tp_safetensors *f = tp_safetensors_open(T, path);
        x = f ? tp_safetensors_map(T, f, name) : NULL;
        tp_safetensors_close(f);
    }
    close(fd);
    return x;
}
